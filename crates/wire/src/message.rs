//! Everything but sound: JSON objects with a `type`, one a text frame.
//!
//! Readers ignore fields that they do not know; a `type` they do not know is an error for the
//! proxy and is skipped by clients, so that newer proxies may say more.

use crate::json::Json;
use crate::trouble::Trouble;
use crate::{reading, writing};
use core::fmt;
use serde::{Deserialize, Serialize};

/// What a client says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromClient {
    /// The first word of every connection.
    Hello(Hello),
    /// Something typed, to be answered like something said.
    Text {
        /// What was typed.
        text: String,
    },
    /// The microphone was switched off or on again; no audio is sent while it is off.
    Mute {
        /// Off?
        muted: bool,
    },
    /// Somebody began or stopped speaking: the client's own ear or, in push-to-talk, the person's button says so.
    Activity {
        /// Began?
        speaking: bool,
    },
    /// No more audio for the time being: the proxy closes the user's turn. More may follow later.
    AudioEnd,
    /// How much of a turn has become audible; the cumulative count never falls.
    Heard {
        /// The turn.
        epoch: u32,
        /// 24 kHz samples of the turn that have been heard.
        samples: u64,
        /// Times that the player ran dry within a turn since this was said last.
        #[serde(default, skip_serializing_if = "is_nought")]
        underruns: u32,
        /// Milliseconds from the first that the client's ear heard of the person until its loudspeaker fell silent for them;
        /// 0 if it did not, or was reported.
        #[serde(default, skip_serializing_if = "is_nought")]
        barge_in_ms: u32,
    },
    /// Everything numbered below this has arrived; said of a call that can be taken up again.
    Received {
        /// The number that is expected next.
        next: u32,
    },
    /// The client silenced a turn and all older ones by itself: nothing more of them is to be sent.
    Silenced {
        /// The newest turn that was silenced.
        epoch: u32,
    },
    /// Result of a function that the page runs.
    ToolResult {
        /// The call's id.
        id: String,
        /// What came of it: any JSON object.
        result: Json,
        /// Whether more of it follows; one that says no is the last.
        #[serde(default, skip_serializing_if = "is_no")]
        will_continue: bool,
    },
    /// The person allows or forbids a function that waits for that.
    ToolConfirm {
        /// The call's id.
        id: String,
        /// As `tool` gave it together with the arguments that the person was shown.
        confirmation: String,
        /// Allowed?
        approved: bool,
    },
    /// Are you there? Answered by `pong` with the same number.
    Ping {
        /// Any number.
        id: u64,
    },
    /// Answer to a `ping`.
    Pong {
        /// The ping's number.
        id: u64,
    },
    /// The person hangs up.
    Bye,
}

/// How a client introduces itself.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// What the microphone will sound like.
    pub audio: Uplink,
    /// The session ticket, where the proxy demands one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Name and version of the client, for the proxy's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Whether the proxy may nudge the model to speak first, if its config says so. Default yes.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub greeting: bool,
    /// How the two sides share the line.
    #[serde(default, skip_serializing_if = "Mode::is_open")]
    pub mode: Mode,
    /// Whether the call is to outlive this connection for a while, and be taken up again by another.
    #[serde(default, skip_serializing_if = "is_no")]
    pub resumable: bool,
    /// Whether a new call goes on with the user's last conversation, if that was not too long ago.
    #[serde(default, rename = "continue", skip_serializing_if = "is_no")]
    pub continues: bool,
    /// The call that is taken up again; a new one begins without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
    /// Functions that the page runs for the model: a list of objects with `name`, `description` and `parameters`, a JSON
    /// Schema. Those that the proxy does not allow are passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub functions: Option<Json>,
}

impl fmt::Debug for Hello {
    /// Without the ticket.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { audio, ticket, client, greeting, mode, resumable, continues, resume, functions } = self;
        f.debug_struct("Hello")
            .field("audio", audio)
            .field("ticket", &ticket.as_ref().map(|_| "…"))
            .field("client", client)
            .field("greeting", greeting)
            .field("mode", mode)
            .field("resumable", resumable)
            .field("continues", continues)
            .field("resume", resume)
            .field("functions", functions)
            .finish()
    }
}

/// A call that is taken up again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// Its id, as `ready` gave it.
    pub call: String,
    /// The newest secret that `ready` gave with it.
    pub secret: String,
    /// Everything of the proxy's numbered below this has arrived.
    pub next: u32,
}

impl fmt::Debug for Resume {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resume").field("call", &self.call).field("next", &self.next).finish_non_exhaustive()
    }
}

/// How the two sides of a call share the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Both may speak at any time; the service hears where speech begins and ends.
    #[default]
    Open,
    /// The person holds a button while speaking: `activity` marks the turns, and the service's own detector is off.
    PushToTalk,
    /// The client sends silence in place of the microphone while its loudspeaker sounds, for want of an echo canceller.
    HalfDuplex,
}

/// What the client's audio frames hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uplink {
    /// Samples a second, 8 000 to 48 000.
    pub rate_hz: u32,
    /// How they are packed.
    #[serde(default)]
    pub codec: CodecName,
}

/// A codec's name in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodecName {
    /// Signed 16 bit, little-endian, mono.
    #[default]
    Pcm,
}

/// What the proxy says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromProxy {
    /// The service listens; everything sent since `hello` has been kept and goes first.
    Ready(Ready),
    /// What was heard of the user, to be appended.
    UserTranscript {
        /// The piece, spaces included.
        text: String,
        /// Whether it closes the user's sentence.
        #[serde(default, skip_serializing_if = "is_no")]
        done: bool,
    },
    /// What the model says, to be appended; it may run ahead of the audio.
    ModelTranscript {
        /// The turn it belongs to.
        epoch: u32,
        /// The piece, spaces included.
        text: String,
    },
    /// A turn of the model began, was fully sent, was cut off, or is over.
    Turn {
        /// Its number.
        epoch: u32,
        /// What became of it.
        state: TurnState,
        /// 24 kHz samples sent of it so far.
        samples: u64,
        /// The service's own reason for ending it, where it gave one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The service noticed that the user began or stopped speaking.
    Activity {
        /// Began?
        speaking: bool,
    },
    /// A function was asked for, is running, or came to its end.
    Tool {
        /// The call's id.
        id: String,
        /// The function.
        name: String,
        /// What became of it.
        state: ToolState,
        /// Its arguments, for functions that the page runs, and for those that wait for the person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        arguments: Option<Json>,
        /// What `tool_confirm` is to name, if it waits for the person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        confirmation: Option<String>,
        /// What people are to read while it runs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        says: Option<String>,
    },
    /// Something went wrong; where it ends the call, the socket closes next.
    Error {
        /// What, and what to do.
        error: Trouble,
    },
    /// The proxy has everything of the client's that is numbered below this.
    Received {
        /// The number that is expected next.
        next: u32,
    },
    /// What is numbered below this is safe with the service: it need not be kept to be said again.
    Committed {
        /// The number of the first that is not.
        next: u32,
    },
    /// Are you there? Answered by `pong` with the same number.
    Ping {
        /// Any number.
        id: u64,
    },
    /// Answer to a `ping`.
    Pong {
        /// The ping's number.
        id: u64,
    },
    /// The call is over; the socket closes next.
    Bye {
        /// Why, for people.
        reason: String,
    },
}

/// What the client may count on.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Ready {
    /// The call's id: names it in logs, opens nothing.
    pub call: String,
    /// Who answers.
    pub upstream: Upstream,
    /// The model's name.
    pub model: String,
    /// Rate of the model's audio frames: 24 000.
    pub rate_hz: u32,
    /// The largest frame that the proxy takes, in bytes.
    pub max_frame_bytes: u32,
    /// Opens the call again; given for one that is resumable, and a new one at each `ready`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Of a call that was taken up again: the number of what the proxy expects next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u32>,
}

impl fmt::Debug for Ready {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready")
            .field("call", &self.call)
            .field("upstream", &self.upstream)
            .field("model", &self.model)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upstream {
    /// Gemini Live.
    Gemini,
    /// The built-in simulator: nobody, pleasantly.
    Simulator,
}

/// What became of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnState {
    /// Its first piece follows.
    Started,
    /// All of its audio has been sent: play what is there without waiting for more.
    Generated,
    /// Cut off by the user: let this and every older turn fall silent.
    Interrupted,
    /// Over.
    Complete,
}

/// What became of a function call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolState {
    /// The model asked for it.
    Called,
    /// It waits for the person to allow it.
    Confirm,
    /// It was begun.
    Running,
    /// It was answered.
    Done,
    /// It failed; the model was told.
    Failed,
    /// The service took it back.
    Cancelled,
}

impl ToolState {
    /// Whether nothing more becomes of the call.
    pub const fn is_end(self) -> bool {
        match self {
            Self::Called | Self::Confirm | Self::Running => false,
            Self::Done | Self::Failed | Self::Cancelled => true,
        }
    }
}

impl Mode {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::PushToTalk => "push_to_talk",
            Self::HalfDuplex => "half_duplex",
        }
    }

    /// The mode of this name in JSON.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Open, Self::PushToTalk, Self::HalfDuplex].into_iter().find(|mode| mode.name() == name)
    }

    fn is_open(&self) -> bool {
        *self == Self::Open
    }
}

impl FromClient {
    /// Reads one text frame.
    ///
    /// # Errors
    /// What was expected, and where.
    pub fn decode(text: &str) -> Result<Self, MessageError> {
        reading::from_client(text)
    }

    /// The message as a text frame.
    pub fn encode(&self) -> String {
        writing::from_client(self)
    }
}

impl FromProxy {
    /// Reads one text frame.
    ///
    /// # Errors
    /// What was expected, and where.
    pub fn decode(text: &str) -> Result<Self, MessageError> {
        reading::from_proxy(text)
    }

    /// The message as a text frame.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("messages hold nothing that JSON cannot")
    }

    /// The message as a text frame that bears a number.
    pub fn encode_numbered(&self, sequence: u32) -> String {
        format!("{{\"sequence\":{sequence},{}", &self.encode()[1..])
    }

    /// Reads one text frame, and its number if it bears one.
    ///
    /// # Errors
    /// What was expected, and where.
    pub fn decode_numbered(text: &str) -> Result<(Self, Option<u32>), MessageError> {
        reading::numbered(text)
    }
}

impl FromProxy {
    /// Reads one text frame, and its number if it bears one. Of `tool` it reads only the latter, for those who pass that on
    /// to a page as it is.
    ///
    /// # Errors
    /// What was expected, and where.
    pub fn decode_but_tools(text: &str) -> Result<(Option<Self>, Option<u32>), MessageError> {
        reading::numbered_but_tools(text)
    }
}

/// Why a text frame is no message: what was expected and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageError(String);

impl MessageError {
    pub(crate) fn new(words: &str) -> Self {
        let mut words = String::from(words);
        if let Some((cut, _)) = words.char_indices().nth(LONGEST_QUOTE_CHARS) {
            words.truncate(cut);
            words.push('…');
        }
        Self(words)
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a JSON object of vivavoce.v1: {}", self.0)
    }
}

impl std::error::Error for MessageError {}

const fn yes() -> bool {
    true
}

const fn is_yes(flag: &bool) -> bool {
    *flag
}

const fn is_no(flag: &bool) -> bool {
    !*flag
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_nought(count: &u32) -> bool {
    *count == 0
}

/// Parsers quote what they found; a frame full of it is more than anyone reads.
const LONGEST_QUOTE_CHARS: usize = 300;
