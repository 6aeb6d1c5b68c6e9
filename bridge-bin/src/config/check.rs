//! From files to something that can run: every problem is reported, and only what has no problem starts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bridge_diag::{Diagnostic, Report, SourceId, Span, read};
use bridge_engine::shell::Tls;
use bridge_engine::{Pace, Peer, Settings};
use bridge_journal::Options;
use bridge_model::{LinkId, Now};
use bridge_northbound::{HookTls, TlsFiles};
use bridge_profile::{ControlKind, Execution, Plan, PointSource, ServedSource};
use bridge_session::{AddressUse, HookId, Protocol, Role, SinkId};
use bridge_trust::{AgeLimits, BundleAge, DEAD_AFTER, KeyStore, KeyUse, STALE_AFTER, TrustBundle, base64_encode, sha256};

use super::bridge::{BridgeFile, DEFAULT_SEGMENT_BYTES, DIALECT, PinnedProfile, Placed, Trust, read_bridge};
use super::folder::compile_profile;
use super::link_tls::{check_shared, check_tls};
use super::sink::Sink;
use super::site::{PeerKind, SiteLink, read_site};
use super::value::hex;
use super::way::{Transport, Way, check_connected, check_own, check_way, control_places, waits_at};
use crate::adapters::{protocol, suit};

/// Where one link of the plan goes.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// The link.
    pub(crate) link: LinkId,
    /// Its name.
    pub(crate) name: String,
    /// Its protocol.
    pub(crate) protocol: String,
    /// Our role: a client connects to the address, a server listens on it, unless `way` says otherwise.
    pub(crate) role: Role,
    /// How the peer is reached.
    pub(crate) way: Way,
    /// The addresses; several only where we connect, none on a serial line.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Who may connect; empty for everyone.
    pub(crate) allow: Vec<IpAddr>,
    /// Whether controls flow on it.
    pub(crate) control: bool,
    /// It lies in a network namespace of our own: to be proven before a control link opens.
    pub(crate) namespace: bool,
    /// With TLS.
    pub(crate) tls: Option<Tls>,
}

impl Endpoint {
    /// The first address.
    pub(crate) fn address(&self) -> SocketAddr {
        // A link without one is a serial line and is not asked.
        self.addresses.first().copied().unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
    }
}

/// A configuration without a single error.
pub(crate) struct Checked {
    pub(crate) plan: Arc<Plan>,
    pub(crate) settings: Settings,
    pub(crate) keys: KeyStore,
    pub(crate) beckn_key_id: String,
    pub(crate) content_kid: String,
    pub(crate) trust: TrustBundle,
    pub(crate) northbound: bridge_northbound::Config,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) data_dir: PathBuf,
    pub(crate) segment_bytes: u64,
}

impl Checked {
    /// The folder of the journal.
    pub(crate) fn journal_dir(&self) -> PathBuf {
        self.data_dir.join("journal")
    }

    /// How the journal is made if it is new.
    pub(crate) fn journal_options(&self, now: Now) -> Options {
        let mut writer = [0; 8];
        writer.copy_from_slice(&sha256(self.settings.did.as_bytes())[..8]);
        Options {
            origin: self.settings.origin.clone(),
            epoch: u64::try_from(now.utc.as_millis()).unwrap_or(1),
            writer: u64::from_le_bytes(writer),
            fence: 0,
            segment_bytes: self.segment_bytes,
        }
    }
}

/// The file that remembers the highest version of the trust bundle that was in force.
pub(crate) const BUNDLE_VERSION_FILE: &str = "trust-version";

/// Reads and checks the configuration at `path` (its folder, or its `bridge.toml`). `Some` exactly if `report` has no error.
pub(crate) fn check(path: &Path, now: Now, report: &mut Report) -> Option<Checked> {
    let file = if path.is_dir() { path.join("bridge.toml") } else { path.to_owned() };
    let dir = file.parent().map(Path::to_owned).unwrap_or_default();
    let text = open(&file, None, report)?;
    let source = report.add_source(shown(&file), text.clone());
    let table = read(source, &DIALECT, report)?;
    let bridge = read_bridge(&table, &dir, report);
    let mut hashed = vec![text];

    let site_span = Span { source, start: 0, end: 0 };
    let site = open(&bridge.site, Some((site_span, &bridge.site_text)), report).and_then(|text| {
        let site_source = report.add_source(shown(&bridge.site), text.clone());
        hashed.push(text);
        let folder = bridge.site.parent().map(Path::to_owned).unwrap_or_default();
        Some((site_source, read_site(&read(site_source, &DIALECT, report)?, &folder, report)))
    });
    let plan = profile(&bridge, &dir, report);
    let (keys, trust) = (keys(&bridge, report), trust(&bridge, now, report));
    peers(&bridge, plan.as_ref(), trust.as_ref().map(|(bundle, _)| bundle), report);
    operators(&bridge, plan.as_ref(), report);
    let hooks = sinks(&bridge, plan.as_ref(), report);
    let endpoints = match (&plan, &site) {
        (Some(plan), Some((site_source, links))) => links_of(plan, links, *site_source, now, report),
        (Some(_) | None, Some(_) | None) => Vec::new(),
    };
    let own = match (&bridge.identity, &keys, &trust) {
        (Some(identity), Some(keys), Some((bundle, _))) => own_keys(identity, keys, bundle, report),
        (Some(_) | None, Some(_) | None, Some(_) | None) => None,
    };
    tls(&bridge, report);
    retention(&bridge, report);
    if !report.is_ok() {
        return None;
    }

    let mut plan = plan?;
    for endpoint in &endpoints {
        if let Some(planned) = plan.links.get_mut(endpoint.link.index()) {
            suit(&endpoint.protocol, &mut planned.spec, endpoint.way.is_connection());
        }
    }
    let (trust, policy_hash) = trust?;
    let (beckn_key_id, content_kid) = own?;
    let mut octets = Vec::new();
    for text in &hashed {
        octets.extend_from_slice(&(text.len() as u64).to_le_bytes());
        octets.extend_from_slice(text.as_bytes());
    }
    octets.extend_from_slice(&plan.hash);
    let (hooks, receivers) = hooks.into_iter().unzip();
    let settings = Settings { hooks, ..settings(&bridge, &endpoints, sha256(&octets), policy_hash)? };
    Some(Checked {
        northbound: bridge_northbound::Config { hooks: receivers, ..northbound(&bridge)? },
        data_dir: bridge.data_dir?,
        segment_bytes: bridge.retention.as_ref().map_or(DEFAULT_SEGMENT_BYTES, |retention| retention.segment_bytes),
        plan: Arc::new(plan),
        settings,
        keys: keys?,
        beckn_key_id,
        content_kid,
        trust,
        endpoints,
    })
}

/// A path as the user knows it.
fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    text.strip_prefix("./").map_or(text.clone(), str::to_owned)
}

fn open(path: &Path, named_at: Option<(Span, &str)>, report: &mut Report) -> Option<String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) => {
            let name = named_at.map_or_else(|| shown(path), |(_, text)| text.to_owned());
            report.push(
                Diagnostic::error("config::file-unreadable", format!("{name} cannot be read: {error}"))
                    .at(named_at.map(|(span, _)| span))
                    .fix("give the folder that holds bridge.toml; paths inside are relative to the file they stand in"),
            );
            None
        }
    }
}

/// Exactly one profile, pinned by its hash.
fn profile(bridge: &BridgeFile, dir: &Path, report: &mut Report) -> Option<Plan> {
    let [pinned] = bridge.profiles.as_slice() else {
        if let Some(span) = bridge.profiles_span {
            let (first, count) = (bridge.profiles.get(1).map_or(span, |second| second.span), bridge.profiles.len());
            if count > 1 || report.is_ok() {
                report.push(
                    Diagnostic::error("config::profile-count", format!("{count} profiles: a bridge has exactly one"))
                        .at(first)
                        .fix("list one profile; several sites are several bridges, or one profile that names all its links"),
                );
            }
        }
        return None;
    };
    let PinnedProfile { path, sha256, .. } = pinned;
    let _ = dir;
    let plan = compile_profile(path, &shown(path), report)?;
    let hash = hex(&plan.hash);
    if sha256.value != hash {
        report.push(
            Diagnostic::error("config::profile-changed", format!("the profile {} is not the one that was approved", pinned.text))
                .at(sha256.span)
                .fix(format!("look at what changed, then pin it: sha256 = \"{hash}\"")),
        );
        return None;
    }
    Some(plan)
}

fn keys(bridge: &BridgeFile, report: &mut Report) -> Option<KeyStore> {
    let identity = bridge.identity.as_ref()?;
    match KeyStore::load(&identity.keys.value) {
        Ok(keys) => Some(keys),
        Err(error) => {
            let named = &identity.keys_text;
            let (problem, fix) = if let bridge_trust::Error::Io { action, source, .. } = &error {
                (
                    format!("the keys in {named} cannot be used: {action} failed: {source}"),
                    format!("make them: ies-bridge keys init {named}"),
                )
            } else if let bridge_trust::Error::Permissions { path, mode, fix } = &error {
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                (
                    format!("{name} of {named} has mode {mode:04o}: others can read it"),
                    format!("chmod {fix} {name}, and make new keys if others had access"),
                )
            } else {
                (format!("the keys in {named} cannot be used: {error}"), "restore the key files from your own backup".to_owned())
            };
            report.push(Diagnostic::error("config::keys", problem).at(identity.keys.span).fix(fix));
            None
        }
    }
}

/// The bundle and the hash of its bytes.
fn trust(bridge: &BridgeFile, now: Now, report: &mut Report) -> Option<(TrustBundle, [u8; 32])> {
    let trust = bridge.trust.as_ref()?;
    let error = |problem: String, fix: &str| Diagnostic::error("config::trust-bundle", problem).at(trust.bundle.span).fix(fix);
    let bytes = match std::fs::read(&trust.bundle.value) {
        Ok(bytes) => bytes,
        Err(cause) => {
            report.push(error(
                format!("{} cannot be read: {cause}", trust.bundle_text),
                "two officers sign one: ies-bridge trust sign --help",
            ));
            return None;
        }
    };
    let last = bridge
        .data_dir
        .as_ref()
        .and_then(|dir| std::fs::read_to_string(dir.join(BUNDLE_VERSION_FILE)).ok())
        .and_then(|text| text.trim().parse().ok());
    let bundle = match TrustBundle::load(&bytes, &trust.officers, last, now.utc.0) {
        Ok(bundle) => bundle.with_limits(limits_of(trust)),
        Err(cause) => {
            report.push(error(
                format!("{} is not accepted: {cause}", trust.bundle_text),
                "have two of the officers listed here sign it again",
            ));
            return None;
        }
    };
    match bundle.age(now.utc.0) {
        BundleAge::Fresh => {}
        BundleAge::Stale(days) => report.push(
            Diagnostic::warning("config::trust-stale", format!("{} is {days} days old", trust.bundle_text))
                .at(trust.bundle.span)
                .fix("have two officers issue a new one before the hard limit; from then on nothing is authorised"),
        ),
        BundleAge::Dead => {
            report.push(error(
                format!("{} is past its hard limit: it authorises nothing", trust.bundle_text),
                "have two officers issue a new one",
            ));
            return None;
        }
    }
    Some((bundle, sha256(&bytes)))
}

fn limits_of(trust: &Trust) -> AgeLimits {
    AgeLimits { stale_after: trust.stale_after.unwrap_or(STALE_AFTER), dead_after: trust.dead_after.unwrap_or(DEAD_AFTER) }
}

/// The names under which the bundle knows our own keys: (Beckn record id, content `kid`). What a peer cannot verify is better not sent.
fn own_keys(identity: &super::bridge::Identity, keys: &KeyStore, bundle: &TrustBundle, report: &mut Report) -> Option<(String, String)> {
    let Some(party) = bundle.content().parties.iter().find(|party| party.did == identity.did) else {
        report.push(
            Diagnostic::error("config::not-a-party", format!("the trust bundle does not know {}", identity.did))
                .at(identity.span)
                .fix("have the officers add this bridge with the keys that `ies-bridge keys show` prints"),
        );
        return None;
    };
    if !party.roles.contains(&identity.role) {
        report.push(
            Diagnostic::error(
                "config::not-a-party",
                format!("the trust bundle does not let {} act as {}", identity.did, identity.role.as_str()),
            )
            .at(identity.span)
            .fix("correct `role`, or have the officers change the bundle"),
        );
    }
    let mut named = |usage: KeyUse, public: String, file: &str| {
        let kid = party.keys.iter().find(|key| key.usage == usage && key.public == public).map(|key| key.kid.clone());
        if kid.is_none() {
            report.push(
                Diagnostic::error("config::own-key-unknown", format!("the trust bundle does not list {file} of this bridge"))
                    .at(identity.keys.span)
                    .fix("have the officers add what `ies-bridge keys show` prints; peers verify with the bundle only"),
            );
        }
        kid
    };
    let beckn = named(KeyUse::Beckn, base64_encode(&keys.beckn().public()), "beckn.key");
    let content = named(KeyUse::Content, base64_encode(&keys.content().public_sec1()), "content.key");
    let log = named(KeyUse::Log, base64_encode(&keys.log().public()), "log.key");
    log.and(Some((beckn?, content?)))
}

/// Names, identities and what the profile expects of them.
fn peers(bridge: &BridgeFile, plan: Option<&Plan>, trust: Option<&TrustBundle>, report: &mut Report) {
    let mut names = BTreeSet::new();
    let mut dids = BTreeSet::new();
    for peer in &bridge.peers {
        if !names.insert(peer.name.value.as_str()) {
            report.push(
                Diagnostic::error("config::peer-twice", format!("peer `{}` stands twice", peer.name.value))
                    .at(peer.name.span)
                    .fix("give each peer its own name"),
            );
        }
        if !dids.insert(peer.did.value.as_str()) {
            report.push(
                Diagnostic::error("config::peer-twice", format!("{} stands twice", peer.did.value))
                    .at(peer.did.span)
                    .fix("one entry for each party"),
            );
        }
        if let Some(bundle) = trust
            && !bundle.has_role(&peer.did.value, peer.role)
        {
            report.push(
                Diagnostic::error(
                    "config::peer-not-trusted",
                    format!("the trust bundle does not know {} as {}", peer.did.value, peer.role.as_str()),
                )
                .at(peer.did.span)
                .fix("correct the identity or the role here, or have the officers add the party"),
            );
        }
        let secure = peer.uri.value.starts_with("https://");
        if secure != bridge.tls.is_some() {
            let (problem, fix) = if secure {
                ("needs certificates and there is no [tls]", "add [tls] with certificate, key and roots")
            } else {
                ("is plain HTTP although [tls] is there", "write https://")
            };
            report.push(Diagnostic::error("config::tls", format!("{} {problem}", peer.uri.value)).at(peer.uri.span).fix(fix));
        }
    }
    let Some(plan) = plan else { return };
    let mut wanted: BTreeMap<&str, String> = BTreeMap::new();
    for point in &plan.points {
        if let PointSource::Remote { peer, .. } = &point.source {
            wanted.entry(peer).or_insert_with(|| format!("point `{}`", point.id));
        }
    }
    for control in &plan.controls {
        let peer = match &control.kind {
            ControlKind::Relay(relay) => &relay.peer,
            ControlKind::Ask(ask) => &ask.peer,
            ControlKind::Drive(_) | ControlKind::Instruct(_) | ControlKind::Companion(_) => continue,
        };
        wanted.entry(peer).or_insert_with(|| format!("control `{}`", control.id));
    }
    for served in &plan.served {
        if let ServedSource::LinkState(name) = &served.source
            && plan.link(name).is_none()
        {
            wanted.entry(name).or_insert_with(|| format!("served point `{}`", served.id));
        }
    }
    for (name, by) in wanted {
        if !names.contains(name) {
            report.push(
                Diagnostic::error("config::peer-missing", format!("{by} of the profile needs the peer `{name}`"))
                    .at(bridge.profiles_span)
                    .fix(format!("add a [[peer]] with name = \"{name}\"")),
            );
        }
    }
}

/// Who answers instructions (R8): each person once, and somebody where the profile waits for a person.
fn operators(bridge: &BridgeFile, plan: Option<&Plan>, report: &mut Report) {
    let mut names = BTreeSet::new();
    for operator in &bridge.operators {
        if !names.insert(operator.name.value.as_str()) {
            report.push(
                Diagnostic::error("config::operator-twice", format!("operator `{}` stands twice", operator.name.value))
                    .at(operator.name.span)
                    .fix("one entry for each person, with all roles"),
            );
        }
    }
    let waits = plan.into_iter().flat_map(|plan| &plan.controls).find(|control| match &control.kind {
        ControlKind::Drive(drive) => drive.execution != Execution::Automatic,
        ControlKind::Instruct(_) => true,
        ControlKind::Relay(_) | ControlKind::Ask(_) | ControlKind::Companion(_) => false,
    });
    if let Some(control) = waits
        && !bridge.operators.iter().any(|operator| operator.roles.contains(&bridge_ies::Role::Operator))
    {
        report.push(
            Diagnostic::warning(
                "config::operator-missing",
                format!("control `{}` waits for a person and nobody here may answer", control.id),
            )
            .at(bridge.profiles_span)
            .fix("add a [[operator]] with name = \"…\"; until then every such instruction expires"),
        );
    }
}

/// Where events of ours leave: what the engine holds for each, and how the adapter reaches it.
fn sinks(bridge: &BridgeFile, plan: Option<&Plan>, report: &mut Report) -> Vec<(bridge_engine::Hook, bridge_northbound::Hook)> {
    let mut names = BTreeSet::new();
    let mut hooks = Vec::new();
    for (sink, number) in bridge.sinks.iter().zip(0_u16..) {
        if !names.insert(sink.name.value.as_str()) || bridge.peers.iter().any(|peer| peer.name.value == sink.name.value) {
            report.push(
                Diagnostic::error("config::sink-twice", format!("the name `{}` stands twice", sink.name.value))
                    .at(sink.name.span)
                    .fix("give each sink its own name, different from every peer's: its cursor in the journal has that name"),
            );
        }
        let mut resources = BTreeSet::new();
        for wanted in &sink.resources {
            let Some(plan) = plan else { break };
            let found = plan.resources.iter().find(|resource| resource.key == wanted.value || resource.era == wanted.value);
            if let Some(resource) = found {
                resources.insert(resource.era.clone());
            } else {
                let near = bridge_diag::nearest(&wanted.value, plan.resources.iter().map(|resource| resource.key.as_str()));
                let known: Vec<&str> = plan.resources.iter().map(|resource| resource.key.as_str()).collect();
                report.push(
                    Diagnostic::error("config::sink-resource", format!("the profile has no resource `{}`", wanted.value))
                        .at(wanted.span)
                        .fix(near.map_or_else(|| format!("it has: {}", known.join(", ")), |near| format!("did you mean `{near}`?"))),
                );
            }
        }
        hooks.push((engine_hook(sink, resources), northbound_hook(bridge, sink, number, report)));
    }
    hooks
}

fn engine_hook(sink: &Sink, resources: BTreeSet<String>) -> bridge_engine::Hook {
    bridge_engine::Hook {
        name: sink.name.value.clone(),
        verbs: sink.verbs.iter().copied().collect(),
        resources,
        max_events: usize::try_from(sink.max_events).unwrap_or(1),
        max_bytes: usize::try_from(sink.max_bytes).unwrap_or(usize::MAX),
        max_age: sink.max_age,
        contracted: sink.contracted,
        max_lag: sink.max_lag,
        max_lag_bytes: sink.max_lag_bytes,
        on_poison: sink.on_poison,
    }
}

fn northbound_hook(bridge: &BridgeFile, sink: &Sink, number: u16, report: &mut Report) -> bridge_northbound::Hook {
    let mut headers = Vec::new();
    for (name, file) in &sink.headers {
        match std::fs::read_to_string(&file.value) {
            Ok(text) if !text.trim().is_empty() && !text.trim().contains(char::is_control) => {
                headers.push((name.clone(), bridge_northbound::Secret(text.trim().to_owned())));
            }
            Ok(_) => report.push(
                Diagnostic::error("config::sink-secret", format!("the file of header `{name}` does not hold one line of text"))
                    .at(file.span)
                    .fix("write the header's value into the file, nothing else"),
            ),
            Err(cause) => report.push(
                Diagnostic::error("config::sink-secret", format!("the file of header `{name}` cannot be read: {cause}"))
                    .at(file.span)
                    .fix("give a file of mode 0600; the path is relative to bridge.toml"),
            ),
        }
    }
    for (what, file) in [("roots", &sink.roots), ("certificate", &sink.certificate)] {
        if let Some(file) = file
            && let Err(cause) = std::fs::File::open(&file.value)
        {
            report.push(
                Diagnostic::error("config::sink-tls", format!("the file of `{what}` cannot be read: {cause}"))
                    .at(file.span)
                    .fix("give a PEM file; the path is relative to bridge.toml"),
            );
        }
    }
    let roots = sink.roots.as_ref().map(|file| file.value.clone()).or_else(|| bridge.tls.as_ref().map(|tls| tls.roots.clone()));
    if sink.secure && roots.is_none() {
        report.push(
            Diagnostic::error("config::sink-tls", format!("sink `{}` is https and nothing says whom it believes", sink.name.value))
                .at(sink.name.span)
                .fix("add roots = \"file:…\" with the receiver's root certificate, or [tls] with roots"),
        );
    }
    let identity = sink.certificate.as_ref().map(|file| file.value.clone()).zip(sink.key.clone());
    bridge_northbound::Hook {
        hook: HookId(number),
        name: sink.name.value.clone(),
        url: sink.url.clone(),
        server_name: sink.server_name.clone(),
        headers,
        tls: roots.filter(|_| sink.secure).map(|roots| HookTls { roots, identity }),
        timeout: sink.timeout,
    }
}

/// Every link of the plan has its place, and no control goes where it must not (R14).
fn links_of(plan: &Plan, links: &[SiteLink], site: SourceId, now: Now, report: &mut Report) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    let mut seen = BTreeSet::new();
    for link in links {
        if !seen.insert(link.name.value.as_str()) {
            report.push(
                Diagnostic::error("config::link-twice", format!("link `{}` stands twice", link.name.value))
                    .at(link.name.span)
                    .fix("one entry for each link"),
            );
            continue;
        }
        let Some(id) = plan.link(&link.name.value) else {
            let near = bridge_diag::nearest(&link.name.value, plan.links.iter().map(|known| known.spec.name.as_str()));
            let known: Vec<&str> = plan.links.iter().map(|known| known.spec.name.as_str()).collect();
            report.push(
                Diagnostic::error("config::link-unknown", format!("the profile has no link `{}`", link.name.value))
                    .at(link.name.span)
                    .fix(near.map_or_else(|| format!("it has: {}", known.join(", ")), |near| format!("did you mean `{near}`?"))),
            );
            continue;
        };
        let planned = &plan.links[id.index()];
        let control = !planned.spec.monitor_only && planned.spec.points.iter().any(|point| point.usage == AddressUse::Control);
        if control {
            control_link(link, report);
        }
        let role = planned.spec.role;
        let transports = protocol(&planned.protocol).map(Protocol::transports).unwrap_or_default();
        let way = check_way(link, role, (&planned.protocol, transports), report);
        check_connected(link, &planned.protocol, &planned.spec, report);
        let dual = link.way.transport.value == Transport::Dual;
        let listens = dual || role == Role::Server;
        if let Some(tls) = &link.tls {
            check_tls(&link.name, tls, (listens, dual || !listens), now, report);
        }
        if let (true, false, Some(second)) = (listens, dual, link.endpoints.get(1)) {
            report.push(
                Diagnostic::error("config::link-lines", format!("link `{}` listens: it has one address", link.name.value))
                    .at(second.span)
                    .fix("name one address; several peers may connect to it"),
            );
        }
        let allow = allowed(link, waits_at(link, role), report);
        let Some(way) = way else { continue };
        let endpoint = Endpoint {
            link: id,
            name: link.name.value.clone(),
            protocol: planned.protocol.clone(),
            role,
            way,
            addresses: link.endpoints.iter().map(|endpoint| endpoint.value).collect(),
            allow,
            control,
            namespace: link.namespace,
            tls: link.tls.as_ref().map(|link| link.tls.clone()),
        };
        endpoints.push((endpoint, link.endpoint().map_or(link.name.span, |endpoint| endpoint.span)));
    }
    check_own(&endpoints, report);
    check_shared(&endpoints, report);
    for planned in &plan.links {
        if !seen.contains(planned.spec.name.as_str()) {
            report.push(
                Diagnostic::error("config::link-missing", format!("nothing says where link `{}` goes", planned.spec.name))
                    .at(Span { source: site, start: 0, end: 0 })
                    .fix(format!("add to this file: [[link]] with name = \"{}\", endpoint and peer", planned.spec.name)),
            );
        }
    }
    endpoints.into_iter().map(|(endpoint, _)| endpoint).collect()
}

/// Who may connect to a listening link: whom the site names; on loopback, this machine.
fn allowed(link: &SiteLink, at: Option<&Placed<SocketAddr>>, report: &mut Report) -> Vec<IpAddr> {
    if let Some(Placed { value, span }) = at
        && link.allow.is_empty()
    {
        let ip = value.ip();
        if ip.is_loopback() {
            return vec![ip];
        }
        report.push(
            Diagnostic::error(
                "config::allow-missing",
                format!("link `{}` listens on {ip} and names nobody who may connect", link.name.value),
            )
            .at(*span)
            .fix("add allow = [\"…\"] with the addresses of the EMS"),
        );
    }
    link.allow.clone()
}

/// R14: until the command machine is complete, controls go to simulators and declared test peers, on loopback or in a namespace of our own.
fn control_link(link: &SiteLink, report: &mut Report) {
    let name = &link.name.value;
    if link.peer.value == PeerKind::Real {
        report.push(
            Diagnostic::error("config::control-link", format!("link `{name}` carries controls and its peer is real"))
                .at(link.peer.span)
                .fix("this version commands simulators only (R14): use peer = \"sim\", or set monitor_only = true on the link in the profile"),
        );
    }
    for endpoint in link.endpoints.iter().chain(&control_places(link, report)) {
        control_address(link, endpoint, report);
    }
}

fn control_address(link: &SiteLink, endpoint: &Placed<SocketAddr>, report: &mut Report) {
    let name = &link.name.value;
    let ip = endpoint.value.ip();
    let private = match ip {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    let ours = ip.is_loopback() || (link.namespace && private);
    if !ours {
        report.push(
            Diagnostic::error("config::control-link", format!("link `{name}` carries controls and {ip} is no loopback address"))
                .at(endpoint.span)
                .fix("use 127.0.0.1 (R14); in a network namespace of your own: a private address and namespace = true"),
        );
    }
}

fn tls(bridge: &BridgeFile, report: &mut Report) {
    match (&bridge.tls, &bridge.listen) {
        (Some(tls), _) => {
            for (what, path) in [("certificate", &tls.certificate), ("key", &tls.key), ("roots", &tls.roots)] {
                if let Err(cause) = std::fs::File::open(path) {
                    report.push(
                        Diagnostic::error("config::tls", format!("the file of `{what}` cannot be read: {cause}"))
                            .at(tls.span)
                            .fix("give a PEM file; the path is relative to bridge.toml"),
                    );
                }
            }
        }
        (None, Some(listen)) if !listen.value.ip().is_loopback() => report.push(
            Diagnostic::error("config::tls", format!("{} is open to others and there is no [tls]", listen.value))
                .at(listen.span)
                .fix("add [tls] with certificate, key and roots, or listen on 127.0.0.1"),
        ),
        (None, _) => {}
    }
}

fn retention(bridge: &BridgeFile, report: &mut Report) {
    let Some(retention) = &bridge.retention else { return };
    let (Some(max), Some(daily)) = (retention.max_bytes, retention.bytes_per_day) else { return };
    let days = retention.keep.as_secs().div_ceil(86_400);
    // A tenth is kept back for commands and acknowledgements (delivery rule 4).
    let needed = daily.saturating_mul(days).saturating_mul(10) / 9;
    if needed > max {
        report.push(
            Diagnostic::error(
                "config::retention",
                format!("{days} days at {daily} bytes a day need {needed} bytes with the reserve, and max_bytes is {max}"),
            )
            .at(retention.span)
            .fix("keep fewer days, or give the journal more of the disk"),
        );
    }
}

fn settings(bridge: &BridgeFile, endpoints: &[Endpoint], config_hash: [u8; 32], policy_hash: [u8; 32]) -> Option<Settings> {
    let identity = bridge.identity.as_ref()?;
    let (pace, limits, fallback) = (&bridge.pace, &bridge.limits, Pace::default());
    let scheme = if bridge.tls.is_some() { "https" } else { "http" };
    let listen = bridge.listen.as_ref()?.value;
    Some(Settings {
        did: identity.did.clone(),
        role: identity.role,
        uri: identity.uri.clone().unwrap_or_else(|| format!("{scheme}://{listen}")),
        origin: identity.origin.clone(),
        network: bridge.network.clone()?,
        peers: bridge
            .peers
            .iter()
            .map(|peer| Peer {
                name: peer.name.value.clone(),
                did: peer.did.value.clone(),
                role: peer.role,
                uri: peer.uri.value.clone(),
                subscribe: peer.subscribe,
                origin: peer.origin.clone(),
                commands_us: peer.commands_us,
                contract: peer.contract.clone(),
            })
            .collect(),
        hooks: Vec::new(),
        operators: bridge
            .operators
            .iter()
            .map(|operator| bridge_engine::Operator { name: operator.name.value.clone(), roles: operator.roles.clone() })
            .collect(),
        control_links: endpoints.iter().filter(|endpoint| endpoint.control).map(|endpoint| endpoint.name.clone()).collect(),
        pace: Pace {
            commit_spacing: pace.commit_spacing.unwrap_or(fallback.commit_spacing),
            urgent_spacing: pace.urgent_spacing.unwrap_or(fallback.urgent_spacing),
            seal_events: pace.seal_events.unwrap_or(fallback.seal_events),
            seal_telemetry: pace.seal_telemetry.unwrap_or(fallback.seal_telemetry),
            heartbeat: pace.heartbeat.unwrap_or(fallback.heartbeat),
            snapshot: pace.snapshot.unwrap_or(fallback.snapshot),
        },
        clock_source: bridge.clock_source.clone(),
        clock_limit: limits.clock.unwrap_or(Duration::from_secs(1)),
        stream_silence: limits.stream_silence.unwrap_or(Duration::from_secs(4)),
        journal_patience: limits.journal_patience.unwrap_or(Duration::from_secs(5)),
        attest_every: pace.attest_every.unwrap_or(Duration::from_secs(60)),
        report_every: pace.report_every.unwrap_or(Duration::from_secs(900)),
        relay_margin: limits.relay_margin.unwrap_or(Duration::from_millis(500)),
        max_lag: usize::try_from(limits.max_lag.unwrap_or(50_000)).unwrap_or(usize::MAX),
        event_queue_depth: limits.event_queue_depth.unwrap_or(1_000_000),
        skew: limits.skew.unwrap_or(Duration::from_secs(5)),
        config_hash,
        policy_hash,
        build_hash: [0; 32],
        lie: false,
    })
}

fn northbound(bridge: &BridgeFile) -> Option<bridge_northbound::Config> {
    let fallback = bridge_northbound::Config::default();
    let limits = &bridge.limits;
    let count = |limit: Option<u64>, otherwise: usize| limit.and_then(|n| usize::try_from(n).ok()).unwrap_or(otherwise);
    Some(bridge_northbound::Config {
        listen: bridge.listen.as_ref()?.value,
        tls: bridge.tls.as_ref().map(|tls| TlsFiles {
            certificate: tls.certificate.clone(),
            key: tls.key.clone(),
            roots: tls.roots.clone(),
        }),
        peers: bridge
            .peers
            .iter()
            .zip(0_u16..)
            .map(|(peer, sink)| bridge_northbound::Peer {
                sink: SinkId(sink),
                name: peer.name.value.clone(),
                base_url: peer.uri.value.clone(),
                server_name: peer.server_name.clone(),
                identity: bridge.tls.is_some().then(|| peer.tls_identity.clone().unwrap_or_else(|| peer.did.value.clone())),
            })
            .collect(),
        realm: Some(bridge.identity.as_ref()?.did.clone()),
        body_limit: count(limits.body_bytes, fallback.body_limit),
        max_connections: count(limits.connections, fallback.max_connections),
        max_requests: count(limits.requests, fallback.max_requests),
        max_streams: count(limits.streams, fallback.max_streams),
        ..fallback
    })
}
