//! Against OpenSSL's own client and server, as separate processes.

use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::good::{connect, listen};
use super::papers::{Folder, Paper, Town};
use crate::kit::{Toy, free, link, start, until};

struct Openssl {
    child: Child,
    input: Option<ChildStdin>,
    out: Arc<Mutex<Vec<u8>>>,
    err: Arc<Mutex<Vec<u8>>>,
}

impl Openssl {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new("openssl");
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("openssl is installed (./check installs it)");
        let (input, out, err) = (child.stdin.take(), Arc::default(), Arc::default());
        drain(child.stdout.take().unwrap(), &out);
        drain(child.stderr.take().unwrap(), &err);
        Self { child, input, out, err }
    }

    fn say(&mut self, bytes: &[u8]) {
        use std::io::Write as _;
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).unwrap();
        input.flush().unwrap();
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&self.out.lock().unwrap()).into_owned()
    }

    fn complained(&self) -> String {
        String::from_utf8_lossy(&self.err.lock().unwrap()).into_owned()
    }
}

impl Drop for Openssl {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn drain(mut from: impl std::io::Read + Send + 'static, into: &Arc<Mutex<Vec<u8>>>) {
    let into = Arc::clone(into);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            into.lock().unwrap().extend(&buffer[..count]);
        }
    });
}

/// `-cert FILE -key FILE -CAfile FILE` of a peer.
fn papers(folder: &Folder, name: &str, paper: &Paper, roots: &str) -> Vec<String> {
    let path = |file: String, text: &str| folder.write(&file, text).display().to_string();
    vec![
        "-cert".to_owned(),
        path(format!("{name}.pem"), &paper.certificate),
        "-key".to_owned(),
        path(format!("{name}.key"), &paper.key),
        "-CAfile".to_owned(),
        path(format!("{name}-roots.pem"), roots),
    ]
}

fn args<'a>(first: &[&'a str], papers: &'a [String], last: &[&'a str]) -> Vec<&'a str> {
    first.iter().copied().chain(papers.iter().map(String::as_str)).chain(last.iter().copied()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r71_openssl_s_client_is_served() {
    let (town, addr) = (Town::new(), free().await);
    let rig = start(vec![link(0, listen(addr, town.server_files()), Toy::default)]);
    drop(super::peers::plain(addr).await);
    let (to, own) = (addr.to_string(), papers(&town.folder, "foreign", &town.client, &town.authority.pem));
    for version in ["-tls1_2", "-tls1_3"] {
        let begin = ["s_client", "-connect", &to, version, "-verify_return_error", "-verify_ip", "127.0.0.1", "-quiet"];
        let mut client = Openssl::start(&args(&begin, &own, &[]));
        client.say(b"PPP");
        until("it is answered", || client.said() == "ppp").await;
        client.say(b"Q");
        until("it is said goodbye to", || client.said() == "pppbye").await;
        let began = Instant::now();
        while client.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < Duration::from_secs(10), "it did not take the goodbye: {}", client.complained());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    // Without a certificate, and with an old version.
    let nobody = Openssl::start(&["s_client", "-connect", &to, "-tls1_3", "-quiet"]);
    until("mutual authentication is insisted on", || rig.book.says(0, &["no certificate came"])).await;
    let old = Openssl::start(&args(&["s_client", "-connect", &to, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-quiet"], &own, &[]));
    until("TLS 1.1 is refused", || rig.book.says(0, &["no common TLS version"])).await;
    drop((nobody, old));
    rig.stop().await;
}

/// OpenSSL asks for renegotiation in TLS 1.2 when its input says `R`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b1_36_openssl_gets_no_renegotiation() {
    let (town, addr) = (Town::new(), free().await);
    let rig = start(vec![link(0, listen(addr, town.server_files()), Toy::default)]);
    drop(super::peers::plain(addr).await);
    let (to, own) = (addr.to_string(), papers(&town.folder, "foreign", &town.client, &town.authority.pem));
    let mut client = Openssl::start(&args(&["s_client", "-connect", &to, "-tls1_2"], &own, &[]));
    until("it is connected", || client.said().contains("Verify return code")).await;
    client.say(b"R\n");
    until("it is refused", || client.complained().contains("no renegotiation")).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_r71_openssl_s_server_is_called() {
    let town = Town::new();
    let own = papers(&town.folder, "foreign", &town.server, &town.authority.pem);
    for version in ["-tls1_2", "-tls1_3"] {
        let addr = free().await;
        let at = addr.to_string();
        let begin = ["s_server", "-accept", &at, version, "-Verify", "2", "-verify_return_error", "-quiet"];
        let mut server = Openssl::start(&args(&begin, &own, &[]));
        let toy = || Toy::keeping_alive(Duration::from_millis(20));
        let rig = start(vec![link(0, connect(addr, town.client_files()), toy)]);
        until("our keep-alives arrive", || server.said().contains("TTT")).await;
        server.say(b"P");
        until("it is answered", || server.said().contains('p')).await;
        rig.stop().await;
    }
}
