//! Those who should not get in do not, in either role, and what is said of it names the check, the field, the time and the way out.

use std::time::Duration;

use bridge_engine::shell::{Allowed, Tls, TlsVersion};
use rcgen::ExtendedKeyUsagePurpose;

use super::good::{connect, listen};
use super::papers::{Authority, Folder, Paper, Town, files, weak};
use super::peers::{TLS12, TLS13, TlsPeer};
use crate::kit::{Toy, free, link, listener, start, until};

/// A peer shows `bad` to both roles of ours, configured with `tls`; each must say all `words`, and the peer must hear one of `alerts`.
async fn both_refuse(tls: &Tls, bad: &Paper, words: &[&str], alerts: &[&str]) {
    for version in [TLS12, TLS13] {
        server_refuses(tls, Some(bad), version, words, alerts).await;
        client_refuses(tls, bad, version, words, alerts).await;
    }
}

async fn server_refuses(
    tls: &Tls,
    bad: Option<&Paper>,
    version: &'static rustls::SupportedProtocolVersion,
    words: &[&str],
    alerts: &[&str],
) {
    let addr = free().await;
    let rig = start(vec![link(0, listen(addr, tls.clone()), Toy::default)]);
    let heard = match TlsPeer::call(addr, bad, &[version]).await {
        Ok(mut peer) => peer.lament().await,
        Err(error) => error.to_string(),
    };
    assert!(alerts.iter().any(|alert| heard.contains(alert)), "the peer heard: {heard}");
    until("the refusal is told", || rig.book.security(0).iter().any(|what| what.contains("refused"))).await;
    assert!(rig.book.says(0, words), "{words:?} not in {:#?}", rig.book.security(0));
    assert!(rig.book.events(0).is_empty(), "no session ever heard of it");
    rig.stop().await;
}

async fn client_refuses(tls: &Tls, bad: &Paper, version: &'static rustls::SupportedProtocolVersion, words: &[&str], alerts: &[&str]) {
    let (listener, addr) = listener().await;
    let rig = start(vec![link(0, connect(addr, tls.clone()), Toy::default)]);
    let heard = match TlsPeer::answer(&listener, bad, &[version]).await {
        Ok(mut peer) => peer.lament().await,
        Err(error) => error.to_string(),
    };
    assert!(alerts.iter().any(|alert| heard.contains(alert)), "the peer heard: {heard}");
    until("the refusal is told", || rig.book.security(0).iter().any(|what| what.contains("refused"))).await;
    assert!(rig.book.says(0, words), "{words:?} not in {:#?}", rig.book.security(0));
    assert!(rig.book.events(0).is_empty(), "no session ever heard of it");
    rig.stop().await;
}

/// Files of ours that allow this peer.
fn ours(town: &Town, peer: &Paper) -> Tls {
    files(&town.folder, "ours", &town.server, &town.authority.pem, &[&peer.fingerprint])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r72_expired() {
    let town = Town::new();
    let bad = town.authority.issue_with("rtu-9", 9, |params| params.not_after = rcgen::date_time_ymd(2026, 1, 1));
    let words = ["certificate of 127.0.0.1:", "CN=rtu-9,O=Genco", "expired at 2026-01-01T00:00:00Z, now 20", "Z; renew it"];
    both_refuse(&ours(&town, &bad), &bad, &words, &["CertificateExpired"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r72_not_yet_valid() {
    let town = Town::new();
    let bad = town.authority.issue_with("rtu-9", 9, |params| {
        params.not_before = rcgen::date_time_ymd(2090, 5, 1);
        params.not_after = rcgen::date_time_ymd(2091, 5, 1);
    });
    let words = ["CN=rtu-9", "not valid before 2090-05-01T00:00:00Z, now 20", "compare the clocks"];
    both_refuse(&ours(&town, &bad), &bad, &words, &["CertificateExpired"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r72_revoked() {
    let town = Town::new();
    let bad = town.authority.issue("rtu-9", 9);
    let mut tls = ours(&town, &bad);
    tls.crl = vec![town.folder.write("ca.crl", town.authority.crl(7, &[3, 9], 86_400))];
    let words = ["CN=rtu-9", "revoked by CRL number 7 of CN=Test CA,O=Genco since 2026-01-01T00:00:00Z, now 20", "needs a new one"];
    both_refuse(&tls, &bad, &words, &["CertificateRevoked"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r72_issuer_without_a_revocation_list() {
    let (town, other) = (Town::new(), Authority::new("Other CA"));
    let bad = other.issue("rtu-9", 9);
    let roots = format!("{}{}", town.authority.pem, other.pem);
    let mut tls = files(&town.folder, "ours", &town.server, &roots, &[&bad.fingerprint]);
    tls.crl = vec![town.folder.write("ca.crl", town.authority.crl(7, &[], 86_400))];
    let words = ["whether it is revoked is not known", "no file of `crl` is of CN=Other CA,O=Genco", "add its CRL"];
    both_refuse(&tls, &bad, &words, &["UnknownCA"]).await;
    // A list that somebody else signed in its name.
    tls.crl.push(town.folder.write("forged.crl", Authority::new("Other CA").crl(1, &[], 86_400)));
    both_refuse(&tls, &bad, &["CRL number 1 of CN=Other CA,O=Genco is not signed by that issuer"], &["UnknownCA"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r72_wrong_authority() {
    let (town, other) = (Town::new(), Authority::new("Other CA"));
    let bad = other.issue("rtu-9", 9);
    let words = ["CN=rtu-9", "issuer unknown", "CN=Other CA,O=Genco", "add that root"];
    both_refuse(&ours(&town, &bad), &bad, &words, &["UnknownCA"]).await;
    // The same name with another key is no better.
    let bad = Authority::new("Test CA").issue("rtu-9", 9);
    both_refuse(&ours(&town, &bad), &bad, &["issuer unknown"], &["UnknownCA", "DecryptError"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r72_wrong_name() {
    let town = Town::new();
    let tls = Tls { server_name: Some("rtu-8.example".to_owned()), ..ours(&town, &town.server) };
    let words = ["wrong name: server_name is rtu-8.example and it carries ip:127.0.0.1, dns:rtu-7.example", "correct server_name"];
    for version in [TLS12, TLS13] {
        client_refuses(&tls, &town.server, version, &words, &["BadCertificate"]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r72_signed_with_sha_1() {
    let town = Town::new();
    let (bad, root) = weak(&Folder::new(), 2048, "-sha1");
    let tls = files(&town.folder, "ours", &town.server, &root, &[&bad.fingerprint]);
    let words = ["CN=old-rtu,O=Genco", "signed with SHA-1; have it issued with SHA-256 or better"];
    both_refuse(&tls, &bad, &words, &["DecryptError"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r72_rsa_of_1024_bits() {
    let town = Town::new();
    let (bad, root) = weak(&Folder::new(), 1024, "-sha256");
    let tls = files(&town.folder, "ours", &town.server, &root, &[&bad.fingerprint]);
    let words = ["CN=old-rtu,O=Genco", "RSA key of 1024 bits, at least 2048; make a new key"];
    both_refuse(&tls, &bad, &words, &["BadCertificate"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r72_rsa_of_2048_bits_with_sha_256_is_good() {
    let (town, addr) = (Town::new(), free().await);
    let (good, root) = weak(&Folder::new(), 2048, "-sha256");
    let tls = files(&town.folder, "ours", &town.server, &root, &[&good.fingerprint]);
    let rig = start(vec![link(0, listen(addr, tls), Toy::default)]);
    TlsPeer::call(addr, Some(&good), &[TLS12]).await.unwrap().ping().await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r72_fingerprint_not_allowed() {
    let town = Town::new();
    let bad = town.authority.issue("rtu-9", 9);
    let fingerprint = format!("fingerprint {} is not in `allow`", bad.fingerprint_text());
    let words = ["CN=rtu-9,O=Genco", fingerprint.as_str(), "add it if this peer is meant"];
    both_refuse(&ours(&town, &town.client), &bad, &words, &["AccessDenied"]).await;
    // A subject that another certificate has.
    let by_subject = files(&town.folder, "ours", &town.server, &town.authority.pem, &[&Allowed::subject("CN=rtu-8,O=Genco").unwrap()]);
    both_refuse(&by_subject, &bad, &words, &["AccessDenied"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r72_made_for_the_other_side() {
    let town = Town::new();
    let bad = town.authority.issue_with("rtu-9", 9, |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning]);
    both_refuse(&ours(&town, &bad), &bad, &["CN=rtu-9", "not made for a ", "(extended key usage "], &["UnsupportedCertificate"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r71_a_client_without_a_certificate() {
    let town = Town::new();
    for version in [TLS12, TLS13] {
        let words = ["no certificate came", "mutual authentication"];
        server_refuses(&town.server_files(), None, version, &words, &["CertificateRequired", "HandshakeFailure"]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r71_an_older_version_than_min_version() {
    let town = Town::new();
    let tls = Tls { min_version: TlsVersion::V13, ..ours(&town, &town.client) };
    server_refuses(&tls, Some(&town.client), TLS12, &["no common TLS version", "min_version"], &["ProtocolVersion", "HandshakeFailure"])
        .await;
}

/// A refusal by the peer is told with what to do about it, whenever TLS lets us hear of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r72_what_the_peer_holds_against_us_is_told() {
    let (town, addr) = (Town::new(), free().await);
    let stranger = town.authority.issue("ems-2", 2);
    let ours = files(&town.folder, "ems-2", &stranger, &town.authority.pem, &[&town.server.fingerprint]);
    for min_version in [TlsVersion::V12, TlsVersion::V13] {
        let server = Tls { min_version, ..town.server_files() };
        let rig = start(vec![link(0, listen(addr, server), Toy::default), link(1, connect(addr, ours.clone()), Toy::default)]);
        until("both say why", || {
            rig.book.says(0, &["CN=ems-2", "is not in `allow`"]) && rig.book.says(1, &["AccessDenied", "not on its list"])
        })
        .await;
        rig.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_refusals_fills_no_journal() {
    let (town, addr) = (Town::new(), free().await);
    let bad = town.authority.issue("rtu-9", 9);
    let rig = start(vec![link(0, listen(addr, town.server_files()), Toy::default)]);
    for _ in 0..60 {
        assert!(TlsPeer::call(addr, Some(&bad), &[TLS12]).await.is_err());
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let told = rig.book.security(0).len();
    assert!(told <= bridge_engine::shell::SECURITY_BURST as usize + 2, "{told}");
    // What we find ourselves is told all the same.
    town.folder.write("server-roots.pem", "nonsense");
    until("it is told", || rig.book.says(0, &["TLS `roots`", "stay in force"])).await;
    rig.stop().await;
}
