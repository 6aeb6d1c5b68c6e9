//! The application service data unit of -104 (IEC 60870-5-101 clause 7): type 1, VSQ 1, COT 2, CA 2 and IOA 3 octets.
//!
//! [`AsduView`] is the wire: a checked header over borrowed octets. [`Asdu`] is the meaning of the types served now; it round-trips. What
//! moves a process is a type of its own, [`ControlAsdu`], and its encoder asks for a [`ControlPermit`].

use crate::apci::ASDU_MAX;
use crate::{Cause, ControlPermit, Cot, Cp56Time2a, Family, Malformed, Qoc, Qos, QualityBits, TypeId};

/// Octets of an object address.
pub(crate) const IOA: usize = 3;
/// The highest object address.
pub(crate) const IOA_MAX: u32 = 0x00FF_FFFF;
/// The broadcast common address.
pub(crate) const CA_BROADCAST: u16 = 0xFFFF;

/// An ASDU as received: header read, objects not yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AsduView<'a> {
    /// The type identification.
    pub type_id: TypeId,
    /// The number of objects or elements, 0 to 127.
    pub count: u8,
    /// SQ: one address, then consecutive elements.
    pub sequence: bool,
    /// The cause.
    pub cot: Cot,
    /// The common address.
    pub ca: u16,
    /// The octets behind the header.
    pub body: &'a [u8],
    /// All octets.
    pub octets: &'a [u8],
}

/// The objects of an ASDU, checked to fill it exactly.
#[derive(Clone, Copy, Debug)]
pub struct Objects<'a> {
    /// Address and element per object, or elements only with SQ.
    pub(crate) octets: &'a [u8],
    /// The first address with SQ.
    pub(crate) base: Option<u32>,
    /// Octets of one element.
    pub(crate) element: usize,
}

impl<'a> AsduView<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// If fewer than six octets are there.
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, Malformed> {
        let [type_id, vsq, cot, oa, ca_low, ca_high, body @ ..] = octets else {
            return Err(Malformed::Header(octets.len()));
        };
        Ok(Self {
            type_id: TypeId(*type_id),
            count: vsq & 0x7F,
            sequence: vsq & 0x80 != 0,
            cot: Cot::from_octets([*cot, *oa]),
            ca: u16::from_le_bytes([*ca_low, *ca_high]),
            body,
            octets,
        })
    }

    /// Checks that `count` objects with elements of `element` octets fill the body exactly, before anything is read (row 26).
    ///
    /// # Errors
    /// If they do not, or if consecutive addresses run beyond three octets.
    #[inline]
    pub fn objects(&self, element: usize) -> Result<Objects<'a>, Malformed> {
        let wrong = Malformed::Objects {
            type_id: self.type_id,
            count: self.count,
            each: element,
            sequence: self.sequence,
            octets: self.body.len(),
        };
        let count = usize::from(self.count);
        if !self.sequence {
            if self.body.len() != count * (IOA + element) {
                return Err(wrong);
            }
            return Ok(Objects { octets: self.body, base: None, element });
        }
        let [a, b, c, elements @ ..] = self.body else {
            return Err(wrong);
        };
        if elements.len() != count * element {
            return Err(wrong);
        }
        let base = u32::from_le_bytes([*a, *b, *c, 0]);
        if base + u32::from(self.count) > IOA_MAX + 1 {
            return Err(Malformed::AddressWrap);
        }
        Ok(Objects { octets: elements, base: Some(base), element })
    }

    /// The meaning, for the types served now; `None` for any other.
    ///
    /// # Errors
    /// If the objects do not fill the ASDU.
    pub fn meaning(&self) -> Result<Option<Asdu>, Malformed> {
        if let Some((family, tagged)) = self.type_id.family() {
            let Some(octets) = self.type_id.element_octets() else { return Ok(None) };
            let objects = self.objects(octets)?.map(|ioa, element| MonitorObject::read(family, tagged, ioa, element)).collect();
            return Ok(Some(Asdu::Monitor(MonitorAsdu {
                type_id: self.type_id,
                sequence: self.sequence,
                cot: self.cot,
                ca: self.ca,
                objects,
            })));
        }
        let Some(octets) = self.type_id.element_octets() else { return Ok(None) };
        if !is_single_object(self.type_id) {
            return Ok(None);
        }
        let objects = self.objects(octets)?;
        let Some((ioa, element)) = objects.map(|ioa, element| (ioa, element.to_vec())).next() else { return Ok(None) };
        if self.count != 1 || self.sequence {
            return Ok(None);
        }
        if let Some(element) = SystemElement::read(self.type_id, &element) {
            return Ok(Some(Asdu::System(SystemAsdu { cot: self.cot, ca: self.ca, ioa, element })));
        }
        Ok(ControlElement::read(self.type_id, &element)
            .map(|(element, time)| Asdu::Control(ControlAsdu { type_id: self.type_id, cot: self.cot, ca: self.ca, ioa, element, time })))
    }
}

const fn is_single_object(type_id: TypeId) -> bool {
    matches!(type_id.0, 45 | 46 | 50 | 58 | 63 | 70 | 100 | 103 | 107)
}

impl<'a> Objects<'a> {
    /// Every object as `(address, element octets)`.
    pub fn map<T: 'a>(self, mut read: impl FnMut(u32, &'a [u8]) -> T + 'a) -> impl Iterator<Item = T> + 'a {
        let stride = if self.base.is_some() { self.element } else { IOA + self.element };
        let mut next = self.base.unwrap_or(0);
        // An element of no octets would never end: types without elements carry one address and no sequence.
        self.octets.chunks_exact(stride.max(1)).map(move |chunk| match self.base {
            Some(_) => {
                let ioa = next;
                next += 1;
                read(ioa, chunk)
            }
            None => match chunk {
                [a, b, c, element @ ..] => read(u32::from_le_bytes([*a, *b, *c, 0]), element),
                _ => read(0, &[]),
            },
        })
    }
}

/// The meaning of one ASDU.
#[derive(Clone, PartialEq, Debug)]
pub enum Asdu {
    /// Process information in monitor direction.
    Monitor(MonitorAsdu),
    /// System information and commands that move no process.
    System(SystemAsdu),
    /// A command or set-point.
    Control(ControlAsdu),
}

/// Process information: types 1, 3, 13, 30, 31 and 36.
#[derive(Clone, PartialEq, Debug)]
pub struct MonitorAsdu {
    /// The type: decides what every object carries.
    pub type_id: TypeId,
    /// One address and consecutive elements.
    pub sequence: bool,
    /// The cause.
    pub cot: Cot,
    /// The common address.
    pub ca: u16,
    /// At most 127.
    pub objects: Vec<MonitorObject>,
}

/// One monitored value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MonitorObject {
    /// Its address, three octets.
    pub ioa: u32,
    /// Its value.
    pub element: MonitorElement,
    /// Its quality bits.
    pub quality: QualityBits,
    /// Its tag, in types 30, 31 and 36.
    pub time: Option<Cp56Time2a>,
}

/// A monitored value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum MonitorElement {
    /// SPI.
    Single(bool),
    /// DPI, two bits.
    Double(u8),
    /// R32.
    Float(f32),
}

impl MonitorObject {
    fn read(family: Family, tagged: bool, ioa: u32, element: &[u8]) -> Self {
        let (value, octet, rest) = match (family, element) {
            (Family::Single, [octet, rest @ ..]) => (MonitorElement::Single(octet & 1 != 0), *octet, rest),
            (Family::Double, [octet, rest @ ..]) => (MonitorElement::Double(octet & 3), *octet, rest),
            (Family::Float, [a, b, c, d, octet, rest @ ..]) => (MonitorElement::Float(f32::from_le_bytes([*a, *b, *c, *d])), *octet, rest),
            // The caller's sizes come from the type table, so no shorter element gets here.
            (Family::Single | Family::Double | Family::Float, _) => (MonitorElement::Single(false), QualityBits::IV, element),
        };
        let time = if tagged { <[u8; 7]>::try_from(rest).ok().map(Cp56Time2a) } else { None };
        Self { ioa, element: value, quality: QualityBits(octet & QualityBits::mask(family)), time }
    }

    /// Appends the element and its tag, without address.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        match self.element {
            MonitorElement::Single(on) => out.push(u8::from(on) | self.quality.0 & 0xF0),
            MonitorElement::Double(bits) => out.push(bits & 3 | self.quality.0 & 0xF0),
            MonitorElement::Float(value) => {
                out.extend_from_slice(&value.to_le_bytes());
                out.push(self.quality.0 & 0xF1);
            }
        }
        if let Some(time) = self.time {
            out.extend_from_slice(&time.0);
        }
    }
}

/// Appends a header; the VSQ octet is at index 1 behind `out`'s old end.
pub(crate) fn put_header(out: &mut Vec<u8>, type_id: TypeId, vsq: u8, cot: Cot, ca: u16) {
    let [cause, oa] = cot.octets();
    let [low, high] = ca.to_le_bytes();
    out.extend_from_slice(&[type_id.0, vsq, cause, oa, low, high]);
}

/// Appends an object address; a fourth octet is cut.
pub(crate) fn put_ioa(out: &mut Vec<u8>, ioa: u32) {
    let [a, b, c, _] = ioa.to_le_bytes();
    out.extend_from_slice(&[a, b, c]);
}

impl MonitorAsdu {
    /// Appends the octets. Objects that do not fit 249 octets or 127 are left out; gives how many were taken.
    pub fn encode(&self, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        put_header(out, self.type_id, 0, self.cot, self.ca);
        let mut taken = 0_u8;
        for object in &self.objects {
            let before = out.len();
            if !self.sequence || taken == 0 {
                put_ioa(out, object.ioa);
            }
            object.put(out);
            if out.len() - start > ASDU_MAX || taken == 127 {
                out.truncate(before);
                break;
            }
            taken += 1;
        }
        if let Some(vsq) = out.get_mut(start + 1) {
            *vsq = taken | u8::from(self.sequence) << 7;
        }
        usize::from(taken)
    }
}

/// System information: types 70, 100, 103 and 107.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SystemAsdu {
    /// The cause.
    pub cot: Cot,
    /// The common address.
    pub ca: u16,
    /// The object address, normally zero.
    pub ioa: u32,
    /// What.
    pub element: SystemElement,
}

/// What a system ASDU says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SystemElement {
    /// `M_EI_NA_1`: end of initialisation, with its cause (COI).
    EndOfInit(u8),
    /// `C_IC_NA_1`: interrogation, with its qualifier (QOI; 20 is the station).
    Interrogation(u8),
    /// `C_CS_NA_1`: clock synchronisation.
    ClockSync(Cp56Time2a),
    /// `C_TS_TA_1`: test command with its counter and time.
    Test(u16, Cp56Time2a),
}

impl SystemElement {
    /// The type.
    #[must_use]
    pub const fn type_id(self) -> TypeId {
        match self {
            Self::EndOfInit(_) => TypeId::M_EI_NA_1,
            Self::Interrogation(_) => TypeId::C_IC_NA_1,
            Self::ClockSync(_) => TypeId::C_CS_NA_1,
            Self::Test(..) => TypeId::C_TS_TA_1,
        }
    }

    fn read(type_id: TypeId, element: &[u8]) -> Option<Self> {
        match (type_id, element) {
            (TypeId::M_EI_NA_1, [coi]) => Some(Self::EndOfInit(*coi)),
            (TypeId::C_IC_NA_1, [qoi]) => Some(Self::Interrogation(*qoi)),
            (TypeId::C_CS_NA_1, time) => <[u8; 7]>::try_from(time).ok().map(|time| Self::ClockSync(Cp56Time2a(time))),
            (TypeId::C_TS_TA_1, [low, high, time @ ..]) => {
                <[u8; 7]>::try_from(time).ok().map(|time| Self::Test(u16::from_le_bytes([*low, *high]), Cp56Time2a(time)))
            }
            _ => None,
        }
    }
}

impl SystemAsdu {
    /// Appends the octets.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_header(out, self.element.type_id(), 1, self.cot, self.ca);
        put_ioa(out, self.ioa);
        match self.element {
            SystemElement::EndOfInit(octet) | SystemElement::Interrogation(octet) => out.push(octet),
            SystemElement::ClockSync(time) => out.extend_from_slice(&time.0),
            SystemElement::Test(counter, time) => {
                out.extend_from_slice(&counter.to_le_bytes());
                out.extend_from_slice(&time.0);
            }
        }
    }
}

/// A command: types 45, 46, 50, 58 and 63.
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
    /// The command's own time tag, in types 58 and 63.
    pub time: Option<Cp56Time2a>,
}

/// What a command wants.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ControlElement {
    /// SCO: off or on.
    Single(bool, Qoc),
    /// DCO, two bits: 1 off, 2 on; 0 and 3 are not permitted.
    Double(u8, Qoc),
    /// R32 set-point.
    SetFloat(f32, Qos),
}

impl ControlElement {
    /// Whether the S/E bit says select.
    #[must_use]
    pub const fn is_select(self) -> bool {
        match self {
            Self::Single(_, qoc) | Self::Double(_, qoc) => qoc.select,
            Self::SetFloat(_, qos) => qos.select,
        }
    }

    /// Same wish, whatever the S/E bit; values are compared bit by bit.
    #[must_use]
    pub fn same_wish(self, other: Self) -> bool {
        match (self, other) {
            (Self::Single(a, x), Self::Single(b, y)) => a == b && x.qu == y.qu,
            (Self::Double(a, x), Self::Double(b, y)) => a == b && x.qu == y.qu,
            (Self::SetFloat(a, x), Self::SetFloat(b, y)) => a.to_bits() == b.to_bits() && x.ql == y.ql,
            (Self::Single(..) | Self::Double(..) | Self::SetFloat(..), _) => false,
        }
    }

    fn read(type_id: TypeId, element: &[u8]) -> Option<(Self, Option<Cp56Time2a>)> {
        let (element, rest) = match (type_id, element) {
            (TypeId::C_SC_NA_1 | TypeId::C_SC_TA_1, [octet, rest @ ..]) => (Self::Single(octet & 1 != 0, Qoc::from_octet(*octet)), rest),
            (TypeId::C_DC_NA_1, [octet, rest @ ..]) => (Self::Double(octet & 3, Qoc::from_octet(*octet)), rest),
            (TypeId::C_SE_NC_1 | TypeId::C_SE_TC_1, [a, b, c, d, qos, rest @ ..]) => {
                (Self::SetFloat(f32::from_le_bytes([*a, *b, *c, *d]), Qos::from_octet(*qos)), rest)
            }
            _ => return None,
        };
        if rest.is_empty() {
            return Some((element, None));
        }
        <[u8; 7]>::try_from(rest).ok().map(|time| (element, Some(Cp56Time2a(time))))
    }
}

impl ControlAsdu {
    /// Appends the octets. Only who holds a [`ControlPermit`] can: a monitor-only link never does (delivery rule 6).
    pub fn encode(&self, _permit: &ControlPermit, out: &mut Vec<u8>) {
        put_header(out, self.type_id, 1, self.cot, self.ca);
        put_ioa(out, self.ioa);
        match self.element {
            ControlElement::Single(on, qoc) => out.push(u8::from(on) | qoc.bits()),
            ControlElement::Double(bits, qoc) => out.push(bits & 3 | qoc.bits()),
            ControlElement::SetFloat(value, qos) => {
                out.extend_from_slice(&value.to_le_bytes());
                out.push(qos.octet());
            }
        }
        if let Some(time) = self.time {
            out.extend_from_slice(&time.0);
        }
    }
}

/// Copies a received ASDU with another cause: the mirror of a confirmation (row 32). Cause, P/N change; T, originator, address and every
/// other octet stay as received.
pub(crate) fn mirror(received: &[u8], cause: Cause, negative: bool, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(received);
    if let Some(octet) = out.get_mut(start + 2) {
        *octet = *octet & 0x80 | cause.0 & 0x3F | u8::from(negative) << 6;
    }
}
