//! A table of cells as CSV (RFC 4180).

use std::collections::BTreeMap;

/// Columns and rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Sheet {
    columns: Vec<String>,
    at: BTreeMap<String, usize>,
    rows: Vec<Vec<String>>,
}

impl Sheet {
    pub(crate) fn new(columns: Vec<String>) -> Self {
        let at = columns.iter().enumerate().map(|(at, name)| (name.clone(), at)).collect();
        Self { columns, at, rows: Vec::new() }
    }

    /// A row by column; a column that the sheet has not is left out, what a row does not name is empty.
    pub(crate) fn push(&mut self, cells: Vec<(String, String)>) {
        let mut row = vec![String::new(); self.columns.len()];
        for (column, cell) in cells {
            if let Some(place) = self.at.get(&column).and_then(|at| row.get_mut(*at)) {
                *place = cell;
            }
        }
        self.rows.push(row);
    }

    pub(crate) fn to_text(&self) -> String {
        let mut out = record(&self.columns);
        for row in &self.rows {
            out.push_str(&record(row));
        }
        out
    }
}

/// One line of CSV.
pub(crate) fn record(cells: &[String]) -> String {
    let mut out = cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",");
    out.push('\n');
    out
}

/// A cell, in quotes where a reader would otherwise take it for something else.
pub(crate) fn quoted(cell: &str) -> String {
    let plain = !cell.contains(['"', ',', '\n', '\r']) && cell.trim() == cell && !cell.starts_with('#');
    if plain { cell.to_owned() } else { format!("\"{}\"", cell.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::{Sheet, quoted};

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        assert_eq!([quoted("a b"), quoted("a,b"), quoted("a \"b\"")], ["a b", "\"a,b\"", "\"a \"\"b\"\"\""]);
    }

    #[test]
    fn what_a_row_does_not_name_is_empty() {
        let mut sheet = Sheet::new(vec!["a".to_owned(), "b".to_owned()]);
        sheet.push(vec![("b".to_owned(), "2".to_owned()), ("c".to_owned(), "3".to_owned())]);
        assert_eq!(sheet.to_text(), "a,b\n,2\n");
    }
}
