//! What the page is told, written field by field: the same object as the derived writer's, at a fraction of its weight.

use super::{Beat, ClientEvent, ClientState, Who};
use vivavoce_wire::Writer;
use vivavoce_wire::message::Upstream;

impl ClientEvent {
    /// The event as a JSON object.
    pub fn encode(&self) -> String {
        let mut object = Writer::of(self.kind());
        match self {
            Self::State { state } => object.text("state", state.name()),
            Self::Ready { call, upstream, model } => {
                object.text("call", call);
                object.text("upstream", upstream_name(*upstream));
                object.text("model", model);
            }
            Self::Caption { who, epoch, text } => {
                object.text("who", who.name());
                object.number("epoch", u64::from(*epoch));
                object.text("text", text);
            }
            Self::CaptionEnd { who, epoch, cut } => {
                object.text("who", who.name());
                object.number("epoch", u64::from(*epoch));
                object.flag("cut", *cut);
            }
            Self::Tool(words) => return words.text().into(),
            Self::Ticket => {}
            Self::Muted { muted } => object.flag("muted", *muted),
            Self::Pulse { beat } => object.text("beat", beat.name()),
            Self::Error { code, message } => {
                object.text("code", code);
                object.text("message", message);
            }
            Self::Ended { reason } => object.text("reason", reason),
        }
        object.end()
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::State { .. } => "state",
            Self::Ready { .. } => "ready",
            Self::Ticket => "ticket",
            Self::Caption { .. } => "caption",
            Self::CaptionEnd { .. } => "caption_end",
            Self::Tool(_) => "tool",
            Self::Muted { .. } => "muted",
            Self::Pulse { .. } => "pulse",
            Self::Error { .. } => "error",
            Self::Ended { .. } => "ended",
        }
    }
}

impl ClientState {
    const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Listening => "listening",
            Self::Speaking => "speaking",
            Self::Reconnecting => "reconnecting",
        }
    }
}

impl Who {
    const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Model => "model",
        }
    }
}

impl Beat {
    const fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Still => "still",
            Self::Astray => "astray",
        }
    }
}

const fn upstream_name(upstream: Upstream) -> &'static str {
    match upstream {
        Upstream::Gemini => "gemini",
        Upstream::Simulator => "simulator",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vivavoce_wire::Json;

    #[test]
    fn writes_every_event_as_the_object_that_the_derived_writer_makes() {
        let words = || String::from("“Ow”\n\t\u{1}\\\" 🎈");
        let states = [
            ClientState::Idle,
            ClientState::Connecting,
            ClientState::Listening,
            ClientState::Speaking,
            ClientState::Reconnecting,
        ];
        let mut events = vec![
            ClientEvent::Ticket,
            ClientEvent::Muted { muted: true },
            ClientEvent::Muted { muted: false },
            ClientEvent::Error { code: words(), message: words() },
            ClientEvent::Ended { reason: words() },
            ClientEvent::Ended { reason: String::new() },
        ];
        events.extend(states.map(|state| ClientEvent::State { state }));
        events.push(ClientEvent::Tool(Json::raw(r#"{"type":"tool","id":"a","state":"called"}"#)));
        events.extend([Beat::Steady, Beat::Still, Beat::Astray].map(|beat| ClientEvent::Pulse { beat }));
        for upstream in [Upstream::Gemini, Upstream::Simulator] {
            events.push(ClientEvent::Ready { call: words(), upstream, model: words() });
        }
        for (who, epoch) in [(Who::User, 0), (Who::Model, u32::MAX)] {
            events.push(ClientEvent::Caption { who, epoch, text: words() });
            events.push(ClientEvent::CaptionEnd { who, epoch, cut: epoch == 0 });
        }
        for event in events {
            let read: serde_json::Value = serde_json::from_str(&event.encode()).unwrap();
            assert_eq!(read, serde_json::to_value(&event).unwrap());
        }
    }
}
