//! The nearest known name to a mistyped one.

/// The candidate with the smallest edit distance to `word`, if it is near enough to be meant: at most a third of the word's letters.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(d, _)| *d <= limit)
        .min_by_key(|(d, _)| *d)
        .map(|(_, candidate)| candidate)
}

/// Edit distance with swaps of neighbours (restricted Damerau–Levenshtein), letters compared without case.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().flat_map(char::to_lowercase).collect();
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).collect();
    let width = b.len() + 1;
    let mut cost = vec![0_usize; (a.len() + 1) * width];
    let at = |i: usize, j: usize| i * width + j;
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            cost[at(i, j)] = if i == 0 || j == 0 {
                i + j
            } else {
                let same = usize::from(a[i - 1] != b[j - 1]);
                let mut best = (cost[at(i - 1, j)] + 1).min(cost[at(i, j - 1)] + 1).min(cost[at(i - 1, j - 1)] + same);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(cost[at(i - 2, j - 2)] + 1);
                }
                best
            };
        }
    }
    cost[at(a.len(), b.len())]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["deadband", "delay", "scale", "sign"];
        assert_eq!(nearest("deadbnad", known), Some("deadband"));
        assert_eq!(nearest("dead_band", known), Some("deadband"));
        assert_eq!(nearest("sgin", known), Some("sign"));
        assert_eq!(nearest("frequency", known), None);
    }
}
