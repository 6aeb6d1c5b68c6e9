//! TLS on one socket, polled by hand: nothing in here waits.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bridge_model::{Mono, Now, Utc};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{
    ClientConfig, ClientConnection, Connection, DigitallySignedStruct, DistinguishedName, ServerConfig, ServerConnection, SignatureScheme,
    SupportedProtocolVersion,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use socket2::SockRef;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

use super::allow::AllowList;
use super::certificate::Facts;
use super::material::{Material, Usage};
use super::{Check, Refusal, Tls, TlsVersion};

/// How long a handshake may take (as IEC 60870-5-104 clause 9.6 t0 bounds the connecting before it).
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Octets of one handshake from the peer.
pub const HANDSHAKE_BYTES: usize = 128 << 10;

/// Reads after a failed write, each of what the library takes at a time.
const LAST_READS: usize = 8;

/// Judges the peer within the handshake, and remembers in words what it found.
struct Judge {
    material: Arc<Material>,
    /// Of these lists one must have the peer.
    lists: Vec<Arc<AllowList>>,
    /// Without any list, who is good and carries the name that was asked for is the one.
    named: bool,
    peer: SocketAddr,
    now: Utc,
    verdict: Verdict,
}

type Verdict = Arc<Mutex<Option<Result<Facts, Refusal>>>>;

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl Judge {
    fn judge(&self, first: &CertificateDer<'_>, rest: &[CertificateDer<'_>], usage: Usage) -> Result<(), rustls::Error> {
        let chain: Vec<CertificateDer<'_>> = std::iter::once(first).chain(rest).cloned().collect();
        let judged = self.material.judge(&chain, usage, self.peer, self.now).and_then(|facts| {
            let open = self.named && !self.material.listed;
            if !open {
                Material::allowed(&facts, &self.lists, self.peer)?;
            }
            Ok(facts)
        });
        let told = judged.as_ref().map(|_| ()).map_err(Refusal::to_error);
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = Some(judged);
        told
    }

    fn signed(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
        verify: fn(
            &[u8],
            &CertificateDer<'_>,
            &DigitallySignedStruct,
            &rustls::crypto::WebPkiSupportedAlgorithms,
        ) -> Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify(message, cert, dss, &self.material.provider.signature_verification_algorithms)
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.material.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Judge {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.material.root_names
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.judge(end_entity, intermediates, Usage::Client).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signed(message, cert, dss, verify_tls12_signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signed(message, cert, dss, verify_tls13_signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.judge(end_entity, intermediates, Usage::Server).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signed(message, cert, dss, verify_tls12_signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signed(message, cert, dss, verify_tls13_signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

/// The library reads no clock: this is the one that the driver read.
#[derive(Debug)]
struct Read(UnixTime);

impl TimeProvider for Read {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0)
    }
}

static FROM_12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];
static FROM_13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

fn versions(min: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    match min {
        TlsVersion::V12 => FROM_12,
        TlsVersion::V13 => FROM_13,
    }
}

/// A handshake under way.
pub(crate) struct Handshake {
    pub(crate) peer: SocketAddr,
    /// Given up then.
    pub(crate) until: Mono,
    stream: TcpStream,
    tls: Connection,
    verdict: Verdict,
    read: usize,
}

impl Handshake {
    /// We connected. The lists of `material` bind; with none the name of the configuration does.
    pub(crate) fn client(stream: TcpStream, peer: SocketAddr, tls: &Tls, material: &Arc<Material>, now: Now) -> io::Result<Self> {
        let (judge, verdict) = judge(material, vec![Arc::clone(&material.allow)], material.server_name.is_some(), peer, now);
        let mut config = ClientConfig::builder_with_details(Arc::clone(&material.provider), Arc::new(read(now)))
            .with_protocol_versions(versions(tls.min_version))
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(judge)
            .with_client_cert_resolver(Arc::clone(&material.own) as Arc<dyn rustls::client::ResolvesClientCert>);
        config.resumption = Resumption::disabled();
        let name = material.server_name.clone().unwrap_or_else(|| ServerName::IpAddress(peer.ip().into()));
        let tls = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        Self::new(stream, peer, tls.into(), verdict, now)
    }

    /// It connected to us. One of the lists must have it.
    pub(crate) fn server(
        stream: TcpStream,
        peer: SocketAddr,
        tls: &Tls,
        material: &Arc<Material>,
        lists: Vec<Arc<AllowList>>,
        now: Now,
    ) -> io::Result<Self> {
        let (judge, verdict) = judge(material, lists, false, peer, now);
        let mut config = ServerConfig::builder_with_details(Arc::clone(&material.provider), Arc::new(read(now)))
            .with_protocol_versions(versions(tls.min_version))
            .map_err(io::Error::other)?
            .with_client_cert_verifier(judge)
            .with_cert_resolver(Arc::clone(&material.own) as Arc<dyn rustls::server::ResolvesServerCert>);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        let tls = ServerConnection::new(Arc::new(config)).map_err(io::Error::other)?;
        Self::new(stream, peer, tls.into(), verdict, now)
    }

    fn new(stream: TcpStream, peer: SocketAddr, tls: Connection, verdict: Verdict, now: Now) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { peer, until: now.mono + HANDSHAKE_TIMEOUT, stream, tls, verdict, read: 0 })
    }

    /// Ready when both sides are who they should be, or when it failed; a failure has told the peer its alert.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        loop {
            let mut wire = Wire { stream: &mut self.stream, cx };
            while self.tls.wants_write() {
                match self.tls.write_tls(&mut wire) {
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                    Err(error) => {
                        let said = last_words(&self.stream, &mut self.tls);
                        return Poll::Ready(Err(said.unwrap_or_else(|| broken(&error))));
                    }
                }
            }
            if !self.tls.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            match self.tls.read_tls(&mut wire) {
                Ok(0) => {
                    let text =
                        "the peer closed during the TLS handshake: it may not speak TLS, or refuses us without saying why; see its log";
                    return Poll::Ready(Err(Refusal::new(Check::Protocol, text)));
                }
                Ok(count) => self.read += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(broken(&error))),
            }
            let processed = self.tls.process_new_packets();
            if let Err(error) = processed {
                say_alert(&mut self.tls, &mut wire);
                let refused = self.verdict().and_then(Result::err);
                return Poll::Ready(Err(refused.unwrap_or_else(|| Refusal::from_error(&error))));
            }
            if self.read > HANDSHAKE_BYTES {
                let text = format!("a TLS handshake of more than {HANDSHAKE_BYTES} octets");
                return Poll::Ready(Err(Refusal::new(Check::Protocol, text)));
            }
        }
    }

    fn verdict(&self) -> Option<Result<Facts, Refusal>> {
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The stream of a handshake that is done.
    pub(crate) fn into_stream(self) -> Result<TlsStream, Refusal> {
        let verdict = self.verdict();
        let facts = verdict.unwrap_or_else(|| Err(Refusal::from_error(&rustls::Error::NoCertificatesPresented)))?;
        Ok(TlsStream { stream: self.stream, tls: self.tls, facts })
    }
}

fn read(now: Now) -> Read {
    let nanos = u64::try_from(now.utc.0).unwrap_or(0);
    Read(UnixTime::since_unix_epoch(Duration::from_nanos(nanos)))
}

fn judge(material: &Arc<Material>, lists: Vec<Arc<AllowList>>, named: bool, peer: SocketAddr, now: Now) -> (Arc<Judge>, Verdict) {
    let verdict = Verdict::default();
    let judge = Judge { material: Arc::clone(material), lists, named, peer, now: now.utc, verdict: Arc::clone(&verdict) };
    (Arc::new(judge), verdict)
}

fn broken(error: &io::Error) -> Refusal {
    Refusal::new(Check::Protocol, format!("the connection broke during the TLS handshake: {error}"))
}

/// An open TLS connection whose peer is known.
pub(crate) struct TlsStream {
    pub(crate) stream: TcpStream,
    tls: Connection,
    pub(crate) facts: Facts,
}

impl TlsStream {
    /// One read. `Ready(Ok(0))`: the peer said goodbye.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    let text = "ended without a TLS goodbye: cut off, or the peer crashed";
                    return Poll::Ready(Err(io::Error::new(error.kind(), text)));
                }
                read => return Poll::Ready(read),
            }
            let mut wire = Wire { stream: &mut self.stream, cx };
            match self.tls.read_tls(&mut wire) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
            let processed = self.tls.process_new_packets();
            if let Err(error) = processed {
                say_alert(&mut self.tls, &mut wire);
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, Refusal::from_error(&error))));
            }
        }
    }

    /// Takes some of the octets to send. `Ready(Ok(0))` never.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.tls.writer().write(octets)? {
                // Its buffer is full.
                0 => ready!(self.poll_flush(cx))?,
                count => return Poll::Ready(Ok(count)),
            }
        }
    }

    /// `Ready(Ok(()))`: all that was taken is with the kernel.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wire = Wire { stream: &mut self.stream, cx };
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut wire) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => {
                    let said = last_words(&self.stream, &mut self.tls);
                    return Poll::Ready(Err(said.map_or(error, |refusal| io::Error::new(io::ErrorKind::InvalidData, refusal))));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Says that nothing more comes, as far as the kernel takes it now.
    pub(crate) fn say_goodbye(&mut self) {
        self.tls.send_close_notify();
        // If this fails the peer sees an end without a goodbye: it reconnects either way.
        let _ = self.poll_flush(&mut Context::from_waker(std::task::Waker::noop()));
    }

    /// Takes new keys, and asks the peer for the same, where the version permits. `false`: it does not.
    pub(crate) fn rekey(&mut self) -> bool {
        self.tls.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3) && self.tls.refresh_traffic_keys().is_ok()
    }

    /// What the peer showed.
    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        self.tls.peer_certificates().unwrap_or_default()
    }

    /// `TLS 1.3` and the like, for the log.
    pub(crate) fn version(&self) -> &'static str {
        match self.tls.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
            Some(_) | None => "TLS",
        }
    }
}

/// Why the peer closed, if it said so. In TLS 1.3 a client's first octets cross the server's refusal, and the write fails while the alert lies
/// unread in the kernel; the runtime has not heard of it yet and would not read it, so the socket is asked directly.
fn last_words(stream: &TcpStream, tls: &mut Connection) -> Option<Refusal> {
    let socket = SockRef::from(stream);
    for _ in 0..LAST_READS {
        if !matches!(tls.read_tls(&mut &*socket), Ok(1..)) {
            return None;
        }
        if let Err(error) = tls.process_new_packets() {
            return Some(Refusal::from_error(&error));
        }
    }
    None
}

/// Writes the alert that the library prepared. If it does not fit into the kernel now, the peer sees an end only.
fn say_alert(tls: &mut Connection, wire: &mut Wire<'_, '_>) {
    while tls.wants_write() && tls.write_tls(wire).is_ok_and(|count| count > 0) {}
}

/// The socket, as the library reads and writes it: what would wait is `WouldBlock`, and the task is woken.
struct Wire<'a, 'b> {
    stream: &'a mut TcpStream,
    cx: &'a mut Context<'b>,
}

impl io::Read for Wire<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        match Pin::new(&mut *self.stream).poll_read(self.cx, &mut buffer) {
            Poll::Ready(read) => read.map(|()| buffer.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl io::Write for Wire<'_, '_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match Pin::new(&mut *self.stream).poll_write(self.cx, octets) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn write_vectored(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        match Pin::new(&mut *self.stream).poll_write_vectored(self.cx, pieces) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
