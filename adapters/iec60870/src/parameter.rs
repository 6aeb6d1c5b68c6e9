//! What changes a station without moving its plant (IEC 60870-5-101 clauses 7.3.4.6 and 7.3.5): reset process and parameters, types 105
//! and 110 to 113. Like commands they are encoded only with a [`ControlPermit`] (delivery rule 6).

use crate::{ControlPermit, Cot, Layout, Qpm, TypeId, Unfit};

/// One ASDU that changes a station.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ParameterAsdu {
    /// The cause.
    pub cot: Cot,
    /// The common address.
    pub ca: u16,
    /// The object address: of the measurand; zero for a reset and for the activation of all parameters.
    pub ioa: u32,
    /// What.
    pub element: ParameterElement,
}

/// What a parameter ASDU says.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ParameterElement {
    /// `C_RP_NA_1`: reset process (QRP: 1 general, 2 events with time tag that wait).
    Reset(u8),
    /// `P_ME_NA_1`: a normalised value.
    Normalised(i16, Qpm),
    /// `P_ME_NB_1`: a scaled value.
    Scaled(i16, Qpm),
    /// `P_ME_NC_1`: a short float.
    Float(f32, Qpm),
    /// `P_AC_NA_1`: activation (QPA: 1 all loaded parameters, 2 those of the object, 3 cyclic transmission of the object).
    Activation(u8),
}

impl ParameterElement {
    /// The type.
    #[must_use]
    pub const fn type_id(self) -> TypeId {
        match self {
            Self::Reset(_) => TypeId::C_RP_NA_1,
            Self::Normalised(..) => TypeId::P_ME_NA_1,
            Self::Scaled(..) => TypeId::P_ME_NB_1,
            Self::Float(..) => TypeId::P_ME_NC_1,
            Self::Activation(_) => TypeId::P_AC_NA_1,
        }
    }

    pub(crate) fn read(type_id: TypeId, element: &[u8]) -> Option<Self> {
        match (type_id, element) {
            (TypeId::C_RP_NA_1, [qrp]) => Some(Self::Reset(*qrp)),
            (TypeId::P_ME_NA_1, [a, b, qpm]) => Some(Self::Normalised(i16::from_le_bytes([*a, *b]), Qpm::from_octet(*qpm))),
            (TypeId::P_ME_NB_1, [a, b, qpm]) => Some(Self::Scaled(i16::from_le_bytes([*a, *b]), Qpm::from_octet(*qpm))),
            (TypeId::P_ME_NC_1, [a, b, c, d, qpm]) => Some(Self::Float(f32::from_le_bytes([*a, *b, *c, *d]), Qpm::from_octet(*qpm))),
            (TypeId::P_AC_NA_1, [qpa]) => Some(Self::Activation(*qpa)),
            _ => None,
        }
    }
}

impl ParameterAsdu {
    /// Appends the octets. Only who holds a [`ControlPermit`] can: a monitor-only link never does.
    pub fn encode(&self, _permit: &ControlPermit, out: &mut Vec<u8>) {
        self.put(Layout::IEC104, out);
    }

    /// The same in the sizes of another system (row 25).
    ///
    /// # Errors
    /// If an address or the originator has no place in them.
    pub fn encode_as(&self, layout: Layout, _permit: &ControlPermit, out: &mut Vec<u8>) -> Result<(), Unfit> {
        layout.fits(self.cot, self.ca, [self.ioa])?;
        self.put(layout, out);
        Ok(())
    }

    fn put(&self, layout: Layout, out: &mut Vec<u8>) {
        layout.put_header(out, self.element.type_id(), 1, self.cot, self.ca);
        layout.put_ioa(out, self.ioa);
        match self.element {
            ParameterElement::Reset(octet) | ParameterElement::Activation(octet) => out.push(octet),
            ParameterElement::Normalised(value, qpm) | ParameterElement::Scaled(value, qpm) => {
                out.extend_from_slice(&value.to_le_bytes());
                out.push(qpm.octet());
            }
            ParameterElement::Float(value, qpm) => {
                out.extend_from_slice(&value.to_le_bytes());
                out.push(qpm.octet());
            }
        }
    }
}
