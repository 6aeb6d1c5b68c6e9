//! The application service data unit of -104 (IEC 60870-5-101 clause 7): type 1, VSQ 1, COT 2, CA 2 and IOA 3 octets.
//!
//! [`AsduView`] is the wire: a checked header over borrowed octets. [`Asdu`] is the meaning; it round-trips. What moves a process or changes a
//! station are types of their own, [`ControlAsdu`] and [`ParameterAsdu`], and their encoders ask for a
//! [`ControlPermit`](crate::ControlPermit).

use crate::control::{ControlAsdu, ControlElement};
use crate::monitor::{MonitorAsdu, MonitorObject};
use crate::parameter::{ParameterAsdu, ParameterElement};
use crate::system::{SystemAsdu, SystemElement};
use crate::{Cause, Cot, Malformed, TypeId};

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

    /// The meaning; `None` for types without one here, and for a command or system type with several objects.
    ///
    /// # Errors
    /// If the objects do not fill the ASDU.
    pub fn meaning(&self) -> Result<Option<Asdu>, Malformed> {
        let Some(octets) = self.type_id.element_octets() else { return Ok(None) };
        let objects = self.objects(octets)?;
        if let Some((family, tag)) = self.type_id.family() {
            return Ok(objects.map(|ioa, element| MonitorObject::read(family, tag, ioa, element)).collect::<Option<_>>().map(|objects| {
                Asdu::Monitor(MonitorAsdu { type_id: self.type_id, sequence: self.sequence, cot: self.cot, ca: self.ca, objects })
            }));
        }
        if self.count != 1 || self.sequence {
            return Ok(None);
        }
        let (type_id, cot, ca) = (self.type_id, self.cot, self.ca);
        let read = move |ioa, element: &'a [u8]| {
            SystemElement::read(type_id, element)
                .map(|element| Asdu::System(SystemAsdu { cot, ca, ioa, element }))
                .or_else(|| {
                    ParameterElement::read(type_id, element).map(|element| Asdu::Parameter(ParameterAsdu { cot, ca, ioa, element }))
                })
                .or_else(|| {
                    ControlElement::read(type_id, element)
                        .map(|(element, time)| Asdu::Control(ControlAsdu { type_id, cot, ca, ioa, element, time }))
                })
        };
        Ok(objects.map(read).next().flatten())
    }
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
    /// Reset process and parameters.
    Parameter(ParameterAsdu),
    /// A command or set-point.
    Control(ControlAsdu),
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

/// Copies a received ASDU with another cause: the mirror of a confirmation (row 32). Cause, P/N change; T, originator, address and every
/// other octet stay as received.
pub(crate) fn mirror(received: &[u8], cause: Cause, negative: bool, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(received);
    if let Some(octet) = out.get_mut(start + 2) {
        *octet = *octet & 0x80 | cause.0 & 0x3F | u8::from(negative) << 6;
    }
}
