//! Signing in, against everybody who should not be.

use super::*;
use crate::clock::ManualClock;
use crate::presence::oidc::{Issuer, OidcError};
use crate::presence::ssh::{PrivateKey, SshError, VOTE_NAMESPACE};
use crate::reviewer::Directory;
use std::sync::atomic::{AtomicU64, Ordering};

struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        let next = self.0.fetch_add(1, Ordering::Relaxed);
        bytes.copy_from_slice(&sha256(&[&next.to_be_bytes()])[..bytes.len()]);
        Ok(())
    }
}

struct Changing(Mutex<Arc<Directory>>);

impl Roster for Changing {
    fn directory(&self) -> Arc<Directory> {
        self.0.lock().unwrap().clone()
    }
}

struct Desk {
    sessions: Sessions,
    roster: Arc<Changing>,
    clock: Arc<ManualClock>,
}

fn key(name: &str) -> PrivateKey {
    let mut seed = [0; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    PrivateKey::from_seed(&seed, name)
}

fn directory(people: &[(&str, &str)]) -> Arc<Directory> {
    let mut text = "version: 1\npeople:\n".to_owned();
    for (person, key_name) in people {
        let line = key(key_name).public_key().to_line();
        text.push_str(&format!(
            "  - id: {person}\n    accounts: [{person}@acme.example]\n    keys: [{line}]\n"
        ));
    }
    Arc::new(Directory::parse(&text, "roster").unwrap())
}

fn person(name: &str) -> PersonId {
    PersonId::new(name).unwrap()
}

fn desk_seeded(seed: u64, provider: Option<Provider>) -> Desk {
    let roster = Arc::new(Changing(Mutex::new(directory(&[("ada", "ada"), ("grace", "grace")]))));
    let clock = Arc::new(ManualClock::at(Moment::from_unix_seconds(1_800_000_000)));
    let domain = TrustDomain::new("https://acme.example").unwrap();
    let entropy = Arc::new(Counting(AtomicU64::new(seed)));
    let sessions = Sessions::new(domain, roster.clone(), provider, clock.clone(), entropy).unwrap();
    Desk { sessions, roster, clock }
}

fn desk() -> Desk {
    desk_seeded(0, None)
}

impl Desk {
    fn challenge(&self, name: &str) -> String {
        self.sessions.challenge(person(name)).unwrap().to_text()
    }

    fn answer(&self, challenge: &str, key_name: &str) -> Result<SignedIn, SignInRefused> {
        let signature = key(key_name).sign(SIGN_IN_NAMESPACE, challenge.as_bytes());
        self.sessions.sign_in(challenge, &signature.to_armored())
    }

    fn sign_in(&self, name: &str) -> SignedIn {
        self.answer(&self.challenge(name), name).unwrap()
    }

    fn calls(&self, session: &SignedIn) -> Result<PersonId, SignInRefused> {
        self.sessions.reviewer(&session.token).map(|reviewer| reviewer.person().clone())
    }
}

#[test]
fn a_person_signs_in_with_their_own_key_and_is_known_by_the_session() {
    let desk = desk();
    let session = desk.sign_in("ada");
    assert_eq!(session.until, desk.clock.now().plus(SESSION_LIFE));
    let reviewer = desk.sessions.reviewer(&session.token).unwrap();
    assert_eq!(reviewer.person(), &person("ada"));
    assert_eq!(reviewer.by(), &KnownBy::Key(key("ada").public_key().fingerprint().into()));
    assert_eq!(reviewer.attestation(), Attestation::Session);
    assert!(!format!("{session:?}").contains(&session.token), "a log must not have it");
}

#[test]
fn a_challenge_is_answered_once_in_time_by_the_person_whom_it_names() {
    let desk = desk();
    let challenge = desk.challenge("ada");
    assert_eq!(desk.answer(&challenge, "grace"), Err(SignInRefused::UnknownKey));
    assert_eq!(desk.answer(&challenge, "mallory"), Err(SignInRefused::UnknownKey));
    assert_eq!(desk.answer(&challenge.replace("ada", "grace"), "grace"), Err(SignInRefused::Foreign));
    assert_eq!(desk.answer(&challenge.replace("acme", "evil"), "ada"), Err(SignInRefused::Foreign));
    assert_eq!(desk.answer(&challenge.replace("v1", "v2"), "ada"), Err(SignInRefused::Challenge));
    assert_eq!(desk.answer(&format!("{challenge}\n"), "ada"), Err(SignInRefused::Challenge));
    assert_eq!(desk.answer("", "ada"), Err(SignInRefused::Challenge));
    let other = desk_seeded(1000, None);
    assert_eq!(
        other.answer(&challenge, "ada"),
        Err(SignInRefused::Foreign),
        "another desk's, or before a restart"
    );
    assert!(desk.answer(&challenge, "ada").is_ok());
    assert_eq!(desk.answer(&challenge, "ada"), Err(SignInRefused::Answered));

    let late = desk.challenge("ada");
    desk.clock.advance(CHALLENGE_LIFE);
    assert_eq!(desk.answer(&late, "ada"), Err(SignInRefused::ChallengeOver));
    assert_eq!(
        desk.answer(&challenge, "ada"),
        Err(SignInRefused::ChallengeOver),
        "also once it is forgotten"
    );
    // A later end does not pass under the old seal.
    let Challenge { domain, person, nonce, seal, .. } = Challenge::parse(&late).unwrap();
    let until = desk.clock.now().plus(CHALLENGE_LIFE);
    let longer = Challenge { domain, person, until, nonce, seal }.to_text();
    assert_eq!(desk.answer(&longer, "ada"), Err(SignInRefused::Foreign));
}

#[test]
fn only_a_signature_made_for_signing_in_signs_in() {
    let desk = desk();
    let challenge = desk.challenge("ada");
    let for_a_vote = key("ada").sign(VOTE_NAMESPACE, challenge.as_bytes()).to_armored();
    let refused = desk.sessions.sign_in(&challenge, &for_a_vote);
    assert_eq!(refused, Err(SignInRefused::Signature(SshError::SignatureNamespace)));
    let other = key("ada").sign(SIGN_IN_NAMESPACE, desk.challenge("ada").as_bytes()).to_armored();
    let refused = desk.sessions.sign_in(&challenge, &other);
    assert_eq!(refused, Err(SignInRefused::Signature(SshError::SignatureInvalid)));
    for garbage in ["", "x", &"x".repeat(1_000_000)] {
        assert!(matches!(desk.sessions.sign_in(&challenge, garbage), Err(SignInRefused::Signature(_))));
    }
    assert!(desk.answer(&challenge, "ada").is_ok(), "nobody used it up for her");
}

#[test]
fn a_session_ends_with_its_time_with_sign_out_and_with_the_key() {
    let desk = desk();
    let session = desk.sign_in("ada");
    desk.sessions.sign_out(&session.token);
    assert_eq!(desk.calls(&session), Err(SignInRefused::UnknownSession));
    desk.sessions.sign_out(&session.token);

    let session = desk.sign_in("ada");
    desk.clock.advance(SESSION_LIFE - Duration::from_millis(1));
    assert!(desk.calls(&session).is_ok());
    desk.clock.advance(Duration::from_millis(1));
    assert_eq!(desk.calls(&session), Err(SignInRefused::SessionOver));
    assert_eq!(desk.calls(&session), Err(SignInRefused::UnknownSession));

    for without in [directory(&[("grace", "grace")]), directory(&[("ada", "new"), ("grace", "grace")])] {
        let session = desk.sign_in("ada");
        let before = std::mem::replace(&mut *desk.roster.0.lock().unwrap(), without);
        assert_eq!(desk.calls(&session), Err(SignInRefused::SessionRevoked));
        *desk.roster.0.lock().unwrap() = before;
        assert_eq!(
            desk.calls(&session),
            Err(SignInRefused::UnknownSession),
            "it does not come back with the key"
        );
    }
    // The key is another's now: the session of the one is not the other's.
    let session = desk.sign_in("ada");
    *desk.roster.0.lock().unwrap() = directory(&[("grace", "ada")]);
    assert_eq!(desk.calls(&session), Err(SignInRefused::SessionRevoked));
}

#[test]
fn nobody_fills_the_memory_and_nobody_keeps_another_out() {
    let desk = desk();
    let waiting = desk.challenge("grace");
    for _ in 0..100_000 {
        desk.sessions.challenge(person("grace")).unwrap();
    }
    assert_eq!(desk.sessions.state().answered.len(), 0, "a challenge is kept nowhere");
    let sessions: Vec<SignedIn> = (0..MAX_SIGN_INS).map(|_| desk.sign_in("ada")).collect();
    assert_eq!(desk.answer(&desk.challenge("ada"), "ada"), Err(SignInRefused::TooMany));
    assert_eq!(desk.sessions.state().sessions.len(), MAX_SESSIONS);
    assert_eq!(sessions.iter().filter(|session| desk.calls(session).is_ok()).count(), MAX_SESSIONS);
    assert!(desk.answer(&waiting, "grace").is_ok(), "others are not held up");
    desk.clock.advance(CHALLENGE_LIFE);
    desk.sign_in("ada");
    assert_eq!(desk.sessions.state().sessions.len(), MAX_SESSIONS + 1);
    desk.clock.advance(SESSION_LIFE);
    desk.sign_in("ada");
    let state = desk.sessions.state();
    assert_eq!((state.sessions.len(), state.answered.len()), (1, 1), "what is over is forgotten");
}

#[test]
fn a_bearer_that_is_neither_is_nobody() {
    let desk = desk();
    for bearer in ["", "ses_", "ses_AAAA", "a.b.c", "secret", &"ses_x".repeat(1000)] {
        let refused = desk.sessions.reviewer(bearer).unwrap_err();
        let session = bearer.starts_with("ses_");
        let expected = if session { SignInRefused::UnknownSession } else { SignInRefused::UnknownBearer };
        assert_eq!(refused, expected, "{bearer}");
    }
}

/// A provider's key and a token of it for this account.
fn token(seed: u8, account: &str, now: Moment) -> (String, String) {
    use ed25519_dalek::Signer as _;
    let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
    let x = base64url(key.verifying_key().as_bytes());
    let jwks = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"k{seed}","x":"{x}"}}]}}"#);
    let (iat, exp) = (now.unix_seconds(), now.unix_seconds() + 600);
    let header = base64url(format!(r#"{{"alg":"EdDSA","kid":"k{seed}"}}"#).as_bytes());
    let claims = format!(
        r#"{{"iss":"https://id.example","aud":"desk","iat":{iat},"exp":{exp},"email":"{account}","email_verified":true}}"#
    );
    let signed = format!("{header}.{}", base64url(claims.as_bytes()));
    let signature = base64url(&key.sign(signed.as_bytes()).to_bytes());
    (jwks, format!("{signed}.{signature}"))
}

#[test]
fn a_token_of_the_provider_names_a_person_by_an_account_and_by_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    let now = desk().clock.now();
    let (jwks, of_ada) = token(1, "Ada@acme.example", now);
    std::fs::write(&file, jwks).unwrap();
    let issuer =
        Issuer { issuer: "https://id.example".into(), audience: "desk".into(), claim: "email".into() };
    let desk = desk_seeded(0, Some(Provider::open(issuer, file.clone()).unwrap()));
    let account = |token: &str| desk.sessions.reviewer(token).map(|reviewer| reviewer.person().to_string());
    assert_eq!(account(&of_ada).as_deref(), Ok("ada"));
    let reviewer = desk.sessions.reviewer(&of_ada).unwrap();
    assert_eq!(reviewer.by(), &KnownBy::Provider("Ada@acme.example".into()));
    assert_eq!(account(&token(1, "ada", now).1), Err(SignInRefused::UnknownAccount), "an id is no account");
    assert_eq!(account(&token(1, "eve@acme.example", now).1), Err(SignInRefused::UnknownAccount));
    let alias = token(1, "ada+more@acme.example", now).1;
    assert_eq!(
        account(&alias),
        Err(SignInRefused::UnknownAccount),
        "an alias is for keeping people apart only"
    );
    assert_eq!(account("a.b"), Err(SignInRefused::UnknownBearer));
    let before = std::mem::replace(&mut *desk.roster.0.lock().unwrap(), directory(&[("grace", "grace")]));
    assert_eq!(account(&of_ada), Err(SignInRefused::UnknownAccount), "she has left the roster");
    *desk.roster.0.lock().unwrap() = before;

    // The keys are changed, spoiled, taken away and put back.
    let (other, of_grace) = token(2, "grace@acme.example", now);
    let provider = desk.sessions.provider().unwrap();
    assert_eq!(provider.look(), Ok(false));
    std::fs::write(&file, &other).unwrap();
    assert_eq!(account(&of_grace), Err(SignInRefused::Token(OidcError::UnknownKey)));
    assert_eq!(provider.look(), Ok(true));
    assert_eq!(account(&of_grace).as_deref(), Ok("grace"));
    assert_eq!(
        account(&of_ada),
        Err(SignInRefused::Token(OidcError::UnknownKey)),
        "a key that is gone is gone"
    );
    std::fs::write(&file, other.replace(']', "")).unwrap();
    assert_eq!(provider.look(), Err(ProviderError::Keys(file.clone(), OidcError::KeysJson)));
    assert_eq!(provider.look(), Ok(false), "said once");
    assert_eq!(account(&of_grace).as_deref(), Ok("grace"), "what was in force stays so");
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(provider.look(), Err(ProviderError::Unreadable(..))));
    std::fs::write(&file, &other).unwrap();
    assert_eq!(provider.look(), Ok(true));
    desk.clock.advance(Duration::from_secs(630));
    assert_eq!(account(&of_grace), Err(SignInRefused::Token(OidcError::Expired)));
}

/// Replicas of one desk, and what they share.
fn replicas() -> (Vec<Desk>, Arc<crate::store::shared::Alone>) {
    let all: Vec<Desk> = (0..3).map(|n| desk_seeded(1000 * n, None)).collect();
    let clock = all[0].clock.clone();
    let shared = Arc::new(crate::store::shared::Alone::new(clock.clone()));
    let join = |desk: Desk| {
        let Desk { sessions, roster, clock: _ } = desk;
        let sessions = Sessions { clock: clock.clone(), ..sessions }.sharing(shared.clone(), &[7; 32]);
        Desk { sessions, roster, clock: clock.clone() }
    };
    (all.into_iter().map(join).collect(), shared)
}

#[tokio::test]
async fn who_signs_in_at_one_replica_is_known_at_all_and_signs_out_of_all() {
    let (replicas, _) = replicas();
    let challenge = replicas[0].challenge("ada");
    // Asked by one, answered at another.
    let session = replicas[1].sessions.share(replicas[1].answer(&challenge, "ada")).await.unwrap();
    let again = replicas[2].sessions.share(replicas[2].answer(&challenge, "ada")).await;
    assert_eq!(again, Err(SignInRefused::Answered), "a question is answered once, wherever");
    for replica in &replicas {
        let reviewer = replica.sessions.known(&session.token).await.unwrap();
        assert_eq!(reviewer.person(), &person("ada"));
        let form = replica.sessions.form_token(&session.token);
        assert_eq!(form, replicas[0].sessions.form_token(&session.token), "its forms are taken anywhere");
        let listed = replica.sessions.listed(&person("ada"), &session.token).await.unwrap();
        assert_eq!(listed.iter().map(|one| one.own).collect::<Vec<_>>(), [true]);
    }
    let other = replicas[2].sessions.share(replicas[2].answer(&replicas[2].challenge("ada"), "ada")).await;
    let other = other.unwrap();
    let id = replicas[1].sessions.listed(&person("ada"), &other.token).await.unwrap();
    let id = id.into_iter().find(|one| !one.own).unwrap().id;
    replicas[1].sessions.end_there(&person("ada"), &id).await.unwrap();
    for replica in &replicas {
        assert_eq!(replica.sessions.known(&session.token).await, Err(SignInRefused::UnknownSession));
        assert!(replica.sessions.known(&other.token).await.is_ok());
    }
    replicas[0].sessions.end_everywhere(&person("ada")).await.unwrap();
    for replica in &replicas {
        assert!(!replica.sessions.still_lasts(&other.token).await);
        assert_eq!(replica.sessions.known(&other.token).await, Err(SignInRefused::UnknownSession));
    }
}

#[tokio::test]
async fn a_session_that_is_used_at_one_replica_lasts_at_the_others() {
    let (replicas, _) = replicas();
    let began = replicas[0].answer(&replicas[0].challenge("ada"), "ada");
    let session = replicas[0].sessions.share(began).await.unwrap();
    for _ in 0..3 {
        replicas[0].clock.advance(IDLE_LIFE / 4);
        assert!(replicas[1].sessions.known(&session.token).await.is_ok());
    }
    assert!(replicas[2].sessions.still_lasts(&session.token).await, "it has not used it itself");
    replicas[0].clock.advance(SESSION_LIFE);
    assert!(!replicas[2].sessions.still_lasts(&session.token).await);
    assert!(replicas[2].sessions.known(&session.token).await.is_err());
}

#[tokio::test]
async fn somebody_has_so_many_sessions_at_all_replicas_together() {
    let (replicas, _) = replicas();
    let mut all = Vec::new();
    for n in 0..MAX_SESSIONS + 3 {
        let replica = &replicas[n % 3];
        let began = replica.answer(&replica.challenge("ada"), "ada");
        all.push(replica.sessions.share(began).await.unwrap());
        replica.clock.advance(Duration::from_secs(1));
    }
    let mut known = Vec::new();
    for session in &all {
        known.push(replicas[0].sessions.known(&session.token).await.is_ok());
    }
    assert_eq!(known.iter().filter(|known| **known).count(), MAX_SESSIONS);
    assert!(known[..3].iter().all(|known| !known), "the oldest have ended");
}

#[tokio::test]
async fn where_what_is_shared_cannot_be_asked_nobody_is_let_in() {
    struct Down;
    fn down<T>() -> crate::store::shared::Sharing<'static, T> {
        Box::pin(async { Err(crate::store::StoreError::Unavailable("down".to_owned())) })
    }
    impl crate::store::shared::Ephemeral for Down {
        fn put(&self, _: Name, _: Vec<u8>, _: Duration) -> Sharing<'_, ()> {
            down()
        }
        fn put_new(&self, _: Name, _: Vec<u8>, _: Duration) -> Sharing<'_, bool> {
            down()
        }
        fn get(&self, _: Name) -> Sharing<'_, Option<Vec<u8>>> {
            down()
        }
        fn take(&self, _: Name) -> Sharing<'_, Option<Vec<u8>>> {
            down()
        }
        fn list(&self, _: &'static str, _: &str) -> Sharing<'_, Vec<(Name, Vec<u8>)>> {
            down()
        }
    }
    use crate::store::shared::{Name, Sharing};
    let (replicas, shared) = replicas();
    let began = replicas[0].answer(&replicas[0].challenge("ada"), "ada");
    let session = replicas[0].sessions.share(began).await.unwrap();
    let Desk { sessions, roster, clock } = replicas.into_iter().next().unwrap();
    let cut = Desk { sessions: sessions.sharing(Arc::new(Down), &[7; 32]), roster, clock };
    assert_eq!(cut.sessions.known(&session.token).await, Err(SignInRefused::Unavailable));
    assert!(!cut.sessions.still_lasts(&session.token).await);
    assert_eq!(cut.sessions.end_everywhere(&person("ada")).await, Err(SignInRefused::Unavailable));
    let began = cut.answer(&cut.challenge("ada"), "ada");
    let token = began.clone().unwrap().token;
    assert_eq!(cut.sessions.share(began).await, Err(SignInRefused::Unavailable));
    assert!(cut.sessions.reviewer(&token).is_err(), "nor is it good here");
    let mended = cut.sessions.sharing(shared, &[7; 32]);
    assert!(mended.known(&session.token).await.is_ok(), "and it is again when that can be asked");
}
