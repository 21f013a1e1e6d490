//! Functions: called, answered, taken back.

use crate::stage::{MODEL_25, MODEL_38, MODEL_THINKING, Stage, setup_with};
use serde_json::{Value, json};

fn with_tool(model: &str, behavior: Option<&str>) -> Value {
    let mut function =
        json!({"name": "get_weather", "description": "Weather", "parameters": {"type": "OBJECT"}});
    if let Some(behavior) = behavior {
        function["behavior"] = behavior.into();
    }
    setup_with(model, &json!({"tools": [{"functionDeclarations": [function]}]}))
}

const SCRIPT: &str = "[[turn]]\nsays = \"It is sunny.\"\naudio = \"chime\"\n[[turn.tool]]\nname = \"get_weather\"\n\
                      args = { city = \"Paris\" }";

fn ask(stage: &mut Stage) -> String {
    stage.send(&json!({"realtimeInput": {"text": "What is the weather?"}}));
    stage.pass(1.0);
    let call = stage.next("toolCall").expect("a call");
    call["toolCall"]["functionCalls"][0]["id"].as_str().unwrap().to_owned()
}

fn response(id: &str, more: &Value) -> Value {
    let mut response = json!({"id": id, "name": "get_weather", "response": {"output": "sun"}});
    for (name, value) in more.as_object().unwrap() {
        response[name] = value.clone();
    }
    json!({"toolResponse": {"functionResponses": [response]}})
}

#[test]
fn a_blocking_call_is_waited_for_in_silence() {
    let mut stage = Stage::begin(SCRIPT, &with_tool(MODEL_38, Some("BLOCKING")));
    let id = ask(&mut stage);
    stage.pass(5.0);
    assert_eq!((stage.count("modelTurn"), stage.count("turnComplete")), (0, 0));
    stage.send(&response(&id, &json!({})));
    stage.pass(5.0);
    assert_eq!(stage.transcript("outputTranscription"), "It is sunny.");
    assert_eq!(stage.count("turnComplete"), 1);
}

#[test]
fn several_calls_come_in_one_frame_with_ids_of_every_form() {
    let script =
        format!("{SCRIPT}\n[[turn.tool]]\nname = \"b\"\n[[turn.tool]]\nname = \"c\"\nid = \"odd id\"");
    let mut stage = Stage::begin(&script, &with_tool(MODEL_38, Some("BLOCKING")));
    stage.send(&json!({"realtimeInput": {"text": "Go"}}));
    stage.pass(1.0);
    let calls = stage.next("toolCall").unwrap()["toolCall"]["functionCalls"].as_array().unwrap().clone();
    assert_eq!(calls[0]["args"], json!({"city": "Paris"}));
    assert_eq!((calls.len(), &calls[1]["args"], &calls[2]["id"]), (3, &json!({}), &json!("odd id")));
    for call in &calls {
        assert_eq!(stage.count("modelTurn"), 0);
        stage.send(&response(call["id"].as_str().unwrap(), &json!({})));
        stage.pass(0.1);
    }
    stage.pass(5.0);
    assert_eq!(stage.count("turnComplete"), 1);
}

#[test]
fn speech_takes_blocking_calls_back() {
    let mut stage = Stage::begin(SCRIPT, &with_tool(MODEL_38, Some("BLOCKING")));
    let id = ask(&mut stage);
    stage.say(1.0);
    let cancellation = stage.next("toolCallCancellation").unwrap();
    assert_eq!(cancellation["toolCallCancellation"]["ids"], json!([id]));
    // The answer crossed the cancellation: harmless.
    stage.send(&response(&id, &json!({})));
    assert_eq!(stage.closed, None);
    stage.pass(4.0);
    assert_eq!(stage.transcript("outputTranscription"), "(your own 1.0 s, a little higher)");
}

#[test]
fn speech_leaves_other_calls_alone() {
    let mut stage = Stage::begin(SCRIPT, &with_tool(MODEL_38, Some("NON_BLOCKING")));
    let id = ask(&mut stage);
    stage.say(1.0);
    stage.pass(4.0);
    assert_eq!((stage.count("toolCallCancellation"), stage.count("turnComplete")), (0, 1));
    stage.send(&response(&id, &json!({})));
    stage.pass(4.0);
    assert!(stage.transcript("outputTranscription").ends_with("It is sunny."));
}

#[test]
fn a_filler_is_a_turn_of_its_own() {
    let script = SCRIPT.replace("[[turn.tool]]", "filler = { says = \"One moment.\" }\n[[turn.tool]]");
    let mut stage = Stage::begin(&script, &with_tool(MODEL_38, Some("NON_BLOCKING")));
    let id = ask(&mut stage);
    stage.pass(4.0);
    assert_eq!(stage.transcript("outputTranscription"), "One moment.");
    assert_eq!(stage.count("turnComplete"), 1);
    stage.send(&response(&id, &json!({})));
    stage.pass(4.0);
    assert_eq!(stage.transcript("outputTranscription"), "One moment.It is sunny.");
    assert_eq!(stage.count("turnComplete"), 2);
}

#[test]
fn scheduling_decides_when_a_response_is_spoken_of() {
    for (scheduling, interrupted, turns) in [("WHEN_IDLE", 0, 2), ("INTERRUPT", 1, 2), ("SILENT", 0, 1)] {
        let filler =
            "filler = { says = \"One moment.\", audio = { tone = { hz = 300, ms = 4000 } } }\n[[turn.tool]]";
        let script = SCRIPT.replace("[[turn.tool]]", filler);
        let mut stage = Stage::begin(&script, &with_tool(MODEL_38, Some("NON_BLOCKING")));
        let id = ask(&mut stage);
        stage.pass(0.5);
        stage.send(&response(&id, &json!({"scheduling": scheduling})));
        stage.pass(10.0);
        assert_eq!(
            (stage.count("interrupted"), stage.count("turnComplete")),
            (interrupted, turns),
            "{scheduling}"
        );
    }
}

#[test]
fn a_response_that_will_continue_is_no_end() {
    let mut stage = Stage::begin(SCRIPT, &with_tool(MODEL_38, Some("NON_BLOCKING")));
    let id = ask(&mut stage);
    stage.send(&response(&id, &json!({"willContinue": true})));
    stage.pass(3.0);
    assert_eq!(stage.count("modelTurn"), 0);
    stage.send(&response(&id, &json!({"willContinue": false})));
    stage.pass(5.0);
    assert_eq!(stage.count("turnComplete"), 1);
}

#[test]
fn calls_are_taken_back_when_the_script_says_so() {
    let script = SCRIPT.replace("[[turn.tool]]", "cancel_tools_ms = 1000\n[[turn.tool]]");
    let mut stage = Stage::begin(&script, &with_tool(MODEL_38, Some("BLOCKING")));
    ask(&mut stage);
    stage.pass(3.0);
    assert_eq!((stage.count("toolCallCancellation"), stage.count("turnComplete")), (1, 1));
}

#[test]
fn a_response_to_a_call_that_was_never_made_is_refused() {
    let mut stage = Stage::begin("", &with_tool(MODEL_38, None));
    stage.send(&response("nobody", &json!({})));
    assert_eq!(stage.closed, Some((1007, "Request contains an invalid argument.".to_owned())));
    let script = "[strict]\nunknown_tool_response_fails = false";
    let mut stage = Stage::begin(script, &with_tool(MODEL_38, None));
    stage.send(&response("nobody", &json!({})));
    assert_eq!(stage.closed, None);
}

#[test]
fn a_declared_tool_can_be_asked_for_in_words() {
    let mut stage = Stage::begin("", &with_tool(MODEL_25, None));
    stage.send(&json!({"realtimeInput": {"text": "call get_weather {\"city\": \"Rome\"}"}}));
    stage.pass(1.0);
    let call = stage.next("toolCall").unwrap()["toolCall"]["functionCalls"][0].clone();
    assert_eq!((&call["name"], &call["args"]["city"]), (&json!("get_weather"), &json!("Rome")));
    stage.send(&response(call["id"].as_str().unwrap(), &json!({})));
    stage.pass(5.0);
    assert_eq!(stage.transcript("outputTranscription"), "get_weather answered {\"output\":\"sun\"}.");
}

#[test]
fn a_turn_can_be_bound_to_a_text() {
    let script = format!(
        "{}\n[[turn]]\nsays = \"Ordered.\"\naudio = \"chime\"",
        SCRIPT.replace("says", "when = \"WEATHER\"\nsays")
    );
    let mut stage = Stage::begin(&script, &with_tool(MODEL_38, Some("BLOCKING")));
    stage.send(&json!({"realtimeInput": {"text": "Hello"}}));
    stage.pass(5.0);
    assert_eq!(stage.transcript("outputTranscription"), "Ordered.");
    ask(&mut stage);
}

#[test]
fn extended_thinking_tells_whether_it_is_idle() {
    let script = SCRIPT.replace("[[turn.tool]]", "filler = { says = \"One moment.\" }\n[[turn.tool]]");
    let mut stage = Stage::begin(&script, &with_tool(MODEL_THINKING, Some("NON_BLOCKING")));
    stage.send(&json!({"realtimeInput": {"text": "What is the weather?"}}));
    stage.pass(5.0);
    let call = stage.next("toolCall").unwrap();
    assert_eq!(call["interactionStatus"], "IN_PROGRESS");
    let filler = stage.next("turnComplete").unwrap();
    assert_eq!(filler["serverContent"]["interactionStatus"], "IN_PROGRESS");
    let id = call["toolCall"]["functionCalls"][0]["id"].as_str().unwrap().to_owned();
    stage.send(&response(&id, &json!({})));
    stage.pass(5.0);
    assert_eq!(stage.next("turnComplete").unwrap()["serverContent"]["interactionStatus"], "IDLE");
}
