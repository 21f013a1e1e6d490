//! Whatever a client sends, at whatever time: a session goes on or closes, and nothing panics.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use core::time::Duration;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use std::sync::Arc;
use vivavoce_sim::Script;
use vivavoce_sim::caller::{Caller, Credential};
use vivavoce_sim::house::House;
use vivavoce_sim::model::Version;
use vivavoce_sim::outbox::Output;
use vivavoce_sim::session::{Input, Session};

const SETUP: &str = r#"{"setup":{"model":"models/gemini-3.8-live","generationConfig":{"responseModalities":["AUDIO"]},
    "sessionResumption":{},"inputAudioTranscription":{},"outputAudioTranscription":{},
    "tools":[{"functionDeclarations":[{"name":"look"}]}]}}"#;

fn frame() -> impl Strategy<Value = String> {
    let loud = "f38A".repeat(2_000);
    prop_oneof![
        Just(SETUP.to_owned()),
        Just(format!(
            r#"{{"realtimeInput":{{"audio":{{"mimeType":"audio/pcm;rate=48000","data":"{loud}"}}}}}}"#
        )),
        Just(format!(
            r#"{{"realtimeInput":{{"audio":{{"mimeType":"audio/pcm","data":"{}"}}}}}}"#,
            "AAAA".repeat(9_000)
        )),
        Just(r#"{"realtimeInput":{"text":"call look"}}"#.to_owned()),
        Just(r#"{"realtimeInput":{"audioStreamEnd":true}}"#.to_owned()),
        Just(r#"{"clientContent":{"turnComplete":true}}"#.to_owned()),
        Just(
            r#"{"toolResponse":{"functionResponses":[{"id":"call_1","name":"look","response":{}}]}}"#
                .to_owned()
        ),
        "\\PC{0,60}",
        r#"\{"(setup|realtimeInput|clientContent|toolResponse)":[\[\]{}0-9a-z":,]{0,40}\}"#,
    ]
}

fn moment() -> impl Strategy<Value = (bool, String, u32)> {
    (any::<bool>(), frame(), 0..3_000_u32)
}

proptest! {
    #[test]
    fn nothing_that_a_client_sends_breaks_a_session(
        moments in proptest::collection::vec(moment(), 0..40), seed in any::<u64>()
    ) {
        let script = format!("seed = {seed}\n[strict]\nunknown_tool_response_fails = false\n[connection]\nlength_s = 60\n\
            [[turn]]\n[[turn.fault]]\nat_ms = 500\ndo = \"interrupted\"");
        let script = Script::parse(&script.replace(&seed.to_string(), &(seed >> 2).to_string())).unwrap();
        let caller = Caller { version: Version::V1beta, constrained: false, credential: Credential::Key("k".into()) };
        let mut session = Session::new(Arc::new(House::new(script)), caller, Duration::ZERO);
        session.handle(Input::Frame(SETUP.into()), Duration::ZERO);
        let mut now = Duration::ZERO;
        for (speaks, text, wait_ms) in moments {
            if speaks {
                session.handle(Input::Frame(text.into()), now);
            }
            let until = now + Duration::from_millis(wait_ms.into());
            loop {
                match session.poll() {
                    Output::Timeout(Some(due)) if due <= until => {
                        now = now.max(due);
                        session.handle(Input::Timeout, now);
                    }
                    Output::Timeout(_) => break,
                    Output::Send(_) | Output::SendRaw(_) | Output::Close(_) | Output::Drop | Output::Tape(_) => {}
                }
            }
            now = until;
        }
    }
}
