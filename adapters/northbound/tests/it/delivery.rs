//! Deliveries, from the engine's order to its result.

use std::{sync::atomic::Ordering, time::Duration};

use bridge_northbound::{Config, MAX_REPORTS, RESPONSE_LIMIT};
use bridge_session::{Ack, Delivery, Outbound, SinkId};

use crate::kit::*;

#[tokio::test]
async fn an_update_reaches_the_door_and_its_ack_comes_back() {
    let (mut server, mut client) = pair().await;
    client.deliver(SINK, 41, "update", "{\"context\":{}}").await;
    let request = server.door().await;
    assert_eq!(request.action, "update");
    assert_eq!(request.authorization, "Signature test");
    assert_eq!(request.tls_identity.as_deref(), Some(GENCO));
    assert_eq!(request.body, b"{\"context\":{}}");
    assert_eq!(request.received, NOW);
    server.reply(request.id, 200, "{\"message\":{\"status\":\"ACK\"}}").await;
    let result = client.delivered().await;
    assert_eq!((result.sink, result.id, result.ack), (SINK, 41, Ack::Ack));

    for (id, action) in [(42, "on_update"), (43, "on_status")] {
        client.deliver(SINK, id, action, "{}").await;
        let request = server.door().await;
        assert_eq!(request.action, action);
        server.reply(request.id, 200, "{}").await;
        assert_eq!(client.delivered().await.id, id);
    }
}

#[tokio::test]
async fn refusals_are_final_and_overload_is_not() {
    let (mut server, mut client) = pair().await;
    let nack = |status, code: &str, message: &str| Ack::Nack { status, code: code.into(), message: message.into() };
    let beside = r#"{"message":{"status":"NACK"},"error":{"errorCode":30001,"errorMessage":"no"}}"#;
    let inside = r#"{"message":{"status":"NACK","error":{"code":"AUT_REPLAY_DETECTED","message":"seen"}}}"#;
    let cases = [
        (401, inside, Some(nack(401, "AUT_REPLAY_DETECTED", "seen"))),
        (400, beside, Some(nack(400, "30001", "no"))),
        (404, "not JSON", Some(nack(404, "", ""))),
        (200, inside, Some(nack(200, "AUT_REPLAY_DETECTED", "seen"))),
        (200, "", Some(Ack::Ack)),
        (408, inside, None),
        (429, inside, None),
        (500, inside, None),
        (503, inside, None),
        (302, inside, None),
    ];
    for (status, body, expected) in cases {
        client.deliver(SINK, 1, "update", "{}").await;
        let request = server.door().await;
        server.reply(request.id, status, body).await;
        let ack = client.delivered().await.ack;
        match expected {
            Some(expected) => assert_eq!(ack, expected, "{status} {body}"),
            None => {
                let Ack::Unreachable(cause) = ack else { panic!("{status} gave {ack:?}") };
                assert!(cause.contains(&status.to_string()) && cause.contains("AUT_REPLAY_DETECTED"), "{cause}");
            }
        }
    }
}

#[tokio::test]
async fn two_deliveries_reuse_one_connection() {
    let peer = fake(|_, mut stream| async move {
        while read_request(&mut stream).await.is_some() {
            respond(&mut stream, "200 OK", "{}").await;
        }
    })
    .await;
    let mut client = node(towards(peer.port)).await;
    for _ in 0..3 {
        assert_eq!(client.try_update().await, Ack::Ack);
    }
    assert_eq!(peer.accepted.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_kept_connection_that_died_is_replaced_unnoticed() {
    let peer = fake(|_, mut stream| async move {
        // Closes after one answer, without saying so in a header.
        read_request(&mut stream).await;
        respond(&mut stream, "200 OK", "{}").await;
        // The second request is read and left without an answer.
        read_request(&mut stream).await;
    })
    .await;
    let mut client = node(towards(peer.port)).await;
    for _ in 0..3 {
        assert_eq!(client.try_update().await, Ack::Ack);
    }
    assert_eq!(peer.accepted.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn what_does_not_answer_is_unreachable() {
    let unreachable = |ack: Ack, part: &str| match ack {
        Ack::Unreachable(cause) => assert!(cause.contains(part), "{cause}"),
        other => panic!("{other:?}"),
    };
    let hole = fake(|_, mut stream| async move {
        read_request(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let mut client = node(Config { request_timeout: Duration::from_millis(200), ..towards(hole.port) }).await;
    unreachable(client.try_update().await, "no answer within 200ms");

    let closed = fake(|_, stream| async move { drop(stream) }).await;
    let mut client = node(towards(closed.port)).await;
    unreachable(client.try_update().await, "failed");

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut client = node(towards(free)).await;
    unreachable(client.try_update().await, "connecting to 127.0.0.1");

    let endless = fake(|_, mut stream| async move {
        read_request(&mut stream).await;
        respond(&mut stream, "200 OK", &"x".repeat(RESPONSE_LIMIT + 1)).await;
        std::future::pending::<()>().await;
    })
    .await;
    let mut client = node(towards(endless.port)).await;
    unreachable(client.try_update().await, "the answer cannot be read");

    client.deliver(SinkId(99), 5, "update", "{}").await;
    let result = client.delivered().await;
    assert_eq!((result.sink, result.id), (SinkId(99), 5));
    unreachable(result.ack, "no such sink");
}

#[tokio::test]
async fn a_dead_peer_holds_up_no_other() {
    let hole = fake(|_, stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let mut server = node(Config::default()).await;
    let mut config = towards(hole.port);
    let mut good = plain_peer(server.port());
    good.sink = SinkId(4);
    config.peers.push(good);
    let mut client = node(config).await;
    client.deliver(SINK, 1, "update", "{}").await;
    client.subscribe(None).await;
    for id in 2..5 {
        client.deliver(SinkId(4), id, "update", "{}").await;
        let request = server.door().await;
        server.reply(request.id, 200, "{}").await;
        assert_eq!(client.delivered().await.id, id);
    }
    // A sink takes one delivery at a time and holds one more; beyond that the engine breaks its contract and is told.
    client.deliver(SINK, 10, "update", "{}").await;
    client.deliver(SINK, 11, "update", "{}").await;
    let result = client.delivered().await;
    assert_eq!((result.id, result.ack), (11, Ack::Unreachable("more than one delivery in flight".into())));
}

#[tokio::test]
async fn an_engine_that_does_not_listen_is_not_obeyed_without_end() {
    let mut client = node(Config::default()).await;
    let mut ordered = 0;
    let order = |id| {
        let delivery = Delivery { sink: SINK, id, action: "update", authorization: String::new(), body: Vec::new() };
        client.outbound.send_timeout(Outbound::Deliver(delivery), Duration::from_millis(500))
    };
    while order(ordered).await.is_ok() {
        ordered += 1;
        assert!(ordered < 10_000, "orders must end");
    }
    // Both channels of the test hold 64.
    assert!(ordered >= MAX_REPORTS as u64 && ordered <= MAX_REPORTS as u64 + 2 * 64 + 2, "{ordered}");
    for id in 0..ordered {
        assert_eq!(client.delivered().await.id, id, "none is forgotten");
    }
}
