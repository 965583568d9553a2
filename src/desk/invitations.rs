//! Invitations: one-time links with which somebody of the roster enrols their first passkey.
//!
//! An invitation is kept nowhere. It is sealed (HMAC-SHA256) under a key in the data folder, so that it outlives a
//! restart, and names its person, its end, and the revision of what they had set up: using it makes another revision, so
//! that it is good once, and every change that the person makes kills those that are still under way.

use crate::clock::Clock;
use crate::digest::{base64url, from_base64url};
use crate::entropy::{Entropy, NoEntropy};
use crate::files::{refuse_exposed, write_private};
use crate::moment::Moment;
use crate::party::{PersonId, TrustDomain};
use core::fmt;
use core::time::Duration;
use ring::hmac;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// How long an invitation is good.
pub const INVITATION_LIFE: Duration = Duration::from_secs(24 * 3600);

/// The name of the key's file in the data folder.
pub const KEY_FILE: &str = "invitations.key";

const TITLE: &str = "countersign/invitation/v1";
/// The longest invitation in bytes.
const MAX_TEXT: usize = 2048;

/// An invitation that this desk made and that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Who is invited.
    pub person: PersonId,
    /// Who invited them.
    pub by: String,
    /// The revision of what they had set up then.
    pub revision: u64,
    /// From this moment on it is worth nothing.
    pub until: Moment,
}

/// Why an invitation is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvitationRefused {
    /// This desk did not make it.
    Foreign,
    /// Its time is over.
    Over,
}

impl fmt::Display for InvitationRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "this is no invitation of this service; perhaps the link was cut",
            Self::Over => "the invitation has expired; ask for a new one",
        })
    }
}

impl std::error::Error for InvitationRefused {}

/// Makes invitations, and knows its own.
pub struct Invitations {
    domain: TrustDomain,
    clock: Arc<dyn Clock>,
    seal: hmac::Key,
}

impl Invitations {
    /// With the key in this folder; a new one where there is none.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn open(
        folder: &Path,
        domain: TrustDomain,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> io::Result<Self> {
        let file = folder.join(KEY_FILE);
        let key = match std::fs::read_to_string(&file) {
            Ok(text) => {
                refuse_exposed(&file)?;
                let key = from_base64url(text.trim_end()).and_then(|key| <[u8; 32]>::try_from(key).ok());
                key.ok_or_else(|| {
                    let what =
                        format!("`{}` is no key; remove it, and invitations under way end", file.display());
                    io::Error::new(io::ErrorKind::InvalidData, what)
                })?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut key = [0; 32];
                entropy.fill(&mut key).map_err(|NoEntropy| io::Error::other(NoEntropy.to_string()))?;
                write_private(&file, format!("{}\n", base64url(&key)).as_bytes())?;
                key
            }
            Err(error) => return Err(error),
        };
        Ok(Self { domain, clock, seal: hmac::Key::new(hmac::HMAC_SHA256, &key) })
    }

    /// … which each replica that has this key takes.
    #[must_use]
    pub fn sealed_with(mut self, key: &[u8; 32]) -> Self {
        self.seal = hmac::Key::new(hmac::HMAC_SHA256, key);
        self
    }

    /// Invites somebody whose profile has this revision. `by` is what the record calls whoever invites.
    #[must_use]
    pub fn invite(&self, person: PersonId, by: &str, revision: u64) -> (String, Invitation) {
        let until = self.clock.now().plus(INVITATION_LIFE);
        let by = by.chars().filter(|c| !c.is_control()).take(256).collect();
        let invitation = Invitation { person, by, revision, until };
        let text = self.text(&invitation);
        let seal = hmac::sign(&self.seal, text.as_bytes());
        (base64url(&[seal.as_ref(), text.as_bytes()].concat()), invitation)
    }

    fn text(&self, invitation: &Invitation) -> String {
        let Invitation { person, by, revision, until } = invitation;
        let domain = &self.domain;
        format!("{TITLE}\ndomain {domain}\nperson {person}\nby {by}\nrevision {revision}\nuntil {until}\n")
    }

    /// Reads an invitation. Whether it was used already the profile of its person says.
    ///
    /// # Errors
    /// [`InvitationRefused`].
    pub fn read(&self, written: &str) -> Result<Invitation, InvitationRefused> {
        let invitation = self.sealed(written).ok_or(InvitationRefused::Foreign)?;
        if self.clock.now() < invitation.until { Ok(invitation) } else { Err(InvitationRefused::Over) }
    }

    fn sealed(&self, written: &str) -> Option<Invitation> {
        let bytes = from_base64url(written).filter(|bytes| bytes.len() <= MAX_TEXT)?;
        let (seal, text) = bytes.split_first_chunk::<32>()?;
        hmac::verify(&self.seal, text, seal).ok()?;
        let text = core::str::from_utf8(text).ok()?;
        let mut lines = text.lines();
        let mut after = |name: &str| lines.next()?.strip_prefix(name);
        after(TITLE)?;
        after("domain ")?;
        let invitation = Invitation {
            person: PersonId::new(after("person ")?).ok()?,
            by: after("by ")?.to_owned(),
            revision: after("revision ")?.parse().ok()?,
            until: Moment::from_rfc3339(after("until ")?)?,
        };
        (self.text(&invitation) == text).then_some(invitation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::entropy::SystemEntropy;
    use std::os::unix::fs::PermissionsExt as _;

    fn open(folder: &Path, domain: &str, clock: &Arc<ManualClock>) -> io::Result<Invitations> {
        let domain = TrustDomain::new(domain).unwrap();
        Invitations::open(folder, domain, clock.clone(), &SystemEntropy)
    }

    fn clock() -> Arc<ManualClock> {
        Arc::new(ManualClock::at(Moment::from_unix_seconds(1_800_000_000)))
    }

    #[test]
    fn an_invitation_outlives_a_restart_and_not_its_day() {
        let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
        let desk = open(folder.path(), "https://acme.example", &clock).unwrap();
        let (text, made) = desk.invite(PersonId::new("ada").unwrap(), "ops\nperson eve", 7);
        assert_eq!(made.by, "opsperson eve", "nobody writes a line of their own");
        let again = open(folder.path(), "https://acme.example", &clock).unwrap();
        assert_eq!(again.read(&text), Ok(made));
        clock.advance(INVITATION_LIFE);
        assert_eq!(again.read(&text), Err(InvitationRefused::Over));
    }

    #[test]
    fn what_this_desk_did_not_seal_is_no_invitation() {
        let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
        let desk = open(folder.path(), "https://acme.example", &clock).unwrap();
        let (text, _) = desk.invite(PersonId::new("ada").unwrap(), "ops", 0);
        let bytes = from_base64url(&text).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(desk.read(&base64url(&changed)), Err(InvitationRefused::Foreign), "byte {at}");
        }
        let (head, tail) = (text.get(1..).unwrap(), text.get(..text.len() - 1).unwrap());
        for wrong in ["", "x", head, tail, &format!("{text}A"), &"A".repeat(10_000)] {
            assert_eq!(desk.read(wrong), Err(InvitationRefused::Foreign), "{wrong}");
        }
        let other_folder = tempfile::tempdir().unwrap();
        let other = open(other_folder.path(), "https://acme.example", &clock).unwrap();
        assert_eq!(other.read(&text), Err(InvitationRefused::Foreign), "another desk's");
        let other = open(folder.path(), "https://other.example", &clock).unwrap();
        assert_eq!(other.read(&text), Err(InvitationRefused::Foreign), "another domain's");
    }

    #[test]
    fn the_key_is_for_its_owner_only() {
        let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
        open(folder.path(), "https://acme.example", &clock).unwrap();
        let file = folder.path().join(KEY_FILE);
        let mode = |file: &Path| std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file), 0o600);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let refused = open(folder.path(), "https://acme.example", &clock).err().unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        std::fs::remove_file(&file).unwrap();
        write_private(&file, b"short").unwrap();
        let refused = open(folder.path(), "https://acme.example", &clock).err().unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
    }
}
