//! The codes of this crate and the paragraph behind each.

use bridge_diag::{Dialect, Explanation};

/// The codes of what reading itself finds.
pub const EXPLANATIONS: &[Explanation] = &[];
pub const DIALECT: Dialect = Dialect {
    syntax: "profile::syntax",
    unknown_key: "profile::unknown-key",
    missing_key: "profile::missing-key",
    wrong_kind: "profile::wrong-kind",
};
