//! Compiling: read everything, report everything, then build the plan.

mod calc;
mod control;
mod csv;
mod curtail;
mod expand;
mod instruct;
mod link;
mod nouns;
mod point;
mod rows;
mod scope;
mod serve;
mod switch;
mod tests_table;

use std::collections::BTreeMap;
use std::io;

use bridge_diag::{Diagnostic, Report, View, read};
use bridge_session::Protocol;

use crate::codes::DIALECT;
use crate::keys;
use crate::plan::{Peer, Plan};
pub use csv::{COLUMNS as CSV_COLUMNS, csv_records, rows as csv_rows};
pub use expand::{ExpandedRow, Expansion, expand};
use rows::{List, Rows};
use scope::Scope;

/// Where a profile's files are. Paths are relative to the profile's folder and use `/`.
pub trait Files {
    /// The whole text of one file.
    ///
    /// # Errors
    /// Not there, not readable, not UTF-8.
    fn read(&self, path: &str) -> io::Result<String>;
}

/// Files in memory: for tests, and for profiles that come from elsewhere than a folder.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles(pub BTreeMap<String, String>);

impl Files for MemoryFiles {
    fn read(&self, path: &str) -> io::Result<String> {
        self.0.get(path).cloned().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))
    }
}

/// The largest file a profile may have, in bytes.
pub(crate) const MAX_FILE_BYTES: usize = 64 << 20;

/// The schema this compiler reads.
pub(crate) const SCHEMA: &str = "ies-cim-profile/1";

/// Compiles the profile whose root file is `root`. Every problem goes to `report`; there is a plan exactly if none is an error.
pub fn compile(files: &dyn Files, root: &str, protocols: &[&dyn Protocol], report: &mut Report) -> Option<Plan> {
    let before = report.errors();
    let mut sources = FileReader { files, read: BTreeMap::new() };
    let text = sources.read(root, report)?;
    let source = report.add_source(root, text);
    let table = read(source, &DIALECT, report)?;
    let mut view = View::new(&table, DIALECT, "the profile", None).of(&keys::ROOT);

    if let Some((schema, span)) = view.need_str("schema", report)
        && schema != SCHEMA
    {
        report.push(
            view.error("profile::schema-unknown", span, format!("schema `{schema}` is not known here"))
                .fix(format!("this version reads `{SCHEMA}`")),
        );
    }
    let id = view.need_str("id", report);
    if let Some((id, span)) = id {
        scope::check_id(id, span, None, report);
    }
    let version = view.need_str("version", report);
    if let Some((cim, span)) = view.need_str("cim", report)
        && !matches!(cim, "CIM16" | "CIM17" | "CIM18")
    {
        report.push(view.error("profile::cim-unknown", span, format!("CIM version `{cim}` is not known")).fix("use CIM16, CIM17 or CIM18"));
    }
    view.take_str("text", report);

    let mut scope = Scope::new(protocols);
    scope.read_eras(&mut view, report);
    scope.peers = peers(&mut view, report);
    scope.read_links(&mut view, report);
    scope.read_aliases(&mut view, report);
    scope.read_limit_sets(&mut view, report);
    let rows = Rows::read(&mut view, &mut sources, report);
    let tests = view.take_tables("test", report);
    view.finish(report);

    rows.each(List::Points, report, |row, report| scope.compile_point(&row, report));
    rows.each(List::Remotes, report, |row, report| scope.compile_remote(&row, report));
    scope.compile_calcs(&rows.all(List::Calcs, report), report);
    rows.each(List::Controls, report, |row, report| scope.compile_control(&row, report));
    rows.each(List::Serves, report, |row, report| scope.compile_serve(&row, report));
    let tests = scope.compile_tests(&tests, report);
    scope.check_links_used(report);

    if report.errors() > before {
        return None;
    }
    let (id, version) = (id?.0.to_owned(), version?.0.to_owned());
    Some(scope.into_plan(id, version, sources.hash(), tests))
}

fn peers(view: &mut View<'_>, report: &mut Report) -> Vec<Peer> {
    let Some(table) = view.take_table("peer", report) else { return Vec::new() };
    let mut peers = Vec::new();
    let mut outer = view.inner(table, "[peer]").of(&keys::PEERS);
    for entry in outer.take_rest() {
        scope::check_id(&entry.key, entry.key_span, None, report);
        let bridge_diag::Shape::Table(inner) = &entry.node.shape else {
            report
                .push(outer.error(DIALECT.wrong_kind, entry.node.span, format!("peer `{}` must be a table", entry.key)).fix("write `{}`"));
            continue;
        };
        let mut peer = outer.inner(inner, format!("peer `{}`", entry.key)).of(&keys::PEER);
        let text = peer.take_str("text", report).map(|(text, _)| text.to_owned());
        peer.finish(report);
        peers.push(Peer { name: entry.key.clone(), text });
    }
    peers.sort_by(|a, b| a.name.cmp(&b.name));
    peers
}

/// Reads files and remembers them for the hash.
pub(crate) struct FileReader<'f> {
    files: &'f dyn Files,
    read: BTreeMap<String, String>,
}

impl FileReader<'_> {
    /// The file's text, or a problem without place.
    pub(crate) fn read(&mut self, path: &str, report: &mut Report) -> Option<String> {
        match self.try_read(path) {
            Ok(text) => Some(text),
            Err(problem) => {
                report.push(Diagnostic::error("profile::file-unreadable", problem).fix("paths are relative to the profile's folder"));
                None
            }
        }
    }

    /// The file's text, or why not.
    pub(crate) fn try_read(&mut self, path: &str) -> Result<String, String> {
        if path.starts_with('/') || path.contains('\\') || path.split('/').any(|part| part == "..") {
            return Err(format!("`{path}` leaves the profile's folder"));
        }
        let text = self.files.read(path).map_err(|error| format!("`{path}` cannot be read: {error}"))?;
        if text.len() > MAX_FILE_BYTES {
            return Err(format!("`{path}` has {} bytes, more than {MAX_FILE_BYTES}", text.len()));
        }
        self.read.insert(path.to_owned(), text.clone());
        Ok(text)
    }

    /// SHA-256 over (name, length, bytes) of every file read, in order of name.
    fn hash(&self) -> [u8; 32] {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        for (name, text) in &self.read {
            for part in [name.as_bytes(), text.as_bytes()] {
                context.update(&(part.len() as u64).to_le_bytes());
                context.update(part);
            }
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        hash
    }
}
