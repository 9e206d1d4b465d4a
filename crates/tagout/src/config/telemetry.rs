//! `[telemetry]`: what the service tells of itself.

use serde::Deserialize;

use super::BadInput;

/// What the service tells of itself, and in which form.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// The form of the log on standard error.
    pub log_format: LogFormat,
    /// From which level on something is logged.
    pub log_level: LogLevel,
    /// Where traces are sent, over OTLP/HTTP; nowhere if absent. Without a path,
    /// `/v1/traces` is added.
    pub otlp_endpoint: Option<String>,
    /// Which part of the incidents is traced, from 0 to 1.
    pub sample_ratio: f64,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log_format: LogFormat::Text,
            log_level: LogLevel::Info,
            otlp_endpoint: None,
            sample_ratio: 1.0,
        }
    }
}

impl TelemetryConfig {
    pub(super) fn check(&self) -> Result<(), BadInput> {
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            let ratio = self.sample_ratio;
            return Err(BadInput(format!(
                "telemetry.sample_ratio is {ratio}; it must be from 0 to 1"
            )));
        }
        let Some(endpoint) = &self.otlp_endpoint else { return Ok(()) };
        match reqwest::Url::parse(endpoint) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
                if !url.username().is_empty() || url.password().is_some() {
                    // Not repeated: it holds a secret.
                    return Err(BadInput(
                        "telemetry.otlp_endpoint holds a user or a password; leave them out".into(),
                    ));
                }
                Ok(())
            }
            _ => Err(BadInput(format!(
                "telemetry.otlp_endpoint is {endpoint:?}; it must be an address such as \
                 \"http://127.0.0.1:4318\""
            ))),
        }
    }
}

/// The form of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// From which level on something is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What somebody should look at.
    Warn,
    /// What the service does.
    #[default]
    Info,
    /// Each request.
    Debug,
    /// Everything.
    Trace,
}
