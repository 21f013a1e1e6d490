//! Messages: what goes in comes out, and any text is a message or an error that says what was expected.

use proptest::prelude::*;
use serde_json::{Value, json};
use vivavoce_wire::Json;
use vivavoce_wire::message::{
    CodecName, FromClient, FromProxy, Hello, Mode, Ready, Resume, ToolState, TurnState, Uplink, Upstream,
};
use vivavoce_wire::trouble::{Code, Trouble};

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(".{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn hellos() -> impl Strategy<Value = Hello> {
    let modes = prop::sample::select(&[Mode::Open, Mode::PushToTalk, Mode::HalfDuplex]);
    let resume = (".*", ".*", any::<u32>()).prop_map(|(call, secret, next)| Resume { call, secret, next });
    let texts = (prop::option::of(".*"), prop::option::of(".*"));
    let functions = prop::option::of(values().prop_filter("null reads as none", |value| !value.is_null()));
    (any::<u32>(), texts, modes, any::<[bool; 3]>(), prop::option::of(resume), functions).prop_map(
        |(rate_hz, (ticket, client), mode, [greeting, resumable, continues], resume, functions)| Hello {
            audio: Uplink { rate_hz, codec: CodecName::Pcm },
            ticket,
            client,
            greeting,
            mode,
            resumable,
            continues,
            resume,
            functions: functions.as_ref().map(Json::from),
        },
    )
}

fn from_client() -> impl Strategy<Value = FromClient> {
    prop_oneof![
        hellos().prop_map(FromClient::Hello),
        ".*".prop_map(|text| FromClient::Text { text }),
        any::<bool>().prop_map(|muted| FromClient::Mute { muted }),
        any::<bool>().prop_map(|speaking| FromClient::Activity { speaking }),
        Just(FromClient::AudioEnd),
        any::<(u32, u64, u32, u32)>().prop_map(|(epoch, samples, underruns, barge_in_ms)| {
            FromClient::Heard { epoch, samples, underruns, barge_in_ms }
        }),
        any::<u32>().prop_map(|epoch| FromClient::Silenced { epoch }),
        any::<u32>().prop_map(|next| FromClient::Received { next }),
        (".*", ".*", values(), any::<bool>()).prop_map(|(id, name, value, will_continue)| {
            let result = Json::from(&serde_json::json!({ name: value }));
            FromClient::ToolResult { id, result, will_continue }
        }),
        (".*", ".*", any::<bool>()).prop_map(|(id, confirmation, approved)| FromClient::ToolConfirm {
            id,
            confirmation,
            approved,
        }),
        any::<u64>().prop_map(|id| FromClient::Ping { id }),
        any::<u64>().prop_map(|id| FromClient::Pong { id }),
        Just(FromClient::Bye),
    ]
}

fn troubles() -> impl Strategy<Value = Trouble> {
    (prop::sample::select(&Code::ALL), ".*", prop::option::of(any::<u64>()))
        .prop_map(|(code, message, retry_after_ms)| Trouble { code, message, retry_after_ms })
}

fn turns() -> impl Strategy<Value = FromProxy> {
    let states = prop::sample::select(&[
        TurnState::Started,
        TurnState::Generated,
        TurnState::Interrupted,
        TurnState::Complete,
    ]);
    (any::<u32>(), states, any::<u64>(), prop::option::of(".*"))
        .prop_map(|(epoch, state, samples, reason)| FromProxy::Turn { epoch, state, samples, reason })
}

fn tools() -> impl Strategy<Value = FromProxy> {
    use ToolState::{Called, Cancelled, Confirm, Done, Failed, Running};
    let states = prop::sample::select(&[Called, Confirm, Running, Done, Failed, Cancelled]);
    let arguments = values().prop_filter("null reads as none", |value| !value.is_null());
    let arguments = prop::option::of(arguments.prop_map(|value| Json::from(&value)));
    let texts = (prop::option::of(".*"), prop::option::of(".*"));
    (".*", ".*", states, arguments, texts).prop_map(|(id, name, state, arguments, (confirmation, says))| {
        FromProxy::Tool { id, name, state, arguments, confirmation, says }
    })
}

fn readies() -> impl Strategy<Value = FromProxy> {
    let upstreams = prop::sample::select(&[Upstream::Gemini, Upstream::Simulator]);
    let numbers = (any::<u32>(), any::<u32>(), prop::option::of(any::<u32>()));
    (".*", upstreams, ".*", prop::option::of(".*"), numbers).prop_map(
        |(call, upstream, model, secret, (rate_hz, max_frame_bytes, next))| {
            FromProxy::Ready(Ready { call, upstream, model, rate_hz, max_frame_bytes, secret, next })
        },
    )
}

fn from_proxy() -> impl Strategy<Value = FromProxy> {
    prop_oneof![
        readies(),
        (".*", any::<bool>()).prop_map(|(text, done)| FromProxy::UserTranscript { text, done }),
        (any::<u32>(), ".*").prop_map(|(epoch, text)| FromProxy::ModelTranscript { epoch, text }),
        turns(),
        any::<bool>().prop_map(|speaking| FromProxy::Activity { speaking }),
        tools(),
        troubles().prop_map(|error| FromProxy::Error { error }),
        any::<u32>().prop_map(|next| FromProxy::Received { next }),
        any::<u32>().prop_map(|next| FromProxy::Committed { next }),
        any::<u64>().prop_map(|id| FromProxy::Ping { id }),
        any::<u64>().prop_map(|id| FromProxy::Pong { id }),
        ".*".prop_map(|reason| FromProxy::Bye { reason }),
    ]
}

/// The same with its arguments in one fixed form: JSON may be spaced and escaped in many.
fn plain(message: FromProxy) -> FromProxy {
    match message {
        FromProxy::Tool { id, name, state, arguments, confirmation, says } => {
            let arguments = arguments.map(|arguments| Json::from(&arguments.value()));
            FromProxy::Tool { id, name, state, arguments, confirmation, says }
        }
        message => message,
    }
}

/// The same of a client's message.
fn flat(message: FromClient) -> FromClient {
    match message {
        FromClient::ToolResult { id, result, will_continue } => {
            FromClient::ToolResult { id, result: Json::from(&result.value()), will_continue }
        }
        FromClient::Hello(hello) => {
            let functions = hello.functions.map(|functions| Json::from(&functions.value()));
            FromClient::Hello(Hello { functions, ..hello })
        }
        message => message,
    }
}

proptest! {
    #[test]
    fn of_clients_come_out_as_they_went_in(message in from_client()) {
        prop_assert_eq!(FromClient::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn of_proxies_come_out_as_they_went_in(message in from_proxy()) {
        prop_assert_eq!(FromProxy::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn what_is_written_by_hand_is_what_the_derived_writer_writes(message in from_client()) {
        let by_hand: Value = serde_json::from_str(&message.encode()).unwrap();
        prop_assert_eq!(by_hand, serde_json::to_value(&message).unwrap());
    }

    #[test]
    fn what_the_derived_reader_reads_is_read_by_hand(
        message in from_proxy(),
        (name, extra) in (".*", values()),
        pretty in any::<bool>(),
    ) {
        let mut object = serde_json::to_value(&message).unwrap();
        object.as_object_mut().unwrap().entry(name).or_insert(extra);
        let text = if pretty { format!("{object:#}") } else { object.to_string() };
        let derived = serde_json::from_str::<FromProxy>(&text).unwrap();
        prop_assert_eq!(FromProxy::decode(&text).map(plain), Ok(plain(derived)));
    }

    #[test]
    fn what_the_derived_reader_reads_of_clients_is_read_by_hand(
        message in from_client(),
        (name, extra) in (".*", values()),
        pretty in any::<bool>(),
    ) {
        let mut object = serde_json::to_value(&message).unwrap();
        object.as_object_mut().unwrap().entry(name).or_insert(extra);
        let text = if pretty { format!("{object:#}") } else { object.to_string() };
        let derived = serde_json::from_str::<FromClient>(&text).unwrap();
        prop_assert_eq!(FromClient::decode(&text).map(flat), Ok(flat(derived)));
    }

    #[test]
    fn text_that_is_no_json_is_read_by_neither(
        message in from_proxy(),
        at in any::<prop::sample::Index>(),
        with in ".",
    ) {
        let mut text = message.encode();
        let (index, found) = text.char_indices().nth(at.index(text.chars().count())).unwrap();
        text.replace_range(index..index + found.len_utf8(), &with);
        if serde_json::from_str::<Value>(&text).is_err() {
            prop_assert!(FromProxy::decode(&text).is_err(), "{}", text);
        }
    }

    #[test]
    fn any_text_is_a_message_or_an_error_that_says_why(text in ".*") {
        if let Err(error) = FromClient::decode(&text) {
            prop_assert!(error.to_string().contains("expected"), "{}", error);
        }
        if let Err(error) = FromProxy::decode(&text) {
            prop_assert!(error.to_string().contains("expected"), "{}", error);
        }
    }

    #[test]
    fn any_json_is_a_message_or_an_error_that_says_why(value in values()) {
        if let Err(error) = FromClient::decode(&value.to_string()) {
            prop_assert!(error.to_string().contains("expected"), "{}", error);
        }
    }

    #[test]
    fn unknown_fields_are_passed_over(message in from_client(), extra in values()) {
        let mut object: Value = serde_json::from_str(&message.encode()).unwrap();
        object["a_field_of_tomorrow"] = extra;
        prop_assert_eq!(FromClient::decode(&object.to_string()), Ok(message));
    }

    #[test]
    fn a_message_cut_short_is_an_error(message in from_client(), share in 0.0..1.0) {
        let text = message.encode();
        let mut cut = (text.len() as f64 * share) as usize;
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        prop_assert!(FromClient::decode(&text[..cut]).is_err());
    }
}

#[test]
fn errors_name_what_was_expected_and_what_was_found() {
    for (text, words) in [
        (json!({"type": "shout"}), ["shout", "hello"]),
        (json!({"text": "hi"}), ["`type`", "null"]),
        (json!({"type": "mute", "muted": "yes"}), ["`muted`", "true or false"]),
        (json!({"type": "hello"}), ["`audio`", "an object"]),
        (json!({"type": "hello", "audio": {"rate_hz": -1}}), ["`rate_hz`", "2^32; found `-1`"]),
        (
            json!({"type": "hello", "audio": {"rate_hz": 16000, "codec": "mp3"}}),
            ["`codec`", "expected pcm; found `mp3`"],
        ),
        (
            json!({"type": "hello", "audio": {"rate_hz": 16000}, "mode": "ptt"}),
            ["`mode`", "open, push_to_talk or half_duplex; found `ptt`"],
        ),
        (json!({"type": "tool_result", "id": "a"}), ["`result`", "object"]),
        (json!({"type": "tool_result", "id": "a", "result": 5}), ["`result`", "object; found `5`"]),
        (json!({"type": "tool_confirm", "id": "a", "confirmation": "k"}), ["`approved`", "true or false"]),
        (json!({"type": "heard", "epoch": 1.5, "samples": 0}), ["`epoch`", "1.5"]),
        (json!([1, 2]), ["object", "found `[1,2]`"]),
        (json!("bye"), ["object", "found `\"bye\"`"]),
    ] {
        let error = FromClient::decode(&text.to_string()).unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}

#[test]
fn any_way_of_writing_a_message_is_read() {
    for text in [
        r#"{"type":"bye","reason":"a\n\u00e9\ud83d\ude00\/b"}"#,
        "\n{ \"reason\" : \"a\\né😀/b\" ,\r\n\t\"type\":\"\\u0062ye\" , \"more\":[ -0.5e+3,{},[],[null,true],{\"a\":{}} ] } ",
    ] {
        assert_eq!(FromProxy::decode(text), Ok(FromProxy::Bye { reason: "a\né😀/b".into() }), "{text}");
    }
}

#[test]
fn what_is_no_json_is_no_message() {
    let open = r#"{"type":"bye","reason":"x""#;
    assert!(FromProxy::decode(&format!("{open}}}")).is_ok());
    for rest in [
        "",
        "}}",
        "} x",
        ",}",
        r#","a"}"#,
        r#","a":}"#,
        r#","a":01}"#,
        r#","a":1.}"#,
        r#","a":-}"#,
        r#","a":1e}"#,
        r#","a":+1}"#,
        r#","a":nul}"#,
        r#","a":[1,]}"#,
        r#","a":[1}"#,
        r#","a":"\x"}"#,
        r#","a":"\ud800"}"#,
        r#","a":"\ud800\ud800"}"#,
        r#","a":"\u12g4"}"#,
        ",\"a\":\"\n\"}",
        r#","\udc00":1}"#,
        ",a:1}",
        r#","a" 1}"#,
    ] {
        let error = FromProxy::decode(&format!("{open}{rest}")).unwrap_err().to_string();
        assert!(error.contains("expected"), "{rest}: {error}");
    }
}

#[test]
fn errors_of_the_hand_name_what_was_expected_and_what_was_found() {
    for (text, words) in [
        (json!({"type": "shout"}), ["a proxy says", "shout"]),
        (json!({"epoch": 1}), ["type", "null"]),
        (json!({"type": "activity", "speaking": "yes"}), ["true or false", "yes"]),
        (json!({"type": "model_transcript", "epoch": -1, "text": ""}), ["2^32", "-1"]),
        (json!({"type": "model_transcript", "epoch": 1_u64 << 32, "text": ""}), ["2^32", "4294967296"]),
        (json!({"type": "turn", "epoch": 1, "state": "gone", "samples": 0}), ["state", "gone"]),
        (json!({"type": "error", "error": [1]}), ["an object", "[1]"]),
        (json!([1, 2]), ["object", "[1,2]"]),
    ] {
        let error = FromProxy::decode(&text.to_string()).unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}

#[test]
fn an_error_never_grows_with_what_it_quotes() {
    let text = json!({"type": "x".repeat(60_000)}).to_string();
    let error = FromClient::decode(&text).unwrap_err().to_string();
    assert!(error.len() < 700, "{}", error.len());
}

#[test]
fn deep_nesting_is_an_error() {
    let text = format!("{{\"type\":\"tool_result\",\"id\":\"a\",\"result\":{}", "[".repeat(50_000));
    assert!(FromClient::decode(&text).is_err());
    let text = format!("{{\"type\":\"bye\",\"reason\":\"\",\"more\":{}", "[".repeat(50_000));
    assert!(FromProxy::decode(&text).unwrap_err().to_string().contains("fewer"));
}

#[test]
fn codes_have_one_name_and_a_close_code_that_may_be_sent() {
    for code in Code::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), json!(code.name()));
        assert!(matches!(code.close_code(), 1001 | 1011 | 4400..=4599), "{code:?}");
    }
    assert_eq!(serde_json::from_value::<Code>(json!("a_code_of_tomorrow")).unwrap(), Code::Unknown);
}

#[test]
fn what_may_be_left_out_may_be_null_and_the_first_of_a_name_counts() {
    let hello = r#"{"type":"hello","audio":{"rate_hz":16000,"codec":null},"ticket":null,"client":null,"greeting":null,"mode":null}"#;
    let least = r#"{"type":"hello","audio":{"rate_hz":16000}}"#;
    assert_eq!(FromClient::decode(hello), FromClient::decode(least));
    let twice = r#"{"type":"ping","id":1,"id":2,"type":"bye"}"#;
    assert_eq!(FromClient::decode(twice), Ok(FromClient::Ping { id: 1 }));
}

#[test]
fn a_mode_is_said_only_where_it_is_not_the_usual_one() {
    for mode in [Mode::Open, Mode::PushToTalk, Mode::HalfDuplex] {
        assert_eq!(serde_json::to_value(mode).unwrap(), json!(mode.name()));
        assert_eq!(Mode::named(mode.name()), Some(mode));
        let audio = Uplink { rate_hz: 16_000, codec: CodecName::Pcm };
        let hello = Hello {
            audio,
            ticket: None,
            client: None,
            greeting: true,
            mode,
            resumable: false,
            continues: false,
            functions: None,
            resume: None,
        };
        let said: Value = serde_json::from_str(&FromClient::Hello(hello).encode()).unwrap();
        assert_eq!(said.get("mode"), (mode != Mode::Open).then(|| json!(mode.name())).as_ref());
    }
    assert_eq!(Mode::named("Open"), None);
}

#[test]
fn values_nest_as_deep_as_the_page_says() {
    let nested =
        |depth: usize| format!(r#"{{"type":"bye","more":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert_eq!(FromClient::decode(&nested(127)), Ok(FromClient::Bye));
    assert!(FromClient::decode(&nested(128)).is_err());
}
