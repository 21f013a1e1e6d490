//! The detector that hears the person begin to speak.

use vivavoce_session::ClientInput;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    /// The detector's module, behind `src/js/vad.js`.
    #[derive(Debug)]
    pub type Detector;

    /// Hears 16 kHz PCM, during which the model sounded or did not; 1 if the person began to speak, 2 if they
    /// stopped, 0 if neither.
    #[wasm_bindgen(method, structural, catch)]
    fn push(this: &Detector, pcm: &[u8], sounding: bool) -> Result<u32, JsValue>;
}

/// Holds the detector, once there is one, and keeps it informed. Without one nobody is heard to speak.
#[derive(Debug, Default)]
pub struct Vad {
    detector: Option<Detector>,
    sounding: bool,
    muted: bool,
    speaks: bool,
    /// What was said last.
    said: bool,
}

impl Vad {
    /// From here on this detector hears what is taken.
    pub fn attach(&mut self, detector: Detector) {
        self.detector = Some(detector);
    }

    /// Takes note of what happens to the call; whether the person speaks, if that changed. A microphone that is
    /// off hears nobody.
    pub fn take(&mut self, input: &ClientInput) -> Option<bool> {
        match input {
            ClientInput::Microphone(pcm) => self.hear(pcm),
            ClientInput::Player(report) => self.sounding = report.sounding,
            ClientInput::Mute(muted) => self.muted = *muted,
            _ => {}
        }
        let says = self.speaks && !self.muted;
        let changed = says != self.said;
        self.said = says;
        changed.then_some(says)
    }

    fn hear(&mut self, pcm: &[u8]) {
        let Some(detector) = &self.detector else { return };
        match detector.push(pcm, self.sounding) {
            Ok(0) => {}
            Ok(change) => self.speaks = change == BEGINS,
            // It trapped, and would again: the call goes on without.
            Err(_) => *self = Self { muted: self.muted, said: self.said, ..Self::default() },
        }
    }
}

/// What the module says when the person begins to speak.
const BEGINS: u32 = 1;
