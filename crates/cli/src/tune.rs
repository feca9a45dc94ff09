//! `photonet tune`: which variants of the kernels are the fastest on this device.

use crate::arguments::{Precision, TextOrJson, TuneOptions};
use crate::bench::Work;
use crate::error::CliError;
use crate::machine::open_device;
use crate::output::say;
use crate::table;
use photonet_gpu::{Choices, Gpu, Question};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

/// A variant must be faster than the one chosen by rule by this much: less is noise.
const WORTH: f64 = 0.97;

/// The time of each option of a question, in nanoseconds; infinite where it was not measured.
type Times = BTreeMap<String, Vec<f64>>;

/// One question's outcome.
struct Answer {
    question: String,
    /// Whether its launches are part of another answer.
    within: bool,
    rule: usize,
    best: usize,
    /// Nanoseconds of every option; infinite where it was not measured, which is null in JSON.
    all_ns: Vec<f64>,
}

impl Answer {
    fn rule_ns(&self) -> f64 {
        self.all_ns[self.rule]
    }

    fn best_ns(&self) -> f64 {
        self.all_ns[self.best]
    }
}

/// Runs the command.
pub fn run(options: &TuneOptions) -> Result<ExitCode, CliError> {
    if options.batch == 0 || options.runs == 0 {
        return Err(CliError::Usage("--batch and --runs must be at least 1".into()));
    }
    let gpu = open_device(&options.device)?;
    let known = gpu.choices();
    let precision = Precision::F32;
    let infer = Work { network: options.network.clone(), train: false, batch: 1, precision };
    let half = Work { precision: Precision::F16, ..infer.clone() };
    let train = Work { train: true, batch: options.batch, ..infer.clone() };
    let half_train = Work { precision: Precision::F16, ..train.clone() };
    let mut answers: Vec<Answer> = Vec::new();
    for work in [infer, half, train, half_train] {
        let mut more = pollster::block_on(tune(&gpu, &work, options.runs))?;
        // What both precisions ask is answered once.
        more.retain(|new| answers.iter().all(|known| known.question != new.question));
        answers.extend(more);
    }
    // What was measured for other shapes stays.
    let mut choices = (*known).clone();
    for answer in &answers {
        choices.set(&answer.question, answer.best);
    }
    gpu.set_choices(choices);
    let file = gpu.keep_choices().map_err(|error| {
        CliError::Usage(format!("the choices cannot be kept: {error}; see PHOTONET_CACHE"))
    })?;
    let kept = file.map_or("nowhere: PHOTONET_CACHE=off".into(), |file| file.display().to_string());
    match options.format {
        TextOrJson::Json => {
            for answer in &answers {
                say(serde_json::json!({
                    "question": answer.question, "rule": answer.rule, "best": answer.best,
                    "rule_us": answer.rule_ns() / 1e3, "best_us": answer.best_ns() / 1e3,
                    "all_us": answer.all_ns.iter().map(|ns| ns / 1e3).collect::<Vec<_>>(),
                }))?;
            }
        }
        TextOrJson::Text => say(describe(&answers, &gpu, &kept))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures every option of every question of a plan: one plan for each number of option. Whether launches are made at once is asked after
/// the variants of those that are made apart; what follows them, such as adding up the slabs that they leave, is not part of their time.
async fn tune(gpu: &Arc<Gpu>, work: &Work, runs: usize) -> Result<Vec<Answer>, CliError> {
    gpu.set_choices(Choices::default());
    let ways = work.questions(gpu).await?.into_iter().filter(|question| question.at_once).collect::<Vec<_>>();
    let mut apart = Choices::default();
    for way in &ways {
        apart.set(&way.question, 0);
    }
    gpu.set_choices(apart.clone());
    let of_launches: Vec<Question> =
        work.questions(gpu).await?.into_iter().filter(|question| !question.at_once).collect();
    let mut answers = measured(gpu, work, runs, &of_launches, &apart).await?;
    let mut best = Choices::default();
    for answer in &answers {
        best.set(&answer.question, answer.best);
    }
    answers.extend(measured(gpu, work, runs, &ways, &best).await?);
    gpu.set_choices(Choices::default());
    Ok(answers)
}

/// Measures every option of `questions`, where all others are answered by `known`.
async fn measured(
    gpu: &Arc<Gpu>,
    work: &Work,
    runs: usize,
    questions: &[Question],
    known: &Choices,
) -> Result<Vec<Answer>, CliError> {
    let most = questions.iter().map(|question| question.options).max().unwrap_or(0);
    let mut times: Times =
        questions.iter().map(|q| (q.question.clone(), vec![f64::INFINITY; q.options])).collect();
    for option in 0..most {
        let mut choices = known.clone();
        for question in questions.iter().filter(|question| option < question.options) {
            choices.set(&question.question, option);
        }
        gpu.set_choices(choices);
        for (question, nanoseconds) in work.times(gpu, runs).await? {
            if let Some(time) = times.get_mut(&question).and_then(|of| of.get_mut(option)) {
                *time = nanoseconds;
            }
        }
    }
    let answer = |question: &Question| {
        let of = &times[&question.question];
        let best = (0..of.len()).min_by(|a, b| of[*a].total_cmp(&of[*b])).unwrap_or(question.default);
        let best = if of[best] < of[question.default] * WORTH { best } else { question.default };
        let Question { question, within, default: rule, .. } = question.clone();
        Answer { question, within, rule, best, all_ns: of.clone() }
    };
    Ok(questions.iter().map(answer).collect())
}

fn describe(answers: &[Answer], gpu: &Gpu, kept: &str) -> String {
    let changed: Vec<&Answer> = answers.iter().filter(|answer| answer.best != answer.rule).collect();
    // Launches that are part of another answer are counted there, where they are made.
    let whole = answers.iter().filter(|answer| !answer.within);
    let (before, after) = whole
        .fold((0.0, 0.0), |(before, after), answer| (before + answer.rule_ns(), after + answer.best_ns()));
    let rows: Vec<Vec<String>> = changed
        .iter()
        .map(|answer| {
            let microseconds = |ns: f64| format!("{:.1}", ns / 1e3);
            vec![
                answer.question.clone(),
                answer.rule.to_string(),
                microseconds(answer.rule_ns()),
                answer.best.to_string(),
                microseconds(answer.best_ns()),
            ]
        })
        .collect();
    let table = match rows.is_empty() {
        true => "the rule's variant is the fastest for every shape".to_string(),
        false => table::render(&["shape", "by rule", "us", "measured", "us"], &rows),
    };
    format!(
        "{} shapes measured on {}\n{table}\n{} of them change; all launches of these: {:.2} ms by rule, {:.2} ms \
         measured\nkept in {kept}",
        answers.len(),
        gpu.adapter().name,
        changed.len(),
        before / 1e6,
        after / 1e6
    )
}
