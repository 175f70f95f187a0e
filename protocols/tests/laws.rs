//! The laws of the vocabulary: what must hold of every value that can be said, whoever says it.
//!
//! One binary. `arbitrary` draws values of every type; the other modules are named after what they hold to its word.

mod laws {
    mod arbitrary;
    mod codec;
    mod mandates;
    mod names;
    mod outcomes;
    mod permissions;
    mod tasks;
    mod variants;
}
