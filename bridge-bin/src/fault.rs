//! What a command says when it cannot do what was asked: one line, the cause, the fix, and an exit code.

use std::fmt;

/// A command's failure, in the user's words.
#[derive(Debug)]
pub(crate) struct Fault {
    what: String,
    cause: Option<String>,
    fix: Option<String>,
    exit: u8,
}

/// The exit code of a failure that has no code of its own.
pub(crate) const FAILED: u8 = 1;
/// The exit code of `verify` for an input it cannot use.
pub(crate) const INPUT: u8 = 5;

impl Fault {
    /// What went wrong, in one line.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), cause: None, fix: None, exit: FAILED }
    }

    /// With the whole chain of an error as its cause.
    #[must_use]
    pub(crate) fn because(mut self, error: &dyn std::error::Error) -> Self {
        self.cause = Some(chain(error));
        self
    }

    /// With a cause in words.
    #[must_use]
    pub(crate) fn because_of(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// With what to do about it.
    #[must_use]
    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// With an exit code of its own.
    #[must_use]
    pub(crate) const fn exit(mut self, code: u8) -> Self {
        self.exit = code;
        self
    }

    /// The exit code.
    pub(crate) const fn exit_code(&self) -> u8 {
        self.exit
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        if let Some(cause) = &self.cause {
            write!(f, "\n  cause: {cause}")?;
        }
        if let Some(fix) = &self.fix {
            write!(f, "\n  fix:   {fix}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

/// The whole chain of an error in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::Fault;

    #[test]
    fn a_fault_is_a_line_a_cause_and_a_fix() {
        let fault = Fault::new("the bridge does not answer").because_of("no socket").fix("start it").exit(5);
        assert_eq!(fault.to_string(), "error: the bridge does not answer\n  cause: no socket\n  fix:   start it");
        assert_eq!(fault.exit_code(), 5);
    }
}
