//! What CIM would call a signal: proposals that a person confirms, after IEC TS 62361-102 and IEC 61970-301.

use crate::cdc::Kind;

/// The class of a measurement or a control.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CimClass {
    /// A quantity.
    Analog,
    /// A state.
    Discrete,
    /// A counted quantity.
    Accumulator,
    /// A text.
    StringMeasurement,
    /// A commanded state.
    Command,
    /// A commanded quantity.
    SetPoint,
    /// A commanded step.
    RaiseLowerCommand,
}

impl CimClass {
    /// Its name in CIM.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Analog => "Analog",
            Self::Discrete => "Discrete",
            Self::Accumulator => "Accumulator",
            Self::StringMeasurement => "StringMeasurement",
            Self::Command => "Command",
            Self::SetPoint => "SetPoint",
            Self::RaiseLowerCommand => "RaiseLowerCommand",
        }
    }
}

/// What positive would mean. A file does not say it; the profile must, after a look at the plant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sign {
    /// Out of the busbar into the equipment.
    OutOfBus,
    /// Out of a generating plant.
    Generation,
    /// Out of a storage.
    Discharge,
    /// No direction: the size of a current.
    Magnitude,
}

impl Sign {
    /// The word of profiles.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OutOfBus => "out_of_bus",
            Self::Generation => "generation",
            Self::Discharge => "discharge",
            Self::Magnitude => "magnitude",
        }
    }
}

/// What CIM would call a signal or a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// The class of the measurement or control.
    pub class: CimClass,
    /// Its measurement type: `ThreePhaseActivePower`, or one of the file's own with `x-`.
    pub measurement: String,
    /// A measurement type that no other signal of the same place has: `x-MMXU1TotW`. Several functions trip one breaker.
    pub own: String,
    /// The class of what it is about: `Breaker`, `Terminal`, `Bay`.
    pub subject: &'static str,
    /// Its phases: `A`, `AB`, `N`; nothing for all three.
    pub phases: Option<&'static str>,
    /// What positive most likely means; to be confirmed.
    pub sign: Option<Sign>,
}

/// What a proposal is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'s> {
    /// The logical node's name.
    pub(crate) name: &'s str,
    /// Its class.
    pub(crate) node: &'s str,
    /// The object's path: `A.phsA`.
    pub(crate) object: &'s str,
    /// What its class says.
    pub(crate) kind: Kind,
    /// The equipment's type code.
    pub(crate) code: Option<&'s str>,
    /// Whether the equipment connects to earth.
    pub(crate) is_grounding: bool,
}

/// The CIM class of equipment of a type code (IEC 61850-6, table of equipment types); nothing if CIM has none or the code is not known.
#[must_use]
pub fn equipment_class(code: &str, is_grounding: bool) -> Option<&'static str> {
    Some(match code {
        "CBR" => "Breaker",
        "DIS" if is_grounding => "GroundDisconnector",
        "DIS" => "Disconnector",
        "CTR" => "CurrentTransformer",
        "VTR" => "PotentialTransformer",
        "PTR" => "PowerTransformer",
        "PTW" => "PowerTransformerEnd",
        "LTC" => "RatioTapChanger",
        "GEN" => "SynchronousMachine",
        "MOT" => "AsynchronousMachine",
        "BAT" => "BatteryUnit",
        "LIN" | "CAB" | "GIL" | "IFL" => "ACLineSegment",
        "CAP" | "REA" => "LinearShuntCompensator",
        "EFN" => "PetersenCoil",
        "SAR" => "SurgeArrester",
        "BBS" => "BusbarSection",
        _ => return None,
    })
}

/// Node classes that measure, whose data have the names of MMXU.
const MEASURING: &[&str] = &["MMXU", "MMXN", "DECP", "DPMC", "MMDC"];

/// Object, measurement type, whether it has a sign.
const MEASURED: &[(&str, &str, bool)] = &[
    ("TotW", "ThreePhaseActivePower", true),
    ("TotVAr", "ThreePhaseReactivePower", true),
    ("TotVA", "ThreePhasePower", false),
    ("TotPF", "PowerFactor", false),
    ("Hz", "Frequency", false),
    ("PPV", "LineToLineVoltage", false),
    ("PhV", "PhaseVoltage", false),
    ("PNV", "PhaseVoltage", false),
    ("W", "ActivePower", true),
    ("VAr", "ReactivePower", true),
    ("VA", "ApparentPower", false),
    ("PF", "PowerFactor", false),
    ("Watt", "ActivePower", true),
    ("VolAmpr", "ReactivePower", true),
    ("VolAmp", "ApparentPower", false),
    ("PwrFact", "PowerFactor", false),
    ("Vol", "PhaseVoltage", false),
];

/// Node class, object, measurement type, what it is about (empty: where it stands).
const STATES: &[(&str, &str, &str, &str)] = &[
    ("XCBR", "Pos", "SwitchPosition", "Breaker"),
    ("XSWI", "Pos", "SwitchPosition", "Disconnector"),
    ("CSWI", "Pos", "SwitchPosition", "Switch"),
    ("*", "Loc", "LocalRemote", "Bay"),
    ("*", "LocKey", "LocalRemote", "Bay"),
    ("RREC", "AutoRecSt", "AutoRecloseStatus", "Breaker"),
    ("PTRC", "Tr", "ProtectionTrip", ""),
    ("RBRF", "OpEx", "ProtectionTrip", "Breaker"),
    ("ATCC", "TapPos", "TapPosition", "RatioTapChanger"),
    ("ATCC", "TapChg", "TapPosition", "RatioTapChanger"),
    ("YLTC", "TapPos", "TapPosition", "RatioTapChanger"),
    ("YLTC", "TapChg", "TapPosition", "RatioTapChanger"),
    ("ATCC", "Auto", "ControlMode", "RatioTapChanger"),
    ("CALH", "GrAlm", "AlarmGeneral", "Bay"),
    ("LPHD", "Proxy", "CommunicationStatus", "RemoteUnit"),
    ("DGEN", "GnOpSt", "UnitStatus", "GeneratingUnit"),
    ("DRCS", "ModOnConn", "UnitStatus", "PowerElectronicsConnection"),
];

/// Node class, object, measurement type, what it is about, sign.
const QUANTITIES: &[(&str, &str, &str, &str, Option<Sign>)] = &[
    ("ATCC", "CtlV", "LineToLineVoltage", "TapChangerControl", None),
    ("ATCC", "VolSpt", "x-VoltageSetpoint", "TapChangerControl", None),
    ("MMTR", "SupWh", "ActiveEnergyExport", "Terminal", None),
    ("MMTR", "DmdWh", "ActiveEnergyImport", "Terminal", None),
    ("MMTR", "SupVArh", "ReactiveEnergyExport", "Terminal", None),
    ("MMTR", "DmdVArh", "ReactiveEnergyImport", "Terminal", None),
    ("STMP", "Tmp", "Temperature", "PowerTransformer", None),
    ("SIML", "Tmp", "OilTemperature", "PowerTransformer", None),
    ("YPTR", "HPTmp", "Temperature", "PowerTransformer", None),
    ("DRCC", "OutWSet", "ThreePhaseActivePower", "PowerElectronicsConnection", Some(Sign::Generation)),
    ("DRCC", "OutVarSet", "ThreePhaseReactivePower", "PowerElectronicsConnection", Some(Sign::Generation)),
    ("DWGC", "WSpt", "ThreePhaseActivePower", "PowerElectronicsConnection", Some(Sign::Generation)),
    ("DWMX", "WLimSpt", "x-ActivePowerLimit", "PowerElectronicsConnection", Some(Sign::Generation)),
    ("DGEN", "TotWh", "ActiveEnergyExport", "GeneratingUnit", None),
    ("ZBAT", "SocPct", "StateOfCharge", "BatteryUnit", None),
    ("DBAT", "SocPct", "StateOfCharge", "BatteryUnit", None),
    ("MMET", "EnvTmp", "AmbientTemperature", "Plant", None),
    ("MMET", "HorWdSpd", "WindSpeed", "Plant", None),
    ("MMET", "HorWdDir", "WindDirection", "Plant", None),
    ("MMET", "HorInsol", "Irradiance", "Plant", None),
    ("MMET", "DctInsol", "Irradiance", "Plant", None),
];

/// What a sub-object says of phases.
fn phases(object: &str) -> Option<&'static str> {
    let last = object.rsplit('.').next().filter(|_| object.contains('.'))?;
    Some(match last {
        "phsA" => "A",
        "phsB" => "B",
        "phsC" => "C",
        "neut" => "N",
        "phsAB" => "AB",
        "phsBC" => "BC",
        "phsCA" => "CA",
        _ => return None,
    })
}

/// A measurement type of the file's own: letters and digits only, because it becomes part of names.
fn own(subject: Subject<'_>) -> String {
    let letters = |text: &str| -> String { text.chars().filter(char::is_ascii_alphanumeric).collect() };
    format!("x-{}{}", letters(subject.name), letters(subject.object))
}

impl Subject<'_> {
    /// What it is about where the tables do not say: the equipment, else the bay.
    fn about(self) -> &'static str {
        self.code.and_then(|code| equipment_class(code, self.is_grounding)).unwrap_or("Bay")
    }

    fn switch(self, otherwise: &'static str) -> &'static str {
        match self.code {
            Some("CBR") => "Breaker",
            _ if self.is_grounding => "GroundDisconnector",
            Some("DIS") => "Disconnector",
            _ => otherwise,
        }
    }
}

/// What CIM would call the value of an object; nothing for settings and descriptions.
pub(crate) fn signal(subject: Subject<'_>) -> Option<Proposal> {
    let top = subject.object.split('.').next().unwrap_or_default();
    let class = match subject.kind {
        Kind::Analog | Kind::Vector => CimClass::Analog,
        Kind::Single | Kind::Double | Kind::Integer | Kind::Enumerated | Kind::Protection | Kind::Step => CimClass::Discrete,
        Kind::Counter => CimClass::Accumulator,
        Kind::Text => CimClass::StringMeasurement,
        Kind::Setting | Kind::Composite | Kind::Descriptive => return None,
    };
    let proposal = |measurement: &str, about: &'static str, sign| Proposal {
        class,
        measurement: measurement.to_owned(),
        own: own(subject),
        subject: if about.is_empty() { subject.about() } else { about },
        phases: phases(subject.object),
        sign,
    };
    match class {
        CimClass::Discrete => {
            if let Some((_, _, measurement, about)) = STATES.iter().find(|row| (row.0 == subject.node || row.0 == "*") && row.1 == top) {
                let about = if *measurement == "SwitchPosition" { subject.switch(about) } else { about };
                return Some(proposal(measurement, about, None));
            }
            let is_protection = subject.node.starts_with('P');
            match (top, subject.kind) {
                ("Op", Kind::Protection) if is_protection => return Some(proposal("ProtectionTrip", "", None)),
                ("Str", Kind::Protection) if is_protection => return Some(proposal("ProtectionPickup", "", None)),
                _ => {}
            }
        }
        CimClass::Analog | CimClass::Accumulator => {
            if let Some((_, _, measurement, about, sign)) = QUANTITIES.iter().find(|row| row.0 == subject.node && row.1 == top) {
                return Some(proposal(measurement, about, *sign));
            }
            if MEASURING.contains(&subject.node) {
                let sign = if subject.node.starts_with('D') { Sign::Generation } else { Sign::OutOfBus };
                if let Some((_, measurement, has_sign)) = MEASURED.iter().find(|row| row.0 == top) {
                    return Some(proposal(measurement, "Terminal", has_sign.then_some(sign)));
                }
                if top == "A" || top == "Amp" {
                    return Some(proposal("PhaseCurrent", "Terminal", Some(Sign::Magnitude)));
                }
            }
            if let Some(measurement) = sequence(subject) {
                return Some(proposal(measurement, "Terminal", subject.object.starts_with("SeqA").then_some(Sign::Magnitude)));
            }
        }
        CimClass::StringMeasurement | CimClass::Command | CimClass::SetPoint | CimClass::RaiseLowerCommand => {}
    }
    Some(proposal(&own(subject), "", None))
}

/// Symmetrical components of MSQI.
fn sequence(subject: Subject<'_>) -> Option<&'static str> {
    let measurement = match subject.object {
        "SeqA.c1" => "x-PositiveSequenceCurrent",
        "SeqA.c2" => "x-NegativeSequenceCurrent",
        "SeqA.c3" => "x-ZeroSequenceCurrent",
        "SeqV.c1" => "x-PositiveSequenceVoltage",
        "SeqV.c2" => "x-NegativeSequenceVoltage",
        "SeqV.c3" => "x-ZeroSequenceVoltage",
        _ => return None,
    };
    (subject.node == "MSQI").then_some(measurement)
}

/// What CIM would call a command of an object.
pub(crate) fn command(subject: Subject<'_>, cdc: &str) -> Option<Proposal> {
    let class = match cdc {
        "SPC" | "DPC" | "INC" | "ENC" | "ISC" => CimClass::Command,
        "BSC" | "BAC" => CimClass::RaiseLowerCommand,
        "APC" => CimClass::SetPoint,
        _ => return None,
    };
    signal(subject).map(|proposal| Proposal { class, ..proposal })
}

#[cfg(test)]
mod tests {
    use super::{CimClass, Sign, Subject, command, signal};
    use crate::cdc::common_data_class;

    fn subject<'s>(node: &'s str, object: &'s str, cdc: &str, code: Option<&'s str>, is_grounding: bool) -> Subject<'s> {
        Subject { name: node, node, object, kind: common_data_class(cdc).unwrap().kind, code, is_grounding }
    }

    #[test]
    fn signals_have_their_names_in_cim() {
        for (node, object, cdc, code, expected) in [
            ("XCBR", "Pos", "DPC", Some("CBR"), "Discrete SwitchPosition Breaker"),
            ("XCBR", "Pos", "DPC", None, "Discrete SwitchPosition Breaker"),
            ("XSWI", "Pos", "DPC", Some("DIS"), "Discrete SwitchPosition Disconnector"),
            ("CSWI", "Pos", "DPC", Some("DIS"), "Discrete SwitchPosition Disconnector"),
            ("CSWI", "Pos", "DPC", None, "Discrete SwitchPosition Switch"),
            ("MMXU", "TotW", "MV", None, "Analog ThreePhaseActivePower Terminal"),
            ("MMXU", "PPV.phsAB", "CMV", None, "Analog LineToLineVoltage Terminal AB"),
            ("MMXU", "A.neut", "CMV", None, "Analog PhaseCurrent Terminal N"),
            ("MSQI", "SeqV.c2", "CMV", None, "Analog x-NegativeSequenceVoltage Terminal"),
            ("MMTR", "SupWh", "BCR", None, "Accumulator ActiveEnergyExport Terminal"),
            ("PTOC", "Op", "ACT", Some("CBR"), "Discrete ProtectionTrip Breaker"),
            ("PDIS", "Str", "ACD", None, "Discrete ProtectionPickup Bay"),
            ("GGIO", "Ind1", "SPS", None, "Discrete x-GGIOInd1 Bay"),
            ("LLN0", "Loc", "SPS", None, "Discrete LocalRemote Bay"),
            ("YLTC", "TapPos", "ISC", Some("LTC"), "Discrete TapPosition RatioTapChanger"),
        ] {
            let found = signal(subject(node, object, cdc, code, false)).unwrap();
            let text = format!("{} {} {} {}", found.class.as_str(), found.measurement, found.subject, found.phases.unwrap_or_default());
            assert_eq!(text.trim(), expected, "{node}.{object}");
        }
        assert_eq!(signal(subject("XSWI", "Pos", "DPC", Some("DIS"), true)).unwrap().subject, "GroundDisconnector");
        assert!(signal(subject("LLN0", "NamPlt", "LPL", None, false)).is_none());
        assert!(signal(subject("PTOC", "StrVal", "ASG", None, false)).is_none());
    }

    #[test]
    fn powers_and_currents_have_a_sign_to_confirm() {
        let sign = |node, object, cdc| signal(subject(node, object, cdc, None, false)).unwrap().sign;
        assert_eq!(sign("MMXU", "TotW", "MV"), Some(Sign::OutOfBus));
        assert_eq!(sign("MMXU", "TotVAr", "MV"), Some(Sign::OutOfBus));
        assert_eq!(sign("DECP", "TotW", "MV"), Some(Sign::Generation));
        assert_eq!(sign("MMXU", "A.phsA", "CMV"), Some(Sign::Magnitude));
        assert_eq!(sign("MMXU", "Hz", "MV"), None);
        assert_eq!(sign("MMXU", "PPV.phsAB", "CMV"), None);
    }

    #[test]
    fn commands_have_their_names_in_cim() {
        let class = |node, object, cdc| command(subject(node, object, cdc, None, false), cdc).map(|found| found.class);
        assert_eq!(class("CSWI", "Pos", "DPC"), Some(CimClass::Command));
        assert_eq!(class("ATCC", "TapChg", "BSC"), Some(CimClass::RaiseLowerCommand));
        assert_eq!(class("DRCC", "OutWSet", "APC"), Some(CimClass::SetPoint));
        assert_eq!(class("XCBR", "Loc", "SPS"), None);
    }
}
