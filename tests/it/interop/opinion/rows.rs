//! The table: every type of IEC 60870-5-104 once or more, in the other codec's words and in ours.

use std::fmt::Debug;

use bridge_model::{Action, DoublePoint, Value};
use iec60870_5::types::DataBuffer;
use iec60870_5::types::datatype::{
    BCR, BSI, C_BO_NA_1, C_BO_TB_1, C_CI_NA_1, C_CS_NA_1, C_DC_NA_1, C_DC_TA_1, C_IC_NA_1, C_RC_NA_1, C_RC_TA_1, C_RD_NA_1, C_RP_NA_1,
    C_SC_NA_1, C_SC_TA_1, C_SE_NA_1, C_SE_NB_1, C_SE_NC_1, C_SE_TA_1, C_SE_TB_1, C_SE_TC_1, C_TS_TA_1, COI, DCO, DIQ, DPI, DataType, FRZ,
    KPA, LPC, M_BO_NA_1, M_BO_TB_1, M_DP_NA_1, M_DP_TB_1, M_EI_NA_1, M_EP_TD_1, M_EP_TE_1, M_EP_TF_1, M_IT_NA_1, M_IT_TB_1, M_ME_NA_1,
    M_ME_NB_1, M_ME_NC_1, M_ME_ND_1, M_ME_TD_1, M_ME_TE_1, M_ME_TF_1, M_PS_NA_1, M_SP_NA_1, M_SP_TB_1, M_ST_NA_1, M_ST_TB_1, NVA, OCI,
    P_AC_NA_1, P_ME_NA_1, P_ME_NB_1, P_ME_NC_1, QDP, QDS, QL, QOI, QOS, QPA, QPM, QRP, QU, R32, RCO, RCS, RQT, SCD, SCO, SEP, SIQ, SPI,
    SVA, SelectExecute, SeqQD, StartEP, VTI,
};
use iec60870_5::types::time::{CP16Time2a, CP56Time2a, DayOfWeek};

/// 2026-04-01T10:30:07.123Z: the time tag of every row that has one.
pub(super) const STAMP_MS: i64 = 1_775_039_407_123;

/// What an element means to us.
#[derive(Clone, Copy, Debug)]
pub(super) enum Means {
    /// A value, as a number: states are their wire code.
    Monitored(f64),
    /// A command.
    Commanded { action: Action, qualifier: u8, select: bool },
    /// Nothing that our neutral words could carry: only its octets are compared.
    Octets,
}

/// What their reading of an element's octets must give; `Err` says what it gave.
type Check = Box<dyn Fn(DataBuffer) -> Result<(), String>>;

/// One line of the table.
pub(super) struct Row {
    pub(super) ti: DataType,
    pub(super) element: DataBuffer,
    pub(super) means: Means,
    /// IV, NT, SB, BL, OV.
    pub(super) flags: [bool; 5],
    /// Words that our description of the APDU must have: for what has no neutral words.
    pub(super) words: &'static [&'static str],
    check: Check,
}

impl Row {
    fn new<T>(ti: DataType, said: T, means: Means) -> Self
    where
        T: Clone + Debug + PartialEq + Into<DataBuffer> + From<DataBuffer> + 'static,
    {
        let element = said.clone().into();
        let check = move |octets: DataBuffer| {
            let read = T::from(octets);
            if read == said { Ok(()) } else { Err(format!("{read:?} instead of {said:?}")) }
        };
        Self { ti, element, means, flags: [false; 5], words: &[], check: Box::new(check) }
    }

    pub(super) fn monitored<T>(ti: DataType, said: T, value: f64) -> Self
    where
        T: Clone + Debug + PartialEq + Into<DataBuffer> + From<DataBuffer> + 'static,
    {
        Self::new(ti, said, Means::Monitored(value))
    }

    fn commanded<T>(ti: DataType, said: T, action: Action, qualifier: u8, select: bool) -> Self
    where
        T: Clone + Debug + PartialEq + Into<DataBuffer> + From<DataBuffer> + 'static,
    {
        Self::new(ti, said, Means::Commanded { action, qualifier, select })
    }

    fn octets<T>(ti: DataType, said: T, words: &'static [&'static str]) -> Self
    where
        T: Clone + Debug + PartialEq + Into<DataBuffer> + From<DataBuffer> + 'static,
    {
        Self { words, ..Self::new(ti, said, Means::Octets) }
    }

    pub(super) fn flagged(self, flags: [bool; 5]) -> Self {
        Self { flags, ..self }
    }

    /// They read their own octets wrongly: the octets themselves are compared.
    fn misread(self) -> Self {
        let element = self.element;
        // We leave the day of week unused (0), they write one: it is no part of the time.
        let day = self.stamped().then(|| bridge_iec60870::TypeId(self.ti as u8).element_octets().expect("a type with a size") - 3);
        let check = move |mut octets: DataBuffer| {
            let mut expected = element;
            if let Some(day) = day {
                octets[day] &= 0x1F;
                expected[day] &= 0x1F;
            }
            if octets == expected { Ok(()) } else { Err(format!("{octets:02x?} instead of {expected:02x?}")) }
        };
        Self { check: Box::new(check), ..self }
    }

    pub(super) fn check(&self, octets: DataBuffer) {
        (self.check)(octets).unwrap_or_else(|what| panic!("{:?}: {what}", self.ti));
    }

    /// Whether the type has a CP56Time2a.
    pub(super) fn stamped(&self) -> bool {
        matches!(self.ti as u8, 30..=40 | 58..=64)
    }

    /// The value in the width that a device of this type gives.
    pub(super) fn value(&self, number: f64) -> Value {
        #[expect(clippy::cast_possible_truncation, reason = "the table's numbers are small")]
        match self.ti as u8 {
            1 | 30 => Value::Bool(number == 1.0),
            3 | 31 => Value::Double(DoublePoint::from_bits(number as u8)),
            13 | 36 => Value::Real32(number as f32),
            9 | 21 | 34 => Value::Real(number),
            _ => Value::Int(number as i64),
        }
    }
}

fn stamp() -> CP56Time2a {
    // The day of week is unused on our side; they read that as Sunday.
    CP56Time2a { ms: 7123, iv: false, min: 30, su: false, hour: 10, dow: DayOfWeek::Sunday, day: 1, month: 4, year: 26 }
}

fn good() -> QDS {
    QDS::default()
}

/// Not topical and substituted.
fn old() -> QDS {
    QDS { nt: true, sb: true, ..QDS::default() }
}

const OLD: [bool; 5] = [false, true, true, false, false];

fn qos(select: bool, ql: u8) -> QOS {
    QOS { se: if select { SelectExecute::Select } else { SelectExecute::Execute }, ql: QL { ql } }
}

fn se(select: bool) -> SelectExecute {
    if select { SelectExecute::Select } else { SelectExecute::Execute }
}

fn half() -> NVA {
    // 0.5 of the range of 2^15.
    NVA { value: 0x4000 }
}

fn scaled(value: i16) -> SVA {
    SVA { value: value.cast_unsigned() }
}

/// The table.
pub(super) fn rows() -> Vec<Row> {
    [monitored(), stamped(), commanded(), system()].into_iter().flatten().collect()
}

fn monitored() -> Vec<Row> {
    use DataType as T;
    let siq = |on| SIQ { spi: if on { SPI::On } else { SPI::Off }, ..SIQ::default() };
    let diq = |dpi| DIQ { dpi, ..DIQ::default() };
    vec![
        Row::monitored(T::M_SP_NA_1, M_SP_NA_1 { siq: siq(true) }, 1.0),
        Row::monitored(T::M_SP_NA_1, M_SP_NA_1 { siq: siq(false) }, 0.0),
        Row::monitored(T::M_DP_NA_1, M_DP_NA_1 { diq: diq(DPI::Indeterminate0) }, 0.0),
        Row::monitored(T::M_DP_NA_1, M_DP_NA_1 { diq: diq(DPI::Off) }, 1.0),
        Row::monitored(T::M_DP_NA_1, M_DP_NA_1 { diq: diq(DPI::On) }, 2.0),
        Row::monitored(T::M_DP_NA_1, M_DP_NA_1 { diq: diq(DPI::Indeterminate3) }, 3.0),
        // -13 in seven bits; a transient step is not compared, they look for its bit in another octet.
        Row::monitored(T::M_ST_NA_1, M_ST_NA_1 { vti: VTI { value: 0x73, transient: false, qds: old() } }, -13.0).flagged(OLD),
        Row::monitored(T::M_BO_NA_1, M_BO_NA_1 { bsi: BSI { value: 0x8001_F00F }, qds: old() }, 2_147_610_639.0).flagged(OLD),
        Row::monitored(T::M_ME_NA_1, M_ME_NA_1 { nva: half(), qds: old() }, 0.5).flagged(OLD),
        Row::monitored(T::M_ME_NA_1, M_ME_NA_1 { nva: NVA { value: 0x8000 }, qds: good() }, -1.0),
        Row::monitored(T::M_ME_NB_1, M_ME_NB_1 { sva: scaled(-1234), qds: old() }, -1234.0).flagged(OLD),
        Row::monitored(T::M_ME_NC_1, M_ME_NC_1 { r32: R32 { value: 243.6 }, qds: old() }, f64::from(243.6_f32)).flagged(OLD),
        Row::monitored(T::M_IT_NA_1, M_IT_NA_1 { bcr: BCR { value: 123_456 }, seq_qd: SeqQD::default() }, 123_456.0),
        Row::octets(
            T::M_IT_NA_1,
            M_IT_NA_1 { bcr: BCR { value: 0xFFFF_FFFE }, seq_qd: SeqQD { iv: true, ca: true, cy: true, seq: 19 } },
            &[],
        ),
        Row::monitored(T::M_PS_NA_1, M_PS_NA_1 { scd: SCD { value: 0x0001_F00F }, qds: old() }, 126_991.0).flagged(OLD),
        Row::monitored(T::M_ME_ND_1, M_ME_ND_1 { nva: half() }, 0.5),
    ]
}

fn stamped() -> Vec<Row> {
    use DataType as T;
    let siq = SIQ { spi: SPI::On, bl: true, ..SIQ::default() };
    let diq = DIQ { dpi: DPI::Off, iv: true, ..DIQ::default() };
    let elapsed = CP16Time2a { ms: 1234 };
    let qdp = QDP { nt: true, ei: true, ..QDP::default() };
    let sep = SEP { es: true.into(), bl: true, ..SEP::default() };
    let start_ep = StartEP { gs: true, sl3: true, srd: true, ..StartEP::default() };
    let oci = OCI { gc: true, cl2: true, ..OCI::default() };
    vec![
        Row::monitored(T::M_SP_TB_1, M_SP_TB_1 { siq, time: stamp() }, 1.0).flagged([false, false, false, true, false]),
        Row::monitored(T::M_DP_TB_1, M_DP_TB_1 { diq, time: stamp() }, 1.0).flagged([true, false, false, false, false]),
        Row::monitored(T::M_ST_TB_1, M_ST_TB_1 { vti_value: 0x73, qds: old(), time: stamp() }, -13.0).flagged(OLD),
        Row::monitored(T::M_BO_TB_1, M_BO_TB_1 { bsi: BSI { value: 0x8001_F00F }, qds: old(), time: stamp() }, 2_147_610_639.0)
            .flagged(OLD),
        Row::monitored(T::M_ME_TD_1, M_ME_TD_1 { nva: half(), qds: old(), time: stamp() }, 0.5).flagged(OLD),
        Row::monitored(T::M_ME_TE_1, M_ME_TE_1 { sva: scaled(-1234), qds: old(), time: stamp() }, -1234.0).flagged(OLD),
        Row::monitored(T::M_ME_TF_1, M_ME_TF_1 { r32: R32 { value: -0.1 }, qds: old(), time: stamp() }, f64::from(-0.1_f32)).flagged(OLD),
        Row::monitored(T::M_IT_TB_1, M_IT_TB_1 { bcr: BCR { value: 123_456 }, seq_qd: SeqQD::default(), time: stamp() }, 123_456.0),
        Row::octets(T::M_EP_TD_1, M_EP_TD_1 { sep, elapsed, time: stamp() }, &[]),
        Row::octets(T::M_EP_TE_1, M_EP_TE_1 { start_ep, qdp: qdp.clone(), relay_duration: elapsed, time: stamp() }, &[]),
        Row::octets(T::M_EP_TF_1, M_EP_TF_1 { oci, qdp, relay_op_time: elapsed, time: stamp() }, &[]),
    ]
}

fn commanded() -> Vec<Row> {
    use DataType as T;
    let sco = |on, select, qu| SCO { se: se(select), qu, scs: if on { SPI::On } else { SPI::Off } };
    let dco = |dcs, select| DCO { se: se(select), qu: QU::LongPulse, dcs };
    let rco = |rcs| RCO { se: se(false), qu: QU::ShortPulse, rcs };
    let r32 = || R32 { value: 210.5 };
    let bsi = || BSI { value: 0x8001_F00F };
    vec![
        Row::commanded(T::C_SC_NA_1, C_SC_NA_1 { sco: sco(true, true, QU::Unspecified) }, Action::Switch(true), 0, true),
        Row::commanded(T::C_SC_NA_1, C_SC_NA_1 { sco: sco(false, false, QU::Persistent) }, Action::Switch(false), 3, false),
        Row::commanded(T::C_DC_NA_1, C_DC_NA_1 { dco: dco(DPI::On, false) }, Action::Switch(true), 2, false).misread(),
        Row::commanded(T::C_DC_NA_1, C_DC_NA_1 { dco: dco(DPI::Off, true) }, Action::Switch(false), 2, true),
        Row::commanded(T::C_RC_NA_1, C_RC_NA_1 { rco: rco(RCS::Increment) }, Action::Switch(true), 1, false),
        Row::commanded(T::C_RC_NA_1, C_RC_NA_1 { rco: rco(RCS::Decrement) }, Action::Switch(false), 1, false),
        Row::commanded(T::C_SE_NA_1, C_SE_NA_1 { nva: half(), qos: qos(false, 0) }, Action::Set(0.5), 0, false),
        Row::commanded(T::C_SE_NB_1, C_SE_NB_1 { sva: scaled(-1234), qos: qos(true, 0) }, Action::Set(-1234.0), 0, true),
        Row::commanded(T::C_SE_NC_1, C_SE_NC_1 { r32: r32(), qos: qos(true, 0) }, Action::Set(210.5), 0, true),
        Row::commanded(T::C_SE_NC_1, C_SE_NC_1 { r32: r32(), qos: qos(false, 64) }, Action::Set(210.5), 64, false),
        Row::commanded(T::C_BO_NA_1, C_BO_NA_1 { bsi: bsi() }, Action::Set(2_147_610_639.0), 0, false),
        Row::commanded(T::C_SC_TA_1, C_SC_TA_1 { sco: sco(true, false, QU::ShortPulse), time: stamp() }, Action::Switch(true), 1, false),
        Row::commanded(T::C_DC_TA_1, C_DC_TA_1 { dco: dco(DPI::On, false), time: stamp() }, Action::Switch(true), 2, false).misread(),
        Row::commanded(T::C_RC_TA_1, C_RC_TA_1 { rco: rco(RCS::Increment), time: stamp() }, Action::Switch(true), 1, false),
        Row::commanded(T::C_SE_TA_1, C_SE_TA_1 { nva: half(), qos: qos(false, 0), time: stamp() }, Action::Set(0.5), 0, false),
        Row::commanded(T::C_SE_TB_1, C_SE_TB_1 { sva: scaled(-1234), qos: qos(true, 0), time: stamp() }, Action::Set(-1234.0), 0, true),
        Row::commanded(T::C_SE_TC_1, C_SE_TC_1 { r32: r32(), qos: qos(true, 0), time: stamp() }, Action::Set(210.5), 0, true),
        // Type 64; they call the element C_BO_TB_1.
        Row::commanded(T::C_BO_TA_1, C_BO_TB_1 { bsi: bsi(), time: stamp() }, Action::Set(2_147_610_639.0), 0, false),
    ]
}

fn system() -> Vec<Row> {
    use DataType as T;
    // They put the kind of parameter into the bits of LPC and POP: only kind 0 is written as the standard has it.
    let qpm = || QPM { kpa: KPA::Unused, pop: false, lpc: LPC::NoChange };
    vec![
        Row::octets(T::M_EI_NA_1, M_EI_NA_1 { lpc: LPC::NoChange, coi: COI::RemoteReset }, &["coi=2"]),
        Row::octets(T::M_EI_NA_1, M_EI_NA_1 { lpc: LPC::Changed, coi: COI::LocalManualReset }, &[]).misread(),
        Row::octets(T::C_IC_NA_1, C_IC_NA_1 { qoi: QOI::Inrogen }, &["qoi=20"]),
        Row::octets(T::C_IC_NA_1, C_IC_NA_1 { qoi: QOI::Inro16 }, &["qoi=36"]),
        Row::octets(T::C_CI_NA_1, C_CI_NA_1 { frz: FRZ::FreezeAndReset, rqt: RQT::ReqCoGen }, &[]),
        Row::octets(T::C_CI_NA_1, C_CI_NA_1 { frz: FRZ::Read, rqt: RQT::ReqCo2 }, &[]),
        Row::octets(T::C_RD_NA_1, C_RD_NA_1 {}, &[]),
        Row::octets(T::C_CS_NA_1, C_CS_NA_1 { time: stamp() }, &["2026-04-01T10:30:07.123"]),
        Row::octets(T::C_RP_NA_1, C_RP_NA_1 { qrp: QRP::TtEvents }, &[]),
        // They take the high octet first; the low one is.
        Row::octets(T::C_TS_TA_1, C_TS_TA_1 { tsc: 0x1234, time: stamp() }, &["tsc=0x3412", "2026-04-01T10:30:07.123"]),
        Row::octets(T::P_ME_NA_1, P_ME_NA_1 { nva: half(), qpm: qpm() }, &[]),
        Row::octets(T::P_ME_NB_1, P_ME_NB_1 { sva: scaled(-1234), qpm: qpm() }, &[]),
        Row::octets(T::P_ME_NC_1, P_ME_NC_1 { r32: R32 { value: 0.5 }, qpm: qpm() }, &[]),
        Row::octets(T::P_AC_NA_1, P_AC_NA_1 { qpa: QPA::Transmission }, &[]),
    ]
}
