//! The program as people and scripts start it.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]

mod stage;

use stage::{Folder, nobody, patiently};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

#[tokio::test]
async fn serve_says_where_it_listens_and_ends_in_good_order() {
    let mut child = vivavoce(&["serve", "--listen", "127.0.0.1:0"]).spawn().unwrap();
    let lines = lines_until(&mut child, "listening on http://127.0.0.1:").await;
    assert!(lines.iter().any(|line| line.contains("simulator")), "{lines:?}");
    terminate(&child).await;
    assert_eq!(patiently(child.wait()).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn serve_says_when_it_talks_to_gemini() {
    let mut child =
        vivavoce(&["serve", "--listen", "127.0.0.1:0"]).env("GEMINI_API_KEY", "k").spawn().unwrap();
    let lines = lines_until(&mut child, "listening on http://127.0.0.1:").await;
    assert!(lines.iter().any(|line| line.contains("Gemini (gemini-3.8-live)")), "{lines:?}");
    child.kill().await.unwrap();
}

#[tokio::test]
async fn the_log_is_an_object_a_line_for_those_who_want_that() {
    let mut child = vivavoce(&["serve", "--listen", "127.0.0.1:0"])
        .env("VIVAVOCE_LOG", "json")
        .env("GEMINI_API_KEY", "k")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    // It may say before that another proxy on this machine has the operators' port.
    let entry = loop {
        let line = patiently(log.next_line()).await.unwrap().expect("a word on admission");
        let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
        if entry["message"].as_str().unwrap().contains("admission is") {
            break entry;
        }
    };
    assert_eq!(entry["level"], "WARN");
    child.kill().await.unwrap();
    let mut child = vivavoce(&["check"]).env("VIVAVOCE_LOG", "xml").stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = patiently(said.next_line()).await.unwrap().unwrap();
    assert!(line.contains("\"text\" or \"json\"; found \"xml\""), "{line}");
    assert_eq!(patiently(child.wait()).await.unwrap().code(), Some(1));
}

#[tokio::test]
async fn sim_says_where_it_listens() {
    let mut child = vivavoce(&["sim", "--port", "0"]).spawn().unwrap();
    lines_until(&mut child, "listening on http://127.0.0.1:").await;
    terminate(&child).await;
    assert_eq!(patiently(child.wait()).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_taken_port_ends_the_program_with_a_sentence() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for arguments in [vec!["serve", "--listen", &format!("127.0.0.1:{port}")], vec!["sim", "--port", &port]] {
        let (code, said) = fails(&arguments).await;
        assert_eq!(code, 1, "{arguments:?}: {said}");
        assert!(
            said.contains(&format!("port {port}")) && said.contains("another port"),
            "{arguments:?}: {said}"
        );
    }
}

#[tokio::test]
async fn everything_wrong_with_the_settings_is_said_at_once() {
    let folder = Folder::new("settings");
    let config = folder.file(
        "vivavoce.toml",
        "listen = 8003\n[gemini]\nvioce = \"Kore\"\nsilence_duration_ms = -1\n[secrets]\napi_key = \"AIzaSyA\"\n",
    );
    for command in ["check", "serve"] {
        let (code, said) = fails(&[command, "--config", config.to_str().unwrap()]).await;
        assert_eq!(code, 1, "{said}");
        for words in [
            "line 1: `listen` is an address",
            "line 3: unknown key `gemini.vioce`",
            "line 4: `gemini.silence_duration_ms` is a whole number",
            "line 5: `secrets` looks like a secret",
        ] {
            assert!(said.contains(words), "{command}: {words} is not in {said}");
        }
        assert!(!said.contains("AIzaSyA"), "{said}");
    }
}

#[tokio::test]
async fn what_the_environment_and_the_command_line_lack_is_said_at_once_too() {
    let folder = Folder::new("objections");
    let tool = "[[tools]]\nname = \"a\"\ndescription = \"b\"\nurl = \"https://a.example\"\nsecret_env = \"A_SECRET\"\n";
    let config = folder.file("vivavoce.toml", tool);
    for command in ["check", "serve"] {
        let words =
            [command, "--config", config.to_str().unwrap(), "--page", "/nowhere", "--listen", "0.0.0.0:0"];
        let mut program = vivavoce(&words);
        program.env("REDIS_URL", "http://nowhere").env("A_SECRET", "short");
        let done = patiently(program.output()).await.unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{said}");
        for words in [
            "REDIS_URL is no address",
            "A_SECRET of 16 bytes",
            "\"/nowhere\" is not there",
            "without admission",
        ] {
            assert!(said.contains(words), "{command}: {words} is not in {said}");
        }
    }
}

#[tokio::test]
async fn good_settings_are_said_to_be_good() {
    let folder = Folder::new("good");
    let config = folder.file("vivavoce.toml", "[gemini]\nvoice = \"Puck\"\n");
    let done = patiently(vivavoce(&["check", "--config", config.to_str().unwrap()]).output()).await.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test]
async fn nobody_listens_to_the_whole_network_without_admission() {
    let (code, said) = fails(&["serve", "--listen", "0.0.0.0:0"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("without admission"), "{said}");
}

#[tokio::test]
async fn with_admission_anybody_may_knock() {
    let mut serve = vivavoce(&["serve", "--listen", "0.0.0.0:0"]);
    let mut child = serve.env("VIVAVOCE_SIGNING_KEY", KEY).env("GEMINI_API_KEY", "k").spawn().unwrap();
    lines_until(&mut child, "listening on http://0.0.0.0:").await;
    child.kill().await.unwrap();
}

#[tokio::test]
async fn secrets_that_admit_nobody_are_named_all_at_once_and_never_repeated() {
    let folder = Folder::new("admission");
    let issuer = "[[admission.issuers]]\nissuer = \"https://id.example\"\naudience = \"voice\"\n";
    let config = folder.file(
        "vivavoce.toml",
        format!(
            "{issuer}algorithm = \"HS256\"\nsecret_env = \"ID_SECRET\"\n\
             {issuer}algorithm = \"EdDSA\"\nkey_file = \"/nowhere.pem\"\n\
             {issuer}algorithm = \"EdDSA\"\nkey = \"-----BEGIN PRIVATE KEY-----\"\n"
        ),
    );
    let mut check = vivavoce(&["check", "--config", config.to_str().unwrap()]);
    check.env("TELEGRAM_BOT_TOKEN", "1:nonsense").env("VIVAVOCE_SIGNING_KEY", format!("{KEY},tooshort"));
    let done = patiently(check.output()).await.unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    for words in [
        "TELEGRAM_BOT_TOKEN holds something that is no bot's token",
        "VIVAVOCE_SIGNING_KEY holds a key of less than 32 bytes",
        "ID_SECRET is not set",
        "\"/nowhere.pem\" cannot be read",
        "private half",
    ] {
        assert!(said.contains(words), "{words} is not in {said}");
    }
    assert!(!said.contains("nonsense") && !said.contains("tooshort"), "{said}");
    let mut shared = vivavoce(&["check"]);
    shared.env("REDIS_URL", "redis://127.0.0.1").env("TELEGRAM_BOT_TOKEN", TOKEN);
    let said = patiently(shared.output()).await.unwrap().stderr;
    assert!(String::from_utf8_lossy(&said).contains("must sign tickets with the same key"));
}

#[tokio::test]
async fn a_call_from_the_terminal_shows_its_ticket() {
    let folder = Folder::new("ticket");
    let settings = folder.file("vivavoce.toml", "[admission]\nlocal = false\n");
    let mut serve = vivavoce(&["serve", "--listen", "127.0.0.1:0", "--config", settings.to_str().unwrap()]);
    let mut proxy = serve.env("VIVAVOCE_SIGNING_KEY", KEY).spawn().unwrap();
    let lines = lines_until(&mut proxy, "listening on http://").await;
    let url = format!("ws://{}/ws", lines.last().unwrap().rsplit('/').next().unwrap());
    let wav = folder.0.join("hum.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&wav, spec).unwrap();
    (0..16_000).for_each(|at| writer.write_sample(if at % 114 < 57 { 6_000_i16 } else { -6_000 }).unwrap());
    writer.finalize().unwrap();
    let ticket = patiently(vivavoce(&["ticket", "--native"]).env("VIVAVOCE_SIGNING_KEY", KEY).output()).await;
    let ticket = String::from_utf8(ticket.unwrap().stdout).unwrap();
    let call = |more: Vec<String>| {
        let mut arguments =
            vec!["talk".to_owned(), wav.display().to_string(), "--url".to_owned(), url.clone()];
        arguments.extend(more);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        vivavoce(&arguments)
    };
    let without = patiently(call(Vec::new()).output()).await.unwrap();
    assert!(String::from_utf8_lossy(&without.stderr).contains("Without a ticket"), "{without:?}");
    let shown = vec!["--ticket".to_owned(), ticket.trim().to_owned()];
    let with = patiently(call(shown.clone()).output()).await.unwrap();
    assert!(with.status.success(), "{with:?}");
    let again = patiently(call(shown).output()).await.unwrap();
    assert!(String::from_utf8_lossy(&again.stderr).contains("opens one only"), "{again:?}");
    proxy.kill().await.unwrap();
    let mut said = String::new();
    let mut log = proxy.stderr.take().unwrap();
    tokio::io::AsyncReadExt::read_to_string(&mut log, &mut said).await.unwrap();
    assert!(said.contains("hello") && !said.contains(ticket.trim()) && !said.contains("eyJ"), "{said}");
}

#[tokio::test]
async fn what_cannot_be_done_is_said_in_a_sentence() {
    let folder = Folder::new("sentences");
    let text = folder.file("text.wav", "hello");
    let nobody = format!("ws://{}/ws", nobody().await);
    for (arguments, code, words) in [
        (vec!["talk", text.to_str().unwrap()], 2, "is no WAV file"),
        (vec!["talk", text.to_str().unwrap(), "--url", "nonsense"], 2, ""),
        (vec!["talk"], 2, "FILE.wav"),
        (vec!["serve", "--upstream", "ftp://a"], 1, "the upstream is an address like"),
        (vec!["serve", "--page", "/nowhere/at/all"], 1, "npm run build"),
        (vec!["serve", "--config", "/nowhere.toml"], 1, "cannot read"),
        (vec!["sim", "--port", "0", "--script", "/nowhere.toml"], 1, "/nowhere.toml"),
        (vec!["sim", "--port", "0", "--time-scale", "0"], 1, "above 0"),
        (vec!["ticket"], 1, "VIVAVOCE_SIGNING_KEY is not set"),
        (vec!["ticket", "--user", "ada", "--bot", "7"], 1, "--user is a number"),
        (vec!["ticket", "--expires-in", "100000"], 2, "100000"),
        (vec!["sing"], 2, "sing"),
    ] {
        let (found, said) = fails(&arguments).await;
        assert_eq!(found, code, "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    drop(nobody);
}

const KEY: &str = "a signing key of at least thirty-two bytes";
const TOKEN: &str = "5768337691:AAH5YkoiEuPk8-FZa32hStHTqXiLPtAEhx8";

fn vivavoce(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vivavoce"));
    command.args(arguments);
    for secret in ["GEMINI_API_KEY", "TELEGRAM_BOT_TOKEN", "VIVAVOCE_SIGNING_KEY", "REDIS_URL", "RUST_LOG"] {
        command.env_remove(secret);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn fails(arguments: &[&str]) -> (i32, String) {
    let done = patiently(vivavoce(arguments).output()).await.unwrap();
    (done.status.code().unwrap(), String::from_utf8_lossy(&done.stderr).into_owned())
}

async fn lines_until(child: &mut Child, start: &str) -> Vec<String> {
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = Vec::new();
    while let Some(line) = patiently(out.next_line()).await.unwrap() {
        let is_last = line.starts_with(start);
        lines.push(line);
        if is_last {
            return lines;
        }
    }
    panic!("it ended after {lines:?}");
}

/// As a supervisor does it.
async fn terminate(child: &Child) {
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
}
