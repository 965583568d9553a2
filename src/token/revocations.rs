//! A snapshot of what was revoked before it expired: tokens, decisions, agents, keys (TOKEN §7, step 19).

use super::FormError;
use super::bundle::TrustBundle;
use super::claims::Claims;
use super::compact::{Kind, SigningInput};
use super::key::PublicKey;
use super::members::Members;
use super::statement::{COMMON_NAMES, Common, MAX_STATEMENT, Ratchet, StatementError, open};
use super::trust::Anchor;
use crate::digest::KeyId;
use crate::moment::Moment;
use crate::operation::json::Value;
use crate::party::{AgentId, TokenId, TrustDomain, TxnId};
use core::fmt;
use core::time::Duration;
use std::collections::BTreeSet;

/// What a snapshot of revocations says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationContents {
    /// `iss`: the trust domain.
    pub domain: TrustDomain,
    /// `seq`: never falls.
    pub sequence: u64,
    /// `iat`
    pub issued_at: Moment,
    /// `exp`: at most seven days after `iat`.
    pub expires_at: Moment,
    /// `jti`: tokens.
    pub tokens: BTreeSet<TokenId>,
    /// `txn`: decisions, and so all tokens minted for them.
    pub decisions: BTreeSet<TxnId>,
    /// `sub`: agents.
    pub agents: BTreeSet<AgentId>,
    /// `kid`: keys, anywhere in the chain of the key that signed a token.
    pub keys: BTreeSet<KeyId>,
    /// `not_before`: all tokens issued before this moment.
    pub not_before: Option<Moment>,
}

/// Which part of a token is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// The token itself.
    Token,
    /// The decision that it was minted for.
    Decision,
    /// The agent.
    Agent,
    /// A key of the chain that signed it.
    Key,
    /// Everything issued before some moment.
    IssuedBefore,
}

impl fmt::Display for Revoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token => "the token is revoked",
            Self::Decision => "the decision behind the token is revoked",
            Self::Agent => "the agent's authority is revoked",
            Self::Key => "a key that the token was signed under is revoked",
            Self::IssuedBefore => "all tokens issued before a later moment are revoked",
        })
    }
}

impl RevocationContents {
    /// The bytes that a root or an issuer is to sign.
    ///
    /// # Errors
    /// [`StatementError`] for a life that would be refused, or more entries than fit.
    pub fn signing_input(&self, signer: &PublicKey) -> Result<SigningInput, StatementError> {
        let common = Common {
            domain: self.domain.clone(),
            sequence: self.sequence,
            issued_at: self.issued_at,
            expires_at: self.expires_at,
        };
        if !common.has_sound_life() {
            return Err(StatementError::Life);
        }
        fn list<T: ToString>(items: &BTreeSet<T>) -> Vec<Value> {
            items.iter().map(|item| Value::from(item.to_string())).collect()
        }
        let mut claims = common
            .to_object()
            .with("jti", list(&self.tokens))
            .with("kid", list(&self.keys))
            .with("sub", list(&self.agents))
            .with("txn", list(&self.decisions));
        if let Some(moment) = self.not_before {
            claims.set("not_before", moment.unix_seconds());
        }
        let input = SigningInput::new(Kind::Revocations, signer, &Value::from(claims).to_canonical());
        if input.signed_len() > MAX_STATEMENT {
            Err(StatementError::Form(FormError::Size))
        } else {
            Ok(input)
        }
    }
}

/// A snapshot of revocations whose signature and age were checked.
#[derive(Clone, Debug)]
pub struct Revocations {
    contents: RevocationContents,
    root: KeyId,
}

impl Revocations {
    /// Reads a snapshot that was signed by a pinned root, by an issuer whose certificate is presented with it, or by
    /// an issuer that the trust bundle lists.
    ///
    /// `ratchet` is what this executor has seen before; it is the caller's to advance and store, as for a bundle.
    ///
    /// # Errors
    /// [`StatementError`]: anything wrong with it refuses it whole.
    pub fn read(
        text: &str,
        certificates: &[&str],
        anchor: &Anchor,
        bundle: Option<&TrustBundle>,
        ratchet: &Ratchet,
        now: Moment,
    ) -> Result<Self, StatementError> {
        let issuers = bundle.map_or(&[][..], TrustBundle::issuers);
        let opened = open(text, Kind::Revocations, certificates, anchor, issuers, now)?;
        if bundle.is_some_and(|bundle| opened.signer.ids().any(|id| bundle.revokes(&id))) {
            return Err(StatementError::Signer);
        }
        let names: Vec<&str> =
            COMMON_NAMES.into_iter().chain(["jti", "kid", "not_before", "sub", "txn"]).collect();
        let members = Members::of(&opened.value, &names).map_err(StatementError::Claims)?;
        let common = Common::read(&members).map_err(StatementError::Claims)?;
        common.check(anchor, &opened.signer.root, ratchet, now)?;
        let contents = Self::read_lists(&members, common).map_err(StatementError::Claims)?;
        Ok(Self { contents, root: opened.signer.root })
    }

    fn read_lists(members: &Members<'_>, common: Common) -> Result<RevocationContents, super::ClaimFault> {
        Ok(RevocationContents {
            tokens: members.list("jti", TokenId::parse)?.into_iter().collect(),
            decisions: members.list("txn", TxnId::parse)?.into_iter().collect(),
            agents: members.list("sub", |name| AgentId::new(name).ok())?.into_iter().collect(),
            keys: members.list("kid", KeyId::parse)?.into_iter().collect(),
            not_before: members.optional("not_before", |_| members.second("not_before"))?,
            domain: common.domain,
            sequence: common.sequence,
            issued_at: common.issued_at,
            expires_at: common.expires_at,
        })
    }

    /// What it says.
    #[must_use]
    pub const fn contents(&self) -> &RevocationContents {
        &self.contents
    }

    /// The root that it was signed under.
    #[must_use]
    pub const fn root(&self) -> KeyId {
        self.root
    }

    /// Its number, which never falls.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.contents.sequence
    }

    /// Whether it can be used at this moment by whoever accepts snapshots of at most this age.
    #[must_use]
    pub fn is_fresh(&self, now: Moment, max_age: Duration) -> bool {
        now < self.contents.expires_at && now.since(self.contents.issued_at) <= max_age
    }

    /// What revokes a token that was signed under these keys, if anything does. There is no grace.
    pub(super) fn revokes(&self, claims: &Claims, keys: impl Iterator<Item = KeyId>) -> Option<Revoked> {
        let contents = &self.contents;
        let mut keys = keys;
        if contents.tokens.contains(&claims.jti) {
            Some(Revoked::Token)
        } else if contents.decisions.contains(&claims.txn) {
            Some(Revoked::Decision)
        } else if contents.agents.contains(&claims.subject) {
            Some(Revoked::Agent)
        } else if keys.any(|id| contents.keys.contains(&id)) {
            Some(Revoked::Key)
        } else if contents.not_before.is_some_and(|moment| claims.times.issued_at < moment) {
            Some(Revoked::IssuedBefore)
        } else {
            None
        }
    }
}
