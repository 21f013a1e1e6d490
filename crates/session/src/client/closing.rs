//! What the end of a socket means for the call: the one table of close codes.

use vivavoce_wire::trouble::{Code, Trouble};
use vivavoce_wire::{digits, joined};

/// What becomes of a call whose socket closed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// Connect again.
    Retry,
    /// Connect again for a new call: the one that there was is gone.
    Anew,
    /// It is over as it should be, for this reason.
    End(String),
    /// It is over, with this trouble.
    Fail(Trouble),
}

/// Reads a close code, and what the proxy complained of before it.
pub(super) fn judge(code: u16, trouble: Option<&Trouble>) -> Closing {
    match trouble {
        Some(trouble) if trouble.code == Code::NoSuchCall => Closing::Anew,
        Some(trouble) if code == trouble.code.close_code() && trouble.code.is_retryable() => Closing::Retry,
        Some(trouble) if code == trouble.code.close_code() => Closing::Fail(trouble.clone()),
        _ => judge_code(code),
    }
}

/// Reads a close code that no complaint explains.
fn judge_code(code: u16) -> Closing {
    match code {
        1000 => Closing::End("The call has ended.".into()),
        // Going away, no code, lost, internal error, restart, try later, bad gateway, TLS; and 4502, 4503: a service that failed, or a proxy that takes no calls now.
        1001 | 1005 | 1006 | 1011..=1015 | 4502 | 4503 => Closing::Retry,
        4400 => fail(
            Code::BadMessage,
            "This page and the proxy do not understand each other: reload the page, or update the proxy.",
        ),
        4401 => fail(Code::NotAdmitted, "You are not signed in for this call: open the page again."),
        4403 => fail(Code::NotAllowed, "This call is not allowed for you: ask whoever runs the proxy."),
        4404 => Closing::Anew,
        4409 => fail(Code::TakenOver, "This call goes on elsewhere: another page or device took it over."),
        4429 => fail(Code::Limited, "Too many calls or too much at once: wait a little and call again."),
        1002 | 1003 | 1007..=1010 => fail(
            Code::BadMessage,
            "The connection broke the rules of WebSocket: reload the page, and check what stands between it and the proxy.",
        ),
        other => Closing::Fail(Trouble::new(
            Code::Unknown,
            joined(&[
                "The proxy ended the call with code ",
                &digits(u64::from(other)),
                ": call again, or ask whoever runs it.",
            ]),
        )),
    }
}

/// The first try to reach the proxy failed.
pub(super) fn unreachable(url: &str) -> String {
    joined(&[
        "The proxy at ",
        url,
        " cannot be reached: check that it is running, that this address is right, and that this device is online.",
    ])
}

fn fail(code: Code, sentence: &str) -> Closing {
    Closing::Fail(Trouble::new(code, sentence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_what_passes_and_ends_on_what_stays() {
        for code in [1001, 1005, 1006, 1011, 1012, 1013, 4502, 4503] {
            assert_eq!(judge(code, None), Closing::Retry, "{code}");
        }
        for code in [1002, 1008, 1009, 4400, 4401, 4403, 4409, 4429, 4999, 0, u16::MAX] {
            assert!(matches!(judge(code, None), Closing::Fail(_)), "{code}");
        }
        assert!(matches!(judge(1000, None), Closing::End(_)));
        for code in [Code::BadMessage, Code::NotAdmitted, Code::NotAllowed, Code::TakenOver, Code::Limited] {
            let Closing::Fail(trouble) = judge(code.close_code(), None) else { panic!("{code:?}") };
            assert_eq!(trouble.code, code);
        }
    }

    #[test]
    fn believes_the_complaint_that_came_with_the_code() {
        let refused = Trouble::new(Code::ServiceKey, "The key was refused.");
        assert_eq!(judge(4502, Some(&refused)), Closing::Fail(refused.clone()));
        let failed = Trouble::new(Code::ServiceFailed, "It failed.");
        assert_eq!(judge(4502, Some(&failed)), Closing::Retry);
        let slow = Trouble::new(Code::TooSlow, "Too slow.");
        assert_eq!(judge(4429, Some(&slow)), Closing::Retry);
        // A network that fails after a complaint is still a network that fails.
        assert_eq!(judge(1006, Some(&refused)), Closing::Retry);
    }
}
