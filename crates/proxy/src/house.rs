//! What all calls share.

use crate::addresses::Addresses;
use crate::admission::Admission;
use crate::calls::Calls;
use crate::config::Config;
use crate::desks::Desks;
use crate::dial::Address;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::tools::Toolbox;
use core::time::Duration;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};
use vivavoce_gemini::Setup;
use vivavoce_session::{Earlier, RelayConfig};
use vivavoce_wire::message::Upstream;

/// Settings and counters that every call looks at.
pub(crate) struct House {
    pub(crate) config: Config,
    pub(crate) admission: Admission,
    /// Where the service is.
    pub(crate) service: Address,
    /// Who answers, for people.
    pub(crate) upstream: Upstream,
    /// One permit a call, and one for each who has yet to say hello.
    pub(crate) rooms: Arc<Semaphore>,
    pub(crate) hall: Arc<Semaphore>,
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
    /// What the model may use.
    pub(crate) toolbox: Arc<Toolbox>,
    setup: Setup,
}

impl House {
    pub(crate) fn new(
        config: Config,
        admission: Admission,
        service: Address,
        upstream: Upstream,
        store: Arc<dyn Store>,
        node: String,
        toolbox: Toolbox,
    ) -> Self {
        Self {
            admission,
            service,
            upstream,
            rooms: Arc::new(Semaphore::new(config.limits.calls as usize)),
            hall: Arc::new(Semaphore::new(MOST_IN_THE_HALL)),
            addresses: Addresses::new(config.limits.connections_per_address),
            calls: Calls::default(),
            desks: Desks::open(),
            metrics: Metrics::new(),
            store,
            node,
            shutdown: watch::Sender::new(false),
            setup: crate::setup::setup(&config.gemini),
            toolbox: Arc::new(toolbox),
            config,
        }
    }

    /// What the relay of a call named `call` must know; where it goes on with an earlier conversation, that was led with
    /// `model`.
    pub(crate) fn relay_config(
        &self,
        call: String,
        earlier: Option<Earlier>,
        model: Option<String>,
    ) -> RelayConfig {
        let (gemini, limits) = (&self.config.gemini, &self.config.limits);
        let mut setup = self.setup.clone();
        setup.model = model.unwrap_or(setup.model);
        RelayConfig {
            call,
            setup,
            upstream: self.upstream,
            silence_duration: Duration::from_millis(gemini.silence_duration_ms.into()),
            greeting: gemini.greeting.clone(),
            max_frame_bytes: limits.max_frame_bytes,
            other_models: gemini.other_models.iter().map(|model| crate::setup::model(model)).collect(),
            seed: RandomState::new().build_hasher().finish(),
            answer_deadline: limits.answer_deadline,
            setup_deadline: limits.setup_deadline,
            most_ahead: limits.ahead,
            most_kept: limits.kept,
            grace: limits.grace,
            hold: limits.hold,
            longest: limits.longest,
            idle: limits.idle,
            tools: self.toolbox.tools(),
            earlier,
        }
    }
}

/// Waits until the process goes down.
pub(crate) async fn going_down(shutdown: &mut watch::Receiver<bool>) {
    // A house that is gone went down, too.
    let _ = shutdown.wait_for(|&down| down).await;
}

/// Sockets that have yet to say hello: more come at once only when a network is back for many.
const MOST_IN_THE_HALL: usize = 1_024;
