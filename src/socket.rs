//! The WebSocket to the proxy.
//!
//! A guard of our own, where gloo-net has one too: gloo's stream and sink hide `bufferedAmount`, by which a
//! dead network shows itself long before the socket closes, and bring an executor that nothing else here needs.

use crate::fault::Fault;
use bytes::Bytes;
use js_sys::{ArrayBuffer, Uint8Array};
use vivavoce_wire::SUBPROTOCOL;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

/// An open or opening socket that speaks `vivavoce.v1`. Dropping it closes it, and nothing more is heard of it.
#[derive(Debug)]
pub struct Socket {
    inner: WebSocket,
    _opened: Closure<dyn FnMut()>,
    _message: Closure<dyn FnMut(MessageEvent)>,
    _closed: Closure<dyn FnMut(CloseEvent)>,
}

/// What a socket tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketEvent {
    /// It is open and speaks the subprotocol.
    Open,
    /// A text frame came.
    Text(String),
    /// A binary frame came.
    Binary(Bytes),
    /// It is gone, or never came to be: then the code is 1006.
    Closed {
        /// The close code.
        code: u16,
        /// The close reason, often empty.
        reason: String,
    },
}

impl Socket {
    /// Begins to open a socket; `tell` hears all the rest, never before this returns.
    ///
    /// # Errors
    /// If the browser takes the URL for none, or lets no page of this kind open it.
    pub fn open(url: &str, tell: impl Fn(SocketEvent) + Clone + 'static) -> Result<Self, Fault> {
        let inner = WebSocket::new_with_str(url, SUBPROTOCOL).map_err(|error| Fault::thrown(&error))?;
        inner.set_binary_type(BinaryType::Arraybuffer);
        let opened = Closure::new(on_open(tell.clone()));
        let message = Closure::new(on_message(tell.clone()));
        let closed = Closure::new(on_close(tell));
        inner.set_onopen(Some(opened.as_ref().unchecked_ref()));
        inner.set_onmessage(Some(message.as_ref().unchecked_ref()));
        inner.set_onclose(Some(closed.as_ref().unchecked_ref()));
        Ok(Self { inner, _opened: opened, _message: message, _closed: closed })
    }

    /// Sends a text frame; one sent after the end is lost, as the `Closed` that follows says.
    ///
    /// # Errors
    /// If the socket is not open yet.
    pub fn send_text(&self, text: &str) -> Result<(), Fault> {
        self.inner.send_with_str(text).map_err(|error| Fault::thrown(&error))
    }

    /// Sends a binary frame; one sent after the end is lost, as the `Closed` that follows says.
    ///
    /// # Errors
    /// If the socket is not open yet.
    pub fn send_binary(&self, bytes: &[u8]) -> Result<(), Fault> {
        self.inner.send_with_u8_array(bytes).map_err(|error| Fault::thrown(&error))
    }

    /// Begins to close; what was sent before still goes out, and `Closed` follows.
    pub fn close(&self, code: u16, reason: &str) {
        // A page may only say 1000 or 3000 to 4999, and a short reason; anything else closes without words.
        if self.inner.close_with_code_and_reason(code, reason).is_err() {
            let _ = self.inner.close();
        }
    }

    /// Bytes that were sent but have not left this device: a growing number is a dying network.
    pub fn buffered_bytes(&self) -> u32 {
        self.inner.buffered_amount()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.inner.set_onopen(None);
        self.inner.set_onmessage(None);
        self.inner.set_onclose(None);
        self.close(NORMAL, "");
    }
}

fn on_open(tell: impl Fn(SocketEvent) + 'static) -> impl FnMut() + 'static {
    move || tell(SocketEvent::Open)
}

fn on_message(tell: impl Fn(SocketEvent) + 'static) -> impl FnMut(MessageEvent) + 'static {
    move |event| {
        let data = event.data();
        match data.dyn_ref::<ArrayBuffer>() {
            Some(buffer) => tell(SocketEvent::Binary(Uint8Array::new(buffer).to_vec().into())),
            None => tell(SocketEvent::Text(data.as_string().unwrap_or_default())),
        }
    }
}

fn on_close(tell: impl Fn(SocketEvent) + 'static) -> impl FnMut(CloseEvent) + 'static {
    move |event| tell(SocketEvent::Closed { code: event.code(), reason: event.reason() })
}

/// The close code of an ordinary end (RFC 6455, section 7.4.1).
const NORMAL: u16 = 1000;
