//! What a session tells the engine, in neutral words.

use bridge_model::{Action, Command, CommandId, CommandMode, Mono, Now, Outcome, PointId, Timestamp};

use crate::{Channel, HousekeepingOutcome};

/// Names one received command until it is settled; unique within a session's life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct CommandToken(pub u64);

/// The state of a link as its peer shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkState {
    /// Transport open, data transfer not started.
    Connected,
    /// Data transfer started (104 STARTDT confirmed): values flow, commands may.
    Started,
    /// Data transfer stopped, transport still open.
    Stopped,
    /// No usable channel.
    Down,
}

/// How far a command has come on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// The select left.
    SelectSent,
    /// The station confirmed the select.
    Selected,
    /// The execute's first byte left: from here no silence reads as "not operated".
    ExecuteSent,
    /// The station confirmed the execute; its termination may follow.
    Confirmed,
    /// The station reported termination.
    Terminated,
}

/// A command that reached a serving link. The engine answers with [`Request::Answer`](crate::Request::Answer) before `answer_by`.
#[derive(Clone, PartialEq, Debug)]
pub struct CommandReceived {
    /// Names it in answers.
    pub token: CommandToken,
    /// The served control point.
    pub point: PointId,
    /// What is wanted, in wire units.
    pub action: Action,
    /// Direct, select, execute or cancel.
    pub mode: CommandMode,
    /// Protocol qualifier.
    pub qualifier: u8,
    /// The command's own time tag, if it carried one.
    pub tagged: Option<Timestamp>,
    /// The connection it came on: with `frame` it names the frame record.
    pub connection: u32,
    /// The frame it came in.
    pub frame: u64,
    /// When it was read.
    pub received: Now,
    /// Who commands, as the protocol numbers it (104: the originator address, DNP3: the master's address), zero if it does not say.
    pub originator: u16,
    /// Marked as test: must not reach the process.
    pub test: bool,
}

/// A pattern of commands that operators do not make. It stops nothing; somebody should look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Suspicion {
    /// A party commands for the first time since the session began: its address, or its TLS identity.
    NewCommander {
        /// Who.
        party: String,
    },
    /// Commands went over consecutive addresses.
    Sweep {
        /// The first of them.
        from: u32,
        /// The last of them so far.
        to: u32,
    },
    /// One object was switched to and fro.
    Toggling {
        /// Its address.
        address: u32,
        /// How often the direction changed within a minute.
        times: usize,
    },
    /// As many parties commanded as the session remembers: who comes from here on is not told as new. Told once.
    CommandersFull {
        /// So many are remembered.
        limit: usize,
    },
}

/// What a session tells.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The link changed state.
    LinkState(LinkState),
    /// An interrogation began: the image is being read.
    InterrogationBegan,
    /// The interrogation ended: the image may be trusted again (R20).
    InterrogationEnded,
    /// The interrogation was refused or never ended.
    InterrogationFailed,
    /// The station announced that it restarted.
    PeerRestarted,
    /// A command for us.
    CommandReceived(CommandReceived),
    /// A command of ours moved on.
    Progress {
        /// Which.
        id: CommandId,
        /// Where it is.
        phase: Phase,
    },
    /// A command of ours reached its one final state.
    Settled {
        /// The command.
        command: Command,
        /// Its outcome.
        outcome: Outcome,
        /// When.
        at: Now,
    },
    /// What became of a [`Request::Housekeep`](crate::Request::Housekeep).
    Housekept {
        /// Its number.
        id: u64,
        /// Its end.
        outcome: HousekeepingOutcome,
    },
    /// The peer acknowledged published events up to this number, in order (serving roles).
    Delivered(u64),
    /// The peer acknowledged the published events from the first to the last of these numbers, both included; nothing is said about
    /// those before (serving roles whose peer chooses what it reads: DNP3 classes).
    DeliveredOf(u64, u64),
    /// The published event of this number cannot be said to the peer: it leaves the queue and was not delivered.
    Undeliverable(u64),
    /// Some points of a link that is up have stopped answering, or answer again: one of several stations behind one line.
    Reach {
        /// Which.
        points: Vec<PointId>,
        /// Whether they answer now. If so they are trusted after the interrogation that follows.
        answering: bool,
    },
    /// What a [`Request::File`](crate::Request::File) brought, in order.
    FilePart {
        /// The request's number.
        id: u64,
        /// The next octets of the file, or of the directory's listing.
        octets: Vec<u8>,
    },
    /// The peer sent something we do not serve; already answered by the protocol. For the log.
    Refused {
        /// One clause: what was refused and why.
        what: String,
    },
    /// Commands came in a pattern that looks like an attack.
    Suspicious(Suspicion),
    /// A point's select ran out unanswered, was dropped with the connection or the application that took it, or was used up by an execute
    /// that was not its own.
    SelectLapsed(PointId),
    /// Data transfer moved to another channel of the link without the link being lost (104 redundancy groups). What a command of ours
    /// selected before is gone. Told at once if a command of ours went out since data transfer last moved; else at once, then at most every
    /// few seconds.
    SwitchedOver {
        /// Where it is now.
        channel: Channel,
        /// How many times it moved since this was last told: more than one is a peer that cannot decide.
        moves: u32,
    },
    /// Another number of channels stands by than before: open, tested, not transferring. One less is worth a look before it is needed.
    Standby {
        /// How many.
        ready: u32,
    },
    /// A channel was closed for this reason. For the log and the counters.
    Closed {
        /// Which.
        channel: Channel,
        /// One clause.
        cause: String,
        /// When, on the deadline clock.
        at: Mono,
    },
}
