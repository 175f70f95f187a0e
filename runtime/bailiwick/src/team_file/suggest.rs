//! What somebody who mistyped a word may have meant.

use std::collections::BTreeSet;

/// At most this many words are listed where none is near.
const LISTED_MAX: usize = 12;

/// The word nearest to the one written, if one is near: a third of its letters may differ, or one is the other's start.
pub(super) fn nearest<'a>(written: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    words
        .into_iter()
        .filter_map(|word| {
            let lower = word.to_lowercase();
            let distance = strsim::damerau_levenshtein(&written, &lower);
            let length = written.chars().count().max(lower.chars().count());
            let starts =
                written.len().min(lower.len()) >= 3 && (written.starts_with(&lower) || lower.starts_with(&written));
            (starts || distance <= (length / 3).max(1)).then_some((distance, word))
        })
        .min()
        .map(|(_, word)| word)
}

/// What to do about a word nobody knows: the nearest one, or all there are.
pub(super) fn help<'a>(written: &str, words: impl IntoIterator<Item = &'a str>) -> String {
    let words: BTreeSet<&str> = words.into_iter().collect();
    if let Some(near) = nearest(written, words.iter().copied()) {
        return format!("did you mean `{near}`?");
    }
    let listed: Vec<String> = words.iter().take(LISTED_MAX).map(|word| format!("`{word}`")).collect();
    match words.len() {
        0 => "there are none".to_owned(),
        all if all > LISTED_MAX => format!("there are {}, and {} more", listed.join(", "), all - LISTED_MAX),
        _ => format!("there are {}", listed.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        assert_eq!(nearest("comand", ["command", "handler"]), Some("command"));
        assert_eq!(nearest("capabilites", ["capabilities", "command"]), Some("capabilities"));
        assert_eq!(nearest("write", ["write.report", "review"]), Some("write.report"));
        assert_eq!(nearest("zebra", ["command", "handler"]), None);
    }

    #[test]
    fn a_word_near_to_none_gets_them_all() {
        assert_eq!(help("zebra", ["b", "a"]), "there are `a`, `b`");
        assert_eq!(help("zebra", []), "there are none");
    }
}
