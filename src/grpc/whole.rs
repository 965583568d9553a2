//! Work that is done to its end though the caller hangs up: what was recorded is taken note of as well.

use tonic::Status;
use tracing::Instrument as _;

/// Does it in a task of its own.
///
/// # Errors
/// Those of the work; `UNAVAILABLE` if the service stops before.
pub(super) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Status>> + Send + 'static,
) -> Result<T, Status> {
    tokio::spawn(work.in_current_span()).await.map_err(|_| Status::unavailable("the service is stopping"))?
}
