//! Where a service listens: a Unix socket that only some may open, and TCP with or without TLS.

use super::count::Counted;
use super::shed::Shedding;
use crate::tls::Tls;
use core::future::Future;
use core::time::Duration;
use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower::layer::util::{Identity, Stack};

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How many handshakes there may be at a time; the others wait to be accepted.
const MOST_HANDSHAKES: usize = 256;

/// The bound endpoints of one service.
#[derive(Default)]
pub struct Listening {
    socket: Option<(UnixListener, PathBuf)>,
    tcp: Option<(TcpListener, Option<Arc<Tls>>)>,
    age: Option<Duration>,
}

/// One bound endpoint that a server takes over.
pub(super) enum Incoming {
    Socket(UnixListener),
    Tcp { listener: TcpListener, tls: Option<Arc<Tls>>, age: Option<Duration> },
}

impl Listening {
    /// Binds a Unix socket with this mode, replacing a socket that nobody serves any more.
    ///
    /// The socket gets its mode before it gets its name, so that nobody connects in between.
    ///
    /// # Errors
    /// What the system says; `AddrInUse` if somebody serves there.
    pub fn bind_socket(&mut self, path: &Path, mode: u32) -> io::Result<()> {
        if let Ok(metadata) = std::fs::symlink_metadata(path) {
            if !metadata.file_type().is_socket() {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "there is a file that is no socket",
                ));
            }
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(io::Error::new(
                    io::ErrorKind::AddrInUse,
                    "another process serves on this socket",
                ));
            }
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".new-{}", std::process::id()));
        let new = path.with_file_name(name);
        drop(std::fs::remove_file(&new));
        let listener = UnixListener::bind(&new)?;
        std::fs::set_permissions(&new, Permissions::from_mode(mode))?;
        std::fs::rename(&new, path)?;
        self.socket = Some((listener, path.into()));
        Ok(())
    }

    /// Binds a TCP address and says which it is (port 0 takes a free one).
    ///
    /// # Errors
    /// What the system says.
    pub async fn bind_tcp(&mut self, address: SocketAddr, tls: Option<Arc<Tls>>) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        self.tcp = Some((listener, tls));
        Ok(bound)
    }

    /// Has connections over TCP take no more calls after this time, so that clients look up anew where the service is.
    pub const fn limit_age(&mut self, age: Option<Duration>) {
        self.age = age;
    }

    pub(super) fn serve_on(self, mut serve: impl FnMut(Incoming)) {
        if let Some((listener, _)) = self.socket {
            serve(Incoming::Socket(listener));
        }
        if let Some((listener, tls)) = self.tcp {
            serve(Incoming::Tcp { listener, tls, age: self.age });
        }
    }
}

impl Incoming {
    pub(super) async fn run(
        self,
        mut server: Server<Stack<Shedding, Stack<Counted, Identity>>>,
        routes: Routes,
        stop: impl Future<Output = ()>,
    ) -> Result<(), tonic::transport::Error> {
        match self {
            Self::Socket(listener) => {
                let incoming = UnixListenerStream::new(listener);
                server.add_routes(routes).serve_with_incoming_shutdown(incoming, stop).await
            }
            Self::Tcp { listener, tls, age } => {
                if let Some(age) = age {
                    server = server.max_connection_age(age);
                }
                let router = server.add_routes(routes);
                let Some(tls) = tls else {
                    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
                    return router.serve_with_incoming_shutdown(incoming, stop).await;
                };
                let (shaken, incoming) = mpsc::channel(1);
                // It ends with the server: a set ends what is in it when it is dropped.
                let mut accepting = JoinSet::new();
                accepting.spawn(accept(listener, tls, shaken));
                router.serve_with_incoming_shutdown(ReceiverStream::new(incoming), stop).await
            }
        }
    }
}

/// Accepts connections and hands over those whose TLS handshake came to an end; none waits for another.
async fn accept(
    listener: TcpListener,
    tls: Arc<Tls>,
    shaken: mpsc::Sender<io::Result<TlsStream<TcpStream>>>,
) {
    let room = Arc::new(Semaphore::new(MOST_HANDSHAKES));
    let mut handshakes = JoinSet::new();
    loop {
        while handshakes.try_join_next().is_some() {}
        let Ok(place) = room.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (acceptor, shaken) = (tls.acceptor(), shaken.clone());
                handshakes.spawn(async move {
                    // Small answers, and an agent that waits for each of them.
                    drop(stream.set_nodelay(true));
                    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                        Ok(Ok(stream)) => drop(shaken.send(Ok(stream)).await),
                        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                        Err(_) => tracing::debug!("a TLS handshake took too long"),
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
