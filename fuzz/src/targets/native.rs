//! Our own JSON: a list of alerts, or JSON Lines.

pub fn fuzz(alerts: &[u8]) {
    let list = [b"[", alerts, b"]"].concat();
    crate::rules::is_within_limits(tagout::signals::read(&list));
    let lines = [alerts, b"\n", alerts].concat();
    crate::rules::is_within_limits(tagout::signals::read(&lines));
}
