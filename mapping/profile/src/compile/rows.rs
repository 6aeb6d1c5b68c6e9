//! Rows: what templates, groups, lists and CSV files expand to, each with its origin.

use std::collections::BTreeMap;
use std::rc::Rc;

use bridge_diag::{Diagnostic, Entry, Node, Report, Shape, SourceId, Span, Table, View, nearest};

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

/// The lists a profile, template or group may hold, in row form and in long form.
pub(super) const KINDS: [(&str, &str); 5] =
    [("points", "point"), ("remotes", "remote"), ("calcs", "calc"), ("controls", "control"), ("serves", "serve")];

/// One of the lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum List {
    Points,
    Remotes,
    Calcs,
    Controls,
    Serves,
}

impl List {
    /// All of them, in the order of [`KINDS`].
    pub(super) const ALL: [Self; 5] = [Self::Points, Self::Remotes, Self::Calcs, Self::Controls, Self::Serves];
}

/// Lists of un-expanded rows, in the order of [`KINDS`].
type Lists<'t> = Rc<[Vec<&'t Table>; 5]>;

struct Template<'t> {
    params: Vec<String>,
    defaults: Params,
    lists: Lists<'t>,
}

/// Rows as they are written, and what they are written out for.
struct Batch<'t> {
    lists: Lists<'t>,
    shared: Vec<Entry>,
    over: Over,
}

/// What a batch's rows are written out for.
enum Over {
    /// Once; in a group of this name.
    Once(Option<String>),
    /// For each of these parameters of a template. `named` are those worth naming in an origin.
    Template { name: String, named: Vec<String>, rows: Vec<Params> },
}

/// What makes the rows of a profile. They are written out one at a time, when they are compiled: a profile of many points is never a table of
/// many rows.
pub(super) struct Rows<'t> {
    batches: Vec<Batch<'t>>,
    /// Point lists: their file, and what their rows share.
    lists: Vec<(SourceId, String, Vec<Entry>)>,
}

impl<'t> Rows<'t> {
    /// Reads everything that makes rows out of the profile's root table.
    pub(super) fn read(view: &mut View<'t>, files: &mut FileReader<'_>, report: &mut Report) -> Self {
        let root = Batch { lists: take_lists(view, report), shared: Vec::new(), over: Over::Once(None) };
        let mut out = Self { batches: vec![root], lists: Vec::new() };
        out.read_groups(view, report);
        out.read_uses(view, report);
        out.read_csv(view, files, report);
        out
    }

    /// Writes out the rows of one list, in the order written.
    pub(super) fn each(&self, list: List, report: &mut Report, mut take: impl FnMut(Row, &mut Report)) {
        for Batch { lists, shared, over } in &self.batches {
            let Some(tables) = lists.get(list as usize).filter(|tables| !tables.is_empty()) else { continue };
            // A remote and a calculated point stand on no link.
            let linkless = matches!(list, List::Remotes | List::Calcs);
            let shared: Vec<Entry> = shared.iter().filter(|entry| !linkless || entry.key != "on").cloned().collect();
            match over {
                Over::Once(name) => {
                    let origin = name.as_ref().map(|name| format!("group {name}"));
                    for table in tables {
                        expand(table, &Params::new(), origin.as_deref(), &shared, report, &mut take);
                    }
                }
                Over::Template { name, named, rows } => {
                    for params in rows {
                        let origin = origin_of(name, named, params);
                        for table in tables {
                            expand(table, params, Some(&origin), &shared, report, &mut take);
                        }
                    }
                }
            }
        }
        if list == List::Points {
            for (source, path, shared) in &self.lists {
                csv::each(*source, report, |table, report| {
                    take(Row { table: with_shared(table, shared), origin: Some(path.clone()) }, report);
                });
            }
        }
    }

    /// The rows of one list, together.
    pub(super) fn all(&self, list: List, report: &mut Report) -> Vec<Row> {
        let mut out = Vec::new();
        self.each(list, report, |row, _| out.push(row));
        out
    }

    fn read_groups(&mut self, view: &mut View<'t>, report: &mut Report) {
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
            self.batches.push(Batch { lists, shared, over: Over::Once(Some(entry.key.clone())) });
        }
    }

    fn read_uses(&mut self, view: &mut View<'t>, report: &mut Report) {
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
            let mut all = rows_at.map_or_else(|| vec![base.clone()], |entry| rows(&entry.node, &base, report));
            let at = rows_at.map_or(span, |entry| entry.node.span);
            usage.finish(report);
            let named: Vec<String> = template.params.iter().filter(|name| !template.defaults.contains_key(*name)).cloned().collect();
            all.retain(|params| {
                check_params(template, (name, at), params, &named, report);
                template.params.iter().all(|param| params.contains_key(param))
            });
            let over = Over::Template { name: name.to_owned(), named, rows: all };
            self.batches.push(Batch { lists: template.lists.clone(), shared: on.into_iter().collect(), over });
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
                Ok(text) => self.lists.push((report.add_source(path, text), path.to_owned(), shared)),
                Err(problem) => report.push(
                    Diagnostic::error("profile::file-unreadable", problem).at(span).fix("paths are relative to the profile's folder"),
                ),
            }
        }
    }
}

/// Parameters that a template needs and a row does not give, or the other way round.
fn check_params(template: &Template<'_>, (name, at): (&str, Span), params: &Params, named: &[String], report: &mut Report) {
    let missing = template.params.iter().filter(|param| !params.contains_key(*param));
    for missing in missing {
        report.push(
            Diagnostic::error("profile::param-missing", format!("template `{name}` needs the parameter `{missing}`"))
                .at(at)
                .from_origin(Some(&origin_of(name, named, params)))
                .fix(format!("add `{missing} = …` to this row of `for`")),
        );
    }
    for extra in params.keys().filter(|param| !template.params.contains(*param)) {
        let fix = nearest(extra, template.params.iter().map(String::as_str))
            .map_or_else(|| "remove it, or add it to `params` of the template".to_owned(), |near| format!("did you mean `{near}`?"));
        report.push(
            Diagnostic::error("profile::param-unknown", format!("template `{name}` has no parameter `{extra}`"))
                .at(at)
                .from_origin(Some(&origin_of(name, named, params)))
                .fix(fix),
        );
    }
}

/// `template unit, u=U1`: with the parameters that have no default, in the template's order.
fn origin_of(name: &str, named: &[String], params: &Params) -> String {
    let one = |name: &String| Some(describe(&Params::from([(name.clone(), params.get(name)?.clone())])));
    format!("template {name}, {}", named.iter().filter_map(one).collect::<Vec<_>>().join(", "))
}

/// One row as written to the rows it stands for: a row may have a `for` of its own.
fn expand(
    table: &Table,
    params: &Params,
    origin: Option<&str>,
    shared: &[Entry],
    report: &mut Report,
    take: &mut impl FnMut(Row, &mut Report),
) {
    let Some(own) = table.entry("for") else {
        let filled = substitute(table, params, origin, report);
        return take(Row { table: with_shared(filled, shared), origin: origin.map(str::to_owned) }, report);
    };
    let bare = Table { span: table.span, entries: table.entries.iter().filter(|e| e.key != "for").cloned().collect() };
    for row in rows(&own.node, params, report) {
        let inner: Params = row.iter().filter(|(name, _)| !params.contains_key(*name)).map(|(n, v)| (n.clone(), v.clone())).collect();
        let origin = match origin {
            Some(outer) => format!("{outer}, {}", describe(&inner)),
            None => format!("row with {}", describe(&inner)),
        };
        let filled = substitute(&bare, &row, Some(&origin), report);
        take(Row { table: with_shared(filled, shared), origin: Some(origin) }, report);
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
    Rc::new(KINDS.map(|(rows, long)| {
        let mut list = view.take_tables(rows, report);
        list.extend(view.take_tables(long, report));
        list
    }))
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

fn params_of(table: &Table) -> Params {
    table.entries.iter().map(|Entry { key, node: Node { shape, .. }, .. }| (key.clone(), shape.clone())).collect()
}
