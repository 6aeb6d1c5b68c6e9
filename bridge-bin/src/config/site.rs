//! `site.toml` as written: where each link goes and what stands at its other end.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use bridge_diag::{Diagnostic, Report, Shape, Table, View};
use bridge_engine::shell::LINES;

use super::bridge::{DIALECT, Placed};
use super::link_tls::{LinkTls, link_tls};
use super::value::{address, ip};
use super::way::{Transport, WayKeys, way_keys};

/// The schema that this version reads.
pub(crate) const SCHEMA: &str = "ies-site/1";

/// What stands at the other end of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PeerKind {
    /// A simulator of ours.
    Sim,
    /// An independent test peer, declared so.
    Test,
    /// A station or an EMS of the grid.
    Real,
}

/// One `[[link]]`.
pub(crate) struct SiteLink {
    pub(crate) name: Placed<String>,
    /// None only on a serial line; several only where we connect.
    pub(crate) endpoints: Vec<Placed<SocketAddr>>,
    pub(crate) peer: Placed<PeerKind>,
    /// Who may connect to a listening link; empty for everyone who reaches it.
    pub(crate) allow: Vec<IpAddr>,
    /// The endpoint lies in a network namespace of our own.
    pub(crate) namespace: bool,
    pub(crate) tls: Option<LinkTls>,
    pub(crate) way: WayKeys,
}

impl SiteLink {
    /// The first of them.
    pub(crate) fn endpoint(&self) -> Option<&Placed<SocketAddr>> {
        self.endpoints.first()
    }
}

/// Reads the table of `site.toml`; `dir` is the folder it stands in.
pub(crate) fn read_site(table: &Table, dir: &Path, report: &mut Report) -> Vec<SiteLink> {
    let mut view = View::new(table, DIALECT, "site.toml", None);
    if let Some((schema, span)) = view.need_str("schema", report)
        && schema != SCHEMA
    {
        report.push(
            Diagnostic::error("config::schema-unknown", format!("schema `{schema}` is not known here"))
                .at(span)
                .fix(format!("this version reads `{SCHEMA}`")),
        );
    }
    let tables = if view.take("link").is_some() { view.take_tables("link", report) } else { Vec::new() };
    let links = tables.into_iter().filter_map(|inner| link(view.inner(inner, "[[link]]"), dir, report)).collect();
    view.finish(report);
    links
}

fn link(mut view: View<'_>, dir: &Path, report: &mut Report) -> Option<SiteLink> {
    let name = view.need_str("name", report).map(|(text, span)| Placed { value: text.to_owned(), span });
    if let Some(name) = &name {
        view.rename(format!("link `{}`", name.value));
    }
    let way = way_keys(&mut view, report);
    let optional = way.as_ref().is_none_or(|way| way.transport.value == Transport::Serial);
    let endpoints = if optional && view.clone().take("endpoint").is_none() { Some(Vec::new()) } else { endpoints(&mut view, report) };
    let peer = view.need_str("peer", report).and_then(|(text, span)| {
        let kind = match text {
            "sim" => PeerKind::Sim,
            "test" => PeerKind::Test,
            "real" => PeerKind::Real,
            _ => {
                report.push(
                    view.error("config::bad-peer", span, format!("`{text}` says nothing about who is at the other end"))
                        .fix("use `sim` (a simulator of ours), `test` (an independent test peer) or `real`"),
                );
                return None;
            }
        };
        Some(Placed { value: kind, span })
    });
    let allow = view.take_strs("allow", report).unwrap_or_default();
    let allow = allow.into_iter().filter_map(|(text, span)| ip(&view, text, span, report)).collect();
    let namespace = view.take_bool("namespace", report).is_some_and(|(value, _)| value);
    let tls = view.take_table("tls", report).map(|table| link_tls(view.inner(table, "`tls`"), dir, report));
    view.finish(report);
    // A table of which something is missing was reported; without TLS the link must not even be thought of.
    let tls = match tls {
        Some(read) => Some(read?),
        None => None,
    };
    let endpoints = endpoints.filter(|endpoints| optional || !endpoints.is_empty())?;
    Some(SiteLink { name: name?, endpoints, peer: peer?, allow, namespace, tls, way: way? })
}

/// One address, or a list of them: two interfaces of one station, or two lines to it.
fn endpoints(view: &mut View<'_>, report: &mut Report) -> Option<Vec<Placed<SocketAddr>>> {
    let entry = view.need("endpoint", report)?;
    let Shape::List(list) = &entry.node.shape else {
        let (text, span) = view.take_str("endpoint", report)?;
        return Some(vec![Placed { value: address(view, text, span, report)?, span }]);
    };
    if list.is_empty() || list.len() > LINES {
        let text = format!("{} endpoints in {}", list.len(), view.noun());
        report.push(view.error("config::link-lines", entry.node.span, text).fix(format!("name 1 to {LINES} addresses")));
    }
    let mut found: Vec<Placed<SocketAddr>> = Vec::new();
    for (text, span) in view.take_strs("endpoint", report)? {
        let Some(value) = address(view, text, span, report) else { continue };
        if found.iter().any(|known| known.value == value) {
            report.push(view.error("config::link-lines", span, format!("{value} stands twice")).fix("name each address once"));
            continue;
        }
        found.push(Placed { value, span });
    }
    Some(found)
}
