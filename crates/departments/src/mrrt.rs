//! Report templates as HTML (IHE RAD MRRT, RAD TF-3 8.1): of a file only the words are taken, so nothing in it can act.
//!
//! A section (`data-section-name`) becomes a section; fields become the text that they begin with, a choice its chosen option or all
//! of them in brackets. Scripts, styles, pictures, links and handlers are left out and counted.

use crate::template::{Section, Template};
use std::collections::BTreeMap;

/// Longest file, most sections, and longest text of one, in bytes.
pub const FILE_BYTES_MAX: usize = 256 << 10;
const SECTIONS_MAX: usize = 50;
const TEXT_BYTES_MAX: usize = 16 << 10;
/// Options of a choice that are listed; more are left to the reader.
const OPTIONS_MAX: usize = 12;
/// DICOM modalities that a template can say it is meant for (PS3.16 CID 29, those with a report).
const MODALITIES: [&str; 14] =
    ["CT", "MR", "US", "DX", "CR", "MG", "NM", "PT", "XA", "RF", "BMD", "ECG", "ES", "IVUS"];

/// A template that was read, and what of its file was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    pub template: Template,
    pub left_out: BTreeMap<&'static str, usize>,
}

/// Reads a file; the error says what is missing.
pub fn parse(html: &str) -> Result<Imported, &'static str> {
    if html.len() > FILE_BYTES_MAX {
        return Err("a template has at most 256 KiB");
    }
    let mut reading = Reading::default();
    let mut rest = html;
    while let Some((piece, after)) = next(rest) {
        reading.take(piece);
        rest = after;
    }
    reading.end()
}

/// One piece of the file.
enum Piece<'a> {
    Text(&'a str),
    Open { name: String, attributes: Vec<(String, String)>, raw: &'a str },
    Close(String),
    Nothing,
}

/// The first piece of a text and what follows; what is not well formed is text or nothing, never an end.
fn next(text: &str) -> Option<(Piece<'_>, &str)> {
    if text.is_empty() {
        return None;
    }
    let Some(tag) = text.strip_prefix('<') else {
        let at = text.find('<').unwrap_or(text.len());
        return Some((Piece::Text(&text[..at]), &text[at..]));
    };
    let after = |end: &str, from: &'_ str| from.find(end).map_or(from.len(), |at| at + end.len());
    if let Some(comment) = tag.strip_prefix("!--") {
        return Some((Piece::Nothing, &comment[after("-->", comment)..]));
    }
    if tag.starts_with(['!', '?']) {
        return Some((Piece::Nothing, &tag[after(">", tag)..]));
    }
    if let Some(close) = tag.strip_prefix('/') {
        let name = name_of(close);
        return Some((Piece::Close(name), &close[after(">", close)..]));
    }
    if !tag.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Some((Piece::Text("<"), tag));
    }
    let name = name_of(tag);
    let (attributes, mut rest) = attributes(&tag[name.len()..]);
    // What stands in these is no markup, up to their own end.
    let mut raw = "";
    if matches!(name.as_str(), "script" | "style" | "textarea" | "title") {
        let end = rest.to_ascii_lowercase().find(&format!("</{name}")).unwrap_or(rest.len());
        (raw, rest) = rest.split_at(end);
    }
    Some((Piece::Open { name, attributes, raw }, rest))
}

/// A name in small letters, of the same length as it stands there.
fn name_of(text: &str) -> String {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(text.len());
    text[..end].to_ascii_lowercase()
}

fn attributes(mut text: &str) -> (Vec<(String, String)>, &str) {
    let mut all = Vec::new();
    loop {
        text = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if let Some(rest) = text.strip_prefix('>') {
            return (all, rest);
        }
        let end = text.find(|c: char| c.is_ascii_whitespace() || "=>/".contains(c)).unwrap_or(text.len());
        if end == 0 {
            // A lone sign that begins no name, or the end of the file.
            let Some(c) = text.chars().next() else { return (all, text) };
            text = &text[c.len_utf8()..];
            continue;
        }
        let name = text[..end].to_ascii_lowercase();
        text = text[end..].trim_start();
        let Some(given) = text.strip_prefix('=').map(str::trim_start) else {
            all.push((name, String::new()));
            continue;
        };
        let quote = given.chars().next().filter(|c| *c == '"' || *c == '\'');
        let (value, rest) = match quote {
            Some(quote) => given[1..].split_once(quote).unwrap_or((&given[1..], "")),
            None => given
                .split_at(given.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(given.len())),
        };
        all.push((name, entities(value)));
        text = rest;
    }
}

/// The characters behind the entities that templates have; an unknown one stays as it is written.
fn entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|b| b == b';');
        let known = end.and_then(|end| Some((entity(&rest[1..end])?, end)));
        let (c, length) = known.map_or(('&', 1), |(c, end)| (c, end + 1));
        out.push(c);
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    const NAMED: [(&str, char); 20] = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", ' '),
        ("aacute", 'á'),
        ("eacute", 'é'),
        ("iacute", 'í'),
        ("oacute", 'ó'),
        ("uacute", 'ú'),
        ("Aacute", 'Á'),
        ("Eacute", 'É'),
        ("Iacute", 'Í'),
        ("Oacute", 'Ó'),
        ("Uacute", 'Ú'),
        ("ntilde", 'ñ'),
        ("Ntilde", 'Ñ'),
        ("uuml", 'ü'),
        ("deg", '°'),
    ];
    let number = match name.strip_prefix('#') {
        Some(hex) if hex.starts_with(['x', 'X']) => u32::from_str_radix(&hex[1..], 16).ok(),
        Some(digits) => digits.parse().ok(),
        None => return NAMED.iter().find(|(n, _)| *n == name).map(|(_, c)| *c),
    };
    char::from_u32(number?).filter(|c| !c.is_control())
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    title: String,
    meta_title: String,
    identifier: String,
    modalities: Vec<String>,
    sections: Vec<Section>,
    /// Sections that are open, as places in `sections`; one that is too many has none.
    open: Vec<Option<usize>>,
    in_body: bool,
    /// In a heading: the section bears its name already.
    in_header: bool,
    choice: Option<Choice>,
    left_out: BTreeMap<&'static str, usize>,
}

#[derive(Default)]
struct Choice {
    options: Vec<String>,
    chosen: Option<usize>,
}

impl Reading {
    fn take(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Text(text) => self.text(&entities(text)),
            Piece::Open { name, attributes, raw } => self.open(&name, &attributes, raw),
            Piece::Close(name) => self.close(&name),
            Piece::Nothing => {}
        }
    }

    fn open(&mut self, name: &str, attributes: &[(String, String)], raw: &str) {
        let of = |key: &str| attributes.iter().find(|(k, _)| k == key).map_or("", |(_, v)| v.as_str());
        let handlers = attributes.iter().filter(|(k, _)| k.starts_with("on")).count();
        self.leave_out("handlers", handlers);
        match name {
            "title" => self.title = squeezed(&entities(raw)),
            "meta" if of("name").eq_ignore_ascii_case("dcterms.title") => {
                self.meta_title = squeezed(of("content"))
            }
            "meta" if of("name").eq_ignore_ascii_case("dcterms.identifier") => {
                self.identifier = squeezed(of("content"));
            }
            // The coded content of a template is XML in a script that no browser runs.
            "script" if of("type") == "text/xml" => self.coded(raw),
            "script" => self.leave_out("scripts", 1),
            "style" => self.leave_out("styles", 1),
            "img" | "svg" | "picture" | "video" | "audio" | "canvas" => self.leave_out("pictures", 1),
            "a" | "link" | "iframe" | "object" | "embed" | "base" | "form" => self.leave_out("links", 1),
            "body" => self.in_body = true,
            "section" => self.section(of("data-section-name")),
            "header" | "h1" | "h2" | "h3" | "h4" => self.in_header = true,
            "br" | "p" | "div" | "li" | "tr" => self.new_line(),
            "input" => self.field(of("type"), of("value"), of("data-field-units"), attributes),
            "textarea" => self.text(&entities(raw)),
            "select" => self.choice = Some(Choice::default()),
            "option" => self.option(attributes.iter().any(|(k, _)| k == "selected")),
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "section" => drop(self.open.pop()),
            "header" | "h1" | "h2" | "h3" | "h4" => self.in_header = false,
            "p" | "div" | "li" | "tr" => self.new_line(),
            "select" => self.chosen(),
            _ => {}
        }
    }

    fn leave_out(&mut self, what: &'static str, more: usize) {
        if more > 0 {
            *self.left_out.entry(what).or_default() += more;
        }
    }

    fn coded(&mut self, mut xml: &str) {
        while let Some((piece, after)) = next(xml) {
            xml = after;
            let Piece::Open { name, attributes, .. } = piece else { continue };
            let of = |key: &str| attributes.iter().find(|(k, _)| k == key).map_or("", |(_, v)| v.as_str());
            let said = [of("value"), of("meaning")].into_iter().find(|v| MODALITIES.contains(v));
            if let ("code", Some(modality)) = (name.as_str(), said)
                && !self.modalities.iter().any(|m| m == modality)
            {
                self.modalities.push(modality.to_owned());
            }
        }
    }

    fn section(&mut self, title: &str) {
        let title = squeezed(title);
        if self.sections.len() >= SECTIONS_MAX {
            self.leave_out("sections", 1);
            return self.open.push(None);
        }
        self.open.push(Some(self.sections.len()));
        self.sections.push(Section { title, text: String::new(), hint: String::new() });
    }

    fn text(&mut self, text: &str) {
        let (squeezed_text, began) = (squeezed(text), text.starts_with(char::is_whitespace));
        if let Some(choice) = &mut self.choice {
            if let Some(option) = choice.options.last_mut() {
                option.push_str(&squeezed_text);
            }
            return;
        }
        let Some(Some(at)) = self.open.last().copied() else { return };
        if self.in_header {
            if self.sections[at].title.is_empty() {
                self.sections[at].title = squeezed_text;
            }
            return;
        }
        let own = &mut self.sections[at].text;
        if squeezed_text.is_empty() || own.len() + squeezed_text.len() > TEXT_BYTES_MAX {
            return;
        }
        if began && !own.is_empty() && !own.ends_with(['\n', ' ']) {
            own.push(' ');
        }
        own.push_str(&squeezed_text);
        if text.ends_with(char::is_whitespace) {
            own.push(' ');
        }
    }

    fn new_line(&mut self) {
        let Some(Some(at)) = self.open.last().copied() else { return };
        let own = &mut self.sections[at].text;
        own.truncate(own.trim_end_matches(' ').len());
        if !own.is_empty() && !own.ends_with('\n') {
            own.push('\n');
        }
    }

    fn field(&mut self, kind: &str, value: &str, units: &str, attributes: &[(String, String)]) {
        let checked = attributes.iter().any(|(k, _)| k == "checked");
        match kind {
            "hidden" | "button" | "submit" | "reset" | "image" | "file" | "password" => {
                self.leave_out("controls", 1);
            }
            "checkbox" | "radio" => self.text(if checked { " [x] " } else { " [ ] " }),
            _ if value.is_empty() => self.text(&format!(" ___ {units} ")),
            _ => self.text(&format!(" {value} {units} ")),
        }
    }

    fn option(&mut self, selected: bool) {
        let Some(choice) = &mut self.choice else { return };
        if selected {
            choice.chosen = Some(choice.options.len());
        }
        choice.options.push(String::new());
    }

    fn chosen(&mut self) {
        let Some(choice) = self.choice.take() else { return };
        let options: Vec<String> = choice.options.into_iter().filter(|o| !o.is_empty()).collect();
        let text = match choice.chosen.and_then(|n| options.get(n)) {
            Some(one) => format!(" {one} "),
            None if options.is_empty() => return,
            None if options.len() > OPTIONS_MAX => " ___ ".to_owned(),
            None => format!(" [{}] ", options.join(" | ")),
        };
        self.text(&text);
    }

    fn end(mut self) -> Result<Imported, &'static str> {
        let name = if self.meta_title.is_empty() { self.title } else { self.meta_title };
        if name.is_empty() {
            return Err("a template has a title (dcterms.title)");
        }
        for section in &mut self.sections {
            section.text = section.text.trim().to_owned();
        }
        // A section that only holds others says nothing by itself.
        self.sections.retain(|s| !s.title.is_empty());
        if !self.in_body || self.sections.is_empty() {
            return Err("a template has sections (data-section-name)");
        }
        let said = if self.identifier.is_empty() { &name } else { &self.identifier };
        let id = format!("mrrt-{}", slug(said));
        let template = Template { id, name, modalities: self.modalities, sections: self.sections };
        Ok(Imported { template, left_out: self.left_out })
    }
}

/// One line without doubled spaces.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The last letters and digits of an identifier, which tell templates of one house apart.
fn slug(text: &str) -> String {
    let plain: Vec<char> = text.chars().filter(char::is_ascii_alphanumeric).collect();
    plain[plain.len().saturating_sub(40)..].iter().collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::{FILE_BYTES_MAX, Imported, parse};
    use badiano_testkit::Rng;

    const TEMPLATE: &str = r#"<!DOCTYPE html><html><head><title>Torax</title>
        <meta name="dcterms.title" content="Tomograf&iacute;a de t&#243;rax" />
        <meta name="dcterms.identifier" content="urn:oid:2.25.77" />
        <script type="text/xml"><template_attributes><coding_schemes/><term>
          <code meaning="Computed Tomography" value="CT" scheme="DCM"/></term></template_attributes></script>
        <script>alert(1)</script><style>p{color:red}</style></head>
        <body onload="steal()">
        <section id="a" data-section-name="T&eacute;cnica"><header>Técnica</header>
          <p>Contraste: <select><option>no</option><option selected>sí</option></select>, <input type="number" value="80" data-field-units="ml"></p></section>
        <section data-section-name="Hallazgos"><p onclick="x()">Pulmones: <select><option>normal</option><option>alterado</option></select>.</p>
          <p>Nódulo <input type=text name=n> mm<br>Pleura <textarea>libre &lt;sin derrame&gt;</textarea></p>
          <img src="http://x.example/p.png"><a href="javascript:x()">liga</a>
          <section data-section-name="Mediastino"><p>Normal.</p></section></section>
        </body></html>"#;

    fn read() -> Imported {
        parse(TEMPLATE).expect("a template")
    }

    #[test]
    fn sections_fields_and_choices_become_the_text_that_a_report_begins_with() {
        let template = read().template;
        assert_eq!(
            (template.id.as_str(), template.name.as_str()),
            ("mrrt-urnoid22577", "Tomografía de tórax")
        );
        assert_eq!(template.modalities, ["CT"]);
        let sections: Vec<(&str, &str)> =
            template.sections.iter().map(|s| (s.title.as_str(), s.text.as_str())).collect();
        assert_eq!(
            sections,
            [
                ("Técnica", "Contraste: sí , 80 ml"),
                (
                    "Hallazgos",
                    "Pulmones: [normal | alterado] .\nNódulo ___ mm\nPleura libre <sin derrame>\nliga"
                ),
                ("Mediastino", "Normal."),
            ]
        );
    }

    #[test]
    fn nothing_that_acts_is_taken_and_what_was_left_out_is_counted() {
        let Imported { template, left_out } = read();
        let all = serde_json::to_string(&template).expect("prints");
        for active in ["alert", "steal", "javascript", "http", "color", "onclick"] {
            assert!(!all.contains(active), "{active}: {all}");
        }
        let counted: Vec<_> = left_out.into_iter().collect();
        assert_eq!(counted, [("handlers", 2), ("links", 1), ("pictures", 1), ("scripts", 1), ("styles", 1)]);
    }

    #[test]
    fn what_is_no_template_is_refused_with_the_reason() {
        for (html, why) in [
            ("", "title"),
            ("<title>X</title>", "sections"),
            ("<title>X</title><section data-section-name='A'></section>", "sections"),
            ("<body><section data-section-name='A'>a</section></body>", "title"),
        ] {
            assert!(parse(html).expect_err("refused").contains(why), "{html}");
        }
        assert!(parse(&" ".repeat(FILE_BYTES_MAX + 1)).is_err());
    }

    /// 400 files, each the template with bytes taken out, doubled and turned around: read or refused, and never more than there was.
    #[test]
    fn a_damaged_file_is_read_or_refused_and_nothing_grows() {
        let mut taken = 0;
        for case in 0..400 {
            let mut rng = Rng::of(1552, "mrrt", case);
            let mut chars: Vec<char> = TEMPLATE.chars().collect();
            for _ in 0..rng.between(1, 30) {
                let at = rng.below(chars.len() as u64) as usize;
                match rng.below(3) {
                    0 => drop(chars.remove(at)),
                    1 => chars.insert(at, *rng.pick(&['<', '>', '"', '&', '/', '=', 'ñ', ' '])),
                    _ => chars.truncate(at.max(200)),
                }
            }
            let damaged: String = chars.into_iter().collect();
            let Ok(read) = parse(&damaged) else { continue };
            taken += 1;
            let size: usize = read.template.sections.iter().map(|s| s.text.len() + s.title.len()).sum();
            assert!(size <= 3 * damaged.len(), "seed 1552, case {case}");
        }
        assert!(taken > 20, "seed 1552: {taken} of 400 were read");
    }
}
