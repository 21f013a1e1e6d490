//! How the service listens.

use crate::grammar::{choice, word};

word! {
    /// How the service finds turns in what it hears.
    pub struct RealtimeInputConfig {
        /// How it hears beginnings and ends.
        automatic_activity_detection "automaticActivityDetection": Option<AutomaticActivityDetection>,
        /// What a beginning does to a speaking model.
        activity_handling "activityHandling": Option<ActivityHandling>,
        /// What belongs to a turn.
        turn_coverage "turnCoverage": Option<TurnCoverage>,
    }
}

word! {
    /// How the service hears where speech begins and ends.
    pub struct AutomaticActivityDetection {
        /// Not at all: the client marks them.
        disabled: bool,
        /// How readily it hears a beginning.
        start_of_speech_sensitivity "startOfSpeechSensitivity": Option<StartSensitivity>,
        /// How readily it hears an end.
        end_of_speech_sensitivity "endOfSpeechSensitivity": Option<EndSensitivity>,
        /// Speech needed before a beginning counts, in milliseconds.
        prefix_padding_ms "prefixPaddingMs": Option<i32> as "crate::grammar::maybe",
        /// Silence needed before an end counts, in milliseconds; absent: about 800.
        silence_duration_ms "silenceDurationMs": Option<i32> as "crate::grammar::maybe",
    }
}

choice! {
    /// How readily a beginning of speech is heard.
    pub enum StartSensitivity {
        /// As the service does by itself.
        Unspecified = "START_SENSITIVITY_UNSPECIFIED",
        /// Readily.
        High = "START_SENSITIVITY_HIGH",
        /// Reluctantly.
        Low = "START_SENSITIVITY_LOW",
    }
}

choice! {
    /// How readily an end of speech is heard.
    pub enum EndSensitivity {
        /// As the service does by itself.
        Unspecified = "END_SENSITIVITY_UNSPECIFIED",
        /// Soon.
        High = "END_SENSITIVITY_HIGH",
        /// Late.
        Low = "END_SENSITIVITY_LOW",
    }
}

choice! {
    /// What the user's speech does to a speaking model.
    pub enum ActivityHandling {
        /// As by default: it interrupts.
        Unspecified = "ACTIVITY_HANDLING_UNSPECIFIED",
        /// It interrupts.
        StartOfActivityInterrupts = "START_OF_ACTIVITY_INTERRUPTS",
        /// Nothing.
        NoInterruption = "NO_INTERRUPTION",
    }
}

choice! {
    /// What belongs to a turn of the user.
    pub enum TurnCoverage {
        /// As the model does by itself.
        Unspecified = "TURN_COVERAGE_UNSPECIFIED",
        /// Speech only.
        OnlyActivity = "TURN_INCLUDES_ONLY_ACTIVITY",
        /// All that was heard and seen.
        AllInput = "TURN_INCLUDES_ALL_INPUT",
        /// Speech, and all that was seen.
        AudioActivityAndAllVideo = "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO",
    }
}
