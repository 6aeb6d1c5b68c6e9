//! What is measured in one pair of processes.

/// How the stations send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Load {
    /// As fast as the window allows.
    Flood,
    /// One frame at a time on an idle link.
    Idle,
    /// A steady load, and events on the first link.
    Paced,
}

/// A pair of processes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Case {
    /// Names it on the command line.
    pub(crate) name: &'static str,
    /// Stations.
    pub(crate) links: usize,
    /// Durable frames after which the bridge acknowledges.
    pub(crate) w: u16,
    /// What they send.
    pub(crate) load: Load,
}

/// All of them.
pub(crate) const CASES: [Case; 4] = [
    Case { name: "links_50", links: 50, w: 8, load: Load::Flood },
    Case { name: "link_1", links: 1, w: 8, load: Load::Flood },
    // With w = 8 a lone frame is acknowledged after t2 = 10 s, lawfully; with w = 1 its N(R) shows when it became durable.
    Case { name: "idle", links: 1, w: 1, load: Load::Idle },
    Case { name: "sealed", links: 50, w: 8, load: Load::Paced },
];

/// The case of this name.
pub(crate) fn named(name: &str) -> Option<Case> {
    CASES.into_iter().find(|case| case.name == name)
}
