//! A relay alone in the middle of a call: the story is its phone and its service, and looks at every word.

use crate::pair::{hello, relay_config, speech};
use serde_json::{Value, json};
use std::time::Duration;
use vivavoce_session::{Moment, Relay, RelayConfig, RelayInput, RelayOutput};
use vivavoce_wire::audio::AudioFrame;
use vivavoce_wire::message::{FromClient, FromProxy, TurnState};

/// A relay and what it told the phone.
pub(crate) struct Desk {
    pub(crate) relay: Relay,
    pub(crate) now: Moment,
    pub(crate) told: Vec<Told>,
    /// When the relay wants to be woken.
    pub(crate) wakes: Option<Moment>,
}

/// One thing that a phone was sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// Sound.
    Audio(AudioFrame),
    /// A turn and what became of it.
    Turn(u32, TurnState),
    /// Something else.
    Word(FromProxy),
    /// The proxy's own queue was to be cleared of this turn.
    Dropped(u32),
    /// The end.
    Closed,
}

impl Desk {
    /// The service listens.
    pub(crate) fn talking(change: impl FnOnce(&mut RelayConfig)) -> Self {
        let mut config = relay_config();
        change(&mut config);
        let relay = Relay::new(config);
        let mut desk = Self { relay, now: Moment::default(), told: Vec::new(), wakes: None };
        desk.hears(RelayInput::PhoneEnters { hello: Box::new(hello()), secret: None });
        desk.hears(RelayInput::ServiceOpen);
        desk.service(&json!({"setupComplete": {}}));
        desk.told.clear();
        desk
    }

    pub(crate) fn hears(&mut self, input: RelayInput) {
        self.relay.handle(input, self.now);
        loop {
            match self.relay.poll() {
                RelayOutput::Timeout(wakes) => {
                    assert!(wakes.is_none_or(|wakes| wakes > self.now), "asks for a moment that has passed");
                    self.wakes = wakes;
                    return;
                }
                RelayOutput::ToPhone { message: FromProxy::Turn { epoch, state, .. }, .. } => {
                    self.told.push(Told::Turn(epoch, state));
                }
                RelayOutput::ToPhone { message, .. } => self.told.push(Told::Word(message)),
                RelayOutput::ToPhoneAudio(frame) => self.told.push(Told::Audio(frame)),
                RelayOutput::DropAudio { epoch } => self.told.push(Told::Dropped(epoch)),
                RelayOutput::ClosePhone { .. } => self.told.push(Told::Closed),
                RelayOutput::Seat
                | RelayOutput::Checkpoint { .. }
                | RelayOutput::LetGo
                | RelayOutput::SecretKept
                | RelayOutput::OpenService
                | RelayOutput::ToService(_)
                | RelayOutput::Uplink { .. }
                | RelayOutput::CloseService
                | RelayOutput::CheckTool(_)
                | RelayOutput::RunTool(_)
                | RelayOutput::AbortTool { .. }
                | RelayOutput::ToolEnds { .. }
                | RelayOutput::Reconnects(_)
                | RelayOutput::Reported { .. } => {}
            }
        }
    }

    pub(crate) fn service(&mut self, message: &Value) {
        self.hears(RelayInput::of_service(message.to_string().as_bytes()).unwrap());
    }

    /// The service says so many seconds of this sample, a fifth of a second at a time.
    pub(crate) fn speaks(&mut self, sample: i16, seconds: usize) {
        for _ in 0..seconds * 5 {
            self.service(&speech(sample, 4_800));
        }
    }

    /// The service has said all of its turn and takes it as over.
    pub(crate) fn completes(&mut self) {
        self.service(&json!({"serverContent": {"generationComplete": true}}));
        self.service(&json!({"serverContent": {"turnComplete": true}}));
    }

    pub(crate) fn is_interrupted(&mut self) {
        self.service(&json!({"serverContent": {"interrupted": true}}));
    }

    pub(crate) fn phone(&mut self, message: &FromClient) {
        self.hears(RelayInput::PhoneText(message.encode()));
    }

    pub(crate) fn heard(&mut self, epoch: u32, samples: u64) {
        self.phone(&FromClient::Heard { epoch, samples, underruns: 0, barge_in_ms: 0 });
    }

    /// Time passes; the phone shows that it is there, and the relay is woken when it wants to be.
    pub(crate) fn pass(&mut self, mut time: Duration) {
        while !time.is_zero() {
            let some = time.min(Duration::from_secs(10));
            time -= some;
            self.hears(RelayInput::PhoneAlive);
            self.sleep(some);
        }
    }

    fn sleep(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(wakes) = self.wakes.filter(|wakes| *wakes <= end) {
            self.now = wakes;
            self.hears(RelayInput::Timeout);
        }
        self.now = end;
    }

    /// Samples of a turn that the phone was sent.
    pub(crate) fn sent(&self, epoch: u32) -> u64 {
        let samples = |told: &Told| match told {
            Told::Audio(frame) if frame.epoch == epoch => frame.samples(),
            _ => 0,
        };
        self.told.iter().map(samples).sum()
    }

    /// Where in all that was told this is.
    pub(crate) fn place(&self, of: &Told) -> Option<usize> {
        self.told.iter().position(|told| told == of)
    }
}
