//! Texts as they are compared: no case, no accents, white space as one space (FHIR R4, search.html#string).

use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Lower case without accents (`Ñ` is `n`), runs of white space as one space, none at the ends.
pub fn fold(text: &str) -> String {
    if text.is_ascii() { collapse(&text.to_ascii_lowercase()) } else { collapse(&stripped(text)) }
}

fn stripped(text: &str) -> String {
    text.nfd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .filter(|c| !is_combining_mark(*c))
        .collect()
}

fn collapse(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// A text both ways.
pub(super) fn both(text: &str) -> (Box<str>, Box<str>) {
    (fold(text).into(), Cow::Borrowed(text).into())
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn accents_case_and_spaces_make_no_difference() {
        for (text, folded) in [
            ("Muñoz  Ávila ", "munoz avila"),
            ("MUN\u{303}OZ", "munoz"),
            ("José-María", "jose-maria"),
            ("\tDe la O\n", "de la o"),
            ("Güémez", "guemez"),
            ("İstanbul", "istanbul"),
            ("", ""),
        ] {
            assert_eq!(fold(text), folded, "{text:?}");
        }
    }
}
