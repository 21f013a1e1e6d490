//! Turns that nobody disturbs.

use crate::stage::{MODEL_25, MODEL_31, MODEL_38, Stage, encode, has, setup, setup_with};
use serde_json::json;

#[test]
fn a_parrot_turn_on_3_8_has_every_step_in_order() {
    let mut stage = Stage::begin("", &setup_with(MODEL_38, &json!({"sessionResumption": {}})));
    stage.be_silent(0.5);
    stage.say(2.0);
    stage.pass(4.0);
    assert_eq!(
        stage.story(),
        [
            "setupComplete",
            "sessionResumptionUpdate",
            "voiceActivity",
            "inputTranscription",
            "sessionResumptionUpdate",
            "modelTurn",
            "generationComplete",
            "turnComplete",
            "sessionResumptionUpdate",
        ]
    );
    assert_eq!(stage.count("voiceActivity"), 2);
    assert_eq!(stage.transcript("inputTranscription"), "(2.0 s of speech)");
    assert_eq!(stage.transcript("outputTranscription"), "(your own 2.0 s, a little higher)");
}

#[test]
fn the_parrot_answers_with_the_same_length_over_one_fifth() {
    let mut stage = Stage::begin("", &setup(MODEL_38));
    stage.be_silent(0.5);
    stage.say(2.4);
    stage.pass(4.0);
    let seconds = stage.audio().len() as f64 / 48_000.0;
    // Padding before and a little after belong to it.
    assert!((2.0..2.4).contains(&seconds), "{seconds} s");
}

#[test]
fn the_turn_is_complete_when_its_sound_has_been_heard() {
    let mut stage = Stage::begin("", &setup(MODEL_38));
    stage.say(3.0);
    stage.pass(5.0);
    stage.next("modelTurn").unwrap();
    let began = stage.seen_at();
    stage.next("generationComplete").unwrap();
    let generated = stage.seen_at() - began;
    stage.next("turnComplete").unwrap();
    let heard = stage.seen_at() - began;
    let sound = stage.audio().len() as f64 / 48_000.0;
    assert!((heard.as_secs_f64() - sound).abs() < 0.001, "{heard:?} of {sound} s");
    assert!(generated.as_secs_f64() < sound / 2.8, "{generated:?} of {sound} s");
}

#[test]
fn the_answer_begins_within_a_second_and_a_half_of_the_last_word() {
    let mut stage = Stage::begin("", &setup(MODEL_38));
    stage.speak(2.0);
    let silent_from = stage.now();
    stage.be_silent(2.0);
    stage.next("modelTurn").unwrap();
    let waited = (stage.seen_at() - silent_from).as_secs_f64();
    assert!((0.9..1.3).contains(&waited), "{waited} s");
}

#[test]
fn usage_grows_with_the_conversation() {
    let mut stage = Stage::begin("", &setup(MODEL_38));
    let mut prompts = Vec::new();
    for _ in 0..3 {
        stage.say(2.0);
        stage.pass(4.0);
        let usage = stage.next("turnComplete").unwrap()["usageMetadata"].clone();
        assert_eq!(
            usage["totalTokenCount"].as_u64().unwrap(),
            usage["promptTokenCount"].as_u64().unwrap() + usage["responseTokenCount"].as_u64().unwrap()
        );
        let tokens = usage["responseTokenCount"].as_u64().unwrap();
        assert!((43..=52).contains(&tokens), "25 a second of some 1.9 s: {tokens}");
        prompts.push(usage["promptTokenCount"].as_u64().unwrap());
    }
    assert!(prompts[0] < prompts[1] && prompts[1] < prompts[2], "{prompts:?}");
}

#[test]
fn frames_are_bundled_on_3_x_and_split_on_2_5() {
    for (model, script, bundled) in [
        (MODEL_38, "", true),
        (MODEL_31, "", true),
        (MODEL_25, "", false),
        (MODEL_25, "[frames]\nbundled = true", true),
    ] {
        let mut stage = Stage::begin(script, &setup(model));
        stage.say(2.0);
        stage.pass(4.0);
        let both = stage.frames.iter().filter(|(_, f)| has(f, "modelTurn") && has(f, "outputTranscription"));
        assert_eq!(both.count() > 0, bundled, "{model} {script}");
        assert_eq!(stage.transcript("outputTranscription"), "(your own 2.0 s, a little higher)");
    }
}

#[test]
fn voice_activity_comes_from_3_8_alone() {
    for (model, count) in [(MODEL_38, 2), (MODEL_31, 0), (MODEL_25, 0)] {
        let mut stage = Stage::begin("", &setup(model));
        stage.say(1.0);
        assert_eq!(stage.count("voiceActivity"), count, "{model}");
    }
}

#[test]
fn transcripts_come_where_they_were_asked_for() {
    let bare = json!({"model": MODEL_38, "generationConfig": {"responseModalities": ["AUDIO"]}});
    let mut stage = Stage::begin("", &bare);
    stage.say(1.0);
    stage.pass(3.0);
    assert_eq!((stage.count("inputTranscription"), stage.count("outputTranscription")), (0, 0));
    assert_eq!(stage.count("turnComplete"), 1);
}

#[test]
fn handles_come_where_they_were_asked_for() {
    let mut stage = Stage::begin("", &setup(MODEL_38));
    stage.say(1.0);
    stage.pass(3.0);
    assert_eq!(stage.count("sessionResumptionUpdate"), 0);
}

#[test]
fn silence_and_noise_are_never_answered() {
    let mut stage = Stage::begin("", &setup(MODEL_38));
    stage.be_silent(20.0);
    stage.pass(20.0);
    let content = stage.frames.iter().filter(|(_, frame)| has(frame, "serverContent"));
    assert_eq!(content.count(), 0);
}

#[test]
fn audio_stream_end_ends_a_turn_on_3_1_but_not_on_3_8() {
    for (model, script, turns) in [
        (MODEL_31, "", 1),
        (MODEL_25, "", 1),
        (MODEL_38, "", 0),
        (MODEL_38, "[hearing]\naudio_stream_end_ends_turn = true", 1),
    ] {
        let mut stage = Stage::begin(script, &setup(model));
        stage.speak(1.5);
        stage.send(&json!({"realtimeInput": {"audioStreamEnd": true}}));
        stage.pass(10.0);
        assert_eq!(stage.count("turnComplete"), turns, "{model} {script}");
        stage.be_silent(1.0);
        stage.pass(10.0);
        assert_eq!(stage.count("turnComplete"), 1, "{model} {script}: after trailing silence");
    }
}

#[test]
fn silence_duration_is_kept_to() {
    for silence_ms in [300, 700, 1500] {
        let vad = json!({"automaticActivityDetection": {"silenceDurationMs": silence_ms}});
        let mut stage = Stage::begin("", &setup_with(MODEL_38, &json!({"realtimeInputConfig": vad})));
        stage.speak(1.0);
        let silent_from = stage.now();
        stage.be_silent(2.5);
        stage.next("voiceActivity").unwrap();
        stage.next("voiceActivity").unwrap();
        let waited = (stage.seen_at() - silent_from).as_millis() as i64;
        assert!((waited - silence_ms).abs() < 80, "{silence_ms} ms: {waited} ms");
    }
}

#[test]
fn a_file_may_be_sent_at_full_speed_and_at_any_rate() {
    for rate in [8_000_usize, 24_000, 44_100, 48_000] {
        let mut stage = Stage::begin("", &setup(MODEL_38));
        let wave = |n: usize| {
            let t = n as f64 / rate as f64;
            let loud = (0.5..2.0).contains(&t);
            if loud { (8_000.0 * (t * 300.0 * core::f64::consts::TAU).sin()) as i16 } else { 0 }
        };
        let pcm: Vec<u8> = (0..rate * 3).flat_map(|n| wave(n).to_le_bytes()).collect();
        // An odd size: chunks end in the middle of a sample.
        for chunk in pcm.chunks(rate / 5 + 1) {
            let mime = format!("audio/pcm;rate={rate}");
            stage.send(&json!({"realtimeInput": {"audio": {"mimeType": mime, "data": encode(chunk)}}}));
        }
        stage.pass(5.0);
        assert_eq!(stage.transcript("inputTranscription"), "(1.5 s of speech)", "{rate} Hz");
        assert_eq!(stage.count("turnComplete"), 1, "{rate} Hz");
    }
}

#[test]
fn both_spellings_and_both_alphabets_are_read() {
    let mut stage = Stage::begin("", &setup(MODEL_38));
    let pcm = vec![0xfb_u8; 640];
    let url_safe = encode(&pcm).replace('+', "-").replace('/', "_");
    for message in [
        json!({"realtime_input": {"audio": {"mime_type": "audio/pcm", "data": url_safe}}}),
        json!({"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=16000", "data": encode(&pcm)}}}),
        json!({"client_content": {"turns": [{"role": "user", "parts": [{"text": "Hi"}]}], "turn_complete": true}}),
    ] {
        stage.send(&message);
        assert_eq!(stage.closed, None, "{message}");
    }
    stage.pass(6.0);
    assert_eq!(stage.count("turnComplete"), 1);
}

#[test]
fn a_nudge_is_greeted_and_later_text_is_quoted() {
    let mut stage = Stage::begin("", &setup(MODEL_38));
    stage.send(&json!({"realtimeInput": {"text": "Greet the caller."}}));
    stage.pass(8.0);
    stage.send(&json!({"realtimeInput": {"text": "What is new?"}}));
    stage.pass(8.0);
    let said = stage.transcript("outputTranscription");
    let greeting = "Hello! I am the built-in simulator. Say something and I will say it back.";
    assert_eq!(said, format!("{greeting}You wrote: “What is new?”"));
    assert!(stage.audio().len() > 48_000);
}

#[test]
fn a_first_text_that_was_typed_is_quoted() {
    let mut stage = Stage::begin("", &setup(MODEL_38));
    stage.pass(5.0);
    stage.send(&json!({"realtimeInput": {"text": "Hi"}}));
    stage.pass(8.0);
    assert_eq!(stage.transcript("outputTranscription"), "You wrote: “Hi”");
}

#[test]
fn client_content_without_turn_complete_waits_for_it() {
    let mut stage = Stage::begin("", &setup(MODEL_38));
    stage.pass(5.0);
    stage.send(&json!({"clientContent": {"turns": [{"role": "user", "parts": [{"text": "My name is Ada."}]},
        {"role": "model", "parts": [{"text": "Noted."}]}]}}));
    stage.pass(5.0);
    assert_eq!(stage.count("turnComplete"), 0);
    stage.send(&json!({"clientContent": {"turnComplete": true}}));
    stage.pass(5.0);
    assert_eq!(stage.transcript("outputTranscription"), "You wrote: “My name is Ada.”");
}

#[test]
fn initial_history_is_taken_in_silently() {
    let history = json!({"historyConfig": {"initialHistoryInClientContent": true}});
    let mut stage = Stage::begin("", &setup_with(MODEL_38, &history));
    let turns = json!([{"role": "user", "parts": [{"text": "Old."}]}]);
    stage.send(&json!({"clientContent": {"turns": turns, "turnComplete": true}}));
    stage.pass(5.0);
    assert_eq!(stage.count("turnComplete"), 0);
    stage.send(&json!({"clientContent": {"turns": turns, "turnComplete": true}}));
    stage.pass(5.0);
    assert_eq!(stage.count("turnComplete"), 1);
}

#[test]
fn markers_bound_a_turn_in_manual_mode() {
    let manual = json!({"realtimeInputConfig": {"automaticActivityDetection": {"disabled": true}}});
    let mut stage = Stage::begin("", &setup_with(MODEL_38, &manual));
    stage.say(1.0);
    stage.pass(3.0);
    assert_eq!(stage.count("turnComplete"), 0, "the ear is off");
    stage.send(&json!({"realtimeInput": {"activityStart": {}}}));
    stage.speak(1.5);
    stage.send(&json!({"realtimeInput": {"activityEnd": {}}}));
    stage.pass(4.0);
    assert_eq!(stage.transcript("inputTranscription"), "(1.5 s of speech)");
    assert_eq!((stage.count("voiceActivity"), stage.count("turnComplete")), (2, 1));
}

#[test]
fn text_is_echoed_by_3_1() {
    let mut stage = Stage::begin("", &setup(MODEL_31));
    stage.send(&json!({"realtimeInput": {"text": "Hi"}}));
    assert_eq!(stage.transcript("inputTranscription"), "Hi");
}

#[test]
fn the_same_seed_gives_the_same_call() {
    let call = |seed: u64| {
        let mut stage = Stage::begin(&format!("seed = {seed}"), &setup(MODEL_38));
        stage.say(2.0);
        stage.pass(4.0);
        stage.frames
    };
    assert_eq!(call(5), call(5));
    assert_ne!(call(5), call(6));
}

#[test]
fn a_frame_that_comes_before_the_setup_is_answered_is_heard_afterwards() {
    let house = crate::stage::house("");
    let caller = crate::stage::caller(vivavoce_sim::model::Version::V1beta);
    let mut stage = Stage::connect(&house, caller, core::time::Duration::ZERO);
    stage.send(&json!({"setup": setup(MODEL_38)}));
    stage.send(&json!({"realtimeInput": {"text": "Hi"}}));
    assert_eq!(stage.frames, []);
    stage.pass(8.0);
    assert_eq!((stage.story()[0], stage.count("turnComplete")), ("setupComplete", 1));
}

#[test]
fn a_frame_of_the_newer_models_may_hold_the_voice_in_two_parts() {
    let mut most = Vec::new();
    for model in [MODEL_25, MODEL_38] {
        let mut stage = Stage::begin("[[turn]]\naudio = { tone = { hz = 300, ms = 20000 } }", &setup(model));
        stage.send(&json!({"realtimeInput": {"text": "Hum"}}));
        stage.pass(30.0);
        let counts = stage
            .frames
            .iter()
            .map(|(_, frame)| frame["serverContent"]["modelTurn"]["parts"].as_array().map_or(0, Vec::len));
        most.push(counts.max());
        assert_eq!(stage.audio().len(), 20 * 24_000 * 2, "{model}");
    }
    assert_eq!(most, [Some(1), Some(2)]);
}
