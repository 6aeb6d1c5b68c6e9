//! The keys of a kind of table, said once: a reader is held against them, and editors, help and schemas are made from them.

/// The keys of one kind of table.
#[derive(Debug)]
pub struct Form {
    /// Its name: `point`.
    pub name: &'static str,
    /// What it is, in one line for people.
    pub text: &'static str,
    /// The keys that a reader may ask for.
    pub keys: &'static [Key],
    /// What any other key holds; `None`: another key is an error.
    pub rest: Option<Kind>,
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it must be there, wherever such a table stands.
    pub must: bool,
    /// What it says, in one line for people.
    pub text: &'static str,
}

/// What a key holds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text.
    Text,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A whole number.
    Int,
    /// A number.
    Number,
    /// A truth.
    Bool,
    /// A quantity with its unit; a plain number of what has none.
    Quantity,
    /// A duration: `90s`.
    Duration,
    /// A rate: `2.5 MW/min`.
    Rate,
    /// A list of texts.
    Texts,
    /// A list of these words.
    WordList(&'static [&'static str]),
    /// Two quantities.
    Range,
    /// Text or a number or a truth.
    Scalar,
    /// A scalar, or a list of scalars.
    Scalars,
    /// A table.
    Table(&'static Form),
    /// A list of tables.
    Tables(&'static Form),
    /// Tables by name.
    Map(&'static Form),
    /// One of two.
    Either(&'static Kind, &'static Kind),
    /// What a key of that name holds in one of these, whose rows share it.
    OfRows(&'static [&'static Form]),
    /// Anything: others look at it.
    Any,
}

impl Form {
    /// Whether a reader may ask for this key.
    #[must_use]
    pub fn lists(&self, key: &str) -> bool {
        self.rest.is_some() || self.keys.iter().any(|known| known.name == key)
    }

    /// The key of this name.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}
