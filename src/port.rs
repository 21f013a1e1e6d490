//! A message port to the audio thread.

use crate::fault::Fault;
use js_sys::{Array, ArrayBuffer, Object};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageEvent, MessagePort};

/// One end of a message channel. Dropping it closes it, and nothing more is heard.
#[derive(Debug)]
pub struct Port {
    inner: MessagePort,
    _heard: Closure<dyn FnMut(MessageEvent)>,
}

impl Port {
    /// Takes the port; `hear` gets everything said at its other end, what waits there already included, but
    /// never before this returns.
    pub fn open(inner: MessagePort, hear: impl Fn(&Message) + 'static) -> Self {
        let heard = Closure::new(move |event: MessageEvent| hear(event.data().unchecked_ref()));
        inner.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        Self { inner, _heard: heard }
    }

    /// Says something.
    ///
    /// # Errors
    /// If the message cannot be copied to another thread.
    pub fn post(&self, message: &Message) -> Result<(), Fault> {
        self.inner.post_message(message).map_err(|error| Fault::thrown(&error))
    }

    /// Says something and gives the message's samples away: they are moved, not copied.
    ///
    /// # Errors
    /// If the samples were given away before.
    pub fn give(&self, message: &Message) -> Result<(), Fault> {
        give(&self.inner, message)
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.inner.set_onmessage(None);
        self.inner.close();
    }
}

/// Says something at `port` and gives the message's samples away; for a listener that answers at once.
///
/// # Errors
/// If the samples were given away before.
pub(crate) fn give(port: &MessagePort, message: &Message) -> Result<(), Fault> {
    let gift = Array::of1(&message.pcm());
    port.post_message_with_transferable(message, &gift).map_err(|error| Fault::thrown(&error))
}

#[wasm_bindgen]
extern "C" {
    /// What is said between the Worker and the audio thread: an object with a `type`.
    #[derive(Clone, Debug)]
    pub type Message;

    /// What the message is.
    #[wasm_bindgen(method, getter, structural, js_name = type)]
    pub fn kind(this: &Message) -> JsValue;
    #[wasm_bindgen(method, setter, structural, js_name = type)]
    fn set_kind(this: &Message, kind: &str);

    /// Samples, 16 bit little-endian.
    #[wasm_bindgen(method, getter, structural)]
    pub fn pcm(this: &Message) -> ArrayBuffer;
    /// Puts samples in.
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_pcm(this: &Message, pcm: &ArrayBuffer);

    /// The turn.
    #[wasm_bindgen(method, getter, structural)]
    pub fn epoch(this: &Message) -> JsValue;
    /// Names the turn.
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_epoch(this: &Message, epoch: f64);

    /// Index of the first sample.
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_position(this: &Message, position: f64);
    /// Length of a turn, in samples.
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_samples(this: &Message, samples: f64);

    /// How to give way: 0 is not at all, 1 softly, 2 in silence.
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_how(this: &Message, how: u32);
    /// Samples of a turn to wait for at its start, …
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_start(this: &Message, samples: u32);
    /// … and after it ran dry.
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_restart(this: &Message, samples: u32);

    /// Samples of the turn that became audible.
    #[wasm_bindgen(method, getter, structural)]
    pub fn heard(this: &Message) -> JsValue;
    /// Samples that wait behind them.
    #[wasm_bindgen(method, getter, structural)]
    pub fn buffered(this: &Message) -> JsValue;
    /// Times that the player ran dry.
    #[wasm_bindgen(method, getter, structural)]
    pub fn underruns(this: &Message) -> JsValue;
    /// Frames of the device that were played.
    #[wasm_bindgen(method, getter, structural)]
    pub fn frames(this: &Message) -> JsValue;
    /// The device's rate in Hz.
    #[wasm_bindgen(method, getter, structural)]
    pub fn rate(this: &Message) -> JsValue;
    /// Whether the loudspeaker sounds.
    #[wasm_bindgen(method, getter, structural)]
    pub fn sounding(this: &Message) -> JsValue;
}

impl Message {
    /// A message that holds its type alone.
    pub fn of(kind: &str) -> Self {
        let message = Object::new().unchecked_into::<Self>();
        message.set_kind(kind);
        message
    }

    /// Whether it is of that type.
    pub fn is(&self, kind: &str) -> bool {
        self.kind() == *kind
    }
}
