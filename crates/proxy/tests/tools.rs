//! Tools over real sockets: what webhooks are sent, what they may answer, and that nothing else is ever reached.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]

mod stage;

use serde_json::{Value, json};
use stage::hook::{Hook, Kind, Request, SECRET, settings};
use stage::model::Model;
use stage::{Folder, Phone, Proxy, get, patiently, simulator};
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use vivavoce_proxy::config::{Config, ToolSettings};
use vivavoce_proxy::environment::Environment;
use vivavoce_sim::{Certificate, Options};
use vivavoce_wire::FromProxy;
use vivavoce_wire::message::ToolState;

#[tokio::test]
async fn a_webhook_is_sent_a_signed_request_and_its_answer_reaches_the_model() {
    let hook = Hook::open(Kind::Json(r#"{"output":{"table":12}}"#)).await;
    let mut stage = Stage::with(&hook, |_| {}).await;
    let answer = stage.asks("book_table", &json!({"people": 4})).await;
    assert_eq!(answer, json!({"id": "call_1", "name": "book_table", "response": {"output": {"table": 12}}}));
    let request = hook.requests().pop().unwrap();
    assert_eq!(request.path, "/webhook/x?y=1");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["arguments"], json!({"people": 4}));
    assert_eq!(
        (&body["name"], &body["id"], &body["confirmed"]),
        (&json!("book_table"), &json!("call_1"), &json!(false))
    );
    assert_eq!(body["user"], json!({"by": "local", "id": "this machine"}));
    assert_eq!(body["key"], request.headers["idempotency-key"].as_str());
    assert!(request.is_signed());
    let forged = Request { body: [&request.body[..], b" "].concat(), ..request };
    assert!(!forged.is_signed());
    stage.until_shown(ToolState::Done).await;
    let metrics = get(stage.proxy.operators, "/metrics").await;
    assert!(metrics.contains("vivavoce_tool_calls_total{end=\"result\"} 1"), "{metrics}");
}

#[tokio::test]
async fn the_tools_are_declared_to_the_service() {
    let hook = Hook::open(Kind::Json("{}")).await;
    let mut stage = Stage::with(&hook, |tool| tool.scheduling = None).await;
    let declared = &stage.setup["tools"][0]["functionDeclarations"][0];
    assert_eq!(declared["name"], "book_table");
    assert_eq!(declared["parametersJsonSchema"]["required"], json!(["people"]));
    // And what is not declared is refused without anybody being asked.
    let answer = stage.asks("delete_all", &json!({})).await;
    assert!(answer["response"]["error"].as_str().unwrap().contains("delete_all"), "{answer}");
    assert!(hook.requests().is_empty());
}

#[tokio::test]
async fn each_bad_answer_becomes_a_clear_error() {
    for (kind, words) in [
        (Kind::Html, "a web page"),
        (Kind::Text("done"), "no JSON"),
        (Kind::Text(""), "nothing"),
        (Kind::Status(500), "the error 500"),
        (Kind::Status(404), "the error 404"),
        (Kind::Huge, "too long"),
        (Kind::Endless, "too long"),
        (Kind::Hangs, "in time"),
        (Kind::HangsInBody, "in time"),
        (Kind::Dies, "broke off"),
        (Kind::DiesInBody, "broke off"),
        (Kind::Nonsense, "broke off"),
    ] {
        let hook = Hook::open(kind).await;
        let mut stage = Stage::with(&hook, |tool| tool.timeout = Duration::from_millis(700)).await;
        let answer = stage.asks("book_table", &json!({"people": 4})).await;
        let error = answer["response"]["error"].as_str().unwrap_or_else(|| panic!("{kind:?}: {answer}"));
        assert!(error.contains(words), "{kind:?}: {error}");
        assert!(!error.contains("127.0.0.1"), "{error}");
        stage.until_shown(ToolState::Failed).await;
        assert_eq!(hook.requests().len(), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn a_second_answer_is_heard_by_nobody() {
    let hook = Hook::open(Kind::Twice).await;
    let mut stage = Stage::with(&hook, |_| {}).await;
    assert_eq!(stage.asks("book_table", &json!({"people": 1})).await["response"]["output"], "first");
    // Another call is another request, and no leftover answers it.
    assert_eq!(stage.asks("book_table", &json!({"people": 2})).await["response"]["output"], "first");
    assert_eq!(hook.requests().len(), 2);
    assert_eq!(stage.model.answers, 2);
}

#[tokio::test]
async fn it_is_tried_again_with_the_same_key_where_that_was_promised() {
    let hook = Hook::open(Kind::FailsTwice).await;
    let mut stage = Stage::with(&hook, |tool| tool.retries = 2).await;
    assert_eq!(stage.asks("book_table", &json!({"people": 4})).await["response"]["output"], "third");
    let requests = hook.requests();
    assert_eq!(requests.len(), 3);
    assert!(
        requests
            .iter()
            .all(|request| request.headers["idempotency-key"] == requests[0].headers["idempotency-key"])
    );
    assert!(requests.iter().all(Request::is_signed));
    // An answer that will be no other is not asked for again.
    let hook = Hook::open(Kind::Html).await;
    let mut stage = Stage::with(&hook, |tool| tool.retries = 2).await;
    stage.asks("book_table", &json!({"people": 4})).await;
    assert_eq!(hook.requests().len(), 1);
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_never_sent() {
    let hook = Hook::open(Kind::Json("{}")).await;
    let mut stage = Stage::with(&hook, |_| {}).await;
    for (arguments, words) in [
        (json!({"people": "four"}), "people"),
        (json!({}), "people"),
        (json!({"people": 4, "url": "http://evil.example"}), "url"),
        (json!({"people": 4, "note": "x".repeat(70_000)}), "longer"),
    ] {
        let answer = stage.asks("book_table", &arguments).await;
        let error = answer["response"]["error"].as_str().unwrap();
        assert!(error.contains("do not fit") && error.contains(words), "{error}");
    }
    assert!(hook.requests().is_empty());
}

#[tokio::test]
async fn nothing_on_a_private_network_is_reached_unless_it_was_declared() {
    let hook = Hook::open(Kind::Json("{}")).await;
    let port = hook.address.port();
    for host in
        ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254", "10.0.0.1"]
    {
        let url = format!("http://{host}:{port}/");
        let mut stage = Stage::with(&hook, |tool| {
            tool.allow_private = false;
            tool.url = url.parse().unwrap();
        })
        .await;
        let answer = stage.asks("book_table", &json!({"people": 4})).await;
        let error = answer["response"]["error"].as_str().unwrap();
        assert!(error.contains("private network"), "{host}: {error}");
    }
    assert_eq!(hook.connections(), 0);
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let secret = Hook::open(Kind::Json("{}")).await;
    let hook = Hook::open(Kind::Redirect(secret.address)).await;
    let mut stage = Stage::with(&hook, |tool| tool.retries = 2).await;
    let answer = stage.asks("book_table", &json!({"people": 4})).await;
    assert!(answer["response"]["error"].as_str().unwrap().contains("elsewhere"), "{answer}");
    assert_eq!((hook.requests().len(), secret.connections()), (1, 0));
}

#[tokio::test]
async fn a_call_that_is_taken_back_breaks_its_request_off() {
    let mut hook = Hook::open(Kind::Hangs).await;
    let mut stage = Stage::with(&hook, |tool| tool.timeout = Duration::from_secs(60)).await;
    stage.model.calls("book_table", &json!({"people": 4})).await;
    hook.until_asked().await;
    stage.model.says(&json!({"toolCallCancellation": {"ids": ["call_1"]}})).await;
    hook.until_left().await;
    stage.until_shown(ToolState::Cancelled).await;
    // And the next one is answered, so nothing was said of the first.
    assert_eq!(stage.asks("nobody", &json!({})).await["id"], "call_2");
    assert_eq!(stage.model.answers, 1);
}

#[tokio::test]
async fn what_has_effects_is_sent_once_the_person_allows_it() {
    let mut hook = Hook::open(Kind::Json("{}")).await;
    let mut stage = Stage::with(&hook, |tool| tool.confirm = true).await;
    stage.model.calls("book_table", &json!({"people": 4})).await;
    let FromProxy::Tool { id, arguments, confirmation, .. } = stage.until_shown(ToolState::Confirm).await
    else {
        unreachable!("it is one")
    };
    assert_eq!(arguments.unwrap().value(), json!({"people": 4}));
    assert_eq!(hook.connections(), 0);
    let word = |confirmation: &str, approved: bool| {
        json!({"type": "tool_confirm", "id": id, "confirmation": confirmation, "approved": approved})
            .to_string()
    };
    stage.phone.say(&word("another", true)).await;
    stage.phone.say(&word(&confirmation.unwrap(), true)).await;
    hook.until_asked().await;
    stage.until_shown(ToolState::Done).await;
    let body: Value = serde_json::from_slice(&hook.requests()[0].body).unwrap();
    assert_eq!(body["confirmed"], true);
    assert_eq!(stage.model.answer().await["id"], "call_1");

    stage.model.calls("book_table", &json!({"people": 5})).await;
    let FromProxy::Tool { id, confirmation, .. } = stage.until_shown(ToolState::Confirm).await else {
        unreachable!("it is one")
    };
    let no = json!({"type": "tool_confirm", "id": id, "confirmation": confirmation, "approved": false});
    stage.phone.say(&no.to_string()).await;
    assert!(stage.model.answer().await["response"]["error"].as_str().unwrap().contains("did not allow"));
    assert_eq!(hook.requests().len(), 1);
}

#[tokio::test]
async fn the_other_two_formats_are_as_the_handbook_has_them() {
    let flat = r#"{"functionResponses":[{"name":"book_table","response":{"table":12}}]}"#;
    for (format, wanted) in [
        (
            "handbook",
            json!({"functionCalls": [{"id": "call_1", "name": "book_table", "args": {"people": 4}}]}),
        ),
        ("flat", json!({"people": 4})),
    ] {
        let hook = Hook::open(Kind::Json(flat)).await;
        let mut stage =
            Stage::with(&hook, |tool| tool.format = settings(&format!("format = \"{format}\"")).format).await;
        let answer = stage.asks("book_table", &json!({"people": 4})).await;
        assert_eq!(answer["response"], json!({"output": {"table": 12}}));
        let request = hook.requests().pop().unwrap();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        for (key, value) in wanted.as_object().unwrap() {
            assert_eq!(body[key], *value, "{format}");
        }
        assert!(request.is_signed());
        assert_eq!(request.headers.contains_key("x-vivavoce-user"), format == "flat");
    }
}

#[tokio::test]
async fn a_page_s_own_function_is_run_in_the_page() {
    let hook = Hook::open(Kind::Json("{}")).await;
    let mut stage = Stage::of(
        &hook,
        |config| config.page_functions.allow = vec!["show_map".to_owned()],
        |_| {},
        r#"[{"name":"show_map"},{"name":"book_table"},{"name":"open_door"}]"#,
    )
    .await;
    let names: Vec<_> = stage.setup["tools"][0]["functionDeclarations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|declared| declared["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["book_table", "show_map"]);
    stage.model.calls("show_map", &json!({"at": "sea"})).await;
    let FromProxy::Tool { id, arguments, .. } = stage.until_shown(ToolState::Running).await else {
        unreachable!("it is one")
    };
    assert_eq!(arguments.unwrap().value(), json!({"at": "sea"}));
    stage
        .phone
        .say(&json!({"type": "tool_result", "id": id, "result": {"output": "blue"}}).to_string())
        .await;
    assert_eq!(stage.model.answer().await["response"], json!({"output": "blue"}));
}

#[tokio::test]
async fn without_its_secret_a_proxy_with_tools_does_not_start() {
    let mut config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    config.tools = vec![settings("")];
    let error = vivavoce_proxy::server::Server::open(config, &Environment::default()).await.err().unwrap();
    assert!(error.to_string().contains("TOOL_SECRET"), "{error}");
}

#[tokio::test]
async fn the_documented_webhook_runs_and_checks_signatures() {
    let page = include_str!("../../../docs/TOOLS.md");
    let sample = page.split("```js\n").nth(1).unwrap().split("```").next().unwrap();
    let folder = Folder::new("webhook");
    let mut process = Command::new("node")
        .arg(folder.file("webhook.mjs", sample))
        .env("EMAIL_TOOL_SECRET", SECRET)
        .env("PORT", "0")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Node.js is installed");
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let line = patiently(lines.next_line()).await.unwrap().unwrap();
    let port: u16 = line.strip_prefix("listening on ").unwrap().parse().unwrap();
    let hook = Hook::open(Kind::Hangs).await;
    let url = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let mut stage = Stage::with(&hook, |tool| {
        tool.url = url;
        tool.parameters = None;
    })
    .await;
    let answer = stage.asks("book_table", &json!({"subject": "Table 12"})).await;
    assert_eq!(answer["response"]["output"], "Sent \"Table 12\" to this machine.");

    let mut forger = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let forged = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\
                  X-Vivavoce-Timestamp: 99999999999\r\nX-Vivavoce-Signature: sha256=00\r\n\r\n{}";
    forger.write_all(forged.as_bytes()).await.unwrap();
    let mut said = String::new();
    patiently(forger.read_to_string(&mut said)).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 401"), "{said}");
}

#[tokio::test]
async fn a_webhook_s_certificate_is_checked() {
    let certificate = Certificate::make().unwrap();
    let folder = Folder::new("webhook-tls");
    let file = folder.file("ca.pem", certificate.authority_pem()).display().to_string();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(vivavoce_sim::serve(
        listener,
        Options { certificate: Some(certificate), ..Options::default() },
    ));
    let trusting = Environment::read(&|name| (name == "SSL_CERT_FILE").then(|| file.clone())).unwrap();
    // It knows no such path; to be told so, it has to be trusted.
    for (environment, words) in [(Environment::default(), "no safe connection"), (trusting, "the error 4")] {
        let hook = Hook::open(Kind::Hangs).await;
        let mut stage =
            Stage::within(&hook, |_| {}, |tool| tool.url = url.parse().unwrap(), "[]", environment).await;
        let answer = stage.asks("book_table", &json!({"people": 4})).await;
        assert!(answer["response"]["error"].as_str().unwrap().contains(words), "{answer}");
    }
}

#[tokio::test]
async fn the_simulator_s_model_calls_and_goes_on_talking() {
    let hook = Hook::open(Kind::Json(r#"{"output":{"table":12}}"#)).await;
    let script = r#"
        [[turn]]
        when = "table"
        says = "Table twelve."
        audio = { tone = { hz = 330, ms = 200 } }
        [[turn.tool]]
        name = "book_table"
        args = { people = 4 }
        [[turn.tool]]
        name = "nobody"
        "#;
    let upstream = simulator(script).await;
    let secrets = BTreeMap::from([("TOOL_SECRET".to_owned(), SECRET.to_owned())]);
    let settings = |config: &mut Config| {
        config.upstream_url = Some(format!("ws://{upstream}"));
        config.tools = vec![settings("says = \"Looking for a table\"")];
        config.tools[0].url = format!("http://{}/webhook", hook.address).parse().unwrap();
    };
    let environment = Environment { secrets, ..Environment::default() };
    let proxy = Proxy::within(settings, environment).await;
    let mut phone = Phone::introduced(&proxy).await;
    phone.wait_ready().await;
    phone.say(r#"{"type":"text","text":"A table for four, please."}"#).await;
    let mut states = Vec::new();
    let words = phone
        .wait(|message| match message {
            FromProxy::Tool { name, state, says, .. } => {
                states.push((name, state, says));
                None
            }
            FromProxy::ModelTranscript { text, .. } => Some(text),
            _ => None,
        })
        .await;
    assert!(words.starts_with("Table"), "{words}");
    let ends = |name: &str| states.iter().rev().find(|(of, ..)| of == name).map(|(_, state, _)| *state);
    assert_eq!((ends("book_table"), ends("nobody")), (Some(ToolState::Done), Some(ToolState::Failed)));
    assert!(states.iter().any(|(_, _, says)| says.as_deref() == Some("Looking for a table")));
    assert_eq!(hook.requests().len(), 1);
}

// ---- The stage.

/// A proxy with one tool, a phone, and a model that calls what it is told to call.
struct Stage {
    proxy: Proxy,
    phone: Phone,
    model: Model,
    setup: Value,
}

impl Stage {
    async fn with(hook: &Hook, change: impl FnOnce(&mut ToolSettings)) -> Self {
        Self::of(hook, |_| {}, change, "[]").await
    }

    async fn of(
        hook: &Hook,
        change_all: impl FnOnce(&mut Config),
        change: impl FnOnce(&mut ToolSettings),
        functions: &str,
    ) -> Self {
        Self::within(hook, change_all, change, functions, Environment::default()).await
    }

    async fn within(
        hook: &Hook,
        change_all: impl FnOnce(&mut Config),
        change: impl FnOnce(&mut ToolSettings),
        functions: &str,
        environment: Environment,
    ) -> Self {
        let mut tool = settings("");
        tool.url = format!("http://{}/webhook/x?y=1", hook.address).parse().unwrap();
        change(&mut tool);
        let mut model = Model::open().await;
        let secrets = BTreeMap::from([("TOOL_SECRET".to_owned(), SECRET.to_owned())]);
        let environment = Environment { secrets, ..environment };
        let settings = |config: &mut Config| {
            config.upstream_url = Some(format!("ws://{}", model.address));
            config.tools = vec![tool];
            change_all(config);
        };
        let proxy = Proxy::within(settings, environment).await;
        let mut phone = Phone::call(&proxy).await;
        phone
            .say(&format!(r#"{{"type":"hello","audio":{{"rate_hz":16000}},"functions":{functions}}}"#))
            .await;
        phone.wait_ready().await;
        let setup = model.setup().await;
        Self { proxy, phone, model, setup }
    }

    async fn asks(&mut self, name: &str, arguments: &Value) -> Value {
        self.model.asks(name, arguments).await
    }

    async fn until_shown(&mut self, wanted: ToolState) -> FromProxy {
        let is_it =
            |message: &FromProxy| matches!(message, FromProxy::Tool { state, .. } if *state == wanted);
        self.phone.wait(|message| Some(message).filter(is_it)).await
    }
}
