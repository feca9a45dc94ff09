//! Photos that cannot be read: those that are known before a run, and those that its steps meet.
//!
//! To decode all photos before a run would take as long as an epoch. Most of what cannot be read is empty, cut off or
//! something else than its name says, though, and is seen by its first and last bytes. A file that looks so is decoded
//! to be sure; whatever else is wrong is met by the first epoch.

use crate::dataset::{Dataset, Sample};
use crate::loader::Loader;
use crate::photo::decode_photo;
use rayon::prelude::*;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes at the beginning of a file that tell its format, and those at its end that tell whether it is whole.
const HEAD: u64 = 16;
const TAIL: usize = 12;

/// Takes the photos out of `dataset` that are seen to be unreadable, and returns them with the reasons. Where that would
/// be all of them, they are left for loading to complain about.
pub(super) fn leave_out(dataset: &mut Dataset) -> Vec<(PathBuf, String)> {
    let refused: Vec<Option<String>> =
        dataset.samples.par_iter().map(|sample| refused(&sample.path)).collect();
    if refused.iter().all(Option::is_some) {
        return Vec::new();
    }
    let mut kept = Vec::with_capacity(dataset.samples.len());
    let mut left = Vec::new();
    for (sample, reason) in dataset.samples.drain(..).zip(refused) {
        match reason {
            None => kept.push(sample),
            Some(reason) => left.push((sample.path, reason)),
        }
    }
    dataset.samples = kept;
    left
}

/// The photos of a loader that it could read, as far as it has come.
pub(super) fn without(loader: &Loader) -> Dataset {
    let skipped: HashSet<PathBuf> = loader.report().skipped.into_iter().map(|(path, _)| path).collect();
    let dataset = loader.dataset();
    let read = |sample: &&Sample| !skipped.contains(&sample.path);
    Dataset {
        samples: dataset.samples.iter().filter(read).cloned().collect(),
        labels: dataset.labels.clone(),
    }
}

/// The places of photos that a batch should have shown but does not, as the loader takes the next one of `photos` that
/// can be read. What other threads have met meanwhile would not be the same in each run.
pub(super) fn replaced<'a>(
    wanted: &'a [u32],
    shown: &'a [u32],
    photos: u32,
) -> impl Iterator<Item = u32> + use<'a> {
    wanted.iter().zip(shown).flat_map(move |(&wanted, &shown)| {
        let from = (0..photos).map(move |step| (wanted + step) % photos);
        from.take_while(move |place| *place != shown)
    })
}

/// Why a photo cannot be read, if it is seen to be so. What the system does not give at all may come later.
fn refused(path: &Path) -> Option<String> {
    if !looks_broken(path).ok()? {
        return None;
    }
    decode_photo(&fs::read(path).ok()?).err()
}

fn looks_broken(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head)?;
    let mut tail = [0; TAIL];
    if length < HEAD {
        // No photo is so short.
        return Ok(true);
    }
    file.seek(SeekFrom::End(-(TAIL as i64)))?;
    file.read_exact(&mut tail)?;
    let number =
        |at: usize| u64::from(u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
    Ok(match head.as_slice() {
        [0xff, 0xd8, 0xff, ..] => !tail.ends_with(&[0xff, 0xd9]) && !jpeg_ends(&fs::read(path)?),
        [0x89, b'P', b'N', b'G', ..] => tail[4..8] != *b"IEND",
        [b'R', b'I', b'F', b'F', ..] => number(4) + 8 > length,
        [b'G', b'I', b'F', b'8', ..] => !tail.ends_with(b";"),
        [b'B', b'M', ..] => number(2) > length,
        [b'I', b'I', ..] | [b'M', b'M', ..] => false,
        _ => true,
    })
}

/// Whether a JPEG has the mark at the end of its pixels, behind which cameras write more of their own.
fn jpeg_ends(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[0xff, kind, high, low]) = bytes.get(at..at + 4) {
        match kind {
            // Bytes to fill.
            0xff => at += 1,
            0xda => return bytes[at..].windows(2).any(|two| two == [0xff, 0xd9]),
            _ => at += 2 + usize::from(u16::from_be_bytes([high, low])),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_others_took_are_told_in_turn() {
        let told = |wanted: &[u32], shown: &[u32]| replaced(wanted, shown, 6).collect::<Vec<_>>();
        assert!(told(&[3, 0, 5], &[3, 0, 5]).is_empty());
        assert_eq!(told(&[3, 0, 4], &[3, 1, 1]), [0, 4, 5, 0]);
        assert!(told(&[], &[]).is_empty());
    }

    #[test]
    fn a_jpeg_ends_behind_its_pixels_not_in_a_small_picture_of_itself() {
        let start = [0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd9, 1, 2, 0xff, 0xda, 0, 4, 0, 0, 7, 7];
        let with = |end: &[u8]| jpeg_ends(&[&start, end].concat());
        assert!(with(&[0xff, 0xd9]) && with(&[0xff, 0xd9, 0, 0, b'S', b'E', b'F', b'T']));
        assert!(!with(&[]) && !with(&[0xff, 0]) && !jpeg_ends(&start[..7]) && !jpeg_ends(&[0xff]));
    }
}
