//! The native detector hears what `tests/vad/golden.txt` says, which the tests of the module compare with what
//! wasm hears. After an intended change run this test with `VIVAVOCE_BLESS=1`.

use std::fmt::Write as _;
use vivavoce_dsp::speech::Change;
use vivavoce_vad::{HOP_SAMPLES, Listener};

#[test]
fn native_hearing_is_golden() {
    let mut listener = Listener::new();
    let (mut hash, mut changes) = (0x811c_9dc5_u32, String::new());
    for (index, hop) in pretend_voice().chunks_exact(HOP_SAMPLES).enumerate() {
        listener.push(hop, index % 500 < 300, &mut |change| {
            let word = if change == Change::Begins { "begins" } else { "ends" };
            write!(changes, " {word} {index}").expect("a string takes all");
        });
        let last = listener.last();
        for byte in last.probability.to_le_bytes().into_iter().chain(last.power.to_le_bytes()) {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }
    let found = format!("{hash:08x}{changes}\n");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vad/golden.txt");
    if std::env::var_os("VIVAVOCE_BLESS").is_some() {
        std::fs::write(path, &found).expect("the repository is writable");
    }
    assert!(changes.matches("begins").count() > 5, "the voice is heard: {changes}");
    assert_eq!(found, std::fs::read_to_string(path).expect("the file is in the repository"));
}

/// Two minutes of vowels and silence: pulses at 110 to 160 Hz through two resonances. Sums and products of
/// doubles alone, so that JavaScript makes the same.
fn pretend_voice() -> Vec<i16> {
    let (mut state, mut phase) = (1_u32, 0_u32);
    let (mut one, mut two, mut three, mut four) = (0.0_f64, 0.0, 0.0, 0.0);
    let mut sample = |i: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = f64::from(state >> 8) / 16_777_216.0 - 0.5;
        phase += 110 + (i >> 7) % 50;
        let pulse = phase >= 16_000;
        phase -= if pulse { 16_000 } else { 0 };
        let is_voiced = (i >> 12) % 13 < 4 + (i >> 16) % 5;
        let source = if is_voiced && pulse { 1.0 } else { 0.0 } + noise * 0.002;
        let first = source + 1.86 * one - 0.94 * two;
        (two, one) = (one, first);
        let second = first + 1.65 * three - 0.93 * four;
        (four, three) = (three, second);
        (second * f64::from(100 + 40 * ((i >> 15) % 7))) as i16
    };
    (0..120 * 16_000).map(&mut sample).collect()
}
