//! Losing the proxy, or the service behind it, and finding it again.

use crate::pair::{Pair, ms};
use crate::talk::{answers, is_done};
use std::time::Duration;
use vivavoce_session::client::{ClientState, Who};
use vivavoce_session::{ClientInput, RelayInput};
use vivavoce_wire::message::FromClient;

#[test]
fn comes_back_after_a_cut_and_keeps_what_was_said_meanwhile() {
    let mut pair = Pair::talking_once();
    pair.opens_the_microphone(1_000);
    pair.pass(ms(500));
    pair.cut();
    pair.opens_the_microphone(1_001);
    pair.until("a second relay", |pair| pair.relays == 2);
    pair.pass(ms(3_000));
    use ClientState::{Connecting, Listening, Reconnecting};
    assert_eq!(pair.states(), [Connecting, Listening, Reconnecting, Listening]);
    pair.closes_the_microphone();
    let said = pair.service.samples_of(1_001);
    pair.pass(ms(1_000));
    assert!(pair.service.samples_of(1_001) - said <= 40 * 16 + 640);
    assert_eq!(pair.client.dropped_samples(), 0);
    assert!(pair.errors().is_empty());
    // A conversation that goes on is not begun with a greeting again.
    let greetings: Vec<bool> = pair
        .asked
        .iter()
        .filter_map(|(_, message)| match message {
            FromClient::Hello(hello) => Some(hello.greeting),
            _ => None,
        })
        .collect();
    assert_eq!(greetings, [true, false]);
}

#[test]
fn what_had_come_of_a_turn_plays_on_and_the_next_call_s_turns_follow_it() {
    let mut pair = Pair::talking_once();
    answers(&mut pair, 2_000, 48_000);
    pair.pass(ms(200));
    pair.cut();
    assert_eq!(pair.player.ends[&1], 48_000);
    assert_eq!(pair.caption_ends(Who::Model), [], "it is still being heard");
    pair.until("a second relay", |pair| pair.relays == 2);
    pair.pass(ms(500));
    answers(&mut pair, 3_000, 24_000);
    is_done(&mut pair);
    pair.pass(ms(4_000));
    assert_eq!(pair.caption(Who::Model, 1), "Well, so be it.");
    assert_eq!(pair.caption_ends(Who::Model), [(1, true), (2, false)]);
    assert_eq!(pair.player.heard[&(1, 2_000)], 48_000);
    assert_eq!(pair.player.heard[&(2, 3_000)], 24_000);
    // The proxy hears of it by its own number.
    assert_eq!(pair.relay.as_ref().unwrap().heard(), (1, 24_000));
}

#[test]
fn waits_for_a_network_that_is_away_as_long_as_the_person_does() {
    let mut pair = Pair::talking();
    pair.network.is_reachable = false;
    pair.cut();
    pair.pass(Duration::from_secs(600));
    assert_eq!((pair.states().last(), pair.ended()), (Some(&ClientState::Reconnecting), None));
    assert!(pair.errors().is_empty());
    pair.network.is_reachable = true;
    pair.pass(Duration::from_secs(16));
    assert_eq!(pair.states().last(), Some(&ClientState::Listening));
}

#[test]
fn does_not_wait_when_the_network_says_that_it_is_back() {
    let mut pair = Pair::talking();
    pair.network.is_reachable = false;
    pair.cut();
    pair.pass(Duration::from_secs(100));
    pair.network.is_reachable = true;
    while pair.states().last() == Some(&ClientState::Reconnecting) {
        pair.does(ClientInput::Awake);
        pair.pass(ms(100));
    }
    assert!(pair.now < ms(201_500), "{:?}", pair.now);
}

#[test]
fn a_service_that_ends_the_call_is_called_again_and_told_once() {
    let mut pair = Pair::talking();
    pair.service_closes(1000, "");
    pair.until("a second relay", |pair| pair.relays == 2);
    pair.pass(ms(1_000));
    pair.service_closes(1000, "");
    pair.until("a third relay", |pair| pair.relays == 3);
    pair.pass(ms(1_000));
    assert_eq!(pair.states().last(), Some(&ClientState::Listening));
    assert_eq!(pair.errors().len(), 1, "{:?}", pair.errors());
}

#[test]
fn a_service_that_fails_for_ever_is_given_up() {
    let mut pair = Pair::new();
    pair.service.refuses_setup = Some((1011, "Internal error encountered.".into()));
    pair.does(ClientInput::Start);
    pair.until("ended", |pair| pair.ended().is_some());
    assert_eq!(pair.errors().len(), 1);
    assert_eq!(pair.ended().unwrap(), pair.errors()[0].1);
    assert!(pair.relays <= 9, "{}", pair.relays);
}

#[test]
fn a_proxy_that_goes_down_is_called_again() {
    let mut pair = Pair::talking();
    pair.relay_hears(RelayInput::Shutdown);
    assert!(pair.relay.as_ref().unwrap().is_over());
    assert!(pair.service.closed_at.is_some());
    pair.until("a second relay", |pair| pair.relays == 2);
    pair.pass(ms(500));
    assert_eq!(pair.states().last(), Some(&ClientState::Listening));
    assert!(pair.errors().is_empty(), "{:?}", pair.errors());
}

#[test]
fn a_try_that_hangs_is_made_anew_when_the_network_says_that_it_is_back() {
    let mut pair = Pair::talking();
    pair.network.latency = Duration::from_secs(20);
    pair.cut();
    pair.pass(ms(4_000));
    pair.network.latency = ms(40);
    pair.does(ClientInput::Awake);
    pair.pass(ms(1_500));
    assert_eq!(pair.seats, 2);
}

#[test]
fn a_network_that_breaks_again_and_again_is_tried_soon_each_time() {
    let mut pair = Pair::talking();
    for seats in 2..20 {
        pair.pass(ms(3_000));
        pair.cut();
        pair.pass(ms(1_000));
        assert_eq!(pair.seats, seats);
    }
}

#[test]
fn hanging_up_while_waiting_ends_it() {
    let mut pair = Pair::talking();
    pair.network.is_reachable = false;
    pair.cut();
    pair.does(ClientInput::HangUp);
    assert_eq!(pair.ended().unwrap(), "");
    pair.pass(Duration::from_secs(30));
    assert_eq!(pair.relays, 1);
}

#[test]
fn a_call_that_is_lost_now_and_then_is_never_given_up() {
    let mut pair = Pair::talking();
    for seats in 2..20 {
        pair.pass(Duration::from_secs(12));
        pair.cut();
        pair.until("there again", |pair| pair.seats == seats);
    }
    assert_eq!(pair.relays, 1);
    pair.pass(ms(1_000));
    assert!(pair.ended().is_none());
    assert!(pair.errors().is_empty());
}
