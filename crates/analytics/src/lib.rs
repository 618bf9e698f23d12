//! Indicators of a house, counted through a session: decided and audited as every read, and of nobody.
//!
//! Not there yet: SQL on FHIR views, a warehouse, surveillance, questions to many houses at once.

pub mod imaging;

/// A count below this may point at somebody, and is not told.
pub const COUNT_MIN: u64 = 5;

/// A count as it may be told: none where it is small. Zero is told. No sum is given beside it, from which it would follow.
pub fn told(count: u64) -> Option<u64> {
    (count == 0 || count >= COUNT_MIN).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn a_small_count_is_not_told() {
        assert_eq!((0..7).map(told).collect::<Vec<_>>(), [Some(0), None, None, None, None, Some(5), Some(6)]);
    }
}
