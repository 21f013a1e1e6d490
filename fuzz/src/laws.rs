//! One law for each decoder: whatever the bytes, it returns; and what it read is what would be written.

use bytes::Bytes;
use ring::hmac;
use std::collections::BTreeMap;
use vivavoce_gemini::{ClientMessage, ServerMessage, voice};
use vivavoce_proxy::config::Config;
use vivavoce_proxy::decoders;
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
    ("init_data", init_data),
    ("ticket", ticket),
    ("frames", frames),
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
    match AudioFrame::decode(bytes.clone()) {
        Ok(frame) => assert_eq!(frame.encode(), bytes),
        Err(error) => assert!(error.to_string().contains("found")),
    }
}

/// Frames between proxy and service, read as if from either side.
pub fn gemini(bytes: &[u8]) {
    if let Some(pcm) = voice(bytes) {
        let turn = ServerMessage::decode(bytes).ok().and_then(|message| message.server_content?.model_turn);
        let found = turn.and_then(|turn| turn.audio().next().map(|blob| blob.data.clone()));
        assert_eq!(found, Some(pcm), "the grammar finds the same");
    }
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

/// What a Mini App says Telegram signed. As it is, nobody signed it; what one field a line holds is then signed by the published
/// rule, and either opens a call for the very user that stands in it or is refused; and not with another byte in it.
pub fn init_data(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    decoders::init_data(TOKEN, text, NOW_S).expect_err("nobody signed it");
    let fields: BTreeMap<_, _> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let signed = fields.iter().filter(|(name, _)| **name != "hash");
    let lines: Vec<_> = signed.clone().map(|(name, value)| format!("{name}={value}")).collect();
    let secret = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"WebAppData"), TOKEN.as_bytes());
    let hash = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref()), lines.join("\n").as_bytes());
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut raw = form_urlencoded::Serializer::new(String::new());
    raw.extend_pairs(signed.clone());
    let raw = raw.append_pair("hash", &hash).finish();
    if let Ok(user) = decoders::init_data(TOKEN, &raw, NOW_S) {
        let json: serde_json::Value = serde_json::from_str(fields["user"]).expect("it was read");
        assert_eq!(json["id"], user);
        let (but_last, last) = raw.split_at(raw.len() - 1);
        let other = if last == "0" { "1" } else { "0" };
        decoders::init_data(TOKEN, &format!("{but_last}{other}"), NOW_S).expect_err("it was changed");
    }
}

/// What opens a call. As it is, no key signed it; as claims that were signed it names the very user and call that stand in it, or
/// is refused; and not without its end.
pub fn ticket(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    decoders::ticket(SIGNING_KEY, text).expect_err("no key signed it");
    let Ok(claims) = serde_json::from_str(text) else { return };
    let signed = decoders::signed(SIGNING_KEY, &claims).expect("claims can be written");
    if let Ok((user, call)) = decoders::ticket(SIGNING_KEY, &signed) {
        assert_eq!((&claims["sub"], &claims["sid"]), (&user.into(), &call.into()));
        decoders::ticket(SIGNING_KEY, &signed[..signed.len() - 2]).expect_err("its signature was cut");
    }
    decoders::ticket(OTHER_KEY, &signed).expect_err("another key signed it");
}

/// Frames of a WebSocket, from either side: they mean the same in whatever pieces they come, and are written as they were read.
pub fn frames(bytes: &[u8]) {
    let Some((piece_bytes, bytes)) = bytes.split_first() else { return };
    for of_client in [true, false] {
        let (said, is_broken) = decoders::frames(bytes, of_client, MOST_BYTES, usize::MAX);
        let in_pieces = decoders::frames(bytes, of_client, MOST_BYTES, usize::from(*piece_bytes));
        assert_eq!(in_pieces, (said.clone(), is_broken));
        let again = decoders::frames(&said, false, MOST_BYTES, usize::MAX);
        assert_eq!(again, (said, false));
    }
}

/// A token of the right form; whose bot there is none.
const TOKEN: &str = "424242:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaww";

/// When the corpora's `auth_date` was.
const NOW_S: u64 = 1_700_000_000;

const SIGNING_KEY: &[u8] = b"a key of tests that signs nothing else";
const OTHER_KEY: &[u8] = b"another key of tests that signs nothing";

const MOST_BYTES: usize = 4096;

/// Parsers quote what they found, but not all of a frame.
const LONGEST_COMPLAINT: usize = 400;
