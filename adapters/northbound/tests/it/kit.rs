//! A node to test, certificates, and misbehaving peers made of plain sockets.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bridge_model::{Mono, Now, Utc};
use bridge_northbound::{Clock, Config, Error, Peer, Running, TlsFiles, start};
use bridge_session::{
    Ack, Delivery, DeliveryResult, DoorReply, DoorRequest, Inbound, Outbound, SinkId, StreamEvent, StreamMessage, SubscriberId,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};

/// Nothing in these tests should take this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// 2026-11-22T00:00:00Z.
pub(crate) const NOW: Now = Now { mono: Mono(7), utc: Utc(1_795_305_600_000_000_000) };
pub(crate) const SINK: SinkId = SinkId(3);

pub(crate) fn clock() -> Clock {
    Arc::new(|| NOW)
}

/// The engine's place: both ends of an adapter's channels.
pub(crate) struct Node {
    pub(crate) running: Running,
    pub(crate) inbound: mpsc::Receiver<Inbound>,
    pub(crate) outbound: mpsc::Sender<Outbound>,
}

pub(crate) async fn try_node(config: Config) -> Result<Node, Error> {
    let (inbound, from_adapter) = mpsc::channel(64);
    let (outbound, to_adapter) = mpsc::channel(64);
    let running = start(config, inbound, to_adapter, clock()).await?;
    Ok(Node { running, inbound: from_adapter, outbound })
}

pub(crate) async fn node(config: Config) -> Node {
    try_node(config).await.expect("a good configuration")
}

impl Node {
    pub(crate) fn port(&self) -> u16 {
        self.running.local_addr().port()
    }

    pub(crate) async fn next(&mut self) -> Inbound {
        timeout(PATIENCE, self.inbound.recv()).await.expect("something should come in").expect("the adapter is alive")
    }

    pub(crate) async fn door(&mut self) -> DoorRequest {
        match self.next().await {
            Inbound::Door(request) => request,
            other => panic!("not a request: {other:?}"),
        }
    }

    pub(crate) async fn stream_event(&mut self) -> StreamEvent {
        match self.next().await {
            Inbound::Stream(event) => event,
            other => panic!("not a stream event: {other:?}"),
        }
    }

    pub(crate) async fn subscribed(&mut self) -> SubscriberId {
        match self.stream_event().await {
            StreamEvent::Subscribed { subscriber, .. } => subscriber,
            other => panic!("not a subscription: {other:?}"),
        }
    }

    pub(crate) async fn lost(&mut self) -> String {
        match self.stream_event().await {
            StreamEvent::Lost { cause, .. } => cause,
            other => panic!("not a loss: {other:?}"),
        }
    }

    pub(crate) async fn message(&mut self) -> (String, String, String) {
        match self.stream_event().await {
            StreamEvent::Message { id, event, data, .. } => (id, event, data),
            other => panic!("not a message: {other:?}"),
        }
    }

    pub(crate) async fn delivered(&mut self) -> DeliveryResult {
        match self.next().await {
            Inbound::Delivered(result) => result,
            other => panic!("not a delivery's end: {other:?}"),
        }
    }

    pub(crate) async fn order(&self, order: Outbound) {
        self.outbound.send(order).await.expect("the adapter is alive");
    }

    pub(crate) async fn reply(&self, id: u64, status: u16, body: &str) {
        self.order(Outbound::Reply(DoorReply { id, status, signature: String::new(), body: body.into() })).await;
    }

    pub(crate) async fn push(&self, subscriber: SubscriberId, id: &str, data: &str) {
        self.order(Outbound::Push { subscriber, message: StreamMessage { id: id.into(), event: "stream", data: data.into() } }).await;
    }

    pub(crate) async fn deliver(&self, sink: SinkId, id: u64, action: &'static str, body: &str) {
        self.order(Outbound::Deliver(Delivery { sink, id, action, authorization: "Signature test".into(), body: body.into() })).await;
    }

    pub(crate) async fn subscribe(&self, last_event_id: Option<&str>) {
        let last_event_id = last_event_id.map(str::to_owned);
        self.order(Outbound::Subscribe { sink: SINK, last_event_id, authorization: "Signature sub".into() }).await;
    }

    /// Delivers one `update` and gives what became of it.
    pub(crate) async fn try_update(&mut self) -> Ack {
        self.deliver(SINK, 1, "update", "{}").await;
        self.delivered().await.ack
    }
}

pub(crate) fn plain_peer(port: u16) -> Peer {
    Peer { sink: SINK, name: "peer".into(), base_url: format!("http://127.0.0.1:{port}"), server_name: None, identity: None }
}

/// A plain node whose one peer is at `port`.
pub(crate) fn towards(port: u16) -> Config {
    Config { peers: vec![plain_peer(port)], ..Config::default() }
}

/// A private root and what it issued, in a folder of its own.
pub(crate) struct Pki {
    dir: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    roots: PathBuf,
}

static FOLDER: AtomicU64 = AtomicU64::new(0);

impl Pki {
    pub(crate) fn new() -> Self {
        let number = FOLDER.fetch_add(1, Ordering::Relaxed);
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("pki-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("root {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let roots = dir.join("roots.pem");
        std::fs::write(&roots, certificate.pem()).unwrap();
        Self { dir, issuer: Issuer::new(params, key), roots }
    }

    /// A certificate for `localhost` with this SAN URI and common name.
    pub(crate) fn issue(&self, uri: Option<&str>, common_name: &str) -> TlsFiles {
        self.issue_with(uri, common_name, |_| {})
    }

    pub(crate) fn issue_with(&self, uri: Option<&str>, common_name: &str, change: impl FnOnce(&mut CertificateParams)) -> TlsFiles {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        if let Some(uri) = uri {
            params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
        }
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let number = FOLDER.fetch_add(1, Ordering::Relaxed);
        let files = TlsFiles {
            certificate: self.dir.join(format!("{number}.crt")),
            key: self.dir.join(format!("{number}.key")),
            roots: self.roots.clone(),
        };
        std::fs::write(&files.certificate, certificate.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }
}

impl Drop for Pki {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

pub(crate) const GENCO: &str = "did:web:genco.example";
pub(crate) const LDC: &str = "did:web:ldc.example";

pub(crate) fn tls_peer(port: u16, identity: Option<&str>) -> Peer {
    Peer {
        sink: SINK,
        name: "ldc".into(),
        base_url: format!("https://127.0.0.1:{port}"),
        server_name: Some("localhost".into()),
        identity: identity.map(str::to_owned),
    }
}

/// A server node (the load despatch centre) and a client node (the generating company) that knows it, over TLS.
pub(crate) async fn pair() -> (Node, Node) {
    let pki = Pki::new();
    let server = node(Config { tls: Some(pki.issue(Some(LDC), "ldc")), ..Config::default() }).await;
    let peers = vec![tls_peer(server.port(), Some(LDC))];
    let client = node(Config { tls: Some(pki.issue(Some(GENCO), "genco")), peers, ..Config::default() }).await;
    (server, client)
}

/// Writes octets to a plain node and reads until it closes.
pub(crate) async fn raw(port: u16, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request).await.unwrap();
    read_all(&mut stream).await
}

pub(crate) async fn read_all(stream: &mut TcpStream) -> String {
    let mut octets = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut octets)).await.expect("the server should close");
    String::from_utf8(octets).unwrap()
}

/// A POST that asks for the connection's end.
pub(crate) fn post(path: &str, extra: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{extra}\r\n{body}")
        .into_bytes()
}

/// A peer made of plain sockets: `serve` gets each accepted connection with its number.
pub(crate) struct Fake {
    pub(crate) port: u16,
    pub(crate) accepted: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

pub(crate) async fn fake<F, Fut>(serve: F) -> Fake
where
    F: Fn(u64, TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepted = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&accepted);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            connections.spawn(serve(count.fetch_add(1, Ordering::SeqCst), stream));
        }
    });
    Fake { port, accepted, _tasks: tasks }
}

/// Reads one request with a `content-length` (or none); `None` at the end of the connection.
pub(crate) async fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut octets = Vec::new();
    loop {
        if let Some(end) = octets.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&octets[..end]).to_lowercase();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |length| length.parse::<usize>().unwrap());
            if octets.len() >= end + 4 + length {
                return Some((head, String::from_utf8(octets[end + 4..].to_vec()).unwrap()));
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => octets.extend_from_slice(&chunk[..n]),
        }
    }
}

pub(crate) async fn respond(stream: &mut TcpStream, status: &str, body: &str) {
    let length = body.len();
    let text = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}");
    let _ = stream.write_all(text.as_bytes()).await;
}

pub(crate) const SSE_HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
