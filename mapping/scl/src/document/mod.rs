//! What a file says, as it says it: names are not resolved yet. [`crate::Model`] resolves them.

mod communication;
mod control_block;
mod ied;
mod single_line;
mod telecontrol;
mod templates;

use std::collections::BTreeMap;

use bridge_diag::Span;

pub use communication::{ConnectedAccessPoint, ControlBlockAddress, Parameter, SubNetwork};
pub use control_block::{
    ClientNode, DataSet, ExternalReference, Fcda, GooseControl, LogControl, OptionFields, ReportControl, SampledValueControl,
    SettingControl, TriggerOptions,
};
pub use ied::{AccessPoint, Ied, Instance, LogicalDevice, LogicalNode, NodeName, Services, Value};
pub use single_line::{ConnectivityNode, LNode, Part, PartId, PartKind, PrivateText, SingleLine, Terminal, Voltage};
pub use telecontrol::{Telecontrol, TelecontrolAddress};
pub use templates::{
    Attribute, BasicType, Count, DataAttributeType, DataObjectType, EnumType, Fc, LNodeType, Member, ObjectMember, Templates,
};

use crate::xml;

/// The edition of IEC 61850-6 a file is written in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Edition {
    /// Edition 1 (2003): no version on the root.
    Ed1,
    /// Edition 2 (2007, revisions A and B).
    Ed2,
    /// Edition 2.1 (2007B, release 4 and later).
    Ed21,
}

/// The file's own header.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// What names the project.
    pub id: String,
    /// Its version.
    pub version: String,
    /// Its revision.
    pub revision: String,
    /// The tool that wrote it.
    pub tool: String,
}

/// What is no part of the standard's model: counted, so that nobody thinks it was understood.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Aside {
    /// `Private` elements by their type.
    pub privates: BTreeMap<String, usize>,
    /// Elements of other namespaces by namespace.
    pub foreign: BTreeMap<String, usize>,
    /// Elements in the namespace of SCL that SCL does not have there, by name.
    pub unknown: BTreeMap<String, usize>,
}

impl Aside {
    pub(crate) fn count_private(&mut self, kind: &str, kinds: usize) {
        xml::count(&mut self.privates, kind, kinds);
    }

    pub(crate) fn count_foreign(&mut self, namespace: &str, kinds: usize) {
        xml::count(&mut self.foreign, namespace, kinds);
    }

    /// Whether it is the first of its name.
    pub(crate) fn count_unknown(&mut self, name: &str, kinds: usize) -> bool {
        xml::count(&mut self.unknown, name, kinds)
    }
}

/// One file.
#[derive(Clone, PartialEq, Debug)]
pub struct Scl {
    /// Its edition.
    pub edition: Edition,
    /// Version, revision and release as written: `2007B4`; empty in edition 1.
    pub version: String,
    /// Its header.
    pub header: Header,
    /// Substations, lines and processes.
    pub single_line: SingleLine,
    /// The networks.
    pub networks: Vec<SubNetwork>,
    /// The devices.
    pub ieds: Vec<Ied>,
    /// The types.
    pub templates: Templates,
    /// What was not understood.
    pub aside: Aside,
    /// The root's start tag.
    pub span: Span,
}
