//! Slow request heads. A kept-alive connection may be silent for long, but a head once begun must end soon.
//!
//! hyper has one timer for both, so the second is kept here: a wrapper around the connection sees the first octet, the service says when
//! the head was complete.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
};

use crate::socket::Io;

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const BUSY: u8 = 2;

/// Where one connection is: idle, in a head, or with a request in hand.
#[derive(Default)]
pub(crate) struct Pace {
    phase: AtomicU8,
    heads: AtomicU64,
    begun: Notify,
    ended: Notify,
}

impl Pace {
    /// A head is complete.
    pub(crate) fn busy(&self) {
        self.phase.store(BUSY, Ordering::Release);
        self.ended.notify_one();
    }

    /// The request is answered.
    pub(crate) fn idle(&self) {
        self.phase.store(IDLE, Ordering::Release);
    }

    /// Ends when a head takes longer than `limit`.
    pub(crate) async fn overdue(&self, limit: Duration) {
        loop {
            self.begun.notified().await;
            let head = self.heads.load(Ordering::Acquire);
            let open = || self.phase.load(Ordering::Acquire) == HEAD && self.heads.load(Ordering::Acquire) == head;
            let ended = tokio::time::timeout(limit, async {
                while open() {
                    self.ended.notified().await;
                }
            });
            if ended.await.is_err() && open() {
                return;
            }
        }
    }
}

/// A connection that tells its [`Pace`] when a head begins.
pub(crate) struct Paced {
    pub(crate) io: Box<dyn Io>,
    pub(crate) pace: Arc<Pace>,
}

impl AsyncRead for Paced {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.io).poll_read(cx, buf);
        if buf.filled().len() > before && self.pace.phase.compare_exchange(IDLE, HEAD, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.pace.heads.fetch_add(1, Ordering::AcqRel);
            self.pace.begun.notify_one();
        }
        result
    }
}

impl AsyncWrite for Paced {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
