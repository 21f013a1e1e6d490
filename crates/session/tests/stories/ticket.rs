//! A ticket opens one call: another is had where the first was shown in vain.

use crate::pair::{Pair, ms};
use std::time::Duration;
use vivavoce_session::client::ClientState;
use vivavoce_session::{ClientEvent, ClientInput};
use vivavoce_wire::message::FromClient;
use vivavoce_wire::trouble::{Code, Trouble};

#[test]
fn a_connection_that_is_lost_before_ready_is_followed_by_one_with_a_fresh_ticket() {
    let mut pair = Pair::with_a_ticket();
    let began = pair.now;
    pair.opens_the_microphone(5);
    pair.does(ClientInput::Start);
    pair.until("a relay", |pair| pair.relays == 1);
    pair.cut();
    pair.until("ready", Pair::is_ready);
    assert_eq!(shown(&pair), [("first", false), ("second", false)]);
    assert_eq!((pair.tickets, pair.errors()), (1, vec![]));
    pair.closes_the_microphone();
    let spoken = (pair.now - began).as_millis() as usize * 16;
    pair.pass(ms(5_000));
    let heard = pair.service.samples_of(5);
    assert!(heard.abs_diff(spoken) <= 2 * 320, "{heard} of {spoken}");
}

#[test]
fn a_ticket_that_was_used_is_followed_by_a_fresh_one_and_nobody_is_told() {
    let mut pair = Pair::with_a_ticket();
    pair.used_tickets = Some(vec!["first".into()]);
    pair.does(ClientInput::Start);
    pair.until("ready", Pair::is_ready);
    assert_eq!(shown(&pair), [("first", false), ("second", false)]);
    assert_eq!(pair.errors(), []);
    use ClientState::{Connecting, Listening, Reconnecting};
    assert_eq!(pair.states(), [Connecting, Reconnecting, Listening]);
}

#[test]
fn tickets_that_are_refused_one_after_the_other_end_the_call_with_one_sentence() {
    let mut pair = Pair::with_a_ticket();
    pair.verdict = Err(Trouble::new(Code::NotAdmitted, "Open the page again."));
    pair.does(ClientInput::Start);
    pair.until("the end", |pair| pair.ended().is_some());
    assert_eq!(pair.tickets, 2);
    assert_eq!(pair.errors(), [("not_admitted".into(), "Open the page again.".into())]);
    assert_eq!(pair.ended().unwrap(), "Open the page again.");
}

#[test]
fn a_refusal_for_another_reason_is_final() {
    let mut pair = Pair::with_a_ticket();
    pair.verdict = Err(Trouble::new(Code::NotAllowed, "This page may not call."));
    pair.does(ClientInput::Start);
    pair.until("the end", |pair| pair.ended().is_some());
    assert_eq!((pair.tickets, shown(&pair).len()), (0, 1));
}

#[test]
fn who_can_get_no_other_shows_the_one_they_have() {
    let mut pair = Pair::new();
    pair.used_tickets = Some(vec![String::new()]);
    pair.does(ClientInput::Start);
    pair.until("the end", |pair| pair.ended().is_some());
    assert_eq!((pair.tickets, pair.errors()[0].0.as_str()), (0, "not_admitted"));
}

#[test]
fn a_call_that_is_taken_up_again_needs_no_other_and_one_in_its_place_does() {
    let mut pair = Pair::with_a_ticket().begun();
    pair.cut();
    pair.until("a second seat", |pair| pair.seats == 2);
    assert_eq!(shown(&pair), [("first", false), ("first", true)]);
    // For longer than the proxy keeps the call.
    pair.network.is_reachable = false;
    pair.cut();
    pair.pass(Duration::from_secs(60));
    pair.network.is_reachable = true;
    pair.until("a second relay", |pair| pair.relays == 2);
    assert_eq!(shown(&pair)[2..], [("first", true), ("second", false)]);
    assert_eq!(pair.errors(), []);
}

#[test]
fn waits_for_a_network_over_which_a_ticket_can_be_had() {
    let mut pair = Pair::with_a_ticket();
    pair.does(ClientInput::Start);
    pair.until("a relay", |pair| pair.relays == 1);
    pair.network.is_reachable = false;
    pair.cut();
    pair.pass(Duration::from_secs(300));
    assert_eq!((pair.states().last(), pair.errors()), (Some(&ClientState::Reconnecting), vec![]));
    assert!(pair.tickets < 50, "{}", pair.tickets);
    pair.network.is_reachable = true;
    pair.until("ready", Pair::is_ready);
    assert_eq!(shown(&pair), [("first", false), ("second", false)]);
}

#[test]
fn a_page_that_never_answers_is_asked_again_and_a_late_ticket_opens_nothing_twice() {
    let mut pair = Pair::with_a_ticket();
    pair.does(ClientInput::Start);
    pair.until("a relay", |pair| pair.relays == 1);
    pair.network.latency = Duration::from_secs(10);
    pair.cut();
    pair.until("asked again", |pair| pair.tickets == 2);
    pair.network.latency = ms(40);
    pair.until("ready", Pair::is_ready);
    pair.pass(Duration::from_secs(30));
    let wanted = |(_, event): &&(Duration, ClientEvent)| *event == ClientEvent::Ticket;
    assert_eq!(pair.events.iter().filter(wanted).count(), 2);
    assert_eq!(shown(&pair), [("first", false), ("second", false)]);
}

#[test]
fn hanging_up_while_a_ticket_is_on_its_way_ends_the_call() {
    let mut pair = Pair::with_a_ticket();
    pair.does(ClientInput::Start);
    pair.until("a relay", |pair| pair.relays == 1);
    pair.cut();
    pair.until("asked", |pair| pair.tickets == 1);
    pair.does(ClientInput::HangUp);
    assert_eq!(pair.ended().as_deref(), Some(""));
    pair.pass(Duration::from_secs(30));
    assert_eq!(pair.relays, 1);
}

/// The tickets that were shown, and whether a call was to be taken up with them.
fn shown(pair: &Pair) -> Vec<(&str, bool)> {
    let shown = pair.asked.iter().filter_map(|(_, message)| match message {
        FromClient::Hello(hello) => {
            Some((hello.ticket.as_deref().unwrap_or_default(), hello.resume.is_some()))
        }
        _ => None,
    });
    shown.collect()
}
