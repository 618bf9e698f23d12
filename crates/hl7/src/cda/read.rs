//! A CDA document as a FHIR document: header, sections with their narratives, and the entries that are understood (CDA R2; C-CDA on FHIR).

use super::narrative::to_xhtml;
use super::types::{Texts, Zone, concept, identifier};
use super::xml::{CdaError, Element, parse};
use crate::map::name_of;
use badiano_fhir::{Value, fhir, json};

/// Resources that one document may become.
pub const RESOURCES_MAX: usize = 20_000;

/// A document read.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// A Bundle of type `document`: its Composition first.
    pub bundle: Value,
    /// Entries that no rule reads: where, and how often. Their words stand in the narrative of their section.
    pub losses: Vec<(String, usize)>,
}

/// Reads a CDA R2 document. `zone` is the IANA name of the zone of times without an offset.
pub fn to_fhir(bytes: &[u8], zone: &str) -> Result<Document, CdaError> {
    let document = parse(bytes)?;
    if document.name != "ClinicalDocument" {
        return Err(CdaError { what: "the document is no ClinicalDocument of CDA", position: 0 });
    }
    let id = document.child("id").and_then(identifier);
    let mut texts = Texts::default();
    for body in document.children("component") {
        texts.gather(body);
    }
    let seed = id.as_ref().map_or_else(|| name_of(&[&document.text()]), json::to_string);
    let mut reading = Reading {
        zone: Zone(zone),
        texts,
        seed,
        resources: Vec::new(),
        losses: Vec::new(),
        patient: String::new(),
        visit: String::new(),
    };
    let composition = reading.whole(&document);
    Ok(reading.bundle(&document, id, composition))
}

pub(super) struct Reading<'z> {
    pub zone: Zone<'z>,
    pub texts: Texts,
    /// What full URLs are made of.
    seed: String,
    pub resources: Vec<(String, Value)>,
    losses: Vec<(String, usize)>,
    patient: String,
    visit: String,
}

impl Reading<'_> {
    fn whole(&mut self, document: &Element) -> Value {
        let role = document
            .at(&["recordTarget", "patientRole"])
            .cloned()
            .unwrap_or_else(|| Element::new("patientRole"));
        self.patient = self.url("patient");
        let patient = self.patient(&role);
        self.resources.insert(0, (self.patient.clone(), patient));
        let mut composition = self.composition(document);
        if let Some(visit) = document.at(&["componentOf", "encompassingEncounter"])
            && let Some(url) = self.encompassing(visit)
        {
            composition.set("encounter", fhir!({ "reference": (url.as_str()) }));
            self.visit = url;
        }
        for participant in document.children("participant") {
            self.relative(participant);
        }
        for component in document.children("component") {
            if let Some(body) = component.child("nonXMLBody") {
                self.attached(body, document, &mut composition);
            }
            for section in component
                .children("structuredBody")
                .flat_map(|b| b.children("component"))
                .filter_map(|c| c.child("section"))
            {
                let section = self.section(section);
                composition.push("section", section);
            }
        }
        composition
    }

    fn section(&mut self, of: &Element) -> Value {
        let mut made = Value::object();
        let code = of.child("code").and_then(|c| concept(c, &self.texts));
        let title = of.child("title").map(Element::text).filter(|t| !t.is_empty());
        let display =
            code.as_ref().map(|c| c["coding"].at(0).str_of("display").to_owned()).filter(|d| !d.is_empty());
        if let Some(title) = title.or(display) {
            made.set("title", title);
        }
        let own = code.as_ref().map(|c| c["coding"].at(0).str_of("code").to_owned()).unwrap_or_default();
        if let Some(code) = code {
            made.set("code", code);
        }
        if let Some(div) = of.child("text").and_then(to_xhtml) {
            made.set("text", fhir!({ "status": "additional", "div": div }));
        }
        for entry in of.children("entry").flat_map(Element::elements) {
            let before = self.resources.len();
            let urls = self.entry(entry, &own);
            if urls.is_empty() && before == self.resources.len() && entry.says() && !is_bare(entry) {
                self.lose(&format!("{own} {}", entry.name));
            }
            for url in urls {
                made.push("entry", fhir!({ "reference": url }));
            }
        }
        for inner in of.children("component").filter_map(|c| c.child("section")) {
            let inner = self.section(inner);
            made.push("section", inner);
        }
        if ["text", "entry", "section"].iter().all(|k| made[*k].is_null()) {
            // A section says at least that it says nothing (cmp-1).
            let div = "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Sin información registrada</p></div>";
            made.set("text", fhir!({ "status": "empty", "div": div }));
            let system = "http://terminology.hl7.org/CodeSystem/list-empty-reason";
            made.set("emptyReason", fhir!({ "coding": [{ "system": system, "code": "unavailable" }] }));
        }
        made
    }

    /// A body that is a file: a DocumentReference, which a section points to.
    fn attached(&mut self, body: &Element, document: &Element, composition: &mut Value) {
        let Some(text) = body.child("text") else { return };
        let mut attachment = Value::object();
        let kind = text.attr("mediaType");
        attachment.set("contentType", if kind.is_empty() { "text/plain" } else { kind });
        let pointed = text.child("reference").map_or("", |r| r.attr("value"));
        if !pointed.is_empty() {
            attachment.set("url", pointed);
        } else if text.attr("representation") == "B64" {
            let data: String = text.text().split_whitespace().collect();
            attachment.set("data", data);
        } else {
            attachment.set("contentType", "text/plain;charset=utf-8");
            attachment.set("data", crate::map::base64(text.text().as_bytes()));
        }
        let title = composition.str_of("title").to_owned();
        let mut made = fhir!({ "resourceType": "DocumentReference", "status": "current" });
        if let Some(id) = document.child("id").and_then(identifier) {
            made.set("masterIdentifier", id);
        }
        made.set("type", composition["type"].clone());
        made.set("subject", self.subject());
        made.set(
            "content",
            Value::Array(vec![fhir!({ "attachment": (attachment.with("title", title.as_str())) })]),
        );
        let url = self.add("body", made);
        composition.push("section", fhir!({ "title": title, "entry": [{ "reference": url }] }));
    }

    fn bundle(self, document: &Element, id: Option<Value>, composition: Value) -> Document {
        let system = |id: &Value| !id.str_of("system").is_empty();
        // A document has a number of a system (bdl-9); one without is known by what it says.
        let own = id
            .filter(system)
            .unwrap_or_else(|| fhir!({ "system": "urn:badiano:derived", "value": (name_of(&[&self.seed])) }));
        let mut entries = vec![fhir!({ "fullUrl": (self.url("composition")), "resource": composition })];
        entries.extend(
            self.resources.into_iter().map(|(url, resource)| fhir!({ "fullUrl": url, "resource": resource })),
        );
        let mut bundle = fhir!({ "resourceType": "Bundle", "identifier": own, "type": "document" });
        let time = self.zone.start(document.child("effectiveTime")).filter(|t| t.len() > 10);
        let day = self.zone.start(document.child("effectiveTime")).filter(|t| t.len() == 10);
        match time.or_else(|| day.map(|d| format!("{d}T00:00:00Z"))) {
            Some(time) => bundle.set("timestamp", time),
            None => bundle.set("_timestamp", super::header::absent()),
        }
        Document { bundle: bundle.with("entry", entries), losses: self.losses }
    }

    pub(super) fn subject(&self) -> Value {
        fhir!({ "reference": (self.patient.as_str()) })
    }
    pub(super) fn visit(&self) -> Option<Value> {
        (!self.visit.is_empty()).then(|| fhir!({ "reference": (self.visit.as_str()) }))
    }
    pub(super) fn lose(&mut self, place: &str) {
        let place = place.trim();
        if let Some((_, count)) = self.losses.iter_mut().find(|(known, _)| known == place) {
            *count += 1;
        } else if self.losses.len() < crate::map::LOSSES_MAX {
            self.losses.push((place.to_owned(), 1));
        }
    }

    pub(super) fn url(&self, role: &str) -> String {
        crate::map::uuid_of(&[&self.seed, role])
    }
    pub(super) fn add(&mut self, role: &str, resource: Value) -> String {
        let url = self.url(role);
        if self.resources.len() < RESOURCES_MAX {
            self.resources.push((url.clone(), resource));
        } else {
            self.lose("*");
        }
        url
    }
    /// A resource that many parts of a document name: added once, and a reference to it.
    pub(super) fn shared(&mut self, resource: Value, display: &str) -> Value {
        let kind = resource.resource_type().to_owned();
        let role = json::to_string(&resource);
        let url = self.url(&role);
        if !self.resources.iter().any(|(known, _)| *known == url) {
            self.add(&role, resource);
        }
        let made = fhir!({ "reference": url, "type": kind });
        if display.is_empty() { made } else { made.with("display", display) }
    }
}

/// An entry that says nothing: the shape that a template asks for, empty.
fn is_bare(entry: &Element) -> bool {
    let said = |e: &Element| {
        e.says()
            && !(e.attr("code").is_empty() && e.attr("value").is_empty() && e.attr("extension").is_empty())
    };
    !entry.elements().any(|e| said(e) && !["templateId", "statusCode"].contains(&e.name.as_str()))
        && entry.elements().count() < 4
}
