//! How the model generates.

use crate::grammar::{choice, word};
use crate::speech::SpeechConfig;
use serde_json::Value;

word! {
    /// How the model generates.
    pub struct GenerationConfig {
        /// In which form it answers; exactly one. Always to be sent: leaving it out has closed calls.
        response_modalities "responseModalities": Vec<Modality>,
        /// How freely it chooses words.
        temperature: Option<f64>,
        /// From which share of the likely words.
        top_p "topP": Option<f64>,
        /// From how many of the likely words.
        top_k "topK": Option<i32> as "crate::grammar::maybe",
        /// How long a turn may become.
        max_output_tokens "maxOutputTokens": Option<i32> as "crate::grammar::maybe",
        /// How many answers to choose from.
        candidate_count "candidateCount": Option<i32> as "crate::grammar::maybe",
        /// How much it avoids what it has said.
        presence_penalty "presencePenalty": Option<f64>,
        /// How much it avoids what it has said often.
        frequency_penalty "frequencyPenalty": Option<f64>,
        /// Makes its choices repeatable.
        seed: Option<i32> as "crate::grammar::maybe",
        /// How finely it looks at pictures.
        media_resolution "mediaResolution": Option<MediaResolution>,
        /// Its voice.
        speech_config "speechConfig": Option<SpeechConfig>,
        /// How much it thinks first.
        thinking_config "thinkingConfig": Option<ThinkingConfig>,
        /// Whether its tone follows the user's; 2.5 native audio only.
        enable_affective_dialog "enableAffectiveDialog": Option<bool>,
        /// Makes a translator of it; live-translate models only.
        translation_config "translationConfig": Option<TranslationConfig>,
        /// Known to the service, and unsupported in live sessions.
        response_mime_type "responseMimeType": Option<String>,
        /// Known to the service, and unsupported in live sessions.
        response_schema "responseSchema": Option<Value>,
        /// Known to the service, and unsupported in live sessions.
        response_json_schema "responseJsonSchema": Option<Value>,
        /// Known to the service, and unsupported in live sessions.
        response_logprobs "responseLogprobs": Option<bool>,
        /// Known to the service, and unsupported in live sessions.
        logprobs: Option<i32> as "crate::grammar::maybe",
        /// Known to the service, and unsupported in live sessions.
        stop_sequences "stopSequences": Vec<String>,
        /// Known to the service, and unsupported in live sessions.
        routing_config "routingConfig": Option<Value>,
        /// Known to the service, and unsupported in live sessions.
        audio_timestamp "audioTimestamp": Option<bool>,
    }
}

word! {
    /// How much the model thinks before it speaks.
    pub struct ThinkingConfig {
        /// Roughly.
        thinking_level "thinkingLevel": Option<ThinkingLevel>,
        /// In tokens: 0 not at all, -1 as it likes; 2.5 only.
        thinking_budget "thinkingBudget": Option<i32> as "crate::grammar::maybe",
        /// Whether thoughts are sent.
        include_thoughts "includeThoughts": Option<bool>,
    }
}

word! {
    /// What a translator translates into.
    pub struct TranslationConfig {
        /// The language's BCP-47 code.
        target_language_code "targetLanguageCode": String,
        /// Whether what is in that language already is said again.
        echo_target_language "echoTargetLanguage": Option<bool>,
    }
}

choice! {
    /// A form of what is said, and of what is counted.
    pub enum Modality {
        /// None given.
        Unspecified = "MODALITY_UNSPECIFIED",
        /// Text.
        Text = "TEXT",
        /// Sound.
        Audio = "AUDIO",
        /// Pictures, stills of a video among them.
        Image = "IMAGE",
        /// Moving pictures.
        Video = "VIDEO",
        /// Documents.
        Document = "DOCUMENT",
    }
}

choice! {
    /// How finely pictures are looked at.
    pub enum MediaResolution {
        /// As the model does by itself.
        Unspecified = "MEDIA_RESOLUTION_UNSPECIFIED",
        /// 64 tokens each.
        Low = "MEDIA_RESOLUTION_LOW",
        /// 256 tokens each.
        Medium = "MEDIA_RESOLUTION_MEDIUM",
        /// 256 tokens each, with a closer look.
        High = "MEDIA_RESOLUTION_HIGH",
    }
}

choice! {
    /// How much the model thinks.
    pub enum ThinkingLevel {
        /// As the model does by itself.
        Unspecified = "THINKING_LEVEL_UNSPECIFIED",
        /// Hardly.
        Minimal = "MINIMAL",
        /// A little.
        Low = "LOW",
        /// Some.
        Medium = "MEDIUM",
        /// Much.
        High = "HIGH",
    }
}
