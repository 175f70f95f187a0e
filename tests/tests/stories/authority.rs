//! Authority at work: what agents may touch, whom they may ask, why they were refused, and what a breaker does.

mod asking;
mod blocking;
mod breaker;
mod delegate_tool;
mod explain;
mod identity;
mod shipped_tools;
mod starts;
mod subtree;
mod transfer;
mod who_may;
