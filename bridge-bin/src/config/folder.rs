//! A profile's folder on disk, and its compilation into the same report as the rest.

use std::io;
use std::path::{Path, PathBuf};

use bridge_diag::{Report, SourceId, Span};
use bridge_profile::{Expansion, Files, Plan, compile, expand};

use crate::adapters::protocols;

/// The root file of a profile's folder.
pub(crate) const ROOT: &str = "profile.toml";

/// The files of a profile, read from its folder.
pub(crate) struct ProfileFolder(pub(crate) PathBuf);

impl Files for ProfileFolder {
    fn read(&self, path: &str) -> io::Result<String> {
        std::fs::read_to_string(self.0.join(path))
    }
}

/// Compiles the profile in `folder`; its problems go to `report` with `shown` before each file's name.
pub(crate) fn compile_profile(folder: &Path, shown: &str, report: &mut Report) -> Option<Plan> {
    let mut own = Report::new();
    let plan = compile(&ProfileFolder(folder.to_owned()), ROOT, &protocols(), &mut own);
    absorb(report, &own, shown);
    plan
}

/// Expands the profile in `folder`: what its templates, groups and lists stand for.
pub(crate) fn expand_profile(folder: &Path, report: &mut Report) -> Option<Expansion> {
    expand(&ProfileFolder(folder.to_owned()), ROOT, report)
}

/// Takes over the problems of another report; its sources' names get `prefix` before them.
pub(crate) fn absorb(report: &mut Report, other: &Report, prefix: &str) {
    let mut moved: Vec<(SourceId, SourceId)> = Vec::new();
    for diagnostic in other.diagnostics() {
        let span = diagnostic.span.and_then(|span| {
            let known = moved.iter().find(|(from, _)| *from == span.source).map(|(_, to)| *to);
            let source = known.or_else(|| {
                let text = other.source(span.source)?;
                let to = report.add_source(join(prefix, &text.name), text.text.clone());
                moved.push((span.source, to));
                Some(to)
            })?;
            Some(Span { source, ..span })
        });
        report.push(diagnostic.clone().at(span));
    }
}

fn join(prefix: &str, name: &str) -> String {
    let prefix = prefix.trim_end_matches('/');
    if prefix.is_empty() || prefix == "." { name.to_owned() } else { format!("{prefix}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bridge_diag::Diagnostic;

    #[test]
    fn another_reports_places_keep_their_lines() {
        let mut inner = Report::new();
        let source = inner.add_source("profile.toml", "a\nbb\n");
        inner.push(Diagnostic::error("x::y", "wrong").at(Span { source, start: 2, end: 4 }));
        let mut outer = Report::new();
        outer.add_source("bridge.toml", "z");
        absorb(&mut outer, &inner, "../tps/");
        let place = outer.place(outer.diagnostics()[0].span.unwrap()).unwrap();
        assert_eq!((place.file.as_str(), place.line, place.column), ("../tps/profile.toml", 2, 1));
    }
}
