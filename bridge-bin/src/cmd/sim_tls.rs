//! The TLS of a simulated station or EMS, from flags.

use std::path::PathBuf;

use bridge_engine::shell::{Allow, Allowed, Endpoint, Tls, TlsVersion};

use crate::fault::Fault;

/// TLS flags of `sim`.
#[derive(clap::Args, Debug, Default)]
#[command(next_help_heading = "Mutual TLS")]
pub(crate) struct TlsArgs {
    /// Speak TLS with this certificate (and what leads to its root), PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key", requires = "tls_roots")]
    tls_cert: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The roots that peers are believed by, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_roots: Option<PathBuf>,
    /// A revocation list, PEM or DER; may be given several times.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_crl: Vec<PathBuf>,
    /// Whom to accept: a fingerprint (sha256:…), a subject (CN=…,O=…) or a name (dns:…); may be given several times.
    #[arg(long, value_name = "PEER", requires = "tls_cert")]
    tls_allow: Vec<String>,
    /// The name that the server's certificate must carry (where we connect).
    #[arg(long, value_name = "NAME", requires = "tls_cert")]
    tls_server_name: Option<String>,
    /// Only TLS 1.3.
    #[arg(long, requires = "tls_cert")]
    tls_13: bool,
}

impl TlsArgs {
    /// The endpoint with TLS, if any was asked for.
    pub(crate) fn over(&self, endpoint: Endpoint) -> Result<Endpoint, Fault> {
        let (Some(certificate), Some(key), Some(roots)) = (&self.tls_cert, &self.tls_key, &self.tls_roots) else { return Ok(endpoint) };
        let mut tls = Tls::new(certificate, key, roots);
        tls.crl.clone_from(&self.tls_crl);
        tls.server_name.clone_from(&self.tls_server_name);
        if self.tls_13 {
            tls.min_version = TlsVersion::V13;
        }
        for text in &self.tls_allow {
            let entry = Allowed::fingerprint(text).or_else(|| Allowed::subject(text));
            let entry = entry.ok_or_else(|| {
                Fault::new(format!("--tls-allow {text} is no fingerprint and no subject")).fix("write sha256:…, CN=…,O=… or dns:…")
            })?;
            tls.allow.entries.push(entry);
        }
        let named = match &endpoint {
            Endpoint::Connect { .. } => tls.server_name.is_some(),
            Endpoint::Listen { .. } | Endpoint::Dual { .. } | Endpoint::Udp { .. } | Endpoint::Serial(_) => false,
        };
        if tls.allow == Allow::default() && !named {
            return Err(
                Fault::new("TLS without anybody to accept").fix("add --tls-allow PEER, or --tls-server-name NAME where you connect")
            );
        }
        let problems = tls.problems(crate::clock::now().utc);
        if let Some(problem) = problems.iter().find(|problem| !problem.warning) {
            return Err(Fault::new(problem.text.clone()).fix(problem.fix.clone()));
        }
        Ok(endpoint.with_tls(tls))
    }
}
