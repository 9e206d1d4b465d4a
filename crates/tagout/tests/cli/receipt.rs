//! The receipt of a plan: verified by a stranger with the public key, and refused if anything in
//! it was changed, left out or put in.

use std::fs;

use serde_json::Value;
use tagout::journal::Journal;
use tagout::store::{SqliteStore, Store};
use tagout_core::approval::Person;
use tagout_core::event::{Event, PlanOutcome, StepFinding, StepOutcome};
use tagout_core::plan::Plan;
use tagout_core::time::Time;
use tagout_core::verdict::Mode;
use tagout_log::{MemoryStorage, SignerKey};

use super::home::{Home, Out, alert};

/// A home in which one plan went on by itself and one was approved, and a place elsewhere that has
/// nothing but the public key.
struct World {
    home: Home,
    /// Approved by ben.
    asked: String,
    /// Granted by the policy.
    alone: String,
}

impl World {
    fn new() -> Self {
        let home = Home::new();
        let asked = home.incidents(&alert("QueueStuck", "warning", "q-1")).remove(0);
        let id = asked["incident"].as_str().unwrap().to_owned();
        let plan = asked["plan"].as_str().unwrap();
        let approve =
            ["approvals", "approve", &id, "--plan", plan, "--as", "ben", "--reason", "ok"];
        home.tagout(&approve).done().ok();
        let alone = home.incidents(&alert("CacheFull", "warning", "c-1")).remove(0);
        let alone = alone["incident"].as_str().unwrap().to_owned();
        home.write("elsewhere/keys", fs::read(home.data().join("log.pub")).unwrap());
        Self { home, asked: id, alone }
    }

    fn receipt(&self, incident: &str) -> String {
        self.home.tagout(&["audit", "receipt", incident]).done().ok().stdout
    }

    fn verify(&self, receipt: impl AsRef<[u8]>) -> Out {
        self.home.write("elsewhere/receipt", receipt);
        let args = ["audit", "verify", "receipt", "--keys", "keys", "--json"];
        let call = self.home.tagout(&args).within(&self.home.path("elsewhere"));
        call.env("XDG_STATE_HOME", "/nonexistent").done()
    }

    fn refused(&self, receipt: impl AsRef<[u8]>) -> String {
        let out = self.verify(receipt).exits(1).json();
        assert_eq!(out["holds"], false);
        out["error"].as_str().unwrap().to_owned()
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// The number of the line that holds an event of this kind.
fn line_of(text: &str, kind: &str) -> usize {
    let kind = format!("\"kind\":\"{kind}\"");
    lines(text).iter().position(|line| line.contains(&kind)).unwrap()
}

#[test]
fn a_stranger_sees_who_decided_what_and_what_became_of_each_step() {
    let world = World::new();
    let receipt = world.verify(world.receipt(&world.asked)).ok().json()["receipt"].clone();
    assert_eq!(receipt["incident"], world.asked.as_str());
    assert_eq!((&receipt["runbook"], &receipt["mode"]), (&"queue-stuck".into(), &"dry_run".into()));
    let decided: Vec<(&str, &str)> = receipt["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["by"].as_str().unwrap(), one["what"].as_str().unwrap()))
        .collect();
    assert_eq!(decided, [("policy", "escalate"), ("ben", "approve"), ("ben", "granted")]);
    let steps: Vec<(&str, &str)> = receipt["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["step"].as_str().unwrap(), one["what"].as_str().unwrap()))
        .collect();
    assert_eq!(steps, [("depth", "rehearsed"), ("restart", "rehearsed")]);
    assert_eq!(receipt["outcome"], "rehearsed");
    for digest in ["plan", "policy", "evidence", "runbook_digest"] {
        assert_eq!(receipt[digest].as_str().unwrap().len(), 64, "{digest}");
    }

    let receipt = world.verify(world.receipt(&world.alone)).ok().json()["receipt"].clone();
    assert_eq!(receipt["decisions"][1]["by"], "policy");
    assert_eq!(receipt["decisions"][1]["what"], "granted");

    let told = world.home.tagout(&["audit", "receipt", &world.asked, "--output", "r"]).done().ok();
    assert!(told.stdout.is_empty());
    let told = world.home.tagout(&["audit", "verify", "r"]).done().ok().stdout;
    for words in ["HOLDS", "ben: approve", "step restart: rehearsed", "without a gap"] {
        assert!(told.contains(words), "{words:?} is missing: {told}");
    }
}

#[test]
fn a_receipt_is_asked_for_by_incident_and_plan() {
    let world = World::new();
    let receipt = world.verify(world.receipt(&world.asked)).ok().json()["receipt"].clone();
    let plan = receipt["plan"].as_str().unwrap();
    let args = ["audit", "receipt", &world.asked, "--plan", &plan[..12]];
    assert_eq!(world.home.tagout(&args).done().ok().stdout, world.receipt(&world.asked));
    let args = ["audit", "receipt", &world.asked, "--plan", "no"];
    world.home.tagout(&args).done().exits(2).names(&["digest begins"]);
    world.home.tagout(&["audit", "receipt", "nothing"]).done().exits(2).names(&["no incident"]);
    let none = world.home.incidents(&alert("Unheard", "warning", "x-1")).remove(0);
    let args = ["audit", "receipt", none["incident"].as_str().unwrap()];
    world.home.tagout(&args).done().exits(2).names(&["never had a plan"]);
}

#[test]
fn no_changed_byte_is_accepted() {
    let world = World::new();
    let text = world.receipt(&world.asked);
    world.verify(&text).ok();
    let places = (0..text.len()).step_by(text.len() / 120).chain([0, text.len() - 1]);
    for at in places {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let out = world.verify(&bytes);
        assert_ne!(out.code, 0, "byte {at}: {out:?}");
    }
    // The summary can be spelled well and say something else.
    let changed = text.replacen("\"by\":\"ben\"", "\"by\":\"eve\"", 1);
    assert_ne!(changed, text);
    assert!(world.refused(changed).contains("not what its entries say"));
}

#[test]
fn no_entry_can_be_left_out_or_put_in() {
    let world = World::new();
    let text = world.receipt(&world.asked);
    let without = |line: usize| {
        let kept = lines(&text).into_iter().enumerate().filter(|(n, _)| *n != line);
        kept.map(|(_, line)| line).collect::<String>()
    };
    for n in 0..lines(&text).len() {
        let out = world.verify(without(n));
        assert_ne!(out.code, 0, "line {n}: {out:?}");
    }
    assert!(world.refused(without(line_of(&text, "policy_loaded"))).contains("was left out"));

    // An entry of another incident of the very same log, in its place.
    let other = world.receipt(&world.alone);
    let last = |text: &str| lines(text).last().unwrap().to_string();
    assert_eq!(last(&text), last(&other), "both are proved against one checkpoint");
    let foreign = lines(&other)[line_of(&other, "plan_finished")].to_owned();
    let mut put = lines(&text);
    put.insert(put.len() - 1, &foreign);
    assert!(world.refused(put.concat()).contains("has no place in it"));
}

#[test]
fn a_receipt_from_before_an_erasure_and_after_it_hold() {
    let world = World::new();
    let before = world.receipt(&world.asked);
    let entry = world
        .home
        .trail()
        .into_iter()
        .find(|line| line["event"]["kind"] == "review_given")
        .unwrap()["entry"]
        .to_string();
    world.home.tagout(&["audit", "erase", &entry, "--reason", "a slip"]).done().ok();
    world.verify(before).ok();
    let after: Value = world.verify(world.receipt(&world.asked)).ok().json();
    assert_eq!(after["texts_absent"], 1);
    assert_eq!(after["receipt"]["decisions"][1]["what"], "approve");
}

/// The history of a plan that was rehearsed, as if it had been a live one up to its grant.
fn as_live(home: &Home, incident: &str) -> (Vec<(String, Time, Event)>, Plan) {
    let journal = Journal::open(Store::from(SqliteStore::open(&home.database()).unwrap())).unwrap();
    let history = journal.history(None).unwrap();
    let (mut live, old) = history
        .iter()
        .find_map(|recorded| match recorded.event() {
            Event::PlanProposed { plan, digest, .. } if recorded.incident() == incident => {
                Some((plan.clone(), *digest))
            }
            _ => None,
        })
        .unwrap();
    live.mode = Mode::Live;
    let new = live.digest();
    let mut events = Vec::new();
    for recorded in history {
        if !recorded.incident().is_empty() && recorded.incident() != incident {
            continue;
        }
        let text = serde_json::to_string(recorded.event()).unwrap();
        let text = text.replace(&old.to_string(), &new.to_string());
        let text = text.replace("\"mode\":\"dry_run\"", "\"mode\":\"live\"");
        let event: Event = serde_json::from_str(&text).unwrap();
        let granted = matches!(event, Event::PlanGranted { .. });
        events.push((recorded.incident().to_owned(), recorded.at(), event));
        if granted {
            break;
        }
    }
    (events, live)
}

#[test]
fn a_live_plan_shows_what_was_started_how_it_ended_and_who_said_what_an_unknown_step_did() {
    let world = World::new();
    let (events, plan) = as_live(&world.home, &world.asked);
    let mut journal = Journal::open(MemoryStorage::new()).unwrap();
    let at = events.last().unwrap().1;
    let mut turn = journal.turn().unwrap();
    for (incident, at, event) in events {
        turn.add(&incident, vec![event], at).unwrap();
    }
    let (digest, target, id) = (plan.digest(), plan.target.clone(), world.asked.as_str());
    let started = |step: &str| Event::StepStarted {
        plan: digest,
        step: step.into(),
        attempt: 1,
        target: target.clone(),
        tier: None,
        runbook: String::new(),
    };
    let ben = Person::new("ben").unwrap();
    let happened = vec![
        started("depth"),
        Event::StepFinished {
            plan: digest,
            step: "depth".into(),
            attempt: 1,
            outcome: StepOutcome::Succeeded,
            output: "3 messages".into(),
            ended: None,
        },
        started("restart"),
        Event::StepLost {
            plan: digest,
            step: "restart".into(),
            attempt: 1,
            output: "".into(),
            ended: None,
        },
        Event::StepResolved {
            plan: digest,
            step: "restart".into(),
            attempt: 1,
            by: ben,
            finding: StepFinding::Ran,
            reason: "the broker says so".into(),
        },
        Event::PlanFinished {
            plan: digest,
            outcome: PlanOutcome::Completed,
            target: target.clone(),
            runbook: plan.runbook.clone(),
            stops_at: None,
            tier: None,
            look_until: None,
        },
    ];
    turn.add(id, happened, at).unwrap();
    turn.commit().unwrap();
    let key = SignerKey::from_seed("example.org/log", &[1; 32]).unwrap();
    let checkpoint = journal.sign(&key).unwrap();
    let mut bytes = Vec::new();
    journal.write_receipt(&mut bytes, (id, None), &checkpoint).unwrap();
    let keys = [key.verifier().clone()];
    let (account, _) = tagout::receipt::verify(bytes.as_slice(), &keys).unwrap();
    assert_eq!((account.plan, account.mode, account.outcome), (digest, Mode::Live, "completed"));
    let steps: Vec<_> =
        account.steps.iter().map(|s| (s.step.as_str(), s.attempt, s.what)).collect();
    assert_eq!(
        steps,
        [
            ("depth", 1, "started"),
            ("depth", 1, "succeeded"),
            ("restart", 1, "started"),
            ("restart", 1, "unknown"),
            ("restart", 1, "resolved_ran"),
        ]
    );
    // A start without its grant cannot be told, whoever signs it.
    let text = String::from_utf8(bytes).unwrap();
    let granted = line_of(&text, "plan_granted");
    let kept = lines(&text).into_iter().enumerate().filter(|(n, _)| *n != granted);
    let without: String = kept.map(|(_, line)| line).collect();
    assert!(tagout::receipt::verify(without.as_bytes(), &keys).is_err());
}
