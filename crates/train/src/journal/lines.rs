//! Events as text, in the shapes of PaddleClas's log.

use std::time::Duration;

use super::{EvalStep, Event, Scores, TrainStep};

/// An event as the text of a log line, without time stamp.
pub(super) fn text(event: &Event) -> String {
    match event {
        Event::TrainStep(step) => train_step(step),
        Event::TrainEpoch { epoch, epochs, scores, device_idle } => format!(
            "[Train][Epoch {epoch}/{epochs}][Avg]{}, device_idle: {device_idle:.5}",
            losses_first(scores)
        ),
        Event::EvalStep(step) => eval_step(step),
        Event::EvalEpoch { epoch, scores } => {
            format!("[Eval][Epoch {epoch}][Avg]{}", losses_first(scores))
        }
        Event::Best { epoch, metric } => format!("[Eval][Epoch {epoch}][best metric: {metric:.5}]"),
        Event::EvalAverage { epoch, scores } => {
            format!("[Eval][Epoch {epoch}][EMA][Avg]{}, {}", losses(scores), accuracies(scores))
        }
        Event::BestAverage { epoch, metric } => {
            format!("[Eval][Epoch {epoch}][best metric ema: {metric:.5}]")
        }
        Event::Saved { path } => format!("Already save model in {}", path.display()),
        Event::Note { text } | Event::Warning { text } => text.clone(),
    }
}

fn train_step(s: &TrainStep) -> String {
    format!(
        "[Train][Epoch {}/{}][Iter: {}/{}]lr({}): {:.8}, {}, batch_cost: {:.5}s, reader_cost: {:.5}, \
         ips: {:.5} samples/s, eta: {}",
        s.epoch,
        s.epochs,
        s.iter,
        s.iters,
        s.schedule,
        s.lr,
        joined([accuracies(&s.scores), losses(&s.scores)]),
        s.batch_cost,
        s.reader_cost,
        s.ips,
        duration(s.eta)
    )
}

fn eval_step(s: &EvalStep) -> String {
    format!(
        "[Eval][Epoch {}][Iter: {}/{}]{}, batch_cost: {:.5}s, reader_cost: {:.5}, ips: {:.5} images/sec",
        s.epoch,
        s.iter,
        s.iters,
        losses_first(&s.scores),
        s.batch_cost,
        s.reader_cost,
        s.ips
    )
}

/// The total has only one term here; both are written since tools that read such logs look for both.
fn losses(scores: &Scores) -> String {
    format!("CELoss: {0:.5}, loss: {0:.5}", scores.loss)
}

/// Empty where none is counted, as in training on mixed photos.
fn accuracies(scores: &Scores) -> String {
    let terms: Vec<String> = scores.topk.iter().map(|(k, share)| format!("top{k}: {share:.5}")).collect();
    terms.join(", ")
}

fn losses_first(scores: &Scores) -> String {
    joined([losses(scores), accuracies(scores)])
}

fn joined(parts: [String; 2]) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// `H:MM:SS`, hours without an upper end.
pub(super) fn duration(time: Duration) -> String {
    let s = time.as_secs();
    format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

/// Seconds since 1970 as `YYYY/MM/DD hh:mm:ss` in UTC.
pub(super) fn timestamp(unix: u64) -> String {
    let (days, second) = (unix / 86_400, unix % 86_400);
    // Years are counted from 1 March 0000, so that the leap day is the last of its year: 400 such
    // years have 146,097 days, and 1970 began 719,468 days into the count.
    let day = days + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + carry;
    format!(
        "{year:04}/{month:02}/{day_of_month:02} {:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores() -> Scores {
        Scores { loss: 4.6512345, topk: vec![(1, 0.0), (5, 0.03125)] }
    }

    #[test]
    fn training_lines_have_paddleclas_shapes() {
        let step = TrainStep {
            epoch: 1,
            epochs: 20,
            iter: 0,
            iters: 32,
            lr: 0.0,
            schedule: "LinearWarmup",
            scores: scores(),
            batch_cost: 1.23456,
            reader_cost: 0.9,
            ips: 25.92,
            eta: Duration::from_secs(780),
        };
        assert_eq!(
            text(&Event::TrainStep(step)),
            "[Train][Epoch 1/20][Iter: 0/32]lr(LinearWarmup): 0.00000000, top1: 0.00000, top5: 0.03125, \
             CELoss: 4.65123, loss: 4.65123, batch_cost: 1.23456s, reader_cost: 0.90000, \
             ips: 25.92000 samples/s, eta: 0:13:00"
        );
        let mixed = Scores { topk: Vec::new(), ..scores() };
        assert_eq!(
            text(&Event::TrainEpoch { epoch: 1, epochs: 20, scores: mixed, device_idle: 0.004 }),
            "[Train][Epoch 1/20][Avg]CELoss: 4.65123, loss: 4.65123, device_idle: 0.00400"
        );
        assert_eq!(
            text(&Event::TrainEpoch { epoch: 1, epochs: 20, scores: scores(), device_idle: 0.004 }),
            "[Train][Epoch 1/20][Avg]CELoss: 4.65123, loss: 4.65123, top1: 0.00000, top5: 0.03125, device_idle: 0.00400"
        );
    }

    #[test]
    fn evaluation_lines_have_paddleclas_shapes() {
        let step = EvalStep {
            epoch: 3,
            iter: 10,
            iters: 16,
            scores: scores(),
            batch_cost: 0.5,
            reader_cost: 0.25,
            ips: 128.0,
        };
        assert_eq!(
            text(&Event::EvalStep(step)),
            "[Eval][Epoch 3][Iter: 10/16]CELoss: 4.65123, loss: 4.65123, top1: 0.00000, top5: 0.03125, \
             batch_cost: 0.50000s, reader_cost: 0.25000, ips: 128.00000 images/sec"
        );
        assert_eq!(
            text(&Event::EvalEpoch { epoch: 3, scores: scores() }),
            "[Eval][Epoch 3][Avg]CELoss: 4.65123, loss: 4.65123, top1: 0.00000, top5: 0.03125"
        );
        assert_eq!(text(&Event::Best { epoch: 3, metric: 0.07549 }), "[Eval][Epoch 3][best metric: 0.07549]");
        assert_eq!(
            text(&Event::EvalAverage { epoch: 3, scores: scores() }),
            "[Eval][Epoch 3][EMA][Avg]CELoss: 4.65123, loss: 4.65123, top1: 0.00000, top5: 0.03125"
        );
        assert_eq!(
            text(&Event::BestAverage { epoch: 3, metric: 0.07549 }),
            "[Eval][Epoch 3][best metric ema: 0.07549]"
        );
        assert_eq!(
            text(&Event::Saved { path: "./output/best_model".into() }),
            "Already save model in ./output/best_model"
        );
    }

    #[test]
    fn durations_do_not_wrap_at_a_day() {
        assert_eq!(duration(Duration::from_millis(59_999)), "0:00:59");
        assert_eq!(duration(Duration::from_secs(3_661)), "1:01:01");
        assert_eq!(duration(Duration::from_secs(26 * 3600 + 5)), "26:00:05");
    }

    #[test]
    fn time_stamps_know_the_calendar() {
        assert_eq!(timestamp(0), "1970/01/01 00:00:00");
        assert_eq!(timestamp(951_782_399), "2000/02/28 23:59:59");
        assert_eq!(timestamp(951_782_400), "2000/02/29 00:00:00");
        assert_eq!(timestamp(1_704_110_400), "2024/01/01 12:00:00");
        assert_eq!(timestamp(1_709_251_199), "2024/02/29 23:59:59");
        assert_eq!(timestamp(1_735_689_599), "2024/12/31 23:59:59");
        assert_eq!(timestamp(4_107_542_400), "2100/03/01 00:00:00");
    }
}
