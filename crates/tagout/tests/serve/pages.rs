//! What a page holds at most, and what it says when there is more. How pages look and work is tested in
//! a real browser.

use tagout::engine::{Engine, Wish};
use tagout::fault::Fault;
use tagout::journal::Journal;
use tagout::matching::Search;
use tagout::store::{SqliteStore, Store};
use tagout_core::alert::Alert;
use tagout_core::approval::Person as Name;
use tagout_core::command::Command;
use tagout_core::findings::Findings;
use tagout_core::handling::Handled;
use tagout_core::limits;
use tagout_core::policy::EscalationPolicy;
use tagout_core::runbook::Catalogue;

use super::home::{Home, alert};
use super::people::{Person, Plan};
use super::service::{Service, call, configuration};

struct NoSearch;

impl Search for NoSearch {
    fn find(&mut self, _: &Alert) -> Result<Findings, Fault> {
        Err(Fault::new("nothing is to be found here"))
    }
}

/// Says something about an incident so many times, in one turn.
fn comment(home: &Home, id: &str, times: usize) {
    let store = SqliteStore::open(&home.database()).unwrap();
    let journal = Journal::open(Store::from(store)).unwrap();
    let policy = EscalationPolicy::parse("").unwrap();
    let mut engine = Engine::new(journal, policy, Catalogue::new([]).unwrap(), NoSearch);
    let what = Handled::Commented { text: "seen".into() };
    let command = Command::Handle { by: Name::new("ana").unwrap(), what };
    let wishes = vec![Wish::Ask(id.to_owned(), command); times];
    assert!(engine.grant(&wishes).iter().all(Result::is_ok));
}

#[test]
fn a_report_has_so_many_entries_and_of_one_more_it_says_how_all_are_written() {
    let home = Home::new();
    home.write("state/tagout/tagout.toml", configuration("", ""));
    let id = home.incidents(&alert("QueueStuck", "warning", "q-1"))[0]["incident"].clone();
    let id = id.as_str().unwrap().to_owned();
    let entries = |home: &Home| home.trail().iter().filter(|line| line["incident"] == *id).count();
    comment(&home, &id, limits::REPORT_EVENTS - entries(&home));
    assert_eq!(entries(&home), limits::REPORT_EVENTS);
    let more = |home: Home| {
        let call = call(&home);
        let service = Service::of(home, call);
        let page = service.read(&format!("/incidents/{id}/report")).is(200).body;
        let said = page.contains("There is more than one document takes");
        (service.stop(), page.matches("“seen”").count(), said)
    };
    let (home, seen, is_cut) = more(home);
    assert!(!is_cut, "nothing is left out");
    comment(&home, &id, 1);
    let (_, still, is_cut) = more(home);
    assert_eq!((still, is_cut), (seen, true));
}

#[test]
fn so_many_like_plans_are_read_on_one_page_and_of_one_more_it_is_said() {
    let service = Service::start();
    let ana = Person::of(&service, "ana", "approver");
    let most = limits::BATCH_ROWS;
    for n in 0..most {
        Plan::for_one(&service, &format!("q-{n}"));
    }
    let inbox = ana.get("/").is(200).body;
    let (_, rest) = inbox.split_once("href=\"/batch?").expect("like plans are offered");
    let path = format!("/batch?{}", rest.split('"').next().unwrap().replace("&amp;", "&"));
    let page = || {
        let page = ana.get(&path).is(200).body;
        (page.matches("class=\"pick\"").count(), page.contains("that lapse first are here"))
    };
    assert_eq!(page(), (most, false));
    Plan::for_one(&service, "q-more");
    assert_eq!(page(), (most, true));
}
