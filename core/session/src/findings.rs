//! What is worth a line in the log, and no more lines than somebody can read: a peer that misbehaves a thousand times a second fills neither
//! log nor journal with it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::Event;
use bridge_model::Mono;

/// Findings told in one [`FINDINGS_WINDOW`].
pub const FINDINGS_MAX: u32 = 100;
/// How long the count runs.
pub const FINDINGS_WINDOW: Duration = Duration::from_secs(60);

/// Tells findings and counts those that it does not tell.
#[derive(Debug, Default)]
pub struct Findings {
    since: Option<Mono>,
    told: u32,
    untold: u64,
}

impl Findings {
    /// Tells what `what` says, unless too much was told lately; what was not told is counted, and the count is told.
    pub fn tell(&mut self, what: impl FnOnce() -> String, events: &mut VecDeque<Event>, now: Mono) {
        if self.since.is_none_or(|since| now >= since + FINDINGS_WINDOW) {
            if self.untold > 0 {
                events.push_back(Event::Refused { what: format!("{} more findings were counted and not told", self.untold) });
            }
            *self = Self { since: Some(now), ..Self::default() };
        }
        match self.told {
            0..FINDINGS_MAX => events.push_back(Event::Refused { what: what() }),
            FINDINGS_MAX => {
                let what = format!("{FINDINGS_MAX} findings within {FINDINGS_WINDOW:?}: more of them are counted and not told");
                events.push_back(Event::Refused { what });
                self.untold += 1;
            }
            _ => self.untold += 1,
        }
        self.told = self.told.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_findings_is_told_in_a_hundred_lines_and_counted() {
        let (mut findings, mut events) = (Findings::default(), VecDeque::new());
        for number in 0..1000 {
            findings.tell(|| format!("finding {number}"), &mut events, Mono(number));
        }
        assert_eq!(events.len(), 101);
        assert_eq!(events[0], Event::Refused { what: "finding 0".to_owned() });
        assert_eq!(events[100], Event::Refused { what: "100 findings within 60s: more of them are counted and not told".to_owned() });
        events.clear();
        findings.tell(|| "later".to_owned(), &mut events, Mono(0) + FINDINGS_WINDOW);
        let expected = ["900 more findings were counted and not told", "later"].map(|what| Event::Refused { what: what.to_owned() });
        assert_eq!(events, expected);
    }
}
