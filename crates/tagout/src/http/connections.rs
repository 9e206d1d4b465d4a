//! Connections: a bounded number of them, each with a bound on how long it may be silent, and
//! an end that lets requests under way finish. While there is no room for another one, none is kept
//! open only because its owner may send more: an Alertmanager opens one for each group that it
//! notifies of, and those beyond the limit would wait for those that have their answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tagout_core::limits;
use tagout_core::time::Span;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::peer::Peer;

/// How long a connection may take to send the head of its next request.
const SILENCE: Duration = Duration::from_secs(60);
/// How long to wait after the machine could not give us another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `closing` turns true; then nothing new is accepted, and what is under way has
/// `grace` to finish. Says whether all of it did. At most `most` connections are open at once, and
/// one whose owner reads nothing of an answer for `unread` is ended.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    (most, unread): (usize, Span),
    mut closing: watch::Receiver<bool>,
    grace: Duration,
) -> bool {
    let room = Arc::new(Semaphore::new(most));
    let (full, _) = watch::channel(());
    let open = metrics::gauge!("tagout_connections");
    let mut connections = JoinSet::new();
    let watched = closing.clone();
    loop {
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => break,
            Some(_) = connections.join_next() => {}
            accepted = accept(&listener, &room, &full) => {
                let Some((stream, peer, permit)) = accepted else { continue };
                ends_unread(&stream, unread);
                let (router, closing, open) = (router.clone(), watched.clone(), open.clone());
                let (room, full) = (Arc::clone(&room), full.subscribe());
                connections.spawn(async move {
                    open.increment(1.0);
                    connection((stream, peer), router, closing, (room, full)).await;
                    open.decrement(1.0);
                    drop(permit);
                });
            }
        }
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    let finished = tokio::time::timeout(grace, finished).await.is_ok();
    connections.shutdown().await;
    finished
}

/// Has the kernel end a connection whose other side takes nothing of what is to be sent to it for so
/// long, be it gone or merely not reading (`TCP_USER_TIMEOUT` in
/// <https://man7.org/linux/man-pages/man7/tcp.7.html>).
fn ends_unread(stream: &TcpStream, unread: Span) {
    let millis = u32::try_from(unread.millis()).unwrap_or(u32::MAX);
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(stream, millis) {
        tracing::warn!(%error, "a connection has no bound on how long its answer stays unread");
    }
}

/// The next connection, once there is room for one.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    full: &watch::Sender<()>,
) -> Option<(TcpStream, Peer, OwnedSemaphorePermit)> {
    if room.available_permits() == 0 {
        full.send_replace(());
    }
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // An answer is one small packet; it must not wait for a second one.
            let _ = stream.set_nodelay(true);
            Some((stream, Peer(peer.ip()), permit))
        }
        Err(error) => {
            tracing::warn!(%error, "no connection could be accepted");
            tokio::time::sleep(PAUSE).await;
            None
        }
    }
}

async fn connection(
    (stream, peer): (TcpStream, Peer),
    router: Router,
    mut closing: watch::Receiver<bool>,
    (room, mut full): (Arc<Semaphore>, watch::Receiver<()>),
) {
    let router = router.map_request(move |mut request: hyper::Request<_>| {
        request.extensions_mut().insert(peer);
        request
    });
    let router = TowerToHyperService::new(router);
    // Whether it has its answer and has not sent more.
    let idle = AtomicBool::new(false);
    let answering = service_fn(|request| {
        idle.store(false, Ordering::Relaxed);
        let answer = router.call(request);
        async {
            let mut answer = answer.await?;
            if room.available_permits() == 0 {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            idle.store(true, Ordering::Relaxed);
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SILENCE)
        .max_headers(limits::HEADERS)
        .max_buf_size(limits::HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), answering);
    let mut connection = std::pin::pin!(connection);
    // How a connection ended concerns the sender, who knows; there is nothing to do here.
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = closing.wait_for(|closing| *closing) => break,
            Ok(()) = full.changed() => {
                // One that has not asked for anything yet is about to.
                if idle.load(Ordering::Relaxed) {
                    break;
                }
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn whoever_never_reads_an_answer_does_not_keep_their_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // More than the kernel takes for anybody.
        let router = Router::new()
            .route("/large", get(|| async { vec![b'x'; 64 << 20] }))
            .route("/small", get(|| async { "there" }));
        let (close, closing) = watch::channel(false);
        let bounds = (1, Span::from_secs(1));
        let serving = tokio::spawn(serve(listener, router, bounds, closing, PAUSE));
        let ask = async |path: &str| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            stream
        };
        let unread = ask("/large").await;
        let before = Instant::now();
        // There is room for one, so this one waits until the other is gone.
        let mut answer = String::new();
        let mut next = ask("/small").await;
        let read = tokio::time::timeout(Duration::from_secs(30), next.read_to_string(&mut answer));
        read.await.expect("it keeps its connection").unwrap();
        assert!(answer.ends_with("there"), "{answer}");
        assert!(before.elapsed() >= Duration::from_millis(900), "{:?}", before.elapsed());
        drop(unread);
        close.send_replace(true);
        serving.await.unwrap();
    }
}
