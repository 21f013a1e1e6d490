//! What the end of the service's socket means: the one table of its close codes, reasons and HTTP statuses. Each says
//! what the relay does about it, and what the person is told if nothing can be done, or nothing helps.
//!
//! The codes 1007, 1008 and 1011 each mean many things, so the reason's beginning decides (it is cut at 123
//! bytes). Sentences are for the person who talks; where only the operator can help, they say so. Of the
//! service's own words only those about the setup are repeated: others have been seen to hold the key.

use vivavoce_wire::trouble::{Code, Trouble};

/// Reads how the service's socket closed, or failed to open.
pub(super) fn judge(code: u16, reason: &str) -> End {
    if let Some(status) = http_status(reason) {
        return of_status(status, reason);
    }
    let row = TABLE.iter().find(|row| row.code == code && begins(reason, row.prefix));
    row.map_or_else(|| of_code(code), |row| row.verdict.end(reason))
}

/// Reads an error that the service said in place of closing its socket with it.
pub(super) fn judge_error(message: &str) -> End {
    let mut rows = TABLE.iter().filter(|row| !row.prefix.is_empty());
    let row = rows.find(|row| begins(message, row.prefix));
    row.map_or_else(|| FAILED.end(""), |row| row.verdict.end(message))
}

/// The service's socket did not open in time.
pub(super) fn never_opened() -> End {
    UNREACHABLE.end("")
}

/// The service did not answer the setup in time.
pub(super) fn never_ready() -> End {
    SILENT.end("")
}

/// How a connection ended.
#[derive(Debug)]
pub(super) struct End {
    /// What the relay does about it.
    pub(super) policy: Policy,
    /// What the person is told if it can't.
    pub(super) trouble: Trouble,
}

/// What a relay does when a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// The conversation is taken up again by its handle, if there is one.
    Resume {
        /// Whether what the handle does not cover is said again; not if it may be what the connection died of.
        again: bool,
    },
    /// The handle is worth nothing: another session is told what was said.
    Fresh {
        /// Whether what was not answered is said again.
        again: bool,
    },
    /// Another model is asked for.
    NextModel,
    /// No other connection would fare better.
    GiveUp,
}

/// One line of the table.
struct Row {
    /// The close code.
    code: u16,
    /// How the reason begins, in any case.
    prefix: &'static str,
    verdict: Verdict,
}

/// What there is to say.
#[derive(Clone, Copy)]
struct Verdict {
    code: Code,
    sentence: &'static str,
    policy: Policy,
    /// Whether the service's own words, shortened and cleaned, are added.
    quotes: bool,
    retry_after_ms: Option<u64>,
}

impl Verdict {
    const fn new(code: Code, policy: Policy, sentence: &'static str) -> Self {
        Self { code, sentence, policy, quotes: false, retry_after_ms: None }
    }

    const fn quoting(mut self) -> Self {
        self.quotes = true;
        self
    }

    const fn after_ms(mut self, wait_ms: u64) -> Self {
        self.retry_after_ms = Some(wait_ms);
        self
    }

    fn end(&self, reason: &str) -> End {
        let mut trouble = Trouble::new(self.code, self.sentence);
        if self.quotes && !reason.is_empty() {
            trouble.message = format!("{} It said: {}", self.sentence, quoted(reason));
        }
        trouble.retry_after_ms = self.retry_after_ms;
        End { policy: self.policy, trouble }
    }
}

/// How the reasons begin that the service was seen to give; the first match counts.
const TABLE: &[Row] = &[
    row(1007, "API key", KEY),
    row(1007, "Missing or malformed auth token", KEY),
    row(1007, "Request had invalid authentication credentials", KEY),
    row(1008, "API key", KEY),
    row(1008, "Method doesn't allow unregistered callers", KEY),
    row(1008, "Your API key", KEY),
    row(1011, "Token has been used too many times", KEY),
    row(1007, "User location is not supported", LOCATION),
    row(1007, "Invalid JSON payload", SETUP),
    row(1007, "setup must be", SETUP),
    row(1007, "realtime_input.media_chunks", SETUP),
    row(1007, "Explicit activity control", SETUP),
    row(1007, "Cannot extract voices", SETUP),
    row(1007, "Request contains an invalid argument", ARGUMENT),
    row(1007, "", SETUP),
    row(1008, "models/", MODEL),
    row(1008, "Operation is not implemented", FAILED),
    row(1008, "Requested entity was not found", FORGOTTEN),
    row(1008, "BidiGenerateContent session", FORGOTTEN),
    row(1008, "The operation was aborted", AGE),
    row(1008, "", OFFENDED),
    row(1011, "Deadline expired", AGE),
    row(1011, "You exceeded your current quota", QUOTA),
    row(1011, "RESOURCE_EXHAUSTED", QUOTA),
    row(1011, "Resource has been exhausted", QUOTA),
    row(1011, "The model is overloaded", BUSY),
    row(1011, "The service is currently unavailable", BUSY),
];

const fn row(code: u16, prefix: &'static str, verdict: Verdict) -> Row {
    Row { code, prefix, verdict }
}

const RESUME: Policy = Policy::Resume { again: true };
const KEY: Verdict = Verdict::new(
    Code::ServiceKey,
    Policy::GiveUp,
    "Gemini refused the key of this proxy. Whoever runs it: check GEMINI_API_KEY, then start the proxy again.",
);
const LOCATION: Verdict = Verdict::new(
    Code::ServiceSetup,
    Policy::GiveUp,
    "Gemini does not serve the place that this proxy stands in. Whoever runs it: move it to a supported region.",
);
const SETUP: Verdict = Verdict::new(
    Code::ServiceSetup,
    Policy::GiveUp,
    "Gemini refused the settings of this proxy. Whoever runs it: check its configuration.",
)
.quoting();
const MODEL: Verdict = Verdict::new(
    Code::ServiceSetup,
    Policy::NextModel,
    "Gemini does not know the model that this proxy asks for. Whoever runs it: set another model.",
)
.quoting();
const ARGUMENT: Verdict = Verdict::new(
    Code::ServiceFailed,
    Policy::Fresh { again: false },
    "Gemini could not go on with this conversation; a new one begins.",
)
.after_ms(1_000);
const AGE: Verdict = Verdict::new(
    Code::ServiceFailed,
    RESUME,
    "Gemini ended the connection as it does after some minutes; a new one begins.",
);
const QUOTA: Verdict = Verdict::new(
    Code::ServiceQuota, Policy::GiveUp,
    "Gemini's quota for this proxy is used up: try again in a minute or later. Whoever runs it: check plan and billing.",
)
.after_ms(60_000);
const BUSY: Verdict =
    Verdict::new(Code::ServiceFailed, RESUME, "Gemini is overloaded; the call is tried again.")
        .after_ms(5_000);
const FAILED: Verdict =
    Verdict::new(Code::ServiceFailed, RESUME, "Gemini broke off the conversation; a new one begins.")
        .after_ms(500);
const FORGOTTEN: Verdict = Verdict { policy: Policy::Fresh { again: true }, ..FAILED };
/// Something that was said may be what it took amiss.
const OFFENDED: Verdict = Verdict { policy: Policy::Resume { again: false }, ..FAILED };
/// It leaves, and says no more than that.
const LEFT: Verdict = Verdict { policy: RESUME, ..ENDED };
const ENDED: Verdict =
    Verdict::new(Code::ServiceFailed, Policy::GiveUp, "Gemini ended the conversation; a new one begins.");
const UNREACHABLE: Verdict = Verdict::new(
    Code::ServiceUnreachable, RESUME,
    "Gemini cannot be reached from the proxy; the call is tried again. Whoever runs it: check its network and the service's address.",
)
.after_ms(1_000);
const SILENT: Verdict =
    Verdict::new(Code::ServiceUnreachable, RESUME, "Gemini does not answer; the call is tried again.")
        .after_ms(1_000);
const PATH: Verdict = Verdict::new(
    Code::ServiceSetup,
    Policy::GiveUp,
    "Gemini's address is wrong in this proxy. Whoever runs it: check the upstream URL.",
);

/// What a code means whose reason says nothing.
fn of_code(code: u16) -> End {
    let verdict = match code {
        1000 => ENDED,
        1001 => LEFT,
        1005 | 1006 | 1015 => UNREACHABLE,
        1012 | 1013 => BUSY,
        _ => FAILED,
    };
    verdict.end("")
}

/// What the answer to the upgrade means.
fn of_status(status: u16, reason: &str) -> End {
    let verdict = match status {
        400 if contains(reason, "location") => LOCATION,
        400 | 401 | 403 => KEY,
        404 | 405 | 426 => PATH,
        429 => QUOTA,
        500..=599 => BUSY,
        _ => UNREACHABLE,
    };
    verdict.end("")
}

/// The status of an upgrade that failed: the first three digits after `HTTP`, the version's apart.
fn http_status(reason: &str) -> Option<u16> {
    if !begins(reason, "HTTP") {
        return None;
    }
    let mut words = reason.split(|c: char| !c.is_ascii_digit());
    words.find(|word| word.len() == 3).and_then(|word| word.parse().ok())
}

fn begins(text: &str, prefix: &str) -> bool {
    text.as_bytes().get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
}

fn contains(text: &str, word: &str) -> bool {
    text.to_ascii_lowercase().contains(word)
}

/// The service's words, fit to be shown: one line, no more than a close reason holds, and no key.
fn quoted(reason: &str) -> String {
    let line: String = reason.chars().filter(|c| !c.is_control()).take(123).collect();
    let words = line.split(' ').map(|word| if word.contains("AIza") { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_was_seen_in_the_wild() {
        for (code, reason, expected) in [
            (1007, "API key not valid. Please pass a valid API key.", Code::ServiceKey),
            (1007, "Missing or malformed auth token", Code::ServiceKey),
            (1007, "Invalid JSON payload received. Unknown name \"x\" at 'setup'", Code::ServiceSetup),
            (1007, "User location is not supported for the API use.", Code::ServiceSetup),
            (1007, "Request contains an invalid argument.", Code::ServiceFailed),
            (1008, "models/gemini-1 is not found for API version v1beta", Code::ServiceSetup),
            (1008, "Operation is not implemented, or supported, or enabled.", Code::ServiceFailed),
            (1008, "The operation was aborted", Code::ServiceFailed),
            (1011, "Deadline expired before operation could complete.", Code::ServiceFailed),
            (1011, "Internal error encountered.", Code::ServiceFailed),
            (1011, "You exceeded your current quota, please check your plan", Code::ServiceQuota),
            (1011, "RESOURCE_EXHAUSTED", Code::ServiceQuota),
            (1006, "", Code::ServiceUnreachable),
            (1006, "connection refused", Code::ServiceUnreachable),
            (1000, "", Code::ServiceFailed),
            (1013, "", Code::ServiceFailed),
            (4711, "what?", Code::ServiceFailed),
            (1006, "HTTP 401 Unauthorized", Code::ServiceKey),
            (1006, "HTTP/1.1 403 Forbidden", Code::ServiceKey),
            (1006, "HTTP error: 404 Not Found", Code::ServiceSetup),
            (1006, "HTTP 429", Code::ServiceQuota),
            (1006, "HTTP 503", Code::ServiceFailed),
            (1006, "HTTP", Code::ServiceUnreachable),
        ] {
            assert_eq!(judge(code, reason).trouble.code, expected, "{code} {reason}");
        }
    }

    #[test]
    fn knows_what_to_do_about_each() {
        const RESUME: Policy = Policy::Resume { again: true };
        for (code, reason, expected) in [
            (1000, "", Policy::GiveUp),
            (1001, "", RESUME),
            (1006, "", RESUME),
            (1007, "API key not valid. Please pass a valid API key.", Policy::GiveUp),
            (1007, "Invalid JSON payload received. Unknown name \"x\" at 'setup'", Policy::GiveUp),
            (1007, "Request contains an invalid argument.", Policy::Fresh { again: false }),
            (1008, "models/gemini-1 is not found for API version v1beta", Policy::NextModel),
            (1008, "Operation is not implemented, or supported, or enabled.", RESUME),
            (1008, "Requested entity was not found.", Policy::Fresh { again: true }),
            (1008, "BidiGenerateContent session expired", Policy::Fresh { again: true }),
            (1008, "The operation was aborted", RESUME),
            (1008, "what?", Policy::Resume { again: false }),
            (1011, "Deadline expired before operation could complete.", RESUME),
            (1011, "Internal error encountered.", RESUME),
            (1011, "RESOURCE_EXHAUSTED", Policy::GiveUp),
            (1011, "Token has been used too many times", Policy::GiveUp),
            (1012, "", RESUME),
            (1013, "", RESUME),
            (1006, "HTTP 404", Policy::GiveUp),
            (1006, "HTTP 429", Policy::GiveUp),
            (1006, "HTTP 503", RESUME),
        ] {
            assert_eq!(judge(code, reason).policy, expected, "{code} {reason}");
        }
    }

    #[test]
    fn says_what_to_do_about_a_key_and_never_shows_it() {
        let refused = judge(1007, "API key not valid: AIzaSyNotARealKey").trouble;
        assert!(refused.message.contains("GEMINI_API_KEY"), "{}", refused.message);
        assert!(!refused.message.contains("AIza"));
        let setup = judge(1007, "Invalid JSON payload received: key=AIzaSyNotARealKey\n at 'setup'").trouble;
        assert!(setup.message.contains("at 'setup'"));
        assert!(!setup.message.contains("AIza"));
    }

    #[test]
    fn reads_errors_that_come_as_messages() {
        for (message, expected) in [
            ("API key not valid. Please pass a valid API key.", Code::ServiceKey),
            ("You exceeded your current quota", Code::ServiceQuota),
            ("models/gemini-1 is not found", Code::ServiceSetup),
            ("Something else", Code::ServiceFailed),
            ("", Code::ServiceFailed),
        ] {
            assert_eq!(judge_error(message).trouble.code, expected, "{message}");
        }
    }

    #[test]
    fn quota_says_when_to_come_back() {
        assert_eq!(judge(1011, "You exceeded your current quota").trouble.retry_after_ms, Some(60_000));
    }
}
