//! What the attributes of each common data class are for (IEC 61850-7-3).

use crate::document::Fc;

/// What kind of thing a common data class says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// True or false.
    Single,
    /// Intermediate, off, on, bad.
    Double,
    /// A whole number.
    Integer,
    /// One word of an enumeration.
    Enumerated,
    /// A protection's trip or pickup.
    Protection,
    /// A measured value.
    Analog,
    /// A measured vector: magnitude and angle.
    Vector,
    /// A counted quantity.
    Counter,
    /// A step position.
    Step,
    /// A text.
    Text,
    /// A setting.
    Setting,
    /// Sub-objects only.
    Composite,
    /// A description, or the record of a service.
    Descriptive,
}

/// One common data class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CommonDataClass {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub kind: Kind,
    /// Where its value may stand, the best place first.
    pub value: &'static [&'static str],
    /// Where a command's value stands, the best place first; empty if it cannot be commanded.
    pub command: &'static [&'static str],
}

const fn row(name: &'static str, kind: Kind, value: &'static [&'static str]) -> CommonDataClass {
    CommonDataClass { name, kind, value, command: &[] }
}

const fn controllable(name: &'static str, kind: Kind, value: &'static [&'static str]) -> CommonDataClass {
    // In files of the first edition the members of the command may stand alone.
    CommonDataClass { name, kind, value, command: &["Oper.ctlVal", "Oper.ctlVal.f", "Oper.ctlVal.i", "ctlVal", "ctlVal.f", "ctlVal.i"] }
}

/// The classes of both editions.
const CLASSES: &[CommonDataClass] = &[
    row("SPS", Kind::Single, &["stVal"]),
    row("DPS", Kind::Double, &["stVal"]),
    row("INS", Kind::Integer, &["stVal"]),
    row("ENS", Kind::Enumerated, &["stVal"]),
    row("ACT", Kind::Protection, &["general"]),
    row("ACD", Kind::Protection, &["general"]),
    row("SEC", Kind::Counter, &["cnt"]),
    row("BCR", Kind::Counter, &["actVal", "frVal"]),
    row("HST", Kind::Integer, &["hstVal"]),
    row("VSS", Kind::Text, &["stVal"]),
    row("MV", Kind::Analog, &["mag.f", "mag.i", "instMag.f", "instMag.i"]),
    row("CMV", Kind::Vector, &["cVal.mag.f", "cVal.mag.i", "instCVal.mag.f", "instCVal.mag.i"]),
    row("SAV", Kind::Analog, &["instMag.f", "instMag.i"]),
    row("WYE", Kind::Composite, &[]),
    row("DEL", Kind::Composite, &[]),
    row("SEQ", Kind::Composite, &[]),
    row("HMV", Kind::Composite, &[]),
    row("HWYE", Kind::Composite, &[]),
    row("HDEL", Kind::Composite, &[]),
    controllable("SPC", Kind::Single, &["stVal"]),
    controllable("DPC", Kind::Double, &["stVal"]),
    controllable("INC", Kind::Integer, &["stVal"]),
    controllable("ENC", Kind::Enumerated, &["stVal"]),
    controllable("BSC", Kind::Step, &["valWTr.posVal"]),
    controllable("ISC", Kind::Step, &["valWTr.posVal"]),
    controllable("APC", Kind::Analog, &["mxVal.f", "mxVal.i", "setMag.f", "setMag.i"]),
    controllable("BAC", Kind::Analog, &["mxVal.f", "mxVal.i"]),
    row("SPG", Kind::Setting, &["setVal"]),
    row("ING", Kind::Setting, &["setVal"]),
    row("ENG", Kind::Setting, &["setVal"]),
    row("VSG", Kind::Setting, &["setVal"]),
    row("ORG", Kind::Setting, &["setSrcRef"]),
    row("TSG", Kind::Setting, &["setTm"]),
    row("CUG", Kind::Setting, &["cur"]),
    row("ASG", Kind::Setting, &["setMag.f", "setMag.i"]),
    row("CURVE", Kind::Setting, &["setCharact"]),
    row("CSG", Kind::Setting, &["numPts"]),
    row("DPL", Kind::Descriptive, &[]),
    row("LPL", Kind::Descriptive, &[]),
    row("CSD", Kind::Descriptive, &[]),
    row("CST", Kind::Descriptive, &[]),
    row("BTS", Kind::Descriptive, &[]),
    row("UTS", Kind::Descriptive, &[]),
    row("LTS", Kind::Descriptive, &[]),
    row("GTS", Kind::Descriptive, &[]),
    row("MTS", Kind::Descriptive, &[]),
    row("NTS", Kind::Descriptive, &[]),
    row("STS", Kind::Descriptive, &[]),
    row("CTS", Kind::Descriptive, &[]),
    row("OTS", Kind::Descriptive, &[]),
    row("SVS", Kind::Descriptive, &[]),
];

/// The class of a name.
#[must_use]
pub fn common_data_class(name: &str) -> Option<&'static CommonDataClass> {
    CLASSES.iter().find(|class| class.name == name)
}

/// Every class, for suggestions and tests.
#[must_use]
pub const fn common_data_classes() -> &'static [CommonDataClass] {
    CLASSES
}

/// What an attribute is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// What the object says.
    Value,
    /// Beside the value: the angle of a vector, a phase of a trip, a direction, the value before its deadband.
    Companion,
    /// Its quality.
    Quality,
    /// Its time.
    Time,
    /// A command, and what belongs to it.
    Control,
    /// A value put in by hand.
    Substitution,
    /// A setting.
    Setting,
    /// How the object behaves: control model, unit, deadband.
    Configuration,
    /// For people.
    Description,
}

/// What an attribute of an object is for: `role("MV", "mag.f", Fc::Mx)`. The path is that from the innermost object down.
#[must_use]
pub fn role(cdc: &str, attribute: &str, fc: Fc) -> Role {
    match fc {
        Fc::Co | Fc::Or | Fc::Sr => return Role::Control,
        Fc::Sv | Fc::Bl => return Role::Substitution,
        Fc::Cf => return Role::Configuration,
        Fc::Dc | Fc::Ex => return Role::Description,
        Fc::St | Fc::Mx | Fc::Sp | Fc::Sg | Fc::Se | Fc::Us | Fc::Ms | Fc::Rp | Fc::Br | Fc::Lg | Fc::Go | Fc::Gs => {}
    }
    match attribute {
        "q" => return Role::Quality,
        "t" => return Role::Time,
        _ => {}
    }
    let is_value = common_data_class(cdc).is_some_and(|class| class.value.contains(&attribute));
    match (is_value, fc) {
        (_, Fc::Sp | Fc::Sg | Fc::Se) => Role::Setting,
        // The value before its deadband is the object's value only where there is no other.
        (true, _) if attribute.starts_with("inst") && cdc != "SAV" => Role::Companion,
        (true, _) => Role::Value,
        (false, _) => Role::Companion,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Kind, Role, common_data_class, common_data_classes, role};
    use crate::document::Fc;

    #[test]
    fn each_class_is_listed_once_and_says_where_its_value_stands() {
        let names: BTreeSet<&str> = common_data_classes().iter().map(|class| class.name).collect();
        assert_eq!(names.len(), common_data_classes().len());
        for class in common_data_classes() {
            let silent = matches!(class.kind, Kind::Composite | Kind::Descriptive);
            assert_eq!(class.value.is_empty(), silent, "{}", class.name);
            assert!(class.command.is_empty() || !class.value.is_empty(), "{} can be commanded and not read back", class.name);
        }
        assert!(common_data_class("XYZ").is_none());
    }

    #[test]
    fn attributes_have_roles() {
        for (cdc, attribute, fc, expected) in [
            ("DPC", "stVal", Fc::St, Role::Value),
            ("DPC", "q", Fc::St, Role::Quality),
            ("DPC", "t", Fc::St, Role::Time),
            ("DPC", "Oper.ctlVal", Fc::Co, Role::Control),
            ("DPC", "Oper.T", Fc::Co, Role::Control),
            ("DPC", "ctlModel", Fc::Cf, Role::Configuration),
            ("DPC", "subVal", Fc::Sv, Role::Substitution),
            ("MV", "mag.f", Fc::Mx, Role::Value),
            ("MV", "instMag.f", Fc::Mx, Role::Companion),
            ("SAV", "instMag.i", Fc::Mx, Role::Value),
            ("CMV", "cVal.ang.f", Fc::Mx, Role::Companion),
            ("ACT", "phsA", Fc::St, Role::Companion),
            ("ASG", "setMag.f", Fc::Sp, Role::Setting),
            ("APC", "setMag.f", Fc::Sp, Role::Setting),
            ("MV", "d", Fc::Dc, Role::Description),
        ] {
            assert_eq!(role(cdc, attribute, fc), expected, "{cdc}.{attribute}");
        }
    }
}
