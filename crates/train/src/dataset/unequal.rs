//! Classes with many more photos than others.

use super::first;

/// A class with so many times fewer photos than the largest, or more, is learned less well than that.
const UNEQUAL: usize = 4;

/// The most classes in the sentence.
const NAMED: usize = 5;

/// Says so where some of the classes `labels` have many more photos to train on than others, by their `counts`. Classes
/// without a photo are told elsewhere.
pub fn unequal(labels: &[String], counts: &[usize]) -> Option<String> {
    let with_photos = || labels.iter().zip(counts).filter(|(_, count)| **count > 0);
    let (most, largest) = with_photos().max_by_key(|(_, count)| **count)?;
    let rare = with_photos().filter(|(_, count)| UNEQUAL * **count <= *largest);
    let rare: Vec<String> = rare.map(|(label, count)| format!("{label} ({count})")).collect();
    (!rare.is_empty()).then(|| {
        format!(
            "{largest} photos to train on show {most}, at least {UNEQUAL} times as many as {}: a network learns to prefer the \
             frequent classes; add photos, or train with --balance (class_weights: balanced in Loss.Train), by which all \
             classes count alike",
            first(NAMED, rare.into_iter())
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_largest_is_told() {
        let labels = ["glass", "trash", "unseen", "metal"].map(String::from);
        let expected = "80 photos to train on show glass, at least 4 times as many as trash (20), metal (3): a network learns to \
                        prefer the frequent classes; add photos, or train with --balance (class_weights: balanced in \
                        Loss.Train), by which all classes count alike";
        assert_eq!(unequal(&labels, &[80, 20, 0, 3]).as_deref(), Some(expected));
        assert_eq!(unequal(&labels, &[79, 20, 0, 21]), None);
        assert_eq!(unequal(&labels, &[0; 4]), None);
    }
}
