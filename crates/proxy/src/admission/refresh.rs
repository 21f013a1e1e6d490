//! The secret by which one who was let in comes again without being vouched for anew: a Mini App stays open for longer
//! than what Telegram signed for it is good.
//!
//! Each is used once and gives the next, until the time of the first is over. What was used works for [`GRACE`] more, as
//! its answer may have been lost. One that comes later than that was in two hands, and nobody knows whose are which: all
//! that came of the same opening end with it (RFC 9700 §4.14.2). The registry has hashes, so that reading it opens nothing.

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
    /// Names the opening that it goes back to: all secrets of one end together. Anything that nobody else has.
    pub(crate) opening: String,
    /// Stands for what vouched for them: with another bot's token it is worth nothing any more.
    pub(crate) voucher: String,
}

/// A new secret for a pass; none if that is over at `now`, or if this machine has no randomness.
///
/// # Errors
/// The registry is away.
pub(crate) async fn issue(store: &dyn Store, pass: &Pass, now: u64) -> Result<Option<String>, Away> {
    let left = pass.left(now);
    let Some(secret) = random().filter(|_| !left.is_zero()) else { return Ok(None) };
    store.deposit(&lock(&secret), &pass.text()?, left).await?;
    Ok(Some(secret))
}

/// The pass that a secret is good for; none if it is unknown, was used, or is too old, or if one of the same opening came
/// after it had been used. It stays as it is: see [`retire`].
///
/// # Errors
/// The registry is away.
pub(crate) async fn find(store: &dyn Store, secret: &str, now: u64) -> Result<Option<Pass>, Away> {
    if let Some(pass) = read(store, &lock(secret)).await? {
        let is_ended = store.withdraw(&ended(&pass), FOREVER).await?.is_some();
        return Ok(Some(pass).filter(|pass| !is_ended && pass.until > now));
    }
    if let Some(pass) = read(store, &spent(secret)).await?
        && store.withdraw(&ended(&pass), FOREVER).await?.is_none()
    {
        tracing::warn!("a refresh secret came again after its time: all that came of the same opening end");
        store.deposit(&ended(&pass), "", pass.left(now)).await?;
    }
    Ok(None)
}

/// A secret was used: it works for [`GRACE`] more.
///
/// # Errors
/// The registry is away.
pub(crate) async fn retire(store: &dyn Store, secret: &str, now: u64) -> Result<(), Away> {
    let Some(pass) = read(store, &lock(secret)).await? else { return Ok(()) };
    store.deposit(&spent(secret), &pass.text()?, pass.left(now)).await?;
    store.withdraw(&lock(secret), GRACE).await.map(drop)
}

async fn read(store: &dyn Store, name: &str) -> Result<Option<Pass>, Away> {
    let text = store.withdraw(name, FOREVER).await?;
    text.map(|text| serde_json::from_str(&text).map_err(|error| Away(error.to_string()))).transpose()
}

impl Pass {
    /// How long it lasts from `now` on.
    const fn left(&self, now: u64) -> Duration {
        Duration::from_secs(self.until.saturating_sub(now))
    }

    fn text(&self) -> Result<String, Away> {
        serde_json::to_string(self).map_err(|error| Away(error.to_string()))
    }
}

/// Its name in the registry. Looking it up takes a time that says nothing of the secret, but of its hash.
fn lock(secret: &str) -> String {
    format!("refresh:{}", hash(secret))
}

/// Where it is known that a secret was used.
fn spent(secret: &str) -> String {
    format!("spent:{}", hash(secret))
}

/// Where it is known that the secrets of an opening end.
fn ended(pass: &Pass) -> String {
    format!("ended:{}", hash(&pass.opening))
}

/// A phone tries again within this if it heard no answer.
pub(crate) const GRACE: Duration = Duration::from_secs(30);

/// Longer than any pass lasts: asking makes it no shorter.
const FOREVER: Duration = Duration::from_secs(30 * 24 * 60 * 60);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod tests {
    use super::*;
    use crate::store::memory::Memory;
    use tokio::time::sleep;

    fn pass() -> Pass {
        pass_of("an opening")
    }

    fn pass_of(opening: &str) -> Pass {
        let user = User { by: "telegram:1".into(), id: "2".into() };
        Pass { user, until: 1_000, opening: opening.into(), voucher: "v".into() }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_comes_too_late_ends_all_of_its_opening_and_none_of_another() {
        let store = Memory::new(Duration::from_secs(1));
        let other = issue(&store, &pass_of("another"), 100).await.unwrap().unwrap();
        let stolen = issue(&store, &pass(), 100).await.unwrap().unwrap();
        let second = issue(&store, &pass(), 100).await.unwrap().unwrap();
        retire(&store, &stolen, 100).await.unwrap();
        let third = issue(&store, &pass(), 110).await.unwrap().unwrap();
        retire(&store, &second, 110).await.unwrap();
        sleep(GRACE * 2).await;
        assert_eq!(find(&store, &third, 170).await, Ok(Some(pass())));
        assert_eq!(find(&store, &stolen, 170).await, Ok(None));
        for secret in [&second, &third, &stolen] {
            assert_eq!(find(&store, secret, 171).await, Ok(None));
        }
        assert_eq!(find(&store, &other, 171).await, Ok(Some(pass_of("another"))));
        // As long as any of them would have been good.
        sleep(Duration::from_secs(820)).await;
        assert_eq!(find(&store, &third, 990).await, Ok(None));
    }

    #[tokio::test(start_paused = true)]
    async fn each_secret_lets_in_once_and_a_little_longer() {
        let store = Memory::new(Duration::from_secs(1));
        let first = issue(&store, &pass(), 100).await.unwrap().unwrap();
        assert!(first.len() >= 43);
        assert_eq!(find(&store, "another", 100).await, Ok(None));
        sleep(GRACE * 2).await;
        assert_eq!(find(&store, &first, 160).await, Ok(Some(pass())));
        retire(&store, &first, 160).await.unwrap();
        sleep(GRACE / 2).await;
        assert_eq!(find(&store, &first, 175).await, Ok(Some(pass())), "the answer was lost");
        retire(&store, &first, 175).await.unwrap();
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
