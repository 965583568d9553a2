//! How an operation ran, as far as the conditions of its token are about it.

use crate::condition::{Amount, Condition, Currency, ExecutionFacts, Limit, Rate, Unmet, target_digest};
use crate::digest::TargetSetDigest;
use crate::moment::Moment;
use crate::operation::json::{Object, Value};
use crate::token::members::{ClaimFault, Members};

/// What an executor says about an execution, short enough to be signed: names of targets are counted and hashed, and
/// of the masked fields only those are named that had to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PresentedFacts {
    /// How many targets it reached.
    pub targets: Option<u64>,
    /// How many targets there are in all.
    pub all_targets: Option<u64>,
    /// The digest of the targets' names.
    pub target_set: Option<TargetSetDigest>,
    /// The fields that were masked.
    pub masked: Option<Vec<String>>,
    /// The number of rows.
    pub rows: Option<u64>,
    /// The amount.
    pub amount: Option<Amount>,
    /// Whether nothing was changed.
    pub dry_run: Option<bool>,
    /// The rate.
    pub rate: Option<Rate>,
    /// Within how many seconds it can be rolled back.
    pub rollback_s: Option<u64>,
    /// Whether the token was consumed online.
    pub consumed_online: Option<bool>,
}

const CLAIM: &str = "cs_facts";
const NAMES: [&str; 10] = [
    "all_targets",
    "amount",
    "consumed_online",
    "dry_run",
    "masked",
    "rate",
    "rollback_s",
    "rows",
    "target_set",
    "targets",
];

impl PresentedFacts {
    /// What these conditions are about, of all that the executor says. What no condition asks for is nobody's business.
    pub(super) fn about(conditions: &[Condition], facts: &ExecutionFacts) -> Self {
        let mut presented = Self::default();
        let named = facts.target_names.as_ref().and_then(|names| u64::try_from(names.len()).ok());
        for condition in conditions {
            match condition {
                Condition::Canary(_) => {
                    presented.targets = facts.targets.max(named);
                    presented.all_targets = facts.all_targets;
                }
                Condition::TargetSubset(_) => {
                    presented.targets = facts.targets.max(named);
                    let names = facts.target_names.iter().flatten().map(String::as_str);
                    presented.target_set = target_digest(names);
                }
                Condition::Mask(fields) => {
                    let masked = facts.masked.as_ref().map(|masked| {
                        let asked = fields.iter().filter(|field| masked.iter().any(|m| m == field));
                        asked.map(str::to_owned).collect()
                    });
                    presented.masked = masked;
                }
                Condition::RowLimit(_) => presented.rows = facts.rows,
                Condition::MaxAmount(_) => presented.amount = facts.amount,
                Condition::DryRun => presented.dry_run = facts.dry_run,
                Condition::Rate(_) => presented.rate = facts.rate,
                Condition::RollbackWithin(_) => presented.rollback_s = facts.rollback_s,
                Condition::OnlineConsume => presented.consumed_online = facts.consumed_online,
                Condition::TimeWindow(_) => {}
            }
        }
        presented
    }

    /// Whether this condition holds for an execution that began then.
    pub(super) fn meet(&self, condition: &Condition, began: Moment) -> Result<(), Unmet> {
        if let Condition::TargetSubset(wanted) = condition {
            let kind = condition.kind();
            return match self.target_set {
                Some(set) if set == *wanted => Ok(()),
                Some(_) => Err(Unmet::NotMet(kind)),
                None => Err(Unmet::MissingFact(kind)),
            };
        }
        let facts = ExecutionFacts {
            targets: self.targets,
            all_targets: self.all_targets,
            target_names: None,
            masked: self.masked.clone(),
            rows: self.rows,
            amount: self.amount,
            dry_run: self.dry_run,
            rate: self.rate,
            rollback_s: self.rollback_s,
            consumed_online: self.consumed_online,
        };
        condition.check(&facts, began)
    }

    pub(super) fn to_value(&self) -> Value {
        let mut object = Object::new();
        let numbers = [
            ("all_targets", self.all_targets),
            ("rollback_s", self.rollback_s),
            ("rows", self.rows),
            ("targets", self.targets),
        ];
        for (name, number) in numbers {
            if let Some(number) = number {
                object.set(name, number);
            }
        }
        for (name, truth) in [("consumed_online", self.consumed_online), ("dry_run", self.dry_run)] {
            if let Some(truth) = truth {
                object.set(name, truth);
            }
        }
        if let Some(set) = self.target_set {
            object.set("target_set", set.to_string());
        }
        if let Some(masked) = &self.masked {
            object.set("masked", masked.iter().map(|field| Value::from(field.as_str())).collect::<Vec<_>>());
        }
        if let Some(amount) = self.amount {
            let currency = amount.currency().to_string();
            object.set("amount", Object::new().with("currency", currency).with("minor", amount.minor()));
        }
        if let Some(rate) = &self.rate {
            object.set("rate", Object::new().with("max", rate.max()).with("per_s", rate.per_s()));
        }
        Value::from(object)
    }

    pub(super) fn read(value: &Value) -> Result<Self, ClaimFault> {
        let members = Members::inner(value, CLAIM, &NAMES)?;
        let wrong = ClaimFault::Wrong(CLAIM);
        let number = |name| members.optional(name, |_| members.number(name));
        let truth = |name| members.optional(name, |value| value.as_bool().ok_or(wrong));
        let limit = |members: &Members<'_>, name| Limit::new(members.number(name)?).ok_or(wrong);
        let name = |text: &str| crate::condition::Fields::is_name(text).then(|| text.to_owned());
        Ok(Self {
            targets: number("targets")?,
            all_targets: number("all_targets")?,
            target_set: members
                .optional("target_set", |_| members.matching("target_set", TargetSetDigest::parse))?,
            masked: members.optional("masked", |_| members.list("masked", name))?,
            rows: number("rows")?,
            amount: members.optional("amount", |value| {
                let amount = Members::inner(value, CLAIM, &["currency", "minor"])?;
                let currency = amount.matching("currency", Currency::parse)?;
                Amount::new(currency, amount.number("minor")?).ok_or(wrong)
            })?,
            dry_run: truth("dry_run")?,
            rate: members.optional("rate", |value| {
                let rate = Members::inner(value, CLAIM, &["max", "per_s"])?;
                Ok(Rate::new(limit(&rate, "max")?, limit(&rate, "per_s")?))
            })?,
            rollback_s: number("rollback_s")?,
            consumed_online: truth("consumed_online")?,
        })
    }
}
