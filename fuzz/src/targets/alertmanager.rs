//! One alert of Alertmanager's webhook.

pub fn fuzz(alert: &[u8]) {
    let body = [br#"{"version":"4","alerts":["#, alert, b"]}"].concat();
    crate::rules::is_within_limits(tagout::signals::read(&body));
}
