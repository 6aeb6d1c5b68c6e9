//! The interoperability statement (IEC 60870-5-104 clause 9), written by the tables that the sessions read: it cannot say more, or less,
//! than the code does.
//!
//! [`Statement::of_implementation`] says what the two stations can do, [`Statement::of_link`] what one link is configured to.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use bridge_session::{AddressUse, LinkSpec, Role};

use crate::address::Address;
use crate::apci::{APDU_MAX, ASDU_MAX};
use crate::asdu::{CA_BROADCAST, IOA_MAX};
use crate::controlled::ParameterKind;
use crate::params::{CA, CONNECTIONS, ClockPolicy, CounterMode, K, Params, Range, SelectPolicy, T0, T1, T2, T3, TermPolicy, W};
use crate::repertoire::{Repertoire, Ways};
use crate::reverse::directions;
use crate::{Cause, ControlKind, Freeze, PORT, PORT_TLS, Qcc, Qoc, Qos, TypeId};

/// One part of the statement: a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Section {
    /// The clause whose shape it has.
    pub clause: &'static str,
    /// Its title.
    pub title: &'static str,
    /// The titles of its columns.
    pub columns: Vec<String>,
    /// As many cells as columns.
    pub rows: Vec<Vec<String>>,
    /// What is to be said below, if anything.
    pub note: &'static str,
}

/// The whole statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// What it is of.
    pub title: String,
    /// Its parts, in the standard's order.
    pub sections: Vec<Section>,
}

/// What a statement is about.
struct Subject<'a> {
    /// One link, or the implementation.
    link: Option<&'a LinkSpec>,
    params: Params,
    types: BTreeSet<TypeId>,
    /// The types of the reversed direction, of a link of both.
    reversed: BTreeSet<TypeId>,
}

/// Columns of causes: each a title and the causes it stands for.
const CAUSES: [(&str, u8, u8); 16] = [
    ("1", 1, 1),
    ("2", 2, 2),
    ("3", 3, 3),
    ("4", 4, 4),
    ("5", 5, 5),
    ("6", 6, 6),
    ("7", 7, 7),
    ("8", 8, 8),
    ("9", 9, 9),
    ("10", 10, 10),
    ("11", 11, 11),
    ("12", 12, 12),
    ("13", 13, 13),
    ("20-36", 20, 36),
    ("37-41", 37, 41),
    ("44-47", 44, 47),
];

const YES: &str = "X";
const NO: &str = "";
const NOT_APPLICABLE: &str = "not applicable in -104";

impl Statement {
    /// What both stations can do.
    #[must_use]
    pub fn of_implementation() -> Self {
        let types = TypeId::all().filter(|id| Repertoire::of(*id) != Repertoire::default()).collect();
        let subject = Subject { link: None, params: Params::default(), types, reversed: BTreeSet::new() };
        Self { title: "IEC 60870-5-104 interoperability statement of ies-bridge".to_owned(), sections: subject.sections() }
    }

    /// What one link is configured to do.
    #[must_use]
    pub fn of_link(spec: &LinkSpec) -> Self {
        let params = Params::from_fields(&spec.params);
        let (own, other) = directions(spec, &params);
        let subject = |link, params: Params, reversed| {
            let types = types_in_use(link, &params);
            Subject { link: Some(link), params, types, reversed }
        };
        let other = other.as_ref().map(|other| subject(other, params.reversed(), BTreeSet::new()));
        let reversed = other.as_ref().map(|other| other.types.clone()).unwrap_or_default();
        let mut sections = subject(&own, params, reversed).sections();
        sections.extend(other.iter().flat_map(Subject::reversed_sections));
        Self { title: format!("IEC 60870-5-104 interoperability statement of link {}", spec.name), sections }
    }

    /// Adds what the session does not know: how the link is carried.
    #[must_use]
    pub fn with_transport(mut self, rows: &[(&str, String)]) -> Self {
        if let Some(section) = self.sections.iter_mut().find(|section| section.clause == "9.3") {
            section.rows.extend(rows.iter().map(|(what, how)| vec![(*what).to_owned(), how.clone()]));
        }
        self
    }

    /// As Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = format!("# {}\n", self.title);
        // Writing to a string cannot fail.
        for section in &self.sections {
            _ = write!(text, "\n## {} {}\n\n", section.clause, section.title);
            _ = writeln!(text, "| {} |", section.columns.join(" | "));
            _ = writeln!(text, "|{}", "---|".repeat(section.columns.len()));
            for row in &section.rows {
                _ = writeln!(text, "| {} |", row.join(" | "));
            }
            if !section.note.is_empty() {
                _ = write!(text, "\n{}\n", section.note);
            }
        }
        text
    }
}

/// The types that a configured link sends or takes.
fn types_in_use(spec: &LinkSpec, params: &Params) -> BTreeSet<TypeId> {
    let mut types = BTreeSet::new();
    for (_, Address { type_id, .. }) in Address::all(spec, AddressUse::Monitor) {
        let Some((family, _)) = type_id.family() else { continue };
        match spec.role {
            // Whatever the tag, a point is read.
            Role::Client => types.extend(TypeId::all().filter(|id| id.family().is_some_and(|(of, _)| of == family))),
            Role::Server => types.extend([type_id].into_iter().chain(family.untagged())),
        }
    }
    let may_control = spec.role == Role::Server || !spec.monitor_only;
    if may_control {
        types.extend(Address::all(spec, AddressUse::Control).map(|(_, address)| address.type_id));
    }
    let synchronises = match spec.role {
        Role::Client => params.allow.clock_sync,
        Role::Server => params.clock == ClockPolicy::Answer,
    };
    let told = spec.role == Role::Client || params.end_of_init;
    let system = [
        (TypeId::M_EI_NA_1, told),
        (TypeId::C_IC_NA_1, true),
        (TypeId::C_CI_NA_1, true),
        (TypeId::C_RD_NA_1, true),
        (TypeId::C_CS_NA_1, synchronises),
        (TypeId::C_TS_TA_1, true),
        (TypeId::C_RP_NA_1, may_control && params.allow.reset),
        (TypeId::P_ME_NA_1, may_control && params.allow.parameters),
        (TypeId::P_ME_NB_1, may_control && params.allow.parameters),
        (TypeId::P_ME_NC_1, may_control && params.allow.parameters),
        (TypeId::P_AC_NA_1, may_control && params.allow.parameters),
    ];
    types.extend(system.into_iter().filter(|(_, on)| *on).map(|(id, _)| id));
    types.retain(|id| Repertoire::of(*id) != Repertoire::default());
    types
}

/// Whether the standard's table can be used in the standard direction. Where a link may have both (row 64) the other direction's session is of
/// the same table.
const fn is_standard(type_id: TypeId) -> bool {
    let Repertoire { controlling, controlled } = Repertoire::of(type_id);
    let is_told = type_id.family().is_some() || type_id.0 == TypeId::M_EI_NA_1.0;
    if is_told { !controlled.sent.is_empty() && !controlling.taken.is_empty() } else { !controlled.taken.is_empty() }
}

/// The addresses of a link in one direction.
fn addresses(link: &LinkSpec, params: &Params) -> [(&'static str, String); 3] {
    let all = |usage| Address::all(link, usage).map(|(_, address)| address);
    let both = all(AddressUse::Monitor).chain(all(AddressUse::Control));
    let cas: BTreeSet<u16> = both.map(|address| address.ca).chain(params.ca).collect();
    let range = |usage| {
        let ioas: BTreeSet<u32> = all(usage).map(|address| address.ioa).collect();
        match (ioas.first(), ioas.last()) {
            (Some(first), Some(last)) => format!("{} objects from {first} to {last}", ioas.len()),
            _ => "none".to_owned(),
        }
    };
    [
        ("Common addresses in use", cas.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")),
        ("Object addresses in monitor direction", range(AddressUse::Monitor)),
        ("Object addresses in control direction", range(AddressUse::Control)),
    ]
}

fn section(clause: &'static str, title: &'static str, columns: &[&str], rows: Vec<Vec<String>>, note: &'static str) -> Section {
    Section { clause, title, columns: columns.iter().map(|column| (*column).to_owned()).collect(), rows, note }
}

fn pairs(rows: &[(&str, String)]) -> Vec<Vec<String>> {
    rows.iter().map(|(what, how)| vec![(*what).to_owned(), how.clone()]).collect()
}

fn mark(on: bool) -> String {
    (if on { YES } else { NO }).to_owned()
}

fn seconds(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    format!("{seconds} s")
}

impl Subject<'_> {
    fn is(&self, role: Role) -> bool {
        self.link.is_none_or(|link| link.role == role)
    }

    /// A link parameter as configured; for the implementation, what may be configured.
    fn chosen(&self, of: impl Fn(&Params) -> String, possible: &str) -> String {
        if self.link.is_some() { of(&self.params) } else { possible.to_owned() }
    }

    fn uses(&self, type_id: TypeId) -> bool {
        self.types.contains(&type_id)
    }

    fn sections(&self) -> Vec<Section> {
        let mut all = vec![self.system(), self.network(), self.physical(), self.link_layer(), self.application(), self.asdus()];
        if self.is(Role::Server) {
            all.push(self.matrix("Types and causes of the controlled station", |id| Repertoire::of(id).controlled));
        }
        if self.is(Role::Client) {
            all.push(self.matrix("Types and causes of the controlling station", |id| Repertoire::of(id).controlling));
        }
        all.extend([self.functions(), self.parameters(), self.redundancy()]);
        all
    }

    /// What the reversed direction adds to the statement of a link of both.
    fn reversed_sections(&self) -> Vec<Section> {
        let addresses = self.link.map(|link| pairs(&addresses(link, &self.params))).unwrap_or_default();
        let matrix = match self.is(Role::Server) {
            true => self.matrix("Types and causes of the controlled station, reversed direction", |id| Repertoire::of(id).controlled),
            false => self.matrix("Types and causes of the controlling station, reversed direction", |id| Repertoire::of(id).controlling),
        };
        let functions = Section { title: "Basic application functions, reversed direction", ..self.functions() };
        vec![section("9.5", "Application layer, reversed direction", &["item", "value"], addresses, ""), matrix, functions]
    }

    fn system(&self) -> Section {
        // On a link of both directions the other role is the reversed one's.
        let role = |role| match (self.is(role), self.params.both_directions) {
            (true, _) => YES,
            (false, true) => "R",
            (false, false) => NO,
        };
        let rows = pairs(&[
            ("System definition", NO.to_owned()),
            ("Controlling station definition (master)", role(Role::Client).to_owned()),
            ("Controlled station definition (slave)", role(Role::Server).to_owned()),
        ]);
        section("9.1", "System or device", &["function", "used"], rows, "")
    }

    fn network(&self) -> Section {
        let rows = ["Point-to-point", "Multiple point-to-point", "Multipoint-party line", "Multipoint-star"];
        section(
            "9.2",
            "Network configuration",
            &["configuration", "used"],
            rows.map(|row| vec![row.to_owned(), NOT_APPLICABLE.to_owned()]).into(),
            "",
        )
    }

    fn physical(&self) -> Section {
        let rows = pairs(&[
            ("Serial circuits (V.24, V.28, X.24, X.27) and their speeds", NOT_APPLICABLE.to_owned()),
            ("TCP over IPv4 or IPv6, any interface that carries it", mark(true)),
            ("TCP port in clear", PORT.to_string()),
            ("TCP port with TLS (IEC 62351-3)", PORT_TLS.to_string()),
        ]);
        section("9.3", "Physical layer and transport", &["item", "value"], rows, "")
    }

    fn link_layer(&self) -> Section {
        let rows = ["Frame format FT 1.2", "Balanced and unbalanced transmission", "Link address field"];
        section("9.4", "Link layer", &["item", "used"], rows.map(|row| vec![row.to_owned(), NOT_APPLICABLE.to_owned()]).into(), "")
    }

    fn application(&self) -> Section {
        let mut rows = vec![
            ("Transmission mode for application data", "mode 1, least significant octet first".to_owned()),
            (
                "Common address of ASDU",
                format!("two octets, {} to {}; broadcast {CA_BROADCAST} for interrogation, counters, clock and reset", CA.from, CA.to),
            ),
            ("Information object address", format!("three octets, 1 to {IOA_MAX}, structured or not")),
            ("Cause of transmission", "two octets, with originator address; 0 if unused".to_owned()),
            ("Maximum length of APDU", format!("{APDU_MAX} octets behind the length octet, ASDU {ASDU_MAX}, both directions; not reduced")),
            ("Time tag", "CP56Time2a; the zone is the link's; SU is sent as 0 and not trusted alone; years 2000 to 2099".to_owned()),
        ];
        if let Some(link) = self.link {
            rows.extend(addresses(link, &self.params));
            rows.push(("Zone of time tags", format!("{:?}", link.zone)));
            match link.role {
                Role::Client => rows.push(("Originator address of ours", self.params.oa.to_string())),
                Role::Server => {
                    let list: Vec<String> = self.params.originators.iter().map(u8::to_string).collect();
                    let who = if list.is_empty() { "any".to_owned() } else { list.join(", ") };
                    rows.push(("Originators that may change anything", who));
                }
            }
        }
        section("9.5", "Application layer", &["item", "value"], pairs(&rows), "")
    }

    fn asdus(&self) -> Section {
        let row = |id: TypeId| {
            let octets = id.element_octets().map_or_else(String::new, |octets| octets.to_string());
            let used = match (self.uses(id), self.reversed.contains(&id)) {
                _ if !is_standard(id) => NO,
                (true, _) if self.link.is_none() => "B",
                (true, true) => "B",
                (true, false) => YES,
                (false, true) => "R",
                (false, false) => NO,
            };
            vec![id.0.to_string(), id.to_string(), octets, used.to_owned()]
        };
        let mut rows: Vec<Vec<String>> = TypeId::all().map(row).collect();
        for (types, name) in [("41, 81-87, 90-95", "S_*: application security"), ("120-127", "F_*: file transfer")] {
            rows.push(vec![types.to_owned(), name.to_owned(), NO.to_owned(), NO.to_owned()]);
        }
        let note = "`X` used in standard direction, `R` reversed, `B` both, empty: not used. A controlled station answers a type that is not used \
            with cause 44; a controlling station journals it and reads nothing. Octets are of one element with its time tag, without address.";
        section("9.5", "Selection of standard ASDUs", &["type", "name", "octets", "used"], rows, note)
    }

    fn matrix(&self, title: &'static str, ways: fn(TypeId) -> Ways) -> Section {
        let columns: Vec<String> = ["type", "name"].into_iter().chain(CAUSES.iter().map(|(title, ..)| *title)).map(str::to_owned).collect();
        let row = |id: &TypeId| {
            let Ways { sent, taken } = ways(*id);
            let cell = |(_, from, to): &(&str, u8, u8)| {
                let any = |set: crate::Causes| (*from..=*to).any(|cause| set.contains(Cause(cause)));
                format!("{}{}", if any(sent) { "S" } else { "" }, if any(taken) { "T" } else { "" })
            };
            [id.0.to_string(), id.to_string()].into_iter().chain(CAUSES.iter().map(cell)).collect()
        };
        let rows = self.types.iter().map(row).collect();
        Section { clause: "9.5", title, columns, rows, note: "`S` sent, `T` taken." }
    }

    fn functions(&self) -> Section {
        let mut rows: Vec<(&str, String)> = Vec::new();
        let params = &self.params;
        let switching = |id: &TypeId| ControlKind::of(*id).is_some_and(|(kind, _)| !kind.is_setpoint());
        let setpoint = |id: &TypeId| ControlKind::of(*id).is_some_and(|(kind, _)| kind.is_setpoint());
        let tagged = |id: &TypeId| ControlKind::of(*id).is_some_and(|(_, tagged)| tagged);
        let any = |which: &dyn Fn(&TypeId) -> bool| self.types.iter().any(which);
        let groups = || (1..=16).filter(|group| (21..=36).contains(&Cause::of_interrogation(Some(*group)).0)).count();
        rows.push(("Station initialisation: end of initialisation", mark(self.uses(TypeId::M_EI_NA_1))));
        rows.push(("Cyclic data transmission", mark(any(&|id| Repertoire::of(*id).controlled.sent.contains(Cause::CYCLIC)))));
        rows.push(("Read procedure", mark(self.uses(TypeId::C_RD_NA_1))));
        rows.push(("Spontaneous transmission", mark(true)));
        rows.push(("Double transmission of an object with cause spontaneous", NO.to_owned()));
        rows.push(("Station interrogation: global", mark(self.uses(TypeId::C_IC_NA_1))));
        rows.push(("Station interrogation: groups", format!("1 to {}", groups())));
        let clock = match self.link.map(|link| link.role) {
            None => "off unless configured: sent (controlling) or answered with our time (controlled); no clock is stepped",
            Some(_) if self.uses(TypeId::C_CS_NA_1) => "on; no clock of ours is stepped",
            Some(_) => "off",
        };
        rows.push(("Clock synchronisation", clock.to_owned()));
        rows.push(("Direct command transmission", mark(any(&switching))));
        rows.push(("Direct set-point command transmission", mark(any(&setpoint))));
        let selects = self.is(Role::Client) || params.select != SelectPolicy::Refuse;
        rows.push(("Select and execute command", mark(selects && any(&switching))));
        rows.push((
            "Select and execute set-point command",
            mark(selects && any(&|id: &TypeId| setpoint(id) && ControlKind::of(*id).is_some_and(|(kind, _)| kind.is_selectable()))),
        ));
        let term = |params: &Params| match params.term {
            TermPolicy::Optional => "welcome, not required",
            TermPolicy::Required => "required",
        };
        if self.is(Role::Client) {
            rows.push((
                "C_SE ACTTERM and other terminations (controlling)",
                self.chosen(|params| term(params).to_owned(), "welcome, or required if configured"),
            ));
            rows.push(("Supervision of each leg of a command (controlling)", seconds(params.command_timeout)));
        }
        if self.is(Role::Server) {
            rows.push(("C_SE ACTTERM and other terminations (controlled)", "sent when the action has ended".to_owned()));
            rows.push(("Life of a selection (controlled)", seconds(params.select_timeout)));
            rows.push((
                "Greatest age of a time-tagged command (controlled)",
                if any(&tagged) { seconds(params.command_age) } else { "no tagged command".to_owned() },
            ));
            rows.push(("Commands in progress at a time (controlled)", params.max_commands.to_string()));
        }
        let qualifiers =
            |defined: &dyn Fn(u8) -> bool, most: u8| ranges(&(0..most).filter(|qualifier| defined(*qualifier)).collect::<Vec<_>>());
        rows.push((
            "Qualifiers of command taken (QU: 1 short, 2 long pulse, 3 persistent)",
            qualifiers(&|qu| Qoc { qu, select: false }.is_defined(), 32),
        ));
        rows.push(("Qualifiers of set-point taken (QL)", qualifiers(&|ql| Qos { ql, select: false }.is_defined(), 128)));
        if self.is(Role::Server) {
            let modes: Vec<&str> = CounterMode::WORDS.iter().map(|(word, _)| *word).collect();
            let word = |params: &Params| {
                CounterMode::WORDS.iter().find(|(_, mode)| *mode == params.counters).map_or("", |(word, _)| *word).to_owned()
            };
            rows.push(("Integrated totals: mode (live: never frozen; A to D)", self.chosen(word, &modes.join(", "))));
        }
        let requests: Vec<u8> = (0..64).filter(|request| Qcc { request: *request, freeze: Freeze::Read }.group().is_some()).collect();
        rows.push(("Counter read (RQT: groups 1 to 4, 5 general)", ranges(&requests)));
        let allowed = |of: bool, word: &str| if self.link.is_some() { mark(of) } else { format!("only with `allow = \"{word}\"`") };
        let freezes = |params: &Params| match self.link.map(|link| link.role) {
            Some(Role::Server) => matches!(params.counters, CounterMode::C | CounterMode::D),
            Some(Role::Client) | None => params.allow.counter_freeze,
        };
        let freeze = if self.link.is_some() {
            mark(freezes(params))
        } else {
            "controlled: modes C and D; controlling: only with `allow = \"counter_freeze\"`".to_owned()
        };
        rows.push(("Counter freeze without reset", freeze));
        rows.push(("Counter freeze with reset, counter reset", allowed(params.allow.counter_reset, "counter_reset")));
        rows.push(("Reset process (QRP 1)", allowed(self.uses(TypeId::C_RP_NA_1), "reset")));
        let kinds: Vec<u8> = (0..64).filter(|kpa| ParameterKind::of(*kpa).is_some()).collect();
        rows.push(("Parameter loading and activation", allowed(self.uses(TypeId::P_AC_NA_1), "parameters")));
        rows.push(("Parameters served (KPA: 1 threshold, 3 low, 4 high limit)", ranges(&kinds)));
        rows.push(("Test procedure (C_TS_TA_1)", mark(self.uses(TypeId::C_TS_TA_1))));
        rows.push(("File transfer", NO.to_owned()));
        let background = |params: &Params| params.background.map_or_else(|| NO.to_owned(), |every| format!("every {}", seconds(every)));
        if self.is(Role::Server) {
            rows.push(("Background scan", self.chosen(background, "if configured")));
        }
        rows.push(("Acquisition of transmission delay", NO.to_owned()));
        if self.link.is_some() {
            let words = params.allow.words();
            let list = if words.is_empty() { "nothing".to_owned() } else { words.join(", ") };
            rows.push(("Allowed beyond reading and commanding (R22)", list));
        }
        section("9.6", "Basic application functions", &["function", "used"], pairs(&rows), "")
    }

    fn parameters(&self) -> Section {
        let defaults = Params::default();
        let count = |range: Range, default: u16, now: u16, what: &str| {
            vec![
                range.name.to_owned(),
                what.to_owned(),
                format!("{} to {}", range.from, range.to),
                default.to_string(),
                self.chosen(|_| now.to_string(), "configurable"),
            ]
        };
        let timer = |range: Range, default: Duration, now: Duration, what: &str| {
            vec![
                range.name.to_owned(),
                what.to_owned(),
                format!("{} to {} s", range.from, range.to),
                seconds(default),
                self.chosen(|_| seconds(now), "configurable"),
            ]
        };
        let Params { k, w, t0, t1, t2, t3, .. } = self.params;
        let rows = vec![
            timer(T0, defaults.t0, t0, "establishing a connection"),
            timer(T1, defaults.t1, t1, "answer to an I or U frame"),
            timer(T2, defaults.t2, t2, "acknowledgement when nothing else carries it; below t1"),
            timer(T3, defaults.t3, t3, "silence before TESTFR"),
            count(K, defaults.k, k, "I frames sent and not acknowledged"),
            count(W, defaults.w, w, "durable I frames received and not acknowledged; at most k"),
        ];
        section(
            "9.6",
            "Timers and windows",
            &["name", "meaning", "range", "default", "selected"],
            rows,
            "N(R) covers a frame only when the journal has it durably.",
        )
    }

    fn redundancy(&self) -> Section {
        let rows = pairs(&[
            ("Redundancy groups", "one for each link, with its own queue".to_owned()),
            (
                "Connections of a group",
                self.chosen(
                    |params| format!("up to {}", params.connections),
                    &format!("{} to {}, default {}", CONNECTIONS.from, CONNECTIONS.to, self.params.connections),
                ),
            ),
            (
                "Switch-over",
                "by STARTDT of the controlling station; what was not acknowledged is sent again, duplicates are possible, loss is not"
                    .to_owned(),
            ),
        ]);
        section("10", "Redundant connections", &["item", "value"], rows, "")
    }
}

/// `0-3, 9-31`.
fn ranges(numbers: &[u8]) -> String {
    let mut parts: Vec<(u8, u8)> = Vec::new();
    for number in numbers {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            Some(_) | None => parts.push((*number, *number)),
        }
    }
    let text = |(first, last): &(u8, u8)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    parts.iter().map(text).collect::<Vec<_>>().join(", ")
}
