//! The keys of what is read and served.

use bridge_diag::{Form, Kind};

use super::{ALARM_KINDS, BASES, FIELDS, FOR, SEVERITIES, SIGNS, UNIT_NAMES, key, must};

const CIM_CLASSES: &[&str] = &["Analog", "Discrete", "Accumulator"];
const VERBS: &[&str] = &["stream", "report", "alarm", "log"];
const CLASSES: &[&str] = &["telemetry", "event"];
static LIMIT_LIST: Kind = Kind::Tables(&LIMIT);
const LIMITS: Kind = Kind::Either(&Kind::Text, &LIMIT_LIST);

pub(crate) static POINT: Form = Form {
    name: "point",
    text: "One point that is read from a client link.",
    keys: &[
        must("id", Kind::Text, "Its id, unique after expansion: `U1.p`."),
        key("on", Kind::Text, "The client link."),
        key("addr", FIELDS, "Its address on the link."),
        key("cim", Kind::Table(&CIM), "What it measures, of which resource."),
        key("unit", Kind::Words(UNIT_NAMES), "The unit of the value delivered; none for states."),
        key("wire_unit", Kind::Words(UNIT_NAMES), "The unit on the wire, if another."),
        key("scale", Kind::Number, "eng = wire × scale + offset."),
        key("offset", Kind::Number, "eng = wire × scale + offset."),
        key("sign", Kind::Words(SIGNS), "What positive means on the wire; mandatory for P, Q, I."),
        key("basis", Kind::Words(BASES), "Mandatory for active power (R17)."),
        key("range", Kind::Range, "Outside: QUESTIONABLE, OUT_OF_RANGE."),
        key("deadband", Kind::Quantity, "Changes up to it are withheld."),
        key("verbs", Kind::WordList(VERBS), "The messages it takes part in."),
        key("class", Kind::Words(CLASSES), "The class of its stream; a state is an event."),
        key("limits", LIMITS, "Limits, or the name of a set."),
        key("alarm", Kind::Table(&ALARM), "A state that is an alarm."),
        key("transit", Kind::Duration, "How long a double point may be between its ends (R18)."),
        key("text", Kind::Text, "For people."),
        FOR,
    ],
    rest: None,
};

pub(crate) static CIM: Form = Form {
    name: "measurement",
    text: "The CIM measurement.",
    keys: &[
        must("on", Kind::Text, "The resource: a key of [era]."),
        must("class", Kind::Words(CIM_CLASSES), "Its class."),
        must("type", Kind::Text, "Its measurement type, of the vocabulary or `x-…`."),
        key("phases", Kind::Text, "Its phases, if not all."),
        key("alias", Kind::Text, "The set of [alias] that names its states."),
    ],
    rest: None,
};

pub(crate) static LIMIT: Form = Form {
    name: "limit",
    text: "One limit.",
    keys: &[
        must("name", Kind::Text, "Its name: `HH`."),
        key("above", Kind::Quantity, "Raised above; or `below`."),
        key("below", Kind::Quantity, "Raised below; or `above`."),
        must("hysteresis", Kind::Quantity, "How far the value must come back."),
        key("delay", Kind::Duration, "Raised only after so long."),
        must("severity", Kind::Words(SEVERITIES), "How bad."),
        key("kind", Kind::Words(ALARM_KINDS), "What it is about; by default after the unit."),
    ],
    rest: None,
};

pub(crate) static ALARM: Form = Form {
    name: "state_alarm",
    text: "A state that is an alarm.",
    keys: &[
        must("when", Kind::Either(&Kind::Int, &Kind::Bool), "The state code that raises it."),
        must("severity", Kind::Words(SEVERITIES), "How bad."),
        key("kind", Kind::Words(ALARM_KINDS), "What it is about."),
        key("text", Kind::Text, "The words."),
        key("latch", Kind::Bool, "It stays raised until a person resets it."),
    ],
    rest: None,
};

pub(crate) static REMOTE: Form = Form {
    name: "remote",
    text: "One point that a peer streams.",
    keys: &[
        must("id", Kind::Text, "Its id, unique after expansion."),
        key("peer", Kind::Text, "The party: a key of [peer]."),
        key("era", Kind::Text, "The resource: a key of [era]."),
        key("type", Kind::Text, "The measurement type."),
        key("cim_class", Kind::Words(CIM_CLASSES), "The CIM class; by default after the type."),
        key("phases", Kind::Text, "The phases, if not all."),
        key("alias", Kind::Text, "The set of [alias] that names its states."),
        key("unit", Kind::Words(UNIT_NAMES), "The unit; none for states."),
        key("basis", Kind::Words(BASES), "Mandatory for active power (R17)."),
        key("range", Kind::Range, "Outside: QUESTIONABLE, OUT_OF_RANGE."),
        key("deadband", Kind::Quantity, "Changes up to it are withheld."),
        key("verbs", Kind::WordList(VERBS), "The messages it takes part in."),
        key("class", Kind::Words(CLASSES), "The class of its stream; a state is an event."),
        key("limits", LIMITS, "Limits, or the name of a set."),
        key("alarm", Kind::Table(&ALARM), "A state that is an alarm."),
        key("transit", Kind::Duration, "How long a double point may be between its ends (R18)."),
        key("text", Kind::Text, "For people."),
        FOR,
    ],
    rest: None,
};

pub(crate) static CALC: Form = Form {
    name: "calc",
    text: "One point that follows from others, by exactly one of `sum`, `difference`, `cel`.",
    keys: &[
        must("id", Kind::Text, "Its id, unique after expansion."),
        key("cim", Kind::Table(&CIM), "What it is, of which resource."),
        key("sum", Kind::Texts, "The points that are added up."),
        key("difference", Kind::Texts, "The point from which the others are taken."),
        key("cel", Kind::Text, "An expression over `inputs`."),
        key("inputs", Kind::Table(&INPUTS), "Of `cel`: the points by the names that it uses."),
        key("unit", Kind::Words(UNIT_NAMES), "The unit; none for states."),
        key("basis", Kind::Words(BASES), "Mandatory for active power (R17)."),
        key("range", Kind::Range, "Outside: QUESTIONABLE, OUT_OF_RANGE."),
        key("deadband", Kind::Quantity, "Changes up to it are withheld."),
        key("verbs", Kind::WordList(VERBS), "The messages it takes part in."),
        key("class", Kind::Words(CLASSES), "The class of its stream; a state is an event."),
        key("limits", LIMITS, "Limits, or the name of a set."),
        key("alarm", Kind::Table(&ALARM), "A state that is an alarm."),
        key("transit", Kind::Duration, "How long a double point may be between its ends (R18)."),
        key("text", Kind::Text, "For people."),
        FOR,
    ],
    rest: None,
};

static INPUTS: Form = Form { name: "inputs", text: "Points by name.", keys: &[], rest: Some(Kind::Text) };

pub(crate) static SERVE: Form = Form {
    name: "serve",
    text: "One point that an EMS may read from us.",
    keys: &[
        key("id", Kind::Text, "Its id; the source's unless stated."),
        key("on", Kind::Text, "The server link."),
        key("addr", FIELDS, "Its address on the link."),
        key("point", Kind::Text, "The point it shows; or `from`."),
        key("from", Kind::Table(&FROM), "What else it shows; or `point`."),
        key("unit", Kind::Words(UNIT_NAMES), "Repeats the source's unit."),
        key("wire_unit", Kind::Words(UNIT_NAMES), "The unit on the wire, if another."),
        key("scale", Kind::Number, "eng = wire × scale + offset."),
        key("offset", Kind::Number, "eng = wire × scale + offset."),
        key("sign", Kind::Words(SIGNS), "What positive means on the wire; mandatory for P, Q, I."),
        key("basis", Kind::Words(BASES), "That of the source (R17)."),
        key("deadband", Kind::Quantity, "Changes up to it are withheld."),
        key("class", Kind::Words(&["event", "latest"]), "Queued, or latest only (R16)."),
        key("text", Kind::Text, "For people."),
        FOR,
    ],
    rest: None,
};

pub(crate) static FROM: Form = Form {
    name: "source",
    text: "What a served point shows.",
    keys: &[
        key("era", Kind::Text, "The resource of the point shown."),
        key("type", Kind::Text, "Its measurement type."),
        key("phases", Kind::Text, "Its phases, if not all."),
        key("control", Kind::Text, "The control whose progress is shown."),
        key("status", Kind::Words(&["state", "reason", "target", "time_left", "uncertain"]), "Which number of it."),
        key("link", Kind::Text, "The link or peer: 1 up, 0 down."),
        key("queue", Kind::Text, "The serving link: 1 while events were lost to its queue's depth."),
    ],
    rest: None,
};
