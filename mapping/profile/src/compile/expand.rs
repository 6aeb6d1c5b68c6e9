//! A profile with nothing left to expand: what templates, groups, lists and files of points stand for.

use std::collections::BTreeMap;

use bridge_diag::{Entry, Node, Report, Shape, Span, Table, View, read};

use super::rows::{KINDS, List, Row, Rows};
use super::{FileReader, Files, scope};
use crate::codes::DIALECT;
use crate::keys;

/// A profile after templates, groups, lists and point lists. Interpolation is done; nothing else is checked yet.
#[derive(Clone, Debug)]
pub struct Expansion {
    /// The keys of the root that make no rows, in the order written; `[era]` without `for`.
    pub head: Vec<Entry>,
    /// The rows by the name of their list (`points`, `remotes`, `calcs`, `controls`, `serves`), in the order in which they are compiled.
    pub rows: Vec<(&'static str, Vec<ExpandedRow>)>,
    /// The tests.
    pub tests: Vec<Table>,
}

/// One row and where it comes from.
#[derive(Clone, Debug)]
pub struct ExpandedRow {
    /// Its keys. The spans point to where they are written.
    pub table: Table,
    /// What it expanded from: `template unit, u=U1`, or the name of its point list.
    pub origin: Option<String>,
}

impl ExpandedRow {
    /// A text of the row: its `id`.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        match &self.table.entry(key)?.node.shape {
            Shape::Str(text) => Some(text),
            Shape::Int(_) | Shape::Float(_) | Shape::Bool(_) | Shape::Datetime(_) | Shape::List(_) | Shape::Table(_) => None,
        }
    }
}

/// Expands the profile whose root file is `root`. Problems of the expansion itself go to `report`; what the rows mean is not looked at.
/// `None` if the root cannot be read at all.
pub fn expand(files: &dyn Files, root: &str, report: &mut Report) -> Option<Expansion> {
    let mut sources = FileReader { files, read: BTreeMap::new() };
    let text = sources.read(root, report)?;
    let source = report.add_source(root, text);
    let table = read(source, &DIALECT, report)?;
    let mut view = View::new(&table, DIALECT, "the profile", None).of(&keys::ROOT);
    let tests = view.take_tables("test", report).into_iter().cloned().collect();
    let rows = Rows::read(&mut view, &mut sources, report);
    let head = view.take_rest().into_iter().map(|entry| if entry.key == "era" { eras(entry, report) } else { entry.clone() }).collect();
    let lists = KINDS.map(|(name, _)| name).into_iter().zip(List::ALL);
    let mut expanded = |list| rows.all(list, report).into_iter().map(|Row { table, origin }| ExpandedRow { table, origin }).collect();
    let rows = lists.map(|(name, list)| (name, expanded(list))).collect();
    Some(Expansion { head, rows, tests })
}

fn eras(entry: &Entry, report: &mut Report) -> Entry {
    let Shape::Table(table) = &entry.node.shape else { return entry.clone() };
    let row = |(key, key_span, table, _): (String, Span, Table, Option<String>)| {
        let node = Node { span: table.span, shape: Shape::Table(table) };
        Entry { key, key_span, node }
    };
    let entries = scope::expanded_eras(table, report).into_iter().map(row).collect();
    Entry { node: Node { span: entry.node.span, shape: Shape::Table(Table { span: table.span, entries }) }, ..entry.clone() }
}
