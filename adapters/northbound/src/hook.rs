//! Batches of CloudEvents to one webhook, one after the other, each on the kept-alive connection if it still lives.

use std::time::Duration;

use bridge_session::{Inbound, Post, PostAnswer, Posted};
use hyper::{
    Method, StatusCode,
    body::Bytes,
    header::{self, HeaderName, HeaderValue},
};
use tokio::sync::mpsc;

use crate::{
    Clock, Error, Hook,
    link::{Answer, Target},
};

/// Headers that a webhook's configuration may not set: they belong to the transport or to the batch.
pub const RESERVED_HEADERS: &[&str] = &["host", "content-type", "content-length", "transfer-encoding", "connection", "signature"];
/// Longest part of a refusal's body that is told.
const MAX_REFUSAL: usize = 200;
/// What a receiver may ask us to wait at most: longer, and it is asked again sooner.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// A webhook, checked.
pub(crate) struct HookTarget {
    target: Target,
    hook: bridge_session::HookId,
    headers: Vec<(HeaderName, HeaderValue)>,
    clock: Clock,
}

impl HookTarget {
    pub(crate) fn new(hook: &Hook, target: Target, clock: Clock) -> Result<Self, Error> {
        let fail = |problem: String| Error::Hook { name: hook.name.clone(), problem };
        let mut headers = Vec::new();
        for (name, secret) in &hook.headers {
            if RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
                return Err(fail(format!("the header {name} is not for a configuration to set")));
            }
            let name = HeaderName::try_from(name.as_str()).map_err(|e| fail(format!("header {name}: {e}")))?;
            // The error of a value would show it.
            let mut value =
                HeaderValue::try_from(secret.0.as_str()).map_err(|_| fail(format!("the value of header {name} cannot be sent")))?;
            value.set_sensitive(true);
            headers.push((name, value));
        }
        Ok(Self { target, hook: hook.hook, headers, clock })
    }

    pub(crate) fn id(&self) -> bridge_session::HookId {
        self.hook
    }

    /// Carries batches; each gives one [`Inbound::Posted`].
    pub(crate) async fn run(self, mut posts: mpsc::Receiver<Post>, inbound: mpsc::Sender<Inbound>) {
        let mut kept = None;
        while let Some(post) = posts.recv().await {
            let body = Bytes::from(post.body);
            // The signature stands where other deliveries have it, unless the receiver wants a token of its own there.
            let own = self.headers.iter().any(|(name, _)| name == header::AUTHORIZATION);
            let authorization = if own { "" } else { post.signature.as_str() };
            let answered = self
                .target
                .send_made(&mut kept, || {
                    let mut request = self.target.request(Method::POST, "", authorization, body.clone())?;
                    let headers = request.headers_mut();
                    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/cloudevents-batch+json; charset=UTF-8"));
                    for (name, value) in &self.headers {
                        headers.insert(name.clone(), value.clone());
                    }
                    if own {
                        let value =
                            HeaderValue::try_from(post.signature.as_str()).map_err(|e| format!("the signature cannot be sent: {e}"))?;
                        headers.insert(HeaderName::from_static("signature"), value);
                    }
                    Ok(request)
                })
                .await;
            let answer = match answered {
                Ok(answer) => judge(&answer, (self.clock)().utc.as_secs()),
                Err(cause) => PostAnswer::Later { cause, after: None },
            };
            tracing::debug!(hook = self.target.name, batch = post.id, ?answer, "batch ended");
            if inbound.send(Inbound::Posted(Posted { hook: self.hook, id: post.id, answer })).await.is_err() {
                return;
            }
        }
    }
}

/// What an answer means for a batch.
fn judge(answer: &Answer, now_s: i64) -> PostAnswer {
    let status = answer.status;
    if status.is_success() {
        return PostAnswer::Taken;
    }
    let text: String = String::from_utf8_lossy(&answer.body).chars().filter(|c| !c.is_control()).take(MAX_REFUSAL).collect();
    let again = status == StatusCode::REQUEST_TIMEOUT || status == StatusCode::TOO_MANY_REQUESTS;
    if status.is_client_error() && !again {
        return PostAnswer::Refused { status: status.as_u16(), text };
    }
    let cause = if status.is_redirection() {
        format!("answered {}: redirects are not followed", status.as_u16())
    } else {
        format!("answered {} {text}", status.as_u16()).trim_end().to_owned()
    };
    PostAnswer::Later { cause, after: answer.retry_after.as_deref().and_then(|text| retry_after(text, now_s)) }
}

/// `Retry-After`: seconds, or an HTTP date (RFC 9110 §10.2.3, §5.6.7).
fn retry_after(text: &str, now_s: i64) -> Option<Duration> {
    let seconds = match text.trim().parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => u64::try_from(http_date(text.trim())?.saturating_sub(now_s)).unwrap_or(0),
    };
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` as seconds since 1970.
fn http_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let day: i64 = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = i64::try_from(MONTHS.iter().position(|month| *month == name)?).ok()? + 1;
    let year: i64 = words.next()?.parse().ok()?;
    let clock: Vec<i64> = words.next()?.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let ([hour, minute, second], Some("GMT"), None) = (clock.as_slice(), words.next(), words.next()) else { return None };
    let sound = (1..=31).contains(&day) && (1970..=9999).contains(&year) && *hour < 24 && *minute < 60 && *second < 61;
    if !sound || [*hour, *minute, *second].iter().any(|part| *part < 0) {
        return None;
    }
    // Days from the civil calendar, with March as the first month.
    let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&str>) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, retry_after: retry_after.map(str::to_owned), body: Bytes::from_static(b"no\nthanks") }
    }

    #[test]
    fn answers_are_told_apart() {
        assert_eq!(judge(&answer(204, None), 0), PostAnswer::Taken);
        assert_eq!(judge(&answer(202, None), 0), PostAnswer::Taken);
        assert_eq!(judge(&answer(422, None), 0), PostAnswer::Refused { status: 422, text: "nothanks".into() });
        for (status, after, expected) in
            [(429, Some("7"), Some(7)), (503, None, None), (408, Some("x"), None), (500, Some("99999"), Some(3600))]
        {
            let PostAnswer::Later { after, .. } = judge(&answer(status, after), 0) else { panic!("{status} is for later") };
            assert_eq!(after.map(|after| after.as_secs()), expected, "{status}");
        }
        let moved = judge(&answer(301, None), 0);
        assert!(matches!(&moved, PostAnswer::Later { cause, .. } if cause.contains("redirects are not followed")), "{moved:?}");
    }

    #[test]
    fn a_retry_date_is_read_and_rubbish_is_not() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(http_date("Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_747), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_999), Some(Duration::ZERO), "a date that has passed");
        for rubbish in ["", "soon", "-5", "Sun, 06 Nov 1994 08:49 GMT", "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT"] {
            assert_eq!(retry_after(rubbish, 0), None, "{rubbish}");
        }
    }
}
