//! The calls that there are, and what opens them to another connection.
//!
//! A secret of 256 bits opens a call; only its hash is kept here. Each connection gets a new one, and the one before
//! stays valid until the phone is known to have the new.

use crate::phone::Phone;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use subtle::ConstantTimeEq;
use tokio::sync::mpsc;
use vivavoce_wire::message::{Hello, Resume};

/// The calls of this process.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    places: Mutex<HashMap<String, Place>>,
}

/// One call.
#[derive(Debug)]
struct Place {
    /// Hashes of the secrets that open it, the newest last.
    locks: Vec<[u8; 32]>,
    /// Where its next phone goes.
    door: mpsc::Sender<Entrance>,
}

/// A phone that was let in.
#[derive(Debug)]
pub(crate) struct Entrance {
    pub(crate) phone: Phone,
    pub(crate) hello: Box<Hello>,
    /// What will open the call for its next connection; none if it can't be taken up again.
    pub(crate) secret: Option<String>,
}

impl Calls {
    /// A call begins; its phones come out here.
    pub(crate) fn begin(&self, id: &str) -> mpsc::Receiver<Entrance> {
        let (door, phones) = mpsc::channel(MOST_WAITING);
        self.places().insert(id.to_owned(), Place { locks: Vec::new(), door });
        phones
    }

    /// A new secret for a call; none if there is no such call.
    pub(crate) fn secret(&self, id: &str) -> Option<String> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).ok()?;
        let secret = URL_SAFE_NO_PAD.encode(bytes);
        let mut places = self.places();
        let locks = &mut places.get_mut(id)?.locks;
        locks.push(hash(&secret));
        if locks.len() > MOST_LOCKS {
            // The oldest was used last: it must outlive those that may never have arrived.
            locks.remove(1);
        }
        Some(secret)
    }

    /// The phone has this secret of a call: older ones open nothing any more.
    pub(crate) fn kept(&self, id: &str, secret: &str) {
        let lock = hash(secret);
        let mut places = self.places();
        let Some(locks) = places.get_mut(id).map(|place| &mut place.locks) else { return };
        let at = locks.iter().position(|other| *other == lock).unwrap_or(0);
        locks.drain(..at);
    }

    /// Where a phone goes that wants to take a call up again; none if it has no such call, or not its secret.
    pub(crate) fn find(&self, resume: &Resume) -> Option<mpsc::Sender<Entrance>> {
        let key = hash(&resume.secret);
        let places = self.places();
        let place = places.get(&resume.call)?;
        let fits = place.locks.iter().fold(false, |fits, lock| fits | bool::from(lock.ct_eq(&key)));
        fits.then(|| place.door.clone())
    }

    /// A call is over.
    pub(crate) fn end(&self, id: &str) {
        self.places().remove(id);
    }

    fn places(&self) -> MutexGuard<'_, HashMap<String, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(secret: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    hash
}

/// Phones that come at the same moment; one more is told that there is no such call, and tries again.
const MOST_WAITING: usize = 4;
/// The secret that was used last, and those of connections that may have died before they heard of theirs.
const MOST_LOCKS: usize = 8;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod tests {
    use super::*;

    fn opens(calls: &Calls, call: &str, secret: &str) -> bool {
        calls.find(&Resume { call: call.into(), secret: secret.into(), next: 0 }).is_some()
    }

    #[test]
    fn each_secret_opens_its_own_call_until_the_next_has_arrived() {
        let calls = Calls::default();
        let _phones = (calls.begin("a"), calls.begin("b"));
        let (first, other) = (calls.secret("a").unwrap(), calls.secret("b").unwrap());
        assert!(first.len() >= 43 && first != other);
        assert!(opens(&calls, "a", &first) && !opens(&calls, "a", &other) && !opens(&calls, "c", &first));
        let second = calls.secret("a").unwrap();
        assert!(opens(&calls, "a", &first) && opens(&calls, "a", &second));
        calls.kept("a", &first);
        assert!(opens(&calls, "a", &first) && opens(&calls, "a", &second));
        calls.kept("a", &second);
        assert!(!opens(&calls, "a", &first) && opens(&calls, "a", &second));
        calls.end("a");
        assert!(!opens(&calls, "a", &second));
        assert_eq!(calls.secret("a"), None);
    }

    #[test]
    fn the_secret_that_was_used_outlives_many_that_never_arrived() {
        let calls = Calls::default();
        let _phones = calls.begin("a");
        let used = calls.secret("a").unwrap();
        for _ in 0..100 {
            calls.secret("a").unwrap();
        }
        assert!(opens(&calls, "a", &used));
        assert_eq!(calls.places()["a"].locks.len(), MOST_LOCKS);
    }
}
