//! The stories: every rule of `docs/semantics.md`, sections 1 to 7 and 13, told on a Stage in paused time.

mod assembly;
mod authority;
mod choice;
mod defects;
mod dispatch;
mod load;
mod outcomes;
#[path = "plugging/main.rs"]
mod plugging;
mod recursion;
mod routes;
mod settings;
mod tickets;
mod tidy;
mod tools;
