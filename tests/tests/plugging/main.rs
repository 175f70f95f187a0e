//! What a user plugs in, from outside: this crate sees nothing but the public surface of `bailiwick`.

mod actors;
mod changes;
