//! A real Chromium, driven through Playwright: Debian's `chromium`, and npm's `playwright-core`
//! and `axe-core`, which are put into the target directory when they are not there. A machine
//! without Chromium or npm fails these tests.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;

use serde_json::{Value, json};

/// Exactly these, so that a test means the same tomorrow.
const PACKAGES: [(&str, &str); 2] = [("playwright-core", "1.65.1"), ("axe-core", "4.14.1")];

/// How a page is looked at.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) dark: bool,
    pub(crate) script: bool,
    pub(crate) touch: bool,
}

impl Look {
    pub(crate) const DESKTOP: Self =
        Self { width: 1280, height: 900, dark: false, script: true, touch: false };
    pub(crate) const DARK: Self = Self { dark: true, ..Self::DESKTOP };
    pub(crate) const PHONE: Self = Self { width: 375, height: 740, touch: true, ..Self::DESKTOP };
    pub(crate) const PLAIN: Self = Self { script: false, ..Self::DESKTOP };
    /// The narrowest that is served.
    pub(crate) const NARROW: Self = Self { width: 320, height: 640, ..Self::PHONE };
}

/// The browser, with the process that drives it.
struct Driver {
    child: Child,
    calls: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Driver {
    fn start() -> Self {
        let modules = installed();
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/driver.mjs");
        let chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];
        let chromium = chromium.into_iter().find(|path| Path::new(path).exists());
        let chromium = chromium.expect("there is no Chromium; install Debian's chromium");
        let mut child = Command::new("node")
            .arg(driver)
            .args([modules.as_os_str(), chromium.as_ref()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("node: {e}; install Debian's nodejs and npm"));
        let calls = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, calls, answers }
    }

    fn call(&mut self, on: usize, call: &str, args: Value) -> Value {
        let line = json!({"on": on, "call": call, "args": args}).to_string();
        self.calls.write_all((line + "\n").as_bytes()).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        let answer: Value = serde_json::from_str(&answer)
            .unwrap_or_else(|e| panic!("{call} {args}: the driver ended: {e}: {answer}"));
        assert!(answer.get("error").is_none(), "{call} {args}: {}", answer["error"]);
        answer["ok"].clone()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the packages are; put there if they are not.
fn installed() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("browser");
    fs::create_dir_all(&target).unwrap();
    // Many tests begin at once, and one of them installs.
    let lock = File::create(target.join("lock")).unwrap();
    lock.lock().unwrap();
    let there = |(name, version): (&str, &str)| {
        let package = target.join("node_modules").join(name).join("package.json");
        let package = fs::read_to_string(package).unwrap_or_default();
        serde_json::from_str::<Value>(&package).is_ok_and(|p| p["version"] == version)
    };
    if !PACKAGES.into_iter().all(there) {
        let named = PACKAGES.map(|(name, version)| format!("{name}@{version}"));
        let npm = Command::new("npm")
            .args(["install", "--no-save", "--no-audit", "--no-fund", "--prefix"])
            .arg(&target)
            .args(named)
            .output()
            .unwrap_or_else(|e| panic!("npm: {e}; install Debian's npm"));
        assert!(npm.status.success(), "npm: {}", String::from_utf8_lossy(&npm.stderr));
    }
    target
}

/// One browser; every test starts its own.
pub(crate) struct Browser(Rc<RefCell<Driver>>);

impl Browser {
    pub(crate) fn start() -> Self {
        Self(Rc::new(RefCell::new(Driver::start())))
    }

    /// A page of the service at `address`, in a profile of its own, with these headers.
    pub(crate) fn page(&self, address: &str, headers: &Value, look: Look) -> Page {
        let how = json!([{
            "base": format!("http://{address}"), "headers": headers,
            "width": look.width, "height": look.height,
            "scheme": if look.dark { "dark" } else { "light" },
            "script": look.script, "touch": look.touch,
        }]);
        let page = self.0.borrow_mut().call(0, "open", how);
        let page = usize::try_from(page.as_u64().unwrap()).unwrap();
        Page { driver: Rc::clone(&self.0), page, script: look.script }
    }
}

/// One page in a browser.
pub(crate) struct Page {
    driver: Rc<RefCell<Driver>>,
    page: usize,
    script: bool,
}

impl Page {
    pub(crate) fn call(&self, call: &str, args: Value) -> Value {
        self.driver.borrow_mut().call(self.page, call, args)
    }

    fn string(&self, call: &str, args: Value) -> String {
        self.call(call, args).as_str().unwrap_or_default().to_owned()
    }

    /// Goes there, and expects this status.
    pub(crate) fn goes(&self, path: &str, status: u16) -> &Self {
        assert_eq!(self.call("goto", json!([path])), status, "{path}: {}", self.html());
        self
    }

    pub(crate) fn click(&self, selector: &str) -> &Self {
        self.call("click", json!([selector]));
        self
    }

    pub(crate) fn press(&self, key: &str) -> &Self {
        self.call("press", json!([key]));
        self
    }

    pub(crate) fn fill(&self, selector: &str, text: &str) -> &Self {
        self.call("fill", json!([selector, text]));
        self
    }

    /// Chooses an option of a list, by its value.
    pub(crate) fn chooses(&self, selector: &str, value: &str) -> &Self {
        self.call("select", json!([selector, value]));
        self
    }

    /// What stands in a field.
    pub(crate) fn value(&self, selector: &str) -> String {
        self.string("value", json!([selector]))
    }

    pub(crate) fn wait(&self, selector: &str) -> &Self {
        self.call("wait", json!([selector]));
        self
    }

    pub(crate) fn text(&self, selector: &str) -> String {
        self.string("text", json!([selector]))
    }

    pub(crate) fn html(&self) -> String {
        self.string("html", json!([]))
    }

    pub(crate) fn title(&self) -> String {
        self.string("title", json!([]))
    }

    pub(crate) fn path(&self) -> String {
        let address = self.string("address", json!([]));
        let (_, rest) = address.split_once("://").unwrap();
        rest.split_once('/').map(|(_, path)| format!("/{path}")).unwrap_or_default()
    }

    pub(crate) fn focused(&self) -> String {
        self.string("focused", json!([]))
    }

    pub(crate) fn count(&self, selector: &str) -> u64 {
        self.call("count", json!([selector])).as_u64().unwrap()
    }

    pub(crate) fn is_enabled(&self, selector: &str) -> bool {
        self.call("enabled", json!([selector])) == true
    }

    pub(crate) fn evaluate(&self, expression: &str) -> Value {
        self.call("evaluate", json!([expression]))
    }

    /// Where something is in the window, with its size.
    pub(crate) fn box_of(&self, selector: &str) -> Value {
        self.call("box", json!([selector]))
    }

    /// Presses Tab until the focus is on what is named so.
    pub(crate) fn tabs_to(&self, name: &str) -> &Self {
        for _ in 0..200 {
            if self.focused() == name {
                return self;
            }
            self.press("Tab");
        }
        panic!("Tab never reaches {name:?} on {}", self.path());
    }

    /// Its main part says this.
    pub(crate) fn says(&self, text: &str) -> &Self {
        let main = self.text("main");
        assert!(main.contains(text), "{text:?} is missing: {main}");
        self
    }

    /// Its main part does not say this.
    pub(crate) fn says_not(&self, text: &str) -> &Self {
        let main = self.text("main");
        assert!(!main.contains(text), "{text:?} is there: {main}");
        self
    }

    /// The automated check of accessibility finds nothing, no part of the page is wider than
    /// the page, nothing came from elsewhere and the browser had nothing to complain of.
    pub(crate) fn is_sound(&self) -> &Self {
        // The check is a script itself; what it is given is the same with and without others.
        if self.script {
            let found = self.call("accessibility", json!([]));
            assert_eq!(found, json!([]), "{}: {found:#}", self.path());
        }
        let wide = "document.documentElement.scrollWidth > window.innerWidth";
        assert_eq!(self.evaluate(wide), false, "{} is wider than its window", self.path());
        let seen = self.call("seen", json!([]));
        assert_eq!(seen["outside"], json!([]), "{}", self.path());
        assert_eq!(seen["faults"], json!([]), "{}", self.path());
        self
    }

    /// A picture of it, for people, if `TAGOUT_PICTURES` names a directory.
    pub(crate) fn picture(&self, name: &str) -> &Self {
        if let Some(directory) = std::env::var_os("TAGOUT_PICTURES") {
            let path = Path::new(&directory).join(format!("{name}.png"));
            self.call("shot", json!([path]));
        }
        self
    }

    /// It as it would be printed from here on.
    pub(crate) fn on_paper(&self) -> &Self {
        self.call("media", json!(["print"]));
        self
    }

    /// How many pages it has when it is printed on A4; kept beside the pictures.
    pub(crate) fn printed(&self, name: &str) -> u64 {
        let directory = std::env::var_os("TAGOUT_PICTURES").map(PathBuf::from);
        let path = directory.map(|directory| directory.join(format!("{name}.pdf")));
        self.call("pdf", json!([path])).as_u64().unwrap()
    }
}
