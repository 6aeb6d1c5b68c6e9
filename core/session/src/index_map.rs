//! From protocol addresses to points.

/// A map from `u32` to `u32` that is an array where the keys lie close together and a sorted list where they do not.
#[derive(Clone, Debug, Default)]
pub struct IndexMap {
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
    #[must_use]
    pub fn new(mut pairs: Vec<(u32, u32)>) -> Self {
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

    /// The value of a key.
    #[inline]
    #[must_use]
    pub fn find(&self, key: u32) -> Option<u32> {
        if self.sparse.is_empty() {
            return self.dense.get(key.wrapping_sub(self.first) as usize).copied().filter(|value| *value != Self::NONE);
        }
        let at = self.sparse.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        self.sparse.get(at).map(|(_, value)| *value)
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
}
