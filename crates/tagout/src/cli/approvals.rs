//! `tagout approvals`: what waits for people, and their answers.

use std::path::PathBuf;

use serde::Serialize;
use tagout_core::actor::{Actor, Role};
use tagout_core::approval::{Answer, Person, Review};
use tagout_core::command::Command as Ask;
use tagout_core::digest::PlanDigest;
use tagout_core::incident::Incident;
use tagout_core::plan::{Plan, PlanChange};
use tagout_core::runbook::Catalogue;

use crate::engine::Engine;
use crate::gathered::{AlertCounts, Gathered, GatheredAlert, gathered};
use crate::matching::LateMatcher;
use crate::store::Store;
use crate::summary::Summary;
use crate::terminal::{decision, print_lines, prompt, shortened, story};

use super::run::{load_policy, load_runbooks};
use super::{Failure, Home, Outcome, print_json};

/// How many of the alerts that an incident stands for are shown.
const SHOWN_ALERTS: usize = 10;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the plans that wait for people.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show one incident: the alert, the plan step by step, the reasons.
    Show {
        /// The incident.
        incident: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        who: Who,
    },
    /// Approve the plan.
    Approve(AnswerArgs),
    /// Reject the plan.
    Reject(AnswerArgs),
    /// Close an incident that people have dealt with.
    Close {
        /// The incident.
        incident: String,
        #[command(flatten)]
        who: Who,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make another plan of it: drop steps, change values within limits, use another candidate.
    Modify(ModifyArgs),
}

/// Who is asking.
#[derive(Debug, clap::Args)]
pub(super) struct Who {
    /// Who you are [default: $USER].
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
}

impl Who {
    pub(super) fn person(&self) -> Result<Person, Failure> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => std::env::var("USER").unwrap_or_default(),
        };
        Person::new(&name).map_err(|_| {
            Failure::BadInput("who are you? Give --as NAME; a decision needs a name".into())
        })
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct AnswerArgs {
    /// The incident.
    incident: String,
    /// The digest of the plan that you read, or its first 12 digits or more.
    #[arg(long, value_name = "DIGEST")]
    plan: String,
    #[command(flatten)]
    who: Who,
    /// Why, in your words.
    #[arg(long, default_value = "")]
    reason: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ModifyArgs {
    #[command(flatten)]
    answer: AnswerArgs,
    /// A step to leave out; may be given again.
    #[arg(long, value_name = "STEP")]
    drop: Vec<String>,
    /// A parameter's value, within its limits; may be given again.
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Another of the candidate runbooks.
    #[arg(long = "use", value_name = "RUNBOOK")]
    runbook: Option<String>,
    /// The directory of runbooks [default: the configuration's].
    #[arg(long, value_name = "DIR")]
    runbooks: Option<PathBuf>,
}

/// The agent over the journal of the data directory, under the policy that the journal says is
/// in force. No file of the configuration is read: whoever must stop something or say no can
/// do so while a file is broken. Without runbooks it answers reviews and makes no plan.
pub(super) fn engine(home: &Home, runbooks: Option<Catalogue>) -> Result<Engine<Store>, Failure> {
    let dir = home.existing()?;
    let journal = dir.journal()?;
    let policy = match journal.policy() {
        Some(policy) => (**policy).clone(),
        None => load_policy(None)?,
    };
    let catalogue = match runbooks {
        Some(catalogue) => catalogue,
        None => Catalogue::new([]).map_err(|e| Failure::Fault(e.to_string()))?,
    };
    let search = LateMatcher::new(catalogue.clone(), dir.vectors());
    Ok(Engine::new(journal, policy, catalogue, search))
}

/// As [`engine`], with the runbooks that a plan is bound from anew.
pub(super) fn engine_with_runbooks(
    home: &Home,
    named: Option<&PathBuf>,
) -> Result<Engine<Store>, Failure> {
    let configured = match named {
        Some(_) => None,
        None => home.config()?.runbooks,
    };
    let dir = named.or(configured.as_ref()).ok_or_else(|| {
        Failure::BadInput(
            "the plan is made anew, so its runbooks are needed: give --runbooks DIR, the \
             directory it was made from"
                .into(),
        )
    })?;
    engine(home, Some(load_runbooks(dir)?))
}

/// Whether the engine has the runbook of this plan.
pub(super) fn made_from(engine: &Engine<Store>, plan: &Plan) -> Result<(), Failure> {
    match engine.runbooks().get(&plan.runbook) {
        Some(_) => Ok(()),
        None => Err(Failure::BadInput(format!(
            "the runbooks hold no {:?}; give the directory the plan was made from",
            plan.runbook
        ))),
    }
}

#[derive(Serialize)]
struct Pending {
    #[serde(flatten)]
    summary: Summary,
    /// What is asked of people; nothing where an incident is theirs without a plan to grant.
    #[serde(flatten)]
    request: Option<Request>,
}

#[derive(Serialize)]
struct Request {
    mode: String,
    quorum: u32,
    approvals: usize,
    expires_at: String,
}

pub(super) fn run(home: &Home, command: &Command) -> Outcome {
    match command {
        Command::List { json } => list(home, *json),
        Command::Show { incident, json, who } => show(home, incident, *json, who),
        Command::Approve(args) => answer(home, args, Answer::Approve),
        Command::Reject(args) => answer(home, args, Answer::Reject),
        Command::Modify(args) => modify(home, args),
        Command::Close { incident, who, reason, json } => {
            let (by, reason) = (who.person()?, reason.as_str().into());
            let mut engine = engine(home, None)?;
            engine.handle(incident, Ask::Close { by, reason })?;
            print_state(&engine, incident, *json)
        }
    }
}

fn list(home: &Home, json: bool) -> Outcome {
    let mut engine = engine(home, None)?;
    engine.tick()?;
    let pending: Vec<Pending> = engine
        .journal()
        .incidents()
        .filter(|(_, incident)| matches!(incident, Incident::Open(..)))
        .filter_map(|(id, incident)| {
            let summary = Summary::among(engine.journal(), id, incident)?;
            let request = incident.waiting().map(|(proposal, gate)| Request {
                mode: proposal.plan.mode.to_string(),
                quorum: gate.request().quorum,
                approvals: gate.reviews().count(),
                expires_at: gate.request().expires_at.to_string(),
            });
            let theirs = ["halted", "with_people"].contains(&summary.state);
            (request.is_some() || theirs).then_some(Pending { summary, request })
        })
        .collect();
    if json {
        return print_json(&pending);
    }
    let (waiting, others): (Vec<_>, Vec<_>) = pending.iter().partition(|one| one.request.is_some());
    if waiting.is_empty() {
        anstream::println!("No plan waits for an answer.");
    }
    for one in waiting {
        let Some(request) = &one.request else { continue };
        let answers = format!("{} of {}", request.approvals, request.quorum);
        print_row(&one.summary, &format!("{answers}  until {}", request.expires_at));
    }
    if !others.is_empty() {
        anstream::println!("\nWith people, without a plan to grant (close what is dealt with):");
    }
    for one in others {
        let reason = one.summary.reasons.first().map_or("", String::as_str);
        print_row(&one.summary, &format!("{}: {}", one.summary.state, shortened(reason, 60)));
    }
    Ok(())
}

fn print_row(summary: &Summary, rest: &str) {
    anstream::println!(
        "{}  {:<28} {:<20} {:<8} {rest}",
        summary.incident,
        shortened(&summary.alert, 28),
        shortened(summary.runbook.as_deref().unwrap_or("-"), 20),
        summary.tier.unwrap_or("-"),
    );
}

fn show(home: &Home, id: &str, json: bool, who: &Who) -> Outcome {
    let mut engine = engine(home, None)?;
    engine.tick()?;
    let incident = engine.journal().incident(id);
    let unknown = || Failure::BadInput(format!("there is no incident {id:?}"));
    let summary = Summary::among(engine.journal(), id, incident).ok_or_else(unknown)?;
    let waiting = incident.waiting().map(|(proposal, _)| proposal.digest);
    if json {
        // The same members as in a list, with the whole plan in the place of its digest.
        let (digest, plan) = (summary.plan.clone(), incident.proposal().map(|p| &p.plan));
        let mut shown = serde_json::json!(summary);
        shown["plan"] = serde_json::json!(plan);
        shown["plan_digest"] = serde_json::json!(digest);
        print_json(&shown)?;
    } else {
        for recorded in engine.journal().history(Some(id))? {
            print_lines(&story::tell(&recorded));
        }
        if summary.alerts.is_some()
            && let Some(page) = gathered(engine.journal(), id, 0, SHOWN_ALERTS)?
        {
            print_gathered(&page);
        }
        if let Some(digest) = waiting {
            anstream::println!(
                "\nTo answer: tagout approvals approve|reject {id} --plan {} --as NAME",
                digest.short()
            );
        }
    }
    // Their latency counts from here; without a name nobody's does.
    if let (Some(plan), Ok(to)) = (waiting, who.person()) {
        engine.handle(id, Ask::ShowRequest { plan, to })?;
    }
    Ok(())
}

/// What an incident stands for: how many alerts, and the first of them.
fn print_gathered(page: &Gathered) {
    let AlertCounts { firing, total } = page.counts;
    anstream::println!("\nIt stands for {total} alerts, {firing} of which fire:");
    for alert in &page.alerts {
        let GatheredAlert { name, subject, state, at, .. } = alert;
        let (name, subject) = (shortened(name, 28), shortened(subject, 40));
        anstream::println!("  {state:<9}  {name:<28}  {subject:<40}  {at}");
    }
    if page.next.is_some() || page.unlisted > 0 {
        anstream::println!("  and more; the service lists them all: /v1/incidents/ID/alerts");
    }
}

/// The digest that a person names, in full: it must be the plan that waits, so that nobody
/// approves what they have not read.
fn named_plan(incident: &Incident, id: &str, named: &str) -> Result<(PlanDigest, Plan), Failure> {
    let Some((proposal, _)) = incident.waiting() else {
        return Err(Failure::BadInput(match Summary::of(id, incident) {
            Some(summary) => format!("no plan of {id} waits for people; it is {}", summary.state),
            None => format!("there is no incident {id:?}"),
        }));
    };
    let digest = proposal.digest.to_string();
    if named.len() < 12 {
        return Err(Failure::BadInput("--plan: give at least 12 digits of the digest".into()));
    }
    if digest.starts_with(named) {
        return Ok((proposal.digest, proposal.plan.clone()));
    }
    // A whole digest of another plan goes to the gate, which refuses it and records that.
    let other = named.parse().map_err(|_| {
        Failure::BadInput(format!(
            "the plan that waits is {}, not {named}; read it again with `tagout approvals show {id}`",
            proposal.digest.short()
        ))
    })?;
    Ok((other, proposal.plan.clone()))
}

fn answer(home: &Home, args: &AnswerArgs, answer: Answer) -> Outcome {
    let reviewer = args.who.person()?;
    let mut engine = engine(home, None)?;
    engine.tick()?;
    let id = &args.incident;
    let (digest, plan) = named_plan(engine.journal().incident(id), id, &args.plan)?;
    // Whoever works at the data directory itself answers as an approver of no group.
    let (by, seen) = (Actor::new(reviewer, Role::Approver), (digest, plan.mode));
    let review = Review::by(by, answer, seen, args.reason.as_str().into());
    engine.handle(id, Ask::Answer(review))?;
    print_state(&engine, id, args.json)
}

fn modify(home: &Home, args: &ModifyArgs) -> Outcome {
    let by = Actor::new(args.answer.who.person()?, Role::Approver);
    let mut change = PlanChange { runbook: args.runbook.clone(), ..PlanChange::default() };
    let lines = args.drop.iter().map(|step| format!("drop {step}"));
    for line in lines.chain(args.set.iter().map(|pair| format!("set {pair}"))) {
        prompt::parse_change(&line, &mut change).map_err(Failure::BadInput)?;
    }
    if change == PlanChange::default() {
        return Err(Failure::BadInput("nothing to change: give --drop, --set or --use".into()));
    }
    let mut engine = engine_with_runbooks(home, args.runbooks.as_ref())?;
    engine.tick()?;
    let id = &args.answer.incident;
    let (plan, proposed) = named_plan(engine.journal().incident(id), id, &args.answer.plan)?;
    made_from(&engine, &proposed)?;
    engine.announce()?;
    let reason = args.answer.reason.as_str().into();
    engine.handle(id, Ask::Modify { by, plan, mode: proposed.mode, change, reason })?;
    print_state(&engine, id, args.answer.json)
}

/// What has become of an incident.
pub(super) fn print_state(engine: &Engine<Store>, id: &str, json: bool) -> Outcome {
    let incident = engine.journal().incident(id);
    let Some(summary) = Summary::of(id, incident) else { return Ok(()) };
    if json {
        return print_json(&summary);
    }
    match incident.waiting() {
        Some((proposal, gate)) => anstream::println!(
            "{id}: plan {} waits, {} of {} have approved. Nobody approves what they asked for.",
            proposal.digest.short(),
            gate.reviews().count(),
            gate.request().quorum
        ),
        None => anstream::println!(
            "{id}: {} {}",
            incident.decision().map_or_else(String::new, decision),
            summary.state
        ),
    }
    Ok(())
}
