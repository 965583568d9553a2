//! How long a stream goes on: until its caller's deadline.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use tokio::time::Sleep;
use tokio_stream::Stream;
use tonic::Status;
use tonic::metadata::MetadataMap;

/// How long the caller waits, as its `grpc-timeout` says. tonic ends the calls of one answer by it, but no streams.
pub(super) fn patience(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (amount, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    // At most eight digits (the gRPC specification), so that nothing below can overflow.
    let amount: u64 = amount.parse().ok().filter(|_| amount.len() <= 8)?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

/// A stream of answers that ends when its caller's deadline has passed.
pub(super) struct Until<S> {
    stream: S,
    deadline: Option<Pin<Box<Sleep>>>,
    over: bool,
}

impl<S> Until<S> {
    /// Lets the stream go on for as long as its caller waits.
    pub(super) fn new(stream: S, patience: Option<Duration>) -> Self {
        let deadline = patience.map(|patience| Box::pin(tokio::time::sleep(patience)));
        Self { stream, deadline, over: false }
    }
}

impl<S, T> Stream for Until<S>
where
    S: Stream<Item = Result<T, Status>> + Unpin,
{
    type Item = Result<T, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        if let Poll::Ready(next) = Pin::new(&mut this.stream).poll_next(context) {
            return Poll::Ready(next);
        }
        let Some(deadline) = &mut this.deadline else { return Poll::Pending };
        ready!(deadline.as_mut().poll(context));
        this.over = true;
        Poll::Ready(Some(Err(Status::deadline_exceeded("the deadline has passed; follow it again"))))
    }
}
