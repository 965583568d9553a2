//! Shipping: a sidecar hands over the leaves of its own log, in order, and what concerns people is adopted from them.
//!
//! What is on record of a log is its hashes and the right edge of its tree; each batch has to continue them under a
//! checkpoint that the log's own key signed. So a batch is taken once, however often it is sent, and a log that was put
//! back or copied is found out by its own signature.

use super::{Fleet, FleetError, Member};
use crate::audit::event::{Diverged, Divergence, Event, Record, Shipped};
use crate::clock::Reading;
use crate::digest::ValueDigest;
use crate::party::LogOrigin;
use crate::store::{Change, Index, StoreError};
use crate::tlog::{
    Checkpoint, CosignatureTime, Frontier, Hash, KeyName, SignatureKind, SignedCheckpoint, VerifierKey,
    cosignature_line, cosigned_message, leaf_hash,
};
use crate::token::{KeyUse, PublicKey};

/// The most leaves of one batch.
pub const MAX_LEAVES: usize = 256;
/// The most values beside one batch.
const MAX_VALUES: usize = 1024;
/// How often a batch is judged anew because another was faster.
const ATTEMPTS: usize = 8;
/// How many batches are gone back to compare what is sent again.
const MOST_BACK: usize = 256;
/// How many records before an enrolment its certificates stand at most.
const NEAR: Index = 4;

/// A value that stands apart from a leaf, with its salt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// What the leaf names it by.
    pub digest: ValueDigest,
    /// Salt and value.
    pub bytes: Vec<u8>,
}

/// A batch of leaves.
#[derive(Clone, Debug, Default)]
pub struct ToHandOver {
    /// The place of the first; where there are none, how many there are by the sidecar's own account.
    pub first: u64,
    /// The leaves, as they were hashed.
    pub leaves: Vec<Vec<u8>>,
    /// The values that stand apart from them because they are long.
    pub values: Vec<Value>,
    /// The signed checkpoint over all leaves up to the last of these; empty to ask how many are here.
    pub checkpoint: String,
}

/// What came of handing over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandedOver {
    /// How many leaves of the log are here.
    pub size: u64,
    /// The desk's cosignature of the checkpoint, where that is the latest.
    pub cosignature: String,
}

impl Fleet {
    /// Takes leaves over, once.
    ///
    /// # Errors
    /// [`FleetError`]; then nothing is taken.
    pub async fn ship(&self, member: &Member, batch: ToHandOver) -> Result<HandedOver, FleetError> {
        if batch.leaves.len() > MAX_LEAVES || batch.values.len() > MAX_VALUES {
            return Err(FleetError::Malformed("there are more leaves or values than one batch has"));
        }
        if batch.leaves.is_empty() && batch.checkpoint.is_empty() {
            return self.asked(member, batch.first).await;
        }
        let _one_of_few = self.shipping.acquire().await.map_err(|_| FleetError::Full)?;
        let signed = self.signed(member, &batch.checkpoint)?;
        let size = signed.checkpoint().size;
        self.note(&member.sidecar, |seen| seen.leaves = seen.leaves.max(Some(size)));
        for _ in 0..ATTEMPTS {
            let place = self.store.shipped(&member.origin)?;
            match self.ship_once(member, &batch, &signed).await {
                Err(FleetError::Store(StoreError::Overtaken(_))) => {}
                // Where another was faster with the same, what it recorded stands in its own way.
                Err(FleetError::NotAdopted { .. }) if self.store.shipped(&member.origin)? != place => {}
                Err(error @ FleetError::NotAdopted { .. }) => return Err(told(member, error)),
                other => return other,
            }
        }
        Err(StoreError::Overtaken(member.origin.clone()).into())
    }

    /// How many leaves are here. A sidecar with fewer was put back to an earlier state.
    async fn asked(&self, member: &Member, has: u64) -> Result<HandedOver, FleetError> {
        let size = self.known(&member.origin)?.map_or(0, |(_, shipped)| shipped.size);
        self.note(&member.sidecar, |seen| {
            seen.leaves = Some(has);
            seen.behind = Some(has.saturating_sub(size));
        });
        if has < size {
            self.diverged(member, Divergence::RolledBack, size, String::new()).await?;
        }
        Ok(HandedOver { size, cosignature: String::new() })
    }

    async fn ship_once(
        &self,
        member: &Member,
        batch: &ToHandOver,
        signed: &SignedCheckpoint,
    ) -> Result<HandedOver, FleetError> {
        let known = self.known(&member.origin)?;
        let (place, size) = known.as_ref().map_or((None, 0), |(place, shipped)| (Some(*place), shipped.size));
        if batch.first > size {
            return Err(FleetError::Gap(size));
        }
        let hashes: Vec<Hash> = batch.leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
        let here = usize::try_from(size.saturating_sub(batch.first)).unwrap_or(usize::MAX).min(hashes.len());
        let (again, new) = hashes.split_at(here);
        let mut tree = match &known {
            Some((_, shipped)) => tree_of(shipped)?,
            None => Frontier::default(),
        };
        if let Err(why) = self.repeats(known.as_ref(), batch.first, again, signed.checkpoint()) {
            return self.apart(member, Divergence::Forked, size, batch, why).await;
        }
        if new.is_empty() && signed.checkpoint().size < size {
            // An earlier one, of the same log: it is late, and changes nothing.
            return Ok(HandedOver { size, cosignature: String::new() });
        }
        new.iter().for_each(|leaf| tree.push(*leaf));
        let Checkpoint { size: says, root, .. } = signed.checkpoint();
        if (tree.size(), tree.root()) != (*says, *root) {
            let why = format!(
                "the checkpoint says that there are {says} leaves, and what is here with these are {} of another root, or of another number",
                tree.size()
            );
            // A checkpoint over more than these leaves is no other history, only too early.
            return match *says > tree.size() {
                true => Err(FleetError::Malformed("the checkpoint is not over the last of these leaves")),
                false => self.apart(member, Divergence::Forked, size, batch, why).await,
            };
        }
        if !new.is_empty() {
            let leaves = batch.leaves.get(here..).unwrap_or_default();
            let adopted = self.adopted(member, size, leaves, &batch.values)?;
            let shipped = Shipped {
                sidecar: member.sidecar.clone(),
                origin: member.origin.clone(),
                kid: member.enrolled.log,
                first: size,
                leaves: new.to_vec(),
                size: tree.size(),
                frontier: tree.roots().to_vec(),
                checkpoint: batch.checkpoint.clone(),
                before: place,
            };
            let now = self.clock.now();
            let first = Record::new(now, Event::Shipped(Box::new(shipped)));
            let adopted = adopted.into_iter().map(|record| Record { at: now, ..record });
            let change =
                Change { records: core::iter::once(first).chain(adopted).collect(), ..Change::default() };
            match self.store.commit(change.following(member.origin.clone(), place)).await {
                Ok(_) => {}
                Err(StoreError::Answered(index)) => {
                    let why = format!("what is in it is recorded already, in record {index}");
                    return Err(FleetError::NotAdopted { index: size, why });
                }
                Err(error) => return Err(error.into()),
            }
        }
        let size = tree.size();
        self.note(&member.sidecar, |seen| {
            seen.behind = seen.leaves.map(|leaves| leaves.saturating_sub(size));
        });
        Ok(HandedOver { size, cosignature: self.cosign(signed) })
    }

    /// What was handed over of a log last, and where that is recorded.
    pub(super) fn known(&self, origin: &LogOrigin) -> Result<Option<(Index, Box<Shipped>)>, FleetError> {
        let Some(index) = self.store.shipped(origin)? else { return Ok(None) };
        Ok(self.shipped_at(index, origin)?.map(|shipped| (index, shipped)))
    }

    fn shipped_at(&self, index: Index, origin: &LogOrigin) -> Result<Option<Box<Shipped>>, FleetError> {
        let Event::Shipped(shipped) = self.store.record(index)?.event else { return Ok(None) };
        // Logs are looked up by a part of their hashes.
        Ok((shipped.origin == *origin).then_some(shipped))
    }

    /// The checkpoint, if the log's own key signed it.
    fn signed(&self, member: &Member, checkpoint: &str) -> Result<SignedCheckpoint, FleetError> {
        let signed = SignedCheckpoint::parse(checkpoint.as_bytes());
        let signed = signed.map_err(|_| FleetError::Malformed("the checkpoint cannot be read"))?;
        let name = KeyName::new(member.origin.as_str());
        let name = name.map_err(|_| FleetError::Malformed("the log has no name that can sign"))?;
        let key = VerifierKey::new(name, SignatureKind::Ed25519, self.log_key(member)?);
        match signed.check([&key]) {
            Ok(_) => Ok(signed),
            Err(_) => Err(FleetError::Malformed("the checkpoint is not signed by this sidecar's log")),
        }
    }

    /// The key of a sidecar's log, as it was certified when it enrolled.
    fn log_key(&self, member: &Member) -> Result<PublicKey, FleetError> {
        for index in (member.index.saturating_sub(NEAR)..member.index).rev() {
            let Event::KeyCertified { kid, certificate } = self.store.record(index)?.event else { continue };
            if kid != member.enrolled.log {
                continue;
            }
            let chain: Vec<&str> = certificate.split('\n').collect();
            let certified = self.keys.anchor().certified(&chain);
            let is_its = |key: &crate::token::CertifiedKey| {
                key.usage == KeyUse::Log && key.scope.is_for(member.origin.as_str()) && key.key.id() == kid
            };
            if let Some(certified) = certified.ok().filter(is_its) {
                return Ok(certified.key);
            }
        }
        Err(FleetError::Stranger(format!("the log of `{}` has no certified key", member.sidecar)))
    }

    /// Whether what is sent again is what was sent before, and a checkpoint over less than is here is one of that log.
    fn repeats(
        &self,
        known: Option<&(Index, Box<Shipped>)>,
        first: u64,
        again: &[Hash],
        checkpoint: &Checkpoint,
    ) -> Result<(), String> {
        let Some((_, latest)) = known else { return Ok(()) };
        let covered = checkpoint.size < latest.size;
        let mut shipped = Some(latest.clone());
        for _ in 0..MOST_BACK {
            let Some(one) = shipped else { return Ok(()) };
            for (place, leaf) in (one.first..).zip(&one.leaves) {
                let sent = place.checked_sub(first).and_then(|place| usize::try_from(place).ok());
                if sent.and_then(|sent| again.get(sent)).is_some_and(|sent| sent != leaf) {
                    return Err(format!("leaf {place} is another one than was handed over before"));
                }
            }
            if covered && (one.first..one.size).contains(&checkpoint.size) {
                let before =
                    one.before.and_then(|before| self.shipped_at(before, &one.origin).ok().flatten());
                let tree = before.map_or_else(|| Ok(Frontier::default()), |before| tree_of(&before));
                let mut tree = tree.map_err(|error| error.to_string())?;
                let more = usize::try_from(checkpoint.size - one.first).unwrap_or(usize::MAX);
                one.leaves.iter().take(more).for_each(|leaf| tree.push(*leaf));
                if tree.size() == checkpoint.size && tree.root() != checkpoint.root {
                    return Err(format!(
                        "its first {} leaves are others than were handed over",
                        checkpoint.size
                    ));
                }
            }
            if one.first <= first && one.first <= checkpoint.size {
                return Ok(());
            }
            shipped = one.before.and_then(|before| self.shipped_at(before, &one.origin).ok().flatten());
        }
        // That is long ago; what is new is judged all the same.
        Ok(())
    }

    async fn apart(
        &self,
        member: &Member,
        how: Divergence,
        size: u64,
        batch: &ToHandOver,
        why: String,
    ) -> Result<HandedOver, FleetError> {
        self.diverged(member, how, size, batch.checkpoint.clone()).await?;
        Err(FleetError::Diverged(why))
    }

    /// Tells, once, that a log came apart.
    async fn diverged(
        &self,
        member: &Member,
        how: Divergence,
        size: u64,
        checkpoint: String,
    ) -> Result<(), FleetError> {
        let (sidecar, origin) = (member.sidecar.clone(), member.origin.clone());
        let diverged = Diverged { sidecar, origin, how, size, checkpoint };
        let before = self.seen().get(&member.sidecar).and_then(|seen| seen.diverged.clone());
        let known = before.is_some_and(|before| (before.how, before.size) == (diverged.how, diverged.size));
        if known {
            return Ok(());
        }
        tracing::error!(
            sidecar = %member.sidecar, agent = %member.role.agent, size, %how,
            "the log of a sidecar does not continue what it had handed over: its data was put back or copied"
        );
        self.note(&member.sidecar, |seen| seen.diverged = Some(diverged.clone()));
        let event = Event::Diverged(Box::new(diverged));
        self.store.commit(Change::of(self.clock.now(), [event])).await?;
        Ok(())
    }

    /// The desk's cosignature of a checkpoint that continues all it has seen of that log; empty where it can't sign now.
    fn cosign(&self, signed: &SignedCheckpoint) -> String {
        let Some((key, authority)) = self.cosigner_key() else { return String::new() };
        let Reading::Sure(now) = self.clock.read() else { return String::new() };
        let Some(at) = CosignatureTime::new(now) else { return String::new() };
        match authority.signer().sign(&cosigned_message(signed.note().text(), at)) {
            Ok(signature) => cosignature_line(&key, at, &signature).to_string(),
            Err(error) => {
                tracing::error!(%error, "a sidecar's checkpoint could not be cosigned");
                String::new()
            }
        }
    }

    fn cosigner_key(&self) -> Option<(VerifierKey, std::sync::Arc<crate::signer::Authority>)> {
        let authority = self.keys.log()?;
        let name = KeyName::new(self.settings.origin.as_str()).ok()?;
        let key = authority.certified().key.clone();
        Some((VerifierKey::new(name, SignatureKind::Cosignature, key), authority))
    }

    /// The key of the desk's cosignatures, as verifiers take it; nothing where it does not cosign.
    #[must_use]
    pub fn cosigner(&self) -> Option<VerifierKey> {
        self.cosigner_key().map(|(key, _)| key)
    }
}

/// Says loudly that a sidecar hands over what it may not.
fn told(member: &Member, error: FleetError) -> FleetError {
    tracing::error!(
        sidecar = %member.sidecar, agent = %member.role.agent, %error,
        "a sidecar hands over what it may not: nothing more of its log is taken"
    );
    error
}

fn tree_of(shipped: &Shipped) -> Result<Frontier, FleetError> {
    let tree = Frontier::from_roots(shipped.size, shipped.frontier.clone());
    tree.ok_or_else(|| StoreError::Damaged(format!("the tree of `{}` makes no sense", shipped.origin)).into())
}
