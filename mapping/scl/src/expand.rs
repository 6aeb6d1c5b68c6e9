//! From a logical node type to every data object and every leaf attribute of its nodes (IEC 61850-6, 9.5).
//!
//! Types refer to types, so a short file can describe a model of any size. Sizes are computed first, each type once, and only a type
//! within the limits is expanded.

mod size;

use std::ops::Range;
use std::sync::Arc;

use bridge_diag::Span;

use crate::Limits;
use crate::document::{Attribute, BasicType, Count, DataObjectType, Fc, LNodeType, Member, ObjectMember, Templates, Value};
use crate::problems::Problems;

pub(crate) use size::Sizes;

/// A data object, or a sub-object of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataObject {
    /// Its path from the node: `Pos`, `A.phsA`.
    pub path: String,
    /// Its common data class.
    pub cdc: String,
    /// What it is for.
    pub desc: String,
    /// Whether it is true for moments only.
    pub transient: bool,
    /// Elements, if it is an array; 0 if their number is not known.
    pub count: Option<u32>,
    /// Its leaves and those of its sub-objects, by number in [`Expansion::leaves`].
    pub leaves: Range<usize>,
}

/// An attribute without members.
#[derive(Clone, PartialEq, Debug)]
pub struct Leaf {
    /// Its path from the node: `A.phsA.cVal.mag.f`.
    pub path: String,
    /// Bytes of the path that name its innermost object: `A.phsA` has 6.
    object_bytes: usize,
    /// The object, by number in [`Expansion::objects`].
    pub object: usize,
    /// Its functional constraint.
    pub fc: Fc,
    /// Its basic type.
    pub basic: BasicType,
    /// The enumeration's id.
    pub enum_id: Option<String>,
    /// A change of it can trigger.
    pub dchg: bool,
    /// A change of it, being a quality, can trigger.
    pub qchg: bool,
    /// An update of it can trigger.
    pub dupd: bool,
    /// Which parts of the path are arrays: the part's number from 0 and its elements, 0 if not known.
    pub arrays: Vec<(usize, u32)>,
    /// Its values where an instance says nothing.
    pub values: Arc<[Value]>,
    /// Its start tag.
    pub span: Span,
}

impl Leaf {
    /// The path from its innermost object down: `cVal.mag.f`.
    #[must_use]
    pub fn attribute(&self) -> &str {
        self.path.get(self.object_bytes..).unwrap_or_default().trim_start_matches('.')
    }
}

/// Everything in the nodes of one type.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Expansion {
    /// Its objects and sub-objects, parents before children.
    pub objects: Vec<DataObject>,
    /// Its leaves, in the order of the type.
    pub leaves: Vec<Leaf>,
    by_path: Vec<usize>,
    by_fc: Vec<usize>,
}

impl Expansion {
    /// The leaf of a path without indices: `Pos.stVal`. Several constraints of one name are told apart by `fc`.
    #[must_use]
    pub fn leaf(&self, path: &str, fc: Option<Fc>) -> Option<&Leaf> {
        self.below(path, fc).next().filter(|leaf| leaf.path == path)
    }

    /// The object of a path without indices: `A.phsA`.
    #[must_use]
    pub fn object(&self, path: &str) -> Option<&DataObject> {
        self.objects.iter().find(|object| object.path == path)
    }

    /// The leaves below a path, which may be an object, a structure or a leaf; all of them for an empty path. In the order of paths.
    pub fn below<'e>(&'e self, path: &str, fc: Option<Fc>) -> impl Iterator<Item = &'e Leaf> + use<'e> {
        // Names are letters and digits, all of them behind the dot and the stroke: what is below a path stands together, right behind
        // the path itself.
        let end = if path.is_empty() { "~".to_owned() } else { format!("{path}/") };
        let (order, range) = match fc {
            None => (&self.by_path, self.before(&self.by_path, None, path)..self.before(&self.by_path, None, &end)),
            Some(_) => (&self.by_fc, self.before(&self.by_fc, fc, path)..self.before(&self.by_fc, fc, &end)),
        };
        order.get(range).unwrap_or_default().iter().filter_map(|at| self.leaves.get(*at))
    }

    /// How many leaves stand before a path, in the order of paths or in that of constraints and paths.
    fn before(&self, order: &[usize], fc: Option<Fc>, path: &str) -> usize {
        let is_before = |leaf: &Leaf| fc.map_or(leaf.path.as_str() < path, |fc| (leaf.fc, leaf.path.as_str()) < (fc, path));
        order.partition_point(|at| self.leaves.get(*at).is_some_and(is_before))
    }

    /// The leaves at and below an attribute of an object: `Oper` of `Pos`.
    pub fn attribute<'e>(&'e self, object: &DataObject, attribute: &str, fc: Option<Fc>) -> impl Iterator<Item = &'e Leaf> + use<'e> {
        let own = self.leaves.get(object.leaves.clone()).unwrap_or_default();
        let from = object.path.len() + 1;
        let fits = |leaf: &Leaf| {
            let rest = leaf.path.get(from..).and_then(|path| path.strip_prefix(attribute));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.')) && fc.is_none_or(|fc| leaf.fc == fc)
        };
        // Most objects are small; a large one is searched.
        let (few, many) = if own.len() <= FEW {
            (own.iter().filter(|leaf| fits(leaf)).collect(), None)
        } else {
            (Vec::new(), Some(self.below(&join(&object.path, attribute), fc)))
        };
        few.into_iter().chain(many.into_iter().flatten())
    }

    /// An attribute of an object that says what is: status or measurand.
    #[must_use]
    pub fn reading(&self, object: &DataObject, attribute: &str) -> Option<&Leaf> {
        let is_reading = |leaf: &&Leaf| matches!(leaf.fc, Fc::St | Fc::Mx) && leaf.path.len() == object.path.len() + 1 + attribute.len();
        self.attribute(object, attribute, None).find(is_reading)
    }

    fn index(&mut self) {
        let leaves = &self.leaves;
        let sorted = |with_fc: bool| {
            let key = |at: &usize| leaves.get(*at).map(|leaf| (with_fc.then_some(leaf.fc), leaf.path.as_str()));
            let mut order: Vec<usize> = (0..leaves.len()).collect();
            order.sort_by(|a, b| key(a).cmp(&key(b)));
            order
        };
        (self.by_path, self.by_fc) = (sorted(false), sorted(true));
    }
}

/// Expands a type whose size is known to be within the limits.
pub(crate) fn expand(kind: &LNodeType, templates: &Templates, limits: &Limits, problems: &mut Problems) -> Expansion {
    let mut work = Work { templates, limits, into: Expansion::default(), problems };
    for object in &kind.objects {
        work.object(object, "", &mut Vec::new(), 0, None);
    }
    work.into.index();
    work.into
}

struct Work<'w> {
    templates: &'w Templates,
    limits: &'w Limits,
    into: Expansion,
    problems: &'w mut Problems,
}

/// What is known of the attributes around a leaf.
#[derive(Clone, Copy)]
struct Around<'a> {
    fc: Fc,
    /// The attribute of the object; its triggers hold for its members.
    top: &'a Attribute,
    object: usize,
    object_bytes: usize,
}

fn join(above: &str, name: &str) -> String {
    if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") }
}

impl Work<'_> {
    fn object(
        &mut self,
        member: &ObjectMember,
        above: &str,
        arrays: &mut Vec<(usize, u32)>,
        depth: usize,
        brothers: Option<&DataObjectType>,
    ) {
        // An unknown type was reported when sizes were computed.
        let Some(kind) = self.templates.objects.get(&member.type_id) else { return };
        if depth >= self.limits.type_depth {
            return;
        }
        let path = join(above, &member.name);
        if self.is_too_long(&path, member.span) {
            return;
        }
        let count = member.count.as_ref().map(|count| elements(count, brothers, self.limits));
        let pushed = push_array(arrays, &path, count);
        let at = self.into.objects.len();
        let first = self.into.leaves.len();
        self.into.objects.push(DataObject {
            path: path.clone(),
            cdc: kind.cdc.clone(),
            desc: member.desc.clone(),
            transient: member.transient,
            count,
            leaves: first..first,
        });
        for inner in &kind.members {
            match inner {
                Member::Object(object) => self.object(object, &path, arrays, depth + 1, Some(kind)),
                Member::Attribute(attribute) => {
                    let Some(fc) = attribute.fc else { continue };
                    let around = Around { fc, top: attribute, object: at, object_bytes: path.len() };
                    self.attribute(attribute, &path, arrays, depth + 1, around, Some(kind));
                }
            }
        }
        let end = self.into.leaves.len();
        if let Some(object) = self.into.objects.get_mut(at) {
            object.leaves = first..end;
        }
        if pushed {
            arrays.pop();
        }
    }

    fn attribute(
        &mut self,
        attribute: &Attribute,
        above: &str,
        arrays: &mut Vec<(usize, u32)>,
        depth: usize,
        around: Around<'_>,
        brothers: Option<&DataObjectType>,
    ) {
        let Some(basic) = attribute.basic else { return };
        if depth >= self.limits.type_depth {
            return;
        }
        let path = join(above, &attribute.name);
        let count = attribute.count.as_ref().map(|count| elements(count, brothers, self.limits));
        let pushed = push_array(arrays, &path, count);
        if basic == BasicType::Struct {
            if let Some(kind) = self.templates.attributes.get(&attribute.type_id) {
                for member in &kind.members {
                    self.attribute(member, &path, arrays, depth + 1, around, None);
                }
            }
        } else {
            self.leaf(attribute, basic, path, arrays, around);
        }
        if pushed {
            arrays.pop();
        }
    }

    fn is_too_long(&mut self, path: &str, span: Span) -> bool {
        let is_too_long = path.len() > MAX_PATH_BYTES;
        if is_too_long {
            let message = format!("a path has more than {MAX_PATH_BYTES} characters");
            self.problems.error("scl::name-too-long", span, message, "names of data have a few letters each; it is left out");
        }
        is_too_long
    }

    fn leaf(&mut self, attribute: &Attribute, basic: BasicType, path: String, arrays: &[(usize, u32)], around: Around<'_>) {
        if self.is_too_long(&path, attribute.span) {
            return;
        }
        self.into.leaves.push(Leaf {
            path,
            object_bytes: around.object_bytes,
            object: around.object,
            fc: around.fc,
            basic,
            enum_id: (basic == BasicType::Enum).then(|| attribute.type_id.clone()),
            dchg: around.top.dchg || attribute.dchg,
            qchg: around.top.qchg || attribute.qchg,
            dupd: around.top.dupd || attribute.dupd,
            arrays: arrays.to_vec(),
            values: Arc::clone(&attribute.values),
            span: attribute.span,
        });
    }
}

/// Leaves that are looked through one by one.
const FEW: usize = 64;

/// Bytes of a path inside a node.
const MAX_PATH_BYTES: usize = 255;

fn push_array(arrays: &mut Vec<(usize, u32)>, path: &str, count: Option<u32>) -> bool {
    let Some(count) = count else { return false };
    arrays.push((path.matches('.').count(), count));
    true
}

/// The elements of an array; 0 if the file does not say.
fn elements(count: &Count, brothers: Option<&DataObjectType>, limits: &Limits) -> u32 {
    let name = match count {
        Count::Fixed(count) => return *count,
        Count::Named(name) => name,
    };
    let members = brothers.map(|kind| kind.members.as_slice()).unwrap_or_default();
    let named = members.iter().find_map(|member| match member {
        Member::Attribute(attribute) if attribute.name == *name => attribute.values.first(),
        Member::Attribute(_) | Member::Object(_) => None,
    });
    named.and_then(|value| value.text.parse().ok()).filter(|count| *count <= limits.array).unwrap_or(0)
}
