//! Makes what a program wrote fit to be shown to a person: bounded, and without anything that steers a terminal.

/// How much of stderr is quoted at most, in bytes and in lines.
const TAIL_BYTES: usize = 4096;
const TAIL_LINES: usize = 20;

/// The end of a stream of which only the end is kept.
#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: Vec<u8>,
    cut: bool,
}

impl Tail {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let surplus = self.bytes.len().saturating_sub(TAIL_BYTES);
        self.cut |= surplus > 0;
        self.bytes.drain(..surplus);
    }

    /// The last lines, plain. A first line that was cut is left out, unless it is all there is.
    pub(super) fn into_text(self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let whole = match text.trim_end().split_once('\n') {
            Some((_, whole)) if self.cut => whole,
            _ => &text,
        };
        let text = plain(whole);
        let lines: Vec<&str> = text.trim_end().lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }
}

/// The beginning of a text, plain, of at most `bytes` bytes.
pub(super) fn head(text: &str, bytes: usize) -> String {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let mut head = plain(&text[..end]);
    if end < text.len() {
        head.push('…');
    }
    head
}

/// Takes out terminal sequences, control characters and changes of direction; newlines and tabs stay.
fn plain(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\u{1b}' if chars.next_if_eq(&'[').is_some() => {
                // Parameters, then one final character from `@` to `~`.
                while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
                chars.next_if(|c| ('@'..='~').contains(c));
            }
            '\n' | '\t' => kept.push(char),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            char if char.is_control() => {}
            char => kept.push(char),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(chunks: &[&[u8]]) -> String {
        let mut tail = Tail::default();
        chunks.iter().for_each(|chunk| tail.push(chunk));
        tail.into_text()
    }

    #[test]
    fn colours_and_control_characters_are_taken_out() {
        assert_eq!(tail(&[b"\x1b[1;31merror\x1b[0m:\x07 no\r\n\tsuch\x00 file\n\n"]), "error: no\n\tsuch file");
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let lines: Vec<String> = (1..=100).map(|n| format!("line {n}")).collect();

        let text = tail(&[lines.join("\n").as_bytes()]);

        assert!(text.starts_with("line 81\n") && text.ends_with("\nline 100"), "{text}");
    }

    #[test]
    fn a_line_that_was_cut_is_left_out_unless_it_is_all_there_is() {
        let long = vec![b'x'; 3 * TAIL_BYTES];

        assert_eq!(tail(&[&long, b"\nlast\n"]), "last");
        assert_eq!(tail(&[&long]).len(), TAIL_BYTES);
        assert_eq!(tail(&[&long, b"\n"]).len(), TAIL_BYTES - 1);
    }

    #[test]
    fn bytes_that_are_no_text_are_marked() {
        assert_eq!(tail(&[b"caf\xe9"]), "caf\u{fffd}");
    }

    #[test]
    fn a_head_ends_between_characters_and_says_that_it_was_cut() {
        assert_eq!(head("déjà", 2), "d…");
        assert_eq!(head("déjà", 20), "déjà");
    }
}
