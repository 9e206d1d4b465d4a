//! A server that answers kubectl as the API server of Kubernetes does, for one deployment and what
//! kubectl asks about beside it. What comes with `dryRun=All` is answered and not done. It keeps every
//! request: these, and not what the log says, tell what was done to the cluster.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::asking::{received, served};

/// What its only client proves itself by.
pub(crate) const TOKEN: &str = "a-token-of-a-service-account";

const APPS: &str = "/apis/apps/v1/namespaces/shop";
const CORE: &str = "/api/v1/namespaces/shop";
const REVISION: &str = "deployment.kubernetes.io/revision";
const UID: &str = "6d7d7c0e-0000-4000-8000-000000000001";

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Came {
    pub(crate) method: String,
    /// The path and the query.
    pub(crate) target: String,
}

impl Came {
    /// Whether it asks for nothing to be changed.
    pub(crate) fn looks(&self) -> bool {
        self.method == "GET" || self.is_dry()
    }

    /// Whether it asks what a change would come to.
    pub(crate) fn is_dry(&self) -> bool {
        self.target.split(['?', '&']).any(|part| part == "dryRun=All")
    }
}

/// What the cluster holds.
struct World {
    deployment: Value,
    /// Every template that the deployment had, each with its revision, the present one last.
    templates: Vec<(u64, Value)>,
    /// Whether the pods of what is changed come up.
    comes_up: bool,
    /// Whether the next change is made and never answered.
    hangs_up: bool,
    came: Vec<Came>,
}

/// The cluster `test`, with the deployment `web` in the namespace `shop`.
#[derive(Clone)]
pub(crate) struct Kubernetes {
    address: String,
    tls: Arc<ServerConfig>,
    world: Arc<Mutex<World>>,
    dir: Arc<TempDir>,
}

type Stream = StreamOwned<ServerConnection, TcpStream>;

impl Kubernetes {
    pub(crate) fn start() -> Self {
        tagout::tls::install();
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = (dir.path().join("ca.crt"), dir.path().join("server.key"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-nodes", "-days", "2", "-subj", "/CN=kubernetes"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let tls = ServerConfig::builder().with_no_client_auth().with_single_cert(
            vec![CertificateDer::from_pem_file(&certificate).unwrap()],
            PrivateKeyDer::from_pem_file(&key).unwrap(),
        );
        std::fs::write(dir.path().join("token"), TOKEN).unwrap();
        let (tls, dir) = (Arc::new(tls.unwrap()), Arc::new(dir));
        let world = Arc::new(Mutex::new(World::new()));
        let new =
            |address: String| Self { address: address.replace("http:", "https:"), tls, world, dir };
        served(new, Self::answer)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A kubeconfig whose user is known by these lines, as its text.
    pub(crate) fn kubeconfig(&self, user: &str) -> String {
        let (server, authority) = (&self.address, self.path("ca.crt"));
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters: [{{name: test, cluster: {{server: \"{server}\", certificate-authority: {authority:?}}}}}]\n\
             users: [{{name: tagout, user: {{{user}}}}}]\n\
             contexts: [{{name: test, context: {{cluster: test, user: tagout}}}}]\n"
        )
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> &str {
        self.address.rsplit(':').next().unwrap()
    }

    pub(crate) fn came(&self) -> Vec<Came> {
        self.world.lock().unwrap().came.clone()
    }

    pub(crate) fn deployment(&self) -> Value {
        self.world.lock().unwrap().deployment.clone()
    }

    /// From now on the pods of what is changed do not come up.
    pub(crate) fn stall(&self) {
        self.world.lock().unwrap().comes_up = false;
    }

    /// The next change is made, and the client is hung up on.
    pub(crate) fn hang_up(&self) {
        self.world.lock().unwrap().hangs_up = true;
    }

    fn answer(&self, stream: TcpStream) {
        let mut stream = Stream::new(ServerConnection::new(self.tls.clone()).unwrap(), stream);
        let Some((head, body)) = received(&mut stream) else { return };
        let mut words = head.split_whitespace().map(str::to_owned);
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let header = |name: &str| {
            head.lines().find_map(|line| {
                Some(line.split_once(": ")?.1)
                    .filter(|_| line.to_lowercase().starts_with(&format!("{name}: ")))
            })
        };
        let came = Came { method, target };
        self.world.lock().unwrap().came.push(came.clone());
        if header("authorization") != Some(&format!("Bearer {TOKEN}")) {
            return say(&mut stream, "401 Unauthorized", &failure("Unauthorized", 401));
        }
        let path = came.target.split('?').next().unwrap();
        if path == "/openapi/v2" {
            return say_bytes(&mut stream, "200 OK", PROTOBUF, &description());
        }
        if path.ends_with("/log") {
            return say_bytes(&mut stream, "200 OK", "text/plain", b"GET /basket 500\n");
        }
        if came.target.contains("watch=") {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
                        Transfer-Encoding: chunked\r\n\r\n";
            drop(stream.write_all(head.as_bytes()).and_then(|()| stream.flush()));
            // Nothing happens until the client goes.
            while stream.read(&mut [0; 64]).is_ok_and(|length| length > 0) {}
            return;
        }
        let kind = header("content-type").unwrap_or_default();
        let mut world = self.world.lock().unwrap();
        let body = world.answer(&came, path, kind, &body);
        let hangs_up = !came.looks() && std::mem::take(&mut world.hangs_up);
        drop(world);
        match body {
            _ if hangs_up => {}
            Some(body) => say(&mut stream, "200 OK", &body),
            None => say(&mut stream, "404 Not Found", &failure("NotFound", 404)),
        }
    }
}

fn say(stream: &mut Stream, status: &str, body: &Value) {
    say_bytes(stream, status, "application/json", body.to_string().as_bytes());
}

fn say_bytes(stream: &mut Stream, status: &str, kind: &str, body: &[u8]) {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let said = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    stream.conn.send_close_notify();
    drop(said.and_then(|()| stream.flush()));
}

fn failure(reason: &str, code: u16) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": reason, "reason": reason, "code": code,
    })
}

impl World {
    fn new() -> Self {
        let template = |image: &str| {
            let container = json!({
                "name": "web", "image": image,
                "resources": {"limits": {"memory": "256Mi"}},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File", "imagePullPolicy": "IfNotPresent",
            });
            json!({
                "metadata": {"creationTimestamp": null, "labels": {"app": "web"}},
                "spec": {
                    "containers": [container], "restartPolicy": "Always",
                    "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
                    "securityContext": {}, "schedulerName": "default-scheduler",
                },
            })
        };
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": "web", "namespace": "shop", "uid": UID, "resourceVersion": "100",
                "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {"app": "web"},
                // Whoever prints the deployment prints what only a secret should hold.
                "annotations": {REVISION: "2", "note": TOKEN},
            },
            "spec": {
                "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
                "template": template("shop/web:2"),
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
                },
                "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
            },
        });
        let templates = vec![(1, template("shop/web:1")), (2, template("shop/web:2"))];
        let mut world = Self {
            deployment: Value::Null,
            templates,
            comes_up: true,
            hangs_up: false,
            came: Vec::new(),
        };
        world.deployment = world.controlled(deployment);
        world
    }

    /// What is answered; nothing if there is no such thing.
    fn answer(&mut self, came: &Came, path: &str, kind: &str, body: &str) -> Option<Value> {
        let deployments = format!("{APPS}/deployments");
        let of = path.strip_prefix(&deployments);
        if came.method == "GET" {
            return match (path, of) {
                ("/version", _) => {
                    Some(json!({"major": "1", "minor": "32", "gitVersion": "v1.32.2"}))
                }
                ("/openapi/v3", _) => Some(json!({"paths": {"apis/apps/v1": {
                    "serverRelativeURL": "/openapi/v3/apis/apps/v1?hash=0",
                }}})),
                ("/openapi/v3/apis/apps/v1", _) => Some(described()),
                (_, Some("")) => {
                    Some(list("apps/v1", "DeploymentList", vec![self.deployment.clone()]))
                }
                (_, Some("/web")) => Some(self.deployment.clone()),
                (_, Some("/web/scale")) => Some(self.scale()),
                _ => discovered(path).or_else(|| self.beside(path)),
            };
        }
        let new = match of? {
            "/web" => patched(&self.deployment, kind, body),
            "/web/scale" => {
                let scale: Value = patched(&self.scale(), kind, body);
                let mut new = self.deployment.clone();
                new["spec"]["replicas"] = scale["spec"]["replicas"].clone();
                new
            }
            _ => return None,
        };
        let written = self.written(new, came.is_dry());
        Some(if path.ends_with("/scale") { scale_of(&written) } else { written })
    }

    /// The deployment as it is written, or as it would be.
    fn written(&mut self, mut new: Value, dry: bool) -> Value {
        if new["spec"] != self.deployment["spec"] {
            new["metadata"]["generation"] = json!(number(&new["metadata"]["generation"]) + 1);
        }
        if dry || new == self.deployment {
            return new;
        }
        let version: u64 = new["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
        new["metadata"]["resourceVersion"] = json!((version + 1).to_string());
        let template = new["spec"]["template"].clone();
        if self.templates.last().is_none_or(|(_, last)| *last != template) {
            let revision = self.templates.last().map_or(0, |(revision, _)| *revision) + 1;
            self.templates.retain(|(_, one)| *one != template);
            self.templates.push((revision, template));
            new["metadata"]["annotations"][REVISION] = json!(revision.to_string());
        }
        self.deployment = self.controlled(new.clone());
        new
    }

    /// The deployment once its controller has seen it.
    fn controlled(&self, mut new: Value) -> Value {
        let copies = new["spec"]["replicas"].clone();
        let up = if self.comes_up { copies.clone() } else { json!(0) };
        new["status"] = json!({
            "observedGeneration": new["metadata"]["generation"], "replicas": copies,
            "updatedReplicas": up, "readyReplicas": up, "availableReplicas": up,
            "conditions": [{
                "type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated",
                "lastUpdateTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z",
                "message": "ReplicaSet is progressing.",
            }],
        });
        new
    }

    fn scale(&self) -> Value {
        scale_of(&self.deployment)
    }

    /// What stands beside the deployment: the sets of its revisions, a pod, no event.
    fn beside(&self, path: &str) -> Option<Value> {
        let (apps, core) = (path.strip_prefix(APPS), path.strip_prefix(CORE));
        let set = |(revision, template): &(u64, Value)| {
            let hash = format!("hash{revision}");
            let mut template = template.clone();
            template["metadata"]["labels"]["pod-template-hash"] = json!(hash);
            let labels = template["metadata"]["labels"].clone();
            json!({
                "metadata": {
                    "name": format!("web-{hash}"), "namespace": "shop", "uid": hash,
                    "creationTimestamp": "2026-01-01T00:00:00Z", "labels": labels,
                    "annotations": {REVISION: revision.to_string(), "note": TOKEN},
                    "ownerReferences": [{
                        "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": UID,
                        "controller": true, "blockOwnerDeletion": true,
                    }],
                },
                "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
                "status": {"replicas": 0},
            })
        };
        let pod = || {
            let mut pod = self.deployment["spec"]["template"].clone();
            pod["apiVersion"] = json!("v1");
            pod["kind"] = json!("Pod");
            pod["metadata"]["name"] = json!("web-1");
            pod["metadata"]["namespace"] = json!("shop");
            pod["status"] = json!({"phase": "Running", "startTime": "2026-01-01T00:00:00Z"});
            pod
        };
        match (apps, core) {
            (Some("/replicasets"), _) => {
                Some(list("apps/v1", "ReplicaSetList", self.templates.iter().map(set).collect()))
            }
            (_, Some("/pods")) => Some(list("v1", "PodList", vec![pod()])),
            (_, Some("/pods/web-1")) => Some(pod()),
            (_, Some("/events")) => Some(list("v1", "EventList", Vec::new())),
            _ => None,
        }
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn list(version: &str, kind: &str, items: Vec<Value>) -> Value {
    json!({
        "apiVersion": version, "kind": kind, "metadata": {"resourceVersion": "200"}, "items": items,
    })
}

fn scale_of(deployment: &Value) -> Value {
    let (of, copies) = (&deployment["metadata"], &deployment["spec"]["replicas"]);
    json!({
        "apiVersion": "autoscaling/v1", "kind": "Scale",
        "metadata": {
            "name": of["name"], "namespace": of["namespace"], "uid": of["uid"],
            "resourceVersion": of["resourceVersion"], "creationTimestamp": of["creationTimestamp"],
        },
        "spec": {"replicas": copies},
        "status": {"replicas": copies, "selector": "app=web"},
    })
}

/// What kinds of things there are.
fn discovered(path: &str) -> Option<Value> {
    let resource = |name: &str, kind: &str, verbs: &[&str]| json!({"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": verbs});
    let all = ["create", "delete", "get", "list", "patch", "update", "watch"];
    let resources = |version: &str, resources: Vec<Value>| json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources});
    let mut scale = resource("deployments/scale", "Scale", &["get", "patch", "update"]);
    scale["group"] = json!("autoscaling");
    scale["version"] = json!("v1");
    let version = json!({"groupVersion": "apps/v1", "version": "v1"});
    Some(match path {
        "/api" => {
            json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
        }
        "/apis" => json!({
            "kind": "APIGroupList", "apiVersion": "v1",
            "groups": [{"name": "apps", "versions": [version], "preferredVersion": version}],
        }),
        "/api/v1" => resources(
            "v1",
            vec![
                resource("pods", "Pod", &all),
                resource("pods/log", "Pod", &["get"]),
                resource("events", "Event", &all),
            ],
        ),
        "/apis/apps/v1" => resources(
            "apps/v1",
            vec![
                resource("deployments", "Deployment", &all),
                scale,
                resource("replicasets", "ReplicaSet", &all),
            ],
        ),
        _ => return None,
    })
}

/// What is sent instead, or merged into what is there, or replaced in it.
fn patched(old: &Value, kind: &str, body: &str) -> Value {
    let body: Value = serde_json::from_str(body).unwrap();
    match kind {
        "application/json-patch+json" => {
            let mut new = old.clone();
            for change in body.as_array().unwrap() {
                assert_eq!(change["op"], "replace", "{change}");
                *new.pointer_mut(change["path"].as_str().unwrap()).unwrap() =
                    change["value"].clone();
            }
            new
        }
        "application/merge-patch+json"
        | "application/strategic-merge-patch+json"
        | "application/apply-patch+yaml" => merged(old, &body),
        _ => body,
    }
}

/// Objects member by member, lists of named things name by name.
fn merged(old: &Value, patch: &Value) -> Value {
    match (old, patch) {
        (Value::Object(old), Value::Object(patch)) => {
            let mut new = old.clone();
            for (name, value) in patch.iter().filter(|(name, _)| !name.starts_with('$')) {
                match value {
                    Value::Null => drop(new.remove(name)),
                    value => {
                        let before = old.get(name).unwrap_or(&Value::Null);
                        new.insert(name.clone(), merged(before, value));
                    }
                }
            }
            new.into()
        }
        (Value::Array(old), Value::Array(patch))
            if patch.iter().all(|one| one["name"].is_string()) =>
        {
            let mut new = old.clone();
            for value in patch {
                match new.iter_mut().find(|one| one["name"] == value["name"]) {
                    Some(one) => *one = merged(one, value),
                    None => new.push(value.clone()),
                }
            }
            new.into()
        }
        (_, patch) => patch.clone(),
    }
}

const PATH: &str = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}";
const KIND: &str = "x-kubernetes-group-version-kind";
const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// In OpenAPI 3: that a change of a deployment can be asked for without being made.
fn described() -> Value {
    let parameter = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}});
    json!({
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.32.2"},
        "paths": {PATH: {"patch": {
            "parameters": [parameter("dryRun"), parameter("fieldValidation")],
            "responses": {"200": {"description": "OK"}},
            KIND: {"group": "apps", "version": "v1", "kind": "Deployment"},
        }}},
    })
}

/// The same in OpenAPI 2, as older clients want it: in protocol buffers.
fn description() -> Vec<u8> {
    let text = |number: u8, text: &str| field(number, text.as_bytes());
    let parameter = |name: &str| {
        let query = [text(2, "query"), text(4, name)].concat();
        // Of an operation, a parameter, not of the body, of the query.
        field(8, &field(1, &field(2, &field(3, &query))))
    };
    let kind = field(2, &text(2, "group: apps\nkind: Deployment\nversion: v1\n"));
    let patch = [parameter("dryRun"), field(13, &[text(1, KIND), kind].concat())].concat();
    let path = [text(1, PATH), field(2, &field(8, &patch))].concat();
    let info = [text(1, "Kubernetes"), text(2, "v1.32.2")].concat();
    [text(1, "2.0"), field(2, &info), field(8, &field(2, &path))].concat()
}

/// A field of protocol buffers that holds bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length > 127 {
        out.push(length as u8 | 128);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    out
}
