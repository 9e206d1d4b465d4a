//! The declaration of a mapping, used on two bodies if it is one.

use tagout::signals::Mapping;

const BODIES: [&[u8]; 2] = [
    include_bytes!("../../../crates/tagout/tests/mappings/google-cloud-monitoring_firing.json"),
    include_bytes!("../../../evals/webhooks/alertmanager_grouped.json"),
];

pub fn fuzz(text: &str) {
    if let Ok(mapping) = Mapping::parse(text) {
        for body in BODIES {
            crate::rules::is_within_limits(mapping.read(body));
        }
    }
}
