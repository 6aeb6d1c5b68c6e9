//! What equipment is built for and how far it may be used: ratings and operational limits.

use crate::model::{Object, Quantity};

/// Powers that stand for "no limit" in exports of planning cases: 9999 MW, MVAr or MVA and beyond, up to the largest number there is.
const NO_POWER_LIMIT: f64 = 9999.0;

/// Operational limits that stand for "no limit": the largest number of four bytes and the like.
const NO_LIMIT: f64 = 1e9;

/// Ratings of a generating unit, a machine, a converter, a battery, a transformer end or a switch. Powers are in MW, MVAr and MVA,
/// voltages in kV, currents in A, energies in MWh, as CGMES writes them; limits of active power count generation positive.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Ratings {
    /// Rated apparent power.
    pub apparent_power: Option<Quantity>,
    /// Rated voltage.
    pub voltage: Option<Quantity>,
    /// Rated current of a switch.
    pub current: Option<Quantity>,
    /// Rated power factor.
    pub power_factor: Option<f64>,
    /// Lowest active power in operation.
    pub active_power_min: Option<Quantity>,
    /// Highest active power in operation.
    pub active_power_max: Option<Quantity>,
    /// Nominal active power.
    pub active_power_nominal: Option<Quantity>,
    /// Lowest reactive power.
    pub reactive_power_min: Option<Quantity>,
    /// Highest reactive power.
    pub reactive_power_max: Option<Quantity>,
    /// Full energy of a battery.
    pub energy: Option<Quantity>,
    /// Share in the distribution of power (`GeneratingUnit.normalPF`).
    pub participation: Option<f64>,
    /// Droop of the governor, in percent.
    pub droop_percent: Option<f64>,
    /// Fastest change upwards, in MW/s.
    pub ramp_up: Option<Quantity>,
    /// Fastest change downwards, in MW/s.
    pub ramp_down: Option<Quantity>,
    /// Attributes whose value stands for "no limit" (9999 and beyond): they are left out above.
    pub placeholders: Vec<&'static str>,
}

/// Which side of a limit is bad.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// Values above.
    High,
    /// Values below.
    Low,
    /// Magnitudes above.
    Absolute,
}

/// For how long a value beyond a limit is bearable.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Duration {
    /// The limit is one of permanent operation.
    Permanent,
    /// For so many seconds.
    Seconds(f64),
    /// The model does not say.
    Unknown,
}

/// One operational limit of equipment: the natural source of thermal and voltage alarms.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OperationalLimit<'m> {
    /// The limit object: `CurrentLimit`, `ActivePowerLimit`, `ApparentPowerLimit`, `VoltageLimit`.
    pub object: Object<'m>,
    /// The value; the normal one if no steady state gives another.
    pub value: Quantity,
    /// Which side is bad.
    pub direction: Direction,
    /// For how long it may be exceeded.
    pub duration: Duration,
    /// `patl`, `tatl`, `tc`, `highVoltage` and the like.
    pub kind: Option<&'m str>,
    /// The terminal at which it holds; `None` if for the equipment as a whole.
    pub terminal: Option<Object<'m>>,
}

/// Classes of limits and the attributes with their values.
const LIMITS: &[(&str, &str, &str)] = &[
    ("CurrentLimit", "CurrentLimit.value", "CurrentLimit.normalValue"),
    ("ActivePowerLimit", "ActivePowerLimit.value", "ActivePowerLimit.normalValue"),
    ("ApparentPowerLimit", "ApparentPowerLimit.value", "ApparentPowerLimit.normalValue"),
    ("VoltageLimit", "VoltageLimit.value", "VoltageLimit.normalValue"),
];

impl<'m> Object<'m> {
    /// Its ratings, with those of the machine behind a generating unit and of the unit before a machine, if there is one of each.
    #[must_use]
    pub fn ratings(self) -> Ratings {
        let mut placeholders = Vec::new();
        let mut of = |objects: &[Option<Object<'m>>], names: &[&'static str]| {
            let given =
                objects.iter().flatten().flat_map(|object| names.iter().filter_map(move |name| Some((*name, object.quantity(name)?))));
            let (name, quantity) = given.into_iter().next()?;
            if quantity.value.abs() >= NO_POWER_LIMIT && name.ends_with(['P', 'Q', 'S']) {
                placeholders.push(name);
                return None;
            }
            Some(quantity)
        };
        let me = Some(self);
        let only = |mut all: Vec<Object<'m>>| if all.len() == 1 { all.pop() } else { None };
        let unit =
            self.reference("RotatingMachine.GeneratingUnit").or_else(|| self.reference("PowerElectronicsConnection.PowerElectronicsUnit"));
        let behind =
            self.referrers("RotatingMachine.GeneratingUnit").chain(self.referrers("PowerElectronicsConnection.PowerElectronicsUnit"));
        let machine = only(behind.collect());
        Ratings {
            apparent_power: of(
                &[me, machine],
                &["RotatingMachine.ratedS", "PowerElectronicsConnection.ratedS", "PowerTransformerEnd.ratedS"],
            ),
            voltage: of(&[me, machine], &["RotatingMachine.ratedU", "PowerElectronicsConnection.ratedU", "PowerTransformerEnd.ratedU"]),
            current: of(&[me], &["Switch.ratedCurrent"]),
            active_power_min: of(&[me, unit], &["GeneratingUnit.minOperatingP", "PowerElectronicsUnit.minP"]),
            active_power_max: of(&[me, unit], &["GeneratingUnit.maxOperatingP", "PowerElectronicsUnit.maxP"]),
            active_power_nominal: of(&[me, unit], &["GeneratingUnit.nominalP"]),
            reactive_power_min: of(&[me, machine], &["SynchronousMachine.minQ", "PowerElectronicsConnection.minQ"]),
            reactive_power_max: of(&[me, machine], &["SynchronousMachine.maxQ", "PowerElectronicsConnection.maxQ"]),
            energy: of(&[me, unit], &["BatteryUnit.ratedE"]),
            ramp_up: of(&[me, unit], &["GeneratingUnit.raiseRampRate"]),
            ramp_down: of(&[me, unit], &["GeneratingUnit.lowerRampRate"]),
            power_factor: [me, machine].into_iter().flatten().find_map(|object| object.number("RotatingMachine.ratedPowerFactor")),
            participation: [me, unit].into_iter().flatten().find_map(|object| object.number("GeneratingUnit.normalPF")),
            droop_percent: [me, unit].into_iter().flatten().find_map(|object| object.number("GeneratingUnit.governorSCD")),
            placeholders,
        }
    }

    /// The operational limits of a piece of equipment with those of its terminals, or of one terminal. Values that stand for "no limit"
    /// are left out.
    #[must_use]
    pub fn limits(self) -> Vec<OperationalLimit<'m>> {
        let mut limits = Vec::new();
        for set in self.referrers("OperationalLimitSet.Equipment") {
            of_set(set, None, &mut limits);
        }
        for terminal in self.terminals().into_iter().chain([self]) {
            for set in terminal.referrers("OperationalLimitSet.Terminal") {
                // A set may name both; it is told once, with its terminal.
                limits.retain(|limit| limit.object.reference("OperationalLimit.OperationalLimitSet") != Some(set));
                of_set(set, Some(terminal), &mut limits);
            }
        }
        limits
    }
}

fn of_set<'m>(set: Object<'m>, terminal: Option<Object<'m>>, into: &mut Vec<OperationalLimit<'m>>) {
    into.extend(set.referrers("OperationalLimit.OperationalLimitSet").filter_map(|object| limit(object, terminal)));
}

fn limit<'m>(object: Object<'m>, terminal: Option<Object<'m>>) -> Option<OperationalLimit<'m>> {
    let (_, value, normal) = LIMITS.iter().find(|(class, _, _)| object.is(class))?;
    let value = object.quantity(value).or_else(|| object.quantity(normal)).filter(|value| value.value.abs() < NO_LIMIT)?;
    let of = object.reference("OperationalLimit.OperationalLimitType");
    let text = |name: &str| of.and_then(|of| of.text(name));
    let kind = text("OperationalLimitType.kind").or_else(|| text("OperationalLimitType.limitType"));
    let direction = match text("OperationalLimitType.direction") {
        Some("low") => Direction::Low,
        Some("high") => Direction::High,
        // Missing is absoluteValue (IEC 61970-301).
        Some(_) | None => Direction::Absolute,
    };
    let is_permanent = of.and_then(|of| of.boolean("OperationalLimitType.isInfiniteDuration"));
    let seconds = of.and_then(|of| of.number("OperationalLimitType.acceptableDuration"));
    let duration = match (is_permanent, kind, seconds) {
        (Some(true), _, _) | (None, Some("patl"), _) => Duration::Permanent,
        (_, _, Some(seconds)) => Duration::Seconds(seconds),
        (_, _, None) => Duration::Unknown,
    };
    Some(OperationalLimit { object, value, direction, duration, kind, terminal })
}
