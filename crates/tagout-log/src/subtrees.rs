//! The roots of all whole subtrees, so that many proofs do not each read the log.

use std::ops::Range;

use crate::audit_log::{AuditLog, Log, LogError, chunks};
use crate::storage::Storage;
use crate::tree::{Hash, halves, node_hash};

/// The roots of all whole subtrees of a tree.
#[derive(Debug, Default)]
pub(crate) struct Subtrees {
    /// At `[k][i]` the root over the `2^k` leaves from `i * 2^k`.
    levels: Vec<Vec<Hash>>,
}

impl Subtrees {
    fn append(&mut self, leaf_hash: Hash) {
        let mut hash = leaf_hash;
        let mut level = 0;
        loop {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let Some(row) = self.levels.get_mut(level) else { return };
            row.push(hash);
            let [.., left, right] = row.as_slice() else { return };
            if row.len() % 2 == 1 {
                return;
            }
            hash = node_hash(left, right);
            level += 1;
        }
    }

    /// The root over a range that a proof asks for; `None` beyond the leaves.
    pub(crate) fn root(&self, range: Range<u64>) -> Option<Hash> {
        let length = range.end.checked_sub(range.start)?;
        if length.is_power_of_two() && range.start.is_multiple_of(length) {
            let row = self.levels.get(length.trailing_zeros() as usize)?;
            return row.get(usize::try_from(range.start / length).ok()?).copied();
        }
        let (left, right) = halves(&range)?;
        Some(node_hash(&self.root(left)?, &self.root(right)?))
    }
}

impl<S: Storage> AuditLog<S> {
    /// The subtrees of the tree over the first `size` entries.
    pub(crate) fn subtrees(&self, size: u64) -> Log<Subtrees, S> {
        let mut tree = Subtrees::default();
        for chunk in chunks(0..size) {
            for hash in self.storage.leaf_hashes(chunk).map_err(LogError::Storage)? {
                tree.append(hash);
            }
        }
        Ok(tree)
    }
}
