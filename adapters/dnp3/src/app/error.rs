//! What is wrong with a fragment, in words and as the indication that an outstation answers with.

use crate::app::{Function, Iin};

/// Octets that no station may send, or that this one does not know. The first one found ends the reading of its fragment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FragmentError {
    /// The fragment ends inside its own header (2 octets in requests, 4 in responses).
    #[error("fragment of {0} octets has no whole header")]
    Short(usize),
    /// The standard has no such function.
    #[error("function {0} is not defined")]
    Function(u8),
    /// A response came to an outstation or a request to a master.
    #[error("{} in the wrong direction", .0.name())]
    Direction(Function),
    /// The fragment ends inside an object header.
    #[error("{0} octets are no whole object header")]
    HeaderShort(usize),
    /// A qualifier that the standard does not define, or that cannot stand with this object or function.
    #[error("g{group}v{variation} with qualifier {qualifier:#04x}")]
    Qualifier {
        /// The group.
        group: u8,
        /// The variation.
        variation: u8,
        /// The qualifier octet.
        qualifier: u8,
    },
    /// A range that ends before it begins.
    #[error("range {start} to {stop} ends before it begins")]
    Range {
        /// The first index.
        start: u32,
        /// The last index.
        stop: u32,
    },
    /// A header that counts no object.
    #[error("g{group}v{variation} counts no object")]
    CountZero {
        /// The group.
        group: u8,
        /// The variation.
        variation: u8,
    },
    /// Objects of a group and variation whose size is not known here: nothing behind them can be read.
    #[error("g{group}v{variation} is not known")]
    ObjectUnknown {
        /// The group.
        group: u8,
        /// The variation.
        variation: u8,
    },
    /// The fragment ends inside the objects of a header.
    #[error("g{group}v{variation}: {count} objects in {left} octets")]
    Objects {
        /// The group.
        group: u8,
        /// The variation.
        variation: u8,
        /// How many objects the header counts.
        count: u64,
        /// Octets left behind the header.
        left: usize,
    },
}

impl FragmentError {
    /// What an outstation answers with; `None` if the fragment gets no answer at all.
    #[must_use]
    pub const fn indication(self) -> Option<Iin> {
        match self {
            Self::Short(_) | Self::Direction(_) => None,
            Self::Function(_) => Some(Iin::NO_FUNC_CODE_SUPPORT),
            Self::ObjectUnknown { .. } => Some(Iin::OBJECT_UNKNOWN),
            Self::HeaderShort(_) | Self::Qualifier { .. } | Self::Range { .. } | Self::CountZero { .. } | Self::Objects { .. } => {
                Some(Iin::PARAMETER_ERROR)
            }
        }
    }
}
