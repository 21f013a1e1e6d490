//! The user takes the word.

use crate::stage::{MODEL_38, Stage, has, setup, setup_with};
use core::time::Duration;
use serde_json::json;

/// A session in the middle of a long answer.
fn speaking(script: &str, model: &str) -> Stage {
    let script =
        format!("{script}\n[[turn]]\nsays = \"a b c d e f\"\naudio = {{ tone = {{ hz = 300, ms = 8000 }} }}");
    let mut stage = Stage::begin(&script, &setup(model));
    stage.be_silent(0.5);
    stage.say(1.5);
    stage.pass(0.5);
    assert!(stage.next("modelTurn").is_some());
    stage
}

fn after(stage: &Stage, from: Duration) -> Vec<String> {
    let frames = stage.frames.iter().filter(|(at, _)| *at >= from);
    let names = ["interrupted", "generationComplete", "turnComplete", "modelTurn", "voiceActivity"];
    let told = frames.flat_map(|(_, frame)| names.iter().filter(|name| has(frame, name)));
    told.map(|name| (*name).to_owned()).collect()
}

#[test]
fn speech_stops_the_answer_within_a_fifth_of_a_second() {
    let mut stage = speaking("", MODEL_38);
    let from = stage.now();
    stage.speak(1.0);
    let told = after(&stage, from);
    let cut = told.iter().position(|name| name == "interrupted").unwrap();
    assert_eq!(told[cut - 1..=cut + 1], ["voiceActivity", "interrupted", "turnComplete"]);
    assert!(!told.contains(&"generationComplete".to_owned()));
    stage.next("interrupted").unwrap();
    assert!(stage.seen_at() - from < Duration::from_millis(260), "{:?}", stage.seen_at() - from);
}

#[test]
fn nothing_of_a_cut_answer_comes_after_it() {
    let mut stage = speaking("", MODEL_38);
    stage.speak(0.5);
    stage.next("interrupted").unwrap();
    stage.pass(10.0);
    assert_eq!(stage.next("modelTurn"), None);
}

#[test]
fn what_interrupted_is_answered_next() {
    let mut stage = speaking("", MODEL_38);
    stage.say(2.0);
    stage.pass(5.0);
    stage.next("interrupted").unwrap();
    stage.next("generationComplete").unwrap();
    stage.next("turnComplete").unwrap();
    assert!(stage.transcript("outputTranscription").contains("(your own 2.0 s"));
}

#[test]
fn speech_interrupts_also_while_only_playback_goes_on() {
    let mut stage = speaking("", MODEL_38);
    stage.pass(4.0);
    assert!(stage.next("generationComplete").is_some());
    assert_eq!(stage.next("turnComplete"), None);
    stage.speak(0.5);
    assert!(stage.next("interrupted").is_some());
    assert!(stage.next("turnComplete").is_some());
}

#[test]
fn speech_interrupts_nothing_when_playback_is_over() {
    let mut stage = speaking("", MODEL_38);
    stage.pass(10.0);
    assert!(stage.next("turnComplete").is_some());
    stage.speak(0.5);
    assert_eq!(stage.next("interrupted"), None);
}

#[test]
fn text_and_client_content_interrupt_too() {
    for message in [
        json!({"realtimeInput": {"text": "Stop"}}),
        json!({"clientContent": {"turnComplete": false}}),
        json!({"clientContent": {"turns": [{"role": "user", "parts": [{"text": "Stop"}]}], "turnComplete": true}}),
    ] {
        let mut stage = speaking("", MODEL_38);
        stage.send(&message);
        assert!(stage.next("interrupted").is_some(), "{message}");
        assert!(stage.next("turnComplete").is_some(), "{message}");
    }
}

#[test]
fn a_marker_interrupts_in_manual_mode() {
    let manual = json!({"realtimeInputConfig": {"automaticActivityDetection": {"disabled": true}}});
    let mut stage = Stage::begin("", &setup_with(MODEL_38, &manual));
    stage.send(&json!({"realtimeInput": {"text": "Hello simulator"}}));
    stage.pass(1.0);
    stage.send(&json!({"realtimeInput": {"activityStart": {}}}));
    assert!(stage.next("interrupted").is_some());
}

#[test]
fn no_interruption_means_that_answers_wait_in_line() {
    let calm = json!({"realtimeInputConfig": {"activityHandling": "NO_INTERRUPTION"}});
    let mut stage = Stage::begin("", &setup_with(MODEL_38, &calm));
    stage.say(3.0);
    stage.pass(0.4);
    stage.say(1.0);
    stage.pass(6.0);
    assert_eq!((stage.count("interrupted"), stage.count("turnComplete")), (0, 2));
    assert_eq!(stage.count("generationComplete"), 2);
}

#[test]
fn a_pause_in_a_sentence_loses_none_of_it() {
    let mut stage = Stage::begin("", &setup(MODEL_38));
    stage.speak(1.5);
    stage.be_silent(0.9);
    stage.say(1.0);
    stage.pass(4.0);
    assert_eq!(stage.transcript("inputTranscription"), "(1.5 s of speech)(1.0 s of speech)");
    assert_eq!(stage.transcript("outputTranscription"), "(your own 2.5 s, a little higher)");
    assert_eq!(stage.count("generationComplete"), 1);
}

#[test]
fn stale_audio_may_come_with_and_after_the_interruption() {
    let script = "[[turn]]\nsays = \"a\"\naudio = { tone = { hz = 300, ms = 8000 } }\nstale_audio_ms = 100\n\
                  late_audio_ms = 50";
    let mut stage = Stage::begin(script, &setup(MODEL_38));
    stage.say(1.5);
    stage.pass(0.5);
    stage.speak(0.5);
    let both = stage.next("interrupted").unwrap();
    assert!(has(&both, "modelTurn"));
    let late = stage.next("modelTurn").unwrap();
    assert!(!has(&late, "interrupted"));
    assert!(stage.next("turnComplete").is_some());
}

#[test]
fn residue_of_the_answer_does_not_interrupt_it() {
    let mut stage = Stage::begin("", &setup(MODEL_38));
    stage.say(3.0);
    stage.pass(0.4);
    // Some 40 dB below the voice: what an echo canceller leaves.
    stage.whisper(1.5);
    assert_eq!(stage.count("interrupted"), 0);
    assert_eq!(stage.count("generationComplete"), 1);
}
