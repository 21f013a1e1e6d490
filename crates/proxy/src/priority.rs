//! Calls go first: on a busy machine the threads that open doors give way to those that lead calls, so that strangers who knock
//! hard take nothing from people who talk.

/// Has the thread that this runs on, and those that it starts, give way to all others. Where threads have no priority of their own
/// nothing changes.
pub(crate) fn give_way() {
    // To Linux a thread is a process of its own here; elsewhere it would be the whole program that gives way.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        let gives_way = getpriority_process(None).is_ok_and(|nice| nice >= NICE);
        if !gives_way && let Err(error) = setpriority_process(None, NICE) {
            tracing::debug!(%error, "a thread cannot give way");
        }
    }
}

/// A tenth of a fair share of a busy processor (`sched(7)`: each step is some 1.25 times less); all of an idle one.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod tests {
    use super::*;
    use std::thread;

    fn nice() -> i32 {
        rustix::process::getpriority_process(None).unwrap()
    }

    #[test]
    fn a_thread_gives_way_alone() {
        let before = nice();
        let (there, its_child) = thread::spawn(|| {
            give_way();
            (nice(), thread::spawn(nice).join().unwrap())
        })
        .join()
        .unwrap();
        assert_eq!((nice(), there, its_child), (before, before.max(NICE), before.max(NICE)));
    }
}
