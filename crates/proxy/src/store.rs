//! The registry of calls that outlives a process: where each call stands, which proxy has it, and by what the service
//! takes its conversation up again.
//!
//! Who has a call holds a lease on it, and says so again in every [`RENEW_EVERY`]; each taking raises its generation, and
//! nothing is written under an old one. A single proxy keeps the registry in its own [`memory`], several share one in
//! [Redis or Valkey](shared). Of secrets and users there are only hashes.

pub(crate) mod memory;
pub(crate) mod shared;

use core::fmt;
use core::pin::Pin;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// What proxies know of their calls, and of the conversations that users had.
pub(crate) trait Store: fmt::Debug + Send + Sync {
    /// Whether other processes see it.
    fn is_shared(&self) -> bool;

    /// Writes a call down, unless another has it, and holds it for one more [`LEASE`] or lets go of it.
    fn keep<'a>(&'a self, call: &'a str, record: &'a Record, hold: Hold) -> Answer<'a, Kept>;

    /// What is written of a call.
    fn find<'a>(&'a self, call: &'a str) -> Answer<'a, Option<Found>>;

    /// Takes a call that nobody has and that is still of this generation; it is of the next one then. False if somebody
    /// was faster.
    fn take<'a>(&'a self, call: &'a str, generation: u64, owner: &'a str) -> Answer<'a, bool>;

    /// Forgets a call that is over, unless another has it.
    fn end<'a>(&'a self, call: &'a str, generation: u64) -> Answer<'a, ()>;

    /// Takes one of the `most` places in a room for so long, or goes on taking it; false if all are taken by others. A room of
    /// one place is good for what may be used once.
    fn enter<'a>(&'a self, room: &'a str, name: &'a str, most: u32, stay: Duration) -> Answer<'a, bool>;

    /// Gives a place back.
    fn leave<'a>(&'a self, room: &'a str, name: &'a str) -> Answer<'a, ()>;

    /// Keeps a text under a name that nobody can guess, for so long.
    fn deposit<'a>(&'a self, name: &'a str, text: &'a str, stay: Duration) -> Answer<'a, ()>;

    /// What is kept under a name; from here on it is kept for no longer than `linger`, for one who did not hear the answer.
    fn withdraw<'a>(&'a self, name: &'a str, linger: Duration) -> Answer<'a, Option<String>>;

    /// Adds to an account, unless that was done, and says what is on it then; it is closed so long after its first sum.
    fn add<'a>(&'a self, account: &'a str, slip: Slip<'a>, lasts: Duration) -> Answer<'a, u64>;

    /// Writes down under a key what was begun for a call, and for how long that is to be known. Of each call the
    /// [`MOST_NOTES`] are kept that last longest.
    fn note<'a>(&'a self, call: &'a str, key: &'a str, text: &'a str, stay: Duration) -> Answer<'a, ()>;

    /// Strikes such a note out.
    fn strike<'a>(&'a self, call: &'a str, key: &'a str) -> Answer<'a, ()>;

    /// All such notes of a call, and for how much longer each is kept.
    fn notes<'a>(&'a self, call: &'a str) -> Answer<'a, Vec<(String, Duration)>>;

    /// A user begins this call: where their conversation stood until now, if that is not too long ago. From here on it
    /// is this call's.
    fn begin<'a>(&'a self, user: &'a str, call: &'a str) -> Answer<'a, Option<Checkpoint>>;

    /// Where a user's conversation stands, if it is still this call's.
    fn remember<'a>(&'a self, user: &'a str, call: &'a str, checkpoint: &'a Checkpoint) -> Answer<'a, ()>;
}

/// An answer of the registry that takes its time.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Away>> + Send + 'a>>;

/// The registry can't be reached, or does not answer as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Away(pub(crate) String);

/// Uses what may be used once; false if it was used before. It is remembered for so long.
///
/// # Errors
/// The registry is away, and nobody knows.
pub(crate) async fn spend(
    store: &dyn Store,
    what: &str,
    attempt: &str,
    stay: Duration,
) -> Result<bool, Away> {
    store.enter(what, attempt, 1, stay).await
}

/// What must be known to lead a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Where other proxies reach the one that has it, or had it last.
    pub(crate) owner: String,
    /// Raised whenever another takes it.
    pub(crate) generation: u64,
    /// Hashes of the secrets that open it, the newest last.
    pub(crate) locks: Vec<String>,
    /// A hash of the user's name.
    pub(crate) user: String,
    /// Where its conversation can be taken up again.
    pub(crate) checkpoint: Option<Checkpoint>,
    /// The model's newest turn, some moments ago.
    pub(crate) turn: u32,
    /// When the call began, in seconds since 1970: it may last for so long, whoever leads it.
    pub(crate) began_s: u64,
}

/// A sum for an account. It counts once, however often it is handed in: whoever did not hear the answer does so again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slip<'w> {
    /// Who hands it in.
    pub(crate) writer: &'w str,
    /// Raised for each of their sums.
    pub(crate) number: u64,
    pub(crate) sum: u64,
}

/// Where a conversation can be taken up again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// By which the service does.
    pub(crate) handle: String,
    /// The model that it was led with; no other takes the handle.
    pub(crate) model: String,
    /// The phone's words below this number are safe.
    pub(crate) next: u32,
}

/// What is written of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) record: Record,
    /// Whether its owner lives, as far as the lease goes.
    pub(crate) is_held: bool,
}

/// What a writer wants to be of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Its owner, for one more lease.
    Lease,
    /// No more: another may take it.
    LetGo,
}

/// Whether something could be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Kept,
    /// Another has the call.
    Lost,
}

impl fmt::Debug for Checkpoint {
    /// Without the handle, which opens the conversation to whoever has the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint")
            .field("model", &self.model)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Away {}

/// Each may hold a tool's arguments and its result, of 64 KiB both.
pub(crate) const MOST_NOTES: usize = 64;

/// How long a call stays with a proxy that says nothing more.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

/// Two of these may be late until a lease is over.
pub(crate) const RENEW_EVERY: Duration = Duration::from_millis(600);

/// How long the service takes a handle: its documentation says two hours after the session's end.
pub(crate) const HANDLES_LAST: Duration = Duration::from_secs(2 * 60 * 60);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod tests {
    //! What holds of every registry, held to both.

    use super::*;
    use memory::Memory;
    use shared::Shared;
    use shared::redis_server::Redis;
    use std::sync::Arc;
    use tokio::time::{Instant, sleep};

    /// A registry of its own kind for each story; Redis, where the machine has one, on a port of its own.
    async fn registries() -> Vec<(Arc<dyn Store>, Option<Redis>)> {
        let redis = Redis::start().await;
        let shared = Shared::open(&redis.url(), KEEP).unwrap();
        vec![(Arc::new(Memory::new(KEEP)), None), (Arc::new(shared), Some(redis))]
    }

    const KEEP: Duration = Duration::from_secs(3);

    fn record(owner: &str, generation: u64) -> Record {
        let checkpoint = Checkpoint { handle: format!("handle of {owner}"), model: "m".into(), next: 7 };
        Record {
            owner: owner.into(),
            generation,
            locks: vec!["lock".into()],
            user: "u".into(),
            checkpoint: Some(checkpoint),
            turn: 3,
            began_s: 1_700_000_000,
        }
    }

    #[tokio::test]
    async fn a_call_is_its_owner_s_until_the_lease_is_over_and_then_the_first_taker_s() {
        for (store, _redis) in registries().await {
            let first = record("one:1", 1);
            assert_eq!(store.find("c").await, Ok(None));
            assert_eq!(store.keep("c", &first, Hold::Lease).await, Ok(Kept::Kept));
            assert_eq!(store.find("c").await, Ok(Some(Found { record: first.clone(), is_held: true })));
            assert_eq!(store.take("c", 1, "two:2").await, Ok(false), "it is held");
            let began = Instant::now();
            while store.find("c").await.unwrap().unwrap().is_held {
                assert!(began.elapsed() < LEASE * 2);
                sleep(Duration::from_millis(20)).await;
            }
            assert!(began.elapsed() > LEASE / 2);
            assert_eq!(store.take("c", 0, "two:2").await, Ok(false), "it is of another generation");
            let (two, three) = tokio::join!(store.take("c", 1, "two:2"), store.take("c", 1, "three:3"));
            assert!(two.unwrap() != three.unwrap(), "one of them");
            assert_eq!(store.keep("c", &first, Hold::Lease).await, Ok(Kept::Lost), "the first is too late");
            assert_eq!(store.end("c", 1).await, Ok(()));
            let second = record("two:2", 2);
            assert_eq!(store.keep("c", &second, Hold::Lease).await, Ok(Kept::Kept));
            assert_eq!(store.find("c").await, Ok(Some(Found { record: second, is_held: true })));
            assert_eq!(store.end("c", 2).await, Ok(()));
            assert_eq!(store.find("c").await, Ok(None));
        }
    }

    #[tokio::test]
    async fn a_call_that_was_let_go_is_to_be_had_at_once_and_not_for_ever() {
        for (store, _redis) in registries().await {
            assert_eq!(store.keep("c", &record("one:1", 1), Hold::LetGo).await, Ok(Kept::Kept));
            assert!(!store.find("c").await.unwrap().unwrap().is_held);
            assert_eq!(store.take("c", 1, "two:2").await, Ok(true));
            assert!(store.find("c").await.unwrap().unwrap().is_held);
            let began = Instant::now();
            while store.find("c").await.unwrap().is_some() {
                assert!(began.elapsed() < KEEP * 2);
                sleep(Duration::from_millis(50)).await;
            }
        }
    }

    #[tokio::test]
    async fn a_room_holds_as_many_as_it_has_places_and_those_who_stay_away_lose_theirs() {
        for (store, _redis) in registries().await {
            let (soon, long) = (Duration::from_millis(300), Duration::from_secs(60));
            assert_eq!(store.enter("calls", "a", 2, long).await, Ok(true));
            assert_eq!(store.enter("calls", "b", 2, soon).await, Ok(true));
            assert_eq!(store.enter("calls", "c", 2, long).await, Ok(false), "it is full");
            assert_eq!(store.enter("calls", "a", 2, long).await, Ok(true), "it is there already");
            assert_eq!(store.enter("another", "c", 1, long).await, Ok(true));
            let began = Instant::now();
            while !store.enter("calls", "c", 2, long).await.unwrap() {
                assert!(began.elapsed() < soon * 20);
                sleep(Duration::from_millis(20)).await;
            }
            assert_eq!(store.enter("calls", "b", 2, soon).await, Ok(false));
            store.leave("calls", "a").await.unwrap();
            store.leave("calls", "nobody").await.unwrap();
            assert_eq!(store.enter("calls", "b", 2, soon).await, Ok(true));
        }
    }

    #[tokio::test]
    async fn what_may_be_used_once_is_used_once_however_many_try() {
        for (store, _redis) in registries().await {
            let stay = Duration::from_secs(60);
            let attempts: Vec<_> = (0..20).map(|attempt| attempt.to_string()).collect();
            let tries = attempts.iter().map(|attempt| spend(&*store, "ticket a", attempt, stay));
            let won = futures_util::future::join_all(tries).await;
            assert_eq!(won.iter().filter(|won| *won.as_ref().unwrap()).count(), 1);
            assert_eq!(spend(&*store, "ticket a", "later", stay).await, Ok(false));
            assert_eq!(spend(&*store, "ticket b", "later", stay).await, Ok(true));
        }
    }

    #[tokio::test]
    async fn what_is_kept_is_there_for_its_time_and_lingers_after_it_was_asked_for() {
        for (store, _redis) in registries().await {
            let (soon, long) = (Duration::from_millis(300), Duration::from_secs(60));
            store.deposit("a", "text of a", long).await.unwrap();
            store.deposit("b", "text of b", soon).await.unwrap();
            assert_eq!(store.withdraw("nothing", long).await, Ok(None));
            assert_eq!(store.withdraw("a", soon).await, Ok(Some("text of a".into())));
            assert_eq!(
                store.withdraw("a", long).await,
                Ok(Some("text of a".into())),
                "it was asked for just before"
            );
            assert_eq!(store.withdraw("b", long).await, Ok(Some("text of b".into())));
            sleep(soon * 2).await;
            assert_eq!(store.withdraw("a", long).await, Ok(None), "asking again keeps it no longer");
            assert_eq!(store.withdraw("b", long).await, Ok(None), "asking keeps it no longer");
            store.deposit("a", "another", long).await.unwrap();
            assert_eq!(store.withdraw("a", Duration::ZERO).await, Ok(Some("another".into())));
            assert_eq!(store.withdraw("a", Duration::ZERO).await, Ok(None));
        }
    }

    #[tokio::test]
    async fn an_account_sums_up_what_all_add_until_it_is_closed() {
        for (store, _redis) in registries().await {
            let (soon, long) = (Duration::from_millis(300), Duration::from_secs(60));
            let writers: Vec<_> = (1..=20).map(|sum| (sum.to_string(), sum)).collect();
            let sums = writers
                .iter()
                .map(|(writer, sum)| store.add("a", Slip { writer, number: 1, sum: *sum }, long));
            let totals = futures_util::future::join_all(sums).await;
            assert_eq!(totals.into_iter().map(Result::unwrap).max(), Some(210));
            let nothing = Slip { writer: "x", number: 0, sum: 0 };
            assert_eq!(store.add("a", nothing, soon).await, Ok(210));
            for (number, sum, total) in [(1, 5, 215), (1, 5, 215), (2, 1, 216), (1, 5, 216), (2, 9, 216)] {
                let again = Slip { writer: "20", number: number + 1, sum };
                assert_eq!(store.add("a", again, long).await, Ok(total), "each counts once");
            }
            assert_eq!(store.add("b", Slip { sum: 1, number: 1, ..nothing }, soon).await, Ok(1));
            let began = Instant::now();
            while store.add("b", nothing, long).await.unwrap() > 0 {
                assert!(began.elapsed() < soon * 20, "it was closed by its first term");
                sleep(Duration::from_millis(20)).await;
            }
            assert_eq!(
                store.add("b", Slip { sum: 1, number: 1, ..nothing }, long).await,
                Ok(1),
                "and its slips"
            );
            assert_eq!(store.add("a", nothing, long).await, Ok(216));
        }
    }

    #[tokio::test]
    async fn a_conversation_is_the_last_call_s() {
        for (store, _redis) in registries().await {
            let checkpoint = |handle: &str| Checkpoint { handle: handle.into(), model: "m".into(), next: 0 };
            assert_eq!(store.begin("u", "a").await, Ok(None));
            store.remember("u", "a", &checkpoint("1")).await.unwrap();
            store.remember("u", "a", &checkpoint("2")).await.unwrap();
            store.remember("u", "another", &checkpoint("3")).await.unwrap();
            store.remember("v", "a", &checkpoint("4")).await.unwrap();
            assert_eq!(store.begin("v", "b").await, Ok(None), "it is another user's");
            assert_eq!(store.begin("u", "b").await, Ok(Some(checkpoint("2"))));
            store.remember("u", "a", &checkpoint("5")).await.unwrap();
            assert_eq!(
                store.begin("u", "c").await,
                Ok(None),
                "the old call has no say, the new one said nothing"
            );
        }
    }

    #[tokio::test]
    async fn what_was_begun_for_a_call_is_known_for_its_time_and_the_rest_gives_way() {
        for (store, _redis) in registries().await {
            let texts = async |call| {
                let mut texts: Vec<_> = store.notes(call).await.unwrap();
                texts.sort();
                texts
            };
            assert_eq!(texts("c").await, []);
            store.note("c", "long", "begun", Duration::from_secs(60)).await.unwrap();
            store.note("c", "long", "done", Duration::from_secs(50)).await.unwrap();
            store.note("c", "short", "s", Duration::from_millis(300)).await.unwrap();
            store.note("other", "o", "of another", Duration::from_secs(60)).await.unwrap();
            let there = texts("c").await;
            assert_eq!(there.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(), ["done", "s"]);
            assert!(
                there[0].1 <= Duration::from_secs(50) && there[0].1 > Duration::from_secs(30),
                "{there:?}"
            );
            while texts("c").await.len() == 2 {
                sleep(Duration::from_millis(20)).await;
            }
            for number in 0..MOST_NOTES {
                let stay = Duration::from_secs(100 + number as u64);
                store.note("c", &number.to_string(), &number.to_string(), stay).await.unwrap();
            }
            assert_eq!(texts("c").await.len(), MOST_NOTES);
            assert!(texts("c").await.iter().all(|(text, _)| text != "done"), "the first to end gives way");
            store.strike("c", "7").await.unwrap();
            store.strike("c", "never written").await.unwrap();
            assert!(texts("c").await.len() == MOST_NOTES - 1);
            assert_eq!(texts("other").await.len(), 1);
        }
    }
}
