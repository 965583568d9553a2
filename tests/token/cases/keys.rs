//! Steps 5, 6 and 11: trust bundles, keys, certificates, scopes.

use super::{assert_good, case, conditional, edit, minted, raw_bundle, root_bundle, statement, with_token};
use crate::kit::{self, HOUR, Key, NOW, at};
use crate::vectors::Case;
use countersign::operation::json::{Object, Value};
use countersign::token::{CertifiedKey, KeyUse, Pattern, Scope};
use std::time::Duration;

/// The case with these certificates.
fn certified(expect: &str, slug: &str, why: &str, certificates: Vec<String>) -> Case {
    Case { certificates, ..case(expect, slug, why) }
}

pub fn cases() -> Vec<Case> {
    let (root, issuer, sidecar, thief) = (kit::root(), kit::issuer(), kit::sidecar(), Key::named("thief"));
    let claims = super::good_claims();
    let good = |name: &str| {
        [kit::issuer_certificate(), kit::sidecar_certificate()][usize::from(name != "issuer")].clone()
    };
    let as_issuer = |key: &Key| CertifiedKey { key: key.public.clone(), ..kit::issuer_key() };
    let unknown =
        |slug: &str, why: &str, certificates: Vec<String>| certified("key.unknown", slug, why, certificates);
    let kid = |slug: &str, why: &str, kid: &str| {
        let header = format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"countersign-authority+jwt"}}"#);
        with_token("key.unknown", slug, why, sidecar.jws(&header, claims.as_bytes()))
    };
    let certificate_with = |from: &str, to: &str| {
        let text = edit(&kit::claims_of(&kit::sidecar_certificate()), from, to);
        issuer.jws(&issuer.header("countersign-keycert+jwt"), text.as_bytes())
    };
    let mut cases = vec![
        with_token(
            "key.unknown",
            "jwt-unknown_kid",
            "another key, which nobody certified",
            thief.token(&claims),
        ),
        kid("kid-path", "a path in the place of a thumbprint", "../../etc/passwd"),
        kid("kid-query", "a query in the place of a thumbprint", "x' OR '1'='1"),
        kid("kid-name", "a name in the place of a thumbprint", "k1"),
        with_token(
            "key.unknown",
            "root-signs",
            "the root certifies; it signs no tokens",
            root.token(&claims),
        ),
        with_token("key.unknown", "issuer-signs", "an issuer's key signs no tokens", issuer.token(&claims)),
        unknown("no-certificates", "neither certificates nor a bundle", Vec::new()),
        unknown("issuer-certificate-only", "the sidecar's certificate is missing", vec![good("issuer")]),
        unknown("sidecar-certificate-only", "the issuer's certificate is missing", vec![good("sidecar")]),
        unknown(
            "swapped-certificates",
            "the sidecar's before the issuer's",
            vec![good("sidecar"), good("issuer")],
        ),
        unknown(
            "three-certificates",
            "more than a chain has",
            vec![good("issuer"), good("sidecar"), good("sidecar")],
        ),
        unknown(
            "issuer-of-other-root",
            "an issuer that a root which is not pinned certified",
            vec![kit::certify("desk", kit::issuer_key(), &thief), good("sidecar")],
        ),
        unknown(
            "self-certified-issuer",
            "a chain that begins with nobody",
            vec![
                kit::certify("desk", as_issuer(&issuer), &thief),
                kit::certify("sidecar/7", kit::sidecar_key(), &thief),
            ],
        ),
        unknown(
            "sidecar-under-root",
            "a root certifies issuers only",
            vec![kit::certify("sidecar/7", kit::sidecar_key(), &root)],
        ),
        unknown(
            "issuer-under-issuer",
            "an issuer certifies no issuers",
            vec![
                good("issuer"),
                kit::certify(
                    "desk",
                    CertifiedKey { key: sidecar.public.clone(), ..kit::issuer_key() },
                    &issuer,
                ),
            ],
        ),
        unknown(
            "sidecar-under-sidecar",
            "a sidecar certifies nobody",
            vec![
                good("sidecar"),
                kit::certify(
                    "sidecar/8",
                    CertifiedKey { key: thief.public.clone(), ..kit::sidecar_key() },
                    &sidecar,
                ),
            ],
        ),
        unknown(
            "certificate-of-other-key",
            "a good chain, but of another key",
            vec![
                good("issuer"),
                kit::certify(
                    "sidecar/8",
                    CertifiedKey { key: thief.public.clone(), ..kit::sidecar_key() },
                    &issuer,
                ),
            ],
        ),
        unknown("certificate-tampered", "the certificate's scope widened after signing", {
            let good = kit::sidecar_certificate();
            let parts: Vec<&str> = good.split('.').collect();
            let wide = kit::claims_of(&good).replace(kit::AGENT, "*");
            let claims = countersign::digest::base64url(wide.as_bytes());
            vec![kit::issuer_certificate(), format!("{}.{claims}.{}", parts[0], parts[2])]
        }),
        unknown(
            "certificate-as-token",
            "the certificate has an authority token's type",
            vec![good("issuer"), issuer.token(&kit::claims_of(&kit::sidecar_certificate()))],
        ),
        unknown(
            "certificate-alg",
            "the certificate's alg is not that of the issuer's key",
            vec![good("issuer"), {
                let header = issuer.header("countersign-keycert+jwt").replace("EdDSA", "Ed25519");
                issuer.jws(&header, kit::claims_of(&kit::sidecar_certificate()).as_bytes())
            }],
        ),
        unknown(
            "certificate-of-other-domain",
            "the certificate belongs to another trust domain",
            vec![good("issuer"), certificate_with(kit::DOMAIN, "https://evil.example")],
        ),
        unknown(
            "certificate-25-hours",
            "a sidecar's key certified for more than 24 hours",
            vec![
                good("issuer"),
                certificate_with(
                    &format!("\"exp\":{}", NOW + 11 * HOUR),
                    &format!("\"exp\":{}", NOW + 24 * HOUR),
                ),
            ],
        ),
        unknown(
            "certificate-private-key",
            "the certificate holds the private key",
            vec![
                good("issuer"),
                certificate_with(
                    "\"kty\":\"OKP\"",
                    "\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\",\"kty\":\"OKP\"",
                ),
            ],
        ),
        unknown(
            "certificate-unexpected",
            "a claim that a certificate does not have",
            vec![good("issuer"), certificate_with("{\"cnf\"", "{\"admin\":true,\"cnf\"")],
        ),
        unknown(
            "certificate-no-scope",
            "a certificate without scope grants nothing",
            vec![
                good("issuer"),
                certificate_with("\"agents\":[\"spiffe://acme.example/agent/billing\"]", "\"agents\":[]"),
            ],
        ),
        unknown(
            "certificate-loose-pattern",
            "a `*` that does not follow a separator",
            vec![
                good("issuer"),
                certificate_with("https://exec.acme.example/*", "https://exec.acme.example*"),
            ],
        ),
        unknown("certificate-garbage", "no certificate at all", vec![good("issuer"), "garbage".to_owned()]),
        unknown("one-key-two-uses", "the sidecar's certificate names the issuer's own key", {
            let text = edit(&kit::claims_of(&kit::sidecar_certificate()), &x(&sidecar), &x(&issuer));
            vec![good("issuer"), issuer.jws(&issuer.header("countersign-keycert+jwt"), text.as_bytes())]
        }),
        {
            let next = Key::named("next root");
            let certified = CertifiedKey { key: next.public.clone(), ..kit::sidecar_key() };
            let mut case = unknown(
                "root-certified-as-sidecar",
                "a pinned root signs no tokens, whoever certifies it",
                vec![good("issuer"), kit::certify("sidecar/8", certified, &issuer)],
            );
            case.executor.roots.push(Value::from(next.public.to_jwk()));
            case.token = next.token(&claims);
            case
        },
        unknown(
            "log-key-signs",
            "a key that signs a log's checkpoints signs no tokens",
            vec![good("issuer"), kit::certify("sidecar/7", of_one(KeyUse::Log), &issuer)],
        ),
        unknown(
            "receipt-key-signs",
            "a key that signs receipts signs no tokens",
            vec![good("issuer"), kit::certify("sidecar/7", of_one(KeyUse::Receipt), &issuer)],
        ),
        unknown(
            "log-key-of-any-log",
            "a key that signs checkpoints names its one log",
            vec![good("issuer"), certificate_with("\"cs_use\":\"authority\"", "\"cs_use\":\"log\"")],
        ),
        unknown(
            "log-key-under-root",
            "a root certifies no keys of logs",
            vec![kit::certify("sidecar/7", of_one(KeyUse::Log), &root)],
        ),
        unknown(
            "small-order-key",
            "a certified key of small order",
            vec![
                good("issuer"),
                certificate_with(&x(&sidecar), "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            ],
        ),
    ];
    cases.extend(windows());
    cases.extend(revoked());
    cases.extend(scopes());
    cases
}

fn x(key: &Key) -> String {
    countersign::digest::base64url(key.public.as_bytes())
}

/// The sidecar's key, certified for what a log or an executor signs.
fn of_one(usage: KeyUse) -> CertifiedKey {
    CertifiedKey { usage, scope: Scope::of_one(kit::EXECUTOR).unwrap(), ..kit::sidecar_key() }
}

fn windows() -> Vec<Case> {
    let expired = |slug: &str, why: &str, issuer: CertifiedKey, sidecar: CertifiedKey| {
        let certificates = vec![
            kit::certify("desk", issuer, &kit::root()),
            kit::certify("sidecar/7", sidecar, &kit::issuer()),
        ];
        certified("key.expired", slug, why, certificates)
    };
    let (issuer, sidecar) = (kit::issuer_key, kit::sidecar_key);
    let mut bundled = case("key.expired", "bundle-key", "the key's window in the bundle has passed");
    bundled.certificates = Vec::new();
    bundled.executor.bundle = root_bundle(vec![CertifiedKey { expires_at: at(NOW), ..sidecar() }]);
    vec![
        expired(
            "certificate",
            "the sidecar's certificate has expired this second",
            issuer(),
            CertifiedKey { expires_at: at(NOW), ..sidecar() },
        ),
        expired(
            "issuer",
            "the issuer's certificate has expired",
            CertifiedKey { expires_at: at(NOW - 1), ..issuer() },
            sidecar(),
        ),
        expired(
            "not-yet",
            "the certificate is not valid yet",
            issuer(),
            CertifiedKey { not_before: at(NOW + 31), ..sidecar() },
        ),
        expired(
            "issued-before",
            "the token was issued before its key was valid",
            issuer(),
            CertifiedKey { not_before: at(kit::ISSUED + 31), ..sidecar() },
        ),
        bundled,
    ]
}

fn revoked() -> Vec<Case> {
    let bundle = |slug: &str, why: &str, key: &Key| {
        let root = kit::root();
        let mut contents = kit::bundle_contents(Vec::new());
        contents.revoked = vec![key.public.id()];
        let mut case = case("key.revoked", slug, why);
        case.executor.bundle =
            statement(root.sign(contents.signing_input(&root.public).unwrap()), Vec::new());
        case
    };
    let mut listed = bundle("listed-and-revoked", "the bundle lists the key and revokes it", &kit::sidecar());
    let root = kit::root();
    let mut contents = kit::bundle_contents(vec![kit::sidecar_key()]);
    contents.revoked = vec![kit::sidecar().public.id()];
    listed.executor.bundle = statement(root.sign(contents.signing_input(&root.public).unwrap()), Vec::new());
    let second = Key::named("second root");
    let mut other_root =
        bundle("root", "the root that the chain begins with is revoked by another root", &kit::root());
    let mut contents = kit::bundle_contents(Vec::new());
    contents.revoked = vec![kit::root().public.id()];
    other_root.executor.bundle =
        statement(second.sign(contents.signing_input(&second.public).unwrap()), Vec::new());
    other_root.executor.roots.push(Value::from(second.public.to_jwk()));
    vec![
        bundle("sidecar", "the sidecar's key is revoked", &kit::sidecar()),
        bundle("issuer", "the issuer's key is revoked, and so is what it certified", &kit::issuer()),
        listed,
        other_root,
    ]
}

fn scopes() -> Vec<Case> {
    let scoped = |slug: &str, why: &str, issuer: Scope, sidecar: Scope| {
        let certificates = vec![
            kit::certify("desk", CertifiedKey { scope: issuer, ..kit::issuer_key() }, &kit::root()),
            kit::certify("sidecar/7", CertifiedKey { scope: sidecar, ..kit::sidecar_key() }, &kit::issuer()),
        ];
        certified("key.scope", slug, why, certificates)
    };
    let patterns = |text: &str| vec![Pattern::parse(text).unwrap()];
    let (wide, narrow) = (kit::wide_scope, kit::scope);
    let mut bundled = case("key.scope", "bundle-key", "a key of the bundle has a scope as well");
    bundled.certificates = Vec::new();
    bundled.executor.bundle = root_bundle(vec![CertifiedKey {
        scope: Scope { agents: patterns("spiffe://acme.example/agent/other"), ..narrow() },
        ..kit::sidecar_key()
    }]);
    vec![
        scoped(
            "agent",
            "the key signs for another agent",
            wide(),
            Scope { agents: patterns("spiffe://acme.example/agent/bill"), ..narrow() },
        ),
        scoped(
            "audience",
            "the key signs for other executors",
            wide(),
            Scope { audiences: patterns("https://exec.acme.example/db/*"), ..narrow() },
        ),
        scoped(
            "life",
            "the token lives longer than the key may grant",
            wide(),
            Scope { max_life: Duration::from_secs(299), ..narrow() },
        ),
        scoped(
            "issuer-agent",
            "the issuer may not certify for this agent",
            Scope { agents: patterns("spiffe://other.example/*"), ..wide() },
            narrow(),
        ),
        scoped(
            "issuer-audience",
            "the issuer may not certify for this executor",
            Scope { audiences: patterns("https://db.acme.example"), ..wide() },
            narrow(),
        ),
        scoped(
            "issuer-life",
            "the issuer may not certify so long a life",
            Scope { max_life: Duration::from_secs(60), ..wide() },
            narrow(),
        ),
        bundled,
        minted(
            "key.scope",
            "other-subject",
            "the token is for an agent that its key does not sign for",
            |grant| {
                grant.subject =
                    countersign::party::AgentId::new("spiffe://acme.example/agent/billing2").unwrap();
            },
        ),
    ]
}

pub fn bundles() -> Vec<Case> {
    let root = kit::root();
    let bundled = |slug: &str, why: &str, bundle| {
        let mut case = case("undetermined.bundle", slug, why);
        case.certificates = Vec::new();
        case.executor.bundle = bundle;
        case.executor.bundle_required = true;
        case
    };
    let good = root_bundle(vec![kit::sidecar_key()]);
    assert_good(good.as_ref());
    let text = kit::claims_of(&good.as_ref().unwrap().token);
    let changed = |from: &str, to: &str| raw_bundle(&root, &edit(&text, from, to), Vec::new());
    let signed_by = |key: &Key, certificates: Vec<String>| {
        let input = kit::bundle_contents(vec![kit::sidecar_key()]).signing_input(&key.public).unwrap();
        statement(key.sign(input), certificates)
    };
    let mut tampered = good.clone();
    let (input, _) = good.as_ref().unwrap().token.rsplit_once('.').unwrap();
    tampered.as_mut().unwrap().token = format!("{input}.{}", "A".repeat(86));
    let mut rolled_back = good.clone();
    rolled_back.as_mut().unwrap().last_seq = Some(13);
    let key = text.split_once("\"keys\":[").unwrap().1.split_once("],\"revoked\"").unwrap().0;
    let (exp, iat) = (NOW + 24 * HOUR, NOW - HOUR);
    let issuer_listed = kit::bundle_contents(vec![CertifiedKey {
        key: Key::named("other issuer").public,
        ..kit::issuer_key()
    }]);
    let issuer = kit::issuer();
    vec![
        bundled("missing", "a bundle is required and there is none", None),
        bundled("rolled-back", "a lower sequence number than was seen before", rolled_back),
        bundled(
            "expired",
            "it has expired this second",
            changed(&format!("\"exp\":{exp},\"iat\""), &format!("\"exp\":{NOW},\"iat\"")),
        ),
        bundled(
            "future",
            "issued 31 s in the future",
            changed(&format!("\"iat\":{iat}"), &format!("\"iat\":{}", NOW + 31)),
        ),
        bundled(
            "eight-days",
            "valid for more than seven days",
            changed(&format!("\"exp\":{exp},\"iat\""), &format!("\"exp\":{},\"iat\"", NOW + 7 * 24 * HOUR)),
        ),
        bundled("other-domain", "of another trust domain", changed(kit::DOMAIN, "https://evil.example")),
        bundled("bad-signature", "the signature is not the root's", tampered),
        bundled(
            "unknown-signer",
            "signed by nobody who is pinned",
            signed_by(&Key::named("thief"), Vec::new()),
        ),
        bundled(
            "signed-by-sidecar",
            "a sidecar's key signs no bundles",
            signed_by(&kit::sidecar(), vec![kit::issuer_certificate(), kit::sidecar_certificate()]),
        ),
        bundled(
            "issuer-expired",
            "the issuer that signed it is no longer valid",
            signed_by(
                &issuer,
                vec![kit::certify("desk", CertifiedKey { expires_at: at(NOW), ..kit::issuer_key() }, &root)],
            ),
        ),
        bundled("issuer-lists-issuer", "only a root certifies issuers", {
            let input = issuer_listed.signing_input(&issuer.public).unwrap();
            statement(issuer.sign(input), vec![kit::issuer_certificate()])
        }),
        bundled("revokes-its-signer", "it revokes the issuer that signed it", {
            let mut contents = kit::bundle_contents(Vec::new());
            contents.revoked = vec![issuer.public.id()];
            statement(
                issuer.sign(contents.signing_input(&issuer.public).unwrap()),
                vec![kit::issuer_certificate()],
            )
        }),
        bundled(
            "duplicate-kid",
            "one key twice (Wycheproof DuplicateKid)",
            changed(key, &format!("{key},{key}")),
        ),
        bundled(
            "log-key",
            "a log's key, which nobody learns from a bundle",
            changed("\"cs_use\":\"authority\"", "\"cs_use\":\"log\""),
        ),
        bundled(
            "receipt-key",
            "an executor's key, which nobody learns from a bundle",
            changed("\"cs_use\":\"authority\"", "\"cs_use\":\"receipt\""),
        ),
        bundled(
            "private-member",
            "a private key in it",
            changed("\"kty\":\"OKP\"", "\"d\":\"AAAA\",\"kty\":\"OKP\""),
        ),
        bundled(
            "mixed-key-set",
            "a symmetric key beside it (Wycheproof MixedKeySet)",
            changed(
                key,
                &format!(
                    "{key},{{\"alg\":\"HS256\",\"k\":\"AAAA\",\"kid\":\"k\",\"kty\":\"oct\",\"use\":\"sig\"}}"
                ),
            ),
        ),
        bundled("wrong-kty", "an elliptic-curve key", changed("\"kty\":\"OKP\"", "\"kty\":\"EC\"")),
        bundled("wrong-crv", "a key-agreement curve", changed("\"crv\":\"Ed25519\"", "\"crv\":\"X25519\"")),
        bundled(
            "wrong-alg",
            "an algorithm that is not Ed25519",
            changed("\"alg\":\"EdDSA\"", "\"alg\":\"ES256\""),
        ),
        bundled("no-alg", "no algorithm recorded", changed("\"alg\":\"EdDSA\",", "")),
        bundled("wrong-use", "a key for encryption", changed("\"use\":\"sig\"", "\"use\":\"enc\"")),
        bundled(
            "kid-not-thumbprint",
            "another kid than the thumbprint",
            changed(&kit::sidecar().public.id().to_string(), &"A".repeat(43)),
        ),
        bundled("small-order-key", "a key of small order", {
            let small = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
            let thumbprint =
                countersign::digest::sha256(&[
                    format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{small}"}}"#).as_bytes()
                ]);
            let text = edit(
                &text,
                &kit::sidecar().public.id().to_string(),
                &countersign::digest::base64url(&thumbprint),
            );
            raw_bundle(&root, &edit(&text, &x(&kit::sidecar()), small), Vec::new())
        }),
        bundled(
            "unknown-member",
            "a claim that a bundle does not have",
            changed("\"keys\"", "\"admin\":true,\"keys\""),
        ),
        bundled(
            "unknown-key-member",
            "a member that a key does not have",
            changed("\"kty\":\"OKP\"", "\"jku\":\"https://evil.example\",\"kty\":\"OKP\""),
        ),
        bundled("version", "of another version", changed("\"cs_v\":1", "\"cs_v\":2")),
        bundled(
            "a-token",
            "an authority token in the bundle's place",
            statement(case("accept", "", "").token, Vec::new()),
        ),
        bundled("own-root", "it lists the root's key as a sidecar's", {
            let listed =
                kit::bundle_contents(vec![CertifiedKey { key: root.public.clone(), ..kit::sidecar_key() }]);
            statement(root.sign(listed.signing_input(&root.public).unwrap()), Vec::new())
        }),
        {
            let mut stale = conditional(
                "undetermined.bundle",
                "required-beside-certificates",
                "certificates don't stand in for a bundle that is required",
                &["dry_run"],
                Object::new().with("dry_run", true),
            );
            stale.executor.bundle_required = true;
            stale
        },
    ]
}
