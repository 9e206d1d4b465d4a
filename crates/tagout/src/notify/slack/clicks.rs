//! What comes of a click: whoever clicked is found, held to the same rules as everywhere else,
//! and told what came of it where nobody else sees it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tagout_core::actor::{Act, Actor};
use tagout_core::approval::{Answer, Person};
use tagout_core::event::NotLet;
use tagout_core::limits;
use tagout_core::text::FreeText;
use tagout_core::tier::Tier;
use tagout_core::time::Time;
use tokio::sync::Semaphore;

use super::Slack;
use super::click::{Click, NotAClick};
use super::signature::Signed;
use crate::access::rates::{Rate, RateLimit, network};
use crate::asks::{Asks, IncidentAsk};
use crate::clock::now;
use crate::notify::Channel;
use crate::rota::Rotas;
use crate::writer::Writer;

/// How often one user of Slack may click.
const CLICKS: Rate = Rate { burst: 30, pause: Duration::from_secs(2) };
/// How often an address may send what Slack has not signed. What Slack has signed is taken from
/// there all the same: a forger behind the same proxy keeps nobody from saying no.
const FORGED: Rate = Rate { burst: 10, pause: Duration::from_secs(5) };

/// Takes clicks from every conversation that is configured.
pub(crate) struct Clicks {
    conversations: Vec<Arc<Channel>>,
    asks: Asks,
    writer: Writer,
    rotas: Arc<Rotas>,
    room: Arc<Semaphore>,
    users: RateLimit<String>,
    forgers: RateLimit<IpAddr>,
    pages: Option<String>,
}

/// Why a click was not taken.
#[derive(Debug)]
pub(crate) enum NotTaken {
    /// It is not Slack's, or no conversation takes clicks.
    Unsigned,
    /// It is Slack's and cannot be read.
    Unreadable(NotAClick),
    /// Too many are being decided.
    Overloaded,
    /// Too many of one user; the next one after this time.
    TooOften(Duration),
}

/// What was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// A click of somebody who is known, or nothing that asks for something.
    Good,
    /// A click of somebody whom nobody knows here; they are told so.
    Unknown,
}

impl Clicks {
    pub(crate) fn new(
        channels: &[Arc<Channel>],
        (asks, writer): (Asks, Writer),
        rotas: Arc<Rotas>,
        pages: Option<String>,
    ) -> Self {
        let conversations = channels.iter().filter(|channel| channel.slack().is_some()).cloned();
        Self {
            conversations: conversations.collect(),
            asks,
            writer,
            rotas,
            room: Arc::new(Semaphore::new(limits::INTERACTIONS)),
            users: RateLimit::new(CLICKS, limits::RATES),
            forgers: RateLimit::new(FORGED, limits::RATES),
            pages,
        }
    }

    /// Takes a request. What is clicked is decided after this has returned: Slack waits for
    /// three seconds, and a person for as long as it takes.
    ///
    /// # Errors
    /// If it is not taken; then nothing comes of it.
    pub(crate) fn take(
        self: &Arc<Self>,
        signed: &Signed<'_>,
        now: Time,
    ) -> Result<Taken, NotTaken> {
        let signers: Vec<_> =
            self.conversations.iter().filter(|one| is_signed(one, signed, now)).collect();
        if signers.is_empty() {
            return Err(NotTaken::Unsigned);
        }
        let Some(click) = Click::read(signed.body).map_err(NotTaken::Unreadable)? else {
            return Ok(Taken::Good);
        };
        // One Slack may hold several of our conversations; a click belongs to one.
        let its = |one: &&&Arc<Channel>| {
            one.slack().is_some_and(|slack| slack.conversation() == click.conversation)
        };
        let Some(channel) = signers.iter().find(its) else {
            return Err(NotTaken::Unreadable(NotAClick("it comes from another conversation")));
        };
        let paced = self.users.take(&click.user, Instant::now());
        paced.map_err(NotTaken::TooOften)?;
        let place = Arc::clone(&self.room).try_acquire_owned();
        let place = place.map_err(|_| NotTaken::Overloaded)?;
        let actor = channel.slack().and_then(|slack| self.actor(slack.person(&click.user)?));
        let taken = if actor.is_some() { Taken::Good } else { Taken::Unknown };
        let (clicks, channel) = (Arc::clone(self), Arc::clone(channel));
        tokio::spawn(async move {
            let Some(slack) = channel.slack() else { return };
            let words = match actor {
                Some(actor) => clicks.decide(slack, &actor, &click).await,
                None => NOBODY.into(),
            };
            if let Err(error) = slack.whisper(&click.user, &words).await {
                tracing::warn!(
                    channel = channel.name(),
                    why = error.why,
                    "a click is not answered"
                );
            }
            drop(place);
        });
        Ok(taken)
    }

    /// Counts what Slack has not signed against the address that it comes from.
    ///
    /// # Errors
    /// After what time the next one counts as one of a few.
    pub(crate) fn forged(&self, from: IpAddr) -> Result<(), Duration> {
        self.forgers.take(&network(from), Instant::now())
    }

    /// Asks for what was clicked, and says what came of it.
    async fn decide(&self, slack: &Slack, actor: &Actor, click: &Click) -> String {
        if click.answer == Answer::Approve {
            match self.tier(click).await {
                Some(tier) if !slack.approves(tier) => {
                    let incident = Some(click.incident.as_str());
                    self.asks.note_refused(actor, Act::Review, incident, NotLet::Click).await;
                    let place = self.pages.as_ref().map(|pages| {
                        format!(": {}/incidents/{}", pages.trim_end_matches('/'), click.incident)
                    });
                    return format!(
                        "A plan of {tier} tier is approved on its page and not by a click, so \
                         nothing was decided{}",
                        place.unwrap_or_default()
                    );
                }
                Some(_) => {}
                None => return "This plan does not wait for an answer any more.".into(),
            }
        }
        let ask = IncidentAsk::Answer {
            plan: click.plan,
            mode: click.mode,
            answer: click.answer,
            reason: FreeText::default(),
        };
        match self.asks.incident(actor, &click.incident, ask).await {
            Ok(_) => match (click.answer, self.open(click).await) {
                (Answer::Reject, _) => "Your rejection is recorded.".into(),
                (Answer::Approve, true) => {
                    "Your approval is recorded; others have to approve as well.".into()
                }
                (Answer::Approve, false) => "Your approval is recorded.".into(),
            },
            Err(error) => {
                // What is an attempt is in the log besides.
                tracing::info!(person = actor.person.name(), %error, "a click comes to nothing");
                format!("Nothing was decided: {error}.")
            }
        }
    }

    /// A known person as somebody who asks: with the role they have now, the groups they belong
    /// to and the rotas they are on duty for.
    fn actor(&self, person: &Person) -> Option<Actor> {
        let mut actor = self.writer.people().actor(person)?;
        actor.groups.extend(self.rotas.groups_of(&actor.person, now()));
        Some(actor)
    }

    /// The tier of the plan that was clicked, if it waits for people.
    async fn tier(&self, click: &Click) -> Option<Tier> {
        let (id, plan) = (click.incident.clone(), click.plan);
        let tier = self.writer.read(move |journal| {
            let (proposal, gate) = journal.incident(&id).waiting()?;
            (proposal.digest == plan).then(|| gate.request().tier)
        });
        tier.await.ok().flatten()
    }

    /// Whether the plan that was clicked still waits.
    async fn open(&self, click: &Click) -> bool {
        self.tier(click).await.is_some()
    }
}

/// What somebody is told whom nobody knows.
const NOBODY: &str = "You are not known to Tagout, so nothing was decided. An administrator has \
                      to enter you and your Slack user id.";

fn is_signed(channel: &Arc<Channel>, signed: &Signed<'_>, now: Time) -> bool {
    channel.slack().is_some_and(|slack| slack.signed(signed, now))
}
