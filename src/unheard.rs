//! What of the model's voice was handed over and not heard yet.

use bytes::Bytes;
use vivavoce_session::PlayerReport;

/// What a player can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Play 24 kHz PCM, 16 bit, whose first sample is the turn's sample `position`.
    Play {
        /// The turn.
        epoch: u32,
        /// Index in the turn of the first sample.
        position: u64,
        /// The samples.
        pcm: Bytes,
    },
    /// The turn ends after so many samples.
    End {
        /// The turn.
        epoch: u32,
        /// Its length.
        samples: u64,
    },
    /// This and every older turn falls silent.
    Flush {
        /// The newest turn to silence.
        epoch: u32,
    },
}

/// Keeps the deeds that a player was told until they are heard, for the player that comes after it: one that is built
/// for another device in mid-turn goes on where the one before was last heard.
#[derive(Debug, Default)]
pub struct Unheard {
    deeds: Vec<Deed>,
}

impl Unheard {
    /// Keeps one more; a flush takes what it silences with it. Beyond [`MOST_PIECES`] the oldest is lost.
    pub fn push(&mut self, deed: Deed) {
        if let Deed::Flush { epoch } = deed {
            return self.deeds.retain(|kept| kept.epoch() > epoch);
        }
        if self.deeds.len() == MOST_PIECES {
            self.deeds.remove(0);
        }
        self.deeds.push(deed);
    }

    /// The player was heard so far: drops what lies before, and cuts the piece that it is in.
    pub fn heard(&mut self, report: &PlayerReport) {
        let heard = report.heard_samples;
        self.deeds.retain_mut(|deed| match deed {
            Deed::Play { epoch, position, pcm } if *epoch == report.epoch => {
                let done = heard.saturating_sub(*position).min(pcm.len() as u64 / SAMPLE_BYTES);
                *position += done;
                *pcm = pcm.slice((done * SAMPLE_BYTES) as usize..);
                !pcm.is_empty()
            }
            Deed::End { epoch, samples } if *epoch == report.epoch => heard < *samples,
            deed => deed.epoch() > report.epoch,
        });
    }

    /// What is kept, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Deed> {
        self.deeds.iter()
    }
}

impl Deed {
    const fn epoch(&self) -> u32 {
        match self {
            Self::Play { epoch, .. } | Self::End { epoch, .. } | Self::Flush { epoch } => *epoch,
        }
    }
}

const SAMPLE_BYTES: u64 = 2;

/// Three minutes in the proxy's pieces of 40 ms or more: it runs 20 s ahead of what is heard, and a frame is at most
/// 64 KiB.
const MOST_PIECES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn play(epoch: u32, position: u64, samples: &[u8]) -> Deed {
        let pcm = samples.iter().flat_map(|&sample| [sample, 0]).collect();
        Deed::Play { epoch, position, pcm }
    }

    fn unheard(deeds: impl IntoIterator<Item = Deed>) -> Unheard {
        let mut unheard = Unheard::default();
        deeds.into_iter().for_each(|deed| unheard.push(deed));
        unheard
    }

    fn kept(unheard: &Unheard) -> Vec<Deed> {
        unheard.iter().cloned().collect()
    }

    fn report(epoch: u32, heard_samples: u64) -> PlayerReport {
        PlayerReport { epoch, heard_samples, ..PlayerReport::default() }
    }

    #[test]
    fn keeps_what_follows_the_sample_heard_last() {
        for (heard, expected) in [
            (0, vec![play(1, 0, &[1, 2, 3]), play(1, 3, &[4, 5])]),
            (2, vec![play(1, 2, &[3]), play(1, 3, &[4, 5])]),
            (3, vec![play(1, 3, &[4, 5])]),
            (4, vec![play(1, 4, &[5])]),
            (5, vec![]),
            (u64::MAX, vec![]),
        ] {
            let mut unheard = unheard([play(1, 0, &[1, 2, 3]), play(1, 3, &[4, 5])]);
            unheard.heard(&report(1, heard));
            assert_eq!(kept(&unheard), expected, "after {heard}");
        }
    }

    #[test]
    fn a_turn_is_over_when_its_end_or_a_newer_one_is_heard() {
        let deeds = [play(1, 0, &[1]), Deed::End { epoch: 1, samples: 1 }, play(2, 0, &[2])];
        let mut heard = unheard(deeds.clone());
        heard.heard(&report(1, 1));
        assert_eq!(kept(&heard), [play(2, 0, &[2])]);
        let mut newer = unheard(deeds);
        newer.heard(&report(2, 0));
        assert_eq!(kept(&newer), [play(2, 0, &[2])]);
    }

    #[test]
    fn the_report_of_a_player_that_has_played_nothing_drops_nothing() {
        let mut unheard = unheard([play(1, 0, &[1]), Deed::End { epoch: 1, samples: 1 }]);
        unheard.heard(&report(0, 0));
        assert_eq!(kept(&unheard).len(), 2);
    }

    #[test]
    fn a_flush_silences_its_turn_and_the_older_for_the_next_player_too() {
        let unheard = unheard([
            play(1, 0, &[1]),
            play(2, 0, &[2]),
            Deed::End { epoch: 2, samples: 1 },
            play(3, 0, &[3]),
            Deed::Flush { epoch: 2 },
        ]);
        assert_eq!(kept(&unheard), [play(3, 0, &[3])]);
    }

    #[test]
    fn a_player_that_never_reports_costs_no_more_than_the_bound() {
        let unheard = unheard((0..5000).map(|position| play(1, position, &[0])));
        assert_eq!(kept(&unheard).len(), 4096);
        assert_eq!(kept(&unheard)[0], play(1, 904, &[0]));
    }
}
