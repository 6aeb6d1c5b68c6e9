//! The identifier that was meant.

/// Letters in which the two may differ.
const WINDOW: usize = 4;

/// The identifier nearest to a mistyped one. Identifiers are alike in length and unlike in everything else, and there are a hundred
/// thousand of them: only those that differ in one short place are compared closely.
pub(crate) fn nearest_id<'a>(id: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = id.as_bytes();
    let close = known.filter(|known| *known != id && is_close(wanted, known.as_bytes()));
    bridge_diag::nearest(id, close.take(64).collect::<Vec<_>>())
}

fn is_close(a: &[u8], b: &[u8]) -> bool {
    if a.len().abs_diff(b.len()) > WINDOW {
        return false;
    }
    let head = a.iter().zip(b).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count();
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count();
    head + tail + WINDOW >= a.len().max(b.len())
}

#[cfg(test)]
mod tests {
    use super::nearest_id;

    #[test]
    fn one_slip_is_found_and_another_identifier_is_not() {
        let known = ["6c1f0c52-0000-4000-8000-000000000011", "7a2b0c52-1111-4000-8000-000000000012"];
        assert_eq!(nearest_id("6c1f0c52-0000-4000-8000-000000000101", known.into_iter()), Some(known[0]));
        assert_eq!(nearest_id("6C1F0C52-0000-4000-8000-000000000011", known.into_iter()), Some(known[0]), "case");
        assert_eq!(nearest_id("99999999-0000-4000-8000-aaaaaaaaaaaa", known.into_iter()), None);
    }
}
