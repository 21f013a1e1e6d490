//! The phone's sound on its way to the service: at 16 kHz, in messages of 20 to 40 ms.

use bytes::{Bytes, BytesMut};
use vivavoce_dsp::{RateError, Resampler, pcm};
use vivavoce_wire::SPEECH_RATE_HZ;

/// Brings a phone's sound to the service's rate and size.
pub(crate) struct Uplink {
    rate_hz: u32,
    /// None where nothing is to be done.
    resampler: Option<Box<Resampler>>,
    samples: Vec<f32>,
    /// 16 kHz PCM that waits for a message's worth.
    waiting: BytesMut,
}

impl Uplink {
    /// A line for sound at 16 kHz; another rate is taken up when it comes.
    pub(crate) fn new() -> Self {
        Self { rate_hz: SPEECH_RATE_HZ, resampler: None, samples: Vec::new(), waiting: BytesMut::new() }
    }

    /// Takes PCM at `rate_hz` and hands on what is complete.
    ///
    /// # Errors
    /// There is no way from that rate to 16 kHz.
    pub(crate) fn push(
        &mut self,
        pcm: Bytes,
        rate_hz: u32,
        emit: &mut impl FnMut(Bytes),
    ) -> Result<(), RateError> {
        if rate_hz != self.rate_hz {
            self.retune(rate_hz)?;
        }
        let fits = (SHORTEST_BYTES..=LONGEST_BYTES).contains(&pcm.len());
        if self.resampler.is_none() && self.waiting.is_empty() && fits {
            emit(pcm);
            return Ok(());
        }
        self.append(&pcm);
        while self.waiting.len() >= SHORTEST_BYTES {
            let length = self.waiting.len().min(LONGEST_BYTES);
            emit(self.waiting.split_to(length).freeze());
        }
        Ok(())
    }

    /// Hands on what waits, however little it is.
    pub(crate) fn flush(&mut self, emit: &mut impl FnMut(Bytes)) {
        if !self.waiting.is_empty() {
            emit(self.waiting.split().freeze());
        }
    }

    fn retune(&mut self, rate_hz: u32) -> Result<(), RateError> {
        self.resampler = None;
        self.rate_hz = rate_hz;
        if rate_hz != SPEECH_RATE_HZ {
            let mut resampler = Box::new(Resampler::new());
            resampler.design(rate_hz, SPEECH_RATE_HZ)?;
            self.resampler = Some(resampler);
        }
        Ok(())
    }

    fn append(&mut self, sound: &[u8]) {
        let Some(resampler) = &mut self.resampler else {
            self.waiting.extend_from_slice(sound);
            return;
        };
        self.samples.clear();
        self.samples.extend(pcm::floats(pcm::from_le_bytes(sound)));
        let waiting = &mut self.waiting;
        resampler.push(&self.samples, &mut |sample| {
            waiting.extend_from_slice(&pcm::from_f32(sample).to_le_bytes());
        });
    }
}

/// 20 ms at 16 kHz.
const SHORTEST_BYTES: usize = 640;

/// 40 ms at 16 kHz: the service asks for messages of 20 to 40 ms.
const LONGEST_BYTES: usize = 1280;

#[cfg(test)]
mod tests {
    use super::*;
    use core::f32::consts::TAU;

    #[test]
    fn hands_on_what_fits_untouched_and_uncopied() {
        let pcm = Bytes::from(vec![7; 640]);
        let mut out = Vec::new();
        Uplink::new().push(pcm.clone(), 16_000, &mut |bytes| out.push(bytes)).unwrap();
        assert_eq!(out, std::slice::from_ref(&pcm));
        assert_eq!(out[0].as_ptr(), pcm.as_ptr());
    }

    #[test]
    fn gathers_what_is_too_short_and_cuts_what_is_too_long() {
        for (lengths, expected) in [
            (vec![320, 320, 320], vec![640, 320]),
            (vec![2, 638], vec![640]),
            (vec![6400], vec![1280; 5]),
            (vec![1300, 1300], vec![1280, 1280, 40]),
            (vec![0, 640], vec![640]),
        ] {
            let (mut uplink, mut out) = (Uplink::new(), Vec::new());
            for &length in &lengths {
                uplink
                    .push(Bytes::from(vec![0; length]), 16_000, &mut |bytes| out.push(bytes.len()))
                    .unwrap();
            }
            uplink.flush(&mut |bytes| out.push(bytes.len()));
            assert_eq!(out, expected, "{lengths:?}");
        }
    }

    #[test]
    fn brings_every_rate_to_16_khz() {
        for rate_hz in [8_000, 11_025, 22_050, 24_000, 44_100, 48_000] {
            let sound: Vec<u8> = tone(rate_hz, 1.0).flat_map(i16::to_le_bytes).collect();
            let (mut uplink, mut out) = (Uplink::new(), Vec::new());
            for frame in sound.chunks(rate_hz as usize / 50 * 2) {
                uplink
                    .push(Bytes::copy_from_slice(frame), rate_hz, &mut |pcm| out.extend_from_slice(&pcm))
                    .unwrap();
            }
            uplink.flush(&mut |pcm| out.extend_from_slice(&pcm));
            let heard: Vec<i16> = pcm::from_le_bytes(&out).collect();
            assert!((15_900..=16_000).contains(&heard.len()), "{rate_hz}: {} samples", heard.len());
            let crossings =
                heard[1_000..15_000].windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
            assert!((766..=774).contains(&crossings), "{rate_hz}: {crossings} crossings of zero");
        }
    }

    #[test]
    fn refuses_rates_that_are_none() {
        for rate_hz in [0, 1_000_000_000] {
            assert!(
                Uplink::new().push(Bytes::from_static(&[0, 0]), rate_hz, &mut |_| ()).is_err(),
                "{rate_hz}"
            );
        }
    }

    /// 440 Hz.
    fn tone(rate_hz: u32, seconds: f32) -> impl Iterator<Item = i16> {
        let count = (rate_hz as f32 * seconds) as u32;
        (0..count).map(move |index| pcm::from_f32(0.5 * (TAU * 440.0 * index as f32 / rate_hz as f32).sin()))
    }
}
