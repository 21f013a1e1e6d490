//! Functions that nobody configured.

use crate::pair::{Pair, ms};
use serde_json::json;
use vivavoce_session::ClientEvent;
use vivavoce_wire::message::ToolState;

fn answers(pair: &Pair) -> Vec<serde_json::Value> {
    let messages = pair.service.messages().into_iter();
    messages
        .filter_map(|message| message["toolResponse"]["functionResponses"].as_array().cloned())
        .flatten()
        .collect()
}

fn states(pair: &Pair) -> Vec<(String, ToolState)> {
    let state = |(_, event): &(_, ClientEvent)| match event {
        ClientEvent::Tool { id, state, .. } => Some((id.clone(), *state)),
        _ => None,
    };
    pair.events.iter().filter_map(state).collect()
}

#[test]
fn every_call_is_answered_by_its_id_with_an_error() {
    let mut pair = Pair::talking();
    pair.service_says(&json!({"toolCall": {"functionCalls": [
        {"id": "call_7", "name": "book_table", "args": {"people": 4}},
        {"id": "fc_1a2b", "name": "get_weather", "args": {}},
    ]}}));
    pair.pass(ms(200));
    let answers = answers(&pair);
    let ids: Vec<_> = answers.iter().map(|answer| answer["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["call_7", "fc_1a2b"]);
    assert_eq!(answers[0]["name"], "book_table");
    assert!(answers[0]["response"]["error"].as_str().unwrap().contains("book_table"));
    use ToolState::{Called, Failed};
    let expected = [("call_7", Called), ("fc_1a2b", Called), ("call_7", Failed), ("fc_1a2b", Failed)];
    assert_eq!(states(&pair), expected.map(|(id, state)| (id.to_owned(), state)));
}

#[test]
fn a_call_that_is_taken_back_is_not_answered() {
    let mut pair = Pair::talking();
    pair.service_says(&json!({
        "toolCall": {"functionCalls": [{"id": "a", "name": "f"}, {"id": "b", "name": "f"}]},
        "toolCallCancellation": {"ids": ["a", "nobody"]},
    }));
    pair.service_says(&json!({"toolCallCancellation": {"ids": ["b"]}}));
    pair.pass(ms(200));
    let answers = answers(&pair);
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["id"], "b");
    use ToolState::{Called, Cancelled, Failed};
    let expected = [("a", Called), ("b", Called), ("a", Cancelled), ("b", Failed)];
    assert_eq!(states(&pair), expected.map(|(id, state)| (id.to_owned(), state)));
}

#[test]
fn a_call_without_an_id_is_answered_without_one() {
    let mut pair = Pair::talking();
    pair.service_says(&json!({"toolCall": {"functionCalls": [{"name": "f"}, {"name": "f"}]}}));
    pair.pass(ms(200));
    let answers = answers(&pair);
    assert_eq!(answers.len(), 2);
    assert!(answers.iter().all(|answer| answer.get("id").is_none()));
}
