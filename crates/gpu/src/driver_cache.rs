//! The driver's compiled pipelines, kept on disk from one run to the next (Vulkan).

use crate::recorded::Shared;
use sha2::{Digest, Sha256};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What a file begins with; the number rises when the form changes.
const MAGIC: &[u8; 16] = b"photonet cache 1";
const DIGEST: usize = 32;

/// The cache of one device, with the file that it came from.
#[derive(Debug)]
pub(crate) struct DriverCache {
    kind: Kind,
    file: PathBuf,
    /// Adapter and driver, as the file names them.
    owner: String,
    /// Digest of what the file holds.
    held: Option<[u8; DIGEST]>,
}

/// Who makes pipelines.
#[derive(Debug)]
enum Kind {
    Encoded(wgpu::PipelineCache),
    Recorded(Shared),
}

/// What is in a cache file.
#[derive(Debug, PartialEq, Eq)]
enum Contents {
    Data(Vec<u8>),
    /// Of another adapter or driver version.
    Foreign(String),
    Damaged,
}

impl DriverCache {
    /// Opens the cache of `adapter` in `folder`, empty where there is none that can be used; what the user should
    /// know of that comes back as well. `None` where the API has no such cache.
    #[cfg_attr(not(recordable), expect(unreachable_code, reason = "nothing is recorded"))]
    pub fn open(
        device: &wgpu::Device,
        vulkan: Option<&Shared>,
        adapter: &wgpu::AdapterInfo,
        folder: &Path,
    ) -> (Option<Self>, Option<String>) {
        let Some(key) = wgpu::util::pipeline_cache_key(adapter) else { return (None, None) };
        let owner = format!("{} | {} | {}", adapter.name, adapter.driver, adapter.driver_info);
        // Two versions of a driver beside each other must not overwrite each other's for ever.
        let kind = if vulkan.is_some() { "recorded_" } else { "" };
        let file = folder.join(format!("{kind}{key}{}", short_digest(&owner)));
        let shown = file.display();
        let (data, notice) = match std::fs::read(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => (None, None),
            Err(error) => (None, Some(format!("the pipeline cache {shown} cannot be read ({error})"))),
            Ok(bytes) => match parse(&bytes, &owner) {
                Contents::Data(data) => (Some(data), None),
                Contents::Foreign(other) => {
                    (None, Some(format!("the pipeline cache {shown} was made for {other}; it is made anew")))
                }
                Contents::Damaged => {
                    (None, Some(format!("the pipeline cache {shown} is damaged; it is made anew")))
                }
            },
        };
        let held = data.as_deref().map(digest);
        let kind = match vulkan {
            Some(vulkan) => {
                vulkan.begin_cache(data.as_deref());
                Kind::Recorded(vulkan.clone())
            }
            // SAFETY: the data is what `get_data` returned for this adapter and driver: the file's digest and owner were
            // checked, and with `fallback` the driver's own check turns what it does not know into an empty cache.
            None => Kind::Encoded(unsafe {
                device.create_pipeline_cache(&wgpu::PipelineCacheDescriptor {
                    label: Some("pipelines"),
                    data: data.as_deref(),
                    fallback: true,
                })
            }),
        };
        (Some(Self { kind, file, owner, held }), notice)
    }

    /// What wgpu keeps its pipelines in.
    pub fn encoded(&self) -> Option<&wgpu::PipelineCache> {
        match &self.kind {
            Kind::Encoded(raw) => Some(raw),
            Kind::Recorded(_) => None,
        }
    }

    /// Writes the file where there is more than it holds.
    pub fn save(&self) -> std::io::Result<()> {
        let data = match &self.kind {
            Kind::Encoded(raw) => raw.get_data(),
            Kind::Recorded(vulkan) => vulkan.cache_data(),
        };
        let Some(data) = data else { return Ok(()) };
        if self.held == Some(digest(&data)) {
            return Ok(());
        }
        replace(&self.file, &compose(&data, &self.owner))
    }
}

/// Writes a file by another name first, so that a run beside this one reads the old or the new.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(contents)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Twelve digits that tell owners apart in the names of files.
pub(crate) fn short_digest(owner: &str) -> String {
    Sha256::digest(owner).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn digest(data: &[u8]) -> [u8; DIGEST] {
    Sha256::digest(data).into()
}

/// Magic, length and text of the owner, digest, data.
fn compose(data: &[u8], owner: &str) -> Vec<u8> {
    [MAGIC.as_slice(), &(owner.len() as u32).to_le_bytes(), owner.as_bytes(), &digest(data), data].concat()
}

fn parse(bytes: &[u8], owner: &str) -> Contents {
    let parsed = || {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let (expected, data) = rest.split_first_chunk::<DIGEST>()?;
        (digest(data) == *expected).then_some((String::from_utf8_lossy(text), data))
    };
    match parsed() {
        None => Contents::Damaged,
        Some((text, data)) if text == owner => Contents::Data(data.to_vec()),
        Some((text, _)) => Contents::Foreign(text.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_back_by_its_owner_only() {
        let bytes = compose(b"compiled", "card | driver | 1");
        assert_eq!(parse(&bytes, "card | driver | 1"), Contents::Data(b"compiled".to_vec()));
        assert_eq!(parse(&bytes, "card | driver | 2"), Contents::Foreign("card | driver | 1".into()));
    }

    #[test]
    fn damage_is_noticed_wherever_it_is() {
        let bytes = compose(b"compiled", "card");
        for length in 0..bytes.len() {
            assert_eq!(parse(&bytes[..length], "card"), Contents::Damaged, "cut at {length}");
        }
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            assert!(!matches!(parse(&bad, "card"), Contents::Data(_)), "byte {at}");
        }
        assert_eq!(parse(&[0xff; 100], "card"), Contents::Damaged);
    }
}
