//! Embedded tests: wire-level inputs, IES messages and wire commands expected, on a virtual clock.

use std::time::Duration;

use bridge_model::LinkId;
use bridge_session::Fields;

/// One `[[test]]`.
#[derive(Clone, PartialEq, Debug)]
pub struct TestCase {
    /// Its name.
    pub name: String,
    /// Where it stands: `profile.toml:120`.
    pub place: String,
    /// Points set before the start, GOOD, in engineering units: (index into `points`, value).
    pub set: Vec<(bridge_model::PointId, f64)>,
    /// What happens, in order of time.
    pub given: Vec<Given>,
    /// What must be seen.
    pub expect: Vec<Expect>,
    /// What must not be seen until the end.
    pub never: Vec<Expect>,
}

/// One input.
#[derive(Clone, PartialEq, Debug)]
pub struct Given {
    /// When, after the start.
    pub at: Duration,
    /// What.
    pub what: GivenKind,
}

/// The kinds of input.
#[derive(Clone, PartialEq, Debug)]
pub enum GivenKind {
    /// A value or a command on a link, in the adapter's own fields (`{ ioa = 1001, ti = "M_ME_TF_1", value = 243.6 }`).
    Wire {
        /// The link.
        link: LinkId,
        /// The fields without `link` and `at`.
        input: Fields,
    },
    /// An IES operation (`{ verb = "dispatch", era = …, active_power = "210 MW", from = "sldc", age = "1s" }`).
    Operation {
        /// The verb.
        verb: String,
        /// The other fields.
        fields: Fields,
    },
    /// An operator answers the instruction that waits (`{ inbox = "accept" }`, `"reject"` with `reason`, `"done"`) (R8).
    Inbox {
        /// `accept`, `reject` or `done`.
        answer: String,
        /// The other fields: `reason`, `text`.
        fields: Fields,
    },
    /// A remote point's value as a peer streams it, in engineering units.
    Remote {
        /// The point.
        point: bridge_model::PointId,
        /// The value.
        value: f64,
    },
    /// A link or peer goes up or down.
    Link {
        /// Its name.
        name: String,
        /// Up or down.
        up: bool,
    },
}

/// One expectation.
#[derive(Clone, PartialEq, Debug)]
pub struct Expect {
    /// What.
    pub what: ExpectKind,
    /// Fields that must match; those not named are free. Lists are joined by one space.
    pub fields: Fields,
    /// Not later than this after the start.
    pub within: Option<Duration>,
    /// Exactly then.
    pub at: Option<Duration>,
}

/// The kinds of expectation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExpectKind {
    /// An IES message of this verb: `stream`, `alarm`, `clear`, `log`, `acknowledge`, …
    Message(String),
    /// Something on this link's wire: a command on a client link, a served value or an answer on a server link.
    Wire(LinkId),
}
