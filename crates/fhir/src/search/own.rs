//! Search parameters that a node has beside the standard's, and how questions and resources are read with them (FHIR R4,
//! searchparameter.html).

use super::definition;
use super::parse::Refusal;
use super::walk::{self, TypePlan};
use crate::fhirpath::Expression;
use crate::schema::{self, SearchKind, SearchParam};
use crate::value::Value;
use badiano_kernel::Fault;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Own parameters that a node can have.
pub const OWN_MAX: usize = 1_000;
/// A longer expression is refused.
const EXPRESSION_MAX: usize = 4_096;
/// A code is a name in an address.
const CODE_MAX: usize = 64;

/// The parameters of a node: the standard's, and its own.
pub struct Parameters {
    zone: Box<str>,
    /// By type and code, with whether what was written before is indexed already.
    own: HashMap<&'static str, HashMap<&'static str, (&'static SearchParam, bool)>>,
    /// Of the types that have own parameters.
    plans: HashMap<&'static str, TypePlan>,
}

impl Parameters {
    /// `zone`: the IANA name of the zone in which dates without an offset are read. With each parameter of one's own: whether
    /// what was written before it is indexed.
    pub fn new(zone: &str, own: impl IntoIterator<Item = (&'static SearchParam, bool)>) -> Self {
        let mut all: HashMap<_, HashMap<_, _>> = HashMap::new();
        for (parameter, indexed) in own {
            for kind in kinds_of(parameter) {
                all.entry(kind).or_default().insert(parameter.code, (parameter, indexed));
            }
        }
        let plan = |(kind, own): (&&'static str, &HashMap<_, (&'static SearchParam, bool)>)| {
            let mut parameters = definition::parameters(kind);
            parameters.extend(own.values().map(|(parameter, _)| *parameter));
            parameters.sort_by_key(|p| p.code);
            (*kind, TypePlan::new(kind, parameters))
        };
        let plans = all.iter().map(plan).collect();
        Parameters { zone: zone.into(), own: all, plans }
    }

    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// The own parameters of a type that can be asked, by code.
    pub fn own(&self, kind: &str) -> Vec<&'static SearchParam> {
        let own = self.own.get(kind).into_iter().flat_map(HashMap::values);
        let mut all: Vec<_> = own.filter(|(_, indexed)| *indexed).map(|(p, _)| *p).collect();
        all.sort_by_key(|p| p.code);
        all
    }

    /// The types of which not all is indexed yet.
    pub fn unfinished(&self) -> Vec<&'static str> {
        let open = |own: &HashMap<_, (&SearchParam, bool)>| own.values().any(|(_, indexed)| !indexed);
        let mut kinds: Vec<_> = self.own.iter().filter(|(_, own)| open(own)).map(|(kind, _)| *kind).collect();
        kinds.sort_unstable();
        kinds
    }
}

/// How questions and resources are read: the zone of dates without an offset, and the parameters that are known. A text alone is a
/// zone (IANA name) with the standard's parameters.
#[derive(Clone, Copy)]
pub struct Reading<'p> {
    zone: &'p str,
    parameters: Option<&'p Parameters>,
}

impl<'p> From<&'p str> for Reading<'p> {
    fn from(zone: &'p str) -> Self {
        Reading { zone, parameters: None }
    }
}

impl<'p> From<&'p String> for Reading<'p> {
    fn from(zone: &'p String) -> Self {
        Reading { zone, parameters: None }
    }
}

impl<'p> From<&'p Parameters> for Reading<'p> {
    fn from(parameters: &'p Parameters) -> Self {
        Reading { zone: &parameters.zone, parameters: Some(parameters) }
    }
}

impl<'p> Reading<'p> {
    pub fn zone(self) -> &'p str {
        self.zone
    }

    /// A parameter of a type, to be asked; a refusal while not everything is indexed under it.
    pub(super) fn asked(self, kind: &str, code: &str) -> Result<Option<&'static SearchParam>, Refusal> {
        if let Some(standard) = definition::parameter(kind, code) {
            return Ok(Some(standard));
        }
        match self.parameters.and_then(|p| p.own.get(kind)?.get(code)) {
            None => Ok(None),
            Some((parameter, true)) => Ok(Some(parameter)),
            Some((_, false)) => {
                let text = "what was written before is being indexed under this parameter: ask again later";
                Err(Refusal::Fault(Fault::unavailable(text).at(code)))
            }
        }
    }

    pub(super) fn plan(self, kind: &str) -> Option<&'p TypePlan> {
        self.parameters.and_then(|p| p.plans.get(kind)).or_else(|| walk::plan(kind))
    }
}

/// The types that a parameter is for.
fn kinds_of(parameter: &SearchParam) -> HashSet<&'static str> {
    let mut kinds = HashSet::new();
    for base in &parameter.base {
        match *base {
            "Resource" => kinds.extend(schema::resource_types()),
            "DomainResource" => {
                let domain = |kind: &&&str| !matches!(**kind, "Bundle" | "Binary" | "Parameters");
                kinds.extend(schema::resource_types().iter().filter(domain));
            }
            kind => drop(kinds.insert(kind)),
        }
    }
    kinds
}

/// The parameter that a SearchParameter resource defines, checked: its code is new, its expression leads to something in each of its
/// types. What it says stays in memory as long as the process, once however often it is read.
pub fn own_parameter(resource: &Value) -> Result<&'static SearchParam, Fault> {
    let invalid = |text: &str, place: &str| Fault::invalid(text).at(format!("SearchParameter.{place}"));
    let code = resource.str_of("code");
    let is_name = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    if code.is_empty() || code.len() > CODE_MAX || !code.bytes().all(is_name) || code.starts_with('_') {
        return Err(invalid("letters, digits, - and _, no _ at the beginning", "code"));
    }
    let kind = kind_of(resource.str_of("type"))
        .ok_or_else(|| invalid("the type of parameter is not one that can be indexed", "type"))?;
    let expression = resource.str_of("expression");
    if expression.is_empty() || expression.len() > EXPRESSION_MAX {
        return Err(invalid("a FHIRPath expression of at most 4,096 characters is needed", "expression"));
    }
    Expression::parse(expression).map_err(|why| invalid(&why.to_string(), "expression"))?;
    let mut base = Vec::new();
    for named in resource.get("base").items().iter().filter_map(Value::as_str) {
        let known = schema::resource_types().iter().find(|kind| **kind == named);
        let all = ["Resource", "DomainResource"].into_iter().find(|kind| *kind == named);
        let kind = known.copied().or(all).ok_or_else(|| invalid("not a type of resource", "base"))?;
        base.push(kind);
    }
    let mut target = Vec::new();
    for named in resource.get("target").items().iter().filter_map(Value::as_str) {
        let known = schema::resource_types().iter().find(|kind| **kind == named);
        target.push(*known.ok_or_else(|| invalid("not a type of resource", "target"))?);
    }
    let parameter = SearchParam {
        code: kept(code),
        base,
        kind,
        expression: kept(expression),
        target,
        components: components(resource, kind)?,
        url: kept(resource.str_of("url")),
    };
    let parameter = kept_parameter(parameter);
    let kinds = kinds_of(parameter);
    if kinds.is_empty() {
        return Err(invalid("a type of resource is needed", "base"));
    }
    for of in kinds {
        if definition::parameter(of, code).is_some() {
            return Err(invalid("the standard has a parameter of this code for this type", "code"));
        }
        if !TypePlan::new(of, vec![parameter]).leads_somewhere(0) {
            return Err(invalid("the expression leads to nothing that the type has", "expression"));
        }
    }
    Ok(parameter)
}

fn kind_of(code: &str) -> Option<SearchKind> {
    Some(match code {
        "number" => SearchKind::Number,
        "date" => SearchKind::Date,
        "string" => SearchKind::String,
        "token" => SearchKind::Token,
        "reference" => SearchKind::Reference,
        "composite" => SearchKind::Composite,
        "quantity" => SearchKind::Quantity,
        "uri" => SearchKind::Uri,
        _ => return None,
    })
}

/// The parts of a composite: parameters of the standard.
fn components(resource: &Value, kind: SearchKind) -> Result<Vec<(&'static str, &'static str)>, Fault> {
    let place = "SearchParameter.component";
    let mut all = Vec::new();
    for part in resource.get("component").items() {
        let url = part.str_of("definition").split('|').next().unwrap_or_default();
        let known = schema::search_parameters()
            .iter()
            .find(|p| p.url == url)
            .filter(|p| !matches!(p.kind, SearchKind::Composite | SearchKind::Special));
        let known = known.ok_or_else(|| {
            Fault::not_supported("a part of a composite is a parameter of FHIR R4 that is no composite")
                .at(place)
        })?;
        Expression::parse(part.str_of("expression"))
            .map_err(|why| Fault::invalid(why.to_string()).at(place))?;
        all.push((known.url, kept(part.str_of("expression"))));
    }
    match (kind == SearchKind::Composite, all.len()) {
        (true, 0 | 1) => Err(Fault::invalid("a composite has two parts at least").at(place)),
        (false, 1..) => Err(Fault::invalid("only a composite has parts").at(place)),
        _ => Ok(all),
    }
}

/// A text that stays, once.
fn kept(text: &str) -> &'static str {
    static TEXTS: OnceLock<Mutex<HashSet<&'static str>>> = OnceLock::new();
    let mut texts = TEXTS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = texts.get(text) {
        return known;
    }
    let new: &'static str = Box::leak(text.into());
    texts.insert(new);
    new
}

/// A parameter that stays, once.
fn kept_parameter(parameter: SearchParam) -> &'static SearchParam {
    static ALL: OnceLock<Mutex<Vec<&'static SearchParam>>> = OnceLock::new();
    let mut all = ALL.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = all.iter().find(|known| ***known == parameter) {
        return known;
    }
    let new: &'static SearchParam = Box::leak(Box::new(parameter));
    all.push(new);
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir;
    use crate::search::{Key, extract, matches, parse};

    const ZONE: &str = "America/Mexico_City";
    const URL: &str = "http://hospital.example/StructureDefinition/afiliacion";

    fn own(code: &str, base: &str, kind: &str, expression: &str) -> Value {
        fhir!({ "resourceType": "SearchParameter", "url": "http://hospital.example/p", "code": code, "type": kind,
                "base": [base], "expression": expression })
    }

    fn asks(parameters: &Parameters, name: &str, value: &str) -> Result<Vec<crate::search::Filter>, Fault> {
        Ok(parse("Patient", &[(name.to_owned(), value.to_owned())], true, parameters)?.query.filters)
    }

    #[test]
    fn a_parameter_of_ones_own_is_extracted_and_asked_like_the_standards() {
        let plain = format!("Patient.extension.where(url = '{URL}').value");
        let called = format!("Patient.extension('{URL}').value.as(string)");
        for expression in [plain, called] {
            let resource = own("afiliacion", "Patient", "string", &expression);
            let parameter = own_parameter(&resource).expect("a parameter");
            let parameters = Parameters::new(ZONE, [(parameter, true)]);
            let of = |text: &str| fhir!({ "resourceType": "Patient", "extension": [{ "url": URL, "valueString": text }] });
            let entries = extract(&of("Petróleos"), &parameters);
            assert!(
                entries.iter().any(|e| &*e.param == "afiliacion" && matches!(e.key, Key::Text { .. })),
                "{expression}"
            );
            let filters = asks(&parameters, "afiliacion", "petro").expect("understood");
            let none =
                crate::search::Others { resolve: &|_, _| None, of_type: &|_| Vec::new(), terminology: None };
            let fits = |text: &str| matches(&of(text), &filters, &parameters, &none);
            assert_eq!((fits("Petróleos"), fits("Marina")), (Ok(true), Ok(false)), "{expression}");
            let standard = parse("Patient", &[("afiliacion".into(), "x".into())], true, ZONE);
            assert!(standard.is_err(), "another node does not know it");
        }
    }

    #[test]
    fn a_parameter_is_not_asked_before_everything_is_indexed_but_indexes_from_the_first() {
        let resource = own("apodo", "Patient", "string", "Patient.name.where(use = 'nickname').given");
        let parameter = own_parameter(&resource).expect("a parameter");
        let parameters = Parameters::new(ZONE, [(parameter, false)]);
        let fault = asks(&parameters, "apodo", "Lupita").expect_err("not yet");
        assert_eq!(fault.kind, badiano_kernel::FaultKind::Unavailable);
        assert_eq!(parameters.unfinished(), ["Patient"]);
        let patient =
            fhir!({ "resourceType": "Patient", "name": [{ "use": "nickname", "given": ["Lupita"] }] });
        assert!(extract(&patient, &parameters).iter().any(|e| &*e.param == "apodo"));
    }

    #[test]
    fn a_definition_that_cannot_work_is_refused_with_its_place() {
        let cases = [
            (own("birthdate", "Patient", "date", "Patient.birthDate"), "code"),
            (own("_x", "Patient", "date", "Patient.birthDate"), "code"),
            (own("a b", "Patient", "date", "Patient.birthDate"), "code"),
            (own("x", "Patient", "special", "Patient.birthDate"), "type"),
            (own("x", "Paciente", "date", "Patient.birthDate"), "base"),
            (own("x", "Patient", "date", "Patient.birthDate.where("), "expression"),
            (own("x", "Patient", "date", "Patient.nacimiento"), "expression"),
            (own("x", "Patient", "date", ""), "expression"),
            (own("x", "Patient", "composite", "Patient"), "component"),
        ];
        for (resource, place) in cases {
            let fault = own_parameter(&resource).expect_err(place);
            assert_eq!(fault.place, format!("SearchParameter.{place}"), "{fault}");
        }
    }

    #[test]
    fn a_composite_of_ones_own_joins_parameters_of_the_standard() {
        let mut resource = own("codigo-estado", "Condition", "composite", "Condition");
        let part = |code: &str, expression: &str| fhir!({ "definition": (format!("http://hl7.org/fhir/SearchParameter/{code}")), "expression": expression });
        resource.set(
            "component",
            Value::Array(vec![part("clinical-code", "code"), part("Condition-severity", "severity")]),
        );
        let parameter = own_parameter(&resource).expect("a composite");
        let parameters = Parameters::new(ZONE, [(parameter, true)]);
        let condition = fhir!({ "resourceType": "Condition", "code": { "coding": [{ "system": "s", "code": "a" }] },
            "severity": { "coding": [{ "system": "t", "code": "b" }] } });
        let entries = extract(&condition, &parameters);
        assert!(
            entries
                .iter()
                .any(|e| &*e.param == "codigo-estado" && matches!(&e.key, Key::Composite(k) if k.len() == 2))
        );
    }
}
