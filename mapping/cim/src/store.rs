//! What a model is kept as: numbers into tables, sixteen bytes for each attribute.

use std::collections::HashMap;

use crate::header::Header;
use crate::texts::{Text, Texts};
use crate::version::Version;

/// No class, no object.
pub(crate) const NONE16: u16 = u16::MAX;
pub(crate) const NONE32: u32 = u32::MAX;

/// What a property's value is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Kind {
    /// A text: `value` is a [`Text`].
    Literal,
    /// A literal of an enumeration: `value` is a [`Text`].
    Enumeration,
    /// A reference: `value` is an object.
    Reference,
}

/// One attribute or reference of an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Property {
    pub(crate) value: u32,
    pub(crate) offset: u32,
    pub(crate) name: u16,
    pub(crate) document: u16,
    pub(crate) kind: Kind,
}

impl Property {
    /// Whether both say the same.
    pub(crate) fn says(&self, other: &Self) -> bool {
        (self.name, self.kind, self.value) == (other.name, other.kind, other.value)
    }
}

/// One object: where it is defined and which properties are its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) id: Text,
    /// A name of the table of names; [`NONE16`] if nothing says what it is.
    pub(crate) class: u16,
    pub(crate) document: u16,
    pub(crate) offset: u32,
    /// Whether a document defines it; otherwise it is only referred to.
    pub(crate) is_defined: bool,
}

/// The namespace of a name: that of the model with its European extension, or one of others.
pub(crate) const CIM: u16 = 0;

/// Names of classes and attributes.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// The namespaces; the first stands for the model's own.
    spaces: Vec<String>,
    numbers: Vec<HashMap<String, u16>>,
    list: Vec<(u16, String)>,
}

impl Default for Names {
    fn default() -> Self {
        Self { spaces: vec![String::new()], numbers: vec![HashMap::new()], list: Vec::new() }
    }
}

impl Names {
    pub(crate) fn space(&mut self, uri: &str, most: usize) -> Option<u16> {
        let at = match self.spaces.iter().skip(1).position(|known| known == uri) {
            Some(at) => at + 1,
            None if self.spaces.len() < most => {
                self.spaces.push(uri.to_owned());
                self.numbers.push(HashMap::new());
                self.spaces.len() - 1
            }
            None => return None,
        };
        u16::try_from(at).ok()
    }

    pub(crate) fn keep(&mut self, space: u16, local: &str, most: usize) -> Option<u16> {
        let numbers = self.numbers.get_mut(usize::from(space))?;
        if let Some(found) = numbers.get(local) {
            return Some(*found);
        }
        let number = u16::try_from(self.list.len()).ok().filter(|number| usize::from(*number) < most)?;
        numbers.insert(local.to_owned(), number);
        self.list.push((space, local.to_owned()));
        Some(number)
    }

    /// The number of a name of the model's own namespace.
    pub(crate) fn find(&self, local: &str) -> Option<u16> {
        self.numbers.first()?.get(local).copied()
    }

    /// The name; empty for no name.
    pub(crate) fn local(&self, number: u16) -> &str {
        self.list.get(usize::from(number)).map_or("", |(_, local)| local.as_str())
    }

    /// Whether it is of the model's own namespace.
    pub(crate) fn is_cim(&self, number: u16) -> bool {
        self.list.get(usize::from(number)).is_some_and(|(space, _)| *space == CIM)
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }
}

/// One document of a model.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) header: Option<Header>,
    /// Whether its profile is one that the table of classes covers.
    pub(crate) is_checked: bool,
    /// Whether objects come into being in it by `rdf:about`.
    pub(crate) defines: bool,
}

/// Everything.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) version: Version,
    pub(crate) documents: Vec<Document>,
    pub(crate) texts: Texts,
    pub(crate) names: Names,
    pub(crate) rows: Vec<Row>,
    /// Properties of object `n` are those from `starts[n]` up to `starts[n + 1]`.
    pub(crate) starts: Vec<u32>,
    pub(crate) properties: Vec<Property>,
    /// The object of an identifier, by the number of its text.
    pub(crate) by_text: Vec<u32>,
}

impl Store {
    pub(crate) fn range(&self, object: u32) -> std::ops::Range<usize> {
        let at = |n: usize| self.starts.get(n).map_or(self.properties.len(), |start| *start as usize);
        at(object as usize)..at(object as usize + 1)
    }

    pub(crate) fn properties(&self, object: u32) -> &[Property] {
        self.properties.get(self.range(object)).unwrap_or_default()
    }

    pub(crate) fn row(&self, object: u32) -> Option<&Row> {
        self.rows.get(object as usize)
    }

    pub(crate) fn object(&self, id: &str) -> Option<u32> {
        let text = self.texts.find(id)?;
        self.by_text.get(text.0 as usize).copied().filter(|object| *object != NONE32)
    }

    pub(crate) fn text_of(&self, property: &Property) -> &str {
        match property.kind {
            Kind::Literal | Kind::Enumeration => self.texts.get(Text(property.value)),
            Kind::Reference => self.row(property.value).map_or("", |row| self.texts.get(row.id)),
        }
    }
}
