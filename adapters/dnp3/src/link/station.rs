//! Both stations of one association: one address of ours and one of a peer's.

use bridge_model::Mono;

use super::{Liveness, Primary, Secondary};
use crate::transport::{Reassembly, Segmenter};

/// All that is remembered between one address of ours and one of a peer's.
#[derive(Debug)]
pub(crate) struct Station {
    /// Our address, 0 to 0xFFEF.
    pub(crate) local: u16,
    /// The peer's address, 0 to 0xFFEF.
    pub(crate) remote: u16,
    pub(crate) secondary: Secondary,
    pub(crate) primary: Primary,
    pub(crate) liveness: Liveness,
    pub(crate) segmenter: Segmenter,
    /// Fragments to us alone.
    pub(crate) reassembly: Reassembly,
    /// Fragments to all outstations: they may come between the segments of another.
    pub(crate) broadcasts: Reassembly,
    /// Questions for the link status that were not answered. Answers come in the order of the questions.
    pub(crate) questions: u32,
    /// When the last of them was answered: an answer to an earlier one proves nothing of what left behind that.
    pub(crate) status_answered: Option<Mono>,
    /// A confirmed fragment was given up and this was not told yet.
    pub(crate) gave_up: bool,
}

impl Station {
    /// An association that was not used yet.
    pub(crate) fn new(local: u16, remote: u16, max_fragment: usize, now: Mono) -> Self {
        Self {
            local,
            remote,
            secondary: Secondary::default(),
            primary: Primary::default(),
            liveness: Liveness::new(now),
            segmenter: Segmenter::default(),
            reassembly: Reassembly::new(max_fragment),
            broadcasts: Reassembly::new(max_fragment),
            questions: 0,
            status_answered: None,
            gave_up: false,
        }
    }
}
