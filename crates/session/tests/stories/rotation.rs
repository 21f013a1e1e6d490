//! The service ends its connections, in peace or not: another follows, and nothing that was said is lost.

use crate::pair::{Pair, ms, speech};
use crate::talk::{answers, is_done};
use serde_json::{Value, json};
use std::time::Duration;
use vivavoce_gemini::AudioTranscriptionConfig;
use vivavoce_session::client::Who;
use vivavoce_session::{ClientEvent, ClientInput};
use vivavoce_wire::message::{FromProxy, ToolState};

// ---- It says beforehand that it leaves.

#[test]
fn a_quiet_connection_is_changed_and_nobody_hears_of_it() {
    let mut pair = talking_with_a_handle();
    pair.opens_the_microphone(1_000);
    goes_away(&mut pair, "50s");
    pair.pass(ms(2_000));
    assert_eq!(pair.service.setups.len(), 2);
    assert!(pair.service.setups[1].0 - pair.reconnects[0].0 < ms(100), "it moves at once");
    assert_eq!(handles(&pair), [Value::Null, json!("handle-1")]);
    let (mut first, mut second) = (pair.service.setups[0].1.clone(), pair.service.setups[1].1.clone());
    first["sessionResumption"].take();
    second["sessionResumption"].take();
    assert_eq!(first, second, "all else is as it was");
    assert_eq!(readies(&pair), 1);
    assert_eq!((pair.relays, pair.errors().len()), (1, 0));
}

#[test]
fn what_is_said_during_the_change_arrives_whole_and_in_order() {
    let mut pair = talking_with_a_handle();
    goes_away(&mut pair, "50s");
    let spoken = speaks(&mut pair, 1_000, 3_000);
    pair.closes_the_microphone();
    pair.pass(ms(2_000));
    assert_eq!(pair.service.setups.len(), 2);
    assert_once_but_near_handles(&pair, &spoken);
}

#[test]
fn what_was_held_goes_out_at_no_more_than_twice_the_pace_of_speech() {
    let mut pair = talking_with_a_handle();
    pair.service.setup_time = ms(2_000);
    pair.opens_the_microphone(1_000);
    goes_away(&mut pair, "50s");
    pair.until("again there", |pair| pair.service.setups.len() == 2);
    pair.pass(ms(2_100));
    for _ in 0..15 {
        let before = pair.service.samples_of(1_000);
        pair.pass(ms(100));
        let sent = pair.service.samples_of(1_000) - before;
        assert!(sent <= 2 * 1_600 + 320, "{sent} samples in 100 ms");
    }
    pair.pass(ms(2_000));
    let before = pair.service.samples_of(1_000);
    pair.pass(ms(1_000));
    assert_eq!(pair.service.samples_of(1_000) - before, 16_000, "it has caught up");
}

#[test]
fn a_model_that_speaks_is_heard_out() {
    let mut pair = talking_with_a_handle();
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "Well?"}}}));
    answers(&mut pair, 2_000, 48_000);
    goes_away(&mut pair, "50s");
    pair.pass(ms(3_000));
    assert_eq!(pair.service.setups.len(), 1, "it speaks");
    is_done(&mut pair);
    pair.pass(ms(1_000));
    assert_eq!(pair.service.setups.len(), 1, "no handle holds what it said");
    pair.service_gives_a_handle();
    pair.pass(ms(1_000));
    assert_eq!(handles(&pair), [Value::Null, json!("handle-2")]);
    assert_eq!(pair.player.heard[&(1, 2_000)], 48_000);
    assert_eq!(pair.caption_ends(Who::Model), [(1, false)]);
}

#[test]
fn what_the_phone_has_of_an_answer_plays_on_through_the_change() {
    let mut pair = talking_with_a_handle();
    answers(&mut pair, 2_000, 96_000);
    is_done(&mut pair);
    pair.service_gives_a_handle();
    goes_away(&mut pair, "50s");
    pair.pass(ms(400));
    assert_eq!(pair.service.setups.len(), 2);
    assert!(pair.player.heard_of(1) < 48_000);
    pair.pass(ms(5_000));
    assert_eq!((pair.player.heard_of(1), pair.player.underruns), (96_000, 0));
    assert_eq!(pair.caption_ends(Who::Model), [(1, false)]);
}

#[test]
fn a_person_in_the_middle_of_words_is_heard_out() {
    let mut pair = talking_with_a_handle();
    pair.service_says(&json!({"voiceActivity": {"type": "ACTIVITY_START"}}));
    pair.pass(ms(500));
    goes_away(&mut pair, "50s");
    pair.pass(ms(3_000));
    assert_eq!(pair.service.setups.len(), 1);
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "Well?"}}}));
    pair.service_says(&json!({"voiceActivity": {"type": "ACTIVITY_END"}}));
    pair.pass(ms(1_000));
    assert_eq!(pair.service.setups.len(), 1, "they wait for an answer");
    answers(&mut pair, 2_000, 4_800);
    is_done(&mut pair);
    pair.service_gives_a_handle();
    pair.pass(ms(1_000));
    assert_eq!(pair.service.setups.len(), 2);
}

#[test]
fn a_function_call_is_answered_and_made_use_of_first() {
    let mut pair = talking_with_a_handle();
    pair.service_says(&json!({
        "toolCall": {"functionCalls": [{"id": "a", "name": "f"}]}, "goAway": {"timeLeft": "50s"},
    }));
    pair.pass(ms(3_000));
    assert_eq!(
        (pair.service.setups.len(), tool_states(&pair)),
        (1, vec![ToolState::Called, ToolState::Failed])
    );
    answers(&mut pair, 2_000, 4_800);
    is_done(&mut pair);
    pair.service_gives_a_handle();
    pair.pass(ms(1_000));
    assert_eq!(pair.service.setups.len(), 2);
}

#[test]
fn nobody_is_waited_for_longer_than_the_service_waits() {
    let mut pair = talking_with_a_handle();
    let asked = speaks(&mut pair, 1_000, 1_000);
    pair.opens_the_microphone(0);
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "Tell me all."}}}));
    goes_away(&mut pair, "10s");
    let said_at = pair.now + pair.service.latency;
    answers(&mut pair, 2_000, 4_800);
    for _ in 0..94 {
        pair.service_says(&speech(2_000, 4_800));
        pair.pass(ms(100));
    }
    assert_eq!(pair.service.setups.len(), 1);
    pair.pass(ms(600));
    assert_eq!(pair.reconnects[0].0, said_at + ms(9_500), "half a second before the end, by its own timer");
    assert_eq!(pair.service.setups.len(), 2);
    pair.pass(ms(2_000));
    assert_once_but_near_handles(&pair, &asked);
    assert_eq!((pair.caption_ends(Who::Model).len(), pair.player.underruns), (0, 0), "what came is heard");
    let heard = pair.player.heard_of(1);
    answers(&mut pair, 3_000, 24_000);
    is_done(&mut pair);
    pair.pass(ms(2_000));
    assert_eq!(pair.caption_ends(Who::Model), [(1, true), (2, false)], "until it is asked again");
    assert!((heard..heard + 4_800).contains(&pair.player.heard_of(1)), "{heard}");
    assert_eq!((pair.player.heard[&(2, 3_000)], pair.player.underruns), (24_000, 0));
}

#[test]
fn an_answer_that_comes_whole_in_the_last_moment_is_heard_out() {
    let mut pair = talking_with_a_handle();
    speaks(&mut pair, 1_000, 1_000);
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "Tell me all."}}}));
    goes_away(&mut pair, "10s");
    pair.pass(ms(5_000));
    answers(&mut pair, 2_000, 24_000);
    for _ in 0..30 {
        pair.service_says(&speech(2_000, 7_200));
        pair.pass(ms(100));
    }
    assert_eq!(pair.service.setups.len(), 1, "it is past the third second before the end");
    pair.service_says(&json!({"serverContent": {"generationComplete": true}}));
    pair.pass(ms(500));
    assert_eq!(pair.service.setups.len(), 2, "now it has no need to stay");
    pair.pass(ms(2_000));
    answers(&mut pair, 3_000, 24_000);
    is_done(&mut pair);
    pair.pass(Duration::from_secs(10));
    assert_eq!((pair.player.heard_of(1), pair.player.underruns), (240_000, 0));
    assert_eq!(pair.caption_ends(Who::Model), [(1, false)]);
}

// ---- The answer has come whole, and no handle holds it.

#[test]
fn an_answer_that_came_whole_is_heard_once_when_the_service_leaves_in_the_midst_of_it() {
    let mut pair = answered_at_length();
    goes_away(&mut pair, "10s");
    pair.until("left", |pair| pair.service.setups.len() == 2);
    says_it_once_more(&mut pair);
    assert_eq!(pair.player.heard_of(1), 12 * 24_000);
    assert_eq!((pair.player.underruns, pair.caption_ends(Who::Model)), (0, vec![(1, false)]));
    the_next_answer_is_heard(&mut pair);
}

#[test]
fn an_answer_that_came_whole_is_heard_once_when_its_connection_breaks() {
    for is_complete in [false, true] {
        let mut pair = answered_at_length();
        if is_complete {
            is_done(&mut pair);
        }
        pair.service_closes(1011, "Internal error encountered.");
        pair.until("again there", |pair| pair.service.setups.len() == 2);
        says_it_once_more(&mut pair);
        assert_eq!(pair.player.heard_of(1), 12 * 24_000);
        assert_eq!((pair.player.underruns, pair.caption_ends(Who::Model)), (0, vec![(1, false)]));
        the_next_answer_is_heard(&mut pair);
    }
}

#[test]
fn an_answer_that_is_to_be_heard_once_stays_so_when_the_next_connection_breaks_too() {
    let mut pair = answered_at_length();
    pair.service_closes(1011, "Internal error encountered.");
    pair.until("again there", |pair| pair.service.setups.len() == 2);
    pair.pass(ms(2_500));
    answers(&mut pair, 3_000, 24_000);
    pair.service_closes(1011, "Internal error encountered.");
    pair.until("again there", |pair| pair.service.setups.len() == 3);
    says_it_once_more(&mut pair);
    assert_eq!((pair.player.heard_of(1), pair.player.underruns), (12 * 24_000, 0));
    the_next_answer_is_heard(&mut pair);
}

#[test]
fn who_speaks_over_an_answer_that_is_said_once_more_is_answered() {
    let mut pair = answered_at_length();
    pair.service_closes(1011, "Internal error encountered.");
    pair.until("again there", |pair| pair.service.setups.len() == 2);
    pair.pass(ms(2_500));
    answers(&mut pair, 3_000, 24_000);
    pair.pass(ms(1_000));
    pair.service_says(&json!({"serverContent": {"interrupted": true}}));
    pair.pass(ms(100));
    let heard = pair.player.heard_of(1);
    assert_eq!(pair.caption_ends(Who::Model), [(1, true)]);
    answers(&mut pair, 3_001, 4_800);
    pair.service_says(&json!({"serverContent": {"turnComplete": true}}));
    pair.pass(ms(500));
    assert_eq!((pair.player.heard_of(1), pair.player.heard.contains_key(&(2, 3_001))), (heard, false));
    the_next_answer_is_heard(&mut pair);
}

#[test]
fn who_asks_something_else_before_an_answer_is_said_once_more_hears_all_that_comes() {
    let mut pair = answered_at_length();
    pair.service_closes(1011, "Internal error encountered.");
    pair.until("again there", |pair| pair.service.setups.len() == 2);
    pair.pass(ms(2_500));
    pair.does(ClientInput::Text("Or rather the date?".into()));
    pair.pass(ms(200));
    answers(&mut pair, 3_000, 24_000);
    is_done(&mut pair);
    pair.pass(Duration::from_secs(14));
    assert_eq!(pair.player.heard[&(2, 3_000)], 24_000);
}

/// A question is answered by twelve seconds of sound, all of which came within one.
fn answered_at_length() -> Pair {
    let mut pair = talking_with_a_handle();
    speaks(&mut pair, 1_000, 2_000);
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "What is the time?"}}}));
    pair.pass(ms(700));
    answers(&mut pair, 2_000, 24_000);
    for _ in 1..12 {
        pair.service_says(&speech(2_000, 24_000));
        pair.pass(ms(80));
    }
    pair.service_says(&json!({"serverContent": {"generationComplete": true}}));
    pair.pass(ms(1_500));
    pair
}

/// The next session hears the question and answers it; the phone hears nothing of that.
fn says_it_once_more(pair: &mut Pair) {
    pair.pass(ms(2_500));
    let asked: Vec<i16> = (1_000..1_100).collect();
    assert_once_but_near_handles(pair, &asked);
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "What is the time?"}}}));
    answers(pair, 3_000, 24_000);
    for _ in 1..12 {
        pair.service_says(&speech(3_000, 24_000));
    }
    is_done(pair);
    pair.pass(Duration::from_secs(10));
    pair.service_gives_a_handle();
    assert!(pair.player.heard.keys().all(|(epoch, _)| *epoch == 1), "{:?}", pair.player.heard);
    assert_eq!(pair.caption(Who::User, 0), "What is the time?");
}

fn the_next_answer_is_heard(pair: &mut Pair) {
    speaks(pair, 5_000, 1_000);
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "Thank you."}}}));
    pair.pass(ms(700));
    answers(pair, 4_000, 24_000);
    is_done(pair);
    pair.pass(ms(2_000));
    assert_eq!(pair.player.heard[&(2, 4_000)], 24_000);
}

#[test]
fn a_service_that_says_so_and_then_nothing_more_is_left_in_time() {
    let mut pair = talking_with_a_handle();
    pair.service_says(&json!({"voiceActivity": {"type": "ACTIVITY_START"}}));
    goes_away(&mut pair, "10s");
    pair.closes_the_microphone();
    let silent_since = pair.now;
    pair.until("left", |pair| !pair.reconnects.is_empty());
    assert!(pair.now - silent_since <= ms(7_050), "{:?}", pair.now - silent_since);
}

#[test]
fn a_service_that_leaves_at_once_is_left_at_once() {
    let mut pair = talking_with_a_handle();
    answers(&mut pair, 2_000, 24_000);
    pair.service_says(&json!({"goAway": {}}));
    pair.pass(ms(500));
    assert_eq!(pair.service.setups.len(), 2);
}

#[test]
fn one_that_leaves_again_and_again_does_not_keep_anybody_busy() {
    let mut pair = talking_with_a_handle();
    while pair.errors().is_empty() && pair.service.setups.len() < 50 {
        goes_away(&mut pair, "0s");
        pair.pass(ms(300));
    }
    assert!(pair.service.setups.len() <= 7, "{}", pair.service.setups.len());
}

#[test]
fn a_call_of_two_hours_is_one_call() {
    let mut pair = talking_with_a_handle();
    pair.closes_the_microphone();
    for round in 1..=12 {
        pair.pass(Duration::from_secs(530));
        let asked = speaks(&mut pair, 1_000 * round, 1_000);
        pair.closes_the_microphone();
        pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "And then?"}}}));
        answers(&mut pair, 500, 24_000);
        goes_away(&mut pair, "60s");
        is_done(&mut pair);
        pair.pass(ms(100));
        assert_once_but_near_handles(&pair, &asked);
        pair.service_gives_a_handle();
        pair.pass(Duration::from_secs(60));
        assert_once_but_near_handles(&pair, &asked);
    }
    assert_eq!((pair.service.setups.len(), pair.reconnects.len()), (13, 12));
    assert_eq!((readies(&pair), pair.relays, pair.errors().len()), (1, 1, 0));
    assert_eq!(pair.player.heard.values().sum::<u64>(), 12 * 24_000);
    let known = pair.service.known().into_iter().filter(|(value, _)| *value >= 1_000);
    assert_eq!(known.count(), 12 * 50, "it knows all that was ever said");
}

// ---- It does not.

#[test]
fn a_turn_that_is_broken_off_is_cut_and_its_question_asked_again() {
    for (code, reason) in [
        (1006, ""),
        (1011, "Internal error encountered."),
        (1011, "Deadline expired before operation could complete."),
        (1008, "The operation was aborted"),
        (1001, ""),
        (1012, ""),
        (1013, ""),
    ] {
        let mut pair = talking_with_a_handle();
        let asked = speaks(&mut pair, 1_000, 2_000);
        pair.opens_the_microphone(0);
        pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "What is the time?"}}}));
        pair.pass(ms(700));
        answers(&mut pair, 2_000, 24_000);
        let broken_at = pair.now;
        pair.service_closes(code, reason);
        pair.until("again there", |pair| pair.service.setups.len() == 2);
        assert!(pair.now - broken_at < ms(1_000), "{:?} until the next connection", pair.now - broken_at);
        pair.pass(ms(3_000));
        assert_once_but_near_handles(&pair, &asked);
        pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "What is"}}}));
        pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": " the time?"}}}));
        answers(&mut pair, 3_000, 24_000);
        is_done(&mut pair);
        pair.pass(ms(3_000));
        assert_eq!(pair.player.heard[&(2, 3_000)], 24_000, "{code} {reason}");
        assert_eq!(pair.caption_ends(Who::Model), [(1, true), (2, false)]);
        assert_eq!(pair.caption(Who::User, 0), "What is the time?", "what is said again is shown once");
        assert_eq!(pair.caption(Who::User, 1), "");
        assert_eq!((readies(&pair), pair.relays, pair.errors().len()), (1, 1, 0));
    }
}

#[test]
fn typed_text_is_said_again_too() {
    let mut pair = talking_with_a_handle();
    pair.does(ClientInput::Text("What is the time?".into()));
    pair.pass(ms(200));
    pair.service_closes(1011, "Internal error encountered.");
    pair.pass(ms(1_000));
    let texts = |pair: &Pair| {
        let known = pair.service.history.iter();
        known.filter(|(_, said)| format!("{said:?}").contains("What is the time?")).count()
    };
    assert_eq!((pair.service.setups.len(), texts(&pair)), (2, 1));
}

#[test]
fn a_greeting_is_not_said_again_once_a_handle_holds_it() {
    let mut pair = Pair::new();
    pair.relay_config.greeting = Some("Greet the caller.".into());
    let mut pair = pair.begun();
    answers(&mut pair, 2_000, 24_000);
    is_done(&mut pair);
    pair.pass(ms(1_000));
    pair.service_gives_a_handle();
    pair.pass(ms(100));
    pair.service_closes(1006, "");
    pair.pass(ms(1_000));
    let greetings = pair.service.messages();
    let greetings =
        greetings.iter().filter(|message| message["realtimeInput"]["text"] == "Greet the caller.").count();
    assert_eq!((pair.service.setups.len(), greetings), (2, 1));
}

#[test]
fn a_sentence_that_was_begun_before_the_handle_is_ended_once() {
    let mut pair = Pair::talking();
    pair.opens_the_microphone(1_000);
    pair.pass(ms(500));
    pair.service_gives_a_handle();
    pair.pass(ms(500));
    pair.does(ClientInput::Mute(true));
    pair.pass(ms(200));
    pair.service_closes(1006, "");
    pair.pass(ms(2_000));
    let ends = |(_, said): &&(Duration, crate::pair::Said)| format!("{said:?}").contains("audioStreamEnd");
    assert_eq!(pair.service.history.iter().filter(ends).count(), 1);
    assert_eq!(pair.service.known().last(), Some(&(0, 16_000)), "with all the silence that it takes");
}

#[test]
fn a_minute_of_silence_does_not_make_anybody_wait() {
    let mut pair = talking_with_a_handle();
    pair.opens_the_microphone(0);
    pair.pass(Duration::from_secs(55));
    pair.service_closes(1006, "");
    pair.until("again there", |pair| pair.service.setups.len() == 2);
    let asked = speaks(&mut pair, 1_000, 1_000);
    pair.pass(ms(1_500));
    assert_once_but_near_handles(&pair, &asked);
    let silence: usize =
        pair.service.known().iter().filter(|(value, _)| *value == 0).map(|(_, count)| count).sum();
    assert!(silence >= 55 * 16_000, "{silence}");
}

#[test]
fn a_minute_in_a_noisy_room_does_not_make_anybody_wait_where_words_are_written_down() {
    let mut pair = Pair::new();
    pair.relay_config.setup.input_audio_transcription = Some(AudioTranscriptionConfig::default());
    let mut pair = pair.begun();
    pair.service_gives_a_handle();
    pair.opens_the_microphone(900);
    pair.pass(Duration::from_secs(40));
    goes_away(&mut pair, "50s");
    pair.until("again there", |pair| pair.service.setups.len() == 2);
    pair.pass(ms(5_000));
    let noise: usize = pair.service.known().iter().map(|(_, samples)| samples).sum();
    assert!(noise >= 44 * 16_000, "{noise}: all was said again");
    let before = pair.service.samples_of(900);
    pair.pass(ms(1_000));
    assert!(pair.service.samples_of(900) - before < 17_000, "and it has caught up");
}

#[test]
fn nothing_is_said_again_to_a_service_that_took_it_amiss() {
    let mut pair = talking_with_a_handle();
    pair.opens_the_microphone(1_000);
    pair.pass(ms(1_000));
    pair.closes_the_microphone();
    pair.pass(ms(100));
    pair.service_closes(1007, "Request contains an invalid argument.");
    pair.pass(ms(2_000));
    assert_eq!(handles(&pair), [Value::Null, Value::Null]);
    assert!(pair.service.known().is_empty(), "{:?}", pair.service.known());
    assert!(pair.errors().is_empty());
}

#[test]
fn what_no_other_connection_would_change_ends_the_call() {
    for (code, reason, expected) in [
        (1007, "API key not valid. Please pass a valid API key.", "service_key"),
        (1011, "You exceeded your current quota, please check your plan and billing", "service_quota"),
    ] {
        let mut pair = talking_with_a_handle();
        pair.service_closes(code, reason);
        pair.pass(ms(200));
        assert_eq!((pair.service.setups.len(), pair.errors()[0].0.as_str()), (1, expected));
    }
}

#[test]
fn a_service_that_stays_away_is_given_up_after_half_a_minute() {
    for close in [(1006, "connection refused"), (1006, "HTTP 503")] {
        let mut pair = talking_with_a_handle();
        pair.service.refuses_to_open = Some((close.0, close.1.into()));
        pair.service_closes(1006, "");
        let gone_at = pair.now;
        pair.until("given up", |pair| !pair.errors().is_empty());
        assert!(pair.now - gone_at < Duration::from_secs(31), "{:?}", pair.now - gone_at);
        assert_eq!(pair.reconnects.len(), 5);
        assert!(pair.relays == 1 && pair.relay.as_ref().unwrap().is_over());
    }
}

#[test]
fn a_service_that_never_answers_again_is_given_up_after_half_a_minute() {
    let mut pair = talking_with_a_handle();
    pair.service.is_mute = true;
    pair.service_closes(1006, "");
    let gone_at = pair.now;
    pair.until("given up", |pair| !pair.errors().is_empty());
    assert!(pair.now - gone_at < Duration::from_secs(31), "{:?}", pair.now - gone_at);
}

#[test]
fn calls_that_fell_together_do_not_rise_together() {
    let mut moments: Vec<Duration> = (0..20)
        .map(|seed| {
            let mut pair = Pair::new();
            pair.relay_config.seed = seed * 7_919;
            let mut pair = pair.begun();
            pair.pass(Duration::from_secs(20));
            pair.service_closes(1012, "");
            pair.until("again there", |pair| pair.service.setups.len() == 2);
            pair.service.setups[1].0
        })
        .collect();
    moments.sort_unstable();
    assert!(moments[19] - moments[0] > ms(120), "{moments:?}");
}

// ---- The handle is worth nothing.

#[test]
fn a_session_that_was_forgotten_is_begun_anew_with_what_was_said() {
    let mut pair = talking_with_a_handle();
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "My name is Ada."}}}));
    answers(&mut pair, 2_000, 24_000);
    is_done(&mut pair);
    pair.pass(ms(2_000));
    pair.service.forgets_handles = true;
    pair.service_closes(1011, "Internal error encountered.");
    pair.pass(ms(2_000));
    assert_eq!(handles(&pair), [Value::Null, json!("handle-1"), Value::Null]);
    let instruction = pair.service.setups[2].1["systemInstruction"]["parts"][0]["text"].as_str().unwrap();
    assert!(instruction.ends_with("Caller: My name is Ada.\nYou: Well, so be it."), "{instruction}");
    assert_eq!((readies(&pair), pair.errors().len()), (1, 0));
    // What was answered is not asked again.
    assert!(pair.service.known().iter().all(|(value, _)| *value == 0), "{:?}", pair.service.known());
    answers(&mut pair, 3_000, 24_000);
    is_done(&mut pair);
    pair.pass(ms(2_000));
    assert_eq!(pair.player.heard[&(2, 3_000)], 24_000);
}

#[test]
fn a_session_without_a_handle_is_begun_anew_and_asked_what_it_did_not_answer() {
    let mut pair = Pair::talking();
    speaks(&mut pair, 1_000, 500);
    pair.pass(ms(200));
    answers(&mut pair, 2_000, 24_000);
    is_done(&mut pair);
    pair.pass(ms(1_500));
    let asked = speaks(&mut pair, 3_000, 500);
    pair.opens_the_microphone(0);
    pair.pass(ms(200));
    pair.service_closes(1006, "");
    pair.pass(ms(2_000));
    let mut known = pair.service.known();
    known.retain(|(value, _)| *value >= 1_000);
    assert_eq!(known, asked.iter().map(|value| (*value, 320)).collect::<Vec<_>>());
}

#[test]
fn the_speech_that_a_button_began_is_begun_in_the_new_session_too() {
    let mut pair = Pair::talking_in(vivavoce_wire::message::Mode::PushToTalk);
    pair.does(ClientInput::Press(true));
    pair.opens_the_microphone(1_000);
    pair.pass(ms(500));
    pair.service_closes(1007, "Request contains an invalid argument.");
    pair.pass(ms(1_000));
    pair.does(ClientInput::Press(false));
    pair.pass(ms(1_000));
    let marks: Vec<&str> = pair
        .service
        .history
        .iter()
        .filter_map(|(_, said)| {
            let said = format!("{said:?}");
            if said.contains("activityStart") {
                Some("start")
            } else {
                said.contains("activityEnd").then_some("end")
            }
        })
        .collect();
    assert_eq!(marks, ["start", "end"]);
}

#[test]
fn a_network_that_fails_over_a_setup_does_not_cost_the_handle() {
    let mut pair = talking_with_a_handle();
    pair.service.refuses_setup = Some((1006, String::new()));
    pair.service_closes(1006, "");
    pair.until("refused", |pair| pair.service.setups.len() == 2);
    pair.pass(ms(200));
    pair.service.refuses_setup = None;
    pair.pass(ms(2_000));
    assert_eq!(handles(&pair), [Value::Null, json!("handle-1"), json!("handle-1")]);
}

// ---- The model is not there.

#[test]
fn the_next_model_is_asked_for_until_one_is_there() {
    let mut pair = Pair::new();
    pair.relay_config.other_models = vec!["models/b".into(), "models/c".into()];
    pair.service.models = vec!["c".into()];
    let pair = pair.begun();
    let models: Vec<&Value> = pair.service.setups.iter().map(|(_, setup)| &setup["model"]).collect();
    assert_eq!(models, ["models/gemini-3.8-live", "models/b", "models/c"]);
    assert!(pair.errors().is_empty());
    let ready = pair.told.iter().find_map(|(_, told)| match told {
        FromProxy::Ready(ready) => Some(ready.model.clone()),
        _ => None,
    });
    assert_eq!(ready.unwrap(), "models/c");
}

#[test]
fn the_person_is_told_when_no_model_is_there() {
    let mut pair = Pair::new();
    pair.relay_config.other_models = vec!["models/b".into()];
    pair.service.models = vec!["c".into()];
    pair.does(ClientInput::Start);
    pair.until("told", |pair| !pair.errors().is_empty());
    assert_eq!((pair.service.setups.len(), pair.errors()[0].0.as_str()), (2, "service_setup"));
}

#[test]
fn a_model_that_is_taken_away_is_followed_by_the_next_with_what_was_said() {
    let mut pair = Pair::new();
    pair.relay_config.other_models = vec!["models/b".into()];
    let mut pair = pair.begun();
    pair.service_gives_a_handle();
    pair.does(ClientInput::Text("My name is Ada.".into()));
    pair.pass(ms(500));
    pair.service.models = vec!["b".into()];
    pair.service_closes(1006, "");
    pair.pass(ms(2_000));
    let (_, setup) = pair.service.setups.last().unwrap();
    assert_eq!((&setup["model"], pair.service.setups.len()), (&json!("models/b"), 3));
    assert!(setup["sessionResumption"]["handle"].is_null());
    assert!(setup["systemInstruction"].to_string().contains("Caller: My name is Ada."));
}

// ---- It is there and says nothing.

#[test]
fn a_session_that_hears_and_never_answers_is_taken_up_again_and_then_begun_anew() {
    let mut pair = talking_with_a_handle();
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "Hello?"}}}));
    pair.pass(ms(7_900));
    assert_eq!(pair.service.setups.len(), 1);
    pair.pass(ms(400));
    assert_eq!(handles(&pair), [Value::Null, json!("handle-1")]);
    pair.pass(ms(9_000));
    assert_eq!(handles(&pair), [Value::Null, json!("handle-1"), Value::Null]);
    assert_eq!(pair.reconnects.len(), 2);
    assert!(pair.reconnects.iter().all(|(_, why)| why.contains("does not answer")), "{:?}", pair.reconnects);
    pair.pass(Duration::from_secs(60));
    assert_eq!(pair.service.setups.len(), 3, "perhaps there is nothing to say");
    assert!(pair.errors().is_empty());
}

#[test]
fn a_session_that_falls_silent_for_the_person_and_stays_so_is_taken_up_again() {
    let mut pair = talking_with_a_handle();
    answers(&mut pair, 2_000, 24_000);
    pair.service_says(&json!({"serverContent": {"interrupted": true}}));
    pair.pass(ms(9_000));
    assert_eq!(pair.service.setups.len(), 2);
}

#[test]
fn a_person_who_speaks_for_long_is_not_hurried_nor_is_one_who_was_answered() {
    let mut pair = talking_with_a_handle();
    for _ in 0..10 {
        pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": " and so on"}}}));
        pair.pass(ms(4_000));
    }
    answers(&mut pair, 2_000, 24_000);
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": " late words"}}}));
    is_done(&mut pair);
    pair.pass(ms(200));
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": " later words"}}}));
    pair.pass(Duration::from_secs(20));
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "Hm."}}}));
    pair.service_says(&json!({"serverContent": {"turnComplete": true}}));
    pair.pass(Duration::from_secs(20));
    assert_eq!(pair.service.setups.len(), 1);
}

// ---- What the stories need.

fn talking_with_a_handle() -> Pair {
    let mut pair = Pair::talking();
    pair.pass(ms(12_000));
    pair.service_gives_a_handle();
    pair.pass(ms(100));
    pair
}

fn goes_away(pair: &mut Pair, time_left: &str) {
    pair.service_says(&json!({"goAway": {"timeLeft": time_left}}));
}

/// Speaks for so long, each frame with a value of its own from `first` on; the values.
fn speaks(pair: &mut Pair, first: i16, for_ms: u64) -> Vec<i16> {
    let values = first..first + (for_ms / 20) as i16;
    for value in values.clone() {
        pair.opens_the_microphone(value);
        pair.pass(ms(20));
    }
    pair.opens_the_microphone(0);
    values.collect()
}

/// The session knows each of these frames once and in order; twice at most if it was said at about the time of a handle.
fn assert_once_but_near_handles(pair: &Pair, values: &[i16]) {
    for value in values {
        let known =
            pair.service.known().iter().filter(|(of, _)| of == value).map(|(_, samples)| samples).sum();
        let samples: usize = known;
        assert_eq!(samples, 320, "of frame {value}: {:?}", pair.service.known());
    }
    let mut known: Vec<i16> = pair.service.known().into_iter().map(|(value, _)| value).collect();
    known.retain(|value| values.contains(value));
    assert!(known.is_sorted(), "{known:?}");
}

fn handles(pair: &Pair) -> Vec<Value> {
    let handle = |(_, setup): &(Duration, Value)| setup["sessionResumption"]["handle"].clone();
    pair.service.setups.iter().map(handle).collect()
}

fn readies(pair: &Pair) -> usize {
    pair.told.iter().filter(|(_, message)| matches!(message, FromProxy::Ready(_))).count()
}

fn tool_states(pair: &Pair) -> Vec<ToolState> {
    let state = |(_, event): &(_, ClientEvent)| match event {
        ClientEvent::Tool(words) => serde_json::from_value(words.value()["state"].clone()).ok(),
        _ => None,
    };
    pair.events.iter().filter_map(state).collect()
}
