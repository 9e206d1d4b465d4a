//! One connection to PostgreSQL: how it is made, what is set on it, and what its errors mean.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, SimpleQueryMessage, SimpleQueryRow, Statement};

use super::target::{ConnectError, Target};
use crate::store::StoreError;

/// How long to try to connect before it is said that nobody is there.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait for an answer: longer than any of the time-outs that are set on the server,
/// so that it is the server which ends a statement, unless it or the network is stuck.
const ANSWER: Duration = Duration::from_secs(12);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// What is set on each connection. A replica that gets stuck between its statements loses the
/// head after 5 seconds, before those who wait for it give up after 8. Warnings must reach us:
/// one of them says that a commit is on no standby. The keepalives are the server's, for a
/// replica whose machine is gone. Ours is the only schema that names are looked up in.
const SETTINGS: &str = "
SET synchronous_commit = on;
SET client_min_messages = warning;
SET default_transaction_isolation = 'read committed';
SET search_path = tagout;
SET idle_in_transaction_session_timeout = '5s';
SET lock_timeout = '8s';
SET statement_timeout = '10s';
SET tcp_keepalives_idle = 5;
SET tcp_keepalives_interval = 2;
SET tcp_keepalives_count = 3;
";

/// Why something did not come of a connection.
#[derive(Debug)]
pub(super) enum SessionError {
    /// The server or the network, as the client tells it.
    Postgres(tokio_postgres::Error),
    /// No answer came in time, and the connection was given up.
    Late,
}

impl From<tokio_postgres::Error> for SessionError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

/// A connection with what was prepared on it.
pub(super) struct Session {
    client: Client,
    prepared: HashMap<&'static str, Statement>,
    /// Whether the server has warned since this was last set to `false`.
    warned: Arc<AtomicBool>,
    /// Whether an answer did not come in time: whatever comes now is not what was asked for.
    late: bool,
    runtime: Option<Runtime>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Without waiting, so that it may be dropped anywhere.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Session {
    /// Connects, and tries again for a few seconds while nobody is there: a database that is
    /// starting, or a standby that is being promoted.
    pub(super) fn connect(target: &Target) -> Result<Self, StoreError> {
        let end = Instant::now() + PATIENCE;
        loop {
            let why = match Self::connect_once(target) {
                Ok(session) => return Ok(session),
                Err(ConnectError::Settings(why)) => return Err(StoreError::Address(why)),
                // Another attempt would be refused for the same reason.
                Err(ConnectError::Session(e)) if is_refused(&e) => return Err(failed(&e)),
                Err(ConnectError::Session(e)) => words(&e),
            };
            if Instant::now() + PAUSE >= end {
                return Err(StoreError::Unreachable { place: target.to_string(), why });
            }
            thread::sleep(PAUSE);
        }
    }

    /// Connects, or does not.
    pub(super) fn connect_once(target: &Target) -> Result<Self, ConnectError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| ConnectError::Settings(format!("no connection can be made: {e}")))?;
        let warned = Arc::new(AtomicBool::new(false));
        let connecting = target.connect(Arc::clone(&warned))?;
        let client = runtime
            .block_on(async { tokio::time::timeout(ANSWER, connecting).await })
            .map_err(|_| ConnectError::Session(SessionError::Late))??;
        let (prepared, runtime) = (HashMap::new(), Some(runtime));
        let mut session = Self { client, prepared, warned, late: false, runtime };
        session.batch(SETTINGS)?;
        Ok(session)
    }

    /// Waits for an answer, and not for ever.
    fn wait<T>(
        &mut self,
        asked: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, SessionError> {
        let Some(runtime) = self.runtime.as_ref().filter(|_| !self.late) else {
            return Err(SessionError::Late);
        };
        let client = &self.client;
        let answer = runtime.block_on(async { tokio::time::timeout(ANSWER, asked(client)).await });
        match answer {
            Ok(answer) => Ok(answer?),
            Err(_) => {
                self.late = true;
                Err(SessionError::Late)
            }
        }
    }

    pub(super) fn query(
        &mut self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, SessionError> {
        let statement = self.statement(sql)?;
        self.wait(async |client| client.query(&statement, values).await)
    }

    pub(super) fn row(
        &mut self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, SessionError> {
        let statement = self.statement(sql)?;
        self.wait(async |client| client.query_opt(&statement, values).await)
    }

    pub(super) fn execute(
        &mut self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, SessionError> {
        let statement = self.statement(sql)?;
        self.wait(async |client| client.execute(&statement, values).await)
    }

    /// Several statements without values in one round trip; the rows of all of them.
    pub(super) fn simple(&mut self, sql: &str) -> Result<Vec<SimpleQueryRow>, SessionError> {
        let messages = self.wait(async |client| client.simple_query(sql).await)?;
        let row = |message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        };
        Ok(messages.into_iter().filter_map(row).collect())
    }

    pub(super) fn batch(&mut self, sql: &str) -> Result<(), SessionError> {
        self.wait(async |client| client.batch_execute(sql).await)
    }

    /// Commits. `Ok` means that it is durable, on the synchronous standby too if there is one.
    ///
    /// While no standby confirms, the server waits for ever, whatever its time-outs are; then
    /// the connection is given up and nobody is told that it is recorded. If somebody ends that
    /// wait on the server, it says "committed" with a warning, which does not count either.
    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        self.warned.store(false, Ordering::Relaxed);
        match self.batch("COMMIT") {
            Ok(()) if self.warned.load(Ordering::Relaxed) => {
                self.late = true;
                Err(StoreError::Uncertain("no standby confirmed it".into()))
            }
            Ok(()) => Ok(()),
            Err(e) => {
                self.late = true;
                Err(StoreError::Uncertain(words(&e)))
            }
        }
    }

    /// Ends a transaction that came to nothing. If that fails, the connection is no good, and
    /// the server ends the transaction with it.
    pub(super) fn roll_back(&mut self) {
        if self.batch("ROLLBACK").is_err() {
            self.late = true;
        }
    }

    /// Whether the server has warned of what was asked last: that a commit is on no standby.
    pub(super) fn has_warned(&self) -> bool {
        self.warned.swap(false, Ordering::Relaxed)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.late || self.client.is_closed()
    }

    fn statement(&mut self, sql: &'static str) -> Result<Statement, SessionError> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.wait(async |client| client.prepare(sql).await)?;
        self.prepared.insert(sql, statement.clone());
        Ok(statement)
    }
}

/// An error in words. The details of the server may repeat what was written, so they stay out.
pub(super) fn words(error: &SessionError) -> String {
    let SessionError::Postgres(error) = error else {
        return format!("no answer came within {} seconds", ANSWER.as_secs());
    };
    if let Some(db) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", db.message(), db.code().code());
    }
    match std::error::Error::source(error) {
        Some(why) => why.to_string(),
        None => error.to_string(),
    }
}

pub(super) fn failed(error: &SessionError) -> StoreError {
    StoreError::Postgres(words(error))
}

fn code(error: &SessionError) -> Option<&SqlState> {
    match error {
        SessionError::Postgres(error) => error.code(),
        SessionError::Late => None,
    }
}

/// Whether the connection went with the error, so that a new one may fare better.
pub(super) fn is_lost(error: &SessionError) -> bool {
    code(error).is_none_or(|code| {
        [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            SqlState::IDLE_SESSION_TIMEOUT,
        ]
        .contains(code)
            || code.code().starts_with("08")
    })
}

/// Whether the server is there and does not let us in, or does not know the database.
fn is_refused(error: &SessionError) -> bool {
    let class = code(error).map_or("", SqlState::code);
    // 28: authentication. 3D: no such database. 42: not permitted.
    ["28", "3D", "42"].iter().any(|refused| class.starts_with(refused))
        || matches!(error, SessionError::Postgres(e) if {
            let kind = e.to_string();
            kind.contains("TLS handshake") || words(error).contains("password missing")
        })
}
