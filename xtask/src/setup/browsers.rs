//! The browsers that the package and the page are tested in.

use std::fmt;
use std::path::{Path, PathBuf};

use super::apt;
use super::machine::Release;
use crate::shell;

/// An engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Browser {
    /// Chrome's and Edge's.
    Chromium,
    /// Firefox's.
    Firefox,
    /// Safari's, as GTK has it on Linux.
    WebKit,
}

impl fmt::Display for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chromium => "Chromium",
            Self::Firefox => "Firefox",
            Self::WebKit => "WebKit",
        })
    }
}

/// Browsers, of WebKit the driver and the browser that it drives, and where they usually are; tests that are run by hand look
/// in the same places.
const PROGRAMS: &str = include_str!("../../../tests/browser/programs.txt");

/// Where a program of the list may be.
fn places(name: &str) -> impl Iterator<Item = PathBuf> {
    let lines = PROGRAMS.lines().filter_map(|line| line.split_once(' '));
    lines.filter(move |(other, _)| *other == name).map(|(_, path)| PathBuf::from(path))
}

/// The oldest Firefox that the tests' library can do enough with.
const FIREFOX: u32 = 153;

impl Browser {
    /// What PHOTONET_BROWSER and the list of programs call it.
    pub fn name(self) -> String {
        self.to_string().to_lowercase()
    }

    /// The variable that names another one, to this program and to the tests.
    pub fn variable(self) -> Option<&'static str> {
        match self {
            Self::Chromium => Some("PHOTONET_CHROMIUM"),
            Self::Firefox => Some("PHOTONET_FIREFOX"),
            Self::WebKit => None,
        }
    }

    /// Debian's packages; Ubuntu has Firefox in another way.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Chromium => &["chromium"],
            Self::Firefox => &["firefox-esr"],
            Self::WebKit => &["webkit2gtk-driver", "xvfb", "xauth"],
        }
    }

    fn find(self) -> Option<PathBuf> {
        let chosen = self.variable().and_then(std::env::var_os).map(PathBuf::from);
        chosen.into_iter().chain(places(&self.name())).find(|path| path.is_file() && self.suits(path))
    }

    /// Whether the tests can do what they want with the program.
    fn suits(self, program: &Path) -> bool {
        match self {
            Self::Chromium => true,
            Self::Firefox => {
                let version = shell::ask(&program.to_string_lossy(), &["--version"]);
                // A snap sees none of the folders that tests make for it.
                let snap = std::fs::read(program).is_ok_and(|text| text.windows(6).any(|w| w == b"/snap/"));
                !snap && version.as_deref().and_then(firefox_version).is_some_and(|major| major >= FIREFOX)
            }
            Self::WebKit => {
                let screen = |name| Path::new("/usr/bin").join(name).is_file();
                ["xvfb-run", "Xvfb", "xauth"].into_iter().all(screen)
                    && places("minibrowser").any(|path| path.is_file())
            }
        }
    }
}

/// The major version in `Mozilla Firefox 153.7.0esr`.
fn firefox_version(text: &str) -> Option<u32> {
    text.split_whitespace().find_map(|word| word.split('.').next()?.parse().ok())
}

/// Makes sure that there is this browser for the tests, and returns its program.
pub fn browser(browser: Browser) -> Option<PathBuf> {
    println!("Set-up: {browser}, for the browser's tests");
    if browser != Browser::Chromium && !cfg!(target_os = "linux") {
        println!("  the tests know it on Linux alone, beside a software GPU");
        return None;
    }
    if browser.find().is_none() {
        let why = format!("there is no {browser} that the tests can use");
        apt::install(&Release::read(Path::new("/")), browser.packages(), &why);
    }
    let found = browser.find();
    match (&found, browser.variable()) {
        (Some(path), _) => println!("  {}", path.display()),
        (None, Some(variable)) => println!("  going on without {browser}; {variable} may name one"),
        (None, None) => println!("  going on without {browser}"),
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_engine_has_places() {
        for browser in [Browser::Chromium, Browser::Firefox, Browser::WebKit] {
            assert!(
                places(&browser.name()).next().is_some_and(|path| path.starts_with("/usr/bin/")),
                "{browser}"
            );
        }
        assert!(places("minibrowser").all(|path| path.ends_with("MiniBrowser")));
        assert_ne!(places("minibrowser").count(), 0);
    }

    #[test]
    fn firefox_says_its_version() {
        assert_eq!(firefox_version("Mozilla Firefox 153.7.0esr\n"), Some(153));
        assert_eq!(firefox_version("Mozilla Firefox 160.0"), Some(160));
        assert_eq!(firefox_version("command not found"), None);
    }
}
