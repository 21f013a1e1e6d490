//! The native lines give the bits in `tests/worklet/golden.txt`, which the tests of the module compare with
//! what wasm gives. After an intended change of the sound run this test with `VIVAVOCE_BLESS=1`.

use std::fmt::Write as _;
use vivavoce_dsp::player::Yielding;
use vivavoce_dsp::{Player, Recorder};

#[test]
fn native_sound_is_golden() {
    let mut found = String::new();
    for rate in [8_000, 16_000, 44_100, 47_999, 48_000, 96_000] {
        writeln!(found, "recorder {rate} {}", recorded(rate)).expect("a string takes all");
    }
    for rate in [8_000, 24_000, 44_100, 47_999, 48_000, 96_000] {
        writeln!(found, "player {rate} {}", played(rate)).expect("a string takes all");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/worklet/golden.txt");
    if std::env::var_os("VIVAVOCE_BLESS").is_some() {
        std::fs::write(path, &found).expect("the repository is writable");
    }
    assert_eq!(found, std::fs::read_to_string(path).expect("the file is in the repository"));
}

/// Half a second of noise on two channels, the second half as loud.
fn recorded(rate: u32) -> String {
    let mut recorder = Box::new(Recorder::new());
    recorder.design(rate).expect("the rate is allowed");
    let left = noise(rate as usize / 2);
    let right: Vec<f32> = left.iter().map(|sample| sample * 0.5).collect();
    let mut bytes = Vec::new();
    recorder.push(&[&left, &right], left.len(), &mut |frame, _| {
        bytes.extend(frame.iter().flat_map(|sample| sample.to_le_bytes()));
    });
    hash(&bytes)
}

/// A turn that starves, goes on, is cut off, one that ends, and one that comes bit by bit and gives way.
fn played(rate: u32) -> String {
    let mut player = Box::new(Player::<100_000>::new());
    player.design(rate).expect("the rate is allowed");
    let voice: Vec<i16> = noise(24_000).iter().map(|sample| (sample * 32_768.0) as i16).collect();
    let mut bytes = Vec::new();
    let mut pull = |player: &mut Player<100_000>, frames: u32| {
        let mut output = vec![0.0; frames as usize];
        player.pull(&mut output);
        bytes.extend(output.iter().flat_map(|sample: &f32| sample.to_le_bytes()));
    };
    player.push(1, 0, &voice[..4_000]);
    pull(&mut player, rate / 4);
    player.push(1, 4_000, &voice[4_000..16_000]);
    pull(&mut player, rate / 4);
    player.flush(1);
    player.push(2, 0, &voice[16_000..]);
    player.end(2, 8_000);
    pull(&mut player, rate / 2);
    for part in 0..10 {
        let from = part * 2_400;
        player.push(3, from as u64, &voice[from..from + 2_400]);
        player.give_way(GIVEN[part % GIVEN.len()]);
        pull(&mut player, rate / 10);
    }
    hash(&bytes)
}

const GIVEN: [Yielding; 5] = [Yielding::Not, Yielding::Not, Yielding::Duck, Yielding::Hold, Yielding::Not];

fn noise(count: usize) -> Vec<f32> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 16_777_216.0 - 0.5
    };
    (0..count).map(|_| next()).collect()
}

/// FNV-1a, 32 bits.
fn hash(bytes: &[u8]) -> String {
    let state =
        bytes.iter().fold(0x811c_9dc5u32, |state, &byte| (state ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{state:08x}")
}
