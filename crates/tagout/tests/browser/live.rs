//! Pages that stay open while things go on.

use std::time::{Duration, Instant};

use super::browser::Look;
use super::home::alert;
use super::http::Request;
use super::stage::Stage;

#[test]
fn an_open_inbox_shows_what_comes_and_never_under_somebodys_hands() {
    let stage = Stage::set();
    stage.fires("QueueStuck", "q-1");
    let page = stage.page("ana", "approver", Look::DESKTOP);
    page.goes("/", 200);
    // Nobody is at it: what comes is shown.
    stage.fires("NobodyKnowsThis", "x-1");
    page.wait("text=NobodyKnowsThis");
    // Somebody is: it stays, and says that there is more.
    page.press("j");
    assert_eq!(page.focused(), "QueueStuck on q-1");
    let place = page.box_of(".row");
    stage.fires("NobodyKnowsThat", "x-2");
    page.wait("#notice.speaks").says_not("NobodyKnowsThat");
    assert_eq!(page.focused(), "QueueStuck on q-1");
    assert_eq!(page.box_of(".row"), place, "a notice moves nothing");
    page.is_sound().picture("notice");
    page.click("#notice button").wait("text=NobodyKnowsThat");
}

#[test]
fn a_stop_is_told_on_an_open_page_and_moves_nothing_on_it() {
    let stage = Stage::set();
    stage.fires("QueueStuck", "q-1");
    let page = stage.page("ana", "approver", Look::NARROW);
    page.goes("/", 200);
    let place = page.box_of(".row");
    let answer = stage.post("rob", "responder", "/stops/halt", "reason=wild");
    assert_eq!(answer.status, 303, "{answer:?}");
    page.wait("#holds:has-text('Kill switch engaged by rob')");
    assert_eq!(page.box_of(".row"), place);
    page.is_sound();
}

#[test]
fn in_a_storm_an_open_page_is_read_again_every_few_seconds_and_not_at_each_alert() {
    let stage = Stage::set();
    stage.fires("QueueStuck", "q-1");
    let page = stage.page("ana", "approver", Look::DESKTOP);
    page.goes("/", 200);
    let begun = Instant::now();
    let mut n = 0;
    while begun.elapsed() < Duration::from_secs(7) {
        n += 1;
        stage.fires("NobodyKnowsThis", &format!("x-{n}"));
    }
    assert!(n > 7, "no storm: {n} alerts");
    let looks = "performance.getEntriesByType('resource') \
                 .filter((one) => one.initiatorType === 'fetch').length";
    let looks = page.evaluate(looks).as_u64().unwrap();
    assert!((1..=begun.elapsed().as_secs() / 3 + 1).contains(&looks), "{looks} looks");
    // And the last of them is not missed.
    page.wait(&format!("text={n} incidents need a person"));
}

#[test]
fn a_page_under_review_is_told_its_state_alone_when_something_is_recorded() {
    let stage = Stage::set();
    let id = stage.sends(&alert("MailStuck", "error", "m-1"));
    let page = stage.page("ana", "approver", Look::PLAIN);
    page.goes(&format!("/incidents/{id}"), 200).click("text=Read and answer");
    let before = stage.service.entries();
    let state = page.evaluate("document.getElementById('review').dataset.state");
    for path in [page.path(), format!("{}/change", page.path())] {
        let headers = stage.headers("ana", "approver").into_iter();
        let request = headers.fold(Request::new("GET", &path), |r, (n, v)| r.header(&n, &v));
        let told = request.header("x-tagout-refetch", "1").send(&stage.service.address).is(200);
        let said =
            format!("data-state=\"{}\" data-tally=\"0 of 1 approved\"", state.as_str().unwrap());
        assert!(told.body.contains(&said), "{}", told.body);
        assert!(!told.body.contains("mailctl"), "nothing of the plan is read for it");
    }
    assert_eq!(stage.service.entries(), before);
}

#[test]
fn no_single_key_decides_and_single_keys_can_be_switched_off() {
    let stage = Stage::set();
    let id = stage.fires("QueueStuck", "q-1");
    let page = stage.page("ana", "approver", Look::DESKTOP);
    page.goes(&format!("/incidents/{id}"), 200).click("text=Read and answer");
    page.wait("text=What an answer covers");
    let review = page.path();
    // All that stay on the page first, so that each is pressed where it could decide.
    for key in "abcdefghjklmnopqstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".chars() {
        page.press(&key.to_string());
    }
    page.press("Enter").press("Space").press("Escape");
    assert_eq!(page.path(), review);
    page.press("r").wait("text=What an answer covers");
    page.press("i").wait(".row a").press("/");
    assert_eq!(stage.service.count("review_given"), 0);
    page.goes("/", 200).press("?").wait("dialog[open]");
    page.is_sound().picture("keys");
    page.click("dialog input").press("Escape").press("j");
    assert!(!page.focused().contains("QueueStuck"), "{}", page.focused());
    page.goes("/", 200).press("j");
    assert!(!page.focused().contains("QueueStuck"), "the browser remembers it");
}

#[test]
fn there_is_room_for_so_many_open_pages_and_one_more_is_told_to_ask_by_itself() {
    let stage = Stage::set();
    let open = || {
        let request = Request::new("GET", "/events");
        let request = stage
            .headers("ana", "viewer")
            .into_iter()
            .fold(request, |request, (n, v)| request.header(&n, &v));
        request.begin(&stage.service.address, 0)
    };
    let streams: Vec<_> = (0..tagout_core::limits::EVENT_STREAMS).map(|_| open().head()).collect();
    assert!(streams.iter().all(|stream| stream.0 == 200));
    let (status, _) = open().head();
    assert_eq!(status, 503);
    // One that goes away gives its place back.
    drop(streams);
    stage.service.wait("a place", |_| (open().head().0 == 200).then_some(()));
}
