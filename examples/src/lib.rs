//! The examples are the numbered files beside this folder. Here the Rust in the README and in the guides is compiled
//! and run, so that what they show is true.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
