//! `tagout demo` at a real terminal: a person is asked, and only what they type counts.

use serde_json::Value;

use super::home::Home;
use super::terminal::Terminal;

fn trail(home: &Home) -> Vec<Value> {
    let out = home.tagout(&["--data-dir", "d", "audit", "show", "--json"]).done().ok();
    out.json().as_array().unwrap().clone()
}

fn of_kind<'t>(trail: &'t [Value], kind: &str) -> Vec<&'t Value> {
    trail.iter().filter(|line| line["event"]["kind"] == kind).collect()
}

fn start(home: &Home, env: &[(&str, &str)]) -> Terminal {
    let data = home.path("d");
    Terminal::start(home, &format!("--data-dir '{}' demo", data.display()), env)
}

#[test]
fn people_approve_modify_reject_postpone_and_quit() {
    let home = Home::new();
    let mut terminal = start(&home, &[("NO_COLOR", "1")]);
    // The first alert is critical: two people must approve.
    let above = terminal.answers("a");
    assert!(above.contains("0 approved of 2 needed"), "{above}");
    let above = terminal.answers("a");
    assert!(above.contains("1 approved of 2 needed"), "{above}");
    let above = terminal.answers("what");
    assert!(above.contains("already answered"), "one person counts once: {above}");
    let above = terminal.answers("a bob");
    assert!(above.contains("type a, r, m, l or q"), "{above}");

    // The second: a value outside its limits is refused, one within makes another plan.
    let above = terminal.answers("m");
    assert!(above.contains("granted") && above.contains("by ana and bob"), "{above}");
    terminal.wait_for("modify> ");
    terminal.types("set mountpoint=/../etc; rm -rf /\n");
    terminal.wait_for("modify> ");
    terminal.types("\n");
    let above = terminal.answers("m");
    assert!(above.contains("does not match"), "{above}");
    terminal.wait_for("modify> ");
    terminal.types("drop clean-temporary\n");
    terminal.wait_for("modify> ");
    terminal.types("set mountpoint=/var\n");
    terminal.wait_for("modify> ");
    terminal.types("\n");
    let above = terminal.answers("a");
    let plan = above.rsplit("waiting for people").next().unwrap();
    assert!(plan.contains("mountpoint=/var") && !plan.contains("systemd-tmpfiles"), "{above}");
    let above = terminal.answers("a bob");
    assert!(above.contains("nobody approves a plan that they asked for"), "{above}");
    terminal.answers("a eve");

    // The third is rejected with a reason, the fourth waits, and the rest is not asked.
    let above = terminal.answers("r");
    assert!(above.contains("by bob and eve"), "{above}");
    terminal.wait_for("why? ");
    terminal.types("this host is being replaced\n");
    let above = terminal.answers("l");
    assert!(above.contains("REJECT by ana: “this host is being replaced”"), "{above}");
    terminal.answers("q");
    let (code, screen) = terminal.ends();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("nobody has decided anything on their behalf"), "{screen}");

    let trail = trail(&home);
    assert_eq!(of_kind(&trail, "review_given").len(), 5);
    let by_people = of_kind(&trail, "plan_granted")
        .into_iter()
        .filter(|line| line["event"]["data"]["by"].get("quorum").is_some());
    assert_eq!(by_people.count(), 2);
    assert_eq!(of_kind(&trail, "review_refused").len(), 2);
    let list = home.tagout(&["--data-dir", "d", "approvals", "list", "--json"]).done().ok();
    assert!(list.json().as_array().unwrap().len() >= 2, "{list:?}");
    let verify = home.tagout(&["--data-dir", "d", "audit", "verify"]).done().ok();
    assert!(verify.stdout.starts_with("HOLDS"), "{verify:?}");
}

#[test]
fn the_end_of_the_input_decides_nothing() {
    let home = Home::new();
    let mut terminal = start(&home, &[("NO_COLOR", "1")]);
    terminal.wait_for("\n  > ");
    terminal.types("\u{4}");
    let (code, screen) = terminal.ends();
    assert_eq!(code, 0, "{screen}");
    let trail = trail(&home);
    assert_eq!(of_kind(&trail, "request_shown").len(), 1, "it was asked once and not again");
    assert!(of_kind(&trail, "review_given").is_empty());
    assert!(screen.contains("nobody has decided anything on their behalf"), "{screen}");
}

#[test]
fn a_half_typed_rejection_rejects_nothing() {
    let home = Home::new();
    let mut terminal = start(&home, &[("NO_COLOR", "1")]);
    terminal.answers("r");
    terminal.wait_for("why? ");
    terminal.types("\u{4}");
    let (code, screen) = terminal.ends();
    assert_eq!(code, 0, "{screen}");
    assert!(of_kind(&trail(&home), "review_given").is_empty());
}

#[test]
fn there_is_colour_on_a_terminal_and_none_with_no_color() {
    for (env, coloured) in [(&[][..], true), (&[("NO_COLOR", "1")], false)] {
        let home = Home::new();
        let mut terminal = start(&home, env);
        terminal.answers("q");
        let (code, screen) = terminal.ends();
        assert_eq!(code, 0, "{screen}");
        assert!(screen.contains("Tagout demonstration"), "{screen}");
        assert_eq!(screen.contains("\u{1b}["), coloured, "{screen:?}");
    }
}
