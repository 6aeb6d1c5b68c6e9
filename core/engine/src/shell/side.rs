//! Where a link's channels come from: lines that connect, a gate that listens, a socket for datagrams, a device. A dual end point has two
//! sides, every other link has one.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use bridge_model::{Mono, Now};
use tokio::sync::mpsc;

use super::backoff::Retry;
use super::clock::random;
use super::endpoint::Endpoint;
use super::gate::{Came, Entry, Gate, Handed};
use super::line::{Line, Tried};
use super::serial::Device;
use super::tls::{Keeper, Look, Tls, Usage};
use super::udp::Datagrams;
use super::wire::{Far, Wire};

/// Addresses that one connecting link keeps a connection to.
pub const LINES: usize = 8;

/// What a side brings.
pub(crate) enum Arrived {
    /// A channel, and the line that it is on.
    Open { wire: Wire, far: Far, line: Option<usize> },
    /// Somebody was refused, and why.
    Refused(String),
    /// Of the TLS files.
    Look(Look),
    /// Something moved and there is nothing to say.
    Moved,
}

pub(crate) enum Side {
    Connect {
        lines: Vec<Line>,
        keeper: Option<Keeper>,
    },
    Listen(Gate),
    /// Behind a gate that several links share.
    Handed {
        from: mpsc::Receiver<Handed>,
        keeper: Option<Keeper>,
        not_before: Mono,
    },
    Udp(Datagrams),
    Serial(Device),
}

impl Side {
    /// The sides of an endpoint. `handed`: it listens through a shared gate. Nothing happens before `not_before`.
    pub(crate) fn of(endpoint: Endpoint, handed: Option<mpsc::Receiver<Handed>>, not_before: Mono) -> Vec<Self> {
        let keeper = |tls: Option<Box<Tls>>| tls.map(|tls| Keeper::new(*tls));
        let listening = |addr, allow, tls: Option<Box<Tls>>| match handed {
            Some(from) => Self::Handed { from, keeper: keeper(tls), not_before },
            None => Self::Listen(Gate::new(addr, vec![Entry::new(allow, tls.map(|tls| *tls))], not_before)),
        };
        match endpoint {
            Endpoint::Connect { to, bind, tls } => {
                let lines = to.into_iter().take(LINES).map(|to| Line::new(to, bind, not_before)).collect();
                vec![Self::Connect { lines, keeper: keeper(tls) }]
            }
            Endpoint::Listen { addr, allow, tls, .. } => vec![listening(addr, allow, tls)],
            Endpoint::Dual { to, listen, allow, tls, .. } => {
                let lines = to.into_iter().take(LINES).map(|to| Line::new(to, None, not_before)).collect();
                vec![Self::Connect { lines, keeper: keeper(tls.clone()) }, listening(listen, allow, tls)]
            }
            Endpoint::Udp { bind, peers } => vec![Self::Udp(Datagrams::new(bind, peers, not_before))],
            Endpoint::Serial(line) => vec![Self::Serial(Device::new(line, not_before))],
        }
    }

    /// Whether it calls, rather than waits to be called.
    pub(crate) const fn calls(&self) -> bool {
        matches!(self, Self::Connect { .. })
    }

    pub(crate) fn keeper(&self) -> Option<&Keeper> {
        match self {
            Self::Connect { keeper, .. } | Self::Handed { keeper, .. } => keeper.as_ref(),
            Self::Listen(gate) => gate.entries.first().and_then(|entry| entry.keeper.as_ref()),
            Self::Udp(_) | Self::Serial(_) => None,
        }
    }

    /// What a peer's certificate is for.
    pub(crate) const fn usage(&self) -> Usage {
        match self {
            Self::Connect { .. } => Usage::Server,
            Self::Listen(_) | Self::Handed { .. } | Self::Udp(_) | Self::Serial(_) => Usage::Client,
        }
    }

    /// The next thing that happens here. `within`: how long a new attempt may take; `None`: nobody may come in and no attempt may begin,
    /// but files are looked at all the same.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, within: Option<Duration>, now: Now) -> Poll<Arrived> {
        if let Self::Connect { keeper: Some(keeper), .. } | Self::Handed { keeper: Some(keeper), .. } = self
            && let Poll::Ready(look) = keeper.poll(cx, now)
        {
            return Poll::Ready(Arrived::Look(look));
        }
        match self {
            Self::Connect { lines, keeper } => {
                for (at, line) in lines.iter_mut().enumerate() {
                    if let Poll::Ready(tried) = line.poll(cx, keeper.as_ref(), within, now) {
                        return Poll::Ready(came_of(line, at, tried, now));
                    }
                }
                Poll::Pending
            }
            Self::Listen(gate) => gate.poll(cx, within.is_some(), now).map(|came| match came {
                Came::Open(_, wire, peer) => Arrived::Open { wire, far: Far::Net(peer), line: None },
                Came::Refused(_, what) => Arrived::Refused(what),
                Came::Look(look) => Arrived::Look(look),
                Came::Moved => Arrived::Moved,
            }),
            Self::Handed { from, not_before, .. } => {
                if within.is_none() || *not_before > now.mono {
                    return Poll::Pending;
                }
                match from.poll_recv(cx) {
                    Poll::Ready(Some(Handed::Open(wire, peer))) => Poll::Ready(Arrived::Open { wire, far: Far::Net(peer), line: None }),
                    Poll::Ready(Some(Handed::Refused(what))) => Poll::Ready(Arrived::Refused(what)),
                    Poll::Ready(None) | Poll::Pending => Poll::Pending,
                }
            }
            Self::Udp(datagrams) => datagrams.poll(cx, within.is_some(), now),
            Self::Serial(device) => device.poll(within.is_some(), now),
        }
    }

    /// When to be polled again, if nothing wakes us before. The end of a peer's certificate is seen when the files are looked at.
    pub(crate) fn deadline(&self, may_open: bool, now: Mono) -> Mono {
        let of_keeper = |keeper: &Option<Keeper>| keeper.as_ref().map_or(Mono::NEVER, Keeper::deadline);
        match self {
            Self::Connect { lines, keeper } => {
                let idle = may_open && keeper.as_ref().is_none_or(|keeper| keeper.material().is_some());
                let of_line = |line: &Line| if idle || line.busy() { line.deadline() } else { Mono::NEVER };
                lines.iter().map(of_line).min().unwrap_or(Mono::NEVER).min(of_keeper(keeper))
            }
            Self::Listen(gate) => gate.deadline(may_open),
            Self::Handed { keeper, not_before, .. } => {
                let start = if *not_before > now { *not_before } else { Mono::NEVER };
                of_keeper(keeper).min(start)
            }
            Self::Udp(datagrams) => datagrams.deadline(may_open),
            Self::Serial(device) => device.deadline(may_open),
        }
    }

    /// The channel that it brought is open.
    pub(crate) fn worked(&mut self, line: Option<usize>) {
        match self {
            Self::Connect { .. } => {
                if let Some(line) = self.line(line) {
                    line.open = true;
                    line.retry.worked();
                }
            }
            Self::Udp(datagrams) => datagrams.worked(),
            Self::Serial(device) => device.worked(),
            Self::Listen(_) | Self::Handed { .. } => {}
        }
    }

    /// The channel that it brought could not be used.
    pub(crate) fn failed(&mut self, line: Option<usize>, far: &Far, error: &io::Error, now: Mono) {
        let retry: Option<&mut Retry> = self.line(line).map(|line| &mut line.retry);
        match retry {
            Some(retry) => retry.failed("cannot connect", far, error, now, random()),
            None => tracing::warn!(peer = %far, %error, "a connection could not be set up"),
        }
    }

    /// The channel that it brought is gone.
    pub(crate) fn gone(&mut self, line: Option<usize>, was_steady: bool, now: Mono) {
        match self {
            Self::Connect { .. } => {
                if let Some(line) = self.line(line) {
                    line.gone(was_steady, now);
                }
            }
            Self::Udp(datagrams) => datagrams.gone(line, was_steady, now),
            Self::Serial(device) => device.gone(was_steady, now),
            Self::Listen(_) | Self::Handed { .. } => {}
        }
    }

    fn line(&mut self, at: Option<usize>) -> Option<&mut Line> {
        match self {
            Self::Connect { lines, .. } => lines.get_mut(at?),
            Self::Listen(_) | Self::Handed { .. } | Self::Udp(_) | Self::Serial(_) => None,
        }
    }
}

fn came_of(line: &mut Line, at: usize, tried: Tried, now: Now) -> Arrived {
    match tried {
        Tried::Open(wire) => Arrived::Open { wire, far: Far::Net(line.to), line: Some(at) },
        Tried::Failed(error) => {
            line.retry.failed("cannot connect", &line.to, &error, now.mono, random());
            Arrived::Moved
        }
        Tried::Refused(refusal) => {
            line.retry.rest(now.mono, random());
            Arrived::Refused(format!("{} refused: {refusal}", line.to))
        }
    }
}
