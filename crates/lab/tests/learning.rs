//! The learned jitter buffer against the rules of others, on the model networks.
#![allow(clippy::print_stdout)]

use vivavoce_dsp::jitter::{CANDIDATES, Outcome};
use vivavoce_dsp::player::Thresholds;
use vivavoce_lab::arrivals::{LINKS, SOURCES, trace};
use vivavoce_lab::rules::{Fixed, Learned, NetEq, cost_ms, listen};
use vivavoce_lab::trace::Turn;

/// The seed that the rule was tuned on, and two that it had never seen when it was finished.
const TUNED: u64 = 1;
const UNSEEN: [u64; 2] = [20_261, 77_003];

/// Mean costs over all cases.
#[derive(Debug, Default)]
struct Costs {
    first_chunk: f64,
    fixed_200: f64,
    neteq: f64,
    learned: f64,
    /// The best fixed pair of each case, with slow play, chosen in hindsight.
    hindsight: f64,
    /// Time played slowly and time added by that, over the length of the speech.
    slow: f64,
    stretched: f64,
}

#[test]
fn the_learned_rule_beats_the_others_on_the_networks_it_was_tuned_on() {
    judge(TUNED);
}

#[test]
fn and_on_networks_it_has_never_seen() {
    UNSEEN.into_iter().for_each(judge);
}

fn judge(seed: u64) {
    let costs = measure(seed);
    println!("seed {seed}: {costs:.3?}");
    let plain = costs.first_chunk.min(costs.fixed_200);
    assert!(costs.learned <= 0.8 * plain, "of first chunk and fixed 200: {:.3}", costs.learned / plain);
    assert!(costs.learned <= 0.85 * costs.neteq, "of NetEQ: {:.3}", costs.learned / costs.neteq);
    assert!(costs.learned <= 1.1 * costs.hindsight, "of hindsight: {:.3}", costs.learned / costs.hindsight);
    assert!(costs.slow <= 0.1, "slow for {:.3} of the speech", costs.slow);
}

fn measure(seed: u64) -> Costs {
    let mut costs = Costs::default();
    let cases = (LINKS.len() * SOURCES.len()) as f64;
    for link in LINKS {
        for source in SOURCES {
            let trace = trace(source, link, seed, 250);
            let speech: u64 = trace.iter().map(Turn::samples).sum();
            let learned = listen(&trace, &mut Learned::default());
            let slow: u64 = learned.iter().map(|outcome| outcome.slow_samples).sum();
            costs.first_chunk += cost_ms(&listen(&trace, &mut Fixed::of_ms(0))) / cases;
            costs.fixed_200 += cost_ms(&listen(&trace, &mut Fixed::of_ms(200))) / cases;
            costs.neteq += cost_ms(&listen(&trace, &mut NetEq::default())) / cases;
            costs.learned += cost_ms(&learned) / cases;
            costs.hindsight += best_fixed(|rule| listen(&trace, rule)) / cases;
            costs.slow += slow as f64 / speech as f64 / cases;
            costs.stretched += slow as f64 / 10.0 / speech as f64 / cases;
        }
    }
    costs
}

fn best_fixed(listen: impl Fn(&mut Fixed) -> Vec<Outcome>) -> f64 {
    CANDIDATES
        .iter()
        .map(|&(start_ms, restart_ms)| {
            let thresholds = Thresholds::of_ms(start_ms, restart_ms);
            cost_ms(&listen(&mut Fixed { thresholds, slows: true }))
        })
        .fold(f64::INFINITY, f64::min)
}
