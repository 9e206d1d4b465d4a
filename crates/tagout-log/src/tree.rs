//! The hash tree of RFC 6962, section 2.1: hashes, roots, and the state that appending needs.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

/// A SHA-256 hash of a leaf, of an inner node or of a whole tree.
pub type Hash = [u8; 32];

/// The hash of one leaf: SHA-256 over `0x00` and the leaf's bytes.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update([0x00]);
    hash.update(leaf);
    hash.finalize().into()
}

/// The hash of an inner node: SHA-256 over `0x01` and the hashes of its two children.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut message = [0x01; 65];
    let (_, children) = message.split_at_mut(1);
    let (to_left, to_right) = children.split_at_mut(32);
    to_left.copy_from_slice(left);
    to_right.copy_from_slice(right);
    Sha256::digest(message).into()
}

/// The root of a tree without leaves: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The root of the tree over these leaf hashes.
#[must_use]
pub fn root_of(leaf_hashes: &[Hash]) -> Hash {
    Frontier::of(leaf_hashes).root()
}

/// The size of the left subtree of a tree with `size` leaves: the largest power of two that
/// is smaller than `size` (RFC 6962, section 2.1). Zero for a tree that has no left subtree.
#[must_use]
pub(crate) fn left_size(size: u64) -> u64 {
    if size < 2 { 0 } else { 1 << (size - 1).ilog2() }
}

/// The two halves of a range of leaves that forms a subtree, or `None` for a single leaf.
#[must_use]
pub(crate) fn halves(range: &Range<u64>) -> Option<(Range<u64>, Range<u64>)> {
    let left = left_size(range.end.saturating_sub(range.start));
    let middle = range.start + left;
    (left > 0).then_some((range.start..middle, middle..range.end))
}

/// The right edge of a tree: all that is needed to append and to know the root.
///
/// It holds the root of each full subtree, the largest first; there are as many as the size
/// has one bits, so at most 64.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The frontier of a tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, peaks: Vec::new() }
    }

    /// The frontier of the tree over these leaf hashes.
    #[must_use]
    pub fn of(leaf_hashes: &[Hash]) -> Self {
        let mut frontier = Self::new();
        for hash in leaf_hashes {
            frontier.append(*hash);
        }
        frontier
    }

    /// A frontier from its parts, or `None` if a tree of that size has another number of peaks.
    #[must_use]
    pub fn from_parts(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (size.count_ones() as usize == peaks.len()).then_some(Self { size, peaks })
    }

    /// The number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the full subtrees, the largest first.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Adds the hash of the next leaf.
    pub fn append(&mut self, leaf_hash: Hash) {
        let mut hash = leaf_hash;
        // Each trailing one bit of the size is a full subtree that the new leaf completes.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root hash of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => empty_root(),
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
        }
    }

    /// The frontier as bytes: the size as eight bytes, most significant first, then the peaks.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.size.to_be_bytes().to_vec();
        for peak in &self.peaks {
            out.extend_from_slice(peak);
        }
        out
    }

    /// Reads what [`Frontier::to_bytes`] wrote; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (size, rest) = bytes.split_first_chunk::<8>()?;
        let (peaks, rest) = rest.as_chunks::<32>();
        if !rest.is_empty() {
            return None;
        }
        Self::from_parts(u64::from_be_bytes(*size), peaks.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagout_core::digest::{from_hex, to_hex};

    /// The leaves that the test suites of Certificate Transparency use, and the roots of the
    /// trees over the first one, two, … eight of them.
    const LEAVES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    #[test]
    fn roots_are_those_of_the_known_certificate_transparency_vectors() {
        let mut frontier = Frontier::new();
        assert_eq!(
            to_hex(&frontier.root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for (leaf, root) in LEAVES.iter().zip(ROOTS) {
            frontier.append(leaf_hash(leaf));
            assert_eq!(frontier.root(), from_hex(root).unwrap(), "size {}", frontier.size());
        }
    }

    #[test]
    fn a_frontier_reads_back_from_its_bytes_and_from_nothing_else() {
        for size in 0..20 {
            let hashes: Vec<Hash> = (0..size).map(|i| leaf_hash(&[i])).collect();
            let frontier = Frontier::of(&hashes);
            let bytes = frontier.to_bytes();
            assert_eq!(Frontier::from_bytes(&bytes).as_ref(), Some(&frontier));
            assert_eq!(Frontier::from_bytes(&[bytes.as_slice(), &[0]].concat()), None);
            assert_eq!(Frontier::from_bytes(&[bytes.as_slice(), &[0; 32]].concat()), None);
            assert_eq!(Frontier::from_bytes(&bytes[..bytes.len() - 1]), None);
        }
    }

    #[test]
    fn the_left_subtree_is_the_largest_full_one_that_leaves_something_over() {
        let sizes: Vec<u64> = (0..10).map(left_size).collect();
        assert_eq!(sizes, [0, 0, 1, 2, 2, 4, 4, 4, 4, 8]);
        assert_eq!(left_size(u64::MAX), 1 << 63);
    }
}
