//! What all calls share.

use crate::addresses::Addresses;
use crate::calls::Calls;
use crate::desks::Desks;
use crate::dial::Address;
use crate::metrics::Metrics;
use crate::rooms::Rooms;
use crate::rules::Rules;
use crate::store::Store;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::watch;
use vivavoce_wire::message::Upstream;

/// Settings and counters that every call looks at.
pub(crate) struct House {
    rules: RwLock<Arc<Rules>>,
    /// Where the service is.
    pub(crate) service: Address,
    /// Who answers, for people.
    pub(crate) upstream: Upstream,
    /// One room a call, and one for each who has yet to say hello.
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) hall: Arc<Rooms>,
    /// Connections of each address.
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) calls: Calls,
    /// Where they are led.
    pub(crate) desks: Desks,
    pub(crate) metrics: Metrics,
    /// What outlives this process.
    pub(crate) store: Arc<dyn Store>,
    /// Where other proxies reach this one.
    pub(crate) node: String,
    /// Turns true when the process goes down; each call holds a receiver until its end.
    pub(crate) shutdown: watch::Sender<bool>,
}

impl House {
    pub(crate) fn new(
        rules: Rules,
        service: Address,
        upstream: Upstream,
        store: Arc<dyn Store>,
        node: String,
    ) -> Self {
        Self {
            rules: RwLock::new(Arc::new(rules)),
            service,
            upstream,
            rooms: Arc::default(),
            hall: Arc::default(),
            addresses: Arc::default(),
            calls: Calls::default(),
            desks: Desks::open(),
            metrics: Metrics::new(),
            store,
            node,
            shutdown: watch::Sender::new(false),
        }
    }

    /// What a call that begins now is led by.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Calls that begin from here on are led by these.
    pub(crate) fn rule_by(&self, rules: Rules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }
}

/// Waits until the process goes down.
pub(crate) async fn going_down(shutdown: &mut watch::Receiver<bool>) {
    // A house that is gone went down, too.
    let _ = shutdown.wait_for(|&down| down).await;
}
