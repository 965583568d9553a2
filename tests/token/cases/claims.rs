//! Steps 9 to 12 and 14: the claims' form, version, issuer, audience and operation.

use super::{case, conditional, edit, edited, good_claims, minted, with_token};
use crate::kit;
use crate::vectors::Case;
use countersign::operation::json::Object;

pub fn cases() -> Vec<Case> {
    let mut cases = malformed();
    cases.extend(bytes());
    cases.extend(unexpected());
    cases.extend(audiences());
    cases.extend(operations());
    cases.push(edited("version.unsupported", "two", "a later version", "\"cs_v\":1", "\"cs_v\":2"));
    cases.push(edited("version.unsupported", "zero", "no version", "\"cs_v\":1", "\"cs_v\":0"));
    cases.push(edited(
        "issuer.mismatch",
        "jwt-iss_wrong",
        "another trust domain",
        "\"iss\":\"https://acme.example\"",
        "\"iss\":\"https://evil.example\"",
    ));
    cases.push(edited(
        "issuer.mismatch",
        "trailing-slash",
        "issuers are compared byte for byte",
        "\"iss\":\"https://acme.example\"",
        "\"iss\":\"https://acme.example/\"",
    ));
    cases
}

fn malformed() -> Vec<Case> {
    let exp = format!("\"exp\":{}", kit::ISSUED + 300);
    let nbf = format!("\"nbf\":{}", kit::ISSUED - 5);
    let iat = format!("\"iat\":{}", kit::ISSUED);
    let claims = good_claims();
    let aud = claims.split_once("\"aud\":").unwrap().1.split_once(",\"cs_appr\"").unwrap().0.to_owned();
    let with = |slug: &str, why: &str, from: &str, to: &str| edited("malformed.claims", slug, why, from, to);
    let exp_as = |slug: &str, why: &str, value: &str| with(slug, why, &exp, &format!("\"exp\":{value}"));
    let aud_as = |slug: &str, why: &str, value: &str| with(slug, why, &aud, value);
    let mut cases = vec![
        exp_as("jwt-exp_string", "exp is a string", "\"1795257921\""),
        exp_as("jwt-exp_string_future", "exp is a string in the future", "\"1795259911\""),
        exp_as("jwt-exp_null", "exp is null", "null"),
        exp_as("jwt-exp_bool", "exp is true", "true"),
        exp_as("jwt-exp_array", "exp is a list", "[1795259211]"),
        exp_as("jwt-exp_float", "exp is no whole number", "1795259211.5"),
        exp_as("jwt-exp_1e400", "exp is larger than a double", "1e400"),
        exp_as("jwt-exp_huge", "exp is larger than 64 bits", "99999999999999999999999"),
        exp_as("jwt-exp_negative", "exp is negative", "-5"),
        exp_as("exp-year-10000", "exp is after the year 9999", "253402300800"),
        with("jwt-exp_missing", "no exp", &format!("{exp},"), ""),
        with("jwt-nbf_string", "nbf is a string (CVE-2026-25537)", &nbf, "\"nbf\":\"1796986921\""),
        with("nbf-missing", "no nbf", &format!("{nbf},"), ""),
        with("iat-missing", "no iat", &format!("{iat},"), ""),
        aud_as("jwt-aud_array", "aud is a list", &format!("[{aud},\"x\"]")),
        aud_as("jwt-aud_empty_array", "aud is an empty list", "[]"),
        aud_as("jwt-aud_obj", "aud is an object", "{\"x\":1}"),
        with("jwt-aud_missing", "no aud", &format!("\"aud\":{aud},"), ""),
        with("jwt-iss_missing", "no iss", "\"iss\":\"https://acme.example\",", ""),
        with(
            "jwt-iss_array",
            "iss is a list",
            "\"iss\":\"https://acme.example\"",
            "\"iss\":[\"https://acme.example\"]",
        ),
        with(
            "jti-short",
            "fewer than 128 bits in jti",
            "\"jti\":\"BwcHBwcHBwcHBwcHBwcHBw\"",
            "\"jti\":\"BwcH\"",
        ),
        with(
            "jti-missing",
            "no jti: it could be used again and again",
            "\"jti\":\"BwcHBwcHBwcHBwcHBwcHBw\",",
            "",
        ),
        with(
            "txn-other-id",
            "an escalation's id in the place of the decision's",
            "\"txn\":\"txn_",
            "\"txn\":\"esc_",
        ),
        with("cs_v-string", "the version is a string", "\"cs_v\":1", "\"cs_v\":\"1\""),
        with("cs_v-missing", "no version", "\"cs_v\":1,", ""),
        with("cs_risk-1001", "a risk above 1000", "\"cs_risk\":455", "\"cs_risk\":1001"),
        with("cs_risk-fraction", "a risk that is no whole number", "\"cs_risk\":455", "\"cs_risk\":0.455"),
        with(
            "cs_log-missing",
            "a token that no log records",
            "\"cs_log\":{\"index\":41,\"origin\":\"acme.example/sidecar/7\"},",
            "",
        ),
        with(
            "cs_log-member",
            "a member that the log's place does not have",
            "\"index\":41",
            "\"index\":41,\"x\":1",
        ),
        with("jwt-big_int", "a number that doubles can't hold", "\"index\":41", "\"index\":9007199254740993"),
        with(
            "cs_appr-assurance",
            "an assurance that there is not",
            "\"assurance\":\"signed\"",
            "\"assurance\":\"certain\"",
        ),
        with("cs_appr-no-seat", "an approval that fills no seat", "\"seats\":[\"oncall\"]", "\"seats\":[]"),
        with(
            "cs_appr-member",
            "a member that approvals don't have",
            "\"seats\":[\"oncall\"]",
            "\"role\":\"x\",\"seats\":[\"oncall\"]",
        ),
        with(
            "cs_cond-empty",
            "conditions are absent or at least one",
            "\"cs_log\"",
            "\"cs_cond\":[],\"cs_log\"",
        ),
        with(
            "cs_cond-object",
            "conditions are a list",
            "\"cs_log\"",
            "\"cs_cond\":{\"type\":\"dry_run\"},\"cs_log\"",
        ),
        with(
            "act-nested",
            "a chain of actors",
            "\"act\":{\"sub\":\"carol\"}",
            "\"act\":{\"act\":{\"sub\":\"x\"},\"sub\":\"carol\"}",
        ),
        with(
            "sub-control-character",
            "a line break in the agent's name",
            "\"sub\":\"spiffe:",
            "\"sub\":\"\\n:",
        ),
        with(
            "cnf-jkt",
            "a holder named by thumbprint only",
            "\"cs_appr\"",
            "\"cnf\":{\"jkt\":\"x\"},\"cs_appr\"",
        ),
        with(
            "jwt-dup_aud_last_good",
            "aud twice, the last one good",
            "\"aud\":",
            "\"aud\":\"other\",\"aud\":",
        ),
        with(
            "jwt-dup_aud_first_good",
            "aud twice, the first one good",
            "\"txn\":",
            "\"aud\":\"other\",\"txn\":",
        ),
        with(
            "duplicate-escaped",
            "a name twice, once escaped",
            "\"aud\":",
            "\"\\u0061ud\":\"other\",\"aud\":",
        ),
        with("duplicate-within", "a name twice in a member", "\"index\":41", "\"index\":41,\"index\":41"),
    ];
    let digest = claims.split_once("\"cs_op\":\"").unwrap().1.split_once('"').unwrap().0;
    let (whole, short) = (format!("\"cs_op\":\"{digest}\""), format!("\"cs_op\":\"{}\"", &digest[..42]));
    cases.push(with("cs_op-short", "the digest is too short", &whole, &short));
    let approvals = claims.split_once("\"cs_appr\":").unwrap().1.split_once(",\"cs_log\"").unwrap().0;
    cases.push(with("cs_appr-empty", "approvals are absent or at least one", approvals, "[]"));
    cases
}

fn bytes() -> Vec<Case> {
    let key = kit::sidecar();
    let claims = good_claims();
    let raw = |slug: &str, why: &str, bytes: &[u8]| {
        let token = key.jws(&key.header("countersign-authority+jwt"), bytes);
        with_token("malformed.claims", slug, why, token)
    };
    let mut not_utf8 = claims.clone().into_bytes();
    let at = claims.find("carol").unwrap();
    not_utf8[at] = 0xff;
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    vec![
        raw("jwt-nonutf8_payload", "not UTF-8", &not_utf8),
        raw("jwt-lone_surrogate", "half a surrogate pair", edit(&claims, "carol", "\\ud800").as_bytes()),
        raw("jwt-bom_payload", "a byte order mark before", format!("\u{feff}{claims}").as_bytes()),
        raw("jwt-trailing_json", "a second object after the first", format!("{claims}{{}}").as_bytes()),
        raw("jwt-nan_claim", "NaN is no JSON", edit(&claims, "455", "NaN").as_bytes()),
        raw("jwt-payload_array", "a list", b"[1,2]"),
        raw("jwt-deep_nest", "lists 2000 deep", edit(&claims, "455", &deep).as_bytes()),
        raw("empty", "no claims", b""),
        raw("null", "null", b"null"),
        raw("comment", "a comment", format!("{claims}//").as_bytes()),
        raw("single-quotes", "single quotes", claims.replace('"', "'").as_bytes()),
    ]
}

fn unexpected() -> Vec<Case> {
    let with = |slug: &str, why: &str, member: &str| {
        edited("claim.unexpected", slug, why, "\"iss\"", &format!("{member},\"iss\""))
    };
    vec![
        with("admin", "a claim of the attacker's own", "\"admin\":true"),
        with("upper-case", "AUD, which case-insensitive readers take for aud", "\"AUD\":\"x\""),
        with("long-s", "iſſ, which Unicode case folding takes for iss", "\"i\u{17f}\u{17f}\":\"x\""),
        with("cs-upper-case", "CS_OP after cs_op", "\"CS_OP\":\"x\""),
        with(
            "authorization_details",
            "a registered claim that the profile does not have",
            "\"authorization_details\":[]",
        ),
        with("parameters", "no claim repeats the operation's parameters", "\"parameters\":{}"),
        with("empty-name", "an empty name", "\"\":1"),
    ]
}

fn audiences() -> Vec<Case> {
    let claims = good_claims();
    let digest = claims.split_once("#op=").unwrap().1.split_once('"').unwrap().0;
    let bound = format!("\"aud\":\"{}#op={digest}\"", kit::EXECUTOR);
    let with = |slug: &str, why: &str, aud: &str| {
        edited("audience.mismatch", slug, why, &bound, &format!("\"aud\":\"{aud}\""))
    };
    let id = kit::EXECUTOR;
    let mut other = case("audience.mismatch", "jwt-aud_wrong", "for another executor of the same kind");
    other.executor.id = "https://exec.acme.example/k8s-2".to_owned();
    let mut plain = case("audience.mismatch", "bound-at-plain", "a gateway's audience has no digest");
    plain.executor.plain = true;
    plain.executor.conditions = Vec::new();
    let conditional_claims = kit::claims_of(&conditional("", "", "", &["dry_run"], Object::new()).token);
    let mut conditional_at_plain = with_token(
        "audience.mismatch",
        "conditional-at-plain",
        "a conditional token never fits a gateway, whatever its aud says",
        kit::sidecar().token(&edit(&conditional_claims, &format!("{id}#op={digest};cond"), id)),
    );
    conditional_at_plain.executor.plain = true;
    conditional_at_plain.executor.conditions = Vec::new();
    vec![
        other,
        plain,
        conditional_at_plain,
        with("plain-at-bound", "the executor's id alone", id),
        with("cond-without-conditions", ";cond and no conditions", &format!("{id}#op={digest};cond")),
        Case {
            token: kit::sidecar().token(&edit(&conditional_claims, ";cond", "")),
            facts: Object::new().with("dry_run", true),
            ..case("audience.mismatch", "conditions-without-cond", "conditions and no ;cond")
        },
        with("other-digest", "another operation's digest", &format!("{id}#op={}", "A".repeat(43))),
        with("trailing", "something after the digest", &format!("{id}#op={digest}#")),
        with("longer-name", "this executor's id is only the beginning", &format!("{id}-2#op={digest}")),
        with(
            "shorter-name",
            "only the beginning of this executor's id",
            &format!("https://exec.acme.example/#op={digest}"),
        ),
        with(
            "other-case",
            "the executor's id in other case",
            &format!("https://exec.acme.example/K8S#op={digest}"),
        ),
    ]
}

fn operations() -> Vec<Case> {
    let with = |slug: &str, why: &str, parameters: &str| {
        let mut case = case("audience.mismatch", slug, why);
        case.operation.set("parameters", parameters);
        case
    };
    let mut action = case("audience.mismatch", "operation-action", "another action");
    action.operation.set("action", "k8s.deployment.delete");
    let mut resource = case("audience.mismatch", "operation-resource", "another resource");
    resource.operation.set("resource", "prod/db");
    let payload = Object::new()
        .with("action", kit::ACTION)
        .with("resource", kit::RESOURCE)
        .with("payload_b64", countersign::digest::base64url(kit::PARAMETERS.as_bytes()));
    let mut swapped_at_plain = case(
        "operation.mismatch",
        "plain",
        "a gateway's audience does not bind the operation: the digest does",
    );
    swapped_at_plain.token = kit::mint(&kit::grant(), &kit::plain_executor());
    swapped_at_plain.executor.plain = true;
    swapped_at_plain.executor.conditions = Vec::new();
    swapped_at_plain.operation.set("parameters", kit::PARAMETERS.replace('6', "60"));
    let claims = good_claims();
    let digest = claims.split_once("\"cs_op\":\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    vec![
        with("operation-value", "one digit changed", &kit::PARAMETERS.replace('6', "7")),
        with("operation-member", "a member added", &kit::PARAMETERS.replace('{', "{\"force\":true,")),
        with("operation-type", "a number become a string", &kit::PARAMETERS.replace('6', "\"6\"")),
        with(
            "operation-unicode",
            "a letter that looks the same",
            &kit::PARAMETERS.replace("web", "w\u{435}b"),
        ),
        with(
            "operation-normal-form",
            "another Unicode normal form is another operation",
            &kit::PARAMETERS.replace("web", "we\u{301}b"),
        ),
        action,
        resource,
        Case {
            operation: payload,
            ..case("audience.mismatch", "operation-mode", "the same bytes as a payload")
        },
        swapped_at_plain,
        edited(
            "operation.mismatch",
            "audience-of-other",
            "aud names the operation presented, cs_op another",
            &format!("\"cs_op\":\"{digest}\""),
            &format!("\"cs_op\":\"{}\"", "A".repeat(43)),
        ),
        minted(
            "audience.mismatch",
            "operation-of-other-token",
            "a good token of another operation",
            |grant| {
                grant.operation = countersign::digest::OperationDigest::from_bytes([1; 32]);
            },
        ),
    ]
}
