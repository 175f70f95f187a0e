//! The stories: the rules of `docs/semantics.md`, told on a Stage in paused time; and the rules of the house.

mod assembly;
mod breaker;
mod choice;
mod defects;
mod dispatch;
mod events;
mod ladder;
mod load;
mod outcomes;
mod papers;
mod recursion;
mod routes;
mod settings;
mod tickets;
mod time;
mod tools;
mod trust;
mod verification;
