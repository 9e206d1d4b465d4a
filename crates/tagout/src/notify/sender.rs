//! The sender: takes what waits in the outbox to its channels. Each channel has a queue of its
//! own, so one that does not answer holds up no other; within a channel the notices of one
//! incident go in order, so nothing is ended before it has begun.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tagout_core::command::{Command, SharedCommand};
use tagout_core::limits;
use tagout_core::notice::{Arrival, Notice, NoticeReport, Topic};
use tagout_core::time::{Span, Time};
use tokio::task::{self, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Channel;
use super::client::NotSent;
use super::message::Message;
use crate::clock::Clock;
use crate::engine::{Engine, EngineError};
use crate::fault::Fault;
use crate::journal::NOTICE;
use crate::poll::Leads;
use crate::store::{Outbox as _, Outcome, Store, Work};
use crate::writer::{NotRecorded, Writer};

/// How often the outbox is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often what is over is removed, counted in looks.
const PRUNE_EVERY: u64 = 60;
/// The most that is removed at once.
const PRUNED: usize = 1_000;
/// How many notices are handed to their channels at one look.
const ADDRESSED: usize = 256;
/// How long after the first failed attempt the next one comes; then twice as long each time.
const FIRST_DELAY: Duration = Duration::from_secs(2);
/// The longest time between two attempts.
const LONGEST_DELAY: Duration = Duration::from_secs(15 * 60);
/// How long one attempt may take, whatever it is made of.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait before an outcome that could not be recorded is recorded again.
const RECORD_AGAIN: Duration = Duration::from_secs(2);

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
    channel: usize,
    id: i64,
    incident: String,
}

impl Sender {
    /// Sends for as long as it runs.
    pub(crate) async fn run(self) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut under_way: Vec<UnderWay> =
            self.channels.iter().map(|_| UnderWay::default()).collect();
        let mut tasks = JoinSet::new();
        let mut in_hand: BTreeMap<task::Id, InHand> = BTreeMap::new();
        let mut failing = false;
        let mut looks = 0u64;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                Some(done) = tasks.join_next_with_id() => {
                    let task = match done {
                        Ok((task, ())) => task,
                        Err(error) => {
                            tracing::error!(%error, "sending a notice met a fault of ours");
                            error.id()
                        }
                    };
                    if let Some(done) = in_hand.remove(&task)
                        && let Some(own) = under_way.get_mut(done.channel)
                    {
                        own.ids.remove(&done.id);
                        own.incidents.remove(&done.incident);
                    }
                    continue;
                }
            }
            if !(self.leads)() {
                continue;
            }
            looks += 1;
            let looked = self.look(looks.is_multiple_of(PRUNE_EVERY)).await;
            // Told when it changes, and not once a second for as long as it lasts.
            if looked.is_err() != failing {
                failing = looked.is_err();
                match &looked {
                    Ok(_) => tracing::info!("the outbox can be read again"),
                    Err(error) => tracing::error!(%error, "the outbox cannot be read"),
                }
            }
            let Ok(waiting) = looked else { continue };
            let channels = self.channels.iter().zip(&mut under_way);
            for (n, (work, (channel, own))) in waiting.into_iter().zip(channels).enumerate() {
                measure(channel.name(), &work);
                for (work, notice) in due(work, own) {
                    own.ids.insert(work.id);
                    own.incidents.insert(notice.incident.clone());
                    let (id, incident) = (work.id, notice.incident.clone());
                    let delivery = Delivery {
                        writer: self.writer.clone(),
                        channel: Arc::clone(channel),
                        pages: self.pages.clone(),
                        work,
                        notice,
                    };
                    let task = tasks.spawn(delivery.run()).id();
                    in_hand.insert(task, InHand { channel: n, id, incident });
                }
            }
        }
    }

    /// Hands new notices to their channels, and says what waits for each of these.
    async fn look(&self, prune: bool) -> Result<Vec<Vec<Work>>, String> {
        let channels = self.channels.clone();
        let looked = self.writer.turn(move |engine| look(engine, &channels, prune)).await;
        looked.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
    }
}

fn look(
    engine: &mut Engine<Store>,
    channels: &[Arc<Channel>],
    prune: bool,
) -> Result<Vec<Vec<Work>>, Fault> {
    let failed = |e: crate::store::StoreError| Fault::new(e.to_string());
    let now = now();
    let store = engine.journal_mut().storage_mut();
    for work in store.waiting(NOTICE, ADDRESSED).map_err(failed)? {
        match serde_json::from_str::<Notice>(&work.body) {
            // Left behind while nobody was there to send it, it would only mislead.
            Ok(notice) if now.since(notice.at) > limits::NOTICE_AGE => {
                let over = (now, Outcome::Overtaken);
                let why = "older than a day when somebody could have sent it";
                store.settle(work.id, over, 0, Some(why)).map_err(failed)?;
            }
            Ok(notice) => {
                store.hand_on(work.id, &addressed(channels, &notice)).map_err(failed)?;
            }
            Err(error) => {
                let why = format!("it cannot be read: {error}; it may be of a later release");
                tracing::error!(why, "a notice cannot be sent");
                let over = (now, Outcome::GivenUp);
                store.settle(work.id, over, 0, Some(&why)).map_err(failed)?;
            }
        }
    }
    if prune {
        let before = now.before(limits::NOTICES_KEPT);
        store.prune(before, PRUNED).map_err(failed)?;
    }
    let waiting = |channel: &Arc<Channel>| {
        store.waiting(&kind_of(channel.name()), limits::NOTICES_AHEAD).map_err(failed)
    };
    channels.iter().map(waiting).collect()
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
fn due(waiting: Vec<Work>, under_way: &UnderWay) -> Vec<(Work, Notice)> {
    let now = now();
    let mut room = limits::NOTICES_AT_ONCE.saturating_sub(under_way.ids.len());
    // Incidents of which something earlier is not over yet.
    let mut behind: BTreeSet<String> = under_way.incidents.clone();
    let mut due = Vec::new();
    for work in waiting {
        if under_way.ids.contains(&work.id) {
            continue;
        }
        // One that cannot be read was written by a later release; that one sends it.
        let Ok(notice) = serde_json::from_str::<Notice>(&work.body) else { continue };
        if !behind.insert(notice.incident.clone()) || work.due > now || room == 0 {
            continue;
        }
        room -= 1;
        due.push((work, notice));
    }
    due
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

/// One notice on its way through one channel.
struct Delivery {
    writer: Writer,
    channel: Arc<Channel>,
    pages: Option<String>,
    work: Work,
    notice: Notice,
}

impl Delivery {
    async fn run(self) {
        let attempts = self.work.attempts.saturating_add(1);
        let (notice, pages) = (self.notice.clone(), self.pages.clone());
        let message =
            self.writer.read(move |journal| Message::of(journal, &notice, pages.as_deref())).await;
        let message = match message {
            Ok(Ok(Some(message))) => message,
            Ok(Ok(None)) => {
                self.count("overtaken");
                self.settle(Outcome::Overtaken, self.work.attempts, None).await;
                return;
            }
            // Not the channel's fault, so no attempt of it.
            Ok(Err(error)) => {
                return self.put_off(self.work.attempts, LOOK, &error.to_string()).await;
            }
            Err(error) => return self.put_off(self.work.attempts, LOOK, &error.to_string()).await,
        };
        let sent = timeout(PATIENCE, self.channel.send(&message, now())).await;
        let sent = sent.unwrap_or_else(|_| Err(NotSent::now("it took more than a minute")));
        match sent {
            Ok(receipt) => {
                self.count("delivered");
                self.delivered(attempts, receipt).await;
            }
            Err(error) => self.failed(attempts, error).await,
        }
    }

    /// Records that it arrived. As long as that cannot be recorded it is not sent again from
    /// here, so that people are not told over and over while the log is away.
    async fn delivered(&self, attempts: u32, receipt: String) {
        let receipt = receipt.into();
        self.record(attempts, Arrival::Delivered { receipt }).await;
        if let (Topic::ClockWarning, Some(plan)) = (self.notice.topic, self.notice.plan) {
            // Another channel may have been quicker, or somebody answered: nothing is due then.
            self.ask_until_recorded(Command::ConfirmClockWarning { plan }).await;
        }
        self.settle(Outcome::Done, attempts, None).await;
    }

    async fn failed(&self, attempts: u32, error: NotSent) {
        let age = now().since(self.notice.at);
        let name = self.channel.name();
        if !(error.for_good || is_enough(attempts, age)) {
            self.count("failed");
            let delay = error.wait.unwrap_or_default().max(back_off(attempts, random()));
            tracing::warn!(
                channel = name,
                notice = self.notice.id,
                attempts,
                why = error.why,
                "a notice was not delivered and is sent again"
            );
            return self.put_off(attempts, delay, &error.why).await;
        }
        self.count("given_up");
        tracing::error!(
            channel = name,
            notice = self.notice.id,
            attempts,
            why = error.why,
            "a notice is given up"
        );
        self.record(attempts, Arrival::GivenUp { why: error.why.as_str().into() }).await;
        self.settle(Outcome::GivenUp, attempts, Some(error.why)).await;
    }

    async fn record(&self, attempts: u32, arrival: Arrival) {
        let report = NoticeReport {
            notice: self.notice.id.clone(),
            topic: self.notice.topic,
            channel: self.channel.name().to_owned(),
            plan: self.notice.plan,
            attempts,
            arrival,
        };
        if !self.notice.incident.is_empty() {
            return self.ask_until_recorded(Command::ReportNotice(report)).await;
        }
        while let Err(error) = self.writer.shared(SharedCommand::ReportNotice(report.clone())).await
        {
            if !self.may_be_recorded_later(&error).await {
                return;
            }
        }
    }

    async fn ask_until_recorded(&self, command: Command) {
        while let Err(error) = self.writer.command(&self.notice.incident, command.clone()).await {
            if !self.may_be_recorded_later(&error).await {
                return;
            }
        }
    }

    /// Waits a while, if what could not be recorded may be recorded after it.
    async fn may_be_recorded_later(&self, error: &NotRecorded) -> bool {
        match error {
            NotRecorded::Engine(EngineError::Rejected(why)) => {
                tracing::debug!(notice = self.notice.id, %why, "an outcome is not recorded");
                false
            }
            NotRecorded::Closing => false,
            NotRecorded::Overloaded | NotRecorded::Engine(EngineError::Fault(_)) => {
                tokio::time::sleep(RECORD_AGAIN).await;
                true
            }
        }
    }

    async fn put_off(&self, attempts: u32, delay: Duration, why: &str) {
        let delay = Span::from_millis(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        let (id, due, why) = (self.work.id, now().after(delay), why.to_owned());
        self.note(move |store| store.put_off(id, due, attempts, &why)).await;
    }

    async fn settle(&self, outcome: Outcome, attempts: u32, why: Option<String>) {
        let (id, over) = (self.work.id, (now(), outcome));
        self.note(move |store| store.settle(id, over, attempts, why.as_deref())).await;
    }

    /// Notes something in the outbox, and tries again while that fails: what is not noted is
    /// sent again.
    async fn note(
        &self,
        note: impl Fn(&mut Store) -> Result<(), crate::store::StoreError> + Send + Clone + 'static,
    ) {
        loop {
            let once = note.clone();
            let noted = self.writer.turn(move |engine| {
                once(engine.journal_mut().storage_mut()).map_err(|e| e.to_string())
            });
            match noted.await {
                Ok(Ok(())) | Err(_) => return,
                Ok(Err(_)) => tokio::time::sleep(RECORD_AGAIN).await,
            }
        }
    }

    fn count(&self, outcome: &'static str) {
        let channel = self.channel.name().to_owned();
        metrics::counter!("tagout_notices_total", "channel" => channel, "outcome" => outcome)
            .increment(1);
    }
}

/// Whether a notice was tried often or long enough.
fn is_enough(attempts: u32, age: Span) -> bool {
    attempts >= limits::NOTICE_ATTEMPTS || age > limits::NOTICE_AGE
}

/// How long to wait after so many attempts: twice as long each time, up to a quarter of an hour,
/// and by chance up to half less, so that many do not come back at one moment. `chance` is from
/// 0 to 255.
fn back_off(attempts: u32, chance: u8) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    let whole = (FIRST_DELAY * (1 << doublings)).min(LONGEST_DELAY);
    whole - whole / 2 * u32::from(chance) / 255
}

fn random() -> u8 {
    let mut byte = [0];
    // Without one, all wait for the whole time.
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

fn now() -> Time {
    Clock::default().read(None, None).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_less_and_less_often_and_not_all_at_one_moment() {
        assert_eq!(back_off(1, 0), Duration::from_secs(2));
        assert_eq!(back_off(2, 0), Duration::from_secs(4));
        assert_eq!(back_off(5, 0), Duration::from_secs(32));
        assert_eq!(back_off(5, 255), Duration::from_secs(16));
        assert!(back_off(5, 100) > Duration::from_secs(16));
        assert_eq!(back_off(u32::MAX, 0), LONGEST_DELAY);
    }

    #[test]
    fn a_notice_is_tried_as_often_and_as_long_as_the_limits_say() {
        assert!(!is_enough(limits::NOTICE_ATTEMPTS - 1, limits::NOTICE_AGE));
        assert!(is_enough(limits::NOTICE_ATTEMPTS, Span::default()));
        let later = Span::from_millis(limits::NOTICE_AGE.millis() + 1);
        assert!(is_enough(1, later));
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

    fn ids(due: &[(Work, Notice)]) -> Vec<i64> {
        due.iter().map(|(work, _)| work.id).collect()
    }

    #[test]
    fn nothing_of_an_incident_overtakes_what_came_before_it() {
        let waiting =
            vec![work(1, "a", i64::MAX), work(2, "a", 0), work(3, "b", 0), work(4, "b", 0)];
        assert_eq!(ids(&due(waiting.clone(), &UnderWay::default())), [3]);
        let under_way = UnderWay { ids: [3].into(), incidents: ["b".to_owned()].into() };
        assert_eq!(ids(&due(waiting, &under_way)), [0; 0]);
    }

    #[test]
    fn no_more_go_at_once_than_the_limit() {
        let most = i64::try_from(limits::NOTICES_AT_ONCE).unwrap();
        let waiting: Vec<_> = (0..=most).map(|n| work(n, &n.to_string(), 0)).collect();
        assert_eq!(due(waiting[..1].to_vec(), &UnderWay::default()).len(), 1);
        let all = due(waiting.clone(), &UnderWay::default());
        assert_eq!(all.len(), limits::NOTICES_AT_ONCE);
        let under_way = UnderWay { ids: (100..100 + most).collect(), incidents: BTreeSet::new() };
        assert_eq!(due(waiting, &under_way).len(), 0);
    }
}
