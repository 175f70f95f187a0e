//! A snapshot and the tail are the whole fold, wherever it was taken; and one that is of no use changes nothing.

#[path = "snapshots/cast.rs"]
mod cast;
#[path = "snapshots/departed.rs"]
mod departed;
#[path = "snapshots/law.rs"]
mod law;
#[path = "snapshots/replay.rs"]
mod replay;
#[path = "snapshots/starts.rs"]
mod starts;
#[path = "snapshots/useless.rs"]
mod useless;
