//! Secrets in files that others on this machine can read. That is told and not refused: where a
//! container is given its secrets as files, everybody in it may read them, and only it has them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::Config;
use crate::poll::PollConfig;
use crate::source::SecretRef;

impl Config {
    /// What to say of each file with a secret that not only its owner can read.
    #[must_use]
    pub fn exposed_secrets(&self) -> Vec<String> {
        // Where those of the polls are is told from the working directory on.
        let polls = self.polls.iter().flat_map(PollConfig::secret_refs).map(|s| (s, Path::new("")));
        let beside = self.secrets_beside_polls().map(|secret| (secret, self.base_dir.as_path()));
        let mut lines: Vec<_> = beside.chain(polls).filter_map(|(s, dir)| said(s, dir)).collect();
        lines.sort();
        lines.dedup();
        lines
    }
}

fn said(secret: &SecretRef, base_dir: &Path) -> Option<String> {
    let SecretRef::File(path) = secret else { return None };
    let path = base_dir.join(path);
    // One that cannot be read is told where it is read.
    let mode = fs::metadata(&path).ok()?.permissions().mode() & 0o777;
    let who = match mode {
        mode if mode & 0o007 != 0 => "everybody who reaches it",
        mode if mode & 0o070 != 0 => "its group",
        _ => return None,
    };
    let path = path.display();
    Some(format!(
        "the secret in {path} is open to {who} (mode {mode:04o}): have it owned by the user that the \
         service runs as, then `chmod 600 {path}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_told_of_that_is_open_to_more_than_its_owner_whoever_uses_it_and_once() {
        let dir = tempfile::tempdir().unwrap();
        for (name, mode) in [("own", 0o600), ("group", 0o640), ("all", 0o644)] {
            let path = dir.path().join(name);
            fs::write(&path, "a-secret-of-some-length").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let text = "[[source]]\nname = \"a\"\nkind = \"native\"\nauth = \"bearer\"\n\
                    secrets = [{ file = \"own\" }, { file = \"all\" }]\n\
                    [api]\ntokens = [{ file = \"all\" }, { file = \"absent\" }, { env = \"HOME\" }]\n\
                    [[poll]]\nname = \"p\"\nkind = \"alertmanager\"\nurl = \"http://127.0.0.1:1\"\n\
                    bearer = { file = \"group\" }\n";
        let file = dir.path().join("tagout.toml");
        fs::write(&file, text).unwrap();
        let lines = Config::load(Some(&file)).unwrap().exposed_secrets();
        let [all, group] = &lines[..] else { panic!("{lines:?}") };
        let all_words = ["/all is", "everybody", "0644", "chmod 600"];
        assert!(all_words.iter().all(|word| all.contains(word)), "{all}");
        assert!(group.contains("/group is open to its group (mode 0640)"), "{group}");
        assert!(!lines.concat().contains("a-secret"), "{lines:?}");
    }
}
