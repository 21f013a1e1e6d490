//! How a call begins.

use crate::pair::{Pair, ms};
use std::time::Duration;
use vivavoce_session::client::ClientState;
use vivavoce_session::{ClientEvent, ClientInput, Door, DoorInput, DoorOutput, Moment};
use vivavoce_wire::message::{FromClient, Upstream};
use vivavoce_wire::trouble::{Code, Trouble};

#[test]
fn says_hello_sets_up_and_is_ready() {
    let mut pair = Pair::new();
    pair.does(ClientInput::Start);
    pair.until("ready", Pair::is_ready);
    assert!(matches!(&pair.asked[0].1, FromClient::Hello(hello) if hello.audio.rate_hz == 16_000));
    assert_eq!(pair.asked[1].1, FromClient::Received { next: 0 }, "the secret has come");
    assert_eq!(pair.asked.len(), 2);
    let messages = pair.service.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["setup"]["model"], "models/gemini-3.8-live");
    assert_eq!(pair.states(), [ClientState::Connecting, ClientState::Listening]);
    let ready = ClientEvent::Ready {
        call: "call-1".into(),
        upstream: Upstream::Simulator,
        model: "models/gemini-3.8-live".into(),
    };
    assert!(pair.events.iter().any(|(_, event)| *event == ready));
}

#[test]
fn is_sent_away_with_one_sentence() {
    let mut pair = Pair::new();
    pair.verdict = Err(Trouble::new(Code::NotAdmitted, "No ticket, no call."));
    pair.does(ClientInput::Start);
    pair.until("ended", |pair| pair.ended().is_some());
    assert_eq!(pair.errors(), [("not_admitted".into(), "No ticket, no call.".into())]);
    assert_eq!(pair.ended().unwrap(), "No ticket, no call.");
    assert_eq!(pair.states(), [ClientState::Connecting, ClientState::Idle]);
    assert!(pair.service.heard.is_empty(), "the service was called for somebody who was not admitted");
}

#[test]
fn says_what_to_check_if_the_proxy_is_not_there() {
    let mut pair = Pair::new();
    pair.network.is_reachable = false;
    pair.does(ClientInput::Start);
    pair.until("ended", |pair| pair.ended().is_some());
    let [(code, sentence)] = &pair.errors()[..] else { panic!("{:?}", pair.errors()) };
    assert_eq!(code, "proxy_unreachable");
    assert!(sentence.contains("ws://proxy.example/ws ") && sentence.contains("running"), "{sentence}");
}

#[test]
fn waits_so_long_for_hello_and_no_longer() {
    let at = |ms| Moment::after_origin(Duration::from_millis(ms));
    let mut door = Door::new(ms(5_000), at(0));
    assert!(matches!(door.poll(), DoorOutput::Timeout(Some(wake)) if wake == at(5_000)));
    door.handle(DoorInput::Timeout, at(4_999));
    assert!(matches!(door.poll(), DoorOutput::Timeout(Some(_))));
    door.handle(DoorInput::Timeout, at(5_000));
    let DoorOutput::SendAway(error) = door.poll() else { panic!("no error") };
    assert_eq!((error.code, error.code.close_code()), (Code::HelloTimeout, 4401));
    assert!(matches!(door.poll(), DoorOutput::Timeout(None)));
}

#[test]
fn gives_up_a_service_that_never_answers_the_setup() {
    let mut pair = Pair::new();
    pair.service.is_mute = true;
    pair.does(ClientInput::Start);
    pair.until("an error", |pair| !pair.errors().is_empty());
    assert_eq!(pair.errors()[0].0, "service_unreachable");
    assert!(pair.now < Duration::from_secs(100) + ms(10_500), "{:?}", pair.now);
    pair.until("reconnecting", |pair| pair.states().contains(&ClientState::Reconnecting));
    pair.service.is_mute = false;
    pair.until("ready", Pair::is_ready);
    assert_eq!(pair.errors().len(), 1);
}

#[test]
fn nudges_the_model_once_if_both_sides_want_it() {
    for (wants, greeting, nudges) in
        [(true, Some("Greet me."), 1), (false, Some("Greet me."), 0), (true, None, 0)]
    {
        let mut pair = Pair::new();
        pair.relay_config.greeting = greeting.map(String::from);
        if !wants {
            pair = silent_about_greetings(pair);
        }
        pair.does(ClientInput::Start);
        pair.until("ready", Pair::is_ready);
        pair.pass(ms(500));
        let nudged = |message: &&serde_json::Value| message["realtimeInput"]["text"] == "Greet me.";
        assert_eq!(
            pair.service.messages().into_iter().filter(nudged).count(),
            nudges,
            "{wants} {greeting:?}"
        );
    }
}

#[test]
fn the_nudge_is_never_shown_as_if_the_user_had_said_it() {
    let mut pair = Pair::new();
    pair.relay_config.greeting = Some("Greet me warmly.".into());
    pair.does(ClientInput::Start);
    pair.until("ready", Pair::is_ready);
    pair.service_says(&serde_json::json!({"serverContent": {"inputTranscription": {"text": "Greet me"}}}));
    pair.service_says(&serde_json::json!({"serverContent": {"inputTranscription": {"text": " warmly."}}}));
    pair.service_says(&serde_json::json!({"serverContent": {"inputTranscription": {"text": "Hello!"}}}));
    pair.pass(ms(500));
    assert_eq!(pair.caption(vivavoce_session::client::Who::User, 0), "Hello!");
}

fn silent_about_greetings(mut pair: Pair) -> Pair {
    pair.client = vivavoce_session::Client::new(vivavoce_session::ClientConfig {
        url: "ws://proxy.example/ws".into(),
        ticket: None,
        gets_tickets: false,
        client: None,
        uplink_rate_hz: 16_000,
        greeting: false,
        continues: false,
        functions: None,
        mode: vivavoce_wire::message::Mode::Open,
        kept_audio: Duration::from_secs(1),
        barge_in: vivavoce_session::client::BargeIn::default(),
        seed: 1,
    });
    pair
}
