use std::io::Write as _;
use std::time::Duration;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, version};
use rustls_pki_types::PrivateKeyDer;
use socket2::SockRef;
use tokio::net::TcpListener;

use super::*;

/// The two ends of a handshake in TLS 1.3 that the client believes to be over, and the certificate: it has shown none, and the server insists.
fn handshake() -> (ClientConnection, ServerConnection, CertificateDer<'static>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["rtu-7.example".to_owned()]).unwrap().self_signed(&key).unwrap().der().clone();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(default_provider());
    let insists = WebPkiClientVerifier::builder_with_provider(Arc::new(roots.clone()), Arc::clone(&provider)).build().unwrap();
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&version::TLS13])
        .unwrap()
        .with_client_cert_verifier(insists)
        .with_single_cert(vec![certificate.clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("rtu-7.example").unwrap();
    let (mut client, mut server) =
        (ClientConnection::new(Arc::new(client), name).unwrap(), ServerConnection::new(Arc::new(server)).unwrap());
    let mut octets = Vec::new();
    while client.is_handshaking() {
        while client.wants_write() {
            client.write_tls(&mut octets).unwrap();
        }
        server.read_tls(&mut std::mem::take(&mut octets).as_slice()).unwrap();
        server.process_new_packets().unwrap();
        while server.wants_write() {
            server.write_tls(&mut octets).unwrap();
        }
        client.read_tls(&mut std::mem::take(&mut octets).as_slice()).unwrap();
        client.process_new_packets().unwrap();
    }
    while client.wants_write() {
        client.write_tls(&mut octets).unwrap();
    }
    server.read_tls(&mut octets.as_slice()).unwrap();
    assert!(server.process_new_packets().is_err(), "the server insists on a certificate");
    (client, server, certificate)
}

/// What a write says of a connection that the peer closed with a reset after these octets, before the runtime has heard of either.
async fn write_after(client: ClientConnection, certificate: &CertificateDer<'_>, last: &[u8]) -> io::Error {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let mut peer = listener.accept().await.unwrap().0.into_std().unwrap();
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    peer.write_all(last).unwrap();
    drop(peer);
    let mut ours = TlsStream { stream, tls: client.into(), facts: Facts::read(certificate).unwrap() };
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(matches!(ours.poll_write(&mut cx, b"start"), Poll::Ready(Ok(5))));
    let Poll::Ready(Err(error)) = ours.poll_flush(&mut cx) else { panic!("the connection is reset") };
    error
}

#[tokio::test]
async fn a1_r72_a_refusal_that_our_first_octets_crossed_is_told_all_the_same() {
    let (client, mut server, certificate) = handshake();
    let mut alert = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut alert).unwrap();
    }
    let error = write_after(client, &certificate, &alert).await;
    let refusal = error.get_ref().and_then(|inner| inner.downcast_ref::<Refusal>()).unwrap_or_else(|| panic!("{error:?}"));
    assert!(refusal.text.contains("CertificateRequired") && refusal.text.contains("it got no certificate from us"), "{refusal}");
}

#[tokio::test]
async fn a_reset_without_a_word_stays_a_reset() {
    let (client, _, certificate) = handshake();
    let error = write_after(client, &certificate, &[]).await;
    assert!(matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe), "{error:?}");
}
