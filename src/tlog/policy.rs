//! Whom to believe about a log: its keys, the witnesses that are known, and how many of which must have cosigned
//! (C2SP tlog-policy).

use super::checkpoint::{CheckpointError, SignedCheckpoint};
use super::cosignature::CosignatureTime;
use super::text::decimal;
use super::verifier_key::{SignatureKind, VerifierKey, VerifierKeyError};
use core::fmt;

/// The most bytes of a policy's text.
pub const MAX_POLICY: usize = 64 * 1024;
/// The most logs of a policy, and the most witnesses and groups together.
pub const MAX_POLICY_NAMES: usize = 128;

/// What is wrong in a line of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyFault {
    /// The text is longer than [`MAX_POLICY`].
    TooLong,
    /// The line has a control character other than a tab.
    Characters,
    /// The line begins with none of `log`, `witness`, `group` and `quorum`.
    Keyword,
    /// The line has too few or too many words.
    Words,
    /// The verifier key is none.
    Key(VerifierKeyError),
    /// A log's key is for cosignatures, or a witness's is not.
    Kind,
    /// The same public key stands in the policy already.
    SameKey,
    /// The name stands in the policy already, or is `none`.
    SameName,
    /// No line before this one defines the name.
    UnknownName,
    /// The name is a member of a group already.
    SecondMembership,
    /// The number of members that a group needs is not `any`, `all` or a number from 1 to that of its members.
    Threshold,
    /// There are more than [`MAX_POLICY_NAMES`].
    TooMany,
    /// There is a second line `quorum`.
    SecondQuorum,
    /// There is no line `quorum`; said of the last line.
    NoQuorum,
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "the policy is longer than {MAX_POLICY} bytes"),
            Self::Characters => f.write_str("there is a control character"),
            Self::Keyword => f.write_str("the line is none of `log`, `witness`, `group` and `quorum`"),
            Self::Words => f.write_str("the line has too few or too many words"),
            Self::Key(error) => error.fmt(f),
            Self::Kind => f.write_str("a log has an Ed25519 key (01), a witness one for cosignatures (04)"),
            Self::SameKey => f.write_str("the key stands in the policy already"),
            Self::SameName => f.write_str("the name stands in the policy already, or is `none`"),
            Self::UnknownName => f.write_str("no line before this one defines the name"),
            Self::SecondMembership => f.write_str("the name is a member of a group already"),
            Self::Threshold => f.write_str(
                "how many members a group needs is `any`, `all`, or a number from 1 to that of its members",
            ),
            Self::TooMany => write!(f, "the policy has more than {MAX_POLICY_NAMES} names"),
            Self::SecondQuorum => f.write_str("there is a second line `quorum`"),
            Self::NoQuorum => f.write_str("there is no line `quorum`"),
        }
    }
}

/// Why a text is no policy: what is wrong, and in which line, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// The line.
    pub line: usize,
    /// What is wrong.
    pub fault: PolicyFault,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.fault)
    }
}

impl std::error::Error for PolicyError {}

/// Why a checkpoint is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyRefusal {
    /// It is not soundly signed by a log that the policy knows.
    Checkpoint(CheckpointError),
    /// Fewer witnesses have cosigned it than the policy asks for.
    Quorum,
}

impl fmt::Display for PolicyRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint(error) => error.fmt(f),
            Self::Quorum => {
                f.write_str("fewer witnesses have cosigned the checkpoint than the log policy asks for")
            }
        }
    }
}

impl std::error::Error for PolicyRefusal {}

/// A checkpoint that a policy accepts: which of the log's keys signed it, and which witnesses, when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted<'p> {
    /// The log's key.
    pub log: &'p VerifierKey,
    /// The witnesses' keys, each once, with the times that they say.
    pub cosigned: Vec<(&'p VerifierKey, CosignatureTime)>,
}

/// Who is counted: a witness, or a group of such of which so many must have cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Party {
    Witness(Box<VerifierKey>),
    Group { needed: usize, members: Vec<usize> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    name: String,
    party: Party,
    in_group: bool,
}

/// A policy: checkpoints of any of its logs are believed if its quorum of witnesses has cosigned them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPolicy {
    logs: Vec<VerifierKey>,
    /// In the order of the lines: a group's members stand before it.
    named: Vec<Named>,
    /// Whose word is needed; none for `quorum none`.
    quorum: Option<usize>,
}

impl LogPolicy {
    /// Reads a policy's text.
    ///
    /// ```text
    /// log acme.example/sidecar+01234567+AQ…
    /// witness alpha alpha.example/w+89abcdef+BA…
    /// witness beta beta.example/w+0badcafe+BA…
    /// group both all alpha beta
    /// quorum both
    /// ```
    ///
    /// # Errors
    /// [`PolicyError`] for the first line that is not as the specification says. Beyond that, no public key may stand
    /// twice: a log is not its own witness.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let at = |line: usize| move |fault| PolicyError { line, fault };
        if text.len() > MAX_POLICY {
            return Err(at(1)(PolicyFault::TooLong));
        }
        let mut policy = Self { logs: Vec::new(), named: Vec::new(), quorum: None };
        let mut has_quorum = false;
        let mut last = 1;
        for (index, line) in text.split('\n').enumerate() {
            last = index + 1;
            let controls = line.bytes().any(|b| (b < b' ' && b != b'\t') || b == 0x7f);
            if controls {
                return Err(at(last)(PolicyFault::Characters));
            }
            let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
            let Some((keyword, words)) = words.split_first() else { continue };
            match *keyword {
                comment if comment.starts_with('#') => Ok(()),
                "log" => policy.add_log(words),
                "witness" => policy.add_witness(words),
                "group" => policy.add_group(words),
                "quorum" if has_quorum => Err(PolicyFault::SecondQuorum),
                "quorum" => {
                    has_quorum = true;
                    policy.set_quorum(words)
                }
                _ => Err(PolicyFault::Keyword),
            }
            .map_err(at(last))?;
        }
        if has_quorum { Ok(policy) } else { Err(at(last)(PolicyFault::NoQuorum)) }
    }

    /// The logs' keys.
    #[must_use]
    pub fn logs(&self) -> &[VerifierKey] {
        &self.logs
    }

    /// The witnesses' keys.
    pub fn witnesses(&self) -> impl Iterator<Item = &VerifierKey> {
        self.named.iter().filter_map(|named| match &named.party {
            Party::Witness(key) => Some(key.as_ref()),
            Party::Group { .. } => None,
        })
    }

    /// Judges a checkpoint.
    ///
    /// # Errors
    /// [`PolicyRefusal`] if it is not signed by a known log of its name, a known key's signature is bad, or too few
    /// witnesses have cosigned.
    pub fn check(&self, checkpoint: &SignedCheckpoint) -> Result<Accepted<'_>, PolicyRefusal> {
        let signed =
            checkpoint.check(self.logs.iter().chain(self.witnesses())).map_err(PolicyRefusal::Checkpoint)?;
        let log = signed.iter().find(|signed| checkpoint.is_of(signed.key)).map(|signed| signed.key);
        let log = log.ok_or(PolicyRefusal::Checkpoint(CheckpointError::OtherLog))?;
        let cosigned: Vec<_> =
            signed.iter().filter_map(|signed| signed.at.map(|at| (signed.key, at))).collect();
        if self.is_met(|key| cosigned.iter().any(|(cosigner, _)| *cosigner == key)) {
            Ok(Accepted { log, cosigned })
        } else {
            Err(PolicyRefusal::Quorum)
        }
    }

    fn is_met(&self, has_cosigned: impl Fn(&VerifierKey) -> bool) -> bool {
        let Some(quorum) = self.quorum else { return true };
        let mut met: Vec<bool> = Vec::with_capacity(self.named.len());
        for named in &self.named {
            met.push(match &named.party {
                Party::Witness(key) => has_cosigned(key),
                Party::Group { needed, members } => {
                    members.iter().filter(|member| met.get(**member) == Some(&true)).count() >= *needed
                }
            });
        }
        met.get(quorum) == Some(&true)
    }

    fn add_log(&mut self, words: &[&str]) -> Result<(), PolicyFault> {
        let ([key] | [key, _]) = words else { return Err(PolicyFault::Words) };
        let key = self.new_key(key, SignatureKind::Ed25519)?;
        if self.logs.len() == MAX_POLICY_NAMES {
            return Err(PolicyFault::TooMany);
        }
        self.logs.push(key);
        Ok(())
    }

    fn add_witness(&mut self, words: &[&str]) -> Result<(), PolicyFault> {
        let ([name, key] | [name, key, _]) = words else { return Err(PolicyFault::Words) };
        let key = self.new_key(key, SignatureKind::Cosignature)?;
        self.add(name, Party::Witness(Box::new(key)))
    }

    fn add_group(&mut self, words: &[&str]) -> Result<(), PolicyFault> {
        let [name, threshold, names @ ..] = words else { return Err(PolicyFault::Words) };
        if names.is_empty() {
            return Err(PolicyFault::Words);
        }
        let mut members = Vec::new();
        for member in names {
            let place = self.place(member)?;
            let named = self.named.get_mut(place).ok_or(PolicyFault::UnknownName)?;
            if core::mem::replace(&mut named.in_group, true) {
                return Err(PolicyFault::SecondMembership);
            }
            members.push(place);
        }
        let needed = match *threshold {
            "any" => 1,
            "all" => members.len(),
            number => decimal(number).and_then(|number| usize::try_from(number).ok()).unwrap_or(0),
        };
        if !(1..=members.len()).contains(&needed) {
            return Err(PolicyFault::Threshold);
        }
        self.add(name, Party::Group { needed, members })
    }

    fn set_quorum(&mut self, words: &[&str]) -> Result<(), PolicyFault> {
        let [name] = words else { return Err(PolicyFault::Words) };
        self.quorum = if *name == "none" { None } else { Some(self.place(name)?) };
        Ok(())
    }

    fn add(&mut self, name: &str, party: Party) -> Result<(), PolicyFault> {
        if name == "none" || self.place(name).is_ok() {
            return Err(PolicyFault::SameName);
        }
        if self.named.len() == MAX_POLICY_NAMES {
            return Err(PolicyFault::TooMany);
        }
        self.named.push(Named { name: name.to_owned(), party, in_group: false });
        Ok(())
    }

    fn place(&self, name: &str) -> Result<usize, PolicyFault> {
        self.named.iter().position(|named| named.name == name).ok_or(PolicyFault::UnknownName)
    }

    fn new_key(&self, text: &str, kind: SignatureKind) -> Result<VerifierKey, PolicyFault> {
        let key = VerifierKey::parse(text).map_err(PolicyFault::Key)?;
        if key.kind() != kind {
            return Err(PolicyFault::Kind);
        }
        let same = |other: &VerifierKey| other.key().as_bytes() == key.key().as_bytes();
        if self.logs.iter().any(same) || self.witnesses().any(same) {
            return Err(PolicyFault::SameKey);
        }
        Ok(key)
    }
}
