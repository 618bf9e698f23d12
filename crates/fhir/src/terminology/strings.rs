//! Many short texts, lists and sets of numbers in a few allocations each: what a code system of any size is made of (FHIR R4,
//! codesystem.html).

/// Texts one behind the other, by their number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Strings {
    pub text: String,
    pub ends: Vec<u32>,
}

impl Strings {
    /// The number of the new text; nothing when 4 GB are full.
    pub fn push(&mut self, text: &str) -> Option<u32> {
        let end = u32::try_from(self.text.len() + text.len()).ok()?;
        let at = u32::try_from(self.ends.len()).ok()?;
        self.text.push_str(text);
        self.ends.push(end);
        Some(at)
    }
    pub fn get(&self, at: u32) -> &str {
        let at = at as usize;
        let from = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.text[from..self.ends[at] as usize]
    }
    pub fn len(&self) -> u32 {
        u32::try_from(self.ends.len()).expect("push counts in this type")
    }
}

/// A list of numbers for each of many things.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lists {
    pub ends: Vec<u32>,
    pub items: Vec<u32>,
}

impl Lists {
    pub fn push(&mut self, items: impl IntoIterator<Item = u32>) {
        self.items.extend(items);
        self.ends
            .push(u32::try_from(self.items.len()).expect("the reader of a code system counts its links"));
    }
    pub fn get(&self, at: u32) -> &[u32] {
        &self.items[self.range(at)]
    }
    pub fn range(&self, at: u32) -> std::ops::Range<usize> {
        let at = at as usize;
        let from = if at == 0 { 0 } else { self.ends.get(at - 1).map_or(0, |e| *e as usize) };
        from..self.ends.get(at).map_or(from, |e| *e as usize)
    }
    /// The same links seen from their other end.
    pub fn turned(&self, count: u32) -> Lists {
        let mut sizes = vec![0_u32; count as usize];
        self.items.iter().for_each(|to| sizes[*to as usize] += 1);
        let mut next: Vec<u32> = Vec::with_capacity(sizes.len());
        let mut sum = 0;
        let mut ends = Vec::with_capacity(sizes.len());
        for size in sizes {
            next.push(sum);
            sum += size;
            ends.push(sum);
        }
        let mut items = vec![0; self.items.len()];
        for from in 0..count {
            for to in self.get(from) {
                let place = &mut next[*to as usize];
                items[*place as usize] = from;
                *place += 1;
            }
        }
        Lists { ends, items }
    }
}

/// A set of small numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    pub fn none(size: u32) -> Self {
        Bits { words: vec![0; (size as usize).div_ceil(64)] }
    }
    pub fn all(size: u32) -> Self {
        let mut bits = Bits { words: vec![u64::MAX; (size as usize).div_ceil(64)] };
        if let (Some(last), rest @ 1..) = (bits.words.last_mut(), size % 64) {
            *last = (1 << rest) - 1;
        }
        bits
    }
    /// Whether it was not there before.
    pub fn add(&mut self, at: u32) -> bool {
        let (word, bit) = (&mut self.words[at as usize / 64], 1 << (at % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
    pub fn remove(&mut self, at: u32) {
        self.words[at as usize / 64] &= !(1 << (at % 64));
    }
    pub fn has(&self, at: u32) -> bool {
        self.words.get(at as usize / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
    }
    pub fn keep(&mut self, other: &Bits) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= b);
    }
    pub fn drop_all(&mut self, other: &Bits) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= !b);
    }
    pub fn count(&self) -> usize {
        self.words.iter().map(|w| w.count_ones() as usize).sum()
    }
    /// In rising order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.words.iter().zip((0..).step_by(64)).flat_map(|(word, from)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let at = from + rest.trailing_zeros();
                    rest &= rest - 1;
                    at
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_turned_round() {
        let mut up = Lists::default();
        for of in [&[][..], &[0], &[0], &[1, 2]] {
            up.push(of.iter().copied());
        }
        let down = up.turned(4);
        assert_eq!(
            (0..4).map(|n| down.get(n).to_vec()).collect::<Vec<_>>(),
            [vec![1, 2], vec![3], vec![3], vec![]]
        );
    }

    #[test]
    fn a_set_keeps_what_is_put_in() {
        let mut set = Bits::none(130);
        assert!(set.add(129) && set.add(3) && !set.add(3) && !set.has(4));
        assert_eq!(set.iter().collect::<Vec<_>>(), [3, 129]);
        assert_eq!((Bits::all(130).count(), Bits::all(64).count(), Bits::all(0).count()), (130, 64, 0));
        let mut rest = Bits::all(130);
        rest.drop_all(&set);
        assert_eq!(rest.count(), 128);
        rest.keep(&set);
        assert_eq!(rest.count(), 0);
    }
}
