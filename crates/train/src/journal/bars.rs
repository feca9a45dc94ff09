//! The progress bar of a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{EvalStep, Event, Scores, TrainStep, lines};

/// One bar at the foot of the terminal, for the epoch or the evaluation under way; finished epochs
/// leave a line above it.
pub(super) struct Bars {
    bar: Option<ProgressBar>,
    /// Training or evaluation, and the epoch: a bar belongs to one of them.
    subject: Option<(bool, u32)>,
}

impl Bars {
    pub fn new() -> Bars {
        Bars { bar: None, subject: None }
    }

    pub fn show(&mut self, event: &Event) {
        match event {
            Event::TrainStep(step) => self.train(step),
            Event::EvalStep(step) => self.eval(step),
            // These end what the bar was showing.
            Event::TrainEpoch { .. } | Event::EvalEpoch { .. } | Event::EvalAverage { .. } => {
                self.clear();
                self.print(&summary(event));
            }
            // Every epoch saves twice more: that is for the log.
            Event::Saved { path }
                if !["best_model", "best_model_ema"].iter().any(|best| path.ends_with(best)) => {}
            Event::Warning { text } => self.print(&format!("warning: {text}")),
            _ => self.print(&lines::text(event)),
        }
    }

    fn train(&mut self, step: &TrainStep) {
        let prefix = format!("epoch {}/{}", step.epoch, step.epochs);
        let message = format!(
            "{:.1} images/s  loss {:.4}  lr {:.6}{}  {} left",
            step.ips,
            step.scores.loss,
            step.lr,
            top1(&step.scores),
            lines::duration(step.eta)
        );
        self.update((true, step.epoch), step.iters, step.iter + 1, prefix, message);
    }

    fn eval(&mut self, step: &EvalStep) {
        let message = format!("{:.1} images/s  loss {:.4}{}", step.ips, step.scores.loss, top1(&step.scores));
        self.update((false, step.epoch), step.iters, step.iter + 1, "evaluation".to_owned(), message);
    }

    fn update(&mut self, subject: (bool, u32), length: u64, position: u64, prefix: String, message: String) {
        if self.subject != Some(subject) {
            self.clear();
        }
        let bar = self.bar.get_or_insert_with(|| new_bar(length));
        self.subject = Some(subject);
        bar.set_prefix(prefix);
        bar.set_message(message);
        bar.set_position(position);
    }

    fn clear(&mut self) {
        self.subject = None;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// A line above the bar, or just a line where there is none.
    fn print(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => {
                use std::io::Write;
                // As for a pipe: nobody may be reading any more.
                let _ = writeln!(std::io::stdout(), "{line}");
            }
        }
    }
}

fn new_bar(length: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stdout());
    // The bar takes what the words leave of the line.
    let template = "{prefix} [{wide_bar}] {pos}/{len}  {msg}";
    // The default style serves where the template is refused, so a bar never stops a run.
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

fn top1(scores: &Scores) -> String {
    match scores.topk.first() {
        Some((k, share)) => format!("  top-{k} {:.2} %", share * 100.0),
        None => String::new(),
    }
}

fn summary(event: &Event) -> String {
    match event {
        Event::TrainEpoch { epoch, epochs, scores, .. } => {
            format!("epoch {epoch}/{epochs}  training    loss {:.4}{}", scores.loss, top1(scores))
        }
        Event::EvalEpoch { epoch: 0, scores } => {
            format!("evaluation  loss {:.4}{}", scores.loss, top1(scores))
        }
        Event::EvalEpoch { epoch, scores } => {
            format!("epoch {epoch}  validation  loss {:.4}{}", scores.loss, top1(scores))
        }
        Event::EvalAverage { epoch, scores } => {
            format!("epoch {epoch}  average     loss {:.4}{}", scores.loss, top1(scores))
        }
        other => lines::text(other),
    }
}
