//! What becomes of a photo that is given: other threads can do it, which have neither the run nor its device.

use crate::TrainError;
use crate::loader::{Fixed, Preparation};
use photonet_vision::{Rgb, VisionError};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Bytes before the pixels of a [`Kept`]: widths and heights of its two pictures.
const HEADER: usize = 16;

/// What a run does to each photo once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Intake {
    train: Fixed,
    eval: Fixed,
}

/// What is kept of a photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// What random crops are cut from.
    pub(super) source: Rgb,
    /// What evaluation takes.
    pub(super) input: Rgb,
}

impl Intake {
    /// For photos that are trained and evaluated on.
    pub(super) fn new(train: &Preparation, eval: &Preparation) -> Self {
        Self { train: train.fixed().clone(), eval: eval.fixed().clone() }
    }

    /// As [`Intake::written`] wrote it, in another thread perhaps.
    ///
    /// # Errors
    /// What is no intake.
    pub fn read(written: &str) -> Result<Self, TrainError> {
        serde_json::from_str(written)
            .map_err(|e| TrainError::Request(format!("the way to take photos cannot be read: {e}")))
    }

    /// As JSON.
    ///
    /// # Errors
    /// Steps that have no written form.
    pub fn written(&self) -> Result<String, TrainError> {
        serde_json::to_string(self)
            .map_err(|e| TrainError::Request(format!("the way to take photos cannot be written: {e}")))
    }

    /// What to keep of a decoded photo.
    ///
    /// # Errors
    /// A photo that cannot be prepared, as one of a thousand times the height in width.
    pub fn keep(&self, photo: &Rgb) -> Result<Kept, VisionError> {
        let input = self.eval.keep(Cow::Borrowed(photo))?;
        Ok(Kept { source: self.train.keep(Cow::Borrowed(photo))?, input })
    }
}

impl Kept {
    /// The memory that it takes, in bytes.
    pub fn bytes(&self) -> u64 {
        (self.source.data().len() + self.input.data().len()) as u64
    }

    /// In one piece, for another thread.
    pub fn to_bytes(&self) -> Vec<u8> {
        let pictures = [&self.source, &self.input];
        let sides = pictures.iter().flat_map(|picture| [picture.width(), picture.height()]);
        let mut bytes = Vec::with_capacity(HEADER + self.bytes() as usize);
        bytes.extend(sides.flat_map(u32::to_le_bytes));
        pictures.iter().for_each(|picture| bytes.extend_from_slice(picture.data()));
        bytes
    }

    /// What [`Kept::to_bytes`] gave.
    ///
    /// # Errors
    /// Bytes that it did not give.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TrainError> {
        let refuse = || TrainError::Request("what another thread kept of a photo cannot be read".into());
        let (header, pixels) = bytes.split_at_checked(HEADER).ok_or_else(refuse)?;
        let (words, _) = header.as_chunks::<4>();
        let sides: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
        let length = (u64::from(sides[0]) * u64::from(sides[1])).saturating_mul(3);
        let at = usize::try_from(length).ok().and_then(|length| pixels.split_at_checked(length));
        let (source, input) = at.ok_or_else(refuse)?;
        let picture =
            |width, height, data: &[u8]| Rgb::new(width, height, data.to_vec()).map_err(|_| refuse());
        Ok(Self { source: picture(sides[0], sides[1], source)?, input: picture(sides[2], sides[3], input)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::session::Gallery;

    #[test]
    fn another_thread_keeps_the_same_of_a_photo() {
        let mut config = Config::defaults();
        config.set_size(32);
        config.train.keep_short = Some(64);
        let gallery = Gallery::new(&config);
        let here = gallery.intake();
        let there = Intake::read(&here.written().unwrap()).unwrap();
        let data = (0..100 * 90 * 3).map(|i| (i * i % 251) as u8).collect();
        let photo = Rgb::new(100, 90, data).unwrap();
        let kept = here.keep(&photo).unwrap();
        assert_eq!((kept.source.width(), kept.source.height(), kept.input.width()), (71, 64, 32));
        assert_eq!(Kept::from_bytes(&there.keep(&photo).unwrap().to_bytes()).unwrap(), kept);
    }

    #[test]
    fn what_is_cut_off_or_something_else_is_refused() {
        let picture = |side| Rgb::new(side, 1, vec![7; side as usize * 3]).unwrap();
        let bytes = Kept { source: picture(3), input: picture(2) }.to_bytes();
        assert_eq!(bytes.len(), 31);
        for length in 0..bytes.len() {
            assert!(Kept::from_bytes(&bytes[..length]).is_err(), "{length}");
        }
        assert!(Kept::from_bytes(&[255; 64]).is_err());
        assert!(Intake::read("{}").is_err());
    }
}
