//! Portable GPU compute: device, shaders, pipelines, plans, read-back and profiles.
