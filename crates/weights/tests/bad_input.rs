//! Files that are damaged or hostile: a clear error each, in bounded time and memory.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use photonet_weights::{MAX_FILE_BYTES, ReadOptions, read, sniff};

#[track_caller]
fn refused(bytes: &[u8], words: &[&str]) {
    let error = read(bytes, &ReadOptions::default()).map(|_| ()).unwrap_err().to_string();
    for word in words {
        assert!(error.contains(word), "no {word:?} in: {error}");
    }
}

fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

#[test]
fn safetensors_that_are_not_right() {
    let one = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    assert!(read(&safetensors(one, 8), &ReadOptions::default()).is_ok());
    refused(&safetensors(one, 7), &["safetensors", "truncated"]);
    refused(&safetensors(one, 9), &["belong to no tensor"]);
    let mut oversized = safetensors(one, 8);
    oversized[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    refused(&oversized, &["truncated", "header"]);
    let overlapping = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#;
    refused(&safetensors(overlapping, 12), &["overlaps"]);
    let wrong_size = r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#;
    refused(&safetensors(wrong_size, 8), &["safetensors"]);
    let enormous =
        r#"{"a":{"dtype":"F32","shape":[9007199254740992,9007199254740992],"data_offsets":[0,8]}}"#;
    refused(&safetensors(enormous, 8), &["safetensors"]);
    for kind in ["F64", "U8", "F8_E4M3"] {
        let size = if kind == "F64" { 8 } else { 1 };
        let header = format!(r#"{{"a":{{"dtype":"{kind}","shape":[1],"data_offsets":[0,{size}]}}}}"#);
        refused(&safetensors(&header, size), &["`a`", "F32, F16 or BF16"]);
    }
    refused(&safetensors(r#"{"a":{"dtype":"F99"}}"#, 0), &["safetensors"]);
    refused(&safetensors(&format!("{}{}", r#"{"a":"#, "[".repeat(100_000)), 0), &["safetensors"]);
}

#[test]
fn files_of_no_known_format() {
    refused(b"", &["empty"]);
    refused(b"abc", &["few bytes"]);
    refused(&[0; 4096], &["zeros"]);
    refused(b"<html><body>Not found</body></html>", &["text"]);
    refused(b"\x89HDF\r\n\x1a\n0000000000", &["HDF5"]);
    refused(b"\x1c\x00\x00\x00TFL3....", &["TensorFlow Lite"]);
    refused(&[7; 64], &["no known format", ".pdparams"]);
    // A file of 2 GB is refused by its first bytes, or by its length.
    assert!(sniff(&[0; 16], 2 << 30).unwrap_err().to_string().contains("zeros"));
    assert!(sniff(b"PK\x03\x04............", 2 << 30).unwrap_err().to_string().contains("MiB"));
    assert!(sniff(b"\x80\x02}q\x00...........", MAX_FILE_BYTES + 1).is_err());
}

/// A pickle of protocol 4 around `body`.
fn pickle(body: &[u8]) -> Vec<u8> {
    [b"\x80\x04".as_slice(), body, b"."].concat()
}

#[test]
fn pickles_that_would_do_something() {
    for (body, name) in [
        (&b"cos\nsystem\nX\x06\x00\x00\x00rm -rf\x85R"[..], "os.system"),
        (b"\x8c\x05posix\x8c\x06system\x93\x8c\x02ls\x85R", "posix.system"),
        (b"cbuiltins\neval\nX\x01\x00\x00\x001\x85R", "builtins.eval"),
        (b"c__builtin__\ngetattr\n)R", "__builtin__.getattr"),
        (b"ctorch\nload\n)R", "torch.load"),
        (b"c\n\n)R", "."),
    ] {
        refused(&pickle(body), &["refused", name, "nothing of it was run"]);
    }
    // Opcodes that construct objects in old ways, and those that look into Python's registry.
    for body in [&b"(ios\nsystem\n"[..], b"(cos\nsystem\no", b"\x82\x01", b"(S'ls'\n"] {
        let error = read(&pickle(body), &ReadOptions::default()).unwrap_err().to_string();
        assert!(error.contains("refused") || error.contains("opcode"), "{error}");
    }
}

#[test]
fn deep_cyclic_and_swollen_pickles() {
    // Deeper than any stack of a recursive reader.
    let mut deep = b"]".to_vec();
    deep.extend(b"(".repeat(400_000));
    deep.extend(b"t".repeat(400_000));
    deep.extend(b"a");
    refused(&pickle(&deep), &["not a dictionary"]);
    // A dictionary that is its own entry, under a name that a checkpoint's weights would have.
    refused(&pickle(b"}q\x00X\x05\x00\x00\x00modelh\x00s"), &["no arrays", "model"]);
    refused(&pickle(&b"]".repeat((1 << 20) + 10)), &["more than"]);
    // Twenty doublings of the memo: shared, not copied.
    let mut doubling = b"]q\x00".to_vec();
    for n in 0..250 {
        doubling.extend([b'h', n, b'h', n, 0x86, b'q', n + 1]);
    }
    refused(&pickle(&doubling), &["not a dictionary"]);
}

/// An array of numpy as protocol 2 writes it, with `shape` as opcodes.
fn array(shape: &[u8], contents: &[u8]) -> Vec<u8> {
    let mut body =
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01".to_vec();
    body.extend(shape);
    body.extend(
        b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89",
    );
    body.extend(contents);
    body.extend(b"tb");
    body
}

fn dictionary(value: &[u8]) -> Vec<u8> {
    pickle(&[b"}U\x01w".as_slice(), value, b"s"].concat())
}

#[test]
fn arrays_that_contradict_themselves() {
    let good = dictionary(&array(b"K\x01\x85", b"U\x04\x00\x00\x80\x3f"));
    assert_eq!(read(&good, &ReadOptions::default()).unwrap().tensors["w"].shape, [1]);
    for (shape, contents, words) in [
        (&b"K\x02\x85"[..], &b"U\x04\x00\x00\x80\x3f"[..], "4 bytes of contents, not 8"),
        (b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86", b"U\x04\x00\x00\x80\x3f", "contents"),
        (b"J\xff\xff\xff\xff\x85", b"U\x04\x00\x00\x80\x3f", "numbers"),
        (b"K\x01\x85", b"N", "not bytes"),
        (b"K\x01\x85", b"c_codecs\nencode\nX\x05\x00\x00\x00\xe2\x82\xacabU\x06latin1\x86R", "Latin-1"),
    ] {
        refused(&dictionary(&array(shape, contents)), &["`w`", words]);
    }
    // The array itself is missing: only the call that would make it is there.
    let empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R";
    refused(&dictionary(empty), &["`w`", "missing its contents"]);
    let truncated = &good[..good.len() - 12];
    refused(truncated, &["truncated"]);
}

/// A zip archive of one entry, with the given method, packed bytes and claimed size.
fn zip(name: &str, method: u16, packed: &[u8], size: u32) -> Vec<u8> {
    let fields = |bytes: &mut Vec<u8>| {
        bytes.extend([20, 0, 0, 0]);
        bytes.extend(method.to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend((packed.len() as u32).to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend([0; 2]);
    };
    let mut bytes = b"PK\x03\x04".to_vec();
    fields(&mut bytes);
    bytes.extend(name.as_bytes());
    bytes.extend(packed);
    let directory = bytes.len() as u32;
    bytes.extend(b"PK\x01\x02\x14\x00");
    fields(&mut bytes);
    bytes.extend([0; 14]);
    bytes.extend(name.as_bytes());
    let length = bytes.len() as u32 - directory;
    bytes.extend(b"PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00");
    bytes.extend(length.to_le_bytes());
    bytes.extend(directory.to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}

#[test]
fn archives_that_swell_overlap_or_are_something_else() {
    // A bomb: a megabyte of packed zeros would be a gigabyte.
    refused(&zip("m/data.pkl", 8, &[0; 1 << 20], 1 << 30), &["m/data.pkl", "compressed"]);
    refused(&zip("m/data.pkl", 0, b"}.", 1 << 30), &["m/data.pkl"]);
    refused(&zip("readme.txt", 0, b"hello", 5), &["not one that torch.save wrote"]);
    refused(&zip("m/data.pkl", 0, b"cos\nsystem\n)R.", 14), &["os.system"]);
    let whole = zip("m/data.pkl", 0, b"}.", 2);
    refused(&whole[..whole.len() - 10], &["truncated"]);
    refused(&whole, &["no weights"]);
    // The directory names one entry many times: together they would be larger than the file.
    let mut many = zip("m/data.pkl", 0, &[b'N'; 4000], 4000);
    let at = many.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    let end = many.windows(4).rposition(|w| w == b"PK\x05\x06").unwrap();
    let (entry, tail) = (many[at..end].to_vec(), many[end..].to_vec());
    many.truncate(end);
    many.extend_from_slice(&entry);
    let end = many.len();
    many.extend_from_slice(&tail);
    many[end + 8..end + 12].copy_from_slice(&[2, 0, 2, 0]);
    refused(&many, &["overlap"]);
    let counted = &mut whole.clone();
    let end = counted.len() - 22;
    counted[end + 10..end + 12].copy_from_slice(&[0xff, 0xff]);
    refused(counted, &["cannot have 65535 entries"]);
}

#[test]
fn a_tensor_whose_storage_is_missing() {
    let storage =
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQ";
    let mut body = b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n(".to_vec();
    body.extend(storage);
    body.extend(b"K\x00K\x01\x85K\x01\x85\x89}tRs.");
    refused(&zip("m/data.pkl", 0, &body, body.len() as u32), &["`w`", "storage `0`"]);
}
