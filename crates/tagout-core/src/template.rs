//! A command with places for values: an argument vector, never a line for a shell.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::parameter::Values;

/// Programs that read one of their arguments as a program of its own. Behind one of these no
/// value may stand: it could become a second command.
const INTERPRETERS: [&str; 30] = [
    "ash",
    "awk",
    "bash",
    "csh",
    "dash",
    "eval",
    "expect",
    "fish",
    "gawk",
    "ksh",
    "lua",
    "mawk",
    "node",
    "osascript",
    "parallel",
    "perl",
    "php",
    "powershell",
    "pwsh",
    "python",
    "rsh",
    "ruby",
    "runuser",
    "sh",
    "ssh",
    "su",
    "tclsh",
    "watch",
    "xargs",
    "zsh",
];

/// Programs that run the program named next: until one is named, a value could be it.
const WRAPPERS: [&str; 13] = [
    "chroot", "doas", "env", "flock", "ionice", "nice", "nohup", "nsenter", "setsid", "stdbuf",
    "sudo", "timeout", "unshare",
];

/// Programs that start others in ways of their own.
const LAUNCHERS: [&str; 14] = [
    "busybox",
    "chrt",
    "find",
    "parallel",
    "prlimit",
    "runuser",
    "setpriv",
    "strace",
    "su",
    "systemd-run",
    "taskset",
    "time",
    "watch",
    "xargs",
];

/// Options whose next argument some program runs or reads as code.
const CODE_OPTIONS: [&str; 9] =
    ["--command", "--eval", "--exec", "--execute", "-c", "-e", "-exec", "-execdir", "-ok"];

/// Characters that mean an argument is read by some parser (a shell, SQL, JSON) and is not a
/// plain word. A value must not be pasted into one.
const PARSED: &str = " \t\"'`;|&$<>(){}[]\\!#%^?*~";

/// One argument with `{{name}}` where a value goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    source: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Literal(String),
    Value(String),
}

/// Why a template or a command is not accepted, or could not be bound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateFlaw(pub String);

impl Template {
    /// Reads an argument.
    ///
    /// # Errors
    /// If a `{{` is not closed, or a name is not made of letters, digits, `_` and `-`.
    pub fn parse(source: &str) -> Result<Self, TemplateFlaw> {
        if source.contains('\0') {
            return Err(TemplateFlaw("an argument must not hold a NUL character".into()));
        }
        let mut pieces = Vec::new();
        let mut rest = source;
        while let Some((before, after)) = rest.split_once("{{") {
            if !before.is_empty() {
                pieces.push(Piece::Literal(before.to_owned()));
            }
            let Some((name, after)) = after.split_once("}}") else {
                return Err(TemplateFlaw(format!("{source:?} opens {{{{ and never closes it")));
            };
            let name = name.trim();
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if name.is_empty() || !name.chars().all(plain) {
                return Err(TemplateFlaw(format!(
                    "{name:?} in {source:?} is not the name of a parameter"
                )));
            }
            pieces.push(Piece::Value(name.to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        Ok(Self { source: source.to_owned(), pieces })
    }

    /// As it is written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether a value goes into it.
    #[must_use]
    pub fn has_values(&self) -> bool {
        self.names().next().is_some()
    }

    /// The parameters named in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Value(name) => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    pub(crate) fn literals(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(text) => Some(text.as_str()),
            Piece::Value(_) => None,
        })
    }

    /// Whether a value is part of an option's name or stuck to it: `-{{x}}`, `--no-{{x}}`,
    /// `-l{{x}}`. Behind `=` it is the option's value and nothing else.
    fn completes_an_option(&self) -> bool {
        match self.pieces.first() {
            Some(Piece::Literal(text)) => text.starts_with('-') && !text.contains('='),
            _ => false,
        }
    }

    /// The text with its values in place, each as `encode` makes it fit there.
    ///
    /// # Errors
    /// If a value is missing, or `encode` refuses it.
    pub(crate) fn fill(
        &self,
        values: &Values,
        encode: impl Fn(&str) -> Result<String, TemplateFlaw>,
    ) -> Result<String, TemplateFlaw> {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Value(name) => out.push_str(&encode(value(values, name)?)?),
            }
        }
        Ok(out)
    }

    /// The parameter that it is, if it is nothing else.
    pub(crate) fn only_value(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Value(name)] => Some(name),
            _ => None,
        }
    }

    /// Whether a value stands in it beside text that some parser would read.
    pub(crate) fn is_parsed_around_a_value(&self) -> bool {
        self.has_values() && self.literals().any(|text| text.contains(|c| PARSED.contains(c)))
    }

    /// What it is made of, in order.
    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The argument with its values in place.
    ///
    /// # Errors
    /// If a value is missing, would turn the argument into an option, or makes it too long.
    pub fn bind(&self, values: &Values) -> Result<String, TemplateFlaw> {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Value(name) => out.push_str(value(values, name)?),
            }
        }
        // Looked at as a whole: an empty value would bring the next piece to the front.
        if out.starts_with('-') && !self.source.starts_with('-') {
            return Err(TemplateFlaw(format!(
                "{:?} would become {out:?}, which is read as an option",
                self.source
            )));
        }
        if self.has_values() && out.split(['/', '=', ',']).any(|part| matches!(part, "." | "..")) {
            return Err(TemplateFlaw(format!("{out:?} would leave the directory it names")));
        }
        if out.len() > limits::ARGUMENT_BYTES {
            return Err(TemplateFlaw(format!(
                "an argument would be {} bytes long; the limit is {}",
                out.len(),
                limits::ARGUMENT_BYTES
            )));
        }
        Ok(out)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl TryFrom<String> for Template {
    type Error = TemplateFlaw;
    fn try_from(source: String) -> Result<Self, TemplateFlaw> {
        Self::parse(&source)
    }
}

impl From<Template> for String {
    fn from(template: Template) -> String {
        template.source
    }
}

/// A program and its arguments, with places for values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandTemplate(Vec<Template>);

impl CommandTemplate {
    /// Reads an argument vector and holds it against the rules that keep a value a value.
    ///
    /// # Errors
    /// If it is empty or too long, the program is not a literal name, or a value stands where
    /// something would parse it: behind an interpreter, or inside an argument that is more
    /// than a plain word.
    pub fn parse(arguments: &[String]) -> Result<Self, TemplateFlaw> {
        let parsed: Vec<Template> =
            arguments.iter().map(|a| Template::parse(a)).collect::<Result<_, _>>()?;
        let Some(program) = parsed.first() else {
            return Err(TemplateFlaw("is empty; name a program".into()));
        };
        if parsed.len() > limits::ARGUMENTS {
            return Err(TemplateFlaw(format!(
                "has {} arguments; the limit is {}",
                parsed.len(),
                limits::ARGUMENTS
            )));
        }
        let named = |c: char| c.is_ascii_alphanumeric() || "._-/+".contains(c);
        if program.has_values()
            || program.source.is_empty()
            || program.source.starts_with('-')
            || !program.source.chars().all(named)
        {
            return Err(TemplateFlaw(format!(
                "the program {:?} must be a plain name or path, without values or blanks; \
                 write each argument as an item of its own",
                program.source
            )));
        }
        let (mut interpreter, mut wrapper, mut before) = (None, None, "");
        for argument in &parsed {
            if argument.has_values() {
                let code_option = CODE_OPTIONS.into_iter().find(|option| *option == before);
                if let Some(name) = interpreter.or(wrapper).or(code_option) {
                    return Err(TemplateFlaw(format!(
                        "{:?} stands behind {name}, which could read a value as a command; \
                         put the script in a file and pass the value to it, or write the option \
                         as --name={{{{value}}}}",
                        argument.source
                    )));
                }
                if argument.completes_an_option() {
                    return Err(TemplateFlaw(format!(
                        "{:?} lets a value choose an option; write the option out, as in \
                         --name={{{{value}}}}",
                        argument.source
                    )));
                }
                if argument.is_parsed_around_a_value() {
                    return Err(TemplateFlaw(format!(
                        "{:?} puts a value inside text that something else parses; \
                         pass the value as an argument of its own",
                        argument.source
                    )));
                }
            }
            before = &argument.source;
            interpreter = interpreter.or_else(|| known(&INTERPRETERS, before));
            // A wrapper waits for the program it runs: the next plain word that is no option,
            // no assignment and no number.
            if let Some(name) = known(&WRAPPERS, before) {
                wrapper = Some(name);
            } else if before.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
                && !before.contains('=')
                && !argument.has_values()
            {
                wrapper = None;
            }
        }
        Ok(Self(parsed))
    }

    /// The program, as written.
    #[must_use]
    pub fn program(&self) -> &str {
        self.0.first().map_or("", |program| program.source.as_str())
    }

    /// The arguments as they are written, the program first.
    pub fn arguments(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|argument| argument.source.as_str())
    }

    /// The parameters named anywhere in it.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        self.0.iter().flat_map(Template::names).collect()
    }

    /// The argument vector with all values in place.
    ///
    /// # Errors
    /// As [`Template::bind`].
    pub fn bind(&self, values: &Values) -> Result<Vec<String>, TemplateFlaw> {
        self.0.iter().map(|argument| argument.bind(values)).collect()
    }
}

pub(crate) fn value<'v>(values: &'v Values, name: &str) -> Result<&'v str, TemplateFlaw> {
    let value = values.get(name).map(String::as_str);
    value.ok_or_else(|| TemplateFlaw(format!("parameter {name} has no value")))
}

/// Whether a command may start another program that its arguments name.
pub(crate) fn starts_others(program: &str, arguments: &[String]) -> bool {
    let lists: [&[&'static str]; 3] = [&WRAPPERS, &INTERPRETERS, &LAUNCHERS];
    lists.into_iter().any(|list| known(list, program).is_some())
        || arguments.iter().any(|argument| CODE_OPTIONS.contains(&argument.as_str()))
}

/// The program of `list` that an argument names, by its last path part without a version.
fn known(list: &[&'static str], argument: &str) -> Option<&'static str> {
    let base = argument.rsplit('/').next().unwrap_or(argument);
    let base = base.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    list.iter().find(|name| **name == base).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(arguments: &[&str]) -> Result<CommandTemplate, TemplateFlaw> {
        CommandTemplate::parse(&arguments.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>())
    }

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_value_stays_inside_its_argument_whatever_it_holds() {
        let c = command(&["kubectl", "-n", "{{ns}}", "scale", "--replicas={{n}}"]).unwrap();
        let bound = c.bind(&values(&[("ns", "a; reboot"), ("n", "3 && x")])).unwrap();
        assert_eq!(bound, ["kubectl", "-n", "a; reboot", "scale", "--replicas=3 && x"]);
    }

    #[test]
    fn a_value_never_becomes_an_option() {
        let c = command(&["rm", "{{file}}"]).unwrap();
        assert!(c.bind(&values(&[("file", "-rf")])).is_err());
        let c = command(&["rm", "{{a}}{{b}}"]).unwrap();
        assert!(c.bind(&values(&[("a", "-"), ("b", "rf")])).is_err());
        assert!(c.bind(&values(&[("a", ""), ("b", "-rf")])).is_err());
        let c = command(&["rm", "--dir={{a}}"]).unwrap();
        assert!(c.bind(&values(&[("a", "-x")])).is_ok());
    }

    #[test]
    fn no_value_may_stand_behind_an_interpreter() {
        for arguments in [
            &["sh", "-c", "{{x}}"][..],
            &["/bin/bash", "-c", "echo", "{{x}}"],
            &["python3.11", "-c", "1", "{{x}}"],
            &["kubectl", "exec", "pod", "--", "sh", "-c", "ls", "{{x}}"],
            &["ssh", "{{host}}", "uptime"],
            &["su", "postgres", "-c", "{{x}}"],
            &["watch", "{{x}}"],
            &["xargs", "-a", "/tmp/list", "{{x}}"],
        ] {
            assert!(command(arguments).is_err(), "{arguments:?}");
        }
        assert!(command(&["kubectl", "exec", "{{pod}}", "--", "sh", "-c", "ls"]).is_ok());
    }

    #[test]
    fn no_value_may_become_the_program_that_a_wrapper_runs() {
        for arguments in [
            &["sudo", "{{x}}"][..],
            &["env", "A=b", "{{x}}"],
            &["timeout", "30", "{{x}}"],
            &["sudo", "-n", "nice", "{{x}}"],
        ] {
            assert!(command(arguments).is_err(), "{arguments:?}");
        }
        assert!(command(&["sudo", "-n", "systemctl", "restart", "{{x}}"]).is_ok());
        assert!(command(&["timeout", "30", "dig", "{{x}}"]).is_ok());
    }

    #[test]
    fn no_value_may_be_what_an_option_runs_or_stick_to_one() {
        for arguments in [
            &["psql", "-c", "{{x}}"][..],
            &["find", "/tmp", "-exec", "{{x}}"],
            &["ls", "-l{{x}}"],
            &["ls", "--{{x}}"],
        ] {
            assert!(command(arguments).is_err(), "{arguments:?}");
        }
        assert!(command(&["kubectl", "logs", "pod", "--container={{x}}"]).is_ok());
    }

    #[test]
    fn a_value_never_leads_out_of_the_directory_it_is_put_in() {
        for argument in ["/srv/cache/{{x}}", "{{x}}", "--path=/srv/{{x}}/tmp"] {
            let c = command(&["rm", argument]).unwrap();
            for value in ["..", ".", "a/../.."] {
                assert!(c.bind(&values(&[("x", value)])).is_err(), "{argument} with {value}");
            }
            assert!(c.bind(&values(&[("x", "a.b")])).is_ok());
        }
    }

    #[test]
    fn no_value_may_stand_inside_text_that_something_parses() {
        for argument in ["select {{x}}", "{\"n\":{{x}}}", "{{x}};", "$({{x}})", "'{{x}}'"] {
            assert!(command(&["psql", "-c", argument]).is_err(), "{argument}");
        }
        assert!(command(&["psql", "-v", "limit={{x}}", "-f", "/opt/q.sql"]).is_ok());
    }

    #[test]
    fn the_program_is_always_a_literal() {
        for program in ["{{x}}", "a{{x}}", "", "-x", "df -h", "a;b"] {
            assert!(command(&[program]).is_err(), "{program:?}");
        }
        assert!(command(&[]).is_err());
    }

    #[test]
    fn a_value_is_not_read_again_for_placeholders() {
        let c = command(&["echo", "{{a}}"]).unwrap();
        let bound = c.bind(&values(&[("a", "{{b}}"), ("b", "secret")])).unwrap();
        assert_eq!(bound, ["echo", "{{b}}"]);
    }

    #[test]
    fn broken_placeholders_are_named() {
        for broken in ["{{", "{{}}", "{{a b}}", "{{a", "{{ }}"] {
            assert!(Template::parse(broken).is_err(), "{broken}");
        }
        assert!(Template::parse("}}").is_ok());
    }

    #[test]
    fn arguments_are_accepted_up_to_the_limit_and_refused_one_past_it() {
        let mut many = vec!["x"; limits::ARGUMENTS];
        assert!(command(&many).is_ok());
        many.push("x");
        assert!(command(&many).is_err());
        let c = command(&["x", "{{v}}"]).unwrap();
        assert!(c.bind(&values(&[("v", &"v".repeat(limits::ARGUMENT_BYTES))])).is_ok());
        assert!(c.bind(&values(&[("v", &"v".repeat(limits::ARGUMENT_BYTES + 1))])).is_err());
    }
}
