//! The stream, from the server's pushes to the client's messages.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bridge_northbound::Config;
use bridge_session::{Outbound, StreamEvent, StreamMessage};
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::Notify, time::timeout};

use crate::kit::*;

const GET: &[u8] = b"GET /v0/stream HTTP/1.1\r\nhost: t\r\naccept: text/event-stream\r\n\r\n";

#[tokio::test]
async fn a_stream_goes_round_with_its_resume_id() {
    let (mut server, mut client) = pair().await;
    client.subscribe(Some("00000000000000ff-12")).await;
    let subscriber = match server.stream_event().await {
        StreamEvent::Subscribed { subscriber, tls_identity, authorization, last_event_id } => {
            assert_eq!(tls_identity.as_deref(), Some(GENCO));
            assert_eq!(authorization, "Signature sub");
            assert_eq!(last_event_id.as_deref(), Some("00000000000000ff-12"));
            subscriber
        }
        other => panic!("{other:?}"),
    };
    let long = "x".repeat(300_000);
    server.push(subscriber, "00000000000000ff-13", "{\"a\":1}").await;
    server.push(subscriber, "00000000000000ff-14", &long).await;
    let beat = StreamMessage { id: String::new(), event: "heartbeat", data: "{}".into() };
    server.order(Outbound::Push { subscriber, message: beat }).await;
    assert_eq!(client.stream_event().await, StreamEvent::Opened(SINK));
    assert_eq!(client.message().await, ("00000000000000ff-13".into(), "stream".into(), "{\"a\":1}".into()));
    assert_eq!(client.message().await, ("00000000000000ff-14".into(), "stream".into(), long));
    assert_eq!(client.message().await, (String::new(), "heartbeat".into(), "{}".into()));
    server.order(Outbound::End(subscriber)).await;
    assert_eq!(client.lost().await, "the peer ended the stream");
    loop {
        match server.stream_event().await {
            StreamEvent::Writable(_) => {}
            StreamEvent::Unsubscribed(ended) => break assert_eq!(ended, subscriber),
            other => panic!("{other:?}"),
        }
    }
    // The next one starts at the beginning.
    client.subscribe(None).await;
    let StreamEvent::Subscribed { last_event_id: None, .. } = server.stream_event().await else { panic!("no resume id was given") };
}

#[tokio::test]
async fn a_refused_subscription_never_opens() {
    let (mut server, mut client) = pair().await;
    client.subscribe(None).await;
    let subscriber = server.subscribed().await;
    server.order(Outbound::End(subscriber)).await;
    let cause = client.lost().await;
    assert!(cause.contains("403") && cause.contains("AUT_UNAUTHORIZED_ACTION"), "{cause}");
    assert_eq!(server.stream_event().await, StreamEvent::Unsubscribed(subscriber));
}

#[tokio::test]
async fn a_subscription_opens_without_a_first_message() {
    let (mut server, mut client) = pair().await;
    client.subscribe(None).await;
    server.subscribed().await;
    assert_eq!(client.stream_event().await, StreamEvent::Opened(SINK));
}

#[tokio::test]
async fn a_slow_reader_is_ended_at_the_limit_while_others_go_on() {
    let mut server = node(Config { stream_queue_messages: 8, ..Config::default() }).await;
    let mut slow = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
    slow.write_all(GET).await.unwrap();
    let slow_id = server.subscribed().await;
    let mut client = node(towards(server.port())).await;
    client.subscribe(None).await;
    let good_id = server.subscribed().await;
    server.push(good_id, "0", "first").await;
    assert_eq!(client.stream_event().await, StreamEvent::Opened(SINK));
    client.message().await;

    // The slow one never reads: kernel buffers fill, then the queue, then it is over.
    let data = "x".repeat(1 << 20);
    let mut ended = false;
    for round in 0..200 {
        if ended {
            break;
        }
        server.push(slow_id, "s", &data).await;
        server.push(good_id, &round.to_string(), "small").await;
        assert_eq!(client.message().await.0, round.to_string(), "the good one gets everything");
        while let Ok(Some(event)) = timeout(Duration::from_millis(5), server.inbound.recv()).await {
            ended |= event == bridge_session::Inbound::Stream(StreamEvent::Unsubscribed(slow_id));
        }
    }
    assert!(ended, "the slow one was ended");
    server.push(slow_id, "s", "after its end: ignored").await;
    server.push(good_id, "z", "still there").await;
    assert_eq!(client.message().await.0, "z");
}

#[tokio::test]
async fn the_queue_is_bounded_in_octets_too() {
    let mut server = node(Config { stream_queue_bytes: 1024, ..Config::default() }).await;
    let mut client = node(towards(server.port())).await;
    client.subscribe(None).await;
    let subscriber = server.subscribed().await;
    server.push(subscriber, "1", "fits").await;
    assert_eq!(client.stream_event().await, StreamEvent::Opened(SINK));
    client.message().await;
    server.push(subscriber, "2", &"x".repeat(1024)).await;
    let cause = client.lost().await;
    assert!(cause.contains("broke off"), "an overflow is no orderly end: {cause}");
}

#[tokio::test]
async fn room_is_reported_when_the_queue_drains() {
    let mut server = node(Config { stream_queue_messages: 64, ..Config::default() }).await;
    let mut client = node(towards(server.port())).await;
    client.subscribe(None).await;
    let subscriber = server.subscribed().await;
    // A sender that pushes a quarter of the queue after each report never loses its subscription and never stalls.
    for round in 0..20 {
        for n in 0..16 {
            server.push(subscriber, &format!("{round}-{n}"), &"x".repeat(5000)).await;
        }
        assert_eq!(server.stream_event().await, StreamEvent::Writable(subscriber));
        if round == 0 {
            assert_eq!(client.stream_event().await, StreamEvent::Opened(SINK));
        }
        for n in 0..16 {
            assert_eq!(client.message().await.0, format!("{round}-{n}"));
        }
        while let Ok(event) = server.inbound.try_recv() {
            assert_eq!(event, bridge_session::Inbound::Stream(StreamEvent::Writable(subscriber)));
        }
    }
}

#[tokio::test]
async fn subscriptions_are_bounded() {
    let mut server = node(Config { max_streams: 1, ..Config::default() }).await;
    let mut first = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
    first.write_all(GET).await.unwrap();
    let subscriber = server.subscribed().await;
    assert!(raw(server.port(), GET).await.starts_with("HTTP/1.1 503"));
    drop(first);
    assert_eq!(server.stream_event().await, StreamEvent::Unsubscribed(subscriber));
    let mut second = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
    second.write_all(GET).await.unwrap();
    server.subscribed().await;
}

#[tokio::test]
async fn a_server_that_dies_in_mid_message_is_lost() {
    let peer = fake(|_, mut stream| async move {
        read_request(&mut stream).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(format!("{head}13\r\nid: 1\ndata: a\n\ndata\r\n").as_bytes()).await.unwrap();
    })
    .await;
    let mut client = node(towards(peer.port)).await;
    client.subscribe(None).await;
    assert_eq!(client.stream_event().await, StreamEvent::Opened(SINK));
    assert_eq!(client.message().await.0, "1");
    let cause = client.lost().await;
    assert!(cause.contains("broke off"), "{cause}");
}

#[tokio::test]
async fn a_black_holed_stream_is_lost_within_stream_idle() {
    let peer = fake(|_, mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(format!("{SSE_HEAD}data: a\n\n").as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let mut client = node(Config { stream_idle: Duration::from_millis(400), ..towards(peer.port) }).await;
    client.subscribe(None).await;
    assert_eq!(client.stream_event().await, StreamEvent::Opened(SINK));
    client.message().await;
    let lost = timeout(Duration::from_secs(5), client.lost()).await.expect("it must notice");
    assert_eq!(lost, "nothing on the stream for 400ms");
}

#[tokio::test]
async fn what_is_no_stream_is_lost() {
    let cases = [
        ("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 0\r\n\r\n".to_owned(), false, "text/html"),
        (format!("{SSE_HEAD}data: {}", "x".repeat(2000)), true, "longer than 1024"),
        (format!("{SSE_HEAD}: {}", "x".repeat(2000)), true, "longer than 1024"),
        ("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n".to_owned(), false, "answered 503"),
        ("garbage\r\n\r\n".to_owned(), false, "failed"),
    ];
    for (answer, opens, part) in cases {
        let peer = fake(move |_, mut stream| {
            let answer = answer.clone();
            async move {
                read_request(&mut stream).await;
                stream.write_all(answer.as_bytes()).await.unwrap();
                std::future::pending::<()>().await;
            }
        })
        .await;
        let mut client = node(Config { stream_line_limit: 1024, ..towards(peer.port) }).await;
        client.subscribe(None).await;
        if opens {
            assert_eq!(client.stream_event().await, StreamEvent::Opened(SINK));
        }
        let cause = client.lost().await;
        assert!(cause.contains(part), "{cause}");
    }
}

#[tokio::test]
async fn a_new_subscription_takes_the_place_of_the_old() {
    let mut server = node(Config::default()).await;
    let mut client = node(towards(server.port())).await;
    client.subscribe(None).await;
    let first = server.subscribed().await;
    assert_eq!(client.stream_event().await, StreamEvent::Opened(SINK));
    client.subscribe(Some("0-9")).await;
    let mut second = None;
    let mut over = false;
    while second.is_none() || !over {
        match server.stream_event().await {
            StreamEvent::Subscribed { subscriber, last_event_id, .. } => {
                assert_eq!(last_event_id.as_deref(), Some("0-9"));
                second = Some(subscriber);
            }
            StreamEvent::Unsubscribed(ended) => over = ended == first,
            other => panic!("{other:?}"),
        }
    }
    server.push(second.unwrap(), "0-10", "next").await;
    assert_eq!(client.stream_event().await, StreamEvent::Opened(SINK), "and nothing is lost");
    assert_eq!(client.message().await.0, "0-10");
}

#[tokio::test]
async fn of_several_confirmations_the_latest_wins() {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let (seen, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let shared = (Arc::clone(&bodies), Arc::clone(&seen), Arc::clone(&release));
    let peer = fake(move |_, mut stream| {
        let (bodies, seen, release) = shared.clone();
        async move {
            while let Some((head, body)) = read_request(&mut stream).await {
                assert!(head.starts_with("post /v0/stream/ack ") && head.contains("authorization: signature ack"), "{head}");
                bodies.lock().unwrap().push(body);
                seen.notify_one();
                release.notified().await;
                respond(&mut stream, "200 OK", "{}").await;
            }
        }
    })
    .await;
    let client = node(towards(peer.port)).await;
    let confirm = |n: u32| {
        let body = format!("{{\"id\":\"0-{n}\"}}").into_bytes();
        client.order(Outbound::AckStream { sink: SINK, authorization: "Signature ack".into(), body })
    };
    confirm(1).await;
    timeout(PATIENCE, seen.notified()).await.unwrap();
    for n in 2..=9 {
        confirm(n).await;
    }
    // The router takes orders in turn: once it has refused this delivery it has seen all confirmations.
    let mut client = client;
    client.deliver(bridge_session::SinkId(99), 1, "update", "{}").await;
    client.delivered().await;
    release.notify_one();
    timeout(PATIENCE, seen.notified()).await.unwrap();
    release.notify_one();
    assert_eq!(*bodies.lock().unwrap(), ["{\"id\":\"0-1\"}", "{\"id\":\"0-9\"}"]);
}

#[tokio::test]
async fn an_ended_stream_waits_for_a_slow_reader_only_so_long() {
    let mut server = node(Config::default()).await;
    let mut slow = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
    slow.write_all(GET).await.unwrap();
    let subscriber = server.subscribed().await;
    for _ in 0..14 {
        server.push(subscriber, "s", &"x".repeat(1 << 20)).await;
    }
    server.order(Outbound::End(subscriber)).await;
    loop {
        match server.stream_event().await {
            StreamEvent::Writable(_) => {}
            other => break assert_eq!(other, StreamEvent::Unsubscribed(subscriber)),
        }
    }
    assert!(!read_all(&mut slow).await.ends_with("0\r\n\r\n"), "cut, not ended");
}
