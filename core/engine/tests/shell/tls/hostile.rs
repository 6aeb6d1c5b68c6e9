//! B1 36 and its relatives: what a peer can do wrong below the session.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use bridge_engine::shell::{HANDSHAKE_TIMEOUT, HANDSHAKES_PER_PEER, Tls};
use rustls::ConnectionTrafficSecrets;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::good::{connect, listen};
use super::papers::{Paper, Town, files};
use super::peers::{Dribble, TLS12, TLS13, TlsPeer, client_config, plain, provider};
use crate::kit::{Peer, Toy, free, link, listener, start, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b1_36_records_split_into_single_octets_are_whole_again() {
    let town = Town::new();
    for version in [TLS12, TLS13] {
        let addr = free().await;
        let rig = start(vec![link(0, listen(addr, town.server_files()), Toy::default)]);
        let mut peer = TlsPeer::call_on(Dribble(plain(addr).await), Some(&town.client), &[version]).await.unwrap();
        for _ in 0..20 {
            peer.ping().await;
        }
        rig.stop().await;

        let (listener, addr) = listener().await;
        let rig = start(vec![link(0, connect(addr, town.client_files()), Toy::default)]);
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut peer = TlsPeer::answer_on(Dribble(stream), &town.server, &[version]).await.unwrap();
        for _ in 0..20 {
            peer.ping().await;
        }
        rig.stop().await;
    }
}

/// A chain of some large certificates after a good one.
fn chain(town: &Town, first: &Paper, more: usize, names: usize) -> Paper {
    let large = town.authority.issue_with("large", 8, |params| {
        let name = |n: usize| rcgen::SanType::DnsName(format!("a-name-of-some-length-{n:05}.of-a-station.example").try_into().unwrap());
        params.subject_alt_names = (0..names).map(name).collect();
    });
    Paper { certificate: format!("{}{}", first.certificate, large.certificate.repeat(more)), ..first.clone() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b1_36_a_chain_of_64_kb_is_refused_by_name_and_hurts_nobody() {
    let (town, addr) = (Town::new(), free().await);
    let rig = start(vec![link(0, listen(addr, town.server_files()), Toy::default)]);
    let mut good = TlsPeer::call(addr, Some(&town.client), &[TLS13]).await.unwrap();
    let over = chain(&town, &town.client, 7, 250);
    assert!(over.certificate.len() > 90_000, "{} characters of PEM", over.certificate.len());
    for version in [TLS12, TLS13] {
        if let Ok(mut peer) = TlsPeer::call(addr, Some(&over), &[version]).await {
            assert_ne!(peer.lament().await, "");
        }
    }
    let size = |rig: &crate::kit::Rig| rig.book.says(0, &["65,535 octets", "shorten the peer's certificate chain"]);
    until("its size is told", || size(&rig)).await;
    let many = chain(&town, &town.client, 12, 10);
    assert!(TlsPeer::call(addr, Some(&many), &[TLS12]).await.is_err());
    until("its length is told", || rig.book.says(0, &["a chain of 13 certificates, at most 8"])).await;
    good.ping().await;
    rig.stop().await;
}

/// A large chain below the limit is read, and refused or not for what it says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b1_36_a_large_chain_below_the_limit_is_judged_by_what_it_says() {
    let (town, addr) = (Town::new(), free().await);
    let rig = start(vec![link(0, listen(addr, town.server_files()), Toy::default)]);
    let large = chain(&town, &town.client, 5, 180);
    TlsPeer::call(addr, Some(&large), &[TLS13]).await.unwrap().ping().await;
    rig.stop().await;
}

/// A client that shook hands in TLS 1.2 and then asks for new handshakes inside the session, as often as it likes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b1_36_a_flood_of_renegotiations_is_refused() {
    let (town, addr) = (Town::new(), free().await);
    let rig = start(vec![link(0, listen(addr, town.server_files()), Toy::default)]);
    drop(plain(addr).await);
    let client = town.client.clone();
    let flooded = tokio::task::spawn_blocking(move || flood(addr, &client)).await.unwrap();
    assert!(flooded < 100, "{flooded} renegotiations and no end");
    until("it is told", || rig.book.says(0, &["lost", "renegotiation", "switch it off at the peer"])).await;
    TlsPeer::call(addr, Some(&town.client), &[TLS13]).await.unwrap().ping().await;
    rig.stop().await;
}

/// Sends hellos inside the session until it ends; gives their number.
fn flood(addr: std::net::SocketAddr, paper: &Paper) -> usize {
    let mut suites = (*provider()).clone();
    suites.cipher_suites.retain(|suite| format!("{:?}", suite.suite()).contains("CHACHA20"));
    let mut config = client_config(Some(paper), &[TLS12], Arc::new(suites));
    config.enable_secret_extraction = true;
    let mut tls = rustls::ClientConnection::new(Arc::new(config), ServerName::try_from("rtu-7.example").unwrap()).unwrap();
    let mut stream = std::net::TcpStream::connect(addr).unwrap();
    stream.set_nodelay(true).unwrap();
    while tls.is_handshaking() || tls.wants_write() {
        tls.complete_io(&mut stream).unwrap();
    }
    let secrets = tls.dangerous_extract_secrets().unwrap();
    let (mut number, ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }) = secrets.tx else { panic!("another suite") };
    let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key.as_ref()).unwrap());
    // ClientHello: version, random, no session, one suite, no compression.
    let mut hello = vec![1, 0, 0, 41, 3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xCC, 0xA9, 1, 0]);
    for sent in 0..1000 {
        let mut nonce: [u8; 12] = iv.as_ref().try_into().unwrap();
        for (octet, of) in nonce[4..].iter_mut().zip(u64::to_be_bytes(number)) {
            *octet ^= of;
        }
        let mut bound = number.to_be_bytes().to_vec();
        bound.extend([22, 3, 3, 0, u8::try_from(hello.len()).unwrap()]);
        let mut sealed = hello.clone();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound), &mut sealed).unwrap();
        let mut record = vec![22, 3, 3, 0, u8::try_from(sealed.len()).unwrap()];
        record.extend(sealed);
        number += 1;
        if stream.write_all(&record).is_err() {
            return sent;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    stream.read(&mut [0; 64]).map_or(1000, |_| 1000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r71_who_speaks_without_tls_is_told_from_who_does() {
    let (town, addr) = (Town::new(), free().await);
    let rig = start(vec![link(0, listen(addr, town.server_files()), Toy::default)]);
    let mut peer = Peer::connect(addr).await;
    peer.send(&[0x68, 4, 7, 0, 0, 0]).await;
    until("it is told", || rig.book.says(0, &["127.0.0.1:", "what came is not TLS"])).await;
    assert!(rig.book.events(0).is_empty());
    rig.stop().await;

    // The station answers our hello with 104.
    let (listener, addr) = listener().await;
    let rig = start(vec![link(0, connect(addr, town.client_files()), Toy::default)]);
    let mut peer = Peer::accept(&listener).await;
    peer.send(&[0x68, 4, 7, 0, 0, 0]).await;
    until("it is told", || rig.book.says(0, &["what came is not TLS"])).await;
    rig.stop().await;
}

/// Octets of every kind, from a seed; the link stays, and a good peer is served after them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_octets_before_and_inside_tls_hurt_nobody() {
    let (town, addr) = (Town::new(), free().await);
    let rig = start(vec![link(0, listen(addr, town.server_files()), Toy::default)]);
    let mut seed: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut octet = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.to_le_bytes()[3]
    };
    for round in 0..200_u8 {
        let mut stream = plain(addr).await;
        let mut octets: Vec<u8> = (0..usize::from(octet()) + 1).map(|_| octet()).collect();
        // Half of them look like the beginning of a record.
        if round % 2 == 0 {
            octets.splice(0..0, [22, 3, 1 + round % 4, 0, octet()]);
        }
        // It may have been refused before the end.
        let _ = stream.write_all(&octets).await;
    }
    let began = Instant::now();
    TlsPeer::call(addr, Some(&town.client), &[TLS13]).await.unwrap().ping().await;
    assert!(began.elapsed() < Duration::from_secs(2));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r71_slow_handshakes_keep_nobody_out() {
    let (town, addr) = (Town::new(), free().await);
    let rig = start(vec![link(0, listen(addr, town.server_files()), Toy::default)]);
    let mut slow = Vec::new();
    for _ in 0..3 * HANDSHAKES_PER_PEER {
        let mut stream = plain(addr).await;
        // The beginning of a record.
        stream.write_all(&[22, 3, 1]).await.unwrap();
        slow.push(stream);
    }
    let began = Instant::now();
    TlsPeer::call(addr, Some(&town.client), &[TLS13]).await.unwrap().ping().await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    until("the slow ones are told", || rig.book.says(0, &["its TLS handshake was slow and others waited"])).await;
    rig.stop().await;
}

/// Both roles at once, since it takes its time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r71_a_silent_handshake_ends_in_time() {
    let (town, addr) = (Town::new(), free().await);
    let (silent, silent_addr) = listener().await;
    let rig = start(vec![
        link(0, listen(addr, town.server_files()), Toy::default),
        link(1, connect(silent_addr, town.client_files()), Toy::default),
    ]);
    let mut caller = plain(addr).await;
    let mut called = Peer::accept(&silent).await;
    let began = Instant::now();
    assert_eq!(caller.read(&mut [0; 8]).await.unwrap(), 0);
    let took = began.elapsed();
    assert!(took > HANDSHAKE_TIMEOUT / 2 && took < HANDSHAKE_TIMEOUT * 2, "{took:?}");
    // Its hello, and then the end.
    let mut hello = Vec::new();
    called.0.read_to_end(&mut hello).await.unwrap();
    assert_eq!(hello[0], 22);
    let text = ["the TLS handshake did not end within 10 s", "does it speak TLS on this port?"];
    until("both are told", || rig.book.says(0, &text) && rig.book.says(1, &text)).await;
    rig.stop().await;
}

/// The connection is cut without a goodbye of TLS: the session hears an end, and the log why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_without_goodbye_ends_the_session() {
    let (town, addr) = (Town::new(), free().await);
    let tls: Tls = files(&town.folder, "server", &town.server, &town.authority.pem, &[&town.client.fingerprint]);
    let rig = start(vec![link(0, listen(addr, tls), Toy::default)]);
    let mut peer = TlsPeer::call(addr, Some(&town.client), &[TLS13]).await.unwrap();
    peer.ping().await;
    drop(peer);
    let down = bridge_session::Event::LinkState(bridge_session::LinkState::Down);
    until("the end is told", || rig.book.events(0).contains(&down)).await;
    rig.stop().await;
}
