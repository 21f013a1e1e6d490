//! Contents: what either side says, in parts.

use crate::grammar::{choice, word};
use crate::tool::{FunctionCall, FunctionResponse};
use bytes::Bytes;
use serde_json::Value;

word! {
    /// Turns for the history, in order. It always interrupts what the model is saying.
    pub struct ClientContent {
        /// The turns.
        turns: Vec<Content>,
        /// Whether the model shall answer; alone it means "answer now".
        turn_complete "turnComplete": bool,
    }
}

word! {
    /// One turn of one side.
    pub struct Content {
        /// Whose turn: `user` or `model`; empty counts as the user's.
        role: String,
        /// What was said.
        parts: Vec<Part>,
    }
}

word! {
    /// A piece of a turn: usually one field of these.
    pub struct Part {
        /// Text.
        text: Option<String>,
        /// Whether the text is a thought of the model, not an answer.
        thought: bool,
        /// Lets a later turn refer to the thought.
        thought_signature "thoughtSignature": Option<Bytes> as "crate::grammar::maybe",
        /// Audio, a picture.
        inline_data "inlineData": Option<Blob>,
        /// A file stored at the service.
        file_data "fileData": Option<FileData>,
        /// A call in the history.
        function_call "functionCall": Option<FunctionCall>,
        /// Its answer in the history.
        function_response "functionResponse": Option<FunctionResponse>,
        /// Code that the model wrote to run it.
        executable_code "executableCode": Option<ExecutableCode>,
        /// What came of running it.
        code_execution_result "codeExecutionResult": Option<CodeExecutionResult>,
        /// Where in a video, as the client wrote it.
        video_metadata "videoMetadata": Option<Value>,
        /// How finely a picture is looked at, as the client wrote it.
        media_resolution "mediaResolution": Option<Value>,
    }
}

word! {
    /// Bytes with their kind.
    pub struct Blob {
        /// The kind, such as `audio/pcm;rate=16000` or `image/jpeg`.
        mime_type "mimeType": String,
        /// The bytes; base64 on the wire.
        data: Bytes as "crate::grammar::plain",
    }
}

word! {
    /// A file stored at the service.
    pub struct FileData {
        /// The kind.
        mime_type "mimeType": String,
        /// Where.
        file_uri "fileUri": String,
    }
}

word! {
    /// Code that the model wrote to run it.
    pub struct ExecutableCode {
        /// Names the run.
        id: Option<String>,
        /// In which language, such as `PYTHON`.
        language: Option<Language>,
        /// The code.
        code: String,
    }
}

word! {
    /// What came of running code.
    pub struct CodeExecutionResult {
        /// Names the run.
        id: Option<String>,
        /// How it went.
        outcome: Option<Outcome>,
        /// What it printed.
        output: String,
    }
}

choice! {
    /// A language that the model writes programs in.
    pub enum Language {
        /// None given.
        Unspecified = "LANGUAGE_UNSPECIFIED",
        /// Python.
        Python = "PYTHON",
    }
}

choice! {
    /// How running code went.
    pub enum Outcome {
        /// None given.
        Unspecified = "OUTCOME_UNSPECIFIED",
        /// It ended.
        Ok = "OUTCOME_OK",
        /// It failed.
        Failed = "OUTCOME_FAILED",
        /// It took too long.
        DeadlineExceeded = "OUTCOME_DEADLINE_EXCEEDED",
    }
}

impl Content {
    /// A turn of the user, in one text.
    pub fn user(text: impl Into<String>) -> Self {
        Self { role: "user".to_owned(), parts: vec![Part::text(text)] }
    }

    /// A turn of the model, in one text.
    pub fn model(text: impl Into<String>) -> Self {
        Self { role: "model".to_owned(), parts: vec![Part::text(text)] }
    }

    /// Every text in it, thoughts left out.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter(|part| !part.thought).filter_map(|part| part.text.as_deref())
    }

    /// Every piece of audio in it.
    pub fn audio(&self) -> impl Iterator<Item = &Blob> {
        self.parts.iter().filter_map(|part| part.inline_data.as_ref()).filter(|blob| blob.is_audio())
    }
}

impl Part {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::default() }
    }

    /// Audio, or a picture.
    pub fn inline_data(blob: Blob) -> Self {
        Self { inline_data: Some(blob), ..Self::default() }
    }
}

impl Blob {
    /// Mono PCM of signed 16 bit little-endian samples.
    pub fn pcm(rate_hz: u32, data: Bytes) -> Self {
        Self { mime_type: format!("audio/pcm;rate={rate_hz}"), data }
    }

    /// Whether it is sound.
    pub fn is_audio(&self) -> bool {
        self.mime_type.get(..6).is_some_and(|kind| kind.eq_ignore_ascii_case("audio/"))
    }

    /// Whether it is raw PCM.
    pub fn is_pcm(&self) -> bool {
        let kind = self.mime_type.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("audio/pcm")
    }

    /// The declared sample rate, if one is declared and is a number.
    pub fn rate_hz(&self) -> Option<u32> {
        let mut parameters =
            self.mime_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
        let (_, rate) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("rate"))?;
        rate.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_from_the_kind() {
        for (mime_type, is_pcm, rate_hz) in [
            ("audio/pcm;rate=16000", true, Some(16_000)),
            ("audio/PCM; codec=s16; Rate = 8000", true, Some(8_000)),
            ("audio/pcm", true, None),
            ("audio/pcm;rate=fast", true, None),
            ("audio/ogg;rate=48000", false, Some(48_000)),
            ("", false, None),
        ] {
            let blob = Blob { mime_type: mime_type.to_owned(), ..Blob::default() };
            assert_eq!((blob.is_pcm(), blob.rate_hz()), (is_pcm, rate_hz), "{mime_type}");
        }
    }

    #[test]
    fn pictures_are_no_audio() {
        let part =
            |mime_type: &str| Part::inline_data(Blob { mime_type: mime_type.to_owned(), ..Blob::default() });
        let content =
            Content { parts: vec![part("image/jpeg"), part("audio/pcm"), part("ä")], ..Content::default() };
        assert_eq!(content.audio().count(), 1);
    }

    #[test]
    fn thoughts_are_not_said() {
        let thought = Part { thought: true, ..Part::text("Hm.") };
        let content = Content { parts: vec![thought, Part::text("Yes.")], ..Content::default() };
        assert_eq!(content.texts().collect::<Vec<_>>(), ["Yes."]);
    }
}
