//! A concept map ready to be asked (FHIR R4, conceptmap.html).

use super::canonical::divided;
use crate::value::Value;
use badiano_kernel::Fault;
use std::collections::HashMap;

/// Elements of one map.
const ELEMENTS_MAX: usize = 2_000_000;

#[derive(Debug, Default)]
pub struct ConceptMap {
    pub url: String,
    pub version: String,
    /// Value sets that it maps from and to; empty where it names none.
    pub source: String,
    pub target: String,
    pub(crate) groups: Vec<Group>,
}

#[derive(Debug, Default)]
pub(crate) struct Group {
    pub source: (String, String),
    pub target: (String, String),
    pub by_code: HashMap<String, Vec<Target>>,
    /// For questions the other way round: target code, source code and its place in `by_code`.
    pub by_target: HashMap<String, Vec<(String, usize)>>,
    pub unmapped: Option<Unmapped>,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Target {
    pub code: String,
    pub display: String,
    pub equivalence: String,
    pub depends_on: Vec<Other>,
    pub product: Vec<Other>,
}

/// Property, system, value of `dependsOn` and `product`.
#[derive(Debug, Default, Clone)]
pub(crate) struct Other {
    pub property: String,
    pub system: String,
    pub value: String,
}

#[derive(Debug)]
pub(crate) enum Unmapped {
    Provided,
    Fixed(String, String),
    OtherMap(String),
}

impl ConceptMap {
    pub fn of(resource: &Value) -> Result<ConceptMap, Fault> {
        let either = |a: &str, b: &str| {
            let found = resource[a].as_str().or_else(|| resource[b].as_str()).unwrap_or_default();
            divided(found).0.to_owned()
        };
        let mut map = ConceptMap {
            url: resource.str_of("url").to_owned(),
            version: resource.str_of("version").to_owned(),
            source: either("sourceUri", "sourceCanonical"),
            target: either("targetUri", "targetCanonical"),
            groups: Vec::new(),
        };
        let mut count = 0;
        for group in resource["group"].items() {
            count += group["element"].items().len();
            if count > ELEMENTS_MAX {
                return Err(Fault::too_costly(format!(
                    "the concept map has more than {ELEMENTS_MAX} elements"
                )));
            }
            map.groups.push(Group::of(group));
        }
        Ok(map)
    }
}

impl Group {
    fn of(told: &Value) -> Group {
        let system = |uri: &str, version: &str| {
            let (url, own) = divided(told.str_of(uri));
            (url.to_owned(), told[version].as_str().unwrap_or(own).to_owned())
        };
        let mut group = Group {
            source: system("source", "sourceVersion"),
            target: system("target", "targetVersion"),
            unmapped: unmapped(&told["unmapped"]),
            ..Group::default()
        };
        for element in told["element"].items() {
            let code = element.str_of("code");
            for target in element["target"].items() {
                let own = group.by_code.entry(code.to_owned()).or_default();
                own.push(Target::of(target));
                let back = (code.to_owned(), own.len() - 1);
                group.by_target.entry(target.str_of("code").to_owned()).or_default().push(back);
            }
        }
        group
    }
}

impl Target {
    fn of(told: &Value) -> Target {
        let other = |o: &Value| Other {
            property: o.str_of("property").to_owned(),
            system: o.str_of("system").to_owned(),
            value: o.str_of("value").to_owned(),
        };
        Target {
            code: told.str_of("code").to_owned(),
            display: told.str_of("display").to_owned(),
            equivalence: told.str_of("equivalence").to_owned(),
            depends_on: told["dependsOn"].items().iter().map(other).collect(),
            product: told["product"].items().iter().map(other).collect(),
        }
    }
}

fn unmapped(told: &Value) -> Option<Unmapped> {
    Some(match told.str_of("mode") {
        "provided" => Unmapped::Provided,
        "fixed" => Unmapped::Fixed(told.str_of("code").to_owned(), told.str_of("display").to_owned()),
        "other-map" => Unmapped::OtherMap(told.str_of("url").to_owned()),
        _ => return None,
    })
}
