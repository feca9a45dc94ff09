//! The journal: what lands in `train.log`, in `metrics.jsonl` and before the user.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use photonet_train::journal::{EvalStep, Event, Journal, Scores, TrainStep};
use serde_json::Value;

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no thread panics here").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

fn events() -> Vec<Event> {
    let scores = Scores { loss: 1.25, topk: vec![(1, 0.5), (5, 0.75)] };
    let train = TrainStep {
        epoch: 2,
        epochs: 20,
        iter: 10,
        iters: 32,
        lr: 0.001,
        schedule: "LinearWarmup",
        scores: scores.clone(),
        batch_cost: 0.5,
        reader_cost: 0.125,
        ips: 64.0,
        eta: Duration::from_secs(3_725),
    };
    let eval = EvalStep {
        epoch: 2,
        iter: 0,
        iters: 4,
        scores: scores.clone(),
        batch_cost: 0.5,
        reader_cost: 0.125,
        ips: 64.0,
    };
    vec![
        Event::TrainStep(train),
        Event::TrainEpoch { epoch: 2, epochs: 20, scores: scores.clone(), device_idle: 0.25 },
        Event::EvalStep(eval),
        Event::EvalEpoch { epoch: 2, scores },
        Event::Best { epoch: 2, metric: 0.5 },
        Event::Saved { path: "out/best_model".into() },
        Event::note("hello"),
        Event::warning("careful"),
    ]
}

#[test]
fn the_log_and_the_user_get_the_same_stamped_lines() {
    let dir = tempfile::tempdir().unwrap();
    let shown = Shared::default();
    let mut journal = Journal::open_with(&dir.path().join("a/b"), Box::new(shown.clone())).unwrap();
    for event in events() {
        journal.event(&event).unwrap();
    }
    let log = std::fs::read_to_string(dir.path().join("a/b/train.log")).unwrap();
    assert_eq!(log.as_bytes(), shown.0.lock().unwrap().as_slice());
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 8);
    for line in &lines {
        let shape: String = line.chars().take(21).map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
        assert_eq!(shape, "[9999/99/99 99:99:99]");
        let mark = if line.ends_with("careful") { " photonet WARNING: " } else { " photonet INFO: " };
        assert!(line[21..].starts_with(mark), "{line}");
    }
    assert!(lines[0].contains("[Train][Epoch 2/20][Iter: 10/32]lr(LinearWarmup): 0.00100000, top1: 0.50000"));
    assert!(lines[0].ends_with("ips: 64.00000 samples/s, eta: 1:02:05"));
    assert!(lines[4].ends_with("[Eval][Epoch 2][best metric: 0.50000]"));
    assert!(lines[5].ends_with("Already save model in out/best_model"));
}

#[test]
fn metrics_are_one_json_object_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open_with(dir.path(), Box::new(io::sink())).unwrap();
    for event in events() {
        journal.event(&event).unwrap();
    }
    let text = std::fs::read_to_string(dir.path().join("metrics.jsonl")).unwrap();
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = records.iter().map(|r| r["event"].as_str().unwrap()).collect();
    let expected =
        ["train_step", "train_epoch", "eval_step", "eval_epoch", "best", "saved", "note", "warning"];
    assert_eq!(kinds, expected);
    assert!(records.iter().all(|r| r["time"].as_f64().unwrap() > 1.7e9));
    let step = &records[0];
    assert_eq!((step["epoch"].as_u64(), step["iter"].as_u64()), (Some(2), Some(10)));
    assert_eq!(
        (step["loss"].as_f64(), step["top1"].as_f64(), step["top5"].as_f64()),
        (Some(1.25), Some(0.5), Some(0.75))
    );
    assert_eq!((step["lr"].as_f64(), step["eta"].as_f64()), (Some(0.001), Some(3725.0)));
    assert_eq!(records[1]["device_idle"].as_f64(), Some(0.25));
    assert_eq!(records[3]["top1"].as_f64(), Some(0.5));
    assert_eq!(
        (records[4]["metric"].as_f64(), records[5]["path"].as_str()),
        (Some(0.5), Some("out/best_model"))
    );
}

#[test]
fn a_reopened_journal_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    for text in ["first", "second"] {
        let mut journal = Journal::open_with(dir.path(), Box::new(io::sink())).unwrap();
        journal.event(&Event::note(text)).unwrap();
    }
    let log = std::fs::read_to_string(dir.path().join("train.log")).unwrap();
    assert_eq!(log.lines().map(|l| l.rsplit(' ').next().unwrap()).collect::<Vec<_>>(), ["first", "second"]);
    assert_eq!(std::fs::read_to_string(dir.path().join("metrics.jsonl")).unwrap().lines().count(), 2);
}

#[test]
fn numbers_that_json_has_not_are_null() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open_with(dir.path(), Box::new(io::sink())).unwrap();
    let scores = Scores { loss: f64::NAN, topk: vec![(1, 0.0)] };
    journal.event(&Event::EvalEpoch { epoch: 1, scores }).unwrap();
    let text = std::fs::read_to_string(dir.path().join("metrics.jsonl")).unwrap();
    assert!(serde_json::from_str::<Value>(&text).unwrap()["loss"].is_null());
}

#[test]
fn a_closed_pipe_does_not_end_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open_with(dir.path(), Box::new(Closed)).unwrap();
    journal.event(&Event::note("kept")).unwrap();
    assert!(std::fs::read_to_string(dir.path().join("train.log")).unwrap().ends_with("kept\n"));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Journal::open(&file.join("out"), false).err().expect("a file is in the way");
    assert!(error.to_string().contains("file"), "{error}");
}

#[test]
fn a_terminal_gets_bars_and_the_files_get_the_lines() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path(), true).unwrap();
    for event in events() {
        journal.event(&event).unwrap();
    }
    assert_eq!(std::fs::read_to_string(dir.path().join("train.log")).unwrap().lines().count(), 8);
}
