//! Data sets, loader, schedules, the training loop, metrics and checkpoints.
