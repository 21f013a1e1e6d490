//! Open files: each call has two sockets, and who waits at the door has one.

use crate::config::Limits;

/// Sees to it that so many calls can have their files, as far as the system lets it; else says how many can.
#[cfg_attr(not(target_os = "linux"), allow(unused_variables, reason = "the limit stays as it is"))]
pub(crate) fn provide_for(limits: &Limits) {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let wanted = wanted(limits);
        let mut limit = getrlimit(Resource::Nofile);
        let is_enough = |most: Option<u64>| most.is_none_or(|most| most >= wanted);
        if !is_enough(limit.current) {
            limit.current = Some(limit.maximum.map_or(wanted, |most| most.min(wanted)));
            // What it comes to is looked at next.
            let _ = setrlimit(Resource::Nofile, limit);
        }
        let found = getrlimit(Resource::Nofile).current;
        if !is_enough(found) {
            let found = found.unwrap_or(u64::MAX);
            tracing::warn!(
                "as many calls and callers as the limits allow take up to {wanted} open files, and there may be {found}: raise \
                 that limit (`ulimit -n`, LimitNOFILE of systemd), or lower limits.calls and limits.connections"
            );
        }
    }
}

/// Both sockets of each call, all that wait at the doors and in the hall, and what the program itself has open.
#[cfg(target_os = "linux")]
fn wanted(limits: &Limits) -> u64 {
    let Limits { calls, connections, unintroduced, .. } = *limits;
    u64::from(calls) * 2 + u64::from(connections) * DOORS + u64::from(unintroduced) + OURS
}

/// The public door and the cluster's; operators are few.
#[cfg(target_os = "linux")]
const DOORS: u64 = 2;

/// Listeners, reactors, the log, requests to webhooks.
#[cfg(target_os = "linux")]
const OURS: u64 = 1_024;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::process::{Resource, getrlimit};

    #[test]
    fn as_many_as_are_wanted_and_allowed_may_be_open() {
        let few = Limits { calls: 10, ..Limits::default() };
        provide_for(&few);
        let limit = getrlimit(Resource::Nofile);
        let most = limit.maximum.unwrap_or(u64::MAX);
        assert!(limit.current.unwrap_or(u64::MAX) >= most.min(wanted(&few)));
    }
}
