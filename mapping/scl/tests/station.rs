//! A whole station: 220 kV, two line bays, with addresses, data sets, report control blocks and commands.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bridge_diag::Report;
use bridge_scl::{
    CimClass, CtlModel, Deadband, Emission, Error, Found, Model, ObjectReference, SclPath, Sign, Signal, Telecontrol, emission, read_source,
};

fn text() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/scl/substation-220kv.scd")).unwrap()
}

fn station() -> Model {
    read(&text())
}

fn read(text: &str) -> Model {
    let mut report = Report::new();
    let source = report.add_source("substation-220kv.scd", text);
    let model = read_source(source, &mut report).unwrap();
    assert!(report.diagnostics().is_empty(), "{}", report.render_text());
    model
}

fn path(text: &str) -> SclPath {
    SclPath::parse(text).unwrap()
}

fn signal<'e>(emission: &'e Emission, object: &str) -> &'e Signal {
    emission.signals.iter().find(|signal| signal.object.to_string() == object).unwrap_or_else(|| panic!("no signal {object}"))
}

#[test]
fn every_reference_leads_back_to_its_leaf() {
    let model = station();
    let mut leaves = 0;
    for node in model.nodes() {
        for leaf in &node.expansion.unwrap().leaves {
            let reference = node.reference(&leaf.path, Some(leaf.fc));
            let parsed: ObjectReference = reference.to_string().parse().unwrap();
            let target = model.resolve(&parsed).unwrap();
            assert_eq!((target.node.id, target.leaf), (node.id, Some(leaf)), "{reference}");
            let (domain, item) = reference.to_mms().unwrap();
            assert_eq!(ObjectReference::from_mms(&domain, &item).unwrap(), reference);
            leaves += 1;
        }
    }
    assert!(leaves > 1000, "{leaves}");
}

#[test]
fn bays_become_rows_of_a_template() {
    let model = station();
    let columns = [
        ("bay".to_owned(), path("@name")),
        ("ied".to_owned(), path("//LNode[@lnClass='CSWI']/@iedName")),
        ("line".to_owned(), path("Private[CIM]/line")),
        ("title".to_owned(), path("@desc")),
    ];
    let rows = path("Substation[SSC]/VoltageLevel[E1]/Bay[*]").rows(&model, &columns, &["E1B1".to_owned(), "E1B2".to_owned()]).unwrap();
    let texts: Vec<Vec<&str>> = rows.iter().map(|row| row.values.iter().map(|(_, value)| value.as_str()).collect()).collect();
    assert_eq!(
        texts,
        [
            ["E1Q01", "E1Q01", "6c1f0c52-0000-4000-8000-000000000311", "Line Kharghar 1"],
            ["E1Q02", "E1Q02", "6c1f0c52-0000-4000-8000-000000000312", "Line Kharghar 2"],
        ]
    );
    assert_eq!(rows[0].place, "SSC/E1/E1Q01");
    assert!(rows[0].span.is_some());
}

#[test]
fn a_column_finds_one_text_or_says_what_it_found() {
    let model = station();
    let all = path("Substation/VoltageLevel/Bay");
    let ied = [("ied".to_owned(), path("//LNode/@iedName"))];
    let error = all.rows(&model, &ied, &[]).unwrap_err();
    assert_eq!(error, Error::Nothing { column: "ied".to_owned(), place: "SSC/E1/E1B1".to_owned() });
    let switches = [("switch".to_owned(), path("//LNode[@lnClass='CSWI']/@lnInst"))];
    let error = path("//Bay[E1Q*]").rows(&model, &switches, &[]).unwrap_err();
    assert_eq!(error.to_string(), "switch finds \"1\" and \"2\" at SSC/E1/E1Q01");
}

#[test]
fn paths_select_over_both_sides_of_a_file() {
    let model = station();
    let names = |text: &str| -> Vec<String> { path(text).select(&model, None).unwrap().iter().map(|found| found.place(&model)).collect() };
    assert_eq!(names("//LNode[@lnClass='XCBR']"), ["SSC/E1/E1Q01/QA1/XCBR1", "SSC/E1/E1Q02/QA1/XCBR1"]);
    assert_eq!(names("//LNode[@lnClass='XCBR']/LN"), ["E1Q01LD0/XCBR1", "E1Q02LD0/XCBR1"]);
    assert_eq!(names("Substation/VoltageLevel/Bay[E1Q02]/ConductingEquipment[QC?]"), ["SSC/E1/E1Q02/QC1", "SSC/E1/E1Q02/QC9"]);
    assert_eq!(names("//ConductingEquipment[@type='CBR'][@desc='Circuit*']").len(), 2);
    assert_eq!(names("IED[E1*]/LDevice[PROT]/LN[@lnClass='PTOC']"), ["E1Q01PROT/PTOC1", "E1Q02PROT/PTOC1"]);
    assert_eq!(names("IED[E1Q01]/AccessPoint/Server/LDevice[LD0]/LN0"), ["E1Q01LD0/LLN0"]);
    assert_eq!(names("IED[E1Q01]//LN[@lnClass='CILO']").len(), 6);
    assert_eq!(names("Substation/*/Bay").len(), 4);
    assert_eq!(names("IED/@name"), ["E1Q01", "E1Q02", "GW1"]);
    assert_eq!(names("//Bay[nothing]"), [""; 0]);
    // Each thing once, however many ways lead to it.
    assert_eq!(names("//Bay//ConductingEquipment//LNode").len(), names("//ConductingEquipment/LNode").len());
    let bay = path("//Bay[E1Q01]").select(&model, None).unwrap().remove(0);
    assert!(matches!(bay, Found::Part(_)));
    assert_eq!(path("@desc").select(&model, Some(&bay)).unwrap(), [Found::Text("Line Kharghar 1".to_owned())]);
}

#[test]
fn measurements_are_proposed_with_unit_sign_and_phases() {
    let emission = emission(&station());
    let power = signal(&emission, "E1Q01LD0/MMXU1.TotW");
    assert_eq!(power.value.to_string(), "E1Q01LD0/MMXU1.TotW.mag.f[MX]");
    assert_eq!(power.quality.as_ref().unwrap().to_string(), "E1Q01LD0/MMXU1.TotW.q[MX]");
    assert_eq!(power.time.as_ref().unwrap().to_string(), "E1Q01LD0/MMXU1.TotW.t[MX]");
    assert_eq!(power.unit.as_ref().unwrap().name(), "MW");
    let proposal = power.proposal.as_ref().unwrap();
    assert_eq!((proposal.class, proposal.measurement.as_str(), proposal.subject), (CimClass::Analog, "ThreePhaseActivePower", "Terminal"));
    assert_eq!((proposal.sign, proposal.phases), (Some(Sign::OutOfBus), None));
    assert_eq!(power.deadband, Some(Deadband::OfRange(0.5)));
    let voltage = signal(&emission, "E1Q02LD0/MMXU1.PPV.phsBC");
    assert_eq!((voltage.unit.as_ref().unwrap().name().as_str(), voltage.proposal.as_ref().unwrap().phases), ("kV", Some("BC")));
    let place = voltage.place.as_ref().unwrap();
    assert_eq!((place.path.as_str(), place.bay.as_deref(), place.nominal_volts), ("SSC/E1/E1Q02", Some("E1Q02"), Some(220_000.0)));
    let energy = signal(&emission, "E1Q01LD0/MMTR1.SupWh");
    assert_eq!((energy.scale, energy.unit.as_ref().unwrap().name().as_str()), (Some(1000.0), "Wh"));
    assert_eq!(energy.proposal.as_ref().unwrap().class, CimClass::Accumulator);
}

#[test]
fn states_are_proposed_with_names_place_and_reports() {
    let emission = emission(&station());
    let breaker = signal(&emission, "E1Q01LD0/XCBR1.Pos");
    let states: Vec<&str> = breaker.states.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(states, ["intermediate", "open", "closed", "bad"]);
    let place = breaker.place.as_ref().unwrap();
    assert_eq!((place.path.as_str(), place.equipment.as_deref(), place.code.as_deref()), ("SSC/E1/E1Q01/QA1", Some("QA1"), Some("CBR")));
    let [coverage] = breaker.coverage.as_slice() else { panic!("{:?}", breaker.coverage) };
    assert_eq!(
        (coverage.data_set.as_str(), coverage.reports.as_slice()),
        ("E1Q01LD0/LLN0.dsStatus", ["E1Q01LD0/LLN0.brcbStatus".to_owned()].as_slice())
    );
    assert_eq!((breaker.desc.as_str(), breaker.is_housekeeping), ("QA1 position", false));
    let subject = |object: &str| signal(&emission, object).proposal.as_ref().unwrap().subject;
    assert_eq!(subject("E1Q01LD0/XCBR1.Pos"), "Breaker");
    assert_eq!(subject("E1Q01LD0/XSWI1.Pos"), "Disconnector");
    assert_eq!(subject("E1Q01LD0/XSWI5.Pos"), "GroundDisconnector");
    let trip = signal(&emission, "E1Q02PROT/PTRC1.Tr").proposal.as_ref().unwrap();
    assert_eq!((trip.measurement.as_str(), trip.own.as_str()), ("ProtectionTrip", "x-PTRC1Tr"));
    let reclose = signal(&emission, "E1Q01PROT/RREC1.AutoRecSt");
    assert_eq!(*reclose.states, [(1, "Ready".to_owned()), (2, "In Progress".to_owned()), (3, "Successful".to_owned())]);
    assert!(signal(&emission, "E1Q01LD0/LLN0.Beh").is_housekeeping);
    assert!(signal(&emission, "E1Q01LD0/LPHD1.PhyHealth").is_housekeeping);
}

#[test]
fn switches_are_commanded_by_their_controller_and_watched_at_themselves() {
    let emission = emission(&station());
    // Earth switches are status-only: never a command.
    let objects: Vec<String> = emission.commands.iter().map(|command| command.object.to_string()).collect();
    let expected = |bay: &str| (1..=4).map(|n| format!("{bay}LD0/CSWI{n}.Pos")).collect::<Vec<_>>();
    assert_eq!(objects, [expected("E1Q01"), expected("E1Q02")].concat());
    let command = &emission.commands[1];
    assert_eq!(command.value.to_string(), "E1Q01LD0/CSWI2.Pos.Oper.ctlVal[CO]");
    assert_eq!(command.feedback.as_ref().unwrap().to_string(), "E1Q01LD0/XSWI1.Pos.stVal[ST]");
    assert_eq!(
        (command.model, command.select_timeout_ms, command.operate_timeout_ms),
        (Some(CtlModel::SboEnhanced), Some(30_000), Some(10_000))
    );
    assert!(command.has_check);
    assert_eq!(*command.states, [(0, "open".to_owned()), (1, "closed".to_owned())]);
    let proposal = command.proposal.as_ref().unwrap();
    assert_eq!((proposal.class, proposal.measurement.as_str(), proposal.subject), (CimClass::Command, "SwitchPosition", "Disconnector"));
    let [address] = command.addresses.as_slice() else { panic!("{:?}", command.addresses) };
    assert_eq!((address.common_address, address.object_address, address.type_id, address.is_command()), (11, 1002, 46, true));
}

#[test]
fn every_address_is_proposed_once_and_found_again() {
    let model = station();
    let emission = emission(&model);
    let of_signals = emission.signals.iter().flat_map(|signal| &signal.addresses);
    let of_commands = emission.commands.iter().flat_map(|command| command.addresses.iter().chain(&command.check_addresses));
    let of_others = emission.others.iter().flat_map(|other| &other.addresses);
    let all: Vec<(u16, u32)> = of_signals.chain(of_commands).chain(of_others).map(|a| (a.common_address, a.object_address)).collect();
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (94, 94));
    assert_eq!(model.addresses().count(), 94);
    assert!(emission.others.is_empty() && !emission.is_cut);
    let found = model.by_address("E1Q02", Telecontrol::Iec104, 12, 201);
    assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), ["E1Q02LD0/MMXU1.TotW.mag.f[MX]"]);
    assert!(model.by_address("E1Q01", Telecontrol::Iec104, 12, 201).is_empty());
}

#[test]
fn report_blocks_have_their_instances_and_clients() {
    let model = station();
    let home = model.nodes().next().unwrap().node;
    let block = home.reports.iter().find(|block| block.name == "brcbStatus").unwrap();
    assert_eq!(block.instances(), ["brcbStatus01", "brcbStatus02", "brcbStatus03"]);
    assert!(block.buffered && block.options.entry_id && block.triggers.gi && !block.triggers.integrity);
    assert_eq!((block.clients[0].ied.as_str(), block.clients[0].node.to_string().as_str()), ("GW1", "ITCI1"));
    let measurements = home.reports.iter().find(|block| block.name == "urcbMeas").unwrap();
    assert_eq!((measurements.buffered, measurements.integrity_period_ms, measurements.triggers.integrity), (false, 10_000, true));
    assert_eq!(home.goose[0].subscribers, ["E1Q02"]);
    assert_eq!(home.inputs.len(), 4);
}

/// Tools write the address of a command at Oper, at SBOw, or at both.
#[test]
fn a_command_has_its_address_once_wherever_it_stands() {
    let oper = r#"<SDI name="Oper">
                <DAI name="ctlVal">
                  <Private type="IEC_60870_5_104"><eTr_104:Address casdu="11" ioa="1001" ti="46"/></Private>
                </DAI>
              </SDI>"#;
    let plain = text();
    assert!(plain.contains(oper), "the station's text has changed");
    let selected = oper.replace("\"Oper\"", "\"SBOw\"");
    for written in [selected.clone(), format!("{selected}{oper}")] {
        let model = read(&plain.replacen(oper, &written, 1));
        let emission = emission(&model);
        let addresses: Vec<u32> = emission.commands[0].addresses.iter().map(|address| address.object_address).collect();
        assert_eq!(addresses, [1001]);
        assert!(emission.others.is_empty(), "{:?}", emission.others);
    }
}
