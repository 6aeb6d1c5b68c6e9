//! Point lists as CSV, the form in which they come from site: one row, one point.

use bridge_diag::{Diagnostic, Entry, Node, Report, Shape, SourceId, Span, Table, nearest};

use crate::codes::DIALECT;

/// The columns of a point list: every key of a point has one. `ioa` and `ti` are `addr.ioa` and `addr.ti`, `addr.X` is any other address
/// field; `on`, `class`, `type`, `phases` and `alias` are those of `cim`; `link` is the point's own `on`, `stream_class` its own `class`;
/// `low` and `high` are the ends of its `range`; `limits` is the name of a set, or the list as in TOML.
pub const COLUMNS: [&str; 28] = [
    "id",
    "link",
    "ioa",
    "ti",
    "on",
    "class",
    "type",
    "phases",
    "alias",
    "unit",
    "wire_unit",
    "scale",
    "offset",
    "sign",
    "basis",
    "low",
    "high",
    "deadband",
    "limits",
    "alarm.when",
    "alarm.severity",
    "alarm.kind",
    "alarm.text",
    "alarm.latch",
    "transit",
    "stream_class",
    "verbs",
    "text",
];

/// The most rows one point list may have.
pub(crate) const MAX_CSV_ROWS: usize = 500_000;

/// The rows of a point list, each shaped like a point of the profile. `on` names the resource; the link comes from `[[points_csv]]`.
pub fn rows(source: SourceId, report: &mut Report) -> Vec<Table> {
    let mut out = Vec::new();
    each(source, report, |table, _| out.push(table));
    out
}

/// The same, one at a time.
pub(super) fn each(source: SourceId, report: &mut Report, mut take: impl FnMut(Table, &mut Report)) {
    let Some(text) = report.source(source).map(|s| s.text.clone()) else { return };
    let mut lines = Records::new(&text, source);
    let Some(header) = lines.next() else {
        report.push(bad(Span { source, start: 0, end: 0 }, "the point list is empty").fix("start with a line of column names"));
        return;
    };
    let names: Vec<&str> = header.iter().map(|(name, _)| name.trim()).collect();
    for (name, (_, span)) in names.iter().zip(&header) {
        if !COLUMNS.contains(name) && !name.starts_with("addr.") {
            let fix =
                nearest(name, COLUMNS).map_or_else(|| format!("known columns: {}", COLUMNS.join(", ")), |n| format!("did you mean `{n}`?"));
            report.push(bad(*span, &format!("there is no column `{name}`")).fix(fix));
        }
    }
    let mut count = 0;
    for record in lines {
        let span = match (record.first(), record.last()) {
            (Some(first), Some(last)) => Span { source, start: first.1.start, end: last.1.end },
            _ => continue,
        };
        if record.len() != names.len() {
            report.push(
                bad(span, &format!("this row has {} cells, the header has {}", record.len(), names.len()))
                    .fix("quote cells that contain a comma"),
            );
            continue;
        }
        if count >= MAX_CSV_ROWS {
            report.push(bad(span, &format!("more than {MAX_CSV_ROWS} rows")).fix("split the list"));
            break;
        }
        count += 1;
        let table = row(&names, &record, span, report);
        take(table, report);
    }
}

fn bad(span: Span, message: &str) -> Diagnostic {
    Diagnostic::error("profile::csv-malformed", message).at(span)
}

fn row(names: &[&str], record: &[(String, Span)], span: Span, report: &mut Report) -> Table {
    let mut entries = Vec::new();
    let (mut addr, mut cim, mut alarm, mut range) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (name, (cell, at)) in names.iter().zip(record) {
        let cell = cell.trim();
        if cell.is_empty() {
            continue;
        }
        let text = || Shape::Str(cell.to_owned());
        let entry = |key: &str, shape: Shape| Entry { key: key.to_owned(), key_span: *at, node: Node { span: *at, shape } };
        match *name {
            "ioa" | "ti" => addr.push(entry(name, scalar(cell))),
            "on" | "class" | "type" | "phases" | "alias" => cim.push(entry(name, text())),
            "link" => entries.push(entry("on", text())),
            "stream_class" => entries.push(entry("class", text())),
            "low" | "high" => range.push(Node { span: *at, shape: end_of_range(cell) }),
            "limits" if cell.starts_with('[') => entries.push(entry("limits", written(cell, *at, report))),
            "verbs" => {
                let list = cell.split([' ', ';', '|']).filter(|w| !w.is_empty());
                let list = list.map(|word| Node { span: *at, shape: Shape::Str(word.to_owned()) }).collect();
                entries.push(entry("verbs", Shape::List(list)));
            }
            "scale" | "offset" => entries.push(entry(name, scalar(cell))),
            other => match (other.strip_prefix("addr."), other.strip_prefix("alarm.")) {
                (Some(field), _) => addr.push(entry(field, scalar(cell))),
                (None, Some(key @ ("when" | "latch"))) => alarm.push(entry(key, scalar(cell))),
                (None, Some(key)) => alarm.push(entry(key, text())),
                (None, None) => entries.push(entry(other, text())),
            },
        }
    }
    let mut add = |key: &str, shape: Shape| entries.push(Entry { key: key.to_owned(), key_span: span, node: Node { span, shape } });
    if !range.is_empty() {
        add("range", Shape::List(range));
    }
    if !alarm.is_empty() {
        add("alarm", Shape::Table(Table { span, entries: alarm }));
    }
    for (key, inner) in [("addr", addr), ("cim", cim)] {
        add(key, Shape::Table(Table { span, entries: inner }));
    }
    Table { span, entries }
}

/// A cell as the value that it would be in TOML without quotes, else text.
fn scalar(cell: &str) -> Shape {
    match (cell.parse::<i64>(), cell.parse::<f64>(), cell) {
        (Ok(value), _, _) => Shape::Int(value),
        (Err(_), Ok(value), _) => Shape::Float(value),
        (Err(_), Err(_), "true") => Shape::Bool(true),
        (Err(_), Err(_), "false") => Shape::Bool(false),
        (Err(_), Err(_), text) => Shape::Str(text.to_owned()),
    }
}

/// An end of a range: a quantity, or a plain number of what has no unit.
fn end_of_range(cell: &str) -> Shape {
    match cell.parse::<f64>() {
        Ok(_) => scalar(cell),
        Err(_) => Shape::Str(cell.to_owned()),
    }
}

/// A list of limits as it is written in TOML, its places all those of the cell; what is none is reported and read as an empty one, so that
/// it is no second problem.
fn written(cell: &str, at: Span, report: &mut Report) -> Shape {
    let mut own = Report::new();
    let source = own.add_source("cell", format!("limits = {cell}"));
    let table = bridge_diag::read(source, &DIALECT, &mut own);
    let Some(mut node) = table.and_then(|table| table.entries.into_iter().next()).map(|entry| entry.node) else {
        let why = own.diagnostics().first().map_or("", |first| first.message.as_str());
        report.push(bad(at, &format!("`limits` begins like a list and is none: {why}")).fix(
            "write `[{ name = \"H\", above = \"255 MW\", hysteresis = \"2 MW\", severity = \"warning\" }]`, or the name of a set of [limits]",
        ));
        return Shape::List(Vec::new());
    };
    move_to(&mut node, at);
    node.shape
}

fn move_to(node: &mut Node, at: Span) {
    node.span = at;
    match &mut node.shape {
        Shape::List(list) => list.iter_mut().for_each(|item| move_to(item, at)),
        Shape::Table(table) => {
            table.span = at;
            for entry in &mut table.entries {
                entry.key_span = at;
                move_to(&mut entry.node, at);
            }
        }
        Shape::Str(_) | Shape::Int(_) | Shape::Float(_) | Shape::Bool(_) | Shape::Datetime(_) => {}
    }
}

/// One record: its cells, each with its place.
type Record = Vec<(String, Span)>;

/// The records of a CSV text (RFC 4180: quotes double inside quotes), each cell with its place. Empty lines and lines that begin with
/// `#` are left out.
#[must_use]
pub fn csv_records(text: &str, source: SourceId) -> Vec<Record> {
    Records::new(text, source).collect()
}

struct Records<'t> {
    text: &'t str,
    source: SourceId,
    /// Where the next cell begins.
    start: usize,
}

impl<'t> Records<'t> {
    fn new(text: &'t str, source: SourceId) -> Self {
        Self { text, source, start: 0 }
    }

    /// The next line that is not at the end of the text, whatever is on it.
    fn line(&mut self) -> Option<Record> {
        let rest = self.text.get(self.start..).filter(|rest| !rest.is_empty())?;
        let begin = self.start;
        let mut record = Record::new();
        let mut cell = String::new();
        let mut quoted = false;
        let mut chars = rest.char_indices().map(|(at, c)| (begin + at, c)).peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' if quoted && chars.peek().is_some_and(|(_, next)| *next == '"') => {
                    cell.push('"');
                    chars.next();
                }
                '"' => quoted = !quoted,
                ',' | '\n' if !quoted => {
                    record.push((std::mem::take(&mut cell), Span { source: self.source, start: self.start, end: at }));
                    self.start = at + 1;
                    if c == '\n' {
                        return Some(record);
                    }
                }
                '\r' if !quoted => {}
                _ => cell.push(c),
            }
        }
        record.push((cell, Span { source: self.source, start: self.start, end: self.text.len() }));
        self.start = self.text.len();
        Some(record)
    }
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            let record = self.line()?;
            let blank = record.iter().all(|(cell, _)| cell.trim().is_empty());
            let comment = record.first().is_some_and(|(cell, _)| cell.trim_start().starts_with('#'));
            if !blank && !comment {
                return Some(record);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::csv_records;
    use bridge_diag::SourceId;

    #[test]
    fn quotes_commas_comments_and_places() {
        let text = "id,text\r\n# no\n\na,\"x, \"\"y\"\"\"\nb,\n";
        let all = csv_records(text, SourceId(0));
        let cells: Vec<Vec<&str>> = all.iter().map(|r| r.iter().map(|(c, _)| c.as_str()).collect()).collect();
        assert_eq!(cells, [vec!["id", "text"], vec!["a", "x, \"y\""], vec!["b", ""]]);
        let span = all[1][1].1;
        assert_eq!(&text[span.start..span.end], "\"x, \"\"y\"\"\"");
    }
}
