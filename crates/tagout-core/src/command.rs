//! Everything that may be asked, in the imperative.

mod people;

use std::collections::BTreeSet;
use std::ops::Range;

use crate::actor::{Act, Actor};
use crate::afterwards::Hindsight;
use crate::alert::Alert;
use crate::approval::{Person, Review};
use crate::condition::Condition;
use crate::digest::{CatalogueDigest, DeliveryDigest, MappingDigest, PlanDigest, RunbookDigest};
use crate::event::{
    CommandEnd, FlawedAlert, FoldedAlert, Gathering, LookOutcome, NotLet, RefusedAsks, StepFinding,
    StepOutcome, WindowKind,
};
use crate::findings::Findings;
use crate::handling::Handled;
use crate::matcher::LabelMatcher;
use crate::notice::NoticeReport;
use crate::plan::PlanChange;
use crate::policy::EscalationPolicy;
use crate::text::FreeText;
use crate::tier::Tier;
use crate::time::{Span, Time};
use crate::verdict::Mode;

pub use people::PeopleCommand;

/// What may be asked of one incident.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "a command is made once and consumed")]
pub enum Command {
    /// Take in an alert.
    ReceiveAlert {
        /// The alert.
        alert: Alert,
        /// The delivery it came with.
        delivery: DeliveryDigest,
    },
    /// Open an incident that stands for more than this alert.
    OpenGathering {
        /// The alert.
        alert: Alert,
        /// The delivery it came with.
        delivery: DeliveryDigest,
        /// For what it stands.
        gathers: Gathering,
    },
    /// Call a person to a source that sends what cannot be read.
    ReportUnreadable {
        /// The source.
        source: String,
        /// What stands for its fault.
        alert: Alert,
        /// The delivery.
        delivery: DeliveryDigest,
    },
    /// Take in that the last of the incident's alerts has ended, or has gone to another one.
    EndAlerts {
        /// The delivery that said so.
        delivery: DeliveryDigest,
        /// When it ended, if the sender says so.
        ended: Option<Time>,
    },
    /// Take in what the search found, and make a plan of it.
    RecordFindings {
        /// What it found.
        findings: Findings,
    },
    /// Start the next look of an inspection.
    StartLook {
        /// The inspection.
        inspection: PlanDigest,
    },
    /// Take in what came of a look.
    FinishLook {
        /// The inspection.
        inspection: PlanDigest,
        /// The step.
        step: String,
        /// What it comes to.
        outcome: LookOutcome,
        /// What was printed, or why nothing was seen.
        output: FreeText,
        /// How its command ended.
        ended: Option<CommandEnd>,
    },
    /// Go on without what was not seen: the look that runs is cut off.
    GiveUpLooks {
        /// The inspection.
        inspection: PlanDigest,
        /// Whether those that have not begun are given up too.
        all: bool,
        /// Why.
        why: FreeText,
    },
    /// Note that a request is before somebody.
    ShowRequest {
        /// The plan as shown.
        plan: PlanDigest,
        /// To whom.
        to: Person,
    },
    /// Approve or reject.
    Answer(Review),
    /// Make another plan of the proposed one.
    Modify {
        /// By whom.
        by: Actor,
        /// The plan that was before them.
        plan: PlanDigest,
        /// The mode that was before them.
        mode: Mode,
        /// What to change.
        change: PlanChange,
        /// Why; may be empty.
        reason: FreeText,
    },
    /// Approve alone what needs more people.
    BreakGlass {
        /// By whom.
        by: Actor,
        /// The plan that was before them.
        plan: PlanDigest,
        /// The mode that was before them.
        mode: Mode,
        /// Why.
        reason: FreeText,
    },
    /// Note that the warning of a grant by the clock reached people.
    ConfirmClockWarning {
        /// The plan.
        plan: PlanDigest,
    },
    /// Let time pass: lapse what is overdue, grant what the clock may grant.
    Tick,
    /// Show every step of a granted dry-run plan as it would run, of which nothing was started.
    Rehearse,
    /// Start the next check or dry-run form of a granted dry-run plan.
    StartRehearsal {
        /// The plan.
        plan: PlanDigest,
    },
    /// Take in how that ended.
    FinishRehearsal {
        /// The plan.
        plan: PlanDigest,
        /// The step.
        step: String,
        /// How it ended, if anybody saw that.
        outcome: Option<StepOutcome>,
        /// What it printed.
        output: FreeText,
        /// How its command ended.
        ended: Option<CommandEnd>,
    },
    /// Start the next step of a granted live plan.
    StartStep {
        /// The plan.
        plan: PlanDigest,
    },
    /// Take in how a step ended.
    FinishStep {
        /// The plan.
        plan: PlanDigest,
        /// The step.
        step: String,
        /// Which attempt.
        attempt: u32,
        /// How it ended.
        outcome: StepOutcome,
        /// What it printed.
        output: FreeText,
        /// How its command ended.
        ended: Option<CommandEnd>,
    },
    /// Take in that nobody can say how a step ended, and what is known of it.
    ReportUnknown {
        /// The plan.
        plan: PlanDigest,
        /// The step.
        step: String,
        /// Which attempt.
        attempt: u32,
        /// What it printed.
        output: FreeText,
        /// How its command ended, as far as can be said.
        ended: Option<CommandEnd>,
    },
    /// Mark every start without a recorded end as unknown, or as cut if a dry-run made it; asked
    /// when an agent comes back.
    ReportLost {
        /// But for those that run where this is asked. Those of dry-runs are first attempts.
        running: BTreeSet<(PlanDigest, String, u32)>,
    },
    /// Say what an unknown step did, or what came of one that is a person's.
    ResolveStep {
        /// By whom.
        by: Person,
        /// The plan.
        plan: PlanDigest,
        /// The step.
        step: String,
        /// Which attempt.
        attempt: u32,
        /// What they found.
        finding: StepFinding,
        /// How they know.
        reason: FreeText,
    },
    /// Take back a grant, or object to a plan that the policy let proceed.
    Revoke {
        /// By whom.
        by: Person,
        /// The plan.
        plan: PlanDigest,
    },
    /// Have a halted plan decided again.
    ResumeHalt {
        /// By whom.
        by: Person,
        /// The plan.
        plan: PlanDigest,
        /// Why.
        reason: FreeText,
    },
    /// Note what came of a notice about the incident.
    ReportNotice(NoticeReport),
    /// Do something with the incident besides deciding about its plan.
    Handle {
        /// By whom.
        by: Person,
        /// What.
        what: Handled,
    },
    /// Make the incident part of another one.
    Merge {
        /// The other one.
        into: String,
        /// By whom.
        by: Person,
        /// Why.
        reason: FreeText,
    },
    /// Note that another incident was merged into this one.
    TakeIn {
        /// The other one.
        from: String,
        /// By whom.
        by: Person,
    },
    /// Review afterwards what ran without people.
    ReviewAfterwards {
        /// By whom.
        by: Person,
        /// The plan.
        plan: PlanDigest,
        /// What they found.
        hindsight: Hindsight,
        /// Why.
        reason: FreeText,
    },
    /// Close the incident.
    Close {
        /// By whom.
        by: Person,
        /// Why.
        reason: FreeText,
    },
}

/// What may be asked of the state that spans incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "a command is made once and consumed")]
pub enum SharedCommand {
    /// Put a policy into force.
    LoadPolicy(EscalationPolicy),
    /// Put a set of runbooks into force.
    LoadCatalogue {
        /// Its digest.
        digest: CatalogueDigest,
        /// How many runbooks it holds.
        runbooks: u64,
    },
    /// Have the bodies of a source read by a declaration.
    LoadMapping {
        /// The source.
        source: String,
        /// The digest of the declaration.
        digest: MappingDigest,
    },
    /// Have the bodies of a source read by no declaration any more.
    WithdrawMapping {
        /// The source.
        source: String,
    },
    /// Note alerts that went into incidents without changing them.
    FoldAlerts {
        /// The delivery they came with.
        delivery: DeliveryDigest,
        /// The alerts.
        folded: Vec<FoldedAlert>,
        /// Those that joined an incident: name, tab, subject, one a line.
        joined: FreeText,
    },
    /// Keep a delivery that could not be read.
    Quarantine {
        /// The digest of its body.
        delivery: DeliveryDigest,
        /// The source that sent it.
        source: String,
        /// What is wrong with it.
        why: FreeText,
        /// How long the body was, in bytes.
        bytes: u64,
        /// The body, or its beginning.
        body: FreeText,
        /// Whether the body stands there in Base64.
        base64: bool,
    },
    /// Note that a quarantined delivery was dealt with.
    LiftQuarantine {
        /// The delivery.
        delivery: DeliveryDigest,
        /// By whom.
        by: Person,
    },
    /// Note a delivery and what became of its alerts.
    RecordDelivery {
        /// The digest of its body.
        delivery: DeliveryDigest,
        /// In which format it was read.
        format: String,
        /// How many alerts it held.
        alerts: u64,
        /// Those that could not be read.
        flawed: Vec<FlawedAlert>,
        /// How many the sender left out.
        truncated: u64,
        /// Those that went into incidents without changing them.
        folded: Vec<FoldedAlert>,
        /// Those that joined an incident: name, tab, subject, one a line.
        joined: FreeText,
    },
    /// Note some alerts of a delivery that is too big for one append, and what became of them.
    RecordDeliveryPart {
        /// The digest of the whole body.
        delivery: DeliveryDigest,
        /// In which format it was read.
        format: String,
        /// How many alerts the whole delivery held.
        alerts: u64,
        /// Which of them these are, counted from 0.
        part: Range<u64>,
        /// Those of this part that could not be read.
        flawed: Vec<FlawedAlert>,
        /// Those that went into incidents without changing them.
        folded: Vec<FoldedAlert>,
        /// Those that joined an incident: name, tab, subject, one a line.
        joined: FreeText,
    },
    /// Let nothing new start.
    EngageKillSwitch {
        /// By whom.
        by: Person,
        /// Why.
        reason: FreeText,
    },
    /// Let things start again.
    ReleaseKillSwitch {
        /// By whom.
        by: Person,
        /// Why.
        reason: FreeText,
    },
    /// Declare a change freeze.
    DeclareFreeze {
        /// By whom.
        by: Person,
        /// Why.
        reason: FreeText,
        /// Until when; for good if absent.
        until: Option<Time>,
    },
    /// Lift a change freeze.
    LiftFreeze {
        /// By whom.
        by: Person,
    },
    /// Open a maintenance window or a silence.
    OpenWindow {
        /// Its id.
        id: String,
        /// What it is.
        window: WindowKind,
        /// The alerts it covers.
        matcher: LabelMatcher,
        /// What else must hold for an alert that it covers.
        conditions: Vec<Condition>,
        /// When it begins.
        from: Time,
        /// When it ends.
        until: Time,
        /// By whom.
        by: Person,
        /// Why; may be empty.
        reason: FreeText,
    },
    /// Close a window before its end.
    CloseWindow {
        /// Its id.
        id: String,
        /// By whom.
        by: Person,
    },
    /// Admit one version of a runbook to live mode.
    AdmitRunbook {
        /// The runbook.
        runbook: String,
        /// Its bytes.
        digest: RunbookDigest,
        /// By whom.
        by: Person,
        /// The page; may be empty, and then the next version has nothing to be held against.
        page: FreeText,
        /// Who wrote it, if that is known: they may not admit it.
        author: Option<String>,
    },
    /// Begin live mode: the first time, the kill switch is engaged.
    BeginLiveMode {
        /// Which process.
        by: Person,
    },
    /// For a while, let plans of a runbook go on although their match is in doubt.
    OpenBypass {
        /// Its id.
        id: String,
        /// The runbook.
        runbook: String,
        /// The highest tier of the plans that it lets go on.
        tier: Tier,
        /// When it ends.
        until: Time,
        /// By whom.
        by: Actor,
        /// Why.
        reason: FreeText,
    },
    /// Close a bypass before its end.
    CloseBypass {
        /// Its id.
        id: String,
        /// By whom.
        by: Person,
    },
    /// Note which bypasses' time is over.
    LapseBypasses,
    /// Note what the theater check finds about plans of a runbook.
    FindOversight {
        /// The runbook.
        runbook: String,
        /// Whether they are approved unread.
        ceremonial: bool,
    },
    /// Charge autonomous actions that were taken elsewhere.
    ChargeBudget {
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
    /// Note what came of a notice about no incident.
    ReportNotice(NoticeReport),
    /// Note who is on duty for a rota.
    RecordRota {
        /// The rota.
        rota: String,
        /// Who is on duty.
        people: Vec<Person>,
        /// Whether they stand in because nobody could say who is on duty.
        stand_in: bool,
    },
    /// Note that somebody asked for what they may not.
    RecordRefusedAsk {
        /// Who.
        by: Person,
        /// What they asked to do.
        act: Act,
        /// The incident, if it was about one.
        incident: Option<String>,
        /// Why they were not let.
        why: NotLet,
    },
    /// Note how often that happened beyond what was noted one by one.
    CountRefusedAsks {
        /// Who, what, how often.
        refused: Vec<RefusedAsks>,
        /// Since when they were counted.
        since: Time,
    },
    /// Something about people and their tokens.
    People(PeopleCommand),
    /// Note that the clock jumped.
    RecordClockJump {
        /// How far.
        by: Span,
        /// Whether forward.
        forward: bool,
    },
}
