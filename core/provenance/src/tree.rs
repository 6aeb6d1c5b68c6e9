//! Merkle trees of RFC 6962 §2.1: leaf `SHA-256(0x00 ‖ d)`, node `SHA-256(0x01 ‖ l ‖ r)`, split at the largest power of two below the size.

use aws_lc_rs::digest;

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// On which side of the path a sibling stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The sibling is the left child.
    Left,
    /// The sibling is the right child.
    Right,
}

/// SHA-256 of octets.
#[must_use]
pub fn sha256(octets: &[u8]) -> Hash {
    copy(&digest::digest(&digest::SHA256, octets))
}

fn copy(digest: &digest::Digest) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

/// The hash of a leaf: `SHA-256(0x00 ‖ octets)`.
#[must_use]
pub fn leaf_hash(octets: &[u8]) -> Hash {
    leaf_hash_parts(&[octets])
}

/// As [`leaf_hash`] of octets that lie in parts.
pub(crate) fn leaf_hash_parts(parts: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&[0]);
    for part in parts {
        context.update(part);
    }
    copy(&context.finish())
}

/// The hash of a node: `SHA-256(0x01 ‖ left ‖ right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut octets = [1; 65];
    octets[1..33].copy_from_slice(left);
    octets[33..].copy_from_slice(right);
    sha256(&octets)
}

/// The root of the empty tree: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// Builds a root leaf by leaf with one hash per level.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompactRange {
    size: u64,
    stack: Vec<Hash>,
}

impl CompactRange {
    /// Adds a leaf's hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.stack.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.stack.push(node);
        self.size += 1;
    }

    /// Leaves so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over all leaves so far.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold_right(&self.stack)
    }

    /// Forgets all leaves, keeps the memory.
    pub fn clear(&mut self) {
        self.size = 0;
        self.stack.clear();
    }
}

/// The root over the roots of complete sub-trees, largest first.
fn fold_right(subtrees: &[Hash]) -> Hash {
    let mut rest = subtrees.iter().rev();
    let Some(&last) = rest.next() else { return empty_root() };
    rest.fold(last, |acc, left| node_hash(left, &acc))
}

/// The root over leaf hashes.
#[must_use]
pub fn tree_root(leaves: impl IntoIterator<Item = Hash>) -> Hash {
    let mut range = CompactRange::default();
    leaves.into_iter().for_each(|leaf| range.push(leaf));
    range.root()
}

/// The audit path of a leaf, sibling of the leaf first (RFC 6962 §2.1.1). Empty if the index is out of range.
#[must_use]
pub fn audit_path(leaves: &[Hash], index: usize) -> Vec<(Hash, Side)> {
    let mut path = Vec::new();
    let (mut part, mut index) = (leaves, index);
    if index >= part.len() {
        return path;
    }
    while part.len() > 1 {
        let split = part.len().next_power_of_two() / 2;
        let (left, right) = part.split_at(split);
        if index < split {
            path.push((tree_root(right.iter().copied()), Side::Right));
            part = left;
        } else {
            path.push((tree_root(left.iter().copied()), Side::Left));
            (part, index) = (right, index - split);
        }
    }
    path.reverse();
    path
}

/// The root that a path leads to from a leaf's hash.
#[must_use]
pub fn root_from_path(leaf: Hash, path: &[(Hash, Side)]) -> Hash {
    path.iter().fold(leaf, |acc, (sibling, side)| match side {
        Side::Left => node_hash(sibling, &acc),
        Side::Right => node_hash(&acc, sibling),
    })
}

/// The log: an RFC 6962 tree that grows, with the root at every size it had and the path of every leaf at the size at which it was last.
/// 64 octets of memory a leaf.
#[derive(Debug, Clone, Default)]
pub struct LogTree {
    size: u64,
    /// Per level the roots of complete sub-trees of 2^level leaves, from index `first` on.
    levels: Vec<Level>,
}

#[derive(Debug, Clone, Default)]
struct Level {
    first: u64,
    nodes: Vec<Hash>,
}

impl Level {
    fn get(&self, index: u64) -> Option<Hash> {
        self.nodes.get(usize::try_from(index.checked_sub(self.first)?).ok()?).copied()
    }
}

impl LogTree {
    /// A tree of which only the frontier is known: the roots of its complete sub-trees, largest first. `None` if their number does not fit
    /// the size.
    #[must_use]
    pub fn from_frontier(size: u64, frontier: &[Hash]) -> Option<Self> {
        if frontier.len() != size.count_ones() as usize {
            return None;
        }
        let mut known = frontier.iter().rev();
        let levels = (0..64 - size.leading_zeros())
            .map(|level| {
                let node = if size >> level & 1 == 1 { known.next() } else { None };
                Level { first: (size >> level) - u64::from(node.is_some()), nodes: node.into_iter().copied().collect() }
            })
            .collect();
        Some(Self { size, levels })
    }

    /// Leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf's hash.
    pub fn push(&mut self, leaf: Hash) {
        let (mut node, mut index) = (leaf, self.size);
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Level { first: index, nodes: Vec::new() });
            }
            let here = &mut self.levels[level];
            here.nodes.push(node);
            if index % 2 == 0 {
                break;
            }
            let Some(left) = here.get(index - 1) else { break };
            node = node_hash(&left, &node);
            index /= 2;
        }
        self.size += 1;
    }

    /// The roots of the complete sub-trees of the tree of `size` leaves, largest first; `None` for a size it never had or has forgotten.
    #[must_use]
    pub fn frontier(&self, size: u64) -> Option<Vec<Hash>> {
        if size > self.size {
            return None;
        }
        (0..64u32)
            .rev()
            .filter(|level| size >> level & 1 == 1)
            .map(|level| self.levels.get(level as usize)?.get((size >> level) - 1))
            .collect()
    }

    /// The root of the tree of `size` leaves; `None` for a size it never had or has forgotten.
    #[must_use]
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        self.frontier(size).map(|subtrees| fold_right(&subtrees))
    }

    /// The root of the tree as it is.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.root_at(self.size).unwrap_or_else(empty_root)
    }

    /// The audit path of leaf `index` in the tree of `index + 1` leaves, sibling of the leaf first. All siblings stand on the left.
    #[must_use]
    pub fn path_as_last(&self, index: u64) -> Option<Vec<Hash>> {
        if index >= self.size {
            return None;
        }
        let mut path = self.frontier(index)?;
        path.reverse();
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MTH of RFC 6962 §2.1, word for word.
    fn naive_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => sha256(b""),
            [one] => *one,
            _ => {
                let k = (0..).map(|e| 1usize << e).take_while(|&k| k < leaves.len()).last().unwrap();
                node_hash(&naive_root(&leaves[..k]), &naive_root(&leaves[k..]))
            }
        }
    }

    /// PATH of RFC 6962 §2.1.1, word for word.
    fn naive_path(m: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() <= 1 {
            return Vec::new();
        }
        let k = (0..).map(|e| 1usize << e).take_while(|&k| k < leaves.len()).last().unwrap();
        if m < k {
            let mut path = naive_path(m, &leaves[..k]);
            path.push(naive_root(&leaves[k..]));
            path
        } else {
            let mut path = naive_path(m - k, &leaves[k..]);
            path.push(naive_root(&leaves[..k]));
            path
        }
    }

    fn leaves(n: usize) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(&(i as u32).to_le_bytes())).collect()
    }

    #[test]
    fn known_answers() {
        let hex = |h: Hash| h.iter().map(|b| format!("{b:02x}")).collect::<String>();
        // SHA-256 of nothing (FIPS 180-4) and of one zero octet.
        assert_eq!(hex(empty_root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hex(leaf_hash(b"")), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        // Roots over the test inputs of Certificate Transparency's own tests, sizes 2 and 3.
        let inputs: [&[u8]; 3] = [b"", &[0], &[0x10]];
        let roots = [
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        ];
        for (n, root) in [2, 3].into_iter().zip(roots) {
            assert_eq!(hex(tree_root(inputs[..n].iter().map(|d| leaf_hash(d)))), root);
        }
    }

    #[test]
    fn sizes_0_to_300_agree_with_the_recursive_definition() {
        let all = leaves(300);
        let mut log = LogTree::default();
        let mut range = CompactRange::default();
        for n in 0..=300 {
            let root = naive_root(&all[..n]);
            assert_eq!((range.root(), log.root(), range.size()), (root, root, n as u64), "size {n}");
            if n < 300 {
                range.push(all[n]);
                log.push(all[n]);
            }
        }
        for n in 0..=300u64 {
            assert_eq!(log.root_at(n), Some(naive_root(&all[..n as usize])));
        }
        assert_eq!(log.root_at(301), None);
    }

    #[test]
    fn audit_paths_agree_with_the_recursive_definition_and_lead_to_the_root() {
        let all = leaves(300);
        for n in (1..=40).chain([63, 64, 65, 127, 128, 129, 255, 256, 257, 300]) {
            let root = naive_root(&all[..n]);
            for m in 0..n {
                let path = audit_path(&all[..n], m);
                assert_eq!(path.iter().map(|(h, _)| *h).collect::<Vec<_>>(), naive_path(m, &all[..n]), "{m} of {n}");
                assert_eq!(root_from_path(all[m], &path), root);
                assert_ne!(root_from_path(all[(m + 1) % 300], &path), root);
            }
        }
        assert!(audit_path(&all[..3], 3).is_empty());
    }

    #[test]
    fn the_path_of_the_last_leaf_is_the_frontier() {
        let all = leaves(300);
        let mut log = LogTree::default();
        all.iter().for_each(|&leaf| log.push(leaf));
        for i in 0..300 {
            let path = log.path_as_last(i).unwrap();
            assert_eq!(path, naive_path(i as usize, &all[..=i as usize]));
            assert_eq!(path.len(), i.count_ones() as usize);
        }
        assert_eq!(log.path_as_last(300), None);
    }

    #[test]
    fn a_tree_from_any_frontier_goes_on_as_the_whole_one() {
        let all = leaves(150);
        let mut whole = LogTree::default();
        for n in 0..150u64 {
            let frontier = whole.frontier(n).unwrap();
            let mut part = LogTree::from_frontier(n, &frontier).unwrap();
            assert_eq!(part.root(), whole.root());
            for &leaf in &all[n as usize..] {
                part.push(leaf);
                let at = part.size();
                assert_eq!(part.root(), naive_root(&all[..at as usize]), "from {n} at {at}");
                assert_eq!(part.path_as_last(at - 1).unwrap(), naive_path(at as usize - 1, &all[..at as usize]));
            }
            whole.push(all[n as usize]);
        }
        assert!(LogTree::from_frontier(3, &all[..1]).is_none());
    }
}
