//! Connections that die without a word.

use crate::pair::{Pair, ms};
use std::time::Duration;
use vivavoce_session::RelayInput;
use vivavoce_session::client::ClientState;
use vivavoce_wire::message::{FromClient, FromProxy};

#[test]
fn a_quiet_call_is_asked_for_signs_of_life_and_lives() {
    let mut pair = Pair::talking();
    pair.closes_the_microphone();
    pair.pass(Duration::from_secs(600));
    let pings = pair.asked.iter().filter(|(_, message)| matches!(message, FromClient::Ping { .. })).count();
    assert!((110..=120).contains(&pings), "{pings}");
    assert_eq!(pair.relays, 1);
    assert_eq!(pair.states().last(), Some(&ClientState::Listening));
}

#[test]
fn frames_of_the_socket_s_own_are_signs_of_life() {
    let mut pair = Pair::talking();
    pair.closes_the_microphone();
    pair.network.is_black_hole = true;
    pair.network.is_reachable = false;
    let died_at = pair.now;
    for _ in 0..20 {
        pair.relay_hears(RelayInput::PhoneAlive);
        pair.pass(ms(9_000));
    }
    assert!(
        !pair.told.iter().any(|(at, message)| *at > died_at && matches!(message, FromProxy::Ping { .. }))
    );
    assert_eq!(pair.service.closed_at, None);
}

#[test]
fn a_dead_proxy_is_noticed_and_called_again() {
    let mut pair = Pair::talking();
    pair.network.is_black_hole = true;
    let died_at = pair.now;
    pair.until("noticed", |pair| pair.states().last() == Some(&ClientState::Reconnecting));
    assert_eq!(pair.now - died_at, ms(11_000));
    pair.network.is_black_hole = false;
    pair.until("there again", |pair| pair.seats == 2);
}

#[test]
fn a_dead_phone_is_noticed_and_the_service_let_go() {
    let mut pair = Pair::talking_once();
    pair.closes_the_microphone();
    pair.network.is_black_hole = true;
    pair.network.is_reachable = false;
    let died_at = pair.now;
    pair.until("noticed", |pair| pair.service.closed_at.is_some());
    let took = pair.now - died_at;
    assert!(took <= ms(20_100), "{took:?}");
    assert_eq!(pair.told.iter().filter(|(_, message)| matches!(message, FromProxy::Ping { .. })).count(), 2);
}
