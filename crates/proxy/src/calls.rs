//! The calls of this process, and the way into each.

use crate::entry::Entry;
use crate::phone::Phone;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use vivavoce_wire::message::{Hello, Resume};

/// The calls of this process.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    places: Mutex<HashMap<String, Place>>,
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) entry: Arc<Entry>,
    /// Where its next phone goes.
    pub(crate) door: mpsc::Sender<Box<Entrance>>,
}

/// A phone that was let in. It goes about in a box: a channel has room for 32, whatever it was asked for.
#[derive(Debug)]
pub(crate) struct Entrance {
    pub(crate) phone: Phone,
    pub(crate) hello: Box<Hello>,
    /// What will open the call for its next connection; none if it can't be taken up again.
    pub(crate) secret: Option<String>,
    /// Whether it came to another process, which is to go on with the call when there is a good moment for that.
    pub(crate) is_elsewhere: bool,
}

impl Calls {
    /// A call begins; its phones come out here.
    pub(crate) fn begin(&self, id: &str, entry: Arc<Entry>) -> mpsc::Receiver<Box<Entrance>> {
        let (door, phones) = mpsc::channel(MOST_WAITING);
        self.places().insert(id.to_owned(), Place { entry, door });
        phones
    }

    /// Where a phone goes that wants to take a call up again; none if there is no such call here, or not by this secret.
    pub(crate) fn find(&self, resume: &Resume) -> Option<Place> {
        let place = self.places().get(&resume.call).cloned();
        place.filter(|place| place.entry.opens(&resume.secret))
    }

    /// A call is over.
    pub(crate) fn end(&self, id: &str) {
        self.places().remove(id);
    }

    fn places(&self) -> MutexGuard<'_, HashMap<String, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Phones that come at the same moment; one more is told that there is no such call, and tries again.
const MOST_WAITING: usize = 4;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod tests {
    use super::*;
    use crate::store::Record;
    use crate::store::memory::Memory;
    use core::time::Duration;

    #[test]
    fn a_secret_opens_its_own_call_while_there_is_one() {
        let calls = Calls::default();
        let store = Arc::new(Memory::new(Duration::from_secs(60)));
        let entry = |call: &str| Entry::new(call.into(), store.clone(), Record::default(), Vec::new()).0;
        let entries = [entry("a"), entry("b")];
        let _phones = (calls.begin("a", Arc::clone(&entries[0])), calls.begin("b", Arc::clone(&entries[1])));
        let [first, other] = entries.map(|entry| entry.new_secret().unwrap());
        let opens = |call: &str, secret: &str| {
            calls.find(&Resume { call: call.into(), secret: secret.into(), next: 0 }).is_some()
        };
        assert!(opens("a", &first) && opens("b", &other));
        assert!(!opens("a", &other) && !opens("b", &first) && !opens("c", &first));
        calls.end("a");
        assert!(!opens("a", &first));
    }
}
