//! Functions that the model calls: those that nobody configured, those of the proxy, those of the page.

use crate::pair::{Pair, hello, ms, relay_config};
use serde_json::json;
use std::time::Duration;
use vivavoce_gemini::{Behavior, ClientMessage, FunctionDeclaration, FunctionResponse};
use vivavoce_session::{
    Begun, ClientEvent, ClientInput, Job, Moment, Relay, RelayConfig, RelayInput, RelayOutput, Tool, ToolEnd,
    ToolOutcome, Tools,
};
use vivavoce_wire::Json;
use vivavoce_wire::message::{FromClient, FromProxy, Hello, ToolState};

fn answers(pair: &Pair) -> Vec<serde_json::Value> {
    let messages = pair.service.messages().into_iter();
    messages
        .filter_map(|message| message["toolResponse"]["functionResponses"].as_array().cloned())
        .flatten()
        .collect()
}

fn states(pair: &Pair) -> Vec<(String, ToolState)> {
    let state = |(_, event): &(_, ClientEvent)| match event {
        ClientEvent::Tool(words) => {
            let words = words.value();
            let state = serde_json::from_value(words["state"].clone()).unwrap();
            Some((words["id"].as_str().unwrap().to_owned(), state))
        }
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

// ---- Another proxy goes on.

#[test]
fn what_another_proxy_did_is_not_done_again() {
    let mut pair = with_tools();
    calls(&mut pair, "a", "reads");
    let job = pair.jobs[0].clone();
    let outcome = ToolOutcome::Result(json!({"output": "it says so"}).as_object().unwrap().clone());
    pair.writes_down(vec![Begun { job, outcome: Some(outcome), remembered: Duration::from_secs(50) }]);
    pair.proxy_dies();
    pair.pass(Duration::from_secs(5));
    // The service's ids begin anew; the page is told another.
    calls(&mut pair, "a", "reads");
    assert_eq!(answers(&pair), [json!({"id": "a", "name": "reads", "response": {"output": "it says so"}})]);
    let (id, state) = states(&pair).pop().unwrap();
    assert!(id != "a" && state == ToolState::Done);
    // Who asks once more means it, and so does who asks for something else.
    calls(&mut pair, "b", "reads");
    assert_eq!(pair.jobs.len(), 2);
    assert!(!pair.jobs[1].is_begun && pair.jobs[1].key != pair.jobs[0].key);
}

#[test]
fn what_another_proxy_began_is_asked_after_by_the_same_key_and_needs_no_second_word() {
    let mut pair = with_tools();
    calls(&mut pair, "a", "sends");
    let (id, confirmation, _) = asked(&pair);
    confirms(&mut pair, &id, &confirmation, true);
    let job = pair.jobs[0].clone();
    pair.writes_down(vec![Begun { job: job.clone(), outcome: None, remembered: Duration::from_secs(60) }]);
    pair.proxy_dies();
    pair.pass(Duration::from_secs(5));
    calls(&mut pair, "b", "sends");
    assert_eq!((pair.jobs.len(), pair.jobs[1].key == job.key), (2, true));
    assert!(pair.jobs[1].is_begun && pair.jobs[1].confirmed);
    done(&mut pair, 1, "sent");
    assert_eq!(answers(&pair), [json!({"id": "b", "name": "sends", "response": {"output": "sent"}})]);
}

#[test]
fn what_another_proxy_began_is_forgotten_in_time_and_so_is_what_is_no_tool_any_more() {
    let mut pair = with_tools();
    calls(&mut pair, "a", "reads");
    let job = pair.jobs[0].clone();
    let gone = Job { name: "gone".into(), key: "k".into(), ..job.clone() };
    let of_a_page = Job { name: "look".into(), key: "l".into(), ..job.clone() };
    let begun = |job| Begun { job, outcome: None, remembered: Duration::from_secs(10) };
    pair.writes_down([job, gone, of_a_page].map(begun).to_vec());
    pair.proxy_dies();
    pair.pass(Duration::from_secs(12));
    calls(&mut pair, "b", "gone");
    assert!(error(&pair, 0).contains("gone"));
    calls(&mut pair, "c", "reads");
    assert_eq!((pair.jobs.len(), pair.jobs[1].is_begun), (2, false));
}

#[test]
fn of_what_another_proxy_left_open_the_page_hears_that_nobody_waits_for_it() {
    let mut pair = with_tools();
    calls(&mut pair, "a", "sends");
    let (id, confirmation, _) = asked(&pair);
    calls(&mut pair, "b", "reads");
    pair.proxy_dies();
    pair.pass(Duration::from_secs(5));
    use ToolState::Cancelled;
    assert_eq!(states(&pair)[4..], ["a", "b"].map(|id| (id.to_owned(), Cancelled)));
    // A word for what is no more is for nothing.
    confirms(&mut pair, &id, &confirmation, true);
    assert_eq!(pair.jobs.len(), 1);
    // And the next proxy need not say it again.
    pair.proxy_dies();
    pair.pass(Duration::from_secs(5));
    assert_eq!(states(&pair).len(), 6);
}

#[test]
fn an_end_that_another_proxy_could_not_tell_is_told() {
    for (outcome, state) in [
        (ToolOutcome::Result(json!({"output": "sent"}).as_object().unwrap().clone()), ToolState::Done),
        (ToolOutcome::Error("no".into()), ToolState::Failed),
    ] {
        let mut pair = with_tools();
        calls(&mut pair, "a", "reads");
        let job = pair.jobs[0].clone();
        pair.writes_down(vec![Begun { job, outcome: Some(outcome), remembered: Duration::from_secs(50) }]);
        pair.proxy_dies();
        pair.pass(Duration::from_secs(5));
        assert_eq!(states(&pair)[2..], [("a".to_owned(), state)]);
    }
}

// ---- Functions that there are.

#[test]
fn a_tool_is_declared_run_and_its_result_is_passed_on() {
    let mut pair = with_tools();
    let setup = &pair.service.setups[0].1;
    let names: Vec<_> = setup["tools"][0]["functionDeclarations"].as_array().unwrap().iter().collect();
    assert_eq!(names[0], &json!({"name": "reads"}));
    assert_eq!(names.len(), 3);
    calls(&mut pair, "a", "reads");
    assert_eq!((pair.jobs[0].name.as_str(), pair.jobs[0].arguments["n"].as_i64()), ("reads", Some(1)));
    assert!(!pair.jobs[0].confirmed);
    done(&mut pair, 0, "it says so");
    assert_eq!(answers(&pair), [json!({"id": "a", "name": "reads", "response": {"output": "it says so"}})]);
    use ToolState::{Called, Done, Running};
    assert_eq!(states(&pair), [Called, Running, Done].map(|state| ("a".to_owned(), state)));
    assert_eq!(pair.tool_ends, [ToolEnd::Result]);
    // What comes later of it is heard by nobody.
    done(&mut pair, 0, "again");
    assert_eq!(answers(&pair).len(), 1);
}

#[test]
fn a_result_counts_among_what_is_kept() {
    let mut pair = with_tools();
    calls(&mut pair, "a", "reads");
    let before = pair.relay.as_ref().unwrap().kept_bytes();
    done(&mut pair, 0, &"word ".repeat(1_000));
    let after = pair.relay.as_ref().unwrap().kept_bytes();
    assert!(after >= before + 5_000, "{before} and then {after}");
}

#[test]
fn arguments_that_do_not_fit_are_never_sent() {
    let mut pair = with_tools();
    pair.objection = Some("\"n\" is not a text".into());
    calls(&mut pair, "a", "sends");
    assert!(pair.jobs.is_empty());
    assert!(error(&pair, 0).contains("\"n\" is not a text"));
    assert_eq!(pair.tool_ends, [ToolEnd::Error]);
}

#[test]
fn what_has_effects_waits_for_the_person() {
    let mut pair = with_tools();
    calls(&mut pair, "a", "sends");
    pair.pass(ms(5_000));
    assert!(pair.jobs.is_empty() && answers(&pair).is_empty());
    let (id, confirmation, arguments) = asked(&pair);
    assert_eq!((id.as_str(), arguments), ("a", json!({"n": 1})));
    for (id, confirmation) in
        [("b", confirmation.clone()), ("a", format!("{confirmation}0")), ("a", String::new())]
    {
        confirms(&mut pair, id, &confirmation, true);
        assert!(pair.jobs.is_empty());
    }
    confirms(&mut pair, "a", &confirmation, true);
    assert!(pair.jobs[0].confirmed);
    confirms(&mut pair, "a", &confirmation, true);
    assert_eq!(pair.jobs.len(), 1);
    done(&mut pair, 0, "sent");
    use ToolState::{Called, Confirm, Done, Running};
    assert_eq!(states(&pair), [Called, Confirm, Running, Done].map(|state| ("a".to_owned(), state)));
}

#[test]
fn a_tap_survives_that_the_phone_loses_its_connection() {
    let mut pair = with_tools();
    calls(&mut pair, "a", "sends");
    let (_, confirmation, _) = asked(&pair);
    pair.cut();
    confirms(&mut pair, "a", &confirmation, true);
    assert!(pair.jobs.is_empty());
    pair.until("it runs", |pair| pair.jobs.len() == 1);
    pair.cut();
    done(&mut pair, 0, "sent");
    pair.pass(ms(10_000));
    use ToolState::{Called, Confirm, Done, Running};
    assert_eq!(states(&pair), [Called, Confirm, Running, Done].map(|state| ("a".to_owned(), state)));
}

#[test]
fn what_the_person_forbids_or_never_answers_is_not_done() {
    let mut pair = with_tools();
    calls(&mut pair, "a", "sends");
    let (_, confirmation, _) = asked(&pair);
    confirms(&mut pair, "a", &confirmation, false);
    assert!(error(&pair, 0).contains("did not allow"));
    calls(&mut pair, "b", "sends");
    pair.pass(ms(61_000));
    assert!(error(&pair, 1).contains("did not answer"));
    assert!(pair.jobs.is_empty());
    assert_eq!(pair.tool_ends, [ToolEnd::Refused, ToolEnd::Refused]);
}

#[test]
fn a_tool_that_hangs_is_given_up() {
    let mut pair = with_tools();
    calls(&mut pair, "a", "reads");
    pair.pass(ms(5_500));
    assert!(error(&pair, 0).contains("in time"));
    assert_eq!((&pair.aborted, &pair.tool_ends), (&vec![pair.jobs[0].key.clone()], &vec![ToolEnd::Timeout]));
}

#[test]
fn a_tool_that_is_taken_back_is_stopped() {
    let mut pair = with_tools();
    calls(&mut pair, "a", "reads");
    pair.service_says(&json!({"toolCallCancellation": {"ids": ["a"]}}));
    pair.pass(ms(200));
    assert_eq!(pair.aborted, [pair.jobs[0].key.clone()]);
    done(&mut pair, 0, "too late");
    assert!(answers(&pair).is_empty());
    assert_eq!(pair.tool_ends, [ToolEnd::Cancelled]);
}

#[test]
fn the_connection_waits_for_a_tool_and_the_session_is_not_mute_meanwhile() {
    let mut pair = with_tools();
    pair.service_gives_a_handle();
    calls(&mut pair, "a", "slow");
    pair.service_says(&json!({"goAway": {"timeLeft": "50s"}}));
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "And?"}}}));
    pair.pass(ms(20_000));
    assert_eq!(pair.service.setups.len(), 1);
    done(&mut pair, 0, "at last");
    assert_eq!(answers(&pair)[0]["response"]["output"], "at last");
}

#[test]
fn a_call_that_is_asked_again_after_a_loss_joins_what_runs() {
    let mut pair = with_tools();
    pair.service_gives_a_handle();
    calls(&mut pair, "a", "reads");
    pair.service_closes(1011, "Internal error encountered.");
    pair.pass(ms(2_000));
    calls(&mut pair, "a", "reads");
    assert_eq!((pair.service.setups.len(), pair.jobs.len()), (2, 1), "it runs already");
    done(&mut pair, 0, "once");
    assert_eq!(answers(&pair).len(), 1);
    // The page may still be busy with the former.
    use ToolState::{Called, Cancelled, Done, Running};
    let (states, other) = (states(&pair), states(&pair).pop().unwrap().0);
    let other = other.as_str();
    assert_ne!(other, "a");
    let expected =
        [("a", Called), ("a", Running), ("a", Cancelled), (other, Called), (other, Running), (other, Done)];
    assert_eq!(states, expected.map(|(id, state)| (id.to_owned(), state)));
    assert_eq!(pair.tool_ends, [ToolEnd::Orphaned, ToolEnd::Result]);
    // In one connection the same question is another call.
    calls(&mut pair, "b", "reads");
    assert_eq!(pair.jobs.len(), 2);
    assert_ne!(pair.jobs[0].key, pair.jobs[1].key);
}

#[test]
fn a_call_that_was_answered_is_given_the_same_result_after_a_loss_and_no_longer_later() {
    let mut pair = with_tools();
    pair.service_gives_a_handle();
    for _ in 0..2 {
        calls(&mut pair, "a", "reads");
        let last = pair.jobs.len() - 1;
        done(&mut pair, last, "once");
        pair.service_closes(1011, "Internal error encountered.");
        pair.pass(ms(2_000));
        calls(&mut pair, "b", "reads");
        assert_eq!(answers(&pair).last().unwrap()["response"]["output"], "once");
        pair.service_closes(1011, "Internal error encountered.");
        pair.pass(ms(62_000));
    }
    assert_eq!((pair.jobs.len(), answers(&pair).len()), (2, 4));
}

#[test]
fn a_page_runs_what_it_declared_if_that_is_listed() {
    let mut page = Page::new(
        r#"[{"name": "look", "behavior": "NON_BLOCKING"}, {"name": "sends"}, {"name": "listed_nowhere"}]"#,
    );
    page.service(&json!({"toolCall": {"functionCalls": [
        {"id": "a", "name": "look", "args": {"at": "sea"}}, {"id": "b", "name": "listed_nowhere"},
    ]}}));
    let running = page.shown(ToolState::Running);
    assert_eq!(running.len(), 1);
    let FromProxy::Tool { id, arguments: Some(arguments), .. } = &running[0] else { panic!("{running:?}") };
    assert_eq!((id.as_str(), arguments.value()), ("a", json!({"at": "sea"})));
    page.says(r#"{"type":"tool_result","id":"a","result":{"output":"some"},"will_continue":true}"#);
    page.says(r#"{"type":"tool_result","id":"a","result":{"output":"blue"}}"#);
    page.says(r#"{"type":"tool_result","id":"a","result":{"output":"green"}}"#);
    let answers: Vec<_> =
        page.answers.iter().map(|answer| (answer.id.clone().unwrap(), answer.is_last())).collect();
    let expected = [("b", true), ("a", false), ("a", true)].map(|(id, last)| (id.to_owned(), last));
    assert_eq!(answers, expected);
    // A tool of the proxy's own wins: it is the one that asks the person.
    page.service(&json!({"toolCall": {"functionCalls": [{"id": "c", "name": "sends"}]}}));
    assert_eq!(page.shown(ToolState::Confirm).len(), 1);
}

#[test]
fn a_page_that_never_answers_is_given_up() {
    let mut page = Page::new(r#"[{"name": "look"}]"#);
    page.service(&json!({"toolCall": {"functionCalls": [{"id": "a", "name": "look"}]}}));
    page.now = page.now + Duration::from_secs(20);
    page.hears(RelayInput::Timeout);
    assert!(page.answers[0].response.as_ref().unwrap()["error"].as_str().unwrap().contains("in time"));
}

/// A relay with a phone of few words, for what a client does not say by itself.
struct Page {
    relay: Relay,
    now: Moment,
    shown: Vec<FromProxy>,
    answers: Vec<FunctionResponse>,
}

impl Page {
    fn new(functions: &str) -> Self {
        let config = RelayConfig { tools: tools(), ..relay_config() };
        let now = Moment::after_origin(Duration::from_secs(100));
        let mut page = Self { relay: Relay::new(config), now, shown: Vec::new(), answers: Vec::new() };
        let functions = Some(Json::from(&serde_json::from_str(functions).unwrap()));
        let hello = Box::new(Hello { functions, ..hello() });
        page.hears(RelayInput::PhoneEnters { hello, secret: None });
        page.hears(RelayInput::ServiceOpen);
        page.service(&json!({"setupComplete": {}}));
        page
    }

    fn hears(&mut self, input: RelayInput) {
        self.relay.handle(input, self.now);
        loop {
            match self.relay.poll() {
                RelayOutput::Timeout(_) => return,
                RelayOutput::ToPhone { message, .. } => self.shown.push(message),
                RelayOutput::ToService(message) => {
                    if let ClientMessage::ToolResponse(response) = *message {
                        self.answers.extend(response.function_responses);
                    }
                }
                RelayOutput::CheckTool(job) => {
                    self.relay.handle(RelayInput::ToolChecked { key: job.key, problem: None }, self.now);
                }
                _ => {}
            }
        }
    }

    fn service(&mut self, message: &serde_json::Value) {
        self.hears(RelayInput::of_service(message.to_string().as_bytes()).unwrap());
    }

    fn says(&mut self, json: &str) {
        self.hears(RelayInput::PhoneText(json.into()));
    }

    fn shown(&self, wanted: ToolState) -> Vec<FromProxy> {
        let is_it =
            |message: &&FromProxy| matches!(message, FromProxy::Tool { state, .. } if *state == wanted);
        self.shown.iter().filter(is_it).cloned().collect()
    }
}

/// A tool that may run for so long.
pub(crate) fn tool(name: &str, confirm: bool, seconds: u64, behavior: Option<Behavior>) -> Tool {
    Tool {
        declaration: FunctionDeclaration { name: name.into(), behavior, ..FunctionDeclaration::default() },
        confirm,
        says: None,
        deadline: Duration::from_secs(seconds),
        scheduling: None,
    }
}

fn tools() -> Tools {
    let own = vec![
        tool("reads", false, 5, None),
        tool("sends", true, 5, None),
        tool("slow", false, 60, Some(Behavior::NonBlocking)),
    ];
    Tools { own, page_names: vec!["look".into(), "sends".into()], page_deadline: Duration::from_secs(20) }
}

fn with_tools() -> Pair {
    let mut pair = Pair::new();
    pair.relay_config.tools = tools();
    pair.begun()
}

fn calls(pair: &mut Pair, id: &str, name: &str) {
    let call = json!({"id": id, "name": name, "args": {"n": 1}});
    pair.service_says(&json!({"toolCall": {"functionCalls": [call]}}));
    pair.pass(ms(200));
}

fn done(pair: &mut Pair, job: usize, output: &str) {
    let key = pair.jobs[job].key.clone();
    let outcome = ToolOutcome::Result(json!({"output": output}).as_object().unwrap().clone());
    pair.relay_hears(RelayInput::ToolDone { key, outcome });
    pair.pass(ms(200));
}

/// What the page was asked to ask the person last.
fn asked(pair: &Pair) -> (String, String, serde_json::Value) {
    let question = |(_, event): &(_, ClientEvent)| match event {
        ClientEvent::Tool(words) => Some(words.value()).filter(|words| words["state"] == "confirm"),
        _ => None,
    };
    let question = pair.events.iter().rev().find_map(question).expect("the person is asked");
    let text = |key: &str| question[key].as_str().unwrap().to_owned();
    (text("id"), text("confirmation"), question["arguments"].clone())
}

fn confirms(pair: &mut Pair, id: &str, confirmation: &str, approved: bool) {
    let word = FromClient::ToolConfirm { id: id.into(), confirmation: confirmation.into(), approved };
    pair.does(ClientInput::Word(word.encode()));
    pair.pass(ms(200));
}

fn error(pair: &Pair, answer: usize) -> String {
    answers(pair)[answer]["response"]["error"].as_str().unwrap().to_owned()
}
