//! The device profile (clause 14) of a link, or of everything that the two stations can do. It is found by asking the sessions: an
//! outstation every function with every object and qualifier, a master everything it has to send. So it cannot say more, or less, than
//! the code does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use bridge_model::{PointId, Zone};
use bridge_session::{AddressUse, Field, Fields, LinkPoint, LinkSpec, Role};

use crate::address::PointType;
use crate::app::Function;
use crate::master::sent;
use crate::objects::{Kind, lookup};
use crate::outstation::{objects, readable, supports, uses};
use crate::params::Params;
use crate::{PORT, PORT_TLS};

/// One part of the profile: a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Section {
    /// Its title.
    pub title: String,
    /// The titles of its columns.
    pub columns: &'static [&'static str],
    /// As many cells as columns.
    pub rows: Vec<Vec<String>>,
    /// What is to be said below, if anything.
    pub note: &'static str,
}

/// The whole profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceProfile {
    /// What it is of.
    pub title: String,
    /// Its parts.
    pub sections: Vec<Section>,
}

/// The types of the values that the stations are asked with, points 0 up, each with index 0.
pub(crate) const VALUES: [&str; 8] =
    ["binary", "double", "binary_output", "counter", "analog", "analog_output", "octet_string", "unsigned"];
/// Their controls, points 0 up: field, word or number, and whether it is a switch.
pub(crate) const CONTROLS: [((&str, &str, i64), bool); 7] = [
    (("model", "latch", 0), true),
    (("model", "trip_close", 0), true),
    (("model", "pulse", 0), true),
    (("variation", "", 1), false),
    (("variation", "", 2), false),
    (("variation", "", 3), false),
    (("variation", "", 4), false),
];
/// Everything that `allow` knows.
const EVERYTHING: &str = "clock_sync,counter_freeze,counter_reset,reset,assign_class,parameters,files,file_write";
const YES: &str = "X";

impl DeviceProfile {
    /// What both stations can do, with everything allowed that a link may allow.
    #[must_use]
    pub fn of_implementation() -> Self {
        let sections = [Role::Server, Role::Client].into_iter().flat_map(|role| {
            let mut params = Fields::from([("allow".to_owned(), Field::Text(EVERYTHING.to_owned()))]);
            if role == Role::Server {
                params.insert("statistics_class".to_owned(), Field::Int(3));
            }
            let spec = link(role, params);
            let who = if role == Role::Server { "Outstation" } else { "Master" };
            sections(&spec).into_iter().map(move |section| Section { title: format!("{who}: {}", section.title), ..section })
        });
        Self { title: "DNP3 device profile of ies-bridge".to_owned(), sections: sections.collect() }
    }

    /// What a link is configured to do.
    #[must_use]
    pub fn of_link(spec: &LinkSpec) -> Self {
        let who = if spec.role == Role::Server { "outstation" } else { "master" };
        Self { title: format!("DNP3 device profile of {who} link {}", spec.name), sections: sections(spec) }
    }

    /// With what is known of how its channels are made, first.
    #[must_use]
    pub fn with_transport(mut self, rows: &[(&str, String)]) -> Self {
        let rows = rows.iter().map(|(item, value)| vec![(*item).to_owned(), value.clone()]).collect();
        self.sections.insert(0, Section { title: "transport".to_owned(), columns: &["item", "value"], rows, note: "" });
        self
    }

    /// As Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = format!("# {}\n", self.title);
        // Writing to a string cannot fail.
        for section in &self.sections {
            _ = write!(text, "\n## {}\n\n| {} |\n|{}\n", section.title, section.columns.join(" | "), "---|".repeat(section.columns.len()));
            for row in &section.rows {
                _ = writeln!(text, "| {} |", row.join(" | "));
            }
            if !section.note.is_empty() {
                _ = writeln!(text, "\n{}", section.note);
            }
        }
        text
    }
}

fn sections(spec: &LinkSpec) -> Vec<Section> {
    let params = Params::from_fields(&spec.params);
    match spec.role {
        Role::Server => vec![link_layer(&params, spec.role), outstation(&params), functions(&params), taken(spec)],
        Role::Client => {
            let sent = sent(spec);
            vec![link_layer(&params, spec.role), master(spec, &params), functions_sent(&sent), objects_sent(&sent), objects_read()]
        }
    }
}

fn items(title: &str, rows: Vec<(&str, String)>) -> Section {
    let rows = rows.into_iter().map(|(item, value)| vec![item.to_owned(), value]).collect();
    Section { title: title.to_owned(), columns: &["item", "value"], rows, note: "" }
}

fn link_layer(params: &Params, role: Role) -> Section {
    let never = |span: Duration| if span.is_zero() { "never".to_owned() } else { format!("{span:?}") };
    let mut rows = vec![
        ("channels", "TCP (client, listener, dual end point), TLS, UDP, serial".to_owned()),
        ("ports in clear and with TLS", format!("{PORT}, {PORT_TLS}")),
        ("longest frame, octets", "292".to_owned()),
        ("data confirmed by the link", params.link_confirm.to_string()),
        ("confirmation of the link, and how often it is tried again", format!("{:?}, {}", params.link_timeout, params.link_retries)),
        ("silence before REQUEST_LINK_STATUS", never(params.keep_alive)),
        ("answer to it", format!("{:?}", params.status_timeout)),
    ];
    match role {
        Role::Server => {
            rows.push(("self-address taken", params.self_address.to_string()));
            rows.push(("connections at a time", params.connections.to_string()));
        }
        Role::Client => rows.push(("connections at a time", "1".to_owned())),
    }
    items("link layer", rows)
}

fn outstation(params: &Params) -> Section {
    let retries = params.unsolicited_retries.map_or("without end".to_owned(), |retries| retries.to_string());
    let rows = vec![
        ("longest fragment sent, octets", params.max_transmit.to_string()),
        ("longest fragment received, octets", params.max_receive.to_string()),
        ("masters known", params.masters.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")),
        ("application confirmation", format!("{:?}", params.confirm_timeout)),
        ("life of a selection", format!("{:?}", params.select_timeout)),
        ("controls in one request", params.max_controls.to_string()),
        ("controls to a broadcast address", params.broadcast_controls.to_string()),
        ("classes that may be sent unsolicited", classes(params.unsolicited)),
        ("repetitions of an unsolicited response", retries),
        ("rest after the last repetition", format!("{:?}", params.unsolicited_rest)),
        ("events of security statistics", statistics(params)),
        ("events", "delivered once, to the master that confirms first; kept until then".to_owned()),
        ("frozen values as events", "each waits for itself, in memory: a restart of the bridge loses them".to_owned()),
        ("classes and dead-bands written by a master", "kept until the session ends".to_owned()),
        ("time written by a master", "taken and told; no clock is stepped".to_owned()),
    ];
    items("application layer", rows)
}

fn master(spec: &LinkSpec, params: &Params) -> Section {
    let polls = params.polls.map(|poll| poll.map_or("on indication".to_owned(), |every| format!("{every:?}")));
    let on = params.integrity_on;
    let reasons = [(true, "start"), (on.restart, "restart"), (on.overflow, "overflow"), (on.reconnect, "reconnect")];
    let reasons = reasons.into_iter().filter(|(on, _)| *on).map(|(_, word)| word).collect::<Vec<_>>().join(", ");
    let rows = vec![
        ("longest fragment sent, octets", params.max_transmit.to_string()),
        ("longest fragment received, octets", params.max_receive.to_string()),
        ("response", format!("{:?}", params.response_timeout)),
        ("life of a selection", format!("{:?}", params.select_timeout)),
        ("controls", if spec.monitor_only { "none: monitor only" } else { "yes" }.to_owned()),
        ("controls in one request", "1".to_owned()),
        ("integrity poll on", reasons),
        ("polls of classes 1, 2, 3", polls.join(", ")),
        ("unsolicited classes", classes(params.unsolicited)),
        ("CONFIRM", "when the fragment is durable".to_owned()),
    ];
    items("application layer", rows)
}

fn statistics(params: &Params) -> String {
    match params.statistics_class {
        0 => "none".to_owned(),
        class => format!(
            "class {class}, each {} of unexpected and discarded messages and of authorisation failures",
            params.statistics_threshold
        ),
    }
}

fn classes(bits: u8) -> String {
    let all: Vec<String> = (1..=3).filter(|class| bits & 1 << class != 0).map(|class: u8| class.to_string()).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

fn function_rows(is_used: impl Fn(Function) -> bool) -> Vec<Vec<String>> {
    let requests = Function::ALL.iter().filter(|function| !function.is_response());
    let mark = |function: Function| if is_used(function) { YES } else { "" };
    requests.map(|function| vec![function.code().to_string(), function.name().to_owned(), mark(*function).to_owned()]).collect()
}

fn functions(params: &Params) -> Section {
    let rows = function_rows(|function| supports(function, params));
    let note = "Any other function is answered NO_FUNC_CODE_SUPPORT.";
    Section { title: "functions".to_owned(), columns: &["code", "function", "taken"], rows, note }
}

fn functions_sent(sent: &crate::master::Sent) -> Section {
    let rows = function_rows(|function| sent.contains_key(&function));
    Section { title: "functions".to_owned(), columns: &["code", "function", "sent"], rows, note: "" }
}

fn hex(qualifiers: impl IntoIterator<Item = u8>) -> String {
    qualifiers.into_iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(" ")
}

/// `binary input event`
fn words(group: u8, variation: u8) -> String {
    let kind = match lookup(group, variation) {
        crate::objects::Lookup::Known(known) => known.kind,
        crate::objects::Lookup::Any(kind) => kind,
        crate::objects::Lookup::Unsupported | crate::objects::Lookup::Unknown => return String::new(),
    };
    let spaced = format!("{kind:?}").chars().fold(String::new(), |mut text, letter| {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.push(letter.to_ascii_lowercase());
        text
    });
    if variation == 0 { format!("{spaced}, any variation") } else { spaced }
}

/// How a variation is called: of strings it is their length.
fn variation_name(group: u8, variation: u8) -> String {
    if matches!(group, 110..=113) { "1 to 255".to_owned() } else { variation.to_string() }
}

/// Variations of a group that are treated alike stand in one row.
fn together(rows: impl Iterator<Item = Vec<String>>) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = Vec::new();
    for row in rows {
        match (all.last_mut().map(Vec::as_mut_slice), row.as_slice()) {
            (Some([group, variations, same @ ..]), [own, variation, rest @ ..]) if group == own && same == rest => {
                _ = write!(variations, ", {variation}");
            }
            _ => all.push(row),
        }
    }
    all
}

fn taken(spec: &LinkSpec) -> Section {
    let row = |((group, variation), used): ((u8, u8), crate::outstation::Use)| {
        // Functions with the same qualifiers together, in the order of their codes.
        let mut alike: Vec<(String, Vec<&str>)> = Vec::new();
        for (function, qualifiers) in used.taken {
            let qualifiers = hex(qualifiers);
            match alike.iter_mut().find(|(same, _)| *same == qualifiers) {
                Some((_, functions)) => functions.push(function.name()),
                None => alike.push((qualifiers, vec![function.name()])),
            }
        }
        let requests = alike.into_iter().map(|(qualifiers, functions)| format!("{}: {qualifiers}", functions.join(", ")));
        vec![
            group.to_string(),
            variation_name(group, variation),
            words(group, variation),
            requests.collect::<Vec<_>>().join("; "),
            hex(used.answered),
        ]
    };
    let note = "Qualifiers in hexadecimal. An object without a request is answered OBJECT_UNKNOWN, and so are g85 to g88 and g120. Controls \
                are answered with their own octets. While our clock is not synchronised relative times stand on g51v2. Events have the same qualifiers in unsolicited responses.";
    let columns = &["group", "variation", "object", "taken in requests", "sent in responses"];
    Section { title: "objects".to_owned(), columns, rows: together(uses(spec).into_iter().map(row)), note }
}

/// The functions that name an object, each with its qualifiers.
type Uses = Vec<(Function, BTreeSet<u8>)>;

fn objects_sent(sent: &crate::master::Sent) -> Section {
    let mut all: BTreeMap<(u8, u8), Uses> = BTreeMap::new();
    for (function, objects) in sent {
        for (group, variation, qualifier) in objects.iter().flatten() {
            let of_object = all.entry((*group, *variation)).or_default();
            match of_object.iter_mut().find(|(known, _)| known == function) {
                Some((_, qualifiers)) => _ = qualifiers.insert(*qualifier),
                None => of_object.push((*function, BTreeSet::from([*qualifier]))),
            }
        }
    }
    let row = |((group, variation), functions): ((u8, u8), Uses)| {
        let requests = functions.into_iter().map(|(function, qualifiers)| format!("{}: {}", function.name(), hex(qualifiers)));
        vec![group.to_string(), variation.to_string(), words(group, variation), requests.collect::<Vec<_>>().join("; ")]
    };
    let note = "A point's index above 255 is named with qualifiers of two octets.";
    let columns = &["group", "variation", "object", "sent in requests"];
    Section { title: "objects sent".to_owned(), columns, rows: together(all.into_iter().map(row)), note }
}

fn objects_read() -> Section {
    let becomes = |group, variation| {
        let known = lookup(group, variation).known()?;
        Some(match known.kind {
            Kind::OctetString | Kind::OctetStringEvent => "told in words, and value of a point",
            Kind::TerminalEvent => "told in words",
            kind if PointType::of(kind).is_some() => "value of a point",
            Kind::CommonTime => "base of the relative times behind it",
            Kind::DeviceAttribute => "told in words",
            Kind::TimeDelay | Kind::AnalogDeadband | Kind::File => "answer to what was asked",
            Kind::BinaryCommand | Kind::AnalogCommand => "echo and status of a control",
            Kind::Class => return None,
            // Points were taken above; the rest is kept as evidence.
            Kind::BinaryInput
            | Kind::BinaryInputEvent
            | Kind::DoubleBitInput
            | Kind::DoubleBitInputEvent
            | Kind::BinaryOutput
            | Kind::BinaryOutputEvent
            | Kind::BinaryCommandEvent
            | Kind::Counter
            | Kind::FrozenCounter
            | Kind::CounterEvent
            | Kind::FrozenCounterEvent
            | Kind::AnalogInput
            | Kind::FrozenAnalogInput
            | Kind::AnalogInputEvent
            | Kind::FrozenAnalogInputEvent
            | Kind::AnalogOutput
            | Kind::AnalogOutputEvent
            | Kind::AnalogCommandEvent
            | Kind::TimeAndDate
            | Kind::InternalIndications
            | Kind::Application
            | Kind::OperationStatus
            | Kind::UnsignedInteger
            | Kind::TerminalOutput
            | Kind::SecurityStatistic
            | Kind::SecurityStatisticEvent => "journaled, and no point",
        })
    };
    let attributes = |(group, variation): &(u8, u8)| *group != 0 || *variation == 255;
    let rows = objects().filter(attributes).filter_map(|(group, variation)| {
        let becomes = becomes(group, variation)?;
        let name = if group == 0 { "any".to_owned() } else { variation_name(group, variation) };
        Some(vec![group.to_string(), name, words(group, variation), hex(readable((group, variation))), becomes.to_owned()])
    });
    let note = "What is not in this table is journaled, confirmed and told; nothing behind it in its fragment is read.";
    let columns = &["group", "variation", "object", "read in responses", "becomes"];
    Section { title: "objects read".to_owned(), columns, rows: together(rows), note }
}

fn link(role: Role, params: Fields) -> LinkSpec {
    LinkSpec {
        name: "profile".to_owned(),
        role,
        zone: Zone::Utc,
        monitor_only: false,
        params,
        points: Vec::new(),
        max_unacked: 4096,
        fresh_link_ms: 2000,
    }
}

/// The link with the points that the stations are asked with, all of one outstation.
pub(crate) fn rehearsal(spec: &LinkSpec) -> LinkSpec {
    let mut params = spec.params.clone();
    params.insert_if_absent("outstation", Field::Int(1));
    LinkSpec { params, points: points(), monitor_only: spec.monitor_only, zone: spec.zone, ..link(spec.role, Fields::new()) }
}

/// The outstation that a master's link is tried at: it takes everything, and wants its clock set.
pub(crate) fn opposite(spec: &LinkSpec, outstation: u16, master: u16) -> LinkSpec {
    let params = Params::from_fields(&spec.params);
    let text = |word: &str| Field::Text(word.to_owned());
    let number = |number: usize| Field::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let own = [
        ("outstation", Field::Int(i64::from(outstation))),
        ("master", Field::Int(i64::from(master))),
        ("allow", text(EVERYTHING)),
        ("clock", text("master")),
        ("max_transmit", number(params.max_receive)),
        ("max_receive", number(params.max_transmit)),
    ];
    let params = own.into_iter().map(|(name, field)| (name.to_owned(), field)).collect();
    LinkSpec { points: points(), ..link(Role::Server, params) }
}

fn points() -> Vec<LinkPoint> {
    let address = |of: &str, index: i64, more: Option<(&str, Field)>| {
        let own = [("type", Field::Text(of.to_owned())), ("index", Field::Int(index))];
        own.into_iter().chain(more).map(|(name, field)| (name.to_owned(), field)).collect()
    };
    let values =
        (0..).zip(VALUES).map(|(point, of)| LinkPoint { point: PointId(point), usage: AddressUse::Monitor, address: address(of, 0, None) });
    let (mut switches, mut outputs) = (0.., 0..);
    let controls = (0..).zip(CONTROLS).map(|(point, ((name, word, number), is_switch))| {
        let (of, index) = if is_switch { ("binary_output", switches.next()) } else { ("analog_output", outputs.next()) };
        let field = if word.is_empty() { Field::Int(number) } else { Field::Text(word.to_owned()) };
        let mut address: Fields = address(of, index.unwrap_or(0), Some((name, field)));
        // Its commands are told as events.
        address.insert("class".to_owned(), Field::Int(3));
        LinkPoint { point: PointId(point), usage: AddressUse::Control, address }
    });
    values.chain(controls).collect()
}
