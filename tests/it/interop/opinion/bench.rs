//! One of our sessions in virtual time against octets of the other codec.

use std::time::Duration;

use bridge_iec60870::{Asdu, AsduView, ControlPermit, Controlled, Iec104, Params, SelectPolicy, TypeId, apci};
use bridge_model::{Action, Command, CommandId, CommandMode, Mono, Now, PointId, PointUpdate, Quality, Timestamp, Utc, Value, Zone};
use bridge_session::{
    AddressUse, Channel, Chunk, CommandReceived, Event, Field, Fields, FrameBatch, LinkPoint, LinkSpec, PeerInfo, Protocol as _, Publish,
    PublishClass, Request, Role, Session,
};
use iec60870_5::telegram104::{Telegram104, Telegram104_I, Telegram104_U};
use iec60870_5::types::COT;
use iec60870_5::types::datatype::DataType;

use super::rows::{Means, Row, STAMP_MS};
use super::usage;

/// The common address of every telegram.
pub(super) const CA: u16 = 0x1234;
/// The object address of the first object; three different octets.
pub(super) const IOA: u32 = 0x0001_0203;
const CHANNEL: Channel = Channel(1);

/// Whether the adapter takes an address of the type.
pub(super) fn serves(usage: AddressUse, number: u8) -> bool {
    let Some(name) = TypeId(number).name() else { return false };
    Iec104.check_address(Role::Server, usage, &params(), &named(name, 0)).is_ok()
}

fn params() -> Fields {
    Fields::from([("ca".to_owned(), Field::Int(i64::from(CA)))])
}

fn address(ti: DataType, offset: u32) -> Fields {
    // Their names are the standard's.
    named(&format!("{ti:?}"), offset)
}

fn named(ti: &str, offset: u32) -> Fields {
    Fields::from([("ioa".to_owned(), Field::Int(i64::from(IOA + offset))), ("ti".to_owned(), Field::Text(ti.to_owned()))])
}

fn spec(row: &Row, role: Role) -> LinkSpec {
    let usage = usage(row).expect("the row is about a point");
    let points = if usage == AddressUse::Monitor { 3 } else { 1 };
    LinkSpec {
        name: "opinion".to_owned(),
        role,
        zone: Zone::Utc,
        monitor_only: false,
        params: params(),
        points: (0..points).map(|n| LinkPoint { point: PointId(n), usage, address: address(row.ti, n) }).collect(),
        max_unacked: 64,
        fresh_link_ms: 2000,
    }
}

/// A telegram of theirs without objects.
pub(super) fn empty(ti: DataType, cot: COT) -> Telegram104_I {
    Telegram104_I::new(ti, cot, CA)
}

/// What they write.
pub(super) fn octets(telegram: &Telegram104) -> Vec<u8> {
    let mut octets = Vec::new();
    telegram.write(&mut octets).expect("it can be written");
    octets
}

pub(super) fn confirmed(telegram: Telegram104) -> Telegram104 {
    match telegram {
        Telegram104::U(u) => Telegram104::U(Telegram104_U::with_con(u, true)),
        Telegram104::S(_) | Telegram104::I(_) => telegram,
    }
}

/// The row's element `count` times at consecutive addresses, as they write it.
pub(super) fn write_theirs(row: &Row, count: usize, sequence: bool) -> Vec<u8> {
    let (cot, ioa) = match row.means {
        Means::Monitored(_) => (COT::Spontan, IOA),
        Means::Commanded { .. } => (COT::Act, IOA),
        Means::Octets if row.ti == DataType::M_EI_NA_1 => (COT::Init, 0),
        Means::Octets if (row.ti as u8) < 45 => (COT::Spontan, IOA),
        Means::Octets if row.ti == DataType::C_RD_NA_1 => (COT::Req, IOA),
        Means::Octets if (row.ti as u8) >= 110 => (COT::Act, IOA),
        Means::Octets => (COT::Act, 0),
    };
    let mut telegram = empty(row.ti, cot);
    for offset in (0..).take(count) {
        telegram.append_iou(ioa + offset, row.element);
    }
    octets(&if sequence { telegram.with_seq() } else { telegram }.into())
}

/// What they read.
pub(super) fn read_theirs(apdu: &[u8]) -> Telegram104_I {
    match Telegram104::read(apdu) {
        Ok(Telegram104::I(telegram)) => telegram,
        other => panic!("{apdu:02x?} reads as {other:?}"),
    }
}

/// An APDU of ours.
pub(super) fn framed(apci: apci::Apci, asdu: &[u8]) -> Vec<u8> {
    let mut octets = vec![apci::START, u8::try_from(asdu.len() + 4).expect("short")];
    octets.extend(apci.octets());
    octets.extend(asdu);
    octets
}

/// Decoded and encoded by our codec; `None` if it knows no meaning of the type.
pub(crate) fn reencode(apdu: &[u8]) -> Option<Vec<u8>> {
    let (apci, asdu) = apci::split(apdu).expect("a whole APDU");
    let mut octets = Vec::new();
    match AsduView::parse(asdu).and_then(|view| view.meaning()).unwrap_or_else(|error| panic!("{apdu:02x?}: {error}"))? {
        Asdu::Monitor(asdu) => assert_eq!(asdu.encode(&mut octets), asdu.objects.len()),
        Asdu::System(asdu) => asdu.encode(&mut octets),
        Asdu::Parameter(asdu) => asdu.encode(&permit(), &mut octets),
        Asdu::Control(asdu) => asdu.encode(&permit(), &mut octets),
    }
    Some(framed(apci, &octets))
}

fn permit() -> ControlPermit {
    let link = LinkSpec {
        name: "opinion".to_owned(),
        role: Role::Client,
        zone: Zone::Utc,
        monitor_only: false,
        params: params(),
        points: Vec::new(),
        max_unacked: 64,
        fresh_link_ms: 2000,
    };
    ControlPermit::for_link(&link).expect("a controlling link")
}

/// The octets of a command of ours.
pub(super) fn rendered(row: &Row, action: Action, qualifier: u8, select: bool) -> Vec<u8> {
    let mode = if select { CommandMode::Select } else { CommandMode::Direct };
    let not_after = Now { mono: Mono(0), utc: Utc::from_millis(STAMP_MS) };
    let command = Command { id: CommandId(1), point: PointId(0), action, mode, qualifier, not_after };
    Iec104.render_command(&spec(row, Role::Client), &command).unwrap_or_else(|problem| panic!("{:?}: {problem:?}", row.ti)).bytes
}

/// A session that was opened and started.
pub(super) struct Bench {
    session: Box<dyn Session>,
    now: Now,
    batch: FrameBatch,
    events: Vec<Event>,
}

impl Bench {
    /// Our controlling station; its peer confirmed the start.
    pub(super) fn controlling(row: &Row) -> Self {
        let mut bench = Self::open(Iec104.session(&spec(row, Role::Client)));
        bench.receive(&octets(&confirmed(Telegram104::new_start_dt())));
        bench
    }

    /// Our controlled station; its peer started it.
    pub(super) fn controlled(row: &Row) -> Self {
        let spec = spec(row, Role::Server);
        let params = Params {
            select: SelectPolicy::Either,
            end_of_init: false,
            command_age: Duration::from_secs(3600),
            ..Params::from_fields(&spec.params)
        };
        let mut bench = Self::open(Box::new(Controlled::with_params(&spec, params)));
        bench.receive(&octets(&Telegram104::new_start_dt()));
        bench
    }

    fn open(session: Box<dyn Session>) -> Self {
        let now = Now { mono: Mono(0), utc: Utc::from_millis(STAMP_MS + 40) };
        let mut bench = Self { session, now, batch: FrameBatch::default(), events: Vec::new() };
        let peer = PeerInfo { addr: "127.0.0.1:2404".parse().expect("an address"), tls_identity: None };
        bench.session.handle_open(CHANNEL, &peer, now);
        bench.send();
        bench
    }

    /// Octets of theirs; none of them may end the connection.
    pub(super) fn receive(&mut self, apdu: &[u8]) {
        self.session.handle_input(CHANNEL, Chunk::Stream(apdu), self.now);
        while self.session.poll_frames(&mut self.batch) {}
        self.drain();
        assert_eq!(self.session.poll_close(CHANNEL), None, "{apdu:02x?}");
    }

    fn drain(&mut self) {
        self.events.extend(std::iter::from_fn(|| self.session.poll_event()));
    }

    fn send(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.session.poll_output(CHANNEL, &mut out, 4096, self.now) {}
        self.drain();
        out
    }

    pub(super) fn publish(&mut self, value: Value, quality: Quality, time: Timestamp) {
        let publish =
            Publish { point: PointId(0), value, quality, time, class: PublishClass::Event(1), spontaneous: true, return_info: false };
        self.session.handle_request(Request::Publish(vec![publish]), self.now);
    }

    /// What leaves now of one type, as they read it.
    pub(super) fn sent_of(&mut self, ti: DataType) -> Vec<Telegram104_I> {
        let out = self.send();
        let mut rest = out.as_slice();
        let mut found = Vec::new();
        while !rest.is_empty() {
            match Telegram104::read(&mut rest).expect("they read it") {
                Telegram104::I(telegram) if telegram.data_type() == ti => found.push(telegram),
                Telegram104::I(_) | Telegram104::S(_) | Telegram104::U(_) => {}
            }
        }
        found
    }

    pub(super) fn updates(&self) -> Vec<PointUpdate> {
        self.batch.updates.clone()
    }

    pub(super) fn commands(&self) -> Vec<CommandReceived> {
        let command = |event: &Event| if let Event::CommandReceived(command) = event { Some(command.clone()) } else { None };
        self.events.iter().filter_map(command).collect()
    }

    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    pub(super) fn at_receipt(&self) -> Timestamp {
        Timestamp::at_receipt(self.now.utc)
    }
}
