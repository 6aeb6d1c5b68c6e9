//! The objects of clause 11 (annex A): which there are, how large each is, and what each means. A file holds one noun, not one group.

mod variation;

pub use variation::{Coding, Kind, Lead, Lookup, Size, Tag, Variation, lookup};
