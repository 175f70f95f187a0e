//! Waiting longer each time, and never all at the same moment: the one formula for breakers and restarts.

use std::time::Duration;

/// The share by which a wait may be longer or shorter than computed: 20 %.
pub const JITTER: f64 = 0.2;

/// Returns `first` x 2^`times`, spread by ±`jitter` as `draw` (0.0..1.0) says, at most `longest`.
///
/// The bound holds for the spread wait too. Nothing overflows: whatever is too long is `longest`.
pub fn doubled(first: Duration, times: u32, longest: Duration, jitter: f64, draw: f64) -> Duration {
    let wait = first.as_secs_f64() * 2f64.powi(times.min(64) as i32);
    let spread = 1.0 + jitter.clamp(0.0, 1.0) * (2.0 * draw.clamp(0.0, 1.0) - 1.0);
    let millis = (wait.min(longest.as_secs_f64()) * spread * 1000.0).round();
    Duration::from_millis(millis as u64).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(30);
    const LONGEST: Duration = Duration::from_secs(1800);

    #[test]
    fn the_wait_doubles_until_it_is_the_longest() {
        let waits: Vec<u64> = (0..9).map(|n| doubled(FIRST, n, LONGEST, JITTER, 0.5).as_secs()).collect();

        assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1800, 1800, 1800]);
    }

    #[test]
    fn the_draw_spreads_it_by_a_fifth_either_way() {
        assert_eq!(doubled(FIRST, 0, LONGEST, JITTER, 0.0), Duration::from_secs(24));
        assert_eq!(doubled(FIRST, 0, LONGEST, JITTER, 1.0), Duration::from_secs(36));
    }

    #[test]
    fn no_draw_and_no_count_exceeds_the_longest() {
        assert_eq!(doubled(FIRST, 6, LONGEST, JITTER, 1.0), LONGEST);
        assert_eq!(doubled(FIRST, u32::MAX, LONGEST, JITTER, 1.0), LONGEST);
        assert_eq!(doubled(Duration::MAX, u32::MAX, LONGEST, JITTER, 0.5), LONGEST);
    }
}
