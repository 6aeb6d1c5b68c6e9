//! Named fields: a map for few entries.

use std::fmt;

use crate::Field;

/// Named fields, in order of name: `{ ioa = 1001, ti = "M_ME_TF_1" }`.
///
/// A profile holds one for each of its points, with two or three entries: a sorted array without a spare place is a sixth of a B-tree's
/// node. One insertion costs as much as the map is long, so many of them (what a file says) are collected, not inserted.
#[derive(Clone, PartialEq, Default)]
pub struct Fields(Box<[Entry]>);

type Entry = (Box<str>, Field);

impl Fields {
    /// No fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| own.as_ref().cmp(name))
    }

    /// The field of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Field> {
        let at = self.find(name).ok()?;
        self.0.get(at).map(|(_, field)| field)
    }

    /// The field of a name, to change.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Field> {
        let at = self.find(name).ok()?;
        self.0.get_mut(at).map(|(_, field)| field)
    }

    /// Whether the name is there.
    #[must_use]
    pub fn contains_key(&self, name: &str) -> bool {
        self.find(name).is_ok()
    }

    /// Sets a field; gives the one that it replaces.
    pub fn insert(&mut self, name: impl Into<Box<str>>, field: Field) -> Option<Field> {
        let name = name.into();
        if let Some(own) = self.get_mut(&name) {
            return Some(std::mem::replace(own, field));
        }
        let (Ok(at) | Err(at)) = self.find(&name);
        self.change(|entries| {
            entries.reserve_exact(1);
            entries.insert(at, (name, field));
        });
        None
    }

    /// Sets a field where the name is not there yet.
    pub fn insert_if_absent(&mut self, name: &str, field: Field) {
        if !self.contains_key(name) {
            self.insert(name, field);
        }
    }

    /// Takes a field out.
    pub fn remove(&mut self, name: &str) -> Option<Field> {
        let at = self.find(name).ok()?;
        Some(self.change(|entries| entries.remove(at)).1)
    }

    /// Keeps the fields that `keep` says.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &Field) -> bool) {
        self.change(|entries| entries.retain(|(name, field)| keep(name, field)));
    }

    /// The entries as a list that can grow, and back without a spare place.
    fn change<T>(&mut self, how: impl FnOnce(&mut Vec<Entry>) -> T) -> T {
        let mut entries = std::mem::take(&mut self.0).into_vec();
        let result = how(&mut entries);
        self.0 = entries.into_boxed_slice();
        result
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and fields, in order of name.
    #[must_use]
    pub fn iter(&self) -> <&Self as IntoIterator>::IntoIter {
        self.0.iter().map(|(name, field)| (name.as_ref(), field))
    }

    /// The names, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    /// The fields, in order of name.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Field> + ExactSizeIterator {
        self.0.iter().map(|(_, field)| field)
    }
}

impl<'f> IntoIterator for &'f Fields {
    type Item = (&'f str, &'f Field);
    type IntoIter = std::iter::Map<std::slice::Iter<'f, Entry>, fn(&Entry) -> (&str, &Field)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Fields {
    type Item = (Box<str>, Field);
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_vec().into_iter()
    }
}

/// The field of a name that is known to be there.
///
/// # Panics
/// If it is not.
impl std::ops::Index<&str> for Fields {
    type Output = Field;

    fn index(&self, name: &str) -> &Field {
        self.get(name).expect("the caller knows the name")
    }
}

/// Of equal names the last wins.
impl<N: Into<Box<str>>> Extend<(N, Field)> for Fields {
    fn extend<I: IntoIterator<Item = (N, Field)>>(&mut self, more: I) {
        self.change(|entries| {
            entries.extend(more.into_iter().map(|(name, field)| (name.into(), field)));
            // The later of two stands first, and stays.
            entries.reverse();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            entries.dedup_by(|(a, _), (b, _)| a == b);
        });
    }
}

/// Of equal names the last wins.
impl<N: Into<Box<str>>> FromIterator<(N, Field)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, Field)>>(fields: I) -> Self {
        let mut all = Self::new();
        all.extend(fields);
        all
    }
}

/// Of equal names the last wins.
impl<N: Into<Box<str>>, const LEN: usize> From<[(N, Field); LEN]> for Fields {
    fn from(fields: [(N, Field); LEN]) -> Self {
        fields.into_iter().collect()
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The high bits of a linear congruential generator (Knuth's MMIX).
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap() % limit
        }

        fn name(&mut self) -> String {
            ["", "ca", "ioa", "ioa2", "ti", "type", "Z", "ä", "reversed", "a.b"][self.below(10)].to_owned()
        }

        fn pairs(&mut self) -> Vec<(String, Field)> {
            (0..self.below(6)).map(|_| (self.name(), self.field())).collect()
        }

        fn field(&mut self) -> Field {
            match self.below(3) {
                0 => Field::Int(i64::try_from(self.below(1000)).unwrap()),
                1 => Field::Text(self.name()),
                _ => Field::Bool(self.below(2) == 0),
            }
        }
    }

    fn assert_same(fields: &Fields, model: &BTreeMap<String, Field>, seed: u64) {
        assert!(fields.iter().eq(model.iter().map(|(name, field)| (name.as_str(), field))), "seed {seed}: {fields:?}, not {model:?}");
        assert!(fields.keys().eq(model.keys().map(String::as_str)) && fields.values().eq(model.values()), "seed {seed}");
        assert_eq!((fields.len(), fields.is_empty()), (model.len(), model.is_empty()), "seed {seed}");
        assert_eq!(format!("{fields:?} {fields:#?}"), format!("{model:?} {model:#?}"), "seed {seed}");
        let owned: Vec<(String, Field)> = fields.clone().into_iter().map(|(name, field)| (String::from(name), field)).collect();
        assert_eq!(owned, model.clone().into_iter().collect::<Vec<_>>(), "seed {seed}");
    }

    #[test]
    fn fields_are_as_a_b_tree_whatever_is_done_to_them() {
        for seed in 0..300 {
            let mut dice = Dice(seed);
            let start = dice.pairs();
            let (mut fields, mut model): (Fields, BTreeMap<String, Field>) = (start.iter().cloned().collect(), start.into_iter().collect());
            for _ in 0..40 {
                let (name, field) = (dice.name(), dice.field());
                match dice.below(7) {
                    0 | 1 => assert_eq!(fields.insert(name.as_str(), field.clone()), model.insert(name, field), "seed {seed}"),
                    2 => assert_eq!(fields.remove(&name), model.remove(&name), "seed {seed}"),
                    3 => {
                        fields.insert_if_absent(&name, field.clone());
                        model.entry(name).or_insert(field);
                    }
                    4 => {
                        let more = dice.pairs();
                        fields.extend(more.clone());
                        model.extend(more);
                    }
                    5 => {
                        fields.retain(|own, _| own != name);
                        model.retain(|own, _| *own != name);
                    }
                    _ => {
                        assert_eq!(
                            (fields.get(&name), fields.contains_key(&name)),
                            (model.get(&name), model.contains_key(&name)),
                            "seed {seed}"
                        );
                        assert_eq!(
                            fields.get_mut(&name).map(|own| *own = field.clone()),
                            model.get_mut(&name).map(|own| *own = field),
                            "seed {seed}"
                        );
                    }
                }
                assert_same(&fields, &model, seed);
                let twin: Fields = model.clone().into_iter().rev().collect();
                assert!(twin == fields, "seed {seed}");
            }
        }
    }

    #[test]
    fn many_fields_are_collected_in_time() {
        let many: Fields = (0..200_000_i64).rev().map(|n| (format!("f{n}"), Field::Int(n))).collect();
        assert_eq!((many.len(), many.get("f199999")), (200_000, Some(&Field::Int(199_999))));
    }
}
