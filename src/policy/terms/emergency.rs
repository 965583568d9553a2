//! The `break_glass:` block: who may agree in an emergency, for how short a time, and who looks at it afterwards.

use super::{Defaults, within};
use crate::escalation::requirement::{Requirement, RoleName};
use crate::escalation::{BreakGlass, OnTimeout};
use crate::policy::keys::{BREAK_GLASS, REVIEW};
use crate::policy::parse::Node;
use crate::policy::read::{Fields, out_of_range};
use crate::policy::source::{At, Fault, Problem};
use crate::token::Assurance;
use core::time::Duration;

const FIVE_MINUTES: Duration = Duration::from_secs(5 * 60);
const FIFTEEN_MINUTES: u64 = 15 * 60;
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
const THIRTY_DAYS: u64 = 30 * 24 * 60 * 60;

impl Defaults {
    /// The block within the escalation's own fields.
    pub(super) fn break_glass(
        &self,
        node: &Node,
        escalation: &Fields<'_>,
        roles: &[(RoleName, At)],
    ) -> Result<BreakGlass, Fault> {
        let fields = Fields::of(node, &BREAK_GLASS)?;
        if self.on_timeout == OnTimeout::Allow {
            let at = escalation.key("break_glass").map_or(node.at, |key| key.at);
            return Err(Fault::new(at, Problem::NotBeside("break_glass", "timeout_action: allow")));
        }
        // Fewer people are asked for, so each has to be known as surely as anybody can be.
        let signed = Self { assurance: Assurance::Signed, ..self.clone() };
        let requirement = signed.other_party(&fields, node.at, roles)?;
        if requirement.seats().iter().any(|seat| seat.assurance() != Assurance::Signed) {
            let at = fields.get("assurance").map_or(node.at, |node| node.at);
            return Err(Fault::new(at, Problem::EmergencyNotSigned));
        }
        let execute_within = match fields.get("execute_within") {
            None => FIVE_MINUTES.min(self.execute_within),
            Some(node) => {
                let span = within(node, FIFTEEN_MINUTES, "at most `15m`")?;
                if span > self.execute_within {
                    return Err(out_of_range(node, "at most the ordinary `execute_within`"));
                }
                span
            }
        };
        let review = fields.required("review")?;
        let due = |node| within(node, THIRTY_DAYS, "at most `30d`");
        Ok(BreakGlass {
            requirement,
            execute_within,
            review: self.review(review, roles)?,
            review_within: fields.read("review_within", due)?.unwrap_or(A_DAY),
        })
    }

    /// `review:`, any one of whom reviews it.
    fn review(&self, node: &Node, roles: &[(RoleName, At)]) -> Result<Requirement, Fault> {
        let fields = Fields::of(node, &REVIEW)?;
        fields.required("reviewers")?;
        // It is no vote, so that there is nothing to sign: whoever is signed in can do it.
        let unsigned = Self { assurance: Assurance::Session, ..self.clone() };
        let requirement = unsigned.other_party(&fields, node.at, roles)?;
        match (
            requirement.seats().iter().any(|seat| seat.assurance() > Assurance::Session),
            fields.get("assurance"),
        ) {
            (true, Some(node)) => Err(out_of_range(node, "at most `session`: nobody signs a review")),
            (true, None) | (false, _) => Ok(requirement),
        }
    }
}
