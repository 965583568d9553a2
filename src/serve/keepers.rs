//! What a service looks after while it runs: that the record stays sound, the clock, and the files it was given.

use super::{CLOCK_ROUNDS, MEMORY_ROUNDS, ServeFailed, failed};
use crate::audit::event::{Event, Record};
use crate::ceiling::{Ceiling, Strain};
use crate::clock::{Clock, Reading};
use crate::config::{Bytes, Limits};
use crate::desk::LocalDesk;
use crate::desk::sessions::Sessions;
use crate::sidecar::reload::{ROUNDS, Reloader};
use crate::store::follow::Following;
use crate::store::{Change, Store, StoreError};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Runs a server, and says so where it can't go on.
pub(super) fn run(
    server: impl Future<Output = Result<(), crate::grpc::ServeError>> + Send + 'static,
    fail: mpsc::Sender<ServeFailed>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = server.await {
            drop(fail.send(failed(error)).await);
        }
    })
}

/// Lets everything that is due take effect.
pub(super) async fn watch_deadlines(desk: Arc<LocalDesk>) {
    desk.watch_deadlines().await;
}

/// Hands on what other replicas record.
pub(super) async fn follow(following: Arc<Following>) {
    following.run().await;
}

/// What had been recorded is not what it was: nothing more may rest on it.
pub(super) async fn end_when_unsound(
    mut unsound: watch::Receiver<Option<StoreError>>,
    fail: mpsc::Sender<ServeFailed>,
) {
    let why = unsound.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
    if let Some(why) = why {
        drop(fail.send(failed(why)).await);
    }
}

/// A ceiling as the configuration has it, or else as the system has it.
pub(super) fn ceiling(limits: &Limits) -> Arc<Ceiling> {
    let limit = limits.memory.map_or_else(Ceiling::of_the_system, |Bytes(limit)| Some(limit));
    let ceiling = Ceiling::new(limit, limits.shed_at_thousandths(), limits.calls);
    ceiling.look();
    Arc::new(ceiling)
}

/// Looks at the memory again and again, so that work is shed before the system ends the process.
pub(super) async fn look_at_the_memory(ceiling: Arc<Ceiling>) {
    let mut before = Strain::Low;
    loop {
        let strain = ceiling.look();
        if strain != before {
            let (used, limit) = (ceiling.used(), ceiling.limit());
            match strain {
                Strain::Low => tracing::info!(used, limit, "there is memory again: all calls are taken"),
                Strain::High => {
                    tracing::warn!(used, limit, "there is little memory left: nothing new is taken")
                }
                Strain::Critical => {
                    tracing::error!(
                        used,
                        limit,
                        "there is hardly any memory left: only what is vital is taken"
                    );
                }
            }
            before = strain;
        }
        tokio::time::sleep(MEMORY_ROUNDS).await;
    }
}

pub(super) async fn look_at_the_files(reloader: Arc<Reloader>, sessions: Arc<Sessions>) {
    loop {
        tokio::time::sleep(ROUNDS).await;
        reloader.look().await;
        look_at_the_provider(&sessions).await;
    }
}

pub(super) async fn look_at_the_provider(sessions: &Arc<Sessions>) {
    let sessions = sessions.clone();
    // It reads a file.
    let looked = tokio::task::spawn_blocking(move || sessions.provider().map(|provider| provider.look()));
    match looked.await {
        Ok(None | Some(Ok(false))) => {}
        Ok(Some(Ok(true))) => tracing::info!("the identity provider has other keys now"),
        Ok(Some(Err(error))) => {
            tracing::error!(%error, "the identity provider's keys stay as they were");
        }
        Err(error) => tracing::error!(%error, "the identity provider's keys could not be looked at"),
    }
}

pub(super) async fn look_at_the_clock(store: Arc<dyn Store>, clock: Arc<dyn Clock>) {
    let mut doubted = false;
    loop {
        match clock.read() {
            Reading::Sure(_) => doubted = false,
            Reading::InDoubt { wall, latest } if !doubted => {
                doubted = true;
                tracing::error!(%wall, %latest, "the clock was set back: nothing is minted until it has caught up");
                let change = Change {
                    records: vec![Record::new(latest, Event::ClockInDoubt { wall })],
                    ..Change::default()
                };
                if let Err(error) = store.commit(change).await {
                    tracing::error!(%error, "a doubt about the clock could not be recorded");
                }
            }
            Reading::InDoubt { .. } => {}
        }
        tokio::time::sleep(CLOCK_ROUNDS).await;
    }
}
