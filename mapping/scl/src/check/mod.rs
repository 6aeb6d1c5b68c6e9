//! What a file says that cannot be meant: every problem, with its place and its cure.
//!
//! An error is a reference or a limit that cannot be kept; a warning is what a device may still make good at run time.

mod links;
mod names;
mod nodes;
mod sets;
mod values;

use crate::model::Model;
use crate::problems::Problems;

/// Steps that checks may take together. A station of a thousand devices takes about a hundredth of it.
const MAX_STEPS: usize = 50_000_000;

/// Checks a model.
pub(crate) fn check(model: &Model, problems: &mut Problems) {
    let mut budget = Budget { left: MAX_STEPS };
    names::check(model, problems);
    nodes::check(model, problems, &mut budget);
    values::templates(model, problems, &mut budget);
    sets::check(model, problems);
    links::check(model, problems);
    if budget.left == 0 {
        problems.warning(
            "scl::not-all-checked",
            model.scl.span,
            "the file is so large that not all of it was checked",
            "split the station into several files, or remove types and nodes that nothing uses",
        );
    }
}

/// What checks may still cost.
struct Budget {
    left: usize,
}

impl Budget {
    /// Takes steps; false if there are not so many left.
    fn spend(&mut self, steps: usize) -> bool {
        let is_enough = self.left > steps;
        self.left = self.left.saturating_sub(steps.max(1));
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;

    #[test]
    fn a_budget_ends() {
        let mut budget = Budget { left: 10 };
        assert!(budget.spend(4) && budget.spend(0) && budget.spend(4));
        assert!(!budget.spend(4) && budget.left == 0 && !budget.spend(0));
    }
}
