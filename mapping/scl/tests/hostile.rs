//! Files made to hurt: each is refused or read within bounds of time, memory and stack, and says so.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fmt::Write;
use std::fs;
use std::path::Path;

use bridge_diag::Report;
use bridge_scl::{Limits, Model, emission, read_source, read_within};

const HEAD: &str = "<SCL xmlns=\"http://www.iec.ch/61850/2003/SCL\" version=\"2007\" revision=\"B\" release=\"4\">";

fn read_with(text: &str, limits: &Limits) -> (Option<Model>, Report) {
    let mut report = Report::new();
    let source = report.add_source("hostile.scd", text);
    let model = read_within(source, limits, &mut report);
    (model, report)
}

fn read(text: &str) -> (Option<Model>, Report) {
    read_with(text, &Limits::default())
}

/// The file is refused whole, by one problem of this code.
fn refused(text: &str, code: &str) {
    refused_within(text, code, &Limits::default());
}

fn refused_within(text: &str, code: &str, limits: &Limits) {
    let (model, report) = read_with(text, limits);
    assert!(model.is_none(), "{code}: it was read");
    let codes: Vec<&str> = report.diagnostics().iter().map(|d| d.code.as_str()).collect();
    assert!(codes.contains(&code), "{code} is not in {codes:?}");
}

/// A file with these types and one node of the node type `N`.
fn typed(types: &str) -> String {
    format!(
        "{HEAD}<IED name=\"A\"><AccessPoint name=\"P\"><Server><LDevice inst=\"L\"><LN0 lnClass=\"LLN0\" inst=\"\" lnType=\"Z\"/>\
         <LN lnClass=\"GGIO\" inst=\"1\" lnType=\"N\"/></LDevice></Server></AccessPoint></IED>\
         <DataTypeTemplates><LNodeType id=\"Z\" lnClass=\"LLN0\"/>{types}</DataTypeTemplates></SCL>"
    )
}

fn good() -> String {
    file("good.scd")
}

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)).unwrap()
}

#[test]
fn entities_are_not_expanded() {
    let mut laughs = String::from("<!DOCTYPE SCL [<!ENTITY a0 \"ha\">");
    for i in 1..30 {
        write!(laughs, "<!ENTITY a{i} \"&a{};&a{};\">", i - 1, i - 1).unwrap();
    }
    let text = format!("{laughs}]>{HEAD}<Header id=\"&a29;\"/></SCL>");
    let info = allocation_counter::measure(|| refused(&text, "scl::doctype"));
    assert!(info.bytes_max < 1 << 20, "{} bytes", info.bytes_max);
    // Without a definition an entity is unknown, in text and in an attribute.
    refused(&format!("{HEAD}<Header id=\"&a29;\"/></SCL>"), "scl::entity");
    refused(&format!("{HEAD}<Private>&a29;</Private></SCL>"), "scl::entity");
    let external = format!("<!DOCTYPE SCL SYSTEM \"file:///etc/passwd\">{HEAD}</SCL>");
    refused(&external, "scl::doctype");
}

#[test]
fn elements_may_not_stand_deep() {
    for name in ["SDI", "SubFunction", "x", "Private"] {
        let text = format!("{HEAD}{}", format!("<{name} name=\"a\">").repeat(200_000));
        refused(&text, "scl::too-deep");
    }
    // Where elements are read one inside the other, too.
    let inside = format!("<Substation name=\"S\"><Function name=\"f\">{}", "<SubFunction name=\"a\">".repeat(200_000));
    refused(&format!("{HEAD}{inside}"), "scl::too-deep");
}

#[test]
fn attributes_and_texts_have_a_length() {
    let long = "x".repeat(17 << 10);
    refused(&format!("{HEAD}<IED name=\"{long}\"/></SCL>"), "scl::too-large");
    let text = "y".repeat(65 << 10);
    let value = format!(
        "<IED name=\"A\"><AccessPoint name=\"P\"><Server><LDevice inst=\"L\"><LN0 lnType=\"Z\"><DOI name=\"Mod\"><DAI name=\"d\"><Val>{text}</Val></DAI></DOI></LN0></LDevice></Server></AccessPoint></IED>"
    );
    refused(&format!("{HEAD}{value}</SCL>"), "scl::too-large");
    // A name is short, because names are joined to references; a description is not.
    refused(&format!("{HEAD}<IED name=\"{}\"/></SCL>", "x".repeat(256)), "scl::too-large");
    assert!(read(&format!("{HEAD}<IED name=\"A\" desc=\"{}\"/></SCL>", "x".repeat(10_000))).0.is_some());
    let many: String = (0..200).map(|i| format!(" a{i}=\"1\"")).collect();
    refused(&format!("{HEAD}<IED{many}/></SCL>"), "scl::too-large");
    refused(&format!("{HEAD}<IED name=\"A\" name=\"B\"/></SCL>"), "scl::xml");
    let spaces: String = (0..5000).map(|i| format!(" xmlns:n{i}=\"u{i}\"")).collect();
    refused(&format!("{HEAD}<IED{spaces}/></SCL>"), "scl::xml");
}

#[test]
fn files_and_elements_are_counted() {
    let limits = Limits { bytes: 1000, ..Limits::default() };
    refused_within(&format!("{HEAD}{}</SCL>", " ".repeat(1000)), "scl::too-large", &limits);
    let limits = Limits { elements: 1000, ..Limits::default() };
    let text = format!("{HEAD}{}</SCL>", "<Private/>".repeat(1000));
    refused_within(&text, "scl::too-large", &limits);
    assert!(read(&text).0.is_some(), "the same file within the limits");
    let limits = Limits { nodes: 2, ..Limits::default() };
    refused_within(&good(), "scl::too-large", &limits);
    assert!(read_with(&good(), &Limits { nodes: 3, ..limits }).0.is_some());
}

#[test]
fn parts_and_words_are_bounded() {
    let nested = |depth: usize| {
        let open = "<SubFunction name=\"a\">".repeat(depth);
        format!("{HEAD}<Substation name=\"S\"><Function name=\"f\">{open}{}</Function></Substation></SCL>", "</SubFunction>".repeat(depth))
    };
    refused(&nested(23), "scl::too-deep");
    assert_eq!(read(&nested(22)).0.unwrap().scl.single_line.parts.len(), 24);
    let words: String = (0..5000).map(|i| format!("<EnumVal ord=\"{i}\">w{i}</EnumVal>")).collect();
    refused(&typed(&format!("<EnumType id=\"E\">{words}</EnumType>")), "scl::too-large");
}

/// What refers by name is found by name: many references to many things do not multiply.
#[test]
fn many_references_to_many_things_are_read_in_time() {
    let sets: String = (0..20_000).map(|i| format!("<DataSet name=\"d{i}\"/>")).collect();
    let reports: String = (0..20_000).map(|i| format!("<ReportControl name=\"r{i}\" datSet=\"d{i}\"/>")).collect();
    let terminals: String = (0..20_000)
        .map(|i| format!("<ConductingEquipment name=\"e{i}\"><Terminal connectivityNode=\"S/n{i}\"/></ConductingEquipment><ConnectivityNode name=\"n{i}\"/>"))
        .collect();
    let text = good().replace("</LN0>", &format!("{sets}{reports}</LN0>"));
    let text = text.replace("<Communication>", &format!("<Substation name=\"S\">{terminals}</Substation><Communication>"));
    let (model, report) = read(&text);
    assert!(model.is_some());
    let codes: std::collections::BTreeSet<&str> = report.diagnostics().iter().map(|d| d.code.as_str()).collect();
    assert!(!codes.contains("scl::dataset-unknown") && !codes.contains("scl::terminal-dangling"), "{codes:?}");
    assert_eq!(emission(&model.unwrap()).signals.len(), 3);
}

#[test]
fn types_that_double_are_not_expanded() {
    // Sixty times two: 10^18 attributes from 60 lines. Without any attribute at the end it is as bad.
    for last in ["<DAType id=\"D60\"><BDA name=\"a\" bType=\"BOOLEAN\"/></DAType>", "<DAType id=\"D60\"/>"] {
        // As deep as it may be, each level with a hundred members.
        for (levels, wide) in [(60, 2), (20, 2), (5, 100)] {
            let mut types = String::from(
                "<LNodeType id=\"N\" lnClass=\"GGIO\"><DO name=\"O\" type=\"O\"/></LNodeType><DOType id=\"O\" cdc=\"SPS\"><DA name=\"a\" fc=\"ST\" bType=\"Struct\" type=\"D0\"/></DOType>",
            );
            for i in 0..levels {
                write!(types, "<DAType id=\"D{i}\">").unwrap();
                for member in 0..wide {
                    let next = if i + 1 == levels { 60 } else { i + 1 };
                    write!(types, "<BDA name=\"m{member}\" bType=\"Struct\" type=\"D{next}\"/>").unwrap();
                }
                types.push_str("</DAType>");
            }
            types.push_str(last);
            let text = typed(&types);
            let mut found = None;
            let info = allocation_counter::measure(|| found = Some(read(&text)));
            let (model, report) = found.unwrap();
            let model = model.unwrap();
            let code = if levels == 60 { "scl::type-too-deep" } else { "scl::type-too-large" };
            assert!(report.diagnostics().iter().any(|d| d.code == code), "{levels} × {wide}: {}", report.render_text());
            assert!(model.nodes().all(|node| node.expansion.is_none_or(|expansion| expansion.leaves.is_empty())));
            assert!(info.bytes_max < 4 << 20, "{levels} × {wide}: {} bytes", info.bytes_max);
        }
    }
}

#[test]
fn a_type_within_the_limits_is_expanded_whole() {
    let mut types = String::from(
        "<LNodeType id=\"N\" lnClass=\"GGIO\"><DO name=\"O\" type=\"O\"/></LNodeType><DOType id=\"O\" cdc=\"SPS\"><DA name=\"a\" fc=\"ST\" bType=\"Struct\" type=\"D0\"/></DOType>",
    );
    for i in 0..12 {
        write!(
            types,
            "<DAType id=\"D{i}\"><BDA name=\"l\" bType=\"Struct\" type=\"D{n}\"/><BDA name=\"r\" bType=\"Struct\" type=\"D{n}\"/></DAType>",
            n = i + 1
        )
        .unwrap();
    }
    types.push_str("<DAType id=\"D12\"><BDA name=\"v\" bType=\"BOOLEAN\"/></DAType>");
    let (model, _) = read(&typed(&types));
    let model = model.unwrap();
    let expansion = model.nodes().last().unwrap().expansion.unwrap();
    assert_eq!(expansion.leaves.len(), 4096);
    assert!(expansion.leaf("O.a.l.r.l.r.l.r.l.r.l.r.l.r.v", None).is_some());
}

#[test]
fn circles_of_every_kind_are_found() {
    let objects = "<LNodeType id=\"N\" lnClass=\"GGIO\"><DO name=\"O\" type=\"O\"/></LNodeType>";
    for types in [
        "<DOType id=\"O\" cdc=\"WYE\"><SDO name=\"again\" type=\"O\"/></DOType>",
        "<DOType id=\"O\" cdc=\"WYE\"><SDO name=\"a\" type=\"P\"/></DOType><DOType id=\"P\" cdc=\"WYE\"><SDO name=\"again\" type=\"O\"/></DOType>",
        "<DOType id=\"O\" cdc=\"MV\"><DA name=\"a\" fc=\"MX\" bType=\"Struct\" type=\"D\"/></DOType><DAType id=\"D\"><BDA name=\"again\" bType=\"Struct\" type=\"D\"/></DAType>",
    ] {
        let (model, report) = read(&typed(&format!("{objects}{types}")));
        assert!(report.diagnostics().iter().any(|d| d.code == "scl::type-cyclic"), "{}", report.render_text());
        assert_eq!(report.errors(), 1, "a circle is told once: {}", report.render_text());
        assert!(model.unwrap().nodes().last().unwrap().expansion.is_none());
    }
}

#[test]
fn arrays_are_bounded() {
    let types = |attribute: &str| {
        typed(&format!(
            "<LNodeType id=\"N\" lnClass=\"GGIO\"><DO name=\"O\" type=\"O\"/></LNodeType><DOType id=\"O\" cdc=\"HST\">{attribute}</DOType>\
             <DAType id=\"D\"><BDA name=\"b\" bType=\"INT32\" count=\"60000\"/></DAType>"
        ))
    };
    for (attribute, code) in [
        ("<DA name=\"a\" fc=\"ST\" bType=\"INT32\" count=\"2147483648\"/>", "scl::array-too-large"),
        ("<DA name=\"a\" fc=\"ST\" bType=\"INT32\" count=\"99999999999999999999\"/>", "scl::array-too-large"),
        ("<DA name=\"a\" fc=\"ST\" bType=\"INT32\" count=\"-1\"/>", "scl::array-too-large"),
        ("<DA name=\"a\" fc=\"ST\" bType=\"Struct\" type=\"D\" count=\"60000\"/>", "scl::type-too-large"),
    ] {
        let (model, report) = read(&types(attribute));
        assert!(model.is_some() && report.diagnostics().iter().any(|d| d.code == code), "{attribute}: {}", report.render_text());
    }
    // The length may stand in another attribute, and may be nonsense there.
    let named =
        "<DA name=\"n\" fc=\"CF\" bType=\"INT32U\"><Val>4000000000</Val></DA><DA name=\"a\" fc=\"ST\" bType=\"INT32\" count=\"n\"/>";
    let (model, _) = read(&types(named));
    let model = model.unwrap();
    assert_eq!(model.nodes().last().unwrap().leaf("O.a").unwrap().arrays, [(1, 0)]);
}

#[test]
fn problems_are_bounded_and_counted() {
    let member = "<FCDA ldInst=\"X\" lnClass=\"GGIO\" lnInst=\"1\" doName=\"Ind1\" fc=\"ST\"/>";
    let text = good().replace("<DataSet name=\"ds1\">", &format!("<DataSet name=\"ds1\">{}", member.repeat(5000)));
    let (model, report) = read(&text);
    assert!(model.is_some());
    assert_eq!((report.diagnostics().len(), report.hidden()), (Report::MAX_DIAGNOSTICS, 0));
    let last = report.diagnostics().last().unwrap();
    assert_eq!((last.code.as_str(), last.severity), ("scl::more-problems", bridge_diag::Severity::Error), "an error among the rest");
    // Each member dangles, and all but the first repeat it; beside them the data set is too large.
    assert_eq!(last.message, format!("{} further problems are not listed", 1 + 5000 + 4999 - 999));
}

#[test]
fn what_is_kept_aside_is_bounded() {
    let mut text = String::from(HEAD);
    for i in 0..2000 {
        write!(text, "<Private type=\"t{i}\"/><x:e xmlns:x=\"urn:{i}\"/><Odd{i}/>").unwrap();
    }
    text.push_str("</SCL>");
    let (model, _) = read(&text);
    let aside = model.unwrap().scl.aside;
    for kinds in [&aside.privates, &aside.foreign, &aside.unknown] {
        assert_eq!((kinds.len(), kinds.values().sum::<usize>()), (257, 2000));
    }
}

/// Types multiply nodes: checks and proposals end all the same.
#[test]
fn what_types_and_nodes_multiply_is_bounded() {
    let mut types = String::from("<LNodeType id=\"N\" lnClass=\"GGIO\">");
    for i in 0..12_000 {
        write!(types, "<DO name=\"S{i}\" type=\"O\"/>").unwrap();
    }
    types.push_str("</LNodeType><DOType id=\"O\" cdc=\"SPC\"><DA name=\"stVal\" fc=\"ST\" bType=\"BOOLEAN\"/></DOType>");
    let nodes: String = (2..600).map(|i| format!("<LN lnClass=\"GGIO\" inst=\"{i}\" lnType=\"N\"/>")).collect();
    let (model, report) = read(&typed(&types).replace("</LDevice>", &format!("{nodes}</LDevice>")));
    let model = model.unwrap();
    assert!(report.diagnostics().iter().any(|d| d.code == "scl::not-all-checked"), "{}", report.render_text());
    let emission = emission(&model);
    assert!(emission.is_cut);
    assert_eq!(emission.signals.len(), 500_000);
}

#[test]
fn a_file_cut_anywhere_is_refused_and_nothing_else() {
    let text = good();
    let end = text.rfind("</SCL>").unwrap();
    for at in (0..end).filter(|at| text.is_char_boundary(*at)) {
        let (model, report) = read(&text[..at]);
        assert!(model.is_none() && !report.is_ok(), "cut at {at}");
    }
}

/// Any change of bytes gives a model or a problem, never a panic. The seed is fixed; a failure prints the change.
#[test]
fn changed_files_never_panic() {
    let texts = [good(), file("ed1.icd"), file("ed2.cid")];
    let pieces =
        ["<", ">", "\"", "&", "</", "/>", "<!--", "]]>", "<![CDATA[", "é", "name", "\u{0}", "4294967296", "<!DOCTYPE", "xmlns", "T"];
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below).unwrap()).unwrap()
    };
    let mut read_anyway = 0;
    for round in 0..4500 {
        let mut changed = texts[round % texts.len()].clone();
        for _ in 0..=next(3) {
            let mut at = next(changed.len());
            while !changed.is_char_boundary(at) {
                at -= 1;
            }
            let piece = pieces[next(pieces.len())];
            let mut end = (at + next(12)).min(changed.len());
            while !changed.is_char_boundary(end) {
                end += 1;
            }
            changed.replace_range(at..end, piece);
        }
        let mut report = Report::new();
        let source = report.add_source("changed.scd", changed.as_str());
        match read_source(source, &mut report) {
            Some(model) => {
                read_anyway += 1;
                assert!(!emission(&model).is_cut);
            }
            None => assert!(!report.is_ok(), "refused without a word: {changed}"),
        }
    }
    assert!(read_anyway > 100, "{read_anyway}: the changes hit nothing but syntax");
}
