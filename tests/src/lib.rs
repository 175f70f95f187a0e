//! What the stories have in common: teams that are easy to set, witnesses of what agents were told, the laws that must
//! hold after every story, whatever it was about, and the simulator.

pub mod laws;
pub mod play;
pub mod plot;
pub mod simulator;
pub mod witness;

pub use play::{Play, open};
pub use plot::*;
pub use witness::{Seen, Witness};
