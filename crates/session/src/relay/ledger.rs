//! The function calls of a conversation: each comes to exactly one end.

/// The calls that are open towards the service.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    open: Vec<Call>,
}

/// One call that the model made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// As the service names it, where it does.
    pub(super) id: Option<String>,
    /// The function.
    pub(super) name: String,
}

impl Ledger {
    /// The model calls; says whether the call is new (an id that is open stands for one call).
    pub(super) fn open(&mut self, call: Call) -> bool {
        let is_new = !self.open.iter().any(|open| open.id.is_some() && open.id == call.id);
        if is_new {
            self.open.push(call);
        }
        is_new
    }

    /// The service takes a call back: it ends without an answer.
    pub(super) fn cancel(&mut self, id: &str) -> Option<Call> {
        let at = self.open.iter().position(|call| call.id.as_deref() == Some(id))?;
        Some(self.open.remove(at))
    }

    /// Whether no call is open.
    pub(super) const fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Ends all open calls; each must be answered, unless the connection that it came over is gone.
    pub(super) fn take_open(&mut self) -> Vec<Call> {
        core::mem::take(&mut self.open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: &str) -> Call {
        Call { id: Some(id.into()), name: "book_table".into() }
    }

    #[test]
    fn brings_each_call_to_one_end() {
        let mut ledger = Ledger::default();
        assert!(ledger.open(call("a")));
        assert!(ledger.open(call("b")));
        assert!(!ledger.open(call("a")));
        assert_eq!(ledger.cancel("a"), Some(call("a")));
        assert_eq!(ledger.cancel("a"), None);
        assert_eq!(ledger.take_open(), [call("b")]);
        assert_eq!(ledger.take_open(), []);
    }
}
