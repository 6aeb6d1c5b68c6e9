//! Every key of the language, once: the compiler's readers are held against these forms, and the JSON Schema for editors is made of them.

mod command;
mod read;

use bridge_diag::{Form, Key, Kind};

pub(crate) use command::{BAND, CAP_REASON, CONTROL, CONTROL_CIM, COUNTS, EMS, ENABLE, EXPIRES, FEEDBACK, FOLLOWED, RAMP, REASON, VERBS};
pub(crate) use read::{ALARM, CALC, CIM, FROM, LIMIT, POINT, REMOTE, SERVE};

use crate::units::UNITS;

const fn key(name: &'static str, kind: Kind, text: &'static str) -> Key {
    Key { name, kind, must: false, text }
}

const fn must(name: &'static str, kind: Kind, text: &'static str) -> Key {
    Key { name, kind, must: true, text }
}

/// The names of the units.
const UNIT_NAMES: &[&str] = &{
    let mut names = [""; UNITS.len()];
    let mut at = 0;
    while at < UNITS.len() {
        names[at] = UNITS[at].name;
        at += 1;
    }
    names
};

const SIGNS: &[&str] = &["generation", "consumption", "out_of_bus", "into_bus", "discharge", "charge", "magnitude"];
const BASES: &[&str] = &["EX_BUS", "GROSS"];
const SEVERITIES: &[&str] = &["info", "warning", "critical"];
const ALARM_KINDS: &[&str] = &["thermal", "voltage", "stability", "frequency", "device", "comms"];
/// Text or a number or a truth, by name: what an adapter reads.
const FIELDS: Kind = Kind::Table(&ADDRESS);

static ADDRESS: Form = Form {
    name: "address",
    text: "The adapter's address fields: `{ ioa = 1001, ti = \"M_ME_TF_1\" }`.",
    keys: &[],
    rest: Some(Kind::Scalar),
};
static VALUES: Form = Form { name: "values", text: "Values by name.", keys: &[], rest: Some(Kind::Any) };

static FOR_ROWS: Kind = Kind::Tables(&VALUES);
static FOR_RANGES: Kind = Kind::Table(&VALUES);

/// `for`: rows, or ranges and lists of which every combination is a row.
const FOR: Key = key(
    "for",
    Kind::Either(&FOR_ROWS, &FOR_RANGES),
    "Makes a row for each table of a list, or for each combination of ranges (`\"1..8\"`) and lists.",
);

/// The whole profile.
pub static ROOT: Form = Form {
    name: "profile",
    text: "A mapping profile: what each point and each control of a site means.",
    keys: &[
        must("schema", Kind::Words(&["ies-cim-profile/1"]), "The version of the language."),
        must("id", Kind::Text, "The profile's id: `in.wr.tps-a`."),
        must("version", Kind::Text, "MAJOR.MINOR.PATCH; `ies-bridge profile diff` says which must rise."),
        must("cim", Kind::Words(&["CIM16", "CIM17", "CIM18"]), "The edition of the common information model."),
        key("text", Kind::Text, "For people."),
        key("era", Kind::Map(&ERA), "The resources by key, each with its IES address and CIM class."),
        key("peer", Kind::Table(&PEERS), "The northbound parties, by the name that `bridge.toml` knows."),
        key("link", Kind::Map(&LINK), "The links by name."),
        key("alias", Kind::Table(&ALIASES), "Named sets of state codes: `unit_state = { 0 = \"off\" }`."),
        key("limits", Kind::Table(&LIMIT_SETS), "Named sets of limits."),
        key("points", Kind::Tables(&POINT), "Points that are read, row form."),
        key("point", Kind::Tables(&POINT), "Points that are read, long form."),
        key("remotes", Kind::Tables(&REMOTE), "Points that a peer streams, row form."),
        key("remote", Kind::Tables(&REMOTE), "Points that a peer streams, long form."),
        key("calcs", Kind::Tables(&CALC), "Points that follow from others, row form."),
        key("calc", Kind::Tables(&CALC), "Points that follow from others, long form."),
        key("controls", Kind::Tables(&CONTROL), "Controls, row form."),
        key("control", Kind::Tables(&CONTROL), "Controls, long form."),
        key("serves", Kind::Tables(&SERVE), "Points served to an EMS, row form."),
        key("serve", Kind::Tables(&SERVE), "Points served to an EMS, long form."),
        key("group", Kind::Table(&GROUPS), "Rows that share keys."),
        key("template", Kind::Table(&TEMPLATES), "Rows with parameters."),
        key("use", Kind::Tables(&USE), "Uses of templates."),
        key("points_csv", Kind::Tables(&POINTS_CSV), "Point lists in CSV files."),
        key("test", Kind::Tables(&TEST), "Tests, run by `ies-bridge profile test`."),
    ],
    rest: None,
};

pub(crate) static ERA: Form = Form {
    name: "resource",
    text: "One resource.",
    keys: &[
        must("address", Kind::Text, "Its IES address, opaque: `era:in/wr/tps-a/u1`."),
        must("class", Kind::Text, "Its CIM class: `ThermalGeneratingUnit`."),
        key("mrid", Kind::Text, "Its CIM master resource identifier."),
        key("name", Kind::Text, "For people."),
        FOR,
    ],
    rest: None,
};

pub(crate) static PEERS: Form = Form { name: "peers", text: "The parties by name.", keys: &[], rest: Some(Kind::Table(&PEER)) };
pub(crate) static PEER: Form = Form { name: "peer", text: "One party.", keys: &[key("text", Kind::Text, "For people.")], rest: None };
pub(crate) static ALIASES: Form =
    Form { name: "aliases", text: "Sets of state codes by name.", keys: &[], rest: Some(Kind::Table(&ALIAS)) };
static ALIAS: Form = Form { name: "alias", text: "The names of state codes.", keys: &[], rest: Some(Kind::Text) };
pub(crate) static LIMIT_SETS: Form =
    Form { name: "limit_sets", text: "Sets of limits by name.", keys: &[], rest: Some(Kind::Tables(&LIMIT)) };

pub(crate) static LINK: Form = Form {
    name: "link",
    text: "One link. Every other key is a parameter of its protocol.",
    keys: &[
        must("protocol", Kind::Text, "The adapter: `iec104`, `dnp3`."),
        must("role", Kind::Words(&["client", "controlling", "master", "server", "controlled", "outstation"]), "Our side."),
        must("zone", Kind::Words(&["UTC", "IST"]), "The zone of the device's stamps (R21); no default."),
        key("stale_after", Kind::Duration, "A silent source's values become QUESTIONABLE (R19); 90s."),
        key("invalid_after", Kind::Duration, "Then they become INVALID (R19); ten times `stale_after`."),
        key("integrity_every", Kind::Duration, "How often to interrogate; never."),
        key("monitor_only", Kind::Bool, "No control can stand on the link."),
        key("capture", Kind::Words(&["bytes", "hash"]), "What is kept of a frame."),
        key("on_journal_failure", Kind::Words(&["hold", "pass"]), "What the link does when the journal cannot be written (R23)."),
        key("max_unacked", Kind::Int, "Frames that may wait for the journal; 1024."),
        key("fresh_link", Kind::Duration, "How fresh the link must be for an execute (R5); 2s."),
        key("clock_tolerance", Kind::Duration, "How far a stamp may lie before an untagged value and still be newer (R20); 1s."),
        key("event_queue", Kind::Int, "Events that wait for the peer of a server link."),
        key("counters_every", Kind::Duration, "How often counters are read."),
        key(
            "counters_do",
            Kind::Words(&["read", "freeze", "freeze_reset", "reset"]),
            "What is done to counters before they are read (R22).",
        ),
        key("clock_every", Kind::Duration, "How often our time is sent (R22)."),
        key("test_every", Kind::Duration, "How often a test is sent (R22)."),
        key("text", Kind::Text, "For people."),
    ],
    rest: Some(Kind::Scalar),
};

pub(crate) static GROUPS: Form = Form { name: "groups", text: "Groups by name.", keys: &[], rest: Some(Kind::Table(&GROUP)) };
pub(crate) static GROUP: Form = Form {
    name: "group",
    text: "Rows that share this table's other keys; a row's own key wins.",
    keys: &[
        key("points", Kind::Tables(&POINT), "Points that are read, row form."),
        key("point", Kind::Tables(&POINT), "Points that are read, long form."),
        key("remotes", Kind::Tables(&REMOTE), "Points that a peer streams, row form."),
        key("remote", Kind::Tables(&REMOTE), "Points that a peer streams, long form."),
        key("calcs", Kind::Tables(&CALC), "Points that follow from others, row form."),
        key("calc", Kind::Tables(&CALC), "Points that follow from others, long form."),
        key("controls", Kind::Tables(&CONTROL), "Controls, row form."),
        key("control", Kind::Tables(&CONTROL), "Controls, long form."),
        key("serves", Kind::Tables(&SERVE), "Points served to an EMS, row form."),
        key("serve", Kind::Tables(&SERVE), "Points served to an EMS, long form."),
    ],
    rest: Some(Kind::OfRows(&[&POINT, &REMOTE, &CALC, &CONTROL, &SERVE])),
};

pub(crate) static TEMPLATES: Form = Form { name: "templates", text: "Templates by name.", keys: &[], rest: Some(Kind::Table(&TEMPLATE)) };
pub(crate) static TEMPLATE: Form = Form {
    name: "template",
    text: "Rows with parameters, used by [[use]].",
    keys: &[
        key("params", Kind::Texts, "The names of the parameters."),
        key("defaults", Kind::Table(&VALUES), "Parameters that need not be given."),
        key("points", Kind::Tables(&POINT), "Points that are read, row form."),
        key("point", Kind::Tables(&POINT), "Points that are read, long form."),
        key("remotes", Kind::Tables(&REMOTE), "Points that a peer streams, row form."),
        key("remote", Kind::Tables(&REMOTE), "Points that a peer streams, long form."),
        key("calcs", Kind::Tables(&CALC), "Points that follow from others, row form."),
        key("calc", Kind::Tables(&CALC), "Points that follow from others, long form."),
        key("controls", Kind::Tables(&CONTROL), "Controls, row form."),
        key("control", Kind::Tables(&CONTROL), "Controls, long form."),
        key("serves", Kind::Tables(&SERVE), "Points served to an EMS, row form."),
        key("serve", Kind::Tables(&SERVE), "Points served to an EMS, long form."),
    ],
    rest: None,
};

pub(crate) static USE: Form = Form {
    name: "use",
    text: "One use of a template.",
    keys: &[
        must("template", Kind::Text, "Its name."),
        key("on", Kind::Text, "The link of every row that names none."),
        key("with", Kind::Table(&VALUES), "Parameters of every row."),
        FOR,
    ],
    rest: None,
};

pub(crate) static POINTS_CSV: Form = Form {
    name: "points_csv",
    text: "A point list.",
    keys: &[
        must("file", Kind::Text, "The file, relative to the profile's folder."),
        key("on", Kind::Text, "The link of every row that names none."),
    ],
    rest: None,
};

pub(crate) static TEST: Form = Form {
    name: "test",
    text: "One test, on a virtual clock that starts at 2026-04-01T00:00:00Z.",
    keys: &[
        must("name", Kind::Text, "What it shows."),
        key("set", Kind::Table(&VALUES), "Points before the start, by value or state name."),
        key("given", Kind::Tables(&GIVEN), "What happens."),
        key("expect", Kind::Tables(&EXPECT), "What must be seen."),
        key("never", Kind::Tables(&EXPECT), "What must not be seen."),
    ],
    rest: None,
};

pub(crate) static GIVEN: Form = Form {
    name: "input",
    text: "One input: on a link, an operation, an operator's answer, a remote value, a link that comes or goes.",
    keys: &[
        key("at", Kind::Duration, "When, after the start."),
        key("link", Kind::Text, "The link; the other keys are the adapter's fields."),
        key("verb", Kind::Text, "The operation; the other keys are its fields."),
        key("inbox", Kind::Words(&["accept", "reject", "done"]), "An operator answers the newest instruction."),
        key("remote", Kind::Text, "The remote point; its `value`."),
        key("value", Kind::Scalar, "The value."),
        key("up", Kind::Text, "The link or peer that comes up."),
        key("down", Kind::Text, "The link or peer that goes down."),
    ],
    rest: Some(Kind::Scalars),
};

pub(crate) static EXPECT: Form = Form {
    name: "expectation",
    text: "One message or one telegram; fields not named are free.",
    keys: &[
        key("verb", Kind::Text, "An IES message: `stream`, `alarm`, `acknowledge`, …"),
        key("wire", Kind::Text, "The link on whose wire it is seen."),
        key("within", Kind::Duration, "Not later than this after the start."),
        key("at", Kind::Duration, "Exactly then."),
    ],
    rest: Some(Kind::Scalars),
};
