//! From the stream of statements to the store.

use bridge_diag::Diagnostic;

use crate::bounds::Bounds;
use crate::header::identifier;
use crate::problems::{At, Fault, Problems};
use crate::rdf::{Name, Place, Section, Sink, Subject, Take};
use crate::schema::{Type, schema};
use crate::store::{CIM, Document, Kind, NONE16, NONE32, Names, Property, Row, Store};
use crate::texts::Texts;
use crate::version::{Space, Version, space};

/// A property and whose it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statement {
    pub(crate) object: u32,
    pub(crate) property: Property,
}

/// A node of a difference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) object: u32,
    /// The class that the node names.
    pub(crate) class: u16,
    pub(crate) place: u32,
    /// Its statements among [`Difference::statements`], from the first up to behind the last.
    pub(crate) first: usize,
    pub(crate) end: usize,
}

/// One difference document.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    pub(crate) forward: Vec<Change>,
    pub(crate) reverse: Vec<Change>,
    pub(crate) statements: Vec<Statement>,
}

/// How the values of a property's name are meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Meaning {
    Unknown,
    Enumeration,
    Reference,
    /// `rdf:type` of a node that names no class.
    RdfType,
}

/// Collects documents.
pub(crate) struct Builder<'a> {
    bounds: &'a Bounds,
    version: Version,
    problems: &'a mut Problems,
    pub(crate) documents: Vec<Document>,
    texts: Texts,
    names: Names,
    meanings: Vec<Meaning>,
    rows: Vec<Row>,
    by_text: Vec<u32>,
    statements: Vec<Statement>,
    /// Values with an inner structure that were passed over.
    pub(crate) structures: usize,
    /// Nodes without an identifier that were passed over.
    pub(crate) nameless: usize,
    document: u16,
    object: u32,
    section: Section,
    difference: Option<Difference>,
}

/// Namespaces of one reading.
const SPACES: usize = 64;

fn too_many(what: &str, most: usize) -> Fault {
    Fault::new(
        "cim::too-many",
        format!("the model has more than {most} {what}"),
        "split the model, or raise the bound if the file is right",
    )
}

impl<'a> Builder<'a> {
    pub(crate) fn new(bounds: &'a Bounds, version: Version, problems: &'a mut Problems) -> Self {
        Self {
            bounds,
            version,
            problems,
            documents: Vec::new(),
            texts: Texts::default(),
            names: Names::default(),
            meanings: Vec::new(),
            rows: Vec::new(),
            by_text: Vec::new(),
            statements: Vec::new(),
            structures: 0,
            nameless: 0,
            document: 0,
            object: NONE32,
            section: Section::Plain,
            difference: None,
        }
    }

    pub(crate) const fn problems(&mut self) -> &mut Problems {
        self.problems
    }

    /// The documents that follow are read into the model.
    pub(crate) const fn begin(&mut self, document: u16) {
        self.document = document;
    }

    /// The document that follows is a difference; [`Self::end_difference`] gives what is in it.
    pub(crate) fn begin_difference(&mut self, document: u16) {
        self.document = document;
        self.difference = Some(Difference::default());
    }

    pub(crate) fn end_difference(&mut self) -> Difference {
        self.difference.take().unwrap_or_default()
    }

    fn name(&mut self, name: Name<'_>) -> Result<u16, Fault> {
        let space = match space(name.namespace) {
            Space::Cim(_) | Space::European => CIM,
            Space::OtherCim | Space::Rdf | Space::Header | Space::Difference | Space::Foreign => {
                self.names.space(name.namespace, SPACES).ok_or_else(|| too_many("namespaces", SPACES))?
            }
        };
        let number = self.names.keep(space, name.local, Bounds::NAMES).ok_or_else(|| too_many("names", Bounds::NAMES))?;
        while self.meanings.len() < self.names.len() {
            self.meanings.push(match schema().attribute(self.version, name.local).filter(|_| space == CIM) {
                Some(Type::Enumeration(_)) => Meaning::Enumeration,
                Some(Type::Reference { .. }) => Meaning::Reference,
                Some(Type::Text | Type::Boolean | Type::Integer | Type::Number(_) | Type::DateTime) => Meaning::Unknown,
                None if name.local == "type" && name.namespace == crate::version::RDF => Meaning::RdfType,
                None => Meaning::Unknown,
            });
        }
        Ok(number)
    }

    fn keep(&mut self, text: &str) -> Result<u32, Fault> {
        let most = self.bounds.text_bytes;
        self.texts.keep(text, most).map(|text| text.0).ok_or_else(|| too_many("bytes of text", most))
    }

    /// The object of an identifier, made if there is none.
    fn object_of(&mut self, written: &str) -> Result<u32, Fault> {
        let id = identifier(written);
        if id.is_empty() {
            return Err(Fault::new("cim::id-empty", format!("`{written}` names no object"), "give the object an identifier"));
        }
        let text = self.keep(id)?;
        let at = text as usize;
        if self.by_text.len() <= at {
            self.by_text.resize(at + 1, NONE32);
        }
        match self.by_text.get_mut(at) {
            Some(slot) if *slot == NONE32 => {
                if self.rows.len() >= self.bounds.objects {
                    return Err(too_many("objects", self.bounds.objects));
                }
                *slot = u32::try_from(self.rows.len()).unwrap_or(NONE32);
                let row = Row { id: crate::texts::Text(text), class: NONE16, document: self.document, offset: 0, is_defined: false };
                self.rows.push(row);
                Ok(*slot)
            }
            slot => Ok(slot.copied().unwrap_or(NONE32)),
        }
    }

    fn push(&mut self, name: u16, kind: Kind, value: u32, place: Place) -> Result<(), Fault> {
        if self.object == NONE32 {
            return Ok(());
        }
        let property = Property { value, offset: offset(place), name, document: self.document, kind };
        let statement = Statement { object: self.object, property };
        let into = self.difference.as_mut().map_or(&mut self.statements, |difference| &mut difference.statements);
        if into.len() >= self.bounds.statements {
            return Err(too_many("attributes", self.bounds.statements));
        }
        into.push(statement);
        Ok(())
    }

    /// A node of a whole model says that the object is of this class.
    fn define(&mut self, object: u32, class: u16, is_id: bool, place: Place) {
        let (document, version) = (self.document, self.version);
        let defines_by_about = self.documents.get(usize::from(document)).is_none_or(|document| document.defines);
        let Some(row) = self.rows.get_mut(object as usize) else { return };
        let at = At { document, offset: offset(place), len: place.1.try_into().unwrap_or(u32::MAX) };
        if is_id && row.is_defined && row.document == document {
            let message = format!("the object {} is defined twice", self.texts.get(row.id));
            self.problems.push(
                Diagnostic::error("cim::id-twice", message).fix("an rdf:ID stands once in a document; remove one of the two"),
                Some(at),
            );
            return;
        }
        if class != NONE16 && row.class != class {
            let (was, is) = (self.names.local(row.class), self.names.local(class));
            if row.class == NONE16 || schema().is_a(version, is, was) {
                row.class = class;
            } else if !schema().is_a(version, was, is) {
                let message = format!("the object {} is of class {is} here and of class {was} elsewhere", self.texts.get(row.id));
                self.problems
                    .push(Diagnostic::error("cim::class-mixed", message).fix("export both documents from the same model"), Some(at));
            }
        }
        if !row.is_defined && (is_id || defines_by_about) {
            row.is_defined = true;
            (row.document, row.offset) = (document, at.offset);
        } else if row.offset == 0 {
            (row.document, row.offset) = (document, at.offset);
        }
    }

    /// Sorts the statements by object. Called once, between whole models and differences.
    pub(crate) fn gather(&mut self) -> (Vec<u32>, Vec<Property>) {
        let statements = std::mem::take(&mut self.statements);
        grouped(self.rows.len(), &statements)
    }

    /// Sets or takes away an object's class.
    pub(crate) fn set_class(&mut self, object: u32, class: u16, document: u16, offset: u32, is_defined: bool) {
        if let Some(row) = self.rows.get_mut(object as usize) {
            *row = Row { class, is_defined, document, offset, ..*row };
        }
    }

    pub(crate) fn row(&self, object: u32) -> Option<&Row> {
        self.rows.get(object as usize)
    }

    pub(crate) fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// An object and one of its properties in words.
    pub(crate) fn words(&self, object: u32, property: &Property) -> (String, String, String) {
        let id = |object: u32| self.rows.get(object as usize).map_or("", |row| self.texts.get(row.id));
        let value = match property.kind {
            Kind::Literal | Kind::Enumeration => self.texts.get(crate::texts::Text(property.value)),
            Kind::Reference => id(property.value),
        };
        (id(object).to_owned(), self.names.local(property.name).to_owned(), value.to_owned())
    }

    pub(crate) fn finish(self, starts: Vec<u32>, properties: Vec<Property>) -> Store {
        let Self { version, documents, mut texts, names, mut rows, mut by_text, .. } = self;
        texts.shrink();
        rows.shrink_to_fit();
        by_text.shrink_to_fit();
        Store { version, documents, texts, names, rows, starts, properties, by_text }
    }
}

/// Groups statements by object, each object's in the order they came (a counting sort).
pub(crate) fn grouped(objects: usize, statements: &[Statement]) -> (Vec<u32>, Vec<Property>) {
    let mut starts = vec![0_u32; objects + 1];
    for statement in statements {
        if let Some(count) = starts.get_mut(statement.object as usize + 1) {
            *count += 1;
        }
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    let mut next = starts.clone();
    let nothing = Property { value: 0, offset: 0, name: NONE16, document: 0, kind: Kind::Literal };
    let mut properties = vec![nothing; statements.len()];
    for statement in statements {
        if let Some(at) = next.get_mut(statement.object as usize) {
            if let Some(slot) = properties.get_mut(*at as usize) {
                *slot = statement.property;
            }
            *at += 1;
        }
    }
    (starts, properties)
}

/// `Kind.literal` without the kind.
fn literal_of(text: &str) -> &str {
    text.split_once('.').map_or(text, |(_, literal)| literal)
}

fn offset(place: Place) -> u32 {
    u32::try_from(place.0).unwrap_or(u32::MAX)
}

impl Sink for Builder<'_> {
    fn root(&mut self, _: &[&str]) -> Result<(), Fault> {
        Ok(())
    }

    fn node(&mut self, name: Name<'_>, subject: Subject<'_>, section: Section, place: Place) -> Result<Take, Fault> {
        self.object = NONE32;
        match space(name.namespace) {
            Space::Header => return Ok(Take::Skip),
            // What is in it comes as nodes of its sections.
            Space::Difference => return Ok(Take::Whole),
            Space::Cim(_) | Space::European | Space::OtherCim | Space::Rdf | Space::Foreign => {}
        }
        let (written, is_id) = match subject {
            Subject::Defined(id) => (id, true),
            Subject::About(id) => (id, false),
            Subject::Nameless => {
                self.nameless += 1;
                return Ok(Take::Skip);
            }
        };
        let is_description = name.local == "Description" && name.namespace == crate::version::RDF;
        let class = if is_description { NONE16 } else { self.name(name)? };
        let object = self.object_of(written)?;
        self.object = object;
        self.section = section;
        match (&mut self.difference, section) {
            (None, _) => self.define(object, class, is_id, place),
            (Some(difference), Section::Forward | Section::Reverse) => {
                let change = Change { object, class, place: offset(place), first: difference.statements.len(), end: 0 };
                if section == Section::Forward { difference.forward.push(change) } else { difference.reverse.push(change) }
            }
            (Some(_), Section::Plain | Section::Preconditions) => return Ok(Take::Skip),
        }
        Ok(Take::Whole)
    }

    fn property(&mut self, name: Name<'_>) -> Result<u16, Fault> {
        self.name(name)
    }

    fn literal(&mut self, name: u16, text: &str, place: Place) -> Result<(), Fault> {
        // Some write the literals of enumerations as text.
        if self.meanings.get(usize::from(name)) == Some(&Meaning::Enumeration) {
            let value = self.keep(literal_of(text))?;
            return self.push(name, Kind::Enumeration, value, place);
        }
        let value = self.keep(text)?;
        self.push(name, Kind::Literal, value, place)
    }

    fn resource(&mut self, name: u16, resource: &str, place: Place) -> Result<(), Fault> {
        if self.object == NONE32 {
            return Ok(());
        }
        let is_literal = match self.meanings.get(usize::from(name)) {
            Some(Meaning::Enumeration) => true,
            Some(Meaning::Reference) | None => false,
            Some(Meaning::RdfType) => {
                let (namespace, local) = resource.rsplit_once('#').map_or(("", resource), |(namespace, local)| (namespace, local));
                let class = self.name(Name { namespace: &format!("{namespace}#"), local })?;
                match &mut self.difference {
                    None => self.define(self.object, class, false, place),
                    Some(difference) => {
                        let into = if self.section == Section::Forward { &mut difference.forward } else { &mut difference.reverse };
                        if let Some(change) = into.last_mut() {
                            change.class = class;
                        }
                    }
                }
                return Ok(());
            }
            // `http://…#Kind.literal`; a reference to an object has no such base, or an underscore behind it.
            Some(Meaning::Unknown) => resource
                .split_once('#')
                .is_some_and(|(base, fragment)| !base.is_empty() && !fragment.starts_with('_') && fragment.contains('.')),
        };
        if is_literal {
            let value = self.keep(literal_of(resource.rsplit_once('#').map_or(resource, |(_, fragment)| fragment)))?;
            self.push(name, Kind::Enumeration, value, place)
        } else {
            let object = self.object_of(resource)?;
            self.push(name, Kind::Reference, object, place)
        }
    }

    fn structure(&mut self, _: u16) {
        self.structures += 1;
    }

    fn end(&mut self) -> Take {
        self.object = NONE32;
        if let Some(difference) = &mut self.difference {
            let end = difference.statements.len();
            let into = if self.section == Section::Forward { &mut difference.forward } else { &mut difference.reverse };
            if let Some(change) = into.last_mut().filter(|change| change.end == 0) {
                change.end = end;
            }
        }
        Take::Whole
    }
}
