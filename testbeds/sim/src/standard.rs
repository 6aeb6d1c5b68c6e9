//! The standards that simulated ends speak, behind one face: what the far side of a link looks like, and the session of each end.

use bridge_model::PointId;
use bridge_session::{LinkPoint, LinkSpec, Session};

use crate::{dnp3, iec104};

/// A standard, as `sim` and profiles name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standard {
    /// IEC 60870-5-104.
    Iec104,
    /// DNP3 (IEEE 1815).
    Dnp3,
}

impl Standard {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Iec104, Self::Dnp3];

    /// Its name in profiles: `iec104`, `dnp3`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Iec104 => "iec104",
            Self::Dnp3 => "dnp3",
        }
    }

    /// The standard of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standard| standard.name() == name)
    }

    /// The link as its far side wants it, from the profile's link with the role flipped: what one side reads by an address the other one
    /// serves, and the other way round.
    #[must_use]
    pub fn far_side(self, flipped: &LinkSpec) -> LinkSpec {
        match self {
            // Addresses are alike on both sides.
            Self::Iec104 => flipped.clone(),
            Self::Dnp3 => dnp3::far_side(flipped),
        }
    }

    /// A station of a far side that takes selected and direct commands.
    #[must_use]
    pub fn station(self, spec: &LinkSpec) -> Box<dyn Session> {
        match self {
            Self::Iec104 => iec104::station_session(spec, true),
            Self::Dnp3 => dnp3::station_session(spec),
        }
    }

    /// A legacy EMS of a far side.
    #[must_use]
    pub fn ems(self, spec: &LinkSpec) -> Box<dyn Session> {
        match self {
            Self::Iec104 => iec104::ems_session(spec),
            Self::Dnp3 => dnp3::ems_session(spec),
        }
    }

    /// A controlling end as the profile's link says: the bridge's own place on a client link.
    #[must_use]
    pub fn master(self, spec: &LinkSpec) -> Box<dyn Session> {
        match self {
            Self::Iec104 => iec104::master_session(spec),
            Self::Dnp3 => dnp3::master_session(spec),
        }
    }

    /// The point by which a station shows the state of one of its controls, where the standard gives a control such a point by its address
    /// alone (DNP3: the output status of the same index).
    #[must_use]
    pub fn status_of(self, spec: &LinkSpec, control: &LinkPoint) -> Option<PointId> {
        match self {
            Self::Iec104 => None,
            Self::Dnp3 => dnp3::status_of(spec, control),
        }
    }
}
