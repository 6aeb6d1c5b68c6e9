//! Addresses on IEC 60870-5-101 and -104 that a file carries in Privates (IEC TS 61850-80-1).

use bridge_diag::Span;

/// Which of the two protocols.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Telecontrol {
    /// Serial, `Private type="IEC_60870_5_101"`.
    Iec101,
    /// TCP, `Private type="IEC_60870_5_104"`.
    Iec104,
}

impl Telecontrol {
    /// The protocol of a Private's type.
    #[must_use]
    pub fn of_private(kind: &str) -> Option<Self> {
        match kind.replace('-', "_").as_str() {
            "IEC_60870_5_101" => Some(Self::Iec101),
            "IEC_60870_5_104" => Some(Self::Iec104),
            _ => None,
        }
    }

    /// `101`, `104`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Iec101 => "101",
            Self::Iec104 => "104",
        }
    }
}

/// One `Address`.
#[derive(Clone, PartialEq, Debug)]
pub struct TelecontrolAddress {
    /// The protocol.
    pub protocol: Telecontrol,
    /// The common address of ASDUs, 1 to 65535.
    pub common_address: u16,
    /// The information object address, 1 to 16777215.
    pub object_address: u32,
    /// The type identification, 1 to 127.
    pub type_id: u8,
    /// The value of the attribute that this object says true for: one state of several.
    pub expected_value: Option<i64>,
    /// Whether true on the wire is false in the model.
    pub inverted: bool,
    /// The check that this object of a command asks for: `interlocking`, `synchrocheck`.
    pub check: Option<String>,
    /// The power of ten of the unit on the wire, as SCL writes it: `k`.
    pub unit_multiplier: Option<String>,
    /// Model value = wire value × this + offset.
    pub scale_multiplier: Option<f64>,
    /// Model value = wire value × multiplier + this.
    pub scale_offset: Option<f64>,
    /// Attributes of other tools, as written.
    pub others: Vec<(String, String)>,
    /// Its start tag.
    pub span: Span,
}

impl TelecontrolAddress {
    /// Whether its type runs from the controlling to the controlled station (IEC 60870-5-101, 7.3.2: types 45 to 69 and above 99).
    #[must_use]
    pub const fn is_command(&self) -> bool {
        matches!(self.type_id, 45..=69 | 100..=127)
    }
}
