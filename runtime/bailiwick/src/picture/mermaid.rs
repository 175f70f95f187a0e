//! The picture as a Mermaid flowchart, as it stands in Markdown.

use std::fmt::Write as _;

use super::{EdgeKind, Picture, Standing};

impl Picture {
    /// Draws it as a Mermaid flowchart.
    pub fn mermaid(&self) -> String {
        let mut text = format!("---\ntitle: \"{}\"\n---\nflowchart LR\n", title(&self.title()));
        for (index, node) in self.nodes.iter().enumerate() {
            let label: Vec<_> = node.lines().iter().map(|line| escaped(line)).collect();
            // The ids of tasks are foreign: a node is called by its number.
            let _ = writeln!(text, "    t{index}[\"{}\"]:::{}", label.join("<br/>"), node.standing().name());
        }
        for edge in &self.edges {
            let arrow = match edge.kind {
                EdgeKind::Needed => "-->",
                EdgeKind::Optional => "-.->",
                EdgeKind::Part => "--o",
            };
            let _ = writeln!(text, "    t{} {arrow} t{}", edge.from, edge.to);
        }
        for standing in Standing::ALL {
            let (fill, stroke) = standing.colors();
            let _ = writeln!(text, "    classDef {} fill:{fill},stroke:{stroke},color:#1a1a1a", standing.name());
        }
        text
    }
}

/// Text in which nothing is a sign of Mermaid, Markdown or HTML: all but plain characters are written as entities.
fn escaped(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | ',' | ':' | '/' | '?' | '…');
    let mut done = String::new();
    for c in text.chars() {
        // A dot or a hyphen inside a word makes no list.
        let inside = matches!(c, '.' | '-' | '_') && done.ends_with(|c: char| c.is_alphabetic());
        match plain(c) || inside {
            true => done.push(c),
            false => drop(write!(done, "#{};", u32::from(c))),
        }
    }
    done
}

/// The same for the title, which is YAML between quotes and knows no entities.
fn title(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
