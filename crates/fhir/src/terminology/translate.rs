//! ConceptMap/$translate: what a code is in another system (FHIR R4, conceptmap-operation-translate.html).

use super::concept_map::{ConceptMap, Group, Other, Target, Unmapped};
use super::parameters::{Asked, Coded, part};
use super::{Terminology, unknown};
use crate::fhir;
use crate::value::Value;
use badiano_kernel::Fault;
use std::sync::Arc;

/// Maps that send on to maps.
const DEPTH_MAX: usize = 8;

struct Match {
    equivalence: String,
    system: String,
    version: String,
    code: String,
    display: String,
    product: Vec<Other>,
    source: String,
}

struct Question<'q> {
    coded: &'q [Coded],
    target_system: Option<&'q str>,
    is_reverse: bool,
    depends_on: Vec<(String, String)>,
}

impl Terminology {
    pub fn translate(&self, asked: &Asked) -> Result<Value, Fault> {
        let coded = asked.coded()?;
        let question = Question {
            coded: &coded,
            target_system: asked.text("targetsystem").or_else(|| asked.text("targetSystem")),
            is_reverse: asked.flag("reverse")?.unwrap_or(false),
            depends_on: asked.dependencies(),
        };
        let mut matches = Vec::new();
        for map in self.maps_for(asked)? {
            self.follow(&map, &question, 0, &mut matches)?;
        }
        let is_found = matches.iter().any(|m| !["unmatched", "disjoint"].contains(&m.equivalence.as_str()));
        let mut out = vec![part("result", "valueBoolean", is_found)];
        if !is_found {
            let text = "no translation was found / no se encontró traducción";
            out.push(part("message", "valueString", text));
        }
        out.extend(matches.iter().map(Match::shown));
        Ok(fhir!({ "resourceType": "Parameters", "parameter": (Value::Array(out)) }))
    }

    /// The map that is named, or all between the systems and value sets that are.
    fn maps_for(&self, asked: &Asked) -> Result<Vec<Arc<ConceptMap>>, Fault> {
        if let Some(resource) = asked.resource("conceptMap") {
            return Ok(vec![Arc::new(ConceptMap::of(resource)?)]);
        }
        if let Some(url) = asked.canonical("url", "conceptMapVersion") {
            return self.concept_map(&url).map(|map| vec![map]).ok_or_else(|| unknown("concept map", &url));
        }
        let (source, target) = (asked.text("source"), asked.text("target"));
        if source.is_none() && target.is_none() && asked.text("targetsystem").is_none() {
            return Err(
                Fault::invalid("name a concept map by url, or source, target or targetsystem").at("url")
            );
        }
        let fits = |own: &str, wanted: Option<&str>| wanted.is_none_or(|w| w.split('|').next() == Some(own));
        Ok(self.concept_maps().filter(|m| fits(&m.source, source) && fits(&m.target, target)).collect())
    }

    fn follow(
        &self,
        map: &ConceptMap,
        question: &Question<'_>,
        depth: usize,
        matches: &mut Vec<Match>,
    ) -> Result<(), Fault> {
        if depth > DEPTH_MAX {
            return Err(Fault::too_costly("concept maps send on to each other too often"));
        }
        for coded in question.coded {
            for group in &map.groups {
                let (from, to) = if question.is_reverse {
                    (&group.target, &group.source)
                } else {
                    (&group.source, &group.target)
                };
                let fits = (coded.system.is_empty() || coded.system == from.0)
                    && question.target_system.is_none_or(|s| s == to.0);
                if !fits {
                    continue;
                }
                let before = matches.len();
                if question.is_reverse {
                    matches.extend(backward(map, group, &coded.code));
                } else {
                    let targets = group.by_code.get(&coded.code).map_or(&[][..], Vec::as_slice);
                    matches.extend(
                        targets.iter().filter(|t| depends(t, question)).map(|t| forward(map, group, t)),
                    );
                }
                if matches.len() == before && !question.is_reverse {
                    self.unmapped(map, group, coded, question, depth, matches)?;
                }
            }
        }
        Ok(())
    }

    fn unmapped(
        &self,
        map: &ConceptMap,
        group: &Group,
        coded: &Coded,
        question: &Question<'_>,
        depth: usize,
        matches: &mut Vec<Match>,
    ) -> Result<(), Fault> {
        let (code, display, equivalence) = match &group.unmapped {
            None => return Ok(()),
            Some(Unmapped::Provided) => (coded.code.clone(), coded.display.clone(), "equal"),
            Some(Unmapped::Fixed(code, display)) => (code.clone(), display.clone(), "inexact"),
            Some(Unmapped::OtherMap(url)) => {
                let other = self.concept_map(url).ok_or_else(|| unknown("concept map", url))?;
                let alone = std::slice::from_ref(coded);
                let question =
                    Question { coded: alone, depends_on: question.depends_on.clone(), ..*question };
                return self.follow(&other, &question, depth + 1, matches);
            }
        };
        let target = Target { code, display, equivalence: equivalence.to_owned(), ..Target::default() };
        matches.push(forward(map, group, &target));
        Ok(())
    }
}

fn depends(target: &Target, question: &Question<'_>) -> bool {
    question.depends_on.is_empty()
        || target.depends_on.iter().all(|own| {
            question
                .depends_on
                .iter()
                .any(|(property, value)| *property == own.property && *value == own.value)
        })
}

fn forward(map: &ConceptMap, group: &Group, target: &Target) -> Match {
    Match {
        equivalence: target.equivalence.clone(),
        system: group.target.0.clone(),
        version: group.target.1.clone(),
        code: target.code.clone(),
        display: target.display.clone(),
        product: target.product.clone(),
        source: map.url.clone(),
    }
}

/// From a target to what is mapped to it; what was narrower is wider seen from there.
fn backward(map: &ConceptMap, group: &Group, code: &str) -> Vec<Match> {
    let sources = group.by_target.get(code).map_or(&[][..], Vec::as_slice);
    let one = |(source, at): &(String, usize)| {
        let own = group.by_code.get(source).and_then(|all| all.get(*at)).map_or("", |t| &t.equivalence);
        let equivalence = match own {
            "wider" => "narrower",
            "narrower" => "wider",
            "subsumes" => "specializes",
            "specializes" => "subsumes",
            same => same,
        };
        Match {
            equivalence: equivalence.to_owned(),
            system: group.source.0.clone(),
            version: group.source.1.clone(),
            code: source.clone(),
            display: String::new(),
            product: Vec::new(),
            source: map.url.clone(),
        }
    };
    sources.iter().map(one).collect()
}

impl Match {
    fn shown(&self) -> Value {
        let mut parts = vec![part("equivalence", "valueCode", self.equivalence.as_str())];
        if !self.code.is_empty() {
            let mut concept = fhir!({});
            for (key, text) in [
                ("system", &self.system),
                ("version", &self.version),
                ("code", &self.code),
                ("display", &self.display),
            ] {
                if !text.is_empty() {
                    concept.set(key, text.as_str());
                }
            }
            parts.push(part("concept", "valueCoding", concept));
        }
        for product in &self.product {
            let concept = fhir!({ "system": (product.system.as_str()), "code": (product.value.as_str()) });
            let inner = [
                part("element", "valueUri", product.property.as_str()),
                part("concept", "valueCoding", concept),
            ];
            parts.push(fhir!({ "name": "product", "part": (Value::Array(inner.to_vec())) }));
        }
        if !self.source.is_empty() {
            parts.push(part("source", "valueUri", self.source.as_str()));
        }
        fhir!({ "name": "match", "part": (Value::Array(parts)) })
    }
}
