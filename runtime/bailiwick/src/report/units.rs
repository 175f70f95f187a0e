//! Times, money and foreign text as a person reads them.

use std::time::Duration;

use bailiwick_protocols::Cost;

/// A span of time in two figures that matter: `12 ms`, `1.24 s`, `2 m 05 s`, `1 h 02 m`.
pub fn span(duration: Duration) -> String {
    let ms = duration.as_millis();
    // 59 995 ms would be rounded to `60.00 s`.
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..59_995 => format!("{:.2} s", duration.as_secs_f64()),
        _ => {
            let seconds = (ms + 500) / 1_000;
            match seconds {
                0..3_600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
                _ => format!("{} h {:02} m", seconds / 3_600, seconds % 3_600 / 60),
            }
        }
    }
}

/// An amount of money: `$0`, `$0.0123`, `$4.20`, `cost unknown`.
pub fn money(cost: Cost) -> String {
    match cost {
        Cost::Unknown => "cost unknown".to_owned(),
        Cost::Known(0) => "$0".to_owned(),
        Cost::Known(micro @ ..1_000_000) => {
            let text = format!("$0.{micro:06}");
            let short = text.trim_end_matches('0');
            if short.len() < 5 { text[..5].to_owned() } else { short.to_owned() }
        }
        Cost::Known(micro) => format!("${}.{:02}", micro / 1_000_000, micro % 1_000_000 / 10_000),
    }
}

/// Whole milliseconds, as the JSON interfaces count them.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// One line of text that others wrote, at most `max` characters long, and nothing in it that steers a terminal.
pub fn tidy(text: &str, max: usize) -> String {
    let mut words = String::new();
    let mut length = 0;
    for c in text.trim().chars() {
        let c = if steers(c) { ' ' } else { c };
        if c == ' ' && (words.is_empty() || words.ends_with(' ')) {
            continue;
        }
        if length == max {
            words.pop();
            return words.trim_end().to_owned() + "…";
        }
        words.push(c);
        length += 1;
    }
    words.truncate(words.trim_end().len());
    words
}

/// Control characters, line separators, and the marks that turn the direction of writing.
fn steers(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short_and_never_read_sixty_seconds() {
        let read = |ms| span(Duration::from_millis(ms));

        assert_eq!([read(0), read(999), read(1_240)], ["0 ms", "999 ms", "1.24 s"]);
        assert_eq!([read(59_994), read(59_999), read(125_000)], ["59.99 s", "1 m 00 s", "2 m 05 s"]);
        assert_eq!([read(3_599_600), read(3_720_000)], ["1 h 00 m", "1 h 02 m"]);
    }

    #[test]
    fn small_amounts_keep_their_figures_and_unknown_is_not_zero() {
        assert_eq!([money(Cost::FREE), money(Cost::Unknown)], ["$0", "cost unknown"]);
        assert_eq!([money(Cost::Known(12_300)), money(Cost::Known(7))], ["$0.0123", "$0.000007"]);
        assert_eq!([money(Cost::Known(500_000)), money(Cost::Known(4_209_999))], ["$0.50", "$4.20"]);
    }

    #[test]
    fn foreign_text_becomes_one_harmless_line() {
        assert_eq!(tidy("  two\n lines\t\x1b[31mred\u{202e} ", 80), "two lines [31mred");
        assert_eq!(tidy("abcdef", 6), "abcdef");
        assert_eq!(tidy("abcdefg", 6), "abcde…");
        assert_eq!(tidy("äöü ß", 4), "äöü…");
    }
}
