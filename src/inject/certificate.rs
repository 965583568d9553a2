//! The webhook's own certificate: made, shared and renewed by the replicas themselves, where no cert-manager does it.
//!
//! A generation is an authority and one certificate of it; the authority's key is thrown away as soon as it has signed.
//! The API server is told of the next generation's authority first, beside the one in use; only when it has had time to
//! take that up do the replicas show the new certificate; the old authority stays a while longer. So at no time does a
//! replica show what an API server does not know, whichever of them is behind.

mod files;
mod keeper;

pub use files::{Files, NotTaken};
pub use keeper::{Keeper, Kept, Round};

use crate::moment::Moment;
use core::fmt;
use core::time::Duration;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use serde::{Deserialize, Serialize};

/// How long a certificate is valid.
pub const LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// When the next one is made: at half of its life.
pub const HALF_LIFE: Duration = Duration::from_secs(15 * 24 * 60 * 60);
/// How long an API server may take to take up an authority that it was told of.
pub const SETTLING: Duration = Duration::from_secs(5 * 60);
/// How long an authority is still told of after its certificate went out of use.
pub const OVERLAP: Duration = Duration::from_secs(60 * 60);
/// How far other machines' clocks may be behind ours.
const SKEW: Duration = Duration::from_secs(5 * 60);
/// The most generations that there ever are; the most bytes that they are read from.
const MOST: usize = 8;
const MOST_BYTES: usize = 256 << 10;

/// An authority and its one certificate.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    /// The authority, PEM.
    pub authority: String,
    /// The certificate, PEM.
    pub certificate: String,
    /// Its key, PEM.
    pub key: String,
    /// From when it is valid, in milliseconds since the Unix epoch.
    pub not_before: Moment,
    /// Until when.
    pub not_after: Moment,
    /// Since when the API server is told of the authority.
    pub announced: Option<Moment>,
}

/// Keys don't belong in logs.
impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Generation({} to {}, announced {:?})", self.not_before, self.not_after, self.announced)
    }
}

/// The generations that there are, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generations(Vec<Generation>);

/// A certificate can't be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotMade(String);

impl fmt::Display for NotMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a certificate can't be made: {}", self.0)
    }
}

impl std::error::Error for NotMade {}

impl Generation {
    /// Makes one for these names.
    ///
    /// # Errors
    /// [`NotMade`] where a name is none, or the machine has no randomness.
    pub fn make(names: &[String], now: Moment) -> Result<Self, NotMade> {
        let failed = |error: rcgen::Error| NotMade(error.to_string());
        let (not_before, not_after) = (now.minus(SKEW), now.plus(LIFE));
        let valid = |params: &mut CertificateParams, name: String| {
            let epoch = rcgen::date_time_ymd(1970, 1, 1);
            params.not_before = epoch + Duration::from_secs(not_before.unix_seconds());
            params.not_after = epoch + Duration::from_secs(not_after.unix_seconds());
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
        };
        let authority_key = KeyPair::generate().map_err(failed)?;
        let mut authority = CertificateParams::new(Vec::new()).map_err(failed)?;
        // Another name for each, so that nobody takes one authority for another.
        valid(&mut authority, format!("countersign webhook authority of {now}"));
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let signed_by_itself = authority.self_signed(&authority_key).map_err(failed)?;
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().map_err(failed)?;
        let mut leaf = CertificateParams::new(names.to_vec()).map_err(failed)?;
        valid(&mut leaf, names.first().cloned().unwrap_or_default());
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let certificate = leaf.signed_by(&key, &issuer).map_err(failed)?;
        Ok(Self {
            authority: signed_by_itself.pem(),
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            not_before,
            not_after,
            announced: None,
        })
    }

    fn is_over(&self, now: Moment) -> bool {
        self.not_after <= now
    }

    /// Whether every API server has had time to take up its authority.
    fn is_settled(&self, now: Moment) -> bool {
        self.announced.is_some_and(|announced| announced.plus(SETTLING) <= now)
    }
}

impl Generations {
    /// Reads what [`Self::to_bytes`] wrote; nothing if it is anything else.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let read: Self = serde_json::from_slice(bytes.get(..bytes.len().min(MOST_BYTES))?).ok()?;
        (read.0.len() <= MOST).then_some(read)
    }

    /// All of them, with their keys.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// All of them, oldest first.
    #[must_use]
    pub fn all(&self) -> &[Generation] {
        &self.0
    }

    /// The one whose certificate is shown now: the newest that every API server knows. Where none is known yet, the
    /// oldest that is valid: it was there first, so that all replicas show the same.
    #[must_use]
    pub fn in_use(&self, now: Moment) -> Option<&Generation> {
        let valid = || self.0.iter().filter(|one| !one.is_over(now));
        valid().rfind(|one| one.is_settled(now)).or_else(|| valid().next())
    }

    /// The authorities that the API server has to know now, PEM.
    #[must_use]
    pub fn bundle(&self, now: Moment) -> Vec<u8> {
        let valid = self.0.iter().filter(|one| !one.is_over(now));
        valid.flat_map(|one| one.authority.as_bytes()).copied().collect()
    }

    /// Whether it is time for another one.
    #[must_use]
    pub fn want_another(&self, now: Moment) -> bool {
        self.0.last().is_none_or(|last| last.not_before.plus(SKEW).plus(HALF_LIFE) <= now)
    }

    /// Another one is there.
    pub fn add(&mut self, generation: Generation) {
        self.0.push(generation);
    }

    /// Takes out what is of no use any more: what is over, and what has been out of use for long. Whether there was any.
    pub fn prune(&mut self, now: Moment) -> bool {
        let before = self.0.len();
        let superseded = self.0.iter().rposition(|one| {
            one.announced.is_some_and(|announced| announced.plus(SETTLING).plus(OVERLAP) <= now)
                && !one.is_over(now)
        });
        let mut at = 0;
        self.0.retain(|one| {
            let keep = !one.is_over(now) && superseded.is_none_or(|newest| at >= newest);
            at += 1;
            keep
        });
        self.0.len() != before
    }

    /// The API server was told of all of them. Whether that was news.
    pub fn announce(&mut self, now: Moment) -> bool {
        let mut news = false;
        for one in self.0.iter_mut().filter(|one| one.announced.is_none()) {
            one.announced = Some(now);
            news = true;
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_900_000_000;

    fn at(seconds: u64) -> Moment {
        Moment::from_unix_seconds(START + seconds)
    }

    fn generation(name: &str, made: u64, announced: Option<u64>) -> Generation {
        Generation {
            authority: format!("{name};"),
            certificate: String::new(),
            key: String::new(),
            not_before: at(made).minus(SKEW),
            not_after: at(made).plus(LIFE),
            announced: announced.map(at),
        }
    }

    const HALF: u64 = HALF_LIFE.as_secs();
    const SETTLED: u64 = SETTLING.as_secs();
    const OVER: u64 = LIFE.as_secs();

    fn shown(all: &Generations, now: u64) -> (String, String) {
        let in_use = all.in_use(at(now)).map(|one| one.authority.clone()).unwrap_or_default();
        (in_use, String::from_utf8(all.bundle(at(now))).unwrap())
    }

    #[test]
    fn a_new_certificate_is_shown_only_when_its_authority_is_known_and_the_old_one_stays_known() {
        let mut all = Generations::default();
        assert!(all.want_another(at(0)));
        assert_eq!(all.in_use(at(0)), None);
        all.add(generation("a", 0, None));
        // There is no other, and it is told of in the same breath.
        assert_eq!(shown(&all, 0), ("a;".into(), "a;".into()));
        assert!(all.announce(at(1)) && !all.announce(at(2)));
        assert!(!all.want_another(at(HALF - 1)) && all.want_another(at(HALF)));
        all.add(generation("b", HALF, None));
        for now in [HALF, HALF + 1000, HALF + 100_000] {
            assert_eq!(shown(&all, now), ("a;".into(), "a;b;".into()), "nobody was told of it yet");
        }
        all.announce(at(HALF + 10));
        assert_eq!(shown(&all, HALF + 10 + SETTLED - 1), ("a;".into(), "a;b;".into()));
        assert_eq!(shown(&all, HALF + 10 + SETTLED), ("b;".into(), "a;b;".into()));
        let gone = HALF + 10 + SETTLED + OVERLAP.as_secs();
        assert!(!all.prune(at(gone - 1)) && all.prune(at(gone)));
        assert_eq!(shown(&all, gone), ("b;".into(), "b;".into()));
    }

    #[test]
    fn what_is_over_is_neither_shown_nor_told_of() {
        let mut all = Generations(vec![generation("a", 0, Some(0))]);
        assert_eq!(shown(&all, OVER), (String::new(), String::new()));
        // The cluster slept for months: there is a new one at once.
        all.add(generation("b", OVER * 3, None));
        assert_eq!(shown(&all, OVER * 3), ("b;".into(), "b;".into()));
        assert!(all.prune(at(OVER * 3)));
        assert_eq!(all.all().len(), 1);
    }

    #[test]
    fn renewal_begins_long_before_two_thirds_of_a_life() {
        assert!(HALF_LIFE + SETTLING + OVERLAP < LIFE * 2 / 3);
    }

    #[test]
    fn what_was_written_is_read_and_anything_else_is_not() {
        let all = Generations(vec![generation("a", 0, Some(1)), generation("b", 2, None)]);
        assert_eq!(Generations::read(&all.to_bytes()), Some(all));
        for bytes in ["", "null", "{}", "[{}]", "[1]", "[", "[[]]"] {
            assert_eq!(Generations::read(bytes.as_bytes()), None, "{bytes}");
        }
        let many = Generations(vec![generation("a", 0, None); 9]);
        assert_eq!(Generations::read(&many.to_bytes()), None);
    }
}
