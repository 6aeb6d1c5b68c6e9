//! One table, read key by key; what nobody asked for is an error.

use crate::{Diagnostic, Entry, Form, Node, Report, Shape, Span, Table, nearest};

/// The codes of the problems that reading itself finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dialect {
    /// Not TOML.
    pub syntax: &'static str,
    /// A key nobody knows.
    pub unknown_key: &'static str,
    /// A key that must be there.
    pub missing_key: &'static str,
    /// A value of another kind.
    pub wrong_kind: &'static str,
    /// Whether each of its tables has a [`Form`], so that what readers ask for and what is written down cannot differ.
    pub forms: bool,
}

impl Dialect {
    /// Codes for texts without codes of their own.
    pub const PLAIN: Self = Self {
        syntax: "toml::syntax",
        unknown_key: "toml::unknown-key",
        missing_key: "toml::missing-key",
        wrong_kind: "toml::wrong-kind",
        forms: false,
    };
}

/// A table being read. Call [`View::finish`] last: it reports the keys that were never taken.
#[derive(Clone, Debug)]
pub struct View<'t> {
    table: &'t Table,
    dialect: Dialect,
    noun: String,
    origin: Option<String>,
    taken: Vec<bool>,
    asked: Vec<String>,
    form: Option<&'static Form>,
}

impl<'t> View<'t> {
    /// A view of `table`; `noun` is what a person calls it ("point `U1.p`"), `origin` what it expanded from.
    #[must_use]
    pub fn new(table: &'t Table, dialect: Dialect, noun: impl Into<String>, origin: Option<&str>) -> Self {
        Self {
            table,
            dialect,
            noun: noun.into(),
            origin: origin.map(str::to_owned),
            taken: vec![false; table.entries.len()],
            asked: Vec::new(),
            form: None,
        }
    }

    /// With the form of the table: a reader that asks for a key that is not in it is a fault, found in every build that checks assertions.
    #[must_use]
    pub const fn of(mut self, form: &'static Form) -> Self {
        self.form = Some(form);
        self
    }

    /// The form of the table.
    #[must_use]
    pub const fn form(&self) -> Option<&'static Form> {
        self.form
    }

    /// A view of an inner table with the same dialect and origin.
    #[must_use]
    pub fn inner<'u>(&self, table: &'u Table, noun: impl Into<String>) -> View<'u> {
        View::new(table, self.dialect, noun, self.origin.as_deref())
    }

    /// What a person calls this table.
    #[must_use]
    pub fn noun(&self) -> &str {
        &self.noun
    }

    /// Gives it a better name, once its id is known.
    pub fn rename(&mut self, noun: impl Into<String>) {
        self.noun = noun.into();
    }

    /// Where the table stands.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.table.span
    }

    /// What it expanded from.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// An error at `span`, with this table's origin.
    #[must_use]
    pub fn error(&self, code: impl Into<String>, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, message).at(span).from_origin(self.origin())
    }

    /// A warning at `span`, with this table's origin.
    #[must_use]
    pub fn warning(&self, code: impl Into<String>, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::warning(code, message).at(span).from_origin(self.origin())
    }

    /// The entry, if it is there.
    pub fn take(&mut self, key: &str) -> Option<&'t Entry> {
        debug_assert!(
            self.form.map_or(!self.dialect.forms, |form| form.lists(key)),
            "`{key}` of {} is asked for and not written down in the form {:?} of its table",
            self.noun,
            self.form.map(|form| form.name)
        );
        if !self.asked.iter().any(|asked| asked == key) {
            self.asked.push(key.to_owned());
        }
        let at = self.table.entries.iter().position(|entry| entry.key == key)?;
        self.taken[at] = true;
        self.table.entries.get(at)
    }

    /// Text, if it is there and is text.
    pub fn take_str(&mut self, key: &str, report: &mut Report) -> Option<(&'t str, Span)> {
        let entry = self.take(key)?;
        if let Shape::Str(text) = &entry.node.shape {
            return Some((text, entry.node.span));
        }
        self.wrong(entry, "text", report);
        None
    }

    /// A whole number.
    pub fn take_int(&mut self, key: &str, report: &mut Report) -> Option<(i64, Span)> {
        let entry = self.take(key)?;
        if let Shape::Int(value) = entry.node.shape {
            return Some((value, entry.node.span));
        }
        self.wrong(entry, "a whole number", report);
        None
    }

    /// A number, whole or not.
    pub fn take_number(&mut self, key: &str, report: &mut Report) -> Option<(f64, Span)> {
        let entry = self.take(key)?;
        match entry.node.shape {
            #[expect(clippy::cast_precision_loss, reason = "a person writes no whole number beyond 2^53 where a number is meant")]
            Shape::Int(value) => Some((value as f64, entry.node.span)),
            Shape::Float(value) if value.is_finite() => Some((value, entry.node.span)),
            Shape::Float(_) | Shape::Str(_) | Shape::Bool(_) | Shape::Datetime(_) | Shape::List(_) | Shape::Table(_) => {
                self.wrong(entry, "a number", report);
                None
            }
        }
    }

    /// A truth.
    pub fn take_bool(&mut self, key: &str, report: &mut Report) -> Option<(bool, Span)> {
        let entry = self.take(key)?;
        if let Shape::Bool(value) = entry.node.shape {
            return Some((value, entry.node.span));
        }
        self.wrong(entry, "true or false", report);
        None
    }

    /// A table.
    pub fn take_table(&mut self, key: &str, report: &mut Report) -> Option<&'t Table> {
        let entry = self.take(key)?;
        if let Shape::Table(table) = &entry.node.shape {
            return Some(table);
        }
        self.wrong(entry, "a table", report);
        None
    }

    /// A list.
    pub fn take_list(&mut self, key: &str, report: &mut Report) -> Option<(&'t [Node], Span)> {
        let entry = self.take(key)?;
        if let Shape::List(list) = &entry.node.shape {
            return Some((list, entry.node.span));
        }
        self.wrong(entry, "a list", report);
        None
    }

    /// A list of tables, `[[key]]` or `key = [{…}]`; what is no table in it is reported and left out.
    pub fn take_tables(&mut self, key: &str, report: &mut Report) -> Vec<&'t Table> {
        let Some((list, _)) = self.take_list(key, report) else { return Vec::new() };
        let mut tables = Vec::with_capacity(list.len());
        for node in list {
            if let Shape::Table(table) = &node.shape {
                tables.push(table);
            } else {
                report.push(
                    self.error(
                        self.dialect.wrong_kind,
                        node.span,
                        format!("`{key}` of {} holds {}, not a table", self.noun, node.shape.noun()),
                    )
                    .fix(format!("write [[{key}]] and its keys below")),
                );
            }
        }
        tables
    }

    /// A list of texts; what is no text in it is reported and left out.
    pub fn take_strs(&mut self, key: &str, report: &mut Report) -> Option<Vec<(&'t str, Span)>> {
        let (list, _) = self.take_list(key, report)?;
        let mut texts = Vec::with_capacity(list.len());
        for node in list {
            if let Shape::Str(text) = &node.shape {
                texts.push((text.as_str(), node.span));
            } else {
                report.push(
                    self.error(
                        self.dialect.wrong_kind,
                        node.span,
                        format!("`{key}` of {} holds {}, not text", self.noun, node.shape.noun()),
                    )
                    .fix("put it in quotes"),
                );
            }
        }
        Some(texts)
    }

    /// Text that must be there.
    pub fn need_str(&mut self, key: &str, report: &mut Report) -> Option<(&'t str, Span)> {
        self.need(key, report)?;
        self.take_str(key, report)
    }

    /// A table that must be there.
    pub fn need_table(&mut self, key: &str, report: &mut Report) -> Option<&'t Table> {
        self.need(key, report)?;
        self.take_table(key, report)
    }

    /// The entry, or a problem that it is missing.
    pub fn need(&mut self, key: &str, report: &mut Report) -> Option<&'t Entry> {
        let found = self.take(key);
        if found.is_none() {
            report.push(
                self.error(self.dialect.missing_key, self.table.span, format!("{} has no `{key}`", self.noun))
                    .fix(format!("add `{key} = …`")),
            );
        }
        found
    }

    /// The entries not taken so far; they count as taken from now on.
    pub fn take_rest(&mut self) -> Vec<&'t Entry> {
        let rest = self.table.entries.iter().zip(&self.taken).filter(|(_, taken)| !**taken).map(|(entry, _)| entry).collect();
        self.taken.fill(true);
        rest
    }

    /// Reports every key that was never taken.
    pub fn finish(self, report: &mut Report) {
        for (entry, taken) in self.table.entries.iter().zip(&self.taken) {
            if *taken {
                continue;
            }
            let known = self.asked.iter().map(String::as_str);
            let help = nearest(&entry.key, known).map_or_else(
                || {
                    let mut known: Vec<&str> = self.asked.iter().map(String::as_str).collect();
                    known.sort_unstable();
                    format!("known here: {}", known.join(", "))
                },
                |near| format!("did you mean `{near}`?"),
            );
            report
                .push(self.error(self.dialect.unknown_key, entry.key_span, format!("{} has no key `{}`", self.noun, entry.key)).fix(help));
        }
    }

    fn wrong(&self, entry: &Entry, wanted: &str, report: &mut Report) {
        report.push(
            self.error(
                self.dialect.wrong_kind,
                entry.node.span,
                format!("`{}` of {} must be {wanted}, not {}", entry.key, self.noun, entry.node.shape.noun()),
            )
            .fix(format!("write {}", form(&entry.key, wanted))),
        );
    }
}

/// How a key with a value of this kind is written.
fn form(key: &str, wanted: &str) -> String {
    let value = match wanted {
        "text" => "\"…\"",
        "a whole number" => "1",
        "a number" => "1.5",
        "true or false" => "true` or `false",
        "a table" => "{ … }",
        "a list" => "[…]",
        _ => wanted,
    };
    format!("`{key} = {value}`")
}

#[cfg(test)]
mod tests {
    use super::{Dialect, View};
    use crate::{Form, Key, Kind, Report, read};

    const FORM: Form = Form { name: "point", text: "", keys: &[Key { name: "unit", kind: Kind::Text, must: true, text: "" }], rest: None };

    #[test]
    fn a_form_lets_its_own_keys_be_asked_for() {
        let mut report = Report::new();
        let source = report.add_source("t.toml", "unit = \"MW\"\n");
        let table = read(source, &Dialect::PLAIN, &mut report).unwrap();
        let mut view = View::new(&table, Dialect { forms: true, ..Dialect::PLAIN }, "point", None).of(&FORM);
        assert!(view.take_str("unit", &mut report).is_some());
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "`sign` of point is asked for and not written down")]
    fn a_reader_that_asks_for_more_than_the_form_is_found() {
        let mut report = Report::new();
        let source = report.add_source("t.toml", "");
        let table = read(source, &Dialect::PLAIN, &mut report).unwrap();
        View::new(&table, Dialect::PLAIN, "point", None).of(&FORM).take("sign");
    }

    #[test]
    fn all_problems_at_once_with_the_nearest_name() {
        let mut report = Report::new();
        let source = report.add_source("t.toml", "deadbnad = 1\nunit = 5\nzz = 1\n");
        let table = read(source, &Dialect::PLAIN, &mut report).unwrap();
        let mut view = View::new(&table, Dialect::PLAIN, "point", Some("template unit, u=U1"));
        assert_eq!(view.take_number("deadband", &mut report), None);
        assert_eq!(view.take_str("unit", &mut report), None);
        assert_eq!(view.need_str("sign", &mut report), None);
        view.finish(&mut report);
        let all: Vec<(&str, Option<&str>)> = report.diagnostics().iter().map(|d| (d.message.as_str(), d.help.as_deref())).collect();
        assert_eq!(
            all,
            [
                ("`unit` of point must be text, not a whole number", Some("write `unit = \"…\"`")),
                ("point has no `sign`", Some("add `sign = …`")),
                ("point has no key `deadbnad`", Some("did you mean `deadband`?")),
                ("point has no key `zz`", Some("known here: deadband, sign, unit")),
            ]
        );
        assert!(report.diagnostics().iter().all(|d| d.origin.as_deref() == Some("template unit, u=U1")));
    }
}
