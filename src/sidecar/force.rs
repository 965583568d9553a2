//! What is in force: the policy and the roster with what people set up themselves, one value that is swapped whole.

use crate::desk::Roster;
use crate::digest::RosterDigest;
use crate::moment::Moment;
use crate::policy::Policy;
use crate::reviewer::Directory;
use crate::reviewer::profile::Profiles;
use arc_swap::ArcSwap;
use std::sync::Arc;

/// The policy and the roster in force. Whoever decides loads this once, so that no decision is made under a mixture.
#[derive(Clone, Debug)]
pub struct InForce {
    /// The policy.
    pub policy: Arc<Policy>,
    /// The people who may be asked, with the passkeys that they enrolled.
    pub directory: Arc<Directory>,
    /// The digest of the roster that they were read from.
    pub roster: RosterDigest,
    /// Since when.
    pub since: Moment,
    /// What people set up themselves.
    pub profiles: Arc<Profiles>,
    /// The people as the roster has them, without what they enrolled.
    pub listed: Arc<Directory>,
}

impl InForce {
    /// This policy and these people of the roster of this digest, with what they set up themselves.
    #[must_use]
    pub fn new(
        policy: Arc<Policy>,
        listed: Arc<Directory>,
        roster: RosterDigest,
        since: Moment,
        profiles: Arc<Profiles>,
    ) -> Self {
        let directory = Arc::new(Directory::clone(&listed).with(&profiles));
        Self { policy, directory, roster, since, profiles, listed }
    }

    /// … with other profiles.
    #[must_use]
    pub fn with(&self, profiles: Arc<Profiles>) -> Self {
        let Self { policy, directory: _, roster, since, profiles: _, listed } = self.clone();
        Self::new(policy, listed, roster, since, profiles)
    }
}

impl Roster for ArcSwap<InForce> {
    fn directory(&self) -> Arc<Directory> {
        self.load().directory.clone()
    }
}
