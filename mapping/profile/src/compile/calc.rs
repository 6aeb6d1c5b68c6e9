//! Calculated points: `[[calc]]`.

use std::collections::{BTreeMap, BTreeSet};

use bridge_diag::{Entry, Report, Shape, Span, View};
use bridge_model::PointId;

use super::point::unit_of;
use super::rows::Row;
use super::scope::{Scope, settle, take_basis, take_id};
use crate::calc::{Calculation, Expression, Formula};
use crate::codes::DIALECT;
use crate::keys;
use crate::plan::{Basis, Conversion, PointSource};
use crate::units::{Dimension, Unit, unit};

/// The most inputs of one calculation.
const MAX_INPUTS: usize = 1000;
/// The keys that say how, exactly one of them.
const RULES: [&str; 3] = ["sum", "difference", "cel"];

/// The result, as far as its inputs must fit it.
struct Wanted {
    unit: Option<&'static Unit>,
    basis: Option<Basis>,
}

impl Scope<'_> {
    /// Compiles the rows of `calcs`, each after those that it uses.
    pub(crate) fn compile_calcs(&mut self, rows: &[Row], report: &mut Report) {
        let mut declared = Vec::with_capacity(rows.len());
        for row in rows {
            let mut view = View::new(&row.table, DIALECT, "a calculated point", row.origin.as_deref()).of(&keys::CALC);
            let id = take_id(&mut self.point_names, "point", &mut view, report).map(str::to_owned);
            declared.push((view, id));
        }
        let ids: Vec<Option<&str>> = declared.iter().map(|(_, id)| id.as_deref()).collect();
        let places = order(rows, &ids, report);
        let mut views: Vec<Option<(View<'_>, Option<String>)>> = declared.into_iter().map(Some).collect();
        for place in places {
            if let Some((view, id)) = views.get_mut(place).and_then(Option::take) {
                self.compile_calc(view, id.as_deref(), report);
            }
        }
    }

    fn compile_calc(&mut self, mut view: View<'_>, id: Option<&str>, report: &mut Report) {
        let before = report.errors();
        let cim = self.cim(&mut view, &["Analog", "Discrete"], report);
        let state = cim.as_ref().is_some_and(super::point::Cim::is_state);
        let measured = unit_of(&mut view, cim.as_ref(), report);
        let basis = take_basis(&mut view, measured, report);
        let rules: Vec<&Entry> = RULES.iter().filter_map(|key| view.take(key)).collect();
        let inputs_at = view.take("inputs");
        let made = if let [rule] = rules.as_slice() {
            let wanted = Wanted { unit: measured.unit(), basis };
            match rule.key.as_str() {
                "cel" => self.expression(rule, inputs_at, &view, report),
                _ => self.weighted(rule, inputs_at, &wanted, state, &view, report),
            }
        } else {
            report.push(
                view.error("profile::calc-rule", view.span(), format!("{} needs one of `sum`, `difference`, `cel`", view.noun()))
                    .fix("write `sum = [\"U1.p\", \"U2.p\"]`, or `cel = \"a / b\"` with `inputs = { a = \"U1.p\", b = \"U2.p\" }`"),
            );
            None
        };
        let point = self.rest_of_point(&mut view, id, cim, measured, report);
        view.finish(report);
        let (Some((inputs, formula)), Some(mut point)) = (made, point) else { return };
        let Ok(index) = u32::try_from(self.points.len()) else { return };
        if report.errors() > before {
            return;
        }
        point.source = PointSource::Calculated;
        point.basis = basis;
        point.conversion = Conversion::IDENTITY;
        settle(&mut self.point_names, &point.id, self.points.len());
        self.calculations.push(Calculation { point: PointId(index), inputs, formula, state });
        self.points.push(point);
    }

    /// `sum = [ids]`, `difference = [ids]`: the first less all others.
    fn weighted(
        &self,
        rule: &Entry,
        inputs_at: Option<&Entry>,
        wanted: &Wanted,
        state: bool,
        view: &View<'_>,
        report: &mut Report,
    ) -> Option<(Vec<PointId>, Formula)> {
        if let Some(entry) = inputs_at {
            report.push(
                view.error("profile::calc-inputs", entry.key_span, format!("`inputs` of {} are for `cel`", view.noun())).fix("remove them"),
            );
        }
        if state {
            report.push(
                view.error("profile::calc-unit", rule.key_span, format!("{} is a state; `{}` makes a quantity", view.noun(), rule.key))
                    .fix("use `cel` for states: `cel = \"a == 1 && b == 2\"`"),
            );
            return None;
        }
        let names = ids_of(rule, view, report)?;
        if rule.key == "sum" && wanted.unit.is_some_and(|unit| unit.dimension == Dimension::Temperature) {
            report.push(
                view.error("profile::calc-unit", rule.key_span, format!("{}: temperatures have no sum", view.noun()))
                    .fix("use `difference`, or `cel` for a mean"),
            );
        }
        let mut inputs = Vec::with_capacity(names.len());
        let mut factors = Vec::with_capacity(names.len());
        for (place, (name, span)) in names.into_iter().enumerate() {
            let point = self.point_named(name, span, view, report)?;
            let factor = self.factor(point, name, span, wanted, view, report)?;
            inputs.push(point);
            factors.push(if rule.key == "difference" && place > 0 { -factor } else { factor });
        }
        Some((inputs, Formula::Weighted(factors)))
    }

    /// From an input's unit to the result's; the basis of active powers is the same (R17).
    fn factor(&self, point: PointId, name: &str, span: Span, wanted: &Wanted, view: &View<'_>, report: &mut Report) -> Option<f64> {
        let input = self.points.get(point.index())?;
        let own = input.unit.as_deref().and_then(unit);
        let target = wanted.unit?;
        let Some((factor, _)) = own.and_then(|own| own.conversion(target)) else {
            let is = own.map_or("a state".to_owned(), |own| format!("in {}", own.name));
            report.push(
                view.error("profile::calc-unit", span, format!("{} is in {}, but `{name}` is {is}", view.noun(), target.name))
                    .fix("a sum is made of quantities of one kind; `cel` may mix them"),
            );
            return None;
        };
        if input.basis != wanted.basis
            && let (Some(is), Some(wanted)) = (input.basis, wanted.basis)
        {
            report.push(
                view.error("profile::calc-basis", span, format!("{} is {}, but `{name}` is {}", view.noun(), wanted.as_str(), is.as_str()))
                    .fix("sum powers of one basis; nothing converts one into the other (R17)"),
            );
            return None;
        }
        Some(factor)
    }

    /// `cel = "…"`, `inputs = { name = id }`.
    fn expression(&self, rule: &Entry, inputs_at: Option<&Entry>, view: &View<'_>, report: &mut Report) -> Option<(Vec<PointId>, Formula)> {
        let Shape::Str(text) = &rule.node.shape else {
            report.push(
                view.error(DIALECT.wrong_kind, rule.node.span, format!("`cel` of {} must be text", view.noun()))
                    .fix("write `cel = \"a / b\"`"),
            );
            return None;
        };
        let Some(Shape::Table(table)) = inputs_at.map(|entry| &entry.node.shape) else {
            report.push(
                view.error("profile::calc-inputs", rule.key_span, format!("`cel` of {} needs `inputs`, a table", view.noun()))
                    .fix("name what it uses: `inputs = { a = \"U1.p\" }`"),
            );
            return None;
        };
        let mut inputs = Vec::new();
        let mut names = Vec::new();
        let mut states = Vec::new();
        for entry in &table.entries {
            let Shape::Str(id) = &entry.node.shape else {
                report.push(
                    view.error(DIALECT.wrong_kind, entry.node.span, format!("input `{}` of {} must name a point", entry.key, view.noun()))
                        .fix("write `a = \"U1.p\"`"),
                );
                return None;
            };
            let point = self.point_named(id, entry.node.span, view, report)?;
            states.push(self.points.get(point.index()).is_some_and(|input| input.unit.is_none()));
            inputs.push(point);
            names.push(entry.key.clone());
        }
        if inputs.is_empty() || inputs.len() > MAX_INPUTS {
            report.push(
                view.error("profile::calc-inputs", table.span, format!("{} has {} inputs", view.noun(), inputs.len()))
                    .fix(format!("1 to {MAX_INPUTS}")),
            );
            return None;
        }
        match Expression::new(text, names, &states) {
            Ok(expression) => Some((inputs, Formula::Expression(expression))),
            Err(problem) => {
                report.push(
                    view.error("profile::calc-expression", rule.node.span, format!("`cel` of {}: {problem}", view.noun()))
                        .fix("states are whole numbers (`breaker == 2`), quantities are decimal (`p > 1.0`); see docs/spec/profile.md"),
                );
                None
            }
        }
    }
}

/// The texts of a list of one or more ids.
fn ids_of<'t>(rule: &'t Entry, view: &View<'_>, report: &mut Report) -> Option<Vec<(&'t str, Span)>> {
    let nodes = if let Shape::List(nodes) = &rule.node.shape { nodes.as_slice() } else { &[] };
    let ids: Option<Vec<_>> = if (1..=MAX_INPUTS).contains(&nodes.len()) {
        nodes.iter().map(|node| Some((as_str(&node.shape)?, node.span))).collect()
    } else {
        None
    };
    if ids.is_none() {
        report.push(
            view.error(
                "profile::calc-inputs",
                rule.node.span,
                format!("`{}` of {} is a list of 1 to {MAX_INPUTS} ids of points", rule.key, view.noun()),
            )
            .fix(format!("write `{} = [\"U1.p\", \"U2.p\"]`", rule.key)),
        );
    }
    ids
}

/// The rows, each after those that it uses; what uses itself, over however many others, is told and left out.
fn order(rows: &[Row], ids: &[Option<&str>], report: &mut Report) -> Vec<usize> {
    let by_id: BTreeMap<&str, usize> = ids.iter().enumerate().filter_map(|(place, id)| Some(((*id)?, place))).collect();
    let mut waits: Vec<BTreeSet<usize>> =
        rows.iter().map(|row| used(row).into_iter().filter_map(|id| by_id.get(id).copied()).collect()).collect();
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); rows.len()];
    for (place, uses) in waits.iter().enumerate() {
        for used in uses {
            users[*used].push(place);
        }
    }
    let mut ready: BTreeSet<usize> = (0..rows.len()).filter(|place| waits[*place].is_empty()).collect();
    let mut order = Vec::with_capacity(rows.len());
    while let Some(place) = ready.pop_first() {
        order.push(place);
        for user in &users[place] {
            waits[*user].remove(&place);
            if waits[*user].is_empty() {
                ready.insert(*user);
            }
        }
    }
    for (place, uses) in waits.iter().enumerate().filter(|(_, uses)| !uses.is_empty()) {
        let Some(row) = rows.get(place) else { continue };
        let view = View::new(&row.table, DIALECT, "a calculated point", row.origin.as_deref()).of(&keys::CALC);
        let of = uses.first().and_then(|used| ids.get(*used).copied().flatten()).unwrap_or_default();
        let id = ids.get(place).copied().flatten().unwrap_or_default();
        let circle = if of == id { format!("`{id}` needs itself") } else { format!("`{id}` needs `{of}`, and that in the end `{id}`") };
        report
            .push(view.error("profile::calc-cycle", row.table.span, circle).fix("a calculated point may use others, but not in a circle"));
    }
    order
}

/// The ids that a row's rule names.
fn used(row: &Row) -> Vec<&str> {
    let mut out = Vec::new();
    for key in RULES.into_iter().chain(["inputs"]) {
        match row.table.entry(key).map(|entry| &entry.node.shape) {
            Some(Shape::List(nodes)) => out.extend(nodes.iter().filter_map(|node| as_str(&node.shape))),
            Some(Shape::Table(table)) => out.extend(table.entries.iter().filter_map(|entry| as_str(&entry.node.shape))),
            Some(Shape::Str(_) | Shape::Int(_) | Shape::Float(_) | Shape::Bool(_) | Shape::Datetime(_)) | None => {}
        }
    }
    out
}

fn as_str(shape: &Shape) -> Option<&str> {
    if let Shape::Str(text) = shape { Some(text) } else { None }
}
