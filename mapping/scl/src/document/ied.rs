//! Devices (IEC 61850-6, 9.3).

use std::collections::BTreeMap;
use std::fmt;

use bridge_diag::Span;

use super::{DataSet, ExternalReference, GooseControl, LogControl, ReportControl, SampledValueControl, SettingControl, TelecontrolAddress};

/// One device.
#[derive(Clone, PartialEq, Debug)]
pub struct Ied {
    /// Its name; `TEMPLATE` in a description of a type of device.
    pub name: String,
    /// What it is for.
    pub desc: String,
    /// Its type.
    pub kind: String,
    /// Who made it.
    pub manufacturer: String,
    /// What it can do.
    pub services: Services,
    /// Its access points.
    pub access_points: Vec<AccessPoint>,
    /// Its start tag.
    pub span: Span,
}

/// What a device declares as its limits; `None` is not declared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Services {
    /// Data sets that may be configured.
    pub data_sets: Option<u32>,
    /// Members of one data set.
    pub data_set_members: Option<u32>,
    /// Report control blocks.
    pub reports: Option<u32>,
    /// GOOSE control blocks.
    pub goose: Option<u32>,
}

/// One way into a device.
#[derive(Clone, PartialEq, Debug)]
pub struct AccessPoint {
    /// Its name.
    pub name: String,
    /// What it can do, where it declares that apart from its device (edition 2.1).
    pub services: Services,
    /// What is served there.
    pub devices: Vec<LogicalDevice>,
    /// Another access point whose server answers here too.
    pub server_at: Option<String>,
    /// Logical nodes of a client, outside any server.
    pub clients: Vec<LogicalNode>,
    /// Its start tag.
    pub span: Span,
}

/// One logical device.
#[derive(Clone, PartialEq, Debug)]
pub struct LogicalDevice {
    /// Its instance, unique in the device.
    pub inst: String,
    /// Its own name, which then stands alone in references (functional naming).
    pub ld_name: Option<String>,
    /// What it is for.
    pub desc: String,
    /// Its logical nodes, LLN0 first if there is one.
    pub nodes: Vec<LogicalNode>,
    /// Its start tag.
    pub span: Span,
}

/// The three parts of a logical node's name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct NodeName {
    /// Its prefix; often empty.
    pub prefix: String,
    /// Its class: `XCBR`.
    pub class: String,
    /// Its instance; empty for LLN0.
    pub inst: String,
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.prefix, self.class, self.inst)
    }
}

/// One logical node.
#[derive(Clone, PartialEq, Debug)]
pub struct LogicalNode {
    /// Its name.
    pub name: NodeName,
    /// Its type's id.
    pub type_id: String,
    /// What it is for.
    pub desc: String,
    /// What is said of its data beyond the type, by path from the node: `Pos.ctlModel`.
    pub instances: BTreeMap<String, Instance>,
    /// Its data sets.
    pub data_sets: Vec<DataSet>,
    /// Its report control blocks.
    pub reports: Vec<ReportControl>,
    /// Its GOOSE control blocks (LLN0 only).
    pub goose: Vec<GooseControl>,
    /// Its sampled value control blocks (LLN0 only).
    pub sampled: Vec<SampledValueControl>,
    /// Its log control blocks.
    pub logs: Vec<LogControl>,
    /// The setting groups (LLN0 only).
    pub settings: Option<SettingControl>,
    /// Its inputs.
    pub inputs: Vec<ExternalReference>,
    /// Its start tag.
    pub span: Span,
}

/// What a DOI, SDI or DAI says.
#[derive(Clone, PartialEq, Debug)]
pub struct Instance {
    /// What it is for.
    pub desc: String,
    /// Its values; more than one if they differ by setting group.
    pub values: Vec<Value>,
    /// Its addresses on IEC 60870-5-101 or -104 (IEC TS 61850-80-1).
    pub addresses: Vec<TelecontrolAddress>,
    /// Whether it is an attribute (DAI).
    pub is_attribute: bool,
    /// Its start tag.
    pub span: Span,
}

/// One `Val`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Value {
    /// Its setting group.
    pub group: Option<u32>,
    /// The value as written.
    pub text: String,
    /// Its start tag.
    pub span: Span,
}
