//! What it costs that the service tells of itself: the same requests with nothing told, with metrics, logs and traces.

use crate::load::{Measured, median};
use crate::process::{Process, authorize};
use crate::stage::Stage;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

const IN_FLIGHT: usize = 64;
const METRICS: &str = "  metrics: \"127.0.0.1:0\"\n";

/// Counts the spans that it receives, and drops them.
#[derive(Clone, Default)]
struct Collector(Arc<AtomicU64>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let spans = request.get_ref().resource_spans.iter().flat_map(|of| &of.scope_spans);
        self.0.fetch_add(spans.map(|of| of.spans.len() as u64).sum(), Ordering::Relaxed);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// Processes that differ in what they tell, in turns: `nothing`, then each of the others beside it.
pub(crate) async fn measure(folder: Option<&str>, lasting: Duration, rounds: usize) -> Value {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let otlp = |sample: f64| {
        let at = listener.local_addr().unwrap();
        format!("telemetry: {{otlp: \"http://{at}\", sample: {sample}}}\n")
    };
    let ways = [
        ("nothing", "off", "", String::new()),
        ("metrics", "off", METRICS, String::new()),
        ("metrics_and_log", "info", METRICS, String::new()),
        ("metrics_log_and_a_tenth_of_traces", "info", METRICS, otlp(0.1)),
        ("metrics_log_and_all_traces", "info", METRICS, otlp(1.0)),
    ];
    let collector = Collector::default();
    let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(collector.clone()));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let mut services = Vec::new();
    for (name, log, listen, lines) in ways {
        let stage = Stage::telling(folder, listen, &lines);
        let process = Process::start_saying(&stage, log).await;
        let caller = authorize(&stage, 4).await;
        services.push((name, process, caller, Vec::new(), stage));
    }
    // The first round warms up.
    for round in 0..=rounds {
        for (_, process, caller, measured, _) in &mut services {
            let before = process.processor_time();
            let load = caller.load(IN_FLIGHT, lasting).await;
            let calls = load.rate * lasting.as_secs_f64();
            let processor = (process.processor_time() - before).as_secs_f64() * 1e6 / calls;
            if round > 0 || rounds == 1 {
                measured.push(Measured { processor, ..load });
            }
        }
    }
    let nothing = services[0].3.clone();
    let rows = services.iter().map(|(name, _, _, measured, _)| {
        let of = |part: fn(&Measured) -> f64| {
            median(measured.iter().zip(&nothing).map(|(one, nothing)| part(one) / part(nothing)).collect())
        };
        let Measured { rate, p50, p99, processor } = Measured::median(measured);
        json!({
            "told": name,
            "per_second": rate,
            "p50_us": p50,
            "p99_us": p99,
            "service_processor_us": processor,
            "rate_of_nothing": of(|one| one.rate),
            "work_of_nothing": of(|one| one.processor),
        })
    });
    json!({ "in_flight": IN_FLIGHT, "ways": rows.collect::<Vec<_>>(), "spans": collector.0.load(Ordering::Relaxed) })
}
