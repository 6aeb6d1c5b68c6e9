//! What contains what: terminal in equipment, equipment in bay, bay in voltage level, voltage level in substation.

use crate::bounds::Bounds;
use crate::model::Object;

/// The references that lead to what contains an object.
pub(crate) const CONTAINERS: &[&str] = &[
    "Equipment.EquipmentContainer",
    "Bay.VoltageLevel",
    "Bay.Substation",
    "VoltageLevel.Substation",
    "Substation.Region",
    "Line.Region",
    "SubGeographicalRegion.Region",
    "Terminal.ConductingEquipment",
    "DCTerminal.DCConductingEquipment",
    "ConnectivityNode.ConnectivityNodeContainer",
    "TopologicalNode.ConnectivityNodeContainer",
    "PowerTransformerEnd.PowerTransformer",
    "RatioTapChanger.TransformerEnd",
    "PhaseTapChanger.TransformerEnd",
    "Measurement.PowerSystemResource",
    "Control.PowerSystemResource",
    "AnalogValue.Analog",
    "DiscreteValue.Discrete",
    "AccumulatorValue.Accumulator",
    "StringMeasurementValue.StringMeasurement",
    "OperationalLimit.OperationalLimitSet",
    "OperationalLimitSet.Terminal",
    "OperationalLimitSet.Equipment",
    "AnalogLimit.LimitSet",
    "AccumulatorLimit.LimitSet",
];

impl<'m> Object<'m> {
    /// What contains it, one step up.
    #[must_use]
    pub fn container(self) -> Option<Self> {
        CONTAINERS.iter().find_map(|name| self.reference(name))
    }

    /// What contains it, step by step up to the region. Ends where a model runs in a circle.
    pub fn containers(self) -> impl Iterator<Item = Object<'m>> {
        std::iter::successors(self.container(), |at| at.container()).take(Bounds::CONTAINMENT)
    }

    /// The nearest container of a class: `Bay`, `VoltageLevel`, `Substation`.
    #[must_use]
    pub fn container_of_class(self, class: &str) -> Option<Self> {
        self.containers().find(|container| container.is(class))
    }

    /// Its names from the outermost container with a name down to itself, without regions: `["SSC", "E1", "Q01", "QA1"]`.
    #[must_use]
    pub fn path(self) -> Vec<&'m str> {
        let inside = self.containers().take_while(|at| !at.is("SubGeographicalRegion") && !at.is("GeographicalRegion"));
        let mut names: Vec<&str> = std::iter::once(self).chain(inside).filter_map(|at| at.name()).collect();
        names.reverse();
        names
    }

    /// The terminals of a piece of conducting equipment, in the order of their numbers.
    #[must_use]
    pub fn terminals(self) -> Vec<Self> {
        let mut terminals: Vec<Self> = self.referrers("Terminal.ConductingEquipment").collect();
        let number =
            |terminal: &Self| terminal.integer("ACDCTerminal.sequenceNumber").or_else(|| terminal.integer("Terminal.sequenceNumber"));
        terminals.sort_by_key(|terminal| number(terminal).unwrap_or(i64::MAX));
        terminals
    }

    /// The terminal with this number, counted from 1.
    #[must_use]
    pub fn terminal(self, number: i64) -> Option<Self> {
        let numbered = self.terminals();
        let by_number = numbered.iter().find(|terminal| terminal.integer("ACDCTerminal.sequenceNumber") == Some(number));
        let by_place = || usize::try_from(number).ok().and_then(|number| numbered.get(number.checked_sub(1)?));
        by_number.or_else(by_place).copied()
    }

    /// What a container contains, one step down.
    pub fn contents(self) -> impl Iterator<Item = Object<'m>> {
        let names = ["Equipment.EquipmentContainer", "Bay.VoltageLevel", "Bay.Substation", "VoltageLevel.Substation", "Substation.Region"];
        names.into_iter().flat_map(move |name| self.referrers(name))
    }
}
