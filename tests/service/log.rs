//! The log of a service: signed, witnessed, and held against its checkpoints at every start.

use crate::support::{POLICY, Service, code, deploy, read};
use countersign::client::Ask;
use countersign::clock::{Clock, ManualClock, Reading, SystemClock};
use countersign::condition::ExecutionFacts;
use countersign::entropy::SystemEntropy;
use countersign::moment::Moment;
use countersign::party::ExecutorId;
use countersign::serve::{key_directory, start};
use countersign::signer::Keyring as _;
use countersign::store::embedded::{EmbeddedStore, Options};
use countersign::tlog::{
    AddCheckpoint, Checkpoint, KeyName, LogPolicy, NoteSignature, SignatureKind, SignedCheckpoint,
    VerifierKey, WitnessRefusal, consistency, root,
};
use countersign::token::{Executor, Refusal, Verifier, VerifierConfig};
use countersign::witness::book::{Book, BookError, NotSigned};
use countersign::witness::http::HttpWitness;
use countersign::witness::{NotCosigned, Witness as _, service};
use ed25519_dalek::{Signer as _, SigningKey};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

const ORIGIN: &str = "https://acme.example/sidecar";

fn log_key(service: &Service) -> VerifierKey {
    let now = SystemClock::start().now();
    let key = key_directory(&service.config()).unwrap().log(now).unwrap().certified().key.clone();
    VerifierKey::new(KeyName::new(ORIGIN).unwrap(), SignatureKind::Ed25519, key)
}

fn checkpoint(service: &Service) -> SignedCheckpoint {
    SignedCheckpoint::parse(&std::fs::read(service.path("data/log/checkpoint")).unwrap()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        std::fs::copy(from, to).unwrap();
        return;
    }
    std::fs::create_dir_all(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        copy(&path, &to.join(path.file_name().unwrap()));
    }
}

fn remove(path: &Path) {
    if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
}

/// Puts one file or folder in the place of another.
fn put(from: &Path, to: &Path) {
    remove(to);
    copy(from, to);
}

/// What the record consists of.
const RECORD: [&str; 4] = ["journal", "tree", "views", "views.tag"];

async fn refused(service: &Service) -> String {
    match start(&service.config()).await {
        Ok(_) => panic!("it started"),
        Err(error) => error.to_string(),
    }
}

async fn something_happens(service: &Service, times: u32) {
    for version in 0..times {
        service.escalate(deploy(&version.to_string())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_has_come_to_is_signed_and_holds_at_the_next_start() {
    let mut service = Service::start().await;
    something_happens(&service, 3).await;
    service.stop().await;
    let key = log_key(&service);
    let signed = checkpoint(&service);
    assert_eq!(signed.check([&key]).unwrap()[0].key, &key);
    {
        let (store, _) = EmbeddedStore::open(&service.path("data"), Options::default()).unwrap();
        let store: &dyn countersign::store::Store = &store;
        let now = signed.checkpoint();
        assert_eq!((now.size, now.root), (store.len(), root(store.len(), store).unwrap()));
    }
    service.run().await;
    something_happens(&service, 1).await;
    service.stop().await;
    let later = checkpoint(&service);
    assert!(later.checkpoint().size > signed.checkpoint().size);
    // The file alone may be gone: the history has it.
    std::fs::remove_file(service.path("data/log/checkpoint")).unwrap();
    service.run().await;
    service.stop().await;
    assert!(checkpoint(&service).checkpoint().size > later.checkpoint().size);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_grows_is_signed_while_it_runs() {
    let service = Service::start().await;
    let before = checkpoint(&service).checkpoint().size;
    something_happens(&service, 2).await;
    // At most a second behind; how long that takes on this machine is not what is tested.
    while checkpoint(&service).checkpoint().size < before + 4 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Somebody who can write every file of the service, and has its keys but for the log's.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_not_what_was_signed_is_refused_and_located() {
    let mut service = Service::start().await;
    something_happens(&service, 2).await;
    service.stop().await;
    let (data, older, newer, fork) =
        (service.path("data"), service.path("older"), service.path("newer"), service.path("fork"));
    copy(&data, &older);
    let size = checkpoint(&service).checkpoint().size;
    service.run().await;
    something_happens(&service, 3).await;
    service.stop().await;
    copy(&data, &newer);
    let signed = checkpoint(&service).checkpoint().size;
    // Another history from the same beginning, and longer.
    put(&older, &data);
    service.run().await;
    for _ in 0..9 {
        service.agent().await.authorize(read()).await.unwrap();
    }
    service.stop().await;
    copy(&data, &fork);

    let record_of = |from: &Path| RECORD.iter().for_each(|name| put(&from.join(name), &data.join(name)));
    put(&newer, &data);
    record_of(&older);
    let error = refused(&service).await;
    assert!(error.contains(&format!("has {signed} records and there are {size}")), "{error}");
    assert!(error.contains("log/checkpoint") && error.contains("restore the newer copy"), "{error}");

    put(&newer, &data);
    record_of(&fork);
    let error = refused(&service).await;
    assert!(error.contains(&format!("one of the records {size} to {}", signed - 1)), "{error}");
    assert!(error.contains("audit verify"), "{error}");

    // Without the tree's files, which would have been made anew.
    std::fs::remove_dir_all(data.join("tree")).unwrap();
    assert!(refused(&service).await.contains(&format!("one of the records {size} to {}", signed - 1)));

    put(&newer, &data);
    std::fs::remove_dir_all(data.join("log")).unwrap();
    let error = refused(&service).await;
    assert!(error.contains("its checkpoints are gone") && error.contains("restore that folder"), "{error}");

    // What this log never signed.
    let forged = |checkpoint: Checkpoint, origin: &str| {
        let signing = SigningKey::from_bytes(&[7; 32]);
        let public = countersign::token::PublicKey::from_bytes(
            signing.verifying_key().as_bytes(),
            countersign::token::Algorithm::default(),
        );
        let key = VerifierKey::new(KeyName::new(origin).unwrap(), SignatureKind::Ed25519, public.unwrap());
        let signature = signing.sign(checkpoint.to_string().as_bytes()).to_bytes();
        SignedCheckpoint::new(checkpoint, NoteSignature::new(&key, &signature)).unwrap().to_string()
    };
    let genuine = SignedCheckpoint::parse(&std::fs::read(newer.join("log/checkpoint")).unwrap()).unwrap();
    let real = genuine.checkpoint().clone();
    let own = forged(Checkpoint { size: real.size + 100, ..real.clone() }, ORIGIN);
    let other = forged(
        Checkpoint { origin: KeyName::new("other.example").unwrap(), size: real.size + 100, ..real },
        "other.example",
    );
    let altered = genuine.to_string().replace('\u{2014}', "-");
    for (forged, says) in [(own, "no known key"), (other, "another log"), (altered, "malformed")] {
        put(&newer, &data);
        std::fs::write(data.join("log/checkpoint"), forged).unwrap();
        let error = refused(&service).await;
        assert!(error.contains("log/checkpoint") && error.contains(says), "{error}");
    }

    put(&newer, &data);
    service.run().await;
}

/// A witness of its own on this machine.
struct TheWitness {
    key: VerifierKey,
    address: SocketAddr,
    folder: tempfile::TempDir,
    serving: Option<(watch::Sender<bool>, JoinHandle<()>)>,
}

const NAME: &str = "witness.example/w";

fn book(folder: &Path, logs: Vec<VerifierKey>, clock: Arc<dyn Clock>) -> Result<Book, BookError> {
    Book::open(folder, KeyName::new(NAME).unwrap(), logs, clock, &SystemEntropy)
}

impl TheWitness {
    async fn of(log: VerifierKey) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let clock = Arc::new(SystemClock::start());
        let key = book(folder.path(), vec![log.clone()], clock).unwrap().verifier_key().clone();
        let mut witness = Self { key, address, folder, serving: None };
        witness.serve(log).await;
        witness
    }

    async fn serve(&mut self, log: VerifierKey) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let book = Arc::new(book(self.folder.path(), vec![log], Arc::new(SystemClock::start())).unwrap());
        let (stop, stopping) = watch::channel(false);
        self.serving = Some((stop, tokio::spawn(service::serve(listener, book, stopping))));
    }

    async fn stop(&mut self) {
        let (stop, serving) = self.serving.take().unwrap();
        stop.send(true).unwrap();
        serving.await.unwrap();
        // Connections under way hold the folder a moment longer.
        while book(self.folder.path(), Vec::new(), Arc::new(SystemClock::start())).is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn lines(&self) -> String {
        format!("witnesses:\n  - key: \"{}\"\n    url: http://{}\n", self.key, self.address)
    }
}

/// A service under a policy that demands a witness for what it would allow, and that witness.
async fn witnessed() -> (Service, TheWitness) {
    let rule = "rules:\n  - name: seen\n    match: {action: \"orders.read\"}\n    decision: allow\n    witnesses: 1\n";
    let policy = POLICY.replace("rules:\n", rule);
    let mut service = Service::prepare(&policy, "", "");
    let witness = TheWitness::of(log_key(&service)).await;
    let config = service.path("countersign.yaml");
    let text = std::fs::read_to_string(&config).unwrap() + &witness.lines();
    std::fs::write(&config, text).unwrap();
    service.run().await;
    (service, witness)
}

/// An executor that believes the log as far as this witness does.
fn demanding(service: &Service, witness: &VerifierKey) -> Verifier {
    let policy = format!("log {}\nwitness w {witness}\nquorum w\n", log_key(service));
    let executor = Executor::new(ExecutorId::new(crate::support::FLEET).unwrap(), []).unwrap();
    let config = VerifierConfig::new(service.anchor(), executor);
    config.demands_log_proof(Arc::new(LogPolicy::parse(&policy).unwrap())).build().unwrap()
}

fn once(id: &str) -> Ask {
    Ask { request_id: id.to_owned(), ..read() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_needs_a_witness_comes_with_the_proof_that_its_mint_was_seen() {
    let (service, witness) = witnessed().await;
    let grant = service.agent().await.authorize(once("one")).await.unwrap().grant.unwrap();
    let proof = grant.log_proof.clone().expect("there is a proof");
    let facts = ExecutionFacts::default();
    let verify = |grant: &countersign::client::Grant, verifier: &Verifier| {
        crate::support::verify(verifier, grant, &facts, &service.path("used")).map(drop)
    };
    let verifier = demanding(&service, &witness.key);
    let refused = |why| Err(Refusal::LogProof(why));
    use countersign::token::LogProofFault;
    let without = countersign::client::Grant { log_proof: None, ..grant.clone() };
    assert_eq!(verify(&without, &verifier), refused(LogProofFault::Missing));
    // Another token's proof.
    let other = service.agent().await.authorize(once("two")).await.unwrap().grant.unwrap();
    assert_ne!(other.log_proof, Some(proof));
    let swapped = countersign::client::Grant { log_proof: other.log_proof.clone(), ..grant.clone() };
    assert_eq!(verify(&swapped, &verifier), refused(LogProofFault::Place));
    // A witness that this executor does not know.
    let stranger = VerifierKey::new(
        KeyName::new(NAME).unwrap(),
        SignatureKind::Cosignature,
        log_key(&service).key().clone(),
    );
    let strange = format!("witness w {stranger}\nquorum w\n");
    assert!(LogPolicy::parse(&strange).is_ok());
    assert_eq!(verify(&grant, &verifier), Ok(()));
    assert_eq!(verify(&other, &verifier), Ok(()));
    // What the policy demands no witness for comes without.
    let plain = service.agent().await.authorize(crate::support::ask("x.read", "test/x", "{}")).await.unwrap();
    assert!(plain.grant.is_none_or(|grant| grant.log_proof.is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_witness_there_is_no_token_and_with_it_there_is_the_same_later() {
    let (mut service, mut witness) = witnessed().await;
    witness.stop().await;
    let agent = service.agent().await;
    let error = agent.authorize(once("one")).await.unwrap_err();
    assert!(error.to_string().contains("0 of the 1 witnesses"), "{error}");
    assert_eq!(code(error), "Unavailable");
    assert_eq!(code(agent.authorize(once("one")).await.unwrap_err()), "Unavailable");
    // A witness that is down is no reason not to start.
    service.stop().await;
    service.run().await;
    witness.serve(log_key(&service)).await;
    let agent = service.agent().await;
    let grant = agent.authorize(once("one")).await.unwrap().grant.unwrap();
    let again = agent.authorize(once("one")).await.unwrap().grant.unwrap();
    assert_eq!(grant.token, again.token);
    let verifier = demanding(&service, &witness.key);
    let facts = ExecutionFacts::default();
    assert!(crate::support::verify(&verifier, &grant, &facts, &service.path("used")).is_ok());
}

/// Somebody who puts back everything: record, tree, checkpoints.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_of_everything_is_found_out_by_a_witness() {
    let (mut service, witness) = witnessed().await;
    service.agent().await.authorize(once("one")).await.unwrap();
    service.stop().await;
    let (data, older, newer) = (service.path("data"), service.path("older"), service.path("newer"));
    copy(&data, &older);
    service.run().await;
    service.agent().await.authorize(once("two")).await.unwrap();
    service.agent().await.authorize(once("three")).await.unwrap();
    service.stop().await;
    copy(&data, &newer);

    put(&older, &data);
    let error = refused(&service).await;
    assert!(error.contains(NAME) && error.contains("has size") && error.contains("older copy"), "{error}");

    // … or begins anew: no record, no checkpoints, the same keys.
    for name in RECORD.iter().chain(&["log"]) {
        remove(&data.join(name));
    }
    let error = refused(&service).await;
    assert!(error.contains(NAME) && error.contains("has size"), "{error}");

    // … or goes on from the older copy while the witness is not looking, until the log is longer than it was.
    put(&older, &data);
    let config = std::fs::read_to_string(service.path("countersign.yaml")).unwrap();
    let (alone, _) = config.split_once("witnesses:\n  - key").unwrap();
    std::fs::write(service.path("countersign.yaml"), alone).unwrap();
    service.run().await;
    something_happens(&service, 9).await;
    service.stop().await;
    std::fs::write(service.path("countersign.yaml"), &config).unwrap();
    let error = refused(&service).await;
    assert!(error.contains(NAME) && error.contains("another history"), "{error}");

    put(&newer, &data);
    service.run().await;
    assert!(service.agent().await.authorize(once("three")).await.unwrap().grant.is_some());
    drop(witness);
}

/// A log whose key the test has.
struct OwnLog {
    signing: SigningKey,
    key: VerifierKey,
    leaves: Vec<countersign::tlog::Hash>,
}

impl OwnLog {
    fn new(name: &str) -> Self {
        let signing = SigningKey::from_bytes(&countersign::digest::sha256(&[name.as_bytes()]));
        let algorithm = countersign::token::Algorithm::default();
        let public = countersign::token::PublicKey::from_bytes(signing.verifying_key().as_bytes(), algorithm);
        let key = VerifierKey::new(KeyName::new(name).unwrap(), SignatureKind::Ed25519, public.unwrap());
        Self { signing, key, leaves: Vec::new() }
    }

    fn grow(&mut self, what: &str) {
        self.leaves.push(countersign::tlog::leaf_hash(what.as_bytes()));
    }

    fn request(&self, old_size: u64) -> AddCheckpoint {
        let size = self.leaves.len() as u64;
        let root = root(size, &self.leaves[..]).unwrap();
        let checkpoint = Checkpoint { origin: self.key.name().clone(), size, root };
        let signature = self.signing.sign(checkpoint.to_string().as_bytes()).to_bytes();
        AddCheckpoint {
            old_size,
            proof: consistency(old_size.min(size), size, &self.leaves[..]).unwrap(),
            checkpoint: SignedCheckpoint::new(checkpoint, NoteSignature::new(&self.key, &signature)).unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_remembers_across_its_own_restarts_and_never_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, other) = (OwnLog::new("log.example"), OwnLog::new("other.example"));
    let noon = Moment::from_rfc3339("2026-11-21T12:00:00Z").unwrap();
    let clock = Arc::new(ManualClock::at(noon));
    let open = || book(folder.path(), vec![log.key.clone()], clock.clone());
    let refusal = |answer: Result<NoteSignature, NotSigned>| match answer {
        Err(NotSigned::Refused(refusal)) => refusal.status(),
        other => panic!("{other:?}"),
    };
    let witness = open().unwrap();
    assert!(matches!(open(), Err(BookError::Open(_))), "one process at a time");
    log.grow("one");
    log.grow("two");
    let line = witness.add(&log.request(0)).unwrap();
    let key = witness.verifier_key().clone();
    let mut cosigned = log.request(0).checkpoint;
    cosigned.cosign(line).unwrap();
    let at = cosigned.note().check([&key]).unwrap()[0].at.unwrap();
    assert_eq!(at.moment(), noon);
    drop(witness);

    let witness = book(folder.path(), vec![log.key.clone()], clock.clone()).unwrap();
    assert_eq!(witness.verifier_key(), &key, "the same key");
    assert_eq!(refusal(witness.add(&log.request(0))), 409);
    let mut forked = OwnLog::new("log.example");
    for what in ["one", "zwei", "drei"] {
        forked.grow(what);
    }
    assert_eq!(refusal(witness.add(&forked.request(2))), 422);
    assert_eq!(refusal(witness.add(&OwnLog::new("log.example").request(2))), 400);
    assert_eq!(refusal(witness.add(&other.request(0))), 404);
    log.grow("three");
    clock.set(Reading::InDoubt { wall: noon.minus(Duration::from_secs(3600)), latest: noon });
    assert_eq!(witness.add(&log.request(2)), Err(NotSigned::Undetermined(BookError::Clock)));
    clock.set(Reading::Sure(noon.plus(Duration::from_secs(5))));
    assert!(witness.add(&log.request(2)).is_ok());
    assert_eq!(refusal(witness.add(&log.request(2))), 409);
    drop(witness);

    let named =
        Book::open(folder.path(), KeyName::new("x").unwrap(), Vec::new(), clock.clone(), &SystemEntropy);
    assert!(matches!(named, Err(BookError::OtherName { .. })));
    let written = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let written = written.into_iter().find(|path| path.extension().is_some_and(|end| end == "checkpoint"));
    let path = written.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    for wrong in
        [String::new(), text.replace("\n3\n", "\n1\n"), text.replacen("log.example", "log.examplf", 1)]
    {
        std::fs::write(&path, wrong).unwrap();
        let witness = book(folder.path(), vec![log.key.clone()], clock.clone()).unwrap();
        let answer = witness.add(&log.request(3));
        assert!(matches!(answer, Err(NotSigned::Undetermined(BookError::Damaged { .. }))), "{answer:?}");
    }
}

/// Answers every request with these bytes.
async fn answering(answer: String) -> SocketAddr {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut read = vec![0; 64 * 1024];
            drop(stream.read(&mut read).await);
            drop(stream.write_all(answer.as_bytes()).await);
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_witness_answers_is_taken_for_a_cosignature_but_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = OwnLog::new("log.example");
    log.grow("one");
    let book = book(folder.path(), vec![log.key.clone()], Arc::new(SystemClock::start())).unwrap();
    let key = book.verifier_key().clone();
    let request = log.request(0);
    let good = book.add(&request).unwrap();
    log.grow("two");
    let elsewhere = book.add(&log.request(1)).unwrap();
    let stranger = good.to_string().replace(NAME, "stranger.example/w");
    let ok = |body: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let status = |status: &str, body: &str| {
        format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    type Expected = fn(&NotCosigned) -> bool;
    let nonsense: Expected = |error| matches!(error, NotCosigned::Nonsense(_));
    let cases: Vec<(String, Expected)> = vec![
        (ok(&format!("{elsewhere}\n")), nonsense),
        (ok(&format!("{stranger}\n")), nonsense),
        (ok(""), nonsense),
        (ok("yes\n"), nonsense),
        (status("409", "7\n"), |error| *error == NotCosigned::Conflict(7)),
        (status("409", "many\n"), nonsense),
        (status("422", "another\n"), |error| *error == NotCosigned::Inconsistent("another".into())),
        (status("404", "who?\n"), |error| matches!(error, NotCosigned::Refused(_))),
        (status("302", ""), |error| matches!(error, NotCosigned::Refused(_))),
        (status("503", "later\n"), |error| matches!(error, NotCosigned::Unreachable(_))),
        (ok(&"x".repeat(100_000)), |error| matches!(error, NotCosigned::Unreachable(_))),
        ("no HTTP at all".into(), |error| matches!(error, NotCosigned::Unreachable(_))),
        (String::new(), |error| matches!(error, NotCosigned::Unreachable(_))),
    ];
    for (answer, expected) in cases {
        let address = answering(answer.clone()).await;
        let witness = HttpWitness::new(key.clone(), &format!("http://{address}/")).unwrap();
        let error = witness.cosign(&request).await.unwrap_err();
        assert!(expected(&error), "{answer}: {error:?}");
    }
    let address = answering(ok(&format!("{stranger}\n{good}\n"))).await;
    let witness = HttpWitness::new(key.clone(), &format!("http://{address}/prefix")).unwrap();
    assert_eq!(witness.cosign(&request).await, Ok(good));
    for url in ["", "https://x", "ftp://x", "http://", "unix:relative", "http://a@b/", "http://b/?q"] {
        assert!(HttpWitness::new(key.clone(), url).is_err(), "{url}");
    }
    assert_eq!(WitnessRefusal::Conflict(7).status(), 409);
}
