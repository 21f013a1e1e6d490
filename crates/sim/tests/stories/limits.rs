//! What ends by itself.

use crate::stage::{MODEL_38, Stage, caller, house, setup, setup_with};
use core::time::Duration;
use serde_json::{Value, json};
use vivavoce_sim::model::Version;

fn compressed() -> Value {
    setup_with(MODEL_38, &json!({"contextWindowCompression": {"slidingWindow": {}}, "sessionResumption": {}}))
}

#[test]
fn a_connection_is_warned_at_nine_minutes_and_closed_at_ten() {
    let mut stage = Stage::begin("", &compressed());
    stage.pass(700.0);
    let warning = stage.next("goAway").unwrap();
    assert_eq!(warning, json!({"goAway": {"timeLeft": "60s"}}));
    assert_eq!(stage.seen_at(), Duration::from_secs(540));
    assert_eq!(stage.closed, Some((1011, "Deadline expired before operation could complete.".to_owned())));
}

#[test]
fn a_script_sets_other_limits() {
    let script = "[connection]\nlength_s = 20\ngo_away_lead_s = 2.5\nend = { code = 1008, reason = \"The operation was aborted\" }";
    let mut stage = Stage::begin(script, &compressed());
    stage.pass(30.0);
    assert_eq!(stage.next("goAway").unwrap()["goAway"]["timeLeft"], "2.500s");
    assert_eq!(stage.seen_at(), Duration::from_millis(17_500));
    assert_eq!(stage.closed, Some((1008, "The operation was aborted".to_owned())));
}

#[test]
fn a_session_without_compression_ends_after_fifteen_minutes_in_all() {
    let house = house("");
    let plain = setup_with(MODEL_38, &json!({"sessionResumption": {}}));
    let mut first = Stage::open(&house, &plain, Duration::ZERO);
    first.pass(500.0);
    first.say(1.0);
    first.pass(5.0);
    let handle = first.handle().unwrap();
    first.leave();
    let again = setup_with(MODEL_38, &json!({"sessionResumption": {"handle": handle}}));
    let mut second = Stage::open(&house, &again, first.now());
    second.pass(380.0);
    assert_eq!(second.closed, None);
    second.pass(30.0);
    assert_eq!(second.closed, Some((1008, "The operation was aborted".to_owned())));
}

#[test]
fn a_session_with_compression_grows_as_old_as_it_likes() {
    let house = house("");
    let mut now = Duration::ZERO;
    let mut handle = Value::Null;
    for _ in 0..4 {
        let mut setup = compressed();
        setup["sessionResumption"] = json!({"handle": handle});
        let mut stage = Stage::open(&house, &setup, now);
        stage.pass(590.0);
        assert_eq!(stage.closed, None);
        handle = stage.handle().unwrap().into();
        stage.leave();
        now = stage.now();
    }
}

#[test]
fn compression_brings_the_context_down() {
    let small =
        json!({"contextWindowCompression": {"triggerTokens": "200", "slidingWindow": {"targetTokens": 50}}});
    let mut stage = Stage::begin("", &setup_with(MODEL_38, &small));
    let mut prompts = Vec::new();
    for _ in 0..6 {
        stage.say(2.0);
        stage.pass(4.0);
        prompts
            .push(stage.next("turnComplete").unwrap()["usageMetadata"]["promptTokenCount"].as_u64().unwrap());
    }
    assert!(prompts.windows(2).any(|pair| pair[1] < pair[0]), "{prompts:?}");
    assert!(prompts.iter().all(|prompt| *prompt < 400), "{prompts:?}");
}

#[test]
fn a_setup_is_answered_within_a_fifth_of_a_second() {
    let mut delays = Vec::new();
    for seed in 0..20 {
        let mut stage = Stage::begin(&format!("seed = {seed}"), &setup(MODEL_38));
        stage.frames.truncate(1);
        delays.push(stage.frames.pop().unwrap().0);
    }
    let ms = |ms| Duration::from_millis(ms);
    assert!(delays.iter().all(|delay| (ms(50)..=ms(200)).contains(delay)), "{delays:?}");
    assert!(delays.iter().any(|delay| *delay != delays[0]));
}

#[test]
fn a_client_that_talks_before_its_setup_is_answered_is_heard_but_not_without_end() {
    let house = house("[connection]\nsetup_ms = [1000, 1000]");
    let mut stage = Stage::open(&house, &setup(MODEL_38), Duration::ZERO);
    let data = crate::stage::encode(&[0; 60_000]);
    for _ in 0..20 {
        stage.send(&json!({"realtimeInput": {"audio": {"mimeType": "audio/pcm", "data": data}}}));
    }
    assert_eq!(stage.closed, Some((1007, "Request contains an invalid argument.".to_owned())));
}

#[test]
fn a_flood_is_answered_as_far_as_the_line_reaches() {
    let calm = json!({"realtimeInputConfig": {"activityHandling": "NO_INTERRUPTION"}});
    let mut stage = Stage::begin("", &setup_with(MODEL_38, &calm));
    for n in 0..200 {
        stage.send(&json!({"realtimeInput": {"text": format!("{n}")}}));
    }
    stage.pass(120.0);
    assert!((10..30).contains(&stage.count("turnComplete")), "{}", stage.count("turnComplete"));
    assert!(stage.transcript("outputTranscription").ends_with("“199”"));
}

#[test]
fn a_setup_that_comes_with_the_connection_s_end_is_the_end() {
    let house = house("[connection]\nlength_s = 2\ngo_away_lead_s = 1\nsetup_ms = [500, 500]");
    let mut stage = Stage::connect(&house, caller(Version::V1beta), Duration::ZERO);
    stage.pass(1.9);
    stage.send(&json!({"setup": setup(MODEL_38)}));
    stage.pass(1.0);
    assert!(stage.closed.is_some());
}

#[test]
fn a_connection_without_a_setup_ends_too() {
    let mut stage =
        Stage::connect(&house("[connection]\nlength_s = 2"), caller(Version::V1beta), Duration::ZERO);
    stage.pass(1.9);
    assert_eq!(stage.closed, None);
    stage.pass(0.2);
    assert!(stage.closed.is_some());
}
