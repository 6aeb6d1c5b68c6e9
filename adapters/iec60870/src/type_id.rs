//! Type identifications (IEC 60870-5-101 clause 7.2.1), by their own names.

use std::fmt;

use crate::{Family, Tag};

/// A type identification. Every octet is one; the known ones have names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub u8);

macro_rules! types {
    ($($name:ident = $number:literal / $octets:literal,)*) => {
        impl TypeId {
            $(
                #[doc = concat!("Type ", $number, ": element of ", $octets, " octets, time tag included, without object address.")]
                pub const $name: Self = Self($number);
            )*
            /// Every named type with its name and the octets of one element.
            const TABLE: &'static [(Self, &'static str, usize)] = &[$((Self::$name, stringify!($name), $octets),)*];
        }
    };
}

types! {
    M_SP_NA_1 = 1 / 1, M_SP_TA_1 = 2 / 4, M_DP_NA_1 = 3 / 1, M_DP_TA_1 = 4 / 4, M_ST_NA_1 = 5 / 2, M_ST_TA_1 = 6 / 5, M_BO_NA_1 = 7 / 5,
    M_BO_TA_1 = 8 / 8, M_ME_NA_1 = 9 / 3, M_ME_TA_1 = 10 / 6, M_ME_NB_1 = 11 / 3, M_ME_TB_1 = 12 / 6, M_ME_NC_1 = 13 / 5,
    M_ME_TC_1 = 14 / 8, M_IT_NA_1 = 15 / 5, M_IT_TA_1 = 16 / 8, M_EP_TA_1 = 17 / 6, M_EP_TB_1 = 18 / 7, M_EP_TC_1 = 19 / 7,
    M_PS_NA_1 = 20 / 5, M_ME_ND_1 = 21 / 2, M_SP_TB_1 = 30 / 8, M_DP_TB_1 = 31 / 8, M_ST_TB_1 = 32 / 9, M_BO_TB_1 = 33 / 12,
    M_ME_TD_1 = 34 / 10, M_ME_TE_1 = 35 / 10, M_ME_TF_1 = 36 / 12, M_IT_TB_1 = 37 / 12, M_EP_TD_1 = 38 / 10, M_EP_TE_1 = 39 / 11,
    M_EP_TF_1 = 40 / 11, C_SC_NA_1 = 45 / 1, C_DC_NA_1 = 46 / 1, C_RC_NA_1 = 47 / 1, C_SE_NA_1 = 48 / 3, C_SE_NB_1 = 49 / 3,
    C_SE_NC_1 = 50 / 5, C_BO_NA_1 = 51 / 4, C_SC_TA_1 = 58 / 8, C_DC_TA_1 = 59 / 8, C_RC_TA_1 = 60 / 8, C_SE_TA_1 = 61 / 10,
    C_SE_TB_1 = 62 / 10, C_SE_TC_1 = 63 / 12, C_BO_TA_1 = 64 / 11, M_EI_NA_1 = 70 / 1, C_IC_NA_1 = 100 / 1, C_CI_NA_1 = 101 / 1,
    C_RD_NA_1 = 102 / 0, C_CS_NA_1 = 103 / 7, C_TS_NA_1 = 104 / 2, C_RP_NA_1 = 105 / 1, C_CD_NA_1 = 106 / 2, C_TS_TA_1 = 107 / 9,
    P_ME_NA_1 = 110 / 3, P_ME_NB_1 = 111 / 3, P_ME_NC_1 = 112 / 5, P_AC_NA_1 = 113 / 1,
}

impl TypeId {
    /// The standard's name, for the types of IEC 60870-5-104 with a fixed size.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Self::TABLE.iter().find(|(id, _, _)| *id == self).map(|(_, name, _)| *name)
    }

    /// Every type with a name here, ascending.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::TABLE.iter().map(|(id, _, _)| *id)
    }

    /// The type of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::TABLE.iter().find(|(_, n, _)| *n == name).map(|(id, _, _)| *id)
    }

    /// Octets of one element without its object address, time tag included.
    #[must_use]
    pub fn element_octets(self) -> Option<usize> {
        Self::TABLE.iter().find(|(id, _, _)| *id == self).map(|(_, _, octets)| *octets)
    }

    /// What the type carries and how it is tagged, if it is a monitored one (types 1 to 21 and 30 to 40).
    #[must_use]
    pub const fn family(self) -> Option<(Family, Tag)> {
        let family = match self.0 {
            1 | 2 | 30 => Family::Single,
            3 | 4 | 31 => Family::Double,
            5 | 6 | 32 => Family::Step,
            7 | 8 | 33 => Family::Bits,
            9 | 10 | 34 => Family::Normalised,
            11 | 12 | 35 => Family::Scaled,
            13 | 14 | 36 => Family::Float,
            15 | 16 | 37 => Family::Counter,
            17 | 38 => Family::Protection,
            18 | 39 => Family::Start,
            19 | 40 => Family::Circuit,
            20 => Family::Packed,
            21 => Family::Bare,
            _ => return None,
        };
        let tag = match self.0 {
            30..=40 => Tag::Cp56,
            2 | 4 | 6 | 8 | 10 | 12 | 14 | 16..=19 => Tag::Cp24,
            _ => Tag::None,
        };
        Some((family, tag))
    }

    /// Whether only -101 has it: short time tags, and the test and delay commands without long ones (row 28).
    #[must_use]
    pub const fn is_101_only(self) -> bool {
        matches!(self.0, 2 | 4 | 6 | 8 | 10 | 12 | 14 | 16..=19 | 104 | 106)
    }

    /// Whether the type is reserved here for file transfer or application security: known by number, answered as unknown.
    #[must_use]
    pub const fn is_reserved(self) -> bool {
        matches!(self.0, 41 | 81..=87 | 90..=95 | 120..=127)
    }

    /// Whether the type moves a process: types 45 to 64, reset process and parameters (delivery rule 6).
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self.0, 45..=64 | 105 | 110..=113)
    }
}

impl fmt::Display for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "type {}", self.0),
        }
    }
}

impl fmt::Debug for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_one_to_one() {
        let mut seen = std::collections::BTreeSet::new();
        for (id, name, _) in TypeId::TABLE {
            assert!(seen.insert(id.0), "{name} twice");
            assert_eq!(TypeId::from_name(name), Some(*id));
            assert_eq!(id.to_string(), *name);
        }
        assert_eq!(TypeId(200).to_string(), "type 200");
    }

    #[test]
    fn a1_r28_short_tags_belong_to_101() {
        for (id, name, octets) in TypeId::TABLE {
            let Some((family, tag)) = id.family() else { continue };
            assert_eq!(family.octets() + tag.octets(), *octets, "{name}");
            assert_eq!(tag == Tag::Cp24, id.is_101_only(), "{name}");
            assert_eq!(name.contains("_T"), tag != Tag::None, "{name}");
        }
        assert!(TypeId::C_TS_NA_1.is_101_only() && TypeId::C_CD_NA_1.is_101_only() && !TypeId::C_TS_TA_1.is_101_only());
    }

    #[test]
    fn the_table_is_the_checklists() {
        let known: Vec<u8> = TypeId::TABLE.iter().map(|(id, ..)| id.0).collect();
        let expected: Vec<u8> =
            (1..=21).chain(30..=40).chain(45..=51).chain(58..=64).chain([70]).chain(100..=107).chain(110..=113).collect();
        assert_eq!(known, expected);
        assert!((0..=255).all(|id| !(TypeId(id).is_reserved() && known.contains(&id))));
    }
}
