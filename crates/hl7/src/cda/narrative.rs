//! The narrative of a section: CDA's own markup as XHTML and back (CDA R2 section 4.3.5; FHIR R4, narrative.html).

use super::xml::{Element, Node, escape};
use badiano_fhir::narrative::NAMESPACE;

/// Names of narrative elements and what they are in XHTML; others give their text.
const NAMES: &[(&str, &str)] = &[
    ("paragraph", "p"),
    ("content", "span"),
    ("item", "li"),
    ("table", "table"),
    ("thead", "thead"),
    ("tbody", "tbody"),
    ("tfoot", "tfoot"),
    ("tr", "tr"),
    ("td", "td"),
    ("th", "th"),
    ("br", "br"),
    ("sub", "sub"),
    ("sup", "sup"),
    ("caption", "b"),
    ("footnote", "span"),
    ("linkHtml", "span"),
];

/// The div of a section's text; nothing where it says nothing.
pub(super) fn to_xhtml(text: &Element) -> Option<String> {
    if text.text().is_empty() {
        return None;
    }
    let mut out = format!("<div xmlns=\"{NAMESPACE}\">");
    inner(text, &mut out);
    out.push_str("</div>");
    Some(out)
}

fn inner(of: &Element, out: &mut String) {
    // White space between rows and cells is none of the text.
    let structural = ["table", "thead", "tbody", "tfoot", "tr", "list", "text"].contains(&of.name.as_str());
    for node in &of.nodes {
        match node {
            Node::Text(text) if structural && text.trim().is_empty() => {}
            Node::Text(text) => escape(text, out),
            Node::Element(element) => print(element, &of.name, out),
        }
    }
}

fn print(element: &Element, around: &str, out: &mut String) {
    let name = match element.name.as_str() {
        "list" if element.attr("listType") == "ordered" => "ol",
        "list" => "ul",
        // The caption of a list is an item of it: nothing else may stand in it.
        "caption" if around == "list" => "li",
        "caption" if around == "table" => "caption",
        "content" if element.attr("styleCode").split_whitespace().any(|s| s == "Bold") => "b",
        "content" if element.attr("styleCode").split_whitespace().any(|s| s == "Italics") => "i",
        "renderMultiMedia" | "footnoteRef" | "colgroup" | "col" => return,
        other => match NAMES.iter().find(|(own, _)| *own == other) {
            Some((_, xhtml)) => xhtml,
            None => return inner(element, out),
        },
    };
    out.push('<');
    out.push_str(name);
    if !element.attr("ID").is_empty() {
        out.push_str(" id=\"");
        escape(element.attr("ID"), out);
        out.push('"');
    }
    for span in ["colspan", "rowspan"] {
        let count = element.attr(span);
        if ["td", "th"].contains(&name) && !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit()) {
            out.push_str(&format!(" {span}=\"{count}\""));
        }
    }
    if name == "br" {
        out.push_str("/>");
        return;
    }
    out.push('>');
    inner(element, out);
    out.push_str(&format!("</{name}>"));
}

/// CDA's text of a div: the same words, cells and items.
pub(super) fn from_xhtml(div: &str) -> Element {
    let mut text = Element::new("text");
    if let Ok(read) = super::xml::parse(div.as_bytes()) {
        text.nodes = read.nodes.iter().flat_map(|n| back(n, "text")).collect();
    }
    text
}

fn back(node: &Node, around: &str) -> Vec<Node> {
    let element = match node {
        Node::Text(text) => {
            let structural = ["table", "thead", "tbody", "tfoot", "tr", "list"].contains(&around);
            return if structural && text.trim().is_empty() {
                Vec::new()
            } else {
                vec![Node::Text(text.clone())]
            };
        }
        Node::Element(element) => element,
    };
    let name = match element.name.as_str() {
        "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "pre" | "blockquote" => "paragraph",
        "ul" | "ol" => "list",
        "li" => "item",
        "b" | "strong" | "i" | "em" | "span" | "code" | "a" => "content",
        own @ ("table" | "thead" | "tbody" | "tfoot" | "tr" | "td" | "th" | "br" | "sub" | "sup"
        | "caption") => own,
        _ => return element.nodes.iter().flat_map(|n| back(n, around)).collect(),
    };
    let mut made = Element::new(name).with("ID", element.attr("id"));
    made = match element.name.as_str() {
        "ol" => made.with("listType", "ordered"),
        "b" | "strong" => made.with("styleCode", "Bold"),
        "i" | "em" => made.with("styleCode", "Italics"),
        _ => made,
    };
    for span in ["colspan", "rowspan"] {
        made = made.with(span, element.attr(span));
    }
    made.nodes = element.nodes.iter().flat_map(|n| back(n, name)).collect();
    vec![Node::Element(made)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_lists_and_marks_keep_their_words_both_ways() {
        let cda = "<text><table><thead><tr><th>Fecha</th></tr></thead><tbody><tr><td ID=\"a1\">Hoy &lt; ayer</td></tr></tbody></table>\
                   <list listType=\"ordered\"><item>Uno</item></list><paragraph><content styleCode=\"Bold\">Dos</content><br/></paragraph></text>";
        let text = super::super::xml::parse(cda.as_bytes()).expect("XML");
        let div = to_xhtml(&text).expect("words");
        assert!(badiano_fhir::narrative::check(&div).is_ok(), "{div}");
        assert!(
            div.contains("<td id=\"a1\">Hoy &lt; ayer</td>") && div.contains("<ol><li>Uno</li></ol>"),
            "{div}"
        );
        assert_eq!(from_xhtml(&div), text);
    }
}
