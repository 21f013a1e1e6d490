//! What the person said, in its order, until the proxy has it and the service keeps it.
//!
//! What was sent is kept as well: a proxy that dies takes with it what the service has not made safe, and whoever takes
//! the call up is sent that again. Sound goes at no more than twice the pace of speech, so that what piled up while
//! nobody could be sent it does not come in one gulp.

use super::microphone::Piece;
use crate::Moment;
use core::time::Duration;

/// The person's side of the conversation, as far as it may have to be said (again).
#[derive(Debug)]
pub(super) struct Outgoing {
    rate_hz: u32,
    most_samples: u64,
    log: Vec<Said>,
    /// The number of the log's first entry.
    first: u32,
    /// How many of its entries were sent on this connection.
    sent: usize,
    samples: u64,
    unsent_samples: u64,
    /// The proxy has all before this.
    received: u32,
    /// Whether the service ever made anything safe: then what is left may have to be said again.
    commits: bool,
    /// Whether there is somebody to send to, and whether the network takes more.
    is_open: bool,
    is_clogged: bool,
    /// When the latter was said last.
    looked_at: Moment,
    /// When the next sound may go.
    due_at: Moment,
    /// Samples that were sent, and forgotten before they were known to have arrived.
    at_risk: u64,
    loss: Loss,
}

/// One thing that is said of the person: their sound, in push-to-talk where they begin and stop, and in a message what
/// they type, and what the page says of functions.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    Sound(Piece),
    Mark(bool),
    /// No more sound for the time being.
    End,
    Mute(bool),
    Word(String),
}

/// Samples that nobody will hear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Loss {
    /// Of whatever was said.
    pub(super) sound: u64,
    /// Of pauses, for a network that does not keep up.
    pub(super) silence: u64,
}

impl Outgoing {
    /// Keeps so many samples at that rate.
    pub(super) fn new(rate_hz: u32, most_samples: u64) -> Self {
        Self {
            rate_hz,
            most_samples,
            log: Vec::new(),
            first: 0,
            sent: 0,
            samples: 0,
            unsent_samples: 0,
            received: 0,
            commits: false,
            is_open: false,
            is_clogged: false,
            looked_at: Moment::ORIGIN,
            due_at: Moment::ORIGIN,
            at_risk: 0,
            loss: Loss::default(),
        }
    }

    /// The person said something.
    pub(super) fn push(&mut self, said: Said) {
        self.samples += said.samples();
        self.unsent_samples += said.samples();
        self.log.push(said);
        if self.is_clogged && self.unsent_samples > self.rate_hz as u64 * LATEST_SECONDS {
            self.skip_a_pause();
        }
        while self.samples > self.most_samples || self.log.len() > MOST_KEPT {
            if self.sent > 0 {
                self.forget_oldest();
            } else if !self.drop_oldest() {
                return;
            }
        }
    }

    /// A connection for a new call: what was not answered yet is said in it, numbered from 0.
    pub(super) fn begin(&mut self) {
        while self.sent > 0 && !self.commits && self.first < self.received {
            self.forget_oldest();
        }
        (self.first, self.received, self.commits) = (0, 0, false);
        self.go_on(0);
    }

    /// A connection to one who has all before `next`; what was never sent nobody has.
    pub(super) fn go_on(&mut self, next: u32) {
        if next < self.first {
            self.loss.sound += core::mem::take(&mut self.at_risk);
        }
        let sent = next.saturating_sub(self.first) as usize;
        self.sent = sent.min(self.sent);
        self.received = self.first + self.sent as u32;
        self.unsent_samples = self.log.iter().skip(self.sent).map(Said::samples).sum();
        self.is_open = true;
        self.is_clogged = false;
    }

    /// Whether there is somebody to send to.
    pub(super) const fn is_open(&self) -> bool {
        self.is_open
    }

    /// The connection is gone.
    pub(super) fn close(&mut self) {
        self.is_open = false;
        self.is_clogged = false;
    }

    /// The proxy has all before `next`.
    pub(super) fn received(&mut self, next: u32) {
        self.received = self.received.max(next.min(self.first + self.sent as u32));
        if self.received >= self.first {
            self.at_risk = 0;
        }
    }

    /// All before `next` is safe; numbers of what was never sent are not believed.
    pub(super) fn committed(&mut self, next: u32) {
        self.received(next);
        self.commits = true;
        while self.sent > 0 && self.first < next {
            self.forget_oldest();
        }
    }

    /// So much waits in the socket.
    pub(super) fn clog(&mut self, waiting_bytes: u32, now: Moment) {
        self.is_clogged = waiting_bytes > self.rate_hz * 2 * MOST_WAITING_SECONDS;
        self.looked_at = now;
    }

    /// What is to be sent by `now`, with its number.
    pub(super) fn next(&mut self, now: Moment) -> Option<(u32, Said)> {
        if !self.is_open || self.clogged_until().is_some_and(|until| now < until) {
            return None;
        }
        let said = self.log.get(self.sent)?.clone();
        if let Said::Sound(piece) = &said {
            if now < self.due_at {
                return None;
            }
            let length =
                Duration::from_micros(piece.samples() * MICROS / u64::from(self.rate_hz * PACE).max(1));
            self.due_at = self.due_at.max(now - BURST) + length;
        }
        self.unsent_samples -= said.samples();
        let number = self.first + self.sent as u32;
        self.sent += 1;
        Some((number, said))
    }

    /// When the next may go, by the mere passing of time.
    pub(super) fn due_at(&self) -> Option<Moment> {
        let is_waiting = self.is_open && self.sent < self.log.len();
        is_waiting.then(|| self.clogged_until().map_or(self.due_at, |until| until.max(self.due_at)))
    }

    /// How long the network counts as one that takes no more: with the microphone's sound ends what is said of it.
    fn clogged_until(&self) -> Option<Moment> {
        self.is_clogged.then(|| self.looked_at + BELIEVED)
    }

    /// Messages that were not sent yet, and their bytes.
    pub(super) fn waiting_words(&self) -> (usize, usize) {
        let texts = self.log.iter().skip(self.sent).filter_map(|said| match said {
            Said::Word(json) => Some(json.len()),
            _ => None,
        });
        texts.fold((0, 0), |(count, bytes), more| (count + 1, bytes + more))
    }

    /// What was lost so far.
    pub(super) const fn loss(&self) -> Loss {
        self.loss
    }

    /// Forgets the oldest, which was sent.
    fn forget_oldest(&mut self) {
        let oldest = self.log.remove(0);
        if self.first >= self.received {
            self.at_risk += oldest.samples();
        }
        self.samples -= oldest.samples();
        self.first += 1;
        self.sent -= 1;
    }

    /// Drops the oldest sound that waits, with the marks around it; says whether there was any.
    fn drop_oldest(&mut self) -> bool {
        let Some(at) = self.log.iter().position(|said| matches!(said, Said::Sound(_))) else { return false };
        self.remove(at, |loss| &mut loss.sound);
        // A mark lasts as long as there is sound behind it.
        if at > 0
            && let (Some(Said::Mark(true)), Some(Said::Mark(false))) =
                (self.log.get(at - 1), self.log.get(at))
        {
            self.log.remove(at);
            self.log.remove(at - 1);
        }
        true
    }

    /// Drops the oldest pause that waits.
    fn skip_a_pause(&mut self) {
        let is_pause = |said: &Said| matches!(said, Said::Sound(piece) if piece.power() < QUIET);
        if let Some(at) = self.log.iter().skip(self.sent).position(is_pause) {
            self.remove(self.sent + at, |loss| &mut loss.silence);
        }
    }

    fn remove(&mut self, at: usize, of: impl FnOnce(&mut Loss) -> &mut u64) {
        let said = self.log.remove(at);
        *of(&mut self.loss) += said.samples();
        self.samples -= said.samples();
        self.unsent_samples -= said.samples();
    }
}

impl Said {
    fn samples(&self) -> u64 {
        if let Self::Sound(piece) = self { piece.samples() } else { 0 }
    }
}

/// Half a minute in frames of 10 ms, and some marks.
const MOST_KEPT: usize = 4_096;
/// Times the pace of speech: the service wants real time, and whoever waits for an answer less.
const PACE: u32 = 2;
const MICROS: u64 = 1_000_000;
/// Sound that comes in gulps from a busy device goes on without delay.
const BURST: Duration = Duration::from_millis(100);
/// A socket that holds more than this much sound is fed no more: what waits there can't be reconsidered.
const MOST_WAITING_SECONDS: u32 = 1;
/// The socket is looked at with each frame of the microphone.
const BELIEVED: Duration = Duration::from_secs(1);
/// From here on pauses are left out: the person waits for an answer to what is still on its way.
const LATEST_SECONDS: u64 = 3;
/// Mean square of -50 dBFS: nobody's voice is lower at the microphone of a device held or sat at.
const QUIET: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::microphone::Microphone;
    use bytes::Bytes;
    use proptest::prelude::*;

    /// A microphone and what becomes of its frames of 20 ms.
    struct Desk {
        microphone: Microphone,
        outgoing: Outgoing,
        now: Moment,
    }

    impl Desk {
        fn keeping(most_samples: u64) -> Self {
            let outgoing = Outgoing::new(16_000, most_samples);
            Self {
                microphone: Microphone::new(16_000),
                outgoing,
                now: Moment::ORIGIN + Duration::from_secs(9),
            }
        }

        fn says(&mut self, frames: usize) {
            self.gives(frames, 9_000);
        }

        fn gives(&mut self, frames: usize, sample: i16) {
            for _ in 0..frames {
                let pcm = Bytes::from(sample.to_le_bytes().repeat(320));
                self.microphone
                    .take(&pcm)
                    .into_iter()
                    .for_each(|piece| self.outgoing.push(Said::Sound(piece)));
            }
        }

        /// Lets time pass; the numbers of what is sent meanwhile.
        fn sends(&mut self, ms: u64) -> Vec<u32> {
            let mut sent = Vec::new();
            for _ in 0..ms {
                self.now = self.now + Duration::from_millis(1);
                sent.extend(core::iter::from_fn(|| self.outgoing.next(self.now)).map(|(number, _)| number));
            }
            sent
        }
    }

    fn numbers(range: core::ops::Range<u32>) -> Vec<u32> {
        range.collect()
    }

    #[test]
    fn drops_the_oldest_and_counts_it() {
        let mut desk = Desk::keeping(1_000);
        desk.says(4);
        assert_eq!(desk.outgoing.loss(), Loss { sound: 320, silence: 0 });
        desk.outgoing.begin();
        assert_eq!(desk.sends(100), [0, 1, 2]);
    }

    #[test]
    fn goes_at_twice_the_pace_of_speech_after_a_gulp() {
        let mut desk = Desk::keeping(480_000);
        desk.says(100);
        desk.outgoing.begin();
        assert_eq!(desk.sends(1), numbers(0..11));
        assert_eq!(desk.sends(500).len(), 50);
        assert_eq!(desk.sends(500).len(), 39);
        assert_eq!(desk.outgoing.due_at(), None);
    }

    #[test]
    fn sends_again_what_did_not_arrive() {
        let mut desk = Desk::keeping(480_000);
        desk.outgoing.begin();
        desk.says(10);
        assert_eq!(desk.sends(200), numbers(0..10));
        desk.outgoing.received(4);
        desk.outgoing.close();
        desk.says(2);
        assert!(desk.sends(200).is_empty());
        desk.outgoing.go_on(6);
        assert_eq!(desk.sends(200), numbers(6..12));
    }

    #[test]
    fn keeps_what_is_not_safe_for_a_new_call_and_nothing_for_a_service_that_makes_nothing_safe() {
        for (commits, again) in [(true, 8), (false, 3)] {
            let mut desk = Desk::keeping(480_000);
            desk.outgoing.begin();
            desk.says(10);
            desk.sends(200);
            desk.outgoing.received(7);
            if commits {
                desk.outgoing.committed(2);
            }
            desk.outgoing.close();
            desk.outgoing.begin();
            assert_eq!(desk.sends(200), numbers(0..again));
            assert_eq!(desk.outgoing.loss(), Loss::default());
        }
    }

    #[test]
    fn leaves_out_pauses_when_the_network_does_not_keep_up_and_words_last() {
        let mut desk = Desk::keeping(16_000 * 6);
        desk.outgoing.begin();
        desk.outgoing.clog(1 << 20, desk.now);
        desk.gives(50, 9_000);
        desk.gives(100, 3);
        desk.gives(100, 9_000);
        assert_eq!(desk.outgoing.loss(), Loss { sound: 0, silence: 100 * 320 });
        desk.gives(200, 9_000);
        assert_eq!(desk.outgoing.loss().sound, 50 * 320);
        desk.outgoing.clog(0, desk.now);
        assert_eq!(desk.sends(10_000).len(), 300);
    }

    #[test]
    fn a_network_of_which_nothing_more_is_said_is_tried_again() {
        let mut desk = Desk::keeping(480_000);
        desk.outgoing.begin();
        desk.outgoing.clog(1 << 20, desk.now);
        desk.says(10);
        desk.outgoing.push(Said::Word("And this.".into()));
        assert!(desk.sends(999).is_empty());
        assert_eq!(desk.outgoing.due_at(), Some(desk.now + Duration::from_millis(1)));
        assert_eq!(desk.sends(100), numbers(0..11));
    }

    #[test]
    fn a_mark_goes_with_the_last_of_its_sound() {
        let mut desk = Desk::keeping(640);
        for _ in 0..3 {
            desk.outgoing.push(Said::Mark(true));
            desk.says(2);
            desk.outgoing.push(Said::Mark(false));
        }
        let marks = desk.outgoing.log.iter().filter(|said| matches!(said, Said::Mark(_))).count();
        assert_eq!((marks, desk.outgoing.log.len(), desk.outgoing.loss().sound), (2, 4, 4 * 320));
    }

    proptest! {
        #[test]
        fn every_sample_arrives_once_or_is_reported(steps in prop::collection::vec((0_u8..6, 0_u32..40), 1..120)) {
            let mut desk = Desk::keeping(16_000);
            let (mut arrived, mut next, mut open) = (Vec::new(), 0_u32, false);
            let mut said = 0_u64;
            for (what, much) in steps {
                match what {
                    0 => { desk.outgoing.close(); open = false; }
                    1 if !open => { desk.outgoing.go_on(next); open = true; }
                    2 if open => desk.outgoing.received(next),
                    3 if open => desk.outgoing.committed(next.saturating_sub(much)),
                    4 => desk.outgoing.clog(much * 4_000, desk.now),
                    _ => {
                        desk.says(much as usize);
                        said += u64::from(much) * 320;
                        desk.now = desk.now + Duration::from_millis(20 * u64::from(much));
                        // Of what is sent, the last is lost with the connection if it ends now; here all arrives.
                        while let Some((number, Said::Sound(piece))) = desk.outgoing.next(desk.now) {
                            prop_assert!(number <= next, "a gap before {number}: {next}");
                            if number == next { arrived.push(piece.position()); next += 1; }
                        }
                    }
                }
                let (samples, log) = (desk.outgoing.samples, &desk.outgoing.log);
                prop_assert_eq!(samples, log.iter().map(Said::samples).sum::<u64>());
                prop_assert!(samples <= 16_000);
            }
            let unsent = desk.outgoing.unsent_samples;
            let missing = said - arrived.len() as u64 * 320;
            prop_assert!(missing <= unsent + desk.outgoing.at_risk + desk.outgoing.loss().sound, "{missing} {unsent} {:?}", desk.outgoing.loss());
            prop_assert!(arrived.is_sorted_by(|a, b| a < b));
        }
    }
}
