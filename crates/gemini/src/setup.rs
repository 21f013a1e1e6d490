//! The setup: what a session shall be like. Said once, first.

use crate::content::{Blob, Content};
use crate::generation::GenerationConfig;
use crate::grammar::{choice, word};
use crate::listening::RealtimeInputConfig;
use crate::tool::Tool;
use crate::transcription::AudioTranscriptionConfig;
use bytes::Bytes;

word! {
    /// What a session shall be like. Nothing in it can change while the connection is open; a
    /// resumed connection may change all but the model.
    pub struct Setup {
        /// The model, as `models/{id}`; Vertex wants the whole resource name.
        model: String,
        /// How it speaks.
        generation_config "generationConfig": Option<GenerationConfig>,
        /// What it is told beforehand: text only, each part a paragraph.
        system_instruction "systemInstruction": Option<Content>,
        /// What it may use.
        tools: Vec<Tool>,
        /// How it listens.
        realtime_input_config "realtimeInputConfig": Option<RealtimeInputConfig>,
        /// Presence, even as `{}`, asks for handles; with a handle it resumes a session.
        session_resumption "sessionResumption": Option<SessionResumptionConfig>,
        /// How it forgets.
        context_window_compression "contextWindowCompression": Option<ContextWindowCompression>,
        /// Presence asks for what the user said, as text.
        input_audio_transcription "inputAudioTranscription": Option<AudioTranscriptionConfig>,
        /// Presence asks for what the model says, as text.
        output_audio_transcription "outputAudioTranscription": Option<AudioTranscriptionConfig>,
        /// Whether it may choose not to answer.
        proactivity: Option<ProactivityConfig>,
        /// How it takes in what was said before.
        history_config "historyConfig": Option<HistoryConfig>,
        /// What it does not say.
        safety_settings "safetySettings": Vec<SafetySetting>,
        /// What it looks like.
        avatar_config "avatarConfig": Option<AvatarConfig>,
        /// Asks for `voiceActivityDetectionSignal`; Vertex only.
        explicit_vad_signal "explicitVadSignal": Option<bool>,
        /// Turns that are never forgotten. Documented; no client library sends them.
        prefix_turns "prefixTurns": Vec<Content>,
    }
}

word! {
    /// How a session outlives its connection.
    pub struct SessionResumptionConfig {
        /// The session to go on with.
        handle: Option<String>,
        /// Asks for the index of the last message taken in; Vertex only.
        transparent: Option<bool>,
    }
}

word! {
    /// How the oldest turns are forgotten.
    pub struct ContextWindowCompression {
        /// How many tokens begin it; absent: 80 % of the window.
        trigger_tokens "triggerTokens": Option<i64> as "crate::grammar::maybe",
        /// How it is done.
        sliding_window "slidingWindow": Option<SlidingWindow>,
    }
}

word! {
    /// Forgetting from the beginning, up to a turn of the user.
    pub struct SlidingWindow {
        /// How many tokens are kept; absent: half of what triggers.
        target_tokens "targetTokens": Option<i64> as "crate::grammar::maybe",
    }
}

word! {
    /// Whether the model may choose not to answer.
    pub struct ProactivityConfig {
        /// It may. An explicit `false` is an error for models that always may.
        proactive_audio "proactiveAudio": Option<bool>,
    }
}

word! {
    /// How what was said before is taken in.
    pub struct HistoryConfig {
        /// The first `clientContent`, up to a completed turn, is history and is not answered.
        initial_history_in_client_content "initialHistoryInClientContent": bool,
    }
}

word! {
    /// From where on the model does not say something.
    pub struct SafetySetting {
        /// Of which kind.
        category: Option<HarmCategory>,
        /// From which likelihood.
        threshold: Option<HarmBlockThreshold>,
        /// By which measure; Vertex only.
        method: Option<String>,
    }
}

word! {
    /// What the model looks like, where it sends video.
    pub struct AvatarConfig {
        /// A ready-made figure.
        avatar_name "avatarName": Option<String>,
        /// A figure of one's own.
        customized_avatar "customizedAvatar": Option<CustomizedAvatar>,
        /// Of the sound, in bits a second.
        audio_bitrate_bps "audioBitrateBps": Option<i32> as "crate::grammar::maybe",
        /// Of the picture, in bits a second.
        video_bitrate_bps "videoBitrateBps": Option<i32> as "crate::grammar::maybe",
    }
}

word! {
    /// A figure of one's own: an upright 9:16 picture of at least 704×1280.
    pub struct CustomizedAvatar {
        /// The picture's kind.
        image_mime_type "imageMimeType": String,
        /// The picture.
        image_data "imageData": Bytes as "crate::grammar::plain",
    }
}

choice! {
    /// Kinds of harm.
    pub enum HarmCategory {
        /// None given.
        Unspecified = "HARM_CATEGORY_UNSPECIFIED",
        /// Harassment.
        Harassment = "HARM_CATEGORY_HARASSMENT",
        /// Hate speech.
        HateSpeech = "HARM_CATEGORY_HATE_SPEECH",
        /// Sexually explicit.
        SexuallyExplicit = "HARM_CATEGORY_SEXUALLY_EXPLICIT",
        /// Dangerous.
        DangerousContent = "HARM_CATEGORY_DANGEROUS_CONTENT",
        /// About elections and the like.
        CivicIntegrity = "HARM_CATEGORY_CIVIC_INTEGRITY",
        /// Attempts to talk the model out of its rules.
        Jailbreak = "HARM_CATEGORY_JAILBREAK",
        /// Hateful pictures.
        ImageHate = "HARM_CATEGORY_IMAGE_HATE",
        /// Dangerous pictures.
        ImageDangerousContent = "HARM_CATEGORY_IMAGE_DANGEROUS_CONTENT",
        /// Harassing pictures.
        ImageHarassment = "HARM_CATEGORY_IMAGE_HARASSMENT",
        /// Sexually explicit pictures.
        ImageSexuallyExplicit = "HARM_CATEGORY_IMAGE_SEXUALLY_EXPLICIT",
    }
}

choice! {
    /// From which likelihood of harm something is held back.
    pub enum HarmBlockThreshold {
        /// As the model does by itself.
        Unspecified = "HARM_BLOCK_THRESHOLD_UNSPECIFIED",
        /// From a low one.
        LowAndAbove = "BLOCK_LOW_AND_ABOVE",
        /// From a medium one.
        MediumAndAbove = "BLOCK_MEDIUM_AND_ABOVE",
        /// From a high one.
        OnlyHigh = "BLOCK_ONLY_HIGH",
        /// Never; harm is measured all the same.
        None = "BLOCK_NONE",
        /// Never.
        Off = "OFF",
    }
}

impl CustomizedAvatar {
    /// The figure in `picture`.
    pub fn new(picture: Blob) -> Self {
        Self { image_mime_type: picture.mime_type, image_data: picture.data }
    }
}
