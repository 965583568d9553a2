//! Sidecars: that who handed over leaves of a log had enrolled, that the leaves continue those before under a checkpoint
//! which the log signed, and that what was adopted is one of them.

use super::Auditor;
use super::findings::Findings;
use crate::audit::event::{Adopted, Credential, Enrolled, Event, Invited, Record, Shipped, Withdrawn};
use crate::digest::InvitationDigest;
use crate::moment::Moment;
use crate::party::{AgentId, KeyHolder, LogOrigin};
use crate::tlog::{Frontier, Hash, KeyName, SignatureKind, SignedCheckpoint, VerifierKey, leaf_hash};
use std::collections::HashMap;

/// A sidecar as it enrolled.
struct Sidecar {
    origin: LogOrigin,
    agent: AgentId,
    withdrawn: bool,
}

/// The leaves that were handed over last, of which some are adopted in the same change.
struct Handed {
    origin: LogOrigin,
    agent: Option<AgentId>,
    first: u64,
    leaves: Vec<Hash>,
    /// The first place that nothing was adopted from yet.
    next: u64,
}

/// A join token, and whether it was used.
struct Token {
    agent: AgentId,
    until: Moment,
    used: bool,
}

#[derive(Default)]
pub(super) struct Fleet {
    sidecars: HashMap<KeyHolder, Sidecar>,
    logs: HashMap<LogOrigin, Frontier>,
    tokens: HashMap<InvitationDigest, Token>,
    handed: Option<Handed>,
}

impl Fleet {
    /// Takes the next record before its own meaning is looked at: whether it may have come from a sidecar at all, and is
    /// what the sidecar handed over.
    pub(super) fn adopted(&mut self, record: &Record, findings: &mut Findings) {
        let Some(from) = &record.from else {
            self.handed = None;
            return;
        };
        if let Some(txn) = record.event.txn() {
            findings.about(txn);
        }
        findings.require(record.event.is_adopted_by_desks(), "shipped.other_kind", || {
            format!("`{}` is nothing that a desk adopts from a sidecar", record.event.kind())
        });
        findings.require(from.at <= record.at.plus(super::SLACK), "time.other", || {
            format!("the sidecar recorded it at {}, and its desk before that, at {}", from.at, record.at)
        });
        let Some(handed) = self.handed.as_mut().filter(|handed| handed.origin == from.origin) else {
            findings.finding(
                "shipped.not_handed_over",
                format!("no leaf of `{}` was just handed over", from.origin),
            );
            return;
        };
        handed.adopt(from, record, findings);
    }

    pub(super) fn invited(&mut self, invited: Invited, findings: &mut Findings) {
        let Invited { invitation, agent, until, .. } = invited;
        if self.tokens.insert(invitation, Token { agent, until, used: false }).is_some() {
            findings.finding("enrolment.token", format!("the join token `{invitation}` was made before"));
        }
    }

    pub(super) fn enrolled(&mut self, enrolled: Enrolled, at: Moment, findings: &mut Findings) {
        let Enrolled { sidecar, origin, agent, by, replaces, .. } = enrolled;
        if let (Credential::Invitation { invitation }, None) = (&by, replaces) {
            self.join(*invitation, &agent, at, findings);
        }
        if let Some(before) = self.sidecars.get(&sidecar) {
            findings.require(before.origin == origin, "enrolment.other_log", || {
                format!("sidecar `{sidecar}` had the log `{}`, and has `{origin}` now", before.origin)
            });
            findings.require(replaces.is_none() || before.agent == agent, "enrolment.other_agent", || {
                format!("sidecar `{sidecar}` spoke for `{}`, and speaks for `{agent}` now", before.agent)
            });
            findings.require(!before.withdrawn, "enrolment.withdrawn", || {
                format!("sidecar `{sidecar}` was revoked before")
            });
        } else {
            findings.require(replaces.is_none(), "enrolment.unknown", || {
                format!("sidecar `{sidecar}` renews its keys, and had never enrolled")
            });
        }
        self.sidecars.insert(sidecar, Sidecar { origin, agent, withdrawn: false });
    }

    fn join(&mut self, invitation: InvitationDigest, agent: &AgentId, at: Moment, findings: &mut Findings) {
        let words = match self.tokens.get_mut(&invitation) {
            None => "was never made",
            Some(token) if token.used => "was used before",
            Some(token) if token.agent != *agent => "was made for another agent",
            Some(token) if token.until.plus(super::SLACK) < at => "was good for nothing any more",
            Some(token) => {
                token.used = true;
                return;
            }
        };
        findings.finding("enrolment.token", format!("the join token `{invitation}` {words}"));
    }

    pub(super) fn withdrawn(&mut self, withdrawn: &Withdrawn, findings: &mut Findings) {
        match self.sidecars.get_mut(&withdrawn.sidecar) {
            Some(sidecar) => sidecar.withdrawn = true,
            None => {
                let words = format!("sidecar `{}` is revoked, and had never enrolled", withdrawn.sidecar);
                findings.note("enrolment.unknown", words);
            }
        }
    }

    fn shipped(&mut self, shipped: Shipped, findings: &mut Findings) {
        let Shipped { sidecar, origin, first, leaves, size, frontier, .. } = shipped;
        let agent = match self.sidecars.get(&sidecar) {
            Some(known) => {
                findings.require(
                    !known.withdrawn && known.origin == origin,
                    "shipped.unknown_sidecar",
                    || format!("sidecar `{sidecar}` was revoked, or `{origin}` is not its log"),
                );
                Some(known.agent.clone())
            }
            None => {
                let words = format!("sidecar `{sidecar}` hands over leaves, and had never enrolled");
                findings.finding("shipped.unknown_sidecar", words);
                None
            }
        };
        let tree = self.logs.entry(origin.clone()).or_default();
        let known = tree.size();
        findings.require(known == first, "shipped.gap", || {
            format!("the leaves begin at {first}, and {known} of `{origin}` were handed over before")
        });
        leaves.iter().for_each(|leaf| tree.push(*leaf));
        findings.require(tree.size() == size && tree.roots() == frontier, "shipped.other_tree", || {
            format!("the tree of `{origin}` is not the one over the leaves that were handed over")
        });
        if let Some(recorded) = Frontier::from_roots(size, frontier) {
            *tree = recorded;
        }
        self.handed = Some(Handed { origin, agent, first, leaves, next: first });
    }
}

impl Handed {
    fn adopt(&mut self, from: &Adopted, record: &Record, findings: &mut Findings) {
        let leaf = from.index.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        let leaf = leaf.and_then(|place| self.leaves.get(place)).filter(|_| from.index >= self.next);
        let Some(leaf) = leaf else {
            let words =
                format!("leaf {} of `{}` is none of those, or was adopted before", from.index, from.origin);
            findings.finding("shipped.not_handed_over", words);
            return;
        };
        self.next = from.index.saturating_add(1);
        let agent = agent_of(&record.event);
        findings.require(
            agent.is_none_or(|agent| self.agent.as_ref().is_none_or(|own| own == agent)),
            "shipped.other_agent",
            || "it is of another agent than the one that its sidecar speaks for".to_owned(),
        );
        // What stands apart has another salt here: it is proved by the record's own leaf alone.
        if !record.apart.is_empty() {
            return;
        }
        let first = Record { at: from.at, from: None, ..record.clone() };
        let same = first.to_canonical().is_ok_and(|bytes| leaf_hash(&bytes) == *leaf);
        findings.require(same, "shipped.other_leaf", || {
            format!("it is not what stands at {} in the sidecar's log", from.index)
        });
    }
}

/// The agent that did it.
fn agent_of(event: &Event) -> Option<&AgentId> {
    if let Event::Decided(decided) = event {
        return Some(&decided.agent);
    }
    if let Event::Reported(reported) = event { Some(&reported.agent) } else { None }
}

impl Auditor {
    pub(super) fn shipped(&mut self, shipped: Shipped, findings: &mut Findings) {
        self.check_checkpoint(&shipped, findings);
        self.fleet.shipped(shipped, findings);
    }

    /// Whether the sidecar's log signed just this: its size and its root, by a key that was certified for it.
    fn check_checkpoint(&self, shipped: &Shipped, findings: &mut Findings) {
        let checkpoint = SignedCheckpoint::parse(shipped.checkpoint.as_bytes());
        let (Ok(signed), Ok(name)) = (checkpoint, KeyName::new(shipped.origin.as_str())) else {
            findings.finding("shipped.checkpoint", "what was handed over has no checkpoint that can be read");
            return;
        };
        let root = Frontier::from_roots(shipped.size, shipped.frontier.clone()).map(|tree| tree.root());
        let says = signed.checkpoint();
        let same = says.origin == name && says.size == shipped.size && Some(says.root) == root;
        findings.require(same, "shipped.checkpoint", || {
            "the checkpoint is of another log, or of another state of it".to_owned()
        });
        match self.keys.log_key(shipped.kid, &shipped.origin) {
            // Without a root nothing says whose key it is.
            None => {}
            Some(Err(words)) => findings.finding("shipped.checkpoint", words),
            Some(Ok(key)) => {
                let key = VerifierKey::new(name, SignatureKind::Ed25519, key);
                findings.require(signed.check([&key]).is_ok(), "shipped.checkpoint", || {
                    "the checkpoint is not signed by the key of the log".to_owned()
                });
            }
        }
    }
}
