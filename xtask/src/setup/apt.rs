//! Installing packages through apt.

use std::path::Path;

use super::machine::{Release, major};
use super::rights_or_advice;
use super::sources::{self, Backports};
use crate::shell::{self, Rights};

/// The file that is added for the backports of a stable Debian.
const BACKPORTS_FILE: &str = "/etc/apt/sources.list.d/photonet-backports.sources";

const DRIVER: &str = "mesa-vulkan-drivers";

/// Installs packages of the release itself, or says what to type. `why` is printed first.
pub fn install(release: &Release, packages: &[&str], why: &str) {
    println!("  {why}");
    if !release.has_apt() {
        println!("  please install it in the way of your system");
        return;
    }
    let commands = ["sudo apt-get update".to_string(), typed_install(None, packages)];
    let Some(rights) = rights_or_advice(&commands) else { return };
    update(rights);
    report(install_from(rights, None, packages));
}

/// Installs the Vulkan loader and Mesa's drivers, from the backports of a stable Debian where they are newer.
pub fn install_vulkan(release: &Release, packages: &[&str]) {
    if !release.has_apt() {
        println!("  please install a Vulkan driver in the way of your system:");
        println!("    {}", other_systems(release));
        return;
    }
    println!("  installing the loader and Mesa's drivers, which include a software GPU");
    let backports = Suite::find(release);
    let Some(rights) = rights_or_advice(&advice(backports.as_ref(), packages)) else { return };
    report(update_and_install(rights, backports.as_ref(), packages));
}

/// Puts a newer software driver in the place of one that is older than `fast`, where the release offers one.
pub fn upgrade_software_driver(release: &Release, fast: u32) {
    let installed = shell::ask("dpkg-query", &["-W", "-f=${Version}", DRIVER]);
    let Some(version) = installed.filter(|_| release.has_apt()) else { return };
    println!("  Mesa {version} is installed");
    if major(&version).is_none_or(|major| major >= fast) {
        return;
    }
    let Some(suite) = Suite::find(release) else {
        println!("  Mesa {fast} or newer would be about five times faster, but this release offers none");
        return;
    };
    println!("  Mesa {fast} or newer is about five times faster; looking for it in {}", suite.name);
    let Some(rights) = rights_or_advice(&advice(Some(&suite), &[DRIVER])) else { return };
    // Lists that already name the suite are believed: asking the network each time would be slow.
    if suite.version().is_none()
        && let Err(message) = suite.add(rights).and_then(|()| update_or_remove(rights, &suite))
    {
        println!("  staying with Mesa {version}: {message}");
        return;
    }
    match suite.version() {
        Some(newer) if major(&newer) > major(&version) => {
            println!("  {} has Mesa {newer}", suite.name);
            report(install_from(rights, Some(&suite.name), &[DRIVER]));
        }
        _ => println!("  staying with Mesa {version}: {} has nothing newer", suite.name),
    }
}

/// The backports of this release.
struct Suite {
    name: String,
    /// The text of the sources file to add; `None` when the machine has the suite already.
    entry: Option<String>,
}

impl Suite {
    fn find(release: &Release) -> Option<Self> {
        let name = release.backports()?;
        match sources::backports(&sources::read(Path::new("/")), &release.codename) {
            Backports::Present => Some(Self { name, entry: None }),
            Backports::Add(text) => Some(Self { name, entry: Some(text) }),
            Backports::NoSource => None,
        }
    }

    fn add(&self, rights: Rights) -> Result<(), String> {
        let Some(text) = &self.entry else { return Ok(()) };
        println!(
            "  adding {}: Debian's own packages of newer versions, from the machine's own source",
            self.name
        );
        rights.write(Path::new(BACKPORTS_FILE), text)
    }

    /// Takes away what [`Self::add`] wrote, so that a suite that does not work spoils no later `apt-get update`.
    fn remove(&self, rights: Rights) {
        if self.entry.is_some()
            && let Err(message) = shell::run(rights.command("rm").args(["-f", BACKPORTS_FILE]))
        {
            println!("  {message}; please remove {BACKPORTS_FILE}");
        }
    }

    /// The version of Mesa that the suite offers, as far as the package lists know.
    fn version(&self) -> Option<String> {
        let madison = shell::ask("apt-cache", &["madison", DRIVER])?;
        sources::version_in_suite(&madison, &self.name)
    }
}

fn update_and_install(rights: Rights, suite: Option<&Suite>, packages: &[&str]) -> Result<(), String> {
    if let Some(suite) = suite {
        let added = suite
            .add(rights)
            .and_then(|()| update_or_remove(rights, suite))
            .and_then(|()| install_from(rights, Some(&suite.name), packages));
        match added {
            Ok(()) => return Ok(()),
            Err(message) => println!("  {}: {message}; taking the release's own packages", suite.name),
        }
    }
    update(rights);
    install_from(rights, None, packages)
}

/// Updates the package lists; a suite from which apt then knows no Mesa is taken away again.
fn update_or_remove(rights: Rights, suite: &Suite) -> Result<(), String> {
    update(rights);
    if suite.version().is_some() {
        return Ok(());
    }
    suite.remove(rights);
    Err(format!("apt finds no {DRIVER} there"))
}

/// A failure is only said: one unreadable source must not keep the packages of the others away.
fn update(rights: Rights) {
    if let Err(message) = shell::run(rights.command("apt-get").args(["update", "-q"])) {
        println!("  {message}; going on with the package lists as they are");
    }
}

fn install_from(rights: Rights, suite: Option<&str>, packages: &[&str]) -> Result<(), String> {
    let mut command = rights.command("env");
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-q", "-y"]);
    command.args(["--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]);
    if let Some(suite) = suite {
        command.args(["-t", suite]);
    }
    shell::run(command.args(packages))
}

fn typed_install(suite: Option<&str>, packages: &[&str]) -> String {
    let target = suite.map_or_else(String::new, |suite| format!("-t {suite} "));
    format!("sudo apt-get install --no-install-recommends {target}{}", packages.join(" "))
}

/// The commands that do by hand what this module does.
fn advice(suite: Option<&Suite>, packages: &[&str]) -> Vec<String> {
    let mut commands = Vec::new();
    if let Some(entry) = suite.and_then(|suite| suite.entry.as_deref()) {
        commands.push(format!("sudo tee {BACKPORTS_FILE} <<'EOF'\n{entry}EOF"));
    }
    commands.push("sudo apt-get update".into());
    commands.push(typed_install(suite.map(|suite| suite.name.as_str()), packages));
    commands
}

fn other_systems(release: &Release) -> &'static str {
    if release.is("fedora") {
        "sudo dnf install vulkan-loader mesa-vulkan-drivers"
    } else if release.is("arch") {
        "sudo pacman -S vulkan-icd-loader vulkan-swrast"
    } else if release.is("alpine") {
        "sudo apk add vulkan-loader mesa-vulkan-swrast"
    } else if release.is("suse") || release.is("opensuse") {
        "sudo zypper install libvulkan1 libvulkan_lvp"
    } else {
        "the Vulkan loader (libvulkan.so.1) and the driver of your GPU, or Mesa's lavapipe"
    }
}

fn report(outcome: Result<(), String>) {
    match outcome {
        Ok(()) => println!("  installed"),
        Err(message) => println!("  not installed: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_is_what_would_have_been_run() {
        let suite =
            Suite { name: "bookworm-backports".into(), entry: Some("Types: deb\nSuites: x\n".into()) };
        assert_eq!(
            advice(Some(&suite), &["libvulkan1", DRIVER]),
            [
                format!("sudo tee {BACKPORTS_FILE} <<'EOF'\nTypes: deb\nSuites: x\nEOF"),
                "sudo apt-get update".to_string(),
                "sudo apt-get install --no-install-recommends -t bookworm-backports libvulkan1 \
                 mesa-vulkan-drivers"
                    .to_string(),
            ]
        );
        assert_eq!(advice(None, &[DRIVER]).len(), 2);
    }

    #[test]
    fn systems_without_apt_get_advice_of_their_own() {
        assert!(other_systems(&Release::parse("ID=nobara\nID_LIKE=\"fedora\"\n")).contains("dnf"));
        assert!(other_systems(&Release::parse("ID=manjaro\nID_LIKE=arch\n")).contains("pacman"));
        assert!(other_systems(&Release::parse("ID=void\n")).contains("libvulkan.so.1"));
    }
}
