//! Addresses as profiles write them: outstation, type and index, with how a point is served or a control is operated.

use std::collections::BTreeMap;

use bridge_model::PointId;
use bridge_session::read::{problem, whole, word};
use bridge_session::{AddressUse, Field, FieldProblem, Fields, LinkSpec};

use crate::link::address::STATION_MAX;
use crate::objects::{Coding, Kind, Lookup, Variation, lookup};
use crate::params::Params;
use crate::words::Words;

/// What sort of point an index counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum PointType {
    /// g1, g2.
    Binary,
    /// g3, g4.
    DoubleBit,
    /// g10, g11, g13; commanded by g12.
    BinaryOutput,
    /// g20, g22.
    Counter,
    /// g21, g23.
    FrozenCounter,
    /// g30, g32.
    Analog,
    /// g31, g33.
    FrozenAnalog,
    /// g40, g42, g43; commanded by g41.
    AnalogOutput,
    /// g110, g111: a value in words.
    OctetString,
    /// g102: a whole number 0 to 255, without flags and events.
    Unsigned,
}

impl PointType {
    /// How many there are.
    pub const COUNT: usize = 10;
    /// Each with its word in a profile.
    pub const WORDS: [(&'static str, Self); Self::COUNT] = [
        ("binary", Self::Binary),
        ("double", Self::DoubleBit),
        ("binary_output", Self::BinaryOutput),
        ("counter", Self::Counter),
        ("frozen_counter", Self::FrozenCounter),
        ("analog", Self::Analog),
        ("frozen_analog", Self::FrozenAnalog),
        ("analog_output", Self::AnalogOutput),
        ("octet_string", Self::OctetString),
        ("unsigned", Self::Unsigned),
    ];

    /// The type whose points a group's objects report; `None` for commands, times and the like.
    #[must_use]
    pub const fn of(kind: Kind) -> Option<Self> {
        Some(match kind {
            Kind::BinaryInput | Kind::BinaryInputEvent => Self::Binary,
            Kind::DoubleBitInput | Kind::DoubleBitInputEvent => Self::DoubleBit,
            Kind::BinaryOutput | Kind::BinaryOutputEvent => Self::BinaryOutput,
            Kind::Counter | Kind::CounterEvent => Self::Counter,
            Kind::FrozenCounter | Kind::FrozenCounterEvent => Self::FrozenCounter,
            Kind::AnalogInput | Kind::AnalogInputEvent => Self::Analog,
            Kind::FrozenAnalogInput | Kind::FrozenAnalogInputEvent => Self::FrozenAnalog,
            Kind::AnalogOutput | Kind::AnalogOutputEvent => Self::AnalogOutput,
            Kind::OctetString | Kind::OctetStringEvent => Self::OctetString,
            Kind::UnsignedInteger => Self::Unsigned,
            Kind::DeviceAttribute
            | Kind::BinaryCommand
            | Kind::BinaryCommandEvent
            | Kind::AnalogDeadband
            | Kind::AnalogCommand
            | Kind::AnalogCommandEvent
            | Kind::TimeAndDate
            | Kind::CommonTime
            | Kind::TimeDelay
            | Kind::Class
            | Kind::File
            | Kind::InternalIndications
            | Kind::Application
            | Kind::OperationStatus
            | Kind::TerminalOutput
            | Kind::TerminalEvent
            | Kind::SecurityStatistic
            | Kind::SecurityStatisticEvent => return None,
        })
    }

    /// Its word in a profile.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::WORDS.iter().find(|(_, of)| *of == self).map_or("?", |(word, _)| word)
    }

    /// The group of its static values and the group of its events.
    #[must_use]
    pub const fn groups(self) -> (u8, u8) {
        match self {
            Self::Binary => (1, 2),
            Self::DoubleBit => (3, 4),
            Self::BinaryOutput => (10, 11),
            Self::Counter => (20, 22),
            Self::FrozenCounter => (21, 23),
            Self::Analog => (30, 32),
            Self::FrozenAnalog => (31, 33),
            Self::AnalogOutput => (40, 42),
            Self::OctetString => (110, 111),
            // There is no group of its events.
            Self::Unsigned => (102, 102),
        }
    }

    /// The variations served if nothing is said (row 56): with flags, and events with their time.
    #[must_use]
    pub const fn default_variations(self) -> (u8, u8) {
        match self {
            Self::Binary | Self::DoubleBit | Self::BinaryOutput => (2, 2),
            Self::Counter => (1, 5),
            Self::FrozenCounter => (5, 5),
            // Short floats.
            Self::Analog => (5, 7),
            Self::FrozenAnalog => (7, 7),
            Self::AnalogOutput => (3, 7),
            // The length of the text.
            Self::OctetString => (0, 0),
            Self::Unsigned => (1, 1),
        }
    }

    /// The event class if nothing is said: changes of state before quantities (row 28).
    #[must_use]
    pub const fn default_class(self) -> u8 {
        match self {
            Self::Binary | Self::DoubleBit => 1,
            Self::Analog | Self::BinaryOutput | Self::AnalogOutput | Self::OctetString => 2,
            Self::Counter | Self::FrozenCounter | Self::FrozenAnalog => 3,
            Self::Unsigned => 0,
        }
    }

    /// What its events are; its values, where it has none.
    #[must_use]
    pub const fn events(self) -> Kind {
        match self {
            Self::Binary => Kind::BinaryInputEvent,
            Self::DoubleBit => Kind::DoubleBitInputEvent,
            Self::BinaryOutput => Kind::BinaryOutputEvent,
            Self::Counter => Kind::CounterEvent,
            Self::FrozenCounter => Kind::FrozenCounterEvent,
            Self::Analog => Kind::AnalogInputEvent,
            Self::FrozenAnalog => Kind::FrozenAnalogInputEvent,
            Self::AnalogOutput => Kind::AnalogOutputEvent,
            Self::OctetString => Kind::OctetStringEvent,
            Self::Unsigned => Kind::UnsignedInteger,
        }
    }
}

/// How a control relay output is built, and thereby which codes are legal for it (row 37).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CrobModel {
    /// `latch`: one output that stays: LATCH_ON, LATCH_OFF.
    #[default]
    Latch,
    /// `pulse`: one output that acts for a while: PULSE_ON for on; it has no off.
    Activation,
    /// `trip_close`: two outputs: PULSE_ON with CLOSE for on, with TRIP for off.
    TripClose,
}

/// Which point.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Address {
    /// The outstation, 0 to 65519.
    pub outstation: u16,
    /// What sort.
    pub of: PointType,
    /// Its index, 0 to 65535.
    pub index: u16,
}

/// How a control is operated: on a master's link what is sent, on an outstation's what is taken.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CommandAddress {
    /// Which: a binary or an analogue output.
    pub address: Address,
    /// `model` of a binary output.
    pub model: CrobModel,
    /// `on_ms` of a binary output.
    pub on_ms: u32,
    /// `off_ms` of a binary output.
    pub off_ms: u32,
    /// `count` of a binary output.
    pub count: u8,
    /// `variation` of an analogue output: 1 and 2 whole numbers, 3 short, 4 long float. An outstation takes each.
    pub variation: u8,
    /// `class` of its command events (g13, g43) at the outstation, 1 to 3; 0 for none.
    pub class: u8,
}

/// How a point is served.
#[derive(Clone, PartialEq, Debug)]
pub struct ServedAddress {
    /// Which.
    pub address: Address,
    /// `class`: 1 to 3, or 0 for a point without events.
    pub class: u8,
    /// `static`: the object of its value.
    pub fixed: &'static Variation,
    /// `event`: the object of its events.
    pub event: &'static Variation,
    /// `deadband`: changes below it make no event, in wire units; a master may change it (row 49).
    pub deadband: f64,
    /// `words` and `text` of an octet string.
    pub words: Words,
}

const MONITORED: &str = "outstation, type, index, words";
const SERVED: &str = "outstation, type, index, class, static, event, deadband, words, text";
const COMMANDED: &str = "outstation, type, index, model, on_ms, off_ms, count, variation, class";

impl Address {
    /// Equal for equal addresses in the same use.
    #[must_use]
    pub fn key(self, usage: AddressUse) -> u64 {
        let usage = match usage {
            AddressUse::Monitor => 0,
            AddressUse::Control => 1,
        };
        usage << 40 | (self.of as u64) << 32 | u64::from(self.outstation) << 16 | u64::from(self.index)
    }

    fn read(params: &Params, fields: &Fields, known: &str, types: &[PointType], problems: &mut Vec<FieldProblem>) -> Option<Self> {
        for name in fields.keys().filter(|name| !known.split(", ").any(|own| own == *name)) {
            problems.push(problem(name, "unknown-field", format!("`{name}` is no field of this DNP3 address"), &format!("use {known}")));
        }
        let mut keep = |outcome: Result<u16, FieldProblem>| outcome.map_err(|found| problems.push(found)).ok();
        let outstation = match fields.get("outstation") {
            Some(field) => keep(whole("outstation", field, 0, i64::from(STATION_MAX))),
            None => keep(params.outstation.ok_or_else(|| {
                let what = "the outstation's address is missing".to_owned();
                problem("outstation", "outstation-missing", what, "give `outstation` here or in the link")
            })),
        };
        let index = keep(match fields.get("index") {
            Some(field) => whole("index", field, 0, 65_535),
            None => Err(problem("index", "index-missing", "the index is missing".to_owned(), "give `index = 0` to 65535")),
        });
        let words: Vec<(&str, PointType)> = PointType::WORDS.into_iter().filter(|(_, of)| types.contains(of)).collect();
        let of = match fields.get("type") {
            Some(field) => word("type", field, &words),
            None => {
                let list: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                Err(problem("type", "type-missing", "the type is missing".to_owned(), &format!("give `type`: one of {}", list.join(", "))))
            }
        };
        let of = of.map_err(|found| problems.push(found)).ok();
        Some(Self { outstation: outstation?, of: of?, index: index? })
    }

    /// A point that a master reads.
    ///
    /// # Errors
    /// All problems of the fields.
    pub fn monitored(params: &Params, fields: &Fields) -> Result<Self, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let address = Self::read(params, fields, MONITORED, &PointType::WORDS.map(|(_, of)| of), &mut problems);
        words(address.map(|address| address.of), fields, &mut problems);
        address.filter(|_| problems.is_empty()).ok_or(problems)
    }

    /// The points that a master's link reads, in the order of its points.
    pub(crate) fn all_monitored(spec: &LinkSpec) -> impl Iterator<Item = (PointId, Self)> {
        let params = Params::from_fields(&spec.params);
        let monitored = spec.points.iter().filter(|point| point.usage == AddressUse::Monitor);
        monitored.filter_map(move |point| Self::monitored(&params, &point.address).ok().map(|address| (point.point, address)))
    }

    /// How the octet strings that a master's link reads are understood.
    pub(crate) fn all_words(spec: &LinkSpec) -> BTreeMap<PointId, Words> {
        let strings = Self::all_monitored(spec).filter(|(_, address)| address.of == PointType::OctetString);
        let fields = |of: PointId| spec.points.iter().find(|point| point.usage == AddressUse::Monitor && point.point == of);
        strings.filter_map(|(point, _)| Some((point, Words::read(&fields(point)?.address, &mut Vec::new())))).collect()
    }
}

/// `words` and `text`, which only an octet string has.
fn words(of: Option<PointType>, fields: &Fields, problems: &mut Vec<FieldProblem>) -> Words {
    if of.is_none_or(|of| of == PointType::OctetString) {
        return Words::read(fields, problems);
    }
    refuse(&["words", "text"], "they are of octet strings", fields, problems);
    Words::default()
}

fn refuse(names: &[&str], why: &str, fields: &Fields, problems: &mut Vec<FieldProblem>) {
    for name in names.iter().filter(|name| fields.contains_key(name)) {
        problems.push(problem(name, "field-of-other-type", format!("`{name}` is not of this type"), &format!("leave it out; {why}")));
    }
}

impl CommandAddress {
    /// A control.
    ///
    /// # Errors
    /// All problems of the fields.
    pub fn from_fields(params: &Params, fields: &Fields) -> Result<Self, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let types = [PointType::BinaryOutput, PointType::AnalogOutput];
        let address = Address::read(params, fields, COMMANDED, &types, &mut problems);
        let of = address.map(|address| address.of);
        let models = [("latch", CrobModel::Latch), ("pulse", CrobModel::Activation), ("trip_close", CrobModel::TripClose)];
        let mut command = Self {
            address: address.unwrap_or(Address { outstation: 0, of: PointType::BinaryOutput, index: 0 }),
            model: CrobModel::Latch,
            on_ms: 1000,
            off_ms: 1000,
            count: 1,
            variation: 3,
            class: 0,
        };
        for (name, field) in fields {
            let outcome = match (name, of) {
                ("model" | "on_ms" | "off_ms" | "count", Some(PointType::AnalogOutput)) | ("variation", Some(PointType::BinaryOutput)) => {
                    let what = format!("`{name}` is not of this type");
                    Err(problem(
                        name,
                        "field-of-other-type",
                        what,
                        "leave it out; `variation` is of analogue, the others of binary outputs",
                    ))
                }
                ("model", _) => word(name, field, &models).map(|model| command.model = model),
                ("on_ms", _) => whole(name, field, 0, i64::from(u32::MAX)).map(|ms| command.on_ms = ms),
                ("off_ms", _) => whole(name, field, 0, i64::from(u32::MAX)).map(|ms| command.off_ms = ms),
                ("count", _) => whole(name, field, 1, 255).map(|count| command.count = count),
                ("variation", _) => whole(name, field, 1, 4).map(|variation| command.variation = variation),
                ("class", _) => whole(name, field, 0, 3).map(|class| command.class = class),
                _ => Ok(()),
            };
            problems.extend(outcome.err());
        }
        if problems.is_empty() { Ok(command) } else { Err(problems) }
    }

    /// The controls of a link, in the order of its points.
    pub(crate) fn all(spec: &LinkSpec) -> impl Iterator<Item = (PointId, Self)> {
        let params = Params::from_fields(&spec.params);
        let controls = spec.points.iter().filter(|point| point.usage == AddressUse::Control);
        controls.filter_map(move |point| Self::from_fields(&params, &point.address).ok().map(|address| (point.point, address)))
    }
}

impl ServedAddress {
    /// A served point.
    ///
    /// # Errors
    /// All problems of the fields.
    pub fn from_fields(params: &Params, fields: &Fields) -> Result<Self, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let types = [
            PointType::Binary,
            PointType::DoubleBit,
            PointType::BinaryOutput,
            PointType::Counter,
            PointType::Analog,
            PointType::AnalogOutput,
            PointType::OctetString,
            PointType::Unsigned,
        ];
        let address = Address::read(params, fields, SERVED, &types, &mut problems);
        let Some(of) = address.map(|address| address.of) else { return Err(problems) };
        let words = words(Some(of), fields, &mut problems);
        match of {
            PointType::OctetString => {
                refuse(&["static", "event"], "the variation of a string is its length", fields, &mut problems);
                if words.is_fixed() {
                    refuse(&["class", "deadband"], "a text that never changes has no events", fields, &mut problems);
                }
            }
            PointType::Unsigned => refuse(&["event", "class", "deadband"], "g102 has no events", fields, &mut problems),
            PointType::Binary
            | PointType::DoubleBit
            | PointType::BinaryOutput
            | PointType::Counter
            | PointType::FrozenCounter
            | PointType::Analog
            | PointType::FrozenAnalog
            | PointType::AnalogOutput => {}
        }
        let mut keep = |outcome: Result<&'static Variation, FieldProblem>| outcome.map_err(|found| problems.push(found)).ok();
        let (fixed, event) = (keep(variation(of, fields, "static")), keep(variation(of, fields, "event")));
        let default = if words.is_fixed() { 0 } else { of.default_class() };
        let class = fields.get("class").map_or(Ok(default), |field| whole("class", field, 0, 3));
        let deadband = match fields.get("deadband") {
            None => Ok(0.0),
            Some(Field::Float(value)) if *value >= 0.0 => Ok(*value),
            #[expect(clippy::cast_precision_loss, reason = "a dead-band beyond 2^53 is none")]
            Some(Field::Int(value)) if *value >= 0 => Ok(*value as f64),
            Some(_) => Err(problem("deadband", "deadband-out-of-range", "`deadband` is no number from 0".to_owned(), "use 0 or more")),
        };
        let class = class.map_err(|found| problems.push(found)).ok();
        let deadband = deadband.map_err(|found| problems.push(found)).ok();
        match (address, class, fixed, event, deadband) {
            (Some(address), Some(class), Some(fixed), Some(event), Some(deadband)) if problems.is_empty() => {
                Ok(Self { address, class, fixed, event, deadband, words })
            }
            _ => Err(problems),
        }
    }

    /// The served points of a link, in the order of its points.
    pub(crate) fn all(spec: &LinkSpec) -> impl Iterator<Item = (PointId, Self)> {
        let params = Params::from_fields(&spec.params);
        let served = spec.points.iter().filter(|point| point.usage == AddressUse::Monitor);
        served.filter_map(move |point| Self::from_fields(&params, &point.address).ok().map(|address| (point.point, address)))
    }
}

/// The object named by a field as `g30v5`, or the default one.
fn variation(of: PointType, fields: &Fields, name: &str) -> Result<&'static Variation, FieldProblem> {
    let ((fixed, event), (fixed_default, event_default)) = (of.groups(), of.default_variations());
    let (group, default) = if name == "static" { (fixed, fixed_default) } else { (event, event_default) };
    let number = match fields.get(name) {
        None => Some(default),
        Some(Field::Text(text)) => text.strip_prefix(&format!("g{group}v")).and_then(|number| number.parse().ok()),
        Some(Field::Int(_) | Field::Float(_) | Field::Bool(_)) => None,
    };
    match number.map(|number| lookup(group, number)) {
        Some(Lookup::Known(found)) if found.coding != Coding::Other || of == PointType::OctetString => Ok(found),
        Some(Lookup::Known(_) | Lookup::Any(_) | Lookup::Unsupported | Lookup::Unknown) | None => {
            let what = format!("`{name}` of {} is no variation of group {group}", of.name());
            Err(problem(name, "variation-unknown", what, &format!("use \"g{group}v{default}\" or another of group {group}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(list: &[(&str, Field)]) -> Fields {
        list.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect()
    }

    fn text(value: &str) -> Field {
        Field::Text(value.to_owned())
    }

    fn params() -> Params {
        Params::from_fields(&fields(&[("outstation", Field::Int(10))]))
    }

    #[test]
    fn an_address_names_all_its_problems() {
        let bad = fields(&[("index", Field::Int(65_536)), ("type", text("digital")), ("qq", Field::Int(1))]);
        let codes: Vec<&str> = Address::monitored(&Params::default(), &bad).unwrap_err().iter().map(|found| found.code).collect();
        assert_eq!(codes, ["unknown-field", "outstation-missing", "out-of-range", "unknown-word"]);
        let codes: Vec<&str> = Address::monitored(&params(), &Fields::new()).unwrap_err().iter().map(|found| found.code).collect();
        assert_eq!(codes, ["index-missing", "type-missing"]);
    }

    #[test]
    fn the_links_outstation_is_the_default_and_keys_differ_by_use_type_and_outstation() {
        let of = |list: &[(&str, Field)]| Address::monitored(&params(), &fields(list)).unwrap();
        let own = of(&[("type", text("analog")), ("index", Field::Int(3))]);
        assert_eq!(own, Address { outstation: 10, of: PointType::Analog, index: 3 });
        let other = of(&[("type", text("analog")), ("index", Field::Int(3)), ("outstation", Field::Int(11))]);
        let binary = of(&[("type", text("binary")), ("index", Field::Int(3))]);
        let keys =
            [own.key(AddressUse::Monitor), own.key(AddressUse::Control), other.key(AddressUse::Monitor), binary.key(AddressUse::Monitor)];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[at + 1..].contains(key));
        }
    }

    #[test]
    fn a_control_takes_the_fields_of_its_type() {
        let of = |list: &[(&str, Field)]| CommandAddress::from_fields(&params(), &fields(list)).map_err(|found| found[0].code);
        let breaker =
            of(&[("type", text("binary_output")), ("index", Field::Int(0)), ("model", text("trip_close")), ("on_ms", Field::Int(250))]);
        assert_eq!(breaker.map(|found| (found.model, found.on_ms)), Ok((CrobModel::TripClose, 250)));
        let target = of(&[("type", text("analog_output")), ("index", Field::Int(0)), ("variation", Field::Int(1))]);
        assert_eq!(target.map(|found| found.variation), Ok(1));
        assert_eq!(of(&[("type", text("analog_output")), ("index", Field::Int(0)), ("count", Field::Int(1))]), Err("field-of-other-type"));
        assert_eq!(of(&[("type", text("analog")), ("index", Field::Int(0))]), Err("unknown-word"));
        assert_eq!(of(&[("type", text("binary_output")), ("index", Field::Int(0)), ("count", Field::Int(0))]), Err("out-of-range"));
    }

    #[test]
    fn a2_r56_every_type_has_default_variations_and_a_point_may_have_its_own() {
        for (word, of) in PointType::WORDS {
            let (fixed, event) = (variation(of, &Fields::new(), "static").unwrap(), variation(of, &Fields::new(), "event").unwrap());
            let bare = matches!(of, PointType::OctetString | PointType::Unsigned);
            assert_eq!((fixed.has_flags(), event.has_flags()), (!bare, !bare), "{word} goes out with its quality, if it has one");
            assert_eq!((PointType::of(fixed.kind), PointType::of(event.kind)), (Some(of), Some(of)), "{word}");
            assert_eq!(event.kind, of.events(), "{word}");
        }
        let of = |list: &[(&str, Field)]| ServedAddress::from_fields(&params(), &fields(list)).map_err(|found| found[0].code);
        let own = of(&[
            ("type", text("analog")),
            ("index", Field::Int(0)),
            ("static", text("g30v2")),
            ("event", text("g32v4")),
            ("class", Field::Int(3)),
        ]);
        assert_eq!(own.map(|found| (found.fixed.variation, found.event.variation, found.class)), Ok((2, 4, 3)));
        assert_eq!(of(&[("type", text("analog")), ("index", Field::Int(0)), ("static", text("g32v1"))]), Err("variation-unknown"));
        assert_eq!(
            of(&[("type", text("frozen_counter")), ("index", Field::Int(0))]),
            Err("unknown-word"),
            "counters are frozen by command"
        );
        assert_eq!(
            of(&[("type", text("analog")), ("index", Field::Int(0)), ("deadband", Field::Float(-1.0))]),
            Err("deadband-out-of-range")
        );
        for (of_type, field) in
            [("analog", "words"), ("analog", "text"), ("octet_string", "static"), ("unsigned", "event"), ("unsigned", "class")]
        {
            let found = of(&[("type", text(of_type)), ("index", Field::Int(0)), (field, text("g30v1"))]);
            assert_eq!(found, Err("field-of-other-type"), "{of_type} {field}");
        }
        let name = of(&[("type", text("octet_string")), ("index", Field::Int(0)), ("text", text("SOLAR-B"))]);
        assert_eq!(name.map(|found| (found.class, found.words.is_fixed())), Ok((0, true)), "what never changes has no events");
    }
}
