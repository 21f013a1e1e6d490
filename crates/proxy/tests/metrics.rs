//! What operators are told of calls.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]

mod stage;

use stage::{Phone, Proxy, frame, get, patiently, simulator};
use vivavoce_wire::FromProxy;
use vivavoce_wire::message::TurnState;

#[tokio::test]
async fn a_call_is_measured_from_end_to_end() {
    let proxy = Proxy::to(simulator("").await).await;
    let mut phone = Phone::introduced(&proxy).await;
    phone.wait_ready().await;
    let voice = (0..320_i16).flat_map(|at| (at % 40 * 300).to_le_bytes()).collect::<Vec<_>>();
    for _ in 0..50 {
        phone.send(frame(voice.clone())).await;
    }
    phone.say(r#"{"type":"audio_end"}"#).await;
    phone
        .wait(|message| matches!(message, FromProxy::Turn { state: TurnState::Generated, .. }).then_some(()))
        .await;
    // Sound is counted with the next thing that is none.
    let told = told(&proxy, |told| value(told, "vivavoce_relayed_seconds_count") > 50).await;
    assert_eq!(value(&told, "vivavoce_turns_total"), 1);
    assert_eq!(value(&told, "vivavoce_first_audio_seconds_count"), 1);
    let of = |side: &str, way: &str| {
        value(&told, &format!("vivavoce_frames_bytes_total{{side=\"{side}\",way=\"{way}\"}}"))
    };
    assert!(of("phone", "in") > 32_000 && of("phone", "out") > 10_000, "{told}");
    assert!(of("service", "in") > of("phone", "out") && of("service", "out") > of("phone", "in"), "{told}");
    assert_eq!(value(&told, "vivavoce_unsent_to_phones_bytes"), 0);
    assert_eq!(value(&told, "vivavoce_unsent_to_service_frames"), 0);
}

#[tokio::test]
async fn what_a_page_says_of_its_sound_counts_and_nonsense_does_not() {
    let proxy = Proxy::to(simulator("").await).await;
    let mut phone = Phone::introduced(&proxy).await;
    phone.wait_ready().await;
    for (underruns, barge_in_ms) in [(2, 240), (0, 0), (1, 4_000_000_000_u32), (4_000_000_000_u32, 0)] {
        phone
            .say(&format!(
                r#"{{"type":"heard","epoch":1,"samples":0,"underruns":{underruns},"barge_in_ms":{barge_in_ms}}}"#
            ))
            .await;
    }
    let told = told(&proxy, |told| value(told, "vivavoce_underruns_total") == 103).await;
    assert_eq!(value(&told, "vivavoce_barge_in_seconds_count"), 1);
    assert!(told.contains("vivavoce_barge_in_seconds_sum 0.24"), "{told}");
}

/// The metrics once this holds for them. They are written down one by one while calls go on, so those that hold now may stand beside
/// others of a moment ago: what is given was asked for afterwards.
async fn told(proxy: &Proxy, is_so: impl Fn(&str) -> bool) -> String {
    patiently(async {
        while !is_so(&get(proxy.operators, "/metrics").await) {}
        get(proxy.operators, "/metrics").await
    })
    .await
}

fn value(told: &str, name: &str) -> u64 {
    let line = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} in {told}")).parse().unwrap()
}
