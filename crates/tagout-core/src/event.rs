//! Everything that can be recorded, in the past tense. The journal is the audit log: state
//! changes by these and by nothing else.

mod asks;
mod fold;
mod outcome;
mod reach;
mod triage;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::actor::{Act, Role};
use crate::afterwards::Hindsight;
use crate::alert::Alert;
use crate::approval::{Person, Refusal, Review, ReviewRequest};
use crate::condition::Condition;
use crate::deadline::ClockWait;
use crate::digest::{
    AlertIdentity, CatalogueDigest, DeliveryDigest, EvidenceDigest, MappingDigest, PlanDigest,
    PolicyDigest, RunbookDigest, TokenDigest,
};
use crate::findings::Findings;
use crate::handling::Handled;
use crate::inspection::Inspection;
use crate::matcher::LabelMatcher;
use crate::notice::Topic;
use crate::people::{Identity, Proof, SignInRefusal};
use crate::plan::Plan;
use crate::policy::{EscalationPolicy, SeverityReading};
use crate::rehearsal::Unforeseen;
use crate::text::FreeText;
use crate::tier::Tier;
use crate::time::{Span, Time};
use crate::verdict::{Mode, PolicyInput, Verdict};

pub use asks::{NotLet, RefusedAsks};
pub use fold::{FlawedAlert, Fold, FoldedAlert};
pub use outcome::{
    CommandEnd, Effectiveness, GrantedBy, LookOutcome, PlanOutcome, StepFinding, StepOutcome,
    VoidReason,
};
pub use triage::{Gathering, PersonNeeded, Triage, TriagedAway};

/// What a window keeps quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowKind {
    /// Planned work.
    Maintenance,
    /// A person's decision not to hear of it.
    Silence,
}

/// Something that happened. Fields are added with a default, never renamed or removed; a
/// change of meaning makes a new kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "events are moved once and stored as bytes")]
pub enum Event {
    // What spans incidents: what is in force, and what is delivered.
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
    /// The bodies of a source come to be read by another declaration.
    MappingLoaded {
        /// The source.
        source: String,
        /// The digest of the declaration.
        digest: MappingDigest,
        /// The one whose place it takes; none if it is the first of this source.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<MappingDigest>,
    },
    /// The bodies of a source are not read by a declaration any more: the configuration names none
    /// for it, or no such source.
    MappingWithdrawn {
        /// The source.
        source: String,
        /// The digest of the declaration that was in force.
        previous: MappingDigest,
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

    // What stops or holds things back.
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

    // What runs live, and what people are asked about.
    /// One version of a runbook was admitted to live mode.
    RunbookAdmitted {
        /// The runbook.
        runbook: String,
        /// Its bytes.
        digest: RunbookDigest,
        /// By whom.
        by: Person,
        /// The version that was admitted before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<RunbookDigest>,
        /// The page as it was admitted, so that the next version can be held against it.
        #[serde(default, skip_serializing_if = "FreeText::is_empty")]
        page: FreeText,
    },
    /// Live mode was configured for the first time.
    LiveModeBegun {
        /// By which process.
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
    /// The time of a bypass is over.
    BypassLapsed {
        /// Its id.
        id: String,
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

    // What else is noticed.
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
        /// The plan that takes back what a person rejected afterwards: the incident stays open for
        /// it, and no alert belongs to it any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        way_back: Option<PlanDigest>,
    },
    /// Triage decided what to do with the alert.
    Triaged {
        /// The severity it counts as.
        severity: SeverityReading,
        /// What was decided.
        triage: Triage,
    },

    // What is found, looked at and planned.
    /// The search ended.
    SearchCompleted {
        /// What it found.
        findings: Findings,
        /// Candidates that exclude this alert themselves, and why.
        excluded: Vec<(String, String)>,
    },
    /// Which checks of the runbook are looked at before the decision was decided, and which are
    /// not and why.
    InspectionOpened {
        /// What is looked at.
        inspection: Inspection,
        /// Its digest.
        digest: PlanDigest,
    },
    /// A look is about to start; recorded before anything exists.
    LookStarted {
        /// The inspection.
        inspection: PlanDigest,
        /// The step.
        step: String,
        /// What is looked at.
        target: String,
    },
    /// A look is over. It has changed nothing, however it ended.
    LookEnded {
        /// The inspection.
        inspection: PlanDigest,
        /// The step.
        step: String,
        /// What it comes to.
        outcome: LookOutcome,
        /// What was printed, bounded and redacted, or why nothing was seen.
        #[serde(default, skip_serializing_if = "FreeText::is_empty")]
        output: FreeText,
        /// How its command ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ended: Option<CommandEnd>,
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

    // The policy, and people.
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

    // Its steps.
    /// A step was shown exactly as it would run. Nothing of it was started.
    StepRehearsed {
        /// The plan.
        plan: PlanDigest,
        /// The step.
        step: String,
        /// Why, where the dry-run started others.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unforeseen: Option<Unforeseen>,
    },
    /// A dry-run is about to start a check, or an action's own form that changes nothing; recorded
    /// before anything exists.
    RehearsalStarted {
        /// The plan.
        plan: PlanDigest,
        /// The step.
        step: String,
    },
    /// What a dry-run had started ended.
    RehearsalEnded {
        /// The plan.
        plan: PlanDigest,
        /// The step.
        step: String,
        /// How it ended.
        outcome: StepOutcome,
        /// What it printed, bounded and redacted; or why it was not started.
        output: FreeText,
        /// How its command ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ended: Option<CommandEnd>,
    },
    /// Nobody saw the end of what a dry-run had started. It changes nothing: nobody has to look, and
    /// it is not started again.
    RehearsalCut {
        /// The plan.
        plan: PlanDigest,
        /// The step.
        step: String,
        /// What it printed, bounded and redacted, if that is known.
        #[serde(default, skip_serializing_if = "FreeText::is_empty")]
        output: FreeText,
        /// How its command ended, as far as can be said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ended: Option<CommandEnd>,
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
        /// The tier of the plan, if some of its steps change something: then the target counts as
        /// acted on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tier: Option<Tier>,
        /// The runbook of such a plan.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        runbook: String,
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
        /// What it printed, bounded and redacted; or why it was not started.
        output: FreeText,
        /// How its command ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ended: Option<CommandEnd>,
    },
    /// A step was started and nobody can say how it ended: what it did is unknown.
    StepLost {
        /// The plan.
        plan: PlanDigest,
        /// The step.
        step: String,
        /// Which attempt.
        attempt: u32,
        /// What it printed, bounded and redacted, if that is known.
        #[serde(default, skip_serializing_if = "FreeText::is_empty")]
        output: FreeText,
        /// How its command ended, as far as can be said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ended: Option<CommandEnd>,
    },
    /// A person said what a step did: one of which nobody knows, or one that was theirs to do.
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
        /// How they know.
        #[serde(default, skip_serializing_if = "FreeText::is_empty")]
        reason: FreeText,
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
        /// The step at which a live plan would have stopped, if the dry-run found that out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stops_at: Option<String>,
        /// Its tier, if some of its steps would have changed something and were shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tier: Option<Tier>,
        /// Until when it is looked whether the plan has helped, if somebody looks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        look_until: Option<Time>,
    },
    /// A live plan had paused: the checks before its first step were begun again, each under its
    /// name with this number behind it.
    PreconditionsBegunAgain {
        /// The plan.
        plan: PlanDigest,
        /// For which time, from 2.
        round: u32,
    },

    // What becomes of the incident.
    /// It was looked whether a live plan that did all its steps has helped. Nothing else rests
    /// on it.
    EffectivenessRecorded {
        /// The plan.
        plan: PlanDigest,
        /// Of which runbook it was.
        runbook: String,
        /// What it acted on.
        target: String,
        /// What was seen.
        effectiveness: Effectiveness,
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
    /// A closed incident is open again, because a person rejected afterwards what ran, and some of
    /// it can be taken back. It is open for that alone: no alert belongs to it any more, and it
    /// closes with the plan that takes back, or by a person where that came to nothing.
    IncidentReopened {
        /// The plan that is to be taken back.
        plan: PlanDigest,
    },
    /// A person closed the incident.
    IncidentClosed {
        /// By whom.
        by: Person,
        /// Why.
        reason: FreeText,
    },
}
