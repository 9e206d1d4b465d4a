//! The signals of the operating system that the service listens to.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::own;
use crate::fault::Fault;
use crate::halt::Halt;

/// The signals that the service listens to.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    halt: Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self, Fault> {
        let listen = |kind| {
            signal(kind).map_err(|e| Fault::new(format!("signals cannot be listened to: {e}")))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
            halt: listen(SignalKind::user_defined1())?,
        })
    }

    /// Waits until the service is to stop; a hang-up means to load the rules anew, and SIGUSR1 to
    /// stop everything at once.
    pub(super) async fn wait_for_stop(&mut self, reload: &mpsc::Sender<()>, halt: &Halt) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => {
                    // One that waits already does for both.
                    let _ = reload.try_send(());
                }
                _ = self.halt.recv() => engage(halt),
            }
        }
    }

    /// Waits until the service is to stop at once. Steps may still run within the grace, and
    /// SIGUSR1 still stops them.
    pub(super) async fn wait_for_second(&mut self, halt: &Halt) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.halt.recv() => engage(halt),
            }
        }
    }
}

fn engage(halt: &Halt) {
    match own() {
        Ok(by) => halt.engage(by, "the service was sent SIGUSR1".into()),
        Err(_) => halt.stop_all(),
    }
}
