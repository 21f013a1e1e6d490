//! Handles: given, used, refused.

use crate::stage::{MODEL_31, MODEL_38, Stage, house, setup, setup_with};
use core::time::Duration;
use serde_json::{Value, json};
use vivavoce_sim::caller::{Caller, Credential};
use vivavoce_sim::house::Token;
use vivavoce_sim::model::Version;

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

#[test]
fn a_handle_is_refused_while_a_later_connection_of_its_session_is_open() {
    let house = house("");
    let mut first = Stage::open(&house, &resuming(None), Duration::ZERO);
    let handle = first.handle().unwrap();
    first.leave();
    let second = Stage::open(&house, &resuming(Some(&handle)), first.now());
    assert_eq!(second.closed, None);
    let third = Stage::open(&house, &resuming(Some(&handle)), first.now());
    assert_eq!(third.closed, Some((1011, "Internal error encountered.".to_owned())));
}

#[test]
fn no_handle_is_given_while_the_model_speaks() {
    let script = "[[turn]]\nfiller = { says = \"One moment.\", audio = { tone = { hz = 300, ms = 4000 } } }\n\
                  [[turn.tool]]\nname = \"look\"\nid = \"i\"";
    let tools = json!({"tools": [{"functionDeclarations": [{"name": "look"}]}], "sessionResumption": {}});
    let mut stage = Stage::begin(script, &setup_with(MODEL_38, &tools));
    stage.send(&json!({"realtimeInput": {"text": "Look"}}));
    stage.pass(1.0);
    let answer = json!({"id": "i", "name": "look", "response": {}, "scheduling": "SILENT"});
    stage.send(&json!({"toolResponse": {"functionResponses": [answer]}}));
    stage.pass(10.0);
    let story = stage.story();
    let last_word = story.iter().rposition(|&field| field == "modelTurn").unwrap();
    let updates =
        stage.frames.iter().filter(|(_, frame)| frame["sessionResumptionUpdate"]["newHandle"].is_string());
    assert_eq!(updates.count(), 2, "after the setup and after the filler: {story:?}");
    assert!(story[last_word..].contains(&"sessionResumptionUpdate"), "{story:?}");
}

#[test]
fn a_token_is_spent_by_the_setup_that_holds_and_not_by_what_the_client_asks_for() {
    let house = house("");
    let mint = |setup: Value| {
        let minute = Duration::from_secs(60);
        let token = Token {
            uses: Some(1),
            expires: minute * 30,
            opens_until: minute,
            setup: Some(setup),
            mask: vec![],
        };
        house.mint(token, Duration::ZERO)
    };
    let open = |token: &str, now: Duration, asked: &Value| {
        let credential = Credential::Token(token.to_owned());
        let caller = Caller { version: Version::V1alpha, constrained: true, credential };
        let mut stage = Stage::connect(&house, caller, now);
        stage.send(&json!({"setup": asked}));
        stage.pass(0.3);
        stage
    };
    let fresh = mint(setup(MODEL_38));
    let bogus = json!({"sessionResumption": {"handle": "bogus"}});
    assert_eq!(open(&fresh, Duration::ZERO, &bogus).closed, None);
    assert!(open(&fresh, Duration::ZERO, &bogus).closed.is_some(), "its one use is spent");

    let mut first = Stage::open(&house, &resuming(None), Duration::ZERO);
    let handle = first.handle().unwrap();
    first.leave();
    let going_on = mint(resuming(Some(&handle)));
    for _ in 0..2 {
        let mut again = open(&going_on, first.now(), &json!({}));
        assert_eq!(again.closed, None, "resuming costs no use");
        again.leave();
    }
}
