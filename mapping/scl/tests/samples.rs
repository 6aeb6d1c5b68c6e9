//! The public samples that every developer has beside the repository.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use bridge_diag::Report;
use bridge_scl::{CtlModel, Edition, Emission, Model, SclPath, Telecontrol, emission, read_source};

/// The folder of samples. Without it nothing here can be said, so its absence is a failure.
fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples/scl");
    assert!(folder.is_dir(), "the samples are not beside the repository: {}", folder.display());
    folder
}

fn read(name: &str) -> (Model, Report) {
    let mut report = Report::new();
    let source = report.add_source(name, fs::read_to_string(folder().join(name)).unwrap());
    let model = read_source(source, &mut report);
    (model.unwrap_or_else(|| panic!("{name}: {}", report.render_text())), report)
}

/// How often each code is reported.
fn codes(report: &Report) -> BTreeMap<&str, usize> {
    let mut codes = BTreeMap::new();
    for d in report.diagnostics() {
        *codes.entry(d.code.as_str()).or_default() += 1;
    }
    codes
}

/// Which addresses of which device are proposed for something.
fn proposed(emission: &Emission) -> BTreeSet<(String, u16, u32)> {
    let of_signals = emission.signals.iter().map(|signal| (&signal.ied, &signal.addresses));
    let of_commands =
        emission.commands.iter().flat_map(|command| [(&command.ied, &command.addresses), (&command.ied, &command.check_addresses)]);
    let of_others = emission.others.iter().map(|other| (&other.ied, &other.addresses));
    let all = of_signals.chain(of_commands).chain(of_others);
    all.flat_map(|(ied, addresses)| addresses.iter().map(move |a| (ied.clone(), a.common_address, a.object_address))).collect()
}

/// Every sample there is, known here or not, is read to the end, and what it has becomes signals.
#[test]
fn every_sample_is_read() {
    let mut names: Vec<String> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        let (model, report) = read(&name);
        assert!(!model.scl.ieds.is_empty() && !emission(&model).signals.is_empty(), "{name}");
        assert!(report.diagnostics().iter().all(|d| d.span.is_some() && d.help.is_some()), "{name}");
        let written = model.addresses().map(|(node, _, a)| (node.ied.name.clone(), a.common_address, a.object_address)).collect();
        assert_eq!(proposed(&emission(&model)), written, "{name}: an address is lost");
        let emission = emission(&model);
        let of_signals = emission.signals.iter().flat_map(|s| [Some(&s.value), s.quality.as_ref(), s.time.as_ref()]);
        let of_commands = emission.commands.iter().flat_map(|c| [Some(&c.value), c.feedback.as_ref()]);
        for reference in of_signals.chain(of_commands).flatten() {
            let target = model.resolve(reference).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(target.leaf.is_some(), "{name}: {reference} is no attribute");
        }
    }
}

#[test]
fn addresses_of_80_1_are_read_whole() {
    let (model, report) = read("valid-addresses.scd");
    assert_eq!(report.errors(), 0, "{}", report.render_text());
    assert_eq!(
        codes(&report),
        BTreeMap::from([
            ("scl::address-reused", 1),
            ("scl::connected-unknown", 2),
            ("scl::ctlmodel-without-oper", 1),
            ("scl::lnode-dangling", 1),
        ])
    );
    assert_eq!(model.scl.edition, Edition::Ed21);
    assert_eq!(model.addresses().count(), 72);
    let emission = emission(&model);
    assert_eq!((emission.signals.len(), emission.commands.len(), emission.others.len()), (58, 14, 6));
    // Two nodes of B2 share one.
    assert_eq!(proposed(&emission).len(), 71);
    let current = emission.signals.iter().find(|signal| signal.object.path == "A.phsA").unwrap();
    assert_eq!(current.value.to_string(), "B1LD0/MMXU1.A.phsA.cVal.mag.f[MX]");
    assert_eq!(current.addresses.iter().map(|a| (a.common_address, a.object_address, a.type_id)).collect::<Vec<_>>(), [(20, 1, 36)]);
    assert_eq!(current.place.as_ref().map(|place| place.path.as_str()), Some("S1/F1/Q1"));
    let frequency = emission.signals.iter().find(|signal| signal.object.path == "Hz").unwrap();
    assert_eq!(frequency.unit.as_ref().unwrap().name(), "kHz");
    // One object for each state, and one turned round.
    let signal = |path: &str| emission.signals.iter().find(|signal| signal.ied == "B1" && signal.object.path == path).unwrap();
    let health: Vec<Option<i64>> = signal("Health").addresses.iter().map(|address| address.expected_value).collect();
    assert_eq!(health, [Some(1), Some(2), Some(3)]);
    assert!(signal("Ind2").addresses[0].inverted && !signal("Ind1").addresses[0].inverted);
    let found = model.by_address("B1", Telecontrol::Iec104, 204, 2);
    assert_eq!(found[0].to_string(), "B1LD0/YEFN1.TapChg.Oper.ctlVal[CO]");
}

#[test]
fn links_have_their_addresses() {
    let (model, _) = read("valid-addresses.scd");
    let links = emission(&model).links;
    assert_eq!(links.len(), 6);
    let link = &links[0];
    assert_eq!((link.ied.as_str(), link.access_point.as_str(), link.network.as_str(), link.protocol.as_str()), ("B1", "AP1", "W1", "104"));
    assert_eq!(link.addresses, ["192.128.0.1", "192.128.0.2"], "one for each connection of the group");
    assert!(link.parameters.contains(&("RG1-TIMEOUT-1".to_owned(), "15".to_owned())));
    assert!(link.common_addresses.contains(&204) && !link.common_addresses.contains(&11), "{:?}", link.common_addresses);
}

#[test]
fn control_models_of_80_1_are_told_apart() {
    let (model, _) = read("valid-addresses.scd");
    let emission = emission(&model);
    let model_of = |path: &str| emission.commands.iter().find(|command| command.object.path == path).map(|command| command.model);
    assert_eq!(model_of("SPCSO1"), None, "status-only is no command");
    assert_eq!(model_of("SPCSO2"), Some(Some(CtlModel::DirectNormal)));
    assert_eq!(model_of("SPCSO3"), Some(Some(CtlModel::DirectEnhanced)));
    assert_eq!(model_of("SPCSO4"), Some(Some(CtlModel::SboNormal)));
    assert_eq!(model_of("SPCSO5"), Some(Some(CtlModel::SboEnhanced)));
    let checked = emission.commands.iter().find(|command| command.object.path == "DPCSO1").unwrap();
    let checks: Vec<Option<&str>> = checked.check_addresses.iter().map(|address| address.check.as_deref()).collect();
    assert_eq!(checks, [Some("interlocking"), Some("synchrocheck")]);
}

#[test]
fn a_single_line_with_several_devices_is_read() {
    let (model, report) = read("valid2007B4withSubstationXY.scd");
    assert_eq!(report.errors(), 0, "{}", report.render_text());
    assert_eq!((model.scl.ieds.len(), model.nodes().count()), (3, 33));
    let bays = SclPath::parse("Substation[AA1]/VoltageLevel[J1]/Bay[*]").unwrap().select(&model, None).unwrap();
    let names: Vec<String> = bays.iter().map(|bay| bay.name(&model)).collect();
    assert_eq!(names, ["BusBar A", "BusBar B", "Bay A", "Bay B", "CoupField"]);
    let winding = SclPath::parse("//TransformerWinding").unwrap().select(&model, None).unwrap();
    assert_eq!(winding[0].place(&model), "AA1/TA1/W1");
    assert_eq!(model.scl.aside.privates, BTreeMap::from([("ABBPCMInternalObjRef".to_owned(), 1), ("dummyType".to_owned(), 1)]));
    // Sixteen members, each one attribute.
    let home = model.nodes().find(|node| node.device_name == "IED3MU01").unwrap();
    let members = &home.node.data_sets[0].members;
    assert_eq!(members.len(), 16);
    assert!(members.iter().all(|member| model.member(home, member).unwrap().1.count() == 1));
    let block = model.nodes().find_map(|node| node.node.reports.first()).unwrap();
    assert_eq!((block.instances().len(), block.clients[0].ied.as_str()), (5, "IED1"));
}

#[test]
fn types_of_many_kinds_are_expanded() {
    let (model, report) = read("sclbasics.scd");
    // A structure without type and an enumeration that is a structure are the file's own mistakes.
    assert_eq!(codes(&report), BTreeMap::from([("scl::name-malformed", 3), ("scl::type-unresolved", 2)]));
    let node = model.nodes().find(|node| node.node.name.class == "MMXU").unwrap();
    assert_eq!(node.reference("", None).to_string(), "testIEDldInst1/myMMXU1");
    let leaf = node.leaf("A.phsA.cVal.mag.i").unwrap();
    assert_eq!((leaf.fc.as_str(), leaf.basic.as_str(), leaf.attribute(), leaf.dchg), ("MX", "INT32", "cVal.mag.i", true));
    let zero = node.leaf("A.phsA.zeroDbRef");
    assert!(zero.is_some(), "the blank behind a name is cut off");
    let model_leaf = node.leaf("Mod.ctlModel").unwrap();
    assert_eq!(model.enumeration(model_leaf).unwrap().word(4), Some("sbo-with-enhanced-security"));
    assert_eq!(node.value("Mod.sboTimeout"), Some("30000"));
}
