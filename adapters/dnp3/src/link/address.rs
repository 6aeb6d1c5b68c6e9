//! Addresses of the data link layer (clause 9.2.4.1.4).

/// The highest address that a station may have.
pub(crate) const STATION_MAX: u16 = 0xFFEF;
/// Every outstation that has the feature switched on takes this address for its own, whatever its own is.
pub(crate) const SELF: u16 = 0xFFFC;

/// An address for all outstations, and what it asks of them beside doing the request without an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Broadcast {
    /// 0xFFFD: the next response does not ask for a confirmation; the indication is cleared by sending it.
    Unconfirmed,
    /// 0xFFFE: the next response asks for a confirmation; the indication stays until it comes.
    Mandatory,
    /// 0xFFFF: the outstation may ask or not.
    Optional,
}

impl Broadcast {
    /// The broadcast that `address` is, if it is one.
    pub(crate) fn from_address(address: u16) -> Option<Self> {
        match address {
            0xFFFD => Some(Self::Unconfirmed),
            0xFFFE => Some(Self::Mandatory),
            0xFFFF => Some(Self::Optional),
            _ => None,
        }
    }
}

/// Whether a single station may have this address: not self, not broadcast, not reserved (0xFFF0 to 0xFFFB).
pub(crate) fn is_station(address: u16) -> bool {
    address <= STATION_MAX
}
