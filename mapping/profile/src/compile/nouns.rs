//! What rows are called in messages, kept for the row that takes what another has.

/// Names a text of [`Nouns`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Noun(u32);

/// The nouns of all rows that claimed an address or a name, one behind the other: hardly any is ever read, and a text of its own for
/// each of 250,000 would cost three times as much.
#[derive(Default)]
pub(crate) struct Nouns {
    texts: String,
    /// Where each text ends.
    ends: Vec<usize>,
}

impl Nouns {
    /// Keeps a noun. What a row claims, it mostly claims in a run: its noun is kept once.
    pub(crate) fn number(&mut self, noun: &str) -> Noun {
        let last = self.ends.len().checked_sub(1).map(noun_at);
        if let Some(last) = last.filter(|last| self.text(*last) == noun) {
            return last;
        }
        self.texts.push_str(noun);
        self.ends.push(self.texts.len());
        noun_at(self.ends.len() - 1)
    }

    /// The noun.
    pub(crate) fn text(&self, noun: Noun) -> &str {
        let at = noun.0 as usize;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(at).and_then(|end| self.texts.get(start..*end)).unwrap_or_default()
    }
}

/// Rows are numbered by `u32` everywhere: there are no more.
fn noun_at(index: usize) -> Noun {
    Noun(u32::try_from(index).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_noun_is_given_back_and_a_repeated_one_is_kept_once() {
        let mut nouns = Nouns::default();
        let texts = ["point `p`", "point `p`", "", "`enable` of control `ä`", "point `p`", "point `q`"];
        let numbers = texts.map(|text| nouns.number(text));
        assert_eq!(numbers.map(|noun| nouns.text(noun)), texts);
        assert_eq!((numbers[0] == numbers[1], nouns.ends.len()), (true, 5));
        assert_eq!(nouns.text(Noun(9)), "");
    }
}
