//! Contracts from Rust types, behind the feature `schema`: the JSON Schema of a type is what its outputs must meet.

use schemars::JsonSchema;

use crate::{Contract, Goal, Json, OutputFormat, OutputSpec, Task, Verify};

impl Json {
    /// The JSON Schema (2020-12) of a type.
    pub fn schema_of<T: JsonSchema>() -> Self {
        Json(schemars::SchemaGenerator::default().into_root_schema_for::<T>().to_value())
    }
}

impl Verify {
    /// The output is what `T` reads.
    pub fn of<T: JsonSchema>() -> Self {
        Verify::Schema(Json::schema_of::<T>())
    }
}

impl OutputSpec {
    /// A structured output that `T` reads.
    pub fn of<T: JsonSchema>() -> Self {
        Self { format: Some(OutputFormat::Structured), schema: Some(Json::schema_of::<T>()), max_length: None }
    }
}

impl Contract {
    /// A structured output that `T` reads: as a shape, and, where no other check is asked for, as the check.
    fn typed<T: JsonSchema>(&mut self) {
        self.output = OutputSpec { max_length: self.output.max_length, ..OutputSpec::of::<T>() };
        if self.verify == Verify::None {
            self.verify = Verify::of::<T>();
        }
    }
}

impl Task {
    /// Asks for a structured output that `T` reads. A check of your own, stated before or after, takes the place of the
    /// schema's; the shape stays.
    pub fn typed<T: JsonSchema>(mut self) -> Self {
        self.contract.typed::<T>();
        self
    }
}

impl Goal {
    /// Asks for a structured output that `T` reads. A check of your own, stated before or after, takes the place of the
    /// schema's; the shape stays.
    pub fn typed<T: JsonSchema>(mut self) -> Self {
        self.contract.typed::<T>();
        self
    }
}
