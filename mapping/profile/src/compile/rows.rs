//! Rows: what templates, groups, lists and CSV files expand to, each with its origin.

use std::collections::BTreeMap;

use bridge_diag::{Diagnostic, Entry, Node, Report, Shape, Table, View, nearest};

use super::{FileReader, csv};
use crate::codes::DIALECT;
use crate::keys;
use crate::template::{Params, describe, rows, substitute};

/// One expanded row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Its keys, interpolated.
    pub table: Table,
    /// `template unit, u=U1`.
    pub origin: Option<String>,
}

/// Every row of a profile.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub points: Vec<Row>,
    pub remotes: Vec<Row>,
    pub calcs: Vec<Row>,
    pub controls: Vec<Row>,
    pub serves: Vec<Row>,
}

/// The lists a profile, template or group may hold, in row form and in long form.
pub(super) const KINDS: [(&str, &str); 5] =
    [("points", "point"), ("remotes", "remote"), ("calcs", "calc"), ("controls", "control"), ("serves", "serve")];

/// Lists of un-expanded rows, in the order of [`KINDS`].
type Lists<'t> = [Vec<&'t Table>; 5];

struct Template<'t> {
    params: Vec<String>,
    defaults: Params,
    lists: Lists<'t>,
}

impl Rows {
    /// The rows, in the order of [`KINDS`].
    pub(super) fn into_lists(self) -> [Vec<Row>; 5] {
        [self.points, self.remotes, self.calcs, self.controls, self.serves]
    }

    /// Reads everything that makes rows out of the profile's root table.
    pub(crate) fn read(view: &mut View<'_>, files: &mut FileReader<'_>, report: &mut Report) -> Self {
        let mut out = Self::default();
        let lists = take_lists(view, report);
        out.extend(&lists, &Params::new(), None, &[], report);
        out.read_groups(view, report);
        out.read_uses(view, report);
        out.read_csv(view, files, report);
        out
    }

    fn read_groups(&mut self, view: &mut View<'_>, report: &mut Report) {
        let Some(groups) = view.take_table("group", report) else { return };
        let mut outer = view.inner(groups, "[group]").of(&keys::GROUPS);
        for entry in outer.take_rest() {
            let Shape::Table(table) = &entry.node.shape else {
                report.push(outer.error(DIALECT.wrong_kind, entry.node.span, format!("group `{}` must be a table", entry.key)));
                continue;
            };
            let mut group = outer.inner(table, format!("group `{}`", entry.key)).of(&keys::GROUP);
            let lists = take_lists(&mut group, report);
            let shared: Vec<Entry> = group.take_rest().into_iter().cloned().collect();
            self.extend(&lists, &Params::new(), Some(&format!("group {}", entry.key)), &shared, report);
        }
    }

    fn read_uses(&mut self, view: &mut View<'_>, report: &mut Report) {
        let templates = templates(view, report);
        for table in view.take_tables("use", report) {
            let mut usage = view.inner(table, "[[use]]").of(&keys::USE);
            let named = usage.need_str("template", report);
            let on = usage.take("on").cloned();
            let with = usage.take_table("with", report).map(params_of).unwrap_or_default();
            let rows_at = usage.take("for");
            let Some((name, span)) = named else { continue };
            let Some(template) = templates.get(name) else {
                let fix = nearest(name, templates.keys().map(String::as_str))
                    .map_or_else(|| "define it as `[template.NAME]`".to_owned(), |near| format!("did you mean `{near}`?"));
                report.push(usage.error("profile::template-unknown", span, format!("there is no template `{name}`")).fix(fix));
                continue;
            };
            let mut base = template.defaults.clone();
            base.extend(with);
            let all = rows_at.map_or_else(|| vec![base.clone()], |entry| rows(&entry.node, &base, report));
            let at = rows_at.map_or(span, |entry| entry.node.span);
            usage.finish(report);
            for params in all {
                let origin = format!("template {name}, {}", visible(&params, template));
                for missing in template.params.iter().filter(|p| !params.contains_key(*p)) {
                    report.push(
                        Diagnostic::error("profile::param-missing", format!("template `{name}` needs the parameter `{missing}`"))
                            .at(at)
                            .from_origin(Some(&origin))
                            .fix(format!("add `{missing} = …` to this row of `for`")),
                    );
                }
                for extra in params.keys().filter(|p| !template.params.contains(*p)) {
                    let fix = nearest(extra, template.params.iter().map(String::as_str)).map_or_else(
                        || "remove it, or add it to `params` of the template".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    );
                    report.push(
                        Diagnostic::error("profile::param-unknown", format!("template `{name}` has no parameter `{extra}`"))
                            .at(at)
                            .from_origin(Some(&origin))
                            .fix(fix),
                    );
                }
                if template.params.iter().all(|p| params.contains_key(p)) {
                    let shared: Vec<Entry> = on.iter().cloned().collect();
                    self.extend(&template.lists, &params, Some(&origin), &shared, report);
                }
            }
        }
    }

    fn read_csv(&mut self, view: &mut View<'_>, files: &mut FileReader<'_>, report: &mut Report) {
        for table in view.take_tables("points_csv", report) {
            let mut list = view.inner(table, "[[points_csv]]").of(&keys::POINTS_CSV);
            let file = list.need_str("file", report);
            let shared: Vec<Entry> = list.take("on").cloned().into_iter().collect();
            list.finish(report);
            let Some((path, span)) = file else { continue };
            match files.try_read(path) {
                Ok(text) => {
                    let source = report.add_source(path, text);
                    for table in csv::rows(source, report) {
                        let origin = path.to_owned();
                        self.points.push(Row { table: with_shared(table, &shared), origin: Some(origin) });
                    }
                }
                Err(problem) => report.push(
                    Diagnostic::error("profile::file-unreadable", problem).at(span).fix("paths are relative to the profile's folder"),
                ),
            }
        }
    }

    fn extend(&mut self, lists: &Lists<'_>, params: &Params, origin: Option<&str>, shared: &[Entry], report: &mut Report) {
        let into = [&mut self.points, &mut self.remotes, &mut self.calcs, &mut self.controls, &mut self.serves];
        // A remote and a calculated point stand on no link.
        let linkless: Vec<Entry> = shared.iter().filter(|entry| entry.key != "on").cloned().collect();
        for (((_, long), list), into) in KINDS.iter().zip(lists).zip(into) {
            let shared = if matches!(*long, "remote" | "calc") { &linkless } else { shared };
            for table in list {
                expand(table, params, origin, shared, into, report);
            }
        }
    }
}

/// One row as written to the rows it stands for: a row may have a `for` of its own.
fn expand(table: &Table, params: &Params, origin: Option<&str>, shared: &[Entry], into: &mut Vec<Row>, report: &mut Report) {
    let Some(own) = table.entry("for") else {
        let filled = substitute(table, params, origin, report);
        into.push(Row { table: with_shared(filled, shared), origin: origin.map(str::to_owned) });
        return;
    };
    let bare = Table { span: table.span, entries: table.entries.iter().filter(|e| e.key != "for").cloned().collect() };
    for row in rows(&own.node, params, report) {
        let inner: Params = row.iter().filter(|(name, _)| !params.contains_key(*name)).map(|(n, v)| (n.clone(), v.clone())).collect();
        let origin = match origin {
            Some(outer) => format!("{outer}, {}", describe(&inner)),
            None => format!("row with {}", describe(&inner)),
        };
        let filled = substitute(&bare, &row, Some(&origin), report);
        into.push(Row { table: with_shared(filled, shared), origin: Some(origin) });
    }
}

fn with_shared(mut table: Table, shared: &[Entry]) -> Table {
    for entry in shared {
        if table.entry(&entry.key).is_none() {
            table.entries.push(entry.clone());
        }
    }
    table
}

fn take_lists<'t>(view: &mut View<'t>, report: &mut Report) -> Lists<'t> {
    KINDS.map(|(rows, long)| {
        let mut list = view.take_tables(rows, report);
        list.extend(view.take_tables(long, report));
        list
    })
}

fn templates<'t>(view: &mut View<'t>, report: &mut Report) -> BTreeMap<String, Template<'t>> {
    let mut out = BTreeMap::new();
    let Some(table) = view.take_table("template", report) else { return out };
    let mut outer = view.inner(table, "[template]").of(&keys::TEMPLATES);
    for entry in outer.take_rest() {
        let Shape::Table(table) = &entry.node.shape else {
            report.push(outer.error(DIALECT.wrong_kind, entry.node.span, format!("template `{}` must be a table", entry.key)));
            continue;
        };
        let mut template = View::new(table, DIALECT, format!("template `{}`", entry.key), None).of(&keys::TEMPLATE);
        let mut params: Vec<String> =
            template.take_strs("params", report).unwrap_or_default().into_iter().map(|(name, _)| name.to_owned()).collect();
        let defaults = template.take_table("defaults", report).map(params_of).unwrap_or_default();
        params.extend(defaults.keys().filter(|name| !params.contains(name)).cloned().collect::<Vec<_>>());
        let lists = take_lists(&mut template, report);
        template.finish(report);
        out.insert(entry.key.clone(), Template { params, defaults, lists });
    }
    out
}

/// The parameters worth naming in an origin, in the template's order: those without default.
fn visible(params: &Params, template: &Template<'_>) -> String {
    let named = template.params.iter().filter(|name| !template.defaults.contains_key(*name));
    let one = |name: &String| Some(describe(&Params::from([(name.clone(), params.get(name)?.clone())])));
    named.filter_map(one).collect::<Vec<_>>().join(", ")
}

fn params_of(table: &Table) -> Params {
    table.entries.iter().map(|Entry { key, node: Node { shape, .. }, .. }| (key.clone(), shape.clone())).collect()
}
