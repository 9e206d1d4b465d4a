//! A real pseudo-terminal around the binary, made by `script` of util-linux, and a person who
//! reads before typing.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use super::home::Home;

/// How long a person waits for words that never come before they give up: no measure of speed.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: Receiver<Vec<u8>>,
    seen: String,
    read_to: usize,
}

impl Terminal {
    pub(crate) fn start(home: &Home, line: &str, env: &[(&str, &str)]) -> Self {
        Self::within(home, None, line, env)
    }

    /// A terminal that is so many columns wide; without a number it says nothing of its width.
    pub(crate) fn within(
        home: &Home,
        columns: Option<u16>,
        line: &str,
        env: &[(&str, &str)],
    ) -> Self {
        let line = format!("'{}' {line}", env!("CARGO_BIN_EXE_tagout"));
        let line = match columns {
            Some(columns) => format!("stty cols {columns} rows 24; {line}"),
            None => line,
        };
        let mut command = Command::new("script");
        command
            .args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home.path(""))
            .env("XDG_STATE_HOME", home.path("state"))
            .env("TMPDIR", home.path("tmp"))
            .env("TERM", "xterm")
            .env("USER", "ana")
            .env("SHELL", "/bin/sh")
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut child = command.spawn().expect("`script` of util-linux is installed");
        let keys = child.stdin.take().unwrap();
        let mut output = child.stdout.take().unwrap();
        let (sender, screen) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = output.read(&mut bytes) {
                if sender.send(bytes[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, keys, screen, seen: String::new(), read_to: 0 }
    }

    /// Reads on until `text` stands there, and returns what stood before it.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.seen[self.read_to..].find(text) {
                let before = self.seen[self.read_to..self.read_to + at].to_owned();
                self.read_to += at + text.len();
                return before;
            }
            match self.screen.recv_timeout(PATIENCE) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(e) => panic!("{text:?} never came ({e}); the screen: {}", self.seen),
            }
        }
    }

    pub(crate) fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits for the question and answers it; returns what stood above it.
    pub(crate) fn answers(&mut self, reply: &str) -> String {
        let above = self.wait_for("\n  > ");
        self.types(&format!("{reply}\n"));
        above
    }

    /// Waits for the end: the exit code and all that was ever on the screen.
    pub(crate) fn ends(mut self) -> (i32, String) {
        while let Ok(bytes) = self.screen.recv_timeout(PATIENCE) {
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
            assert!(self.seen.len() < 1 << 20, "it goes on and on: {}", self.seen);
        }
        drop(self.keys);
        (self.child.wait().unwrap().code().unwrap_or(-1), self.seen)
    }
}
