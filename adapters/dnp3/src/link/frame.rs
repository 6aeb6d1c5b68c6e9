//! One frame (clause 9.2.4): start octets, length, control, two addresses, and the payload in blocks of 16 octets, each with its CRC.

use crate::crc;

/// The start octets.
pub(crate) const START: [u8; 2] = [0x05, 0x64];
/// Octets of the header, its CRC included.
pub(crate) const HEADER: usize = 10;
/// The length octet of a frame without payload: it counts control and addresses, but neither start, nor itself, nor any CRC.
pub(crate) const LENGTH_MIN: u8 = 5;
/// Octets of the longest payload: a transport header and 249 octets of a fragment.
pub(crate) const PAYLOAD_MAX: usize = 250;
/// Octets of the longest frame, all CRCs included.
pub(crate) const FRAME_MAX: usize = 292;
/// Octets of a payload block without its CRC.
const BLOCK: usize = 16;
const CRC: usize = 2;

const DIR: u8 = 0x80;
const PRM: u8 = 0x40;
const FCB: u8 = 0x20;
const FCV_DFC: u8 = 0x10;

/// What a primary station asks (clause 9.2.4.1.3.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PrimaryFunction {
    /// 0: forget what you expect of the frame count bit.
    ResetLinkStates,
    /// 2: answer like to confirmed data, without data.
    TestLinkStates,
    /// 3: payload that the link acknowledges.
    ConfirmedUserData,
    /// 4: payload that the link does not acknowledge.
    UnconfirmedUserData,
    /// 9: are you there, and have you room?
    RequestLinkStatus,
}

impl PrimaryFunction {
    /// The function of a code; `None` for obsolete and reserved codes.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::ResetLinkStates),
            2 => Some(Self::TestLinkStates),
            3 => Some(Self::ConfirmedUserData),
            4 => Some(Self::UnconfirmedUserData),
            9 => Some(Self::RequestLinkStatus),
            _ => None,
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::ResetLinkStates => 0,
            Self::TestLinkStates => 2,
            Self::ConfirmedUserData => 3,
            Self::UnconfirmedUserData => 4,
            Self::RequestLinkStatus => 9,
        }
    }

    /// Whether the frame count bit counts with this function.
    pub(crate) fn counts(self) -> bool {
        matches!(self, Self::TestLinkStates | Self::ConfirmedUserData)
    }

    /// Whether a payload belongs to this function.
    pub(crate) fn carries(self) -> bool {
        matches!(self, Self::ConfirmedUserData | Self::UnconfirmedUserData)
    }
}

/// What a secondary station answers (clause 9.2.4.1.3.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SecondaryFunction {
    /// 0: taken.
    Ack,
    /// 1: not taken.
    Nack,
    /// 11: the answer to REQUEST_LINK_STATUS.
    LinkStatus,
    /// 15: the function asked for does not exist here.
    NotSupported,
}

impl SecondaryFunction {
    /// The function of a code; `None` for obsolete and reserved codes.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Ack),
            1 => Some(Self::Nack),
            11 => Some(Self::LinkStatus),
            15 => Some(Self::NotSupported),
            _ => None,
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Ack => 0,
            Self::Nack => 1,
            Self::LinkStatus => 11,
            Self::NotSupported => 15,
        }
    }
}

/// The control octet (clause 9.2.4.1.3). Any octet is one; what it means is asked bit by bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Control(pub(crate) u8);

impl Control {
    /// Of a primary station; `fcb` is sent only with functions that count.
    pub(crate) fn primary(from_master: bool, function: PrimaryFunction, fcb: bool) -> Self {
        let count = if function.counts() { FCV_DFC | if fcb { FCB } else { 0 } } else { 0 };
        Self(if from_master { DIR } else { 0 } | PRM | count | function.code())
    }

    /// Of a secondary station that has room.
    pub(crate) fn secondary(from_master: bool, function: SecondaryFunction) -> Self {
        Self(if from_master { DIR } else { 0 } | function.code())
    }

    /// DIR: a master sent it.
    pub(crate) fn is_from_master(self) -> bool {
        self.0 & DIR != 0
    }

    /// PRM: it opens a transaction.
    pub(crate) fn is_primary(self) -> bool {
        self.0 & PRM != 0
    }

    /// FCB of a primary frame.
    pub(crate) fn fcb(self) -> bool {
        self.0 & FCB != 0
    }

    /// FCV of a primary frame: FCB counts.
    pub(crate) fn fcv(self) -> bool {
        self.0 & FCV_DFC != 0
    }

    /// DFC of a secondary frame: it has no room for more data now.
    pub(crate) fn dfc(self) -> bool {
        self.0 & FCV_DFC != 0
    }

    /// The function code, 0 to 15.
    pub(crate) fn code(self) -> u8 {
        self.0 & 0x0F
    }
}

/// What a frame says beside its payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LinkHeader {
    /// The control octet.
    pub(crate) control: Control,
    /// Whom it is for.
    pub(crate) destination: u16,
    /// Who sent it.
    pub(crate) source: u16,
}

impl LinkHeader {
    /// Appends the frame with this header and `payload`, of which no more than [`PAYLOAD_MAX`] octets are taken.
    pub(crate) fn put(self, payload: &[u8], out: &mut Vec<u8>) {
        let payload = payload.get(..PAYLOAD_MAX).unwrap_or(payload);
        // 250 at most, so that the sum is 255 at most.
        let length = u8::try_from(payload.len()).unwrap_or(0).saturating_add(LENGTH_MIN);
        let [start, second] = START;
        let ([d0, d1], [s0, s1]) = (self.destination.to_le_bytes(), self.source.to_le_bytes());
        let header = [start, second, length, self.control.0, d0, d1, s0, s1];
        out.extend_from_slice(&header);
        out.extend_from_slice(&crc::octets(&header));
        for block in payload.chunks(BLOCK) {
            out.extend_from_slice(block);
            out.extend_from_slice(&crc::octets(block));
        }
    }
}

/// A whole frame with all its CRCs good: only [`split`] makes one from octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LinkFrame<'a> {
    /// Control and addresses.
    pub(crate) header: LinkHeader,
    /// What it carries.
    pub(crate) payload: Payload<'a>,
}

/// A payload as it stands on the line: in blocks, each followed by its CRC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Payload<'a>(&'a [u8]);

impl<'a> Payload<'a> {
    /// Its blocks without their CRCs: 16 octets each, the last 1 to 16.
    #[inline]
    pub(crate) fn blocks(self) -> impl Iterator<Item = &'a [u8]> {
        self.0.chunks(BLOCK + CRC).map(|block| block.get(..block.len().saturating_sub(CRC)).unwrap_or_default())
    }

    /// Octets without CRCs, 0 to 250.
    pub(crate) fn len(self) -> usize {
        self.0.len().saturating_sub(self.0.len().div_ceil(BLOCK + CRC) * CRC)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

/// What the front of some octets is, if they begin with the start octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Front<'a> {
    /// Not to be told before so many octets are there.
    More(usize),
    /// The header's CRC is wrong: the start octets were none.
    HeaderCrc,
    /// The header is good and its length is below five.
    Length(u8),
    /// The header is good; a block of the payload (the first is 1) is not. So many octets are lost.
    BlockCrc(usize, u8),
    /// A frame of so many octets.
    Whole(usize, LinkFrame<'a>),
}

/// Looks at the front of `octets`, which begin with the start octets.
#[inline]
pub(crate) fn split(octets: &[u8]) -> Front<'_> {
    let Some((header, rest)) = octets.split_first_chunk::<HEADER>() else { return Front::More(HEADER) };
    let [start, second, length, control, d0, d1, s0, s1, c0, c1] = *header;
    if crc::octets(&[start, second, length, control, d0, d1, s0, s1]) != [c0, c1] {
        return Front::HeaderCrc;
    }
    let Some(payload) = length.checked_sub(LENGTH_MIN).map(usize::from) else { return Front::Length(length) };
    let body = payload + payload.div_ceil(BLOCK) * CRC;
    let whole = HEADER + body;
    let Some(body) = rest.get(..body) else { return Front::More(whole) };
    for (number, block) in (1_u8..).zip(body.chunks(BLOCK + CRC)) {
        let good = block.split_last_chunk::<CRC>().is_some_and(|(block, crc)| crc::octets(block) == *crc);
        if !good {
            return Front::BlockCrc(whole, number);
        }
    }
    let header = LinkHeader { control: Control(control), destination: u16::from_le_bytes([d0, d1]), source: u16::from_le_bytes([s0, s1]) };
    Front::Whole(whole, LinkFrame { header, payload: Payload(body) })
}
