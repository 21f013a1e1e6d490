//! An answer, cut into the pieces in which the service sends it.

use crate::dice::Dice;
use crate::script::{Pace, Words};
use crate::sound;
use bytes::Bytes;
use core::time::Duration;

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// When it is sent, counted from the answer's first piece.
    pub after: Duration,
    /// 24 kHz s16le; may be empty.
    pub audio: Bytes,
    /// What is said meanwhile; may be empty.
    pub text: String,
}

/// Cuts audio and words into pieces: uneven, faster than real time, with pauses where the pace has them.
pub fn pieces(pcm: &[i16], words: &Words, pace: &Pace, odd_bytes: bool, dice: &mut Dice) -> Vec<Piece> {
    let bytes = Bytes::from_iter(pcm.iter().flat_map(|sample| sample.to_le_bytes()));
    let lengths = chunk_lengths(pcm.len(), pace, dice);
    let mut clock = Clock { after: Duration::ZERO, stalled: 0 };
    let mut pieces = Vec::with_capacity(lengths.len() + 1);
    let (mut from, mut sent) = (0, 0_usize);
    for (index, length) in lengths.iter().enumerate() {
        let is_last = index + 1 == lengths.len();
        sent += length;
        let odd = usize::from(odd_bytes && !is_last && dice.falls(0.5));
        let to = (sent * 2 - odd).max(from);
        pieces.push(Piece { after: clock.after, audio: bytes.slice(from..to), text: String::new() });
        from = to;
        clock.pass(*length, sent, pace, dice);
    }
    if pieces.is_empty() {
        pieces.push(Piece { after: Duration::ZERO, audio: Bytes::new(), text: String::new() });
    }
    give_words(&mut pieces, &lengths, words, pace.transcript_lead_ms);
    pieces
}

struct Clock {
    after: Duration,
    /// Stalls that are over.
    stalled: usize,
}

impl Clock {
    /// The time that it takes to make `length` samples, with the stalls that fall into them.
    fn pass(&mut self, length: usize, sent: usize, pace: &Pace, dice: &mut Dice) {
        let speed = dice.between(pace.speed[0], pace.speed[1]);
        self.after += duration_of(length).div_f64(speed);
        let due = pace.stalls.iter().filter(|stall| sound::samples_of_ms(stall.at_ms) <= sent);
        let due: Vec<u32> = due.map(|stall| stall.for_ms).collect();
        for for_ms in due.iter().skip(self.stalled) {
            self.after += Duration::from_millis(u64::from(*for_ms));
        }
        self.stalled = self.stalled.max(due.len());
    }
}

/// How long so many samples of 24 kHz sound.
pub fn duration_of(samples: usize) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(sound::RATE_HZ))
}

fn chunk_lengths(total: usize, pace: &Pace, dice: &mut Dice) -> Vec<usize> {
    let last = pace.last_chunk_samples.unwrap_or(0).min(total);
    let mut rest = total - last;
    let mut lengths = Vec::new();
    while rest > 0 {
        let ms = dice.between(f64::from(pace.chunk_ms[0]), f64::from(pace.chunk_ms[1]));
        let length = ((ms * f64::from(sound::RATE_HZ) / 1000.0) as usize).clamp(1, rest);
        lengths.push(length);
        rest -= length;
    }
    if last > 0 {
        lengths.push(last);
    }
    lengths
}

/// Each word goes with the piece in which it begins to sound.
fn give_words(pieces: &mut [Piece], lengths: &[usize], words: &Words, lead_ms: i32) {
    let total_ms = lengths.iter().sum::<usize>() as f64 * 1000.0 / f64::from(sound::RATE_HZ);
    let letters = words.0.iter().map(|word| word.text.len()).sum::<usize>().max(1) as f64;
    let mut letters_before = 0;
    let mut ends_ms = Vec::with_capacity(lengths.len());
    let mut end = 0;
    for length in lengths {
        end += length;
        ends_ms.push(end as f64 * 1000.0 / f64::from(sound::RATE_HZ));
    }
    for word in &words.0 {
        let spread_ms = total_ms * letters_before as f64 / letters;
        let at_ms = word.at_ms.map_or(spread_ms, f64::from) - f64::from(lead_ms);
        letters_before += word.text.len();
        let index = ends_ms.partition_point(|end_ms| *end_ms <= at_ms).min(pieces.len() - 1);
        pieces[index].text.push_str(&word.text);
    }
}

#[cfg(test)]
mod tests {
    use super::{duration_of, pieces};
    use crate::dice::Dice;
    use crate::script::{Pace, Stall, Words};
    use core::time::Duration;

    fn ramp(samples: usize) -> Vec<i16> {
        (0..samples).map(|n| n as i16).collect()
    }

    fn bytes(pcm: &[i16]) -> Vec<u8> {
        pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }

    #[test]
    fn pieces_add_up_to_the_answer() {
        for (samples, odd) in [(0, false), (1, true), (24_000, false), (100_001, true)] {
            let pcm = ramp(samples);
            let cut = pieces(&pcm, &Words::of("one two three"), &Pace::default(), odd, &mut Dice::new(1));
            let audio: Vec<u8> = cut.iter().flat_map(|piece| piece.audio.to_vec()).collect();
            let text: String = cut.iter().map(|piece| piece.text.as_str()).collect();
            assert_eq!((audio, text.as_str()), (bytes(&pcm), "one two three"), "{samples} samples");
        }
    }

    #[test]
    fn pieces_are_uneven_and_three_to_four_times_as_fast_as_sound() {
        let pcm = ramp(240_000);
        let cut = pieces(&pcm, &Words::default(), &Pace::default(), false, &mut Dice::new(2));
        let took = cut.last().unwrap().after.as_secs_f64();
        assert!((2.4..3.4).contains(&took), "10 s took {took} s");
        let ms: Vec<usize> = cut[..cut.len() - 1].iter().map(|piece| piece.audio.len() / 48).collect();
        assert!(ms.iter().all(|ms| (39..=190).contains(ms)), "{ms:?}");
        assert!(ms.iter().max() > ms.iter().min());
        assert_eq!(cut, pieces(&pcm, &Words::default(), &Pace::default(), false, &mut Dice::new(2)));
    }

    #[test]
    fn words_go_with_their_sound() {
        let pace = Pace { chunk_ms: [100, 100], ..Pace::default() };
        let words: Words = serde_json::from_str(r#"[[0,"A"],[250,"B"],[260,"C"],[5000,"D"]]"#).unwrap();
        let cut = pieces(&ramp(12_000), &words, &pace, false, &mut Dice::new(3));
        let texts: Vec<&str> = cut.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(texts, ["A", "", " B C", "", " D"]);
    }

    #[test]
    fn stalls_hold_everything_behind_them() {
        let mut pace = Pace { chunk_ms: [100, 100], speed: [4.0, 4.0], ..Pace::default() };
        pace.stalls = vec![Stall { at_ms: 200, for_ms: 1000 }];
        let cut = pieces(&ramp(12_000), &Words::default(), &pace, false, &mut Dice::new(4));
        let ms: Vec<u128> = cut.iter().map(|piece| piece.after.as_millis()).collect();
        assert_eq!(ms, [0, 25, 1050, 1075, 1100]);
    }

    #[test]
    fn the_last_chunk_may_be_tiny() {
        let pace = Pace { last_chunk_samples: Some(1), ..Pace::default() };
        let cut = pieces(&ramp(12_000), &Words::default(), &pace, false, &mut Dice::new(5));
        assert_eq!(cut.last().unwrap().audio.len(), 2);
        assert_eq!(duration_of(24_000), Duration::from_secs(1));
    }
}
