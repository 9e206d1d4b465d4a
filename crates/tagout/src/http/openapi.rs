//! The description of the interface (OpenAPI 3.1), made from the handlers themselves.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi};

use super::App;
use super::caller::Caller;
use super::problem::{Details, Problem};

/// The description, as one JSON document.
///
/// # Errors
/// If it cannot be written: a fault of ours.
pub fn document() -> Result<String, serde_json::Error> {
    let mut text = super::routes().1.to_pretty_json()?;
    text.push('\n');
    Ok(text)
}

/// Adds what no handler says: what this is, and how a caller proves itself.
pub(super) fn complete(mut api: OpenApi) -> OpenApi {
    api.info = InfoBuilder::new()
        .title("Tagout")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("The incident runbook agent: deliveries in, incidents out."))
        .license(Some(
            LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build(),
        ))
        .build();
    let bearer = |words: &str| {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        SecurityScheme::Http(scheme.description(Some(words)).build())
    };
    let components = api.components.get_or_insert_default();
    components.add_security_scheme("token", bearer("A token of `[api] tokens`."));
    let words = "Slack's signature of the request, in `x-slack-signature`.";
    let header = ApiKeyValue::with_description("x-slack-signature", words);
    components.add_security_scheme("slack", SecurityScheme::ApiKey(ApiKey::Header(header)));
    let words = "The proof that the source's kind demands; for most a bearer token.";
    components.add_security_scheme("source", bearer(words));
    api
}

/// This description.
#[utoipa::path(
    get,
    path = "/v1/openapi.json",
    tag = "meta",
    security(("token" = [])),
    responses(
        (status = 200, description = "The OpenAPI 3.1 document.", body = Object),
        (status = 401, description = "A token is needed.", body = Details,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(_: Caller, State(app): State<Arc<App>>) -> Result<Json<OpenApi>, Problem> {
    Ok(Json(app.api.clone()))
}
