//! What a local operator asks of a running bridge, and what he is answered: one line each.

use std::collections::BTreeMap;

use bridge_ies::format_time;
use bridge_model::Now;
use serde_json::{Value, json};

use super::{Bridge, LinkWish};
use crate::ask::{DispatchMode, Order, PersonalDispatch};
use crate::core::{LocalReply, Output, Then};
use crate::instructions::OperatorAnswer;
use crate::operations::{self, Tally};

/// A request of a local operator, answered by one [`LocalReply`] when it is durable.
#[derive(Clone, PartialEq, Debug)]
pub struct LocalRequest {
    /// Names it in the reply.
    pub id: u64,
    /// What is wanted.
    pub wish: LocalWish,
}

/// What a local operator may ask of a running bridge.
#[derive(Clone, PartialEq, Debug)]
pub enum LocalWish {
    /// Send a dispatch through a relay control of the profile.
    Dispatch {
        /// The control's id.
        control: String,
        /// The target, in the control's unit.
        target: f64,
        /// Units per minute.
        ramp: Option<f64>,
        /// What of a select-before-operate it is (R4).
        mode: DispatchMode,
        /// Seconds from now in which it may start.
        valid_for_s: u32,
        /// Who orders it (R8).
        operator_ref: String,
        /// By which instruction (R8).
        instruction_code: String,
    },
    /// Send a start, a stop, a curtailment or its release through a control that asks a peer (R7, R8).
    Order {
        /// The control's id.
        control: String,
        /// `start`, `stop` or `curtail`; it must be the control's verb.
        verb: String,
        /// Fields of the payload: of a start when the unit should be there, how warm it is, why; of a curtailment all but what is known
        /// here (the start of its period, the basis of its power); of the release of one `releaseOf`, which names the control too.
        payload: Value,
        /// Seconds from now in which it may be accepted.
        valid_for_s: u32,
        /// Who orders it (R8).
        operator_ref: String,
        /// By which instruction (R8).
        instruction_code: String,
    },
    /// Show the instructions that wait for people here.
    Inbox,
    /// Answer an instruction.
    Answer {
        /// Its id, or the start of it.
        id: String,
        /// Who answers.
        operator: String,
        /// What.
        answer: OperatorAnswer,
    },
    /// Ask something of a client link's station (R22).
    Link {
        /// The link's name.
        link: String,
        /// What; points by their id.
        what: LinkWish,
        /// Who asks it.
        operator_ref: String,
    },
    /// Show links, counters and operations.
    Status,
}

impl Bridge {
    /// A local operator asks.
    pub fn handle_local(&mut self, request: LocalRequest, now: Now) {
        let line = match request.wish {
            // Nothing is promised by it, and it is asked most when the disk fails: it waits for nothing.
            LocalWish::Status => {
                let line = self.status(now).to_string();
                self.core.out.push_back(Output::Local(LocalReply { id: request.id, line }));
                self.finish(now);
                return;
            }
            LocalWish::Inbox => {
                let line = self.inbox(now).to_string();
                self.core.out.push_back(Output::Local(LocalReply { id: request.id, line }));
                self.finish(now);
                return;
            }
            LocalWish::Answer { id, operator, answer } => self.answer(&id, &operator, &answer, now).to_string(),
            LocalWish::Order { control, verb, payload, valid_for_s, operator_ref, instruction_code } => {
                let life = std::time::Duration::from_secs(u64::from(valid_for_s));
                let not_after = Now { mono: now.mono + life, utc: now.utc + life };
                let order = Order { control, verb, payload, not_after, operator_ref, instruction_code };
                match self.relays.order(&mut self.core, &mut self.exchange, &mut self.served, &order, now) {
                    Ok(operation) => json!({ "operationId": operation }).to_string(),
                    Err(why) => json!({ "error": why }).to_string(),
                }
            }
            LocalWish::Link { link, what, operator_ref } => match self.link_wish(&link, &what, &operator_ref, request.id, now) {
                // Answered when the request has ended.
                None => return self.finish(now),
                Some(line) => line,
            },
            LocalWish::Dispatch { control, target, ramp, mode, valid_for_s, operator_ref, instruction_code } => {
                let life = std::time::Duration::from_secs(u64::from(valid_for_s));
                let not_after = Now { mono: now.mono + life, utc: now.utc + life };
                let dispatch = PersonalDispatch { control, target, ramp, mode, not_after, operator_ref, instruction_code };
                match self.relays.dispatch_by_person(&mut self.core, &mut self.exchange, &mut self.served, dispatch, now) {
                    Ok(operation) => json!({ "operationId": operation }).to_string(),
                    Err(why) => json!({ "error": why }).to_string(),
                }
            }
        };
        self.core.when_durable(Then::Local(LocalReply { id: request.id, line }));
        self.finish(now);
    }

    /// One JSON line of everything an operator asks first.
    #[must_use]
    pub fn status(&self, now: Now) -> Value {
        let mut tally = Tally::default();
        for operation in operations::all(&self.core).values() {
            tally.count(&operation.status);
        }
        let links: Vec<Value> = self
            .core
            .plan
            .links
            .iter()
            .enumerate()
            .map(|(place, link)| json!({ "name": link.spec.name, "started": self.link_started[place], "standby": self.standby[place] }))
            .collect();
        let peers: Vec<Value> = self
            .core
            .settings
            .peers
            .iter()
            .enumerate()
            .map(|(place, peer)| {
                json!({ "name": peer.name, "hears": self.issuer_live[place], "heard": self.stream_in.live(place), "waiting": self.exchange.waiting().get(&place) })
            })
            .collect();
        json!({
            "at": format_time(now.utc.0),
            "links": links,
            "peers": peers,
            "operations": tally,
            "instructions": self.instructions.list(&self.core, now).len(),
            "counters": self.core.counters.list().into_iter().collect::<BTreeMap<_, _>>(),
            "sinks": self.webhooks.status(&self.core),
            "batches": self.core.recorder.durable_batches(),
            "journal": self.journal_failure().unwrap_or("ok"),
        })
    }
}
