//! The operation's own signature.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

use bridge_ies::beckn::code;
use bridge_trust::{AuthError, Es256Key, jws};
use serde_json::{Value, json};

const KID: &str = "did:web:sldc.state.example#key-0";

fn key() -> Es256Key {
    Es256Key::from_scalar(&[3; 32]).unwrap()
}

fn signed() -> Value {
    let mut op = json!({"@type": "GridOperation", "verb": "dispatch", "issuer": {"partyId": "did:web:sldc.state.example", "role": "SLDC"},
        "payload": {"setpoints": [{"quantity": "ACTIVE_POWER", "value": 243.6}]}});
    jws::sign(&mut op, &key(), KID, Some(json!({"gateway": "did:web:sldc.state.example", "protocol": "IEC104"}))).unwrap();
    op
}

fn check(op: &Value) -> Result<jws::JwsVerified, AuthError> {
    jws::verify(op, |kid| (kid == KID).then(|| key().public_sec1()))
}

#[test]
fn a_signed_operation_verifies_in_any_spelling_of_the_same_json() {
    let op = signed();
    let verified = check(&op).unwrap();
    assert_eq!(verified.digest, jws::request_digest(&op).unwrap());
    let reordered: Value = serde_json::from_str(&op.to_string().replacen(
        r#"{"@type":"GridOperation","verb":"dispatch","#,
        r#"{"verb":"dispatch", "@type":"GridOpe\u0072ation","#,
        1,
    ))
    .unwrap();
    assert_eq!(check(&reordered).unwrap(), verified);
    // Signing again replaces the block and gives the same bytes.
    let mut again = op.clone();
    let source = op["provenance"]["source"].clone();
    jws::sign(&mut again, &key(), KID, Some(source)).unwrap();
    assert_eq!(again, op);
}

#[test]
fn every_change_is_noticed() {
    let fits =
        [("/payload/setpoints/0/value", json!(243.7)), ("/verb", json!("alarm")), ("/payload/extra", json!(1)), ("/new", json!(null))];
    for (pointer, new) in fits {
        let mut op = signed();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        op.pointer_mut(parent).unwrap()[field] = new;
        assert_eq!(check(&op).unwrap_err().code, code::AUT_SIGNATURE_INVALID, "{pointer}");
    }
    let good = signed();
    let jws_text = good["provenance"]["jws"].as_str().unwrap().to_owned();
    let (head, signature) = jws_text.split_once("..").unwrap();
    let flipped = format!("{head}..{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    for (field, new) in [
        ("alg", json!("none")),
        ("alg", json!("EdDSA")),
        ("canon", json!("RAW")),
        ("digest", json!("sha-256=AAAA")),
        ("jws", json!("..")),
        ("jws", json!("a.b")),
        ("jws", json!(flipped)),
        ("jws", json!(format!("{head}..{}", &signature[..80]))),
        ("jws", json!(format!("{jws_text}="))),
        ("jws", json!("x".repeat(jws::MAX_JWS_BYTES + 1))),
        ("jws", json!(null)),
        ("source", json!({"gateway": "did:web:other.example", "protocol": "IEC104"})),
        ("source", json!(null)),
    ] {
        let mut op = good.clone();
        op["provenance"][field] = new.clone();
        assert_eq!(check(&op).unwrap_err().code, code::AUT_SIGNATURE_INVALID, "{field} {new}");
    }
    let mut stripped = good.clone();
    stripped["provenance"].as_object_mut().unwrap().shift_remove("source");
    assert!(check(&stripped).is_err(), "the source cannot be taken away");
    let mut bare = good;
    bare.as_object_mut().unwrap().shift_remove("provenance");
    assert!(check(&bare).is_err());
    assert!(check(&json!([])).is_err());
}

#[test]
fn a_key_signs_only_for_its_own_party() {
    let mut op = signed();
    op["issuer"]["partyId"] = json!("did:web:other.example");
    assert_eq!(check(&op).unwrap_err().code, code::AUT_UNAUTHORIZED_ACTION);
    // Also when the stranger signs properly with his own key in another's name.
    jws::sign(&mut op, &key(), KID, None).unwrap();
    assert_eq!(check(&op).unwrap_err().code, code::AUT_UNAUTHORIZED_ACTION);
    for kid in ["did:web:other.example", "did:web:other.example#", "#key-0"] {
        let mut op = op.clone();
        jws::sign(&mut op, &key(), kid, None).unwrap();
        assert_eq!(check(&op).unwrap_err().code, code::AUT_UNAUTHORIZED_ACTION, "{kid}");
    }
}

#[test]
fn an_unknown_or_foreign_key_is_refused() {
    let op = signed();
    assert_eq!(jws::verify(&op, |_| None).unwrap_err().code, code::AUT_KEY_EXPIRED_OR_REVOKED);
    let other = Es256Key::from_scalar(&[4; 32]).unwrap();
    assert_eq!(jws::verify(&op, |_| Some(other.public_sec1())).unwrap_err().code, code::AUT_SIGNATURE_INVALID);
}

#[test]
fn what_has_no_canonical_form_is_not_signed() {
    let mut op = json!({"issuer": {"partyId": "did:web:a"}, "n": 9_007_199_254_740_993_u64});
    assert!(jws::sign(&mut op, &key(), KID, None).is_err());
    assert_eq!(op.get("provenance"), None);
    assert!(jws::sign(&mut json!("text"), &key(), KID, None).is_err());
}
