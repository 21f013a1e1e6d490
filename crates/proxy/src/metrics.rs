//! What an operator's Prometheus is told, and whether this proxy is to be sent calls: on an address of its own.

use crate::histogram::{Histogram, Notes};
use crate::house::House;
use crate::routes::refuse;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use core::fmt;
use core::time::Duration;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
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
    /// The model's turns.
    pub(crate) turns: Counter,
    /// Connections to the service that were left for another.
    pub(crate) rotations: Counter,
    /// Times that a page's player ran dry, and how long pages took to fall silent for a person who spoke.
    pub(crate) underruns: Counter,
    pub(crate) barge_in: Histogram,
    /// From the end of speech to the first sound of the answer.
    pub(crate) first_audio: Histogram,
    totals: Totals,
    unsent_to_phones: Gauge,
    unsent_to_service: Gauge,
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
    /// Its being there.
    _call: Share,
    parked_calls: Share,
    parked_bytes: Share,
    unsent_to_phone: Share,
    unsent_to_service: Share,
    /// What it moved since that was counted with what others did.
    traffic: Traffic,
    totals: Totals,
}

/// Bytes of frames, and how long it took to hand on those of sound.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) from_phone: u64,
    pub(crate) to_phone: u64,
    pub(crate) from_service: u64,
    pub(crate) to_service: u64,
    relayed: Notes,
    frames: u32,
}

/// The same of all calls.
#[derive(Clone, Debug)]
struct Totals {
    from_phones: Counter,
    to_phones: Counter,
    from_service: Counter,
    to_service: Counter,
    /// From reading a frame to handing it to the other socket.
    relayed: Histogram,
}

/// What one call adds to a gauge, until it is dropped.
#[derive(Debug)]
struct Share {
    gauge: Gauge,
    value: i64,
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
        let unsent_to_phones = gauge("unsent_to_phones_bytes", "Bytes that phones have yet to take");
        let unsent_to_service = gauge("unsent_to_service_frames", "Frames that the service has yet to take");
        let mut histogram = |name, help, bounds| {
            let histogram = Histogram::new(bounds);
            registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
            histogram
        };
        let first_audio =
            histogram("first_audio", "From the end of speech to the first sound of the answer", ANSWERS);
        let relayed =
            histogram("relayed", "From reading a frame of sound to handing it to the other socket", RELAYS);
        let barge_in = histogram(
            "barge_in",
            "From the first that a page hears of a person until its loudspeaker is silent for them",
            ANSWERS,
        );
        let frames = Family::<[(&str, &str); 2], Counter>::default();
        registry.register_with_unit("frames", "Bytes of frames", Unit::Bytes, frames.clone());
        let bytes = |side, way| frames.get_or_create(&[("side", side), ("way", way)]).clone();
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
            turns: counter("turns", "Turns of the model"),
            rotations: counter("rotations", "Connections to the service that were left for another"),
            underruns: counter("underruns", "Times that a page's player ran dry within a turn"),
            barge_in,
            first_audio,
            totals: Totals {
                from_phones: bytes("phone", "in"),
                to_phones: bytes("phone", "out"),
                from_service: bytes("service", "in"),
                to_service: bytes("service", "out"),
                relayed,
            },
            unsent_to_phones,
            unsent_to_service,
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
        Counted {
            _call: Share::of(&self.calls, 1),
            parked_calls: Share::of(&self.parked_calls, 0),
            parked_bytes: Share::of(&self.parked_bytes, 0),
            unsent_to_phone: Share::of(&self.unsent_to_phones, 0),
            unsent_to_service: Share::of(&self.unsent_to_service, 0),
            traffic: Traffic::default(),
            totals: self.totals.clone(),
        }
    }
}

impl Counted {
    /// What is kept for the phone, if that is away.
    pub(crate) fn park(&mut self, bytes: Option<usize>) {
        self.parked_calls.set(usize::from(bytes.is_some()));
        self.parked_bytes.set(bytes.unwrap_or(0));
    }

    /// What it moves.
    pub(crate) const fn traffic(&mut self) -> &mut Traffic {
        &mut self.traffic
    }

    /// A frame of sound was handed on; whether there were so many that they are to be counted with the others'.
    pub(crate) fn relayed(&mut self, took: Duration) -> bool {
        self.totals.relayed.note(&mut self.traffic.relayed, took);
        self.traffic.frames += 1;
        self.traffic.frames >= MOST_UNCOUNTED
    }

    /// Counts what it moved with what others did.
    pub(crate) fn count_traffic(&mut self) {
        let Traffic { from_phone, to_phone, from_service, to_service, relayed, frames } = &mut self.traffic;
        for (total, bytes) in [
            (&self.totals.from_phones, from_phone),
            (&self.totals.to_phones, to_phone),
            (&self.totals.from_service, from_service),
            (&self.totals.to_service, to_service),
        ] {
            total.inc_by(core::mem::take(bytes));
        }
        if core::mem::take(frames) > 0 {
            self.totals.relayed.count(relayed);
        }
    }

    /// Bytes that its phone, and frames that the service has yet to take.
    pub(crate) fn wait(&mut self, phone_bytes: usize, service_frames: usize) {
        self.unsent_to_phone.set(phone_bytes);
        self.unsent_to_service.set(service_frames);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.count_traffic();
    }
}

impl Share {
    fn of(gauge: &Gauge, value: i64) -> Self {
        gauge.inc_by(value);
        Self { gauge: gauge.clone(), value }
    }

    /// Most of the time it is what it was.
    fn set(&mut self, value: usize) {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        if value != self.value {
            self.gauge.inc_by(value - self.value);
            self.value = value;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
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
    } else if house.rooms.are_full(house.rules().limits().calls) {
        "All lines of this proxy are busy: it takes no new calls until one is over."
    } else if house.store.find("").await.is_err() {
        "The proxy can't reach its registry: it takes no new calls."
    } else {
        return "ready\n".into_response();
    };
    refuse(StatusCode::SERVICE_UNAVAILABLE, &Trouble::new(Code::Unavailable, sentence))
}

/// Of what people wait for.
const ANSWERS: &[Duration] =
    &milliseconds([50, 100, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000]);

/// Of what nobody is to notice.
const RELAYS: &[Duration] = &[
    Duration::from_micros(50),
    Duration::from_micros(100),
    Duration::from_micros(200),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(50),
];

const fn milliseconds<const N: usize>(ms: [u64; N]) -> [Duration; N] {
    let mut bounds = [Duration::ZERO; N];
    let mut at = 0;
    while at < N {
        bounds[at] = Duration::from_millis(ms[at]);
        at += 1;
    }
    bounds
}

/// So many frames of a call, a second's worth, are counted at once: its thread shares no memory with others for each.
const MOST_UNCOUNTED: u32 = 64;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
