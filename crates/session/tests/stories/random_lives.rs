//! Whatever happens in whatever order: the machines drain, never panic, and end once.

use crate::pair::{Pair, frame_of, hello, ms, relay_config, speech};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;
use vivavoce_gemini::{ClientMessage, ServerMessage};
use vivavoce_session::{
    Client, ClientConfig, ClientEvent, ClientInput, ClientOutput, Moment, PlayerReport, Relay, RelayInput,
    RelayOutput,
};
use vivavoce_wire::audio::{AudioFrame, Codec, Kind};
use vivavoce_wire::message::{
    FromClient, FromProxy, Hello, Mode, Ready, Resume, ToolState, TurnState, Uplink, Upstream,
};
use vivavoce_wire::trouble::{Code, Trouble};

fn codes() -> impl Strategy<Value = Code> {
    prop::sample::select(&[
        Code::BadMessage,
        Code::NotAdmitted,
        Code::Limited,
        Code::TooSlow,
        Code::ServiceKey,
        Code::ServiceFailed,
        Code::GoingAway,
        Code::Internal,
    ])
}

fn troubles() -> impl Strategy<Value = Trouble> {
    (codes(), "[a-c]", prop::option::of(0_u64..90_000)).prop_map(|(code, message, retry_after_ms)| Trouble {
        code,
        message,
        retry_after_ms,
    })
}

fn close_codes() -> impl Strategy<Value = u16> {
    prop_oneof![
        prop::sample::select(&[1000, 1001, 1006, 1007, 1008, 1011, 1012, 4400, 4401, 4429, 4502]),
        any::<u16>(),
    ]
}

fn epochs() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 0_u32..6, 1 => any::<u32>()]
}

fn frames(kind: Kind) -> impl Strategy<Value = Bytes> {
    (epochs(), any::<u32>(), prop_oneof![0_u64..9_999, any::<u64>()], 0_usize..700).prop_map(
        move |(epoch, sequence, position, samples)| {
            let payload = frame_of(3, samples);
            AudioFrame { kind, codec: Codec::Pcm, epoch, sequence, position, payload }.encode()
        },
    )
}

fn junk() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn turns() -> impl Strategy<Value = FromProxy> {
    let states = prop::sample::select(&[
        TurnState::Started,
        TurnState::Generated,
        TurnState::Interrupted,
        TurnState::Complete,
    ]);
    (epochs(), states, any::<u64>()).prop_map(|(epoch, state, samples)| FromProxy::Turn {
        epoch,
        state,
        samples,
        reason: None,
    })
}

fn from_proxy() -> impl Strategy<Value = FromProxy> {
    let ready = |(call, secret, next): (String, bool, Option<u32>)| Ready {
        call,
        upstream: Upstream::Gemini,
        model: "m".into(),
        rate_hz: 24_000,
        max_frame_bytes: 65_536,
        secret: secret.then(|| "s".into()),
        next,
    };
    prop_oneof![
        4 => ("[ab]", any::<bool>(), prop::option::of(epochs()))
            .prop_map(move |parts| FromProxy::Ready(ready(parts))),
        2 => epochs().prop_map(|next| FromProxy::Received { next }),
        1 => epochs().prop_map(|next| FromProxy::Committed { next }),
        8 => turns(),
        2 => ("[a-z ]{0,5}", any::<bool>()).prop_map(|(text, done)| FromProxy::UserTranscript { text, done }),
        2 => (epochs(), "[a-z ]{0,5}").prop_map(|(epoch, text)| FromProxy::ModelTranscript { epoch, text }),
        1 => any::<bool>().prop_map(|speaking| FromProxy::Activity { speaking }),
        1 => "[a-z]".prop_map(|id| FromProxy::Tool {
            id, name: "f".into(), state: ToolState::Called, arguments: None, confirmation: None, says: None
        }),
        1 => troubles().prop_map(|error| FromProxy::Error { error }),
        1 => any::<u64>().prop_map(|id| FromProxy::Ping { id }),
        1 => any::<u64>().prop_map(|id| FromProxy::Pong { id }),
    ]
}

fn reports() -> impl Strategy<Value = PlayerReport> {
    (epochs(), any::<u16>(), any::<bool>()).prop_map(|(epoch, heard, sounding)| PlayerReport {
        epoch,
        heard_samples: heard.into(),
        sounding,
        ..PlayerReport::default()
    })
}

fn client_inputs() -> impl Strategy<Value = ClientInput> {
    prop_oneof![
        4 => Just(ClientInput::Start),
        6 => Just(ClientInput::SocketOpen),
        3 => prop::option::of("[ab]").prop_map(ClientInput::Ticket),
        20 => from_proxy().prop_map(|message| ClientInput::SocketText(message.encode())),
        1 => ".{0,20}".prop_map(ClientInput::SocketText),
        12 => frames(Kind::Model).prop_map(ClientInput::SocketBinary),
        1 => frames(Kind::Microphone).prop_map(ClientInput::SocketBinary),
        1 => junk().prop_map(ClientInput::SocketBinary),
        3 => close_codes().prop_map(|code| ClientInput::SocketClosed { code, reason: String::new() }),
        6 => (0_usize..2_000).prop_map(|samples| ClientInput::Microphone(frame_of(1, samples))),
        1 => junk().prop_map(ClientInput::Microphone),
        1 => Just(ClientInput::MicrophoneEnd),
        2 => any::<bool>().prop_map(ClientInput::Mute),
        6 => any::<bool>().prop_map(ClientInput::Press),
        1 => Just(ClientInput::Interrupt),
        2 => ".{0,9}".prop_map(ClientInput::Text),
        6 => reports().prop_map(ClientInput::Player),
        1 => Just(ClientInput::HangUp),
        6 => Just(ClientInput::Timeout),
    ]
}

fn waits() -> impl Strategy<Value = Duration> {
    prop_oneof![4 => 0_u64..50, 2 => 0_u64..3_000, 1 => 0_u64..40_000].prop_map(ms)
}

fn modes() -> impl Strategy<Value = Mode> {
    prop::sample::select(&[Mode::Open, Mode::PushToTalk, Mode::HalfDuplex])
}

fn client(mode: Mode) -> Client {
    Client::new(ClientConfig {
        url: "ws://proxy.example/ws".into(),
        ticket: Some("a".into()),
        // A page that gets none and one that does.
        gets_tickets: mode != Mode::Open,
        client: None,
        uplink_rate_hz: 16_000,
        greeting: true,
        continues: true,
        functions: None,
        mode,
        kept_audio: Duration::from_millis(200),
        barge_in: vivavoce_session::client::BargeIn::default(),
        seed: 3,
    })
}

/// What must hold of everything that a client asks for.
#[derive(Default)]
struct ClientWatch {
    ends: usize,
    flushed: u32,
    /// Whether a hello was sent on the socket that is open.
    said_hello: bool,
    /// Number of the next frame on it.
    sequence: u32,
}

impl ClientWatch {
    fn see(&mut self, output: &ClientOutput) {
        assert_eq!(self.ends, 0, "{output:?} after the end");
        match output {
            ClientOutput::Open { .. } | ClientOutput::CloseSocket { .. } => self.said_hello = false,
            ClientOutput::SendText(text) => {
                let message = FromClient::decode(text).unwrap();
                let is_hello = matches!(message, FromClient::Hello(_));
                assert_ne!(is_hello, self.said_hello, "hello is first, and is said once: {text}");
                self.said_hello = true;
                if is_hello {
                    self.sequence = 0;
                }
            }
            ClientOutput::SendBinary(bytes) => {
                assert!(self.said_hello);
                let frame = AudioFrame::decode(bytes.clone()).unwrap();
                assert!(frame.kind == Kind::Microphone && frame.sequence >= self.sequence);
                self.sequence = frame.sequence + 1;
            }
            ClientOutput::Play { epoch, pcm, .. } => {
                assert!(*epoch > self.flushed && pcm.len().is_multiple_of(2) && !pcm.is_empty());
            }
            ClientOutput::EndTurn { epoch, .. } => assert!(*epoch > self.flushed),
            ClientOutput::Yield(_) | ClientOutput::Thresholds(_) => {}
            ClientOutput::Flush { epoch } => {
                assert!(*epoch > self.flushed);
                self.flushed = *epoch;
            }
            ClientOutput::Event(ClientEvent::Ended { .. }) => self.ends += 1,
            ClientOutput::Event(_) | ClientOutput::Timeout(_) => {}
        }
    }

    /// Drains; the moment asked for.
    fn drain(&mut self, client: &mut Client) -> Option<Moment> {
        for _ in 0..10_000 {
            match client.poll() {
                ClientOutput::Timeout(wake) => return wake,
                output => self.see(&output),
            }
        }
        panic!("the client never says Timeout");
    }
}

/// The pieces of a service's message, alone and together.
fn service_messages() -> impl Strategy<Value = Value> {
    let contents = prop::sample::subsequence(
        vec!["audio", "interrupted", "generated", "complete", "heard", "said", "odd"],
        0..5,
    );
    let others =
        prop::sample::subsequence(vec!["setup", "call", "cancel", "go", "handle", "activity", "empty"], 0..3);
    (contents, others, prop::bool::weighted(0.8)).prop_map(|(contents, others, has_content)| {
        let mut message = json!({});
        if has_content {
            message["serverContent"] = content(&contents);
        }
        for other in others {
            add(&mut message, other);
        }
        message
    })
}

fn content(parts: &[&str]) -> Value {
    let mut content =
        if parts.contains(&"audio") { speech(5, 333)["serverContent"].take() } else { json!({}) };
    for part in parts {
        match *part {
            "interrupted" => content["interrupted"] = json!(true),
            "generated" => content["generationComplete"] = json!(true),
            "complete" => content["turnComplete"] = json!(true),
            "heard" => content["inputTranscription"] = json!({"text": "a b"}),
            "said" => content["outputTranscription"] = json!({"text": "c d"}),
            "odd" => {
                content["modelTurn"] =
                    json!({"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": "AQ=="}}]});
            }
            _ => {}
        }
    }
    content
}

fn add(message: &mut Value, part: &str) {
    match part {
        "setup" => message["setupComplete"] = json!({}),
        "call" => message["toolCall"] = json!({"functionCalls": [{"id": "x", "name": "f"}, {"name": "g"}]}),
        "cancel" => message["toolCallCancellation"] = json!({"ids": ["x", "y"]}),
        "go" => message["goAway"] = json!({"timeLeft": "5s"}),
        "handle" => message["sessionResumptionUpdate"] = json!({"newHandle": "h", "resumable": true}),
        "activity" => message["voiceActivity"] = json!({"type": "ACTIVITY_START"}),
        _ => {}
    }
}

fn from_client() -> impl Strategy<Value = FromClient> {
    let hello = |rate_hz| {
        FromClient::Hello(Hello {
            audio: Uplink { rate_hz, ..Uplink::default() },
            ticket: None,
            client: None,
            greeting: true,
            mode: Mode::Open,
            resumable: false,
            continues: false,
            functions: None,
            resume: None,
        })
    };
    prop_oneof![
        1 => prop_oneof![Just(16_000_u32), any::<u32>()].prop_map(hello),
        4 => "[a-z ]{0,9}".prop_map(|text| FromClient::Text { text }),
        4 => any::<bool>().prop_map(|muted| FromClient::Mute { muted }),
        2 => any::<bool>().prop_map(|speaking| FromClient::Activity { speaking }),
        3 => Just(FromClient::AudioEnd),
        5 => (epochs(), any::<(u64, u32, u32)>()).prop_map(|(epoch, (samples, underruns, barge_in_ms))| {
            FromClient::Heard { epoch, samples, underruns, barge_in_ms }
        }),
        1 => epochs().prop_map(|epoch| FromClient::Silenced { epoch }),
        2 => epochs().prop_map(|next| FromClient::Received { next }),
        1 => any::<u64>().prop_map(|id| FromClient::Ping { id }),
    ]
}

fn relay_inputs() -> impl Strategy<Value = RelayInput> {
    prop_oneof![
        1 => (any::<bool>(), any::<bool>(), prop::option::of(epochs())).prop_map(phone_enters),
        10 => from_client().prop_map(|message| RelayInput::PhoneText(message.encode())),
        14 => frames(Kind::Microphone).prop_map(RelayInput::PhoneBinary),
        20 => service_messages().prop_map(|message| {
            RelayInput::of_service(message.to_string().as_bytes()).unwrap()
        }),
        2 => Just(RelayInput::PhoneAlive),
        8 => Just(RelayInput::ServiceOpen),
        6 => Just(RelayInput::Timeout),
    ]
}

fn phone_enters((resumable, has_secret, next): (bool, bool, Option<u32>)) -> RelayInput {
    let resume = next.map(|next| Resume { call: "call".into(), secret: "s".into(), next });
    let hello = Box::new(Hello { resumable, resume, ..hello() });
    RelayInput::PhoneEnters { hello, secret: has_secret.then(|| "s".into()) }
}

fn rare_relay_inputs() -> impl Strategy<Value = RelayInput> {
    prop_oneof![
        200 => relay_inputs(),
        1 => Just(RelayInput::PhoneClosed),
        1 => troubles().prop_map(RelayInput::PhoneFault),
        1 => Just(RelayInput::Shutdown),
        1 => waits().prop_map(|within| RelayInput::Move { within }),
        4 => epochs().prop_map(|next| RelayInput::CheckpointKept { next }),
        1 => Just(RelayInput::PhoneText(FromClient::Bye.encode())),
        1 => ".{0,20}".prop_map(RelayInput::PhoneText),
        1 => junk().prop_map(RelayInput::PhoneBinary),
        2 => (close_codes(), ".{0,30}").prop_map(|(code, reason)| RelayInput::ServiceClosed { code, reason }),
    ]
}

/// What must hold of everything that a relay asks for.
#[derive(Default)]
struct RelayWatch {
    has_service: bool,
    connections: usize,
    /// Setups on the connection that is open.
    setups: usize,
    /// Whether the service may wait for the end of a stream; a session that is taken up again may have one open.
    is_streaming: bool,
    open_calls: usize,
    epoch: u32,
    samples: u64,
    is_dead: bool,
    is_ready: bool,
    closes: usize,
    seats: usize,
}

impl RelayWatch {
    fn hear(&mut self, input: &RelayInput) {
        if matches!(input, RelayInput::ServiceClosed { .. }) {
            self.has_service = false;
        }
    }

    fn see(&mut self, output: &RelayOutput) {
        match output {
            RelayOutput::OpenService => {
                assert!(!self.has_service, "one is opened before the other is closed");
                self.has_service = true;
                self.connections += 1;
                self.setups = 0;
                self.is_streaming = self.connections > 1;
            }
            RelayOutput::CloseService => {
                assert!(self.has_service, "one is closed that is not there");
                self.has_service = false;
            }
            RelayOutput::ToService(message) => self.check_service(message),
            RelayOutput::Uplink { pcm, rate_hz } => {
                assert!(self.has_service && self.setups == 1);
                assert!(!pcm.is_empty() && pcm.len().is_multiple_of(2) && (8_000..=48_000).contains(rate_hz));
                self.is_streaming = true;
            }
            RelayOutput::ToPhone { message, .. } => self.check_phone(message),
            RelayOutput::ToPhoneAudio(frame) => self.check_audio(frame),
            RelayOutput::ClosePhone { reason, .. } => {
                assert!(reason.len() <= 123);
                self.closes += 1;
            }
            RelayOutput::Seat => {
                (self.is_ready, self.closes) = (false, 0);
                self.seats += 1;
            }
            RelayOutput::LetGo => assert!(!self.has_service, "two would hold the session"),
            RelayOutput::SecretKept
            | RelayOutput::Checkpoint { .. }
            | RelayOutput::Reconnects(_)
            | RelayOutput::Reported { .. }
            | RelayOutput::CheckTool(_)
            | RelayOutput::RunTool(_)
            | RelayOutput::AbortTool { .. }
            | RelayOutput::ToolEnds { .. }
            | RelayOutput::DropAudio { .. }
            | RelayOutput::Timeout(_) => {}
        }
        assert!(self.closes <= 1);
    }

    fn check_service(&mut self, message: &ClientMessage) {
        match message {
            ClientMessage::Setup(_) => self.setups += 1,
            ClientMessage::RealtimeInput(input) if input.audio_stream_end => {
                assert!(self.is_streaming, "a stream is ended that has not begun");
                self.is_streaming = false;
            }
            ClientMessage::ToolResponse(response) => {
                let answered = response.function_responses.len();
                self.open_calls =
                    if self.seats > 1 { 0 } else { self.open_calls.checked_sub(answered).unwrap() };
            }
            _ => {}
        }
        assert!(self.has_service && self.setups == 1, "the setup is first, and is sent once on a connection");
    }

    fn check_phone(&mut self, message: &FromProxy) {
        assert_eq!(self.closes, 0);
        match message {
            FromProxy::Ready(_) => {
                assert!(!self.is_ready);
                self.is_ready = true;
            }
            // What a second phone is told, the first may have been told before.
            _ if self.seats > 1 => {}
            FromProxy::Tool { state: ToolState::Called, .. } => self.open_calls += 1,
            FromProxy::Tool { state: ToolState::Cancelled, .. } => self.open_calls -= 1,
            FromProxy::Turn { epoch, state: TurnState::Started, samples, .. } => {
                assert_eq!((*epoch, *samples), (self.epoch + 1, 0));
                (self.epoch, self.samples, self.is_dead) = (*epoch, 0, false);
            }
            FromProxy::Turn { epoch, state, samples, .. } => {
                assert_eq!((*epoch, *samples), (self.epoch, self.samples));
                self.is_dead |= *state == TurnState::Interrupted;
            }
            FromProxy::ModelTranscript { epoch, .. } => assert!(*epoch == self.epoch && !self.is_dead),
            _ => {}
        }
    }

    fn check_audio(&mut self, frame: &AudioFrame) {
        if self.seats > 1 {
            return;
        }
        assert!(self.is_ready && !self.is_dead);
        assert_eq!((frame.kind, frame.epoch, frame.position), (Kind::Model, self.epoch, self.samples));
        self.samples += frame.samples();
    }

    fn drain(&mut self, relay: &mut Relay) -> Option<Moment> {
        for _ in 0..10_000 {
            match relay.poll() {
                RelayOutput::Timeout(wake) => {
                    assert_eq!(self.open_calls, 0, "a call is left open");
                    return wake;
                }
                output => self.see(&output),
            }
        }
        panic!("the relay never says Timeout");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_a_client_drain_and_end_once(
        steps in prop::collection::vec((client_inputs(), waits()), 0..120),
        mode in modes(),
    ) {
        let (mut client, mut watch) = (client(mode), ClientWatch::default());
        let mut now = Moment::default();
        for (input, wait) in steps {
            now = now + wait;
            client.handle(input, now);
            let wake = watch.drain(&mut client);
            prop_assert!(wake.is_none_or(|wake| wake > now), "asks for a moment that has passed");
        }
        client.handle(ClientInput::HangUp, now);
        watch.drain(&mut client);
        client.handle(ClientInput::Timeout, now + ms(2_000));
        prop_assert_eq!(watch.drain(&mut client), None);
        prop_assert_eq!(watch.ends, 1);
    }

    #[test]
    fn of_a_client_left_alone_end_or_wait_without_haste(
        steps in prop::collection::vec((client_inputs(), waits()), 0..60),
        mode in modes(),
    ) {
        let (mut client, mut watch) = (client(mode), ClientWatch::default());
        let mut now = Moment::default();
        for (input, wait) in steps {
            now = now + wait;
            client.handle(input, now);
            watch.drain(&mut client);
        }
        // Nothing answers any more: it looks for the network, less and less often.
        let left_at = now;
        for _ in 0..200 {
            client.handle(ClientInput::Timeout, now);
            match watch.drain(&mut client) {
                Some(wake) => now = wake,
                None => return Ok(()),
            }
        }
        prop_assert!(now.since(left_at) > Duration::from_secs(900), "{:?}", now.since(left_at));
    }

    #[test]
    fn of_a_relay_drain_and_end_once(steps in prop::collection::vec((rare_relay_inputs(), waits()), 0..200)) {
        let (mut relay, mut watch) = (Relay::new(relay_config()), RelayWatch::default());
        let mut now = Moment::default();
        let ready = ServerMessage::decode(br#"{"setupComplete":{}}"#).unwrap();
        for input in [
            phone_enters((false, false, None)),
            RelayInput::ServiceOpen,
            RelayInput::Service(Box::new(ready)),
        ] {
            watch.hear(&input);
            relay.handle(input, now);
            watch.drain(&mut relay);
        }
        for (input, wait) in steps {
            now = now + wait / 20;
            watch.hear(&input);
            relay.handle(input, now);
            let wake = watch.drain(&mut relay);
            prop_assert!(wake.is_none_or(|wake| wake > now), "asks for a moment that has passed");
        }
        relay.handle(RelayInput::PhoneClosed, now);
        watch.drain(&mut relay);
        // A phone that said it would come back is waited for, and no longer.
        relay.handle(RelayInput::Timeout, now + relay_config().grace);
        prop_assert_eq!(watch.drain(&mut relay), None);
        prop_assert!(relay.is_over());
    }

    #[test]
    fn of_a_relay_in_any_order_at_all(steps in prop::collection::vec((rare_relay_inputs(), waits()), 0..80)) {
        let (mut relay, mut watch) = (Relay::new(relay_config()), RelayWatch::default());
        let mut now = Moment::default();
        for (input, wait) in steps {
            now = now + wait;
            watch.hear(&input);
            relay.handle(input, now);
            let wake = watch.drain(&mut relay);
            prop_assert!(wake.is_none_or(|wake| wake > now), "asks for a moment that has passed");
        }
    }
}

/// What may befall a whole call.
#[derive(Clone, Debug)]
enum Fate {
    Person(u8),
    Service(Value),
    ServiceCloses(u16),
    Cut,
    Unreachable(bool),
    BlackHole(bool),
    Slow(Option<u32>),
    Shutdown,
    Move,
    ProxyDies,
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        8 => (0_u8..8).prop_map(Fate::Person),
        24 => service_messages().prop_map(Fate::Service),
        1 => close_codes().prop_map(Fate::ServiceCloses),
        1 => Just(Fate::Cut),
        1 => any::<bool>().prop_map(Fate::Unreachable),
        1 => any::<bool>().prop_map(Fate::BlackHole),
        2 => prop::option::of(20_000_u32..90_000).prop_map(Fate::Slow),
        1 => Just(Fate::Shutdown),
        2 => Just(Fate::Move),
        2 => Just(Fate::ProxyDies),
    ]
}

fn befall(pair: &mut Pair, fate: Fate) {
    match fate {
        Fate::Person(0) => pair.does(ClientInput::Mute(true)),
        Fate::Person(1) => pair.does(ClientInput::Mute(false)),
        Fate::Person(2) => pair.does(ClientInput::MicrophoneEnd),
        Fate::Person(3) => pair.closes_the_microphone(),
        Fate::Person(4) => pair.opens_the_microphone(1),
        Fate::Person(5) => pair.does(ClientInput::Press(true)),
        Fate::Person(6) => pair.does(ClientInput::Press(false)),
        Fate::Person(_) => pair.does(ClientInput::Text("Hm?".into())),
        Fate::Service(message) => pair.service_says(&message),
        Fate::ServiceCloses(code) => pair.service_closes(code, ""),
        Fate::Cut => pair.cut(),
        Fate::Unreachable(is) => pair.network.is_reachable = !is,
        Fate::BlackHole(is) => pair.network.is_black_hole = is,
        Fate::Slow(room) => pair.network.bytes_per_second = room,
        Fate::Shutdown => pair.relay_hears(RelayInput::Shutdown),
        Fate::Move => pair.relay_hears(RelayInput::Move { within: ms(2_000) }),
        Fate::ProxyDies => pair.proxy_dies(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_whole_calls_end_once_whatever_befalls(
        steps in prop::collection::vec((fates(), waits()), 0..60),
        mode in modes(),
    ) {
        let mut pair = Pair::talking_in(mode);
        for (fate, wait) in steps {
            befall(&mut pair, fate);
            pair.pass(wait / 10);
        }
        pair.does(ClientInput::HangUp);
        pair.pass(ms(2_500));
        prop_assert!(pair.ended().is_some());
        prop_assert!(pair.player.is_silent());
    }
}
