//! The audio lines behind a C door: one recorder and one player for an `AudioWorkletGlobalScope`.
//!
//! The caller writes into an area, calls, and reads from an area; where the areas lie never changes, and
//! their sizes are told by the functions `…_capacity`. Every argument is clamped to them, so no call
//! can reach outside. The module imports nothing.
//!
//! The one rule: the audio thread is the only thread, so every function borrows the lines for
//! the time of its call, and none calls another.

#![cfg_attr(target_arch = "wasm32", no_std)]

use core::cell::UnsafeCell;
use vivavoce_dsp::mixdown::MAX_CHANNELS;
use vivavoce_dsp::player::{Report, Thresholds, Yielding};
use vivavoce_dsp::{FRAME_SAMPLES, MINUTE_SAMPLES, Player, Recorder};

/// Everything that the module holds; all zeros at first, so that it takes no room in the file.
struct Lines {
    recorder: Recorder,
    player: Player<MINUTE_SAMPLES>,
    /// Channels of the microphone, one after the other.
    input: [f32; INPUT],
    /// Frames that the recorder completed in its last call, and the position of the first.
    frames: [i16; FRAMES * FRAME_SAMPLES],
    frames_position: u64,
    /// What the loudspeaker plays.
    output: [f32; OUTPUT],
    /// Samples of the model's voice on their way into the player.
    voice: [i16; VOICE],
    /// See [`player_report`].
    report: [f64; REPORT],
}

/// Lets a static be changed. Sound because nothing here is called from two threads or from itself.
struct Room(UnsafeCell<Lines>);

// SAFETY: in wasm32 without threads there is one thread. Natively the module is not called at all, except by
// tests that run on one thread.
unsafe impl Sync for Room {}

static ROOM: Room = Room(UnsafeCell::new(Lines {
    recorder: Recorder::new(),
    player: Player::new(),
    input: [0.0; INPUT],
    frames: [0; FRAMES * FRAME_SAMPLES],
    frames_position: 0,
    output: [0.0; OUTPUT],
    voice: [0; VOICE],
    report: [0.0; REPORT],
}));

/// Borrows the lines for the time of one exported call.
fn with<T>(act: impl FnOnce(&mut Lines) -> T) -> T {
    // SAFETY: one thread, and no `act` in this file calls an exported function or `with`, so that no
    // other reference lives.
    act(unsafe { &mut *ROOM.0.get() })
}

/// Begins a new recording from a device of `rate_hz`; 0 if that rate is not allowed, or else 1.
#[unsafe(no_mangle)]
pub extern "C" fn recorder_init(rate_hz: u32) -> u32 {
    with(|lines| u32::from(lines.recorder.design(rate_hz).is_ok()))
}

/// Records `frames` samples of each of `channels` channels from the input area, where channel after channel
/// lies. Returns how many frames of 20 ms they completed: those lie in the frames area. No channels: silence.
#[unsafe(no_mangle)]
pub extern "C" fn recorder_push(channels: u32, frames: u32) -> u32 {
    with(|lines| {
        let frames = (frames as usize).min(OUTPUT);
        let channels = (channels as usize).min(MAX_CHANNELS).min(INPUT / frames.max(1));
        let mut views = [&[] as &[f32]; MAX_CHANNELS];
        for (view, samples) in views[..channels].iter_mut().zip(lines.input.chunks_exact(frames.max(1))) {
            *view = samples;
        }
        let (mut count, mut first) = (0, 0);
        let (spaces, _) = lines.frames.as_chunks_mut::<FRAME_SAMPLES>();
        lines.recorder.push(&views[..channels], frames, &mut |frame, position| {
            if let Some(space) = spaces.get_mut(count) {
                *space = *frame;
                first = if count == 0 { position } else { first };
                count += 1;
            }
        });
        lines.frames_position = first;
        count as u32
    })
}

/// Position in the recording of the first frame that the last [`recorder_push`] completed, in 16 kHz samples.
#[unsafe(no_mangle)]
pub extern "C" fn recorder_position() -> f64 {
    with(|lines| lines.frames_position as f64)
}

/// Root mean square of the microphone since the last time, 1.0 being full scale.
#[unsafe(no_mangle)]
pub extern "C" fn recorder_level() -> f32 {
    with(|lines| lines.recorder.take_loudness().rms)
}

/// Begins a new playback to a device of `rate_hz`; 0 if that rate is not allowed, or else 1.
#[unsafe(no_mangle)]
pub extern "C" fn player_init(rate_hz: u32) -> u32 {
    with(|lines| u32::from(lines.player.design(rate_hz).is_ok()))
}

/// Takes the first `count` samples of the voice area, which lie at `position` of the turn `epoch`. Returns how
/// many are dealt with; the others have no room yet. See [`Player::push`].
#[unsafe(no_mangle)]
pub extern "C" fn player_push(epoch: u32, position: f64, count: u32) -> u32 {
    with(|lines| {
        let count = (count as usize).min(VOICE);
        lines.player.push(epoch, position as u64, &lines.voice[..count]) as u32
    })
}

/// Says that the turn `epoch` has `samples` samples in all.
#[unsafe(no_mangle)]
pub extern "C" fn player_end(epoch: u32, samples: f64) {
    with(|lines| lines.player.end(epoch, samples as u64));
}

/// Cuts off every turn up to `epoch`.
#[unsafe(no_mangle)]
pub extern "C" fn player_flush(epoch: u32) {
    with(|lines| lines.player.flush(epoch));
}

/// Writes the next `frames` frames into the output area; returns how many, at most what it holds.
#[unsafe(no_mangle)]
pub extern "C" fn player_pull(frames: u32) -> u32 {
    with(|lines| {
        let frames = (frames as usize).min(OUTPUT);
        lines.player.pull(&mut lines.output[..frames]);
        frames as u32
    })
}

/// Sets how much has to wait before a turn sounds, at its start and after it ran dry, in 24 kHz samples.
#[unsafe(no_mangle)]
pub extern "C" fn player_thresholds(start_samples: u32, restart_samples: u32) {
    with(|lines| lines.player.set_thresholds(Thresholds { start_samples, restart_samples }));
}

/// Makes the voice give way: 0 is not at all, 1 a softer voice, 2 a voice that waits where it is.
#[unsafe(no_mangle)]
pub extern "C" fn player_give_way(how: u32) {
    let yielding = match how {
        1 => Yielding::Duck,
        2 => Yielding::Hold,
        _ => Yielding::Not,
    };
    with(|lines| lines.player.give_way(yielding));
}

/// Sets how much later than it is pulled a frame becomes audible, in frames.
#[unsafe(no_mangle)]
pub extern "C" fn player_latency(frames: u32) {
    with(|lines| lines.player.set_latency(frames));
}

/// Root mean square of what sounded since the last time, 1.0 being full scale.
#[unsafe(no_mangle)]
pub extern "C" fn player_level() -> f32 {
    with(|lines| lines.player.take_loudness().rms)
}

/// Writes to the report area: epoch, heard, buffered, underruns, concealed, stretched, sounding (0 or 1).
#[unsafe(no_mangle)]
pub extern "C" fn player_report() {
    with(|lines| {
        let report = lines.player.report();
        lines.write(report);
    });
}

/// As [`player_report`], of the next turn whose start or end became audible; 0 if there is none, or else 1.
#[unsafe(no_mangle)]
pub extern "C" fn player_notice() -> u32 {
    with(|lines| {
        let Some(report) = lines.player.next_notice() else { return 0 };
        lines.write(report);
        1
    })
}

/// Where the input area lies: 32-bit floating point.
#[unsafe(no_mangle)]
pub extern "C" fn input_area() -> *const f32 {
    with(|lines| lines.input.as_ptr())
}

/// Samples that the input area holds, of all channels together.
#[unsafe(no_mangle)]
pub extern "C" fn input_capacity() -> u32 {
    INPUT as u32
}

/// Where the frames area lies: 16-bit integers, 320 a frame.
#[unsafe(no_mangle)]
pub extern "C" fn frames_area() -> *const i16 {
    with(|lines| lines.frames.as_ptr())
}

/// Frames of 20 ms that the frames area holds: more than one [`recorder_push`] can complete.
#[unsafe(no_mangle)]
pub extern "C" fn frames_capacity() -> u32 {
    FRAMES as u32
}

/// Where the output area lies: 32-bit floating point.
#[unsafe(no_mangle)]
pub extern "C" fn output_area() -> *const f32 {
    with(|lines| lines.output.as_ptr())
}

/// Frames that one call handles, of the recorder or the player.
#[unsafe(no_mangle)]
pub extern "C" fn output_capacity() -> u32 {
    OUTPUT as u32
}

/// Where the voice area lies: 16-bit integers.
#[unsafe(no_mangle)]
pub extern "C" fn voice_area() -> *const i16 {
    with(|lines| lines.voice.as_ptr())
}

/// Samples that the voice area holds.
#[unsafe(no_mangle)]
pub extern "C" fn voice_capacity() -> u32 {
    VOICE as u32
}

/// Where the report area lies: seven 64-bit floating point numbers.
#[unsafe(no_mangle)]
pub extern "C" fn report_area() -> *const f64 {
    with(|lines| lines.report.as_ptr())
}

impl Lines {
    fn write(&mut self, report: Report) {
        self.report = [
            f64::from(report.epoch),
            report.heard_samples as f64,
            report.buffered_samples as f64,
            f64::from(report.underruns),
            report.concealed_samples as f64,
            report.stretched_samples as f64,
            f64::from(u8::from(report.sounding)),
        ];
    }
}

/// Frames a call: longer than any render quantum.
const OUTPUT: usize = 4_096;

/// Eight channels of such a call.
const INPUT: usize = 8 * OUTPUT;

/// Frames of 20 ms in a call at 3 kHz, and one begun before.
const FRAMES: usize = 72;

/// A second of the model's voice: more than one message carries.
const VOICE: usize = 24_000;

const REPORT: usize = 7;

/// A bug ends the call into the module; the courier plays silence then.
#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
