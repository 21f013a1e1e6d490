//! What a client takes in, and what it wants done.

use super::pulse::Beat;
use crate::Moment;
use bytes::Bytes;
use core::time::Duration;
use serde::Serialize;
use vivavoce_dsp::player::{Thresholds, Yielding};
use vivavoce_wire::Json;
use vivavoce_wire::message::{Mode, Upstream};

/// What a client must know before it starts.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The proxy's socket, `ws://…` or `wss://…`.
    pub url: String,
    /// The session ticket, where the proxy demands one.
    pub ticket: Option<String>,
    /// Whether the page can get further tickets.
    pub gets_tickets: bool,
    /// Name and version, for the proxy's log.
    pub client: Option<String>,
    /// Rate of the microphone frames handed in: 16 000 in a browser.
    pub uplink_rate_hz: u32,
    /// Whether the model may be nudged to speak first.
    pub greeting: bool,
    /// Whether a new call goes on with the person's last conversation.
    pub continues: bool,
    /// Functions that the page runs for the model: see [`Hello::functions`](vivavoce_wire::message::Hello::functions).
    pub functions: Option<Json>,
    /// How the two sides share the line.
    pub mode: Mode,
    /// How much microphone audio is kept while there is nobody to send it to, and for one who has to be sent it again;
    /// older audio is dropped.
    pub kept_audio: Duration,
    /// What the model's voice does when the person speaks over it.
    pub barge_in: BargeIn,
    /// Decides the jitter of reconnecting.
    pub seed: u64,
}

/// What the model's voice does when the local detector hears the person speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BargeIn {
    /// How it gives way.
    pub style: BargeInStyle,
    /// How long it waits for the service to say that the person does speak, and then comes back.
    pub patience: Duration,
}

impl Default for BargeIn {
    /// Ducks, for 800 ms: the service's word takes 200 to 500 ms, and a phone's network some more.
    fn default() -> Self {
        Self { style: BargeInStyle::Duck, patience: Duration::from_millis(800) }
    }
}

/// How a voice gives way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BargeInStyle {
    /// It goes on 12 dB softer.
    #[default]
    Duck,
    /// It waits, and comes back at the very sample where it was.
    Hold,
    /// It does not: only the service's word silences it.
    Off,
}

/// One thing that happened to a client.
#[derive(Clone, Debug)]
pub enum ClientInput {
    /// The person tapped: call.
    Start,
    /// The page got the ticket that [`ClientEvent::Ticket`] asked for; none where it found no network.
    Ticket(Option<String>),
    /// The socket is open and speaks the subprotocol.
    SocketOpen,
    /// A text frame came.
    SocketText(String),
    /// A binary frame came.
    SocketBinary(Bytes),
    /// The socket is gone; 1006 where it never opened.
    SocketClosed {
        /// The close code.
        code: u16,
        /// The close reason.
        reason: String,
    },
    /// A frame of the microphone: PCM at the declared rate, usually 20 ms.
    Microphone(Bytes),
    /// So many bytes wait in the socket to be sent: said with each frame of the microphone, and believed for a second.
    Unsent(u32),
    /// The network is back, or the page is in sight again: a try that waits is made at once, and a connection that
    /// may have died is asked for a sign of life.
    Awake,
    /// No more microphone for the time being (the end of a file).
    MicrophoneEnd,
    /// The person switched the microphone off or on.
    Mute(bool),
    /// In push-to-talk: the person holds the button (`true`) or lets it go. A press silences the model.
    Press(bool),
    /// The person silences the model, by hand.
    Interrupt,
    /// The person typed.
    Text(String),
    /// The page says `tool_result` or `tool_confirm`, which it wrote by itself.
    Word(String),
    /// The local detector hears the person begin to speak, or stop.
    Speech(bool),
    /// A player took its place, the first or one for another device: it counts its frames from 0.
    NewPlayer,
    /// The player tells how far it is.
    Player(PlayerReport),
    /// The person hangs up.
    HangUp,
    /// The moment asked for has come.
    Timeout,
}

/// What the player says of itself, some ten times a second and at every flush and end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlayerReport {
    /// The turn that sounds or sounded last; 0 before any.
    pub epoch: u32,
    /// 24 kHz samples of that turn that became audible.
    pub heard_samples: u64,
    /// 24 kHz samples that wait behind them.
    pub buffered_samples: u64,
    /// Times in this call that the player ran dry before a turn's end.
    pub underruns: u32,
    /// Whether the loudspeaker sounds.
    pub sounding: bool,
    /// Frames of the device that this player filled, silence included.
    pub played_frames: u64,
    /// The rate that the device is said to have; 0 where nobody counts frames.
    pub rate_hz: u32,
}

/// One thing that the client wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientOutput {
    /// Open a socket with the subprotocol.
    Open {
        /// Where to.
        url: String,
    },
    /// Send a text frame.
    SendText(String),
    /// Send a binary frame.
    SendBinary(Bytes),
    /// Close the socket, drop it, and report nothing more of it.
    CloseSocket {
        /// With this code.
        code: u16,
        /// And this reason.
        reason: String,
    },
    /// Hand audio to the player.
    Play {
        /// The turn.
        epoch: u32,
        /// Index in the turn of the first sample.
        position: u64,
        /// 24 kHz PCM.
        pcm: Bytes,
    },
    /// All of a turn was handed over: play what is left without waiting for more.
    EndTurn {
        /// The turn.
        epoch: u32,
        /// Its length in 24 kHz samples.
        samples: u64,
    },
    /// Let this and every older turn fall silent.
    Flush {
        /// The newest turn to silence.
        epoch: u32,
    },
    /// Let the voice give way, or come back. A flush has the same effect as `Not`.
    Yield(Yielding),
    /// From the next start on, wait for so much of a turn.
    Thresholds(Thresholds),
    /// Tell the page.
    Event(ClientEvent),
    /// Nothing more; wake me then.
    Timeout(Option<Moment>),
}

/// What the page is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientEvent {
    /// The call entered a state.
    State {
        /// Which.
        state: ClientState,
    },
    /// Somebody answers.
    Ready {
        /// The call's id.
        call: String,
        /// Who.
        upstream: Upstream,
        /// The model's name.
        model: String,
    },
    /// The page is to get a ticket that no proxy was shown: see [`ClientInput::Ticket`].
    Ticket,
    /// Words, to be appended to the caption of `who` and `epoch`: the user's as they come, the model's as they are heard.
    Caption {
        /// Who said it.
        who: Who,
        /// The model's turn; for the user's words, the turn that they answer or cut.
        epoch: u32,
        /// The piece, spaces included.
        text: String,
    },
    /// A caption is finished, the model's when it was heard to its end or cut off. A late piece may still be appended.
    CaptionEnd {
        /// Whose.
        who: Who,
        /// Which turn's.
        epoch: u32,
        /// Whether it broke off: the user spoke over it, or the line was lost.
        cut: bool,
    },
    /// The microphone is off or on.
    Muted {
        /// Off?
        muted: bool,
    },
    /// How the clock of the sound goes, twice a second once there is a player.
    Pulse {
        /// Whether it keeps time.
        beat: Beat,
    },
    /// Something went wrong; if it ends the call, `Ended` follows with the same sentence.
    Error {
        /// What, for machines.
        code: String,
        /// What happened and what to do, for people.
        message: String,
    },
    /// The call is over.
    Ended {
        /// Why, for people; empty if they hung up themselves.
        reason: String,
    },
    /// A function call came into a state: the message `tool` as it came.
    #[serde(untagged)]
    Tool(Json),
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The person at the microphone.
    User,
    /// The model.
    Model,
}

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientState {
    /// Before the tap, and after the end.
    Idle,
    /// The tap was seen, nobody answers yet.
    Connecting,
    /// Somebody listens.
    Listening,
    /// The model's voice sounds.
    Speaking,
    /// The socket is gone and the next one is on its way.
    Reconnecting,
}

impl ClientOutput {
    /// Whether this hands the player something of a turn up to `epoch`.
    pub(super) const fn plays_up_to(&self, epoch: u32) -> bool {
        match self {
            Self::Play { epoch: of, .. } | Self::EndTurn { epoch: of, .. } => *of <= epoch,
            _ => false,
        }
    }
}
