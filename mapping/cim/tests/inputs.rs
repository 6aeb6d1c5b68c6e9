//! Files as exporters make them: identifiers, namespaces, line ends, archives and folders of every kind give the same model.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use bridge_cim::{Bounds, Inputs, Model, Version, read};
use bridge_diag::Report;
use support::{EQ, SSH, archive, document, read_all, read_text, substation};

/// Everything that a model says, as sorted lines.
fn said(model: &Model) -> Vec<String> {
    let mut lines: Vec<String> = model
        .objects()
        .flat_map(|object| {
            let start = format!("{} {}", object.class(), object.id());
            let rest: Vec<String> = object.attributes().map(|a| format!("{start} {} {} {}", a.name, a.value, a.is_reference)).collect();
            std::iter::once(start).chain(rest)
        })
        .collect();
    lines.sort();
    lines
}

#[track_caller]
fn same(text: &str) {
    let model = read_text(text).clean();
    assert_eq!(said(&model), said(&read_text(&substation()).clean()));
}

#[test]
fn line_ends_marks_comments_and_sections_change_nothing() {
    let plain = substation();
    same(&plain.replace('\n', "\r\n"));
    same(&format!("\u{feff}{plain}"));
    same(&plain.replace("  <cim:Breaker", "<!-- < & -- a comment > -->\n<?tool x?>  <cim:Breaker"));
    same(&plain.replace("<cim:IdentifiedObject.name>QA1<", "<cim:IdentifiedObject.name><![CDATA[QA]]>&#49;<"));
    same(&plain.replace("<cim:IdentifiedObject.name>QA1<", "<cim:IdentifiedObject.name>\n      QA1\t<!-- x -->\n    <"));
    same(&plain.replace("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", ""));
    same(&plain.replace("encoding=\"UTF-8\"", "encoding=\"utf-8\" standalone=\"yes\""));
}

#[test]
fn prefixes_and_default_namespaces_are_only_names() {
    let plain = substation();
    same(&plain.replace("cim:", "c17:").replace("xmlns:cim", "xmlns:c17"));
    same(&plain.replace("rdf:", "r:").replace("xmlns:rdf", "xmlns:r"));
    same(&plain.replace("<cim:", "<").replace("</cim:", "</").replace("xmlns:cim=", "xmlns="));
    let inside =
        plain.replace("<cim:Breaker ", "<k:Breaker xmlns:k=\"http://iec.ch/TC57/CIM100#\" ").replace("</cim:Breaker>", "</k:Breaker>");
    assert_ne!(inside, plain);
    same(&inside);
}

#[test]
fn identifiers_are_one_however_they_are_written() {
    let plain = substation();
    same(&plain.replace("rdf:ID=\"_", "rdf:ID=\"").replace("resource=\"#_", "resource=\"#"));
    same(&plain.replace("resource=\"#_", "resource=\"#"));
    same(&plain.replace("rdf:ID=\"_", "rdf:about=\"#_"));
    same(&plain.replace("rdf:ID=\"_", "rdf:about=\"urn:uuid:").replace("resource=\"#_", "resource=\"urn:uuid:"));
    same(
        &plain
            .replace("resource=\"#_", "resource=\"http://example.com/model.xml#_")
            .replace("rdf:ID=\"_", "rdf:about=\"http://example.com/model.xml#_"),
    );
}

#[test]
fn identifiers_need_not_be_uuids_and_mrids_may_differ_from_them() {
    let inside = r##"<cim:Substation rdf:ID="_SS+1_%20x"><cim:IdentifiedObject.mRID>SS 1 x</cim:IdentifiedObject.mRID></cim:Substation>
<cim:VoltageLevel rdf:ID="__VL"><cim:VoltageLevel.Substation rdf:resource="#_SS+1_%20x"/></cim:VoltageLevel>
<cim:Substation rdf:ID="_धारा-२२०"/>"##;
    let model = read_text(&document("eq", EQ, inside)).clean();
    let station = model.object("SS 1 x").unwrap();
    assert_eq!((station.id(), station.mrid()), ("SS+1_%20x", "SS 1 x"));
    assert_eq!(model.object("#_SS+1_%20x"), Some(station));
    assert_eq!(model.object("__VL").unwrap().container(), Some(station));
    assert!(model.object("धारा-२२०").is_some() && model.object("SS 2 x").is_none());
}

#[test]
fn attributes_of_other_namespaces_and_values_with_a_structure_do_not_disturb() {
    let inside = r##"<cim:Substation rdf:ID="_a" xml:lang="en"><v:Substation.tag xmlns:v="http://vendor.example/#">7</v:Substation.tag>
<eu:IdentifiedObject.shortName xmlns:eu="http://iec.ch/TC57/CIM100-European#">A</eu:IdentifiedObject.shortName>
<cim:Location.mainAddress><cim:StreetAddress><cim:StreetAddress.status>x</cim:StreetAddress.status></cim:StreetAddress></cim:Location.mainAddress>
</cim:Substation><v:Thing xmlns:v="http://vendor.example/#" rdf:ID="_b"><v:Thing.of rdf:resource="#_a"/></v:Thing><cim:Substation/>
<rdf:Description rdf:about="#_c"><rdf:type rdf:resource="http://iec.ch/TC57/CIM100#Breaker"/><cim:Switch.open>true</cim:Switch.open></rdf:Description>
<cim:Breaker rdf:about="#_d" cim:Switch.open="false"/>"##;
    let model = read_text(&document("eq", EQ, inside)).clean();
    let a = model.object("a").unwrap();
    assert_eq!(a.text("IdentifiedObject.shortName"), Some("A"), "the European extension is read with the model");
    assert_eq!(a.text("Substation.tag"), None, "another's attribute is not taken for one of the model");
    assert!(a.attributes().any(|attribute| attribute.name == "Substation.tag" && attribute.value == "7"));
    assert_eq!(model.unknown_classes(), [("Thing".to_owned(), 1)]);
    assert_eq!(model.passed_over(), 2, "a structured value and a node without identifier");
    let c = model.object("c").unwrap();
    assert_eq!((c.class(), c.boolean("Switch.open")), ("Breaker", Some(true)));
    assert_eq!(model.object("d").unwrap().boolean("Switch.open"), Some(false));
}

#[test]
fn enumerations_are_read_however_they_are_written() {
    for written in [
        "<cim:Measurement.unitSymbol rdf:resource=\"http://iec.ch/TC57/CIM100#UnitSymbol.VAr\"/>",
        "<cim:Measurement.unitSymbol rdf:resource=\"#UnitSymbol.VAr\"/>",
        "<cim:Measurement.unitSymbol>UnitSymbol.VAr</cim:Measurement.unitSymbol>",
        "<cim:Measurement.unitSymbol>VAr</cim:Measurement.unitSymbol>",
    ] {
        let model = read_text(&document("eq", EQ, &format!("<cim:Analog rdf:ID=\"_a\">{written}</cim:Analog>"))).clean();
        assert_eq!(model.measurements().next().unwrap().unit.unwrap().to_string(), "VAr", "{written}");
    }
}

#[test]
fn both_versions_and_their_older_namespaces_are_told_apart() {
    let old = substation()
        .replace("http://iec.ch/TC57/CIM100#", "http://iec.ch/TC57/2012/CIM-schema-cim16#")
        .replace(EQ, "http://entsoe.eu/CIM/EquipmentCore/3/1");
    assert_eq!(read_text(&old).clean().version(), Version::Cim16);
    assert_eq!(read_text(&substation()).clean().version(), Version::Cim17);
}

#[test]
fn a_steady_state_is_laid_over_its_equipment_in_any_order_of_files() {
    let header = "<md:Model.DependentOn rdf:resource=\"urn:uuid:eq-1\"/>";
    let state = document("ssh-1", SSH, "<cim:Breaker rdf:about=\"#_cb\"><cim:Switch.open>true</cim:Switch.open></cim:Breaker>")
        .replace("</md:FullModel>", &format!("{header}</md:FullModel>"));
    let eq = substation();
    for documents in [[("a", state.as_str()), ("b", &eq)], [("a", &eq), ("b", &state)]] {
        let model = read_all(&documents.map(|(name, text)| (name, text.as_bytes())), Bounds::default()).clean();
        let breaker = model.object("cb").unwrap();
        assert_eq!((breaker.boolean("Switch.open"), breaker.boolean("Switch.normalOpen")), (Some(true), Some(false)));
        assert_eq!(model.headers().count(), 2);
    }
}

#[test]
fn a_superseded_model_is_left_out() {
    let old = substation().replace("2000", "1600").replace("eq-1", "eq-0");
    let new = substation().replace("</md:FullModel>", "<md:Model.Supersedes rdf:resource=\"urn:uuid:eq-0\"/></md:FullModel>");
    let model = read_all(&[("new.xml", new.as_bytes()), ("old.xml", old.as_bytes())], Bounds::default()).clean();
    assert_eq!(model.object("cb").unwrap().number("Switch.ratedCurrent"), Some(2000.0));
    assert_eq!(model.headers().map(|header| header.id.as_str()).collect::<Vec<_>>(), ["eq-1"]);
}

#[test]
fn archives_and_folders_hold_documents_and_other_things() {
    let eq = substation();
    let packed = archive(&[
        ("model/", b""),
        ("model/EQ.XML", eq.as_bytes()),
        ("model/readme.txt", b"hello"),
        ("__MACOSX/model/._EQ.XML", b"\0\x05\x16"),
    ]);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cim-inputs");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("inner")).unwrap();
    fs::write(folder.join("inner/model.zip"), &packed).unwrap();
    fs::write(folder.join("notes.pdf"), b"%PDF").unwrap();
    let mut report = Report::new();
    let mut inputs = Inputs::new(Bounds::default());
    inputs.add_path(&folder, &mut report);
    let names: Vec<&str> = inputs.names().map(|name| name.rsplit_once("cim-inputs/").unwrap().1).collect();
    assert_eq!((names.as_slice(), inputs.ignored()), (["inner/model.zip/model/EQ.XML"].as_slice(), 3));
    let model = read(&inputs, &mut report).unwrap();
    assert!(report.diagnostics().is_empty(), "{}", report.render_text());
    assert_eq!(said(&model), said(&read_text(&eq).clean()));
}

#[test]
fn nothing_to_read_and_nowhere_to_read_it_are_told() {
    let mut report = Report::new();
    let mut inputs = Inputs::new(Bounds::default());
    inputs.add_path(Path::new("no/such/model.zip"), &mut report);
    assert!(read(&inputs, &mut report).is_none());
    let codes: Vec<&str> = report.diagnostics().iter().map(|diagnostic| diagnostic.code.as_str()).collect();
    assert_eq!(codes, ["cim::file-unreadable", "cim::nothing"]);
    let empty = read_text("");
    assert_eq!(empty.codes(), ["cim::not-rdf"]);
    let other = read_all(&[("a.xml", &[0xFF, 0xFE, b'<', 0, b'r', 0])], Bounds::default());
    assert_eq!(other.codes(), ["cim::encoding"], "UTF-16");
    let latin = substation().replace("India", "X").into_bytes();
    let at = latin.windows(3).position(|at| at == b">X<").unwrap() + 1;
    let latin: Vec<u8> = latin.iter().enumerate().map(|(n, byte)| if n == at { 0xE9 } else { *byte }).collect();
    let outcome = read_all(&[("a.xml", &latin)], Bounds::default());
    assert_eq!(outcome.codes(), ["cim::encoding"], "Latin-1 without saying so");
    let place = outcome.report.place(outcome.report.diagnostics()[0].span.unwrap()).unwrap();
    assert_eq!((place.line, place.column), (4, 67));
}

#[test]
fn problems_of_one_kind_do_not_flood() {
    let many: String =
        (0..500).map(|n| format!("<cim:Breaker rdf:ID=\"_{n}\"><cim:Switch.open>maybe</cim:Switch.open></cim:Breaker>\n")).collect();
    let outcome = read_text(&document("eq", EQ, &many));
    assert_eq!(outcome.report.errors(), 41);
    let last = outcome.report.diagnostics().last().unwrap();
    assert_eq!(last.message, "460 more of these are not shown");
}
