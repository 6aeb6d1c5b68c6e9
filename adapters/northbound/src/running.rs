//! Starting and stopping, and the router from the engine's orders to the tasks that carry them.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
};

use bridge_model::Now;
use bridge_session::{Ack, Delivery, DeliveryResult, HookId, Inbound, Outbound, Post, PostAnswer, Posted, SinkId};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinSet,
};

use crate::{
    Config, Error, MAX_REPORTS, SHUTDOWN_GRACE,
    deliver::{self, Confirmation},
    door::Door,
    hook::HookTarget,
    link::Target,
    server, sse,
    subscribe::{self, Subscription},
    subscriber::Pushed,
    tls,
};

/// Where time comes from.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// The adapter at work. Dropping it ends everything at once.
pub struct Running {
    local_addr: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinSet<()>,
    others: JoinSet<()>,
}

impl Running {
    /// Where the server listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Takes no more connections, answers the requests in hand (at most [`SHUTDOWN_GRACE`]), closes everything. The engine must go on
    /// replying meanwhile.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let _ = tokio::time::timeout(SHUTDOWN_GRACE, self.server.join_next()).await;
        self.server.shutdown().await;
        self.others.shutdown().await;
    }

    /// Ends when the server has ended: after the engine dropped its `outbound`.
    pub async fn stopped(&mut self) {
        while let Some(ended) = self.server.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                tracing::error!(%error, "the server's task panicked");
            }
        }
    }
}

/// Starts server and clients.
///
/// `inbound` takes what comes in; the engine must keep taking from it while it gives orders through `outbound`, because a full `inbound`
/// stops the reading of streams and requests. When the other end of `outbound` is dropped the server stops. `clock` stamps requests and
/// dates certificates.
///
/// # Errors
/// A TLS file, a peer or a limit is wrong, plain HTTP was asked for away from loopback, or the port is not to be had.
pub async fn start(
    config: Config,
    inbound: mpsc::Sender<Inbound>,
    outbound: mpsc::Receiver<Outbound>,
    clock: Clock,
) -> Result<Running, Error> {
    check(&config)?;
    let tls = config.tls.as_ref().map(|files| tls::load(files, &clock)).transpose()?;
    let mut targets: Vec<Target> = Vec::new();
    for peer in &config.peers {
        if targets.iter().any(|known| known.sink == peer.sink) {
            return Err(Error::Peer { name: peer.name.clone(), problem: format!("the number {} is taken", peer.sink.0) });
        }
        targets.push(Target::new(peer, &config, tls.as_ref().map(|tls| &tls.connector))?);
    }
    let mut hooks: Vec<HookTarget> = Vec::new();
    for hook in &config.hooks {
        let connector = hook.tls.as_ref().map(|files| tls::hook_connector(files, &clock)).transpose()?;
        let target = Target::of_hook(hook, &config, connector.as_ref())?;
        hooks.push(HookTarget::new(hook, target, Arc::clone(&clock))?);
    }
    let address = config.listen;
    let listener = TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })?;
    let local_addr = listener.local_addr().map_err(|source| Error::Listen { address, source })?;

    let (stop, stopping) = watch::channel(false);
    let door = Arc::new(Door::new(config, clock, inbound.clone()));
    let mut server = JoinSet::new();
    server.spawn(server::run(listener, tls.map(|tls| tls.acceptor), Arc::clone(&door), stopping));

    let mut others = JoinSet::new();
    let mut peers = BTreeMap::new();
    for target in targets {
        let (deliveries, orders) = mpsc::channel(1);
        others.spawn(deliver::run(target.clone(), orders, inbound.clone()));
        let (confirmations, orders) = watch::channel(None);
        others.spawn(deliver::confirm(target.clone(), orders));
        let (subscriptions, orders) = watch::channel(None);
        others.spawn(subscribe::run(target.clone(), orders, inbound.clone()));
        peers.insert(target.sink, Orders { deliveries, confirmations, subscriptions });
    }
    let mut posts = BTreeMap::new();
    for hook in hooks {
        let (batches, orders) = mpsc::channel(1);
        posts.insert(hook.id(), batches);
        others.spawn(hook.run(orders, inbound.clone()));
    }
    others.spawn(route(outbound, inbound, (peers, posts), door, stop.clone()));
    Ok(Running { local_addr, stop, server, others })
}

fn check(config: &Config) -> Result<(), Error> {
    if config.tls.is_none() && !config.listen.ip().is_loopback() {
        return Err(Error::PlainListen { address: config.listen });
    }
    let limits = [
        ("body_limit", config.body_limit, 1),
        ("header_limit", config.header_limit, 8192),
        ("max_connections", config.max_connections, 1),
        ("max_requests", config.max_requests, 1),
        ("max_streams", config.max_streams, 1),
        ("stream_queue_messages", config.stream_queue_messages, 2),
        ("stream_queue_bytes", config.stream_queue_bytes, 1024),
        ("stream_line_limit", config.stream_line_limit, 1024),
    ];
    for (name, value, least) in limits {
        if value < least {
            return Err(Error::Limit { name, value, least });
        }
    }
    Ok(())
}

/// The tasks of one peer.
struct Orders {
    deliveries: mpsc::Sender<Delivery>,
    confirmations: watch::Sender<Option<Confirmation>>,
    subscriptions: watch::Sender<Option<Subscription>>,
}

/// Takes orders until the engine is gone. Nothing here waits for a peer: one that is slow holds up no other.
async fn route(
    mut outbound: mpsc::Receiver<Outbound>,
    inbound: mpsc::Sender<Inbound>,
    tasks: (BTreeMap<SinkId, Orders>, BTreeMap<HookId, mpsc::Sender<Post>>),
    door: Arc<Door>,
    stop: watch::Sender<bool>,
) {
    let mut reports = VecDeque::new();
    loop {
        tokio::select! {
            order = outbound.recv(), if reports.len() < MAX_REPORTS => match order {
                Some(order) => carry(order, &tasks.0, &tasks.1, &door, &mut reports),
                None => break,
            },
            permit = inbound.reserve(), if !reports.is_empty() => match (permit, reports.pop_front()) {
                (Ok(permit), Some(report)) => permit.send(report),
                (Err(_), _) | (_, None) => break,
            },
        }
    }
    stop.send_replace(true);
}

fn carry(
    order: Outbound,
    peers: &BTreeMap<SinkId, Orders>,
    posts: &BTreeMap<HookId, mpsc::Sender<Post>>,
    door: &Door,
    reports: &mut VecDeque<Inbound>,
) {
    match order {
        Outbound::Reply(reply) => door.handle_reply(reply),
        Outbound::Deliver(delivery) => {
            let (sink, id) = (delivery.sink, delivery.id);
            let refused = match peers.get(&sink).map(|orders| orders.deliveries.try_send(delivery)) {
                Some(Ok(())) => return,
                Some(Err(mpsc::error::TrySendError::Full(_))) => "more than one delivery in flight",
                Some(Err(mpsc::error::TrySendError::Closed(_))) => "the sink's task has ended",
                None => "no such sink",
            };
            tracing::error!(sink = sink.0, delivery = id, refused, "delivery not carried");
            reports.push_back(Inbound::Delivered(DeliveryResult { sink, id, ack: Ack::Unreachable(refused.to_owned()) }));
        }
        Outbound::Post(post) => {
            let (hook, id) = (post.hook, post.id);
            let refused = match posts.get(&hook).map(|batches| batches.try_send(post)) {
                Some(Ok(())) => return,
                Some(Err(mpsc::error::TrySendError::Full(_))) => "more than one batch in flight",
                Some(Err(mpsc::error::TrySendError::Closed(_))) => "the webhook's task has ended",
                None => "no such webhook",
            };
            tracing::error!(hook = hook.0, batch = id, refused, "batch not carried");
            let answer = PostAnswer::Later { cause: refused.to_owned(), after: None };
            reports.push_back(Inbound::Posted(Posted { hook, id, answer }));
        }
        Outbound::Push { subscriber, message } => {
            // A subscription that has just ended: its `Unsubscribed` is on its way.
            let Some(found) = door.subscriber(subscriber) else { return };
            if found.push(sse::encode(&message)) == Pushed::Overflowed {
                tracing::warn!(subscriber = subscriber.0, "a subscriber reads too slowly: its subscription ends");
            }
        }
        Outbound::End(subscriber) => {
            if let Some(found) = door.subscriber(subscriber) {
                found.end();
            }
        }
        Outbound::Subscribe { sink, last_event_id, authorization } => match peers.get(&sink) {
            Some(orders) => drop(orders.subscriptions.send_replace(Some(Subscription { last_event_id, authorization }))),
            None => {
                let cause = "no such sink".to_owned();
                reports.push_back(Inbound::Stream(bridge_session::StreamEvent::Lost { sink, cause }));
            }
        },
        Outbound::AckStream { sink, authorization, body } => {
            if let Some(orders) = peers.get(&sink) {
                orders.confirmations.send_replace(Some(Confirmation { authorization, body }));
            }
        }
    }
}
