//! Zip archives whose entries are stored, which is how `torch.save` writes them.
//!
//! A compressed entry is refused, so an archive never unpacks to more than its own size.
//! Layout: APPNOTE.TXT 6.3, sections 4.3.7 (local header), 4.3.12 (directory), 4.3.14 to 4.3.16 (its end).

use crate::ReadError;
use crate::cursor::Cursor;
use std::collections::BTreeMap;
use std::ops::Range;

const FORMAT: &str = "zip";
const DIRECTORY_END: [u8; 4] = *b"PK\x05\x06";
const DIRECTORY_END_64: u32 = u32::from_le_bytes(*b"PK\x06\x06");
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
const DIRECTORY_ENTRY: u32 = u32::from_le_bytes(*b"PK\x01\x02");
const LOCAL_HEADER: u32 = u32::from_le_bytes(*b"PK\x03\x04");
/// The directory's end may be followed by a comment of up to 65,535 bytes.
const MAX_TAIL: usize = 22 + 65_535;
/// A field of the old layout that says: see the 64-bit one.
const SEE_64: u32 = u32::MAX;

/// The entries of an archive: where the contents of each name lie.
pub(crate) struct Archive<'a> {
    bytes: &'a [u8],
    entries: BTreeMap<String, Range<usize>>,
}

fn damaged(reason: impl Into<String>) -> ReadError {
    ReadError::Damaged { format: FORMAT, reason: reason.into() }
}

impl<'a> Archive<'a> {
    /// Reads the directory of an archive.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, ReadError> {
        let (count, start) = directory(bytes)?;
        let mut cursor = Cursor::new(FORMAT, bytes, start);
        let mut archive = Self { bytes, entries: BTreeMap::new() };
        let mut total = 0_usize;
        for _ in 0..count {
            let (name, range) = entry(bytes, &mut cursor)?;
            total = total.saturating_add(range.len());
            if total > bytes.len() {
                return Err(damaged("its entries overlap: together they are larger than the file"));
            }
            if archive.entries.insert(name.clone(), range).is_some() {
                return Err(damaged(format!("the entry `{name}` comes twice")));
            }
        }
        Ok(archive)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.entries.get(name).map(|range| &self.bytes[range.clone()])
    }
}

/// How many entries the directory has, and where it begins.
fn directory(bytes: &[u8]) -> Result<(u64, usize), ReadError> {
    let tail = bytes.len().saturating_sub(MAX_TAIL);
    let end = bytes[tail..].windows(4).rposition(|w| w == DIRECTORY_END).map(|at| tail + at);
    let end = end.ok_or_else(|| ReadError::Truncated {
        format: FORMAT,
        what: "the directory's end".into(),
        at: bytes.len(),
        length: bytes.len(),
    })?;
    let what = "the directory's end";
    let mut cursor = Cursor::new(FORMAT, bytes, end + 10);
    let mut count = u64::from(cursor.u16(what)?);
    cursor.u32(what)?;
    let mut start = u64::from(cursor.u32(what)?);
    let locator = end.checked_sub(20).filter(|at| bytes[*at..*at + 4] == LOCATOR_64);
    if let Some(locator) = locator {
        let at = Cursor::new(FORMAT, bytes, locator + 8).u64(what)?;
        let at = usize::try_from(at).ok().filter(|at| *at <= bytes.len());
        let mut cursor =
            Cursor::new(FORMAT, bytes, at.ok_or_else(|| damaged("its directory is outside of it"))?);
        if cursor.u32(what)? != DIRECTORY_END_64 {
            return Err(damaged("there is no 64-bit directory where one should be"));
        }
        cursor.take(28, what)?;
        count = cursor.u64(what)?;
        cursor.u64(what)?;
        start = cursor.u64(what)?;
    }
    // Every entry of the directory has 46 bytes or more.
    if count > bytes.len() as u64 / 46 {
        return Err(damaged(format!("it cannot have {count} entries")));
    }
    let start = usize::try_from(start).ok().filter(|s| *s <= end);
    Ok((count, start.ok_or_else(|| damaged("its directory is outside of it"))?))
}

/// One entry of the directory: its name and where its contents lie.
fn entry(bytes: &[u8], cursor: &mut Cursor<'_>) -> Result<(String, Range<usize>), ReadError> {
    let what = "an entry of the directory";
    if cursor.u32(what)? != DIRECTORY_ENTRY {
        return Err(damaged("its directory has something else where an entry should be"));
    }
    cursor.take(4, what)?;
    let (flags, method) = (cursor.u16(what)?, cursor.u16(what)?);
    cursor.take(8, what)?;
    let (packed, size) = (cursor.u32(what)?, cursor.u32(what)?);
    let (name, extra, comment) = (cursor.u16(what)?, cursor.u16(what)?, cursor.u16(what)?);
    cursor.take(8, what)?;
    let local = cursor.u32(what)?;
    let name = String::from_utf8_lossy(cursor.take(name.into(), "an entry's name")?).into_owned();
    let extra = cursor.take(extra.into(), what)?;
    cursor.take(comment.into(), what)?;
    if method != 0 || flags & 1 != 0 {
        let how = if method != 0 { "compressed" } else { "encrypted" };
        return Err(ReadError::Unsupported {
            what: format!("the zip entry `{name}`, which is {how},"),
            remedy: "torch.save stores its entries plainly; unpack the archive and import what is in it"
                .into(),
        });
    }
    let [size, packed, local] = wide(extra, [size, packed, local])?;
    if size != packed {
        return Err(damaged(format!("the entry `{name}` is stored with {packed} bytes but has {size}")));
    }
    let local = usize::try_from(local).ok().filter(|l| *l <= bytes.len());
    let local = local.ok_or_else(|| damaged(format!("the entry `{name}` is outside of the file")))?;
    let mut header = Cursor::new(FORMAT, bytes, local);
    let what = "an entry's header";
    if header.u32(what)? != LOCAL_HEADER {
        return Err(damaged(format!("the entry `{name}` is not where the directory says")));
    }
    header.take(22, what)?;
    let skip = u64::from(header.u16(what)?) + u64::from(header.u16(what)?);
    header.take(skip, what)?;
    let range = header.range(size, &format!("the contents of `{name}`"))?;
    Ok((name, range))
}

/// The size, packed size and place of an entry, from the 64-bit extra field where the old ones refer to it.
fn wide(extra: &[u8], old: [u32; 3]) -> Result<[u64; 3], ReadError> {
    let mut values = old.map(u64::from);
    let mut cursor = Cursor::new(FORMAT, extra, 0);
    let what = "an extra field";
    while cursor.position() < extra.len() {
        let (id, length) = (cursor.u16(what)?, cursor.u16(what)?);
        let field = cursor.take(length.into(), what)?;
        if id == 1 {
            let mut field = Cursor::new(FORMAT, field, 0);
            for (value, old) in values.iter_mut().zip(old) {
                if old == SEE_64 {
                    *value = field.u64("a 64-bit size")?;
                }
            }
        }
    }
    Ok(values)
}
