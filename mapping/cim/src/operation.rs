//! Writing a profile of measurements (OP of CGMES 3.0, the operation part of EQ in 2.4.15), and taking one out of a model.
//!
//! The same content gives the same bytes: everything is ordered by class and mRID. What is written reads back as it was.

use std::fmt::{Display, Write as _};

use quick_xml::escape::escape;

use crate::header::Header;
use crate::measure::{Measurement, MeasurementKind};
use crate::model::{Model, Object};
use crate::unit::Unit;
use crate::version::Version;

/// What is written.
#[derive(Clone, PartialEq, Debug)]
pub struct OperationDocument {
    /// The header; without a profile in it that of the version is written. Times are written as given: this crate has no clock.
    pub header: Header,
    /// Where values come from: `SCADA`, `CCLink`, `Operator`, `Calculated`.
    pub sources: Vec<ValueSource>,
    /// Names of states.
    pub alias_sets: Vec<AliasSet>,
    /// Measurements.
    pub measurements: Vec<OperationMeasurement>,
    /// Limits.
    pub limit_sets: Vec<LimitSet>,
}

/// A `MeasurementValueSource`.
#[derive(Clone, PartialEq, Debug)]
pub struct ValueSource {
    /// Its mRID.
    pub mrid: String,
    /// Its name.
    pub name: String,
}

/// A `ValueAliasSet` with its `ValueToAlias`.
#[derive(Clone, PartialEq, Debug)]
pub struct AliasSet {
    /// Its mRID.
    pub mrid: String,
    /// Its name.
    pub name: String,
    /// mRID, value and name of each state.
    pub aliases: Vec<(String, i64, String)>,
}

/// A measurement.
#[derive(Clone, PartialEq, Debug)]
pub struct OperationMeasurement {
    /// Its mRID: that of the model's own measurement where there is one.
    pub mrid: String,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: MeasurementKind,
    /// `ThreePhaseActivePower` and the like.
    pub measurement_type: String,
    /// A literal of `PhaseCode`; `None` is written as nothing, which means ABC.
    pub phases: Option<String>,
    /// Its unit.
    pub unit: Unit,
    /// The mRID of its equipment or container.
    pub resource: Option<String>,
    /// The mRID of its terminal.
    pub terminal: Option<String>,
    /// Only of analogs.
    pub positive_flow_in: Option<bool>,
    /// The mRID of its alias set; only of discretes.
    pub alias_set: Option<String>,
    /// mRID and name of each value, and the mRID of its source.
    pub values: Vec<(String, String, Option<String>)>,
}

/// An `AnalogLimitSet` or `AccumulatorLimitSet` with its limits.
#[derive(Clone, PartialEq, Debug)]
pub struct LimitSet {
    /// Its mRID.
    pub mrid: String,
    /// Its name.
    pub name: String,
    /// Analog or accumulator: the kind of the measurements it holds for.
    pub kind: MeasurementKind,
    /// Whether the limits are in percent of the normal value.
    pub is_percentage: bool,
    /// The mRIDs of the measurements it holds for.
    pub measurements: Vec<String>,
    /// mRID, name and value of each limit.
    pub limits: Vec<(String, String, f64)>,
}

const OPERATION_PROFILE: [(Version, &str); 2] =
    [(Version::Cim16, "http://entsoe.eu/CIM/EquipmentOperation/3/1"), (Version::Cim17, "http://iec.ch/TC57/ns/CIM/Operation-EU/3.0")];

const ABOUT_MODELS: &str = "http://iec.ch/TC57/61970-552/ModelDescription/1#";

impl OperationDocument {
    /// An empty one.
    #[must_use]
    pub const fn new(header: Header) -> Self {
        Self { header, sources: Vec::new(), alias_sets: Vec::new(), measurements: Vec::new(), limit_sets: Vec::new() }
    }

    /// Everything that a model has of measurements, with the mRIDs it has.
    #[must_use]
    pub fn of(model: &Model, header: Header) -> Self {
        let name = |object: Object<'_>| object.name().unwrap_or_default().to_owned();
        let mrid = |object: Object<'_>| object.mrid().to_owned();
        let sources = model.of_class("MeasurementValueSource").map(|source| ValueSource { mrid: mrid(source), name: name(source) });
        let alias_sets = model.of_class("ValueAliasSet").map(|set| {
            let aliases = set.referrers("ValueToAlias.ValueAliasSet");
            let aliases = aliases.filter_map(|alias| Some((mrid(alias), alias.integer("ValueToAlias.value")?, name(alias))));
            AliasSet { mrid: mrid(set), name: name(set), aliases: aliases.collect() }
        });
        let limit_sets = [MeasurementKind::Analog, MeasurementKind::Accumulator].into_iter().flat_map(|kind| {
            let class = kind.class();
            model.of_class(&format!("{class}LimitSet")).map(move |set| {
                let limits = set.referrers(&format!("{class}Limit.LimitSet")).collect::<Vec<_>>().into_iter();
                let limits = limits.filter_map(|limit| Some((mrid(limit), name(limit), limit.number(&format!("{class}Limit.value"))?)));
                LimitSet {
                    mrid: mrid(set),
                    name: name(set),
                    kind,
                    is_percentage: set.boolean("LimitSet.isPercentageLimits").unwrap_or(false),
                    measurements: set.references(&format!("{class}LimitSet.Measurements")).map(mrid).collect(),
                    limits: limits.collect(),
                }
            })
        });
        let mut document = Self {
            header,
            sources: sources.collect(),
            alias_sets: alias_sets.collect(),
            measurements: model.measurements().map(|measurement| OperationMeasurement::of(&measurement)).collect(),
            limit_sets: limit_sets.collect(),
        };
        document.order();
        document
    }

    /// Orders everything as it is written.
    pub fn order(&mut self) {
        self.sources.sort_by(|a, b| a.mrid.cmp(&b.mrid));
        self.alias_sets.sort_by(|a, b| a.mrid.cmp(&b.mrid));
        for set in &mut self.alias_sets {
            set.aliases.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        }
        self.measurements.sort_by(|a, b| (a.kind, &a.mrid).cmp(&(b.kind, &b.mrid)));
        for measurement in &mut self.measurements {
            measurement.values.sort();
        }
        self.limit_sets.sort_by(|a, b| (a.kind, &a.mrid).cmp(&(b.kind, &b.mrid)));
        for set in &mut self.limit_sets {
            set.measurements.sort();
            set.limits.sort_by(|a, b| a.2.total_cmp(&b.2).then_with(|| a.0.cmp(&b.0)));
        }
    }

    /// The document as CIM/XML of a version.
    #[must_use]
    pub fn write(&self, version: Version) -> String {
        let mut ordered = self.clone();
        ordered.order();
        let mut out = Writer { text: String::new() };
        out.begin(version);
        out.header(&ordered.header, version);
        for source in &ordered.sources {
            out.object("MeasurementValueSource", &source.mrid, &source.name, |_| {});
        }
        for set in &ordered.alias_sets {
            out.object("ValueAliasSet", &set.mrid, &set.name, |_| {});
            for (mrid, value, name) in &set.aliases {
                out.object("ValueToAlias", mrid, name, |out| {
                    out.reference("ValueToAlias.ValueAliasSet", &set.mrid);
                    out.literal("ValueToAlias.value", value);
                });
            }
        }
        for measurement in &ordered.measurements {
            out.measurement(measurement, version);
        }
        for set in &ordered.limit_sets {
            let class = set.kind.class();
            out.object(&format!("{class}LimitSet"), &set.mrid, &set.name, |out| {
                for measurement in &set.measurements {
                    out.reference(&format!("{class}LimitSet.Measurements"), measurement);
                }
                out.literal("LimitSet.isPercentageLimits", set.is_percentage);
            });
            for (mrid, name, value) in &set.limits {
                out.object(&format!("{class}Limit"), mrid, name, |out| {
                    out.reference(&format!("{class}Limit.LimitSet"), &set.mrid);
                    out.literal(&format!("{class}Limit.value"), value);
                });
            }
        }
        out.text.push_str("</rdf:RDF>\n");
        out.text
    }
}

impl OperationMeasurement {
    /// One measurement of a model, as it is.
    #[must_use]
    pub fn of(measurement: &Measurement<'_>) -> Self {
        let mrid = |object: Object<'_>| object.mrid().to_owned();
        let object = measurement.object;
        let values = measurement.values().map(|value| {
            let source = value.object.reference("MeasurementValue.MeasurementValueSource").map(mrid);
            (mrid(value.object), value.object.name().unwrap_or_default().to_owned(), source)
        });
        Self {
            mrid: mrid(object),
            name: object.name().unwrap_or_default().to_owned(),
            kind: measurement.kind,
            measurement_type: measurement.measurement_type.unwrap_or_default().to_owned(),
            phases: object.text("Measurement.phases").map(str::to_owned),
            unit: measurement.unit.unwrap_or(Unit::NONE),
            resource: object.reference("Measurement.PowerSystemResource").map(mrid),
            terminal: measurement.terminal.map(mrid),
            positive_flow_in: measurement.positive_flow_in,
            alias_set: object.reference("Discrete.ValueAliasSet").map(mrid),
            values: values.collect(),
        }
    }
}

struct Writer {
    text: String,
}

impl Writer {
    fn begin(&mut self, version: Version) {
        let (rdf, cim) = (crate::version::RDF, version.namespace());
        self.line(
            0,
            &format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rdf:RDF xmlns:rdf=\"{rdf}\" xmlns:cim=\"{cim}\" xmlns:md=\"{ABOUT_MODELS}\">"
            ),
        );
    }

    fn header(&mut self, header: &Header, version: Version) {
        self.line(1, &format!("<md:FullModel rdf:about=\"urn:uuid:{}\">", clean(&header.id)));
        for (name, text) in [
            ("Model.created", &header.created),
            ("Model.scenarioTime", &header.scenario_time),
            ("Model.version", &header.version),
            ("Model.description", &header.description),
            ("Model.modelingAuthoritySet", &header.modeling_authority_set),
        ] {
            if !text.is_empty() {
                self.line(2, &format!("<md:{name}>{}</md:{name}>", clean(text)));
            }
        }
        let own = OPERATION_PROFILE.iter().find(|(of, _)| *of == version).map(|(_, uri)| *uri);
        let named = header.profiles.iter().map(String::as_str);
        for uri in named.chain(own.filter(|_| header.profiles.is_empty())) {
            self.line(2, &format!("<md:Model.profile>{}</md:Model.profile>", clean(uri)));
        }
        for (name, ids) in [("Model.DependentOn", &header.depends_on), ("Model.Supersedes", &header.supersedes)] {
            for id in ids {
                self.line(2, &format!("<md:{name} rdf:resource=\"urn:uuid:{}\"/>", clean(id)));
            }
        }
        self.line(1, "</md:FullModel>");
    }

    fn measurement(&mut self, measurement: &OperationMeasurement, version: Version) {
        let class = measurement.kind.class();
        let namespace = version.namespace();
        self.object(class, &measurement.mrid, &measurement.name, |out| {
            if let Some(resource) = &measurement.resource {
                out.reference("Measurement.PowerSystemResource", resource);
            }
            if let Some(terminal) = &measurement.terminal {
                out.reference("Measurement.Terminal", terminal);
            }
            out.literal("Measurement.measurementType", &measurement.measurement_type);
            let mut literal = |name: &str, kind: &str, literal: &str| {
                out.line(2, &format!("<cim:{name} rdf:resource=\"{namespace}{kind}.{}\"/>", clean(literal)));
            };
            if let Some(phases) = &measurement.phases {
                literal("Measurement.phases", "PhaseCode", phases);
            }
            literal("Measurement.unitMultiplier", "UnitMultiplier", measurement.unit.multiplier());
            literal("Measurement.unitSymbol", "UnitSymbol", measurement.unit.symbol());
            if let Some(is_in) = measurement.positive_flow_in.filter(|_| measurement.kind == MeasurementKind::Analog) {
                out.literal("Analog.positiveFlowIn", is_in);
            }
            if let Some(set) = measurement.alias_set.as_ref().filter(|_| measurement.kind == MeasurementKind::Discrete) {
                out.reference("Discrete.ValueAliasSet", set);
            }
        });
        for (mrid, name, source) in &measurement.values {
            self.object(measurement.kind.value_class(), mrid, name, |out| {
                out.reference(measurement.kind.value_reference(), &measurement.mrid);
                if let Some(source) = source {
                    out.reference("MeasurementValue.MeasurementValueSource", source);
                }
            });
        }
    }

    fn object(&mut self, class: &str, mrid: &str, name: &str, inside: impl FnOnce(&mut Self)) {
        self.line(1, &format!("<cim:{class} rdf:ID=\"_{}\">", clean(mrid)));
        self.literal("IdentifiedObject.mRID", mrid);
        if !name.is_empty() {
            self.literal("IdentifiedObject.name", name);
        }
        inside(self);
        self.line(1, &format!("</cim:{class}>"));
    }

    fn literal(&mut self, name: &str, value: impl Display) {
        self.line(2, &format!("<cim:{name}>{}</cim:{name}>", clean(&value.to_string())));
    }

    fn reference(&mut self, name: &str, mrid: &str) {
        self.line(2, &format!("<cim:{name} rdf:resource=\"#_{}\"/>", clean(mrid)));
    }

    fn line(&mut self, depth: usize, text: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{:1$}{text}", "", depth * 2);
    }
}

/// Text as XML may have it: marks escaped, characters that XML has no form for as blanks.
fn clean(text: &str) -> String {
    let is_lawful = |c: char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    let lawful: String = text.chars().map(|c| if is_lawful(c) { c } else { ' ' }).collect();
    escape(lawful.as_str()).into_owned()
}
