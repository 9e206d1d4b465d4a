//! The place of this process among the replicas: joined under an epoch, renewed each second on
//! a connection of its own, and lost for good once it was not renewed in time. What runs under it
//! is bound to its lease, which runs out by this machine's own clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use tagout_core::limits;

use super::session::{Session, failed};
use super::target::Target;
use crate::lease::{Lease, Moment};
use crate::store::StoreError;
use crate::store::membership::RENEWAL;

/// Takes the next epoch. The counter and the row are one transaction, so an epoch is given out
/// once. Rows of the long dead are cleared away. The 3 seconds are [`limits::MEMBERSHIP`].
const JOIN: &str = "
WITH next AS (UPDATE meta SET epoch = epoch + 1 WHERE id = 1 RETURNING epoch),
     swept AS (DELETE FROM replicas WHERE expires_at < clock_timestamp() - interval '1 hour')
INSERT INTO replicas (epoch, token, name, joined_at, expires_at)
SELECT epoch, $1, $2, clock_timestamp(), clock_timestamp() + interval '3 s' FROM next
RETURNING epoch";

/// What was not renewed in time is never renewed. A renewal counts when a synchronous standby has
/// it too: on a primary that was replaced and does not know it, nobody stays a member.
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
    /// Until when this process knows that it has the place: never longer than the database says,
    /// since it counts from before each renewal was asked for.
    pub(super) lease: Lease,
    lost: Arc<AtomicBool>,
    _stop: Sender<()>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.lease.give_up();
    }
}

/// Until when a renewal that is asked for now holds.
fn renewed_now() -> Moment {
    Moment::now().after(limits::MEMBERSHIP.millis())
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
        let end = renewed_now();
        let row = session.row(JOIN, &[&token, &name]).map_err(|e| failed(&e))?;
        let lease = Lease::until_then(end);
        let epoch: i64 = row.ok_or(StoreError::Damaged("a row about the log"))?.get(0);
        let lost = Arc::new(AtomicBool::new(false));
        let (stop, stopped) = channel();
        let renewal = Renewal {
            target: target.clone(),
            epoch,
            token: token.clone(),
            lease: lease.clone(),
            lost: Arc::clone(&lost),
            pause: RENEWAL,
        };
        thread::Builder::new()
            .name("membership".into())
            .spawn(move || renewal.run(&stopped))
            .map_err(|e| StoreError::Postgres(format!("no thread to stay a member with: {e}")))?;
        Ok(Self { epoch, token, lease, lost, _stop: stop })
    }

    /// Whether the renewal found the place gone.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Gives the place up, so that nobody waits for it to expire. The row stays for a while, as
    /// that of whoever died does: others see by it since when the place is given up.
    pub(super) fn leave(&self, session: &mut Session) {
        self.lease.give_up();
        let _ = session.execute("DELETE FROM leases WHERE epoch = $1", &[&self.epoch]);
        let leave = "UPDATE replicas SET expires_at = clock_timestamp()
                     WHERE epoch = $1 AND token = $2 AND expires_at > clock_timestamp()";
        let _ = session.execute(leave, &[&self.epoch, &self.token]);
    }
}

struct Renewal {
    target: Target,
    epoch: i64,
    token: String,
    lease: Lease,
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
            let renewed = session.take().or_else(|| Session::connect_once(&self.target).ok());
            let Some(mut open) = renewed else { continue };
            let end = renewed_now();
            match open.execute(RENEW, &[&self.epoch, &self.token]) {
                Ok(0) => {
                    self.lost.store(true, Ordering::Relaxed);
                    self.lease.give_up();
                    return;
                }
                // One that only the server's warning ended early is no renewal.
                Ok(_) if open.has_warned() => {}
                Ok(_) => {
                    self.lease.renew(end);
                    session = Some(open);
                }
                Err(_) => {}
            }
        }
    }
}
