//! Steps 13, 18, 19 and 21: times, possession, revocations, single use.

use super::good::proof;
use super::{case, edit, edited, good_claims, minted, statement};
use crate::kit::{self, ISSUED, Key, NOW, at};
use crate::vectors::{Case, Statement};
use countersign::token::{Grant, RevocationContents};

pub fn cases() -> Vec<Case> {
    let mut cases = clocks();
    cases.extend(possession());
    cases.extend(revocations());
    cases.extend([
        Case {
            consumed_before: true,
            ..case("replay", "second-use", "the same token presented a second time")
        },
        Case {
            store: Some("unavailable".to_owned()),
            ..case("undetermined.replay_store", "unavailable", "the record of used tokens can't be written")
        },
        Case {
            store: Some("younger_than_token".to_owned()),
            ..case(
                "undetermined.replay_store",
                "younger-than-token",
                "a record in memory began after the token was issued",
            )
        },
    ]);
    cases
}

fn clocks() -> Vec<Case> {
    let exp = format!("\"exp\":{}", ISSUED + 300);
    let iat = format!("\"iat\":{ISSUED}");
    let nbf = format!("\"nbf\":{}", ISSUED - 5);
    let mut short = case("time.ttl", "executor-maximum", "longer than this executor accepts");
    short.executor.max_life = 299;
    vec![
        Case { now: None, ..case("undetermined.clock", "doubtful", "the executor's clock is in doubt") },
        Case {
            now: Some(ISSUED + 300),
            ..case("time.expired", "this-second", "now is exp: there is no grace")
        },
        edited(
            "time.expired",
            "jwt-exp_30s_ago",
            "expired 30 s ago: there is no skew on exp",
            &exp,
            &format!("\"exp\":{}", NOW - 30),
        ),
        edited("time.expired", "jwt-exp_past", "expired long ago", &exp, &format!("\"exp\":{}", NOW - 3600)),
        edited("time.not_yet", "jwt-nbf_future", "valid only later", &nbf, &format!("\"nbf\":{}", NOW + 200)),
        edited("time.not_yet", "nbf-31", "nbf is 31 s ahead", &nbf, &format!("\"nbf\":{}", NOW + 31)),
        edited(
            "time.future",
            "jwt-iat_future",
            "issued in the future",
            &iat,
            &format!("\"iat\":{}", NOW + 100),
        ),
        edited("time.future", "iat-31", "iat is 31 s ahead", &iat, &format!("\"iat\":{}", NOW + 31)),
        edited(
            "time.ttl",
            "3601",
            "one second longer than any token lives",
            &exp,
            &format!("\"exp\":{}", ISSUED + 3601),
        ),
        edited("time.ttl", "exp-before-iat", "exp is not after iat", &iat, &format!("\"iat\":{}", NOW + 20)),
        short,
    ]
    .into_iter()
    .map(|mut case| {
        // Where the token's life goes beyond its key's scope that would be the refusal: step 11 comes before 13.
        if case.name == "time.ttl--3601" {
            case.expect = "key.scope".to_owned();
            case.name = "key.scope--life-3601".to_owned();
        }
        if case.name == "time.ttl--exp-before-iat" {
            case.token = {
                let claims = edit(&good_claims(), &exp, &format!("\"exp\":{}", NOW + 10));
                kit::sidecar().token(&edit(&claims, &iat, &format!("\"iat\":{}", NOW + 20)))
            };
        }
        case
    })
    .collect()
}

fn possession() -> Vec<Case> {
    let holder = kit::holder();
    let with = |expect: &str, slug: &str, why: &str, prove: &dyn Fn(&str) -> Option<String>| {
        let mut case =
            minted(expect, slug, why, |grant: &mut Grant| grant.holder = Some(holder.public.clone()));
        case.proof = prove(&case.token);
        case
    };
    let bad = |slug: &str, why: &str, prove: &dyn Fn(&str) -> String| {
        with("pop.invalid", slug, why, &|token| Some(prove(token)))
    };
    let raw = |token: &str, from: &str, to: &str| {
        let text = edit(&kit::claims_of(&proof(token, &holder, NOW)), from, to);
        holder.jws(&holder.header("countersign-pop+jwt"), text.as_bytes())
    };
    vec![
        with("pop.missing", "absent", "cnf, and no proof", &|_| None),
        bad("garbage", "no proof at all", &|_| "garbage".to_owned()),
        bad("other-key", "signed by another key", &|token| proof(token, &Key::named("thief"), NOW)),
        bad("other-key-same-kid", "another key's signature under the holder's id", &|token| {
            let text = kit::claims_of(&proof(token, &holder, NOW));
            Key::named("thief").jws(&holder.header("countersign-pop+jwt"), text.as_bytes())
        }),
        bad("stale", "61 s old", &|token| proof(token, &holder, NOW - 61)),
        bad("future", "31 s ahead", &|token| proof(token, &holder, NOW + 31)),
        bad("other-token", "made for another token", &|token| {
            raw(token, "BwcHBwcHBwcHBwcHBwcHBw", "CAgICAgICAgICAgICAgICA")
        }),
        bad("other-operation", "made for another operation", &|token| {
            let text = kit::claims_of(&proof(token, &holder, NOW));
            let digest = text.split_once("\"cs_op\":\"").unwrap().1.split_once('"').unwrap().0.to_owned();
            raw(token, &format!("\"cs_op\":\"{digest}\""), &format!("\"cs_op\":\"{}\"", "A".repeat(43)))
        }),
        bad("other-executor", "made for another executor", &|token| {
            raw(token, "https://exec.acme.example/k8s#", "https://exec.acme.example/db#")
        }),
        bad("unexpected", "a claim that a proof does not have", &|token| {
            raw(token, "\"iat\"", "\"exp\":1,\"iat\"")
        }),
        bad("token-as-proof", "a token in the proof's place", &|token| token.to_owned()),
        bad("wrong-type", "an authority token's type", &|token| {
            let text = kit::claims_of(&proof(token, &holder, NOW));
            holder.jws(&holder.header("countersign-authority+jwt"), text.as_bytes())
        }),
    ]
}

fn revocations() -> Vec<Case> {
    let signed = |contents: &RevocationContents| -> Option<Statement> {
        let issuer = kit::issuer();
        let token = issuer.sign(contents.signing_input(&issuer.public).unwrap());
        statement(token, vec![kit::issuer_certificate()])
    };
    let with = |expect: &str, slug: &str, why: &str, revocations: Option<Statement>| {
        let mut case = case(expect, slug, why);
        case.executor.revocations = revocations;
        case.executor.revocations_max_age = Some(300);
        case
    };
    let revoked = |slug: &str, why: &str, change: &dyn Fn(&mut RevocationContents)| {
        let mut contents = kit::revocation_contents();
        change(&mut contents);
        with("revoked", slug, why, signed(&contents))
    };
    let stale = |slug: &str, why: &str, change: &dyn Fn(&mut RevocationContents)| {
        let mut contents = kit::revocation_contents();
        change(&mut contents);
        with("undetermined.revocation", slug, why, signed(&contents))
    };
    let grant = kit::grant();
    let mut rolled_back = with(
        "undetermined.revocation",
        "rolled-back",
        "a lower number than was seen before",
        signed(&kit::revocation_contents()),
    );
    rolled_back.executor.revocations.as_mut().unwrap().last_seq = Some(6);
    let thief = Key::named("thief");
    let forged = thief.sign(kit::revocation_contents().signing_input(&thief.public).unwrap());
    let mut not_required =
        revoked("not-required", "no age is asked for, and it is revoked all the same", &|contents| {
            contents.tokens.insert(grant.jti);
        });
    not_required.executor.revocations_max_age = None;
    vec![
        revoked("token", "the token is revoked", &|contents| {
            contents.tokens.insert(grant.jti);
        }),
        revoked("decision", "the decision is revoked", &|contents| {
            contents.decisions.insert(grant.txn);
        }),
        revoked("agent", "the agent is suspended", &|contents| {
            contents.agents.insert(grant.subject.clone());
        }),
        revoked("key", "the sidecar's key is revoked", &|contents| {
            contents.keys.insert(kit::sidecar().public.id());
        }),
        revoked("issuer-key", "the issuer's key is revoked, and so is what it certified", &|contents| {
            contents.keys.insert(kit::issuer().public.id());
        }),
        revoked("issued-before", "everything issued before a moment is revoked", &|contents| {
            contents.not_before = Some(at(ISSUED + 1));
        }),
        not_required,
        with("undetermined.revocation", "missing", "a snapshot is required and there is none", None),
        stale("too-old", "older than this executor accepts", &|contents| contents.issued_at = at(NOW - 301)),
        stale("expired", "the snapshot has expired", &|contents| contents.expires_at = at(NOW)),
        stale("other-domain", "of another trust domain", &|contents| {
            contents.domain = countersign::party::TrustDomain::new("https://evil.example").unwrap();
        }),
        rolled_back,
        with(
            "undetermined.revocation",
            "forged",
            "signed by nobody who is pinned",
            statement(forged, Vec::new()),
        ),
        with("undetermined.revocation", "signed-by-sidecar", "a sidecar's key revokes nothing", {
            let key = kit::sidecar();
            let input = kit::revocation_contents().signing_input(&key.public).unwrap();
            statement(key.sign(input), vec![kit::issuer_certificate(), kit::sidecar_certificate()])
        }),
        with(
            "undetermined.revocation",
            "a-token",
            "a token in its place",
            statement(case("accept", "", "").token, Vec::new()),
        ),
    ]
}
