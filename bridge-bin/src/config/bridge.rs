//! `bridge.toml` as written: every field read once, with the place it stands at.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bridge_diag::{Diagnostic, Dialect, Report, Span, Table, View};
use bridge_ies::Role;

use super::sink::{Sink, sink};
use super::value::{address, did, path, public_key, secret, take_count, take_duration};

/// The schema that this version reads.
pub(crate) const SCHEMA: &str = "ies-bridge/1";

/// The codes of what reading itself finds.
pub(crate) const DIALECT: Dialect = Dialect {
    syntax: "config::syntax",
    unknown_key: "config::unknown-key",
    missing_key: "config::missing-key",
    wrong_kind: "config::wrong-kind",
    forms: false,
};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// Who we are.
pub(crate) struct Identity {
    pub(crate) did: String,
    pub(crate) role: Role,
    pub(crate) origin: String,
    pub(crate) keys: Placed<PathBuf>,
    /// As written, for messages.
    pub(crate) keys_text: String,
    pub(crate) uri: Option<String>,
    pub(crate) span: Span,
}

/// One `[[peer]]`.
pub(crate) struct Peer {
    pub(crate) name: Placed<String>,
    pub(crate) did: Placed<String>,
    pub(crate) role: Role,
    pub(crate) uri: Placed<String>,
    pub(crate) subscribe: bool,
    pub(crate) commands_us: bool,
    pub(crate) contract: String,
    pub(crate) origin: String,
    pub(crate) server_name: Option<String>,
    pub(crate) tls_identity: Option<String>,
}

/// One `[[operator]]`: a person who may answer at this bridge (R8).
pub(crate) struct Operator {
    pub(crate) name: Placed<String>,
    pub(crate) roles: Vec<Role>,
}

/// `[trust]`.
pub(crate) struct Trust {
    pub(crate) bundle: Placed<PathBuf>,
    pub(crate) bundle_text: String,
    pub(crate) officers: Vec<[u8; 32]>,
    pub(crate) stale_after: Option<Duration>,
    pub(crate) dead_after: Option<Duration>,
}

/// `[tls]`.
pub(crate) struct Tls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) roots: PathBuf,
    pub(crate) span: Span,
}

/// `[pace]`: what is left out keeps the engine's default.
#[derive(Default)]
pub(crate) struct Pace {
    pub(crate) commit_spacing: Option<Duration>,
    pub(crate) urgent_spacing: Option<Duration>,
    pub(crate) seal_events: Option<Duration>,
    pub(crate) seal_telemetry: Option<Duration>,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) snapshot: Option<Duration>,
    pub(crate) attest_every: Option<Duration>,
    pub(crate) report_every: Option<Duration>,
}

/// `[limits]`.
#[derive(Default)]
pub(crate) struct Limits {
    pub(crate) clock: Option<Duration>,
    pub(crate) stream_silence: Option<Duration>,
    pub(crate) journal_patience: Option<Duration>,
    pub(crate) relay_margin: Option<Duration>,
    pub(crate) skew: Option<Duration>,
    pub(crate) max_lag: Option<u64>,
    pub(crate) event_queue_depth: Option<u64>,
    pub(crate) body_bytes: Option<u64>,
    pub(crate) connections: Option<u64>,
    pub(crate) requests: Option<u64>,
    pub(crate) streams: Option<u64>,
}

/// `[retention]`.
pub(crate) struct Retention {
    pub(crate) keep: Duration,
    /// What the journal may take on the disk.
    pub(crate) max_bytes: Option<u64>,
    /// What it is expected to grow by each day.
    pub(crate) bytes_per_day: Option<u64>,
    pub(crate) segment_bytes: u64,
    pub(crate) span: Span,
}

/// A profile and the hash it is pinned by.
pub(crate) struct PinnedProfile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) sha256: Placed<String>,
    pub(crate) span: Span,
}

/// The whole file. What could not be read is `None` and was reported.
pub(crate) struct BridgeFile {
    pub(crate) identity: Option<Identity>,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) listen: Option<Placed<SocketAddr>>,
    pub(crate) network: Option<String>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) operators: Vec<Operator>,
    pub(crate) sinks: Vec<Sink>,
    pub(crate) trust: Option<Trust>,
    pub(crate) tls: Option<Tls>,
    pub(crate) pace: Pace,
    pub(crate) limits: Limits,
    pub(crate) clock_source: String,
    pub(crate) profiles: Vec<PinnedProfile>,
    /// Where the list of profiles stands.
    pub(crate) profiles_span: Option<Span>,
    pub(crate) retention: Option<Retention>,
    pub(crate) site: PathBuf,
    pub(crate) site_text: String,
}

/// Reads the table of `bridge.toml`; `dir` is the folder it stands in.
pub(crate) fn read_bridge(table: &Table, dir: &Path, report: &mut Report) -> BridgeFile {
    let mut view = View::new(table, DIALECT, "bridge.toml", None);
    if let Some((schema, span)) = view.need_str("schema", report)
        && schema != SCHEMA
    {
        report.push(
            Diagnostic::error("config::schema-unknown", format!("schema `{schema}` is not known here"))
                .at(span)
                .fix(format!("this version reads `{SCHEMA}`")),
        );
    }
    let identity = view.need_table("identity", report).and_then(|inner| identity(&mut view.inner(inner, "[identity]"), dir, report));
    let data_dir = view.need_str("data_dir", report).map(|(text, _)| path(dir, text));
    let listen =
        view.need_str("listen", report).and_then(|(text, span)| address(&view, text, span, report).map(|value| Placed { value, span }));
    let network = view.need_table("network", report).and_then(|inner| {
        let mut network = view.inner(inner, "[network]");
        let id = network.need_str("id", report).map(|(text, _)| text.to_owned());
        network.finish(report);
        id
    });
    let tables = if view.take("peer").is_some() { view.take_tables("peer", report) } else { Vec::new() };
    let peers = tables.into_iter().filter_map(|inner| peer(view.inner(inner, "[[peer]]"), report)).collect();
    let tables = if view.take("operator").is_some() { view.take_tables("operator", report) } else { Vec::new() };
    let operators = tables.into_iter().filter_map(|inner| operator(view.inner(inner, "[[operator]]"), report)).collect();
    let tables = if view.take("sink").is_some() { view.take_tables("sink", report) } else { Vec::new() };
    let sinks = tables.into_iter().filter_map(|inner| sink(view.inner(inner, "[[sink]]"), dir, report)).collect();
    let trust = view.need_table("trust", report).and_then(|inner| trust(view.inner(inner, "[trust]"), dir, report));
    let tls = view.take_table("tls", report).and_then(|inner| tls(view.inner(inner, "[tls]"), dir, report));
    let pace = view.take_table("pace", report).map(|inner| pace(view.inner(inner, "[pace]"), report)).unwrap_or_default();
    let limits = view.take_table("limits", report).map(|inner| limits(view.inner(inner, "[limits]"), report)).unwrap_or_default();
    let clock_source = view.take_table("clock", report).and_then(|inner| {
        let mut clock = view.inner(inner, "[clock]");
        let source = clock.need_str("source", report).map(|(text, _)| text.to_owned());
        clock.finish(report);
        source
    });
    let profiles_span = view.need("profiles", report).map(|entry| entry.key_span);
    let tables = if profiles_span.is_some() { view.take_tables("profiles", report) } else { Vec::new() };
    let profiles = tables.into_iter().filter_map(|inner| profile(view.inner(inner, "the profile"), dir, report)).collect();
    let retention = view.take_table("retention", report).and_then(|inner| retention(view.inner(inner, "[retention]"), report));
    let site_text = view.take_str("site", report).map_or("site.toml", |(text, _)| text).to_owned();
    view.finish(report);
    BridgeFile {
        identity,
        data_dir,
        listen,
        network,
        peers,
        operators,
        sinks,
        trust,
        tls,
        pace,
        limits,
        clock_source: clock_source.unwrap_or_else(|| "system".to_owned()),
        profiles,
        profiles_span,
        retention,
        site: path(dir, &site_text),
        site_text,
    }
}

fn role(view: &mut View<'_>, report: &mut Report) -> Option<Role> {
    let (text, span) = view.need_str("role", report)?;
    let role = Role::parse(text);
    if role.is_none() {
        let known: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        report.push(view.error("config::bad-role", span, format!("`{text}` is no role")).fix(format!("use one of {}", known.join(", "))));
    }
    role
}

fn identity(view: &mut View<'_>, dir: &Path, report: &mut Report) -> Option<Identity> {
    let own = view.need_str("did", report).and_then(|(text, span)| did(view, text, span, report));
    let role = role(view, report);
    let origin = view.need_str("origin", report).and_then(|(text, span)| origin(view, text, span, report));
    let keys = view.need_str("keys", report);
    let uri = view.take_str("uri", report).and_then(|(text, span)| url(view, text, span, report));
    let span = view.span();
    let known = view.clone();
    known.finish(report);
    let (keys_text, keys_span) = keys?;
    let keys = Placed { value: path(dir, keys_text), span: keys_span };
    Some(Identity { did: own?, role: role?, origin: origin?, keys, keys_text: keys_text.to_owned(), uri, span })
}

fn origin(view: &View<'_>, text: &str, span: Span, report: &mut Report) -> Option<String> {
    let good = !text.is_empty() && text.len() <= 200 && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+');
    if !good {
        report.push(
            view.error("config::bad-origin", span, format!("`{text}` names no log"))
                .fix("use a domain and a path without spaces and `+`: `genco.example/bridge/1`"),
        );
    }
    good.then(|| text.to_owned())
}

fn url(view: &View<'_>, text: &str, span: Span, report: &mut Report) -> Option<String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let good = !host.is_empty() && !host.starts_with('/') && !text.contains(char::is_whitespace);
    if !good {
        report.push(view.error("config::bad-url", span, format!("`{text}` is no address of a bridge")).fix("write `https://host:port`"));
    }
    good.then(|| text.trim_end_matches('/').to_owned())
}

fn peer(mut view: View<'_>, report: &mut Report) -> Option<Peer> {
    let name = view.need_str("name", report).map(|(text, span)| Placed { value: text.to_owned(), span });
    if let Some(name) = &name {
        view.rename(format!("peer `{}`", name.value));
    }
    let did = view.need_str("did", report).and_then(|(text, span)| did(&view, text, span, report).map(|value| Placed { value, span }));
    let role = role(&mut view, report);
    let uri = view.need_str("uri", report).and_then(|(text, span)| url(&view, text, span, report).map(|value| Placed { value, span }));
    let subscribe = view.take_bool("subscribe", report).is_some_and(|(value, _)| value);
    let commands_us = view.take_bool("commands_us", report).is_some_and(|(value, _)| value);
    let contract = view.need_str("contract", report).map(|(text, _)| text.to_owned());
    let origin = view.need_str("origin", report).and_then(|(text, span)| origin(&view, text, span, report));
    let server_name = view.take_str("server_name", report).map(|(text, _)| text.to_owned());
    let tls_identity = view.take_str("tls_identity", report).map(|(text, _)| text.to_owned());
    view.finish(report);
    Some(Peer {
        name: name?,
        did: did?,
        role: role?,
        uri: uri?,
        subscribe,
        commands_us,
        contract: contract?,
        origin: origin?,
        server_name,
        tls_identity,
    })
}

/// Longest name of an operator: it stands in signed acknowledgements.
const MAX_OPERATOR_NAME: usize = 64;

fn operator(mut view: View<'_>, report: &mut Report) -> Option<Operator> {
    let name = view.need_str("name", report).map(|(text, span)| Placed { value: text.to_owned(), span });
    if let Some(name) = &name {
        view.rename(format!("operator `{}`", name.value));
        let good = !name.value.trim().is_empty() && name.value.len() <= MAX_OPERATOR_NAME && !name.value.contains(char::is_control);
        if !good {
            report.push(
                view.error("config::operator-name", name.span, format!("`{}` names nobody", name.value))
                    .fix(format!("write the name as the person signs: 1 to {MAX_OPERATOR_NAME} characters")),
            );
        }
    }
    let mut roles = Vec::new();
    for (text, span) in view.take_strs("roles", report).unwrap_or_else(|| vec![("OPERATOR", view.span())]) {
        match Role::parse(text) {
            Some(role) => roles.push(role),
            None => {
                let known: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
                report.push(
                    view.error("config::bad-role", span, format!("`{text}` is no role")).fix(format!("use one of {}", known.join(", "))),
                );
            }
        }
    }
    view.finish(report);
    Some(Operator { name: name?, roles })
}

fn trust(mut view: View<'_>, dir: &Path, report: &mut Report) -> Option<Trust> {
    let bundle = view.need_str("bundle", report);
    view.need("officers", report);
    let mut officers = Vec::new();
    for (text, span) in view.take_strs("officers", report).unwrap_or_default() {
        match public_key(text) {
            Some(key) if officers.contains(&key) => {
                report.push(
                    view.error("config::officer-twice", span, "this officer's key stands twice")
                        .fix("two different persons hold the two keys"),
                );
            }
            Some(key) => officers.push(key),
            None => report.push(
                view.error("config::bad-key", span, format!("`{text}` is no Ed25519 public key"))
                    .fix("paste the 44 characters of base64 that `ies-bridge keys show` prints"),
            ),
        }
    }
    let stale_after = take_duration(&mut view, "stale_after", (HOUR, 366 * DAY), report);
    let dead_after = take_duration(&mut view, "dead_after", (HOUR, 366 * DAY), report);
    if officers.len() < bridge_trust::MIN_OFFICERS {
        report.push(
            view.error(
                "config::officers-few",
                view.span(),
                format!("{} officers' keys: a trust bundle needs the signatures of two", officers.len()),
            )
            .fix("list the public keys of at least two officers"),
        );
    }
    view.finish(report);
    let (text, span) = bundle?;
    let bundle = Placed { value: path(dir, text), span };
    Some(Trust { bundle, bundle_text: text.to_owned(), officers, stale_after, dead_after })
}

fn tls(mut view: View<'_>, dir: &Path, report: &mut Report) -> Option<Tls> {
    let certificate = view.need_str("certificate", report).map(|(text, _)| path(dir, text.strip_prefix("file:").unwrap_or(text)));
    let key = view.need_str("key", report).and_then(|(text, span)| secret(&view, dir, text, span, report));
    let roots = view.need_str("roots", report).map(|(text, _)| path(dir, text.strip_prefix("file:").unwrap_or(text)));
    let span = view.span();
    view.finish(report);
    Some(Tls { certificate: certificate?, key: key?, roots: roots?, span })
}

fn pace(mut view: View<'_>, report: &mut Report) -> Pace {
    let v = &mut view;
    let pace = Pace {
        commit_spacing: take_duration(v, "commit_spacing", (MS, SECOND), report),
        urgent_spacing: take_duration(v, "urgent_spacing", (MS, SECOND), report),
        seal_events: take_duration(v, "seal_events", (MS, SECOND), report),
        seal_telemetry: take_duration(v, "seal_telemetry", (MS, SECOND), report),
        heartbeat: take_duration(v, "heartbeat", (100 * MS, HOUR), report),
        snapshot: take_duration(v, "snapshot", (SECOND, HOUR), report),
        attest_every: take_duration(v, "attest_every", (Duration::ZERO, DAY), report),
        report_every: take_duration(v, "report_every", (Duration::ZERO, DAY), report),
    };
    view.finish(report);
    pace
}

fn limits(mut view: View<'_>, report: &mut Report) -> Limits {
    let v = &mut view;
    let limits = Limits {
        clock: take_duration(v, "clock", (MS, 60 * SECOND), report),
        stream_silence: take_duration(v, "stream_silence", (SECOND, HOUR), report),
        journal_patience: take_duration(v, "journal_patience", (100 * MS, HOUR), report),
        relay_margin: take_duration(v, "relay_margin", (Duration::ZERO, 60 * SECOND), report),
        skew: take_duration(v, "skew", (Duration::ZERO, 300 * SECOND), report),
        max_lag: take_count(v, "max_lag", (16, 10_000_000), report),
        event_queue_depth: take_count(v, "event_queue_depth", (2, 100_000_000), report),
        body_bytes: take_count(v, "body_bytes", (1024, 64 << 20), report),
        connections: take_count(v, "connections", (1, 65_536), report),
        requests: take_count(v, "requests", (1, 65_536), report),
        streams: take_count(v, "streams", (1, 65_536), report),
    };
    view.finish(report);
    limits
}

fn profile(mut view: View<'_>, dir: &Path, report: &mut Report) -> Option<PinnedProfile> {
    let folder = view.need_str("path", report);
    let sha256 = view.need_str("sha256", report).map(|(text, span)| Placed { value: text.to_ascii_lowercase(), span });
    let span = view.span();
    view.finish(report);
    let (text, _) = folder?;
    Some(PinnedProfile { path: path(dir, text), text: text.to_owned(), sha256: sha256?, span })
}

fn retention(mut view: View<'_>, report: &mut Report) -> Option<Retention> {
    view.need("keep", report);
    let keep = take_duration(&mut view, "keep", (HOUR, 366 * DAY), report);
    let max_bytes = take_count(&mut view, "max_bytes", (1 << 20, 1 << 50), report);
    let bytes_per_day = take_count(&mut view, "bytes_per_day", (1, 1 << 50), report);
    let segment_bytes = take_count(&mut view, "segment_bytes", (1 << 16, 1 << 32), report).unwrap_or(DEFAULT_SEGMENT_BYTES);
    let span = view.span();
    view.finish(report);
    Some(Retention { keep: keep?, max_bytes, bytes_per_day, segment_bytes, span })
}

/// One segment of the journal, unless the configuration says otherwise.
pub(crate) const DEFAULT_SEGMENT_BYTES: u64 = 64 << 20;
