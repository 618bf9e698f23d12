//! How times are spread: the percentiles of a list, by the nearest rank.

use std::time::Duration;

/// Times in their order.
pub struct Spread(Vec<Duration>);

pub fn of(mut times: Vec<Duration>) -> Spread {
    times.sort_unstable();
    Spread(times)
}

impl Spread {
    /// In milliseconds; 0 of an empty list.
    pub fn percentile_ms(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).map_or(0.0, |t| t.as_secs_f64() * 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, of};

    #[test]
    fn the_nearest_rank_is_taken() {
        let times = of((1..=100).rev().map(Duration::from_millis).collect());
        assert_eq!([50, 95, 100].map(|p| times.percentile_ms(p)), [50.0, 95.0, 100.0]);
        let one = of(vec![Duration::from_millis(7)]);
        assert_eq!([1, 99].map(|p| one.percentile_ms(p)), [7.0, 7.0]);
        assert_eq!(of(Vec::new()).percentile_ms(50), 0.0);
    }
}
