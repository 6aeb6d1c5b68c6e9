//! Peers that speak TLS with another driver, believe everybody, and show what they are told to show.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::papers::Paper;
use crate::kit::SOON;

pub(crate) const TLS12: &SupportedProtocolVersion = &rustls::version::TLS12;
pub(crate) const TLS13: &SupportedProtocolVersion = &rustls::version::TLS13;

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Believes everybody: what is tested is the other side.
#[derive(Debug)]
struct Trusting;

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Trusting {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }
    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

fn chain(paper: &Paper) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_slice_iter(paper.certificate.as_bytes()).map(Result::unwrap).collect();
    (chain, PrivateKeyDer::from_pem_slice(paper.key.as_bytes()).unwrap())
}

/// The key of a paper, whether or not this library would take it.
#[derive(Debug)]
struct Shown(Option<Arc<rustls::sign::CertifiedKey>>);

impl rustls::client::ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        self.0.clone()
    }
    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

impl rustls::server::ResolvesServerCert for Shown {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
        self.0.clone()
    }
}

/// A certificate whose key the library refuses is signed for with another key: nobody here looks at signatures before certificates.
fn shown(paper: Option<&Paper>) -> Arc<Shown> {
    let certified = paper.map(|paper| {
        let (chain, key) = chain(paper);
        let own = provider().key_provider.load_private_key(key);
        let key = own.unwrap_or_else(|_| {
            let other = rcgen::KeyPair::generate().unwrap();
            provider().key_provider.load_private_key(PrivateKeyDer::from_pem_slice(other.serialize_pem().as_bytes()).unwrap()).unwrap()
        });
        Arc::new(rustls::sign::CertifiedKey::new(chain, key))
    });
    Arc::new(Shown(certified))
}

pub(crate) fn client_config(
    paper: Option<&Paper>,
    versions: &[&'static SupportedProtocolVersion],
    provider: Arc<CryptoProvider>,
) -> ClientConfig {
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting))
        .with_client_cert_resolver(shown(paper))
}

pub(crate) fn server_config(paper: &Paper, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
    ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .unwrap()
        .with_client_cert_verifier(Arc::new(Trusting))
        .with_cert_resolver(shown(Some(paper)))
}

/// Until somebody listens there.
pub(crate) async fn plain(to: SocketAddr) -> TcpStream {
    let began = Instant::now();
    loop {
        if let Ok(stream) = TcpStream::connect(to).await {
            stream.set_nodelay(true).unwrap();
            return stream;
        }
        assert!(began.elapsed() < SOON, "nobody listens at {to}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A peer behind TLS.
pub(crate) struct TlsPeer<S = TcpStream>(pub(crate) tokio_rustls::TlsStream<S>);

impl TlsPeer {
    /// Calls a link of ours. The handshake may fail here or, in TLS 1.3, at the first read.
    pub(crate) async fn call(to: SocketAddr, paper: Option<&Paper>, versions: &[&'static SupportedProtocolVersion]) -> io::Result<Self> {
        Self::call_on(plain(to).await, paper, versions).await
    }

    /// Takes the next call of a link of ours.
    pub(crate) async fn answer(listener: &TcpListener, paper: &Paper, versions: &[&'static SupportedProtocolVersion]) -> io::Result<Self> {
        let (stream, _) = tokio::time::timeout(SOON, listener.accept()).await.expect("somebody connects")?;
        stream.set_nodelay(true)?;
        Self::answer_on(stream, paper, versions).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsPeer<S> {
    pub(crate) async fn call_on(stream: S, paper: Option<&Paper>, versions: &[&'static SupportedProtocolVersion]) -> io::Result<Self> {
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client_config(paper, versions, provider())));
        let name = ServerName::try_from("rtu-7.example").unwrap();
        let stream = tokio::time::timeout(SOON, connector.connect(name, stream)).await.expect("a handshake in time")?;
        Ok(Self(stream.into()))
    }

    pub(crate) async fn answer_on(stream: S, paper: &Paper, versions: &[&'static SupportedProtocolVersion]) -> io::Result<Self> {
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server_config(paper, versions)));
        let stream = tokio::time::timeout(SOON, acceptor.accept(stream)).await.expect("a handshake in time")?;
        Ok(Self(stream.into()))
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
        self.0.flush().await.unwrap();
    }

    pub(crate) async fn expect(&mut self, bytes: &[u8]) {
        let mut read = vec![0; bytes.len()];
        let all = tokio::time::timeout(SOON, self.0.read_exact(&mut read)).await.expect("an answer in time");
        all.unwrap();
        assert_eq!(read, bytes);
    }

    pub(crate) async fn ping(&mut self) {
        self.send(b"P").await;
        self.expect(b"p").await;
    }

    /// What ends the connection: `Ok(0)` for a TLS goodbye.
    pub(crate) async fn end(&mut self) -> Result<usize, ErrorKind> {
        let read = tokio::time::timeout(SOON, self.0.read(&mut [0; 64])).await.expect("the connection ends in time");
        read.map_err(|error| error.kind())
    }

    /// The error in words that ends the connection.
    pub(crate) async fn lament(&mut self) -> String {
        loop {
            match tokio::time::timeout(SOON, self.0.read(&mut [0; 64])).await.expect("the connection ends in time") {
                Ok(0) => return "an end".to_owned(),
                Ok(_) => {}
                Err(error) => return error.to_string(),
            }
        }
    }

    /// The fingerprint of what the other side showed.
    pub(crate) fn sees(&self) -> [u8; 32] {
        let (_, common) = self.0.get_ref();
        bridge_trust::sha256(&common.peer_certificates().unwrap()[0])
    }
}

/// A socket that sends one octet at a time.
pub(crate) struct Dribble(pub(crate) TcpStream);

impl AsyncRead for Dribble {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Dribble {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, &bytes[..bytes.len().min(1)])
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
