//! The scenario evaluation: the whole pipeline, alone and fresh for each scenario, held
//! against what people expect.

pub mod agents;
pub mod report;
pub mod scenario;
mod trial;

pub use agents::Agent;
pub use report::{EvaluationReport, Thresholds};
pub use scenario::{Scenario, parse_scenarios};
pub use trial::evaluate;
