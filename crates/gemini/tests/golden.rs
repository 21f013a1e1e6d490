//! Every word against frames as they are on the wire, both ways.

#![allow(clippy::unwrap_used, reason = "tests")]

use serde::de::DeserializeOwned;
use serde_json::{Deserializer, Value};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::Path;
use vivavoce_gemini::{ClientMessage, ServerMessage};

#[test]
fn frames_of_the_client_are_read_and_written() {
    for (at, spellings) in frames("client") {
        judge(&at, &spellings, ClientMessage::decode, ClientMessage::encode);
    }
}

#[test]
fn frames_of_the_service_are_read_and_written() {
    for (at, spellings) in frames("server") {
        judge(&at, &spellings, ServerMessage::decode, ServerMessage::encode);
    }
}

#[test]
fn snake_case_is_read_as_camel_case() {
    for (at, spellings) in frames("client") {
        let snake = in_snake_case(&spellings[0]);
        assert_eq!(read::<ClientMessage>(&snake), read(&spellings[0]), "{at}");
    }
    for (at, spellings) in frames("server") {
        let snake = in_snake_case(&spellings[0]);
        assert_eq!(read::<ServerMessage>(&snake), read(&spellings[0]), "{at}");
    }
}

#[test]
fn every_field_has_a_frame() {
    let mut seen = BTreeSet::new();
    for (_, spellings) in frames("client").into_iter().chain(frames("server")) {
        collect_names(&spellings[0], &mut seen);
    }
    let fields = fields_in_the_source();
    assert!(fields.len() > 150, "the source is read: {}", fields.len());
    let missing: Vec<_> = fields.difference(&seen).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn no_field_of_a_frame_is_skipped() {
    for (at, spellings) in frames("client") {
        assert_eq!(skipped::<ClientMessage>(&spellings[0]), [""; 0], "{at}");
        assert_eq!(skipped::<ClientMessage>(&in_snake_case(&spellings[0])), [""; 0], "{at}");
    }
    for (at, spellings) in frames("server") {
        assert_eq!(skipped::<ServerMessage>(&spellings[0]), [""; 0], "{at}");
    }
}

#[test]
fn unknown_fields_are_skipped_and_can_be_told() {
    for (frame, path) in [
        (r#"{"setup":{"model":"m","responseModalities":["AUDIO"]}}"#, "setup.responseModalities"),
        (
            r#"{"setup":{"generationConfig":{"inputAudioTranscription":{}}}}"#,
            "setup.generationConfig.inputAudioTranscription",
        ),
        (
            r#"{"setup":{"generation_config":{"speech_config":{"voice":1}}}}"#,
            "setup.generation_config.speech_config.voice",
        ),
        (
            r#"{"setup":{"tools":[{},{"functionDeclarations":[{"nmae":"f"}]}]}}"#,
            "setup.tools.1.functionDeclarations.0.nmae",
        ),
        (
            r#"{"setup":{"inputAudioTranscription":{"languageCode":"en"}}}"#,
            "setup.inputAudioTranscription.languageCode",
        ),
        (r#"{"setup":{"sessionResumption":{"handel":"h"}}}"#, "setup.sessionResumption.handel"),
        (
            r#"{"setup":{"contextWindowCompression":{"slidingWindow":{"keep":1}}}}"#,
            "setup.contextWindowCompression.slidingWindow.keep",
        ),
        (
            r#"{"setup":{"realtimeInputConfig":{"automaticActivityDetection":{"on":1}}}}"#,
            "setup.realtimeInputConfig.automaticActivityDetection.on",
        ),
        (r#"{"setup":{},"requestId":1}"#, "requestId"),
        (
            r#"{"toolResponse":{"functionResponses":[{"error":"x"}]}}"#,
            "toolResponse.functionResponses.0.error",
        ),
        (r#"{"realtimeInput":{"audio":{"rate":1}}}"#, "realtimeInput.audio.rate"),
        (r#"{"realtimeInput":{"activityStart":{"now":1}}}"#, "realtimeInput.activityStart.now"),
    ] {
        let frame = serde_json::from_str(frame).unwrap();
        assert_eq!(skipped::<ClientMessage>(&frame), [path]);
    }
}

type Frame = (String, Vec<Value>);

/// One paragraph: where it is, and its spellings.
fn frames(side: &str) -> Vec<Frame> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(side);
    let mut frames = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for paragraph in text.split("\n\n") {
            let spellings = Deserializer::from_str(paragraph).into_iter().collect::<Result<Vec<Value>, _>>();
            let at = format!("{}: {}", path.display(), paragraph.lines().next().unwrap_or_default());
            frames.push((at.clone(), spellings.expect(&at)));
        }
    }
    assert!(frames.len() > 20);
    frames
}

fn judge<T: PartialEq + Debug, E: Debug>(
    at: &str,
    spellings: &[Value],
    decode: impl Fn(&[u8]) -> Result<T, E>,
    encode: impl Fn(&T) -> String,
) {
    let canonical = decode(spellings[0].to_string().as_bytes()).expect(at);
    for spelling in spellings {
        let value = decode(spelling.to_string().as_bytes()).expect(at);
        assert_eq!(value, canonical, "{at}: {spelling}");
        let written: Value = serde_json::from_str(&encode(&value)).expect(at);
        assert_eq!(written, spellings[0], "{at}: {spelling}");
    }
}

fn read<T: DeserializeOwned>(frame: &Value) -> T {
    serde_json::from_value(frame.clone()).expect("a frame")
}

/// The paths of the fields that `T` does not know, as they were written.
fn skipped<T: DeserializeOwned>(frame: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    let text = frame.to_string();
    let mut reader = Deserializer::from_str(&text);
    let value: Result<T, _> = serde_ignored::deserialize(&mut reader, |path| {
        // An optional value shows as a step named `?`.
        let path = path.to_string();
        paths.push(path.split('.').filter(|step| *step != "?").collect::<Vec<_>>().join("."));
    });
    value.expect("a frame");
    paths
}

/// The keys beneath these are the client's own.
const FREE: [&str; 16] = [
    "args",
    "response",
    "parameters",
    "parametersJsonSchema",
    "responseJsonSchema",
    "responseSchema",
    "routingConfig",
    "multiSpeakerVoiceConfig",
    "googleSearchRetrieval",
    "fileSearch",
    "videoMetadata",
    "mediaResolution",
    "partialArgs",
    "groundingSupports",
    "retrievalMetadata",
    "details",
];

fn in_snake_case(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| {
                let value = if FREE.contains(&name.as_str()) { value.clone() } else { in_snake_case(value) };
                (snake(name), value)
            })
            .collect(),
        Value::Array(items) => items.iter().map(in_snake_case).collect(),
        other => other.clone(),
    }
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

fn collect_names(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                names.insert(name.clone());
                collect_names(value, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_names(item, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The camelCase names of the fields of all words, as `grammar.rs` describes them.
fn fields_in_the_source() -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for word in text.split("\nword! {").skip(1) {
            let body = word.split("\n}\n").next().unwrap_or_default();
            fields.extend(body.lines().filter_map(field));
        }
    }
    fields
}

fn field(line: &str) -> Option<String> {
    let line = line.trim_start();
    if line.starts_with("///") || line.starts_with('#') {
        return None;
    }
    let (head, _) = line.split_once(": ")?;
    let mut names = head.split_whitespace();
    let field = names.next()?;
    match names.next() {
        // Its name on the wire is `type`.
        Some("\"voiceActivityType\"") => Some("type".to_owned()),
        Some(camel) => Some(camel.trim_matches('"').to_owned()),
        None => Some(field.to_owned()),
    }
}
