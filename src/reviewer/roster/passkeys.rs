//! Passkeys in the roster file: the relying party of them all, and each person's own.

use super::Roster;
use crate::party::PersonId;
use crate::policy::parse::Node;
use crate::policy::read::{Fields, list, malformed, one_or_more, sentence, text};
use crate::policy::{Fault, Problem};
use crate::presence::passkey::{
    CredentialId, CredentialKey, MAX_ORIGINS, Passkey, PasskeyError, RelyingParty,
};

const RELYING_PARTY: &[&str] = &["rp_id", "origins"];
const PASSKEY: &[&str] = &["id", "key", "name"];

/// `passkeys: {rp_id, origins}` at the top of the file.
pub(super) fn relying_party(node: &Node) -> Result<RelyingParty, Fault> {
    const ID: &str = "a domain: lowercase, without scheme and port";
    const ORIGIN: &str =
        "an origin of `rp_id` or below it, as browsers write it: `https://`, the host, no slash";
    let fields = Fields::of(node, RELYING_PARTY)?;
    let id_node = fields.required("rp_id")?;
    let id = text(id_node)?;
    // Each origin by itself first, so that the error stands at the one that is wrong.
    let origin = |node| {
        let origin = text(node)?;
        RelyingParty::new(id, &[origin]).map(|_| origin).map_err(|error| match error == PasskeyError::RpId {
            true => malformed(id_node, id, ID),
            false => malformed(node, origin, ORIGIN),
        })
    };
    let origins_node = fields.required("origins")?;
    let origins = one_or_more(origins_node, origin)?;
    RelyingParty::new(id, &origins).map_err(|_| Fault::new(origins_node.at, Problem::TooMany(MAX_ORIGINS)))
}

impl Roster {
    /// `passkeys:` of a person.
    pub(super) fn passkeys(&mut self, node: &Node, id: &PersonId) -> Result<Vec<Passkey>, Fault> {
        if self.directory.relying_party.is_none() {
            return Err(Fault::new(node.at, Problem::NeedsBeside("passkeys", "passkeys: {rp_id, origins}")));
        }
        list(node)?.iter().map(|node| self.passkey(node, id)).collect()
    }

    fn passkey(&mut self, node: &Node, owner: &PersonId) -> Result<Passkey, Fault> {
        const ID: &str = "a credential id: base64url of 16 to 1023 bytes, without padding";
        let fields = Fields::of(node, PASSKEY)?;
        let id_node = fields.required("id")?;
        let id = text(id_node)?;
        let id = CredentialId::parse(id).map_err(|_| malformed(id_node, id, ID))?;
        if let Some(other) = self.credentials.insert(id.clone(), owner.clone()) {
            return Err(Fault::new(id_node.at, Problem::Shared("passkey", other.to_string())));
        }
        let key_node = fields.required("key")?;
        let key = CredentialKey::parse(text(key_node)?)
            .map_err(|error| Fault::new(key_node.at, Problem::Key(error.to_string())))?;
        self.own(key_node, key.point_bytes(), owner)?;
        Ok(Passkey { id, key, name: fields.read("name", sentence)?.map(Into::into) })
    }
}
