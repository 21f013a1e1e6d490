//! The service is ahead of the listener: a second turn comes while the first still plays.

use crate::pair::{Pair, ms, speech};
use crate::talk::{answers, is_done};
use serde_json::json;
use vivavoce_session::ClientInput;
use vivavoce_session::client::Who;
use vivavoce_wire::message::{FromProxy, TurnState};

fn turn(epoch: u32, state: TurnState) -> ClientInput {
    ClientInput::SocketText(FromProxy::Turn { epoch, state, samples: 0, reason: None }.encode())
}

#[test]
fn is_played_after_it() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 72_000);
    is_done(&mut pair);
    answers(&mut pair, 3_000, 24_000);
    is_done(&mut pair);
    pair.pass(ms(300));
    assert_eq!(pair.player.heard_of(2), 0);
    pair.pass(ms(5_000));
    assert_eq!(pair.player.heard[&(1, 2_000)], 72_000);
    assert_eq!(pair.player.heard[&(2, 3_000)], 24_000);
    assert_eq!(pair.caption_ends(Who::Model), [(1, false), (2, false)]);
    assert_eq!(pair.relay.as_ref().unwrap().heard(), (2, 24_000));
}

#[test]
fn survives_the_silencing_of_the_older() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 120_000);
    is_done(&mut pair);
    answers(&mut pair, 3_000, 24_000);
    is_done(&mut pair);
    pair.pass(ms(300));
    pair.does(turn(1, TurnState::Interrupted));
    pair.pass(ms(2_000));
    assert!(pair.player.heard_of(1) < 60_000);
    assert_eq!(pair.player.heard[&(2, 3_000)], 24_000);
    assert_eq!(pair.caption_ends(Who::Model), [(1, true), (2, false)]);
}

#[test]
fn is_silenced_with_the_older_if_the_user_speaks_over_both() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 120_000);
    is_done(&mut pair);
    answers(&mut pair, 3_000, 24_000);
    pair.pass(ms(300));
    pair.service_says(&json!({"serverContent": {"interrupted": true}}));
    pair.pass(ms(300));
    assert!(pair.player.is_silent());
    assert_eq!(pair.player.heard_of(2), 0);
    assert_eq!(pair.caption_ends(Who::Model), [(1, true), (2, true)]);
}

#[test]
fn an_answer_to_the_interruption_is_not_taken_for_the_turn_that_was_cut() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 240_000);
    is_done(&mut pair);
    pair.pass(ms(100));
    // The turn is complete for the service, so no other word of its end follows.
    pair.service_says(&json!({"serverContent": {"interrupted": true}}));
    pair.service_says(&speech(3_000, 4_800));
    pair.service_says(&json!({"serverContent": {"turnComplete": true}}));
    pair.pass(ms(1_000));
    assert_eq!(pair.player.heard[&(2, 3_000)], 4_800);
}

#[test]
fn frames_of_a_dead_turn_that_a_careless_proxy_sends_never_sound() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 24_000);
    pair.pass(ms(200));
    pair.does(turn(1, TurnState::Interrupted));
    // More of turn 1 comes from the relay, which knows nothing of it.
    pair.service_says(&speech(2_001, 4_800));
    is_done(&mut pair);
    pair.pass(ms(1_000));
    assert!(!pair.player.heard.keys().any(|(_, sample)| *sample == 2_001));
}
