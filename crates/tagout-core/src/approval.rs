//! The approval gate: who has reviewed a plan, and what their reviews add up to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::actor::{Actor, Role};
use crate::chain::{Chain, Climbed, Due};
use crate::digest::PlanDigest;
use crate::entitlement::Approvers;
use crate::limits;
use crate::owner::{FirstUses, SpokenFor};
use crate::quorum;
use crate::text::{FreeText, is_invisible};
use crate::tier::Tier;
use crate::time::Time;
use crate::verdict::Mode;

/// Somebody who can be held to a decision. Names are compared without regard to case: "Ana"
/// and "ana" are not two people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Person(String);

impl Person {
    /// A person by name.
    ///
    /// # Errors
    /// If the name is empty, too long, or holds control characters.
    pub fn new(name: &str) -> Result<Self, NotAPerson> {
        let name = name.trim();
        let bad = name.is_empty()
            || name.len() > limits::NAME_BYTES
            || name.chars().any(|c| c.is_control() || is_invisible(c));
        if bad { Err(NotAPerson) } else { Ok(Self(name.to_lowercase())) }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Person {
    type Error = NotAPerson;
    fn try_from(name: String) -> Result<Self, NotAPerson> {
        Self::new(&name)
    }
}

impl From<Person> for String {
    fn from(person: Person) -> String {
        person.0
    }
}

/// A name that stands for nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a person's name must be 1 to 256 bytes without control or invisible characters")]
pub struct NotAPerson;

/// What a plan needs from people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewRequest {
    /// The plan, by all that an approval binds.
    pub plan: PlanDigest,
    /// What the plan would be run as.
    pub mode: Mode,
    /// Its tier.
    pub tier: Tier,
    /// How many different people must approve. Frozen here: a later policy does not lower it.
    pub quorum: u32,
    /// How many of each group must be among them. Whoever is in two groups counts for one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, u32>,
    /// Who may approve at all.
    #[serde(default, skip_serializing_if = "Approvers::is_everybody")]
    pub approvers: Approvers,
    /// Who answers for the runbook: a group, or a person, who then counts as one of theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The owners whom a first use on the target needs, each with who speaks for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub first_use: FirstUses,
    /// Whom to ask first: groups or rotas; whoever may approve if empty.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ask: BTreeSet<String>,
    /// Who else is asked while nobody answers, and when people are warned of the end.
    #[serde(default, skip_serializing_if = "Chain::is_empty")]
    pub chain: Chain,
    /// Who asked for the plan, if a person did. They cannot approve it, but for
    /// `author_counts` and by breaking the glass.
    pub requested_by: Option<Person>,
    /// Whether asking for it counts as their approval: of a plan of the agent's own, at low or
    /// medium tier, it only leaves actions out or moves values to their safer side.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub author_counts: bool,
    /// When the request could first be answered.
    pub opened_at: Time,
    /// When it lapses.
    pub expires_at: Time,
}

impl ReviewRequest {
    /// The fewest people who can grant it together: the quorum, or as many as its groups need
    /// if these are more.
    #[must_use]
    pub fn least_people(&self) -> u32 {
        quorum::least(self.quorum, &self.groups)
    }
}

/// What a reviewer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Do exactly this.
    Approve,
    /// Do not.
    Reject,
}

/// One person's answer to one plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Who.
    pub reviewer: Person,
    /// What.
    pub answer: Answer,
    /// The digest of the plan that the reviewer had before them.
    pub plan: PlanDigest,
    /// The mode that the reviewer had before them.
    pub mode: Mode,
    /// Why, in their words.
    pub reason: FreeText,
    /// What the reviewer was trusted with when they answered. Release 0.1 did not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// For which groups the reviewer spoke when they answered.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<String>,
    /// With which others it was given in one go, if it was: the same for all of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
}

impl Review {
    /// The answer of `actor` to the plan that was before them.
    #[must_use]
    pub fn by(
        actor: Actor,
        answer: Answer,
        (plan, mode): (PlanDigest, Mode),
        reason: FreeText,
    ) -> Self {
        let Actor { person: reviewer, role, groups } = actor;
        Self { reviewer, answer, plan, mode, reason, role: Some(role), groups, batch: None }
    }
}

/// Why a review was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The review is of another plan, or of an earlier state of this one.
    #[error("the plan has changed since it was shown; read it again")]
    OtherPlan,
    /// The reviewer saw another mode.
    #[error("the plan is not for the mode that was shown; read it again")]
    OtherMode,
    /// One person, one review.
    #[error("this person has already answered")]
    AlreadyAnswered,
    /// Nobody approves what they asked for.
    #[error("nobody approves a plan that they asked for; another person must")]
    OwnRequest,
    /// The policy's rules let others approve such a plan.
    #[error("the policy lets others approve this plan, not you; its [[approve]] rules say whom")]
    NotEntitled,
    /// It came in a batch, and such plans are answered one by one.
    #[error("plans of this runbook are approved unread too often; answer them one by one")]
    OneByOne,
    /// The request has lapsed.
    #[error("the request has lapsed without an answer; the plan is void")]
    Lapsed,
    /// The gate has already closed.
    #[error("the plan has already been decided")]
    Decided,
}

/// What the reviews add up to at some instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tally {
    /// More people are needed.
    Waiting {
        /// How many have approved.
        have: u32,
        /// How many must: those who have, and the fewest that would do besides.
        need: u32,
    },
    /// Enough people approve and nobody objects.
    Granted(QuorumGrant),
    /// Somebody objects.
    Denied {
        /// Who.
        by: Person,
    },
    /// Nobody decided in time. Not a refusal, and never an approval.
    TimedOut,
}

/// Proof that a quorum granted a plan. Made by [`ApprovalGate::tally`] and by nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumGrant {
    gate: Box<ApprovalGate>,
    people: Vec<Person>,
}

impl QuorumGrant {
    /// The plan that is granted.
    #[must_use]
    pub const fn plan(&self) -> PlanDigest {
        self.gate.request.plan
    }

    /// What it may be run as.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.gate.request.mode
    }

    /// Who granted it.
    #[must_use]
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// Whether the reviews still add up to it under the rule that was frozen when people were
    /// asked, if those of people who are not `trusted` any more do not count. Counted anew
    /// from the reviews, as before each start.
    #[must_use]
    pub fn stands(&self, trusted: impl Fn(&Person) -> bool) -> bool {
        let mut gate = (*self.gate).clone();
        gate.reviews.retain(|(review, _)| trusted(&review.reviewer));
        matches!(gate.tally(gate.request.opened_at), Tally::Granted(_))
    }
}

/// A gate in front of one plan: it opens for a quorum of distinct people and closes for one
/// objection. It knows no clock and no store; put it in front of anything that must not
/// happen before people agree.
///
/// ```
/// use tagout_core::actor::{Actor, Role};
/// use tagout_core::approval::{Answer, ApprovalGate, Person, Review, ReviewRequest, Tally};
/// use tagout_core::{digest::PlanDigest, tier::Tier, time::Time, verdict::Mode};
///
/// let plan = PlanDigest::of_bytes(b"restart db-1");
/// let now = Time::from_millis(0);
/// let mut gate = ApprovalGate::open(ReviewRequest {
///     plan, mode: Mode::DryRun, tier: Tier::High, quorum: 1,
///     groups: [("database".to_owned(), 1)].into(), approvers: Default::default(),
///     owner: None, first_use: Default::default(), ask: Default::default(), chain: Default::default(),
///     requested_by: None, author_counts: false,
///     opened_at: now, expires_at: Time::from_millis(60_000),
/// });
/// let ana = Actor {
///     person: Person::new("ana").unwrap(), role: Role::Approver,
///     groups: ["database".to_owned()].into(),
/// };
/// let seen = (plan, Mode::DryRun);
/// let review = Review::by(ana, Answer::Approve, seen, "looked at the graphs".into());
/// gate.take(review, now).unwrap();
/// assert!(matches!(gate.tally(now), Tally::Granted(_)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalGate {
    request: ReviewRequest,
    reviews: Vec<(Review, Time)>,
    climbed: Climbed,
    broken_by: Option<Person>,
}

impl ApprovalGate {
    /// A gate that nobody has answered yet.
    #[must_use]
    pub const fn open(request: ReviewRequest) -> Self {
        Self {
            request,
            reviews: Vec::new(),
            climbed: Climbed { rungs: 0, warned: false },
            broken_by: None,
        }
    }

    /// What is asked.
    #[must_use]
    pub const fn request(&self) -> &ReviewRequest {
        &self.request
    }

    /// The answers so far, in order.
    pub fn reviews(&self) -> impl Iterator<Item = (&Review, Time)> {
        self.reviews.iter().map(|(review, at)| (review, *at))
    }

    /// Who broke its glass, if somebody did: then their approval alone is enough.
    #[must_use]
    pub const fn broken_by(&self) -> Option<&Person> {
        self.broken_by.as_ref()
    }

    /// Somebody entitled breaks its glass.
    ///
    /// # Errors
    /// If it is decided, lapsed or broken already.
    pub fn break_glass(&mut self, by: Person, now: Time) -> Result<(), Refusal> {
        match self.tally(now) {
            Tally::Waiting { .. } if self.broken_by.is_none() => self.broken_by = Some(by),
            Tally::TimedOut => return Err(Refusal::Lapsed),
            _ => return Err(Refusal::Decided),
        }
        Ok(())
    }

    /// How far the request has come on its chain of escalation.
    #[must_use]
    pub const fn climbed(&self) -> Climbed {
        self.climbed
    }

    /// What its chain of escalation calls for at `now`, while people are still asked.
    #[must_use]
    pub fn due(&self, now: Time) -> Option<Due<'_>> {
        let ReviewRequest { chain, opened_at, expires_at, .. } = &self.request;
        let open = matches!(self.tally(now), Tally::Waiting { .. });
        chain.due(self.climbed, (*opened_at, *expires_at), now).filter(|_| open)
    }

    /// Notes that what was due is done.
    pub fn climb(&mut self, rung: bool) {
        if rung {
            self.climbed.rungs += 1;
        } else {
            self.climbed.warned = true;
        }
    }

    /// Whether `review` would be taken at `now`.
    ///
    /// # Errors
    /// Why it would not.
    pub fn consider(&self, review: &Review, now: Time) -> Result<(), Refusal> {
        match self.tally(now) {
            Tally::Waiting { .. } => {}
            Tally::TimedOut => return Err(Refusal::Lapsed),
            Tally::Granted(_) | Tally::Denied { .. } => return Err(Refusal::Decided),
        }
        if review.plan != self.request.plan {
            return Err(Refusal::OtherPlan);
        }
        if review.mode != self.request.mode {
            return Err(Refusal::OtherMode);
        }
        if self.reviews.iter().any(|(earlier, _)| earlier.reviewer == review.reviewer) {
            return Err(Refusal::AlreadyAnswered);
        }
        if review.answer == Answer::Approve && !self.may_count(&review.reviewer) {
            return Err(Refusal::OwnRequest);
        }
        if review.answer == Answer::Approve && !self.may_approve(review) {
            return Err(Refusal::NotEntitled);
        }
        Ok(())
    }

    /// Takes a review.
    ///
    /// # Errors
    /// As [`ApprovalGate::consider`]; the gate is then unchanged.
    pub fn take(&mut self, review: Review, now: Time) -> Result<(), Refusal> {
        self.consider(&review, now)?;
        self.reviews.push((review, now));
        Ok(())
    }

    /// What the reviews add up to at `now`.
    #[must_use]
    pub fn tally(&self, now: Time) -> Tally {
        if let Some((review, _)) = self.reviews.iter().find(|(r, _)| r.answer == Answer::Reject) {
            return Tally::Denied { by: review.reviewer.clone() };
        }
        let counted = self.counted();
        let (have, lacking) = (count(counted.len()), self.lacking(&counted));
        if lacking == 0 {
            let mut people: Vec<_> = counted.iter().map(|r| r.reviewer.clone()).collect();
            people.sort();
            return Tally::Granted(QuorumGrant { gate: Box::new(self.clone()), people });
        }
        if now >= self.request.expires_at {
            return Tally::TimedOut;
        }
        Tally::Waiting { have, need: have.saturating_add(lacking) }
    }

    /// How many people it takes in all: those who have approved, and the fewest that would do
    /// besides. One if its glass is broken and nobody else has approved.
    #[must_use]
    pub fn needed(&self) -> u32 {
        let counted = self.counted();
        count(counted.len()).saturating_add(self.lacking(&counted))
    }

    /// How many of each group must still approve, those placed who have.
    #[must_use]
    pub fn missing(&self) -> BTreeMap<String, u32> {
        self.missing_beside(&self.counted())
    }

    /// The approvals that count: everything is asked anew of every review, and each person
    /// counts once.
    fn counted(&self) -> Vec<&Review> {
        let request = &self.request;
        let mut people = BTreeSet::new();
        let reviews = self.reviews.iter().map(|(review, _)| review);
        reviews
            .filter(|r| r.answer == Answer::Approve)
            .filter(|r| r.plan == request.plan && r.mode == request.mode)
            .filter(|r| self.may_count(&r.reviewer))
            .filter(|r| self.may_approve(r))
            .filter(|r| people.insert(&r.reviewer))
            .collect()
    }

    fn missing_beside(&self, counted: &[&Review]) -> BTreeMap<String, u32> {
        let people: Vec<BTreeSet<&str>> = counted.iter().map(|r| self.groups_of(r)).collect();
        quorum::missing(&self.request.groups, &people)
    }

    /// Whether an approval of this person may count: nobody approves what they asked for, unless
    /// asking counts or they broke the glass.
    #[must_use]
    pub fn may_count(&self, reviewer: &Person) -> bool {
        self.request.author_counts
            || self.request.requested_by.as_ref() != Some(reviewer)
            || self.broken_by.as_ref() == Some(reviewer)
    }

    fn may_approve(&self, review: &Review) -> bool {
        self.request.approvers.include(review) || self.broken_by.as_ref() == Some(&review.reviewer)
    }

    /// The groups that the reviewer counts for. An owner who is a person and no group counts
    /// for what is demanded of the owner, and an admin for one whom nobody could speak for.
    fn groups_of<'r>(&'r self, review: &'r Review) -> BTreeSet<&'r str> {
        let is = |name: &str| Person::new(name).is_ok_and(|owner| owner == review.reviewer);
        let own = self.request.owner.as_deref().filter(|owner| is(owner));
        let first = self.request.first_use.iter().filter(|(owner, by)| {
            is(owner) || (**by == SpokenFor::Admin && review.role == Some(Role::Admin))
        });
        let first = first.map(|(owner, _)| owner.as_str());
        review.groups.iter().map(String::as_str).chain(own).chain(first).collect()
    }

    /// The fewest people that would do besides those who have approved.
    fn lacking(&self, counted: &[&Review]) -> u32 {
        if let Some(alone) = &self.broken_by {
            return u32::from(!counted.iter().any(|r| r.reviewer == *alone));
        }
        let more = self.request.quorum.max(1).saturating_sub(count(counted.len()));
        let missing = self.missing_beside(counted);
        more.max(quorum::places(&missing))
    }
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
