//! What a relay takes in, and what it wants done.

use super::ledger::{Begun, Job, Shown, ToolEnd, ToolOutcome};
use super::tools::Tools;
use crate::Moment;
use bytes::Bytes;
use core::time::Duration;
use vivavoce_gemini::{ClientMessage, DecodeError, ServerMessage, Setup};
use vivavoce_wire::audio::AudioFrame;
use vivavoce_wire::message::{FromProxy, Hello, Upstream};
use vivavoce_wire::trouble::Trouble;

/// What a relay must know before it starts.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// Names the call in logs.
    pub call: String,
    /// The service's setup, as configured.
    pub setup: Setup,
    /// Who answers, for `ready`.
    pub upstream: Upstream,
    /// The service's silenceDurationMs: after this much silence it takes a turn as finished.
    pub silence_duration: Duration,
    /// Said to the model when the call is up, so that it speaks first.
    pub greeting: Option<String>,
    /// The largest frame taken from a phone.
    pub max_frame_bytes: u32,
    /// Models to ask for, one after the other, when the service does not know the setup's.
    pub other_models: Vec<String>,
    /// Spreads the tries to reach a service that ended many calls at once.
    pub seed: u64,
    /// How long the service may owe an answer to what it says it heard before its session counts as mute; zero: for ever.
    pub answer_deadline: Duration,
    /// How long the service may take to answer the setup.
    pub setup_deadline: Duration,
    /// How much of the model's voice a phone is sent ahead of what it has heard.
    pub most_ahead: Duration,
    /// How much more of it is kept here before the service is no longer listened to: see [`Relay::wants_service`].
    ///
    /// [`Relay::wants_service`]: super::Relay::wants_service
    pub most_kept: Duration,
    /// How long a call waits for a phone that is away, if that said that it is resumable.
    pub grace: Duration,
    /// How long a call may last from its first `ready` on; zero: for ever.
    pub longest: Duration,
    /// How long it may go on without a word of either side; zero: for ever.
    pub idle: Duration,
    /// How long a turn of the person's may stand still before it is closed: their phone is away, or its sound.
    pub hold: Duration,
    /// The functions that the model may call.
    pub tools: Tools,
    /// Where the conversation stands that goes on; none if it begins.
    pub earlier: Option<Earlier>,
}

/// Where a conversation stands that another relay has led: in a process that died or let go of it, or in a call that is
/// over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Earlier {
    /// By this the service takes it up again; none if it gave no handle yet.
    pub handle: Option<String>,
    /// The phone's words below this number are safe under that handle; the phone says the rest again.
    pub next: u32,
    /// The model's turns are counted on from here.
    pub epoch: u32,
    /// For how long the call has gone on; zero if it begins.
    pub lasted: Duration,
    /// What was begun for the model, or done, not long ago: if it asks for the same, nothing is done twice.
    pub begun: Vec<Begun>,
    /// The function calls that the page was told of, not long ago: of each it is to know the end.
    pub shown: Vec<Shown>,
}

/// One thing that happened to a relay.
#[derive(Clone, Debug)]
pub enum RelayInput {
    /// A phone that was let in by a [`Door`](crate::Door); comes first. Another may come later: it takes the call over.
    PhoneEnters {
        /// What it said.
        hello: Box<Hello>,
        /// What is to open the call for its next connection; none if the call can't be taken up again.
        secret: Option<String>,
    },
    /// A text frame from the phone.
    PhoneText(String),
    /// A binary frame from the phone.
    PhoneBinary(Bytes),
    /// A ping or a pong of the WebSocket's own from the phone: somebody is there.
    PhoneAlive,
    /// The phone's socket is gone.
    PhoneClosed,
    /// The phone can't be talked with on its socket any further; it can still be told why.
    PhoneFault(Trouble),
    /// The service's socket is open.
    ServiceOpen,
    /// The service spoke.
    Service(Box<ServerMessage>),
    /// The service sent a piece of the model's voice and nothing else: raw PCM.
    Voice(Bytes),
    /// The service's socket is gone, or never opened: then the code is 1006, and the reason begins with `HTTP` and
    /// the status where there was one.
    ServiceClosed {
        /// The close code.
        code: u16,
        /// The close reason.
        reason: String,
    },
    /// What [`RelayOutput::Checkpoint`] said is kept where it outlives this process.
    CheckpointKept {
        /// The number that it named.
        next: u32,
    },
    /// [`RelayOutput::CheckTool`] was done.
    ToolChecked {
        /// The job's.
        key: String,
        /// What is wrong with the arguments, as the end of a sentence; none if they fit.
        problem: Option<String>,
    },
    /// [`RelayOutput::RunTool`] was done; comes once, or never after [`RelayOutput::AbortTool`].
    ToolDone {
        /// The job's.
        key: String,
        /// What came of it.
        outcome: ToolOutcome,
    },
    /// Let another process go on with the call: at the first quiet moment, or else within this time. One that can't go on
    /// elsewhere ends at once.
    Move {
        /// The longest that may be waited.
        within: Duration,
    },
    /// The process is going down, or another one has the call: it ends here, at once.
    Shutdown,
    /// The moment asked for has come.
    Timeout,
}

impl RelayInput {
    /// What a frame of the service says.
    ///
    /// # Errors
    /// Nobody understands it.
    pub fn of_service(frame: &[u8]) -> Result<Self, DecodeError> {
        if let Some(pcm) = vivavoce_gemini::voice(frame) {
            return Ok(Self::Voice(pcm));
        }
        ServerMessage::decode(frame).map(|message| Self::Service(Box::new(message)))
    }
}

/// One thing that the relay wants done.
#[derive(Clone, Debug)]
pub enum RelayOutput {
    /// From here on the phone is the one that entered last.
    Seat,
    /// The phone has the newest secret: older ones open nothing any more.
    SecretKept,
    /// The conversation can be taken up again from here on; answer by [`RelayInput::CheckpointKept`].
    Checkpoint {
        /// By which the service takes it up again.
        handle: String,
        /// The phone's words below this number are safe under that handle.
        next: u32,
    },
    /// From here on another process may take the call up; before anything that follows.
    LetGo,
    /// Open a socket to the service.
    OpenService,
    /// Send the service a message.
    ToService(Box<ClientMessage>),
    /// Send the service audio; the shell resamples to 16 kHz where the rate is another.
    Uplink {
        /// PCM as the phone sent it, or zeros.
        pcm: Bytes,
        /// Its rate.
        rate_hz: u32,
    },
    /// For the log: another connection to the service follows, since this happened to the one before.
    Reconnects(&'static str),
    /// For the metrics: the phone says this of its sound.
    Reported {
        /// Times that it ran dry since the last report.
        underruns: u32,
        /// How long it took to fall silent for a person who spoke.
        barge_in: Option<Duration>,
    },
    /// Close the service's socket, drop it, and report nothing more of it.
    CloseService,
    /// Look whether the arguments of a function are as its schema wants them; answer by [`RelayInput::ToolChecked`] before
    /// anything else.
    CheckTool(Box<Job>),
    /// Run a function; answer by [`RelayInput::ToolDone`].
    RunTool(Box<Job>),
    /// Nobody wants to know any more what comes of the job with this key: stop it, if it can be stopped.
    AbortTool {
        /// The job's.
        key: String,
    },
    /// For the log and the metrics: a function call came to its end.
    ToolEnds {
        /// The function, as the model named it: any text.
        name: String,
        /// How.
        how: ToolEnd,
    },
    /// Send the phone a text frame.
    ToPhone {
        /// The message.
        message: FromProxy,
        /// The number that it bears.
        sequence: Option<u32>,
    },
    /// Send the phone a binary frame.
    ToPhoneAudio(AudioFrame),
    /// Drop what was not sent yet of the sound of this turn and all older ones.
    DropAudio {
        /// The newest turn that nobody hears any more.
        epoch: u32,
    },
    /// Close the phone's socket, drop it, and report nothing more of it.
    ClosePhone {
        /// With this code.
        code: u16,
        /// And this reason, at most 123 bytes.
        reason: String,
    },
    /// Nothing more; wake me then.
    Timeout(Option<Moment>),
}

impl From<ClientMessage> for RelayOutput {
    fn from(message: ClientMessage) -> Self {
        Self::ToService(Box::new(message))
    }
}
