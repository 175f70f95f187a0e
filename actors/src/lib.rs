//! Who does it: the supervised actors of Bailiwick and the plain state machines they carry.
//!
//! An actor's file is its mailbox; the folder beside it thinks. `messages` is the page that shows how they talk.
//! Deliberately absent: no file, no socket and no clock outside `world`, `tools`, `agents/command` and a journal.

pub mod address;
pub mod agent_supervisor;
pub mod agents;
pub mod agents_root;
pub mod audit_log;
pub mod authority;
pub mod coordinator;
pub mod directory;
pub mod edge;
pub mod goal;
pub mod messages;
pub mod planners;
pub mod policies;
pub mod root;
pub mod routers;
pub mod switchboard;
pub mod team;
pub mod tools;
pub mod trust_tracker;
pub mod turn;
pub mod verifier_pool;
pub mod verifiers;
pub mod world;

/// What a panic said, as text.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "a panic without a message".to_owned(),
    }
}

/// Where two texts part, with a little of what stands around it.
pub(crate) fn difference(live: &str, folded: &str) -> String {
    let apart = live.chars().zip(folded.chars()).take_while(|(a, b)| a == b).count();
    let around = |text: &str| text.chars().skip(apart.saturating_sub(200)).take(400).collect::<String>();
    format!("\nlive ..{}\nfold ..{}", around(live), around(folded))
}
