//! Waiting for several streams at once.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Waits until there is something to read from some of the streams, their end included, or it is
/// time. For each, whether there is.
pub(super) fn wait(streams: &[BorrowedFd<'_>], until: Instant) -> io::Result<Vec<bool>> {
    // One more, because the rest of a millisecond is a wait too.
    let left = until.saturating_duration_since(Instant::now()).as_millis() + 1;
    let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
    let polled = streams.iter().map(|stream| PollFd::new(*stream, PollFlags::POLLIN));
    let mut polled: Vec<_> = polled.collect();
    match poll(&mut polled, left) {
        Ok(_) | Err(nix::Error::EINTR) => {}
        Err(e) => return Err(e.into()),
    }
    Ok(polled.iter().map(|stream| stream.any().unwrap_or(false)).collect())
}
