//! Words of an expression (FHIRPath N1, grammar: lexical elements).

use super::PathError;
use super::decimal::Decimal;
use super::temporal::Temporal;

/// A word, and the byte where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub at: usize,
    pub word: Word,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    /// An identifier or a keyword.
    Name(String),
    /// An identifier in back-quotes: never a keyword.
    Quoted(String),
    Text(String),
    /// The flag: written with a point.
    Number(Decimal, bool),
    Temporal(Temporal),
    /// `$this`, `$index`, `$total`.
    Dollar(String),
    /// `%resource`, %`ext-x`, %'x'.
    Percent(String),
    /// An operator or bracket.
    Sign(&'static str),
    End,
}

const SIGNS: [&str; 25] = [
    "!=", "!~", "<=", ">=", ".", ",", "(", ")", "[", "]", "{", "}", "+", "-", "*", "/", "&", "|", "<", ">",
    "=", "~", ";", "?", ":",
];

pub(super) fn words(text: &str) -> Result<Vec<Token>, PathError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut all = Vec::new();
    loop {
        lexer.space()?;
        let at = lexer.at;
        let word = lexer.word()?;
        let end = word == Word::End;
        all.push(Token { at, word });
        if end {
            return Ok(all);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn error(&self, what: &'static str) -> PathError {
        PathError { position: self.at, what: what.to_owned() }
    }

    fn space(&mut self) -> Result<(), PathError> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n', '\u{a0}']);
            let skipped = rest.len() - trimmed.len();
            self.at += skipped;
            let trimmed = self.rest();
            let more = if trimmed.starts_with("//") {
                trimmed.find('\n').unwrap_or(trimmed.len())
            } else if trimmed.starts_with("/*") {
                match trimmed.find("*/") {
                    Some(end) => end + 2,
                    None => return Err(self.error("a comment does not end")),
                }
            } else {
                0
            };
            self.at += more;
            if skipped + more == 0 {
                return Ok(());
            }
        }
    }

    fn word(&mut self) -> Result<Word, PathError> {
        let Some(first) = self.rest().chars().next() else { return Ok(Word::End) };
        match first {
            'A'..='Z' | 'a'..='z' | '_' => Ok(Word::Name(self.name())),
            '0'..='9' => self.number(),
            '\'' => Ok(Word::Text(self.quoted('\'')?)),
            '`' => Ok(Word::Quoted(self.quoted('`')?)),
            '@' => self.temporal(),
            '$' => {
                self.at += 1;
                Ok(Word::Dollar(self.name()))
            }
            '%' => {
                self.at += 1;
                match self.rest().chars().next() {
                    Some(quote @ ('`' | '\'')) => Ok(Word::Percent(self.quoted(quote)?)),
                    _ => Ok(Word::Percent(self.name())),
                }
            }
            _ => match SIGNS.iter().find(|s| self.rest().starts_with(**s)) {
                Some(sign) => {
                    self.at += sign.len();
                    Ok(Word::Sign(sign))
                }
                None => Err(self.error("an unknown character")),
            },
        }
    }

    fn name(&mut self) -> String {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        self.at += end;
        name
    }

    fn digits(&self, from: usize) -> usize {
        self.rest()[from..].bytes().take_while(u8::is_ascii_digit).count()
    }

    fn number(&mut self) -> Result<Word, PathError> {
        let mut length = self.digits(0);
        let mut pointed = false;
        if self.rest()[length..].starts_with('.') && self.digits(length + 1) > 0 {
            pointed = true;
            length += 1 + self.digits(length + 1);
        }
        let number =
            Decimal::parse(&self.rest()[..length]).ok_or_else(|| self.error("a number is too long"))?;
        self.at += length;
        Ok(Word::Number(number, pointed))
    }

    fn temporal(&mut self) -> Result<Word, PathError> {
        let rest = &self.rest()[1..];
        let b = rest.as_bytes();
        let mut end = 0;
        let digits = |from: usize, count: usize| {
            b.get(from..from + count).is_some_and(|d| d.iter().all(u8::is_ascii_digit))
        };
        if digits(0, 4) {
            end = 4;
            while end < 10 && b.get(end) == Some(&b'-') && digits(end + 1, 2) {
                end += 3;
            }
        }
        if b.get(end) == Some(&b'T') {
            end += 1;
            let clock = end;
            if digits(end, 2) {
                end += 2;
                while end < clock + 8 && b.get(end) == Some(&b':') && digits(end + 1, 2) {
                    end += 3;
                }
                if end == clock + 8 && b.get(end) == Some(&b'.') && digits(end + 1, 1) {
                    end += 1;
                    end += b[end..].iter().take_while(|c| c.is_ascii_digit()).count();
                }
            }
            if clock > 1 {
                if b.get(end) == Some(&b'Z') {
                    end += 1;
                } else if matches!(b.get(end), Some(b'+' | b'-'))
                    && digits(end + 1, 2)
                    && b.get(end + 3) == Some(&b':')
                    && digits(end + 4, 2)
                {
                    end += 6;
                }
            }
        }
        let temporal =
            Temporal::literal(&rest[..end]).ok_or_else(|| self.error("not a date, time or both"))?;
        self.at += 1 + end;
        Ok(Word::Temporal(temporal))
    }

    fn quoted(&mut self, quote: char) -> Result<String, PathError> {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        loop {
            let Some(c) = self.rest().chars().next() else {
                self.at = start;
                return Err(self.error("a quoted text does not end"));
            };
            self.at += c.len_utf8();
            match c {
                _ if c == quote => return Ok(out),
                '\\' => out.push(self.escape()?),
                _ => out.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char, PathError> {
        let Some(c) = self.rest().chars().next() else { return Err(self.error("an escape does not end")) };
        self.at += c.len_utf8();
        Ok(match c {
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let digits = self.rest().get(..4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
                let code = digits.and_then(|d| u32::from_str_radix(d, 16).ok()).and_then(char::from_u32);
                let code = code.ok_or_else(|| self.error("not a Unicode escape"))?;
                self.at += 4;
                code
            }
            '\\' | '/' | '\'' | '"' | '`' => c,
            _ => return Err(self.error("an unknown escape")),
        })
    }
}
