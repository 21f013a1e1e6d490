//! Open files: each call has two sockets, and who waits at the door has one.

/// Sees to it that so many calls can have their files, as far as the system lets it; else says how many can.
#[cfg_attr(not(target_os = "linux"), allow(unused_variables, reason = "the limit stays as it is"))]
pub(crate) fn provide_for(calls: u32) {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let wanted = wanted(calls);
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
                "{calls} calls take up to {wanted} open files, and there may be {found}: raise that limit (`ulimit -n`, \
                 LimitNOFILE of systemd), or lower limits.calls"
            );
        }
    }
}

/// Both sockets of each call; and all that wait at the doors, which are at most some thousands, with what the program itself has open.
#[cfg(target_os = "linux")]
fn wanted(calls: u32) -> u64 {
    u64::from(calls) * 2 + AT_THE_DOORS
}

#[cfg(target_os = "linux")]
const AT_THE_DOORS: u64 = 8_192;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::process::{Resource, getrlimit};

    #[test]
    fn as_many_as_are_wanted_and_allowed_may_be_open() {
        provide_for(10);
        let limit = getrlimit(Resource::Nofile);
        let most = limit.maximum.unwrap_or(u64::MAX);
        assert!(limit.current.unwrap_or(u64::MAX) >= most.min(wanted(10)));
    }
}
