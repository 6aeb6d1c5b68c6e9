//! One request at our server, from its head to its answer.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use bridge_session::{DoorReply, DoorRequest, Inbound, StreamEvent, SubscriberId};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Bytes, Frame, Incoming},
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::json;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};

use crate::{
    Clock, Config, MAX_DISCARD, SUBSCRIBE_WAIT,
    pace::Pace,
    subscriber::{EventBody, QueueLimits, Subscriber},
};

const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What all connections of the server share.
pub(crate) struct Door {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) inbound: mpsc::Sender<Inbound>,
    requests: Arc<Semaphore>,
    next: AtomicU64,
    pending: Mutex<BTreeMap<u64, oneshot::Sender<DoorReply>>>,
    subscribers: Mutex<BTreeMap<SubscriberId, Arc<Subscriber>>>,
}

/// What the requests of one connection share.
pub(crate) struct Visitor {
    pub(crate) tls_identity: Option<String>,
    pub(crate) pace: Arc<Pace>,
    pub(crate) attention: Arc<Notify>,
    pub(crate) subscription: Mutex<Option<Arc<Subscriber>>>,
}

impl Visitor {
    pub(crate) fn subscription(&self) -> Option<Arc<Subscriber>> {
        lock(&self.subscription).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Door {
    pub(crate) fn new(config: Config, clock: Clock, inbound: mpsc::Sender<Inbound>) -> Self {
        Self {
            requests: Arc::new(Semaphore::new(config.max_requests)),
            config,
            clock,
            inbound,
            next: AtomicU64::new(1),
            pending: Mutex::default(),
            subscribers: Mutex::default(),
        }
    }

    /// The engine's answer to a request; too late is no error.
    pub(crate) fn handle_reply(&self, reply: DoorReply) {
        let waiting = lock(&self.pending).remove(&reply.id);
        let id = reply.id;
        if waiting.is_none_or(|w| w.send(reply).is_err()) {
            tracing::debug!(request = id, "the reply came after the request had gone");
        }
    }

    pub(crate) fn subscriber(&self, id: SubscriberId) -> Option<Arc<Subscriber>> {
        lock(&self.subscribers).get(&id).cloned()
    }

    pub(crate) fn remove(&self, id: SubscriberId) {
        lock(&self.subscribers).remove(&id);
    }

    /// Answers one request of a connection.
    pub(crate) async fn handle(&self, visitor: &Visitor, request: Request<Incoming>) -> Response<DoorBody> {
        visitor.pace.busy();
        let response = self.route(visitor, request).await;
        visitor.pace.idle();
        response
    }

    async fn route(&self, visitor: &Visitor, request: Request<Incoming>) -> Response<DoorBody> {
        let action = match (request.method(), request.uri().path()) {
            (&Method::POST, "/bpp/receiver/update") => "update",
            (&Method::POST, "/bap/receiver/on_update") => "on_update",
            (&Method::POST, "/bap/receiver/on_status") => "on_status",
            (&Method::POST, "/v0/stream/ack") => "stream/ack",
            (&Method::GET, "/v0/stream") => return self.subscribe(visitor, request.headers()).await,
            (&Method::GET, "/healthz") => return answer(StatusCode::OK, &json!({"status": "ok"})),
            _ => return nack(StatusCode::NOT_FOUND, "NET_NOT_FOUND", "no such path, or not with this method"),
        };
        self.request(visitor, action, request).await
    }

    async fn request(&self, visitor: &Visitor, action: &str, request: Request<Incoming>) -> Response<DoorBody> {
        let (head, body) = request.into_parts();
        let Ok(_permit) = self.requests.try_acquire() else {
            return closing(nack(StatusCode::SERVICE_UNAVAILABLE, "NET_OVERLOADED", "too many requests at once"));
        };
        if let Some(problem) = media_type_problem(&head.headers) {
            return closing(nack(StatusCode::UNSUPPORTED_MEDIA_TYPE, "SCH_TYPE_NOT_SUPPORTED", problem));
        }
        let Some(authorization) = authorization(&head.headers) else {
            return closing(nack(StatusCode::BAD_REQUEST, "AUT_SIGNATURE_INVALID", "more than one Authorization header"));
        };
        let body = match self.read_body(&head.headers, body).await {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (reply, replied) = oneshot::channel();
        lock(&self.pending).insert(id, reply);
        let _forget = Forget { door: self, id };
        let tls_identity = visitor.tls_identity.clone();
        let request =
            DoorRequest { id, action: action.to_owned(), authorization, tls_identity, body: body.to_vec(), received: (self.clock)() };
        let exchange = async {
            self.inbound.send(Inbound::Door(request)).await.ok()?;
            replied.await.ok()
        };
        match tokio::time::timeout(self.config.reply_timeout, exchange).await {
            Ok(Some(reply)) => self.render(reply),
            Ok(None) => nack(StatusCode::SERVICE_UNAVAILABLE, "NET_DOWNSTREAM_UNAVAILABLE", "the bridge is stopping"),
            Err(_) => nack(StatusCode::SERVICE_UNAVAILABLE, "NET_TIMEOUT", "no reply in time; offer it again"),
        }
    }

    /// Reads at most `body_limit` octets, within `body_timeout`.
    async fn read_body(&self, headers: &HeaderMap, body: Incoming) -> Result<Bytes, Response<DoorBody>> {
        let limit = self.config.body_limit;
        let too_large =
            || closing(nack(StatusCode::PAYLOAD_TOO_LARGE, "SCH_SCHEMA_VALIDATION_FAILED", &format!("the body exceeds {limit} octets")));
        if body.size_hint().lower() > limit as u64 {
            if !headers.contains_key(header::EXPECT) {
                self.discard(body).await;
            }
            return Err(too_large());
        }
        match tokio::time::timeout(self.config.body_timeout, Limited::new(body, limit).collect()).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(e)) if e.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(_)) => Err(closing(nack(StatusCode::BAD_REQUEST, "SCH_SCHEMA_VALIDATION_FAILED", "the body broke off"))),
            Err(_) => Err(closing(nack(StatusCode::REQUEST_TIMEOUT, "NET_TIMEOUT", "the body did not come in time"))),
        }
    }

    /// Reads on without keeping anything: a sender that is cut while it writes would not see the answer.
    async fn discard(&self, mut body: Incoming) {
        let drained = async {
            let mut octets = 0usize;
            while let Some(Ok(frame)) = body.frame().await {
                octets = octets.saturating_add(frame.data_ref().map_or(0, Bytes::len));
                if octets > MAX_DISCARD {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(self.config.body_timeout, drained).await;
    }

    fn render(&self, reply: DoorReply) -> Response<DoorBody> {
        let status = StatusCode::from_u16(reply.status).unwrap_or_else(|_| {
            tracing::error!(status = reply.status, "the engine's reply has no HTTP status");
            StatusCode::INTERNAL_SERVER_ERROR
        });
        let mut response = json_response(status, reply.body);
        if !reply.signature.is_empty() {
            match HeaderValue::try_from(&reply.signature) {
                Ok(value) => drop(response.headers_mut().insert(SIGNATURE, value)),
                Err(_) => tracing::error!("the engine's signature is no header value"),
            }
        }
        if status == StatusCode::UNAUTHORIZED {
            let realm = self.config.realm.as_deref().unwrap_or("ies-bridge");
            let challenge = format!("Signature realm=\"{realm}\",headers=\"(created) (expires) digest\"");
            if let Ok(value) = HeaderValue::try_from(challenge) {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
            }
        }
        response
    }

    async fn subscribe(&self, visitor: &Visitor, headers: &HeaderMap) -> Response<DoorBody> {
        let Some(authorization) = authorization(headers) else {
            return nack(StatusCode::BAD_REQUEST, "AUT_SIGNATURE_INVALID", "more than one Authorization header");
        };
        let id = SubscriberId(self.next.fetch_add(1, Ordering::Relaxed));
        let limits = QueueLimits { messages: self.config.stream_queue_messages, bytes: self.config.stream_queue_bytes };
        let subscriber = Arc::new(Subscriber::new(id, limits, Arc::clone(&visitor.attention)));
        {
            let mut subscribers = lock(&self.subscribers);
            if subscribers.len() >= self.config.max_streams {
                return closing(nack(StatusCode::SERVICE_UNAVAILABLE, "NET_OVERLOADED", "too many subscriptions"));
            }
            let mut own = lock(&visitor.subscription);
            if own.is_some() {
                return closing(nack(StatusCode::CONFLICT, "NET_OVERLOADED", "one subscription per connection"));
            }
            subscribers.insert(id, Arc::clone(&subscriber));
            *own = Some(Arc::clone(&subscriber));
        }
        let event = StreamEvent::Subscribed {
            subscriber: id,
            tls_identity: visitor.tls_identity.clone(),
            authorization,
            last_event_id: text(headers, &LAST_EVENT_ID),
        };
        let announced = tokio::time::timeout(self.config.reply_timeout, self.inbound.send(Inbound::Stream(event))).await;
        if !matches!(announced, Ok(Ok(()))) {
            return closing(nack(StatusCode::SERVICE_UNAVAILABLE, "NET_DOWNSTREAM_UNAVAILABLE", "the bridge does not take subscriptions"));
        }
        subscriber.announce();
        let _ = tokio::time::timeout(SUBSCRIBE_WAIT, subscriber.begin.notified()).await;
        if subscriber.is_refused() {
            return closing(nack(StatusCode::FORBIDDEN, "AUT_UNAUTHORIZED_ACTION", "the subscription was refused"));
        }
        let mut response = Response::new(DoorBody::Stream(EventBody(subscriber)));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        closing(response)
    }
}

/// Takes the request out of the table whichever way its handling ends.
struct Forget<'a> {
    door: &'a Door,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        lock(&self.door.pending).remove(&self.id);
    }
}

/// A whole answer or a stream.
pub(crate) enum DoorBody {
    Whole(Full<Bytes>),
    Stream(EventBody),
}

impl Body for DoorBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(cx),
            Self::Stream(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Stream(body) => body.size_hint(),
        }
    }
}

/// Why the body's type is not ours; `None` if it is.
fn media_type_problem(headers: &HeaderMap) -> Option<&'static str> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Some("no content encoding is supported");
    }
    let value = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let media_type = value.split(';').next().unwrap_or("").trim();
    if media_type.eq_ignore_ascii_case("application/json") { None } else { Some("the content type must be application/json") }
}

/// The `Authorization` header, empty if there is none; `None` if there are several.
fn authorization(headers: &HeaderMap) -> Option<String> {
    if headers.get_all(header::AUTHORIZATION).iter().count() > 1 {
        return None;
    }
    Some(text(headers, &header::AUTHORIZATION).unwrap_or_default())
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned())
}

fn json_response(status: StatusCode, body: Vec<u8>) -> Response<DoorBody> {
    let mut response = Response::new(DoorBody::Whole(Full::new(Bytes::from(body))));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn answer(status: StatusCode, body: &serde_json::Value) -> Response<DoorBody> {
    json_response(status, body.to_string().into_bytes())
}

/// A refusal of the adapter itself: unsigned, because nothing of the request was understood.
fn nack(status: StatusCode, code: &str, message: &str) -> Response<DoorBody> {
    answer(status, &json!({"message": {"status": "NACK", "error": {"code": code, "message": message}}}))
}

/// The connection ends with this answer.
fn closing(mut response: Response<DoorBody>) -> Response<DoorBody> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
