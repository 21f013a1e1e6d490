//! One law for each decoder: whatever the bytes, it returns; and what it read is what would be written.

use bytes::Bytes;
use vivavoce_gemini::{ClientMessage, ServerMessage};
use vivavoce_proxy::config::Config;
use vivavoce_proxy::talk::wav::Speech;
use vivavoce_wire::{AudioFrame, FromClient, FromProxy, UPLINK_RATES_HZ};

/// A law, and the name of its target and of its corpus.
pub type Law = (&'static str, fn(&[u8]));

/// All of them.
pub const ALL: &[Law] = &[
    ("wire_text", wire_text),
    ("wire_audio", wire_audio),
    ("gemini", gemini),
    ("config", config),
    ("wav", wav),
];

/// Text frames between browser and proxy, read as if from either side.
pub fn wire_text(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    match FromClient::decode(text) {
        Ok(message) => assert_eq!(FromClient::decode(&message.encode()), Ok(message)),
        Err(error) => assert!(error.to_string().chars().count() < LONGEST_COMPLAINT),
    }
    match FromProxy::decode_numbered(text) {
        Ok((message, Some(sequence))) => {
            let again = FromProxy::decode_numbered(&message.encode_numbered(sequence));
            assert_eq!(again, Ok((message, Some(sequence))));
        }
        Ok((message, None)) => assert_eq!(FromProxy::decode(&message.encode()), Ok(message)),
        Err(error) => assert!(error.to_string().chars().count() < LONGEST_COMPLAINT),
    }
}

/// Binary frames between browser and proxy.
pub fn wire_audio(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    match AudioFrame::decode(&bytes) {
        Ok(frame) => assert_eq!(frame.encode(), bytes),
        Err(error) => assert!(error.to_string().contains("found")),
    }
}

/// Frames between proxy and service, read as if from either side.
pub fn gemini(bytes: &[u8]) {
    if let Ok(message) = ServerMessage::decode(bytes) {
        let text = message.encode();
        let again = ServerMessage::decode(text.as_bytes()).expect("what was written can be read");
        assert_eq!(again.encode(), text);
    }
    if let Ok(message) = ClientMessage::decode(bytes) {
        let text = message.encode();
        let again = ClientMessage::decode(text.as_bytes()).expect("what was written can be read");
        assert_eq!(again.encode(), text);
    }
}

/// The file of settings.
pub fn config(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    if let Err(problems) = Config::parse(text) {
        assert!(!problems.is_empty());
        assert!(problems.iter().all(|problem| !problem.to_string().is_empty()));
    }
}

/// A file to be said.
pub fn wav(bytes: &[u8]) {
    if let Ok(speech) = Speech::decode(bytes.to_vec()) {
        assert!(!speech.samples.is_empty());
        assert!(UPLINK_RATES_HZ.contains(&speech.rate_hz));
    }
}

/// Parsers quote what they found, but not all of a frame.
const LONGEST_COMPLAINT: usize = 400;
