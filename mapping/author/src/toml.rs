//! A tree of values as TOML 1.0 again, on one line each.

use bridge_diag::{Entry, Node, Shape, Table};
use toml_edit::Value;

/// A key, in quotes where it must be.
pub(crate) fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if bare { name.to_owned() } else { text(name) }
}

/// A text in quotes.
pub(crate) fn text(text: &str) -> String {
    Value::from(text).to_string()
}

/// A value on one line.
pub(crate) fn value(node: &Node) -> String {
    match &node.shape {
        Shape::Str(string) => text(string),
        Shape::Int(number) => number.to_string(),
        Shape::Float(number) => Value::from(*number).to_string(),
        Shape::Bool(truth) => truth.to_string(),
        Shape::Datetime(written) => written.clone(),
        Shape::List(list) => format!("[{}]", list.iter().map(value).collect::<Vec<_>>().join(", ")),
        Shape::Table(inner) => table(inner),
    }
}

/// An inline table.
pub(crate) fn table(table: &Table) -> String {
    if table.entries.is_empty() {
        return "{}".to_owned();
    }
    format!("{{ {} }}", table.entries.iter().map(entry).collect::<Vec<_>>().join(", "))
}

/// `key = value`.
pub(crate) fn entry(entry: &Entry) -> String {
    format!("{} = {}", key(&entry.key), value(&entry.node))
}

/// A list with one line for each of its values; a list of plain values stays on one.
pub(crate) fn listed(node: &Node) -> String {
    match &node.shape {
        Shape::List(list) if list.iter().any(|item| matches!(item.shape, Shape::Table(_))) => {
            let lines: String = list.iter().map(|item| format!("  {},\n", value(item))).collect();
            format!("[\n{lines}]")
        }
        Shape::Str(_) | Shape::Int(_) | Shape::Float(_) | Shape::Bool(_) | Shape::Datetime(_) | Shape::List(_) | Shape::Table(_) => {
            value(node)
        }
    }
}
