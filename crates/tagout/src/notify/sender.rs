//! The sender: takes what waits in the outbox to its channels. Each channel has a queue of its
//! own, so one that does not answer holds up no other; within a channel the notices of one
//! incident go in order, so nothing is ended before it has begun.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tagout_core::limits;
use tagout_core::notice::Notice;
use tagout_core::time::{Span, Time};
use tokio::task::{self, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use super::Channel;
use super::delivery::Delivery;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::journal::NOTICE;
use crate::poll::Leads;
use crate::store::{Change, Outbox as _, Outcome, Store, StoreError, Work};
use crate::writer::Writer;

/// How often the outbox is looked at.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// How often what is over is removed, counted in looks.
const PRUNE_EVERY: u64 = 60;
/// What there is no channel for any more is given up, with this reason.
pub(super) const REMOVED: &str = "no channel of this name is configured any more";
/// The most that is removed at once.
const PRUNED: usize = 1_000;
/// How many notices are handed to their channels at one look.
const ADDRESSED: usize = 256;

/// The kind of work that is for one channel.
pub(crate) fn kind_of(channel: &str) -> String {
    format!("{NOTICE}:{channel}")
}

/// What sends.
pub(crate) struct Sender {
    pub(crate) writer: Writer,
    pub(crate) channels: Vec<Arc<Channel>>,
    /// Whether this replica is the one that sends.
    pub(crate) leads: Leads,
    /// Where the pages are, for links.
    pub(crate) pages: Option<String>,
}

/// The work of one channel that is under way here.
#[derive(Default)]
struct UnderWay {
    ids: BTreeSet<i64>,
    incidents: BTreeSet<String>,
}

/// What one task has in hand.
struct InHand {
    channel: String,
    id: i64,
    incident: String,
}

/// What is under way, and what became of it.
#[derive(Default)]
struct Tasks {
    running: JoinSet<Change>,
    in_hand: BTreeMap<task::Id, InHand>,
    under_way: BTreeMap<String, UnderWay>,
    /// What became of work, and is not noted yet. Until it is, nothing of it is sent again.
    unnoted: Vec<(Change, InHand)>,
}

impl Tasks {
    fn start(&mut self, delivery: Delivery) {
        let channel = delivery.name.clone();
        let (id, incident) = (delivery.work.id, delivery.notice.incident.clone());
        let own = self.under_way.entry(channel.clone()).or_default();
        own.ids.insert(id);
        own.incidents.insert(incident.clone());
        let task = self.running.spawn(delivery.run()).id();
        self.in_hand.insert(task, InHand { channel, id, incident });
    }

    fn ended(&mut self, done: Result<(task::Id, Change), task::JoinError>) {
        let (task, change) = match done {
            Ok((task, change)) => (task, Some(change)),
            Err(error) => {
                tracing::error!(%error, "sending a notice met a fault of ours");
                (error.id(), None)
            }
        };
        match (self.in_hand.remove(&task), change) {
            (Some(in_hand), Some(change)) => self.unnoted.push((change, in_hand)),
            (Some(in_hand), None) => self.let_go(&in_hand),
            (None, _) => {}
        }
    }

    fn let_go(&mut self, done: &InHand) {
        if let Some(own) = self.under_way.get_mut(&done.channel) {
            own.ids.remove(&done.id);
            own.incidents.remove(&done.incident);
        }
    }

    /// Notes what became of everything that has ended by now, in one transaction.
    async fn note(&mut self, writer: &Writer) {
        if self.unnoted.is_empty() {
            return;
        }
        let changes: Vec<Change> = self.unnoted.iter().map(|(change, _)| change.clone()).collect();
        let noted = writer.turn(move |engine| engine.journal_mut().storage_mut().note(&changes));
        match noted.await {
            // What is not noted when the service goes down is sent again, under the same id.
            Ok(Ok(())) | Err(_) => {
                for (_, in_hand) in std::mem::take(&mut self.unnoted) {
                    self.let_go(&in_hand);
                }
            }
            Ok(Err(error)) => tracing::warn!(%error, "what became of notices is noted later"),
        }
    }
}

impl Sender {
    /// Sends for as long as it runs.
    pub(crate) async fn run(self) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tasks = Tasks::default();
        let mut failing = false;
        let mut looks = 0u64;
        let mut removed = BTreeSet::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                Some(done) = tasks.running.join_next_with_id() => {
                    tasks.ended(done);
                    while let Some(done) = tasks.running.try_join_next_with_id() {
                        tasks.ended(done);
                    }
                    tasks.note(&self.writer).await;
                    continue;
                }
            }
            tasks.note(&self.writer).await;
            if !(self.leads)() {
                continue;
            }
            let tidy = looks.is_multiple_of(PRUNE_EVERY);
            looks += 1;
            let looked = self.look(std::mem::take(&mut removed), tidy).await;
            // Told when it changes, and not once a second for as long as it lasts.
            if looked.is_err() != failing {
                failing = looked.is_err();
                match &looked {
                    Ok(_) => tracing::info!("the outbox can be read again"),
                    Err(error) => tracing::error!(%error, "the outbox cannot be read"),
                }
            }
            for (name, work) in looked.into_iter().flatten() {
                let channel = self.channels.iter().find(|channel| channel.name() == name);
                if channel.is_some() {
                    measure(&name, &work);
                } else if !work.is_empty() {
                    removed.insert(name.clone());
                }
                let own = tasks.under_way.entry(name.clone()).or_default();
                for (work, notice) in self.due(&name, work, own).await {
                    tasks.start(Delivery {
                        writer: self.writer.clone(),
                        name: name.clone(),
                        channel: channel.cloned(),
                        pages: self.pages.clone(),
                        work,
                        notice,
                    });
                }
            }
        }
    }

    /// What is sent now of a channel's work, of which this is the beginning. As many as wait for
    /// their time must not hide those that came after them.
    async fn due(&self, name: &str, first: Vec<Work>, own: &UnderWay) -> Vec<(Work, Notice)> {
        let mut choice = Choice::beside(own);
        let mut page = first;
        loop {
            let last = page.last().map(|work| work.id);
            let further = last.filter(|_| page.len() == limits::NOTICES_AHEAD);
            choice.consider(page);
            let Some(after) = further.filter(|_| choice.room > 0) else { break };
            let kind = kind_of(name);
            let read = move |engine: &mut Engine<Store>| {
                engine.journal_mut().storage_mut().waiting(&kind, after, limits::NOTICES_AHEAD)
            };
            // A turn for each page: nobody else waits for all of them.
            let Ok(Ok(next)) = self.writer.turn(read).await else { break };
            page = next;
        }
        choice.due
    }

    /// Hands new notices to their channels, and says what waits for each of these.
    async fn look(&self, removed: BTreeSet<String>, tidy: bool) -> Result<Waiting, String> {
        let channels = self.channels.clone();
        let looked = self.writer.turn(move |engine| look(engine, &channels, removed, tidy)).await;
        looked.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
    }
}

/// The first of what waits for each channel, by name.
type Waiting = BTreeMap<String, Vec<Work>>;

fn look(
    engine: &mut Engine<Store>,
    channels: &[Arc<Channel>],
    mut removed: BTreeSet<String>,
    tidy: bool,
) -> Result<Waiting, Fault> {
    let failed = |e: StoreError| Fault::new(e.to_string());
    let now = now();
    let store = engine.journal_mut().storage_mut();
    let new = store.waiting(NOTICE, 0, ADDRESSED).map_err(failed)?;
    // One transaction: a storm of notices must not keep the log from everybody else.
    let changes: Vec<Change> = new.iter().map(|work| addressing(channels, work, now)).collect();
    store.note(&changes).map_err(failed)?;
    if tidy {
        let before = now.before(limits::NOTICES_KEPT);
        store.prune(before, PRUNED).map_err(failed)?;
        // What was left for channels that are in the configuration no more.
        let kinds = store.kinds().map_err(failed)?;
        let of = |kind: &String| Some(kind.strip_prefix(NOTICE)?.strip_prefix(':')?.to_owned());
        removed.extend(kinds.iter().filter_map(of));
    }
    let names = channels.iter().map(|channel| channel.name().to_owned()).chain(removed);
    let waiting = |name: String| {
        let work = store.waiting(&kind_of(&name), 0, limits::NOTICES_AHEAD).map_err(failed)?;
        Ok((name, work))
    };
    names.map(waiting).collect()
}

/// What becomes of a notice that was not handed to any channel yet.
fn addressing(channels: &[Arc<Channel>], work: &Work, now: Time) -> Change {
    let id = work.id;
    let settled = |outcome, why: &str| Change::Settle {
        id,
        over: (now, outcome),
        attempts: 0,
        why: Some(why.to_owned()),
    };
    match serde_json::from_str::<Notice>(&work.body) {
        // Left behind while nobody was there to send it, it would only mislead.
        Ok(notice) if now.since(notice.at) > limits::NOTICE_AGE => {
            settled(Outcome::Overtaken, "older than a day when somebody could have sent it")
        }
        Ok(notice) => Change::HandOn { id, kinds: addressed(channels, &notice) },
        Err(error) => {
            let why = format!("it cannot be read: {error}; it may be of a later release");
            tracing::error!(why, "a notice cannot be sent");
            settled(Outcome::GivenUp, &why)
        }
    }
}

/// The kinds of work that a notice becomes. If no channel is for whom it names, every channel
/// gets it: it is better told too widely than not at all.
fn addressed(channels: &[Arc<Channel>], notice: &Notice) -> Vec<String> {
    let mut takers: Vec<_> = channels.iter().filter(|channel| channel.takes(notice)).collect();
    if takers.is_empty() {
        takers = channels.iter().filter(|channel| channel.takes_topic(notice)).collect();
    }
    takers.into_iter().map(|channel| kind_of(channel.name())).collect()
}

/// What of the waiting work of a channel is sent now.
struct Choice<'a> {
    under_way: &'a UnderWay,
    now: Time,
    /// How many more can be under way.
    room: usize,
    /// Incidents of which something earlier is not over yet.
    behind: BTreeSet<String>,
    due: Vec<(Work, Notice)>,
}

impl<'a> Choice<'a> {
    fn beside(under_way: &'a UnderWay) -> Self {
        Self {
            under_way,
            now: now(),
            room: limits::NOTICES_AT_ONCE.saturating_sub(under_way.ids.len()),
            behind: under_way.incidents.clone(),
            due: Vec::new(),
        }
    }

    /// Goes through the work that comes after what it went through before.
    fn consider(&mut self, waiting: Vec<Work>) {
        for work in waiting {
            if self.under_way.ids.contains(&work.id) {
                continue;
            }
            // One that cannot be read was written by a later release; that one sends it.
            let Ok(notice) = serde_json::from_str::<Notice>(&work.body) else { continue };
            let first = self.behind.insert(notice.incident.clone());
            if !first || work.due > self.now || self.room == 0 {
                continue;
            }
            self.room -= 1;
            self.due.push((work, notice));
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "a metric is a float")]
fn measure(channel: &str, waiting: &[Work]) {
    let oldest = waiting.first().and_then(|work| serde_json::from_str::<Notice>(&work.body).ok());
    let age = oldest.map_or(Span::default(), |notice| now().since(notice.at));
    let channel = channel.to_owned();
    metrics::gauge!("tagout_notices_oldest_waiting_seconds", "channel" => channel.clone())
        .set(age.millis() as f64 / 1000.0);
    metrics::gauge!("tagout_notices_waiting", "channel" => channel).set(waiting.len() as f64);
}

/// What this machine's clock says.
pub(super) fn now() -> Time {
    Clock::default().read(None, None).0
}

#[cfg(test)]
mod tests {
    use tagout_core::command::SharedCommand;
    use tagout_core::notice::Topic;

    use super::*;

    struct NoSearch;

    impl crate::matching::Search for NoSearch {
        fn find(
            &mut self,
            _: &tagout_core::alert::Alert,
        ) -> Result<tagout_core::findings::Findings, Fault> {
            Err(Fault::new("nothing is to be found here"))
        }
    }

    /// How many transactions stand in a write-ahead log
    /// (<https://www.sqlite.org/fileformat2.html#the_write_ahead_log>).
    fn transactions(log: &[u8]) -> usize {
        let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
        if log.is_empty() {
            return 0;
        }
        let frame = 24 + number(8) as usize;
        let frames = (32..log.len()).step_by(frame);
        let current = |at: &usize| log[at + 8..at + 16] == log[16..24];
        // The last frame of a transaction says how large the database is after it.
        frames.take_while(current).filter(|at| number(at + 4) > 0).count()
    }

    #[test]
    fn a_look_at_many_new_notices_is_one_transaction() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tagout.db");
        let store = Store::from(crate::store::SqliteStore::open(&path).unwrap());
        let journal = crate::journal::Journal::open(store).unwrap();
        let policy = tagout_core::policy::EscalationPolicy::parse("").unwrap();
        let runbooks = tagout_core::runbook::Catalogue::new([]).unwrap();
        let mut engine = Engine::new(journal, policy, runbooks, NoSearch);
        for n in 0..20 {
            let by = tagout_core::approval::Person::new("ana").unwrap();
            let ask = if n % 2 == 0 {
                SharedCommand::EngageKillSwitch { by, reason: "drill".into() }
            } else {
                SharedCommand::ReleaseKillSwitch { by, reason: "over".into() }
            };
            engine.ask_shared(ask).unwrap();
        }
        let waiting = engine.journal_mut().storage_mut().waiting(NOTICE, 0, ADDRESSED).unwrap();
        assert_eq!(waiting.len(), 20);
        let beside = rusqlite::Connection::open(&path).unwrap();
        beside.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        look(&mut engine, &[], BTreeSet::new(), true).unwrap();
        let log = std::fs::read(dir.path().join("tagout.db-wal")).unwrap();
        assert_eq!(transactions(&log), 1);
        assert_eq!(engine.journal_mut().storage_mut().latest(i64::MAX, true, 99).unwrap(), []);
    }

    fn work(id: i64, incident: &str, due: i64) -> Work {
        let notice = Notice {
            id: format!("ntc-{id}"),
            topic: Topic::PersonNeeded,
            incident: incident.into(),
            plan: None,
            audiences: BTreeSet::new(),
            severity: None,
            settled: None,
            by: Vec::new(),
            at: Time::from_millis(0),
            entry: 0,
        };
        let body = serde_json::to_string(&notice).unwrap();
        Work { due: Time::from_millis(due), ..Work::new(id, 0, "notice:a", body) }
    }

    fn due(waiting: &[Work], under_way: &UnderWay) -> Vec<i64> {
        let mut choice = Choice::beside(under_way);
        // However it comes, in one piece or in several.
        waiting.chunks(1).for_each(|page| choice.consider(page.to_vec()));
        let mut whole = Choice::beside(under_way);
        whole.consider(waiting.to_vec());
        assert_eq!(choice.due, whole.due);
        choice.due.iter().map(|(work, _)| work.id).collect()
    }

    #[test]
    fn nothing_of_an_incident_overtakes_what_came_before_it() {
        let waiting =
            vec![work(1, "a", i64::MAX), work(2, "a", 0), work(3, "b", 0), work(4, "b", 0)];
        assert_eq!(due(&waiting, &UnderWay::default()), [3]);
        let under_way = UnderWay { ids: [3].into(), incidents: ["b".to_owned()].into() };
        assert_eq!(due(&waiting, &under_way), [0; 0]);
    }

    #[test]
    fn no_more_go_at_once_than_the_limit() {
        let most = i64::try_from(limits::NOTICES_AT_ONCE).unwrap();
        let waiting: Vec<_> = (0..=most).map(|n| work(n, &n.to_string(), 0)).collect();
        assert_eq!(due(&waiting[..1], &UnderWay::default()).len(), 1);
        let all = due(&waiting, &UnderWay::default());
        assert_eq!(all.len(), limits::NOTICES_AT_ONCE);
        let under_way = UnderWay { ids: (100..100 + most).collect(), incidents: BTreeSet::new() };
        assert_eq!(due(&waiting, &under_way).len(), 0);
    }
}
