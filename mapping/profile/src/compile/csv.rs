//! Point lists as CSV, the form in which they come from site: one row, one point.

use bridge_diag::{Diagnostic, Entry, Node, Report, Shape, SourceId, Span, Table, nearest};

/// The columns of a point list and the keys they stand for. `addr.X` passes any other address field.
const COLUMNS: [&str; 15] =
    ["id", "ioa", "ti", "on", "class", "type", "phases", "unit", "wire_unit", "scale", "offset", "sign", "deadband", "verbs", "text"];

/// The most rows one point list may have.
pub(crate) const MAX_CSV_ROWS: usize = 500_000;

/// The rows of a point list, each shaped like a point of the profile. `on` names the resource; the link comes from `[[points_csv]]`.
pub(crate) fn rows(source: SourceId, report: &mut Report) -> Vec<Table> {
    let Some(text) = report.source(source).map(|s| s.text.clone()) else { return Vec::new() };
    let mut lines = records(&text, source).into_iter();
    let Some(header) = lines.next() else {
        report.push(bad(Span { source, start: 0, end: 0 }, "the point list is empty").fix("start with a line of column names"));
        return Vec::new();
    };
    let names: Vec<&str> = header.iter().map(|(name, _)| name.trim()).collect();
    for (name, (_, span)) in names.iter().zip(&header) {
        if !COLUMNS.contains(name) && *name != "basis" && !name.starts_with("addr.") {
            let fix =
                nearest(name, COLUMNS).map_or_else(|| format!("known columns: {}", COLUMNS.join(", ")), |n| format!("did you mean `{n}`?"));
            report.push(bad(*span, &format!("there is no column `{name}`")).fix(fix));
        }
    }
    let mut out = Vec::new();
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
        if out.len() >= MAX_CSV_ROWS {
            report.push(bad(span, &format!("more than {MAX_CSV_ROWS} rows")).fix("split the list"));
            break;
        }
        out.push(row(&names, &record, span));
    }
    out
}

fn bad(span: Span, message: &str) -> Diagnostic {
    Diagnostic::error("profile::csv-malformed", message).at(span)
}

fn row(names: &[&str], record: &[(String, Span)], span: Span) -> Table {
    let mut entries = Vec::new();
    let (mut addr, mut cim) = (Vec::new(), Vec::new());
    for (name, (cell, at)) in names.iter().zip(record) {
        let cell = cell.trim();
        if cell.is_empty() {
            continue;
        }
        let shape = if let Ok(value) = cell.parse::<i64>() {
            Shape::Int(value)
        } else if let Ok(value) = cell.parse::<f64>() {
            Shape::Float(value)
        } else {
            Shape::Str(cell.to_owned())
        };
        let text = || Shape::Str(cell.to_owned());
        let entry = |key: &str, shape: Shape| Entry { key: key.to_owned(), key_span: *at, node: Node { span: *at, shape } };
        match *name {
            "ioa" | "ti" => addr.push(entry(name, shape)),
            "on" | "class" | "type" | "phases" => cim.push(entry(name, text())),
            "verbs" => {
                let list = cell.split([' ', ';', '|']).filter(|w| !w.is_empty());
                let list = list.map(|word| Node { span: *at, shape: Shape::Str(word.to_owned()) }).collect();
                entries.push(entry("verbs", Shape::List(list)));
            }
            "scale" | "offset" => entries.push(entry(name, shape)),
            other => match other.strip_prefix("addr.") {
                Some(field) => addr.push(entry(field, shape)),
                None => entries.push(entry(other, text())),
            },
        }
    }
    for (key, inner) in [("addr", addr), ("cim", cim)] {
        let table = Table { span, entries: inner };
        entries.push(Entry { key: key.to_owned(), key_span: span, node: Node { span, shape: Shape::Table(table) } });
    }
    Table { span, entries }
}

/// The records of a CSV text (RFC 4180: quotes double inside quotes), each cell with its place. Empty lines and lines that begin with
/// `#` are left out.
fn records(text: &str, source: SourceId) -> Vec<Vec<(String, Span)>> {
    let mut out = Vec::new();
    let mut record: Vec<(String, Span)> = Vec::new();
    let mut cell = String::new();
    let mut start = 0;
    let mut quoted = false;
    let mut chars = text.char_indices().peekable();
    let mut end_record = |record: &mut Vec<(String, Span)>| {
        let blank = record.iter().all(|(cell, _)| cell.trim().is_empty());
        let comment = record.first().is_some_and(|(cell, _)| cell.trim_start().starts_with('#'));
        let done = std::mem::take(record);
        if !blank && !comment {
            out.push(done);
        }
    };
    while let Some((at, c)) = chars.next() {
        match c {
            '"' if quoted && chars.peek().is_some_and(|(_, next)| *next == '"') => {
                cell.push('"');
                chars.next();
            }
            '"' => quoted = !quoted,
            ',' | '\n' if !quoted => {
                record.push((std::mem::take(&mut cell), Span { source, start, end: at }));
                start = at + 1;
                if c == '\n' {
                    end_record(&mut record);
                }
            }
            '\r' if !quoted => {}
            _ => cell.push(c),
        }
    }
    if start < text.len() || !record.is_empty() {
        record.push((cell, Span { source, start, end: text.len() }));
        end_record(&mut record);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::records;
    use bridge_diag::SourceId;

    #[test]
    fn quotes_commas_comments_and_places() {
        let text = "id,text\r\n# no\n\na,\"x, \"\"y\"\"\"\nb,\n";
        let all = records(text, SourceId(0));
        let cells: Vec<Vec<&str>> = all.iter().map(|r| r.iter().map(|(c, _)| c.as_str()).collect()).collect();
        assert_eq!(cells, [vec!["id", "text"], vec!["a", "x, \"y\""], vec!["b", ""]]);
        let span = all[1][1].1;
        assert_eq!(&text[span.start..span.end], "\"x, \"\"y\"\"\"");
    }
}
