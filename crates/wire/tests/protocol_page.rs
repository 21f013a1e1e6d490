//! docs/PROTOCOL.md says what the code reads: every example on the page is decoded, and none is missing.
#![allow(clippy::unwrap_used, reason = "a page that cannot be read has failed the test")]

use bytes::Bytes;
use std::collections::BTreeSet;
use vivavoce_wire::audio::{AudioFrame, Kind};
use vivavoce_wire::message::{FromClient, FromProxy};
use vivavoce_wire::trouble::{Code, Trouble};

const PAGE: &str = include_str!("../../../docs/PROTOCOL.md");

/// The fenced blocks of the page whose opening line is exactly this.
fn blocks(info: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = PAGE.lines();
    while let Some(line) = lines.next() {
        let Some(found) = line.strip_prefix("```") else { continue };
        let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        if found == info {
            blocks.push(block.join("\n"));
        }
    }
    blocks
}

fn frame(info: &str) -> AudioFrame {
    let hex: String = blocks(info).concat().split_whitespace().collect();
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let bytes: Bytes = (0..hex.len()).step_by(2).map(byte).collect();
    let frame = AudioFrame::decode(bytes.clone()).unwrap();
    assert_eq!(frame.encode(), bytes);
    frame
}

fn types(jsons: impl Iterator<Item = String>) -> BTreeSet<String> {
    let of = |json: String| serde_json::from_str::<serde_json::Value>(&json).unwrap()["type"].clone();
    jsons.map(of).map(|value| value.as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_a_client_says_is_read() {
    let examples = blocks("json client");
    for example in &examples {
        let message = FromClient::decode(example).unwrap_or_else(|error| panic!("{error}: {example}"));
        assert_eq!(FromClient::decode(&message.encode()), Ok(message));
    }
    let all =
        "activity audio_end bye heard hello mute ping pong received silenced text tool_confirm tool_result";
    assert_eq!(types(examples.into_iter()), all.split(' ').map(String::from).collect());
}

#[test]
fn what_the_proxy_says_is_read() {
    let examples = blocks("json proxy");
    for example in &examples {
        let message = FromProxy::decode(example).unwrap_or_else(|error| panic!("{error}: {example}"));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&message.encode()).unwrap(),
            serde_json::from_str::<serde_json::Value>(example).unwrap(),
        );
    }
    let all =
        "activity bye committed error model_transcript ping pong ready received tool turn user_transcript";
    assert_eq!(types(examples.into_iter()), all.split(' ').map(String::from).collect());
}

#[test]
fn no_json_is_left_unread() {
    let fences = PAGE.lines().filter(|line| line.starts_with("```json")).count();
    let read = blocks("json client").len() + blocks("json proxy").len() + blocks("json error").len();
    assert_eq!(fences, read);
}

#[test]
fn the_frames_in_hex_are_what_the_page_says_of_them() {
    let microphone = frame("hex microphone");
    assert_eq!(microphone.kind, Kind::Microphone);
    assert_eq!((microphone.epoch, microphone.sequence, microphone.position), (0, 0, 0));
    assert_eq!(microphone.payload[..], [1_i16.to_le_bytes(), (-2_i16).to_le_bytes()].concat());
    let model = frame("hex model");
    assert_eq!(model.kind, Kind::Model);
    assert_eq!((model.epoch, model.sequence, model.position), (3, 7, 24_000));
    assert_eq!(model.payload[..], [256_i16.to_le_bytes(), (-1_i16).to_le_bytes()].concat());
}

#[test]
fn the_whole_call_is_read() {
    let call = blocks("transcript").concat();
    assert!(call.contains("bye"));
    for line in blocks("transcript").iter().flat_map(|block| block.lines()) {
        let (side, words) = line.split_once(' ').unwrap();
        match (side, words.starts_with('[')) {
            (_, true) => {}
            ("→", false) => drop(FromClient::decode(words).unwrap()),
            ("←", false) => drop(FromProxy::decode(words).unwrap()),
            _ => panic!("{line}"),
        }
    }
}

#[test]
fn errors_over_http_are_the_same_object() {
    #[derive(serde::Deserialize)]
    struct Body {
        error: Trouble,
    }
    let body: Body = serde_json::from_str(&blocks("json error").concat()).unwrap();
    assert_eq!(body.error.code, Code::NotAdmitted);
}

#[test]
fn the_table_of_errors_is_the_code_s() {
    let rows: Vec<Vec<&str>> = PAGE
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .filter(|cells: &Vec<&str>| cells.len() == 4 && matches!(cells[2], "yes" | "no"))
        .collect();
    assert_eq!(rows.len(), 18);
    for row in rows {
        let name = row[0].trim_matches('`');
        let code: Code = serde_json::from_value(name.into()).unwrap();
        assert_eq!(code.name(), name);
        assert_eq!(code.close_code().to_string(), row[1], "{name}");
        assert_eq!(code.is_retryable(), row[2] == "yes", "{name}");
    }
}
