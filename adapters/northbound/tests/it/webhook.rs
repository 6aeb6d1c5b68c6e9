//! Batches to a webhook: what is sent, what each answer means, and whom it believes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bridge_northbound::{Config, Error, Hook, HookTls, RESPONSE_LIMIT, Secret};
use bridge_session::{HookId, Inbound, Outbound, Post, PostAnswer};

use crate::kit::*;

fn hook(url: String) -> Hook {
    Hook {
        hook: HookId(5),
        name: "lake".into(),
        url,
        server_name: Some("localhost".into()),
        headers: Vec::new(),
        tls: None,
        timeout: Duration::from_secs(5),
    }
}

async fn posted(node: &mut Node, id: u64, body: &str) -> PostAnswer {
    let post = Post { hook: HookId(5), id, signature: "Signature test".into(), body: body.into() };
    node.order(Outbound::Post(post)).await;
    match node.next().await {
        Inbound::Posted(posted) => {
            assert_eq!((posted.hook, posted.id), (HookId(5), id));
            posted.answer
        }
        other => panic!("not a batch's end: {other:?}"),
    }
}

fn hooked(hook: Hook) -> Config {
    Config { hooks: vec![hook], ..Config::default() }
}

#[tokio::test]
async fn a_batch_is_sent_with_its_path_headers_and_signature() {
    let fake = fake(|_, mut stream| async move {
        while let Some((head, body)) = read_request(&mut stream).await {
            let own_token = head.contains("authorization: bearer t-1");
            let sound = head.starts_with("post /hook/?tenant=7 http/1.1")
                && head.contains("content-type: application/cloudevents-batch+json; charset=utf-8")
                && head.contains("x-api-key: k-1")
                && (head.contains("authorization: signature test") || (own_token && head.contains("\r\nsignature: signature test")))
                && body == "[{}]";
            respond(&mut stream, if sound { "200 OK" } else { "422 No" }, &head).await;
        }
    })
    .await;
    let url = format!("http://127.0.0.1:{}/hook/?tenant=7", fake.port);
    let key = ("X-Api-Key".to_owned(), Secret("k-1".into()));
    let mut client = node(hooked(Hook { headers: vec![key.clone()], ..hook(url.clone()) })).await;
    assert_eq!(posted(&mut client, 1, "[{}]").await, PostAnswer::Taken);
    assert_eq!(posted(&mut client, 2, "[{}]").await, PostAnswer::Taken);
    assert_eq!(fake.accepted.load(Ordering::SeqCst), 1, "the connection is kept");
    let token = ("Authorization".to_owned(), Secret("Bearer t-1".into()));
    let mut client = node(hooked(Hook { headers: vec![key, token], ..hook(url) })).await;
    assert_eq!(posted(&mut client, 1, "[{}]").await, PostAnswer::Taken);
}

#[tokio::test]
async fn answers_mean_taken_refused_or_later() {
    let fake = fake(|_, mut stream| async move {
        while let Some((_, body)) = read_request(&mut stream).await {
            let status = body.trim_matches(['[', ']', '"']).to_owned();
            let text = match status.as_str() {
                "302" => "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_owned(),
                "429" => "HTTP/1.1 429 Slow\r\nretry-after: 9\r\ncontent-length: 0\r\n\r\n".to_owned(),
                "long" => format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", RESPONSE_LIMIT + 1) + &"x".repeat(RESPONSE_LIMIT + 1),
                "hang" => {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    String::new()
                }
                _ => format!("HTTP/1.1 {status} X\r\ncontent-length: 3\r\n\r\nwhy"),
            };
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, text.as_bytes()).await;
        }
    })
    .await;
    let url = format!("http://127.0.0.1:{}/", fake.port);
    let mut client = node(hooked(Hook { timeout: Duration::from_millis(400), ..hook(url) })).await;
    for (body, expected) in [("200", PostAnswer::Taken), ("299", PostAnswer::Taken)] {
        assert_eq!(posted(&mut client, 1, &format!("[\"{body}\"]")).await, expected, "{body}");
    }
    for status in [400, 401, 404, 409, 413, 422] {
        let answer = posted(&mut client, 1, &format!("[\"{status}\"]")).await;
        assert_eq!(answer, PostAnswer::Refused { status, text: "why".into() });
    }
    for (body, words, seconds) in [
        ("302", "redirects are not followed", None),
        ("429", "answered 429", Some(9)),
        ("408", "408", None),
        ("500", "why", None),
        ("503", "503", None),
        ("long", "cannot be read", None),
        ("hang", "no answer within", None),
    ] {
        let answer = posted(&mut client, 1, &format!("[\"{body}\"]")).await;
        let PostAnswer::Later { cause, after } = answer else { panic!("{body} gave {answer:?}") };
        assert!(cause.contains(words) && after.map(|after| after.as_secs()) == seconds, "{body}: {cause} {after:?}");
    }
}

#[tokio::test]
async fn a_webhook_over_tls_checks_the_receiver_and_shows_its_certificate() {
    let (pki, others) = (Pki::new(), Pki::new());
    // A bridge's own door asks for client certificates; it knows no such path, and says so only to who got in.
    let server = node(Config { tls: Some(pki.issue(Some(LDC), "lake")), ..Config::default() }).await;
    let own = pki.issue(None, "plant");
    let url = format!("https://127.0.0.1:{}/hook", server.port());
    let tls = |roots: &std::path::Path, identity| Some(HookTls { roots: roots.to_owned(), identity });
    let identity = Some((own.certificate.clone(), own.key.clone()));
    let mut client = node(hooked(Hook { tls: tls(&own.roots, identity.clone()), ..hook(url.clone()) })).await;
    assert!(matches!(posted(&mut client, 1, "[]").await, PostAnswer::Refused { status: 404, .. }), "it got in");
    let stranger = others.issue(None, "x");
    let cases = [
        Hook { tls: tls(&own.roots, None), ..hook(url.clone()) },
        Hook { tls: tls(&stranger.roots, identity.clone()), ..hook(url.clone()) },
        Hook { tls: tls(&own.roots, identity.clone()), server_name: Some("other.example".into()), ..hook(url.clone()) },
    ];
    for wrong in cases {
        let mut client = node(hooked(wrong)).await;
        assert!(matches!(posted(&mut client, 1, "[]").await, PostAnswer::Later { .. }));
    }
}

#[tokio::test]
async fn a_wrong_webhook_does_not_start_and_no_secret_is_shown() {
    let pki = Pki::new();
    let tls = Some(HookTls { roots: pki.issue(None, "x").roots, identity: None });
    let secret = |name: &str, value: &str| vec![(name.to_owned(), Secret(value.to_owned()))];
    let cases = [
        (hook("http://lake.example/hook".into()), "http is for loopback only"),
        (hook("https://lake.example/hook".into()), "https needs TLS files"),
        (Hook { tls, ..hook("http://127.0.0.1:1/".into()) }, "http is for loopback only"),
        (Hook { headers: secret("Host", "x"), ..hook("http://127.0.0.1:1/".into()) }, "not for a configuration to set"),
        (Hook { headers: secret("X Y", "x"), ..hook("http://127.0.0.1:1/".into()) }, "header X Y"),
        (Hook { headers: secret("X-Key", "x\nq9z"), ..hook("http://127.0.0.1:1/".into()) }, "cannot be sent"),
    ];
    for (wrong, words) in cases {
        assert!(!format!("{wrong:?}").contains("q9z"), "a secret is not printed");
        let Err(Error::Hook { problem, .. }) = try_node(hooked(wrong)).await else { panic!("{words}: it started") };
        assert!(problem.contains(words) && !problem.contains("q9z"), "{problem}");
    }
}

#[tokio::test]
async fn an_unknown_webhook_is_answered_later() {
    let mut client = node(Config::default()).await;
    assert!(matches!(posted(&mut client, 1, "[]").await, PostAnswer::Later { .. }));
}
