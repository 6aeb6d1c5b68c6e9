//! Our subscription at one peer.

use bridge_session::{Inbound, StreamEvent};
use http_body_util::BodyExt;
use hyper::{
    Method, StatusCode,
    body::Bytes,
    header::{self, HeaderValue},
};
use tokio::sync::{mpsc, watch};

use crate::{
    deliver::refusal_text,
    error::chain,
    link::{Answer, Target, bounded},
    sse::SseParser,
};

/// Where and how to subscribe.
#[derive(Clone)]
pub(crate) struct Subscription {
    pub(crate) last_event_id: Option<String>,
    pub(crate) authorization: String,
}

/// Follows the latest subscription. A new one silently takes the place of one that is still open.
pub(crate) async fn run(target: Target, mut latest: watch::Receiver<Option<Subscription>>, inbound: mpsc::Sender<Inbound>) {
    while latest.changed().await.is_ok() {
        let Some(subscription) = latest.borrow_and_update().clone() else { continue };
        let cause = tokio::select! {
            cause = follow(&target, &subscription, &inbound) => cause,
            Ok(()) = latest.wait_for_other() => continue,
        };
        tracing::debug!(sink = target.name, cause, "subscription lost");
        if inbound.send(Inbound::Stream(StreamEvent::Lost { sink: target.sink, cause })).await.is_err() {
            return;
        }
    }
}

/// Waiting for a change without marking it as seen.
trait WaitForOther {
    async fn wait_for_other(&mut self) -> Result<(), watch::error::RecvError>;
}

impl<T> WaitForOther for watch::Receiver<T> {
    async fn wait_for_other(&mut self) -> Result<(), watch::error::RecvError> {
        self.changed().await?;
        self.mark_changed();
        Ok(())
    }
}

/// Subscribes and hands every message over; ends with the cause.
async fn follow(target: &Target, subscription: &Subscription, inbound: &mpsc::Sender<Inbound>) -> String {
    match try_follow(target, subscription, inbound).await {
        Ok(()) => "the peer ended the stream".to_owned(),
        Err(cause) => cause,
    }
}

async fn try_follow(target: &Target, subscription: &Subscription, inbound: &mpsc::Sender<Inbound>) -> Result<(), String> {
    let mut link = target.connect().await?;
    let mut request = target.request(Method::GET, "/v0/stream", &subscription.authorization, Bytes::new())?;
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
    if let Some(id) = &subscription.last_event_id {
        let value = HeaderValue::try_from(id).map_err(|e| format!("the Last-Event-ID header cannot be made: {e}"))?;
        request.headers_mut().insert("last-event-id", value);
    }
    let response = target.open(&mut link, request).await?;
    let status = response.status();
    if status != StatusCode::OK {
        let body = tokio::time::timeout(target.stream_idle, bounded(response.into_body())).await;
        let body = body.ok().and_then(Result::ok).unwrap_or_default();
        return Err(refusal_text(&Answer { status, retry_after: None, body }));
    }
    let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    if !media_type.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("text/event-stream") {
        return Err(format!("answered with content type {media_type:?}, not text/event-stream"));
    }
    let hand_over = |event| async { inbound.send(Inbound::Stream(event)).await.map_err(|_| "the bridge is stopping".to_owned()) };
    hand_over(StreamEvent::Opened(target.sink)).await?;

    let mut body = response.into_body();
    let mut parser = SseParser::new(target.stream_line_limit);
    let mut events = Vec::new();
    loop {
        let frame = match tokio::time::timeout(target.stream_idle, body.frame()).await {
            Err(_) => return Err(format!("nothing on the stream for {:?}", target.stream_idle)),
            Ok(None) => return Ok(()),
            Ok(Some(Err(error))) => return Err(format!("the stream broke off: {}", chain(&error))),
            Ok(Some(Ok(frame))) => frame,
        };
        let Some(octets) = frame.data_ref() else { continue };
        let parsed = parser.handle_input(octets, &mut events);
        for event in events.drain(..) {
            let message = StreamEvent::Message { sink: target.sink, id: event.id, event: event.event, data: event.data };
            hand_over(message).await?;
        }
        parsed.map_err(|error| error.to_string())?;
    }
}
