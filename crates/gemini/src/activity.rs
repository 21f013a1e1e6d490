//! Where the service heard speech begin and end.

use crate::grammar::{choice, word};
use core::time::Duration;

word! {
    /// Speech began or ended.
    pub struct VoiceActivity {
        /// Which of them.
        #[serde(rename = "type", alias = "voice_activity_type")]
        activity "voiceActivityType": Option<ActivityType>,
        /// When, from the beginning of the audio stream.
        audio_offset "audioOffset": Option<Duration> as "crate::grammar::maybe",
    }
}

word! {
    /// Speech began or ended, on Vertex where the setup asked for it.
    pub struct VoiceActivityDetectionSignal {
        /// Which of them.
        vad_signal_type "vadSignalType": Option<VadSignalType>,
    }
}

choice! {
    /// Beginning or end of speech.
    pub enum ActivityType {
        /// None given.
        Unspecified = "TYPE_UNSPECIFIED",
        /// Beginning.
        Start = "ACTIVITY_START",
        /// End.
        End = "ACTIVITY_END",
    }
}

choice! {
    /// Beginning or end of speech.
    pub enum VadSignalType {
        /// None given.
        Unspecified = "VAD_SIGNAL_TYPE_UNSPECIFIED",
        /// Beginning.
        StartOfSpeech = "VAD_SIGNAL_TYPE_SOS",
        /// End.
        EndOfSpeech = "VAD_SIGNAL_TYPE_EOS",
    }
}
