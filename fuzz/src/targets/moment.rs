//! Points and lengths of time.

use tagout_core::time::{Span, Time};

pub fn fuzz(text: &str) {
    if let Ok(time) = text.parse::<Time>() {
        assert_eq!(time.to_string().parse(), Ok(time));
    }
    if let Ok(span) = text.parse::<Span>() {
        assert_eq!(span.to_string().parse(), Ok(span));
    }
}
