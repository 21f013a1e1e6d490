//! What a player is told, and what it tells.

use crate::MODEL_HZ;

/// How much has to wait before a turn sounds, in samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// At its start.
    pub start_samples: u32,
    /// After it ran dry.
    pub restart_samples: u32,
}

/// How the model's voice gives way to a person who may be speaking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Yielding {
    /// Not at all.
    #[default]
    Not,
    /// It goes on 12 dB softer.
    Duck,
    /// It falls silent, and will go on at the very sample where it was.
    Hold,
}

/// How far the listener is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The turn heard last; 0 before any.
    pub epoch: u32,
    /// Position in that turn up to which it has become audible.
    pub heard_samples: u64,
    /// Samples that wait to be played, of all turns.
    pub buffered_samples: u64,
    /// Times that a turn ran dry before its end.
    pub underruns: u32,
    /// Samples made up while it was dry.
    pub concealed_samples: u64,
    /// Samples by which slow play made voices last longer.
    pub stretched_samples: u64,
    /// Whether something sounds at the loudspeaker.
    pub sounding: bool,
}

/// What became of all samples: taken + filled = played + flushed + waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Taken in to be played.
    pub taken: u64,
    /// Silence put into gaps between positions.
    pub filled: u64,
    /// Handed to the resampler.
    pub played: u64,
    /// Thrown away by a flush.
    pub flushed: u64,
    /// Refused: of a turn that is over.
    pub refused: u64,
    /// Left out: taken before at the same position.
    pub trimmed: u64,
}

impl Thresholds {
    /// So many milliseconds at the start and after a stall.
    pub const fn of_ms(start_ms: u32, restart_ms: u32) -> Self {
        Self {
            start_samples: start_ms * (MODEL_HZ / 1_000),
            restart_samples: restart_ms * (MODEL_HZ / 1_000),
        }
    }
}

impl Default for Thresholds {
    /// 80 ms at the start and 120 ms after a stall.
    fn default() -> Self {
        Self::of_ms(80, 120)
    }
}
