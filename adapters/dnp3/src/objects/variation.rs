//! The table of objects: size and coding of every group and variation that is known here.

/// How many octets an object takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// None: class objects, which stand in requests only.
    Absent,
    /// So many octets.
    Fixed(u8),
    /// So many bits, packed over a range from the low bit of the first octet; the last octet is filled with zeros.
    Bits(u8),
    /// As many octets as the variation says (strings).
    Variation,
    /// A code, a length and as many octets as it says (device attributes).
    Attribute,
    /// As the size prefix says: only with qualifier 0x5B.
    Free,
}

/// What a group is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Kind {
    /// g0.
    DeviceAttribute,
    /// g1.
    BinaryInput,
    /// g2.
    BinaryInputEvent,
    /// g3.
    DoubleBitInput,
    /// g4.
    DoubleBitInputEvent,
    /// g10.
    BinaryOutput,
    /// g11.
    BinaryOutputEvent,
    /// g12.
    BinaryCommand,
    /// g13.
    BinaryCommandEvent,
    /// g20.
    Counter,
    /// g21.
    FrozenCounter,
    /// g22.
    CounterEvent,
    /// g23.
    FrozenCounterEvent,
    /// g30.
    AnalogInput,
    /// g31.
    FrozenAnalogInput,
    /// g32.
    AnalogInputEvent,
    /// g33.
    FrozenAnalogInputEvent,
    /// g34.
    AnalogDeadband,
    /// g40.
    AnalogOutput,
    /// g41.
    AnalogCommand,
    /// g42.
    AnalogOutputEvent,
    /// g43.
    AnalogCommandEvent,
    /// g50.
    TimeAndDate,
    /// g51.
    CommonTime,
    /// g52.
    TimeDelay,
    /// g60.
    Class,
    /// g70.
    File,
    /// g80.
    InternalIndications,
    /// g90.
    Application,
    /// g91.
    OperationStatus,
    /// g102.
    UnsignedInteger,
    /// g110.
    OctetString,
    /// g111.
    OctetStringEvent,
    /// g112: what a virtual terminal is sent.
    TerminalOutput,
    /// g113: what a virtual terminal answers.
    TerminalEvent,
    /// g121.
    SecurityStatistic,
    /// g122.
    SecurityStatisticEvent,
}

impl Kind {
    /// Whether its objects report something that happened rather than something that is.
    #[must_use]
    pub const fn is_event(self) -> bool {
        matches!(
            self,
            Self::BinaryInputEvent
                | Self::DoubleBitInputEvent
                | Self::BinaryOutputEvent
                | Self::BinaryCommandEvent
                | Self::CounterEvent
                | Self::FrozenCounterEvent
                | Self::AnalogInputEvent
                | Self::FrozenAnalogInputEvent
                | Self::AnalogOutputEvent
                | Self::AnalogCommandEvent
                | Self::OctetStringEvent
                | Self::TerminalEvent
                | Self::SecurityStatisticEvent
        )
    }
}

/// How the value of a measurement is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    /// Not a measurement: the object has a type of its own.
    Other,
    /// One packed bit.
    Bit,
    /// Two packed bits.
    DoubleBit,
    /// Bit 7 of the flags or status octet.
    State,
    /// Bits 6 and 7 of the flags octet.
    DoubleState,
    /// Unsigned, one octet.
    U8,
    /// Unsigned, two octets.
    U16,
    /// Unsigned, four octets.
    U32,
    /// Signed, two octets.
    I16,
    /// Signed, four octets.
    I32,
    /// Short float.
    F32,
    /// Long float.
    F64,
}

/// What stands before the value of a measurement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lead {
    /// Nothing: the value is held to be on line.
    Bare,
    /// The flags octet.
    Flags,
    /// The status of a command (g13, g43).
    Status,
}

/// What stands behind the value of a measurement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tag {
    /// Nothing.
    None,
    /// The time, 48 bits.
    Absolute,
    /// Milliseconds since the common time of occurrence, 16 bits.
    Relative,
}

/// One object of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Variation {
    /// The group.
    pub group: u8,
    /// The variation; 0 stands for every variation of a string or attribute group.
    pub variation: u8,
    /// What the group is about.
    pub kind: Kind,
    /// Octets or bits of one object.
    pub size: Size,
    /// How the value is written.
    pub coding: Coding,
    /// What stands before the value.
    pub lead: Lead,
    /// What stands behind the value.
    pub tag: Tag,
}

/// What is known of a group and variation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lookup {
    /// An object of the table.
    Known(&'static Variation),
    /// Variation 0 of a known group: in a request, the outstation's choice.
    Any(Kind),
    /// Known to the standard and not supported here: data sets (g85 to g88) and secure authentication (g120). OBJECT_UNKNOWN.
    Unsupported,
    /// Not known. OBJECT_UNKNOWN.
    Unknown,
}

impl Lookup {
    /// The object, if it is one of the table.
    #[must_use]
    pub const fn known(self) -> Option<&'static Variation> {
        match self {
            Self::Known(variation) => Some(variation),
            Self::Any(_) | Self::Unsupported | Self::Unknown => None,
        }
    }

    /// What the group is about.
    #[must_use]
    pub const fn kind(self) -> Option<Kind> {
        match self {
            Self::Known(variation) => Some(variation.kind),
            Self::Any(kind) => Some(kind),
            Self::Unsupported | Self::Unknown => None,
        }
    }
}

/// Looks up a group and variation. Strings and attributes have one entry for all their variations.
#[must_use]
pub fn lookup(group: u8, variation: u8) -> Lookup {
    let first = TABLE.partition_point(|entry| entry.group < group);
    let of_group = TABLE.get(first..).unwrap_or_default().iter().take_while(|entry| entry.group == group);
    let mut kind = None;
    for entry in of_group {
        if entry.variation == variation || entry.variation == 0 {
            return Lookup::Known(entry);
        }
        kind = Some(entry.kind);
    }
    match kind {
        Some(kind) if variation == 0 => Lookup::Any(kind),
        Some(_) => Lookup::Unknown,
        None if matches!(group, 85..=88 | 120) => Lookup::Unsupported,
        None => Lookup::Unknown,
    }
}

/// The event class that a variation of g60 names: 0 is static values, 1 to 3 are events; `None` for other variations.
#[must_use]
pub const fn class_of(variation: u8) -> Option<u8> {
    match variation {
        1..=4 => Some(variation - 1),
        _ => None,
    }
}

/// The variation of g60 that names a class, 0 to 3; `None` for other numbers.
#[must_use]
pub const fn class_variation(class: u8) -> Option<u8> {
    match class {
        0..=3 => Some(class + 1),
        _ => None,
    }
}

impl Variation {
    /// Every object, ascending.
    #[must_use]
    pub const fn all() -> &'static [Self] {
        &TABLE
    }

    /// Whether a flags octet goes with the value.
    #[must_use]
    pub fn has_flags(&self) -> bool {
        self.lead == Lead::Flags
    }

    /// The object of the same group, value and time that carries flags: what a point goes out as that is not plainly on line. Itself, if
    /// it carries them; `None` if the group has none.
    #[must_use]
    pub fn flagged(&'static self) -> Option<&'static Self> {
        if self.has_flags() {
            return Some(self);
        }
        let coding = match self.coding {
            Coding::Bit => Coding::State,
            Coding::DoubleBit => Coding::DoubleState,
            Coding::Other
            | Coding::State
            | Coding::DoubleState
            | Coding::U8
            | Coding::U16
            | Coding::U32
            | Coding::I16
            | Coding::I32
            | Coding::F32
            | Coding::F64 => self.coding,
        };
        TABLE.iter().find(|other| other.group == self.group && other.has_flags() && other.coding == coding && other.tag == self.tag)
    }
}

const fn plain(group: u8, variation: u8, kind: Kind, size: Size) -> Variation {
    Variation { group, variation, kind, size, coding: Coding::Other, lead: Lead::Bare, tag: Tag::None }
}

const fn bits(group: u8, variation: u8, kind: Kind, coding: Coding) -> Variation {
    let size = Size::Bits(if matches!(coding, Coding::DoubleBit) { 2 } else { 1 });
    Variation { group, variation, kind, size, coding, lead: Lead::Bare, tag: Tag::None }
}

/// Flags, an association, a count, and the time of an event.
const fn statistic(group: u8, variation: u8, kind: Kind, tag: Tag) -> Variation {
    let octets = match tag {
        Tag::None => 7,
        Tag::Absolute => 13,
        Tag::Relative => 9,
    };
    Variation { group, variation, kind, size: Size::Fixed(octets), coding: Coding::Other, lead: Lead::Flags, tag }
}

/// A measurement of whole octets: the size follows from its parts.
const fn point(group: u8, variation: u8, kind: Kind, lead: Lead, coding: Coding, tag: Tag) -> Variation {
    let value = match coding {
        // A state lives in the octet before it.
        Coding::Other | Coding::Bit | Coding::DoubleBit | Coding::State | Coding::DoubleState => 0,
        Coding::U8 => 1,
        Coding::U16 | Coding::I16 => 2,
        Coding::U32 | Coding::I32 | Coding::F32 => 4,
        Coding::F64 => 8,
    };
    let lead_octets = match lead {
        Lead::Bare => 0,
        Lead::Flags | Lead::Status => 1,
    };
    let tag_octets = match tag {
        Tag::None => 0,
        Tag::Absolute => 6,
        Tag::Relative => 2,
    };
    Variation { group, variation, kind, size: Size::Fixed(lead_octets + value + tag_octets), coding, lead, tag }
}

#[rustfmt::skip]
const fn table() -> [Variation; ENTRIES] {
    use Coding::{Bit, DoubleBit, DoubleState, F32, F64, I16, I32, State, U8, U16, U32};
    use Kind as K;
    use Lead::{Bare, Flags, Status};
    use Tag::{Absolute, Relative};
    const NO: Tag = Tag::None;
    [
        plain(0, 0, K::DeviceAttribute, Size::Attribute),
        bits(1, 1, K::BinaryInput, Bit),
        point(1, 2, K::BinaryInput, Flags, State, NO),
        point(2, 1, K::BinaryInputEvent, Flags, State, NO),
        point(2, 2, K::BinaryInputEvent, Flags, State, Absolute),
        point(2, 3, K::BinaryInputEvent, Flags, State, Relative),
        bits(3, 1, K::DoubleBitInput, DoubleBit),
        point(3, 2, K::DoubleBitInput, Flags, DoubleState, NO),
        point(4, 1, K::DoubleBitInputEvent, Flags, DoubleState, NO),
        point(4, 2, K::DoubleBitInputEvent, Flags, DoubleState, Absolute),
        point(4, 3, K::DoubleBitInputEvent, Flags, DoubleState, Relative),
        bits(10, 1, K::BinaryOutput, Bit),
        point(10, 2, K::BinaryOutput, Flags, State, NO),
        point(11, 1, K::BinaryOutputEvent, Flags, State, NO),
        point(11, 2, K::BinaryOutputEvent, Flags, State, Absolute),
        plain(12, 1, K::BinaryCommand, Size::Fixed(11)),
        plain(12, 2, K::BinaryCommand, Size::Fixed(11)),
        plain(12, 3, K::BinaryCommand, Size::Bits(1)),
        point(13, 1, K::BinaryCommandEvent, Status, State, NO),
        point(13, 2, K::BinaryCommandEvent, Status, State, Absolute),
        point(20, 1, K::Counter, Flags, U32, NO),
        point(20, 2, K::Counter, Flags, U16, NO),
        point(20, 5, K::Counter, Bare, U32, NO),
        point(20, 6, K::Counter, Bare, U16, NO),
        point(21, 1, K::FrozenCounter, Flags, U32, NO),
        point(21, 2, K::FrozenCounter, Flags, U16, NO),
        point(21, 5, K::FrozenCounter, Flags, U32, Absolute),
        point(21, 6, K::FrozenCounter, Flags, U16, Absolute),
        point(21, 9, K::FrozenCounter, Bare, U32, NO),
        point(21, 10, K::FrozenCounter, Bare, U16, NO),
        point(22, 1, K::CounterEvent, Flags, U32, NO),
        point(22, 2, K::CounterEvent, Flags, U16, NO),
        point(22, 5, K::CounterEvent, Flags, U32, Absolute),
        point(22, 6, K::CounterEvent, Flags, U16, Absolute),
        point(23, 1, K::FrozenCounterEvent, Flags, U32, NO),
        point(23, 2, K::FrozenCounterEvent, Flags, U16, NO),
        point(23, 5, K::FrozenCounterEvent, Flags, U32, Absolute),
        point(23, 6, K::FrozenCounterEvent, Flags, U16, Absolute),
        point(30, 1, K::AnalogInput, Flags, I32, NO),
        point(30, 2, K::AnalogInput, Flags, I16, NO),
        point(30, 3, K::AnalogInput, Bare, I32, NO),
        point(30, 4, K::AnalogInput, Bare, I16, NO),
        point(30, 5, K::AnalogInput, Flags, F32, NO),
        point(30, 6, K::AnalogInput, Flags, F64, NO),
        point(31, 1, K::FrozenAnalogInput, Flags, I32, NO),
        point(31, 2, K::FrozenAnalogInput, Flags, I16, NO),
        point(31, 3, K::FrozenAnalogInput, Flags, I32, Absolute),
        point(31, 4, K::FrozenAnalogInput, Flags, I16, Absolute),
        point(31, 5, K::FrozenAnalogInput, Bare, I32, NO),
        point(31, 6, K::FrozenAnalogInput, Bare, I16, NO),
        point(31, 7, K::FrozenAnalogInput, Flags, F32, NO),
        point(31, 8, K::FrozenAnalogInput, Flags, F64, NO),
        point(32, 1, K::AnalogInputEvent, Flags, I32, NO),
        point(32, 2, K::AnalogInputEvent, Flags, I16, NO),
        point(32, 3, K::AnalogInputEvent, Flags, I32, Absolute),
        point(32, 4, K::AnalogInputEvent, Flags, I16, Absolute),
        point(32, 5, K::AnalogInputEvent, Flags, F32, NO),
        point(32, 6, K::AnalogInputEvent, Flags, F64, NO),
        point(32, 7, K::AnalogInputEvent, Flags, F32, Absolute),
        point(32, 8, K::AnalogInputEvent, Flags, F64, Absolute),
        point(33, 1, K::FrozenAnalogInputEvent, Flags, I32, NO),
        point(33, 2, K::FrozenAnalogInputEvent, Flags, I16, NO),
        point(33, 3, K::FrozenAnalogInputEvent, Flags, I32, Absolute),
        point(33, 4, K::FrozenAnalogInputEvent, Flags, I16, Absolute),
        point(33, 5, K::FrozenAnalogInputEvent, Flags, F32, NO),
        point(33, 6, K::FrozenAnalogInputEvent, Flags, F64, NO),
        point(33, 7, K::FrozenAnalogInputEvent, Flags, F32, Absolute),
        point(33, 8, K::FrozenAnalogInputEvent, Flags, F64, Absolute),
        point(34, 1, K::AnalogDeadband, Bare, U16, NO),
        point(34, 2, K::AnalogDeadband, Bare, U32, NO),
        point(34, 3, K::AnalogDeadband, Bare, F32, NO),
        point(40, 1, K::AnalogOutput, Flags, I32, NO),
        point(40, 2, K::AnalogOutput, Flags, I16, NO),
        point(40, 3, K::AnalogOutput, Flags, F32, NO),
        point(40, 4, K::AnalogOutput, Flags, F64, NO),
        plain(41, 1, K::AnalogCommand, Size::Fixed(5)),
        plain(41, 2, K::AnalogCommand, Size::Fixed(3)),
        plain(41, 3, K::AnalogCommand, Size::Fixed(5)),
        plain(41, 4, K::AnalogCommand, Size::Fixed(9)),
        point(42, 1, K::AnalogOutputEvent, Flags, I32, NO),
        point(42, 2, K::AnalogOutputEvent, Flags, I16, NO),
        point(42, 3, K::AnalogOutputEvent, Flags, I32, Absolute),
        point(42, 4, K::AnalogOutputEvent, Flags, I16, Absolute),
        point(42, 5, K::AnalogOutputEvent, Flags, F32, NO),
        point(42, 6, K::AnalogOutputEvent, Flags, F64, NO),
        point(42, 7, K::AnalogOutputEvent, Flags, F32, Absolute),
        point(42, 8, K::AnalogOutputEvent, Flags, F64, Absolute),
        point(43, 1, K::AnalogCommandEvent, Status, I32, NO),
        point(43, 2, K::AnalogCommandEvent, Status, I16, NO),
        point(43, 3, K::AnalogCommandEvent, Status, I32, Absolute),
        point(43, 4, K::AnalogCommandEvent, Status, I16, Absolute),
        point(43, 5, K::AnalogCommandEvent, Status, F32, NO),
        point(43, 6, K::AnalogCommandEvent, Status, F64, NO),
        point(43, 7, K::AnalogCommandEvent, Status, F32, Absolute),
        point(43, 8, K::AnalogCommandEvent, Status, F64, Absolute),
        plain(50, 1, K::TimeAndDate, Size::Fixed(6)),
        plain(50, 2, K::TimeAndDate, Size::Fixed(10)),
        plain(50, 3, K::TimeAndDate, Size::Fixed(6)),
        plain(50, 4, K::TimeAndDate, Size::Fixed(11)),
        plain(51, 1, K::CommonTime, Size::Fixed(6)),
        plain(51, 2, K::CommonTime, Size::Fixed(6)),
        plain(52, 1, K::TimeDelay, Size::Fixed(2)),
        plain(52, 2, K::TimeDelay, Size::Fixed(2)),
        plain(60, 1, K::Class, Size::Absent),
        plain(60, 2, K::Class, Size::Absent),
        plain(60, 3, K::Class, Size::Absent),
        plain(60, 4, K::Class, Size::Absent),
        plain(70, 2, K::File, Size::Free),
        plain(70, 3, K::File, Size::Free),
        plain(70, 4, K::File, Size::Free),
        plain(70, 5, K::File, Size::Free),
        plain(70, 6, K::File, Size::Free),
        plain(70, 7, K::File, Size::Free),
        plain(70, 8, K::File, Size::Free),
        plain(80, 1, K::InternalIndications, Size::Bits(1)),
        plain(90, 1, K::Application, Size::Free),
        plain(91, 1, K::OperationStatus, Size::Free),
        point(102, 1, K::UnsignedInteger, Bare, U8, NO),
        plain(110, 0, K::OctetString, Size::Variation),
        plain(111, 0, K::OctetStringEvent, Size::Variation),
        plain(112, 0, K::TerminalOutput, Size::Variation),
        plain(113, 0, K::TerminalEvent, Size::Variation),
        statistic(121, 1, K::SecurityStatistic, NO),
        statistic(122, 1, K::SecurityStatisticEvent, NO),
        statistic(122, 2, K::SecurityStatisticEvent, Absolute),
    ]
}

const ENTRIES: usize = 125;
static TABLE: [Variation; ENTRIES] = table();

#[cfg(test)]
mod tests {
    use super::*;

    /// Written out from the row, not from the table.
    #[test]
    fn a2_r55_the_table_holds_what_the_row_lists() {
        let listed: &[(u8, &[u8])] = &[
            (1, &[1, 2]),
            (2, &[1, 2, 3]),
            (3, &[1, 2]),
            (4, &[1, 2, 3]),
            (10, &[1, 2]),
            (11, &[1, 2]),
            (12, &[1, 2, 3]),
            (13, &[1, 2]),
            (20, &[1, 2, 5, 6]),
            (21, &[1, 2, 5, 6, 9, 10]),
            (22, &[1, 2, 5, 6]),
            (23, &[1, 2, 5, 6]),
            (30, &[1, 2, 3, 4, 5, 6]),
            (31, &[1, 2, 3, 4, 5, 6, 7, 8]),
            (32, &[1, 2, 3, 4, 5, 6, 7, 8]),
            (33, &[1, 2, 3, 4, 5, 6, 7, 8]),
            (34, &[1, 2, 3]),
            (40, &[1, 2, 3, 4]),
            (41, &[1, 2, 3, 4]),
            (42, &[1, 2, 3, 4, 5, 6, 7, 8]),
            (43, &[1, 2, 3, 4, 5, 6, 7, 8]),
            (50, &[1, 2, 3, 4]),
            (51, &[1, 2]),
            (52, &[1, 2]),
            (60, &[1, 2, 3, 4]),
            (70, &[2, 3, 4, 5, 6, 7, 8]),
            (80, &[1]),
            (90, &[1]),
            (91, &[1]),
            (102, &[1]),
            (121, &[1]),
            (122, &[1, 2]),
        ];
        for group in 0..=255 {
            let known: Vec<u8> = (1..=255).filter(|variation| lookup(group, *variation).known().is_some()).collect();
            let all: Vec<u8> = (1..=255).collect();
            let expected = match group {
                0 | 110..=113 => &all[..],
                _ => listed.iter().find(|(listed, _)| *listed == group).map_or(&[][..], |(_, variations)| variations),
            };
            assert_eq!(known, expected, "g{group}");
        }
        assert!(TABLE.is_sorted_by_key(|entry| (entry.group, entry.variation)), "look-ups search it");
    }

    #[test]
    fn a2_r55_variation_0_and_what_is_not_supported() {
        assert_eq!(lookup(30, 0), Lookup::Any(Kind::AnalogInput));
        assert_eq!(lookup(30, 7), Lookup::Unknown);
        assert_eq!(lookup(120, 3), Lookup::Unsupported);
        assert_eq!(
            (class_of(1), class_of(4), class_of(5), class_variation(2), class_variation(4)),
            (Some(0), Some(3), None, Some(3), None)
        );
    }
}
