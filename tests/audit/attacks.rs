//! What the holder of the log's key could put into it, each thing with the code under which it is found.

use crate::forged::{Forged, sign, suspension};
use crate::support::{POLICY, key};
use countersign::audit::event::{Event, Outcome, Reported};
use countersign::decision;
use countersign::digest::OperationDigest;
use countersign::escalation::vote::Nonce;
use countersign::escalation::{Event as Step, Status};
use countersign::moment::Moment;
use countersign::operation::json::Value;
use countersign::party::{EscalationId, PersonId, TokenId};
use countersign::policy::Policy;
use countersign::token::Assurance;
use std::time::Duration;

/// What is done to the record, the code under which it is found, and the place where.
pub(crate) type Attack = (&'static str, &'static str, fn(&mut Forged) -> usize);

pub(crate) const ATTACKS: &[Attack] = &[
    ("a token without a decision", "mint.without_decision", |forged| {
        let mint = forged.free_mint();
        forged.records.remove(mint - 1);
        mint - 1
    }),
    ("a token for what was denied", "mint.denied", |forged| {
        let mint = forged.free_mint();
        forged.decided(mint - 1).decision.outcome = decision::Outcome::Deny;
        mint
    }),
    ("two tokens for one decision", "mint.twice", |forged| {
        let mint = forged.free_mint();
        let again = forged.records[mint].event.clone();
        forged.insert(mint + 1, again);
        mint + 1
    }),
    ("two tokens of one single-use key", "mint.same_key_of_use", |forged| {
        let first = forged.free_mint();
        let jti = forged.minted(first).jti;
        let second = first
            + 1
            + forged.records[first + 1..]
                .iter()
                .position(
                    |record| matches!(&record.event, Event::Minted(minted) if minted.escalation.is_none()),
                )
                .unwrap();
        forged.minted(second).jti = jti;
        forged.claim(second, "jti", Some(Value::from(jti.to_string())));
        second
    }),
    ("a token without anybody's vote", "mint.without_approval", |forged| {
        let (id, _) = forged.course(Status::Claimed, 1);
        forged.records.retain(|record| {
            !matches!(&record.event, Event::Escalation { id: of, step: Step::Voted(_) | Step::Approved(_) | Step::Claimed { .. } } if *of == id)
        });
        forged.mint_of(id)
    }),
    ("an approval without the vote it names", "approval.without_vote", |forged| {
        let (id, _) = forged.course(Status::Claimed, 1);
        let vote = forged.place_of(id, |step| matches!(step, Step::Voted(_)));
        forged.records.remove(vote);
        forged.place_of(id, |step| matches!(step, Step::Approved(_)))
    }),
    ("one vote where two people must agree", "approval.too_few", |forged| {
        let (id, _) = forged.course(Status::Claimed, 2);
        let vote = forged.place_of(id, |step| matches!(step, Step::Voted(_)));
        let gone = forged.cast(vote).person().clone();
        forged.records.remove(vote);
        let approved = forged.place_of(id, |step| matches!(step, Step::Approved(_)));
        let Event::Escalation { step: Step::Approved(grant), .. } = &mut forged.records[approved].event
        else {
            panic!()
        };
        grant.seated.retain(|seated| seated.person != gone);
        approved
    }),
    ("one person in two seats", "approval.one_person_twice", |forged| {
        let (id, _) = forged.course(Status::Claimed, 2);
        let approved = forged.place_of(id, |step| matches!(step, Step::Approved(_)));
        let Event::Escalation { step: Step::Approved(grant), .. } = &mut forged.records[approved].event
        else {
            panic!()
        };
        grant.seated[1] = grant.seated[0].clone();
        approved
    }),
    ("one person's vote twice", "vote.already_voted", |forged| {
        let (id, _) = forged.course(Status::Claimed, 2);
        let first = forged.place_of(id, |step| matches!(step, Step::Voted(_)));
        let mut again = forged.cast(first).clone();
        again.statement.nonce = Nonce::from_random([42; 16]);
        sign(&mut again, "ada");
        forged.insert(first + 1, Event::Escalation { id, step: Step::Voted(Box::new(again)) });
        first + 1
    }),
    ("a vote for another operation", "vote.other_operation", |forged| {
        let (id, _) = forged.course(Status::Claimed, 1);
        let vote = forged.place_of(id, |step| matches!(step, Step::Voted(_)));
        let cast = forged.cast(vote);
        cast.statement.operation = OperationDigest::from_bytes([7; 32]);
        sign(cast, "ada");
        vote
    }),
    ("a vote on another escalation", "vote.other_escalation", |forged| {
        let (id, _) = forged.course(Status::Claimed, 1);
        let vote = forged.place_of(id, |step| matches!(step, Step::Voted(_)));
        let cast = forged.cast(vote);
        cast.statement.escalation = EscalationId::from_random([7; 16]);
        sign(cast, "ada");
        vote
    }),
    ("a vote under a policy that was not in force", "vote.other_policy", |forged| {
        let (id, _) = forged.course(Status::Claimed, 1);
        let vote = forged.place_of(id, |step| matches!(step, Step::Voted(_)));
        let cast = forged.cast(vote);
        cast.statement.policy = Policy::digest_of("another");
        sign(cast, "ada");
        vote
    }),
    ("a vote in ada's name by somebody else's key", "vote.not_signed", |forged| {
        let (id, _) = forged.course(Status::Claimed, 1);
        let vote = forged.place_of(id, |step| matches!(step, Step::Voted(_)));
        sign(forged.cast(vote), "grace");
        vote
    }),
    ("a vote that the service says it took", "vote.insufficient_assurance", |forged| {
        let (id, _) = forged.course(Status::Claimed, 1);
        let vote = forged.place_of(id, |step| matches!(step, Step::Voted(_)));
        let cast = forged.cast(vote);
        (cast.assurance, cast.signature) = (Assurance::Session, None);
        vote
    }),
    ("a vote of somebody who is not asked", "vote.not_in_pool", |forged| {
        let (id, _) = forged.course(Status::Claimed, 2);
        let vote = forged.place_of(id, |step| matches!(step, Step::Voted(_)));
        let cast = forged.cast(vote);
        cast.statement.reviewer = PersonId::new("linus").unwrap();
        sign(cast, "linus");
        vote
    }),
    ("a vote after the deadline", "vote.late", |forged| {
        let (id, _) = forged.course(Status::Claimed, 1);
        let vote = forged.place_of(id, |step| matches!(step, Step::Voted(_)));
        for place in vote..forged.records.len() {
            forged.records[place].at = forged.records[place].at.plus(Duration::from_secs(24 * 3600));
        }
        let later = forged.records[vote].at;
        let cast = forged.cast(vote);
        (cast.at, cast.statement.time) = (later, later);
        sign(cast, "ada");
        vote
    }),
    ("an approval after a denial", "approval.after_denial", |forged| {
        let (denied, places) = forged.course(Status::Denied, 2);
        let (claimed, _) = forged.course(Status::Claimed, 2);
        let approved = forged.place_of(claimed, |step| matches!(step, Step::Approved(_)));
        let Event::Escalation { step, .. } = forged.records[approved].event.clone() else { panic!() };
        let end = places.last().unwrap() + 1;
        forged.insert(end, Event::Escalation { id: denied, step });
        end
    }),
    ("a token for a drill", "mint.drill", |forged| {
        let drill = forged.find(|event| matches!(event, Event::Drill { .. }));
        let Event::Drill { proposal, .. } = &forged.records[drill].event else { panic!() };
        let txn = proposal.txn;
        let mut minted = forged.records[forged.free_mint()].event.clone();
        let Event::Minted(mint) = &mut minted else { panic!() };
        mint.txn = txn;
        forged.insert(drill + 1, minted);
        drill + 1
    }),
    ("a token for another operation", "mint.other_operation", |forged| {
        let mint = forged.free_mint();
        forged.claim(mint, "cs_op", Some(Value::from(OperationDigest::from_bytes([3; 32]).to_string())));
        mint
    }),
    ("a token for another executor", "mint.other_executor", |forged| {
        let mint = forged.free_mint();
        forged.claim(mint, "aud", Some(Value::from("exec:other")));
        mint
    }),
    ("a token for another agent", "mint.other_claims", |forged| {
        let mint = forged.free_mint();
        forged.claim(mint, "sub", Some(Value::from("agent:other")));
        mint
    }),
    ("a token that lives longer", "mint.life", |forged| {
        let mint = forged.free_mint();
        let claims: serde_json::Value = serde_json::from_str(&forged.minted(mint).claims).unwrap();
        forged.claim(mint, "exp", Some(Value::from(claims["iat"].as_u64().unwrap() + 3000)));
        mint
    }),
    ("a token without the reviewer's condition", "mint.condition_dropped", |forged| {
        let mint =
            forged.find(|event| matches!(event, Event::Minted(minted) if minted.claims.contains("cs_cond")));
        forged.claim(mint, "cs_cond", None);
        mint
    }),
    ("a token that hides who agreed", "mint.other_approvals", |forged| {
        let (id, _) = forged.course(Status::Claimed, 2);
        let mint = forged.mint_of(id);
        forged.claim(mint, "cs_appr", None);
        mint
    }),
    ("a token by a key that nobody certified", "mint.unknown_key", |forged| {
        let mint = forged.free_mint();
        let other = key("mallory").public_key().to_line();
        let bytes = countersign::digest::sha256(&[other.as_bytes()]);
        forged.minted(mint).kid = countersign::digest::KeyId::from_bytes(bytes);
        mint
    }),
    ("a token by a key that was revoked", "mint.revoked_key", |forged| {
        let mint = forged.free_mint();
        let kid = forged.minted(mint).kid;
        forged.insert(mint - 1, Event::KeyRevoked { kid });
        mint + 1
    }),
    ("a token while everything is suspended", "mint.suspended", |forged| {
        let mint = forged.free_mint();
        forged.insert(mint, Event::Suspended { suspension: Box::new(suspension()) });
        mint + 1
    }),
    ("a decision that allows what is suspended", "decision.suspended", |forged| {
        let mint = forged.free_mint();
        forged.insert(mint - 1, Event::Suspended { suspension: Box::new(suspension()) });
        mint
    }),
    ("a suspension that ends by itself too early", "suspension.lifted_early", |forged| {
        let resumed = forged.find(|event| matches!(event, Event::Resumed { .. }));
        let Event::Resumed { by, .. } = &mut forged.records[resumed].event else { panic!() };
        *by = None;
        resumed
    }),
    ("an operation that is not the one that was hashed", "decision.other_digest", |forged| {
        let mint = forged.free_mint();
        let decided = forged.decided(mint - 1);
        decided.op = decided.op.replace("\"limit\":10", "\"limit\":11");
        mint - 1
    }),
    ("a decision under another policy", "decision.other_policy", |forged| {
        let mint = forged.free_mint();
        forged.decided(mint - 1).decision.policy = Policy::digest_of("another");
        mint - 1
    }),
    ("a decision that its rule does not say", "decision.against_policy", |forged| {
        let mint = forged.free_mint();
        forged.decided(mint - 1).decision.rule = Some("no-wildcard-deletes".to_owned());
        mint - 1
    }),
    ("a policy that nobody approved", "policy.unapproved", |forged| {
        let loaded = forged.find(|event| matches!(event, Event::PolicyLoaded { approved: Some(_), .. }));
        let Event::PolicyLoaded { approved, .. } = &mut forged.records[loaded].event else { panic!() };
        *approved = None;
        loaded
    }),
    ("another policy than the one that was approved", "policy.other_approved", |forged| {
        let loaded = forged.find(|event| matches!(event, Event::PolicyLoaded { approved: Some(_), .. }));
        let Event::PolicyLoaded { digest, text, .. } = &mut forged.records[loaded].event else { panic!() };
        *text = POLICY.to_owned() + "\n# and one thing more\n";
        *digest = Policy::digest_of(text);
        loaded
    }),
    ("a policy under another's digest", "policy.other_digest", |forged| {
        let loaded = forged.find(|event| matches!(event, Event::PolicyLoaded { .. }));
        let Event::PolicyLoaded { text, .. } = &mut forged.records[loaded].event else { panic!() };
        text.push_str("# softer\n");
        loaded
    }),
    ("a roster that nobody approved", "policy.unapproved", |forged| {
        let mint = forged.free_mint();
        let text = crate::support::roster(&[("mallory", "oncall, platform-lead")]);
        forged.insert(mint + 1, Event::RosterLoaded { text, approved: None });
        mint + 1
    }),
    ("a key that no root certified", "key.uncertified", |forged| {
        let certified = forged.find(|event| matches!(event, Event::KeyCertified { .. }));
        let Event::KeyCertified { certificate, .. } = &mut forged.records[certified].event else { panic!() };
        let place = certificate.len() - 10;
        let other = if certificate.as_bytes()[place] == b'A' { "B" } else { "A" };
        certificate.replace_range(place..=place, other);
        certified
    }),
    ("something put back in time", "time.backwards", |forged| {
        let mint = forged.free_mint() + 10;
        forged.records[mint].at = forged.records[mint].at.minus(Duration::from_secs(3600));
        mint
    }),
    ("a vote dated back", "time.other", |forged| {
        let (id, _) = forged.course(Status::Claimed, 1);
        let vote = forged.place_of(id, |step| matches!(step, Step::Voted(_)));
        forged.cast(vote).at = Moment::from_unix_seconds(1_000_000);
        vote
    }),
    ("people who were asked about something else", "escalation.other_opening", |forged| {
        let (id, places) = forged.course(Status::Claimed, 1);
        let Event::Escalation { step: Step::Opened(opening), .. } = &mut forged.records[places[0]].event
        else {
            panic!()
        };
        assert_eq!(opening.id, id);
        opening.terms.min_review = Duration::from_secs(0);
        opening.terms.decide_within = Duration::from_secs(7);
        places[0]
    }),
    ("a use that was never allowed", "receipt.without_mint", |forged| {
        let mint = forged.conditional_mint();
        forged.use_of(mint, 3, |claims| claims["jti"] = TokenId::from_random([5; 16]).to_string().into())
    }),
    ("a token that was used twice", "receipt.twice", |forged| {
        let mint = forged.free_mint();
        forged.use_of(mint, 3, |_| ());
        forged.use_of(mint, 4, |_| ())
    }),
    ("another operation than the token was for", "receipt.other_operation", |forged| {
        let mint = forged.free_mint();
        forged.use_of(mint, 3, |claims| {
            claims["cs_op"] = OperationDigest::from_bytes([3; 32]).to_string().into()
        })
    }),
    ("a use after the token had expired", "receipt.outside_life", |forged| {
        let mint = forged.free_mint();
        for later in &mut forged.records[mint + 1..] {
            later.at = later.at.plus(Duration::from_secs(3600));
        }
        forged.use_of(mint, 1800, |_| ())
    }),
    ("a use that does not keep to the condition", "receipt.outside_conditions", |forged| {
        let mint = forged.conditional_mint();
        forged.use_of(mint, 3, |claims| {
            claims["cs_disch"] = serde_json::json!(["canary"]);
            claims["cs_facts"] = serde_json::json!({"all_targets": 10, "targets": 5});
        })
    }),
    ("a use that says nothing of the condition", "receipt.outside_conditions", |forged| {
        let mint = forged.conditional_mint();
        forged.use_of(mint, 3, |_| ())
    }),
    ("a receipt that nobody signed", "receipt.not_signed", |forged| {
        let mint = forged.free_mint();
        let place = forged.use_of(mint, 3, |_| ());
        let Event::Receipted(receipted) = &mut forged.records[place].event else { panic!() };
        receipted
            .receipt
            .replace_range(100..101, if &receipted.receipt[100..101] == "A" { "B" } else { "A" });
        place
    }),
    ("a record that says otherwise than the receipt in it", "receipt.other_claims", |forged| {
        let mint = forged.free_mint();
        let place = forged.use_of(mint, 3, |_| ());
        let Event::Receipted(receipted) = &mut forged.records[place].event else { panic!() };
        receipted.outcome = Outcome::Failed;
        place
    }),
    ("an agent that says otherwise than the executor", "report.contradicted", |forged| {
        let mint = forged.free_mint();
        let place = forged.use_of(mint, 3, |_| ());
        let decided = forged.decided(mint - 1);
        let (txn, agent) = (decided.txn, decided.agent.clone());
        let (code, detail) = (String::new(), String::new());
        let reported = forged.find(|event| matches!(event, Event::Reported(reported) if reported.txn == txn));
        forged.records.remove(reported);
        forged
            .insert(place, Event::Reported(Reported { txn, agent, outcome: Outcome::Failed, code, detail }));
        place
    }),
    ("an agent that did what it was denied", "report.without_mint", |forged| {
        let denied =
            forged.find(|event| matches!(event, Event::Decided(decided) if decided.decision.denies()));
        let decided = forged.decided(denied);
        let (txn, agent) = (decided.txn, decided.agent.clone());
        let (code, detail) = (String::new(), String::new());
        let reported = Reported { txn, agent, outcome: Outcome::Succeeded, code, detail };
        forged.insert(denied + 1, Event::Reported(reported));
        denied + 1
    }),
];
