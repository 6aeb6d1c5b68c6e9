//! Answering interrogations of the station, of a group, of counters: confirmation, values, termination, pulled one ASDU at a time.

use std::collections::VecDeque;

use bridge_model::Zone;

use super::counters::Counters;
use super::image::Image;
use crate::Cause;
use crate::asdu::mirror;

/// What is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Subject {
    /// All points, or those of a group of 1 to 16.
    Image(Option<u8>),
    /// All counters, or those of a group of 1 to 4.
    Counters(Option<u8>),
    /// Nothing: the request was an act of its own, as a freeze.
    Nothing,
}

/// The walk through the image. Nothing of it is buffered but the request's own octets.
#[derive(Debug, Default)]
pub(super) struct Interrogation {
    /// The request, with the common address of each walk in its place.
    walks: VecDeque<Walk>,
}

#[derive(Debug)]
struct Walk {
    request: Vec<u8>,
    ca: u16,
    subject: Subject,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Confirm,
    Values(usize),
}

impl Interrogation {
    pub(super) fn is_running(&self) -> bool {
        !self.walks.is_empty()
    }

    /// Whether one of this kind runs at one of the addresses: counters and points may be read side by side, and so may stations.
    pub(super) fn runs(&self, counters: bool, cas: &[u16]) -> bool {
        self.walks.iter().any(|walk| matches!(walk.subject, Subject::Image(_)) != counters && cas.contains(&walk.ca))
    }

    /// Starts a walk per common address.
    pub(super) fn begin(&mut self, request: &[u8], subject: Subject, cas: impl Iterator<Item = u16>) {
        for ca in cas {
            let mut request = request.to_vec();
            // A broadcast is answered with the station's own addresses (row 27).
            if let Some(octets) = request.get_mut(4..6) {
                octets.copy_from_slice(&ca.to_le_bytes());
            }
            self.walks.push_back(Walk { request, ca, subject, step: Step::Confirm });
        }
    }

    /// Ends the walks of this subject at these addresses; whether there was one.
    pub(super) fn deactivate(&mut self, subject: Subject, cas: &[u16]) -> bool {
        let before = self.walks.len();
        self.walks.retain(|walk| walk.subject != subject || !cas.contains(&walk.ca));
        self.walks.len() < before
    }

    pub(super) fn stop(&mut self) {
        self.walks.clear();
    }

    /// Appends the next ASDU.
    pub(super) fn put(&mut self, image: &Image, counters: &Counters, zone: Zone, out: &mut Vec<u8>) {
        // Every confirmation before the first value: who asks several stations at once has a timer for each.
        let at = self.walks.iter().position(|walk| matches!(walk.step, Step::Confirm)).unwrap_or(0);
        let Some(walk) = self.walks.get_mut(at) else { return };
        let from = match walk.step {
            Step::Confirm => {
                mirror(&walk.request, Cause::ACTIVATION_CON, false, out);
                walk.step = Step::Values(if matches!(walk.subject, Subject::Image(_)) { image.first_of(walk.ca) } else { 0 });
                return;
            }
            Step::Values(from) => from,
        };
        let next = match walk.subject {
            Subject::Image(group) => image.put_image(walk.ca, from, group, out),
            Subject::Counters(group) => counters.put_requested(image, (walk.ca, from, group), zone, out),
            Subject::Nothing => None,
        };
        match next {
            Some(next) => walk.step = Step::Values(next),
            None => {
                mirror(&walk.request, Cause::ACTIVATION_TERM, false, out);
                self.walks.remove(at);
            }
        }
    }
}
