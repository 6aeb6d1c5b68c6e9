//! System information and commands that move no process (IEC 60870-5-101 clauses 7.3.3 and 7.3.4): types 70, 100 to 104, 106 and 107.

use crate::{Cot, Cp16Time2a, Cp56Time2a, Layout, Qcc, TypeId, Unfit};

/// One system ASDU.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SystemAsdu {
    /// The cause.
    pub cot: Cot,
    /// The common address.
    pub ca: u16,
    /// The object address: zero but for a read.
    pub ioa: u32,
    /// What.
    pub element: SystemElement,
}

/// What a system ASDU says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SystemElement {
    /// `M_EI_NA_1`: end of initialisation, with its cause (COI).
    EndOfInit(u8),
    /// `C_IC_NA_1`: interrogation, with its qualifier (QOI; 20 is the station, 21 to 36 its groups).
    Interrogation(u8),
    /// `C_CI_NA_1`: counter interrogation.
    CounterInterrogation(Qcc),
    /// `C_RD_NA_1`: read the object of the address.
    Read,
    /// `C_CS_NA_1`: clock synchronisation.
    ClockSync(Cp56Time2a),
    /// `C_TS_NA_1` of -101: test with its fixed pattern.
    TestPattern(u16),
    /// `C_CD_NA_1` of -101: delay acquisition.
    Delay(Cp16Time2a),
    /// `C_TS_TA_1`: test command with its counter and time.
    Test(u16, Cp56Time2a),
}

impl SystemElement {
    /// The type.
    #[must_use]
    pub const fn type_id(self) -> TypeId {
        match self {
            Self::EndOfInit(_) => TypeId::M_EI_NA_1,
            Self::Interrogation(_) => TypeId::C_IC_NA_1,
            Self::CounterInterrogation(_) => TypeId::C_CI_NA_1,
            Self::Read => TypeId::C_RD_NA_1,
            Self::ClockSync(_) => TypeId::C_CS_NA_1,
            Self::TestPattern(_) => TypeId::C_TS_NA_1,
            Self::Delay(_) => TypeId::C_CD_NA_1,
            Self::Test(..) => TypeId::C_TS_TA_1,
        }
    }

    pub(crate) fn read(type_id: TypeId, element: &[u8]) -> Option<Self> {
        match (type_id, element) {
            (TypeId::M_EI_NA_1, [coi]) => Some(Self::EndOfInit(*coi)),
            (TypeId::C_IC_NA_1, [qoi]) => Some(Self::Interrogation(*qoi)),
            (TypeId::C_CI_NA_1, [qcc]) => Some(Self::CounterInterrogation(Qcc::from_octet(*qcc))),
            (TypeId::C_RD_NA_1, []) => Some(Self::Read),
            (TypeId::C_CS_NA_1, time) => time.try_into().ok().map(|time| Self::ClockSync(Cp56Time2a(time))),
            (TypeId::C_TS_NA_1, [low, high]) => Some(Self::TestPattern(u16::from_le_bytes([*low, *high]))),
            (TypeId::C_CD_NA_1, [low, high]) => Some(Self::Delay(Cp16Time2a(u16::from_le_bytes([*low, *high])))),
            (TypeId::C_TS_TA_1, [low, high, time @ ..]) => {
                time.try_into().ok().map(|time| Self::Test(u16::from_le_bytes([*low, *high]), Cp56Time2a(time)))
            }
            _ => None,
        }
    }
}

impl SystemAsdu {
    /// Appends the octets.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.put(Layout::IEC104, out);
    }

    /// The same in the sizes of another system (row 25).
    ///
    /// # Errors
    /// If an address or the originator has no place in them.
    pub fn encode_as(&self, layout: Layout, out: &mut Vec<u8>) -> Result<(), Unfit> {
        layout.fits(self.cot, self.ca, [self.ioa])?;
        self.put(layout, out);
        Ok(())
    }

    fn put(&self, layout: Layout, out: &mut Vec<u8>) {
        layout.put_header(out, self.element.type_id(), 1, self.cot, self.ca);
        layout.put_ioa(out, self.ioa);
        match self.element {
            SystemElement::EndOfInit(octet) | SystemElement::Interrogation(octet) => out.push(octet),
            SystemElement::CounterInterrogation(qcc) => out.push(qcc.octet()),
            SystemElement::Read => {}
            SystemElement::ClockSync(time) => out.extend_from_slice(&time.0),
            SystemElement::TestPattern(word) | SystemElement::Delay(Cp16Time2a(word)) => out.extend_from_slice(&word.to_le_bytes()),
            SystemElement::Test(counter, time) => {
                out.extend_from_slice(&counter.to_le_bytes());
                out.extend_from_slice(&time.0);
            }
        }
    }
}
