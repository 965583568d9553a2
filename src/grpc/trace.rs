//! Trace context: a call's span becomes a child of the one that its caller names (W3C Trace Context), and is told back.

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Response, Status};
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The request's header, and the answer's.
const PARENT: &str = "traceparent";
const ANSWER: &str = "traceresponse";

/// A call that is being traced, whether or not traces are sent anywhere.
pub(super) struct Traced {
    span: Span,
    context: Option<SpanContext>,
}

impl Traced {
    /// A call whose span is this one. What the caller says of the trace is taken only if it is in form.
    pub(super) fn new(span: Span, metadata: &MetadataMap) -> Self {
        let remote = metadata.get(PARENT).and_then(|value| read(value.to_str().ok()?));
        if let Some(remote) = &remote {
            let parent = opentelemetry::Context::new().with_remote_span_context(remote.clone());
            // It fails only where the span is under way already; then it stays a trace of its own.
            let _ = span.set_parent(parent);
        }
        let own = span.context().span().span_context().clone();
        let context = if own.is_valid() { Some(own) } else { remote };
        if let Some(context) = &context {
            span.record("trace", tracing::field::display(context.trace_id()));
        }
        Self { span, context }
    }

    /// The trace's id, if the call is part of one.
    pub(super) fn id(&self) -> Option<String> {
        self.context.as_ref().map(|context| context.trace_id().to_string())
    }

    /// Does the work within the span, and tells the trace with its answer.
    pub(super) async fn run<T>(
        &self,
        work: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<Response<T>, Status> {
        match work.instrument(self.span.clone()).await {
            Ok(mut answer) => {
                self.tell(answer.metadata_mut());
                Ok(answer)
            }
            Err(mut refused) => {
                self.span.record("code", tracing::field::debug(refused.code()));
                self.tell(refused.metadata_mut());
                Err(refused)
            }
        }
    }

    fn tell(&self, metadata: &mut MetadataMap) {
        let Some(context) = &self.context else { return };
        let (trace, span, flags) = (context.trace_id(), context.span_id(), context.trace_flags().to_u8());
        if let Ok(value) = MetadataValue::try_from(format!("00-{trace}-{span}-{flags:02x}")) {
            metadata.insert(ANSWER, value);
        }
    }
}

/// A `traceparent` (W3C Trace Context §3.2). A later version is read as far as this one goes.
fn read(text: &str) -> Option<SpanContext> {
    if text.len() < 55 || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let version = (version != "ff").then(|| hex(version, 2)).flatten()?;
    if version == 0 && parts.next().is_some() {
        return None;
    }
    let (trace, span) = (hex(trace, 32)?, hex(span, 16)?);
    let flags = u8::try_from(hex(flags, 2)?).ok()?;
    // The flags but the first are for later versions to give a meaning.
    let flags = TraceFlags::new(flags & 1);
    let (trace, span) = (TraceId::from(trace), SpanId::from(u64::try_from(span).ok()?));
    let context = SpanContext::new(trace, span, flags, true, TraceState::NONE);
    context.is_valid().then_some(context)
}

/// So many lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let lower = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == digits && text.bytes().all(lower)).then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_parent_in_form_is_taken() {
        for (flags, sampled) in [("00", false), ("01", true), ("ff", true), ("fe", false)] {
            let context = read(&format!("00-{TRACE}-{SPAN}-{flags}")).unwrap();
            assert_eq!(context.trace_id().to_string(), TRACE);
            assert_eq!(context.span_id().to_string(), SPAN);
            assert_eq!(context.is_sampled(), sampled, "{flags}");
        }
        assert!(read(&format!("01-{TRACE}-{SPAN}-01")).is_some(), "a later version");
        assert!(read(&format!("cc-{TRACE}-{SPAN}-01-what-the-future-holds")).is_some(), "with more");
    }

    #[test]
    fn a_parent_out_of_form_is_no_parent() {
        let zeros = "0".repeat(32);
        let refused = [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("0x-{TRACE}-{SPAN}-01"),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.replacen('b', "+", 1)),
            format!(" 00-{TRACE}-{SPAN}-01"),
            "-".repeat(60),
            "é".repeat(60),
        ];
        for text in refused {
            assert!(read(&text).is_none(), "{text}");
        }
    }
}
