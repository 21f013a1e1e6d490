//! Messages read field by field. A derived reader understands the same, but weighs twenty times as much in a page, and
//! says what is wrong in the words of its language.

use crate::json::{self, Json, joined};
use crate::message::{
    CodecName, FromClient, FromProxy, Hello, MessageError, Mode, Ready, Resume, ToolState, TurnState, Uplink,
    Upstream,
};
use crate::trouble::{Code, Trouble};

/// Reads an object by its `type`.
pub(crate) fn from_proxy(text: &str) -> Result<FromProxy, MessageError> {
    numbered(text).map(|(message, _)| message)
}

/// Reads an object by its `type`, and the number that it bears.
pub(crate) fn numbered(text: &str) -> Result<(FromProxy, Option<u32>), MessageError> {
    read(text, tool, |message| message)
}

/// Reads an object by its `type`, but for one of functions, which is none.
pub(crate) fn numbered_but_tools(text: &str) -> Result<(Option<FromProxy>, Option<u32>), MessageError> {
    read(text, |_| Ok(None), Some)
}

/// Reads an object as `whole` has it, or as `tool` does if it is of functions.
fn read<M>(
    text: &str,
    tool: impl FnOnce(&Fields<'_>) -> Result<M, MessageError>,
    whole: impl FnOnce(FromProxy) -> M,
) -> Result<(M, Option<u32>), MessageError> {
    let fields = Fields::of("the message", text)?;
    let sequence = fields.u32_or_none("sequence")?;
    let message = match fields.text("type")?.as_str() {
        "ready" => FromProxy::Ready(ready(&fields)?),
        "user_transcript" => {
            FromProxy::UserTranscript { text: fields.text("text")?, done: fields.flag_or_no("done")? }
        }
        "model_transcript" => {
            FromProxy::ModelTranscript { epoch: fields.u32("epoch")?, text: fields.text("text")? }
        }
        "turn" => turn(&fields)?,
        "activity" => FromProxy::Activity { speaking: fields.flag("speaking")? },
        "tool" => return Ok((tool(&fields)?, sequence)),
        "error" => FromProxy::Error { error: trouble(fields.raw("error"))? },
        "received" => FromProxy::Received { next: fields.u32("next")? },
        "committed" => FromProxy::Committed { next: fields.u32("next")? },
        "ping" => FromProxy::Ping { id: fields.u64("id")? },
        "pong" => FromProxy::Pong { id: fields.u64("id")? },
        "bye" => FromProxy::Bye { reason: fields.text("reason")? },
        found => return Err(odd("type", "one that a proxy says", found)),
    };
    Ok((whole(message), sequence))
}

/// Reads an object by its `type`.
pub(crate) fn from_client(text: &str) -> Result<FromClient, MessageError> {
    let fields = Fields::of("the message", text)?;
    Ok(match fields.text("type")?.as_str() {
        "hello" => FromClient::Hello(hello(&fields)?),
        "text" => FromClient::Text { text: fields.text("text")? },
        "mute" => FromClient::Mute { muted: fields.flag("muted")? },
        "activity" => FromClient::Activity { speaking: fields.flag("speaking")? },
        "audio_end" => FromClient::AudioEnd,
        "heard" => FromClient::Heard {
            epoch: fields.u32("epoch")?,
            samples: fields.u64("samples")?,
            underruns: fields.u32_or_none("underruns")?.unwrap_or(0),
            barge_in_ms: fields.u32_or_none("barge_in_ms")?.unwrap_or(0),
        },
        "received" => FromClient::Received { next: fields.u32("next")? },
        "silenced" => FromClient::Silenced { epoch: fields.u32("epoch")? },
        "tool_result" => FromClient::ToolResult {
            id: fields.text("id")?,
            result: fields.object("result")?,
            will_continue: fields.flag_or_no("will_continue")?,
        },
        "tool_confirm" => FromClient::ToolConfirm {
            id: fields.text("id")?,
            confirmation: fields.text("confirmation")?,
            approved: fields.flag("approved")?,
        },
        "ping" => FromClient::Ping { id: fields.u64("id")? },
        "pong" => FromClient::Pong { id: fields.u64("id")? },
        "bye" => FromClient::Bye,
        found => return Err(odd("type", CLIENT_TYPES, found)),
    })
}

fn hello(fields: &Fields<'_>) -> Result<Hello, MessageError> {
    let audio = Fields::of("audio", fields.raw("audio"))?;
    let codec = match audio.text_or_none("codec")?.as_deref() {
        Some("pcm") | None => CodecName::Pcm,
        Some(found) => return Err(odd("codec", "pcm", found)),
    };
    let mode = match fields.text_or_none("mode")? {
        Some(name) => Mode::named(&name).ok_or_else(|| odd("mode", MODES, &name))?,
        None => Mode::Open,
    };
    Ok(Hello {
        audio: Uplink { rate_hz: audio.u32("rate_hz")?, codec },
        ticket: fields.text_or_none("ticket")?,
        client: fields.text_or_none("client")?,
        greeting: fields.present("greeting").is_none() || fields.flag("greeting")?,
        mode,
        resumable: fields.flag_or_no("resumable")?,
        continues: fields.flag_or_no("continue")?,
        resume: fields.present("resume").map(resume).transpose()?,
        functions: fields.present("functions").map(Json::raw),
    })
}

fn resume(text: &str) -> Result<Resume, MessageError> {
    let fields = Fields::of("resume", text)?;
    Ok(Resume { call: fields.text("call")?, secret: fields.text("secret")?, next: fields.u32("next")? })
}

fn ready(fields: &Fields<'_>) -> Result<Ready, MessageError> {
    Ok(Ready {
        call: fields.text("call")?,
        upstream: fields
            .one_of("upstream", &[("gemini", Upstream::Gemini), ("simulator", Upstream::Simulator)])?,
        model: fields.text("model")?,
        rate_hz: fields.u32("rate_hz")?,
        max_frame_bytes: fields.u32("max_frame_bytes")?,
        secret: fields.text_or_none("secret")?,
        next: fields.u32_or_none("next")?,
    })
}

fn turn(fields: &Fields<'_>) -> Result<FromProxy, MessageError> {
    const STATES: [(&str, TurnState); 4] = [
        ("started", TurnState::Started),
        ("generated", TurnState::Generated),
        ("interrupted", TurnState::Interrupted),
        ("complete", TurnState::Complete),
    ];
    Ok(FromProxy::Turn {
        epoch: fields.u32("epoch")?,
        state: fields.one_of("state", &STATES)?,
        samples: fields.u64("samples")?,
        reason: fields.text_or_none("reason")?,
    })
}

fn tool(fields: &Fields<'_>) -> Result<FromProxy, MessageError> {
    const STATES: [(&str, ToolState); 6] = [
        ("called", ToolState::Called),
        ("confirm", ToolState::Confirm),
        ("running", ToolState::Running),
        ("done", ToolState::Done),
        ("failed", ToolState::Failed),
        ("cancelled", ToolState::Cancelled),
    ];
    Ok(FromProxy::Tool {
        id: fields.text("id")?,
        name: fields.text("name")?,
        state: fields.one_of("state", &STATES)?,
        arguments: fields.present("arguments").map(Json::raw),
        confirmation: fields.text_or_none("confirmation")?,
        says: fields.text_or_none("says")?,
    })
}

fn trouble(text: &str) -> Result<Trouble, MessageError> {
    let fields = Fields::of("error", text)?;
    let retry_after_ms = match fields.present("retry_after_ms") {
        Some(_) => Some(fields.u64("retry_after_ms")?),
        None => None,
    };
    Ok(Trouble { code: Code::named(&fields.text("code")?), message: fields.text("message")?, retry_after_ms })
}

/// An object's fields, each with its value as it stands in the text.
struct Fields<'a>(Vec<(String, &'a str)>);

impl<'a> Fields<'a> {
    fn of(name: &str, text: &'a str) -> Result<Self, MessageError> {
        json::fields(text).map(Self).map_err(|expected| odd(name, expected, text))
    }

    fn value(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| *value)
    }

    /// The value as JSON; one that is missing is `null`.
    fn raw(&self, name: &str) -> &'a str {
        self.value(name).unwrap_or("null")
    }

    fn present(&self, name: &str) -> Option<&'a str> {
        Some(self.raw(name)).filter(|value| *value != "null")
    }

    fn text(&self, name: &str) -> Result<String, MessageError> {
        json::string(self.raw(name)).ok_or_else(|| odd(name, "a string", self.raw(name)))
    }

    fn text_or_none(&self, name: &str) -> Result<Option<String>, MessageError> {
        self.present(name).map(|_| self.text(name)).transpose()
    }

    fn u64(&self, name: &str) -> Result<u64, MessageError> {
        self.raw(name).parse().map_err(|_| odd(name, "a whole number below 2^64", self.raw(name)))
    }

    fn u32(&self, name: &str) -> Result<u32, MessageError> {
        self.raw(name).parse().map_err(|_| odd(name, "a whole number below 2^32", self.raw(name)))
    }

    fn u32_or_none(&self, name: &str) -> Result<Option<u32>, MessageError> {
        self.present(name).map(|_| self.u32(name)).transpose()
    }

    fn object(&self, name: &str) -> Result<Json, MessageError> {
        match self.value(name) {
            Some(value) if value.starts_with('{') => Ok(Json::raw(value)),
            Some(value) => Err(odd(name, "a JSON object", value)),
            None => Err(odd(name, "a JSON object", "nothing")),
        }
    }

    fn flag(&self, name: &str) -> Result<bool, MessageError> {
        match self.raw(name) {
            "true" => Ok(true),
            "false" => Ok(false),
            found => Err(odd(name, "true or false", found)),
        }
    }

    fn flag_or_no(&self, name: &str) -> Result<bool, MessageError> {
        if self.present(name).is_some() { self.flag(name) } else { Ok(false) }
    }

    fn one_of<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<T, MessageError> {
        let found = self.text(name)?;
        let known = words.iter().find(|(word, _)| *word == found);
        known.map(|(_, meaning)| *meaning).ok_or_else(|| odd(name, "a word that belongs there", &found))
    }
}

fn odd(name: &str, expected: &str, found: &str) -> MessageError {
    MessageError::new(&joined(&["`", name, "` is wrong: expected ", expected, "; found `", found, "`"]))
}

/// All modes.
const MODES: &str = "open, push_to_talk or half_duplex";

/// All that a client may say.
const CLIENT_TYPES: &str = "hello, text, mute, activity, audio_end, heard, received, silenced, tool_result, tool_confirm, ping, pong or bye";
