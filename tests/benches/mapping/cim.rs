//! Reading a model of the grid: 100 MB of equipment with measurements and limits, as an exporter writes it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use bridge_cim::{Bounds, Inputs, read};
use bridge_diag::Report;
use serde_json::{Value, json};

use crate::measure::{Target, cpu_s, resident_mb};
use crate::{Case, Told};

const BYTES: usize = 100_000_000;
const FILE: &str = "grid_EQ.xml";
const NOTE: &str =
    "EQ of CGMES 3.0, 100 MB in one file: bays with breaker, disconnectors, terminals, nodes, measurements, limits; read, checked, indexed";

/// The case.
pub(crate) const READ: Case = Case {
    name: "cim_read",
    prepare,
    measure,
    figures: &[
        Told { field: "seconds", name: "cim.read_100mb_s", unit: "s", target: Target::AtMost(5.0), note: NOTE },
        Told { field: "cpu_s", name: "cim.read_100mb_cpu_s", unit: "s", target: Target::Less, note: NOTE },
        Told { field: "resident_mb", name: "cim.read_100mb_mb", unit: "MB", target: Target::AtMost(400.0), note: NOTE },
    ],
};

fn measure(folder: &Path) -> Result<Value> {
    let mut report = Report::new();
    let (begun, before) = (Instant::now(), cpu_s()?);
    let mut inputs = Inputs::new(Bounds::default());
    inputs.add_path(&folder.join(FILE), &mut report);
    let model = read(&inputs, &mut report).with_context(|| report.render_text())?;
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), cpu_s()? - before);
    anyhow::ensure!(report.diagnostics().is_empty(), "{}", report.render_text());
    // The model is asked, so that nothing of it is left out.
    let breaker = model.find("SS000001/E1/Q01/QA1");
    anyhow::ensure!(breaker.len() == 1 && breaker[0].measurements().len() == 3, "the model is not whole");
    Ok(json!({ "seconds": seconds, "cpu_s": cpu, "resident_mb": resident_mb()?, "objects": model.len(), "statements": model.statements() }))
}

fn prepare(folder: &Path) -> Result<()> {
    let mut file = BufWriter::new(File::create(folder.join(FILE))?);
    let mut grid = Grid { text: String::new(), next: 1 };
    grid.header();
    let (mut written, mut station) = (0, 0);
    while written < BYTES {
        station += 1;
        grid.station(station);
        written += grid.text.len();
        file.write_all(grid.text.as_bytes())?;
        grid.text.clear();
    }
    file.write_all(b"</rdf:RDF>\n")?;
    file.flush()?;
    Ok(())
}

/// Writes stations. Identifiers have the shape of UUIDs and nothing else in common.
struct Grid {
    text: String,
    next: u64,
}

impl Grid {
    fn header(&mut self) {
        self.text += "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" \
            xmlns:cim=\"http://iec.ch/TC57/CIM100#\" xmlns:md=\"http://iec.ch/TC57/61970-552/ModelDescription/1#\">\n  \
            <md:FullModel rdf:about=\"urn:uuid:00000000-0000-4000-8000-000000000000\">\n    \
            <md:Model.profile>http://iec.ch/TC57/ns/CIM/CoreEquipment-EU/3.0</md:Model.profile>\n    \
            <md:Model.profile>http://iec.ch/TC57/ns/CIM/Operation-EU/3.0</md:Model.profile>\n  </md:FullModel>\n";
    }

    /// An object with its attributes; gives its identifier.
    fn object(&mut self, class: &str, name: &str, rest: &[(&str, &str)]) -> String {
        let mixed = u128::from(self.next).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        self.next += 1;
        let (high, low) = ((mixed >> 64) as u64, mixed as u64);
        let id = format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xFFFF,
            high & 0xFFF,
            low >> 52,
            low & 0xFFFF_FFFF_FFFF
        );
        // Writing to a string cannot fail.
        let _ = write!(
            self.text,
            "  <cim:{class} rdf:ID=\"_{id}\">\n    <cim:IdentifiedObject.mRID>{id}</cim:IdentifiedObject.mRID>\n    \
             <cim:IdentifiedObject.name>{name}</cim:IdentifiedObject.name>\n"
        );
        for (attribute, value) in rest {
            let _ = match value.split_at_checked(1) {
                Some(("#", target)) => writeln!(self.text, "    <cim:{attribute} rdf:resource=\"#_{target}\"/>"),
                Some(("=", literal)) => writeln!(self.text, "    <cim:{attribute} rdf:resource=\"http://iec.ch/TC57/CIM100#{literal}\"/>"),
                _ => writeln!(self.text, "    <cim:{attribute}>{value}</cim:{attribute}>"),
            };
        }
        let _ = writeln!(self.text, "  </cim:{class}>");
        id
    }

    /// A substation of two levels with twelve bays each.
    fn station(&mut self, number: usize) {
        let station = self.object("Substation", &format!("SS{number:06}"), &[]);
        for level in 1..=2 {
            let level = self.object("VoltageLevel", &format!("E{level}"), &[("VoltageLevel.Substation", &format!("#{station}"))]);
            let bus = self.node(&level, "BB1");
            for bay in 1..=12 {
                let bay = self.object("Bay", &format!("Q{bay:02}"), &[("Bay.VoltageLevel", &format!("#{level}"))]);
                self.bay(&level, &bay, &bus);
            }
        }
    }

    fn node(&mut self, level: &str, name: &str) -> String {
        self.object("ConnectivityNode", name, &[("ConnectivityNode.ConnectivityNodeContainer", &format!("#{level}"))])
    }

    /// An equipment between two nodes; gives it and its second terminal.
    fn between(&mut self, class: &str, name: &str, bay: &str, nodes: [&str; 2]) -> (String, String) {
        let mut rest = vec![("Equipment.EquipmentContainer", format!("#{bay}"))];
        if class != "ACLineSegment" {
            rest.push(("Switch.normalOpen", "false".to_owned()));
            rest.push(("Switch.ratedCurrent", "2000".to_owned()));
        }
        let rest: Vec<(&str, &str)> = rest.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let equipment = self.object(class, name, &rest);
        let mut last = String::new();
        for (node, number) in nodes.iter().zip(["1", "2"]) {
            let rest = [
                ("ACDCTerminal.sequenceNumber", number),
                ("Terminal.ConductingEquipment", &format!("#{equipment}")),
                ("Terminal.ConnectivityNode", &format!("#{node}")),
            ];
            last = self.object("Terminal", number, &rest);
        }
        (equipment, last)
    }

    fn bay(&mut self, level: &str, bay: &str, bus: &str) {
        let (inner, outer, end) = (self.node(level, "N1"), self.node(level, "N2"), self.node(level, "N3"));
        self.between("Disconnector", "QB1", bay, [bus, &inner]);
        let (breaker, terminal) = self.between("Breaker", "QA1", bay, [&inner, &outer]);
        self.between("Disconnector", "QB9", bay, [&outer, &end]);
        let set = self.object("OperationalLimitSet", "ratings", &[("OperationalLimitSet.Terminal", &format!("#{terminal}"))]);
        for (name, value) in [("permanent", "1250.0"), ("15 min", "1437.5")] {
            self.object(
                "CurrentLimit",
                name,
                &[("OperationalLimit.OperationalLimitSet", &format!("#{set}")), ("CurrentLimit.normalValue", value)],
            );
        }
        for (name, kind, symbol) in [("P", "ThreePhaseActivePower", "=UnitSymbol.W"), ("Q", "ThreePhaseReactivePower", "=UnitSymbol.VAr")] {
            let rest = [
                ("Measurement.PowerSystemResource", &*format!("#{breaker}")),
                ("Measurement.Terminal", &format!("#{terminal}")),
                ("Measurement.measurementType", kind),
                ("Measurement.unitMultiplier", "=UnitMultiplier.M"),
                ("Measurement.unitSymbol", symbol),
                ("Analog.positiveFlowIn", "true"),
            ];
            let analog = self.object("Analog", name, &rest);
            self.object("AnalogValue", name, &[("AnalogValue.Analog", &format!("#{analog}"))]);
        }
        let rest = [("Measurement.PowerSystemResource", &*format!("#{breaker}")), ("Measurement.measurementType", "SwitchPosition")];
        self.object("Discrete", "Pos", &rest);
    }
}
