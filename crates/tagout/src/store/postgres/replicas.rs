//! The replicas of one database: who is live, who signs, and whether a standby follows.

use std::collections::BTreeSet;

use tagout_core::time::Time;
use tagout_log::storage::{Storage as _, StoredCheckpoint};

use super::session::{Session, failed};
use super::{PostgresStore, fenced, integer, seen};
use crate::lease::Lease;
use crate::store::StoreError;
use crate::store::membership::{Appender, Member, SIGNER, Standby};

/// Takes a lease, renews it, or takes it over from a holder who is gone. No row comes back if
/// a live replica has it, or this one is not live.
const LEASE: &str = "
INSERT INTO leases AS held (name, epoch, expires_at)
SELECT $1, epoch, clock_timestamp() + interval '3 s' FROM replicas
WHERE epoch = $2 AND token = $3 AND expires_at > clock_timestamp()
ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, expires_at = excluded.expires_at
WHERE held.epoch = excluded.epoch
   OR held.expires_at <= clock_timestamp()
   OR NOT EXISTS (SELECT FROM replicas r
                  WHERE r.epoch = held.epoch AND r.expires_at > clock_timestamp())
RETURNING epoch";

const LIVE: &str = "
SELECT 1 FROM replicas WHERE epoch = $1 AND token = $2 AND expires_at > clock_timestamp()";

/// Sees to it that memberships which are over stay so. A renewal that was under way meanwhile finds
/// another version of its row, and with it that it came too late
/// (<https://www.postgresql.org/docs/15/transaction-iso.html#XACT-READ-COMMITTED>).
const FENCE: &str = "
UPDATE replicas SET expires_at = expires_at
WHERE epoch IN (SELECT epoch FROM leaves WHERE idx = ANY ($1)) AND expires_at <= clock_timestamp()
RETURNING epoch";

/// Whose each entry is, and whether it is known when that membership ends. What was copied from
/// another store is nobody's.
const APPENDERS: &str = "
SELECT l.epoch, r.epoch IS NOT NULL
FROM unnest($1::int8[]) WITH ORDINALITY AS asked (idx, n)
JOIN leaves l USING (idx) LEFT JOIN replicas r ON r.epoch = l.epoch ORDER BY asked.n";

const HELD: &str = "
SELECT epoch FROM leases l JOIN replicas r USING (epoch)
WHERE l.name = $1 AND l.expires_at > clock_timestamp() AND r.expires_at > clock_timestamp()";

impl PostgresStore {
    /// The replicas that are live, the oldest first.
    ///
    /// # Errors
    /// If the database fails.
    pub fn members(&self) -> Result<Vec<Member>, StoreError> {
        let sql = "SELECT epoch, name, floor(extract(epoch FROM joined_at) * 1000)::int8
                   FROM replicas WHERE expires_at > clock_timestamp() ORDER BY replicas.epoch";
        let rows = self.with(|session| session.query(sql, &[]))?;
        let own = self.link.borrow().seat.as_ref().map(|seat| seat.epoch);
        let member = |row: &tokio_postgres::Row| {
            let epoch: i64 = row.get(0);
            Member {
                epoch: u64::try_from(epoch).unwrap_or_default(),
                name: row.get(1),
                joined_at: Time::from_millis(row.get(2)),
                me: own == Some(epoch),
            }
        };
        Ok(rows.iter().map(member).collect())
    }

    /// The epoch under which this process is a member, if it has joined. A new one means that
    /// it was taken for dead in between.
    #[must_use]
    pub fn epoch(&self) -> Option<u64> {
        self.link.borrow().seat.as_ref().and_then(|seat| u64::try_from(seat.epoch).ok())
    }

    /// The lease of this process's membership: of the one under which it appended last.
    #[must_use]
    pub fn membership(&self) -> Lease {
        self.link.borrow().seat.as_ref().map_or_else(Lease::none, |seat| seat.lease.clone())
    }

    /// Who appended each of these entries, in their order. Whoever is gone by this answer does not
    /// come back.
    ///
    /// # Errors
    /// If the database fails or lacks one of them.
    pub fn appenders(&self, entries: &[u64]) -> Result<Vec<Appender>, StoreError> {
        let entries: Vec<i64> = entries.iter().copied().map(integer).collect();
        let (fenced, rows) = self.with(|session| {
            let fenced = session.query(FENCE, &[&entries])?;
            Ok((fenced, session.query(APPENDERS, &[&entries])?))
        })?;
        let fenced: BTreeSet<i64> = fenced.iter().map(|row| row.get(0)).collect();
        if rows.len() != entries.len() {
            return Err(StoreError::Damaged("an entry"));
        }
        let own = self.link.borrow().seat.as_ref().map(|seat| seat.epoch);
        let appender = |row: &tokio_postgres::Row| match row.get::<_, Option<i64>>(0) {
            Some(epoch) if Some(epoch) == own => Appender::Me,
            Some(epoch) if row.get::<_, bool>(1) && !fenced.contains(&epoch) => Appender::Member,
            epoch => Appender::Gone(epoch.and_then(|epoch| u64::try_from(epoch).ok())),
        };
        Ok(rows.iter().map(appender).collect())
    }

    /// Takes or renews a lease for the next 3 seconds. Says whether this replica has it now.
    /// Not to be asked for while the log is held.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if this replica was taken for dead; otherwise if the database
    /// fails.
    pub fn lease(&self, name: &str) -> Result<bool, StoreError> {
        let (epoch, token) = self.join()?;
        if self.with(|session| session.row(LEASE, &[&name, &epoch, &token]))?.is_some() {
            return Ok(true);
        }
        if self.with(|session| session.row(LIVE, &[&epoch, &token]))?.is_some() {
            return Ok(false);
        }
        self.link.borrow_mut().seat = None;
        Err(fenced(epoch))
    }

    /// Whether a live replica other than this process has a lease.
    ///
    /// # Errors
    /// If the database fails.
    pub fn is_held_by_another(&self, name: &str) -> Result<bool, StoreError> {
        let row = self.with(|session| session.row(HELD, &[&name]))?;
        let own = self.link.borrow().seat.as_ref().map(|seat| seat.epoch);
        Ok(row.is_some_and(|row| Some(row.get::<_, i64>(0)) != own))
    }

    /// The name of the replica that has a lease now.
    fn holder(&self, name: &str) -> Result<String, StoreError> {
        let sql = "SELECT r.name FROM leases l JOIN replicas r USING (epoch) WHERE l.name = $1";
        let row = self.with(|session| session.row(sql, &[&name]))?;
        Ok(row.map_or_else(|| "nobody knows".to_owned(), |row| row.get(0)))
    }

    /// Keeps a checkpoint under the lease of the signer, and never one smaller than is kept.
    pub(super) fn sign_off(&mut self, checkpoint: &StoredCheckpoint) -> Result<(), StoreError> {
        self.release()?;
        let (epoch, token) = self.join()?;
        self.with(|session| session.batch("BEGIN"))?;
        let done = {
            let mut link = self.link.borrow_mut();
            let session = link.session.as_mut();
            let session =
                session.ok_or_else(|| StoreError::Postgres("the connection was lost".into()))?;
            put(session, checkpoint, epoch, &token)
        };
        match done {
            Ok(true) => self.seen().checkpoint(checkpoint.frontier.size()),
            Ok(false) => {
                self.roll_back();
                Err(StoreError::NotSigner(self.holder(SIGNER)?))
            }
            Err(error) => {
                self.roll_back();
                let mut link = self.link.borrow_mut();
                match error {
                    StoreError::Uncertain(_) => link.session = None,
                    StoreError::Fenced(_) => link.seat = None,
                    _ => {}
                }
                Err(error)
            }
        }
    }

    /// Whether a standby confirms every commit, as the configuration may demand.
    ///
    /// # Errors
    /// If the database fails.
    pub fn synchronous_standby(&self) -> Result<Standby, StoreError> {
        if !self.settings.require_synchronous_standby {
            return Ok(Standby::NotRequired);
        }
        // Without the right to see it, the state of each sender is null.
        let sql = "SELECT count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')),
                          count(*) FILTER (WHERE pid IS NOT NULL AND sync_state IS NULL)
                   FROM pg_catalog.pg_stat_replication";
        let row = self.with(|session| {
            let names = session.row("SHOW synchronous_standby_names", &[])?;
            let counts = session.row(sql, &[])?;
            Ok(names.zip(counts))
        })?;
        let (names, counts) = row.ok_or(StoreError::Damaged("an answer"))?;
        let (in_sync, hidden): (i64, i64) = (counts.get(0), counts.get(1));
        let missing = |what: &str| Ok(Standby::Missing(what.to_owned()));
        if names.get::<_, String>(0).is_empty() {
            return missing(NO_NAMES);
        }
        match u64::try_from(in_sync) {
            Ok(n) if n > 0 => Ok(Standby::InSync(n)),
            _ if hidden > 0 => missing(
                "this user may not see the state of the standbys; run GRANT pg_monitor TO it",
            ),
            _ => missing("no standby is in synchronous replication now; see that one is connected"),
        }
    }
}

const NO_NAMES: &str = "the database has an empty synchronous_standby_names, so a commit is on one \
                        machine only; set it on the primary";

/// Refuses a server that would confirm commits which no standby has.
pub(super) fn demand_standby(session: &mut Session) -> Result<(), StoreError> {
    let row = session.row("SHOW synchronous_standby_names", &[]).map_err(|e| failed(&e))?;
    match row.map(|row| row.get::<_, String>(0)) {
        Some(names) if !names.is_empty() => Ok(()),
        _ => Err(StoreError::NoStandby(NO_NAMES.to_owned())),
    }
}

/// Writes a checkpoint in an open transaction and commits it; `false` if another signs.
fn put(
    session: &mut Session,
    checkpoint: &StoredCheckpoint,
    epoch: i64,
    token: &str,
) -> Result<bool, StoreError> {
    let lease = session.row(LEASE, &[&SIGNER, &epoch, &token]).map_err(|e| failed(&e))?;
    if lease.is_none() {
        let live = session.row(LIVE, &[&epoch, &token]).map_err(|e| failed(&e))?;
        return live.map(|_| false).ok_or_else(|| fenced(epoch));
    }
    // The lease is locked from here on, so nobody else writes a checkpoint.
    let stored = seen::checkpoint(session).map_err(|e| failed(&e))?;
    let stored = stored.map(seen::read_checkpoint).transpose()?;
    let stored = stored.map_or(0, |stored| stored.frontier.size());
    let offered = checkpoint.frontier.size();
    if offered < stored {
        return Err(StoreError::SmallerCheckpoint { stored, offered });
    }
    let sql = "INSERT INTO checkpoint (id, at, note, frontier) VALUES (1, $1, $2, $3)
               ON CONFLICT (id) DO UPDATE
               SET at = excluded.at, note = excluded.note, frontier = excluded.frontier";
    let (at, frontier) = (checkpoint.at.millis(), checkpoint.frontier.to_bytes());
    session.execute(sql, &[&at, &checkpoint.note, &frontier]).map_err(|e| failed(&e))?;
    session.commit()?;
    Ok(true)
}
