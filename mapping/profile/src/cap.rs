//! What a control of verb `curtail` has beside its envelope (R6, R7).

use std::collections::BTreeMap;

use bridge_model::PointId;

/// How a limit is counted, put in force at the plant, and taken off.
#[derive(Clone, PartialEq, Debug)]
pub struct Capping {
    /// The power that shares of the rated power count from, in the control's unit.
    pub rated: f64,
    /// The point that tells what is available now, in the control's unit.
    pub available: Option<PointId>,
    /// What is written beside the limit to put it in force, and to take it off; none: the limit alone does it.
    pub enable: Option<Enable>,
    /// The companion that tells the plant the number of the reason.
    pub reason: Option<usize>,
    /// The reasons that the control knows, with their numbers; empty: every reason, none with a number.
    pub reasons: BTreeMap<String, i64>,
}

/// The two writes around a limit. Each is the index of a companion in [`Plan::controls`](crate::Plan::controls) and what is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Enable {
    /// After the first limit was taken.
    pub on: (usize, bool),
    /// At the end of the release.
    pub off: (usize, bool),
}

/// A further control address of a control: it is written by its owner's programme, and no operation names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Companion {
    /// Index of the owner in [`Plan::controls`](crate::Plan::controls).
    pub of: usize,
}
