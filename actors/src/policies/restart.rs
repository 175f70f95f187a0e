//! How fast a seat that went down is replaced: the first at once, then slower and slower.
//!
//! It always answers `Restart`. That a seat which keeps falling gets no further one is the circuit breaker's answer,
//! which opens beyond the limit and is graver.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bailiwick_protocols::{AgentFact, Recovery, Timestamp, event::SeatEnd};
use serde::{Deserialize, Serialize};

use super::{
    Scene, SeatFailure, SupervisorPolicy,
    backoff::{self, doubled},
    take_up, write_down,
};

/// How crashed seats are replaced.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RestartSettings {
    /// The pause before the second restart within the window; it doubles with each (200 ms).
    pub backoff_min: Duration,
    /// The longest pause (30 s).
    pub backoff_max: Duration,
    /// Restarts within the window after which the breaker opens; `None` is max(5, seats / 10).
    pub max: Option<u32>,
    /// The window (60 s).
    pub within: Duration,
}

impl Default for RestartSettings {
    fn default() -> Self {
        Self {
            backoff_min: Duration::from_millis(200),
            backoff_max: Duration::from_secs(30),
            max: None,
            within: Duration::from_secs(60),
        }
    }
}

impl RestartSettings {
    /// The restarts within the window that are still borne: `max`, or max(5, seats / 10).
    pub fn limit(&self, seats: u32) -> u32 {
        self.max.unwrap_or(5.max(seats / 10))
    }
}

/// Whether a seat that ended like this has failed. Idle seats and those dismissed with their work have not.
pub(super) fn is_failure(why: &SeatEnd) -> bool {
    matches!(why, SeatEnd::Crashed(_) | SeatEnd::Killed)
}

/// More falls of one seat than this change no pause: it is the longest by then.
const FALLS_KEPT: usize = 64;

/// Replaces each seat that fails, after a pause that doubles while its falls lie close together.
#[derive(Clone, PartialEq, Debug)]
pub struct RestartPolicy {
    settings: RestartSettings,
    /// When each seat failed, within the window.
    falls: BTreeMap<u32, VecDeque<Timestamp>>,
}

impl RestartPolicy {
    /// Restarts by these settings.
    pub fn new(settings: RestartSettings) -> Self {
        Self { settings, falls: BTreeMap::new() }
    }

    /// The falls of a seat within the window that ends now.
    fn falls(&self, seat: u32, now: Timestamp) -> u32 {
        let recent = |at: &&Timestamp| now.since(**at) < self.settings.within;
        self.falls.get(&seat).map_or(0, |falls| falls.iter().filter(recent).count() as u32)
    }
}

impl SupervisorPolicy for RestartPolicy {
    fn name(&self) -> &'static str {
        "restart"
    }

    fn apply(&mut self, fact: &AgentFact, at: Timestamp) {
        let AgentFact::SeatDown { seat, why, .. } = fact else { return };
        if !is_failure(why) {
            return;
        }
        let within = self.settings.within;
        self.falls.retain(|_, falls| falls.back().is_some_and(|last| at.since(*last) < within));
        let falls = self.falls.entry(*seat).or_default();
        falls.retain(|fall| at.since(*fall) < within);
        if falls.len() == FALLS_KEPT {
            falls.pop_front();
        }
        falls.push_back(at);
    }

    fn recover(&self, failure: &SeatFailure, scene: &Scene<'_>) -> Option<Recovery> {
        if !is_failure(&failure.why) {
            return None;
        }
        // The fall that is asked about is counted already.
        let after = match self.falls(failure.seat, scene.now) {
            0 | 1 => Duration::ZERO,
            falls => {
                let RestartSettings { backoff_min, backoff_max, .. } = self.settings;
                doubled(backoff_min, falls - 2, backoff_max, backoff::JITTER, scene.draw)
            }
        };
        Some(Recovery::Restart { after })
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self.settings).unwrap_or_default()
    }

    fn memory(&self) -> Option<Vec<u8>> {
        write_down(&self.falls)
    }

    fn remember(&mut self, memory: &[u8]) -> bool {
        take_up(&mut self.falls, memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policies::given::{scene, second};

    fn crash(policy: &mut RestartPolicy, seat: u32, at: Timestamp) -> u128 {
        crash_drawn(policy, seat, at, 0.5)
    }

    fn crash_drawn(policy: &mut RestartPolicy, seat: u32, at: Timestamp, draw: f64) -> u128 {
        let why = SeatEnd::Crashed("boom".into());
        policy.apply(&AgentFact::SeatDown { seat, delegation: None, why: why.clone() }, at);
        match policy.recover(&SeatFailure { seat, why }, &Scene { draw, ..scene(at) }) {
            Some(Recovery::Restart { after }) => after.as_millis(),
            other => panic!("it always restarts, and said {other:?}"),
        }
    }

    #[test]
    fn the_first_restart_is_at_once_and_then_each_waits_twice_as_long() {
        let mut policy = RestartPolicy::new(RestartSettings::default());

        let waits: Vec<u128> = (0..12).map(|n| crash(&mut policy, 1, second(n))).collect();

        assert_eq!(waits, [0, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000, 30000]);
    }

    #[test]
    fn a_quiet_minute_makes_the_next_restart_the_first_again() {
        let mut policy = RestartPolicy::new(RestartSettings::default());
        crash(&mut policy, 1, second(0));

        assert_eq!(crash(&mut policy, 1, second(59)), 200);
        assert_eq!(crash(&mut policy, 1, second(119)), 0);
    }

    #[test]
    fn each_seat_falls_for_itself() {
        let mut policy = RestartPolicy::new(RestartSettings::default());
        crash(&mut policy, 1, second(0));

        assert_eq!(crash(&mut policy, 2, second(1)), 0);
    }

    #[test]
    fn the_pause_is_spread_by_a_fifth() {
        let mut policy = RestartPolicy::new(RestartSettings::default());
        crash(&mut policy, 1, second(0));

        assert_eq!(crash_drawn(&mut policy, 1, second(1), 0.0), 160);
        assert_eq!(crash_drawn(&mut policy, 1, second(2), 1.0), 480);
    }

    #[test]
    fn a_seat_that_was_idle_or_dismissed_has_not_fallen() {
        let mut policy = RestartPolicy::new(RestartSettings::default());

        for why in [SeatEnd::Idle, SeatEnd::Dismissed] {
            policy.apply(&AgentFact::SeatDown { seat: 1, delegation: None, why: why.clone() }, second(0));
            assert_eq!(policy.recover(&SeatFailure { seat: 1, why }, &scene(second(0))), None);
        }

        assert_eq!(crash(&mut policy, 1, second(1)), 0);
    }

    #[test]
    fn a_seat_that_falls_for_ever_is_remembered_in_little_room() {
        let mut policy = RestartPolicy::new(RestartSettings::default());

        for millis in 0..10_000 {
            crash(&mut policy, 1, Timestamp::from_millis(millis));
        }

        assert_eq!(policy.falls[&1].len(), FALLS_KEPT);
    }

    #[test]
    fn five_restarts_or_a_tenth_of_the_seats_are_borne() {
        let settings = RestartSettings::default();

        assert_eq!([1, 50, 60, 200].map(|seats| settings.limit(seats)), [5, 5, 6, 20]);
        assert_eq!(RestartSettings { max: Some(2), ..settings }.limit(200), 2);
    }
}
