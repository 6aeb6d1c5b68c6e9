//! Small files by hand: the first and the second edition, and how files come as bytes.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fs;
use std::path::Path;

use bridge_diag::Report;
use bridge_scl::{CtlModel, Edition, Error, Fc, Model, ObjectReference, Telecontrol, decode, emission, read_source};

fn text(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)).unwrap()
}

fn read(name: &str, text: &str) -> (Model, Vec<String>) {
    let mut report = Report::new();
    let source = report.add_source(name, text);
    let model = read_source(source, &mut report).unwrap();
    let codes = report.sorted().iter().map(|d| d.code.clone()).collect();
    (model, codes)
}

fn reference(text: &str) -> ObjectReference {
    text.parse().unwrap()
}

#[test]
fn a_device_description_of_the_first_edition_is_read() {
    let (model, codes) = read("ed1.icd", &text("ed1.icd"));
    assert_eq!(codes, ["scl::ied-template"]);
    assert_eq!((model.scl.edition, model.scl.version.as_str()), (Edition::Ed1, ""));
    // One id stands for two types, by class.
    let leaves = |node: &str| model.resolve(&reference(&format!("TEMPLATEMEAS/{node}"))).unwrap().node.expansion.unwrap().leaves.len();
    assert_eq!((leaves("MMXU1"), leaves("XCBR1")), (7 + 3 * 2, 5));
    // A member without logical device is in that of its data set; an object stands for all of one constraint.
    let home = model.nodes().next().unwrap();
    let members: Vec<usize> = home.node.data_sets[0].members.iter().map(|member| model.member(home, member).unwrap().1.count()).collect();
    assert_eq!(members, [3, 6, 1]);
}

#[test]
fn commands_and_integers_of_the_first_edition_are_proposed() {
    let (model, _) = read("ed1.icd", &text("ed1.icd"));
    let emission = emission(&model);
    let [command] = emission.commands.as_slice() else { panic!("{:?}", emission.commands) };
    assert_eq!(command.value.to_string(), "TEMPLATEMEAS/XCBR1.Pos.ctlVal[CO]");
    assert_eq!(command.model, Some(CtlModel::DirectNormal), "by its number");
    assert_eq!(command.feedback.as_ref().unwrap().to_string(), "TEMPLATEMEAS/XCBR1.Pos.stVal[ST]");
    let power = emission.signals.iter().find(|signal| signal.object.path == "TotW").unwrap();
    assert_eq!(power.value.to_string(), "TEMPLATEMEAS/MMXU1.TotW.mag.i[MX]");
    assert_eq!((power.unit.as_ref().unwrap().name().as_str(), power.scale, power.offset), ("kW", Some(0.1), Some(-5.0)));
    let position = emission.signals.iter().find(|signal| signal.object.node == "XCBR1").unwrap();
    let [address] = position.addresses.as_slice() else { panic!("{:?}", position.addresses) };
    assert_eq!((address.protocol, address.common_address, address.object_address, address.type_id), (Telecontrol::Iec101, 3, 17, 31));
    assert!(address.inverted && !address.is_command());
    assert_eq!(address.others, [("usedBy".to_owned(), "RTU 4".to_owned())]);
}

#[test]
fn a_device_of_the_second_edition_is_read() {
    let (model, codes) = read("ed2.cid", &text("ed2.cid"));
    assert_eq!(codes, [""; 0]);
    let scl = &model.scl;
    assert_eq!((scl.edition, scl.version.as_str(), scl.header.revision.as_str()), (Edition::Ed2, "2007B", "7"));
    assert_eq!(scl.ieds[0].desc, "Line & bus – Q1");
    assert_eq!(scl.networks[0].access_points[0].parameter("IP"), Some("192.0.2.7"));
    assert_eq!(scl.ieds[0].access_points[1].server_at.as_deref(), Some("AP1"));
    assert_eq!((scl.aside.privates["mine"], scl.aside.foreign["urn:vendor"], scl.aside.unknown.len()), (1, 1, 0));
    let home = model.nodes().next().unwrap().node;
    let log = &home.logs[0];
    assert_eq!((log.log.as_str(), log.enabled, log.integrity_period_ms, log.triggers.dchg), ("MU", false, 5000, true));
    assert_eq!(home.settings.map(|settings| (settings.groups, settings.active)), Some((4, 2)));
    let sampled = &home.sampled[0];
    assert_eq!((sampled.smv_id.as_str(), sampled.sample_rate, sampled.asdus, sampled.conf_rev), ("sv1", 80, 1, 4));
    // The logical device has a name of its own, which stands alone.
    let groups = model.resolve(&reference("LINE1/HPTOC1.StrVal.setMag.f[SG]")).unwrap().node;
    let values: Vec<(Option<u32>, &str)> =
        groups.node.instances["StrVal.setMag.f"].values.iter().map(|value| (value.group, value.text.as_str())).collect();
    assert_eq!(values, [(Some(1), "1.5"), (Some(2), "2.5")]);
    assert!(model.resolve(&reference("Q1MU/HPTOC1")).is_err());
}

#[test]
fn elements_of_arrays_are_reached_by_number() {
    let (model, _) = read("ed2.cid", &text("ed2.cid"));
    for (path, is_leaf) in
        [("HA.phsAHar(3).cVal.mag.f", true), ("HA.phsAHar(15).q", true), ("HA.phsAHar(0).cVal", false), ("HA.phsAHar(1).hist(7)", true)]
    {
        let target = model.resolve(&reference(&format!("LINE1/MHAI1.{path}[MX]"))).unwrap();
        assert_eq!(target.leaf.is_some(), is_leaf, "{path}");
    }
    let hist = model.resolve(&reference("LINE1/MHAI1.HA.phsAHar.hist")).unwrap().leaf.unwrap();
    assert_eq!(hist.arrays, [(1, 16), (2, 8)], "as many as numHar says, eight of each");
    for path in ["HA.phsAHar(16).q", "HA.phsAHar(3).hist(8)", "HA(0).phsAHar.q"] {
        let error = model.resolve(&reference(&format!("LINE1/MHAI1.{path}"))).unwrap_err();
        assert!(matches!(error, Error::IndexTooLarge { .. }), "{path}: {error}");
    }
}

#[test]
fn what_a_reference_misses_is_named_with_the_nearest() {
    let (model, _) = read("ed1.icd", &text("ed1.icd"));
    for (text, noun, near) in [
        ("TEMPLATEMAES/XCBR1", "the logical device", "TEMPLATEMEAS"),
        ("TEMPLATEMEAS/XCBR2", "the logical node", "XCBR1"),
        ("TEMPLATEMEAS/XCBR1.Pos.stval", "the data", "Pos.stVal"),
    ] {
        let Error::Unknown { noun: found, near: nearest, .. } = model.resolve(&reference(text)).unwrap_err() else { panic!("{text}") };
        assert_eq!((found, nearest.as_deref()), (noun, Some(near)), "{text}");
    }
    // The constraint is part of the name.
    assert!(model.resolve(&reference("TEMPLATEMEAS/XCBR1.Pos.stVal[MX]")).is_err());
    let stands = model.resolve(&reference("TEMPLATEMEAS/XCBR1.Pos.stVal[ST]")).unwrap();
    assert_eq!(stands.leaf.map(|leaf| leaf.fc), Some(Fc::St));
}

#[test]
fn editions_are_told_apart() {
    for (attributes, edition, codes) in [
        ("", Edition::Ed1, 0),
        ("version=\"2007\" revision=\"A\"", Edition::Ed2, 0),
        ("version=\"2007\" revision=\"B\" release=\"1\"", Edition::Ed2, 0),
        ("version=\"2007\" revision=\"B\" release=\"4\"", Edition::Ed21, 0),
        ("version=\"2007\" revision=\"C\" release=\"5\"", Edition::Ed21, 0),
        ("version=\"3000\"", Edition::Ed21, 1),
    ] {
        let (model, found) = read("x.scd", &format!("<SCL xmlns=\"http://www.iec.ch/61850/2003/SCL\" {attributes}/>"));
        assert_eq!((model.scl.edition, found.len()), (edition, codes), "{attributes}");
    }
    // Files from before the first edition name no namespace; another namespace is another language.
    assert_eq!(read("x.scd", "<SCL/>").0.scl.edition, Edition::Ed1);
    let mut report = Report::new();
    let source = report.add_source("x.scd", "<SCL xmlns=\"urn:other\"/>");
    assert!(read_source(source, &mut report).is_none() && report.errors() == 1);
}

#[test]
fn a_file_reads_the_same_in_every_code() {
    let plain = text("ed2.cid");
    let mut utf16 = vec![0xFF, 0xFE];
    utf16.extend(plain.encode_utf16().flat_map(u16::to_le_bytes));
    let mut marked = vec![0xEF, 0xBB, 0xBF];
    marked.extend(plain.bytes());
    for bytes in [plain.clone().into_bytes(), utf16, marked] {
        let (text, _) = decode(&bytes).unwrap();
        assert_eq!(read("ed2.cid", &text).0.scl, read("ed2.cid", &plain).0.scl);
    }
}
