//! The schema, the own check and the types agree: on every example, and on a table of what must be refused.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

use bridge_ies::{
    AlarmStatus, CurtailPayload, Error, GRID_OPERATION_SCHEMA, GridOperation, LimitBasis, Mode, Noun, Payload, PowerBasis, ReleaseMode,
    Role, Verb, jcs, parse_strict, validate,
};
use serde_json::{Value, json};

fn examples() -> Vec<(String, Value)> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, parse_strict(&std::fs::read(path).unwrap()).unwrap())
        })
        .collect()
}

fn example(name: &str) -> Value {
    examples().into_iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no example {name}")).1
}

/// The independent judge: a general JSON Schema validator that asserts formats.
fn judge() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(GRID_OPERATION_SCHEMA).unwrap();
    jsonschema::draft202012::meta::validate(&schema).expect("the schema is a schema");
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap()
}

#[test]
fn every_example_fits_and_is_read_and_written_without_loss() {
    let judge = judge();
    let examples = examples();
    assert!(examples.len() >= 12);
    for (name, value) in &examples {
        assert_eq!(validate(value), [], "{name}");
        let problems: Vec<String> = judge.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path)).collect();
        assert_eq!(problems, Vec::<String>::new(), "{name}");
        let operation = GridOperation::from_value(value).unwrap_or_else(|e| panic!("{name}: {e}"));
        let written = operation.to_value().unwrap();
        assert_eq!(jcs(&written).unwrap(), jcs(value).unwrap(), "{name}");
    }
    let verbs: std::collections::BTreeSet<Verb> = examples.iter().map(|(_, v)| GridOperation::from_value(v).unwrap().verb).collect();
    assert_eq!(verbs.len(), Verb::ALL.len(), "an example of every verb");
}

/// What to change in which example: a JSON pointer and a new value, or `None` to take the field away.
type Bad<'p> = (&'static str, &'p str, Option<Value>);

fn bad_messages() -> Vec<Bad<'static>> {
    vec![
        ("dispatch", "/@type", Some(json!("Other"))),
        ("dispatch", "/specVersion", Some(json!("9.9"))),
        ("dispatch", "/verb", Some(json!("explode"))),
        ("dispatch", "/noun", Some(json!("BOMB"))),
        ("dispatch", "/operationId", Some(json!("not-a-uuid"))),
        ("dispatch", "/operationId", None),
        ("dispatch", "/issuedAt", Some(json!("2026-11-22T14:03:11"))),
        ("dispatch", "/issuedAt", Some(json!("2026-13-22T14:03:11+05:30"))),
        ("dispatch", "/issuedAt", Some(json!(1_795_000_000))),
        ("dispatch", "/issuer/partyId", Some(json!("sldc"))),
        ("dispatch", "/issuer/role", Some(json!("KING"))),
        ("dispatch", "/issuer/operatorRef", None),
        ("dispatch", "/instructionCode", None),
        ("dispatch", "/recipient", None),
        ("dispatch", "/resources", Some(json!([]))),
        ("dispatch", "/resources/0/era", None),
        ("dispatch", "/mode", None),
        ("dispatch", "/mode", Some(json!("PERHAPS"))),
        ("dispatch", "/mode", Some(json!("OPERATE"))),
        ("dispatch", "/validUntil", None),
        ("dispatch", "/authority", None),
        ("dispatch", "/authority/basis", Some(json!("BECAUSE"))),
        ("dispatch", "/ack", None),
        ("dispatch", "/ack/deadline", Some(json!("30s"))),
        ("dispatch", "/ack/deadline", Some(json!("PT"))),
        ("dispatch", "/ack/deadline", Some(json!("P1Y"))),
        ("dispatch", "/provenance", None),
        ("dispatch", "/provenance/alg", Some(json!("none"))),
        ("dispatch", "/provenance/jws", Some(json!("a.b.c"))),
        ("dispatch", "/provenance/digest", Some(json!("sha-256=short"))),
        ("dispatch", "/payload", Some(json!([]))),
        ("dispatch", "/payload/setpoints", Some(json!([]))),
        ("dispatch", "/payload/setpoints/0/value", Some(json!("210"))),
        ("dispatch", "/payload/setpoints/0/unit", Some(json!("GW"))),
        ("dispatch", "/payload/setpoints/0/quantity", Some(json!("JOY"))),
        ("dispatch", "/payload/setpoints/0/powerBasis", None),
        ("dispatch", "/payload/setpoints/0/powerBasis", Some(json!("NET"))),
        ("dispatch", "/payload/setpoints/0/ramp/value", Some(json!(0))),
        ("dispatch", "/payload/setpoints/0/relative", Some(json!(true))),
        ("reconfigure", "/noun", Some(json!("UNIT"))),
        ("reconfigure", "/instructionCode", None),
        ("reconfigure", "/payload/planId", Some(json!("plan"))),
        ("reconfigure", "/payload/steps", Some(json!([]))),
        ("reconfigure", "/payload/steps/0/action", Some(json!("EARTH"))),
        ("reconfigure", "/payload/steps/0/expectBefore", None),
        ("reconfigure", "/payload/steps/0/seq", Some(json!(0))),
        ("reconfigure", "/payload/onFailure", Some(json!("ROLL_BACK"))),
        ("curtail", "/noun", Some(json!("SETPOINT"))),
        ("curtail", "/mode", None),
        ("curtail", "/validUntil", None),
        ("curtail", "/provenance", None),
        ("curtail", "/payload/limit", None),
        ("curtail", "/payload/limit/value", Some(json!(-1))),
        ("curtail", "/payload/limit/value", Some(json!("120"))),
        ("curtail", "/payload/limit/unit", Some(json!("kV"))),
        ("curtail", "/payload/limit/basis", Some(json!("OF_MOOD"))),
        ("curtail", "/payload/limit/powerBasis", None),
        ("curtail", "/payload/period", None),
        ("curtail", "/payload/period/start", None),
        ("curtail", "/payload/period/duration", None),
        ("curtail", "/payload/period/duration", Some(json!("15m"))),
        ("curtail", "/payload/ramp", None),
        ("curtail", "/payload/ramp/value", Some(json!(0))),
        ("curtail", "/payload/ramp/unit", Some(json!("MW/s"))),
        ("curtail", "/payload/release", None),
        ("curtail", "/payload/release", Some(json!("NEVER"))),
        ("curtail", "/payload/reason", None),
        ("curtail", "/payload/reason/code", None),
        ("curtail", "/payload/compensable", Some(json!("yes"))),
        ("curtail", "/payload/releaseOf", Some(json!("0192f0a4-7c1e-7b52-9f10-2a6f0c1d1201"))),
        ("curtail-release", "/payload/releaseOf", Some(json!("the last one"))),
        ("curtail-release", "/payload/releaseOf", None),
        ("curtail-release", "/payload/reason", None),
        ("curtail-release", "/payload/ramp/value", Some(json!(-1))),
        ("start", "/noun", Some(json!("SETPOINT"))),
        ("start", "/issuer/operatorRef", None),
        ("start", "/instructionCode", None),
        ("start", "/mode", None),
        ("start", "/validUntil", None),
        ("start", "/payload/state", None),
        ("start", "/payload/state", Some(json!("OFF"))),
        ("start", "/payload/startType", Some(json!("TEPID"))),
        ("start", "/payload/minUpTime", Some(json!("8h"))),
        ("stop", "/payload/state", Some(json!("ON"))),
        ("stop", "/provenance", None),
        ("stop", "/payload/reason/code", None),
        ("acknowledge-receipt", "/correlationId", None),
        ("acknowledge-receipt", "/noun", Some(json!("SETPOINT"))),
        ("acknowledge-receipt", "/payload/ackOf", Some(json!("x"))),
        ("acknowledge-receipt", "/payload/stage", Some(json!("RECEIVED"))),
        ("acknowledge-receipt", "/payload/status", Some(json!("SUPERSEDED"))),
        ("acknowledge-receipt", "/payload/requestDigest", None),
        ("acknowledge-receipt", "/provenance", None),
        ("acknowledge-executing", "/payload/readback/0/powerBasis", None),
        ("acknowledge-executing", "/payload/readback/0/quality/validity", Some(json!("FINE"))),
        ("acknowledge-rejected", "/payload/reason", None),
        ("alarm", "/payload/status", Some(json!("CLEARED"))),
        ("alarm", "/payload/severity", None),
        ("alarm", "/payload/measured/powerBasis", None),
        ("alarm", "/payload/limit/side", Some(json!("UP"))),
        ("clear", "/payload/clearedAt", None),
        ("clear", "/payload/status", Some(json!("ACTIVE"))),
        ("report", "/payload/period/duration", Some(json!("quarter"))),
        ("report", "/payload/series/payloadDescriptors/0/powerBasis", None),
        ("report", "/payload/series/intervals/0/payloads/0/values", Some(json!([]))),
        ("report", "/payload/operations/FINISHED", Some(json!(1))),
        ("report", "/payload/operations/COMPLETED", Some(json!(-1))),
        ("log", "/payload/entries", Some(json!([]))),
        ("log", "/payload/entries/0/timeQuality", None),
        ("log", "/payload/entries/0/seq", Some(json!(1.5))),
        ("attest-telemetry", "/noun", Some(json!("SETPOINT"))),
        ("attest-telemetry", "/noun", Some(json!("FIRMWARE"))),
        ("attest-telemetry", "/payload/availability/value", Some(json!(101))),
        ("attest-telemetry", "/payload/points/good", Some(json!(-1))),
        ("attest-firmware", "/payload/hash", None),
        ("attest-settings", "/payload/profile", Some(json!(""))),
        ("stream", "/payload/frames", None),
        ("stream", "/payload/frames/0/q", Some(json!(65_536))),
        ("stream", "/payload/frames/0/v", Some(json!(null))),
        ("stream", "/payload/epoch", Some(json!("12x"))),
        ("stream", "/payload/descriptors/0/powerBasis", None),
        ("stream", "/payload/sealed/checkpoint", None),
        ("stream", "/payload/sealed/streams/0/path/0/side", Some(json!("M"))),
    ]
}

fn changed((name, pointer, new): &Bad<'_>) -> Value {
    let mut value = example(name);
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = value.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match new {
        Some(new) => parent.insert(field.to_owned(), new.clone()),
        None => parent.shift_remove(field),
    };
    value
}

#[test]
fn the_own_check_and_the_schema_refuse_the_same() {
    let judge = judge();
    for bad in bad_messages() {
        let value = changed(&bad);
        assert!(!judge.is_valid(&value), "the schema accepts {bad:?}");
        let problems = validate(&value);
        assert!(!problems.is_empty(), "the own check accepts {bad:?}");
        // The reported place is the changed field or one that contains it, or, where a rule joins two fields, another field.
        assert!(problems.iter().all(|p| p.path.is_empty() || value.pointer(&p.path).is_some()), "{bad:?}: {problems:?}");
    }
}

#[test]
fn what_is_unknown_and_optional_is_accepted_by_all_and_not_kept() {
    let judge = judge();
    let mut value = example("dispatch");
    value["futureField"] = json!({"a": [1, 2]});
    value["payload"]["setpoints"][0]["note"] = json!("hello");
    assert!(judge.is_valid(&value));
    assert_eq!(validate(&value), []);
    let written = GridOperation::from_value(&value).unwrap().to_value().unwrap();
    assert_eq!(written.get("futureField"), None);
    assert_eq!(jcs(&written).unwrap(), jcs(&example("dispatch")).unwrap());
}

#[test]
fn r17_every_active_power_states_its_basis() {
    let mut value = example("dispatch");
    value["payload"]["setpoints"][0].as_object_mut().unwrap().shift_remove("powerBasis");
    let problems = validate(&value);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].path, "/payload/setpoints/0");
    assert_eq!(problems[0].problem, "`powerBasis` is missing");
    // Reactive power has none.
    value["payload"]["setpoints"][0]["quantity"] = json!("REACTIVE_POWER");
    value["payload"]["setpoints"][0]["unit"] = json!("MVAr");
    assert_eq!(validate(&value), []);
}

#[test]
fn r07_a_cap_states_its_ramp_and_its_way_out() {
    for missing in ["ramp", "release"] {
        let problems = validate(&changed(&("curtail", &format!("/payload/{missing}"), None)));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!((problems[0].path.as_str(), problems[0].problem.as_str()), ("/payload", format!("`{missing}` is missing").as_str()));
    }
    // A manual one may have no end.
    let mut manual = changed(&("curtail", "/payload/period/duration", None));
    manual["payload"]["release"] = json!("MANUAL");
    assert_eq!(validate(&manual), []);
    let Payload::Curtail(CurtailPayload::Cap(cap)) = GridOperation::from_value(&manual).unwrap().payload else { panic!("a cap") };
    assert_eq!((cap.release, cap.period.end_ns()), (ReleaseMode::Manual, None));
    let Payload::Curtail(CurtailPayload::Cap(cap)) = GridOperation::from_value(&example("curtail")).unwrap().payload else {
        panic!("a cap")
    };
    assert_eq!(cap.period.end_ns(), Some(cap.period.start.0 + 900_000_000_000));
    let release = GridOperation::from_value(&example("curtail-release")).unwrap().payload;
    assert!(matches!(release, Payload::Curtail(CurtailPayload::Release(_))), "{release:?}");
}

#[test]
fn a_cap_that_is_not_a_number_is_not_written() {
    let mut operation = GridOperation::from_value(&example("curtail")).unwrap();
    let Payload::Curtail(CurtailPayload::Cap(cap)) = &mut operation.payload else { panic!("a cap") };
    cap.limit.value = f64::INFINITY;
    assert!(matches!(operation.to_value(), Err(Error::Number { .. })));
}

#[test]
fn r08_operator_and_instruction_code_come_together() {
    for (pointer, missing) in [("/issuer/operatorRef", "operatorRef"), ("/instructionCode", "instructionCode")] {
        let problems = validate(&changed(&("dispatch", pointer, None)));
        assert!(problems.iter().any(|p| p.problem == format!("`{missing}` is missing")), "{problems:?}");
    }
    // A command that no human issued has neither.
    let mut automatic = changed(&("dispatch", "/issuer/operatorRef", None));
    automatic.as_object_mut().unwrap().shift_remove("instructionCode");
    assert_eq!(validate(&automatic), []);
}

#[test]
fn r04_operate_names_its_select() {
    let operate = changed(&("dispatch", "/mode", Some(json!("OPERATE"))));
    assert!(validate(&operate).iter().any(|p| p.problem == "`selectOf` is missing"));
}

#[test]
fn r28_every_role_is_a_word_of_the_schema() {
    let words = ["NLDC", "RLDC", "SLDC", "ALDC", "REMC", "STU", "CTU", "DISCOM", "GENCO", "IPP", "QCA", "AMC", "AGGREGATOR", "OPERATOR"];
    for word in words {
        assert_eq!(Role::parse(word).map(Role::as_str), Some(word));
        let value = changed(&("alarm", "/issuer/role", Some(json!(word))));
        assert_eq!(validate(&value), [], "{word}");
    }
    let schema: Value = serde_json::from_str(GRID_OPERATION_SCHEMA).unwrap();
    let list = |pointer: &str| schema.pointer(pointer).unwrap().as_array().unwrap().clone();
    let all = |words: Vec<&str>| words.into_iter().map(Value::from).collect::<Vec<_>>();
    assert_eq!(list("/$defs/party/properties/role/enum"), all(Role::ALL.iter().map(|w| w.as_str()).collect()));
    assert_eq!(list("/properties/verb/enum"), all(Verb::ALL.iter().map(|w| w.as_str()).collect()));
    assert_eq!(list("/properties/noun/enum"), all(Noun::ALL.iter().map(|w| w.as_str()).collect()));
    assert_eq!(list("/properties/mode/enum"), all(Mode::ALL.iter().map(|w| w.as_str()).collect()));
    let bases = all(LimitBasis::ALL.iter().map(|w| w.as_str()).collect());
    assert_eq!(list("/$defs/curtail/properties/limit/properties/basis/enum"), bases);
    assert_eq!(list("/$defs/curtail/properties/release/enum"), all(ReleaseMode::ALL.iter().map(|w| w.as_str()).collect()));
    assert_eq!(list("/$defs/powerBasis/enum"), all(PowerBasis::ALL.iter().map(|w| w.as_str()).collect()));
    assert_eq!(list("/$defs/alarmBody/properties/status/enum"), all(AlarmStatus::ALL.iter().map(|w| w.as_str()).collect()));
}

#[test]
fn an_unknown_verb_has_its_own_code() {
    let error = GridOperation::from_value(&changed(&("dispatch", "/verb", Some(json!("explode"))))).unwrap_err();
    assert_eq!(error, Error::UnknownVerb { verb: "explode".into() });
    assert_eq!(error.code(), "SCH_TYPE_NOT_SUPPORTED");
}

#[test]
fn a_payload_of_another_verb_is_not_written() {
    let mut operation = GridOperation::from_value(&example("alarm")).unwrap();
    operation.verb = Verb::Clear;
    assert!(operation.to_value().is_err());
}

#[test]
fn a_setpoint_that_is_not_a_number_is_not_written() {
    let mut operation = GridOperation::from_value(&example("dispatch")).unwrap();
    let Payload::Dispatch(dispatch) = &mut operation.payload else { panic!("a dispatch") };
    dispatch.setpoints[0].value = f64::NAN;
    assert!(matches!(operation.to_value(), Err(Error::Number { .. })));
}
