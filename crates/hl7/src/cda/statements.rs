//! Resources as entries of CDA: the way back of `entries.rs` and `substances.rs` (CDA R2 section 4.3.6; C-CDA's templates).

use super::compose::{coded, date, ids, quantity, since, time_of, value_coded};
use super::write::{Source, assigned};
use super::xml::Element;
use badiano_fhir::Value;

const SNOMED: &str = "2.16.840.1.113883.6.96";
const ACT_CLASS: &str = "2.16.840.1.113883.5.6";
const ACT_CODE: &str = "2.16.840.1.113883.5.4";
const LOINC: &str = "2.16.840.1.113883.6.1";

/// The entry of a resource; nothing where CDA has no place for it: its words stand in the narrative.
pub(super) fn entry(resource: &Value, source: &Source<'_>) -> Option<Element> {
    Some(match resource.resource_type() {
        "AllergyIntolerance" => allergy(resource, source),
        "Condition" => condition(resource, source),
        "MedicationStatement" | "MedicationRequest" | "MedicationAdministration" => {
            medication(resource, source)?
        }
        "MedicationDispense" => dispense(resource, source)?,
        "Immunization" => immunization(resource, source)?,
        "Procedure" => procedure(resource, source),
        "Observation" => observation(resource, source),
        "DiagnosticReport" => report(resource, source),
        "Encounter" => encounter(resource, source),
        "FamilyMemberHistory" => family(resource)?,
        "ServiceRequest" => request(resource, source),
        "Goal" => goal(resource),
        _ => return None,
    })
}

fn begun(name: &str, class: &str, mood: &str, template: &str, resource: &Value) -> Element {
    let made = Element::new(name).with("classCode", class).with("moodCode", mood);
    let template = (!template.is_empty()).then(|| Element::new("templateId").with("root", template));
    made.holding(template).all(resource["identifier"].items().iter().map(|i| ids(i, "id")))
}

fn plain(name: &str, code: &str, system: &str) -> Element {
    Element::new(name).with("code", code).with("codeSystem", system)
}

fn value_of(code: &str, system: &str) -> Element {
    Element::new("value").with("xsi:type", "CD").with("code", code).with("codeSystem", system)
}

fn is_done(code: &str) -> Element {
    Element::new("statusCode").with("code", code)
}

fn relation(kind: &str, inner: Element) -> Element {
    Element::new("entryRelationship").with("typeCode", kind).holding(inner)
}

/// A small observation that says one thing of another.
fn remark(template: &str, code: Element, value: Element) -> Element {
    Element::new("observation")
        .with("classCode", "OBS")
        .with("moodCode", "EVN")
        .holding(Element::new("templateId").with("root", template))
        .holding(code)
        .holding(is_done("completed"))
        .holding(value)
}

fn author(resource: &Value, who: &str, when: &str, source: &Source<'_>) -> Option<Element> {
    let reference = &resource[who];
    let time = date(resource.str_of(when));
    if reference.is_null() && time.is_empty() {
        return None;
    }
    let at = Element::new("time");
    let at = if time.is_empty() { at.with("nullFlavor", "UNK") } else { at.with("value", &time) };
    Some(Element::new("author").holding(at).holding(assigned("assignedAuthor", reference, source)))
}

fn performers<'r>(resource: &'r Value, source: &'r Source<'_>) -> impl Iterator<Item = Element> + 'r {
    let actor = |p: &'r Value| if p["actor"].is_null() { p } else { &p["actor"] };
    resource["performer"]
        .items()
        .iter()
        .map(move |p| Element::new("performer").holding(assigned("assignedEntity", actor(p), source)))
}

fn notes(resource: &Value) -> impl Iterator<Item = Element> + '_ {
    resource["note"].items().iter().map(|note| {
        let text = Element::new("text").saying(note.str_of("text"));
        let act = Element::new("act")
            .with("classCode", "ACT")
            .with("moodCode", "EVN")
            .holding(plain("code", "48767-8", LOINC));
        relation("SUBJ", act.holding(text))
    })
}

fn clinical_remark(template: &str, status: &str) -> Option<Element> {
    let code = match status {
        "active" | "recurrence" | "relapse" => "55561003",
        "inactive" | "remission" => "73425007",
        "resolved" => "413322009",
        _ => return None,
    };
    Some(relation("REFR", remark(template, plain("code", "33999-4", LOINC), value_of(code, SNOMED))))
}

fn status_of(resource: &Value) -> &str {
    resource["clinicalStatus"]["coding"].at(0).str_of("code")
}

fn is_refuted(resource: &Value) -> bool {
    resource["verificationStatus"]["coding"].items().iter().any(|c| c.str_of("code") == "refuted")
}

fn concern(template: &str, status: &str, about: Element) -> Element {
    let state =
        if matches!(status, "" | "active" | "recurrence" | "relapse") { "active" } else { "completed" };
    Element::new("act")
        .with("classCode", "ACT")
        .with("moodCode", "EVN")
        .holding(Element::new("templateId").with("root", template))
        .holding(Element::new("id").with("nullFlavor", "NI"))
        .holding(plain("code", "CONC", ACT_CLASS))
        .holding(is_done(state))
        .holding(relation("SUBJ", about))
}

fn allergy(resource: &Value, source: &Source<'_>) -> Element {
    let kind = match (resource["category"][0].as_str().unwrap_or(""), resource.str_of("type")) {
        ("medication", "allergy") => "416098002",
        ("medication", "intolerance") => "59037007",
        ("medication", _) => "419511003",
        ("food", "allergy") => "414285001",
        ("food", "intolerance") => "235719002",
        ("food", _) => "418471000",
        ("environment", _) => "426232007",
        (_, "allergy") => "419199007",
        _ => "420134006",
    };
    let mut made = begun("observation", "OBS", "EVN", "2.16.840.1.113883.10.20.22.4.7", resource);
    if is_refuted(resource) {
        made = made.with("negationInd", "true");
    }
    let entity =
        Element::new("playingEntity").with("classCode", "MMAT").holding(coded(&resource["code"], "code"));
    let role = Element::new("participantRole").with("classCode", "MANU").holding(entity);
    made = made
        .holding(plain("code", "ASSERTION", ACT_CODE))
        .holding(is_done("completed"))
        .holding(since(resource.str_of("onsetDateTime"), ""))
        .holding(value_of(kind, SNOMED))
        .holding(author(resource, "recorder", "recordedDate", source))
        .holding(Element::new("participant").with("typeCode", "CSM").holding(role))
        .holding(clinical_remark("2.16.840.1.113883.10.20.22.4.28", status_of(resource)));
    let criticality = match resource.str_of("criticality") {
        "high" => "CRITH",
        "low" => "CRITL",
        "unable-to-assess" => "CRITU",
        _ => "",
    };
    if !criticality.is_empty() {
        let value = value_of(criticality, "2.16.840.1.113883.5.1063");
        made = made.holding(relation(
            "SUBJ",
            remark("2.16.840.1.113883.10.20.22.4.145", plain("code", "82606-5", LOINC), value),
        ));
    }
    for reaction in resource["reaction"].items() {
        made = made.all(reaction["manifestation"].items().iter().filter_map(|sign| {
            let value = value_coded(sign)?;
            let mut seen =
                remark("2.16.840.1.113883.10.20.22.4.9", plain("code", "ASSERTION", ACT_CODE), value);
            let at = seen.nodes.len() - 1;
            if let Some(onset) = since(reaction.str_of("onset"), "") {
                seen.nodes.insert(at, super::xml::Node::Element(onset));
            }
            let severity = match reaction.str_of("severity") {
                "mild" => "255604002",
                "moderate" => "6736007",
                "severe" => "24484000",
                _ => "",
            };
            let severity = (!severity.is_empty()).then(|| {
                let told = remark(
                    "2.16.840.1.113883.10.20.22.4.8",
                    plain("code", "SEV", ACT_CODE),
                    value_of(severity, SNOMED),
                );
                relation("SUBJ", told)
            });
            Some(relation("MFST", seen.holding(severity)))
        }));
    }
    concern("2.16.840.1.113883.10.20.22.4.30", status_of(resource), made.all(notes(resource)))
}

fn condition(resource: &Value, source: &Source<'_>) -> Element {
    let mut made = begun("observation", "OBS", "EVN", "2.16.840.1.113883.10.20.22.4.4", resource);
    if is_refuted(resource) {
        made = made.with("negationInd", "true");
    }
    let severity = value_coded(&resource["severity"]).map(|value| {
        relation("SUBJ", remark("2.16.840.1.113883.10.20.22.4.8", plain("code", "SEV", ACT_CODE), value))
    });
    made = made
        .holding(plain("code", "55607006", SNOMED))
        .holding(is_done("completed"))
        .holding(since(resource.str_of("onsetDateTime"), resource.str_of("abatementDateTime")))
        .holding(value_coded(&resource["code"]))
        .holding(coded(&resource["bodySite"][0], "targetSiteCode"))
        .holding(author(resource, "recorder", "recordedDate", source))
        .holding(clinical_remark("2.16.840.1.113883.10.20.22.4.6", status_of(resource)))
        .holding(severity)
        .all(notes(resource));
    concern("2.16.840.1.113883.10.20.22.4.3", status_of(resource), made)
}

fn product(resource: &Value, source: &Source<'_>, template: &str, key: &str) -> Option<Element> {
    let direct = coded(&resource[key], "code");
    let pointed = || source.find(&resource["medicationReference"]).and_then(|m| coded(&m["code"], "code"));
    let shown = || {
        let text = resource["medicationReference"].str_of("display");
        super::compose::element("originalText", text)
            .map(|t| Element::new("code").with("nullFlavor", "OTH").holding(t))
    };
    let material = Element::new("manufacturedMaterial").holding(direct.or_else(pointed).or_else(shown)?);
    let material = material.holding(super::compose::element("lotNumberText", resource.str_of("lotNumber")));
    let maker = source.find(&resource["manufacturer"]).map(|o| {
        Element::new("manufacturerOrganization")
            .all(o["identifier"].items().iter().map(|i| ids(i, "id")))
            .holding(super::compose::element("name", o.str_of("name")))
    });
    Some(
        Element::new("manufacturedProduct")
            .with("classCode", "MANU")
            .holding(Element::new("templateId").with("root", template))
            .holding(material)
            .holding(maker),
    )
}

fn medication(resource: &Value, source: &Source<'_>) -> Option<Element> {
    let is_request = resource.resource_type() == "MedicationRequest";
    let mood = match (is_request, resource.str_of("intent")) {
        (true, "order" | "original-order" | "instance-order") => "RQO",
        (true, _) => "PRP",
        (false, _) => "EVN",
    };
    let mut made =
        begun("substanceAdministration", "SBADM", mood, "2.16.840.1.113883.10.20.22.4.16", resource);
    if resource.str_of("status") == "not-taken" {
        made = made.with("negationInd", "true");
    }
    let state = match resource.str_of("status") {
        "completed" => "completed",
        "stopped" => "aborted",
        "on-hold" => "suspended",
        _ => "active",
    };
    let dosage = if is_request { resource["dosageInstruction"].at(0) } else { resource["dosage"].at(0) };
    let dosage = if dosage.is_null() { &resource["dosage"] } else { dosage };
    made = made.holding(super::compose::element("text", dosage.str_of("text"))).holding(is_done(state));
    let period = if is_request { Value::Null } else { resource["effectivePeriod"].clone() };
    made = made.holding(super::compose::interval("effectiveTime", &period)).holding(timing(dosage));
    made = made
        .holding(coded(&dosage["route"], "routeCode"))
        .holding(coded(&dosage["site"], "approachSiteCode"));
    let rate = dosage["doseAndRate"].at(0);
    let dose = if rate["doseQuantity"].is_null() { &dosage["dose"] } else { &rate["doseQuantity"] };
    made =
        made.holding(quantity(dose, "doseQuantity")).holding(quantity(&rate["rateQuantity"], "rateQuantity"));
    let product = product(resource, source, "2.16.840.1.113883.10.20.22.4.23", "medicationCodeableConcept")?;
    made = made.holding(Element::new("consumable").holding(product));
    let (who, when) =
        if is_request { ("requester", "authoredOn") } else { ("informationSource", "dateAsserted") };
    made = made.holding(author(resource, who, when, source));
    made = made.all(resource["reasonCode"].items().iter().filter_map(|reason| {
        let told = remark(
            "2.16.840.1.113883.10.20.22.4.19",
            plain("code", "55607006", SNOMED),
            value_coded(reason)?,
        );
        Some(relation("RSON", told))
    }));
    if !dosage.str_of("patientInstruction").is_empty() {
        let told = Element::new("act")
            .with("classCode", "ACT")
            .with("moodCode", "INT")
            .holding(Element::new("templateId").with("root", "2.16.840.1.113883.10.20.22.4.20"))
            .holding(plain("code", "423564006", SNOMED))
            .holding(Element::new("text").saying(dosage.str_of("patientInstruction")));
        made = made.holding(relation("SUBJ", told));
    }
    if dosage["asNeededBoolean"].as_bool() == Some(true) {
        let criterion = Element::new("criterion").holding(plain("code", "ASSERTION", ACT_CODE));
        made = made.holding(Element::new("precondition").with("typeCode", "PRCN").holding(criterion));
    }
    Some(made)
}

fn timing(dosage: &Value) -> Option<Element> {
    let repeat = &dosage["timing"]["repeat"];
    let time = Element::new("effectiveTime");
    if let Some(event) = repeat["when"][0].as_str() {
        return Some(
            time.with("xsi:type", "EIVL_TS")
                .with("operator", "A")
                .holding(Element::new("event").with("code", event)),
        );
    }
    let period: f64 = repeat["period"].as_number()?.parse().ok()?;
    let often: f64 =
        repeat["frequency"].as_number().and_then(|n| n.parse().ok()).filter(|n| *n > 0.0).unwrap_or(1.0);
    // "Twice in 24 h" is every 12 h: CDA says it so.
    let (period, unit) = match (often > 1.0, repeat.str_of("periodUnit")) {
        (true, "d") => (period * 24.0 / often, "h"),
        (_, unit) => (period / often, unit),
    };
    let written = Element::new("period").with("value", &format!("{period}")).with("unit", unit);
    Some(
        time.with("xsi:type", "PIVL_TS")
            .with("institutionSpecified", "false")
            .with("operator", "A")
            .holding(written),
    )
}

fn dispense(resource: &Value, source: &Source<'_>) -> Option<Element> {
    let state = if resource.str_of("status") == "completed" { "completed" } else { "active" };
    let made =
        begun("supply", "SPLY", "EVN", "2.16.840.1.113883.10.20.22.4.18", resource).holding(is_done(state));
    let time = date(resource.str_of("whenHandedOver"));
    let time = (!time.is_empty()).then(|| Element::new("effectiveTime").with("value", &time));
    let product = product(resource, source, "2.16.840.1.113883.10.20.22.4.23", "medicationCodeableConcept")?;
    let made = made.holding(time).holding(quantity(&resource["quantity"], "quantity"));
    Some(made.holding(Element::new("product").holding(product)).all(performers(resource, source)))
}

fn immunization(resource: &Value, source: &Source<'_>) -> Option<Element> {
    let refused = resource.str_of("status") == "not-done";
    let made = begun("substanceAdministration", "SBADM", "EVN", "2.16.840.1.113883.10.20.22.4.52", resource);
    let made = made.with("negationInd", if refused { "true" } else { "false" }).holding(is_done("completed"));
    let product = product(resource, source, "2.16.840.1.113883.10.20.22.4.54", "vaccineCode")?;
    let reason = coded(&resource["statusReason"], "code").map(|code| {
        let told = Element::new("observation")
            .with("classCode", "OBS")
            .with("moodCode", "EVN")
            .holding(Element::new("templateId").with("root", "2.16.840.1.113883.10.20.22.4.53"))
            .holding(code)
            .holding(is_done("completed"));
        relation("RSON", told)
    });
    Some(
        made.holding(time_of(resource, "occurrence"))
            .holding(coded(&resource["route"], "routeCode"))
            .holding(coded(&resource["site"], "approachSiteCode"))
            .holding(quantity(&resource["doseQuantity"], "doseQuantity"))
            .holding(Element::new("consumable").holding(product))
            .all(performers(resource, source))
            .holding(reason),
    )
}

fn procedure(resource: &Value, source: &Source<'_>) -> Element {
    let state = match resource.str_of("status") {
        "in-progress" => "active",
        "stopped" => "aborted",
        "not-done" => "cancelled",
        _ => "completed",
    };
    begun("procedure", "PROC", "EVN", "2.16.840.1.113883.10.20.22.4.14", resource)
        .holding(coded(&resource["code"], "code"))
        .holding(is_done(state))
        .holding(time_of(resource, "performed"))
        .all(resource["bodySite"].items().iter().filter_map(|s| coded(s, "targetSiteCode")))
        .all(performers(resource, source))
        .holding(author(resource, "recorder", "", source))
        .all(resource["reasonCode"].items().iter().filter_map(|reason| {
            let told = remark(
                "2.16.840.1.113883.10.20.22.4.19",
                plain("code", "55607006", SNOMED),
                value_coded(reason)?,
            );
            Some(relation("RSON", told))
        }))
        .all(notes(resource))
}

/// The value of an Observation by its type.
fn value(resource: &Value) -> Option<Element> {
    if let Some(coded) = value_coded(&resource["valueCodeableConcept"]) {
        return Some(coded);
    }
    let made = Element::new("value");
    let of = &resource["valueQuantity"];
    if let Some(number) = of["value"].as_number() {
        let unit = if of.str_of("code").is_empty() { of.str_of("unit") } else { of.str_of("code") };
        let side = |name: &str, inclusive: &str| {
            let bound =
                Element::new(name).with("value", number).with("unit", unit).with("inclusive", inclusive);
            Element::new("value").with("xsi:type", "IVL_PQ").holding(bound)
        };
        return Some(match of.str_of("comparator") {
            "<" => side("high", "false"),
            "<=" => side("high", "true"),
            ">" => side("low", "false"),
            ">=" => side("low", "true"),
            _ => made.with("xsi:type", "PQ").with("value", number).with("unit", unit),
        });
    }
    let range = &resource["valueRange"];
    if !range.is_null() {
        let sides = [quantity(&range["low"], "low"), quantity(&range["high"], "high")];
        return Some(made.with("xsi:type", "IVL_PQ").all(sides.into_iter().flatten()));
    }
    let ratio = &resource["valueRatio"];
    if !ratio.is_null() {
        let sides =
            [quantity(&ratio["numerator"], "numerator"), quantity(&ratio["denominator"], "denominator")];
        return Some(made.with("xsi:type", "RTO_PQ_PQ").all(sides.into_iter().flatten()));
    }
    if let Some(number) = resource["valueInteger"].as_number() {
        return Some(made.with("xsi:type", "INT").with("value", number));
    }
    if let Some(yes) = resource["valueBoolean"].as_bool() {
        return Some(made.with("xsi:type", "BL").with("value", if yes { "true" } else { "false" }));
    }
    if !resource.str_of("valueDateTime").is_empty() {
        return Some(made.with("xsi:type", "TS").with("value", &date(resource.str_of("valueDateTime"))));
    }
    if let Some(mut period) = super::compose::interval("value", &resource["valuePeriod"]) {
        period.attributes.insert(0, ("xsi:type".to_owned(), "IVL_TS".to_owned()));
        return Some(period);
    }
    let text = resource.str_of("valueString");
    (!text.is_empty()).then(|| made.with("xsi:type", "ST").saying(text))
}

fn observation(resource: &Value, source: &Source<'_>) -> Element {
    let state = match resource.str_of("status") {
        "preliminary" | "registered" => "active",
        "cancelled" | "entered-in-error" => "aborted",
        _ => "completed",
    };
    let ranges = resource["referenceRange"].items().iter().map(|range| {
        let text = super::compose::element("text", range.str_of("text"));
        let sides = [quantity(&range["low"], "low"), quantity(&range["high"], "high")];
        let bounds: Vec<Element> = sides.into_iter().flatten().collect();
        let bounds =
            (!bounds.is_empty()).then(|| Element::new("value").with("xsi:type", "IVL_PQ").all(bounds));
        Element::new("referenceRange").holding(Element::new("observationRange").holding(text).holding(bounds))
    });
    begun("observation", "OBS", "EVN", "", resource)
        .holding(coded(&resource["code"], "code"))
        .holding(is_done(state))
        .holding(time_of(resource, "effective"))
        .holding(value(resource))
        .all(resource["interpretation"].items().iter().filter_map(|i| coded(i, "interpretationCode")))
        .holding(coded(&resource["method"], "methodCode"))
        .holding(coded(&resource["bodySite"], "targetSiteCode"))
        .all(performers(resource, source).take(1))
        .all(notes(resource))
        .all(ranges)
}

fn report(resource: &Value, source: &Source<'_>) -> Element {
    let results = resource["result"].items().iter().filter_map(|r| source.find(r));
    let results = results.map(|r| Element::new("component").holding(observation(r, source)));
    let state = match resource.str_of("status") {
        "partial" | "preliminary" | "registered" => "active",
        "cancelled" | "entered-in-error" => "aborted",
        _ => "completed",
    };
    begun("organizer", "BATTERY", "EVN", "2.16.840.1.113883.10.20.22.4.1", resource)
        .holding(coded(&resource["code"], "code"))
        .holding(is_done(state))
        .holding(time_of(resource, "effective"))
        .all(performers(resource, source).take(1))
        .all(results)
}

fn encounter(resource: &Value, source: &Source<'_>) -> Element {
    let mood = if resource.str_of("status") == "planned" { "INT" } else { "EVN" };
    let people = resource["participant"]
        .items()
        .iter()
        .filter(|p| !p["individual"].is_null())
        .map(|p| Element::new("performer").holding(assigned("assignedEntity", &p["individual"], source)));
    let diagnoses =
        resource["diagnosis"].items().iter().filter_map(|d| source.find(&d["condition"])).map(|c| {
            let act = condition(c, source);
            // C-CDA's Encounter Diagnosis is an act of its own around the problem.
            let inner = act.children("entryRelationship").next().cloned();
            let around = Element::new("act")
                .with("classCode", "ACT")
                .with("moodCode", "EVN")
                .holding(Element::new("templateId").with("root", "2.16.840.1.113883.10.20.22.4.80"))
                .holding(plain("code", "29308-4", LOINC));
            relation("COMP", around.holding(inner))
        });
    begun("encounter", "ENC", mood, "2.16.840.1.113883.10.20.22.4.49", resource)
        .holding(
            coded(&resource["type"][0], "code")
                .or_else(|| super::compose::coding(&resource["class"], "code")),
        )
        .holding(super::compose::interval("effectiveTime", &resource["period"]))
        .all(people)
        .all(diagnoses)
}

fn family(resource: &Value) -> Option<Element> {
    let sex = match resource["sex"]["coding"].at(0).str_of("code") {
        "male" => Some("M"),
        "female" => Some("F"),
        _ => None,
    };
    let born = date(resource.str_of("bornDate"));
    let person = Element::new("subject")
        .holding(super::compose::element("name", resource.str_of("name")))
        .holding(sex.map(|s| plain("administrativeGenderCode", s, "2.16.840.1.113883.5.1")))
        .holding((!born.is_empty()).then(|| Element::new("birthTime").with("value", &born)))
        .holding(
            resource["deceasedBoolean"]
                .as_bool()
                .map(|d| Element::new("sdtc:deceasedInd").with("value", if d { "true" } else { "false" })),
        );
    let relative = Element::new("relatedSubject")
        .with("classCode", "PRS")
        .holding(coded(&resource["relationship"], "code")?)
        .holding((!person.nodes.is_empty()).then_some(person));
    let made = begun("organizer", "CLUSTER", "EVN", "2.16.840.1.113883.10.20.22.4.45", resource)
        .holding(is_done("completed"))
        .holding(Element::new("subject").holding(relative));
    Some(made.all(resource["condition"].items().iter().filter_map(|condition| {
        let mut told = remark(
            "2.16.840.1.113883.10.20.22.4.46",
            plain("code", "64572001", SNOMED),
            value_coded(&condition["code"])?,
        );
        if let Some(mut age) = quantity(&condition["onsetAge"], "value") {
            age.attributes.insert(0, ("xsi:type".to_owned(), "PQ".to_owned()));
            let age = remark("2.16.840.1.113883.10.20.22.4.31", plain("code", "445518008", SNOMED), age);
            told = told.holding(relation("SUBJ", age));
        }
        Some(Element::new("component").holding(told))
    })))
}

fn request(resource: &Value, source: &Source<'_>) -> Element {
    let mood = match resource.str_of("intent") {
        "order" | "original-order" | "instance-order" => "RQO",
        "proposal" => "PRP",
        _ => "INT",
    };
    let priority = match resource.str_of("priority") {
        "routine" => Some("R"),
        "urgent" => Some("UR"),
        "asap" => Some("A"),
        "stat" => Some("EM"),
        _ => None,
    };
    begun("procedure", "PROC", mood, "2.16.840.1.113883.10.20.22.4.41", resource)
        .holding(coded(&resource["code"], "code"))
        .holding(is_done("active"))
        .holding(time_of(resource, "occurrence"))
        .holding(priority.map(|p| plain("priorityCode", p, "2.16.840.1.113883.5.7")))
        .holding(author(resource, "requester", "authoredOn", source))
        .all(notes(resource))
}

fn goal(resource: &Value) -> Element {
    begun("observation", "OBS", "GOL", "2.16.840.1.113883.10.20.22.4.121", resource)
        .holding(coded(&resource["description"], "code"))
        .holding(is_done("active"))
        .holding(since(resource.str_of("startDate"), ""))
}
