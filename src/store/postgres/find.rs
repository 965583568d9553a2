//! Finding decisions: what the tables can tell they tell, in order; for the rest each record is looked at, within a bound.

use super::hub::Hub;
use super::read::{column, most, places, records};
use super::rows::moment;
use crate::audit::event::{Event, Record};
use crate::audit::filter::Filter;
use crate::moment::Moment;
use crate::party::{AgentId, TxnId};
use crate::risk::pattern::Glob;
use crate::store::facts::{ActionKey, AgentKey, PersonKey};
use crate::store::{Index, Page, StoreError};
use tokio_postgres::types::ToSql;

/// How many records one page looks at: some tens of milliseconds.
const MOST_RECORDS: usize = 1_500;
/// How many are taken at once.
const AT_ONCE: usize = 250;

const CHAIN: &str = "WITH d AS (SELECT place, escalation FROM decisions WHERE txn = $1) \
     SELECT place FROM d \
     UNION SELECT m.place FROM mints m, d WHERE m.txn = $1 \
     UNION SELECT t.place FROM told t, d WHERE t.txn = $1 \
     UNION SELECT c.place FROM courses c JOIN d ON c.escalation = d.escalation \
     ORDER BY 1";
const FIRST_AT: &str = "SELECT place FROM decisions WHERE at >= $1 ORDER BY at, place LIMIT 1";

/// Where everything is recorded that belongs to a decision.
pub(super) async fn chain(hub: &Hub, txn: TxnId) -> Result<Vec<Index>, StoreError> {
    places(hub, CHAIN, &[&&txn.as_bytes()[..]]).await
}

/// The name that a pattern is, where it is no more than a name.
fn exact(pattern: Option<&Glob>) -> Option<&str> {
    pattern.map(Glob::as_str).filter(|text| !text.contains('*'))
}

/// What the tables can be asked of a filter.
struct Question {
    sql: String,
    agent: Option<[u8; 16]>,
    action: Option<[u8; 16]>,
    effect: Option<&'static str>,
    person: Option<[u8; 16]>,
    /// Whether every decision that they find is wanted.
    whole: bool,
}

impl Question {
    fn of(filter: &Filter) -> Self {
        let agent = exact(filter.agent.as_ref()).and_then(|name| AgentId::new(name).ok());
        let action = exact(filter.action.as_ref());
        let whole = filter.agent.is_some() == agent.is_some() && filter.action.is_some() == action.is_some();
        let question = Self {
            sql: String::new(),
            agent: agent.as_ref().map(|agent| *AgentKey::new(agent).as_bytes()),
            action: action.map(|action| *ActionKey::new(action).as_bytes()),
            effect: filter.effect.map(|effect| effect.as_str()),
            person: filter.reviewer.as_ref().map(|person| *PersonKey::new(person).as_bytes()),
            whole,
        };
        Self { sql: question.text(), ..question }
    }

    /// Its text: the places come first, the names after them as far as there are.
    fn text(&self) -> String {
        let mut sql = "SELECT d.place FROM decisions d".to_owned();
        let mut wheres = vec!["d.place >= $1".to_owned(), "d.place < $2".to_owned()];
        let mut next = 4;
        let mut also = |there: bool, column: &str| {
            if there {
                wheres.push(format!("{column} = ${next}"));
                next += 1;
            }
        };
        also(self.agent.is_some(), "d.agent");
        also(self.action.is_some(), "d.action");
        also(self.effect.is_some(), "d.effect");
        also(self.person.is_some(), "p.person");
        if self.person.is_some() {
            sql.push_str(" JOIN parts p ON p.place = d.place");
        }
        format!("{sql} WHERE {} ORDER BY d.place DESC LIMIT $3", wheres.join(" AND "))
    }

    /// The places of those between two that the tables find, the latest first.
    async fn ask(&self, hub: &Hub, from: Index, to: Index, limit: usize) -> Result<Vec<Index>, StoreError> {
        let (from, to, limit) = (column(from), column(to), most(limit));
        let names = [&self.agent, &self.action, &self.person].map(|name| name.as_ref().map(|name| &name[..]));
        let [agent, action, person] = &names;
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![&from, &to, &limit];
        params.extend(agent.as_ref().map(|name| name as &(dyn ToSql + Sync)));
        params.extend(action.as_ref().map(|name| name as &(dyn ToSql + Sync)));
        params.extend(self.effect.as_ref().map(|name| name as &(dyn ToSql + Sync)));
        params.extend(person.as_ref().map(|name| name as &(dyn ToSql + Sync)));
        places(hub, &self.sql, &params).await
    }
}

/// Decisions that a filter wants, recorded before a place, the latest first.
pub(super) async fn find(
    hub: &Hub,
    filter: &Filter,
    before: Option<Index>,
    limit: usize,
) -> Result<Page, StoreError> {
    let mut to = before.unwrap_or(Index::MAX);
    if let Some(until) = filter.until {
        to = to.min(first_at(hub, until).await?);
    }
    let from = match filter.from {
        Some(from) => first_at(hub, from).await?,
        None => 0,
    };
    let question = Question::of(filter);
    let (mut found, mut looked) = (Vec::new(), 0);
    while from < to {
        // One more is looked for than is wanted, to know whether there is one.
        let missing = limit.saturating_add(1).saturating_sub(found.len());
        let some = if question.whole { missing.min(MOST_RECORDS) } else { AT_ONCE };
        let next = question.ask(hub, from, to, some).await?;
        let Some(last) = next.last().copied() else { return Ok(page(found, limit, None)) };
        let more = next.len() == some;
        looked += next.len();
        to = last;
        match question.whole {
            true => found.extend(next),
            false => found.extend(wanted(hub, filter, &next).await?),
        }
        if found.len() > limit || !more {
            break;
        }
        if looked >= MOST_RECORDS {
            return Ok(page(found, limit, Some(to)));
        }
    }
    Ok(page(found, limit, None))
}

/// Those that the filter wants, as their records tell.
async fn wanted(hub: &Hub, filter: &Filter, places: &[Index]) -> Result<Vec<Index>, StoreError> {
    let read = records(hub, places).await?;
    let wants = |record: &Record| {
        if let Event::Decided(decided) = &record.event { filter.wants(decided, record.at) } else { false }
    };
    let both = places.iter().zip(&read);
    Ok(both.filter(|(_, record)| wants(record)).map(|(index, _)| *index).collect())
}

/// The first decision at this moment or later; beyond all if there is none.
async fn first_at(hub: &Hub, at: Moment) -> Result<Index, StoreError> {
    let found = places(hub, FIRST_AT, &[&moment(at)]).await?;
    Ok(found.first().copied().unwrap_or(Index::MAX))
}

/// A page; `next` is where to go on where it was not looked at everything.
fn page(mut found: Vec<Index>, limit: usize, next: Option<Index>) -> Page {
    if found.len() > limit {
        found.truncate(limit);
        let next = found.last().copied().or(next);
        return Page { indices: found, next };
    }
    Page { indices: found, next }
}
