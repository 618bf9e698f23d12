//! The XHTML of a narrative: well formed, and nothing in it that acts (FHIR R4, narrative.html#xhtml, invariants txt-1, txt-2).

use crate::primitive::Wrong;
use quick_xml::events::{BytesStart, Event};

pub const NAMESPACE: &str = "http://www.w3.org/1999/xhtml";
/// No table in a table in a list needs more.
const DEPTH_MAX: usize = 64;

/// Allowed elements, sorted (HTML 4.0, chapters 7 to 11 and 15, without forms, scripts and frames).
const ELEMENTS: [&str; 48] = [
    "a",
    "abbr",
    "acronym",
    "b",
    "big",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "li",
    "ol",
    "p",
    "pre",
    "q",
    "samp",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "ul",
    "var",
];

/// Allowed attributes, sorted (txt-1).
const ATTRIBUTES: [&str; 56] = [
    "abbr",
    "accesskey",
    "align",
    "alt",
    "axis",
    "bgcolor",
    "border",
    "cellhalign",
    "cellpadding",
    "cellspacing",
    "cellvalign",
    "char",
    "charoff",
    "charset",
    "cite",
    "class",
    "colspan",
    "compact",
    "coords",
    "dir",
    "frame",
    "headers",
    "height",
    "href",
    "hreflang",
    "hspace",
    "id",
    "lang",
    "longdesc",
    "name",
    "nowrap",
    "rel",
    "rev",
    "rowspan",
    "rules",
    "scope",
    "shape",
    "span",
    "src",
    "start",
    "style",
    "summary",
    "tabindex",
    "title",
    "type",
    "valign",
    "value",
    "vspace",
    "width",
    "xml:base",
    "xml:id",
    "xml:lang",
    "xml:space",
    "xmlns",
    "xmlns:xhtml",
    "xmlns:xsi",
];

const NOT_XML: Wrong = Wrong { en: "is not well-formed XML", es: "no es XML bien formado" };
const NOT_DIV: Wrong = Wrong {
    en: "must be one div in the namespace of XHTML",
    es: "debe ser un solo div en el espacio de nombres de XHTML",
};
const ELEMENT: Wrong =
    Wrong { en: "holds an element that is not allowed", es: "tiene un elemento no permitido" };
const ATTRIBUTE: Wrong =
    Wrong { en: "holds an attribute that is not allowed", es: "tiene un atributo no permitido" };
const LINK: Wrong =
    Wrong { en: "holds a link that runs a script", es: "tiene un enlace que ejecuta un programa" };
const ENTITY: Wrong = Wrong {
    en: "holds an entity, a DTD or an instruction: write the character itself",
    es: "tiene una entidad, un DTD o una instrucción: escriba el carácter mismo",
};
const EMPTY: Wrong = Wrong { en: "has no text and no image", es: "no tiene texto ni imagen" };
const DEEP: Wrong = Wrong { en: "is nested deeper than 64 levels", es: "está anidado a más de 64 niveles" };

/// Checks the text of `Narrative.div`.
pub fn check(div: &str) -> Result<(), Wrong> {
    let mut reader = quick_xml::Reader::from_str(div.trim());
    let (mut depth, mut closed, mut has_content) = (0_usize, false, false);
    loop {
        let event = reader.read_event().map_err(|_| NOT_XML)?;
        match event {
            Event::Start(start) => {
                check_element(&start, depth, closed)?;
                has_content |= start.name().as_ref() == "img";
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(DEEP);
                }
            }
            Event::Empty(start) => {
                check_element(&start, depth, closed)?;
                has_content |= start.name().as_ref() == "img";
                closed |= depth == 0;
            }
            Event::End(_) => {
                depth = depth.checked_sub(1).ok_or(NOT_XML)?;
                closed |= depth == 0;
            }
            Event::Text(text) => {
                let blank = text.chars().all(char::is_whitespace);
                if depth == 0 && !blank {
                    return Err(NOT_DIV);
                }
                // "]]>" may not stand in text (XML 1.0, 2.4).
                if text.contains("]]>") || text.contains(is_forbidden) {
                    return Err(NOT_XML);
                }
                has_content |= !blank;
            }
            Event::GeneralRef(entity) => {
                let predefined = matches!(&*entity, "amp" | "lt" | "gt" | "quot" | "apos");
                let is_character = entity.is_char_ref()
                    && entity.resolve_char_ref().is_ok_and(|c| c.is_some_and(|c| !is_forbidden(c)));
                if depth == 0 || !(predefined || is_character) {
                    return Err(ENTITY);
                }
                has_content = true;
            }
            Event::CData(text) if depth > 0 => has_content |= !text.is_empty(),
            Event::Comment(_) => {}
            Event::CData(_) => return Err(NOT_DIV),
            Event::DocType(_) | Event::PI(_) | Event::Decl(_) => return Err(ENTITY),
            Event::Eof => break,
        }
    }
    if depth > 0 || !closed {
        return Err(NOT_XML);
    }
    if has_content { Ok(()) } else { Err(EMPTY) }
}

/// Whether it can be written into XML as it stands: one that says nothing can, though it breaks a rule.
pub(crate) fn is_writable(div: &str) -> bool {
    matches!(check(div), Ok(()) | Err(EMPTY))
}

/// Characters that XML cannot carry (XML 1.0, 2.2).
pub(crate) fn is_forbidden(c: char) -> bool {
    (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{FFFE}' | '\u{FFFF}')
}

fn check_element(start: &BytesStart, depth: usize, closed: bool) -> Result<(), Wrong> {
    let qualified = start.name();
    let name: &str = qualified.as_ref();
    let mut has_namespace = false;
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| NOT_XML)?;
        let key: &str = attribute.key.as_ref();
        let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).map_err(|_| ENTITY)?;
        if value.contains(is_forbidden) || attribute.value.contains('<') {
            return Err(NOT_XML);
        }
        if key == "xmlns" {
            if &*value != NAMESPACE {
                return Err(NOT_DIV);
            }
            has_namespace = true;
        }
        if ATTRIBUTES.binary_search(&key).is_err() {
            return Err(ATTRIBUTE);
        }
        if matches!(key, "href" | "src" | "longdesc" | "cite") && runs_a_script(&value) {
            return Err(LINK);
        }
        if key == "style" && acts_in_style(&value) {
            return Err(ATTRIBUTE);
        }
    }
    if depth == 0 && (closed || name != "div" || !has_namespace) {
        return Err(NOT_DIV);
    }
    if ELEMENTS.binary_search(&name).is_err() { Err(ELEMENT) } else { Ok(()) }
}

/// The scheme without what browsers skip: white space and control characters.
fn runs_a_script(link: &str) -> bool {
    let plain: String = link.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    let plain = plain.to_ascii_lowercase();
    let is_image = plain.starts_with("data:image/") && !plain.starts_with("data:image/svg");
    ["javascript:", "vbscript:", "data:"].iter().any(|scheme| plain.starts_with(scheme)) && !is_image
}

/// Programs, other sheets, and addresses outside: an image in the text itself may stand (HL7's own narratives have them).
fn acts_in_style(style: &str) -> bool {
    let plain: String = style.chars().filter(|c| !c.is_whitespace() && *c != '\\').collect();
    let plain = plain.to_ascii_lowercase().replace(['"', '\''], "");
    let is_image =
        |address: &str| address.starts_with("data:image/") && !address.starts_with("data:image/svg");
    ["expression(", "@import", "behavior:", "-moz-binding"].iter().any(|word| plain.contains(word))
        || plain.split("url(").skip(1).any(|address| !is_image(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn div(inside: &str) -> String {
        format!("<div xmlns=\"{NAMESPACE}\">{inside}</div>")
    }

    #[test]
    fn formatting_links_and_images_are_allowed() {
        assert!(ELEMENTS.is_sorted() && ATTRIBUTES.is_sorted());
        for inside in [
            "Niño &amp; <b>más</b> &#233;<br/>",
            "<table class=\"grid\"><tr><td colspan=\"2\">1</td></tr></table>",
            "<a href=\"https://example.org\">x</a><img src=\"#a\" alt=\"a\"/>",
            "<p style=\"color: red\">x</p><!-- note -->",
            "<p style=\"background-image: url(data: image/png;base64,AA==)\">x</p>",
            "<img src=\"data:image/png;base64,AA==\" alt=\"\"/>",
        ] {
            assert_eq!(check(&div(inside)), Ok(()), "{inside}");
        }
    }

    #[test]
    fn what_acts_or_is_not_xhtml_is_refused() {
        let cases = [
            (div("<script>x</script>"), ELEMENT),
            (div("<iframe src=\"http://x\"/>x"), ELEMENT),
            (div("<form/>x"), ELEMENT),
            (div("<p onclick=\"x()\">x</p>"), ATTRIBUTE),
            (div("<a href=\"java&#10;script:x\">x</a>"), LINK),
            (div("<a href=\" JavaScript:x\">x</a>"), LINK),
            (div("<img src=\"data:text/html,x\"/>"), LINK),
            (div("<p style=\"background: u\\rl(http://x)\">x</p>"), ATTRIBUTE),
            (div("a&nbsp;b"), ENTITY),
            (div("<?php x?>y"), ENTITY),
            (format!("<!DOCTYPE div [<!ENTITY a \"b\">]>{}", div("x")), ENTITY),
            (div("  "), EMPTY),
            (div("<b>x"), NOT_XML),
            (div("<b>x</i>"), NOT_XML),
            (format!("{}{}", div("x"), div("y")), NOT_DIV),
            ("<div>x</div>".to_owned(), NOT_DIV),
            (format!("<p xmlns=\"{NAMESPACE}\">x</p>"), NOT_DIV),
            ("text".to_owned(), NOT_DIV),
            (String::new(), NOT_XML),
            (div(&format!("{}x{}", "<b>".repeat(70), "</b>".repeat(70))), DEEP),
        ];
        for (text, wrong) in cases {
            assert_eq!(check(&text), Err(wrong), "{text:.80}");
        }
    }
}
