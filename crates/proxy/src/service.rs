//! A conversation with the service over a [`Link`].

use crate::link::{Address, Closed, Event, Link};
use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use vivavoce_gemini::{Blob, ClientMessage, RealtimeInput, ServerMessage};
use vivavoce_session::RelayInput;
use vivavoce_wire::SPEECH_RATE_HZ;

/// A conversation with the service, from the first try to connect. Dropping it hangs up.
#[derive(Debug)]
pub(crate) struct Service {
    link: Link,
}

impl Service {
    /// Begins to connect, once `former` has let go: the service refuses to resume what is still open elsewhere.
    pub(crate) fn open(address: Address, former: Option<JoinHandle<()>>) -> Self {
        Self { link: Link::open(address, former) }
    }

    /// Waits for the next thing from the service; may be dropped and called again without a loss.
    pub(crate) async fn next(&mut self) -> RelayInput {
        loop {
            let input = match self.link.next().await {
                Event::Open => Some(RelayInput::ServiceOpen),
                Event::Text(text) => heard(text.as_str().as_bytes()),
                Event::Binary(bytes) => heard(&bytes),
                Event::Closed(closed) => Some(gone(closed)),
            };
            if let Some(input) = input {
                return input;
            }
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The service takes nothing any more: how it counts as gone.
    pub(crate) fn send(&self, message: &ClientMessage) -> Result<(), RelayInput> {
        self.push(message.encode())
    }

    /// Sends 16 kHz PCM.
    ///
    /// # Errors
    /// As for [`Self::send`].
    pub(crate) fn send_audio(&self, pcm: Bytes) -> Result<(), RelayInput> {
        let sound = RealtimeInput::audio(Blob::pcm(SPEECH_RATE_HZ, pcm));
        self.push(ClientMessage::from(sound).encode())
    }

    /// Hangs up; the task ends when the service knows.
    pub(crate) fn close(self) -> JoinHandle<()> {
        self.link.close()
    }

    fn push(&self, text: String) -> Result<(), RelayInput> {
        self.link.send(Message::text(text)).map_err(gone)
    }
}

fn gone(Closed { code, reason }: Closed) -> RelayInput {
    RelayInput::ServiceClosed { code, reason }
}

/// Understands a frame; one that nobody understands is noted by its size alone, for it may hold a conversation.
fn heard(json: &[u8]) -> Option<RelayInput> {
    match ServerMessage::decode(json) {
        Ok(message) => Some(RelayInput::Service(Box::new(message))),
        Err(_) => {
            tracing::warn!(bytes = json.len(), "skipped a frame of the service that is no message");
            None
        }
    }
}
