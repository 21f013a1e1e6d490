//! What the relay of a call wants done.

use super::Call;
use crate::phone::Phone;
use crate::service::Service;
use crate::store::Checkpoint;
use crate::uplink::Uplink;
use bytes::Bytes;
use core::time::Duration;
use vivavoce_gemini::ClientMessage;
use vivavoce_session::{LOST, Moment, RelayInput, RelayOutput};
use vivavoce_wire::audio::AudioFrame;
use vivavoce_wire::{Code, FromProxy, Trouble};

impl Call {
    /// Carries out all that the relay wants; then it wants to be woken at the moment returned.
    pub(super) async fn drain(&mut self) -> Option<Moment> {
        loop {
            match self.relay.poll() {
                RelayOutput::Timeout(wake) => return wake,
                // The phone is to find the call free when it is told to go, so this is waited for.
                RelayOutput::LetGo => self.let_go().await,
                output => self.carry_out(output),
            }
        }
    }

    fn carry_out(&mut self, order: RelayOutput) {
        match order {
            // Those two are waited for.
            RelayOutput::Timeout(_) | RelayOutput::LetGo => {}
            RelayOutput::Uplink { pcm, rate_hz } => self.speak(pcm, rate_hz),
            RelayOutput::ToPhoneAudio(frame) => self.play(frame),
            RelayOutput::DropAudio { epoch } => self.tell_phone(|phone| phone.drop_audio(epoch)),
            RelayOutput::ToPhone { message, sequence } => self.tell(&message, sequence),
            RelayOutput::ToService(message) => self.say(&message),
            RelayOutput::Seat => self.seat(),
            RelayOutput::SecretKept => {
                if let Some(secret) = &self.secret {
                    self.entry.secret_kept(secret);
                }
            }
            RelayOutput::ClosePhone { code, reason } => self.close_phone(code, &reason),
            RelayOutput::OpenService => self.dial(),
            RelayOutput::CloseService => self.hang_up(),
            RelayOutput::Reconnects(why) => self.note_reconnect(why),
            RelayOutput::Checkpoint { handle, next } => {
                let model = self.relay.model().to_owned();
                self.entry.note_checkpoint(Checkpoint { handle, model, next });
            }
            RelayOutput::Reported { underruns, barge_in } => self.note_report(underruns, barge_in),
            RelayOutput::CheckTool(job) => {
                let problem = self.errands.objection(&job);
                self.inform(RelayInput::ToolChecked { key: job.key, problem });
            }
            RelayOutput::RunTool(job) => {
                self.errands.run(*job);
                self.list.add_all();
            }
            RelayOutput::AbortTool { key } => self.errands.abort(&key),
            RelayOutput::ToolEnds { how, .. } => {
                self.house.metrics.count_tool(how);
                tracing::info!(?how, "a function call ended");
            }
        }
    }

    // ---- The phone.

    /// One that was let in takes the place of the one before.
    fn seat(&mut self) {
        self.part();
        self.phone = self.entering.take();
        self.list.add_all();
    }

    fn tell(&mut self, message: &FromProxy, sequence: Option<u32>) {
        match message {
            FromProxy::Error { error } => {
                tracing::info!(code = error.code.name(), "telling the phone of trouble");
                self.house.metrics.refuse(error.code.name());
                self.is_excused |= error.code.is_retryable();
            }
            FromProxy::Ready(_) => self.was_up = true,
            FromProxy::Activity { speaking: true } => self.awaited.speech_begins(),
            FromProxy::Activity { speaking: false } => self.awaited.speech_ends(self.relay.newest_turn()),
            FromProxy::Tool { .. } => self.errands.shown(message, sequence),
            _ => {}
        }
        self.tell_phone(|phone| phone.send(message, sequence));
    }

    fn play(&mut self, frame: AudioFrame) {
        self.has_relayed = true;
        if let Some(waited) = self.awaited.sounds(frame.epoch) {
            self.house.metrics.first_audio.took(waited);
        }
        let has_next = self.service.as_ref().is_some_and(Service::has_more);
        self.tell_phone(|phone| phone.send_audio(frame, has_next));
    }

    fn close_phone(&mut self, code: u16, reason: &str) {
        tracing::info!(code, "closing the phone's socket");
        self.tell_phone(|phone| phone.send_close(code, reason));
        self.part();
    }

    fn tell_phone(&mut self, how: impl FnOnce(&mut Phone)) {
        let _ = self.phone.as_mut().map(how);
    }

    /// Lets the phone go, with time for its last words; the process waits for that.
    pub(super) fn part(&mut self) {
        self.count_bytes();
        if let Some(phone) = self.phone.take() {
            let shutdown = self.shutdown.clone();
            tokio::spawn(async move {
                phone.close().await;
                drop(shutdown);
            });
        }
    }

    /// Another proxy goes on with the call.
    async fn let_go(&mut self) {
        tracing::info!("another proxy may go on with the call");
        self.house.metrics.moved.inc();
        self.house.calls.end(&self.id);
        // Others of its thread wait for that, and not for a registry.
        self.turn = None;
        self.entry.let_go().await;
    }

    fn note_report(&self, underruns: u32, barge_in: Option<Duration>) {
        self.house.metrics.underruns.inc_by(underruns.into());
        barge_in.into_iter().for_each(|took| self.house.metrics.barge_in.took(took));
    }

    // ---- The service.

    fn dial(&mut self) {
        self.hang_up();
        // What it gathered of a sound for the connection before is said again with the rest of that sound.
        self.uplink = Uplink::new();
        self.list.add_all();
        self.service = Some(Service::open(self.house.service.clone(), self.former.take()));
    }

    pub(super) fn hang_up(&mut self) {
        self.count_bytes();
        if let Some(service) = self.service.take() {
            self.former = Some(service.close());
            self.budget.iter().for_each(|budget| budget.breaks_off(&self.rules.config.prices));
        }
    }

    fn note_reconnect(&self, why: &str) {
        self.house.metrics.rotations.inc_by((why != LOST).into());
        self.house.metrics.upstream_reconnects.inc();
        tracing::info!(why, "another connection to the service follows");
    }

    fn say(&mut self, message: &ClientMessage) {
        if closes_speech(message) {
            self.awaited.speech_ends(self.relay.newest_turn());
        } else if is_typed(message) {
            self.awaited.types();
        }
        self.flush_uplink();
        self.tell_service(|service| service.send(message));
    }

    fn speak(&mut self, pcm: Bytes, rate_hz: u32) {
        self.has_relayed = true;
        let has_next = self.phone.as_ref().is_some_and(Phone::has_more);
        let (service, mut failure) = (&mut self.service, None);
        let pushed = self.uplink.push(pcm, rate_hz, &mut |pcm| {
            if failure.is_none() {
                failure = service.as_mut().and_then(|service| service.send_audio(pcm, has_next).err());
            }
        });
        if pushed.is_err() {
            let detail = format!("a microphone's rate is 8000 to 48000 Hz; found {rate_hz}");
            let trouble = Trouble::misunderstood(Code::BadMessage, detail);
            self.inform(RelayInput::PhoneFault(trouble));
        }
        if let Some(input) = failure {
            self.lose_service(input);
        }
    }

    fn flush_uplink(&mut self) {
        let mut rest = None;
        self.uplink.flush(&mut |pcm| rest = Some(pcm));
        if let Some(pcm) = rest {
            self.tell_service(|service| service.send_audio(pcm, false));
        }
    }

    fn tell_service(&mut self, send: impl FnOnce(&mut Service) -> Result<(), RelayInput>) {
        let Some(service) = &mut self.service else { return };
        if let Err(input) = send(service) {
            self.lose_service(input);
        }
    }

    fn lose_service(&mut self, input: RelayInput) {
        let input = self.reported(input);
        self.inform(input);
    }
}

/// Whether somebody typed a message.
fn is_typed(message: &ClientMessage) -> bool {
    matches!(message, ClientMessage::RealtimeInput(input) if input.text.is_some())
}

/// Whether a message tells the service that the person has said what they wanted to say.
fn closes_speech(message: &ClientMessage) -> bool {
    matches!(message, ClientMessage::RealtimeInput(input) if input.audio_stream_end || input.activity_end.is_some())
}
