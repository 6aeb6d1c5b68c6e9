//! Addresses: fields of a profile, and the per-link tables that find a point in a few nanoseconds.

use bridge_model::PointId;
use bridge_session::{AddressUse, Field, FieldProblem, Fields, LinkSpec};

use crate::asdu::IOA_MAX;
use crate::params::{Params, problem};
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
}

/// What kind of command an address takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ControlKind {
    /// Types 45 and 58.
    Single,
    /// Type 46.
    Double,
    /// Types 50 and 63.
    SetFloat,
}

impl ControlKind {
    /// The kind of a control type and whether it carries a time tag, for the types served now.
    #[must_use]
    pub const fn of(type_id: TypeId) -> Option<(Self, bool)> {
        match type_id {
            TypeId::C_SC_NA_1 => Some((Self::Single, false)),
            TypeId::C_SC_TA_1 => Some((Self::Single, true)),
            TypeId::C_DC_NA_1 => Some((Self::Double, false)),
            TypeId::C_SE_NC_1 => Some((Self::SetFloat, false)),
            TypeId::C_SE_TC_1 => Some((Self::SetFloat, true)),
            _ => None,
        }
    }
}

const MONITOR_TYPES: &str = "M_SP_NA_1, M_DP_NA_1, M_ME_NC_1, M_SP_TB_1, M_DP_TB_1, M_ME_TF_1";
const CONTROL_TYPES: &str = "C_SC_NA_1, C_DC_NA_1, C_SE_NC_1, C_SC_TA_1, C_SE_TC_1";

impl Address {
    /// Reads an address in its use.
    ///
    /// # Errors
    /// Every problem of it.
    pub fn from_fields(usage: AddressUse, params: &Fields, fields: &Fields) -> Result<Self, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        for name in fields.keys().filter(|name| !matches!(name.as_str(), "ca" | "ioa" | "ti")) {
            problems.push(problem(name, "unknown-field", format!("`{name}` is no field of a 104 address"), "use ca, ioa, ti"));
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
        match (ca, ioa, type_id) {
            (Some(ca), Some(ioa), Some(type_id)) if problems.is_empty() => Ok(Self { ca, ioa, type_id }),
            _ => Err(problems),
        }
    }

    fn type_for(usage: AddressUse, name: &str, problems: &mut Vec<FieldProblem>) -> Option<TypeId> {
        let (fits, list) = match usage {
            AddressUse::Monitor => (TypeId::from_name(name).filter(|id| id.family().is_some()), MONITOR_TYPES),
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
        usage << 40 | u64::from(self.ca) << 24 | u64::from(self.ioa)
    }

    /// The valid addresses of a link in one use, in the order of its points.
    pub(crate) fn all(spec: &LinkSpec, usage: AddressUse) -> impl Iterator<Item = (PointId, Self)> {
        spec.points
            .iter()
            .filter(move |point| point.usage == usage)
            .filter_map(move |point| Self::from_fields(usage, &spec.params, &point.address).ok().map(|address| (point.point, address)))
    }
}

/// A map from `u32` to `u32` that is an array where the keys lie close together and a sorted list where they do not.
#[derive(Clone, Debug, Default)]
pub(crate) struct IndexMap {
    first: u32,
    dense: Vec<u32>,
    sparse: Vec<(u32, u32)>,
}

impl IndexMap {
    const NONE: u32 = u32::MAX;
    /// An array may be this many times larger than its content, and no smaller limit than [`Self::SLACK_MIN`] applies.
    const SLACK: usize = 8;
    const SLACK_MIN: usize = 4096;

    /// From pairs; of equal keys the first wins.
    pub(crate) fn new(mut pairs: Vec<(u32, u32)>) -> Self {
        pairs.sort_by_key(|(key, _)| *key);
        pairs.dedup_by_key(|(key, _)| *key);
        let (Some((first, _)), Some((last, _))) = (pairs.first().copied(), pairs.last().copied()) else {
            return Self::default();
        };
        let span = (last - first) as usize + 1;
        if span > (pairs.len() * Self::SLACK).max(Self::SLACK_MIN) {
            return Self { first, dense: Vec::new(), sparse: pairs };
        }
        let mut dense = vec![Self::NONE; span];
        for (key, value) in pairs {
            if let Some(slot) = dense.get_mut((key - first) as usize) {
                *slot = value;
            }
        }
        Self { first, dense, sparse: Vec::new() }
    }

    #[inline]
    pub(crate) fn find(&self, key: u32) -> Option<u32> {
        if self.sparse.is_empty() {
            return self.dense.get(key.wrapping_sub(self.first) as usize).copied().filter(|value| *value != Self::NONE);
        }
        let at = self.sparse.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        self.sparse.get(at).map(|(_, value)| *value)
    }
}

/// The monitored points of one common address.
#[derive(Clone, Debug)]
pub(crate) struct CaTable {
    pub(crate) ca: u16,
    families: [IndexMap; 3],
    any: IndexMap,
}

/// The monitored points of a link.
#[derive(Clone, Debug, Default)]
pub(crate) struct PointTable {
    tables: Vec<CaTable>,
}

impl PointTable {
    pub(crate) fn new(points: impl Iterator<Item = (PointId, Address)>) -> Self {
        let mut by_ca = std::collections::BTreeMap::<u16, [Vec<(u32, u32)>; 3]>::new();
        for (point, address) in points {
            if let Some((family, _)) = address.type_id.family() {
                by_ca.entry(address.ca).or_default()[family as usize].push((address.ioa, point.0));
            }
        }
        let tables = by_ca
            .into_iter()
            .map(|(ca, families)| CaTable {
                ca,
                any: IndexMap::new(families.iter().flatten().copied().collect()),
                families: families.map(IndexMap::new),
            })
            .collect();
        Self { tables }
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
        let [single, double, float] = &self.families;
        match family {
            Family::Single => single,
            Family::Double => double,
            Family::Float => float,
        }
    }

    /// Whether the address is known in any family.
    pub(crate) fn knows(&self, ioa: u32) -> bool {
        self.any.find(ioa).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_and_sparse_maps_agree() {
        for step in [1_u32, 3, 5000] {
            let pairs: Vec<(u32, u32)> = (0..500).map(|i| (1000 + i * step, i)).collect();
            let map = IndexMap::new(pairs.clone());
            assert_eq!(map.sparse.is_empty(), step < 8, "step {step}");
            for (key, value) in &pairs {
                assert_eq!(map.find(*key), Some(*value));
                if step > 1 {
                    assert_eq!(map.find(*key + 1), None);
                }
            }
            assert_eq!((map.find(0), map.find(999), map.find(u32::MAX)), (None, None, None));
        }
        assert_eq!(IndexMap::default().find(0), None);
    }

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
}
