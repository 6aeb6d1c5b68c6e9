//! Link frames by hand, apart from the code under test: its CRC is reckoned bit by bit (clause 9.2.4), its segments are cut here.

use bridge_dnp3::describe;
use bridge_session::Role;

/// Addresses: of the master and its outstation, and of those who stand by.
pub(crate) const MASTER: u16 = 1;
pub(crate) const SECOND: u16 = 2;
pub(crate) const OUTSTATION: u16 = 10;
pub(crate) const OTHER: u16 = 11;

/// Control octets of frames that a master sends; without 0x80 an outstation's.
pub(crate) const DATA: u8 = 0x44;
pub(crate) const CONFIRMED: u8 = 0x53;
pub(crate) const RESET: u8 = 0x40;
pub(crate) const STATUS: u8 = 0x49;
/// Who sends: DIR is set by a master.
pub(crate) const BY_MASTER: u8 = 0x80;

fn crc(octets: &[u8]) -> [u8; 2] {
    let step = |crc: u16, _| if crc & 1 == 1 { (crc >> 1) ^ 0xA6BC } else { crc >> 1 };
    let all = octets.iter().fold(0_u16, |crc, octet| (0..8).fold(crc ^ u16::from(*octet), step));
    (!all).to_le_bytes()
}

/// A header with this length octet, its CRC behind it.
pub(crate) fn header(length: u8, control: u8, destination: u16, source: u16) -> Vec<u8> {
    let ([a, b], [c, d]) = (destination.to_le_bytes(), source.to_le_bytes());
    let octets = [0x05, 0x64, length, control, a, b, c, d];
    [&octets[..], &crc(&octets)].concat()
}

/// A whole frame.
pub(crate) fn frame(control: u8, destination: u16, source: u16, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len() + 5).unwrap();
    let blocks = payload.chunks(16).flat_map(|block| [block, &crc(block)].concat());
    header(length, control, destination, source).into_iter().chain(blocks).collect()
}

/// A frame to a session of `role`, from its peer.
pub(crate) fn to(role: Role, control: u8, payload: &[u8]) -> Vec<u8> {
    match role {
        Role::Client => frame(control, MASTER, OUTSTATION, payload),
        Role::Server => frame(control | BY_MASTER, OUTSTATION, MASTER, payload),
    }
}

/// A fragment in segments, from one station to another.
pub(crate) fn fragment(control: u8, destination: u16, source: u16, octets: &[u8]) -> Vec<u8> {
    let last = octets.len().div_ceil(249).max(1) - 1;
    let segment = |(number, piece): (usize, &[u8])| {
        let ends = if number == 0 { 0x40 } else { 0 } | if number == last { 0x80 } else { 0 };
        let transport = ends | u8::try_from(number % 64).unwrap();
        frame(control, destination, source, &[&[transport], piece].concat())
    };
    octets.chunks(249).enumerate().flat_map(segment).collect()
}

/// A fragment to a session of `role`, from its peer.
pub(crate) fn send(role: Role, octets: &[u8]) -> Vec<u8> {
    match role {
        Role::Client => fragment(DATA, MASTER, OUTSTATION, octets),
        Role::Server => fragment(DATA | BY_MASTER, OUTSTATION, MASTER, octets),
    }
}

/// What a session sent, each fragment or link function with where it went; only whole frames with good CRCs leave.
pub(crate) fn read(octets: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let (mut rest, mut all, mut whole) = (octets, Vec::new(), Vec::new());
    while let [0x05, 0x64, length, control, a, b, ..] = *rest {
        let (head, after) = rest.split_at(10);
        assert_eq!(head[8..], crc(&head[..8]), "header CRC");
        let octets = usize::from(length) - 5;
        let (blocks, after) = after.split_at(octets + 2 * octets.div_ceil(16));
        let payload = blocks.chunks(18).flat_map(|block| {
            let (data, sum) = block.split_at(block.len() - 2);
            assert_eq!(sum, crc(data), "block CRC");
            data.to_vec()
        });
        let payload: Vec<u8> = payload.collect();
        let destination = u16::from_le_bytes([a, b]);
        if let Some((transport, piece)) = payload.split_first() {
            whole.extend_from_slice(piece);
            if transport & 0x80 != 0 {
                all.push((destination, std::mem::take(&mut whole)));
            }
        } else {
            // A function of the link alone: two octets that are no fragment.
            all.push((destination, vec![0xFF, control & 0x4F]));
        }
        rest = after;
    }
    assert!(rest.is_empty() && whole.is_empty(), "only whole fragments leave");
    all
}

/// What was sent, in words.
pub(crate) fn words(sent: &[u8]) -> String {
    match *sent {
        [0xFF, 0x00] => "ACK".to_owned(),
        [0xFF, 0x01] => "NACK".to_owned(),
        [0xFF, 0x0B] => "LINK_STATUS".to_owned(),
        [0xFF, 0x0F] => "NOT_SUPPORTED".to_owned(),
        [0xFF, 0x49] => "REQUEST_LINK_STATUS".to_owned(),
        _ => describe(sent),
    }
}

#[test]
fn the_wire_by_hand_is_the_standards() {
    assert_eq!(crc(b"123456789"), 0xEA82_u16.to_le_bytes());
    // An example of the standard's kind: RESET_LINK_STATES of master 1024 to station 1.
    assert_eq!(frame(0xC0, 1, 1024, &[])[..8], [0x05, 0x64, 5, 0xC0, 1, 0, 0, 4]);
    let long: Vec<u8> = (0..600_u16).map(|octet| octet.to_le_bytes()[0]).collect();
    assert_eq!(read(&fragment(DATA, 7, 1, &long)), [(7, long)]);
}
