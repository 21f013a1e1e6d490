//! Every question is answered, however it is asked.

use crate::stage::{MODEL_25, MODEL_31, MODEL_38, MODEL_THINKING, Stage, encode, setup, setup_with};
use serde_json::{Value, json};

fn text(text: &str) -> Value {
    json!({"realtimeInput": {"text": text}})
}

fn audio(mime_type: &str, pcm: &[u8]) -> Value {
    json!({"realtimeInput": {"audio": {"mimeType": mime_type, "data": encode(pcm)}}})
}

/// Silence with a tone between 0.5 s and 2 s.
fn tone(rate_hz: u32) -> Vec<u8> {
    let sample = |index: u32| {
        let t = f64::from(index) / f64::from(rate_hz);
        let is_on = (0.5..2.0).contains(&t);
        if is_on { (8_000.0 * (t * 300.0 * core::f64::consts::TAU).sin()) as i16 } else { 0 }
    };
    (0..rate_hz * 4).flat_map(|index| sample(index).to_le_bytes()).collect()
}

#[test]
fn a_question_in_line_is_answered_after_an_interruption_that_asks_nothing() {
    let mut stage = Stage::begin("", &setup(MODEL_38));
    stage.send(&text("a"));
    stage.pass(0.05);
    stage.send(&text("b"));
    stage.pass(0.6);
    stage.send(&json!({"clientContent": {"turnComplete": false}}));
    stage.pass(30.0);
    assert!(stage.transcript("outputTranscription").contains("“b”"));
}

#[test]
fn questions_typed_in_a_row_are_answered_in_their_order() {
    for gap_s in [0.0, 0.1] {
        let mut stage = Stage::begin("", &setup(MODEL_38));
        // Sooner it would be taken for a nudge.
        stage.pass(4.0);
        for letter in ["a", "b", "c", "d"] {
            stage.send(&text(letter));
            stage.pass(gap_s);
        }
        stage.pass(60.0);
        let answers = stage.transcript("outputTranscription");
        let places: Vec<_> = ["“a”", "“b”", "“c”", "“d”"].iter().map(|quoted| answers.find(quoted)).collect();
        assert!(places.is_sorted() && places.iter().all(Option::is_some), "{gap_s} s: {answers}");
    }
}

#[test]
fn a_question_in_line_is_answered_after_a_phantom_interruption() {
    let script = "[[turn]]\nsays = \"x\"\naudio = { tone = { hz = 300, ms = 6000 } }\n\
                  [[turn.fault]]\nat_ms = 3000\ndo = \"interrupted\"";
    let calm = json!({"realtimeInputConfig": {"activityHandling": "NO_INTERRUPTION"}});
    let mut stage = Stage::begin(script, &setup_with(MODEL_38, &calm));
    stage.say(1.5);
    stage.pass(0.3);
    stage.say(1.0);
    stage.pass(30.0);
    assert_eq!(stage.count("turnComplete"), 2);
}

#[test]
fn content_that_ends_with_the_model_is_remembered_in_its_order() {
    let turns =
        json!([{"role": "user", "parts": [{"text": "U1"}]}, {"role": "model", "parts": [{"text": "M1"}]}]);
    let house = crate::stage::house("");
    let resuming = setup_with(MODEL_38, &json!({"sessionResumption": {}}));
    let mut stage = Stage::open(&house, &resuming, core::time::Duration::ZERO);
    stage.pass(5.0);
    stage.send(&json!({"clientContent": {"turns": turns, "turnComplete": true}}));
    stage.pass(10.0);
    let handle = stage.handle().unwrap();
    stage.leave();
    let memory = house.resume(&handle, MODEL_38, 99, stage.now()).unwrap();
    let lines: Vec<_> = memory.history.iter().map(|line| (line.role, line.text.as_str())).collect();
    assert_eq!(lines[..2], [("user", "U1"), ("model", "M1")]);
    assert_eq!((lines.len(), lines[2].0), (3, "model"));
}

#[test]
fn the_rate_is_read_in_any_case() {
    for mime_type in ["audio/pcm; Rate=48000", "AUDIO/PCM;rate=48000;channels=1"] {
        let mut stage = Stage::begin("", &setup(MODEL_38));
        stage.send(&audio(mime_type, &tone(48_000)));
        stage.pass(6.0);
        assert_eq!(stage.transcript("inputTranscription"), "(1.5 s of speech)", "{mime_type}");
    }
}

#[test]
fn half_a_sample_ends_with_its_stream() {
    let mut stage = Stage::begin("", &setup(MODEL_31));
    stage.send(&audio("audio/pcm", &[0; 641]));
    stage.send(&json!({"realtimeInput": {"audioStreamEnd": true}}));
    // A hum of ±100: shifted by a byte it would be loud.
    let hum: Vec<u8> =
        (0..24_000).flat_map(|index| if index % 40 < 20 { [100, 0] } else { [156, 255] }).collect();
    stage.send(&audio("audio/pcm", &[hum, vec![0; 64_000]].concat()));
    stage.pass(6.0);
    assert_eq!(stage.transcript("inputTranscription"), "");
}

#[test]
fn extended_thinking_comes_to_rest_whatever_scheduling_is_asked_for() {
    let tools = json!({"tools": [{"functionDeclarations": [{"name": "look"}]}]});
    for scheduling in ["SILENT", "WHEN_IDLE", "INTERRUPT"] {
        let script = "[[turn]]\nsays = \"S\"\n[[turn.tool]]\nname = \"look\"\nid = \"i\"";
        let mut stage = Stage::begin(script, &setup_with(MODEL_THINKING, &tools));
        stage.send(&text("Look"));
        stage.pass(1.0);
        let answer = json!({"id": "i", "name": "look", "response": {}, "scheduling": scheduling});
        stage.send(&json!({"toolResponse": {"functionResponses": [answer]}}));
        stage.pass(20.0);
        let last = stage
            .frames
            .iter()
            .rev()
            .find_map(|(_, frame)| frame["serverContent"]["interactionStatus"].as_str());
        assert_eq!(last, Some("IDLE"), "{scheduling}: {:?}", stage.story());
        assert_eq!(stage.count("interrupted"), 0, "{scheduling}");
    }
}

#[test]
fn text_as_an_answer_fails_in_each_family_as_it_does() {
    for (model, code) in [(MODEL_25, 1007), (MODEL_31, 1011), (MODEL_38, 1007)] {
        let house = crate::stage::house("");
        let setup = json!({"model": model, "generationConfig": {"responseModalities": ["TEXT"]}});
        let stage = Stage::open(&house, &setup, core::time::Duration::ZERO);
        assert_eq!(stage.closed.map(|(code, _)| code), Some(code), "{model}");
    }
}
