//! What the ear hears in a WAV file of 16 kHz: `cargo run -p vivavoce-sim --example ear -- FILE…`.

use vivavoce_sim::vad::{Vad, VadTuning};

#[allow(clippy::print_stdout, reason = "its purpose")]
fn main() -> Result<(), hound::Error> {
    for path in std::env::args().skip(1) {
        let mut vad = Vad::new(VadTuning { silence_ms: 700, ..VadTuning::USUAL });
        for sample in hound::WavReader::open(&path)?.samples::<i16>() {
            if let Some(event) = vad.push(sample?, false) {
                println!("{path}: {event:?}");
            }
        }
    }
    Ok(())
}
