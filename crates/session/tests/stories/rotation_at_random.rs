//! However its connections end: the service knows each sample of the person's once in the end.

use crate::pair::{Pair, Said, ms, speech};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use vivavoce_session::RelayInput;

/// What befalls a call.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// The person speaks for so many frames.
    Speaks(u8),
    /// The service gives a handle.
    Handle,
    /// The service's connection ends so.
    Closes(u16, &'static str),
    /// It says that it will, in so many seconds.
    GoesAway(u8),
    /// The model speaks.
    Answers,
    /// It has spoken.
    IsDone,
    /// It writes down what it heard.
    Heard,
    /// The service is slower, or faster, from here on.
    Takes { latency_ms: u8, setup_ms: u16 },
    /// The phone's connection breaks.
    Cut,
    /// The proxy dies, and another takes its place.
    ProxyDies,
    /// The proxy is told to let another go on.
    Moves { within_s: u8 },
    /// The next socket can't be opened, or the next setup is refused.
    Fails { opens: bool },
}

fn fates() -> impl Strategy<Value = Fate> {
    let closes = prop::sample::select(&[
        (1006, ""),
        (1011, "Internal error encountered."),
        (1008, "The operation was aborted"),
        (1012, ""),
    ]);
    prop_oneof![
        8 => (1_u8..60).prop_map(Fate::Speaks),
        4 => Just(Fate::Handle),
        3 => closes.prop_map(|(code, reason)| Fate::Closes(code, reason)),
        2 => (0_u8..12).prop_map(Fate::GoesAway),
        2 => Just(Fate::Answers),
        2 => Just(Fate::IsDone),
        2 => Just(Fate::Heard),
        1 => (5_u8..100, 0_u16..900).prop_map(|(latency_ms, setup_ms)| Fate::Takes { latency_ms, setup_ms }),
        1 => any::<bool>().prop_map(|opens| Fate::Fails { opens }),
        2 => Just(Fate::Cut),
        1 => Just(Fate::ProxyDies),
        1 => (0_u8..9).prop_map(|within_s| Fate::Moves { within_s }),
    ]
}

fn befall(pair: &mut Pair, fate: Fate, spoken: &mut i16) {
    pair.service.refuses_to_open = None;
    pair.service.refuses_setup = None;
    match fate {
        Fate::Speaks(frames) => {
            for _ in 0..frames {
                pair.opens_the_microphone(*spoken);
                *spoken += 1;
                pair.pass(ms(20));
            }
            pair.closes_the_microphone();
        }
        Fate::Cut => pair.cut(),
        Fate::ProxyDies => pair.proxy_dies(),
        Fate::Moves { within_s } => {
            pair.relay_hears(RelayInput::Move { within: Duration::from_secs(within_s.into()) });
        }
        // What is not there says nothing.
        _ if !pair.service.listens() && !matches!(fate, Fate::Takes { .. } | Fate::Fails { .. }) => {}
        Fate::Handle => pair.service_gives_a_handle(),
        Fate::Closes(code, reason) => pair.service_closes(code, reason),
        Fate::GoesAway(seconds) => {
            pair.service_says(&json!({"goAway": {"timeLeft": format!("{seconds}s")}}));
        }
        Fate::Answers => pair.service_says(&speech(500, 4_800)),
        Fate::IsDone => pair.service_says(&json!({"serverContent": {"turnComplete": true}})),
        Fate::Heard => {
            pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "So"}}}));
        }
        Fate::Takes { latency_ms, setup_ms } => {
            pair.service.latency = ms(latency_ms.into());
            pair.service.setup_time = ms(setup_ms.into());
        }
        Fate::Fails { opens: true } => pair.service.refuses_setup = Some((1006, String::new())),
        Fate::Fails { opens: false } => pair.service.refuses_to_open = Some((1006, "HTTP 503".into())),
    }
}

/// When each frame was sent, over all connections.
fn sent(pair: &Pair) -> BTreeMap<i16, Vec<Duration>> {
    let mut sent: BTreeMap<i16, Vec<Duration>> = BTreeMap::new();
    for (at, said) in &pair.service.heard {
        if let Said::Audio { first, .. } = said {
            sent.entry(*first).or_default().push(*at);
        }
    }
    sent
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_sample_stands_once_in_what_the_service_knows(
        steps in prop::collection::vec((fates(), 0_u64..1_500), 0..30),
    ) {
        let mut pair = Pair::new();
        // Who begins anew because nobody answers knows the words, and no sample.
        pair.relay_config.answer_deadline = Duration::ZERO;
        let mut pair = pair.begun();
        pair.closes_the_microphone();
        pair.pass(ms(500));
        pair.service_gives_a_handle();
        let mut spoken = FIRST;
        for (fate, wait_ms) in steps {
            befall(&mut pair, fate, &mut spoken);
            pair.pass(ms(wait_ms));
        }
        pair.service.refuses_to_open = None;
        pair.service.refuses_setup = None;
        pair.pass(Duration::from_secs(60));
        // One that fails over and over is given up, and a handle over which setups fail is dropped, as others tell.
        let handles = pair.service.setups.iter().skip(1).map(|(_, setup)| &setup["sessionResumption"]["handle"]);
        if !pair.errors().is_empty() || handles.into_iter().any(serde_json::Value::is_null) {
            return Ok(());
        }
        prop_assert_eq!(pair.client.dropped_samples(), 0);
        let (known, sent) = (pair.service.known(), sent(&pair));
        for value in FIRST..spoken {
            let samples: usize = known.iter().filter(|(of, _)| *of == value).map(|(_, samples)| samples).sum();
            prop_assert!(samples >= 320 && samples.is_multiple_of(320), "{} of frame {}", samples, value);
            let is_near = |sent: &Duration| {
                pair.service.handed.iter().any(|came| (*sent..=*sent + MARGIN).contains(came))
            };
            let times = samples / 320;
            prop_assert!(times == 1 || sent[&value].iter().any(is_near), "frame {} {} times", value, times);
        }
        let mut newest = 0;
        for (value, _) in known.into_iter().filter(|(value, _)| *value >= FIRST) {
            prop_assert!(value <= newest + 1 || newest == 0, "frame {} after {}", value, newest);
            newest = newest.max(value);
        }
    }
}

/// The value of the first frame; each has its own, and none is as faint as silence.
const FIRST: i16 = 1_000;
/// No round trip counts as longer.
const MARGIN: Duration = Duration::from_millis(500);
