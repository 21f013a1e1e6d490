//! The microphone's end of a port to the audio thread.

use crate::port::{Message, Port, give};
use bytes::Bytes;
use js_sys::Uint8Array;
use web_sys::MessagePort;

/// Hears the recorder worklet. Dropping it closes the port; the recorder then records for nobody.
#[derive(Debug)]
pub struct Recorder {
    _port: Port,
}

impl Recorder {
    /// Takes the port; `hear` gets each frame, 16 kHz PCM. The buffer it came in goes back to the recorder
    /// first, so that the audio thread need not make another.
    pub fn open(port: MessagePort, hear: impl Fn(Bytes) + 'static) -> Self {
        let back = port.clone();
        let port = Port::open(port, move |message| {
            if !message.is("frame") {
                return;
            }
            let frame = Uint8Array::new(&message.pcm()).to_vec();
            give_back(&back, message);
            hear(frame.into());
        });
        Self { _port: port }
    }
}

fn give_back(port: &MessagePort, frame: &Message) {
    let empty = Message::of("return");
    empty.set_pcm(&frame.pcm());
    // Fails only for a buffer that is gone already: then there is nothing to give back.
    let _ = give(port, &empty);
}
