//! A session under test, in virtual time, against a peer that we write frame by frame.

use std::collections::BTreeMap;
use std::time::Duration;

use bridge_model::{Action, Command, CommandId, CommandMode, Mono, Now, PointId, PointUpdate, Utc, Zone};
use bridge_session::{AddressUse, Channel, Chunk, Event, Field, Fields, FrameBatch, LinkPoint, LinkSpec, PeerInfo, Request, Role, Session};

use crate::apci::{Apci, Function, START};
use crate::{Cause, Cot, describe};

/// 2026-04-01T10:00:00Z: time zero of every script.
pub(crate) const UTC_START_NS: i64 = 1_775_037_600_000_000_000;
pub(crate) const CHANNEL: Channel = Channel(7);

pub(crate) fn fields(list: &[(&str, Field)]) -> Fields {
    list.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect()
}

pub(crate) fn text(value: &str) -> Field {
    Field::Text(value.to_owned())
}

fn point(point: u32, usage: AddressUse, ioa: i64, ti: &str) -> LinkPoint {
    LinkPoint { point: PointId(point), usage, address: fields(&[("ioa", Field::Int(ioa)), ("ti", text(ti))]) }
}

/// CA 21: singles 0 to 3 at 100, doubles 10 to 11 at 200, floats 20 to 39 at 1000; controls 0 to 4 at 2000, one of each type.
pub(crate) fn spec(role: Role, params: &[(&str, Field)]) -> LinkSpec {
    let mut all = fields(&[("ca", Field::Int(21))]);
    all.extend(fields(params));
    let singles = (0..4).map(|i| point(i, AddressUse::Monitor, 100 + i64::from(i), "M_SP_TB_1"));
    let doubles = (0..2).map(|i| point(10 + i, AddressUse::Monitor, 200 + i64::from(i), "M_DP_NA_1"));
    let floats = (0..20).map(|i| point(20 + i, AddressUse::Monitor, 1000 + i64::from(i), "M_ME_TF_1"));
    let types = ["C_SC_NA_1", "C_DC_NA_1", "C_SE_NC_1", "C_SC_TA_1", "C_SE_TC_1"];
    let controls = types.iter().zip(0_u32..).map(|(ti, i)| point(i, AddressUse::Control, 2000 + i64::from(i), ti));
    LinkSpec {
        name: "test".to_owned(),
        role,
        zone: Zone::Utc,
        monitor_only: false,
        params: all,
        points: singles.chain(doubles).chain(floats).chain(controls).collect(),
        max_unacked: 64,
        fresh_link_ms: 2000,
    }
}

/// A peer of our own for each channel.
pub(crate) fn peer_info(channel: Channel) -> PeerInfo {
    PeerInfo { addr: format!("127.0.0.{}:2404", channel.0).parse().unwrap(), tls_identity: None }
}

/// The session and its peers' sequence numbers. Everything is about the channel chosen last by [`Bench::on`].
pub(crate) struct Bench<S> {
    pub(crate) session: S,
    pub(crate) now: Now,
    channel: Channel,
    others: BTreeMap<Channel, (u16, u16)>,
    /// The peer's V(S).
    pub(crate) ns: u16,
    /// What the peer acknowledges in its I frames.
    pub(crate) nr: u16,
    pub(crate) updates: Vec<PointUpdate>,
    pub(crate) frames: Vec<(u32, u64)>,
    /// Whether received frames become durable at once.
    pub(crate) durable: bool,
}

impl<S: Session> Bench<S> {
    pub(crate) fn new(session: S) -> Self {
        let now = Now { mono: Mono(0), utc: Utc(UTC_START_NS) };
        Self {
            session,
            now,
            channel: CHANNEL,
            others: BTreeMap::new(),
            ns: 0,
            nr: 0,
            updates: Vec::new(),
            frames: Vec::new(),
            durable: true,
        }
    }

    /// From here on everything is about another channel.
    pub(crate) fn on(&mut self, channel: u32) -> &mut Self {
        self.others.insert(self.channel, (self.ns, self.nr));
        self.channel = Channel(channel);
        (self.ns, self.nr) = self.others.remove(&self.channel).unwrap_or_default();
        self
    }

    pub(crate) fn open(&mut self) {
        self.session.handle_open(self.channel, &peer_info(self.channel), self.now);
        (self.ns, self.nr) = (0, 0);
    }

    pub(crate) fn close(&mut self) {
        self.session.handle_close(self.channel, self.now);
    }

    /// Bytes from the peer.
    pub(crate) fn rx(&mut self, bytes: &[u8]) {
        self.session.handle_input(self.channel, Chunk::Stream(bytes), self.now);
        let mut batch = FrameBatch::default();
        while self.session.poll_frames(&mut batch) {
            self.updates.extend(&batch.updates);
            for frame in &batch.frames {
                self.frames.push((frame.connection, frame.number));
                if self.durable {
                    self.session.handle_durable(frame.connection, frame.number, self.now);
                }
            }
            batch.clear();
        }
    }

    pub(crate) fn rx_u(&mut self, function: Function) {
        self.rx(&[START, 4, function as u8, 0, 0, 0]);
    }

    pub(crate) fn rx_s(&mut self, nr: u16) {
        let mut bytes = vec![START, 4];
        bytes.extend(Apci::Supervisory { nr }.octets());
        self.rx(&bytes);
    }

    /// An I frame from the peer, in sequence.
    pub(crate) fn rx_i(&mut self, asdu: &[u8]) {
        let bytes = i_frame(self.ns, self.nr, asdu);
        self.ns = (self.ns + 1) & 0x7FFF;
        self.rx(&bytes);
    }

    /// Bytes to the peer, in words, until nothing is left; the peer notes N(S) of what it got.
    pub(crate) fn tx(&mut self) -> Vec<String> {
        self.tx_bytes().iter().map(|apdu| describe(apdu)).collect()
    }

    pub(crate) fn tx_bytes(&mut self) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        while self.session.poll_output(self.channel, &mut out, 4096, self.now) {}
        let mut apdus = Vec::new();
        let mut rest = out.as_slice();
        while let [START, length, ..] = rest {
            let (apdu, after) = rest.split_at(usize::from(*length) + 2);
            if let Ok((Apci::Information { ns, .. }, _)) = crate::apci::split(apdu) {
                self.nr = (ns + 1) & 0x7FFF;
            }
            apdus.push(apdu.to_vec());
            rest = after;
        }
        assert_eq!(rest, [], "only whole APDUs leave");
        apdus
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.poll_event()).collect()
    }

    pub(crate) fn closed(&mut self) -> Option<(bool, String)> {
        self.session.poll_close(self.channel).map(|close| (close.abort, close.cause))
    }

    /// Time passes, every deadline on the way is served.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now.mono + span;
        for _ in 0..10_000 {
            let Some(next) = self.session.poll_timeout().filter(|next| *next <= end && *next > self.now.mono) else { break };
            self.step_to(next);
            self.session.handle_timeout(self.now);
        }
        self.step_to(end);
        self.session.handle_timeout(self.now);
    }

    pub(crate) fn pass_ms(&mut self, ms: u64) {
        self.pass(Duration::from_millis(ms));
    }

    fn step_to(&mut self, mono: Mono) {
        let span = mono.since(self.now.mono);
        self.now = Now { mono, utc: self.now.utc + span };
    }

    /// Opened, started, everything so far forgotten.
    pub(crate) fn forget(&mut self) {
        self.tx();
        self.events();
        self.updates.clear();
        self.frames.clear();
    }

    pub(crate) fn request(&mut self, request: Request) {
        self.session.handle_request(request, self.now);
    }

    pub(crate) fn command(&self, point: u32, action: Action, mode: CommandMode, life_ms: u64) -> Command {
        let life = Duration::from_millis(life_ms);
        let not_after = Now { mono: self.now.mono + life, utc: self.now.utc + life };
        Command { id: CommandId(u128::from(point) + 1), point: PointId(point), action, mode, qualifier: 0, not_after }
    }
}

pub(crate) fn i_frame(ns: u16, nr: u16, asdu: &[u8]) -> Vec<u8> {
    let mut bytes = vec![START, u8::try_from(asdu.len() + 4).unwrap()];
    bytes.extend(Apci::Information { ns, nr }.octets());
    bytes.extend(asdu);
    bytes
}

/// An ASDU by hand: type, VSQ, cause octet, CA, body.
pub(crate) fn asdu(type_id: u8, vsq: u8, cause: u8, ca: u16, body: &[u8]) -> Vec<u8> {
    let [low, high] = ca.to_le_bytes();
    let mut octets = vec![type_id, vsq, cause, 0, low, high];
    octets.extend(body);
    octets
}

/// One object: address and element.
pub(crate) fn object(ioa: u32, element: &[u8]) -> Vec<u8> {
    let [a, b, c, _] = ioa.to_le_bytes();
    [&[a, b, c], element].concat()
}

/// The ASDU of a sent APDU with another cause: a mirror.
pub(crate) fn answer(apdu: &[u8], cause: Cause, negative: bool) -> Vec<u8> {
    let mut octets = apdu[6..].to_vec();
    octets[2] = Cot { cause, negative, test: octets[2] & 0x80 != 0, originator: 0 }.octets()[0];
    octets
}
