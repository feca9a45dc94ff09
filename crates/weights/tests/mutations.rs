//! Thousands of damaged files for every reader, the same ones each time: no panic, no endless loop, no
//! swelling. `fuzz/` looks for more.

use photonet_weights::{ReadOptions, read};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// splitmix64 (Steele, Lea, Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// Bytes that lengths, offsets and opcodes are made of.
const TELLING: [u8; 16] =
    [0, 1, 0x7f, 0x80, 0xff, b'.', b'(', b't', b'}', b's', b'R', b'b', b'Q', b'h', b'j', b'2'];

fn mutate(original: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = random.below(bytes.len());
        match random.below(7) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => bytes[at] = TELLING[random.below(TELLING.len())],
            3 => bytes.truncate(at),
            4 => {
                let end = (at + random.below(40)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, part);
            }
            5 => drop(bytes.drain(at..(at + 1 + random.below(8)).min(bytes.len()))),
            _ => {
                let value = [u64::MAX, 1 << 31, u64::from(u32::MAX), 0][random.below(4)].to_le_bytes();
                let end = (at + [2, 4, 8][random.below(3)]).min(bytes.len());
                let length = end - at;
                bytes[at..end].copy_from_slice(&value[..length]);
            }
        }
    }
    bytes
}

fn survives(files: &[&str], rounds: u64) {
    let started = Instant::now();
    let (mut read_anyway, mut refused) = (0, 0);
    for file in files {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/files").join(file);
        let original = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for seed in 0..rounds {
            let bytes = mutate(&original, &mut Random(seed));
            match read(&bytes, &ReadOptions::default()) {
                Ok(found) => {
                    let values: usize =
                        found.tensors.values().map(|t| t.shape.iter().product::<usize>()).sum();
                    assert!(values <= bytes.len(), "{file}, seed {seed}: {values} values");
                    read_anyway += 1;
                }
                Err(error) => {
                    let text = error.to_string();
                    assert!(!text.is_empty() && text.len() < 2_000, "{file}, seed {seed}: {text}");
                    refused += 1;
                }
            }
        }
    }
    println!("{files:?}: {refused} refused, {read_anyway} read");
    assert!(refused > read_anyway / 10, "the mutations do not damage anything");
    assert!(started.elapsed() < Duration::from_secs(60), "too slow: {:?}", started.elapsed());
}

#[test]
fn safetensors() {
    survives(&["plain.safetensors"], 4000);
}

#[test]
fn pytorch_zip() {
    survives(&["torch_zip.pth", "torch_checkpoint.pth"], 2000);
}

#[test]
fn pytorch_before_zip() {
    survives(&["torch_legacy.pth", "torch_checkpoint_legacy.pth"], 2000);
}

#[test]
fn paddle() {
    survives(&["paddle_2.pdparams", "paddle_4.pdparams", "paddle_pairs.pdparams"], 1500);
}
