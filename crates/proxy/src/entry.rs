//! What the registry is to know of one call of ours: the newest of it, and how it gets there.

use crate::budget::Budget;
use crate::store::{Away, Checkpoint, Hold, Kept, RENEW_EVERY, Record, Store};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use subtle::ConstantTimeEq;
use tokio::sync::{Mutex as AsyncMutex, Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument;
use vivavoce_wire::Trouble;

/// One call's entry in the registry.
#[derive(Debug)]
pub(crate) struct Entry {
    call: String,
    store: Arc<dyn Store>,
    record: Mutex<Record>,
    /// Held by whoever writes, so that nothing older is written later.
    writing: AsyncMutex<Writing>,
    changed: Notify,
    reports: mpsc::UnboundedSender<Report>,
    /// Where it is counted, over all proxies.
    rooms: Vec<String>,
}

/// What was written.
#[derive(Debug, Default)]
struct Writing {
    checkpoint: Option<Checkpoint>,
    /// Nothing more is to be written.
    is_over: bool,
}

/// What comes of writing an entry.
pub(crate) type Reports = mpsc::UnboundedReceiver<Report>;

/// One thing that came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// A checkpoint is written: the phone's words below this number are safe.
    CheckpointKept { next: u32 },
    /// Another process has the call.
    Lost,
    /// Its user may use no more today.
    UsedUp(Box<Trouble>),
}

impl Entry {
    /// An entry that is not written yet, and what will come of writing it.
    pub(crate) fn new(
        call: String,
        store: Arc<dyn Store>,
        record: Record,
        rooms: Vec<String>,
    ) -> (Arc<Self>, Reports) {
        let (reports, what_came) = mpsc::unbounded_channel();
        let entry = Self {
            call,
            store,
            record: Mutex::new(record),
            writing: AsyncMutex::default(),
            changed: Notify::new(),
            reports,
            rooms,
        };
        (Arc::new(entry), what_came)
    }

    // ---- What opens the call.

    /// A new secret, of 256 bits; none if this machine has no randomness.
    pub(crate) fn new_secret(&self) -> Option<String> {
        let secret = random()?;
        let locks = &mut self.record().locks;
        locks.push(hash(&secret));
        if locks.len() > MOST_LOCKS {
            // The oldest was used last: it must outlive those that may never have arrived.
            locks.remove(1);
        }
        Some(secret)
    }

    /// The phone has this secret: older ones open nothing any more.
    pub(crate) fn secret_kept(&self, secret: &str) {
        let lock = hash(secret);
        let locks = &mut self.record().locks;
        let at = locks.iter().position(|other| *other == lock).unwrap_or(0);
        locks.drain(..at);
        self.changed.notify_one();
    }

    /// Whether it is the call of one whose name has this hash.
    pub(crate) fn is_of(&self, user: &str) -> bool {
        self.record().user == user
    }

    /// Whether a secret opens it.
    pub(crate) fn opens(&self, secret: &str) -> bool {
        opens(&self.record().locks, secret)
    }

    // ---- Where the conversation stands.

    /// It can be taken up again from here.
    pub(crate) fn note_checkpoint(&self, checkpoint: Checkpoint) {
        self.record().checkpoint = Some(checkpoint);
        self.changed.notify_one();
    }

    /// The model's newest turn; it is written with the rest.
    pub(crate) fn note_turn(&self, turn: u32) {
        self.record().turn = turn;
    }

    // ---- Writing.

    /// Writes it down, and holds the call for one more lease.
    ///
    /// # Errors
    /// The registry is away.
    pub(crate) async fn keep(&self) -> Result<(), Away> {
        let mut writing = self.writing.lock().await;
        if writing.is_over {
            return Ok(());
        }
        let record = self.record().clone();
        if self.store.keep(&self.call, &record, Hold::Lease).await? == Kept::Lost {
            writing.is_over = true;
            let _ = self.reports.send(Report::Lost);
            return Ok(());
        }
        for room in &self.rooms {
            enter(&*self.store, room, &self.call, u32::MAX).await?;
        }
        let checkpoint = record.checkpoint.filter(|new| writing.checkpoint.as_ref() != Some(new));
        if let Some(checkpoint) = checkpoint {
            self.store.remember(&record.user, &self.call, &checkpoint).await?;
            let _ = self.reports.send(Report::CheckpointKept { next: checkpoint.next });
            writing.checkpoint = Some(checkpoint);
        }
        Ok(())
    }

    /// Another process may take the call from here on.
    pub(crate) async fn let_go(&self) {
        let mut writing = self.writing.lock().await;
        if core::mem::replace(&mut writing.is_over, true) {
            return;
        }
        let record = self.record().clone();
        let written = timeout(LAST_WORD, self.store.keep(&self.call, &record, Hold::LetGo)).await;
        if !matches!(written, Ok(Ok(_))) {
            tracing::warn!("the registry is away: the call is to be had when its lease is over");
        }
    }

    /// The call is over.
    pub(crate) async fn end(&self) {
        let mut writing = self.writing.lock().await;
        if core::mem::replace(&mut writing.is_over, true) {
            return;
        }
        let generation = self.record().generation;
        // If that fails, the lease ends by itself, and the rest after it.
        let _ = timeout(LAST_WORD, self.store.end(&self.call, generation)).await;
        for room in &self.rooms {
            let _ = timeout(LAST_WORD, self.store.leave(room, &self.call)).await;
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes one of so many places of a room for a call, over all proxies; false if there is none.
///
/// # Errors
/// The registry is away.
pub(crate) async fn enter(store: &dyn Store, room: &str, call: &str, most: u32) -> Result<bool, Away> {
    store.enter(room, call, most, COUNTED).await
}

/// Writes an entry down whenever it changed and before its lease is over, until it is dropped.
#[derive(Debug)]
pub(crate) struct Keeper {
    task: JoinHandle<()>,
}

impl Keeper {
    /// Begins to keep an entry, and its user's account where there is one.
    pub(crate) fn of(entry: Arc<Entry>, budget: Option<Arc<Budget>>) -> Self {
        Self { task: tokio::spawn(keep(entry, budget).in_current_span()) }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(entry: Arc<Entry>, budget: Option<Arc<Budget>>) {
    let (mut away, mut settled_at) = (None, Instant::now());
    loop {
        if let Some(budget) = &budget
            && settled_at.elapsed() >= SETTLE_EVERY
        {
            settled_at = Instant::now();
            // Away: it is told of below, and what is owed is settled later.
            if let Ok(Some(trouble)) = budget.settle(SystemTime::now()).await {
                let _ = entry.reports.send(Report::UsedUp(Box::new(trouble)));
            }
        }
        let written = entry.keep().await;
        match &written {
            Ok(_) => away = None,
            Err(error) => away = away.or_else(|| Some(Missed::new(error))),
        }
        let is_away = away.is_some();
        let changed =
            async { if is_away { core::future::pending().await } else { entry.changed.notified().await } };
        tokio::select! {
            () = changed => {}
            () = sleep(RENEW_EVERY) => {}
        }
    }
}

/// One call that misses the registry. The first and the last of them say so: that it is away is one piece of news, however many calls
/// there are.
struct Missed;

static MISSED: AtomicUsize = AtomicUsize::new(0);

impl Missed {
    fn new(away: &Away) -> Self {
        if MISSED.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(%away, "the registry is away: calls go on, and are lost if this process dies now");
        }
        Self
    }
}

impl Drop for Missed {
    fn drop(&mut self) {
        if MISSED.fetch_sub(1, Ordering::Relaxed) == 1 {
            tracing::info!("no call misses the registry any more");
        }
    }
}

/// Whether a secret is one of those that made these hashes; it takes the same time whichever.
pub(crate) fn opens(locks: &[String], secret: &str) -> bool {
    let key = hash(secret);
    locks.iter().fold(false, |fits, lock| fits | bool::from(lock.as_bytes().ct_eq(key.as_bytes())))
}

/// 256 random bits, in base64url; none if this machine has no randomness.
pub(crate) fn random() -> Option<String> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

/// SHA-256, in base64.
pub(crate) fn hash(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, secret.as_bytes()))
}

/// The secret that was used last, and those of connections that may have died before they heard of theirs.
const MOST_LOCKS: usize = 8;
/// For how long a call counts of which nothing more is heard.
const COUNTED: Duration = Duration::from_secs(6);
/// What a call uses is put on its user's account so often.
const SETTLE_EVERY: Duration = Duration::from_secs(5);
/// A call that ends does not wait for longer.
const LAST_WORD: Duration = Duration::from_secs(1);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod tests {
    use super::*;
    use crate::store::memory::Memory;

    fn entry(store: &Arc<Memory>, owner: &str, generation: u64) -> (Arc<Entry>, Reports) {
        let record = Record { owner: owner.into(), generation, user: "u".into(), ..Record::default() };
        Entry::new("c".into(), Arc::clone(store) as Arc<dyn Store>, record, Vec::new())
    }

    fn store() -> Arc<Memory> {
        Arc::new(Memory::new(Duration::from_secs(60)))
    }

    #[test]
    fn each_secret_opens_it_until_the_next_has_arrived() {
        let (entry, _reports) = entry(&store(), "one", 1);
        let first = entry.new_secret().unwrap();
        assert!(first.len() >= 43 && entry.opens(&first) && !entry.opens("") && !entry.opens("else"));
        let second = entry.new_secret().unwrap();
        assert!(first != second && entry.opens(&first) && entry.opens(&second));
        entry.secret_kept(&first);
        assert!(entry.opens(&first) && entry.opens(&second));
        entry.secret_kept(&second);
        assert!(!entry.opens(&first) && entry.opens(&second));
    }

    #[test]
    fn the_secret_that_was_used_outlives_many_that_never_arrived() {
        let (entry, _reports) = entry(&store(), "one", 1);
        let used = entry.new_secret().unwrap();
        for _ in 0..100 {
            entry.new_secret().unwrap();
        }
        assert!(entry.opens(&used));
        assert_eq!(entry.record().locks.len(), MOST_LOCKS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_kept_call_stays_its_owner_s_and_its_checkpoints_are_told() {
        let store = store();
        let (entry, mut reports) = entry(&store, "one", 1);
        let _keeper = Keeper::of(Arc::clone(&entry), None);
        sleep(Duration::from_secs(60)).await;
        assert!(store.find("c").await.unwrap().unwrap().is_held);
        entry.note_turn(4);
        entry.note_checkpoint(Checkpoint { handle: "h".into(), model: "m".into(), next: 7 });
        assert_eq!(reports.recv().await, Some(Report::CheckpointKept { next: 7 }));
        assert_eq!(store.find("c").await.unwrap().unwrap().record.turn, 4);
        entry.let_go().await;
        sleep(Duration::from_secs(1)).await;
        assert!(!store.find("c").await.unwrap().unwrap().is_held, "the keeper writes nothing more");
    }

    #[tokio::test(start_paused = true)]
    async fn who_lost_a_call_is_told() {
        let store = store();
        let (entry, mut reports) = entry(&store, "one", 1);
        let _keeper = Keeper::of(entry, None);
        sleep(Duration::from_millis(100)).await;
        store
            .keep("c", &Record { owner: "two".into(), generation: 2, ..Record::default() }, Hold::Lease)
            .await
            .unwrap();
        assert_eq!(reports.recv().await, Some(Report::Lost));
        assert_eq!(store.find("c").await.unwrap().unwrap().record.owner, "two");
    }
}
