//! The session contract.

use std::net::SocketAddr;
use std::time::Duration;

use bridge_model::{Command, Mono, Now, PointId, Quality, Timestamp, Value};

use crate::{CommandToken, Event, FileWish, FrameBatch, Housekeeping};

/// One transport connection of a session. A session may own several (104 redundancy groups); numbers are never reused within a session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Channel(pub u32);

/// Who is at the other end of a channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerInfo {
    /// The transport address; of a channel of datagrams the one that it was opened for; of a serial line, which has none, `127.0.0.1:0`.
    pub addr: SocketAddr,
    /// The identity proven by TLS, if any.
    pub tls_identity: Option<String>,
}

/// Bytes from the transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Chunk<'a> {
    /// A piece of a byte stream, split anywhere.
    Stream(&'a [u8]),
    /// One whole datagram.
    Datagram {
        /// Its sender.
        from: SocketAddr,
        /// Its payload.
        bytes: &'a [u8],
    },
}

/// A wish of the session that its channel be closed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Close {
    /// Close with RST, so that nothing still queued in the kernel can arrive later (R5).
    pub abort: bool,
    /// Why, in one lower-case clause that names the fault (`sequence gap: expected 4, got 6`).
    pub cause: String,
}

/// How a served value competes with others on its way to the peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PublishClass {
    /// Never dropped: queued in order until the peer acknowledges (R16). The number comes back in [`Event::Delivered`].
    Event(u64),
    /// As [`PublishClass::Event`], but something newer is known of the point: it is listed, and what interrogations read stays (R20).
    Past(u64),
    /// Latest only: a newer value replaces an unsent one.
    Latest,
}

/// A value for a serving link.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Publish {
    /// The served point, as named in the link's [`LinkSpec`](crate::LinkSpec).
    pub point: PointId,
    /// In wire units.
    pub value: Value,
    /// As it came from the source, made worse by what was lost on the way.
    pub quality: Quality,
    /// The source's own stamp.
    pub time: Timestamp,
    /// Event, past or not, or latest-only.
    pub class: PublishClass,
    /// Whether the change is worth a spontaneous transmission; `false` only refreshes the image that interrogations read.
    pub spontaneous: bool,
    /// The value is the consequence of a remote command (104 cause 11).
    pub return_info: bool,
}

/// An answer to a [`CommandReceived`](crate::CommandReceived).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Positive confirmation of the select or execute (104 ACT CON).
    Confirm,
    /// Negative confirmation; settles the token. Why, where the protocol has a word for it.
    Refuse(Refusal),
    /// The action has ended (104 ACT TERM); settles the token.
    Terminate,
    /// No answer will come: the outcome is not known. The peer's own timer tells its operator. Settles the token.
    Silence,
}

/// Why a command is refused, as far as protocols have words for it (DNP3 control statuses; 104 has but a negative confirmation).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Refusal {
    /// It came too late, or nobody answered in time.
    TooLate,
    /// It was not selected, or not so.
    NotSelected,
    /// Its value or fields mean nothing.
    Malformed,
    /// The point does not do that.
    NotSupported,
    /// The point is at work.
    Busy,
    /// The point or station is in local mode.
    Local,
    /// More than may wait.
    TooMany,
    /// The issuer may not, or no other reason is known.
    #[default]
    NotAuthorised,
    /// An interlock, an automation or a cap in force holds the point.
    Inhibited,
    /// The value is out of range.
    OutOfRange,
    /// What stands behind the link cannot be reached or does not work.
    Unavailable,
}

/// What a serving link may tell its peer about the system behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SystemState {
    /// Events towards this peer were dropped and more than half of the queue's depth still waits.
    pub overflow: bool,
    /// A control of this link is in local mode.
    pub local: bool,
    /// A source of this link's points is lost, or the journal does not take records.
    pub trouble: bool,
    /// The bridge's own clock is not synchronised.
    pub unsynchronised: bool,
}

/// What the engine asks of a session.
#[derive(Clone, PartialEq, Debug)]
pub enum Request {
    /// Issue a command (controlling roles). Settled by exactly one [`Event::Settled`].
    Command(Command),
    /// Withdraw a command whose execute has not left yet; later than that it has no effect.
    Cancel(bridge_model::CommandId),
    /// Refresh the whole image (104 station interrogation).
    Interrogate,
    /// Ask something else of the station; answered by one [`Event::Housekept`] with this number.
    Housekeep {
        /// Its number.
        id: u64,
        /// What.
        wish: Housekeeping,
        /// What changes the station does not leave later than this, and cannot arrive much later (R5).
        not_after: bridge_model::Mono,
    },
    /// Ask for a file of the station (DNP3 group 70): answered by [`Event::FilePart`]s and one [`Event::Housekept`] with this number.
    File {
        /// Its number.
        id: u64,
        /// Whose, where several stations are behind the link (DNP3: the outstation's address). `None`: of the only one, or the link's own.
        station: Option<u16>,
        /// What.
        wish: FileWish,
        /// What changes the station does not leave later than this.
        not_after: bridge_model::Mono,
    },
    /// How the system behind a serving link stands (serving roles whose protocol tells it: DNP3 internal indications).
    System(SystemState),
    /// Whether the journal takes what is read (R23). Asked of reading roles whose acknowledgement makes the station forget its events
    /// ([`Protocol::may_pass`](crate::Protocol::may_pass)). While it takes nothing, no event is acknowledged or asked for, and static values
    /// go on: their frames are used and get no receipt. What waited for one is not acknowledged any more: the station offers it again.
    Journal {
        /// It takes them.
        takes: bool,
    },
    /// Move data transfer to another channel of the link that stands by, if there is one (controlling roles; 104 redundancy groups).
    SwitchOver,
    /// Serve these values (serving roles).
    Publish(Vec<Publish>),
    /// Answer a received command.
    Answer {
        /// Which.
        token: CommandToken,
        /// How.
        answer: Answer,
    },
}

/// A protocol conversation as a value. See the crate's documentation for the contract.
///
/// Order of use by a driver: any `handle_*`, then `poll_frames`, `poll_event` until `None`, `poll_output` and `poll_close` for every open
/// channel, then sleep until [`Session::poll_timeout`] or input.
pub trait Session: Send {
    /// A channel opened.
    fn handle_open(&mut self, channel: Channel, peer: &PeerInfo, now: Now);

    /// Bytes arrived. Bad bytes do not fail here: they show as [`Session::poll_close`] with a named cause.
    fn handle_input(&mut self, channel: Channel, chunk: Chunk<'_>, now: Now);

    /// The engine asks.
    fn handle_request(&mut self, request: Request, now: Now);

    /// Every frame of `connection` up to and including number `frame` is durable: only now may the protocol acknowledge it.
    fn handle_durable(&mut self, connection: u32, frame: u64, now: Now);

    /// The deadline of [`Session::poll_timeout`] has come (or earlier: it must be harmless).
    fn handle_timeout(&mut self, now: Now);

    /// The channel is gone: closed by either side, or failed.
    fn handle_close(&mut self, channel: Channel, now: Now);

    /// Moves the frames received since the last call into `batch` (which the caller hands over empty). `false` if there were none.
    fn poll_frames(&mut self, batch: &mut FrameBatch) -> bool;

    /// The next event, oldest first.
    fn poll_event(&mut self) -> Option<Event>;

    /// Appends bytes to send to `out`, at most about `limit`; `false` if there is nothing to send now. The driver calls this only when
    /// everything it took before was handed to the transport, so that an unsent command can still be withdrawn. Over UDP what one call
    /// appends is one datagram: whole frames, at least one even if `limit` is less.
    fn poll_output(&mut self, channel: Channel, out: &mut Vec<u8>, limit: usize, now: Now) -> bool;

    /// The session wants this channel closed; asked after `poll_output`, so that a last frame may leave first.
    fn poll_close(&mut self, channel: Channel) -> Option<Close>;

    /// The next deadline, if any.
    fn poll_timeout(&self) -> Option<Mono>;

    /// How long written bytes may stay unacknowledged by the peer's transport: the remaining life of a command on the wire
    /// (`TCP_USER_TIMEOUT`, R5). `None`: no limit beyond the protocol's own timers.
    fn user_timeout(&self, channel: Channel, now: Now) -> Option<Duration>;

    /// How long an attempt to open a channel may take (104: t0). `None`: as long as the driver thinks fit.
    fn connect_timeout(&self) -> Option<Duration> {
        None
    }

    /// How many channels the session takes at a time; it refuses what is beyond by itself. `None`: the driver's own bound is enough.
    fn channels_max(&self) -> Option<usize> {
        None
    }
}
