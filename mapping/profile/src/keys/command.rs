//! The keys of what is commanded.

use bridge_diag::{Form, Kind};

use super::{BASES, FIELDS, FOR, SIGNS, UNIT_NAMES, key, must};

/// The verbs a control may carry.
pub(crate) const VERBS: &[&str] =
    &["dispatch", "curtail", "start", "stop", "reconfigure", "override", "enable", "disable", "shed", "restore", "trip", "block"];

static RAMP_TABLE: Kind = Kind::Table(&RAMP);
static CAP_REASON_TABLE: Kind = Kind::Table(&CAP_REASON);
static CAP_REASONS: Form = Form {
    name: "reason_codes",
    text: "Reasons by name: a number, or a table.",
    keys: &[],
    rest: Some(Kind::Either(&Kind::Int, &CAP_REASON_TABLE)),
};

pub(crate) static CAP_REASON: Form = Form {
    name: "cap_reason",
    text: "One reason of a curtailment.",
    keys: &[
        must("number", Kind::Int, "Its number for the plant."),
        key("at_end", Kind::Words(&["hold", "release"]), "What becomes of the cap at its end (R7); hold."),
    ],
    rest: None,
};

pub(crate) static CONTROL: Form = Form {
    name: "control",
    text: "One control: driven on a client link, relayed on a server link.",
    keys: &[
        must("id", Kind::Text, "Its id, unique after expansion: `U1.p_set`."),
        key("on", Kind::Text, "The link."),
        key("addr", FIELDS, "Its address on the link."),
        key("cim", Kind::Table(&CONTROL_CIM), "What it sets, of which resource."),
        key("verb", Kind::Words(VERBS), "The IES verb."),
        key("unit", Kind::Words(UNIT_NAMES), "The unit it is commanded in."),
        key("wire_unit", Kind::Words(UNIT_NAMES), "The unit on the wire, if another."),
        key("scale", Kind::Number, "wire = (eng − offset) / scale."),
        key("offset", Kind::Number, "wire = (eng − offset) / scale."),
        key("sign", Kind::Words(SIGNS), "What positive means on the wire; mandatory for P, Q, I."),
        key("basis", Kind::Words(BASES), "Mandatory for active power (R17)."),
        key("select", Kind::Words(&["none", "bridge", "relay", "scl"]), "How it is selected; no default (R4)."),
        key("qualifier", Kind::Int, "The protocol's qualifier, 0 to 127."),
        key("min", Kind::Quantity, "The lowest target."),
        key("max", Kind::Quantity, "The highest target."),
        key("ramp", Kind::Either(&Kind::Rate, &RAMP_TABLE), "The ramp: of a driven control a table, of a relayed one a rate."),
        key("requires", Kind::Texts, "What must hold before every send: `U1.remote == 1`."),
        key("feedback", Kind::Table(&FEEDBACK), "How the bridge sees that the plant obeyed (R11)."),
        key("bump_limit", Kind::Quantity, "How far a ramp may start from what is measured; the band of `followed`."),
        key("expires", Kind::Table(&EXPIRES), "When an operation is too old, and what happens at its end."),
        key("max_age", Kind::Duration, "Of `start` and `stop`: when an operation is too old."),
        key("authority", Kind::Texts, "The roles that may command (R28)."),
        key("exclusive", Kind::Text, "Controls with the same word exclude each other; the resource."),
        key("execution", Kind::Words(&["operator", "released", "automatic"]), "Who executes (R8); operator."),
        key("remote_enable", Kind::Text, "The live point with which the plant allows it (R8)."),
        key("accept_within", Kind::Duration, "How long a person may take to answer."),
        key("done_within", Kind::Duration, "How long an accepted instruction may take to be reported done."),
        key("deviation", Kind::Words(&["reject"]), "Of `curtail`: outside the envelope is refused."),
        key("limit", Kind::Table(&COUNTS), "Of `curtail`: what shares count from."),
        key("enable", Kind::Table(&ENABLE), "Of `curtail`: what is written beside the limit (R7)."),
        key("reason_codes", Kind::Table(&CAP_REASONS), "Of `curtail`: the reasons it knows, with their numbers."),
        key("position", Kind::Text, "Of `reconfigure` on a server link: the point that shows how the switch stands (R9)."),
        key("reason", Kind::Table(&REASON), "Of `curtail`: where the reason's number is written."),
        key("peer", Kind::Text, "On a server link: the party that is commanded."),
        key("ems", Kind::Table(&EMS), "On a server link: the times the EMS waits (R15)."),
        key("enabled_by", Kind::Texts, "On a server link: what must hold for the plant to be in remote: `plant.remote == 1`."),
        key("instruction_code", Kind::Text, "On a server link: the code of the instruction (R8)."),
        key("operator_ref", Kind::Text, "On a server link: who answers for it (R8)."),
        key("text", Kind::Text, "For people."),
        FOR,
    ],
    rest: None,
};

pub(crate) static CONTROL_CIM: Form = Form {
    name: "control_measurement",
    text: "The CIM control.",
    keys: &[
        must("on", Kind::Text, "The resource: a key of [era]."),
        must("class", Kind::Words(&["SetPoint", "Command", "RaiseLowerCommand"]), "Its class."),
        must("type", Kind::Text, "Its measurement type, of the vocabulary or `x-…`."),
    ],
    rest: None,
};

pub(crate) static RAMP: Form = Form {
    name: "ramp",
    text: "A ramp.",
    keys: &[
        must("up", Kind::Rate, "Upwards: `2.5 MW/min`."),
        key("down", Kind::Rate, "Downwards; as up."),
        key("by", Kind::Words(&["plant", "bridge"]), "Who ramps."),
        key("step", Kind::Duration, "How often the bridge steps."),
    ],
    rest: None,
};

pub(crate) static FEEDBACK: Form = Form {
    name: "feedback",
    text: "How the bridge sees that the plant obeyed (R11).",
    keys: &[
        key("taken", Kind::Table(&BAND), "The echo of the set-point."),
        key("followed", Kind::Table(&FOLLOWED), "What the plant does."),
        key("position", Kind::Text, "Of `reconfigure`: the point that shows how the switch stands."),
        key("reached", Kind::Text, "Of `start` and `stop`: the state that proves it."),
        key("within", Kind::Duration, "Of `reached`: how soon after it was reported done; of `position`: how soon it is there."),
        key("dwell", Kind::Duration, "For how long it must stay."),
    ],
    rest: None,
};

pub(crate) static BAND: Form = Form {
    name: "taken",
    text: "The echo of a set-point.",
    keys: &[
        must("point", Kind::Text, "The point."),
        must("tolerance", Kind::Quantity, "How near."),
        must("within", Kind::Duration, "How soon."),
    ],
    rest: None,
};

pub(crate) static FOLLOWED: Form = Form {
    name: "followed",
    text: "What the plant does.",
    keys: &[
        must("point", Kind::Text, "The point."),
        must("tolerance", Kind::Quantity, "The half band."),
        must("within", Kind::Duration, "How soon after the ramp."),
        must("dwell", Kind::Duration, "For how long it must stay."),
        key("compare", Kind::Words(&["at_most"]), "Of `curtail`: anything below is in the band."),
    ],
    rest: None,
};

pub(crate) static EXPIRES: Form = Form {
    name: "expires",
    text: "The life of an operation.",
    keys: &[
        must("max_age", Kind::Duration, "An older operation is refused."),
        must("on_lapse", Kind::Words(&["hold", "drop", "release"]), "What happens at the end of its life."),
        key("until", Kind::Words(&["message.period"]), "Of `curtail`: the end that the issuer signed."),
    ],
    rest: None,
};

pub(crate) static COUNTS: Form = Form {
    name: "counts_from",
    text: "What the shares of a limit count from.",
    keys: &[
        key("rated", Kind::Quantity, "The rated power; `max`."),
        key("available", Kind::Text, "The point that tells what is available now."),
    ],
    rest: None,
};

pub(crate) static ENABLE: Form = Form {
    name: "enable",
    text: "A further control address that puts a limit in force.",
    keys: &[
        must("addr", FIELDS, "Written on after the limit was taken."),
        key("release", FIELDS, "Written on at the end; without it `addr` is written off."),
    ],
    rest: None,
};

pub(crate) static REASON: Form =
    Form { name: "reason", text: "Where the number of a reason is written.", keys: &[must("addr", FIELDS, "Its address.")], rest: None };

pub(crate) static EMS: Form = Form {
    name: "ems",
    text: "The times an EMS waits (R15).",
    keys: &[
        must("select_con", Kind::Duration, "For the confirmation of its select."),
        must("execute_con", Kind::Duration, "For the confirmation of its execute."),
        must("term", Kind::Duration, "For the termination."),
    ],
    rest: None,
};
