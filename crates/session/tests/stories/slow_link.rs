//! A network without room.

use crate::pair::{Pair, ms};
use crate::talk::{answers, is_done};
use serde_json::json;
use std::time::Duration;
use vivavoce_session::client::Who;

#[test]
fn loses_nothing_and_keeps_the_order() {
    let mut pair = Pair::new();
    pair.network.bytes_per_second = Some(40_000);
    pair.network.latency = ms(200);
    pair.opens_the_microphone(1_000);
    pair.does(vivavoce_session::ClientInput::Start);
    pair.until("ready", Pair::is_ready);
    answers(&mut pair, 2_000, 120_000);
    is_done(&mut pair);
    pair.pass(Duration::from_secs(10));
    // The model's 48 000 bytes a second do not fit: it is heard late and with gaps, but all of it.
    assert_eq!(pair.player.heard[&(1, 2_000)], 120_000);
    assert_eq!(pair.caption_ends(Who::Model), [(1, false)]);
    // The microphone's 33 000 do.
    let spoken = (pair.now - Duration::from_secs(100)).as_millis() as usize * 16;
    let heard = pair.service.samples_of(1_000);
    assert!(spoken - heard < 16 * 1_500, "{heard} of {spoken}");
}

#[test]
fn an_interruption_kills_what_is_still_on_its_way() {
    let mut pair = Pair::new();
    pair.network.bytes_per_second = Some(60_000);
    pair.does(vivavoce_session::ClientInput::Start);
    pair.until("ready", Pair::is_ready);
    answers(&mut pair, 2_000, 240_000);
    pair.service_says(&json!({"serverContent": {"interrupted": true}}));
    pair.service_says(&json!({"serverContent": {"turnComplete": true}}));
    pair.pass(Duration::from_secs(12));
    assert!(pair.player.is_silent());
    assert_eq!(pair.player.flushes.len(), 1);
    assert_eq!(pair.caption_ends(Who::Model), [(1, true)]);
}
