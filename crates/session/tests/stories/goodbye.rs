//! How a call ends.

use crate::pair::{Pair, Said, ms};
use vivavoce_session::client::ClientState;
use vivavoce_session::{ClientInput, RelayInput};
use vivavoce_wire::message::FromProxy;

#[test]
fn closes_the_user_s_turn_and_then_everything() {
    let mut pair = Pair::talking();
    pair.opens_the_microphone(1_000);
    pair.pass(ms(500));
    let silent_before = pair.service.samples_of(0);
    pair.does(ClientInput::HangUp);
    pair.until("ended", |pair| pair.ended().is_some());
    assert_eq!(pair.ended().unwrap(), "");
    assert_eq!(pair.states().last(), Some(&ClientState::Idle));
    // 700 ms of silence end a turn, and 300 more make sure.
    assert_eq!(pair.service.samples_of(0) - silent_before, 16_000);
    let Some((ended_at, Said::Message(last))) = pair.service.heard.last() else { panic!("no message") };
    assert_eq!(last["realtimeInput"]["audioStreamEnd"], true);
    assert_eq!(pair.service.stream_ends(), 1);
    assert_eq!(pair.service.closed_at, Some(*ended_at));
    assert!(matches!(pair.told.last(), Some((_, FromProxy::Bye { .. }))));
    assert!(pair.relay.as_ref().unwrap().is_over());
    assert!(pair.errors().is_empty());
}

#[test]
fn waits_two_seconds_for_a_proxy_that_says_nothing() {
    let mut pair = Pair::talking();
    pair.network.is_black_hole = true;
    let left_at = pair.now;
    pair.does(ClientInput::HangUp);
    pair.until("ended", |pair| pair.ended().is_some());
    assert_eq!(pair.now - left_at, ms(2_000));
    assert_eq!(pair.ended().unwrap(), "");
}

#[test]
fn hanging_up_before_anyone_answers_ends_at_once() {
    for wait in [0, 50, 130, 200] {
        let mut pair = Pair::new();
        pair.does(ClientInput::Start);
        pair.pass(ms(wait));
        pair.does(ClientInput::HangUp);
        pair.until("ended", |pair| pair.ended().is_some());
        assert_eq!(pair.ended().unwrap(), "", "after {wait} ms");
        pair.pass(ms(3_000));
        assert!(pair.errors().is_empty());
    }
}

#[test]
fn a_phone_that_vanishes_for_good_leaves_nothing_open() {
    let mut pair = Pair::talking_once();
    pair.opens_the_microphone(1_000);
    pair.pass(ms(500));
    pair.relay_hears(RelayInput::PhoneClosed);
    assert_eq!(pair.service.stream_ends(), 1);
    assert!(pair.service.closed_at.is_some());
    assert!(pair.relay.as_ref().unwrap().is_over());
}

#[test]
fn the_proxy_s_goodbye_ends_the_call_with_its_reason() {
    let mut pair = Pair::talking();
    let bye = FromProxy::Bye { reason: "It is late.".into() };
    pair.does(ClientInput::SocketText(bye.encode()));
    assert_eq!(pair.ended().unwrap(), "It is late.");
    assert!(pair.errors().is_empty());
}
