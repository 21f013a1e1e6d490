//! What an operator's Prometheus is told, and whether this proxy is to be sent calls: on an address of its own.

use crate::house::House;
use crate::routes::refuse;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use core::fmt;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use vivavoce_session::ToolEnd;
use vivavoce_wire::{Code, Trouble};

/// The counts of one proxy.
pub(crate) struct Metrics {
    registry: Registry,
    calls: Gauge,
    parked_calls: Gauge,
    parked_bytes: Gauge,
    pub(crate) upstream_reconnects: Counter,
    pub(crate) taken_over: Counter,
    pub(crate) moved: Counter,
    pub(crate) passed_on: Counter,
    pub(crate) registry_failures: Counter,
    pub(crate) sessions: Counter,
    refusals: Family<Reason, Counter>,
    tool_calls: Family<[(&'static str, &'static str); 1], Counter>,
}

/// Why somebody was not let in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// One call among them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    calls: Gauge,
    parked_calls: Gauge,
    parked_bytes: Gauge,
    /// What is kept for a phone that is away.
    parked: Option<i64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("vivavoce");
        let mut gauge = |name, help| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let calls = gauge("calls", "Calls that this proxy leads");
        let parked_calls = gauge("parked_calls", "Calls among them whose phone is away");
        let parked_bytes = gauge("parked_bytes", "Bytes of both sides' words that are kept for those");
        let refusals = Family::<Reason, Counter>::default();
        registry.register("refusals", "Callers who were not let in, by reason", refusals.clone());
        let tool_calls = Family::default();
        registry.register("tool_calls", "Function calls of the model, by how they ended", tool_calls.clone());
        let mut counter = |name, help| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        Self {
            calls,
            parked_calls,
            parked_bytes,
            upstream_reconnects: counter(
                "upstream_reconnects",
                "Connections to the service that followed another",
            ),
            taken_over: counter("calls_taken_over", "Calls that another proxy led before"),
            moved: counter("calls_moved", "Calls that another proxy may go on with"),
            passed_on: counter(
                "phones_passed_on",
                "Phones that were passed on to the proxy that had their call",
            ),
            registry_failures: counter(
                "registry_failures",
                "Calls that were refused because the registry was away",
            ),
            sessions: counter("sessions", "Tickets that were given"),
            refusals,
            tool_calls,
            registry,
        }
    }

    /// Somebody was not let in.
    pub(crate) fn refuse(&self, reason: &'static str) {
        self.refusals.get_or_create(&Reason { reason }).inc();
    }

    /// One function call that came to its end.
    pub(crate) fn count_tool(&self, how: ToolEnd) {
        let end = match how {
            ToolEnd::Result => "result",
            ToolEnd::Error => "error",
            ToolEnd::Timeout => "timeout",
            ToolEnd::Unknown => "unknown",
            ToolEnd::Refused => "refused",
            ToolEnd::Cancelled => "cancelled",
            ToolEnd::Orphaned => "orphaned",
        };
        self.tool_calls.get_or_create(&[("end", end)]).inc();
    }

    /// One call more.
    pub(crate) fn count(&self) -> Counted {
        self.calls.inc();
        Counted {
            calls: self.calls.clone(),
            parked_calls: self.parked_calls.clone(),
            parked_bytes: self.parked_bytes.clone(),
            parked: None,
        }
    }
}

impl Counted {
    /// What is kept for the phone, if that is away.
    pub(crate) fn park(&mut self, bytes: Option<usize>) {
        if bytes.is_none() && self.parked.is_none() {
            return;
        }
        let bytes = bytes.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        self.parked_calls.inc_by(i64::from(bytes.is_some()) - i64::from(self.parked.is_some()));
        self.parked_bytes.inc_by(bytes.unwrap_or(0) - self.parked.unwrap_or(0));
        self.parked = bytes;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.park(None);
        self.calls.dec();
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("calls", &self.calls).finish_non_exhaustive()
    }
}

/// The paths for operators.
pub(crate) fn router(house: &Arc<House>) -> Router {
    Router::new().route("/metrics", get(metrics)).route("/readyz", get(readyz)).with_state(Arc::clone(house))
}

async fn metrics(State(house): State<Arc<House>>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &house.metrics.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Whether new calls would be taken.
async fn readyz(State(house): State<Arc<House>>) -> Response {
    let sentence = if *house.shutdown.borrow() {
        "The proxy is going down: it takes no more calls."
    } else if house.store.find("").await.is_err() {
        "The proxy can't reach its registry: it takes no new calls."
    } else {
        return "ready\n".into_response();
    };
    refuse(StatusCode::SERVICE_UNAVAILABLE, &Trouble::new(Code::Unavailable, sentence))
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
