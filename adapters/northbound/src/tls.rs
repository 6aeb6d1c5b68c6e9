//! Mutual TLS from files: private roots, client certificates required, TLS 1.3 and 1.2, time from the bridge's own clock.

use std::{fmt, os::unix::fs::MetadataExt, path::Path, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::WebPkiServerVerifier,
    crypto::{CryptoProvider, aws_lc_rs},
    server::WebPkiClientVerifier,
    time_provider::TimeProvider,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::{
    Clock, Error, HookTls, TlsCheck, TlsFiles,
    identity::{CertificateIdentity, check_validity},
};

/// Both ends of TLS.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) connector: TlsConnector,
}

struct BridgeTime(Clock);

impl fmt::Debug for BridgeTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BridgeTime")
    }
}

impl TimeProvider for BridgeTime {
    fn current_time(&self) -> Option<UnixTime> {
        let ns = u64::try_from((self.0)().utc.0).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_nanos(ns)))
    }
}

fn fail(check: TlsCheck, file: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Tls { check, file: file.to_owned(), source: source.into() }
}

/// Reads and checks the files; all that can be known before a connection is checked here.
pub(crate) fn load(files: &TlsFiles, clock: &Clock) -> Result<Tls, Error> {
    let chain = certificates(&files.certificate)?;
    // `certificates` gives at least one.
    if let Some(own) = chain.first() {
        CertificateIdentity::read(own).map_err(|e| fail(TlsCheck::Certificate, &files.certificate, e))?;
        check_validity(own, clock().utc).map_err(|e| fail(TlsCheck::Validity, &files.certificate, e))?;
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| fail(TlsCheck::Readable, &files.key, e))?;
    if let Ok(metadata) = std::fs::metadata(&files.key)
        && metadata.mode() & 0o077 != 0
    {
        tracing::warn!(file = %files.key.display(), mode = format!("{:o}", metadata.mode() & 0o777), "the TLS key can be read by others");
    }
    let mut roots = RootCertStore::empty();
    for root in certificates(&files.roots)? {
        roots.add(root).map_err(|e| fail(TlsCheck::Roots, &files.roots, e))?;
    }
    let roots = Arc::new(roots);
    let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
    let time = Arc::new(BridgeTime(Arc::clone(clock)));

    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
        .build()
        .map_err(|e| fail(TlsCheck::Roots, &files.roots, e))?;
    let mut server = ServerConfig::builder_with_details(Arc::clone(&provider), Arc::clone(&time) as Arc<dyn TimeProvider>)
        .with_safe_default_protocol_versions()
        .map_err(|e| fail(TlsCheck::KeyMatches, &files.key, e))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain.clone(), key.clone_key())
        .map_err(|e| fail(TlsCheck::KeyMatches, &files.key, e))?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];

    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .build()
        .map_err(|e| fail(TlsCheck::Roots, &files.roots, e))?;
    let mut client = ClientConfig::builder_with_details(provider, time)
        .with_safe_default_protocol_versions()
        .map_err(|e| fail(TlsCheck::KeyMatches, &files.key, e))?
        .with_webpki_verifier(verifier)
        .with_client_auth_cert(chain, key)
        .map_err(|e| fail(TlsCheck::KeyMatches, &files.key, e))?;
    client.alpn_protocols = vec![b"http/1.1".to_vec()];

    Ok(Tls { acceptor: TlsAcceptor::from(Arc::new(server)), connector: TlsConnector::from(Arc::new(client)) })
}

/// The client's end of TLS for a webhook: roots of its own, a certificate only if one is configured.
pub(crate) fn hook_connector(files: &HookTls, clock: &Clock) -> Result<TlsConnector, Error> {
    let mut roots = RootCertStore::empty();
    for root in certificates(&files.roots)? {
        roots.add(root).map_err(|e| fail(TlsCheck::Roots, &files.roots, e))?;
    }
    let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|e| fail(TlsCheck::Roots, &files.roots, e))?;
    let builder = ClientConfig::builder_with_details(provider, Arc::new(BridgeTime(Arc::clone(clock))))
        .with_safe_default_protocol_versions()
        .map_err(|e| fail(TlsCheck::Roots, &files.roots, e))?
        .with_webpki_verifier(verifier);
    let mut client = match &files.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = certificates(certificate)?;
            let read = PrivateKeyDer::from_pem_file(key).map_err(|e| fail(TlsCheck::Readable, key, e))?;
            builder.with_client_auth_cert(chain, read).map_err(|e| fail(TlsCheck::KeyMatches, key, e))?
        }
    };
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(client)))
}

/// The certificates of a PEM file: at least one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read = CertificateDer::pem_file_iter(file)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|e| fail(TlsCheck::Readable, file, e))?;
    if read.is_empty() {
        return Err(fail(TlsCheck::Readable, file, "no CERTIFICATE section"));
    }
    Ok(read)
}
