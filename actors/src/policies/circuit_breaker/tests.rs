//! The circuit breaker as a plain value: stories of work let in, ended, and answered.

mod falls;
mod gates;
mod laws;
mod story;
mod triggers;
