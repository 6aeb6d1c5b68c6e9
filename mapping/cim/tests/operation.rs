//! Measurements written back: the same bytes every time, and read as they were written.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use bridge_cim::{
    AliasSet, Bounds, DocumentKind, Header, LimitSet, MeasurementKind, OperationDocument, OperationMeasurement, Profile, Unit, ValueSource,
    Version,
};
use support::{EQ, read_all, read_text, substation};

fn header() -> Header {
    let mut header = Header::new("op-1", DocumentKind::Full);
    header.created = "2026-04-01T00:00:00Z".to_owned();
    header.modeling_authority_set = "ies.example".to_owned();
    header.depends_on = vec!["eq-1".to_owned()];
    header
}

fn document() -> OperationDocument {
    let text = str::to_owned;
    let power = OperationMeasurement {
        mrid: text("an-1"),
        name: text("P <1> & \"more\""),
        kind: MeasurementKind::Analog,
        measurement_type: text("ThreePhaseActivePower"),
        phases: Some(text("ABC")),
        unit: Unit::parse("M", "W").unwrap(),
        resource: Some(text("cb")),
        terminal: Some(text("t1")),
        positive_flow_in: Some(true),
        alias_set: None,
        values: vec![(text("an-1-v"), text("P"), Some(text("src-1")))],
    };
    let position = OperationMeasurement {
        mrid: text("di-1"),
        name: text("Pos"),
        kind: MeasurementKind::Discrete,
        measurement_type: text("SwitchPosition"),
        phases: None,
        unit: Unit::NONE,
        terminal: None,
        positive_flow_in: None,
        alias_set: Some(text("as-1")),
        values: vec![(text("di-1-v"), text(""), None)],
        ..power.clone()
    };
    let count = OperationMeasurement {
        mrid: text("ac-1"),
        kind: MeasurementKind::Accumulator,
        measurement_type: text("ActiveEnergyExport"),
        unit: Unit::parse("M", "Wh").unwrap(),
        alias_set: None,
        values: vec![],
        ..position.clone()
    };
    let words = OperationMeasurement {
        mrid: text("st-1"),
        kind: MeasurementKind::Text,
        measurement_type: text("x-State"),
        unit: Unit::NONE,
        ..count.clone()
    };
    let mut document = OperationDocument::new(header());
    document.measurements = vec![words, position, power, count];
    document.sources = vec![ValueSource { mrid: text("src-1"), name: text("SCADA") }];
    let aliases = vec![(text("va-2"), 2, text("Closed")), (text("va-1"), 1, text("Open"))];
    document.alias_sets = vec![AliasSet { mrid: text("as-1"), name: text("dpos"), aliases }];
    document.limit_sets = vec![
        LimitSet {
            mrid: text("ls-1"),
            name: text("P limits"),
            kind: MeasurementKind::Analog,
            is_percentage: false,
            measurements: vec![text("an-1")],
            limits: vec![(text("li-2"), text("HH"), 262.5), (text("li-1"), text("L"), -10.0)],
        },
        LimitSet {
            mrid: text("ls-2"),
            name: String::new(),
            kind: MeasurementKind::Accumulator,
            is_percentage: true,
            measurements: vec![text("ac-1")],
            limits: vec![(text("li-3"), text("H"), 90.0)],
        },
    ];
    document
}

/// The substation of the version.
fn equipment(version: Version) -> String {
    match version {
        Version::Cim17 => substation(),
        Version::Cim16 => {
            substation().replace(Version::Cim17.namespace(), version.namespace()).replace(EQ, "http://entsoe.eu/CIM/EquipmentCore/3/1")
        }
    }
}

#[test]
fn what_is_written_reads_back_as_it_was_in_both_versions() {
    for version in [Version::Cim16, Version::Cim17] {
        let written = document().write(version);
        let eq = equipment(version);
        let model = read_all(&[("op.xml", written.as_bytes()), ("eq.xml", eq.as_bytes())], Bounds::default()).clean();
        let back = model.headers().find(|header| header.has(Profile::Operation)).unwrap().clone();
        let mut expected = document();
        expected.order();
        expected.header.profiles.clone_from(&back.profiles);
        assert_eq!(OperationDocument::of(&model, back), expected, "{version}");
        assert_eq!(OperationDocument::of(&model, header()).write(version), written);
    }
}

#[test]
fn the_order_in_which_it_is_given_does_not_matter() {
    let mut turned = document();
    turned.measurements.reverse();
    turned.limit_sets.reverse();
    turned.alias_sets[0].aliases.reverse();
    assert_eq!(turned.write(Version::Cim17), document().write(Version::Cim17));
}

#[test]
fn existing_measurements_keep_their_mrids() {
    let eq = substation().replace("</rdf:RDF>", "<cim:Analog rdf:ID=\"_old-analog\"><cim:IdentifiedObject.mRID>old analog</cim:IdentifiedObject.mRID><cim:Measurement.PowerSystemResource rdf:resource=\"#_cb\"/></cim:Analog></rdf:RDF>");
    let model = read_text(&eq).clean();
    let taken = OperationDocument::of(&model, header());
    assert_eq!(taken.measurements[0].mrid, "old analog");
    let again =
        read_all(&[("op.xml", taken.write(Version::Cim17).as_bytes()), ("eq.xml", substation().as_bytes())], Bounds::default()).clean();
    assert_eq!(again.object("old analog").unwrap().class(), "Analog");
}

#[test]
fn signs_that_xml_has_no_form_for_do_not_break_it() {
    let mut document = document();
    document.measurements[0].name = "a\u{1}b\u{fffe}c\n<&>".to_owned();
    let read = read_all(&[("op.xml", document.write(Version::Cim17).as_bytes()), ("eq.xml", substation().as_bytes())], Bounds::default());
    assert_eq!(read.clean().object("st-1").unwrap().name(), Some("a b c <&>"));
}

#[test]
fn the_document_is_what_a_person_expects() {
    let expected = "  <cim:Analog rdf:ID=\"_an-1\">
    <cim:IdentifiedObject.mRID>an-1</cim:IdentifiedObject.mRID>
    <cim:IdentifiedObject.name>P &lt;1&gt; &amp; &quot;more&quot;</cim:IdentifiedObject.name>
    <cim:Measurement.PowerSystemResource rdf:resource=\"#_cb\"/>
    <cim:Measurement.Terminal rdf:resource=\"#_t1\"/>
    <cim:Measurement.measurementType>ThreePhaseActivePower</cim:Measurement.measurementType>
    <cim:Measurement.phases rdf:resource=\"http://iec.ch/TC57/CIM100#PhaseCode.ABC\"/>
    <cim:Measurement.unitMultiplier rdf:resource=\"http://iec.ch/TC57/CIM100#UnitMultiplier.M\"/>
    <cim:Measurement.unitSymbol rdf:resource=\"http://iec.ch/TC57/CIM100#UnitSymbol.W\"/>
    <cim:Analog.positiveFlowIn>true</cim:Analog.positiveFlowIn>
  </cim:Analog>
";
    let written = document().write(Version::Cim17);
    assert!(written.contains(expected), "{written}");
    assert!(written.contains("<md:Model.profile>http://iec.ch/TC57/ns/CIM/Operation-EU/3.0</md:Model.profile>"));
}
