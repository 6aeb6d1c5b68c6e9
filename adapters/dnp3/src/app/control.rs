//! The application control octet (clause 4.2.2.4).

/// Where a fragment stands in its message, whether it wants a CONFIRM, and its sequence number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AppControl {
    /// FIR: the first fragment of its message.
    pub fir: bool,
    /// FIN: the last fragment of its message.
    pub fin: bool,
    /// CON: the receiver confirms the fragment.
    pub con: bool,
    /// UNS: the sequence number is of the unsolicited series (130 and its CONFIRM).
    pub uns: bool,
    /// SEQ, 0 to 15. Solicited and unsolicited fragments count separately.
    pub seq: u8,
}

impl AppControl {
    /// The largest sequence number.
    pub const SEQ_MAX: u8 = 15;

    /// A message of one fragment that wants no CONFIRM: every request, and most responses.
    #[must_use]
    pub const fn single(seq: u8) -> Self {
        Self { fir: true, fin: true, con: false, uns: false, seq: seq & Self::SEQ_MAX }
    }

    /// An unsolicited response or the CONFIRM of one; always one fragment.
    #[must_use]
    pub const fn unsolicited(seq: u8, con: bool) -> Self {
        Self { fir: true, fin: true, con, uns: true, seq: seq & Self::SEQ_MAX }
    }

    /// From the wire: every octet has a meaning.
    #[must_use]
    pub const fn from_octet(octet: u8) -> Self {
        Self { fir: octet & 0x80 != 0, fin: octet & 0x40 != 0, con: octet & 0x20 != 0, uns: octet & 0x10 != 0, seq: octet & Self::SEQ_MAX }
    }

    /// To the wire.
    #[must_use]
    pub const fn octet(self) -> u8 {
        (self.fir as u8) << 7 | (self.fin as u8) << 6 | (self.con as u8) << 5 | (self.uns as u8) << 4 | self.seq & Self::SEQ_MAX
    }

    /// The sequence number that follows `seq`.
    #[must_use]
    pub const fn next(seq: u8) -> u8 {
        seq.wrapping_add(1) & Self::SEQ_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a2_r17_every_control_octet_round_trips_and_sequences_wrap_at_15() {
        for octet in 0..=255 {
            assert_eq!(AppControl::from_octet(octet).octet(), octet);
        }
        let first = AppControl::from_octet(0xA3);
        assert_eq!(first, AppControl { fir: true, fin: false, con: true, uns: false, seq: 3 });
        assert_eq!((AppControl::next(14), AppControl::next(15)), (15, 0));
        assert_eq!(AppControl::unsolicited(2, true).octet(), 0xF2);
    }
}
