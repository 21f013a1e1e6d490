//! Calls outlive their connections: a whole phone, a network that fails, a proxy and a service, and every sample of both
//! sides counted.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]
#![allow(clippy::print_stdout, reason = "the stories tell their figures")]

mod stage;

use core::time::Duration;
use stage::caller::Caller;
use stage::devices::voice;
use stage::tape::Tape;
use stage::wire::Network;
use stage::{Dice, Folder, Phone, Proxy, assert_trouble, simulator};
use std::sync::Arc;
use tokio::time::Instant;
use vivavoce_proxy::config::Config;
use vivavoce_sim::wav::WavFile;
use vivavoce_wire::message::Ready;
use vivavoce_wire::{AudioFrame, Code, Codec, FromProxy, Kind};

#[tokio::test]
async fn a_sentence_survives_a_cut_of_three_seconds() {
    let scene = Scene::of("sentence", 1_000, |_| {}).await;
    let mut caller = scene.calls(3).await;
    caller.speaks(5_000);
    caller.passes(1_500).await;
    scene.network.leaves();
    caller.passes(3_000).await;
    scene.network.returns();
    caller.is_online();
    let returned_at = Instant::now();
    caller.until("there again", |caller| caller.readies.len() == 2).await;
    println!("the call is there {:?} after the network", caller.readies[1].0 - returned_at);
    caller.until("the answer", |caller| caller.has_heard(1, scene.reply.len())).await;
    caller.hangs_up().await;
    scene.is_whole(&caller, 1).await;
    assert_eq!(caller.complaints(), [""; 0]);
}

#[tokio::test]
async fn a_reply_survives_a_cut_of_three_seconds_and_goes_on_as_soon_as_the_phone_is_back() {
    let scene = Scene::of("reply", 8_000, |config| config.limits.ahead = Duration::from_secs(2)).await;
    let mut caller = scene.calls(4).await;
    caller.speaks(800);
    caller.until("some of the reply", |caller| caller.has_heard(1, 36_000)).await;
    scene.network.leaves();
    caller.passes(3_000).await;
    scene.network.returns();
    let came = caller.speaker.came.len();
    caller.until("more of the reply", |caller| caller.speaker.came.len() > came).await;
    let (opened_at, ready_at, sound_at) =
        (*caller.opened.last().unwrap(), caller.readies[1].0, caller.speaker.came[came].0);
    println!(
        "sound {:?} after ready and {:?} after the socket; starved for {:?}",
        sound_at - ready_at,
        sound_at - opened_at,
        caller.speaker.starved()
    );
    assert!(sound_at - ready_at < Duration::from_secs(1));
    assert!(caller.speaker.starved() > Duration::ZERO, "the cut was longer than what was there");
    caller.until("all of the reply", |caller| caller.has_heard(1, scene.reply.len())).await;
    caller.hangs_up().await;
    scene.is_whole(&caller, 1).await;
    assert_eq!((caller.readies.len(), caller.complaints()), (2, vec![]));
}

#[tokio::test]
async fn a_connection_that_carries_nothing_any_more_is_noticed_and_replaced() {
    let scene = Scene::of("swallowed", 1_000, |config| config.limits.hold = Duration::from_secs(30)).await;
    let mut caller = scene.calls(5).await;
    caller.speaks(13_000);
    caller.passes(1_000).await;
    scene.network.swallows();
    let swallowed_at = Instant::now();
    caller.until("there again", |caller| caller.readies.len() == 2).await;
    println!("noticed and mended after {:?}", caller.readies[1].0 - swallowed_at);
    caller.until("the answer", |caller| caller.has_heard(1, scene.reply.len())).await;
    caller.hangs_up().await;
    scene.is_whole(&caller, 1).await;
    assert_eq!(caller.complaints(), [""; 0]);
}

#[tokio::test]
async fn a_narrow_and_wavering_network_loses_nothing() {
    let scene = Scene::of("narrow", 1_000, |_| {}).await;
    let mut caller = scene.calls(6).await;
    scene.network.narrows(300);
    scene.network.wavers(Duration::from_millis(500));
    caller.speaks(3_000);
    caller.until("the answer", |caller| caller.has_heard(1, scene.reply.len())).await;
    println!("starved for {:?}", caller.speaker.starved());
    caller.hangs_up().await;
    scene.is_whole(&caller, 1).await;
    assert_eq!((caller.readies.len(), caller.complaints()), (1, vec![]));
}

#[tokio::test]
async fn a_network_that_is_too_narrow_costs_pauses_and_says_so() {
    let scene = Scene::of("too-narrow", 300, |_| {}).await;
    let mut caller = scene.calls(7).await;
    scene.network.narrows(100);
    caller.speaks(1_000);
    caller.until("it is said", |caller| !caller.complaints().is_empty()).await;
    caller.passes(1_000).await;
    scene.network.narrows(10_000);
    caller.hangs_up().await;
    assert_eq!(caller.complaints(), ["slow_network"]);
    let tape = scene.tape().await;
    let (heard, spoken) = (tape.spoken(), &caller.microphone.heard);
    let missing = missing_frames(spoken, &heard);
    println!("{} of {} frames left out", missing.len(), spoken.len() / 320);
    assert!(!missing.is_empty());
    assert!(missing.iter().all(|frame| frame.iter().all(|sample| sample.abs() < 100)), "none of the words");
}

#[tokio::test]
async fn thirty_cuts_at_any_byte_lose_nothing() {
    let scene = Scene::of("bytes", 1_500, |_| {}).await;
    let mut caller = scene.calls(8).await;
    let (mut dice, mut turns) = (Dice(2_024), 0);
    for cut in 0..30 {
        if caller.microphone.speech_left == 0 && (turns == 0 || caller.has_heard(turns, scene.reply.len())) {
            turns += 1;
            caller.speaks(1_200);
        }
        // In the handshake, in what is said again, and in what goes on.
        let most = [2_000, 20_000, 60_000][cut % 3];
        scene.network.cuts_after(dice.below(most) as usize, dice.below(most) as usize);
        let lost = caller.losses.len();
        caller.until("cut", |caller| caller.losses.len() > lost).await;
        caller.is_online();
    }
    println!("{} losses, {} times ready, {turns} turns", caller.losses.len(), caller.readies.len());
    caller.until("the last answer", |caller| caller.has_heard(turns, scene.reply.len())).await;
    caller.hangs_up().await;
    scene.is_whole(&caller, turns).await;
    assert_eq!(caller.complaints(), [""; 0]);
}

#[tokio::test]
async fn a_wrong_secret_a_call_that_is_over_and_one_that_never_was_are_told_the_same() {
    let scene = Scene::of("nobody", 300, |_| {}).await;
    let (mut living, of_living) = scene.resumable().await;
    let (mut leaving, of_dead) = scene.resumable().await;
    leaving.say(r#"{"type":"bye"}"#).await;
    leaving.wait_close().await;
    let secret = |ready: &Ready| ready.secret.clone().unwrap();
    for (call, secret) in [
        (of_living.call.as_str(), secret(&of_dead)),
        (of_living.call.as_str(), String::new()),
        (of_dead.call.as_str(), secret(&of_dead)),
        ("000000000000", secret(&of_living)),
        ("", String::new()),
    ] {
        let mut phone = Phone::call(&scene.proxy).await;
        phone.say(&resume(call, &secret, "0")).await;
        assert_trouble(
            phone.wait_end().await,
            Code::NoSuchCall,
            "This call is over, or was never here: begin a new one.",
        );
    }
    is_alive(&mut living).await;
}

#[tokio::test]
async fn absurd_numbers_disturb_nobody_else() {
    let scene = Scene::of("absurd", 1_000, |_| {}).await;
    let mut caller = scene.calls(9).await;
    caller.speaks(1_500);
    let (_first, ready) = scene.resumable().await;
    let mut phone = Phone::call(&scene.proxy).await;
    phone.say(&resume(&ready.call, ready.secret.as_deref().unwrap(), "4294967295")).await;
    let ready = wait_ready(&mut phone).await;
    for word in [
        r#"{"type":"received","next":4294967295}"#,
        r#"{"type":"heard","epoch":4294967295,"samples":18446744073709551615}"#,
        r#"{"type":"silenced","epoch":4294967295}"#,
    ] {
        phone.say(word).await;
    }
    for number in [u32::MAX, 0, 7, u32::MAX, 1 << 31] {
        phone.send(sound(number)).await;
        phone.say(r#"{"type":"activity","speaking":true}"#).await;
        is_alive(&mut phone).await;
    }
    // Nobody can be given what they claim to have; what there is goes on.
    let mut again = Phone::call(&scene.proxy).await;
    again.say(&resume(&ready.call, ready.secret.as_deref().unwrap(), "0")).await;
    wait_ready(&mut again).await;
    is_alive(&mut again).await;
    for next in ["-1", "4294967296", "1.5", "\"7\""] {
        let mut phone = Phone::call(&scene.proxy).await;
        phone.say(&resume(&ready.call, "", next)).await;
        assert_trouble(phone.wait_end().await, Code::BadMessage, "next");
    }
    caller.until("the answer", |caller| caller.has_heard(1, scene.reply.len())).await;
    caller.hangs_up().await;
    scene.is_whole(&caller, 1).await;
    assert_eq!(caller.readies.len(), 1);
}

#[tokio::test]
async fn a_second_connection_takes_over_and_the_first_does_not_come_back() {
    let scene = Scene::of("taken", 1_000, |_| {}).await;
    let mut caller = scene.calls(10).await;
    let mut first = Phone::call(&scene.proxy).await;
    let ready = caller.readies[0].1.clone();
    first.say(&resume(&ready.call, ready.secret.as_deref().unwrap(), "0")).await;
    let ready = wait_ready(&mut first).await;
    caller.until("it is told", |caller| caller.ended().is_some()).await;
    assert_eq!((caller.complaints(), caller.opened.len()), (vec!["taken_over"], 1));
    let mut second = Phone::call(&scene.proxy).await;
    second.say(&resume(&ready.call, ready.secret.as_deref().unwrap(), "0")).await;
    wait_ready(&mut second).await;
    assert_trouble(first.wait_end().await, Code::TakenOver, "another connection took it over");
    is_alive(&mut second).await;
}

#[tokio::test]
async fn an_error_ends_a_call_for_good() {
    let scene = Scene::of("error", 300, |_| {}).await;
    for (wrong, code) in [(vec![9; 20], Code::BadMessage), (vec![0; 100_000], Code::TooLarge)] {
        let (mut phone, ready) = scene.resumable().await;
        phone.send_anyhow(wrong).await;
        assert_eq!(phone.wait_end().await.0.code, code);
        let mut phone = Phone::call(&scene.proxy).await;
        phone.say(&resume(&ready.call, ready.secret.as_deref().unwrap(), "0")).await;
        let Err(FromProxy::Error { error }) = phone.wait_anything().await else {
            panic!("{code:?}: it goes on")
        };
        assert_eq!(error.code, Code::NoSuchCall);
    }
}

#[tokio::test]
async fn after_the_grace_the_call_is_over_and_what_is_left_is_said_in_another() {
    let scene = Scene::of("grace", 1_000, |config| config.limits.grace = Duration::from_secs(1)).await;
    let mut caller = scene.calls(11).await;
    let first = caller.readies[0].1.clone();
    caller.speaks(4_000);
    caller.passes(1_500).await;
    scene.network.leaves();
    let left_at = Instant::now();
    let (tape, ()) = tokio::join!(scene.tape(), caller.passes(1_500));
    println!("closed within {:?}", left_at.elapsed());
    assert_eq!(tape.count("audio_stream_end"), 1);
    let mut late = Phone::call(&scene.proxy).await;
    late.say(&resume(&first.call, first.secret.as_deref().unwrap(), "0")).await;
    assert_trouble(late.wait_end().await, Code::NoSuchCall, "This call is over");
    scene.network.returns();
    caller.is_online();
    caller.until("another call", |caller| caller.readies.len() == 2).await;
    assert_ne!(caller.readies[1].1.call, first.call);
    caller
        .until("the answer", |caller| caller.speaker.rendered.values().any(|turn| *turn == scene.reply))
        .await;
    caller.hangs_up().await;
    let (heard, again) = (tape.spoken(), Tape::with(&scene.folder, 2, "gone").await.spoken());
    let said = &caller.microphone.heard;
    assert_same("the first session", &said[..heard.len()], &heard);
    assert_same("the second session", &said[said.len() - again.len()..], &again);
    assert!(heard.len() + again.len() >= said.len(), "{} and {} of {}", heard.len(), again.len(), said.len());
}

#[tokio::test]
async fn the_turn_of_a_phone_that_vanished_is_closed_and_its_answer_kept() {
    let scene = Scene::of("hold", 1_000, |config| config.limits.hold = Duration::from_secs(1)).await;
    let mut caller = scene.calls(12).await;
    caller.speaks(1_000);
    // They draw a breath.
    caller.passes(1_200).await;
    scene.network.leaves();
    let left_at = Instant::now();
    let (tape, ()) = tokio::join!(Tape::with(&scene.folder, 1, "turn_complete"), caller.passes(1_000));
    println!("answered {:?} after the phone was gone", left_at.elapsed());
    assert_eq!((tape.count("audio_stream_end"), tape.count("answer")), (1, 1));
    assert!(caller.speaker.rendered.is_empty());
    scene.network.returns();
    caller.is_online();
    caller.until("the answer", |caller| caller.has_heard(1, scene.reply.len())).await;
    caller.hangs_up().await;
    scene.is_whole(&caller, 1).await;
}

/// A proxy, its service, and the network before it.
struct Scene {
    folder: Folder,
    proxy: Proxy,
    network: Network,
    /// What the model says, whatever it hears.
    reply: Vec<i16>,
}

impl Scene {
    /// A service whose replies last so long, and a proxy with other settings.
    async fn of(name: &str, reply_ms: usize, change: impl FnOnce(&mut Config)) -> Self {
        let folder = Folder::new(name);
        let path = folder.0.join("reply.wav");
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 24_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut wav = hound::WavWriter::create(&path, spec).unwrap();
        let mut dice = Dice(reply_ms as u64);
        for index in 0..reply_ms * 24 {
            wav.write_sample(voice(index, 24_000) / 2 + dice.below(61) as i16 - 30).unwrap();
        }
        wav.finalize().unwrap();
        let path = path.display().to_string();
        let script = format!(
            "record = \"{}\"\nafter = \"repeat\"\n[[turn]]\naudio = {{ wav = \"{path}\" }}",
            folder.0.display()
        );
        let upstream = simulator(&script).await;
        let settings = |config: &mut Config| {
            config.upstream_url = Some(format!("ws://{upstream}"));
            change(config);
        };
        let proxy = Proxy::with(settings, None).await;
        let network = Network::to(proxy.address);
        let reply = Arc::unwrap_or_clone(WavFile::try_from(path).unwrap().pcm);
        Self { folder, proxy, network, reply }
    }

    async fn calls(&self, seed: u64) -> Caller {
        Caller::calls(&self.network, seed).await
    }

    /// A simple phone in a call that can be taken up again.
    async fn resumable(&self) -> (Phone, Ready) {
        let mut phone = Phone::call(&self.proxy).await;
        phone.say(r#"{"type":"hello","audio":{"rate_hz":16000},"resumable":true}"#).await;
        let ready = wait_ready(&mut phone).await;
        (phone, ready)
    }

    /// All that the service heard in its first session, which is over.
    async fn tape(&self) -> Tape {
        Tape::with(&self.folder, 1, "gone").await
    }

    /// Every sample of both sides arrived once, in one session and in so many turns.
    async fn is_whole(&self, caller: &Caller, turns: u32) {
        assert_same("the person's", &caller.microphone.heard, &self.tape().await.spoken());
        let rendered = &caller.speaker.rendered;
        assert!(rendered.keys().copied().eq(1..=turns), "{turns} turns of {:?}", rendered.keys());
        for (epoch, turn) in rendered {
            assert_same(&format!("turn {epoch}"), &self.reply, turn);
        }
        println!("{} and {} samples", caller.microphone.heard.len(), self.reply.len() * turns as usize);
    }
}

/// Says where two sounds differ first.
#[track_caller]
fn assert_same(what: &str, said: &[i16], heard: &[i16]) {
    let alike = said.iter().zip(heard).take_while(|(said, heard)| said == heard).count();
    assert!(
        alike == said.len() && alike == heard.len(),
        "{what}: alike up to {alike}, {} said, {} heard",
        said.len(),
        heard.len()
    );
}

/// The frames of what was said that were not heard; the others were, in their order.
fn missing_frames<'s>(said: &'s [i16], heard: &[i16]) -> Vec<&'s [i16]> {
    let mut frames = heard.chunks(320).peekable();
    let missing = said.chunks(320).filter(|frame| frames.next_if_eq(frame).is_none()).collect();
    assert_eq!(frames.next(), None, "what was heard had been said");
    missing
}

fn resume(call: &str, secret: &str, next: &str) -> String {
    format!(
        r#"{{"type":"hello","audio":{{"rate_hz":16000}},"resumable":true,"resume":{{"call":"{call}","secret":"{secret}","next":{next}}}}}"#
    )
}

/// A microphone frame at the far end of everything.
fn sound(sequence: u32) -> Vec<u8> {
    let (epoch, position, payload) = (u32::MAX, u64::MAX, vec![1; 640].into());
    AudioFrame { kind: Kind::Microphone, codec: Codec::Pcm, epoch, sequence, position, payload }
        .encode()
        .to_vec()
}

async fn wait_ready(phone: &mut Phone) -> Ready {
    phone
        .wait(|message| match message {
            FromProxy::Ready(ready) => Some(ready),
            _ => None,
        })
        .await
}

async fn is_alive(phone: &mut Phone) {
    phone.say(r#"{"type":"ping","id":77}"#).await;
    phone.wait(|message| matches!(message, FromProxy::Pong { id: 77 }).then_some(())).await;
}
