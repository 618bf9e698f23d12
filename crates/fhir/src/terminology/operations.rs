//! $lookup, $validate-code, $subsumes and $expand as resources (FHIR R4, codesystem-operations.html, valueset-operations.html).

use super::code_system::{ABSTRACT, At, BETWEEN, CodeSystem, INACTIVE, PropertyAbout, three};
use super::parameters::{Asked, Coded, part};
use super::{Expand, Expansion, Terminology, ValueSet, grammar, unknown};
use crate::fhir;
use crate::value::Value;
use badiano_kernel::Fault;
use std::sync::Arc;

/// Children that a look-up lists.
const CHILDREN_MAX: usize = 1_000;

/// Why a code is not what it should be, with what is known of it.
#[derive(Default)]
struct Verdict {
    display: String,
    version: String,
    message: Option<String>,
    is_inactive: bool,
}

impl Terminology {
    /// CodeSystem/$lookup.
    pub fn lookup(&self, asked: &Asked) -> Result<Value, Fault> {
        let coded = one(asked)?;
        if coded.system.is_empty() {
            return Err(Fault::invalid("is needed").at("system"));
        }
        let languages = asked.languages();
        let Some(system) = self.code_system(&coded.system, &coded.version).filter(|s| !s.is_empty()) else {
            return match grammar::has(&coded.system, &coded.code) {
                Some(true) => Ok(bare(&coded)),
                Some(false) => Err(no_code()),
                None => Err(unknown("code system", &coded.system)),
            };
        };
        let Some(at) = system.find(&coded.code) else {
            // Of a grammar only the parts are listed.
            return match grammar::has(&coded.system, &coded.code) {
                Some(true) if !system.is_complete() => Ok(bare(&coded)),
                _ => Err(no_code()),
            };
        };
        let about = system.about();
        let name = [&about.title, &about.name, &about.url].into_iter().find(|n| !n.is_empty());
        let mut out = vec![part("name", "valueString", name.map_or("", String::as_str))];
        if !about.version.is_empty() {
            out.push(part("version", "valueString", about.version.as_str()));
        }
        out.push(part(
            "display",
            "valueString",
            or_code(self.shown(&system, at, &languages, ""), &coded.code),
        ));
        let wanted: Vec<&str> = asked.texts("property").flat_map(|p| p.split(',')).collect();
        if wanted.is_empty() || wanted.contains(&"designation") {
            out.extend(self.all_designations(&system, at).iter().map(designation));
        }
        properties(&system, at, &wanted, &mut out);
        for more in self.supplements(&about.url) {
            if let Some(at) = more.find(system.code(at)) {
                out.extend(more.properties(at).filter(|(p, _)| asks(&wanted, &p.code)).map(own_property));
            }
        }
        Ok(answer(out))
    }

    /// CodeSystem/$validate-code.
    pub fn validate_code_in_system(&self, asked: &Asked) -> Result<Value, Fault> {
        let inline = asked.resource("codeSystem").map(CodeSystem::of).transpose()?.map(Arc::new);
        let url = asked.text("url").map(str::to_owned);
        let mut last = None;
        for mut coded in asked.coded()? {
            if let Some(wanted) = inline.as_ref().map(|s| s.about().url.clone()).or_else(|| url.clone()) {
                if !coded.system.is_empty() && coded.system != wanted {
                    let text = "the code is of another system / el código es de otro sistema";
                    last = Some((coded, Verdict { message: Some(text.to_owned()), ..Verdict::default() }));
                    continue;
                }
                coded.system = wanted;
            }
            if coded.system.is_empty() {
                return Err(Fault::invalid("is needed").at("url"));
            }
            let version = asked.text("version").map_or(coded.version.clone(), str::to_owned);
            let system = inline.clone().or_else(|| self.code_system(&coded.system, &version));
            let verdict = self.judge(&coded, system.filter(|s| !s.is_empty()), asked, None)?;
            let is_right = verdict.message.is_none();
            last = Some((coded, verdict));
            if is_right {
                break;
            }
        }
        let (coded, verdict) = last.ok_or_else(|| Fault::invalid("is needed").at("code"))?;
        Ok(verdict.shown(&coded))
    }

    /// ValueSet/$validate-code.
    pub fn validate_code_in_set(&self, asked: &Asked) -> Result<Value, Fault> {
        let set = self.asked_set(asked)?;
        let mut last = None;
        for coded in asked.coded()? {
            let system = Some(coded.system.as_str()).filter(|s| !s.is_empty());
            let system = system.or_else(|| set.only_system());
            let coded = Coded { system: system.unwrap_or_default().to_owned(), ..coded };
            let is_in = self.has(&set, system, &coded.code);
            let known = system.and_then(|s| self.code_system(s, &coded.version)).filter(|s| !s.is_empty());
            let mut verdict = self.judge(&coded, known, asked, Some(&set))?;
            if is_in != Some(true) {
                let name =
                    [&set.url, &set.name].into_iter().find(|n| !n.is_empty()).map_or("", String::as_str);
                let why = match is_in {
                    Some(_) => {
                        format!("the code is not in the value set {name} / el código no está en el conjunto")
                    }
                    None => format!(
                        "whether the code is in the value set {name} cannot be told: a code system is not known here / no se puede decir"
                    ),
                };
                verdict.message = Some(match verdict.message {
                    Some(more) => format!("{why}; {more}"),
                    None => why,
                });
            }
            let is_right = verdict.message.is_none();
            last = Some((coded, verdict));
            if is_right {
                break;
            }
        }
        let (coded, verdict) = last.ok_or_else(|| Fault::invalid("is needed").at("code"))?;
        Ok(verdict.shown(&coded))
    }

    /// What is wrong with a code and its display, within its system.
    fn judge(
        &self,
        coded: &Coded,
        system: Option<Arc<CodeSystem>>,
        asked: &Asked,
        set: Option<&ValueSet>,
    ) -> Result<Verdict, Fault> {
        let mut verdict = Verdict::default();
        let Some(system) = system else {
            // Of a system that is not here, the value set may list the code; it says so itself.
            verdict.display =
                set.and_then(|s| s.listed_display(&coded.system, &coded.code)).unwrap_or_default();
            let is_code = grammar::has(&coded.system, &coded.code);
            verdict.message = match (is_code, set) {
                (Some(true), _) | (None, Some(_)) => None,
                (Some(false), _) => {
                    Some("the code is not one of its system / el código no es del sistema".to_owned())
                }
                (None, None) => return Err(unknown("code system", &coded.system)),
            };
            return Ok(verdict);
        };
        verdict.version = system.about().version.clone();
        let Some(at) = system.find(&coded.code) else {
            let is_fragment = !system.is_complete();
            if is_fragment && grammar::has(&coded.system, &coded.code) == Some(true) {
                return Ok(verdict);
            }
            let text = if is_fragment {
                "the code is not in the part of its system that is here / el código no está en la parte del sistema que hay aquí"
            } else {
                "the code is not one of its system / el código no es del sistema"
            };
            verdict.message = Some(text.to_owned());
            return Ok(verdict);
        };
        let written = set.and_then(|s| s.listed_display(&coded.system, &coded.code)).unwrap_or_default();
        verdict.display = self.shown(&system, at, &asked.languages(), &written);
        verdict.is_inactive = system.has_flag(at, INACTIVE);
        if asked.flag("abstract")? == Some(false) && system.has_flag(at, ABSTRACT) {
            verdict.message =
                Some("the code is a heading and not to be used / el código es un encabezado".to_owned());
        }
        let same = |text: &str| crate::search::fold(text) == crate::search::fold(&coded.display);
        let is_display = coded.display.is_empty()
            || same(&written)
            || self.is_display(&system.about().url, &system.about().version, &coded.code, &coded.display)
                != Some(false);
        if !is_display {
            let text = format!(
                "the display is not one of this code; one is: {} / el texto no corresponde",
                verdict.display
            );
            verdict.message = Some(text);
        }
        Ok(verdict)
    }

    /// CodeSystem/$subsumes.
    pub fn subsumes(&self, asked: &Asked) -> Result<Value, Fault> {
        let a = asked.coding_or_code("codingA", "codeA")?;
        let b = asked.coding_or_code("codingB", "codeB")?;
        if a.system != b.system {
            return Err(Fault::invalid("codes of two systems are not compared").at("codingB"));
        }
        let inline = asked.resource("codeSystem").map(CodeSystem::of).transpose()?.map(Arc::new);
        let system = match inline {
            Some(system) => system,
            None if a.system.is_empty() => return Err(Fault::invalid("is needed").at("system")),
            None => {
                let found = self.code_system(&a.system, &a.version).filter(|s| !s.is_empty());
                found.ok_or_else(|| unknown("code system", &a.system))?
            }
        };
        let [a, b] = [system.find(&a.code), system.find(&b.code)];
        let (Some(a), Some(b)) = (a, b) else { return Err(no_code()) };
        Ok(answer(vec![part("outcome", "valueCode", relation(&system, a, b))]))
    }

    /// ValueSet/$expand: the value set with its expansion. `now`: when it was made, as FHIR writes it.
    pub fn expand_asked(&self, asked: &Asked, now: &str) -> Result<Value, Fault> {
        let set = self.asked_set(asked)?;
        let versions = ["system-version", "force-system-version", "default-valueset-version"];
        let ask = Expand {
            filter: asked.text("filter").unwrap_or_default().to_owned(),
            offset: asked.number("offset")?.unwrap_or(0),
            count: asked.number("count")?,
            active_only: asked.flag("activeOnly")?.unwrap_or(false),
            without_abstract: asked.flag("excludeNotForUI")?.unwrap_or(false),
            languages: asked.languages(),
            system_versions: versions.iter().flat_map(|name| asked.texts(name)).map(str::to_owned).collect(),
            with_designations: asked.flag("includeDesignations")?.unwrap_or(false),
        };
        let expansion = self.expand(&set, &ask)?;
        let mut out = fhir!({ "resourceType": "ValueSet" });
        for (key, text) in
            [("url", &set.url), ("version", &set.version), ("name", &set.name), ("title", &set.title)]
        {
            if !text.is_empty() {
                out.set(key, text.as_str());
            }
        }
        out.set("status", "active");
        out.set("expansion", shown(&expansion, &ask, asked, now));
        Ok(out)
    }

    /// The value set that is sent or named.
    fn asked_set(&self, asked: &Asked) -> Result<Arc<ValueSet>, Fault> {
        if let Some(resource) = asked.resource("valueSet") {
            return Ok(Arc::new(ValueSet::of(resource)?));
        }
        let url = asked
            .canonical("url", "valueSetVersion")
            .ok_or_else(|| Fault::invalid("name the value set by url, or send it as valueSet").at("url"))?;
        self.value_set(&url).ok_or_else(|| unknown("value set", &url))
    }
}

impl Verdict {
    fn shown(self, coded: &Coded) -> Value {
        let mut out = vec![part("result", "valueBoolean", self.message.is_none())];
        if let Some(message) = self.message {
            out.push(part("message", "valueString", message));
        }
        let texts = [
            ("display", "valueString", &self.display),
            ("code", "valueCode", &coded.code),
            ("system", "valueUri", &coded.system),
            ("version", "valueString", &self.version),
        ];
        out.extend(
            texts
                .into_iter()
                .filter(|(.., text)| !text.is_empty())
                .map(|(name, key, text)| part(name, key, text.as_str())),
        );
        if self.is_inactive {
            out.push(part("inactive", "valueBoolean", true));
        }
        answer(out)
    }
}

impl ValueSet {
    /// The one system that all parts are of.
    fn only_system(&self) -> Option<&str> {
        let mut all = self.include.iter().map(|p| p.system.as_ref().map(|(url, _)| url.as_str()));
        let first = all.next()??;
        all.all(|one| one == Some(first)).then_some(first)
    }

    /// The display that the value set itself gives a code.
    fn listed_display(&self, system: &str, code: &str) -> Option<String> {
        let mut own = self.include.iter().filter(|p| p.system.as_ref().is_some_and(|(url, _)| url == system));
        own.find_map(|p| p.find(code, false)).map(|l| l.display.clone())
    }
}

/// How one concept stands to another (valueset-concept-subsumption-outcome).
pub(super) fn relation(system: &CodeSystem, a: At, b: At) -> &'static str {
    if a == b {
        "equivalent"
    } else if system.is_below(b, a) {
        "subsumes"
    } else if system.is_below(a, b) {
        "subsumed-by"
    } else {
        "not-subsumed"
    }
}

fn answer(parameters: Vec<Value>) -> Value {
    fhir!({ "resourceType": "Parameters", "parameter": (Value::Array(parameters)) })
}

/// A code of a grammar: it has no other name.
fn bare(coded: &Coded) -> Value {
    let name = part("name", "valueString", coded.system.as_str());
    answer(vec![name, part("display", "valueString", coded.code.as_str())])
}

fn no_code() -> Fault {
    Fault::not_found("the code is not one of its system / el código no es del sistema").at("code")
}

fn one(asked: &Asked) -> Result<Coded, Fault> {
    asked.coded()?.into_iter().next().ok_or_else(|| Fault::invalid("is needed").at("code"))
}

fn or_code(display: String, code: &str) -> String {
    if display.is_empty() { code.to_owned() } else { display }
}

fn asks(wanted: &[&str], code: &str) -> bool {
    wanted.is_empty() || wanted.contains(&code) || wanted.contains(&"*")
}

fn properties(system: &CodeSystem, at: At, wanted: &[&str], out: &mut Vec<Value>) {
    if asks(wanted, "definition") && !system.definition(at).is_empty() {
        out.push(property("definition", part("value", "valueString", system.definition(at)), None));
    }
    if asks(wanted, "inactive") {
        out.push(property("inactive", part("value", "valueBoolean", system.has_flag(at, INACTIVE)), None));
    }
    let links = [("parent", system.parents.get(at)), ("child", system.children.get(at))];
    for (name, codes) in links.into_iter().filter(|(name, _)| asks(wanted, name)) {
        for other in codes.iter().take(CHILDREN_MAX) {
            let display = Some(system.display(*other)).filter(|d| !d.is_empty());
            out.push(property(name, part("value", "valueCode", system.code(*other)), display));
        }
    }
    let own = system.properties(at).filter(|(p, _)| asks(wanted, &p.code));
    out.extend(
        own.filter(|(p, _)| !["parent", "child", "inactive", "subsumedBy"].contains(&p.code.as_str()))
            .map(own_property),
    );
}

fn property(code: &str, value: Value, description: Option<&str>) -> Value {
    let mut parts = vec![part("code", "valueCode", code), value];
    parts.extend(description.map(|d| part("description", "valueString", d)));
    fhir!({ "name": "property", "part": (Value::Array(parts)) })
}

fn own_property((about, text): (&PropertyAbout, &str)) -> Value {
    let value = match about.kind.as_str() {
        "code" => part("value", "valueCode", text),
        "boolean" => part("value", "valueBoolean", text == "true"),
        "integer" => part("value", "valueInteger", Value::Number(text.into())),
        "decimal" => part("value", "valueDecimal", Value::Number(text.into())),
        "dateTime" => part("value", "valueDateTime", text),
        "Coding" if text.contains(BETWEEN) => part("value", "valueCoding", coding(three(text))),
        _ => part("value", "valueString", text),
    };
    property(&about.code, value, None)
}

fn coding(of: [&str; 3]) -> Value {
    let mut coding = fhir!({});
    for (key, text) in ["system", "code", "display"].into_iter().zip(of) {
        if !text.is_empty() {
            coding.set(key, text);
        }
    }
    coding
}

type Told = (String, [String; 3], String);

fn designation((language, usage, text): &Told) -> Value {
    let mut parts = Vec::new();
    if !language.is_empty() {
        parts.push(part("language", "valueCode", language.as_str()));
    }
    if !usage[1].is_empty() {
        parts.push(part("use", "valueCoding", coding(usage.each_ref().map(String::as_str))));
    }
    parts.push(part("value", "valueString", text.as_str()));
    fhir!({ "name": "designation", "part": (Value::Array(parts)) })
}

fn shown(expansion: &Expansion, ask: &Expand, asked: &Asked, now: &str) -> Value {
    let mut parameters = Vec::new();
    for name in ["filter", "displayLanguage"] {
        parameters.extend(
            asked
                .text(name)
                .map(|text| part(name, if name == "filter" { "valueString" } else { "valueCode" }, text)),
        );
    }
    for name in ["count", "offset"] {
        parameters.extend(asked.text(name).map(|n| part(name, "valueInteger", Value::Number(n.into()))));
    }
    for (name, flag) in [("activeOnly", ask.active_only), ("includeDesignations", ask.with_designations)] {
        if flag {
            parameters.push(part(name, "valueBoolean", true));
        }
    }
    for (url, version) in &expansion.used {
        let used = if version.is_empty() { url.clone() } else { format!("{url}|{version}") };
        parameters.push(part("used-codesystem", "valueUri", used));
    }
    let contains: Vec<Value> = expansion.items.iter().map(|i| contained(i, ask)).collect();
    let mut made = fhir!({ "timestamp": now, "total": (expansion.total) });
    if ask.offset > 0 || ask.count.is_some() {
        made.set("offset", ask.offset);
    }
    if !parameters.is_empty() {
        made.set("parameter", Value::Array(parameters));
    }
    if !contains.is_empty() {
        made.set("contains", Value::Array(contains));
    }
    made
}

fn contained(item: &super::Item, ask: &Expand) -> Value {
    let mut one = fhir!({ "system": (&*item.system) });
    if item.is_abstract {
        one.set("abstract", true);
    }
    if item.is_inactive {
        one.set("inactive", true);
    }
    one.set("code", item.code.as_str());
    if !item.display.is_empty() {
        one.set("display", item.display.as_str());
    }
    if ask.with_designations && !item.designations.is_empty() {
        let all = item.designations.iter().map(|(language, usage, text)| {
            let mut told = fhir!({});
            if !language.is_empty() {
                told.set("language", language.as_str());
            }
            if !usage[1].is_empty() {
                told.set("use", coding(usage.each_ref().map(String::as_str)));
            }
            told.with("value", text.as_str())
        });
        one.set("designation", Value::Array(all.collect()));
    }
    one
}
