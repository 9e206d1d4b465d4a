//! One connection to PostgreSQL: how it is made, what is set on it, and what its errors mean.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use postgres::error::{Severity, SqlState};
use postgres::types::ToSql;
use postgres::{Client, Row, Statement};

use super::target::{ConnectError, Target};
use crate::store::StoreError;

/// How long to try to connect before it is said that nobody is there.
const PATIENCE: Duration = Duration::from_secs(5);
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

/// A connection with what was prepared on it.
pub(super) struct Session {
    client: Client,
    prepared: HashMap<&'static str, Statement>,
    /// Whether the server has warned since this was last set to `false`.
    warned: Arc<AtomicBool>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session")
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
                Err(ConnectError::Tls(why)) => return Err(StoreError::Address(why)),
                // Another attempt would be refused for the same reason.
                Err(ConnectError::Postgres(e)) if is_refused(&e) => return Err(failed(&e)),
                Err(ConnectError::Postgres(e)) => words(&e),
            };
            if Instant::now() + PAUSE >= end {
                return Err(StoreError::Unreachable { place: target.to_string(), why });
            }
            thread::sleep(PAUSE);
        }
    }

    /// Connects, or does not.
    pub(super) fn connect_once(target: &Target) -> Result<Self, ConnectError> {
        let warned = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&warned);
        let mut client = target.connect(move |notice| {
            if notice.parsed_severity() == Some(Severity::Warning) {
                flag.store(true, Ordering::Relaxed);
            }
        })?;
        client.batch_execute(SETTINGS)?;
        Ok(Self { client, prepared: HashMap::new(), warned })
    }

    pub(super) fn query(
        &mut self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, postgres::Error> {
        let statement = self.statement(sql)?;
        self.client.query(&statement, values)
    }

    pub(super) fn row(
        &mut self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, postgres::Error> {
        let statement = self.statement(sql)?;
        self.client.query_opt(&statement, values)
    }

    pub(super) fn execute(
        &mut self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, postgres::Error> {
        let statement = self.statement(sql)?;
        self.client.execute(&statement, values)
    }

    /// Several statements without values in one round trip; the rows of all of them.
    pub(super) fn simple(
        &mut self,
        sql: &str,
    ) -> Result<Vec<postgres::SimpleQueryRow>, postgres::Error> {
        let messages = self.client.simple_query(sql)?;
        Ok(messages
            .into_iter()
            .filter_map(|message| match message {
                postgres::SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            })
            .collect())
    }

    pub(super) fn batch(&mut self, sql: &str) -> Result<(), postgres::Error> {
        self.client.batch_execute(sql)
    }

    /// Commits. `Ok` means that it is durable, on the synchronous standby too if there is one:
    /// a server that gives up waiting for the standby says "committed" with a warning.
    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        self.warned.store(false, Ordering::Relaxed);
        let done = self.client.batch_execute("COMMIT");
        match done {
            Ok(()) if self.warned.load(Ordering::Relaxed) => {
                Err(StoreError::Uncertain("no standby confirmed it in time".into()))
            }
            Ok(()) => Ok(()),
            Err(e) => Err(StoreError::Uncertain(words(&e))),
        }
    }

    /// Ends a transaction that came to nothing. If that fails, the connection is no good, and
    /// the server ends the transaction with it.
    pub(super) fn roll_back(&mut self) {
        if self.client.batch_execute("ROLLBACK").is_err() {
            self.prepared.clear();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    fn statement(&mut self, sql: &'static str) -> Result<Statement, postgres::Error> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql)?;
        self.prepared.insert(sql, statement.clone());
        Ok(statement)
    }
}

/// An error of the server in words. Its details may repeat what was written, so they stay out.
pub(super) fn words(error: &postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", db.message(), db.code().code());
    }
    match std::error::Error::source(error) {
        Some(why) => why.to_string(),
        None => error.to_string(),
    }
}

pub(super) fn failed(error: &postgres::Error) -> StoreError {
    StoreError::Postgres(words(error))
}

/// Whether the connection went with the error, so that a new one may fare better.
pub(super) fn is_lost(error: &postgres::Error) -> bool {
    match error.code() {
        // 57P01 to 57P03: the server is shutting down, crashed, or is starting.
        // 25P03 and 57P05: the connection was idle for too long.
        Some(code) => {
            [
                SqlState::ADMIN_SHUTDOWN,
                SqlState::CRASH_SHUTDOWN,
                SqlState::CANNOT_CONNECT_NOW,
                SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                SqlState::IDLE_SESSION_TIMEOUT,
            ]
            .contains(code)
                || code.code().starts_with("08")
        }
        None => true,
    }
}

/// Whether the server is there and does not let us in, or does not know the database.
fn is_refused(error: &postgres::Error) -> bool {
    let code = error.code().map_or("", SqlState::code);
    // 28: authentication. 3D: no such database. 42: not permitted.
    ["28", "3D", "42"].iter().any(|class| code.starts_with(class))
        || (error.code().is_none() && words(error).contains("password missing"))
}
