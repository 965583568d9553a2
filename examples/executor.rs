//! A tiny executor: an HTTP service that writes files into one folder, each only with a verified token for just that.
//!
//! ```sh
//! cargo run --example executor -- executor.json 127.0.0.1:8085
//! ```
//!
//! The settings are those of `examples/python/executor.py`; this one reads
//!
//! ```json
//! {"id": "https://exec.example/files", "domain": "https://acme.example", "roots": [{"kty": "OKP", "…": "…"}],
//!  "resource": "files:site", "folder": "site"}
//! ```
//!
//! and does what that one calls `files.write`. With the grant that `countersign authorize --grant grant.json` wrote:
//!
//! ```sh
//! curl 127.0.0.1:8085/files.write -H 'content-type: application/json' -d '{"path": "a.txt", "text": "hello"}' \
//!   -H "authorization: Countersign $(jq -r .token grant.json)" \
//!   -H "countersign-certificate: $(jq -r '.certificates | join(",")' grant.json)"
//! ```

use bytes::Bytes;
use countersign::condition::{Condition, ConditionKind, ExecutionFacts};
use countersign::executor::{JsonBody, Target, VerifyLayer};
use countersign::moment::Moment;
use countersign::operation::json::{Limits, Object, Value, read};
use countersign::party::{ExecutorId, TrustDomain};
use countersign::replay::memory::MemoryGuard;
use countersign::token::{Anchor, Executor, PublicKey, VerifiedOperation, Verifier, VerifierConfig};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tower::ServiceBuilder;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(file), Some(address), None) = (args.next(), args.next(), args.next()) else {
        return Err("usage: executor SETTINGS ADDRESS".into());
    };
    let settings = Settings::read(Path::new(&file))?;
    let verifier = Arc::new(settings.verifier()?);
    let clock = clock();
    let started = clock().ok_or("the clock can't be trusted")?;
    let Settings { resource, folder, .. } = settings;

    let operation = JsonBody::new(move |parts| {
        let known = parts.method == Method::POST && parts.uri.path() == "/files.write";
        known.then(|| Target { action: "files.write".into(), resource: resource.clone() })
    });
    let layer =
        VerifyLayer::new(move || verifier.clone(), Arc::new(MemoryGuard::new(started)), clock, operation)
            .facts(|execution| ExecutionFacts {
                dry_run: Some(execution.conditions.contains(&Condition::DryRun)),
                ..ExecutionFacts::default()
            })
            .on_refusal(|refused| eprintln!("refused, {}: {refused}", refused.code()));
    let service = ServiceBuilder::new().layer(layer).service_fn(move |request: Request<Full<Bytes>>| {
        let answer = write(&folder, &request);
        async move { Ok::<_, Infallible>(answer) }
    });

    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(10))
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service.clone()));
        tokio::spawn(tokio::time::timeout(Duration::from_secs(60), connection));
    }
}

/// Acts on what was verified and on nothing else.
fn write(folder: &Path, request: &Request<Full<Bytes>>) -> Response<Full<Bytes>> {
    let answer = |status: StatusCode, text: String| {
        let mut response = Response::new(Full::from(text + "\n"));
        *response.status_mut() = status;
        response
    };
    let Some(verified) = request.extensions().get::<Arc<VerifiedOperation>>() else {
        return answer(StatusCode::FORBIDDEN, "nothing was verified".into());
    };
    let Some((name, text)) = verified.operation().parameters().as_ref().and_then(file) else {
        return answer(
            StatusCode::UNPROCESSABLE_ENTITY,
            "the parameters are `path`, a name, and `text`".into(),
        );
    };
    if verified.conditions().contains(&Condition::DryRun) {
        return answer(StatusCode::OK, format!("would write {name}"));
    }
    match std::fs::write(folder.join(&name), text) {
        Ok(()) => answer(StatusCode::OK, format!("wrote {name}")),
        Err(error) => answer(StatusCode::INTERNAL_SERVER_ERROR, format!("could not write {name}: {error}")),
    }
}

/// The name and the text of the file, if these parameters are those and nothing more.
fn file(parameters: &Value) -> Option<(String, String)> {
    let parameters = parameters.as_object().filter(|parameters| parameters.len() == 2)?;
    let (name, text) = (parameters.get("path")?.as_str()?, parameters.get("text")?.as_str()?);
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    (plain && !name.is_empty() && !name.starts_with('.')).then(|| (name.into(), text.into()))
}

/// The wall clock; in doubt once it has gone back by more than two seconds, until it has caught up.
fn clock() -> impl Fn() -> Option<Moment> + Send + Sync + 'static {
    let latest = AtomicU64::new(0);
    move || {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let now = u64::try_from(since.as_millis()).ok()?;
        let latest = latest.fetch_max(now, Ordering::SeqCst);
        (now.saturating_add(2000) >= latest).then(|| Moment::from_unix_millis(now))
    }
}

struct Settings {
    id: ExecutorId,
    domain: TrustDomain,
    roots: Vec<PublicKey>,
    resource: String,
    folder: PathBuf,
}

impl Settings {
    fn read(file: &Path) -> Result<Self, Box<dyn Error>> {
        let value = read(&std::fs::read(file)?, &Limits::OPERATION)?;
        let settings: &Object = value.as_object().ok_or("the settings are an object")?;
        let text = |name: &str| {
            settings.get(name).and_then(Value::as_str).ok_or_else(|| format!("the settings lack `{name}`"))
        };
        let roots = settings.get("roots").and_then(Value::as_array).ok_or("the settings lack `roots`")?;
        Ok(Self {
            id: ExecutorId::new(text("id")?)?,
            domain: TrustDomain::new(text("domain")?)?,
            roots: roots.iter().map(PublicKey::from_jwk).collect::<Result<_, _>>()?,
            resource: text("resource")?.to_owned(),
            folder: file.parent().unwrap_or(Path::new(".")).join(text("folder")?),
        })
    }

    fn verifier(&self) -> Result<Verifier, Box<dyn Error>> {
        let executor = Executor::new(self.id.clone(), [ConditionKind::DryRun])?;
        let anchor = Anchor::new(self.domain.clone(), self.roots.clone())?;
        Ok(VerifierConfig::new(anchor, executor).build()?)
    }
}
