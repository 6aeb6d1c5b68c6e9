//! The classes, attributes and enumerations of the information model that a bridge meets, for both versions: the table `cgmes.txt`.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::unit::Unit;
use crate::version::Version;

static TABLE: LazyLock<Schema> = LazyLock::new(|| Schema::read(include_str!("cgmes.txt")));

/// The table.
#[must_use]
pub fn schema() -> &'static Schema {
    &TABLE
}

/// Where a line of the table holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum In {
    Both,
    One(Version),
    /// In the model, in none of the profiles of CGMES.
    Model,
}

impl In {
    const fn holds(self, version: Version) -> bool {
        match self {
            Self::Both | Self::Model => true,
            Self::One(Version::Cim16) => matches!(version, Version::Cim16),
            Self::One(Version::Cim17) => matches!(version, Version::Cim17),
        }
    }
}

/// What an attribute holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    /// Text.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A number, in this unit by the rules of CGMES; `None` for plain numbers and what the bridge has no unit for.
    Number(Option<Unit>),
    /// A date and time of ISO 8601.
    DateTime,
    /// An object of this class or one below it; `many` if there may be several.
    Reference {
        /// The class.
        class: &'static str,
        /// Whether there may be several.
        many: bool,
    },
    /// A literal of this enumeration.
    Enumeration(&'static str),
}

impl Type {
    /// What a person calls it.
    #[must_use]
    pub fn noun(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::Integer => "a whole number".to_owned(),
            Self::Number(_) => "a number".to_owned(),
            Self::DateTime => "a date and time".to_owned(),
            Self::Reference { class, .. } => format!("a reference to an object of class {class}"),
            Self::Enumeration(name) => format!("a literal of {name}"),
        }
    }

    fn read(word: &'static str) -> Self {
        if let Some(class) = word.strip_prefix('>') {
            let plain = class.trim_end_matches('*');
            return Self::Reference { class: plain, many: plain != class };
        }
        if let Some(name) = word.strip_prefix('=') {
            return Self::Enumeration(name);
        }
        match word {
            "String" | "IRI" | "MonthDay" | "Duration" => Self::Text,
            "Boolean" => Self::Boolean,
            "Integer" => Self::Integer,
            "DateTime" | "DateTimeStamp" => Self::DateTime,
            number => Self::Number(Unit::of_datatype(number)),
        }
    }
}

/// The table, ready for questions.
#[derive(Debug, Default)]
pub struct Schema {
    parents: HashMap<&'static str, Vec<(Option<&'static str>, In)>>,
    attributes: HashMap<&'static str, Vec<(&'static str, Type, In)>>,
    literals: HashMap<&'static str, Vec<(&'static str, In)>>,
    classes: Vec<&'static str>,
}

/// Classes above each other; the model has eleven.
const DEPTH: usize = 24;

impl Schema {
    fn read(text: &'static str) -> Self {
        let mut schema = Self::default();
        let mut class = "";
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&'static str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["class", name, parent, rest @ ..] => {
                    class = name;
                    if !schema.parents.contains_key(name) {
                        schema.classes.push(name);
                    }
                    schema.parents.entry(name).or_default().push(((*parent != "-").then_some(*parent), mark(rest.first())));
                }
                ["enum", name, place, literals @ ..] => {
                    let place = mark(Some(place));
                    schema.literals.entry(name).or_default().extend(literals.iter().map(|literal| (*literal, place)));
                }
                [name, kind, rest @ ..] => {
                    schema.attributes.entry(class).or_default().push((name, Type::read(kind), mark(rest.first())));
                }
                _ => {}
            }
        }
        schema
    }

    /// Every class of the table, sorted.
    pub fn classes(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.classes.iter().copied()
    }

    /// Whether the version has this class.
    #[must_use]
    pub fn has_class(&self, version: Version, class: &str) -> bool {
        self.parents.get(class).is_some_and(|lines| lines.iter().any(|(_, place)| place.holds(version)))
    }

    /// The class above.
    #[must_use]
    pub fn parent(&self, version: Version, class: &str) -> Option<&'static str> {
        self.parents.get(class)?.iter().find(|(_, place)| place.holds(version))?.0
    }

    /// The class itself and those above it, upwards.
    pub fn ancestry<'a>(&'a self, version: Version, class: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        std::iter::successors(Some(class), move |at| self.parent(version, at)).take(DEPTH)
    }

    /// Whether `class` is `ancestor` or below it.
    #[must_use]
    pub fn is_a(&self, version: Version, class: &str, ancestor: &str) -> bool {
        self.ancestry(version, class).any(|at| at == ancestor)
    }

    /// What the attribute `Class.name` holds.
    #[must_use]
    pub fn attribute(&self, version: Version, full_name: &str) -> Option<Type> {
        let (class, name) = full_name.split_once('.')?;
        let lines = self.attributes.get(class)?;
        lines.iter().find(|(known, _, place)| *known == name && place.holds(version)).map(|(_, kind, _)| *kind)
    }

    /// The names `Class.name` of everything that an object of this class may have.
    pub fn attributes_of<'a>(&'a self, version: Version, class: &'a str) -> impl Iterator<Item = String> + 'a {
        self.ancestry(version, class).flat_map(move |at| {
            let lines = self.attributes.get(at).map(Vec::as_slice).unwrap_or_default();
            lines.iter().filter(move |(_, _, place)| place.holds(version)).map(move |(name, _, _)| format!("{at}.{name}"))
        })
    }

    /// The literals of an enumeration; none if it is not in the table.
    pub fn literals<'a>(&'a self, version: Version, enumeration: &str) -> impl Iterator<Item = &'static str> + 'a {
        let lines = self.literals.get(enumeration).map(Vec::as_slice).unwrap_or_default();
        lines.iter().filter(move |(_, place)| place.holds(version)).map(|(literal, _)| *literal)
    }
}

fn mark(word: Option<&&str>) -> In {
    match word {
        Some(&"16") => In::One(Version::Cim16),
        Some(&"17") => In::One(Version::Cim17),
        Some(&"+") => In::Model,
        _ => In::Both,
    }
}

#[cfg(test)]
mod tests {
    use super::{Type, schema};
    use crate::unit::Unit;
    use crate::version::Version::{Cim16, Cim17};

    #[test]
    fn the_hierarchy_answers_for_both_versions() {
        let table = schema();
        for version in [Cim16, Cim17] {
            for (class, ancestor) in [
                ("Breaker", "Switch"),
                ("Breaker", "ConductingEquipment"),
                ("SynchronousMachine", "RegulatingCondEq"),
                ("Analog", "Measurement"),
                ("SetPoint", "Control"),
                ("ThermalGeneratingUnit", "GeneratingUnit"),
                ("CurrentLimit", "OperationalLimit"),
                ("Bay", "EquipmentContainer"),
                ("AnalogLimitSet", "LimitSet"),
                ("CurrentTransformer", "Equipment"),
            ] {
                assert!(table.is_a(version, class, ancestor), "{version}: {class} is a {ancestor}");
            }
            assert!(!table.is_a(version, "Substation", "Equipment") && !table.is_a(version, "Nothing", "Equipment"));
        }
        assert!(table.has_class(Cim17, "BatteryUnit") && !table.has_class(Cim16, "BatteryUnit"));
        assert_eq!(
            (table.parent(Cim16, "EnergyConsumer"), table.parent(Cim17, "EnergyConsumer")),
            (Some("ConductingEquipment"), Some("EnergyConnection"))
        );
    }

    #[test]
    fn attributes_have_types_and_units() {
        let table = schema();
        assert_eq!(table.attribute(Cim17, "GeneratingUnit.maxOperatingP"), Some(Type::Number(Unit::parse("M", "W"))));
        assert_eq!(table.attribute(Cim17, "RotatingMachine.ratedS"), Some(Type::Number(Unit::parse("M", "VA"))));
        assert_eq!(table.attribute(Cim17, "Switch.open"), Some(Type::Boolean));
        assert_eq!(table.attribute(Cim16, "Switch.locked"), None, "it came with CIM17");
        assert_eq!(table.attribute(Cim16, "Measurement.unitSymbol"), Some(Type::Enumeration("UnitSymbol")));
        assert_eq!(table.attribute(Cim17, "Measurement.Terminal"), Some(Type::Reference { class: "ACDCTerminal", many: false }));
        assert!(table.attributes_of(Cim17, "Breaker").any(|name| name == "IdentifiedObject.name"));
        assert!(table.literals(Cim17, "PhaseCode").any(|literal| literal == "ABCN"));
    }

    #[test]
    fn the_table_holds_together() {
        let table = schema();
        for version in [Cim16, Cim17] {
            for class in table.classes().filter(|class| table.has_class(version, class)) {
                let top = table.ancestry(version, class).last().unwrap();
                assert_eq!(table.parent(version, top), None, "{version}: the chain of {class} ends");
                assert!(
                    table.ancestry(version, class).all(|at| table.has_class(version, at)),
                    "{version}: {class} has an unknown class above"
                );
                for name in table.attributes_of(version, class) {
                    if let Some(Type::Enumeration(of)) = table.attribute(version, &name) {
                        let is_listed = table.literals(version, of).next().is_some();
                        assert!(
                            is_listed || matches!(of, "GeneratorControlMode" | "BatteryStateKind" | "ConverterControlMode"),
                            "{name}: {of} has no literals"
                        );
                    }
                }
            }
        }
    }
}
