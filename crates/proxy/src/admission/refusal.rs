//! Why somebody was not let in: a sentence for people, a word for the counters.

use vivavoce_wire::{Code, Trouble};

/// One reason not to let somebody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nothing was shown, and this caller needs something.
    NothingShown,
    /// The page's origin is not listed.
    Origin,
    /// A program without an origin, whose ticket is not for programs.
    NotNative,
    /// What was shown cannot be read.
    Unreadable,
    /// Nobody whom this proxy trusts signed it.
    Forged,
    /// It is signed for a bot or an issuer that this proxy does not serve.
    Foreign,
    /// It was good until some time ago.
    Stale,
    /// It is of the future: one of two clocks is wrong.
    Future,
    /// It opens one call, and did.
    Used,
    /// The call is another user's.
    OtherUser,
    /// It is signed, but names no user.
    Nobody,
    /// The refresh secret is unknown, too old, or was used.
    Unrefreshed,
    /// The same user or the same signed text came too often.
    TooOften,
}

impl Refusal {
    /// The label by which it is counted.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::NothingShown => "nothing_shown",
            Self::Origin => "origin",
            Self::NotNative => "not_native",
            Self::Unreadable => "unreadable",
            Self::Forged => "forged",
            Self::Foreign => "foreign",
            Self::Stale => "stale",
            Self::Future => "future",
            Self::Used => "used",
            Self::OtherUser => "other_user",
            Self::Nobody => "nobody",
            Self::Unrefreshed => "unrefreshed",
            Self::TooOften => "too_often",
        }
    }

    /// What the caller is told.
    pub(crate) fn trouble(self) -> Trouble {
        let trouble = Trouble::new(self.code(), self.sentence());
        if self == Self::TooOften { trouble.retry_after_ms(RETRY_AFTER_MS) } else { trouble }
    }

    const fn code(self) -> Code {
        match self {
            Self::Origin | Self::NotNative | Self::OtherUser => Code::NotAllowed,
            Self::TooOften => Code::Limited,
            Self::NothingShown
            | Self::Unreadable
            | Self::Forged
            | Self::Foreign
            | Self::Stale
            | Self::Future
            | Self::Used
            | Self::Nobody
            | Self::Unrefreshed => Code::NotAdmitted,
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::NothingShown => {
                "Without a ticket this proxy only lets in callers on its own machine, at http://127.0.0.1 or \
                 http://localhost, with no other proxy in between, and those only where it is set up so: open the \
                 page from Telegram, or ask whoever runs the proxy for a ticket."
            }
            Self::Origin => {
                "This page may not call this proxy: whoever runs the proxy has to add the page's origin to \
                 [admission] origins."
            }
            Self::NotNative => {
                "This ticket is for a page, and no page showed it: programs need one that was made for programs, as \
                 `vivavoce ticket --native` makes."
            }
            Self::Unreadable => {
                "What was shown at the door is neither a ticket nor anything that gives one: close the page and open \
                 it anew."
            }
            Self::Forged => {
                "What was shown at the door was signed by nobody whom this proxy trusts: open the page from its own \
                 bot or site."
            }
            Self::Foreign => {
                "What was shown at the door belongs to another bot or site than this proxy serves: open the page \
                 from its own."
            }
            Self::Stale => "What was shown at the door is too old by now: close the page and open it anew.",
            Self::Future => {
                "What was shown at the door is of the future: set the clocks of the proxy and of whoever signed it."
            }
            Self::Used => "This ticket has opened its call, and opens one only: tap again for a new one.",
            Self::OtherUser => "This call is somebody else's: begin one of your own.",
            Self::Nobody => "Telegram named no user: open the page by the bot's button or menu, in a chat.",
            Self::Unrefreshed => "You were last let in too long ago: close the page and open it anew.",
            Self::TooOften => "Too many calls were asked for in a short time: try again in a minute.",
        }
    }
}

/// By then all of a minute's places are free again.
const RETRY_AFTER_MS: u64 = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_passes_by_itself_asks_to_be_tried_again() {
        assert_eq!(Refusal::TooOften.trouble().retry_after_ms, Some(60_000));
        assert_eq!(Refusal::Forged.trouble().retry_after_ms, None);
    }
}
