//! A call outlives the proxy that leads it: another goes on with it, from what the first made safe.

use crate::pair::{Pair, ms, speech};
use crate::talk::{answers, is_done};
use std::time::Duration;
use vivavoce_session::RelayInput;
use vivavoce_session::client::Who;
use vivavoce_wire::message::FromProxy;

/// The person says one number after the other, 20 ms each, and then nothing.
fn counts(pair: &mut Pair, numbers: core::ops::Range<i16>) {
    for number in numbers {
        pair.opens_the_microphone(number);
        pair.pass(ms(20));
    }
    pair.opens_the_microphone(0);
}

/// Says that the session knows each of these numbers, whole and in order; twice at most what was on its way when a handle
/// was given.
#[track_caller]
fn knows(pair: &Pair, numbers: core::ops::Range<i16>) {
    let mut known = pair.service.known();
    known.retain(|(number, _)| numbers.contains(number));
    let all = known.len();
    let mut next = numbers.start;
    known.retain(|(number, _)| {
        let is_next = *number == next;
        next += i16::from(is_next);
        is_next
    });
    assert!(all - known.len() <= 10, "{} of them twice", all - known.len());
    assert_eq!(known, Vec::from_iter(numbers.map(|number| (number, 320))));
}

#[test]
fn what_the_person_said_since_the_checkpoint_is_said_again_when_a_proxy_dies() {
    for handles in [0, 1, 2] {
        let mut pair = Pair::talking();
        counts(&mut pair, 1..100);
        for _ in 0..handles {
            pair.service_gives_a_handle();
            counts(&mut pair, 100..150);
        }
        counts(&mut pair, 200..250);
        pair.proxy_dies();
        counts(&mut pair, 250..400);
        pair.closes_the_microphone();
        pair.until("there again", |pair| pair.seats == 2);
        pair.pass(ms(8_000));
        knows(&pair, 2..100);
        knows(&pair, 200..400);
        assert_eq!(pair.service.setups.len(), 2);
        assert_eq!(pair.service.setups[1].1["sessionResumption"]["handle"].is_string(), handles > 0);
        assert_eq!((pair.relays, pair.errors().len(), pair.client.dropped_samples()), (2, 0, 0));
    }
}

#[test]
fn what_had_reached_the_phone_plays_on_and_the_next_turn_follows_it() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 24_000);
    is_done(&mut pair);
    pair.pass(ms(2_000));
    pair.service_gives_a_handle();
    pair.pass(ms(200));
    answers(&mut pair, 2_001, 48_000);
    pair.pass(ms(300));
    pair.proxy_dies();
    pair.until("there again", |pair| pair.seats == 2);
    pair.pass(ms(400));
    answers(&mut pair, 2_002, 24_000);
    is_done(&mut pair);
    pair.pass(ms(5_000));
    let heard = |turn, sample| pair.player.heard.get(&(turn, sample)).copied();
    assert_eq!(
        (heard(1, 2_000), heard(2, 2_001), heard(3, 2_002)),
        (Some(24_000), Some(48_000), Some(24_000))
    );
    assert_eq!(pair.player.ends[&2], 48_000);
    assert_eq!(pair.caption_ends(Who::Model), [(1, false), (2, true), (3, false)]);
}

#[test]
fn a_quiet_call_moves_at_once_and_a_busy_one_when_it_is_quiet() {
    for is_busy in [false, true] {
        let mut pair = Pair::talking();
        counts(&mut pair, 1..50);
        answers(&mut pair, 2_000, 24_000);
        if !is_busy {
            is_done(&mut pair);
        }
        pair.service_gives_a_handle();
        pair.pass(ms(100));
        pair.relay_hears(RelayInput::Move { within: Duration::from_secs(20) });
        pair.pass(ms(2_500));
        assert_eq!(pair.seats, if is_busy { 1 } else { 2 });
        if is_busy {
            pair.service_says(&speech(2_001, 24_000));
            is_done(&mut pair);
            pair.service_gives_a_handle();
            pair.until("moved", |pair| pair.seats == 2);
            pair.pass(ms(3_000));
            assert_eq!(pair.player.heard[&(1, 2_001)], 24_000);
        }
        assert_eq!(pair.player.heard[&(1, 2_000)], 24_000);
        knows(&pair, 2..50);
        assert_eq!((pair.relays, pair.client.dropped_samples(), pair.ended()), (2, 0, None));
        assert!(pair.errors().is_empty(), "the page has no need to know");
    }
}

#[test]
fn a_call_that_is_never_quiet_moves_when_its_time_is_over() {
    let mut pair = Pair::talking();
    pair.service_gives_a_handle();
    counts(&mut pair, 1..50);
    answers(&mut pair, 2_000, 24_000);
    pair.relay_hears(RelayInput::Move { within: Duration::from_secs(2) });
    pair.pass(ms(1_900));
    assert_eq!(pair.seats, 1);
    pair.until("moved", |pair| pair.seats == 2);
    pair.pass(ms(3_000));
    knows(&pair, 2..50);
}

#[test]
fn a_phone_that_is_away_finds_its_call_with_another_proxy() {
    let mut pair = Pair::talking();
    pair.service_gives_a_handle();
    pair.pass(ms(100));
    pair.network.is_reachable = false;
    pair.cut();
    counts(&mut pair, 1..50);
    pair.relay_hears(RelayInput::Move { within: Duration::from_secs(2) });
    pair.pass(ms(3_000));
    pair.network.is_reachable = true;
    pair.until("there again", |pair| pair.seats == 2);
    pair.pass(ms(3_000));
    knows(&pair, 2..50);
    assert_eq!(pair.relays, 2);
}

#[test]
fn a_handle_that_is_refused_by_then_costs_the_conversation_and_not_the_call() {
    let mut pair = Pair::talking();
    counts(&mut pair, 1..50);
    pair.service_gives_a_handle();
    pair.pass(ms(200));
    counts(&mut pair, 50..100);
    pair.service.forgets_handles = true;
    pair.proxy_dies();
    pair.until("there again", |pair| pair.seats == 2);
    pair.pass(ms(8_000));
    knows(&pair, 51..100);
    assert_eq!(pair.ended(), None);
}

#[test]
fn a_call_that_cannot_be_taken_up_ends_in_place_of_moving() {
    let mut pair = Pair::talking_once();
    pair.relay_hears(RelayInput::Move { within: Duration::from_secs(20) });
    pair.pass(ms(100));
    assert!(pair.told_at(|message| matches!(message, FromProxy::Error { .. })).is_some());
}
