//! `[link]`: who speaks what to whom.

use std::time::Duration;

use bridge_diag::{Entry, Report, Shape, Table, View, nearest};
use bridge_model::Zone;
use bridge_session::{CounterFreeze, Fields, Housekeeping, LinkSpec, Role};

use super::scope::{LinkDraft, Scope, declare, push_field_problem, scalar_of, settle, take_duration, word};
use crate::codes::DIALECT;
use crate::keys;
use crate::plan::{Capture, JournalFailure, PlannedLink};

/// What `max_unacked` is unless stated: frames that may wait for the journal.
const MAX_UNACKED: usize = 1024;
/// What `fresh_link` is unless stated (R5).
const FRESH_LINK: Duration = Duration::from_secs(2);
/// What `stale_after` is unless stated.
const STALE_AFTER: Duration = Duration::from_secs(90);
/// What `clock_tolerance` is unless stated.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(1);

impl Scope<'_> {
    /// Reads `[link]`, in the order of the links' names.
    pub(crate) fn read_links(&mut self, view: &mut View<'_>, report: &mut Report) {
        let Some(table) = view.take_table("link", report) else { return };
        let mut entries: Vec<&Entry> = table.entries.iter().collect();
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        for entry in entries {
            self.read_link(entry, view, report);
        }
    }

    fn read_link(&mut self, entry: &Entry, outer: &View<'_>, report: &mut Report) {
        let Shape::Table(table) = &entry.node.shape else {
            report.push(
                outer
                    .error(DIALECT.wrong_kind, entry.node.span, format!("link `{}` must be a table", entry.key))
                    .fix("write `{ protocol = \"iec104\", role = \"client\", zone = \"IST\", … }`"),
            );
            return;
        };
        let fresh = declare(&mut self.link_names, &entry.key, entry.key_span, "link", None, report);
        let mut view = outer.inner(table, format!("link `{}`", entry.key)).of(&keys::LINK);
        let before = report.errors();
        let protocol = view.need_str("protocol", report);
        let roles = [
            ("client", Role::Client),
            ("controlling", Role::Client),
            ("master", Role::Client),
            ("server", Role::Server),
            ("controlled", Role::Server),
            ("outstation", Role::Server),
        ];
        view.need("role", report);
        let role = word(&mut view, "role", &roles, report);
        let zone = zone(&mut view, report);
        let stale_after = take_duration(&mut view, "stale_after", report).unwrap_or(STALE_AFTER);
        let invalid_after = take_duration(&mut view, "invalid_after", report).unwrap_or(stale_after.saturating_mul(10));
        if invalid_after < stale_after {
            let span = table.entry("invalid_after").map_or(view.span(), |e| e.node.span);
            report.push(
                view.error("profile::stale-order", span, format!("{} is invalid before it is stale", view.noun()))
                    .fix("`invalid_after` is longer than `stale_after`; by default ten times"),
            );
        }
        let monitor_only = view.take_bool("monitor_only", report).is_some_and(|(v, _)| v);
        let capture = word(&mut view, "capture", &[("bytes", Capture::Bytes), ("hash", Capture::Hash)], report).unwrap_or(Capture::Bytes);
        let failure = word(&mut view, "on_journal_failure", &[("hold", JournalFailure::Hold), ("pass", JournalFailure::Pass)], report);
        let integrity_every = take_duration(&mut view, "integrity_every", report);
        let event_queue = event_queue(&mut view, report);
        // Who asks is the client: on a server link the reversed direction, whose permissions stand apart; of one direction nobody.
        let asks = match (role, text_of(table, "direction") == "both") {
            (Some(Role::Server), true) => Some("allow_reverse"),
            (Some(Role::Server), false) => None,
            (Some(Role::Client) | None, _) => Some("allow"),
        };
        let housekeeping = housekeeping(&mut view, asks.map(|key| (key, text_of(table, key))), report);
        let clock_tolerance = take_duration(&mut view, "clock_tolerance", report).unwrap_or(CLOCK_TOLERANCE);
        let max_unacked = max_unacked(&mut view, report);
        let fresh_link = take_duration(&mut view, "fresh_link", report).unwrap_or(FRESH_LINK);
        view.take_str("text", report);

        let rest = view.take_rest();
        let params: Fields = rest.iter().filter_map(|rest| Some((rest.key.as_str(), scalar_of(rest, &view, report)?))).collect();
        let Some((name, span)) = protocol else { return };
        let Some(protocol) = self.protocols.iter().find(|p| p.name() == name) else {
            let names = || self.protocols.iter().map(|p| p.name());
            let fix = nearest(name, names()).map_or_else(
                || format!("known protocols: {}", names().collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            report.push(view.error("profile::protocol-unknown", span, format!("there is no protocol `{name}`")).fix(fix));
            return;
        };
        let Some(role) = role else { return };
        if failure == Some(JournalFailure::Pass) && !protocol.may_pass(role) {
            let span = table.entry("on_journal_failure").map_or(view.span(), |e| e.node.span);
            let what = format!("{} would confirm what is not journaled, and its station forget it", view.noun());
            report.push(view.error("profile::pass-not-offered", span, what).fix("leave it out: such a link holds"));
        }
        for problem in protocol.check_link(role, &params) {
            push_field_problem(&problem, table, &view, report);
        }
        let Some(zone) = zone else { return };
        if report.errors() > before || !fresh {
            return;
        }
        settle(&mut self.link_names, &entry.key, self.links.len());
        let spec = LinkSpec {
            name: entry.key.clone(),
            role,
            zone,
            monitor_only,
            params,
            points: Vec::new(),
            max_unacked,
            fresh_link_ms: u32::try_from(fresh_link.as_millis()).unwrap_or(u32::MAX),
        };
        let on_journal_failure = match (failure, role) {
            _ if !protocol.may_pass(role) => JournalFailure::Statics,
            (Some(failure), _) => failure,
            (None, Role::Client) => JournalFailure::Hold,
            (None, Role::Server) => JournalFailure::Pass,
        };
        let plan = PlannedLink {
            spec,
            protocol: name.to_owned(),
            stale_after,
            invalid_after,
            capture,
            on_journal_failure,
            integrity_every,
            event_queue,
            housekeeping,
            clock_tolerance,
        };
        self.links.push(LinkDraft::new(plan, *protocol, entry.key_span));
    }
}

/// A parameter of the protocol's that is text, without taking it.
fn text_of<'t>(table: &'t Table, key: &str) -> &'t str {
    match table.entry(key).map(|entry| &entry.node.shape) {
        Some(Shape::Str(text)) => text,
        _ => "",
    }
}

fn event_queue(view: &mut View<'_>, report: &mut Report) -> Option<u64> {
    let (value, span) = view.take_int("event_queue", report)?;
    match u64::try_from(value) {
        Ok(value) if (2..=100_000_000).contains(&value) => Some(value),
        _ => {
            report.push(
                view.error("profile::event-queue", span, format!("`event_queue` of {} is {value}", view.noun())).fix("use 2 to 100000000"),
            );
            None
        }
    }
}

/// Requests by the clock, each off unless its time is given. `allow` is the parameter of the protocol's that permits what changes the
/// station, by name and words; `None` if the link asks nothing.
fn housekeeping(view: &mut View<'_>, allow: Option<(&str, &str)>, report: &mut Report) -> Vec<(Housekeeping, Duration)> {
    let freezes = [
        ("read", CounterFreeze::Read),
        ("freeze", CounterFreeze::Freeze),
        ("freeze_reset", CounterFreeze::FreezeReset),
        ("reset", CounterFreeze::Reset),
    ];
    let freeze = word(view, "counters_do", &freezes, report).unwrap_or_default();
    let mut all = Vec::new();
    if let Some(every) = take_duration(view, "counters_every", report) {
        if freeze != CounterFreeze::Read {
            all.push((Housekeeping::Counters { group: None, freeze }, every));
        }
        // A freeze tells nothing by itself: what was frozen is read behind it.
        all.push((Housekeeping::Counters { group: None, freeze: CounterFreeze::Read }, every));
    }
    if let Some(every) = take_duration(view, "clock_every", report) {
        all.push((Housekeeping::SynchroniseClock, every));
    }
    if let Some(every) = take_duration(view, "test_every", report) {
        all.push((Housekeeping::Test, every));
    }
    let Some((key, allow)) = allow else {
        if !all.is_empty() {
            report.push(
                view.error(
                    "profile::housekeeping-not-allowed",
                    view.span(),
                    format!("{} serves its peer and asks nothing of it by the clock", view.noun()),
                )
                .fix("leave `clock_every`, `counters_every` and `test_every` out, or add `direction = \"both\"`"),
            );
        }
        return Vec::new();
    };
    let is_allowed = |word: &str| allow.split(',').any(|allowed| allowed.trim() == word);
    let wants = [
        ("clock_sync", "clock_every", all.iter().any(|(wish, _)| *wish == Housekeeping::SynchroniseClock)),
        ("counter_freeze", "counters_do", matches!(freeze, CounterFreeze::Freeze | CounterFreeze::FreezeReset)),
        ("counter_reset", "counters_do", matches!(freeze, CounterFreeze::Reset | CounterFreeze::FreezeReset)),
    ];
    for (word, wish, _) in wants.into_iter().filter(|(word, _, wanted)| *wanted && !is_allowed(word)) {
        report.push(
            view.error(
                "profile::housekeeping-not-allowed",
                view.span(),
                format!("{} has `{wish}` and does not allow `{word}`", view.noun()),
            )
            .fix(format!("add `{word}` to `{key}`, or leave `{wish}` out")),
        );
    }
    all
}

fn zone(view: &mut View<'_>, report: &mut Report) -> Option<Zone> {
    if view.take("zone").is_none() {
        report.push(
            view.error("profile::zone-missing", view.span(), format!("{} does not say in which zone its device stamps", view.noun()))
                .fix("add `zone = \"IST\"` or `zone = \"UTC\"`; ask the site, there is no default"),
        );
    }
    word(view, "zone", &[("UTC", Zone::Utc), ("IST", Zone::Ist)], report)
}

fn max_unacked(view: &mut View<'_>, report: &mut Report) -> usize {
    let Some((value, span)) = view.take_int("max_unacked", report) else { return MAX_UNACKED };
    match usize::try_from(value) {
        Ok(value) if (1..=1_000_000).contains(&value) => value,
        _ => {
            report.push(
                view.error("profile::max-unacked", span, format!("`max_unacked` of {} is {value}", view.noun())).fix("use 1 to 1000000"),
            );
            MAX_UNACKED
        }
    }
}
