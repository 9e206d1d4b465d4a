//! The conformance suite passes what conforms and finds what does not.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use tagout_log::storage::{AppendError, Batch, Head, StoredCheckpoint, TextPlace};
use tagout_log::storage_conformance::{run, survives_reopening};
use tagout_log::{Guard, Hash, MemoryStorage, Payload, Storage};

#[test]
fn the_storage_in_memory_conforms() {
    run(MemoryStorage::new);
}

/// A storage with a fault, to see that the checks find it.
struct Faulty {
    inner: MemoryStorage,
    fault: &'static str,
}

impl Storage for Faulty {
    type Error = std::convert::Infallible;
    fn head(&self) -> Result<Head, Self::Error> {
        self.inner.head()
    }
    fn stream_version(&self, stream: &str) -> Result<u64, Self::Error> {
        let folded = stream.to_lowercase();
        self.inner.stream_version(if self.fault == "folds" { &folded } else { stream })
    }
    fn append(&mut self, batch: &Batch<'_>) -> Result<(), AppendError<Self::Error>> {
        let advances = batch.advances;
        let written = |guard: &&Guard| advances.iter().any(|a| a.stream == guard.stream);
        let guards: Vec<Guard> = match self.fault {
            "ignores guards" => Vec::new(),
            "guards written streams only" => batch.guards.iter().filter(written).cloned().collect(),
            _ => batch.guards.to_vec(),
        };
        let erase = if self.fault == "never erases" { &[] } else { batch.erase };
        let archive = if self.fault == "never archives" { &[] } else { batch.archive };
        let first_index = match self.fault {
            "ignores the head" => self.inner.head().unwrap().frontier.size(),
            _ => batch.first_index,
        };
        if self.fault == "erases before it checks" {
            for row in batch.erase {
                self.inner.lose_text(row);
            }
        }
        self.inner.append(&Batch { guards: &guards, erase, archive, first_index, ..*batch })
    }
    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, Self::Error> {
        self.inner.leaf(index)
    }
    fn leaves(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, Self::Error> {
        let end = if self.fault == "includes the end" { range.end + 1 } else { range.end };
        self.inner.leaves(range.start..end)
    }
    fn leaf_hashes(&self, range: Range<u64>) -> Result<Vec<Hash>, Self::Error> {
        self.inner.leaf_hashes(range)
    }
    fn streams(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<String>, Self::Error> {
        let after = if self.fault == "begins each page anew" { "" } else { after };
        self.inner.streams(prefix, after, limit)
    }
    fn stream(&self, stream: &str, after: u64) -> Result<Vec<u64>, Self::Error> {
        let after = if self.fault == "skips one" { after + 1 } else { after };
        self.inner.stream(stream, after)
    }
    fn payload(&self, text: &TextPlace) -> Result<Option<Payload>, Self::Error> {
        self.inner.payload(text)
    }
    fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, Self::Error> {
        self.inner.checkpoint()
    }
    fn put_checkpoint(&mut self, checkpoint: &StoredCheckpoint) -> Result<(), Self::Error> {
        match (self.fault, self.inner.checkpoint()?) {
            ("keeps the first checkpoint", Some(_)) => Ok(()),
            _ => self.inner.put_checkpoint(checkpoint),
        }
    }
}

#[test]
fn each_of_these_faults_is_found() {
    for fault in [
        "folds",
        "ignores guards",
        "guards written streams only",
        "never erases",
        "never archives",
        "erases before it checks",
        "ignores the head",
        "includes the end",
        "skips one",
        "begins each page anew",
        "keeps the first checkpoint",
    ] {
        let faulty = || Faulty { inner: MemoryStorage::new(), fault };
        let found = std::panic::catch_unwind(|| run(faulty));
        assert!(found.is_err(), "a storage that {fault} conforms");
    }
    run(|| Faulty { inner: MemoryStorage::new(), fault: "has none" });
}

#[test]
fn reopening_is_checked_against_what_was_there() {
    /// Memory that several values share, as several connections share a file.
    struct Shared(Rc<RefCell<MemoryStorage>>);
    impl Storage for Shared {
        type Error = std::convert::Infallible;
        fn head(&self) -> Result<Head, Self::Error> {
            self.0.borrow().head()
        }
        fn stream_version(&self, stream: &str) -> Result<u64, Self::Error> {
            self.0.borrow().stream_version(stream)
        }
        fn append(&mut self, batch: &Batch<'_>) -> Result<(), AppendError<Self::Error>> {
            self.0.borrow_mut().append(batch)
        }
        fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, Self::Error> {
            self.0.borrow().leaf(index)
        }
        fn leaves(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, Self::Error> {
            self.0.borrow().leaves(range)
        }
        fn leaf_hashes(&self, range: Range<u64>) -> Result<Vec<Hash>, Self::Error> {
            self.0.borrow().leaf_hashes(range)
        }
        fn streams(&self, p: &str, after: &str, limit: usize) -> Result<Vec<String>, Self::Error> {
            self.0.borrow().streams(p, after, limit)
        }
        fn stream(&self, stream: &str, after: u64) -> Result<Vec<u64>, Self::Error> {
            self.0.borrow().stream(stream, after)
        }
        fn payload(&self, text: &TextPlace) -> Result<Option<Payload>, Self::Error> {
            self.0.borrow().payload(text)
        }
        fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, Self::Error> {
            self.0.borrow().checkpoint()
        }
        fn put_checkpoint(&mut self, c: &StoredCheckpoint) -> Result<(), Self::Error> {
            self.0.borrow_mut().put_checkpoint(c)
        }
    }
    let kept = Rc::new(RefCell::new(MemoryStorage::new()));
    survives_reopening(|| Shared(Rc::clone(&kept)));
    let forgets = std::panic::catch_unwind(|| survives_reopening(MemoryStorage::new));
    assert!(forgets.is_err());
}
