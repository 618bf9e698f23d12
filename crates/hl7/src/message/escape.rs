//! Escape sequences in text fields (HL7 v2.5.1 section 2.7).

use super::charset::Charset;
use super::delimiters::Delimiters;
use std::borrow::Cow;

/// Longest escape sequence between its two signs; a longer run of text is text.
const SEQUENCE_MAX: usize = 8 << 10;

/// The text that a written text stands for. Sequences that are not known here stay as they are written.
///
/// `\.br\` and `\.sp\` become line breaks, `\H\` and `\N\` (highlighting) are dropped, `\X..\` is read in the
/// character set of the message.
pub fn unescape<'t>(text: Cow<'t, str>, delimiters: &Delimiters, charset: Charset) -> Cow<'t, str> {
    if memchr::memchr(delimiters.escape, text.as_bytes()).is_none() {
        return text;
    }
    let sign = char::from(delimiters.escape);
    let mut out = String::with_capacity(text.len());
    let mut rest: &str = &text;
    while let Some(open) = rest.find(sign) {
        out.push_str(&rest[..open]);
        let after = &rest[open + 1..];
        let close = after.find(sign).filter(|n| *n <= SEQUENCE_MAX);
        match close.and_then(|n| Some((n, meaning(&after[..n], delimiters, charset)?))) {
            Some((n, meant)) => {
                out.push_str(&meant);
                rest = &after[n + 1..];
            }
            None => {
                out.push(sign);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn meaning(sequence: &str, delimiters: &Delimiters, charset: Charset) -> Option<String> {
    let sign = |b: u8| Some(char::from(b).to_string());
    match sequence {
        "F" => sign(delimiters.field),
        "S" => sign(delimiters.component),
        "T" => sign(delimiters.subcomponent),
        "R" => sign(delimiters.repetition),
        "E" => sign(delimiters.escape),
        "P" => delimiters.truncation.and_then(sign),
        "H" | "N" => Some(String::new()),
        ".br" | ".BR" => Some("\n".to_owned()),
        _ => {
            if let Some(hex) = sequence.strip_prefix('X') {
                return Some(charset.decode(&bytes_of_hex(hex)?).into_owned());
            }
            let count = sequence.strip_prefix(".sp")?.trim().trim_start_matches('+');
            let lines: usize = if count.is_empty() { 1 } else { count.parse().ok().filter(|n| *n <= 100)? };
            Some("\n".repeat(lines))
        }
    }
}

fn bytes_of_hex(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        hex.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    (!digits.is_empty() && digits.len().is_multiple_of(2))
        .then(|| digits.chunks_exact(2).map(|p| p[0] << 4 | p[1]).collect())
}

/// Text as it is written into a field: delimiters escaped, line breaks as `\.br\`, other control characters as `\X..\`.
pub fn escape(text: &str, delimiters: &Delimiters) -> String {
    let sign = char::from(delimiters.escape);
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let sequence = match c {
            '\r' => {
                characters.next_if_eq(&'\n');
                ".br".to_owned()
            }
            '\n' => ".br".to_owned(),
            c if c.is_ascii() => match delimiter_letter(c as u8, delimiters) {
                Some(letter) => letter.to_owned(),
                None if c.is_ascii_control() => format!("X{:02X}", c as u8),
                None => {
                    out.push(c);
                    continue;
                }
            },
            c => {
                out.push(c);
                continue;
            }
        };
        out.push(sign);
        out.push_str(&sequence);
        out.push(sign);
    }
    out
}

fn delimiter_letter(byte: u8, d: &Delimiters) -> Option<&'static str> {
    match byte {
        b if b == d.field => Some("F"),
        b if b == d.component => Some("S"),
        b if b == d.subcomponent => Some("T"),
        b if b == d.repetition => Some("R"),
        b if b == d.escape => Some("E"),
        b if Some(b) == d.truncation => Some("P"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::delimiters::USUAL;
    use super::*;

    fn read(text: &str) -> String {
        unescape(Cow::Borrowed(text), &USUAL, Charset::Utf8).into_owned()
    }

    #[test]
    fn each_sequence_stands_for_its_text() {
        assert_eq!(read(r"a\F\b\S\c\T\d\R\e\E\f"), r"a|b^c&d~e\f");
        assert_eq!(read(r"uno\.br\dos\.sp2\tres"), "uno\ndos\n\ntres");
        assert_eq!(read(r"\H\grave\N\"), "grave");
        assert_eq!(read(r"Mu\XC3B1\oz\X0D\"), "Muñoz\r");
        assert_eq!(unescape(Cow::Borrowed(r"\XF1\"), &USUAL, Charset::Windows1252), "ñ");
    }

    #[test]
    fn what_is_no_sequence_stays_as_written() {
        for text in
            [r"\\servidor\share", r"a\", r"\Zx\", r"\C2842\", r"\XZZ\", r"\X1\", r"50\50", r"\.sp999\"]
        {
            assert_eq!(read(text), text, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["a|b^c&d~e\\f", "uno\ndos", "Ñ\u{1}ñ", "C:\\E\\x", "\\.br\\"] {
            let written = escape(text, &USUAL);
            assert!(!written.contains(['|', '\n', '\r']), "{written}");
            assert_eq!(read(&written), text, "{written}");
        }
    }
}
