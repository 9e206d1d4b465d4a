//! Kubernetes by the real `kubectl` of this machine: what it asked the API server, which keeps every
//! request and the deployment as it is then, tells what a dry-run and a live plan did.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::apiserver::{Came, Kubernetes, TOKEN};
use super::home::Home;
use super::rehearsal;
use super::service::{OWN_SECRET, Service, call, configuration};
use super::stage::{LIVE, Stage};

/// More copies, and more memory for each by a manifest; both can be taken back.
const PAGE: &str = r#"---
id: shop-copies
symptoms: [The shop has too few copies.]
match: {alert_names: [TooFew]}
risk: low
reversible: true
target: "{{namespace}}/{{deployment}}"
timeout: 60s
parameters:
  namespace: {description: The namespace., from: labels.namespace, pattern: '[a-z0-9-]+'}
  deployment: {description: The deployment., from: labels.deployment, pattern: '[a-z0-9-]+'}
  copies: {description: How many., default: "4", min: 3, max: 9}
preconditions:
  - id: exists
    kind: check
    title: The deployment is there
    command: [kubectl, -n, "{{namespace}}", get, deployment, "{{deployment}}", --output=yaml]
steps:
  - id: scale
    kind: action
    title: Run more copies
    command: [kubectl, -n, "{{namespace}}", scale, "deployment/{{deployment}}", --current-replicas=2, "--replicas={{copies}}"]
    dry_run: [kubectl, -n, "{{namespace}}", scale, "deployment/{{deployment}}", --current-replicas=2, "--replicas={{copies}}", --dry-run=server]
    undo: [kubectl, -n, "{{namespace}}", scale, "deployment/{{deployment}}", "--current-replicas={{copies}}", --replicas=2]
  - id: memory
    kind: action
    title: Give each more memory
    command: [kubectl, apply, -f, MANIFESTS/more.yaml]
    dry_run: [kubectl, diff, -f, MANIFESTS/more.yaml]
    dry_run_exit_codes: [0, 1]
    undo: [kubectl, apply, -f, MANIFESTS/usual.yaml]
verification:
  - id: is-up
    kind: check
    title: All copies are up
    command: [kubectl, -n, "{{namespace}}", rollout, status, "deployment/{{deployment}}", --timeout=3s]
---
# Too few copies
"#;

/// What is applied: nothing is said of how many copies there are.
const MANIFEST: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: web, image: 'shop/web:2', resources: {limits: {memory: MEMORY}}}
";

/// The page of a rollback that ships.
const ERROR_RATE: &str = include_str!("../../../../runbooks/error-rate.md");

fn kubectl() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut all = std::env::split_paths(&path).map(|dir| dir.join("kubectl"));
    all.find(|path| path.is_file()).expect("no kubectl; install kubernetes-client")
}

/// A home in live mode with this page, whose steps get `kubectl`, and of the service's environment what
/// these name. `rest` is what else may be started, and how.
fn home(page: &str, policy: &str, environment: &str, rest: &str) -> Home {
    let home = Home::new();
    for (name, memory) in [("more", "512Mi"), ("usual", "256Mi")] {
        home.write(&format!("manifests/{name}.yaml"), MANIFEST.replace("MEMORY", memory));
    }
    let manifests = home.path("manifests");
    home.write("book/page.md", page.replace("MANIFESTS", manifests.to_str().unwrap()));
    let first = "version = 1\nfirst_use = \"nothing\"\n";
    let shared = super::home::POLICY.replace("version = 1\n", first);
    home.write("policy.toml", format!("{shared}{policy}"));
    let directory = home.path("work");
    std::fs::create_dir_all(&directory).unwrap();
    let execution = format!(
        "[execution]\nrehearse = true\ndirectory = {directory:?}\nweak_containment = true\n\
         environment = [{environment}]\ngrace = \"1s\"\n{rest}"
    );
    let text = format!("mode = \"live\"\n{}", configuration("", &execution));
    home.write("state/tagout/tagout.toml", text);
    home
}

/// Of this home, with the page admitted and the switch released.
fn stage(home: Home, kubeconfig: &str, page: &str) -> Stage {
    let config = home.write("kube/config", kubeconfig);
    let call = call(&home).env("KUBECONFIG", config.to_str().unwrap());
    let stage = Stage::with(Service::of(home, call));
    stage.admit(page).is(200);
    stage.release();
    stage
}

/// With the path of a kubeconfig in the environment, which names the file of the token. The token is
/// known as a secret, so that it is taken out of what is printed.
fn by_path(kubernetes: &Kubernetes, page: &str, policy: &str) -> Stage {
    let (token, kubectl) = (kubernetes.path("token"), kubectl());
    let rest = format!(
        "[execution.programs]\nkubectl = {kubectl:?}\n\
         [execution.secrets.cluster]\nfrom = {{ file = {token:?} }}\nvariable = \"CLUSTER_TOKEN\"\n\
         programs = [\"kubectl\"]\nrunbooks = [\"*\"]\n"
    );
    let home = home(page, policy, r#""PATH", "TMPDIR", "KUBECONFIG""#, &rest);
    let id = page.split_once("id: ").unwrap().1.split_once('\n').unwrap().0;
    stage(home, &kubernetes.kubeconfig(&format!("tokenFile: {token:?}")), id)
}

fn told_of(status: &str, name: &str) -> String {
    let labels = json!({
        "alertname": name, "namespace": "shop", "deployment": "web", "environment": "test",
    });
    json!({"title": name, "severity": "warning", "status": status, "labels": labels}).to_string()
}

/// The incident of an alert about the deployment, once it is decided.
fn alert(stage: &Stage, name: &str) -> String {
    let receipt = stage.service.post("own", OWN_SECRET, told_of("firing", name)).is(200).json();
    let incident = receipt["incidents"][0].as_str().unwrap().to_owned();
    stage.service.decided(&incident);
    incident
}

/// How a step ended, as it is recorded.
fn end(stage: &Stage, step: &str) -> Value {
    let trail = stage.service.home.trail();
    let mut data = trail.iter().map(|line| &line["event"]["data"]);
    let end = data.find(|data| data["step"] == step && data["ended"].is_object());
    end.unwrap_or_else(|| panic!("no end of {step}: {trail:?}")).clone()
}

/// How many copies there are, and how much memory each may take.
fn size(kubernetes: &Kubernetes) -> (Value, Value) {
    let spec = &kubernetes.deployment()["spec"];
    let memory = &spec["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"];
    (spec["replicas"].clone(), memory.clone())
}

fn image(kubernetes: &Kubernetes) -> Value {
    let template = &kubernetes.deployment()["spec"]["template"];
    template["spec"]["containers"][0]["image"].clone()
}

/// The token was printed, and stands nowhere that anybody reads.
fn assert_kept(stage: &Stage, incident: &str) {
    let trail = serde_json::to_string(&stage.service.home.trail()).unwrap();
    assert!(trail.contains("note: [redacted]"), "{trail}");
    let page = stage.ben.get(&format!("/incidents/{incident}")).is(200).body;
    let plan = stage.plan(incident).to_string();
    for text in [trail, page, plan, stage.service.told()] {
        assert!(!text.contains(TOKEN), "{text}");
    }
}

#[test]
fn a_dry_run_has_the_api_server_say_what_would_change_and_changes_nothing() {
    let kubernetes = Kubernetes::start();
    let before = kubernetes.deployment();
    let stage = by_path(&kubernetes, PAGE, "");
    let incident = alert(&stage, "TooFew");
    assert_eq!(stage.plan(&incident)["mode"], "dry_run");
    stage.until(&incident, "rehearsed");
    let told = rehearsal::told(&stage.service.home, &incident);
    let whole: Vec<_> = ["exists", "scale", "memory", "is-up"]
        .iter()
        .flat_map(|step| [format!("try {step}"), format!("end {step} succeeded")])
        .chain(["plan rehearsed stops nowhere".to_owned()])
        .collect();
    assert_eq!(told, whole, "{:?}", kubernetes.came());
    // The difference is what the server said, and 1 is the code for it.
    let memory = end(&stage, "memory");
    assert_eq!(memory["ended"]["exit_code"], 1, "{memory}");
    let difference = memory["output"].to_string();
    for line in ["-            memory: 256Mi", "+            memory: 512Mi"] {
        assert!(difference.contains(line), "{difference}");
    }
    assert!(end(&stage, "scale")["output"].to_string().contains("deployment.apps/web scaled"));
    let page = stage.ben.get(&format!("/incidents/{incident}")).is(200).body;
    for words in ["What the dry-run found", "memory: 512Mi", "exit code 1"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let came = kubernetes.came();
    assert!(came.iter().all(Came::looks), "{came:?}");
    let dry = |kind: &str| came.iter().any(|one| one.is_dry() && one.target.contains(kind));
    assert!(dry("/web/scale?") && dry("/web?"), "{came:?}");
    assert_eq!(kubernetes.deployment(), before);
    assert_kept(&stage, &incident);
    // Nothing is left of the difference, and what was learnt of the server is kept where steps run.
    let home = &stage.service.home;
    assert!(std::fs::read_dir(home.path("tmp")).unwrap().next().is_none());
    assert!(home.path("work/.kube/cache").is_dir());
    stage.service.stop().assert_log_holds();
}

#[test]
fn a_live_plan_changes_the_deployment_and_what_is_rejected_afterwards_is_taken_back() {
    let kubernetes = Kubernetes::start();
    let stage = by_path(&kubernetes, PAGE, LIVE);
    assert_eq!(size(&kubernetes), (json!(2), json!("256Mi")));
    let incident = alert(&stage, "TooFew");
    stage.wait("the end", || ["completed", "failed"].contains(&&*stage.state(&incident)));
    let whole: Vec<_> = ["exists", "scale", "memory", "is-up"]
        .iter()
        .flat_map(|step| [format!("start {step}"), format!("end {step} succeeded")])
        .chain(["plan completed".to_owned()])
        .collect();
    assert_eq!(stage.told(&incident), whole, "{:?}", stage.service.home.trail());
    assert_eq!(size(&kubernetes), (json!(4), json!("512Mi")));
    assert!(!kubernetes.came().iter().any(Came::is_dry), "{:?}", kubernetes.came());
    assert!(end(&stage, "is-up")["output"].to_string().contains("successfully rolled out"));
    assert_kept(&stage, &incident);

    stage.service.post("own", OWN_SECRET, told_of("resolved", "TooFew")).is(200);
    let plan = stage.ben.get("/v1/reviews/owed").is(200).json()["owed"][0]["plan"].clone();
    let path = format!("/v1/incidents/{incident}/plans/{}/hindsight", plan.as_str().unwrap());
    let no = json!({"hindsight": "rejected", "reason": "the node has no room for them"});
    stage.ada.post(&path, &no).is(200);
    stage.approve(&incident);
    stage.until(&incident, "closed");
    assert_eq!(size(&kubernetes), (json!(2), json!("256Mi")));
    stage.service.stop().assert_log_holds();
}

#[test]
fn a_rollout_that_does_not_come_up_fails_its_plan_and_is_taken_back_once_people_say_so() {
    let kubernetes = Kubernetes::start();
    let stage = by_path(&kubernetes, PAGE, &format!("{LIVE}step_failure = \"undo\"\n"));
    kubernetes.stall();
    let incident = alert(&stage, "TooFew");
    stage.until(&incident, "pending_review");
    let told = stage.told(&incident);
    assert!(told.contains(&"end is-up failed".to_owned()), "{told:?}");
    let said = end(&stage, "is-up")["output"].to_string();
    assert!(said.contains("timed out waiting for the condition"), "{said}");
    // Nothing is taken back before people say so.
    assert_eq!(size(&kubernetes), (json!(4), json!("512Mi")));
    stage.approve(&incident);
    stage.until(&incident, "completed");
    assert_eq!(size(&kubernetes), (json!(2), json!("256Mi")));
    stage.service.stop().assert_log_holds();
}

#[test]
fn a_change_whose_answer_is_lost_counts_as_failed_and_is_tried_again_where_its_page_lets_it() {
    let kubernetes = Kubernetes::start();
    let twice = "title: Give each more memory\n    idempotent: true\n    attempts: 2\n";
    let page = PAGE.replace("title: Give each more memory\n", twice);
    let (before, rest) = page.split_once("  - id: scale").unwrap();
    let (_, memory) = rest.split_once("  - id: memory").unwrap();
    // The value has no other place.
    let before =
        before.replace("  copies: {description: How many., default: \"4\", min: 3, max: 9}\n", "");
    let page = format!("{before}  - id: memory{memory}");
    let stage = by_path(&kubernetes, &page, LIVE);
    kubernetes.hang_up();
    let incident = alert(&stage, "TooFew");
    stage.wait("the end", || ["completed", "failed"].contains(&&*stage.state(&incident)));
    let told = stage.told(&incident);
    let again = ["start memory", "end memory failed", "start memory", "end memory succeeded"];
    assert_eq!(told[2..6], again, "{told:?}");
    assert_eq!(told.last().unwrap(), "plan completed");
    assert_eq!(size(&kubernetes), (json!(2), json!("512Mi")));
    // The first had done it, whatever its end says.
    let came = kubernetes.came();
    assert_eq!(came.iter().filter(|one| !one.looks()).count(), 1, "{came:?}");
}

#[test]
fn what_keeps_kubectl_from_comparing_is_a_failure_and_no_difference() {
    let kubernetes = Kubernetes::start();
    let programs = format!("[execution.programs]\nkubectl = {:?}\n", kubectl());
    let known = kubernetes.kubeconfig(&format!("tokenFile: {:?}", kubernetes.path("token")));
    let unknown = kubernetes.kubeconfig("token: of-somebody-else");
    // What versions say of a token that is not known differs.
    for (environment, kubeconfig, words) in [
        (r#""TMPDIR", "KUBECONFIG""#, &known, ["executable file not found"; 2]),
        (r#""PATH", "TMPDIR", "KUBECONFIG""#, &unknown, ["logged in to the server", "credentials"]),
    ] {
        let home = home(PAGE, "", environment, &programs);
        let stage = stage(home, kubeconfig, "shop-copies");
        let incident = alert(&stage, "TooFew");
        stage.until(&incident, "rehearsed");
        let memory = end(&stage, "memory");
        assert_eq!(memory["outcome"], "failed", "{memory}");
        let output = memory["output"].to_string();
        assert!(words.iter().any(|words| output.contains(words)), "{memory}");
    }
    assert!(kubernetes.came().iter().all(Came::looks));
}

#[test]
fn the_rollback_that_ships_asks_first_in_a_dry_run_and_goes_back_in_a_live_plan() {
    let kubernetes = Kubernetes::start();
    let before = kubernetes.deployment();
    let stage = by_path(&kubernetes, ERROR_RATE, "");
    let incident = alert(&stage, "HighErrorRate");
    stage.approve(&incident);
    stage.until(&incident, "rehearsed");
    let told = rehearsal::told(&stage.service.home, &incident);
    let steps = ["has-history", "describe", "recent-log", "roll-back", "rolled-back"];
    let tried: Vec<_> = steps
        .iter()
        .flat_map(|step| [format!("try {step}"), format!("end {step} succeeded")])
        .chain(["plan rehearsed stops nowhere".to_owned()])
        .collect();
    assert_eq!(told, tried, "{:?}", kubernetes.came());
    let came = kubernetes.came();
    assert!(came.iter().all(Came::looks) && came.iter().any(Came::is_dry), "{came:?}");
    assert_eq!(kubernetes.deployment(), before);

    let stage = by_path(&kubernetes, ERROR_RATE, "[tier.high]\nlive = true\n");
    let incident = alert(&stage, "HighErrorRate");
    assert_eq!(image(&kubernetes), "shop/web:2");
    stage.approve(&incident);
    stage.wait("the end", || ["completed", "failed"].contains(&&*stage.state(&incident)));
    let ran: Vec<_> = steps
        .iter()
        .flat_map(|step| [format!("start {step}"), format!("end {step} succeeded")])
        .chain(["plan completed".to_owned()])
        .collect();
    assert_eq!(stage.told(&incident), ran, "{:?}", stage.service.home.trail());
    assert_eq!(image(&kubernetes), "shop/web:1");
    stage.service.stop().assert_log_holds();
}

#[test]
fn a_kubeconfig_is_handed_over_as_a_secret_into_a_sandbox_that_reaches_the_server_alone() {
    let kubernetes = Kubernetes::start();
    let (kubectl, token) = (kubectl(), kubernetes.path("token"));
    let page = ["check", "action"].iter().fold(PAGE.to_owned(), |page, kind| {
        let kind = format!("    kind: {kind}\n");
        page.replace(&kind, &format!("{kind}    secrets: [kubeconfig]\n"))
    });
    let kubeconfig = kubernetes.kubeconfig(&format!("token: {TOKEN}"));
    // A path in the configuration is from its directory on.
    let rest = format!(
        "[execution.programs]\nkubectl = {{ path = {kubectl:?}, sandbox = \"cluster\" }}\n\
         [execution.sandboxes.cluster]\nread = [MANIFESTS, {:?}]\nexecute = [\"/usr/bin\"]\n\
         write = [TEMPORARY]\nconnect = [{}]\n\
         [execution.secrets.kubeconfig]\nfrom = {{ file = \"../../kube/config\" }}\n\
         descriptor = \"KUBECONFIG\"\nprograms = [\"kubectl\"]\nrunbooks = [\"shop-*\"]\n\
         [execution.secrets.cluster]\nfrom = {{ file = {token:?} }}\nvariable = \"CLUSTER_TOKEN\"\n\
         programs = [\"kubectl\"]\nrunbooks = [\"shop-*\"]\n",
        kubernetes.path("ca.crt"),
        kubernetes.port(),
    );
    let home = home(&page, "", r#""PATH", "TMPDIR""#, &rest);
    let configured = home.path("state/tagout/tagout.toml");
    let text = std::fs::read_to_string(&configured).unwrap();
    let text = text.replace("MANIFESTS", &format!("{:?}", home.path("manifests")));
    let text = text.replace("TEMPORARY", &format!("{:?}", home.path("tmp")));
    std::fs::write(&configured, text).unwrap();
    let stage = stage(home, &kubeconfig, "shop-copies");
    let incident = alert(&stage, "TooFew");
    let step = stage.plan(&incident)["preconditions"][0].clone();
    assert_eq!(step["secrets"][0]["handed"]["variable"], "KUBECONFIG", "{step}");
    stage.until(&incident, "rehearsed");
    let exists = end(&stage, "exists");
    if exists["output"].to_string().contains("not fully enforced") {
        println!("NOT RUN: this kernel does not enforce the sandbox");
        return;
    }
    assert_eq!(exists["ended"]["sandbox"], "fully enforced", "{exists}");
    let memory = end(&stage, "memory");
    assert_eq!(memory["ended"]["exit_code"], 1, "{memory}");
    assert!(memory["output"].to_string().contains("+            memory: 512Mi"), "{memory}");
    let told = rehearsal::told(&stage.service.home, &incident);
    assert_eq!(told.last().unwrap(), "plan rehearsed stops nowhere", "{told:?}");
    assert!(kubernetes.came().iter().all(Came::looks));
    assert_kept(&stage, &incident);
    stage.service.stop().assert_log_holds();
}
