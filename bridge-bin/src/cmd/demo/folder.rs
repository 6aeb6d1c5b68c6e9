//! The demonstration's folder: keys, a private certification authority, a trust bundle of two officers, two configurations, two profiles.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bridge_diag::Report;
use bridge_ies::{Role, Timestamp, Verb};
use bridge_model::Now;
use bridge_profile::Plan;
use bridge_trust::{
    BUNDLE_SCHEMA, BundleAuthority, BundleContent, BundleKey, BundleParty, Ed25519Key, KeyStore, KeyUse, base64_encode, sign_bundle,
    write_ed25519_file,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};

use crate::clock;
use crate::config::compile_profile;

/// The shipped profiles, as they were when this program was built.
const THERMAL: &str = include_str!("../../../../cim-profiles/thermal-station-104/profile.toml");
const GATEWAY: &str = include_str!("../../../../cim-profiles/ems-gateway-104/profile.toml");

/// A day in nanoseconds.
const DAY_NS: i64 = 86_400_000_000_000;

/// After this long without a word on the stream the wide-area link counts as lost (R19).
pub(super) const SILENCE: Duration = Duration::from_secs(3);
/// Between two attestations of the plant's bridge.
const ATTEST_EVERY: &str = "5s";

/// One of the two bridges.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Party {
    Genco,
    Sldc,
}

impl Party {
    /// Its name, also of its folder.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Genco => "genco",
            Self::Sldc => "sldc",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Genco => Self::Sldc,
            Self::Sldc => Self::Genco,
        }
    }

    const fn role(self) -> Role {
        match self {
            Self::Genco => Role::Genco,
            Self::Sldc => Role::Sldc,
        }
    }

    fn did(self) -> String {
        format!("did:web:{}.example", self.name())
    }

    fn origin(self) -> String {
        format!("{}.example/bridge/1", self.name())
    }
}

/// Where everybody listens, all on loopback.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    /// The station.
    pub(super) station: SocketAddr,
    /// The load despatch centre's bridge, for its EMS.
    pub(super) ems: SocketAddr,
    /// The HTTPS side of the two bridges.
    pub(super) genco: SocketAddr,
    pub(super) sldc: SocketAddr,
}

impl Ports {
    fn free() -> anyhow::Result<Self> {
        // Held together until all are known, so that no two are the same.
        let listeners = (0..4).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<Result<Vec<_>, _>>()?;
        let mut ports = listeners.iter().map(TcpListener::local_addr);
        let mut next = || ports.next().unwrap_or_else(|| Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))));
        Ok(Self { station: next()?, ems: next()?, genco: next()?, sldc: next()? })
    }
}

/// How fast the demonstration goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tempo {
    /// The unit's ramp, MW per minute; one step each second.
    pub(super) ramp: f64,
    /// How much longer pauses are than at the shortest.
    pub(super) stretch: f64,
}

impl Tempo {
    /// What fits into this many seconds.
    pub(super) fn fit(seconds: u32) -> Self {
        let stretch = (f64::from(seconds) / 60.0).clamp(1.0, 3.0);
        Self { ramp: (600.0 / stretch).round() / 10.0, stretch }
    }

    /// One step of the ramp, MW.
    pub(super) fn step(self) -> f64 {
        self.ramp / 60.0
    }
}

/// The folder, filled.
pub(super) struct Folder {
    pub(super) dir: PathBuf,
    pub(super) ports: Ports,
    pub(super) thermal: Plan,
    pub(super) gateway: Plan,
    officers: [String; 2],
}

impl Folder {
    /// Makes everything below `dir`, which is new or empty.
    pub(super) fn make(dir: &Path, tempo: Tempo, now: Now) -> anyhow::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
        if fs::read_dir(dir)?.next().is_some() {
            return Err(anyhow!("{} is not empty: name a folder that is new", dir.display()));
        }
        let keys = [Party::Genco, Party::Sldc].map(|party| {
            fs::create_dir(dir.join(party.name()))?;
            Ok::<_, anyhow::Error>(KeyStore::init(&dir.join(party.name()).join("keys"), &mut clock::fill)?)
        });
        let [genco, sldc] = keys;
        let officers = trust(dir, [(Party::Genco, &genco?), (Party::Sldc, &sldc?)], now)?;
        certificates(dir)?;
        let thermal = profile(dir, "thermal-station-104", &quicker(tempo)?)?;
        let gateway = profile(dir, "ems-gateway-104", GATEWAY)?;
        Ok(Self { dir: dir.to_owned(), ports: Ports::free()?, thermal, gateway, officers })
    }

    /// Writes the configurations of both bridges; each reaches the other through the wide-area link at these addresses.
    pub(super) fn configure(&self, to_genco: SocketAddr, to_sldc: SocketAddr) -> anyhow::Result<()> {
        let Ports { station, ems, genco, sldc } = self.ports;
        self.bridge(Party::Genco, (&self.thermal, "thermal-station-104"), genco, to_sldc, ("rtu", station))?;
        self.bridge(Party::Sldc, (&self.gateway, "ems-gateway-104"), sldc, to_genco, ("ems", ems))
    }

    fn bridge(
        &self,
        party: Party,
        (plan, profile): (&Plan, &str),
        listen: SocketAddr,
        peer: SocketAddr,
        (link, endpoint): (&str, SocketAddr),
    ) -> anyhow::Result<()> {
        let other = party.other();
        let hash: String = plan.hash.iter().map(|octet| format!("{octet:02x}")).collect();
        let [first, second] = &self.officers;
        let (subscribe, commands_us) = (party == Party::Sldc, party == Party::Genco);
        let (did, origin, role, name) = (party.did(), party.origin(), party.role().as_str(), party.name());
        let (other_did, other_origin, other_role, other_name) = (other.did(), other.origin(), other.role().as_str(), other.name());
        let silence = SILENCE.as_secs();
        let text = format!(
            r#"schema = "ies-bridge/1"
data_dir = "data"
listen = "{listen}"
profiles = [{{ path = "../profiles/{profile}", sha256 = "{hash}" }}]

[identity]
did = "{did}"
role = "{role}"
origin = "{origin}"
keys = "keys"

[network]
id = "indiaenergystack.in/demonstration"

[trust]
bundle = "../trust.json"
officers = ["{first}", "{second}"]

[tls]
certificate = "../tls/{name}.crt"
key = "file:../tls/{name}.key"
roots = "../tls/roots.pem"

[[peer]]
name = "{other_name}"
did = "{other_did}"
role = "{other_role}"
uri = "https://{peer}"
origin = "{other_origin}"
contract = "0192f0a4-0000-7000-8000-00000000c001"
subscribe = {subscribe}
commands_us = {commands_us}

[[operator]]
name = "{name}-shift"

[pace]
attest_every = "{ATTEST_EVERY}"
report_every = "20s"

[limits]
stream_silence = "{silence}s"
"#
        );
        let dir = self.dir.join(name);
        fs::write(dir.join("bridge.toml"), text)?;
        let site = format!("schema = \"ies-site/1\"\n\n[[link]]\nname = \"{link}\"\nendpoint = \"{endpoint}\"\npeer = \"sim\"\n");
        fs::write(dir.join("site.toml"), site)?;
        Ok(())
    }

    /// The configuration of a bridge.
    pub(super) fn of(&self, party: Party) -> PathBuf {
        self.dir.join(party.name())
    }

    /// The profile's folder.
    pub(super) fn profile(&self, party: Party) -> PathBuf {
        self.dir.join("profiles").join(match party {
            Party::Genco => "thermal-station-104",
            Party::Sldc => "ems-gateway-104",
        })
    }

    /// The ledger that the station (`rtu`) or the EMS (`ems`) writes.
    pub(super) fn ledger(&self, of: &str) -> PathBuf {
        self.dir.join(format!("{of}.jsonl"))
    }
}

/// The shipped profile with a unit 1 that an audience has patience for.
fn quicker(tempo: Tempo) -> anyhow::Result<String> {
    let shipped = "{ u = \"U1\", base = 1000 }";
    let quick = format!(
        "{{ u = \"U1\", base = 1000, ramp = \"{} MW/min\", step = \"1s\", taken_within = \"3s\", followed_within = \"30s\", dwell = \"1s\" }}",
        tempo.ramp
    );
    if THERMAL.matches(shipped).count() != 1 {
        return Err(anyhow!("the shipped profile of the station has no {shipped}"));
    }
    Ok(THERMAL.replace(shipped, &quick))
}

fn profile(dir: &Path, name: &str, text: &str) -> anyhow::Result<Plan> {
    let folder = dir.join("profiles").join(name);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("profile.toml"), text)?;
    let mut report = Report::new();
    compile_profile(&folder, name, &mut report).ok_or_else(|| anyhow!("{}", report.render_text()))
}

/// A bundle that both bridges believe; gives the officers' public keys. The load despatch centre may dispatch U1 and nothing else.
fn trust(dir: &Path, parties: [(Party, &KeyStore); 2], now: Now) -> anyhow::Result<[String; 2]> {
    let from = Timestamp(now.utc.0 - DAY_NS);
    let until = Timestamp(now.utc.0 + DAY_NS);
    let parties = parties
        .into_iter()
        .map(|(party, keys)| {
            let key = |kid: String, alg: &str, usage, public: &[u8]| BundleKey {
                kid,
                alg: alg.to_owned(),
                usage,
                public: base64_encode(public),
                not_before: from,
                not_after: until,
            };
            BundleParty {
                did: party.did(),
                name: None,
                roles: vec![party.role()],
                keys: vec![
                    key(format!("{}-beckn", party.name()), "Ed25519", KeyUse::Beckn, &keys.beckn().public()),
                    key(format!("{}#key-0", party.did()), "ES256", KeyUse::Content, &keys.content().public_sec1()),
                    key(party.origin(), "Ed25519", KeyUse::Log, &keys.log().public()),
                ],
            }
        })
        .collect();
    let content = BundleContent {
        schema: BUNDLE_SCHEMA.to_owned(),
        version: 1,
        issued_at: Timestamp(now.utc.0 - 1_000_000_000),
        expires_at: None,
        parties,
        authorities: vec![BundleAuthority {
            party: Party::Sldc.did(),
            role: Party::Sldc.role(),
            verbs: vec![Verb::Dispatch, Verb::Curtail, Verb::Start, Verb::Stop],
            eras: vec!["era:in/wr/tps-a/u1".to_owned()],
        }],
    };
    let mut signers = Vec::new();
    for officer in ["asha", "ravi"] {
        let mut seed = [0; 32];
        clock::fill(&mut seed);
        write_ed25519_file(&dir.join(format!("{officer}.key")), &seed)?;
        signers.push(Ed25519Key::from_seed(&seed)?);
    }
    fs::write(dir.join("trust.json"), sign_bundle(&content, &signers.iter().collect::<Vec<_>>())?)?;
    let public = |officer: usize| signers.get(officer).map(|key| base64_encode(&key.public())).unwrap_or_default();
    Ok([public(0), public(1)])
}

/// A private authority and one certificate for each bridge, for both its server and its client side.
fn certificates(dir: &Path) -> anyhow::Result<()> {
    let tls = dir.join("tls");
    fs::create_dir(&tls)?;
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "IES Bridge demonstration");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&key)?;
    fs::write(tls.join("roots.pem"), root.pem())?;
    let issuer = Issuer::new(params, key);
    for party in [Party::Genco, Party::Sldc] {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, party.name());
        params.subject_alt_names.push(SanType::URI(party.did().as_str().try_into()?));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        fs::write(tls.join(format!("{}.crt", party.name())), params.signed_by(&key, &issuer)?.pem())?;
        let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(tls.join(format!("{}.key", party.name())))?;
        file.write_all(key.serialize_pem().as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Tempo, quicker};

    #[test]
    fn the_shipped_profile_can_be_made_quicker() {
        let text = quicker(Tempo::fit(90)).expect("the shipped profile");
        assert!(text.contains("base = 1000, ramp = \"40 MW/min\""), "{text}");
        assert!((Tempo::fit(60).step() - 1.0).abs() < 1e-9);
    }
}
