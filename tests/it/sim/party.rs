//! The parties of the world: their keys, the papers they know each other by, and their settings.

use std::time::Duration;

use bridge_engine::{Identity, Operator, Pace, Peer, Settings};
use bridge_ies::{Role, Timestamp, Verb};
use bridge_model::Now;
use bridge_trust::{
    BUNDLE_SCHEMA, BundleAuthority, BundleContent, BundleKey, BundleParty, Ed25519Key, Es256Key, KeyUse, TrustBundle, base64_encode,
    sign_bundle,
};

pub(crate) const GENCO: usize = 0;
pub(crate) const SLDC: usize = 1;
/// A third party, without a bridge in this world.
pub(crate) const REMC: usize = 2;
pub(crate) const DIDS: [&str; 3] = ["did:web:genco.example", "did:web:sldc.example", "did:web:remc.example"];
pub(crate) const NAMES: [&str; 3] = ["genco", "sldc", "remc"];
const ROLES: [Role; 3] = [Role::Genco, Role::Sldc, Role::Remc];
pub(crate) const NETWORK: &str = "indiaenergystack.in/test-ies-der-integration-network";
pub(crate) const CONTRACT: &str = "0192f0a4-0000-7000-8000-00000000c001";

fn seeds(party: usize) -> ([u8; 32], [u8; 32], [u8; 32]) {
    let byte = u8::try_from(party).expect("few parties") * 16 + 1;
    ([byte; 32], [byte + 1; 32], [byte + 2; 32])
}

pub(crate) fn log_seed(party: usize) -> [u8; 32] {
    seeds(party).0
}

pub(crate) fn origin(party: usize) -> String {
    format!("{}.example/bridge/1", NAMES[party])
}

pub(crate) fn log_key(party: usize) -> [u8; 32] {
    Ed25519Key::from_seed(&log_seed(party)).expect("a seed").public()
}

pub(crate) fn identity(party: usize) -> Identity {
    let (_, beckn, content) = seeds(party);
    Identity {
        beckn: Ed25519Key::from_seed(&beckn).expect("a seed"),
        beckn_key_id: "k1".to_owned(),
        content: Es256Key::from_scalar(&content).expect("a scalar"),
        content_kid: format!("{}#key-0", DIDS[party]),
    }
}

pub(crate) fn trust(now: Now, age: Duration) -> TrustBundle {
    let from = Timestamp(now.utc.0 - 86_400_000_000_000);
    let until = Timestamp(now.utc.0 + 365 * 86_400_000_000_000);
    let parties = (0..3)
        .map(|party| {
            let identity = identity(party);
            let key = |kid: &str, alg: &str, usage, public: &[u8]| BundleKey {
                kid: kid.to_owned(),
                alg: alg.to_owned(),
                usage,
                public: base64_encode(public),
                not_before: from,
                not_after: until,
            };
            BundleParty {
                did: DIDS[party].to_owned(),
                name: None,
                roles: vec![ROLES[party]],
                keys: vec![
                    key("k1", "Ed25519", KeyUse::Beckn, &identity.beckn.public()),
                    key(&identity.content_kid, "ES256", KeyUse::Content, &identity.content.public_sec1()),
                    key("log", "Ed25519", KeyUse::Log, &log_key(party)),
                ],
            }
        })
        .collect();
    let content = BundleContent {
        schema: BUNDLE_SCHEMA.to_owned(),
        version: 1,
        issued_at: Timestamp((now.utc - age).0),
        expires_at: None,
        parties,
        authorities: [SLDC, REMC]
            .map(|party| BundleAuthority {
                party: DIDS[party].to_owned(),
                role: ROLES[party],
                verbs: vec![Verb::Dispatch, Verb::Curtail, Verb::Start, Verb::Stop, Verb::Reconfigure],
                eras: ["wr/tps-a/u1", "wr/tps-a/u2", "rj/solar-b"].map(|unit| format!("era:in/{unit}")).to_vec(),
            })
            .to_vec(),
    };
    let officers = [[201; 32], [202; 32]].map(|seed| Ed25519Key::from_seed(&seed).expect("a seed"));
    let bytes = sign_bundle(&content, &[&officers[0], &officers[1]]).expect("a bundle");
    TrustBundle::load(&bytes, &officers.map(|officer| officer.public()), None, now.utc.0).expect("a good bundle")
}

/// A party as its peers know it.
pub(crate) fn peer(party: usize) -> Peer {
    Peer {
        name: NAMES[party].to_owned(),
        did: DIDS[party].to_owned(),
        role: ROLES[party],
        uri: format!("https://{}.example", NAMES[party]),
        subscribe: false,
        origin: origin(party),
        commands_us: false,
        contract: CONTRACT.to_owned(),
    }
}

pub(crate) fn settings(party: usize) -> Settings {
    let other = 1 - party;
    Settings {
        did: DIDS[party].to_owned(),
        role: ROLES[party],
        uri: format!("https://{}.example", NAMES[party]),
        origin: origin(party),
        network: NETWORK.to_owned(),
        peers: vec![Peer { subscribe: party == SLDC, commands_us: party == GENCO, ..peer(other) }],
        hooks: Vec::new(),
        operators: vec![
            Operator { name: "asha".to_owned(), roles: vec![Role::Operator] },
            Operator { name: "guest".to_owned(), roles: vec![Role::Genco] },
        ],
        control_links: ["rtu".to_owned(), "ems".to_owned()].into(),
        pace: Pace::default(),
        clock_source: "simulated".to_owned(),
        clock_limit: Duration::from_secs(1),
        stream_silence: Duration::from_secs(3),
        journal_patience: Duration::from_secs(5),
        attest_every: Duration::from_secs(30),
        report_every: Duration::from_secs(30),
        relay_margin: Duration::from_secs(1),
        max_lag: 50_000,
        event_queue_depth: 200_000,
        skew: Duration::from_secs(5),
        config_hash: [1; 32],
        policy_hash: [2; 32],
        build_hash: [3; 32],
        lie: false,
    }
}
