//! What the client says.

use crate::content::ClientContent;
use crate::error::DecodeError;
use crate::realtime::{self, RealtimeInput};
use crate::setup::Setup;
use crate::tool::ToolResponse;
use serde::{Deserialize, Serialize};

/// One frame of the client: exactly one of these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Envelope")]
pub enum ClientMessage {
    /// What the session shall be like; first, and never again.
    Setup(Box<Setup>),
    /// Turns for the history.
    ClientContent(ClientContent),
    /// What happens while it happens.
    RealtimeInput(RealtimeInput),
    /// Answers to the model's calls.
    ToolResponse(ToolResponse),
}

impl ClientMessage {
    /// Reads a frame, text or binary.
    ///
    /// # Errors
    /// What was expected and what was found; nothing of what was said.
    pub fn decode(frame: &[u8]) -> Result<Self, DecodeError> {
        serde_json::from_slice(frame).map_err(DecodeError::from)
    }

    /// Writes the frame.
    pub fn encode(&self) -> String {
        self.encode_pcm()
            .unwrap_or_else(|| serde_json::to_string(self).expect("every word has a form in JSON"))
    }

    /// Its name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Setup(_) => NAMES[0],
            Self::ClientContent(_) => NAMES[1],
            Self::RealtimeInput(_) => NAMES[2],
            Self::ToolResponse(_) => NAMES[3],
        }
    }

    /// The frame, if it is audio and nothing else.
    fn encode_pcm(&self) -> Option<String> {
        let Self::RealtimeInput(RealtimeInput {
            audio: Some(audio),
            video: None,
            text: None,
            audio_stream_end: false,
            activity_start: None,
            activity_end: None,
            media_chunks,
        }) = self
        else {
            return None;
        };
        let digits = audio.mime_type.strip_prefix("audio/pcm;rate=")?;
        let is_plain = media_chunks.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        is_plain.then(|| realtime::encode_audio(&audio.mime_type, &audio.data))
    }
}

impl From<Setup> for ClientMessage {
    fn from(setup: Setup) -> Self {
        Self::Setup(Box::new(setup))
    }
}

impl From<ClientContent> for ClientMessage {
    fn from(content: ClientContent) -> Self {
        Self::ClientContent(content)
    }
}

impl From<RealtimeInput> for ClientMessage {
    fn from(input: RealtimeInput) -> Self {
        Self::RealtimeInput(input)
    }
}

impl From<ToolResponse> for ClientMessage {
    fn from(response: ToolResponse) -> Self {
        Self::ToolResponse(response)
    }
}

/// A frame before it is known what it holds.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
struct Envelope {
    setup: Option<Box<Setup>>,
    #[serde(alias = "clientContent")]
    client_content: Option<ClientContent>,
    #[serde(alias = "realtimeInput")]
    realtime_input: Option<RealtimeInput>,
    #[serde(alias = "toolResponse")]
    tool_response: Option<ToolResponse>,
}

impl TryFrom<Envelope> for ClientMessage {
    type Error = String;

    fn try_from(envelope: Envelope) -> Result<Self, String> {
        match envelope {
            Envelope {
                setup: Some(setup),
                client_content: None,
                realtime_input: None,
                tool_response: None,
            } => Ok(Self::Setup(setup)),
            Envelope {
                setup: None,
                client_content: Some(content),
                realtime_input: None,
                tool_response: None,
            } => Ok(content.into()),
            Envelope {
                setup: None,
                client_content: None,
                realtime_input: Some(input),
                tool_response: None,
            } => Ok(input.into()),
            Envelope {
                setup: None,
                client_content: None,
                realtime_input: None,
                tool_response: Some(response),
            } => Ok(response.into()),
            other => Err(other.complaint()),
        }
    }
}

impl Envelope {
    fn complaint(&self) -> String {
        let present = [
            self.setup.is_some(),
            self.client_content.is_some(),
            self.realtime_input.is_some(),
            self.tool_response.is_some(),
        ];
        let found: Vec<&str> =
            NAMES.into_iter().zip(present).filter_map(|(name, is)| is.then_some(name)).collect();
        let found = if found.is_empty() { "none of them".to_owned() } else { found.join(" and ") };
        format!("invalid value: {found}, expected exactly one of {}", NAMES.join(", "))
    }
}

const NAMES: [&str; 4] = ["setup", "clientContent", "realtimeInput", "toolResponse"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Blob;
    use bytes::Bytes;

    #[test]
    fn audio_is_written_as_serde_would() {
        for (mime_type, data) in [
            ("audio/pcm;rate=16000", "ab"),
            ("audio/pcm;rate=0016", ""),
            ("audio/pcm", "x"),
            ("audio/pcm;rate=\"", "x"),
        ] {
            let data = Bytes::from_static(data.as_bytes());
            let blob = Blob { mime_type: mime_type.to_owned(), data };
            let message = ClientMessage::from(RealtimeInput::audio(blob));
            assert_eq!(message.encode(), serde_json::to_string(&message).unwrap());
        }
    }

    #[test]
    fn speech_is_written_as_any_other_audio() {
        for length in 1..50 {
            let speech = Bytes::from((0..length).map(|at| 251 - at * 5).collect::<Vec<u8>>());
            let mut out = b"before".to_vec();
            RealtimeInput::write_speech(&speech, &mut out);
            assert_eq!(out.len() - 6, RealtimeInput::speech_bytes(speech.len()));
            let message = ClientMessage::from(RealtimeInput::audio(Blob::pcm(16_000, speech)));
            assert_eq!(String::from_utf8(out[6..].to_vec()).unwrap(), message.encode());
        }
    }
}
