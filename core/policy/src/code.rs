//! The refusal codes and what each means to the people at both ends.

/// Above the highest allowed value.
pub const ABOVE_MAX: &str = "ABOVE_MAX";
/// Above a cap in force.
pub const ABOVE_CAP: &str = "ABOVE_CAP";
/// Below the lowest allowed value.
pub const BELOW_MIN: &str = "BELOW_MIN";
/// Faster than the declared ramp.
pub const RAMP_TOO_FAST: &str = "RAMP_TOO_FAST";
/// Past `validUntil` or ttl.
pub const EXPIRED: &str = "EXPIRED";
/// Older than the control's `max_age`.
pub const TOO_OLD: &str = "TOO_OLD";
/// Before `validFrom`.
pub const NOT_YET_VALID: &str = "NOT_YET_VALID";
/// The issuer may not do this.
pub const NOT_AUTHORISED: &str = "NOT_AUTHORISED";
/// The plant is in local.
pub const LOCAL_CONTROL: &str = "LOCAL_CONTROL";
/// A precondition is not met.
pub const NOT_READY: &str = "NOT_READY";
/// Wrong or missing power basis.
pub const BAD_BASIS: &str = "BAD_BASIS";
/// Wrong unit.
pub const BAD_UNIT: &str = "BAD_UNIT";
/// Wrong quantity.
pub const BAD_QUANTITY: &str = "BAD_QUANTITY";
/// The bridge's own clock is not good enough.
pub const CLOCK_UNSYNCHRONISED: &str = "CLOCK_UNSYNCHRONISED";
/// The point is locked.
pub const POINT_LOCKED: &str = "POINT_LOCKED";
/// No such control.
pub const UNKNOWN_RESOURCE: &str = "UNKNOWN_RESOURCE";
/// Select and operate are not offered.
pub const SELECT_NOT_SUPPORTED: &str = "SELECT_NOT_SUPPORTED";
/// A direct operation where the issuer has to select.
pub const SELECT_REQUIRED: &str = "SELECT_REQUIRED";
/// An OPERATE of something else than was selected.
pub const SELECT_MISMATCH: &str = "SELECT_MISMATCH";
/// Nothing is selected that the OPERATE or CANCEL names.
pub const NOTHING_SELECTED: &str = "NOTHING_SELECTED";
/// Relative set-points are not offered.
pub const RELATIVE_NOT_SUPPORTED: &str = "RELATIVE_NOT_SUPPORTED";
/// The link to the station is down.
pub const LINK_DOWN: &str = "LINK_DOWN";
/// The journal cannot be written.
pub const JOURNAL_FAILED: &str = "JOURNAL_FAILED";
/// A reading that is needed is not GOOD.
pub const NO_FEEDBACK: &str = "NO_FEEDBACK";
/// A limit counts from something that the control does not have.
pub const BASIS_NOT_OFFERED: &str = "BASIS_NOT_OFFERED";
/// A reason that the control does not know.
pub const REASON_NOT_OFFERED: &str = "REASON_NOT_OFFERED";
/// A period that is over, or has no end where it needs one.
pub const BAD_PERIOD: &str = "BAD_PERIOD";
/// A release, or an end that releases, while a newer cap is in force.
pub const NEWER_CAP: &str = "NEWER_CAP";
/// A release of a cap that its issuer does not have.
pub const NO_SUCH_CAP: &str = "NO_SUCH_CAP";
/// The period of a cap is over, and only its issuer may release it.
pub const AWAITS_RELEASE: &str = "AWAITS_RELEASE";
/// A lower cap is in force.
pub const LOWER_CAP: &str = "LOWER_CAP";
/// The cap was released.
pub const RELEASED: &str = "RELEASED";
/// NaN or infinite.
pub const NOT_A_NUMBER: &str = "NOT_A_NUMBER";

/// No person or no instruction code stands behind a human-issued command (R8).
pub const NOT_NAMED: &str = "NOT_NAMED";
/// No operator answered in time.
pub const NOT_ANSWERED: &str = "NOT_ANSWERED";
/// An accepted instruction was not reported done in time.
pub const NOT_REPORTED: &str = "NOT_REPORTED";

/// The reasons that an operator may give who rejects an instruction (R8).
pub const OPERATOR_REASONS: &[&str] = &["UNIT_NOT_AVAILABLE", "EQUIPMENT_FAULT", "FUEL_SHORTAGE", "MAINTENANCE", "UNSAFE", "OTHER"];

/// Every code of R8: what people answered, or did not.
const ANSWERS: &[(&str, &str)] = &[
    (
        NOT_NAMED,
        "An instruction to people names who issued it (issuer.operatorRef) and by which instruction (instructionCode). One of them is \
         missing, so nobody was told. Send it again with both (R8).",
    ),
    (
        NOT_ANSWERED,
        "The instruction was shown at the plant and no named operator answered within the control's accept_within, or before its \
         validUntil. Nothing was written and nobody has promised to act. Call the plant, then issue it again.",
    ),
    (
        NOT_REPORTED,
        "An operator accepted the instruction and has not reported it done within the control's done_within. It stays open: whether the \
         plant acted is for the people there to say. Call the plant; its operator reports `done`, or rejects it with a reason.",
    ),
    (
        "UNIT_NOT_AVAILABLE",
        "The plant's operator rejected the instruction: the unit is not available, for example on outage or derated below the target.",
    ),
    (
        "EQUIPMENT_FAULT",
        "The plant's operator rejected the instruction: a fault of equipment prevents it. The operator's text says which, if given.",
    ),
    ("FUEL_SHORTAGE", "The plant's operator rejected the instruction: fuel, water or stock do not allow it."),
    ("MAINTENANCE", "The plant's operator rejected the instruction: work under permit is going on at the unit."),
    ("UNSAFE", "The plant's operator rejected the instruction: carrying it out would endanger people or plant."),
    ("OTHER", "The plant's operator rejected the instruction for a reason that has no code. The operator's own words stand in the text."),
];

/// Every code with a paragraph for operators and engineers.
const EXPLANATIONS: &[(&str, &str)] = &[
    (
        ABOVE_MAX,
        "The set-point lies above the control's highest value: the lower of the profile's Pmax, the plant's live declared limit and the \
         issuer's own limit. Nothing was sent. Issue a lower value, or have the declared capability raised at the plant.",
    ),
    (
        ABOVE_CAP,
        "A curtailment is in force on the resource and the set-point lies above it. Nothing was sent: the target of a resource is never \
         above the lowest cap (R6). Issue a value up to the cap, or have the issuer of the curtailment release it.",
    ),
    (
        BELOW_MIN,
        "The set-point lies below the control's lowest value, for a thermal unit its technical minimum. Nothing was sent. Issue a \
         higher value; taking the unit off is a different instruction.",
    ),
    (
        RAMP_TOO_FAST,
        "The instruction asks for a ramp faster than the declared one, zero, negative, or in a direction for which none is declared. \
         Nothing was sent. Leave the ramp out to use the plant's own, or ask for at most the declared rate.",
    ),
    (
        EXPIRED,
        "The instruction's validUntil or ttl passed before it could be sent to the plant, or it carries none. A late command is never \
         executed. Check the clocks and the path between the parties, then issue a new instruction.",
    ),
    (
        TOO_OLD,
        "The instruction was issued longer ago than the control's max_age allows, or carries an issue time ahead of this clock, so \
         that its age cannot be known. Check both clocks and the path, then issue a new instruction.",
    ),
    (
        NOT_YET_VALID,
        "The instruction's validFrom lies in the future. This bridge does not keep commands waiting: issue it when it is due, or send \
         a schedule.",
    ),
    (
        NOT_AUTHORISED,
        "The trust bundle does not list this party, acting in this role, for this verb on this resource, or control authority is with \
         someone else. Default is refusal. The officers of the plant's bridge change the bundle; two of them must sign.",
    ),
    (
        LOCAL_CONTROL,
        "The plant's remote-enable point says local, is not GOOD, or is not fresh. While it is so, no remote command is sent, whoever \
         issues it. The shift engineer at the plant switches to remote.",
    ),
    (
        NOT_READY,
        "A precondition that the profile demands of this control (`requires`) is not met, or its point is not GOOD and fresh. The text \
         names the precondition. Nothing was sent.",
    ),
    (
        BAD_BASIS,
        "Active power without powerBasis, or with another basis than the control's. 240 MW ex-bus and 240 MW gross are different \
         outputs; the bridge does not guess and does not convert. State the basis that the control declares.",
    ),
    (
        BAD_UNIT,
        "The set-point's unit, or the ramp's, is not the one that the control declares. The bridge does not convert units of commands.",
    ),
    (
        BAD_QUANTITY,
        "The control does not drive this quantity: a set-point of reactive power was sent to a control of active power, for example.",
    ),
    (
        CLOCK_UNSYNCHRONISED,
        "The bridge's own clock is not synchronised, or its uncertainty is beyond the limit (1 s by default). It could not tell a fresh \
         command from a late one, so it refuses. Restore its time source.",
    ),
    (
        POINT_LOCKED,
        "The control is locked: an earlier command's outcome is unknown, or another transaction is on the wire. An unknown outcome is \
         resolved by read-back or by a named operator; a safe-direction command passes.",
    ),
    (
        UNKNOWN_RESOURCE,
        "No control of this bridge belongs to the resource and verb of the instruction. Compare the resource address with the profile.",
    ),
    (
        SELECT_NOT_SUPPORTED,
        "The instruction's mode is SELECT, OPERATE, CANCEL or TEST, which this control does not offer to issuers. Send it with mode \
         DIRECT: where the station needs a select, the bridge makes it.",
    ),
    (
        SELECT_REQUIRED,
        "The control wants its issuer's own select (`select = \"relay\"`): send the operation with mode SELECT, await SELECTED, then send \
         it again with mode OPERATE and `selectOf`.",
    ),
    (
        RELATIVE_NOT_SUPPORTED,
        "The set-point is a change, not a target. This control takes absolute targets only: send the value to be reached.",
    ),
    (
        LINK_DOWN,
        "The link to the station is not up, or is not in the state that carries commands. Nothing was sent and nothing will be sent later.",
    ),
    (
        JOURNAL_FAILED,
        "The bridge cannot write its journal, so it could not prove what it did. It refuses control until the disk is repaired and the \
         bridge restarted.",
    ),
    (NOT_A_NUMBER, "The set-point, its ramp or a limit is NaN or infinite. It cannot be compared with any limit, so it is refused."),
];

/// What is found where a selection is kept, after the envelope.
const SELECTIONS: &[(&str, &str)] = &[
    (
        SELECT_MISMATCH,
        "An OPERATE must repeat its SELECT: same issuer, operator, resource, value and ramp, and `selectOf` its id. The selection is used \
         up; select again.",
    ),
    (
        NOTHING_SELECTED,
        "An OPERATE or a CANCEL came for a control on which nothing is selected: its selection was used, withdrawn, lost with the link, \
         or its time is over. Select again.",
    ),
];

/// What is found where caps are kept, and what became of one (R6, R7).
const CAPS: &[(&str, &str)] = &[
    (
        NO_FEEDBACK,
        "A reading that the command counts from, or by which the plant would be seen to follow, is not GOOD: the measured power, or the \
         echo of the set-point. Nothing is guessed in its place. Restore the measurement, or send an absolute value.",
    ),
    (
        BASIS_NOT_OFFERED,
        "The limit of a curtailment counts from something that the control does not have: a schedule (not driven by this version), a rated \
         power, or the available power as a point that is GOOD. Send an absolute cap in MW.",
    ),
    (
        REASON_NOT_OFFERED,
        "The control lists the reasons for which it may be curtailed (`reason_codes`), because the plant is told the reason as a number. \
         The reason sent is not among them; the text names those that are.",
    ),
    (
        BAD_PERIOD,
        "The period of a curtailment is over before it began, or has no end although `release` is AT_END. Nothing was sent. Issue it with \
         a duration that ends in the future, or with `release: MANUAL`.",
    ),
    (
        NEWER_CAP,
        "A cap would have let the plant up while a newer one is in force on the same resource. Nothing was raised: what was curtailed since would be \
         undone by an older word (R7). The newer cap has to end first, its issuer is named in the text; or the older one is replaced by a \
         new order of its own issuer. A cap that is OVERDUE with this code has reached the end of its period in that state.",
    ),
    (
        NO_SUCH_CAP,
        "A release names an operation that has no cap in force at this plant, or one of another issuer. Only the party that set a cap \
         releases it. `operations list` shows what became of the curtailment.",
    ),
    (
        AWAITS_RELEASE,
        "The period of a curtailment is over and the cap stands: its issuer signed `release: MANUAL`, its reason is SECURITY or CONGESTION, \
         or the plant's profile holds at the end. Only the issuer's own release ends it (`send release`), always ramped (R7).",
    ),
    (
        LOWER_CAP,
        "The cap is accepted and in force, and a lower cap on the same resource is what the plant follows now. When the lower one ends, \
         this one holds for the rest of its own period (R6).",
    ),
    (
        RELEASED,
        "The cap has ended and was taken off the plant, ramped: by the end of its period as its issuer signed, or by the issuer's release. \
         What was displaced by it does not resume by itself; issue it again (R2).",
    ),
];

/// A paragraph about a code, for `ies-bridge explain CODE` and the operator's screen; `None` for a code that is not of this crate.
#[must_use]
pub fn explain(code: &str) -> Option<&'static str> {
    EXPLANATIONS.iter().chain(SELECTIONS).chain(ANSWERS).chain(CAPS).find(|(known, _)| *known == code).map(|(_, text)| *text)
}

/// Every code, in the order of the explanations.
pub fn codes() -> impl Iterator<Item = &'static str> {
    EXPLANATIONS.iter().chain(SELECTIONS).chain(ANSWERS).chain(CAPS).map(|(code, _)| *code)
}

/// The codes of a selection's end (R15). Part of [`codes`].
pub fn selections() -> impl Iterator<Item = &'static str> {
    SELECTIONS.iter().map(|(code, _)| *code)
}

/// The codes of R8: what people answered, or did not. Part of [`codes`].
pub fn answers() -> impl Iterator<Item = &'static str> {
    ANSWERS.iter().map(|(code, _)| *code)
}

/// The codes of caps and their release (R6, R7). Part of [`codes`].
pub fn caps() -> impl Iterator<Item = &'static str> {
    CAPS.iter().map(|(code, _)| *code)
}
