//! Runs a command with a collector of its own and draws the trace it exports, as SVG:
//!
//! ```sh
//! cargo run -p bailiwick-telemetry --example trace_picture -- docs/trace.svg \
//!     target/debug/bailiwick run examples/teams/trouble/team.toml --seed 1 --otlp --journal "$(mktemp -d)/trace.db"
//! ```

#[path = "../tests/collector/http.rs"]
mod http;
#[path = "../tests/collector/seen.rs"]
#[allow(dead_code, reason = "shared with tests that ask for more")]
mod seen;

use std::{error::Error, fmt::Write as _, fs, process::Command};

use http::{HttpCollector, Manner};
use seen::{Seen, SeenSpan};

const ROW: usize = 20;
const LABELS: usize = 330;
const BARS: usize = 640;
/// A bar that ends right of here and begins right of the middle is told of on its left.
const RIGHT: usize = 700;
const MIDDLE: usize = 560;
const COLOURS: [&str; 8] = ["#4269d0", "#3ca951", "#a463f2", "#97bbf5", "#9c6b4e", "#6cc5b0", "#efb118", "#9498a0"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "give it a file to draw into, and a command that exports over OTLP";
    let (file, program) = (args.next().ok_or(usage)?, args.next().ok_or(usage)?);
    let collector = HttpCollector::start(Manner::Answers);

    let status = Command::new(program)
        .args(args)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        .status()?;

    let seen = collector.seen();
    if seen.spans.is_empty() {
        return Err(format!("nothing was exported; the command ended with {status}").into());
    }
    fs::write(&file, draw(&seen))?;
    println!("{file}: {} spans of {} services", seen.spans.len(), seen.resources.len());
    Ok(())
}

/// The spans in the order of a tree: parents before children, earlier before later.
fn in_order(seen: &Seen) -> Vec<(usize, &SeenSpan)> {
    let mut left: Vec<&SeenSpan> = seen.spans.iter().collect();
    left.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let mut ordered = Vec::new();
    for root in left.iter().filter(|span| seen.by_id(&span.parent).is_none()) {
        descend(0, root, &left, &mut ordered);
    }
    ordered
}

fn descend<'a>(depth: usize, span: &'a SeenSpan, all: &[&'a SeenSpan], ordered: &mut Vec<(usize, &'a SeenSpan)>) {
    ordered.push((depth, span));
    for child in all.iter().filter(|child| child.parent == span.id) {
        descend(depth + 1, child, all, ordered);
    }
}

fn draw(seen: &Seen) -> String {
    let spans = in_order(seen);
    let begin = spans.iter().map(|(_, span)| span.start).min().unwrap_or_default();
    let end = spans.iter().map(|(_, span)| span.end).max().unwrap_or_default();
    let x = |at: u64| LABELS as f64 + (at - begin) as f64 / (end - begin).max(1) as f64 * BARS as f64;
    let services: Vec<&String> = seen.resources.keys().collect();
    let (width, height) = (LABELS + BARS + 90, (spans.len() + 2) * ROW + services.len().div_ceil(4) * ROW);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for (row, (depth, span)) in spans.iter().enumerate() {
        let y = row * ROW + 4;
        let place = services.iter().position(|service| **service == span.service).unwrap_or_default();
        let fill = if span.error.is_some() { "#d62728" } else { COLOURS[place % COLOURS.len()] };
        let (from, width) = (x(span.start), (x(span.end) - x(span.start)).max(2.0));
        let name = match span.name.as_str() {
            "bailiwick.task" => format!("task {}", span.says("bailiwick.task.id")),
            "bailiwick.wait" => format!("wait for {}", span.says("bailiwick.wait.for").replace('_', "-")),
            name => name.trim_start_matches("bailiwick.").to_owned(),
        };
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\">{}</text>", 8 + depth * 14, y + 12, escaped(&name));
        let _ = writeln!(
            svg,
            "<rect x=\"{from:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"14\" rx=\"2\" fill=\"{fill}\"/>"
        );
        // Beside the bar, where there is room.
        let (at, anchor) = if from + width > RIGHT as f64 && from > MIDDLE as f64 {
            (from - 6.0, "end")
        } else {
            (from + width + 6.0, "start")
        };
        let _ = writeln!(
            svg,
            "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"{anchor}\" fill=\"#555\">{}</text>",
            y + 12,
            escaped(&said(span))
        );
        for (event, at, _) in &span.events {
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{}\" r=\"3\" fill=\"#222\"><title>{}</title></circle>",
                x(*at),
                y + 7,
                escaped(event)
            );
        }
    }
    for (place, service) in services.iter().enumerate() {
        let (left, y) = (8 + (place % 4) * 240, (spans.len() + 1 + place / 4) * ROW);
        let fill = COLOURS[place % COLOURS.len()];
        let _ = writeln!(
            svg,
            "<rect x=\"{left}\" y=\"{y}\" width=\"10\" height=\"10\" fill=\"{fill}\"/><text x=\"{}\" y=\"{}\">{}</text>",
            left + 15,
            y + 9,
            escaped(service)
        );
    }
    svg + "</svg>\n"
}

/// How long it took, and what happened in it.
fn said(span: &SeenSpan) -> String {
    let mut said = vec![format!("{} ms", (span.end - span.start) / 1_000_000)];
    for (event, ..) in &span.events {
        let event = event.trim_start_matches("bailiwick.").trim_start_matches("gen_ai.");
        // Every task begins with a choice.
        if event != "agent_selected" && !said.iter().any(|known| known == event) {
            said.push(event.to_owned());
        }
    }
    said.join(" · ")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
