//! `[[test]]`: read into [`TestCase`]s.

use std::time::Duration;

use bridge_diag::{Entry, Node, Report, Shape, Span, Table, View};
use bridge_model::{LinkId, PointId};
use bridge_session::{Field, Fields};

use super::scope::{Scope, field_of, take_duration};
use crate::codes::DIALECT;
use crate::keys;
use crate::plan::PointSource;
use crate::testcase::{Expect, ExpectKind, Given, GivenKind, TestCase};

impl Scope<'_> {
    /// Compiles the embedded tests.
    pub(crate) fn compile_tests(&self, tables: &[&Table], report: &mut Report) -> Vec<TestCase> {
        tables.iter().filter_map(|table| self.test(table, report)).collect()
    }

    fn test(&self, table: &Table, report: &mut Report) -> Option<TestCase> {
        let mut view = View::new(table, DIALECT, "a test", None).of(&keys::TEST);
        let name = view.need_str("name", report).map(|(name, _)| name.to_owned());
        if let Some(name) = &name {
            view.rename(format!("test `{name}`"));
        }
        let place = report.place(table.span).map(|p| format!("{}:{}", p.file, p.line)).unwrap_or_default();
        let mut set = Vec::new();
        if let Some(points) = view.take_table("set", report) {
            for entry in &points.entries {
                let Some(point) = self.settable(&entry.key, entry.key_span, &view, report) else { continue };
                match self.number(entry, point, &view, report) {
                    Some(value) => set.push((point, value)),
                    None => report.push(view.error(DIALECT.wrong_kind, entry.node.span, format!("`{}` is set to no number", entry.key))),
                }
            }
        }
        let given = view.take_tables("given", report).into_iter().filter_map(|t| self.given(t, &view, report)).collect();
        let expect: Vec<Expect> = view.take_tables("expect", report).into_iter().filter_map(|t| self.expect(t, &view, report)).collect();
        let never: Vec<Expect> = view.take_tables("never", report).into_iter().filter_map(|t| self.expect(t, &view, report)).collect();
        if expect.is_empty() && never.is_empty() {
            report.push(
                view.error("profile::test-empty", view.span(), format!("{} expects nothing: it cannot fail", view.noun()))
                    .fix("add `expect = [ … ]` or `never = [ … ]`"),
            );
        }
        view.finish(report);
        Some(TestCase { name: name?, place, set, given, expect, never })
    }

    /// A point that takes values from outside.
    fn settable(&self, name: &str, span: Span, view: &View<'_>, report: &mut Report) -> Option<PointId> {
        let point = self.point_named(name, span, view, report)?;
        if self.points.get(point.index())?.source == PointSource::Calculated {
            report.push(
                view.error("profile::test-input", span, format!("`{name}` is calculated: {} cannot set it", view.noun()))
                    .fix("set the points that it is made of"),
            );
            return None;
        }
        Some(point)
    }

    /// A number, or a name of the point's alias set.
    fn number(&self, entry: &Entry, point: bridge_model::PointId, _view: &View<'_>, _report: &mut Report) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a person writes no whole number beyond 2^53 here")]
        match &entry.node.shape {
            Shape::Int(value) => Some(*value as f64),
            Shape::Float(value) => Some(*value),
            Shape::Bool(value) => Some(f64::from(u8::from(*value))),
            Shape::Str(name) => {
                let alias = &self.points.get(point.index())?.alias;
                alias.iter().find(|(_, known)| *known == name).map(|(code, _)| *code as f64)
            }
            Shape::Datetime(_) | Shape::List(_) | Shape::Table(_) => None,
        }
    }

    fn given(&self, table: &Table, test: &View<'_>, report: &mut Report) -> Option<Given> {
        let mut view = test.inner(table, format!("an input of {}", test.noun())).of(&keys::GIVEN);
        let at = take_duration(&mut view, "at", report).unwrap_or(Duration::ZERO);
        let what = if let Some((name, span)) = view.take_str("link", report) {
            let link = self.find(&self.link_names, name, "link", span, &view, report);
            let input = fields(&mut view);
            GivenKind::Wire { link: LinkId(u16::try_from(link?).ok()?), input }
        } else if let Some((verb, _)) = view.take_str("verb", report) {
            GivenKind::Operation { verb: verb.to_owned(), fields: fields(&mut view) }
        } else if let Some((answer, span)) = view.take_str("inbox", report) {
            if !["accept", "reject", "done"].contains(&answer) {
                report.push(
                    view.error("profile::test-input", span, format!("{}: `{answer}` is no answer of an operator", view.noun()))
                        .fix("write `accept`, `reject` (with `reason`) or `done`"),
                );
                return None;
            }
            GivenKind::Inbox { answer: answer.to_owned(), fields: fields(&mut view) }
        } else if let Some((name, span)) = view.take_str("remote", report) {
            let point = self.settable(name, span, &view, report);
            view.need("value", report);
            let value = view.take_number("value", report);
            GivenKind::Remote { point: point?, value: value?.0 }
        } else if let Some((name, _)) = view.take_str("up", report) {
            GivenKind::Link { name: name.to_owned(), up: true }
        } else if let Some((name, _)) = view.take_str("down", report) {
            GivenKind::Link { name: name.to_owned(), up: false }
        } else {
            report.push(
                view.error("profile::test-input", view.span(), format!("{} is no input", view.noun()))
                    .fix("an input has `link` (with the adapter's fields), `verb`, `inbox`, `remote`, `up` or `down`"),
            );
            return None;
        };
        view.finish(report);
        Some(Given { at, what })
    }

    fn expect(&self, table: &Table, test: &View<'_>, report: &mut Report) -> Option<Expect> {
        let mut view = test.inner(table, format!("an expectation of {}", test.noun())).of(&keys::EXPECT);
        let within = take_duration(&mut view, "within", report);
        let at = take_duration(&mut view, "at", report);
        let what = if let Some((verb, _)) = view.take_str("verb", report) {
            ExpectKind::Message(verb.to_owned())
        } else if let Some((name, span)) = view.take_str("wire", report) {
            let link = self.find(&self.link_names, name, "link", span, &view, report)?;
            ExpectKind::Wire(LinkId(u16::try_from(link).ok()?))
        } else {
            report.push(
                view.error("profile::test-input", view.span(), format!("{} expects nothing that can be seen", view.noun()))
                    .fix("an expectation has `verb` or `wire`"),
            );
            return None;
        };
        let fields = fields(&mut view);
        view.finish(report);
        Some(Expect { what, fields, within, at })
    }
}

/// The other keys as fields; lists of words are joined by one space.
fn fields(view: &mut View<'_>) -> Fields {
    view.take_rest().into_iter().filter_map(|entry| Some((entry.key.clone(), joined(&entry.node)?))).collect()
}

fn joined(node: &Node) -> Option<Field> {
    if let Shape::List(list) = &node.shape {
        let words: Vec<String> = list
            .iter()
            .filter_map(|node| match field_of(node)? {
                Field::Text(text) => Some(text),
                Field::Int(value) => Some(value.to_string()),
                Field::Float(value) => Some(value.to_string()),
                Field::Bool(value) => Some(value.to_string()),
            })
            .collect();
        return Some(Field::Text(words.join(" ")));
    }
    field_of(node)
}
