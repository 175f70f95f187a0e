//! The stories: every rule of `docs/semantics.md`, sections 1 to 7 and 13, told on a Stage in paused time.

mod assembly;
mod breaker;
mod choice;
mod defects;
mod dispatch;
mod events;
mod ladder;
mod load;
mod outcomes;
mod recursion;
mod routes;
mod settings;
mod tickets;
mod time;
mod tools;
mod trust;
mod verification;
