//! The browsers that the package and the page are tested in.

use std::fmt;
use std::path::{Path, PathBuf};

use super::apt;
use super::machine::Release;

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

impl Browser {
    /// Where it usually is, each of these files wanted; `tests/browser` looks in the same places.
    fn places(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Chromium => &[
                &["/usr/bin/chromium"],
                &["/usr/bin/chromium-browser"],
                &["/usr/bin/google-chrome"],
                &["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"],
                &["C:/Program Files/Google/Chrome/Application/chrome.exe"],
            ],
            Self::Firefox => &[
                &["/usr/bin/firefox-esr"],
                &["/usr/bin/firefox"],
                &["/Applications/Firefox.app/Contents/MacOS/firefox"],
                &["C:/Program Files/Mozilla Firefox/firefox.exe"],
            ],
            Self::WebKit => &[&["/usr/bin/WebKitWebDriver", "/usr/bin/xvfb-run"]],
        }
    }

    /// The variable that names another one.
    fn variable(self) -> Option<&'static str> {
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
        let there = |files: &&&[&str]| files.iter().all(|file| Path::new(file).is_file());
        chosen
            .filter(|path| path.is_file())
            .or_else(|| self.places().iter().find(there).and_then(|files| files.first()).map(PathBuf::from))
    }
}

/// Makes sure that there is this browser for the tests; says whether there is.
pub fn browser(browser: Browser) -> bool {
    println!("Set-up: {browser}, for the browser's tests");
    if browser.find().is_none() {
        let why = format!("there is no {browser}");
        apt::install(&Release::read(Path::new("/")), browser.packages(), &why);
    }
    let found = browser.find();
    match (&found, browser.variable()) {
        (Some(path), _) => println!("  {}", path.display()),
        (None, Some(variable)) => println!("  going on without {browser}; {variable} may name one"),
        (None, None) => println!("  going on without {browser}"),
    }
    found.is_some()
}
