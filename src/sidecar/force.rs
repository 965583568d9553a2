//! What is in force: the policy and the roster, one value that is swapped whole.

use crate::desk::Roster;
use crate::digest::RosterDigest;
use crate::moment::Moment;
use crate::policy::Policy;
use crate::reviewer::Directory;
use arc_swap::ArcSwap;
use std::sync::Arc;

/// The policy and the roster in force. Whoever decides loads this once, so that no decision is made under a mixture.
#[derive(Clone, Debug)]
pub struct InForce {
    /// The policy.
    pub policy: Arc<Policy>,
    /// The people who may be asked.
    pub directory: Arc<Directory>,
    /// The digest of the roster that they were read from.
    pub roster: RosterDigest,
    /// Since when.
    pub since: Moment,
}

impl Roster for ArcSwap<InForce> {
    fn directory(&self) -> Arc<Directory> {
        self.load().directory.clone()
    }
}
