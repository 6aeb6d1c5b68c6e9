//! Measurements of a model (IEC 61970-301, package Meas): what is measured, where, in which unit, with which values and limits.

use crate::model::{Model, Object};
use crate::unit::Unit;

/// The kinds of measurement.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MeasurementKind {
    /// `Analog`: a number.
    Analog,
    /// `Discrete`: a state or a step.
    Discrete,
    /// `Accumulator`: a count.
    Accumulator,
    /// `StringMeasurement`: a text.
    Text,
}

impl MeasurementKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Analog, Self::Discrete, Self::Accumulator, Self::Text];

    /// Its class.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Analog => "Analog",
            Self::Discrete => "Discrete",
            Self::Accumulator => "Accumulator",
            Self::Text => "StringMeasurement",
        }
    }

    /// The class of its values.
    #[must_use]
    pub const fn value_class(self) -> &'static str {
        match self {
            Self::Analog => "AnalogValue",
            Self::Discrete => "DiscreteValue",
            Self::Accumulator => "AccumulatorValue",
            Self::Text => "StringMeasurementValue",
        }
    }

    /// The reference from a value to its measurement.
    #[must_use]
    pub const fn value_reference(self) -> &'static str {
        match self {
            Self::Analog => "AnalogValue.Analog",
            Self::Discrete => "DiscreteValue.Discrete",
            Self::Accumulator => "AccumulatorValue.Accumulator",
            Self::Text => "StringMeasurementValue.StringMeasurement",
        }
    }

    /// The reference from a set of limits to the measurements it holds for, if there are such.
    #[must_use]
    pub const fn limits_reference(self) -> Option<&'static str> {
        match self {
            Self::Analog => Some("AnalogLimitSet.Measurements"),
            Self::Accumulator => Some("AccumulatorLimitSet.Measurements"),
            Self::Discrete | Self::Text => None,
        }
    }
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub struct Measurement<'m> {
    /// The object itself; its mRID stays when a profile binds it.
    pub object: Object<'m>,
    /// Analog, discrete, count or text.
    pub kind: MeasurementKind,
    /// `ThreePhaseActivePower`, `SwitchPosition` and the like: a free text in the model.
    pub measurement_type: Option<&'m str>,
    /// The literal of `PhaseCode`; where the model has none, `ABC` is meant.
    pub phases: &'m str,
    /// The unit; `None` if the model's is not among those known by name.
    pub unit: Option<Unit>,
    /// The equipment or container it belongs to: given, or that of its terminal.
    pub resource: Option<Object<'m>>,
    /// The terminal at which it is measured.
    pub terminal: Option<Object<'m>>,
    /// Whether power or current counts positive from the node into the equipment; only analogs have it.
    pub positive_flow_in: Option<bool>,
    /// The lowest value of the range.
    pub minimum: Option<f64>,
    /// The highest value of the range.
    pub maximum: Option<f64>,
    /// The normal value.
    pub normal: Option<f64>,
}

/// One value of a measurement: the same quantity may come from telemetry and from an estimator.
#[derive(Clone, Copy, Debug)]
pub struct MeasurementValue<'m> {
    /// The value object.
    pub object: Object<'m>,
    /// The name of its source: `SCADA`, `CCLink`, `Operator`, `Estimated` and the like.
    pub source: Option<&'m str>,
    /// The error of the sensor, in percent of the range.
    pub sensor_accuracy_percent: Option<f64>,
}

/// One limit of a measurement. The model does not say whether it is high or low: only its name does.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MeasurementLimit<'m> {
    /// The limit object.
    pub object: Object<'m>,
    /// The value, in the measurement's unit, or in percent of its normal value.
    pub value: f64,
    /// Whether it is in percent.
    pub is_percentage: bool,
    /// The set it belongs to.
    pub set: Object<'m>,
}

impl<'m> Measurement<'m> {
    /// Its values.
    pub fn values(self) -> impl Iterator<Item = MeasurementValue<'m>> {
        self.object.referrers(self.kind.value_reference()).map(|object| MeasurementValue {
            object,
            source: object.reference("MeasurementValue.MeasurementValueSource").and_then(Object::name),
            sensor_accuracy_percent: object.number("MeasurementValue.sensorAccuracy"),
        })
    }

    /// The sets of limits that hold for it. The model refers from the set to the measurement; some exporters do it the other way round.
    pub fn limit_sets(self) -> impl Iterator<Item = Object<'m>> {
        let named = self.kind.limits_reference().into_iter().flat_map(move |name| self.object.referrers(name));
        named.chain(self.object.references("Analog.LimitSets"))
    }

    /// Its limits, from the lowest to the highest.
    #[must_use]
    pub fn limits(self) -> Vec<MeasurementLimit<'m>> {
        let names = ["AnalogLimit", "AccumulatorLimit"].map(|class| (format!("{class}.LimitSet"), format!("{class}.value")));
        let mut limits = Vec::new();
        for set in self.limit_sets() {
            let is_percentage = set.boolean("LimitSet.isPercentageLimits").unwrap_or(false);
            for (reference, value) in &names {
                let of_set = set.referrers(reference);
                limits.extend(
                    of_set.filter_map(|object| Some(MeasurementLimit { object, value: object.number(value)?, is_percentage, set })),
                );
            }
        }
        limits.sort_by(|a, b| a.value.total_cmp(&b.value));
        limits
    }

    /// The names of its states, by value; empty if it has no alias set.
    #[must_use]
    pub fn aliases(self) -> Vec<(i64, &'m str)> {
        let set = self.object.reference("Discrete.ValueAliasSet");
        let of_set = set.into_iter().flat_map(|set| set.referrers("ValueToAlias.ValueAliasSet"));
        let mut aliases: Vec<(i64, &str)> =
            of_set.filter_map(|alias| Some((alias.integer("ValueToAlias.value")?, alias.name()?))).collect();
        aliases.sort_unstable();
        aliases
    }
}

impl Model {
    /// Every measurement, in the order first met.
    pub fn measurements(&self) -> impl Iterator<Item = Measurement<'_>> {
        self.of_class("Measurement").filter_map(Object::measurement)
    }
}

impl<'m> Object<'m> {
    /// The measurement that this object is.
    #[must_use]
    pub fn measurement(self) -> Option<Measurement<'m>> {
        let kind = MeasurementKind::ALL.into_iter().find(|kind| self.is(kind.class()))?;
        let number = |name: &str| self.number(&format!("{}.{name}", kind.class()));
        // Files of CGMES 3.0 write the reference under either name.
        let terminal = self.reference("Measurement.Terminal").or_else(|| self.reference("Measurement.ACDCTerminal"));
        let of_terminal = || terminal.and_then(|terminal| terminal.reference("Terminal.ConductingEquipment"));
        Some(Measurement {
            object: self,
            kind,
            measurement_type: self.text("Measurement.measurementType").filter(|text| !text.is_empty()),
            phases: self.text("Measurement.phases").unwrap_or("ABC"),
            unit: Unit::parse(
                self.text("Measurement.unitMultiplier").unwrap_or("none"),
                self.text("Measurement.unitSymbol").unwrap_or("none"),
            ),
            resource: self.reference("Measurement.PowerSystemResource").or_else(of_terminal),
            terminal,
            positive_flow_in: self.boolean("Analog.positiveFlowIn"),
            minimum: number("minValue"),
            maximum: number("maxValue"),
            normal: number("normalValue"),
        })
    }

    /// The measurements of a piece of equipment or a container: those that name it, and those at its terminals.
    #[must_use]
    pub fn measurements(self) -> Vec<Measurement<'m>> {
        let terminals = self.terminals();
        let at = |object: Object<'m>| object.referrers("Measurement.Terminal").chain(object.referrers("Measurement.ACDCTerminal"));
        let named = self.referrers("Measurement.PowerSystemResource");
        let mut found: Vec<Object<'m>> = named.chain(terminals.into_iter().chain([self]).flat_map(at)).collect();
        found.sort_by_key(|object| object.at);
        found.dedup();
        found.into_iter().filter_map(Object::measurement).collect()
    }
}
