//! What of the microphone is let through: all of it in open talk, what is said while a button is held in push-to-talk,
//! and in half duplex what is said while the loudspeaker is silent.

use super::PlayerReport;
use super::microphone::Piece;
use super::outgoing::Said;
use crate::Moment;
use core::time::Duration;
use vivavoce_wire::message::Mode;

/// The mode of a call, and the sound that it holds back.
#[derive(Debug)]
pub(super) struct Talk {
    mode: Mode,
    rate_hz: u32,
    /// The newest sound that was not let through yet: the pre-roll, or what waits for the loudspeaker's silence.
    held: Vec<Piece>,
    held_samples: u64,
    is_pressed: bool,
    /// The button was let go: when the activity is closed.
    closes_at: Option<Moment>,
    /// The loudspeaker's sound is in the room until then.
    opens_at: Option<Moment>,
    heard: (u32, u64),
    sounds: bool,
    /// Mean square of the room in which nobody speaks.
    floor: u64,
    out: Vec<Said>,
}

impl Talk {
    pub(super) const fn new(mode: Mode, rate_hz: u32) -> Self {
        Self {
            mode,
            rate_hz,
            held: Vec::new(),
            held_samples: 0,
            is_pressed: false,
            closes_at: None,
            opens_at: None,
            heard: (0, 0),
            sounds: false,
            floor: QUIET,
            out: Vec::new(),
        }
    }

    /// Takes what the microphone gave.
    pub(super) fn take(&mut self, pieces: Vec<Piece>, now: Moment) {
        for piece in pieces {
            match self.mode {
                Mode::PushToTalk if !self.is_active() => self.hold(piece),
                Mode::HalfDuplex => self.gate(piece, now),
                Mode::Open | Mode::PushToTalk => self.out.push(Said::Sound(piece)),
            }
        }
    }

    /// What is said, since this was asked last.
    pub(super) fn said(&mut self) -> Vec<Said> {
        core::mem::take(&mut self.out)
    }

    /// The button goes down or up; says whether it opened an activity.
    pub(super) fn press(&mut self, pressed: bool, now: Moment) -> bool {
        if self.mode != Mode::PushToTalk || pressed == self.is_pressed {
            return false;
        }
        if !pressed {
            self.is_pressed = false;
            self.closes_at = Some(now + POST_ROLL);
            return false;
        }
        self.close();
        self.is_pressed = true;
        self.out.push(Said::Mark(true));
        for piece in core::mem::take(&mut self.held) {
            self.out.push(Said::Sound(piece));
        }
        self.held_samples = 0;
        true
    }

    /// Closes the activity at once, and forgets what was held back.
    pub(super) fn stop(&mut self) {
        self.close();
        self.held.clear();
        self.held_samples = 0;
    }

    /// The connection is gone, and with it the activity; says whether the person still talks.
    pub(super) fn lose(&mut self) -> bool {
        self.closes_at = None;
        self.is_pressed
    }

    /// The loudspeaker is so far; how much was heard tells more than whether it sounds, which leaves out the device's
    /// latency.
    pub(super) fn hear(&mut self, report: PlayerReport, now: Moment) {
        let heard = (report.epoch, report.heard_samples);
        if report.sounding || self.sounds || heard > self.heard {
            self.opens_at = Some(now + TAIL);
        }
        self.sounds = report.sounding;
        self.heard = self.heard.max(heard);
    }

    pub(super) fn tick(&mut self, now: Moment) {
        if self.closes_at.is_some_and(|at| now >= at) {
            self.close();
        }
    }

    /// When the activity is closed.
    pub(super) const fn due_at(&self) -> Option<Moment> {
        self.closes_at
    }

    pub(super) const fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether the button is down.
    pub(super) const fn is_pressed(&self) -> bool {
        self.is_pressed
    }

    const fn is_active(&self) -> bool {
        self.is_pressed || self.closes_at.is_some()
    }

    fn close(&mut self) {
        if self.is_active() {
            self.is_pressed = false;
            self.closes_at = None;
            self.out.push(Said::Mark(false));
        }
    }

    /// Holds a piece back, and lets go of the oldest that are not needed.
    fn hold(&mut self, piece: Piece) {
        let is_gate = self.mode == Mode::HalfDuplex;
        let most = self.samples(if is_gate { HOLD } else { PRE_ROLL });
        self.held_samples += piece.samples();
        self.held.push(piece);
        while let Some(oldest) = self.held.first()
            && self.held_samples - oldest.samples() >= most
        {
            let oldest = self.held.remove(0);
            self.held_samples -= oldest.samples();
            if is_gate {
                self.out.push(Said::Sound(oldest.silenced()));
            }
        }
    }

    /// Lets a piece through while the loudspeaker is silent.
    fn gate(&mut self, piece: Piece, now: Moment) {
        if self.sounds || self.opens_at.is_some_and(|at| now < at) {
            return self.hold(piece);
        }
        if self.opens_at.take().is_some() {
            self.open();
        }
        self.floor = piece.power().min(self.floor + self.floor / FLOOR_RISE + 1);
        self.out.push(Said::Sound(piece));
    }

    /// What was held back goes on as silence, but for the words that are being said as the loudspeaker falls silent.
    fn open(&mut self) {
        let loud = QUIET.max(self.floor * SPEECH_OVER_FLOOR);
        let (pause, mut quiet, mut words) = (self.samples(PAUSE), 0, 0);
        for piece in self.held.iter().rev() {
            quiet = if piece.power() > loud { 0 } else { quiet + piece.samples() };
            words += 1;
            if quiet >= pause {
                break;
            }
        }
        let silent = self.held.len() - words;
        for (index, piece) in core::mem::take(&mut self.held).into_iter().enumerate() {
            self.out.push(Said::Sound(if index < silent { piece.silenced() } else { piece }));
        }
        self.held_samples = 0;
    }

    fn samples(&self, time: Duration) -> u64 {
        time.as_millis() as u64 * u64::from(self.rate_hz) / 1000
    }
}

/// Who presses as they speak is late by this much.
const PRE_ROLL: Duration = Duration::from_millis(300);
/// What was said as the button came up is in the microphone's buffers for some 50 ms, and people let go on the last syllable.
const POST_ROLL: Duration = Duration::from_millis(100);
/// By then the microphone's latency is over, and the echo of a living room (0.4 s for 60 dB) has fallen by 30 dB.
const TAIL: Duration = Duration::from_millis(250);
/// The tail, and as much before it: people begin to speak a little before the other has ended.
const HOLD: Duration = Duration::from_millis(500);
/// Longer than the closure of a consonant: before it are other words, or the echo.
const PAUSE: Duration = Duration::from_millis(60);
/// Mean square of -50 dBFS: nobody's voice is lower at the microphone of a device held or sat at.
const QUIET: u64 = 10_000;
/// 9 dB.
const SPEECH_OVER_FLOOR: u64 = 8;
/// The floor rises by 1/64 a frame, 3 dB in a second: hardly in a word, quickly enough for a fan.
const FLOOR_RISE: u64 = 64;
