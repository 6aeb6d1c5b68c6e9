//! Which types and causes the two stations send and take (IEC 60870-5-104 clauses 9.5 and 9.7, IEC 60870-5-101 clause 7.2.3).
//!
//! One table, read by the sessions to decide what is served and with which cause, and by the interoperability statement to say so.

use crate::{Cause, Family, Tag, TypeId};

/// A set of causes of transmission.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Causes(u64);

impl Causes {
    /// None at all.
    pub const NONE: Self = Self(0);

    const fn of(causes: &[u8]) -> Self {
        let mut set = 0;
        let mut at = 0;
        while at < causes.len() {
            set |= 1 << (causes[at] & 0x3F);
            at += 1;
        }
        Self(set)
    }

    const fn from_to(from: u8, to: u8) -> Self {
        let mut set = 0;
        let mut cause = from;
        while cause <= to {
            set |= 1 << (cause & 0x3F);
            cause += 1;
        }
        Self(set)
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the cause is among them.
    #[must_use]
    pub const fn contains(self, cause: Cause) -> bool {
        cause.0 < 64 && self.0 >> cause.0 & 1 == 1
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, ascending.
    pub fn iter(self) -> impl Iterator<Item = Cause> {
        (0..64).map(Cause).filter(move |cause| self.contains(*cause))
    }
}

/// What one station does with one type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ways {
    /// Causes it sends the type with.
    pub sent: Causes,
    /// Causes it takes the type with; the type is not served if there is none.
    pub taken: Causes,
}

/// What both stations do with one type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Repertoire {
    /// The controlling station.
    pub controlling: Ways,
    /// The controlled station.
    pub controlled: Ways,
}

/// Causes 44 to 47, with which a controlled station mirrors what it does not know.
const UNKNOWN: Causes = Causes::from_to(44, 47);
/// Every cause that a value may carry: what a controlling station takes is not narrower than what stations are known to send.
const OF_VALUES: Causes = Causes::of(&[1, 2, 3, 5, 11, 12]).and(Causes::from_to(20, 41));

impl Repertoire {
    const NONE: Self = Self {
        controlling: Ways { sent: Causes::NONE, taken: Causes::NONE },
        controlled: Ways { sent: Causes::NONE, taken: Causes::NONE },
    };

    /// What is done with a type.
    #[must_use]
    #[inline]
    pub const fn of(type_id: TypeId) -> Self {
        TABLE[type_id.0 as usize]
    }

    /// The cause that the controlled station sends a value of this type with, if it wishes this one: where the type has no return
    /// information a consequence of a command is told as any change, and where it is not cyclic the clock tells it as background.
    #[must_use]
    pub(crate) const fn lawful(type_id: TypeId, cause: Cause) -> Cause {
        if Self::of(type_id).controlled.sent.contains(cause) {
            return cause;
        }
        match cause {
            Cause::RETURN_REMOTE | Cause::RETURN_LOCAL => Cause::SPONTANEOUS,
            Cause::CYCLIC => Cause::BACKGROUND,
            other => other,
        }
    }

    const fn spell(type_id: TypeId) -> Self {
        if type_id.is_101_only() || type_id.is_reserved() {
            return Self::NONE;
        }
        if let Some((family, tag)) = type_id.family() {
            return Self::told(told(family, tag), OF_VALUES);
        }
        match type_id.0 {
            // Commands and set-points: confirmed, terminated, withdrawn.
            45..=51 | 58..=64 => Self::asked(Causes::of(&[6, 8]), Causes::of(&[6, 8]), Causes::of(&[7, 9, 10])),
            70 => Self::told(Causes::of(&[4]), Causes::of(&[4])),
            // Interrogations can be ended early; we never do.
            100 | 101 => Self::asked(Causes::of(&[6]), Causes::of(&[6, 8]), Causes::of(&[7, 9, 10])),
            102 => Self::asked(Causes::of(&[5]), Causes::of(&[5]), Causes::NONE),
            103 | 105 | 107 | 110..=112 => Self::asked(Causes::of(&[6]), Causes::of(&[6]), Causes::of(&[7])),
            113 => Self::asked(Causes::of(&[6, 8]), Causes::of(&[6, 8]), Causes::of(&[7, 9])),
            _ => Self::NONE,
        }
    }

    /// A type that the controlled station tells.
    const fn told(sent: Causes, taken: Causes) -> Self {
        Self { controlling: Ways { sent: Causes::NONE, taken }, controlled: Ways { sent, taken: Causes::NONE } }
    }

    /// A type that the controlling station asks with, and that is mirrored.
    const fn asked(asks: Causes, taken: Causes, answers: Causes) -> Self {
        let answers = answers.and(UNKNOWN);
        Self { controlling: Ways { sent: asks, taken: answers }, controlled: Ways { sent: answers, taken } }
    }
}

/// The causes that the controlled station tells a family with.
const fn told(family: Family, tag: Tag) -> Causes {
    let read = Causes::of(&[3, 5]);
    let asked_or_clock = Causes::of(&[2]).and(Causes::from_to(20, 36));
    match (family, tag) {
        (_, Tag::Cp24) => Causes::NONE,
        (Family::Counter, Tag::None | Tag::Cp56) => Causes::of(&[3]).and(Causes::from_to(37, 41)),
        (Family::Protection | Family::Start | Family::Circuit, Tag::None | Tag::Cp56) => Causes::of(&[3]),
        (Family::Single | Family::Double | Family::Packed, Tag::None) => read.and(Causes::of(&[11])).and(Causes::from_to(20, 36)),
        (Family::Step, Tag::None) => read.and(Causes::of(&[11])).and(asked_or_clock),
        (Family::Single | Family::Double | Family::Step | Family::Packed, Tag::Cp56) => read.and(Causes::of(&[11])),
        (Family::Bits, Tag::None) => read.and(Causes::from_to(20, 36)),
        (Family::Normalised | Family::Scaled | Family::Float | Family::Bare, Tag::None) => read.and(Causes::of(&[1])).and(asked_or_clock),
        (Family::Bits | Family::Normalised | Family::Scaled | Family::Float | Family::Bare, Tag::Cp56) => read,
    }
}

static TABLE: [Repertoire; 256] = {
    let mut all = [Repertoire::NONE; 256];
    let mut octet = 0;
    while octet < 256 {
        all[octet] = Repertoire::spell(TypeId(octet as u8));
        octet += 1;
    }
    all
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a1_r29_a_value_is_taken_with_every_cause_that_has_a_neutral_word() {
        let with_word: Vec<Cause> = (0..64).map(Cause).filter(|cause| cause.of_update().is_some()).collect();
        assert_eq!(OF_VALUES.iter().collect::<Vec<_>>(), with_word);
    }

    #[test]
    fn what_one_station_sends_the_other_takes() {
        for octet in 0..=255 {
            let Repertoire { controlling, controlled } = Repertoire::of(TypeId(octet));
            assert_eq!(controlling.sent.0 & !controlled.taken.0, 0, "type {octet}");
            assert_eq!(controlled.sent.0 & !controlling.taken.0, 0, "type {octet}");
        }
    }

    #[test]
    fn a1_r28_types_of_101_are_in_neither_direction() {
        for octet in 0..=255 {
            let type_id = TypeId(octet);
            let is_served = Repertoire::of(type_id) != Repertoire::NONE;
            assert_eq!(is_served, type_id.name().is_some() && !type_id.is_101_only(), "type {octet}");
        }
    }

    #[test]
    fn return_information_and_cycles_are_told_only_where_the_type_has_them() {
        let of = |type_id, cause| Repertoire::lawful(type_id, cause);
        assert_eq!(of(TypeId::M_SP_TB_1, Cause::RETURN_REMOTE), Cause::RETURN_REMOTE);
        assert_eq!(of(TypeId::M_ME_TF_1, Cause::RETURN_REMOTE), Cause::SPONTANEOUS);
        assert_eq!(of(TypeId::M_ST_NA_1, Cause::CYCLIC), Cause::BACKGROUND);
        assert_eq!(of(TypeId::M_ME_NC_1, Cause::CYCLIC), Cause::CYCLIC);
    }
}
