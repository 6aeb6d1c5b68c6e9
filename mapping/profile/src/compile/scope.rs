//! What the whole profile shares while it compiles: names, units, addresses, and the words for what is wrong with them.

use std::collections::BTreeMap;
use std::time::Duration;

use bridge_diag::{Diagnostic, Entry, Kind, Node, Report, Shape, Span, Table, View, nearest};
use bridge_model::PointId;
use bridge_session::{AddressUse, Field, FieldProblem, Fields, LinkPoint, Protocol, Role};

use super::nouns::{Noun, Nouns};
use crate::calc::Calculation;
use crate::codes::DIALECT;
use crate::keys;
use crate::plan::{Basis, Control, Peer, Plan, PlannedLink, PlannedPoint, Resource, Served};
use crate::quantity::{parse_duration, split};
use crate::template::{Params, describe, rows, substitute};
use crate::testcase::TestCase;
use crate::units::{Dimension, MEASUREMENTS, UNITS, Unit, unit};

/// A link while points are added to it.
pub(crate) struct LinkDraft<'p> {
    pub plan: PlannedLink,
    pub protocol: &'p dyn Protocol,
    pub span: Span,
    /// Address keys in use: whose noun and where.
    used: BTreeMap<u64, (Noun, Span)>,
}

/// A name that was declared; `index` is `None` if its own row had problems, so that using it is not a second problem.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declared {
    pub index: Option<usize>,
    pub span: Span,
}

/// Names of one kind.
pub(crate) type Names = BTreeMap<String, Declared>;

pub(crate) struct Scope<'p> {
    pub protocols: &'p [&'p dyn Protocol],
    pub resources: Vec<Resource>,
    pub resource_names: Names,
    /// IES address → resource key.
    era_owners: BTreeMap<String, String>,
    pub peers: Vec<Peer>,
    pub links: Vec<LinkDraft<'p>>,
    pub link_names: Names,
    pub aliases: BTreeMap<String, BTreeMap<i64, String>>,
    pub limit_sets: BTreeMap<String, Vec<Table>>,
    pub points: Vec<PlannedPoint>,
    pub point_names: Names,
    /// (measurement, phases) → resource → whose noun: the name of a point to a peer.
    pub measured: BTreeMap<(String, Option<String>), BTreeMap<u16, Noun>>,
    /// Of the rows in `measured` and in the links' `used`.
    pub nouns: Nouns,
    pub calculations: Vec<Calculation>,
    pub controls: Vec<Control>,
    pub control_names: Names,
    pub served: Vec<Served>,
    pub served_names: Names,
}

/// What a row is measured in.
#[derive(Clone, Copy)]
pub(crate) enum Measured {
    /// A quantity.
    In(&'static Unit),
    /// A state, or a plain number.
    Plain,
    /// Not known, because of a problem already told: nothing that depends on it is a second problem.
    Unclear,
}

impl Measured {
    /// The unit, if there is one.
    pub(crate) fn unit(self) -> Option<&'static Unit> {
        match self {
            Self::In(unit) => Some(unit),
            Self::Plain | Self::Unclear => None,
        }
    }
}

/// Whether a quantity is a value or a distance between values (it matters for temperatures).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Value,
    Distance,
}

impl<'p> Scope<'p> {
    pub(crate) fn new(protocols: &'p [&'p dyn Protocol]) -> Self {
        let mut aliases = BTreeMap::new();
        let dpos = [(0, "intermediate"), (1, "open"), (2, "closed"), (3, "bad")];
        aliases.insert("dpos".to_owned(), dpos.into_iter().map(|(code, name)| (code, name.to_owned())).collect());
        Self {
            protocols,
            resources: Vec::new(),
            resource_names: Names::new(),
            era_owners: BTreeMap::new(),
            peers: Vec::new(),
            links: Vec::new(),
            link_names: Names::new(),
            aliases,
            limit_sets: BTreeMap::new(),
            points: Vec::new(),
            point_names: Names::new(),
            measured: BTreeMap::new(),
            nouns: Nouns::default(),
            calculations: Vec::new(),
            controls: Vec::new(),
            control_names: Names::new(),
            served: Vec::new(),
            served_names: Names::new(),
        }
    }

    pub(crate) fn into_plan(self, id: String, version: String, hash: [u8; 32], tests: Vec<TestCase>) -> Plan {
        Plan {
            id,
            version,
            hash,
            resources: self.resources,
            peers: self.peers,
            links: self.links.into_iter().map(|draft| draft.plan).collect(),
            points: self.points,
            calculations: self.calculations,
            controls: self.controls,
            served: self.served,
            tests,
        }
    }

    /// `[era]`: the resources.
    pub(crate) fn read_eras(&mut self, view: &mut View<'_>, report: &mut Report) {
        let Some(table) = view.take_table("era", report) else { return };
        for (key, span, table, origin) in expanded_eras(table, report) {
            self.read_era(key, span, &table, origin.as_deref(), report);
        }
    }

    fn read_era(&mut self, key: String, span: Span, table: &Table, origin: Option<&str>, report: &mut Report) {
        let mut view = View::new(table, DIALECT, format!("resource `{key}`"), origin).of(&keys::ERA);
        let address = view.need_str("address", report);
        let class = view.need_str("class", report);
        let mrid = view.take_str("mrid", report).map(|(text, _)| text.to_owned());
        let name = view.take_str("name", report).map(|(text, _)| text.to_owned());
        if let Some((address, at)) = address
            && let Some(twin) = self.era_owners.get(address)
        {
            report.push(
                view.error("profile::era-reused", at, format!("the address `{address}` already belongs to resource `{twin}`"))
                    .fix("one resource, one address"),
            );
        }
        view.finish(report);
        let fresh = declare(&mut self.resource_names, &key, span, "resource", origin, report);
        if let (true, Some((address, _)), Some((class, _))) = (fresh, address, class) {
            if self.resources.len() >= usize::from(u16::MAX) {
                report.push(Diagnostic::error("profile::too-many", "a profile holds at most 65535 resources").at(span));
                return;
            }
            settle(&mut self.resource_names, &key, self.resources.len());
            self.era_owners.insert(address.to_owned(), key.clone());
            self.resources.push(Resource { key, era: address.to_owned(), class: class.to_owned(), mrid, name });
        }
    }

    /// `[alias]`: names of state codes.
    pub(crate) fn read_aliases(&mut self, view: &mut View<'_>, report: &mut Report) {
        let Some(table) = view.take_table("alias", report) else { return };
        let mut outer = view.inner(table, "[alias]").of(&keys::ALIASES);
        for entry in outer.take_rest() {
            let Shape::Table(codes) = &entry.node.shape else {
                report.push(
                    outer
                        .error(DIALECT.wrong_kind, entry.node.span, format!("alias set `{}` must be a table", entry.key))
                        .fix("write `{ 0 = \"off\", 1 = \"on\" }`"),
                );
                continue;
            };
            let mut names = BTreeMap::new();
            for code in &codes.entries {
                match (code.key.parse::<i64>(), &code.node.shape) {
                    (Ok(number), Shape::Str(name)) => {
                        names.insert(number, name.clone());
                    }
                    _ => report.push(
                        outer
                            .error(
                                "profile::alias-malformed",
                                code.key_span,
                                format!("`{}` in alias set `{}` is no code with a name", code.key, entry.key),
                            )
                            .fix("write `0 = \"off\"`"),
                    ),
                }
            }
            self.aliases.insert(entry.key.clone(), names);
        }
    }

    /// `[limits]`: named sets, read where they are used (they take the point's unit).
    pub(crate) fn read_limit_sets(&mut self, view: &mut View<'_>, report: &mut Report) {
        let Some(table) = view.take_table("limits", report) else { return };
        let names: Vec<String> = table.entries.iter().map(|entry| entry.key.clone()).collect();
        let mut outer = view.inner(table, "[limits]").of(&keys::LIMIT_SETS);
        for name in names {
            let set = outer.take_tables(&name, report).into_iter().cloned().collect();
            self.limit_sets.insert(name, set);
        }
    }

    /// The link of a row; `role` is the one that its kind of point stands on, or the other one where the address is `reversed`.
    pub(crate) fn link_of(&self, view: &mut View<'_>, role: Role, report: &mut Report) -> Option<usize> {
        let Some(entry) = view.take("on") else {
            report.push(
                view.error("profile::link-missing", view.span(), format!("{} does not say on which link it is", view.noun()))
                    .fix("add `on = \"LINK\"` here, in its group or in its `[[use]]`"),
            );
            return None;
        };
        let name = str_of(entry, view, report)?;
        let index = self.find(&self.link_names, name, "link", entry.node.span, view, report)?;
        let link = self.links.get(index)?;
        if link.plan.spec.role != role {
            let (is, needs) = match role {
                Role::Client => ("a server link", "points are read on client links; use `[[serve]]` on a server link"),
                Role::Server => ("a client link", "served points stand on server links; use `[[point]]` on a client link"),
            };
            report.push(view.error("profile::link-role", entry.node.span, format!("link `{name}` is {is}")).fix(needs));
            return None;
        }
        Some(index)
    }

    /// The resource a row is about.
    pub(crate) fn resource_of(&self, name: &str, span: Span, view: &View<'_>, report: &mut Report) -> Option<u16> {
        let Some(found) = self.resource_names.get(name) else {
            let fix = nearest(name, self.resource_names.keys().map(String::as_str)).map_or_else(
                || format!("add `{name} = {{ address = \"era:…\", class = \"…\" }}` to [era]"),
                |near| format!("did you mean `{near}`?"),
            );
            report.push(view.error("profile::era-unknown", span, format!("there is no resource `{name}` in [era]")).fix(fix));
            return None;
        };
        found.index.and_then(|index| u16::try_from(index).ok())
    }

    /// A name of the given kind, or a problem. A name whose own row is broken gives `None` without a second problem.
    pub(crate) fn find(&self, names: &Names, name: &str, kind: &str, span: Span, view: &View<'_>, report: &mut Report) -> Option<usize> {
        if let Some(found) = names.get(name) {
            return found.index;
        }
        let fix = nearest(name, names.keys().map(String::as_str))
            .map_or_else(|| format!("define the {kind} `{name}`, or use one that exists"), |near| format!("did you mean `{near}`?"));
        report.push(view.error(format!("profile::{kind}-unknown"), span, format!("there is no {kind} `{name}`")).fix(fix));
        None
    }

    /// A point by id.
    pub(crate) fn point_named(&self, name: &str, span: Span, view: &View<'_>, report: &mut Report) -> Option<PointId> {
        self.find(&self.point_names, name, "point", span, view, report).and_then(|i| u32::try_from(i).ok()).map(PointId)
    }

    /// A party by name.
    pub(crate) fn peer_named(&self, view: &mut View<'_>, report: &mut Report) -> Option<String> {
        let (name, span) = view.need_str("peer", report)?;
        if self.peers.iter().any(|peer| peer.name == name) {
            return Some(name.to_owned());
        }
        let fix = nearest(name, self.peers.iter().map(|peer| peer.name.as_str()))
            .map_or_else(|| format!("add `{name} = {{}}` to [peer]"), |near| format!("did you mean `{near}`?"));
        report.push(view.error("profile::peer-unknown", span, format!("there is no party `{name}` in [peer]")).fix(fix));
        None
    }

    /// The row's address on a link: checked by the adapter, free of duplicates. Gives its fields.
    pub(crate) fn address(&mut self, view: &mut View<'_>, link: Option<usize>, usage: AddressUse, report: &mut Report) -> Option<Fields> {
        self.address_at("addr", view, link, usage, report)
    }

    /// The address below another key.
    pub(crate) fn address_at(
        &mut self,
        at: &str,
        view: &mut View<'_>,
        link: Option<usize>,
        usage: AddressUse,
        report: &mut Report,
    ) -> Option<Fields> {
        let Some(entry) = view.take(at) else {
            report.push(
                view.error("profile::address-missing", view.span(), format!("{} has no address", view.noun()))
                    .fix(format!("add `{at} = {{ … }}`, for IEC 104 `{at} = {{ ioa = 1001, ti = \"M_ME_TF_1\" }}`")),
            );
            return None;
        };
        let Shape::Table(table) = &entry.node.shape else {
            report.push(
                view.error(DIALECT.wrong_kind, entry.node.span, format!("`{at}` of {} must be a table", view.noun()))
                    .fix(format!("for IEC 104 write `{at} = {{ ioa = 1001, ti = \"M_ME_TF_1\" }}`")),
            );
            return None;
        };
        let fields = fields_of(table, view, report)?;
        let draft = self.links.get_mut(link?)?;
        match draft.protocol.check_address(draft.plan.spec.role, usage, &draft.plan.spec.params, &fields) {
            Ok(key) => {
                if let Some((other, at)) = draft.used.get(&key) {
                    let other = self.nouns.text(*other);
                    let place = report.place(*at).map(|p| format!(" ({}:{})", p.file, p.line)).unwrap_or_default();
                    report.push(
                        view.error(
                            "profile::ioa-reused",
                            entry.node.span,
                            format!("{} has the address of {other}{place} on link `{}`", view.noun(), draft.plan.spec.name),
                        )
                        .fix("give it an address of its own; one address, one point"),
                    );
                    return None;
                }
                draft.used.insert(key, (self.nouns.number(view.noun()), entry.node.span));
                Some(fields)
            }
            Err(problems) => {
                for problem in problems {
                    push_field_problem(&problem, table, view, report);
                }
                None
            }
        }
    }

    /// Adds a point to its link.
    pub(crate) fn attach(&mut self, link: usize, index: usize, usage: AddressUse, address: Fields) {
        if let (Some(draft), Ok(index)) = (self.links.get_mut(link), u32::try_from(index)) {
            draft.plan.spec.points.push(LinkPoint { point: PointId(index), usage, address });
        }
    }

    /// A link that nothing stands on is most likely a slip; after an error it may only seem so.
    pub(crate) fn check_links_used(&self, report: &mut Report) {
        if !report.is_ok() {
            return;
        }
        for draft in self.links.iter().filter(|draft| draft.plan.spec.points.is_empty()) {
            report.push(
                Diagnostic::warning("profile::link-unused", format!("nothing stands on link `{}`", draft.plan.spec.name))
                    .at(draft.span)
                    .fix("add points, or remove the link"),
            );
        }
    }
}

impl<'p> LinkDraft<'p> {
    pub(crate) fn new(plan: PlannedLink, protocol: &'p dyn Protocol, span: Span) -> Self {
        Self { plan, protocol, span, used: BTreeMap::new() }
    }
}

/// The resources of `[era]` by key, each with its place and what it expanded from; `for` makes several.
pub(crate) fn expanded_eras(table: &Table, report: &mut Report) -> Vec<(String, Span, Table, Option<String>)> {
    let mut expanded: Vec<(String, Span, Table, Option<String>)> = Vec::new();
    for entry in &table.entries {
        let Shape::Table(inner) = &entry.node.shape else {
            report.push(
                Diagnostic::error(DIALECT.wrong_kind, format!("resource `{}` must be a table", entry.key))
                    .at(entry.node.span)
                    .fix("write `{ address = \"era:…\", class = \"…\" }`"),
            );
            continue;
        };
        let Some(own) = inner.entry("for") else {
            expanded.push((entry.key.clone(), entry.key_span, inner.clone(), None));
            continue;
        };
        let bare = Table { span: inner.span, entries: inner.entries.iter().filter(|e| e.key != "for").cloned().collect() };
        for params in rows(&own.node, &Params::new(), report) {
            let origin = format!("era {}, {}", entry.key, describe(&params));
            let key = expanded_key(entry, &params, &origin, report);
            expanded.push((key, entry.key_span, substitute(&bare, &params, Some(&origin), report), Some(origin)));
        }
    }
    expanded.sort_by(|a, b| a.0.cmp(&b.0));
    expanded
}

fn expanded_key(entry: &Entry, params: &Params, origin: &str, report: &mut Report) -> String {
    if entry.key.contains('{') {
        let node = Node { span: entry.key_span, shape: Shape::Str(entry.key.clone()) };
        let table = Table { span: entry.key_span, entries: vec![Entry { key: String::new(), key_span: entry.key_span, node }] };
        let filled = substitute(&table, params, Some(origin), report);
        if let Some(Shape::Str(key)) = filled.entries.into_iter().next().map(|e| e.node.shape) {
            return key;
        }
    }
    let mut key = entry.key.clone();
    for value in params.values() {
        match value {
            Shape::Str(text) => key.push_str(text),
            Shape::Int(number) => key.push_str(&number.to_string()),
            Shape::Float(_) | Shape::Bool(_) | Shape::Datetime(_) | Shape::List(_) | Shape::Table(_) => {}
        }
    }
    key
}

/// Ids are `[A-Za-z0-9_.-]+`, at most 64 letters.
pub(crate) fn check_id(id: &str, span: Span, origin: Option<&str>, report: &mut Report) -> bool {
    let good = !id.is_empty() && id.len() <= 64 && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    // What an interpolation left behind was told already.
    if !good && !id.contains('{') {
        report.push(
            Diagnostic::error("profile::id-malformed", format!("`{id}` is no id"))
                .at(span)
                .from_origin(origin)
                .fix("use 1 to 64 letters, digits, `_`, `.` and `-`"),
        );
    }
    good
}

/// Declares a name; `false` if it is malformed or taken.
pub(crate) fn declare(names: &mut Names, name: &str, span: Span, kind: &str, origin: Option<&str>, report: &mut Report) -> bool {
    if !check_id(name, span, origin, report) {
        return false;
    }
    if let Some(first) = names.get(name) {
        let place = report.place(first.span).map(|p| format!(" at {}:{}", p.file, p.line)).unwrap_or_default();
        report.push(
            Diagnostic::error("profile::id-reused", format!("the {kind} `{name}` exists already{place}"))
                .at(span)
                .from_origin(origin)
                .fix("ids are unique after expansion; put a parameter into the id: `{u}.p`"),
        );
        return false;
    }
    names.insert(name.to_owned(), Declared { index: None, span });
    true
}

/// The declared name compiled.
pub(crate) fn settle(names: &mut Names, name: &str, index: usize) {
    if let Some(declared) = names.get_mut(name) {
        declared.index = Some(index);
    }
}

/// The row's id, declared; `None` if it is missing, malformed or taken.
pub(crate) fn take_id<'t>(names: &mut Names, kind: &str, view: &mut View<'t>, report: &mut Report) -> Option<&'t str> {
    let (id, span) = view.need_str("id", report)?;
    view.rename(format!("{kind} `{id}`"));
    declare(names, id, span, kind, view.origin().map(str::to_owned).as_deref(), report).then_some(id)
}

fn str_of<'t>(entry: &'t Entry, view: &View<'_>, report: &mut Report) -> Option<&'t str> {
    if let Shape::Str(text) = &entry.node.shape {
        return Some(text);
    }
    report.push(view.error(
        DIALECT.wrong_kind,
        entry.node.span,
        format!("`{}` of {} must be text, not {}", entry.key, view.noun(), entry.node.shape.noun()),
    ));
    None
}

/// Scalars as an adapter reads them.
pub(crate) fn field_of(node: &Node) -> Option<Field> {
    match &node.shape {
        Shape::Str(text) | Shape::Datetime(text) => Some(Field::Text(text.clone())),
        Shape::Int(value) => Some(Field::Int(*value)),
        Shape::Float(value) => Some(Field::Float(*value)),
        Shape::Bool(value) => Some(Field::Bool(*value)),
        Shape::List(_) | Shape::Table(_) => None,
    }
}

/// Whether two tables of scalars say the same.
pub(crate) fn same_shape(a: &Node, b: &Node) -> bool {
    let fields = |node: &Node| match &node.shape {
        Shape::Table(table) => Some(table.entries.iter().filter_map(|e| Some((e.key.as_str(), field_of(&e.node)?))).collect::<Fields>()),
        Shape::Str(_) | Shape::Int(_) | Shape::Float(_) | Shape::Bool(_) | Shape::Datetime(_) | Shape::List(_) => None,
    };
    fields(a).is_some_and(|fields_of_a| fields(b) == Some(fields_of_a))
}

fn fields_of(table: &Table, view: &View<'_>, report: &mut Report) -> Option<Fields> {
    let mut good = true;
    let fields = table.entries.iter().filter_map(|entry| {
        let field = scalar_of(entry, view, report);
        good &= field.is_some();
        Some((entry.key.as_str(), field?))
    });
    let fields = fields.collect();
    good.then_some(fields)
}

/// The entry's scalar, or a problem.
pub(crate) fn scalar_of(entry: &Entry, view: &View<'_>, report: &mut Report) -> Option<Field> {
    let field = field_of(&entry.node);
    if field.is_none() {
        report.push(view.error(
            DIALECT.wrong_kind,
            entry.node.span,
            format!("`{}` of {} must be text or a number, not {}", entry.key, view.noun(), entry.node.shape.noun()),
        ));
    }
    field
}

/// An adapter's problem, at the field it is about.
pub(crate) fn push_field_problem(problem: &FieldProblem, table: &Table, view: &View<'_>, report: &mut Report) {
    let span = table.entry(&problem.field).map_or(table.span, |entry| entry.node.span);
    report.push(
        view.error(format!("profile::{}", problem.code), span, format!("{}: {}", view.noun(), problem.problem)).fix(problem.fix.as_str()),
    );
}

/// A duration, if it is there and is one.
pub(crate) fn take_duration(view: &mut View<'_>, key: &str, report: &mut Report) -> Option<Duration> {
    let (text, span) = view.take_str(key, report)?;
    let duration = parse_duration(text);
    if duration.is_none() {
        report.push(
            view.error("profile::duration-malformed", span, format!("`{key}` of {}: `{text}` is no duration", view.noun()))
                .fix("write a number and ms, s, m, h or d: `90s`, `500ms`"),
        );
    }
    duration
}

/// A duration that must be there.
pub(crate) fn need_duration(view: &mut View<'_>, key: &str, report: &mut Report) -> Option<Duration> {
    view.need(key, report)?;
    take_duration(view, key, report)
}

/// A duration in force of law of a rule: its absence has a code of its own.
pub(crate) fn word<T: Copy>(view: &mut View<'_>, key: &str, words: &[(&str, T)], report: &mut Report) -> Option<T> {
    debug_assert!(is_written_down(view, key, words), "the words of `{key}` are not those of its form");
    let (text, span) = view.take_str(key, report)?;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    let list = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    let fix = nearest(text, words.iter().map(|(word, _)| *word))
        .map_or_else(|| format!("one of: {list}"), |near| format!("did you mean `{near}`?"));
    report.push(view.error("profile::word-unknown", span, format!("`{key}` of {} is one of {list}, not `{text}`", view.noun())).fix(fix));
    None
}

/// Whether the words that a reader takes are those that the form of the table offers.
fn is_written_down<T>(view: &View<'_>, key: &str, words: &[(&str, T)]) -> bool {
    match view.form().and_then(|form| form.key(key)).map(|key| key.kind) {
        Some(Kind::Words(known)) => known.len() == words.len() && words.iter().all(|(word, _)| known.contains(word)),
        Some(_) => false,
        // A form whose other keys are open says nothing of this one.
        None => true,
    }
}

/// The unit of a row, if it names one.
pub(crate) fn take_unit(view: &mut View<'_>, key: &str, report: &mut Report) -> Option<&'static Unit> {
    let (name, span) = view.take_str(key, report)?;
    known_unit(name, span, view, report)
}

fn known_unit(name: &str, span: Span, view: &View<'_>, report: &mut Report) -> Option<&'static Unit> {
    let found = unit(name);
    if found.is_none() {
        let fix = nearest(name, UNITS.iter().map(|u| u.name)).map_or_else(
            || format!("known units: {}", UNITS.iter().map(|u| u.name).collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean `{near}`? Case matters"),
        );
        report.push(view.error("profile::unit-unknown", span, format!("{}: there is no unit `{name}`", view.noun())).fix(fix));
    }
    found
}

/// A quantity with unit, in `target`; plain numbers only where `target` is `None`.
pub(crate) fn take_quantity(view: &mut View<'_>, key: &str, target: Measured, measure: Measure, report: &mut Report) -> Option<f64> {
    let entry = view.take(key)?;
    quantity(&entry.node, key, target, measure, view, report)
}

/// A quantity that must be there.
pub(crate) fn need_quantity(view: &mut View<'_>, key: &str, target: Measured, measure: Measure, report: &mut Report) -> Option<f64> {
    let entry = view.need(key, report)?;
    quantity(&entry.node, key, target, measure, view, report)
}

/// The quantity in a node, in `target`.
pub(crate) fn quantity(node: &Node, key: &str, target: Measured, measure: Measure, view: &View<'_>, report: &mut Report) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a person writes no whole number beyond 2^53 where a quantity is meant")]
    let plain = match &node.shape {
        Shape::Int(value) => Some(*value as f64),
        Shape::Float(value) if value.is_finite() => Some(*value),
        Shape::Float(_) | Shape::Str(_) | Shape::Bool(_) | Shape::Datetime(_) | Shape::List(_) | Shape::Table(_) => None,
    };
    match (target, plain, &node.shape) {
        (Measured::Unclear, _, _) => None,
        (Measured::Plain, Some(value), _) => Some(value),
        (Measured::In(target), Some(value), _) => {
            report.push(
                view.error("profile::quantity-without-unit", node.span, format!("`{key}` of {} has no unit", view.noun()))
                    .fix(format!("write `{key} = \"{value} {}\"`", target.name)),
            );
            None
        }
        (target, None, Shape::Str(text)) => {
            let Some((value, name)) = split(text) else {
                report.push(
                    view.error("profile::quantity-malformed", node.span, format!("`{key}` of {}: `{text}` is no quantity", view.noun()))
                        .fix(
                            target.unit().map_or_else(
                                || "write a number".to_owned(),
                                |t| format!("write a number and a unit: `\"1.5 {}\"`", t.name),
                            ),
                        ),
                );
                return None;
            };
            let Measured::In(target) = target else {
                if name.is_empty() {
                    return Some(value);
                }
                report.push(
                    view.error(
                        "profile::unit-mismatch",
                        node.span,
                        format!("`{key}` of {} has a unit, but the point has none", view.noun()),
                    )
                    .fix("remove the unit, or give the point one"),
                );
                return None;
            };
            if name.is_empty() {
                report.push(
                    view.error("profile::quantity-without-unit", node.span, format!("`{key}` of {} has no unit", view.noun()))
                        .fix(format!("write `{key} = \"{value} {}\"`", target.name)),
                );
                return None;
            }
            let from = known_unit(name, node.span, view, report)?;
            let Some((factor, offset)) = from.conversion(target) else {
                report.push(
                    view.error(
                        "profile::unit-mismatch",
                        node.span,
                        format!("`{key}` of {} is in {name}, which cannot become {}", view.noun(), target.name),
                    )
                    .fix(format!("give it in {}", target.name)),
                );
                return None;
            };
            Some(value * factor + if measure == Measure::Value { offset } else { 0.0 })
        }
        (_, None, other) => {
            report.push(view.error(
                DIALECT.wrong_kind,
                node.span,
                format!("`{key}` of {} must be a quantity, not {}", view.noun(), other.noun()),
            ));
            None
        }
    }
}

/// The measurement type: a known one, or one of the site's own with `x-`. Gives what it measures: `Some(None)` is a state,
/// `None` is not known here (`x-`).
pub(crate) fn measurement(name: &str, span: Span, view: &View<'_>, report: &mut Report) -> Option<Option<Dimension>> {
    if let Some((_, dimension)) = MEASUREMENTS.iter().find(|(known, _)| *known == name) {
        return Some(*dimension);
    }
    if !name.starts_with("x-") {
        let fix = nearest(name, MEASUREMENTS.iter().map(|m| m.0))
            .map_or_else(|| format!("use a known type, or `x-{name}` for one of your own"), |near| format!("did you mean `{near}`?"));
        report.push(view.error("profile::measurement-unknown", span, format!("there is no measurement type `{name}`")).fix(fix));
    }
    None
}

/// `basis`: mandatory on every active power, meaningless elsewhere (R17).
pub(crate) fn take_basis(view: &mut View<'_>, measured: Measured, report: &mut Report) -> Option<Basis> {
    let power = measured.unit().is_some_and(|u| u.dimension == Dimension::ActivePower);
    let at = view.take("basis").map(|entry| entry.node.span);
    if matches!(measured, Measured::Unclear) {
        return None;
    }
    match (power, at) {
        (true, None) => {
            report.push(
                view.error("profile::basis-missing", view.span(), format!("{} is an active power without `basis`", view.noun()))
                    .fix("add `basis = \"EX_BUS\"` (net of auxiliaries) or `basis = \"GROSS\"` (generator terminals)"),
            );
            None
        }
        (false, Some(span)) => {
            report.push(
                view.error("profile::basis-meaningless", span, format!("{} is no active power and has a `basis`", view.noun()))
                    .fix("remove `basis`"),
            );
            None
        }
        (_, Some(_)) => word(view, "basis", &[("EX_BUS", Basis::ExBus), ("GROSS", Basis::Gross)], report),
        (false, None) => None,
    }
}

/// `sign`: what a positive value on the wire means; mandatory for P, Q and I. Gives +1 or −1.
pub(crate) fn take_sign(view: &mut View<'_>, measured: Measured, report: &mut Report) -> f64 {
    const WORDS: &[(&str, f64)] = &[
        ("generation", 1.0),
        ("consumption", -1.0),
        ("out_of_bus", 1.0),
        ("into_bus", -1.0),
        ("discharge", 1.0),
        ("charge", -1.0),
        ("magnitude", 1.0),
    ];
    let unit = measured.unit();
    let directed = unit.is_some_and(|u| matches!(u.dimension, Dimension::ActivePower | Dimension::ReactivePower | Dimension::Current));
    let Some(entry) = view.take("sign") else {
        if directed {
            report.push(
                view.error("profile::sign-missing", view.span(), format!("{} does not say what positive means", view.noun()))
                    .fix("add `sign = \"generation\"`, `\"consumption\"`, `\"out_of_bus\"`, `\"into_bus\"`, `\"discharge\"`, `\"charge\"` or, for a current, `\"magnitude\"`"),
            );
        }
        return 1.0;
    };
    if matches!(measured, Measured::Unclear) {
        return 1.0;
    }
    if !directed {
        report.push(
            view.error("profile::sign-meaningless", entry.node.span, format!("{} has no direction, but a `sign`", view.noun()))
                .fix("remove `sign`"),
        );
    } else if matches!(&entry.node.shape, Shape::Str(text) if text == "magnitude")
        && unit.is_some_and(|u| u.dimension != Dimension::Current)
    {
        report.push(
            view.error("profile::sign-magnitude", entry.node.span, format!("{} is a power; a power has a direction", view.noun()))
                .fix("say which direction is positive: `generation`, `consumption`, `out_of_bus`, `into_bus`"),
        );
    }
    word(view, "sign", WORDS, report).unwrap_or(1.0)
}

/// `scale`, `offset`, `wire_unit`, `sign` together: `eng = ((wire × scale + offset) in wire_unit → unit) × sign`.
pub(crate) fn take_conversion(view: &mut View<'_>, measured: Measured, report: &mut Report) -> crate::plan::Conversion {
    let scale_at = view.take("scale").map(|e| e.node.span);
    let scale = view.take_number("scale", report).map_or(1.0, |(v, _)| v);
    let offset = view.take_number("offset", report).map_or(0.0, |(v, _)| v);
    if scale == 0.0 {
        report.push(
            view.error(
                "profile::scale-zero",
                scale_at.unwrap_or(view.span()),
                format!("{} has scale zero: every value would be the same", view.noun()),
            )
            .fix("give the engineering units per wire unit"),
        );
    }
    let wire_at = view.take("wire_unit").map(|e| e.node.span);
    let wire = take_unit(view, "wire_unit", report);
    let (factor, shift) = match (wire, measured) {
        (Some(wire), Measured::In(unit)) => wire.conversion(unit).unwrap_or_else(|| {
            report.push(
                view.error(
                    "profile::unit-mismatch",
                    wire_at.unwrap_or(view.span()),
                    format!("{}: {} cannot become {}", view.noun(), wire.name, unit.name),
                )
                .fix("`wire_unit` and `unit` measure the same thing"),
            );
            (1.0, 0.0)
        }),
        _ => (1.0, 0.0),
    };
    let sign = take_sign(view, measured, report);
    crate::plan::Conversion { factor: sign * (scale * factor), offset: sign * (offset * factor + shift) + 0.0 }
}

/// The role of the link that a row of `role` stands on: the other one if its address is of the link's other direction (104 row 64).
pub(crate) fn of_direction(role: Role, row: &Table) -> Role {
    let address = row.entry("addr").map(|entry| &entry.node.shape);
    let reversed = matches!(address, Some(Shape::Table(table)) if matches!(table.entry(LinkPoint::REVERSED).map(|e| &e.node.shape), Some(Shape::Bool(true))));
    match (role, reversed) {
        (Role::Client, true) => Role::Server,
        (Role::Server, true) => Role::Client,
        (role, false) => role,
    }
}
