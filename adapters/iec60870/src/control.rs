//! Commands and set-points (IEC 60870-5-101 clause 7.3.2): types 45 to 51 and 58 to 64.

use crate::{ControlPermit, Cot, Cp56Time2a, Layout, Qoc, Qos, TypeId, Unfit};

/// One command.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ControlAsdu {
    /// The type.
    pub type_id: TypeId,
    /// The cause.
    pub cot: Cot,
    /// The common address.
    pub ca: u16,
    /// The object address.
    pub ioa: u32,
    /// What.
    pub element: ControlElement,
    /// The command's own time tag, in types 58 to 64.
    pub time: Option<Cp56Time2a>,
}

/// What a command wants.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ControlElement {
    /// SCO: off or on.
    Single(bool, Qoc),
    /// DCO, two bits: 1 off, 2 on; 0 and 3 are not permitted.
    Double(u8, Qoc),
    /// RCO, two bits: 1 next step lower, 2 next step higher; 0 and 3 are not permitted.
    Step(u8, Qoc),
    /// NVA set-point: 2⁻¹⁵ of full scale.
    SetNormalised(i16, Qos),
    /// SVA set-point.
    SetScaled(i16, Qos),
    /// R32 set-point.
    SetFloat(f32, Qos),
    /// BSI: 32 bits. It has no qualifier, so it cannot be selected.
    SetBits(u32),
}

/// What kind of command an address takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ControlKind {
    /// Types 45 and 58.
    Single,
    /// Types 46 and 59.
    Double,
    /// Types 47 and 60.
    Step,
    /// Types 48 and 61.
    SetNormalised,
    /// Types 49 and 62.
    SetScaled,
    /// Types 50 and 63.
    SetFloat,
    /// Types 51 and 64.
    SetBits,
}

impl ControlKind {
    /// The kind of a control type and whether it carries a time tag.
    #[must_use]
    pub const fn of(type_id: TypeId) -> Option<(Self, bool)> {
        let (number, tagged) = match type_id.0 {
            number @ 45..=51 => (number, false),
            number @ 58..=64 => (number - 13, true),
            _ => return None,
        };
        let kind = match number {
            45 => Self::Single,
            46 => Self::Double,
            47 => Self::Step,
            48 => Self::SetNormalised,
            49 => Self::SetScaled,
            50 => Self::SetFloat,
            _ => Self::SetBits,
        };
        Some((kind, tagged))
    }

    /// Whether it sets a value rather than switching.
    #[must_use]
    pub const fn is_setpoint(self) -> bool {
        matches!(self, Self::SetNormalised | Self::SetScaled | Self::SetFloat | Self::SetBits)
    }

    /// Whether it can be selected: a bitstring has no S/E bit.
    #[must_use]
    pub const fn is_selectable(self) -> bool {
        !matches!(self, Self::SetBits)
    }
}

impl ControlElement {
    /// Whether the S/E bit says select.
    #[must_use]
    pub const fn is_select(self) -> bool {
        match self {
            Self::Single(_, qoc) | Self::Double(_, qoc) | Self::Step(_, qoc) => qoc.select,
            Self::SetNormalised(_, qos) | Self::SetScaled(_, qos) | Self::SetFloat(_, qos) => qos.select,
            Self::SetBits(_) => false,
        }
    }

    /// The same with another S/E bit.
    #[must_use]
    pub const fn with_select(self, select: bool) -> Self {
        match self {
            Self::Single(on, Qoc { qu, .. }) => Self::Single(on, Qoc { qu, select }),
            Self::Double(bits, Qoc { qu, .. }) => Self::Double(bits, Qoc { qu, select }),
            Self::Step(bits, Qoc { qu, .. }) => Self::Step(bits, Qoc { qu, select }),
            Self::SetNormalised(value, Qos { ql, .. }) => Self::SetNormalised(value, Qos { ql, select }),
            Self::SetScaled(value, Qos { ql, .. }) => Self::SetScaled(value, Qos { ql, select }),
            Self::SetFloat(value, Qos { ql, .. }) => Self::SetFloat(value, Qos { ql, select }),
            Self::SetBits(bits) => Self::SetBits(bits),
        }
    }

    /// Same wish, whatever the S/E bit; values are compared bit by bit.
    #[must_use]
    pub fn same_wish(self, other: Self) -> bool {
        match (self, other) {
            (Self::Single(a, x), Self::Single(b, y)) => a == b && x.qu == y.qu,
            (Self::Double(a, x), Self::Double(b, y)) | (Self::Step(a, x), Self::Step(b, y)) => a == b && x.qu == y.qu,
            (Self::SetNormalised(a, x), Self::SetNormalised(b, y)) | (Self::SetScaled(a, x), Self::SetScaled(b, y)) => {
                a == b && x.ql == y.ql
            }
            (Self::SetFloat(a, x), Self::SetFloat(b, y)) => a.to_bits() == b.to_bits() && x.ql == y.ql,
            (Self::SetBits(a), Self::SetBits(b)) => a == b,
            (
                Self::Single(..)
                | Self::Double(..)
                | Self::Step(..)
                | Self::SetNormalised(..)
                | Self::SetScaled(..)
                | Self::SetFloat(..)
                | Self::SetBits(_),
                _,
            ) => false,
        }
    }

    pub(crate) fn read(type_id: TypeId, octets: &[u8]) -> Option<(Self, Option<Cp56Time2a>)> {
        let (kind, tagged) = ControlKind::of(type_id)?;
        let (element, rest) = match (kind, octets) {
            (ControlKind::Single, [sco, rest @ ..]) => (Self::Single(sco & 1 != 0, Qoc::from_octet(*sco)), rest),
            (ControlKind::Double, [dco, rest @ ..]) => (Self::Double(dco & 3, Qoc::from_octet(*dco)), rest),
            (ControlKind::Step, [rco, rest @ ..]) => (Self::Step(rco & 3, Qoc::from_octet(*rco)), rest),
            (ControlKind::SetNormalised, [a, b, qos, rest @ ..]) => {
                (Self::SetNormalised(i16::from_le_bytes([*a, *b]), Qos::from_octet(*qos)), rest)
            }
            (ControlKind::SetScaled, [a, b, qos, rest @ ..]) => {
                (Self::SetScaled(i16::from_le_bytes([*a, *b]), Qos::from_octet(*qos)), rest)
            }
            (ControlKind::SetFloat, [a, b, c, d, qos, rest @ ..]) => {
                (Self::SetFloat(f32::from_le_bytes([*a, *b, *c, *d]), Qos::from_octet(*qos)), rest)
            }
            (ControlKind::SetBits, [a, b, c, d, rest @ ..]) => (Self::SetBits(u32::from_le_bytes([*a, *b, *c, *d])), rest),
            _ => return None,
        };
        match (tagged, rest) {
            (false, []) => Some((element, None)),
            (false, _) => None,
            (true, time) => time.try_into().ok().map(|time| (element, Some(Cp56Time2a(time)))),
        }
    }
}

impl ControlAsdu {
    /// Appends the octets. Only who holds a [`ControlPermit`] can: a monitor-only link never does (delivery rule 6).
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
        layout.put_header(out, self.type_id, 1, self.cot, self.ca);
        layout.put_ioa(out, self.ioa);
        match self.element {
            ControlElement::Single(on, qoc) => out.push(u8::from(on) | qoc.bits()),
            ControlElement::Double(bits, qoc) | ControlElement::Step(bits, qoc) => out.push(bits & 3 | qoc.bits()),
            ControlElement::SetNormalised(value, qos) | ControlElement::SetScaled(value, qos) => {
                out.extend_from_slice(&value.to_le_bytes());
                out.push(qos.octet());
            }
            ControlElement::SetFloat(value, qos) => {
                out.extend_from_slice(&value.to_le_bytes());
                out.push(qos.octet());
            }
            ControlElement::SetBits(bits) => out.extend_from_slice(&bits.to_le_bytes()),
        }
        if let Some(time) = self.time {
            out.extend_from_slice(&time.0);
        }
    }
}
