//! Names of classes.

use super::ImportError;

/// The names of ImageNet-1k's classes in the order of their WordNet numbers, as torchvision lists them.
const IMAGENET: &str = include_str!("imagenet.txt");

/// The names of the 1000 classes that published weights tell apart.
pub fn imagenet_labels() -> Vec<String> {
    IMAGENET.lines().map(String::from).collect()
}

/// Names for `classes` classes, and a note where they were taken for granted.
pub(super) fn choose(
    classes: usize,
    given: Option<&[String]>,
) -> Result<(Vec<String>, Option<String>), ImportError> {
    match given {
        Some(labels) if labels.len() == classes => Ok((labels.to_vec(), None)),
        Some(labels) => Err(ImportError::Options(format!(
            "the label file names {} classes, the classifier has {classes}",
            labels.len()
        ))),
        None if classes == 1000 => {
            Ok((imagenet_labels(), Some("1000 classes: ImageNet's names; others with --labels".into())))
        }
        None => {
            let numbers = (0..classes).map(|n| n.to_string()).collect();
            Ok((numbers, Some(format!("the {classes} classes are named by number: names with --labels"))))
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_thousand_names() {
        let labels = super::imagenet_labels();
        assert_eq!(
            (labels.len(), labels[0].as_str(), labels[999].as_str()),
            (1000, "tench", "toilet tissue")
        );
    }
}
