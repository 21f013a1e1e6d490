//! One call: the relay decides, this carries out.

use crate::admission::Caller;
use crate::house::{House, going_down};
use crate::phone::{Heard, Phone};
use crate::service::Service;
use crate::uplink::Uplink;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use vivavoce_session::{Moment, Relay, RelayInput, RelayOutput};
use vivavoce_wire::{Code, FromProxy, Trouble};

/// Everything that one call holds of the world.
pub(crate) struct Call {
    house: Arc<House>,
    caller: Caller,
    relay: Relay,
    phone: Phone,
    /// Whether the phone was said goodbye to.
    phone_closed: bool,
    /// Whether the relay knows that the process goes down.
    going_down: bool,
    service: Option<Service>,
    /// A connection to the service that is still saying goodbye.
    former: Option<JoinHandle<()>>,
    uplink: Uplink,
    began: Instant,
}

impl Call {
    /// A call of `phone`, named `id`.
    pub(crate) fn new(id: String, house: Arc<House>, caller: Caller, phone: Phone) -> Self {
        let relay = Relay::new(house.relay_config(id));
        let (service, former) = (None, None);
        let (uplink, began) = (Uplink::new(), Instant::now());
        Self {
            house,
            caller,
            relay,
            phone,
            phone_closed: false,
            going_down: false,
            service,
            former,
            uplink,
            began,
        }
    }

    /// Runs the call to its end.
    pub(crate) async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let mut input = RelayInput::PhoneOpen;
        loop {
            self.relay.handle(input, self.now());
            let wake = self.drain();
            if self.relay.is_over() {
                break;
            }
            input = self.wait(wake, &mut shutdown).await;
        }
        tracing::info!(seconds = self.began.elapsed().as_secs(), "call over");
        self.hang_up();
        self.phone.close().await;
    }

    /// Carries out all that the relay wants; then it wants to be woken at the moment returned.
    fn drain(&mut self) -> Option<Moment> {
        loop {
            match self.relay.poll() {
                RelayOutput::Timeout(wake) => return wake,
                RelayOutput::Admit(hello) => {
                    tracing::info!(client = hello.client.as_deref(), "hello");
                    let verdict = self.house.admission.admit(&hello, &self.caller);
                    self.relay.handle(RelayInput::Admission(verdict), self.now());
                }
                RelayOutput::OpenService => self.dial(),
                RelayOutput::ToService(message) => {
                    self.flush_uplink();
                    self.tell_service(|service| service.send(&message));
                }
                RelayOutput::Uplink { pcm, rate_hz } => self.speak(pcm, rate_hz),
                RelayOutput::CloseService => self.hang_up(),
                RelayOutput::ToPhone(message) => {
                    if let FromProxy::Error { error } = &message {
                        tracing::info!(code = error.code.name(), "telling the phone of trouble");
                    }
                    self.phone.send(&message);
                }
                RelayOutput::ToPhoneAudio(bytes) => self.phone.send_audio(bytes),
                RelayOutput::DropAudio { epoch } => self.phone.drop_audio(epoch),
                RelayOutput::ClosePhone { code, reason } => {
                    tracing::info!(code, "closing the phone's socket");
                    self.phone.send_close(code, &reason);
                    self.phone_closed = true;
                }
            }
        }
    }

    /// Waits for the next thing to happen.
    async fn wait(&mut self, wake: Option<Moment>, shutdown: &mut watch::Receiver<bool>) -> RelayInput {
        let wake_at = wake.map(|wake| self.began + wake.since_origin());
        // A phone that talks faster than the service listens is left to wait: its own network slows it down.
        let crowded = self.service.as_ref().filter(|service| !service.has_room());
        let may_read = crowded.is_none();
        let room = crowded.map(Service::room);
        // And a service that is too far ahead of the ear: its own network slows that down.
        let may_listen = self.relay.wants_service();
        tokio::select! {
            heard = self.phone.next(may_read), if !self.phone_closed => self.heard(heard),
            () = some(room) => RelayInput::Timeout,
            input = next(&mut self.service), if may_listen => self.reported(input),
            () = at(wake_at) => RelayInput::Timeout,
            () = going_down(shutdown), if !self.going_down => {
                self.going_down = true;
                RelayInput::Shutdown
            }
        }
    }

    fn heard(&mut self, heard: Heard) -> RelayInput {
        match heard {
            Heard::Text(text) => RelayInput::PhoneText(text),
            Heard::Binary(bytes) => RelayInput::PhoneBinary(bytes),
            Heard::Alive => RelayInput::PhoneAlive,
            Heard::Fault(trouble) => {
                self.tell(trouble);
                RelayInput::PhoneClosed
            }
            Heard::Gone => {
                self.phone_closed = true;
                RelayInput::PhoneClosed
            }
        }
    }

    /// Notes the end of the service's socket on its way to the relay.
    fn reported(&mut self, input: RelayInput) -> RelayInput {
        if let RelayInput::ServiceClosed { code, .. } = &input {
            // Its words may hold anything; what they mean is said when the phone is told.
            tracing::info!(code, "the service's socket closed");
            self.hang_up();
        }
        input
    }

    /// The call ends here for a phone that can no longer be talked with.
    fn drop_phone(&mut self, trouble: Trouble) {
        self.tell(trouble);
        self.relay.handle(RelayInput::PhoneClosed, self.now());
    }

    fn tell(&mut self, trouble: Trouble) {
        tracing::info!(code = ?trouble.code, "ending the call");
        self.phone.send_trouble(trouble);
        self.phone_closed = true;
    }

    fn dial(&mut self) {
        self.hang_up();
        self.service = Some(Service::open(self.house.service.clone(), self.former.take()));
    }

    fn hang_up(&mut self) {
        if let Some(service) = self.service.take() {
            self.former = Some(service.close());
        }
    }

    fn speak(&mut self, pcm: bytes::Bytes, rate_hz: u32) {
        let mut messages = Vec::with_capacity(2);
        let pushed = self.uplink.push(pcm, rate_hz, &mut |pcm| messages.push(pcm));
        if pushed.is_err() {
            let detail = format!("a microphone's rate is 8000 to 48000 Hz; found {rate_hz}");
            self.drop_phone(Trouble::misunderstood(Code::BadMessage, detail));
        }
        for pcm in messages {
            self.tell_service(|service| service.send_audio(pcm));
        }
    }

    fn flush_uplink(&mut self) {
        let mut rest = None;
        self.uplink.flush(&mut |pcm| rest = Some(pcm));
        if let Some(pcm) = rest {
            self.tell_service(|service| service.send_audio(pcm));
        }
    }

    fn tell_service(&mut self, send: impl FnOnce(&Service) -> Result<(), RelayInput>) {
        let Some(service) = &self.service else { return };
        if let Err(input) = send(service) {
            let input = self.reported(input);
            self.relay.handle(input, self.now());
        }
    }

    fn now(&self) -> Moment {
        Moment::after_origin(self.began.elapsed())
    }
}

/// A name for a call: hardly ever given twice, and of no use to anybody who learns it.
pub(crate) fn call_id() -> String {
    format!("{:012x}", RandomState::new().build_hasher().finish() >> 16)
}

/// The next thing from the service; never, while there is none.
async fn next(service: &mut Option<Service>) -> RelayInput {
    match service {
        Some(service) => service.next().await,
        None => core::future::pending().await,
    }
}

/// What a wait that there is waits for; never ends, if there is none.
async fn some(wait: Option<impl Future<Output = ()>>) {
    match wait {
        Some(wait) => wait.await,
        None => core::future::pending().await,
    }
}

async fn at(wake: Option<Instant>) {
    match wake {
        Some(wake) => sleep_until(wake).await,
        None => core::future::pending().await,
    }
}
