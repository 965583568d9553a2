//! Following the desk: what is in force there comes into force here, in the order in which it is told, and a pulse says
//! that nothing is missing.

use super::chase::Chase;
use super::fates::{Denial, Fates};
use super::line::{Line, MAX_MESSAGE, PATIENCE, Refused};
use super::remote::RemoteDesk;
use super::wire;
use crate::audit::event::Event;
use crate::entropy::Entropy;
use crate::escalation::{self, Escalation};
use crate::files;
use crate::party::EscalationId;
use crate::proto;
use crate::proto::follow_response::News;
use crate::reviewer::profile::Profiles;
use crate::sidecar::tether::Tether;
use crate::sidecar::{Caller, Rules, Sidecar};
use crate::signer::enrolled::EnrolledKeys;
use arc_swap::ArcSwap;
use core::convert::Infallible;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;
use tonic::Streaming;

/// A desk that says nothing for so long is away; it has a pulse every five seconds.
const SILENCE: Duration = Duration::from_secs(15);
/// A stream that ends sooner than this is not taken up again at once.
const SHORTEST: Duration = Duration::from_secs(1);
/// After how long a pulse is written down, so that a restart knows how old the news is.
const WRITTEN: Duration = Duration::from_secs(10);
/// Of how many of this agent's escalations it is asked how they ended, after a while without the desk.
const ASKED_AFTER: usize = 128;
const LOOKED_THROUGH: usize = 512;

/// Follows the desk.
pub struct Follower {
    line: Arc<Line>,
    sidecar: Arc<Sidecar>,
    desk: Arc<RemoteDesk>,
    tether: Arc<Tether>,
    keys: EnrolledKeys,
    entropy: Arc<dyn Entropy>,
    fates: Fates,
    /// Who the agent is, for the socket.
    caller: Arc<ArcSwap<Caller>>,
    /// Where executors find what is published.
    published: PathBuf,
    /// Where it is written when the desk was last heard.
    heard: PathBuf,
    /// What of the neighbours is known, by the desk's count.
    neighbours: AtomicU64,
}

/// Where a follower keeps what it hears.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The folder of what executors need.
    pub published: PathBuf,
    /// The file that says when the desk was last heard.
    pub heard: PathBuf,
    /// The file of what people denied.
    pub fates: PathBuf,
}

/// The first policy and roster, for a sidecar that never had any.
///
/// # Errors
/// [`Refused`] if the desk can't be reached, or sends none that can be used.
pub async fn first_rules(line: &Line) -> Result<Rules, Refused> {
    let request = line.proven("Follow", proto::FollowRequest::default())?;
    let mut client = line.client();
    let mut stream = Line::ask(PATIENCE, client.follow(request)).await?;
    loop {
        if let Some(News::Rules(rules)) = next(&mut stream).await? {
            return Rules::compile(&rules.policy, &rules.roster)
                .map_err(|why| Refused::Away(format!("the desk's rules can't be used: {why}")));
        }
    }
}

async fn next(stream: &mut Streaming<proto::FollowResponse>) -> Result<Option<News>, Refused> {
    match tokio::time::timeout(SILENCE, stream.message()).await {
        Err(_) => Err(Refused::Away(format!("the desk was silent for {} s", SILENCE.as_secs()))),
        Ok(Err(status)) => Err(status.into()),
        Ok(Ok(None)) => Err(in_order()),
        Ok(Ok(Some(message))) => Ok(message.news),
    }
}

fn in_order() -> Refused {
    Refused::Away("the desk has ended the connection".to_owned())
}

impl Follower {
    /// Follows for this sidecar.
    #[must_use]
    pub fn new(
        line: Arc<Line>,
        sidecar: Arc<Sidecar>,
        desk: Arc<RemoteDesk>,
        tether: Arc<Tether>,
        entropy: Arc<dyn Entropy>,
        kept: Kept,
        caller: Arc<ArcSwap<Caller>>,
    ) -> Self {
        let keys = line.keys().clone();
        let fates = Fates::open(kept.fates);
        for Denial { id, by, at } in fates.all() {
            sidecar.memories.learn_denial(id, by, at);
        }
        let (published, heard) = (kept.published, kept.heard);
        let neighbours = AtomicU64::new(0);
        Self { line, sidecar, desk, tether, keys, entropy, fates, caller, published, heard, neighbours }
    }

    /// Follows, and takes it up again whenever it breaks off, for as long as it is polled.
    pub async fn run(self) -> Infallible {
        let mut chase = Chase::default();
        loop {
            let since = tokio::time::Instant::now();
            let why = match self.follow().await {
                Ok(never) => match never {},
                Err(why) => why,
            };
            let lasted = since.elapsed() >= SHORTEST;
            if lasted {
                chase.caught();
            }
            self.line.turn();
            // A connection that the desk gave up in order is taken up elsewhere, with no gap worth a word.
            if lasted && why == in_order() {
                continue;
            }
            if self.tether.connected() {
                tracing::warn!(%why, "the desk is away");
            }
            self.tether.lose(why.to_string());
            tokio::time::sleep(chase.wait(self.entropy.as_ref())).await;
        }
    }

    fn request(&self) -> proto::FollowRequest {
        let in_force = self.sidecar.in_force.load();
        proto::FollowRequest {
            policy: in_force.policy.digest().to_string(),
            roster: in_force.roster.to_string(),
            neighbours_since: self.neighbours.load(Ordering::Relaxed),
        }
    }

    async fn follow(&self) -> Result<Infallible, Refused> {
        let request = self.line.proven("Follow", self.request())?;
        let mut client = self.line.client().max_decoding_message_size(MAX_MESSAGE);
        let mut stream = Line::ask(PATIENCE, client.follow(request)).await?;
        let mut written: Option<tokio::time::Instant> = None;
        let mut first = true;
        // One that can't be taken leaves what is in force as it is, and no pulse counts any more: it grows stale.
        let mut behind: Option<String> = None;
        loop {
            match next(&mut stream).await? {
                Some(News::Pulse(pulse)) => {
                    if let Some(why) = &behind {
                        tracing::error!(why, "what the desk sent is not in force here");
                        return Err(Refused::Away(why.clone()));
                    }
                    self.pulse(&pulse, &mut written);
                    if core::mem::take(&mut first) {
                        tracing::info!("the desk is there");
                        self.desk.ring_all();
                        self.learn_what_was_missed().await;
                    }
                }
                Some(News::Changed(changed)) => self.changed(&changed).await,
                Some(news) => {
                    if let Err(why) = self.take(news).await {
                        tracing::error!(why, "what the desk sent can't be taken");
                        behind = Some(why);
                    }
                }
                None => tracing::debug!("the desk sent something that this version does not know"),
            }
        }
    }

    fn pulse(&self, pulse: &proto::Pulse, written: &mut Option<tokio::time::Instant>) {
        let now = self.sidecar.clock.now();
        let theirs = crate::moment::Moment::from_unix_millis(pulse.now_ms);
        let apart = theirs.since(now).max(now.since(theirs));
        if apart > Duration::from_secs(30) {
            tracing::warn!(seconds = apart.as_secs(), "the desk's clock and this one differ");
        }
        self.tether.hear(now);
        if written.is_none_or(|at| at.elapsed() >= WRITTEN) {
            *written = Some(tokio::time::Instant::now());
            let text = now.unix_millis().to_string();
            if let Err(error) = files::write_private(&self.heard, text.as_bytes()) {
                tracing::warn!(%error, "it could not be written down when the desk was heard");
            }
        }
    }

    /// Takes one piece of news, whole or not at all.
    async fn take(&self, news: News) -> Result<(), String> {
        match news {
            News::Rules(rules) => self.rules(rules).await,
            News::Suspensions(wire) => {
                let theirs = wire::suspensions(&wire.suspensions)?;
                self.sidecar.brake.come_to(theirs).await.map_err(|error| error.to_string())
            }
            News::Trust(news) => self.trust(news).await,
            News::Neighbours(news) => self.neighbours(&news),
            News::Roles(news) => self.roles(&news),
            News::Changed(_) | News::Pulse(_) => Ok(()),
        }
    }

    async fn rules(&self, wire: proto::Rules) -> Result<(), String> {
        let in_force = self.sidecar.in_force.load_full();
        let kept = self.sidecar.store.in_force(crate::store::Document::Roster);
        let kept = kept.and_then(|index| index.map(|index| self.sidecar.store.record(index)).transpose());
        let kept = kept.map_err(|error| error.to_string())?.map(|record| record.event);
        let profiles = wire.profiles.map(|profiles| profiles.records);
        // What is not sent has not changed.
        let policy = match wire.policy.is_empty() {
            true => in_force.policy.text().as_bytes().to_vec(),
            false => wire.policy,
        };
        let roster = match (wire.roster.is_empty(), kept) {
            (true, Some(Event::RosterLoaded { text, .. })) => text.into_bytes(),
            (_, _) => wire.roster,
        };
        let compiled = tokio::task::spawn_blocking(move || Rules::compile(&policy, &roster)).await;
        let rules = compiled.map_err(|error| error.to_string())?.map_err(|why| {
            self.sidecar.metrics.reloaded("refused");
            format!("the desk's rules are not taken, those in force stay: {why}")
        })?;
        if self.sidecar.take_rules(rules).await.map_err(|error| error.to_string())? {
            let in_force = self.sidecar.in_force.load();
            tracing::info!(policy = %in_force.policy.digest(), roster = %in_force.roster, "the desk's rules came into force");
        }
        if let Some(records) = profiles {
            let mut all = Profiles::default();
            for record in wire::records(&records)? {
                if let Event::ProfileChanged { person, profile, .. } = record.event {
                    all.set(person, *profile);
                }
            }
            let all = Arc::new(all);
            self.sidecar.in_force.rcu(|before| before.with(all.clone()));
            self.desk.knows_profiles();
        }
        Ok(())
    }

    async fn trust(&self, news: proto::TrustNews) -> Result<(), String> {
        let (published, revoked) = wire::trust(news)?;
        let (keys, folder, told) = (self.keys.clone(), self.published.clone(), published.clone());
        let (issuance, now) = (self.sidecar.issuance.clone(), self.sidecar.clock.now());
        let kept = tokio::task::spawn_blocking(move || {
            let kept = keys.hear(told, revoked).map_err(|error| error.to_string());
            // Also where it could not be kept: a key that was revoked mints nothing from now on.
            let refreshed = issuance.refresh(now).map_err(|error| error.to_string());
            (kept, refreshed, publish(&folder, &published))
        });
        let (kept, refreshed, published) = kept.await.map_err(|error| error.to_string())?;
        for id in refreshed.as_ref().map(|refreshed| refreshed.revoked.as_slice()).unwrap_or_default() {
            if self.sidecar.issuance.of(*id).is_some() {
                tracing::error!(key = %id, "a key of this sidecar was revoked");
            }
        }
        if let Err(error) = published {
            tracing::error!(%error, "what executors need could not be published");
        }
        // That no key mints any more is no reason not to have heard it.
        refreshed.map(drop).or_else(|why| {
            tracing::error!(why, "the keys can't be used");
            Ok::<(), String>(())
        })?;
        kept
    }

    fn neighbours(&self, news: &proto::Neighbours) -> Result<(), String> {
        let policy = self.sidecar.in_force.load().policy.clone();
        let own = self.keys.enrolment().map(|enrolment| enrolment.agent);
        for record in wire::records(&news.records)? {
            let agent = if let Event::Decided(decided) = &record.event {
                Some(&decided.agent)
            } else if let Event::Reported(reported) = &record.event {
                Some(&reported.agent)
            } else {
                None
            };
            if agent.is_some() && agent == own.as_ref() {
                self.sidecar.memories.neighbour(record.happened(), &record.event, &policy);
            }
        }
        self.neighbours.store(news.until, Ordering::Relaxed);
        Ok(())
    }

    fn roles(&self, news: &proto::FleetRoles) -> Result<(), String> {
        let told = wire::roles(news.agent.as_ref(), &news.executors)?;
        let before = self.keys.enrolment().ok_or("this sidecar is not enrolled")?;
        if told.agent != before.agent {
            return Err(format!("it speaks for `{}`, and the desk says for `{}`", before.agent, told.agent));
        }
        let mut executors = told.executors;
        executors.sort_by(|one, other| one.id.cmp(&other.id));
        let (on_behalf_of, operators) = (told.on_behalf_of, told.operators);
        let enrolment =
            crate::signer::enrolled::Enrolment { on_behalf_of, operators, executors, ..before.clone() };
        if enrolment != before {
            let caller = Caller { agent: told.agent, on_behalf_of: enrolment.on_behalf_of.clone() };
            self.caller.store(Arc::new(caller));
            self.sidecar.roles.store(Arc::new(wire::roles_of(&enrolment)));
            self.keys.change_roles(enrolment).map_err(|error| error.to_string())?;
            tracing::info!("the agent's people or executors have changed");
        }
        Ok(())
    }

    async fn changed(&self, changed: &proto::Changed) {
        for text in &changed.escalations {
            let Ok(id) = wire::escalation_id(text) else { continue };
            self.desk.ring(id);
            self.learn(id).await;
        }
    }

    /// Learns how an escalation of this agent stands: what people denied counts against the like of it.
    async fn learn(&self, id: EscalationId) {
        let Some(agent) = self.keys.enrolment().map(|enrolment| enrolment.agent) else { return };
        match self.desk.fate(id, &agent).await {
            Ok(escalation) => {
                self.sidecar.memories.learn(id, &escalation);
                if let Escalation::Denied(denied) = &escalation
                    && let escalation::Denial::Reviewer(by) = &denied.cause
                {
                    self.fates.keep(Denial { id, by: by.clone(), at: denied.at });
                }
            }
            Err(error) => tracing::debug!(escalation = %id, %error, "how it stands was not learned"),
        }
    }

    /// … of those of this agent that may have ended while the desk was away.
    async fn learn_what_was_missed(&self) {
        let Some(agent) = self.keys.enrolment().map(|enrolment| enrolment.agent) else { return };
        let asked = || -> Result<Vec<EscalationId>, crate::store::StoreError> {
            let mut asked = Vec::new();
            for index in self.sidecar.store.decisions_of(&agent, LOOKED_THROUGH)? {
                if let Event::Decided(decided) = self.sidecar.store.record(index)?.event {
                    asked.extend(decided.escalation);
                }
            }
            Ok(asked)
        };
        match asked() {
            Ok(asked) => {
                let missed = asked.into_iter().filter(|id| !self.sidecar.memories.knows_the_end_of(*id));
                for id in missed.take(ASKED_AFTER) {
                    self.learn(id).await;
                }
            }
            Err(error) => tracing::warn!(%error, "what was missed could not be looked up"),
        }
    }
}

/// Writes what executors need, each file whole.
fn publish(folder: &std::path::Path, published: &crate::signer::Published) -> std::io::Result<()> {
    if published.bundle.is_empty() {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    let certificates = published.certificates.join("\n");
    let files = [
        ("bundle.jws", &published.bundle),
        ("bundle.cert", &certificates),
        ("jwks.json", &published.jwks),
        ("revocations.jws", &published.revocations),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        if std::fs::read(&path).ok().as_deref() != Some(text.as_bytes()) {
            files::write_public(&path, text.as_bytes())?;
        }
    }
    Ok(())
}
