//! Small models in memory.

#![allow(dead_code, clippy::unwrap_used, reason = "not every test needs all of it")]

use std::io::{Cursor, Write as _};

use bridge_cim::{Bounds, Inputs, Model, read};
use bridge_diag::Report;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

pub(crate) const EQ: &str = "http://iec.ch/TC57/ns/CIM/CoreEquipment-EU/3.0";
pub(crate) const SSH: &str = "http://iec.ch/TC57/ns/CIM/SteadyStateHypothesis-EU/3.0";

/// What was read and the codes of its problems, sorted.
pub(crate) struct Outcome {
    pub(crate) model: Option<Model>,
    pub(crate) report: Report,
}

impl Outcome {
    pub(crate) fn codes(&self) -> Vec<&str> {
        let mut codes: Vec<&str> = self.report.diagnostics().iter().map(|diagnostic| diagnostic.code.as_str()).collect();
        codes.sort_unstable();
        codes
    }

    /// The model, if there was no problem at all.
    #[track_caller]
    pub(crate) fn clean(self) -> Model {
        assert!(self.report.diagnostics().is_empty(), "{}", self.report.render_text());
        self.model.unwrap()
    }
}

/// Reads documents in memory.
pub(crate) fn read_all(documents: &[(&str, &[u8])], bounds: Bounds) -> Outcome {
    let mut report = Report::new();
    let mut inputs = Inputs::new(bounds);
    for (name, bytes) in documents {
        inputs.add_bytes(*name, *bytes, &mut report);
    }
    let model = read(&inputs, &mut report);
    Outcome { model, report }
}

pub(crate) fn read_text(text: &str) -> Outcome {
    read_all(&[("model.xml", text.as_bytes())], Bounds::default())
}

/// A document of CIM17.
pub(crate) fn document(id: &str, profile: &str, inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" \
         xmlns:cim=\"http://iec.ch/TC57/CIM100#\" xmlns:md=\"http://iec.ch/TC57/61970-552/ModelDescription/1#\" \
         xmlns:dm=\"http://iec.ch/TC57/61970-552/DifferenceModel/1#\">\n  <md:FullModel rdf:about=\"urn:uuid:{id}\">\
         <md:Model.profile>{profile}</md:Model.profile></md:FullModel>\n{inside}</rdf:RDF>\n"
    )
}

/// A difference of CIM17 to the model `of`.
pub(crate) fn difference(id: &str, of: &str, reverse: &str, forward: &str) -> String {
    let section = |name: &str, inside: &str| format!("<dm:{name} rdf:parseType=\"Statements\">{inside}</dm:{name}>\n");
    let header = format!(
        "<dm:DifferenceModel rdf:about=\"urn:uuid:{id}\"><md:Model.Supersedes rdf:resource=\"urn:uuid:{of}\"/>\
         <md:Model.profile>{EQ}</md:Model.profile>\n"
    );
    let body = header + &section("forwardDifferences", forward) + &section("reverseDifferences", reverse) + "</dm:DifferenceModel>\n";
    let whole = document("x", EQ, &body);
    let (before, after) = (whole.find("  <md:FullModel").unwrap(), whole.find("</md:FullModel>\n").unwrap() + "</md:FullModel>\n".len());
    format!("{}{}", &whole[..before], &whole[after..])
}

/// An archive.
pub(crate) fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A substation with a 220 kV level, a bay, a breaker with two terminals, a unit with its machine.
pub(crate) fn substation() -> String {
    document(
        "eq-1",
        EQ,
        r##"  <cim:GeographicalRegion rdf:ID="_gr"><cim:IdentifiedObject.name>India</cim:IdentifiedObject.name></cim:GeographicalRegion>
  <cim:SubGeographicalRegion rdf:ID="_sgr"><cim:IdentifiedObject.name>WR</cim:IdentifiedObject.name><cim:SubGeographicalRegion.Region rdf:resource="#_gr"/></cim:SubGeographicalRegion>
  <cim:Substation rdf:ID="_ss"><cim:IdentifiedObject.name>SSC</cim:IdentifiedObject.name><cim:Substation.Region rdf:resource="#_sgr"/></cim:Substation>
  <cim:BaseVoltage rdf:ID="_bv"><cim:BaseVoltage.nominalVoltage>220</cim:BaseVoltage.nominalVoltage></cim:BaseVoltage>
  <cim:VoltageLevel rdf:ID="_vl"><cim:IdentifiedObject.name>E1</cim:IdentifiedObject.name><cim:VoltageLevel.Substation rdf:resource="#_ss"/><cim:VoltageLevel.BaseVoltage rdf:resource="#_bv"/></cim:VoltageLevel>
  <cim:Bay rdf:ID="_bay"><cim:IdentifiedObject.name>Q01</cim:IdentifiedObject.name><cim:Bay.VoltageLevel rdf:resource="#_vl"/></cim:Bay>
  <cim:Breaker rdf:ID="_cb"><cim:IdentifiedObject.name>QA1</cim:IdentifiedObject.name><cim:Equipment.EquipmentContainer rdf:resource="#_bay"/><cim:Switch.normalOpen>false</cim:Switch.normalOpen><cim:Switch.ratedCurrent>2000</cim:Switch.ratedCurrent></cim:Breaker>
  <cim:Terminal rdf:ID="_t2"><cim:IdentifiedObject.name>QA1</cim:IdentifiedObject.name><cim:ACDCTerminal.sequenceNumber>2</cim:ACDCTerminal.sequenceNumber><cim:Terminal.ConductingEquipment rdf:resource="#_cb"/></cim:Terminal>
  <cim:Terminal rdf:ID="_t1"><cim:ACDCTerminal.sequenceNumber>1</cim:ACDCTerminal.sequenceNumber><cim:Terminal.ConductingEquipment rdf:resource="#_cb"/></cim:Terminal>
  <cim:ThermalGeneratingUnit rdf:ID="_u1"><cim:IdentifiedObject.name>U1</cim:IdentifiedObject.name><cim:Equipment.EquipmentContainer rdf:resource="#_ss"/><cim:GeneratingUnit.minOperatingP>137.5</cim:GeneratingUnit.minOperatingP><cim:GeneratingUnit.maxOperatingP>250</cim:GeneratingUnit.maxOperatingP><cim:GeneratingUnit.normalPF>0.5</cim:GeneratingUnit.normalPF><cim:GeneratingUnit.governorSCD>5</cim:GeneratingUnit.governorSCD></cim:ThermalGeneratingUnit>
  <cim:SynchronousMachine rdf:ID="_m1"><cim:IdentifiedObject.name>M1</cim:IdentifiedObject.name><cim:Equipment.EquipmentContainer rdf:resource="#_vl"/><cim:RotatingMachine.GeneratingUnit rdf:resource="#_u1"/><cim:RotatingMachine.ratedS>294</cim:RotatingMachine.ratedS><cim:RotatingMachine.ratedU>15.75</cim:RotatingMachine.ratedU><cim:SynchronousMachine.maxQ>9999</cim:SynchronousMachine.maxQ></cim:SynchronousMachine>
"##,
    )
}
