//! The adapter's front door.

use bridge_model::{Command, PointId, PointUpdate, Utc, Zone};

use crate::{Field, FieldProblem, Fields, Session};

/// Which side of the protocol the bridge plays on a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// We read and command: controlling station, master, client, PDC.
    Client,
    /// We serve: controlled station, outstation, server, PMU.
    Server,
}

/// What an address is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressUse {
    /// A value that flows from the controlled to the controlling side.
    Monitor,
    /// A command that flows from the controlling to the controlled side.
    Control,
}

/// One addressable point of a link. On a client link `Monitor` points are read and `Control` points are commanded; on a server link
/// `Monitor` points are served and `Control` points are received.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkPoint {
    /// Its number.
    pub point: PointId,
    /// Its use.
    pub usage: AddressUse,
    /// Its address, checked by [`Protocol::check_address`].
    pub address: Fields,
}

impl LinkPoint {
    /// The address field that marks a point of the link's other direction, where a protocol has links of both: on a server link it is
    /// read or commanded, on a client link served or received. Numbers of points read and of points served are two numberings.
    pub const REVERSED: &str = "reversed";

    /// Whether it is of the link's other direction.
    #[must_use]
    pub fn is_reversed(&self) -> bool {
        self.address.get(Self::REVERSED) == Some(&Field::Bool(true))
    }
}

/// Everything a session needs to know about its link. Made by the profile, checked by the protocol.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkSpec {
    /// The link's name, for logs.
    pub name: String,
    /// Our side.
    pub role: Role,
    /// The zone of the device's stamps.
    pub zone: Zone,
    /// No control may be encoded on this link (delivery rule 6).
    pub monitor_only: bool,
    /// Protocol parameters (`ca`, `k`, `w`, `t1`…), checked by [`Protocol::check_link`].
    pub params: Fields,
    /// The points.
    pub points: Vec<LinkPoint>,
    /// Frames that may wait for the journal before the connection is closed (delivery rule 1).
    pub max_unacked: usize,
    /// An execute leaves only if the peer answered within this many milliseconds (R5).
    pub fresh_link_ms: u32,
}

impl LinkSpec {
    /// Whether the peer is client and server at once (`direction = "both"`), where a protocol has such links.
    #[must_use]
    pub fn has_both_directions(&self) -> bool {
        matches!(self.params.get("direction"), Some(Field::Text(word)) if word == "both")
    }
}

/// A command as it would look on the wire.
#[derive(Clone, PartialEq, Debug)]
pub struct Rendered {
    /// In words: `C_SE_NC_1 act ca=21 ioa=1101 210.0 select`.
    pub text: String,
    /// The frame's octets, with sequence numbers zero.
    pub bytes: Vec<u8>,
    /// The address and value as fields, for tests: `ioa`, `ti`, `select`, `value`.
    pub fields: Fields,
}

/// What a protocol runs over beside TCP.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Transports {
    /// Datagrams: its sessions take [`Chunk::Datagram`](crate::Chunk::Datagram), and what they put out in one `poll_output` is whole frames.
    pub udp: bool,
    /// Serial lines: its sessions find the beginning of a frame in the midst of a stream.
    pub serial: bool,
    /// Dual end points: either side may call.
    pub dual: bool,
}

/// An adapter, seen from profile and engine.
pub trait Protocol: Send + Sync {
    /// Its name in profiles: `iec104`.
    fn name(&self) -> &'static str;

    /// What it runs over beside TCP.
    fn transports(&self) -> Transports {
        Transports::default()
    }

    /// Whether a link in this role may acknowledge what could not be journaled (`on_journal_failure = "pass"`, R23). A protocol whose
    /// acknowledgement makes the peer forget its events may not as a client: it is told by
    /// [`Request::Journal`](crate::Request::Journal) and reads on without them.
    fn may_pass(&self, _role: Role) -> bool {
        true
    }

    /// Checks link parameters; unknown fields are problems.
    fn check_link(&self, role: Role, params: &Fields) -> Vec<FieldProblem>;

    /// Checks an address in its use on a link of this role and gives a key that is equal for equal addresses of one link.
    ///
    /// # Errors
    /// All problems of the address.
    fn check_address(&self, role: Role, usage: AddressUse, params: &Fields, address: &Fields) -> Result<u64, Vec<FieldProblem>>;

    /// In which of its link's event queues a served point's events wait: queues do not hold each other up, because their peer reads them
    /// apart (DNP3: the event class). 0 where a link has but one.
    fn event_queue(&self, _params: &Fields, _address: &Fields) -> u8 {
        0
    }

    /// Makes the session of a checked link.
    fn session(&self, spec: &LinkSpec) -> Box<dyn Session>;

    /// Reads the input of a profile test (`{ ioa = 1001, ti = "M_ME_TF_1", value = 243.6, cot = "spontaneous" }`) as the updates it
    /// would give.
    ///
    /// # Errors
    /// The field that cannot be read.
    fn decode_test(&self, spec: &LinkSpec, input: &Fields, received: Utc) -> Result<Vec<PointUpdate>, FieldProblem>;

    /// Shows a command as it would be sent.
    ///
    /// # Errors
    /// If the point has no control address on this link.
    fn render_command(&self, spec: &LinkSpec, command: &Command) -> Result<Rendered, FieldProblem>;
}
