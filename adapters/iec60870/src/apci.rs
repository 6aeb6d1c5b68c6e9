//! The application protocol control information (IEC 60870-5-104 clause 5): four octets behind start and length.

use crate::Malformed;

/// The start octet of every APDU.
pub const START: u8 = 0x68;
/// Octets of the APCI: start, length and the four control octets. They differ when an ASDU is sent again.
pub const APCI_LEN: usize = 6;
/// The most octets behind the length octet.
pub const APDU_MAX: u8 = 253;
/// The most octets of an ASDU.
pub const ASDU_MAX: usize = 249;
/// The most octets of an APDU on the wire, start and length included.
pub const FRAME_MAX: usize = 255;

/// The function of a U frame: the control octet itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Function {
    /// Start data transfer.
    StartAct = 0x07,
    /// Start confirmed.
    StartCon = 0x0B,
    /// Stop data transfer.
    StopAct = 0x13,
    /// Stop confirmed.
    StopCon = 0x23,
    /// Test the connection.
    TestAct = 0x43,
    /// Test confirmed.
    TestCon = 0x83,
}

impl Function {
    /// The standard's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StartAct => "STARTDT act",
            Self::StartCon => "STARTDT con",
            Self::StopAct => "STOPDT act",
            Self::StopCon => "STOPDT con",
            Self::TestAct => "TESTFR act",
            Self::TestCon => "TESTFR con",
        }
    }
}

/// The control field of one APDU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Apci {
    /// Numbered information transfer.
    Information {
        /// N(S), 15 bits.
        ns: u16,
        /// N(R), 15 bits.
        nr: u16,
    },
    /// Numbered supervisory function.
    Supervisory {
        /// N(R), 15 bits.
        nr: u16,
    },
    /// Unnumbered control function.
    Unnumbered(Function),
}

impl Apci {
    /// Reads a control field.
    ///
    /// # Errors
    /// If it is none of the six U functions, or an S frame with bits set where none may be (rows 3 and 4).
    #[inline]
    pub const fn from_octets(octets: [u8; 4]) -> Result<Self, Malformed> {
        let [a, b, c, d] = octets;
        if a & 0x01 == 0 {
            return Ok(Self::Information { ns: u16::from_le_bytes([a, b]) >> 1, nr: u16::from_le_bytes([c, d]) >> 1 });
        }
        if a & 0x03 == 0x01 {
            if a != 0x01 || b != 0 || c & 0x01 != 0 {
                return Err(Malformed::Supervisory(octets));
            }
            return Ok(Self::Supervisory { nr: u16::from_le_bytes([c, d]) >> 1 });
        }
        if b != 0 || c != 0 || d != 0 {
            return Err(Malformed::Unnumbered(octets));
        }
        match a {
            0x07 => Ok(Self::Unnumbered(Function::StartAct)),
            0x0B => Ok(Self::Unnumbered(Function::StartCon)),
            0x13 => Ok(Self::Unnumbered(Function::StopAct)),
            0x23 => Ok(Self::Unnumbered(Function::StopCon)),
            0x43 => Ok(Self::Unnumbered(Function::TestAct)),
            0x83 => Ok(Self::Unnumbered(Function::TestCon)),
            _ => Err(Malformed::Unnumbered(octets)),
        }
    }

    /// The control field's octets; numbers above 15 bits are cut.
    #[must_use]
    pub const fn octets(self) -> [u8; 4] {
        match self {
            Self::Information { ns, nr } => {
                let [a, b] = (ns << 1).to_le_bytes();
                let [c, d] = (nr << 1).to_le_bytes();
                [a, b, c, d]
            }
            Self::Supervisory { nr } => {
                let [c, d] = (nr << 1).to_le_bytes();
                [0x01, 0, c, d]
            }
            Self::Unnumbered(function) => [function as u8, 0, 0, 0],
        }
    }
}

/// Splits a whole APDU (start and length included, as the deframer gives it) into its control field and its ASDU octets.
///
/// # Errors
/// If the control field is malformed, or an S or U frame has octets behind it. An I frame's ASDU is not looked at.
#[inline]
pub fn split(apdu: &[u8]) -> Result<(Apci, &[u8]), Malformed> {
    let [start, length, a, b, c, d, asdu @ ..] = apdu else {
        return Err(Malformed::Length(apdu.get(1).copied().unwrap_or(0)));
    };
    if *start != START {
        return Err(Malformed::Start(*start));
    }
    if usize::from(*length) != asdu.len() + 4 {
        return Err(Malformed::Length(*length));
    }
    let apci = Apci::from_octets([*a, *b, *c, *d])?;
    match apci {
        Apci::Information { .. } => {}
        Apci::Supervisory { .. } | Apci::Unnumbered(_) => {
            if !asdu.is_empty() {
                return Err(Malformed::Trailing(asdu.len()));
            }
        }
    }
    Ok((apci, asdu))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a1_r03_a1_r04_exactly_the_lawful_control_fields_are_read() {
        for a in 0..=255_u8 {
            for (b, c, d) in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 2, 0), (0, 0, 1)] {
                let read = Apci::from_octets([a, b, c, d]);
                let lawful = match a & 3 {
                    0 | 2 => true,
                    1 => a == 1 && b == 0 && c & 1 == 0,
                    _ => [0x07, 0x0B, 0x13, 0x23, 0x43, 0x83].contains(&a) && (b, c, d) == (0, 0, 0),
                };
                assert_eq!(read.is_ok(), lawful, "{a:02x} {b:02x} {c:02x} {d:02x}");
                if let Ok(apci) = read {
                    // Bit 0 of octet 3 carries nothing in an I frame.
                    let expected = if matches!(apci, Apci::Information { .. }) { [a, b, c & 0xFE, d] } else { [a, b, c, d] };
                    assert_eq!(apci.octets(), expected);
                }
            }
        }
    }

    #[test]
    fn sequence_numbers_take_all_15_bits() {
        for number in [0, 1, 127, 128, 16384, 32767] {
            let apci = Apci::Information { ns: number, nr: 32767 - number };
            assert_eq!(Apci::from_octets(apci.octets()), Ok(apci));
            let apci = Apci::Supervisory { nr: number };
            assert_eq!(Apci::from_octets(apci.octets()), Ok(apci));
        }
    }

    #[test]
    fn octets_behind_s_and_u_frames_are_refused() {
        assert_eq!(split(&[0x68, 5, 0x43, 0, 0, 0, 0]), Err(Malformed::Trailing(1)));
        assert_eq!(split(&[0x68, 5, 0x01, 0, 0, 0, 0]), Err(Malformed::Trailing(1)));
        assert!(split(&[0x68, 4, 0x43, 0, 0, 0]).is_ok());
    }
}
