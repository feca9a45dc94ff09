//! Debian's package sources: from the machine's own entry for its release to one for the backports of it.
//!
//! No address is ever written here: it is taken from the machine, which may use a mirror, a proxy or a snapshot.

use std::path::Path;

/// One enabled source of binary packages, as the fields of a deb822 paragraph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Field names and values in their order; a value may go on over several lines.
    fields: Vec<(String, String)>,
}

impl Source {
    fn get(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    fn has_word(&self, field: &str, word: &str) -> bool {
        self.get(field).is_some_and(|value| value.split_whitespace().any(|each| each == word))
    }

    /// Whether packages of this suite come from here.
    pub fn offers(&self, suite: &str) -> bool {
        self.has_word("Suites", suite)
    }

    fn is_enabled_binary(&self) -> bool {
        self.has_word("Types", "deb") && self.get("Enabled").is_none_or(|value| value.trim() != "no")
    }

    /// The same source with another suite, as the text of a `.sources` file.
    fn with_suite(&self, suite: &str) -> String {
        let mut text = String::new();
        for (name, value) in &self.fields {
            let value = match name.to_ascii_lowercase().as_str() {
                "types" => "deb",
                "suites" => suite,
                _ => value,
            };
            text += &format!("{name}: {value}\n");
        }
        text
    }
}

/// The sources below `root`: `etc/apt/sources.list` and the files of `etc/apt/sources.list.d`.
pub fn read(root: &Path) -> Vec<Source> {
    let apt = root.join("etc/apt");
    let mut files = vec![apt.join("sources.list")];
    if let Ok(entries) = std::fs::read_dir(apt.join("sources.list.d")) {
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    files.sort();
    let mut sources = Vec::new();
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("sources") => sources.extend(parse_deb822(&text)),
            Some("list") => sources.extend(parse_one_line(&text)),
            _ => {}
        }
    }
    sources
}

/// Parses a `.sources` file: paragraphs of `Field: value`, `#` comments, continuation lines.
pub fn parse_deb822(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            sources.push(Source { fields: std::mem::take(&mut fields) });
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                *value += "\n";
                *value += line;
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_string(), value.trim().to_string()));
        }
    }
    sources.retain(Source::is_enabled_binary);
    sources
}

/// Parses a `sources.list` file: `deb [option=value …] URI suite component …` lines.
pub fn parse_one_line(text: &str) -> Vec<Source> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Source> {
    let line = line.split('#').next().unwrap_or_default();
    let rest = line.trim().strip_prefix("deb").filter(|rest| rest.starts_with([' ', '\t']))?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(bracket) => bracket.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    let (uri, suite) = (words.next()?, words.next()?);
    let components: Vec<_> = words.collect();
    let mut fields = vec![("Types", "deb".into()), ("URIs", uri.into()), ("Suites", suite.to_string())];
    if !components.is_empty() {
        fields.push(("Components", components.join(" ")));
    }
    let mut source =
        Source { fields: fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect() };
    for (name, value) in options.split_whitespace().filter_map(|option| option.split_once('=')) {
        source.fields.push((field_name(name), value.replace(',', " ")));
    }
    Some(source)
}

/// The deb822 name of an option of the one-line form.
fn field_name(option: &str) -> String {
    match option {
        "arch" => "Architectures".into(),
        "lang" => "Languages".into(),
        "target" => "Targets".into(),
        // The others are the same words, joined by hyphens and in capitals.
        other => {
            let capital = |word: &str| {
                let mut letters = word.chars();
                letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string())
                    + letters.as_str()
            };
            other.split('-').map(capital).collect::<Vec<_>>().join("-")
        }
    }
}

/// What must be added so that a backports suite is offered.
#[derive(Debug, PartialEq, Eq)]
pub enum Backports {
    /// Nothing: some source offers it already.
    Present,
    /// A `.sources` file with this text.
    Add(String),
    /// Unknown: no source of the release itself was found to copy.
    NoSource,
}

/// Finds the source of the release and copies it for its backports. `codename` is that of the release.
pub fn backports(sources: &[Source], codename: &str) -> Backports {
    let suite = format!("{codename}-backports");
    if sources.iter().any(|source| source.offers(&suite)) {
        return Backports::Present;
    }
    // Another archive may use Debian's suite names for packages of its own; Debian's has `main`.
    let own = |source: &&Source| source.has_word("Components", "main");
    let by_suite = |name: &str| sources.iter().filter(own).find(|source| source.offers(name));
    match by_suite(codename).or_else(|| by_suite("stable")) {
        Some(source) => Backports::Add(source.with_suite(&suite)),
        None => Backports::NoSource,
    }
}

/// The newest version that `apt-cache madison PACKAGE` lists for a suite. apt lists the newest first.
pub fn version_in_suite(madison: &str, suite: &str) -> Option<String> {
    madison.lines().find_map(|line| {
        let mut columns = line.split('|').map(str::trim);
        let (version, origin) = (columns.nth(1)?, columns.next()?);
        let in_suite = origin.split_whitespace().any(|word| word.split('/').next() == Some(suite));
        in_suite.then(|| version.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEB822: &str = "\
# The archive
Types: deb deb-src
# a comment in between
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc=
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
";

    #[test]
    fn a_deb822_entry_is_copied_with_the_suite_changed() {
        let Backports::Add(text) = backports(&parse_deb822(DEB822), "bookworm") else { panic!("no entry") };
        assert_eq!(
            text,
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm-backports\n\
             Components: main contrib\nSigned-By: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc=\n \
             -----END PGP PUBLIC KEY BLOCK-----\n"
        );
        // What was written is read again as a source of that suite, and not added twice.
        let mut sources = parse_deb822(DEB822);
        sources.extend(parse_deb822(&text));
        assert_eq!(backports(&sources, "bookworm"), Backports::Present);
    }

    #[test]
    fn a_one_line_entry_becomes_a_deb822_entry() {
        let list = "# deb http://old.example/debian bookworm main\n\
            deb-src http://mirror.example/debian bookworm main\n\
            deb http://other.example/debian bookworm extra\n\
            deb [arch=amd64,arm64 signed-by=/usr/share/keyrings/a.gpg check-valid-until=no] \
            http://mirror.example/debian bookworm main non-free # ours\n";
        let Backports::Add(text) = backports(&parse_one_line(list), "bookworm") else { panic!("no entry") };
        assert_eq!(
            text,
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm-backports\n\
             Components: main non-free\nArchitectures: amd64 arm64\n\
             Signed-By: /usr/share/keyrings/a.gpg\nCheck-Valid-Until: no\n"
        );
    }

    #[test]
    fn disabled_and_foreign_sources_do_not_count() {
        let disabled = DEB822.replace("Suites: bookworm bookworm-updates", "Suites: bookworm\nEnabled: no");
        assert_eq!(backports(&parse_deb822(&disabled), "bookworm"), Backports::NoSource);
        assert_eq!(backports(&parse_deb822(DEB822), "trixie"), Backports::NoSource);
        let sources = parse_one_line("deb http://mirror.example/debian stable main\n");
        assert!(matches!(backports(&sources, "bookworm"), Backports::Add(_)));
        assert_eq!(backports(&[], "bookworm"), Backports::NoSource);
    }

    #[test]
    fn the_version_of_a_suite_is_found() {
        let madison = "\
mesa-vulkan-drivers | 25.0.7-2~bpo12+1 | http://mirror.example/debian bookworm-backports/main amd64 Packages
mesa-vulkan-drivers | 22.3.6-1+deb12u1 | http://mirror.example/debian bookworm/main amd64 Packages
";
        assert_eq!(version_in_suite(madison, "bookworm-backports").as_deref(), Some("25.0.7-2~bpo12+1"));
        assert_eq!(version_in_suite(madison, "bookworm").as_deref(), Some("22.3.6-1+deb12u1"));
        assert_eq!(version_in_suite(madison, "trixie-backports"), None);
    }
}
