//! The application service data unit (IEC 60870-5-101 clause 7). The sizes of cause and addresses are a [`Layout`]: those of -104 where
//! none is named.
//!
//! [`AsduView`] is the wire: a checked header over borrowed octets. [`Asdu`] is the meaning; it round-trips. What moves a process or changes a
//! station are types of their own, [`ControlAsdu`] and [`ParameterAsdu`], and their encoders ask for a
//! [`ControlPermit`](crate::ControlPermit).

use crate::control::{ControlAsdu, ControlElement};
use crate::monitor::{MonitorAsdu, MonitorObject};
use crate::parameter::{ParameterAsdu, ParameterElement};
use crate::system::{SystemAsdu, SystemElement};
use crate::{Cause, Cot, Layout, Malformed, TypeId};

/// The highest object address of -104.
pub(crate) const IOA_MAX: u32 = Layout::IEC104.ioa_max();
/// The broadcast common address of -104.
pub(crate) const CA_BROADCAST: u16 = Layout::IEC104.broadcast();

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
    /// The sizes it was read with.
    pub layout: Layout,
}

/// The objects of an ASDU, checked to fill it exactly.
#[derive(Clone, Copy, Debug)]
pub struct Objects<'a> {
    /// Address and element per object, or elements only with SQ.
    pub(crate) octets: &'a [u8],
    /// The first address with SQ.
    pub(crate) base: Option<u32>,
    /// The size of an address without SQ.
    pub(crate) layout: Layout,
    /// Octets of one element.
    pub(crate) element: usize,
}

impl<'a> AsduView<'a> {
    /// Reads the header of -104.
    ///
    /// # Errors
    /// If fewer than six octets are there.
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, Malformed> {
        Self::parse_as(octets, Layout::IEC104)
    }

    /// Reads the header of a system with these sizes (row 25).
    ///
    /// # Errors
    /// If fewer than [`Layout::header_octets`] are there.
    #[inline]
    pub fn parse_as(octets: &'a [u8], layout: Layout) -> Result<Self, Malformed> {
        Self::header(octets, layout).ok_or(Malformed::Header(octets.len()))
    }

    #[inline]
    fn header(octets: &'a [u8], layout: Layout) -> Option<Self> {
        let [type_id, vsq, rest @ ..] = octets else { return None };
        let (cot, rest) = layout.split_cot(rest)?;
        let (ca, body) = layout.split_ca(rest)?;
        Some(Self { type_id: TypeId(*type_id), count: vsq & 0x7F, sequence: vsq & 0x80 != 0, cot, ca, body, octets, layout })
    }

    /// Checks that `count` objects with elements of `element` octets fill the body exactly, before anything is read (row 26).
    ///
    /// # Errors
    /// If they do not, or if consecutive addresses run beyond the last one.
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
            if self.body.len() != count * (self.layout.ioa_octets() + element) {
                return Err(wrong);
            }
            return Ok(Objects { octets: self.body, base: None, layout: self.layout, element });
        }
        let Some((base, elements)) = self.layout.split_ioa(self.body) else {
            return Err(wrong);
        };
        if elements.len() != count * element {
            return Err(wrong);
        }
        let last = self.layout.ioa_max();
        if base + u32::from(self.count) > last + 1 {
            return Err(Malformed::AddressWrap { last });
        }
        Ok(Objects { octets: elements, base: Some(base), layout: self.layout, element })
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
        let stride = if self.base.is_some() { self.element } else { self.layout.ioa_octets() + self.element };
        let mut next = self.base.unwrap_or(0);
        // An element of no octets would never end: types without elements carry one address and no sequence.
        self.octets.chunks_exact(stride.max(1)).map(move |chunk| match self.base {
            Some(_) => {
                let ioa = next;
                next += 1;
                read(ioa, chunk)
            }
            // A chunk has an address: its length says so.
            None => {
                let (ioa, element) = self.layout.split_ioa(chunk).unwrap_or((0, &[]));
                read(ioa, element)
            }
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

/// Copies a received ASDU of any layout with another cause: the mirror of a confirmation (row 32). Cause, P/N change; T, originator, address and every
/// other octet stay as received.
pub(crate) fn mirror(received: &[u8], cause: Cause, negative: bool, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(received);
    if let Some(octet) = out.get_mut(start + 2) {
        *octet = *octet & 0x80 | cause.0 & 0x3F | u8::from(negative) << 6;
    }
}
