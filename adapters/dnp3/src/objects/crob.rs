//! Commands of binary outputs: the control relay output block (g12v1, and with a pattern g12v2 and g12v3).

use crate::objects::ControlStatus;
use crate::objects::read::Reader;

/// What an output does (bits 0 to 3 of the control code).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpType {
    /// Nothing.
    Nul,
    /// On, then off.
    PulseOn,
    /// Off, then on; obsolete.
    PulseOff,
    /// On.
    LatchOn,
    /// Off.
    LatchOff,
    /// 5 to 15.
    Reserved(u8),
}

/// Which output of a pair (bits 6 and 7 of the control code).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TripClose {
    /// Not said.
    Nul,
    /// The close output.
    Close,
    /// The trip output.
    Trip,
    /// 3.
    Reserved,
}

/// The control code octet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ControlCode(pub u8);

impl ControlCode {
    /// PULSE_ON.
    pub const PULSE_ON: Self = Self(0x01);
    /// LATCH_ON.
    pub const LATCH_ON: Self = Self(0x03);
    /// LATCH_OFF.
    pub const LATCH_OFF: Self = Self(0x04);
    /// PULSE_ON of the close output.
    pub const CLOSE: Self = Self(0x41);
    /// PULSE_ON of the trip output.
    pub const TRIP: Self = Self(0x81);

    /// Bits 0 to 3.
    #[must_use]
    pub const fn op(self) -> OpType {
        match self.0 & 0x0F {
            0 => OpType::Nul,
            1 => OpType::PulseOn,
            2 => OpType::PulseOff,
            3 => OpType::LatchOn,
            4 => OpType::LatchOff,
            reserved => OpType::Reserved(reserved),
        }
    }

    /// Bit 4, obsolete: put behind what is under way.
    #[must_use]
    pub const fn queue(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// Bit 5: end what is under way first.
    #[must_use]
    pub const fn clear(self) -> bool {
        self.0 & 0x20 != 0
    }

    /// Bits 6 and 7.
    #[must_use]
    pub const fn trip_close(self) -> TripClose {
        match self.0 >> 6 {
            0 => TripClose::Nul,
            1 => TripClose::Close,
            2 => TripClose::Trip,
            _ => TripClose::Reserved,
        }
    }
}

/// A control relay output block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Crob {
    /// What to do.
    pub code: ControlCode,
    /// How often; 0 is not at all.
    pub count: u8,
    /// Milliseconds on, of a pulse.
    pub on_ms: u32,
    /// Milliseconds off, of a pulse.
    pub off_ms: u32,
    /// Success in a request; what became of it in an answer.
    pub status: ControlStatus,
}

impl Crob {
    /// Octets of a block, of g12v1 and g12v2.
    pub const OCTETS: usize = 11;

    /// A request that is carried out once.
    #[must_use]
    pub const fn once(code: ControlCode, on_ms: u32, off_ms: u32) -> Self {
        Self { code, count: 1, on_ms, off_ms, status: ControlStatus::SUCCESS }
    }

    /// From the wire; `None` if the octets are not 11.
    #[must_use]
    pub fn decode(octets: &[u8]) -> Option<Self> {
        let mut reader = Reader(octets);
        let crob = Self {
            code: ControlCode(reader.u8()?),
            count: reader.u8()?,
            on_ms: reader.u32()?,
            off_ms: reader.u32()?,
            status: ControlStatus(reader.u8()?),
        };
        reader.end(crob)
    }

    /// To the wire.
    #[must_use]
    pub fn encode(self) -> [u8; Self::OCTETS] {
        let [on0, on1, on2, on3] = self.on_ms.to_le_bytes();
        let [off0, off1, off2, off3] = self.off_ms.to_le_bytes();
        [self.code.0, self.count, on0, on1, on2, on3, off0, off1, off2, off3, self.status.0]
    }
}

/// What kind of output a point is (clause 11, g12v1). A point has one model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ControlModel {
    /// Starts something that ends by itself.
    Activation,
    /// One output with two states that stay.
    ComplementaryLatch,
    /// Two outputs, one for each way: trip and close, lower and raise.
    ComplementaryTwoOutput,
}

/// What a lawful block wants of a point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Intent {
    /// Start.
    Activate,
    /// On, close, raise.
    On,
    /// Off, trip, lower.
    Off,
}

/// What a point takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ControlPoint {
    /// Its model.
    pub model: ControlModel,
    /// Takes the other models' codes too, as the standard leaves open: LATCH_ON and LATCH_OFF at a point with two outputs, CLOSE and TRIP
    /// at a latch, all four as a start at an activation.
    pub lenient: bool,
    /// The most pulses.
    pub count_max: u8,
    /// The longest pulse and pause, in milliseconds.
    pub pulse_ms_max: u32,
}

impl ControlPoint {
    /// What a block wants of this point.
    ///
    /// | code | activation | latch | two outputs |
    /// |---|---|---|---|
    /// | PULSE_ON | activate | – | – |
    /// | LATCH_ON, LATCH_OFF | lenient: activate | on, off | lenient: on, off |
    /// | CLOSE or TRIP with PULSE_ON | lenient: activate | lenient: on, off | on, off |
    ///
    /// # Errors
    /// [`ControlStatus::NOT_SUPPORTED`] for everything else: NUL, PULSE_OFF, reserved codes, QUEUE and CLEAR, a count of 0 or beyond the
    /// point's most, and pulses beyond its longest.
    pub const fn intent(&self, crob: &Crob) -> Result<Intent, ControlStatus> {
        let refused = Err(ControlStatus::NOT_SUPPORTED);
        // Count and times have no meaning for a latch, but none is carried out zero times.
        if crob.count == 0 || crob.code.queue() || crob.code.clear() {
            return refused;
        }
        let pulse = matches!(crob.code.op(), OpType::PulseOn);
        if pulse && (crob.count > self.count_max || crob.on_ms > self.pulse_ms_max || crob.off_ms > self.pulse_ms_max) {
            return refused;
        }
        // What the code asks for, and of which model it is.
        let (asked, of) = match (crob.code.op(), crob.code.trip_close()) {
            (OpType::PulseOn, TripClose::Nul) => (Intent::Activate, ControlModel::Activation),
            (OpType::LatchOn, TripClose::Nul) => (Intent::On, ControlModel::ComplementaryLatch),
            (OpType::LatchOff, TripClose::Nul) => (Intent::Off, ControlModel::ComplementaryLatch),
            (OpType::PulseOn, TripClose::Close) => (Intent::On, ControlModel::ComplementaryTwoOutput),
            (OpType::PulseOn, TripClose::Trip) => (Intent::Off, ControlModel::ComplementaryTwoOutput),
            _ => return refused,
        };
        match (self.model, of) {
            (ControlModel::Activation, ControlModel::Activation)
            | (ControlModel::ComplementaryLatch, ControlModel::ComplementaryLatch)
            | (ControlModel::ComplementaryTwoOutput, ControlModel::ComplementaryTwoOutput) => Ok(asked),
            (ControlModel::Activation, _) if self.lenient => Ok(Intent::Activate),
            // A pulse alone does not say which way.
            (_, ControlModel::ComplementaryLatch | ControlModel::ComplementaryTwoOutput) if self.lenient => Ok(asked),
            _ => refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODELS: [ControlModel; 3] = [ControlModel::Activation, ControlModel::ComplementaryLatch, ControlModel::ComplementaryTwoOutput];

    fn point(model: ControlModel, lenient: bool) -> ControlPoint {
        ControlPoint { model, lenient, count_max: 2, pulse_ms_max: 5000 }
    }

    #[test]
    fn a2_r36_a_block_has_eleven_octets_in_order() {
        let crob = Crob { code: ControlCode(0x41), count: 2, on_ms: 0x0403_0201, off_ms: 0x0807_0605, status: ControlStatus(4) };
        assert_eq!(crob.encode(), [0x41, 2, 1, 2, 3, 4, 5, 6, 7, 8, 4]);
        assert_eq!(Crob::decode(&crob.encode()), Some(crob));
        assert_eq!(Crob::decode(&[0; 10]), None);
        assert_eq!(Crob::decode(&[0; 12]), None);
        let code = ControlCode(0xB2);
        assert_eq!((code.op(), code.queue(), code.clear(), code.trip_close()), (OpType::PulseOff, true, true, TripClose::Trip));
    }

    /// All 256 codes of all models: exactly these pairs are lawful.
    #[test]
    fn a2_r37_the_matrix_of_codes_and_models() {
        for model in MODELS {
            for lenient in [false, true] {
                let lawful: Vec<(u8, Intent)> = (0..=255)
                    .filter_map(|code| {
                        point(model, lenient).intent(&Crob::once(ControlCode(code), 100, 100)).ok().map(|intent| (code, intent))
                    })
                    .collect();
                let (start, on, off) = (Intent::Activate, Intent::On, Intent::Off);
                let expected: &[(u8, Intent)] = match (model, lenient) {
                    (ControlModel::Activation, false) => &[(0x01, start)],
                    (ControlModel::Activation, true) => &[(0x01, start), (0x03, start), (0x04, start), (0x41, start), (0x81, start)],
                    (ControlModel::ComplementaryLatch, false) => &[(0x03, on), (0x04, off)],
                    (ControlModel::ComplementaryTwoOutput, false) => &[(0x41, on), (0x81, off)],
                    (_, true) => &[(0x03, on), (0x04, off), (0x41, on), (0x81, off)],
                };
                assert_eq!(lawful, expected, "{model:?} lenient={lenient}");
            }
        }
    }

    #[test]
    fn b2_33_counts_and_times_out_of_bounds_are_not_supported() {
        let two = point(ControlModel::ComplementaryTwoOutput, false);
        let close = Crob::once(ControlCode::CLOSE, 100, 100);
        assert_eq!(two.intent(&close), Ok(Intent::On));
        for wrong in [
            Crob { count: 0, ..close },
            Crob { count: 255, ..close },
            Crob { on_ms: u32::MAX, ..close },
            Crob { off_ms: 5001, ..close },
            Crob { code: ControlCode(0xC1), ..close },
            Crob { code: ControlCode(0x45), ..close },
            Crob { code: ControlCode(0x4F), ..close },
        ] {
            assert_eq!(two.intent(&wrong), Err(ControlStatus::NOT_SUPPORTED), "{wrong:?}");
        }
        // A latch looks at no time.
        let latch = point(ControlModel::ComplementaryLatch, false);
        assert_eq!(latch.intent(&Crob { on_ms: u32::MAX, ..Crob::once(ControlCode::LATCH_ON, 0, 0) }), Ok(Intent::On));
    }
}
