//! The roster file: roles in their order, and people.

mod passkeys;
mod time;

use super::Directory;
use super::account::canonical;
use super::person::{DAILY_CAP, Expertise, Person};
use crate::escalation::requirement::{RoleName, TeamName};
use crate::party::PersonId;
use crate::policy::parse::{self, Node};
use crate::policy::read::{self, Fields, list, malformed, one_or_more, out_of_range, sentence, text, whole};
use crate::policy::{At, Fault, Problem, channel};
use crate::presence::passkey::CredentialId;
use crate::presence::ssh::PublicKey;
use core::str::FromStr;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet, HashMap};

const ROSTER: &[&str] = &["version", "roles", "passkeys", "daily_cap", "people"];
const PERSON: &[&str] = &[
    "id",
    "name",
    "roles",
    "teams",
    "keys",
    "passkeys",
    "accounts",
    "manager",
    "channels",
    "expertise",
    "time_zone",
    "hours",
    "quiet",
    "away",
    "daily_cap",
];

/// The most patterns of what a person knows: each is looked at whenever they might be asked.
const MAX_EXPERTISE: usize = 100;
/// The highest daily cap.
const MAX_CAP: u32 = 1000;

pub(super) fn read(text: &str) -> Result<Directory, Fault> {
    let root = parse::parse(text)?;
    let fields = Fields::of(&root, ROSTER)?;
    read::version(&fields)?;
    let daily_cap = fields.read("daily_cap", daily_cap)?.unwrap_or(DAILY_CAP);
    let mut roster = Roster { daily_cap, ..Roster::default() };
    roster.directory.roles = fields.read("roles", roles)?.unwrap_or_default();
    roster.directory.relying_party = fields.read("passkeys", passkeys::relying_party)?;
    let people = fields.required("people")?;
    for node in list(people)? {
        roster.add(node)?;
    }
    roster.mentions.all_are_in(&roster.directory)?;
    Ok(roster.directory)
}

fn daily_cap(node: &Node) -> Result<u32, Fault> {
    let cap = whole(node)?;
    if (1..=MAX_CAP).contains(&cap) { Ok(cap) } else { Err(out_of_range(node, "from 1 to 1000")) }
}

fn expertise(node: &Node) -> Result<Vec<Expertise>, Fault> {
    const FORM: &str = "a pattern over actions, or `resource:` and one over resources";
    let read = |node| {
        let text = text(node)?;
        Expertise::parse(text).ok_or_else(|| malformed(node, text, FORM))
    };
    let expertise = one_or_more(node, read)?;
    match expertise.len() > MAX_EXPERTISE {
        true => Err(Fault::new(node.at, Problem::TooMany(MAX_EXPERTISE))),
        false => Ok(expertise),
    }
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

/// People who are named by others, perhaps before they are introduced themselves.
#[derive(Default)]
struct Mentions(Vec<(At, PersonId)>);

impl Mentions {
    /// Reads the id of another person than `own`; `what` they are to them.
    fn other(&mut self, node: &Node, own: &PersonId, what: &'static str) -> Result<PersonId, Fault> {
        let id = person(node)?;
        if id == *own {
            return Err(Fault::new(node.at, Problem::Oneself(what)));
        }
        self.0.push((node.at, id.clone()));
        Ok(id)
    }

    fn all_are_in(self, directory: &Directory) -> Result<(), Fault> {
        for (at, id) in self.0 {
            if !directory.people.contains_key(&id) {
                let known = directory.people.keys().map(ToString::to_string).collect();
                return Err(Fault::new(at, Problem::Undeclared("person", id.to_string(), known)));
            }
        }
        Ok(())
    }
}

fn person(node: &Node) -> Result<PersonId, Fault> {
    let text = text(node)?;
    PersonId::new(text).map_err(|_| malformed(node, text, "the id of a person"))
}

#[derive(Default)]
struct Roster {
    directory: Directory,
    /// In which line each person is.
    seen: HashMap<PersonId, usize>,
    /// Whose each key is, in whatever form it comes: the point of its curve.
    points: HashMap<Vec<u8>, PersonId>,
    credentials: HashMap<CredentialId, PersonId>,
    daily_cap: u32,
    mentions: Mentions,
}

impl Roster {
    fn add(&mut self, node: &Node) -> Result<(), Fault> {
        let fields = Fields::of(node, PERSON)?;
        let id_node = fields.required("id")?;
        let id = person(id_node)?;
        if let Some(first) = self.seen.insert(id.clone(), id_node.at.line) {
            return Err(Fault::new(id_node.at, Problem::Duplicate(id.to_string(), first)));
        }
        self.known_as(id_node, id.as_str(), &id)?;
        let zone = fields.read("time_zone", time::zone)?.unwrap_or_else(TimeZone::unknown);
        let mentions = &mut self.mentions;
        let manager = fields.read("manager", |node| mentions.other(node, &id, "manager"))?;
        let away = fields.read("away", |node| time::away(node, &zone, &id, mentions))?.unwrap_or_default();
        let person = Person {
            name: fields.read("name", sentence)?.unwrap_or(id.as_str()).into(),
            roles: fields.read("roles", |node| self.roles(node))?.unwrap_or_default(),
            teams: fields.read("teams", teams)?.unwrap_or_default(),
            keys: fields.read("keys", |node| self.keys(node, &id))?.unwrap_or_default(),
            passkeys: fields.read("passkeys", |node| self.passkeys(node, &id))?.unwrap_or_default(),
            accounts: fields.read("accounts", |node| self.accounts(node, &id))?.unwrap_or_default(),
            manager,
            channels: fields.read("channels", |node| one_or_more(node, channel))?.unwrap_or_default(),
            expertise: fields.read("expertise", expertise)?.unwrap_or_default(),
            hours: fields.read("hours", |node| time::hours(node, &zone))?,
            quiet: fields.read("quiet", time::quiet)?,
            time_zone: zone,
            away,
            daily_cap: fields.read("daily_cap", daily_cap)?.unwrap_or(self.daily_cap),
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

    /// Ids and accounts share one space of names, in which an alias is the same name. A person may have several of
    /// one name.
    fn known_as(&mut self, node: &Node, name: &str, id: &PersonId) -> Result<(), Fault> {
        match self.directory.by_account.insert(canonical(name), id.clone()) {
            Some(other) if other != *id => {
                Err(Fault::new(node.at, Problem::Shared("account", other.to_string())))
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn teams(node: &Node) -> Result<BTreeSet<TeamName>, Fault> {
    list(node)?.iter().map(name).collect()
}
