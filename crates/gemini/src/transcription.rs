//! Transcripts: how they are asked for, and what comes.

use crate::grammar::{Empty, choice, word};
use core::time::Duration;

word! {
    /// How a transcript shall be made; `{}` does for conversations.
    pub struct AudioTranscriptionConfig {
        /// BCP-47 codes of what may be spoken; none: whatever is.
        language_codes "languageCodes": Vec<String>,
        /// Words to expect.
        custom_vocabulary "customVocabulary": Vec<String>,
        /// Whether words get their times.
        word_timestamp "wordTimestamp": Option<bool>,
        /// Whether speakers are told apart.
        diarization: Option<bool>,
        /// How close to what was said.
        mode: Option<TranscriptionMode>,
        /// The older way to ask for whatever language.
        language_auto "languageAuto": Option<Empty>,
        /// The older way to name languages.
        language_hints "languageHints": Option<LanguageHints>,
        /// The older way to name words.
        adaptation_phrases "adaptationPhrases": Vec<String>,
    }
}

word! {
    /// The older way to name languages.
    pub struct LanguageHints {
        /// BCP-47 codes.
        language_codes "languageCodes": Vec<String>,
    }
}

word! {
    /// A piece of a transcript. It comes without any order towards the audio.
    pub struct Transcription {
        /// The piece, to be appended as it is; only an interim one replaces what it continues.
        text: String,
        /// Whether a sentence ends with it; often never said.
        finished: bool,
        /// In which language.
        language_code "languageCode": Option<String>,
        /// Who spoke.
        speaker_label "speakerLabel": Option<String>,
        /// Its words with their times.
        words: Vec<Word>,
    }
}

word! {
    /// One word of a transcript.
    pub struct Word {
        /// The word.
        word: String,
        /// When it begins, from the beginning of the audio stream.
        start_offset "startOffset": Option<Duration> as "crate::grammar::maybe",
        /// When it ends.
        end_offset "endOffset": Option<Duration> as "crate::grammar::maybe",
    }
}

choice! {
    /// How close a transcript is to what was said.
    pub enum TranscriptionMode {
        /// As the service does by itself.
        Unspecified = "MODE_UNSPECIFIED",
        /// Every word.
        Verbatim = "VERBATIM",
        /// What was meant.
        Smart = "SMART",
    }
}

impl From<&str> for Transcription {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }
}
