//! Data sets, control blocks and inputs (IEC 61850-6, 9.3.7 to 9.3.13).

use bridge_diag::Span;

use super::{Fc, NodeName};

/// One data set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataSet {
    /// Its name.
    pub name: String,
    /// Its members in order.
    pub members: Vec<Fcda>,
    /// Its start tag.
    pub span: Span,
}

/// One member of a data set: functionally constrained data or a data attribute of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fcda {
    /// The logical device's instance.
    pub device: String,
    /// The logical node.
    pub node: NodeName,
    /// The data object, with sub-objects: `A.phsA`; empty stands for the whole node.
    pub object: String,
    /// The data attribute: `cVal.mag.f`; empty stands for all of the constraint.
    pub attribute: String,
    /// The functional constraint.
    pub fc: Option<Fc>,
    /// The element of an array.
    pub index: Option<u32>,
    /// Its start tag.
    pub span: Span,
}

impl Fcda {
    /// Its path in the node: `A.phsA.cVal.mag.f`.
    #[must_use]
    pub fn path(&self) -> String {
        match (self.object.as_str(), self.attribute.as_str()) {
            (object, "") => object.to_owned(),
            (object, attribute) => format!("{object}.{attribute}"),
        }
    }
}

/// When a report or a log entry is made (IEC 61850-7-2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TriggerOptions {
    /// A value changed.
    pub dchg: bool,
    /// A quality changed.
    pub qchg: bool,
    /// A value was written again.
    pub dupd: bool,
    /// By the clock (`period`).
    pub integrity: bool,
    /// On request.
    pub gi: bool,
}

/// What a report carries beside values.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OptionFields {
    /// Sequence number.
    pub seq_num: bool,
    /// Time of the report.
    pub time_stamp: bool,
    /// The data set's name.
    pub data_set: bool,
    /// Why each member is in.
    pub reason_code: bool,
    /// The reference of each member.
    pub data_ref: bool,
    /// The entry's id, for resuming (buffered only).
    pub entry_id: bool,
    /// The configuration's revision.
    pub config_ref: bool,
    /// Whether entries were lost (buffered only).
    pub buf_ovfl: bool,
}

/// A client a report control block is kept for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientNode {
    /// The client.
    pub ied: String,
    /// Its access point.
    pub access_point: String,
    /// Its logical device.
    pub device: String,
    /// Its logical node.
    pub node: NodeName,
}

/// One report control block, or an indexed family of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReportControl {
    /// Its name, without index.
    pub name: String,
    /// Its data set, in the same logical node.
    pub data_set: Option<String>,
    /// The report's id; empty stands for the control block's reference.
    pub report_id: String,
    /// The configuration's revision.
    pub conf_rev: u32,
    /// Buffered (BRCB) or not (URCB).
    pub buffered: bool,
    /// How long changes are gathered, ms.
    pub buffer_time_ms: u32,
    /// Period of integrity reports, ms; 0 is never.
    pub integrity_period_ms: u32,
    /// Whether each client has an instance of its own, `name01` to `name99`.
    pub indexed: bool,
    /// How many clients there may be.
    pub max_clients: u32,
    /// The clients that are named.
    pub clients: Vec<ClientNode>,
    /// When.
    pub triggers: TriggerOptions,
    /// What.
    pub options: OptionFields,
    /// Its start tag.
    pub span: Span,
}

impl ReportControl {
    /// The names of its instances on the wire, at most 99.
    #[must_use]
    pub fn instances(&self) -> Vec<String> {
        if self.indexed {
            (1..=self.max_clients.clamp(1, 99)).map(|index| format!("{}{index:02}", self.name)).collect()
        } else {
            vec![self.name.clone()]
        }
    }
}

/// One GOOSE control block (`GSEControl`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GooseControl {
    /// Its name.
    pub name: String,
    /// Its data set.
    pub data_set: Option<String>,
    /// The message's id.
    pub app_id: String,
    /// The configuration's revision.
    pub conf_rev: u32,
    /// GOOSE, and not the retired GSSE.
    pub is_goose: bool,
    /// Who listens.
    pub subscribers: Vec<String>,
    /// Its start tag.
    pub span: Span,
}

/// One sampled value control block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SampledValueControl {
    /// Its name.
    pub name: String,
    /// Its data set.
    pub data_set: Option<String>,
    /// The stream's id.
    pub smv_id: String,
    /// The configuration's revision.
    pub conf_rev: u32,
    /// Samples, per period or per second.
    pub sample_rate: u32,
    /// Samples in one message.
    pub asdus: u32,
    /// Its start tag.
    pub span: Span,
}

/// One log control block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogControl {
    /// Its name.
    pub name: String,
    /// Its data set.
    pub data_set: Option<String>,
    /// The log it writes to.
    pub log: String,
    /// Whether it writes from the start.
    pub enabled: bool,
    /// Period of integrity entries, ms; 0 is never.
    pub integrity_period_ms: u32,
    /// When.
    pub triggers: TriggerOptions,
    /// Its start tag.
    pub span: Span,
}

/// The setting groups of a logical device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SettingControl {
    /// How many groups.
    pub groups: u32,
    /// The active one, from 1.
    pub active: u32,
    /// Its start tag.
    pub span: Span,
}

/// One input from another device (`ExtRef`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExternalReference {
    /// The source; empty while not bound, `@` for the same device.
    pub ied: String,
    /// Its logical device.
    pub device: String,
    /// Its logical node.
    pub node: NodeName,
    /// Its data object.
    pub object: String,
    /// Its data attribute; empty stands for the whole object.
    pub attribute: String,
    /// How it comes: `GOOSE`, `SMV`, `Report`, `Poll`.
    pub service: String,
    /// The control block it comes with.
    pub control_block: String,
    /// What it is bound to inside the device.
    pub internal_address: String,
    /// Its start tag.
    pub span: Span,
}
