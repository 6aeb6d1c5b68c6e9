//! Points and updates: what a southbound link says.

use crate::{Quality, Timestamp, Utc, Value};

/// A point's dense number: an index into the plan's flat arrays. Stable only within one configuration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PointId(pub u32);

impl PointId {
    /// The index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A link's dense number: an index into the plan's links.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkId(pub u16);

impl LinkId {
    /// The index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Why the device sent the value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Cause {
    /// A change at the device.
    #[default]
    Spontaneous,
    /// A cyclic transmission.
    Cyclic,
    /// A background scan: refreshes age, moves nothing.
    Background,
    /// The answer to an interrogation: may show a change, never proves when (R20).
    Interrogated,
    /// The answer to a read.
    Requested,
    /// The consequence of a remote command.
    ReturnRemote,
    /// The consequence of a local command.
    ReturnLocal,
}

/// One southbound fact. Nothing in it is improved on the way.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PointUpdate {
    /// Which point.
    pub point: PointId,
    /// Its value, in wire units: the profile scales.
    pub value: Value,
    /// Its quality.
    pub quality: Quality,
    /// When it was true.
    pub time: Timestamp,
    /// When the bridge read the frame.
    pub received: Utc,
    /// Why it was sent.
    pub cause: Cause,
}
