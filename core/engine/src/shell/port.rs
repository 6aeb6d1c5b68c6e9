//! One link, as the engine's loop sees it: its orders, what it owes, and the names of its present session.

use std::collections::BTreeMap;
use std::sync::Arc;

use bridge_model::{Command, CommandId, IndeterminateWhy, Mono, Now, Outcome};
use bridge_session::{CommandToken, Event, LinkState, Request, Session};
use tokio::task::AbortHandle;

use super::backoff::Backoff;
use super::driver::Endpoint;
use super::orders::{Full, Order, Orders};
use super::uplink::Upward;

/// Makes a new session for a link whose session panicked.
pub type Restart = Box<dyn Fn() -> Box<dyn Session> + Send>;

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
    pub(crate) endpoint: Endpoint,
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
    pub(crate) fn new(orders: Arc<Orders>, endpoint: Endpoint, restart: Restart, started: Mono, task: AbortHandle) -> Self {
        let (open, names) = (BTreeMap::new(), Names::default());
        Self { orders, endpoint, restart, backoff: Backoff::new(), started, task, hung: false, open, names }
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
            other @ (Request::Cancel(_) | Request::Interrogate | Request::Publish(_)) => other,
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
                if let Some(last) = batch.frames.last() {
                    names.connection_last = names.connection_last.max(last.connection);
                }
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
                | Event::Progress { .. }
                | Event::Delivered(_)
                | Event::Refused { .. }
                | Event::SelectLapsed(_)
                | Event::Closed { .. },
            ) => {}
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
