//! Hosts and the paths between them: latency, cuts, hosts that are off or refuse.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::rng::Rng;

/// One host of the simulated network; made by [`Net::host`](crate::Net::host).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HostId(pub u16);

/// How the network behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NetOptions {
    /// One way, at least.
    pub latency: Duration,
    /// One way, on top, drawn for every packet. Packets of one direction of one connection never overtake each other.
    pub jitter: Duration,
    /// Largest segment, in octets; each is drawn from 1 to this.
    pub segment_max: usize,
    /// How long a connection attempt goes on without an answer.
    pub connect_timeout: Duration,
    /// The first retransmission timeout, at least; never below two round trips.
    pub rto_min: Duration,
    /// The backed-off retransmission timeout, at most.
    pub rto_max: Duration,
    /// How long sent octets may stay unacknowledged if [`Net::set_user_timeout`](crate::Net::set_user_timeout) says nothing else.
    pub user_timeout: Duration,
    /// How long a request of the message lane waits for its reply.
    pub message_timeout: Duration,
}

impl Default for NetOptions {
    /// A wide-area path: 10 ms and up to 5 ms one way; the other figures as a usual kernel has them.
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(10),
            jitter: Duration::from_millis(5),
            segment_max: 1448,
            connect_timeout: Duration::from_secs(10),
            rto_min: Duration::from_millis(200),
            rto_max: Duration::from_secs(120),
            user_timeout: Duration::from_secs(924),
            message_timeout: Duration::from_secs(5),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Topology {
    pub(crate) options: NetOptions,
    pub(crate) rng: Rng,
    hosts: Vec<String>,
    cuts: BTreeSet<(HostId, HostId)>,
    off: BTreeSet<HostId>,
    refusing: BTreeSet<HostId>,
}

impl Topology {
    pub(crate) fn new(seed: u64, options: NetOptions) -> Self {
        Self { options, rng: Rng::new(seed), hosts: Vec::new(), cuts: BTreeSet::new(), off: BTreeSet::new(), refusing: BTreeSet::new() }
    }

    /// The host of this name, made at its first mention. Beyond 65,535 hosts all further names are the last one.
    pub(crate) fn host(&mut self, name: &str) -> HostId {
        let index = self.hosts.iter().position(|known| known == name).unwrap_or_else(|| {
            self.hosts.push(name.to_owned());
            self.hosts.len() - 1
        });
        HostId(u16::try_from(index).unwrap_or(u16::MAX))
    }

    pub(crate) fn name(&self, host: HostId) -> &str {
        self.hosts.get(usize::from(host.0)).map_or("?", String::as_str)
    }

    pub(crate) fn cut(&mut self, from: HostId, to: HostId) {
        self.cuts.insert((from, to));
    }

    pub(crate) fn heal(&mut self, from: HostId, to: HostId) {
        self.cuts.remove(&(from, to));
    }

    pub(crate) fn set_off(&mut self, host: HostId, off: bool) {
        if off {
            self.off.insert(host);
        } else {
            self.off.remove(&host);
        }
    }

    pub(crate) fn set_refusing(&mut self, host: HostId, refusing: bool) {
        if refusing {
            self.refusing.insert(host);
        } else {
            self.refusing.remove(&host);
        }
    }

    pub(crate) fn refuses(&self, host: HostId) -> bool {
        self.refusing.contains(&host)
    }

    /// Whether a packet from `from` reaches `to` at this moment.
    pub(crate) fn open(&self, from: HostId, to: HostId) -> bool {
        !self.cuts.contains(&(from, to)) && !self.off.contains(&from) && !self.off.contains(&to)
    }

    /// The time of one flight.
    pub(crate) fn flight(&mut self) -> Duration {
        self.options.latency + self.rng.duration(self.options.jitter)
    }

    /// The retransmission timeout of a path whose packets arrive.
    pub(crate) fn first_rto(&self) -> Duration {
        self.options.rto_min.max((self.options.latency + self.options.jitter) * 4)
    }
}
