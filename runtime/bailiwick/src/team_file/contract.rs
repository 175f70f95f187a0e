//! Compiles every contract of the file once: an empty pattern or an invalid schema is told before anything runs.

use bailiwick_actors::verifiers::{ContractFault, Verifiers};
use bailiwick_protocols::{Contract, Reversibility};

use super::item::Item;

/// Notes what keeps a contract from being compiled. `pointer` is the goal or task that has it, `root` the file.
pub(super) fn check(contract: &Contract, reversibility: Reversibility, pointer: &str, root: &Item<'_>) {
    let complaints = complaints(contract, reversibility).into_iter();
    let complaints = complaints.map(|(path, message)| (format!("{pointer}{path}"), message));
    // A check that could not even be read was told already, in the words of the file.
    let news: Vec<_> = complaints.filter(|(pointer, _)| !root.findings.touches(pointer)).collect();
    for (pointer, message) in news {
        root.findings.note(root.node.find(&pointer), &pointer, message, "");
    }
}

/// What the compiler of contracts says, each with the path below the contract: `/verify/all/1/regex`.
fn complaints(contract: &Contract, reversibility: Reversibility) -> Vec<(String, String)> {
    let problems = Verifiers::new().compile(contract, reversibility).err().unwrap_or_default();
    // Functions are registered in code, after the file is read: `TeamFile::require` asks for them. Whether there is
    // somebody to judge is known from the file, and said there.
    let later =
        |fault: &ContractFault| matches!(fault, ContractFault::UnknownFunction { .. } | ContractFault::NobodyToJudge);
    problems
        .into_iter()
        .filter(|problem| !later(&problem.fault))
        .map(|problem| (problem.path, one_line(&problem.fault.to_string())))
        .collect()
}

/// The engine of patterns draws pictures of several lines; a problem is one.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
