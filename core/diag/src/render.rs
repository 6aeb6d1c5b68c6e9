//! Text, JSON and SARIF.

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use serde_json::{Value, json};

use crate::{Diagnostic, Explanations, Report, Severity, Span};

impl Report {
    /// The problems as a person reads them, with the lines they are about. Without colours.
    #[must_use]
    pub fn render_text(&self) -> String {
        self.render_with(&Renderer::plain())
    }

    /// The same, with colours.
    #[must_use]
    pub fn render_colour(&self) -> String {
        self.render_with(&Renderer::styled())
    }

    fn render_with(&self, renderer: &Renderer) -> String {
        let mut out = String::new();
        for diagnostic in self.sorted() {
            out.push_str(&self.one(diagnostic, renderer));
            out.push_str("\n\n");
        }
        let (errors, warnings) = (self.errors(), self.warnings());
        if errors + warnings > 0 {
            out.push_str(&count(errors, "error"));
            if warnings > 0 {
                out.push_str(", ");
                out.push_str(&count(warnings, "warning"));
            }
            if self.hidden() > 0 {
                out.push_str(&format!(" ({} not shown)", self.hidden()));
            }
            out.push('\n');
        }
        out
    }

    fn one(&self, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.as_str());
        let snippet = diagnostic.span.and_then(|span| {
            let source = self.source(span.source)?;
            let end = span.end.clamp(span.start, source.text.len());
            // A table stands on many lines; its first line says enough.
            let first_line = source.text.get(span.start..end)?.find('\n').map_or(end, |at| span.start + at);
            let annotation = AnnotationKind::Primary.span(span.start..first_line);
            let snippet = Snippet::source(source.text.as_str()).line_start(source.line).annotation(annotation);
            // A piece from the middle of a line: the renderer would count columns from the piece.
            Some(match self.place(span).filter(|_| source.column > 1) {
                Some(place) => (Some(Origin::path(source.name.as_str()).line(place.line).char_column(place.column)), snippet),
                None => (None, snippet.path(source.name.as_str())),
            })
        });
        let (place, snippet) = snippet.unzip();
        let origin = diagnostic.origin.as_deref().map(|origin| Level::NOTE.message(format!("expanded from {origin}")));
        let help = diagnostic.help.as_deref().map(|help| Level::HELP.message(help));
        let mut group = title.elements(place.flatten()).elements(snippet);
        if let Some(origin) = origin {
            group = group.element(origin);
        }
        if let Some(help) = help {
            group = group.element(help);
        }
        renderer.render(&[group])
    }

    /// The problems as JSON: `{ errors, warnings, diagnostics: [{ code, severity, message, file, line, column, origin, help }] }`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let diagnostics: Vec<Value> = self
            .sorted()
            .into_iter()
            .map(|d| {
                let place = d.span.and_then(|span| self.place(span));
                json!({
                    "code": d.code,
                    "severity": d.severity.as_str(),
                    "message": d.message,
                    "file": place.as_ref().map(|p| p.file.as_str()),
                    "line": place.as_ref().map(|p| p.line),
                    "column": place.as_ref().map(|p| p.column),
                    "origin": d.origin,
                    "help": d.help,
                })
            })
            .collect();
        json!({ "errors": self.errors(), "warnings": self.warnings(), "diagnostics": diagnostics })
    }

    /// The problems as a SARIF 2.1.0 log, for code review tools: each code is a rule with its paragraph, each problem a result with its region.
    #[must_use]
    pub fn to_sarif(&self, explanations: &Explanations) -> Value {
        let mut codes: Vec<&str> = self.diagnostics().iter().map(|d| d.code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        let rules: Vec<Value> = codes
            .iter()
            .map(|code| match explanations.explain(code) {
                Some(text) => {
                    json!({ "id": code, "fullDescription": { "text": text }, "help": { "text": format!("ies-bridge explain {code}") } })
                }
                None => json!({ "id": code }),
            })
            .collect();
        let results: Vec<Value> = self
            .sorted()
            .into_iter()
            .map(|d| {
                let mut text = d.message.clone();
                for (word, more) in [("expanded from", &d.origin), ("fix:", &d.help)] {
                    if let Some(more) = more {
                        text.push_str(&format!("; {word} {more}"));
                    }
                }
                let locations: Vec<Value> = d.span.and_then(|span| self.location(span)).into_iter().collect();
                json!({
                    "ruleId": d.code,
                    "ruleIndex": codes.binary_search(&d.code.as_str()).ok(),
                    "level": d.severity.as_str(),
                    "message": { "text": text },
                    "locations": locations,
                })
            })
            .collect();
        let driver = json!({ "name": "ies-bridge", "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules });
        json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{ "tool": { "driver": driver }, "columnKind": "unicodeCodePoints", "results": results }],
        })
    }

    /// Where a span begins and ends; the end column is the one behind its last character.
    fn location(&self, span: Span) -> Option<Value> {
        let place = self.place(span)?;
        let mut region = json!({ "startLine": place.line, "startColumn": place.column });
        let end = self.place(Span { start: span.end, ..span }).filter(|_| span.end > span.start);
        if let (Some(end), Some(region)) = (end, region.as_object_mut()) {
            region.insert("endLine".to_owned(), json!(end.line));
            region.insert("endColumn".to_owned(), json!(end.column));
        }
        Some(json!({ "physicalLocation": { "artifactLocation": { "uri": uri(&place.file) }, "region": region } }))
    }
}

/// A path as a URI reference (RFC 3986): what may not stand in one is written as octets, and a first segment with a colon is no scheme.
fn uri(path: &str) -> String {
    let mut out = String::new();
    if path.split('/').next().is_some_and(|first| first.contains(':')) {
        out.push_str("./");
    }
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::uri;
    use crate::{Diagnostic, Explanation, Explanations, Report, Span};

    fn report() -> Report {
        let mut report = Report::new();
        let source = report.add_source("profile.toml", "[point]\nsgin = \"generation\"\n");
        report.push(
            Diagnostic::error("profile::unknown-key", "point has no key `sgin`")
                .at(Span { source, start: 8, end: 12 })
                .from_origin(Some("template unit, u=U1"))
                .fix("did you mean `sign`?"),
        );
        report.push(Diagnostic::warning("profile::x", "look"));
        report
    }

    #[test]
    fn text_shows_line_origin_and_fix() {
        let text = report().render_text();
        for part in [
            "error[profile::unknown-key]: point has no key `sgin`",
            "profile.toml:2:1",
            "sgin = \"generation\"",
            "^^^^",
            "expanded from template unit, u=U1",
            "did you mean `sign`?",
            "1 error, 1 warning",
        ] {
            assert!(text.contains(part), "{part:?} not in:\n{text}");
        }
    }

    #[test]
    fn a_piece_of_a_long_line_is_shown_at_its_place_in_the_whole() {
        let mut report = Report::new();
        let source = report.add_excerpt("model.xml", "<b rdf:ID=\"_1\"/>", 7, 4001);
        report.push(Diagnostic::error("x::y", "twice").at(Span { source, start: 3, end: 9 }));
        let whole = report.add_excerpt("other.xml", "  <c/>", 12, 1);
        report.push(Diagnostic::error("x::z", "no such class").at(Span { source: whole, start: 2, end: 6 }));
        let text = report.render_text();
        for part in ["model.xml:7:4004", "7 | <b rdf:ID", "other.xml:12:3", "12 |   <c/>"] {
            assert!(text.contains(part), "{part:?} not in:\n{text}");
        }
        assert_eq!(report.to_json()["diagnostics"][0]["column"], 4004);
    }

    #[test]
    fn json_and_sarif_carry_the_place() {
        let json = report().to_json();
        assert_eq!(json["errors"], 1);
        assert_eq!(json["diagnostics"][1]["line"], 2);
        assert_eq!(json["diagnostics"][1]["origin"], "template unit, u=U1");
        const TABLE: &[Explanation] = &[Explanation { code: "profile::x", text: "Look at it." }];
        let sarif = report().to_sarif(&Explanations::default().with(TABLE));
        let run = &sarif["runs"][0];
        let region = &run["results"][1]["locations"][0]["physicalLocation"]["region"];
        assert_eq!(*region, serde_json::json!({ "startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 5 }));
        let rules = &run["tool"]["driver"]["rules"];
        assert_eq!(
            (rules[0]["id"].as_str(), rules[1]["fullDescription"]["text"].as_str()),
            (Some("profile::unknown-key"), Some("Look at it."))
        );
        for result in run["results"].as_array().unwrap() {
            let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[rule]["id"], result["ruleId"]);
        }
    }

    #[test]
    fn paths_are_uri_references() {
        assert_eq!(uri("site a/pröfile#1.toml"), "site%20a/pr%C3%B6file%231.toml");
        assert_eq!(uri("c:x/profile.toml"), "./c:x/profile.toml");
        assert_eq!(uri("/srv/profile.toml"), "/srv/profile.toml");
    }
}
