//! The table of names in the docs is the one in the code.

#[test]
fn every_name_stands_in_the_docs() {
    let names = include_str!("../src/names.rs");
    let docs = include_str!("../../../docs/observe.md");

    let values = names.lines().filter_map(|line| line.trim().strip_prefix("pub const ")?.split('"').nth(1));
    let missing: Vec<_> = values.filter(|name| !docs.contains(&format!("| `{name}` |"))).collect();

    assert!(missing.is_empty(), "docs/observe.md does not say {missing:?}");
}
