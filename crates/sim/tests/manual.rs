//! Every script in the manual is one, and runs.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use core::time::Duration;
use std::sync::Arc;
use vivavoce_sim::Script;
use vivavoce_sim::caller::{Caller, Credential};
use vivavoce_sim::house::House;
use vivavoce_sim::model::Version;
use vivavoce_sim::outbox::Output;
use vivavoce_sim::session::{Input, Session};

const MANUAL: &str = include_str!("../../../docs/SIMULATOR.md");

#[test]
fn the_manuals_scripts_are_scripts_and_run() {
    let blocks: Vec<&str> = MANUAL
        .split("```")
        .filter_map(|block| block.strip_prefix("toml\n").or_else(|| block.strip_prefix("json\n")))
        .collect();
    assert!(blocks.len() >= 6, "{} blocks", blocks.len());
    for block in blocks {
        let script = Script::parse(block).unwrap_or_else(|error| panic!("{error}\nin\n{block}"));
        assert_ne!(script, Script::default(), "{block}");
        let frames = run(script);
        let refuses = block.contains("refuse");
        assert_eq!(frames.iter().any(|frame| frame.contains("turnComplete")), !refuses, "{block}");
    }
}

/// A minute of a call with one typed turn.
fn run(script: Script) -> Vec<String> {
    let caller =
        Caller { version: Version::V1beta, constrained: false, credential: Credential::Key("k".into()) };
    let mut session = Session::new(Arc::new(House::new(script)), caller, Duration::ZERO);
    let setup = r#"{"setup":{"model":"models/gemini-3.8-live","generationConfig":{"responseModalities":["AUDIO"]},
        "tools":[{"functionDeclarations":[{"name":"get_weather"}]}]}}"#;
    let mut frames = Vec::new();
    for (at_s, message) in [(0, setup), (1, r#"{"realtimeInput":{"text":"Hello"}}"#)] {
        session.handle(Input::Frame(message.into()), Duration::from_secs(at_s));
        let until = Duration::from_secs(if at_s == 0 { 1 } else { 60 });
        loop {
            match session.poll() {
                Output::Send(frame) => frames.push(frame.to_string()),
                Output::Timeout(Some(due)) if due <= until => session.handle(Input::Timeout, due),
                Output::Timeout(_) => break,
                Output::SendRaw(_) | Output::Close(_) | Output::Drop | Output::Tape(_) => {}
            }
        }
    }
    frames
}

#[test]
fn the_manual_names_every_key() {
    // The error for an unknown key lists all that there are.
    for (text, place) in [
        ("x = 1", "the top"),
        ("[keys]\nx = 1", "keys"),
        ("[connection]\nx = 1", "connection"),
        ("[frames]\nx = 1", "frames"),
        ("[hearing]\nx = 1", "hearing"),
        ("[strict]\nx = 1", "strict"),
        ("[pace]\nx = 1", "pace"),
        ("[[turn]]\nx = 1", "a turn"),
        ("[[turn.tool]]\nx = 1", "a tool"),
        ("[[turn]]\naudio = \"x\"", "a source"),
        ("[[fault]]\nat_ms = 0\ndo = \"x\"", "a mishap"),
    ] {
        let error = Script::parse(text).expect_err(place).to_string();
        let keys = error.split("expected").nth(1).unwrap_or_else(|| panic!("{place}: {error}"));
        for key in keys.split('`').skip(1).step_by(2) {
            assert!(MANUAL.contains(key), "{key} of {place}");
        }
    }
}
