//! What a log can show of itself: proofs, checkpoints, exports, and a check of everything.

use std::io::Write;
use std::ops::Range;

use tagout_core::time::Time;

use crate::audit_log::{Ahead, AuditLog, Log, LogError, chunks};
use crate::check::{Checker, Contents, Wrong};
use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::export::ExportWriter;
use crate::key::SignerKey;
use crate::leaf::Leaf;
use crate::proof::{ConsistencyProof, InclusionProof};
use crate::proof_file::ProofFile;
use crate::rotation::in_force;
use crate::storage::{Storage, StoredCheckpoint};
use crate::tree::{Frontier, Hash, leaf_hash};

impl<S: Storage> AuditLog<S> {
    /// That an entry is in the tree over the first `size` entries.
    ///
    /// # Errors
    /// If the entry or the size lies beyond the log, or the storage fails.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Log<InclusionProof, S> {
        self.within(size)?;
        let proof = InclusionProof::build(index, size, |range| self.subtree(range))?;
        proof.ok_or(LogError::NoEntry { index, size })
    }

    /// That the tree over the first `to` entries extends the tree over the first `from`.
    ///
    /// # Errors
    /// If a size lies beyond the log or `from` beyond `to`, or the storage fails.
    pub fn consistency_proof(&self, from: u64, to: u64) -> Log<ConsistencyProof, S> {
        self.within(to)?;
        let proof = ConsistencyProof::build(from, to, |range| self.subtree(range))?;
        proof.ok_or(LogError::NoEntry { index: from, size: to })
    }

    /// Checks that the log extends a checkpoint that someone kept. The caller has verified
    /// its signature and knows that it is one of this log.
    ///
    /// # Errors
    /// [`LogError::Behind`] if the log is shorter, [`LogError::Damaged`] if its entries are
    /// others, or if the storage fails.
    pub fn extends(&self, older: &Checkpoint) -> Log<(), S> {
        let signed = older.size;
        if signed > self.size() {
            return Err(LogError::Behind { size: self.size(), signed });
        }
        if self.subtree(0..signed)? != older.root {
            let (index, wrong) = (signed.saturating_sub(1), Wrong::Root { size: signed });
            return Err(LogError::Damaged { index, wrong });
        }
        Ok(())
    }

    /// Reads at most `limit` of the entries that the next checkpoint will be over, so that
    /// [`AuditLog::checkpoint`] need not read them all in one go. Returns how many are left.
    /// Nothing is believed because of it: what the log ends with is compared when it is signed.
    ///
    /// # Errors
    /// If leaf hashes are missing, or the storage fails.
    pub fn read_ahead(&mut self, limit: u64) -> Log<u64, S> {
        let last = self.storage.checkpoint().map_err(LogError::Storage)?;
        let from = last.map(|last| last.frontier).unwrap_or_default();
        let mut to = self.read_from(&from);
        let (start, size) = (to.size(), self.size());
        let end = size.min(start.saturating_add(limit));
        self.extend(&mut to, start..end)?;
        self.ahead = Some(Ahead { from, to });
        Ok(size.saturating_sub(end))
    }

    /// Where reading goes on for a checkpoint after the one that ends here.
    fn read_from(&self, from: &Frontier) -> Frontier {
        let ahead = self.ahead.as_ref().filter(|ahead| ahead.from == *from);
        ahead.filter(|ahead| ahead.to.size() <= self.size()).map_or(from, |ahead| &ahead.to).clone()
    }

    /// Signs a checkpoint over all entries and keeps it. The first signer's name is the
    /// origin. The log is first shown to extend the checkpoint it signed last, so a key never
    /// signs less than it signed before, and never something else.
    ///
    /// # Errors
    /// If the log does not extend its last checkpoint, that one had another origin, there is
    /// no signer or none whose key is in force, or the storage fails.
    pub fn checkpoint(&mut self, signers: &[&SignerKey], now: Time) -> Log<SignedCheckpoint, S> {
        self.refresh()?;
        let origin = signers.first().map(|signer| signer.name().to_owned()).unwrap_or_default();
        let chain = self.key_chain()?;
        in_force(&chain, self.size(), signers)?;
        let mut frontier = Frontier::new();
        if let Some(last) = self.storage.checkpoint().map_err(LogError::Storage)? {
            let signed = SignedCheckpoint::parse(&last.note)?;
            if signed.checkpoint().origin != origin {
                let log = signed.checkpoint().origin.clone();
                return Err(LogError::OtherOrigin { log, signer: origin });
            }
            // What is kept is believed only as far as our own signature goes: whoever can write
            // the storage and has no key must not move the point from which we sign on.
            let own: Vec<_> = signers.iter().map(|signer| signer.verifier().clone()).collect();
            chain.verify(&signed, &own)?;
            last.check(&signed).map_err(|wrong| LogError::Damaged {
                index: last.frontier.size().saturating_sub(1),
                wrong,
            })?;
            frontier = last.frontier;
        }
        let (size, signed) = (self.size(), frontier.size());
        if signed > size {
            return Err(LogError::Behind { size, signed });
        }
        frontier = self.read_from(&frontier);
        let read = frontier.size();
        self.extend(&mut frontier, read..size)?;
        if frontier != self.head.frontier {
            let (index, wrong) = (signed.saturating_sub(1), Wrong::Root { size: signed });
            return Err(LogError::Damaged { index, wrong });
        }
        let checkpoint = Checkpoint { origin, size, root: self.root(), extensions: Vec::new() };
        let signed = checkpoint.sign(signers)?;
        let stored = StoredCheckpoint { at: now, note: signed.to_string(), frontier };
        self.storage.put_checkpoint(&stored).map_err(LogError::Storage)?;
        self.ahead = None;
        Ok(signed)
    }

    /// Writes the entries that a checkpoint of this log was signed over, and the checkpoint.
    ///
    /// # Errors
    /// If the log does not reach the checkpoint, an entry is damaged, or reading or writing
    /// fails.
    pub fn export<W: Write>(&self, out: W, checkpoint: &SignedCheckpoint) -> Log<W, S> {
        let size = checkpoint.checkpoint().size;
        self.within(size)?;
        let mut writer = ExportWriter::new(out, &checkpoint.checkpoint().origin)?;
        for chunk in chunks(0..size) {
            let leaves = self.storage.leaves(chunk.clone()).map_err(LogError::Storage)?;
            for (index, bytes) in chunk.zip(leaves) {
                let leaf = Leaf::parse(&bytes);
                let leaf = leaf.map_err(|e| LogError::Damaged { index, wrong: e.into() })?;
                writer.entry(&bytes, &self.payloads(&leaf)?)?;
            }
        }
        Ok(writer.finish(checkpoint)?)
    }

    /// The proof of one entry against a checkpoint of this log, as one small text file.
    ///
    /// # Errors
    /// If the checkpoint does not cover the entry or is not one of this log, or the storage
    /// fails.
    pub fn prove(&self, index: u64, checkpoint: &SignedCheckpoint) -> Log<ProofFile, S> {
        let bytes = self.leaf(index)?;
        let damaged = |wrong| LogError::Damaged { index, wrong };
        let leaf = Leaf::parse(&bytes).map_err(|e| damaged(e.into()))?;
        let proof = self.inclusion_proof(index, checkpoint.checkpoint().size)?;
        let root = &checkpoint.checkpoint().root;
        proof.verify(&leaf_hash(&bytes), root).map_err(|e| damaged(e.into()))?;
        Ok(ProofFile::new(&bytes, &self.payloads(&leaf)?, proof, checkpoint.clone())?)
    }

    /// Checks everything that is kept: each leaf with its hash, index, stream number, time and
    /// texts, that what was erased is gone, the head, and the last checkpoint. Signatures are
    /// not checked here, because the log does not know whose keys to trust.
    ///
    /// # Errors
    /// The first thing that is wrong, or if the storage fails.
    pub fn verify_all(&self) -> Log<Contents, S> {
        let head = self.storage.head().map_err(LogError::Storage)?;
        let last = self.storage.checkpoint().map_err(LogError::Storage)?;
        let size = head.frontier.size();
        let mut checker = Checker::default();
        for chunk in chunks(0..size) {
            let leaves = self.storage.leaves(chunk.clone()).map_err(LogError::Storage)?;
            let hashes = self.storage.leaf_hashes(chunk.clone()).map_err(LogError::Storage)?;
            for (index, (bytes, hash)) in chunk.clone().zip(leaves.iter().zip(hashes)) {
                let damaged = |wrong| LogError::Damaged { index, wrong };
                if leaf_hash(bytes) != hash {
                    return Err(damaged(Wrong::LeafHash));
                }
                let leaf = Leaf::parse(bytes).map_err(|e| damaged(e.into()))?;
                checker.entry(&leaf, hash).map_err(damaged)?;
                let payloads = self.payloads(&leaf)?;
                let texts = payloads.iter().map(|p| (p.commitment, &p.salt, p.text.as_str()));
                checker.texts(&leaf, texts).map_err(damaged)?;
                if let Some(last) = &last
                    && last.frontier.size() == checker.frontier().size()
                    && last.frontier != *checker.frontier()
                {
                    return Err(damaged(Wrong::Root { size: last.frontier.size() }));
                }
            }
        }
        self.check_erased(&checker, size)?;
        let wrong_head = LogError::Damaged { index: size, wrong: Wrong::Head };
        if *checker.frontier() != head.frontier {
            return Err(wrong_head);
        }
        if let Some(signed) = last.map(|last| last.frontier.size()).filter(|s| *s > size) {
            return Err(LogError::Behind { size, signed });
        }
        for (stream, seq) in checker.streams() {
            let version = self.stream_version(stream)?;
            let indexes = self.storage.stream(stream, 0).map_err(LogError::Storage)?;
            if (version, indexes.len() as u64) != (seq, seq)
                // Unless someone appended while this was reading.
                && self.storage.head().map_err(LogError::Storage)? == head
            {
                let wrong = Wrong::StreamVersion(stream.to_owned());
                return Err(LogError::Damaged { index: size, wrong });
            }
        }
        let contents = checker.finish();
        if contents.last_at == head.last_at { Ok(contents) } else { Err(wrong_head) }
    }

    fn within(&self, size: u64) -> Log<(), S> {
        if size <= self.size() {
            return Ok(());
        }
        Err(LogError::NoEntry { index: size.saturating_sub(1), size: self.size() })
    }

    /// The root over the leaves of a range.
    fn subtree(&self, range: Range<u64>) -> Log<Hash, S> {
        let mut frontier = Frontier::new();
        self.extend(&mut frontier, range)?;
        Ok(frontier.root())
    }

    /// Checks that no text is kept which an entry says it erased.
    fn check_erased(&self, checker: &Checker, size: u64) -> Log<(), S> {
        // Usually there is none: each that was erased was missed where it stands.
        let unseen = checker.erased_and_not_missed();
        if unseen.is_empty() {
            return Ok(());
        }
        for chunk in chunks(0..size) {
            for bytes in self.storage.leaves(chunk).map_err(LogError::Storage)? {
                // It was parsed before.
                let Ok(leaf) = Leaf::parse(&bytes) else { continue };
                for kept in self.payloads(&leaf)? {
                    if let Some(index) = unseen.get(&kept.commitment) {
                        let wrong = Wrong::NotErased(kept.commitment);
                        return Err(LogError::Damaged { index: *index, wrong });
                    }
                }
            }
        }
        Ok(())
    }

    /// Appends the leaf hashes of a range to a frontier.
    fn extend(&self, frontier: &mut Frontier, range: Range<u64>) -> Log<(), S> {
        for chunk in chunks(range) {
            let hashes = self.storage.leaf_hashes(chunk.clone()).map_err(LogError::Storage)?;
            if hashes.len() as u64 != chunk.end - chunk.start {
                let wrong = Wrong::Structure("leaf hashes are missing");
                return Err(LogError::Damaged { index: chunk.start, wrong });
            }
            for hash in hashes {
                frontier.append(hash);
            }
        }
        Ok(())
    }
}
