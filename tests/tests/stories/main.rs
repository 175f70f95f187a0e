//! The stories: the rules of `docs/semantics.md`, told on a Stage in paused time; and the rules of the house.

mod assembly;
mod breaker;
mod budget;
mod choice;
mod defects;
mod dispatch;
mod events;
mod journal;
mod ladder;
mod load;
mod mandate;
mod messages;
mod outcomes;
mod papers;
mod policies;
mod recursion;
mod routes;
mod seats;
mod settings;
mod supervision;
mod tickets;
mod tidy;
mod time;
mod tools;
mod trust;
mod verification;
