//! What the client sends while it happens.

use crate::bytes64;
use crate::content::Blob;
use crate::grammar::{Empty, word};

word! {
    /// What is heard, seen and typed while it happens; one field a message.
    pub struct RealtimeInput {
        /// The next piece of the user's sound.
        audio: Option<Blob>,
        /// A still of what the user sees or shows, one a second at most.
        video: Option<Blob>,
        /// Something typed, to be answered like something said.
        text: Option<String>,
        /// The microphone is closed for the time being; only where the service hears ends itself.
        audio_stream_end "audioStreamEnd": bool,
        /// Speech begins; only where the client marks it.
        activity_start "activityStart": Option<Empty>,
        /// Speech ends; only where the client marks it.
        activity_end "activityEnd": Option<Empty>,
        /// The former way to send sound and stills, which the service refuses.
        media_chunks "mediaChunks": Vec<Blob>,
    }
}

impl RealtimeInput {
    /// A piece of sound.
    pub fn audio(audio: Blob) -> Self {
        Self { audio: Some(audio), ..Self::default() }
    }

    /// Appends the frame for a piece of sound at 16 kHz, for what goes out fifty times a second: it is made where it goes
    /// out from.
    pub fn write_speech(pcm: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(SPEECH_BEGINS);
        bytes64::append(pcm, out);
        out.extend_from_slice(SPEECH_ENDS);
    }

    /// Bytes that [`Self::write_speech`] appends for so many of PCM.
    pub const fn speech_bytes(pcm_bytes: usize) -> usize {
        SPEECH_BEGINS.len() + pcm_bytes.div_ceil(3) * 4 + SPEECH_ENDS.len()
    }

    /// Something typed.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::default() }
    }

    /// The microphone is closed for the time being.
    pub fn stream_end() -> Self {
        Self { audio_stream_end: true, ..Self::default() }
    }

    /// Speech begins.
    pub fn activity_start() -> Self {
        Self { activity_start: Some(Empty {}), ..Self::default() }
    }

    /// Speech ends.
    pub fn activity_end() -> Self {
        Self { activity_end: Some(Empty {}), ..Self::default() }
    }
}

const SPEECH_BEGINS: &[u8] = br#"{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":""#;
const SPEECH_ENDS: &[u8] = br#""}}}"#;

/// Writes sound: one string, made once. The kind must need no escaping.
pub(crate) fn encode_audio(mime_type: &str, data: &[u8]) -> String {
    const HEAD: &str = r#"{"realtimeInput":{"audio":{"mimeType":""#;
    const NECK: &str = r#"","data":""#;
    const TAIL: &str = r#""}}}"#;
    let frame = HEAD.len() + mime_type.len() + NECK.len() + TAIL.len();
    let mut text = String::with_capacity(frame + data.len().div_ceil(3) * 4);
    text.push_str(HEAD);
    text.push_str(mime_type);
    if !data.is_empty() {
        text.push_str(NECK);
        bytes64::encode_into(data, &mut text);
    }
    text.push_str(TAIL);
    text
}
