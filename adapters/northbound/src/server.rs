//! The listening side: accept, TLS, one connection.

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc};

use bridge_session::{Inbound, StreamEvent};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore, watch},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    END_GRACE, MAX_HEADERS,
    door::{Door, Visitor},
    error::chain,
    identity::CertificateIdentity,
    pace::{Pace, Paced},
    socket::{Io, tune},
    subscriber::Wanted,
};

/// Accepts until `stop`; then lets the connections finish.
pub(crate) async fn run(listener: TcpListener, acceptor: Option<TlsAcceptor>, door: Arc<Door>, mut stop: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(door.config.max_connections));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(ended) = connections.join_next() => {
                report_panic(ended);
                continue;
            }
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: accepting again at once would spin.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            tracing::warn!(%peer, limit = door.config.max_connections, "connection refused: too many");
            continue;
        };
        let (acceptor, door, stop) = (acceptor.clone(), Arc::clone(&door), stop.clone());
        connections.spawn(async move {
            let _slot = slot;
            serve(stream, peer, acceptor, door, stop).await;
        });
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        report_panic(ended);
    }
}

fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task panicked");
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, acceptor: Option<TlsAcceptor>, door: Arc<Door>, mut stop: watch::Receiver<bool>) {
    if let Err(error) = tune(&stream, door.config.user_timeout) {
        tracing::debug!(%peer, %error, "cannot set the socket's options");
    }
    let (io, tls_identity): (Box<dyn Io>, _) = match acceptor {
        None => (Box::new(stream), None),
        Some(acceptor) => match tokio::time::timeout(door.config.handshake_timeout, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                // The handshake proved possession of a certificate under our roots.
                let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
                match certificate.map(|der| CertificateIdentity::read(der)) {
                    Some(Ok(identity)) => (Box::new(stream), Some(identity.name().to_owned())),
                    Some(Err(error)) => return tracing::warn!(%peer, %error, "client certificate refused"),
                    None => return tracing::warn!(%peer, "no client certificate"),
                }
            }
            Ok(Err(error)) => return tracing::warn!(%peer, cause = chain(&error), "TLS handshake failed"),
            Err(_) => return tracing::warn!(%peer, "TLS handshake took too long"),
        },
    };
    let pace = Arc::new(Pace::default());
    let visitor = Arc::new(Visitor {
        tls_identity,
        pace: Arc::clone(&pace),
        attention: Arc::new(Notify::new()),
        subscription: std::sync::Mutex::default(),
    });
    let service = service_fn(|request| {
        let (door, visitor) = (Arc::clone(&door), Arc::clone(&visitor));
        async move { Ok::<_, Infallible>(door.handle(&visitor, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(door.config.idle_timeout)
        .max_headers(MAX_HEADERS)
        .max_header_size(door.config.header_limit)
        .serve_connection(TokioIo::new(Paced { io, pace: Arc::clone(&pace) }), service);
    let mut connection = pin!(connection);
    let mut overdue = pin!(pace.overdue(door.config.header_timeout));
    let mut attend = pin!(attend(&door, &visitor));
    let mut stopping = false;
    loop {
        tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%peer, cause = chain(&error), "connection ended");
                }
                break;
            }
            () = overdue.as_mut() => {
                tracing::warn!(%peer, "a request's head took too long");
                break;
            }
            () = attend.as_mut() => break,
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
                if let Some(subscriber) = visitor.subscription() {
                    subscriber.end();
                }
            }
        }
    }
    if let Some(subscriber) = visitor.subscription() {
        subscriber.end();
        door.remove(subscriber.id);
        if subscriber.is_announced() {
            let _ = door.inbound.send(Inbound::Stream(StreamEvent::Unsubscribed(subscriber.id))).await;
        }
    }
}

/// Reports room to the engine; ends when the connection should be closed.
async fn attend(door: &Door, visitor: &Visitor) {
    loop {
        visitor.attention.notified().await;
        let Some(subscriber) = visitor.subscription() else { continue };
        match subscriber.poll_wanted() {
            Wanted::Nothing => {}
            Wanted::ReportWritable => {
                let _ = door.inbound.send(Inbound::Stream(StreamEvent::Writable(subscriber.id))).await;
            }
            Wanted::Finish => return tokio::time::sleep(END_GRACE).await,
            Wanted::Abort => return,
        }
    }
}
