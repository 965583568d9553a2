//! After a restart: everything that was acknowledged is asked for again.

use crate::chance::Chance;
use crate::ledger::{Answered, Case, Ledger, may_follow};
use crate::load::Connections;
use std::collections::HashMap;
use tokio::task::JoinSet;

/// What is compared.
#[derive(Clone, Default)]
pub(crate) struct Sample {
    answers: Vec<Answered>,
    cases: HashMap<String, Case>,
}

impl Sample {
    /// Everything.
    pub(crate) fn all(ledger: &Ledger) -> Self {
        let known = ledger.known();
        Self { answers: known.answers.clone(), cases: known.cases.clone() }
    }

    /// Everything since `answers`, some of what was before, and the escalations of all of them.
    pub(crate) fn recent(ledger: &Ledger, chance: &Chance, answers: usize) -> Self {
        let known = ledger.known();
        let mut chosen = known.answers[answers..].to_vec();
        for _ in 0..20.min(answers) {
            let older = usize::try_from(chance.below(answers as u64)).unwrap();
            chosen.push(known.answers[older].clone());
        }
        let ids = chosen.iter().filter_map(|answered| answered.escalation.clone());
        let cases = ids.map(|id| (id.clone(), known.cases[&id].clone())).collect();
        Self { answers: chosen, cases }
    }

    pub(crate) fn len(&self) -> usize {
        self.answers.len() + self.cases.len()
    }

    /// Asks for all of it again, a few at a time.
    pub(crate) async fn check(self, connections: &Connections) {
        let mut asked = JoinSet::new();
        for answered in self.answers {
            make_room(&mut asked).await;
            asked.spawn(answer_stays(connections.clone(), answered));
        }
        for (id, case) in self.cases {
            make_room(&mut asked).await;
            asked.spawn(case_stays(connections.clone(), id, case));
        }
        while let Some(ended) = asked.join_next().await {
            ended.unwrap();
        }
    }
}

async fn make_room(asked: &mut JoinSet<()>) {
    if asked.len() >= 16 {
        asked.join_next().await.unwrap().unwrap();
    }
}

/// The same request has the same answer and the same token.
async fn answer_stays(connections: Connections, before: Answered) {
    let agent = &connections.agents[before.agent];
    let after = agent.authorize(before.ask.clone()).await.unwrap();
    assert_eq!(after.decision, before.decision, "{}", before.ask.request_id);
    assert_eq!(after.verdict, before.verdict, "{}", before.ask.request_id);
    assert_eq!(after.grant, before.grant, "{}", before.ask.request_id);
    assert_eq!(after.pending.map(|p| p.escalation), before.escalation, "{}", before.ask.request_id);
}

/// The escalation is there, with every vote that was acknowledged, and nothing was taken back.
async fn case_stays(connections: Connections, id: String, before: Case) {
    let shown = connections.reviewer.show(&id).await.unwrap();
    for (who, approves) in &before.votes {
        let votes: Vec<_> = shown.votes.iter().filter(|vote| vote.reviewer == *who).collect();
        assert_eq!(votes.len(), 1, "the vote of {who} on {id}");
        assert_eq!(votes[0].approve, *approves, "the vote of {who} on {id}");
    }
    let status = shown.summary.status;
    if let Some(told) = before.status {
        assert!(may_follow(told, status), "{id} was {told:?} and is {status:?}");
    }
    if let Some(grant) = before.grant {
        let mut following = connections.agents[before.agent].follow(&id).await.unwrap();
        let progress = following.next().await.unwrap().unwrap();
        assert_eq!(progress.grant, Some(grant), "the token of {id}");
    }
}
