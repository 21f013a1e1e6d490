//! The detector of the person's speech behind a C door, for the Worker of a call.
//!
//! The caller writes 16 kHz samples into an area and calls. Where the area lies never changes, and
//! arguments are clamped to its size, so no call can reach outside. The module imports nothing.
//!
//! The one rule: one thread calls, so every function borrows the listener for the time of its call, and
//! none calls another.

#![cfg_attr(target_arch = "wasm32", no_std)]

pub mod listener;

use core::cell::UnsafeCell;
pub use listener::{HOP_SAMPLES, Listener};
use vivavoce_dsp::speech::Change;

/// Everything that the module holds; all zeros at first, so that it takes no room in the file.
struct Ear {
    listener: Listener,
    /// Samples on their way in.
    samples: [i16; SAMPLES],
}

/// Lets a static be changed. Sound because nothing here is called from two threads or from itself.
struct Room(UnsafeCell<Ear>);

// SAFETY: in wasm32 without threads there is one thread. Natively the module is not called at all.
unsafe impl Sync for Room {}

static ROOM: Room = Room(UnsafeCell::new(Ear { listener: Listener::new(), samples: [0; SAMPLES] }));

/// Borrows the ear for the time of one exported call.
fn with<T>(act: impl FnOnce(&mut Ear) -> T) -> T {
    // SAFETY: one thread, and no `act` in this file calls an exported function or `with`, so that no
    // other reference lives.
    act(unsafe { &mut *ROOM.0.get() })
}

/// Hears the first `count` samples of the samples area, during which the model sounded at the loudspeaker if
/// `sounding` is not 0. Returns 1 if the person began to speak, 2 if they stopped, 0 if neither; of several
/// changes the last.
#[unsafe(no_mangle)]
pub extern "C" fn vad_push(count: u32, sounding: u32) -> u32 {
    with(|ear| {
        let count = (count as usize).min(SAMPLES);
        let mut change = 0;
        ear.listener.push(&ear.samples[..count], sounding != 0, &mut |said| {
            change = match said {
                Change::Begins => 1,
                Change::Ends => 2,
            };
        });
        change
    })
}

/// How probable it is that the last whole hop was speech, 0 to 1: for measurements.
#[unsafe(no_mangle)]
pub extern "C" fn vad_probability() -> f32 {
    with(|ear| ear.listener.last().probability)
}

/// The mean square of the last whole hop, 1.0 being full scale: for measurements.
#[unsafe(no_mangle)]
pub extern "C" fn vad_power() -> f32 {
    with(|ear| ear.listener.last().power)
}

/// Where the samples area lies: 16-bit integers.
#[unsafe(no_mangle)]
pub extern "C" fn samples_area() -> *const i16 {
    with(|ear| ear.samples.as_ptr())
}

/// Samples that the area holds.
#[unsafe(no_mangle)]
pub extern "C" fn samples_capacity() -> u32 {
    SAMPLES as u32
}

/// More than three frames of 20 ms.
const SAMPLES: usize = 1_024;

/// A bug ends the call into the module; the Worker does without it then.
#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
