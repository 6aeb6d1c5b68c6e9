//! Who may connect to whom, and what a refusal says.

use std::sync::Arc;

use bridge_northbound::{CertificateIdentity, Config, Error, TlsCheck, TlsFiles};
use bridge_session::Ack;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::TlsConnector;

use crate::kit::*;

fn unreachable(ack: Ack) -> String {
    match ack {
        Ack::Unreachable(cause) => cause,
        other => panic!("{other:?}"),
    }
}

/// One GET over TLS with an independent client; the answer, or why there is none.
async fn get(port: u16, roots: &TlsFiles, own: Option<&TlsFiles>, version: &'static SupportedProtocolVersion) -> Result<String, String> {
    let mut store = RootCertStore::empty();
    store.add(CertificateDer::from_pem_file(&roots.roots).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(store);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some(files) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_file(&files.certificate).unwrap()],
                PrivateKeyDer::from_pem_file(&files.key).unwrap(),
            )
            .unwrap(),
    };
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(|e| e.to_string())?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").await.map_err(|e| e.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.map_err(|e| e.to_string())?;
    Ok(answer)
}

#[tokio::test]
async fn a_client_needs_a_certificate_under_our_roots() {
    let (ours, others) = (Pki::new(), Pki::new());
    let server = node(Config { tls: Some(ours.issue(Some(LDC), "ldc")), ..Config::default() }).await;
    let (good, stranger) = (ours.issue(None, "good"), others.issue(None, "stranger"));
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let port = server.port();
        assert!(get(port, &good, Some(&good), version).await.unwrap().starts_with("HTTP/1.1 200"));
        let missing = get(port, &good, None, version).await.unwrap_err();
        assert!(missing.contains("CertificateRequired") || missing.contains("HandshakeFailure") || missing.contains("alert"), "{missing}");
        let wrong = get(port, &good, Some(&stranger), version).await.unwrap_err();
        assert!(wrong.contains("alert") || wrong.contains("reset"), "{wrong}");
    }
}

#[tokio::test]
async fn our_client_refuses_a_server_under_another_root() {
    let (ours, others) = (Pki::new(), Pki::new());
    let mut server = node(Config { tls: Some(others.issue(Some(LDC), "ldc")), ..Config::default() }).await;
    let peers = vec![tls_peer(server.port(), None)];
    let mut client = node(Config { tls: Some(ours.issue(Some(GENCO), "genco")), peers, ..Config::default() }).await;
    let cause = unreachable(client.try_update().await);
    assert!(cause.contains("TLS handshake") && cause.contains("UnknownIssuer"), "{cause}");
    client.subscribe(None).await;
    assert!(client.lost().await.contains("UnknownIssuer"));
    assert!(server.inbound.try_recv().is_err(), "nothing was sent");
}

#[tokio::test]
async fn the_peer_must_be_who_it_should_be() {
    let pki = Pki::new();
    let files = pki.issue(Some(LDC), "ldc");
    let fingerprint =
        CertificateIdentity::read(&CertificateDer::from_pem_file(&files.certificate).unwrap()).unwrap().fingerprint().to_owned();
    let mut server = node(Config { tls: Some(files), ..Config::default() }).await;
    let port = server.port();
    let own = pki.issue(Some(GENCO), "genco");
    for wrong in [GENCO, "ldc", "sha256:00"] {
        let peers = vec![tls_peer(port, Some(wrong))];
        let mut client = node(Config { tls: Some(own.clone()), peers, ..Config::default() }).await;
        let cause = unreachable(client.try_update().await);
        assert!(cause.contains(LDC) && cause.contains(&fingerprint) && cause.contains(wrong), "{cause}");
    }
    assert!(server.inbound.try_recv().is_err(), "nothing was sent");
    let mut peer = tls_peer(port, None);
    peer.server_name = Some("elsewhere.example".into());
    let mut client = node(Config { tls: Some(own.clone()), peers: vec![peer], ..Config::default() }).await;
    let cause = unreachable(client.try_update().await);
    assert!(cause.contains("elsewhere.example"), "{cause}");
    for right in [LDC, &fingerprint] {
        let peers = vec![tls_peer(port, Some(right))];
        let mut client = node(Config { tls: Some(own.clone()), peers, ..Config::default() }).await;
        client.deliver(SINK, 1, "update", "{}").await;
        let request = server.door().await;
        server.reply(request.id, 200, "{}").await;
        assert_eq!(client.delivered().await.ack, Ack::Ack, "{right}");
    }
}

#[tokio::test]
async fn a_client_is_named_by_uri_then_common_name_then_fingerprint() {
    let pki = Pki::new();
    let nameless = pki.issue_with(None, "", |params| params.distinguished_name = rcgen::DistinguishedName::new());
    let print = CertificateIdentity::read(&CertificateDer::from_pem_file(&nameless.certificate).unwrap()).unwrap().fingerprint().to_owned();
    assert_eq!(print.len(), "sha256:".len() + 64);
    let mut server = node(Config { tls: Some(pki.issue(Some(LDC), "ldc")), ..Config::default() }).await;
    let peers = vec![tls_peer(server.port(), None)];
    for (files, name) in [(pki.issue(Some(GENCO), "cn"), GENCO), (pki.issue(None, "cn"), "cn"), (nameless, print.as_str())] {
        let client = node(Config { tls: Some(files), peers: peers.clone(), ..Config::default() }).await;
        client.deliver(SINK, 1, "update", "{}").await;
        assert_eq!(server.door().await.tls_identity.as_deref(), Some(name));
    }
}

#[tokio::test]
async fn bad_files_are_named_with_the_check_that_failed() {
    let pki = Pki::new();
    let good = pki.issue(Some(LDC), "ldc");
    let other = pki.issue(None, "other");
    let expired = pki.issue_with(None, "old", |p| p.not_after = rcgen::date_time_ymd(2026, 11, 21));
    let early = pki.issue_with(None, "new", |p| p.not_before = rcgen::date_time_ymd(2026, 11, 23));
    let missing = good.roots.with_file_name("missing.pem");
    let cases = [
        (TlsFiles { certificate: missing.clone(), ..good.clone() }, TlsCheck::Readable, missing.clone()),
        (TlsFiles { key: missing.clone(), ..good.clone() }, TlsCheck::Readable, missing.clone()),
        (TlsFiles { roots: missing.clone(), ..good.clone() }, TlsCheck::Readable, missing.clone()),
        (TlsFiles { roots: good.key.clone(), ..good.clone() }, TlsCheck::Readable, good.key.clone()),
        (TlsFiles { key: good.certificate.clone(), ..good.clone() }, TlsCheck::Readable, good.certificate.clone()),
        (TlsFiles { key: other.key.clone(), ..good.clone() }, TlsCheck::KeyMatches, other.key.clone()),
        (expired.clone(), TlsCheck::Validity, expired.certificate.clone()),
        (early.clone(), TlsCheck::Validity, early.certificate.clone()),
    ];
    for (files, expected, named) in cases {
        let error = try_node(Config { tls: Some(files), ..Config::default() }).await.err().expect("refused");
        assert!(error.to_string().contains(&named.display().to_string()), "{error}");
        let Error::Tls { check, .. } = error else { panic!("{error}") };
        assert_eq!(check, expected, "{error}");
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_cut() {
    let pki = Pki::new();
    let config = Config { handshake_timeout: std::time::Duration::from_millis(300), ..Config::default() };
    let server = node(Config { tls: Some(pki.issue(None, "ldc")), ..config }).await;
    let mut tasks = JoinSet::new();
    let port = server.port();
    tasks.spawn(async move { raw(port, b"\x16\x03\x01").await });
    assert_eq!(tasks.join_next().await.unwrap().unwrap(), "");
}

#[tokio::test]
async fn a_server_that_does_not_shake_hands_is_unreachable() {
    let pki = Pki::new();
    let peer = fake(|_, stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let config = Config { connect_timeout: std::time::Duration::from_millis(300), ..Config::default() };
    let peers = vec![tls_peer(peer.port, None)];
    let mut client = node(Config { tls: Some(pki.issue(None, "genco")), peers, ..config }).await;
    assert!(unreachable(client.try_update().await).contains("within 300ms"));
}
