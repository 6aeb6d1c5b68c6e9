//! What one outstation and one master have between them: sequence numbers, the answer that is under way, selections, what is sent
//! unsolicited. Nothing of it is shared with another master (row 16).

use std::collections::VecDeque;
use std::time::Duration;

use bridge_model::Mono;
use bridge_session::Channel;

use super::buffer::Lot;
use super::controls::{Held, Selection};
use super::read::Step;
use crate::app::Function;
use crate::link::address::Broadcast;

/// How long a request is remembered, so that a datagram of it that comes twice is not carried out twice: longer than any network keeps one,
/// and shorter than a person takes to command the same again.
pub(super) const COMMAND_MEMORY: Duration = Duration::from_secs(5);
/// Requests of a master since another one, beyond which that one's number is about to come again: sixteen numbers, half of them past.
pub(super) const REQUESTS_PAST: usize = 7;

/// A response that waits for its CONFIRM.
#[derive(Debug)]
pub(super) struct Confirming {
    pub(super) seq: u8,
    pub(super) lot: Lot,
    pub(super) until: Mono,
    /// What the next fragments say.
    pub(super) steps: VecDeque<Step>,
    /// It is the first fragment of its answer.
    pub(super) is_first: bool,
    /// It shows every broadcast that came so far.
    pub(super) shows_broadcast: bool,
}

/// The answer to the last request.
#[derive(Debug, Default)]
pub(super) enum Reply {
    /// Sent, or there was none.
    #[default]
    None,
    /// Sent, or a part of it, and to be confirmed.
    Confirming(Confirming),
    /// Its controls wait for the bridge.
    Held(Held),
}

/// A request that was carried out, so that a repetition is answered and not carried out again (row 34); a READ, so that a repetition does not
/// take the place of an answer that is being confirmed (row 27).
#[derive(Debug)]
pub(super) struct Last {
    /// When it came.
    pub(super) at: Mono,
    /// The request's octets, its sequence number among them.
    pub(super) request: Vec<u8>,
    /// The answer, of a READ its first fragment; empty for none, or none yet.
    pub(super) answer: Vec<u8>,
    /// The master confirmed it.
    pub(super) is_confirmed: bool,
}

/// An unsolicited response on its way.
#[derive(Debug)]
pub(super) struct Unconfirmed {
    pub(super) lot: Lot,
    /// The octets: a repetition is the same.
    pub(super) octets: Vec<u8>,
    /// It shows every broadcast that came so far.
    pub(super) shows_broadcast: bool,
    pub(super) until: Mono,
    /// How often it was repeated.
    pub(super) repeated: u32,
    /// It holds no events: the announcement of a start.
    pub(super) is_null: bool,
    /// The master stopped its classes: it is not repeated, and only its CONFIRM is still awaited.
    pub(super) is_stopped: bool,
}

/// Unsolicited responses to one master (rows 31 to 33).
#[derive(Debug, Default)]
pub(super) struct Unsolicited {
    /// The announcement of our start was confirmed.
    pub(super) announced: bool,
    /// Classes that the master enabled: bits 1 to 3. None at the start.
    pub(super) enabled: u8,
    /// The sequence number of the next one.
    pub(super) seq: u8,
    pub(super) waiting: Option<Unconfirmed>,
    /// Since when events wait for others to join them.
    pub(super) collecting: Option<Mono>,
    /// After the last repetition.
    pub(super) rests_until: Option<Mono>,
}

#[derive(Debug)]
pub(super) struct Association {
    pub(super) master: u16,
    /// Where the master was last heard.
    pub(super) channel: Option<Channel>,
    /// DEVICE_RESTART: until this master clears it (row 30).
    pub(super) restart: bool,
    /// A broadcast that the master was not shown yet (row 58).
    pub(super) broadcast: Option<Broadcast>,
    /// When RECORD_CURRENT_TIME came (row 43).
    pub(super) recorded: Option<Mono>,
    pub(super) last: Option<Last>,
    /// Requests before it, by datagram: `None` for one that was never carried out. The oldest first.
    pub(super) past: VecDeque<Option<Last>>,
    /// The last broadcast, and when it came.
    pub(super) last_broadcast: Option<(Vec<u8>, Mono)>,
    pub(super) reply: Reply,
    /// A READ that came while an unsolicited response was not confirmed (row 33).
    pub(super) deferred: Option<Vec<u8>>,
    pub(super) unsolicited: Unsolicited,
    pub(super) selection: Option<Selection>,
}

impl Association {
    pub(super) fn new(master: u16) -> Self {
        Self {
            master,
            channel: None,
            restart: true,
            broadcast: None,
            recorded: None,
            last: None,
            past: VecDeque::new(),
            last_broadcast: None,
            reply: Reply::None,
            deferred: None,
            unsolicited: Unsolicited::default(),
            selection: None,
        }
    }

    /// The last request is past: another one is carried out.
    pub(super) fn step(&mut self) {
        let mut last = self.last.take();
        if let Some(last) = last.as_mut().filter(|last| !operates(&last.request)) {
            // What commanded nothing is not answered again behind other requests.
            last.answer = Vec::new();
        }
        self.past.push_back(last);
        while self.past.len() > REQUESTS_PAST {
            self.past.pop_front();
        }
    }

    /// The answer to what comes again behind other requests: octets that were carried out a short while ago. Empty for what commanded
    /// nothing: its master has gone on.
    pub(super) fn carried_out(&self, request: &[u8], now: Mono) -> Option<Vec<u8>> {
        let mut past = self.past.iter().flatten().filter(|last| now.since(last.at) < COMMAND_MEMORY);
        past.find(|last| last.request == request).map(|last| last.answer.clone())
    }

    /// A broadcast came: nothing that is under way shows it (row 58).
    pub(super) fn broadcast_came(&mut self, broadcast: Broadcast) {
        self.broadcast = Some(broadcast);
        if let Reply::Confirming(confirming) = &mut self.reply {
            confirming.shows_broadcast = false;
        }
        if let Some(waiting) = &mut self.unsolicited.waiting {
            waiting.shows_broadcast = false;
        }
    }

    pub(super) fn deadline(&self) -> Mono {
        let reply = match &self.reply {
            Reply::None => None,
            Reply::Confirming(confirming) => Some(confirming.until),
            Reply::Held(held) => Some(held.until),
        };
        let selection = self.selection.as_ref().filter(|selection| !selection.lapsed).map(|selection| selection.until);
        let unsolicited = self.unsolicited.waiting.as_ref().map(|waiting| waiting.until).or(self.unsolicited.rests_until);
        [reply, selection, unsolicited].into_iter().flatten().min().unwrap_or(Mono::NEVER)
    }
}

/// Whether a request may operate the plant.
fn operates(request: &[u8]) -> bool {
    let code = request.get(1).copied().unwrap_or_default();
    Function::from_code(code).is_some_and(|function| function.is_control() && function != Function::Select)
}
