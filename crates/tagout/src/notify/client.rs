//! The one HTTP client of channels, rotas, polls and sign-in: bounded in time and size, and it
//! follows nobody elsewhere.

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, redirect};
use tagout_core::limits;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take, all of it.
const ANSWER: Duration = Duration::from_secs(15);
/// The longest that an answer can have us wait before the next attempt.
const LONGEST_WAIT: u64 = 3600;

/// Why a notice was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotSent {
    /// In words that name no address and no secret.
    pub(crate) why: String,
    /// Whether it would fail however often it were sent.
    pub(crate) for_good: bool,
    /// How long to wait before the next attempt, if the receiver said so.
    pub(crate) wait: Option<Duration>,
}

impl NotSent {
    /// Something that may work another time.
    pub(crate) fn now(why: impl Into<String>) -> Self {
        Self { why: why.into(), for_good: false, wait: None }
    }

    /// Something that will not.
    pub(crate) fn ever(why: impl Into<String>) -> Self {
        Self { why: why.into(), for_good: true, wait: None }
    }
}

/// An answer that says that the request was taken.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
}

/// A client.
pub(crate) fn client() -> Result<Client, String> {
    crate::tls::install();
    Client::builder()
        .connect_timeout(CONNECT)
        .timeout(ANSWER)
        // A notice and its signature must not follow a redirect to somebody else.
        .redirect(redirect::Policy::none())
        .user_agent(concat!("tagout/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|e| format!("no client can be made: {}", words(e)))
}

/// Sends a request and reads the answer. Anything but 2xx is a failure; one that says that the
/// request itself is wrong is a failure for good.
pub(crate) async fn send(request: RequestBuilder) -> Result<Answer, NotSent> {
    let mut answer = request.send().await.map_err(|e| NotSent::now(words(e)))?;
    let status = answer.status();
    let wait = answer.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok());
    let wait = wait.and_then(|wait| wait.trim().parse::<u64>().ok());
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|e| NotSent::now(words(e)))? {
        if body.len() + part.len() > limits::FETCHED_BYTES {
            let most = limits::FETCHED_BYTES;
            return Err(NotSent::now(format!("the answer is larger than {most} bytes")));
        }
        body.extend_from_slice(&part);
    }
    if status.is_success() {
        return Ok(Answer { body });
    }
    let hint = match status.as_u16() {
        401 | 403 => "; check its secrets",
        404 => "; check its url",
        410 => "; the receiver wants no more of them",
        300..=399 => "; redirects are not followed, give the address it names",
        _ => "",
    };
    Err(NotSent {
        why: format!("answered {status}{hint}"),
        // What is not found or not allowed may be a slip that somebody mends; a body that is
        // refused stays what it is.
        for_good: matches!(status.as_u16(), 400 | 410 | 413 | 415 | 422),
        wait: wait.map(|seconds| Duration::from_secs(seconds.min(LONGEST_WAIT))),
    })
}

/// An error with its causes, and without the address.
pub(crate) fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(one) = cause {
        words.push_str(&format!(": {one}"));
        cause = one.source();
    }
    words
}
