//! From (outstation, type, index) to points, by direct look-up.

use bridge_model::PointId;
use bridge_session::IndexMap;

use crate::address::{Address, PointType};

/// The points of one outstation.
#[derive(Clone, Debug)]
pub(crate) struct StationTable {
    pub(crate) outstation: u16,
    types: [IndexMap; PointType::COUNT],
}

impl StationTable {
    #[inline]
    pub(crate) fn of_type(&self, of: PointType) -> &IndexMap {
        // One map per type: the index is always in range.
        &self.types[of as usize]
    }

    /// All its points.
    pub(crate) fn points<'a>(&self, all: &'a [(PointId, Address)]) -> impl Iterator<Item = PointId> + use<'a> {
        let outstation = self.outstation;
        all.iter().filter(move |(_, address)| address.outstation == outstation).map(|(point, _)| *point)
    }
}

/// The points of a link, a table for each of its outstations, ascending.
pub(crate) fn tables(points: &[(PointId, Address)]) -> Vec<StationTable> {
    let mut outstations: Vec<u16> = points.iter().map(|(_, address)| address.outstation).collect();
    outstations.sort_unstable();
    outstations.dedup();
    let of_station = |outstation| StationTable {
        outstation,
        types: PointType::WORDS.map(|(_, of)| {
            let own = points.iter().filter(|(_, address)| address.outstation == outstation && address.of == of);
            IndexMap::new(own.map(|(point, address)| (u32::from(address.index), point.0)).collect())
        }),
    };
    outstations.into_iter().map(of_station).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_found_by_outstation_type_and_index() {
        let at = |point, outstation, of, index| (PointId(point), Address { outstation, of, index });
        let points = [
            at(0, 10, PointType::Binary, 0),
            at(1, 10, PointType::Analog, 0),
            at(2, 10, PointType::Analog, 60_000),
            at(3, 9, PointType::Analog, 0),
        ];
        let tables = tables(&points);
        assert_eq!(tables.iter().map(|table| table.outstation).collect::<Vec<_>>(), [9, 10]);
        let find = |station: usize, of, index| tables[station].of_type(of).find(index);
        assert_eq!((find(0, PointType::Analog, 0), find(0, PointType::Binary, 0)), (Some(3), None));
        assert_eq!((find(1, PointType::Analog, 60_000), find(1, PointType::Analog, 1)), (Some(2), None));
        assert_eq!(tables[1].points(&points).collect::<Vec<_>>(), [PointId(0), PointId(1), PointId(2)]);
    }
}
