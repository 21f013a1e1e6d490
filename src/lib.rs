//! The browser's half of a spoken conversation, as WebAssembly for a dedicated Worker.
//!
//! - [`call`]: one call: the loop around the `Client` machine, and what JavaScript sees;
//! - [`socket`]: the WebSocket to the proxy;
//! - [`port`]: a message port to the audio thread;
//! - [`recorder`]: the microphone's end of such a port;
//! - [`player`]: the loudspeaker's;
//! - [`unheard`]: what of the model's voice was handed over and not heard yet;
//! - [`vad`]: the detector that hears the person begin to speak;
//! - [`timer`]: the one alarm that a call sets;
//! - [`clock`]: the time it is;
//! - [`fault`]: JavaScript's errors, made ours.
//!
//! The one rule: each of these is a guard. It owns its closures and the thing that calls them, and
//! dropping it closes what it holds. What a call does is decided in `vivavoce-session`, how it sounds in
//! `vivavoce-dsp`; this crate only carries.

pub mod call;
pub mod clock;
pub mod fault;
pub mod player;
pub mod port;
pub mod recorder;
pub mod socket;
pub mod timer;
pub mod unheard;
pub mod vad;

pub use call::Call;

/// A page weighs its bytes: this one is smaller than the default.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();
