//! Everything that can be recorded, in the past tense. The journal is the audit log: state
//! changes by these and by nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::actor::{Act, Role};
use crate::afterwards::Hindsight;
use crate::alert::{Alert, Severity};
use crate::approval::{Person, Refusal, Review, ReviewRequest};
use crate::calm::CalmKind;
use crate::condition::Condition;
use crate::deadline::ClockWait;
use crate::digest::{
    AlertIdentity, CatalogueDigest, DeliveryDigest, EvidenceDigest, PlanDigest, PolicyDigest,
    RunbookDigest, TokenDigest,
};
use crate::findings::Findings;
use crate::handling::Handled;
use crate::matcher::LabelMatcher;
use crate::notice::Topic;
use crate::people::{Identity, Proof, SignInRefusal};
use crate::plan::Plan;
use crate::policy::{EscalationPolicy, SeverityReading};
use crate::stale::Changed;
use crate::text::FreeText;
use crate::tier::Tier;
use crate::time::{Span, Time};
use crate::verdict::{Mode, PolicyInput, Verdict};

/// Why an alert was closed before any search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriagedAway {
    /// The sender says the condition is over.
    Resolved,
    /// The sender holds it back by a silence or an inhibition.
    Suppressed,
    /// One of our own silences holds.
    Silenced(String),
    /// A maintenance window holds.
    Maintenance(String),
    /// Its severity is informational.
    Informational,
    /// An alert with an open incident holds it back.
    Inhibited {
        /// That incident.
        by: String,
    },
    /// Its text reports a normal state, a finished change or an announcement.
    ReportsCalm {
        /// Which of these.
        calm: CalmKind,
        /// The words that say so.
        phrase: FreeText,
    },
}

impl TriagedAway {
    /// Whether the alert is held back for a time: it is looked at again when that is over,
    /// whether its sender repeats it or not.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        matches!(self, Self::Silenced(_) | Self::Maintenance(_) | Self::Inhibited { .. })
    }
}

/// Why a person is needed although there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonNeeded {
    /// Nothing known matches.
    NoRunbook,
    /// Its severity is high, its text says all is well: no plan, but somebody looks.
    ReportsCalm {
        /// Which kind of text.
        calm: CalmKind,
        /// The words that say so.
        phrase: FreeText,
    },
    /// The matching runbook could not be bound to the alert.
    CannotBind {
        /// The runbook.
        runbook: String,
        /// Why.
        why: FreeText,
    },
    /// So many alerts came at once that they stand for one outage. No plan is made for a
    /// target out of many.
    Storm(Gathering),
    /// A source sends what cannot be read; alerts may be lost in it.
    Unreadable {
        /// The source.
        source: String,
    },
}

/// For what an incident stands besides the alert that opened it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gathering {
    /// For every further alert of one name and severity.
    SameName {
        /// The name.
        name: String,
        /// The severity.
        severity: Severity,
    },
    /// For every further alert of one severity.
    Everything {
        /// The severity.
        severity: Severity,
    },
    /// For one alert that begins and ends again and again.
    Flapping {
        /// How often it had begun within the window.
        starts: u32,
    },
}

/// An alert of a delivery that went into an incident without changing it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldedAlert {
    /// The fault it is about.
    pub identity: AlertIdentity,
    /// The incident.
    pub incident: String,
    /// What it was to it.
    pub how: Fold,
}

/// What an alert was to the incident it went into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fold {
    /// It had been delivered before.
    Repeated,
    /// It is new and belongs to what the incident stands for. The text `joined` of the event
    /// says which alert it is.
    Joined {
        /// What its severity counts as.
        severity: Severity,
        /// When it began, by the sender's clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        began: Option<Time>,
    },
    /// It has ended, at this time if the sender says so; others of the incident go on.
    Ended(Option<Time>),
    /// It fires again in an incident that is still open, or its sender says that it began
    /// anew without having said that it ended; since this time, if the sender says so.
    Returned(Option<Time>),
    /// It tells of something that was over already when it came.
    Late,
}

/// What triage decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Triage {
    /// Closed, with the reason.
    Away(TriagedAway),
    /// No plan, but a person.
    Person(PersonNeeded),
    /// A runbook is to be found.
    Search,
}

/// Why a plan may no longer run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoidReason {
    /// A reviewer rejected it.
    Rejected {
        /// Who.
        by: Person,
    },
    /// Nobody decided in time. Not a refusal.
    TimedOut,
    /// A person made another plan of it.
    Modified {
        /// The plan that takes its place.
        by_plan: PlanDigest,
    },
    /// The alert ended.
    AlertEnded,
    /// The alert came back with a higher severity.
    AlertWorsened,
    /// A person took back the grant.
    Revoked {
        /// Who.
        by: Person,
    },
    /// What it rested on has changed.
    Stale {
        /// What.
        what: BTreeSet<Changed>,
    },
}

/// Who granted a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantedBy {
    /// The policy: PROCEED.
    Policy,
    /// People.
    Quorum(Vec<Person>),
    /// The clock: a delivered warning and an uninterrupted wait.
    Clock {
        /// Since when the wait was uninterrupted.
        waited_from: Time,
        /// How many actions that starts without a person, charged to the tier's budget.
        actions: u32,
        /// Whose budget that is.
        scope: String,
    },
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// It did what it should.
    Succeeded,
    /// It did not.
    Failed,
    /// It was stopped at its time-out.
    TimedOut,
    /// It was stopped by the kill switch, a revoke or a shutdown.
    Stopped,
}

/// How a plan ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanOutcome {
    /// Every step was shown as it would run; nothing was started.
    Rehearsed,
    /// Every step succeeded.
    Completed,
    /// A step failed.
    Failed,
}

/// What a person found out about a step whose end nobody recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepFinding {
    /// It ran.
    Ran,
    /// It did not.
    DidNotRun,
}

/// What a window keeps quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowKind {
    /// Planned work.
    Maintenance,
    /// A person's decision not to hear of it.
    Silence,
}

/// One alert of a delivery that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlawedAlert {
    /// Its place in the delivery, from 0.
    pub index: u64,
    /// What is wrong with it.
    pub flaw: FreeText,
}

/// Why somebody who is known was not let.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotLet {
    /// Their role does not let them; this was it.
    Role(Role),
}

/// How often somebody was not let, beyond what is recorded one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedAsks {
    /// Who tried.
    pub by: Person,
    /// What they asked to do.
    pub act: Act,
    /// How often.
    pub times: u64,
}

/// Something that happened. Fields are added with a default, never renamed or removed; a
/// change of meaning makes a new kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "events are moved once and stored as bytes")]
pub enum Event {
    // What spans incidents.
    /// A policy came into force. It is recorded whole, so that decisions can be repeated.
    PolicyLoaded {
        /// Its digest.
        digest: PolicyDigest,
        /// The policy.
        policy: EscalationPolicy,
        /// The policy whose place it takes; none if it is the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<PolicyDigest>,
    },
    /// A set of runbooks came into force.
    CatalogueLoaded {
        /// Its digest.
        digest: CatalogueDigest,
        /// How many runbooks it holds.
        runbooks: u64,
        /// The set whose place it takes; none if it is the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<CatalogueDigest>,
    },
    /// A delivery arrived.
    DeliveryReceived {
        /// The digest of its body.
        delivery: DeliveryDigest,
        /// In which format it was read.
        format: String,
        /// How many alerts it held.
        alerts: u64,
        /// Those that could not be read, the first hundred of them.
        flawed: Vec<FlawedAlert>,
        /// How many the sender left out.
        truncated: u64,
        /// Those that went into incidents without changing them, or the first of these. All
        /// others have events of their own in the same append. Of a big delivery, only its last
        /// part is told here; those before it stand in [`Event::DeliveryPartReceived`].
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        folded: Vec<FoldedAlert>,
        /// The alerts that joined an incident, one a line in the order of `folded`: the name,
        /// a tab, and what it is about.
        #[serde(default, skip_serializing_if = "FreeText::is_empty")]
        joined: FreeText,
    },
    /// Some alerts of a delivery that is too big for one append were taken in. Its sender is told
    /// that it was received after [`Event::DeliveryReceived`] only. If that does not follow,
    /// the sender sent it again, or somebody stopped in between and the rest never came.
    DeliveryPartReceived {
        /// The digest of the whole body.
        delivery: DeliveryDigest,
        /// In which format it was read.
        format: String,
        /// How many alerts the whole delivery held.
        alerts: u64,
        /// The place in the delivery of the first alert of this part, from 0.
        from: u64,
        /// The place after the last one's.
        until: u64,
        /// Those of this part that could not be read, the first hundred of them.
        flawed: Vec<FlawedAlert>,
        /// As in [`Event::DeliveryReceived`].
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        folded: Vec<FoldedAlert>,
        /// As in [`Event::DeliveryReceived`].
        #[serde(default, skip_serializing_if = "FreeText::is_empty")]
        joined: FreeText,
    },
    /// Alerts went into incidents without changing them: more than the delivery's own event
    /// holds, or found when what was held back was looked at again.
    AlertsFolded {
        /// The delivery they came with.
        delivery: DeliveryDigest,
        /// The alerts.
        folded: Vec<FoldedAlert>,
        /// Those that joined an incident, as in a delivery's own event.
        #[serde(default, skip_serializing_if = "FreeText::is_empty")]
        joined: FreeText,
    },
    /// A delivery of a known source could not be read. It is kept, so that it can be read
    /// after the fault is mended.
    DeliveryQuarantined {
        /// The digest of its body.
        delivery: DeliveryDigest,
        /// The source that sent it.
        source: String,
        /// What is wrong with it.
        why: FreeText,
        /// How long the body was, in bytes.
        bytes: u64,
        /// The body, or its beginning if it was longer than is kept.
        body: FreeText,
        /// Whether the body stands there in Base64, because it is not UTF-8.
        base64: bool,
    },
    /// A quarantined delivery was dealt with: read after all, or put away by a person.
    QuarantineLifted {
        /// The delivery.
        delivery: DeliveryDigest,
        /// By whom.
        by: Person,
    },
    /// Nothing new may start.
    KillSwitchEngaged {
        /// By whom.
        by: Person,
        /// Why.
        reason: FreeText,
    },
    /// Things may start again.
    KillSwitchReleased {
        /// By whom.
        by: Person,
        /// Why.
        reason: FreeText,
    },
    /// A change freeze was declared.
    FreezeDeclared {
        /// By whom.
        by: Person,
        /// Why.
        reason: FreeText,
        /// Until when; for good if absent.
        until: Option<Time>,
    },
    /// A change freeze was lifted.
    FreezeLifted {
        /// By whom.
        by: Person,
    },
    /// A maintenance window or a silence was opened.
    WindowOpened {
        /// Its id.
        id: String,
        /// What it is.
        window: WindowKind,
        /// The alerts it covers.
        matcher: LabelMatcher,
        /// What else must hold for an alert that it covers.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        conditions: Vec<Condition>,
        /// When it begins.
        from: Time,
        /// When it ends.
        until: Time,
        /// By whom.
        by: Person,
        /// Why, if somebody said so.
        #[serde(default, skip_serializing_if = "FreeText::is_empty")]
        reason: FreeText,
    },
    /// A window was closed before its end.
    WindowClosed {
        /// Its id.
        id: String,
        /// By whom.
        by: Person,
    },
    /// One version of a runbook was admitted to live mode.
    RunbookAdmitted {
        /// The runbook.
        runbook: String,
        /// Its bytes.
        digest: RunbookDigest,
        /// By whom.
        by: Person,
    },
    /// For a while, doubt about the match does not hold plans of a runbook back.
    BypassOpened {
        /// Its id.
        id: String,
        /// The runbook.
        runbook: String,
        /// The highest tier of the plans that it lets go on.
        tier: Tier,
        /// When it ends.
        until: Time,
        /// By whom.
        by: Person,
        /// Why.
        reason: FreeText,
    },
    /// A bypass was closed before its end.
    BypassClosed {
        /// Its id.
        id: String,
        /// By whom.
        by: Person,
    },
    /// The theater check came to another finding about plans of a runbook.
    OversightFound {
        /// The runbook.
        runbook: String,
        /// Whether they are approved unread.
        ceremonial: bool,
    },
    /// Autonomous actions that were taken elsewhere were charged to a budget.
    BudgetCharged {
        /// The tier.
        tier: Tier,
        /// Whose budget.
        scope: String,
        /// In which mode.
        mode: Mode,
        /// How many.
        actions: u32,
        /// Why.
        reason: FreeText,
    },
    /// Somebody who is known asked for what they may not, over whichever channel. Nothing came
    /// of it.
    AskRefused {
        /// Who tried.
        by: Person,
        /// What they asked to do.
        act: Act,
        /// The incident that it was about, if it was about one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incident: Option<String>,
        /// Why they were not let.
        why: NotLet,
    },
    /// Further such attempts, counted: nobody fills the log by asking again and again.
    AsksRefused {
        /// Who, what, how often.
        refused: Vec<RefusedAsks>,
        /// Since when they were counted.
        since: Time,
    },
    /// The clock jumped or the machine slept, by more than 30 seconds.
    ClockJumped {
        /// How far.
        by: Span,
        /// Whether forward.
        forward: bool,
    },
    /// Other people are on duty for a rota than before.
    RotaChanged {
        /// The rota.
        rota: String,
        /// Who is on duty from now on.
        people: Vec<Person>,
        /// Whether they are those who stand in because nobody could say who is on duty.
        #[serde(default)]
        stand_in: bool,
    },

    // One incident, or with an empty id what spans them.
    /// A notice reached a channel.
    NoticeDelivered {
        /// The notice.
        notice: String,
        /// What it was about.
        topic: Topic,
        /// The channel, by its name in the configuration.
        channel: String,
        /// The plan, if it was about one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plan: Option<PlanDigest>,
        /// How often it was sent.
        attempts: u32,
        /// What the channel calls the message, if it can be changed later.
        #[serde(default, skip_serializing_if = "FreeText::is_empty")]
        receipt: FreeText,
    },
    /// A notice could not be delivered and is not sent any more.
    NoticeGivenUp {
        /// The notice.
        notice: String,
        /// What it was about.
        topic: Topic,
        /// The channel, by its name in the configuration.
        channel: String,
        /// The plan, if it was about one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plan: Option<PlanDigest>,
        /// How often it was sent.
        attempts: u32,
        /// What came of the last attempt.
        why: FreeText,
    },

    // Who may do what.
    /// Somebody was let in.
    PersonAdded {
        /// Who.
        person: Person,
        /// What they are trusted with.
        role: Role,
        /// The groups they speak for.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        groups: BTreeSet<String>,
        /// Who they are at an identity provider.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        identity: Option<Identity>,
        /// By whom; by the service itself if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Person>,
    },
    /// Somebody is trusted with something else.
    PersonChanged {
        /// Who.
        person: Person,
        /// What they are trusted with from now on.
        role: Role,
        /// The groups they speak for from now on.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        groups: BTreeSet<String>,
        /// Who they are at an identity provider from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        identity: Option<Identity>,
        /// By whom; by the service itself if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Person>,
    },
    /// Somebody is let in no more; their tokens and sessions ended with that.
    PersonRemoved {
        /// Who.
        person: Person,
        /// By whom.
        by: Person,
    },
    /// Somebody has another password. The password itself is nowhere in the log.
    PasswordChanged {
        /// Who.
        person: Person,
        /// Whether it holds once, so that they must choose one of their own.
        one_time: bool,
        /// By whom; by the service itself if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Person>,
    },
    /// A token was made that speaks for somebody.
    TokenIssued {
        /// Its id, which is no secret.
        id: String,
        /// The digest of the token itself, which is nowhere.
        token: TokenDigest,
        /// For whom.
        person: Person,
        /// With at most which role.
        role: Role,
        /// From when on it opens nothing.
        expires_at: Time,
        /// What it is for.
        #[serde(default, skip_serializing_if = "FreeText::is_empty")]
        note: FreeText,
        /// By whom.
        by: Person,
    },
    /// A token opens nothing any more.
    TokenRevoked {
        /// Its id.
        id: String,
        /// By whom.
        by: Person,
    },
    /// Somebody signed in.
    SignedIn {
        /// Who.
        person: Person,
        /// By what they proved it.
        proof: Proof,
        /// From where, as far as is known.
        #[serde(default, skip_serializing_if = "FreeText::is_empty")]
        from: FreeText,
    },
    /// A known person, or somebody in their name, was not let in. Not every attempt has an
    /// entry of its own.
    SignInRefused {
        /// In whose name.
        person: Person,
        /// Why.
        why: SignInRefusal,
        /// From where, as far as is known.
        #[serde(default, skip_serializing_if = "FreeText::is_empty")]
        from: FreeText,
        /// How many more there were since the last entry.
        #[serde(default)]
        more: u64,
    },
    /// Nameless attempts were refused: deliveries without proof, unknown tokens, unknown names.
    StrangersRefused {
        /// Since when.
        since: Time,
        /// How many, by what was refused.
        counts: BTreeMap<String, u64>,
    },

    // One incident.
    /// An alert opened an incident.
    IncidentOpened {
        /// The alert.
        alert: Alert,
        /// The fault it is about.
        identity: AlertIdentity,
        /// The delivery it came with.
        delivery: DeliveryDigest,
        /// For what the incident stands besides this alert.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gathers: Option<Gathering>,
    },
    /// The same alert arrived again and was folded into this incident. Release 0.1 wrote this;
    /// since then the delivery's own event says so.
    AlertRepeated {
        /// The delivery it came with.
        delivery: DeliveryDigest,
    },
    /// The same alert arrived with a higher severity: what was decided is decided anew.
    AlertWorsened {
        /// The alert as it is now.
        alert: Alert,
        /// The delivery it came with.
        delivery: DeliveryDigest,
    },
    /// The last of the incident's alerts ended, or went to another incident.
    AlertEnded {
        /// The delivery that said so.
        delivery: DeliveryDigest,
        /// When it ended, if the sender says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ended: Option<Time>,
    },
    /// Triage decided what to do with the alert.
    Triaged {
        /// The severity it counts as.
        severity: SeverityReading,
        /// What was decided.
        triage: Triage,
    },
    /// The search ended.
    SearchCompleted {
        /// What it found.
        findings: Findings,
        /// Candidates that exclude this alert themselves, and why.
        excluded: Vec<(String, String)>,
    },
    /// A person is needed; there is no plan.
    PersonCalled {
        /// Why.
        why: PersonNeeded,
    },
    /// A plan was made.
    PlanProposed {
        /// The plan.
        plan: Plan,
        /// Its digest.
        digest: PlanDigest,
        /// What differs from the plan it replaces.
        difference: Vec<String>,
        /// Why a person asked for it, in their words.
        #[serde(default, skip_serializing_if = "FreeText::is_empty")]
        reason: FreeText,
        /// The set of runbooks it was made from. Release 0.1 did not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        catalogue: Option<CatalogueDigest>,
    },
    /// A person chose another of the candidates than the one that was proposed: a label for
    /// calibration, beside the findings that the evidence names.
    CandidateChosen {
        /// The plan that was before them.
        plan: PlanDigest,
        /// The runbook that was proposed.
        proposed: String,
        /// The runbook that they chose.
        chosen: String,
        /// The alert and the findings.
        evidence: EvidenceDigest,
        /// By whom.
        by: Person,
    },
    /// The policy was asked.
    PolicyDecided {
        /// The plan.
        plan: PlanDigest,
        /// What the decision rests on.
        input: PolicyInput,
        /// The decision.
        verdict: Verdict,
    },
    /// People were asked.
    ReviewRequested {
        /// What was asked.
        request: ReviewRequest,
        /// The wait that may end in a grant by the clock.
        clock: Option<ClockWait>,
    },
    /// Nobody had answered in time: more people were asked.
    RequestEscalated {
        /// The plan.
        plan: PlanDigest,
        /// Which rung of the request's chain, from 1.
        rung: u32,
        /// Who is asked besides: groups or rotas.
        to: BTreeSet<String>,
    },
    /// People were warned that a request is about to lapse.
    LapseWarned {
        /// The plan.
        plan: PlanDigest,
    },
    /// A request was put before somebody.
    RequestShown {
        /// The plan as shown.
        plan: PlanDigest,
        /// To whom.
        to: Person,
    },
    /// Somebody entitled broke the glass of a request: their approval alone is enough.
    GlassBroken {
        /// The plan.
        plan: PlanDigest,
        /// What it would be run as.
        mode: Mode,
        /// By whom.
        by: Person,
        /// Why.
        reason: FreeText,
    },
    /// Somebody answered.
    ReviewGiven {
        /// The answer.
        review: Review,
    },
    /// Somebody's answer was not taken.
    ReviewRefused {
        /// Who tried.
        by: Person,
        /// What they held the answer to be about.
        plan: PlanDigest,
        /// Why it was not taken.
        refusal: Refusal,
    },
    /// The warning of a grant by the clock reached people.
    ClockWarningDelivered {
        /// The plan.
        plan: PlanDigest,
    },
    /// A plan was granted.
    PlanGranted {
        /// The plan.
        plan: PlanDigest,
        /// What it may be run as.
        mode: Mode,
        /// By whom.
        by: GrantedBy,
    },
    /// A plan may no longer run.
    PlanVoided {
        /// The plan.
        plan: PlanDigest,
        /// Why.
        why: VoidReason,
    },
    /// An entitled person asked for a halted plan to be decided again.
    HaltResumed {
        /// The plan.
        plan: PlanDigest,
        /// By whom.
        by: Person,
        /// Why.
        reason: FreeText,
    },
    /// A step was shown exactly as it would run. Nothing was started.
    StepRehearsed {
        /// The plan.
        plan: PlanDigest,
        /// The step.
        step: String,
    },
    /// A step is about to start; recorded before anything exists.
    StepStarted {
        /// The plan.
        plan: PlanDigest,
        /// The step.
        step: String,
        /// Which attempt, from 1.
        attempt: u32,
        /// What it acts on.
        target: String,
    },
    /// A step ended.
    StepFinished {
        /// The plan.
        plan: PlanDigest,
        /// The step.
        step: String,
        /// Which attempt.
        attempt: u32,
        /// How it ended.
        outcome: StepOutcome,
        /// What it printed, bounded and redacted.
        output: FreeText,
    },
    /// A step was started and nobody recorded its end: what it did is unknown.
    StepLost {
        /// The plan.
        plan: PlanDigest,
        /// The step.
        step: String,
        /// Which attempt.
        attempt: u32,
    },
    /// A person said what an unknown step did.
    StepResolved {
        /// The plan.
        plan: PlanDigest,
        /// The step.
        step: String,
        /// Which attempt.
        attempt: u32,
        /// By whom.
        by: Person,
        /// What they found.
        finding: StepFinding,
    },
    /// A plan ended.
    PlanFinished {
        /// The plan.
        plan: PlanDigest,
        /// How.
        outcome: PlanOutcome,
        /// What it acted on.
        target: String,
        /// Of which runbook it was. Release 0.1 did not say.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        runbook: String,
    },
    /// A person did something with the incident besides deciding about its plan.
    IncidentHandled {
        /// By whom.
        by: Person,
        /// What.
        what: Handled,
    },
    /// The time for which nobody was to be reminded is over.
    SnoozeEnded {},
    /// A person said that the incident is part of another one: it is closed, and its alerts
    /// belong there from now on.
    IncidentMerged {
        /// The other one.
        into: String,
        /// By whom.
        by: Person,
        /// Why.
        reason: FreeText,
    },
    /// Another incident was merged into this one.
    IncidentTookIn {
        /// The other one.
        from: String,
        /// By whom.
        by: Person,
    },
    /// A person reviewed afterwards what had run without people.
    ReviewedAfterwards {
        /// The plan.
        plan: PlanDigest,
        /// By whom.
        by: Person,
        /// What they found.
        hindsight: Hindsight,
        /// Why.
        reason: FreeText,
    },
    /// A person closed the incident.
    IncidentClosed {
        /// By whom.
        by: Person,
        /// Why.
        reason: FreeText,
    },
}

impl Event {
    /// Whether the event changes what spans incidents ([`crate::shared::Shared`]).
    #[must_use]
    pub const fn touches_shared(&self) -> bool {
        !matches!(
            self,
            Self::AskRefused { .. }
                | Self::AsksRefused { .. }
                | Self::SignedIn { .. }
                | Self::SignInRefused { .. }
                | Self::StrangersRefused { .. }
                | Self::AlertRepeated { .. }
                | Self::SearchCompleted { .. }
                | Self::PlanProposed { .. }
                | Self::CandidateChosen { .. }
                | Self::ReviewRequested { .. }
                | Self::RequestEscalated { .. }
                | Self::LapseWarned { .. }
                | Self::RequestShown { .. }
                | Self::ReviewGiven { .. }
                | Self::ReviewRefused { .. }
                | Self::ClockWarningDelivered { .. }
                | Self::PlanGranted { by: GrantedBy::Quorum(_), .. }
                | Self::HaltResumed { .. }
                | Self::StepRehearsed { .. }
                | Self::StepLost { .. }
                | Self::NoticeDelivered { .. }
                | Self::NoticeGivenUp { .. }
                | Self::IncidentHandled { .. }
                | Self::SnoozeEnded {}
                | Self::IncidentTookIn { .. }
        )
    }
}
