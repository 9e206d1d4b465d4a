//! `tagout demo`: the main job on bundled runbooks and real webhook bodies, in dry-run, in a
//! fresh temporary directory.

use std::cell::Cell;
use std::io::{self, IsTerminal as _};

use tagout_core::actor::{Actor, Role};
use tagout_core::approval::{Person, Review};
use tagout_core::command::Command;
use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::Catalogue;
use tagout_log::SignerKey;

use crate::bundled;
use crate::data_dir::DataDir;
use crate::engine::{Engine, EngineError, Taken};
use crate::matching::{Matcher, embedder};
use crate::runbooks;
use crate::signals;
use crate::store::{Store, StoreConfig};
use crate::summary::Summary;
use crate::terminal::telling::Telling;
use crate::terminal::{ASK, GO, QUIET, STRONG, paint, print_lines, prompt, story};

use super::audit::trail;
use super::{Failure, Home, Outcome};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Ask nothing: print every decision and leave requests pending.
    #[arg(long)]
    non_interactive: bool,
}

/// How many entries of the trail are shown at the end.
const TRAIL: usize = 12;

pub(super) fn run(home: &Home, args: &Args) -> Outcome {
    let interactive =
        !args.non_interactive && io::stdin().is_terminal() && io::stdout().is_terminal();
    let dir = match &home.chosen {
        Some(path) => DataDir::at(path.clone()),
        None => DataDir::at(tempfile::Builder::new().prefix("tagout-demo-").tempdir()?.keep()),
    };
    // Without a configuration the directory is the demonstration's own, whatever store the
    // environment names for others.
    let dir = if dir.config_file().exists() { dir } else { dir.with_store(StoreConfig::default()) };
    if dir.has_journal() {
        return Err(Failure::BadInput(format!(
            "{} already holds a log; the demonstration wants a fresh directory",
            dir.path().display()
        )));
    }
    let catalogue = bundled_runbooks()?;
    let policy = evaluation_policy()?;
    dir.prepare()?;
    anstream::println!(
        "{}\n{} runbooks, {} deliveries. Dry-run: every step is shown, nothing is started.",
        paint(STRONG, "Tagout demonstration"),
        catalogue.len(),
        bundled::DELIVERIES.len()
    );
    if !interactive {
        anstream::println!("Nobody is asked here: what needs a person stays pending.");
    }
    let matcher = Matcher::new(embedder()?, &catalogue, &mut dir.vectors())?;
    let signer = dir.signer()?;
    let engine = Engine::new(dir.journal()?, policy, catalogue, matcher);
    let telling = Telling::default();
    let hear = telling.clone();
    let engine = engine.observed_by(move |recorded| hear.hear(recorded));
    let mut demo = Demo { engine, telling, asking: Cell::new(interactive) };
    demo.engine.announce()?;
    for (what, body) in bundled::DELIVERIES {
        anstream::println!("\n{}", paint(STRONG, format_args!("── {what} ")));
        let delivery = signals::read(body.as_bytes()).map_err(|e| Failure::Fault(e.to_string()))?;
        let mut waiting = Vec::new();
        let taken = demo.engine.receive(&delivery);
        demo.telling.tell();
        for taken in taken? {
            if let Taken::Incident(id) = taken
                && !waiting.contains(&id)
            {
                waiting.push(id);
            }
        }
        demo.ask_about(&waiting)?;
    }
    demo.end(&dir, &signer)
}

/// The bundled runbooks, checked like any others.
pub(super) fn bundled_runbooks() -> Result<Catalogue, Failure> {
    runbooks::load_pages(bundled::RUNBOOKS).map(|loaded| loaded.catalogue).map_err(|errors| {
        let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
        Failure::Fault(lines.join("\n"))
    })
}

/// The policy of the evaluation and the demonstration.
pub(super) fn evaluation_policy() -> Result<EscalationPolicy, Failure> {
    EscalationPolicy::parse(bundled::EVALUATION_POLICY).map_err(|e| Failure::Fault(e.to_string()))
}

struct Demo {
    engine: Engine<Store>,
    telling: Telling,
    asking: Cell<bool>,
}

impl Demo {
    /// Puts each plan that waits before the person at the terminal.
    fn ask_about(&mut self, incidents: &[String]) -> Outcome {
        for id in incidents {
            while self.asking.get() && self.ask_once(id)? {}
        }
        Ok(())
    }

    /// Asks about one plan; whether to ask again.
    fn ask_once(&mut self, id: &str) -> Result<bool, Failure> {
        let incident = self.engine.journal().incident(id);
        let Some((proposal, gate)) = incident.waiting() else { return Ok(false) };
        let (plan, digest) = (proposal.plan.clone(), proposal.digest);
        let (have, need) = (gate.reviews().count(), gate.needed());
        let findings = incident.case().and_then(|case| case.findings.as_ref());
        let candidates: Vec<String> =
            findings.iter().flat_map(|f| &f.candidates).map(|c| c.runbook.clone()).collect();
        let me = Person::new(&std::env::var("USER").unwrap_or_default())
            .or_else(|_| Person::new("you"))
            .map_err(|e| Failure::Fault(e.to_string()))?;

        anstream::println!(
            "\n  {} {id}: {} approved of {need} needed",
            paint(ASK, "waiting for people"),
            have
        );
        print_lines(&story::plan_lines(&plan, &digest.short()));
        self.engine.handle(id, Command::ShowRequest { plan: digest, to: me.clone() })?;
        self.telling.tell();
        let (mut input, mut output) = (io::stdin().lock(), anstream::stdout());
        let reply = prompt::ask(&plan, &candidates, Some(&me), &mut input, &mut output)?;
        let command = match reply {
            prompt::Reply::Later => return Ok(false),
            prompt::Reply::Quit => {
                self.asking.set(false);
                return Ok(false);
            }
            prompt::Reply::Answer(answer, reviewer, reason) => {
                let (by, seen) =
                    (Actor::new(reviewer.unwrap_or(me), Role::Approver), (digest, plan.mode));
                Command::Answer(Review::by(by, answer, seen, reason.into()))
            }
            prompt::Reply::Modify(change, by) => {
                let by = Actor::new(by.unwrap_or(me), Role::Approver);
                Command::Modify { by, plan: digest, mode: plan.mode, change, reason: "".into() }
            }
        };
        let answered = self.engine.handle(id, command);
        self.telling.tell();
        match answered {
            Ok(_) => {}
            Err(EngineError::Rejected(rejection)) => anstream::println!("  {rejection}"),
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    /// The trail, its signature, and what to do next.
    fn end(mut self, dir: &DataDir, signer: &SignerKey) -> Outcome {
        let checkpoint = dir.sign(self.engine.journal_mut(), signer)?;
        let journal = self.engine.journal();
        let history = journal.history(None)?;
        anstream::println!("\n{}", paint(STRONG, "── the audit trail "));
        if history.len() > TRAIL {
            anstream::println!("  … {} entries before these", history.len() - TRAIL);
        }
        let last = history.get(history.len().saturating_sub(TRAIL)..).unwrap_or_default();
        trail::print(last, None, false);
        let summaries: Vec<Summary> =
            journal.incidents().filter_map(|(id, incident)| Summary::of(id, incident)).collect();
        let count = |decision: &str| summaries.iter().filter(|s| s.decision == decision).count();
        let pending: Vec<&Summary> =
            summaries.iter().filter(|s| s.state == "pending_review").collect();
        anstream::println!(
            "\n{} entries, signed; the tree's root is {}",
            journal.log().size(),
            tagout_core::digest::to_hex(&checkpoint.checkpoint().root)
        );
        anstream::println!("\n{}", paint(STRONG, "── in short "));
        anstream::println!(
            "  {} incidents: {} would proceed, {} escalated, {} halted, {} closed by triage or by \
             their end",
            summaries.len(),
            paint(GO, count("proceed")),
            paint(ASK, count("escalate")),
            count("halt"),
            count("none")
        );
        if !pending.is_empty() {
            anstream::println!(
                "  {} wait for people; nobody has decided anything on their behalf:",
                pending.len()
            );
            for summary in &pending {
                anstream::println!(
                    "    {}  {} ({})",
                    summary.incident,
                    crate::terminal::printable(&summary.alert),
                    summary.runbook.as_deref().unwrap_or("-")
                );
            }
        }
        next_steps(dir, pending.first().copied());
        Ok(())
    }
}

fn next_steps(dir: &DataDir, pending: Option<&Summary>) {
    let here = format!("tagout --data-dir {}", dir.path().display());
    anstream::println!("\n{}", paint(STRONG, "── what next "));
    if let Some(summary) = pending {
        let plan: String = summary.plan.iter().flat_map(|p| p.chars()).take(12).collect();
        anstream::println!("  {here} approvals show {}", summary.incident);
        anstream::println!(
            "  {here} approvals approve {} --plan {plan} --as NAME",
            summary.incident
        );
    }
    anstream::println!("  {here} audit verify");
    anstream::println!("  {here} audit export --output log.jsonl");
    anstream::println!("  tagout run --runbooks YOUR-RUNBOOKS --alerts YOUR-ALERT.json");
    anstream::println!("{}", paint(QUIET, "The directory is yours to keep or to delete."));
}
