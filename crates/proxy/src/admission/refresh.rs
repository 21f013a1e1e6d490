//! The secret by which one who was let in comes again without being vouched for anew: a Mini App stays open for longer
//! than what Telegram signed for it is good.
//!
//! Each is used once and gives the next, until the time of the first is over. What was used works for [`GRACE`] more, as
//! its answer may have been lost. The registry has a hash of it, so that reading the registry opens nothing.

use super::User;
use crate::entry::{hash, random};
use crate::store::{Away, Store};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Whom a secret lets in again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pass {
    pub(crate) user: User,
    /// When it ends, in seconds since 1970, however often it is changed for a new one.
    pub(crate) until: u64,
}

/// A new secret for a pass; none if that is over at `now`, or if this machine has no randomness.
///
/// # Errors
/// The registry is away.
pub(crate) async fn issue(store: &dyn Store, pass: &Pass, now: u64) -> Result<Option<String>, Away> {
    let left = Duration::from_secs(pass.until.saturating_sub(now));
    let Some(secret) = random().filter(|_| !left.is_zero()) else { return Ok(None) };
    let text = serde_json::to_string(pass).map_err(|error| Away(error.to_string()))?;
    store.deposit(&lock(&secret), &text, left).await?;
    Ok(Some(secret))
}

/// The pass that a secret is good for; none if it is unknown, was used, or is too old. It stays as it is: see [`retire`].
///
/// # Errors
/// The registry is away.
pub(crate) async fn find(store: &dyn Store, secret: &str, now: u64) -> Result<Option<Pass>, Away> {
    let Some(text) = store.withdraw(&lock(secret), Duration::from_secs(FOREVER_S)).await? else {
        return Ok(None);
    };
    let pass: Pass = serde_json::from_str(&text).map_err(|error| Away(error.to_string()))?;
    Ok(Some(pass).filter(|pass| pass.until > now))
}

/// A secret was used: it works for [`GRACE`] more.
///
/// # Errors
/// The registry is away.
pub(crate) async fn retire(store: &dyn Store, secret: &str) -> Result<(), Away> {
    store.withdraw(&lock(secret), GRACE).await.map(drop)
}

/// Its name in the registry. Looking it up takes a time that says nothing of the secret, but of its hash.
fn lock(secret: &str) -> String {
    format!("refresh:{}", hash(secret))
}

/// A phone tries again within this if it heard no answer.
pub(crate) const GRACE: Duration = Duration::from_secs(30);

/// Longer than any pass lasts: asking makes it no shorter.
const FOREVER_S: u64 = 30 * 24 * 60 * 60;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod tests {
    use super::*;
    use crate::store::memory::Memory;
    use tokio::time::sleep;

    fn pass() -> Pass {
        Pass { user: User { by: "telegram:1".into(), id: "2".into() }, until: 1_000 }
    }

    #[tokio::test(start_paused = true)]
    async fn each_secret_lets_in_once_and_a_little_longer() {
        let store = Memory::new(Duration::from_secs(1));
        let first = issue(&store, &pass(), 100).await.unwrap().unwrap();
        assert!(first.len() >= 43);
        assert_eq!(find(&store, "another", 100).await, Ok(None));
        sleep(GRACE * 2).await;
        assert_eq!(find(&store, &first, 160).await, Ok(Some(pass())));
        retire(&store, &first).await.unwrap();
        sleep(GRACE / 2).await;
        assert_eq!(find(&store, &first, 175).await, Ok(Some(pass())), "the answer was lost");
        retire(&store, &first).await.unwrap();
        sleep(GRACE).await;
        assert_eq!(find(&store, &first, 205).await, Ok(None));
    }

    #[tokio::test(start_paused = true)]
    async fn changing_it_makes_it_last_no_longer() {
        let store = Memory::new(Duration::from_secs(1));
        let mut secret = issue(&store, &pass(), 100).await.unwrap().unwrap();
        for now in [400, 700, 999] {
            let pass = find(&store, &secret, now).await.unwrap().unwrap();
            secret = issue(&store, &pass, now).await.unwrap().unwrap();
        }
        assert_eq!(issue(&store, &pass(), 1_000).await, Ok(None));
        assert_eq!(find(&store, &secret, 1_000).await, Ok(None));
    }

    #[tokio::test(start_paused = true)]
    async fn an_unused_one_ends_with_its_time() {
        let store = Memory::new(Duration::from_secs(1));
        let secret = issue(&store, &pass(), 100).await.unwrap().unwrap();
        sleep(Duration::from_secs(901)).await;
        assert_eq!(find(&store, &secret, 100).await, Ok(None));
    }
}
