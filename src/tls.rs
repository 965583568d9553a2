//! TLS of a listener: certificate, key and clients' authority from files, taken again when these change.
//!
//! Files are looked at by what is in them, because the kubelet swaps a symbolic link above them and a file watch would
//! miss that. What can't be used changes nothing; connections that are there go on as they began.

mod validity;

use crate::digest::sha256;
use crate::files::refuse_exposed;
use crate::moment::Moment;
use arc_swap::ArcSwap;
use core::fmt;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_rustls::TlsAcceptor;

/// Where the parts of it are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM, for its owner only.
    pub key: PathBuf,
    /// The authority that clients' certificates must come from, PEM; none are asked for without one.
    pub client_authority: Option<PathBuf>,
}

/// What can't be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError(String);

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

fn wrong(path: &Path, what: &dyn fmt::Display) -> TlsError {
    TlsError(format!("`{}`: {what}", path.display()))
}

/// TLS of a listener.
pub struct Tls {
    files: TlsFiles,
    protocols: &'static [&'static str],
    current: ArcSwap<Current>,
    failing: AtomicBool,
}

/// What is in force.
struct Current {
    config: Arc<ServerConfig>,
    /// The digest of all that was read.
    read: [u8; 32],
    not_after: Option<Moment>,
}

/// The files as they were read at one time.
struct Read {
    certificate: Vec<u8>,
    key: zeroize::Zeroizing<Vec<u8>>,
    client_authority: Option<Vec<u8>>,
}

impl Tls {
    /// Reads the files. `protocols` are what the listener speaks, as ALPN names them.
    ///
    /// # Errors
    /// [`TlsError`] with the file that can't be used.
    pub fn open(files: TlsFiles, protocols: &'static [&'static str]) -> Result<Self, TlsError> {
        let read = files.read()?;
        let current = read.current(&files, protocols)?;
        Ok(Self {
            files,
            protocols,
            current: ArcSwap::from_pointee(current),
            failing: AtomicBool::new(false),
        })
    }

    /// What accepts a connection that begins now.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load().config.clone())
    }

    /// Until when the certificate in force is valid, where that can be read.
    #[must_use]
    pub fn not_after(&self) -> Option<Moment> {
        self.current.load().not_after
    }

    /// Whether the files differ from what is in force and can't be taken.
    #[must_use]
    pub fn failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Looks at the files, and takes them if they have changed; whether they had. Reads files.
    ///
    /// # Errors
    /// [`TlsError`] if they can't be used: what was in force stays so.
    pub fn look(&self) -> Result<bool, TlsError> {
        let looked = self.files.read().and_then(|read| {
            if read.digest() == self.current.load().read {
                return Ok(false);
            }
            let current = read.current(&self.files, self.protocols)?;
            self.current.store(Arc::new(current));
            Ok(true)
        });
        self.failing.store(looked.is_err(), Ordering::Relaxed);
        looked
    }
}

impl TlsFiles {
    fn read(&self) -> Result<Read, TlsError> {
        let read = |path: &Path| std::fs::read(path).map_err(|error| wrong(path, &error));
        refuse_exposed(&self.key).map_err(|error| TlsError(error.to_string()))?;
        Ok(Read {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?.into(),
            client_authority: self.client_authority.as_deref().map(read).transpose()?,
        })
    }
}

impl Read {
    fn digest(&self) -> [u8; 32] {
        let parts =
            [&self.certificate, &*self.key, self.client_authority.as_ref().unwrap_or(&self.certificate)];
        let parts = parts.map(|part| sha256(&[part.as_slice()]));
        sha256(&[parts.as_flattened()])
    }

    fn current(&self, files: &TlsFiles, protocols: &[&str]) -> Result<Current, TlsError> {
        let chain = certificates(&self.certificate, &files.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| wrong(&files.key, &error))?;
        let not_after = chain.first().and_then(|leaf| validity::not_after(leaf));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| TlsError(error.to_string()))?;
        let config = match (&self.client_authority, &files.client_authority) {
            (Some(authority), Some(path)) => {
                let mut roots = RootCertStore::empty();
                for root in certificates(authority, path)? {
                    roots.add(root).map_err(|error| wrong(path, &error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
                // Optional, so that a bearer token serves too; what a connection proves is judged for each call.
                let verifier =
                    verifier.allow_unauthenticated().build().map_err(|error| wrong(path, &error))?;
                config.with_client_cert_verifier(verifier)
            }
            (None, _) | (_, None) => config.with_no_client_auth(),
        };
        let config = config.with_single_cert(chain, key);
        let mut config = config.map_err(|error| wrong(&files.certificate, &error))?;
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(Current { config: Arc::new(config), read: self.digest(), not_after })
    }
}

fn certificates(pem: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match found.map_err(|error| wrong(path, &error))? {
        none if none.is_empty() => Err(wrong(path, &"there is no certificate in it")),
        found => Ok(found),
    }
}

/// Until when the first certificate of a PEM file is valid, where that can be read.
#[must_use]
pub fn not_after(pem: &[u8]) -> Option<Moment> {
    let first = CertificateDer::pem_slice_iter(pem).next()?.ok()?;
    validity::not_after(&first)
}
