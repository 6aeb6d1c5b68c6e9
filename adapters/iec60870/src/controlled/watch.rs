//! What an attacker does to a controlled station and an operator does not (row 74): commands from a party that never commanded before, a
//! sweep over consecutive object addresses, one object switched off and on again and again.
//!
//! It decides nothing: a command goes its way, and the pattern is told, at most once a minute each.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bridge_model::Mono;
use bridge_session::Suspicion;

use super::select::Target;
use crate::{Cause, ControlAsdu, ControlElement};

/// Commands are compared within this time.
const WINDOW: Duration = Duration::from_secs(60);
/// So many different addresses, each next to the one before, are a sweep.
const SWEEP: usize = 5;
/// So many changes of direction of one object are toggling.
const TOGGLES: usize = 3;
/// The same pattern is told again after this.
const TOLD_AGAIN: Duration = Duration::from_secs(60);
/// Commands that are remembered.
const REMEMBERED: usize = 64;
/// Objects whose toggling was told, at most.
const TOLD_MAX: usize = 256;
/// Parties that commanded and are remembered, at most.
const PARTIES_MAX: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Mono,
    target: Target,
    /// Off or on, of a switching command that executes.
    on: Option<bool>,
}

#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: VecDeque<Seen>,
    parties: BTreeSet<String>,
    /// That no more parties are remembered was told.
    parties_full_told: bool,
    sweep_told: Option<Mono>,
    toggling_told: BTreeMap<Target, Mono>,
}

impl Watch {
    /// Looks at one command, known or not; `party` is who sent it.
    pub(super) fn look(&mut self, asdu: &ControlAsdu, party: &str, now: Mono) -> Vec<Suspicion> {
        let mut found = Vec::new();
        found.extend(self.newcomer(party));
        if asdu.cot.cause != Cause::ACTIVATION {
            return found;
        }
        while self.seen.len() >= REMEMBERED || self.seen.front().is_some_and(|seen| now.since(seen.at) > WINDOW) {
            self.seen.pop_front();
        }
        let target = (asdu.ca, asdu.ioa);
        self.seen.push_back(Seen { at: now, target, on: direction(asdu.element) });
        found.extend(self.sweep(now));
        found.extend(self.toggling(target, now));
        found
    }

    /// The party, if it commands for the first time; that the list of parties is full, if it has no place there.
    fn newcomer(&mut self, party: &str) -> Option<Suspicion> {
        if self.parties.contains(party) {
            return None;
        }
        if self.parties.len() < PARTIES_MAX {
            self.parties.insert(party.to_owned());
            return Some(Suspicion::NewCommander { party: party.to_owned() });
        }
        let told = std::mem::replace(&mut self.parties_full_told, true);
        (!told).then_some(Suspicion::CommandersFull { limit: PARTIES_MAX })
    }

    /// The last different addresses, if each lies next to the one before.
    fn sweep(&mut self, now: Mono) -> Option<Suspicion> {
        let mut run: Vec<u32> = Vec::new();
        let mut ca = None;
        for seen in self.seen.iter().rev() {
            let (of, ioa) = seen.target;
            match run.last() {
                // Select and execute of one object are one step.
                Some(last) if *last == ioa => continue,
                Some(last) if last.abs_diff(ioa) != 1 || ca != Some(of) || run.iter().rev().nth(1) == Some(&ioa) => break,
                Some(_) | None => {
                    ca = Some(of);
                    run.push(ioa);
                }
            }
        }
        let (Some(to), Some(from)) = (run.first(), run.last()) else { return None };
        if run.len() < SWEEP || self.sweep_told.is_some_and(|told| now.since(told) < TOLD_AGAIN) {
            return None;
        }
        self.sweep_told = Some(now);
        Some(Suspicion::Sweep { from: *from, to: *to })
    }

    fn toggling(&mut self, target: Target, now: Mono) -> Option<Suspicion> {
        let ways: Vec<bool> = self.seen.iter().filter(|seen| seen.target == target).filter_map(|seen| seen.on).collect();
        let changes = ways.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let told = self.toggling_told.get(&target).is_some_and(|told| now.since(*told) < TOLD_AGAIN);
        if changes < TOGGLES || told {
            return None;
        }
        if self.toggling_told.len() >= TOLD_MAX {
            self.toggling_told.pop_first();
        }
        self.toggling_told.insert(target, now);
        Some(Suspicion::Toggling { address: target.1, times: changes })
    }
}

fn direction(element: ControlElement) -> Option<bool> {
    match element {
        _ if element.is_select() => None,
        ControlElement::Single(on, _) => Some(on),
        ControlElement::Double(bits, _) | ControlElement::Step(bits, _) => Some(bits == 2),
        ControlElement::SetNormalised(..) | ControlElement::SetScaled(..) | ControlElement::SetFloat(..) | ControlElement::SetBits(_) => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cot, Qoc, TypeId};

    fn command(ioa: u32, on: bool) -> ControlAsdu {
        let element = ControlElement::Single(on, Qoc::default());
        ControlAsdu { type_id: TypeId::C_SC_NA_1, cot: Cot::new(Cause::ACTIVATION), ca: 1, ioa, element, time: None }
    }

    fn looked(watch: &mut Watch, commands: impl IntoIterator<Item = (u64, u32, bool)>) -> Vec<Suspicion> {
        commands.into_iter().flat_map(|(ms, ioa, on)| watch.look(&command(ioa, on), "10.0.0.1", Mono(ms * 1_000_000))).collect()
    }

    fn known() -> Watch {
        let mut watch = Watch::default();
        let told = watch.look(&command(9000, true), "10.0.0.1", Mono(0));
        assert_eq!(told, [Suspicion::NewCommander { party: "10.0.0.1".to_owned() }]);
        watch
    }

    #[test]
    fn a1_r74_a_sweep_over_consecutive_addresses_is_told_once() {
        let mut watch = known();
        let told = looked(&mut watch, (0..20).map(|i| (i * 100, 1000 + u32::try_from(i).unwrap(), true)));
        assert_eq!(told, [Suspicion::Sweep { from: 1000, to: 1004 }]);
    }

    #[test]
    fn a1_r74_a_sweep_downwards_is_told_and_to_and_fro_is_none() {
        let told = looked(&mut known(), (0..20).map(|i| (i * 100, 1000 - u32::try_from(i).unwrap(), true)));
        assert_eq!(told, [Suspicion::Sweep { from: 1000, to: 996 }]);
        let told = looked(&mut known(), (0..20).map(|i| (i * 100, 1000 + u32::try_from(i % 2).unwrap(), true)));
        assert_eq!(told, []);
    }

    #[test]
    fn a1_r74_off_then_on_again_and_again_is_told_once() {
        let mut watch = known();
        let told = looked(&mut watch, (0..10).map(|i| (i * 1000, 1000, i % 2 == 1)));
        assert_eq!(told, [Suspicion::Toggling { address: 1000, times: 3 }]);
    }

    #[test]
    fn a1_r74_an_operators_work_is_no_attack() {
        let mut watch = known();
        // Four neighbours, then one far away; one object off and on once; the same over hours.
        let told = looked(&mut watch, [(0, 1, true), (1, 2, true), (2, 3, true), (3, 4, true), (4, 900, false), (5_000, 900, true)]);
        assert_eq!(told, []);
        let told = looked(&mut watch, (1..20).map(|i| (i * 61_000, 1000, i % 2 == 1)));
        assert_eq!(told, [], "one change a minute");
    }

    #[test]
    fn a1_r74_each_party_that_commands_is_told_once() {
        let mut watch = known();
        assert_eq!(watch.look(&command(1, true), "10.0.0.1", Mono(1)), []);
        assert_eq!(watch.look(&command(1, true), "10.0.0.2", Mono(2)).len(), 1);
    }

    #[test]
    fn a1_r74_a_full_list_of_parties_is_told_once_and_the_known_stay_known() {
        let mut watch = known();
        let told: Vec<_> = (0..1000).flat_map(|party: u32| watch.look(&command(1, true), &party.to_string(), Mono(3))).collect();
        let (last, new) = told.split_last().unwrap();
        assert_eq!(new.len(), PARTIES_MAX - 1, "the first is known");
        assert!(new.iter().all(|told| matches!(told, Suspicion::NewCommander { .. })));
        assert_eq!(*last, Suspicion::CommandersFull { limit: PARTIES_MAX }, "a thousand parties, one line");
        assert!(watch.parties.len() <= PARTIES_MAX && watch.seen.len() <= REMEMBERED, "bounded");
        for party in ["10.0.0.1", "0", "254", "999"] {
            assert_eq!(watch.look(&command(1, true), party, Mono(4)), [], "{party}");
        }
    }
}
