//! Calls outlive their proxies: processes that are killed in mid-sentence, or told to go down, and every sample counted.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]
#![allow(clippy::print_stdout, reason = "the stories tell their figures")]

mod stage;

use core::time::Duration;
use stage::Dice;
use stage::caller::Caller;
use stage::house::{House, Process};
use stage::tape::Tape;
use stage::wire::Network;
use tokio::time::Instant;

/// One call, two proxies, and the network that leads the phone to one of them.
struct Scene {
    house: House,
    proxies: [Process; 2],
    /// Which of them the network leads to.
    leader: usize,
    network: Network,
}

/// How long every answer is.
const REPLY_MS: usize = 2_000;

impl Scene {
    async fn of(name: &str) -> Self {
        let script =
            format!("after = \"repeat\"\n[[turn]]\naudio = {{ tone = {{ hz = 330, ms = {REPLY_MS} }} }}");
        let house = House::open(name, &script).await;
        let proxies = [house.process().await, house.process().await];
        let network = Network::to(proxies[0].address);
        Self { house, proxies, leader: 0, network }
    }

    /// The proxy that leads the call dies, and the network leads to the other from here on.
    async fn leader_dies(&mut self) -> Instant {
        let died_at = Instant::now();
        self.proxies[self.leader].child.kill().await.unwrap();
        self.leader = 1 - self.leader;
        self.network.leads_to(self.proxies[self.leader].address);
        died_at
    }

    /// The one that died is there again.
    async fn dead_is_back(&mut self) {
        let dead = 1 - self.leader;
        self.proxies[dead] = self.house.process().await;
    }

    /// The proxy that leads the call is told to go down.
    fn leader_goes_down(&mut self) {
        let id = self.proxies[self.leader].child.id().unwrap();
        let told = std::process::Command::new("kill").args(["-TERM", &id.to_string()]).status().unwrap();
        assert!(told.success());
        self.leader = 1 - self.leader;
        self.network.leads_to(self.proxies[self.leader].address);
    }

    /// Says that what the person said stands in the history that survived: each session goes on at or before the end of the
    /// one before it, but for what the phone reported dropped, and the last goes to the end. How many samples were said again.
    async fn is_remembered(&self, caller: &Caller) -> usize {
        let said = &caller.microphone.heard;
        let (mut until, mut again, mut missing) = (0, 0, 0);
        for number in 1_u32.. {
            if !self.house.folder.0.join(format!("session-{number}.json")).exists() {
                break;
            }
            let heard = Tape::ended(&self.house.folder, number).await.spoken();
            if heard.is_empty() {
                continue;
            }
            let probe = &heard[..heard.len().min(320)];
            let before = (0..=until.min(said.len() - probe.len())).rev();
            let mut from = before.chain(until..said.len()).filter(|from| said[*from..].starts_with(probe));
            let from = from.next().expect("what was heard had been said");
            let alike = said[from..].iter().zip(&heard).take_while(|(said, heard)| said == heard).count();
            assert_eq!(alike, heard.len(), "session {number}, from {from}");
            again += until.saturating_sub(from);
            missing += from.saturating_sub(until);
            until = from + heard.len();
        }
        assert_eq!(until, said.len(), "the last session goes to the end");
        let dropped = caller.dropped_samples();
        assert!(missing as u64 <= dropped, "{missing} samples are missing, {dropped} were reported dropped");
        again
    }
}

/// Waits until the newest turn was heard to its end.
async fn hears_an_answer(caller: &mut Caller) {
    caller
        .until("an answer", |caller| caller.speaker.rendered.values().any(|turn| turn.len() == REPLY_MS * 24))
        .await;
}

#[tokio::test]
async fn a_proxy_that_is_killed_in_mid_sentence_costs_no_word() {
    let mut scene = Scene::of("killed-in-a-sentence").await;
    let mut caller = Caller::calls(&scene.network, 1).await;
    caller.speaks(1_000);
    hears_an_answer(&mut caller).await;
    caller.speaks(4_000);
    caller.passes(1_500).await;
    let died_at = scene.leader_dies().await;
    caller.until("there again", |caller| caller.readies.len() == 2).await;
    println!("a talking call {:?} after the kill", caller.readies[1].0 - died_at);
    assert_eq!(caller.readies[0].1.call, caller.readies[1].1.call);
    caller
        .until("the answer", |caller| {
            caller.speaker.rendered.values().filter(|turn| turn.len() == REPLY_MS * 24).count() == 2
        })
        .await;
    caller.hangs_up().await;
    println!("{} samples said again", scene.is_remembered(&caller).await);
    assert_eq!(caller.complaints(), [""; 0]);
}

#[tokio::test]
async fn a_proxy_that_is_killed_in_mid_answer_has_the_question_asked_again() {
    let mut scene = Scene::of("killed-in-an-answer").await;
    let mut caller = Caller::calls(&scene.network, 2).await;
    caller.speaks(1_000);
    caller
        .until("the answer begins", |caller| caller.speaker.rendered.values().any(|turn| turn.len() > 12_000))
        .await;
    let died_at = scene.leader_dies().await;
    caller.until("there again", |caller| caller.readies.len() == 2).await;
    println!("a talking call {:?} after the kill", caller.readies[1].0 - died_at);
    let first = *caller.speaker.rendered.keys().next().unwrap();
    caller
        .until("asked again", |caller| {
            caller.speaker.rendered.iter().any(|(turn, heard)| *turn > first && heard.len() == REPLY_MS * 24)
        })
        .await;
    caller.hangs_up().await;
    println!("{} samples said again", scene.is_remembered(&caller).await);
}

#[tokio::test]
async fn a_proxy_that_is_told_to_go_down_costs_nothing_at_all() {
    let mut scene = Scene::of("told-to-go-down").await;
    let mut caller = Caller::calls(&scene.network, 3).await;
    caller.speaks(1_000);
    caller
        .until("the answer begins", |caller| caller.speaker.rendered.values().any(|turn| turn.len() > 12_000))
        .await;
    let told_at = Instant::now();
    scene.leader_goes_down();
    hears_an_answer(&mut caller).await;
    caller.until("moved", |caller| caller.readies.len() == 2).await;
    println!(
        "moved {:?} after SIGTERM, away for {:?}; starved for {:?}",
        caller.readies[1].0 - told_at,
        caller.readies[1].0 - caller.losses[0],
        caller.speaker.starved()
    );
    assert!(caller.speaker.starved() < Duration::from_millis(300));
    caller.speaks(1_000);
    caller
        .until("the next answer", |caller| {
            caller.speaker.rendered.values().filter(|turn| turn.len() == REPLY_MS * 24).count() == 2
        })
        .await;
    caller.hangs_up().await;
    println!("{} samples said again", scene.is_remembered(&caller).await);
    assert_eq!(caller.complaints(), [""; 0]);
    let gone = scene.proxies[0].child.wait().await.unwrap();
    assert!(gone.success(), "{gone}");
}

/// `VIVAVOCE_KILLS` says how often; a hundred take a quarter of an hour.
#[tokio::test]
async fn proxies_that_are_killed_again_and_again_cost_no_word() {
    let kills = std::env::var("VIVAVOCE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(3_usize);
    let mut scene = Scene::of("killed-again-and-again").await;
    let mut caller = Caller::calls(&scene.network, 4).await;
    let mut dice = Dice(2_025);
    let mut slowest = Duration::ZERO;
    for kill in 1..=kills {
        // At any moment of a question, the thought after it, the answer and the silence after that.
        caller.speaks(600 + dice.below(1_500) as usize);
        caller.passes(dice.below(6_000)).await;
        let died_at = scene.leader_dies().await;
        let heard = caller.speaker.rendered.keys().copied().max();
        caller.until("there again", |caller| caller.readies.len() == kill + 1).await;
        slowest = slowest.max(caller.readies[kill].0 - died_at);
        scene.dead_is_back().await;
        // More than half a minute that no service makes safe is more than a phone keeps.
        caller.speaks(600);
        let is_answer =
            |(turn, samples): (&u32, &Vec<i16>)| Some(*turn) > heard && samples.len() == REPLY_MS * 24;
        caller.until("an answer", |caller| caller.speaker.rendered.iter().any(is_answer)).await;
    }
    assert!(caller.readies.iter().all(|(_, ready)| ready.call == caller.readies[0].1.call), "it is one call");
    caller.hangs_up().await;
    let again = scene.is_remembered(&caller).await;
    println!(
        "{kills} kills, {} samples, {again} said again, {} reported dropped; a talking call after {slowest:?} at the slowest",
        caller.microphone.heard.len(),
        caller.dropped_samples()
    );
}

#[tokio::test]
async fn a_registry_that_is_restarted_empty_in_the_middle_of_a_call_costs_nothing() {
    let mut scene = Scene::of("registry-restarted").await;
    let mut caller = Caller::calls(&scene.network, 5).await;
    caller.speaks(1_000);
    caller.passes(500).await;
    scene.house.redis.dies();
    hears_an_answer(&mut caller).await;
    scene.house.redis.is_back().await;
    // Within one renewal the call is written down again, and can go on elsewhere.
    caller.passes(1_500).await;
    let died_at = scene.leader_dies().await;
    caller.until("there again", |caller| caller.readies.len() == 2).await;
    println!("a talking call {:?} after the kill", caller.readies[1].0 - died_at);
    caller.hangs_up().await;
    println!("{} samples said again", scene.is_remembered(&caller).await);
}
