//! Substations, lines and processes, with everything in them, as one list (IEC 61850-6, 9.2).

use bridge_diag::Span;

use super::NodeName;
use crate::words::words;

words! {
    /// What a part of the single line is.
    pub enum PartKind {
        /// A process other than a substation (edition 2.1).
        Process = "Process",
        /// A line (edition 2.1).
        Line = "Line",
        /// A substation.
        Substation = "Substation",
        /// One of its voltage levels.
        VoltageLevel = "VoltageLevel",
        /// A bay.
        Bay = "Bay",
        /// A power transformer.
        PowerTransformer = "PowerTransformer",
        /// One of its windings.
        TransformerWinding = "TransformerWinding",
        /// A winding's tap changer.
        TapChanger = "TapChanger",
        /// What conducts: a breaker, a disconnector, a current transformer.
        ConductingEquipment = "ConductingEquipment",
        /// A phase or a part of equipment.
        SubEquipment = "SubEquipment",
        /// What does not conduct: a battery, a fan.
        GeneralEquipment = "GeneralEquipment",
        /// A function.
        Function = "Function",
        /// A part of a function.
        SubFunction = "SubFunction",
        /// A function of equipment.
        EqFunction = "EqFunction",
        /// A part of it.
        EqSubFunction = "EqSubFunction",
    }
}

/// Names a [`Part`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PartId(pub u32);

/// Every part of every substation, parents before their children.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SingleLine {
    /// The parts.
    pub parts: Vec<Part>,
}

impl SingleLine {
    /// The part behind an id.
    #[must_use]
    pub fn part(&self, id: PartId) -> Option<&Part> {
        self.parts.get(usize::try_from(id.0).ok()?)
    }

    /// Every part with its id.
    pub fn iter(&self) -> impl Iterator<Item = (PartId, &Part)> {
        self.parts.iter().zip(0..).map(|(part, id)| (PartId(id), part))
    }

    /// The part and everything above it, the part first.
    pub fn upward(&self, id: PartId) -> impl Iterator<Item = (PartId, &Part)> {
        // A parent stands before its children, so this ends.
        std::iter::successors(self.part(id).map(|part| (id, part)), |(id, part)| {
            let parent = part.parent.filter(|parent| parent < id)?;
            Some((parent, self.part(parent)?))
        })
    }

    /// The names from the top down to the part: `AA1/J1/Bay A/QA1`.
    #[must_use]
    pub fn path(&self, id: PartId) -> String {
        let mut names: Vec<&str> = self.upward(id).map(|(_, part)| part.name.as_str()).collect();
        names.reverse();
        names.join("/")
    }
}

/// One part.
#[derive(Clone, PartialEq, Debug)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// Its name, unique beside its brothers.
    pub name: String,
    /// What it is for.
    pub desc: String,
    /// The equipment's type code: `CBR`, `DIS`, `PTR`.
    pub code: String,
    /// What it is in.
    pub parent: Option<PartId>,
    /// What is in it.
    pub children: Vec<PartId>,
    /// The logical nodes that stand for it.
    pub nodes: Vec<LNode>,
    /// Where it is connected.
    pub terminals: Vec<Terminal>,
    /// Where things in it are connected.
    pub connectivity: Vec<ConnectivityNode>,
    /// Its nominal voltage.
    pub voltage: Option<Voltage>,
    /// Texts that tools left in its Privates.
    pub privates: Vec<PrivateText>,
    /// Its start tag.
    pub span: Span,
}

/// A link from the single line to a logical node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LNode {
    /// The device; `None` in a specification that names none yet.
    pub ied: Option<String>,
    /// Its logical device.
    pub device: String,
    /// The logical node.
    pub node: NodeName,
    /// Its start tag.
    pub span: Span,
}

/// One end of equipment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terminal {
    /// Its name.
    pub name: String,
    /// The path of the connectivity node: `AA1/J1/Bay A/L1`.
    pub path: String,
    /// The connectivity node's own name; `grounded` is earth.
    pub node: String,
    /// Its start tag.
    pub span: Span,
}

impl Terminal {
    /// Whether it is earth.
    #[must_use]
    pub fn is_grounded(&self) -> bool {
        self.node == "grounded"
    }
}

/// Where equipment meets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectivityNode {
    /// Its name.
    pub name: String,
    /// Its path as written.
    pub path: String,
    /// Its start tag.
    pub span: Span,
}

/// A nominal voltage.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Voltage {
    /// In volts.
    pub volts: f64,
}

/// A text in a `Private` of a part, or in a child of it: what `Private[TYPE]/NAME` selects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PrivateText {
    /// The Private's type.
    pub kind: String,
    /// The child's name; empty for the Private's own text.
    pub name: String,
    /// The text.
    pub text: String,
}
