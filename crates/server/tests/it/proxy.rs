//! A TCP proxy on loopback that spoils what passes through it, as it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of the bytes that the server sends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    /// Nothing is wrong.
    None,
    /// Every answer waits.
    Slow(Duration),
    /// One in so many answers waits.
    Sometimes(u64, Duration),
    /// Answers come in pieces of so many bytes.
    Pieces(usize),
    /// Connections are closed as they come.
    Refuse,
    /// Connections are taken and nothing is ever said.
    Silent,
    /// What the client sends arrives, what the server answers does not.
    HalfOpen,
    /// The connection ends in the middle of every answer, after so many bytes.
    Truncate(usize),
    /// The connection ends at every answer.
    Cut,
    /// These bytes instead of every answer.
    Instead(Vec<u8>),
    /// One byte in every answer is another one.
    Flip(usize),
}

/// A proxy before one server.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    fault: Arc<Mutex<Fault>>,
    /// Connections of before end when this changes.
    reset: watch::Sender<u64>,
    pub(crate) spoiled: Arc<AtomicU64>,
    running: Arc<AtomicBool>,
}

impl Proxy {
    pub(crate) async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (reset, resets) = watch::channel(0);
        let proxy = Proxy {
            port: listener.local_addr().unwrap().port(),
            fault: Arc::new(Mutex::new(Fault::None)),
            reset,
            spoiled: Arc::default(),
            running: Arc::new(AtomicBool::new(true)),
        };
        let (fault, spoiled, running) = (proxy.fault.clone(), proxy.spoiled.clone(), proxy.running.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !running.load(Ordering::SeqCst) {
                    break;
                }
                let (fault, spoiled, resets) = (fault.clone(), spoiled.clone(), resets.clone());
                tokio::spawn(pass(client, port, fault, spoiled, resets));
            }
        });
        proxy
    }

    /// Its address in a URL of a scheme.
    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// From now on; connections that are open stay.
    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock() = fault;
    }

    /// Ends all connections that are open.
    pub(crate) fn reset(&self) {
        self.reset.send_modify(|number| *number += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running.store(false, Ordering::SeqCst);
    }
}

async fn pass(
    mut client: TcpStream,
    port: u16,
    fault: Arc<Mutex<Fault>>,
    spoiled: Arc<AtomicU64>,
    mut resets: watch::Receiver<u64>,
) {
    resets.mark_unchanged();
    if *fault.lock() == Fault::Refuse {
        spoiled.fetch_add(1, Ordering::Relaxed);
        return;
    }
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut up, mut down) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut answers = 0_u64;
    loop {
        tokio::select! {
            _ = resets.changed() => return,
            read = client.read(&mut up) => {
                let Ok(read @ 1..) = read else { return };
                let now = fault.lock().clone();
                match now {
                    Fault::Refuse => return,
                    Fault::Silent => { spoiled.fetch_add(1, Ordering::Relaxed); }
                    _ => if server.write_all(&up[..read]).await.is_err() { return },
                }
            }
            read = server.read(&mut down) => {
                let Ok(read @ 1..) = read else { return };
                let mut bytes = down[..read].to_vec();
                answers += 1;
                let now = fault.lock().clone();
                if now != Fault::None {
                    spoiled.fetch_add(1, Ordering::Relaxed);
                }
                match now {
                    Fault::None => {}
                    Fault::Slow(time) => tokio::time::sleep(time).await,
                    Fault::Sometimes(one_in, time) => if answers.is_multiple_of(one_in) { tokio::time::sleep(time).await },
                    Fault::Pieces(size) => {
                        for piece in bytes.chunks(size) {
                            if client.write_all(piece).await.is_err() { return }
                            tokio::task::yield_now().await;
                        }
                        continue;
                    }
                    Fault::Refuse | Fault::Cut => return,
                    Fault::Silent | Fault::HalfOpen => continue,
                    Fault::Truncate(after) => {
                        let _ = client.write_all(&bytes[..after.min(bytes.len())]).await;
                        return;
                    }
                    Fault::Instead(other) => bytes = other,
                    Fault::Flip(at) => { let at = at % bytes.len(); bytes[at] ^= 0x15; }
                }
                if client.write_all(&bytes).await.is_err() { return }
            }
        }
    }
}
