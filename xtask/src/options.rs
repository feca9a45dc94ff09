//! The command line of xtask.

use std::path::PathBuf;

use crate::peers::Part;
use crate::suite::Step;

/// What `cargo xtask` prints without a command, with `help` and after a mistake.
pub const USAGE: &str = "\
Usage: cargo xtask COMMAND

  setup     installs what is missing to run on this machine, and says what
  demo      the whole way once: set-up, training, evaluation with a report, classification
      --photos DIR    your photos, one folder per class (default: pictures that the program draws)
      --epochs N      passes over the training pictures
      --out DIR       where everything goes (default: output/demo)
      --keep          keep the results of an earlier run: write to DIR-2, DIR-3, ...
  web       builds the browser's part: the wasm, the npm package and the page (web/package/dist, web/site/dist)
  serve     builds the page and serves it on this machine
      --model M       the model that it starts with (a file, or the folder it is in)
      --port N        where it listens (default: 8010)
  test      set-up, then format, lint, documentation, tests, the Tint check and the browser's tests
      --only STEP     only this step; may be given several times
      --list          name the steps
  peers     measures Photonet beside what else one could take, in turns, and says whether it is as fast as wanted
      --only PART     only this part: plain, burn, browser or cpu; may be given several times
      --rounds N      turns of each side, whose medians count (default: 3)
      --quick         leave out the longest steps of `plain`, which no bound is set for
      --out FILE      write every measurement there, a line of JSON for each
      --peers DIR     the scripts of the peers (default: `peers` in PHOTONET_SHARED, or in ../shared)
  help      this text";

/// A parsed command line.
#[derive(Debug, PartialEq)]
pub enum Command {
    /// Print the usage.
    Help,
    /// Install what is missing.
    Setup,
    /// Build the wasm, the package and the page.
    Web,
    /// Build the page and serve it.
    Serve {
        /// The model that the page starts with.
        model: Option<PathBuf>,
        /// Where it listens, when the user has chosen a port.
        port: Option<u16>,
    },
    /// The whole way once.
    Demo(Demo),
    /// Every check.
    Test(Test),
    /// Photonet beside others.
    Peers(Peers),
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

/// Options of `peers`.
#[derive(Debug, PartialEq)]
pub struct Peers {
    /// The parts to measure; all when empty.
    pub only: Vec<Part>,
    /// Turns of each side.
    pub rounds: u32,
    /// Leave out the longest steps.
    pub quick: bool,
    /// Where every measurement is written.
    pub out: Option<PathBuf>,
    /// The folder of the peers' scripts, when the user has chosen one.
    pub peers: Option<PathBuf>,
}

impl Default for Peers {
    fn default() -> Self {
        Self { only: Vec::new(), rounds: 3, quick: false, out: None, peers: None }
    }
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
        Some("web") => match words.next() {
            None => Ok(Command::Web),
            Some(word) => Err(format!("`web` takes no option, but was given `{word}`")),
        },
        Some("serve") => serve(words),
        Some("demo") => parse_demo(words),
        Some("test") => parse_test(words),
        Some("peers") => parse_peers(words),
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
            "--epochs" => demo.epochs = Some(count(name, value(name, inline, &mut words)?)?),
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
                test.only.push(named("step", &Step::ALL, Step::name, text)?);
            }
            "--list" if inline.is_none() => test.list = true,
            "-h" | "--help" => return Ok(Command::Help),
            _ => return Err(format!("`test` has no option `{name}`")),
        }
    }
    Ok(Command::Test(test))
}

fn parse_peers<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Command, String> {
    let mut peers = Peers::default();
    while let Some((name, inline)) = words.next().map(split_value) {
        match name {
            "--only" => {
                let text = value(name, inline, &mut words)?;
                peers.only.push(named("part", &Part::ALL, Part::name, text)?);
            }
            "--rounds" => peers.rounds = count(name, value(name, inline, &mut words)?)?,
            "--quick" if inline.is_none() => peers.quick = true,
            "--out" => peers.out = Some(value(name, inline, &mut words)?.into()),
            "--peers" => peers.peers = Some(value(name, inline, &mut words)?.into()),
            "-h" | "--help" => return Ok(Command::Help),
            _ => return Err(format!("`peers` has no option `{name}`")),
        }
    }
    Ok(Command::Peers(peers))
}

/// The options of `serve`.
fn serve<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Command, String> {
    let (mut model, mut port) = (None, None);
    while let Some(word) = words.next() {
        let (name, inline) = split_value(word);
        match name {
            "--model" | "-m" => model = Some(value(name, inline, &mut words)?.into()),
            "--port" | "-p" => {
                let text = value(name, inline, &mut words)?;
                let number =
                    text.parse().map_err(|_| format!("{name} wants a number below 65536, not `{text}`"))?;
                port = Some(number);
            }
            "-h" | "--help" => return Ok(Command::Help),
            _ => return Err(format!("`serve` has no option `{name}`")),
        }
    }
    Ok(Command::Serve { model, port })
}

/// The one of `all` with this name; `kind` is what they are called together.
fn named<T: Copy>(kind: &str, all: &[T], name: impl Fn(&T) -> &'static str, text: &str) -> Result<T, String> {
    all.iter().copied().find(|one| name(one) == text).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(name).collect();
        format!("there is no {kind} `{text}`; the {kind}s are {}", names.join(", "))
    })
}

/// A number from 1 up.
fn count(name: &str, text: &str) -> Result<u32, String> {
    let count = text.parse().ok().filter(|&count| count > 0);
    count.ok_or_else(|| format!("{name} wants a number from 1 up, not `{text}`"))
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
    fn serve_takes_a_model_and_a_port() {
        assert_eq!(parse_line("serve"), Ok(Command::Serve { model: None, port: None }));
        let (model, port) = (Some("runs/best_model".into()), Some(8011));
        let line = "serve --model runs/best_model --port=8011";
        assert_eq!(parse_line(line), Ok(Command::Serve { model, port }));
        assert!(
            parse_line("serve --port 70000")
                .is_err_and(|message| message.contains("below 65536, not `70000`"))
        );
        assert_eq!(parse_line("web"), Ok(Command::Web));
    }

    #[test]
    fn test_steps_are_read_by_name() {
        let expected = Test { only: vec![Step::Tint, Step::Format], list: false };
        assert_eq!(parse_line("test --only tint --only=fmt"), Ok(Command::Test(expected)));
    }

    #[test]
    fn peers_take_parts_and_rounds() {
        assert_eq!(parse_line("peers"), Ok(Command::Peers(Peers::default())));
        let expected = Peers {
            only: vec![Part::Cpu, Part::Burn],
            rounds: 5,
            quick: true,
            out: Some("all.jsonl".into()),
            peers: Some("elsewhere".into()),
        };
        let line = "peers --only cpu --only=burn --rounds=5 --quick --out all.jsonl --peers elsewhere";
        assert_eq!(parse_line(line), Ok(Command::Peers(expected)));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, part) in [
            ("tset", "`tset`"),
            ("setup now", "`now`"),
            ("demo --photo x", "`--photo`"),
            ("serve --modle x", "`--modle`"),
            ("web now", "`now`"),
            ("demo --epochs 0", "`0`"),
            ("demo --epochs", "`--epochs`"),
            ("demo --keep=yes", "`--keep`"),
            ("test --only lint", "clippy"),
            ("peers --only gpu", "plain, burn, browser, cpu"),
            ("peers --rounds 0", "`0`"),
            ("peers --rounds", "`--rounds`"),
            ("peers --quick=yes", "`--quick`"),
            ("peers all", "`all`"),
        ] {
            let message = parse_line(line).expect_err(line);
            assert!(message.contains(part), "{line}: {message}");
        }
    }
}
