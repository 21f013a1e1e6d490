//! Calls outlive their connections to the service, at a whole phone, and every sample is counted.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]
#![allow(clippy::print_stdout, reason = "the stories tell their figures")]

mod stage;

use core::time::Duration;
use stage::caller::Caller;
use stage::house::House;
use stage::tape::Tape;
use stage::wire::Network;
use vivavoce_session::client::ClientEvent;

const REPLY_MS: usize = 3_000;

/// A call with a service in which this goes wrong.
async fn call(name: &str, fault: &str, seed: u64) -> (House, stage::Proxy, Network, Caller) {
    let script = format!(
        "after = \"repeat\"\n[[turn]]\naudio = {{ tone = {{ hz = 330, ms = {REPLY_MS} }} }}\n{fault}"
    );
    let house = House::open(name, &script).await;
    let proxy = house.proxy().await;
    let network = Network::to(proxy.address);
    let caller = Caller::calls(&network, seed).await;
    (house, proxy, network, caller)
}

fn whole_turns(caller: &Caller) -> usize {
    caller.speaker.rendered.values().filter(|turn| turn.len() == REPLY_MS * 24).count()
}

#[tokio::test]
async fn that_the_service_leaves_is_never_heard() {
    let fault = "[[fault]]\nconnection = 1\nat_ms = 1500\ndo = { go_away = 20 }";
    let (house, _proxy, _network, mut caller) = call("service-leaves", fault, 1).await;
    // It says so in the middle of the person's words; they are answered first.
    caller.speaks(2_500);
    caller.until("an answer", |caller| whole_turns(caller) == 1).await;
    let first = Tape::with(&house.folder, 1, "gone").await;
    caller.speaks(1_000);
    caller.until("another", |caller| whole_turns(caller) == 2).await;
    caller.hangs_up().await;
    let second = Tape::with(&house.folder, 2, "gone").await;
    let (said, heard, again) = (&caller.microphone.heard, first.spoken(), second.spoken());
    assert!(said.starts_with(&heard) && said.ends_with(&again));
    let twice = (heard.len() + again.len()).checked_sub(said.len()).expect("no gap between the two");
    println!("starved for {:?}; {twice} samples said again", caller.speaker.starved());
    // A busy machine may keep the model itself waiting for a moment.
    assert!(caller.speaker.starved() < Duration::from_millis(100));
    assert_eq!((caller.readies.len(), caller.complaints()), (1, vec![]));
    assert_eq!(house.setups()[..], [false, true]);
}

#[tokio::test]
async fn that_the_service_leaves_while_its_answer_is_heard_is_never_heard() {
    // It has to be left when its answer has come whole and is heard by half.
    let fault = "[[turn.fault]]\nconnection = 1\nat_ms = 500\ndo = { go_away = 4 }";
    let (house, _proxy, _network, mut caller) = call("service-hurries", fault, 8).await;
    caller.speaks(1_000);
    caller.until("the answer", |caller| whole_turns(caller) == 1).await;
    let first = Tape::with(&house.folder, 1, "gone").await;
    let heard_on = first.at_s("gone") - first.at_s("answer") - 0.5;
    assert!((0.5..1.5).contains(&heard_on), "it was left {heard_on} s later");
    // The next session says it once more, to nobody, and then answers.
    caller.passes(5_000).await;
    caller.speaks(1_000);
    caller.until("another", |caller| whole_turns(caller) == 2).await;
    caller.hangs_up().await;
    let second = Tape::with(&house.folder, 2, "gone").await;
    println!("starved for {:?}", caller.speaker.starved());
    assert!(caller.speaker.starved() < Duration::from_millis(100));
    assert_eq!(second.count("turn_complete"), 2);
    assert!(second.spoken().len() > 2 * 16_000, "it was asked both");
    let cut = |event: &&ClientEvent| matches!(event, ClientEvent::CaptionEnd { cut: true, .. });
    assert_eq!(caller.events.iter().find(cut), None);
    assert_eq!((caller.readies.len(), caller.complaints()), (1, vec![]));
    assert_eq!(house.setups()[..], [false, true]);
}

#[tokio::test]
async fn an_answer_that_still_comes_when_the_service_leaves_is_heard_until_it_is_given_again() {
    // It has to be left 0.6 s into an answer that takes 0.8 s to come.
    let fault = "[[turn.fault]]\nconnection = 1\nat_ms = 100\ndo = { go_away = 1 }";
    let (house, _proxy, _network, mut caller) = call("service-leaves-midway", fault, 9).await;
    caller.speaks(1_000);
    caller.until("it is given again", |caller| whole_turns(caller) == 1).await;
    caller.hangs_up().await;
    println!("silence for {:?}, heard {:?}", caller.speaker.starved(), lengths(&caller));
    assert!(caller.speaker.starved() < Duration::from_millis(300));
    assert_eq!((caller.readies.len(), caller.complaints()), (1, vec![]));
    assert_eq!(house.setups()[..], [false, true]);
}

fn lengths(caller: &Caller) -> Vec<usize> {
    caller.speaker.rendered.values().map(Vec::len).collect()
}

#[tokio::test]
async fn an_answer_that_the_service_breaks_off_is_given_again() {
    let fault = "[[turn.fault]]\nconnection = 1\nat_ms = 300\n\
                 do = { close = { code = 1011, reason = \"Internal error encountered.\" } }";
    let (house, _proxy, _network, mut caller) = call("service-breaks-off", fault, 2).await;
    caller.speaks(1_000);
    let cut = |caller: &Caller| {
        caller.events.iter().any(|event| matches!(event, ClientEvent::CaptionEnd { cut: true, .. }))
            || caller.speaker.rendered.len() > 1
    };
    caller.until("the answer begins", |caller| !caller.speaker.rendered.is_empty()).await;
    let first = Tape::with(&house.folder, 1, "close");
    let (first, ()) = tokio::join!(first, caller.passes(1_500));
    caller.until("it is given again", cut).await;
    caller.until("all of it", |caller| whole_turns(caller) >= 1).await;
    caller.hangs_up().await;
    let second = Tape::with(&house.folder, 2, "gone").await;
    let (said, heard, again) = (&caller.microphone.heard, first.spoken(), second.spoken());
    assert!(said.starts_with(&heard) && said.ends_with(&again));
    assert!(heard.len() + again.len() >= said.len(), "nothing between them is lost");
    let between = second.at_s("setup_complete") - first.at_s("close");
    let starved = caller.speaker.starved();
    println!("the next connection listens after {:.0} ms, silence for {starved:?}", between * 1_000.0);
    assert!(between < 1.5, "{between} s");
    assert_eq!(caller.speaker.rendered.len(), 2, "what came of it was heard meanwhile");
    assert_eq!((caller.readies.len(), caller.complaints()), (1, vec![]));
}
