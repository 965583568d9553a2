//! The follower: hears of what other processes record, on a connection of its own, and tells those who watch.
//!
//! The database notifies it where it can; it looks by itself every now and then, because not every engine can,
//! and a notice is lost where a connection breaks. It is also what tells whether the database can be reached: health
//! is never asked of connections that do the work.

use super::connect::Door;
use super::error::Trouble;
use super::hub::Hub;
use super::session::{at, escalation, signature, silent};
use crate::party::EscalationId;
use crate::store::Index;
use core::time::Duration;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_postgres::{AsyncMessage, Client};

const SIZE: &str = "SELECT size FROM head WHERE one = 1";
const COURSES: &str = "SELECT place, change, escalation FROM courses WHERE place >= $1 AND place < $2 \
     ORDER BY place LIMIT $3";
/// How many steps are read at once.
const AT_ONCE: i64 = 1000;
/// How long is waited before a lost connection is made anew: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Whether the database can be reached, and what it said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Nothing where it can be reached; otherwise why it can't.
    pub trouble: Option<String>,
    /// How many records there are, as far as is known.
    pub records: Index,
    /// Whether commits of others are notified; otherwise they are heard of when it is looked for them.
    pub notified: bool,
}

/// Follows until `stop` says so or is gone.
pub(super) async fn follow(hub: Arc<Hub>, poll: Duration, mut stop: watch::Receiver<bool>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let trouble = tokio::select! {
            trouble = stay(&hub, poll, &mut pause) => trouble,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        hub.health.send_modify(|health| {
            health.trouble = Some(trouble.to_string());
            health.notified = false;
        });
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Stays connected as long as that goes.
async fn stay(hub: &Arc<Hub>, poll: Duration, pause: &mut Duration) -> Trouble {
    let connected = tokio::time::timeout(hub.attempt, connect(hub)).await;
    let client = match connected {
        Ok(Ok(client)) => client,
        Ok(Err(trouble)) => return trouble,
        Err(_) => return silent(),
    };
    let notified = hub.channel.is_some();
    loop {
        // What was missed while nobody listened is read as well.
        match tokio::time::timeout(hub.attempt, catch_up(hub, &client)).await {
            Ok(Ok(())) => {}
            Ok(Err(trouble)) => return trouble,
            Err(_) => return silent(),
        }
        *pause = FIRST_PAUSE;
        hub.health.send_if_modified(|health| {
            let now = Health { trouble: None, records: hub.progress.size(), notified };
            let changed = *health != now;
            *health = now;
            changed
        });
        tokio::select! {
            () = hub.poke.notified() => {}
            () = tokio::time::sleep(poll) => {}
        }
    }
}

/// Connects and listens.
async fn connect(hub: &Arc<Hub>) -> Result<Client, Trouble> {
    let (client, mut connection) = hub.door.raw().await?;
    let (hears, own) = (Arc::clone(hub), signature(&hub.writer));
    tokio::spawn(async move {
        while let Some(message) = std::future::poll_fn(|context| connection.poll_message(context)).await {
            match message {
                // Of our own commits it needs not to hear.
                Ok(AsyncMessage::Notification(notice)) if notice.payload().starts_with(&own) => {}
                Ok(AsyncMessage::Notification(_)) => hears.poke.notify_one(),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        // So that it is noticed now, not only when it is looked the next time.
        hears.poke.notify_one();
    });
    hub.door.introduce(&client).await?;
    if let Some(channel) = &hub.channel {
        client.batch_execute(&format!("LISTEN {channel}")).await?;
    }
    Ok(client)
}

/// Tells of what others recorded.
async fn catch_up(hub: &Hub, client: &Client) -> Result<(), Trouble> {
    let known = hub.progress.size();
    let size = at(&client.query_one(SIZE, &[]).await?, 0)?;
    hub.seen(size, known)?;
    while let Some(range) = hub.progress.untold(size) {
        let column = |index: Index| i64::try_from(index).unwrap_or(i64::MAX);
        let rows = client.query(COURSES, &[&column(range.start), &column(range.end), &AT_ONCE]).await?;
        let full = i64::try_from(rows.len()).is_ok_and(|rows| rows >= AT_ONCE);
        let mut changed: Vec<(Index, EscalationId)> = Vec::with_capacity(rows.len());
        let mut until = range.end;
        for row in &rows {
            let of_change = (at(row, 1)?, escalation(row, 2)?);
            if full {
                until = at(row, 0)? + 1;
            }
            // One change is told once, however many records it has.
            if changed.last() != Some(&of_change) {
                changed.push(of_change);
            }
        }
        hub.watchers.wake(changed.into_iter().map(|(_, id)| id));
        hub.progress.told(until);
    }
    Ok(())
}

/// Whether commits can be notified here.
pub(super) async fn can_notify(door: &Door, channel: &str) -> Result<bool, Trouble> {
    let (client, _driver) = door.connect().await?;
    let listens = client.batch_execute(&format!("LISTEN {channel}")).await;
    let tells = match listens {
        Ok(()) => client.query_one("SELECT pg_notify($1, $2)", &[&channel, &"0"]).await.map(drop),
        Err(error) => Err(error),
    };
    match tells {
        Ok(()) => Ok(true),
        // The engine has no such thing, and says so.
        Err(error) if error.as_db_error().is_some() => Ok(false),
        Err(error) => Err(error.into()),
    }
}
