//! A page of somebody else, in the browser of a person who is signed in.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use serde_json::json;

use super::browser::Look;
use super::stage::Stage;

const PASSWORD: &str = "correct horse battery staple 42";

/// Serves this page to whoever asks, for as long as the test lasts. It has another origin than the
/// service and the same host, so that browsers send the service's cookies with what it asks for.
fn elsewhere(page: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
            let length = page.len();
            let _ = write!(stream, "{head}Content-Length: {length}\r\n\r\n{page}");
        }
    });
    address
}

#[test]
fn attack_cross_site_request_by_the_page_of_somebody_else_in_a_real_browser() {
    let stage = Stage::set();
    let id = stage.fires("QueueStuck", "q-1");
    let add = ["users", "add", "eve", "--role", "approver", "--json"];
    let added = stage.service.home.tagout(&add).done().ok().json();
    let secret = added["one_time_secret"].as_str().unwrap();
    // What another process recorded is known a second later at most.
    stage.page("bob", "approver", Look::PLAIN);
    let eve = stage.stranger(Look::DESKTOP);
    eve.goes(&format!("/incidents/{id}"), 200).fill("[name=name]", "eve");
    eve.fill("[name=password]", secret).click("button:has-text('Sign in')").says("holds once");
    eve.fill("[name=password]", secret).fill("[name=new]", PASSWORD);
    eve.fill("[name=again]", PASSWORD).click("main button").click("text=Read and answer");
    eve.wait("text=What an answer covers");
    let review = eve.path();
    let plan = review.rsplit('/').next().unwrap();

    let ours = format!("http://{}", stage.service.address);
    let page = format!(
        "<form method=post action='{ours}{review}/approve'><input name=mode value=dry-run></form>\
         <script>fetch('{ours}/v1/incidents/{id}/plans/{plan}/approve', {{method: 'POST', \
         mode: 'no-cors', credentials: 'include', body: '{{\"mode\": \"dry_run\"}}'}})\
         .finally(() => document.forms[0].submit())</script>"
    );
    // The session went along, else she would be sent to sign in.
    eve.call("goto", json!([elsewhere(page)]));
    eve.wait("text=this came from a page that is not ours");
    assert_eq!(eve.path(), format!("{review}/approve"), "the form was sent");
    assert_eq!(stage.service.count("review_given"), 0);
    eve.goes(&review, 200).click("text=Approve for dry-run").says("Eve approved the plan");
    assert_eq!(stage.service.count("review_given"), 1);
}
