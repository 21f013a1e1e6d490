//! From our settings to the service's setup.

use crate::config::{Compression, Gemini};
use vivavoce_gemini::{
    ActivityHandling, AudioTranscriptionConfig, AutomaticActivityDetection, Content,
    ContextWindowCompression, EndSensitivity, GenerationConfig, Modality, Part, RealtimeInputConfig,
    SessionResumptionConfig, Setup, SlidingWindow, SpeechConfig, StartSensitivity,
};

/// The first word to the service in every call.
pub(crate) fn setup(gemini: &Gemini) -> Setup {
    Setup {
        model: model(&gemini.model),
        generation_config: Some(GenerationConfig {
            response_modalities: vec![Modality::Audio],
            temperature: gemini.temperature,
            speech_config: Some(SpeechConfig::prebuilt(&gemini.voice)),
            ..GenerationConfig::default()
        }),
        system_instruction: system_instruction(&gemini.system_instruction),
        realtime_input_config: Some(RealtimeInputConfig {
            automatic_activity_detection: Some(detection(gemini)),
            activity_handling: Some(ActivityHandling::from(gemini.activity_handling.as_str())),
            turn_coverage: None,
        }),
        // Without it, even empty, no handle is ever issued.
        session_resumption: gemini.session_resumption.then(SessionResumptionConfig::default),
        context_window_compression: gemini.compression.map(compression),
        input_audio_transcription: gemini.input_transcription.then(AudioTranscriptionConfig::default),
        output_audio_transcription: gemini.output_transcription.then(AudioTranscriptionConfig::default),
        ..Setup::default()
    }
}

/// A model as the service names it.
pub(crate) fn model(id: &str) -> String {
    format!("models/{id}")
}

fn system_instruction(text: &str) -> Option<Content> {
    let is_there = !text.trim().is_empty();
    is_there.then(|| Content { parts: vec![Part::text(text.trim())], ..Content::default() })
}

fn detection(gemini: &Gemini) -> AutomaticActivityDetection {
    AutomaticActivityDetection {
        start_of_speech_sensitivity: gemini
            .start_of_speech_sensitivity
            .as_deref()
            .map(StartSensitivity::from),
        end_of_speech_sensitivity: gemini.end_of_speech_sensitivity.as_deref().map(EndSensitivity::from),
        prefix_padding_ms: gemini.prefix_padding_ms.map(milliseconds),
        silence_duration_ms: Some(milliseconds(gemini.silence_duration_ms)),
        ..AutomaticActivityDetection::default()
    }
}

fn compression(compression: Compression) -> ContextWindowCompression {
    ContextWindowCompression {
        trigger_tokens: Some(compression.trigger_tokens.into()),
        sliding_window: Some(SlidingWindow { target_tokens: Some(compression.target_tokens.into()) }),
    }
}

fn milliseconds(ms: u32) -> i32 {
    i32::try_from(ms).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn asks_by_default_for_what_the_handbook_says() {
        let mut expected = json!({
            "model": "models/gemini-3.8-live",
            "generationConfig": {
                "responseModalities": ["AUDIO"],
                "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
            },
            "realtimeInputConfig": {
                "automaticActivityDetection": {
                    "endOfSpeechSensitivity": "END_SENSITIVITY_HIGH",
                    "silenceDurationMs": 700,
                },
                "activityHandling": "START_OF_ACTIVITY_INTERRUPTS",
            },
            "sessionResumption": {},
            "contextWindowCompression": {"triggerTokens": "25600", "slidingWindow": {"targetTokens": "12800"}},
            "inputAudioTranscription": {},
            "outputAudioTranscription": {},
        });
        let gemini = Gemini::default();
        expected["systemInstruction"] = json!({"parts": [{"text": gemini.system_instruction}]});
        assert_eq!(serde_json::to_value(setup(&gemini)).unwrap(), expected);
    }

    #[test]
    fn leaves_out_what_is_switched_off() {
        let gemini = Gemini {
            system_instruction: String::new(),
            input_transcription: false,
            output_transcription: false,
            compression: None,
            session_resumption: false,
            ..Gemini::default()
        };
        let setup = serde_json::to_value(setup(&gemini)).unwrap();
        let keys: Vec<&String> = setup.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["generationConfig", "model", "realtimeInputConfig"]);
    }
}
