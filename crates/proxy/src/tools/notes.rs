//! What is written down of tools that run, for a proxy that takes the call over: what was asked, and what came of it.

use crate::store::{Away, Store};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument;
use vivavoce_gemini::Object;
use vivavoce_session::{Begun, Job, Shown, TOOL_MEMORY, ToolOutcome};
use vivavoce_wire::message::ToolState;

/// The notes of one call. A process that goes down waits for those who hold some, as far as it waits at all.
#[derive(Clone, Debug)]
pub(super) struct Notes {
    store: Arc<dyn Store>,
    call: String,
    _shutdown: watch::Receiver<bool>,
}

/// What the notes of a call say.
#[derive(Default)]
pub(crate) struct Written {
    /// Jobs of which somebody may ask for the same.
    pub(crate) begun: Vec<Begun>,
    /// What the page was told.
    pub(crate) shown: Vec<Shown>,
}

/// One note: of a job, or of what the page was told of a function call.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Job(Note),
    Shown(ShownNote),
}

#[derive(Serialize, Deserialize)]
struct ShownNote {
    shown: String,
    name: String,
    state: ToolState,
    sequence: u32,
}

/// Of a job.
#[derive(Serialize, Deserialize)]
struct Note {
    key: String,
    id: String,
    name: String,
    arguments: Object,
    confirmed: bool,
    outcome: Option<Outcome>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Result(Object),
    Error(String),
    Timeout(String),
}

impl Notes {
    pub(super) const fn new(store: Arc<dyn Store>, call: String, shutdown: watch::Receiver<bool>) -> Self {
        Self { store, call, _shutdown: shutdown }
    }

    /// A job is about to begin that takes so long at most.
    pub(super) async fn begins(&self, job: &Job, longest: Duration) {
        let text = text(&Note::of(job, None));
        let written = self.store.note(&self.call, &job.key, &text, longest + TOOL_MEMORY);
        // A registry that is away stops no tool.
        if !matches!(timeout(MOST_WRITING, written).await, Ok(Ok(()))) {
            tracing::warn!(
                tool = job.name,
                "the registry is away: a tool that runs now would be run again if this process died"
            );
        }
    }

    /// This came of it. The model does not wait until that is written.
    pub(super) fn ends(&self, job: &Job, outcome: &ToolOutcome) {
        let (notes, key, text) = (self.clone(), job.key.clone(), text(&Note::of(job, Some(outcome))));
        let note = async move {
            told(notes.store.note(&notes.call, &key, &text, TOOL_MEMORY).await);
            // The process waits for whoever holds it.
            drop(notes);
        };
        tokio::spawn(note.in_current_span());
    }

    /// The page was told this.
    pub(super) async fn shown(&self, shown: Shown) {
        let Shown { id, name, state, sequence } = shown;
        let stay = if state.is_end() { TOOL_MEMORY } else { LONGEST_OPEN };
        let key = format!("shown:{id}");
        let text = text(&ShownNote { shown: id, name, state, sequence });
        told(self.store.note(&self.call, &key, &text, stay).await);
    }

    /// It was broken off: who asks for the same wants it done.
    pub(super) fn strike(&self, key: &str) {
        let (notes, key) = (self.clone(), key.to_owned());
        let note = async move {
            told(notes.store.strike(&notes.call, &key).await);
            drop(notes);
        };
        tokio::spawn(note.in_current_span());
    }

    /// What came of a job that another proxy began, if that is written.
    pub(super) async fn outcome(&self, key: &str) -> Option<ToolOutcome> {
        self.find(key).await.ok()??.outcome
    }

    /// The same, as soon as it is written; and if it is not until the time is up of a job that takes so long at most, that nobody
    /// knows.
    pub(super) async fn wait_for_outcome(&self, job: &Job, longest: Duration) -> ToolOutcome {
        let mut until = Instant::now() + longest;
        loop {
            match self.find(&job.key).await {
                Ok(Some(Begun { outcome: Some(outcome), .. })) => return outcome,
                // It began some time ago.
                Ok(Some(begun)) => {
                    until = until.min(Instant::now() + begun.remembered.saturating_sub(TOOL_MEMORY));
                }
                Ok(None) => break,
                // When the registry is back, it may be known.
                Err(_) => {}
            }
            let now = Instant::now();
            if now >= until {
                break;
            }
            sleep(ASK_EVERY.min(until - now)).await;
        }
        ToolOutcome::Timeout(format!(
            "{} was begun, but the machine that waited for it was lost, and it is not known whether it was done. Do not \
             call it again by yourself: say so, and ask the person to look.",
            job.name
        ))
    }

    async fn find(&self, key: &str) -> Result<Option<Begun>, Away> {
        Ok(read(&*self.store, &self.call).await?.begun.into_iter().find(|begun| begun.job.key == key))
    }
}

/// What is written down of a call's tools, by whichever proxy; nothing if the registry is away.
pub(crate) async fn written(store: &dyn Store, call: &str) -> Written {
    read(store, call).await.unwrap_or_else(|away| {
        tracing::warn!(call, %away, "the registry is away: it is not known which tools were run");
        Written::default()
    })
}

async fn read(store: &dyn Store, call: &str) -> Result<Written, Away> {
    let mut written = Written::default();
    for (text, remembered) in store.notes(call).await? {
        match serde_json::from_str(&text) {
            Ok(Line::Job(note)) => written.begun.push(note.begun(remembered)),
            Ok(Line::Shown(ShownNote { shown, name, state, sequence })) => {
                written.shown.push(Shown { id: shown, name, state, sequence });
            }
            // What another version of this program wrote may be none of this one's.
            Err(_) => {}
        }
    }
    // In the order in which the page was told.
    written.shown.sort_by_key(|shown| shown.sequence);
    Ok(written)
}

/// The registry heard what came of a tool, or not.
fn told(answer: Result<(), Away>) {
    if let Err(away) = answer {
        tracing::debug!(%away, "the registry is away: what came of a tool is not written");
    }
}

fn text(note: &impl Serialize) -> String {
    serde_json::to_string(note).unwrap_or_default()
}

impl Note {
    fn of(job: &Job, outcome: Option<&ToolOutcome>) -> Self {
        Self {
            key: job.key.clone(),
            id: job.id.clone(),
            name: job.name.clone(),
            arguments: job.arguments.clone(),
            confirmed: job.confirmed,
            outcome: outcome.cloned().map(|outcome| match outcome {
                ToolOutcome::Result(response) => Outcome::Result(response),
                ToolOutcome::Error(sentence) => Outcome::Error(sentence),
                ToolOutcome::Timeout(sentence) => Outcome::Timeout(sentence),
            }),
        }
    }

    fn begun(self, remembered: Duration) -> Begun {
        let Self { key, id, name, arguments, confirmed, outcome } = self;
        let outcome = outcome.map(|outcome| match outcome {
            Outcome::Result(response) => ToolOutcome::Result(response),
            Outcome::Error(sentence) => ToolOutcome::Error(sentence),
            Outcome::Timeout(sentence) => ToolOutcome::Timeout(sentence),
        });
        Begun { job: Job { key, id, name, arguments, confirmed, is_begun: true }, outcome, remembered }
    }
}

/// For how long a page is told that something is open, at most: tools that take longer have nobody who still looks.
const LONGEST_OPEN: Duration = Duration::from_secs(600);
/// A tool does not wait longer for its note.
const MOST_WRITING: Duration = Duration::from_millis(300);
/// How often it is asked what came of a tool that another proxy runs.
const ASK_EVERY: Duration = Duration::from_millis(250);
