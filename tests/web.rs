//! The guards in a real browser: what they hold works while they are held, and is closed when they are dropped.
//! They run in a dedicated Worker, as in a page. The only network is a port at which nobody listens.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use bytes::Bytes;
use core::cell::{Cell, RefCell};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use js_sys::{Function, JSON, Reflect, Uint8Array};
use std::rc::Rc;
use vivavoce::call::{Call, to_js};
use vivavoce::clock::now;
use vivavoce::fault::Fault;
use vivavoce::player::Player;
use vivavoce::port::{Message, Port};
use vivavoce::recorder::Recorder;
use vivavoce::socket::{Socket, SocketEvent};
use vivavoce::timer::Timer;
use vivavoce::vad::{Detector, Vad};
use vivavoce_session::client::{ClientEvent, ClientInput, ClientState, PlayerReport, Who};
use vivavoce_wire::Json;
use vivavoce_wire::message::Upstream;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{MessageChannel, MessagePort};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

#[wasm_bindgen_test]
fn the_clock_never_runs_backwards() {
    let moments: Vec<_> = (0..1000).map(|_| now()).collect();
    assert!(moments.is_sorted());
}

#[wasm_bindgen_test]
fn faults_read_whatever_was_thrown() {
    for (thrown, expected) in [
        ("new Error('no bell')", "no bell"),
        ("new DOMException('no door', 'DataCloneError')", "no door"),
        ("'a string'", "a string"),
        ("({})", "unknown error"),
        ("42", "unknown error"),
    ] {
        assert_eq!(Fault::thrown(&evaluate(thrown)).to_string(), expected, "{thrown}");
    }
}

#[wasm_bindgen_test]
async fn a_timer_wakes_once() {
    let rung = Heard::default();
    let mut timer = Timer::new();
    timer.set(Some(now()), now(), rung.teller("woken"));
    assert_eq!(rung.next().await, "woken");
    timer.rang();
    assert_eq!(timer.due(), None);
}

#[wasm_bindgen_test]
async fn a_dropped_timer_wakes_nobody() {
    let rung = Heard::default();
    let (mut dropped, mut cleared, mut later) = (Timer::new(), Timer::new(), Timer::new());
    let soon = Some(now() + Duration::from_millis(5));
    dropped.set(soon, now(), rung.teller("dropped"));
    cleared.set(soon, now(), rung.teller("cleared"));
    later.set(Some(now() + Duration::from_millis(40)), now(), rung.teller("later"));
    drop(dropped);
    cleared.set(None, now(), || {});
    assert_eq!(rung.next().await, "later");
}

#[wasm_bindgen_test]
async fn a_timer_set_anew_forgets_the_moment_before() {
    let rung = Heard::default();
    let mut timer = Timer::new();
    timer.set(Some(now() + Duration::from_millis(5)), now(), rung.teller("first"));
    timer.set(Some(now() + Duration::from_millis(30)), now(), rung.teller("second"));
    assert_eq!(rung.next().await, "second");
}

#[wasm_bindgen_test]
fn a_timer_for_the_end_of_time_does_not_ring_at_once() {
    let mut timer = Timer::new();
    let end = now() + Duration::from_secs(1 << 40);
    timer.set(Some(end), now(), || panic!("rang"));
    assert_eq!(timer.due(), Some(end));
}

#[wasm_bindgen_test]
async fn a_socket_that_nobody_answers_closes_with_1006() {
    let told = Heard::default();
    let _socket = Socket::open(NOBODY, told.hearer()).unwrap();
    assert!(matches!(told.next().await, SocketEvent::Closed { code: 1006, .. }));
}

#[wasm_bindgen_test]
fn an_address_that_is_none_is_a_fault_at_once() {
    for url in ["ws://", "gopher://example.com", "ws://[::bad"] {
        assert!(Socket::open(url, |_| {}).is_err(), "{url:?}");
    }
}

#[wasm_bindgen_test]
async fn a_dropped_socket_tells_nothing_more() {
    let (told, later) = (Heard::<SocketEvent>::default(), Heard::default());
    drop(Socket::open(NOBODY, told.hearer()).unwrap());
    let _other = Socket::open(NOBODY, later.hearer()).unwrap();
    later.next().await;
    assert_eq!(told.count(), 0);
}

#[wasm_bindgen_test]
fn a_socket_asks_for_the_subprotocol_and_for_array_buffers() {
    let pretend = PretendSockets::install();
    let _socket = Socket::open("ws://proxy/ws", |_| {}).unwrap();
    assert_eq!(pretend.log(), r#"["open ws://proxy/ws vivavoce.v1"]"#);
    assert_eq!(pretend.field("binaryType"), "arraybuffer");
}

#[wasm_bindgen_test]
fn a_socket_passes_frames_on() {
    let pretend = PretendSockets::install();
    let told = Heard::default();
    let _socket = Socket::open("ws://proxy/ws", told.hearer()).unwrap();
    pretend.run("socket.onopen({})");
    pretend.run("socket.onmessage({ data: 'words' })");
    pretend.run("socket.onmessage({ data: new Uint8Array([1, 2, 3]).buffer })");
    pretend.run("socket.onclose({ code: 4401, reason: 'no ticket' })");
    let expected = [
        SocketEvent::Open,
        SocketEvent::Text("words".into()),
        SocketEvent::Binary(Bytes::from_static(&[1, 2, 3])),
        SocketEvent::Closed { code: 4401, reason: "no ticket".into() },
    ];
    assert_eq!(told.all(), expected);
}

#[wasm_bindgen_test]
fn a_socket_sends_frames_and_says_what_waits() {
    let pretend = PretendSockets::install();
    let socket = Socket::open("ws://proxy/ws", |_| {}).unwrap();
    socket.send_text("words").unwrap();
    socket.send_binary(&[7, 8]).unwrap();
    pretend.run("socket.bufferedAmount = 77");
    assert_eq!(socket.buffered_bytes(), 77);
    assert_eq!(pretend.log(), r#"["open ws://proxy/ws vivavoce.v1","send words","send 7,8"]"#);
}

#[wasm_bindgen_test]
fn a_frame_sent_too_early_is_a_fault() {
    let socket = Socket::open(NOBODY, |_| {}).unwrap();
    assert!(socket.send_text("too early").is_err());
}

#[wasm_bindgen_test]
fn a_dropped_socket_is_closed() {
    let pretend = PretendSockets::install();
    drop(Socket::open("ws://proxy/ws", |_| {}).unwrap());
    assert_eq!(pretend.log(), r#"["open ws://proxy/ws vivavoce.v1","close 1000"]"#);
    assert_eq!(pretend.field("onmessage"), "null");
}

#[wasm_bindgen_test]
fn a_close_code_that_pages_may_not_say_still_closes() {
    let socket = Socket::open(NOBODY, |_| {}).unwrap();
    for code in [1001, 1006, 4401] {
        socket.close(code, &"long ".repeat(100));
    }
}

#[wasm_bindgen_test]
async fn a_port_says_and_hears() {
    let (near, far) = channel();
    let (heard, answered) = (Heard::default(), Heard::default());
    let near = Port::open(near, heard.reader(epoch));
    let far = Port::open(far, answered.reader(epoch));
    near.post(&about("there", 4.0)).unwrap();
    far.post(&about("back", 5.0)).unwrap();
    assert_eq!((answered.next().await, heard.next().await), (4.0, 5.0));
}

#[wasm_bindgen_test]
async fn a_port_hears_what_was_said_before_it_was_opened() {
    let (near, far) = channel();
    let far = Port::open(far, |_| {});
    far.post(&about("early", 1.0)).unwrap();
    far.post(&about("early", 2.0)).unwrap();
    let heard = Heard::default();
    let _near = Port::open(near, heard.reader(epoch));
    assert_eq!((heard.next().await, heard.next().await), (1.0, 2.0));
}

#[wasm_bindgen_test]
async fn a_dropped_port_hears_nothing_more() {
    let (near, far) = channel();
    let far = Port::open(far, |_| {});
    let heard = Heard::<f64>::default();
    drop(Port::open(near, heard.reader(epoch)));
    far.post(&about("too late", 1.0)).unwrap();
    // As many messages as are needed to be sure that this one had its time.
    for _ in 0..10 {
        a_message_goes_round().await;
    }
    assert_eq!(heard.count(), 0);
}

#[wasm_bindgen_test]
async fn the_recorder_gives_frames_and_takes_their_buffers_back() {
    let (near, far) = channel();
    let (frames, back) = (Heard::default(), Heard::default());
    let _recorder = Recorder::open(near, frames.hearer());
    let far = Port::open(far, back.reader(|message| (message.is("return"), message.pcm().byte_length())));
    let frame = about("frame", 0.0);
    frame.set_pcm(&Uint8Array::from([9_u8; 640].as_slice()).buffer());
    far.give(&frame).unwrap();
    assert_eq!(frame.pcm().byte_length(), 0, "given away");
    assert_eq!(frames.next().await, Bytes::from_static(&[9; 640]));
    assert_eq!(back.next().await, (true, 640));
}

#[wasm_bindgen_test]
async fn the_recorder_takes_only_frames_for_frames() {
    let (near, far) = channel();
    let frames = Heard::default();
    let _recorder = Recorder::open(near, frames.hearer());
    let far = Port::open(far, |_| {});
    far.post(&about("gossip", 0.0)).unwrap();
    far.post(&about("frame", 0.0)).unwrap();
    assert_eq!(frames.next().await, Bytes::new(), "a frame without samples");
}

#[wasm_bindgen_test]
async fn the_player_gets_its_orders_as_they_were_given() {
    let (near, far) = channel();
    let orders = Heard::default();
    let _far = Port::open(far, orders.reader(words));
    let player = Player::open(near, |_| {});
    player.play(3, 24_000, &[1, 2, 3, 4]);
    player.end(3, 24_002);
    player.flush(u32::MAX);
    for expected in [
        r#"{"type":"play","epoch":3,"position":24000,"pcm":[1,2,3,4]}"#,
        r#"{"type":"end","epoch":3,"samples":24002}"#,
        r#"{"type":"flush","epoch":4294967295}"#,
    ] {
        assert_eq!(orders.next().await, expected);
    }
}

#[wasm_bindgen_test]
async fn any_report_of_the_player_can_be_read() {
    let (near, far) = channel();
    let reports = Heard::default();
    let _player = Player::open(near, reports.hearer());
    for said in [
        "{ type: 'return', pcm: new ArrayBuffer(4) }",
        "{ type: 'report', epoch: 2, heard: 48000, buffered: 1200, underruns: 1, concealed: 9, sounding: true, frames: 96000, rate: 44100 }",
        "{ type: 'report', epoch: NaN, heard: -5, buffered: 1e300, underruns: 'x' }",
    ] {
        far.post_message(&evaluate(&format!("({said})"))).unwrap();
    }
    let report = reports.next().await;
    assert_eq!((report.epoch, report.heard_samples, report.buffered_samples), (2, 48_000, 1200));
    assert_eq!((report.underruns, report.sounding), (1, true));
    assert_eq!((report.played_frames, report.rate_hz), (96_000, 44_100));
    let odd = reports.next().await;
    assert_eq!((odd.epoch, odd.heard_samples, odd.buffered_samples, odd.sounding), (0, 0, u64::MAX, false));
}

#[wasm_bindgen_test]
fn the_detector_tells_of_speech_once_and_a_muted_microphone_hears_nobody() {
    let mut vad = Vad::default();
    let mut hears = |input| vad.take(&input);
    let frame = || ClientInput::Microphone(Bytes::from_static(&[1, 0]));
    assert_eq!(hears(frame()), None, "nobody listens yet");

    let mut vad = Vad::default();
    vad.attach(detector("[1, 0, 2, 1][this.calls++]"));
    let mut hears = |input| vad.take(&input);
    assert_eq!(hears(frame()), Some(true));
    assert_eq!(hears(frame()), None);
    assert_eq!(hears(frame()), Some(false));
    assert_eq!(hears(frame()), Some(true));
    assert_eq!(hears(ClientInput::Mute(true)), Some(false));
    assert_eq!(hears(ClientInput::Mute(false)), Some(true));
}

#[wasm_bindgen_test]
fn the_detector_gets_the_samples_and_whether_the_model_sounds() {
    let mut vad = Vad::default();
    vad.attach(detector("pcm.length === 3 && pcm[1] === 7 && sounding ? 1 : 0"));
    let frame = || ClientInput::Microphone(Bytes::from_static(&[6, 7, 8]));
    assert_eq!(vad.take(&frame()), None);
    vad.take(&ClientInput::Player(PlayerReport { sounding: true, ..PlayerReport::default() }));
    assert_eq!(vad.take(&frame()), Some(true));
}

#[wasm_bindgen_test]
fn a_detector_that_traps_is_given_up_and_its_speaker_falls_silent() {
    let mut vad = Vad::default();
    vad.attach(detector("this.calls++ ? (() => { throw new Error('unreachable') })() : 1"));
    let frame = || ClientInput::Microphone(Bytes::from_static(&[1, 0]));
    assert_eq!(vad.take(&frame()), Some(true));
    assert_eq!(vad.take(&frame()), Some(false));
    assert_eq!(vad.take(&frame()), None);
}

#[wasm_bindgen_test]
fn events_are_plain_objects_of_their_json() {
    let ready =
        ClientEvent::Ready { call: "c1".into(), upstream: Upstream::Simulator, model: "parrot".into() };
    let caption = ClientEvent::Caption { who: Who::Model, epoch: 7, text: " oh".into() };
    let tool = ClientEvent::Tool(Json::raw(r#"{"type":"tool","id":"t","name":"mail","state":"called"}"#));
    for (event, expected) in [
        (ClientEvent::State { state: ClientState::Listening }, r#"{"type":"state","state":"listening"}"#),
        (ready, r#"{"type":"ready","call":"c1","upstream":"simulator","model":"parrot"}"#),
        (caption, r#"{"type":"caption","who":"model","epoch":7,"text":" oh"}"#),
        (
            ClientEvent::CaptionEnd { who: Who::User, epoch: 7, cut: true },
            r#"{"type":"caption_end","who":"user","epoch":7,"cut":true}"#,
        ),
        (tool, r#"{"type":"tool","id":"t","name":"mail","state":"called"}"#),
        (ClientEvent::Muted { muted: true }, r#"{"type":"muted","muted":true}"#),
        (
            ClientEvent::Error { code: "internal".into(), message: "Ow.".into() },
            r#"{"type":"error","code":"internal","message":"Ow."}"#,
        ),
        (ClientEvent::Ended { reason: String::new() }, r#"{"type":"ended","reason":""}"#),
    ] {
        let object = to_js(&event).unwrap();
        assert_eq!(String::from(JSON::stringify(&object).unwrap()), expected);
    }
}

#[wasm_bindgen_test]
fn a_call_says_hello_and_tells_where_it_stands() {
    let pretend = PretendSockets::install();
    let (call, told) = call();
    call.start();
    assert_eq!(told(), r#"[{"type":"state","state":"connecting"}]"#);
    pretend.run("socket.onopen({})");
    assert!(pretend.log().contains(r#"send {\"type\":\"hello\""#), "{}", pretend.log());
    pretend.run(READY);
    assert!(told().contains(r#"{"type":"state","state":"listening"}"#), "{}", told());
}

#[wasm_bindgen_test]
async fn a_call_carries_the_microphone() {
    let pretend = PretendSockets::install();
    let (call, _) = call();
    let (near, far) = channel();
    let back = Heard::default();
    let far = Port::open(far, back.reader(|message| message.is("return")));
    call.listen(near);
    call.start();
    pretend.run("socket.onopen({})");
    pretend.run(READY);
    let frame = about("frame", 0.0);
    frame.set_pcm(&Uint8Array::from([5_u8; 640].as_slice()).buffer());
    far.give(&frame).unwrap();
    assert!(back.next().await);
    assert!(pretend.log().ends_with(&format!("{}\"]", ",5".repeat(640))), "{}", pretend.log());
}

#[wasm_bindgen_test]
async fn a_call_keeps_the_model_s_voice_until_there_is_a_player() {
    let pretend = PretendSockets::install();
    let (call, _) = call();
    call.start();
    pretend.run("socket.onopen({})");
    pretend.run(READY);
    pretend.run(r#"socket.onmessage({ data: '{"type":"turn","epoch":1,"state":"started","samples":0}' })"#);
    pretend.run(
        "socket.onmessage({ data: new Uint8Array([2,0,0,0, 1,0,0,0, 0,0,0,0, 0,0,0,0,0,0,0,0, 6,7]).buffer })",
    );
    let (near, far) = channel();
    let orders = Heard::default();
    let _far = Port::open(far, orders.reader(words));
    call.play_to(near);
    assert_eq!(orders.next().await, r#"{"type":"play","epoch":1,"position":0,"pcm":[6,7]}"#);
}

#[wasm_bindgen_test]
async fn a_call_gives_a_new_player_what_the_one_before_left_unheard() {
    let pretend = PretendSockets::install();
    let (call, _) = call();
    call.start();
    pretend.run("socket.onopen({})");
    pretend.run(READY);
    pretend.run(
        "socket.onmessage({ data: new Uint8Array([2,0,0,0, 1,0,0,0, 0,0,0,0, 0,0,0,0,0,0,0,0, 6,7,8,9]).buffer })",
    );
    let (near, far) = channel();
    let orders = Heard::default();
    let far = Port::open(far, orders.reader(words));
    call.play_to(near);
    assert_eq!(orders.next().await, r#"{"type":"play","epoch":1,"position":0,"pcm":[6,7,8,9]}"#);
    let report = about("report", 1.0);
    Reflect::set(&report, &"heard".into(), &1.into()).unwrap();
    far.post(&report).unwrap();
    a_message_goes_round().await;
    let (near, far) = channel();
    let orders = Heard::default();
    let _far = Port::open(far, orders.reader(words));
    call.play_to(near);
    assert_eq!(orders.next().await, r#"{"type":"play","epoch":1,"position":1,"pcm":[8,9]}"#);
}

#[wasm_bindgen_test]
fn a_freed_call_closes_its_socket() {
    let pretend = PretendSockets::install();
    let (call, told) = call();
    call.start();
    drop(call);
    assert!(pretend.log().ends_with(r#""close 1000"]"#), "{}", pretend.log());
    assert_eq!(told(), r#"[{"type":"state","state":"connecting"}]"#);
}

#[wasm_bindgen_test]
async fn a_line_that_takes_nothing_more_is_given_nothing_more_until_it_does() {
    let pretend = PretendSockets::install();
    let (call, _) = call();
    let (near, far) = channel();
    let back = Heard::default();
    let far = Port::open(far, back.reader(|message| message.is("return")));
    call.listen(near);
    call.start();
    pretend.run("socket.onopen({})");
    pretend.run(READY);
    let speak = async || {
        let frame = about("frame", 0.0);
        frame.set_pcm(&Uint8Array::from([5_u8; 640].as_slice()).buffer());
        far.give(&frame).unwrap();
        assert!(back.next().await);
    };
    // A second of sound is no dead line, more is.
    for (waiting, sent) in [(32_000, 1), (32_001, 1), (0, 3)] {
        pretend.run(&format!("socket.bufferedAmount = {waiting}"));
        speak().await;
        assert_eq!(pretend.log().matches(",5,5\"").count(), sent, "with {waiting} bytes on their way");
    }
}

#[wasm_bindgen_test]
fn a_listener_that_calls_back_is_served_afterwards() {
    let pretend = PretendSockets::install();
    let call = Rc::new(RefCell::new(None::<Call>));
    let again = call.clone();
    let tell = Closure::<dyn Fn(JsValue)>::new(move |_| {
        if let Some(call) = again.borrow().as_ref() {
            call.say("from within".into());
        }
    });
    let own = Call::new(
        "ws://proxy/ws".into(),
        None,
        false,
        None,
        false,
        false,
        None,
        "open",
        None,
        None,
        tell.as_ref().unchecked_ref::<Function>().clone(),
    );
    *call.borrow_mut() = Some(own);
    call.borrow().as_ref().unwrap().start();
    pretend.run("socket.onopen({})");
    pretend.run(READY);
    assert!(pretend.log().contains("from within"), "{}", pretend.log());
    call.borrow_mut().take();
}

/// Where nobody listens, on no machine's list of services.
const NOBODY: &str = "ws://127.0.0.1:59999/ws";

/// The proxy says in a pretend socket that it is ready.
const READY: &str = r#"socket.onmessage({ data: '{"type":"ready","call":"c","upstream":"simulator",' +
    '"model":"parrot","rate_hz":24000,"max_frame_bytes":65536}' })"#;

/// A call, and a look at the events that it has told.
fn call() -> (Call, impl Fn() -> String) {
    let events = evaluate("globalThis.events = []; events");
    let tell = Function::new_with_args("event", "events.push(event)");
    let call = Call::new(
        "ws://proxy/ws".into(),
        None,
        false,
        Some("test".into()),
        true,
        false,
        None,
        "open",
        None,
        None,
        tell,
    );
    (call, move || JSON::stringify(&events).unwrap().into())
}

/// What was heard, in order, for whoever waits for it.
#[derive(Clone)]
struct Heard<T> {
    said: Rc<RefCell<Vec<T>>>,
    read: Rc<Cell<usize>>,
    waker: Rc<RefCell<Option<Waker>>>,
}

impl<T> Default for Heard<T> {
    fn default() -> Self {
        Self { said: Rc::default(), read: Rc::default(), waker: Rc::default() }
    }
}

impl<T: Clone + 'static> Heard<T> {
    fn hear(&self, what: T) {
        self.said.borrow_mut().push(what);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn hearer(&self) -> impl Fn(T) + Clone + 'static {
        let heard = self.clone();
        move |what| heard.hear(what)
    }

    fn reader(&self, read: impl Fn(&Message) -> T + 'static) -> impl Fn(&Message) + 'static {
        let heard = self.clone();
        move |message| heard.hear(read(message))
    }

    fn teller(&self, what: T) -> impl FnOnce() + 'static {
        let heard = self.clone();
        move || heard.hear(what)
    }

    fn next(&self) -> Next<'_, T> {
        Next(self)
    }

    fn count(&self) -> usize {
        self.said.borrow().len()
    }

    fn all(&self) -> Vec<T> {
        self.said.borrow().clone()
    }
}

/// The next thing heard that was not read before.
struct Next<'a, T>(&'a Heard<T>);

impl<T: Clone> Future for Next<'_, T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let heard = self.0;
        let read = heard.read.get();
        let Some(what) = heard.said.borrow().get(read).cloned() else {
            *heard.waker.borrow_mut() = Some(context.waker().clone());
            return Poll::Pending;
        };
        heard.read.set(read + 1);
        Poll::Ready(what)
    }
}

/// Stands in for the browser's `WebSocket` while it lives; `socket` is the one opened last.
struct PretendSockets {
    real: JsValue,
}

impl PretendSockets {
    fn install() -> Self {
        let real = evaluate("globalThis.WebSocket");
        evaluate(
            "globalThis.sockets = []; globalThis.WebSocket = class {
                bufferedAmount = 0
                constructor(url, protocol) { sockets.push(`open ${url} ${protocol}`); globalThis.socket = this }
                send(data) { sockets.push(`send ${data}`) }
                close(code) { sockets.push(`close ${code}`) }
            }",
        );
        Self { real }
    }

    fn run(&self, code: &str) {
        evaluate(code);
    }

    fn log(&self) -> String {
        JSON::stringify(&evaluate("sockets")).unwrap().into()
    }

    fn field(&self, name: &str) -> String {
        evaluate(&format!("`${{socket.{name} ?? null}}`")).as_string().unwrap()
    }
}

impl Drop for PretendSockets {
    fn drop(&mut self) {
        Reflect::set(&js_sys::global(), &"WebSocket".into(), &self.real).unwrap();
    }
}

/// A pretend detector that says what `code` comes to.
fn detector(code: &str) -> Detector {
    evaluate(&format!("({{ calls: 0, push(pcm, sounding) {{ return {code} }} }})")).unchecked_into()
}

fn evaluate(code: &str) -> JsValue {
    js_sys::eval(code).unwrap_or_else(|error| panic!("{code}: {error:?}"))
}

fn channel() -> (MessagePort, MessagePort) {
    let channel = MessageChannel::new().unwrap();
    (channel.port1(), channel.port2())
}

fn about(kind: &str, epoch: f64) -> Message {
    let message = Message::of(kind);
    message.set_epoch(epoch);
    message
}

fn epoch(message: &Message) -> f64 {
    message.epoch().as_f64().unwrap()
}

/// A message as JSON, its samples as an array.
fn words(message: &Message) -> String {
    let show = Function::new_with_args(
        "key, value",
        "return value instanceof ArrayBuffer ? [...new Uint8Array(value)] : value",
    );
    JSON::stringify_with_replacer(message, &show).unwrap().into()
}

async fn a_message_goes_round() {
    let (near, far) = channel();
    let heard = Heard::default();
    let _near = Port::open(near, heard.reader(epoch));
    Port::open(far, |_| {}).post(&about("round", 0.0)).unwrap();
    heard.next().await;
}
