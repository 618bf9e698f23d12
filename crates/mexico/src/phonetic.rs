//! A key that is the same for words that sound the same in Mexican Spanish: for finding candidates of a comparison, never for deciding.

use crate::name::fold;

/// b=v, s=z=c(e,i), ll=y, g(e,i)=j=x between vowels, h silent, qu=k, gu(e,i)=g, n before p or b = m, rr=r, ph=f, w=u, ñ=n.
/// `ch` is `X` in the key. The text may be one word or several; accents and case do not matter.
pub fn key(text: &str) -> String {
    fold(text).split(' ').map(word_key).collect::<Vec<_>>().join(" ")
}

fn word_key(word: &str) -> String {
    let letters: Vec<char> = word.chars().map(|c| if c == 'Ñ' { 'N' } else { c }).collect();
    let mut out = String::new();
    let mut at = 0;
    while at < letters.len() {
        let (sound, taken) = sound_at(&letters, at);
        if let Some(sound) = sound.filter(|s| !out.ends_with(*s)) {
            out.push(sound);
        }
        at += taken;
    }
    out
}

/// The sound at a place and how many letters it takes; none for a silent letter.
fn sound_at(letters: &[char], at: usize) -> (Option<char>, usize) {
    let next = letters.get(at + 1).copied().unwrap_or(' ');
    let after = letters.get(at + 2).copied().unwrap_or(' ');
    let soft = |c: char| matches!(c, 'E' | 'I' | 'Y');
    let vowel = |c: char| matches!(c, 'A' | 'E' | 'I' | 'O' | 'U');
    match (letters[at], next) {
        ('H', _) => (None, 1),
        ('V', _) => (Some('B'), 1),
        ('C', 'H') => (Some('X'), 2),
        ('P', 'H') => (Some('F'), 2),
        ('L', 'L') => (Some('Y'), 2),
        ('C', n) if soft(n) => (Some('S'), 1),
        ('C', _) => (Some('K'), 1),
        ('Z', _) => (Some('S'), 1),
        ('Q', 'U') if soft(after) => (Some('K'), 2),
        ('Q', _) => (Some('K'), 1),
        ('G', 'U') if soft(after) => (Some('G'), 2),
        ('G', n) if soft(n) => (Some('J'), 1),
        ('X', n) if vowel(n) => (Some('J'), 1),
        ('X', _) => (Some('S'), 1),
        ('N', 'P' | 'B' | 'V') => (Some('M'), 1),
        ('W', _) => (Some('U'), 1),
        ('Y', n) if !vowel(n) => (Some('I'), 1),
        (letter, _) => (Some(letter), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_sound_the_same_have_one_key() {
        for (a, b) in [
            ("Hernández", "Ernandes"),
            ("Vázquez", "Bazques"),
            ("Jiménez", "Gimenes"),
            ("Ximena", "Jimena"),
            ("Guillermo", "Guiyermo"),
            ("Quiroz", "Kiros"),
            ("Llamas", "Yamas"),
            ("Sofía", "Sophia"),
            ("Enbarba", "Embarba"),
            ("Félix", "Felis"),
            ("Garay", "Garai"),
            ("Peña", "Pena"),
            ("De la Cruz", "de la Crus"),
        ] {
            assert_eq!(key(a), key(b), "{a} {b}");
        }
    }

    #[test]
    fn words_that_sound_different_keep_different_keys() {
        for (a, b) in [("Chávez", "Cavez"), ("Pérez", "Peres Soto"), ("Mota", "Moto"), ("Rosas", "Rojas")] {
            assert_ne!(key(a), key(b), "{a} {b}");
        }
        assert_eq!(key(""), "");
    }
}
