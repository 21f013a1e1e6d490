//! Whatever the service says, the listener does and the network brings: every sample is sent once and in order, or is
//! of a turn that was cut; never more than the credit and a frame are ahead of the ear; all of it comes in the end.

use crate::desk::{Desk, Told};
use crate::pair::{ms, speech};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use vivavoce_session::RelayInput;
use vivavoce_wire::message::{FromClient, FromProxy, TurnState};

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The service says so many samples.
    Speaks(usize),
    /// And writes something down.
    Writes,
    Completes,
    Interrupted,
    /// The listener hears up to so much more of what came, and says so.
    Hears(u64),
    /// The listener cuts off the turn that is so many before the newest.
    Silences(u32),
    /// The listener leaves out what is left of a turn.
    Passes(u64),
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1_usize..200_000).prop_map(Step::Speaks),
        4 => (1_usize..3).prop_map(Step::Speaks),
        2 => Just(Step::Writes),
        3 => Just(Step::Completes),
        1 => Just(Step::Interrupted),
        12 => (0_u64..400_000).prop_map(Step::Hears),
        1 => (0_u32..3).prop_map(Step::Silences),
        8 => (0_u64..9_000).prop_map(Step::Passes),
    ]
}

/// What the world knows that the relay must get right.
struct World {
    desk: Desk,
    /// Whether the phone ever says what it heard.
    reports: bool,
    /// The service's newest turn, and whether it goes on.
    newest: u32,
    is_speaking: bool,
    /// What each turn consists of: the pieces' samples and lengths, and words between them.
    said: BTreeMap<u32, Vec<Piece>>,
    /// What of each turn has arrived.
    came: BTreeMap<u32, Vec<Piece>>,
    /// Whether each turn's end was told.
    ends: BTreeMap<u32, usize>,
    /// This turn and all older ones are silent.
    dead: u32,
    /// How far the listener is.
    heard: (u32, u64),
    /// How far a listener is who plays in real time.
    played: (u32, f64),
    marks: u64,
    looked_at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Piece {
    Sound { value: i16, samples: u64 },
    Word(u64),
}

impl World {
    fn new(reports: bool) -> Self {
        Self {
            desk: Desk::talking(|_| {}),
            reports,
            newest: 0,
            is_speaking: false,
            said: BTreeMap::new(),
            came: BTreeMap::new(),
            ends: BTreeMap::new(),
            dead: 0,
            heard: (0, 0),
            played: (0, 0.0),
            marks: 0,
            looked_at: 0,
        }
    }

    fn happens(&mut self, step: Step) {
        match step {
            Step::Speaks(samples) => self.speaks(samples),
            Step::Writes => self.writes(),
            Step::Completes => self.completes(),
            Step::Interrupted => self.interrupted(),
            Step::Hears(samples) => self.hears(samples),
            Step::Silences(back) => self.silences(self.newest.saturating_sub(back)),
            Step::Passes(count) => self.passes(ms(count)),
        }
        self.look();
    }

    fn speaks(&mut self, samples: usize) {
        self.begins();
        self.marks += 1;
        let value = (self.marks % 30_000) as i16;
        push(self.said.entry(self.newest).or_default(), Piece::Sound { value, samples: samples as u64 });
        self.desk.service(&speech(value, samples));
    }

    fn writes(&mut self) {
        self.begins();
        self.marks += 1;
        self.said.entry(self.newest).or_default().push(Piece::Word(self.marks));
        let text = self.marks.to_string();
        self.desk.service(&json!({"serverContent": {"outputTranscription": {"text": text}}}));
    }

    fn begins(&mut self) {
        if !self.is_speaking {
            self.newest += 1;
            self.is_speaking = true;
        }
    }

    fn completes(&mut self) {
        if self.is_speaking {
            self.desk.completes();
        }
        self.is_speaking = false;
    }

    fn interrupted(&mut self) {
        self.desk.service(&json!({"serverContent": {"interrupted": true, "turnComplete": true}}));
        self.dead = self.newest;
        self.is_speaking = false;
    }

    /// The listener hears, turn after turn, what has come.
    fn hears(&mut self, mut samples: u64) {
        if !self.reports {
            return;
        }
        for epoch in self.heard.0.max(self.dead + 1)..=self.newest {
            let from = if epoch == self.heard.0 { self.heard.1 } else { 0 };
            let some = samples.min(self.came(epoch) - from);
            samples -= some;
            if self.came(epoch) > 0 && (some > 0 || samples > 0) {
                self.heard = (epoch, from + some);
            }
        }
        if self.heard.0 > 0 {
            self.desk.heard(self.heard.0, self.heard.1);
        }
    }

    fn silences(&mut self, epoch: u32) {
        self.desk.phone(&FromClient::Silenced { epoch });
        self.dead = self.dead.max(epoch);
    }

    fn passes(&mut self, time: Duration) {
        // Small steps, so that nobody plays what comes later.
        let mut left = time;
        while !left.is_zero() {
            let some = left.min(ms(10));
            left -= some;
            self.desk.now = self.desk.now + some;
            self.play_on(some);
            self.desk.hears(RelayInput::PhoneAlive);
            self.look();
        }
    }

    fn play_on(&mut self, time: Duration) {
        let mut budget = time.as_secs_f64() * 24_000.0;
        for epoch in self.dead + 1..=self.newest {
            let came = self.came(epoch) as f64;
            if epoch < self.played.0 || came == 0.0 {
                continue;
            }
            let from = if epoch == self.played.0 { self.played.1 } else { 0.0 };
            let some = budget.min(came - from);
            budget -= some;
            if some > 0.0 {
                self.played = (epoch, from + some);
            }
        }
    }

    fn came(&self, epoch: u32) -> u64 {
        let sound = |piece: &Piece| if let Piece::Sound { samples, .. } = piece { *samples } else { 0 };
        self.came.get(&epoch).map_or(0, |pieces| pieces.iter().map(sound).sum())
    }

    /// What is with the phone and not heard.
    fn ahead(&self) -> f64 {
        let (at, heard) =
            if self.desk.relay.heard().0 > 0 { (self.heard.0, self.heard.1 as f64) } else { self.played };
        let rest = |epoch: u32| self.came(epoch) as f64 - if epoch == at { heard } else { 0.0 };
        (at.max(self.dead + 1)..=self.newest).map(rest).sum()
    }

    /// Takes in what the phone was told since.
    fn look(&mut self) {
        for told in self.desk.told.split_off(self.looked_at) {
            match told {
                Told::Audio(frame) => {
                    assert!(self.ahead() < 480_001.0, "{} samples ahead already", self.ahead());
                    assert!(frame.epoch > self.dead && frame.samples() <= 24_000);
                    assert_eq!(frame.position, self.came(frame.epoch));
                    let value = i16::from_le_bytes([frame.payload[0], frame.payload[1]]);
                    assert!(frame.payload.chunks(2).all(|pair| pair == value.to_le_bytes()));
                    let samples = frame.samples();
                    self.comes(frame.epoch, Piece::Sound { value, samples });
                }
                Told::Word(FromProxy::ModelTranscript { epoch, text }) => {
                    assert!(epoch > self.dead);
                    self.comes(epoch, Piece::Word(text.parse().unwrap()));
                }
                Told::Turn(epoch, TurnState::Started) => {
                    assert!(self.came.insert(epoch, Vec::new()).is_none(), "turn {epoch} starts twice");
                }
                Told::Turn(epoch, TurnState::Complete) => *self.ends.entry(epoch).or_default() += 1,
                Told::Turn(epoch, TurnState::Generated) => {
                    assert_eq!(self.came[&epoch], self.said[&epoch], "generated before all of it came");
                }
                Told::Turn(epoch, TurnState::Interrupted) => assert!(epoch <= self.dead),
                Told::Word(_) | Told::Dropped(_) => {}
                Told::Closed => panic!("the call is over"),
            }
        }
        self.looked_at = 0;
    }

    fn comes(&mut self, epoch: u32, piece: Piece) {
        assert!(self.came.keys().all(|of| *of <= epoch), "turn {epoch} after a newer one");
        push(self.came.get_mut(&epoch).expect("it has started"), piece);
    }

    /// The listener hears all there is.
    fn ends(&mut self) {
        self.completes();
        self.look();
        for _ in 0..10_000 {
            if self.reports {
                self.hears(u64::MAX);
                self.look();
            } else {
                self.passes(ms(1_000));
            }
            if (self.dead + 1..=self.newest).all(|epoch| self.ends.contains_key(&epoch)) {
                return;
            }
        }
        panic!("never drains: {:?} of {:?}, heard {:?}", self.came, self.said, self.heard);
    }
}

/// Sound goes on where it is the same.
fn push(pieces: &mut Vec<Piece>, piece: Piece) {
    match (pieces.last_mut(), piece) {
        (Some(Piece::Sound { value: of, samples: all }), Piece::Sound { value, samples }) if *of == value => {
            *all += samples;
        }
        _ => pieces.push(piece),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn all_is_sent_once_in_order_and_never_too_early(
        steps in prop::collection::vec(steps(), 0..80),
        reports in prop::bool::weighted(0.7),
    ) {
        let mut world = World::new(reports);
        for step in steps {
            world.happens(step);
        }
        world.ends();
        for (epoch, pieces) in &world.said {
            let came = world.came.get(epoch).cloned().unwrap_or_default();
            if *epoch > world.dead {
                prop_assert_eq!(&came, pieces);
            }
            prop_assert!(came.len() <= pieces.len());
        }
        prop_assert!(world.ends.values().all(|times| *times == 1), "{:?}", world.ends);
    }
}
