//! A capture file, as far as tests need it: classic pcap, Ethernet, IPv4, one TCP conversation, both directions put together again.

use std::collections::BTreeMap;
use std::path::Path;

/// What one side sent, in the order of capture: pieces of its stream.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    /// The port that was connected to.
    pub(crate) server: u16,
    /// `(from the server, octets)`: new octets of the stream only.
    pub(crate) pieces: Vec<(bool, Vec<u8>)>,
}

impl Conversation {
    /// Reads the only conversation of a file.
    #[track_caller]
    pub(crate) fn read(path: &Path) -> Self {
        let file = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::parse(&file).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()))
    }

    fn parse(file: &[u8]) -> Result<Self, String> {
        if file.get(..4) != Some(&[0xD4, 0xC3, 0xB2, 0xA1]) || file.get(20..24) != Some(&[1, 0, 0, 0]) {
            return Err("no little-endian pcap of Ethernet".to_owned());
        }
        let mut conversation = Self::default();
        let mut next = BTreeMap::<u16, u32>::new();
        let mut rest = file.get(24..).unwrap_or_default();
        while let Some(header) = rest.first_chunk::<16>() {
            let length = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
            let packet = rest.get(16..16 + length).ok_or("a packet is cut")?;
            rest = rest.get(16 + length..).unwrap_or_default();
            conversation.packet(packet, &mut next)?;
        }
        if rest.is_empty() { Ok(conversation) } else { Err("octets behind the last packet".to_owned()) }
    }

    /// One packet: Ethernet header of 14 octets, IPv4, TCP.
    fn packet(&mut self, packet: &[u8], next: &mut BTreeMap<u16, u32>) -> Result<(), String> {
        let ip = packet.get(14..).filter(|_| packet.get(12..14) == Some(&[8, 0])).ok_or("no IPv4")?;
        let (ip_header, total) = (usize::from(ip[0] & 0x0F) * 4, usize::from(u16::from_be_bytes([ip[2], ip[3]])));
        let tcp = ip.get(ip_header..total).filter(|tcp| ip[9] == 6 && tcp.len() >= 20).ok_or("no TCP")?;
        let port = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
        let sequence = u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]);
        let (from, flags) = (port(0), tcp[13]);
        if flags & 0x02 != 0 {
            if flags & 0x10 == 0 {
                self.server = port(2);
            }
            next.insert(from, sequence.wrapping_add(1));
            return Ok(());
        }
        let octets = tcp.get(usize::from(tcp[12] >> 4) * 4..).ok_or("a TCP header is cut")?;
        let expected = next.get_mut(&from).ok_or("octets before the SYN")?;
        let known = expected.wrapping_sub(sequence) as usize;
        match octets.get(known..) {
            Some(new) if !new.is_empty() => {
                *expected = expected.wrapping_add(u32::try_from(new.len()).map_err(|error| error.to_string())?);
                self.pieces.push((from == self.server, new.to_vec()));
                Ok(())
            }
            // Without octets, or sent again.
            Some(_) => Ok(()),
            None if octets.is_empty() || known < 1 << 31 => Ok(()),
            None => Err(format!("octets are missing before sequence {sequence}")),
        }
    }
}

#[test]
fn a_capture_with_a_hole_is_refused() {
    let path = super::repository().join("tests/fixtures/captures/iec104_rustclient_c104server.pcap");
    let file = std::fs::read(path).expect("the capture is there");
    assert!(Conversation::parse(&file).expect("whole").pieces.len() > 10);
    assert!(Conversation::parse(&file[..file.len() - 1]).is_err() && Conversation::parse(&file[1..]).is_err());
    // Without its fourth packet, the first with octets.
    let mut ends = vec![24];
    while let Some(header) = ends.last().and_then(|at| file.get(*at..)).and_then(|rest| rest.first_chunk::<16>()) {
        ends.push(ends[ends.len() - 1] + 16 + u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize);
    }
    let holed = [&file[..ends[3]], &file[ends[4]..]].concat();
    assert!(Conversation::parse(&holed).is_err_and(|problem| problem.contains("missing")));
}
