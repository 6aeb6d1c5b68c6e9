//! The trust bundle (R26): parties, keys, roles and authority in one local file, signed by two officers. Control trusts nothing else;
//! on-line sources may revoke, never enable.

use std::collections::BTreeSet;
use std::time::Duration;

use bridge_ies::{Role, Timestamp, Verb, jcs, parse_strict};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::digest::{base64_array, base64_encode};
use crate::key::verify_ed25519;
use crate::{Ed25519Key, Error};

/// The schema that this version reads and writes.
pub const BUNDLE_SCHEMA: &str = "ies-trust/1";
/// Longest bundle that is read, in bytes.
pub const MAX_BUNDLE_BYTES: usize = 4 * 1024 * 1024;
/// Distinct officers that must sign (two-person change control).
pub const MIN_OFFICERS: usize = 2;
/// How far ahead of this clock a bundle may be issued.
pub const MAX_AHEAD: Duration = Duration::from_mins(5);
/// Age from which a bundle is stale by default: an alarm that escalates day by day, not a refusal.
pub const STALE_AFTER: Duration = Duration::from_hours(7 * 24);
/// Age beyond which a bundle authorises nothing by default.
pub const DEAD_AFTER: Duration = Duration::from_hours(30 * 24);

const NS_PER_DAY: u64 = 86_400_000_000_000;

/// Ages at which a bundle is stale and dead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AgeLimits {
    /// Alarm from here on.
    pub stale_after: Duration,
    /// Refuse beyond this.
    pub dead_after: Duration,
}

impl Default for AgeLimits {
    fn default() -> Self {
        Self { stale_after: STALE_AFTER, dead_after: DEAD_AFTER }
    }
}

/// How old a bundle is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BundleAge {
    /// Renewed in time.
    Fresh,
    /// Valid, but to be renewed: age in whole days, for an alarm that escalates.
    Stale(u32),
    /// Too old, or past its own `expiresAt`: authorises nothing.
    Dead,
}

/// What a key may sign.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyUse {
    /// Beckn requests and answers, Ed25519.
    Beckn,
    /// Operations, ES256.
    Content,
    /// Log checkpoints, Ed25519.
    Log,
}

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PublicKey {
    /// Ed25519, 32 octets.
    Ed25519([u8; 32]),
    /// P-256, an uncompressed point.
    Es256([u8; 65]),
}

/// A party: a company, a centre, a plant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleParty {
    /// Its DID, which is also its Beckn subscriber id.
    pub did: String,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The roles it may act in.
    pub roles: Vec<Role>,
    /// Its keys.
    pub keys: Vec<BundleKey>,
}

/// One key of a party.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BundleKey {
    /// Its name: the record id for Beckn, `did#fragment` for content, the origin for a log.
    pub kid: String,
    /// `Ed25519` or `ES256`.
    pub alg: String,
    /// What it may sign.
    #[serde(rename = "use")]
    pub usage: KeyUse,
    /// Base64: 32 octets (Ed25519), 65 (ES256, uncompressed point).
    pub public: String,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid to.
    pub not_after: Timestamp,
}

/// Who may send what to which resources.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleAuthority {
    /// The party's DID.
    pub party: String,
    /// The role it must act in.
    pub role: Role,
    /// The verbs.
    pub verbs: Vec<Verb>,
    /// The resources: an exact address, or a prefix that ends in `:*`.
    pub eras: Vec<String>,
}

/// What the officers sign.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BundleContent {
    /// Always [`BUNDLE_SCHEMA`].
    pub schema: String,
    /// Grows with every change; never goes back.
    pub version: u64,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// A hard end before the general limit, if wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Everyone known.
    pub parties: Vec<BundleParty>,
    /// Everything allowed; what is not listed is not allowed.
    pub authorities: Vec<BundleAuthority>,
}

/// A verified bundle.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustBundle {
    content: BundleContent,
    limits: AgeLimits,
    revoked: BTreeSet<(String, String)>,
}

impl TrustBundle {
    /// Reads and verifies a bundle.
    ///
    /// `officers` are the configured Ed25519 keys of those who may change trust; at least [`MIN_OFFICERS`] distinct ones must have
    /// signed. `last_version` is the highest version seen before, `None` on the first start: a lower one is a roll-back.
    ///
    /// # Errors
    /// [`Error::Bundle`] says what is wrong. A stale or dead bundle loads: see [`TrustBundle::age`].
    pub fn load(bytes: &[u8], officers: &[[u8; 32]], last_version: Option<u64>, now_ns: i64) -> Result<Self, Error> {
        if bytes.len() > MAX_BUNDLE_BYTES {
            return Err(Error::bundle(format!("{} bytes, at most {MAX_BUNDLE_BYTES} are read", bytes.len())));
        }
        let mut value = parse_strict(bytes).map_err(|e| Error::bundle(e.to_string()))?;
        let signatures = value.as_object_mut().and_then(|fields| fields.shift_remove("signatures")).unwrap_or(Value::Null);
        let signed = jcs(&value).map_err(|e| Error::bundle(e.to_string()))?;
        let valid = count_officers(&signatures, &signed, officers)?;
        if valid < MIN_OFFICERS {
            return Err(Error::bundle(format!("signed by {valid} of the configured officers, {MIN_OFFICERS} distinct ones are needed")));
        }
        let content: BundleContent = serde_json::from_value(value).map_err(|e| Error::bundle(e.to_string()))?;
        if content.schema != BUNDLE_SCHEMA {
            return Err(Error::bundle(format!("schema is {:?}, this version reads {BUNDLE_SCHEMA}", content.schema)));
        }
        if let Some(last) = last_version.filter(|last| content.version < *last) {
            return Err(Error::bundle(format!(
                "version {} is older than {last}, which was in force: refused as a roll-back",
                content.version
            )));
        }
        if content.issued_at.0 > now_ns.saturating_add(nanos(MAX_AHEAD)) {
            return Err(Error::bundle(format!("issued in the future, at {}", bridge_ies::format_time(content.issued_at.0))));
        }
        check_content(&content)?;
        Ok(Self { content, limits: AgeLimits::default(), revoked: BTreeSet::new() })
    }

    /// The same bundle with other age limits than the default 7 and 30 days.
    #[must_use]
    pub fn with_limits(self, limits: AgeLimits) -> Self {
        Self { limits, ..self }
    }

    /// Its version, to be remembered against roll-back.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.content.version
    }

    /// What it says.
    #[must_use]
    pub const fn content(&self) -> &BundleContent {
        &self.content
    }

    /// How old it is at `now_ns` (UTC).
    #[must_use]
    pub fn age(&self, now_ns: i64) -> BundleAge {
        let age_ns = u64::try_from(now_ns.saturating_sub(self.content.issued_at.0)).unwrap_or(0);
        let age = Duration::from_nanos(age_ns);
        if age > self.limits.dead_after || self.content.expires_at.is_some_and(|end| end.0 < now_ns) {
            BundleAge::Dead
        } else if age >= self.limits.stale_after {
            BundleAge::Stale(u32::try_from(age_ns / NS_PER_DAY).unwrap_or(u32::MAX))
        } else {
            BundleAge::Fresh
        }
    }

    /// The key of a party for a use, if it is valid at `at_ns` and not revoked. A dead bundle gives log keys only.
    #[must_use]
    pub fn key(&self, subscriber: &str, key_id: &str, usage: KeyUse, at_ns: i64) -> Option<PublicKey> {
        // A dead bundle gives no authority (R26), but it must not blind the screens: what a peer measured is still verified.
        if (usage != KeyUse::Log && self.age(at_ns) == BundleAge::Dead)
            || self.revoked.contains(&(subscriber.to_owned(), key_id.to_owned()))
        {
            return None;
        }
        let valid = |key: &&BundleKey| key.kid == key_id && key.usage == usage && key.not_before.0 <= at_ns && at_ns <= key.not_after.0;
        self.party(subscriber)?.keys.iter().find(valid).and_then(read_key)
    }

    /// The Ed25519 key for a Beckn header.
    #[must_use]
    pub fn beckn_key(&self, subscriber: &str, key_id: &str, at_ns: i64) -> Option<[u8; 32]> {
        match self.key(subscriber, key_id, KeyUse::Beckn, at_ns)? {
            PublicKey::Ed25519(key) => Some(key),
            PublicKey::Es256(_) => None,
        }
    }

    /// The P-256 key for an operation's `kid` (`did#fragment`).
    #[must_use]
    pub fn content_key(&self, kid: &str, at_ns: i64) -> Option<[u8; 65]> {
        let (did, _) = kid.split_once('#')?;
        match self.key(did, kid, KeyUse::Content, at_ns)? {
            PublicKey::Es256(key) => Some(key),
            PublicKey::Ed25519(_) => None,
        }
    }

    /// The log keys of a party that are valid at `at_ns`, for verifying its checkpoints.
    #[must_use]
    pub fn log_keys(&self, party: &str, at_ns: i64) -> Vec<[u8; 32]> {
        let keys = self.party(party).map(|p| p.keys.as_slice()).unwrap_or_default();
        let log = keys.iter().filter(|key| key.usage == KeyUse::Log).filter_map(|key| self.key(party, &key.kid, KeyUse::Log, at_ns));
        log.filter_map(|key| match key {
            PublicKey::Ed25519(key) => Some(key),
            PublicKey::Es256(_) => None,
        })
        .collect()
    }

    /// Whether the party may act in the role at all.
    #[must_use]
    pub fn has_role(&self, party: &str, role: Role) -> bool {
        self.party(party).is_some_and(|p| p.roles.contains(&role))
    }

    /// Whether `party`, acting in `role`, may send `verb` for the resource `era`. What no authority lists is not allowed.
    /// The age is the caller's to check: a dead bundle authorises nothing.
    #[must_use]
    pub fn authorised(&self, party: &str, role: Role, verb: Verb, era: &str) -> bool {
        self.has_role(party, role)
            && self.content.authorities.iter().any(|authority| {
                authority.party == party
                    && authority.role == role
                    && authority.verbs.contains(&verb)
                    && authority.eras.iter().any(|pattern| covers(pattern, era))
            })
    }

    /// Takes a key out of use until the next bundle. There is no inverse: on-line sources revoke, never enable.
    pub fn revoke(&mut self, party: &str, kid: &str) {
        self.revoked.insert((party.to_owned(), kid.to_owned()));
    }

    fn party(&self, did: &str) -> Option<&BundleParty> {
        self.content.parties.iter().find(|party| party.did == did)
    }
}

/// The bytes of a signed bundle file.
///
/// # Errors
/// [`Error::Bundle`] if fewer than [`MIN_OFFICERS`] distinct officers sign, or the content does not hold together.
pub fn sign_bundle(content: &BundleContent, officers: &[&Ed25519Key]) -> Result<Vec<u8>, Error> {
    check_content(content)?;
    let distinct: BTreeSet<[u8; 32]> = officers.iter().map(|officer| officer.public()).collect();
    if distinct.len() < MIN_OFFICERS {
        return Err(Error::bundle(format!("{MIN_OFFICERS} distinct officers must sign")));
    }
    let mut value = serde_json::to_value(content).map_err(|e| Error::bundle(e.to_string()))?;
    let signed = jcs(&value).map_err(|e| Error::bundle(e.to_string()))?;
    let signatures: Vec<Value> = officers
        .iter()
        .map(|officer| json!({"officer": base64_encode(&officer.public()), "sig": base64_encode(&officer.sign(&signed))}))
        .collect();
    if let Value::Object(fields) = &mut value {
        fields.insert("signatures".to_owned(), Value::Array(signatures));
    }
    serde_json::to_vec_pretty(&value).map_err(|e| Error::bundle(e.to_string()))
}

/// How many distinct configured officers signed; a signature in a configured officer's name that does not verify is an error.
fn count_officers(signatures: &Value, signed: &[u8], officers: &[[u8; 32]]) -> Result<usize, Error> {
    let list = signatures.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut valid = BTreeSet::new();
    for entry in list {
        let text = |fields: &Map<String, Value>, name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        let fields = entry.as_object().ok_or_else(|| Error::bundle("a signature must be {officer, sig}"))?;
        let officer = text(fields, "officer").and_then(|t| base64_array::<32>(&t));
        let signature = text(fields, "sig").and_then(|t| base64_array::<64>(&t));
        let (Some(officer), Some(signature)) = (officer, signature) else {
            return Err(Error::bundle("a signature must be {officer, sig} in base64"));
        };
        if !officers.contains(&officer) {
            continue;
        }
        if !verify_ed25519(&officer, signed, &signature) {
            return Err(Error::bundle(format!("the signature of officer {} does not fit", base64_encode(&officer))));
        }
        valid.insert(officer);
    }
    Ok(valid.len())
}

/// What no signature can make right: duplicate parties, keys that are no keys, authorities of nobody, patterns too wide.
fn check_content(content: &BundleContent) -> Result<(), Error> {
    let mut dids = BTreeSet::new();
    for party in &content.parties {
        if !dids.insert(party.did.as_str()) {
            return Err(Error::bundle(format!("the party {} stands twice", party.did)));
        }
        let mut kids = BTreeSet::new();
        for key in &party.keys {
            if !kids.insert((key.usage, key.kid.as_str())) {
                return Err(Error::bundle(format!("the key {} of {} stands twice", key.kid, party.did)));
            }
            if read_key(key).is_none() {
                return Err(Error::bundle(format!("the key {} of {} is no {} key for its use", key.kid, party.did, key.alg)));
            }
        }
    }
    for authority in &content.authorities {
        if !dids.contains(authority.party.as_str()) {
            return Err(Error::bundle(format!("authority for {}, which is no party", authority.party)));
        }
        if let Some(pattern) = authority.eras.iter().find(|pattern| !is_pattern(pattern)) {
            return Err(Error::bundle(format!("{pattern:?} must be an address, or a prefix of one that ends in ':*' or '/*'")));
        }
    }
    Ok(())
}

fn read_key(key: &BundleKey) -> Option<PublicKey> {
    match (key.usage, key.alg.as_str()) {
        (KeyUse::Beckn | KeyUse::Log, "Ed25519") => base64_array(&key.public).map(PublicKey::Ed25519),
        (KeyUse::Content, "ES256") => base64_array(&key.public).filter(|point: &[u8; 65]| point[0] == 4).map(PublicKey::Es256),
        (KeyUse::Beckn | KeyUse::Log | KeyUse::Content, _) => None,
    }
}

fn is_pattern(pattern: &str) -> bool {
    let stem = match pattern.strip_suffix('*') {
        Some(stem) if stem.ends_with([':', '/']) => stem,
        Some(_) => return false,
        None => pattern,
    };
    // An ERA is opaque: any text without white space or another star.
    stem.len() > 4 && stem.contains(':') && stem.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'*')
}

fn covers(pattern: &str, era: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => era.len() > prefix.len() && era.starts_with(prefix),
        None => pattern == era,
    }
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}
