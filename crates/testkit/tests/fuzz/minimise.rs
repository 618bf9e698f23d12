//! A smaller input that still breaks the same promise: pieces left out as long as it does (Zeller's delta debugging, greedy).

/// Tries that one input is worth; each is a process.
const TRIES_MAX: usize = 300;

pub fn minimise(input: &[u8], breaks: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut best = input.to_vec();
    let mut tries = 0;
    let mut piece = best.len().div_ceil(2);
    while piece > 0 && tries < TRIES_MAX {
        let mut at = 0;
        let mut shorter = false;
        while at < best.len() && tries < TRIES_MAX {
            let mut without = best.clone();
            without.drain(at..(at + piece).min(best.len()));
            tries += 1;
            if breaks(&without) {
                best = without;
                shorter = true;
            } else {
                at += piece;
            }
        }
        if !shorter {
            piece /= 2;
        }
    }
    best
}

#[test]
fn what_breaks_is_cut_down_to_what_it_takes() {
    let input: Vec<u8> = (0..=255).collect();
    let least = minimise(&input, |bytes| bytes.contains(&77) && bytes.contains(&200));
    assert_eq!(least, [77, 200]);
}
