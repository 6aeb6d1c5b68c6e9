//! Protocol addresses and parameters as neutral fields: the profile reads them, the adapter checks them.

/// One value of a protocol address or link parameter, as written in a profile.
#[derive(Clone, PartialEq, Debug)]
pub enum Field {
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A truth.
    Bool(bool),
    /// Text; durations ("10s") are text too.
    Text(String),
}

/// What is wrong with a field, in the user's words. The caller knows the file and line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldProblem {
    /// The field's name; empty if it is about all of them.
    pub field: String,
    /// A stable code without prefix: `ioa-out-of-range`.
    pub code: &'static str,
    /// What is wrong: `ioa 16777216 does not fit three octets`.
    pub problem: String,
    /// The fix: `use 1 to 16777215`.
    pub fix: String,
}
