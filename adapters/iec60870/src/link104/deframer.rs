//! Cuts a byte stream into APDUs, wherever it was split.
//!
//! Whole APDUs are given straight from the chunk; only one that a chunk's end cuts is copied. A wrong start octet or length is an error as
//! soon as its octet is there: the deframer never searches forward (row 17).

use crate::Malformed;
use crate::apci::{APDU_MAX, FRAME_MAX, START};

/// The cut APDU, if any: never more than 255 octets.
#[derive(Debug, Default)]
pub(crate) struct Deframer {
    partial: Vec<u8>,
    given: bool,
}

impl Deframer {
    /// The next whole APDU, start and length included; takes what it used from the front of `chunk`. `None`: the chunk is used up.
    #[inline]
    pub(crate) fn next<'s, 'a: 's>(&'s mut self, chunk: &mut &'a [u8]) -> Result<Option<&'s [u8]>, Malformed> {
        if self.given {
            self.partial.clear();
            self.given = false;
        }
        if self.partial.is_empty() {
            if let Some(length) = whole(chunk)?
                && let Some((apdu, rest)) = chunk.split_at_checked(length)
            {
                *chunk = rest;
                return Ok(Some(apdu));
            }
            self.partial.reserve(FRAME_MAX);
            self.partial.extend_from_slice(chunk);
            *chunk = &[];
            return Ok(None);
        }
        if self.partial.len() < 2 {
            self.fill(2, chunk);
        }
        let Some(length) = whole(&self.partial)? else { return Ok(None) };
        self.fill(length, chunk);
        if self.partial.len() < length {
            return Ok(None);
        }
        self.given = true;
        Ok(Some(&self.partial))
    }

    /// Whether an APDU has begun and not ended.
    pub(crate) fn is_partial(&self) -> bool {
        !self.given && !self.partial.is_empty()
    }

    fn fill(&mut self, until: usize, chunk: &mut &[u8]) {
        let missing = until.saturating_sub(self.partial.len()).min(chunk.len());
        if let Some((taken, rest)) = chunk.split_at_checked(missing) {
            self.partial.extend_from_slice(taken);
            *chunk = rest;
        }
    }
}

/// The length of the APDU at the front, once its first two octets are there.
#[inline]
fn whole(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    match bytes {
        [] | [START] => Ok(None),
        [start, ..] if *start != START => Err(Malformed::Start(*start)),
        [_, length, ..] if (4..=APDU_MAX).contains(length) => Ok(Some(usize::from(*length) + 2)),
        [_, length, ..] => Err(Malformed::Length(*length)),
        [_] => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(bytes: &[u8], step: usize) -> (Vec<Vec<u8>>, Option<Malformed>) {
        let mut deframer = Deframer::default();
        let mut out = Vec::new();
        for piece in bytes.chunks(step) {
            let mut rest = piece;
            loop {
                match deframer.next(&mut rest) {
                    Ok(Some(apdu)) => out.push(apdu.to_vec()),
                    Ok(None) => break,
                    Err(error) => return (out, Some(error)),
                }
            }
            assert!(deframer.partial.capacity() <= 2 * FRAME_MAX, "the memory of a cut APDU is bounded");
        }
        (out, None)
    }

    #[test]
    fn a1_r16_any_split_gives_the_same_apdus() {
        let mut bytes = Vec::new();
        for length in [4_u8, 253, 10, 4, 100] {
            bytes.extend([START, length]);
            bytes.extend((0..length).map(|i| i ^ 0x68));
        }
        let whole = cut(&bytes, bytes.len());
        assert_eq!((whole.0.len(), whole.1), (5, None));
        for step in 1..300 {
            assert_eq!(cut(&bytes, step), whole, "pieces of {step}");
        }
    }

    #[test]
    fn a1_r17_b1_01_a_bad_start_is_final_and_early() {
        for step in 1..8 {
            let (apdus, error) = cut(&[0x68, 4, 0x43, 0, 0, 0, 0x00, 0x68, 4, 0x43, 0, 0, 0], step);
            assert_eq!((apdus.len(), error), (1, Some(Malformed::Start(0))), "pieces of {step}");
        }
        assert_eq!(cut(&[0x10], 1).1, Some(Malformed::Start(0x10)));
    }

    #[test]
    fn a1_r02_b1_02_b1_03_lengths_outside_4_to_253_are_refused_at_once() {
        for length in [0_u8, 1, 2, 3, 254, 255] {
            for step in 1..3 {
                assert_eq!(cut(&[0x68, length], step).1, Some(Malformed::Length(length)));
            }
        }
        for length in [4_u8, 253] {
            assert_eq!(cut(&[0x68, length], 1).1, None);
        }
    }
}
