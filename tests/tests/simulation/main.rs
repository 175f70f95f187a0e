//! Whole runs, thousands of them, each drawn from a seed: first without actors, then on the real tree.

mod many;
mod simulator;
mod storms;
mod zoo;
