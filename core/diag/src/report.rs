//! All the problems of one reading, and the texts they point into.

/// One text that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// Its name as the user knows it: a path relative to where they are.
    pub name: String,
    /// Its text, or the piece of it that a problem is about.
    pub text: String,
    /// The line on which `text` begins; the first one is 1.
    pub line: usize,
    /// The column at which `text` begins, in characters; the first one is 1.
    pub column: usize,
}

/// Names a [`Source`] of a [`Report`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SourceId(pub u32);

/// A piece of a source: byte offsets, end exclusive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    /// Which text.
    pub source: SourceId,
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
}

/// How bad a problem is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Starts, but someone should look.
    Warning,
    /// Does not start.
    Error,
}

impl Severity {
    /// `error`, `warning`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One problem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// A stable code: `profile::sign-missing`.
    pub code: String,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, in the user's words.
    pub message: String,
    /// Where; `None` if it is about no place in a text.
    pub span: Option<Span>,
    /// What the place expanded from: `template unit, u=U1`.
    pub origin: Option<String>,
    /// The fix.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error without place, origin and fix.
    #[must_use]
    pub fn error(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), severity: Severity::Error, message: message.into(), span: None, origin: None, help: None }
    }

    /// A warning without place, origin and fix.
    #[must_use]
    pub fn warning(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// With its place.
    #[must_use]
    pub fn at(mut self, span: impl Into<Option<Span>>) -> Self {
        self.span = span.into();
        self
    }

    /// With what it expanded from.
    #[must_use]
    pub fn from_origin(mut self, origin: Option<&str>) -> Self {
        self.origin = origin.map(str::to_owned);
        self
    }

    /// With its fix.
    #[must_use]
    pub fn fix(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A place as people count: the first line and the first column are 1; columns are characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The source's name.
    pub file: String,
    /// The line of the first character.
    pub line: usize,
    /// Its column.
    pub column: usize,
}

/// All the problems of one reading.
#[derive(Clone, Debug, Default)]
pub struct Report {
    sources: Vec<Source>,
    diagnostics: Vec<Diagnostic>,
    hidden: usize,
}

impl Report {
    /// Problems beyond this many are counted, not kept: a template used a thousand times may repeat one mistake as often.
    pub const MAX_DIAGNOSTICS: usize = 1000;

    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps a text so that spans can point into it.
    pub fn add_source(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        self.add_excerpt(name, text, 1, 1)
    }

    /// Keeps a piece of a text that is too long to be kept whole: it begins at this line and column. Spans count from its first byte.
    pub fn add_excerpt(&mut self, name: impl Into<String>, text: impl Into<String>, line: usize, column: usize) -> SourceId {
        let id = SourceId(u32::try_from(self.sources.len()).unwrap_or(u32::MAX));
        self.sources.push(Source { name: name.into(), text: text.into(), line, column });
        id
    }

    /// The text behind an id.
    #[must_use]
    pub fn source(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(usize::try_from(id.0).ok()?)
    }

    /// Adds a problem. The same problem at the same place, expanded from several rows, is kept once per row.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.contains(&diagnostic) {
            return;
        }
        if self.diagnostics.len() >= Self::MAX_DIAGNOSTICS {
            self.hidden += 1;
            return;
        }
        self.diagnostics.push(diagnostic);
    }

    /// Every problem, in the order found.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// How many problems were beyond [`Self::MAX_DIAGNOSTICS`].
    #[must_use]
    pub const fn hidden(&self) -> usize {
        self.hidden
    }

    /// How many errors there are.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|d| d.severity == Severity::Error).count() + self.hidden
    }

    /// How many warnings there are.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.diagnostics.iter().filter(|d| d.severity == Severity::Warning).count()
    }

    /// Whether there is no error; warnings may be there.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.errors() == 0
    }

    /// The place of a span as people count.
    #[must_use]
    pub fn place(&self, span: Span) -> Option<Place> {
        let source = self.source(span.source)?;
        let before = source.text.get(..span.start)?;
        let line = before.matches('\n').count() + source.line;
        let newline = before.rfind('\n');
        let column = before.get(newline.map_or(0, |at| at + 1)..)?.chars().count() + newline.map_or(source.column, |_| 1);
        Some(Place { file: source.name.clone(), line, column })
    }

    /// The problems, ordered by file, place and code.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut all: Vec<&Diagnostic> = self.diagnostics.iter().collect();
        all.sort_by(|a, b| (a.span, &a.code, &a.origin).cmp(&(b.span, &b.code, &b.origin)));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::{Diagnostic, Report, Span};

    #[test]
    fn places_count_characters_not_bytes() {
        let mut report = Report::new();
        let source = report.add_source("a.toml", "x = 1\nθ = \"é\"\n");
        let place = report.place(Span { source, start: 11, end: 15 }).unwrap();
        assert_eq!((place.line, place.column), (2, 5));
    }

    #[test]
    fn an_excerpt_keeps_the_places_of_the_whole() {
        let mut report = Report::new();
        let source = report.add_excerpt("a.xml", "θ=\"1\"/>\n<b>", 40, 300);
        let place = |start| report.place(Span { source, start, end: start + 1 }).map(|place| (place.line, place.column));
        assert_eq!(place(3), Some((40, 302)));
        assert_eq!(place(10), Some((41, 2)));
    }

    #[test]
    fn problems_are_bounded_and_counted() {
        let mut report = Report::new();
        for i in 0..Report::MAX_DIAGNOSTICS + 7 {
            report.push(Diagnostic::error("x::y", format!("{i}")));
        }
        report.push(Diagnostic::error("x::y", "0"));
        assert_eq!(report.diagnostics().len(), Report::MAX_DIAGNOSTICS);
        assert_eq!(report.hidden(), 7, "the repeated one is neither kept nor counted");
        assert_eq!(report.errors(), Report::MAX_DIAGNOSTICS + 7);
    }

    #[test]
    fn warnings_do_not_stop() {
        let mut report = Report::new();
        report.push(Diagnostic::warning("x::y", "look"));
        assert!(report.is_ok());
        assert_eq!(report.warnings(), 1);
    }
}
