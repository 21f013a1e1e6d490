//! What processes use, as Linux counts it.

use std::fs;

/// Processor time and memory of some processes and their children.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    pub cpu_s: f64,
    pub rss_kib: u64,
}

/// What these and their children have used so far.
pub fn usage(pids: &[u32]) -> Usage {
    let all = pids.iter().flat_map(|pid| [vec![*pid], children(*pid)].concat());
    all.fold(Usage::default(), |sum, pid| Usage {
        cpu_s: sum.cpu_s + cpu_s(pid).unwrap_or_default(),
        rss_kib: sum.rss_kib + rss_kib(pid).unwrap_or_default(),
    })
}

fn children(pid: u32) -> Vec<u32> {
    let told = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    told.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// Of all threads, to the nanosecond: the clock ticks of `stat` are too coarse for a quick run.
fn cpu_s(pid: u32) -> Option<f64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let ns = threads.filter_map(|thread| {
        let told = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        told.split_whitespace().next()?.parse::<u64>().ok()
    });
    Some(ns.sum::<u64>() as f64 / 1e9)
}

fn rss_kib(pid: u32) -> Option<u64> {
    let told = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}
