//! Source with comments and the insides of texts blanked out, so that rules see code alone; lines and columns stay.

/// The family of languages whose texts and comments look alike.
#[derive(Clone, Copy, PartialEq)]
pub enum Language {
    Rust,
    Script,
}

/// By the file's ending; nothing where no rule reads code.
pub fn language_of(path: &str) -> Option<Language> {
    let ending = path.rsplit_once('.')?.1;
    match ending {
        "rs" => Some(Language::Rust),
        "ts" | "mjs" | "js" | "svelte" => Some(Language::Script),
        _ => None,
    }
}

/// The code of a file: of a Svelte page, what stands in its scripts.
pub fn code_of(path: &str, text: &str) -> Option<String> {
    let language = language_of(path)?;
    let script = if path.ends_with(".svelte") { only_scripts(text) } else { text.to_owned() };
    Some(blank(&script, language))
}

/// Everything outside `<script>` becomes blanks.
fn only_scripts(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        let start = line.trim_start();
        if start.starts_with("<script") || start.starts_with("</script") {
            inside = start.starts_with("<script") && !line.contains("</script");
            out.push('\n');
        } else if inside {
            out.push_str(line);
        } else {
            out.push('\n');
        }
    }
    out
}

pub fn blank(text: &str, language: Language) -> String {
    let mut reader =
        Reader { rest: text.chars().collect(), at: 0, out: String::with_capacity(text.len()), language };
    while reader.at < reader.rest.len() {
        reader.step();
    }
    reader.out
}

struct Reader {
    rest: Vec<char>,
    at: usize,
    out: String,
    language: Language,
}

impl Reader {
    fn peek(&self, ahead: usize) -> char {
        self.rest.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn keep(&mut self) {
        self.out.push(self.peek(0));
        self.at += 1;
    }

    fn hide(&mut self) {
        if self.at < self.rest.len() {
            self.out.push(if self.peek(0) == '\n' { '\n' } else { ' ' });
            self.at += 1;
        }
    }

    fn step(&mut self) {
        match (self.peek(0), self.peek(1)) {
            ('/', '/') => self.line_comment(),
            ('/', '*') => self.block_comment(),
            ('"', _) => self.quoted('"'),
            ('r' | 'b', _) if self.language == Language::Rust && self.starts_raw() => self.raw(),
            ('\'', _) if self.language == Language::Rust => self.character_or_lifetime(),
            ('\'', _) => self.quoted('\''),
            ('`', _) if self.language == Language::Script => self.template(),
            ('/', _) if self.language == Language::Script && self.starts_regex() => self.regex(),
            _ => self.keep(),
        }
    }

    fn line_comment(&mut self) {
        while self.at < self.rest.len() && self.peek(0) != '\n' {
            self.hide();
        }
    }

    /// Rust's nest.
    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.rest.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') if depth == 0 || self.language == Language::Rust => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    self.hide();
                    continue;
                }
            }
            self.hide();
            self.hide();
            if depth == 0 {
                return;
            }
        }
    }

    fn quoted(&mut self, mark: char) {
        self.keep();
        while self.at < self.rest.len() && self.peek(0) != mark {
            if self.peek(0) == '\\' {
                self.hide();
            }
            self.hide();
        }
        if self.at < self.rest.len() {
            self.keep();
        }
    }

    /// `r"`, `r#"`, `br"`, not the end of a name.
    fn starts_raw(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|i| self.rest.get(i)).copied().unwrap_or(' ');
        if before.is_alphanumeric() || before == '_' {
            return false;
        }
        let mut ahead = if self.peek(0) == 'b' { 1 } else { 0 };
        if self.peek(ahead) != 'r' {
            return false;
        }
        ahead += 1;
        while self.peek(ahead) == '#' {
            ahead += 1;
        }
        self.peek(ahead) == '"'
    }

    fn raw(&mut self) {
        let mut hashes = 0;
        while self.peek(0) != '"' {
            hashes += usize::from(self.peek(0) == '#');
            self.keep();
        }
        self.keep();
        let closes = |reader: &Self| reader.peek(0) == '"' && (1..=hashes).all(|n| reader.peek(n) == '#');
        while self.at < self.rest.len() && !closes(self) {
            self.hide();
        }
        for _ in 0..=hashes {
            if self.at < self.rest.len() {
                self.keep();
            }
        }
    }

    fn character_or_lifetime(&mut self) {
        let is_character = self.peek(1) == '\\' || self.peek(2) == '\'';
        if is_character { self.quoted('\'') } else { self.keep() }
    }

    /// A template's text is hidden; the code in its `${}` is code.
    fn template(&mut self) {
        self.keep();
        while self.at < self.rest.len() && self.peek(0) != '`' {
            match (self.peek(0), self.peek(1)) {
                ('\\', _) => {
                    self.hide();
                    self.hide();
                }
                ('$', '{') => self.substitution(),
                _ => self.hide(),
            }
        }
        if self.at < self.rest.len() {
            self.keep();
        }
    }

    fn substitution(&mut self) {
        self.hide();
        self.keep();
        let mut depth = 1;
        while self.at < self.rest.len() && depth > 0 {
            match self.peek(0) {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            self.step();
        }
    }

    /// A slash is a division after a value, and the start of an expression's pattern anywhere else.
    fn starts_regex(&self) -> bool {
        let before = self.out.trim_end();
        match before.chars().last() {
            None => true,
            Some(c) if "(,=:[!&|?{};+<>".contains(c) => true,
            Some(_) => before.ends_with("return") || before.ends_with("typeof"),
        }
    }

    fn regex(&mut self) {
        self.keep();
        let mut in_class = false;
        while self.at < self.rest.len() && self.peek(0) != '\n' && (in_class || self.peek(0) != '/') {
            match self.peek(0) {
                '[' => in_class = true,
                ']' => in_class = false,
                '\\' => self.hide(),
                _ => {}
            }
            self.hide();
        }
        if self.peek(0) == '/' {
            self.keep();
        }
    }
}

/// The line, from 1, of a place in a text.
pub fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].iter().filter(|b| **b == b'\n').count() + 1
}

/// Every identifier of a text, with where it starts.
pub fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &text[at..];
        let start = at + rest.find(|c: char| c.is_alphanumeric() || c == '_')?;
        let length =
            text[start..].find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len() - start);
        at = start + length;
        Some((start, &text[start..at]))
    })
}

#[cfg(test)]
mod tests {
    use super::{Language, blank, code_of};

    #[test]
    fn braces_in_texts_comments_and_characters_are_not_code() {
        let code = "a(\"{\\\"{\", '{', '\\'', 'x: loop {}); // {\n/* { /* { */ { */ r#\"{\"{\"# }";
        let seen = blank(code, Language::Rust);
        assert_eq!(seen.matches('{').count(), 1, "{seen}");
        assert_eq!(seen.matches('}').count(), 2, "{seen}");
        assert_eq!(seen.lines().count(), 2);
    }

    #[test]
    fn the_code_inside_a_template_is_code_and_its_text_is_not() {
        let seen = blank("f(`{ ${ call({ a: `}` }) } {`, /[/{]{/g, 4 / 2, '{')", Language::Script);
        assert!(seen.contains("call({ a: ` ` })"), "{seen}");
        assert_eq!(seen.matches('{').count(), 2, "{seen}");
        assert!(seen.contains("4 / 2"), "{seen}");
    }

    #[test]
    fn of_a_svelte_page_only_the_scripts_are_code() {
        let page = "<!-- a page -->\n<script lang=\"ts\">\n  let x = 1;\n</script>\n<p>it's {x}</p>\n";
        let seen = code_of("a.svelte", page).unwrap();
        assert!(seen.contains("let x = 1") && !seen.contains("it's"));
        assert_eq!(seen.lines().count(), page.lines().count());
    }
}
