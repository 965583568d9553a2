//! What a receipt says, and every way in which one is refused.

use super::{anchor, begun, certificates, certified, executor_key, sign, verified};
use crate::kit::{self, EXECUTOR, HOUR, Key, NOW, at, claims_of};
use countersign::condition::{
    Amount, Condition, ConditionKind, Currency, ExecutionFacts, Limit, Rate, Unmet,
};
use countersign::digest::KeyId;
use countersign::token::{
    Algorithm, CertificateError, CertifiedKey, MAX_RECEIPT, ReceiptClaims, ReceiptError, UseOutcome,
};
use proptest::prelude::*;

fn read_with(receipt: &str, certificates: &[String]) -> Result<ReceiptClaims, ReceiptError> {
    let certificates: Vec<&str> = certificates.iter().map(String::as_str).collect();
    ReceiptClaims::read(receipt, &certificates, &anchor(), |_| false, at(NOW + 60))
}

fn read(receipt: &str) -> Result<ReceiptClaims, ReceiptError> {
    read_with(receipt, &certificates())
}

/// The code with which it is refused.
fn code(receipt: &str) -> &'static str {
    read(receipt).map_or_else(|error| error.code(), |_| "accept")
}

/// A receipt of the executor's key with these claims, whatever they are.
fn raw(claims: &str) -> String {
    let key = executor_key();
    key.jws(&key.header("countersign-receipt+jwt"), claims.as_bytes())
}

fn succeeded() -> String {
    sign(&begun().ended(UseOutcome::Succeeded, at(NOW + 7)), &executor_key())
}

#[test]
fn a_receipt_says_what_was_verified_and_how_it_ended() {
    let (before, after) = (sign(&begun(), &executor_key()), succeeded());
    let said = read(&before).unwrap();
    assert_eq!((said.outcome, said.ended, said.issued_at), (UseOutcome::Unknown, None, at(NOW)));
    let said = read(&after).unwrap();
    assert_eq!((said.outcome, said.ended), (UseOutcome::Succeeded, Some(at(NOW + 7))));
    assert_eq!((said.began, said.issued_at), (at(NOW), at(NOW + 7)));
    let granted = kit::grant();
    assert_eq!((said.jti, said.txn, said.operation), (granted.jti, granted.txn, granted.operation));
    assert_eq!((said.executor.as_str(), said.domain), (EXECUTOR, kit::domain()));
    assert!(said.discharged.is_empty());
    // The same use, key and time give the same bytes.
    assert_eq!(after, succeeded());
    // A clock that was set back does not make it end before it began.
    let early = sign(&begun().ended(UseOutcome::Failed, at(NOW - 9)), &executor_key());
    assert_eq!(read(&early).unwrap().ended, Some(at(NOW)));
}

#[test]
fn what_conditions_ask_for_is_in_it_and_nothing_else() {
    let mut grant = kit::grant();
    let all = [
        "canary:max_percent=10",
        "mask:fields=email+ssn",
        "row_limit:max=100",
        "max_amount:currency=EUR,minor=5000",
        "dry_run",
        "rate:max=10,per_s=60",
        "rollback_within:s=300",
        "online_consume",
    ];
    grant.conditions = all.map(kit::condition).to_vec();
    let limit = |n| Limit::new(n).unwrap();
    let facts = ExecutionFacts {
        targets: Some(2),
        all_targets: Some(20),
        masked: Some(vec!["email".into(), "name".into(), "ssn".into()]),
        rows: Some(100),
        amount: Amount::new(Currency::parse("EUR").unwrap(), 4999),
        dry_run: Some(true),
        rate: Some(Rate::new(limit(10), limit(60))),
        rollback_s: Some(299),
        consumed_online: Some(true),
        ..ExecutionFacts::default()
    };
    let verified = verified(&grant, &facts);
    let receipt = countersign::token::Receipt::begun(&verified, &facts, at(NOW)).unwrap();
    let said = read(&sign(&receipt, &executor_key())).unwrap();
    assert_eq!(&said, receipt.claims());
    assert_eq!(said.discharged.len(), all.len());
    assert_eq!(said.facts.masked, Some(vec!["email".to_owned(), "ssn".to_owned()]), "not the third");
    for condition in &grant.conditions {
        assert_eq!(said.meets(condition), Ok(()), "{condition:?}");
    }
    // What was touched, not what had been planned.
    let touched = ExecutionFacts { targets: Some(3), ..facts };
    let receipt = countersign::token::Receipt::begun(&verified, &touched, at(NOW)).unwrap();
    let said = read(&sign(&receipt, &executor_key())).unwrap();
    assert_eq!(said.meets(&grant.conditions[0]), Err(Unmet::NotMet(ConditionKind::Canary)));
    let silent = countersign::token::Receipt::begun(&verified, &ExecutionFacts::default(), at(NOW)).unwrap();
    let said = read(&sign(&silent, &executor_key())).unwrap();
    assert_eq!(said.meets(&grant.conditions[0]), Err(Unmet::MissingFact(ConditionKind::Canary)));
}

#[test]
fn names_of_targets_are_hashed_and_a_window_is_judged_by_when_it_began() {
    let names: Vec<String> = (0..5000).map(|n| format!("host-{n}")).collect();
    let digest = countersign::condition::target_digest(names.iter().map(String::as_str)).unwrap();
    let subset = Condition::TargetSubset(digest);
    let mut grant = kit::grant();
    grant.conditions = vec![subset.clone()];
    let facts = ExecutionFacts { target_names: Some(names), ..ExecutionFacts::default() };
    let receipt = countersign::token::Receipt::begun(&verified(&grant, &facts), &facts, at(NOW)).unwrap();
    let text = sign(&receipt, &executor_key());
    assert!(text.len() < 1500);
    let said = read(&text).unwrap();
    assert_eq!((said.meets(&subset), said.facts.targets), (Ok(()), Some(5000)));
    let other = Condition::TargetSubset(countersign::condition::target_digest(["x"]).unwrap());
    assert_eq!(said.meets(&other), Err(Unmet::NotMet(ConditionKind::TargetSubset)));
    let window = |from, until| {
        Condition::TimeWindow(countersign::condition::TimeWindow::new(at(from), at(until)).unwrap())
    };
    assert_eq!(said.meets(&window(NOW, NOW + 1)), Ok(()));
    assert_eq!(said.meets(&window(NOW + 1, NOW + 2)), Err(Unmet::NotMet(ConditionKind::TimeWindow)));
}

#[test]
fn nobody_but_the_executor_signs_for_it() {
    let good = succeeded();
    let receipt = begun();
    let (key, issuer) = (executor_key(), kit::issuer());
    let certificates_of =
        |certified: CertifiedKey| vec![kit::issuer_certificate(), kit::certify("x", certified, &issuer)];
    let of = |change: &dyn Fn(&mut CertifiedKey)| {
        let mut certified = certified(EXECUTOR);
        change(&mut certified);
        certificates_of(certified)
    };
    let refused = |receipt: &str, certificates: &[String]| read_with(receipt, certificates).unwrap_err();
    // The agent, a thief, the sidecar, the issuer, the root: each with their own certificates.
    assert_eq!(
        refused(&sign(&receipt, &Key::named("thief")), &certificates()),
        ReceiptError::KeyUnknown(None)
    );
    let sidecar = [kit::issuer_certificate(), kit::sidecar_certificate()];
    let by_sidecar = sign(&receipt, &kit::sidecar());
    assert_eq!(refused(&by_sidecar, &sidecar).code(), "key.unknown");
    assert_eq!(refused(&by_sidecar, &sidecar), ReceiptError::KeyUnknown(Some(CertificateError::Use)));
    let issuer_alone = [kit::issuer_certificate()];
    assert_eq!(refused(&sign(&receipt, &issuer), &issuer_alone).code(), "key.unknown");
    assert_eq!(refused(&sign(&receipt, &kit::root()), &[]).code(), "key.unknown");
    assert_eq!(refused(&good, &[]), ReceiptError::KeyUnknown(None));
    let log = of(&|certified| certified.usage = countersign::token::KeyUse::Log);
    assert_eq!(refused(&good, &log), ReceiptError::KeyUnknown(Some(CertificateError::Use)));
    // Another executor's key, however good.
    let other = of(&|certified| {
        certified.scope = countersign::token::Scope::of_one("https://exec.acme.example/db").unwrap()
    });
    assert_eq!(refused(&good, &other), ReceiptError::KeyScope);
    let late = of(&|certified| certified.not_before = at(NOW + 8));
    assert_eq!(refused(&good, &late), ReceiptError::KeyExpired);
    let over = of(&|certified| certified.expires_at = at(NOW + 7));
    assert_eq!(refused(&good, &over), ReceiptError::KeyExpired);
    // Long after its key's end a receipt is still read.
    let certificates = certificates();
    let texts: Vec<&str> = certificates.iter().map(String::as_str).collect();
    let much_later = at(NOW + 900 * HOUR);
    assert!(ReceiptClaims::read(&good, &texts, &anchor(), |_| false, much_later).is_ok());
    for revoked in [key.public.id(), issuer.public.id(), kit::root().public.id()] {
        let is = |id: &KeyId| *id == revoked;
        let refused = ReceiptClaims::read(&good, &texts, &anchor(), is, at(NOW + 60)).unwrap_err();
        assert_eq!(refused, ReceiptError::KeyRevoked);
    }
    let foreign = countersign::token::Anchor::new(kit::domain(), [Key::named("other root").public]).unwrap();
    assert_eq!(
        ReceiptClaims::read(&good, &texts, &foreign, |_| false, much_later).unwrap_err().code(),
        "key.unknown"
    );
}

#[test]
fn every_other_receipt_is_refused_with_its_code() {
    let (key, good) = (executor_key(), succeeded());
    let claims = claims_of(&good);
    let edited = |from: &str, to: &str| {
        assert!(claims.contains(from), "{from} in {claims}");
        raw(&claims.replace(from, to))
    };
    assert_eq!(raw(&claims), good);
    let parts: Vec<&str> = good.split('.').collect();
    let forged = countersign::digest::base64url(claims.replace("succeeded", "failed").as_bytes());
    let ended = format!("\"cs_ended\":{}", NOW + 7);
    let rows: Vec<(&str, String)> = vec![
        ("accept", good.clone()),
        ("malformed.size", format!("{good}{}", "A".repeat(MAX_RECEIPT))),
        ("malformed.compact", String::new()),
        ("malformed.compact", format!("{good}\n")),
        ("malformed.base64", format!("{good}AAA")),
        ("malformed.header", key.jws("[]", claims.as_bytes())),
        ("header.unexpected", key.jws(r#"{"alg":"EdDSA","crit":[],"kid":"x","typ":"x"}"#, b"{}")),
        ("type.mismatch", key.token(&claims)),
        ("type.mismatch", key.jws(&key.header("countersign-pop+jwt"), claims.as_bytes())),
        (
            "key.unknown",
            Key::named("thief")
                .jws(&Key::named("thief").header("countersign-receipt+jwt"), claims.as_bytes()),
        ),
        (
            "alg.mismatch",
            Key::named_as("executor", Algorithm::Ed25519)
                .jws(&key.header("countersign-receipt+jwt").replace("EdDSA", "Ed25519"), claims.as_bytes()),
        ),
        (
            "alg.mismatch",
            key.jws(&key.header("countersign-receipt+jwt").replace("EdDSA", "none"), claims.as_bytes()),
        ),
        ("signature.invalid", format!("{}.{forged}.{}", parts[0], parts[2])),
        ("signature.invalid", format!("{}.{}.{}", parts[0], parts[1], "A".repeat(86))),
        ("malformed.claims", raw("[]")),
        ("malformed.claims", raw("{}")),
        ("malformed.claims", edited("{\"cs_began\"", "{\"iat\":1,\"cs_began\"")),
        ("malformed.claims", edited("\"succeeded\"", "\"refused\"")),
        ("malformed.claims", edited("\"succeeded\"", "\"SUCCEEDED\"")),
        ("malformed.claims", edited("\"succeeded\"", "\"unknown\"")),
        ("malformed.claims", edited(&format!("{ended},"), "")),
        ("malformed.claims", edited(&ended, "\"cs_ended\":1e400")),
        ("malformed.claims", edited(&ended, "\"cs_ended\":\"1\"")),
        ("malformed.claims", edited(&format!("{ended},"), &format!("\"cs_disch\":[],{ended},"))),
        ("malformed.claims", edited(&format!("{ended},"), &format!("\"cs_disch\":[\"x\"],{ended},"))),
        ("malformed.claims", edited(&format!("{ended},"), &format!("{ended},\"cs_facts\":{{\"admin\":1}},"))),
        (
            "malformed.claims",
            edited(&format!("{ended},"), &format!("{ended},\"cs_facts\":{{\"targets\":-1}},")),
        ),
        ("claim.unexpected", edited("{\"cs_began\"", "{\"admin\":true,\"cs_began\"")),
        ("claim.unexpected", edited("\"cs_outcome\"", "\"CS_OUTCOME\"")),
        ("version.unsupported", edited("\"cs_v\":1", "\"cs_v\":2")),
        ("issuer.mismatch", edited(kit::DOMAIN, "https://evil.example")),
        ("key.scope", edited(&format!("\"sub\":\"{EXECUTOR}\""), "\"sub\":\"https://exec.acme.example/db\"")),
        ("time.future", sign(&begun().ended(UseOutcome::Succeeded, at(NOW + 60 + 31)), &key)),
        ("time.order", edited(&ended, &format!("\"cs_ended\":{}", NOW - 1))),
        ("time.order", edited(&ended, &format!("\"cs_ended\":{}", NOW + 8))),
        ("time.order", edited(&format!("\"cs_began\":{NOW}"), &format!("\"cs_began\":{}", NOW + 30))),
    ];
    let mut codes = std::collections::BTreeSet::new();
    for (expected, receipt) in rows {
        assert_eq!(code(&receipt), expected, "{receipt}");
        codes.insert(expected);
    }
    let elsewhere =
        ["key.revoked", "key.expired", "receipt.not_minted", "receipt.other_token", "receipt.too_many"];
    for code in ReceiptError::CODES {
        assert!(codes.contains(code) || elsewhere.contains(&code), "no case has the code {code}");
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_without_panic(text in "\\PC{0,300}") {
        prop_assert!(read(&text).is_err());
    }

    #[test]
    fn signed_nonsense_is_refused_without_panic(claims in "\\PC{0,300}") {
        prop_assert!(read(&raw(&claims)).is_err());
    }

    #[test]
    fn one_changed_character_is_refused(place in 0usize..600, other in "[A-Za-z0-9_.-]") {
        let good = succeeded();
        let place = place % good.len();
        let mut changed = good.clone();
        changed.replace_range(place..=place, &other);
        prop_assert!(changed == good || read(&changed).is_err());
    }
}
