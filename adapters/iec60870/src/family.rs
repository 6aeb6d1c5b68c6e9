//! What a monitored type carries, and how it is tagged (IEC 60870-5-101 clauses 7.2.6 and 7.3.1).

use crate::TypeId;

/// What a monitored type carries, whatever its time tag.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Family {
    /// Single-point information (SIQ).
    Single,
    /// Double-point information (DIQ).
    Double,
    /// Step position (VTI with QDS).
    Step,
    /// Bitstring of 32 bits (BSI with QDS).
    Bits,
    /// Normalised measurand (NVA with QDS).
    Normalised,
    /// Scaled measurand (SVA with QDS).
    Scaled,
    /// Short floating point measurand (R32 with QDS).
    Float,
    /// Integrated totals (BCR).
    Counter,
    /// Event of protection equipment (SEP with its elapsed time).
    Protection,
    /// Packed start events of protection equipment (SPE, QDP, relay duration time).
    Start,
    /// Packed output circuit information of protection equipment (OCI, QDP, relay operating time).
    Circuit,
    /// Packed single points with status change detection (SCD with QDS).
    Packed,
    /// Normalised measurand without quality descriptor (NVA).
    Bare,
}

/// The time tag of a monitored type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Tag {
    /// None.
    None,
    /// `CP24Time2a`: minute and millisecond; -101 only (row 28).
    Cp24,
    /// `CP56Time2a`.
    Cp56,
}

impl Tag {
    /// Octets of the tag.
    #[must_use]
    pub const fn octets(self) -> usize {
        match self {
            Self::None => 0,
            Self::Cp24 => 3,
            Self::Cp56 => 7,
        }
    }
}

impl Family {
    /// How many families there are.
    pub const COUNT: usize = 13;

    /// Every family, in order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Single,
        Self::Double,
        Self::Step,
        Self::Bits,
        Self::Normalised,
        Self::Scaled,
        Self::Float,
        Self::Counter,
        Self::Protection,
        Self::Start,
        Self::Circuit,
        Self::Packed,
        Self::Bare,
    ];

    /// Octets of the element without its tag.
    #[must_use]
    pub const fn octets(self) -> usize {
        match self {
            Self::Single | Self::Double => 1,
            Self::Step | Self::Bare => 2,
            Self::Normalised | Self::Scaled | Self::Protection => 3,
            Self::Start | Self::Circuit => 4,
            Self::Bits | Self::Float | Self::Counter | Self::Packed => 5,
        }
    }

    /// The type of this family without time tag: what interrogations are answered with. Events of protection equipment have none in -104:
    /// they are told when they happen, and no interrogation reads them.
    #[must_use]
    pub const fn untagged(self) -> Option<TypeId> {
        match self {
            Self::Single => Some(TypeId::M_SP_NA_1),
            Self::Double => Some(TypeId::M_DP_NA_1),
            Self::Step => Some(TypeId::M_ST_NA_1),
            Self::Bits => Some(TypeId::M_BO_NA_1),
            Self::Normalised => Some(TypeId::M_ME_NA_1),
            Self::Scaled => Some(TypeId::M_ME_NB_1),
            Self::Float => Some(TypeId::M_ME_NC_1),
            Self::Counter => Some(TypeId::M_IT_NA_1),
            Self::Packed => Some(TypeId::M_PS_NA_1),
            Self::Bare => Some(TypeId::M_ME_ND_1),
            Self::Protection | Self::Start | Self::Circuit => None,
        }
    }

    /// Whether a station interrogation reads it: counters have an interrogation of their own (row 47).
    #[must_use]
    pub const fn is_interrogated(self) -> bool {
        self.untagged().is_some() && !matches!(self, Self::Counter)
    }

    /// The bits of its quality octet that the standard defines.
    #[must_use]
    pub const fn quality_mask(self) -> u8 {
        match self {
            Self::Single | Self::Double => 0xF0,
            Self::Step | Self::Bits | Self::Normalised | Self::Scaled | Self::Float | Self::Packed => 0xF1,
            Self::Protection | Self::Start | Self::Circuit => 0xF8,
            Self::Counter => 0x80,
            Self::Bare => 0,
        }
    }

    /// Bits that can be addressed one by one; 0 if the value is one thing.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::Bits | Self::Packed => 32,
            Self::Start => 6,
            Self::Circuit => 4,
            Self::Single
            | Self::Double
            | Self::Step
            | Self::Normalised
            | Self::Scaled
            | Self::Float
            | Self::Counter
            | Self::Protection
            | Self::Bare => 0,
        }
    }

    /// Whether an elapsed time comes with it (CP16Time2a).
    #[must_use]
    pub const fn has_elapsed(self) -> bool {
        matches!(self, Self::Protection | Self::Start | Self::Circuit)
    }
}
