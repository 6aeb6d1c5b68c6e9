//! From text to [`Scl`]: one module for each section of a file.

mod communication;
mod control_block;
mod ied;
mod private;
mod single_line;
mod templates;

use bridge_diag::{Diagnostic, SourceId};

use crate::Limits;
use crate::document::{Aside, Edition, Header, Scl, SingleLine, Templates};
use crate::problems::Problems;
use crate::xml::{Element, Xml};

/// Reads a whole file; nothing if it is not well-formed, no SCL at all, or beyond a limit. The problems found come beside it.
pub(crate) fn document(text: &str, source: SourceId, limits: Limits) -> (Option<Scl>, Problems) {
    let mut xml = Xml::new(text, source, limits);
    let before = Element::document(source);
    let mut found = None;
    while let Some(root) = xml.any_child(&before) {
        if root.name == "SCL" && root.foreign.is_none() && found.is_none() {
            found = Some(scl(&mut xml, &root));
        } else {
            xml.problem(
                Diagnostic::error("scl::not-scl", format!("the file's root is <{}>, not <SCL>", root.name))
                    .at(root.span)
                    .fix("export a station or device description (SCD, ICD, CID, IID) in the namespace of IEC 61850-6"),
            );
        }
    }
    let failed = xml.failed();
    if !failed && found.is_none() && !text.contains('<') {
        let fix = "export a station or device description (SCD, ICD, CID, IID)";
        xml.problem(Diagnostic::error("scl::not-scl", "the file is no XML").at(before.span).fix(fix));
    }
    let (problems, aside) = xml.finish();
    let found = found.filter(|_| !failed).map(|scl| Scl { aside, ..scl });
    (found, problems)
}

fn scl<'t>(xml: &mut Xml<'t>, root: &Element<'t>) -> Scl {
    let mut scl = Scl {
        edition: edition(xml, root),
        version: format!("{}{}{}", root.text("version"), root.text("revision"), root.text("release")),
        header: Header::default(),
        single_line: SingleLine::default(),
        networks: Vec::new(),
        ieds: Vec::new(),
        templates: Templates::default(),
        aside: Aside::default(),
        span: root.span,
    };
    while let Some(child) = xml.child(root) {
        match child.name {
            "Header" => scl.header = header(&child),
            "Substation" | "Process" | "Line" => single_line::part(xml, &child, None, &mut scl.single_line),
            "Communication" => communication::communication(xml, &child, &mut scl.networks),
            "IED" => {
                let ied = ied::ied(xml, &child);
                scl.ieds.extend(ied);
            }
            "DataTypeTemplates" => templates::templates(xml, &child, &mut scl.templates),
            "Private" => private::pass_over(xml, &child),
            _ => xml.pass_over(&child, root),
        }
    }
    scl
}

/// Edition 1 has no version; edition 2 is 2007A and 2007B; edition 2.1 is 2007B from release 4 on. Later files are read as 2.1.
fn edition(xml: &mut Xml<'_>, root: &Element<'_>) -> Edition {
    let (version, revision) = (root.text("version"), root.text("revision"));
    let release: u32 = root.attr("release").and_then(|release| release.parse().ok()).unwrap_or(1);
    match (version.as_str(), revision.as_str()) {
        ("" | "2003", _) => Edition::Ed1,
        ("2007", "" | "A") => Edition::Ed2,
        ("2007", "B") if release < 4 => Edition::Ed2,
        ("2007", _) => Edition::Ed21,
        _ => {
            xml.problem(
                Diagnostic::warning("scl::edition-unknown", format!("the file is of version {version}{revision}{release}"))
                    .at(root.place("version"))
                    .fix("known are 2003 (no version), 2007A, 2007B and 2007B4; it is read as 2007B4: compare the point list with the device"),
            );
            Edition::Ed21
        }
    }
}

fn header(element: &Element<'_>) -> Header {
    Header { id: element.text("id"), version: element.text("version"), revision: element.text("revision"), tool: element.text("toolID") }
}
