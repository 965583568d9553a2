//! Steps 1 to 4 and 7 to 8: form, header, type, algorithm, signature.

use super::{case, edit, good_claims, with_token};
use crate::kit::{self, Key};
use crate::vectors::Case;
use countersign::digest::{base64url, from_base64url, sha256};
use countersign::token::{Algorithm, UnverifiedToken};

pub fn cases() -> Vec<Case> {
    let good = kit::mint(&kit::grant(), &kit::executor());
    let parts: Vec<&str> = good.split('.').collect();
    let key = kit::sidecar();
    let kid = key.public.id().to_string();
    let claims = good_claims();
    let header = |text: &str| key.jws(&text.replace("KID", &kid), claims.as_bytes());
    let form = |slug: &str, why: &str, token: String| with_token("malformed.compact", slug, why, token);
    let mut cases = vec![
        with_token("malformed.size", "padded", "8193 bytes and more, rightly signed", {
            let long = edit(&claims, "\"iss\"", &format!("\"zzz\":\"{}\",\"iss\"", "z".repeat(8192)));
            key.token(&long)
        }),
        with_token("malformed.size", "many-dots", "9000 dots: counted, never split", ".".repeat(9000)),
        form("empty", "nothing", String::new()),
        form("one-part", "no dot", parts[0].to_owned()),
        form("two-parts", "one dot", format!("{}.{}", parts[0], parts[1])),
        form("jwt-four_parts", "three dots", format!("{good}.{}", parts[2])),
        form("jwe", "five parts, as a JWE has", format!("{good}.a.b")),
        form(
            "jwt-json_ser",
            "JSON serialization instead of compact",
            format!(r#"{{"payload":"{}","protected":"{}","signature":"{}"}}"#, parts[1], parts[0], parts[2]),
        ),
        form("jwt-sig_padding", "base64url padding appended", format!("{good}==")),
        form("jwt-trailing_newline", "a line feed appended", format!("{good}\n")),
        form("leading-space", "a space before", format!(" {good}")),
        form("jwt-inner_space", "a space inside", edit(&good, ".", " .")),
        form("jwt-std_b64", "the standard base64 alphabet", good.replace('-', "+").replace('_', "/")),
        form(
            "question-mark",
            "a character that lenient decoders skip (Wycheproof 372)",
            edit(&good, ".", "?."),
        ),
        form("not-ascii", "a full-width full stop", good.replacen('.', "\u{ff0e}", 1)),
        with_token(
            "malformed.base64",
            "jwt-sig_trailing_bits",
            "unused bits of the last character set",
            trailing_bits(&good),
        ),
        with_token("malformed.base64", "claims-trailing-bits", "the same in the claims", {
            let mut claims = claims.clone();
            while claims.len().is_multiple_of(3) {
                claims.push(' ');
            }
            format!("{}.{}.{}", parts[0], trailing_bits(&base64url(claims.as_bytes())), parts[2])
        }),
        with_token(
            "malformed.base64",
            "impossible-length",
            "one character more than whole bytes need",
            format!("{}A.{}.{}", pad(parts[0]), parts[1], parts[2]),
        ),
        with_token("malformed.header", "empty-parts", "two dots and nothing else", "..".to_owned()),
        with_token(
            "malformed.header",
            "jwt-dup_alg_hdr",
            "`alg` twice",
            header(r#"{"alg":"none","alg":"EdDSA","kid":"KID","typ":"countersign-authority+jwt"}"#),
        ),
        with_token(
            "malformed.header",
            "no-kid",
            "no `kid`",
            header(r#"{"alg":"EdDSA","typ":"countersign-authority+jwt"}"#),
        ),
        with_token("malformed.header", "no-typ", "no `typ`", header(r#"{"alg":"EdDSA","kid":"KID"}"#)),
        with_token(
            "malformed.header",
            "no-alg",
            "no `alg`",
            header(r#"{"kid":"KID","typ":"countersign-authority+jwt"}"#),
        ),
        with_token(
            "malformed.header",
            "alg-array",
            "`alg` is no string",
            header(r#"{"alg":["EdDSA"],"kid":"KID","typ":"countersign-authority+jwt"}"#),
        ),
        with_token("malformed.header", "not-json", "no JSON", header("alg=EdDSA")),
        with_token("malformed.header", "array", "JSON but no object", header(r#"["EdDSA"]"#)),
    ];
    cases.push(with_token(
        "malformed.header",
        "trailing",
        "a second object after the first",
        header(r#"{"alg":"EdDSA","kid":"KID","typ":"countersign-authority+jwt"}{}"#),
    ));
    cases.extend(unexpected(&header));
    cases.extend(types(&header, &key));
    cases.extend(algorithms(&header, &claims));
    cases.extend(signatures(&good));
    cases
}

/// A part whose length leaves no room for another character.
fn pad(part: &str) -> String {
    let mut text = part.to_owned();
    while !text.len().is_multiple_of(4) {
        text.push('A');
    }
    text
}

/// The same bytes in other characters: the last one's unused bits set.
fn trailing_bits(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = text.bytes().last().unwrap();
    let value = ALPHABET.iter().position(|b| *b == last).unwrap();
    let changed = char::from(ALPHABET[value | 1]);
    assert_ne!(changed, char::from(last));
    format!("{}{changed}", &text[..text.len() - 1])
}

fn unexpected(header: &dyn Fn(&str) -> String) -> Vec<Case> {
    let jwk = r#""jwk":{"kty":"OKP","crv":"Ed25519","x":"6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw"}"#;
    [
        ("jwt-crit_unknown", "an unknown critical extension", r#""crit":["cs"],"cs":1"#),
        ("jwt-crit_empty", "an empty list of critical extensions", r#""crit":[]"#),
        ("jwt-crit_dangling", "a critical extension that is not there", r#""crit":["cs"]"#),
        ("jwt-crit_registered", "a registered name as critical extension", r#""crit":["alg"]"#),
        ("jwt-crit_string", "crit is no list", r#""crit":"cs","cs":1"#),
        ("jwt-b64_false", "an unencoded payload (RFC 7797)", r#""crit":["b64"],"b64":false"#),
        ("jwt-embedded_jwk", "a key of the attacker's own", jwk),
        ("jku", "a place to fetch keys from", r#""jku":"https://evil.example/jwks.json""#),
        ("x5u", "a place to fetch a certificate from", r#""x5u":"https://evil.example/cert""#),
        ("x5c", "a certificate chain", r#""x5c":["MIIB"]"#),
        ("jwt-zip_hdr", "compression", r#""zip":"DEF""#),
        ("jwt-cty_jwt", "a nested token", r#""cty":"JWT""#),
        ("enc", "an encrypted token's member", r#""enc":"A128GCM""#),
        ("upper-case", "a known name in other case", r#""KID":"x""#),
    ]
    .into_iter()
    .map(|(slug, why, member)| {
        let text = format!(r#"{{"alg":"EdDSA","kid":"KID","typ":"countersign-authority+jwt",{member}}}"#);
        // The attacker's member may hold the word that stands for the key's id.
        let token = header(&text.replace(r#""KID":"x""#, r#""Kid":"x""#));
        with_token("header.unexpected", slug, why, token)
    })
    .collect()
}

fn types(header: &dyn Fn(&str) -> String, key: &Key) -> Vec<Case> {
    let typed = |slug: &str, why: &str, typ: &str| {
        let text = format!(r#"{{"alg":"EdDSA","kid":"KID","typ":"{typ}"}}"#);
        with_token("type.mismatch", slug, why, header(&text))
    };
    let bundle = kit::bundle_contents(Vec::new()).signing_input(&key.public).unwrap();
    let revocations = kit::revocation_contents().signing_input(&key.public).unwrap();
    let proof = super::good::proof(&case("accept", "", "").token, key, kit::NOW);
    vec![
        typed("jwt", "any JWT", "JWT"),
        typed("receipt", "a receipt", "countersign-receipt+jwt"),
        typed("vote", "a vote", "countersign-vote+jwt"),
        typed("other-case", "types are compared byte for byte", "Countersign-Authority+JWT"),
        typed("media-type", "with the prefix of a media type", "application/countersign-authority+jwt"),
        typed("trailing-space", "with a space", "countersign-authority+jwt "),
        with_token(
            "type.mismatch",
            "certificate",
            "a key certificate in the token's place",
            kit::sidecar_certificate(),
        ),
        with_token("type.mismatch", "bundle", "a trust bundle in the token's place", key.sign(bundle)),
        with_token("type.mismatch", "revocations", "revocations in the token's place", key.sign(revocations)),
        with_token("type.mismatch", "proof", "a proof of possession in the token's place", proof),
    ]
}

fn algorithms(header: &dyn Fn(&str) -> String, claims: &str) -> Vec<Case> {
    let named = |slug: &str, why: &str, alg: &str| {
        let text = format!(r#"{{"alg":"{alg}","kid":"KID","typ":"countersign-authority+jwt"}}"#);
        with_token("alg.mismatch", slug, why, header(&text))
    };
    let key = kit::sidecar();
    let unsecured = |alg: &str| {
        let text = key.header("countersign-authority+jwt").replace("EdDSA", alg);
        format!("{}.{}.", base64url(text.as_bytes()), base64url(claims.as_bytes()))
    };
    let mac = |secret: &[u8]| {
        let text = key.header("countersign-authority+jwt").replace("EdDSA", "HS256");
        let input = format!("{}.{}", base64url(text.as_bytes()), base64url(claims.as_bytes()));
        format!("{input}.{}", base64url(&hmac_sha256(secret, input.as_bytes())))
    };
    let ed25519 = Key::named_as("sidecar", Algorithm::Ed25519);
    let mut polymorphic = named("eddsa-for-ed25519", "EdDSA, for a key recorded as Ed25519", "EdDSA");
    let certified = countersign::token::CertifiedKey { key: ed25519.public, ..kit::sidecar_key() };
    polymorphic.certificates[1] = kit::certify("sidecar/7", certified, &kit::issuer());
    vec![
        with_token("alg.mismatch", "jwt-alg_none", "unsecured", unsecured("none")),
        with_token("alg.mismatch", "jwt-alg_nOnE", "unsecured, in odd case", unsecured("nOnE")),
        with_token(
            "alg.mismatch",
            "jwt-hs256_rawpk",
            "HMAC with the public key's bytes",
            mac(key.public.as_bytes()),
        ),
        with_token(
            "alg.mismatch",
            "jwt-hs256_jwkx",
            "HMAC with the public key's text",
            mac(base64url(key.public.as_bytes()).as_bytes()),
        ),
        named("jwt-alg_lower", "algorithms are compared byte for byte", "eddsa"),
        named("leading-space", "a space before (CVE-2026-34950)", " EdDSA"),
        named("ed25519-for-eddsa", "Ed25519, for a key recorded as EdDSA", "Ed25519"),
        named("es256", "another curve", "ES256"),
        polymorphic,
    ]
}

fn signatures(good: &str) -> Vec<Case> {
    let (input, signature) = good.rsplit_once('.').unwrap();
    let bytes = from_base64url(signature).unwrap();
    let with = |bytes: &[u8]| format!("{input}.{}", base64url(bytes));
    let mut flipped = bytes.clone();
    flipped[0] ^= 1;
    let mut longer = bytes.clone();
    longer.push(0);
    let claims = good_claims();
    let key = kit::sidecar();
    let header = base64url(key.header("countersign-authority+jwt").as_bytes());
    let spliced = |claims: &str| format!("{header}.{}.{signature}", base64url(claims.as_bytes()));
    let bad = |slug: &str, why: &str, token: String| with_token("signature.invalid", slug, why, token);
    let mut small = bytes[..32].to_vec();
    small.extend([0; 32]);
    let mut identity = vec![1];
    identity.extend([0; 63]);
    assert!(UnverifiedToken::inspect(&with(&flipped)).is_ok());
    vec![
        bad("flipped-bit", "one bit of the signature flipped", with(&flipped)),
        bad("jwt-sig_malleable", "S + L instead of S (RFC 8032 §5.1.7)", with(&malleable(&bytes))),
        bad("jwt-sig_long", "65 bytes", with(&longer)),
        bad("short", "63 bytes", with(&bytes[..63])),
        bad("empty", "no signature", format!("{input}.")),
        bad("zeros", "64 zero bytes", with(&[0; 64])),
        bad("identity", "R is the identity, S is zero", with(&identity)),
        bad("s-zero", "S is zero", with(&small)),
        bad("other-key", "another key's signature under this key's id", {
            let other = Key::named("thief");
            other.jws(&key.header("countersign-authority+jwt"), claims.as_bytes())
        }),
        bad("edited-claims", "a condition stripped after signing", {
            let conditional =
                super::conditional("", "", "", &["dry_run"], countersign::operation::json::Object::new());
            let claims = kit::claims_of(&conditional.token);
            let stripped = edit(&claims, r#""cs_cond":[{"type":"dry_run"}],"#, "").replace(";cond", "");
            let (_, signature) = conditional.token.rsplit_once('.').unwrap();
            format!("{header}.{}.{signature}", base64url(stripped.as_bytes()))
        }),
        bad(
            "extended-life",
            "a later exp after signing",
            spliced(&edit(&claims, "\"exp\":1795259211", "\"exp\":1795259911")),
        ),
        bad("reserialised", "the same claims in other order after signing", {
            let moved = edit(&claims, r#","cs_v":1"#, "");
            spliced(&edit(&moved, "{", "{\"cs_v\":1,"))
        }),
    ]
}

/// The signature with the group order added to S: the same equation, other bytes.
fn malleable(signature: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut out = signature.to_vec();
    let mut carry = 0;
    for (byte, add) in out[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    out
}

/// HMAC-SHA-256 (RFC 2104) with a key of at most 64 bytes.
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = sha256(&[&block.map(|b| b ^ 0x36), message]);
    sha256(&[&block.map(|b| b ^ 0x5c), &inner])
}
