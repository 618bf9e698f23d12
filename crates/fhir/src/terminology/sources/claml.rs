//! ICD-10 and its relatives as ClaML (EN 14463): classes with their rubrics, in the languages that are there.

use super::{Reading, file_name};
use crate::terminology::{About, Builder, CodeSystem, Concept, PropertyAbout};
use badiano_kernel::Fault;
use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use std::borrow::Cow;
use std::io::BufRead;

#[derive(Default)]
pub(super) struct Claml {
    title: String,
    version: String,
    concepts: Vec<Concept>,
}

/// Where the reader stands.
#[derive(Default)]
struct At {
    class: Option<Concept>,
    rubric: String,
    language: String,
    label: Option<String>,
}

impl Reading for Claml {
    fn wants(&self, name: &str) -> bool {
        file_name(name).to_ascii_lowercase().ends_with(".xml")
    }

    fn read(&mut self, _name: &str, from: &mut dyn BufRead) -> Result<(), Fault> {
        let mut reader = Reader::from_reader(from);
        let (mut buffer, mut at) = (Vec::new(), At::default());
        loop {
            let wrong = |reader: &Reader<&mut dyn BufRead>| {
                Fault::invalid("the file is no ClaML").at(format!("byte {}", reader.buffer_position()))
            };
            match reader.read_event_into(&mut buffer).map_err(|_| wrong(&reader))? {
                Event::Eof => return Ok(()),
                Event::Start(tag) => self.begin(&tag, &mut at),
                Event::Empty(tag) => {
                    self.begin(&tag, &mut at);
                    self.end(tag.name().as_ref(), &mut at);
                }
                Event::End(tag) => self.end(tag.name().as_ref(), &mut at),
                Event::Text(text) => {
                    if let Some(label) = &mut at.label {
                        label.push_str(&text);
                    }
                }
                Event::GeneralRef(name) => {
                    if let Some(label) = &mut at.label {
                        label.push_str(&reference(&name));
                    }
                }
                _ => {}
            }
            buffer.clear();
        }
    }

    fn finish(self: Box<Self>, mut about: About) -> Result<CodeSystem, Fault> {
        if about.version.is_empty() {
            about.version = self.version;
        }
        if !self.title.is_empty() {
            about.title = self.title;
        }
        about.properties =
            vec![PropertyAbout { code: "kind".into(), kind: "string".into(), ..PropertyAbout::default() }];
        let mut builder = Builder::new(about);
        for concept in self.concepts {
            builder.add(concept)?;
        }
        Ok(builder.finish())
    }
}

/// What a reference of XML stands for.
fn reference(name: &str) -> String {
    let number = name.strip_prefix("#x").map(|n| u32::from_str_radix(n, 16));
    let number = number.or_else(|| name.strip_prefix('#').map(str::parse));
    let sign = match (name, number) {
        ("amp", _) => Some('&'),
        ("lt", _) => Some('<'),
        ("gt", _) => Some('>'),
        ("quot", _) => Some('"'),
        ("apos", _) => Some('\''),
        (_, Some(Ok(number))) => char::from_u32(number),
        _ => None,
    };
    sign.map(String::from).unwrap_or_default()
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> String {
    let found = tag.attributes().with_checks(false).filter_map(Result::ok).find(|a| a.key.as_ref() == name);
    found
        .map(|a| unescape(&a.value).map_or_else(|_| a.value.to_string(), Cow::into_owned))
        .unwrap_or_default()
}

impl Claml {
    fn begin(&mut self, tag: &BytesStart<'_>, at: &mut At) {
        match (tag.name().as_ref(), &mut at.class) {
            ("Title", None) => {
                self.version = attribute(tag, "version");
                at.label = Some(String::new());
            }
            ("Class", _) => {
                let kind = attribute(tag, "kind");
                at.class = Some(Concept {
                    code: attribute(tag, "code"),
                    is_abstract: kind == "chapter" || kind == "block",
                    properties: vec![("kind".to_owned(), kind)],
                    ..Concept::default()
                });
            }
            ("SuperClass", Some(class)) => class.parents.push(attribute(tag, "code")),
            ("Rubric", _) => at.rubric = attribute(tag, "kind"),
            ("Label", _) => {
                at.language = attribute(tag, "xml:lang");
                at.label = Some(String::new());
            }
            _ => {}
        }
    }

    fn end(&mut self, name: &str, at: &mut At) {
        match name {
            "Title" if at.class.is_none() => {
                self.title = at.label.take().unwrap_or_default().trim().to_owned();
            }
            "Label" => {
                let words = at.label.take().unwrap_or_default();
                let text = words.split_whitespace().collect::<Vec<_>>().join(" ");
                let Some(class) = at.class.as_mut().filter(|_| !text.is_empty()) else { return };
                match at.rubric.as_str() {
                    "preferred" if class.display.is_empty() => class.display = text,
                    "preferred" | "preferredLong" | "inclusion" => {
                        let usage = [String::new(), at.rubric.clone(), String::new()];
                        class.designations.push((at.language.clone(), usage, text));
                    }
                    "definition" => class.definition = text,
                    _ => {}
                }
            }
            "Class" => self.concepts.extend(at.class.take()),
            _ => {}
        }
    }
}
