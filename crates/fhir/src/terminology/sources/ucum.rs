//! UCUM's own table, `ucum-essence.xml`: units with their names; whether a whole expression is one stays a question of the grammar
//! (The Unified Code for Units of Measure, section 4).

use super::{Reading, file_name, no_use};
use crate::terminology::{About, Builder, CodeSystem, Concept, PropertyAbout};
use badiano_kernel::Fault;
use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use std::borrow::Cow;
use std::io::BufRead;

#[derive(Default)]
pub(super) struct Ucum {
    version: String,
    units: Vec<Concept>,
}

impl Reading for Ucum {
    fn wants(&self, name: &str) -> bool {
        file_name(name).eq_ignore_ascii_case("ucum-essence.xml")
    }

    fn read(&mut self, _name: &str, from: &mut dyn BufRead) -> Result<(), Fault> {
        let mut reader = Reader::from_reader(from);
        let (mut buffer, mut unit, mut text) = (Vec::new(), None::<Concept>, String::new());
        loop {
            let wrong = || Fault::invalid("the file is no table of UCUM");
            match reader.read_event_into(&mut buffer).map_err(|_| wrong())? {
                Event::Eof => return Ok(()),
                Event::Start(tag) => {
                    match tag.name().as_ref() {
                        "root" => self.version = attribute(&tag, "version"),
                        "base-unit" | "unit" => unit = Some(begun(&tag)),
                        _ => {}
                    }
                    text.clear();
                }
                Event::Text(more) => text.push_str(&more),
                Event::End(tag) => {
                    let said = text.trim().to_owned();
                    match (tag.name().as_ref(), &mut unit) {
                        ("base-unit" | "unit", _) => self.units.extend(unit.take()),
                        ("name", Some(unit)) if unit.display.is_empty() => unit.display = said,
                        ("name", Some(unit)) => unit.designations.push((String::new(), no_use(), said)),
                        ("property", Some(unit)) => unit.properties.push(("property".to_owned(), said)),
                        _ => {}
                    }
                    text.clear();
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
        // The list holds the parts that expressions are made of.
        about.content = "fragment".to_owned();
        let property = |code: &str| PropertyAbout {
            code: code.into(),
            kind: "string".into(),
            ..PropertyAbout::default()
        };
        about.properties = vec![property("property"), property("class")];
        let mut builder = Builder::new(about);
        for unit in self.units {
            builder.add(unit)?;
        }
        Ok(builder.finish())
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> String {
    let found = tag.attributes().with_checks(false).filter_map(Result::ok).find(|a| a.key.as_ref() == name);
    found
        .map(|a| unescape(&a.value).map_or_else(|_| a.value.to_string(), Cow::into_owned))
        .unwrap_or_default()
}

fn begun(tag: &BytesStart<'_>) -> Concept {
    let class = attribute(tag, "class");
    let properties = if class.is_empty() { Vec::new() } else { vec![("class".to_owned(), class)] };
    Concept { code: attribute(tag, "Code"), properties, ..Concept::default() }
}
