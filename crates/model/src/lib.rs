//! MobileNetV3: families, widths, parameters, network plans and model files.
