//! Rust types in and out of an agent, by serde: what is given is read, and a function between types is an agent.

use std::any::TypeId;

use bailiwick_protocols::{Output, report::NotOfType};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
#[cfg(feature = "schema")]
use {
    super::{Agent, AgentError, AgentSpec},
    bailiwick_protocols::{AgentName, Capability, Code, Failure, Fault, OutputFormat, Report, Verify},
    schemars::JsonSchema,
    serde::Serialize,
    std::{future::Future, marker::PhantomData, sync::Arc},
};

use super::{AgentContext, MissingInput};

/// A function between types as an agent; made by [`agent_typed`].
#[cfg(feature = "schema")]
pub struct TypedAgent<F, In, Fut, Out> {
    function: F,
    _types: PhantomData<fn(In) -> (Fut, Out)>,
}

/// Why there is no such input.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InputError {
    /// The task has no input of this name.
    #[error(transparent)]
    Missing(#[from] MissingInput),
    /// It is something else.
    #[error("input from task `{task}`: {problem}")]
    NotOfType {
        /// Whose output it is.
        task: String,
        /// What is wrong, and where.
        problem: NotOfType,
    },
}

/// Makes an agent of a function from one type to another. What it is given is read as [`AgentContext::read`] says; its
/// answer is a structured output, examined against the schema of its type wherever a task asks for no check of its own.
/// `Task::typed::<Out>()` asks whoever does the task for such an answer.
#[cfg(feature = "schema")]
pub fn agent_typed<C, In, F, Fut, Out>(
    name: impl Into<AgentName>,
    capabilities: impl IntoIterator<Item = C>,
    function: F,
) -> AgentSpec
where
    C: Into<Capability>,
    In: DeserializeOwned + Send + 'static,
    F: Fn(In, AgentContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Out, AgentError>> + Send + 'static,
    Out: Serialize + JsonSchema + 'static,
{
    let agent = Arc::new(TypedAgent { function, _types: PhantomData });
    AgentSpec::new(name, capabilities, agent).produces(Verify::of::<Out>())
}

#[cfg(feature = "schema")]
impl<F, In, Fut, Out> Agent for TypedAgent<F, In, Fut, Out>
where
    In: DeserializeOwned + Send + 'static,
    F: Fn(In, AgentContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Out, AgentError>> + Send + 'static,
    Out: Serialize + 'static,
{
    async fn run(&self, task: AgentContext) -> Result<Report, AgentError> {
        let input = task.read::<In>().map_err(|problem| {
            // Whoever handed it on is to blame, and asking again changes nothing.
            let failure = Failure::new(Code::AgentError, Fault::Delegator, problem.to_string());
            AgentError::of(failure.final_here())
        })?;
        let answer = (self.function)(input, task).await.and_then(|answer| {
            serde_json::to_value(answer)
                .map_err(|error| AgentError::of(Failure::invalid_output(format!("the answer is not JSON: {error}"))))
        })?;
        Ok(Report::of(Output { format: OutputFormat::Structured, content: answer.into() }))
    }
}

impl AgentContext {
    /// The output of a task this one comes after, as a Rust type.
    ///
    /// # Errors
    /// If there is no such input, or it is something else.
    pub fn input_as<T: DeserializeOwned>(&self, task: &str) -> Result<T, InputError> {
        let problem = |problem| InputError::NotOfType { task: task.to_owned(), problem };
        self.input(task)?.parse().map_err(problem)
    }

    /// Everything this task is given, as one Rust type: the output of the one task it comes after, if the type reads
    /// that; else an object with the goal's params and, under their task ids, the outputs of all tasks it comes after
    /// (an output wins over a param of its name). `()` takes no notice of what is given.
    ///
    /// # Errors
    /// If the type reads none of them.
    pub fn read<T: DeserializeOwned + 'static>(&self) -> Result<T, NotOfType> {
        if TypeId::of::<T>() == TypeId::of::<()>() {
            return Output::json(Value::Null).parse();
        }
        let mut outputs = self.inputs().values();
        let mut said = None;
        if let (Some(only), None) = (outputs.next(), outputs.next()) {
            match only.parse() {
                Ok(read) => return Ok(read),
                Err(problem) => said = Some(problem),
            }
        }
        let params = self.brief().params.iter().map(|(name, value)| (name.clone(), value.value().clone()));
        let outputs = self.inputs().iter().map(|(task, output)| (task.to_string(), value_of(output)));
        let all: Map<String, Value> = params.chain(outputs).collect();
        Output::json(Value::Object(all)).parse().map_err(|problem| said.unwrap_or(problem))
    }
}

/// JSON as it is, a text as the JSON it holds, else as a string.
fn value_of(output: &Output) -> Value {
    output.parse().unwrap_or_else(|_| output.content.value().clone())
}
