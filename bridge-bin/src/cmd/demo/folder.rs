//! The demonstration's folder: keys, a private certification authority, a trust bundle of two officers, two configurations, and their profiles.

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

use super::join::join;
use crate::clock;
use crate::config::compile_profile;

/// The shipped profiles, by their folders' names.
pub(super) const THERMAL: &str = "thermal-station-104";
pub(super) const PARK: &str = "solar-park-dnp3";
pub(super) const GATEWAY: &str = "ems-gateway-104";
pub(super) const PARK_GATEWAY: &str = "ems-gateway-dnp3";

/// Their texts, as they were when this program was built.
const THERMAL_TEXT: &str = include_str!("../../../../cim-profiles/thermal-station-104/profile.toml");
const PARK_TEXT: &str = include_str!("../../../../cim-profiles/solar-park-dnp3/profile.toml");
const GATEWAY_TEXT: &str = include_str!("../../../../cim-profiles/ems-gateway-104/profile.toml");
const PARK_GATEWAY_TEXT: &str = include_str!("../../../../cim-profiles/ems-gateway-dnp3/profile.toml");

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
    /// The solar park.
    pub(super) park: SocketAddr,
    /// The load despatch centre's bridge, for its EMS.
    pub(super) ems: SocketAddr,
    /// The same bridge, for the EMS of the renewables desk.
    pub(super) re_ems: SocketAddr,
    /// The HTTPS side of the two bridges.
    pub(super) genco: SocketAddr,
    pub(super) sldc: SocketAddr,
}

impl Ports {
    fn free() -> anyhow::Result<Self> {
        // Held together until all are known, so that no two are the same.
        let listeners = (0..6).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<Result<Vec<_>, _>>()?;
        let mut ports = listeners.iter().map(TcpListener::local_addr);
        let mut next = || ports.next().unwrap_or_else(|| Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))));
        Ok(Self { station: next()?, park: next()?, ems: next()?, re_ems: next()?, genco: next()?, sldc: next()? })
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

    /// The park's ramp towards a set-point, MW per minute; one step each second.
    pub(super) fn park_ramp(self) -> f64 {
        (6000.0 / self.stretch).round() / 10.0
    }

    /// The park's ramp down to a limit, and back from it, MW per minute; one step each second.
    pub(super) fn park_fall(self) -> f64 {
        self.park_ramp() * 2.0
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
    pub(super) park: Plan,
    pub(super) park_gateway: Plan,
    /// The hashes of the two bridges' profiles, each two of the others as one.
    pinned: [String; 2],
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
        let (thermal_text, park_text) = (quicker(tempo)?, quicker_park(tempo)?);
        let thermal = profile(dir, THERMAL, &thermal_text)?;
        let park = profile(dir, PARK, &park_text)?;
        let gateway = profile(dir, GATEWAY, GATEWAY_TEXT)?;
        let park_gateway = profile(dir, PARK_GATEWAY, PARK_GATEWAY_TEXT)?;
        let pinned = [
            hash(&profile(dir, Party::Genco.name(), &join(&thermal_text, &park_text))?),
            hash(&profile(dir, Party::Sldc.name(), &join(GATEWAY_TEXT, PARK_GATEWAY_TEXT))?),
        ];
        Ok(Self { dir: dir.to_owned(), ports: Ports::free()?, thermal, gateway, park, park_gateway, pinned, officers })
    }

    /// Writes the configurations of both bridges; each reaches the other through the wide-area link at these addresses.
    pub(super) fn configure(&self, to_genco: SocketAddr, to_sldc: SocketAddr) -> anyhow::Result<()> {
        let Ports { station, park, ems, re_ems, genco, sldc } = self.ports;
        let [of_genco, of_sldc] = &self.pinned;
        self.bridge(Party::Genco, of_genco, genco, to_sldc, [("rtu", station), ("ppc", park)])?;
        self.bridge(Party::Sldc, of_sldc, sldc, to_genco, [("ems", ems), ("re_ems", re_ems)])
    }

    fn bridge(&self, party: Party, hash: &str, listen: SocketAddr, peer: SocketAddr, links: [(&str, SocketAddr); 2]) -> anyhow::Result<()> {
        let other = party.other();
        let [first, second] = &self.officers;
        let (subscribe, commands_us) = (party == Party::Sldc, party == Party::Genco);
        let (did, origin, role, name) = (party.did(), party.origin(), party.role().as_str(), party.name());
        let (other_did, other_origin, other_role, other_name) = (other.did(), other.origin(), other.role().as_str(), other.name());
        let silence = SILENCE.as_secs();
        let text = format!(
            r#"schema = "ies-bridge/1"
data_dir = "data"
listen = "{listen}"
profiles = [{{ path = "../profiles/{name}", sha256 = "{hash}" }}]

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
        let link = |(link, endpoint)| format!("\n[[link]]\nname = \"{link}\"\nendpoint = \"{endpoint}\"\npeer = \"sim\"\n");
        let site: String = std::iter::once("schema = \"ies-site/1\"\n".to_owned()).chain(links.into_iter().map(link)).collect();
        fs::write(dir.join("site.toml"), site)?;
        Ok(())
    }

    /// The configuration of a bridge.
    pub(super) fn of(&self, party: Party) -> PathBuf {
        self.dir.join(party.name())
    }

    /// A profile's folder.
    pub(super) fn profile(&self, name: &str) -> PathBuf {
        self.dir.join("profiles").join(name)
    }

    /// The ledger that the station (`rtu`), the park (`park`) or their EMS (`ems`, `re_ems`) writes.
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
    exchange(THERMAL_TEXT, shipped, &quick)
}

/// The shipped profile with a park that is as quick.
fn quicker_park(tempo: Tempo) -> anyhow::Result<String> {
    let (up, down) = (tempo.park_ramp(), tempo.park_fall());
    let (set, limit) =
        ("up = \"60 MW/min\", by = \"bridge\", step = \"2s\"", "up = \"60 MW/min\", down = \"300 MW/min\", by = \"bridge\", step = \"2s\"");
    let text = exchange(PARK_TEXT, set, &format!("up = \"{up} MW/min\", by = \"bridge\", step = \"1s\""))?;
    let text = exchange(&text, limit, &format!("up = \"{down} MW/min\", down = \"{down} MW/min\", by = \"bridge\", step = \"1s\""))?;
    exchange(&text, "within = \"120s\", dwell = \"5s\"", "within = \"30s\", dwell = \"1s\"")
}

fn exchange(text: &str, shipped: &str, quick: &str) -> anyhow::Result<String> {
    if text.matches(shipped).count() != 1 {
        return Err(anyhow!("the shipped profile has no {shipped}, or several"));
    }
    Ok(text.replace(shipped, quick))
}

fn hash(plan: &Plan) -> String {
    plan.hash.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn profile(dir: &Path, name: &str, text: &str) -> anyhow::Result<Plan> {
    let folder = dir.join("profiles").join(name);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("profile.toml"), text)?;
    let mut report = Report::new();
    compile_profile(&folder, name, &mut report).ok_or_else(|| anyhow!("{}", report.render_text()))
}

/// A bundle that both bridges believe; gives the officers' public keys. The load despatch centre has authority over U1 and the
/// park, and over nothing else.
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
            verbs: vec![Verb::Dispatch, Verb::Curtail, Verb::Start, Verb::Stop, Verb::Reconfigure],
            eras: vec!["era:in/wr/tps-a/u1".to_owned(), "era:in/rj/solar-b".to_owned()],
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
    use super::{GATEWAY_TEXT, PARK_GATEWAY_TEXT, Tempo, join, quicker, quicker_park};

    #[test]
    fn the_shipped_profile_can_be_made_quicker() {
        let text = quicker(Tempo::fit(90)).expect("the shipped profile");
        assert!(text.contains("base = 1000, ramp = \"40 MW/min\""), "{text}");
        assert!((Tempo::fit(60).step() - 1.0).abs() < 1e-9);
        let park = quicker_park(Tempo::fit(60)).expect("the shipped profile");
        assert!(park.contains("down = \"1200 MW/min\", by = \"bridge\", step = \"1s\""), "{park}");
    }

    /// A bridge's profile is two of the shipped ones: both links, and everything else that each of them has.
    #[test]
    fn two_shipped_profiles_are_one() {
        let dir = std::env::temp_dir().join(format!("ies-bridge-join-{}", std::process::id()));
        let (thermal, park) = (quicker(Tempo::fit(60)).expect("shipped"), quicker_park(Tempo::fit(60)).expect("shipped"));
        for (first, second) in [(thermal.as_str(), park.as_str()), (GATEWAY_TEXT, PARK_GATEWAY_TEXT)] {
            let plan = |text| super::profile(&dir, "p", text).expect("it compiles");
            let (one, other, both) = (plan(first), plan(second), plan(&join(first, second)));
            let counts =
                |plan: &super::Plan| [plan.links.len(), plan.points.len(), plan.controls.len(), plan.served.len(), plan.tests.len()];
            let sums: Vec<usize> = counts(&one).into_iter().zip(counts(&other)).map(|(one, other)| one + other).collect();
            assert_eq!(counts(&both).to_vec(), sums);
        }
        std::fs::remove_dir_all(&dir).expect("ours");
    }
}
