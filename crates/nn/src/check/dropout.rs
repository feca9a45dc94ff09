pub(super) fn cases() -> Vec<super::Case> { vec![] }
