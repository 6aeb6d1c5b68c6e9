//! Reading all documents of a model.

use bridge_diag::{Diagnostic, Report};

use crate::bounds::Bounds;
use crate::build::Builder;
use crate::check;
use crate::difference::Overlay;
use crate::header::{Header, Profile, Scan};
use crate::input::Inputs;
use crate::model::Model;
use crate::order::order;
use crate::problems::{At, Fault, Problems};
use crate::rdf::{self, Sink};
use crate::store::Document;
use crate::tidy::tidy;
use crate::version::Version;

/// Reads a model: all documents, whole models before differences, each behind what it depends on. Every problem goes to `report`,
/// with its file, line and column. `None` if a document cannot be read to its end, or none says which version it is of; a model with
/// lesser problems is given, and `report` says whether it may be used.
pub fn read(inputs: &Inputs, report: &mut Report) -> Option<Model> {
    let mut problems = Problems::default();
    if inputs.is_empty() {
        report.push(
            Diagnostic::error("cim::nothing", "there is no document to read").fix("give XML files, an archive or a folder with them"),
        );
        return None;
    }
    let model = load(inputs, &mut problems);
    problems.tell(inputs, report);
    model
}

fn load(inputs: &Inputs, problems: &mut Problems) -> Option<Model> {
    let mut budget = inputs.bounds().all_bytes;
    let scans: Vec<Option<Scan>> = documents(inputs).map(|document| scan(inputs, document, &mut budget, problems)).collect();
    let version = version(inputs, &scans, problems)?;
    let headers: Vec<(u16, Option<&Header>, At)> = documents(inputs)
        .zip(&scans)
        .filter_map(|(document, scan)| {
            let scan = scan.as_ref()?;
            let at = scan.header_place.map_or(0, |(offset, _)| u32::try_from(offset).unwrap_or(u32::MAX));
            Some((document, scan.header.as_ref(), At::start(document, at)))
        })
        .collect();
    about_headers(version, &headers, problems);
    let order = order(&headers, problems);

    let mut budget = inputs.bounds().all_bytes;
    let mut builder = Builder::new(inputs.bounds(), version, problems);
    builder.documents = scans.iter().map(|scan| document(scan.as_ref().and_then(|scan| scan.header.as_ref()))).collect();
    for document in &order.full {
        builder.begin(*document);
        if let Err(fault) = parse(inputs, *document, &mut budget, &mut builder) {
            builder.problems().fault(*document, fault);
        }
    }
    let (starts, properties) = builder.gather();
    let mut overlay = Overlay::new(starts, properties);
    for document in &order.differences {
        builder.begin_difference(*document);
        let read = parse(inputs, *document, &mut budget, &mut builder);
        let difference = builder.end_difference();
        match read {
            Ok(()) => overlay.apply(*document, &difference, &mut builder),
            Err(fault) => builder.problems().fault(*document, fault),
        }
    }
    let (mut starts, mut properties) = overlay.finish(builder.row_count());
    tidy(&mut starts, &mut properties, &mut builder);
    let (structures, nameless) = (builder.structures, builder.nameless);
    let store = builder.finish(starts, properties);
    // In what was cut off, every second reference would lead nowhere.
    if problems.broken {
        return None;
    }
    let unknown = check::check(&store, problems);
    Some(Model::new(store, unknown, order.superseded, structures + nameless))
}

fn documents(inputs: &Inputs) -> impl Iterator<Item = u16> {
    0..u16::try_from(inputs.len()).unwrap_or(u16::MAX)
}

fn document(header: Option<&Header>) -> Document {
    let profiles: Vec<Profile> = header.map(|header| header.profiles.iter().map(|uri| Profile::of(uri)).collect()).unwrap_or_default();
    Document {
        header: header.cloned(),
        is_checked: profiles.is_empty() || profiles.iter().any(|profile| *profile != Profile::Other),
        defines: profiles.is_empty() || profiles.iter().any(|profile| profile.defines()),
    }
}

fn parse(inputs: &Inputs, document: u16, budget: &mut u64, sink: &mut dyn Sink) -> Result<(), Fault> {
    let bounds = inputs.bounds();
    let most = bounds.document_bytes.min(*budget).min(Bounds::LARGEST_DOCUMENT);
    let read = inputs.open(document, |reader| rdf::parse(reader, bounds, most, sink)).map_err(|error| {
        Fault::new("cim::file-unreadable", format!("the document cannot be opened: {error}"), "check the file and its permissions")
    })??;
    *budget = budget.saturating_sub(read);
    Ok(())
}

fn scan(inputs: &Inputs, document: u16, budget: &mut u64, problems: &mut Problems) -> Option<Scan> {
    let mut scan = Scan::default();
    match parse(inputs, document, budget, &mut scan) {
        Ok(()) => Some(scan),
        Err(fault) => {
            problems.fault(document, fault);
            None
        }
    }
}

/// The version that all documents are of.
fn version(inputs: &Inputs, scans: &[Option<Scan>], problems: &mut Problems) -> Option<Version> {
    let mut found: Option<(u16, Version)> = None;
    for (document, scan) in documents(inputs).zip(scans) {
        let Some(scan) = scan else { continue };
        let at = Some(At::start(document, 0));
        match (scan.version, found) {
            (Some(version), None) => found = Some((document, version)),
            (Some(version), Some((first, before))) if version != before => {
                let message = format!("this document is of {version}, {} is of {before}", inputs.name(first));
                problems.push(Diagnostic::error("cim::version-mixed", message).fix("give documents of one version"), at);
                problems.broken = true;
            }
            (Some(_), Some(_)) => {}
            (None, _) => {
                let what = scan.other_version.as_ref().map_or_else(
                    || "no namespace of the information model is declared".to_owned(),
                    |uri| format!("the namespace {uri} is of a version that is not read"),
                );
                let fix = format!("export it as CGMES 2.4.15 ({}) or 3.0 ({})", Version::Cim16.namespace(), Version::Cim17.namespace());
                problems.push(Diagnostic::error("cim::version-unknown", what).fix(fix), at);
                problems.broken = true;
            }
        }
    }
    found.map(|(_, version)| version)
}

fn about_headers(version: Version, headers: &[(u16, Option<&Header>, At)], problems: &mut Problems) {
    for (_, header, at) in headers {
        let Some(header) = header else {
            let problem = Diagnostic::warning("cim::header-missing", "the document has no header (md:FullModel)");
            problems.push(problem.fix("export it with its header; without one neither profile nor dependencies can be checked"), Some(*at));
            continue;
        };
        if header.profiles.is_empty() {
            let problem = Diagnostic::warning("cim::profile-missing", format!("the header of {} names no profile", header.id));
            problems.push(problem.fix("add md:Model.profile"), Some(*at));
        }
        for uri in &header.profiles {
            if Profile::version(uri).is_some_and(|of| of != version) {
                let message = format!("the profile {uri} is not one of {version}, which the document's namespace says");
                problems.push(Diagnostic::warning("cim::profile-version", message).fix("correct the profile or the namespace"), Some(*at));
            }
        }
    }
}
