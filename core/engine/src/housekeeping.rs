//! What operators and clocks ask of a station besides values and commands (R22): journaled before it is sent, journaled when it has ended.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_model::{LinkId, Now};
use bridge_session::{FileWish, Housekeeping, HousekeepingOutcome, Request};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::core::{Core, LocalReply, Then};
use crate::store::{Table, numbered, split_numbered};
use crate::timers::Timer;

/// Who waits for a request at the local door is answered after this, whether it has ended or not.
const PATIENCE: Duration = Duration::from_secs(8);
/// The same for files.
const FILE_PATIENCE: Duration = Duration::from_secs(600);
/// The largest file that is handed to a local operator: in Base64 it is one line of the local door.
const FILE_MAX: usize = 512 << 10;
/// The first part of a stored request's key.
const PREFIX: &str = "request";
/// What changes a station leaves within this, or not at all (R5, R22).
const CHANGE_LIFE: Duration = Duration::from_secs(10);

struct Open {
    link: LinkId,
    what: String,
    /// The local door's request that waits for the end.
    local: Option<u64>,
    /// What of a file has come so far; `None` beyond [`FILE_MAX`], or if none was asked for.
    file: Option<Vec<u8>>,
}

/// A request that changes a station, as stored until it has ended.
#[derive(Serialize, Deserialize)]
struct Stored {
    link: String,
    what: String,
}

/// Requests that have not ended.
#[derive(Default)]
pub(crate) struct Requests {
    open: BTreeMap<u64, Open>,
    last: u64,
}

impl Requests {
    /// After a restart: what had not ended by then has no known end.
    pub(crate) fn recover(core: &mut Core, now: Now) -> Self {
        let open: Vec<u64> = core.store.entries(Table::Requests).filter_map(|(key, _)| split_numbered(key)).map(|(_, id)| id).collect();
        for id in &open {
            if let Some(stored) = core.load::<Stored>(Table::Requests, &numbered(PREFIX, *id)) {
                let text = format!("{}: not known: the bridge was restarted before it ended", stored.what);
                core.tell(format!("link {}: {text}", stored.link));
                core.note(now, "housekeeping", &text, &[("link", stored.link), ("request", id.to_string())]);
            }
            core.delete(Table::Requests, &numbered(PREFIX, *id));
        }
        Self { open: BTreeMap::new(), last: open.last().copied().unwrap_or_default() }
    }

    /// Asks; `by` is a person or the profile.
    pub(crate) fn ask(&mut self, core: &mut Core, link: LinkId, wish: Housekeeping, by: &str, local: Option<u64>, now: Now) {
        let what = named(core, wish);
        let request = |id| Request::Housekeep { id, wish, not_after: now.mono + CHANGE_LIFE };
        self.send(core, link, (what, wish.changes(), PATIENCE), request, (by, local), now);
    }

    /// Asks for a file.
    pub(crate) fn ask_file(
        &mut self,
        core: &mut Core,
        link: LinkId,
        (station, wish): (Option<u16>, FileWish),
        by: &str,
        local: u64,
        now: Now,
    ) {
        let of = station.map_or_else(String::new, |station| format!(" of station {station}"));
        let (what, changes) = (format!("{wish}{of}"), wish.changes());
        let request = |id| Request::File { id, station, wish, not_after: now.mono + CHANGE_LIFE };
        self.send(core, link, (what, changes, FILE_PATIENCE), request, (by, Some(local)), now);
        if let Some(open) = self.open.get_mut(&self.last) {
            open.file = Some(Vec::new());
        }
    }

    /// The next octets of a file.
    pub(crate) fn handle_part(&mut self, id: u64, octets: &[u8]) {
        let Some(open) = self.open.get_mut(&id) else { return };
        match &mut open.file {
            Some(file) if file.len() + octets.len() <= FILE_MAX => file.extend_from_slice(octets),
            Some(_) | None => open.file = None,
        }
    }

    fn send(
        &mut self,
        core: &mut Core,
        link: LinkId,
        (what, changes, patience): (String, bool, Duration),
        request: impl FnOnce(u64) -> Request,
        (by, local): (&str, Option<u64>),
        now: Now,
    ) {
        self.last += 1;
        let id = self.last;
        let name = core.plan.links[link.index()].spec.name.clone();
        core.note(
            now,
            "housekeeping",
            &format!("{what} asked by {by}"),
            &[("link", name), ("request", id.to_string()), ("by", by.to_owned())],
        );
        if changes {
            let link = core.plan.links[link.index()].spec.name.clone();
            core.put(Table::Requests, &numbered(PREFIX, id), &Stored { link, what: what.clone() });
        }
        core.recorder.hurry();
        core.when_durable(Then::Link { link, request: request(id) });
        if local.is_some() {
            core.timers.set(Timer::Housekept(id), now.mono + patience);
        }
        self.open.insert(id, Open { link, what, local, file: None });
    }

    /// A request has ended.
    pub(crate) fn handle_ended(&mut self, core: &mut Core, id: u64, outcome: &HousekeepingOutcome, now: Now) {
        let Some(open) = self.open.remove(&id) else { return };
        core.timers.cancel(&Timer::Housekept(id));
        core.delete(Table::Requests, &numbered(PREFIX, id));
        let name = core.plan.links[open.link.index()].spec.name.clone();
        core.tell(format!("link {name}: {}: {outcome}", open.what));
        let text = format!("{}: {outcome}", open.what);
        core.note(now, "housekeeping", &text, &[("link", name), ("request", id.to_string())]);
        if let Some(local) = open.local {
            let key = if matches!(outcome, HousekeepingOutcome::Done(_)) { "done" } else { "error" };
            let line = match open.file.filter(|_| key == "done") {
                Some(file) if !file.is_empty() => json!({ key: text, "octets": STANDARD.encode(file) }),
                Some(_) | None => json!({ key: text }),
            };
            let line = line.to_string();
            core.when_durable(Then::Local(LocalReply { id: local, line }));
        }
    }

    /// Whoever asked waits no longer; the request goes on.
    pub(crate) fn handle_patience(&mut self, core: &mut Core, id: u64) {
        let Some(open) = self.open.get_mut(&id) else { return };
        if let Some(local) = open.local.take() {
            let line = json!({ "done": format!("{}: still under way; `tail` shows its end", open.what) }).to_string();
            core.when_durable(Then::Local(LocalReply { id: local, line }));
        }
    }
}

/// A request in an engineer's words, with points by name.
fn named(core: &Core, wish: Housekeeping) -> String {
    let text = wish.to_string();
    let point = match wish {
        Housekeeping::Read(point)
        | Housekeeping::LoadParameter { point, .. }
        | Housekeeping::CyclicTransmission { point, .. }
        | Housekeeping::AssignClass { point, .. } => Some(point),
        Housekeeping::ActivateParameters { point, .. } => point,
        Housekeeping::ReadGroup(_)
        | Housekeeping::Counters { .. }
        | Housekeeping::SynchroniseClock
        | Housekeeping::Test
        | Housekeeping::Reset
        | Housekeeping::ColdRestart
        | Housekeeping::Poll(_)
        | Housekeeping::Unsolicited { .. }
        | Housekeeping::Attributes => None,
    };
    match point.and_then(|point| core.plan.points.get(point.index()).map(|planned| (point, planned))) {
        Some((point, planned)) => text.replace(&format!("point {}", point.0), &planned.id),
        None => text,
    }
}
