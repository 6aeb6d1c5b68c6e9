//! Addresses: fields of a profile, and the per-link tables that find a point in a few nanoseconds.

use std::collections::BTreeMap;

use bridge_model::PointId;
use bridge_session::read::problem;
use bridge_session::{AddressUse, Field, FieldProblem, Fields, IndexMap, LinkPoint, LinkSpec};

use crate::asdu::IOA_MAX;
use crate::control::ControlKind;
use crate::params::Params;
use crate::transmission::Transmission;
use crate::{Family, TypeId};

/// One checked address: `{ ca = 21, ioa = 1001, ti = "M_ME_TF_1" }`; `ca` defaults to the link's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address {
    /// The common address, 1 to 65534.
    pub ca: u16,
    /// The object address, 1 to 16777215.
    pub ioa: u32,
    /// The type that the point is sent or commanded with.
    pub type_id: TypeId,
    /// What of the object the point is.
    pub part: Part,
    /// It is of the link's other direction (row 64).
    pub reversed: bool,
}

/// What of a monitored object a point is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Part {
    /// All of it.
    #[default]
    Whole,
    /// `bit = 3`: one bit of a packed value, 0 the lowest (types 7, 18 to 20, 33, 39, 40).
    Bit(u8),
    /// `part = "elapsed"`: the elapsed time of an event of protection equipment, in ms (types 17 to 19, 38 to 40).
    Elapsed,
}

const MONITOR_TYPES: &str = "M_SP_NA_1, M_DP_NA_1, M_ST_NA_1, M_BO_NA_1, M_ME_NA_1, M_ME_NB_1, M_ME_NC_1, M_IT_NA_1, M_PS_NA_1, M_ME_ND_1, \
    M_SP_TB_1, M_DP_TB_1, M_ST_TB_1, M_BO_TB_1, M_ME_TD_1, M_ME_TE_1, M_ME_TF_1, M_IT_TB_1, M_EP_TD_1, M_EP_TE_1, M_EP_TF_1";
const CONTROL_TYPES: &str = "C_SC_NA_1, C_DC_NA_1, C_RC_NA_1, C_SE_NA_1, C_SE_NB_1, C_SE_NC_1, C_BO_NA_1, C_SC_TA_1, C_DC_TA_1, C_RC_TA_1, \
    C_SE_TA_1, C_SE_TB_1, C_SE_TC_1, C_BO_TA_1";
const REVERSED: &str = LinkPoint::REVERSED;
const FIELDS: &str = "ca, ioa, ti, reversed, bit, part, groups, cyclic, min_interval, integrate";

impl Address {
    /// Reads an address in its use.
    ///
    /// # Errors
    /// Every problem of it.
    pub fn from_fields(usage: AddressUse, params: &Fields, fields: &Fields) -> Result<Self, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let known = |name: &str| match usage {
            AddressUse::Monitor => FIELDS.split(", ").any(|field| field == name),
            AddressUse::Control => matches!(name, "ca" | "ioa" | "ti" | REVERSED),
        };
        for name in fields.keys().filter(|name| !known(name)) {
            let list = if usage == AddressUse::Monitor { FIELDS } else { "ca, ioa, ti, reversed" };
            problems.push(problem(name, "unknown-field", format!("`{name}` is no field of a 104 address"), &format!("use {list}")));
        }
        match fields.get(REVERSED) {
            Some(Field::Bool(true)) if !Params::from_fields(params).both_directions => {
                let what = "the link has one direction, and this address is of the other".to_owned();
                problems.push(problem(REVERSED, "direction-standard", what, "add `direction = \"both\"` to the link"));
            }
            None | Some(Field::Bool(_)) => {}
            Some(Field::Int(_) | Field::Float(_) | Field::Text(_)) => {
                problems.push(problem(REVERSED, "not-a-truth", format!("`{REVERSED}` is neither true nor false"), "use true or false"));
            }
        }
        let ca = match fields.get("ca") {
            None => Params::from_fields(params).ca,
            Some(Field::Int(ca)) => u16::try_from(*ca).ok().filter(|ca| (1..=65534).contains(ca)),
            Some(Field::Float(_) | Field::Bool(_) | Field::Text(_)) => None,
        };
        if ca.is_none() {
            let (what, fix) = if fields.contains_key("ca") {
                ("the common address is no whole number from 1 to 65534", "use 1 to 65534")
            } else {
                ("the common address is missing", "give `ca` here or in the link")
            };
            problems.push(problem("ca", "ca-out-of-range", what.to_owned(), fix));
        }
        let ioa = match fields.get("ioa") {
            Some(Field::Int(ioa)) => match u32::try_from(*ioa) {
                Ok(ioa) if (1..=IOA_MAX).contains(&ioa) => Some(ioa),
                _ => {
                    problems.push(problem("ioa", "ioa-out-of-range", format!("ioa {ioa} does not fit three octets"), "use 1 to 16777215"));
                    None
                }
            },
            Some(Field::Float(_) | Field::Bool(_) | Field::Text(_)) => {
                problems.push(problem("ioa", "ioa-not-a-number", "the object address is no whole number".to_owned(), "use 1 to 16777215"));
                None
            }
            None => {
                problems.push(problem("ioa", "ioa-missing", "the object address is missing".to_owned(), "give `ioa = 1` to 16777215"));
                None
            }
        };
        let type_id = match fields.get("ti") {
            Some(Field::Text(name)) => Self::type_for(usage, name, &mut problems),
            Some(Field::Int(_) | Field::Float(_) | Field::Bool(_)) => {
                problems.push(problem("ti", "ti-not-a-name", "the type is no name".to_owned(), "use the standard's name, as M_ME_TF_1"));
                None
            }
            None => {
                problems.push(problem("ti", "ti-missing", "the type is missing".to_owned(), "give `ti`, as M_ME_TF_1 or C_SE_NC_1"));
                None
            }
        };
        let part = type_id.map_or(Part::Whole, |type_id| {
            problems.extend(Transmission::from_fields(type_id, fields).err().into_iter().flatten());
            part(type_id, fields).unwrap_or_else(|found| {
                problems.push(found);
                Part::Whole
            })
        });
        match (ca, ioa, type_id) {
            (Some(ca), Some(ioa), Some(type_id)) if problems.is_empty() => {
                Ok(Self { ca, ioa, type_id, part, reversed: fields.get(REVERSED) == Some(&Field::Bool(true)) })
            }
            _ => Err(problems),
        }
    }

    fn type_for(usage: AddressUse, name: &str, problems: &mut Vec<FieldProblem>) -> Option<TypeId> {
        let (fits, list) = match usage {
            AddressUse::Monitor => (TypeId::from_name(name).filter(|id| id.family().is_some() && !id.is_101_only()), MONITOR_TYPES),
            AddressUse::Control => (TypeId::from_name(name).filter(|id| ControlKind::of(*id).is_some()), CONTROL_TYPES),
        };
        if fits.is_none() {
            let (code, what) = match (TypeId::from_name(name), usage) {
                (None, _) => ("ti-unknown", format!("`{name}` is no type of IEC 60870-5-104")),
                (Some(_), AddressUse::Monitor) => ("ti-unsupported", format!("`{name}` cannot be monitored on this link")),
                (Some(_), AddressUse::Control) => ("ti-unsupported", format!("`{name}` cannot be commanded on this link")),
            };
            problems.push(problem("ti", code, what, &format!("use one of {list}")));
        }
        fits
    }

    /// Equal for equal addresses in the same use.
    #[must_use]
    pub fn key(self, usage: AddressUse) -> u64 {
        let usage = match usage {
            AddressUse::Monitor => 0,
            AddressUse::Control => 1,
        };
        let part = match self.part {
            Part::Whole => 0,
            Part::Elapsed => 1,
            Part::Bit(bit) => 2 + u64::from(bit),
        };
        // Directions are two address spaces.
        part << 42 | u64::from(self.reversed) << 41 | usage << 40 | u64::from(self.ca) << 24 | u64::from(self.ioa)
    }

    /// The served points of a link, with how they are transmitted.
    pub(crate) fn served(spec: &LinkSpec) -> impl Iterator<Item = (PointId, Self, Transmission)> {
        let monitored = spec.points.iter().filter(|point| point.usage == AddressUse::Monitor);
        monitored.filter_map(|point| {
            let address = Self::from_fields(AddressUse::Monitor, &spec.params, &point.address).ok()?;
            Some((point.point, address, Transmission::from_fields(address.type_id, &point.address).ok()?))
        })
    }

    /// The valid addresses of a link in one use, in the order of its points.
    pub(crate) fn all(spec: &LinkSpec, usage: AddressUse) -> impl Iterator<Item = (PointId, Self)> {
        spec.points
            .iter()
            .filter(move |point| point.usage == usage)
            .filter_map(move |point| Self::from_fields(usage, &spec.params, &point.address).ok().map(|address| (point.point, address)))
    }
}

/// What of the object the fields name.
fn part(type_id: TypeId, fields: &Fields) -> Result<Part, FieldProblem> {
    let (bits, elapsed) = type_id.family().map_or((0, false), |(family, _)| (family.bits(), family.has_elapsed()));
    match (fields.get("bit"), fields.get("part")) {
        (None, None) => Ok(Part::Whole),
        (Some(Field::Int(bit)), None) => match u8::try_from(*bit) {
            Ok(bit) if bit < bits => Ok(Part::Bit(bit)),
            Ok(_) | Err(_) if bits == 0 => Err(problem(
                "bit",
                "bit-of-no-bits",
                format!("{type_id} has no bits"),
                "leave `bit` out, or use M_BO_NA_1 or another packed type",
            )),
            Ok(_) | Err(_) => {
                Err(problem("bit", "bit-out-of-range", format!("{type_id} has no bit {bit}"), &format!("use 0 to {}", bits - 1)))
            }
        },
        (None, Some(Field::Text(word))) if word == "elapsed" && elapsed => Ok(Part::Elapsed),
        (Some(_), Some(_)) => Err(problem("part", "bit-and-part", "`bit` and `part` name two things".to_owned(), "leave one out")),
        (Some(_), None) => Err(problem("bit", "bit-out-of-range", "`bit` is no whole number".to_owned(), "use 0 for the lowest bit")),
        (None, Some(_)) => Err(problem(
            "part",
            "part-unknown",
            format!("{type_id} has no such part"),
            "use \"elapsed\" with M_EP_TD_1, M_EP_TE_1 or M_EP_TF_1",
        )),
    }
}

/// The monitored points of one common address.
#[derive(Clone, Debug)]
pub(crate) struct CaTable {
    pub(crate) ca: u16,
    families: [IndexMap; Family::COUNT],
    /// Points that are parts of an object.
    parts: BTreeMap<(Family, u32), Vec<(Part, PointId)>>,
    any: IndexMap,
}

/// The monitored points of a link.
#[derive(Clone, Debug, Default)]
pub(crate) struct PointTable {
    tables: Vec<CaTable>,
}

impl PointTable {
    pub(crate) fn new(points: impl Iterator<Item = (PointId, Address)>) -> Self {
        let mut by_ca = BTreeMap::<u16, Vec<(Family, PointId, Address)>>::new();
        for (point, address) in points {
            if let Some((family, _)) = address.type_id.family() {
                by_ca.entry(address.ca).or_default().push((family, point, address));
            }
        }
        let tables = by_ca.into_iter().map(|(ca, points)| {
            let pairs = |fits: &dyn Fn(Family, Part) -> bool| {
                let fitting = points.iter().filter(|(family, _, address)| fits(*family, address.part));
                IndexMap::new(fitting.map(|(_, point, address)| (address.ioa, point.0)).collect())
            };
            let mut parts = BTreeMap::<_, Vec<_>>::new();
            for (family, point, address) in points.iter().filter(|(_, _, address)| address.part != Part::Whole) {
                parts.entry((*family, address.ioa)).or_default().push((address.part, *point));
            }
            CaTable {
                ca,
                families: Family::ALL.map(|wanted| pairs(&|family, part| family == wanted && part == Part::Whole)),
                parts,
                any: pairs(&|_, _| true),
            }
        });
        Self { tables: tables.collect() }
    }

    #[inline]
    pub(crate) fn of_ca(&self, ca: u16) -> Option<&CaTable> {
        // A link has a handful of common addresses.
        self.tables.iter().find(|table| table.ca == ca)
    }

    /// The common addresses, ascending.
    pub(crate) fn cas(&self) -> impl Iterator<Item = u16> {
        self.tables.iter().map(|table| table.ca)
    }
}

impl CaTable {
    /// The point's map for one family: values of another family are not its.
    #[inline]
    pub(crate) fn family(&self, family: Family) -> &IndexMap {
        // One map per family: the index is always in range.
        &self.families[family as usize]
    }

    /// The points that are parts of this object.
    pub(crate) fn parts(&self, family: Family, ioa: u32) -> &[(Part, PointId)] {
        self.parts.get(&(family, ioa)).map_or(&[], Vec::as_slice)
    }

    /// Whether the address is known in any family.
    pub(crate) fn knows(&self, ioa: u32) -> bool {
        self.any.find(ioa).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(list: &[(&str, Field)]) -> Fields {
        list.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect()
    }

    #[test]
    fn an_address_names_all_its_problems() {
        let bad = fields(&[("ioa", Field::Int(1 << 24)), ("ti", Field::Text("M_ME_TX_1".into())), ("qq", Field::Int(1))]);
        let problems = Address::from_fields(AddressUse::Monitor, &Fields::new(), &bad).unwrap_err();
        let codes: Vec<&str> = problems.iter().map(|p| p.code).collect();
        assert_eq!(codes, ["unknown-field", "ca-out-of-range", "ioa-out-of-range", "ti-unknown"]);
        assert_eq!(problems[2].problem, "ioa 16777216 does not fit three octets");
    }

    #[test]
    fn a_type_must_fit_its_use() {
        let params = fields(&[("ca", Field::Int(21))]);
        let control = fields(&[("ioa", Field::Int(1)), ("ti", Field::Text("C_SE_TC_1".into()))]);
        assert_eq!(Address::from_fields(AddressUse::Monitor, &params, &control).unwrap_err()[0].code, "ti-unsupported");
        let address = Address::from_fields(AddressUse::Control, &params, &control).unwrap();
        assert_eq!((address.ca, address.ioa, address.type_id), (21, 1, TypeId::C_SE_TC_1));
        assert_ne!(address.key(AddressUse::Control), address.key(AddressUse::Monitor));
    }

    #[test]
    fn a_part_must_fit_its_type() {
        let of = |ti: &str, extra: &[(&str, Field)]| {
            let mut all = fields(&[("ca", Field::Int(21)), ("ioa", Field::Int(1)), ("ti", Field::Text(ti.into()))]);
            all.extend(fields(extra));
            Address::from_fields(AddressUse::Monitor, &Fields::new(), &all).map(|a| a.part).map_err(|p| p[0].code)
        };
        assert_eq!(of("M_BO_NA_1", &[("bit", Field::Int(31))]), Ok(Part::Bit(31)));
        assert_eq!(of("M_BO_NA_1", &[]), Ok(Part::Whole));
        assert_eq!(of("M_EP_TE_1", &[("bit", Field::Int(6))]), Err("bit-out-of-range"));
        assert_eq!(of("M_ME_NC_1", &[("bit", Field::Int(0))]), Err("bit-of-no-bits"));
        assert_eq!(of("M_EP_TD_1", &[("part", Field::Text("elapsed".into()))]), Ok(Part::Elapsed));
        assert_eq!(of("M_SP_TB_1", &[("part", Field::Text("elapsed".into()))]), Err("part-unknown"));
        assert_eq!(of("M_ME_TA_1", &[]), Err("ti-unsupported"), "short tags belong to -101");
        assert_eq!(of("M_ME_NC_1", &[("groups", Field::Int(17))]), Err("groups-unknown"));
    }
}
