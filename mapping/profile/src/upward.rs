//! Upward mapping: from a southbound fact to values and alarms.
