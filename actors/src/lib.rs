//! Who does it: the supervised actors of Bailiwick and the pure state machines they carry.

pub mod agents;
pub mod policies;
pub mod trust_tracker;
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
