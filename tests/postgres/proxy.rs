//! A proxy between the store and its server, that cuts connections where a test wants it.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// What happens to the next commit that passes.
const NOTHING: u16 = 0;
const CUT_BEFORE: u16 = 1;
const CUT_AFTER: u16 = 2;

#[derive(Default)]
struct State {
    next: AtomicU16,
    cut: AtomicU32,
    refuses: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

/// Passes on everything, until it is told otherwise.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    state: Arc<State>,
}

impl Proxy {
    /// Before the server on this port.
    pub(crate) fn before(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                if shared.refuses.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                shared.open.lock().unwrap().push(client.try_clone().unwrap());
                let committing = Arc::new(AtomicBool::new(false));
                let there = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (state, seen) = (Arc::clone(&shared), Arc::clone(&committing));
                std::thread::spawn(move || state.pass_requests(there.0, there.1, &seen));
                let state = Arc::clone(&shared);
                std::thread::spawn(move || state.pass_answers(server, client, &committing));
            }
        });
        Self { port, state }
    }

    /// The next commit never reaches the server.
    pub(crate) fn cut_before_commit(&self) {
        self.state.next.store(CUT_BEFORE, Ordering::SeqCst);
    }

    /// The next commit reaches the server, and its answer nobody.
    pub(crate) fn cut_after_commit(&self) {
        self.state.next.store(CUT_AFTER, Ordering::SeqCst);
    }

    /// How many connections were cut over a commit.
    pub(crate) fn cuts(&self) -> u32 {
        self.state.cut.load(Ordering::SeqCst)
    }

    /// Cuts all connections, and lets no new one in until it is told so.
    pub(crate) fn close(&self) {
        self.state.refuses.store(true, Ordering::SeqCst);
        for connection in self.state.open.lock().unwrap().drain(..) {
            drop(connection.shutdown(Shutdown::Both));
        }
    }

    /// Lets connections in again.
    pub(crate) fn open(&self) {
        self.state.refuses.store(false, Ordering::SeqCst);
    }
}

/// Cuts a connection at both ends.
fn cut(one: &TcpStream, other: &TcpStream) {
    drop(one.shutdown(Shutdown::Both));
    drop(other.shutdown(Shutdown::Both));
}

impl State {
    fn pass_requests(&self, mut client: TcpStream, mut server: TcpStream, committing: &AtomicBool) {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(read @ 1..) = client.read(&mut buffer) {
            let bytes = &buffer[..read];
            // What a simple query says stands in the stream as it is.
            if bytes.windows(7).any(|window| window == b"COMMIT\0") {
                match self.next.swap(NOTHING, Ordering::SeqCst) {
                    CUT_BEFORE => {
                        self.cut.fetch_add(1, Ordering::SeqCst);
                        return cut(&client, &server);
                    }
                    CUT_AFTER => committing.store(true, Ordering::SeqCst),
                    _ => {}
                }
            }
            if server.write_all(bytes).is_err() {
                break;
            }
        }
        cut(&client, &server);
    }

    fn pass_answers(&self, mut server: TcpStream, mut client: TcpStream, committing: &AtomicBool) {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(read @ 1..) = server.read(&mut buffer) {
            let bytes = &buffer[..read];
            if committing.load(Ordering::SeqCst) {
                // Everything is held back; when the server says that it committed, the connection ends.
                if bytes.windows(7).any(|window| window == b"COMMIT\0") {
                    self.cut.fetch_add(1, Ordering::SeqCst);
                    return cut(&client, &server);
                }
                continue;
            }
            if client.write_all(bytes).is_err() {
                break;
            }
        }
        cut(&client, &server);
    }
}
