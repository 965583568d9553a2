//! The queue in messages: what is looked for, and what is found.

use crate::desk::LocalDesk;
use crate::desk::queue::{Filter, Line, NoPage, Order};
use crate::escalation;
use crate::grpc::convert;
use crate::grpc::identity::Reader;
use crate::moment::Moment;
use crate::party::PersonId;
use crate::proto;
use crate::risk::Level;
use crate::risk::pattern::Glob;
use tonic::Status;

/// How many states or levels a filter names: no more than there are, some of them twice.
const MAX_NAMED: usize = 32;

pub(super) fn filter(wire: &proto::Filter, reader: &Reader) -> Result<Filter, Status> {
    let pattern = |name: &str, text: &str| match text {
        "" => Ok(None),
        text => Glob::new(text)
            .map(Some)
            .ok_or_else(|| convert::invalid(format!("`filter.{name}` is longer than {} bytes", Glob::MAX))),
    };
    if wire.statuses.len() > MAX_NAMED || wire.levels.len() > MAX_NAMED {
        return Err(convert::invalid(format!("`filter` names more than {MAX_NAMED} states or levels")));
    }
    let moment = |millis: u64| (millis > 0).then(|| Moment::from_unix_millis(millis));
    let awaits = match (wire.mine, reader) {
        (false, _) => None,
        (true, Reader::Person(reviewer)) => Some(reviewer.person().clone()),
        (true, Reader::Connection) => return Err(Reader::nobody()),
    };
    Ok(Filter {
        statuses: wire.statuses.iter().copied().map(status).collect::<Result<_, _>>()?,
        agent: pattern("agent", &wire.agent)?,
        action: pattern("action", &wire.action)?,
        levels: wire.levels.iter().copied().map(level).collect::<Result<_, _>>()?,
        awaits,
        since: moment(wire.opened_since),
        until: moment(wire.opened_until),
    })
}

fn status(number: i32) -> Result<escalation::Status, Status> {
    use escalation::Status as Of;
    match proto::Status::try_from(number) {
        Ok(proto::Status::Pending) => Ok(Of::Pending),
        Ok(proto::Status::Approved) => Ok(Of::Approved),
        Ok(proto::Status::Denied) => Ok(Of::Denied),
        Ok(proto::Status::Expired) => Ok(Of::Expired),
        Ok(proto::Status::Cancelled) => Ok(Of::Cancelled),
        Ok(proto::Status::Blocked) => Ok(Of::Blocked),
        Ok(proto::Status::Claimed) => Ok(Of::Claimed),
        Ok(proto::Status::Lapsed) => Ok(Of::Lapsed),
        Ok(proto::Status::Unspecified) | Err(_) => {
            Err(convert::invalid("`filter.statuses` has one that is not known"))
        }
    }
}

fn level(number: i32) -> Result<Level, Status> {
    match proto::Level::try_from(number) {
        Ok(proto::Level::Low) => Ok(Level::Low),
        Ok(proto::Level::Medium) => Ok(Level::Medium),
        Ok(proto::Level::High) => Ok(Level::High),
        Ok(proto::Level::Critical) => Ok(Level::Critical),
        Ok(proto::Level::Unspecified) | Err(_) => {
            Err(convert::invalid("`filter.levels` has one that is not known"))
        }
    }
}

pub(super) fn order(number: i32) -> Result<Order, Status> {
    match proto::Order::try_from(number) {
        Ok(proto::Order::Unspecified | proto::Order::Newest) => Ok(Order::Newest),
        Ok(proto::Order::Oldest) => Ok(Order::Oldest),
        Ok(proto::Order::Urgent) => Ok(Order::Urgent),
        Err(_) => Err(convert::invalid("`order` is not one that is known")),
    }
}

pub(super) fn no_page(error: &NoPage) -> Status {
    match error {
        NoPage::Token => convert::invalid("`page_token` is not one of this list: same filter, same order"),
        NoPage::Desk(error) => convert::desk_error(error),
    }
}

pub(super) fn summary(line: &Line, reader: Option<&PersonId>, desk: &LocalDesk) -> proto::Summary {
    let (case, now) = (line.escalation.case(), desk.now());
    let opening = case.opening();
    let awaits = |person: &PersonId| desk.awaits(line, person);
    proto::Summary {
        escalation_id: line.id.to_string(),
        status: convert::status(line.escalation.status(now)).into(),
        agent: line.agent.to_string(),
        action: line.action.clone(),
        resource: line.resource.clone(),
        risk: Some(convert::risk(&line.assessment)),
        opened_at: opening.opened_at.unix_millis(),
        decide_by: opening.decide_by().unix_millis(),
        approvals: match line.escalation.hides_votes_from(reader, now) {
            true => 0,
            false => u32::try_from(case.agreed()).unwrap_or(u32::MAX),
        },
        requirement: opening.terms.requirement.to_string(),
        rule: line.rule.clone(),
        group: line.group.clone(),
        awaits_you: reader.is_some_and(awaits),
    }
}
