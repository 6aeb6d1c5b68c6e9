//! Points as a point list (`[[points_csv]]`), which reads back as the same points.

use std::collections::{BTreeMap, BTreeSet};

use bridge_diag::{Entry, Node, Report, Shape, SourceId, Table};
use bridge_profile::{Expansion, csv_records, csv_rows};

use crate::expand::cell;
use crate::sheet::{Sheet, record};
use crate::toml;

/// A point list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Carried {
    /// The CSV text.
    pub text: String,
    /// Ids of points that a point list cannot carry as they are written, and why. They are not in the text.
    pub left: Vec<(String, String)>,
}

/// All points of a profile that stand on links as one point list; with `link`, those of one link. The list has a column `link`, so
/// `[[points_csv]]` needs no `on`.
#[must_use]
pub fn to_point_list(expansion: &Expansion, link: Option<&str>) -> Carried {
    let (rows, left) = rows(expansion, link);
    let mut sheet = Sheet::new(columns(&rows));
    for (_, cells) in rows {
        sheet.push(cells);
    }
    Carried { text: sheet.to_text(), left }
}

/// The same merged into a point list that people have edited: rows keep their places by id, comments, blank lines and the order of columns
/// stay; new points come last, and a point that is gone becomes a comment.
///
/// # Errors
/// The list has no column `id`, or a row that does not fit its header.
pub fn merge_csv(expansion: &Expansion, link: Option<&str>, edited: &str) -> Result<Carried, String> {
    let (rows, left) = rows(expansion, link);
    let lines = logical_lines(edited);
    let Some(header_at) = lines.iter().position(|line| !is_remark(line)) else {
        return Ok(to_point_list(expansion, link));
    };
    let parse = |line: &str| csv_records(line, SourceId(0)).into_iter().next().unwrap_or_default();
    let mut names: Vec<String> =
        lines.get(header_at).map(|line| parse(line)).unwrap_or_default().into_iter().map(|(name, _)| name.trim().to_owned()).collect();
    let id_at = names.iter().position(|name| name == "id").ok_or("the list has no column `id`")?;
    let known: BTreeSet<String> = names.iter().cloned().collect();
    names.extend(columns(&rows).into_iter().filter(|name| !known.contains(name)));
    let mut fresh: BTreeMap<String, BTreeMap<String, String>> =
        rows.iter().map(|(id, cells)| (id.clone(), cells.iter().cloned().collect())).collect();
    let mut out = String::new();
    let line_of = |cells: &BTreeMap<String, String>| {
        let cells: Vec<String> = names.iter().map(|name| cells.get(name).cloned().unwrap_or_default()).collect();
        record(&cells)
    };
    for (at, line) in lines.iter().enumerate() {
        if is_remark(line) {
            out.push_str(line);
        } else if at == header_at {
            out.push_str(&record(&names));
        } else {
            let cells = parse(line);
            if cells.len() != known.len() {
                return Err(format!("a row has {} cells, the header has {}: {}", cells.len(), known.len(), line.trim_end()));
            }
            let id = cells.get(id_at).map(|(id, _)| id.trim().to_owned()).unwrap_or_default();
            match fresh.remove(&id) {
                Some(cells) => out.push_str(&line_of(&cells)),
                None => out.push_str(&format!("# not in the profile: {line}")),
            }
        }
        if !out.ends_with('\n') {
            out.push('\n');
        }
    }
    for (id, _) in &rows {
        if let Some(cells) = fresh.remove(id) {
            out.push_str(&line_of(&cells));
        }
    }
    Ok(Carried { text: out, left })
}

/// The lines of a CSV text with their ends; a line break inside quotes ends none.
fn logical_lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '\n' if !quoted => {
                lines.extend(text.get(start..=at));
                start = at + 1;
            }
            _ => {}
        }
    }
    lines.extend(text.get(start..).filter(|rest| !rest.is_empty()));
    lines
}

fn is_remark(line: &str) -> bool {
    let line = line.trim();
    line.starts_with('#') || line.trim_matches(',').is_empty()
}

type Row = (String, Vec<(String, String)>);

/// The rows that a point list carries without loss, and what it cannot carry.
fn rows(expansion: &Expansion, link: Option<&str>) -> (Vec<Row>, Vec<(String, String)>) {
    let (mut rows, mut left) = (Vec::new(), Vec::new());
    let points = expansion.rows.iter().find(|(name, _)| *name == "points").map_or(&[][..], |(_, rows)| rows.as_slice());
    for row in points.iter().filter(|row| link.is_none_or(|link| row.text("on") == Some(link))) {
        let id = row.text("id").unwrap_or_default().to_owned();
        let cells = cells(&row.table);
        match lost(&row.table, &cells) {
            None => rows.push((id, cells)),
            Some(key) => left.push((id, format!("`{key}` does not fit into a cell"))),
        }
    }
    (rows, left)
}

/// The columns that any row fills, in the order in which people expect them.
fn columns(rows: &[Row]) -> Vec<String> {
    let used: BTreeSet<&str> = rows.iter().flat_map(|(_, cells)| cells.iter().map(|(column, _)| column.as_str())).collect();
    let known = bridge_profile::CSV_COLUMNS;
    let mut columns: Vec<String> = Vec::new();
    for name in known.iter().filter(|name| used.contains(**name) || **name == "id") {
        columns.push((*name).to_owned());
        if *name == "link" {
            columns.extend(used.iter().filter(|column| column.starts_with("addr.")).map(|column| (*column).to_owned()));
        }
    }
    columns
}

fn cells(table: &Table) -> Vec<(String, String)> {
    let mut cells = Vec::new();
    let mut add = |column: String, node: &Node| cells.push((column, cell(node)));
    for entry in &table.entries {
        match (entry.key.as_str(), &entry.node.shape) {
            ("on", _) => add("link".to_owned(), &entry.node),
            ("class", _) => add("stream_class".to_owned(), &entry.node),
            ("range", Shape::List(ends)) => {
                for (column, end) in ["low", "high"].iter().zip(ends) {
                    add((*column).to_owned(), end);
                }
            }
            ("limits", Shape::List(_)) => cells_of_list(entry, &mut add),
            ("addr", Shape::Table(inner)) => {
                for field in &inner.entries {
                    let column = if matches!(field.key.as_str(), "ioa" | "ti") { field.key.clone() } else { format!("addr.{}", field.key) };
                    add(column, &field.node);
                }
            }
            ("alarm", Shape::Table(inner)) => {
                for field in &inner.entries {
                    add(format!("alarm.{}", field.key), &field.node);
                }
            }
            ("cim", Shape::Table(inner)) => {
                for field in &inner.entries {
                    add(field.key.clone(), &field.node);
                }
            }
            _ => add(entry.key.clone(), &entry.node),
        }
    }
    cells
}

fn cells_of_list(entry: &Entry, add: &mut impl FnMut(String, &Node)) {
    let written = Node { span: entry.node.span, shape: Shape::Str(toml::value(&entry.node)) };
    add(entry.key.clone(), &written);
}

/// The first key that would not come back as it is, if these cells were read.
fn lost(table: &Table, cells: &[(String, String)]) -> Option<String> {
    let (columns, values): (Vec<String>, Vec<String>) = cells.iter().cloned().unzip();
    let text = format!("{}{}", record(&columns), record(&values));
    let mut report = Report::new();
    let source = report.add_source("cells", text);
    let back = csv_rows(source, &mut report);
    let [back] = back.as_slice() else { return Some("the row".to_owned()) };
    let lost = table.entries.iter().find(|entry| !back.entry(&entry.key).is_some_and(|back| says_the_same(&entry.node, &back.node)));
    lost.map(|entry| entry.key.clone())
}

/// Whether two values are the same, wherever they stand and in whatever order their keys are.
pub(crate) fn says_the_same(a: &Node, b: &Node) -> bool {
    match (&a.shape, &b.shape) {
        (Shape::Table(a), Shape::Table(b)) => {
            a.entries.len() == b.entries.len()
                && a.entries.iter().all(|entry| b.entry(&entry.key).is_some_and(|other| says_the_same(&entry.node, &other.node)))
        }
        (Shape::List(a), Shape::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| says_the_same(a, b)),
        // A scale of 1 and one of 1.0 are one scale.
        #[expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "the same number, or not")]
        (Shape::Int(a), Shape::Float(b)) | (Shape::Float(b), Shape::Int(a)) => *a as f64 == *b,
        (a, b) => a == b,
    }
}
