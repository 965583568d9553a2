//! Where a service listens: a Unix socket that only some may open, and TCP with or without TLS.

use super::count::Counted;
use core::future::Future;
use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tokio::net::{TcpListener, UnixListener};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server, ServerTlsConfig};
use tower::layer::util::{Identity, Stack};

/// The bound endpoints of one service.
#[derive(Debug, Default)]
pub struct Listening {
    socket: Option<(UnixListener, PathBuf)>,
    tcp: Option<(TcpListener, Option<ServerTlsConfig>)>,
}

/// One bound endpoint that a server takes over.
pub(super) enum Incoming {
    Socket(UnixListener),
    Tcp(TcpListener, Option<ServerTlsConfig>),
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
    pub async fn bind_tcp(
        &mut self,
        address: SocketAddr,
        tls: Option<ServerTlsConfig>,
    ) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        self.tcp = Some((listener, tls));
        Ok(bound)
    }

    pub(super) fn serve_on(self, mut serve: impl FnMut(Incoming)) {
        if let Some((listener, _)) = self.socket {
            serve(Incoming::Socket(listener));
        }
        if let Some((listener, tls)) = self.tcp {
            serve(Incoming::Tcp(listener, tls));
        }
    }
}

impl Incoming {
    pub(super) async fn run(
        self,
        mut server: Server<Stack<Counted, Identity>>,
        routes: Routes,
        stop: impl Future<Output = ()>,
    ) -> Result<(), tonic::transport::Error> {
        match self {
            Self::Socket(listener) => {
                let incoming = UnixListenerStream::new(listener);
                server.add_routes(routes).serve_with_incoming_shutdown(incoming, stop).await
            }
            Self::Tcp(listener, tls) => {
                if let Some(tls) = tls {
                    server = server.tls_config(tls)?;
                }
                let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
                server.add_routes(routes).serve_with_incoming_shutdown(incoming, stop).await
            }
        }
    }
}
