//! What no client should send, and what no proxy should.

use crate::pair::{Pair, frame_of, ms, relay_config};
use bytes::Bytes;
use vivavoce_session::{
    ClientInput, ClientOutput, Door, DoorInput, DoorOutput, Moment, Relay, RelayInput, RelayOutput,
};
use vivavoce_wire::audio::{AudioFrame, Codec, Kind};
use vivavoce_wire::message::{FromProxy, Hello};
use vivavoce_wire::trouble::{Code, Trouble};

const HELLO: &str = r#"{"type":"hello","audio":{"rate_hz":16000}}"#;

fn text(text: &str) -> RelayInput {
    RelayInput::PhoneText(text.into())
}

fn frame(kind: Kind, payload: Bytes) -> RelayInput {
    let frame = AudioFrame { kind, codec: Codec::Pcm, epoch: 0, sequence: 0, position: 0, payload };
    RelayInput::PhoneBinary(frame.encode())
}

/// The trouble in which these inputs end, and the close code.
fn end(inputs: impl IntoIterator<Item = RelayInput>) -> Option<(Trouble, u16)> {
    let (mut door, mut relay) = (Door::new(ms(5_000), Moment::default()), Relay::new(relay_config()));
    let now = Moment::default();
    let (mut is_in, mut error) = (false, None);
    for input in inputs {
        if is_in {
            relay.handle(input, now);
        } else {
            match meet(&mut door, input, now) {
                Some(Ok(hello)) => relay.handle(RelayInput::PhoneEnters { hello, secret: None }, now),
                Some(Err(trouble)) => return Some((trouble.clone(), trouble.code.close_code())),
                None => {}
            }
            is_in = true;
        }
        loop {
            match relay.poll() {
                RelayOutput::Timeout(_) => break,
                RelayOutput::ToPhone { message: FromProxy::Error { error: trouble }, .. } => {
                    error = Some(trouble);
                }
                RelayOutput::ClosePhone { code, reason } => {
                    let error = error.take().expect("a sentence before the close");
                    assert!(error.message.starts_with(&reason));
                    assert!(matches!(relay.poll(), RelayOutput::Timeout(None)));
                    assert!(relay.is_over());
                    return Some((error, code));
                }
                _ => {}
            }
        }
    }
    None
}

/// What the door makes of the first frame.
fn meet(door: &mut Door, input: RelayInput, now: Moment) -> Option<Result<Box<Hello>, Trouble>> {
    door.handle(
        match input {
            RelayInput::PhoneText(text) => DoorInput::Text(text),
            _ => DoorInput::Binary,
        },
        now,
    );
    loop {
        match door.poll() {
            DoorOutput::Admit(_) => door.handle(DoorInput::Verdict(Ok(())), now),
            DoorOutput::Enter(hello) => return Some(Ok(hello)),
            DoorOutput::SendAway(trouble) => return Some(Err(trouble)),
            DoorOutput::Timeout(_) => return None,
        }
    }
}

#[test]
fn each_gets_one_clear_error_and_a_close() {
    let mut odd = frame_of(1, 20).to_vec();
    odd.splice(0..0, [1, 0, 0, 0].into_iter().chain([0; 16]));
    odd.push(7);
    let long = "x".repeat(70_000);
    for (inputs, code, word) in [
        (vec![text("{")], Code::BadMessage, "expected"),
        (vec![text("hello")], Code::BadMessage, "JSON"),
        (vec![text(r#"{"type":"shout"}"#)], Code::BadMessage, "shout"),
        (vec![text(r#"{"type":"hello","audio":{"rate_hz":0}}"#)], Code::BadMessage, "found 0"),
        (vec![text(r#"{"type":"hello","audio":{"rate_hz":7999}}"#)], Code::BadMessage, "8000 to 48000"),
        (vec![text(r#"{"type":"hello","audio":{"rate_hz":1000000000}}"#)], Code::BadMessage, "1000000000"),
        (vec![text(r#"{"type":"hello","audio":{"rate_hz":-1}}"#)], Code::BadMessage, "-1"),
        (vec![text(r#"{"type":"hello","audio":{"rate_hz":1e99}}"#)], Code::BadMessage, "1e99"),
        (vec![text(r#"{"type":"hello"}"#)], Code::BadMessage, "audio"),
        (vec![text(&format!(r#"{{"type":"hello","x":"{}"}}"#, "x".repeat(5_000)))], Code::TooLarge, "4096"),
        (vec![text(r#"{"type":"text","text":"hi"}"#)], Code::OutOfOrder, "hello"),
        (vec![text(r#"{"type":"ping","id":1}"#)], Code::OutOfOrder, "hello"),
        (vec![frame(Kind::Microphone, frame_of(1, 320))], Code::OutOfOrder, "hello"),
        (vec![text(HELLO), text(HELLO)], Code::OutOfOrder, "once"),
        (vec![text(HELLO), RelayInput::PhoneBinary(odd.into())], Code::BadMessage, "odd"),
        (vec![text(HELLO), RelayInput::PhoneBinary(Bytes::new())], Code::BadMessage, "20"),
        (vec![text(HELLO), RelayInput::PhoneBinary(Bytes::from(vec![9; 40]))], Code::BadMessage, "kind"),
        (vec![text(HELLO), frame(Kind::Model, frame_of(1, 320))], Code::BadMessage, "microphone"),
        (vec![text(HELLO), frame(Kind::Microphone, frame_of(1, 40_000))], Code::TooLarge, "65536"),
        (vec![text(HELLO), text(&format!(r#"{{"type":"text","text":"{long}"}}"#))], Code::TooLarge, "65536"),
        (vec![text(HELLO), text(r#"{"type":"heard","epoch":-1,"samples":0}"#)], Code::BadMessage, "-1"),
    ] {
        let shown = format!("{:.200}", format!("{inputs:?}"));
        let (trouble, close) = end(inputs).unwrap_or_else(|| panic!("no error: {shown}"));
        assert_eq!(trouble.code, code, "{shown}: {trouble:?}");
        assert_eq!(close, code.close_code());
        assert!(trouble.message.contains(word), "{word:?} is not in {:?}", trouble.message);
    }
}

#[test]
fn too_much_text_before_ready_is_refused() {
    let line = format!(r#"{{"type":"text","text":"{}"}}"#, "x".repeat(30_000));
    let (trouble, close) = end([text(HELLO), text(&line), text(&line), text(&line)]).unwrap();
    assert_eq!((trouble.code, close), (Code::Limited, 4429));
}

#[test]
fn harmless_things_are_passed_over() {
    let inputs = [
        text(HELLO),
        text(r#"{"type":"tool_result","id":"nobody's","result":{}}"#),
        text(r#"{"type":"heard","epoch":4000000000,"samples":18446744073709551615}"#),
        text(r#"{"type":"text","text":""}"#),
        text(r#"{"type":"mute","muted":false,"tomorrow":1}"#),
        text(r#"{"type":"activity","speaking":true}"#),
        text(r#"{"type":"pong","id":5}"#),
        text(r#"{"type":"audio_end"}"#),
        frame(Kind::Microphone, Bytes::new()),
    ];
    assert_eq!(end(inputs), None);
}

#[test]
fn a_client_passes_over_what_it_cannot_read() {
    let mut pair = Pair::talking();
    let before = pair.events.len();
    for text in ["", "{", "null", "[]", r#"{"type":"tomorrow"}"#, r#"{"type":"turn","epoch":-1}"#] {
        pair.does(ClientInput::SocketText(text.into()));
    }
    for bytes in [&[][..], &[2], &[9; 40], &[1; 40], &[2, 0, 0, 0, 0]] {
        pair.does(ClientInput::SocketBinary(Bytes::copy_from_slice(bytes)));
    }
    let nobody = AudioFrame {
        kind: Kind::Model,
        codec: Codec::Pcm,
        epoch: 0,
        sequence: 0,
        position: 0,
        payload: frame_of(1, 10),
    };
    pair.does(ClientInput::SocketBinary(nobody.encode()));
    pair.pass(ms(500));
    assert_eq!(pair.events.len(), before);
    assert!(pair.player.heard.is_empty());
}

#[test]
fn absurd_numbers_break_nothing() {
    let mut pair = Pair::talking();
    let now = Moment::after_origin(pair.now);
    for (sequence, epoch, position) in
        [(0, u32::MAX, u64::MAX), (1, u32::MAX, 0), (u32::MAX, u32::MAX - 1, 7), (u32::MAX, 2, 3)]
    {
        let (kind, codec, payload) = (Kind::Model, Codec::Pcm, frame_of(1, 10));
        let frame = AudioFrame { kind, codec, epoch, sequence, position, payload };
        pair.client.handle(ClientInput::SocketBinary(frame.encode()), now);
    }
    pair.client.handle(ClientInput::SocketClosed { code: 1006, reason: String::new() }, now);
    let outputs = core::iter::from_fn(|| match pair.client.poll() {
        ClientOutput::Timeout(_) => None,
        output => Some(output),
    });
    let plays = outputs.filter(|output| matches!(output, ClientOutput::Play { epoch: u32::MAX, .. })).count();
    assert_eq!(plays, 2);
    pair.pass(ms(3_000));
    assert_eq!(pair.seats, 2);
    assert_eq!(pair.ended(), None);
}
