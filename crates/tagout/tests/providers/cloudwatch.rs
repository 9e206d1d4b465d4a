//! CloudWatch alarms in messages of SNS.

use serde_json::json;
use tagout::signals::{Format, read_as};
use tagout_core::limits;

use crate::bodies::{FIRING, RESOLVED, annotation, changed, labels, one, recorded};

#[test]
fn a_cloudwatch_alarm_is_named_by_its_account_region_and_dimensions() {
    let alarm = recorded(Format::CloudWatch, "sns/alarm.json");
    assert_eq!(
        labels(&alarm),
        [
            ("InstanceId", "i-0123456789abcdef0"),
            ("account_id", "123456789012"),
            ("alertname", "files-volume-full"),
            ("metric", "disk_used_percent"),
            ("namespace", "CWAgent"),
            ("path", "/data"),
            ("region", "eu-west-1")
        ]
    );
    assert_eq!((alarm.status, alarm.severity.as_deref()), (FIRING, None));
    assert_eq!(alarm.title.as_str(), "files-volume-full");
    let message = alarm.message.as_str();
    assert!(message.starts_with("The volume of the file server\nis nearly full.\nThreshold"));
    assert_eq!(alarm.metrics["threshold"], "90.0");
    assert_eq!(alarm.starts_at, Some("2026-12-01T09:59:59.677Z".parse().unwrap()));
    assert_eq!(
        (annotation(&alarm, "state"), annotation(&alarm, "previous_state")),
        ("ALARM", "OK")
    );

    let ok = recorded(Format::CloudWatch, "sns/ok.json");
    assert_eq!((ok.status, ok.identity()), (RESOLVED, alarm.identity()));
    assert_eq!(ok.ends_at, Some("2026-12-01T10:30:00Z".parse().unwrap()));
    let lost = recorded(Format::CloudWatch, "sns/insufficient_data.json");
    assert_eq!((lost.status, lost.identity()), (FIRING, alarm.identity()));
    assert_eq!(annotation(&lost, "state"), "INSUFFICIENT_DATA");
    let repeated = recorded(Format::CloudWatch, "sns/alarm_sha1.json");
    assert_eq!(repeated.identity(), alarm.identity(), "the reading has changed, the fault has not");
}

#[test]
fn an_alarm_on_a_band_names_the_metric_behind_it() {
    let alarm = recorded(Format::CloudWatch, "sns/anomaly.json");
    assert_eq!(alarm.labels["DBInstanceIdentifier"], "orders");
    assert_eq!(alarm.labels["metric"], "CPUUtilization");
    assert_eq!(alarm.labels["region"], "eu-west-1", "a dimension takes no label of ours");
    assert_eq!(alarm.labels["dimension_region"], "odd");
}

/// An SNS notification with `message` in it.
fn notification(message: &str) -> Vec<u8> {
    changed("sns/alarm.json", "/Message", json!(message))
}

#[test]
fn a_message_that_is_no_alarm_is_an_error_that_people_are_shown() {
    for message in
        ["the nightly report is ready", "{}", "[]", "{\"AlarmName\":\"A\"}", "\u{feff}", ""]
    {
        let refused = read_as(Format::CloudWatch, &notification(message)).unwrap_err();
        assert!(refused.to_string().contains("only alarms"), "{message}: {refused}");
    }
    let deep = format!("{{\"AlarmName\":{}", "[".repeat(limits::JSON_DEPTH));
    assert!(read_as(Format::CloudWatch, &notification(&deep)).is_err());
    let twice = r#"{"AlarmName":"A","AlarmName":"B","NewStateValue":"ALARM"}"#;
    assert!(read_as(Format::CloudWatch, &notification(twice)).is_err());
}

#[test]
fn an_alarm_with_little_in_it_is_still_an_alarm() {
    let little = json!({"AlarmName": "A", "NewStateValue": "ALARM", "Region": "EU (Ireland)"});
    let alarm = one(Format::CloudWatch, &notification(&little.to_string())).unwrap();
    assert_eq!(labels(&alarm), [("alertname", "A"), ("region", "EU (Ireland)")]);
    for (member, value, field) in [
        ("NewStateValue", json!("PANIC"), "NewStateValue"),
        ("AlarmName", json!(5), "AlarmName"),
        ("StateChangeTime", json!("yesterday"), "StateChangeTime"),
        ("Trigger", json!([]), "Trigger"),
        ("AlarmName", json!("x".repeat(limits::VALUE_BYTES + 1)), "title"),
    ] {
        let mut wrong = little.clone();
        wrong[member] = value;
        let flaw = one(Format::CloudWatch, &notification(&wrong.to_string())).unwrap_err();
        assert_eq!(flaw.field, field);
    }
    let mut long = little;
    long["AlarmDescription"] = json!("ä".repeat(limits::MESSAGE_BYTES));
    let cut = one(Format::CloudWatch, &notification(&long.to_string())).unwrap();
    assert!(
        cut.message.as_str().ends_with('…') && cut.message.as_str().len() <= limits::MESSAGE_BYTES
    );
}
