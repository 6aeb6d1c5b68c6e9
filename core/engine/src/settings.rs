//! What the configuration tells the engine, already checked.

use std::collections::BTreeSet;
use std::time::Duration;

use bridge_ies::{Role, Verb};

use crate::recorder::Pace;

/// One party on the IES side that we exchange with.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its name in the configuration and the profiles.
    pub name: String,
    /// Its identity: `did:web:…`; also its Beckn subscriber id.
    pub did: String,
    /// Its role.
    pub role: Role,
    /// The base of its addresses, for the envelope.
    pub uri: String,
    /// Whether we subscribe to its stream.
    pub subscribe: bool,
    /// Its log's origin.
    pub origin: String,
    /// Whether it gives us orders (we are its resource side) rather than the other way round.
    pub commands_us: bool,
    /// The standing operating contract's id.
    pub contract: String,
}

/// What becomes of an event that a receiver refuses for good.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnPoison {
    /// The webhook stops, with an alarm, and tries that event again every few minutes.
    #[default]
    Park,
    /// The event is passed over, with a signed gap that names it.
    Skip,
}

/// One webhook: which of our events leave through it, and how.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Its name in the configuration.
    pub name: String,
    /// Only these verbs; empty for all.
    pub verbs: BTreeSet<Verb>,
    /// Only about these resources, by their ERA; empty for all.
    pub resources: BTreeSet<String>,
    /// Events in one batch.
    pub max_events: usize,
    /// Octets in one batch, unless a single event is longer.
    pub max_bytes: usize,
    /// How long an event waits for others to travel with.
    pub max_age: Duration,
    /// Whether it holds what it has not delivered; if not, it goes on with the present when it lags.
    pub contracted: bool,
    /// How old what was not delivered may be.
    pub max_lag: Duration,
    /// How many octets of the journal may lie between it and the end.
    pub max_lag_bytes: u64,
    /// What becomes of an event that is refused.
    pub on_poison: OnPoison,
}

/// A person who may answer at this bridge (R8).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operator {
    /// As the person signs.
    pub name: String,
    /// What the person may do: OPERATOR answers instructions.
    pub roles: Vec<Role>,
}

/// The engine's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Our identity.
    pub did: String,
    /// Our role.
    pub role: Role,
    /// Our address base, for the envelope.
    pub uri: String,
    /// The log's origin.
    pub origin: String,
    /// The Beckn network.
    pub network: String,
    /// The peers; a peer's [`SinkId`](bridge_session::SinkId) is its index.
    pub peers: Vec<Peer>,
    /// The webhooks; a hook's [`HookId`](bridge_session::HookId) is its index.
    pub hooks: Vec<Hook>,
    /// The people who may answer instructions.
    pub operators: Vec<Operator>,
    /// Names of links on which control is permitted (R14).
    pub control_links: BTreeSet<String>,
    /// How often commits and seals run.
    pub pace: Pace,
    /// Where the clock gets its time, for the batch header.
    pub clock_source: String,
    /// Commands are refused when the clock may be wrong by more (R5).
    pub clock_limit: Duration,
    /// A peer's stream silent for longer is lost (R19).
    pub stream_silence: Duration,
    /// A pending journal write for longer makes `pass` links pass (R23).
    pub journal_patience: Duration,
    /// Between attestations; zero for none.
    pub attest_every: Duration,
    /// Between reports; zero for none.
    pub report_every: Duration,
    /// What is kept back from `not_after` for the way to the plant (R15).
    pub relay_margin: Duration,
    /// Letters that may wait for one peer; beyond it the sink is parked: orders and acknowledgements still wait, the rest stays in the
    /// journal and is told as a signed gap.
    pub max_lag: usize,
    /// Events that may wait for a serving link.
    pub event_queue_depth: u64,
    /// Clock skew allowed on signatures.
    pub skew: Duration,
    /// The hash of the expanded configuration.
    pub config_hash: [u8; 32],
    /// The hash of the trust bundle in force.
    pub policy_hash: [u8; 32],
    /// The hash that names this build.
    pub build_hash: [u8; 32],
    /// A counter to lie about, for the demonstration that lying shows.
    pub lie: bool,
}
