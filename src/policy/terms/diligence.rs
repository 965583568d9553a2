//! The `diligence:` block: what makes an approval a poor one, and what becomes of it (V3).

use super::{Defaults, within};
use crate::escalation::OnPoor;
use crate::escalation::requirement::RoleName;
use crate::policy::keys::{BURST, DILIGENCE, PARTY};
use crate::policy::parse::Node;
use crate::policy::read::{Fields, out_of_range, truth, whole, word};
use crate::policy::source::{At, Fault, Problem};

const AN_HOUR: u64 = 60 * 60;
/// The most characters a second, and the longest streak.
const MOST: u32 = 10_000;
/// The largest burst: as many of a reviewer's votes are remembered.
const MOST_AT_ONCE: u32 = 500;

impl Defaults {
    /// What the block says; the rest stays as it is.
    pub(super) fn read_diligence(&mut self, node: &Node, roles: &[(RoleName, At)]) -> Result<(), Fault> {
        let fields = Fields::of(node, &DILIGENCE)?;
        if let Some(on_poor) = self.on_poor(&fields, roles)? {
            self.diligence.on_poor = on_poor;
        }
        let care = &mut self.diligence;
        fields.set("must_open", &mut care.opened, truth)?;
        fields.set("must_open_evidence", &mut care.evidence, truth)?;
        fields.set("reading_speed", &mut care.reading_speed, |node| match whole::<u32>(node)? {
            speed if speed <= MOST => Ok(speed),
            _ => Err(out_of_range(node, "at most 10000 characters a second")),
        })?;
        fields
            .set("streak", &mut care.streak, |node| several(node, MOST, "0, or from 2 to 10000 approvals"))?;
        fields.set("nights", &mut care.nights, truth)?;
        if let Some(node) = fields.get("burst") {
            let burst = Fields::of(node, &BURST)?;
            let range = "0, or from 2 to 500 approvals";
            care.burst = several(burst.required("votes")?, MOST_AT_ONCE, range)?;
            care.burst_within = within(burst.required("within")?, AN_HOUR, "at most `1h`")?;
        }
        Ok(())
    }

    /// `poor_votes:`, with the seat that it may add.
    fn on_poor(&self, fields: &Fields<'_>, roles: &[(RoleName, At)]) -> Result<Option<OnPoor>, Fault> {
        const ADD_SEAT: &str = "poor_votes: add_seat";
        let names = || OnPoor::NAMES.map(str::to_owned).to_vec();
        let known = |text: &str| OnPoor::NAMES.into_iter().find(|name| *name == text);
        let says = fields.get("poor_votes").map(|node| word(node, known, names).map(|word| (word, node)));
        match (says.transpose()?, fields.get("add_seat")) {
            (Some(("add_seat", _)), Some(node)) => {
                let seat = self.other_party(&Fields::of(node, &PARTY)?, node.at, roles)?;
                Ok(Some(OnPoor::AddSeat(seat)))
            }
            (Some(("add_seat", node)), None) => {
                Err(Fault::new(node.at, Problem::NeedsBeside(ADD_SEAT, "add_seat")))
            }
            (Some(_) | None, Some(_)) => {
                let at = fields.key("add_seat").map_or_else(At::default, |key| key.at);
                Err(Fault::new(at, Problem::NeedsBeside("add_seat", ADD_SEAT)))
            }
            (Some(("ask_again", _)), None) => Ok(Some(OnPoor::AskAgain)),
            (Some(("not_count", _)), None) => Ok(Some(OnPoor::NotCount)),
            (Some(_), None) => Ok(Some(OnPoor::Flag)),
            (None, None) => Ok(None),
        }
    }
}

/// How many approvals are too many: one never is.
fn several(node: &Node, most: u32, range: &'static str) -> Result<u32, Fault> {
    let approvals = whole::<u32>(node)?;
    let fits = approvals != 1 && approvals <= most;
    if fits { Ok(approvals) } else { Err(out_of_range(node, range)) }
}
