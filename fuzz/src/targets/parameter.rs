//! A declared parameter on the first line, as JSON, and a value for it on the second.

use tagout_core::limits;
use tagout_core::parameter::Parameter;

pub fn fuzz(text: &str) {
    let (declared, value) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(parameter) = serde_json::from_str::<Parameter>(declared) else { return };
    let _ = parameter.describe();
    if let Ok(accepted) = parameter.accept("p", value) {
        assert!(accepted.len() <= limits::PARAMETER_BYTES, "{} bytes", accepted.len());
    }
}
