//! Sequence numbers modulo a power of two, with the window of what is sent and not yet acknowledged.

/// Sequence state of one direction, modulo `2^BITS` (104: 15 bits).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SeqWindow<const BITS: u32> {
    next: u32,
    oldest: u32,
}

impl<const BITS: u32> SeqWindow<BITS> {
    const MASK: u32 = (1 << BITS) - 1;

    /// The next number to use or to expect.
    #[must_use]
    pub const fn next(&self) -> u16 {
        (self.next & Self::MASK) as u16
    }

    /// The oldest number not yet acknowledged; equal to [`Self::next`] when nothing waits.
    #[must_use]
    pub const fn oldest(&self) -> u16 {
        (self.oldest & Self::MASK) as u16
    }

    /// How many numbers are used and not yet acknowledged.
    #[must_use]
    pub const fn outstanding(&self) -> u32 {
        self.next.wrapping_sub(self.oldest) & Self::MASK
    }

    /// Uses the next number.
    pub const fn advance(&mut self) {
        self.next = self.next.wrapping_add(1) & Self::MASK;
    }

    /// Takes an acknowledgement of everything before `number`; gives how many were newly acknowledged, or `None` if `number` lies outside
    /// the window.
    pub const fn acknowledge(&mut self, number: u16) -> Option<u32> {
        let newly = (number as u32).wrapping_sub(self.oldest) & Self::MASK;
        if newly > self.outstanding() {
            return None;
        }
        self.oldest = number as u32 & Self::MASK;
        Some(newly)
    }
}

#[cfg(test)]
mod tests {
    use super::SeqWindow;

    #[test]
    fn wraps_at_the_modulus() {
        let mut window = SeqWindow::<15>::default();
        for expected in 0..70_000_u32 {
            assert_eq!(u32::from(window.next()), expected % 32768);
            window.advance();
            assert_eq!(window.outstanding(), 1);
            assert_eq!(window.acknowledge(window.next()), Some(1));
        }
    }

    #[test]
    fn refuses_numbers_outside_the_window() {
        let mut window = SeqWindow::<15>::default();
        assert_eq!(window.acknowledge(1), None);
        window.advance();
        window.advance();
        assert_eq!(window.acknowledge(3), None);
        assert_eq!(window.acknowledge(1), Some(1));
        assert_eq!(window.acknowledge(0), None);
        assert_eq!(window.acknowledge(2), Some(1));
    }
}
