//! Who could approve: the names that a policy asks for, and whether the people of the roster could meet it, whoever
//! of them is asking.

use super::{Asking, Check, Concern, Severity};
use crate::escalation::Terms;
use crate::escalation::requirement::{
    Agreement, Membership as _, Pool, Requirement, RoleName, Seat, Standing, TeamName,
};
use crate::party::PersonId;
use crate::policy::outcome::Outcome;
use crate::policy::source::{At, Problem};
use crate::reviewer::Directory;
use crate::risk::pattern::Glob;
use crate::risk::span::Span;
use crate::token::Assurance;
use std::collections::{BTreeSet, HashMap, HashSet};

/// As surely as anybody can be known.
pub(super) const SUREST: Assurance = Assurance::Signed;

/// The roster, and what was found out about it.
pub(super) struct People<'a> {
    pub(super) directory: &'a Directory,
    pub(super) everyone: Vec<PersonId>,
    teams: BTreeSet<&'a TeamName>,
    /// Names that were reported.
    reported: HashSet<(&'static str, String)>,
    /// What became of each requirement, by its words.
    judged: HashMap<String, Judged>,
    /// For whom an exclusion leaves nobody, by the words of who may agree.
    pub(super) excluded: HashMap<String, Vec<PersonId>>,
}

/// Whether people could meet a requirement.
#[derive(Clone)]
enum Judged {
    /// Whoever is asking.
    Yes,
    /// Not even all together, of whom these could fill a part.
    Never(Vec<String>),
    /// Not where one of these is asking.
    Without(Vec<PersonId>),
}

impl<'a> People<'a> {
    pub(super) fn new(directory: &'a Directory) -> Self {
        Self {
            directory,
            everyone: directory.people().map(|person| person.id.clone()).collect(),
            teams: directory.teams(),
            reported: HashSet::new(),
            judged: HashMap::new(),
            excluded: HashMap::new(),
        }
    }

    pub(super) fn check(&mut self, check: &mut Check<'_>) {
        self.roles(check);
        for asking in check.asking() {
            self.asking(check, &asking);
        }
    }

    /// The policy lists roles in the roster's order.
    fn roles(&mut self, check: &mut Check<'_>) {
        let mut before: Option<(&RoleName, usize)> = None;
        for (role, at) in &check.policy.roles {
            match self.directory.rank(role) {
                None => self.undeclared_role(check, *at, role),
                Some(rank) => {
                    if let Some((lower, above)) = before.filter(|(_, above)| *above > rank) {
                        let problem = Problem::RoleOrder(lower.to_string(), role.to_string());
                        check.found(Severity::Error, *at, problem);
                        before = Some((lower, above));
                    } else {
                        before = Some((role, rank));
                    }
                }
            }
        }
    }

    fn asking(&mut self, check: &mut Check<'_>, asking: &Asking<'_>) {
        let Outcome::Escalate(terms) = asking.outcome else { return };
        let mut known = true;
        for requirement in terms.parties() {
            known &= self.names(check, requirement);
        }
        // A name that nobody has is the mistake; what follows from it is none.
        if !known {
            return;
        }
        self.met(check, terms, asking);
        self.ladder(check, terms, asking);
        self.besides(check, terms, asking);
    }

    /// Whether the roster has everybody whom a requirement names.
    fn names(&mut self, check: &mut Check<'_>, requirement: &Requirement) -> bool {
        requirement.seats().iter().fold(true, |known, seat| {
            let least = seat.min_role().is_none_or(|role| self.role(check, "min_role", role));
            self.pool(check, seat.pool()) && least && known
        })
    }

    fn role(&mut self, check: &mut Check<'_>, group: &'static str, role: &RoleName) -> bool {
        let known = self.directory.rank(role).is_some();
        if !known && self.reported.insert(("role", role.to_string())) {
            let at = check.tree.mention(group, role.as_str()).unwrap_or_default();
            self.undeclared_role(check, at, role);
        }
        known
    }

    fn undeclared_role(&mut self, check: &mut Check<'_>, at: At, role: &RoleName) {
        self.reported.insert(("role", role.to_string()));
        let known = self.directory.roles().iter().map(ToString::to_string).collect();
        check.found(Severity::Error, at, Problem::Undeclared("role", role.to_string(), known));
    }

    fn pool(&mut self, check: &mut Check<'_>, pool: &Pool) -> bool {
        let mut known = true;
        for role in pool.roles() {
            known &= self.role(check, "role", role);
        }
        for team in pool.teams() {
            if !self.teams.contains(team) {
                let names = self.teams.iter().map(ToString::to_string).collect();
                self.undeclared(check, ("team", "team"), team.as_str(), names);
                known = false;
            }
        }
        for person in pool.people() {
            if !self.directory.knows(person) {
                let names = self.directory.people().map(|person| person.id.to_string()).collect();
                self.undeclared(check, ("person", "user"), person.as_str(), names);
                known = false;
            }
        }
        known
    }

    fn undeclared(
        &mut self,
        check: &mut Check<'_>,
        (what, group): (&'static str, &str),
        name: &str,
        known: Vec<String>,
    ) {
        if self.reported.insert((what, name.to_owned())) {
            let at = check.tree.mention(group, name).unwrap_or_default();
            check.found(Severity::Error, at, Problem::Undeclared(what, name.to_owned(), known));
        }
    }

    /// Whether the people of the roster can meet it, whoever of them is asking.
    fn met(&mut self, check: &mut Check<'_>, terms: &Terms, asking: &Asking<'_>) {
        let requirement = &terms.requirement;
        let words = requirement.to_string();
        let judged = match self.judged.get(&words) {
            Some(judged) => judged.clone(),
            None => {
                let judged = self.judge(requirement);
                self.judged.insert(words.clone(), judged.clone());
                judged
            }
        };
        // Where somebody is not there because they ask, the next stage or the pool begins at once.
        let judged = match judged {
            Judged::Without(mut people) if terms.widens() => {
                people.retain(|person| !self.could(terms, &[person.clone()].into()));
                if people.is_empty() { Judged::Yes } else { Judged::Without(people) }
            }
            judged @ (Judged::Yes | Judged::Never(_) | Judged::Without(_)) => judged,
        };
        match judged {
            Judged::Yes => {}
            Judged::Never(left) => {
                let (approvals, people) = (requirement.people(), left.len());
                let problem = if approvals > people {
                    Problem::PoolTooSmall { approvals, people }
                } else {
                    Problem::Concern(Box::new(Concern::Unsatisfiable { requirement: words, left }))
                };
                check.found(Severity::Error, asking.at, problem);
            }
            Judged::Without(people) => {
                let asks =
                    asking.rule.map(|rule| self.who_asks(&rule.matches.on_behalf_of, &rule.matches.agent));
                let (without, named) = match asks {
                    Some(Some(asks)) if asks.iter().any(|person| !people.contains(person)) => return,
                    Some(Some(asks)) => (asks, true),
                    Some(None) | None => (people, false),
                };
                let Some(first) = without.first() else { return };
                let left = self.eligible(requirement).into_iter().filter(|person| **person != *first);
                let concern = Concern::UnsatisfiableWithout {
                    requirement: words,
                    left: left.map(ToString::to_string).collect(),
                    without: without.iter().map(ToString::to_string).collect(),
                    named,
                };
                let severity = if named { Severity::Error } else { Severity::Note };
                check.concern(severity, asking.at, concern);
            }
        }
    }

    pub(super) fn eligible(&self, requirement: &Requirement) -> BTreeSet<&'a PersonId> {
        self.directory.eligible(requirement)
    }

    fn judge(&self, requirement: &Requirement) -> Judged {
        let could = |people: &[PersonId]| {
            !matches!(requirement.standing(&[], people, self.directory), Standing::Impossible)
        };
        let eligible: Vec<PersonId> = self.eligible(requirement).into_iter().cloned().collect();
        if !could(&eligible) {
            return Judged::Never(eligible.iter().map(ToString::to_string).collect());
        }
        // Whoever is not among some who suffice is not needed.
        let agreed = eligible.iter().map(|person| Agreement { person: person.clone(), assurance: SUREST });
        let sufficing = match requirement.standing(&agreed.collect::<Vec<_>>(), &[], self.directory) {
            Standing::Met(filled) => filled,
            Standing::Missing(_) | Standing::Impossible => Vec::new(),
        };
        let needed = |person: &PersonId| {
            let others: Vec<PersonId> = eligible.iter().filter(|other| *other != person).cloned().collect();
            !could(&others)
        };
        let mut without: Vec<PersonId> = sufficing.into_iter().map(|filled| filled.person).collect();
        without.retain(needed);
        without.sort();
        if without.is_empty() { Judged::Yes } else { Judged::Without(without) }
    }

    /// Who the rule says is asking; `None` if it could be anybody.
    fn who_asks(&self, on_behalf_of: &[Glob], agent: &[Glob]) -> Option<Vec<PersonId>> {
        let people = |globs: &[Glob]| {
            let named = |glob: &Glob| self.directory.known_as(glob.as_str());
            let people: Option<Vec<PersonId>> = globs.iter().map(named).collect();
            people.filter(|people| !people.is_empty())
        };
        people(on_behalf_of).or_else(|| people(agent))
    }

    /// What each stage, and at last the escalation pool, adds to those before it.
    fn ladder(&self, check: &mut Check<'_>, terms: &Terms, asking: &Asking<'_>) {
        let stages =
            terms.ladder.iter().map(|stage| (Some(Span::of(stage.after).to_string()), &stage.requirement));
        let pool = terms.escalation_pool.iter().map(|pool| (None, pool));
        let mut before: Vec<&Requirement> = vec![&terms.requirement];
        for (after, requirement) in stages.chain(pool) {
            let eligible = self.eligible(requirement);
            if self.is_for_nobody(requirement) {
                let requirement = requirement.to_string();
                let concern = match after {
                    Some(after) => Concern::StageForNobody { after, requirement },
                    None => Concern::PoolForNobody(requirement),
                };
                check.concern(Severity::Warning, asking.at, concern);
            } else if before.iter().any(|earlier| {
                eligible.is_subset(&self.eligible(earlier))
                    && requirement.people() >= earlier.people()
                    && is_any_of_them(earlier)
                    && assurance(requirement, false) >= assurance(earlier, true)
            }) {
                let stage = after.map_or_else(
                    || "the escalation pool".to_owned(),
                    |after| format!("the stage after {after}"),
                );
                check.concern(Severity::Warning, asking.at, Concern::StageAddsNobody(stage));
            }
            before.push(requirement);
        }
    }

    /// Whether not even all people together could meet it.
    pub(super) fn is_for_nobody(&self, requirement: &Requirement) -> bool {
        matches!(requirement.standing(&[], &self.everyone, self.directory), Standing::Impossible)
    }
}

/// Whether any so many of those who are eligible meet it.
fn is_any_of_them(requirement: &Requirement) -> bool {
    requirement.seats().len() == 1
}

/// The least or the highest assurance that a seat asks for.
fn assurance(requirement: &Requirement, highest: bool) -> Option<Assurance> {
    let seats = requirement.seats().iter().map(Seat::assurance);
    if highest { seats.max() } else { seats.min() }
}
