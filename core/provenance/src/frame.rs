//! The record of one received frame.

use crate::error::Error;
use crate::tree::sha256;

/// Octets before the frame's own.
pub const FRAME_RECORD_FIXED: usize = 23;
const HASHED_ONLY: u8 = 1;

/// One received frame: little-endian `link u16, connection u32, number u64, received_ns i64, flags u8`, then the octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRecord<'a> {
    /// The link, by its index in the configuration.
    pub link: u16,
    /// The connection of the link, counted from its start.
    pub connection: u32,
    /// The frame's number on its connection.
    pub number: u64,
    /// When it was received, UTC, ns since 1970.
    pub received_ns: i64,
    /// The frame. Of a hashed-only record that was decoded: its length (u32, little-endian) and SHA-256.
    pub octets: &'a [u8],
    /// The link is declared lossy: only length and SHA-256 of the frame are kept.
    pub hashed_only: bool,
}

impl<'a> FrameRecord<'a> {
    /// Appends the record. With `hashed_only`, `octets` is the whole frame; what is written is its length and SHA-256.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.link.to_le_bytes());
        out.extend_from_slice(&self.connection.to_le_bytes());
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.received_ns.to_le_bytes());
        out.push(if self.hashed_only { HASHED_ONLY } else { 0 });
        if self.hashed_only {
            out.extend_from_slice(&(self.octets.len() as u32).to_le_bytes());
            out.extend_from_slice(&sha256(self.octets));
        } else {
            out.extend_from_slice(self.octets);
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is too short, has unknown flags, or a hashed-only body of another length than 36.
    pub fn decode(body: &'a [u8]) -> Result<Self, Error> {
        let fail = |why, offset| Error::Malformed { what: "frame record", why, offset };
        let (fixed, octets) = body.split_first_chunk::<FRAME_RECORD_FIXED>().ok_or(fail("it is cut short", body.len()))?;
        let word = |from: usize, to: usize| fixed[from..to].iter().rev().fold(0u64, |n, &b| n << 8 | u64::from(b));
        let hashed_only = match fixed[22] {
            0 => false,
            HASHED_ONLY => true,
            _ => return Err(fail("unknown flags", 22)),
        };
        if hashed_only && octets.len() != 36 {
            return Err(fail("length and hash of the frame are expected", FRAME_RECORD_FIXED));
        }
        Ok(Self {
            link: word(0, 2) as u16,
            connection: word(2, 6) as u32,
            number: word(6, 14),
            received_ns: word(14, 22) as i64,
            octets,
            hashed_only,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_records_are_as_drawn_and_come_back() {
        let record =
            FrameRecord { link: 0x0102, connection: 3, number: 4, received_ns: -5, octets: &[0x68, 4, 7, 0, 0, 0], hashed_only: false };
        let mut out = Vec::new();
        record.encode(&mut out);
        assert_eq!(out[..6], [2, 1, 3, 0, 0, 0]);
        assert_eq!(out[14..23], [0xfb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]);
        assert_eq!(FrameRecord::decode(&out), Ok(record));
        for cut in 0..FRAME_RECORD_FIXED {
            assert!(FrameRecord::decode(&out[..cut]).is_err());
        }
        out[22] = 2;
        assert!(FrameRecord::decode(&out).is_err());
    }

    #[test]
    fn a_hashed_frame_keeps_length_and_digest_only() {
        let mut out = Vec::new();
        FrameRecord { link: 1, connection: 1, number: 1, received_ns: 0, octets: b"frame", hashed_only: true }.encode(&mut out);
        let back = FrameRecord::decode(&out).unwrap();
        assert!(back.hashed_only);
        assert_eq!((&back.octets[..4], &back.octets[4..]), (&[5, 0, 0, 0][..], &sha256(b"frame")[..]));
        assert!(FrameRecord::decode(&out[..out.len() - 1]).is_err());
    }
}
