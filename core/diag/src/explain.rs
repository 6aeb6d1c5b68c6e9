//! The paragraph behind a code.

/// One code and its paragraph.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// `profile::sign-missing`.
    pub code: &'static str,
    /// One paragraph: what it means, why it matters, how to fix it.
    pub text: &'static str,
}

/// The explanations of all crates that report.
#[derive(Clone, Debug, Default)]
pub struct Explanations {
    tables: Vec<&'static [Explanation]>,
}

impl Explanations {
    /// Adds a crate's table.
    #[must_use]
    pub fn with(mut self, table: &'static [Explanation]) -> Self {
        self.tables.push(table);
        self
    }

    /// The paragraph of a code.
    #[must_use]
    pub fn explain(&self, code: &str) -> Option<&'static str> {
        self.tables.iter().flat_map(|table| table.iter()).find(|e| e.code == code).map(|e| e.text)
    }

    /// Every code, in the order of the tables.
    pub fn codes(&self) -> impl Iterator<Item = &'static str> {
        self.tables.iter().flat_map(|table| table.iter()).map(|e| e.code)
    }

    /// The known code nearest to a mistyped one.
    #[must_use]
    pub fn nearest(&self, code: &str) -> Option<&'static str> {
        crate::nearest(code, self.codes())
    }
}

#[cfg(test)]
mod tests {
    use super::{Explanation, Explanations};

    const TABLE: &[Explanation] =
        &[Explanation { code: "x::sign-missing", text: "Say it." }, Explanation { code: "x::unit-unknown", text: "Use one." }];

    #[test]
    fn finds_codes_and_near_misses() {
        let all = Explanations::default().with(TABLE);
        assert_eq!(all.explain("x::unit-unknown"), Some("Use one."));
        assert_eq!(all.explain("x::unit-unknwn"), None);
        assert_eq!(all.nearest("x::unit-unknwn"), Some("x::unit-unknown"));
        assert_eq!(all.codes().count(), 2);
    }
}
