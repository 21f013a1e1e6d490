//! JavaScript's errors, made ours.

use core::fmt;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

/// Something that the browser refused, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(String);

impl Fault {
    /// Reads whatever was thrown: an `Error` or a `DOMException` by its message, a string by itself.
    pub fn thrown(value: &JsValue) -> Self {
        let message = value.unchecked_ref::<Thrown>().message();
        Self(message.or_else(|| value.as_string()).unwrap_or_else(|| "unknown error".into()))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        fault.0
    }
}

#[wasm_bindgen]
extern "C" {
    /// Whatever JavaScript throws; errors and DOM exceptions have a message.
    type Thrown;

    #[wasm_bindgen(method, getter, structural)]
    fn message(this: &Thrown) -> Option<String>;
}
