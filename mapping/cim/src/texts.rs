//! Every distinct text once.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;

/// A text that was kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Text(pub(crate) u32);

/// Texts end to end in one string. The hash has a random key: what a file says cannot make its texts collide.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    all: String,
    ends: Vec<u32>,
    table: HashTable<u32>,
    hasher: RandomState,
}

impl Texts {
    /// Keeps a text. `None` if `most` bytes would be exceeded, or what 32 bits can number.
    pub(crate) fn keep(&mut self, text: &str, most: usize) -> Option<Text> {
        let hash = self.hasher.hash_one(text);
        let (all, ends) = (&self.all, &self.ends);
        if let Some(found) = self.table.find(hash, |at| piece(all, ends, *at) == text) {
            return Some(Text(*found));
        }
        let end = self.all.len() + text.len();
        if end > most {
            return None;
        }
        let end = u32::try_from(end).ok()?;
        let at = u32::try_from(self.ends.len()).ok()?;
        self.all.push_str(text);
        self.ends.push(end);
        let (all, ends, hasher) = (&self.all, &self.ends, &self.hasher);
        self.table.insert_unique(hash, at, |at| hasher.hash_one(piece(all, ends, *at)));
        Some(Text(at))
    }

    /// The number of a text, if it was kept.
    pub(crate) fn find(&self, text: &str) -> Option<Text> {
        let hash = self.hasher.hash_one(text);
        self.table.find(hash, |at| piece(&self.all, &self.ends, *at) == text).map(|at| Text(*at))
    }

    /// The text; empty for a number that was never given.
    pub(crate) fn get(&self, text: Text) -> &str {
        piece(&self.all, &self.ends, text.0)
    }

    pub(crate) fn shrink(&mut self) {
        self.all.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

fn piece<'a>(all: &'a str, ends: &[u32], at: u32) -> &'a str {
    let at = at as usize;
    let start = at.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    let end = ends.get(at).copied().unwrap_or(start);
    all.get(start as usize..end as usize).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Text, Texts};

    #[test]
    fn a_text_is_kept_once_and_within_its_bound() {
        let mut texts = Texts::default();
        let a = texts.keep("Breaker", 10).unwrap();
        assert_eq!(texts.keep("Breaker", 10), Some(a));
        let empty = texts.keep("", 10).unwrap();
        assert_eq!((texts.get(a), texts.get(empty), texts.get(Text(9))), ("Breaker", "", ""));
        assert_eq!(texts.keep("Bays", 10), None, "eleven bytes");
        assert_eq!((texts.find("Breaker"), texts.find("Bays")), (Some(a), None));
    }
}
