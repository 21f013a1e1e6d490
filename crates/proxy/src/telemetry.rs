//! Spans of calls for an OpenTelemetry collector: the feature `otel`.
//!
//! What is sent is what the log says, with the times of its spans: a call's id, its ends and its troubles, and never sound,
//! words, tickets, keys or names. Where to is said by the standard's own variables (`OTEL_EXPORTER_OTLP_ENDPOINT` and the others,
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>); without one of those nothing is sent.

use crate::post::post;
use crate::tools::way::Way;
use axum::http::{Request, Response};
use bytes::Bytes;
use core::fmt;
use core::pin::Pin;
use core::time::Duration;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

/// The way of spans to a collector.
pub(crate) struct Telemetry {
    provider: SdkTracerProvider,
}

impl Telemetry {
    /// Opens it if the environment says where to; `runtime` carries what is sent.
    ///
    /// # Errors
    /// The variables contradict each other, or name no address.
    pub(crate) fn open(
        lookup: &dyn Fn(&str) -> Option<String>,
        way: Way,
        runtime: Handle,
    ) -> Result<Option<Self>, String> {
        let is_off = lookup("OTEL_SDK_DISABLED").is_some_and(|off| off.eq_ignore_ascii_case("true"));
        let is_named = |name: &&str| lookup(name).is_some_and(|url| !url.is_empty());
        if is_off || !WHERE_TO.iter().any(is_named) {
            return Ok(None);
        }
        let post = Post { way: Arc::new(way), runtime };
        let exporter = SpanExporter::builder().with_http().with_http_client(post).build();
        let exporter = exporter.map_err(|error| error.to_string())?;
        let mut resource = Resource::builder();
        let attributes = lookup("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        if lookup("OTEL_SERVICE_NAME").is_none() && !attributes.contains("service.name=") {
            resource = resource.with_service_name("vivavoce");
        }
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build();
        Ok(Some(Self { provider }))
    }

    /// What takes spans from the program; those of its libraries are nobody's business.
    pub(crate) fn layer<S: Subscriber + for<'s> LookupSpan<'s>>(&self) -> impl Layer<S> + use<S> {
        let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), Level::INFO);
        let tracer = self.provider.tracer("vivavoce");
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_filter(ours)
    }

    /// Sends what is left.
    pub(crate) fn close(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(LAST_SPANS) {
            tracing::warn!(%error, "the last spans did not reach their collector");
        }
    }
}

/// How a batch is posted: over a connection of our own making, for the exporter's clients bring another TLS with them.
struct Post {
    way: Arc<Way>,
    runtime: Handle,
}

type Answered = Result<Response<Bytes>, HttpError>;

impl HttpClient for Post {
    fn send_bytes<'s, 'f>(
        &'s self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Answered> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        let way = Arc::clone(&self.way);
        let posted = async move {
            let stream = way.connect(request.uri(), true).await.map_err(|failure| failure.words)?;
            post(stream, request).await.map_err(|no| format!("{no:?}"))
        };
        // The exporter waits on a thread that has no reactor.
        let posted = self.runtime.spawn(async { timeout(PATIENCE, posted).await });
        Box::pin(async move { Ok(posted.await???) })
    }
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").finish_non_exhaustive()
    }
}

/// One of these says where a collector is.
const WHERE_TO: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// A collector that takes longer loses the batch.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the end of the process waits for a collector.
const LAST_SPANS: Duration = Duration::from_secs(2);
