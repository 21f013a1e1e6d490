//! What the person has heard, and when the proxy is told.

use super::PlayerReport;
use crate::Moment;
use core::time::Duration;
use vivavoce_wire::message::FromClient;

/// How far the player is, and how far the proxy knows it to be.
#[derive(Debug, Default)]
pub(super) struct Ear {
    /// The newest turn that sounded, and its samples heard.
    heard: (u32, u64),
    /// What the proxy was told.
    told: (u32, u64),
    told_at: Option<Moment>,
    /// When it is to be told next.
    due_at: Option<Moment>,
    sounds: bool,
    /// Times that the player ran dry, and those that the proxy knows of.
    underruns: (u32, u32),
    /// Since when the person spoke for whom it is to fall silent; how long that took.
    barged_at: Option<Moment>,
    barge_in_ms: u32,
    /// When the player last said something, and the samples that waited then.
    reported_at: Moment,
    buffered: u64,
}

impl Ear {
    /// Takes the player's word; a count that falls is not believed.
    pub(super) fn take(&mut self, report: PlayerReport, now: Moment) {
        let fell_silent = self.sounds && !report.sounding;
        self.sounds = report.sounding;
        self.underruns.0 = report.underruns;
        if fell_silent && let Some(since) = self.barged_at.take() {
            self.barge_in_ms = now.since(since).as_millis() as u32;
        }
        (self.reported_at, self.buffered) = (now, report.buffered_samples);
        self.heard = self.heard.max((report.epoch, report.heard_samples));
        if self.heard <= self.told {
            return;
        }
        let next = match self.told_at {
            Some(told_at) if !fell_silent => told_at + PACE,
            Some(_) | None => now,
        };
        self.due_at = Some(self.due_at.map_or(next, |due| due.min(next)));
    }

    /// What the proxy does not know yet; asking settles it.
    pub(super) fn report(&mut self, now: Moment) -> Option<FromClient> {
        self.due_at = None;
        if self.heard <= self.told {
            return None;
        }
        self.told = self.heard;
        self.told_at = Some(now);
        let (epoch, samples) = self.told;
        let (underruns, told) = self.underruns;
        self.underruns.1 = underruns;
        let barge_in_ms = core::mem::take(&mut self.barge_in_ms);
        Some(FromClient::Heard { epoch, samples, underruns: underruns.saturating_sub(told), barge_in_ms })
    }

    /// It is to fall silent, for a person who speaks since then.
    pub(super) fn gives_way(&mut self, since: Option<Moment>) {
        self.barged_at = since.filter(|_| self.sounds);
    }

    /// Another connection, which knows nothing of it yet.
    pub(super) fn forget(&mut self, now: Moment) {
        self.told = (0, 0);
        self.due_at = (self.heard > self.told).then_some(now);
    }

    /// When the proxy is to be told.
    pub(super) const fn due_at(&self) -> Option<Moment> {
        self.due_at
    }

    /// The newest turn of which something was heard.
    pub(super) const fn epoch(&self) -> u32 {
        self.heard.0
    }

    /// Samples of a turn that were heard by the player's last report; all of one before the newest.
    pub(super) const fn reported(&self, epoch: u32) -> u64 {
        match self.heard.0 {
            newest if newest > epoch => u64::MAX,
            newest if newest == epoch => self.heard.1,
            _ => 0,
        }
    }

    /// The same at `now`: what sounds goes on between two reports.
    pub(super) fn heard(&self, epoch: u32, now: Moment) -> u64 {
        let since = now.since(self.reported_at).min(PACE).as_millis() as u64 * SAMPLES_PER_MS;
        let more = if self.sounds && self.heard.0 == epoch { since.min(self.buffered) } else { 0 };
        self.reported(epoch).saturating_add(more)
    }

    /// Whether the loudspeaker sounds.
    pub(super) const fn sounds(&self) -> bool {
        self.sounds
    }
}

/// Ten times a second is finer than a syllable.
const PACE: Duration = Duration::from_millis(100);
/// Of the model's voice.
const SAMPLES_PER_MS: u64 = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::after_origin(Duration::from_millis(ms))
    }

    fn report(epoch: u32, heard_samples: u64, sounding: bool) -> PlayerReport {
        PlayerReport { epoch, heard_samples, sounding, ..PlayerReport::default() }
    }

    fn heard(epoch: u32, samples: u64, underruns: u32, barge_in_ms: u32) -> Option<FromClient> {
        Some(FromClient::Heard { epoch, samples, underruns, barge_in_ms })
    }

    #[test]
    fn tells_once_how_often_it_ran_dry_and_how_long_it_took_to_fall_silent() {
        let mut ear = Ear::default();
        ear.take(PlayerReport { underruns: 2, ..report(1, 100, true) }, at(0));
        assert_eq!(ear.report(at(0)), heard(1, 100, 2, 0));
        ear.gives_way(Some(at(300)));
        ear.take(PlayerReport { underruns: 3, ..report(1, 200, false) }, at(420));
        assert_eq!(ear.report(at(420)), heard(1, 200, 1, 120));
        ear.gives_way(Some(at(500)));
        ear.take(PlayerReport { underruns: 3, ..report(2, 100, true) }, at(600));
        ear.take(report(2, 200, false), at(700));
        assert_eq!(ear.report(at(700)), heard(2, 200, 0, 0), "nothing sounded that could have fallen silent");
    }

    #[test]
    fn tells_at_most_ten_times_a_second() {
        let mut ear = Ear::default();
        let mut told = 0;
        for ms in 0..1_000 {
            ear.take(report(1, ms * 24, true), at(ms));
            if ear.due_at().is_some_and(|due| due <= at(ms)) {
                told += u32::from(ear.report(at(ms)).is_some());
            }
        }
        assert!((9..=10).contains(&told), "{told}");
    }

    #[test]
    fn tells_at_once_when_it_falls_silent() {
        let mut ear = Ear::default();
        ear.take(report(1, 100, true), at(0));
        ear.report(at(0));
        ear.take(report(1, 200, false), at(10));
        assert_eq!(ear.due_at(), Some(at(10)));
        assert_eq!(ear.report(at(10)), heard(1, 200, 0, 0));
    }

    #[test]
    fn never_counts_down() {
        let mut ear = Ear::default();
        ear.take(report(2, 100, true), at(0));
        ear.report(at(0));
        ear.take(report(1, 900, true), at(200));
        ear.take(report(2, 50, true), at(400));
        assert_eq!(ear.report(at(400)), None);
        assert_eq!((ear.reported(1), ear.reported(2), ear.reported(3)), (u64::MAX, 100, 0));
    }
    #[test]
    fn goes_on_between_reports_while_it_sounds_and_has_something_to_sound() {
        let mut ear = Ear::default();
        for (buffered_samples, sounding, after_ms, expected) in
            [(9_600, true, 50, 1_200), (240, true, 50, 240), (9_600, false, 50, 0), (9_600, true, 900, 2_400)]
        {
            ear.take(PlayerReport { buffered_samples, ..report(1, 4_800, sounding) }, at(100));
            assert_eq!(ear.heard(1, at(100 + after_ms)), 4_800 + expected, "{after_ms} ms");
            assert_eq!(ear.heard(2, at(100 + after_ms)), 0);
        }
    }
}
