//! What became of an operation that takes its time (g91): the answer to ACTIVATE_CONFIG.

use crate::objects::read::Reader;

/// The status of a requested operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OperationStatus<'a> {
    /// Milliseconds until the outstation may be asked again.
    pub delay_ms: u32,
    /// One status for each object of the request, in order: 0 is accepted, others say why not.
    pub statuses: &'a [u8],
    /// Further text.
    pub text: &'a [u8],
}

impl<'a> OperationStatus<'a> {
    /// From an object of g91v1; `None` if it ends inside its statuses.
    #[must_use]
    pub fn decode(octets: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(octets);
        let (delay_ms, count) = (reader.u32()?, reader.u8()?);
        let (statuses, text) = reader.rest().split_at_checked(usize::from(count))?;
        Some(Self { delay_ms, statuses, text })
    }

    /// To the wire, behind what is in `out`; `false` and nothing for more than 255 statuses.
    pub fn encode(&self, out: &mut Vec<u8>) -> bool {
        let Ok(count) = u8::try_from(self.statuses.len()) else { return false };
        out.extend_from_slice(&self.delay_ms.to_le_bytes());
        out.push(count);
        out.extend_from_slice(self.statuses);
        out.extend_from_slice(self.text);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a2_r55_the_status_of_an_operation_round_trips_and_must_be_whole() {
        let status = OperationStatus { delay_ms: 5000, statuses: &[0, 2], text: b"second" };
        let mut octets = Vec::new();
        assert!(status.encode(&mut octets));
        assert_eq!(octets, b"\x88\x13\0\0\x02\0\x02second");
        assert_eq!(OperationStatus::decode(&octets), Some(status));
        assert_eq!(OperationStatus::decode(&octets[..6]), None);
        assert_eq!(OperationStatus::decode(&[0; 4]), None);
    }
}
