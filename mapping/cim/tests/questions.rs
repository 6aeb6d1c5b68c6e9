//! What a profile asks of a model: names, containers, terminals, measurements, limits, ratings.

mod support;

use bridge_cim::{Direction, Duration, MeasurementKind, Model, Unit};
use support::{EQ, document, read_text, substation};

/// The substation, and more in it.
fn with(inside: &str) -> Model {
    read_text(&substation().replace("</rdf:RDF>", &format!("{inside}</rdf:RDF>"))).clean()
}

#[test]
fn objects_are_found_by_mrid_and_by_path() {
    let model = with("");
    let breaker = model.object("cb").unwrap();
    for path in ["SSC/E1/Q01/QA1", "E1/Q01/QA1", "SSC/QA1", "Q01/QA1", "QA1"] {
        assert_eq!(model.find(path), [breaker], "{path}");
    }
    assert_eq!(breaker.path(), ["SSC", "E1", "Q01", "QA1"]);
    for path in ["SSC/E2/QA1", "Q01/E1/QA1", "", "/", "QA1:3", "QA1:x"] {
        assert_eq!(model.find(path), [], "{path}");
    }
    assert_eq!((model.find("QA1:1")[0].id(), model.find("SSC/QA1:2")[0].id()), ("t1", "t2"));
    assert_eq!((model.nearest_name("QA11"), model.nearest_name("U1-X9")), (Some("QA1"), None));
    assert_eq!(model.nearest("cbb"), Some("cb"));
}

#[test]
fn a_name_that_two_objects_have_gives_both_and_a_slash_may_be_a_part_of_it() {
    let model = with(
        r##"<cim:Bay rdf:ID="_bay2"><cim:IdentifiedObject.name>Q02</cim:IdentifiedObject.name><cim:Bay.VoltageLevel rdf:resource="#_vl"/></cim:Bay>
<cim:Breaker rdf:ID="_cb2"><cim:IdentifiedObject.name>QA1</cim:IdentifiedObject.name><cim:Equipment.EquipmentContainer rdf:resource="#_bay2"/></cim:Breaker>
<cim:Disconnector rdf:ID="_qb"><cim:IdentifiedObject.name>LN 1/2</cim:IdentifiedObject.name><cim:Equipment.EquipmentContainer rdf:resource="#_bay2"/></cim:Disconnector>"##,
    );
    assert_eq!(model.find("QA1").len(), 2);
    assert_eq!(model.find("Q02/QA1")[0].id(), "cb2");
    assert_eq!(model.find("SSC/Q02/LN 1/2")[0].id(), "qb");
}

#[test]
fn classes_answer_for_those_below_them() {
    let model = with("");
    let breaker = model.object("cb").unwrap();
    for class in ["Breaker", "ProtectedSwitch", "Switch", "ConductingEquipment", "Equipment", "PowerSystemResource", "IdentifiedObject"] {
        assert!(breaker.is(class), "{class}");
    }
    assert!(!breaker.is("Disconnector") && !breaker.is("Bay"));
    let ids = |class: &str| model.of_class(class).map(|object| object.id()).collect::<Vec<_>>();
    assert_eq!(ids("Equipment"), ["cb", "u1", "m1"]);
    assert_eq!(ids("GeneratingUnit"), ["u1"]);
    assert_eq!((ids("NoSuchClass"), model.len()), (vec![], 11));
}

#[test]
fn a_vendors_class_of_the_same_name_is_not_one_of_the_model() {
    let model = with("<v:Breaker xmlns:v=\"http://vendor.example/#\" rdf:ID=\"_vb\"/>");
    let object = model.object("vb").unwrap();
    assert_eq!((object.class(), object.is("Breaker"), object.is("Switch")), ("Breaker", false, false));
    assert_eq!(model.of_class("Breaker").count(), 1);
}

#[test]
fn further_names_are_told_with_their_kind() {
    let model = with(
        r##"<cim:NameType rdf:ID="_nt"><cim:NameType.name>ERA</cim:NameType.name></cim:NameType>
<cim:Name rdf:ID="_n1"><cim:Name.name>era:in/wr/ssc/qa1</cim:Name.name><cim:Name.NameType rdf:resource="#_nt"/><cim:Name.IdentifiedObject rdf:resource="#_cb"/></cim:Name>
<cim:Name rdf:ID="_n2"><cim:Name.name>52-1</cim:Name.name><cim:Name.IdentifiedObject rdf:resource="#_cb"/></cim:Name>"##,
    );
    let names: Vec<(&str, &str)> = model.object("cb").unwrap().other_names().collect();
    assert_eq!(names, [("ERA", "era:in/wr/ssc/qa1"), ("", "52-1")]);
}

#[test]
fn containers_and_contents_are_walked_both_ways() {
    let model = with("");
    let breaker = model.object("cb").unwrap();
    let above: Vec<&str> = breaker.containers().map(|object| object.class()).collect();
    assert_eq!(above, ["Bay", "VoltageLevel", "Substation", "SubGeographicalRegion", "GeographicalRegion"]);
    assert_eq!(breaker.container_of_class("Substation").unwrap().id(), "ss");
    assert_eq!(model.object("t2").unwrap().container(), Some(breaker));
    let contents: Vec<&str> = model.object("vl").unwrap().contents().map(|object| object.id()).collect();
    assert_eq!(contents, ["m1", "bay"]);
    assert_eq!(breaker.terminals().iter().map(|object| object.id()).collect::<Vec<_>>(), ["t1", "t2"], "by their numbers");
}

const MEASUREMENTS: &str = r##"<cim:Analog rdf:ID="_an"><cim:IdentifiedObject.name>P</cim:IdentifiedObject.name><cim:Measurement.measurementType>ThreePhaseActivePower</cim:Measurement.measurementType><cim:Measurement.Terminal rdf:resource="#_t1"/><cim:Measurement.unitMultiplier rdf:resource="http://iec.ch/TC57/CIM100#UnitMultiplier.M"/><cim:Measurement.unitSymbol rdf:resource="http://iec.ch/TC57/CIM100#UnitSymbol.W"/><cim:Measurement.phases rdf:resource="http://iec.ch/TC57/CIM100#PhaseCode.ABCN"/><cim:Analog.positiveFlowIn>false</cim:Analog.positiveFlowIn><cim:Analog.maxValue>300</cim:Analog.maxValue></cim:Analog>
<cim:Analog rdf:ID="_an2"><cim:Measurement.measurementType>Frequency</cim:Measurement.measurementType><cim:Measurement.ACDCTerminal rdf:resource="#_t2"/><cim:Measurement.unitSymbol rdf:resource="http://iec.ch/TC57/CIM100#UnitSymbol.lm"/></cim:Analog>
<cim:MeasurementValueSource rdf:ID="_scada"><cim:IdentifiedObject.name>SCADA</cim:IdentifiedObject.name></cim:MeasurementValueSource>
<cim:AnalogValue rdf:ID="_av"><cim:AnalogValue.Analog rdf:resource="#_an"/><cim:MeasurementValue.MeasurementValueSource rdf:resource="#_scada"/><cim:MeasurementValue.sensorAccuracy>0.5</cim:MeasurementValue.sensorAccuracy></cim:AnalogValue>
<cim:AnalogLimitSet rdf:ID="_als"><cim:AnalogLimitSet.Measurements rdf:resource="#_an"/><cim:LimitSet.isPercentageLimits>false</cim:LimitSet.isPercentageLimits></cim:AnalogLimitSet>
<cim:AnalogLimit rdf:ID="_hi"><cim:IdentifiedObject.name>HH</cim:IdentifiedObject.name><cim:AnalogLimit.LimitSet rdf:resource="#_als"/><cim:AnalogLimit.value>262</cim:AnalogLimit.value></cim:AnalogLimit>
<cim:AnalogLimit rdf:ID="_lo"><cim:IdentifiedObject.name>L</cim:IdentifiedObject.name><cim:AnalogLimit.LimitSet rdf:resource="#_als"/><cim:AnalogLimit.value>100</cim:AnalogLimit.value></cim:AnalogLimit>
<cim:Discrete rdf:ID="_di"><cim:Measurement.measurementType>SwitchPosition</cim:Measurement.measurementType><cim:Measurement.PowerSystemResource rdf:resource="#_cb"/><cim:Discrete.ValueAliasSet rdf:resource="#_vas"/></cim:Discrete>
<cim:ValueAliasSet rdf:ID="_vas"/><cim:ValueToAlias rdf:ID="_v2"><cim:IdentifiedObject.name>Closed</cim:IdentifiedObject.name><cim:ValueToAlias.value>2</cim:ValueToAlias.value><cim:ValueToAlias.ValueAliasSet rdf:resource="#_vas"/></cim:ValueToAlias>
<cim:ValueToAlias rdf:ID="_v1"><cim:IdentifiedObject.name>Open</cim:IdentifiedObject.name><cim:ValueToAlias.value>1</cim:ValueToAlias.value><cim:ValueToAlias.ValueAliasSet rdf:resource="#_vas"/></cim:ValueToAlias>
"##;

#[test]
fn measurements_know_their_place_unit_values_and_limits() {
    let model = with(MEASUREMENTS);
    let breaker = model.object("cb").unwrap();
    let found = breaker.measurements();
    assert_eq!(
        found.iter().map(|m| (m.object.id(), m.kind)).collect::<Vec<_>>(),
        [("an", MeasurementKind::Analog), ("an2", MeasurementKind::Analog), ("di", MeasurementKind::Discrete),]
    );
    let power = found[0];
    assert_eq!((power.measurement_type, power.phases, power.unit), (Some("ThreePhaseActivePower"), "ABCN", Unit::parse("M", "W")));
    assert_eq!((power.resource, power.terminal), (Some(breaker), model.object("t1")), "the resource is that of the terminal");
    assert_eq!((power.positive_flow_in, power.minimum, power.maximum), (Some(false), None, Some(300.0)));
    let values: Vec<_> = power.values().map(|value| (value.object.id(), value.source, value.sensor_accuracy_percent)).collect();
    assert_eq!(values, [("av", Some("SCADA"), Some(0.5))]);
    let limits: Vec<_> = power.limits().iter().map(|limit| (limit.object.name(), limit.value, limit.is_percentage)).collect();
    assert_eq!(limits, [(Some("L"), 100.0, false), (Some("HH"), 262.0, false)]);
    assert_eq!(
        (found[1].phases, found[1].unit, found[1].terminal),
        ("ABC", None, model.object("t2")),
        "a unit that no profile has is none"
    );
    assert_eq!(found[2].aliases(), [(1, "Open"), (2, "Closed")]);
}

#[test]
fn ratings_come_from_unit_and_machine_and_placeholders_are_no_ratings() {
    let model = with("");
    for id in ["u1", "m1"] {
        let ratings = model.object(id).unwrap().ratings();
        let value = |quantity: Option<bridge_cim::Quantity>| quantity.map(|q| (q.value, q.unit.to_string()));
        assert_eq!(value(ratings.apparent_power), Some((294.0, "MVA".to_owned())), "{id}");
        assert_eq!(value(ratings.voltage), Some((15.75, "kV".to_owned())));
        assert_eq!(
            (value(ratings.active_power_min), value(ratings.active_power_max)),
            (Some((137.5, "MW".to_owned())), Some((250.0, "MW".to_owned())))
        );
        assert_eq!((ratings.participation, ratings.droop_percent), (Some(0.5), Some(5.0)));
        assert_eq!((ratings.reactive_power_max, ratings.placeholders.as_slice()), (None, ["SynchronousMachine.maxQ"].as_slice()));
    }
    let switch = model.object("cb").unwrap().ratings();
    assert_eq!(switch.current.map(|q| (q.value, q.unit.to_string())), Some((2000.0, "A".to_owned())));
}

#[test]
fn two_machines_behind_one_unit_are_not_mixed_up() {
    let model = with(
        r##"<cim:SynchronousMachine rdf:ID="_m2"><cim:RotatingMachine.GeneratingUnit rdf:resource="#_u1"/><cim:RotatingMachine.ratedS>100</cim:RotatingMachine.ratedS></cim:SynchronousMachine>"##,
    );
    assert_eq!(model.object("u1").unwrap().ratings().apparent_power, None);
    assert_eq!(model.object("m2").unwrap().ratings().apparent_power.map(|q| q.value), Some(100.0));
}

const LIMITS: &str = r##"<cim:OperationalLimitType rdf:ID="_patl"><cim:OperationalLimitType.isInfiniteDuration>true</cim:OperationalLimitType.isInfiniteDuration><eu:OperationalLimitType.kind xmlns:eu="http://iec.ch/TC57/CIM100-European#" rdf:resource="http://iec.ch/TC57/CIM100-European#LimitKind.patl"/></cim:OperationalLimitType>
<cim:OperationalLimitType rdf:ID="_tatl"><cim:OperationalLimitType.acceptableDuration>900</cim:OperationalLimitType.acceptableDuration><cim:OperationalLimitType.direction rdf:resource="http://iec.ch/TC57/CIM100#OperationalLimitDirectionKind.high"/></cim:OperationalLimitType>
<cim:OperationalLimitSet rdf:ID="_s1"><cim:OperationalLimitSet.Terminal rdf:resource="#_t1"/><cim:OperationalLimitSet.Equipment rdf:resource="#_cb"/></cim:OperationalLimitSet>
<cim:OperationalLimitSet rdf:ID="_s2"><cim:OperationalLimitSet.Equipment rdf:resource="#_cb"/></cim:OperationalLimitSet>
<cim:CurrentLimit rdf:ID="_l1"><cim:OperationalLimit.OperationalLimitSet rdf:resource="#_s1"/><cim:OperationalLimit.OperationalLimitType rdf:resource="#_patl"/><cim:CurrentLimit.normalValue>1250</cim:CurrentLimit.normalValue></cim:CurrentLimit>
<cim:CurrentLimit rdf:ID="_l2"><cim:OperationalLimit.OperationalLimitSet rdf:resource="#_s1"/><cim:OperationalLimit.OperationalLimitType rdf:resource="#_tatl"/><cim:CurrentLimit.normalValue>1400</cim:CurrentLimit.normalValue><cim:CurrentLimit.value>1500</cim:CurrentLimit.value></cim:CurrentLimit>
<cim:CurrentLimit rdf:ID="_l3"><cim:OperationalLimit.OperationalLimitSet rdf:resource="#_s1"/><cim:CurrentLimit.normalValue>3.402823E38</cim:CurrentLimit.normalValue></cim:CurrentLimit>
<cim:ActivePowerLimit rdf:ID="_l4"><cim:OperationalLimit.OperationalLimitSet rdf:resource="#_s2"/><cim:ActivePowerLimit.normalValue>400</cim:ActivePowerLimit.normalValue></cim:ActivePowerLimit>
"##;

#[test]
fn operational_limits_know_their_side_duration_and_terminal() {
    let model = with(LIMITS);
    let breaker = model.object("cb").unwrap();
    let told = |object: bridge_cim::Object<'_>| {
        let of = |l: &bridge_cim::OperationalLimit<'_>| {
            (l.object.id().to_owned(), format!("{} {}", l.value.value, l.value.unit), l.direction, l.duration, l.terminal.is_some())
        };
        object.limits().iter().map(of).collect::<Vec<_>>()
    };
    let power = ("l4".to_owned(), "400 MW".to_owned(), Direction::Absolute, Duration::Unknown, false);
    let permanent = ("l1".to_owned(), "1250 A".to_owned(), Direction::Absolute, Duration::Permanent, true);
    let short = ("l2".to_owned(), "1500 A".to_owned(), Direction::High, Duration::Seconds(900.0), true);
    assert_eq!(told(breaker), [power, permanent.clone(), short.clone()], "the set of the terminal once; the largest float is no limit");
    assert_eq!(told(model.object("t1").unwrap()), [permanent, short]);
    assert_eq!(breaker.limits()[1].kind, Some("patl"));
}

#[test]
fn numbers_that_are_none_are_not_given() {
    let outcome = read_text(&document(
        "eq",
        EQ,
        "<cim:Breaker rdf:ID=\"_a\"><cim:Switch.ratedCurrent>NaN</cim:Switch.ratedCurrent><cim:Switch.switchOnCount>3.0</cim:Switch.switchOnCount><cim:Switch.open>True</cim:Switch.open></cim:Breaker>",
    ));
    assert_eq!(outcome.codes(), ["cim::value-not-finite"]);
    let model = outcome.model.unwrap();
    let breaker = model.object("a").unwrap();
    assert_eq!((breaker.number("Switch.ratedCurrent"), breaker.quantity("Switch.ratedCurrent")), (None, None));
    assert_eq!((breaker.integer("Switch.switchOnCount"), breaker.boolean("Switch.open")), (Some(3), Some(true)));
}
