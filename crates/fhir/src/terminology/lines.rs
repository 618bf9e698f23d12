//! Many small definitions in one text, a resource a line, each read when it is first asked for: how what R4 publishes is compiled in, and
//! how packages that an operator loads are kept.

use super::{About, CodeSystem, ConceptMap, Held, Terminology, ValueSet, put};
use crate::json;
use crate::value::Value;
use std::ops::Range;
use std::sync::Arc;

/// What stands first in a line, so that nothing more is read to know what it is.
const FIRST: [&str; 6] = ["resourceType", "url", "version", "content", "supplements", "valueSet"];
/// What nobody asks for.
const LEFT_OUT: [&str; 6] = ["text", "meta", "contact", "copyright", "purpose", "description"];

/// A text whose lines are shared.
#[derive(Clone)]
pub(super) enum Text {
    Fixed(&'static str),
    Loaded(Arc<str>),
}

impl Text {
    fn get(&self) -> &str {
        match self {
            Text::Fixed(text) => text,
            Text::Loaded(text) => text,
        }
    }
}

/// A CodeSystem, ValueSet or ConceptMap as a line; nothing for other resources, and for those without an address.
pub fn line(resource: &Value) -> Option<String> {
    let is_one = ["CodeSystem", "ValueSet", "ConceptMap"].contains(&resource.resource_type());
    if !is_one || resource.str_of("url").is_empty() || resource.str_of("url").contains(['"', '\\']) {
        return None;
    }
    let mut kept = Value::object();
    for key in FIRST.into_iter().filter(|key| resource[*key].as_str().is_some()) {
        kept.set(key, resource[key].clone());
    }
    for (key, value) in resource.as_object()?.iter() {
        if !FIRST.contains(&key) && !LEFT_OUT.contains(&key) {
            kept.set(key, value.clone());
        }
    }
    Some(json::to_string(&kept))
}

impl Terminology {
    /// Keeps every line of a text that [`line()`] made; the answer is how many.
    pub fn add_lines(&mut self, text: Arc<str>) -> usize {
        self.add_text(&Text::Loaded(text))
    }

    pub(super) fn add_text(&mut self, text: &Text) -> usize {
        let (mut from, mut count) = (0, 0);
        for line in text.get().split_inclusive('\n') {
            let range = from..from + line.trim_end().len();
            from += line.len();
            count += usize::from(self.add_line(text, line, range));
        }
        count
    }

    fn add_line(&mut self, text: &Text, line: &str, range: Range<usize>) -> bool {
        let told = |key: &str| {
            let head = line.get(..line.find("\"concept\":").unwrap_or(line.len()))?;
            head.split(&format!("\"{key}\":\"")).nth(1)?.split('"').next()
        };
        let (Some(kind), Some(url)) = (told("resourceType"), told("url")) else { return false };
        let version = told("version").unwrap_or_default();
        let text = text.clone();
        let read = move || json::parse(text.get().get(range.clone())?.as_bytes()).ok();
        match kind {
            "CodeSystem" => {
                let held = Held::new(version, move || CodeSystem::of(&read()?).ok());
                if told("content") == Some("supplement") {
                    let of = told("supplements").unwrap_or_default();
                    put(&mut self.supplements, of.split('|').next().unwrap_or(of), held);
                } else {
                    self.keep_whole(told("valueSet").unwrap_or_default(), url);
                    put(&mut self.systems, url, held);
                }
            }
            "ValueSet" => put(&mut self.sets, url, Held::new(version, move || ValueSet::of(&read()?).ok())),
            _ => put(&mut self.maps, url, Held::new(version, move || ConceptMap::of(&read()?).ok())),
        }
        true
    }
}

/// A large CodeSystem of a package becomes a file of its own.
pub fn is_large(resource: &Value) -> bool {
    fn count(concepts: &Value, most: usize) -> usize {
        let mut all = 0;
        for concept in concepts.items() {
            all += 1 + count(&concept["concept"], most);
            if all > most {
                break;
            }
        }
        all
    }
    const MOST: usize = 5_000;
    resource.resource_type() == "CodeSystem"
        && About::of(resource).content != "supplement"
        && count(&resource["concept"], MOST) > MOST
}
