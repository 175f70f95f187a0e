//! Which seats that go down count as falls, and for how long.

use bailiwick_protocols::{AgentFact, event::SeatEnd};

use super::story::Story;
use crate::policies::SupervisorPolicy;

#[test]
fn a_seat_that_goes_down_in_order_is_no_fall() {
    let mut story = Story::new();
    let down = |why| AgentFact::SeatDown { seat: 1, delegation: None, why };
    for _ in 0..6 {
        // Recorded, and what follows was lost with the process.
        story.breaker.apply(&down(SeatEnd::Crashed("boom".into())), story.now);
    }

    let mut in_order = Story::new();
    (0..6).for_each(|_| in_order.breaker.apply(&down(SeatEnd::Idle), in_order.now));
    assert_eq!(in_order.falls(1), None, "it is the first fall");
    assert!(in_order.is_closed(""));

    let idle = story.breaker.decide(&down(SeatEnd::Idle), &story.scene(&[]));

    assert_eq!(idle, []);
    assert_ne!(story.breaker.decide(&down(SeatEnd::Crashed("boom".into())), &story.scene(&[])), []);
}

#[test]
fn a_fall_that_is_out_of_the_window_is_forgotten() {
    let (mut twice, mut once) = (Story::new(), Story::new());
    twice.falls(1);
    twice.wait(60);
    once.wait(60);

    twice.falls(1);
    once.falls(1);

    assert_eq!(twice.breaker.memory, once.breaker.memory);
}

#[test]
fn falls_from_before_the_trip_count_no_more_when_it_is_over() {
    let mut story = Story::new();
    story.draw = 0.0;
    for seat in 1..=6 {
        story.falls(seat);
    }
    story.wait(24);
    assert!(story.is_half_open(""));

    assert_eq!(story.falls(1), None, "it is the first of a new minute");

    assert!(story.is_half_open(""));
}
