//! What was measured, what is compared, and the tables.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::Part;

/// One side's time in one round.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The part it belongs to.
    pub part: Part,
    /// What was done, such as `small, warm`.
    pub work: String,
    /// Who did it.
    pub side: String,
    /// The round, from 1 up.
    pub round: u32,
    /// The time in milliseconds: a median where it was done several times.
    pub ms: f64,
    /// What it ran on, as the side itself says.
    pub adapter: String,
}

/// What is held beside what.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What was done.
    pub work: String,
    /// Our side.
    pub ours: &'static str,
    /// The other side, in all its variants: the fastest counts.
    pub peers: &'static [&'static str],
    /// What our time, divided by the other's, may be at most. `None`: only shown.
    pub at_most: Option<f64>,
}

/// Whether a ratio is as wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Met,
    /// It is not, or a side has not been measured.
    Missed,
    /// Nothing is wanted.
    Shown,
}

/// Judges our time beside the other's.
pub fn judge(ours: Option<f64>, theirs: Option<f64>, at_most: Option<f64>) -> Verdict {
    match (at_most, ours, theirs) {
        (None, ..) => Verdict::Shown,
        (Some(bound), Some(ours), Some(theirs)) if ours / theirs <= bound => Verdict::Met,
        _ => Verdict::Missed,
    }
}

/// The median; of an even number of values the mean of the middle two.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?);
    Some((low + high) / 2.0)
}

/// All measurements of a run, written down as they come.
#[derive(Debug)]
pub struct Record {
    samples: Vec<Sample>,
    file: Option<(PathBuf, File)>,
}

impl Record {
    /// An empty one; `out` is written anew.
    ///
    /// # Errors
    /// When that file cannot be written.
    pub fn create(out: Option<&Path>) -> Result<Self, String> {
        let open = |path: &Path| match File::create(path) {
            Ok(file) => Ok((path.to_path_buf(), file)),
            Err(error) => Err(format!("--out: cannot write {}: {error}", path.display())),
        };
        Ok(Self { samples: Vec::new(), file: out.map(open).transpose()? })
    }

    /// Adds a measurement, prints it, and writes it to the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(&mut self, sample: Sample) -> Result<(), String> {
        println!("  round {}: {}, {}: {}", sample.round, sample.work, sample.side, time(sample.ms));
        if let Some((path, file)) = &mut self.file {
            let line = json!({
                "part": sample.part.name(), "work": sample.work, "side": sample.side, "round": sample.round,
                "ms": sample.ms, "adapter": sample.adapter,
            });
            writeln!(file, "{line}").map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        }
        self.samples.push(sample);
        Ok(())
    }

    /// Puts both sides of a comparison beside each other.
    pub fn compare(&self, part: Part, comparison: &Comparison) -> Row {
        let rounds = |side: &str| -> Vec<f64> {
            let is = |s: &&Sample| s.part == part && s.work == comparison.work && s.side == side;
            self.samples.iter().filter(is).map(|sample| sample.ms).collect()
        };
        let spread = |side: &'static str| Spread::of(side, &rounds(side));
        let ours = spread(comparison.ours);
        let theirs = comparison.peers.iter().filter_map(|side| spread(side));
        let theirs = theirs.min_by(|a, b| a.median.total_cmp(&b.median));
        let medians = (ours.as_ref().map(|s| s.median), theirs.as_ref().map(|s| s.median));
        Row {
            work: comparison.work.clone(),
            verdict: judge(medians.0, medians.1, comparison.at_most),
            ratio: medians.0.zip(medians.1).map(|(ours, theirs)| ours / theirs),
            at_most: comparison.at_most,
            ours,
            theirs,
        }
    }
}

/// One side over its rounds, in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    side: &'static str,
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(side: &'static str, rounds: &[f64]) -> Option<Self> {
        let median = median(rounds)?;
        let least = rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let most = rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(Self { side, median, least, most })
    }

    fn shown(this: Option<&Self>) -> String {
        match this {
            None => "not measured".into(),
            Some(Self { median, least, most, .. }) if least == most => time(*median),
            Some(Self { median, least, most, .. }) => {
                format!("{} ({} to {})", time(*median), time(*least), time(*most))
            }
        }
    }
}

/// A line of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    work: String,
    ours: Option<Spread>,
    theirs: Option<Spread>,
    ratio: Option<f64>,
    at_most: Option<f64>,
    /// Whether the ratio is as wanted.
    pub verdict: Verdict,
}

impl Row {
    fn cells(&self) -> [String; 7] {
        let verdict = match self.verdict {
            Verdict::Met => "met",
            Verdict::Missed => "MISSED",
            Verdict::Shown => "",
        };
        [
            self.work.clone(),
            Spread::shown(self.ours.as_ref()),
            self.theirs.as_ref().map_or("", |theirs| theirs.side).into(),
            Spread::shown(self.theirs.as_ref()),
            self.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
            self.at_most.map_or_else(String::new, |bound| format!("{bound:.2}")),
            verdict.into(),
        ]
    }
}

/// A table in Markdown, its columns aligned.
pub fn table(rows: &[Row]) -> String {
    let heads = ["work", "Photonet", "peer", "the peer's time", "ratio", "at most", ""].map(String::from);
    let rows = rows.iter().map(|row| row.cells().to_vec());
    aligned(&std::iter::once(heads.to_vec()).chain(rows).collect::<Vec<_>>())
}

/// A table in Markdown of `lines` of as many cells each, of which the first are the heads, in columns as wide as their widest cell.
pub fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).fold(3, usize::max)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |cells: &[String]| {
        let padded: Vec<_> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("| {} |", padded.join(" | "))
    };
    let rule: Vec<_> = widths.iter().map(|&width| "-".repeat(width)).collect();
    let mut text: Vec<_> = lines.iter().map(|cells| line(cells)).collect();
    text.insert(text.len().min(1), line(&rule));
    text.join("\n")
}

/// A time with three digits or so.
fn time(ms: f64) -> String {
    match ms {
        ms if ms >= 10_000.0 => format!("{:.1} s", ms / 1e3),
        ms if ms >= 1_000.0 => format!("{:.2} s", ms / 1e3),
        ms if ms >= 100.0 => format!("{ms:.0} ms"),
        ms if ms >= 10.0 => format!("{ms:.1} ms"),
        ms => format!("{ms:.2} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(work: &str, side: &str, round: u32, ms: f64) -> Sample {
        let (work, side) = (work.to_string(), side.to_string());
        Sample { part: Part::Browser, work, side, round, ms, adapter: "a \"GPU\"".into() }
    }

    #[test]
    fn medians_are_of_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[9.0, 1.0, 2.0, 4.0]), Some(3.0));
    }

    #[test]
    fn a_bound_is_met_up_to_itself() {
        assert_eq!(judge(Some(1.0), Some(2.0), Some(0.5)), Verdict::Met);
        assert_eq!(judge(Some(1.01), Some(2.0), Some(0.5)), Verdict::Missed);
        assert_eq!(judge(Some(1.5), Some(1.0), Some(1.5)), Verdict::Met);
        assert_eq!(judge(Some(9.0), Some(1.0), None), Verdict::Shown);
        // What was not measured, or makes no sense, is never met.
        assert_eq!(judge(None, Some(1.0), Some(0.5)), Verdict::Missed);
        assert_eq!(judge(Some(1.0), None, Some(0.5)), Verdict::Missed);
        assert_eq!(judge(Some(0.0), Some(0.0), Some(0.5)), Verdict::Missed);
        assert_eq!(judge(Some(f64::NAN), Some(1.0), Some(0.5)), Verdict::Missed);
    }

    #[test]
    fn the_fastest_variant_of_the_peer_counts_by_the_median_of_its_rounds() {
        let mut record = Record::create(None).unwrap();
        for (round, ours, slow, fast) in
            [(1, 30.0, 100.0, 90.0), (2, 20.0, 70.0, 80.0), (3, 25.0, 99.0, 60.0)]
        {
            record.add(sample("small, warm", "ours", round, ours)).unwrap();
            record.add(sample("small, warm", "slow", round, slow)).unwrap();
            record.add(sample("small, warm", "fast", round, fast)).unwrap();
            record.add(sample("small, cold", "fast", round, 1.0)).unwrap();
        }
        let comparison = Comparison {
            work: "small, warm".into(),
            ours: "ours",
            peers: &["slow", "fast", "none"],
            at_most: Some(0.5),
        };
        let row = record.compare(Part::Browser, &comparison);
        assert_eq!(row.ratio, Some(25.0 / 80.0));
        assert_eq!(row.verdict, Verdict::Met);
        let other = record.compare(Part::Cpu, &comparison);
        assert_eq!((other.ratio, other.verdict), (None, Verdict::Missed));
        let table = table(&[row, other]);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[2].starts_with(
            "| small, warm | 25.0 ms (20.0 ms to 30.0 ms) | fast | 80.0 ms (60.0 ms to 90.0 ms) |"
        ));
        assert!(lines[2].ends_with("| 0.31  | 0.50    | met    |"), "{table}");
        assert!(lines[3].contains("| not measured "), "{table}");
        assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{table}");
    }

    #[test]
    fn every_measurement_is_a_line_of_json_in_the_file() {
        let path = std::env::temp_dir().join(format!("xtask-peers-{}.jsonl", std::process::id()));
        let mut record = Record::create(Some(&path)).unwrap();
        record.add(sample("small, warm", "ours", 1, 1.5)).unwrap();
        record.add(sample("small, warm", "ours", 2, 2.5)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[1]["part"], &lines[1]["ms"]), (&json!("browser"), &json!(2.5)));
        assert_eq!(lines[0]["adapter"], "a \"GPU\"");
        std::fs::remove_file(&path).unwrap();
        let message = Record::create(Some(&path.join("below/a-file"))).unwrap_err();
        assert!(message.contains("--out") && message.contains("a-file"), "{message}");
    }

    #[test]
    fn times_have_three_digits() {
        let all = [1.494, 22.44, 278.3, 1119.0, 12_620.0].map(time);
        assert_eq!(all, ["1.49 ms", "22.4 ms", "278 ms", "1.12 s", "12.6 s"]);
    }
}
