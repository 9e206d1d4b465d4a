//! The bare endpoint: the least that a durable receiver of alerts can do. It parses the body,
//! writes one row of 382 bytes in a group commit with `synchronous=FULL`, and answers.

use std::sync::mpsc;
use std::thread;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use rusqlite::Connection;
use tokio::sync::oneshot;

type Row = (Vec<u8>, oneshot::Sender<()>);

/// Serves on `listener` until the process is killed.
pub(crate) fn serve(listener: std::net::TcpListener, database: &std::path::Path) {
    let (rows, waiting) = mpsc::channel::<Row>();
    let database = database.to_owned();
    thread::spawn(move || write(&database, &waiting));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        listener.set_nonblocking(true).expect("a socket");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
        let app = Router::new().route(
            "/",
            post(move |body: Bytes| {
                let rows = rows.clone();
                async move {
                    let Ok(delivery) = tagout::signals::read(&body) else {
                        return StatusCode::BAD_REQUEST;
                    };
                    let mut row = delivery.digest.as_bytes().to_vec();
                    row.resize(382, b'x');
                    let (done, answer) = oneshot::channel();
                    if rows.send((row, done)).is_err() || answer.await.is_err() {
                        return StatusCode::SERVICE_UNAVAILABLE;
                    }
                    StatusCode::OK
                }
            }),
        );
        axum::serve(listener, app).await.expect("a server");
    });
}

fn write(database: &std::path::Path, waiting: &mpsc::Receiver<Row>) {
    let mut database = Connection::open(database).expect("a database");
    database
        .execute_batch(
            "PRAGMA journal_mode=wal; PRAGMA synchronous=full;
             CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;",
        )
        .expect("a table");
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        group.extend(waiting.try_iter().take(255));
        let transaction = database.transaction().expect("a transaction");
        for (row, _) in &group {
            transaction
                .prepare_cached("INSERT INTO rows (body) VALUES (?1)")
                .expect("a statement")
                .execute([row])
                .expect("a row");
        }
        transaction.commit().expect("a commit");
        for (_, done) in group {
            let _ = done.send(());
        }
    }
}
