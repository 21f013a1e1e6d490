//! What a client says, written field by field: the same as the derived writer, at a fraction of its weight.

use crate::json::{Writer, digits, joined};
use crate::message::{CodecName, FromClient, Hello, Mode};

/// The message as a JSON object.
pub(crate) fn from_client(message: &FromClient) -> String {
    match message {
        FromClient::Hello(message) => hello(message),
        FromClient::Text { text } => with("text", |object| object.text("text", text)),
        FromClient::Mute { muted } => with("mute", |object| object.flag("muted", *muted)),
        FromClient::Activity { speaking } => with("activity", |object| object.flag("speaking", *speaking)),
        FromClient::AudioEnd => with("audio_end", |_| {}),
        FromClient::Heard { epoch, samples, underruns, barge_in_ms } => with("heard", |object| {
            object.number("epoch", u64::from(*epoch));
            object.number("samples", *samples);
            for (name, count) in [("underruns", *underruns), ("barge_in_ms", *barge_in_ms)] {
                if count > 0 {
                    object.number(name, u64::from(count));
                }
            }
        }),
        FromClient::Received { next } => with("received", |object| object.number("next", u64::from(*next))),
        FromClient::Silenced { epoch } => {
            with("silenced", |object| object.number("epoch", u64::from(*epoch)))
        }
        FromClient::ToolResult { id, result, will_continue } => with("tool_result", |object| {
            object.text("id", id);
            object.raw("result", result.text());
            if *will_continue {
                object.flag("will_continue", true);
            }
        }),
        FromClient::ToolConfirm { id, confirmation, approved } => with("tool_confirm", |object| {
            object.text("id", id);
            object.text("confirmation", confirmation);
            object.flag("approved", *approved);
        }),
        FromClient::Ping { id } => with("ping", |object| object.number("id", *id)),
        FromClient::Pong { id } => with("pong", |object| object.number("id", *id)),
        FromClient::Bye => with("bye", |_| {}),
    }
}

fn hello(hello: &Hello) -> String {
    let CodecName::Pcm = hello.audio.codec;
    let rate_hz = digits(u64::from(hello.audio.rate_hz));
    let mut object = Writer::of("hello");
    object.raw("audio", &joined(&["{\"rate_hz\":", &rate_hz, ",\"codec\":\"pcm\"}"]));
    if let Some(ticket) = &hello.ticket {
        object.text("ticket", ticket);
    }
    if let Some(client) = &hello.client {
        object.text("client", client);
    }
    if !hello.greeting {
        object.flag("greeting", false);
    }
    if hello.mode != Mode::Open {
        object.text("mode", hello.mode.name());
    }
    if hello.resumable {
        object.flag("resumable", true);
    }
    if hello.continues {
        object.flag("continue", true);
    }
    if let Some(resume) = &hello.resume {
        let mut call = Writer::default();
        call.text("call", &resume.call);
        call.text("secret", &resume.secret);
        call.number("next", u64::from(resume.next));
        object.raw("resume", &call.end());
    }
    if let Some(functions) = &hello.functions {
        object.raw("functions", functions.text());
    }
    object.end()
}

fn with(kind: &str, fill: impl FnOnce(&mut Writer)) -> String {
    let mut object = Writer::of(kind);
    fill(&mut object);
    object.end()
}
