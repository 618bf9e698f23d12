//! Specific Character Set: bytes to text and back, and the folding under which names compare (PS3.3 C.12.1.1.2, PS3.5 section 6.1).

mod decode;
mod encode;
mod repertoire;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

pub use repertoire::Repertoire;

/// More terms than any real object has; the rest are left out.
pub const TERMS_MAX: usize = 8;

/// The value of Specific Character Set (0008,0005). No terms: the default repertoire, ISO-IR 6.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Charset {
    terms: Vec<Repertoire>,
}

impl Charset {
    /// Reads the defined terms, also in the misspellings that are about; terms that say nothing known are told.
    pub fn parse(value: &str) -> (Charset, Option<String>) {
        let mut charset = Charset::default();
        let mut unknown = None;
        for (index, term) in value.split('\\').take(TERMS_MAX).enumerate() {
            match Repertoire::of_term(term) {
                Some(repertoire) => charset.terms.push(repertoire),
                None => {
                    unknown =
                        Some(format!("value {} of Specific Character Set is not a defined term", index + 1));
                    charset.terms.push(Repertoire::Ascii);
                }
            }
        }
        if charset.terms == [Repertoire::Ascii] {
            charset.terms.clear();
        }
        (charset, unknown)
    }

    /// `ISO_IR 192`: every character fits.
    pub fn utf8() -> Charset {
        Charset { terms: vec![Repertoire::Utf8] }
    }

    /// `ISO_IR 100`.
    pub fn latin1() -> Charset {
        Charset { terms: vec![Repertoire::Latin1] }
    }

    /// The value to write in (0008,0005); empty for the default repertoire.
    pub fn term(&self) -> String {
        let extended = self.terms.len() > 1;
        let terms: Vec<_> = self.terms.iter().map(|t| t.term(extended)).collect();
        terms.join("\\")
    }

    pub fn is_default(&self) -> bool {
        self.terms.is_empty()
    }

    pub(crate) fn terms(&self) -> &[Repertoire] {
        &self.terms
    }

    fn first(&self) -> Repertoire {
        self.terms.first().copied().unwrap_or(Repertoire::Ascii)
    }
}

/// Text of a value, leniently: what does not fit becomes U+FFFD and is told. Text that claims the default repertoire and
/// is not ASCII is read as UTF-8 where that is well formed, otherwise as Latin-1, and told.
pub fn decode(bytes: &[u8], charset: &Charset) -> (String, Option<&'static str>) {
    decode::decode(bytes, charset)
}

/// Bytes of a text, and the characters that the repertoires do not have (each written as `?`).
pub fn encode(text: &str, charset: &Charset) -> (Vec<u8>, Vec<char>) {
    encode::encode(text, charset)
}

/// The form in which names compare: lower case, no accents (Ñ folds to n), white space collapsed.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut space = false;
    for c in text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        if c.is_whitespace() {
            space = !folded.is_empty();
            continue;
        }
        if std::mem::take(&mut space) {
            folded.push(' ');
        }
        match c {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' => folded.push('d'),
            'ı' => folded.push('i'),
            // `İ` in lower case carries a dot above.
            c if is_combining_mark(c) => {}
            c => folded.push(c),
        }
    }
    folded
}

#[cfg(test)]
mod tests;
