//! What the service says, frame by frame. Written out here and not by way of the proxy's types, so that a
//! slip in those does not cancel out in the tests that join the two.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use core::time::Duration;
use serde_json::{Map, Value, json};

/// A function that the model wants called.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Opaque.
    pub id: String,
    /// The function.
    pub name: String,
    /// Its arguments.
    pub args: Map<String, Value>,
}

/// Tokens of one turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Text in the context.
    pub text: u64,
    /// Audio in the context.
    pub audio: u64,
    /// Audio of the answer.
    pub response: u64,
}

/// The answer to a setup.
pub fn setup_complete() -> Value {
    json!({"setupComplete": {}})
}

/// Audio, words, or both in one frame.
pub fn speech(audio: &[u8], text: &str) -> Value {
    speech_in_parts(&[audio], text)
}

/// The same with the audio in any number of parts.
pub fn speech_in_parts(parts: &[&[u8]], text: &str) -> Value {
    let mut content = Map::new();
    let parts: Vec<&[u8]> = parts.iter().copied().filter(|audio| !audio.is_empty()).collect();
    if !parts.is_empty() {
        content.insert("modelTurn".into(), model_turn(&parts));
    }
    if !text.is_empty() {
        content.insert("outputTranscription".into(), json!({"text": text}));
    }
    json!({"serverContent": content})
}

/// A piece of what was heard.
pub fn heard(text: &str) -> Value {
    json!({"serverContent": {"inputTranscription": {"text": text}}})
}

/// Everything is generated.
pub fn generation_complete() -> Value {
    json!({"serverContent": {"generationComplete": true}})
}

/// The user barged in; `stale` is audio of the cut turn in the same frame.
pub fn interrupted(stale: &[u8]) -> Value {
    if stale.is_empty() {
        return json!({"serverContent": {"interrupted": true}});
    }
    json!({"serverContent": {"interrupted": true, "modelTurn": model_turn(&[stale])}})
}

/// The turn is over.
pub fn turn_complete(usage: Usage, reason: Option<&str>, waiting: bool, status: Option<&str>) -> Value {
    let mut content = Map::from_iter([("turnComplete".to_owned(), Value::Bool(true))]);
    if let Some(reason) = reason {
        content.insert("turnCompleteReason".into(), reason.into());
    }
    if waiting {
        content.insert("waitingForInput".into(), Value::Bool(true));
    }
    if let Some(status) = status {
        content.insert("interactionStatus".into(), status.into());
    }
    json!({"serverContent": content, "usageMetadata": usage_metadata(usage)})
}

/// Functions to call, all in one frame.
pub fn tool_call(calls: &[Call], status: Option<&str>) -> Value {
    let calls: Vec<Value> =
        calls.iter().map(|call| json!({"id": call.id, "name": call.name, "args": call.args})).collect();
    let mut frame = json!({"toolCall": {"functionCalls": calls}});
    if let Some(status) = status {
        frame["interactionStatus"] = status.into();
    }
    frame
}

/// Calls that are taken back.
pub fn tool_call_cancellation(ids: &[String]) -> Value {
    json!({"toolCallCancellation": {"ids": ids}})
}

/// A handle, or that there is none at the moment.
pub fn resumption(handle: Option<&str>) -> Value {
    match handle {
        Some(handle) => json!({"sessionResumptionUpdate": {"newHandle": handle, "resumable": true}}),
        None => json!({"sessionResumptionUpdate": {}}),
    }
}

/// The connection ends soon.
pub fn go_away(left: Duration) -> Value {
    json!({"goAway": {"timeLeft": seconds(left)}})
}

/// Somebody began (`START`) to speak, at this place of the stream.
pub fn activity_start(offset: Duration) -> Value {
    json!({"voiceActivity": {"type": "ACTIVITY_START", "audioOffset": seconds(offset)}})
}

/// Somebody stopped; with the empty `serverContent` that was seen beside it.
pub fn activity_end(offset: Duration) -> Value {
    json!({"voiceActivity": {"type": "ACTIVITY_END", "audioOffset": seconds(offset)}, "serverContent": {}})
}

/// An error in a frame of its own.
pub fn error(code: u16, message: &str) -> Value {
    json!({"error": {"code": code, "message": message, "status": "INTERNAL"}})
}

/// A frame that says nothing, as the service sends many.
pub fn nothing() -> Value {
    json!({})
}

fn model_turn(parts: &[&[u8]]) -> Value {
    let part = |audio: &&[u8]| json!({"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": STANDARD.encode(audio)}});
    json!({"role": "model", "parts": parts.iter().map(part).collect::<Vec<_>>()})
}

fn usage_metadata(usage: Usage) -> Value {
    let prompt = usage.text + usage.audio;
    let mut details = Vec::new();
    for (modality, count) in [("TEXT", usage.text), ("AUDIO", usage.audio)] {
        if count > 0 {
            details.push(json!({"modality": modality, "tokenCount": count}));
        }
    }
    let mut metadata = json!({"promptTokenCount": prompt, "totalTokenCount": prompt + usage.response});
    if prompt > 0 {
        metadata["promptTokensDetails"] = details.into();
    }
    if usage.response > 0 {
        metadata["responseTokenCount"] = usage.response.into();
        metadata["responseTokensDetails"] = json!([{"modality": "AUDIO", "tokenCount": usage.response}]);
    }
    metadata
}

/// A proto3 Duration: `60s`, `0.320s`.
fn seconds(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis.is_multiple_of(1000) {
        return format!("{}s", millis / 1000);
    }
    format!("{}.{:03}s", millis / 1000, millis % 1000)
}

#[cfg(test)]
mod tests {
    use super::{Usage, activity_start, go_away, speech, turn_complete};
    use core::time::Duration;
    use serde_json::json;

    #[test]
    fn writes_durations_as_the_service_does() {
        for (ms, expected) in [(60_000, "60s"), (320, "0.320s"), (2_005, "2.005s"), (0, "0s")] {
            let frame = go_away(Duration::from_millis(ms));
            assert_eq!(frame, json!({"goAway": {"timeLeft": expected}}));
        }
        let start = activity_start(Duration::from_micros(320_900));
        assert_eq!(start["voiceActivity"]["audioOffset"], "0.320s");
    }

    #[test]
    fn bundles_what_there_is() {
        let audio = json!({"role": "model", "parts":
            [{"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": "AQI="}}]});
        let both = json!({"modelTurn": audio, "outputTranscription": {"text": "a"}});
        assert_eq!(speech(&[1, 2], "a"), json!({"serverContent": both}));
        assert_eq!(speech(&[], "a"), json!({"serverContent": {"outputTranscription": {"text": "a"}}}));
    }

    #[test]
    fn counts_tokens_that_add_up() {
        let frame = turn_complete(Usage { text: 311, audio: 100, response: 58 }, None, false, None);
        let expected = json!({"serverContent": {"turnComplete": true}, "usageMetadata": {
            "promptTokenCount": 411, "responseTokenCount": 58, "totalTokenCount": 469,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 311}, {"modality": "AUDIO", "tokenCount": 100}],
            "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 58}]}});
        assert_eq!(frame, expected);
    }
}
