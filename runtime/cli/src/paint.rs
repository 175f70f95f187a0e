//! Colours, and the one way to stderr: writing there never fails, for nobody is left to be told.

use std::io::Write as _;

use anstream::{AutoStream, ColorChoice};
use bailiwick::report::summary::{Span, Tone};
use clap::builder::styling::{AnsiColor, Style};

use crate::args::Color;

/// Settles whether there are colours; `auto` heeds the terminal, NO_COLOR and CLICOLOR_FORCE.
pub(crate) fn choose(color: Color) {
    let choice = match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::AlwaysAnsi,
        Color::Never => ColorChoice::Never,
    };
    choice.write_global();
}

/// Whether stderr gets colours.
pub(crate) fn on_stderr() -> bool {
    AutoStream::choice(&std::io::stderr()) != ColorChoice::Never
}

/// Writes a line to stderr, without its colours where none are wanted.
pub(crate) fn say(text: &str) {
    let mut stderr = AutoStream::auto(std::io::stderr()).lock();
    let _ = writeln!(stderr, "{text}").and_then(|()| stderr.flush());
}

/// Writes to a terminal that can be drawn on, just as it is.
pub(crate) fn raw(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// Says what went wrong, and what to do next.
pub(crate) fn error(what: &str, next: &str) {
    say(&format!("{} {what}\n{} {next}", styled(Tone::Bad, "error:"), styled(Tone::Strong, "next:")));
}

/// Says what to do next.
pub(crate) fn next(next: &str) {
    say(&format!("{} {next}", styled(Tone::Strong, "next:")));
}

/// A line with its colours.
pub(crate) fn line(spans: &[Span]) -> String {
    let painted: String = spans.iter().map(|span| styled(span.tone, &span.text)).collect();
    painted.trim_end().to_owned()
}

fn styled(tone: Tone, text: &str) -> String {
    let style = match tone {
        Tone::Strong => Style::new().bold(),
        Tone::Good => AnsiColor::Green.on_default(),
        Tone::Bad => AnsiColor::Red.on_default().bold(),
        Tone::Doubtful => AnsiColor::Yellow.on_default(),
        Tone::Quiet => Style::new().dimmed(),
        _ => return text.to_owned(),
    };
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_as_it_is_and_a_tone_ends_where_its_text_ends() {
        let span = |tone, text: &str| Span { tone, text: text.to_owned() };

        assert_eq!(line(&[span(Tone::Plain, "a "), span(Tone::Plain, "b  ")]), "a b");
        assert_eq!(line(&[span(Tone::Good, "ok"), span(Tone::Plain, "!")]), "\u{1b}[32mok\u{1b}[0m!");
    }
}
