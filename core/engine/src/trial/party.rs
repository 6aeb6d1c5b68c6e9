//! Who speaks in a test: this bridge, its peers, their test keys and the bundle that two test officers signed.

use std::collections::BTreeSet;
use std::time::Duration;

use bridge_ies::beckn::{Context, Envelope, Performance, VERSION};
use bridge_ies::{CONTEXT_URL, Quantity, Role, SPEC_VERSION, Span, Timestamp, Verb, format_time};
use bridge_model::Now;
use bridge_profile::{ControlKind, GivenKind, Plan, PointSource, TestCase, parse_duration};
use bridge_session::{DoorRequest, Field, Fields};
use bridge_trust::{
    BUNDLE_SCHEMA, BundleAuthority, BundleContent, BundleKey, BundleParty, Ed25519Key, Error, Es256Key, KeyUse, TrustBundle, base64_encode,
    sign_bundle,
};
use serde_json::{Value, json};

use crate::core::Identity;
use crate::recorder::Pace;
use crate::settings::{Peer, Settings};

/// The seed of this bridge's log key: keys of tests are no secrets.
pub(super) const LOG_SEED: [u8; 32] = [7; 32];
/// The person who answers in a test.
pub(super) const TEST_OPERATOR: &str = "test-operator";
const OUR_DID: &str = "did:web:bridge.example";
const NETWORK: &str = "example.in/test-network";
const CONTRACT: &str = "0192f0a4-0000-7000-8000-00000000c001";
/// Who commands if the test does not say.
const DEFAULT_ISSUER: &str = "sldc";
/// How long an operation of a test may be executed, unless it says `valid_for`.
const VALID_FOR: Duration = Duration::from_secs(60);
/// Longer than any test: nothing falls silent unless the test says so.
const NEVER: Duration = Duration::from_secs(30 * 86_400);

/// The parties of a test.
pub(super) struct Cast {
    pub(super) peers: Vec<Peer>,
    /// The peer that hears our stream, alarms and logs.
    pub(super) observer: usize,
    role: Role,
    /// Who gave which curtailment, oldest first.
    caps: Vec<(String, String)>,
}

/// This bridge's keys.
pub(super) fn own_identity() -> Result<Identity, Error> {
    identity(0, OUR_DID)
}

/// The keys of a party: 0 is this bridge, then its peers in order.
fn identity(party: usize, did: &str) -> Result<Identity, Error> {
    let byte = u8::try_from(party % 64).unwrap_or(0) + 64;
    Ok(Identity {
        beckn: Ed25519Key::from_seed(&[byte; 32])?,
        beckn_key_id: "k1".to_owned(),
        content: Es256Key::from_scalar(&[byte; 32])?,
        content_kid: format!("{did}#key-0"),
    })
}

impl Cast {
    pub(super) fn new(plan: &Plan, test: &TestCase) -> Result<Self, String> {
        let sources = plan.points.iter().filter_map(|point| match &point.source {
            PointSource::Remote { peer, .. } => Some(peer.clone()),
            PointSource::Link(_) | PointSource::Calculated => None,
        });
        let relays = plan.controls.iter().filter_map(|control| match &control.kind {
            ControlKind::Relay(relay) => Some(relay.peer.clone()),
            ControlKind::Ask(ask) => Some(ask.peer.clone()),
            ControlKind::Drive(_) | ControlKind::Instruct(_) | ControlKind::Companion(_) => None,
        });
        let read: BTreeSet<String> = sources.chain(relays).chain(plan.peers.iter().map(|peer| peer.name.clone())).collect();
        let mut issuers = BTreeSet::new();
        for given in &test.given {
            if let GivenKind::Operation { fields, .. } = &given.what {
                issuers.insert(issuer(fields)?.to_owned());
            }
        }
        if issuers.is_empty() {
            issuers.insert(DEFAULT_ISSUER.to_owned());
        }
        let names: BTreeSet<&String> = read.union(&issuers).collect();
        let peers: Vec<Peer> = names
            .into_iter()
            .map(|name| Peer {
                name: name.clone(),
                did: format!("did:web:{name}.example"),
                role: Role::parse(&name.to_ascii_uppercase()).unwrap_or(if issuers.contains(name) { Role::Sldc } else { Role::Genco }),
                uri: format!("https://{name}.example"),
                subscribe: read.contains(name),
                origin: format!("{name}.example/bridge/1"),
                commands_us: issuers.contains(name),
                contract: CONTRACT.to_owned(),
            })
            .collect();
        let observer = peers.iter().position(|peer| peer.commands_us).unwrap_or(0);
        let drives = plan.controls.iter().any(|control| matches!(control.kind, ControlKind::Drive(_) | ControlKind::Instruct(_)));
        Ok(Self { peers, observer, role: if drives || plan.served.is_empty() { Role::Genco } else { Role::Sldc }, caps: Vec::new() })
    }

    /// Every party that commands us shows that it hears us.
    pub(super) fn confirm(&self, bridge: &mut crate::bridge::Bridge, now: Now) {
        for peer in self.peers.iter().filter(|peer| peer.commands_us) {
            let request = DoorRequest {
                id: 0,
                action: "stream/ack".to_owned(),
                authorization: String::new(),
                tls_identity: Some(peer.did.clone()),
                body: br#"{"id":"0"}"#.to_vec(),
                received: now,
            };
            bridge.handle_north(bridge_session::Inbound::Door(request), now);
        }
    }

    pub(super) fn settings(&self, plan: &Plan) -> Settings {
        Settings {
            did: OUR_DID.to_owned(),
            role: self.role,
            uri: "https://bridge.example".to_owned(),
            origin: "bridge.example/bridge/1".to_owned(),
            network: NETWORK.to_owned(),
            peers: self.peers.clone(),
            hooks: Vec::new(),
            operators: vec![crate::settings::Operator { name: TEST_OPERATOR.to_owned(), roles: vec![Role::Operator] }],
            control_links: plan.links.iter().map(|link| link.spec.name.clone()).collect(),
            pace: Pace { heartbeat: Duration::from_secs(3600), ..Pace::default() },
            clock_source: "virtual".to_owned(),
            clock_limit: Duration::from_secs(1),
            stream_silence: NEVER,
            journal_patience: Duration::from_secs(5),
            attest_every: Duration::ZERO,
            report_every: Duration::ZERO,
            relay_margin: Duration::from_secs(1),
            max_lag: 50_000,
            event_queue_depth: 200_000,
            skew: Duration::from_secs(5),
            config_hash: plan.hash,
            policy_hash: [0; 32],
            build_hash: [0; 32],
            lie: false,
        }
    }

    /// The bundle in force: every issuer may dispatch every resource of the profile; the profile's own `authority` narrows that.
    pub(super) fn trust(&self, plan: &Plan, now: Now) -> Result<TrustBundle, Error> {
        let not_before = Timestamp(now.utc.0 - 86_400_000_000_000);
        let not_after = Timestamp(now.utc.0 + 86_400_000_000_000);
        let mut parties = Vec::new();
        let names = std::iter::once((OUR_DID, self.role)).chain(self.peers.iter().map(|peer| (peer.did.as_str(), peer.role)));
        for (party, (did, role)) in names.enumerate() {
            let identity = identity(party, did)?;
            let key = |kid: &str, alg: &str, usage, public: &[u8]| BundleKey {
                kid: kid.to_owned(),
                alg: alg.to_owned(),
                usage,
                public: base64_encode(public),
                not_before,
                not_after,
            };
            let keys = vec![
                key("k1", "Ed25519", KeyUse::Beckn, &identity.beckn.public()),
                key(&identity.content_kid, "ES256", KeyUse::Content, &identity.content.public_sec1()),
            ];
            parties.push(BundleParty { did: did.to_owned(), name: None, roles: vec![role], keys });
        }
        let eras: BTreeSet<String> = plan.resources.iter().map(|resource| resource.era.clone()).collect();
        let authority = |peer: &Peer| BundleAuthority {
            party: peer.did.clone(),
            role: peer.role,
            verbs: vec![Verb::Dispatch, Verb::Curtail, Verb::Start, Verb::Stop, Verb::Reconfigure],
            eras: eras.iter().cloned().collect(),
        };
        let content = BundleContent {
            schema: BUNDLE_SCHEMA.to_owned(),
            version: 1,
            issued_at: Timestamp(now.utc.0 - 1_000_000_000),
            expires_at: None,
            parties,
            authorities: self.peers.iter().filter(|peer| peer.commands_us).map(authority).collect(),
        };
        let officers = [Ed25519Key::from_seed(&[201; 32])?, Ed25519Key::from_seed(&[202; 32])?];
        let bytes = sign_bundle(&content, &[&officers[0], &officers[1]])?;
        TrustBundle::load(&bytes, &officers.map(|officer| officer.public()), None, now.utc.0)
    }

    /// A request at our door, as the issuer's bridge would have made it.
    pub(super) fn order(&mut self, plan: &Plan, verb: &str, fields: &Fields, number: u64, now: Now) -> Result<DoorRequest, String> {
        let state = match verb {
            "dispatch" | "curtail" | "reconfigure" => None,
            "start" => Some("ON"),
            "stop" => Some("OFF"),
            _ => {
                return Err(format!(
                    "`{verb}` cannot be given in a test of this version; use \"dispatch\", \"curtail\", \"reconfigure\", \"start\" or \"stop\""
                ));
            }
        };
        let noun = match verb {
            "dispatch" => "SETPOINT",
            "curtail" => "GENERATION_LIMIT",
            "reconfigure" => "SWITCHING_PLAN",
            _ => "UNIT",
        };
        let name = issuer(fields)?.to_owned();
        let place = self.peers.iter().position(|peer| peer.name == name).ok_or("no such issuer")?;
        let peer = &self.peers[place];
        let identity = identity(place + 1, &peer.did).map_err(|error| error.to_string())?;
        let mut age = Duration::ZERO;
        let mut valid_for = VALID_FOR;
        let (mut era, mut setpoint, mut basis, mut ramp, mut mode) = (None, None, None, None, "DIRECT".to_owned());
        for (key, field) in fields {
            let Field::Text(word) = field else { return Err(format!("`{key}` of an operation is text, as \"210 MW\" or \"1s\"")) };
            let duration = || parse_duration(word).ok_or_else(|| format!("`{key}`: `{word}` is no duration"));
            match key {
                "from" => {}
                "limit" | "of" | "for" | "release" | "reason" | "release_of" | "ramp" | "basis" if verb == "curtail" => {}
                "action" | "before" if verb == "reconfigure" => {}
                "era" => era = Some(plan.resources.iter().find(|r| r.key == *word).map_or_else(|| word.clone(), |r| r.era.clone())),
                "age" => age = duration()?,
                "valid_for" => valid_for = duration()?,
                "mode" => mode = word.to_ascii_uppercase(),
                "basis" => basis = Some(word.clone()),
                "ramp" => ramp = Some(quantity(key, word)?),
                other => match Quantity::parse(&other.to_ascii_uppercase()) {
                    Some(kind) if setpoint.is_none() => setpoint = Some((kind, quantity(key, word)?)),
                    Some(_) | None => return Err(format!("`{other}` is no field of an operation, or a second set-point")),
                },
            }
        }
        let era = era.ok_or("an operation needs `era`")?;
        let issued = now.utc - age;
        let id = |kind: u128| bridge_ies::uuid7(u64::try_from(issued.as_millis()).unwrap_or(0), (u128::from(number) << 8) | kind);
        let operation_id = id(1);
        let payload = match (state, setpoint) {
            _ if verb == "curtail" => {
                let own: Vec<&String> = self.caps.iter().filter(|(party, _)| *party == name).map(|(_, id)| id).collect();
                let payload = super::cap::payload(fields, issued, |which| match which {
                    "first" => own.first().map(|id| (*id).clone()),
                    "last" => own.last().map(|id| (*id).clone()),
                    _ => None,
                })?;
                if payload["releaseOf"].is_null() {
                    self.caps.push((name.clone(), operation_id.clone()));
                }
                payload
            }
            _ if verb == "reconfigure" => {
                let word = |key: &str| match fields.get(key) {
                    Some(Field::Text(word)) => Ok(word.to_ascii_uppercase()),
                    Some(Field::Int(_) | Field::Float(_) | Field::Bool(_)) | None => Err(format!("a reconfigure needs `{key}`")),
                };
                let step = json!({ "seq": 1, "element": era, "action": word("action")?, "expectBefore": word("before")? });
                json!({ "planId": id(4), "steps": [step], "onFailure": "STOP" })
            }
            (Some(state), None) => json!({ "state": state }),
            (Some(_), Some(_)) => return Err(format!("a {verb} has no set-point")),
            (None, None) => return Err("a dispatch needs a set-point, as active_power = \"210 MW\"".to_owned()),
            (None, Some((kind, (value, unit)))) => {
                let mut set = json!({ "quantity": kind.as_str(), "value": value, "unit": unit });
                if let Some(basis) = basis {
                    set["powerBasis"] = basis.into();
                }
                if let Some((value, unit)) = ramp {
                    set["ramp"] = json!({ "value": value, "unit": unit });
                }
                json!({ "setpoints": [set] })
            }
        };
        let mut operation = json!({
            "@context": CONTEXT_URL,
            "@type": "GridOperation",
            "specVersion": SPEC_VERSION,
            "verb": verb,
            "noun": noun,
            "operationId": operation_id,
            "issuedAt": format_time(issued.0),
            "validUntil": format_time((issued + valid_for).0),
            "issuer": { "partyId": peer.did, "role": peer.role, "operatorRef": "test" },
            "recipient": { "partyId": OUR_DID, "role": self.role },
            "resources": [{ "era": era, "type": "GENERATING_UNIT" }],
            "mode": mode,
            "priority": "NORMAL",
            "authority": { "basis": "GRID_CODE", "ref": format!("contract:{CONTRACT}") },
            "ack": { "required": "EXECUTION", "deadline": "PT30S" },
            "instructionCode": "TEST",
            "payload": payload,
        });
        bridge_trust::jws::sign(&mut operation, &identity.content, &identity.content_kid, None).map_err(|error| error.to_string())?;
        let body = envelope(peer, operation, (&operation_id, id(2), id(3)), now).to_bytes().map_err(|error| error.to_string())?;
        let created = now.utc.as_secs();
        let authorization =
            bridge_trust::beckn::sign(&identity.beckn, &peer.did, &identity.beckn_key_id, created, created + 60, &body, None);
        Ok(DoorRequest { id: number, action: "update".to_owned(), authorization, tls_identity: None, body, received: now })
    }
}

fn envelope(peer: &Peer, operation: Value, (id, transaction, message): (&str, String, String), now: Now) -> Envelope {
    Envelope {
        context: Context {
            network_id: NETWORK.to_owned(),
            version: VERSION.into(),
            action: "update".into(),
            bap_id: peer.did.clone(),
            bap_uri: peer.uri.clone(),
            bpp_id: OUR_DID.to_owned(),
            bpp_uri: "https://bridge.example".to_owned(),
            transaction_id: transaction,
            message_id: message,
            timestamp: Timestamp(now.utc.0),
            ttl: Span(Duration::from_secs(60)),
            try_only: None,
            schema_context: Vec::new(),
            request_digest: None,
        },
        contract_id: peer.contract.clone(),
        performance: vec![Performance { id: id.to_owned(), status: "ISSUED".into(), attributes: operation }],
    }
}

fn issuer(fields: &Fields) -> Result<&str, String> {
    match fields.get("from") {
        None => Ok(DEFAULT_ISSUER),
        Some(Field::Text(name)) => Ok(name),
        Some(Field::Int(_) | Field::Float(_) | Field::Bool(_)) => Err("`from` of an operation is a party's name".to_owned()),
    }
}

/// `210 MW` as number and unit.
pub(super) fn quantity(key: &str, text: &str) -> Result<(f64, String), String> {
    let wrong = || format!("`{key}`: `{text}` is no number with a unit, as \"210 MW\"");
    let (digits, unit) = text.trim().split_once(' ').ok_or_else(wrong)?;
    Ok((digits.parse().map_err(|_| wrong())?, unit.trim().to_owned()))
}
