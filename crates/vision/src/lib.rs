//! From photo bytes to pixels: decoding, orientation, resizing, cropping and augmentation.
