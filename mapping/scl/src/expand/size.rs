//! How large each type is after expansion, computed once for each.

use std::collections::BTreeMap;

use bridge_diag::Span;

use crate::Limits;
use crate::document::{Attribute, BasicType, Count, LNodeType, Member, ObjectMember, Templates};
use crate::problems::Problems;

/// What an expansion would cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Size {
    /// Objects and attributes, an array counted once.
    nodes: u64,
    /// The same with every array element.
    elements: u64,
    /// Types inside each other.
    height: usize,
}

impl Size {
    const ONE: Self = Self { nodes: 1, elements: 1, height: 1 };

    fn plus(self, other: Self) -> Self {
        Self {
            nodes: self.nodes.saturating_add(other.nodes),
            elements: self.elements.saturating_add(other.elements),
            height: self.height.max(other.height),
        }
    }

    /// What holds these.
    fn held(self) -> Self {
        Self { height: self.height + 1, ..self.plus(Self::ONE) }
    }

    fn times(self, count: Option<&Count>) -> Self {
        let count = match count {
            Some(Count::Fixed(count)) => u64::from(*count).max(1),
            // An array whose length the type does not fix is counted once; each device bounds it.
            Some(Count::Named(_)) | None => 1,
        };
        Self { elements: self.elements.saturating_mul(count), ..self }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Being computed: whoever meets it again is in a circle.
    Open,
    /// Computed.
    Done(Size),
    /// In a circle or too deep.
    Broken,
}

/// The sizes of all types of a file.
pub(crate) struct Sizes<'t> {
    templates: &'t Templates,
    limits: Limits,
    objects: BTreeMap<&'t str, State>,
    attributes: BTreeMap<&'t str, State>,
    spent: u64,
}

impl<'t> Sizes<'t> {
    pub(crate) fn new(templates: &'t Templates, limits: Limits) -> Self {
        Self { templates, limits, objects: BTreeMap::new(), attributes: BTreeMap::new(), spent: 0 }
    }

    /// Whether a node type may be expanded. Unknown types, circles and sizes beyond the limits become problems, each once.
    pub(crate) fn admit(&mut self, kind: &'t LNodeType, problems: &mut Problems) -> bool {
        let mut size = Size::default();
        let mut whole = true;
        for object in &kind.objects {
            match self.object(object, 0, problems) {
                Some(inner) => size = size.plus(inner),
                None => whole = false,
            }
        }
        if !whole {
            return false;
        }
        if size.height > self.limits.type_depth {
            problems.error("scl::type-too-deep", kind.span, too_deep(&self.limits, &kind.id), FLATTEN);
            return false;
        }
        if size.nodes > self.limits.type_nodes || size.elements > self.limits.type_elements {
            problems.error(
                "scl::type-too-large",
                kind.span,
                format!("nodes of the type {} would have {} attributes, array elements counted {}", kind.id, size.nodes, size.elements),
                format!(
                    "a node has at most {} attributes, {} with array elements: look for a structure that is used inside its own parts",
                    self.limits.type_nodes, self.limits.type_elements
                ),
            );
            return false;
        }
        if self.spent.saturating_add(size.nodes) > self.limits.all_type_nodes {
            problems.error(
                "scl::type-too-large",
                kind.span,
                format!("the types of this file together have more than {} attributes", self.limits.all_type_nodes),
                "remove types that no logical node uses, and copies of one type",
            );
            return false;
        }
        self.spent = self.spent.saturating_add(size.nodes);
        true
    }

    /// Visits every type that no node reached, for its problems alone.
    pub(crate) fn visit_rest(&mut self, problems: &mut Problems) {
        for kind in self.templates.nodes.values().flatten() {
            for object in &kind.objects {
                self.object(object, 0, problems);
            }
        }
        for id in self.templates.objects.keys() {
            self.object_type(id, 0, problems);
        }
        for id in self.templates.attributes.keys() {
            self.structure(id, 0, problems);
        }
    }

    fn object(&mut self, member: &'t ObjectMember, depth: usize, problems: &mut Problems) -> Option<Size> {
        if !self.templates.objects.contains_key(&member.type_id) {
            let fix = problems.suggest(
                &member.type_id,
                self.templates.objects.keys().map(String::as_str),
                "add the <DOType>, or export the file again with all its types",
            );
            unresolved(problems, member.span, "data object type", &member.type_id, &member.name, fix);
            return Some(Size::ONE);
        }
        let size = self.object_type(&member.type_id, depth, problems);
        self.closed(size, member.span, &member.name, problems).map(|size| size.held().times(member.count.as_ref()))
    }

    /// A circle is told where it closes; a type found broken before is broken without a further word.
    fn closed(&self, found: Found, span: Span, name: &str, problems: &mut Problems) -> Option<Size> {
        match found {
            Found::Size(size) => Some(size),
            Found::Circle => {
                let message = format!("the type of {name} contains itself");
                problems.error("scl::type-cyclic", span, message, "take this member out: data cannot hold itself");
                None
            }
            Found::TooDeep => {
                problems.error("scl::type-too-deep", span, too_deep(&self.limits, name), FLATTEN);
                None
            }
            Found::Broken => None,
        }
    }

    fn object_type(&mut self, id: &str, depth: usize, problems: &mut Problems) -> Found {
        let Some((id, kind)) = self.templates.objects.get_key_value(id) else { return Found::Size(Size::ONE) };
        if let Some(found) = known(self.objects.get(id.as_str()), depth, self.limits.type_depth) {
            return found;
        }
        self.objects.insert(id, State::Open);
        let mut sum = Some(Size::default());
        for member in &kind.members {
            let size = match member {
                Member::Object(object) => self.object(object, depth + 1, problems),
                Member::Attribute(attribute) => self.attribute(attribute, depth + 1, problems),
            };
            sum = sum.zip(size).map(|(sum, size)| sum.plus(size));
        }
        self.objects.insert(id, sum.map_or(State::Broken, State::Done));
        sum.map_or(Found::Broken, Found::Size)
    }

    fn attribute(&mut self, attribute: &'t Attribute, depth: usize, problems: &mut Problems) -> Option<Size> {
        let inner = match attribute.basic {
            Some(BasicType::Struct) => {
                if self.templates.attributes.contains_key(&attribute.type_id) {
                    let size = self.structure(&attribute.type_id, depth, problems);
                    self.closed(size, attribute.span, &attribute.name, problems)?
                } else {
                    let known = self.templates.attributes.keys().map(String::as_str);
                    let fix = problems.suggest(&attribute.type_id, known, "add the <DAType>, or export the file again with all its types");
                    unresolved(problems, attribute.span, "structure", &attribute.type_id, &attribute.name, fix);
                    Size::default()
                }
            }
            Some(BasicType::Enum) => {
                if !self.templates.enums.contains_key(&attribute.type_id) {
                    let known = self.templates.enums.keys().map(String::as_str);
                    let fix =
                        problems.suggest(&attribute.type_id, known, "add the <EnumType>, or export the file again with all its types");
                    unresolved(problems, attribute.span, "enumeration", &attribute.type_id, &attribute.name, fix);
                }
                Size::default()
            }
            Some(_) | None => Size::default(),
        };
        Some(inner.held().times(attribute.count.as_ref()))
    }

    fn structure(&mut self, id: &str, depth: usize, problems: &mut Problems) -> Found {
        let Some((id, kind)) = self.templates.attributes.get_key_value(id) else { return Found::Size(Size::default()) };
        if let Some(found) = known(self.attributes.get(id.as_str()), depth, self.limits.type_depth) {
            return found;
        }
        self.attributes.insert(id, State::Open);
        let mut sum = Some(Size::default());
        for member in &kind.members {
            let size = self.attribute(member, depth + 1, problems);
            sum = sum.zip(size).map(|(sum, size)| sum.plus(size));
        }
        self.attributes.insert(id, sum.map_or(State::Broken, State::Done));
        sum.map_or(Found::Broken, Found::Size)
    }
}

/// What asking for a type's size gives.
#[derive(Clone, Copy)]
enum Found {
    Size(Size),
    Circle,
    TooDeep,
    Broken,
}

/// What is known of a type without computing it.
fn known(state: Option<&State>, depth: usize, limit: usize) -> Option<Found> {
    match state {
        Some(State::Open) => Some(Found::Circle),
        Some(State::Done(size)) => Some(Found::Size(*size)),
        Some(State::Broken) => Some(Found::Broken),
        None if depth >= limit => Some(Found::TooDeep),
        None => None,
    }
}

const FLATTEN: &str = "data of IEC 61850 is about 8 deep: flatten the types";

fn too_deep(limits: &Limits, name: &str) -> String {
    format!("types stand more than {} deep inside each other at {name}", limits.type_depth)
}

fn unresolved(problems: &mut Problems, span: Span, noun: &str, id: &str, name: &str, fix: String) {
    let message =
        if id.is_empty() { format!("{name} names no {noun}") } else { format!("{name} is of the {noun} {id:?}, which is not there") };
    problems.error("scl::type-unresolved", span, message, fix);
}
