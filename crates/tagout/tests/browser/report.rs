//! The report of an incident, to be printed.

use serde_json::json;

use super::browser::Look;
use super::home::alert;
use super::stage::Stage;

#[test]
fn an_incident_is_printed_with_every_decision_and_its_reason_and_the_place_of_its_proof() {
    let stage = Stage::under("[tier.medium]\nquorum = 2\n");
    let id = stage.sends(&alert("MailStuck", "warning", "relay-1"));
    let at = format!("/incidents/{id}");
    let ana = stage.page("ana", "approver", Look::PLAIN);
    ana.goes(&at, 200).click("text=Read and answer").click("text=Change the plan…");
    ana.click("label:has-text('Warm') input").click("text=Show the difference");
    ana.fill("#reason", "warming can <i>wait</i>").click("text=Send this change (dry-run)");
    // Leaving an action out of a medium plan is an approval; any other change is not.
    ana.says("1 of 2").says("ana, which counts as their approval").says_not("who cannot approve");
    ana.goes(&at, 200).says("Asked for by ana, which counts as their approval.");
    let bob = stage.page("bob", "approver", Look::DESKTOP);
    bob.goes(&at, 200).click("text=Read and answer").fill("#reason", "agreed");
    bob.click("text=Approve for dry-run").wait("text=Bob approved the plan");
    bob.says("Asked for by ana.");
    stage.service.wait("a signature", |service| {
        let page = service.read("/v1/log/checkpoint");
        (page.status == 200 && page.json()["entries"] == page.json()["entries_now"]).then_some(())
    });

    let (mut file, mut plain) = (serde_json::Value::Null, String::new());
    for (name, look) in [("dark", Look::DARK), ("narrow", Look::NARROW), ("plain", Look::PLAIN)] {
        let page = stage.page("vic", "viewer", look);
        page.goes(&at, 200).click("text=Report to print");
        assert_eq!(page.path(), format!("{at}/report"));
        for said in [
            "Incident report: MailStuck",
            "warming can <i>wait</i>",
            "without step warm: Warm",
            "agreed",
            "This signed checkpoint covers all of it",
            "Dry-run: every step was shown, no action was started",
            "mailctl\n--host\nrelay-1\ntrim\n100",
        ] {
            page.says(said);
        }
        page.is_sound().picture(&format!("report-{name}"));
        page.on_paper();
        for gone in [".top", ".holds", ".foot", ".crumb"] {
            assert_eq!(page.call("visible", json!([gone])), false, "{gone} is on the paper");
        }
        let colours = "(() => { const s = getComputedStyle(document.body);
            return [s.color, s.backgroundColor]; })()";
        let colours = page.evaluate(colours);
        assert_eq!(colours, json!(["rgb(0, 0, 0)", "rgb(255, 255, 255)"]), "{name}");
        if look.width > Look::NARROW.width {
            page.is_sound();
        }
        page.says("agreed").picture(&format!("report-{name}-paper"));
        let pages = page.printed(&format!("report-{name}"));
        assert!((2..8).contains(&pages), "{pages} pages");
        if name == "plain" {
            file = page.call("download", json!(["text=Receipt of plan 2"]));
            plain = page.text("main");
        }
    }
    let name = file["name"].as_str().unwrap();
    assert!(plain.contains(name), "the report names the file: {plain}");
    let home = stage.into_service().stop();
    home.write(name, file["text"].as_str().unwrap());
    let keys = home.data().join("log.pub").display().to_string();
    let out = home.tagout(&["audit", "verify", name, "--keys", &keys]).done().ok().stdout;
    assert!(out.contains("bob") && out.starts_with("HOLDS"), "{out}");
}

#[test]
fn there_is_no_report_of_what_never_was() {
    let stage = Stage::set();
    let page = stage.page("vic", "viewer", Look::PLAIN);
    page.goes("/incidents/inc-0000000000/report", 404).says("There is no incident").is_sound();
}
