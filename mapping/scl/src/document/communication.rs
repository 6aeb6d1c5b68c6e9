//! The Communication section (IEC 61850-6, 9.4).

use bridge_diag::Span;

/// One network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SubNetwork {
    /// Its name.
    pub name: String,
    /// What is spoken on it: `8-MMS`, `104`.
    pub protocol: String,
    /// Who is on it.
    pub access_points: Vec<ConnectedAccessPoint>,
    /// Its start tag.
    pub span: Span,
}

/// One access point on a network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectedAccessPoint {
    /// The device.
    pub ied: String,
    /// Its access point.
    pub access_point: String,
    /// Its address: `IP`, `OSI-TSEL`, …
    pub address: Vec<Parameter>,
    /// Addresses of its GOOSE control blocks.
    pub goose: Vec<ControlBlockAddress>,
    /// Addresses of its sampled value control blocks.
    pub sampled: Vec<ControlBlockAddress>,
    /// Its start tag.
    pub span: Span,
}

impl ConnectedAccessPoint {
    /// The value of an address parameter: `IP`.
    #[must_use]
    pub fn parameter(&self, kind: &str) -> Option<&str> {
        self.address.iter().find(|parameter| parameter.kind == kind).map(|parameter| parameter.value.as_str())
    }
}

/// One `P` of an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parameter {
    /// Its type.
    pub kind: String,
    /// Its value.
    pub value: String,
    /// Its start tag.
    pub span: Span,
}

/// Where a GOOSE or sampled value message goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ControlBlockAddress {
    /// The logical device of the control block.
    pub device: String,
    /// Its name.
    pub control_block: String,
    /// `MAC-Address`, `APPID`, `VLAN-ID`, `VLAN-PRIORITY`.
    pub address: Vec<Parameter>,
    /// Its start tag.
    pub span: Span,
}
