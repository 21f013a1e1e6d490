//! A call of twenty-four hours in which everything ends again and again: connections on both sides, and proxies.

use crate::pair::{Pair, Said, ms};
use crate::talk::{answers, is_done};
use serde_json::json;
use std::time::Duration;
use vivavoce_session::RelayInput;

/// Chance that is the same in every run.
struct Dice(u64);

impl Dice {
    /// A number below this: the upper half of a linear congruence (Knuth, The Art of Computer Programming 2, 3.3.4).
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// What may befall a call while somebody speaks, or is answered.
fn befalls(pair: &mut Pair, dice: &mut Dice) {
    match dice.below(8) {
        0 => pair.cut(),
        1 => {
            pair.network.is_reachable = false;
            pair.cut();
        }
        2 => pair.proxy_dies(),
        3 => pair.relay_hears(RelayInput::Move { within: Duration::from_secs(dice.below(20)) }),
        // What is not there says nothing.
        _ if !pair.service.listens() => {}
        4 => pair.service_says(&json!({"goAway": {"timeLeft": format!("{}s", dice.below(60))}})),
        5 => pair.service_closes(1011, "Internal error encountered."),
        6 => pair.service_closes(1006, ""),
        _ => {}
    }
}

#[test]
fn twenty_four_hours_of_everything_lose_no_word() {
    let mut pair = Pair::talking();
    pair.closes_the_microphone();
    let (mut dice, began) = (Dice(24), pair.now);
    let (mut rounds, mut ends) = (0, 0);
    while pair.now - began < Duration::from_secs(24 * 60 * 60) {
        rounds += 1;
        let setups = pair.service.setups.len();
        let last = FIRST + 50 + i16::try_from(dice.below(100)).unwrap();
        let bad_moment = FIRST + i16::try_from(dice.below(150)).unwrap();
        for number in FIRST..=last {
            pair.opens_the_microphone(number);
            pair.pass(ms(20));
            if number == bad_moment {
                befalls(&mut pair, &mut dice);
            }
        }
        pair.closes_the_microphone();
        pair.pass(ms(dice.below(3_000)));
        pair.network.is_reachable = true;
        pair.pass(Duration::from_secs(40));
        if dice.below(2) == 0 {
            answers(&mut pair, 500, 24_000);
            befalls(&mut pair, &mut dice);
            pair.pass(ms(dice.below(2_000)));
            pair.network.is_reachable = true;
            pair.pass(Duration::from_secs(40));
            if pair.service.listens() {
                is_done(&mut pair);
            }
        }
        // A change may just have come, after which it is told again.
        pair.until("all is said", |pair| known(pair).any(|(number, _)| number >= last - 1));
        remembers(&pair, last, rounds);
        pair.pass(Duration::from_secs(dice.below(240)));
        assert!(pair.service.listens(), "round {rounds}: {:?}", pair.errors());
        // From here on the service has that safe, and the next round is told apart from it.
        pair.service.history.clear();
        pair.service_gives_a_handle();
        pair.pass(ms(2_000));
        ends += pair.service.setups.len() - setups;
    }
    assert_eq!((pair.ended(), pair.errors().len(), pair.client.dropped_samples()), (None, 0, 0));
    assert!(rounds > 200 && ends > 200, "{rounds} rounds, {ends} ends");
}

/// The frames that the service knows, each with its samples.
fn known(pair: &Pair) -> impl Iterator<Item = (i16, usize)> {
    pair.service.history.iter().filter_map(|(_, said)| match said {
        Said::Audio { samples, first } if *first >= FIRST => Some((*first, *samples)),
        Said::Audio { .. } | Said::Message(_) => None,
    })
}

/// Says that the service knows each number from the first to the last, whole and in order: twice at most what was on its way
/// when a handle was given.
fn remembers(pair: &Pair, last: i16, round: u32) {
    let mut next = FIRST;
    let mut twice = 0;
    for (number, samples) in known(pair) {
        assert_eq!(samples, 320, "round {round}, frame {number}");
        assert!(number <= next, "round {round}: {number} came before {next}");
        twice += usize::from(number < next);
        next = next.max(number + 1);
    }
    assert!(next == last + 1 || next == last, "round {round}: known up to {next} of {last}");
    assert!(twice <= 60, "round {round}: {twice} twice");
}

const FIRST: i16 = 1_000;
