//! Alerts whose texts try to be more than text.

use serde_json::json;

use super::browser::Look;
use super::stage::Stage;

#[test]
fn what_an_alert_says_is_text_whatever_it_holds() {
    let stage = Stage::set();
    let evil = "<script>document.title='owned'</script><img src=x onerror=alert(1)>";
    let labels = json!({
        "alertname": format!("Queue{evil}"), "instance": "q-1\u{202e}gpj.exe",
        "link": "javascript:alert(1)",
    });
    let body = json!({
        "title": evil, "severity": "warning", "labels": labels,
        "message": format!("{evil}\n\"><form action=https://evil.example><button>Approve"),
        "annotations": {
            "runbook_url": "https://evil.example/</textarea>",
            "terminal": "\u{1b}[2J\u{1b}]0;owned\u{7}\u{200b}",
        },
    });
    let id = stage.sends(&body.to_string());
    for look in [Look::DESKTOP, Look::NARROW, Look::PLAIN] {
        let page = stage.page("ana", "approver", look);
        page.goes("/?show=open", 200).says("<script>").says("\\u{202e}").is_sound();
        page.goes(&format!("/incidents/{id}"), 200);
        page.says("<script>").says("\\u{202e}").says("\u{fffd}[2J").says("\\u{200b}");
        page.says("<button>Approve").says("javascript:alert(1)").is_sound();
        page.picture("hostile");
        assert!(page.title().contains("<script>"), "{}", page.title());
        assert_eq!(page.count("main script, main img, main iframe"), 0);
        assert_eq!(page.count("a[href*='evil'], a[href^='javascript']"), 0);
        assert_eq!(page.count("form[action*='evil']"), 0);
        page.goes(&format!("/audit?incident={id}"), 200).says("<script>").is_sound();
        page.goes("/?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E", 200).is_sound();
        page.says("<script>alert(1)</script>");
    }
}
