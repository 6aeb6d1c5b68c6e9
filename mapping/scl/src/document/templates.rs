//! The types (IEC 61850-6, 9.5).

use std::collections::BTreeMap;
use std::sync::Arc;

use bridge_diag::Span;

use super::Value;
use crate::words::words;

words! {
    /// A functional constraint (IEC 61850-7-2).
    pub enum Fc {
        /// Status.
        St = "ST",
        /// Measurands.
        Mx = "MX",
        /// Set-points.
        Sp = "SP",
        /// Substitution.
        Sv = "SV",
        /// Configuration.
        Cf = "CF",
        /// Description.
        Dc = "DC",
        /// Setting group, the active one.
        Sg = "SG",
        /// Setting group, the one being edited.
        Se = "SE",
        /// Service response.
        Sr = "SR",
        /// Operate received.
        Or = "OR",
        /// Blocking.
        Bl = "BL",
        /// Extended definition.
        Ex = "EX",
        /// Control.
        Co = "CO",
        /// Unicast sampled values.
        Us = "US",
        /// Multicast sampled values.
        Ms = "MS",
        /// Unbuffered reports.
        Rp = "RP",
        /// Buffered reports.
        Br = "BR",
        /// Logs.
        Lg = "LG",
        /// GOOSE.
        Go = "GO",
        /// GSSE.
        Gs = "GS",
    }
}

words! {
    /// A basic type (IEC 61850-6, 9.5.4; IEC 61850-7-2).
    #[allow(missing_docs, reason = "the words say it")]
    pub enum BasicType {
        Boolean = "BOOLEAN", Int8 = "INT8", Int16 = "INT16", Int24 = "INT24", Int32 = "INT32", Int64 = "INT64", Int128 = "INT128",
        Int8U = "INT8U", Int16U = "INT16U", Int24U = "INT24U", Int32U = "INT32U", Int64U = "INT64U", Float32 = "FLOAT32", Float64 = "FLOAT64",
        Enum = "Enum", Dbpos = "Dbpos", Tcmd = "Tcmd", Quality = "Quality", Timestamp = "Timestamp", VisString32 = "VisString32",
        VisString64 = "VisString64", VisString65 = "VisString65", VisString129 = "VisString129", VisString255 = "VisString255",
        Octet6 = "Octet6", Octet16 = "Octet16", Octet64 = "Octet64", Struct = "Struct", EntryTime = "EntryTime", Unicode255 = "Unicode255",
        Check = "Check", ObjRef = "ObjRef", Currency = "Currency", PhyComAddr = "PhyComAddr", TrgOps = "TrgOps", OptFlds = "OptFlds",
        SvOptFlds = "SvOptFlds", LogOptFlds = "LogOptFlds", EntryId = "EntryID",
    }
}

/// Every type of a file, by id.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Templates {
    /// Logical node types; one id may stand for several classes.
    pub nodes: BTreeMap<String, Vec<LNodeType>>,
    /// Data object types.
    pub objects: BTreeMap<String, DataObjectType>,
    /// Structures of attributes.
    pub attributes: BTreeMap<String, DataAttributeType>,
    /// Enumerations.
    pub enums: BTreeMap<String, EnumType>,
}

impl Templates {
    /// The logical node type of an id, for a class if there is one for it.
    #[must_use]
    pub fn node(&self, id: &str, class: &str) -> Option<&LNodeType> {
        let types = self.nodes.get(id)?;
        types.iter().find(|kind| kind.class == class).or_else(|| types.first())
    }
}

/// A type of logical node.
#[derive(Clone, PartialEq, Debug)]
pub struct LNodeType {
    /// Its id.
    pub id: String,
    /// The class of its nodes.
    pub class: String,
    /// Its data objects.
    pub objects: Vec<ObjectMember>,
    /// Its start tag.
    pub span: Span,
}

/// A DO of a node type or an SDO of an object type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObjectMember {
    /// Its name.
    pub name: String,
    /// Its type.
    pub type_id: String,
    /// What it is for.
    pub desc: String,
    /// Whether it is true for moments only.
    pub transient: bool,
    /// Whether it is an array.
    pub count: Option<Count>,
    /// Its start tag.
    pub span: Span,
}

/// A type of data object.
#[derive(Clone, PartialEq, Debug)]
pub struct DataObjectType {
    /// Its common data class: `DPC`.
    pub cdc: String,
    /// Its members in order.
    pub members: Vec<Member>,
    /// Its start tag.
    pub span: Span,
}

/// A member of a data object type.
#[derive(Clone, PartialEq, Debug)]
pub enum Member {
    /// A sub-object.
    Object(ObjectMember),
    /// An attribute.
    Attribute(Attribute),
}

/// A DA of an object type or a BDA of a structure.
#[derive(Clone, PartialEq, Debug)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Its functional constraint; `None` for members of structures, and for a word that is none.
    pub fc: Option<Fc>,
    /// Its basic type; `None` for a word that is none.
    pub basic: Option<BasicType>,
    /// The structure's or the enumeration's id.
    pub type_id: String,
    /// Whether it is an array.
    pub count: Option<Count>,
    /// A change of it can trigger.
    pub dchg: bool,
    /// A change of it, being a quality, can trigger.
    pub qchg: bool,
    /// An update of it can trigger.
    pub dupd: bool,
    /// Its values where an instance says nothing.
    pub values: Arc<[Value]>,
    /// Its start tag.
    pub span: Span,
}

/// How many elements an array has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Count {
    /// So many.
    Fixed(u32),
    /// As many as the attribute of this name says.
    Named(String),
}

/// A structure of attributes.
#[derive(Clone, PartialEq, Debug)]
pub struct DataAttributeType {
    /// Its members in order.
    pub members: Vec<Attribute>,
    /// Its start tag.
    pub span: Span,
}

/// An enumeration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnumType {
    /// Ordinals and words.
    pub values: Vec<(i32, String)>,
    /// Its start tag.
    pub span: Span,
}

impl EnumType {
    /// The ordinal of a word, or of an ordinal written as a number.
    #[must_use]
    pub fn ordinal(&self, text: &str) -> Option<i32> {
        let by_word = self.values.iter().find(|(_, word)| word == text).map(|(ordinal, _)| *ordinal);
        by_word.or_else(|| text.parse().ok().filter(|ordinal| self.values.iter().any(|(known, _)| known == ordinal)))
    }

    /// The word of an ordinal.
    #[must_use]
    pub fn word(&self, ordinal: i32) -> Option<&str> {
        self.values.iter().find(|(known, _)| *known == ordinal).map(|(_, word)| word.as_str())
    }
}
