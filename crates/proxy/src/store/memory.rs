//! The registry of a proxy that is alone: it ends with the process.

use super::{Answer, Checkpoint, Found, HANDLES_LAST, Hold, Kept, LEASE, MOST_NOTES, Record, Slip, Store};
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// A registry in this process's memory.
#[derive(Debug)]
pub(crate) struct Memory {
    /// How long a call is remembered that nobody has.
    keep: Duration,
    shelves: Mutex<Shelves>,
}

#[derive(Debug, Default)]
struct Shelves {
    calls: HashMap<String, Entry>,
    conversations: HashMap<String, Conversation>,
    /// Who is in each room, and until when.
    rooms: HashMap<String, HashMap<String, Instant>>,
    /// What is kept, and until when.
    deposits: HashMap<String, (String, Instant)>,
    /// What is on each account, and when it is closed.
    accounts: HashMap<String, Account>,
    /// What was begun for each call, by key, and until when that is known.
    notes: HashMap<String, HashMap<String, (String, Instant)>>,
    swept_at: Option<Instant>,
}

#[derive(Debug)]
struct Entry {
    record: Record,
    held_until: Instant,
    kept_until: Instant,
}

#[derive(Debug)]
struct Conversation {
    call: String,
    checkpoint: Option<Checkpoint>,
    until: Instant,
}

/// What was added up, until when, and the number of each writer's last slip.
#[derive(Debug)]
struct Account {
    total: u64,
    until: Instant,
    numbers: HashMap<String, u64>,
}

impl Memory {
    /// One that remembers calls which nobody has for so long.
    pub(crate) fn new(keep: Duration) -> Self {
        Self { keep, shelves: Mutex::default() }
    }

    /// What there is; what is too old is thrown away now and then, for each of many calls asks several times a second.
    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if shelves.swept_at.is_none_or(|at| now.duration_since(at) >= SWEEP_EVERY) {
            shelves.swept_at = Some(now);
            shelves.sweep(now);
        }
        shelves
    }

    fn write(&self, call: &str, record: &Record, hold: Hold) -> Kept {
        let now = Instant::now();
        let mut shelves = self.shelves();
        if shelves.calls.get(call).is_some_and(|entry| entry.record.generation > record.generation) {
            return Kept::Lost;
        }
        let held_until = if hold == Hold::Lease { now + LEASE } else { now };
        let entry = Entry { record: record.clone(), held_until, kept_until: now + self.keep };
        shelves.calls.insert(call.to_owned(), entry);
        Kept::Kept
    }

    fn grab(&self, call: &str, generation: u64, owner: &str) -> bool {
        let now = Instant::now();
        let mut shelves = self.shelves();
        let Some(entry) = shelves.calls.get_mut(call) else { return false };
        if !entry.is_kept(now) || entry.held_until > now || entry.record.generation != generation {
            return false;
        }
        entry.record.generation += 1;
        owner.clone_into(&mut entry.record.owner);
        (entry.held_until, entry.kept_until) = (now + LEASE, now + self.keep);
        true
    }

    fn open(&self, user: &str, call: &str) -> Option<Checkpoint> {
        let conversation =
            Conversation { call: call.to_owned(), checkpoint: None, until: Instant::now() + HANDLES_LAST };
        let before = self.shelves().conversations.insert(user.to_owned(), conversation)?;
        before.checkpoint.filter(|_| before.until > Instant::now())
    }

    fn note(&self, user: &str, call: &str, checkpoint: &Checkpoint) {
        if let Some(conversation) = self.shelves().conversations.get_mut(user).filter(|of| of.call == call) {
            conversation.checkpoint = Some(checkpoint.clone());
            conversation.until = Instant::now() + HANDLES_LAST;
        }
    }
}

impl Shelves {
    fn sweep(&mut self, now: Instant) {
        self.calls.retain(|_, entry| entry.is_kept(now));
        self.conversations.retain(|_, conversation| conversation.until > now);
        self.deposits.retain(|_, (_, until)| *until > now);
        self.accounts.retain(|_, account| account.until > now);
        self.notes.retain(|_, notes| {
            notes.retain(|_, (_, until)| *until > now);
            !notes.is_empty()
        });
        self.rooms.retain(|_, room| {
            room.retain(|_, until| *until > now);
            !room.is_empty()
        });
    }
}

impl Entry {
    fn is_kept(&self, now: Instant) -> bool {
        self.kept_until > now
    }
}

impl Store for Memory {
    fn is_shared(&self) -> bool {
        false
    }

    fn keep<'a>(&'a self, call: &'a str, record: &'a Record, hold: Hold) -> Answer<'a, Kept> {
        Box::pin(async move { Ok(self.write(call, record, hold)) })
    }

    fn find<'a>(&'a self, call: &'a str) -> Answer<'a, Option<Found>> {
        Box::pin(async move {
            let now = Instant::now();
            let found =
                |entry: &Entry| Found { record: entry.record.clone(), is_held: entry.held_until > now };
            Ok(self.shelves().calls.get(call).filter(|entry| entry.is_kept(now)).map(found))
        })
    }

    fn take<'a>(&'a self, call: &'a str, generation: u64, owner: &'a str) -> Answer<'a, bool> {
        Box::pin(async move { Ok(self.grab(call, generation, owner)) })
    }

    fn end<'a>(&'a self, call: &'a str, generation: u64) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut shelves = self.shelves();
            if shelves.calls.get(call).is_some_and(|entry| entry.record.generation == generation) {
                shelves.calls.remove(call);
            }
            Ok(())
        })
    }

    fn enter<'a>(&'a self, room: &'a str, name: &'a str, most: u32, stay: Duration) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut shelves = self.shelves();
            let room = shelves.rooms.entry(room.to_owned()).or_default();
            if room.len() >= most as usize {
                let now = Instant::now();
                room.retain(|_, until| *until > now);
            }
            let has_place = room.contains_key(name) || room.len() < most as usize;
            if has_place {
                room.insert(name.to_owned(), Instant::now() + stay);
            }
            Ok(has_place)
        })
    }

    fn leave<'a>(&'a self, room: &'a str, name: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            self.shelves().rooms.get_mut(room).map(|room| room.remove(name));
            Ok(())
        })
    }

    fn deposit<'a>(&'a self, name: &'a str, text: &'a str, stay: Duration) -> Answer<'a, ()> {
        Box::pin(async move {
            self.shelves().deposits.insert(name.to_owned(), (text.to_owned(), Instant::now() + stay));
            Ok(())
        })
    }

    fn withdraw<'a>(&'a self, name: &'a str, linger: Duration) -> Answer<'a, Option<String>> {
        Box::pin(async move {
            let now = Instant::now();
            let mut shelves = self.shelves();
            let there = shelves.deposits.get_mut(name).filter(|(_, until)| *until > now);
            Ok(there.map(|(text, until)| {
                *until = (*until).min(now + linger);
                text.clone()
            }))
        })
    }

    fn add<'a>(&'a self, account: &'a str, slip: Slip<'a>, lasts: Duration) -> Answer<'a, u64> {
        Box::pin(async move {
            let now = Instant::now();
            let mut shelves = self.shelves();
            let fresh = || Account { total: 0, until: now + lasts, numbers: HashMap::new() };
            let account = shelves.accounts.entry(account.to_owned()).or_insert_with(fresh);
            if account.until <= now {
                *account = fresh();
            }
            let number = account.numbers.entry(slip.writer.to_owned()).or_default();
            if *number < slip.number {
                *number = slip.number;
                account.total = account.total.saturating_add(slip.sum);
            }
            Ok(account.total)
        })
    }

    fn note<'a>(&'a self, call: &'a str, key: &'a str, text: &'a str, stay: Duration) -> Answer<'a, ()> {
        Box::pin(async move {
            let now = Instant::now();
            let mut shelves = self.shelves();
            let notes = shelves.notes.entry(call.to_owned()).or_default();
            notes.retain(|_, (_, until)| *until > now);
            notes.insert(key.to_owned(), (text.to_owned(), now + stay));
            while notes.len() > MOST_NOTES {
                let first = notes.iter().min_by_key(|(_, (_, until))| *until).map(|(key, _)| key.clone());
                first.and_then(|first| notes.remove(&first));
            }
            Ok(())
        })
    }

    fn strike<'a>(&'a self, call: &'a str, key: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            self.shelves().notes.get_mut(call).map(|notes| notes.remove(key));
            Ok(())
        })
    }

    fn notes<'a>(&'a self, call: &'a str) -> Answer<'a, Vec<(String, Duration)>> {
        Box::pin(async move {
            let now = Instant::now();
            let shelves = self.shelves();
            let notes = shelves.notes.get(call).into_iter().flat_map(HashMap::values);
            let left = |(text, until): &(String, Instant)| (text.clone(), until.duration_since(now));
            Ok(notes.filter(|(_, until)| *until > now).map(left).collect())
        })
    }

    fn begin<'a>(&'a self, user: &'a str, call: &'a str) -> Answer<'a, Option<Checkpoint>> {
        Box::pin(async move { Ok(self.open(user, call)) })
    }

    fn remember<'a>(&'a self, user: &'a str, call: &'a str, checkpoint: &'a Checkpoint) -> Answer<'a, ()> {
        Box::pin(async move {
            self.note(user, call, checkpoint);
            Ok(())
        })
    }
}

const SWEEP_EVERY: Duration = Duration::from_secs(1);
