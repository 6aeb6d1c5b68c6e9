//! The problems of one reading, bounded.

use bridge_diag::{Diagnostic, Report, Severity, Span};

/// Problems beyond this many are counted, not kept: a report holds one more, which says so.
const MAX_PROBLEMS: usize = Report::MAX_DIAGNOSTICS - 1;

/// Suggestions beyond this many are not looked for: each compares a word with every known one.
const MAX_SUGGESTIONS: usize = 100;

/// Known words that one suggestion looks at.
const MAX_CANDIDATES: usize = 2000;

/// The problems so far.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<Diagnostic>,
    more: usize,
    more_severe: Option<Severity>,
    suggestions: usize,
}

impl Problems {
    /// Notes a problem.
    pub(crate) fn push(&mut self, problem: Diagnostic) {
        if self.list.len() < MAX_PROBLEMS {
            self.list.push(problem);
        } else {
            self.more += 1;
            self.more_severe = self.more_severe.max(Some(problem.severity));
        }
    }

    /// Notes an error.
    pub(crate) fn error(&mut self, code: &str, span: Span, message: impl Into<String>, fix: impl Into<String>) {
        self.push(Diagnostic::error(code, message).at(span).fix(fix));
    }

    /// Notes a warning.
    pub(crate) fn warning(&mut self, code: &str, span: Span, message: impl Into<String>, fix: impl Into<String>) {
        self.push(Diagnostic::warning(code, message).at(span).fix(fix));
    }

    /// `did you mean NEAR?`, or `otherwise` if no known word is near.
    pub(crate) fn suggest<'w>(&mut self, word: &str, known: impl Iterator<Item = &'w str>, otherwise: &str) -> String {
        self.suggestions += 1;
        let near = (self.suggestions <= MAX_SUGGESTIONS && word.len() <= 256)
            .then(|| bridge_diag::nearest(word, known.filter(|known| known.len() <= 256).take(MAX_CANDIDATES)))
            .flatten();
        near.map_or_else(|| otherwise.to_owned(), |near| format!("did you mean {near}?"))
    }

    /// Hands everything to a report.
    pub(crate) fn report(self, into: &mut Report) {
        let (more, severity) = (self.more, self.more_severe);
        let last = self.list.last().and_then(|problem| problem.span);
        for problem in self.list {
            into.push(problem);
        }
        if let Some(severity) = severity {
            // An error among them stays an error.
            let message = format!("{more} further problems are not listed");
            let summary = Diagnostic { severity, ..Diagnostic::error("scl::more-problems", message) };
            into.push(summary.at(last).fix("mend those listed first: most of the others have the same cause"));
        }
    }
}
