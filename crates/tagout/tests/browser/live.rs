//! Pages that stay open while things go on.

use super::browser::Look;
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
fn no_single_key_decides_and_single_keys_can_be_switched_off() {
    let stage = Stage::set();
    let id = stage.fires("QueueStuck", "q-1");
    let page = stage.page("ana", "approver", Look::DESKTOP);
    page.goes(&format!("/incidents/{id}"), 200).click("text=Read and answer");
    page.wait("text=What an answer covers");
    for key in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/".chars() {
        page.press(&key.to_string());
    }
    page.press("Enter").press("Space").press("Escape");
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
