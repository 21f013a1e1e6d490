//! Trouble that only whoever runs the proxy can mend.

use crate::pair::{Pair, ms};
use vivavoce_session::ClientInput;
use vivavoce_wire::message::FromProxy;
use vivavoce_wire::trouble::Code;

#[test]
fn one_sentence_says_what_to_do_and_nothing_is_tried_again() {
    let refusals: [(bool, u16, &str); 3] = [
        (true, 1007, "API key not valid. Please pass a valid API key."),
        (true, 1008, "Method doesn't allow unregistered callers (callers without established identity)."),
        (false, 1006, "HTTP 403 Forbidden"),
    ];
    for (opens, code, reason) in refusals {
        let mut pair = Pair::new();
        let refusal = Some((code, reason.into()));
        if opens {
            pair.service.refuses_setup = refusal;
        } else {
            pair.service.refuses_to_open = refusal;
        }
        pair.does(ClientInput::Start);
        pair.until("ended", |pair| pair.ended().is_some());
        let [(name, sentence)] = &pair.errors()[..] else { panic!("{:?}", pair.errors()) };
        assert_eq!(name, "service_key");
        assert!(sentence.contains("GEMINI_API_KEY"), "{sentence}");
        assert_eq!(pair.ended().as_ref(), Some(sentence));
        pair.pass(ms(60_000));
        assert_eq!(pair.relays, 1);
    }
}

#[test]
fn a_model_that_is_not_there_is_named() {
    let mut pair = Pair::new();
    let reason =
        "models/gemini-0 is not found for API version v1beta, or is not supported for bidiGenerateContent.";
    pair.service.refuses_setup = Some((1008, reason.into()));
    pair.does(ClientInput::Start);
    pair.until("ended", |pair| pair.ended().is_some());
    assert!(pair.ended().unwrap().contains("models/gemini-0"), "{:?}", pair.ended());
}

#[test]
fn a_used_up_quota_says_when_to_come_back() {
    let mut pair = Pair::new();
    pair.service.refuses_setup = Some((1011, "You exceeded your current quota, please check".into()));
    pair.does(ClientInput::Start);
    pair.until("ended", |pair| pair.ended().is_some());
    let error = pair.told.iter().find_map(|(_, message)| match message {
        FromProxy::Error { error } => Some(error.clone()),
        _ => None,
    });
    let error = error.unwrap();
    assert_eq!((error.code, error.retry_after_ms), (Code::ServiceQuota, Some(60_000)));
}

#[test]
fn a_refusal_that_comes_as_a_message_is_one() {
    let mut pair = Pair::new();
    pair.service.is_mute = true;
    pair.does(ClientInput::Start);
    pair.until("set up", |pair| !pair.service.heard.is_empty());
    let refusal = serde_json::json!({"error": {"code": 401, "message": "API key not valid."}});
    pair.service_says(&refusal);
    pair.until("ended", |pair| pair.ended().is_some());
    assert_eq!(pair.errors()[0].0, "service_key");
}
