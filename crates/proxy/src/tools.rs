//! The tools that the model may use, and the errands that are run for it.
//!
//! - `webhook`: one tool's webhook: how it is asked, how often, for how long;
//! - `request`: what it is sent, and how that is signed;
//! - `answer`: what its answers mean;
//! - `notes`: what is known of all this, should another proxy take the call over;
//! - `way`: which addresses may be reached, and the connection to one.

mod answer;
pub(crate) mod notes;
mod request;
pub(crate) mod way;
mod webhook;

use crate::admission::User;
use crate::config::{Behaviour, Config, ToolSettings};
use crate::environment::Environment;
use crate::store::Store;
use core::task::{Context, Poll, ready};
use jsonschema::Validator;
use notes::Notes;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tracing::Instrument;
use vivavoce_gemini::{Behavior, FunctionDeclaration, Scheduling};
use vivavoce_session::{Job, Shown, Tool, ToolOutcome, Tools};
use vivavoce_wire::FromProxy;
use way::Way;
use webhook::Webhook;

/// For whom a tool is run.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    /// The user, as admission verified them.
    pub(crate) user: User,
    /// The call's name in logs.
    pub(crate) call: String,
}

/// All tools of a proxy.
pub(crate) struct Toolbox {
    tools: Tools,
    hooks: BTreeMap<String, Hook>,
}

struct Hook {
    /// What arguments are held up to, if there is something.
    schema: Option<Validator>,
    webhook: Arc<Webhook>,
}

impl Toolbox {
    /// The tools of the settings, of those whose secret is there.
    pub(crate) fn new(config: &Config, environment: &Environment) -> Self {
        let way = Arc::new(Way::new(&environment.authorities));
        let hook = |tool: &ToolSettings| {
            let secret = environment.secrets.get(&tool.secret_env)?;
            let schema = tool.parameters.as_ref().and_then(|schema| jsonschema::validator_for(schema).ok());
            let webhook = Arc::new(Webhook::new(tool, secret, Arc::clone(&way)));
            Some((tool.name.clone(), Hook { schema, webhook }))
        };
        Self {
            hooks: config.tools.iter().filter_map(hook).collect(),
            tools: Tools {
                own: config.tools.iter().map(tool).collect(),
                page_names: config.page_functions.allow.clone(),
                page_deadline: config.page_functions.timeout,
            },
        }
    }

    /// What a relay is to know of them.
    pub(crate) fn tools(&self) -> Tools {
        self.tools.clone()
    }

    /// What is wrong with a job's arguments, as the end of a sentence; none if they fit.
    pub(crate) fn objection(&self, job: &Job) -> Option<String> {
        let arguments = Value::Object(job.arguments.clone());
        if arguments.to_string().len() > MOST_ARGUMENT_BYTES {
            return Some(format!("together they are longer than {MOST_ARGUMENT_BYTES} bytes"));
        }
        let schema = self.hooks.get(&job.name)?.schema.as_ref()?;
        let error = schema.iter_errors(&arguments).next()?;
        let (path, words) = (error.instance_path().to_string(), error.to_string());
        let words: String = words.chars().take(MOST_QUOTED_CHARS).collect();
        Some(if path.is_empty() { words } else { format!("{path}: {words}") })
    }
}

/// What the model and the relay are told of a tool.
fn tool(settings: &ToolSettings) -> Tool {
    Tool {
        declaration: FunctionDeclaration {
            name: settings.name.clone(),
            description: settings.description.clone(),
            behavior: settings.behaviour.map(|behaviour| match behaviour {
                Behaviour::Blocking => Behavior::Blocking,
                Behaviour::NonBlocking => Behavior::NonBlocking,
            }),
            parameters_json_schema: settings.parameters.clone(),
            ..FunctionDeclaration::default()
        },
        confirm: settings.confirm,
        says: settings.says.clone(),
        deadline: webhook::longest(settings.timeout, settings.retries) + webhook::SLACK,
        scheduling: settings.scheduling.as_deref().map(Scheduling::from),
    }
}

/// What is being run for one call; what still runs when the call is over runs to its end, as the person may count on it.
pub(crate) struct Errands {
    toolbox: Arc<Toolbox>,
    visitor: Visitor,
    notes: Notes,
    /// The newest of what is being written down of what the page was told.
    note: Option<JoinHandle<()>>,
    running: HashMap<String, AbortHandle>,
    done: JoinSet<(String, ToolOutcome)>,
}

impl Errands {
    /// None yet; what becomes of them is written down in `store`.
    pub(crate) fn new(
        toolbox: Arc<Toolbox>,
        visitor: Visitor,
        store: Arc<dyn Store>,
        shutdown: watch::Receiver<bool>,
    ) -> Self {
        let notes = Notes::new(store, visitor.call.clone(), shutdown);
        Self { toolbox, visitor, notes, note: None, running: HashMap::new(), done: JoinSet::new() }
    }

    /// What is wrong with a job's arguments; none if they fit.
    pub(crate) fn objection(&self, job: &Job) -> Option<String> {
        self.toolbox.objection(job)
    }

    /// Begins a job.
    pub(crate) fn run(&mut self, job: Job) {
        let key = job.key.clone();
        let webhook = self.toolbox.hooks.get(&job.name).map(|hook| Arc::clone(&hook.webhook));
        let (visitor, notes) = (self.visitor.clone(), self.notes.clone());
        let errand = async move {
            let outcome = match webhook {
                Some(webhook) => run(&webhook, &job, &visitor, &notes).await,
                None => ToolOutcome::Error(format!("{} is not there any more.", job.name)),
            };
            (job.key, outcome)
        };
        let task = self.done.spawn(errand.in_current_span());
        self.running.insert(key, task);
    }

    /// Breaks a job off, its request with it.
    pub(crate) fn abort(&mut self, key: &str) {
        if let Some(task) = self.running.remove(key) {
            task.abort();
            self.notes.strike(key);
        }
    }

    /// The page is told of a function call: that there is one, and how it ends, is written down, one after the other.
    pub(crate) fn shown(&mut self, message: &FromProxy, sequence: Option<u32>) {
        let Some(shown) = Shown::of(message, sequence) else { return };
        let (notes, before) = (self.notes.clone(), self.note.take());
        let note = async move {
            if let Some(before) = before {
                let _ = before.await;
            }
            notes.shown(shown).await;
        };
        self.note = Some(tokio::spawn(note.in_current_span()));
    }

    /// The next job that is done.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<(String, ToolOutcome)> {
        while let Some(outcome) = ready!(self.done.poll_join_next(context)) {
            // One that was broken off has no outcome.
            if let Ok((key, outcome)) = outcome {
                self.running.remove(&key);
                return Poll::Ready((key, outcome));
            }
        }
        // A job that begins is followed by another question.
        Poll::Pending
    }
}

impl Drop for Errands {
    fn drop(&mut self) {
        self.done.detach_all();
    }
}

/// Does a job, or finds out what came of it where another proxy began it.
async fn run(webhook: &Webhook, job: &Job, visitor: &Visitor, notes: &Notes) -> ToolOutcome {
    if job.is_begun {
        let came = if webhook.may_repeat() {
            notes.outcome(&job.key).await
        } else {
            // It may run there to its end: nobody here knows whether that proxy died or only let go of the call.
            Some(notes.wait_for_outcome(job, webhook.longest()).await)
        };
        if let Some(outcome) = came {
            return outcome;
        }
    }
    notes.begins(job, webhook.longest()).await;
    let outcome = webhook.run(job, visitor).await;
    notes.ends(job, &outcome);
    outcome
}

/// More than anybody dictates.
const MOST_ARGUMENT_BYTES: usize = 64 * 1024;

/// A schema's complaint quotes what it complains of.
const MOST_QUOTED_CHARS: usize = 300;
