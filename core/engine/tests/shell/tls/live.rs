//! Files that change while links run, and certificates that end.

use std::time::Duration;

use bridge_engine::shell::{Allow, Tls};

use super::good::{connect, listen};
use super::papers::{Town, files, now};
use super::peers::{TLS12, TLS13, TlsPeer};
use crate::kit::{Toy, free, link, listener, start, until};

const MOMENT: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r72_a_revocation_that_comes_while_running_cuts_the_open_session_off() {
    let (town, addr) = (Town::new(), free().await);
    let mut tls = town.server_files();
    tls.crl = vec![town.folder.write("ca.crl", town.authority.crl(1, &[], 86_400))];
    let rig = start(vec![link(0, listen(addr, tls), Toy::default)]);
    let mut peer = TlsPeer::call(addr, Some(&town.client), &[TLS13]).await.unwrap();
    peer.ping().await;
    town.folder.write("ca.crl", town.authority.crl(2, &[town.client.serial], 86_400));
    assert!(peer.end().await.is_err(), "cut off, not said goodbye to");
    let words = ["cut off", "CN=ems-1", "revoked by CRL number 2 of CN=Test CA,O=Genco"];
    until("the cut is told", || rig.book.says(0, &words)).await;
    assert!(TlsPeer::call(addr, Some(&town.client), &[TLS12]).await.is_err());
    // A list from before the revocation does not bring it back.
    town.folder.write("ca.crl", town.authority.crl(1, &[], 86_400));
    until("the old list is refused", || rig.book.says(0, &["CRL number 1", "is older than number 2", "stay in force"])).await;
    assert!(TlsPeer::call(addr, Some(&town.client), &[TLS12]).await.is_err());
    rig.stop().await;
}

/// A handshake that began before a revocation and ends after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r72_nobody_slips_in_with_a_handshake_from_before_the_revocation() {
    let (town, addr) = (Town::new(), free().await);
    let mut tls = town.server_files();
    tls.crl = vec![town.folder.write("ca.crl", town.authority.crl(1, &[], 86_400))];
    let rig = start(vec![link(0, listen(addr, tls), Toy::default)]);
    let stream = super::peers::plain(addr).await;
    let mut stream = stream.into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    let config = super::peers::client_config(Some(&town.client), &[TLS12], super::peers::provider());
    let name = rustls_pki_types::ServerName::try_from("rtu-7.example").unwrap();
    let mut client = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
    client.write_tls(&mut stream).unwrap();
    // The server's whole flight; ours, with the certificate, and all but its last octets.
    while !client.wants_write() {
        client.read_tls(&mut stream).unwrap();
        client.process_new_packets().unwrap();
    }
    let mut flight = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut flight).unwrap();
    }
    let last = flight.split_off(flight.len() - 5);
    std::io::Write::write_all(&mut stream, &flight).unwrap();
    tokio::time::sleep(MOMENT).await;
    town.folder.write("ca.crl", town.authority.crl(2, &[town.client.serial], 86_400));
    until("the list is read", || rig.book.says(0, &["TLS files read", "CRL number 2"])).await;
    std::io::Write::write_all(&mut stream, &last).unwrap();
    until("it is refused", || rig.book.says(0, &["refused", "CN=ems-1", "revoked by CRL number 2"])).await;
    assert!(rig.book.events(0).is_empty(), "no session ever heard of it");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r72_a_revoked_server_is_left_at_once() {
    let (town, (listener, addr)) = (Town::new(), listener().await);
    let mut tls = town.client_files();
    tls.crl = vec![town.folder.write("ca.crl", town.authority.crl(1, &[], 86_400))];
    let rig = start(vec![link(0, connect(addr, tls), Toy::default)]);
    let mut peer = TlsPeer::answer(&listener, &town.server, &[TLS12]).await.unwrap();
    peer.ping().await;
    town.folder.write("ca.crl", town.authority.crl(2, &[town.server.serial], 86_400));
    assert!(peer.end().await.is_err());
    until("the cut is told", || rig.book.says(0, &["cut off", "CN=rtu-7", "revoked by CRL number 2"])).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r72_key_and_certificate_are_replaced_while_a_session_goes_on() {
    let (town, addr) = (Town::new(), free().await);
    let rig = start(vec![link(0, listen(addr, town.server_files()), Toy::default)]);
    let mut before = TlsPeer::call(addr, Some(&town.client), &[TLS13]).await.unwrap();
    before.ping().await;
    let fresh = town.authority.issue("rtu-7", 70);
    // Between the two files the key does not fit: the old pair stays.
    town.folder.write("server.pem", &fresh.certificate);
    until("the half-done change is told", || {
        rig.book.says(0, &["server.key is not the key of server.pem", "the files before stay in force"])
    })
    .await;
    let during = TlsPeer::call(addr, Some(&town.client), &[TLS13]).await.unwrap();
    assert!(during.sees() == fingerprint(&town.server));
    town.folder.write("server.key", &fresh.key);
    until("the change is told", || rig.book.says(0, &["TLS files read", &fresh.fingerprint_text()])).await;
    let mut after = TlsPeer::call(addr, Some(&town.client), &[TLS13]).await.unwrap();
    assert!(after.sees() == fingerprint(&fresh));
    after.ping().await;
    rig.stop().await;
    // The toy answers its newest connection only; the older one was never closed by us before the end.
    assert_eq!(before.end().await, Ok(0));
}

fn fingerprint(paper: &super::papers::Paper) -> [u8; 32] {
    match paper.fingerprint {
        bridge_engine::shell::Allowed::Fingerprint(octets) => octets,
        bridge_engine::shell::Allowed::Subject(_) | bridge_engine::shell::Allowed::Name(_) => panic!("a fingerprint"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r72_a_broken_new_file_keeps_the_old_one_and_says_so() {
    let (town, addr) = (Town::new(), free().await);
    let rig = start(vec![link(0, listen(addr, town.server_files()), Toy::default)]);
    let mut peer = TlsPeer::call(addr, Some(&town.client), &[TLS13]).await.unwrap();
    town.folder.write("server-roots.pem", "-----BEGIN CERTIFICATE-----\nnonsense\n");
    until("it is told", || rig.book.says(0, &["TLS `roots`: server-roots.pem", "the files before stay in force"])).await;
    peer.ping().await;
    TlsPeer::call(addr, Some(&town.client), &[TLS12]).await.unwrap().ping().await;
    tokio::time::sleep(MOMENT).await;
    let times = rig.book.security(0).iter().filter(|what| what.contains("server-roots.pem")).count();
    assert_eq!(times, 1, "told once, not at every look");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r72_who_is_struck_from_the_list_is_cut_off_and_who_is_added_gets_in() {
    let (town, addr) = (Town::new(), free().await);
    let second = town.authority.issue("ems-2", 2);
    let mut tls = town.server_files();
    let list = |paper: &super::papers::Paper| format!("# who may connect\n{}  # an EMS\n", paper.fingerprint_text());
    tls.allow = Allow { entries: vec![], file: Some(town.folder.write("allow.txt", list(&town.client))) };
    let rig = start(vec![link(0, listen(addr, tls), Toy::default)]);
    let mut first = TlsPeer::call(addr, Some(&town.client), &[TLS13]).await.unwrap();
    first.ping().await;
    assert!(TlsPeer::call(addr, Some(&second), &[TLS12]).await.is_err());
    town.folder.write("allow.txt", list(&second));
    assert!(first.end().await.is_err());
    until("the cut is told", || rig.book.says(0, &["cut off", "CN=ems-1", "is not in `allow`"])).await;
    TlsPeer::call(addr, Some(&second), &[TLS12]).await.unwrap().ping().await;
    rig.stop().await;
}

/// A list that becomes empty lets nobody in, even where a name was asked for too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r72_an_empty_list_is_not_no_list() {
    let (town, (listener, addr)) = (Town::new(), listener().await);
    let file = Some(town.folder.write("allow.txt", town.server.fingerprint_text()));
    let tls = Tls { allow: Allow { entries: vec![], file }, server_name: Some("rtu-7.example".to_owned()), ..town.client_files() };
    let rig = start(vec![link(0, connect(addr, tls), Toy::default)]);
    let mut peer = TlsPeer::answer(&listener, &town.server, &[TLS13]).await.unwrap();
    peer.ping().await;
    town.folder.write("allow.txt", "# nobody\n");
    assert!(peer.end().await.is_err());
    until("the cut is told", || rig.book.says(0, &["cut off", "CN=rtu-7", "is not in `allow`"])).await;
    match TlsPeer::answer(&listener, &town.server, &[TLS12]).await {
        Ok(mut peer) => assert!(peer.lament().await.contains("AccessDenied")),
        Err(error) => assert!(error.to_string().contains("AccessDenied"), "{error}"),
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b1_36_a_client_certificate_that_expires_mid_session_has_its_grace_and_then_an_end() {
    for grace in [Duration::from_secs(1), Duration::from_secs(3600)] {
        let (town, addr) = (Town::new(), free().await);
        let short = town.authority.issue_with("ems-3", 3, |params| params.not_after = now() + Duration::from_secs(2));
        let mut tls = files(&town.folder, "server", &town.server, &town.authority.pem, &[&short.fingerprint]);
        tls.expired_grace = grace;
        let rig = start(vec![link(0, listen(addr, tls), Toy::default)]);
        let mut peer = TlsPeer::call(addr, Some(&short), &[TLS13]).await.unwrap();
        peer.ping().await;
        until("its end is told", || rig.book.says(0, &["CN=ems-3", "expired at 20", "the open session is kept until 20"])).await;
        peer.ping().await;
        assert!(TlsPeer::call(addr, Some(&short), &[TLS12]).await.is_err(), "nobody new with an old certificate");
        if grace == Duration::from_secs(1) {
            assert!(peer.end().await.is_err());
            until("the cut is told", || rig.book.says(0, &["cut off", "CN=ems-3", "expired_grace is over"])).await;
        } else {
            tokio::time::sleep(Duration::from_secs(3)).await;
            peer.ping().await;
            let kept = rig.book.security(0).iter().filter(|what| what.contains("is kept until")).count();
            assert_eq!(kept, 1);
        }
        rig.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r72_an_overdue_revocation_list_is_alarmed_and_after_its_grace_refuses() {
    for (overdue, accepted) in [(3600, true), (2 * 86_400, false)] {
        let (town, addr) = (Town::new(), free().await);
        let mut tls = town.server_files();
        tls.crl = vec![town.folder.write("ca.crl", town.authority.crl(5, &[], -overdue))];
        tls.crl_grace = Duration::from_secs(86_400);
        let rig = start(vec![link(0, listen(addr, tls), Toy::default)]);
        until("it is alarmed", || {
            rig.book.says(0, &["CRL number 5 of CN=Test CA,O=Genco: its next update was due at 20", "fetch a new one"])
        })
        .await;
        let called = TlsPeer::call(addr, Some(&town.client), &[TLS12]).await;
        assert_eq!(called.is_ok(), accepted);
        if !accepted {
            let words = ["CN=ems-1", "whether it is revoked is not known", "crl_grace of 86400 s is over"];
            until("the refusal is told", || rig.book.says(0, &words)).await;
        }
        rig.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_waits_for_good_files_and_then_listens() {
    let (town, addr) = (Town::new(), free().await);
    let tls = town.server_files();
    std::fs::remove_file(&tls.key).unwrap();
    let rig = start(vec![link(0, listen(addr, tls), Toy::default)]);
    until("it is told", || rig.book.says(0, &["TLS `key`: server.key cannot be read", "the link waits for good files"])).await;
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
    town.folder.write("server.key", &town.server.key);
    TlsPeer::call(addr, Some(&town.client), &[TLS12]).await.unwrap().ping().await;
    rig.stop().await;
}

#[test]
fn a_key_that_others_can_read_and_an_end_that_is_near_are_problems() {
    use std::os::unix::fs::PermissionsExt as _;
    let town = Town::new();
    let tls: Tls = town.server_files();
    let utc = bridge_model::Utc(now().unix_timestamp() * 1_000_000_000);
    assert_eq!(tls.problems(utc), []);
    std::fs::set_permissions(&tls.key, std::fs::Permissions::from_mode(0o640)).unwrap();
    let problems = tls.problems(utc);
    assert!(
        problems.len() == 1 && !problems[0].warning && problems[0].text == "server.key has mode 0640: others can read it",
        "{problems:?}"
    );
    std::fs::set_permissions(&tls.key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let near = bridge_model::Utc((now().unix_timestamp() + 350 * 86_400) * 1_000_000_000);
    let problems = tls.problems(near);
    assert!(problems.len() == 1 && problems[0].warning && problems[0].text.contains("CN=rtu-7,O=Genco: expires at 20"), "{problems:?}");
}
