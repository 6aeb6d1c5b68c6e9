//! Answering a station interrogation: confirmation, image, termination, pulled one ASDU at a time.

use std::collections::VecDeque;

use super::image::Image;
use crate::Cause;
use crate::asdu::mirror;

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
    step: Step,
}

#[derive(Debug)]
enum Step {
    Confirm,
    Image(usize),
}

impl Interrogation {
    pub(super) fn is_running(&self) -> bool {
        !self.walks.is_empty()
    }

    /// Starts a walk per common address.
    pub(super) fn begin(&mut self, request: &[u8], cas: impl Iterator<Item = u16>) {
        for ca in cas {
            let mut request = request.to_vec();
            // A broadcast is answered with the station's own addresses (row 27).
            if let Some(octets) = request.get_mut(4..6) {
                octets.copy_from_slice(&ca.to_le_bytes());
            }
            self.walks.push_back(Walk { request, ca, step: Step::Confirm });
        }
    }

    pub(super) fn stop(&mut self) {
        self.walks.clear();
    }

    /// Appends the next ASDU.
    pub(super) fn put(&mut self, image: &Image, out: &mut Vec<u8>) {
        let Some(walk) = self.walks.front_mut() else { return };
        match walk.step {
            Step::Confirm => {
                mirror(&walk.request, Cause::ACTIVATION_CON, false, out);
                walk.step = Step::Image(image.first_of(walk.ca));
            }
            Step::Image(from) if image.has_more(walk.ca, from) => {
                walk.step = Step::Image(image.put_image(walk.ca, from, out).unwrap_or(usize::MAX));
            }
            Step::Image(_) => {
                mirror(&walk.request, Cause::ACTIVATION_TERM, false, out);
                self.walks.pop_front();
            }
        }
    }
}
