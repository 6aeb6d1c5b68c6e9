//! The problems of one reading, bounded.

use bridge_diag::{Diagnostic, Report, Span};

/// Problems beyond this many are counted, not kept.
const MAX_PROBLEMS: usize = Report::MAX_DIAGNOSTICS;

/// Suggestions beyond this many are not looked for: each compares a word with every known one.
const MAX_SUGGESTIONS: usize = 100;

/// Known words that one suggestion looks at.
const MAX_CANDIDATES: usize = 2000;

/// The problems so far.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<Diagnostic>,
    more: usize,
    suggestions: usize,
}

impl Problems {
    /// Notes a problem.
    pub(crate) fn push(&mut self, problem: Diagnostic) {
        if self.list.len() < MAX_PROBLEMS {
            self.list.push(problem);
        } else {
            self.more += 1;
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
        let more = self.more;
        let last = self.list.last().and_then(|problem| problem.span);
        for problem in self.list {
            into.push(problem);
        }
        if more > 0 {
            into.push(
                Diagnostic::warning("scl::more-problems", format!("{more} further problems are not listed"))
                    .at(last)
                    .fix("mend those listed first: most of the others have the same cause"),
            );
        }
    }
}
