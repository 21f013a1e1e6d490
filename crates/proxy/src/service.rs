//! A conversation with the service over a [`Link`].

use crate::dial::Address;
use crate::frames::Message;
use crate::link::{Closed, Event, Link, Said};
use bytes::Bytes;
use core::fmt;
use core::task::{Context, Poll, ready};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use vivavoce_gemini::ClientMessage;
use vivavoce_session::RelayInput;

/// A conversation with the service, from the first try to connect. Dropping it hangs up.
#[derive(Debug)]
pub(crate) struct Service {
    link: Link,
    keys: Keys,
}

/// What the service may repeat and nobody else may see.
struct Keys(Vec<String>);

impl Service {
    /// Begins to connect, once `former` has let go: the service refuses to resume what is still open elsewhere.
    pub(crate) fn open(address: Address, former: Option<JoinHandle<()>>) -> Self {
        let keys = Keys::of(&address);
        Self { link: Link::open(address, former), keys }
    }

    /// The next thing from the service, which is nothing that it says unless it may be read, or room to send more; whoever
    /// asks has a clock, and asks again at [`Self::wake_at`].
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>, may_read: bool) -> Poll<RelayInput> {
        loop {
            let input = match ready!(self.link.poll_next(context, may_read)) {
                Event::Open => Some(RelayInput::ServiceOpen),
                Event::Room => Some(RelayInput::Timeout),
                Event::Text(text) => self.heard(text.as_bytes()),
                Event::Binary(bytes) => self.heard(&bytes),
                Event::Voice(pcm) => Some(RelayInput::Voice(pcm)),
                Event::Closed(Closed { code, reason }) => {
                    Some(RelayInput::ServiceClosed { code, reason: self.keys.without(reason) })
                }
            };
            if let Some(input) = input {
                return Poll::Ready(input);
            }
        }
    }

    /// When there is something to do although nothing comes.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        self.link.wake_at()
    }

    /// Whether something waits for the socket to take it.
    pub(crate) fn has_unsent(&self) -> bool {
        self.link.has_unsent()
    }

    /// Understands a frame; one that nobody understands is noted by its size alone, for it may hold a conversation.
    fn heard(&mut self, json: &[u8]) -> Option<RelayInput> {
        let Ok(mut input) = RelayInput::of_service(json) else {
            tracing::warn!(bytes = json.len(), "skipped a frame of the service that is no message");
            return None;
        };
        if let RelayInput::Service(message) = &mut input
            && let Some(error) = &mut message.error
        {
            tracing::warn!(code = error.code, "the service reports an error");
            error.message = self.keys.without(core::mem::take(&mut error.message));
        }
        Some(input)
    }

    /// Frames that it has yet to take.
    pub(crate) fn unsent_frames(&self) -> usize {
        self.link.unsent()
    }

    /// Bytes of frames that came and went since this was asked last.
    pub(crate) const fn take_traffic(&mut self) -> (u64, u64) {
        self.link.take_traffic()
    }

    /// Whether so little is unsent that more may be made.
    pub(crate) fn has_room(&self) -> bool {
        self.link.has_room()
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The service takes nothing any more: how it counts as gone.
    pub(crate) fn send(&mut self, message: &ClientMessage) -> Result<(), RelayInput> {
        self.push(Message::Text(message.encode()))
    }

    /// Sends 16 kHz PCM, with the next where that is known to be there.
    ///
    /// # Errors
    /// As for [`Self::send`].
    pub(crate) fn send_audio(&mut self, pcm: Bytes, has_next: bool) -> Result<(), RelayInput> {
        self.link.send_with(Said::Speech(pcm), has_next).map_err(gone)
    }

    /// Whether more came from it than was heard.
    pub(crate) fn has_more(&self) -> bool {
        self.link.has_more()
    }

    /// Hangs up; the task ends when the service knows.
    pub(crate) fn close(self) -> JoinHandle<()> {
        self.link.close()
    }

    fn push(&mut self, said: impl Into<Said>) -> Result<(), RelayInput> {
        self.link.send(said).map_err(gone)
    }
}

fn gone(Closed { code, reason }: Closed) -> RelayInput {
    RelayInput::ServiceClosed { code, reason }
}

impl Keys {
    /// All that is secret in how the service is reached.
    fn of(address: &Address) -> Self {
        let secrets = address.headers.values().filter(|value| value.is_sensitive());
        let keys = secrets.filter_map(|value| value.to_str().ok());
        Self(keys.filter(|key| key.len() >= SHORTEST_HIDDEN).map(str::to_owned).collect())
    }

    /// The service's words without a key in them, and without the beginning of one where they were cut off.
    fn without(&self, words: String) -> String {
        let hide = |words: String, key: &String| {
            let words = words.replace(key.as_str(), HIDDEN);
            let mut beginnings = (SHORTEST_HIDDEN..key.len()).rev().filter_map(|end| key.get(..end));
            let cut = beginnings.find_map(|beginning| words.strip_suffix(beginning));
            cut.map(|rest| format!("{rest}{HIDDEN}")).unwrap_or(words)
        };
        self.0.iter().fold(words, hide)
    }
}

/// Says how many there are, never which.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keys").field(&self.0.len()).finish()
    }
}

/// Stands where a key stood.
const HIDDEN: &str = "…";

/// What is shorter is no key, and less of a key tells nothing of it.
const SHORTEST_HIDDEN: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_no_key() {
        let keys = Keys(vec!["AQ.Ab8RN6secret".to_owned()]);
        for (words, expected) in [
            ("API key not valid: AQ.Ab8RN6secret!", "API key not valid: …!"),
            ("Invalid value at AQ.Ab8RN6sec", "Invalid value at …"),
            ("Invalid value at AQ.Ab8", "Invalid value at …"),
            ("Nothing of it, A", "Nothing of it, A"),
        ] {
            assert_eq!(keys.without(words.to_owned()), expected);
        }
        assert!(!format!("{keys:?}").contains("AQ"));
    }
}
