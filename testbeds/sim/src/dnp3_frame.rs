//! DNP3 link frames as octets, for ends that send what no lawful session would: taken apart and put together again with their CRCs
//! (IEEE 1815-2012 clause 9.2.4). It shares no code with the adapter.

/// Octets of a header with its CRC.
const HEADER: usize = 10;
/// Octets of a block of payload, without its CRC.
const BLOCK: usize = 16;
/// Octets of the longest payload.
pub(crate) const PAYLOAD_MAX: usize = 250;

/// A frame whose CRCs are left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    /// The control octet: DIR, PRM, FCB, FCV or DFC, function.
    pub(crate) control: u8,
    pub(crate) destination: u16,
    pub(crate) source: u16,
    /// The transport octet and what follows; empty if the frame carries nothing.
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// Takes the first frame off a queue; `None` until it is whole. Octets that begin none are dropped: the sessions around here send
    /// whole frames and nothing else.
    pub(crate) fn take(queue: &mut Vec<u8>) -> Option<Self> {
        while !(queue.is_empty() || queue.starts_with(&[0x05, 0x64]) || *queue == [0x05]) {
            queue.remove(0);
        }
        let length = usize::from(*queue.get(2)?).checked_sub(5)?;
        let whole = HEADER + length + length.div_ceil(BLOCK) * 2;
        let octets: Vec<u8> = queue.get(..whole)?.to_vec();
        queue.drain(..whole);
        let [_, _, _, control, d0, d1, s0, s1, ..] = *octets.first_chunk::<HEADER>()?;
        let blocks = octets.get(HEADER..)?.chunks(BLOCK + 2);
        let payload = blocks.flat_map(|block| block.get(..block.len() - 2).unwrap_or_default().iter().copied()).collect();
        Some(Self { control, destination: u16::from_le_bytes([d0, d1]), source: u16::from_le_bytes([s0, s1]), payload })
    }

    /// Appends the frame with its CRCs; what is beyond [`PAYLOAD_MAX`] is cut off.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        let payload = self.payload.get(..PAYLOAD_MAX).unwrap_or(&self.payload);
        let length = u8::try_from(payload.len() + 5).unwrap_or(u8::MAX);
        let ([d0, d1], [s0, s1]) = (self.destination.to_le_bytes(), self.source.to_le_bytes());
        for block in std::iter::once(&[0x05, 0x64, length, self.control, d0, d1, s0, s1][..]).chain(payload.chunks(BLOCK)) {
            out.extend_from_slice(block);
            out.extend_from_slice(&crc(block).to_le_bytes());
        }
    }

    /// The application fragment's beginning, if the frame carries one: control, function, and what follows in this frame.
    pub(crate) fn opening(&mut self) -> Option<&mut [u8]> {
        let carries = self.carries_data();
        let (transport, fragment) = self.payload.split_first_mut()?;
        (carries && *transport & FIR != 0 && fragment.len() >= 2).then_some(fragment)
    }

    /// Whether it is confirmed or unconfirmed user data of a primary station.
    pub(crate) fn carries_data(&self) -> bool {
        self.control & 0x40 != 0 && matches!(self.control & 0x0F, 3 | 4) && !self.payload.is_empty()
    }

    /// Whether it is the last of its fragment.
    pub(crate) fn is_last(&self) -> bool {
        self.payload.first().is_some_and(|transport| transport & FIN != 0)
    }
}

const FIN: u8 = 0x80;
const FIR: u8 = 0x40;

/// Polynomial 0x3D65, least significant bit first, complemented.
fn crc(octets: &[u8]) -> u16 {
    !octets
        .iter()
        .fold(0, |crc, octet| (0..8).fold(crc ^ u16::from(*octet), |crc: u16, _| if crc & 1 == 1 { crc >> 1 ^ 0xA6BC } else { crc >> 1 }))
}

#[cfg(test)]
mod tests {
    use super::Frame;

    /// RESET_LINK_STATES from 1024 to 1, a frame that many documents print.
    const RESET: [u8; 10] = [0x05, 0x64, 0x05, 0xC0, 0x01, 0x00, 0x00, 0x04, 0xE9, 0x21];

    #[test]
    fn frames_are_found_in_any_pieces_and_put_together_again() {
        let empty = Frame { control: 0xC0, destination: 1, source: 1024, payload: Vec::new() };
        let long = Frame { control: 0xC4, destination: 3, source: 4, payload: (0..200).collect() };
        let mut stream = Vec::new();
        empty.put(&mut stream);
        assert_eq!(stream, RESET);
        long.put(&mut stream);
        for size in 1..stream.len() {
            let (mut queue, mut found) = (Vec::new(), Vec::new());
            for piece in stream.chunks(size) {
                queue.extend_from_slice(piece);
                found.extend(std::iter::from_fn(|| Frame::take(&mut queue)));
            }
            assert_eq!(found, [empty.clone(), long.clone()], "pieces of {size}");
        }
    }
}
