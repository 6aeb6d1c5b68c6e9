//! Paths over a file with wildcards, for `for = { scl = "…" }` of profiles:
//!
//! ```text
//! Substation[SSC]/VoltageLevel[E1]/Bay[*]            every bay of one voltage level
//! //LNode[@lnClass='XCBR']                           every link to a breaker, wherever it is
//! IED[E1*]/LDevice[CTRL]/LN[@lnClass='CSWI']         every switch controller of some devices
//! @name   LNode[@lnClass='CSWI']/@iedName   Private[CIM]/line     columns, from where a row stands
//! ```
//!
//! `[NAME]` is short for the attribute that names a thing; `*` stands for any letters, `?` for one. `//` goes any number of steps down.
//! `LNode/LN` follows a link to its logical node.

use std::collections::BTreeSet;

use bridge_diag::Span;

use crate::Error;
use crate::document::{PartId, PartKind, Scl};
use crate::model::{DeviceId, Model, NodeId};

/// Bytes of a path.
const MAX_BYTES: usize = 1024;

/// Steps of a path.
const MAX_STEPS: usize = 32;

/// Things that a path may find.
const MAX_FOUND: usize = 100_000;

/// A path that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SclPath {
    steps: Vec<Step>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Step {
    anywhere: bool,
    noun: Noun,
    tests: Vec<Test>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Noun {
    Part(PartKind),
    AnyPart,
    LNode,
    Ied,
    AccessPoint,
    Server,
    LDevice,
    Ln,
    Private,
    /// A child of a Private.
    Text(String),
    Attribute(String),
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Test {
    /// Nothing: the attribute that names a thing.
    attribute: Option<String>,
    pattern: String,
}

/// One thing that a path found.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Found {
    /// A part of the single line.
    Part(PartId),
    /// A link from a part to a logical node, by its number.
    Link(PartId, usize),
    /// A device, by its number.
    Ied(usize),
    /// An access point, by its numbers.
    AccessPoint(usize, usize),
    /// A logical device.
    Device(DeviceId),
    /// A logical node.
    Node(NodeId),
    /// The Privates of one type of a part.
    Private(PartId, String),
    /// A text: an attribute's value, or a text of a Private.
    Text(String),
}

/// One row of a `for`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Where it comes from, for the origin of problems: `SSC/E1/Q01`.
    pub place: String,
    /// Its start tag in the file.
    pub span: Option<Span>,
    /// Its columns by name.
    pub values: Vec<(String, String)>,
}

impl SclPath {
    /// Reads a path.
    ///
    /// # Errors
    /// [`Error::PathMalformed`] with the place and what is wanted there.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut reader = Reader { text, at: 0 };
        let mut steps = Vec::new();
        if text.len() > MAX_BYTES {
            return Err(reader.wants("a path of at most 1024 bytes"));
        }
        let mut anywhere = reader.take("//");
        if !anywhere {
            reader.take("/");
        }
        loop {
            if steps.len() >= MAX_STEPS {
                return Err(reader.wants("at most 32 steps"));
            }
            let step = reader.step(anywhere, steps.last())?;
            let ends = matches!(step.noun, Noun::Attribute(_) | Noun::Text(_));
            steps.push(step);
            if reader.rest().is_empty() {
                return Ok(Self { steps });
            }
            anywhere = reader.take("//");
            if ends || !(anywhere || reader.take("/")) {
                return Err(reader.wants(if ends { "the end: nothing is below an attribute or a text" } else { "a / or the end" }));
            }
        }
    }

    /// What the path finds, from the top of the file or from a thing found before; each thing once, in the order of the file.
    ///
    /// # Errors
    /// [`Error::TooMany`].
    pub fn select(&self, model: &Model, from: Option<&Found>) -> Result<Vec<Found>, Error> {
        let mut now: Vec<Option<Found>> = vec![from.cloned()];
        for step in &self.steps {
            let mut next = Vec::new();
            let mut seen = BTreeSet::new();
            for from in &now {
                collect(model, from.as_ref(), step, &mut |found| {
                    if seen.insert(found.clone()) {
                        next.push(Some(found));
                    }
                    if next.len() > MAX_FOUND { Err(Error::TooMany { limit: MAX_FOUND }) } else { Ok(()) }
                })?;
            }
            now = next;
        }
        Ok(now.into_iter().flatten().collect())
    }

    /// A row for each thing the path finds, with a text for each column. Names in `except` are left out.
    ///
    /// # Errors
    /// [`Error::Nothing`] and [`Error::Ambiguous`] for a column, [`Error::TooMany`].
    pub fn rows(&self, model: &Model, columns: &[(String, Self)], except: &[String]) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        for found in self.select(model, None)? {
            if except.iter().any(|name| *name == found.name(model)) {
                continue;
            }
            let place = found.place(model);
            let mut values = Vec::with_capacity(columns.len());
            for (column, path) in columns {
                let texts: BTreeSet<String> = path.select(model, Some(&found))?.iter().map(|found| found.name(model)).collect();
                let mut texts = texts.into_iter();
                let (column, place) = (column.clone(), place.clone());
                match (texts.next(), texts.next()) {
                    (Some(text), None) => values.push((column, text)),
                    (None, _) => return Err(Error::Nothing { column, place }),
                    (Some(first), Some(second)) => return Err(Error::Ambiguous { column, place, first, second }),
                }
            }
            rows.push(Row { place, span: found.span(model), values });
        }
        Ok(rows)
    }
}

impl Found {
    /// Its name; of a link, that of its logical node; of a text, the text.
    #[must_use]
    pub fn name(&self, model: &Model) -> String {
        if let Self::Text(text) = self {
            return text.clone();
        }
        self.attribute(model, "name").unwrap_or_default()
    }

    /// An attribute: as the file writes it, and `name` for everything.
    #[must_use]
    pub fn attribute(&self, model: &Model, key: &str) -> Option<String> {
        let pick = |pairs: &[(&str, &str)]| pairs.iter().find(|(known, _)| *known == key).map(|(_, value)| (*value).to_owned());
        match self {
            Self::Part(id) => {
                let part = model.scl.single_line.part(*id)?;
                pick(&[("name", &part.name), ("desc", &part.desc), ("type", &part.code)])
            }
            Self::Link(id, at) => {
                let link = model.scl.single_line.part(*id)?.nodes.get(*at)?;
                let (ied, name) = (link.ied.as_deref().unwrap_or("None"), link.node.to_string());
                let node = &link.node;
                pick(&[
                    ("name", &name),
                    ("iedName", ied),
                    ("ldInst", &link.device),
                    ("prefix", &node.prefix),
                    ("lnClass", &node.class),
                    ("lnInst", &node.inst),
                ])
            }
            Self::Ied(at) => {
                let ied = model.scl.ieds.get(*at)?;
                pick(&[("name", &ied.name), ("desc", &ied.desc), ("type", &ied.kind), ("manufacturer", &ied.manufacturer)])
            }
            Self::AccessPoint(ied, at) => pick(&[("name", &model.scl.ieds.get(*ied)?.access_points.get(*at)?.name)]),
            Self::Device(id) => {
                let (device, name) = model.device(*id)?;
                pick(&[("inst", &device.inst), ("name", name), ("desc", &device.desc), ("ldName", name)])
            }
            Self::Node(id) => {
                let node = model.node(*id)?;
                let name = node.node.name.to_string();
                let parts = &node.node.name;
                pick(&[
                    ("name", &name),
                    ("prefix", &parts.prefix),
                    ("lnClass", &parts.class),
                    ("inst", &parts.inst),
                    ("lnInst", &parts.inst),
                    ("lnType", &node.node.type_id),
                    ("desc", &node.node.desc),
                    ("iedName", &node.ied.name),
                    ("ldInst", &node.device.inst),
                    ("ldName", node.device_name),
                ])
            }
            Self::Private(_, kind) => pick(&[("name", kind), ("type", kind)]),
            Self::Text(_) => None,
        }
    }

    /// Where it is: `SSC/E1/Q01`, `E1Q01CTRL/CSWI1`.
    #[must_use]
    pub fn place(&self, model: &Model) -> String {
        match self {
            Self::Part(id) | Self::Private(id, _) => model.scl.single_line.path(*id),
            Self::Link(id, _) => format!("{}/{}", model.scl.single_line.path(*id), self.name(model)),
            Self::Node(id) => model.node(*id).map(|node| node.reference("", None).to_string()).unwrap_or_default(),
            Self::AccessPoint(ied, _) => format!("{}/{}", Self::Ied(*ied).name(model), self.name(model)),
            Self::Ied(_) | Self::Device(_) | Self::Text(_) => self.name(model),
        }
    }

    /// Its start tag.
    #[must_use]
    pub fn span(&self, model: &Model) -> Option<Span> {
        let scl: &Scl = &model.scl;
        match self {
            Self::Part(id) | Self::Private(id, _) => scl.single_line.part(*id).map(|part| part.span),
            Self::Link(id, at) => scl.single_line.part(*id)?.nodes.get(*at).map(|link| link.span),
            Self::Ied(at) => scl.ieds.get(*at).map(|ied| ied.span),
            Self::AccessPoint(ied, at) => scl.ieds.get(*ied)?.access_points.get(*at).map(|point| point.span),
            Self::Device(id) => model.device(*id).map(|(device, _)| device.span),
            Self::Node(id) => model.node(*id).map(|node| node.node.span),
            Self::Text(_) => None,
        }
    }
}

type Sink<'s> = dyn FnMut(Found) -> Result<(), Error> + 's;

/// Hands everything that a step finds from one place to `sink`.
fn collect(model: &Model, from: Option<&Found>, step: &Step, sink: &mut Sink<'_>) -> Result<(), Error> {
    match &step.noun {
        Noun::Attribute(key) => {
            return from
                .and_then(|from| from.attribute(model, key))
                .filter(|text| !text.is_empty())
                .map_or(Ok(()), |text| sink(Found::Text(text)));
        }
        Noun::Text(name) => {
            let Some(Found::Private(id, kind)) = from else { return Ok(()) };
            let texts = model.scl.single_line.part(*id).map(|part| part.privates.as_slice()).unwrap_or_default();
            return texts
                .iter()
                .filter(|text| text.kind == *kind && text.name == *name)
                .try_for_each(|text| sink(Found::Text(text.text.clone())));
        }
        Noun::Part(_)
        | Noun::AnyPart
        | Noun::LNode
        | Noun::Ied
        | Noun::AccessPoint
        | Noun::Server
        | Noun::LDevice
        | Noun::Ln
        | Noun::Private => {}
    }
    let mut open: Vec<Found> = children(model, from);
    open.reverse();
    while let Some(found) = open.pop() {
        if step.matches(model, &found) {
            sink(found.clone())?;
        }
        // Servers and access points may be left out of a path, as may the access point above a logical device.
        let passes = matches!(found, Found::AccessPoint(..)) && matches!(step.noun, Noun::LDevice);
        // A link is followed to its node only where a path says so.
        if passes || (step.anywhere && !matches!(found, Found::Link(..))) {
            open.extend(children(model, Some(&found)).into_iter().rev());
        }
    }
    if matches!((&step.noun, from), (Noun::Server, Some(Found::AccessPoint(..)))) {
        return from.map_or(Ok(()), |from| sink(from.clone()));
    }
    Ok(())
}

/// What is directly in a thing.
fn children(model: &Model, from: Option<&Found>) -> Vec<Found> {
    let scl = &model.scl;
    match from {
        None => {
            let tops = scl.single_line.iter().filter(|(_, part)| part.parent.is_none()).map(|(id, _)| Found::Part(id));
            tops.chain((0..scl.ieds.len()).map(Found::Ied)).collect()
        }
        Some(Found::Part(id)) => {
            let Some(part) = scl.single_line.part(*id) else { return Vec::new() };
            let kinds: BTreeSet<&str> = part.privates.iter().map(|text| text.kind.as_str()).collect();
            let links = (0..part.nodes.len()).map(|at| Found::Link(*id, at));
            let privates = kinds.into_iter().map(|kind| Found::Private(*id, kind.to_owned()));
            links.chain(privates).chain(part.children.iter().copied().map(Found::Part)).collect()
        }
        Some(Found::Link(id, at)) => {
            let link = scl.single_line.part(*id).and_then(|part| part.nodes.get(*at));
            let node = link.and_then(|link| model.node_in(model.ied(link.ied.as_deref()?)?, &link.device, &link.node));
            node.map(Found::Node).into_iter().collect()
        }
        Some(Found::Ied(at)) => {
            let points = scl.ieds.get(*at).map_or(0, |ied| ied.access_points.len());
            (0..points).map(|point| Found::AccessPoint(*at, point)).collect()
        }
        Some(Found::AccessPoint(ied, point)) => model.devices_of(*ied, *point).map(Found::Device).collect(),
        Some(Found::Device(id)) => model.nodes_of(*id).map(|node| Found::Node(node.id)).collect(),
        Some(Found::Node(_) | Found::Private(..) | Found::Text(_)) => Vec::new(),
    }
}

impl Step {
    fn matches(&self, model: &Model, found: &Found) -> bool {
        let fits = match (found, &self.noun) {
            (Found::Part(id), Noun::Part(kind)) => model.scl.single_line.part(*id).is_some_and(|part| part.kind == *kind),
            (Found::Part(_), Noun::AnyPart)
            | (Found::Link(..), Noun::LNode)
            | (Found::Ied(_), Noun::Ied)
            | (Found::AccessPoint(..), Noun::AccessPoint)
            | (Found::Device(_), Noun::LDevice)
            | (Found::Node(_), Noun::Ln)
            | (Found::Private(..), Noun::Private) => true,
            _ => false,
        };
        fits && self.tests.iter().all(|test| {
            // A logical device is named by its instance in the file, and by its full name in references.
            let keys: &[&str] = match (&test.attribute, found) {
                (Some(key), _) => &[key.as_str()],
                (None, Found::Device(_)) => &["inst", "name"],
                (None, _) => &["name"],
            };
            keys.iter().any(|key| found.attribute(model, key).is_some_and(|value| fits_pattern(&test.pattern, &value)))
        })
    }
}

/// Whether a text fits a pattern of letters, `*` and `?`, in time proportional to both.
fn fits_pattern(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || Some(c) == text.get(t) => {
                p += 1;
                t += 1;
            }
            Some(_) | None => {
                // The last star takes one letter more.
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                p = at + 1;
                t = from + 1;
            }
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

struct Reader<'r> {
    text: &'r str,
    at: usize,
}

impl<'r> Reader<'r> {
    fn rest(&self) -> &'r str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, token: &str) -> bool {
        let is_there = self.rest().starts_with(token);
        self.at += if is_there { token.len() } else { 0 };
        is_there
    }

    fn wants(&self, wanted: &'static str) -> Error {
        Error::PathMalformed { text: self.text.chars().take(200).collect(), at: self.at, wanted }
    }

    fn word(&mut self) -> &'r str {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-' || c == ':')).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn step(&mut self, anywhere: bool, before: Option<&Step>) -> Result<Step, Error> {
        let below_private = before.is_some_and(|step| step.noun == Noun::Private);
        let start = self.at;
        let noun = if self.take("@") {
            let key = self.word();
            if key.is_empty() {
                return Err(self.wants("the name of an attribute"));
            }
            Noun::Attribute(key.to_owned())
        } else if self.take("*") {
            Noun::AnyPart
        } else {
            let word = self.word();
            match word {
                "" => return Err(self.wants("a name such as Bay, LNode or LDevice, an @attribute, or *")),
                text if below_private => Noun::Text(text.to_owned()),
                "LNode" => Noun::LNode,
                "IED" => Noun::Ied,
                "AccessPoint" => Noun::AccessPoint,
                "Server" => Noun::Server,
                "LDevice" => Noun::LDevice,
                "LN" | "LN0" => Noun::Ln,
                "Private" => Noun::Private,
                other => match PartKind::parse(other) {
                    Some(kind) => Noun::Part(kind),
                    None => {
                        self.at = start;
                        return Err(self.wants("a name such as Bay, LNode or LDevice"));
                    }
                },
            }
        };
        let mut tests = Vec::new();
        if self.text.get(start..self.at) == Some("LN0") {
            tests.push(Test { attribute: Some("lnClass".to_owned()), pattern: "LLN0".to_owned() });
        }
        while !matches!(noun, Noun::Attribute(_) | Noun::Text(_)) && self.take("[") {
            tests.push(self.test()?);
        }
        Ok(Step { anywhere, noun, tests })
    }

    fn test(&mut self) -> Result<Test, Error> {
        if self.take("@") {
            let key = self.word().to_owned();
            if key.is_empty() || !self.take("=") {
                return Err(self.wants("@name='…'"));
            }
            let quote = if self.take("'") { "'" } else { "\"" };
            if quote == "\"" && !self.take("\"") {
                return Err(self.wants("a value in quotes"));
            }
            let Some(end) = self.rest().find(quote) else { return Err(self.wants("the closing quote")) };
            let pattern = self.rest().get(..end).unwrap_or_default().to_owned();
            self.at += end + 1;
            return if self.take("]") { Ok(Test { attribute: Some(key), pattern }) } else { Err(self.wants("a ]")) };
        }
        let Some(end) = self.rest().find(']') else { return Err(self.wants("a ]")) };
        let pattern = self.rest().get(..end).unwrap_or_default().to_owned();
        if pattern.is_empty() {
            return Err(self.wants("a name, or *"));
        }
        self.at += end + 1;
        Ok(Test { attribute: None, pattern })
    }
}

#[cfg(test)]
mod tests {
    use super::{SclPath, fits_pattern};

    #[test]
    fn patterns_fit() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("E1*", "E1Q01", true),
            ("E1*", "E2Q01", false),
            ("*Q0?", "E1Q01", true),
            ("Q", "Q1", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("Bay A", "Bay A", true),
        ] {
            assert_eq!(fits_pattern(pattern, text), fits, "{pattern} {text}");
        }
        // Many stars take no more than the product of the lengths.
        assert!(!fits_pattern(&"*a".repeat(300), &"a".repeat(299)));
    }

    #[test]
    fn what_is_no_path_is_refused_with_its_place() {
        for (text, at) in [
            ("", 0),
            ("Bay[", 4),
            ("Bay[]", 4),
            ("Bay[@name]", 9),
            ("Bay[@name='x]", 11),
            ("Bay[@name='x'", 13),
            ("Bey[*]", 0),
            ("Bay/", 4),
            ("Bay/@", 5),
            ("Bay/@name/LNode", 9),
            ("Bay[*]x", 6),
            ("Private[CIM]/line/x", 17),
        ] {
            let error = SclPath::parse(text).expect_err(text);
            let crate::Error::PathMalformed { at: found, .. } = error else { panic!("{text}: {error}") };
            assert_eq!(found, at, "{text}");
        }
        assert!(SclPath::parse(&"Bay/".repeat(40)).is_err());
        assert!(SclPath::parse(&"x".repeat(5000)).is_err());
    }
}
