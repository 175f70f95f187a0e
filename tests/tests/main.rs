//! The stories: the rules of `docs/semantics.md`, told on a Stage in paused time; and the rules of the house.

mod assembly;
mod choice;
mod defects;
mod dispatch;
mod load;
mod outcomes;
mod papers;
#[path = "plugging/main.rs"]
mod plugging;
mod recursion;
mod routes;
mod settings;
mod tickets;
mod tidy;
mod tools;
