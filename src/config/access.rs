//! Who may do what: what a connection must prove, or which person must be signed in.

use super::Config;
use crate::party::PersonId;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// What a caller must prove: exactly one of the four.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// The peer's user id on the Unix socket.
    #[serde(default)]
    pub uid: Option<u32>,
    /// The SHA-256, in hexadecimal, of a bearer token.
    #[serde(default)]
    pub token_sha256: Option<String>,
    /// The SHA-256, in hexadecimal, of a client certificate (DER).
    #[serde(default)]
    pub certificate_sha256: Option<String>,
    /// A person of the roster, signed in at the console. For operators and auditors only.
    #[serde(default)]
    pub person: Option<PersonId>,
}

/// One operator.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// What the record calls them; their credential if nothing is said.
    #[serde(default)]
    pub name: Option<PersonId>,
    /// As in [`Access`].
    #[serde(default)]
    pub uid: Option<u32>,
    /// As in [`Access`].
    #[serde(default)]
    pub token_sha256: Option<String>,
    /// As in [`Access`].
    #[serde(default)]
    pub certificate_sha256: Option<String>,
    /// As in [`Access`].
    #[serde(default)]
    pub person: Option<PersonId>,
}

impl Operator {
    /// What they must prove.
    #[must_use]
    pub fn access(&self) -> Access {
        Access {
            uid: self.uid,
            token_sha256: self.token_sha256.clone(),
            certificate_sha256: self.certificate_sha256.clone(),
            person: self.person.clone(),
        }
    }

    /// What the record calls them: `ada`, `uid:1000`, `token:9f86d081884c7d65`.
    #[must_use]
    pub fn title(&self) -> String {
        let start = |hex: &String| hex.chars().take(16).collect::<String>();
        match (self.name.as_ref().or(self.person.as_ref()), self.uid, &self.token_sha256) {
            (Some(name), ..) => name.to_string(),
            (None, Some(uid), _) => format!("uid:{uid}"),
            (None, None, Some(token)) => format!("token:{}", start(token)),
            (None, None, None) => {
                let certificate = self.certificate_sha256.as_ref().map(start);
                format!("certificate:{}", certificate.unwrap_or_default())
            }
        }
    }
}

impl Access {
    fn check(&self) -> Result<(), String> {
        let given = [
            self.uid.is_some(),
            self.token_sha256.is_some(),
            self.certificate_sha256.is_some(),
            self.person.is_some(),
        ];
        if given.into_iter().filter(|given| *given).count() != 1 {
            return Err(
                "give exactly one of `uid`, `token_sha256`, `certificate_sha256` and `person`".to_owned()
            );
        }
        match [&self.token_sha256, &self.certificate_sha256].into_iter().flatten().all(|hex| is_sha256(hex)) {
            true => Ok(()),
            false => Err("a SHA-256 is 64 lower-case hexadecimal digits".to_owned()),
        }
    }

    /// … where a connection has to prove it: no person sits there.
    fn check_connection(&self) -> Result<(), String> {
        match &self.person {
            Some(person) => Err(format!(
                "`person: {person}` signs in at the console, so it is for `operators` and `auditors`; \
                 give one of `uid`, `token_sha256` and `certificate_sha256`"
            )),
            None => self.check(),
        }
    }

    fn key(&self) -> String {
        format!("{:?} {:?} {:?} {:?}", self.uid, self.token_sha256, self.certificate_sha256, self.person)
    }
}

/// Checks everyone in a configuration who may do something: which key is wrong, and what about it.
pub(super) fn check(config: &Config) -> Result<(), (&'static str, String)> {
    let mut seen = HashSet::new();
    for agent in &config.agents {
        agent.by.check_connection().map_err(|what| ("agents", format!("`{}`: {what}", agent.id)))?;
        if !seen.insert(agent.by.key()) {
            return Err(("agents", format!("`{}` proves itself like an agent before it", agent.id)));
        }
    }
    let an_agent_has =
        |access: &Access| access.uid.is_none() && config.agents.iter().any(|agent| agent.by == *access);
    for access in &config.reviewers {
        access.check_connection().map_err(|what| ("reviewers", what))?;
        if an_agent_has(access) {
            return Err(("reviewers", "an agent has the same credential".to_owned()));
        }
    }
    let mut seen = HashSet::new();
    for operator in &config.operators {
        let access = operator.access();
        access.check().map_err(|what| ("operators", what))?;
        if an_agent_has(&access) {
            return Err(("operators", format!("an agent has the same credential as `{}`", operator.title())));
        }
        if !seen.insert(access.key()) {
            return Err(("operators", format!("`{}` proves itself like one before it", operator.title())));
        }
    }
    for access in &config.auditors {
        access.check().map_err(|what| ("auditors", what))?;
        if an_agent_has(access) {
            return Err(("auditors", "an agent has the same credential".to_owned()));
        }
    }
    Ok(())
}

fn is_sha256(hex: &str) -> bool {
    hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    fn access(yaml: &str) -> Access {
        serde_saphyr::from_str(yaml).unwrap()
    }

    #[test]
    fn a_credential_is_one_thing_and_a_person_is_no_connection() {
        let person = access("person: ada");
        assert_eq!(person.check(), Ok(()));
        let refused = person.check_connection().unwrap_err();
        assert!(refused.contains("`person: ada` signs in at the console"), "{refused}");
        for connection in ["uid: 1000".to_owned(), format!("token_sha256: {TOKEN}")] {
            assert_eq!(access(&connection).check_connection(), Ok(()));
        }
        for wrong in ["{}", "{uid: 1000, person: ada}", "token_sha256: abc"] {
            assert!(access(wrong).check().is_err() && access(wrong).check_connection().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_record_calls_an_operator_by_their_name_or_by_what_they_prove() {
        let title = |yaml: &str| serde_saphyr::from_str::<Operator>(yaml).unwrap().title();
        assert_eq!(title("person: ada"), "ada");
        assert_eq!(title("{person: ada, name: operations}"), "operations");
        assert_eq!(title("uid: 7"), "uid:7");
        assert_eq!(title(&format!("token_sha256: {TOKEN}")), "token:9f86d081884c7d65");
        assert_eq!(title(&format!("certificate_sha256: {TOKEN}")), "certificate:9f86d081884c7d65");
    }
}
