//! A page is admitted in one version, by somebody else than its author, with the difference shown.

use serde_json::json;

use super::people::{Person, let_in};
use super::stage::{LIVE, ROTATE, Stage, home};

#[test]
fn what_is_admitted_is_what_was_shown_and_nothing_else() {
    let stage = Stage::closed(home("live", LIVE));
    let shown = stage.admission("rotate");
    assert_eq!(shown["admitted"], json!(null));
    assert!(shown["standing"].as_str().unwrap().contains("read the whole page"), "{shown}");
    let stale = json!({"digest": "0".repeat(64)});
    stage.ada.post("/v1/runbooks/rotate/admit", &stale).fails_with(409);
    stage.ada.post("/v1/runbooks/rotate/admit", &json!({"digest": "abc"})).fails_with(400);
    stage.admit("rotate").is(200);
    let shown = stage.admission("rotate");
    assert_eq!((&shown["admitted"], &shown["admitted_by"]), (&shown["digest"], &json!("ada")));
    stage.admit("rotate").fails_with(409);
}

#[test]
fn the_difference_to_the_version_that_was_admitted_before_is_shown_line_by_line() {
    let stage = Stage::closed(home("live", LIVE));
    stage.admit("rotate").is(200);
    let page = ROTATE.replace("title: One", "title: Uno");
    stage.service.home.write("book/rotate.md", page);
    stage.service.signal("-HUP");
    let shown = stage.service.wait("the new page", |_| {
        Some(stage.admission("rotate")).filter(|shown| shown["difference"].is_array())
    });
    let lines: Vec<_> = shown["difference"].as_array().unwrap().iter().collect();
    let of = |sign: char| lines.iter().filter(|l| l.as_str().unwrap().starts_with(sign)).count();
    assert_eq!((of('-'), of('+')), (1, 1), "{lines:?}");
    assert!(shown["difference"].to_string().contains("title: Uno"));
    stage.admit("rotate").is(200);
    let admitted = stage.service.home.trail();
    let last = admitted.iter().rfind(|line| line["event"]["kind"] == "runbook_admitted").unwrap();
    assert_eq!(last["event"]["data"]["previous"], shown["admitted"]);
}

#[test]
fn only_an_admin_admits_and_the_refused_attempt_is_recorded() {
    let stage = Stage::closed(home("live", LIVE));
    let digest = stage.admission("rotate")["digest"].clone();
    let body = json!({"digest": digest});
    stage.ben.post("/v1/runbooks/rotate/admit", &body).fails_with(403);
    assert_eq!(stage.service.home.count("ask_refused"), 1);
    assert_eq!(stage.service.home.count("runbook_admitted"), 0);
}

#[test]
fn nobody_admits_what_they_wrote() {
    let home = home("live", LIVE);
    home.write("book/rotate.md", ROTATE.replace("id: rotate", "id: rotate\nauthor: ada"));
    let stage = Stage::closed(home);
    stage.admit("rotate").fails_with(403);
    assert_eq!(stage.service.home.count("runbook_admitted"), 0);
    let eve = Person::of(&stage.service, "eve", "admin");
    let digest = stage.admission("rotate")["digest"].clone();
    eve.post("/v1/runbooks/rotate/admit", &json!({"digest": digest})).is(200);
}

#[test]
fn the_command_line_shows_and_admits_on_the_data_directory_and_over_a_service() {
    let stage = Stage::closed(home("live", LIVE));
    let home = &stage.service.home;
    let shown = home.tagout(&["runbooks", "admit", "rotate", "--as", "ada"]).done().ok();
    assert!(shown.stdout.contains("To admit it, give --digest"), "{shown:?}");
    assert_eq!(home.count("runbook_admitted"), 0);
    let digest = stage.admission("rotate")["digest"].as_str().unwrap().to_owned();
    let admit = ["runbooks", "admit", "rotate", "--as", "ada", "--digest", &digest[..12]];
    home.tagout(&admit).done().ok();
    assert_eq!(home.count("runbook_admitted"), 1);

    let url = format!("http://{}", stage.service.address);
    let token = let_in(home, "eve", "admin");
    let digest = stage.admission("repair")["digest"].as_str().unwrap().to_owned();
    let admit = ["runbooks", "admit", "repair", "--server", &url, "--digest", &digest];
    stage.wait("that the token is known", || {
        home.tagout(&admit).env("TAGOUT_TOKEN", &token).done().code == 0
    });
    assert_eq!(home.count("runbook_admitted"), 2);
}
