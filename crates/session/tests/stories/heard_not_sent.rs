//! The model's words appear as they are heard: whenever they come, a cut transcript ends where the listener's ear did.

use std::collections::VecDeque;
use std::time::Duration;
use vivavoce_session::client::{PlayerReport, Who};
use vivavoce_session::{Client, ClientConfig, ClientEvent, ClientInput, ClientOutput, Moment};
use vivavoce_wire::audio::{AudioFrame, Codec, Kind};
use vivavoce_wire::message::{FromProxy, Ready, TurnState, Upstream};

const PER_MS: u64 = 24;

/// A seeded choice (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from + 1)
    }
}

/// A word and the samples of its turn during which it is said.
struct Word {
    text: String,
    from: u64,
    to: u64,
}

/// A turn of random words, each up to a third faster or slower than the voice, with the pauses that marks make.
fn speech(pace: u64, dice: &mut Dice) -> Vec<Word> {
    let count = dice.between(8, 60);
    let (mut words, mut at) = (Vec::new(), 0);
    for index in 0..count {
        let letters = [1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 7, 8, 9, 11][dice.between(0, 14) as usize];
        let mark = match dice.between(0, 11) {
            _ if index + 1 == count => ".",
            0 => ".",
            1 => ",",
            _ => "",
        };
        let space = if index == 0 { "" } else { " " };
        let length = (letters + 1) * pace * dice.between(75, 133) / 100;
        let pause = match mark {
            "." if index + 1 < count => dice.between(150, 450),
            "," => dice.between(60, 220),
            _ => 0,
        };
        let text = format!("{space}{}{mark}", "m".repeat(letters as usize));
        words.push(Word { text, from: at, to: at + length });
        at += length + pause * PER_MS;
    }
    words
}

/// When the transcript comes, in milliseconds before its sound.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lead {
    Ms(i64),
    AtOnce,
    /// Whole sentences, each as it begins.
    Sentence,
    /// Whole sentences, each as it ends.
    SentenceAfter,
}

/// Speed of the delivery, in hundredths of real time, from and to.
type Speed = (u64, u64);

/// What came of one cut.
struct Outcome {
    /// Words shown, words begun, words that had come.
    shown: usize,
    begun: usize,
    came: usize,
    /// Between the end of what was shown and of what was heard, in milliseconds.
    off_ms: i64,
}

impl Outcome {
    fn is_near(&self) -> bool {
        self.shown.abs_diff(self.begun) <= 1 || self.off_ms.abs() <= 300
    }

    fn is_all_that_came(&self) -> bool {
        self.shown == self.came && self.shown < self.begun
    }
}

/// A client in a call, with a player that it is told of.
struct Listener {
    client: Client,
    now_ms: u64,
    shown: String,
    ends: Vec<bool>,
    received: u64,
    heard: u64,
    starts_ms: Option<u64>,
}

impl Listener {
    fn new() -> Self {
        let client = Client::new(ClientConfig {
            url: "ws://proxy.example/ws".into(),
            ticket: None,
            gets_tickets: false,
            client: None,
            uplink_rate_hz: 16_000,
            greeting: false,
            continues: false,
            functions: None,
            kept_audio: Duration::from_secs(1),
            mode: Default::default(),
            barge_in: vivavoce_session::client::BargeIn::default(),
            seed: 1,
        });
        let mut listener = Self {
            client,
            now_ms: 1_000,
            shown: String::new(),
            ends: Vec::new(),
            received: 0,
            heard: 0,
            starts_ms: None,
        };
        listener.takes(ClientInput::Start);
        listener.takes(ClientInput::SocketOpen);
        let (upstream, model) = (Upstream::Simulator, "m".into());
        let (secret, next) = (None, None);
        let ready = Ready {
            call: "c".into(),
            upstream,
            model,
            rate_hz: 24_000,
            max_frame_bytes: 65_536,
            secret,
            next,
        };
        listener.hears(&FromProxy::Ready(ready));
        listener
    }

    fn takes(&mut self, input: ClientInput) {
        self.client.handle(input, Moment::after_origin(Duration::from_millis(self.now_ms)));
        let mut pings = false;
        loop {
            match self.client.poll() {
                ClientOutput::Timeout(_) => break,
                ClientOutput::SendText(text) => pings |= text.contains("ping"),
                ClientOutput::Event(ClientEvent::Caption { who: Who::Model, text, .. }) => {
                    self.shown += &text;
                }
                ClientOutput::Event(ClientEvent::CaptionEnd { who: Who::Model, cut, .. }) => {
                    self.ends.push(cut);
                }
                _ => {}
            }
        }
        if pings {
            self.hears(&FromProxy::Pong { id: 1 });
        }
    }

    fn hears(&mut self, message: &FromProxy) {
        self.takes(ClientInput::SocketText(message.encode()));
    }

    fn turn(&mut self, epoch: u32, state: TurnState) {
        self.hears(&FromProxy::Turn { epoch, state, samples: self.received, reason: None });
    }

    fn sound(&mut self, epoch: u32, samples: u64) {
        let payload = vec![0; samples as usize * 2].into();
        let (kind, codec, position) = (Kind::Model, Codec::Pcm, self.received);
        let frame = AudioFrame { kind, codec, epoch, sequence: 0, position, payload };
        self.received += samples;
        self.starts_ms.get_or_insert(self.now_ms + 100);
        self.takes(ClientInput::SocketBinary(frame.encode()));
    }

    /// A millisecond passes; the player tells where it is ten times a second.
    fn passes(&mut self, epoch: u32) {
        self.now_ms += 1;
        let sounding = self.starts_ms.is_some_and(|at| self.now_ms > at) && self.heard < self.received;
        if sounding {
            self.heard = self.received.min(self.heard + PER_MS);
        }
        if self.now_ms.is_multiple_of(100) {
            self.report(epoch, sounding);
        }
    }

    fn report(&mut self, epoch: u32, sounding: bool) {
        let (heard_samples, buffered_samples) = (self.heard, self.received - self.heard);
        self.takes(ClientInput::Player(PlayerReport {
            epoch,
            heard_samples,
            buffered_samples,
            underruns: 0,
            sounding,
            ..PlayerReport::default()
        }));
    }
}

/// Plays one turn and cuts it when so many of its samples were heard, or lets it end if that is more than there are.
fn cut_at(
    epoch: u32,
    words: &[Word],
    lead: Lead,
    speed: Speed,
    cut: u64,
    dice: &mut Dice,
    listener: &mut Listener,
) -> Outcome {
    (listener.received, listener.heard, listener.starts_ms) = (0, 0, None);
    listener.shown.clear();
    listener.ends.clear();
    let sentence = |word: &Word| {
        let index = words.iter().position(|other| other.from == word.from).unwrap();
        let from =
            words[..index].iter().rposition(|word| word.text.ends_with('.')).map_or(0, |index| index + 1);
        let to = words[index..].iter().position(|word| word.text.ends_with('.')).unwrap() + index;
        (words[from].from, words[to].to)
    };
    let total = words.last().map_or(0, |word| word.to);
    let mut waiting: VecDeque<&Word> = words.iter().collect();
    let mut chunk_at = listener.now_ms;
    let mut came = 0;
    listener.turn(epoch, TurnState::Started);
    while listener.heard < cut.min(total) {
        if chunk_at <= listener.now_ms && listener.received < total {
            let samples = (dice.between(40, 190) * PER_MS).min(total - listener.received);
            let end = (listener.received + samples) as i64;
            let is_last = end as u64 == total;
            let is_due = |word: &Word| match lead {
                Lead::AtOnce => true,
                Lead::Sentence => (sentence(word).0 as i64) < end,
                Lead::SentenceAfter => (sentence(word).1 as i64) < end || is_last,
                Lead::Ms(ms) => is_last || (word.from as i64) - ms * (PER_MS as i64) < end,
            };
            while let Some(word) = waiting.pop_front_if(|word| is_due(word)) {
                came += 1;
                listener.hears(&FromProxy::ModelTranscript { epoch, text: word.text.clone() });
            }
            listener.sound(epoch, samples);
            chunk_at += samples / PER_MS * 100 / dice.between(speed.0, speed.1);
            if is_last {
                listener.turn(epoch, TurnState::Generated);
            }
        }
        listener.passes(epoch);
    }
    let heard = listener.heard;
    if cut < total {
        listener.turn(epoch, TurnState::Interrupted);
    } else {
        listener.turn(epoch, TurnState::Complete);
        listener.report(epoch, false);
    }
    outcome(words, &listener.shown, heard, came)
}

fn outcome(words: &[Word], shown: &str, heard: u64, came: usize) -> Outcome {
    let shown = shown.split_whitespace().count();
    let begun = words.iter().filter(|word| word.from < heard).count();
    // Within the word shown last, the transcript ends where the ear is.
    let last = shown.checked_sub(1).map(|index| &words[index]);
    let end = last.map_or(0, |last| heard.clamp(last.from, last.to));
    Outcome { shown, begun, came, off_ms: (end as i64 - heard as i64) / PER_MS as i64 }
}

/// What came of many cuts.
#[derive(Debug, Default)]
struct Tally {
    cuts: u32,
    missed: u32,
    worst_ms: i64,
    /// Cuts where the words heard had not all come: no one can show those.
    not_come: u32,
}

/// Cuts one turn for each seed, after so many whole turns of the same voice.
fn cuts(lead: Lead, speed: Speed, turns_before: u32) -> Tally {
    let mut tally = Tally::default();
    for seed in 0..SEEDS {
        let mut dice = Dice(seed);
        let pace = dice.between(1_100, 1_900);
        let mut listener = Listener::new();
        for epoch in 1..=turns_before {
            let words = speech(pace, &mut dice);
            cut_at(epoch, &words, lead, speed, u64::MAX, &mut dice, &mut listener);
            assert_eq!(listener.shown, words.iter().map(|word| word.text.as_str()).collect::<String>());
            assert_eq!(listener.ends, [false]);
        }
        let words = speech(pace, &mut dice);
        let cut = dice.between(1, words.last().unwrap().to - 1);
        let outcome = cut_at(turns_before + 1, &words, lead, speed, cut, &mut dice, &mut listener);
        if !outcome.is_near() && outcome.is_all_that_came() {
            tally.not_come += 1;
            continue;
        }
        tally.cuts += 1;
        if !outcome.is_near() {
            tally.missed += 1;
            tally.worst_ms = tally.worst_ms.max(outcome.off_ms.abs());
        }
    }
    tally
}

const SEEDS: u64 = 100;
const FAST: Speed = (300, 400);
const SLOW: Speed = (100, 130);

#[test]
fn a_cut_transcript_that_keeps_step_ends_within_a_word_or_300_ms_of_what_was_heard() {
    let mut all = Tally::default();
    for lead_ms in [2_000, 1_500, 1_000, 500, 200, 0, -200, -400, -700, -1_000] {
        for (speed, turns_before) in [(FAST, 0), (SLOW, 0), (FAST, 1), (SLOW, 1)] {
            let tally = cuts(Lead::Ms(lead_ms), speed, turns_before);
            all.cuts += tally.cuts;
            all.missed += tally.missed;
            all.worst_ms = all.worst_ms.max(tally.worst_ms);
            assert!(
                tally.not_come == 0 || (lead_ms <= -700 && speed == SLOW),
                "{lead_ms} {speed:?} {tally:?}"
            );
        }
    }
    // What is left are cuts in the first words of a voice that speaks unlike others, whose text came long before it.
    assert!(all.missed * 100 <= all.cuts && all.worst_ms <= 600, "{all:?}");
}

#[test]
fn a_cut_transcript_that_came_at_once_is_spread_over_its_sound() {
    for lead in [Lead::AtOnce, Lead::Sentence] {
        for speed in [FAST, SLOW] {
            // A voice that was never heard may be a quarter faster or slower than others: only the turn's end tells.
            cuts(lead, speed, 0);
            let tally = cuts(lead, speed, 1);
            assert!(tally.missed * 100 <= tally.cuts * 15, "{lead:?} {speed:?} {tally:?}");
        }
    }
}

#[test]
fn sentences_that_come_after_they_were_said_are_laid_where_they_were() {
    for speed in [FAST, SLOW] {
        let tally = cuts(Lead::SentenceAfter, speed, 1);
        assert!(tally.missed * 100 <= tally.cuts * 15, "{speed:?} {tally:?}");
    }
}
