//! Units a profile may name, and how they convert. The names are those of people; the IES names are the same.

/// What a unit measures. Units of one dimension convert into each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dimension {
    /// Active power.
    ActivePower,
    /// Reactive power.
    ReactivePower,
    /// Apparent power.
    ApparentPower,
    /// Voltage.
    Voltage,
    /// Current.
    Current,
    /// Frequency.
    Frequency,
    /// Rate of change of frequency.
    FrequencyRate,
    /// Rate of change of active power.
    ActivePowerRate,
    /// Active energy.
    ActiveEnergy,
    /// Reactive energy.
    ReactiveEnergy,
    /// Temperature.
    Temperature,
    /// Angle.
    Angle,
    /// A share.
    Ratio,
    /// Time.
    Time,
    /// Irradiance.
    Irradiance,
    /// Speed.
    Speed,
    /// Pressure.
    Pressure,
    /// Length.
    Length,
    /// Flow of volume.
    VolumeFlow,
    /// Flow of mass.
    MassFlow,
    /// A plain number: counts, codes, steps.
    Count,
}

/// One unit: `base = value × factor + offset`, where base is the dimension's base unit (W, VAr, V, A, Hz, s, …).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Unit {
    /// Its name in profiles and messages.
    pub name: &'static str,
    /// What it measures.
    pub dimension: Dimension,
    /// To the base unit.
    pub factor: f64,
    /// To the base unit (temperatures).
    pub offset: f64,
}

impl Unit {
    /// The factor and offset from this unit to `to`: `value_to = value × factor + offset`; `None` if they measure different things.
    #[must_use]
    pub fn conversion(&self, to: &Self) -> Option<(f64, f64)> {
        if self.dimension != to.dimension {
            return None;
        }
        if self.name == to.name {
            return Some((1.0, 0.0));
        }
        Some((self.factor / to.factor, (self.offset - to.offset) / to.factor))
    }
}

const fn u(name: &'static str, dimension: Dimension, factor: f64) -> Unit {
    Unit { name, dimension, factor, offset: 0.0 }
}

/// Every unit.
pub(crate) const UNITS: &[Unit] = &[
    u("W", Dimension::ActivePower, 1.0),
    u("kW", Dimension::ActivePower, 1e3),
    u("MW", Dimension::ActivePower, 1e6),
    u("GW", Dimension::ActivePower, 1e9),
    u("VAr", Dimension::ReactivePower, 1.0),
    u("kVAr", Dimension::ReactivePower, 1e3),
    u("MVAr", Dimension::ReactivePower, 1e6),
    u("VA", Dimension::ApparentPower, 1.0),
    u("kVA", Dimension::ApparentPower, 1e3),
    u("MVA", Dimension::ApparentPower, 1e6),
    u("V", Dimension::Voltage, 1.0),
    u("kV", Dimension::Voltage, 1e3),
    u("A", Dimension::Current, 1.0),
    u("kA", Dimension::Current, 1e3),
    u("mHz", Dimension::Frequency, 1e-3),
    u("Hz", Dimension::Frequency, 1.0),
    u("Hz/s", Dimension::FrequencyRate, 1.0),
    u("W/s", Dimension::ActivePowerRate, 1.0),
    u("kW/min", Dimension::ActivePowerRate, 1e3 / 60.0),
    u("MW/min", Dimension::ActivePowerRate, 1e6 / 60.0),
    u("MW/s", Dimension::ActivePowerRate, 1e6),
    u("Wh", Dimension::ActiveEnergy, 1.0),
    u("kWh", Dimension::ActiveEnergy, 1e3),
    u("MWh", Dimension::ActiveEnergy, 1e6),
    u("VArh", Dimension::ReactiveEnergy, 1.0),
    u("kVArh", Dimension::ReactiveEnergy, 1e3),
    u("MVArh", Dimension::ReactiveEnergy, 1e6),
    u("degC", Dimension::Temperature, 1.0),
    Unit { name: "K", dimension: Dimension::Temperature, factor: 1.0, offset: -273.15 },
    u("deg", Dimension::Angle, 1.0),
    u("rad", Dimension::Angle, 180.0 / std::f64::consts::PI),
    u("%", Dimension::Ratio, 0.01),
    u("pu", Dimension::Ratio, 1.0),
    u("cosPhi", Dimension::Ratio, 1.0),
    u("ms", Dimension::Time, 1e-3),
    u("s", Dimension::Time, 1.0),
    u("min", Dimension::Time, 60.0),
    u("h", Dimension::Time, 3600.0),
    u("W/m2", Dimension::Irradiance, 1.0),
    u("m/s", Dimension::Speed, 1.0),
    u("Pa", Dimension::Pressure, 1.0),
    u("kPa", Dimension::Pressure, 1e3),
    u("bar", Dimension::Pressure, 1e5),
    u("mm", Dimension::Length, 1e-3),
    u("m", Dimension::Length, 1.0),
    u("m3/s", Dimension::VolumeFlow, 1.0),
    u("t/h", Dimension::MassFlow, 1.0),
    u("count", Dimension::Count, 1.0),
    u("none", Dimension::Count, 1.0),
];

/// The unit with this exact name: case matters (`mHz` is not `MHz`).
#[must_use]
pub fn unit(name: &str) -> Option<&'static Unit> {
    UNITS.iter().find(|unit| unit.name == name)
}

/// The measurement types of the language and what they measure; `None` is a state or a code.
pub(crate) const MEASUREMENTS: &[(&str, Option<Dimension>)] = &[
    ("ThreePhasePower", Some(Dimension::ApparentPower)),
    ("ThreePhaseActivePower", Some(Dimension::ActivePower)),
    ("ThreePhaseReactivePower", Some(Dimension::ReactivePower)),
    ("ActivePower", Some(Dimension::ActivePower)),
    ("ReactivePower", Some(Dimension::ReactivePower)),
    ("ApparentPower", Some(Dimension::ApparentPower)),
    ("AvailableActivePower", Some(Dimension::ActivePower)),
    ("PossibleActivePower", Some(Dimension::ActivePower)),
    ("LineCurrent", Some(Dimension::Current)),
    ("PhaseCurrent", Some(Dimension::Current)),
    ("CurrentMagnitude", Some(Dimension::Current)),
    ("CurrentAngle", Some(Dimension::Angle)),
    ("LineToLineVoltage", Some(Dimension::Voltage)),
    ("PhaseVoltage", Some(Dimension::Voltage)),
    ("VoltageMagnitude", Some(Dimension::Voltage)),
    ("VoltageAngle", Some(Dimension::Angle)),
    ("Angle", Some(Dimension::Angle)),
    ("Frequency", Some(Dimension::Frequency)),
    ("RateOfChangeOfFrequency", Some(Dimension::FrequencyRate)),
    ("PowerFactor", Some(Dimension::Ratio)),
    ("StateOfCharge", Some(Dimension::Ratio)),
    ("ActiveEnergyImport", Some(Dimension::ActiveEnergy)),
    ("ActiveEnergyExport", Some(Dimension::ActiveEnergy)),
    ("ReactiveEnergyImport", Some(Dimension::ReactiveEnergy)),
    ("ReactiveEnergyExport", Some(Dimension::ReactiveEnergy)),
    ("Irradiance", Some(Dimension::Irradiance)),
    ("WindSpeed", Some(Dimension::Speed)),
    ("WindDirection", Some(Dimension::Angle)),
    ("Temperature", Some(Dimension::Temperature)),
    ("OilTemperature", Some(Dimension::Temperature)),
    ("AmbientTemperature", Some(Dimension::Temperature)),
    ("PanelTemperature", Some(Dimension::Temperature)),
    ("TapPosition", None),
    ("SwitchPosition", None),
    ("UnitStatus", None),
    ("ControlMode", None),
    ("LocalRemote", None),
    ("ProtectionTrip", None),
    ("ProtectionPickup", None),
    ("AutoRecloseStatus", None),
    ("CommunicationStatus", None),
    ("AlarmGeneral", None),
    ("GeneratorStartStop", None),
];

#[cfg(test)]
mod tests {
    use super::{MEASUREMENTS, UNITS, unit};

    #[test]
    fn units_convert_both_ways() {
        let (factor, offset) = unit("kW").unwrap().conversion(unit("MW").unwrap()).unwrap();
        assert!((243_600.0_f64.mul_add(factor, offset) - 243.6).abs() < 1e-9);
        let (factor, offset) = unit("MW/min").unwrap().conversion(unit("W/s").unwrap()).unwrap();
        assert!((2.5_f64.mul_add(factor, offset) - 41_666.666_666).abs() < 1e-3);
        let (factor, offset) = unit("K").unwrap().conversion(unit("degC").unwrap()).unwrap();
        assert!((300.0_f64.mul_add(factor, offset) - 26.85).abs() < 1e-9);
        assert_eq!(unit("MW").unwrap().conversion(unit("MVAr").unwrap()), None);
        assert_eq!(unit("mw"), None, "case matters");
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = UNITS.iter().map(|u| u.name).chain(MEASUREMENTS.iter().map(|m| m.0)).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
