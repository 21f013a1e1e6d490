//! One call: the loop around the `Client` machine, and what JavaScript sees of it.

use crate::clock::now;
use crate::fault::Fault;
use crate::player::Player;
use crate::recorder::Recorder;
use crate::socket::{Socket, SocketEvent};
use crate::timer::Timer;
use crate::unheard::{Deed, Unheard};
use crate::vad::{Detector, Vad};
use core::cell::RefCell;
use core::time::Duration;
use js_sys::{Function, JSON};
use std::rc::{Rc, Weak};
use vivavoce_session::client::{BargeIn, BargeInStyle, Thresholds};
use vivavoce_session::{Client, ClientConfig, ClientEvent, ClientInput, ClientOutput};
use vivavoce_wire::message::Mode;
use vivavoce_wire::{Json, SPEECH_RATE_HZ};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::MessagePort;

/// A call, from the tap to the end. Freeing it closes its socket and its ports.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Call {
    desk: Rc<Desk>,
}

#[wasm_bindgen]
impl Call {
    /// A call that has not started. `url` is absolute (`ws:` or `wss:`); `tell` gets every event as an object
    /// with a `type`; a `mode` that there is not is open talk. The model's voice gives way to the person's as
    /// `barge_in` says (`duck`, `hold` or `off`), for `patience_ms` unless the service confirms it.
    // What a page may choose, one by one: an object of options would weigh more than this list.
    #[allow(clippy::too_many_arguments)]
    #[wasm_bindgen(constructor)]
    pub fn new(
        url: String,
        ticket: Option<String>,
        gets_tickets: bool,
        client: Option<String>,
        greeting: bool,
        continues: bool,
        functions: Option<String>,
        mode: &str,
        barge_in: Option<String>,
        patience_ms: Option<u32>,
        tell: Function,
    ) -> Self {
        let config = ClientConfig {
            url,
            ticket,
            gets_tickets,
            client,
            uplink_rate_hz: SPEECH_RATE_HZ,
            greeting,
            continues,
            functions: functions.map(|functions| Json::raw(&functions)),
            mode: Mode::named(mode).unwrap_or_default(),
            kept_audio: KEPT_AUDIO,
            barge_in: barge_in_of(barge_in, patience_ms),
            seed: (js_sys::Math::random() * SEEDS) as u64,
        };
        Self { desk: Desk::new(Client::new(config), tell) }
    }

    /// The person tapped: call.
    pub fn start(&self) {
        self.desk.take(ClientInput::Start);
    }

    /// The page got the ticket that an event `ticket` asked for, or no network to get one over.
    pub fn admit(&self, ticket: Option<String>) {
        self.desk.take(ClientInput::Ticket(ticket));
    }

    /// The person hangs up; an `ended` event follows.
    #[wasm_bindgen(js_name = hangUp)]
    pub fn hang_up(&self) {
        self.desk.take(ClientInput::HangUp);
    }

    /// The person switches the microphone off or on.
    pub fn mute(&self, muted: bool) {
        self.desk.take(ClientInput::Mute(muted));
    }

    /// The person holds the button of push-to-talk, or lets it go.
    pub fn press(&self, pressed: bool) {
        self.desk.take(ClientInput::Press(pressed));
    }

    /// The network is back, or the page is in sight again.
    pub fn wake(&self) {
        self.desk.take(ClientInput::Awake);
    }

    /// The person silences the model.
    pub fn interrupt(&self) {
        self.desk.take(ClientInput::Interrupt);
    }

    /// The page says `tool_result` or `tool_confirm`.
    pub fn word(&self, json: String) {
        self.desk.take(ClientInput::Word(json));
    }

    /// The person typed.
    pub fn say(&self, text: String) {
        self.desk.take(ClientInput::Text(text));
    }

    /// From here on the microphone comes from this port, to which a recorder is linked.
    pub fn listen(&self, recorder: MessagePort) {
        let desk = Rc::downgrade(&self.desk);
        let recorder =
            Recorder::open(recorder, move |frame| tell_desk(&desk, ClientInput::Microphone(frame)));
        self.desk.shell.borrow_mut().recorder = Some(recorder);
    }

    /// From here on this detector hears the microphone; see `src/js/vad.js`.
    pub fn detect(&self, detector: Detector) {
        self.desk.shell.borrow_mut().vad.attach(detector);
    }

    /// From here on the model's voice goes to this port, to which a player is linked.
    #[wasm_bindgen(js_name = playTo)]
    pub fn play_to(&self, player: MessagePort) {
        let desk = Rc::downgrade(&self.desk);
        let player = Player::open(player, move |report| tell_desk(&desk, ClientInput::Player(report)));
        self.desk.shell.borrow_mut().attach(player);
        self.desk.take(ClientInput::NewPlayer);
    }
}

/// Where everything that happens to a call arrives, one thing after the other.
#[derive(Debug)]
struct Desk {
    inbox: RefCell<Vec<ClientInput>>,
    shell: RefCell<Shell>,
}

impl Desk {
    fn new(client: Client, tell: Function) -> Rc<Self> {
        Rc::new_cyclic(|desk| Self {
            inbox: RefCell::default(),
            shell: RefCell::new(Shell::new(client, tell, desk.clone())),
        })
    }

    /// Handles `input` now, or, when called from within, right after what is being handled.
    fn take(&self, input: ClientInput) {
        self.inbox.borrow_mut().push(input);
        let Ok(mut shell) = self.shell.try_borrow_mut() else { return };
        loop {
            // The borrow must not last through `handle`, which may put more in.
            let mut inbox = self.inbox.borrow_mut();
            if inbox.is_empty() {
                return;
            }
            let input = inbox.remove(0);
            drop(inbox);
            shell.handle(input);
        }
    }
}

/// Says it to the desk, if the call is still there.
fn tell_desk(desk: &Weak<Desk>, input: ClientInput) {
    if let Some(desk) = desk.upgrade() {
        desk.take(input);
    }
}

/// The machine, and the outside things that it moves.
#[derive(Debug)]
struct Shell {
    client: Client,
    socket: Option<Socket>,
    recorder: Option<Recorder>,
    player: Option<Player>,
    vad: Vad,
    /// What a player that comes is to do first.
    unheard: Unheard,
    /// How much of a turn it waits for, once that was learnt.
    thresholds: Option<Thresholds>,
    timer: Timer,
    tell: Function,
    desk: Weak<Desk>,
}

impl Shell {
    fn new(client: Client, tell: Function, desk: Weak<Desk>) -> Self {
        let (socket, recorder, player) = (None, None, None);
        Self {
            client,
            socket,
            recorder,
            player,
            vad: Vad::default(),
            unheard: Unheard::default(),
            thresholds: None,
            timer: Timer::new(),
            tell,
            desk,
        }
    }

    fn handle(&mut self, input: ClientInput) {
        if matches!(input, ClientInput::SocketClosed { .. }) {
            self.socket = None;
        }
        if let ClientInput::Player(report) = &input {
            self.unheard.heard(report);
        }
        if let (ClientInput::Microphone(_), Some(socket)) = (&input, &self.socket) {
            self.client.handle(ClientInput::Unsent(socket.buffered_bytes()), now());
        }
        let speech = self.vad.take(&input);
        self.client.handle(input, now());
        if let Some(speaks) = speech {
            self.client.handle(ClientInput::Speech(speaks), now());
        }
        while let Some(output) = self.next() {
            self.act(output);
        }
    }

    /// What the machine wants done next; none if it only wants to be woken, which is then arranged.
    fn next(&mut self) -> Option<ClientOutput> {
        let output = self.client.poll();
        let ClientOutput::Timeout(due) = output else { return Some(output) };
        let desk = self.desk.clone();
        self.timer.set(due, now(), move || wake(&desk));
        None
    }

    fn act(&mut self, output: ClientOutput) {
        match output {
            ClientOutput::Open { url } => self.open(&url),
            ClientOutput::SendText(text) => self.send(|socket| socket.send_text(&text)),
            ClientOutput::SendBinary(bytes) => self.send(|socket| socket.send_binary(&bytes)),
            ClientOutput::CloseSocket { code, reason } => self.close(code, &reason),
            ClientOutput::Play { epoch, position, pcm } => self.play(Deed::Play { epoch, position, pcm }),
            ClientOutput::EndTurn { epoch, samples } => self.play(Deed::End { epoch, samples }),
            ClientOutput::Flush { epoch } => self.play(Deed::Flush { epoch }),
            ClientOutput::Yield(how) => self.to_player(|player| player.give_way(how)),
            ClientOutput::Thresholds(thresholds) => {
                self.thresholds = Some(thresholds);
                self.to_player(|player| player.wait_for(thresholds));
            }
            ClientOutput::Event(event) => self.tell(&event),
            ClientOutput::Timeout(_) => {}
        }
    }

    fn open(&mut self, url: &str) {
        let desk = self.desk.clone();
        match Socket::open(url, move |event| tell_desk(&desk, heard(event))) {
            Ok(socket) => self.socket = Some(socket),
            Err(fault) => self.lose_the_line(fault.into()),
        }
    }

    fn send(&self, how: impl FnOnce(&Socket) -> Result<(), Fault>) {
        // A frame that the socket does not take is lost with the socket, and `Closed` says so.
        let _ = self.socket.as_ref().map(how);
    }

    fn close(&mut self, code: u16, reason: &str) {
        if let Some(socket) = self.socket.take() {
            socket.close(code, reason);
        }
    }

    fn lose_the_line(&mut self, reason: String) {
        self.socket = None;
        if let Some(desk) = self.desk.upgrade() {
            desk.inbox.borrow_mut().push(ClientInput::SocketClosed { code: ABNORMAL, reason });
        }
    }

    fn play(&mut self, deed: Deed) {
        if let Some(player) = &self.player {
            deed.on(player);
        }
        self.unheard.push(deed);
    }

    fn to_player(&self, how: impl FnOnce(&Player)) {
        let _ = self.player.as_ref().map(how);
    }

    fn attach(&mut self, player: Player) {
        let _ = self.thresholds.map(|thresholds| player.wait_for(thresholds));
        self.unheard.iter().for_each(|deed| deed.on(&player));
        self.player = Some(player);
    }

    fn tell(&self, event: &ClientEvent) {
        // Events are plain words and numbers, and the listener is ours: neither step can fail.
        if let Ok(event) = to_js(event) {
            let _ = self.tell.call1(&JsValue::NULL, &event);
        }
    }
}

impl Deed {
    fn on(&self, player: &Player) {
        match self {
            Self::Play { epoch, position, pcm } => player.play(*epoch, *position, pcm),
            Self::End { epoch, samples } => player.end(*epoch, *samples),
            Self::Flush { epoch } => player.flush(*epoch),
        }
    }
}

/// Words that a page may say; others mean what is usual.
fn barge_in_of(style: Option<String>, patience_ms: Option<u32>) -> BargeIn {
    let usual = BargeIn::default();
    let style = style.map_or(usual.style, |word| match word.as_str() {
        "hold" => BargeInStyle::Hold,
        "off" => BargeInStyle::Off,
        _ => usual.style,
    });
    let patience = patience_ms.map_or(usual.patience, |ms| Duration::from_millis(ms.into()));
    BargeIn { style, patience }
}

/// An event as JavaScript gets it: a plain object, absent things as `null`.
///
/// # Errors
/// What JavaScript throws at JSON that is none.
pub fn to_js(event: &ClientEvent) -> Result<JsValue, JsValue> {
    JSON::parse(&event.encode())
}

fn wake(desk: &Weak<Desk>) {
    let Some(desk) = desk.upgrade() else { return };
    if let Ok(mut shell) = desk.shell.try_borrow_mut() {
        shell.timer.rang();
    }
    desk.take(ClientInput::Timeout);
}

fn heard(event: SocketEvent) -> ClientInput {
    match event {
        SocketEvent::Open => ClientInput::SocketOpen,
        SocketEvent::Text(text) => ClientInput::SocketText(text),
        SocketEvent::Binary(bytes) => ClientInput::SocketBinary(bytes),
        SocketEvent::Closed { code, reason } => ClientInput::SocketClosed { code, reason },
    }
}

/// What a caller says while nobody can be sent it: longer than most tunnels. A megabyte.
const KEPT_AUDIO: Duration = Duration::from_secs(30);

/// The close code of a socket that said no goodbye (RFC 6455, section 7.4.1).
const ABNORMAL: u16 = 1006;

/// Every whole number below this is a different `f64`.
const SEEDS: f64 = (1_u64 << 53) as f64;
