//! Running other programs, with every command printed before it runs.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The root of the repository.
pub fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")), //
        PathBuf::from,
    );
    manifest.parent().map_or_else(|| manifest.clone(), Path::to_path_buf)
}

/// The cargo that started this program, run from the root of the repository.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(arguments);
    command
}

/// Runs the command with its output on the terminal.
///
/// # Errors
/// When it does not start, or ends with a status other than 0.
pub fn run(command: &mut Command) -> Result<(), String> {
    announce(command);
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", name(command))) }
}

/// As [`run`], and hands every line of the standard output to `line` too.
///
/// # Errors
/// When it does not start, or ends with a status other than 0.
pub fn run_watching(command: &mut Command, mut line: impl FnMut(&str)) -> Result<(), String> {
    announce(command);
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| cannot_start(command, &error))?;
    if let Some(output) = child.stdout.take() {
        // Split by bytes: a program may print what is not UTF-8.
        for bytes in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let text = String::from_utf8_lossy(&bytes);
            println!("{text}");
            line(&text);
        }
    }
    let status = child.wait().map_err(|error| format!("{}: {error}", name(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", name(command))) }
}

/// Runs the command with its standard output captured and not shown.
///
/// # Errors
/// When it does not start, or ends with a status other than 0.
pub fn run_capturing(command: &mut Command) -> Result<String, String> {
    let (output, ended) = capture(command)?;
    ended.map(|()| output)
}

/// As [`run_capturing`], with what was printed by a command that failed too, and how it ended.
///
/// # Errors
/// When it does not start.
pub fn capture(command: &mut Command) -> Result<(String, Result<(), String>), String> {
    announce(command);
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| cannot_start(command, &error))?;
    let status = output.status;
    let ended = if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", name(command))) };
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), ended))
}

/// Makes `folder`, or takes everything out of it.
///
/// # Errors
/// What the system says, and of which folder.
pub fn empty(folder: &Path) -> Result<(), String> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)
            .map_err(|error| format!("cannot empty {}: {error}", folder.display()))?;
    }
    std::fs::create_dir_all(folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))
}

/// What a small program prints, or nothing when it is missing or fails. Not printed.
pub fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
}

/// How this process may change the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// It is root.
    Root,
    /// `sudo` works without a password.
    Sudo,
    /// It may not.
    None,
}

impl Rights {
    /// Finds out without ever asking for a password.
    pub fn detect() -> Self {
        if ask("id", &["-u"]).as_deref() == Some("0") {
            Self::Root
        } else if ask("sudo", &["-n", "true"]).is_some() {
            Self::Sudo
        } else {
            Self::None
        }
    }

    /// A command with these rights.
    pub fn command(self, program: &str) -> Command {
        if self == Self::Sudo {
            let mut command = Command::new("sudo");
            command.args(["-n", program]);
            command
        } else {
            Command::new(program)
        }
    }

    /// Writes a file that belongs to the system.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(self, path: &Path, text: &str) -> Result<(), String> {
        println!("  writing {}:", path.display());
        for line in text.lines() {
            println!("    {line}");
        }
        let failed = |error: &dyn std::fmt::Display| format!("cannot write {}: {error}", path.display());
        if self != Self::Sudo {
            return std::fs::write(path, text).map_err(|error| failed(&error));
        }
        let mut child = self
            .command("tee")
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| failed(&error))?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(text.as_bytes()).map_err(|error| failed(&error))?;
        }
        let status = child.wait().map_err(|error| failed(&error))?;
        if status.success() { Ok(()) } else { Err(failed(&format!("tee ended with {status}"))) }
    }
}

/// A command as one would type it.
pub fn shown(command: &Command) -> String {
    let mut line = String::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            line += &format!("{}={} ", name.to_string_lossy(), quoted(value));
        }
    }
    let mut words = vec![name(command)];
    words.extend(command.get_args().map(quoted));
    line + &words.join(" ")
}

fn announce(command: &Command) {
    println!("  $ {}", shown(command));
    // The other program writes to the same terminal.
    let _ = std::io::stdout().flush();
}

/// The program without its folder when that is cargo's own, whose path says nothing.
fn name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    match program.file_stem() {
        Some(stem) if stem == "cargo" => "cargo".to_string(),
        _ => quoted(program.as_os_str()),
    }
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%\\".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn cannot_start(command: &Command, error: &std::io::Error) -> String {
    format!("cannot start {}: {error}", name(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("/somewhere/bin/cargo");
        command.args(["test", "a photo.jpg", "it's", ""]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(shown(&command), r"RUSTDOCFLAGS='-D warnings' cargo test 'a photo.jpg' 'it'\''s' ''");
    }

    #[cfg(unix)]
    #[test]
    fn a_failing_program_is_an_error_and_its_lines_are_seen() {
        let mut lines = Vec::new();
        let script = ["-c", "echo one; echo two; exit 3"];
        let outcome = run_watching(Command::new("sh").args(script), |line| lines.push(line.to_string()));
        assert_eq!(lines, ["one", "two"]);
        assert!(outcome.is_err_and(|message| message.contains("sh ended with exit status: 3")));
        assert!(run(&mut Command::new("no-such-program-anywhere")).is_err());
        let (printed, ended) = capture(Command::new("sh").args(script)).unwrap();
        assert!(printed == "one\ntwo\n" && ended.is_err());
        assert!(run_capturing(Command::new("sh").args(script)).is_err());
    }
}
