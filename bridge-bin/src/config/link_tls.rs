//! `tls = { … }` of a link in `site.toml`: read, its files checked, and links that share a port told apart.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bridge_diag::{Diagnostic, Report, Span, View};
use bridge_engine::shell::{Allow, Allowed, Tls, TlsVersion};
use bridge_model::Now;

use super::bridge::Placed;
use super::check::Endpoint;
use super::value::{path, secret, take_duration};

const DAY: Duration = Duration::from_secs(86_400);

/// The TLS of one link, with the places of its keys.
pub(crate) struct LinkTls {
    pub(crate) tls: Tls,
    span: Span,
    fields: Vec<(&'static str, Span)>,
}

impl LinkTls {
    /// Where it stands.
    pub(crate) const fn span(&self) -> Span {
        self.span
    }

    /// Where a key stands, else the whole.
    fn place(&self, field: &str) -> Span {
        self.fields.iter().find(|(name, _)| *name == field).map_or(self.span, |(_, span)| *span)
    }
}

fn file(dir: &Path, text: &str) -> std::path::PathBuf {
    path(dir, text.strip_prefix("file:").unwrap_or(text))
}

/// Reads the table; `dir` is the folder of the file that it stands in.
pub(crate) fn link_tls(mut view: View<'_>, dir: &Path, report: &mut Report) -> Option<LinkTls> {
    let span = view.span();
    let mut fields = Vec::new();
    let mut at = |field: &'static str, (text, span): (&str, Span)| {
        fields.push((field, span));
        file(dir, text)
    };
    let certificate = view.need_str("certificate", report).map(|found| at("certificate", found));
    let key = view.need_str("key", report);
    let roots = view.need_str("roots", report).map(|found| at("roots", found));
    let mut crl = Vec::new();
    for found in view.take_strs("crl", report).unwrap_or_default() {
        crl.push(at("crl", found));
    }
    let server_name = view.take_str("server_name", report);
    let key = key.and_then(|(text, span)| {
        fields.push(("key", span));
        secret(&view, dir, text, span, report)
    });
    if let Some((_, span)) = server_name {
        fields.push(("server_name", span));
    }
    let allow = view.take_table("allow", report).map(|table| {
        fields.push(("allow", table.span));
        allow(view.inner(table, "`allow`"), dir, report)
    });
    let min_version = view.take_str("min_version", report).and_then(|(text, span)| {
        let known = match text {
            "1.2" => Some(TlsVersion::V12),
            "1.3" => Some(TlsVersion::V13),
            _ => None,
        };
        if known.is_none() {
            report.push(
                view.error("config::link-tls", span, format!("`{text}` is no version of TLS that is spoken here"))
                    .fix("write `1.2` or `1.3`"),
            );
        }
        known
    });
    let crl_grace = take_duration(&mut view, "crl_grace", (Duration::ZERO, 30 * DAY), report);
    let expired_grace = take_duration(&mut view, "expired_grace", (Duration::ZERO, 30 * DAY), report);
    let reload = take_duration(&mut view, "reload_every", (Duration::from_millis(100), DAY / 24), report);
    let rekey = take_duration(&mut view, "rekey_every", (Duration::from_secs(60), 30 * DAY), report);
    view.finish(report);
    let mut tls = Tls::new(certificate?, key?, roots?);
    tls.crl = crl;
    tls.allow = allow.unwrap_or_default();
    tls.server_name = server_name.map(|(text, _)| text.to_owned());
    tls.min_version = min_version.unwrap_or(tls.min_version);
    tls.crl_grace = crl_grace.unwrap_or(tls.crl_grace);
    tls.expired_grace = expired_grace.unwrap_or(tls.expired_grace);
    tls.rekey = rekey.unwrap_or(tls.rekey);
    tls.reload = reload.unwrap_or(tls.reload);
    Some(LinkTls { tls, span, fields })
}

fn allow(mut view: View<'_>, dir: &Path, report: &mut Report) -> Allow {
    let mut entries = Vec::new();
    for (text, span) in view.take_strs("fingerprints", report).unwrap_or_default() {
        match Allowed::fingerprint(text) {
            Some(entry) => entries.push(entry),
            None => report.push(
                view.error("config::link-tls", span, format!("`{text}` is no fingerprint of a certificate"))
                    .fix("write its SHA-256 in 64 hexadecimal digits, as `openssl x509 -noout -fingerprint -sha256 -in FILE` prints it"),
            ),
        }
    }
    for (text, span) in view.take_strs("subjects", report).unwrap_or_default() {
        match Allowed::subject(text) {
            Some(entry) => entries.push(entry),
            None => report.push(
                view.error("config::link-tls", span, format!("`{text}` is no subject of a certificate"))
                    .fix("write the whole subject, `CN=rtu-7,O=Genco`, or one alternative name, `dns:rtu-7.genco.example`"),
            ),
        }
    }
    let file = view.take_str("file", report).map(|(text, _)| file(dir, text));
    view.finish(report);
    Allow { entries, file }
}

/// Everything of a link's TLS that can be known before a connection. A dual end point listens and connects.
pub(crate) fn check_tls(name: &Placed<String>, link: &LinkTls, (listens, connects): (bool, bool), now: Now, report: &mut Report) {
    let (tls, name) = (&link.tls, &name.value);
    let nobody = !tls.allow.is_there();
    if listens && nobody {
        report.push(
            Diagnostic::error("config::link-tls-whom", format!("link `{name}` listens with TLS and names nobody who may connect"))
                .at(link.place("allow"))
                .fix("add to tls: allow = { fingerprints = [\"sha256:…\"] } or allow = { subjects = [\"CN=…,O=…\"] }"),
        );
    } else if nobody && tls.server_name.is_none() {
        report.push(
            Diagnostic::error("config::link-tls-whom", format!("link `{name}` connects with TLS and does not say to whom"))
                .at(link.place("allow"))
                .fix("add to tls: server_name (a name in the station's certificate), or allow with its fingerprint or subject"),
        );
    }
    if listens && !connects && tls.server_name.is_some() {
        report.push(
            Diagnostic::error("config::link-tls", format!("link `{name}` listens: it has no server to name"))
                .at(link.place("server_name"))
                .fix("remove server_name; who may connect stands in `allow`"),
        );
    }
    for problem in tls.problems(now.utc) {
        let text = format!("link `{name}`, tls `{}`: {}", problem.field, problem.text);
        let diagnostic = if problem.warning {
            Diagnostic::warning("config::link-tls-soon", text)
        } else {
            Diagnostic::error("config::link-tls-file", text)
        };
        report.push(diagnostic.at(link.place(problem.field)).fix(problem.fix));
    }
    if tls.crl.is_empty() {
        report.push(
            Diagnostic::warning("config::link-tls-no-crl", format!("link `{name}` takes revoked certificates: its tls has no `crl`"))
                .at(link.span)
                .fix("add crl = [\"…\"] with the revocation list of each issuer; it is re-read while the link runs"),
        );
    }
}

/// Links that listen on one address: whoever connects must belong to one of them.
pub(crate) fn check_shared(endpoints: &[(Endpoint, Span)], report: &mut Report) {
    let servers: Vec<(&Endpoint, Span, SocketAddr)> =
        endpoints.iter().filter_map(|(endpoint, span)| Some((endpoint, *span, endpoint.listens_at()?))).collect();
    for (place, (second, span, at)) in servers.iter().enumerate() {
        for (first, ..) in servers.iter().take(place).filter(|(.., other)| other == at) {
            if let Some((what, fix)) = clash(first, second) {
                let text = format!("links `{}` and `{}` both listen on {at}, {what}", first.name, second.name);
                report.push(Diagnostic::error("config::link-shared", text).at(*span).fix(fix));
            }
        }
    }
}

fn clash(first: &Endpoint, second: &Endpoint) -> Option<(String, &'static str)> {
    match (&first.tls, &second.tls) {
        (Some(_), None) | (None, Some(_)) => {
            return Some(("one with TLS and one without".to_owned(), "one port speaks TLS or it does not: use another port"));
        }
        (Some(a), Some(b)) if !a.same_but_for_whom(b) => {
            let what = "and their tls differs in more than `allow`: which certificate to show is decided before it is known who calls";
            return Some((what.to_owned(), "use the same files and settings in both, or another port"));
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    let address = first.allow.iter().find(|address| second.allow.contains(address))?;
    match (&first.tls, &second.tls) {
        (Some(a), Some(b)) => {
            let entry = a.allow.shared_entry(&b.allow)?;
            Some((format!("and {entry} from {address} may connect to both"), "let each peer stand on the list of one link"))
        }
        (Some(_), None) | (None, Some(_)) | (None, None) => Some((
            format!("and {address} may connect to both"),
            "give each its own `allow`, or tell peers apart by certificate, or use another port",
        )),
    }
}
