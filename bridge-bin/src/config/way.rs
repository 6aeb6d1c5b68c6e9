//! How a link reaches its peer: `transport` of a link in `site.toml` and the keys that go with it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bridge_diag::{Diagnostic, Report, Span, View};
use bridge_engine::shell::{self, DataBits, Parity, Second, Serial, StopBits, UdpPeers};
use bridge_session::{LinkSpec, Role, Transports};

use super::bridge::Placed;
use super::check::Endpoint;
use super::site::{PeerKind, SiteLink};
use super::value::{address, take_count};
use crate::adapters::contradicts;

/// Speeds of a serial line, in bits per second.
const BAUD: (u64, u64) = (50, 4_000_000);

/// `transport`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Transport {
    Tcp,
    Udp,
    Dual,
    Serial,
}

impl Transport {
    const ALL: [Self; 4] = [Self::Tcp, Self::Udp, Self::Dual, Self::Serial];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Dual => "dual",
            Self::Serial => "serial",
        }
    }

    /// Whether a silent peer's channel can be closed.
    const fn is_connection(self) -> bool {
        matches!(self, Self::Tcp | Self::Dual)
    }

    const fn is_of(self, transports: Transports) -> bool {
        match self {
            Self::Tcp => true,
            Self::Udp => transports.udp,
            Self::Dual => transports.dual,
            Self::Serial => transports.serial,
        }
    }
}

/// What a link's entry says beside `endpoint`, `allow` and `tls`.
pub(crate) struct WayKeys {
    /// The place is that of the key, or of the link's entry.
    pub(crate) transport: Placed<Transport>,
    listen: Option<Placed<SocketAddr>>,
    local: Option<Placed<SocketAddr>>,
    first: Option<Placed<SocketAddr>>,
    second: Option<Placed<Second>>,
    serial: Option<Placed<Serial>>,
}

/// A checked way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// A client connects, a server listens.
    Tcp { second: Option<Second> },
    /// Both.
    Dual { listen: SocketAddr, second: Second },
    /// A client speaks from `bind` to its endpoint, a server is bound to its endpoint.
    Udp { bind: SocketAddr, first: Option<SocketAddr> },
    /// A serial line.
    Serial(Serial),
}

impl Way {
    /// Whether a silent peer's channel can be closed.
    pub(crate) const fn is_connection(&self) -> bool {
        matches!(self, Self::Tcp { .. } | Self::Dual { .. })
    }
}

/// Reads the keys; `None` after a problem that was reported.
pub(crate) fn way_keys(view: &mut View<'_>, report: &mut Report) -> Option<WayKeys> {
    let transport = match view.take_str("transport", report) {
        None => Some(Placed { value: Transport::Tcp, span: view.span() }),
        Some((text, span)) => {
            let known = Transport::ALL.into_iter().find(|transport| transport.as_str() == text);
            if known.is_none() {
                report.push(
                    view.error("config::link-transport", span, format!("`{text}` is no transport"))
                        .fix("use `tcp`, `dual` (connects and listens), `udp` or `serial`"),
                );
            }
            known.map(|value| Placed { value, span })
        }
    };
    let mut place = |key: &str, report: &mut Report| {
        let (text, span) = view.take_str(key, report)?;
        address(view, text, span, report).map(|value| Placed { value, span })
    };
    let (listen, local, first) = (place("listen", report), place("local", report), place("first", report));
    let second = view.take_str("second", report).and_then(|(text, span)| {
        let value = match text {
            "replace" => Second::Replace,
            "refuse" => Second::Refuse,
            _ => {
                report.push(
                    view.error("config::link-second", span, format!("`{text}` does not say what becomes of a second connection"))
                        .fix("use `replace` (it takes the place of the first) or `refuse`"),
                );
                return None;
            }
        };
        Some(Placed { value, span })
    });
    let serial = view.take_table("serial", report).map(|table| serial(view.inner(table, "`serial`"), report));
    let serial = match serial {
        Some(read) => Some(read?),
        None => None,
    };
    Some(WayKeys { transport: transport?, listen, local, first, second, serial })
}

fn serial(mut view: View<'_>, report: &mut Report) -> Option<Placed<Serial>> {
    let device = view.need_str("device", report);
    view.need("baud", report);
    let baud = take_count(&mut view, "baud", BAUD, report);
    let data_bits = match take_count(&mut view, "data_bits", (7, 8), report) {
        Some(7) => DataBits::Seven,
        Some(_) | None => DataBits::Eight,
    };
    let stop_bits = match take_count(&mut view, "stop_bits", (1, 2), report) {
        Some(2) => StopBits::Two,
        Some(_) | None => StopBits::One,
    };
    let mut word = |key: &str, known: &[&str], report: &mut Report| {
        let (text, span) = view.take_str(key, report)?;
        let at = known.iter().position(|word| *word == text);
        if at.is_none() {
            let fix = format!("use one of {}", known.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "));
            report.push(view.error("config::link-serial", span, format!("`{text}` is no `{key}` of a serial line")).fix(fix));
        }
        at
    };
    let parity = match word("parity", &["none", "even", "odd"], report) {
        Some(1) => Parity::Even,
        Some(2) => Parity::Odd,
        Some(_) | None => Parity::None,
    };
    let rts_cts = word("flow", &["none", "rts-cts"], report) == Some(1);
    let span = view.span();
    view.finish(report);
    let (device, at) = device?;
    if !device.starts_with('/') {
        let problem = Diagnostic::error("config::link-serial", format!("`{device}` is no device"));
        report.push(problem.at(at).fix("write its whole path: `/dev/ttyS0`, or a name that stays, `/dev/serial/by-id/…`"));
    }
    let serial = Serial { data_bits, stop_bits, parity, rts_cts, ..Serial::new(device, u32::try_from(baud?).ok()?) };
    Some(Placed { value: serial, span })
}

/// What the keys mean for a link of this role, over a protocol that runs over these transports.
pub(crate) fn check_way(link: &SiteLink, role: Role, (protocol, transports): (&str, Transports), report: &mut Report) -> Option<Way> {
    let (name, keys) = (&link.name.value, &link.way);
    let Placed { value: transport, span } = keys.transport;
    if !transport.is_of(transports) {
        let known: Vec<&str> = Transport::ALL.into_iter().filter(|known| known.is_of(transports)).map(Transport::as_str).collect();
        report.push(
            Diagnostic::error("config::link-transport", format!("link `{name}`: {protocol} does not run over {}", transport.as_str()))
                .at(span)
                .fix(format!("{protocol} runs over: {}", known.join(", "))),
        );
        return None;
    }
    misplaced(link, role, report);
    if let (Transport::Udp | Transport::Serial, Some(tls)) = (transport, &link.tls) {
        report.push(
            Diagnostic::error("config::link-no-tls", format!("link `{name}` asks for TLS over {}", transport.as_str()))
                .at(tls.span())
                .fix("use transport = \"tcp\" or \"dual\" for TLS, or remove `tls` and protect the line by other means"),
        );
    }
    let missing = |key: &str, report: &mut Report| {
        let text = format!("link `{name}` has no `{key}`, which transport = \"{}\" needs", transport.as_str());
        report.push(Diagnostic::error("config::missing-key", text).at(span).fix(format!("add `{key} = …`")));
    };
    if transport != Transport::Serial && link.endpoints.is_empty() {
        missing("endpoint", report);
        return None;
    }
    match transport {
        Transport::Tcp => Some(Way::Tcp { second: keys.second.as_ref().map(|second| second.value) }),
        Transport::Dual => {
            if keys.listen.is_none() {
                missing("listen", report);
            }
            if keys.second.is_none() {
                report.push(
                    Diagnostic::error("config::link-second", format!("link `{name}` calls and listens and does not say which wins"))
                        .at(span)
                        .fix("add second = \"refuse\" (the first connection stays) or second = \"replace\" (the newest does)"),
                );
            }
            Some(Way::Dual { listen: keys.listen.as_ref()?.value, second: keys.second.as_ref()?.value })
        }
        Transport::Udp if role == Role::Server => {
            Some(Way::Udp { bind: link.endpoint()?.value, first: keys.first.as_ref().map(|first| first.value) })
        }
        Transport::Udp => {
            let peer = link.endpoint()?;
            let loopback = match peer.value.ip() {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            };
            let bind = match &keys.local {
                Some(local) => local.value,
                None if peer.value.ip().is_loopback() => SocketAddr::new(loopback, 0),
                None => {
                    report.push(
                        Diagnostic::error("config::link-local", format!("link `{name}` speaks UDP to {} and not from where", peer.value))
                            .at(peer.span)
                            .fix("add local = \"…\" with the address and port of this machine that the peer knows"),
                    );
                    return None;
                }
            };
            Some(Way::Udp { bind, first: None })
        }
        Transport::Serial => {
            if keys.serial.is_none() {
                missing("serial", report);
            }
            Some(Way::Serial(keys.serial.as_ref()?.value.clone()))
        }
    }
}

/// Keys that say something only with another transport or role.
fn misplaced(link: &SiteLink, role: Role, report: &mut Report) {
    let keys = &link.way;
    let (transport, server) = (keys.transport.value, role == Role::Server);
    let place = |found: &Option<Placed<SocketAddr>>| found.as_ref().map(|placed| placed.span);
    let of_udp = transport == Transport::Udp;
    let wrong: [(&str, Option<Span>, bool, &str); 6] = [
        ("listen", place(&keys.listen), transport == Transport::Dual, "transport = \"dual\""),
        ("local", place(&keys.local), of_udp && !server, "UDP links that speak first"),
        ("first", place(&keys.first), of_udp && server, "UDP links that answer"),
        (
            "second",
            keys.second.as_ref().map(|second| second.span),
            transport == Transport::Dual || (transport == Transport::Tcp && server),
            "links that listen for connections",
        ),
        ("serial", keys.serial.as_ref().map(|serial| serial.span), transport == Transport::Serial, "transport = \"serial\""),
        ("endpoint", link.endpoint().map(|endpoint| endpoint.span), transport != Transport::Serial, "links that are no serial line"),
    ];
    for (key, span, fits, whose) in wrong {
        if let (Some(span), false) = (span, fits) {
            let text = format!("link `{}`: `{key}` says nothing here", link.name.value);
            report.push(Diagnostic::error("config::link-transport", text).at(span).fix(format!("remove it: it is for {whose}")));
        }
    }
    if let (Transport::Udp, Some(another)) = (transport, link.endpoints.get(1)) {
        let text = format!("link `{}` speaks UDP: it has one endpoint", link.name.value);
        report.push(Diagnostic::error("config::link-lines", text).at(another.span).fix("name one address: one socket is one channel"));
    }
}

/// What the profile says of the link against what it runs over.
pub(crate) fn check_connected(link: &SiteLink, protocol: &str, spec: &LinkSpec, report: &mut Report) {
    let transport = &link.way.transport;
    if contradicts(protocol, spec, transport.value.is_connection()) {
        let text = format!("link `{}` runs over {}, and its profile says connected = true", link.name.value, transport.value.as_str());
        let fix = format!("remove `connected` from [link.{}] of the profile: it follows from the transport", link.name.value);
        report.push(Diagnostic::error("config::link-connected", text).at(transport.span).fix(fix));
    }
}

/// R14 of what is no `endpoint`: addresses of our own and of a UDP link's first word; and a serial line, where nothing shows who is at its end.
pub(crate) fn control_places(link: &SiteLink, report: &mut Report) -> Vec<Placed<SocketAddr>> {
    let WayKeys { transport, listen, local, first, .. } = &link.way;
    if transport.value == Transport::Serial && link.peer.value == PeerKind::Test {
        let text = format!("link `{}` carries controls over a serial line and its peer is no simulator of ours", link.name.value);
        let fix = "this version commands over serial lines only where peer = \"sim\" (R14): or set monitor_only = true in the profile";
        report.push(Diagnostic::error("config::control-link", text).at(link.peer.span).fix(fix));
    }
    [listen, local, first].into_iter().flatten().cloned().collect()
}

/// Where a link waits for its peers: what `allow` is about.
pub(crate) fn waits_at(link: &SiteLink, role: Role) -> Option<&Placed<SocketAddr>> {
    match (link.way.transport.value, role) {
        (Transport::Dual, _) => link.way.listen.as_ref(),
        (Transport::Tcp | Transport::Udp, Role::Server) => link.endpoint(),
        (Transport::Tcp | Transport::Udp, Role::Client) | (Transport::Serial, _) => None,
    }
}

impl Endpoint {
    /// Where it listens for TCP connections.
    pub(crate) fn listens_at(&self) -> Option<SocketAddr> {
        match (&self.way, self.role) {
            (Way::Tcp { .. }, Role::Server) => self.addresses.first().copied(),
            (Way::Dual { listen, .. }, _) => Some(*listen),
            (Way::Tcp { .. }, Role::Client) | (Way::Udp { .. } | Way::Serial(_), _) => None,
        }
    }

    /// Every address that it has to do with, and not the peers in `allow`.
    pub(crate) fn sockets(&self) -> Vec<SocketAddr> {
        let more = match &self.way {
            Way::Tcp { .. } | Way::Serial(_) => [None, None],
            Way::Dual { listen, .. } => [Some(*listen), None],
            Way::Udp { bind, first } => [Some(*bind), *first],
        };
        self.addresses.iter().copied().chain(more.into_iter().flatten()).collect()
    }

    /// As the shell takes it.
    pub(crate) fn shell(&self) -> shell::Endpoint {
        let (to, allow, tls) = (self.addresses.clone(), self.allow.clone(), self.tls.clone().map(Box::new));
        match (&self.way, self.role) {
            (Way::Tcp { .. }, Role::Client) => shell::Endpoint::Connect { to, bind: None, tls },
            (Way::Tcp { second }, Role::Server) => shell::Endpoint::Listen { addr: self.address(), allow, second: *second, tls },
            (Way::Dual { listen, second }, _) => shell::Endpoint::Dual { to, listen: *listen, allow, second: *second, tls },
            (Way::Udp { bind, .. }, Role::Client) => shell::Endpoint::Udp { bind: *bind, peers: UdpPeers::One(self.address()) },
            (Way::Udp { bind, first }, Role::Server) => shell::Endpoint::Udp { bind: *bind, peers: UdpPeers::Any { allow, first: *first } },
            (Way::Serial(serial), _) => shell::Endpoint::Serial(serial.clone()),
        }
    }

    /// In words, for `check`.
    pub(crate) fn words(&self) -> String {
        let to = self.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
        let with = if self.tls.is_some() { " with mutual TLS" } else { "" };
        match (&self.way, self.role) {
            (Way::Tcp { .. }, Role::Client) => format!("connects to {to}{with}"),
            (Way::Tcp { second: None }, Role::Server) => format!("listens on {to}{with}"),
            (Way::Tcp { second: Some(second) }, Role::Server) => format!("listens on {to}{with}, {}", second_words(*second)),
            (Way::Dual { listen, second }, _) => format!("connects to {to} or listens on {listen}{with}, {}", second_words(*second)),
            (Way::Udp { bind, .. }, Role::Client) if bind.port() == 0 => format!("speaks UDP to {to}"),
            (Way::Udp { bind, .. }, Role::Client) => format!("speaks UDP from {bind} to {to}"),
            (Way::Udp { bind, first: None }, Role::Server) => format!("answers UDP on {bind}"),
            (Way::Udp { bind, first: Some(first) }, Role::Server) => format!("answers UDP on {bind}, first speaks to {first}"),
            (Way::Serial(serial), _) => format!("is on the serial line {}", serial_words(serial)),
        }
    }
}

const fn second_words(second: Second) -> &'static str {
    match second {
        Second::Replace => "a second connection replaces the first",
        Second::Refuse => "a second connection is refused",
    }
}

/// `/dev/ttyS0 at 9600 8N1 without flow control`
fn serial_words(serial: &Serial) -> String {
    let data = if serial.data_bits == DataBits::Seven { 7 } else { 8 };
    let parity = match serial.parity {
        Parity::None => 'N',
        Parity::Even => 'E',
        Parity::Odd => 'O',
    };
    let stop = if serial.stop_bits == StopBits::Two { 2 } else { 1 };
    let flow = if serial.rts_cts { "with RTS/CTS" } else { "without flow control" };
    format!("{} at {} {data}{parity}{stop} {flow}", serial.path.display(), serial.baud)
}

/// Links that cannot share what they use: a UDP port, a serial line.
pub(crate) fn check_own(endpoints: &[(Endpoint, Span)], report: &mut Report) {
    for (place, (second, span)) in endpoints.iter().enumerate() {
        for (first, _) in endpoints.iter().take(place) {
            let clash = match (&first.way, &second.way) {
                (Way::Udp { bind: one, .. }, Way::Udp { bind: two, .. }) if one == two && one.port() != 0 => {
                    Some((format!("the UDP port {one}"), "use another port: a datagram does not say which link it is for"))
                }
                (Way::Serial(one), Way::Serial(two)) if one.path == two.path => Some((
                    format!("the serial line {}", one.path.display()),
                    "make one link of them: several stations on one line are told apart by the points' addresses",
                )),
                (Way::Tcp { .. } | Way::Dual { .. } | Way::Udp { .. } | Way::Serial(_), _) => None,
            };
            if let Some((what, fix)) = clash {
                let text = format!("links `{}` and `{}` both use {what}", first.name, second.name);
                report.push(Diagnostic::error("config::link-shared", text).at(*span).fix(fix));
            }
        }
    }
}

#[cfg(test)]
mod tests;
