//! An evaluation as one page that needs nothing else: no network, no script, no other file.

mod hints;
mod html;
mod picture;

use crate::parallel::in_order;
use html::{count, each, escape, name, percent};
use photonet_model::Model;
use photonet_train::evaluate::{Answer, ClassScore, Evaluation, Mistake};
use picture::Picture;
use std::convert::Infallible;
use std::path::{Path, PathBuf};

/// More classes than make a table to be read.
const MATRIX: usize = 40;

/// The most confusions in a list, pictures, and files that could not be read.
const LISTED: usize = 30;
const PICTURES: usize = 60;
const UNREAD: usize = 100;

/// The standard normal's 97.5 % point.
const Z: f64 = 1.96;

/// What was evaluated, and on what.
pub struct Subject<'a> {
    /// The model.
    pub model: &'a Model,
    /// Where it is.
    pub path: &'a Path,
    /// What says which photos.
    pub photos: &'a Path,
}

/// The page.
pub fn page(subject: &Subject<'_>, result: &Evaluation) -> String {
    let title = escape(&format!("Evaluation of {}", subject.path.display()));
    let mut parts = vec![classes(result), confusions(result), mistakes(result)];
    if result.classes.len() > MATRIX {
        // So long a table comes last.
        parts.rotate_left(1);
    }
    let before = [header(subject), figures(result), hints::list(result)];
    let sections: Vec<String> = before.into_iter().chain(parts).chain([unread(&result.unreadable)]).collect();
    let style = include_str!("report/style.css");
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n{}\
         <footer>Written by Photonet {version}. The pictures are in this file.</footer>\n</main>\n</body>\n</html>\n",
        sections.concat()
    )
}

fn header(subject: &Subject<'_>) -> String {
    let network = &subject.model.architecture;
    let (width, height) = subject.model.recipe.output_size().unwrap_or_default();
    format!(
        "<header>\n<h1>{}</h1>\n<p>{}, {width} × {height} pixels, evaluated on {}</p>\n</header>\n",
        name(&subject.path.display().to_string()),
        escape(&network.to_string()),
        name(&subject.photos.display().to_string())
    )
}

/// The bounds of a share that was counted as `part` of `whole`, with 95 % confidence, after Wilson.
fn interval(part: f64, whole: f64) -> (f64, f64) {
    let share = part / whole;
    let middle = share + Z * Z / (2.0 * whole);
    let half = Z * (share * (1.0 - share) / whole + Z * Z / (4.0 * whole * whole)).sqrt();
    let scale = 1.0 + Z * Z / whole;
    (((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0))
}

fn figures(result: &Evaluation) -> String {
    let figure = |term: &str, value: String, note: String| {
        format!("<div><dt>{term}</dt><dd>{value}<small>{note}</small></dd></div>\n")
    };
    let images = result.images as f64;
    let accuracy = |(k, share): &(u32, f64)| {
        let right = (share * images).round();
        let (low, high) = interval(right, images);
        let meant =
            if *k == 1 { "the first answer is right".into() } else { format!("right among the first {k}") };
        let sure = format!("{:.0} to {:.0}&nbsp;% with 95&nbsp;% confidence", 100.0 * low, 100.0 * high);
        figure(
            &format!("Top-{k}: {meant}"),
            percent(*share),
            format!("{right} of {}<br>{sure}", result.images),
        )
    };
    let topk: Vec<String> = result.topk.iter().map(accuracy).collect();
    let mean = result.mean.map(|mean| {
        let note = "every class counts the same".to_owned();
        figure("Mean recall of the classes", percent(mean.recall), note)
    });
    let loss = figure("Loss", format!("{:.3}", result.loss), "mean cross-entropy".into());
    let skipped = match result.skipped {
        0 => "all could be read".into(),
        n => format!("{n} more could not be read"),
    };
    let photos = figure("Photos", result.images.to_string(), skipped);
    format!("<dl class=\"figures\">\n{}{}{loss}{photos}</dl>\n", topk.concat(), mean.unwrap_or_default())
}

/// A table that may be wider than the screen, and can be scrolled with the keyboard then.
fn table(class: &str, label: &str, rows: &str) -> String {
    format!(
        "<div class=\"scroll\" role=\"region\" aria-label=\"{label}\" tabindex=\"0\">\n<table class=\"{class}\">\n{rows}</table>\n</div>\n"
    )
}

fn classes(result: &Evaluation) -> String {
    let share = |value: Option<f64>| value.map_or("–".into(), percent);
    let taken_for = |class: &ClassScore| {
        let others = result.confusions.iter().filter(|c| c.truth.index == class.index).take(3);
        others.map(|c| format!("{} ({})", name(&c.said.label), c.images)).collect::<Vec<_>>().join(", ")
    };
    let known = result.classes.iter().filter(|class| class.images + class.predicted > 0);
    let left_out = match result.classes.len() - known.clone().count() {
        0 => String::new(),
        n => format!(" {} without photos, never answered, not shown.", count(n, "class", "classes")),
    };
    let rows = each(known, |class| {
        format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td class=\"start\" data-right=\"{} of {} right\">{}</td></tr>",
            name(&class.label),
            class.images,
            class.correct,
            share(class.recall),
            share(class.precision),
            share(class.f1),
            // On a narrow screen in place of the first two columns.
            class.correct,
            class.images,
            taken_for(class)
        )
    });
    let mean = result.mean.map_or(String::new(), |mean| {
        let [recall, precision, f1] = [mean.recall, mean.precision, mean.f1].map(percent);
        format!(
            "<tfoot><tr><th scope=\"row\" class=\"start\">mean</th><td></td><td></td><td>{recall}</td><td>{precision}</td><td>{f1}</td><td></td></tr></tfoot>\n"
        )
    });
    let text = "Recall: of the photos of a class, the share that was recognised. Precision: of the photos that were \
                given a class, the share that belongs to it. F1: the harmonic mean of both.";
    let head = "<thead><tr><th scope=\"col\" class=\"start\">Class</th><th scope=\"col\">Photos</th><th scope=\"col\">Right</th>\
                <th scope=\"col\">Recall</th><th scope=\"col\">Precision</th><th scope=\"col\">F1</th>\
                <th scope=\"col\" class=\"start\">Mostly taken for</th></tr></thead>\n";
    let rows = format!("{head}<tbody>\n{rows}</tbody>\n{mean}");
    format!(
        "<h2>Classes</h2>\n<p class=\"soft\">{text}{left_out}</p>\n{}",
        table("classes", "Classes", &rows)
    )
}

fn confusions(result: &Evaluation) -> String {
    if result.classes.len() <= MATRIX { matrix(result) } else { pairs(result) }
}

/// The confusion matrix, each cell shaded by its share of the line.
fn matrix(result: &Evaluation) -> String {
    let counts = result.matrix();
    let head = each(&result.classes, |class| format!("<th scope=\"col\">{}</th>", name(&class.label)));
    let cell = |class: &ClassScore, said: usize, n: usize| match n {
        0 => "<td class=\"none\">0</td>".to_owned(),
        n => {
            let kind = if said == class.index { "right" } else { "wrong" };
            // A few mistakes are seen beside many right answers, and no shade is so strong that its number is hard to read.
            let shade = 0.05 + 0.5 * (n as f64 / class.images.max(1) as f64).sqrt();
            format!("<td class=\"{kind}\" style=\"--shade:{shade:.2}\">{n}</td>")
        }
    };
    let rows = each(&result.classes, |class| {
        let cells = counts[class.index].iter().enumerate().map(|(said, n)| cell(class, said, *n));
        format!("<tr><th scope=\"row\">{}</th>{}</tr>", name(&class.label), cells.collect::<String>())
    });
    let text = "A line for what photos are, a column for what they were taken for. The stronger a shade, the \
                larger the share of its line.";
    let rows = format!("<thead><tr><td class=\"none\"></td>\n{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n");
    // A caption would be as wide as the table, and cut where that is.
    format!(
        "<h2>Confusion matrix</h2>\n<p class=\"soft\">{text}</p>\n{}",
        table("matrix", "Confusion matrix", &rows)
    )
}

/// The most frequent confusions, where a matrix would be too large.
fn pairs(result: &Evaluation) -> String {
    let head = "<thead><tr><th scope=\"col\" class=\"start\">Class</th><th scope=\"col\" class=\"start\">Taken for</th>\
                <th scope=\"col\">Photos</th><th scope=\"col\">Of the class</th></tr></thead>\n";
    let rows = each(result.confusions.iter().take(LISTED), |c| {
        let of = result.classes.get(c.truth.index).map_or(0, |class| class.images);
        format!(
            "<tr><th scope=\"row\">{}</th><td class=\"start\">{}</td><td>{}</td><td>{}</td></tr>",
            name(&c.truth.label),
            name(&c.said.label),
            c.images,
            percent(c.images as f64 / of.max(1) as f64)
        )
    });
    let all = match result.confusions.len() {
        n if n > LISTED => {
            format!("The first {LISTED} of {n} pairs; <code>photonet eval --format json</code> has all.")
        }
        n => format!("{n} pairs of classes were confused."),
    };
    let rows = format!("{head}<tbody>\n{rows}</tbody>\n");
    format!("<h2>Most confused</h2>\n<p class=\"soft\">{all}</p>\n{}", table("pairs", "Most confused", &rows))
}

fn mistakes(result: &Evaluation) -> String {
    if result.mistakes.is_empty() {
        return String::new();
    }
    let with_pictures = &result.mistakes[..PICTURES.min(result.mistakes.len())];
    let mut cards = String::new();
    let Ok(()) = in_order(
        with_pictures,
        |mistake| Ok::<_, Infallible>(Picture::of(&mistake.file)),
        |mistake, picture| {
            cards += &card(mistake, Some(&picture));
            Ok(())
        },
    );
    for mistake in &result.mistakes[with_pictures.len()..] {
        cards += &card(mistake, None);
    }
    format!(
        "<h2>Surest mistakes</h2>\n<p>Look at these first: where the model is sure and wrong, the label is often the \
         mistake, or the photo shows more than one thing.</p>\n<ol class=\"mistakes\">\n{cards}</ol>\n"
    )
}

fn card(mistake: &Mistake, picture: Option<&Result<Picture, String>>) -> String {
    let truth = &mistake.truth.class;
    let said = mistake.top.first().map_or("", |said| said.class.label.as_str());
    let shown = match picture {
        Some(Ok(picture)) => format!(
            "<div class=\"picture\"><img src=\"{}\" width=\"{}\" height=\"{}\" alt=\"labelled {}, taken for {}\"></div>",
            picture.address,
            picture.width,
            picture.height,
            escape(&truth.label),
            escape(said)
        ),
        Some(Err(reason)) => format!("<div class=\"picture\"><p>no picture: {}</p></div>", escape(reason)),
        None => String::new(),
    };
    let answer = |answer: &Answer| {
        let (class, mark) =
            if answer.class == *truth { (" class=\"truth\"", " <small>(label)</small>") } else { ("", "") };
        format!(
            "<li{class}><span>{}{mark}</span><span>{}</span><span class=\"bar\" style=\"--part:{:.1}%\"></span></li>",
            name(&answer.class.label),
            percent(answer.probability),
            100.0 * answer.probability
        )
    };
    let told = mistake.top.iter().any(|answer| answer.class == *truth);
    let answers = mistake.top.iter().chain(Some(&mistake.truth).filter(|_| !told));
    format!(
        "<li><figure>{shown}<figcaption><p>Labelled {}, taken for {}</p><ul class=\"answers\">\n{}</ul><span class=\"file\">{}</span></figcaption></figure></li>\n",
        name(&truth.label),
        name(said),
        each(answers, answer),
        name(&mistake.file.display().to_string())
    )
}

fn unread(files: &[(PathBuf, String)]) -> String {
    if files.is_empty() {
        return String::new();
    }
    let list = each(files.iter().take(UNREAD), |(path, reason)| {
        format!(
            "<li><span class=\"file\">{}</span>: {}</li>",
            name(&path.display().to_string()),
            escape(reason)
        )
    });
    let more = match files.len().saturating_sub(UNREAD) {
        0 => String::new(),
        n => format!("<p>and {n} more</p>\n"),
    };
    let photos = count(files.len(), "photo", "photos");
    format!(
        "<h2>Not read</h2>\n<p class=\"soft\">{photos} did not count.</p>\n<ul class=\"files\">\n{list}</ul>\n{more}"
    )
}

#[cfg(test)]
mod tests {
    use super::interval;

    #[test]
    fn the_interval_is_wilsons() {
        let (low, high) = interval(281.0, 326.0);
        assert!((low - 0.8203).abs() < 5e-4 && (high - 0.8952).abs() < 5e-4, "{low} {high}");
        let (low, high) = interval(10.0, 10.0);
        assert!((low - 0.7225).abs() < 5e-4 && high == 1.0, "{low} {high}");
    }
}
