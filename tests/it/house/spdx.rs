//! SPDX licence expressions, as far as crates use them: `AND`, `OR`, `WITH`, parentheses, and the old `/` for `OR`.

/// Whether a user who accepts exactly the licences that `accepts` names can comply with the expression.
/// An expression that cannot be read is an error: silence must not pass for permission.
pub(super) fn satisfied(expression: &str, accepts: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, at: 0, accepts };
    let value = parser.either().ok_or_else(|| format!("cannot read the licence expression {expression:?}"))?;
    if parser.at == words.len() { Ok(value) } else { Err(format!("cannot read the licence expression {expression:?}")) }
}

struct Parser<'a> {
    words: &'a [&'a str],
    at: usize,
    accepts: &'a dyn Fn(&str) -> bool,
}

impl Parser<'_> {
    fn take(&mut self, word: &str) -> bool {
        let here = self.words.get(self.at).is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.at += usize::from(here);
        here
    }

    fn either(&mut self) -> Option<bool> {
        let mut value = self.both()?;
        while self.take("OR") {
            value |= self.both()?;
        }
        Some(value)
    }

    fn both(&mut self) -> Option<bool> {
        let mut value = self.one()?;
        while self.take("AND") {
            value &= self.one()?;
        }
        Some(value)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let value = self.either()?;
            return self.take(")").then_some(value);
        }
        let name = *self.words.get(self.at)?;
        if [")", "AND", "OR", "WITH"].contains(&name) {
            return None;
        }
        self.at += 1;
        if self.take("WITH") {
            let exception = *self.words.get(self.at)?;
            self.at += 1;
            return Some((self.accepts)(&format!("{name} WITH {exception}")));
        }
        Some((self.accepts)(name))
    }
}

#[test]
fn expressions_are_read_as_written() {
    let mit = |name: &str| name == "MIT" || name == "Apache-2.0 WITH LLVM-exception";
    let cases = [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("MIT OR GPL-3.0 AND GPL-2.0", true),
        ("(MIT OR GPL-3.0) AND GPL-2.0", false),
        ("Apache-2.0", false),
        ("Apache-2.0 WITH LLVM-exception", true),
    ];
    for (expression, expected) in cases {
        assert_eq!(satisfied(expression, &mit), Ok(expected), "{expression}");
    }
    for expression in ["", "MIT MIT", "MIT AND", "(MIT", "MIT)", "OR", "MIT WITH"] {
        assert!(satisfied(expression, &mit).is_err(), "{expression:?} was read");
    }
}
