//! Security events of one link: each refusal is told once, and a flood of them fills neither log nor journal.

use std::time::Duration;

use bridge_model::Mono;

/// Events told in a row.
pub const SECURITY_BURST: u32 = 16;

/// One more after each of these; what came between is counted.
pub const SECURITY_EVERY: Duration = Duration::from_secs(10);

/// Lets a burst through and then one at a time.
#[derive(Debug)]
pub(crate) struct Watch {
    left: u32,
    since: Mono,
    untold: u64,
}

impl Watch {
    pub(crate) const fn new(now: Mono) -> Self {
        Self { left: SECURITY_BURST, since: now, untold: 0 }
    }

    /// What to tell of this event: nothing, or its text and how many were left out before it. It is in the log already.
    pub(crate) fn tell(&mut self, text: &str, now: Mono) -> Option<String> {
        while self.left < SECURITY_BURST && now.since(self.since) >= SECURITY_EVERY {
            self.left += 1;
            self.since += SECURITY_EVERY;
        }
        if self.left == SECURITY_BURST {
            self.since = now;
        }
        if self.left == 0 {
            self.untold += 1;
            return None;
        }
        self.left -= 1;
        let untold = std::mem::take(&mut self.untold);
        let text = if untold == 0 { text.to_owned() } else { format!("{text} ({untold} events before it were left out)") };
        tracing::warn!(target: "security", what = text, "security event");
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_as_a_burst_and_then_one_in_ten_seconds() {
        let second = Duration::from_secs(1);
        let mut watch = Watch::new(Mono(0));
        let told = (0..1000).filter(|_| watch.tell("refused", Mono(0)).is_some()).count();
        assert_eq!(told, SECURITY_BURST as usize);
        assert_eq!(watch.tell("refused", Mono(0) + 9 * second), None);
        let text = watch.tell("refused", Mono(0) + 10 * second).unwrap();
        assert_eq!(text, format!("refused ({} events before it were left out)", 1000 - SECURITY_BURST + 1));
        assert_eq!(watch.tell("refused", Mono(0) + 11 * second), None);
        let told = (0..1000).filter(|_| watch.tell("refused", Mono(0) + 3600 * second).is_some()).count();
        assert_eq!(told, SECURITY_BURST as usize);
    }
}
