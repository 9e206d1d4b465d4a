//! The place of this process among the replicas: joined under an epoch, renewed each second on
//! a connection of its own, and lost for good once it was not renewed in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use super::session::{Session, failed};
use super::target::Target;
use crate::store::StoreError;
use crate::store::membership::RENEWAL;

/// Takes the next epoch. The counter and the row are one transaction, so an epoch is given out
/// once. Rows of the long dead are cleared away.
const JOIN: &str = "
WITH next AS (UPDATE meta SET epoch = epoch + 1 WHERE id = 1 RETURNING epoch),
     swept AS (DELETE FROM replicas WHERE expires_at < clock_timestamp() - interval '1 hour')
INSERT INTO replicas (epoch, token, name, joined_at, expires_at)
SELECT epoch, $1, $2, clock_timestamp(), clock_timestamp() + interval '3 s' FROM next
RETURNING epoch";

/// What was not renewed in time is never renewed.
const RENEW: &str = "
UPDATE replicas SET expires_at = clock_timestamp() + interval '3 s'
WHERE epoch = $1 AND token = $2 AND expires_at > clock_timestamp()";

/// A joined replica. Dropping it ends the renewal.
#[derive(Debug)]
pub(super) struct Seat {
    /// The epoch: the larger, the later.
    pub(super) epoch: i64,
    /// Makes the epoch ours alone, also if a promoted standby counts again from an older one.
    pub(super) token: String,
    lost: Arc<AtomicBool>,
    _stop: Sender<()>,
}

impl Seat {
    pub(super) fn join(
        session: &mut Session,
        target: &Target,
        name: &str,
    ) -> Result<Self, StoreError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)
            .map_err(|e| StoreError::Postgres(format!("no random bytes to join with: {e}")))?;
        let token = tagout_core::digest::to_hex(&random);
        let row = session.row(JOIN, &[&token, &name]).map_err(|e| failed(&e))?;
        let epoch: i64 = row.ok_or(StoreError::Damaged("a row about the log"))?.get(0);
        let lost = Arc::new(AtomicBool::new(false));
        let (stop, stopped) = channel();
        let renewal = Renewal {
            target: target.clone(),
            epoch,
            token: token.clone(),
            lost: Arc::clone(&lost),
            pause: RENEWAL,
        };
        thread::Builder::new()
            .name("membership".into())
            .spawn(move || renewal.run(&stopped))
            .map_err(|e| StoreError::Postgres(format!("no thread to stay a member with: {e}")))?;
        Ok(Self { epoch, token, lost, _stop: stop })
    }

    /// Whether the renewal found the place gone.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Gives the place up, so that nobody waits for it to expire.
    pub(super) fn leave(&self, session: &mut Session) {
        let _ = session.execute("DELETE FROM leases WHERE epoch = $1", &[&self.epoch]);
        let leave = "DELETE FROM replicas WHERE epoch = $1 AND token = $2";
        let _ = session.execute(leave, &[&self.epoch, &self.token]);
    }
}

struct Renewal {
    target: Target,
    epoch: i64,
    token: String,
    lost: Arc<AtomicBool>,
    pause: Duration,
}

impl Renewal {
    fn run(&self, stopped: &Receiver<()>) {
        let mut session = None;
        loop {
            match stopped.recv_timeout(self.pause) {
                Err(RecvTimeoutError::Timeout) => {}
                _ => return,
            }
            // Whether a renewal reaches the standby matters to nobody: after a promotion every
            // replica that is not known there joins anew.
            let renewed = match session.take() {
                Some(session) => Ok(session),
                None => Session::connect_once(&self.target).ok().map_or(Err(()), |mut session| {
                    session.batch("SET synchronous_commit = local").map_err(drop)?;
                    Ok(session)
                }),
            };
            let Ok(mut open) = renewed else { continue };
            match open.execute(RENEW, &[&self.epoch, &self.token]) {
                Ok(0) => {
                    self.lost.store(true, Ordering::Relaxed);
                    return;
                }
                Ok(_) => session = Some(open),
                Err(_) => {}
            }
        }
    }
}
