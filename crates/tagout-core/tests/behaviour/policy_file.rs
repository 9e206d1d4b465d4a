//! The policy file: nothing unknown, nothing rounded, nothing dangerous by omission.

use tagout_core::confidence::Confidence;
use tagout_core::policy::{EscalationPolicy, SHIPPED};
use tagout_core::tier::Tier;
use tagout_core::time::Span;

use crate::house::OPEN;

fn error(text: &str) -> String {
    match EscalationPolicy::parse(text) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("this was accepted:\n{text}"),
    }
}

#[track_caller]
fn names(text: &str, words: &[&str]) {
    let error = error(text);
    for word in words {
        assert!(error.contains(word), "{word:?} is not in: {error}");
    }
}

#[test]
fn the_shipped_policy_reads_and_is_conservative() {
    let policy = EscalationPolicy::shipped().unwrap();
    let expected = [
        (Tier::Low, Some(8_000), 10),
        (Tier::Medium, Some(9_000), 5),
        (Tier::High, Some(9_500), 2),
    ];
    for (tier, least, actions) in expected {
        let rules = policy.rules(tier);
        assert_eq!(rules.min_confidence, least.map(Confidence::from_basis_points), "{tier}");
        assert_eq!(rules.max_autonomous_actions, actions, "{tier}");
        assert!(!rules.live, "{tier}");
    }
    assert_eq!(policy.rules(Tier::Critical).min_confidence, None);
    assert_eq!(policy.rules(Tier::Critical).max_autonomous_actions, 0);
    assert_eq!(policy.default_environment, Tier::High);
    assert_eq!(policy.clock_grant, None);
}

#[test]
fn an_empty_file_is_the_shipped_policy() {
    assert_eq!(EscalationPolicy::parse("").unwrap(), EscalationPolicy::shipped().unwrap());
}

#[test]
fn an_unknown_key_is_refused_by_name_wherever_it_stands() {
    names("min_confidense = 0.9\n", &["min_confidense"]);
    names("[tier.low]\nquorom = 1\n", &["quorom"]);
    names("[clock_grant]\nrunbooks = []\nwait = \"15m\"\nrisk = \"low\"\n", &["risk"]);
    names("[[environment]]\nname = \"a\"\nmatch = { a = \"b\" }\nflor = \"low\"\n", &["flor"]);
    names("[[minimum]]\nprogram = \"x\"\ntier = \"low\"\nhost = \"y\"\n", &["host"]);
    names("[budget]\nlow = 1\n", &["budget"]);
}

#[test]
fn an_unknown_tier_or_word_is_refused_by_name() {
    names("[tier.hgih]\nquorum = 2\n", &["hgih"]);
    names("default_environment = \"severe\"\n", &["severe"]);
    names("default_severity = \"page\"\n", &["page"]);
    names("[severity]\nurgent = \"very\"\n", &["very"]);
    names("[tier.low]\ntimeout_action = \"approve\"\n", &["approve"]);
    names("[tier.low]\nbudget_spent = \"proceed\"\n", &["proceed"]);
    names("budget_scope = \"team\"\n", &["team"]);
}

#[test]
fn a_threshold_has_at_most_four_decimal_places() {
    let least = |text: &str| {
        let file = format!("[tier.low]\nmin_confidence = {text}\n");
        EscalationPolicy::parse(&file).map(|p| p.rules(Tier::Low).min_confidence)
    };
    assert_eq!(least("0.8001").unwrap(), Some(Confidence::from_basis_points(8_001)));
    assert_eq!(least("1").unwrap(), Some(Confidence::ONE));
    assert_eq!(least("\"0.95\"").unwrap(), Some(Confidence::from_basis_points(9_500)));
    assert_eq!(least("\"never\"").unwrap(), None);
    for wrong in ["0.80001", "1.1", "-0.1", "nan", "inf", "80", "\"most\""] {
        assert!(least(wrong).is_err(), "{wrong}");
    }
    names("[tier.low]\nmin_confidence = 0.80001\n", &["tier.low.min_confidence", "four decimal"]);
    names("[tier.low]\nmin_confidence = true\n", &["line 2", "probability", "never"]);
    names("min_match = 0.50001\n", &["min_match"]);
    names("min_margin = 0.10001\n", &["min_margin"]);
}

#[test]
fn thresholds_of_four_places_are_read_exactly() {
    for points in (0..=10_000u16).step_by(13).chain([1, 9_999, 10_000]) {
        let text = format!("{}.{:04}", points / 10_000, points % 10_000);
        let policy = EscalationPolicy::parse(&format!("min_match = {text}\n")).unwrap();
        assert_eq!(policy.min_match.basis_points(), points, "{text}");
    }
}

#[test]
fn nothing_makes_critical_proceed() {
    for line in ["min_confidence = 0.99", "min_confidence = 1", "max_autonomous_actions = 1"] {
        names(&format!("[tier.critical]\n{line}\n"), &["critical never proceeds"]);
    }
}

#[test]
fn an_environment_that_would_match_every_alert_is_refused() {
    let text = "[[environment]]\nname = \"all\"\nmatch = {}\nfloor = \"low\"\n";
    names(text, &["environment[0].match", "default_environment"]);
}

#[test]
fn a_minimum_is_for_a_program_or_for_a_target_and_not_for_both_or_neither() {
    names("[[minimum]]\ntier = \"high\"\n", &["minimum"]);
    let both = "[[minimum]]\nprogram = \"a\"\ntarget = \"b\"\ntier = \"high\"\n";
    names(both, &["minimum"]);
}

#[test]
fn spans_must_be_longer_than_zero_and_not_longer_than_a_year() {
    for wrong in ["0s", "-1h", "9000d", "soon", ""] {
        let text = format!("[tier.medium]\nwindow = \"{wrong}\"\n");
        names(&text, &["tier.medium.window"]);
        let text = format!("[tier.medium]\ntimeout = \"{wrong}\"\n");
        names(&text, &["tier.medium.timeout"]);
    }
    let policy = EscalationPolicy::parse("[tier.medium]\nwindow = \"1d\"\n").unwrap();
    assert_eq!(policy.rules(Tier::Medium).window, Span::from_secs(86_400));
}

#[test]
fn people_have_at_least_a_minute_to_object_to_the_clock() {
    let text = |wait| format!("[clock_grant]\nrunbooks = [\"a\"]\nwait = \"{wait}\"\n");
    names(&text("59s"), &["clock_grant.wait"]);
    names(&text("soon"), &["clock_grant.wait"]);
    assert!(EscalationPolicy::parse(&text("60s")).is_ok());
}

#[test]
fn a_quorum_is_one_to_sixteen_people() {
    for wrong in [0, 17] {
        names(&format!("[tier.high]\nquorum = {wrong}\n"), &["tier.high.quorum"]);
    }
    for right in [1, 16] {
        assert!(EscalationPolicy::parse(&format!("[tier.high]\nquorum = {right}\n")).is_ok());
    }
}

#[test]
fn the_four_severity_words_keep_their_meaning_and_others_are_lower_case() {
    names("[severity]\ncritical = \"info\"\n", &["severity.critical", "fixed meaning"]);
    names("[severity]\nSEV1 = \"info\"\n", &["severity.SEV1", "lower case"]);
}

#[test]
fn another_version_of_the_format_and_what_is_no_toml_are_refused() {
    names("version = 2\n", &["version"]);
    names("[tier.low\n", &["line 1"]);
    let large = "#".repeat(tagout_core::limits::POLICY_BYTES + 1);
    names(&large, &["limit"]);
    assert!(EscalationPolicy::parse(&large[1..]).is_ok());
}

#[test]
fn the_digest_is_of_the_meaning_and_not_of_the_bytes() {
    let digest = |text: &str| EscalationPolicy::parse(text).unwrap().digest();
    let plain = digest("[tier.low]\nquorum = 2\nmin_confidence = 0.9\n");
    let spaced = "# a comment\n\n[tier.low]\nmin_confidence   =  0.90\nquorum = 2 # two\n";
    assert_eq!(plain, digest(spaced));
    assert_eq!(digest(""), digest(SHIPPED));
}

#[test]
fn every_value_of_the_policy_changes_its_digest() {
    let shipped = EscalationPolicy::shipped().unwrap().digest();
    let mut seen = std::collections::BTreeSet::from([shipped]);
    let top = [
        "default_severity = \"error\"",
        "default_environment = \"low\"",
        "min_match = 0.5001",
        "min_margin = 0.1001",
        "budget_scope = \"environment\"",
        "[severity]\npage = \"error\"",
        "[severity]\nnew = \"error\"",
        "[[environment]]\nname = \"a\"\nmatch = { a = \"b\" }\nfloor = \"low\"",
        "[[environment]]\nname = \"a\"\nmatch = { a = \"c\" }\nfloor = \"low\"",
        "[[environment]]\nname = \"a\"\nmatch = { a = \"b\" }\nfloor = \"high\"",
        "[[environment]]\nname = \"b\"\nmatch = { a = \"b\" }\nfloor = \"low\"",
        "[[minimum]]\nprogram = \"a\"\ntier = \"high\"",
        "[[minimum]]\ntarget = \"a\"\ntier = \"high\"",
        "[[minimum]]\ntarget = \"a\"\ntier = \"low\"",
        "[clock_grant]\nrunbooks = [\"a\"]\nwait = \"15m\"",
        "[clock_grant]\nrunbooks = [\"b\"]\nwait = \"15m\"",
        "[clock_grant]\nrunbooks = [\"a\"]\nwait = \"16m\"",
    ];
    for text in top {
        let digest = EscalationPolicy::parse(text).unwrap().digest();
        assert!(seen.insert(digest), "{text}");
    }
    let of_a_tier = [
        "min_confidence = 0.7777",
        "max_autonomous_actions = 77",
        "window = \"77m\"",
        "step_failure = \"stop\"",
        "step_failure = \"undo\"",
        "quorum = 7",
        "timeout = \"77m\"",
        "live = true",
    ];
    for tier in ["low", "medium", "high", "critical"] {
        let spent = if tier == "low" || tier == "medium" { "halt" } else { "escalate" };
        let spent = format!("budget_spent = \"{spent}\"");
        for line in of_a_tier.into_iter().chain([spent.as_str()]) {
            let text = format!("[tier.{tier}]\n{line}\n");
            let Ok(policy) = EscalationPolicy::parse(&text) else {
                assert_eq!(tier, "critical", "{line}");
                continue;
            };
            assert!(seen.insert(policy.digest()), "{text}");
        }
    }
    assert_eq!(seen.len(), 1 + top.len() + 4 * 9 - 2);
}

#[test]
fn a_file_of_ones_own_changes_only_what_it_names() {
    let (mine, shipped) =
        (EscalationPolicy::parse(OPEN).unwrap(), EscalationPolicy::shipped().unwrap());
    assert_eq!(mine.default_environment, Tier::Low);
    assert!(Tier::ALL.into_iter().all(|tier| mine.rules(tier) == shipped.rules(tier)));
    assert_eq!(mine.severity, shipped.severity);
}

#[test]
fn each_key_against_noise_is_read_and_what_is_left_out_is_as_shipped() {
    let shipped = EscalationPolicy::shipped().unwrap().noise;
    let mut seen =
        std::collections::BTreeSet::from([EscalationPolicy::shipped().unwrap().digest()]);
    for line in [
        "cooldown = \"77m\"",
        "storm_window = \"77m\"",
        "storm_per_name = 77",
        "storm_overall = 77",
        "flapping_starts = 7",
        "flapping_window = \"77m\"",
    ] {
        let policy = EscalationPolicy::parse(&format!("[noise]\n{line}\n")).unwrap();
        assert!(seen.insert(policy.digest()), "{line} changes nothing");
        assert_eq!(policy.noise.inhibit, shipped.inhibit);
    }
    let all = EscalationPolicy::parse(
        "[noise]\ncooldown = \"1m\"\nstorm_window = \"2m\"\nstorm_per_name = 3\n\
         storm_overall = 4\nflapping_starts = 5\nflapping_window = \"6m\"\n",
    )
    .unwrap()
    .noise;
    let minutes = |n: u64| tagout_core::time::Span::from_secs(n * 60);
    assert_eq!((all.cooldown, all.storm.window), (minutes(1), minutes(2)));
    assert_eq!((all.storm.per_name, all.storm.overall), (3, 4));
    assert_eq!((all.flapping.starts, all.flapping.window), (5, minutes(6)));
}

#[test]
fn wrong_values_and_unknown_keys_against_noise_are_errors_that_name_them() {
    names("[noise]\ncooldwon = \"1m\"\n", &["cooldwon"]);
    names("[noise]\ncooldown = \"soon\"\n", &["noise.cooldown"]);
    for key in ["storm_per_name", "storm_overall"] {
        names(&format!("[noise]\n{key} = 0\n"), &[key, "between 1 and 1000"]);
        names(&format!("[noise]\n{key} = 1001\n"), &[key, "between 1 and 1000"]);
        EscalationPolicy::parse(&format!("[noise]\n{key} = 1000\n")).unwrap();
    }
    let most = tagout_core::limits::REMEMBERED_STARTS;
    // An alert that has begun once has not begun again and again.
    names("[noise]\nflapping_starts = 1\n", &["flapping_starts", "between 2 and"]);
    EscalationPolicy::parse("[noise]\nflapping_starts = 2\n").unwrap();
    names(&format!("[noise]\nflapping_starts = {}\n", most + 1), &["flapping_starts"]);
    EscalationPolicy::parse(&format!("[noise]\nflapping_starts = {most}\n")).unwrap();
    for key in ["cooldown", "storm_window", "flapping_window"] {
        EscalationPolicy::parse(&format!("[noise]\n{key} = \"24h\"\n")).unwrap();
        names(&format!("[noise]\n{key} = \"1441m\"\n"), &[key, "remembered"]);
    }
}

#[test]
fn a_rule_of_inhibition_must_name_labels_on_both_sides() {
    let good = "[[inhibit]]\nsource = {a = \"1\"}\ntarget = {b = \"2\"}\nequal = [\"c\"]\n";
    let policy = EscalationPolicy::parse(good).unwrap();
    assert_eq!(policy.noise.inhibit.len(), 1);
    assert_ne!(policy.digest(), EscalationPolicy::shipped().unwrap().digest());
    names("[[inhibit]]\nsource = {}\ntarget = {b = \"2\"}\n", &["inhibit[0]", "label"]);
    names("[[inhibit]]\nsource = {a = \"1\"}\ntarget = {}\n", &["inhibit[0]", "label"]);
    names("[[inhibit]]\nsource = {a = \"1\"}\n", &["target"]);
    names(&format!("{good}same = [\"c\"]\n"), &["same"]);
}

#[test]
fn groups_and_rules_of_approval_are_held_to_their_limits() {
    names("[tier.low]\ngroups = { database = 0 }\n", &["tier.low.groups.database"]);
    names("[tier.low]\ngroups = { database = 17 }\n", &["tier.low.groups", "16"]);
    names("[tier.low]\ngroups = { a = 9, b = 8 }\n", &["17", "16"]);
    assert!(EscalationPolicy::parse("[tier.low]\ngroups = { a = 8, b = 8 }\n").is_ok());
    names("[tier.low]\ngroups = { \" \" = 1 }\n", &["tier.low.groups"]);
    names("[[approve]]\nrole = \"responder\"\n", &["approve[0].role"]);
    names("[[approve]]\ngroup = \"\"\n", &["approve[0].group"]);
    names("[[approve]]\ntier = \"low\"\n", &["tier"]);
    let rules = |n: usize| "[[approve]]\ngroup = \"a\"\n".repeat(n);
    assert!(EscalationPolicy::parse(&rules(256)).is_ok());
    names(&rules(257), &["approve", "256"]);
}

#[test]
fn what_a_policy_leaves_out_does_not_change_its_digest() {
    // A policy that was recorded before there were groups and rules keeps its digest.
    let shipped = serde_json::to_value(EscalationPolicy::shipped().unwrap()).unwrap();
    assert!(shipped.get("approve").is_none());
    assert!(shipped["tiers"]["low"].get("groups").is_none());
}

#[test]
fn a_route_does_something_and_is_held_to_its_limits() {
    names("[[route]]\nnovel = true\n", &["route[0]", "does nothing"]);
    names("[[route]]\nquorum = 0\n", &["route[0].quorum"]);
    names("[[route]]\nquorum = 17\n", &["route[0].quorum", "16"]);
    names("[[route]]\nrequire = { a = 0 }\n", &["route[0].require.a"]);
    names("[[route]]\nask = [\"\"]\n", &["route[0].ask"]);
    names("[[route]]\nowner = \"always\"\n", &["always"]);
    names("[[route]]\nescalate = true\nconfidence_below = 2\n", &["route[0].confidence_below"]);
    names("[[route]]\nescalate = true\ntier = \"low\"\n", &["tier"]);
    let routes = |n: usize| "[[route]]\nescalate = true\n".repeat(n);
    assert!(EscalationPolicy::parse(&routes(256)).is_ok());
    names(&routes(257), &["route", "256"]);
    let asked = |n: usize| {
        let names: Vec<_> = (0..n).map(|i| format!("\"g{i}\"")).collect();
        format!("[[route]]\nask = [{}]\n", names.join(", "))
    };
    assert!(EscalationPolicy::parse(&asked(16)).is_ok());
    names(&asked(17), &["route[0].ask", "16"]);
}

#[test]
fn a_chain_names_whom_to_ask_and_when() {
    names("[[chain]]\nafter = \"0s\"\nask = [\"a\"]\n", &["chain[0].after"]);
    names("[[chain]]\nafter = \"soon\"\nask = [\"a\"]\n", &["chain[0].after"]);
    names("[[chain]]\nafter = \"5m\"\nask = []\n", &["chain[0].ask"]);
    names("warn_before = \"soon\"\n", &["warn_before"]);
    let rungs = |n: usize| "[[chain]]\nafter = \"1m\"\nask = [\"a\"]\n".repeat(n);
    assert!(EscalationPolicy::parse(&rungs(16)).is_ok());
    names(&rungs(17), &["chain", "16"]);
    assert_eq!(EscalationPolicy::parse("warn_before = \"0s\"\n").unwrap().warn_before, None);
}

#[test]
fn breaking_the_glass_and_bypasses_are_off_unless_somebody_is_named_and_held_to_limits() {
    let shipped = EscalationPolicy::shipped().unwrap();
    assert_eq!((shipped.break_glass, shipped.bypass), (None, None));
    let glass = |max: u32, window: &str| {
        format!(
            "[break_glass]\npeople = [\"ana\"]\nmax_per_window = {max}\nwindow = \"{window}\"\n"
        )
    };
    assert!(EscalationPolicy::parse(&glass(64, "1h")).is_ok());
    names(&glass(65, "1h"), &["break_glass.max_per_window", "64"]);
    names(&glass(0, "1h"), &["break_glass.max_per_window"]);
    names(&glass(1, "0s"), &["break_glass.window"]);
    names("[break_glass]\nmax_per_window = 1\nwindow = \"1h\"\n", &["break_glass", "people"]);
    let bypass = |longest: &str| format!("[bypass]\ngroups = [\"a\"]\nlongest = \"{longest}\"\n");
    assert!(EscalationPolicy::parse(&bypass("168h")).is_ok());
    names(&bypass("169h"), &["bypass.longest"]);
    names(&bypass("0s"), &["bypass.longest"]);
    names("[bypass]\nlongest = \"1h\"\n", &["bypass", "groups"]);
}
