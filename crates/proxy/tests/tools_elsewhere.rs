//! Tools whose proxy goes away while they run: nothing is done twice.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]

mod stage;

use serde_json::{Value, json};
use stage::hook::{Hook, Kind, SECRET, toml};
use stage::model::Model;
use stage::redis::Redis;
use stage::{Folder, Phone, Proxy, patiently, program};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::process::Child;
use vivavoce_proxy::config::Config;
use vivavoce_proxy::environment::Environment;
use vivavoce_wire::FromProxy;
use vivavoce_wire::message::{Ready, ToolState};

#[tokio::test]
async fn what_a_proxy_did_that_was_killed_is_not_done_again() {
    let hook = Hook::open(Kind::Json(r#"{"output":"booked"}"#)).await;
    let mut stage = Stage::open("tool-done", &hook, "").await;
    assert_eq!(stage.model.asks("book_table", &json!({"people": 4})).await["response"]["output"], "booked");
    stage.until_noted("booked").await;
    stage.first_dies().await;
    assert_eq!(stage.model.asks("book_table", &json!({"people": 4})).await["response"]["output"], "booked");
    assert_eq!(hook.requests().len(), 1);
    // Who asks once more means it.
    stage.model.asks("book_table", &json!({"people": 4})).await;
    assert_eq!(hook.requests().len(), 2);
}

#[tokio::test]
async fn what_it_had_begun_is_begun_again_by_the_same_key_where_that_is_promised() {
    let mut hook = Hook::open(Kind::HangsOnce).await;
    let mut stage = Stage::open("tool-begun", &hook, "retries = 1").await;
    stage.model.calls("book_table", &json!({"people": 4})).await;
    hook.until_asked().await;
    stage.first_dies().await;
    assert_eq!(stage.model.asks("book_table", &json!({"people": 4})).await["response"]["output"], "answered");
    let requests = hook.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].headers["idempotency-key"], requests[1].headers["idempotency-key"]);
    assert!(requests[1].is_signed());
}

#[tokio::test]
async fn of_what_has_effects_the_model_is_told_that_nobody_knows() {
    let mut hook = Hook::open(Kind::Hangs).await;
    let mut stage = Stage::open("tool-unknown", &hook, "retries = 0\ntimeout_ms = 4000").await;
    stage.model.calls("book_table", &json!({"people": 4})).await;
    hook.until_asked().await;
    stage.first_dies().await;
    let answer = stage.model.asks("book_table", &json!({"people": 4})).await;
    let error = answer["response"]["error"].as_str().unwrap();
    assert!(error.contains("not known whether it was done"), "{error}");
    assert_eq!(hook.requests().len(), 1);
}

#[tokio::test]
async fn what_still_runs_where_the_call_was_is_waited_for() {
    let mut hook = Hook::open(Kind::WhenLet).await;
    let mut stage = Stage::open("tool-moves", &hook, "retries = 0").await;
    stage.model.calls("book_table", &json!({"people": 4})).await;
    hook.until_asked().await;
    // It lets go of the call when it is told to go down.
    let id = stage.first.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    stage.phone.wait_end().await;
    stage.second_takes_over().await;
    stage.model.calls("book_table", &json!({"people": 4})).await;
    stage.phone.wait(in_state(ToolState::Running)).await;
    // A registry that is away for a moment is no answer.
    stage.redis.pauses(Duration::from_millis(1_500)).await;
    hook.let_answer();
    assert_eq!(stage.model.answer().await["response"]["output"], "answered");
    assert_eq!(hook.requests().len(), 1);
}

#[tokio::test]
async fn the_page_hears_of_what_was_open_that_nobody_waits_for_it_any_more() {
    let hook = Hook::open(Kind::Hangs).await;
    let mut stage = Stage::open("tool-open", &hook, "retries = 0").await;
    stage.model.calls("book_table", &json!({"people": 4})).await;
    let id = stage.phone.wait(in_state(ToolState::Running)).await;
    stage.until_noted(&format!(r#""shown":"{id}""#)).await;
    stage.first_dies().await;
    assert_eq!(stage.phone.wait(in_state(ToolState::Cancelled)).await, id);
    // Asked for anew, it has another name.
    stage.model.calls("book_table", &json!({"people": 4})).await;
    assert_ne!(stage.phone.wait(in_state(ToolState::Called)).await, id);
}

/// The id of a function call that is said to be in this state.
fn in_state(wanted: ToolState) -> impl FnMut(FromProxy) -> Option<String> {
    move |message| match message {
        FromProxy::Tool { id, state, .. } if state == wanted => Some(id),
        _ => None,
    }
}

/// Two proxies with one tool, one of them in a process of its own; and a phone, whose call that has.
struct Stage {
    model: Model,
    first: Child,
    second: SocketAddr,
    phone: Phone,
    ready: Ready,
    redis: Redis,
    _proxy: Proxy,
    _folder: Folder,
}

impl Stage {
    async fn open(name: &str, hook: &Hook, more: &str) -> Self {
        let (redis, mut model, folder) = (Redis::start().await, Model::open().await, Folder::new(name));
        // A process that goes down lets go of its calls at once, whatever runs.
        let settings =
            format!("[limits]\ndrain_ms = 0\n{}", toml(&format!("http://{}/", hook.address), more));
        let file = folder.file("vivavoce.toml", &settings);
        let upstream = format!("ws://{}", model.address);
        let (first, address) = program::serve(|command| {
            command.arg("--config").arg(&file).args(["--listen", "127.0.0.1:0", "--upstream", &upstream]);
            command.env("REDIS_URL", redis.url()).env("TOOL_SECRET", SECRET);
        })
        .await;
        let secrets = BTreeMap::from([("TOOL_SECRET".to_owned(), SECRET.to_owned())]);
        let environment = Environment { redis_url: Some(redis.url()), secrets, ..Environment::default() };
        let change = |config: &mut Config| {
            config.upstream_url = Some(upstream);
            config.tools = Config::parse(&settings).unwrap().tools;
        };
        let proxy = Proxy::within(change, environment).await;
        let (phone, ready) = greets(address, json!({"resumable": true})).await;
        model.setup().await;
        Self { model, first, second: proxy.address, phone, ready, redis, _proxy: proxy, _folder: folder }
    }

    async fn first_dies(&mut self) {
        self.first.kill().await.unwrap();
        self.second_takes_over().await;
    }

    async fn second_takes_over(&mut self) {
        let resume =
            json!({"call": self.ready.call, "secret": self.ready.secret, "next": MORE_THAN_WAS_SAID});
        let (phone, _) = greets(self.second, json!({"resumable": true, "resume": resume})).await;
        self.phone = phone;
        self.model.setup().await;
    }

    async fn until_noted(&self, text: &str) {
        let began = Instant::now();
        while !self.redis.has_noted(text).await {
            assert!(began.elapsed().as_secs() < 10, "{text} never came");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Says hello, and hears `ready`.
async fn greets(address: SocketAddr, mut hello: Value) -> (Phone, Ready) {
    let mut phone = Phone::call_at(address).await;
    hello["type"] = "hello".into();
    hello["audio"] = json!({"rate_hz": 16_000});
    phone.say(&hello.to_string()).await;
    let ready = |message| if let FromProxy::Ready(ready) = message { Some(ready) } else { None };
    let ready = patiently(phone.wait(ready)).await;
    (phone, ready)
}

/// The phone has all that the first proxy told it.
const MORE_THAN_WAS_SAID: u32 = 100;
