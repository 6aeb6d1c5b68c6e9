//! How a simulated end reaches the bridge, from flags.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use bridge_engine::shell::{Endpoint, Serial, UdpPeers};
use bridge_session::Role;

use crate::fault::Fault;

/// Over TCP.
#[derive(clap::Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct TcpWay {
    /// Listen here (a station, unless its link has it connect).
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Connect to here (an EMS, a master, or a station of a server link of both directions).
    #[arg(long, value_name = "ADDR")]
    connect: Option<SocketAddr>,
}

/// Over everything that DNP3 runs over.
#[derive(clap::Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct AnyWay {
    /// Listen here (a station).
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Connect to here (an EMS or a master).
    #[arg(long, value_name = "ADDR")]
    connect: Option<SocketAddr>,
    /// Speak UDP: a station answers at this address, an EMS or a master asks it.
    #[arg(long, value_name = "ADDR")]
    udp: Option<SocketAddr>,
    /// On this serial line, or this end of a pseudo-terminal.
    #[arg(long, value_name = "PATH")]
    serial: Option<PathBuf>,
}

/// A way that was chosen.
pub(super) enum Way {
    Listen(SocketAddr),
    Connect(SocketAddr),
    Udp(SocketAddr),
    Serial(PathBuf, u32),
}

impl TcpWay {
    pub(super) fn chosen(&self) -> Option<Way> {
        self.listen.map(Way::Listen).or(self.connect.map(Way::Connect))
    }
}

impl AnyWay {
    pub(super) fn chosen(&self, baud: u32) -> Option<Way> {
        let tcp = TcpWay { listen: self.listen, connect: self.connect }.chosen();
        let serial = self.serial.as_ref().map(|path| Way::Serial(path.clone(), baud));
        tcp.or(self.udp.map(Way::Udp)).or(serial)
    }
}

impl Way {
    /// Whether it is a connection, which ends when its peer falls silent.
    pub(super) const fn is_connection(&self) -> bool {
        matches!(self, Self::Listen(_) | Self::Connect(_))
    }

    /// As the shell takes it, for an end of this role.
    pub(super) fn endpoint(self, role: Role) -> Result<Endpoint, Fault> {
        let local = |addr: SocketAddr| match addr.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        };
        Ok(match (self, role) {
            (Self::Listen(_), Role::Client) => return Err(Fault::new("this end of the link connects").fix("use --connect ADDR")),
            (Self::Connect(_), Role::Server) => return Err(Fault::new("this end of the link listens").fix("use --listen ADDR")),
            (Self::Listen(addr), Role::Server) => Endpoint::listen(addr, vec![local(addr), addr.ip()]),
            (Self::Connect(addr), Role::Client) => Endpoint::connect(addr),
            (Self::Udp(addr), Role::Server) => {
                Endpoint::Udp { bind: addr, peers: UdpPeers::Any { allow: vec![local(addr), addr.ip()], first: None } }
            }
            (Self::Udp(addr), Role::Client) => Endpoint::Udp { bind: SocketAddr::new(local(addr), 0), peers: UdpPeers::One(addr) },
            (Self::Serial(path, baud), Role::Client | Role::Server) => Endpoint::Serial(Serial::new(path, baud)),
        })
    }
}
