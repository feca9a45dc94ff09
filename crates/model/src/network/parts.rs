//! Batches that a device cannot take as a whole.

use crate::ModelError;
use photonet_gpu::GpuError;

/// The images of each of `count` parts of a batch, as equal as possible, larger ones first.
pub(super) fn sizes(batch: usize, count: usize) -> Vec<usize> {
    let count = count.clamp(1, batch.max(1));
    (0..count).map(|part| (batch - part).div_ceil(count)).collect()
}

/// What `make` makes of a batch of `batch` images in as many parts as it takes, 1 at first, and why there are several.
///
/// # Errors
/// What `make` fails with where more parts would not help.
pub(super) async fn fitting<T>(
    batch: usize,
    make: impl AsyncFn(usize) -> Result<T, ModelError>,
) -> Result<(T, Option<String>), ModelError> {
    let (mut count, mut reason) = (1, None);
    loop {
        match make(count).await {
            Ok(made) => return Ok((made, reason)),
            Err(error) => {
                let Some((wanted, why)) = more(&error, count, batch) else { return Err(error) };
                (count, reason) = (wanted, Some(why));
            }
        }
    }
}

/// Into how many parts to cut a batch of `batch` images next, where `count` parts failed with `error`, and why; `None` where
/// that would not help.
fn more(error: &ModelError, count: usize, batch: usize) -> Option<(usize, String)> {
    let ModelError::Gpu(error) = error else { return None };
    let (wanted, reason) = match error {
        GpuError::TooLarge { label, bytes, limit } => {
            let needed = (count as u64 * bytes).div_ceil(*limit) as usize;
            let reason = format!("`{label}` needs {bytes} bytes in one buffer, the device allows {limit}");
            (needed.max(count + 1), reason)
        }
        GpuError::OutOfMemory { what } => (2 * count, format!("the device's memory was full at {what}")),
        _ => return None,
    };
    (count < batch).then(|| (wanted.min(batch), reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_as_equal_as_possible() {
        assert_eq!(sizes(8, 1), [8]);
        assert_eq!(sizes(8, 3), [3, 3, 2]);
        assert_eq!(sizes(5, 2), [3, 2]);
        assert_eq!(sizes(2, 5), [1, 1]);
        for (batch, count) in [(64, 7), (65, 2), (1, 1), (31, 31)] {
            let sizes = sizes(batch, count);
            assert_eq!((sizes.len(), sizes.iter().sum::<usize>()), (count, batch));
            assert!(sizes.iter().all(|size| size.abs_diff(sizes[0]) <= 1));
        }
    }

    #[test]
    fn as_many_parts_as_the_limit_asks_for() {
        let too_large = |bytes| ModelError::Gpu(GpuError::TooLarge { label: "x".into(), bytes, limit: 100 });
        assert_eq!(more(&too_large(101), 1, 64).unwrap().0, 2);
        assert_eq!(more(&too_large(350), 1, 64).unwrap().0, 4);
        assert_eq!(more(&too_large(101), 2, 64).unwrap().0, 3);
        assert_eq!(more(&too_large(9900), 1, 64).unwrap().0, 64);
        // What a single image needs does not get smaller.
        assert_eq!(more(&too_large(101), 64, 64), None);
        let full = ModelError::Gpu(GpuError::OutOfMemory { what: "x".into() });
        assert_eq!(more(&full, 2, 64).unwrap().0, 4);
        assert_eq!(more(&ModelError::Architecture("x".into()), 1, 64), None);
    }
}
