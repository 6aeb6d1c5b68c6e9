//! The Beckn envelope, its answers, and the CloudEvents binding.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

use std::time::Duration;

use bridge_ies::beckn::{Context, Envelope, MAX_PERFORMANCES, Performance, SyncAnswer, ack_body, code, nack_body, parse_answer};
use bridge_ies::{EventMeta, GridOperation, Span, Timestamp, cloudevent, parse_strict};
use serde_json::{Value, json};

const NOW: i64 = 1_795_336_391_300_000_000;

fn dispatch() -> Value {
    parse_strict(include_bytes!("../examples/dispatch.json")).unwrap()
}

fn envelope() -> Envelope {
    Envelope {
        context: Context {
            network_id: "indiaenergystack.in/test-ies-der-integration-network".into(),
            version: "2.0.0".into(),
            action: "update".into(),
            bap_id: "did:web:sldc.state.example".into(),
            bap_uri: "https://sldc.state.example/bap/receiver".into(),
            bpp_id: "did:web:ies.genco.example".into(),
            bpp_uri: "https://ies.genco.example/bpp/receiver".into(),
            transaction_id: "0192f0a4-7c1e-7b52-9f10-2a6f0c1d0001".into(),
            message_id: "0192f0a4-7c1e-7b52-9f10-2a6f0c1d2001".into(),
            timestamp: Timestamp(NOW),
            ttl: Span(Duration::from_mins(1)),
            try_only: None,
            schema_context: vec!["https://schemas.example.in/GridOperation/v0.1/context.jsonld".into()],
            request_digest: None,
        },
        contract_id: "0192f0a4-0000-7000-8000-00000000c001".into(),
        performance: vec![Performance {
            id: "0192f0a4-7c1e-7b52-9f10-2a6f0c1d1001".into(),
            status: "ISSUED".into(),
            attributes: dispatch(),
        }],
    }
}

#[test]
fn an_envelope_survives_the_wire_with_its_attributes_untouched() {
    let bytes = envelope().to_bytes().unwrap();
    assert_eq!(Envelope::parse(&bytes).unwrap(), envelope());
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.contains(&dispatch().to_string()), "the signed object stands in the body as it was written");
    // What the closed objects of the Beckn schema demand.
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    let keys = |pointer: &str| body.pointer(pointer).unwrap().as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys("/message"), ["contract"]);
    assert_eq!(keys("/message/contract"), ["id", "status", "commitments", "performance"]);
    assert_eq!(keys("/message/contract/performance/0"), ["id", "status", "commitmentIds", "performanceAttributes"]);
    assert_eq!(
        body.pointer("/message/contract/commitments/0/resources/0/id").unwrap(),
        "did:web:ies.genco.example:assets:generating-unit:U1"
    );
    assert_eq!(body.pointer("/context/timestamp").unwrap(), "2026-11-22T14:03:11.300+05:30");
    assert_eq!(body.pointer("/context/ttl").unwrap(), "PT1M");
}

#[test]
fn bad_envelopes_are_refused_with_a_code_and_a_place() {
    let good: Value = serde_json::from_slice(&envelope().to_bytes().unwrap()).unwrap();
    let set = |pointer: &str, new: Value| {
        let mut value = good.clone();
        *value.pointer_mut(pointer).unwrap() = new;
        value
    };
    let one = good.pointer("/message/contract/performance/0").unwrap().clone();
    for (value, expected, path) in [
        (json!({}), code::SCH_SCHEMA_VALIDATION_FAILED, Some("/context")),
        (json!([1]), code::SCH_SCHEMA_VALIDATION_FAILED, Some("/context")),
        (set("/context/action", json!("confirm")), code::CTX_ACTION_MISMATCH, None),
        (set("/context/version", json!("1.1.0")), code::SCH_SCHEMA_VALIDATION_FAILED, Some("/context/version")),
        (set("/context/messageId", json!("7")), code::SCH_SCHEMA_VALIDATION_FAILED, Some("/context/messageId")),
        (set("/context/ttl", json!(60)), code::SCH_SCHEMA_VALIDATION_FAILED, Some("/context")),
        (set("/context/bapId", json!("")), code::SCH_SCHEMA_VALIDATION_FAILED, Some("/context/bapId")),
        (set("/message", json!({})), code::SCH_SCHEMA_VALIDATION_FAILED, Some("/message/contract")),
        (set("/message/contract/performance", json!([])), code::SCH_SCHEMA_VALIDATION_FAILED, Some("/message/contract/performance")),
        (
            set("/message/contract/performance", json!(vec![one; MAX_PERFORMANCES + 1])),
            code::SCH_SCHEMA_VALIDATION_FAILED,
            Some("/message/contract/performance"),
        ),
        (
            set("/message/contract/performance/0/performanceAttributes", json!("x")),
            code::SCH_SCHEMA_VALIDATION_FAILED,
            Some("/message/contract/performance/0/performanceAttributes"),
        ),
    ] {
        let error = Envelope::parse(value.to_string().as_bytes()).unwrap_err();
        assert_eq!((error.code(), error.path()), (expected, path), "{error}");
    }
}

#[test]
fn ttl_is_counted_from_the_timestamp() {
    let context = envelope().context;
    assert_eq!(context.expires_ns(), NOW + 60_000_000_000);
    assert!(!context.is_expired(NOW + 60_000_000_000));
    assert!(context.is_expired(NOW + 60_000_000_001));
}

#[test]
fn a_callback_keeps_transaction_and_message() {
    let request = envelope().context;
    let callback = request.callback(Timestamp(NOW + 1), Duration::from_secs(30), Some("BLAKE-512=abc".into()));
    assert_eq!((callback.action.as_str(), &callback.message_id), ("on_update", &request.message_id));
    assert_eq!(callback.transaction_id, request.transaction_id);
    let text = serde_json::to_value(&callback).unwrap();
    assert_eq!(text["requestDigest"], json!({"digest": "BLAKE-512=abc"}));
}

#[test]
fn synchronous_answers() {
    assert_eq!(ack_body("m1"), br#"{"message":{"status":"ACK","messageId":"m1"}}"#);
    let nack = nack_body("m1", code::CTX_TTL_EXPIRED, "late", Some("/context/ttl"));
    let value: Value = serde_json::from_slice(&nack).unwrap();
    let expected = json!({"code": "CTX_TTL_EXPIRED", "message": "late", "details": {"path": "/context/ttl"}});
    assert_eq!(value.pointer("/message/error"), Some(&expected));
    assert_eq!(parse_answer(&ack_body("m1")).unwrap(), SyncAnswer::Ack { message_id: Some("m1".into()) });
    let late = SyncAnswer::Nack { code: "CTX_TTL_EXPIRED".into(), message: "late".into() };
    assert_eq!(parse_answer(&nack).unwrap(), late);
    // The spelling of the published schema.
    let other = br#"{"message":{"ack":{"status":"NACK"}},"error":{"errorCode":"CTX_TTL_EXPIRED","errorMessage":"late"}}"#;
    assert_eq!(parse_answer(other).unwrap(), late);
    assert!(parse_answer(b"{}").is_err());
    assert!(parse_answer(br#"{"message":{"status":"MAYBE"}}"#).is_err());
}

#[test]
fn a_cloudevent_carries_the_operation_as_it_is() {
    let data = dispatch();
    let op = GridOperation::from_value(&data).unwrap();
    let meta = EventMeta { transaction_id: Some("t".into()), network_id: None, sequence: Some(9) };
    let event = cloudevent(&op, data.clone(), &meta);
    assert_eq!(event["data"], data);
    assert_eq!(event["id"], "0192f0a4-7c1e-7b52-9f10-2a6f0c1d1001");
    assert_eq!(event["source"], "did:web:sldc.state.example");
    assert_eq!(event["type"], "in.ies.grid.dispatch.v0");
    assert_eq!(event["subject"], "did:web:ies.genco.example:assets:generating-unit:U1");
    assert_eq!(event["sequence"], "9");
    assert_eq!(event.get("iesnetwork"), None);
}
