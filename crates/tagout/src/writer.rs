//! The writer: one thread that owns the journal and takes turns for everybody. Whoever asks
//! gets an answer only after what it came to is durable.

use std::sync::Arc;
use std::thread;

use tagout_core::command::{Command, SharedCommand};
use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::Catalogue;
use tokio::sync::{mpsc, oneshot};

use crate::engine::{Engine, EngineError, Taken};
use crate::journal::{Journal, Recorded};
use crate::matching::Search;
use crate::signals::Delivery;
use crate::store::Store;

/// Why nothing was recorded. The asker may try again; an HTTP sender is told 503.
#[derive(Debug, thiserror::Error)]
pub enum NotRecorded {
    /// Too much is waiting already.
    #[error("too many deliveries are waiting to be recorded; send again in a moment")]
    Overloaded,
    /// The service is going down.
    #[error("the service is shutting down; send again to the one that follows it")]
    Closing,
    /// The asker's fault or the store's, as the engine says it.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A handle to the writer; clone it freely.
#[derive(Clone)]
pub struct Writer {
    asks: mpsc::Sender<Ask>,
}

type Look = Box<dyn FnOnce(&Journal<Store>) + Send>;
type Turn = Box<dyn FnOnce(&mut Engine<Store>) + Send>;

enum Ask {
    Deliver(Arc<Delivery>, oneshot::Sender<Result<Vec<Taken>, EngineError>>),
    Command(String, Box<Command>, oneshot::Sender<Result<Vec<Recorded>, EngineError>>),
    Shared(Box<SharedCommand>, oneshot::Sender<Result<Vec<Recorded>, EngineError>>),
    Read(Look),
    Turn(Turn),
}

impl Writer {
    /// Starts the thread. At most `queue` asks wait; the next one is refused. It ends when the
    /// last handle is dropped, after it has answered everybody.
    #[must_use]
    pub fn start(mut engine: Engine<Store>, queue: usize) -> (Self, thread::JoinHandle<()>) {
        let (asks, mut waiting) = mpsc::channel(queue);
        let thread = thread::spawn(move || {
            while let Some(ask) = waiting.blocking_recv() {
                match ask {
                    Ask::Deliver(delivery, to) => drop(to.send(engine.receive(&delivery))),
                    Ask::Command(id, command, to) => drop(to.send(engine.handle(&id, *command))),
                    Ask::Shared(command, to) => drop(to.send(engine.ask_shared(*command))),
                    Ask::Read(read) => read(engine.journal()),
                    Ask::Turn(take) => take(&mut engine),
                }
            }
        });
        (Self { asks }, thread)
    }

    /// Takes in a delivery. `Ok` means that it is durable and in the log.
    ///
    /// # Errors
    /// If it is not.
    pub async fn deliver(&self, delivery: Arc<Delivery>) -> Result<Vec<Taken>, NotRecorded> {
        self.ask(|to| Ask::Deliver(delivery, to)).await
    }

    /// Asks for something about one incident.
    ///
    /// # Errors
    /// If it is rejected or cannot be recorded.
    pub async fn command(&self, id: &str, command: Command) -> Result<Vec<Recorded>, NotRecorded> {
        self.ask(|to| Ask::Command(id.to_owned(), Box::new(command), to)).await
    }

    /// Asks for something about what spans incidents.
    ///
    /// # Errors
    /// If it is rejected or cannot be recorded.
    pub async fn shared(&self, command: SharedCommand) -> Result<Vec<Recorded>, NotRecorded> {
        self.ask(|to| Ask::Shared(Box::new(command), to)).await
    }

    /// Looks at what is recorded, between two appends: `look` sees nothing that is not
    /// durable. Keep it short; everybody waits for it.
    ///
    /// # Errors
    /// If the service is going down or too much is waiting.
    pub async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Journal<Store>) -> T + Send + 'static,
    ) -> Result<T, NotRecorded> {
        let (to, answer) = oneshot::channel();
        self.send(Ask::Read(Box::new(move |journal| drop(to.send(look(journal))))))?;
        answer.await.map_err(|_| NotRecorded::Closing)
    }

    /// Takes a turn of the service's own: the clock's tick, a signature, a reload. Unlike a
    /// sender it waits for room, so that a rush of deliveries does not keep it out.
    ///
    /// # Errors
    /// If the service is going down.
    pub async fn turn<T: Send + 'static>(
        &self,
        take: impl FnOnce(&mut Engine<Store>) -> T + Send + 'static,
    ) -> Result<T, NotRecorded> {
        let (to, answer) = oneshot::channel();
        let ask = Ask::Turn(Box::new(move |engine| drop(to.send(take(engine)))));
        self.asks.send(ask).await.map_err(|_| NotRecorded::Closing)?;
        answer.await.map_err(|_| NotRecorded::Closing)
    }

    /// Has other rules in force from the next delivery on. They are recorded, each with what
    /// it takes the place of.
    ///
    /// # Errors
    /// If they cannot be recorded; then the old ones stay in force.
    pub async fn reload(
        &self,
        policy: EscalationPolicy,
        runbooks: Catalogue,
        search: impl Search + 'static,
    ) -> Result<(), NotRecorded> {
        let search = Box::new(search);
        Ok(self.turn(move |engine| engine.replace(policy, runbooks, search)).await??)
    }

    /// Whether the thread still takes turns.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.asks.is_closed()
    }

    /// How many asks wait for their turn.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.asks.max_capacity() - self.asks.capacity()
    }

    async fn ask<T>(
        &self,
        ask: impl FnOnce(oneshot::Sender<Result<T, EngineError>>) -> Ask,
    ) -> Result<T, NotRecorded> {
        let (to, answer) = oneshot::channel();
        self.send(ask(to))?;
        Ok(answer.await.map_err(|_| NotRecorded::Closing)??)
    }

    fn send(&self, ask: Ask) -> Result<(), NotRecorded> {
        self.asks.try_send(ask).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotRecorded::Overloaded,
            mpsc::error::TrySendError::Closed(_) => NotRecorded::Closing,
        })
    }
}
