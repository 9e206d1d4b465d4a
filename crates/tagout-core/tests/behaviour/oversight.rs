//! The theater check: three figures, a minimum sample, and no verdict without it.

use tagout_core::approval::Answer;
use tagout_core::command::Command;
use tagout_core::oversight::{Figures, MINIMUM_ANSWERS, Oversight, OversightReport, Verdict};
use tagout_core::time::Span;

use crate::house::*;

/// A house where people are asked about everything; one of them is enough.
fn desk() -> House {
    House::with("[tier.critical]\nquorum = 1\n", [disk(), cache()])
}

/// One request, answered by `who` after `seconds`.
fn reviewed(house: &mut House, who: &str, answer: Answer, ms: u64) {
    let id = format!("i{}", house.incidents.len());
    house.matched_at(&id, "disk", "critical");
    house.wait_ms(ms);
    house.answer(&id, who, answer).unwrap();
}

fn report(house: &House) -> OversightReport {
    let fold =
        |oversight: Oversight, (id, event, at): &(String, _, _)| oversight.after(event, id, *at);
    house.journal.iter().fold(Oversight::default(), fold).report()
}

fn overall(house: &House) -> Figures {
    report(house).overall
}

/// `count` approvals by ana, each after `ms`.
fn approvals(count: u64, ms: u64) -> House {
    let mut house = desk();
    for _ in 0..count {
        reviewed(&mut house, "ana", Answer::Approve, ms);
    }
    house
}

#[test]
fn three_fast_clicks_are_too_little_data_and_no_verdict() {
    let figures = overall(&approvals(3, 500));
    assert_eq!(figures.verdict, Verdict::TooLittleData { have: 3, need: MINIMUM_ANSWERS });
    assert_eq!(figures.approvals, 3);
}

#[test]
fn sixty_fast_approvals_are_ceremonial_and_fifty_nine_are_too_few() {
    let figures = overall(&approvals(60, 2_000));
    let Verdict::Ceremonial { why } = &figures.verdict else { panic!("{:?}", figures.verdict) };
    assert_eq!(why.len(), 3);
    assert!(why[0].contains("2s"), "{why:?}");
    let fewer = overall(&approvals(59, 2_000));
    assert_eq!(fewer.verdict, Verdict::TooLittleData { have: 59, need: 60 });
}

#[test]
fn the_minimum_sample_is_what_its_argument_says() {
    let chance = |n: u64| 0.95_f64.powi(i32::try_from(n).unwrap());
    assert!(chance(MINIMUM_ANSWERS) < 0.05);
    assert!(chance(MINIMUM_ANSWERS - 1) < 0.05);
    assert!(chance(MINIMUM_ANSWERS - 2) > 0.05);
}

#[test]
fn one_modification_among_sixty_answers_is_sound() {
    let mut house = approvals(59, 2_000);
    house.matched_at("m", "disk", "critical");
    house.wait(2);
    house.modify("m", "ana", value("keep", "7")).unwrap();
    let figures = overall(&house);
    assert_eq!((figures.answers, figures.modifications), (60, 1));
    assert_eq!(figures.verdict, Verdict::Sound);
}

#[test]
fn a_median_of_exactly_ten_seconds_is_sound_and_one_millisecond_less_is_not() {
    assert_eq!(overall(&approvals(60, 10_000)).verdict, Verdict::Sound);
    let fast = overall(&approvals(60, 9_999));
    assert!(matches!(fast.verdict, Verdict::Ceremonial { .. }));
}

#[test]
fn a_rejection_rate_of_exactly_one_percent_is_sound_and_less_is_not() {
    let with_one_rejection = |approved| {
        let mut house = approvals(approved, 1_000);
        reviewed(&mut house, "ben", Answer::Reject, 1_000);
        overall(&house)
    };
    let at = with_one_rejection(99);
    assert_eq!(at.rejection_rate.unwrap().basis_points, 100);
    assert_eq!(at.verdict, Verdict::Sound);
    let below = with_one_rejection(100);
    assert!(matches!(below.verdict, Verdict::Ceremonial { .. }), "{:?}", below.verdict);
}

#[test]
fn latency_runs_from_when_the_request_was_first_shown_to_that_very_reviewer() {
    let mut house = House::with("", [disk()]);
    house.matched_at(ONE, "disk", "critical");
    let plan = house.plan(ONE).digest();
    house.wait(600);
    house.must(ONE, Command::ShowRequest { plan, to: person("ana") });
    house.wait(30);
    // Opened again just before the click: the reading still took 32 seconds.
    house.must(ONE, Command::ShowRequest { plan, to: person("ana") });
    house.wait(2);
    house.approve(ONE, "ana").unwrap();
    // Never shown to ben as far as is recorded, so it counts from the opening.
    house.approve(ONE, "ben").unwrap();
    let report = report(&house);
    let median = |who: &str| report.by_reviewer[who].latency.unwrap().median;
    assert_eq!(median("ana"), Span::from_secs(32));
    assert_eq!(median("ben"), Span::from_secs(632));
    assert_eq!(report.overall.answers, 2);
}

#[test]
fn a_modification_is_an_answer_of_its_author_to_the_plan_that_was_before_them() {
    let mut house = desk();
    house.receive(ONE, alert(ONE, "critical"));
    house.find(ONE, &[by_key("disk", 9_900), by_key("cache", 9_000)]);
    house.wait(45);
    house.modify(ONE, "ana", other("cache")).unwrap();
    house.wait(20);
    house.approve(ONE, "ben").unwrap();
    let report = report(&house);
    assert_eq!(report.by_reviewer["ana"].modifications, 1);
    assert_eq!(report.by_reviewer["ana"].latency.unwrap().median, Span::from_secs(45));
    assert_eq!(report.by_runbook["disk"].modifications, 1);
    assert_eq!(report.by_runbook["cache"].approvals, 1);
    assert_eq!(report.by_runbook["cache"].latency.unwrap().median, Span::from_secs(20));
}

#[test]
fn a_resumed_halt_is_no_answer() {
    let mut house = desk();
    house.kill_switch(true);
    house.matched_at(ONE, "disk", "critical");
    house.kill_switch(false);
    house.resume(ONE, "ana", "the drill is over").unwrap();
    assert_eq!(overall(&house).answers, 0);
}

#[test]
fn a_time_out_is_neither_an_answer_nor_a_refusal() {
    let mut house = desk();
    for (id, shown) in [(ONE, true), (TWO, false)] {
        house.matched_at(id, "disk", "critical");
        if shown {
            let plan = house.plan(id).digest();
            house.must(id, Command::ShowRequest { plan, to: person("ana") });
        }
        house.wait(15 * 60);
        house.must(id, Command::Tick);
    }
    let report = report(&house);
    assert_eq!(report.overall.timeouts, 2);
    assert_eq!((report.overall.answers, report.overall.rejections), (0, 0));
    assert_eq!(report.overall.rejection_rate, None);
    assert_eq!(report.by_reviewer["ana"].timeouts, 1);
    assert_eq!(report.by_runbook["disk"].timeouts, 2);
}

#[test]
fn who_answered_a_request_is_not_counted_silent_when_it_lapses_for_want_of_others() {
    let mut house = House::with("", [disk()]);
    house.matched_at(ONE, "disk", "critical");
    let plan = house.plan(ONE).digest();
    for who in ["ana", "ben"] {
        house.must(ONE, Command::ShowRequest { plan, to: person(who) });
    }
    house.approve(ONE, "ana").unwrap();
    house.wait(15 * 60);
    house.must(ONE, Command::Tick);
    let report = report(&house);
    assert_eq!((report.by_reviewer["ana"].approvals, report.by_reviewer["ana"].timeouts), (1, 0));
    assert_eq!(report.by_reviewer["ben"].timeouts, 1);
}

#[test]
fn an_answer_that_was_not_taken_is_counted_apart() {
    let mut house = House::with("", [disk()]);
    house.matched_at(ONE, "disk", "critical");
    house.approve(ONE, "ana").unwrap();
    house.approve(ONE, "ana").unwrap_err();
    let report = report(&house);
    assert_eq!((report.overall.answers, report.overall.not_taken), (1, 1));
    assert_eq!(report.by_reviewer["ana"].not_taken, 1);
    assert_eq!(report.by_runbook["disk"].not_taken, 1);
}

#[test]
fn the_end_of_the_alert_and_a_revoke_are_no_answers() {
    let mut house = desk();
    house.matched_at(ONE, "disk", "critical");
    house.end_of_alert(ONE);
    house.matched_at(TWO, "disk", "critical");
    house.revoke(TWO);
    let figures = overall(&house);
    assert_eq!((figures.answers, figures.timeouts), (0, 0));
}

#[test]
fn one_ceremonial_reviewer_is_seen_among_sound_ones() {
    let mut house = approvals(60, 1_000);
    for _ in 0..60 {
        reviewed(&mut house, "ben", Answer::Approve, 60_000);
    }
    for _ in 0..5 {
        reviewed(&mut house, "ben", Answer::Reject, 60_000);
    }
    let report = report(&house);
    assert!(matches!(report.by_reviewer["ana"].verdict, Verdict::Ceremonial { .. }));
    assert_eq!(report.by_reviewer["ben"].verdict, Verdict::Sound);
    assert_eq!(report.overall.verdict, Verdict::Sound);
}

#[test]
fn a_report_is_json_of_whole_numbers() {
    let json = serde_json::to_value(report(&approvals(6, 1_500))).unwrap();
    let overall = &json["overall"];
    assert_eq!(overall["latency"]["median"], 1_500);
    assert_eq!(overall["latency"]["interval"], serde_json::json!([1_500, 1_500]));
    assert_eq!(
        overall["rejection_rate"],
        serde_json::json!({"basis_points": 0, "low": 0, "high": 3_904})
    );
    assert_eq!(overall["verdict"]["finding"], "too_little_data");
    assert!(!json.to_string().contains('.'));
}

#[test]
fn a_change_that_counts_as_approval_is_counted_once_and_as_a_change() {
    let mut house = House::with(OPEN, [disk(), cache()]);
    house.receive(ONE, alert(ONE, "warning"));
    house.find(ONE, &[by_text("disk", 8_000)]);
    house.wait(30);
    house.modify(ONE, "ana", without(&["prune"])).unwrap();
    assert!(house.is_granted(ONE));
    let figures = overall(&house);
    assert_eq!((figures.answers, figures.approvals, figures.modifications), (1, 0, 1));
    assert_eq!(figures.latency.unwrap().median, Span::from_secs(30));
}
