//! Where the verification of a request runs: it computes, and a durable replay guard waits for the disk.

use core::fmt;
use core::future::Future;

/// Runs the verification of one request, which may block, somewhere.
///
/// [`Inline`] is right for a replay guard in memory. Where the guard waits for a disk or a network, and where facts
/// are looked up, run it where blocking is allowed. With tokio:
///
/// ```
/// use countersign::executor::{NotRun, Run};
///
/// #[derive(Clone)]
/// struct BlockingPool;
///
/// impl Run for BlockingPool {
///     async fn run<T, W>(&self, work: W) -> Result<T, NotRun>
///     where
///         T: Send + 'static,
///         W: FnOnce() -> T + Send + 'static,
///     {
///         tokio::task::spawn_blocking(work).await.map_err(|_| NotRun)
///     }
/// }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # assert_eq!(runtime.block_on(BlockingPool.run(|| 7)), Ok(7));
/// # assert_eq!(runtime.block_on(BlockingPool.run(|| -> u8 { panic!("on purpose") })), Err(NotRun));
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait Run: Clone + Send + Sync + 'static {
    /// Runs the work, once, and hands back what it returned.
    ///
    /// # Errors
    /// [`NotRun`] if there is no result, because the work panicked or nobody can run it. The request is refused.
    fn run<T, W>(&self, work: W) -> impl Future<Output = Result<T, NotRun>> + Send
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static;
}

/// Nobody ran the verification, or it panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotRun;

impl fmt::Display for NotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the verification could not be run")
    }
}

impl std::error::Error for NotRun {}

/// Runs the verification right where the request is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inline;

impl Run for Inline {
    async fn run<T, W>(&self, work: W) -> Result<T, NotRun>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        Ok(work())
    }
}
