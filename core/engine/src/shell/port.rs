//! One link, as the engine's loop sees it: its orders, what it owes, and the names of its present session.

use std::collections::BTreeMap;
use std::sync::Arc;

use bridge_model::{Command, CommandId, IndeterminateWhy, Mono, Now, Outcome};
use bridge_session::{CommandToken, Event, LinkState, Request, Session};
use tokio::task::AbortHandle;

use super::backoff::Backoff;
use super::endpoint::Endpoint;
use super::gate::Hatch;
use super::orders::{Full, Order, Orders};
use super::uplink::Upward;

/// Makes a new session for a link whose session panicked.
pub type Restart = Box<dyn Fn() -> Box<dyn Session> + Send>;

/// How a link's driver reaches its peer.
#[derive(Clone)]
pub(crate) enum Way {
    /// By itself.
    Own(Endpoint),
    /// The same, but it listens through a gate that it shares with other links.
    Shared(Arc<Hatch>, Endpoint),
}

/// A session names connections and tokens from 1 and never reuses a name. A session that takes the place of one that panicked starts from 1
/// again, so here its names are moved behind those of its predecessor: a late receipt or answer never reaches the wrong one.
#[derive(Default)]
struct Names {
    connection_base: u32,
    connection_last: u32,
    token_base: u64,
    token_last: u64,
}

pub(crate) struct Port {
    pub(crate) orders: Arc<Orders>,
    pub(crate) way: Way,
    pub(crate) restart: Restart,
    pub(crate) backoff: Backoff,
    pub(crate) started: Mono,
    pub(crate) task: AbortHandle,
    /// It takes no orders and was told to end.
    pub(crate) hung: bool,
    /// Commands given to the session and not settled: if it panics nobody else knows of them.
    open: BTreeMap<CommandId, Command>,
    names: Names,
}

impl Port {
    pub(crate) fn new(orders: Arc<Orders>, way: Way, restart: Restart, started: Mono, task: AbortHandle) -> Self {
        let (open, names) = (BTreeMap::new(), Names::default());
        Self { orders, way, restart, backoff: Backoff::new(), started, task, hung: false, open, names }
    }

    /// For the session. Names of a predecessor reach nobody.
    pub(crate) fn request(&mut self, request: Request) -> Result<(), Full> {
        let request = match request {
            Request::Answer { token, answer } => match token.0.checked_sub(self.names.token_base) {
                Some(token) if token > 0 || self.names.token_base == 0 => Request::Answer { token: CommandToken(token), answer },
                Some(_) | None => return Ok(()),
            },
            Request::Command(command) => {
                self.open.insert(command.id, command);
                Request::Command(command)
            }
            other @ (Request::Cancel(_)
            | Request::Interrogate
            | Request::Housekeep { .. }
            | Request::File { .. }
            | Request::System(_)
            | Request::Journal { .. }
            | Request::SwitchOver
            | Request::Publish(_)) => other,
        };
        self.orders.push(Order::Request(request))
    }

    /// A receipt for the session.
    pub(crate) fn durable(&mut self, connection: u32, frame: u64) -> Result<(), Full> {
        match connection.checked_sub(self.names.connection_base) {
            Some(connection) if connection > 0 || self.names.connection_base == 0 => self.orders.push(Order::Durable { connection, frame }),
            Some(_) | None => Ok(()),
        }
    }

    /// Gives what the session said the names that the engine knows.
    pub(crate) fn rename(&mut self, message: &mut Upward) {
        let names = &mut self.names;
        match message {
            Upward::Frames(batch) => {
                if names.connection_base > 0 {
                    for frame in &mut batch.frames {
                        frame.connection += names.connection_base;
                    }
                }
                let newest = batch.frames.iter().map(|frame| frame.connection).max().unwrap_or_default();
                names.connection_last = names.connection_last.max(newest);
            }
            Upward::Event(Event::CommandReceived(command)) => {
                command.connection += names.connection_base;
                command.token.0 += names.token_base;
                names.connection_last = names.connection_last.max(command.connection);
                names.token_last = names.token_last.max(command.token.0);
            }
            Upward::Event(Event::Settled { command, .. }) => drop(self.open.remove(&command.id)),
            Upward::Event(
                Event::LinkState(_)
                | Event::InterrogationBegan
                | Event::InterrogationEnded
                | Event::InterrogationFailed
                | Event::PeerRestarted
                | Event::Housekept { .. }
                | Event::Progress { .. }
                | Event::Delivered(_)
                | Event::DeliveredOf(..)
                | Event::Undeliverable(_)
                | Event::Reach { .. }
                | Event::FilePart { .. }
                | Event::Refused { .. }
                | Event::SelectLapsed(_)
                | Event::Suspicious(_)
                | Event::SwitchedOver { .. }
                | Event::Standby { .. }
                | Event::Closed { .. },
            )
            | Upward::Security(_) => {}
        }
    }

    /// The session is lost: what the engine must hear. Its commands may have been sent (silence never reads as success), its link is down.
    pub(crate) fn lost(&mut self, now: Now) -> Vec<Event> {
        self.names.connection_base = self.names.connection_last;
        self.names.token_base = self.names.token_last;
        let outcome = Outcome::Indeterminate(IndeterminateWhy::Dropped);
        let mut events: Vec<Event> =
            std::mem::take(&mut self.open).into_values().map(|command| Event::Settled { command, outcome, at: now }).collect();
        events.push(Event::LinkState(LinkState::Down));
        events
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::task::{Context, Waker};

    use bridge_model::{Action, CommandMode, PointId, Utc};
    use bridge_session::{Answer, CommandReceived, FrameBatch};

    use super::*;

    fn port() -> Port {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let task = runtime.spawn(async {}).abort_handle();
        let endpoint = Endpoint::listen("127.0.0.1:0".parse().unwrap(), vec![]);
        Port::new(Arc::default(), Way::Own(endpoint), Box::new(|| unreachable!("no session is made here")), Mono(0), task)
    }

    fn taken(port: &Port) -> Vec<Order> {
        let mut orders = VecDeque::new();
        let _ = port.orders.poll_take(&mut Context::from_waker(Waker::noop()), &mut orders);
        orders.into()
    }

    fn frames(connection: u32, number: u64) -> Upward {
        let mut batch = FrameBatch::default();
        batch.push(connection, number, Utc(0), b"x", 0);
        Upward::Frames(batch)
    }

    fn connection_of(port: &mut Port, mut message: Upward) -> u32 {
        port.rename(&mut message);
        match message {
            Upward::Frames(batch) => batch.frames[0].connection,
            Upward::Event(Event::CommandReceived(command)) => command.connection,
            other @ (Upward::Event(_) | Upward::Security(_)) => panic!("{other:?}"),
        }
    }

    fn received(connection: u32, token: u64) -> CommandReceived {
        CommandReceived {
            token: CommandToken(token),
            point: PointId(0),
            action: Action::Switch(true),
            mode: CommandMode::Direct,
            qualifier: 0,
            tagged: None,
            connection,
            frame: 1,
            received: Now::default(),
            originator: 0,
            test: false,
        }
    }

    fn answer(token: u64) -> Request {
        Request::Answer { token: CommandToken(token), answer: Answer::Confirm }
    }

    #[test]
    fn the_first_session_keeps_its_names() {
        let mut port = port();
        assert_eq!(connection_of(&mut port, frames(1, 1)), 1);
        port.durable(1, 1).unwrap();
        port.request(answer(0)).unwrap();
        assert_eq!(taken(&port), [Order::Durable { connection: 1, frame: 1 }, Order::Request(answer(0))]);
    }

    #[test]
    fn r02_a_late_receipt_or_answer_never_reaches_the_next_session() {
        let mut port = port();
        connection_of(&mut port, frames(3, 9));
        connection_of(&mut port, Upward::Event(Event::CommandReceived(received(4, 7))));
        assert_eq!(port.lost(Now::default()), [Event::LinkState(LinkState::Down)]);
        port.durable(3, 9).unwrap();
        port.durable(4, 1).unwrap();
        port.request(answer(7)).unwrap();
        assert_eq!(taken(&port), []);

        assert_eq!(connection_of(&mut port, frames(1, 1)), 5);
        let mut command = Upward::Event(Event::CommandReceived(received(1, 1)));
        port.rename(&mut command);
        let Upward::Event(Event::CommandReceived(command)) = command else { panic!() };
        assert_eq!((command.connection, command.token), (5, CommandToken(8)));
        port.durable(5, 1).unwrap();
        port.request(answer(8)).unwrap();
        assert_eq!(taken(&port), [Order::Durable { connection: 1, frame: 1 }, Order::Request(answer(1))]);
    }
}
