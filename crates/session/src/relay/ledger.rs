//! The function calls of a conversation: each comes to exactly one end.
//!
//! A call is open from the moment that the service asks for it until it is answered, taken back, or lost with the
//! connection over which it was asked. What was begun for it may live on beyond a lost connection: if the next one asks
//! for the same soon, it is given what came of that, and nothing is done twice.

use super::tools::{Function, Known, Tools};
use crate::Moment;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;
use vivavoce_gemini::{FunctionCall, FunctionResponse, Object, Setup};
use vivavoce_wire::Json;
use vivavoce_wire::message::{FromProxy, Hello, ToolState};

/// The calls that are open towards the service, and those that were.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    known: Known,
    /// What another process began, and what its page was told, until this one takes over.
    begun: Vec<Begun>,
    shown: Vec<Shown>,
    /// What the page is to be told of that.
    ends: Vec<FromProxy>,
    calls: Vec<Call>,
    wishes: VecDeque<Wish>,
    /// What the keys of this ledger begin with, and how many there are.
    prefix: String,
    asked: u64,
    /// Connections to the service that were lost.
    connection: u32,
}

/// What is to be done about a call.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wish {
    /// The arguments are to be looked at; answered by [`Ledger::checked`].
    Check(Job),
    /// The shell is to run it; answered by [`Ledger::done`].
    Run(Job),
    /// Nobody wants to know any more what comes of it.
    Abort { key: String },
    /// The service is to be told.
    Answer(FunctionResponse),
    /// The page is to be told.
    Show(FromProxy),
    /// A call came to its end.
    Ends { name: String, how: ToolEnd },
}

/// What the shell is to do for one call.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Names what is done: the same for two calls of the service if they mean the same, and never given again.
    pub key: String,
    /// The call's id, as the page was told it.
    pub id: String,
    /// The function.
    pub name: String,
    /// Its arguments.
    pub arguments: Object,
    /// Whether the person allowed it.
    pub confirmed: bool,
    /// Whether another process began it: what came of that is to be found out, or it is to be done under the same key.
    pub is_begun: bool,
}

/// What another process began for a conversation that goes on here.
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    /// What was to be done.
    pub job: Job,
    /// What came of it, if that is known.
    pub outcome: Option<ToolOutcome>,
    /// For how long one who asks for the same is still to be given it.
    pub remembered: Duration,
}

/// That a page was told of a function call by another process: that there is one, or how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The call's id, as the page was told it.
    pub id: String,
    /// The function.
    pub name: String,
    /// What the page was told.
    pub state: ToolState,
    /// The number of the message that said so.
    pub sequence: u32,
}

impl Shown {
    /// What another process has to know of a message to the page, should this one die; none of most.
    pub fn of(message: &FromProxy, sequence: Option<u32>) -> Option<Self> {
        let FromProxy::Tool { id, name, state, .. } = message else { return None };
        let is_noted = *state == ToolState::Called || state.is_end();
        // What has no number is told to nobody who comes again.
        let sequence = sequence.filter(|_| is_noted)?;
        Some(Self { id: id.clone(), name: name.clone(), state: *state, sequence })
    }
}

/// What came of a function.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolOutcome {
    /// This, by custom with an `output`.
    Result(Object),
    /// It failed: a sentence for the model.
    Error(String),
    /// It took too long: a sentence for the model.
    Timeout(String),
}

impl ToolOutcome {
    /// How a call ends by it.
    const fn how(&self) -> ToolEnd {
        match self {
            Self::Result(_) => ToolEnd::Result,
            Self::Error(_) => ToolEnd::Error,
            Self::Timeout(_) => ToolEnd::Timeout,
        }
    }

    /// The same, and what the model is told.
    fn end(self) -> (ToolEnd, Object) {
        let how = self.how();
        match self {
            Self::Result(response) => (how, response),
            Self::Error(sentence) | Self::Timeout(sentence) => (how, error(sentence)),
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ToolEnd {
    /// With a result.
    Result,
    /// With an error.
    Error,
    /// It took too long.
    Timeout,
    /// There is no such function.
    Unknown,
    /// The person did not allow it.
    Refused,
    /// The service took it back, or the conversation ended.
    Cancelled,
    /// The service's connection was lost with it.
    Orphaned,
}

impl ToolEnd {
    /// What a page is told of one that was answered.
    fn state(self) -> ToolState {
        if self == Self::Result { ToolState::Done } else { ToolState::Failed }
    }
}

/// One call that the model made.
#[derive(Debug)]
struct Call {
    /// Names what is done for it.
    key: String,
    /// As the service names it, where it does.
    id: Option<String>,
    /// As the page knows it.
    shown: String,
    name: String,
    arguments: Object,
    function: Option<Arc<Function>>,
    /// The connection over which it was asked last.
    connection: u32,
    /// Whether the service waits for an answer.
    is_open: bool,
    stage: Stage,
    /// Parts of the result that were passed on.
    parts: u32,
}

/// How far a call has come.
#[derive(Clone, Debug, PartialEq)]
enum Stage {
    /// It was asked, and nothing was done yet.
    Asked,
    /// Its arguments are being looked at.
    Checking {
        until: Moment,
    },
    /// It waits for the person.
    Confirming {
        confirmation: String,
        until: Moment,
    },
    Running {
        until: Moment,
    },
    /// Another process began it, and what came of it is not known here.
    Elsewhere {
        confirmed: bool,
        forgotten_at: Moment,
    },
    Ended {
        forgotten_at: Moment,
        how: ToolEnd,
        response: Object,
    },
}

impl Ledger {
    /// One of the functions that there are; `prefix` is another in each. What another process began and showed is to be had
    /// when it [takes over](Ledger::take_over) from that.
    pub(super) fn new(tools: Tools, prefix: String, begun: Vec<Begun>, shown: Vec<Shown>) -> Self {
        Self { known: Known::new(tools), prefix, begun, shown, ..Self::default() }
    }

    /// Another process led the call until now; of what it told the page, all before `next` arrived.
    pub(super) fn take_over(&mut self, next: u32, now: Moment) {
        self.find_ends(next);
        // Its connections are lost; the service's ids may come again, and the page may be busy with the former.
        self.connection = self.connection.saturating_add(1);
        for Begun { job, outcome, remembered } in core::mem::take(&mut self.begun) {
            let function = self.known.find(&job.name);
            if function.as_ref().is_none_or(|function| function.is_page) {
                continue;
            }
            let forgotten_at = now + remembered;
            let stage = match outcome {
                None => Stage::Elsewhere { confirmed: job.confirmed, forgotten_at },
                Some(outcome) => {
                    let (how, response) = outcome.end();
                    Stage::Ended { forgotten_at, how, response }
                }
            };
            self.calls.push(Call {
                key: job.key,
                id: None,
                shown: job.id,
                name: job.name,
                arguments: job.arguments,
                function,
                connection: 0,
                is_open: false,
                stage,
                parts: 0,
            });
        }
    }

    /// Finds out how those calls ended of which the page was not told that, or not for certain.
    fn find_ends(&mut self, next: u32) {
        for Shown { id, name, state, sequence } in core::mem::take(&mut self.shown) {
            // It knows the end, or knows nothing of the call.
            if state.is_end() == (sequence < next) {
                continue;
            }
            let begun = self.begun.iter().find(|begun| begun.job.id == id);
            let outcome = begun.and_then(|begun| begun.outcome.as_ref());
            let end = match (state.is_end(), outcome) {
                (true, _) => state,
                (false, Some(outcome)) => outcome.how().state(),
                // Whether it is done or not, nobody waits for it.
                (false, None) => ToolState::Cancelled,
            };
            self.ends.push(tells(id, name, end));
        }
    }

    /// Tells the page of those ends, once it listens.
    pub(super) fn show_ends(&mut self) {
        self.wishes.extend(core::mem::take(&mut self.ends).into_iter().map(Wish::Show));
    }

    // ---- The service.

    /// The model calls; an id that is open stands for one call. What follows of it comes by [`Ledger::settle`].
    pub(super) fn call(&mut self, call: &FunctionCall) {
        let is_known = |open: &Call| open.is_open && open.id.is_some() && open.id == call.id;
        if self.calls.iter().any(is_known) {
            return;
        }
        self.asked += 1;
        let key = format!("{}-{}", self.prefix, self.asked);
        let shown = match &call.id {
            Some(id) if self.connection == 0 => id.clone(),
            // The service's ids repeat, and a page may still be busy with the former.
            _ => key.clone(),
        };
        let call = Call {
            key,
            id: call.id.clone(),
            shown,
            name: call.name.clone(),
            arguments: call.args.clone().unwrap_or_default(),
            function: self.known.find(&call.name),
            connection: self.connection,
            is_open: true,
            stage: Stage::Asked,
            parts: 0,
        };
        self.show(&call, ToolState::Called);
        self.calls.push(call);
    }

    /// The service takes a call back: it ends without an answer, and so does what was begun for it.
    pub(super) fn cancel(&mut self, id: &str) {
        let is_it = |call: &Call| call.is_open && call.id.as_deref() == Some(id);
        let Some(at) = self.calls.iter().position(is_it) else { return };
        let call = self.calls.remove(at);
        if call.is_run_by_the_shell() {
            self.wishes.push_back(Wish::Abort { key: call.key.clone() });
        }
        self.show(&call, ToolState::Cancelled);
        self.ends(&call.name, ToolEnd::Cancelled);
    }

    /// The service has said all that it has to say at a time: calls that it did not take back begin.
    pub(super) fn settle(&mut self, now: Moment) {
        self.forget(now);
        while let Some(at) = self.calls.iter().position(|call| call.stage == Stage::Asked) {
            self.begin(at, now);
        }
    }

    /// The service's connection is gone, and with it the wish for answers. What runs goes on for a while.
    pub(super) fn orphan(&mut self) {
        self.connection = self.connection.saturating_add(1);
        for mut call in core::mem::take(&mut self.calls) {
            if call.is_open {
                call.is_open = false;
                self.show(&call, ToolState::Cancelled);
                self.ends(&call.name, ToolEnd::Orphaned);
            }
            if matches!(call.stage, Stage::Running { .. } | Stage::Elsewhere { .. } | Stage::Ended { .. }) {
                self.calls.push(call);
            }
        }
    }

    /// The conversation is over. What runs is left to its end: the person may count on it.
    pub(super) fn hang_up(&mut self) {
        for call in core::mem::take(&mut self.calls) {
            if call.is_open {
                self.ends(&call.name, ToolEnd::Cancelled);
            }
        }
    }

    // ---- The shell.

    /// The arguments were looked at: this is wrong with them, if anything is.
    pub(super) fn checked(&mut self, key: &str, problem: Option<String>, now: Moment) {
        let is_it = |call: &Call| call.key == key && matches!(call.stage, Stage::Checking { .. });
        let Some(at) = self.calls.iter().position(is_it) else { return };
        if let Some(problem) = problem {
            let sentence = format!(
                "The arguments do not fit, so nothing was done: {problem}. Ask for what is missing, or call again with \
                 arguments that fit."
            );
            return self.end(at, ToolEnd::Error, error(sentence), now);
        }
        if self.calls[at].function.as_ref().is_some_and(|function| function.tool.confirm) {
            self.ask(at, now);
        } else {
            self.run(at, false, false, now);
        }
    }

    /// The shell says what came of it.
    pub(super) fn done(&mut self, key: &str, outcome: ToolOutcome, now: Moment) {
        let is_it = |call: &Call| call.key == key && call.is_run_by_the_shell();
        let Some(at) = self.calls.iter().position(is_it) else { return };
        let (how, response) = outcome.end();
        self.end(at, how, response, now);
    }

    // ---- The page.

    /// A page says which functions it has.
    pub(super) fn enters(&mut self, hello: &Hello) {
        self.known.enters(hello);
    }

    /// The page says what came of a function that it runs, or a part of it.
    pub(super) fn page_done(&mut self, id: &str, result: &Json, will_continue: bool, now: Moment) {
        let is_it =
            |call: &Call| call.shown == id && call.is_page() && matches!(call.stage, Stage::Running { .. });
        let Some(at) = self.calls.iter().position(is_it) else { return };
        let serde_json::Value::Object(response) = result.value() else { return };
        if will_continue {
            return self.pass_part(at, response);
        }
        let how = if response.contains_key("error") { ToolEnd::Error } else { ToolEnd::Result };
        self.end(at, how, response, now);
    }

    /// The person allows or forbids what they were shown.
    pub(super) fn confirm(&mut self, id: &str, confirmation: &str, approved: bool, now: Moment) {
        let waits =
            |stage: &Stage| matches!(stage, Stage::Confirming { confirmation: of, .. } if of == confirmation);
        let is_it =
            |call: &Call| call.shown == id && waits(&call.stage) && call.confirmation() == confirmation;
        let Some(at) = self.calls.iter().position(is_it) else { return };
        if approved {
            self.run(at, true, false, now);
        } else {
            self.end(at, ToolEnd::Refused, error(REFUSED), now);
        }
    }

    // ---- Time.

    /// Bytes of arguments and results that are kept, or so.
    pub(super) fn bytes(&self) -> usize {
        self.calls.iter().map(Call::bytes).sum()
    }

    /// Ends what took too long.
    pub(super) fn tick(&mut self, now: Moment) {
        while let Some(at) = self.calls.iter().position(|call| call.until().is_some_and(|until| until <= now))
        {
            let (how, sentence) = match &self.calls[at].stage {
                Stage::Confirming { .. } => (ToolEnd::Refused, UNANSWERED.to_owned()),
                _ => (ToolEnd::Timeout, self.calls[at].too_late()),
            };
            if self.calls[at].is_page() && !self.calls[at].is_open {
                // The page was told to stop.
                self.calls.remove(at);
                continue;
            }
            if self.calls[at].is_run_by_the_shell() {
                self.wishes.push_back(Wish::Abort { key: self.calls[at].key.clone() });
            }
            self.end(at, how, error(sentence), now);
        }
    }

    /// When that is to be looked at.
    pub(super) fn due_at(&self) -> Option<Moment> {
        self.calls.iter().filter_map(Call::until).min()
    }

    // ---- What comes of it.

    /// The next thing to do.
    pub(super) fn poll(&mut self) -> Option<Wish> {
        self.wishes.pop_front()
    }

    /// Whether the service waits for no answer.
    pub(super) fn is_empty(&self) -> bool {
        !self.calls.iter().any(|call| call.is_open)
    }

    /// Tells the service of all functions that there are.
    pub(super) fn declare(&self, setup: &mut Setup) {
        self.known.declare(setup);
    }

    fn begin(&mut self, at: usize, now: Moment) {
        let call = &self.calls[at];
        let Some(function) = call.function.clone() else {
            let sentence = format!(
                "No tool named {} is configured here. Do not call it again: answer without it, or say that you cannot.",
                call.name
            );
            return self.end(at, ToolEnd::Unknown, error(sentence), now);
        };
        if self.calls.iter().filter(|call| call.is_open).count() > MOST_OPEN {
            return self.end(at, ToolEnd::Error, error(TOO_MANY), now);
        }
        if let Some(former) = self.calls.iter().position(|former| former.means_the_same_as(call)) {
            return self.join(at, former, now);
        }
        if function.is_page {
            return self.run(at, false, false, now);
        }
        self.calls[at].stage = Stage::Checking { until: now + CHECK_PATIENCE };
        let job = self.calls[at].job();
        self.wishes.push_back(Wish::Check(job));
    }

    /// Gives a call what was begun for one that was lost.
    fn join(&mut self, at: usize, former: usize, now: Moment) {
        // It stands before the call, for it was asked before.
        let (former, at) = (self.calls.remove(former), at - 1);
        let call = &mut self.calls[at];
        call.key = former.key;
        call.function = former.function;
        match former.stage {
            Stage::Ended { how, response, .. } => self.end(at, how, response, now),
            Stage::Elsewhere { confirmed, .. } => self.run(at, confirmed, true, now),
            stage => {
                call.stage = stage;
                self.show_running(at);
            }
        }
    }

    /// Asks the person.
    fn ask(&mut self, at: usize, now: Moment) {
        let call = &mut self.calls[at];
        let confirmation = call.confirmation();
        call.stage = Stage::Confirming { confirmation: confirmation.clone(), until: now + CONFIRM_PATIENCE };
        let arguments = Json::from(&call.arguments.clone().into());
        let (id, name) = (call.shown.clone(), call.name.clone());
        self.wishes.push_back(Wish::Show(FromProxy::Tool {
            id,
            name,
            state: ToolState::Confirm,
            arguments: Some(arguments),
            confirmation: Some(confirmation),
            says: None,
        }));
    }

    fn run(&mut self, at: usize, confirmed: bool, is_begun: bool, now: Moment) {
        let call = &mut self.calls[at];
        let Some(function) = call.function.clone() else { return };
        call.stage = Stage::Running { until: now + function.tool.deadline };
        if !function.is_page {
            let job = Job { confirmed, is_begun, ..call.job() };
            self.wishes.push_back(Wish::Run(job));
        }
        self.show_running(at);
    }

    fn show_running(&mut self, at: usize) {
        let call = &self.calls[at];
        let arguments = call.is_page().then(|| Json::from(&call.arguments.clone().into()));
        let says = call.function.as_ref().and_then(|function| function.tool.says.clone());
        self.wishes.push_back(Wish::Show(FromProxy::Tool {
            id: call.shown.clone(),
            name: call.name.clone(),
            state: ToolState::Running,
            arguments,
            confirmation: None,
            says,
        }));
    }

    /// Passes on a part of a result, which ends nothing.
    fn pass_part(&mut self, at: usize, response: Object) {
        let call = &mut self.calls[at];
        let may = call.function.as_ref().is_some_and(|function| function.is_non_blocking());
        if call.is_open && may && call.parts < MOST_PARTS {
            call.parts += 1;
            let mut answer = call.answer(response);
            answer.will_continue = Some(true);
            self.wishes.push_back(Wish::Answer(answer));
        }
    }

    /// Ends what is done for a call; the service is answered if it still waits.
    fn end(&mut self, at: usize, how: ToolEnd, response: Object, now: Moment) {
        let call = &mut self.calls[at];
        if core::mem::take(&mut call.is_open) {
            let answer = call.answer(response.clone());
            let (shown, name) = (shown(call, how.state()), call.name.clone());
            self.wishes.push_back(Wish::Answer(answer));
            self.wishes.push_back(Wish::Show(shown));
            self.ends(&name, how);
        }
        let call = &mut self.calls[at];
        call.stage = Stage::Ended { forgotten_at: now + TOOL_MEMORY, how, response };
        if call.function.is_none() {
            self.calls.remove(at);
        }
    }

    fn show(&mut self, call: &Call, state: ToolState) {
        self.wishes.push_back(Wish::Show(shown(call, state)));
    }

    fn ends(&mut self, name: &str, how: ToolEnd) {
        self.wishes.push_back(Wish::Ends { name: name.to_owned(), how });
    }

    /// Forgets what ended too long ago to be asked for again, and of the rest the oldest.
    fn forget(&mut self, now: Moment) {
        self.calls.retain(|call| call.forgotten_at().is_none_or(|at| now <= at));
        while self.calls.iter().filter(|call| call.forgotten_at().is_some()).count() > MOST_REMEMBERED {
            let Some(oldest) = self.calls.iter().position(|call| call.forgotten_at().is_some()) else {
                return;
            };
            self.calls.remove(oldest);
        }
    }
}

impl Call {
    fn bytes(&self) -> usize {
        let result =
            if let Stage::Ended { response, .. } = &self.stage { weight_of_object(response) } else { 0 };
        weight_of_object(&self.arguments) + result
    }

    fn is_page(&self) -> bool {
        self.function.as_ref().is_some_and(|function| function.is_page)
    }

    fn is_run_by_the_shell(&self) -> bool {
        matches!(self.stage, Stage::Running { .. }) && !self.is_page()
    }

    /// Whether `later` asks for what this lost call asked for: the service went back to before it. What a page was told
    /// to stop has to be begun anew.
    fn means_the_same_as(&self, later: &Self) -> bool {
        let is_there = match self.stage {
            Stage::Elsewhere { .. } | Stage::Ended { .. } => true,
            Stage::Running { .. } => !self.is_page(),
            Stage::Asked | Stage::Checking { .. } | Stage::Confirming { .. } => false,
        };
        let is_lost = !self.is_open && self.connection < later.connection;
        is_there && is_lost && self.name == later.name && self.arguments == later.arguments
    }

    fn until(&self) -> Option<Moment> {
        match self.stage {
            Stage::Checking { until } | Stage::Confirming { until, .. } | Stage::Running { until } => {
                Some(until)
            }
            Stage::Asked | Stage::Elsewhere { .. } | Stage::Ended { .. } => None,
        }
    }

    /// Until when it is given to one who asks for the same; none while something is yet to come of it.
    fn forgotten_at(&self) -> Option<Moment> {
        match self.stage {
            Stage::Elsewhere { forgotten_at, .. } | Stage::Ended { forgotten_at, .. } => Some(forgotten_at),
            Stage::Asked | Stage::Checking { .. } | Stage::Confirming { .. } | Stage::Running { .. } => None,
        }
    }

    /// What is to be done for it, as far as nobody allowed or began it.
    fn job(&self) -> Job {
        Job {
            key: self.key.clone(),
            id: self.shown.clone(),
            name: self.name.clone(),
            arguments: self.arguments.clone(),
            confirmed: false,
            is_begun: false,
        }
    }

    fn answer(&self, response: Object) -> FunctionResponse {
        let function = self.function.as_ref().filter(|function| function.is_non_blocking());
        FunctionResponse {
            id: self.id.clone(),
            name: self.name.clone(),
            response: Some(response),
            scheduling: function.and_then(|function| function.tool.scheduling.clone()),
            ..FunctionResponse::default()
        }
    }

    /// Names the call, its id and the very arguments that it will be run with.
    fn confirmation(&self) -> String {
        let arguments = serde_json::Value::from(self.arguments.clone()).to_string();
        let mut hash = FNV_OFFSET;
        for part in [&self.key, &self.shown, &self.name, &arguments] {
            // A byte that is in no text ends each, so that no two lists of parts read the same.
            for byte in part.bytes().chain([0xFF]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
            }
        }
        format!("{}-{hash:016x}", self.key)
    }

    fn too_late(&self) -> String {
        format!(
            "{} did not answer in time, and it is not known whether it was done. Do not call it again by yourself: say \
             that it takes too long.",
            self.name
        )
    }
}

fn shown(call: &Call, state: ToolState) -> FromProxy {
    tells(call.shown.clone(), call.name.clone(), state)
}

fn tells(id: String, name: String, state: ToolState) -> FromProxy {
    FromProxy::Tool { id, name, state, arguments: None, confirmation: None, says: None }
}

fn error(sentence: impl Into<String>) -> Object {
    Object::from_iter([("error".into(), sentence.into().into())])
}

const REFUSED: &str =
    "The person did not allow this, so nothing was done. Do not call it again unless they ask for it anew.";
const UNANSWERED: &str = "The person was asked to allow this and did not answer, so nothing was done. Ask whether it is still \
                          wanted before you call it again.";
const TOO_MANY: &str =
    "Too many tools are running already, so nothing was done. Wait for their results before you call more.";

/// Long enough to read an e-mail and to find the button.
const CONFIRM_PATIENCE: Duration = Duration::from_secs(60);
/// A shell looks at arguments at once.
const CHECK_PATIENCE: Duration = Duration::from_secs(5);
/// For how long one who asks for the same is given what came of a function: who goes back goes back to within this.
pub const TOOL_MEMORY: Duration = Duration::from_secs(60);
/// Calls that models make side by side are a handful.
const MOST_OPEN: usize = 16;
/// Each may hold 64 KiB.
const MOST_REMEMBERED: usize = 32;
/// Each may cut the model off.
const MOST_PARTS: u32 = 32;
/// FNV-1a of 64 bits: it tells mistakes apart; nobody gains by a collision, as only what waits here is ever run.
const FNV_OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01B3;

/// Bytes that an object takes, about as many as on the wire.
fn weight_of_object(object: &Object) -> usize {
    object.iter().map(|(name, value)| name.len() + weight(value)).sum()
}

fn weight(value: &serde_json::Value) -> usize {
    use serde_json::Value;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => size_of::<Value>(),
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(weight).sum(),
        Value::Object(object) => weight_of_object(object),
    }
}
