//! The lines of JSON that the peers' scripts and our own print: one for each measurement.

use serde_json::Value;

/// A measurement of one engine with one network.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The engine.
    pub peer: String,
    /// The network, `small` or `large`.
    pub model: String,
    /// What it ran on.
    pub adapter: String,
    /// The median of the runs, in milliseconds. `None`: the engine failed.
    pub median_ms: Option<f64>,
    /// In a page, from the navigation to the first logits.
    pub cold_ms: Option<f64>,
}

impl Line {
    /// Reads a line; `None` for whatever else programs print.
    pub fn read(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let text = |key: &str| value[key].as_str().map(String::from);
        Some(Self {
            peer: text("peer")?,
            model: text("model")?,
            adapter: text("adapter").unwrap_or_default(),
            // Only where it is about latency: the scripts print what they export as well.
            median_ms: (text("task")? == "latency").then(|| value["median_ms"].as_f64())?,
            cold_ms: value["cold_first_logits_ms"].as_f64(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_all_sides_are_understood() {
        let ours = r#"{"peer":"photonet-webgpu","task":"latency","model":"small","batch":1,"res":224,"adapter":"google swiftshader","median_ms":99.2,"photo_to_answer_ms":101.5,"runs":20,"cold_first_logits_ms":1120.4,"cold_loads":[1120.4],"bytes":{"raw":1,"brotli":1},"notes":"chromium 156"}"#;
        let line = Line::read(ours).unwrap();
        assert_eq!((line.peer.as_str(), line.model.as_str()), ("photonet-webgpu", "small"));
        assert_eq!((line.median_ms, line.cold_ms), (Some(99.2), Some(1120.4)));
        assert_eq!(line.adapter, "google swiftshader");

        let native = r#"{"peer": "onnxruntime", "task": "latency", "model": "large", "batch": 1, "res": 224, "adapter": "AMD EPYC (1 thread)", "median_ms": 6.7512, "runs": 200}"#;
        let line = Line::read(native).unwrap();
        assert_eq!((line.median_ms, line.cold_ms), (Some(6.7512), None));
    }

    #[test]
    fn a_failed_engine_has_no_time_and_other_lines_are_left_out() {
        let failed = r#"{"peer":"ort-webgpu","task":"latency","model":"small","batch":1,"res":224,"adapter":null,"median_ms":null,"img_per_s":null,"runs":0,"notes":"FAILED Error: no adapter"}"#;
        let line = Line::read(failed).unwrap();
        assert_eq!((line.median_ms, line.cold_ms, line.adapter.as_str()), (None, None, ""));
        for other in ["| small | photonet-webgpu | 99 ms |", "", r#"{"peer":"export","model":"small"}"#] {
            assert_eq!(Line::read(other), None, "{other}");
        }
    }
}
