//! A model that was read, and the questions it answers.

use std::fmt;

use crate::check::{Unknown, boolean, integer};
use crate::header::Header;
use crate::nearest::nearest_id;
use crate::schema::{Type, schema};
use crate::store::{Kind, NONE16, NONE32, Property, Store};
use crate::texts::Text;
use crate::unit::Unit;
use crate::version::Version;

/// A model. Objects are found by identifier ([`Self::object`]), by name ([`Self::find`]) or by class ([`Self::of_class`]).
#[derive(Clone)]
pub struct Model {
    pub(crate) store: Store,
    unknown: Unknown,
    superseded: Vec<u16>,
    passed_over: usize,
    /// Who refers to object `n`: those from `referred[n]` up to `referred[n + 1]`, each with the name of the reference.
    referred: Vec<u32>,
    referrers: Vec<(u32, u16)>,
    /// The mRID attributes that differ from the identifier in `rdf:ID`, sorted.
    other_mrids: Vec<(Text, u32)>,
    /// Names and the objects that have them, sorted.
    by_name: Vec<(Text, u32)>,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("version", &self.version()).field("objects", &self.len()).finish_non_exhaustive()
    }
}

/// A number with its unit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Quantity {
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: Unit,
}

impl Model {
    pub(crate) fn new(store: Store, unknown: Unknown, superseded: Vec<u16>, passed_over: usize) -> Self {
        let mrid = store.names.find("IdentifiedObject.mRID");
        let name = store.names.find("IdentifiedObject.name");
        let (mut other_mrids, mut by_name) = (Vec::new(), Vec::new());
        let mut referred = vec![0_u32; store.rows.len() + 1];
        for (object, row) in (0_u32..).zip(&store.rows) {
            for property in store.properties(object) {
                match property.kind {
                    Kind::Literal if Some(property.name) == name => by_name.push((Text(property.value), object)),
                    Kind::Literal if Some(property.name) == mrid => {
                        if Text(property.value) != row.id {
                            other_mrids.push((Text(property.value), object));
                        }
                    }
                    Kind::Literal | Kind::Enumeration => {}
                    Kind::Reference => {
                        if let Some(count) = referred.get_mut(property.value as usize + 1) {
                            *count += 1;
                        }
                    }
                }
            }
        }
        other_mrids.sort_unstable();
        by_name.sort_unstable();
        let (referred, referrers) = invert(&store, referred);
        Self { store, unknown, superseded, passed_over, referred, referrers, other_mrids, by_name }
    }

    /// The version of the information model.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.store.version
    }

    /// How many objects are defined.
    #[must_use]
    pub fn len(&self) -> usize {
        self.store.rows.iter().filter(|row| row.is_defined).count()
    }

    /// Whether nothing is defined.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.store.rows.iter().any(|row| row.is_defined)
    }

    /// How many attributes and references there are.
    #[must_use]
    pub const fn statements(&self) -> usize {
        self.store.properties.len()
    }

    /// The headers of the documents that were read, in the order given; not of those that a newer one supersedes.
    pub fn headers(&self) -> impl Iterator<Item = &Header> {
        let read = (0_u16..).zip(&self.store.documents).filter(|(at, _)| !self.superseded.contains(at));
        read.filter_map(|(_, document)| document.header.as_ref())
    }

    /// The classes that are not in the table of classes, each with the number of its objects, sorted by name. The objects are kept.
    #[must_use]
    pub fn unknown_classes(&self) -> &[(String, usize)] {
        &self.unknown
    }

    /// Values with an inner structure and nodes without identifier: no profile of CGMES has them, and they are not kept.
    #[must_use]
    pub const fn passed_over(&self) -> usize {
        self.passed_over
    }

    /// The object with this mRID, however it is written: with or without `_`, `#`, `urn:uuid:`.
    #[must_use]
    pub fn object(&self, mrid: &str) -> Option<Object<'_>> {
        let by_id = |id: &str| self.store.object(id).and_then(|object| self.defined(object));
        by_id(crate::header::identifier(mrid)).or_else(|| {
            let text = self.store.texts.find(mrid)?;
            let at = self.other_mrids.partition_point(|(known, _)| *known < text);
            let (known, object) = *self.other_mrids.get(at)?;
            (known == text).then(|| self.defined(object)).flatten()
        })
    }

    /// The mRID nearest to one that is not there.
    #[must_use]
    pub fn nearest(&self, mrid: &str) -> Option<&str> {
        let defined = self.store.rows.iter().filter(|row| row.is_defined).map(|row| self.store.texts.get(row.id));
        nearest_id(crate::header::identifier(mrid), defined)
    }

    /// The name nearest to one that is not there.
    #[must_use]
    pub fn nearest_name(&self, name: &str) -> Option<&str> {
        nearest_id(name, self.by_name.iter().map(|(text, _)| self.store.texts.get(*text)))
    }

    /// The objects with this name.
    pub fn named<'m>(&'m self, name: &str) -> impl Iterator<Item = Object<'m>> + use<'m> {
        let text = self.store.texts.find(name);
        let from = text.map_or(self.by_name.len(), |text| self.by_name.partition_point(|(known, _)| *known < text));
        let same = self.by_name.iter().skip(from).take_while(move |(known, _)| Some(*known) == text);
        same.filter_map(|(_, object)| self.defined(*object))
    }

    /// The objects that a path of names means: `SSC/E1/Q01/QA1`, or its last parts, as long as they are unique. Steps may be left out:
    /// `SSC/QA1`. A number behind a colon is a terminal: `QA1:2`. Names that contain a slash themselves are found too. A terminal that
    /// has its equipment's name is not meant by it.
    #[must_use]
    pub fn find(&self, path: &str) -> Vec<Object<'_>> {
        let found = self.find_plain(path);
        if !found.is_empty() {
            return found;
        }
        let Some((equipment, number)) = path.rsplit_once(':') else { return found };
        let Ok(number) = number.parse() else { return found };
        self.find_plain(equipment).into_iter().filter_map(|object| object.terminal(number)).collect()
    }

    fn find_plain(&self, path: &str) -> Vec<Object<'_>> {
        // The name is what stands behind some slash; most often the last one.
        let cuts = path.match_indices('/').map(|(at, _)| at).rev().map(|at| path.split_at(at)).map(|(above, name)| (above, &name[1..]));
        for (above, name) in cuts.chain([("", path)]) {
            let found: Vec<Object<'_>> = self.named(name).filter(|object| above.is_empty() || is_below(*object, above)).collect();
            if !found.is_empty() {
                let is_shadow =
                    |object: &Object<'_>| object.container().is_some_and(|container| object.is("Terminal") && found.contains(&container));
                return found.iter().copied().filter(|object| !is_shadow(object)).collect();
            }
        }
        Vec::new()
    }

    /// Every object, in the order first met.
    pub fn objects(&self) -> impl Iterator<Item = Object<'_>> {
        (0_u32..).zip(&self.store.rows).filter(|(_, row)| row.is_defined).map(|(at, _)| Object { model: self, at })
    }

    /// The objects of a class or one below it, in the order first met.
    pub fn of_class<'m>(&'m self, class: &str) -> impl Iterator<Item = Object<'m>> + use<'m> {
        let version = self.version();
        let names = 0..u16::try_from(self.store.names.len()).unwrap_or(u16::MAX);
        let is_wanted = |name: u16| self.store.names.is_cim(name) && schema().is_a(version, self.store.names.local(name), class);
        let wanted: Vec<bool> = names.map(is_wanted).collect();
        let rows = (0_u32..).zip(&self.store.rows);
        rows.filter(move |(_, row)| row.is_defined && wanted.get(usize::from(row.class)).copied().unwrap_or(false))
            .map(|(at, _)| Object { model: self, at })
    }

    fn defined(&self, object: u32) -> Option<Object<'_>> {
        self.store.row(object).filter(|row| row.is_defined).map(|_| Object { model: self, at: object })
    }
}

/// Whether the object stands below containers of these names, in this order, with steps left out perhaps.
fn is_below(object: Object<'_>, above: &str) -> bool {
    let mut wanted = above.rsplit('/').peekable();
    for container in object.containers() {
        if wanted.peek().is_none() {
            return true;
        }
        if container.name() == wanted.peek().copied() {
            wanted.next();
        }
    }
    wanted.peek().is_none()
}

/// Who refers to whom, from counts that are one place behind.
fn invert(store: &Store, mut starts: Vec<u32>) -> (Vec<u32>, Vec<(u32, u16)>) {
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    let mut next = starts.clone();
    let mut referrers = vec![(NONE32, NONE16); sum as usize];
    for object in 0..u32::try_from(store.rows.len()).unwrap_or(u32::MAX) {
        for property in store.properties(object).iter().filter(|property| property.kind == Kind::Reference) {
            if let Some(at) = next.get_mut(property.value as usize) {
                if let Some(slot) = referrers.get_mut(*at as usize) {
                    *slot = (object, property.name);
                }
                *at += 1;
            }
        }
    }
    (starts, referrers)
}

/// One object of a model.
#[derive(Clone, Copy)]
pub struct Object<'m> {
    pub(crate) model: &'m Model,
    pub(crate) at: u32,
}

impl PartialEq for Object<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.model, other.model) && self.at == other.at
    }
}

impl Eq for Object<'_> {}

impl fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.class(), self.mrid())
    }
}

/// One attribute or reference, as written.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'m> {
    /// `Class.name`.
    pub name: &'m str,
    /// Its text, its literal without the enumeration's name, or the identifier referred to.
    pub value: &'m str,
    /// Whether it is a reference.
    pub is_reference: bool,
}

impl<'m> Object<'m> {
    fn properties(self) -> &'m [Property] {
        self.model.store.properties(self.at)
    }

    fn property(self, name: &str) -> Option<&'m Property> {
        let name = self.model.store.names.find(name)?;
        self.properties().iter().find(|property| property.name == name)
    }

    /// Its mRID: the attribute, else the identifier in `rdf:ID`.
    #[must_use]
    pub fn mrid(self) -> &'m str {
        self.text("IdentifiedObject.mRID").filter(|mrid| !mrid.is_empty()).unwrap_or_else(|| self.id())
    }

    /// The identifier in `rdf:ID`, without an underscore before it.
    #[must_use]
    pub fn id(self) -> &'m str {
        self.model.store.row(self.at).map_or("", |row| self.model.store.texts.get(row.id))
    }

    /// Its class.
    #[must_use]
    pub fn class(self) -> &'m str {
        self.model.store.row(self.at).map_or("", |row| self.model.store.names.local(row.class))
    }

    /// Whether it is of this class or one below it. A vendor's class of the same name is not.
    #[must_use]
    pub fn is(self, class: &str) -> bool {
        let is_cim = self.model.store.row(self.at).is_some_and(|row| self.model.store.names.is_cim(row.class));
        is_cim && schema().is_a(self.model.version(), self.class(), class)
    }

    /// Its name, if it has one.
    #[must_use]
    pub fn name(self) -> Option<&'m str> {
        self.text("IdentifiedObject.name").filter(|name| !name.is_empty())
    }

    /// Its further names (`Name`), each with the name of its type: tags, SCADA names, addresses of other systems.
    pub fn other_names(self) -> impl Iterator<Item = (&'m str, &'m str)> {
        self.referrers("Name.IdentifiedObject").filter_map(|name| {
            let of = name.reference("Name.NameType").and_then(|of| of.text("NameType.name"));
            Some((of.unwrap_or_default(), name.text("Name.name")?))
        })
    }

    /// Every attribute and reference, in the order written.
    pub fn attributes(self) -> impl Iterator<Item = Attribute<'m>> {
        let store = &self.model.store;
        self.properties().iter().map(|property| Attribute {
            name: store.names.local(property.name),
            value: store.text_of(property),
            is_reference: property.kind == Kind::Reference,
        })
    }

    /// The text of an attribute `Class.name`, whatever its type.
    #[must_use]
    pub fn text(self, name: &str) -> Option<&'m str> {
        let property = self.property(name).filter(|property| property.kind != Kind::Reference)?;
        Some(self.model.store.text_of(property))
    }

    /// A number; `None` if it is not given, no number or not finite.
    #[must_use]
    pub fn number(self, name: &str) -> Option<f64> {
        self.text(name)?.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// A number with the unit that CGMES fixes for the attribute.
    #[must_use]
    pub fn quantity(self, name: &str) -> Option<Quantity> {
        let unit = match schema().attribute(self.model.version(), name)? {
            Type::Number(unit) => unit?,
            Type::Text | Type::Boolean | Type::Integer | Type::DateTime | Type::Reference { .. } | Type::Enumeration(_) => return None,
        };
        Some(Quantity { value: self.number(name)?, unit })
    }

    /// A whole number.
    #[must_use]
    pub fn integer(self, name: &str) -> Option<i64> {
        integer(self.text(name)?)
    }

    /// A truth.
    #[must_use]
    pub fn boolean(self, name: &str) -> Option<bool> {
        boolean(self.text(name)?)
    }

    /// The object that a reference leads to, if a document defines it.
    #[must_use]
    pub fn reference(self, name: &str) -> Option<Self> {
        self.references(name).next()
    }

    /// The objects that references of this name lead to.
    pub fn references(self, name: &str) -> impl Iterator<Item = Object<'m>> + use<'m> {
        let name = self.model.store.names.find(name);
        let all = self.properties().iter().filter(move |property| Some(property.name) == name && property.kind == Kind::Reference);
        all.filter_map(move |property| self.model.defined(property.value))
    }

    /// The objects whose reference of this name leads here: `Terminal.ConductingEquipment` gives the terminals.
    pub fn referrers(self, name: &str) -> impl Iterator<Item = Object<'m>> + use<'m> {
        let name = self.model.store.names.find(name);
        let at = |n: usize| self.model.referred.get(n).copied().unwrap_or(0) as usize;
        let all = self.model.referrers.get(at(self.at as usize)..at(self.at as usize + 1)).unwrap_or_default();
        all.iter().filter(move |(_, by)| Some(*by) == name).filter_map(move |(object, _)| self.model.defined(*object))
    }
}
