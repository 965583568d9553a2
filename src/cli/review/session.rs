//! Signing in: the session of a reviewer at a desk, kept in a file of their own that the other commands take it from.

use crate::cli::connection::ReviewConnection;
use crate::cli::exit::{Exit, Failed};
use crate::cli::now;
use crate::cli::output::{Output, relative, visible};
use crate::cli::ssh::SigningKey;
use crate::client::{ReviewClient, SignedIn};
use crate::digest::{base64url, sha256};
use crate::files::{refuse_exposed, write_private};
use crate::moment::Moment;
use crate::party::PersonId;
use crate::presence::sign_in::{Challenge, SIGN_IN_NAMESPACE};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::{self, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// No session's file is longer.
const MOST_BYTES: u64 = 16 * 1024;

/// How to reach the desk, and as whom.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::cli) struct Desk {
    #[command(flatten)]
    connection: ReviewConnection,
    /// Where `sign-in` keeps the session; in the folder of this user's state, one for each desk, if nothing is said
    #[arg(long, env = "COUNTERSIGN_SESSION", value_name = "FILE")]
    session: Option<PathBuf>,
}

/// Who signs in.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct SignIn {
    #[command(flatten)]
    desk: Desk,
    /// Your id in the roster
    #[arg(long = "as", env = "COUNTERSIGN_REVIEWER", value_name = "PERSON")]
    reviewer: String,
    /// Your private SSH key, or the public half of one that an agent or a security key holds
    #[arg(long, env = "COUNTERSIGN_SSH_KEY", value_name = "FILE")]
    key: PathBuf,
    /// The desk's trust domain; without it any desk is believed the first time, and the same one after that
    #[arg(long, env = "COUNTERSIGN_TRUST_DOMAIN", value_name = "URI")]
    trust_domain: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// A session as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// The one desk that gets to see it.
    desk: String,
    domain: String,
    person: String,
    /// The bearer token; nothing once it was signed out of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    until: u64,
}

impl Desk {
    /// Connects, in the name of whoever is signed in.
    ///
    /// # Errors
    /// [`Failed`] if nobody answers, or the session's file is not to be trusted.
    pub(super) async fn open(&self) -> Result<ReviewClient, Failed> {
        let kept = self.kept()?.and_then(|kept| kept.session.filter(|_| kept.until > now().unix_millis()));
        self.connection.open_as(kept.as_deref()).await
    }

    /// What is kept for this desk, if there is something.
    fn kept(&self) -> Result<Option<Kept>, Failed> {
        let Ok(path) = self.path() else { return Ok(None) };
        let wrong = |what: String| {
            let what = format!("the session in `{}` can't be used: {what}", path.display());
            Failed::new(Exit::Usage, what).advise("remove the file, and sign in again")
        };
        let text = match read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(wrong(error.to_string())),
        };
        let kept: Kept = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        // A bearer token is for the one who gave it, and for nobody who asks for it.
        match kept.desk == self.connection.name() {
            true => Ok(Some(kept)),
            false => Err(wrong(format!("it is for `{}`", kept.desk))),
        }
    }

    fn path(&self) -> Result<PathBuf, Failed> {
        if let Some(path) = &self.session {
            return Ok(path.clone());
        }
        let state = crate::cli::state_folder();
        let state =
            state.ok_or_else(|| Failed::new(Exit::Usage, "no HOME: say where with `--session FILE`"))?;
        let digest = sha256(&[self.connection.name().as_bytes()]);
        let name: &[u8] = digest.first_chunk::<12>().map_or(&digest, |start| start);
        Ok(state.join("sessions").join(format!("{}.json", base64url(name))))
    }

    fn keep(&self, kept: &Kept) -> Result<PathBuf, Failed> {
        let path = self.path()?;
        let failed = |error: io::Error| Failed::plain(format!("cannot write `{}`: {error}", path.display()));
        if let (None, Some(folder)) = (&self.session, path.parent()) {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        let text = serde_json::to_vec_pretty(kept).map_err(Failed::plain)?;
        write_private(&path, &text).map_err(failed)?;
        Ok(path)
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let length = std::fs::File::open(path)?.take(MOST_BYTES + 1).read_to_string(&mut text)?;
    if u64::try_from(length).is_ok_and(|length| length > MOST_BYTES) {
        return Err(io::Error::other("it is too long to be one"));
    }
    refuse_exposed(path)?;
    Ok(text)
}

/// Signs in with an SSH key, and keeps the session.
///
/// # Errors
/// [`Failed`] if the desk is another, does not know the key, or the session can't be kept.
pub(super) async fn sign_in(args: SignIn) -> Result<Exit, Failed> {
    let SignIn { desk, reviewer, key, trust_domain, json } = args;
    let person = PersonId::new(&reviewer)
        .map_err(|error| Failed::new(Exit::Usage, format!("`--as {reviewer}`: {error}")))?;
    let known = trust_domain.or(desk.kept()?.map(|kept| kept.domain));
    let key = SigningKey::load(&key)?;
    // As nobody yet: what is signed says who.
    let client = desk.connection.open_as(None).await?;
    let text = client.challenge(person.as_str()).await?;
    let untrue = |what: &str| {
        Failed::new(Exit::Undetermined, format!("the desk's challenge is not one to sign: {what}"))
    };
    let challenge = Challenge::parse(&text).ok_or_else(|| untrue("it is not of the known form"))?;
    if challenge.person != person {
        return Err(untrue(&format!("it is for `{}`", challenge.person)));
    }
    let domain = challenge.domain.as_str();
    if let Some(known) = known.filter(|known| known != domain) {
        let what = format!("it is for the desk of `{domain}`, and not of `{known}`");
        return Err(
            untrue(&what).advise("is somebody between you and the desk? if all is well: --trust-domain")
        );
    }
    let signature = key.sign(SIGN_IN_NAMESPACE, text.as_bytes())?;
    let SignedIn { session, person, until } = client.sign_in(&text, signature).await?;
    let (desk_name, domain) = (desk.connection.name(), domain.to_owned());
    let kept = Kept { desk: desk_name, domain, person, session: Some(session), until };
    let path = desk.keep(&kept)?;
    let document = || json!({ "person": kept.person, "trust_domain": kept.domain, "until": until, "file": path.display().to_string() });
    Output::new(json).print(document, |_| {
        let until = relative(Moment::from_unix_millis(until), now());
        let (domain, person) = (visible(&kept.domain), visible(&kept.person));
        format!("signed in to {domain} as {person}; it ends {until}\n  kept in {}", path.display())
    });
    Ok(Exit::Success)
}

/// Ends the session, here and at the desk.
///
/// # Errors
/// [`Failed`] if the desk could not be told; here it has ended then, too.
pub(super) async fn sign_out(desk: Desk, json: bool) -> Result<Exit, Failed> {
    let kept = desk.kept()?;
    let Some((kept, session)) = kept.and_then(|mut kept| kept.session.take().map(|session| (kept, session)))
    else {
        Output::new(json).print(|| json!({ "signed_out": false }), |_| "nobody is signed in".to_owned());
        return Ok(Exit::Success);
    };
    // The trust domain stays, so that another desk is noticed the next time.
    desk.keep(&kept)?;
    let untold = |error: Failed| Failed {
        what: format!("the session is forgotten here, and the desk could not be told: {}", error.what),
        ..error
    };
    let client = desk.connection.open_as(Some(&session)).await.map_err(untold)?;
    match client.sign_out().await.map_err(Failed::from) {
        // The desk does not know it any more: as good.
        Ok(()) | Err(Failed { exit: Exit::Denied, .. }) => {}
        Err(error) => return Err(untold(error)),
    }
    Output::new(json)
        .print(|| json!({ "signed_out": true }), |_| format!("{} is signed out", visible(&kept.person)));
    Ok(Exit::Success)
}

/// Says whom the desk takes the caller for.
///
/// # Errors
/// [`Failed`] if that is nobody.
pub(super) async fn who_am_i(desk: Desk, json: bool) -> Result<Exit, Failed> {
    let myself = desk.open().await?.who_am_i().await?;
    let document = || {
        json!({
            "person": myself.person, "name": myself.name, "roles": myself.roles, "teams": myself.teams,
            "by": myself.by, "credential": myself.credential, "until": myself.until,
        })
    };
    Output::new(json).print(document, |_| {
        let until = relative(Moment::from_unix_millis(myself.until), now());
        let name = match myself.name == myself.person {
            true => String::new(),
            false => format!(" ({})", visible(&myself.name)),
        };
        let mut text = format!("{}{name}, known by {}", visible(&myself.person), visible(&myself.credential));
        text.push_str(&format!("; that ends {until}"));
        for (what, names) in [("roles", &myself.roles), ("teams", &myself.teams)] {
            if !names.is_empty() {
                text.push_str(&format!("\n  {what}: {}", visible(&names.join(", "))));
            }
        }
        text
    });
    Ok(Exit::Success)
}
