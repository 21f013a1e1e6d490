//! Rules of the house that a reader should not have to check by eye: who leans on whom, and what a core
//! may not touch.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What each crate may lean on: the arrows of ARCHITECTURE.md, and the libraries that are not of the house.
const ARROWS: &[(&str, &[&str])] = &[
    ("vivavoce-dsp", &["libm"]),
    ("vivavoce-worklet", &["vivavoce-dsp"]),
    ("vivavoce-vad", &["vivavoce-dsp", "earshot"]),
    ("vivavoce-wire", &["bytes", "serde", "serde_json"]),
    ("vivavoce-gemini", &["base64", "base64-simd", "bytes", "memchr", "serde", "serde_json"]),
    (
        "vivavoce-session",
        &["vivavoce-wire", "vivavoce-gemini", "vivavoce-dsp", "bytes", "serde", "serde_json"],
    ),
];

/// Who may lean on which rooms of the house; other libraries are theirs to choose.
const ROOMS: &[(&str, &[&str])] = &[
    ("vivavoce", &["vivavoce-session", "vivavoce-wire"]),
    ("vivavoce-lab", &["vivavoce-dsp"]),
    ("vivavoce-sim", &["vivavoce-gemini", "vivavoce-dsp", "vivavoce-session"]),
    (
        "vivavoce-proxy",
        &["vivavoce-session", "vivavoce-wire", "vivavoce-gemini", "vivavoce-dsp", "vivavoce-sim"],
    ),
];

/// Words by which a core would read a clock, wait, or touch the world.
const WORLD: &[&str] =
    &["Instant::now", "SystemTime", "std::net", "std::fs", "std::thread", "std::env", "std::process"];

/// The crates that hold `unsafe`: modules without imports, called from JavaScript by pointer.
const DOORS: &[&str] = &["worklet", "vad"];

/// The crates that are words, machines or lines.
const CORES: &[&str] = &["wire", "gemini", "session", "dsp"];

#[test]
fn the_arrows_between_crates_are_those_of_the_map() {
    let leans = dependencies();
    for (name, allowed) in ARROWS {
        let found = &leans[*name];
        let extra: Vec<_> = found.iter().filter(|d| !allowed.contains(&d.as_str())).collect();
        assert!(extra.is_empty(), "{name} may lean on {allowed:?} only, found {extra:?}");
    }
    for (name, allowed) in ROOMS {
        let house = leans[*name].iter().filter(|d| d.starts_with("vivavoce"));
        let extra: Vec<_> = house.filter(|d| !allowed.contains(&d.as_str())).collect();
        assert!(extra.is_empty(), "{name} may lean on {allowed:?} only, found {extra:?}");
    }
    let known: BTreeSet<_> = ARROWS.iter().chain(ROOMS).map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(known, leans.into_keys().collect(), "every room stands on the map");
}

#[test]
fn cores_never_touch_the_world() {
    for core in CORES {
        for file in rust_files(&root().join("crates").join(core).join("src")) {
            let text = std::fs::read_to_string(&file).unwrap();
            for word in WORLD {
                assert!(!text.contains(word), "{} says {word}", file.display());
            }
        }
    }
}

#[test]
fn unsafe_lives_behind_the_c_doors() {
    for folder in ["src", "crates"] {
        for file in rust_files(&root().join(folder)) {
            if DOORS.iter().any(|door| file.starts_with(root().join("crates").join(door))) {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            let found = text.lines().any(|line| line.contains("unsafe {") || line.contains("unsafe fn"));
            assert!(!found, "{} holds unsafe code", file.display());
        }
    }
}

#[test]
fn every_crate_but_the_c_doors_forbids_unsafe_code() {
    for crate_name in ["wire", "gemini", "session", "dsp", "sim", "proxy"] {
        let manifest =
            std::fs::read_to_string(root().join("crates").join(crate_name).join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{crate_name} obeys the table of lints");
    }
    let table = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(table.contains("unsafe_code = \"forbid\""));
}

/// Every package of the workspace with the libraries that it needs at run time.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata speaks JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages.iter().map(|package| (text(&package["name"]), runtime_dependencies(package))).collect()
}

fn runtime_dependencies(package: &serde_json::Value) -> BTreeSet<String> {
    let all = package["dependencies"].as_array().expect("dependencies");
    all.iter().filter(|d| d["kind"].is_null()).map(|d| text(&d["name"])).collect()
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of the house") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
