//! `expand`: the flat profile, each row with its origin.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use bridge_diag::{Entry, Node, Report, Shape, Table};
use bridge_profile::{ExpandedRow, Expansion};

use crate::lines::Lines;
use crate::sheet::Sheet;
use crate::toml;

/// The columns of the flat table before those of the keys.
const FIRST: [&str; 3] = ["kind", "origin", "id"];

/// `profile.toml:58 (template unit, u=U1, base=1000)`.
pub(crate) fn origin(row: &ExpandedRow, lines: &mut Lines<'_>) -> String {
    let place = lines.place(row.table.span);
    match &row.origin {
        // The origin of a row of a point list is the list, which the place names already.
        Some(origin) if !place.starts_with(&format!("{origin}:")) => format!("{place} ({origin})"),
        Some(_) | None => place,
    }
}

/// The expanded profile as a profile: it compiles to an equal plan. `report` is the one that the expansion was made with.
#[must_use]
pub fn to_toml(expansion: &Expansion, report: &Report) -> String {
    let mut lines = Lines::new(report);
    let mut out = String::from(
        "# Expanded: templates, groups, `for` and point lists are written out. Behind each row stands where it comes from.\n\n",
    );
    let (tables, plain): (Vec<&Entry>, Vec<&Entry>) = expansion.head.iter().partition(|entry| matches!(entry.node.shape, Shape::Table(_)));
    for entry in plain {
        out.push_str(&toml::entry(entry));
        out.push('\n');
    }
    // Lists of rows are keys of the root, so they stand before the first table.
    for (name, rows) in expansion.rows.iter().filter(|(_, rows)| !rows.is_empty()) {
        let _ = writeln!(out, "\n{name} = [");
        for row in rows {
            let _ = writeln!(out, "  {}, # {}", toml::table(&id_first(&row.table)), origin(row, &mut lines));
        }
        out.push_str("]\n");
    }
    for entry in tables {
        let Shape::Table(table) = &entry.node.shape else { continue };
        let _ = writeln!(out, "\n[{}]", toml::key(&entry.key));
        for inner in &table.entries {
            let _ = writeln!(out, "{} = {}", toml::key(&inner.key), toml::listed(&inner.node));
        }
    }
    for test in &expansion.tests {
        let _ = writeln!(out, "\n[[test]] # {}", lines.place(test.span));
        for entry in &test.entries {
            let _ = writeln!(out, "{} = {}", toml::key(&entry.key), toml::listed(&entry.node));
        }
    }
    out
}

/// The rows as one flat table: `kind`, `origin`, `id`, then a column for each key that any row has, inner keys with a dot.
#[must_use]
pub fn to_csv(expansion: &Expansion, report: &Report) -> String {
    let mut lines = Lines::new(report);
    let mut seen = BTreeSet::new();
    let mut columns: Vec<String> = FIRST.map(str::to_owned).to_vec();
    seen.extend(columns.iter().cloned());
    let mut rows = Vec::new();
    for (name, list) in &expansion.rows {
        let kind = name.strip_suffix('s').unwrap_or(name);
        for row in list {
            let mut cells = vec![("kind".to_owned(), kind.to_owned()), ("origin".to_owned(), origin(row, &mut lines))];
            flatten("", &row.table, &mut cells);
            for (column, _) in &cells {
                if seen.insert(column.clone()) {
                    columns.push(column.clone());
                }
            }
            rows.push(cells);
        }
    }
    let mut sheet = Sheet::new(columns);
    for cells in rows {
        sheet.push(cells);
    }
    sheet.to_text()
}

fn id_first(table: &Table) -> Table {
    let first = |entry: &&Entry| entry.key != "id" && entry.key != "on";
    let pick = |key| table.entry(key).into_iter();
    let entries = pick("id").chain(pick("on")).chain(table.entries.iter().filter(first)).cloned().collect();
    Table { span: table.span, entries }
}

/// The scalars of a table with their dotted keys; a list of plain values is one cell.
pub(crate) fn flatten(before: &str, table: &Table, cells: &mut Vec<(String, String)>) {
    for entry in &table.entries {
        let column = if before.is_empty() { entry.key.clone() } else { format!("{before}.{}", entry.key) };
        match &entry.node.shape {
            Shape::Table(inner) => flatten(&column, inner, cells),
            Shape::Str(_) | Shape::Int(_) | Shape::Float(_) | Shape::Bool(_) | Shape::Datetime(_) | Shape::List(_) => {
                cells.push((column, cell(&entry.node)));
            }
        }
    }
}

/// A value as people write it in a cell.
pub(crate) fn cell(node: &Node) -> String {
    match &node.shape {
        Shape::Str(text) | Shape::Datetime(text) => text.clone(),
        Shape::List(list) if list.iter().all(|item| matches!(&item.shape, Shape::Str(text) if !text.contains([' ', ';', '|']))) => {
            list.iter().map(cell).collect::<Vec<_>>().join(" ")
        }
        Shape::Int(_) | Shape::Float(_) | Shape::Bool(_) | Shape::List(_) | Shape::Table(_) => toml::value(node),
    }
}
