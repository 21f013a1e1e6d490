//! Whatever a client does, the service speaks in order and answers the last question.

use crate::stage::{MODEL_25, MODEL_31, MODEL_38, MODEL_THINKING, Stage, setup_with};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
enum Deed {
    Speak(u8),
    BeSilent(u8),
    Text,
    Call,
    Content { complete: bool },
    StreamEnd,
    Answer { scheduling: usize },
    Wait { ms: u16 },
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        (1u8..12).prop_map(Deed::Speak),
        (1u8..15).prop_map(Deed::BeSilent),
        Just(Deed::Text),
        Just(Deed::Call),
        any::<bool>().prop_map(|complete| Deed::Content { complete }),
        Just(Deed::StreamEnd),
        (0..SCHEDULING.len()).prop_map(|scheduling| Deed::Answer { scheduling }),
        (0u16..3_000).prop_map(|ms| Deed::Wait { ms }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_life_is_in_order(
        deeds in prop::collection::vec(deed(), 1..30), model in 0usize..4, behavior in 0usize..3, seed in 0u32..1_000,
        calm in any::<bool>(), fills in any::<bool>(),
    ) {
        let mut life = Life::begin(model, behavior, seed, calm, fills);
        for deed in deeds {
            life.do_it(&deed);
            prop_assert_eq!(&life.stage.closed, &None);
        }
        life.stage.be_silent(2.0);
        life.settle();
        let before = life.stage.frames.len();
        life.text("final");
        life.settle();
        let answer: String = life.stage.frames[before..]
            .iter()
            .filter_map(|(_, frame)| frame["serverContent"]["outputTranscription"]["text"].as_str())
            .collect();
        prop_assert!(answer.contains("“final”"), "{:?}", life.stage.story());
        prop_assert_eq!(&life.stage.closed, &None);
        check_order(&life.stage);
    }
}

/// A client that answers what it is asked, sooner or later.
struct Life {
    stage: Stage,
    /// Frames looked through for calls.
    read: usize,
    open: Vec<String>,
}

impl Life {
    fn begin(model: usize, behavior: usize, seed: u32, calm: bool, fills: bool) -> Self {
        let filler = if fills { "filler = { says = \"One moment.\" }\n" } else { "" };
        let script = format!(
            "seed = {seed}\n[connection]\nlength_s = 100000\n[strict]\nunknown_tool_response_fails = false\n\
             [[turn]]\nwhen = \"look\"\n{filler}[[turn.tool]]\nname = \"look\"\n"
        );
        let mut function = json!({"name": "look"});
        let refuses_blocking = MODELS[model] == MODEL_THINKING && behavior == 1;
        if behavior > 0 && !refuses_blocking {
            function["behavior"] = json!(["", "BLOCKING", "NON_BLOCKING"][behavior]);
        }
        let mut more = json!({"tools": [{"functionDeclarations": [function]}], "sessionResumption": {},
            "contextWindowCompression": {"slidingWindow": {}}});
        if calm {
            more["realtimeInputConfig"] = json!({"activityHandling": "NO_INTERRUPTION"});
        }
        let stage = Stage::begin(&script, &setup_with(MODELS[model], &more));
        Self { stage, read: 0, open: Vec::new() }
    }

    fn do_it(&mut self, deed: &Deed) {
        match *deed {
            Deed::Speak(fifths) => self.stage.speak(f64::from(fifths) * 0.2),
            Deed::BeSilent(fifths) => self.stage.be_silent(f64::from(fifths) * 0.2),
            Deed::Text => self.text("hello"),
            Deed::Call => self.text("look"),
            Deed::Content { complete } => {
                let turns = json!([{"role": "user", "parts": [{"text": "cc"}]}]);
                self.stage.send(&json!({"clientContent": {"turns": turns, "turnComplete": complete}}));
            }
            Deed::StreamEnd => self.stage.send(&json!({"realtimeInput": {"audioStreamEnd": true}})),
            Deed::Answer { scheduling } => {
                self.read_calls();
                if let Some(id) = self.open.pop() {
                    self.answer(&id, SCHEDULING[scheduling]);
                }
            }
            Deed::Wait { ms } => self.stage.pass(f64::from(ms) / 1_000.0),
        }
    }

    fn text(&mut self, text: &str) {
        self.stage.send(&json!({"realtimeInput": {"text": text}}));
    }

    fn read_calls(&mut self) {
        for (_, frame) in &self.stage.frames[self.read..] {
            let calls = frame["toolCall"]["functionCalls"].as_array().into_iter().flatten();
            self.open.extend(calls.filter_map(|call| call["id"].as_str()).map(str::to_owned));
        }
        self.read = self.stage.frames.len();
    }

    fn answer(&mut self, id: &str, scheduling: Option<&str>) {
        let mut response = json!({"id": id, "name": "look", "response": {}});
        if let Some(scheduling) = scheduling {
            response["scheduling"] = json!(scheduling);
        }
        self.stage.send(&json!({"toolResponse": {"functionResponses": [response]}}));
    }

    /// Answers every call until none comes and nothing more is said.
    fn settle(&mut self) {
        loop {
            let before = self.stage.frames.len();
            self.stage.pass(40.0);
            self.read_calls();
            for id in core::mem::take(&mut self.open) {
                self.answer(&id, None);
            }
            if self.stage.frames.len() == before {
                return;
            }
        }
    }
}

/// No sound after the end of its turn, no end without a beginning, no handle within a turn, no call cancelled that was
/// not made.
fn check_order(stage: &Stage) {
    let (mut is_done, mut is_cut, mut is_on) = (false, false, false);
    let mut calls = BTreeSet::new();
    for (index, (_, frame)) in stage.frames.iter().enumerate() {
        let content = &frame["serverContent"];
        let says = |field: &str| content.get(field).is_some();
        assert_eq!(frame.get("setupComplete").is_some(), index == 0, "frame {index}");
        if says("modelTurn") || says("outputTranscription") {
            assert!(!is_done && !is_cut, "something is said after the end, frame {index}");
            is_on = true;
        }
        if says("generationComplete") {
            assert!(is_on && !is_done && !is_cut, "frame {index}");
            is_done = true;
        }
        if says("interrupted") {
            assert!(!is_cut, "frame {index}");
            is_cut = true;
        }
        if says("turnComplete") {
            assert!(is_done || is_cut, "frame {index}: {:?}", stage.story());
            assert!(frame.get("usageMetadata").is_some(), "frame {index}");
            (is_done, is_cut, is_on) = (false, false, false);
        }
        assert!(
            !(is_on && frame["sessionResumptionUpdate"]["newHandle"].is_string()),
            "a handle within a turn, {index}"
        );
        for call in frame["toolCall"]["functionCalls"].as_array().into_iter().flatten() {
            assert!(calls.insert(call["id"].to_string()), "frame {index}");
        }
        let cancelled = frame["toolCallCancellation"]["ids"].as_array();
        assert!(
            cancelled.into_iter().flatten().map(Value::to_string).all(|id| calls.contains(&id)),
            "frame {index}"
        );
    }
}

const MODELS: [&str; 4] = [MODEL_25, MODEL_31, MODEL_38, MODEL_THINKING];

const SCHEDULING: [Option<&str>; 4] = [None, Some("SILENT"), Some("WHEN_IDLE"), Some("INTERRUPT")];
