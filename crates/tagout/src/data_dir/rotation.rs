//! A new signing key in the place of the old one: files and log together, and what an
//! interruption left half done.

use std::fs::{self, File};
use std::path::PathBuf;

use tagout_log::{KeyChain, SignedCheckpoint, SignerKey, VerifierKey};

use crate::fault::Fault;
use crate::journal::Journal;
use crate::store::Store;

use super::{DataDir, publish, replace};

/// A rotation that is in the log and in the files.
#[derive(Debug)]
pub struct Rotated {
    /// The entry that records it.
    pub entry: u64,
    /// The key that signs no more.
    pub old: VerifierKey,
    /// The key that signs now.
    pub new: VerifierKey,
    /// Whether it had been begun earlier and was interrupted.
    pub resumed: bool,
    /// The first checkpoint by the new key.
    pub checkpoint: SignedCheckpoint,
}

impl DataDir {
    /// The file of a key that is to take the place of the signing key.
    #[must_use]
    pub fn next_key_file(&self) -> PathBuf {
        self.path().join("log.key.next")
    }

    /// Gives the log a new key, or finishes doing so. The new key is durable before the log
    /// names it, so an interruption loses no key; the old one is gone from the directory at the
    /// end.
    ///
    /// # Errors
    /// If somebody else is doing it, the directory's key is not the one in force, or a file or the
    /// log cannot be written. Asking again goes on from there.
    pub fn rotate_key(&self, journal: &mut Journal<Store>) -> Result<Rotated, Fault> {
        let named = |path: PathBuf| move |e| Fault::new(format!("{}: {e}", path.display()));
        let directory = File::open(self.path()).map_err(named(self.path().to_owned()))?;
        directory.try_lock().map_err(|e| {
            Fault::new(format!("another process is rotating the key of this directory: {e}"))
        })?;
        let next_file = self.next_key_file();
        let begun = next_file.exists();
        // Taken up again and never made anew: the log may name it already.
        let next = if begun { Self::key_in(&next_file)? } else { self.make_next()? };
        directory.sync_all().map_err(named(self.path().to_owned()))?;
        let in_force = journal.key_chain()?.in_force(u64::MAX).cloned();
        let resumed = in_force.as_ref() == Some(next.verifier());
        if !resumed {
            journal.rotate_key(&self.signer()?, &next)?;
        }
        fs::rename(&next_file, self.key_file()).map_err(named(self.key_file()))?;
        let chain = journal.key_chain()?;
        replace(&self.public_key_file(), 0o644, public_keys(next.verifier(), &chain).as_bytes())?;
        directory.sync_all().map_err(named(self.path().to_owned()))?;
        let told = journal.log().storage().put_log_key(&next.verifier().to_string());
        told.map_err(|e| Fault::new(e.to_string()))?;
        let checkpoint = self.sign(journal, &next)?;
        let last = chain.rotations().last();
        let last = last.ok_or_else(|| Fault::new("the log does not name the new key"))?;
        let (entry, old, new) = (last.index, last.old.clone(), last.new.clone());
        Ok(Rotated { entry, old, new, resumed, checkpoint })
    }

    fn make_next(&self) -> Result<SignerKey, Fault> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|e| Fault::new(format!("no random bytes for a key: {e}")))?;
        let name = self.signer()?.name().to_owned();
        let key = SignerKey::from_seed(&name, &seed).map_err(|e| Fault::new(e.to_string()))?;
        let path = self.next_key_file();
        publish(&path, 0o600, key.to_secret_text().as_bytes())
            .map_err(|e| Fault::new(format!("{}: {e}", path.display())))?;
        Ok(key)
    }
}

/// The public keys of a log as a file to hand out: the one in force first, then those that
/// were given up, the latest first.
#[must_use]
pub fn public_keys(in_force: &VerifierKey, chain: &KeyChain) -> String {
    let mut text = format!("{in_force}\n");
    for rotation in chain.rotations().iter().rev() {
        text.push_str(&format!("# signed up to entry {}:\n{}\n", rotation.index, rotation.old));
    }
    text
}
