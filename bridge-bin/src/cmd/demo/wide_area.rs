//! The wide-area link: two TCP paths that can be cut without a word, as a failed microwave hop does, and healed.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bridge_engine::shell;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Octets that one direction of a connection holds while it is cut; what comes after waits in the kernels.
const HELD: usize = 16 * 1024;
/// Connections that one path carries at a time; further ones wait.
const CONNECTIONS: usize = 256;

/// The link. While it is cut nothing passes either way and nobody is told; open connections stay open.
pub(super) struct WideArea {
    open: Arc<watch::Sender<bool>>,
}

impl WideArea {
    /// A link that passes everything.
    pub(super) fn new() -> Self {
        Self { open: Arc::new(watch::Sender::new(true)) }
    }

    /// A path to `to`; gives the address where it begins.
    pub(super) async fn path(&self, to: SocketAddr) -> std::io::Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let from = listener.local_addr()?;
        drop(shell::spawn("wide-area path", accept(listener, to, self.open.subscribe())));
        Ok(from)
    }

    pub(super) fn cut(&self) {
        self.open.send_replace(false);
    }

    pub(super) fn heal(&self) {
        self.open.send_replace(true);
    }
}

async fn accept(listener: TcpListener, to: SocketAddr, open: watch::Receiver<bool>) {
    let mut carried = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if carried.len() < CONNECTIONS => {
                if let Ok((near, _)) = accepted {
                    carried.spawn(carry(near, to, open.clone()));
                }
            }
            Some(_) = carried.join_next(), if !carried.is_empty() => {}
        }
    }
}

async fn carry(near: TcpStream, to: SocketAddr, mut open: watch::Receiver<bool>) {
    if !passes(&mut open).await {
        return;
    }
    let Ok(far) = TcpStream::connect(to).await else { return };
    drop((near.set_nodelay(true), far.set_nodelay(true)));
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    // One direction that fails ends both, as a router's reset would.
    tokio::select! {
        () = pump(near_read, far_write, open.clone()) => {}
        () = pump(far_read, near_write, open) => {}
    }
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut open: watch::Receiver<bool>) {
    let mut held = vec![0; HELD];
    loop {
        let read = from.read(&mut held).await;
        // Cut while it was on its way: it waits, and so does the news of an end.
        if !passes(&mut open).await {
            return;
        }
        let Ok(count @ 1..) = read else { break };
        let Some(octets) = held.get(..count) else { return };
        if to.write_all(octets).await.is_err() {
            return;
        }
    }
    drop(to.shutdown().await);
}

/// Waits until the link passes again; `false` if there is none any more.
async fn passes(open: &mut watch::Receiver<bool>) -> bool {
    open.wait_for(|open| *open).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn a_cut_link_says_nothing_and_keeps_its_connections() {
        let far = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback");
        let link = WideArea::new();
        let path = link.path(far.local_addr().expect("bound")).await.expect("a path");
        let mut near = TcpStream::connect(path).await.expect("open");
        let (mut far, _) = far.accept().await.expect("carried");
        let mut octet = [0];
        near.write_all(b"a").await.expect("sent");
        far.read_exact(&mut octet).await.expect("arrives");
        link.cut();
        near.write_all(b"b").await.expect("sent into nothing");
        let silent = tokio::time::timeout(Duration::from_millis(100), far.read_exact(&mut octet)).await;
        assert!(silent.is_err(), "nothing passes and nothing ends");
        link.heal();
        far.read_exact(&mut octet).await.expect("arrives late");
        assert_eq!(&octet, b"b");
    }
}
