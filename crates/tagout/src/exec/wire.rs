//! What agent, supervisors and launcher say to one another over socket pairs: messages of JSON with
//! their length in front, four bytes, big end first. Both ends are the same binary.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use secrecy::zeroize::{Zeroize as _, Zeroizing};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tagout_core::limits;

use super::order::{Bounds, Profile};
use super::outcome::{Containment, End, Enforced};
use super::secret::Hand;
use crate::lease::Moment;

/// After its task, what a supervisor is told: end it. The end of the stream says that the agent
/// is gone.
pub(super) const STOP: u8 = b's';
/// The other thing: the agent is there and may act. Without this for as long as its lease, a
/// supervisor ends everything.
pub(super) const BEAT: u8 = b'b';

/// What a supervisor is to do.
#[derive(Serialize, Deserialize)]
pub(super) struct Task {
    /// What the processes of this run are known by.
    pub(super) run: String,
    pub(super) containment: Containment,
    /// The cgroup to make for it.
    pub(super) cgroup: Option<PathBuf>,
    pub(super) timeout_ms: u64,
    pub(super) grace_ms: u64,
    /// How long to go on without a word from the agent.
    pub(super) lease_ms: u64,
    /// None if it is only to be seen whether the containment can be had.
    pub(super) launch: Option<Launch>,
}

/// The command to become.
#[derive(Serialize, Deserialize)]
pub(super) struct Launch {
    pub(super) program: PathBuf,
    pub(super) digest: String,
    pub(super) arguments: Vec<String>,
    /// What it reads on its standard input; nothing if absent.
    pub(super) input: Option<Vec<u8>>,
    pub(super) environment: BTreeMap<String, Vec<u8>>,
    pub(super) secrets: Vec<Handed>,
    pub(super) directory: PathBuf,
    /// Not to be started after this.
    pub(super) start_by: Moment,
    pub(super) bounds: Bounds,
    pub(super) profiles: Vec<Profile>,
}

/// A secret on its way to the command. It is wiped when it is dropped.
#[derive(Serialize, Deserialize)]
pub(super) struct Handed {
    pub(super) variable: String,
    pub(super) hand: Hand,
    pub(super) value: Vec<u8>,
}

impl Drop for Handed {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

/// What a supervisor says of its task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Report {
    /// The containment cannot be had; nothing was started.
    Refused { why: String },
    /// The containment stands.
    Ready,
    /// The launcher is about to become the command: from now on it may have run.
    Starting { profile: Enforced },
    /// It did not become the command after all.
    NotStarted { why: String },
    /// The command ended; whether others of its processes are left.
    Ended { end: End, left: bool },
    /// All is over.
    Finished { end: End, left_behind: bool, killed: bool, gone: bool },
}

/// Sends one message.
pub(super) fn send<T: Serialize>(stream: &UnixStream, message: &T) -> io::Result<()> {
    // In one piece, so that a reader that sees its beginning sees all of it soon.
    let mut bytes = Zeroizing::new(vec![0; 4]);
    serde_json::to_writer(&mut *bytes, message)?;
    let length = bytes.len() - 4;
    if length > limits::EXEC_MESSAGE_BYTES {
        return Err(io::Error::other(format!("a message of {length} bytes is too long")));
    }
    let prefix = u32::try_from(length).map_err(io::Error::other)?.to_be_bytes();
    if let Some(start) = bytes.get_mut(..4) {
        start.copy_from_slice(&prefix);
    }
    (&*stream).write_all(&bytes)
}

/// Receives one message; none at the end of the stream.
pub(super) fn receive<T: DeserializeOwned>(stream: &UnixStream) -> io::Result<Option<T>> {
    let mut stream = stream;
    let mut length = [0; 4];
    let first = loop {
        match stream.read(&mut length) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    if first == 0 {
        return Ok(None);
    }
    stream.read_exact(length.get_mut(first..).unwrap_or_default())?;
    let length = u32::from_be_bytes(length) as usize;
    if length > limits::EXEC_MESSAGE_BYTES {
        return Err(io::Error::other(format!("a message of {length} bytes is too long")));
    }
    let mut bytes = Zeroizing::new(vec![0; length]);
    stream.read_exact(&mut bytes)?;
    Ok(Some(serde_json::from_slice(&bytes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_as_they_were_sent_and_then_the_end() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let report = Report::Starting { profile: Enforced::Fully };
        send(&ours, &report).unwrap();
        send(&ours, &Report::Ready).unwrap();
        drop(ours);
        assert_eq!(receive::<Report>(&theirs).unwrap(), Some(report));
        assert_eq!(receive::<Report>(&theirs).unwrap(), Some(Report::Ready));
        assert_eq!(receive::<Report>(&theirs).unwrap(), None);
    }

    #[test]
    fn a_message_at_the_limit_arrives_and_a_longer_one_is_not_sent() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        // Two bytes are its quotation marks.
        let text = "a".repeat(limits::EXEC_MESSAGE_BYTES - 2);
        let sent = text.clone();
        let sender = std::thread::spawn(move || send(&ours, &sent).map(|()| ours));
        assert_eq!(receive::<String>(&theirs).unwrap(), Some(text.clone()));
        let ours = sender.join().unwrap().unwrap();
        assert!(send(&ours, &format!("{text}a")).is_err());
        let prefix = u32::try_from(limits::EXEC_MESSAGE_BYTES + 1).unwrap().to_be_bytes();
        (&ours).write_all(&prefix).unwrap();
        assert!(receive::<String>(&theirs).is_err());
    }

    #[test]
    fn a_message_that_breaks_off_is_an_error_and_not_the_end() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (&ours).write_all(&[0, 0]).unwrap();
        drop(ours);
        assert!(receive::<Report>(&theirs).is_err());
    }
}
