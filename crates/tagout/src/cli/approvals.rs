//! `tagout approvals`: what waits for people, and their answers.

use std::path::PathBuf;

use tagout_core::approval::{Answer, Person};
use tagout_core::digest::PlanDigest;
use tagout_core::plan::{Plan, PlanChange};
use tagout_core::runbook::Catalogue;

use crate::asks::IncidentAsk;
use crate::data_dir::DataDir;
use crate::engine::Engine;
use crate::gathered::{AlertCounts, Gathered, GatheredAlert};
use crate::matching::LateMatcher;
use crate::queue::{PlanView, Request};
use crate::store::Store;
use crate::summary::Summary;
use crate::terminal::{covers, is_read, print_lines, printable, prompt, shortened, story};

use super::client::Server;
use super::place::{Needs, Place, State};
use super::run::{load_policy, load_runbooks};
use super::{Failure, Home, Outcome, afterwards, alone, next, print_json, queue, review};

/// While `tagout serve` runs, ask it with --server: it knows you by your token and your rules.
/// The data directory answers too, for whoever may read its files; both take turns at the log.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
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
    /// Stop a plan for good: object while it waits, or take its grant back. What runs is stopped.
    Revoke(alone::Revoke),
    /// Approve alone what needs others. For those whom the policy entitles; everybody who may
    /// approve is told, and somebody else must review it afterwards.
    BreakGlass(alone::BreakGlass),
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
    /// Go through what waits, one plan after the other, and answer each.
    Review(review::Args),
    /// Make another plan of it: drop steps, change values within limits, use another candidate.
    Modify(ModifyArgs),
    /// List what ran without people and is not reviewed yet.
    Owed {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Review what ran without people: say whether it was right.
    Afterwards(afterwards::Args),
}

/// Who is asking.
#[derive(Debug, clap::Args)]
pub(super) struct Who {
    /// Who you are [default: $USER; a service knows you by your token].
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
}

impl Who {
    pub(super) fn person(&self) -> Result<Person, Failure> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => std::env::var("USER").unwrap_or_default(),
        };
        Person::new(&name).map_err(|_| Self::unnamed())
    }

    /// Nobody in particular, who only looks.
    pub(super) const fn nobody() -> Self {
        Self { name: None }
    }

    /// Whether somebody said who they are.
    pub(super) const fn is_named(&self) -> bool {
        self.name.is_some()
    }

    /// Somebody named themselves to a service.
    pub(super) fn named_at_a_service() -> Failure {
        let what = "--as: a service knows you by your token; leave this out";
        Failure::BadInput(what.into())
    }

    /// Nobody knows who asks.
    pub(super) fn unnamed() -> Failure {
        Failure::BadInput("who are you? Give --as NAME; a decision needs a name".into())
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
    engine_in(&home.existing()?, runbooks)
}

/// As [`engine`], over the journal of a directory that may hold none yet.
pub(super) fn engine_in(
    dir: &DataDir,
    runbooks: Option<Catalogue>,
) -> Result<Engine<Store>, Failure> {
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

pub(super) fn run(home: &Home, Args { server, command }: &Args) -> Outcome {
    match command {
        Command::List { json } => queue::list(home, server, *json),
        Command::Show { incident, json, who } => show(home, server, incident, *json, who),
        Command::Approve(args) => answer(home, server, args, Answer::Approve),
        Command::Reject(args) => answer(home, server, args, Answer::Reject),
        Command::Modify(args) => modify(home, server, args),
        Command::Revoke(args) => alone::revoke(home, server, args),
        Command::BreakGlass(args) => alone::break_glass(home, server, args),
        Command::Review(args) => review::run(home, server, args),
        Command::Owed { json } => afterwards::list(home, server, *json),
        Command::Afterwards(args) => afterwards::give(home, server, args),
        Command::Close { incident, who, reason, json } => {
            let mut place = Place::open(home, server, who, Needs::Answers)?;
            let ask = IncidentAsk::Close { reason: reason.as_str().into() };
            print_state(&place.ask(incident, &ask)?, place.by(), *json)
        }
    }
}

fn show(home: &Home, server: &Server, id: &str, json: bool, who: &Who) -> Outcome {
    let mut place = Place::open(home, server, who, Needs::Answers)?;
    let told = place.told(id)?;
    let view = match told.summary.plan {
        Some(_) => place.plan(id)?,
        None => None,
    };
    let waiting = view.as_ref().filter(|view| view.request.is_some()).map(digest).transpose()?;
    let by = place.by();
    if json {
        // The same members as in a list, with the whole plan in the place of its digest.
        let (digest, plan) = (told.summary.plan.clone(), view.as_ref().map(|view| &view.plan));
        let mut shown = serde_json::json!(told.summary);
        shown["plan"] = serde_json::json!(plan);
        shown["plan_digest"] = serde_json::json!(digest);
        print_json(&shown)?;
    } else {
        for event in &told.events {
            print_lines(&story::tell_event(event, id));
        }
        if told.summary.alerts.is_some()
            && let Some(page) = place.gathered(id)?
        {
            print_gathered(&page);
        }
        if let (Some(view), Some(digest)) = (&view, waiting) {
            anstream::println!();
            print_lines(
                &view.request.iter().flat_map(|r| queue::standing(r, id)).collect::<Vec<_>>(),
            );
            print_lines(&covers::lines(&view.plan, view.weak_containment, &digest.short()));
            let call =
                format!("tagout approvals approve|reject {id} --plan {}{by}", digest.short());
            match is_read() {
                true => anstream::println!("\nTo answer:\n  {call}"),
                false => anstream::println!("\nTo answer: {call}"),
            }
        }
        print_lines(&place.holds()?);
        let mut steps = place.steps()?;
        steps.retain(|step| step.incident == id);
        let next = next::lines(&told.summary, &steps, by);
        if !next.is_empty() {
            anstream::println!();
            print_lines(&next);
        }
    }
    // Their latency counts from here; without a name nobody's does.
    let known = place.person().is_some() || matches!(place, Place::There(_));
    if let (Some(plan), true) = (waiting, known) {
        place.ask(id, &IncidentAsk::Show { plan })?;
    }
    Ok(())
}

/// The digest of a plan that was put before somebody.
pub(super) fn digest(view: &PlanView) -> Result<PlanDigest, Failure> {
    let unreadable = |_| Failure::Fault("the digest of the plan cannot be read".into());
    view.plan_digest.parse().map_err(unreadable)
}

/// What an incident stands for: how many alerts, and the first of them.
fn print_gathered(page: &Gathered) {
    let AlertCounts { firing, total } = page.counts;
    anstream::println!("\nIt stands for {total} alerts, {firing} of which fire:");
    for alert in &page.alerts {
        let GatheredAlert { name, subject, state, at, .. } = alert;
        let (name, subject) = (shortened(name, 28), shortened(subject, 40));
        print_lines(&[format!("  {state:<9}  {name:<28}  {subject:<40}  {at}")]);
    }
    if page.next.is_some() || page.unlisted > 0 {
        anstream::println!("  and more; the service lists them all: /v1/incidents/ID/alerts");
    }
}

/// The digest that a person names, in full: it must be the plan that waits, so that nobody
/// approves what they have not read.
fn named_plan(place: &mut Place, id: &str, named: &str) -> Result<(PlanDigest, Plan), Failure> {
    let view = place.plan(id)?.filter(|view| view.request.is_some());
    let Some(view) = view else {
        let state = place.told(id)?.summary.state;
        return Err(Failure::BadInput(format!("no plan of {id} waits for people; it is {state}")));
    };
    Ok((meant(&view, id, named)?, view.plan))
}

/// The plan that a person means by these digits: the one that is before them, which they must have
/// read. A whole digest of another goes to the rules, which refuse it and record that.
pub(super) fn meant(view: &PlanView, id: &str, named: &str) -> Result<PlanDigest, Failure> {
    if named.len() < 12 {
        return Err(Failure::BadInput(format!(
            "--plan: give at least 12 digits of the digest; `tagout approvals show {id}` shows it"
        )));
    }
    let before_them = digest(view)?;
    if view.plan_digest.starts_with(named) {
        return Ok(before_them);
    }
    named.parse().map_err(|_| {
        Failure::BadInput(format!(
            "the plan of {id} is {} now, not {named}; read it with `tagout approvals show {id}`",
            before_them.short()
        ))
    })
}

fn answer(home: &Home, server: &Server, args: &AnswerArgs, answer: Answer) -> Outcome {
    let mut place = Place::open(home, server, &args.who, Needs::Answers)?;
    let id = &args.incident;
    let (plan, shown) = named_plan(&mut place, id, &args.plan)?;
    let reason = args.reason.as_str().into();
    let ask = IncidentAsk::Answer { plan, mode: shown.mode, answer, reason };
    let state = place.ask(id, &ask)?;
    if !args.json {
        let did = match answer {
            Answer::Approve => "approved",
            Answer::Reject => "rejected",
        };
        let by = place.person().map(|person| format!(" by {}", printable(person.name())));
        anstream::println!("{id}: plan {} {did}{}", plan.short(), by.unwrap_or_default());
        // A grant starts nothing while something holds everything up.
        if answer == Answer::Approve {
            print_lines(&place.holds()?);
        }
    }
    print_state(&state, place.by(), args.json)
}

fn modify(home: &Home, server: &Server, args: &ModifyArgs) -> Outcome {
    let mut change = PlanChange { runbook: args.runbook.clone(), ..PlanChange::default() };
    let lines = args.drop.iter().map(|step| format!("drop {step}"));
    for line in lines.chain(args.set.iter().map(|pair| format!("set {pair}"))) {
        prompt::parse_change(&line, &mut change).map_err(Failure::BadInput)?;
    }
    if change == PlanChange::default() {
        return Err(Failure::BadInput("nothing to change: give --drop, --set or --use".into()));
    }
    let needs = Needs::Plans(args.runbooks.as_ref());
    let mut place = Place::open(home, server, &args.answer.who, needs)?;
    let id = &args.answer.incident;
    let (plan, shown) = named_plan(&mut place, id, &args.answer.plan)?;
    place.ready_to_plan(home, &shown)?;
    let ask = IncidentAsk::Modify {
        plan,
        mode: shown.mode,
        change,
        reason: args.answer.reason.as_str().into(),
    };
    print_state(&place.ask(id, &ask)?, place.by(), args.answer.json)
}

/// How many have approved, and how many it takes in all.
pub(super) fn count(request: &Request) -> String {
    // An older service does not say what its groups make of the quorum.
    let needed = request.needed.max(request.quorum);
    format!("{} of {needed}", request.approvals)
}

/// Of which groups people are still missing; empty if of none.
pub(super) fn missing(request: &Request) -> String {
    let missing = request.missing.iter().filter(|(_, n)| **n > 0);
    let missing: Vec<_> =
        missing.map(|(group, n)| format!("{n} of {}", printable(group))).collect();
    if missing.is_empty() { String::new() } else { format!(", {} missing", missing.join(" and ")) }
}

/// How an incident stands of which nothing is asked, in plain words.
fn stands(summary: &Summary) -> String {
    let needed = summary.needs_person.as_ref().map(|needed| printable(&needed.why));
    match (summary.state, needed) {
        ("completed", None) => "the plan ran, and every step was done".to_owned(),
        ("rehearsed", None) => {
            "the plan was rehearsed: every step was shown, and no action was started".to_owned()
        }
        ("granted", _) if summary.held_by.is_some() => {
            "the plan is granted, and waits for its target".to_owned()
        }
        ("granted", None) => "the plan is granted".to_owned(),
        ("closed", None) => "the incident is closed".to_owned(),
        (_, Some(why)) => format!("a person is needed: {why}"),
        (state, None) => format!("{} now", state.replace('_', " ")),
    }
}

/// What has become of an incident.
pub(super) fn print_state(State { summary, request }: &State, by: &str, json: bool) -> Outcome {
    if json {
        return print_json(summary);
    }
    let id = &summary.incident;
    match request {
        Some(request) => {
            let digits = summary.plan.as_deref().and_then(|plan| plan.get(..12));
            let (count, missing) = (count(request), missing(request));
            // Where having asked counts, they are among those who have approved.
            let own = |name: &String| match request.approved_by.contains(name) {
                true => format!(" That {} asked for it counts as theirs.", printable(name)),
                false => format!(" {} asked for it, so others must approve it.", printable(name)),
            };
            let others = request.requested_by.as_ref().map(own);
            anstream::println!(
                "{id}: plan {} waits, {count} have approved{missing}.{}",
                digits.unwrap_or_default(),
                others.unwrap_or_default()
            );
        }
        None => {
            anstream::println!("{id}: {}", stands(summary));
            if is_read() {
                print_lines(&next::lines(summary, &[], by));
            }
        }
    }
    Ok(())
}
