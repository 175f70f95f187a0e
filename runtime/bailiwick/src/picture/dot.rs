//! The picture in the language of Graphviz.

use std::fmt::Write as _;

use super::{EdgeKind, Picture};

impl Picture {
    /// Draws it in the language of Graphviz.
    pub fn dot(&self) -> String {
        let mut text = format!("digraph goal {{\n    label=\"{}\";\n    labelloc=t;\n", escaped(&self.title()));
        text += "    rankdir=LR;\n    node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n";
        for (index, node) in self.nodes.iter().enumerate() {
            let label: Vec<_> = node.lines().iter().map(|line| escaped(line)).collect();
            let (fill, stroke) = node.standing().colors();
            let (label, colors) = (label.join("\\n"), format!("fillcolor=\"{fill}\", color=\"{stroke}\""));
            // The ids of tasks are foreign: a node is called by its number.
            let _ = writeln!(text, "    t{index} [label=\"{label}\", {colors}];");
        }
        for edge in &self.edges {
            let style = match edge.kind {
                EdgeKind::Needed => "",
                EdgeKind::Optional => " [style=dashed]",
                EdgeKind::Part => " [style=dotted, arrowhead=odot]",
            };
            let _ = writeln!(text, "    t{} -> t{}{style};", edge.from, edge.to);
        }
        text + "}\n"
    }
}

/// Text between quotes in which nothing is an order: in labels Graphviz reads escapes and entities.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('&', "&amp;")
}
