//! A client and a relay with a pretend network, service, player and microphone between and around them, in
//! virtual time: nothing here waits, and every run is the same.

mod network;
mod player;
mod service;

use bytes::Bytes;
use network::Network;
use player::Player;
use serde_json::Value;
use service::Service;
pub(crate) use service::{Said, speech};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;
use vivavoce_gemini::Setup;
use vivavoce_session::client::{ClientState, Who};
use vivavoce_session::{
    Begun, Client, ClientConfig, ClientEvent, ClientInput, ClientOutput, Door, DoorInput, DoorOutput,
    Earlier, Job, Moment, Relay, RelayConfig, RelayInput, RelayOutput, Shown, ToolEnd, Tools,
};
use vivavoce_wire::message::{FromClient, FromProxy, Hello, Mode, Resume, Upstream};
use vivavoce_wire::trouble::{Code, Trouble};

/// Everything of one call.
pub(crate) struct Pair {
    pub(crate) now: Duration,
    pub(crate) client: Client,
    pub(crate) relay: Option<Relay>,
    /// The phone's socket, until it was let in.
    door: Option<Door>,
    /// What opens the call that there is: the newest secret, and the one before until that was kept.
    secrets: Vec<String>,
    pub(crate) network: Network,
    pub(crate) service: Service,
    pub(crate) player: Player,
    /// What the page was told, and when.
    pub(crate) events: Vec<(Duration, ClientEvent)>,
    /// What the relay told the phone, as it left.
    pub(crate) told: Vec<(Duration, FromProxy)>,
    /// What the client told the proxy, as it left.
    pub(crate) asked: Vec<(Duration, FromClient)>,
    /// What the guard says to every hello.
    pub(crate) verdict: Result<(), Trouble>,
    /// Tickets that opened a call, where the guard lets each open one alone, and what the page gets as the next.
    pub(crate) used_tickets: Option<Vec<String>>,
    pub(crate) next_ticket: Option<String>,
    /// How often the page was asked for one.
    pub(crate) tickets: usize,
    /// What the relay wanted run, and what it no longer wants to know of.
    pub(crate) jobs: Vec<Job>,
    pub(crate) aborted: Vec<String>,
    /// How function calls ended.
    pub(crate) tool_ends: Vec<ToolEnd>,
    /// What is wrong with arguments of functions.
    pub(crate) objection: Option<String>,
    /// Why connections to the service followed each other.
    pub(crate) reconnects: Vec<(Duration, &'static str)>,
    /// What the page said of its sound: times that it ran dry, and how long it took to fall silent.
    pub(crate) reported: Vec<(u32, Option<Duration>)>,
    /// What every relay begins with.
    pub(crate) relay_config: RelayConfig,
    /// Relays that there were, and phones that were let in.
    pub(crate) relays: u32,
    pub(crate) seats: u32,
    /// Whether what the relay says is for a phone that has to get up for another.
    is_for_the_former: bool,
    /// What outlives a proxy: where the conversation stands, and whether another proxy may go on with it.
    earlier: Option<Earlier>,
    kept_turn: u32,
    pub(crate) is_free: bool,
    /// Whether the proxy lets calls be taken up again.
    pub(crate) keeps_calls: bool,
    /// Samples of the model that the relay sent.
    pub(crate) sent: u64,
    /// The most of them that were ever not heard yet.
    pub(crate) most_ahead: u64,
    /// The microphone's frames: none while it is off.
    microphone: Option<i16>,
    line: BinaryHeap<Reverse<(Duration, u64, Happening)>>,
    count: u64,
    client_wakes: Option<Moment>,
    relay_wakes: Option<Moment>,
}

/// Something that will happen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// The socket number so is open.
    Opened(u32),
    /// It could not be opened.
    Refused,
    ToRelay(u32, Frame),
    ToClient(u32, Frame),
    ServiceOpened(u32),
    /// The service's connection number so said this.
    FromService(u32, String),
    ServiceClosed(u32, u16, String),
    /// The page got a ticket, or none.
    TicketCame,
    MicrophoneTicks,
    PlayerTicks,
}

/// What goes over the phone's socket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Frame {
    Text(String),
    Binary(Vec<u8>),
    Close(u16, String),
}

impl Pair {
    /// A phone and a proxy 40 ms apart, a service 30 ms behind it that answers the setup in 100 ms.
    pub(crate) fn new() -> Self {
        Self::in_mode(Mode::Open)
    }

    /// The same, sharing the line in a mode.
    pub(crate) fn in_mode(mode: Mode) -> Self {
        let client = Client::new(ClientConfig { mode, ..client_config() });
        let mut pair = Self {
            now: Duration::from_secs(100),
            client,
            relay: None,
            door: None,
            secrets: Vec::new(),
            network: Network::default(),
            service: Service::default(),
            player: Player::default(),
            events: Vec::new(),
            told: Vec::new(),
            asked: Vec::new(),
            verdict: Ok(()),
            used_tickets: None,
            next_ticket: None,
            tickets: 0,
            jobs: Vec::new(),
            aborted: Vec::new(),
            tool_ends: Vec::new(),
            objection: None,
            reconnects: Vec::new(),
            reported: Vec::new(),
            relay_config: relay_config(),
            relays: 0,
            seats: 0,
            is_for_the_former: false,
            earlier: None,
            kept_turn: 0,
            is_free: false,
            keeps_calls: true,
            sent: 0,
            most_ahead: 0,
            microphone: None,
            line: BinaryHeap::new(),
            count: 0,
            client_wakes: None,
            relay_wakes: None,
        };
        pair.at(Duration::ZERO, Happening::MicrophoneTicks);
        pair.at(Duration::ZERO, Happening::PlayerTicks);
        pair
    }

    /// The same, in the middle of a call with an open microphone.
    pub(crate) fn talking() -> Self {
        Self::talking_in(Mode::Open)
    }

    /// The same in a mode.
    pub(crate) fn talking_in(mode: Mode) -> Self {
        Self::in_mode(mode).begun()
    }

    /// The same with a proxy where no call outlives its connection.
    pub(crate) fn talking_once() -> Self {
        Self { keeps_calls: false, ..Self::new() }.begun()
    }

    /// The same before the call, with a proxy that wants a ticket and a page that can get others.
    pub(crate) fn with_a_ticket() -> Self {
        let config = ClientConfig { ticket: Some("first".into()), gets_tickets: true, ..client_config() };
        Self {
            client: Client::new(config),
            used_tickets: Some(Vec::new()),
            next_ticket: Some("second".into()),
            ..Self::new()
        }
    }

    /// The same, once somebody listens.
    pub(crate) fn begun(mut self) -> Self {
        self.opens_the_microphone(0);
        self.does(ClientInput::Start);
        self.until("ready", Self::is_ready);
        self
    }

    // ---- What a story does.

    /// The person does something.
    pub(crate) fn does(&mut self, input: ClientInput) {
        self.client.handle(input, self.moment());
        self.drain_client();
    }

    /// From now on the microphone gives frames of 20 ms that are full of this sample.
    pub(crate) fn opens_the_microphone(&mut self, sample: i16) {
        self.microphone = Some(sample);
    }

    /// The microphone gives nothing.
    pub(crate) fn closes_the_microphone(&mut self) {
        self.microphone = None;
    }

    /// The service says this.
    pub(crate) fn service_says(&mut self, message: &Value) {
        let connection = self.service.connection;
        let delay = self.service.latency;
        self.at(delay, Happening::FromService(connection, message.to_string()));
    }

    /// The service closes its socket.
    pub(crate) fn service_closes(&mut self, code: u16, reason: &str) {
        let connection = self.service.connection;
        let delay = self.service.latency;
        self.at(delay, Happening::ServiceClosed(connection, code, reason.into()));
    }

    /// The service gives a handle for all that it was sent so far.
    pub(crate) fn service_gives_a_handle(&mut self) {
        let update = self.service.gives_handle(self.now);
        self.service_says(&update);
    }

    /// The phone's socket breaks, and both ends see it at once.
    pub(crate) fn cut(&mut self) {
        self.network.connection += 1;
        self.door = None;
        self.client.handle(ClientInput::SocketClosed { code: 1006, reason: String::new() }, self.moment());
        self.drain_client();
        self.relay_hears(RelayInput::PhoneClosed);
    }

    /// What the next proxy is told of tools that this one began, should it die.
    pub(crate) fn writes_down(&mut self, begun: Vec<Begun>) {
        self.earlier.get_or_insert_default().begun = begun;
    }

    /// What the page is told of a function call is written down for the next proxy.
    fn notes_shown(&mut self, message: &FromProxy, sequence: Option<u32>) {
        if let Some(shown) = Shown::of(message, sequence) {
            let all = &mut self.earlier.get_or_insert_default().shown;
            all.retain(|other| other.id != shown.id);
            all.push(shown);
        }
    }

    /// The proxy dies; the network takes the phone to another one, which knows what outlived it.
    pub(crate) fn proxy_dies(&mut self) {
        if let Some(relay) = self.relay.take() {
            self.kept_turn = relay.newest_turn();
        }
        self.is_free = true;
        self.relay_wakes = None;
        self.service.lost();
        self.service.connection += 1;
        self.network.connection += 1;
        self.door = None;
        self.does(ClientInput::SocketClosed { code: 1006, reason: String::new() });
    }

    /// Something happens to the relay.
    pub(crate) fn relay_hears(&mut self, input: RelayInput) {
        let moment = self.moment();
        if let Some(relay) = &mut self.relay {
            relay.handle(input, moment);
            self.drain_relay();
        }
    }

    /// Time passes.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.next_at().filter(|next| *next <= end) {
            self.step(next);
        }
        self.now = end;
    }

    /// Time passes until this is so; at most a minute and a half.
    pub(crate) fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let end = self.now + Duration::from_secs(90);
        while !is_so(self) {
            let next = self.next_at().unwrap_or(end);
            assert!(next < end, "never {what}: {:#?}", self.events);
            self.step(next);
        }
    }

    // ---- What a story asks.

    pub(crate) fn is_ready(&self) -> bool {
        self.events.iter().any(|(_, event)| matches!(event, ClientEvent::Ready { .. }))
    }

    pub(crate) fn states(&self) -> Vec<ClientState> {
        let state = |(_, event): &(Duration, ClientEvent)| match event {
            ClientEvent::State { state } => Some(*state),
            _ => None,
        };
        self.events.iter().filter_map(state).collect()
    }

    /// The caption of one side in one turn.
    pub(crate) fn caption(&self, who: Who, epoch: u32) -> String {
        let piece = |(_, event): &(Duration, ClientEvent)| match event {
            ClientEvent::Caption { who: of, epoch: at, text } if (*of, *at) == (who, epoch) => {
                Some(text.clone())
            }
            _ => None,
        };
        self.events.iter().filter_map(piece).collect()
    }

    /// How the captions of one side ended: the turn, and whether it was cut.
    pub(crate) fn caption_ends(&self, who: Who) -> Vec<(u32, bool)> {
        let end = |(_, event): &(Duration, ClientEvent)| match event {
            ClientEvent::CaptionEnd { who: of, epoch, cut } if *of == who => Some((*epoch, *cut)),
            _ => None,
        };
        self.events.iter().filter_map(end).collect()
    }

    /// The errors' codes and sentences.
    pub(crate) fn errors(&self) -> Vec<(String, String)> {
        let error = |(_, event): &(Duration, ClientEvent)| match event {
            ClientEvent::Error { code, message } => Some((code.clone(), message.clone())),
            _ => None,
        };
        self.events.iter().filter_map(error).collect()
    }

    /// The reason of the end, if there was one.
    pub(crate) fn ended(&self) -> Option<String> {
        self.events.iter().find_map(|(_, event)| match event {
            ClientEvent::Ended { reason } => Some(reason.clone()),
            _ => None,
        })
    }

    /// When the relay first said this.
    pub(crate) fn told_at(&self, is_it: impl Fn(&FromProxy) -> bool) -> Option<Duration> {
        self.told.iter().find(|(_, message)| is_it(message)).map(|(at, _)| *at)
    }

    /// What another connection that takes the call over says.
    pub(crate) fn hello_of_another(&self) -> Box<Hello> {
        let resume = Resume { call: "call-1".into(), secret: self.secrets[0].clone(), next: 0 };
        Box::new(Hello { resumable: true, resume: Some(resume), ..hello() })
    }

    /// What opens the call.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.secrets.clone()
    }

    // ---- How it runs.

    fn moment(&self) -> Moment {
        Moment::after_origin(self.now)
    }

    fn at(&mut self, delay: Duration, happening: Happening) {
        self.at_time(self.now + delay, happening);
    }

    fn at_time(&mut self, time: Duration, happening: Happening) {
        self.count += 1;
        self.line.push(Reverse((time, self.count, happening)));
    }

    fn next_at(&self) -> Option<Duration> {
        let queued = self.line.peek().map(|Reverse((time, _, _))| *time);
        let wakes = [self.client_wakes, self.relay_wakes].into_iter().flatten().map(Moment::since_origin);
        queued.into_iter().chain(wakes).min()
    }

    fn step(&mut self, time: Duration) {
        self.now = self.now.max(time);
        let moment = self.moment();
        if self.line.peek().is_some_and(|Reverse((at, _, _))| *at <= time) {
            let Some(Reverse((_, _, happening))) = self.line.pop() else { return };
            self.happens(happening);
        } else if self.client_wakes.is_some_and(|at| at <= moment) {
            self.does(ClientInput::Timeout);
            assert!(
                self.client_wakes.is_none_or(|at| at > moment),
                "the client asks for a moment that has passed"
            );
        } else {
            self.relay_hears(RelayInput::Timeout);
            assert!(
                self.relay_wakes.is_none_or(|at| at > moment),
                "the relay asks for a moment that has passed"
            );
        }
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Opened(connection) => self.opened(connection),
            Happening::Refused => {
                self.does(ClientInput::SocketClosed { code: 1006, reason: String::new() });
            }
            Happening::ToRelay(connection, frame) => self.relay_gets(connection, frame),
            Happening::ToClient(connection, frame) => self.client_gets(connection, frame),
            Happening::ServiceOpened(connection) => {
                if connection == self.service.connection {
                    self.relay_hears(RelayInput::ServiceOpen);
                }
            }
            Happening::FromService(connection, json) => {
                if connection == self.service.connection {
                    self.relay_hears(RelayInput::of_service(json.as_bytes()).unwrap());
                }
            }
            Happening::ServiceClosed(connection, code, reason) => {
                if connection == self.service.connection {
                    self.service.lost();
                    self.relay_hears(RelayInput::ServiceClosed { code, reason });
                }
            }
            Happening::TicketCame => {
                let ticket = self.next_ticket.clone().filter(|_| self.network.is_reachable);
                self.does(ClientInput::Ticket(ticket));
            }
            Happening::MicrophoneTicks => {
                if let Some(sample) = self.microphone {
                    self.does(ClientInput::Microphone(frame_of(sample, 320)));
                }
                self.at(Duration::from_millis(20), Happening::MicrophoneTicks);
            }
            Happening::PlayerTicks => {
                if let Some(report) = self.player.tick() {
                    self.does(ClientInput::Player(report));
                }
                self.at(player::TICK, Happening::PlayerTicks);
            }
        }
    }

    fn opened(&mut self, connection: u32) {
        if connection != self.network.connection {
            return;
        }
        self.door = Some(Door::new(HELLO_PATIENCE, self.moment()));
        self.does(ClientInput::SocketOpen);
    }

    /// Somebody says something at the door.
    fn door_hears(&mut self, input: DoorInput) {
        let moment = self.moment();
        let Some(door) = &mut self.door else { return };
        door.handle(input, moment);
        loop {
            let Some(door) = &mut self.door else { return };
            match door.poll() {
                DoorOutput::Timeout(_) => return,
                DoorOutput::Admit(hello) => {
                    let verdict = self.judges(&hello);
                    if let Some(door) = &mut self.door {
                        door.handle(DoorInput::Verdict(verdict), moment);
                    }
                }
                DoorOutput::Enter(hello) => self.enters(hello),
                DoorOutput::SendAway(trouble) => self.sent_away(trouble),
            }
        }
    }

    /// The guard looks at who comes.
    fn judges(&mut self, hello: &Hello) -> Result<(), Trouble> {
        self.verdict.clone()?;
        let Some(used) = self.used_tickets.as_mut().filter(|_| hello.resume.is_none()) else { return Ok(()) };
        let ticket = hello.ticket.clone().unwrap_or_default();
        if used.contains(&ticket) {
            return Err(Trouble::new(Code::NotAdmitted, "This ticket was used."));
        }
        used.push(ticket);
        Ok(())
    }

    fn enters(&mut self, hello: Box<Hello>) {
        self.door = None;
        let is_over = self.relay.as_ref().is_none_or(Relay::is_over);
        match &hello.resume {
            Some(resume) if self.secrets.contains(&resume.secret) && core::mem::take(&mut self.is_free) => {
                let epoch = self.relay.as_ref().map_or(self.kept_turn, Relay::newest_turn);
                let earlier = Some(Earlier { epoch, ..self.earlier.clone().unwrap_or_default() });
                let call = resume.call.clone();
                self.relays += 1;
                self.relay = Some(Relay::new(RelayConfig { call, earlier, ..self.relay_config.clone() }));
            }
            Some(resume) if is_over || !self.secrets.contains(&resume.secret) => {
                return self.sent_away(Trouble::new(Code::NoSuchCall, "There is no such call."));
            }
            Some(_) => {}
            None => {
                // One that is still parked keeps a connection of its own, which nobody asks about here.
                self.service.is_connected = false;
                self.is_free = false;
                self.relays += 1;
                let call = format!("call-{}", self.relays);
                self.relay = Some(Relay::new(RelayConfig { call, ..self.relay_config.clone() }));
                self.secrets.clear();
            }
        }
        self.seats += 1;
        let secret = format!("secret-{}", self.seats);
        self.secrets.push(secret.clone());
        let secret = Some(secret).filter(|_| self.keeps_calls);
        self.is_for_the_former = true;
        self.relay_hears(RelayInput::PhoneEnters { hello, secret });
    }

    fn sent_away(&mut self, error: Trouble) {
        self.door = None;
        let (code, message) = (error.code.close_code(), FromProxy::Error { error });
        self.told.push((self.now, message.clone()));
        self.relay_sends(Frame::Text(message.encode()));
        self.relay_sends(Frame::Close(code, String::new()));
    }

    fn relay_gets(&mut self, connection: u32, frame: Frame) {
        if connection != self.network.connection {
            return;
        }
        if self.door.is_some() {
            return match frame {
                Frame::Text(text) => self.door_hears(DoorInput::Text(text)),
                Frame::Binary(_) => self.door_hears(DoorInput::Binary),
                Frame::Close(..) => self.door = None,
            };
        }
        self.relay_hears(match frame {
            Frame::Text(text) => RelayInput::PhoneText(text),
            Frame::Binary(bytes) => RelayInput::PhoneBinary(bytes.into()),
            Frame::Close(..) => RelayInput::PhoneClosed,
        });
    }

    fn client_gets(&mut self, connection: u32, frame: Frame) {
        if connection == self.network.connection && !self.network.is_down_closed() {
            let input = match frame {
                Frame::Text(text) => ClientInput::SocketText(text),
                Frame::Binary(bytes) => ClientInput::SocketBinary(bytes.into()),
                Frame::Close(code, reason) => {
                    self.network.connection += 1;
                    ClientInput::SocketClosed { code, reason }
                }
            };
            self.does(input);
        }
    }

    fn drain_client(&mut self) {
        for _ in 0..MOST_OUTPUTS {
            match self.client.poll() {
                ClientOutput::Timeout(wakes) => {
                    self.client_wakes = wakes;
                    return;
                }
                ClientOutput::Open { url: _ } => self.open(),
                ClientOutput::SendText(text) => {
                    let message = FromClient::decode(&text).unwrap();
                    self.asked.push((self.now, message));
                    self.phone_sends(Frame::Text(text));
                }
                ClientOutput::SendBinary(bytes) => {
                    self.phone_sends(Frame::Binary(bytes.to_vec()));
                }
                ClientOutput::CloseSocket { code, reason } => {
                    self.phone_sends(Frame::Close(code, reason));
                    self.network.close_down();
                }
                ClientOutput::Play { epoch, position, pcm } => self.player.play(epoch, position, &pcm),
                ClientOutput::EndTurn { epoch, samples } => self.player.end(epoch, samples),
                ClientOutput::Flush { epoch } => self.player.flush(epoch, self.now),
                ClientOutput::Yield(how) => self.player.give_way(how, self.now),
                ClientOutput::Thresholds(thresholds) => self.player.thresholds.push(thresholds),
                ClientOutput::Event(event) => {
                    assert!(self.ended().is_none(), "{event:?} after the end");
                    if event == ClientEvent::Ticket {
                        self.tickets += 1;
                        self.at(self.network.latency * 2, Happening::TicketCame);
                    }
                    self.events.push((self.now, event));
                }
            }
        }
        panic!("the client never says Timeout");
    }

    fn drain_relay(&mut self) {
        let moment = self.moment();
        for _ in 0..MOST_OUTPUTS {
            let Some(relay) = &mut self.relay else { return };
            match relay.poll() {
                RelayOutput::Timeout(wakes) => {
                    self.relay_wakes = wakes;
                    return;
                }
                RelayOutput::Seat => self.is_for_the_former = false,
                RelayOutput::SecretKept => self.secrets = self.secrets.split_off(self.secrets.len() - 1),
                RelayOutput::Checkpoint { handle, next } => {
                    let earlier = self.earlier.get_or_insert_default();
                    (earlier.handle, earlier.next) = (Some(handle), next);
                    relay.handle(RelayInput::CheckpointKept { next }, moment);
                }
                RelayOutput::LetGo => self.is_free = true,
                RelayOutput::OpenService => {
                    self.service.open();
                    let (latency, connection) = (self.service.latency, self.service.connection);
                    match self.service.refuses_to_open.clone() {
                        Some((code, reason)) => {
                            self.at(latency, Happening::ServiceClosed(connection, code, reason));
                        }
                        None => self.at(latency * 2, Happening::ServiceOpened(connection)),
                    }
                }
                RelayOutput::ToService(message) => self.service_hears(&message.encode()),
                RelayOutput::Uplink { pcm, rate_hz } => self.service.hears_audio(self.now, &pcm, rate_hz),
                RelayOutput::CheckTool(job) => {
                    let input = RelayInput::ToolChecked { key: job.key, problem: self.objection.clone() };
                    relay.handle(input, moment);
                }
                RelayOutput::RunTool(job) => self.jobs.push(*job),
                RelayOutput::AbortTool { key } => self.aborted.push(key),
                RelayOutput::ToolEnds { how, .. } => self.tool_ends.push(how),
                RelayOutput::Reconnects(why) => self.reconnects.push((self.now, why)),
                RelayOutput::Reported { underruns, barge_in } => self.reported.push((underruns, barge_in)),
                RelayOutput::CloseService => self.service.closed(self.now),
                RelayOutput::ToPhone { message, sequence } => {
                    self.notes_shown(&message, sequence);
                    let text = sequence.map_or_else(|| message.encode(), |n| message.encode_numbered(n));
                    self.told.push((self.now, message));
                    self.relay_sends(Frame::Text(text));
                }
                RelayOutput::ToPhoneAudio(frame) => {
                    self.sent += frame.samples();
                    self.most_ahead =
                        self.most_ahead.max(self.sent - self.player.heard.values().sum::<u64>());
                    self.relay_sends(Frame::Binary(frame.encode().to_vec()));
                }
                RelayOutput::DropAudio { epoch: _ } => {}
                RelayOutput::ClosePhone { code, reason } => {
                    assert!(reason.len() <= 123, "{reason}");
                    self.relay_sends(Frame::Close(code, reason));
                }
            }
        }
        panic!("the relay never says Timeout");
    }

    fn service_hears(&mut self, json: &str) {
        let message: Value = serde_json::from_str(json).unwrap();
        if message.get("setup").is_some() {
            let (delay, connection) =
                (self.service.latency * 2 + self.service.setup_time, self.service.connection);
            match self.service.judges(&message["setup"]) {
                Some((code, reason)) => self.at(delay, Happening::ServiceClosed(connection, code, reason)),
                None if self.service.is_mute => {}
                None => self.at(delay, Happening::FromService(connection, r#"{"setupComplete":{}}"#.into())),
            }
        }
        self.service.hears(self.now, message);
    }

    fn open(&mut self) {
        self.network.connection += 1;
        self.network.reopen();
        let (delay, connection) = (self.network.latency * 3, self.network.connection);
        let happening =
            if self.network.is_reachable { Happening::Opened(connection) } else { Happening::Refused };
        self.at(delay, happening);
    }

    fn phone_sends(&mut self, frame: Frame) {
        if let Some(time) = self.network.up(self.now, frame.bytes()) {
            self.at_time(time, Happening::ToRelay(self.network.connection, frame));
        }
    }

    fn relay_sends(&mut self, frame: Frame) {
        if self.is_for_the_former {
            return;
        }
        if let Some(time) = self.network.down(self.now, frame.bytes()) {
            self.at_time(time, Happening::ToClient(self.network.connection, frame));
        }
    }
}

impl Frame {
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
            Self::Close(_, reason) => reason.len(),
        }
    }
}

/// PCM that is full of one sample.
pub(crate) fn frame_of(sample: i16, samples: usize) -> Bytes {
    sample.to_le_bytes().repeat(samples).into()
}

pub(crate) fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// What the client of every story begins with.
fn client_config() -> ClientConfig {
    ClientConfig {
        url: "ws://proxy.example/ws?x=1".into(),
        ticket: None,
        gets_tickets: false,
        client: Some("pair".into()),
        uplink_rate_hz: 16_000,
        greeting: true,
        continues: false,
        functions: None,
        mode: Mode::Open,
        kept_audio: Duration::from_secs(10),
        barge_in: vivavoce_session::client::BargeIn::default(),
        seed: 7,
    }
}

/// What the relay of every story begins with.
pub(crate) fn relay_config() -> RelayConfig {
    RelayConfig {
        call: "call".into(),
        setup: Setup { model: "models/gemini-3.8-live".into(), ..Setup::default() },
        upstream: Upstream::Simulator,
        silence_duration: Duration::from_millis(700),
        greeting: None,
        other_models: Vec::new(),
        seed: 5,
        answer_deadline: Duration::from_secs(8),
        longest: Duration::ZERO,
        idle: Duration::ZERO,
        max_frame_bytes: 64 * 1024,
        setup_deadline: Duration::from_secs(10),
        most_ahead: Duration::from_secs(20),
        most_kept: Duration::from_secs(360),
        grace: Duration::from_secs(45),
        hold: Duration::from_secs(5),
        tools: Tools::default(),
        earlier: None,
    }
}

/// What a phone says at the door.
pub(crate) fn hello() -> Hello {
    let FromClient::Hello(hello) =
        FromClient::decode(r#"{"type":"hello","audio":{"rate_hz":16000}}"#).unwrap()
    else {
        unreachable!("it is one")
    };
    hello
}

/// How long a phone may take to say hello.
const HELLO_PATIENCE: Duration = Duration::from_secs(5);

/// More than one input ever asks for.
const MOST_OUTPUTS: usize = 10_000;
