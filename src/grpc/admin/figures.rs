//! Incidents, statistics and advice on the wire.

use crate::audit::analytics::{Every, Settings};
use crate::audit::event::{Incident, IncidentSeverity};
use crate::grpc::convert;
use crate::moment::Moment;
use crate::party::TxnId;
use crate::proto;
use crate::risk::calendar::Calendar;
use serde::Serialize;
use tonic::Status;

/// The longest account of an incident, in bytes.
const MAX_WHAT: usize = 4096;

/// An incident as an operator reports it.
pub(super) fn incident(wire: &proto::ReportIncidentRequest, by: String) -> Result<Incident, Status> {
    let txn = TxnId::parse(&wire.decision_id);
    let txn = txn.ok_or_else(|| convert::invalid("`decision_id` is not an id of the form `txn_…`"))?;
    let severity = match wire.severity() {
        proto::IncidentSeverity::Minor => IncidentSeverity::Minor,
        proto::IncidentSeverity::Major => IncidentSeverity::Major,
        proto::IncidentSeverity::Critical => IncidentSeverity::Critical,
        proto::IncidentSeverity::Unspecified => return Err(convert::invalid("`severity` is missing")),
    };
    let what = wire.what.trim();
    if what.is_empty() || what.len() > MAX_WHAT {
        return Err(convert::invalid(format!("`what` is empty or longer than {MAX_WHAT} bytes")));
    }
    Ok(Incident { txn, severity, by, what: what.to_owned() })
}

/// What is to be counted; `None` for everything by UTC, which is kept.
pub(super) fn settings(wire: Option<proto::StatisticsOf>) -> Result<Option<Settings>, Status> {
    let Some(wire) = wire.filter(|wire| *wire != proto::StatisticsOf::default()) else { return Ok(None) };
    let moment = |millis: u64| (millis != 0).then(|| Moment::from_unix_millis(millis));
    let mut clock = Calendar::default();
    if !wire.zone.is_empty() {
        let zone = Calendar::zone(&wire.zone);
        clock.set_zone(zone.ok_or_else(|| convert::invalid("`of.zone` is no time zone"))?);
    }
    Ok(Some(Settings {
        since: moment(wire.since),
        until: moment(wire.until),
        clock,
        zone: wire.zone.into(),
        every: if wire.weekly { Every::Week } else { Every::Day },
        ..Settings::default()
    }))
}

/// As JSON, in the form that `countersign stats --json` prints.
pub(super) fn json(of: &impl Serialize) -> Result<Vec<u8>, Status> {
    serde_json::to_vec(of).map_err(|error| {
        tracing::error!(%error, "figures could not be written");
        Status::internal("the figures could not be written")
    })
}
