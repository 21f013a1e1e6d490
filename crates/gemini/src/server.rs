//! What the service says.

use crate::activity::{VoiceActivity, VoiceActivityDetectionSignal};
use crate::content::Part;
use crate::error::DecodeError;
use crate::grammar::word;
use crate::server_content::{InteractionStatus, ServerContent};
use crate::speech::VoiceConsentSignature;
use crate::tool::{ToolCall, ToolCallCancellation};
use crate::transcription::Transcription;
use crate::usage::UsageMetadata;
use core::time::Duration;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

word! {
    /// One frame of the service. Fields come together in any number, none included: look at each.
    pub struct ServerMessage {
        /// The setup was accepted; always first.
        setup_complete "setupComplete": Option<SetupComplete>,
        /// What the model says, and how its turn goes.
        server_content "serverContent": Option<ServerContent>,
        /// The model wants functions run.
        tool_call "toolCall": Option<ToolCall>,
        /// The service no longer wants answers to calls.
        tool_call_cancellation "toolCallCancellation": Option<ToolCallCancellation>,
        /// What was used.
        usage_metadata "usageMetadata": Option<UsageMetadata>,
        /// The connection will end.
        go_away "goAway": Option<GoAway>,
        /// Whether, and how, the session can be gone on with over another connection.
        session_resumption_update "sessionResumptionUpdate": Option<SessionResumptionUpdate>,
        /// Speech began or ended.
        voice_activity "voiceActivity": Option<VoiceActivity>,
        /// Speech began or ended, on Vertex.
        voice_activity_detection_signal "voiceActivityDetectionSignal": Option<VoiceActivityDetectionSignal>,
        /// Whether work goes on beyond the turn; see [`Self::status`].
        interaction_status "interactionStatus": Option<InteractionStatus>,
        /// Something went wrong; usually the socket closes with a reason instead.
        error: Option<Status>,
    }
}

word! {
    /// The setup was accepted.
    pub struct SetupComplete {
        /// Names the session; Vertex only.
        session_id "sessionId": Option<String>,
        /// After a setup with someone's voice: the service's word that it has heard its owner agree.
        voice_consent_signature "voiceConsentSignature": Option<VoiceConsentSignature>,
    }
}

word! {
    /// The connection will end.
    pub struct GoAway {
        /// In how long; absent: at once.
        time_left "timeLeft": Option<Duration> as "crate::grammar::maybe",
    }
}

word! {
    /// Whether, and how, the session can be gone on with over another connection. Empty: not now;
    /// an older handle stays good for what came before it.
    pub struct SessionResumptionUpdate {
        /// What to put into the next setup.
        new_handle "newHandle": Option<String>,
        /// Whether it can be gone on with now.
        resumable: bool,
        /// The client's last message that the handle covers; transparent resumption on Vertex only.
        last_consumed_client_message_index "lastConsumedClientMessageIndex": Option<i64> as "crate::grammar::maybe",
    }
}

word! {
    /// An error in the form of Google's interfaces.
    pub struct Status {
        /// A number of HTTP or of gRPC.
        code: Option<i32> as "crate::grammar::maybe",
        /// What went wrong.
        message: String,
        /// The code's name, such as `INVALID_ARGUMENT`.
        status: Option<String>,
        /// More about it.
        details: Vec<Value>,
    }
}

impl ServerMessage {
    /// Reads a frame, text or binary. A surprise in a field that no call hangs on is passed over.
    ///
    /// # Errors
    /// What was expected and what was found; nothing of what was said.
    pub fn decode(frame: &[u8]) -> Result<Self, DecodeError> {
        serde_json::from_slice(frame).or_else(|error| decode_less(frame).ok_or(DecodeError::from(error)))
    }

    /// Writes the frame.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("every word has a form in JSON")
    }

    /// Whether it says nothing, as `{}` does.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether work goes on beyond the turn, wherever it is said.
    pub fn status(&self) -> Option<&InteractionStatus> {
        let within = self.server_content.as_ref().and_then(|content| content.interaction_status.as_ref());
        within.or(self.interaction_status.as_ref())
    }
}

/// Reads a frame without those of its spare fields that hold surprises.
fn decode_less(frame: &[u8]) -> Option<ServerMessage> {
    let mut message: Value = serde_json::from_slice(frame).ok()?;
    within(&mut message, &["goAway", "go_away"], |go_away| {
        drop_surprises::<GoAway>(go_away, &["timeLeft", "time_left"]);
    });
    within(&mut message, &["voiceActivity", "voice_activity"], |activity| {
        drop_repeated_type(activity);
        drop_surprises::<VoiceActivity>(activity, &["audioOffset", "audio_offset"]);
    });
    within(&mut message, &["serverContent", "server_content"], content_less);
    drop_surprises::<ServerMessage>(&mut message, SPARE);
    serde_json::from_value(message).ok()
}

/// Drops what surprises in the content, but not the voice, the words or the end of a turn.
fn content_less(content: &mut Value) {
    within(content, &["modelTurn", "model_turn"], |turn| {
        let parts = turn.get_mut("parts").and_then(Value::as_array_mut);
        for part in parts.into_iter().flatten() {
            drop_surprises::<Part>(part, SPARE_PART);
        }
    });
    within(content, TRANSCRIPTS, |piece| drop_surprises::<Transcription>(piece, &["words"]));
    drop_surprises::<ServerContent>(content, SPARE_CONTENT);
}

/// Changes the value of a field that goes by one of `names`.
fn within(word: &mut Value, names: &[&str], mut change: impl FnMut(&mut Value)) {
    for name in names {
        if let Some(value) = word.get_mut(*name) {
            change(value);
        }
    }
}

/// The newer name of what speech did may stand beside the older one.
fn drop_repeated_type(activity: &mut Value) {
    if let Some(fields) = activity.as_object_mut()
        && fields.contains_key("type")
    {
        fields.retain(|name, _| name != "voiceActivityType" && name != "voice_activity_type");
    }
}

/// Drops those fields of a word of type `T` that are not read by themselves.
fn drop_surprises<T: DeserializeOwned>(word: &mut Value, spare: &[&str]) {
    let Some(fields) = word.as_object_mut() else { return };
    for name in spare {
        let Some(value) = fields.remove(*name) else { continue };
        if serde_json::from_value::<T>(json!({ *name: value.clone() })).is_ok() {
            fields.insert((*name).to_owned(), value);
        }
    }
}

/// What a call goes on without.
const SPARE: &[&str] = &[
    "usageMetadata",
    "usage_metadata",
    "voiceActivity",
    "voice_activity",
    "voiceActivityDetectionSignal",
    "voice_activity_detection_signal",
    "interactionStatus",
    "interaction_status",
    "error",
];

/// What an answer rests on, for those who show it, and what goes on behind it.
const SPARE_CONTENT: &[&str] = &[
    "groundingMetadata",
    "grounding_metadata",
    "urlContextMetadata",
    "url_context_metadata",
    "interactionStatus",
    "interaction_status",
];

/// Where words come.
const TRANSCRIPTS: &[&str] = &[
    "inputTranscription",
    "input_transcription",
    "interimInputTranscription",
    "interim_input_transcription",
    "outputTranscription",
    "output_transcription",
];

/// What is for the service itself, or for those who show more than a voice.
const SPARE_PART: &[&str] = &[
    "thoughtSignature",
    "thought_signature",
    "executableCode",
    "executable_code",
    "codeExecutionResult",
    "code_execution_result",
];

impl SessionResumptionUpdate {
    /// A handle to go on with now.
    pub fn resumable(handle: impl Into<String>) -> Self {
        Self { new_handle: Some(handle.into()), resumable: true, ..Self::default() }
    }

    /// The handle, if one can go on with it now.
    pub fn handle(&self) -> Option<&str> {
        self.new_handle.as_deref().filter(|handle| self.resumable && !handle.is_empty())
    }
}

impl From<ServerContent> for ServerMessage {
    fn from(content: ServerContent) -> Self {
        Self { server_content: Some(content), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::ActivityType;

    #[test]
    fn a_surprise_where_nothing_hangs_on_it_hides_nothing_else() {
        let frame = br#"{"usageMetadata":{"totalTokenCount":7},"serverContent":{"interrupted":true,
            "groundingMetadata":[{"webSearchQueries":1}],"url_context_metadata":"none"}}"#;
        let message = ServerMessage::decode(frame).unwrap();
        let content = message.server_content.unwrap();
        assert!(content.interrupted);
        assert_eq!((content.grounding_metadata, content.url_context_metadata), (None, None));
        assert_eq!(message.usage_metadata.unwrap().total_token_count, Some(7));
        let message = ServerMessage::decode(br#"{"usageMetadata":7,"setupComplete":{}}"#).unwrap();
        assert!(message.setup_complete.is_some());
        assert!(ServerMessage::decode(br#"{"usageMetadata":7,"serverContent":7}"#).is_err());
    }

    #[test]
    fn a_surprise_beside_the_voice_costs_neither_the_voice_nor_the_end() {
        let frame = br#"{"serverContent":{"interrupted":true,"interactionStatus":{"new":1},
            "modelTurn":{"parts":[{"thoughtSignature":"!","inlineData":{"mimeType":"audio/pcm;rate=24000","data":"AAA="}}]},
            "outputTranscription":{"text":"So","words":[{"startOffset":7}]}},
            "voiceActivity":{"type":"ACTIVITY_START","voiceActivityType":"ACTIVITY_START","audioOffset":7},
            "interactionStatus":[],"goAway":{"timeLeft":9},"error":"no object"}"#;
        let message = ServerMessage::decode(frame).unwrap();
        let content = message.server_content.unwrap();
        assert!(content.interrupted);
        assert_eq!(content.output_transcription.unwrap().text, "So");
        assert_eq!(content.model_turn.unwrap().audio().count(), 1);
        let activity = message.voice_activity.unwrap();
        assert_eq!((activity.activity, activity.audio_offset), (Some(ActivityType::Start), None));
        assert_eq!(message.go_away, Some(GoAway { time_left: None }));
        assert_eq!((message.interaction_status, message.error), (None, None));
    }
}
