//! What a script can let go wrong.

use crate::stage::{MODEL_38, Stage, setup};
use core::time::Duration;
use serde_json::json;

fn after_a_turn(script: &str) -> Stage {
    let mut stage = Stage::begin(script, &setup(MODEL_38));
    stage.say(2.0);
    stage.pass(10.0);
    stage
}

#[test]
fn a_connection_is_closed_in_the_middle_of_a_turn() {
    let stage = after_a_turn(
        "[[turn]]\n[[turn.fault]]\nat_ms = 200\ndo = { close = { code = 1011, reason = \"Internal error encountered.\" } }",
    );
    assert_eq!(stage.closed, Some((1011, "Internal error encountered.".to_owned())));
    assert!(stage.count("modelTurn") > 0 && stage.count("generationComplete") == 0);
}

#[test]
fn a_connection_is_cut_without_a_word() {
    let stage = after_a_turn("[[fault]]\nat_ms = 2500\ndo = \"drop\"");
    assert!(stage.dropped);
    assert_eq!(stage.closed, None);
}

#[test]
fn a_fault_may_hit_one_connection_only() {
    let stage = after_a_turn("[[fault]]\nat_ms = 500\nconnection = 2\ndo = \"drop\"");
    assert!(!stage.dropped);
}

#[test]
fn a_turn_may_be_silent_or_not_be_answered_at_all() {
    let silent = after_a_turn("[[turn]]\nsilent = true");
    assert_eq!((silent.count("modelTurn"), silent.count("turnComplete")), (0, 1));
    let ignored = after_a_turn("[[turn]]\nignore = true");
    assert_eq!((ignored.count("inputTranscription"), ignored.count("turnComplete")), (2, 0));
}

#[test]
fn a_turn_may_ask_for_more() {
    let mut stage =
        after_a_turn("[[turn]]\nsilent = true\nreason = \"NEED_MORE_INPUT\"\nwaiting_for_input = true");
    let content = stage.next("turnComplete").unwrap()["serverContent"].clone();
    let expected =
        json!({"turnComplete": true, "turnCompleteReason": "NEED_MORE_INPUT", "waitingForInput": true});
    assert_eq!(content, expected);
}

#[test]
fn an_interruption_may_come_although_nobody_spoke() {
    let mut stage = after_a_turn("[[turn]]\n[[turn.fault]]\nat_ms = 100\ndo = \"interrupted\"");
    assert!(stage.next("interrupted").is_some() && stage.next("turnComplete").is_some());
    assert_eq!(stage.count("generationComplete"), 0);
}

#[test]
fn generation_complete_may_be_missing_and_turn_complete_early() {
    let missing = after_a_turn("[[turn]]\nskip_generation_complete = true");
    assert_eq!((missing.count("generationComplete"), missing.count("turnComplete")), (0, 1));
    let mut early = after_a_turn("[[turn]]\nearly_turn_complete = true");
    early.next("generationComplete").unwrap();
    let generated = early.seen_at();
    early.next("turnComplete").unwrap();
    assert_eq!(early.seen_at(), generated);
}

#[test]
fn the_generation_may_stall() {
    let script = "[pace]\nstalls = [{ at_ms = 500, for_ms = 3000 }]";
    let mut stage = after_a_turn(script);
    let mut last = Duration::ZERO;
    let mut longest = Duration::ZERO;
    while stage.next("modelTurn").is_some() {
        if last > Duration::ZERO {
            longest = longest.max(stage.seen_at() - last);
        }
        last = stage.seen_at();
    }
    assert!(longest > Duration::from_secs(3), "{longest:?}");
    assert_eq!(stage.next("turnComplete").map(|_| ()), Some(()));
}

#[test]
fn odd_frames_come_on_demand() {
    let script = "[[fault]]\nat_ms = 100\ndo = { raw = \"not json\" }\n[[fault]]\nat_ms = 200\ndo = \"empty_frame\"\n\
                  [[fault]]\nat_ms = 300\ndo = { error = { code = 500, message = \"Oops\" } }\n\
                  [[fault]]\nat_ms = 400\ndo = { go_away = 9.5 }\n[[fault]]\nat_ms = 500\ndo = \"interrupted\"";
    let mut stage = Stage::begin(script, &setup(MODEL_38));
    stage.pass(1.0);
    assert_eq!(stage.raw, ["not json"]);
    let frames: Vec<_> = stage.frames.iter().skip(1).map(|(_, frame)| frame.clone()).collect();
    let error = json!({"error": {"code": 500, "message": "Oops", "status": "INTERNAL"}});
    let away = json!({"goAway": {"timeLeft": "9.500s"}});
    assert_eq!(frames, [json!({}), error, away, json!({"serverContent": {"interrupted": true}})]);
}

#[test]
fn chunks_may_end_in_the_middle_of_a_sample_and_be_tiny() {
    let stage = after_a_turn("[frames]\nodd_bytes = true\n[pace]\nlast_chunk_samples = 1");
    let lengths: Vec<usize> = stage
        .frames
        .iter()
        .flat_map(|(_, frame)| frame["serverContent"]["modelTurn"]["parts"].as_array().into_iter().flatten())
        .filter_map(|part| part["inlineData"]["data"].as_str())
        .map(|data| data.len() / 4 * 3 - data.bytes().filter(|byte| *byte == b'=').count())
        .collect();
    assert!(lengths.iter().any(|length| length % 2 == 1), "{lengths:?}");
    assert!(lengths.iter().sum::<usize>() % 2 == 0);
    assert!(*lengths.last().unwrap() <= 3, "{lengths:?}");
}

#[test]
fn empty_frames_come_as_often_as_asked_for() {
    let count = |share: f64| {
        let stage = after_a_turn(&format!("[frames]\nempty_share = {share:.1}"));
        stage.frames.iter().filter(|(_, frame)| *frame == json!({})).count()
    };
    assert_eq!(count(0.0), 0);
    assert!(count(1.0) > 10);
}

#[test]
fn a_scripted_transcript_appears_while_its_words_are_spoken() {
    let mut stage =
        Stage::begin("[[turn]]\nheard = [[0, \"One\"], [800, \"two\"], [9000, \"three\"]]", &setup(MODEL_38));
    stage.speak(0.5);
    assert_eq!(stage.transcript("inputTranscription"), "One");
    stage.speak(0.6);
    assert_eq!(stage.transcript("inputTranscription"), "One two");
    stage.be_silent(1.0);
    assert_eq!(stage.transcript("inputTranscription"), "One two three");
}

#[test]
fn the_script_ends_in_the_parrot_itself_or_silence() {
    for (after, last) in [("parrot", "(your own 1.0 s, a little higher)"), ("repeat", "A."), ("silent", "")] {
        let script = format!("after = \"{after}\"\n[[turn]]\nsays = \"A.\"");
        let mut stage = Stage::begin(&script, &setup(MODEL_38));
        for _ in 0..2 {
            stage.be_silent(0.3);
            stage.say(1.0);
            stage.pass(4.0);
        }
        assert_eq!(stage.transcript("outputTranscription"), format!("A.{last}"), "{after}");
        assert_eq!(stage.count("turnComplete"), 2);
    }
}
