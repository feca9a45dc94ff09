//! What stands out in an evaluation, in sentences.

use super::html::{count, each, name};
use photonet_train::dataset::first;
use photonet_train::evaluate::{ClassScore, Evaluation};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A share of fewer photos says little.
const FEW: usize = 20;

/// The most pairs of classes, and the most classes in a sentence.
const PAIRS: usize = 3;
const NAMED: usize = 5;

/// A list of hints; empty where there are none.
pub fn list(result: &Evaluation) -> String {
    let hints: Vec<String> = [pairs(result), unsaid(result), few(result), unread(result)].concat();
    if hints.is_empty() {
        return String::new();
    }
    format!(
        "<h2>What stands out</h2>\n<ul class=\"hints\">\n{}</ul>\n",
        each(hints, |hint| format!("<li>{hint}</li>"))
    )
}

/// The classes that are confused most, both ways together.
fn pairs(result: &Evaluation) -> Vec<String> {
    let mut pairs: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for confusion in &result.confusions {
        let (a, b) = (confusion.truth.index, confusion.said.index);
        *pairs.entry((a.min(b), a.max(b))).or_default() += confusion.images;
    }
    let mut pairs: Vec<_> = pairs.into_iter().filter(|(_, photos)| *photos > 1).collect();
    pairs.sort_by_key(|(_, photos)| Reverse(*photos));
    let confused = |truth: usize, said: usize| {
        let found = result.confusions.iter().find(|c| (c.truth.index, c.said.index) == (truth, said))?;
        let of = count(result.classes.get(truth)?.images, "photo", "photos");
        let (truth, said) = (name(&found.truth.label), name(&found.said.label));
        Some(format!("{} of {of} of {truth} taken for {said}", found.images))
    };
    let sentence = |((a, b), _): ((usize, usize), usize)| {
        let ways: Vec<String> = [confused(a, b), confused(b, a)].into_iter().flatten().collect();
        format!("Confused: {}.", ways.join(", "))
    };
    pairs.into_iter().take(PAIRS).map(sentence).collect()
}

/// Classes that are there, but were never answered.
fn unsaid(result: &Evaluation) -> Vec<String> {
    let unsaid: Vec<&ClassScore> =
        result.classes.iter().filter(|class| class.images > 0 && class.predicted == 0).collect();
    sentence(&unsaid, |names| {
        format!(
            "Never answered: {names}. See with <code>photonet data</code> how many photos there are to train on."
        )
    })
}

/// Classes with too few photos to judge.
fn few(result: &Evaluation) -> Vec<String> {
    let few: Vec<&ClassScore> =
        result.classes.iter().filter(|class| (1..FEW).contains(&class.images)).collect();
    let none: Vec<&ClassScore> = result.classes.iter().filter(|class| class.images == 0).collect();
    let few = sentence(&few, |names| {
        format!(
            "Fewer than {FEW} photos: {names}. In so few, a single photo moves a share by over 5&nbsp;points."
        )
    });
    let none =
        sentence(&none, |names| format!("No photos: {names}. Nothing is known of how well they are told."));
    [few, none].concat()
}

fn unread(result: &Evaluation) -> Vec<String> {
    match result.skipped {
        0 => Vec::new(),
        n => {
            vec![format!("{} could not be read and did not count: see the end.", count(n, "photo", "photos"))]
        }
    }
}

fn sentence(classes: &[&ClassScore], of: impl Fn(String) -> String) -> Vec<String> {
    if classes.is_empty() {
        return Vec::new();
    }
    vec![of(first(NAMED, classes.iter().map(|class| name(&class.label))))]
}
