//! What this machine has: its release, its Vulkan drivers, its Mesa. Reads files only, below a given root.

use std::path::{Path, PathBuf};

/// The parts of `/etc/os-release` that decide what can be installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// `ID`, such as `debian`.
    pub id: String,
    /// `ID_LIKE`, the families it belongs to.
    pub like: Vec<String>,
    /// `VERSION_CODENAME`, such as `bookworm`.
    pub codename: String,
    /// Whether `VERSION_ID` is given: Debian's testing and unstable have none, and no backports.
    pub numbered: bool,
}

impl Release {
    /// Parses the text of an os-release file.
    pub fn parse(text: &str) -> Self {
        let mut release = Self::default();
        for (name, value) in text.lines().filter_map(|line| line.trim().split_once('=')) {
            let value = value.trim_matches(['"', '\'']).to_string();
            match name {
                "ID" => release.id = value,
                "ID_LIKE" => release.like = value.split_whitespace().map(String::from).collect(),
                "VERSION_CODENAME" => release.codename = value,
                "VERSION_ID" => release.numbered = !value.is_empty(),
                _ => {}
            }
        }
        release
    }

    /// Reads `etc/os-release`, or where that is missing `usr/lib/os-release`, below `root`.
    pub fn read(root: &Path) -> Self {
        ["etc/os-release", "usr/lib/os-release"]
            .iter()
            .find_map(|path| std::fs::read_to_string(root.join(path)).ok())
            .map_or_else(Self::default, |text| Self::parse(&text))
    }

    /// Whether packages come through apt under Debian's names.
    pub fn has_apt(&self) -> bool {
        self.is("debian") || self.is("ubuntu")
    }

    /// The backports suite of a stable Debian.
    pub fn backports(&self) -> Option<String> {
        let stable = self.id == "debian" && self.numbered && !self.codename.is_empty();
        stable.then(|| format!("{}-backports", self.codename))
    }

    /// Whether this is the named distribution or descends from it.
    pub fn is(&self, name: &str) -> bool {
        self.id == name || self.like.iter().any(|like| like == name)
    }
}

/// What there is of Vulkan below a root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vulkan {
    /// The loader, `libvulkan.so.1`, is there.
    pub loader: bool,
    /// Driver manifests (ICD files) that name a hardware GPU, without `.json`.
    pub hardware: Vec<String>,
    /// Driver manifests of a software GPU.
    pub software: Vec<String>,
    /// The kernel offers a device file that a hardware driver could open.
    pub device_file: bool,
}

/// Which kind of GPU programs will get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gpu {
    /// A real one.
    Hardware,
    /// Mesa's lavapipe or another program on the CPU.
    Software,
    /// No Vulkan driver, or no loader.
    None,
}

impl Vulkan {
    /// Looks at loader, driver manifests and device files below `root`.
    pub fn detect(root: &Path) -> Self {
        let mut vulkan = Self {
            loader: library_folders(root).iter().any(|folder| folder.join("libvulkan.so.1").exists()),
            ..Self::default()
        };
        for folder in MANIFESTS {
            for name in names(&root.join(folder)) {
                let Some(name) = name.strip_suffix(".json").map(str::to_string) else { continue };
                let known = vulkan.hardware.contains(&name) || vulkan.software.contains(&name);
                match kind(&name) {
                    _ if known => {}
                    Some(Gpu::Hardware) => vulkan.hardware.push(name),
                    Some(_) => vulkan.software.push(name),
                    None => {}
                }
            }
        }
        vulkan.hardware.sort();
        vulkan.software.sort();
        let rendering = names(&root.join("dev/dri")).iter().any(|name| name.starts_with("renderD"));
        // Containers with an NVIDIA GPU, and WSL, often have no render node.
        let others = ["dev/nvidia0", "dev/dxg"].iter().any(|path| root.join(path).exists());
        vulkan.device_file = rendering || others;
        vulkan
    }

    /// The best GPU that these drivers can give.
    pub fn gpu(&self) -> Gpu {
        if !self.loader {
            Gpu::None
        } else if self.device_file && !self.hardware.is_empty() {
            Gpu::Hardware
        } else if !self.software.is_empty() {
            Gpu::Software
        } else {
            Gpu::None
        }
    }
}

const MANIFESTS: [&str; 4] = [
    "usr/share/vulkan/icd.d",
    "etc/vulkan/icd.d",
    "usr/local/share/vulkan/icd.d",
    "run/opengl-driver/share/vulkan/icd.d",
];

/// The manifests of lavapipe, Mesa's software driver, below a root.
pub fn lavapipe(root: &Path) -> Vec<PathBuf> {
    manifests(root, "lvp")
}

/// Those whose names begin like this, of one driver.
pub fn manifests(root: &Path, driver: &str) -> Vec<PathBuf> {
    let manifests = MANIFESTS.iter().flat_map(|folder| {
        let folder = root.join(folder);
        let own = |name: &String| name.starts_with(driver) && name.ends_with(".json");
        names(&folder).into_iter().filter(own).map(move |name| folder.join(name)).collect::<Vec<_>>()
    });
    let mut found: Vec<PathBuf> = manifests.collect();
    found.sort();
    found
}

/// The kind of GPU behind a driver manifest; `None` for drivers of virtual machines that
/// need a host's help, which say nothing about what this machine can do.
pub fn kind(manifest: &str) -> Option<Gpu> {
    let name = manifest.to_ascii_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    if has(&["lvp", "lavapipe", "llvmpipe", "swiftshader"]) {
        Some(Gpu::Software)
    } else if has(&["gfxstream", "virtio"]) {
        None
    } else {
        Some(Gpu::Hardware)
    }
}

fn library_folders(root: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for base in ["usr/lib", "usr/lib64", "lib", "lib64", "usr/local/lib", "run/opengl-driver/lib"] {
        let base = root.join(base);
        // Debian keeps libraries in a folder named after the architecture.
        let nested = names(&base).into_iter().filter(|name| name.contains("-linux-"));
        folders.extend(nested.map(|name| base.join(name)));
        folders.push(base);
    }
    folders
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// The leading number of a Debian package version: `1:25.0.7-2~bpo12+1` is 25.
pub fn major(version: &str) -> Option<u32> {
    let upstream = version.split_once(':').map_or(version, |(_, rest)| rest);
    let digits: String = upstream.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOKWORM: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\n\
        VERSION_CODENAME=bookworm\nID=debian\n";

    /// A folder that stands for `/`, gone when dropped.
    struct Root(PathBuf);

    impl Root {
        fn with(name: &str, files: &[&str]) -> Self {
            let root = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
            for file in files {
                let path = root.join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, "").unwrap();
            }
            std::fs::create_dir_all(&root).unwrap();
            Self(root)
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn gpu_of(name: &str, files: &[&str]) -> Gpu {
        Vulkan::detect(&Root::with(name, files).0).gpu()
    }

    const LOADER: &str = "usr/lib/x86_64-linux-gnu/libvulkan.so.1";
    const LAVAPIPE: &str = "usr/share/vulkan/icd.d/lvp_icd.x86_64.json";
    const RADEON: &str = "usr/share/vulkan/icd.d/radeon_icd.x86_64.json";
    const NVIDIA: &str = "etc/vulkan/icd.d/nvidia_icd.json";

    #[test]
    fn stable_debian_has_backports_and_others_do_not() {
        let debian = Release::parse(BOOKWORM);
        assert_eq!(debian.backports().as_deref(), Some("bookworm-backports"));
        assert!(debian.has_apt());
        let testing = Release::parse("ID=debian\nVERSION_CODENAME=forky\n");
        assert_eq!(testing.backports(), None);
        let mint = Release::parse("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID='21'\n");
        assert!(mint.has_apt() && mint.backports().is_none());
        let fedora = Release::parse("ID=fedora\nVERSION_ID=41\n");
        assert!(!fedora.has_apt());
        assert_eq!(Release::parse(""), Release::default());
    }

    #[test]
    fn a_bare_machine_has_no_gpu() {
        assert_eq!(gpu_of("bare", &[]), Gpu::None);
        assert_eq!(gpu_of("loader", &[LOADER]), Gpu::None);
        assert_eq!(gpu_of("driver", &[LAVAPIPE, RADEON, "dev/dri/renderD128"]), Gpu::None);
    }

    #[test]
    fn mesa_without_a_render_node_is_a_software_gpu() {
        assert_eq!(gpu_of("lavapipe", &[LOADER, LAVAPIPE, RADEON, "dev/dri/card0"]), Gpu::Software);
        let virtio = "usr/share/vulkan/icd.d/virtio_icd.json";
        assert_eq!(gpu_of("virtio", &[LOADER, virtio, "dev/dri/renderD128"]), Gpu::None);
    }

    #[test]
    fn a_hardware_driver_with_its_device_file_is_hardware() {
        assert_eq!(gpu_of("radeon", &[LOADER, LAVAPIPE, RADEON, "dev/dri/renderD128"]), Gpu::Hardware);
        assert_eq!(gpu_of("nvidia", &["usr/lib64/libvulkan.so.1", NVIDIA, "dev/nvidia0"]), Gpu::Hardware);
    }

    #[test]
    fn the_manifests_of_lavapipe_are_found() {
        let root = Root::with("manifests", &[LOADER, RADEON, LAVAPIPE]);
        assert_eq!(lavapipe(&root.0), [root.0.join(LAVAPIPE)]);
        assert!(lavapipe(&root.0.join("nowhere")).is_empty());
    }

    #[test]
    fn versions_are_read_with_and_without_an_epoch() {
        assert_eq!(major("22.3.6-1+deb12u1"), Some(22));
        assert_eq!(major("1:25.0.7-2~bpo12+1"), Some(25));
        assert_eq!(major("none"), None);
    }
}
