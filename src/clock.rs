//! The time it is.

use core::time::Duration;
use vivavoce_session::Moment;
use wasm_bindgen::prelude::wasm_bindgen;

/// The present moment, counted from the start of this Worker; it never runs backwards.
pub fn now() -> Moment {
    Moment::after_origin(Duration::from_micros((performance_now_ms() * 1000.0) as u64))
}

#[wasm_bindgen]
extern "C" {
    /// Milliseconds since the page or Worker began; the name exists in both, unlike `web_sys::window`.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now_ms() -> f64;
}
