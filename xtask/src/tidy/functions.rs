//! No function is longer than a person can hold in mind.

use super::Breach;
use super::code::{Language, code_of, language_of, line_at, words};
use super::tree::Tree;

const LINES_MAX: usize = 100;
const ENDINGS: [&str; 4] = [".rs", ".ts", ".svelte", ".mjs"];

pub fn check(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (path, text) in tree.with_ending(&ENDINGS) {
        let (Some(language), Some(code)) = (language_of(path), code_of(path, text)) else { continue };
        for (name, line, length) in functions(&code, language) {
            if length > LINES_MAX {
                let text = format!("`{name}` has {length} lines, {LINES_MAX} at most; give its parts names");
                breaches.push(Breach::new(path, line, "function size", text));
            }
        }
    }
    breaches
}

/// Every function's name, first line, and number of lines.
fn functions(code: &str, language: Language) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    let keyword = if language == Language::Rust { "fn" } else { "function" };
    for (at, word) in words(code) {
        if word == keyword {
            let name = words(&code[at + word.len()..]).next().map_or("", |(_, name)| name);
            found.extend(body_after(code, at).map(|(_, close)| measured(code, at, close, name)));
        }
    }
    if language == Language::Script {
        for (at, _) in code.match_indices("=>") {
            let rest = code[at + 2..].trim_start();
            if rest.starts_with('{') {
                let open = code.len() - rest.len();
                found.extend(closing(code, open).map(|close| measured(code, at, close, "=>")));
            }
        }
    }
    found
}

fn measured(code: &str, from: usize, to: usize, name: &str) -> (String, usize, usize) {
    let (first, last) = (line_at(code, from), line_at(code, to));
    (name.to_owned(), first, last - first + 1)
}

/// The body of the function whose keyword stands at `at`: its braces; nothing for a declaration without one.
fn body_after(code: &str, at: usize) -> Option<(usize, usize)> {
    let mut depth = 0_usize;
    for (offset, c) in code[at..].char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            ';' if depth == 0 => return None,
            '{' if depth == 0 => {
                let mut open = at + offset;
                let mut close = closing(code, open)?;
                // A return type written as a shape has braces of its own before the body.
                while code[close + 1..].trim_start().starts_with('{') {
                    open = code.len() - code[close + 1..].trim_start().len();
                    close = closing(code, open)?;
                }
                return Some((open, close));
            }
            _ => {}
        }
    }
    None
}

fn closing(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, c) in code[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(open + offset);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{LINES_MAX, Tree, check};

    fn of_length(lines: usize, head: &str) -> String {
        format!("//! x\n{head} {{\n{}}}\n", "    call(\"}\");\n".repeat(lines - 2))
    }

    #[test]
    fn a_function_of_one_line_too_many_is_found_with_its_first_line_and_name() {
        for (path, head) in [
            ("a.rs", "pub fn long(a: [u8; 3]) -> u8"),
            ("a.ts", "export function long(a: { b: number }): { c: number }"),
            ("a.mjs", "const long = async (a) =>"),
        ] {
            assert!(check(&Tree::of(&[(path, &of_length(LINES_MAX, head))])).is_empty(), "{path}");
            let found = check(&Tree::of(&[(path, &of_length(LINES_MAX + 1, head))]));
            assert_eq!(found.len(), 1, "{path}");
            assert_eq!(found[0].line, 2, "{path}");
        }
    }

    #[test]
    fn a_long_run_of_short_functions_is_no_long_function() {
        let text = format!("trait T {{ fn a(&self); }}\n{}", "fn f() {\n}\n".repeat(LINES_MAX));
        assert!(check(&Tree::of(&[("a.rs", &text)])).is_empty());
    }
}
