//! What the tests of a line share: frames of a peer, and everything a line shows after some octets.

use std::time::Duration;

use super::*;

pub(super) const MASTER: u16 = 1;
pub(super) const OUTSTATION: u16 = 10;
pub(super) const ROLES: [Role; 2] = [Role::Client, Role::Server];
pub(super) const START: Mono = Mono(1_000_000_000);

/// Functions with PRM, as they stand in the control octet; DIR is added for the role.
pub(super) const RESET: u8 = 0x40;
pub(super) const TEST: u8 = 0x52;
pub(super) const CONFIRMED: u8 = 0x53;
pub(super) const DATA: u8 = 0x44;
pub(super) const STATUS: u8 = 0x49;
pub(super) const FCB: u8 = 0x20;
/// Functions without PRM.
pub(super) const ACK: u8 = 0x00;
pub(super) const NACK: u8 = 0x01;
pub(super) const LINK_STATUS: u8 = 0x0B;
pub(super) const NOT_SUPPORTED: u8 = 0x0F;
pub(super) const DFC: u8 = 0x10;

/// Our address and the peer's.
pub(super) fn addresses(role: Role) -> (u16, u16) {
    if role == Role::Client { (MASTER, OUTSTATION) } else { (OUTSTATION, MASTER) }
}

pub(super) fn frame(control: u8, destination: u16, source: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    LinkHeader { control: Control(control), destination, source }.put(payload, &mut out);
    out
}

/// A frame of the lawful peer of a line in `role`.
pub(super) fn to(role: Role, control: u8, payload: &[u8]) -> Vec<u8> {
    let (local, remote) = addresses(role);
    frame(if role == Role::Client { control } else { control | 0x80 }, local, remote, payload)
}

/// A frame that a line in `role` sends to its peer.
pub(super) fn from(role: Role, control: u8, payload: &[u8]) -> Vec<u8> {
    let (local, remote) = addresses(role);
    frame(if role == Role::Client { control | 0x80 } else { control }, remote, local, payload)
}

/// Everything a line shows. Output is taken once at the end.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Shown {
    pub(super) fragments: Vec<(u16, u16, Vec<u8>)>,
    pub(super) output: Vec<u8>,
    pub(super) faults: Vec<Fault>,
    pub(super) closed: Option<String>,
}

pub(super) struct Bench {
    pub(super) line: Line,
    pub(super) now: Mono,
}

impl Bench {
    pub(super) fn new(settings: LineSettings) -> Self {
        Self { line: Line::new(settings, &[addresses(settings.role)], START), now: START }
    }

    pub(super) fn take(&mut self, mut chunk: Chunk<'_>) -> Vec<(u16, u16, Vec<u8>)> {
        let mut fragments = Vec::new();
        while let Some(received) = self.line.receive(&mut chunk, self.now) {
            assert_eq!(received.broadcast, Broadcast::from_address(received.destination));
            fragments.push((received.source, received.destination, received.fragment.to_vec()));
        }
        fragments
    }

    pub(super) fn input(&mut self, octets: &[u8]) -> Vec<(u16, u16, Vec<u8>)> {
        self.take(Chunk::Stream(octets))
    }

    pub(super) fn output(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.line.poll_output(&mut out, 4096) {}
        out
    }

    pub(super) fn faults(&mut self) -> Vec<Fault> {
        std::iter::from_fn(|| self.line.poll_finding()).map(|finding| finding.fault).collect()
    }

    pub(super) fn notice(&mut self) -> Option<Notice> {
        self.line.poll_notice().map(|(_, _, notice)| notice)
    }

    pub(super) fn closed(&mut self) -> Option<String> {
        self.line.poll_close().map(|close| close.cause)
    }

    /// Lets time pass, and every deadline in it.
    pub(super) fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        for _ in 0..1000 {
            let next = self.line.deadline();
            if next > until {
                self.now = until;
                return;
            }
            self.now = next;
            self.line.handle_timeout(next);
        }
        panic!("a thousand deadlines within {span:?}");
    }

    pub(super) fn shown(&mut self, fragments: Vec<(u16, u16, Vec<u8>)>) -> Shown {
        Shown { fragments, output: self.output(), faults: self.faults(), closed: self.closed() }
    }
}

/// What a new line shows after `octets` in pieces of `step`.
pub(super) fn shown(settings: LineSettings, octets: &[u8], step: usize) -> Shown {
    let mut bench = Bench::new(settings);
    let fragments = octets.chunks(step).flat_map(|piece| bench.input(piece)).collect();
    bench.shown(fragments)
}

/// `octets` reach a line in `role`, whole and octet by octet: they cause `faults`, `fragments` and the answers `output`; and a good fragment
/// behind them is taken as if nothing had been.
pub(super) fn check(role: Role, octets: &[u8], faults: &[Fault], fragments: &[&[u8]], output: &[u8]) {
    let (local, remote) = addresses(role);
    let all = [octets, &to(role, DATA, &[0xC0, 0xA1, 0x1F, 0xE0])].concat();
    let fragments = fragments.iter().copied().chain([&[0xA1, 0x1F, 0xE0][..]]).map(|fragment| (remote, local, fragment.to_vec()));
    let expected = Shown { fragments: fragments.collect(), output: output.to_vec(), faults: faults.to_vec(), closed: None };
    for step in [all.len(), 1, 7] {
        assert_eq!(shown(LineSettings::new(role), &all, step), expected, "{role:?} in pieces of {step}");
    }
}

/// The same octets of the lawful peer against both roles, made by `octets` for each.
pub(super) fn check_both(octets: impl Fn(Role) -> Vec<u8>, faults: &[Fault], fragments: &[&[u8]], answers: &[u8]) {
    for role in ROLES {
        let output: Vec<u8> = answers.iter().flat_map(|control| from(role, *control, &[])).collect();
        check(role, &octets(role), faults, fragments, &output);
    }
}
