//! Compares the rules of playout on the model networks: `cargo run --release -p vivavoce-lab --example arrivals [SEED]`
#![allow(clippy::print_stdout)]

use vivavoce_dsp::jitter::CANDIDATES;
use vivavoce_dsp::player::Thresholds;
use vivavoce_lab::arrivals::{LINKS, SOURCES, trace};
use vivavoce_lab::rules::{Fixed, Learned, NetEq, Rule, cost_ms, listen};
use vivavoce_lab::trace::Turn;

fn main() {
    let seed = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(1);
    println!("| link | source | first chunk | fixed 200 | NetEQ | learned | best fixed | slow % |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut sums = [0.0; 6];
    for link in LINKS {
        for source in SOURCES {
            let trace = trace(source, link, seed, 250);
            let cost = |rule: &mut dyn Rule| cost_ms(&listen(&trace, rule));
            let learned = listen(&trace, &mut Learned::default());
            let best = CANDIDATES
                .iter()
                .map(|&(start, restart)| {
                    cost(&mut Fixed { thresholds: Thresholds::of_ms(start, restart), slows: true })
                })
                .fold(f64::INFINITY, f64::min);
            let slow: u64 = learned.iter().map(|outcome| outcome.slow_samples).sum();
            let speech: u64 = trace.iter().map(Turn::samples).sum();
            let row = [
                cost(&mut Fixed::of_ms(0)),
                cost(&mut Fixed::of_ms(200)),
                cost(&mut NetEq::default()),
                cost_ms(&learned),
                best,
                100.0 * slow as f64 / speech as f64,
            ];
            println!("| {link:?} | {source:?} | {} |", row.map(|n| format!("{n:.1}")).join(" | "));
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value / 9.0);
        }
    }
    println!("| all | all | {} |", sums.map(|n| format!("{n:.1}")).join(" | "));
    let [first, fixed, neteq, learned, best, _] = sums;
    println!(
        "\nlearned / better of first and fixed {:.3}, / NetEQ {:.3}, / best fixed {:.3}",
        learned / first.min(fixed),
        learned / neteq,
        learned / best
    );
}
