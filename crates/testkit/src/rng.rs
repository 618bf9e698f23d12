//! A small seeded generator: xoshiro256** started by splitmix64 (Blackman and Vigna). Not for secrets.

/// The same seed gives the same draws on every machine.
#[derive(Debug, Clone)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    pub fn new(seed: u64) -> Rng {
        let mut word = seed;
        let mut next = || {
            word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        Rng { state: [next(), next(), next(), next()] }
    }

    /// A generator of its own for one thing: what is drawn for one person does not move another.
    pub fn of(seed: u64, what: &str, index: u64) -> Rng {
        // FNV-1a over the name of the thing.
        let name = what
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
        let mut outer = Rng::new(seed ^ name);
        Rng::new(outer.next_u64() ^ index.wrapping_mul(0xd134_2543_de82_ef95))
    }

    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let drawn = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        drawn
    }

    /// From 0 to `limit - 1`; 0 for a limit of 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(limit)) >> 64) as u64
    }

    /// Both ends included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True in so many of a hundred draws.
    pub fn percent(&mut self, of_hundred: u64) -> bool {
        self.below(100) < of_hundred
    }

    /// One of the items, each as likely; the slice is not empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// One of the items by its weight; the weights are not all 0.
    pub fn weighted<'a, T>(&mut self, items: &'a [(T, u32)]) -> &'a T {
        let total = items.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut left = self.below(total);
        for (item, weight) in items {
            match left.checked_sub(u64::from(*weight)) {
                Some(rest) => left = rest,
                None => return item,
            }
        }
        &items[items.len() - 1].0
    }

    /// Every order of the items is as likely.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let drawn = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
    }

    /// A DICOM UID under the root of UUIDs (PS3.5 annex B.2), with the bits of a version 4 UUID.
    pub fn uid(&mut self) -> String {
        let drawn = (u128::from(self.next_u64()) << 64) | u128::from(self.next_u64());
        let version = drawn & !(0xf << 76) | (0x4 << 76);
        let variant = version & !(0x3 << 62) | (0x2 << 62);
        format!("2.25.{variant}")
    }

    /// So many decimal digits, the first not 0.
    pub fn digits(&mut self, count: usize) -> String {
        let mut text = self.between(1, 9).to_string();
        while text.len() < count {
            text.push(char::from(b'0' + self.below(10) as u8));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_draws_and_another_seed_others() {
        let draws = |seed| {
            let mut rng = Rng::new(seed);
            (0..100).map(|_| rng.next_u64()).collect::<Vec<_>>()
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
        assert_ne!(Rng::of(7, "person", 1).next_u64(), Rng::of(7, "person", 2).next_u64());
        assert_ne!(Rng::of(7, "person", 1).next_u64(), Rng::of(7, "order", 1).next_u64());
    }

    #[test]
    fn draws_are_even_and_weights_are_kept() {
        let mut rng = Rng::new(1);
        let mut counts = [0_u32; 10];
        for _ in 0..100_000 {
            counts[rng.below(10) as usize] += 1;
        }
        assert!(counts.iter().all(|c| (9_500..10_500).contains(c)), "{counts:?}");
        let heavy = (0..10_000).filter(|_| *rng.weighted(&[(true, 3), (false, 1)])).count();
        assert!((7_200..7_800).contains(&heavy), "{heavy}");
        assert_eq!(rng.below(0), 0);
    }

    #[test]
    fn a_shuffle_loses_nothing() {
        let mut items: Vec<u32> = (0..100).collect();
        Rng::new(3).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn uids_are_uids_and_differ() {
        let mut rng = Rng::new(5);
        let uids: std::collections::HashSet<String> = (0..1000).map(|_| rng.uid()).collect();
        assert_eq!(uids.len(), 1000);
        for uid in &uids {
            assert!(badiano_kernel::id::Uid::parse(uid).is_ok(), "{uid}");
        }
        assert_eq!(rng.digits(8).len(), 8);
    }
}
