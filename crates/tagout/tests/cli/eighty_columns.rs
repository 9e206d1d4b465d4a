//! What a tired person reads at a terminal of eighty columns, without colours.

use super::home::{Home, alert};
use super::terminal::Terminal;

fn read(home: &Home, line: &str) -> String {
    let (code, screen) = Terminal::within(home, Some(80), line, &[("NO_COLOR", "1")]).ends();
    assert_eq!(code, 0, "{screen}");
    let screen = screen.replace("\r\n", "\n");
    for line in screen.lines() {
        // A blank at which a line was broken may stand behind it.
        assert!(line.trim_end().chars().count() <= 80, "{line:?} is too wide: {screen}");
    }
    assert!(!screen.contains('\u{1b}'), "{screen:?}");
    screen
}

#[test]
fn what_waits_how_it_stands_and_what_to_type_is_read_on_eighty_columns_without_colour() {
    let home = Home::new();
    home.configure();
    let waiting = home.incidents(&alert("CacheFull", "critical", "c-1")).remove(0);
    let nothing = home.incidents(&alert("NothingLikeThisWasEverSeen", "critical", "x-1")).remove(0);
    home.tagout(&["halt", "--reason", "network work", "--as", "ops"]).done().ok();
    let halted = home.incidents(&alert("QueueStuck", "warning", "q-1")).remove(0);
    let id = |one: &serde_json::Value| one["incident"].as_str().unwrap().to_owned();
    let (waiting, nothing, halted) = (id(&waiting), id(&nothing), id(&halted));

    let list = read(&home, "approvals list");
    // Where a line is broken is not of interest.
    let list = list.split_whitespace().collect::<Vec<_>>().join(" ");
    let at = |text: &str| list.find(text).unwrap_or_else(|| panic!("{text:?} is missing: {list}"));
    assert!(at("Plans that wait for an answer") < at(&waiting), "{list}");
    assert!(at("Halted: nobody may grant") < at(&halted), "{list}");
    assert!(at("there is no plan to grant") < at(&nothing), "{list}");
    for words in ["CacheFull on c-1", "critical tier: 0 of 2 approved; lapses in ", "Next: tagout"]
    {
        at(words);
    }
    // Programs read one line for each, as ever.
    let piped = home.tagout(&["approvals", "list"]).done().ok().stdout;
    let line = piped.lines().find(|line| line.starts_with(&waiting)).unwrap();
    assert!(line.contains(" 0 of 2  until 2"), "{piped}");

    let show = read(&home, &format!("approvals show {halted}"));
    for words in [
        "HALT",
        "A person is needed: the policy halted the plan",
        &format!("  tagout resume {halted} --reason WHY --as NAME"),
        &format!("  tagout approvals close {halted} --reason WHY --as NAME"),
    ] {
        assert!(show.contains(words), "{words:?} is missing: {show}");
    }
    let show = read(&home, &format!("approvals show {waiting}"));
    let answer = format!("To answer:\n  tagout approvals approve|reject {waiting} --plan ");
    for words in ["0 of 2 have approved", "What an answer covers", &answer] {
        assert!(show.contains(words), "{words:?} is missing: {show}");
    }
    let trail = read(&home, &format!("audit show {waiting}"));
    assert!(trail.contains(" (UTC)") && trail.contains("ESCALATE: "), "{trail}");
    assert!(!trail.contains(&waiting), "they know which they asked for: {trail}");
    assert!(read(&home, "audit show").contains(&waiting));
    assert!(read(&home, "steps list").contains("No step is under way"));
}
