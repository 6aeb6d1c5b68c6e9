//! The codes of this crate and the paragraph behind each. Codes of an adapter's own checks (`profile::ioa-out-of-range`) are the
//! adapter's.

use bridge_diag::{Dialect, Explanation};

/// The codes of what reading itself finds.
pub const DIALECT: Dialect = Dialect {
    syntax: "profile::syntax",
    unknown_key: "profile::unknown-key",
    missing_key: "profile::missing-key",
    wrong_kind: "profile::wrong-kind",
    forms: true,
};

/// One paragraph for each code, for `ies-bridge explain`.
pub const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        code: "profile::syntax",
        text: "The file is not TOML 1.0: a bracket, quote or value is missing or doubled at the place shown. Only the first \
               such fault is shown, because nothing behind it can be trusted; all other problems appear once the file reads.",
    },
    Explanation {
        code: "profile::unknown-key",
        text: "A key that the language does not know at this place. Most often it is mistyped, or belongs one table further in \
               or out. Unknown keys are errors and never ignored: a mistyped `deadband` would otherwise silently be no \
               deadband.",
    },
    Explanation {
        code: "profile::missing-key",
        text: "A key that must be there is not. Nothing is assumed in its place, because a silent default on a point or control \
               is a fault that shows only on site. Add the key named in the message.",
    },
    Explanation {
        code: "profile::wrong-kind",
        text: "The value is of another kind than the key takes, for example a number where text is meant. Quantities are text \
               with a unit (\"250 MW\"), durations are text (\"90s\"), ids are text.",
    },
    Explanation {
        code: "profile::schema-unknown",
        text: "The first line says in which version of the profile language the file is written. This version of the bridge \
               does not read that one; use the release notes to move the profile, or a bridge that reads it.",
    },
    Explanation {
        code: "profile::cim-unknown",
        text: "The profile says against which edition of the common information model its classes are meant. Known editions are \
               CIM16, CIM17 and CIM18.",
    },
    Explanation {
        code: "profile::file-unreadable",
        text: "A file that the profile names cannot be read. Paths are relative to the profile's own folder and may not leave \
               it, so that the folder can be hashed, signed and carried to site as one piece.",
    },
    Explanation {
        code: "profile::csv-malformed",
        text: "A point list does not read as rows under a header. Every row has as many cells as the header, cells with a comma \
               stand in double quotes, and each column has a name the language knows. `addr.NAME` passes any further address \
               field.",
    },
    Explanation {
        code: "profile::too-many",
        text: "The profile makes more rows of one kind than a plan can number. Check the ranges of `for`; a range such as \
               1..80000 is most likely a slip. Otherwise split the site over several profiles.",
    },
    Explanation {
        code: "profile::id-malformed",
        text: "Ids of points, controls, links and resources are 1 to 64 letters, digits, `_`, `.` and `-`. They appear in \
               messages, file names and logs, so blanks and other signs are not allowed.",
    },
    Explanation {
        code: "profile::id-reused",
        text: "Two rows have the same id after templates were expanded. An id names one thing. In a template put a parameter \
               into it: `{u}.p` becomes U1.p, U2.p.",
    },
    Explanation {
        code: "profile::era-reused",
        text: "Two resources have the same IES address. One resource has one address and the other way round; values of one \
               would otherwise be read as values of the other.",
    },
    Explanation {
        code: "profile::era-unknown",
        text: "A row is about a resource that [era] does not define. [era] is where the profile's short keys meet IES addresses \
               and CIM classes; add the resource there or correct the key.",
    },
    Explanation {
        code: "profile::alias-malformed",
        text: "An alias set gives names to state codes: whole numbers to the left, names in quotes to the right, as `{ 0 = \
               \"off\", 1 = \"on\" }`.",
    },
    Explanation {
        code: "profile::alias-unknown",
        text: "A point takes the names of its states from an alias set that does not exist. Define it in [alias]; `dpos` \
               (intermediate, open, closed, bad) is built in.",
    },
    Explanation {
        code: "profile::link-missing",
        text: "A row does not say on which link it stands. Write `on = \"LINK\"` in the row, or once in its group or its [[use]].",
    },
    Explanation {
        code: "profile::link-unknown",
        text: "A row or a test names a link that [link] does not define. Correct the name, or define the link with its \
               protocol, role and zone.",
    },
    Explanation {
        code: "profile::link-role",
        text: "Points are read where we are the client (controlling station, master); served points stand where we are the \
               server (controlled station, outstation). The row stands on a link of the other role.",
    },
    Explanation {
        code: "profile::link-unused",
        text: "A link is defined and nothing stands on it. It would connect, interrogate and throw everything away. Add its \
               points or remove it.",
    },
    Explanation {
        code: "profile::protocol-unknown",
        text: "No adapter of this name is built into the bridge. The message lists those that are.",
    },
    Explanation {
        code: "profile::zone-missing",
        text: "Stations stamp in UTC or in Indian standard time, and a wrong guess moves every event by five and a half hours. \
               So the zone of a link is stated, without default. Ask the site, and prove it with an event of known time.",
    },
    Explanation {
        code: "profile::stale-order",
        text: "A value whose source is silent is first QUESTIONABLE (after `stale_after`), then INVALID (after \
               `invalid_after`). The second time is the longer one; by default it is ten times the first.",
    },
    Explanation {
        code: "profile::max-unacked",
        text: "`max_unacked` bounds the frames of a link that may wait for the journal before the connection is closed. It is a \
               whole number from 1 to 1000000; 1024 is the default.",
    },
    Explanation {
        code: "profile::event-queue",
        text: "`event_queue` of a serving link is how many events may wait for its peer before the oldest is dropped, with a signed gap \
               and, if it is served, the point `from = { queue = \"LINK\" }`. It is a whole number from 2 to 100000000; without it the \
               configuration's `event_queue_depth` holds.",
    },
    Explanation {
        code: "profile::pass-not-offered",
        text: "`on_journal_failure = \"pass\"` goes on acknowledging while the journal cannot be written (rule R23). A DNP3 master must not: its \
               confirmation makes the outstation forget events that would then be nowhere. Such a link holds: its events wait at the outstation, \
               while its static values are polled and shown.",
    },
    Explanation {
        code: "profile::housekeeping-not-allowed",
        text: "Clock synchronisation, freezing and resetting of counters are off on every link (rule R22). What the link shall ask by the \
               clock must also stand in its `allow`, as `allow = \"clock_sync, counter_freeze\"`: both are said, or neither. A server link asks \
               in the reversed direction only (104: `direction = \"both\"`), and there the words stand in `allow_reverse`.",
    },
    Explanation {
        code: "profile::select-relay",
        text: "`select = \"relay\"` passes the issuer's SELECT to the station and holds it for seconds. A person who has to accept first is \
               slower than the station's select timeout, so such a control executes automatically; or the bridge selects by itself.",
    },
    Explanation {
        code: "profile::curtail-ramp",
        text: "A curtailment takes power off a resource, and its release gives power back: both are ramped, always (R7). State the \
               ramp, and who makes it: the plant controller (`by = \"plant\"`), or the bridge in steps (`by = \"bridge\"`).",
    },
    Explanation {
        code: "profile::curtail-unit",
        text: "A limit is commanded in MW, whatever the register at the plant counts in: shares and reductions are converted once, \
               when the curtailment is accepted. `wire_unit`, `scale` and `offset` turn MW into the register's number.",
    },
    Explanation {
        code: "profile::curtail-address",
        text: "A curtailment carries a period, a ramp, a release and a reason, which no telecontrol command of an EMS can say. So on a \
               link that we serve a control of verb `curtail` has no address: people send it with `ies-bridge send curtail`.",
    },
    Explanation {
        code: "profile::lapse",
        text: "`on_lapse` says what the bridge does by itself when the time of an operation is over. Only a curtailment can be released \
               by time; a set-point stays where it is (`hold`). A cap is held or released and never dropped.",
    },
    Explanation {
        code: "profile::release-unsigned",
        text: "Giving power back by the clock is allowed only because the issuer signed it: `release: AT_END` with a period. The profile \
               says that it relies on that with `until = \"message.period\"`. SECURITY and CONGESTION wait for the issuer even then (R7).",
    },
    Explanation {
        code: "profile::reason-codes",
        text: "`reason_codes` gives each reason of a curtailment the number that the plant knows it by: whole numbers by name. With \
               `reason = { addr = … }` the number is written before the limit is enabled; without it, it is only shown. A reason with \
               `{ number = 2, at_end = \"release\" }` may be released at the end that the issuer signed; every other one is held.",
    },
    Explanation {
        code: "profile::reason-waits",
        text: "A cap for security or congestion is never released by the clock, only by its issuer's confirmation (R7). That holds for \
               every name that contains one of the two, so `at_end = \"release\"` cannot stand beside it.",
    },
    Explanation {
        code: "profile::reason-undeclared",
        text: "`on_lapse = \"release\"` lets the end of a signed period release a cap, but only for reasons that say so with \
               `at_end = \"release\"`: a reason that nobody declared may be one of grid security under another name, and is held until \
               its issuer releases it (R7). Where no reason says so nothing would ever be released.",
    },
    Explanation {
        code: "profile::duration-malformed",
        text: "A duration is text: a number and one of us, ms, s, m, h, d, as \"90s\" or \"500ms\". It is not negative and not \
               longer than 366 days.",
    },
    Explanation {
        code: "profile::word-unknown",
        text: "The key takes one of a few words, and the one written is not among them. The message lists them.",
    },
    Explanation {
        code: "profile::peer-unknown",
        text: "A remote point or a relayed control names a party that [peer] does not define. The name is the one under which \
               bridge.toml knows the party's address and keys.",
    },
    Explanation {
        code: "profile::address-missing",
        text: "A row has no `addr`. It is a table whose fields are those of the link's protocol; for IEC 60870-5-104 the object \
               address and the type: `addr = { ioa = 1001, ti = \"M_ME_TF_1\" }`.",
    },
    Explanation {
        code: "profile::ioa-reused",
        text: "Two rows of one link have the same address. The later one would never be updated, or two meanings would share \
               one value: the classic copy-and-paste fault of point lists. The message names the first row and its line.",
    },
    Explanation {
        code: "profile::cim-class",
        text: "The CIM class does not fit. Points are Analog (quantities), Discrete (states) or Accumulator (counters); \
               controls are SetPoint, Command or RaiseLowerCommand; and a measurement type such as SwitchPosition is always a \
               state.",
    },
    Explanation {
        code: "profile::measurement-unknown",
        text: "The measurement type is not in the shipped vocabulary. A mistyped type would be another quantity to everyone who \
               reads it. Use a known one; a type of your own starts with `x-`.",
    },
    Explanation {
        code: "profile::measurement-reused",
        text: "Other parties know a point by its resource, its measurement type and its phases. Two points that share all three \
               cannot be told apart. Give one of them `phases`, or a type of its own with `x-`, for example \
               `x-ActivePowerSetpoint`.",
    },
    Explanation {
        code: "profile::unit-missing",
        text: "A quantity has no unit. State the unit of the value delivered with `unit`; if the wire carries another one, add \
               `wire_unit` and the bridge converts.",
    },
    Explanation {
        code: "profile::unit-unknown",
        text: "The unit is not in the table. Case matters: mHz is not MHz, MVAr is not MVar. The message lists what is known.",
    },
    Explanation {
        code: "profile::unit-mismatch",
        text: "Two units that measure different things meet: MW with MVAr, or a voltage in amperes. Nothing converts between \
               them; one of the two is wrong.",
    },
    Explanation {
        code: "profile::unit-of-state",
        text: "A state (a Discrete) has no unit. If the point is a quantity, its class is Analog.",
    },
    Explanation {
        code: "profile::quantity-without-unit",
        text: "A quantity is written with its unit, as \"0.5 MW\". A bare number is read as MW by one engineer and as kW by the \
               next.",
    },
    Explanation {
        code: "profile::quantity-malformed",
        text: "The text is no number with a unit. Write the number with a decimal point and the unit behind it: \"2.5 MW/min\".",
    },
    Explanation {
        code: "profile::basis-missing",
        text: "Every active power says on which side of the auxiliaries it is measured (rule R17): EX_BUS is net, GROSS is at \
               the generator terminals. The two differ by several per cent in a thermal unit, and a schedule on one compared \
               with a measurement on the other is a false deviation.",
    },
    Explanation {
        code: "profile::basis-meaningless",
        text: "`basis` says on which side of the auxiliaries an active power is measured. This row is no active power.",
    },
    Explanation {
        code: "profile::basis-mismatch",
        text: "A served active power has the basis of the point it shows. The bridge does not turn gross into net: that needs a \
               model of the auxiliaries. Serve another point, or correct one of the two.",
    },
    Explanation {
        code: "profile::sign-missing",
        text: "For active and reactive power and for current the profile says what a positive value on the wire means. Inside \
               the bridge generation, discharge and flow out of the bus are positive. A wrong guess shows a generator as a \
               load.",
    },
    Explanation { code: "profile::sign-meaningless", text: "Only power and current have a direction. Remove `sign` from this row." },
    Explanation {
        code: "profile::sign-magnitude",
        text: "`magnitude` is for currents that are measured without direction. A power always has one; say which direction the \
               wire counts as positive.",
    },
    Explanation {
        code: "profile::scale-zero",
        text: "The scale multiplies the value on the wire. With zero every value would be the same, and a set-point could not \
               be calculated back.",
    },
    Explanation {
        code: "profile::range-malformed",
        text: "A range is two quantities, the lower one first: `range = [\"-10 MW\", \"275 MW\"]`. A value outside is kept and \
               marked QUESTIONABLE, OUT_OF_RANGE.",
    },
    Explanation {
        code: "profile::deadband-negative",
        text: "A deadband is the change that is not worth telling. It is zero (off) or positive.",
    },
    Explanation {
        code: "profile::deadband-state",
        text: "States are told at every change; a deadband on one would lose events. Remove it, or make the point an Analog.",
    },
    Explanation {
        code: "profile::deadband-hides-limit",
        text: "Limits look at the value before the deadband. With a deadband larger than a limit's hysteresis an alarm can come \
               and clear while the value on the screen does not move, which operators take for a fault of the system.",
    },
    Explanation {
        code: "profile::verb-unknown",
        text: "Points take part in stream, report, alarm and log; controls carry dispatch, curtail, start, stop, reconfigure, \
               override, enable, disable, shed, restore, trip or block.",
    },
    Explanation {
        code: "profile::alarm-without-limits",
        text: "The point takes part in alarms, but nothing raises one. A quantity needs `limits`, a state needs `alarm`.",
    },
    Explanation {
        code: "profile::limits-without-alarm",
        text: "The point has limits or a state alarm, but not the verb `alarm`, so nobody would be told. Add the verb, or \
               remove the limits.",
    },
    Explanation {
        code: "profile::limits-state",
        text: "Limits compare quantities. A state raises an alarm by its code: `alarm = { when = 1, severity = \"critical\" }`.",
    },
    Explanation { code: "profile::limits-unknown", text: "The point takes its limits from a set that [limits] does not define." },
    Explanation {
        code: "profile::limit-side",
        text: "A limit is raised either above or below a value. Write one of `above` and `below`; for both sides write two \
               limits.",
    },
    Explanation {
        code: "profile::limit-reused",
        text: "Two limits of one point have the same name. Alarms are named by point and limit, so the clear of one would be \
               read as the clear of the other.",
    },
    Explanation {
        code: "profile::limit-outside-range",
        text: "The limit lies outside the point's own range. A value there is not believed, so the alarm would never be of use. \
               One of the two is wrong.",
    },
    Explanation {
        code: "profile::hysteresis-missing",
        text: "Each limit says how far the value must come back before the alarm clears. Without hysteresis a value that sits \
               on the limit raises and clears with every telegram and buries the alarm list.",
    },
    Explanation { code: "profile::alarm-quantity", text: "`alarm` raises on a state code. A quantity raises by `limits`." },
    Explanation {
        code: "profile::interpolation",
        text: "In templates and rows with `for`, `{name}`, `{name+1}` and `{name*10+1}` are replaced by parameters. The \
               expression shown names no parameter, calculates with text, or is of another form.",
    },
    Explanation {
        code: "profile::for-malformed",
        text: "`for` makes rows: a list of tables makes one row each, one table with ranges (\"1..8\", both ends included) or \
               lists makes every combination. The one shown is neither, is empty, or makes too many rows.",
    },
    Explanation { code: "profile::template-unknown", text: "[[use]] names a template that is not defined. Define it as [template.NAME]." },
    Explanation {
        code: "profile::param-missing",
        text: "A row of `for` does not give a parameter that the template lists in `params`. Give it in the row, in `with`, or \
               as one of the template's `defaults`.",
    },
    Explanation {
        code: "profile::param-unknown",
        text: "A row of `for` gives a parameter that the template does not have. It is most likely mistyped; it would have no \
               effect.",
    },
    Explanation {
        code: "profile::monitor-only-control",
        text: "A monitor-only link has no control path at all: not even its code can encode a command. A control cannot stand \
               on it.",
    },
    Explanation {
        code: "profile::select-missing",
        text: "How a control is selected is stated, without default (rule R4): `none` sends directly, `bridge` selects on the \
               wire before it executes, `relay` passes the issuer's own SELECT on, `scl` follows the 61850 control model.",
    },
    Explanation {
        code: "profile::select-scl",
        text: "`scl` takes the way of selecting from the control model in an SCL file. Only IEC 61850 links have one.",
    },
    Explanation {
        code: "profile::qualifier-range",
        text: "The qualifier of a command (104: QOC.QU, QOS.QL) has seven bits at most: 0 to 127. 0 leaves the choice to the \
               station.",
    },
    Explanation {
        code: "profile::envelope-empty",
        text: "`min` and `max` are the hard limits of a control; the bridge refuses every target outside. `min` is the smaller \
               one.",
    },
    Explanation {
        code: "profile::ramp-rate",
        text: "A rate is a positive quantity per second, minute or hour in the control's unit: \"2.5 MW/min\". `down` is positive \
               too.",
    },
    Explanation {
        code: "profile::ramp-step",
        text: "With `by = \"bridge\"` the bridge sends one set-point each `step`. Steps below 100 ms would overrun a station; \
               seconds are usual.",
    },
    Explanation {
        code: "profile::requires-malformed",
        text: "A precondition compares one point with one value: `U1.remote == 1`, or with a name of the point's alias set: \
               `U1.state == synchronised`. It must hold, GOOD and fresh, before every send.",
    },
    Explanation {
        code: "profile::point-unknown",
        text: "The row refers to a point that does not exist after expansion. Check the id; in a template it carries its \
               parameter: `{u}.p`.",
    },
    Explanation {
        code: "profile::feedback-missing",
        text: "Every control says how the bridge sees that the plant obeyed (rule R11): `taken` compares the echo of the set- \
               point, `followed` the measured value with a band, a time and a dwell. A command without feedback would be \
               reported as done because it was sent.",
    },
    Explanation {
        code: "profile::feedback-unit",
        text: "The feedback point is delivered in another unit than the control is commanded in. Deliver both in one; use \
               `wire_unit` where the wire differs.",
    },
    Explanation {
        code: "profile::expires-missing",
        text: "Every control says from which age an operation is refused and what happens when its life ends: `expires = { \
               max_age = \"30s\", on_lapse = \"hold\" }`. A command that was delayed somewhere must not move a plant later.",
    },
    Explanation {
        code: "profile::authority-missing",
        text: "Nobody may command unless named. `authority` lists the roles, as `[\"sldc\", \"rldc\"]`; the signed trust bundle \
               says which party holds which role for which resource.",
    },
    Explanation {
        code: "profile::role-unknown",
        text: "The role is not one of the IES roles: NLDC, RLDC, SLDC, ALDC, REMC, STU, CTU, DISCOM, GENCO, IPP, QCA, AMC, \
               AGGREGATOR, OPERATOR.",
    },
    Explanation {
        code: "profile::remote-enable-missing",
        text: "A control that the bridge writes (`released` or `automatic`) names a live point with which the plant itself \
               allows it (rule R8). While that point is not 1, GOOD and fresh, nothing is written.",
    },
    Explanation {
        code: "profile::start-stop-operator",
        text: "Starting and stopping a thermal unit is done by a person (rule R8). The bridge presents the instruction and \
               checks the feedback, it does not write.",
    },
    Explanation {
        code: "profile::switch-execution",
        text: "A control of verb `reconfigure` opens or closes a switch by itself (rule R9), so its profile says \
               `execution = \"automatic\"` in so many words. Switching by people, earthing and hold points are not controls of the bridge.",
    },
    Explanation {
        code: "profile::start-stop-address",
        text: "A control of verb `start` or `stop` is an instruction to a person (rule R8): the bridge shows it, waits for the \
               answer, and looks at the feedback. It writes nothing to the plant, so an address would promise what never happens.",
    },
    Explanation {
        code: "profile::accept-within",
        text: "Where a person accepts an instruction the profile says how long that may take. If an EMS waits behind it, the \
               time is shorter than its `execute_con`: otherwise a person could accept what the EMS has already given up on.",
    },
    Explanation {
        code: "profile::ems-missing",
        text: "A control reached from an EMS states the times the EMS waits: `ems = { select_con, execute_con, term }` (rule \
               R15). The bridge refuses in time what it cannot confirm in time, so that nothing operates after the EMS gave up.",
    },
    Explanation {
        code: "profile::serve-source",
        text: "A served point shows a point (`point`, or `from = { era, type }`), the progress of a control (`from = { control, \
               status }`) or whether a peer or link is up (`from = { link }`). This one shows nothing.",
    },
    Explanation {
        code: "profile::calc-rule",
        text: "A calculated point says how it follows from others, in exactly one way: `sum`, `difference` (the first less all \
               others) or `cel`, an expression over named inputs.",
    },
    Explanation {
        code: "profile::calc-inputs",
        text: "What a calculated point is made of: for `sum` and `difference` a list of ids, for `cel` a table that gives each \
               name in the expression its point, as `inputs = { a = \"U1.p\" }`.",
    },
    Explanation {
        code: "profile::calc-unit",
        text: "A sum is made of quantities of one kind, in whatever unit each; a state has no place in it, and temperatures have \
               no sum. An expression (`cel`) may mix kinds: it sees each input in the input's own unit.",
    },
    Explanation {
        code: "profile::calc-basis",
        text: "Active powers are summed on one basis only (rule R17): ex-bus and gross differ by the auxiliary consumption, which \
               no sum can make up for.",
    },
    Explanation {
        code: "profile::calc-cycle",
        text: "A calculated point may be made of calculated points, but not of itself over however many others: it would have no \
               value to begin with.",
    },
    Explanation {
        code: "profile::calc-expression",
        text: "An expression computes with the named inputs: arithmetic, comparisons, `&&`, `||`, `!`, `c ? a : b`, `min`, `max`, \
               `double`, `int`. States are whole numbers in it (`breaker == 2`), quantities are decimal (`p > 1.0`); the two do not \
               mix without `double(…)`. It is tried with all inputs at 0, 1 and 2, so that a type that does not fit shows here.",
    },
    Explanation {
        code: "profile::test-empty",
        text: "A test that expects nothing and forbids nothing passes whatever the profile does. Add `expect` or `never`.",
    },
    Explanation {
        code: "profile::test-input",
        text: "An input of a test is a value on a link (`link` and the adapter's fields), an operation (`verb`), a remote value \
               (`remote`, `value`) or a link that comes or goes (`up`, `down`). An expectation names a `verb` or a `wire`.",
    },
];
