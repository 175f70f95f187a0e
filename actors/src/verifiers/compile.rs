//! Turns a contract into something that can be run, or names everything that is wrong with it.

use std::sync::Arc;

use bailiwick_protocols::{Contract, JudgeSpec, OutputFormat, OutputSpec, Reversibility, Verify};

use super::{
    CompiledContract, Panel, Verifiers,
    compose::Tree,
    contract::Leaf,
    pattern::{PATTERN_BYTES_MAX, PATTERN_COMPILED_MAX, Pattern},
    schema::Schema,
    shape::Shape,
};

/// The most checks one contract may have.
pub const CHECKS_MAX: usize = 256;

/// The most `all`, `any` and `not` that may stand inside one another.
pub const NESTING_MAX: usize = 32;

/// One reason why a contract cannot be accepted, and where.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{path}: {fault}")]
pub struct ContractProblem {
    /// A JSON pointer into the contract: `/verify/all/1/regex`.
    pub path: String,
    /// What is wrong there.
    pub fault: ContractFault,
}

/// What can be wrong with a contract.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContractFault {
    /// Every text contains nothing.
    #[error("the text to look for is empty: every output would pass")]
    EmptyText,
    /// An empty pattern matches everything.
    #[error("the pattern is empty: every output would pass")]
    EmptyPattern,
    /// The text of a pattern is over 4 KiB.
    #[error("the pattern has {bytes} bytes, more than {PATTERN_BYTES_MAX}")]
    PatternTooLong {
        /// How long it is.
        bytes: usize,
    },
    /// A pattern takes over 4 MiB when compiled.
    #[error("the pattern takes more than {PATTERN_COMPILED_MAX} bytes when compiled: shorten its repetitions")]
    PatternTooLarge,
    /// A pattern that linear time cannot run, or that is none.
    #[error("the pattern is invalid (look-around and back references are not available): {message}")]
    InvalidPattern {
        /// What the engine says.
        message: String,
    },
    /// A schema that is not valid 2020-12, or refers to something outside itself.
    #[error("the schema is invalid: {message}")]
    InvalidSchema {
        /// What is wrong at this place.
        message: String,
    },
    /// Nobody registered such a function.
    #[error("there is no function `{name}`; there is {}", listed(known))]
    UnknownFunction {
        /// The name asked for.
        name: String,
        /// The names there are, sorted.
        known: Vec<String>,
    },
    /// Nobody registered such a judge.
    #[error("there is no judge `{name}`; there is {}", listed(known))]
    UnknownJudge {
        /// The name asked for.
        name: String,
        /// The names there are, sorted.
        known: Vec<String>,
    },
    /// A judge text with nobody to judge.
    #[error("there is nobody to judge: add judges to the team")]
    NobodyToJudge,
    /// A panel of nobody.
    #[error("at least one judge is needed")]
    NoJudges,
    /// A criterion without words.
    #[error("the criterion is blank")]
    BlankCriterion,
    /// A share or score that is none.
    #[error("{value} is not within 0..=1")]
    OutOfRange {
        /// What was given.
        value: f64,
    },
    /// What cannot be undone may not rest on the word of judges alone.
    #[error("with reversibility low a judge alone is never the gate: join it by `all` with a check of another kind")]
    JudgeAlone,
    /// An `all` or `any` of nothing.
    #[error("there is nothing inside")]
    EmptyGroup,
    /// `none` inside another check.
    #[error("`none` asks for no check and cannot be a part of one")]
    NoneInside,
    /// Deeper than 32.
    #[error("checks stand more than {NESTING_MAX} deep inside one another")]
    TooDeep,
    /// More than 256.
    #[error("there are more than {CHECKS_MAX} checks")]
    TooMany,
    /// A structured output without a schema.
    #[error("a structured output needs a schema")]
    SchemaMissing,
    /// A schema for what is text.
    #[error("a schema is for structured or json output, not for {}", .format.as_str())]
    SchemaOnText {
        /// The format asked for.
        format: OutputFormat,
    },
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl Verifiers {
    /// Compiles a contract for a task or goal of this reversibility.
    ///
    /// # Errors
    /// All that is wrong with it, in the order of the contract.
    pub fn compile(
        &self,
        contract: &Contract,
        reversibility: Reversibility,
    ) -> Result<Arc<CompiledContract>, Vec<ContractProblem>> {
        let mut compiler = Compiler { verifiers: self, leaves: Vec::new(), problems: Vec::new() };
        let tree = match &contract.verify {
            Verify::None => None,
            verify => Some(compiler.check(verify, "/verify".to_owned(), 0)),
        };
        // The nesting is known to be bounded before anything walks the tree again.
        let deep = compiler.problems.iter().any(|problem| problem.fault == ContractFault::TooDeep);
        if reversibility == Reversibility::Low && !deep && judges_alone(&contract.verify, true) {
            compiler.problem("/verify", ContractFault::JudgeAlone);
        }
        let shape = compiler.shape(&contract.output);
        match compiler.problems.is_empty() {
            true => Ok(Arc::new(CompiledContract::new(contract.clone(), tree, compiler.leaves, shape))),
            false => Err(compiler.problems),
        }
    }
}

/// Whether findings of judges alone can make this check pass (or, inside a `not`, fail).
fn judges_alone(check: &Verify, passes: bool) -> bool {
    match (check, passes) {
        (Verify::Judge(_), _) => true,
        (Verify::Not(check), _) => judges_alone(check, !passes),
        (Verify::All(checks), true) | (Verify::Any(checks), false) => {
            !checks.is_empty() && checks.iter().all(|check| judges_alone(check, passes))
        }
        (Verify::All(checks), false) | (Verify::Any(checks), true) => {
            checks.iter().any(|check| judges_alone(check, passes))
        }
        _ => false,
    }
}

struct Compiler<'a> {
    verifiers: &'a Verifiers,
    leaves: Vec<Leaf>,
    problems: Vec<ContractProblem>,
}

impl Compiler<'_> {
    /// The tree of a check. Where something is wrong a problem is kept, and the tree will not be used.
    fn check(&mut self, check: &Verify, path: String, depth: usize) -> Tree {
        if depth > NESTING_MAX {
            self.problem(path, ContractFault::TooDeep);
            return Tree::All(Vec::new());
        }
        let leaf = match check {
            Verify::All(checks) => return Tree::All(self.group(checks, format!("{path}/all"), depth)),
            Verify::Any(checks) => return Tree::Any(self.group(checks, format!("{path}/any"), depth)),
            Verify::Not(check) => return Tree::Not(Box::new(self.check(check, format!("{path}/not"), depth + 1))),
            Verify::Contains(text) if text.is_empty() => Err((format!("{path}/contains"), ContractFault::EmptyText)),
            Verify::Contains(text) => Ok(Leaf::Contains(text.clone())),
            Verify::Equals(value) => Ok(Leaf::Equals(value.clone())),
            Verify::Regex(pattern) => {
                Pattern::compile(pattern).map(Leaf::Regex).map_err(|fault| (format!("{path}/regex"), fault))
            }
            Verify::Schema(schema) => match self.schema(schema.value(), &format!("{path}/schema")) {
                Some(schema) => Ok(Leaf::Schema(schema)),
                None => return Tree::All(Vec::new()),
            },
            Verify::Function(name) => match self.verifiers.function(name) {
                Some(verifier) => Ok(Leaf::Function { name: name.as_str().into(), verifier }),
                None => {
                    let fault =
                        ContractFault::UnknownFunction { name: name.clone(), known: self.verifiers.function_names() };
                    Err((format!("{path}/function"), fault))
                }
            },
            Verify::Judge(spec) => match self.panel(spec, &format!("{path}/judge")) {
                Some(panel) => Ok(Leaf::Judge(panel)),
                None => return Tree::All(Vec::new()),
            },
            // A check of a later version is no check at all here: refused, like `none`.
            _ => Err((path, ContractFault::NoneInside)),
        };
        match leaf {
            Ok(leaf) => self.leaf(leaf),
            Err((path, fault)) => {
                self.problem(path, fault);
                Tree::All(Vec::new())
            }
        }
    }

    fn leaf(&mut self, leaf: Leaf) -> Tree {
        self.leaves.push(leaf);
        if self.leaves.len() == CHECKS_MAX + 1 {
            self.problem("/verify", ContractFault::TooMany);
        }
        Tree::Leaf(self.leaves.len() - 1)
    }

    fn group(&mut self, checks: &[Verify], path: String, depth: usize) -> Vec<Tree> {
        if checks.is_empty() {
            self.problem(path, ContractFault::EmptyGroup);
            return Vec::new();
        }
        checks.iter().enumerate().map(|(at, check)| self.check(check, format!("{path}/{at}"), depth + 1)).collect()
    }

    fn schema(&mut self, schema: &serde_json::Value, path: &str) -> Option<Schema> {
        match Schema::compile(schema) {
            Ok(schema) => Some(schema),
            Err(faults) => {
                for fault in faults {
                    let at = format!("{path}{}", fault.at);
                    self.problem(at, ContractFault::InvalidSchema { message: fault.message });
                }
                None
            }
        }
    }

    fn panel(&mut self, spec: &JudgeSpec, path: &str) -> Option<Panel> {
        let before = self.problems.len();
        if spec.criterion.trim().is_empty() {
            self.problem(format!("{path}/criterion"), ContractFault::BlankCriterion);
        }
        if spec.judges == 0 {
            self.problem(format!("{path}/judges"), ContractFault::NoJudges);
        }
        for (field, value) in [("threshold", spec.threshold), ("consensus", spec.consensus)] {
            if !(0.0..=1.0).contains(&value) {
                self.problem(format!("{path}/{field}"), ContractFault::OutOfRange { value });
            }
        }
        let judges = match &spec.model {
            Some(name) => self.verifiers.named_judge(name).into_iter().collect(),
            None => self.verifiers.judges().to_vec(),
        };
        match &spec.model {
            Some(name) if judges.is_empty() => {
                let fault = ContractFault::UnknownJudge { name: name.clone(), known: self.verifiers.judge_names() };
                self.problem(format!("{path}/model"), fault);
            }
            None if judges.is_empty() => self.problem(path, ContractFault::NobodyToJudge),
            _ => {}
        }
        (self.problems.len() == before).then(|| Panel::new(spec.clone(), judges))
    }

    fn shape(&mut self, spec: &OutputSpec) -> Shape {
        let schema = spec.schema.as_ref().and_then(|schema| self.schema(schema.value(), "/output/schema"));
        let format = match (spec.format, &spec.schema) {
            // A schema says as much as the word: the output is structured.
            (None, Some(_)) => Some(OutputFormat::Structured),
            (format, _) => format,
        };
        match (format, &spec.schema) {
            (Some(OutputFormat::Structured), None) => self.problem("/output/format", ContractFault::SchemaMissing),
            (Some(format), Some(_)) if !format.is_json() => {
                self.problem("/output/schema", ContractFault::SchemaOnText { format });
            }
            _ => {}
        }
        Shape { format, schema, chars_max: spec.max_length }
    }

    fn problem(&mut self, path: impl Into<String>, fault: ContractFault) {
        self.problems.push(ContractProblem { path: path.into(), fault });
    }
}
