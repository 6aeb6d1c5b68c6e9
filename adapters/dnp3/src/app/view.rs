//! The checked view of a fragment.
//!
//! Nothing here can panic on octets: every read is a checked split, and every count is compared with the octets that are left before an
//! object is looked at, in 64 bits.

use crate::app::{AppControl, FragmentError, Function, Iin, ObjectHeader, Objects, Qualifier};
use crate::objects::{Lookup, Size, lookup};

/// A fragment whose own header is whole. Its object headers are checked as they are walked.
#[derive(Clone, Copy, Debug)]
pub struct FragmentView<'a> {
    /// Place, confirmation and sequence.
    pub control: AppControl,
    /// The function.
    pub function: Function,
    /// The indications of a response; zero in a request.
    pub iin: Iin,
    /// What is behind the fragment's header.
    pub body: &'a [u8],
}

impl<'a> FragmentView<'a> {
    /// The control and function octets of any fragment, so that one of unknown function can be answered.
    #[must_use]
    pub fn opening(octets: &[u8]) -> Option<(AppControl, u8)> {
        octets.first_chunk().map(|&[control, function]| (AppControl::from_octet(control), function))
    }

    /// A fragment from a master.
    ///
    /// # Errors
    /// [`FragmentError::Short`], [`FragmentError::Function`] and, for a response, [`FragmentError::Direction`].
    pub fn request(octets: &'a [u8]) -> Result<Self, FragmentError> {
        let (&[control, code], body) = octets.split_first_chunk().ok_or(FragmentError::Short(octets.len()))?;
        let function = Function::from_code(code).ok_or(FragmentError::Function(code))?;
        if function.is_response() {
            return Err(FragmentError::Direction(function));
        }
        Ok(Self { control: AppControl::from_octet(control), function, iin: Iin(0), body })
    }

    /// A fragment from an outstation.
    ///
    /// # Errors
    /// [`FragmentError::Short`], [`FragmentError::Function`] and, for a request, [`FragmentError::Direction`].
    pub fn response(octets: &'a [u8]) -> Result<Self, FragmentError> {
        let (&[control, code], rest) = octets.split_first_chunk().ok_or(FragmentError::Short(octets.len()))?;
        let function = Function::from_code(code).ok_or(FragmentError::Function(code))?;
        if !function.is_response() {
            return Err(FragmentError::Direction(function));
        }
        let (iin, body) = rest.split_first_chunk().ok_or(FragmentError::Short(octets.len()))?;
        Ok(Self { control: AppControl::from_octet(control), function, iin: Iin::from_octets(*iin), body })
    }

    /// The object headers, in order, each with its objects. Ends behind the first error.
    #[must_use]
    pub const fn headers(&self) -> Headers<'a> {
        Headers { function: self.function, rest: self.body }
    }

    /// Whether every header and object can be read: nothing may be carried out of a request of which this is not true.
    ///
    /// # Errors
    /// The first error of [`FragmentView::headers`].
    pub fn check(&self) -> Result<(), FragmentError> {
        self.headers().try_for_each(|header| header.map(drop))
    }
}

/// One object header with its objects.
#[derive(Clone, Copy, Debug)]
pub struct HeaderView<'a> {
    /// The header.
    pub header: ObjectHeader,
    /// What is known of its group and variation. In headers that only name points this may be anything.
    pub object: Lookup,
    /// Whether objects stand behind it; otherwise it only names points.
    pub has_objects: bool,
    /// The octets behind it: its objects with their prefixes, or an index list.
    pub carried: &'a [u8],
    /// Header and objects as they came: what the answer to a control echoes.
    pub octets: &'a [u8],
}

impl<'a> HeaderView<'a> {
    /// The objects, each with its index. Of a header that only names points these are the entries of its index list (0x17, 0x28, 0x39);
    /// its range, being any length, is left to [`ObjectHeader::range`].
    #[must_use]
    pub fn objects(&self) -> Objects<'a> {
        let size = self.object.known().filter(|_| self.has_objects).map_or(Size::Absent, |known| known.size);
        Objects::new(self.header.qualifier, self.header.range, size, self.header.variation, self.carried)
    }
}

/// Walks object headers.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    function: Function,
    rest: &'a [u8],
}

impl<'a> Headers<'a> {
    fn header(&self) -> Result<(HeaderView<'a>, &'a [u8]), FragmentError> {
        let (header, rest) = ObjectHeader::parse(self.rest)?;
        let object = lookup(header.group, header.variation);
        let has_objects = header.qualifier == Qualifier::FreeFormat || self.function.carries_objects(header.group);
        let behind = if has_objects { behind_objects(&header, object, rest)? } else { behind_names(&header, rest)? };
        let carried = rest.get(..rest.len() - behind.len()).unwrap_or_default();
        let octets = self.rest.get(..self.rest.len() - behind.len()).unwrap_or_default();
        Ok((HeaderView { header, object, has_objects, carried, octets }, behind))
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Result<HeaderView<'a>, FragmentError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (found, rest) = match self.header() {
            Ok((header, rest)) => (Ok(header), rest),
            Err(error) => (Err(error), &[][..]),
        };
        self.rest = rest;
        Some(found)
    }
}

/// What is behind a header that only names points: index lists keep their indexes.
fn behind_names<'a>(header: &ObjectHeader, rest: &'a [u8]) -> Result<&'a [u8], FragmentError> {
    let Qualifier::Indexed(width) = header.qualifier else { return Ok(rest) };
    skip(header, rest, header.range.count() * width.octets() as u64)
}

/// What is behind the objects of a header.
fn behind_objects<'a>(header: &ObjectHeader, object: Lookup, rest: &'a [u8]) -> Result<&'a [u8], FragmentError> {
    let &ObjectHeader { group, variation, qualifier, range } = header;
    let wrong_qualifier = FragmentError::Qualifier { group, variation, qualifier: qualifier.octet() };
    let Some(known) = object.known() else { return Err(FragmentError::ObjectUnknown { group, variation }) };
    let each = match (known.size, qualifier) {
        (Size::Absent, Qualifier::All) => return Ok(rest),
        (Size::Absent, _) | (_, Qualifier::All) | (Size::Bits(_), Qualifier::Count(_) | Qualifier::Indexed(_)) => {
            return Err(wrong_qualifier);
        }
        (Size::Bits(width), Qualifier::StartStop(_)) => return skip(header, rest, (range.count() * u64::from(width)).div_ceil(8)),
        (Size::Free | Size::Variation, Qualifier::FreeFormat) => return walk(header, known.size, rest),
        (_, Qualifier::FreeFormat) | (Size::Free, _) => return Err(wrong_qualifier),
        (Size::Attribute, _) => return walk(header, known.size, rest),
        (Size::Fixed(octets), _) => u64::from(octets),
        (Size::Variation, _) => u64::from(variation),
    };
    let prefix = match qualifier {
        Qualifier::Indexed(width) => width.octets() as u64,
        Qualifier::StartStop(_) | Qualifier::All | Qualifier::Count(_) | Qualifier::FreeFormat => 0,
    };
    // At most 2^32 objects of 259 octets: no overflow in 64 bits.
    skip(header, rest, range.count() * (prefix + each))
}

fn skip<'a>(header: &ObjectHeader, rest: &'a [u8], octets: u64) -> Result<&'a [u8], FragmentError> {
    usize::try_from(octets).ok().and_then(|octets| rest.get(octets..)).ok_or(lacking(header, rest))
}

/// Behind objects that say their own size: each takes at least two octets, so the walk ends with the fragment.
fn walk<'a>(header: &ObjectHeader, size: Size, rest: &'a [u8]) -> Result<&'a [u8], FragmentError> {
    let mut objects = Objects::new(header.qualifier, header.range, size, header.variation, rest);
    let mut found = 0;
    while objects.next().is_some() {
        found += 1;
    }
    if found == header.range.count() { Ok(objects.remainder()) } else { Err(lacking(header, rest)) }
}

const fn lacking(header: &ObjectHeader, rest: &[u8]) -> FragmentError {
    FragmentError::Objects { group: header.group, variation: header.variation, count: header.range.count(), left: rest.len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{Object, Payload};

    #[test]
    fn a2_r22_an_index_list_of_a_read_names_points_and_carries_nothing() {
        let fragment = [0xC3, 1, 1, 2, 0x28, 2, 0, 5, 0, 7, 1, 30, 0, 0x17, 1, 9];
        let view = FragmentView::request(&fragment).unwrap();
        let headers: Vec<_> = view.headers().map(Result::unwrap).collect();
        let named = |place: usize| headers[place].objects().map(|object| object.index).collect::<Vec<_>>();
        assert_eq!((named(0), named(1)), (vec![5, 263], vec![9]));
        assert!(headers.iter().all(|header| !header.has_objects));
        assert!(headers[0].objects().all(|object| object.payload == Payload::Absent));
    }

    #[test]
    fn a2_r22_a_header_keeps_its_octets_for_the_echo() {
        let fragment = [0xC3, 5, 41, 2, 0x17, 1, 7, 0x10, 0x27, 0, 12, 1, 0x17, 1, 3, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let view = FragmentView::request(&fragment).unwrap();
        let headers: Vec<_> = view.headers().map(Result::unwrap).collect();
        assert_eq!((headers[0].octets, headers[1].octets), (&fragment[2..10], &fragment[10..]));
        assert_eq!(headers[0].objects().next(), Some(Object { index: 7, payload: Payload::Octets(&[0x10, 0x27, 0]) }));
    }
}
