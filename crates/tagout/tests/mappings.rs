//! The shipped mappings, on bodies in the shape that each provider publishes.

use std::fs;
use std::path::PathBuf;

use tagout::signals::{Delivery, Format, Mapping, Reading};
use tagout_core::alert::{Alert, AlertStatus, Severity};
use tagout_core::digest::DeliveryDigest;
use tagout_core::time::Time;

fn mapping(name: &str) -> Mapping {
    Mapping::parse(Mapping::shipped(name).unwrap()).unwrap()
}

fn body(name: &str, what: &str) -> Vec<u8> {
    let file = format!("tests/mappings/{name}_{what}.json");
    fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

fn read(name: &str, what: &str) -> Delivery {
    mapping(name).read(&body(name, what)).unwrap()
}

/// The one alert of a body.
fn alert(name: &str, what: &str) -> Alert {
    let delivery = read(name, what);
    assert_eq!(delivery.source, Format::Mapped);
    match delivery.alerts.as_slice() {
        [Reading::Alert(alert)] => alert.clone(),
        other => panic!("{name}_{what} gave {other:?}"),
    }
}

fn labels(alert: &Alert) -> Vec<(&str, &str)> {
    alert.labels.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
}

fn annotations(alert: &Alert) -> Vec<(&str, &str)> {
    alert.annotations.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
}

fn time(text: &str) -> Option<Time> {
    Some(text.parse().unwrap())
}

#[test]
fn every_shipped_mapping_is_named_like_its_file_and_marked_with_its_format() {
    assert_eq!(Mapping::shipped_names().count(), 7);
    for name in Mapping::shipped_names() {
        assert_eq!(mapping(name).name(), name);
        let text = Mapping::shipped(name).unwrap();
        let header: Vec<_> = text.lines().take_while(|line| line.starts_with('#')).collect();
        let header = header.join("\n");
        assert!(header.contains("Format-tested: against "), "{name}");
        assert!(header.contains("https://"), "{name} names no page with the format");
    }
    assert_eq!(Mapping::shipped("pager"), None);
}

#[test]
fn firing_and_resolved_bodies_of_one_fault_have_one_identity() {
    for name in Mapping::shipped_names() {
        let (before, after) = (alert(name, "firing"), alert(name, "resolved"));
        assert_eq!(before.status, AlertStatus::Firing, "{name}");
        assert_eq!(after.status, AlertStatus::Resolved, "{name}");
        assert_eq!(before.labels, after.labels, "{name}");
        assert_eq!(before.identity(), after.identity(), "{name}");
        assert_eq!(before.ends_at, None, "{name}");
    }
    for (name, before, after) in [
        ("datadog", "no_data", "resolved"),
        ("opsgenie", "firing", "deleted"),
        ("checkmk", "host_down", "host_up"),
    ] {
        assert_eq!(alert(name, before).identity(), alert(name, after).identity(), "{name}");
        assert_eq!(alert(name, after).status, AlertStatus::Resolved, "{name}");
    }
}

#[test]
fn bodies_that_are_no_alert_are_acknowledged_without_one() {
    for (name, what) in [
        ("google-cloud-monitoring", "test"),
        ("azure-monitor", "test"),
        ("opsgenie", "acknowledged"),
        ("zabbix", "updated"),
        ("checkmk", "acknowledged"),
    ] {
        let delivery = read(name, what);
        assert_eq!(delivery.alerts, [], "{name}");
        assert_eq!(delivery.digest, DeliveryDigest::of_bytes(&body(name, what)));
    }
}

#[test]
fn every_alert_bears_its_mappings_name_and_a_severity_of_ours_while_it_fires() {
    for name in Mapping::shipped_names() {
        let alert = alert(name, "firing");
        assert_eq!(alert.source, name);
        let word = alert.severity.unwrap();
        assert!(word.parse::<Severity>().is_ok(), "{name}: {word}");
    }
}

#[test]
fn a_datadog_body_is_read_field_by_field() {
    let alert = alert("datadog", "firing");
    assert_eq!(alert.id, "8120476612");
    assert_eq!(alert.severity.as_deref(), Some("error"));
    assert_eq!(alert.title.as_str(), "[Triggered on {host:db-1,role:primary}] Disk is nearly full");
    assert_eq!(alert.message.as_str(), "The disk of db-1 is nearly full. @webhook-tagout");
    assert_eq!(
        labels(&alert),
        [
            ("alertname", "Datadog monitor 170042"),
            ("host", "db-1"),
            ("monitor_id", "170042"),
            ("role", "primary"),
        ]
    );
    assert_eq!(
        annotations(&alert),
        [
            ("link", "https://app.datadoghq.com/event/event?id=1"),
            ("metric", "system.disk.in_use"),
            ("tags", "env:prod,host:db-1,monitor,role:primary"),
        ]
    );
    assert_eq!((alert.starts_at, alert.ends_at), (None, None));
}

#[test]
fn a_datadog_recovery_ends_when_the_event_happened_and_no_data_fires() {
    assert_eq!(alert("datadog", "resolved").ends_at, time("2026-11-23T04:30:52Z"));
    let silent = alert("datadog", "no_data");
    assert_eq!(silent.status, AlertStatus::Firing);
    // Without a priority the type of the event says how bad it is.
    assert_eq!(silent.severity.as_deref(), Some("error"));
}

#[test]
fn a_google_cloud_incident_is_read_field_by_field() {
    let alert = alert("google-cloud-monitoring", "firing");
    assert_eq!(alert.id, "0.n1example");
    assert_eq!(alert.severity.as_deref(), Some("critical"));
    assert_eq!(alert.title.as_str(), "Disk nearly full");
    assert_eq!(
        alert.message.as_str(),
        "Disk utilization for shop-prod db-1 is above the threshold of 90 with a value of 97.25."
    );
    assert_eq!(
        labels(&alert),
        [
            ("alertname", "Disk nearly full"),
            ("condition", "Disk above 90 %"),
            ("instance_id", "77001"),
            ("metric_device", "/dev/sda1"),
            ("metric_state", "used"),
            ("metric_type", "agent.googleapis.com/disk/percent_used"),
            ("project", "shop-prod"),
            ("project_id", "shop-prod"),
            ("resource_type", "gce_instance"),
            ("zone", "europe-west3-b"),
        ]
    );
    assert_eq!(
        annotations(&alert),
        [
            ("documentation", "Free space, then grow the disk."),
            (
                "link",
                "https://console.cloud.google.com/monitoring/alerting/incidents/0.n1example?project=shop-prod"
            ),
            ("observed_value", "97.25"),
            ("resource", "db-1"),
            ("threshold_value", "90"),
        ]
    );
    assert_eq!(alert.starts_at, time("2026-11-23T04:20:52Z"));
}

#[test]
fn a_closed_google_cloud_incident_has_begun_and_ended() {
    let alert = alert("google-cloud-monitoring", "resolved");
    assert_eq!(alert.starts_at, time("2026-11-23T04:20:52Z"));
    assert_eq!(alert.ends_at, time("2026-11-23T04:30:52Z"));
}

#[test]
fn an_azure_alert_is_read_field_by_field() {
    let alert = alert("azure-monitor", "firing");
    assert!(alert.id.ends_with("/alerts/5b0d8c1e-0000-4000-8000-1234567890ab"), "{}", alert.id);
    assert_eq!(alert.severity.as_deref(), Some("error"));
    assert_eq!(alert.title.as_str(), "disk-nearly-full");
    assert_eq!(alert.message.as_str(), "Free space, then grow the disk.");
    let target = "/subscriptions/22222222-aaaa-bbbb-cccc-222222222222/resourcegroups/shop\
                  /providers/microsoft.compute/virtualmachines/db-1";
    assert_eq!(
        labels(&alert),
        [
            ("alertname", "disk-nearly-full"),
            ("dimension_device", "/dev/sda1"),
            ("dimension_path", "/"),
            ("monitoring_service", "Platform"),
            ("signal_type", "Metric"),
            ("target", target),
        ]
    );
    assert_eq!(
        annotations(&alert),
        [
            ("configuration_items", "db-1"),
            ("custom_team", "storage"),
            ("metric", "Disk Used Percentage"),
            ("metric_value", "97.25"),
            ("threshold", "90"),
        ]
    );
    assert_eq!(alert.starts_at, time("2026-11-23T04:20:52.371Z"));
}

#[test]
fn a_resolved_azure_alert_has_ended() {
    assert_eq!(alert("azure-monitor", "resolved").ends_at, time("2026-11-23T04:30:52.224Z"));
}

#[test]
fn an_opsgenie_alert_is_read_field_by_field() {
    let alert = alert("opsgenie", "firing");
    assert_eq!(alert.id, "052652ac-0000-4000-8000-7dd18bbfba8c");
    assert_eq!(alert.severity.as_deref(), Some("error"));
    assert_eq!(alert.title.as_str(), "Disk of db-1 is nearly full");
    assert_eq!(alert.message.as_str(), "97 % of /dev/sda1 is used.");
    assert_eq!(labels(&alert), [("alertname", "disk/db-1"), ("integration", "Tagout")]);
    assert_eq!(
        annotations(&alert),
        [
            ("detail_region", "eu-1"),
            ("entity", "db-1"),
            ("sender", "prober"),
            ("tags", "storage, prod"),
            ("tiny_id", "23"),
        ]
    );
    assert_eq!(alert.starts_at, time("2026-11-23T04:20:52.104Z"));
}

#[test]
fn an_opsgenie_alert_ends_when_it_was_updated_in_milliseconds_or_nanoseconds() {
    assert_eq!(alert("opsgenie", "resolved").ends_at, time("2026-11-23T04:30:52Z"));
    assert_eq!(alert("opsgenie", "deleted").ends_at, time("2026-11-23T04:20:53.166Z"));
}

#[test]
fn a_custom_opsgenie_action_is_a_flaw_that_says_where_to_add_it() {
    let body = String::from_utf8(body("opsgenie", "firing")).unwrap();
    let body = body.replace("\"Create\"", "\"RestartIt\"");
    let delivery = mapping("opsgenie").read(body.as_bytes()).unwrap();
    let [Reading::Flawed { index: 0, flaw }] = delivery.alerts.as_slice() else { panic!() };
    assert_eq!(flaw.field, "status");
    assert!(flaw.what.contains("\"RestartIt\"") && flaw.what.contains("[[ignore]]"), "{flaw}");
}

#[test]
fn a_zabbix_problem_is_read_field_by_field() {
    let alert = alert("zabbix", "firing");
    assert_eq!(alert.id, "4711");
    assert_eq!(alert.severity.as_deref(), Some("error"));
    assert_eq!(alert.title.as_str(), "Disk space is low on db-1 (97 %)");
    assert_eq!(alert.message.as_str(), "97 %");
    assert_eq!(alert.runbook_url.as_deref(), Some("https://runbooks.example/disk-full"));
    assert_eq!(
        labels(&alert),
        [("alertname", "Disk space is low on /"), ("host", "db-1"), ("trigger_id", "20042")]
    );
    assert_eq!(
        annotations(&alert),
        [
            ("host_groups", "Databases, Linux servers"),
            ("tag_component", "storage"),
            ("tag_scope", "capacity"),
        ]
    );
}

#[test]
fn a_zabbix_macro_without_a_value_counts_as_absent() {
    let body = String::from_utf8(body("zabbix", "firing")).unwrap();
    let body = body.replace("https://runbooks.example/disk-full", "*UNKNOWN*");
    let delivery = mapping("zabbix").read(body.as_bytes()).unwrap();
    let [Reading::Alert(alert)] = delivery.alerts.as_slice() else { panic!() };
    assert_eq!(alert.runbook_url, None);
}

#[test]
fn a_new_relic_issue_is_read_field_by_field() {
    let alert = alert("new-relic", "firing");
    assert_eq!(alert.id, "0ea2df1c-0000-4000-8000-3c2a5f9b1d10");
    assert_eq!(alert.severity.as_deref(), Some("critical"));
    assert_eq!(alert.title.as_str(), "Disk used % > 90 for at least 5 minutes on 'db-1'");
    assert_eq!(alert.message.as_str(), "Disk nearly full");
    assert_eq!(
        labels(&alert),
        [("alertname", "New Relic issue"), ("issue", "0ea2df1c-0000-4000-8000-3c2a5f9b1d10"),]
    );
    assert_eq!(alert.annotations["entities"].as_str(), "db-1");
    assert_eq!(alert.annotations["policies"].as_str(), "Storage");
    assert_eq!(alert.starts_at, time("2026-11-23T04:20:52.104Z"));
}

#[test]
fn a_new_relic_issue_that_someone_acknowledged_still_fires() {
    let (before, after) = (alert("new-relic", "firing"), alert("new-relic", "acknowledged"));
    assert_eq!((after.status, after.identity()), (AlertStatus::Firing, before.identity()));
    assert_eq!(alert("new-relic", "resolved").ends_at, time("2026-11-23T04:30:52.104Z"));
}

#[test]
fn a_checkmk_service_and_a_host_are_read_field_by_field() {
    let service = alert("checkmk", "firing");
    assert_eq!(service.severity.as_deref(), Some("critical"));
    assert_eq!(service.title.as_str(), "Filesystem / on db-1");
    assert_eq!(service.message.as_str(), "Used: 97 % - 9.7 GiB of 10 GiB (crit at 95 %)");
    assert_eq!(
        labels(&service),
        [("alertname", "Filesystem /"), ("host", "db-1"), ("site", "shop")]
    );
    assert_eq!(alert("checkmk", "resolved").ends_at, time("2026-11-23T04:30:52Z"));
    let host = alert("checkmk", "host_down");
    assert_eq!(host.severity.as_deref(), Some("critical"));
    assert_eq!((host.title.as_str(), host.message.as_str()), ("Host db-1", "No answer to ping"));
    assert_eq!(labels(&host), [("alertname", "Host"), ("host", "db-1"), ("site", "shop")]);
    assert_ne!(host.identity(), service.identity());
}

const DOCUMENT: &str = include_str!("../../../docs/mappings.md");

/// The first block of a kind in the document after `from`.
fn block<'a>(from: &str, kind: &str) -> &'a str {
    let (_, rest) = DOCUMENT.split_once(from).unwrap();
    let (_, rest) = rest.split_once(&format!("```{kind}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn the_example_in_the_document_reads_what_the_document_says() {
    let mapping = Mapping::parse(block("## An example", "toml")).unwrap();
    let delivery = mapping.read(block("## An example", "json").as_bytes()).unwrap();
    let [Reading::Alert(alert)] = delivery.alerts.as_slice() else { panic!("{delivery:?}") };
    assert_eq!((alert.title.as_str(), alert.message.as_str()), ("disk on db-1", "97 % used"));
    assert_eq!(alert.severity.as_deref(), Some("error"));
    assert_eq!(labels(alert), [("alertname", "disk"), ("env", "prod"), ("host", "db-1")]);
    assert_eq!(alert.starts_at, time("2026-11-23T04:20:52Z"));
}

#[test]
fn the_documents_tell_each_sender_to_send_the_members_that_the_tests_send() {
    let members = |body: &[u8]| {
        let body: serde_json::Map<_, _> = serde_json::from_slice(body).unwrap();
        body.into_iter().map(|(name, _)| name).collect::<Vec<String>>()
    };
    let pasted = block("### Datadog", "json");
    assert_eq!(members(pasted.as_bytes()), members(&body("datadog", "firing")));
    for (name, what) in [("zabbix", "### Zabbix"), ("checkmk", "### Checkmk")] {
        let (_, section) = DOCUMENT.split_once(what).unwrap();
        for member in members(&body(name, "firing")) {
            assert!(section.contains(&member), "{name}: {member}");
        }
    }
}
