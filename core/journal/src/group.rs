//! A group of records on its way into the journal.

use crate::error::Error;
use crate::format::{FLAG_LAST, FRAME_HEADER, Kind, MAX_BODY, MAX_GROUP};

/// A reusable buffer of records that are appended in one write: recovery keeps a group whole or not at all. No allocation per record once
/// the buffer has grown.
#[derive(Debug, Default)]
pub struct Group {
    bytes: Vec<u8>,
    offsets: Vec<u64>,
    too_large: Option<usize>,
    /// Appended already: kept for [`Group::offsets`] and [`Group::records`], cleared by the next push.
    spent: bool,
}

impl Group {
    /// An empty group.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record. A body above [`MAX_BODY`] makes [`Journal::append`](crate::Journal::append) refuse the whole group.
    pub fn push(&mut self, kind: Kind, body: &[u8]) {
        self.push_with(kind, |out| out.extend_from_slice(body));
    }

    /// Adds a record whose body `f` appends to the buffer in place. `f` must only append.
    pub fn push_with(&mut self, kind: Kind, f: impl FnOnce(&mut Vec<u8>)) {
        if self.spent {
            self.clear();
        }
        let at = self.bytes.len();
        self.offsets.push(at as u64);
        self.bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, kind.0, 0]);
        f(&mut self.bytes);
        debug_assert!(self.bytes.len() >= at + FRAME_HEADER, "a record only appends");
        let len = self.bytes.len().saturating_sub(at + FRAME_HEADER);
        if len > MAX_BODY {
            self.too_large = Some(len);
            self.bytes.truncate(at + FRAME_HEADER);
        } else if let Some(field) = self.bytes.get_mut(at..at + 4) {
            field.copy_from_slice(&(len as u32).to_le_bytes());
        }
    }

    /// True if nothing waits to be appended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spent || self.offsets.is_empty()
    }

    /// Records that wait to be appended.
    #[must_use]
    pub fn len(&self) -> usize {
        if self.spent { 0 } else { self.offsets.len() }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.offsets.clear();
        self.too_large = None;
        self.spent = false;
    }

    /// Offset of each record from the group's first, octets: record *i* stands at `appended.first + offsets[i]`. Valid after the append
    /// too, until the next push.
    #[must_use]
    pub fn offsets(&self) -> &[u64] {
        &self.offsets
    }

    /// The records as (offset from the first, kind, body). Valid after the append too, until the next push.
    pub fn records(&self) -> impl Iterator<Item = (u64, Kind, &[u8])> {
        self.offsets.iter().enumerate().filter_map(|(i, &at)| {
            let end = self.offsets.get(i + 1).map_or(self.bytes.len(), |&next| next as usize);
            let frame = self.bytes.get(at as usize..end)?;
            Some((at, Kind(*frame.get(8)?), frame.get(FRAME_HEADER..)?))
        })
    }

    /// Fills in flags and CRCs; the octets to write.
    pub(crate) fn finish(&mut self) -> Result<&[u8], Error> {
        if let Some(len) = self.too_large {
            return Err(Error::TooLarge { what: "record", len, max: MAX_BODY });
        }
        if self.bytes.len() > MAX_GROUP {
            return Err(Error::TooLarge { what: "group", len: self.bytes.len(), max: MAX_GROUP });
        }
        for i in 0..self.offsets.len() {
            let start = self.offsets[i] as usize;
            let next = self.offsets.get(i + 1);
            let end = next.map_or(self.bytes.len(), |&n| n as usize);
            if let Some(frame) = self.bytes.get_mut(start..end) {
                frame[9] = if next.is_none() { FLAG_LAST } else { 0 };
                let crc = crc32c::crc32c(&frame[8..]);
                frame[4..8].copy_from_slice(&crc.to_le_bytes());
            }
        }
        Ok(&self.bytes)
    }

    pub(crate) fn spend(&mut self) {
        self.spent = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_length_crc_kind_flags_body() {
        let mut group = Group::new();
        group.push(Kind(0x11), b"ab");
        group.push_with(Kind(0x92), |out| out.push(b'c'));
        assert_eq!((group.len(), group.offsets()), (2, &[0u64, 12][..]));
        let bytes = group.finish().unwrap().to_vec();
        let crc = |covered: &[u8]| crc32c::crc32c(covered).to_le_bytes();
        let mut expected = vec![2, 0, 0, 0];
        expected.extend(crc(&[0x11, 0, b'a', b'b']));
        expected.extend([0x11, 0, b'a', b'b', 1, 0, 0, 0]);
        expected.extend(crc(&[0x92, 1, b'c']));
        expected.extend([0x92, 1, b'c']);
        assert_eq!(bytes, expected);
        assert_eq!(
            group.records().map(|(at, kind, body)| (at, kind.0, body.to_vec())).collect::<Vec<_>>(),
            [(0, 0x11, b"ab".to_vec()), (12, 0x92, b"c".to_vec())]
        );
    }

    #[test]
    fn a_spent_group_is_empty_but_keeps_its_offsets_until_the_next_push() {
        let mut group = Group::new();
        group.push(Kind(1), b"xyz");
        group.spend();
        assert!(group.is_empty());
        assert_eq!((group.len(), group.offsets().len(), group.records().count()), (0, 1, 1));
        group.push(Kind(2), b"");
        assert_eq!((group.len(), group.offsets()), (1, &[0u64][..]));
    }

    #[test]
    fn a_body_above_the_limit_refuses_the_group() {
        let mut group = Group::new();
        group.push_with(Kind(1), |out| out.resize(out.len() + MAX_BODY, 7));
        assert!(group.finish().is_ok());
        group.clear();
        group.push_with(Kind(1), |out| out.resize(out.len() + MAX_BODY + 1, 7));
        assert!(matches!(group.finish(), Err(Error::TooLarge { what: "record", max: MAX_BODY, .. })));
        group.clear();
        for _ in 0..4 {
            group.push_with(Kind(1), |out| out.resize(out.len() + MAX_BODY, 7));
        }
        assert!(matches!(group.finish(), Err(Error::TooLarge { what: "group", .. })));
    }
}
