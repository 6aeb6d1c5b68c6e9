//! Values and commands as plain numbers, and the library's types that carry them.
//!
//! States are their wire code, steps and totals whole numbers, normalised values fractions of 1, commands 0 and 1 (off and on, lower and
//! higher).

use iec104::rtu_server::PointValue;
use iec104::types::commands::{Dco, Qu, Rco, Rcs, Sco};
use iec104::types::information_elements::{Diq, Dpi, SelectExecute, Siq, Spi, Vti};
use iec104::types::quality_descriptors::{Qds, Qos, SeqQd};
use iec104::types::time::Cp56Time2a;
use iec104::types::{
    CBoNa1, CBoTa1, CScNa1, CScTa1, CSeNa1, CSeNb1, CSeNc1, CSeTa1, CSeTb1, CSeTc1, CdcNa1, CdcTa1, CrcNa1, CrcTa1, GenericObject,
    InformationObjects, MBoNa1, MBoTb1, MDpNa1, MDpTb1, MItNa1, MItTb1, MMeNa1, MMeNb1, MMeNc1, MMeNd1, MMeTd1, MMeTe1, MMeTf1, MPsNa1,
    MSpNa1, MSpTb1, MStNa1, MStTb1,
};
use iec104::types_id::TypeId;

use crate::stamp::nanoseconds;

/// A value as it was told.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub ioa: u32,
    pub value: f64,
    pub quality: Qds,
    pub stamp_ns: Option<i64>,
}

impl Told {
    /// Validity (00 good, 01 invalid, 11 questionable) and details, packed as the ledgers have them.
    pub fn quality_bits(&self) -> u16 {
        let Qds { iv, nt, sb, bl, ov } = self.quality;
        let details = u16::from(ov) << 2 | u16::from(nt) << 7 | u16::from(sb) << 10 | u16::from(bl) << 12;
        let validity = if iv {
            0b01
        } else if nt || bl || ov {
            0b11
        } else {
            0b00
        };
        details | validity
    }
}

/// Quality in words, joined by `+`: `good`, or `IV NT SB BL OV`.
pub fn quality_of(text: &str) -> Qds {
    let has = |name: &str| text.split('+').any(|word| word == name);
    Qds { iv: has("IV"), nt: has("NT"), sb: has("SB"), bl: has("BL"), ov: has("OV") }
}

const RANGE: f64 = 32_768.0;

fn siq(value: f64, q: &Qds) -> Siq {
    Siq { iv: q.iv, nt: q.nt, sb: q.sb, bl: q.bl, spi: if value == 0.0 { Spi::Off } else { Spi::On } }
}

fn diq(value: f64, q: &Qds) -> Diq {
    Diq { iv: q.iv, nt: q.nt, sb: q.sb, bl: q.bl, dpi: Dpi::from_byte(value as u8) }
}

fn vti(value: f64, q: &Qds) -> Vti {
    Vti { value: value as i8, transient: false, qds: q.clone() }
}

fn nva(value: f64) -> i16 {
    (value * RANGE).round().clamp(-RANGE, RANGE - 1.0) as i16
}

fn seq_qd(q: &Qds) -> SeqQd {
    SeqQd { iv: q.iv, ..SeqQd::default() }
}

/// The element of a monitored type; `None` for a type that this peer does not serve.
pub fn point_value(ti: TypeId, value: f64, quality: &Qds, time: Cp56Time2a) -> Option<PointValue> {
    use PointValue as P;
    let qds = quality.clone();
    Some(match ti {
        TypeId::M_SP_NA_1 => P::MSpNa1(MSpNa1 { siq: siq(value, quality) }),
        TypeId::M_DP_NA_1 => P::MDpNa1(MDpNa1 { diq: diq(value, quality) }),
        TypeId::M_ST_NA_1 => P::MStNa1(MStNa1 { vti: vti(value, quality) }),
        TypeId::M_BO_NA_1 => P::MBoNa1(MBoNa1 { bsi: value as u32, qds }),
        TypeId::M_ME_NA_1 => P::MMeNa1(MMeNa1 { nva: nva(value), qds }),
        TypeId::M_ME_NB_1 => P::MMeNb1(MMeNb1 { sva: value as i16, qds }),
        TypeId::M_ME_NC_1 => P::MMeNc1(MMeNc1 { value: value as f32, qds }),
        TypeId::M_IT_NA_1 => P::MItNa1(MItNa1 { bcr: value as i32, sqd: seq_qd(quality) }),
        TypeId::M_PS_NA_1 => P::MPsNa1(MPsNa1 { bsi: value as u32, qds }),
        TypeId::M_ME_ND_1 => P::MMeNd1(MMeNd1 { nva: nva(value) }),
        TypeId::M_SP_TB_1 => P::MSpTb1(MSpTb1 { siq: siq(value, quality), time }),
        TypeId::M_DP_TB_1 => P::MDpTb1(MDpTb1 { diq: diq(value, quality), time }),
        TypeId::M_ST_TB_1 => P::MStTb1(MStTb1 { vti: vti(value, quality), time }),
        TypeId::M_BO_TB_1 => P::MBoTb1(MBoTb1 { bsi: value as u32, qds, time }),
        TypeId::M_ME_TD_1 => P::MMeTd1(MMeTd1 { nva: nva(value), qds, time }),
        TypeId::M_ME_TE_1 => P::MMeTe1(MMeTe1 { sva: value as i16, qds, time }),
        TypeId::M_ME_TF_1 => P::MMeTf1(MMeTf1 { value: value as f32, qds, time }),
        TypeId::M_IT_TB_1 => P::MItTb1(MItTb1 { bcr: value as i32, sqd: seq_qd(quality), time }),
        _ => return None,
    })
}

/// The monitored values of an ASDU; `None` for what is none.
pub fn told(objects: &InformationObjects) -> Option<Vec<Told>> {
    use InformationObjects as I;
    let state = |iv, nt, sb, bl| Qds { iv, nt, sb, bl, ov: false };
    let of_total = |sqd: &SeqQd| Qds { iv: sqd.iv, ..Qds::default() };
    let normal = |nva: i16| f64::from(nva) / RANGE;
    fn each<T: iec104::types::FromBytes + iec104::types::ToBytes + Default>(
        list: &[GenericObject<T>],
        read: impl Fn(&T) -> (f64, Qds, Option<&Cp56Time2a>),
    ) -> Vec<Told> {
        let one = |object: &GenericObject<T>| {
            let (value, quality, time) = read(&object.object);
            Told { ioa: object.address, value, quality, stamp_ns: time.map(nanoseconds) }
        };
        list.iter().map(one).collect()
    }
    let single = |s: &Siq| (f64::from(s.spi as u8), state(s.iv, s.nt, s.sb, s.bl));
    let double = |d: &Diq| (f64::from(d.dpi as u8), state(d.iv, d.nt, d.sb, d.bl));
    macro_rules! plain {
        ($list:expr, $read:expr) => {
            each($list, |m| {
                let (value, quality) = $read(m);
                (value, quality, None)
            })
        };
    }
    macro_rules! tagged {
        ($list:expr, $read:expr) => {
            each($list, |m| {
                let (value, quality) = $read(m);
                (value, quality, Some(&m.time))
            })
        };
    }
    Some(match objects {
        I::MSpNa1(list) => plain!(list, |m: &MSpNa1| single(&m.siq)),
        I::MDpNa1(list) => plain!(list, |m: &MDpNa1| double(&m.diq)),
        I::MStNa1(list) => plain!(list, |m: &MStNa1| (f64::from(m.vti.value), m.vti.qds.clone())),
        I::MBoNa1(list) => plain!(list, |m: &MBoNa1| (f64::from(m.bsi), m.qds.clone())),
        I::MMeNa1(list) => plain!(list, |m: &MMeNa1| (normal(m.nva), m.qds.clone())),
        I::MMeNb1(list) => plain!(list, |m: &MMeNb1| (f64::from(m.sva), m.qds.clone())),
        I::MMeNc1(list) => plain!(list, |m: &MMeNc1| (f64::from(m.value), m.qds.clone())),
        I::MItNa1(list) => plain!(list, |m: &MItNa1| (f64::from(m.bcr), of_total(&m.sqd))),
        I::MPsNa1(list) => plain!(list, |m: &MPsNa1| (f64::from(m.bsi), m.qds.clone())),
        I::MMeNd1(list) => plain!(list, |m: &MMeNd1| (normal(m.nva), Qds::default())),
        I::MSpTb1(list) => tagged!(list, |m: &MSpTb1| single(&m.siq)),
        I::MDpTb1(list) => tagged!(list, |m: &MDpTb1| double(&m.diq)),
        I::MStTb1(list) => tagged!(list, |m: &MStTb1| (f64::from(m.vti.value), m.vti.qds.clone())),
        I::MBoTb1(list) => tagged!(list, |m: &MBoTb1| (f64::from(m.bsi), m.qds.clone())),
        I::MMeTd1(list) => tagged!(list, |m: &MMeTd1| (normal(m.nva), m.qds.clone())),
        I::MMeTe1(list) => tagged!(list, |m: &MMeTe1| (f64::from(m.sva), m.qds.clone())),
        I::MMeTf1(list) => tagged!(list, |m: &MMeTf1| (f64::from(m.value), m.qds.clone())),
        I::MItTb1(list) => tagged!(list, |m: &MItTb1| (f64::from(m.bcr), of_total(&m.sqd))),
        _ => return None,
    })
}

/// One command as it came or goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    pub ioa: u32,
    pub value: f64,
    pub select: bool,
}

/// The octets' meaning of a command; `None` for what is none.
pub fn order(objects: &InformationObjects) -> Option<Order> {
    use InformationObjects as I;
    let is_select = |se: &SelectExecute| *se == SelectExecute::Select;
    let sco = |s: &Sco| (f64::from(s.scs as u8), is_select(&s.se));
    // Two bits: 1 is off or lower, 2 is on or higher; the rest is not permitted.
    let dco = |d: &Dco| (f64::from(d.dcs as u8) - 1.0, is_select(&d.se));
    let rco = |r: &Rco| (f64::from(r.rcs.to_byte()) - 1.0, is_select(&r.se));
    macro_rules! one {
        ($list:expr, $read:expr) => {{
            let [object] = $list.as_slice() else { return None };
            let (value, select) = $read(&object.object);
            Order { ioa: object.address, value, select }
        }};
    }
    Some(match objects {
        I::CScNa1(list) => one!(list, |c: &CScNa1| sco(&c.sco)),
        I::CdcNa1(list) => one!(list, |c: &CdcNa1| dco(&c.dco)),
        I::CrcNa1(list) => one!(list, |c: &CrcNa1| rco(&c.rco)),
        I::CSeNa1(list) => one!(list, |c: &CSeNa1| (f64::from(c.nva) / RANGE, is_select(&c.qos.se))),
        I::CSeNb1(list) => one!(list, |c: &CSeNb1| (f64::from(c.sva), is_select(&c.qos.se))),
        I::CSeNc1(list) => one!(list, |c: &CSeNc1| (f64::from(c.value), is_select(&c.qos.se))),
        I::CBoNa1(list) => one!(list, |c: &CBoNa1| (f64::from(c.bsi), false)),
        I::CScTa1(list) => one!(list, |c: &CScTa1| sco(&c.sco)),
        I::CdcTa1(list) => one!(list, |c: &CdcTa1| dco(&c.dco)),
        I::CrcTa1(list) => one!(list, |c: &CrcTa1| rco(&c.rco)),
        I::CSeTa1(list) => one!(list, |c: &CSeTa1| (f64::from(c.nva) / RANGE, is_select(&c.qos.se))),
        I::CSeTb1(list) => one!(list, |c: &CSeTb1| (f64::from(c.sva), is_select(&c.qos.se))),
        I::CSeTc1(list) => one!(list, |c: &CSeTc1| (f64::from(c.value), is_select(&c.qos.se))),
        I::CBoTa1(list) => one!(list, |c: &CBoTa1| (f64::from(c.bsi), false)),
        _ => return None,
    })
}

/// The objects of a command; `None` for a type that is none.
pub fn command(ti: TypeId, order: &Order, time: Cp56Time2a) -> Option<InformationObjects> {
    let Order { ioa, value, select } = *order;
    let se = SelectExecute::from_bool(select);
    let on = value != 0.0;
    let sco = Sco { se, qu: Qu::Unspecified, scs: if on { Spi::On } else { Spi::Off } };
    let dco = Dco { se, qu: Qu::Unspecified, dcs: if on { Dpi::On } else { Dpi::Off } };
    let rco = Rco { se, qu: Qu::Unspecified, rcs: if on { Rcs::Increment } else { Rcs::Decrement } };
    let qos = Qos { se, ql: 0 };
    macro_rules! one {
        ($object:expr) => {
            InformationObjects::from(vec![GenericObject { address: ioa, object: $object }])
        };
    }
    Some(match ti {
        TypeId::C_SC_NA_1 => one!(CScNa1 { sco }),
        TypeId::C_DC_NA_1 => one!(CdcNa1 { dco }),
        TypeId::C_RC_NA_1 => one!(CrcNa1 { rco }),
        TypeId::C_SE_NA_1 => one!(CSeNa1 { nva: nva(value), qos }),
        TypeId::C_SE_NB_1 => one!(CSeNb1 { sva: value as i16, qos }),
        TypeId::C_SE_NC_1 => one!(CSeNc1 { value: value as f32, qos }),
        TypeId::C_BO_NA_1 => one!(CBoNa1 { bsi: value as u32 }),
        TypeId::C_SC_TA_1 => one!(CScTa1 { sco, time }),
        TypeId::C_DC_TA_1 => one!(CdcTa1 { dco, time }),
        TypeId::C_RC_TA_1 => one!(CrcTa1 { rco, time }),
        TypeId::C_SE_TA_1 => one!(CSeTa1 { nva: nva(value), qos, time }),
        TypeId::C_SE_TB_1 => one!(CSeTb1 { sva: value as i16, qos, time }),
        TypeId::C_SE_TC_1 => one!(CSeTc1 { value: value as f32, qos, time }),
        TypeId::C_BO_TA_1 => one!(CBoTa1 { bsi: value as u32, time }),
        _ => return None,
    })
}
