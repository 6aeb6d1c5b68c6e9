//! The mapping state as bytes: after a restart no alarm is raised twice and no clear is missing.
//!
//! Format 1, little-endian: `01`, count of links u16, per link: name hash u64, least lag i64 (`i64::MIN`: not known); count of points u32,
//! per point: id hash u64, flags u8 (1 newest known, 2 newest by device, 4 state alarm raised, 8 its cause is there, 16 unknown told),
//! newest i64, count of limits u8, per limit: name hash u64, state u8 (0, 1 active, 2 delay running), UTC at which the delay ends i64. Hashes are FNV-1a, 64
//! bits. What a deadband last passed on is not kept: after a restart the first value of every point passes.

use std::collections::BTreeMap;

use bridge_model::PointId;

use super::{NONE, Upward};

const VERSION: u8 = 1;
const NOT_KNOWN: i64 = i64::MIN;

const NEWEST: u8 = 1;
const BY_DEVICE: u8 = 2;
const RAISED: u8 = 4;
const CAUSED: u8 = 8;
const UNKNOWN: u8 = 16;

const ACTIVE: u8 = 1;
const DELAYED: u8 = 2;

/// FNV-1a, 64 bits.
pub(super) fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Upward {
    /// The state as bytes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + self.lags.len() * 16 + self.slots.len() * 18);
        out.push(VERSION);
        out.extend_from_slice(&u16::try_from(self.lags.len()).unwrap_or(u16::MAX).to_le_bytes());
        for (lag, id) in self.lags.iter().zip(&self.link_ids).take(usize::from(u16::MAX)) {
            out.extend_from_slice(&id.to_le_bytes());
            out.extend_from_slice(&lag.least_ns.unwrap_or(NOT_KNOWN).to_le_bytes());
        }
        out.extend_from_slice(&u32::try_from(self.slots.len()).unwrap_or(u32::MAX).to_le_bytes());
        for (slot, id) in self.slots.iter().zip(&self.ids) {
            let alarms = usize::try_from(slot.alarms).ok().filter(|_| slot.alarms != NONE).and_then(|at| self.alarms.get(at));
            let mut flags = if slot.has_newest { NEWEST } else { 0 };
            flags |= if slot.newest_by_device { BY_DEVICE } else { 0 };
            if let Some(alarms) = alarms {
                flags |= if alarms.raised { RAISED } else { 0 };
                flags |= if alarms.caused { CAUSED } else { 0 };
                flags |= if alarms.unknown { UNKNOWN } else { 0 };
            }
            out.extend_from_slice(&id.to_le_bytes());
            out.push(flags);
            out.extend_from_slice(&slot.newest_ns.to_le_bytes());
            let (limits, names) = alarms.map_or((&[][..], &[][..]), |alarms| (&alarms.limits[..], &alarms.names[..]));
            out.push(u8::try_from(limits.len()).unwrap_or(u8::MAX));
            for (limit, name) in limits.iter().zip(names).take(usize::from(u8::MAX)) {
                out.extend_from_slice(&name.to_le_bytes());
                out.push(if limit.active {
                    ACTIVE
                } else if limit.due.is_some() {
                    DELAYED
                } else {
                    0
                });
                let left = limit.due.map_or(0, |due| i64::try_from(due.since(self.last.mono).as_nanos()).unwrap_or(i64::MAX));
                out.extend_from_slice(&self.last.utc.0.saturating_add(left).to_le_bytes());
            }
        }
        out
    }

    /// Takes the state of a snapshot over, for every point and limit that still exists under its id and name. `false`: the bytes are
    /// no snapshot of this format, and what could be read of them before the fault is kept.
    pub fn restore(&mut self, snapshot: &[u8]) -> bool {
        self.restore_all(&mut Bytes(snapshot)).is_some()
    }

    fn restore_all(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        if bytes.take::<1>()? != [VERSION] {
            return None;
        }
        for _ in 0..u16::from_le_bytes(bytes.take()?) {
            let (id, least) = (u64::from_le_bytes(bytes.take()?), i64::from_le_bytes(bytes.take()?));
            if let Some(lag) = self.link_ids.iter().position(|known| *known == id).and_then(|at| self.lags.get_mut(at)) {
                lag.least_ns = (least != NOT_KNOWN).then_some(least);
            }
        }
        let places: BTreeMap<u64, usize> = self.ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        for _ in 0..u32::from_le_bytes(bytes.take()?) {
            let id = u64::from_le_bytes(bytes.take()?);
            let [flags] = bytes.take()?;
            let newest_ns = i64::from_le_bytes(bytes.take()?);
            let [limits] = bytes.take()?;
            let place = places.get(&id).copied();
            if let Some(slot) = place.and_then(|at| self.slots.get_mut(at)) {
                slot.has_newest = flags & NEWEST != 0;
                slot.newest_by_device = flags & BY_DEVICE != 0;
                slot.newest_ns = newest_ns;
                slot.has_sent = false;
            }
            let index = place.and_then(|at| self.slots.get(at)).and_then(|slot| usize::try_from(slot.alarms).ok());
            let mut alarms = index.and_then(|at| self.alarms.get_mut(at));
            if let Some(alarms) = &mut alarms {
                alarms.raised = flags & RAISED != 0;
                alarms.caused = flags & CAUSED != 0;
                alarms.unknown = flags & UNKNOWN != 0;
            }
            for _ in 0..limits {
                let name = u64::from_le_bytes(bytes.take()?);
                let [state] = bytes.take()?;
                let due_utc_ns = i64::from_le_bytes(bytes.take()?);
                let Some(alarms) = &mut alarms else { continue };
                let Some(which) = alarms.names.iter().position(|known| *known == name) else { continue };
                if let Some(limit) = alarms.limits.get_mut(which) {
                    limit.active = state == ACTIVE;
                    limit.due = None;
                }
                if state == DELAYED
                    && let (Some(at), Ok(which)) = (place.and_then(|at| u32::try_from(at).ok()), u16::try_from(which))
                {
                    self.restored.push((PointId(at), which, due_utc_ns));
                }
            }
        }
        Some(())
    }
}

/// Bytes read from the front; never beyond the end.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }
}
