//! Random and hostile commands: what is decided can be applied and read back to the same
//! state, what is rejected changes nothing, and nothing panics.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use tagout_core::actor::{Actor, Role};
use tagout_core::afterwards::Hindsight;
use tagout_core::alert::{Alert, AlertStatus};
use tagout_core::approval::{Answer, Review};
use tagout_core::canonical;
use tagout_core::command::{Command, SharedCommand};
use tagout_core::confidence::Confidence;
use tagout_core::decide::{Rules, decide, decide_shared};
use tagout_core::digest::{DeliveryDigest, MappingDigest, PlanDigest};
use tagout_core::effect::effect;
use tagout_core::event::{Event, StepFinding, StepOutcome};
use tagout_core::evolve::evolve;
use tagout_core::findings::Findings;
use tagout_core::incident::{Incident, Stage, StepState};
use tagout_core::plan::PlanChange;
use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::Catalogue;
use tagout_core::shared::Shared;
use tagout_core::text::FreeText;
use tagout_core::tier::Tier;
use tagout_core::time::{Span, Time};
use tagout_core::verdict::Mode;
use tagout_sim::setting::{RUNBOOK, Setting, alert, person, runbook, time};

const POLICY: &str = "default_environment = \"low\"\n\
    [tier.medium]\nmin_confidence = 0.9\nmax_autonomous_actions = 4\nlive = true\n\
    [tier.high]\nmin_confidence = 0.95\nmax_autonomous_actions = 2\nlive = true\n\
    [tier.critical]\nquorum = 2\ntimeout = \"20m\"\nlive = true\n";

/// One thing that somebody asks, in small numbers that are read against the state.
#[derive(Debug, Clone)]
struct Ask {
    /// Whether to ask for what is due and not for something at random.
    due: bool,
    what: u8,
    case: u8,
    who: u8,
    a: u8,
    b: u8,
    minutes: u8,
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let who = (0u8..29, 0u8..2, 0u8..3);
    let one = (any::<bool>(), who, any::<u8>(), any::<u8>(), 0u8..8).prop_map(
        |(due, (what, case, who), a, b, minutes)| Ask { due, what, case, who, a, b, minutes },
    );
    vec(one, 1..60)
}

struct World {
    policy: EscalationPolicy,
    runbooks: Catalogue,
    findings: Findings,
    incidents: BTreeMap<String, Incident>,
    shared: Shared,
    now: Time,
    journal: Vec<(String, Time, Event)>,
    rejected: usize,
}

impl World {
    fn new() -> Self {
        let setting = Setting::quorum();
        let mut page = runbook(2, Tier::Medium);
        page.steps[0].undo = page.steps[1].work.clone();
        let mut world = Self {
            policy: EscalationPolicy::parse(POLICY).expect("a policy"),
            runbooks: Catalogue::new([page]).expect("one runbook"),
            findings: setting.findings.clone(),
            incidents: BTreeMap::new(),
            shared: Shared::default(),
            now: time(0),
            journal: Vec::new(),
            rejected: 0,
        };
        for command in setting.before {
            world.ask_shared(command);
        }
        world
    }

    fn record(&mut self, id: &str, events: Vec<Event>) {
        for event in events {
            if !id.is_empty() {
                let before = self.incidents.remove(id).unwrap_or_default();
                let after = evolve(before, &event, self.now).expect("what was decided is legal");
                // Whatever the state, it can say what it calls for.
                let _ = (effect(&after), after.decision());
                self.incidents.insert(id.to_owned(), after);
            }
            let read = self.shared.version;
            self.shared = std::mem::take(&mut self.shared).after(&event, id, self.now);
            assert_eq!(self.shared.version > read, event.touches_shared());
            self.journal.push((id.to_owned(), self.now, event));
        }
        // Who looks for what is open finds all of it, and nothing else.
        let known: BTreeSet<&str> = self.shared.open_incidents().collect();
        let open = self.incidents.iter().filter(|(_, one)| matches!(one, Incident::Open(..)));
        assert_eq!(known, open.map(|(id, _)| id.as_str()).collect());
    }

    fn ask(&mut self, id: &str, command: Command) {
        let incident = self.incidents.get(id).cloned().unwrap_or_default();
        let rules = Rules { policy: &self.policy, runbooks: &self.runbooks, mode: Mode::Live };
        let decided = decide(&incident, id, &self.shared, rules, command.clone(), self.now);
        let again = decide(&incident, id, &self.shared, rules, command, self.now);
        assert_eq!(decided, again, "the same question has the same answer");
        match decided {
            Ok(events) => self.record(id, events),
            Err(rejection) => {
                assert!(!rejection.to_string().is_empty());
                self.rejected += 1;
                if let Some(event) = rejection.record().cloned() {
                    self.record(id, vec![event]);
                    assert_eq!(self.incidents.get(id), Some(&incident), "a refused answer counts");
                }
            }
        }
    }

    fn ask_shared(&mut self, command: SharedCommand) {
        match decide_shared(&self.shared, command, self.now) {
            Ok(events) => self.record("", events),
            Err(_) => self.rejected += 1,
        }
    }

    fn step(&mut self, ask: &Ask) {
        self.now = self.now.after(Span::from_secs(u64::from(ask.minutes) * 60));
        let id = format!("inc-{}", ask.case);
        let incident = self.incidents.get(&id).cloned().unwrap_or_default();
        let current = incident.proposal().map(|proposal| proposal.digest);
        let digest = match ask.a % 8 {
            0 => PlanDigest::of_bytes(&[ask.b]),
            1 => self.earlier_plan(ask.b).unwrap_or(PlanDigest::of_bytes(b"none")),
            _ => current.unwrap_or(PlanDigest::of_bytes(b"none")),
        };
        let by = person(ask.who);
        let text = |n: u8| -> FreeText {
            match n % 8 {
                0 => "".into(),
                1 => "x".repeat(5_000).into(),
                2 => FreeText::Erased("ab".into()),
                3 => "$text \u{0} \u{202e} {{pace}} --force".into(),
                _ => "looked at it".into(),
            }
        };
        let (step, attempt) = match incident.case().and_then(|c| c.starts.keys().last()) {
            Some((_, step, attempt)) if !ask.a.is_multiple_of(4) => (step.clone(), *attempt),
            _ => {
                (["drain", "restart", "", "nope"][usize::from(ask.b % 4)].into(), u32::from(ask.b))
            }
        };
        if ask.due
            && let Some(command) = self.due(&incident, ask)
        {
            return self.ask(&id, command);
        }
        let mode = if ask.b.is_multiple_of(5) { Mode::DryRun } else { Mode::Live };
        let command = match ask.what {
            0..=2 => {
                let words = ["warning", "error", "critical", "info", "nonsense"];
                let mut alert = alert(words[usize::from(ask.a % 5)], ask.case);
                if ask.b.is_multiple_of(6) {
                    alert.status = AlertStatus::Resolved;
                }
                if ask.b % 6 == 1 {
                    alert.labels.insert("cluster".into(), "--all; rm -rf /".into());
                }
                if ask.b % 6 == 2 {
                    alert.message = "back to normal".into();
                }
                Command::ReceiveAlert { alert, delivery: DeliveryDigest::of_bytes(&[ask.a, ask.b]) }
            }
            3..=5 => {
                let mut findings = self.findings.clone();
                findings.calibrated = !ask.a.is_multiple_of(3);
                findings.candidates[0].confidence =
                    Confidence::from_basis_points(9_900 - u16::from(ask.b % 4) * 1_600);
                if ask.a.is_multiple_of(7) {
                    findings.candidates[0].runbook = "unknown".into();
                }
                if ask.a % 7 == 1 {
                    findings.candidates.clear();
                }
                if ask.a % 7 == 2 {
                    findings.candidates = vec![findings.candidates[0].clone(); 30];
                }
                Command::RecordFindings { findings }
            }
            6 => Command::ShowRequest { plan: digest, to: by },
            7..=10 => {
                let answer = if ask.b % 7 == 6 { Answer::Reject } else { Answer::Approve };
                let by = Actor::new(by, Role::Approver);
                Command::Answer(Review::by(by, answer, (digest, mode), text(ask.a)))
            }
            11 | 12 => {
                let pace = ["slow", "fast", "; reboot", "", "--now"][usize::from(ask.a % 5)];
                let name = if ask.b % 5 == 4 { "undeclared" } else { "pace" };
                let mut change = PlanChange {
                    values: [(name.to_owned(), pace.to_owned())].into(),
                    ..PlanChange::default()
                };
                if ask.b.is_multiple_of(3) {
                    change.drop_steps.insert(step);
                }
                if ask.b.is_multiple_of(4) {
                    change.runbook =
                        Some(if ask.a.is_multiple_of(2) { RUNBOOK } else { "other" }.into());
                }
                let by = Actor::new(by, Role::Approver);
                Command::Modify { by, plan: digest, mode, change, reason: "".into() }
            }
            13 => Command::ResumeHalt { by, plan: digest, reason: text(ask.b) },
            14 => Command::ConfirmClockWarning { plan: digest },
            15 => Command::Tick,
            16 => Command::Rehearse,
            17..=19 => Command::StartStep { plan: digest },
            20 | 21 => {
                let outcome = [
                    StepOutcome::Succeeded,
                    StepOutcome::Failed,
                    StepOutcome::TimedOut,
                    StepOutcome::Stopped,
                ][usize::from(ask.b % 4)];
                let output = text(ask.b);
                Command::FinishStep { plan: digest, step, attempt, outcome, output, ended: None }
            }
            22 => Command::ReportLost { running: BTreeSet::new() },
            23 => {
                let finding =
                    if ask.b.is_multiple_of(2) { StepFinding::Ran } else { StepFinding::DidNotRun };
                Command::ResolveStep {
                    by,
                    plan: digest,
                    step,
                    attempt,
                    finding,
                    reason: "looked".into(),
                }
            }
            24 => Command::Revoke { by, plan: digest },
            25 => Command::Close { by, reason: text(ask.a) },
            26 => {
                let hindsight =
                    if ask.b.is_multiple_of(4) { Hindsight::Upheld } else { Hindsight::Rejected };
                let plan = self.owed(&id).unwrap_or(digest);
                Command::ReviewAfterwards { by, plan, hindsight, reason: text(ask.a) }
            }
            _ => return self.step_shared(ask),
        };
        self.ask(&id, command);
    }

    /// Something that the incident's stage allows.
    fn due(&self, incident: &Incident, ask: &Ask) -> Option<Command> {
        let by = person(ask.who);
        let (hindsight, reason) = (Hindsight::Rejected, FreeText::from("not so"));
        if let Some(plan) = self.owed(&format!("inc-{}", ask.case)).filter(|_| ask.a % 4 < 2) {
            return Some(Command::ReviewAfterwards { by, plan, hindsight, reason });
        }
        let Incident::Open(case, stage) = incident else {
            let words = ["warning", "error", "critical"];
            let alert = alert(words[usize::from(ask.a % 3)], ask.case);
            let delivery = DeliveryDigest::of_bytes(&[ask.a]);
            return (*incident == Incident::Absent)
                .then_some(Command::ReceiveAlert { alert, delivery });
        };
        let unsettled = case.starts.iter().find(|(_, s)| !matches!(s, StepState::Ended(_)));
        if let Some(((plan, step, attempt), state)) = unsettled {
            let (plan, step, attempt) = (*plan, step.clone(), *attempt);
            let well = !ask.b.is_multiple_of(3);
            return Some(if *state == StepState::Unknown {
                let finding = if well { StepFinding::Ran } else { StepFinding::DidNotRun };
                Command::ResolveStep { by, plan, step, attempt, finding, reason: "looked".into() }
            } else if ask.a.is_multiple_of(4) {
                Command::ReportLost { running: BTreeSet::new() }
            } else {
                let outcome = if well { StepOutcome::Succeeded } else { StepOutcome::Failed };
                Command::FinishStep {
                    plan,
                    step,
                    attempt,
                    outcome,
                    output: "done".into(),
                    ended: None,
                }
            });
        }
        Some(match stage {
            Stage::Searching => Command::RecordFindings { findings: self.findings.clone() },
            Stage::Waiting(proposal, ..) => {
                let seen = (proposal.digest, proposal.plan.mode);
                let by = Actor::new(by, Role::Approver);
                Command::Answer(Review::by(by, Answer::Approve, seen, "looked at it".into()))
            }
            Stage::Halted(proposal) => {
                Command::ResumeHalt { by, plan: proposal.digest, reason: "needed".into() }
            }
            Stage::Granted(proposal, _) => Command::StartStep { plan: proposal.digest },
            Stage::Finished(..) if ask.b.is_multiple_of(2) => {
                let alert = Alert { status: AlertStatus::Resolved, ..case.alert.clone() };
                let delivery = DeliveryDigest::of_bytes(&[ask.a]);
                Command::ReceiveAlert { alert, delivery }
            }
            _ => return None,
        })
    }

    /// The plan of an incident that owes a review afterwards.
    fn owed(&self, id: &str) -> Option<PlanDigest> {
        let owed = self.shared.debts().owed().iter().find(|(_, owed)| owed.incident == id);
        owed.map(|(plan, _)| *plan)
    }

    fn step_shared(&mut self, ask: &Ask) {
        let (by, reason) = (person(ask.who), FreeText::from("drill"));
        let command = match ask.a % 9 {
            0 => SharedCommand::EngageKillSwitch { by, reason },
            1 | 2 => SharedCommand::ReleaseKillSwitch { by, reason },
            3 => {
                let until = (ask.b.is_multiple_of(2)).then(|| self.now.after(Span::from_secs(600)));
                SharedCommand::DeclareFreeze { by, reason, until }
            }
            4 => SharedCommand::LiftFreeze { by },
            5 => SharedCommand::RecordClockJump {
                by: Span::from_secs(u64::from(ask.b)),
                forward: ask.b.is_multiple_of(2),
            },
            6 => SharedCommand::ChargeBudget {
                tier: Tier::ALL[usize::from(ask.b % 4)],
                scope: "everywhere".into(),
                mode: Mode::Live,
                actions: if ask.b.is_multiple_of(9) { u32::MAX } else { 1 },
                reason,
            },
            7 if ask.b % 4 == 3 => SharedCommand::WithdrawMapping { source: "prober".into() },
            7 => SharedCommand::LoadMapping {
                source: "prober".into(),
                digest: MappingDigest::of_bytes(&[ask.b % 3]),
            },
            _ => SharedCommand::LoadPolicy(self.policy.clone()),
        };
        self.ask_shared(command);
    }

    fn earlier_plan(&self, pick: u8) -> Option<PlanDigest> {
        let plans: Vec<_> = self
            .journal
            .iter()
            .filter_map(|(_, _, event)| match event {
                Event::PlanProposed { digest, .. } => Some(*digest),
                _ => None,
            })
            .collect();
        plans.get(usize::from(pick) % plans.len().max(1)).copied()
    }

    /// The state that the journal adds up to after every event went through `text` and back.
    fn replayed(&self, text: impl Fn(&Event) -> Event) -> (BTreeMap<String, Incident>, Shared) {
        let (mut incidents, mut shared) = (BTreeMap::new(), Shared::default());
        for (id, at, event) in &self.journal {
            let read = text(event);
            assert_eq!(read, *event);
            if !id.is_empty() {
                let before: Incident = incidents.remove(id).unwrap_or_default();
                incidents.insert(id.clone(), evolve(before, &read, *at).expect("it was legal"));
            }
            shared = shared.after(&read, id, *at);
        }
        (incidents, shared)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_asked_the_record_is_legal_and_reads_back_to_the_same_state(asks in asks()) {
        let mut world = World::new();
        asks.iter().for_each(|ask| world.step(ask));
        let expected = (world.incidents.clone(), world.shared.clone());

        let json = world.replayed(|event| {
            serde_json::from_str(&serde_json::to_string(event).expect("JSON")).expect("an event")
        });
        prop_assert_eq!(&json, &expected);

        let bytes = world.replayed(|event| {
            let bytes = canonical::to_bytes(event).expect("canonical bytes");
            let read: Event = serde_json::from_slice(&bytes).expect("an event");
            assert_eq!(canonical::to_bytes(&read).expect("canonical bytes"), bytes);
            read
        });
        prop_assert_eq!(&bytes, &expected);
    }

    #[test]
    fn a_record_out_of_order_or_with_entries_missing_is_refused_or_applied_and_never_panics(
        asks in asks(), order in vec(any::<prop::sample::Index>(), 1..80),
    ) {
        let mut world = World::new();
        asks.iter().for_each(|ask| world.step(ask));
        let (mut incident, mut shared) = (Incident::Absent, Shared::default());
        for pick in order {
            let (id, at, event) = pick.get(&world.journal);
            if let Ok(after) = evolve(incident.clone(), event, *at) {
                incident = after;
            }
            shared = shared.after(event, id, *at);
        }
        let _ = (effect(&incident), shared.spent(&world.policy, Mode::Live, "everywhere", world.now));
    }

    #[test]
    fn no_plan_ever_holds_a_word_outside_its_runbook_and_its_limits(asks in asks()) {
        let mut world = World::new();
        asks.iter().for_each(|ask| world.step(ask));
        for (_, _, event) in &world.journal {
            let Event::PlanProposed { plan, .. } = event else { continue };
            for step in plan.sequence() {
                prop_assert_eq!(&step.argv[0], "pool");
                prop_assert!(["drain", "restart"].contains(&step.argv[1].as_str()));
                prop_assert_eq!(&step.argv[2], "db");
                prop_assert!(["fast", "slow"].contains(&step.argv[3].as_str()));
                prop_assert_eq!(step.argv.len(), 4);
            }
        }
    }
}

/// The walks are worth something only if they get far.
#[test]
fn random_walks_reach_grants_starts_lost_steps_second_plans_and_refusals() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut rejected = 0;
    for _ in 0..400 {
        let asks = asks().new_tree(&mut runner).expect("a walk").current();
        let mut world = World::new();
        asks.iter().for_each(|ask| world.step(ask));
        rejected += world.rejected;
        for (_, _, event) in &world.journal {
            *kinds.entry(tagout_core::evolve::kind(event)).or_default() += 1;
        }
    }
    println!("{rejected} rejections; recorded: {kinds:?}");
    for kind in [
        "incident_opened",
        "plan_proposed",
        "policy_decided",
        "review_requested",
        "review_given",
        "review_refused",
        "plan_granted",
        "step_started",
        "step_finished",
        "step_lost",
        "step_resolved",
        "plan_finished",
        "plan_voided",
        "halt_resumed",
        "incident_closed",
        "incident_reopened",
    ] {
        assert!(kinds.get(kind).is_some_and(|n| *n >= 5), "{kind} is hardly ever reached");
    }
    assert!(rejected > 1_000, "only {rejected} commands were rejected");
}
