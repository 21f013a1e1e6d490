//! Handles: given, used, refused.

use crate::stage::{MODEL_31, MODEL_38, Stage, house, setup_with};
use core::time::Duration;
use serde_json::{Value, json};

fn resuming(handle: Option<&str>) -> Value {
    let wish = handle.map_or_else(|| json!({}), |handle| json!({"handle": handle}));
    setup_with(MODEL_38, &json!({"sessionResumption": wish}))
}

#[test]
fn a_handle_comes_after_the_setup_and_after_every_turn_and_none_between() {
    let mut stage = Stage::begin("", &resuming(None));
    stage.say(1.0);
    stage.pass(3.0);
    let updates: Vec<bool> = stage
        .frames
        .iter()
        .filter_map(|(_, frame)| frame.get("sessionResumptionUpdate"))
        .map(|update| update.get("newHandle").is_some())
        .collect();
    assert_eq!(updates, [true, false, true]);
}

#[test]
fn no_handle_is_given_while_a_function_runs() {
    let script = "[[turn]]\nfiller = { says = \"One moment.\" }\n[[turn.tool]]\nname = \"look\"";
    let mut stage = Stage::begin(script, &resuming(None));
    stage.send(&json!({"realtimeInput": {"text": "Look"}}));
    stage.pass(5.0);
    assert_eq!(stage.count("turnComplete"), 1, "the filler");
    let last = stage.frames.iter().rev().find_map(|(_, frame)| frame.get("sessionResumptionUpdate").cloned());
    assert_eq!(last, Some(json!({})));
}

#[test]
fn a_resumed_session_goes_on_where_it_was() {
    let house = house("[[turn]]\nsays = \"First.\"\n[[turn]]\nsays = \"Second.\"");
    let mut first = Stage::open(&house, &resuming(None), Duration::ZERO);
    first.say(2.0);
    first.pass(4.0);
    let before = first.next("turnComplete").unwrap()["usageMetadata"]["promptTokenCount"].as_u64().unwrap();
    let handle = first.handle().unwrap();
    first.leave();
    let mut second = Stage::open(&house, &resuming(Some(&handle)), first.now());
    second.say(2.0);
    second.pass(4.0);
    assert_eq!(second.transcript("outputTranscription"), "Second.");
    let usage = second.next("turnComplete").unwrap()["usageMetadata"]["promptTokenCount"].as_u64().unwrap();
    assert!(usage > before, "{usage} after {before}");
    let offset = second.frames.iter().find_map(|(_, f)| f["voiceActivity"]["audioOffset"].as_str()).unwrap();
    assert!(offset.starts_with('3'), "the stream goes on: {offset}");
}

#[test]
fn an_older_handle_loses_what_followed() {
    let house = house("[[turn]]\nsays = \"First.\"\n[[turn]]\nsays = \"Second.\"");
    let mut first = Stage::open(&house, &resuming(None), Duration::ZERO);
    let oldest = first.handle().unwrap();
    first.say(1.0);
    first.pass(4.0);
    first.leave();
    let mut second = Stage::open(&house, &resuming(Some(&oldest)), first.now());
    second.say(1.0);
    second.pass(4.0);
    assert_eq!(second.transcript("outputTranscription"), "First.");
}

#[test]
fn a_handle_is_refused_while_its_connection_is_open() {
    let house = house("");
    let first = Stage::open(&house, &resuming(None), Duration::ZERO);
    let second = Stage::open(&house, &resuming(first.handle().as_deref()), first.now());
    assert_eq!(second.closed, Some((1011, "Internal error encountered.".to_owned())));
}

#[test]
fn a_handle_is_refused_if_it_is_unknown_too_old_or_of_another_model() {
    let unknown = Stage::open(&house(""), &resuming(Some("nobody")), Duration::ZERO);
    assert_eq!(unknown.closed, Some((1008, "Requested entity was not found.".to_owned())));

    let house = house("");
    let mut first = Stage::open(&house, &resuming(None), Duration::ZERO);
    let handle = first.handle().unwrap();
    first.leave();
    let other = setup_with(MODEL_31, &json!({"sessionResumption": {"handle": handle}}));
    let other = Stage::open(&house, &other, first.now());
    assert_eq!(other.closed, Some((1007, "Request contains an invalid argument.".to_owned())));
    let late = Stage::open(&house, &resuming(Some(&handle)), first.now() + Duration::from_secs(7_201));
    assert_eq!(late.closed, Some((1008, "BidiGenerateContent session expired".to_owned())));
}

#[test]
fn a_script_may_refuse_every_handle_or_give_none() {
    let script =
        "[connection]\nrefuse_handles = { code = 1008, reason = \"BidiGenerateContent session not found\" }";
    let house = house(script);
    let mut first = Stage::open(&house, &resuming(None), Duration::ZERO);
    let handle = first.handle().unwrap();
    first.leave();
    let second = Stage::open(&house, &resuming(Some(&handle)), first.now());
    assert_eq!(second.closed, Some((1008, "BidiGenerateContent session not found".to_owned())));
    assert_eq!(Stage::begin("[connection]\nhandles = false", &resuming(None)).handle(), None);
}

#[test]
fn a_dropped_connection_can_be_resumed() {
    let house = house("[[fault]]\nat_ms = 1000\nconnection = 1\ndo = \"drop\"");
    let mut first = Stage::open(&house, &resuming(None), Duration::ZERO);
    let handle = first.handle().unwrap();
    first.pass(2.0);
    assert!(first.dropped);
    let now = first.now();
    drop(first);
    let mut second = Stage::open(&house, &resuming(Some(&handle)), now);
    assert!(second.next("setupComplete").is_some());
    second.pass(2.0);
    assert!(!second.dropped);
}
