//! The Beckn header: what is accepted, and everything that is refused.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

use bridge_ies::beckn::code;
use bridge_trust::beckn::{MAX_HEADER_BYTES, challenge, is_reply, sign, signature_of, verify, verify_reply};
use bridge_trust::{AuthError, Ed25519Key, base64_encode, blake2b_512};

const BODY: &[u8] = b"{\"a\":1}";
const SUB: &str = "did:web:sldc.state.example";
const T: i64 = 1_795_336_391;

fn key() -> Ed25519Key {
    Ed25519Key::from_seed(&[7; 32]).unwrap()
}

fn lookup(sub: &str, kid: &str) -> Option<[u8; 32]> {
    (sub == SUB && kid == "k1").then(|| key().public())
}

fn good() -> String {
    sign(&key(), SUB, "k1", T, T + 300, BODY, None)
}

fn check(header: &str, now: i64) -> Result<(), AuthError> {
    verify(header, BODY, now, 5, lookup).map(|_| ())
}

#[test]
fn a_good_header_is_accepted_in_every_lawful_spelling() {
    let header = good();
    let verified = verify(&header, BODY, T + 1, 5, lookup).unwrap();
    assert_eq!((verified.subscriber.as_str(), verified.key_id.as_str(), verified.created, verified.expires), (SUB, "k1", T, T + 300));
    assert_eq!(signature_of(&header).unwrap(), verified.signature);
    for same in [header.replacen("Signature ", "", 1), header.replace("\",", "\", "), header.replace(&format!("\"{T}\""), &T.to_string())] {
        assert_eq!(check(&same, T), Ok(()), "{same}");
    }
    // created exactly at the skew, expires exactly now.
    assert_eq!(check(&header, T - 5), Ok(()));
    assert_eq!(check(&header, T + 300), Ok(()));
}

#[test]
fn the_other_digest_label_is_accepted_and_never_written() {
    let digest = base64_encode(&blake2b_512(BODY));
    let text = format!("(created): {T}\n(expires): {}\ndigest: BLAKE2b-512={digest}", T + 300);
    let (head, _) = good().rsplit_once("signature=").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let header = format!("{head}signature=\"{}\"", base64_encode(&key().sign(text.as_bytes())));
    assert_eq!(check(&header, T), Ok(()));
    let unlabelled = text.replace("BLAKE2b-512=", "");
    let header = format!("{head}signature=\"{}\"", base64_encode(&key().sign(unlabelled.as_bytes())));
    assert_eq!(check(&header, T).unwrap_err().code, code::AUT_SIGNATURE_INVALID);
}

#[test]
fn everything_else_is_refused_with_its_code() {
    let header = good();
    let swap = |from: &str, to: &str| {
        assert!(header.contains(from), "{from}");
        header.replacen(from, to, 1)
    };
    let sig = code::AUT_SIGNATURE_INVALID;
    for (header, code, why) in [
        (swap("algorithm=\"ed25519\"", "algorithm=\"hs2019\""), sig, "algorithm"),
        (swap("algorithm=\"ed25519\",", ""), sig, "algorithm is missing"),
        (swap("|k1|ed25519", "|k1"), sig, "keyId"),
        (swap("|k1|ed25519", "|a|k1|ed25519"), sig, "keyId"),
        (swap("|k1|ed25519", "|k1|rsa"), sig, "keyId"),
        (swap("|k1|", "||"), sig, "keyId"),
        (swap("|k1|", "|k2|"), code::AUT_KEY_EXPIRED_OR_REVOKED, "no valid key k2"),
        (swap("keyId=", "keyid="), sig, "not known"),
        (format!("{header},created=\"{T}\""), sig, "created stands twice"),
        (format!("{header},extra=\"1\""), sig, "not known"),
        (format!("{header} "), sig, "commas"),
        (format!("{header},"), sig, "without a value"),
        (swap("(created) (expires) digest", "(created) digest"), sig, "headers must be"),
        (swap("(created) (expires) digest", "(expires) (created) digest"), sig, "headers must be"),
        (swap("digest\"", "digest request-signature\""), sig, "bound to a request"),
        (swap(&format!("created=\"{T}\""), "created=\"now\""), sig, "Unix seconds"),
        (swap(&format!("created=\"{T}\""), "created=\"-1\""), sig, "Unix seconds"),
        (swap(&format!("created=\"{T}\""), &format!("created=\"{}\"", T - 1)), sig, "does not fit"),
        (swap(&format!("expires=\"{}\"", T + 300), &format!("expires=\"{}\"", T + 301)), sig, "does not fit"),
        (swap("signature=\"", "signature=\"AAAA"), sig, "64 octets"),
        ("".into(), sig, "without a value"),
        ("Signature".into(), sig, "without a value"),
        ("Signature keyId=\"x".into(), sig, "not closed"),
        (format!("Bearer {}", &header["Signature ".len()..]), sig, "not known"),
        ("x".repeat(MAX_HEADER_BYTES + 1), sig, "at most"),
    ] {
        let error = check(&header, T).expect_err(&header);
        assert_eq!(error.code, code, "{header}: {error}");
        assert!(error.message.contains(why), "{header}: {error}");
    }
}

#[test]
fn time_and_body_bind() {
    let header = good();
    assert_eq!(check(&header, T + 301).unwrap_err().code, code::CTX_TTL_EXPIRED);
    let ahead = check(&header, T - 6).unwrap_err();
    assert!(ahead.message.contains("6 s ahead"), "{ahead}");
    assert!(verify(&header, b"{\"a\":2}", T, 5, lookup).is_err());
    assert!(verify(&header, b"{\"a\":1}\n", T, 5, lookup).is_err());
    let stranger = Ed25519Key::from_seed(&[8; 32]).unwrap();
    assert!(verify(&header, BODY, T, 5, |_, _| Some(stranger.public())).is_err());
    for (created, expires) in [(T, T), (T, T - 1), (T, T + 3601)] {
        let header = sign(&key(), SUB, "k1", created, expires, BODY, None);
        assert!(check(&header, T - 1).is_err(), "{created} {expires}");
    }
}

#[test]
fn a_reply_is_bound_to_its_request() {
    let request = signature_of(&good()).unwrap();
    let reply = sign(&key(), SUB, "k1", T + 1, T + 301, BODY, Some(&request));
    assert_eq!((is_reply(&reply), is_reply(&good())), (Ok(true), Ok(false)));
    assert!(verify_reply(&reply, BODY, &request, T + 1, 5, lookup).is_ok());
    assert!(verify_reply(reply.strip_prefix("Signature ").unwrap(), BODY, &request, T + 1, 5, lookup).is_ok());
    let foreign = signature_of(&sign(&key(), SUB, "k1", T, T + 300, b"other", None)).unwrap();
    assert!(verify_reply(&reply, BODY, &foreign, T + 1, 5, lookup).is_err(), "foreign request");
    assert!(verify_reply(&good(), BODY, &request, T + 1, 5, lookup).is_err(), "three lines do not bind");
    assert!(verify(&reply, BODY, T + 1, 5, lookup).is_err(), "four lines need their request");
}

#[test]
fn any_header_is_parsed_without_panic() {
    let seed = good().into_bytes();
    let mut state = 1_u32;
    for _ in 0..20_000 {
        let mut bytes = seed.clone();
        for _ in 0..2 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = (state >> 4) as usize % bytes.len();
            bytes[at] = (state >> 25) as u8;
        }
        if bytes != seed && bytes.iter().zip(&seed).skip(10).any(|(a, b)| a != b && !b" ".contains(a)) {
            let text = String::from_utf8(bytes).unwrap();
            assert!(verify(&text, BODY, T, 5, lookup).is_err(), "{text}");
        }
    }
}

#[test]
fn the_challenge_names_the_realm() {
    assert_eq!(challenge("a"), "Signature realm=\"a\",headers=\"(created) (expires) digest\"");
}
