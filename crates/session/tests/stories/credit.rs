//! The service is far ahead of the ear: what the phone has no credit for waits in the proxy.

use crate::desk::{Desk, Told};
use crate::pair::{Pair, ms};
use crate::talk::{answers, is_done};
use serde_json::json;
use std::time::Duration;
use vivavoce_session::client::Who;
use vivavoce_session::{RelayConfig, RelayInput};
use vivavoce_wire::message::{FromClient, FromProxy, TurnState};
use vivavoce_wire::trouble::Code;

/// Twenty seconds.
const AHEAD: u64 = 480_000;
const SECOND: u64 = 24_000;

#[test]
fn a_long_turn_is_sent_as_it_is_heard_and_none_of_it_is_lost() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 2_160_000);
    is_done(&mut pair);
    pair.until("heard", |pair| pair.player.heard_of(1) == 2_160_000);
    pair.pass(ms(1_000));
    assert!((AHEAD - SECOND..AHEAD + SECOND).contains(&pair.most_ahead), "{}", pair.most_ahead);
    assert_eq!(pair.player.ends[&1], 2_160_000);
    assert_eq!(pair.caption(Who::Model, 1), "Well, so be it.");
    assert_eq!(pair.caption_ends(Who::Model), [(1, false)]);
    // Never a moment without sound: the pretend player reports every end of it.
    assert_eq!(pair.player.underruns, 0);
}

#[test]
fn a_page_whose_sound_stands_still_gets_no_more_and_plays_on_later() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 240_000);
    pair.player.is_frozen = true;
    answers(&mut pair, 2_000, 1_200_000);
    is_done(&mut pair);
    pair.pass(Duration::from_secs(300));
    assert!(pair.sent - pair.player.heard_of(1) < AHEAD + SECOND);
    pair.player.is_frozen = false;
    pair.until("heard", |pair| pair.player.heard_of(1) == 1_440_000);
    assert!(pair.most_ahead < AHEAD + SECOND, "{}", pair.most_ahead);
}

#[test]
fn an_interruption_never_waits_and_the_next_turn_does_not_either() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 1_920_000);
    is_done(&mut pair);
    pair.pass(ms(1_000));
    pair.service_says(&json!({"serverContent": {"interrupted": true}}));
    let said_at = pair.now;
    pair.pass(ms(500));
    assert_eq!(pair.player.flushes, [(said_at + ms(70), 1)]);
    let sent = pair.sent;
    answers(&mut pair, 3_000, 24_000);
    is_done(&mut pair);
    pair.pass(ms(2_000));
    assert_eq!(pair.player.heard[&(2, 3_000)], 24_000);
    assert_eq!(pair.sent, sent + 24_000);
}

#[test]
fn words_wait_in_their_place_in_the_sound() {
    let mut desk = Desk::talking(|_| {});
    let words = |text: &str| json!({"serverContent": {"outputTranscription": {"text": text}}});
    desk.service(&words("Once "));
    desk.speaks(1, 30);
    desk.service(&words("the end."));
    desk.completes();
    desk.heard(1, 0);
    assert_eq!(desk.sent(1), AHEAD);
    let transcript = |text: &str| Told::Word(FromProxy::ModelTranscript { epoch: 1, text: text.into() });
    assert_eq!(desk.told[..2], [Told::Turn(1, TurnState::Started), transcript("Once ")]);
    assert_eq!(desk.place(&transcript("the end.")), None);
    desk.heard(1, 15 * SECOND);
    assert_eq!(desk.sent(1), 30 * SECOND);
    let told = desk.told.len();
    let end =
        [transcript("the end."), Told::Turn(1, TurnState::Generated), Told::Turn(1, TurnState::Complete)];
    assert_eq!(desk.told[told - 3..], end);
}

#[test]
fn what_the_user_says_and_signs_of_life_do_not_wait() {
    let mut desk = Desk::talking(|_| {});
    desk.speaks(1, 60);
    desk.told.clear();
    desk.service(&json!({"serverContent": {"inputTranscription": {"text": "Go on."}}}));
    desk.phone(&FromClient::Ping { id: 4 });
    let text = FromProxy::UserTranscript { text: "Go on.".into(), done: false };
    assert_eq!(desk.told, [Told::Word(text), Told::Word(FromProxy::Pong { id: 4 })]);
}

#[test]
fn a_turn_that_was_still_kept_is_begun_before_it_is_cut() {
    let mut desk = Desk::talking(|_| {});
    desk.speaks(1, 25);
    desk.completes();
    desk.speaks(2, 5);
    desk.completes();
    desk.told.clear();
    desk.is_interrupted();
    let expected = [
        Told::Dropped(2),
        Told::Turn(2, TurnState::Started),
        Told::Turn(2, TurnState::Interrupted),
        Told::Turn(1, TurnState::Complete),
        Told::Turn(2, TurnState::Complete),
    ];
    assert_eq!(desk.told, expected);
    desk.speaks(3, 1);
    assert_eq!((desk.sent(1), desk.sent(2), desk.sent(3)), (0, 0, SECOND));
}

#[test]
fn what_the_phone_silenced_makes_way_for_the_newer_turn() {
    let mut desk = Desk::talking(|_| {});
    desk.speaks(1, 60);
    desk.completes();
    desk.heard(1, 5 * SECOND);
    desk.speaks(2, 2);
    assert_eq!(desk.sent(2), 0);
    desk.told.clear();
    desk.phone(&FromClient::Silenced { epoch: 1 });
    assert_eq!((desk.sent(1), desk.sent(2)), (0, 2 * SECOND));
    let turns = [Told::Dropped(1), Told::Turn(1, TurnState::Complete), Told::Turn(2, TurnState::Started)];
    assert_eq!(desk.told[..3], turns);
}

#[test]
fn what_the_service_still_says_of_a_turn_that_the_phone_silenced_is_not_sent() {
    let mut desk = Desk::talking(|_| {});
    desk.speaks(1, 2);
    desk.phone(&FromClient::Silenced { epoch: 1 });
    desk.speaks(1, 30);
    desk.completes();
    assert_eq!(desk.sent(1), 2 * SECOND);
    assert_eq!(desk.told.last(), Some(&Told::Turn(1, TurnState::Complete)));
    desk.speaks(2, 2);
    assert_eq!(desk.sent(2), 2 * SECOND);
}

#[test]
fn a_turn_that_was_never_sent_can_t_be_silenced() {
    let mut desk = Desk::talking(|_| {});
    desk.speaks(1, 2);
    desk.phone(&FromClient::Silenced { epoch: 2 });
    desk.speaks(1, 2);
    assert_eq!(desk.sent(1), 4 * SECOND);
}

#[test]
fn a_phone_that_never_says_what_it_heard_is_taken_to_play_in_real_time() {
    let mut desk = Desk::talking(|_| {});
    desk.pass(Duration::from_secs(7));
    for second in 0..20 {
        desk.speaks(1, 3);
        assert_eq!(desk.sent(1), (60 * SECOND).min((second * 3 + 3) * SECOND).min(AHEAD + second * SECOND));
        desk.pass(Duration::from_secs(1));
    }
    desk.completes();
    desk.pass(Duration::from_secs(20));
    assert_eq!(desk.sent(1), 60 * SECOND);
    assert!(desk.told.contains(&Told::Turn(1, TurnState::Complete)));
    // It has played nothing since: the next turn has all the credit, and no more.
    desk.pass(Duration::from_secs(100));
    desk.speaks(2, 60);
    assert_eq!(desk.sent(2), AHEAD);
}

#[test]
fn from_its_first_word_of_what_it_heard_only_its_word_counts() {
    let mut desk = Desk::talking(|_| {});
    desk.speaks(1, 60);
    desk.pass(Duration::from_secs(10));
    assert_eq!(desk.sent(1), 30 * SECOND);
    desk.heard(1, 4 * SECOND);
    desk.pass(Duration::from_secs(25));
    assert_eq!(desk.sent(1), 30 * SECOND);
    desk.heard(1, 11 * SECOND);
    assert_eq!(desk.sent(1), 31 * SECOND);
}

#[test]
fn nobody_has_heard_what_is_kept() {
    let mut desk = Desk::talking(|_| {});
    desk.speaks(1, 60);
    desk.completes();
    desk.heard(1, u64::MAX);
    assert_eq!(desk.relay.heard(), (1, AHEAD));
    assert_eq!(desk.sent(1), 2 * AHEAD);
}

#[test]
fn when_as_much_is_kept_as_may_be_the_service_is_not_wanted_until_more_was_heard() {
    let mut desk = Desk::talking(small);
    desk.speaks(1, 29);
    assert!(desk.relay.wants_service());
    desk.speaks(1, 1);
    assert!(!desk.relay.wants_service());
    desk.heard(1, SECOND);
    assert!(desk.relay.wants_service());
}

#[test]
fn speech_is_looked_for_behind_what_is_kept_and_silence_makes_room_at_once() {
    let mut desk = Desk::talking(small);
    desk.speaks(1, 30);
    desk.phone(&FromClient::Activity { speaking: true });
    assert!(desk.relay.wants_service());
    desk.speaks(1, 118);
    assert!(desk.relay.wants_service());
    desk.speaks(1, 2);
    assert!(!desk.relay.wants_service());
    desk.phone(&FromClient::Activity { speaking: false });
    desk.phone(&FromClient::Silenced { epoch: 1 });
    assert!(desk.relay.wants_service());
}

#[test]
fn an_interruption_makes_room_at_once() {
    let mut desk = Desk::talking(small);
    desk.speaks(1, 30);
    assert!(!desk.relay.wants_service());
    desk.is_interrupted();
    assert!(desk.relay.wants_service());
}

#[test]
fn when_the_service_is_gone_all_that_is_kept_comes_before_the_trouble() {
    for end in [RelayInput::ServiceClosed { code: 1000, reason: String::new() }, RelayInput::Shutdown] {
        let mut desk = Desk::talking(|_| {});
        desk.speaks(1, 60);
        desk.completes();
        desk.hears(end);
        assert_eq!(desk.sent(1), 60 * SECOND);
        let told = desk.told.len();
        assert_eq!(desk.told[told - 3], Told::Turn(1, TurnState::Complete));
        let Told::Word(FromProxy::Error { error }) = &desk.told[told - 2] else { panic!("{:?}", desk.told) };
        assert!(matches!(error.code, Code::ServiceFailed | Code::GoingAway));
        assert_eq!(desk.told[told - 1], Told::Closed);
    }
}

/// Room for ten seconds.
fn small(config: &mut RelayConfig) {
    config.most_kept = ms(10_000);
}
