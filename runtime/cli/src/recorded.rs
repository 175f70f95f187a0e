//! Commands over what journals hold: nothing is run here but by `resume`, and nothing is changed but by `cancel`,
//! `breakers release` and `runs prune`.

pub(crate) mod audit;
pub(crate) mod breakers;
pub(crate) mod cancel;
pub(crate) mod events;
pub(crate) mod place;
pub(crate) mod prune;
pub(crate) mod replay;
pub(crate) mod resume;
pub(crate) mod runs;
pub(crate) mod show;
pub(crate) mod trust;
pub(crate) mod why;
