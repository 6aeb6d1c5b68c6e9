//! One connection to a peer, and one exchange on it.

use std::{net::IpAddr, time::Duration};

use bridge_session::SinkId;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode, Uri,
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
    header::{self, HeaderValue},
};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::{net::TcpStream, task::JoinSet};
use tokio_rustls::TlsConnector;

use crate::{
    Config, Error, Hook, MAX_HEADERS, Peer, RESPONSE_LIMIT,
    error::chain,
    identity::CertificateIdentity,
    socket::{Io, tune},
};

/// A peer, checked: everything needed to reach it.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) sink: SinkId,
    pub(crate) name: String,
    pub(crate) stream_idle: Duration,
    pub(crate) stream_line_limit: usize,
    host: String,
    port: u16,
    authority: HeaderValue,
    prefix: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    identity: Option<String>,
    connect_timeout: Duration,
    request_timeout: Duration,
    user_timeout: Duration,
}

impl Target {
    pub(crate) fn new(peer: &Peer, config: &Config, connector: Option<&TlsConnector>) -> Result<Self, Error> {
        Self::reach(peer, config, connector).map_err(|problem| Error::Peer { name: peer.name.clone(), problem })
    }

    fn reach(peer: &Peer, config: &Config, connector: Option<&TlsConnector>) -> Result<Self, String> {
        let uri: Uri = peer.base_url.parse().map_err(|e| format!("base_url {}: {e}", peer.base_url))?;
        let authority = uri.authority().ok_or_else(|| format!("base_url {} has no host", peer.base_url))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = match (uri.scheme_str(), connector) {
            (Some("https"), Some(connector)) => {
                let name = peer.server_name.clone().unwrap_or_else(|| host.clone());
                let name = ServerName::try_from(name.clone()).map_err(|e| format!("server_name {name}: {e}"))?;
                Some((connector.clone(), name))
            }
            (Some("https"), None) => return Err("https needs TLS files".to_owned()),
            (Some("http"), None) if is_loopback(&host) => None,
            (Some("http"), _) => return Err("http is for loopback only, and only without TLS files".to_owned()),
            _ => return Err(format!("base_url {} is not https://host:port", peer.base_url)),
        };
        if tls.is_none() && peer.identity.is_some() {
            return Err("an identity cannot be checked without TLS".to_owned());
        }
        Ok(Self {
            sink: peer.sink,
            name: peer.name.clone(),
            stream_idle: config.stream_idle,
            stream_line_limit: config.stream_line_limit,
            port: authority.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 }),
            authority: HeaderValue::try_from(authority.as_str()).map_err(|e| format!("base_url {}: {e}", peer.base_url))?,
            prefix: uri.path().trim_end_matches('/').to_owned(),
            host,
            tls,
            identity: peer.identity.clone(),
            connect_timeout: config.connect_timeout,
            request_timeout: config.request_timeout,
            user_timeout: config.user_timeout,
        })
    }

    /// The same for a webhook: its whole path is kept, and its query.
    pub(crate) fn of_hook(hook: &Hook, config: &Config, connector: Option<&TlsConnector>) -> Result<Self, Error> {
        let fail = |problem: String| Error::Hook { name: hook.name.clone(), problem };
        let peer = Peer {
            sink: SinkId(hook.hook.0),
            name: hook.name.clone(),
            base_url: hook.url.clone(),
            server_name: hook.server_name.clone(),
            identity: None,
        };
        let target = Self::reach(&peer, config, connector).map_err(|problem| fail(problem.replace("base_url", "url")))?;
        let uri: Uri = hook.url.parse().map_err(|e| fail(format!("url {}: {e}", hook.url)))?;
        let prefix = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { prefix, request_timeout: hook.timeout, ..target })
    }

    /// A request with our usual headers.
    pub(crate) fn request(&self, method: Method, path: &str, authorization: &str, body: Bytes) -> Result<Request<Full<Bytes>>, String> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.prefix))
            .header(header::HOST, self.authority.clone())
            .body(Full::new(body))
            .map_err(|e| format!("the request cannot be made: {e}"))?;
        if !authorization.is_empty() {
            let value = HeaderValue::try_from(authorization).map_err(|e| format!("the Authorization header cannot be made: {e}"))?;
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        Ok(request)
    }

    /// Connects, shakes hands and checks who answered.
    pub(crate) async fn connect(&self) -> Result<Link, String> {
        match tokio::time::timeout(self.connect_timeout, self.connect_unbounded()).await {
            Ok(result) => result,
            Err(_) => Err(format!("no connection to {}:{} within {:?}", self.host, self.port, self.connect_timeout)),
        }
    }

    async fn connect_unbounded(&self) -> Result<Link, String> {
        let at = |what: &str, e: &dyn std::error::Error| format!("{what} {}:{}: {}", self.host, self.port, chain(e));
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|e| at("connecting to", &e))?;
        tune(&stream, self.user_timeout).map_err(|e| at("socket options of", &e))?;
        let io: Box<dyn Io> = match &self.tls {
            None => Box::new(stream),
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await.map_err(|e| at("TLS handshake with", &e))?;
                if let Some(expected) = &self.identity {
                    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
                    let der = certificate.ok_or("the peer showed no certificate")?;
                    let identity = CertificateIdentity::read(der).map_err(|e| at("the certificate of", &e))?;
                    if !identity.is(expected) {
                        return Err(format!(
                            "the peer's certificate names {} ({}), not {expected}",
                            identity.name(),
                            identity.fingerprint()
                        ));
                    }
                }
                Box::new(stream)
            }
        };
        let (sender, connection) =
            http1::Builder::new().max_headers(MAX_HEADERS).handshake(TokioIo::new(io)).await.map_err(|e| at("HTTP with", &e))?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(cause = chain(&error), "connection to the peer ended");
            }
        });
        Ok(Link { sender, _driver: driver })
    }

    /// Posts on the kept connection, or on a new one if there is none or it proves dead before it answers.
    pub(crate) async fn post(&self, kept: &mut Option<Link>, path: &str, authorization: &str, body: Bytes) -> Result<Answer, String> {
        self.send_made(kept, || {
            let mut request = self.request(Method::POST, path, authorization, body.clone())?;
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Ok(request)
        })
        .await
    }

    /// Sends what `make` makes, on the kept connection or on a new one.
    pub(crate) async fn send_made(
        &self,
        kept: &mut Option<Link>,
        make: impl Fn() -> Result<Request<Full<Bytes>>, String>,
    ) -> Result<Answer, String> {
        if let Some(mut link) = kept.take().filter(|link| !link.sender.is_closed()) {
            match tokio::time::timeout(self.request_timeout, link.exchange(make()?)).await {
                Ok(Ok(answer)) => {
                    *kept = Some(link);
                    return Ok(answer);
                }
                // The peer closed it while it was idle. The same octets again are harmless: the receiver knows them.
                Ok(Err(cause)) => tracing::debug!(peer = self.name, cause, "the kept connection was dead"),
                Err(_) => return Err(format!("no answer within {:?}", self.request_timeout)),
            }
        }
        let mut link = self.connect().await?;
        let answer = tokio::time::timeout(self.request_timeout, link.exchange(make()?))
            .await
            .map_err(|_| format!("no answer within {:?}", self.request_timeout))??;
        *kept = Some(link);
        Ok(answer)
    }

    /// Sends a request whose answer is read by the caller; the head must come within `request_timeout`.
    pub(crate) async fn open(&self, link: &mut Link, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String> {
        tokio::time::timeout(self.request_timeout, link.send(request))
            .await
            .map_err(|_| format!("no answer within {:?}", self.request_timeout))?
    }
}

/// A status and a bounded body.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Bytes,
}

/// One connection. Dropping it closes it.
pub(crate) struct Link {
    sender: SendRequest<Full<Bytes>>,
    _driver: JoinSet<()>,
}

impl Link {
    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String> {
        self.sender.ready().await.map_err(|e| format!("the connection is closed: {}", chain(&e)))?;
        self.sender.send_request(request).await.map_err(|e| format!("the request failed: {}", chain(&e)))
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let response = self.send(request).await?;
        let status = response.status();
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Answer { status, retry_after, body: bounded(response.into_body()).await? })
    }
}

/// Reads an answer's body, at most [`RESPONSE_LIMIT`].
pub(crate) async fn bounded(body: Incoming) -> Result<Bytes, String> {
    match Limited::new(body, RESPONSE_LIMIT).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(e) => Err(format!("the answer cannot be read: {}", chain(e.as_ref()))),
    }
}

pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
