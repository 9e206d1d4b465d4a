//! One notice on its way through one channel: an attempt, and what came of it.

use std::sync::Arc;
use std::time::Duration;

use tagout_core::command::{Command, SharedCommand};
use tagout_core::limits;
use tagout_core::notice::{Arrival, Notice, NoticeReport, Topic};
use tagout_core::time::Span;
use tokio::time::timeout;

use super::Channel;
use super::client::NotSent;
use super::message::Message;
use super::sender::{LOOK, REMOVED, now};
use crate::engine::EngineError;
use crate::store::{Change, Outcome, Work};
use crate::writer::{NotRecorded, Writer};

/// How long after the first failed attempt the next one comes; then twice as long each time.
const FIRST_DELAY: Duration = Duration::from_secs(2);
/// The longest time between two attempts.
const LONGEST_DELAY: Duration = Duration::from_secs(15 * 60);
/// How long one attempt may take, whatever it is made of.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait before an outcome that could not be recorded is recorded again.
const RECORD_AGAIN: Duration = Duration::from_secs(2);

/// One notice on its way through one channel.
pub(super) struct Delivery {
    pub(super) writer: Writer,
    /// What the channel is called.
    pub(super) name: String,
    /// The channel, if it is still configured.
    pub(super) channel: Option<Arc<Channel>>,
    pub(super) pages: Option<String>,
    pub(super) work: Work,
    pub(super) notice: Notice,
}

impl Delivery {
    /// Makes an attempt, and says what became of the work.
    pub(super) async fn run(self) -> Change {
        let attempts = self.work.attempts.saturating_add(1);
        let message = Message::of(&self.writer, &self.notice, self.pages.as_deref()).await;
        let message = match message {
            Ok(Some(message)) => message,
            Ok(None) => {
                self.count("overtaken");
                return self.settle(Outcome::Overtaken, self.work.attempts, None);
            }
            // Not the channel's fault, so no attempt of it.
            Err(error) => return self.put_off(self.work.attempts, LOOK, error.to_string()),
        };
        let Some(channel) = &self.channel else {
            return self.failed(self.work.attempts, NotSent::ever(REMOVED)).await;
        };
        let sent = timeout(PATIENCE, channel.send(&message, now())).await;
        let sent = sent.unwrap_or_else(|_| Err(NotSent::now("it took more than a minute")));
        match sent {
            Ok(receipt) => {
                self.count("delivered");
                self.delivered(attempts, receipt).await
            }
            Err(error) => self.failed(attempts, error).await,
        }
    }

    /// Records that it arrived. As long as that cannot be recorded it is not sent again from
    /// here, so that people are not told over and over while the log is away.
    async fn delivered(&self, attempts: u32, receipt: String) -> Change {
        let receipt = receipt.into();
        self.record(attempts, Arrival::Delivered { receipt }).await;
        if let (Topic::ClockWarning, Some(plan)) = (self.notice.topic, self.notice.plan) {
            // Another channel may have been quicker, or somebody answered: nothing is due then.
            self.ask_until_recorded(Command::ConfirmClockWarning { plan }).await;
        }
        self.settle(Outcome::Done, attempts, None)
    }

    async fn failed(&self, attempts: u32, error: NotSent) -> Change {
        let age = now().since(self.notice.at);
        let name = self.name.as_str();
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
            return self.put_off(attempts, delay, error.why);
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
        self.settle(Outcome::GivenUp, attempts, Some(error.why))
    }

    async fn record(&self, attempts: u32, arrival: Arrival) {
        let report = NoticeReport {
            notice: self.notice.id.clone(),
            topic: self.notice.topic,
            channel: self.name.clone(),
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

    fn put_off(&self, attempts: u32, delay: Duration, why: String) -> Change {
        let delay = Span::from_millis(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        Change::PutOff { id: self.work.id, due: now().after(delay), attempts, why }
    }

    fn settle(&self, outcome: Outcome, attempts: u32, why: Option<String>) -> Change {
        Change::Settle { id: self.work.id, over: (now(), outcome), attempts, why }
    }

    fn count(&self, outcome: &'static str) {
        let channel = self.name.clone();
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
}
