//! Proofs over the tree: that a leaf is in it, and that one tree extends another.
//!
//! The algorithms are those of RFC 9162, sections 2.1.3 and 2.1.4, which build the same
//! proofs as RFC 6962.

use std::ops::Range;

use crate::tree::{self, Hash, halves, node_hash};

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf or the older tree lies beyond the tree.
    #[error("it is about position {position}, beyond a tree of {size} entries")]
    OutOfRange {
        /// The index of the leaf or the size of the older tree.
        position: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The proof has too few or too many hashes for the sizes it is about.
    #[error("it has the wrong number of hashes for trees of these sizes")]
    WrongLength,
    /// The hashes do not lead to the root of the tree.
    #[error("its hashes do not lead to the root of the tree")]
    WrongRoot,
    /// The hashes do not lead to the root of the older tree.
    #[error("its hashes do not lead to the root of the older tree")]
    WrongOlderRoot,
}

/// That a leaf stands at `index` in a tree of `size` leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// The index of the leaf, from 0.
    pub index: u64,
    /// The size of the tree.
    pub size: u64,
    /// The sibling hashes from the leaf up to the root.
    pub path: Vec<Hash>,
}

impl InclusionProof {
    /// Builds a proof. `subtree` gives the root over the leaves of a range; it is asked for
    /// one range per hash of the path.
    ///
    /// # Errors
    /// Whatever `subtree` returns. The answer is `Ok(None)` if the tree has no such leaf.
    pub fn build<E>(
        index: u64,
        size: u64,
        mut subtree: impl FnMut(Range<u64>) -> Result<Hash, E>,
    ) -> Result<Option<Self>, E> {
        if index >= size {
            return Ok(None);
        }
        let mut path = Vec::new();
        let mut range = 0..size;
        while let Some((left, right)) = halves(&range) {
            let sibling = if index < left.end {
                range = left;
                right
            } else {
                range = right;
                left
            };
            path.push(subtree(sibling)?);
        }
        path.reverse();
        Ok(Some(Self { index, size, path }))
    }

    /// Checks that the leaf with this hash stands at the index in the tree with this root.
    ///
    /// # Errors
    /// If it does not, or if the proof is not one about a tree of this size.
    pub fn verify(&self, leaf_hash: &Hash, root: &Hash) -> Result<(), ProofError> {
        if self.index >= self.size {
            return Err(ProofError::OutOfRange { position: self.index, size: self.size });
        }
        let (mut node, mut last) = (self.index, self.size - 1);
        let mut hash = *leaf_hash;
        for sibling in &self.path {
            if last == 0 {
                return Err(ProofError::WrongLength);
            }
            if node & 1 == 1 || node == last {
                hash = node_hash(sibling, &hash);
                while node & 1 == 0 && node != 0 {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                hash = node_hash(&hash, sibling);
            }
            node >>= 1;
            last >>= 1;
        }
        match (last == 0, hash == *root) {
            (false, _) => Err(ProofError::WrongLength),
            (true, false) => Err(ProofError::WrongRoot),
            (true, true) => Ok(()),
        }
    }
}

/// That the first `from` leaves of a tree of `to` leaves are those of an older tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// The size of the older tree.
    pub from: u64,
    /// The size of the newer tree.
    pub to: u64,
    /// The hashes of the proof in the order of RFC 9162, section 2.1.4.1.
    pub path: Vec<Hash>,
}

impl ConsistencyProof {
    /// Builds a proof. `subtree` gives the root over the leaves of a range.
    ///
    /// # Errors
    /// Whatever `subtree` returns. The answer is `Ok(None)` if `from` is larger than `to`.
    pub fn build<E>(
        from: u64,
        to: u64,
        mut subtree: impl FnMut(Range<u64>) -> Result<Hash, E>,
    ) -> Result<Option<Self>, E> {
        if from > to {
            return Ok(None);
        }
        let mut path = Vec::new();
        if from == 0 || from == to {
            return Ok(Some(Self { from, to, path }));
        }
        let mut range = 0..to;
        // Descend to where the older tree ends, noting the sibling of each step.
        while range.end != from {
            let Some((left, right)) = halves(&range) else { break };
            let sibling = if from <= left.end {
                range = left;
                right
            } else {
                range = right;
                left
            };
            path.push(subtree(sibling)?);
        }
        // The older tree's own root is known to the verifier; any other subtree is not.
        if range.start != 0 {
            path.push(subtree(range)?);
        }
        path.reverse();
        Ok(Some(Self { from, to, path }))
    }

    /// Checks that the tree with root `newer` extends the tree with root `older`.
    ///
    /// # Errors
    /// If it does not, or if the proof is not one about trees of these sizes.
    pub fn verify(&self, older: &Hash, newer: &Hash) -> Result<(), ProofError> {
        if self.from > self.to {
            return Err(ProofError::OutOfRange { position: self.from, size: self.to });
        }
        if self.from == 0 || self.from == self.to {
            if !self.path.is_empty() {
                return Err(ProofError::WrongLength);
            }
            let expected = if self.from == 0 { tree::empty_root() } else { *newer };
            return if *older == expected { Ok(()) } else { Err(ProofError::WrongOlderRoot) };
        }
        let (mut node, mut last) = (self.from - 1, self.to - 1);
        while node & 1 == 1 {
            node >>= 1;
            last >>= 1;
        }
        let (first, rest) = if self.from.is_power_of_two() {
            (*older, self.path.as_slice())
        } else {
            let (first, rest) = self.path.split_first().ok_or(ProofError::WrongLength)?;
            (*first, rest)
        };
        let (mut to_older, mut to_newer) = (first, first);
        for hash in rest {
            if last == 0 {
                return Err(ProofError::WrongLength);
            }
            if node & 1 == 1 || node == last {
                to_older = node_hash(hash, &to_older);
                to_newer = node_hash(hash, &to_newer);
                while node & 1 == 0 && node != 0 {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                to_newer = node_hash(&to_newer, hash);
            }
            node >>= 1;
            last >>= 1;
        }
        if last != 0 {
            Err(ProofError::WrongLength)
        } else if to_older != *older {
            Err(ProofError::WrongOlderRoot)
        } else if to_newer != *newer {
            Err(ProofError::WrongRoot)
        } else {
            Ok(())
        }
    }
}
