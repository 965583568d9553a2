//! Three reviewers with their keys, and the vote that they are asked for.

use countersign::condition::Condition;
use countersign::digest::{OperationDigest, PolicyDigest, RenderingDigest};
use countersign::escalation::vote::{Choice, Conditions, Keys, Nonce, Reason, SignedVote, Statement};
use countersign::moment::Moment;
use countersign::party::{EscalationId, PersonId};
use countersign::presence::ssh::{PrivateKey, PublicKey, VOTE_NAMESPACE};

/// When everything happens.
pub(crate) const NOON: Moment = Moment::from_unix_seconds(1_795_262_400);

pub(crate) fn person(name: &str) -> PersonId {
    PersonId::new(name).unwrap()
}

/// A person's key; everyone has one, made of their name.
pub(crate) fn key_of(name: &str) -> PrivateKey {
    let mut seed = [0; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    PrivateKey::from_seed(&seed, name)
}

/// Everyone's key is theirs.
pub(crate) struct Everyone;

impl Keys for Everyone {
    fn holds(&self, person: &PersonId, key: &PublicKey) -> bool {
        key_of(person.as_str()).public_key() == key
    }
}

pub(crate) fn condition(short: &str) -> Condition {
    Condition::parse_short(short).unwrap()
}

pub(crate) fn approve(conditions: &[&str]) -> Choice {
    let conditions: Vec<Condition> = conditions.iter().map(|short| condition(short)).collect();
    Choice::Approve(Conditions::new(&conditions).unwrap())
}

/// What `name` states, unless the test changes it.
pub(crate) fn statement(name: &str, choice: Choice) -> Statement {
    let mut nonce = [7; 16];
    nonce[0] = name.as_bytes()[0];
    Statement {
        escalation: EscalationId::from_random([1; 16]),
        operation: OperationDigest::from_bytes([2; 32]),
        shown: RenderingDigest::from_bytes([3; 32]),
        policy: PolicyDigest::from_bytes([4; 32]),
        choice,
        reason: Reason::new("looked at the plan").unwrap(),
        reviewer: person(name),
        time: NOON,
        nonce: Nonce::from_random(nonce),
    }
}

/// The statement, signed with the key of `name`.
pub(crate) fn signed_by(name: &str, statement: &Statement) -> SignedVote {
    let text = statement.to_text();
    let signature = key_of(name).sign(VOTE_NAMESPACE, text.as_bytes()).to_armored();
    SignedVote { statement: text, signature }
}
