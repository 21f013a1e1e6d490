//! What fuzzers found worth keeping, read again with the very laws that they ran.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../../fuzz/src/laws.rs"]
#[allow(unreachable_pub, reason = "public to the fuzz targets")]
mod laws;

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

#[test]
fn every_file_of_every_corpus_keeps_the_law() {
    for (name, law) in laws::ALL {
        let files = files(&folder("corpus").join(name));
        assert!(files.len() >= 24, "{name}: {} files", files.len());
        for file in files {
            let bytes = fs::read(&file).unwrap();
            assert!(catch_unwind(|| law(&bytes)).is_ok(), "{}", file.display());
        }
    }
}

#[test]
fn every_law_has_a_target_and_a_corpus() {
    let laws: BTreeSet<_> = laws::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&folder("corpus")), laws);
    assert_eq!(names(&folder("fuzz_targets")), laws);
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(name)
}

fn names(folder: &Path) -> BTreeSet<String> {
    files(folder).iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}
