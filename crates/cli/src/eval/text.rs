//! An evaluation for people, as text.

use crate::table::{abbreviate, render};
use photonet_train::evaluate::{Confusion, Evaluation};

/// Columns that every terminal has.
const TERMINAL: usize = 80;

/// The narrowest and the widest column of a confusion matrix, and the gap between two.
const NARROWEST: usize = 3;
const WIDEST: usize = 10;
const GAP: usize = 2;

/// The names of the lines of a confusion matrix: whole where there is room, otherwise so short.
const NAME: usize = 24;
const SHORT_NAME: usize = 12;

/// The most confusions in a list.
const LISTED: usize = 10;

/// Everything, ready to be printed.
pub fn describe(result: &Evaluation) -> String {
    let accuracies: Vec<String> =
        result.topk.iter().map(|(k, share)| format!("top-{k} {share:.4}")).collect();
    let mut parts = vec![
        format!(
            "{}   loss {:.4}   {} photos, {} skipped",
            accuracies.join("   "),
            result.loss,
            result.images,
            result.skipped
        ),
        classes(result),
    ];
    if !result.confusions.is_empty() {
        parts.push(match matrix(result) {
            Some(matrix) => {
                format!("Photos of a class (lines) and what they were taken for (columns):\n{matrix}")
            }
            None => format!("What was confused most:\n{}", list(result)),
        });
    }
    if !result.mistakes.is_empty() {
        parts.push(format!("The surest mistakes:\n{}", mistakes(result)));
    }
    parts.join("\n\n")
}

fn classes(result: &Evaluation) -> String {
    let share = |value: Option<f64>| value.map_or("-".into(), |v| format!("{v:.3}"));
    let row = |name: &str, counts: [String; 2], shares: [Option<f64>; 3]| {
        let counts = [name.to_owned()].into_iter().chain(counts);
        counts.chain(shares.map(share)).collect::<Vec<String>>()
    };
    let mut rows: Vec<Vec<String>> = (result.classes.iter())
        .map(|c| row(&c.label, [c.images.to_string(), c.correct.to_string()], [c.recall, c.precision, c.f1]))
        .collect();
    if let Some(mean) = result.mean {
        let shares = [mean.recall, mean.precision, mean.f1].map(Some);
        rows.push(row("(mean)", [String::new(), String::new()], shares));
    }
    render(&["class", "photos", "correct", "recall", "precision", "F1"], &rows)
}

/// The confusion matrix, where it fits the terminal and its lines and columns can be told apart.
fn matrix(result: &Evaluation) -> Option<String> {
    let names: Vec<&str> = result.classes.iter().map(|class| class.label.as_str()).collect();
    let classes = names.len();
    let counts = result.matrix();
    let digits = counts.iter().flatten().max().map_or(0, |most| most.to_string().len());
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let (lines, columns) = [NAME, SHORT_NAME].into_iter().find_map(|room| {
        let room = room.min(longest);
        let width = (TERMINAL.checked_sub(room)? / classes.max(1)).checked_sub(GAP)?.min(WIDEST);
        (width >= NARROWEST.max(digits)).then(|| headings(&names, room, width)).flatten()
    })?;
    let shown = |n: &usize| if *n == 0 { "-".into() } else { n.to_string() };
    let row = |(name, counts): (String, &Vec<usize>)| {
        [name].into_iter().chain(counts.iter().map(shown)).collect::<Vec<String>>()
    };
    let rows: Vec<Vec<String>> = lines.into_iter().zip(&counts).map(row).collect();
    let header: Vec<&str> = [""].into_iter().chain(columns.iter().map(String::as_str)).collect();
    Some(render(&header, &rows))
}

/// The names of lines and columns: shortened, or else with numbers that stand for them in the columns.
fn headings(names: &[&str], room: usize, width: usize) -> Option<(Vec<String>, Vec<String>)> {
    if let (Some(lines), Some(columns)) = (abbreviate(names, room), abbreviate(names, width)) {
        return Some((lines, columns));
    }
    let columns: Vec<String> = (0..names.len()).map(|index| index.to_string()).collect();
    let name_room = room.checked_sub(4)?;
    let line = |(index, name): (usize, &&str)| {
        format!("({index}) {}", name.chars().take(name_room).collect::<String>())
    };
    Some((names.iter().enumerate().map(line).collect(), columns))
}

fn list(result: &Evaluation) -> String {
    let row = |c: &Confusion| {
        let of = result.classes.get(c.truth.index).map_or(0, |class| class.images);
        let share = format!("{:.1} % of {of}", 100.0 * c.images as f64 / of.max(1) as f64);
        vec![c.truth.label.clone(), c.said.label.clone(), c.images.to_string(), share]
    };
    let rows: Vec<Vec<String>> = result.confusions.iter().take(LISTED).map(row).collect();
    let table = render(&["class", "taken for", "photos", "share"], &rows);
    match result.confusions.len().saturating_sub(LISTED) {
        0 => table,
        more => format!("{table}\n(and {more} more pairs: --format json has them all)"),
    }
}

fn mistakes(result: &Evaluation) -> String {
    let rows = result.mistakes.iter().map(|mistake| {
        let said = mistake.top.first();
        vec![
            said.map_or(String::new(), |said| format!("{:.1} %", 100.0 * said.probability)),
            said.map_or(String::new(), |said| said.class.label.clone()),
            mistake.truth.class.label.clone(),
            mistake.file.display().to_string(),
        ]
    });
    render(&["sure", "said", "label", "photo"], &rows.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use photonet_train::evaluate::{Class, ClassScore};

    /// Classes of which each photo is right but `wrong` of the first, which are taken for the last.
    fn result(names: &[String], each: usize, wrong: usize) -> Evaluation {
        let last = names.len() - 1;
        let class = |(index, label): (usize, &String)| ClassScore {
            index,
            label: label.clone(),
            images: each,
            correct: if index == 0 { each - wrong } else { each },
            predicted: each,
            recall: None,
            precision: None,
            f1: None,
        };
        let name = |index: usize| Class { index, label: names[index].clone() };
        Evaluation {
            topk: vec![(1, 0.5)],
            loss: 0.0,
            images: each * names.len(),
            skipped: 0,
            mean: None,
            classes: names.iter().enumerate().map(class).collect(),
            confusions: vec![Confusion { truth: name(0), said: name(last), images: wrong }],
            mistakes: Vec::new(),
            unreadable: Vec::new(),
        }
    }

    fn named(count: usize, name: impl Fn(usize) -> String) -> Vec<String> {
        (0..count).map(name).collect()
    }

    fn fits(text: &str) -> bool {
        text.lines().all(|line| line.chars().count() <= TERMINAL)
    }

    #[track_caller]
    fn says_line(text: &str, line: &str) {
        assert!(text.lines().any(|l| l == line), "no {line:?} in: {text}");
    }

    #[test]
    fn a_matrix_of_few_classes_has_its_names_and_counts() {
        let names = ["cardboard", "glass", "metal"].map(String::from);
        let text = matrix(&result(&names, 40, 3)).unwrap();
        assert_eq!(
            text,
            "           cardboard  glass  metal\n---------  ---------  -----  -----\n\
             cardboard         37      -      3\nglass              -     40      -\nmetal              -      -     40"
        );
    }

    #[test]
    fn twelve_classes_fit_a_terminal_and_stay_apart() {
        let long = named(12, |at| format!("{}-flavoured sparkling drink", char::from(b'a' + at as u8)));
        for names in [named(12, |at| format!("class number {at}")), named(12, |at| format!("{at}")), long] {
            let text = matrix(&result(&names, 999, 3)).unwrap();
            assert!(fits(&text), "{text}");
            let header: Vec<&str> = text.lines().next().unwrap().split_whitespace().collect();
            assert!(header.len() >= 12, "{text}");
        }
        let alike = named(12, |at| format!("{at} of the long names that begin and end in the same way"));
        let text = matrix(&result(&alike, 10, 1)).unwrap();
        assert!(fits(&text), "{text}");
    }

    #[test]
    fn names_that_cannot_be_shortened_are_numbered() {
        let names = ["taken from above, wet", "taken from above, wet too", "taken from below, dry", "dry"];
        let mut names = names.map(String::from).to_vec();
        names.extend(named(6, |at| format!("taken from above, {at}")));
        let text = matrix(&result(&names, 10, 2)).unwrap();
        assert!(fits(&text) && text.contains("(0) taken") && text.contains("(9) taken"), "{text}");
    }

    #[test]
    fn many_classes_are_a_list() {
        let names = named(40, |at| format!("class number {at}"));
        let result = result(&names, 20, 5);
        assert_eq!(matrix(&result), None);
        let text = describe(&result);
        says_line(&text, "class number 0  class number 39       5  25.0 % of 20");
        assert_eq!(matrix(&self::result(&named(12, |at| format!("c{at}")), 1_000_000, 3)), None);
    }
}
