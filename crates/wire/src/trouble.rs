//! What went wrong: a code for machines, a sentence for people, and how the socket closes.

use core::fmt;
use serde::{Deserialize, Serialize};

/// One thing that went wrong, the same object over HTTP (`{"error": …}`) and on the socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What it is, for machines.
    pub code: Code,
    /// What happened and what to do, for people: one sentence or two.
    pub message: String,
    /// Set where trying again later may help: how long to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Trouble {
    /// Trouble that another try would not change.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after_ms: None }
    }

    /// Trouble with the other side's program: a sentence for whoever uses it, then `detail` for whoever wrote it.
    pub fn misunderstood(code: Code, detail: impl fmt::Display) -> Self {
        Self::new(code, format!("{MISUNDERSTOOD} In detail: {detail}"))
    }

    /// The same, worth another try after so many milliseconds.
    #[must_use]
    pub fn retry_after_ms(mut self, wait_ms: u64) -> Self {
        self.retry_after_ms = Some(wait_ms);
        self
    }
}

/// What people can do about it.
const MISUNDERSTOOD: &str =
    "This page and the proxy do not understand each other: reload the page, or update the proxy.";

/// The kinds of trouble, as they stand on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// A frame that is not of the protocol: not JSON, unknown type, odd bytes, bad rate.
    BadMessage,
    /// The client asked for no subprotocol that the proxy speaks.
    BadSubprotocol,
    /// A frame over the limit.
    TooLarge,
    /// Something before `hello`, or `hello` twice.
    OutOfOrder,
    /// No `hello` in time.
    HelloTimeout,
    /// No ticket, or one that opens nothing.
    NotAdmitted,
    /// Admitted, but not for this.
    NotAllowed,
    /// No call that could be taken up again has that name and that secret.
    NoSuchCall,
    /// Another connection took this call over.
    TakenOver,
    /// Too many, too long or too much.
    Limited,
    /// The phone read too slowly for too long.
    TooSlow,
    /// The service could not be reached.
    ServiceUnreachable,
    /// The service refused the key.
    ServiceKey,
    /// The service refused the model or another setting.
    ServiceSetup,
    /// The service's quota is used up.
    ServiceQuota,
    /// The service ended the conversation or failed.
    ServiceFailed,
    /// The proxy can't take calls at the moment.
    Unavailable,
    /// The proxy is going down.
    GoingAway,
    /// A bug of ours.
    Internal,
    /// A code of a later version.
    #[serde(other)]
    Unknown,
}

impl Code {
    /// Every kind that there is.
    pub const ALL: [Self; 20] = [
        Self::BadMessage,
        Self::BadSubprotocol,
        Self::TooLarge,
        Self::OutOfOrder,
        Self::HelloTimeout,
        Self::NotAdmitted,
        Self::NotAllowed,
        Self::NoSuchCall,
        Self::TakenOver,
        Self::Limited,
        Self::TooSlow,
        Self::ServiceUnreachable,
        Self::ServiceKey,
        Self::ServiceSetup,
        Self::ServiceQuota,
        Self::ServiceFailed,
        Self::Unavailable,
        Self::GoingAway,
        Self::Internal,
        Self::Unknown,
    ];

    /// The code as it stands on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadMessage => "bad_message",
            Self::BadSubprotocol => "bad_subprotocol",
            Self::TooLarge => "too_large",
            Self::OutOfOrder => "out_of_order",
            Self::HelloTimeout => "hello_timeout",
            Self::NotAdmitted => "not_admitted",
            Self::NotAllowed => "not_allowed",
            Self::NoSuchCall => "no_such_call",
            Self::TakenOver => "taken_over",
            Self::Limited => "limited",
            Self::TooSlow => "too_slow",
            Self::ServiceUnreachable => "service_unreachable",
            Self::ServiceKey => "service_key",
            Self::ServiceSetup => "service_setup",
            Self::ServiceQuota => "service_quota",
            Self::ServiceFailed => "service_failed",
            Self::Unavailable => "unavailable",
            Self::GoingAway => "going_away",
            Self::Internal => "internal",
            Self::Unknown => "unknown",
        }
    }

    /// The code of that name; [`Self::Unknown`] for one of a later version.
    pub fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|code| code.name() == name).unwrap_or(Self::Unknown)
    }

    /// The WebSocket close code that follows this trouble.
    pub const fn close_code(self) -> u16 {
        match self {
            Self::BadMessage | Self::BadSubprotocol | Self::TooLarge | Self::OutOfOrder => 4400,
            Self::NotAdmitted | Self::HelloTimeout => 4401,
            Self::NotAllowed => 4403,
            Self::NoSuchCall => 4404,
            Self::TakenOver => 4409,
            Self::Limited | Self::TooSlow => 4429,
            Self::ServiceUnreachable
            | Self::ServiceKey
            | Self::ServiceSetup
            | Self::ServiceQuota
            | Self::ServiceFailed => 4502,
            Self::Unavailable => 4503,
            Self::GoingAway => 1001,
            Self::Internal | Self::Unknown => 1011,
        }
    }

    /// Whether a client does well to connect again by itself.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::ServiceUnreachable
            | Self::ServiceFailed
            | Self::TooSlow
            | Self::Unavailable
            | Self::GoingAway
            | Self::Internal
            | Self::Unknown => true,
            Self::BadMessage
            | Self::BadSubprotocol
            | Self::TooLarge
            | Self::OutOfOrder
            | Self::HelloTimeout
            | Self::NotAdmitted
            | Self::NotAllowed
            | Self::NoSuchCall
            | Self::TakenOver
            | Self::Limited
            | Self::ServiceKey
            | Self::ServiceSetup
            | Self::ServiceQuota => false,
        }
    }
}
