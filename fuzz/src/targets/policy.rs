//! The escalation policy.

use tagout_core::policy::EscalationPolicy;

pub fn fuzz(text: &str) {
    if let Ok(policy) = EscalationPolicy::parse(text) {
        let json = serde_json::to_string(&policy).expect("a policy can be recorded");
        let back: EscalationPolicy = serde_json::from_str(&json).expect("and read back");
        assert_eq!(back.digest(), policy.digest());
    }
}
