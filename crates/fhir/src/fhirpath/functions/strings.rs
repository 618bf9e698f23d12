//! Texts (FHIRPath N1, functions: string manipulation; 2.1 additions). Regular expressions run in linear time.

use crate::fhirpath::evaluate::{Evaluator, Items, Run, Scope, boolean, single};
use crate::fhirpath::item::Item;
use crate::fhirpath::plan::{Function as F, Plan};
use crate::fhirpath::{EvaluationError, TEXT_BYTES_MAX};
use regex::{Regex, RegexBuilder};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{OnceLock, RwLock};

/// Patterns that are kept compiled: at [`PATTERN_MEMORY_MAX`] each, what a stranger can make us hold.
const PATTERNS_KEPT_MAX: usize = 64;
const PATTERN_BYTES_MAX: usize = 4096;
const PATTERN_MEMORY_MAX: usize = 1 << 20;

impl<'a> Evaluator<'_, 'a> {
    pub(super) fn string(
        &self,
        function: F,
        input: &[Item<'a>],
        arguments: &'a [Plan],
        scope: Scope<'_, 'a>,
    ) -> Run<Items<'a>> {
        if function == F::Join {
            return self.joined(input, arguments, scope);
        }
        let text = match single(input)?.map(Item::plain) {
            None => return Ok(Vec::new()),
            Some(Item::String(s)) => s,
            // What is written as a text (a number, a date) may be looked at as one.
            Some(other) => other.text().ok_or(EvaluationError::mismatch("a text is expected"))?,
        };
        self.spend(text.len() / 64)?;
        match function {
            F::Upper => self.text(text.to_uppercase()),
            F::Lower => self.text(text.to_lowercase()),
            F::Trim => self.text(text.trim().to_owned()),
            F::Length => Ok(vec![Item::Integer(count(&text))]),
            F::ToChars => {
                self.spend(text.len())?;
                Ok(text.chars().map(|c| Item::String(Cow::Owned(c.to_string()))).collect())
            }
            F::Substring => self.substring(&text, arguments, scope),
            _ => {
                let Some(first) = self.text_argument(arguments, 0, scope)? else { return Ok(Vec::new()) };
                self.with_text(function, &text, &first, arguments, scope)
            }
        }
    }

    fn joined(&self, input: &[Item<'a>], arguments: &'a [Plan], scope: Scope<'_, 'a>) -> Run<Items<'a>> {
        let separator = self.text_argument(arguments, 0, scope)?.unwrap_or_default();
        let mut out = String::new();
        for (at, item) in input.iter().enumerate() {
            if at > 0 {
                out.push_str(&separator);
            }
            match item.plain() {
                Item::String(s) => out.push_str(&s),
                _ => return Err(EvaluationError::mismatch("join is for texts")),
            }
            if out.len() > TEXT_BYTES_MAX {
                break;
            }
        }
        self.text(out)
    }

    fn substring(&self, text: &str, arguments: &'a [Plan], scope: Scope<'_, 'a>) -> Run<Items<'a>> {
        let Some(start) = self.integer_argument(arguments, 0, scope)? else { return Ok(Vec::new()) };
        let length = match arguments.len() {
            2 => self.integer_argument(arguments, 1, scope)?,
            _ => None,
        };
        let Ok(start) = usize::try_from(start) else { return Ok(Vec::new()) };
        if start >= text.chars().count() {
            return Ok(Vec::new());
        }
        let rest = text.chars().skip(start);
        self.text(match length {
            Some(length) => rest.take(usize::try_from(length).unwrap_or(0)).collect(),
            None => rest.collect(),
        })
    }

    fn with_text(
        &self,
        function: F,
        text: &str,
        first: &str,
        arguments: &'a [Plan],
        scope: Scope<'_, 'a>,
    ) -> Run<Items<'a>> {
        let at = |found: Option<usize>| Ok(vec![Item::Integer(found.map_or(-1, |at| count(&text[..at])))]);
        match function {
            F::IndexOf => at(text.find(first)),
            F::LastIndexOf => at(text.rfind(first)),
            F::StartsWith => Ok(boolean(Some(text.starts_with(first)))),
            F::EndsWith => Ok(boolean(Some(text.ends_with(first)))),
            F::Contains => Ok(boolean(Some(text.contains(first)))),
            F::Matches => Ok(boolean(Some(pattern(first, false)?.is_match(text)))),
            F::MatchesFull => Ok(boolean(Some(pattern(first, true)?.is_match(text)))),
            F::Replace | F::ReplaceMatches => {
                let Some(with) = self.text_argument(arguments, 1, scope)? else { return Ok(Vec::new()) };
                // No text grows beyond this before it is measured.
                if (text.len() + 1).saturating_mul(with.len() + 1) > 64 * TEXT_BYTES_MAX {
                    return Err(EvaluationError::too_costly("a computed text is too long"));
                }
                if function == F::Replace {
                    let grown = text.matches(first).count().saturating_mul(with.len());
                    if grown > TEXT_BYTES_MAX {
                        return Err(EvaluationError::too_costly("a computed text is too long"));
                    }
                    self.text(text.replace(first, &with))
                } else if first.is_empty() {
                    self.text(text.to_owned())
                } else {
                    self.text(pattern(first, false)?.replace_all(text, &*with).into_owned())
                }
            }
            F::Split => {
                self.spend(text.len() / first.len().max(1) + 1)?;
                Ok(text.split(first).map(|part| Item::String(Cow::Owned(part.to_owned()))).collect())
            }
            F::Encode => match first {
                "hex" => self.text(text.bytes().map(|b| format!("{b:02x}")).collect()),
                "base64" => self.text(base64(text.as_bytes(), b"+/")),
                "urlbase64" => self.text(base64(text.as_bytes(), b"-_")),
                _ => Ok(Vec::new()),
            },
            F::Decode => {
                let bytes = match first {
                    "hex" => unhex(text),
                    "base64" => unbase64(text, b"+/"),
                    "urlbase64" => unbase64(text, b"-_"),
                    _ => None,
                };
                match bytes.and_then(|b| String::from_utf8(b).ok()) {
                    Some(text) => self.text(text),
                    None => Ok(Vec::new()),
                }
            }
            F::Escape => match first {
                "html" => self.text(escape_html(text)),
                "json" => self.text(escape_json(text)),
                _ => Ok(Vec::new()),
            },
            _ => match first {
                "html" => self.text(unescape_html(text)),
                // A quote that was not escaped stands as it is.
                "json" => {
                    let escaped = text.replace("\\\"", "\"").replace('"', "\\\"");
                    match crate::json::parse(format!("\"{escaped}\"").as_bytes()) {
                        Ok(crate::Value::String(s)) => self.text(s.into()),
                        _ => Ok(Vec::new()),
                    }
                }
                _ => Ok(Vec::new()),
            },
        }
    }
}

fn count(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

/// A compiled pattern; `.` matches line ends too (N1: single-line mode).
fn pattern(text: &str, full: bool) -> Run<Regex> {
    type Kept = HashMap<(Box<str>, bool), Regex>;
    static KEPT: OnceLock<RwLock<Kept>> = OnceLock::new();
    if text.len() > PATTERN_BYTES_MAX {
        return Err(EvaluationError::too_costly("a pattern is too long"));
    }
    let kept = KEPT.get_or_init(RwLock::default);
    let key = (Box::from(text), full);
    if let Ok(kept) = kept.read()
        && let Some(found) = kept.get(&key)
    {
        return Ok(found.clone());
    }
    let whole = if full { format!("^(?:{text})$") } else { text.to_owned() };
    let made = RegexBuilder::new(&whole)
        .dot_matches_new_line(true)
        .size_limit(PATTERN_MEMORY_MAX)
        .dfa_size_limit(PATTERN_MEMORY_MAX)
        .build()
        .map_err(|_| EvaluationError::mismatch("not a pattern, or too large a one"))?;
    if let Ok(mut kept) = kept.write()
        && kept.len() < PATTERNS_KEPT_MAX
    {
        kept.insert(key, made.clone());
    }
    Ok(made)
}

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

fn base64(bytes: &[u8], last: &[u8; 2]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let n = chunk.iter().chain(&[0, 0]).take(3).fold(0_u32, |n, b| n << 8 | u32::from(*b));
        for at in 0..4 {
            let digit = (n >> (18 - 6 * at) & 63) as usize;
            out.push(match digit {
                _ if at > chunk.len() => '=',
                62 | 63 => char::from(last[digit - 62]),
                _ => char::from(ALPHABET[digit]),
            });
        }
    }
    out
}

fn unbase64(text: &str, last: &[u8; 2]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut n, mut bits) = (0_u32, 0);
    for b in text.trim_end_matches('=').bytes() {
        let digit = ALPHABET.iter().chain(last).position(|a| *a == b)?;
        n = n << 6 | u32::try_from(digit).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(n >> bits & 255).ok()?);
        }
    }
    Some(out)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

fn unescape_html(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

fn escape_json(text: &str) -> String {
    let printed = crate::json::to_string(&crate::Value::from(text));
    printed[1..printed.len() - 1].to_owned()
}
