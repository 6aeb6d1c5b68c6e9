//! The codes of this crate and the paragraph behind each.

use bridge_diag::Explanation;

const fn e(code: &'static str, text: &'static str) -> Explanation {
    Explanation { code, text }
}

/// One paragraph for each code, for `ies-bridge explain`.
pub const EXPLANATIONS: &[Explanation] = &[e("scl::xml", "x")];
