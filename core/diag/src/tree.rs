//! TOML as an owned tree in which every key and value knows where it stands.

use toml_edit::{Document, Item, TableLike};

use crate::{Diagnostic, Dialect, Report, SourceId, Span};

/// One value.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub shape: Shape,
}

/// The kinds of value.
#[derive(Clone, PartialEq, Debug)]
pub enum Shape {
    /// Text.
    Str(String),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A truth.
    Bool(bool),
    /// A date or time, as written.
    Datetime(String),
    /// A list, or the tables of `[[name]]`.
    List(Vec<Node>),
    /// A table, inline or not.
    Table(Table),
}

impl Shape {
    /// What a person calls it.
    #[must_use]
    pub const fn noun(&self) -> &'static str {
        match self {
            Self::Str(_) => "text",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::Datetime(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// One table: its entries in the order written.
#[derive(Clone, PartialEq, Debug)]
pub struct Table {
    /// Where it stands: its header or its braces.
    pub span: Span,
    /// The entries.
    pub entries: Vec<Entry>,
}

/// One key and its value.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub node: Node,
}

impl Table {
    /// The entry with this key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

/// Reads a TOML text that was added to `report` as `source`. A text that is not TOML gives one problem, the first, and `None`.
pub fn read(source: SourceId, dialect: &Dialect, report: &mut Report) -> Option<Table> {
    let text = report.source(source)?.text.clone();
    match Document::parse(text) {
        Ok(document) => {
            let whole = Span { source, start: 0, end: 0 };
            Some(table(document.as_table(), source, whole))
        }
        Err(error) => {
            let range = error.span().unwrap_or(0..0);
            let span = Span { source, start: range.start, end: range.end.max(range.start) };
            let message = error.message().lines().next().unwrap_or("not readable as TOML").to_owned();
            report.push(
                Diagnostic::error(dialect.syntax, format!("this is not TOML: {message}"))
                    .at(span)
                    .fix("mend the syntax here; other problems are shown once the file can be read"),
            );
            None
        }
    }
}

fn table(from: &dyn TableLike, source: SourceId, span: Span) -> Table {
    let mut entries = Vec::with_capacity(from.len());
    for (name, item) in from.iter() {
        let key_span = from.key(name).and_then(toml_edit::Key::span).map_or(span, |r| Span { source, start: r.start, end: r.end });
        if let Some(node) = node(item, source, key_span) {
            entries.push(Entry { key: name.to_owned(), key_span, node });
        }
    }
    Table { span, entries }
}

fn node(item: &Item, source: SourceId, fallback: Span) -> Option<Node> {
    let span = item.span().map_or(fallback, |r| Span { source, start: r.start, end: r.end });
    let shape = match item {
        Item::None => return None,
        Item::Value(value) => return Some(from_value(value, source, fallback)),
        Item::Table(inner) => Shape::Table(table(inner, source, span)),
        Item::ArrayOfTables(tables) => Shape::List(
            tables
                .iter()
                .map(|inner| {
                    let span = inner.span().map_or(fallback, |r| Span { source, start: r.start, end: r.end });
                    Node { span, shape: Shape::Table(table(inner, source, span)) }
                })
                .collect(),
        ),
    };
    Some(Node { span, shape })
}

fn from_value(value: &toml_edit::Value, source: SourceId, fallback: Span) -> Node {
    use toml_edit::Value;
    let span = value.span().map_or(fallback, |r| Span { source, start: r.start, end: r.end });
    let shape = match value {
        Value::String(v) => Shape::Str(v.value().clone()),
        Value::Integer(v) => Shape::Int(*v.value()),
        Value::Float(v) => Shape::Float(*v.value()),
        Value::Boolean(v) => Shape::Bool(*v.value()),
        Value::Datetime(v) => Shape::Datetime(v.value().to_string()),
        Value::Array(list) => Shape::List(list.iter().map(|inner| from_value(inner, source, span)).collect()),
        Value::InlineTable(inner) => Shape::Table(table(inner, source, span)),
    };
    Node { span, shape }
}

#[cfg(test)]
mod tests {
    use super::{Shape, read};
    use crate::{Dialect, Report};

    #[test]
    fn every_key_and_value_knows_its_place() {
        let mut report = Report::new();
        let text = "a = 1\n[b]\nc = { d = [\"x\", 2.5] }\n[[e]]\nf = true\n";
        let source = report.add_source("t.toml", text);
        let table = read(source, &Dialect::PLAIN, &mut report).unwrap();
        let b = table.entry("b").unwrap();
        let Shape::Table(b) = &b.node.shape else { panic!() };
        let c = b.entry("c").unwrap();
        assert_eq!(&text[c.key_span.start..c.key_span.end], "c");
        let Shape::Table(c) = &c.node.shape else { panic!() };
        let Shape::List(d) = &c.entry("d").unwrap().node.shape else { panic!() };
        assert_eq!(&text[d[1].span.start..d[1].span.end], "2.5");
        assert!(matches!(&table.entry("e").unwrap().node.shape, Shape::List(tables) if tables.len() == 1));
    }

    #[test]
    fn bad_syntax_is_one_problem_with_a_place() {
        let mut report = Report::new();
        let source = report.add_source("t.toml", "a = 1\nb = = 2\n");
        assert!(read(source, &Dialect::PLAIN, &mut report).is_none());
        let span = report.diagnostics()[0].span.unwrap();
        assert_eq!(report.place(span).unwrap().line, 2);
        assert_eq!(report.diagnostics()[0].code, "toml::syntax");
    }
}
