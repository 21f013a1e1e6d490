//! The loudspeaker's end of a port to the audio thread.

use crate::port::{Message, Port};
use js_sys::Uint8Array;
use vivavoce_session::PlayerReport;
use vivavoce_session::client::{Thresholds, Yielding};
use wasm_bindgen::JsValue;
use web_sys::MessagePort;

/// Speaks to the player worklet. Dropping it closes the port.
#[derive(Debug)]
pub struct Player {
    port: Port,
}

impl Player {
    /// Takes the port; `hear` gets the player's reports.
    pub fn open(port: MessagePort, hear: impl Fn(PlayerReport) + 'static) -> Self {
        let port = Port::open(port, move |message| {
            // Buffers that come back empty were made here and end here: nothing is freed on the audio thread.
            if message.is("report") {
                hear(read(message));
            }
        });
        Self { port }
    }

    /// Hands over 24 kHz PCM; its first sample is the turn's sample `position`.
    pub fn play(&self, epoch: u32, position: u64, pcm: &[u8]) {
        let message = about("play", epoch);
        message.set_position(position as f64);
        message.set_pcm(&Uint8Array::from(pcm).buffer());
        let given = self.port.give(&message);
        debug_assert!(given.is_ok(), "the buffer was made a moment ago");
    }

    /// The turn ends after so many samples: what is left plays without waiting for more.
    pub fn end(&self, epoch: u32, samples: u64) {
        let message = about("end", epoch);
        message.set_samples(samples as f64);
        self.say(&message);
    }

    /// This and every older turn falls silent.
    pub fn flush(&self, epoch: u32) {
        self.say(&about("flush", epoch));
    }

    /// The voice gives way to the person's, or comes back.
    pub fn give_way(&self, how: Yielding) {
        let message = Message::of("yield");
        message.set_how(how as u32);
        self.say(&message);
    }

    /// Sets how much of a turn is waited for, from its next start on.
    pub fn wait_for(&self, thresholds: Thresholds) {
        let message = Message::of("thresholds");
        message.set_start(thresholds.start_samples);
        message.set_restart(thresholds.restart_samples);
        self.say(&message);
    }

    fn say(&self, message: &Message) {
        let said = self.port.post(message);
        debug_assert!(said.is_ok(), "numbers and a string can be copied");
    }
}

fn about(kind: &str, epoch: u32) -> Message {
    let message = Message::of(kind);
    message.set_epoch(f64::from(epoch));
    message
}

/// Whatever a port says becomes a report: what is no number is 0.
fn read(message: &Message) -> PlayerReport {
    PlayerReport {
        epoch: number(&message.epoch()) as u32,
        heard_samples: number(&message.heard()) as u64,
        buffered_samples: number(&message.buffered()) as u64,
        underruns: number(&message.underruns()) as u32,
        sounding: message.sounding().is_truthy(),
        played_frames: number(&message.frames()) as u64,
        rate_hz: number(&message.rate()) as u32,
    }
}

/// Casts of the result saturate and take NaN for 0.
fn number(value: &JsValue) -> f64 {
    value.as_f64().unwrap_or_default()
}
