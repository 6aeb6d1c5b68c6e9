//! What the adapter is told, with every limit and its default.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use bridge_session::{HookId, SinkId};

/// Longest answer of a peer to a delivery or a confirmation, in octets.
pub const RESPONSE_LIMIT: usize = 64 * 1024;
/// Most header lines of one request or answer.
pub const MAX_HEADERS: usize = 64;
/// Octets of an oversized body that are read and thrown away so that the sender sees the 413 rather than a reset.
pub const MAX_DISCARD: usize = 8 * 1024 * 1024;
/// Longest time between a subscription and the answer's head: the engine's first message or refusal answers sooner.
pub const SUBSCRIBE_WAIT: Duration = Duration::from_millis(500);
/// After the engine ends a subscription, what is queued may still flow for this long.
pub const END_GRACE: Duration = Duration::from_secs(5);
/// On shutdown, requests in hand may still be answered for this long.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);
/// Immediate refusals (unknown sink, second delivery in flight) that may wait for the engine before the adapter takes no more from it.
pub const MAX_REPORTS: usize = 1024;

/// Our certificate chain, its key and the roots we accept: PEM files. The platform's certificate store is never used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// Our certificate, then any intermediates.
    pub certificate: PathBuf,
    /// Its private key: PKCS#8, SEC1 or PKCS#1.
    pub key: PathBuf,
    /// The private roots. Both sides of every connection are verified against them.
    pub roots: PathBuf,
}

/// A party that we deliver to and subscribe at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Its number; unique.
    pub sink: SinkId,
    /// Its name, for logs.
    pub name: String,
    /// `https://host:port`, optionally with a path prefix. `http://` only to a loopback address and only without TLS files.
    pub base_url: String,
    /// The name that its certificate must carry; the host of `base_url` if `None`.
    pub server_name: Option<String>,
    /// Who its certificate must name: a SAN URI, or the subject's common name if it has no SAN URI, or `sha256:` and the hexadecimal
    /// fingerprint. `None` accepts every certificate that our roots signed for the server name.
    pub identity: Option<String>,
}

/// Something that must not be printed: a token in a header.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Whom a webhook believes, and who it says it is: PEM files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HookTls {
    /// The roots that the receiver's certificate must lead to.
    pub roots: PathBuf,
    /// Our certificate and its key, if the receiver asks for one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// A receiver of CloudEvents batches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hook {
    /// Its number; unique.
    pub hook: HookId,
    /// Its name, for logs.
    pub name: String,
    /// `https://host:port/path`; `http://` only to a loopback address. Redirects are not followed.
    pub url: String,
    /// The name that its certificate must carry; the host of `url` if `None`.
    pub server_name: Option<String>,
    /// Headers of every request.
    pub headers: Vec<(String, Secret)>,
    /// Mandatory for `https://`, refused for `http://`.
    pub tls: Option<HookTls>,
    /// From the first octet of a request to the last of its answer.
    pub timeout: Duration,
}

/// The adapter's configuration. [`Config::default`] listens on a free loopback port without TLS and has no peers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// `None` is plain HTTP, allowed on loopback only, for tests.
    pub tls: Option<TlsFiles>,
    /// The peers.
    pub peers: Vec<Peer>,
    /// The webhooks.
    pub hooks: Vec<Hook>,
    /// Our subscriber id, named in `WWW-Authenticate` of a 401.
    pub realm: Option<String>,

    /// Longest request body, octets. Default 1 MiB.
    pub body_limit: usize,
    /// Largest request head, octets. At least 8192. Default 16 KiB.
    pub header_limit: usize,
    /// Most open connections at our server; one more is closed at once. Default 256.
    pub max_connections: usize,
    /// Most requests whose body is being read or whose answer is awaited; one more gets 503. Default 64.
    pub max_requests: usize,
    /// Most open subscriptions at our server; one more gets 503. Default 32.
    pub max_streams: usize,
    /// Most messages queued for one subscriber; one more ends its subscription. Default 256.
    pub stream_queue_messages: usize,
    /// Most octets queued for one subscriber; one more message ends its subscription. Default 16 MiB.
    pub stream_queue_bytes: usize,

    /// TLS handshake at our server. Default 5 s.
    pub handshake_timeout: Duration,
    /// From the first octet of a request to the end of its head. Default 5 s.
    pub header_timeout: Duration,
    /// From the head to the end of the body. Default 10 s.
    pub body_timeout: Duration,
    /// From the body to the engine's reply; then 503. Default 8 s.
    pub reply_timeout: Duration,
    /// A kept-alive connection without a request is closed after this. Default 75 s.
    pub idle_timeout: Duration,

    /// Client: name lookup, TCP and TLS together. Default 3 s.
    pub connect_timeout: Duration,
    /// Client: from the first octet of a request to the last of its answer. Longer than the peer's `reply_timeout`. Default 12 s.
    pub request_timeout: Duration,
    /// Client: a subscription that brings nothing for this long is lost. The peer's engine sends a heartbeat each second. Default 4 s.
    pub stream_idle: Duration,
    /// Client: longest line and longest message of a stream, octets. Default 8 MiB.
    pub stream_line_limit: usize,
    /// Both: octets sent but not acknowledged by the peer's kernel for this long end the connection (`TCP_USER_TIMEOUT`). Default 5 s.
    pub user_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: None,
            peers: Vec::new(),
            hooks: Vec::new(),
            realm: None,
            body_limit: 1024 * 1024,
            header_limit: 16 * 1024,
            max_connections: 256,
            max_requests: 64,
            max_streams: 32,
            stream_queue_messages: 256,
            stream_queue_bytes: 16 * 1024 * 1024,
            handshake_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(10),
            reply_timeout: Duration::from_secs(8),
            idle_timeout: Duration::from_secs(75),
            connect_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(12),
            stream_idle: Duration::from_secs(4),
            stream_line_limit: 8 * 1024 * 1024,
            user_timeout: Duration::from_secs(5),
        }
    }
}
