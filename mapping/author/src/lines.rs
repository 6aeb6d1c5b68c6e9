//! Places of many spans of one report: each text is counted once, not once for each span.

use bridge_diag::{Report, SourceId, Span};

/// Where the lines of a report's texts begin.
#[derive(Debug)]
pub(crate) struct Lines<'r> {
    report: &'r Report,
    starts: Vec<(SourceId, Vec<usize>)>,
}

impl<'r> Lines<'r> {
    pub(crate) const fn new(report: &'r Report) -> Self {
        Self { report, starts: Vec::new() }
    }

    /// `profile.toml:58`: the line in which a span begins.
    pub(crate) fn place(&mut self, span: Span) -> String {
        let line = self.number(span);
        self.report.source(span.source).map_or_else(String::new, |source| format!("{}:{line}", source.name))
    }

    /// The number of that line; the first is 1.
    pub(crate) fn number(&mut self, span: Span) -> usize {
        let Some(source) = self.report.source(span.source) else { return 0 };
        let at = match self.starts.iter().position(|(id, _)| *id == span.source) {
            Some(at) => at,
            None => {
                self.starts.push((span.source, source.text.match_indices('\n').map(|(at, _)| at + 1).collect()));
                self.starts.len() - 1
            }
        };
        self.starts.get(at).map_or(0, |(_, starts)| starts.partition_point(|start| *start <= span.start)) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;
    use bridge_diag::{Report, Span};

    #[test]
    fn a_line_is_that_of_the_report() {
        let mut report = Report::new();
        let text = "a\nbb\n\nc";
        let source = report.add_source("p.toml", text);
        let mut lines = Lines::new(&report);
        for start in 0..text.len() {
            let span = Span { source, start, end: start };
            let place = report.place(span).unwrap();
            assert_eq!(lines.place(span), format!("p.toml:{}", place.line), "octet {start}");
        }
    }
}
