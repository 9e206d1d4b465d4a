//! The shared store: a PostgreSQL database in which several replicas take turns. An append
//! locks the single head row, checks that its replica is still a member, and writes leaves,
//! texts, outbox and frontier in one transaction.

mod outbox;
mod replicas;
mod rows;
mod schema;
mod seat;
mod secrets;
mod seen;
mod session;
mod target;

use std::cell::{RefCell, RefMut};
use std::ops::Range;

use tagout_core::time::Time;
use tagout_log::commitment::Payload;
use tagout_log::storage::{
    AppendError, Batch, Guard, Head, Held, Storage, StoredCheckpoint, TextPlace,
};
use tagout_log::tree::{Frontier, Hash};
use tokio_postgres::SimpleQueryRow;
use tokio_postgres::types::ToSql;

use self::seat::Seat;
use self::seen::{Seen, Versions};
use self::session::{Session, SessionError, failed, is_lost};
pub use self::target::Target;
use super::StoreError;

/// Writes an append, if this replica is still a member. Data-modifying parts of a statement all
/// run, whether or not they are read (<https://www.postgresql.org/docs/15/queries-with.html>).
const APPEND: &str = "
WITH new_leaves AS (
    INSERT INTO leaves (epoch, idx, stream, seq, leaf, hash)
    SELECT $1, * FROM unnest($3::int8[], $4::text[], $5::int8[], $6::bytea[], $7::bytea[])
), new_payloads AS (
    INSERT INTO payloads (idx, commitment, salt, text)
    SELECT * FROM unnest($16::int8[], $8::bytea[], $9::bytea[], $10::bytea[])
), new_outbox AS (
    INSERT INTO outbox (idx, kind, body)
    SELECT idx, kind, body
    FROM unnest($11::int8[], $12::text[], $13::bytea[]) WITH ORDINALITY AS t (idx, kind, body, n)
    ORDER BY n
)
UPDATE head SET frontier = $14, last_at = $15
WHERE id = 1 AND EXISTS (
    SELECT FROM replicas WHERE epoch = $1 AND token = $2 AND expires_at > clock_timestamp())";

/// How a process uses a PostgreSQL store.
#[derive(Debug, Clone)]
pub struct Use {
    /// The database.
    pub target: Target,
    /// What this replica is called.
    pub name: String,
    /// The public key of the log. The first to come writes it down; from then on no other key
    /// is let in. Without one, nothing is compared.
    pub log_key: Option<String>,
    /// The keys that the log had before: a database that still names one of them is its own.
    pub former_keys: Vec<String>,
    /// Whether to refuse a database that has no synchronous standby configured.
    pub require_synchronous_standby: bool,
}

/// A journal in a PostgreSQL database.
///
/// It connects again by itself after the connection is lost, and then refuses a database that
/// is behind what it has already seen. It is used from one thread, and never from a thread
/// that runs asynchronous tasks.
#[derive(Debug)]
pub struct PostgresStore {
    settings: Use,
    link: RefCell<Link>,
}

/// What changes with the connection.
#[derive(Debug, Default)]
struct Link {
    session: Option<Session>,
    seat: Option<Seat>,
    /// The head, while a write transaction is open: from `hold` to `append` or `release`.
    held: Option<Head>,
    /// Whether a read transaction is open: from `pin` to `unpin`.
    pinned: bool,
    seen: Seen,
    versions: Versions,
}

impl PostgresStore {
    /// Opens the journal in a database, or makes a new one there.
    ///
    /// # Errors
    /// If the database cannot be reached, is of another program, a later release or another
    /// key, or may not be used by this user.
    pub fn open(settings: Use) -> Result<Self, StoreError> {
        let place = settings.target.to_string();
        let mut session = Session::connect(&settings.target)?;
        schema::migrate(&mut session, &place)?;
        let store = Self { settings, link: RefCell::default() };
        if let Some(key) = &store.settings.log_key {
            let claim = "UPDATE meta SET log_key = $1 WHERE id = 1 AND log_key IS NULL";
            session.execute(claim, &[key]).map_err(|e| failed(&e))?;
        }
        {
            let mut link = store.link.borrow_mut();
            store.accept(&mut session, &mut link)?;
            link.session = Some(session);
        }
        Ok(store)
    }

    /// The public key of the log in a database, if there is a log with one.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub fn log_key(target: &Target) -> Result<Option<String>, StoreError> {
        let mut session = Session::connect(target)?;
        let place = target.to_string();
        schema::migrate(&mut session, &place)?;
        Ok(schema::meta(&mut session, &place)?.log_key)
    }

    /// Names another key as the log's: one that took the place of the one it had.
    ///
    /// # Errors
    /// If the database fails.
    pub fn put_log_key(&self, key: &str) -> Result<(), StoreError> {
        let put = "UPDATE meta SET log_key = $1 WHERE id = 1";
        self.with(|session| session.execute(put, &[&key])).map(drop)
    }

    /// Where the log is, without the password.
    #[must_use]
    pub fn place(&self) -> String {
        self.settings.target.to_string()
    }

    /// From here to [`PostgresStore::unpin`] every read sees the log as it is now. Not for long:
    /// the database ends it after a few seconds without a read.
    ///
    /// # Errors
    /// If the database fails.
    pub fn pin(&self) -> Result<(), StoreError> {
        self.with(|session| session.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))?;
        self.link.borrow_mut().pinned = true;
        Ok(())
    }

    /// Reads see what others append again.
    pub fn unpin(&self) {
        let mut link = self.link.borrow_mut();
        if std::mem::take(&mut link.pinned)
            && let Some(session) = &mut link.session
        {
            session.roll_back();
        }
    }

    /// Whether a new connection leads to the log that this process knows.
    fn accept(&self, session: &mut Session, link: &mut Link) -> Result<(), StoreError> {
        let meta = schema::meta(session, &self.settings.target.to_string())?;
        if let Some((log, here)) = meta.log_key.zip(self.settings.log_key.clone())
            && log != here
            && !self.settings.former_keys.contains(&log)
        {
            return Err(StoreError::OtherKey { log, here });
        }
        if self.settings.require_synchronous_standby {
            replicas::demand_standby(session)?;
        }
        link.seen.check(session)
    }

    /// Runs reads on the connection. If it turns out to be lost and no transaction went with
    /// it, a new one is made and they run once more.
    fn with<T>(
        &self,
        mut run: impl FnMut(&mut Session) -> Result<T, SessionError>,
    ) -> Result<T, StoreError> {
        let mut link = self.link.borrow_mut();
        let in_transaction = link.held.is_some() || link.pinned;
        let mut session = self.take(&mut link)?;
        match run(&mut session) {
            Err(error) if is_lost(&error) => {
                link.held = None;
                link.pinned = false;
                drop(session);
                if in_transaction {
                    return Err(failed(&error));
                }
                let mut session = self.take(&mut link)?;
                let again = run(&mut session).map_err(|e| failed(&e));
                link.session = Some(session);
                again
            }
            done => {
                link.session = Some(session);
                done.map_err(|e| failed(&e))
            }
        }
    }

    /// Takes the connection out, or makes a new one.
    fn take(&self, link: &mut Link) -> Result<Session, StoreError> {
        match link.session.take() {
            Some(session) if !session.is_closed() => return Ok(session),
            Some(_) if link.held.take().is_some() || link.pinned => {
                link.pinned = false;
                return Err(StoreError::Postgres("the connection was lost".into()));
            }
            _ => {}
        }
        let mut session = Session::connect(&self.settings.target)?;
        self.accept(&mut session, link)?;
        Ok(session)
    }

    /// Joins the replicas unless this one has a place already.
    fn join(&self) -> Result<(i64, String), StoreError> {
        let mut link = self.link.borrow_mut();
        if let Some(seat) = &link.seat {
            if !seat.is_lost() {
                return Ok((seat.epoch, seat.token.clone()));
            }
            let epoch = seat.epoch;
            link.seat = None;
            return Err(fenced(epoch));
        }
        let mut session = self.take(&mut link)?;
        let joined = Seat::join(&mut session, &self.settings.target, &self.settings.name);
        link.session = Some(session);
        let seat = link.seat.insert(joined?);
        Ok((seat.epoch, seat.token.clone()))
    }

    fn begin(&self) -> Result<Held, StoreError> {
        self.unpin();
        let (epoch, token) = self.join()?;
        // The clock is read by a statement of its own, which begins when the lock is here.
        let begin = if self.link.borrow().held.is_some() { "" } else { "BEGIN;" };
        let sql = format!(
            "{begin}
             SELECT encode(frontier, 'hex'), last_at FROM head WHERE id = 1 FOR UPDATE;
             SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::int8, EXISTS (
                 SELECT FROM replicas WHERE epoch = {epoch} AND token = '{token}'
                 AND expires_at > clock_timestamp()),
                 (SELECT moved FROM meta WHERE id = 1)"
        );
        let rows = self.with(|session| session.simple(&sql)).inspect_err(|_| self.roll_back())?;
        let held = read_held(&rows).inspect_err(|_| self.roll_back())?;
        let Some(held) = held else {
            self.roll_back();
            self.link.borrow_mut().seat = None;
            return Err(fenced(epoch));
        };
        {
            let mut link = self.link.borrow_mut();
            link.held = Some(held.head.clone());
        }
        self.know(&held.head).inspect_err(|_| self.roll_back())?;
        Ok(held)
    }

    /// Compares the head that is held with what was seen, and reads which streams moved on.
    fn know(&self, head: &Head) -> Result<(), StoreError> {
        let mut link = self.link.borrow_mut();
        let Link { session: Some(session), seen, versions, .. } = &mut *link else {
            return Err(StoreError::Postgres("the connection was lost".into()));
        };
        seen.head(&head.frontier)?;
        versions.catch_up(session, head.frontier.size())
    }

    fn roll_back(&self) {
        let mut link = self.link.borrow_mut();
        link.held = None;
        if let Some(session) = &mut link.session {
            session.roll_back();
        }
    }

    fn check_and_write(&self, batch: &Batch<'_>) -> Result<(), AppendError<StoreError>> {
        let mut link = self.link.borrow_mut();
        let lost = || AppendError::Storage(StoreError::Postgres("the connection was lost".into()));
        let Link {
            session: Some(session), seat: Some(seat), held: Some(head), seen, versions, ..
        } = &mut *link
        else {
            return Err(lost());
        };
        if head.frontier.size() != batch.first_index {
            return Err(AppendError::HeadMoved);
        }
        for Guard { stream, expected } in batch.guards {
            let found = versions.of(stream);
            if found != *expected {
                let (stream, expected) = (stream.clone(), *expected);
                return Err(AppendError::Stale { stream, expected, found });
            }
        }
        let written = write(session, seat, batch).map_err(|e| AppendError::Storage(failed(&e)))?;
        if written == 0 {
            let epoch = seat.epoch;
            link.seat = None;
            return Err(AppendError::Storage(fenced(epoch)));
        }
        session.commit().map_err(AppendError::Storage)?;
        seen.head(batch.frontier).map_err(AppendError::Storage)?;
        versions.advance(batch.frontier.size(), batch.advances);
        Ok(())
    }

    fn seen(&self) -> RefMut<'_, Seen> {
        RefMut::map(self.link.borrow_mut(), |link| &mut link.seen)
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        let link = self.link.get_mut();
        if let (Some(session), Some(seat)) = (&mut link.session, &link.seat)
            && !session.is_closed()
        {
            if link.held.is_some() || link.pinned {
                session.roll_back();
            }
            seat.leave(session);
        }
    }
}

fn fenced(epoch: i64) -> StoreError {
    StoreError::Fenced(u64::try_from(epoch).unwrap_or_default())
}

/// What `hold` asked for; `None` if this replica is no member any more. Whoever waited for the
/// head while the log was moved away must not go on with it here.
fn read_held(rows: &[SimpleQueryRow]) -> Result<Option<Held>, StoreError> {
    let [head, clock] = rows else { return Err(StoreError::Damaged("a head")) };
    let frontier = head.get(0).and_then(from_hex).and_then(|bytes| Frontier::from_bytes(&bytes));
    let frontier = frontier.ok_or(StoreError::Damaged("a frontier"))?;
    let number = |text: &str| text.parse::<i64>().map_err(|_| StoreError::Damaged("a time"));
    let last_at = head.get(1).map(number).transpose()?.map(Time::from_millis);
    let now = clock.get(0).map(number).transpose()?.map(Time::from_millis);
    if let Some(moved) = clock.get(2) {
        return Err(StoreError::Moved(moved.into()));
    }
    let live = clock.get(1) == Some("t");
    Ok(live.then_some(Held { head: Head { frontier, last_at }, now }))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

fn write(session: &mut Session, seat: &Seat, batch: &Batch<'_>) -> Result<u64, SessionError> {
    let rows = batch.rows;
    let idx: Vec<i64> = rows.iter().map(|row| integer(row.index)).collect();
    let streams: Vec<&str> = rows.iter().map(|row| row.stream.as_str()).collect();
    let seqs: Vec<i64> = rows.iter().map(|row| integer(row.seq)).collect();
    let leaves: Vec<&[u8]> = rows.iter().map(|row| row.leaf.as_slice()).collect();
    let hashes: Vec<&[u8]> = rows.iter().map(|row| row.leaf_hash.as_slice()).collect();
    let payloads = || rows.iter().flat_map(|row| &row.payloads);
    let places = rows.iter().flat_map(|row| row.payloads.iter().map(|_| integer(row.index)));
    let places: Vec<i64> = places.collect();
    let commitments: Vec<&[u8]> = payloads().map(|p| p.commitment.as_bytes().as_slice()).collect();
    let salts: Vec<&[u8]> = payloads().map(|p| p.salt.as_slice()).collect();
    let texts: Vec<&[u8]> = payloads().map(|p| p.text.as_bytes()).collect();
    let out_idx: Vec<i64> = batch.outbox.iter().map(|work| integer(work.index)).collect();
    let out_kinds: Vec<&str> = batch.outbox.iter().map(|work| work.kind.as_str()).collect();
    let out_bodies: Vec<&[u8]> = batch.outbox.iter().map(|work| work.body.as_bytes()).collect();
    let (frontier, last_at) = (batch.frontier.to_bytes(), batch.last_at.millis());
    let values: [&(dyn ToSql + Sync); 16] = [
        &seat.epoch,
        &seat.token,
        &idx,
        &streams,
        &seqs,
        &leaves,
        &hashes,
        &commitments,
        &salts,
        &texts,
        &out_idx,
        &out_kinds,
        &out_bodies,
        &frontier,
        &last_at,
        &places,
    ];
    let written = session.execute(APPEND, &values)?;
    let removed = || batch.erase.iter().chain(batch.archive);
    let from: Vec<i64> = removed().map(|text| integer(text.index)).collect();
    let removed: Vec<&[u8]> = removed().map(|c| c.commitment.as_bytes().as_slice()).collect();
    if !removed.is_empty() {
        let sql = "DELETE FROM payloads USING unnest($1::int8[], $2::bytea[]) AS gone (idx, of)
                   WHERE payloads.idx = gone.idx AND payloads.commitment = gone.of";
        session.execute(sql, &[&from, &removed])?;
    }
    Ok(written)
}

fn integer(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn hash(bytes: Vec<u8>) -> Result<Hash, StoreError> {
    bytes.try_into().map_err(|_| StoreError::Damaged("a hash"))
}

fn text(bytes: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(bytes).map_err(|_| StoreError::Damaged("a text"))
}

fn frontier(bytes: &[u8]) -> Result<Frontier, StoreError> {
    Frontier::from_bytes(bytes).ok_or(StoreError::Damaged("a frontier"))
}

impl Storage for PostgresStore {
    type Error = StoreError;

    fn head(&self) -> Result<Head, StoreError> {
        let row = self
            .with(|s| s.row("SELECT frontier, last_at FROM head WHERE id = 1", &[]))?
            .ok_or(StoreError::Damaged("a head"))?;
        let frontier = frontier(&row.get::<_, Vec<u8>>(0))?;
        self.seen().head(&frontier)?;
        Ok(Head { frontier, last_at: row.get::<_, Option<i64>>(1).map(Time::from_millis) })
    }

    fn hold(&mut self) -> Result<Held, StoreError> {
        self.begin()
    }

    fn release(&mut self) -> Result<(), StoreError> {
        self.unpin();
        if self.link.borrow().held.is_some() {
            self.roll_back();
        }
        Ok(())
    }

    fn stream_version(&self, stream: &str) -> Result<u64, StoreError> {
        {
            let link = self.link.borrow();
            if link.held.is_some() {
                return Ok(link.versions.of(stream));
            }
        }
        let sql = "SELECT coalesce(max(seq), 0) FROM leaves WHERE stream = $1";
        let row = self.with(|s| s.row(sql, &[&stream]))?;
        let seq: i64 = row.map_or(0, |row| row.get(0));
        u64::try_from(seq).map_err(|_| StoreError::Damaged("a position"))
    }

    fn append(&mut self, batch: &Batch<'_>) -> Result<(), AppendError<StoreError>> {
        if self.link.borrow().held.is_none() {
            self.begin().map_err(AppendError::Storage)?;
        }
        let written = self.check_and_write(batch);
        match &written {
            Ok(()) => self.link.borrow_mut().held = None,
            // A connection whose commit went unanswered may still be committing.
            Err(AppendError::Storage(StoreError::Uncertain(_))) => {
                let mut link = self.link.borrow_mut();
                link.held = None;
                link.session = None;
            }
            Err(_) => self.roll_back(),
        }
        written
    }

    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let row =
            self.with(|s| s.row("SELECT leaf FROM leaves WHERE idx = $1", &[&integer(index)]))?;
        Ok(row.map(|row| row.get(0)))
    }

    fn leaves(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
        let sql = "SELECT leaf FROM leaves WHERE idx >= $1 AND idx < $2 ORDER BY idx";
        let rows = self.with(|s| s.query(sql, &[&integer(range.start), &integer(range.end)]))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    fn leaf_hashes(&self, range: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        let rows = self.with(|s| seen::hashes(s, &range))?;
        rows.into_iter().map(hash).collect()
    }

    fn stream(&self, stream: &str, after: u64) -> Result<Vec<u64>, StoreError> {
        let sql = "SELECT idx FROM leaves WHERE stream = $1 AND seq > $2 ORDER BY seq";
        let rows = self.with(|s| s.query(sql, &[&stream, &integer(after)]))?;
        let index = |row: &tokio_postgres::Row| u64::try_from(row.get::<_, i64>(0));
        rows.iter().map(|row| index(row).map_err(|_| StoreError::Damaged("an index"))).collect()
    }

    fn streams(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        // The last character there is, as the end of all that begin with the prefix.
        let (from, to) = (prefix.max(after), format!("{prefix}\u{10ffff}"));
        let sql = "SELECT stream FROM leaves WHERE stream > $1 AND stream < $2 AND seq = 1 \
                   ORDER BY stream LIMIT $3";
        let rows = self.with(|s| s.query(sql, &[&from, &to, &integer(limit as u64)]))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    fn payload(&self, place: &TextPlace) -> Result<Option<Payload>, StoreError> {
        let sql = "SELECT salt, text FROM payloads WHERE idx = $1 AND commitment = $2";
        let (index, key) = (integer(place.index), place.commitment.as_bytes().as_slice());
        let row = self.with(|s| s.row(sql, &[&index, &key]))?;
        row.map(|row| {
            let (salt, text) = (hash(row.get(0))?, text(row.get(1))?);
            Ok(Payload { commitment: place.commitment, salt, text })
        })
        .transpose()
    }

    fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        let stored = self.with(seen::checkpoint)?.map(seen::read_checkpoint).transpose()?;
        let size = stored.as_ref().map_or(0, |stored| stored.frontier.size());
        self.seen().checkpoint(size)?;
        Ok(stored)
    }

    fn put_checkpoint(&mut self, checkpoint: &StoredCheckpoint) -> Result<(), StoreError> {
        self.sign_off(checkpoint)
    }
}
