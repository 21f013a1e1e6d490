//! Model networks: how a voice arrives that is made at one speed and carried by one kind of link.
//!
//! Three sources and three links, each pair a case. A source makes turns whose lengths are log-normal with a median
//! of 6 s (σ 0.6, 0.6–40 s), with pauses of 3–8 s between them:
//!
//! | source | speed | chunk | pauses of its own |
//! |---|---|---|---|
//! | fast | 3 × real time | 40 ms | none |
//! | bursty | 1.3 × | 240 ms | none |
//! | slow | 1.02 × | 100 ms | before one chunk of 50: 100 ms + exp(200 ms) |
//!
//! A link is a queue: each message (binary 24 kHz PCM, 40 bytes of heads) takes its bytes' time at the link's
//! capacity, nothing passes during an outage, then come a base delay, scheduling jitter and, for a lost
//! message, the time to repeat it; and as TCP keeps order, nothing arrives before what was sent before it.
//!
//! | link | capacity | base delay | jitter (gamma, shape 2) | outages | messages repeated |
//! |---|---|---|---|---|---|
//! | Wi-Fi | 40 Mbit/s | 15 ms | mean 8 ms | every 20 s (exp), 50 ms + exp(150 ms) | none |
//! | LTE | log-normal, median 6 Mbit/s, σ 1.0, correlated over 1 s | 35 ms | mean 6 ms | every 30 s, 80 ms + exp(250 ms) | 0.2 %, 120 ms |
//! | poor | log-normal, median 900 kbit/s, σ 0.8, correlated over 2 s | 80 ms | mean 20 ms | every 15 s, 200 ms + exp(500 ms) | 1 %, 220 ms |
//!
//! The numbers were written down before any playout rule was tuned on them. They follow published measurements
//! where there are some (bursts and stalls of speech services, captures of mobile links with drops of capacity to
//! nearly nothing within a second) and round guesses where not.

use crate::random::Random;
use crate::trace::{Chunk, Turn};
use vivavoce_dsp::MODEL_HZ;

/// How the voice is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Three times as fast as it is heard, in small chunks.
    Fast,
    /// A little faster than it is heard, in big chunks.
    Bursty,
    /// Hardly as fast as it is heard, and sometimes not at all.
    Slow,
}

/// How the voice is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// A home network with its short stalls.
    Wifi,
    /// A phone on the move.
    Lte,
    /// The edge of a cell.
    Poor,
}

/// Every source.
pub const SOURCES: [Source; 3] = [Source::Fast, Source::Bursty, Source::Slow];

/// Every link.
pub const LINKS: [Link; 3] = [Link::Wifi, Link::Lte, Link::Poor];

/// So many turns of a voice from `source` over `link`, the same for the same seed.
pub fn trace(source: Source, link: Link, seed: u64, turns: u32) -> Vec<Turn> {
    let mut random = Random::new(seed ^ (source as u64) << 40 ^ (link as u64) << 48);
    let mut road = Road::new(link.character(), Random::new(random.bits()));
    let mut start_ms = 0.0;
    let mut trace = Vec::new();
    for number in 1..=turns {
        let speech_ms = random.log_normal(6_000.0, 0.6).clamp(600.0, 40_000.0);
        let sent = source.send(speech_ms, start_ms, &mut random);
        let chunks: Vec<Chunk> = sent
            .iter()
            .map(|chunk| Chunk { arrival_ms: road.carry(chunk.arrival_ms, chunk.samples), ..*chunk })
            .collect();
        let end_ms = chunks.last().map_or(start_ms, |chunk| chunk.arrival_ms);
        start_ms = end_ms.max(start_ms + speech_ms) + random.between(3_000.0, 8_000.0);
        trace.push(Turn { number, chunks });
    }
    trace
}

impl Source {
    /// The chunks of a turn with the times at which they are sent.
    fn send(self, speech_ms: f64, start_ms: f64, random: &mut Random) -> Vec<Chunk> {
        let (speed, chunk_ms, pause) = match self {
            Self::Fast => (3.0, 40.0, 0.0),
            Self::Bursty => (1.3, 240.0, 0.0),
            Self::Slow => (1.02, 100.0, 0.02),
        };
        let mut left = (speech_ms / 1_000.0 * f64::from(MODEL_HZ)) as u32;
        let most = (chunk_ms / 1_000.0 * f64::from(MODEL_HZ)) as u32;
        let (mut chunks, mut now_ms) = (Vec::new(), start_ms);
        while left > 0 {
            let samples = left.min(most);
            if random.unit() < pause {
                now_ms += 100.0 + random.exponential(200.0);
            }
            chunks.push(Chunk { arrival_ms: now_ms, samples });
            now_ms += chunk_ms / speed;
            left -= samples;
        }
        chunks
    }
}

/// A link in numbers.
struct Character {
    median_kbit_s: f64,
    sigma: f64,
    correlation_ms: f64,
    base_ms: f64,
    jitter_ms: f64,
    outage_every_ms: f64,
    outage_least_ms: f64,
    outage_more_ms: f64,
    repeated: f64,
    repeat_ms: f64,
}

impl Link {
    const fn character(self) -> Character {
        match self {
            Self::Wifi => Character {
                median_kbit_s: 40_000.0,
                sigma: 0.0,
                correlation_ms: 1_000.0,
                base_ms: 15.0,
                jitter_ms: 8.0,
                outage_every_ms: 20_000.0,
                outage_least_ms: 50.0,
                outage_more_ms: 150.0,
                repeated: 0.0,
                repeat_ms: 0.0,
            },
            Self::Lte => Character {
                median_kbit_s: 6_000.0,
                sigma: 1.0,
                correlation_ms: 1_000.0,
                base_ms: 35.0,
                jitter_ms: 6.0,
                outage_every_ms: 30_000.0,
                outage_least_ms: 80.0,
                outage_more_ms: 250.0,
                repeated: 0.002,
                repeat_ms: 120.0,
            },
            Self::Poor => Character {
                median_kbit_s: 900.0,
                sigma: 0.8,
                correlation_ms: 2_000.0,
                base_ms: 80.0,
                jitter_ms: 20.0,
                outage_every_ms: 15_000.0,
                outage_least_ms: 200.0,
                outage_more_ms: 500.0,
                repeated: 0.01,
                repeat_ms: 220.0,
            },
        }
    }
}

/// A link as time goes by.
struct Road {
    character: Character,
    random: Random,
    /// The step of capacity in which the road is, and the capacity's logarithm there, over the median.
    step_ms: f64,
    logarithm: f64,
    /// The outage under way or next.
    outage_ms: f64,
    outage_end_ms: f64,
    /// When the last message left the queue, and when it arrived.
    free_ms: f64,
    arrived_ms: f64,
}

impl Road {
    fn new(character: Character, mut random: Random) -> Self {
        let outage_ms = random.exponential(character.outage_every_ms);
        let outage_end_ms =
            outage_ms + character.outage_least_ms + random.exponential(character.outage_more_ms);
        let logarithm = character.sigma * random.normal();
        Self {
            character,
            random,
            step_ms: 0.0,
            logarithm,
            outage_ms,
            outage_end_ms,
            free_ms: 0.0,
            arrived_ms: 0.0,
        }
    }

    /// When a message arrives that is sent at `sent_ms`.
    fn carry(&mut self, sent_ms: f64, samples: u32) -> f64 {
        let mut bits = f64::from(samples * 2 + 40) * 8.0;
        let mut now_ms = sent_ms.max(self.free_ms);
        while bits > 0.0 {
            now_ms = self.after_outages(now_ms);
            self.advance(now_ms);
            let kbit_s = (self.character.median_kbit_s * self.logarithm.exp()).max(20.0);
            let until_ms = (self.step_ms + STEP_MS).min(self.outage_ms.max(now_ms + 0.001));
            let carried = ((until_ms - now_ms) * kbit_s).min(bits);
            bits -= carried;
            now_ms += carried / kbit_s;
        }
        self.free_ms = now_ms;
        let mut late_ms = self.character.base_ms + self.random.gamma2(self.character.jitter_ms);
        if self.random.unit() < self.character.repeated {
            late_ms += self.character.repeat_ms;
        }
        self.arrived_ms = self.arrived_ms.max(now_ms + late_ms);
        self.arrived_ms
    }

    /// The first moment from `now_ms` on at which there is no outage.
    fn after_outages(&mut self, mut now_ms: f64) -> f64 {
        while now_ms >= self.outage_ms {
            now_ms = now_ms.max(self.outage_end_ms);
            let character = &self.character;
            self.outage_ms = self.outage_end_ms + self.random.exponential(character.outage_every_ms);
            self.outage_end_ms = self.outage_ms
                + character.outage_least_ms
                + self.random.exponential(character.outage_more_ms);
        }
        now_ms
    }

    /// Lets the capacity wander up to `now_ms`: a first-order process in steps.
    fn advance(&mut self, now_ms: f64) {
        let keep = (-STEP_MS / self.character.correlation_ms).exp();
        while self.step_ms + STEP_MS <= now_ms {
            self.step_ms += STEP_MS;
            let fresh = self.character.sigma * (1.0 - keep * keep).sqrt() * self.random.normal();
            self.logarithm = keep * self.logarithm + fresh;
        }
    }
}

/// How often the capacity changes.
const STEP_MS: f64 = 20.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_is_the_same_trace_and_another_is_another() {
        let one = trace(Source::Slow, Link::Poor, 7, 5);
        assert_eq!(one, trace(Source::Slow, Link::Poor, 7, 5));
        assert_ne!(one, trace(Source::Slow, Link::Poor, 8, 5));
        assert_ne!(one[0].samples(), trace(Source::Slow, Link::Lte, 7, 5)[0].samples());
    }

    #[test]
    fn chunks_come_in_order_and_never_before_they_are_made() {
        for source in SOURCES {
            for link in LINKS {
                for turn in trace(source, link, 3, 40) {
                    assert!(turn.chunks.is_sorted_by_key(|chunk| chunk.arrival_ms), "{source:?} {link:?}");
                    assert!((599.0..=40_001.0).contains(&turn.speech_ms()), "{}", turn.speech_ms());
                }
            }
        }
    }

    #[test]
    fn a_fast_source_over_wifi_is_there_long_before_it_is_heard() {
        let turns = trace(Source::Fast, Link::Wifi, 1, 200);
        let (took, speech) = turns.iter().fold((0.0, 0.0), |(took, speech), turn| {
            let last = turn.chunks.last().unwrap().arrival_ms;
            (took + last - turn.first_ms(), speech + turn.speech_ms())
        });
        assert!((0.3..0.4).contains(&(took / speech)), "{}", took / speech);
    }
}
