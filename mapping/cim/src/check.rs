//! What a model must hold to: known classes and attributes, values of their type, references that lead somewhere.

use std::collections::{BTreeMap, HashMap};

use bridge_diag::{Diagnostic, nearest};

use crate::bounds::Bounds;
use crate::contain::CONTAINERS;
use crate::nearest::nearest_id;
use crate::problems::{At, Problems};
use crate::schema::{Type, schema};
use crate::store::{Kind, NONE16, Property, Store};

/// Classes that are not in the table, each with the number of its objects.
pub(crate) type Unknown = Vec<(String, usize)>;

/// Suggestions looked for among all identifiers in one reading: each walks through all of them.
const SEARCHES: usize = 8;

/// Checks a whole model.
pub(crate) fn check(store: &Store, problems: &mut Problems) -> Unknown {
    let mut check = Check { store, problems, verdicts: HashMap::new(), grouped: BTreeMap::new(), searches: SEARCHES };
    let unknown = check.classes();
    for object in 0..u32::try_from(store.rows.len()).unwrap_or(u32::MAX) {
        check.object(object);
    }
    check.loops();
    check.tell();
    unknown
}

/// What the table says of a property's name at an object of some class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    /// It is not of the model's namespace, or the class is unknown.
    Unchecked,
    /// The version has no such attribute.
    NoSuch,
    /// Another class has it.
    OfAnother,
    Is(Type),
}

/// One finding that may repeat a thousand times: it is told once, with its first place and how often.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Group {
    NoSuch,
    OfAnother,
    NoLiteral,
    WrongTarget,
    Dangling,
    Mentioned,
}

impl Group {
    const fn code(self) -> &'static str {
        match self {
            Self::NoSuch | Self::OfAnother => "cim::attribute-unknown",
            Self::NoLiteral => "cim::literal-unknown",
            Self::WrongTarget => "cim::reference-class",
            Self::Dangling => "cim::reference-dangling",
            Self::Mentioned => "cim::object-undefined",
        }
    }
}

struct First {
    count: usize,
    object: u32,
    property: Option<Property>,
    at: At,
}

struct Check<'a> {
    store: &'a Store,
    problems: &'a mut Problems,
    verdicts: HashMap<(u16, u16), Verdict>,
    /// By group, class or document, and name.
    grouped: BTreeMap<(Group, u16, u16, u32), First>,
    searches: usize,
}

impl Check<'_> {
    fn classes(&mut self) -> Unknown {
        let mut counts: BTreeMap<u16, (usize, At, bool)> = BTreeMap::new();
        for row in self.store.rows.iter().filter(|row| row.class != NONE16 && row.is_defined) {
            if self.store.names.is_cim(row.class) && schema().has_class(self.store.version, self.store.names.local(row.class)) {
                continue;
            }
            let is_checked = self.store.names.is_cim(row.class) && self.is_checked(row.document);
            let entry = counts.entry(row.class).or_insert((0, At::start(row.document, row.offset), is_checked));
            entry.0 += 1;
        }
        let mut unknown = Vec::new();
        for (class, (count, at, is_checked)) in counts {
            let name = self.store.names.local(class);
            unknown.push((name.to_owned(), count));
            if is_checked && self.problems.is_full("cim::class-unknown") {
                self.problems.push(Diagnostic::warning("cim::class-unknown", ""), Some(at));
            } else if is_checked {
                let message =
                    format!("{} of class {name}, which {} does not have in the profiles read here", objects(count), self.store.version);
                let known = schema().classes().filter(|class| schema().has_class(self.store.version, class));
                let help = nearest(name, known).map_or_else(
                    || "they are kept with their attributes, unchecked".to_owned(),
                    |near| format!("did you mean {near}? They are kept with their attributes, unchecked"),
                );
                self.problems.push(Diagnostic::warning("cim::class-unknown", message).fix(help), Some(at));
            }
        }
        unknown.sort();
        unknown
    }

    fn is_checked(&self, document: u16) -> bool {
        self.store.documents.get(usize::from(document)).is_none_or(|document| document.is_checked)
    }

    fn object(&mut self, object: u32) {
        let Some(row) = self.store.row(object).copied() else { return };
        if row.class != NONE16 && !row.is_defined {
            self.group(Group::Mentioned, row.document, 0, 0, object, None, At::start(row.document, row.offset));
        }
        for at in self.store.range(object) {
            let Some(property) = self.store.properties.get(at).copied() else { break };
            let place = At::start(property.document, property.offset);
            let target = (property.kind == Kind::Reference).then(|| self.store.row(property.value)).flatten().copied();
            if let Some(target) = target.filter(|target| !target.is_defined) {
                // What another document only describes is told for that document; a drawing may show what is not there.
                if target.class == NONE16 && self.is_checked(property.document) {
                    self.group(Group::Dangling, property.document, property.name, 0, object, Some(property), place);
                }
            }
            if !row.is_defined || !self.is_checked(property.document) {
                continue;
            }
            match self.verdict(row.class, property.name) {
                Verdict::Unchecked => {}
                Verdict::NoSuch => self.group(Group::NoSuch, row.class, property.name, 0, object, Some(property), place),
                Verdict::OfAnother => self.group(Group::OfAnother, row.class, property.name, 0, object, Some(property), place),
                Verdict::Is(kind) => self.value(kind, object, property, place),
            }
        }
    }

    fn verdict(&mut self, class: u16, name: u16) -> Verdict {
        let store = self.store;
        *self.verdicts.entry((class, name)).or_insert_with(|| {
            let (class_name, full) = (store.names.local(class), store.names.local(name));
            let table = schema();
            if !store.names.is_cim(name) || !store.names.is_cim(class) || !table.has_class(store.version, class_name) {
                return Verdict::Unchecked;
            }
            match table.attribute(store.version, full) {
                None => Verdict::NoSuch,
                Some(kind) => {
                    let owner = full.split_once('.').map_or("", |(owner, _)| owner);
                    if table.is_a(store.version, class_name, owner) { Verdict::Is(kind) } else { Verdict::OfAnother }
                }
            }
        })
    }

    fn value(&mut self, kind: Type, object: u32, property: Property, place: At) {
        let text = self.store.text_of(&property);
        let is_right = match kind {
            Type::Text => property.kind == Kind::Literal,
            Type::Boolean => boolean(text).is_some(),
            Type::Integer => integer(text).is_some(),
            Type::Number(_) => match text.parse::<f64>() {
                Ok(number) if !number.is_finite() => return self.not_finite(object, &property, place),
                Ok(_) => true,
                // XML Schema's word, which Rust does not read.
                Err(_) if matches!(text, "INF" | "-INF" | "+INF") => return self.not_finite(object, &property, place),
                Err(_) => false,
            },
            Type::DateTime => is_date(text),
            Type::Reference { class, .. } => return self.target(class, object, property, place),
            Type::Enumeration(name) => {
                let mut literals = schema().literals(self.store.version, name).peekable();
                if property.kind == Kind::Enumeration && literals.peek().is_some() && !literals.any(|literal| literal == text) {
                    self.group(Group::NoLiteral, 0, property.name, property.value, object, Some(property), place);
                }
                property.kind == Kind::Enumeration
            }
        };
        if !is_right {
            let (id, name) = (self.id(object), self.store.names.local(property.name));
            let message = format!("{name} of {id} is {}, not {}", quoted(text), kind.noun());
            let help = if text.contains(',') { "write a decimal point" } else { "correct the value" };
            // What limits, ratings and states are made of must be right; the bridge reads no date of a model.
            let is_needed = matches!(kind, Type::Boolean | Type::Integer | Type::Number(_));
            let problem = if is_needed {
                Diagnostic::error("cim::value-malformed", message)
            } else {
                Diagnostic::warning("cim::value-malformed", message)
            };
            self.problems.push(problem.fix(help), Some(place));
        }
    }

    fn not_finite(&mut self, object: u32, property: &Property, place: At) {
        let (id, name, text) = (self.id(object), self.store.names.local(property.name), self.store.text_of(property));
        let problem = Diagnostic::warning("cim::value-not-finite", format!("{name} of {id} is {text}; it counts as not given"));
        self.problems.push(problem.fix("leave it out, or give the number"), Some(place));
    }

    fn target(&mut self, class: &str, object: u32, property: Property, place: At) {
        if property.kind != Kind::Reference {
            let (id, name) = (self.id(object), self.store.names.local(property.name));
            let message = format!("{name} of {id} is the text {}, not a reference", quoted(self.store.text_of(&property)));
            self.problems.push(Diagnostic::error("cim::value-malformed", message).fix("write it as rdf:resource"), Some(place));
            return;
        }
        let Some(target) = self.store.row(property.value) else { return };
        let is = self.store.names.local(target.class);
        let version = self.store.version;
        if target.is_defined && schema().has_class(version, is) && schema().has_class(version, class) && !schema().is_a(version, is, class)
        {
            self.group(Group::WrongTarget, target.class, property.name, 0, object, Some(property), place);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what a group is told by, each of another kind")]
    fn group(&mut self, group: Group, by: u16, name: u16, value: u32, object: u32, property: Option<Property>, at: At) {
        self.grouped.entry((group, by, name, value)).or_insert(First { count: 0, object, property, at }).count += 1;
    }

    fn id(&self, object: u32) -> &str {
        self.store.row(object).map_or("", |row| self.store.texts.get(row.id))
    }

    fn tell(&mut self) {
        for ((group, by, name, _), first) in std::mem::take(&mut self.grouped) {
            let problem = if self.problems.is_full(group.code()) {
                Diagnostic::warning(group.code(), "")
            } else {
                self.words(group, by, name, &first)
            };
            self.problems.push(problem, Some(first.at));
        }
    }

    fn words(&mut self, group: Group, by: u16, name: u16, first: &First) -> Diagnostic {
        let store = self.store;
        let (attribute, id) = (store.names.local(name), self.id(first.object).to_owned());
        let version = store.version;
        let more = if first.count == 1 { String::new() } else { format!(" ({} times; this is the first)", first.count) };
        let value = first.property.map(|property| store.text_of(&property)).unwrap_or_default();
        match group {
            Group::NoSuch => {
                let class = store.names.local(by);
                let known: Vec<String> = schema().attributes_of(version, class).collect();
                let help = nearest(attribute, known.iter().map(String::as_str)).map_or_else(
                    || "it is kept, unchecked; nothing reads it".to_owned(),
                    |near| format!("did you mean {near}? It is kept, unchecked; nothing reads it"),
                );
                let message = format!("{attribute} of {id}, a {class}: {version} has no such attribute in the profiles read here{more}");
                Diagnostic::warning(group.code(), message).fix(help)
            }
            Group::OfAnother => {
                let class = store.names.local(by);
                let message = format!("{attribute} of {id}: a {class} has no such attribute, another class has{more}");
                let known: Vec<String> = schema().attributes_of(version, class).collect();
                let near = nearest(attribute, known.iter().map(String::as_str));
                let help = near.map_or_else(|| "it is kept; nothing reads it".to_owned(), |near| format!("did you mean {near}?"));
                Diagnostic::warning(group.code(), message).fix(help)
            }
            Group::NoLiteral => {
                let kind = schema().attribute(version, attribute);
                let of = if let Some(Type::Enumeration(of)) = kind { of } else { "" };
                let help = nearest(value, schema().literals(version, of))
                    .map_or_else(|| format!("one of {}", some_of(schema().literals(version, of))), |near| format!("did you mean {near}?"));
                let message = format!("{attribute} of {id} is {value}, which {of} of {version} does not have{more}");
                Diagnostic::warning(group.code(), message).fix(help)
            }
            Group::WrongTarget => {
                let class = store.names.local(by);
                let wanted = if let Some(Type::Reference { class, .. }) = schema().attribute(version, attribute) { class } else { "" };
                let message = format!("{attribute} of {id} leads to {value}, a {class}, not to a {wanted}{more}");
                Diagnostic::warning(group.code(), message).fix("correct the reference")
            }
            Group::Dangling => {
                let near = self.near(value);
                let help = near.map_or_else(
                    || "give the document that defines it; without it the reference leads nowhere".to_owned(),
                    |near| format!("did you mean {near}?"),
                );
                let message = format!("{attribute} of {id} leads to {value}, which no document defines{more}");
                Diagnostic::warning(group.code(), message).fix(help)
            }
            Group::Mentioned => {
                let near = self.near(&id);
                let help = near.map_or_else(
                    || "give the equipment model that belongs to it".to_owned(),
                    |near| format!("did you mean {near}? Otherwise give the equipment model that belongs to it"),
                );
                let message = format!("{id} is not defined in any document, only described here{more}");
                Diagnostic::warning(group.code(), message).fix(help)
            }
        }
    }

    fn near(&mut self, id: &str) -> Option<String> {
        self.searches = self.searches.checked_sub(1)?;
        let defined = self.store.rows.iter().filter(|row| row.is_defined).map(|row| self.store.texts.get(row.id));
        nearest_id(id, defined).map(str::to_owned)
    }

    /// Containers that contain themselves.
    fn loops(&mut self) {
        let store = self.store;
        let names: Vec<u16> = CONTAINERS.iter().filter_map(|name| store.names.find(name)).collect();
        let above = |object: u32| {
            store.properties(object).iter().find(|property| names.contains(&property.name) && property.kind == Kind::Reference)
        };
        for object in 0..u32::try_from(store.rows.len()).unwrap_or(u32::MAX) {
            let mut at = object;
            for _ in 0..Bounds::CONTAINMENT {
                let Some(property) = above(at) else { break };
                at = property.value;
                // Told once, at the smallest object of the circle.
                if at < object {
                    break;
                }
                if at == object {
                    let place = At::start(property.document, property.offset);
                    let problem = Diagnostic::error("cim::containment-loop", format!("{} is contained in itself", self.id(object)));
                    self.problems.push(problem.fix("correct the container"), Some(place));
                    break;
                }
            }
        }
    }
}

/// `true` and `false` as XML Schema and as Python write them.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "1" => Some(true),
        "false" | "False" | "FALSE" | "0" => Some(false),
        _ => None,
    }
}

/// A whole number; `3.0` is one.
pub(crate) fn integer(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        #[expect(clippy::cast_possible_truncation, reason = "whole, and below 2^53")]
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    })
}

fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| bytes.get(from..to).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    digits(0, 4) && digits(5, 7) && digits(8, 10) && bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-')
}

fn quoted(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("\"{}…\"", text.get(..at).unwrap_or_default()),
        None => format!("\"{text}\""),
    }
}

fn objects(count: usize) -> String {
    if count == 1 { "1 object is".to_owned() } else { format!("{count} objects are") }
}

fn some_of(names: impl Iterator<Item = &'static str>) -> String {
    let names: Vec<&str> = names.take(12).collect();
    names.join(", ")
}
