//! The webhook of one tool.

use super::Visitor;
use super::answer::understand;
use super::request::{body, header, signature};
use super::way::Way;
use crate::config::{Format, ToolSettings};
use crate::post::{NoAnswer, post};
use axum::http::{Method, Request, Uri, header as names};
use bytes::Bytes;
use core::time::Duration;
use ring::hmac;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::time::{sleep, timeout};
use vivavoce_gemini::Object;
use vivavoce_session::{Job, ToolOutcome};

/// Where a tool is run, and how it is asked.
pub(super) struct Webhook {
    url: Uri,
    key: hmac::Key,
    format: Format,
    /// For one try.
    timeout: Duration,
    retries: u32,
    allow_private: bool,
    way: Arc<Way>,
}

/// Why a try gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What the webhook did, as the end of a sentence; nothing of where it is.
    pub(crate) words: String,
    /// Whether another try may fare better.
    pub(super) passes: bool,
}

impl Failure {
    pub(super) fn passing(words: &str) -> Self {
        Self { words: words.to_owned(), passes: true }
    }

    pub(super) fn lasting(words: &str) -> Self {
        Self { words: words.to_owned(), passes: false }
    }
}

impl Webhook {
    pub(super) fn new(tool: &ToolSettings, secret: &str, way: Arc<Way>) -> Self {
        Self {
            url: tool.url.clone(),
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
            format: tool.format,
            timeout: tool.timeout,
            retries: tool.retries,
            allow_private: tool.allow_private,
            way,
        }
    }

    /// Whether it may be asked for the same once more.
    pub(super) const fn may_repeat(&self) -> bool {
        self.retries > 0
    }

    /// How long a job takes at most.
    pub(super) fn longest(&self) -> Duration {
        longest(self.timeout, self.retries)
    }

    /// Does a job. Each try says the same key, by which a webhook may know what it did before.
    pub(super) async fn run(&self, job: &Job, visitor: &Visitor) -> ToolOutcome {
        let body = Bytes::from(body(self.format, job, visitor));
        let mut tried = 0;
        loop {
            let outcome = timeout(self.timeout, self.ask(job, visitor, &body)).await;
            let (words, passes, is_late) = match outcome {
                Ok(Ok(response)) => return ToolOutcome::Result(response),
                Ok(Err(failure)) => (failure.words, failure.passes, false),
                Err(_elapsed) => ("it did not answer in time".to_owned(), true, true),
            };
            // Not what it was asked, nor what it said.
            tracing::warn!(tool = job.name, why = words, tried, "a tool failed");
            if !passes || tried == self.retries {
                let sentence = sentence(&job.name, &words);
                return if is_late { ToolOutcome::Timeout(sentence) } else { ToolOutcome::Error(sentence) };
            }
            sleep(pause(tried)).await;
            tried += 1;
        }
    }

    /// Asks once.
    async fn ask(&self, job: &Job, visitor: &Visitor, body: &Bytes) -> Result<Object, Failure> {
        let stream = self.way.connect(&self.url, self.allow_private).await?;
        let answer = post(stream, self.request(job, visitor, body)?).await.map_err(|no| match no {
            NoAnswer::Malformed => unaskable(),
            NoAnswer::Broken => Failure::passing("it broke off in the middle of its answer"),
            NoAnswer::TooLong => Failure::lasting("its answer is too long"),
        })?;
        understand(answer.status(), answer.body())
    }

    fn request(&self, job: &Job, visitor: &Visitor, body: &Bytes) -> Result<Request<Bytes>, Failure> {
        let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&self.url)
            .header(names::CONTENT_TYPE, "application/json")
            .header(names::ACCEPT, "application/json")
            .header(names::USER_AGENT, concat!("vivavoce/", env!("CARGO_PKG_VERSION")))
            .header("idempotency-key", header(&job.key))
            .header("x-vivavoce-timestamp", timestamp)
            .header("x-vivavoce-signature", signature(&self.key, timestamp, body));
        if self.format == Format::Flat {
            request = request
                .header("x-vivavoce-user", header(&visitor.user.name()))
                .header("x-vivavoce-call", header(&visitor.call))
                .header("x-vivavoce-tool", header(&job.name));
        }
        request.body(body.clone()).map_err(|_| unaskable())
    }
}

fn unaskable() -> Failure {
    Failure::lasting("it can't be asked")
}

/// What the model is told of a failure.
fn sentence(name: &str, words: &str) -> String {
    format!(
        "{name} failed: {words}. It may not have been done. Do not call it again by yourself: say that it did not work."
    )
}

/// How long to wait before a try that follows so many others.
fn pause(tried: u32) -> Duration {
    FIRST_PAUSE * 2_u32.pow(tried)
}

/// How long all tries take together, and the pauses between them.
pub(super) fn longest(timeout: Duration, retries: u32) -> Duration {
    timeout * (retries + 1) + (0..retries).map(pause).sum::<Duration>()
}

/// What the relay waits longer than all tries take.
pub(super) const SLACK: Duration = Duration::from_secs(1);

/// A service that restarts is back after a few of these.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
