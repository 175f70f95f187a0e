//! What a user plugs in, told from outside: these stories see nothing of the project but the crate `bailiwick`.

#[cfg(test)]
mod actors;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod choice;
#[cfg(test)]
mod judges;
#[cfg(test)]
mod planning;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod services;
#[cfg(test)]
mod trust;
#[cfg(test)]
mod typed;
#[cfg(test)]
mod verifiers;
