//! What is counted and attested (delivery rule 5). Truth in tests never comes from here.

use std::collections::BTreeMap;

/// Counters since the bridge started.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Frames received from links.
    pub frames_received: u64,
    /// Updates received from links.
    pub updates_received: u64,
    /// Updates that went into leaves.
    pub updates_journaled: u64,
    /// Updates withheld by dead bands.
    pub updates_withheld: u64,
    /// Leaves appended.
    pub events_produced: u64,
    /// Leaves sealed.
    pub events_sealed: u64,
    /// Operations handed to sinks.
    pub operations_sent: u64,
    /// Operations that peers acknowledged.
    pub operations_acknowledged: u64,
    /// Events that webhooks took.
    pub webhook_events: u64,
    /// Points received on peers' streams.
    pub points_from_peers: u64,
    /// Events handed to serving links.
    pub events_served: u64,
    /// Events that serving links' peers acknowledged.
    pub events_delivered: u64,
    /// Possible duplicates flagged.
    pub duplicates_flagged: u64,
    /// Frames acknowledged without being durable (R23 `pass`).
    pub passed_unsealed: u64,
    /// Dropped, by reason.
    pub dropped: BTreeMap<String, u64>,
}

impl Counters {
    /// Name and value of each, in a fixed order.
    #[must_use]
    pub fn list(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("framesReceived", self.frames_received),
            ("updatesReceived", self.updates_received),
            ("updatesJournaled", self.updates_journaled),
            ("updatesWithheld", self.updates_withheld),
            ("eventsProduced", self.events_produced),
            ("eventsSealed", self.events_sealed),
            ("operationsSent", self.operations_sent),
            ("operationsAcknowledged", self.operations_acknowledged),
            ("webhookEvents", self.webhook_events),
            ("pointsFromPeers", self.points_from_peers),
            ("eventsServed", self.events_served),
            ("eventsDelivered", self.events_delivered),
            ("duplicatesFlagged", self.duplicates_flagged),
            ("passedUnsealed", self.passed_unsealed),
            ("dropped", self.dropped.values().sum()),
        ]
    }
}
