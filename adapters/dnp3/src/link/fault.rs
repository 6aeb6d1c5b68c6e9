//! What a line finds wrong with octets that reach it. None of it ends a channel: it is counted, told within limits, and dropped.

use std::collections::VecDeque;
use std::time::Duration;

use bridge_model::Mono;

/// Findings told in one [`WINDOW`].
pub(crate) const FINDINGS_MAX: u32 = 100;
/// How long the count runs.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);
/// Findings that may wait to be fetched when a new window begins.
const WAITING_MAX: usize = 100;

/// What was wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Fault {
    /// Octets before a frame that belong to none.
    #[error("{0} octets that belong to no frame were skipped")]
    Skipped(u64),
    /// Start octets whose header is none.
    #[error("wrong CRC of a header")]
    HeaderCrc,
    /// A good header with a length below five.
    #[error("length {0} is below 5")]
    Length(u8),
    /// A good header with a spoilt payload: the whole frame is dropped.
    #[error("wrong CRC of block {0}")]
    BlockCrc(u8),
    /// A datagram ends within a frame.
    #[error("a datagram ends within a frame: {0} octets dropped")]
    Cut(usize),
    /// A frame was begun and not ended in time.
    #[error("a frame was begun and not ended within {after:?}: {octets} octets dropped")]
    Unended {
        /// Octets of it that had come.
        octets: usize,
        /// How long was waited.
        after: Duration,
    },
    /// DIR says that a station of our own role sent it (row 9).
    #[error("direction bit {0} is that of our own role")]
    Direction(u8),
    /// The destination is reserved.
    #[error("destination {0:#06x} is reserved")]
    Reserved(u16),
    /// The destination is the self-address, which is switched off or not for this role.
    #[error("the self-address is not taken here")]
    SelfAddress,
    /// A broadcast reached a master, or does not carry unconfirmed data.
    #[error("broadcast {destination:#06x} with function {function} is not taken")]
    Broadcast {
        /// The address.
        destination: u16,
        /// The function code.
        function: u8,
    },
    /// The source is no address of a single station.
    #[error("source {0:#06x} is no station's address")]
    Source(u16),
    /// The source is not configured (row 15).
    #[error("source {0} is not known here")]
    Unknown(u16),
    /// A function that a primary station cannot ask; answered NOT_SUPPORTED.
    #[error("primary function {0} does not exist")]
    PrimaryFunction(u8),
    /// A function that a secondary station cannot answer.
    #[error("secondary function {0} does not exist")]
    SecondaryFunction(u8),
    /// FCV set or clear against the function.
    #[error("function {function} with FCV={fcv}")]
    CountValid {
        /// The function code.
        function: u8,
        /// The bit.
        fcv: u8,
    },
    /// Data or test whose link states were never reset; answered NACK.
    #[error("function {0} before the link states were reset")]
    NotReset(u8),
    /// The frame count bit did not change: a repetition, acknowledged again and not delivered again.
    #[error("frame count bit unchanged: repetition dropped")]
    Repeated,
    /// A function that carries data without any, or one that carries none with some.
    #[error("function {function} with {octets} octets of payload")]
    PayloadLength {
        /// The function code.
        function: u8,
        /// Octets of payload.
        octets: usize,
    },
    /// An answer to nothing.
    #[error("answer {0} to nothing that was asked")]
    Unasked(u8),
    /// Confirmed data was not acknowledged: the fragment is given up.
    #[error("confirmed data not acknowledged after {0} attempts: fragment given up")]
    NotConfirmed(u8),
    /// The peer has no link confirmations: the fragment is given up.
    #[error("confirmed data not supported by the peer: fragment given up")]
    NotSupported,
    /// More link answers wait than may.
    #[error("too many link answers wait: one dropped")]
    Answers,
    /// A segment without an octet of a fragment (clause 8.2).
    #[error("segment {0} is empty")]
    EmptySegment(u8),
    /// A segment that continues nothing.
    #[error("segment {0} continues no fragment")]
    NoStart(u8),
    /// A first segment came before the last one of the fragment before.
    #[error("a fragment of {0} octets was begun and not ended")]
    Restarted(usize),
    /// A segment is missing: the fragment is discarded.
    #[error("segment {got} instead of {expected}: fragment discarded")]
    Gap {
        /// The number that was due.
        expected: u8,
        /// The number that came.
        got: u8,
    },
    /// The same segment again, octet by octet: dropped.
    #[error("segment {0} came twice")]
    SegmentTwice(u8),
    /// The fragment is longer than may be received: discarded.
    #[error("a fragment is longer than {0} octets: discarded")]
    TooLong(usize),
    /// More findings than are told.
    #[error("{0} more findings were counted and not told")]
    Untold(u64),
}

/// A fault and whose it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Finding {
    /// The source address of the frame, where there is one.
    pub(crate) source: Option<u16>,
    /// What was wrong.
    pub(crate) fault: Fault,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.source {
            Some(source) => write!(f, "station {source}: {}", self.fault),
            None => self.fault.fmt(f),
        }
    }
}

/// Findings to be told: at most [`FINDINGS_MAX`] in each [`WINDOW`], the rest as a number.
#[derive(Debug, Default)]
pub(crate) struct FindingLog {
    waiting: VecDeque<Finding>,
    since: Option<Mono>,
    told: u32,
    untold: u64,
}

impl FindingLog {
    /// Takes a finding: tells it if the limits allow.
    pub(crate) fn tell(&mut self, source: Option<u16>, fault: Fault, now: Mono) {
        if self.since.is_none_or(|since| now >= since + WINDOW) {
            let mut waiting = std::mem::take(&mut self.waiting);
            if waiting.len() > WAITING_MAX {
                // Nobody fetches: the old ones become a number, the new ones are kept.
                self.untold = self.untold.saturating_add(u64::try_from(waiting.len()).unwrap_or(u64::MAX));
                waiting.clear();
            }
            if self.untold > 0 {
                waiting.push_back(Finding { source: None, fault: Fault::Untold(self.untold) });
            }
            *self = Self { since: Some(now), waiting, ..Self::default() };
        }
        if self.told < FINDINGS_MAX {
            self.told += 1;
            self.waiting.push_back(Finding { source, fault });
        } else {
            self.untold = self.untold.saturating_add(1);
        }
    }

    /// The oldest finding not yet told.
    pub(crate) fn poll(&mut self) -> Option<Finding> {
        self.waiting.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(log: &mut FindingLog) -> Vec<Fault> {
        std::iter::from_fn(|| log.poll()).map(|finding| finding.fault).collect()
    }

    #[test]
    fn a_flood_of_findings_is_told_in_a_hundred_lines_and_counted() {
        let mut log = FindingLog::default();
        for nanosecond in 0..1000 {
            log.tell(Some(7), Fault::HeaderCrc, Mono(nanosecond));
        }
        assert_eq!(drain(&mut log), [Fault::HeaderCrc; 100]);
        log.tell(None, Fault::Repeated, Mono(0) + WINDOW);
        assert_eq!(drain(&mut log), [Fault::Untold(900), Fault::Repeated]);
    }

    #[test]
    fn findings_that_nobody_fetches_are_bounded() {
        let mut log = FindingLog::default();
        for second in 0..100_000 {
            log.tell(None, Fault::HeaderCrc, Mono(0) + Duration::from_millis(second * 100));
            assert!(log.waiting.len() <= 201);
        }
    }

    #[test]
    fn a_finding_names_the_station() {
        let finding = Finding { source: Some(10), fault: Fault::Gap { expected: 3, got: 5 } };
        assert_eq!(finding.to_string(), "station 10: segment 5 instead of 3: fragment discarded");
    }
}
