//! The command line of xtask.

use std::path::PathBuf;

use crate::suite::Step;

/// What `cargo xtask` prints without a command, with `help` and after a mistake.
pub const USAGE: &str = "\
Usage: cargo xtask COMMAND

  setup     installs what is missing to run on this machine, and says what
  demo      the whole way once: set-up, training, evaluation, classification
      --photos DIR    your photos, one folder per class (default: pictures that the program draws)
      --epochs N      passes over the training pictures
      --out DIR       where everything goes (default: output/demo)
      --keep          keep the results of an earlier run: write to DIR-2, DIR-3, ...
  test      set-up, then format, lint, documentation, tests and the Tint check
      --only STEP     only this step; may be given several times
      --list          name the steps
  help      this text";

/// A parsed command line.
#[derive(Debug, PartialEq)]
pub enum Command {
    /// Print the usage.
    Help,
    /// Install what is missing.
    Setup,
    /// Write the JavaScript beside a wasm; needs the feature `bindgen`.
    Bindgen {
        /// What rustc built.
        wasm: PathBuf,
        /// Where to write.
        folder: PathBuf,
    },
    /// The whole way once.
    Demo(Demo),
    /// Every check.
    Test(Test),
}

/// Options of `demo`.
#[derive(Debug, Default, PartialEq)]
pub struct Demo {
    /// The user's photos; drawn pictures when absent.
    pub photos: Option<PathBuf>,
    /// Number of epochs, when the user has chosen one.
    pub epochs: Option<u32>,
    /// The output folder, when the user has chosen one.
    pub out: Option<PathBuf>,
    /// Write beside the results of an earlier run, not over them.
    pub keep: bool,
}

/// Options of `test`.
#[derive(Debug, Default, PartialEq)]
pub struct Test {
    /// The steps to run, in the order of the suite; all when empty.
    pub only: Vec<Step>,
    /// Only name the steps.
    pub list: bool,
}

/// Parses the arguments behind `cargo xtask`.
///
/// # Errors
/// Says which word was not understood.
pub fn parse(arguments: &[String]) -> Result<Command, String> {
    let mut words = arguments.iter().map(String::as_str);
    match words.next() {
        None | Some("help" | "-h" | "--help") => Ok(Command::Help),
        Some("setup") => match words.next() {
            None => Ok(Command::Setup),
            Some(word) => Err(format!("`setup` takes no option, but was given `{word}`")),
        },
        Some("bindgen") => match (words.next(), words.next(), words.next()) {
            (Some(wasm), Some(folder), None) => {
                Ok(Command::Bindgen { wasm: wasm.into(), folder: folder.into() })
            }
            _ => Err("`bindgen` wants a wasm file and a folder".into()),
        },
        Some("demo") => parse_demo(words),
        Some("test") => parse_test(words),
        Some(word) => Err(format!("there is no command `{word}`")),
    }
}

fn parse_demo<'a>(words: impl Iterator<Item = &'a str>) -> Result<Command, String> {
    let mut demo = Demo::default();
    let mut words = words;
    while let Some((name, inline)) = words.next().map(split_value) {
        match name {
            "--photos" => demo.photos = Some(value(name, inline, &mut words)?.into()),
            "--out" => demo.out = Some(value(name, inline, &mut words)?.into()),
            "--epochs" => {
                let text = value(name, inline, &mut words)?;
                let epochs = text.parse().ok().filter(|&epochs| epochs > 0);
                demo.epochs =
                    Some(epochs.ok_or_else(|| format!("--epochs wants a number from 1 up, not `{text}`"))?);
            }
            "--keep" if inline.is_none() => demo.keep = true,
            "-h" | "--help" => return Ok(Command::Help),
            _ => return Err(format!("`demo` has no option `{name}`")),
        }
    }
    Ok(Command::Demo(demo))
}

fn parse_test<'a>(words: impl Iterator<Item = &'a str>) -> Result<Command, String> {
    let mut test = Test::default();
    let mut words = words;
    while let Some((name, inline)) = words.next().map(split_value) {
        match name {
            "--only" => {
                let text = value(name, inline, &mut words)?;
                let step = Step::ALL.into_iter().find(|step| step.name() == text);
                test.only.push(step.ok_or_else(|| {
                    let names: Vec<_> = Step::ALL.iter().map(Step::name).collect();
                    format!("there is no step `{text}`; the steps are {}", names.join(", "))
                })?);
            }
            "--list" if inline.is_none() => test.list = true,
            "-h" | "--help" => return Ok(Command::Help),
            _ => return Err(format!("`test` has no option `{name}`")),
        }
    }
    Ok(Command::Test(test))
}

/// `--name=value` as its two halves.
fn split_value(word: &str) -> (&str, Option<&str>) {
    match word.split_once('=') {
        Some((name, value)) if name.starts_with("--") => (name, Some(value)),
        _ => (word, None),
    }
}

fn value<'a>(
    name: &str,
    inline: Option<&'a str>,
    words: &mut impl Iterator<Item = &'a str>,
) -> Result<&'a str, String> {
    inline
        .or_else(|| words.next())
        .filter(|value| !value.is_empty())
        .ok_or_else(|| format!("`{name}` wants a value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> Result<Command, String> {
        parse(&line.split_whitespace().map(String::from).collect::<Vec<_>>())
    }

    #[test]
    fn demo_options_are_read_in_both_spellings() {
        let expected =
            Demo { photos: Some("my/photos".into()), epochs: Some(3), out: Some("here".into()), keep: true };
        let line = "demo --photos my/photos --epochs=3 --keep --out here";
        assert_eq!(parse_line(line), Ok(Command::Demo(expected)));
        assert_eq!(parse_line("demo"), Ok(Command::Demo(Demo::default())));
    }

    #[test]
    fn test_steps_are_read_by_name() {
        let expected = Test { only: vec![Step::Tint, Step::Format], list: false };
        assert_eq!(parse_line("test --only tint --only=fmt"), Ok(Command::Test(expected)));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, part) in [
            ("tset", "`tset`"),
            ("setup now", "`now`"),
            ("demo --photo x", "`--photo`"),
            ("demo --epochs 0", "`0`"),
            ("demo --epochs", "`--epochs`"),
            ("demo --keep=yes", "`--keep`"),
            ("test --only lint", "clippy"),
        ] {
            let message = parse_line(line).expect_err(line);
            assert!(message.contains(part), "{line}: {message}");
        }
    }
}
