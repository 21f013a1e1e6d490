//! rubato behind a C door: one resampler at a time, fed whatever number of samples comes.
//!
//! The caller writes into the input area, calls [`push`], and reads as many samples from the output area as it
//! returns.

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Async, Fft, FixedAsync, FixedSync, Resampler, SincInterpolationParameters, WindowFunction};
use std::cell::RefCell;

/// What the caller can ask for.
#[derive(Clone, Copy)]
enum Kind {
    /// In the frequency domain; so many samples in at a time.
    FftInput(usize),
    /// In the frequency domain; whole blocks of about so many samples on both sides, as its examples have it.
    FftBoth(usize),
    /// A windowed sinc of so many taps, cubic between its rows; 128 samples in at a time.
    Sinc(usize),
}

/// A resampler and what waits for its next chunk.
struct Line {
    resampler: Box<dyn Resampler<f32>>,
    waiting: Vec<f32>,
    made: Vec<f32>,
}

struct Room {
    line: Option<Line>,
    input: Vec<f32>,
    output: Vec<f32>,
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::new(Room {
        line: None,
        input: vec![0.0; CAPACITY],
        output: vec![0.0; 8 * CAPACITY],
    });
}

/// Begins a new stream with the resampler `kind`, an index into [`KINDS`]; 0 if there is none for these rates, or else 1.
#[unsafe(no_mangle)]
pub extern "C" fn open(kind: usize, from_hz: usize, to_hz: usize) -> u32 {
    let made = KINDS.get(kind).and_then(|&kind| design(kind, from_hz, to_hz));
    ROOM.with_borrow_mut(|room| {
        room.line = made.map(|resampler| Line {
            waiting: Vec::with_capacity(CAPACITY + resampler.input_frames_max()),
            made: vec![0.0; resampler.output_frames_max()],
            resampler,
        });
        u32::from(room.line.is_some())
    })
}

/// Takes the first `count` samples of the input area; returns how many samples of the output area they made.
#[unsafe(no_mangle)]
pub extern "C" fn push(count: usize) -> usize {
    ROOM.with_borrow_mut(|Room { line, input, output }| {
        let Some(Line { resampler, waiting, made }) = line else { return 0 };
        waiting.extend_from_slice(&input[..count.min(CAPACITY)]);
        let (mut taken, mut given) = (0, 0);
        while waiting.len() - taken >= resampler.input_frames_next() {
            let chunk = &waiting[taken..taken + resampler.input_frames_next()];
            let frames = made.len();
            let from = SequentialSlice::new(chunk, 1, chunk.len()).expect("one channel");
            let mut to = SequentialSlice::new_mut(made, 1, frames).expect("one channel");
            let (used, count) =
                resampler.process_into_buffer(&from, &mut to, None).expect("the sizes it asked for");
            output[given..given + count].copy_from_slice(&made[..count]);
            taken += used;
            given += count;
        }
        waiting.drain(..taken);
        given
    })
}

/// Where the input area lies: 4,096 samples of 32-bit floating point.
#[unsafe(no_mangle)]
pub extern "C" fn input_area() -> *const f32 {
    ROOM.with_borrow(|room| room.input.as_ptr())
}

/// Where the output area lies: 32,768 samples of 32-bit floating point.
#[unsafe(no_mangle)]
pub extern "C" fn output_area() -> *const f32 {
    ROOM.with_borrow(|room| room.output.as_ptr())
}

fn design(kind: Kind, from_hz: usize, to_hz: usize) -> Option<Box<dyn Resampler<f32>>> {
    Some(match kind {
        Kind::FftInput(chunk) => Box::new(Fft::new(from_hz, to_hz, chunk, 1, FixedSync::Input).ok()?),
        Kind::FftBoth(chunk) => Box::new(Fft::new(from_hz, to_hz, chunk, 1, FixedSync::Both).ok()?),
        Kind::Sinc(taps) => {
            let how = SincInterpolationParameters::new(taps, WindowFunction::BlackmanHarris2);
            let ratio = to_hz as f64 / from_hz as f64;
            Box::new(Async::new_sinc(ratio, 1.0, &how, 128, 1, FixedAsync::Input).ok()?)
        }
    })
}

/// In the order of `RUBATO` in `bench/contestants.mjs`.
const KINDS: &[Kind] =
    &[Kind::FftInput(128), Kind::FftInput(480), Kind::FftBoth(1_024), Kind::Sinc(128), Kind::Sinc(256)];

/// The longest block that a caller pushes.
const CAPACITY: usize = 4_096;
