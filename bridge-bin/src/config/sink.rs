//! `[[sink]]`: what of our own streams leaves through a webhook, and how.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bridge_diag::{Report, Shape, Span, View};
use bridge_engine::OnPoison;
use bridge_ies::Verb;
use bridge_northbound::RESERVED_HEADERS;

use super::bridge::Placed;
use super::value::{path, secret, take_count, take_duration};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
/// Octets in one batch by default.
const MAX_BYTES: u64 = 512 << 10;
/// Octets of the journal that a contracted sink may lag by default.
const MAX_LAG_BYTES: u64 = 1 << 30;

/// One `[[sink]]` of kind `webhook`.
pub(crate) struct Sink {
    pub(crate) name: Placed<String>,
    pub(crate) url: String,
    pub(crate) secure: bool,
    pub(crate) verbs: Vec<Verb>,
    pub(crate) resources: Vec<Placed<String>>,
    /// Name and where the value is.
    pub(crate) headers: Vec<(String, Placed<PathBuf>)>,
    pub(crate) roots: Option<Placed<PathBuf>>,
    pub(crate) certificate: Option<Placed<PathBuf>>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) server_name: Option<String>,
    pub(crate) timeout: Duration,
    pub(crate) max_events: u64,
    pub(crate) max_bytes: u64,
    pub(crate) max_age: Duration,
    pub(crate) contracted: bool,
    pub(crate) max_lag: Duration,
    pub(crate) max_lag_bytes: u64,
    pub(crate) on_poison: OnPoison,
}

pub(super) fn sink(mut view: View<'_>, dir: &Path, report: &mut Report) -> Option<Sink> {
    let name = view.need_str("name", report).map(|(text, span)| Placed { value: text.to_owned(), span });
    if let Some(name) = &name {
        view.rename(format!("sink `{}`", name.value));
    }
    if let Some((kind, span)) = view.need_str("kind", report)
        && kind != "webhook"
    {
        report.push(view.error("config::sink-kind", span, format!("`{kind}` is no kind of sink")).fix("this version knows `webhook`"));
    }
    let url = view.need_str("url", report).and_then(|(text, span)| url(&view, text, span, report));
    let verbs = verbs(&mut view, report);
    let resources = view.take_strs("resources", report).unwrap_or_default();
    let resources = resources.into_iter().map(|(text, span)| Placed { value: text.to_owned(), span }).collect();
    let headers = headers(&mut view, dir, report);
    let file = |taken: Option<(&str, Span)>| {
        taken.map(|(text, span)| Placed { value: path(dir, text.strip_prefix("file:").unwrap_or(text)), span })
    };
    let roots = file(view.take_str("roots", report));
    let certificate = file(view.take_str("certificate", report));
    let key = view.take_str("key", report).and_then(|(text, span)| secret(&view, dir, text, span, report));
    if certificate.is_some() != key.is_some() {
        report.push(
            view.error("config::sink-tls", view.span(), format!("{} has only one of `certificate` and `key`", view.noun()))
                .fix("give both, or neither if the receiver asks for no certificate"),
        );
    }
    let server_name = view.take_str("server_name", report).map(|(text, _)| text.to_owned());
    let timeout = take_duration(&mut view, "timeout", (SECOND, 120 * SECOND), report).unwrap_or(12 * SECOND);
    let max_events = take_count(&mut view, "max_events", (1, 10_000), report).unwrap_or(500);
    let max_bytes = take_count(&mut view, "max_bytes", (1024, 16 << 20), report).unwrap_or(MAX_BYTES);
    let max_age = take_duration(&mut view, "max_age", (Duration::ZERO, 60 * SECOND), report).unwrap_or(SECOND);
    let contracted = view.take_bool("contracted", report).is_some_and(|(value, _)| value);
    let lag = if contracted { DAY } else { DAY / 24 };
    let max_lag = take_duration(&mut view, "max_lag", (SECOND, 366 * DAY), report).unwrap_or(lag);
    let max_lag_bytes = take_count(&mut view, "max_lag_bytes", (1 << 16, 1 << 50), report).unwrap_or(MAX_LAG_BYTES);
    let on_poison = match view.take_str("on_poison", report) {
        None | Some(("park", _)) => OnPoison::Park,
        Some(("skip", _)) => OnPoison::Skip,
        Some((word, span)) => {
            report.push(
                view.error("config::sink-poison", span, format!("`{word}` says nothing about an event that is refused"))
                    .fix("use `park` (stop, with an alarm) or `skip` (pass over it, with a signed gap)"),
            );
            OnPoison::Park
        }
    };
    view.finish(report);
    let (url, secure) = url?;
    Some(Sink {
        name: name?,
        url,
        secure,
        verbs,
        resources,
        headers,
        roots,
        certificate,
        key,
        server_name,
        timeout,
        max_events,
        max_bytes,
        max_age,
        contracted,
        max_lag,
        max_lag_bytes,
        on_poison,
    })
}

/// The address and whether it is https.
fn url(view: &View<'_>, text: &str, span: Span, report: &mut Report) -> Option<(String, bool)> {
    let mut bad = |problem: String, fix: &str| {
        report.push(view.error("config::sink-url", span, problem).fix(fix));
        None
    };
    let secure = text.starts_with("https://");
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return bad(format!("`{text}` is no web address"), "write `https://host:port/path`");
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#') {
        return bad(format!("`{text}` is no web address"), "write `https://host:port/path`, without blanks and without `#`");
    }
    if authority.contains('@') {
        return bad("a secret stands in the address".to_owned(), "put it into a header by `file:` or `env:` reference");
    }
    let host = authority.strip_prefix('[').and_then(|inner| inner.split(']').next());
    let host = host.unwrap_or_else(|| authority.split(':').next().unwrap_or_default());
    let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if !secure && !loopback {
        return bad(format!("`{text}` is plain HTTP and leaves this machine"), "write https://; plain HTTP is for loopback only");
    }
    Some((text.to_owned(), secure))
}

fn verbs(view: &mut View<'_>, report: &mut Report) -> Vec<Verb> {
    let mut verbs = Vec::new();
    for (text, span) in view.take_strs("verbs", report).unwrap_or_default() {
        match Verb::parse(text) {
            Some(verb) => verbs.push(verb),
            None => {
                let known: Vec<&str> = Verb::ALL.iter().map(|verb| verb.as_str()).collect();
                report.push(
                    view.error("config::sink-verb", span, format!("`{text}` is no verb")).fix(format!("use some of {}", known.join(", "))),
                );
            }
        }
    }
    verbs
}

/// `headers = { "X-Api-Key" = "file:keys/hook.token" }`: names, and where their values are.
fn headers(view: &mut View<'_>, dir: &Path, report: &mut Report) -> Vec<(String, Placed<PathBuf>)> {
    let Some(table) = view.take_table("headers", report) else { return Vec::new() };
    let mut headers = Vec::new();
    for entry in &table.entries {
        let name = &entry.key;
        let sound = !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_');
        if !sound || RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            report.push(
                view.error("config::sink-header", entry.key_span, format!("`{name}` is no header for a sink to set"))
                    .fix("use a header of letters, digits and `-` that is not the transport's own"),
            );
            continue;
        }
        let Shape::Str(text) = &entry.node.shape else {
            report.push(
                view.error("config::wrong-kind", entry.node.span, format!("header `{name}` must be text"))
                    .fix("write `file:PATH` or `env:NAME`"),
            );
            continue;
        };
        if let Some(value) = secret(view, dir, text, entry.node.span, report) {
            headers.push((name.clone(), Placed { value, span: entry.node.span }));
        }
    }
    headers
}
