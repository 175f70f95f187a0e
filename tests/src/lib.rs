//! What the stories, storms and timelines of this crate share.

pub mod simulator;
