//! The door's limits, each with a peer that passes it.

use std::time::Duration;

use bridge_northbound::{Config, Error, MAX_HEADERS};
use bridge_session::{DoorReply, Outbound};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use crate::kit::*;

const SHORT: Duration = Duration::from_millis(300);

fn assert_nack(answer: &str, status: &str, code: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    assert!(body.contains("\"NACK\"") && body.contains(code), "{answer}");
}

#[tokio::test]
async fn a_body_is_bounded_before_it_is_read() {
    let mut server = node(Config { body_limit: 1000, ..Config::default() }).await;
    let port = server.port();
    for size in [1001, 3_000_000] {
        assert_nack(&raw(port, &post("/bpp/receiver/update", "", &"x".repeat(size))).await, "413", "SCH_");
    }
    let chunked = format!(
        "POST /bpp/receiver/update HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n{}\r\n0\r\n\r\n",
        "x".repeat(1001)
    );
    assert_nack(&raw(port, chunked.as_bytes()).await, "413", "SCH_");
    // Only announced: refused without waiting for a single octet.
    let announced = "POST /bpp/receiver/update HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 99999999999\r\n\r\n";
    assert_nack(&raw(port, announced.as_bytes()).await, "413", "SCH_");
    assert!(server.inbound.try_recv().is_err(), "nothing reached the engine");

    let mut tasks = JoinSet::new();
    tasks.spawn(async move { raw(port, &post("/bpp/receiver/update", "", &"x".repeat(1000))).await });
    let request = server.door().await;
    assert_eq!(request.body.len(), 1000);
    server.reply(request.id, 200, "{}").await;
    assert!(tasks.join_next().await.unwrap().unwrap().starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn only_json_and_only_the_known_paths() {
    let server = node(Config::default()).await;
    let port = server.port();
    let text = "POST /bpp/receiver/update HTTP/1.1\r\nhost: t\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n{}";
    assert_nack(&raw(port, text.as_bytes()).await, "415", "SCH_TYPE_NOT_SUPPORTED");
    assert_nack(&raw(port, &post("/bpp/receiver/update", "content-encoding: gzip\r\n", "{}")).await, "415", "encoding");
    assert_nack(&raw(port, &post("/bpp/receiver/update", "authorization: a\r\nauthorization: b\r\n", "{}")).await, "400", "Authorization");
    for path in ["/bpp/receiver/on_update", "/bap/receiver/update", "/bpp/receiver/", "/", "/v0/stream", "/healthz"] {
        assert_nack(&raw(port, &post(path, "", "{}")).await, "404", "NET_NOT_FOUND");
    }
    let health = raw(port, b"GET /healthz HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").await;
    assert!(health.starts_with("HTTP/1.1 200") && health.ends_with("{\"status\":\"ok\"}"), "{health}");
}

#[tokio::test]
async fn the_reply_keeps_its_status_signature_and_body() {
    let mut server = node(Config { realm: Some("ldc.example".into()), ..Config::default() }).await;
    let port = server.port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { raw(port, &post("/v0/stream/ack", "Authorization: Signature x\r\n", "{\"id\":\"0-1\"}")).await });
    let request = server.door().await;
    assert_eq!((request.action.as_str(), request.authorization.as_str(), request.tls_identity), ("stream/ack", "Signature x", None));
    server
        .order(Outbound::Reply(DoorReply { id: request.id, status: 401, signature: "Signature s".into(), body: b"{\"a\":1}".into() }))
        .await;
    let answer = tasks.join_next().await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 401") && answer.ends_with("\r\n\r\n{\"a\":1}"), "{answer}");
    assert!(answer.contains("\r\nsignature: Signature s\r\n"), "{answer}");
    assert!(answer.contains("www-authenticate: Signature realm=\"ldc.example\",headers=\"(created) (expires) digest\""), "{answer}");
}

#[tokio::test]
async fn a_request_head_is_bounded() {
    let server = node(Config { header_limit: 8192, ..Config::default() }).await;
    let long = format!("x-long: {}\r\n", "x".repeat(9000));
    assert!(raw(server.port(), &post("/bpp/receiver/update", &long, "{}")).await.starts_with("HTTP/1.1 431"));
    let many: String = (0..=MAX_HEADERS).map(|n| format!("x-{n}: 1\r\n")).collect();
    assert!(raw(server.port(), &post("/bpp/receiver/update", &many, "{}")).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_slow_head_is_cut_though_octets_keep_coming() {
    let server = node(Config { header_timeout: SHORT, ..Config::default() }).await;
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
    let drip = async {
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, drip).await.expect("the connection should be cut");
}

#[tokio::test]
async fn a_kept_connection_may_be_silent_longer_than_a_head_may_take() {
    let server = node(Config { header_timeout: SHORT, idle_timeout: Duration::from_secs(3), ..Config::default() }).await;
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
    for _ in 0..2 {
        tokio::time::sleep(3 * SHORT).await;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: t\r\n\r\n").await.unwrap();
        let mut answer = [0; 512];
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"));
    }
    // And then it is closed.
    assert_eq!(read_all(&mut stream).await, "");
}

#[tokio::test]
async fn a_slow_body_is_answered_and_cut() {
    let server = node(Config { body_timeout: SHORT, ..Config::default() }).await;
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
    let head = "POST /bpp/receiver/update HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_nack(&read_all(&mut stream).await, "408", "NET_TIMEOUT");
}

#[tokio::test]
async fn an_engine_that_does_not_reply_gives_503() {
    let mut server = node(Config { reply_timeout: SHORT, ..Config::default() }).await;
    let answer = raw(server.port(), &post("/bpp/receiver/update", "", "{}")).await;
    assert_nack(&answer, "503", "NET_TIMEOUT");
    assert!(answer.contains("retry-after: 1"));
    // The reply that comes too late disturbs nothing.
    let late = server.door().await;
    server.reply(late.id, 200, "{}").await;
    assert_nack(&raw(server.port(), &post("/bpp/receiver/update", "", "{}")).await, "503", "NET_TIMEOUT");
}

#[tokio::test]
async fn requests_at_once_are_bounded() {
    let mut server = node(Config { max_requests: 2, ..Config::default() }).await;
    let port = server.port();
    let mut tasks = JoinSet::new();
    for _ in 0..2 {
        tasks.spawn(async move { raw(port, &post("/bpp/receiver/update", "", "{}")).await });
    }
    let waiting = [server.door().await, server.door().await];
    assert_nack(&raw(port, &post("/bpp/receiver/update", "", "{}")).await, "503", "NET_OVERLOADED");
    for request in waiting {
        server.reply(request.id, 200, "{}").await;
    }
    while let Some(answer) = tasks.join_next().await {
        assert!(answer.unwrap().starts_with("HTTP/1.1 200"));
    }
    tasks.spawn(async move { raw(port, &post("/bpp/receiver/update", "", "{}")).await });
    server.door().await;
}

#[tokio::test]
async fn connections_are_bounded() {
    let server = node(Config { max_connections: 1, ..Config::default() }).await;
    let mut first = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
    first.write_all(b"GET /healthz HTTP/1.1\r\nhost: t\r\n\r\n").await.unwrap();
    assert!(first.read(&mut [0; 512]).await.unwrap() > 0);
    let mut second = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
    assert_eq!(read_all(&mut second).await, "", "closed without a word");
    drop(first);
    let again = async {
        // The server needs a moment to see that the first is gone.
        loop {
            if raw(server.port(), b"GET /healthz HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").await.starts_with("HTTP/1.1 200") {
                break;
            }
        }
    };
    timeout(PATIENCE, again).await.expect("the slot is free again");
}

#[tokio::test]
async fn plain_http_and_bad_limits_do_not_start() {
    let config = Config { listen: "0.0.0.0:0".parse().unwrap(), ..Config::default() };
    assert!(matches!(try_node(config).await.err(), Some(Error::PlainListen { .. })));
    let config = Config { header_limit: 100, ..Config::default() };
    assert!(matches!(try_node(config).await.err(), Some(Error::Limit { name: "header_limit", value: 100, least: 8192 })));
    for base_url in ["http://192.0.2.1:80", "https://127.0.0.1:1", "ftp://127.0.0.1", "127.0.0.1", ""] {
        let mut config = towards(1);
        config.peers[0].base_url = base_url.into();
        assert!(matches!(try_node(config).await.err(), Some(Error::Peer { .. })), "{base_url}");
    }
    let mut config = towards(1);
    config.peers.push(plain_peer(2));
    let error = try_node(config).await.err().unwrap().to_string();
    assert!(error.contains("the number 3 is taken"), "{error}");
}

#[tokio::test]
async fn shutdown_answers_what_is_in_hand() {
    let mut server = node(Config::default()).await;
    let port = server.port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { raw(port, &post("/bpp/receiver/update", "", "{}")).await });
    let request = server.door().await;
    let Node { running, outbound, inbound: _inbound } = server;
    tasks.spawn(async move {
        running.shutdown().await;
        String::new()
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let reply = DoorReply { id: request.id, status: 200, signature: String::new(), body: b"{}".into() };
    outbound.send(Outbound::Reply(reply)).await.unwrap();
    let mut answers = Vec::new();
    while let Some(answer) = tasks.join_next().await {
        answers.push(answer.unwrap());
    }
    assert!(answers.iter().any(|a| a.starts_with("HTTP/1.1 200")), "{answers:?}");
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "the port is free");
}

#[tokio::test]
async fn an_oversized_body_is_not_read_for_ever() {
    let server = node(Config::default()).await;
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
    let head = "POST /bpp/receiver/update HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = vec![b' '; 1 << 20];
    let mut written = 0;
    while written < 100 && matches!(timeout(PATIENCE, stream.write_all(&chunk)).await, Ok(Ok(()))) {
        written += 1;
    }
    // MAX_DISCARD and what the kernels' buffers hold.
    assert!((8..64).contains(&written), "{written} MiB");
}

#[tokio::test]
async fn shutdown_does_not_wait_for_an_engine_that_is_silent() {
    let mut server = node(Config { reply_timeout: Duration::from_secs(60), ..Config::default() }).await;
    let port = server.port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { raw(port, &post("/bpp/receiver/update", "", "{}")).await });
    server.door().await;
    timeout(PATIENCE, server.running.shutdown()).await.expect("SHUTDOWN_GRACE bounds it");
    assert_eq!(tasks.join_next().await.unwrap().unwrap(), "");
}

#[tokio::test]
async fn the_server_stops_with_its_engine() {
    let server = node(Config::default()).await;
    let Node { mut running, outbound, inbound: _inbound } = server;
    drop(outbound);
    timeout(PATIENCE, running.stopped()).await.expect("it stops");
}
