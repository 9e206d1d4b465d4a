//! The writer: one thread that owns the journal and takes turns for everybody. Whoever waits
//! at the same moment shares a turn and an append, and gets an answer only after what it came
//! to is durable.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use metrics::Histogram;
use tagout_core::command::{Command, SharedCommand};
use tagout_core::digest::MappingDigest;
use tagout_core::findings::Findings;
use tagout_core::limits;
use tagout_core::people::People;
use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::Catalogue;
use tagout_core::time::Span;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc, oneshot, watch};

use crate::desk::SearchDesk;
use crate::engine::{Engine, EngineError, Granted, Taken, Wish};
use crate::fault::Fault;
use crate::journal::{Journal, Recorded};
use crate::matching::Search;
use crate::signals::Intake;
use crate::store::Store;
use crate::store::reserve::Reserve;

/// The most wishes that share a turn.
const WISHES_PER_TURN: usize = 256;
/// After how long without findings an incident's search is taken on by another replica.
const ORPHANED: Span = Span::from_secs(2);

/// How many places are kept for asks that are no deliveries.
const RESERVED: usize = 256;

/// Why nothing was recorded. The asker may try again; an HTTP sender is told 503.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotRecorded {
    /// Too much is waiting already.
    #[error("too much is waiting to be recorded; send again in a moment")]
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
    /// A place for each delivery that may wait. People and searches have places of their own
    /// beyond these: a storm must not keep anybody from stopping something.
    deliveries: Arc<Semaphore>,
    /// Who is known, as of the last turn.
    people: watch::Receiver<Arc<People>>,
    /// When something was last recorded, and whether the kill switch was engaged then.
    appended: watch::Receiver<Option<(Instant, bool)>>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Writer({} places free)", self.deliveries.available_permits())
    }
}

/// What somebody does with the engine to himself.
type TakeTurn = Box<dyn FnOnce(&mut Engine<Store>) + Send>;

/// What is waiting for a turn.
#[allow(clippy::large_enum_variant, reason = "nearly all are wishes")]
pub(crate) enum Ask {
    /// Something is wanted of the engine.
    Wish(Wish, Asker),
    /// A search has ended.
    Found(String, Result<Findings, Fault>),
    /// Somebody wants the engine to himself, between two appends.
    Turn(TakeTurn),
    /// As a turn, and then the writer ends: a search that ends later is for the next one.
    Last(TakeTurn),
    /// Runbooks are to be found otherwise from now on.
    SearchWith(Box<dyn Search>),
}

/// What a delivery takes up until it is answered.
struct Place {
    _queue: OwnedSemaphorePermit,
    _room: Option<OwnedSemaphorePermit>,
}

/// Who is to be answered.
pub(crate) struct Asker {
    since: Instant,
    to: oneshot::Sender<Result<Granted, EngineError>>,
    /// The place of a delivery, and the room that its body takes. Both are taken until the answer,
    /// also by a sender that has hung up: senders that come and go must not take the places of
    /// people, nor more memory than there is room for.
    _place: Option<Arc<Place>>,
}

impl Writer {
    /// Starts the thread, and beside it the desk where `search` finds runbooks. At most
    /// `queue` deliveries wait; the next one is refused. It ends when the last handle is dropped,
    /// after it has answered everybody. Deliveries are refused while `reserve` is touched.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub fn start(
        engine: Engine<Store>,
        search: Box<dyn Search>,
        queue: usize,
        reserve: Option<Reserve>,
    ) -> std::io::Result<(Self, thread::JoinHandle<()>)> {
        let (asks, waiting) = mpsc::channel(queue + RESERVED);
        let desk = SearchDesk::open(search, asks.downgrade())?;
        let (searching, measures) = (BTreeSet::new(), Measures::default());
        let (told, people) = watch::channel(Arc::clone(&engine.journal().shared().people));
        let (tell_appended, appended) = watch::channel(None);
        let desk = Desk { engine, desk, reserve, searching, measures, told, tell_appended };
        let thread = thread::Builder::new().name("writer".into()).spawn(|| desk.work(waiting))?;
        let deliveries = Arc::new(Semaphore::new(queue));
        Ok((Self { asks, deliveries, people, appended }, thread))
    }

    /// Takes in what a source sent. `Ok` means that all of it is durable and in the log. A big
    /// delivery takes several turns, and others come in between.
    ///
    /// # Errors
    /// If it is not, or not all of it.
    pub async fn deliver(&self, intake: Arc<Intake>) -> Result<Vec<Taken>, NotRecorded> {
        self.deliver_from(intake, None).await
    }

    /// As [`Writer::deliver`], with the room that the body takes. Nobody else gets it before what
    /// was asked of the thread is answered, whether or not somebody still waits for that.
    ///
    /// # Errors
    /// As [`Writer::deliver`].
    pub(crate) async fn deliver_from(
        &self,
        intake: Arc<Intake>,
        room: Option<OwnedSemaphorePermit>,
    ) -> Result<Vec<Taken>, NotRecorded> {
        let place = Arc::clone(&self.deliveries).try_acquire_owned();
        let place = place.map_err(|error| match error {
            TryAcquireError::NoPermits => NotRecorded::Overloaded,
            TryAcquireError::Closed => NotRecorded::Closing,
        })?;
        let place = Arc::new(Place { _queue: place, _room: room });
        let mut taken = Vec::new();
        for wish in Wish::deliver(&intake) {
            if self.deliveries.is_closed() {
                return Err(NotRecorded::Closing);
            }
            taken.extend(self.wish(wish, Some(Arc::clone(&place))).await?.taken);
        }
        Ok(taken)
    }

    /// Takes in no further delivery, and nothing more of one that is under way: whoever sends it
    /// was not told that it was taken in, and sends it again.
    pub fn refuse_deliveries(&self) {
        self.deliveries.close();
    }

    /// Asks for something about one incident.
    ///
    /// # Errors
    /// If it is rejected or cannot be recorded.
    pub async fn command(&self, id: &str, command: Command) -> Result<Vec<Recorded>, NotRecorded> {
        self.wish(Wish::Ask(id.to_owned(), command), None).await.map(|granted| granted.recorded)
    }

    /// Asks for something about what spans incidents.
    ///
    /// # Errors
    /// If it is rejected or cannot be recorded.
    pub async fn shared(&self, command: SharedCommand) -> Result<Vec<Recorded>, NotRecorded> {
        self.wish(Wish::Share(command), None).await.map(|granted| granted.recorded)
    }

    /// Lets time pass: lapses what is overdue, looks again at what is held back, and takes on
    /// the searches of a replica that is gone. Due each second, on one replica.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub async fn tick(&self) -> Result<(), NotRecorded> {
        self.wish(Wish::Tick, None).await.map(drop)
    }

    /// Puts other rules into force from the next delivery on. They are recorded, each with what
    /// it takes the place of.
    ///
    /// # Errors
    /// If that cannot be recorded; then the old ones stay in force.
    pub async fn reload(
        &self,
        policy: EscalationPolicy,
        runbooks: Catalogue,
        mappings: BTreeMap<String, MappingDigest>,
        search: Box<dyn Search>,
    ) -> Result<(), NotRecorded> {
        self.turn(move |engine| engine.reload(policy, runbooks, mappings)).await??;
        let changed = self.asks.send(Ask::SearchWith(search)).await;
        changed.map_err(|_| NotRecorded::Closing)
    }

    /// Looks at what is recorded, between two turns: `look` sees nothing that is not durable.
    /// Keep it short; everybody waits for it. If it panics, that is its own asker's fault alone.
    ///
    /// # Errors
    /// If the service is going down, too much is waiting, or `look` panics.
    pub async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Journal<Store>) -> T + Send + 'static,
    ) -> Result<T, NotRecorded> {
        self.look(move |engine| look(engine.journal())).await
    }

    /// As [`Writer::read`], with the rules in force beside what is recorded.
    ///
    /// # Errors
    /// As [`Writer::read`].
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Engine<Store>) -> T + Send + 'static,
    ) -> Result<T, NotRecorded> {
        let (to, answer) = oneshot::channel();
        let look = move |engine: &mut Engine<Store>| {
            // It borrows and changes nothing, so what it leaves behind is whole.
            let looked = catch_unwind(AssertUnwindSafe(|| look(engine)));
            drop(to.send(looked.map_err(|_| looked_in_vain())));
        };
        self.send(Ask::Turn(Box::new(look)))?;
        let looked = answer.await.map_err(|_| NotRecorded::Closing)?;
        Ok(looked.map_err(EngineError::from)?)
    }

    /// Takes a turn of the service's own: a signature, a reload. It comes after everything that
    /// was asked before, and waits for room.
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

    /// Who is known, as of the last turn: what this process recorded is in it before whoever
    /// asked for it has an answer, what another one recorded a second later at most. Nobody
    /// waits for this.
    #[must_use]
    pub fn people(&self) -> Arc<People> {
        Arc::clone(&self.people.borrow())
    }

    /// When something was last recorded, and whether the kill switch was engaged then: whoever
    /// appends has read all that was recorded before. Nobody waits for this.
    pub(crate) fn appended(&self) -> Option<(Instant, bool)> {
        *self.appended.borrow()
    }

    /// Waits until the thread takes no more turns. While a handle is there it ends only by a
    /// panic: then nobody knows what it left half done, and only a new process, which reads the
    /// log anew, can go on. What was not committed is taken back by the store.
    pub async fn ended(&self) {
        self.asks.closed().await;
    }

    /// As [`Writer::turn`], and the last of all: nothing is recorded after it.
    ///
    /// # Errors
    /// If the service is going down already.
    pub async fn last<T: Send + 'static>(
        &self,
        take: impl FnOnce(&mut Engine<Store>) -> T + Send + 'static,
    ) -> Result<T, NotRecorded> {
        let (to, answer) = oneshot::channel();
        let ask = Ask::Last(Box::new(move |engine| drop(to.send(take(engine)))));
        self.asks.send(ask).await.map_err(|_| NotRecorded::Closing)?;
        answer.await.map_err(|_| NotRecorded::Closing)
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

    async fn wish(&self, wish: Wish, place: Option<Arc<Place>>) -> Result<Granted, NotRecorded> {
        let (to, answer) = oneshot::channel();
        self.send(Ask::Wish(wish, Asker { since: Instant::now(), to, _place: place }))?;
        Ok(answer.await.map_err(|_| NotRecorded::Closing)??)
    }

    fn send(&self, ask: Ask) -> Result<(), NotRecorded> {
        self.asks.try_send(ask).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotRecorded::Overloaded,
            mpsc::error::TrySendError::Closed(_) => NotRecorded::Closing,
        })
    }
}

/// The thread's own side.
struct Desk {
    engine: Engine<Store>,
    desk: SearchDesk,
    reserve: Option<Reserve>,
    /// The incidents whose runbook is being looked for here.
    searching: BTreeSet<String>,
    measures: Measures,
    told: watch::Sender<Arc<People>>,
    tell_appended: watch::Sender<Option<(Instant, bool)>>,
}

/// What is measured of every turn, looked up once.
struct Measures {
    batch: Histogram,
    turn: Histogram,
    wait: Histogram,
}

impl Default for Measures {
    fn default() -> Self {
        Self {
            batch: metrics::histogram!("tagout_writer_batch_size"),
            turn: metrics::histogram!("tagout_writer_turn_seconds"),
            wait: metrics::histogram!("tagout_writer_wait_seconds"),
        }
    }
}

impl Desk {
    fn work(mut self, mut waiting: mpsc::Receiver<Ask>) {
        self.hand_out();
        while let Some(first) = waiting.blocking_recv() {
            let mut next = Some(first);
            let mut turn = Batch::default();
            // Whatever waits by now shares the turn: the longer an append takes, the more
            // come with the next one.
            while let Some(ask) = next.take() {
                match ask {
                    Ask::Wish(Wish::Deliver(_) | Wish::DeliverPart(..), asker)
                        if self.is_full() =>
                    {
                        drop(asker.to.send(Err(full().into())));
                    }
                    Ask::Wish(wish, asker) => turn.add(wish, Some(asker)),
                    Ask::Found(id, findings) => self.found(id, findings, &mut turn),
                    Ask::Turn(take) => {
                        self.take(&mut turn);
                        take(&mut self.engine);
                        self.tell_people();
                    }
                    Ask::Last(take) => {
                        self.take(&mut turn);
                        take(&mut self.engine);
                        return;
                    }
                    Ask::SearchWith(search) => self.desk.search_with(search),
                }
                if !turn.is_full() {
                    next = waiting.try_recv().ok();
                }
            }
            self.take(&mut turn);
        }
    }

    /// Takes the turn, answers, and hands out what is to be searched.
    fn take(&mut self, turn: &mut Batch) {
        let Batch { wishes, answers, .. } = std::mem::take(turn);
        if wishes.is_empty() {
            return;
        }
        let start = Instant::now();
        self.measures.batch.record(as_f64(wishes.len()));
        if wishes.iter().any(|wish| matches!(wish, Wish::Tick)) {
            self.engine.orphans(ORPHANED);
        }
        let granted = self.engine.grant(&wishes);
        // Before anybody is answered: whoever asked takes apart what he made.
        drop(wishes);
        self.measures.turn.record(start.elapsed());
        self.tell_people();
        if granted.iter().flatten().any(|granted| !granted.recorded.is_empty()) {
            let engaged = self.engine.journal().shared().kill_switch;
            self.tell_appended.send_replace(Some((Instant::now(), engaged)));
        }
        for (answer, granted) in answers.into_iter().zip(granted) {
            if let Some(asker) = answer {
                self.measures.wait.record(start - asker.since);
                // Whoever asked may have gone; what was recorded stays.
                drop(asker.to.send(granted));
            } else if let Err(error) = granted {
                tracing::warn!(%error, "what a search found could not be recorded");
            }
        }
        self.hand_out();
    }

    /// Lets everybody see who is known, if that has changed.
    fn tell_people(&self) {
        let people = &self.engine.journal().shared().people;
        self.told.send_if_modified(|told| {
            let changed = !Arc::ptr_eq(told, people);
            if changed {
                *told = Arc::clone(people);
            }
            changed
        });
    }

    /// Whether deliveries must leave what room there is to decisions.
    fn is_full(&mut self) -> bool {
        self.reserve.as_mut().is_some_and(Reserve::is_touched)
    }

    fn hand_out(&mut self) {
        for (id, alert) in self.engine.searches() {
            if self.searching.insert(id.clone()) {
                self.desk.find(id, alert);
            }
        }
    }

    fn found(&mut self, id: String, findings: Result<Findings, Fault>, turn: &mut Batch) {
        self.searching.remove(&id);
        match findings {
            Ok(findings) => turn.add(Wish::Ask(id, Command::RecordFindings { findings }), None),
            // It is an orphan now, and will be taken on again.
            Err(error) => tracing::error!(%error, incident = id, "a search failed"),
        }
    }
}

fn looked_in_vain() -> Fault {
    Fault::new("looking at the log failed by a fault of ours; the error output says where")
}

fn full() -> Fault {
    Fault::new("the disk is full but for what is kept for decisions; make room on it")
}

/// What shares a turn.
#[derive(Default)]
struct Batch {
    wishes: Vec<Wish>,
    answers: Vec<Option<Asker>>,
    alerts: usize,
}

impl Batch {
    fn add(&mut self, wish: Wish, answer: Option<Asker>) {
        self.alerts += wish.alerts();
        self.wishes.push(wish);
        self.answers.push(answer);
    }

    fn is_full(&self) -> bool {
        self.wishes.len() >= WISHES_PER_TURN || self.alerts >= limits::ALERTS_PER_TURN
    }
}

#[allow(clippy::cast_precision_loss, reason = "a small count")]
fn as_f64(n: usize) -> f64 {
    n as f64
}
