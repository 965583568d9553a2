//! The writer's session: one transaction for a batch, in two exchanges with the server.
//!
//! First the head is locked, and everything is read that the batch names; the statements are sent together, and since
//! each sees what was committed when it begins, all of them see what the last holder of the lock left. Then every table
//! is written with one statement, the head is moved on, and the transaction committed; if any of the statements
//! failed, the server has rolled back.

use super::connect::Door;
use super::error::Trouble;
use super::judge::{Invited, Judged, Known, Locked, State, Submission, Wanted, judge};
use super::rows::{Rows, moment};
use super::standing::What;
use crate::digest::InvitationDigest;
use crate::moment::Moment;
use crate::party::EscalationId;
use crate::store::Index;
use crate::tlog::{Frontier, Hash};
use core::time::Duration;
use std::collections::HashMap;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
const LOCK: &str = "SELECT size, root, frontier, latest, \
     CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) FROM head WHERE one = 1 FOR UPDATE";
const BATCH: &str = "SELECT batch FROM writers WHERE writer = $1";
const REQUESTS: &str = "SELECT request, place FROM requests WHERE request = ANY($1)";
const DECISIONS: &str = "SELECT txn, place FROM decisions WHERE txn = ANY($1)";
const MINTS: &str = "SELECT txn, place FROM mints WHERE txn = ANY($1)";
const RECEIPTS: &str = "SELECT receipt, place FROM receipts WHERE receipt = ANY($1)";
const ESCALATIONS: &str = "SELECT escalation, opened, last, length, minted, asked, is_open FROM escalations \
     WHERE escalation = ANY($1)";

const STANDING: &str = "SELECT what, place FROM standing WHERE what = ANY($1)";
const INVITATIONS: &str = "SELECT invitation, made, used FROM invitations WHERE invitation = ANY($1)";

/// Each write, in the order in which they are sent.
const WRITES: [&str; 19] = [
    "INSERT INTO records (place, at, kind, hash, leaf) \
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bytea[], $5::bytea[])",
    "INSERT INTO nodes (level, place, hash) SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[])",
    "INSERT INTO requests (request, place) SELECT * FROM unnest($1::bytea[], $2::bigint[])",
    "INSERT INTO decisions (txn, place, at, agent, action, effect, escalation) SELECT * FROM \
     unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[], $6::text[], $7::bytea[])",
    "INSERT INTO mints (txn, place) SELECT * FROM unnest($1::bytea[], $2::bigint[])",
    "INSERT INTO receipts (receipt, txn, place) SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[])",
    "INSERT INTO courses (escalation, place, change) SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[])",
    "INSERT INTO told (txn, place) SELECT * FROM unnest($1::bytea[], $2::bigint[])",
    "INSERT INTO anomalies (agent, at, place) SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[])",
    "INSERT INTO habits (habit) SELECT * FROM unnest($1::bytea[]) ON CONFLICT DO NOTHING",
    "INSERT INTO parts (person, place) SELECT * FROM unnest($1::bytea[], $2::bigint[]) ON CONFLICT DO NOTHING",
    "INSERT INTO kept (value, bytes) SELECT * FROM unnest($1::bytea[], $2::bytea[])",
    "UPDATE kept SET bytes = NULL WHERE value = ANY($1)",
    "DELETE FROM suspensions WHERE suspension = ANY($1)",
    "INSERT INTO suspensions (place, suspension) SELECT * FROM unnest($1::bigint[], $2::bytea[])",
    "INSERT INTO standing (what, kind, place, is_over) \
     SELECT * FROM unnest($1::bytea[], $2::text[], $3::bigint[], $4::boolean[]) \
     ON CONFLICT (what) DO UPDATE SET place = excluded.place, is_over = excluded.is_over",
    "INSERT INTO invitations (invitation, made, used) SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]) \
     ON CONFLICT (invitation) DO UPDATE SET made = excluded.made, used = excluded.used",
    "INSERT INTO escalations (escalation, opened, last, length, minted, asked, is_open) SELECT * FROM \
     unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::boolean[]) \
     ON CONFLICT (escalation) DO UPDATE SET last = excluded.last, length = excluded.length, \
     minted = excluded.minted, asked = excluded.asked, is_open = excluded.is_open",
    "INSERT INTO writers (writer, batch, at) VALUES ($1, $2, now()) \
     ON CONFLICT (writer) DO UPDATE SET batch = excluded.batch, at = excluded.at",
];
const HEAD: &str = "UPDATE head SET size = $1, root = $2, frontier = $3, latest = $4 WHERE one = 1";
const TELL: &str = "SELECT pg_notify($1, $2)";

/// Who writes, and which batch it is: by this it is found out whether a batch was recorded over which the connection
/// was lost. Whoever has the head's lock knows, because no other transaction that had it is still under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    pub(super) writer: [u8; 16],
    pub(super) batch: i64,
}

/// The session, with its statements prepared.
pub(super) struct Session {
    client: Client,
    reads: [Statement; 9],
    writes: [Statement; 19],
    head: Statement,
    /// How commits are told to others, where the engine can: the statement, and the channel.
    tell: Option<(Statement, String)>,
}

/// What came of an attempt to record a batch.
pub(super) enum Outcome {
    /// It is recorded, or nothing of it was to be.
    Done(Judged),
    /// It was recorded at an earlier attempt.
    Before,
}

/// Why an attempt came to nothing.
pub(super) struct Failed {
    pub(super) trouble: Trouble,
    /// Whether it had been looked before what came of earlier attempts: nothing.
    pub(super) looked: bool,
    /// What was about to be committed, where it can't be told whether it was.
    pub(super) in_doubt: Option<Judged>,
}

impl From<Trouble> for Failed {
    fn from(trouble: Trouble) -> Self {
        Self { trouble, looked: false, in_doubt: None }
    }
}

impl Session {
    /// Connects and prepares.
    pub(super) async fn open(door: &Door, channel: Option<&str>) -> Result<Self, Trouble> {
        let (client, _driver) = door.connect().await?;
        // What is acknowledged must be on a disk, whatever the server does for others.
        client
            .batch_execute(
                "SELECT set_config('synchronous_commit', 'on', false) \
                 WHERE current_setting('synchronous_commit', true) = 'off'",
            )
            .await?;
        let read = |sql| client.prepare(sql);
        let reads = [
            read(LOCK).await?,
            read(BATCH).await?,
            read(REQUESTS).await?,
            read(DECISIONS).await?,
            read(MINTS).await?,
            read(RECEIPTS).await?,
            read(ESCALATIONS).await?,
            read(STANDING).await?,
            read(INVITATIONS).await?,
        ];
        let mut writes = Vec::with_capacity(WRITES.len());
        for sql in WRITES {
            writes.push(client.prepare(sql).await?);
        }
        let Ok(writes) = <[Statement; 19]>::try_from(writes) else {
            return Err(Trouble::Refused("not every statement was prepared".to_owned()));
        };
        let head = client.prepare(HEAD).await?;
        let tell = match channel {
            Some(channel) => Some((client.prepare(TELL).await?, channel.to_owned())),
            None => None,
        };
        Ok(Self { client, reads, writes, head, tell })
    }

    /// Makes the session ready for the next transaction after one that failed.
    pub(super) async fn recover(&self) -> Result<(), Trouble> {
        Ok(self.client.batch_execute("ROLLBACK").await?)
    }

    /// Tries to record a batch, with so much time for each of the two exchanges. `about` is told, before anything can
    /// be seen of it, where it begins, and may refuse.
    pub(super) async fn record(
        &self,
        batch: &mut [&mut Submission],
        ticket: Ticket,
        tolerance: Option<Duration>,
        limit: Duration,
        about: impl FnOnce(Index) -> Result<(), Trouble>,
    ) -> Result<Outcome, Failed> {
        let wanted = Wanted::of(batch.iter().map(|submission| &**submission));
        let begun = tokio::time::timeout(limit, self.begin(ticket, &wanted)).await;
        let (locked, last, known) = begun.map_err(|_| silent())??;
        if last == Some(ticket.batch) {
            self.recover().await?;
            return Ok(Outcome::Before);
        }
        let mut rows = Rows::default();
        let judged = judge(batch.iter_mut().map(|one| &mut **one), known, &locked, tolerance, &mut rows);
        if rows.is_empty() {
            self.recover().await?;
            return Ok(Outcome::Done(judged));
        }
        about(locked.tree.size())?;
        let written = tokio::time::timeout(limit, self.write(&rows, &judged, ticket)).await;
        let trouble = match written {
            Ok(Ok(())) => return Ok(Outcome::Done(judged)),
            Ok(Err(error)) => Trouble::from(error),
            Err(_) => silent(),
        };
        // What the server itself refused it has rolled back.
        let in_doubt = matches!(trouble, Trouble::Connection(_)).then_some(judged);
        Err(Failed { trouble, looked: true, in_doubt })
    }

    /// Locks the head and reads what the batch names.
    async fn begin(&self, ticket: Ticket, wanted: &Wanted) -> Result<(Locked, Option<i64>, Known), Trouble> {
        let [lock, batch, requests, decisions, mints, receipts, escalations, standing, invitations] =
            &self.reads;
        let client = &self.client;
        let asked: Vec<&[u8]> = wanted.requests.iter().map(|request| &request.as_bytes()[..]).collect();
        let txns: Vec<&[u8]> = wanted.txns.iter().map(|txn| &txn.as_bytes()[..]).collect();
        let receipted: Vec<&[u8]> = wanted.receipts.iter().map(|receipt| &receipt[..]).collect();
        let courses: Vec<&[u8]> = wanted.escalations.iter().map(|id| &id.as_bytes()[..]).collect();
        let stand: Vec<&[u8]> = wanted.standing.iter().map(What::as_bytes).collect();
        let invited: Vec<&[u8]> = wanted.invitations.iter().map(|one| &one.as_bytes()[..]).collect();
        let writer: [&(dyn ToSql + Sync); 1] = [&&ticket.writer[..]];
        let ask = |statement, names| async move {
            let names: &Vec<&[u8]> = names;
            if names.is_empty() { Ok(Vec::new()) } else { client.query(statement, &[names]).await }
        };
        let (_, head, batch, requests, decided, minted, receipts, states, stands, invitations) = tokio::try_join!(
            biased;
            client.batch_execute(BEGIN),
            client.query_one(lock, &[]),
            client.query_opt(batch, &writer),
            ask(requests, &asked),
            ask(decisions, &txns),
            ask(mints, &txns),
            ask(receipts, &receipted),
            ask(escalations, &courses),
            ask(standing, &stand),
            ask(invitations, &invited),
        )?;
        let known = Known {
            requests: wanted.requests.iter().zip(places(&requests, &asked)?).filter_map(found).collect(),
            decided: wanted.txns.iter().zip(places(&decided, &txns)?).filter_map(found).collect(),
            minted: wanted.txns.iter().zip(places(&minted, &txns)?).filter_map(found).collect(),
            receipts: wanted.receipts.iter().zip(places(&receipts, &receipted)?).filter_map(found).collect(),
            standing: wanted.standing.iter().zip(places(&stands, &stand)?).filter_map(found).collect(),
            invitations: invitations.iter().map(invitation).collect::<Result<_, _>>()?,
            escalations: states.iter().map(state).collect::<Result<_, _>>()?,
        };
        let last = batch.map(|row| row.try_get(0)).transpose()?;
        Ok((read_head(&head)?, last, known))
    }

    /// Writes everything and commits.
    async fn write(&self, rows: &Rows, judged: &Judged, ticket: Ticket) -> Result<(), tokio_postgres::Error> {
        let [
            w_records,
            w_nodes,
            w_requests,
            w_decisions,
            w_mints,
            w_receipts,
            w_courses,
            w_told,
            w_anomalies,
            w_habits,
            w_parts,
            w_kept,
            w_erased,
            w_lifted,
            w_suspended,
            w_standing,
            w_invitations,
            w_escalations,
            w_writers,
        ] = &self.writes;
        let client = &self.client;
        let (r, d) = (&rows.records, &rows.decisions);
        let (suspended, s, i) = (rows.suspended(), rows.standing(), rows.invitations());
        let e = rows.escalations();
        let (size, root) = (index(judged.tree.size()), judged.tree.root());
        let (root, frontier) = (&root.as_bytes()[..], frontier(&judged.tree));
        let (latest, writer) = (moment(judged.latest), &ticket.writer[..]);
        let tell = async {
            match &self.tell {
                Some((statement, channel)) => {
                    let text = notice(&ticket.writer, judged.tree.size());
                    client.query_one(statement, &[channel, &text]).await.map(drop)
                }
                None => Ok(()),
            }
        };
        tokio::try_join!(
            biased;
            run(client, w_records, true, [&r.places, &r.at, &r.kinds, &r.hashes, &r.leaves]),
            run(client, w_nodes, !rows.nodes.0.is_empty(), [&rows.nodes.0, &rows.nodes.1, &rows.nodes.2]),
            run(client, w_requests, !rows.requests.0.is_empty(), [&rows.requests.0, &rows.requests.1]),
            run(client, w_decisions, !d.txns.is_empty(), [
                &d.txns, &d.places, &d.at, &d.agents, &d.actions, &d.effects, &d.escalations
            ]),
            run(client, w_mints, !rows.mints.0.is_empty(), [&rows.mints.0, &rows.mints.1]),
            run(client, w_receipts, !rows.receipts.0.is_empty(), [&rows.receipts.0, &rows.receipts.1, &rows.receipts.2]),
            run(client, w_courses, !rows.courses.0.is_empty(), [&rows.courses.0, &rows.courses.1, &rows.courses.2]),
            run(client, w_told, !rows.told.0.is_empty(), [&rows.told.0, &rows.told.1]),
            run(client, w_anomalies, !rows.anomalies.0.is_empty(), [
                &rows.anomalies.0, &rows.anomalies.1, &rows.anomalies.2
            ]),
            run(client, w_habits, !rows.habits.is_empty(), [&rows.habits]),
            run(client, w_parts, !rows.parts.0.is_empty(), [&rows.parts.0, &rows.parts.1]),
            run(client, w_kept, !rows.kept.0.is_empty(), [&rows.kept.0, &rows.kept.1]),
            run(client, w_erased, !rows.erased.is_empty(), [&rows.erased]),
            run(client, w_lifted, !rows.lifted.is_empty(), [&rows.lifted]),
            run(client, w_suspended, !suspended.0.is_empty(), [&suspended.0, &suspended.1]),
            run(client, w_standing, !s.0.is_empty(), [&s.0, &s.1, &s.2, &s.3]),
            run(client, w_invitations, !i.0.is_empty(), [&i.0, &i.1, &i.2]),
            run(client, w_escalations, !e.ids.is_empty(), [
                &e.ids, &e.opened, &e.last, &e.lengths, &e.minted, &e.asked, &e.open
            ]),
            run(client, w_writers, true, [&writer, &ticket.batch]),
            run(client, &self.head, true, [&size, &root, &frontier, &latest]),
            tell,
            client.batch_execute("COMMIT"),
        )
        .map(drop)
    }
}

/// Writes columns, if there is anything in them.
async fn run<const N: usize>(
    client: &Client,
    statement: &Statement,
    wanted: bool,
    columns: [&(dyn ToSql + Sync); N],
) -> Result<(), tokio_postgres::Error> {
    if wanted { client.execute(statement, &columns).await.map(drop) } else { Ok(()) }
}

/// The server has not answered for too long.
pub(super) fn silent() -> Trouble {
    Trouble::Connection("the database does not answer".to_owned())
}

/// What is told of a commit: who made it, and how many records there are with it.
fn notice(writer: &[u8; 16], size: Index) -> String {
    format!("{}{size}", signature(writer))
}

/// How the notices of a writer begin.
pub(super) fn signature(writer: &[u8; 16]) -> String {
    format!("{:032x} ", u128::from_be_bytes(*writer))
}

fn found<T: Clone>((name, place): (&T, Option<Index>)) -> Option<(T, Index)> {
    place.map(|place| (name.clone(), place))
}

/// The places of names, in the names' order.
fn places(rows: &[Row], names: &[&[u8]]) -> Result<Vec<Option<Index>>, Trouble> {
    let mut by_name: HashMap<&[u8], Index> = HashMap::new();
    for row in rows {
        by_name.insert(row.try_get(0)?, at(row, 1)?);
    }
    Ok(names.iter().map(|name| by_name.get(name).copied()).collect())
}

fn invitation(row: &Row) -> Result<(InvitationDigest, Invited), Trouble> {
    let invited = Invited { made: maybe(row, 1)?, used: maybe(row, 2)? };
    Ok((InvitationDigest::from_bytes(fixed(row, 0)?), invited))
}

fn state(row: &Row) -> Result<(EscalationId, State), Trouble> {
    let state = State {
        opened: at(row, 1)?,
        last: at(row, 2)?,
        length: at(row, 3)?,
        minted: maybe(row, 4)?,
        asked: maybe(row, 5)?,
        is_open: row.try_get(6)?,
    };
    Ok((escalation(row, 0)?, state))
}

/// A number that is never negative.
pub(super) fn at(row: &Row, column: usize) -> Result<u64, Trouble> {
    let number: i64 = row.try_get(column)?;
    u64::try_from(number).map_err(|_| Trouble::Damaged(format!("{number} stands where a place should")))
}

/// A number, if there is one.
pub(super) fn maybe(row: &Row, column: usize) -> Result<Option<u64>, Trouble> {
    let number: Option<i64> = row.try_get(column)?;
    number.map(|_| at(row, column)).transpose()
}

/// A name or hash of so many bytes.
pub(super) fn fixed<const N: usize>(row: &Row, column: usize) -> Result<[u8; N], Trouble> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map_err(|_| Trouble::Damaged(format!("{} bytes stand where {N} should", bytes.len())))
}

/// An escalation's id.
pub(super) fn escalation(row: &Row, column: usize) -> Result<EscalationId, Trouble> {
    fixed(row, column).map(EscalationId::from_random)
}

fn index(index: Index) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

/// The head, if it makes sense in itself.
fn read_head(row: &Row) -> Result<Locked, Trouble> {
    let tree = read_tree(row)?;
    let latest = Moment::from_unix_millis(at(row, 3)?);
    let now = row.try_get::<_, i64>(4)?;
    Ok(Locked { tree, latest, now: Moment::from_unix_millis(u64::try_from(now).unwrap_or_default()) })
}

/// The tree of a row that begins with size, root and frontier.
pub(super) fn read_tree(row: &Row) -> Result<Frontier, Trouble> {
    let roots: &[u8] = row.try_get(2)?;
    let (roots, rest) = roots.as_chunks::<{ Hash::BYTES }>();
    let roots = roots.iter().copied().map(Hash::from_bytes).collect();
    let tree = Frontier::from_roots(at(row, 0)?, roots).filter(|_| rest.is_empty());
    let tree = tree.ok_or_else(|| Trouble::Damaged("the log's head is not that of a tree".to_owned()))?;
    match tree.root() == Hash::from_bytes(fixed(row, 1)?) {
        true => Ok(tree),
        false => Err(Trouble::Damaged("the root of the log is not that of its head".to_owned())),
    }
}

fn frontier(tree: &Frontier) -> Vec<u8> {
    tree.roots().iter().flat_map(|root| *root.as_bytes()).collect()
}
