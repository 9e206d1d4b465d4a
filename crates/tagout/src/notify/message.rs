//! A notice in words, from the texts as they are at the moment it is sent. Every channel says
//! the same in its own form; none of them adds anything.

use std::ops::ControlFlow;

use tagout_core::approval::Person;
use tagout_core::digest::PlanDigest;
use tagout_core::event::Event;
use tagout_core::evolve::evolve;
use tagout_core::incident::{Incident, Stage};
use tagout_core::limits;
use tagout_core::need::manual_step;
use tagout_core::notice::{Happened, Notice, Settled, Topic, notices};
use tagout_core::plan::PlannedStep;
use tagout_core::runbook::StepKind;
use tagout_core::tier::Tier;
use tagout_core::verdict::Mode;

use crate::engine::EngineError;
use crate::fault::Fault;
use crate::journal::{Declared, Recorded};
use crate::needed;
use crate::terminal::story::line;
use crate::terminal::{printable, shortened, step_line};
use crate::writer::{NotRecorded, Writer};

/// A notice as it is told.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) notice: Notice,
    /// What it is about, in a line.
    pub(crate) title: String,
    /// What happened, in a line.
    pub(crate) what: String,
    /// What is known, as name and value.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// The alert's own text.
    pub(crate) text: String,
    /// The steps of the plan, exactly as they would run.
    pub(crate) steps: Vec<String>,
    /// How many more there are.
    pub(crate) more_steps: usize,
    /// The request, while people are asked.
    pub(crate) request: Option<Request>,
    /// The page about it, if it is known where the pages are.
    pub(crate) link: Option<String>,
    /// What people were called for before about this incident, through whichever channel and
    /// whether or not it arrived.
    pub(crate) calls: Vec<Notice>,
    /// The messages about this incident that can still be changed, the earliest first.
    pub(crate) earlier: Vec<Earlier>,
}

/// What people are asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) plan: PlanDigest,
    pub(crate) mode: Mode,
    pub(crate) tier: Tier,
}

/// A message that a channel took before.
#[derive(Debug, Clone)]
pub(crate) struct Earlier {
    pub(crate) channel: String,
    pub(crate) topic: Topic,
    pub(crate) plan: Option<PlanDigest>,
    /// What the channel calls it.
    pub(crate) receipt: String,
}

impl Message {
    /// The message of a notice as things are now; none if it has no use any more.
    ///
    /// # Errors
    /// If the log cannot be read now.
    pub(crate) async fn of(
        writer: &Writer,
        notice: &Notice,
        pages: Option<&str>,
    ) -> Result<Option<Self>, NotRecorded> {
        let entry = notice.entry;
        let recorded = writer.read(move |journal| journal.event(entry)).await?;
        let recorded = recorded.map_err(EngineError::from)?;
        let event = recorded.as_ref().map(Recorded::event);
        let what = event.map(line).unwrap_or_default();
        let link = |path: &str| pages.map(|pages| format!("{}{path}", pages.trim_end_matches('/')));
        let mut message = Self {
            notice: notice.clone(),
            title: title(notice, None),
            what: shortened(&what, limits::MESSAGE_CHARS),
            facts: Vec::new(),
            text: String::new(),
            steps: Vec::new(),
            more_steps: 0,
            request: None,
            link: link("/"),
            calls: Vec::new(),
            earlier: Vec::new(),
        };
        if notice.incident.is_empty() {
            return Ok(Some(message));
        }
        let incident = writer.incident(&notice.incident).await?;
        if notice.is_overtaken(&incident) {
            return Ok(None);
        }
        // An incident's id is made of plain characters.
        message.link = link(&format!("/incidents/{}", notice.incident));
        if let Some(event) = event {
            let stopped = writer.read(|journal| journal.overview().kill_switch.clone()).await?;
            let what = called_for(notice, event, &incident, stopped.as_ref());
            message.what =
                what.map_or(message.what, |what| shortened(&what, limits::MESSAGE_CHARS));
        }
        message.describe(&incident);
        if !notice.topic.asks() {
            (message.calls, message.earlier) = before(writer, notice).await?;
        }
        Ok(Some(message))
    }

    fn describe(&mut self, incident: &Incident) {
        let Some(case) = incident.case() else { return };
        let (name, subject) = (printable(case.alert.name()), printable(case.alert.subject()));
        self.title = title(&self.notice, Some((&name, &subject)));
        self.text = shortened(case.alert.message.as_str(), limits::MESSAGE_CHARS);
        self.facts.push(("incident", self.notice.incident.clone()));
        self.facts.push(("alert", shortened(&name, limits::MESSAGE_CHARS)));
        self.facts.push(("subject", shortened(&subject, limits::MESSAGE_CHARS)));
        if let Some(severity) = self.notice.severity {
            self.facts.push(("severity", severity.name().to_owned()));
        }
        let proposal = incident.proposal().filter(|p| self.notice.plan == Some(p.digest));
        let Some(proposal) = proposal else { return };
        let plan = &proposal.plan;
        self.facts.push(("runbook", plan.runbook.clone()));
        self.facts.push(("target", shortened(&plan.target, limits::MESSAGE_CHARS)));
        self.facts.push(("mode", plan.mode.to_string()));
        self.facts.push(("tier", plan.tier.to_string()));
        self.facts.push(("plan", proposal.digest.short()));
        let all = plan.sequence().count();
        self.steps = plan.sequence().take(limits::MESSAGE_STEPS).map(step).collect();
        self.more_steps = all - self.steps.len();
        let Incident::Open(_, Stage::Waiting(_, gate, clock)) = incident else { return };
        let request = gate.request();
        let approved: Vec<_> = gate.reviews().map(|(review, _)| review.reviewer.name()).collect();
        self.facts.push(("needed", request.least_people().to_string()));
        for (owner, by) in &request.first_use {
            self.facts.push(("first use", shortened(&by.told(owner), limits::MESSAGE_CHARS)));
        }
        if !approved.is_empty() {
            self.facts.push(("answered", printable(&approved.join(", "))));
        }
        self.facts.push(("until", request.expires_at.to_string()));
        if let Some(clock) = clock {
            let words = format!("counts as consent {} after this was delivered", clock.wait);
            self.facts.push(("silence", words));
        }
        self.request =
            Some(Request { plan: proposal.digest, mode: request.mode, tier: request.tier });
    }

    /// All of it as plain text.
    pub(crate) fn plain(&self) -> String {
        let mut lines = vec![self.title.clone(), String::new()];
        if !self.what.is_empty() {
            lines.extend([self.what.clone(), String::new()]);
        }
        if !self.text.is_empty() {
            lines.extend([format!("“{}”", self.text), String::new()]);
        }
        lines.extend(self.facts.iter().map(|(name, value)| format!("{name:<9} {value}")));
        if !self.steps.is_empty() {
            lines.push(String::new());
            lines.extend(
                self.steps.iter().enumerate().map(|(n, step)| format!("{:>2}. {step}", n + 1)),
            );
        }
        if self.more_steps > 0 {
            lines.push(format!("and {} more", self.more_steps));
        }
        if let Some(link) = &self.link {
            lines.extend([String::new(), link.clone()]);
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

/// For what a person is needed about a step, if that is what the notice is about: which step it
/// is, as things are now. What the event says by itself is only what happened just before.
fn called_for(
    notice: &Notice,
    event: &Event,
    incident: &Incident,
    stopped: Option<&Declared>,
) -> Option<String> {
    if notice.topic != Topic::PersonNeeded {
        return None;
    }
    let case = incident.case()?;
    match event {
        Event::StepFinished { .. } | Event::PlanGranted { .. } => {
            let (step, _) = manual_step(incident)?;
            let (id, title) = (printable(&step.id), printable(&step.title));
            Some(format!("step {id} is for a person to do: {title}"))
        }
        Event::PlanFinished { plan, .. } => {
            let how = needed::failure(case, *plan, incident.proposal(), stopped)?;
            Some(format!("the plan ended: {how}"))
        }
        Event::StepLost { .. } => {
            Some(format!("{}; look at the system, and say what it did", line(event)))
        }
        _ => None,
    }
}

fn title(notice: &Notice, alert: Option<(&str, &str)>) -> String {
    let by = |by: &[Person]| match by {
        [] => String::new(),
        by => {
            let names: Vec<_> = by.iter().map(Person::name).collect();
            format!(" by {}", printable(&names.join(" and ")))
        }
    };
    let head = match notice.topic {
        Topic::ReviewRequested => "Review requested".into(),
        Topic::ClockWarning => "Review requested; silence counts as consent".into(),
        Topic::Warned => "About to lapse".into(),
        Topic::Escalated => "Nobody has answered; you are asked too".into(),
        Topic::Decided => {
            let how = match notice.settled {
                Some(Settled::Approved) => "Approved",
                Some(Settled::ByTheClock) => "Granted by the clock",
                Some(Settled::Rejected) => "Rejected",
                Some(Settled::Modified) => "Changed into another plan",
                Some(Settled::Revoked) => "Taken back",
                Some(Settled::Overtaken) | None => "Overtaken by what has changed",
            };
            format!("{how}{}", by(&notice.by))
        }
        Topic::Taken => format!("Looked after{}", by(&notice.by)),
        Topic::Lapsed => "Nobody answered in time".into(),
        Topic::Halted => "Halted by the policy".into(),
        Topic::PersonNeeded => "A person is needed".into(),
        Topic::Closed => format!("Closed{}", by(&notice.by)),
        Topic::GlassBroken => format!("The glass was broken{}: one approval alone", by(&notice.by)),
        Topic::KillSwitchEngaged => format!("Kill switch engaged{}", by(&notice.by)),
        Topic::BypassGranted => format!("Bypass granted{}", by(&notice.by)),
        Topic::BypassEnded => format!("Bypass ended{}", by(&notice.by)),
        Topic::DidNotHelp => "Every step was done, and the alert still fires".into(),
        Topic::KillSwitchReleased => format!("Kill switch released{}", by(&notice.by)),
    };
    let title = match alert {
        Some((name, subject)) if !subject.is_empty() => format!("{head}: {name} on {subject}"),
        Some((name, _)) => format!("{head}: {name}"),
        None => head,
    };
    shortened(&title, limits::MESSAGE_CHARS)
}

fn step(step: &PlannedStep) -> String {
    let what = match step.kind {
        StepKind::Manual => format!("manual: {}", step.title),
        StepKind::Check => format!("check: {}", step_line(step)),
        StepKind::Action => format!("action: {}", step_line(step)),
    };
    shortened(&what, limits::MESSAGE_CHARS)
}

/// What people were called for before a notice, and what channels took of its incident and can
/// change. A log may hold one of these twice: the replica that sent it was gone before it could
/// say so.
async fn before(
    writer: &Writer,
    notice: &Notice,
) -> Result<(Vec<Notice>, Vec<Earlier>), NotRecorded> {
    let (mut calls, mut taken) = (Vec::new(), Vec::new());
    let mut after = Incident::Absent;
    let walked = writer.walk(&notice.incident, |recorded| {
        let (event, entry, at) = (recorded.event(), recorded.index(), recorded.at());
        if let Event::NoticeDelivered { topic, channel, plan, receipt, .. } = event
            && !receipt.is_empty()
            && topic.calls()
        {
            let (channel, receipt) = (channel.clone(), receipt.as_str().to_owned());
            taken.push(Earlier { channel, topic: *topic, plan: *plan, receipt });
        }
        if entry >= notice.entry {
            return ControlFlow::Continue(());
        }
        let was_open = matches!(after, Incident::Open(..));
        after = match evolve(std::mem::take(&mut after), event, at) {
            Ok(after) => after,
            Err(e) => {
                return ControlFlow::Break(Fault::damage(format!(
                    "entry {entry} breaks its own record ({e})"
                )));
            }
        };
        let incident = notice.incident.as_str();
        let happened = Happened { event, incident, was_open, after: &after, entry, at };
        calls.extend(notices(happened).into_iter().filter(|notice| notice.topic.calls()));
        ControlFlow::Continue(())
    });
    match walked.await? {
        Some(flaw) => Err(EngineError::from(flaw).into()),
        None => Ok((calls, taken)),
    }
}
