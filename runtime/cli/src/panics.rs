//! Panics are caught where they happen, an agent's among them: nothing is printed over the tree of tasks.
//!
//! The last one is kept for the message of a defect. With RUST_BACKTRACE set each is printed as usual.

use std::sync::{Mutex, PoisonError};

static LAST: Mutex<Option<String>> = Mutex::new(None);

/// Keeps panics from printing, unless a backtrace is wanted.
pub(crate) fn keep_quiet() {
    let usual = std::panic::take_hook();
    let loud = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
    std::panic::set_hook(Box::new(move |panic| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let message = text.or(payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message");
        let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("{message}{place}"));
        if loud {
            usual(panic);
        }
    }));
}

/// The last panic seen.
pub(crate) fn last() -> Option<String> {
    LAST.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
