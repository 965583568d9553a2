//! The roster file: roles in their order, and people.

mod passkeys;

use super::{Directory, Person};
use crate::escalation::requirement::{RoleName, TeamName};
use crate::party::PersonId;
use crate::policy::parse::{self, Node};
use crate::policy::read::{self, Fields, list, malformed, sentence, text};
use crate::policy::{At, Fault, Problem};
use crate::presence::passkey::CredentialId;
use crate::presence::ssh::PublicKey;
use core::str::FromStr;
use std::collections::{BTreeMap, BTreeSet, HashMap};

const ROSTER: &[&str] = &["version", "roles", "passkeys", "people"];
const PERSON: &[&str] = &["id", "name", "roles", "teams", "keys", "passkeys", "accounts"];

pub(super) fn read(text: &str) -> Result<Directory, Fault> {
    let root = parse::parse(text)?;
    let fields = Fields::of(&root, ROSTER)?;
    read::version(&fields)?;
    let mut roster = Roster::default();
    roster.directory.roles = fields.read("roles", roles)?.unwrap_or_default();
    roster.directory.relying_party = fields.read("passkeys", passkeys::relying_party)?;
    let people = fields.required("people")?;
    for node in list(people)? {
        roster.add(node)?;
    }
    Ok(roster.directory)
}

fn roles(node: &Node) -> Result<Vec<RoleName>, Fault> {
    let mut seen: BTreeMap<RoleName, At> = BTreeMap::new();
    let mut roles = Vec::new();
    for node in list(node)? {
        let role: RoleName = name(node)?;
        if let Some(first) = seen.insert(role.clone(), node.at) {
            return Err(Fault::new(node.at, Problem::Duplicate(role.to_string(), first.line)));
        }
        roles.push(role);
    }
    Ok(roles)
}

fn name<T: FromStr>(node: &Node) -> Result<T, Fault> {
    const FORM: &str = "a name: printable ASCII without space, quote, backslash and comma";
    let text = text(node)?;
    text.parse().map_err(|_| malformed(node, text, FORM))
}

#[derive(Default)]
struct Roster {
    directory: Directory,
    /// In which line each person is.
    seen: HashMap<PersonId, usize>,
    /// Whose each key is, in whatever form it comes: the point of its curve.
    points: HashMap<Vec<u8>, PersonId>,
    credentials: HashMap<CredentialId, PersonId>,
}

impl Roster {
    fn add(&mut self, node: &Node) -> Result<(), Fault> {
        let fields = Fields::of(node, PERSON)?;
        let id_node = fields.required("id")?;
        let id = PersonId::new(text(id_node)?)
            .map_err(|_| malformed(id_node, text(id_node).unwrap_or_default(), "the id of a person"))?;
        if let Some(first) = self.seen.insert(id.clone(), id_node.at.line) {
            return Err(Fault::new(id_node.at, Problem::Duplicate(id.to_string(), first)));
        }
        self.known_as(id_node, id.as_str(), &id)?;
        let person = Person {
            name: fields.read("name", sentence)?.unwrap_or(id.as_str()).into(),
            roles: fields.read("roles", |node| self.roles(node))?.unwrap_or_default(),
            teams: fields.read("teams", teams)?.unwrap_or_default(),
            keys: fields.read("keys", |node| self.keys(node, &id))?.unwrap_or_default(),
            passkeys: fields.read("passkeys", |node| self.passkeys(node, &id))?.unwrap_or_default(),
            accounts: fields.read("accounts", |node| self.accounts(node, &id))?.unwrap_or_default(),
            id: id.clone(),
        };
        self.directory.people.insert(id, person);
        Ok(())
    }

    fn roles(&self, node: &Node) -> Result<BTreeSet<RoleName>, Fault> {
        let role = |node| {
            let role: RoleName = name(node)?;
            if self.directory.roles.contains(&role) {
                return Ok(role);
            }
            let known = self.directory.roles.iter().map(ToString::to_string).collect();
            Err(Fault::new(node.at, Problem::Undeclared("role", role.to_string(), known)))
        };
        list(node)?.iter().map(role).collect()
    }

    fn keys(&mut self, node: &Node, id: &PersonId) -> Result<Vec<PublicKey>, Fault> {
        let mut keys = Vec::new();
        for node in list(node)? {
            let key = PublicKey::from_line(text(node)?)
                .map_err(|error| Fault::new(node.at, Problem::Key(error.to_string())))?;
            self.own(node, key.point_bytes(), id)?;
            self.directory.by_key.insert(key.blob().to_vec(), id.clone());
            keys.push(key);
        }
        Ok(keys)
    }

    /// A key belongs to one person, whether SSH or a browser uses it.
    fn own(&mut self, node: &Node, point: Vec<u8>, id: &PersonId) -> Result<(), Fault> {
        match self.points.insert(point, id.clone()) {
            Some(other) => Err(Fault::new(node.at, Problem::Shared("key", other.to_string()))),
            None => Ok(()),
        }
    }

    fn accounts(&mut self, node: &Node, id: &PersonId) -> Result<BTreeSet<Box<str>>, Fault> {
        let mut accounts = BTreeSet::new();
        for node in list(node)? {
            let account = sentence(node)?;
            self.known_as(node, account, id)?;
            accounts.insert(account.into());
        }
        Ok(accounts)
    }

    /// Ids and accounts share one space of names, in which nothing differs by case alone.
    fn known_as(&mut self, node: &Node, name: &str, id: &PersonId) -> Result<(), Fault> {
        match self.directory.by_account.insert(name.to_ascii_lowercase().into(), id.clone()) {
            Some(other) => Err(Fault::new(node.at, Problem::Shared("account", other.to_string()))),
            None => Ok(()),
        }
    }
}

fn teams(node: &Node) -> Result<BTreeSet<TeamName>, Fault> {
    list(node)?.iter().map(name).collect()
}
