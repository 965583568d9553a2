//! Concerns: what a check finds in a policy that could be read without a fault.

use crate::risk::quoted;
use core::fmt;

/// What is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concern {
    /// A rule that never decides, because one before it matches everything that it matches.
    Shadowed {
        /// The rule, and its effect.
        rule: (String, &'static str),
        /// The one before it, its effect and its line.
        by: (String, &'static str, usize),
    },
    /// A rule or floor that matches nothing.
    NeverMatches {
        /// `rule` or `floor`.
        what: &'static str,
        /// Its name.
        name: String,
        /// Why.
        why: Never,
    },
    /// A rule that asks or allows at levels that never run.
    Blocked {
        /// The rule.
        rule: String,
        /// The lowest level that never runs.
        from: String,
    },
    /// No operation can get this level.
    UnreachableLevel {
        /// The level.
        level: String,
        /// The lowest and the highest score.
        scores: (String, String),
    },
    /// A rule allows high risk.
    AllowsHigh(String),
    /// `levels:` allows high risk.
    LevelAllowsHigh,
    /// Waiting would allow what is above medium risk; the engine denies it.
    AllowsOnTimeout {
        /// The rule; `None` for a level.
        rule: Option<String>,
        /// The highest level that it can have.
        level: String,
    },
    /// A floor or limit whose level everything that it describes has anyway.
    NeverLifts {
        /// `floor` or `limit`.
        what: &'static str,
        /// Its name.
        name: String,
        /// The level that holds anyway.
        level: String,
        /// The floor that sees to it, if it is one.
        other: Option<String>,
    },
    /// A pattern that no name can match.
    PatternMatchesNothing {
        /// The pattern.
        pattern: String,
        /// Of what.
        what: &'static str,
        /// What such names are made of.
        made_of: &'static str,
    },
    /// A declaration that one before it hides.
    Hidden {
        /// `action` or `resource`.
        what: &'static str,
        /// The pattern.
        pattern: String,
        /// The one before it, and its line.
        by: (String, usize),
    },
    /// More comparisons than a check makes.
    NotCompared(usize),
    /// A stage, or the escalation pool, that changes nothing.
    StageAddsNobody(String),
    /// A stage that nobody could fill.
    StageForNobody {
        /// When it begins.
        after: String,
        /// What it asks for.
        requirement: String,
    },
    /// An escalation pool that nobody could fill.
    PoolForNobody(String),
    /// A seat that poor votes add, and that nobody could fill.
    SeatForNobody(String),
    /// More denials than people who could give one.
    DenialsOutOfReach {
        /// How many denials are asked for.
        denials: usize,
        /// How many people could give one.
        people: usize,
    },
    /// Nobody is left who may agree where one of these is asking, because of who is excluded.
    ExclusionLeavesNobody {
        /// Who is excluded.
        excluded: String,
        /// Who is asking.
        asking: Vec<String>,
        /// Whether it is so whoever of the roster is asking.
        always: bool,
    },
    /// An emergency approval that takes as many people as any other.
    NoEmergency {
        /// How many people an emergency takes.
        emergency: usize,
        /// How many it takes otherwise.
        usual: usize,
    },
    /// An emergency that nobody could agree to.
    EmergencyForNobody(String),
    /// An emergency approval that nobody but those who gave it could review.
    NobodyReviews {
        /// Who reviews it.
        review: String,
        /// Whether that is so whoever gave it.
        always: bool,
    },
    /// Nobody could meet a requirement.
    Unsatisfiable {
        /// The requirement.
        requirement: String,
        /// Who could fill any part of it.
        left: Vec<String>,
    },
    /// Nobody could meet a requirement where one of these is asking.
    UnsatisfiableWithout {
        /// The requirement.
        requirement: String,
        /// Whom the agent acts for.
        without: Vec<String>,
        /// Who is left where the first of them is asking.
        left: Vec<String>,
        /// Whether the rule itself says that they are asking.
        named: bool,
    },
    /// What a payload does is read, and nothing adds it up.
    PayloadWithoutLimits(String),
    /// Nothing is denied by name.
    NoDeny,
}

/// Why a rule or floor matches nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Never {
    /// Its levels are out of reach: what can be reached, with the lowest and highest score.
    Level(Vec<String>, (String, String)),
    /// Nothing is declared as critical.
    NothingCritical,
    /// It wants a doubt where nothing is in doubt.
    DoubtAndUnderstood,
}

impl Concern {
    pub(in crate::policy) const fn code(&self) -> &'static str {
        match self {
            Self::Shadowed { .. } => "policy.shadowed",
            Self::NeverMatches { .. } => "policy.never_matches",
            Self::Blocked { .. } => "policy.blocked",
            Self::UnreachableLevel { .. } => "policy.unreachable_level",
            Self::AllowsHigh(_) | Self::LevelAllowsHigh => "policy.allows_high",
            Self::AllowsOnTimeout { .. } => "policy.allows_on_timeout",
            Self::NeverLifts { .. } => "policy.never_lifts",
            Self::PatternMatchesNothing { .. } => "policy.pattern_matches_nothing",
            Self::Hidden { .. } => "policy.hidden",
            Self::NotCompared(_) => "policy.not_compared",
            Self::StageAddsNobody(_) => "policy.stage_adds_nobody",
            Self::StageForNobody { .. } => "policy.stage_for_nobody",
            Self::PoolForNobody(_) => "policy.pool_for_nobody",
            Self::SeatForNobody(_) => "policy.seat_for_nobody",
            Self::DenialsOutOfReach { .. } => "policy.denials_out_of_reach",
            Self::ExclusionLeavesNobody { .. } => "policy.exclusion_leaves_nobody",
            Self::NoEmergency { .. } => "policy.no_emergency",
            Self::EmergencyForNobody(_) => "policy.emergency_for_nobody",
            Self::NobodyReviews { .. } => "policy.nobody_reviews",
            Self::Unsatisfiable { .. } => "policy.unsatisfiable",
            Self::UnsatisfiableWithout { .. } => "policy.unsatisfiable_without",
            Self::PayloadWithoutLimits(_) => "policy.payload_without_limits",
            Self::NoDeny => "policy.no_deny",
        }
    }

    pub(in crate::policy) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Shadowed { .. } => "move it up, narrow the other, or leave it out",
            Self::Hidden { .. } => "the first that matches counts: move it up, or leave it out",
            Self::Blocked { .. } => "only `deny` says something here",
            Self::UnreachableLevel { .. } => "lower `risk.thresholds`, or lift to it by a floor",
            Self::AllowsHigh(_) => "add `level: [low, medium]` to its `match`",
            Self::AllowsOnTimeout { .. } => {
                "above medium, waiting is always denied: add `level: [low, medium]` to its `match`, or leave \
                 `timeout_action` out"
            }
            Self::StageAddsNobody(_) => "a stage widens who may agree, or lowers how many must",
            Self::DenialsOutOfReach { .. } => {
                "lower `deny_threshold`: as it is, it can only end by running out of people"
            }
            Self::ExclusionLeavesNobody { .. } => {
                "name reviewers of more than one team, or an `escalation_pool`"
            }
            Self::NoEmergency { .. } => {
                "an emergency asks for fewer people, known more surely: lower its `approvals`, or leave it out"
            }
            Self::NobodyReviews { .. } => "name somebody under `review:` who does not break the glass",
            Self::NeverMatches { why: Never::NothingCritical, .. } => {
                "declare one under `resources:` with `critical: true`"
            }
            Self::PayloadWithoutLimits(_) => "`limits:` says how much is too much within a window",
            Self::NoDeny => "what must never run, whoever approves, needs a rule with `decision: deny`",
            Self::NeverMatches { .. }
            | Self::LevelAllowsHigh
            | Self::NeverLifts { .. }
            | Self::PatternMatchesNothing { .. }
            | Self::NotCompared(_)
            | Self::StageForNobody { .. }
            | Self::PoolForNobody(_)
            | Self::SeatForNobody(_)
            | Self::EmergencyForNobody(_)
            | Self::Unsatisfiable { .. }
            | Self::UnsatisfiableWithout { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

fn listed(names: &[String], none: &str) -> String {
    let quoted: Vec<String> = names.iter().take(8).map(|name| format!("`{name}`")).collect();
    match (quoted.as_slice(), names.len()) {
        ([], _) => none.to_owned(),
        (all, count) if count > all.len() => format!("{} and {} more", all.join(", "), count - all.len()),
        (all, _) => all.join(", "),
    }
}

fn only(names: &[String]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { format!("only {}", listed(names, "nobody")) }
}

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level(levels, (lowest, highest)) => write!(
                f,
                "what it describes has a score from {lowest} to {highest} and is only ever {}",
                listed(levels, "nothing")
            ),
            Self::NothingCritical => f.write_str("no resource is declared as critical"),
            Self::DoubtAndUnderstood => f.write_str("what was understood is not in doubt"),
        }
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shadowed { rule: (rule, does), by: (by, effect, line) } => write!(
                f,
                "rule {} never decides to {does}: rule {}, line {line}, matches everything that it matches, and \
                 says {effect}",
                quoted(rule),
                quoted(by)
            ),
            Self::NeverMatches { what, name, why } => {
                write!(f, "{what} {} can match nothing: {why}", quoted(name))
            }
            Self::Blocked { rule, from } => {
                write!(f, "rule {} says nothing: from `{from}` on, nothing ever runs", quoted(rule))
            }
            Self::UnreachableLevel { level, scores: (lowest, highest) } => write!(
                f,
                "nothing can be `{level}`: scores go from {lowest} to {highest}, and no floor or limit lifts to it"
            ),
            Self::AllowsHigh(rule) => write!(f, "rule {} allows operations of high risk too", quoted(rule)),
            Self::LevelAllowsHigh => f.write_str("operations of high risk are allowed where no rule matches"),
            Self::AllowsOnTimeout { rule, level } => match rule {
                Some(rule) => {
                    write!(f, "rule {} allows on timeout, and what it matches can be `{level}`", quoted(rule))
                }
                None => write!(f, "`{level}` risk is allowed on timeout"),
            },
            Self::NeverLifts { what, name, level, other } => {
                write!(f, "{what} {} never lifts: what it describes is `{level}` at least", quoted(name))?;
                match other {
                    Some(other) => write!(f, ", by floor {}", quoted(other)),
                    None => Ok(()),
                }
            }
            Self::PatternMatchesNothing { pattern, what, made_of } => {
                write!(f, "no {what} can match {}: it is made of {made_of}", quoted(pattern))
            }
            Self::Hidden { what, pattern, by: (by, line) } => write!(
                f,
                "what is said of the {what} {} never counts: {}, line {line}, matches everything that it matches",
                quoted(pattern),
                quoted(by)
            ),
            Self::NotCompared(rules) => {
                write!(f, "the patterns of {rules} rules were not compared with all before them: too many")
            }
            Self::StageAddsNobody(stage) => {
                write!(f, "{stage} changes nothing: everybody whom it asks could agree before")
            }
            Self::PoolForNobody(requirement) => {
                write!(f, "nobody can fill the escalation pool: {requirement}")
            }
            Self::SeatForNobody(requirement) => {
                write!(f, "nobody can fill the seat that a poor vote adds: {requirement}")
            }
            Self::DenialsOutOfReach { denials, people } => {
                let could = if *people == 1 { "person" } else { "people" };
                write!(f, "{denials} denials are asked for to end this, and {people} {could} could give one")
            }
            Self::ExclusionLeavesNobody { excluded, always: true, .. } => {
                write!(f, "nobody could approve this, whoever is asking: {excluded} may not")
            }
            Self::ExclusionLeavesNobody { excluded, asking, always: false } => write!(
                f,
                "nobody could approve this where {} is asking: {excluded} may not",
                listed(asking, "nobody")
            ),
            Self::NoEmergency { emergency, usual } => {
                let takes =
                    if *emergency == 1 { "1 person".to_owned() } else { format!("{emergency} people") };
                write!(f, "breaking the glass is no shorter way: it takes {takes}, and {usual} otherwise")
            }
            Self::EmergencyForNobody(requirement) => {
                write!(f, "nobody can break the glass: it takes {requirement}")
            }
            Self::NobodyReviews { review, always } => {
                let may = if *always { "nobody is left" } else { "nobody may be left" };
                write!(
                    f,
                    "{may} to review a broken glass: it takes somebody of {review}, who did not break it"
                )
            }
            Self::StageForNobody { after, requirement } => {
                write!(f, "nobody can fill the stage after {after}: {requirement}")
            }
            Self::Unsatisfiable { requirement, left } => write!(
                f,
                "nobody could ever approve this: it takes {requirement}, and of the roster {} could fill a part",
                only(left)
            ),
            Self::UnsatisfiableWithout { requirement, without, left, named } => {
                let could =
                    if *named { "nobody could ever approve this" } else { "nobody could approve this" };
                write!(
                    f,
                    "{could} for an agent that acts for {}: it takes {requirement}, and {} would be left",
                    listed(without, "nobody"),
                    only(left)
                )
            }
            Self::PayloadWithoutLimits(pattern) => write!(
                f,
                "what {} does is read from one payload at a time, and no limit adds many of them up",
                quoted(pattern)
            ),
            Self::NoDeny => f.write_str("no rule denies anything: only critical risk is never run"),
        }
    }
}
