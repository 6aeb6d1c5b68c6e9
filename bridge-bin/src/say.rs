//! Standard output. A reader that goes away (`| head`) ends the program quietly instead of a panic.

use std::io::{self, Write as _};

/// Writes one line to standard output.
///
/// # Errors
/// The reader is gone, or the disk behind a redirection is full.
pub(crate) fn line(text: impl AsRef<str>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_ref().as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Writes text as it is to standard output.
///
/// # Errors
/// As [`line`].
pub(crate) fn text(text: impl AsRef<str>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_ref().as_bytes())?;
    out.flush()
}

/// Writes one line to standard error; nobody can be told if that fails.
pub(crate) fn error(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}

/// A time for people: to the millisecond.
pub(crate) fn time(ns: i64) -> String {
    bridge_ies::format_time(ns.div_euclid(1_000_000) * 1_000_000)
}
