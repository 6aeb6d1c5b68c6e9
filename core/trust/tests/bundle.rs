//! The trust bundle (R26), the key store and the replay guard.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bridge_ies::{Role, Timestamp, Verb};
use bridge_trust::{
    AgeLimits, BUNDLE_SCHEMA, BundleAge, BundleAuthority, BundleContent, BundleKey, BundleParty, Ed25519Key, Error, Es256Key, KeyStore,
    KeyUse, MAX_ENTRIES, MAX_ENTRIES_PER_SUBSCRIBER, PublicKey, ReplayGuard, Seen, TrustBundle, base64_encode, read_ed25519_file,
    sign_bundle, write_ed25519_file,
};
use serde_json::Value;

const NOW: i64 = 1_795_336_391_000_000_000;
const DAY: i64 = 86_400_000_000_000;
const SLDC: &str = "did:web:sldc.state.example";
const KID: &str = "did:web:sldc.state.example#key-0";
const U1: &str = "did:web:ies.genco.example:assets:generating-unit:U1";

fn officer(n: u8) -> Ed25519Key {
    Ed25519Key::from_seed(&[n; 32]).unwrap()
}

fn officers() -> Vec<[u8; 32]> {
    (1..=3).map(|n| officer(n).public()).collect()
}

fn key(kid: &str, alg: &str, usage: KeyUse, public: &[u8]) -> BundleKey {
    BundleKey {
        kid: kid.into(),
        alg: alg.into(),
        usage,
        public: base64_encode(public),
        not_before: Timestamp(NOW - DAY),
        not_after: Timestamp(NOW + 40 * DAY),
    }
}

fn content() -> BundleContent {
    let party = BundleParty {
        did: SLDC.into(),
        name: Some("State LDC".into()),
        roles: vec![Role::Sldc],
        keys: vec![
            key("k1", "Ed25519", KeyUse::Beckn, &officer(10).public()),
            key(KID, "ES256", KeyUse::Content, &Es256Key::from_scalar(&[11; 32]).unwrap().public_sec1()),
            key("log", "Ed25519", KeyUse::Log, &officer(12).public()),
        ],
    };
    let authority = |verbs: Vec<Verb>, eras: &[&str]| BundleAuthority {
        party: SLDC.into(),
        role: Role::Sldc,
        verbs,
        eras: eras.iter().map(|e| (*e).to_owned()).collect(),
    };
    BundleContent {
        schema: BUNDLE_SCHEMA.into(),
        version: 5,
        issued_at: Timestamp(NOW),
        expires_at: None,
        parties: vec![party],
        authorities: vec![authority(vec![Verb::Dispatch], &[U1]), authority(vec![Verb::Report], &["did:web:ies.genco.example:assets:*"])],
    }
}

fn load(bytes: &[u8]) -> Result<TrustBundle, Error> {
    TrustBundle::load(bytes, &officers(), None, NOW)
}

fn signed(content: &BundleContent) -> Vec<u8> {
    sign_bundle(content, &[&officer(1), &officer(2)]).unwrap()
}

fn bundle() -> TrustBundle {
    load(&signed(&content())).unwrap()
}

fn refusal(result: Result<TrustBundle, Error>) -> String {
    result.expect_err("must be refused").to_string()
}

#[test]
fn r26_a_bundle_needs_two_distinct_configured_officers() {
    assert_eq!(bundle().version(), 5);
    let edit = |change: fn(&mut Vec<Value>)| {
        let mut value: Value = serde_json::from_slice(&signed(&content())).unwrap();
        change(value["signatures"].as_array_mut().unwrap());
        serde_json::to_vec(&value).unwrap()
    };
    assert!(refusal(load(&edit(|s| s.truncate(1)))).contains("signed by 1"));
    assert!(refusal(load(&edit(|s| s[1] = s[0].clone()))).contains("signed by 1"), "one officer twice");
    assert!(refusal(load(&edit(|s| s.clear()))).contains("signed by 0"));
    assert!(refusal(load(&edit(|s| s[1] = "x".into()))).contains("must be {officer, sig}"));
    // A stranger's valid signature does not count, one's own officer's bad one is an alarm.
    let strangers = sign_bundle(&content(), &[&officer(1), &officer(99)]).unwrap();
    assert!(refusal(load(&strangers)).contains("signed by 1"));
    assert!(refusal(load(&edit(|s| s[1]["sig"] = s[0]["sig"].clone()))).contains("does not fit"));
    assert!(sign_bundle(&content(), &[&officer(1), &officer(1)]).is_err());
    assert!(sign_bundle(&content(), &[&officer(1)]).is_err());
}

#[test]
fn r26_any_change_of_the_content_is_noticed() {
    let mut value: Value = serde_json::from_slice(&signed(&content())).unwrap();
    value["authorities"][0]["eras"][0] = "did:web:ies.genco.example:assets:generating-unit:U2".into();
    assert!(refusal(load(&serde_json::to_vec(&value).unwrap())).contains("does not fit"));
    // Spelling is not content: canonical form is signed.
    let mut value: Value = serde_json::from_slice(&signed(&content())).unwrap();
    value.as_object_mut().unwrap().sort_keys();
    assert!(load(value.to_string().as_bytes()).is_ok());
}

#[test]
fn r26_a_roll_back_is_refused() {
    let bytes = signed(&content());
    assert!(TrustBundle::load(&bytes, &officers(), Some(5), NOW).is_ok());
    assert!(TrustBundle::load(&bytes, &officers(), Some(4), NOW).is_ok());
    assert!(refusal(TrustBundle::load(&bytes, &officers(), Some(6), NOW)).contains("roll-back"));
    assert!(refusal(TrustBundle::load(&bytes, &officers(), None, NOW - 6 * 60_000_000_000)).contains("future"));
}

#[test]
fn r26_content_that_does_not_hold_together_is_refused_even_if_signed() {
    type Break = (fn(&mut BundleContent), &'static str);
    let broken: [Break; 6] = [
        (|c| c.parties.extend_from_within(..1), "stands twice"),
        (|c| c.parties[0].keys.extend_from_within(..1), "stands twice"),
        (|c| c.parties[0].keys[0].public = "AAAA".into(), "no Ed25519 key"),
        (|c| c.parties[0].keys[1].alg = "Ed25519".into(), "no Ed25519 key"),
        (|c| c.authorities[0].party = "did:web:nobody.example".into(), "no party"),
        (|c| c.authorities[0].eras = vec!["*".into()], "must be an address"),
    ];
    for (change, why) in broken {
        let mut content = content();
        change(&mut content);
        let error = sign_bundle(&content, &[&officer(1), &officer(2)]).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let mut other = content();
    other.schema = "ies-trust/2".into();
    assert!(refusal(load(&signed(&other))).contains("schema"));
}

#[test]
fn r26_age_escalates_and_ends() {
    let bundle = bundle();
    assert_eq!(bundle.age(NOW - DAY), BundleAge::Fresh);
    assert_eq!(bundle.age(NOW + 7 * DAY - 1), BundleAge::Fresh);
    assert_eq!(bundle.age(NOW + 7 * DAY), BundleAge::Stale(7));
    assert_eq!(bundle.age(NOW + 29 * DAY + 5), BundleAge::Stale(29));
    assert_eq!(bundle.age(NOW + 30 * DAY), BundleAge::Stale(30));
    assert_eq!(bundle.age(NOW + 30 * DAY + 1), BundleAge::Dead);
    // Stale still works, dead gives no key.
    assert!(bundle.beckn_key(SLDC, "k1", NOW + 29 * DAY).is_some());
    assert!(bundle.beckn_key(SLDC, "k1", NOW + 31 * DAY).is_none());
    let short = bundle.with_limits(AgeLimits { stale_after: Duration::from_hours(1), dead_after: Duration::from_hours(2) });
    assert_eq!(short.age(NOW + 7_200_000_000_001), BundleAge::Dead);
    let mut content = content();
    content.expires_at = Some(Timestamp(NOW + DAY));
    assert_eq!(load(&signed(&content)).unwrap().age(NOW + DAY + 1), BundleAge::Dead);
}

#[test]
fn keys_are_found_by_party_name_use_and_time() {
    let mut bundle = bundle();
    assert_eq!(bundle.beckn_key(SLDC, "k1", NOW), Some(officer(10).public()));
    assert_eq!(bundle.content_key(KID, NOW), Some(Es256Key::from_scalar(&[11; 32]).unwrap().public_sec1()));
    assert_eq!(bundle.log_keys(SLDC, NOW), [officer(12).public()]);
    assert_eq!(bundle.key(SLDC, "k1", KeyUse::Log, NOW), None, "a key has one use");
    assert_eq!(bundle.key(SLDC, "log", KeyUse::Log, NOW), Some(PublicKey::Ed25519(officer(12).public())));
    assert_eq!(bundle.beckn_key("did:web:other.example", "k1", NOW), None);
    assert_eq!(bundle.beckn_key(SLDC, "k1", NOW - DAY - 1), None, "not yet valid");
    assert_eq!(bundle.content_key("key-0", NOW), None);
    bundle.revoke(SLDC, "k1");
    assert_eq!(bundle.beckn_key(SLDC, "k1", NOW), None);
}

#[test]
fn r26_authority_is_what_is_listed_and_nothing_else() {
    let bundle = bundle();
    assert!(bundle.authorised(SLDC, Role::Sldc, Verb::Dispatch, U1));
    for (party, role, verb, era) in [
        (SLDC, Role::Sldc, Verb::Dispatch, "did:web:ies.genco.example:assets:generating-unit:U2"),
        (SLDC, Role::Sldc, Verb::Dispatch, "did:web:ies.genco.example:assets:generating-unit:U11"),
        (SLDC, Role::Sldc, Verb::Alarm, U1),
        (SLDC, Role::Rldc, Verb::Dispatch, U1),
        ("did:web:other.example", Role::Sldc, Verb::Dispatch, U1),
        (SLDC, Role::Sldc, Verb::Report, "did:web:ies.genco.example:assetsx:U1"),
        (SLDC, Role::Sldc, Verb::Report, "did:web:ies.genco.example:assets:"),
    ] {
        assert!(!bundle.authorised(party, role, verb, era), "{party} {role} {verb} {era}");
    }
    assert!(bundle.authorised(SLDC, Role::Sldc, Verb::Report, U1));
    assert!(bundle.has_role(SLDC, Role::Sldc) && !bundle.has_role(SLDC, Role::Nldc));
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bridge-trust-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn init(dir: &Path) -> Result<KeyStore, Error> {
    let mut next = 0_u8;
    KeyStore::init(dir, &mut |octets: &mut [u8]| {
        next += 1;
        octets.fill(next);
    })
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn keys_are_kept_in_private_files_and_come_back() {
    let folder = Folder::new("keys");
    let made = init(&folder.0).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&folder.0), 0o700);
    for name in ["log.key", "beckn.key", "content.key"] {
        assert_eq!(mode(&folder.0.join(name)), 0o600, "{name}");
    }
    let loaded = KeyStore::load(&folder.0).unwrap();
    assert_eq!(loaded.show(), made.show());
    assert_eq!(loaded.log().public(), Ed25519Key::from_seed(&[1; 32]).unwrap().public());
    assert_eq!(loaded.beckn().public(), Ed25519Key::from_seed(&[2; 32]).unwrap().public());
    assert_eq!(loaded.content().public_sec1(), Es256Key::from_scalar(&[3; 32]).unwrap().public_sec1());
    let shown = format!("{loaded:?}{}", loaded.show());
    for secret in [[1_u8; 32], [2; 32], [3; 32]] {
        assert!(!shown.contains(&base64_encode(&secret)), "no secret is shown");
    }
    assert!(matches!(init(&folder.0), Err(Error::Exists { .. })), "keys are never overwritten");
}

#[test]
fn wide_permissions_are_refused_by_name_with_the_fix() {
    let folder = Folder::new("modes");
    init(&folder.0).unwrap();
    for name in ["log.key", "beckn.key", "content.key"] {
        let path = folder.0.join(name);
        for mode in [0o640, 0o604, 0o620] {
            chmod(&path, mode);
            let error = KeyStore::load(&folder.0).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("chmod 0600"), "{error}");
        }
        chmod(&path, 0o600);
    }
    chmod(&folder.0, 0o750);
    assert!(KeyStore::load(&folder.0).unwrap_err().to_string().contains("chmod 0700"));
    chmod(&folder.0, 0o700);
    assert!(KeyStore::load(&folder.0).is_ok());
}

#[test]
fn files_that_hold_no_key_are_named() {
    let folder = Folder::new("broken");
    init(&folder.0).unwrap();
    let path = folder.0.join("content.key");
    for text in
        ["", "ies-key/1 ed25519\nAQ==\n", "ies-key/1 p256\nAQ==\n", "ies-key/1 p256\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"]
    {
        std::fs::write(&path, text).unwrap();
        let error = KeyStore::load(&folder.0).unwrap_err();
        assert!(matches!(error, Error::KeyFile { .. }) && error.to_string().contains("content.key"), "{error}");
    }
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(KeyStore::load(&folder.0), Err(Error::Io { .. })));
}

#[test]
fn an_officer_key_is_one_file() {
    let folder = Folder::new("officer");
    std::fs::create_dir(&folder.0).unwrap();
    let path = folder.0.join("officer.key");
    write_ed25519_file(&path, &[9; 32]).unwrap();
    assert_eq!(read_ed25519_file(&path).unwrap().public(), officer(9).public());
    assert!(matches!(write_ed25519_file(&path, &[9; 32]), Err(Error::Exists { .. })));
}

#[test]
fn replays_are_told_from_retries_and_survive_a_restart() {
    let mut guard = ReplayGuard::new();
    assert_eq!(guard.check("a", "m1", [1; 32], NOW + DAY, NOW), Seen::New);
    assert_eq!(guard.check("a", "m1", [1; 32], NOW + DAY, NOW), Seen::SameBytes);
    assert_eq!(guard.check("a", "m1", [2; 32], NOW + DAY, NOW), Seen::Different);
    assert_eq!(guard.check("b", "m1", [2; 32], NOW + 2, NOW), Seen::New, "names are per subscriber");
    let mut restarted = ReplayGuard::new();
    for entry in guard.entries() {
        assert!(restarted.restore(entry));
    }
    assert_eq!(restarted, guard);
    assert_eq!(restarted.check("a", "m1", [2; 32], NOW + DAY, NOW), Seen::Different);
    restarted.purge(NOW + 3);
    assert_eq!(restarted.len(), 1, "only the expired entry went");
    assert_eq!(restarted.check("a", "m1", [1; 32], NOW + DAY, NOW), Seen::SameBytes);
}

#[test]
fn the_guard_is_bounded_and_one_subscriber_cannot_crowd_out_others() {
    let mut guard = ReplayGuard::new();
    for n in 0..MAX_ENTRIES_PER_SUBSCRIBER {
        assert_eq!(guard.check("flood", &n.to_string(), [0; 32], NOW + 10, NOW), Seen::New);
    }
    assert_eq!(guard.check("flood", "one more", [0; 32], NOW + 10, NOW), Seen::Full);
    assert_eq!(guard.check("flood", "0", [0; 32], NOW + 10, NOW), Seen::SameBytes, "what is known stays known");
    assert_eq!(guard.check("calm", "m", [0; 32], NOW + 10, NOW), Seen::New);
    assert_eq!(guard.check("flood", "one more", [0; 32], NOW + 20, NOW + 11), Seen::New, "expired entries make room");
    for subscriber in 0..=MAX_ENTRIES / MAX_ENTRIES_PER_SUBSCRIBER {
        for n in 0..MAX_ENTRIES_PER_SUBSCRIBER {
            guard.check(&format!("s{subscriber}"), &n.to_string(), [0; 32], NOW + DAY, NOW + 11);
        }
    }
    assert_eq!(guard.len(), MAX_ENTRIES);
    assert_eq!(guard.check("newcomer", "m", [0; 32], NOW + DAY, NOW + 11), Seen::Full);
    assert_eq!(guard.check("x", &"m".repeat(513), [0; 32], NOW + DAY, NOW + 2 * DAY), Seen::Full, "names are bounded");
}
