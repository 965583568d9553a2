//! Traces: the service's own spans, sent to a collector over OTLP where that is configured.
//!
//! Sending is never in anybody's way: spans wait in a queue of fixed length for a thread of their own, and are thrown
//! away where it is full, because the collector is slow or not there. Log lines are not sent.

use super::logs::ours;
use core::fmt;
use core::time::Duration;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// How many spans wait at most; a span is about a kilobyte.
const QUEUE: usize = 2048;
/// How long the collector has to take one batch, and what is left at the end.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often what waits is sent.
const ROUNDS: Duration = Duration::from_secs(1);

/// Where spans are sent, and how many of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracing {
    /// The collector's OTLP endpoint, gRPC without TLS: a collector stands beside the service.
    pub endpoint: String,
    /// What the service calls itself.
    pub service_name: String,
    /// The share of the traces begun here that are sent, from 0 to 1. A caller's trace is sent if the caller says so.
    pub sample: f64,
}

/// The collector's address can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracingError(String);

impl fmt::Display for TracingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "traces can't be sent: {}", self.0)
    }
}

impl std::error::Error for TracingError {}

/// Spans on their way.
#[derive(Debug)]
pub(super) struct Sending(SdkTracerProvider);

impl Sending {
    /// Sends what waits, or gives up.
    pub(super) fn stop(self) {
        if let Err(error) = self.0.shutdown_with_timeout(PATIENCE) {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

impl Tracing {
    /// Starts sending; the layer is what hands over the spans.
    pub(super) fn start<S>(&self) -> Result<(Sending, impl Layer<S> + use<S>), TracingError>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let exporter =
            SpanExporter::builder().with_tonic().with_endpoint(&self.endpoint).with_timeout(PATIENCE);
        let exporter = exporter.build().map_err(|error| TracingError(error.to_string()))?;
        let batches =
            BatchConfigBuilder::default().with_max_queue_size(QUEUE).with_scheduled_delay(ROUNDS).build();
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(self.sample)));
        let name = self.service_name.clone();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            .with_sampler(sampler)
            .with_resource(Resource::builder_empty().with_service_name(name).build())
            .build();
        let layer = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("countersign"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(|metadata| metadata.is_span() && ours(metadata)));
        Ok((Sending(provider), layer))
    }
}
