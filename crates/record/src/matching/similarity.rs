//! How alike two texts are: Jaro-Winkler (Winkler 1990) and the restricted Damerau-Levenshtein distance, on bytes of folded text.

/// Longer texts are cut: no name is as long, and the cost grows with the square.
const BYTES_MAX: usize = 64;

/// 0 (nothing alike) to 1 (equal); a common beginning counts more.
pub fn jaro_winkler(a: &str, b: &str) -> f64 {
    let (a, b) = (cut(a), cut(b));
    let jaro = jaro(a, b);
    let prefix = a.iter().zip(b).take(4).take_while(|(x, y)| x == y).count();
    jaro + prefix as f64 * 0.1 * (1.0 - jaro)
}

fn cut(text: &str) -> &[u8] {
    &text.as_bytes()[..text.len().min(BYTES_MAX)]
}

fn jaro(a: &[u8], b: &[u8]) -> f64 {
    if a.is_empty() || b.is_empty() {
        return if a.len() == b.len() { 1.0 } else { 0.0 };
    }
    let window = (a.len().max(b.len()) / 2).saturating_sub(1);
    let (mut in_a, mut in_b) = (0u64, 0u64);
    for (i, x) in a.iter().enumerate() {
        let from = i.saturating_sub(window);
        let until = (i + window + 1).min(b.len());
        if let Some(j) = (from..until).find(|&j| in_b & (1 << j) == 0 && b[j] == *x) {
            in_a |= 1 << i;
            in_b |= 1 << j;
        }
    }
    let matches = f64::from(in_a.count_ones());
    if matches == 0.0 {
        return 0.0;
    }
    let moved = picked(a, in_a).zip(picked(b, in_b)).filter(|(x, y)| x != y).count() as f64 / 2.0;
    (matches / a.len() as f64 + matches / b.len() as f64 + (matches - moved) / matches) / 3.0
}

/// The bytes whose bits are set.
fn picked(text: &[u8], mask: u64) -> impl Iterator<Item = u8> {
    text.iter().enumerate().filter(move |(i, _)| mask & (1 << i) != 0).map(|(_, c)| *c)
}

/// Insertions, deletions, replacements and swaps of neighbours that make one text the other; `limit + 1` where it is more.
pub fn edits(a: &[u8], b: &[u8], limit: usize) -> usize {
    let far = limit + 1;
    if a.len().abs_diff(b.len()) > limit || a.len().max(b.len()) > BYTES_MAX {
        return if a == b { 0 } else { far };
    }
    // What both begin and end with costs nothing, save that a swap may reach one byte into it.
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[same..], &b[same..]);
    let same = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[..a.len() - same], &b[..b.len() - same]);
    if a.is_empty() || b.is_empty() {
        return a.len().max(b.len());
    }
    within(a, b, limit)
}

/// The matrix of distances, of which only cells within the limit of the diagonal can stay within it; three rows are kept.
fn within(a: &[u8], b: &[u8], limit: usize) -> usize {
    let far = u8::try_from(limit + 1).unwrap_or(u8::MAX);
    let mut rows = [[far; BYTES_MAX + 2]; 3];
    (0..=limit.min(b.len())).for_each(|j| rows[0][j] = j as u8);
    for i in 1..=a.len() {
        let [row, above, before] = [i % 3, (i + 2) % 3, (i + 1) % 3];
        let (from, until) = (i.saturating_sub(limit).max(1), (i + limit).min(b.len()));
        rows[row][from - 1] = if from == 1 && i <= limit { i as u8 } else { far };
        let mut least = rows[row][from - 1];
        for j in from..=until {
            let differ = u8::from(a[i - 1] != b[j - 1]);
            let mut cell =
                (rows[above][j] + 1).min(rows[row][j - 1] + 1).min(rows[above][j - 1] + differ).min(far);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                cell = cell.min(rows[before][j - 2] + 1);
            }
            rows[row][j] = cell;
            least = least.min(cell);
        }
        rows[row][until + 1] = far;
        if least == far && rows[above][from - 1..=until].iter().all(|cell| *cell == far) {
            return usize::from(far);
        }
    }
    usize::from(rows[a.len() % 3][b.len()].min(far))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_values_of_jaro_winkler_are_met() {
        for (a, b, expected) in
            [("MARTHA", "MARHTA", 0.961), ("DIXON", "DICKSONX", 0.813), ("DWAYNE", "DUANE", 0.840)]
        {
            assert!((jaro_winkler(a, b) - expected).abs() < 0.001, "{a} {b}: {}", jaro_winkler(a, b));
        }
        assert!(jaro_winkler("", "A") < 0.01);
    }

    #[test]
    fn the_band_gives_what_the_whole_matrix_gives() {
        let whole = |a: &[u8], b: &[u8]| {
            let mut d = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
            for i in 0..=a.len() {
                for j in 0..=b.len() {
                    if i == 0 || j == 0 {
                        d[i][j] = i + j;
                        continue;
                    }
                    let differ = usize::from(a[i - 1] != b[j - 1]);
                    d[i][j] = (d[i - 1][j] + 1).min(d[i][j - 1] + 1).min(d[i - 1][j - 1] + differ);
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        d[i][j] = d[i][j].min(d[i - 2][j - 2] + 1);
                    }
                }
            }
            d[a.len()][b.len()]
        };
        let mut rng = badiano_testkit::Rng::new(20_261_123);
        for _ in 0..20_000 {
            let text = |rng: &mut badiano_testkit::Rng| -> Vec<u8> {
                (0..rng.below(9)).map(|_| b'a' + rng.below(3) as u8).collect()
            };
            let (a, b) = (text(&mut rng), text(&mut rng));
            for limit in 0..4 {
                assert_eq!(edits(&a, &b, limit), whole(&a, &b).min(limit + 1), "{a:?} {b:?} within {limit}");
            }
        }
    }

    #[test]
    fn a_swap_of_neighbours_is_one_edit() {
        assert_eq!(edits(b"19800213", b"19800231", 3), 1);
        assert_eq!(edits(b"kitten", b"sitting", 5), 3);
        assert_eq!(edits(b"sitting", b"kitten", 2), 3, "one more than the limit");
        assert_eq!(edits(b"", b"ab", 2), 2);
        assert_eq!(edits(b"abcdef", b"ghijkl", 2), 3, "beyond the limit nothing is told");
    }
}
