//! Known answers of the standards, and frozen vectors of our own that other libraries agree with.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

use bridge_ies::parse_strict;
use bridge_trust::{
    Ed25519Key, Es256Key, base64_decode, base64_encode, beckn, blake_text, blake2b_512, jws, sha256, verify_ed25519, verify_es256,
};
use ed25519_dalek::{Signer as _, SigningKey, Verifier as _};

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().unwrap()
}

#[test]
fn rfc7693_appendix_a_blake2b_of_abc() {
    let expected = "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1\
                    7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923";
    assert_eq!(blake2b_512(b"abc"), array(expected));
}

#[test]
fn fips180_sha256_of_abc() {
    assert_eq!(sha256(b"abc"), array("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
}

/// RFC 8032 clause 7.1: secret, public, message, signature.
const RFC8032: [[&str; 4]; 3] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
];

#[test]
fn rfc8032_clause_7_1_tests_1_to_3() {
    for [secret, public, message, signature] in RFC8032 {
        let key = Ed25519Key::from_seed(&array(secret)).unwrap();
        assert_eq!(key.public(), array(public));
        assert_eq!(key.sign(&hex(message)), array::<64>(signature));
        assert!(verify_ed25519(&array(public), &hex(message), &hex(signature)));
        let mut wrong = hex(signature);
        wrong[5] ^= 1;
        assert!(!verify_ed25519(&array(public), &hex(message), &wrong));
        assert!(!verify_ed25519(&array(public), &hex(message), &wrong[..63]));
    }
}

#[test]
fn rfc6979_appendix_a_2_5_p256_sha256() {
    let key = Es256Key::from_scalar(&array("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")).unwrap();
    let public: [u8; 65] = array(
        "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
    );
    assert_eq!(key.public_sec1(), public);
    for (message, signature) in [
        (
            "sample",
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
        ),
        (
            "test",
            "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
        ),
    ] {
        assert_eq!(key.sign(message.as_bytes()), array::<64>(signature));
        // The verifier is another library than the signer.
        assert!(verify_es256(&public, message.as_bytes(), &hex(signature)));
        assert!(!verify_es256(&public, b"other", &hex(signature)));
    }
    assert_eq!(key.public_jwk()["x"], "YP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Y");
    assert_eq!(key.public_jwk()["y"], "eQP-EAi4vJmkGunpVii8ZPLxsgwtfp9Rd6PClNRGIpk");
}

#[test]
fn scalars_out_of_range_are_no_keys() {
    assert!(Es256Key::from_scalar(&[0; 32]).is_err());
    assert!(Es256Key::from_scalar(&[0xFF; 32]).is_err());
}

#[test]
fn secrets_are_not_printed() {
    let seed: [u8; 32] = array(RFC8032[0][0]);
    let texts = [format!("{:?}", Ed25519Key::from_seed(&seed).unwrap()), format!("{:?}", Es256Key::from_scalar(&seed).unwrap())];
    for text in texts {
        assert!(!text.contains(&base64_encode(&seed)) && !text.to_lowercase().contains("9d61b1"), "{text}");
        assert!(text.contains("public"));
    }
}

const BODY: &[u8] = br#"{"context":{"action":"update"},"message":{}}"#;
const ANSWER: &[u8] = br#"{"message":{"status":"ACK","messageId":"0192f0a4-7c1e-7b52-9f10-2a6f0c1d2001"}}"#;
const BODY_DIGEST: &str = "0odsYmyLQm1KfN966CqAYNO0sfSahoJLh600IE/2qv19RW3TY3Pa1zriBRXRQKdiobIDFXXIDMip+68xUvAFmg==";
const ANSWER_DIGEST: &str = "92BLL05s4NL97iQbyJdMobLHrsEL0KQHysgfPdmBIXn8tmJLEPRHKodvFkG3hjVPh25kx4fn8JmK0xujwZ3bdA==";
const REQUEST_SIGNATURE: &str = "pDM27rhw7OSNbvTk5t5/uO55t7STYLLaK/kmleNw1DjdSKi3AIP4pRjnIIfEFBAXz9kpPH8fPnO7rT58TkT/Dw==";
const ANSWER_SIGNATURE: &str = "BVW8KBv+uWfV1Cr9sb/mdj8oTZ0cGcej5/8EEQREfuGoRRmdxE1cgkcH/YkGvCenhuVcSBmEjJbqJ2WjKfBGDw==";

/// The frozen vector over the Beckn signing string. It was made by two other implementations (BLAKE2b and Ed25519 of another language's
/// standard and cryptographic libraries); a third, `ed25519-dalek`, signs it again here.
#[test]
fn the_beckn_signing_string_vector() {
    let seed: [u8; 32] = array(RFC8032[0][0]);
    let key = Ed25519Key::from_seed(&seed).unwrap();
    assert_eq!(blake_text(BODY), format!("BLAKE-512={BODY_DIGEST}"));
    let header = beckn::sign(&key, "did:web:sldc.state.example", "k1", 1_795_336_391, 1_795_336_691, BODY, None);
    let expected = format!(
        "Signature keyId=\"did:web:sldc.state.example|k1|ed25519\",algorithm=\"ed25519\",created=\"1795336391\",expires=\"1795336691\",\
         headers=\"(created) (expires) digest\",signature=\"{REQUEST_SIGNATURE}\""
    );
    assert_eq!(header, expected);
    let answer = beckn::sign(&key, "did:web:sldc.state.example", "k1", 1_795_336_392, 1_795_336_692, ANSWER, Some(REQUEST_SIGNATURE));
    assert!(answer.contains("headers=\"(created) (expires) digest request-signature\""));
    assert!(answer.ends_with(&format!("signature=\"{ANSWER_SIGNATURE}\"")), "{answer}");

    let three = format!("(created): 1795336391\n(expires): 1795336691\ndigest: BLAKE-512={BODY_DIGEST}");
    let four =
        format!("(created): 1795336392\n(expires): 1795336692\ndigest: BLAKE-512={ANSWER_DIGEST}\nrequest-signature: {REQUEST_SIGNATURE}");
    let second = SigningKey::from_bytes(&seed);
    for (text, signature) in [(&three, REQUEST_SIGNATURE), (&four, ANSWER_SIGNATURE)] {
        assert_eq!(base64_encode(&second.sign(text.as_bytes()).to_bytes()), signature);
        let parsed = ed25519_dalek::Signature::from_slice(&base64_decode(signature).unwrap()).unwrap();
        assert!(second.verifying_key().verify(text.as_bytes(), &parsed).is_ok());
        let with_newline = format!("{text}\n");
        assert!(second.verifying_key().verify(with_newline.as_bytes(), &parsed).is_err(), "no line feed at the end");
    }
}

/// The frozen vector over one operation: canonical form, digest, detached JWS. Deterministic, so any change of canonicalisation,
/// header or signing input shows here.
#[test]
fn the_operation_signature_vector() {
    let key = Es256Key::from_scalar(&array("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")).unwrap();
    let mut op =
        parse_strict(br#"{"issuer":{"partyId":"did:web:a.example"},"verb":"alarm","value":210.0,"@type":"GridOperation"}"#).unwrap();
    jws::sign(&mut op, &key, "did:web:a.example#key-0", None).unwrap();
    let payload = br#"{"@type":"GridOperation","issuer":{"partyId":"did:web:a.example"},"value":210,"verb":"alarm"}"#;
    let digest = format!("sha-256={}", base64_encode(&sha256(payload)));
    assert_eq!(op["provenance"]["digest"], digest.as_str());
    let protected = "eyJhbGciOiJFUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il0sImtpZCI6ImRpZDp3ZWI6YS5leGFtcGxlI2tleS0wIn0";
    let input = [protected.as_bytes(), b".", payload].concat();
    let jws_text = op["provenance"]["jws"].as_str().unwrap();
    let (head, signature) = jws_text.split_once("..").unwrap();
    assert_eq!(head, protected);
    assert_eq!(signature, "l4-jKw0a-ckdu71W-FxEzUY56fBqGj-75qsJFOwzLje087M1DXY-2JknxhxCqJHncecQawtrHwbbszHbNb4_bw");
    let raw = key.sign(&input);
    let standard = base64_encode(&raw).replace('+', "-").replace('/', "_");
    assert_eq!(signature, standard.trim_end_matches('='));
    let verified = jws::verify(&op, |kid| (kid == "did:web:a.example#key-0").then(|| key.public_sec1())).unwrap();
    assert_eq!((verified.kid.as_str(), verified.digest), ("did:web:a.example#key-0", digest));
}
