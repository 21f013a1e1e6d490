//! What all sessions of a simulator share: handles, tokens, and the count of connections.

use crate::dice::Dice;
use crate::memory::Memory;
use crate::refusal;
use crate::script::{Close, Script};
use core::time::Duration;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The house that all sessions live in. Its methods lock for as long as they take, no longer.
#[derive(Debug)]
pub struct House {
    script: Script,
    rooms: Mutex<Rooms>,
}

#[derive(Debug)]
struct Rooms {
    dice: Dice,
    connections: u64,
    /// The connections that are open, each with its session: the connection that began it.
    open: BTreeMap<u64, u64>,
    /// When each connection that is gone went.
    closed: BTreeMap<u64, Duration>,
    handles: HashMap<String, Handle>,
    /// Handles in the order of their issue, for forgetting the oldest.
    issued: std::collections::VecDeque<String>,
    tokens: HashMap<String, Token>,
}

#[derive(Debug)]
struct Handle {
    model: String,
    connection: u64,
    session: u64,
    memory: Memory,
}

/// An ephemeral token, as it was asked for. Times are the simulator's.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Sessions that it may still open; `None` for any number.
    pub uses: Option<u32>,
    /// When it ends.
    pub expires: Duration,
    /// Last moment at which it opens a session.
    pub opens_until: Duration,
    /// The locked setup.
    pub setup: Option<serde_json::Value>,
    /// Paths that are taken from the locked setup; empty for all.
    pub mask: Vec<String>,
}

impl House {
    /// An empty house.
    pub fn new(script: Script) -> Self {
        let rooms = Rooms {
            dice: Dice::new(script.seed),
            connections: 0,
            open: BTreeMap::new(),
            closed: BTreeMap::new(),
            handles: HashMap::new(),
            issued: std::collections::VecDeque::new(),
            tokens: HashMap::new(),
        };
        Self { script, rooms: Mutex::new(rooms) }
    }

    /// What was asked for.
    pub const fn script(&self) -> &Script {
        &self.script
    }

    /// A connection comes; gives its number, from 1.
    pub fn enter(&self) -> u64 {
        let mut rooms = self.rooms();
        rooms.connections += 1;
        let number = rooms.connections;
        rooms.open.insert(number, number);
        number
    }

    /// A connection is gone.
    pub fn leave(&self, connection: u64, now: Duration) {
        let mut rooms = self.rooms();
        if rooms.open.remove(&connection).is_some() {
            rooms.closed.insert(connection, now);
        }
        while rooms.closed.len() > MOST_HANDLES {
            rooms.closed.pop_first();
        }
    }

    /// Keeps what a session knows; gives the handle for it.
    pub fn keep(&self, connection: u64, model: &str, memory: Memory) -> String {
        let mut rooms = self.rooms();
        let name = rooms.dice.uuid();
        let session = rooms.open.get(&connection).copied().unwrap_or(connection);
        let handle = Handle { model: model.to_owned(), connection, session, memory };
        rooms.handles.insert(name.clone(), handle);
        rooms.issued.push_back(name.clone());
        rooms.forget(connection);
        name
    }

    /// What a session knew when the handle was issued; `connection` goes on with it.
    ///
    /// # Errors
    /// The close for handles that are unknown, too old, of another model, or still in use.
    pub fn resume(&self, handle: &str, model: &str, connection: u64, now: Duration) -> Result<Memory, Close> {
        if let Some(close) = &self.script.connection.refuse_handles {
            return Err(close.clone());
        }
        let mut rooms = self.rooms();
        let kept = rooms.handles.get(handle).ok_or_else(refusal::unknown_handle)?;
        if rooms.open.values().any(|session| *session == kept.session) {
            return Err(refusal::internal());
        }
        let closed = rooms.closed.get(&kept.connection).ok_or_else(refusal::unknown_handle)?;
        if now.saturating_sub(*closed) > HANDLE_LIFE {
            return Err(refusal::expired_session());
        }
        if kept.model != model {
            return Err(refusal::invalid_argument());
        }
        let (session, memory) = (kept.session, kept.memory.clone());
        rooms.open.insert(connection, session);
        Ok(memory)
    }

    /// Keeps a token; gives its name, prefix included.
    pub fn mint(&self, token: Token, now: Duration) -> String {
        let mut rooms = self.rooms();
        let name = format!("auth_tokens/{:016x}{:016x}", rooms.dice.bits(), rooms.dice.bits());
        rooms.tokens.retain(|_, token| token.expires > now);
        if rooms.tokens.len() < MOST_TOKENS {
            rooms.tokens.insert(name.clone(), token);
        }
        name
    }

    /// A token that is not over.
    ///
    /// # Errors
    /// The close for one that is unknown or over.
    pub fn token(&self, name: &str, now: Duration) -> Result<Token, Close> {
        let rooms = self.rooms();
        let token = rooms.tokens.get(name).filter(|token| now < token.expires);
        token.cloned().ok_or_else(refusal::bad_token)
    }

    /// Opens a session with a token; resuming one costs no use.
    ///
    /// # Errors
    /// The close for tokens that are unknown, over, or used up.
    pub fn spend(&self, name: &str, resumes: bool, now: Duration) -> Result<(), Close> {
        let mut rooms = self.rooms();
        let token = rooms.tokens.get_mut(name).ok_or_else(refusal::bad_token)?;
        if resumes {
            return Ok(());
        }
        if now >= token.opens_until {
            return Err(refusal::bad_token());
        }
        if let Some(uses) = &mut token.uses {
            *uses = uses.checked_sub(1).ok_or_else(refusal::used_token)?;
        }
        Ok(())
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rooms {
    /// Drops the oldest handles: of this connection, and of all.
    fn forget(&mut self, connection: u64) {
        let mine = |rooms: &Self, name: &String| {
            rooms.handles.get(name).is_some_and(|handle| handle.connection == connection)
        };
        let count = self.issued.iter().filter(|name| mine(self, name)).count();
        if count > MOST_HANDLES_EACH
            && let Some(oldest) = self.issued.iter().position(|name| mine(self, name))
            && let Some(name) = self.issued.remove(oldest)
        {
            self.handles.remove(&name);
        }
        if self.issued.len() > MOST_HANDLES
            && let Some(name) = self.issued.pop_front()
        {
            self.handles.remove(&name);
        }
    }
}

/// After the session's end, as documented.
const HANDLE_LIFE: Duration = Duration::from_secs(2 * 60 * 60);
/// A client that lost the newest handle may have one of the last few.
const MOST_HANDLES_EACH: usize = 8;
const MOST_HANDLES: usize = 1024;
const MOST_TOKENS: usize = 10_000;
