//! Authority at work: what agents may touch, whom they may ask, why they were refused, and what a breaker does.

mod shipped_tools;
