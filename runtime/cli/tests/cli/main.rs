//! The program as its users meet it. In real time, with real programs.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "programs know no virtual time, and no runtime waits here"
)]

mod disk;
mod hostile;
mod recorded;
mod repo_audit;
mod retention;
mod run;
mod shown;
mod support;
mod wrong;
