//! A FHIR Bundle as a CDA R2 clinical summary: header in the order of the schema, sections with narrative and entries (GIIS-A001
//! of Mexico, C-CDA's templates for the entries; the sections of an International Patient Summary are always there).

use super::compose::{address, code_of, coded, date, element, ids, name, telecom};
use super::narrative::from_xhtml;
use super::xml::{CdaError, Element};
use badiano_fhir::Value;

/// Template of the clinical summary of Mexico (GIIS-A001).
const SUMMARY_MX: &str = "2.16.840.1.113883.3.215.11.1.1";
const LOINC: &str = "2.16.840.1.113883.6.1";

/// A section of a summary that brings no sections of its own: LOINC code, title, name of the code, types of resources, whether it
/// always stands there.
const SECTIONS: &[(&str, &str, &str, &[&str], bool)] = &[
    ("48765-2", "Alergias", "Allergies and adverse reactions", &["AllergyIntolerance"], true),
    ("11450-4", "Problemas", "Problem list", &["Condition"], true),
    (
        "10160-0",
        "Medicamentos",
        "History of medication use",
        &["MedicationStatement", "MedicationRequest", "MedicationDispense", "MedicationAdministration"],
        true,
    ),
    ("11369-6", "Vacunas", "History of immunization", &["Immunization"], false),
    ("47519-4", "Procedimientos", "History of procedures", &["Procedure"], false),
    ("30954-2", "Resultados", "Relevant diagnostic tests and laboratory data", &["DiagnosticReport"], false),
    ("8716-3", "Signos vitales", "Vital signs", &["vital-signs"], false),
    ("29762-2", "Antecedentes sociales", "Social history", &["social-history"], false),
    (
        "10157-6",
        "Antecedentes familiares",
        "History of family member diseases",
        &["FamilyMemberHistory"],
        false,
    ),
    ("46240-8", "Atenciones", "History of encounters", &["Encounter"], false),
    ("18776-5", "Plan", "Plan of care", &["ServiceRequest", "Goal"], false),
];

/// When a document is written, and its number where the Bundle brings none: nothing here reads a clock or makes a number.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// `YYYYMMDDHHMMSS±ZZZZ`.
    pub now: &'a str,
    /// A UUID.
    pub id: &'a str,
}

/// The resources of a Bundle, found by what refers to them.
pub(super) struct Source<'b> {
    pub entries: Vec<(&'b str, &'b Value)>,
}

impl<'b> Source<'b> {
    pub fn find(&self, reference: &Value) -> Option<&'b Value> {
        let target = reference.str_of("reference");
        if target.is_empty() {
            return None;
        }
        let same = |(url, resource): &&(&str, &Value)| {
            *url == target
                || url.ends_with(&format!("/{target}"))
                || format!("{}/{}", resource.resource_type(), resource.id()) == target
        };
        self.entries.iter().find(same).map(|(_, resource)| *resource)
    }
    fn first(&self, kind: &str) -> Option<&'b Value> {
        self.entries.iter().map(|(_, r)| *r).find(|r| r.resource_type() == kind)
    }
}

/// Writes a document of a Bundle that has a Patient; one with a Composition keeps its sections.
pub fn from_fhir(bundle: &Value, stamp: Stamp<'_>) -> Result<Vec<u8>, CdaError> {
    let wrong = |what| CdaError { what, position: 0 };
    if bundle.resource_type() != "Bundle" {
        return Err(wrong("a document is made of a Bundle"));
    }
    let entries = bundle["entry"].items().iter().map(|e| (e.str_of("fullUrl"), &e["resource"])).collect();
    let source = Source { entries };
    let composition = source.first("Composition").unwrap_or(&Value::Null);
    let patient = source.find(&composition["subject"]).filter(|p| p.resource_type() == "Patient");
    let patient = patient.or_else(|| source.first("Patient")).ok_or(wrong("the Bundle has no Patient"))?;
    let mut document = Element::new("ClinicalDocument")
        .with("xmlns", "urn:hl7-org:v3")
        .with("xmlns:sdtc", "urn:hl7-org:sdtc")
        .with("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance");
    document = header(document, bundle, composition, patient, &source, stamp);
    document = document.holding(body(composition, &source));
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    document.print(&mut text);
    text.push('\n');
    Ok(text.into_bytes())
}

fn header(
    document: Element,
    bundle: &Value,
    composition: &Value,
    patient: &Value,
    source: &Source<'_>,
    stamp: Stamp<'_>,
) -> Element {
    let number = [&bundle["identifier"], &composition["identifier"]]
        .into_iter()
        .find(|i| !i.str_of("value").is_empty());
    let number = number.map_or_else(|| Element::new("id").with("root", stamp.id), |i| ids(i, "id"));
    let kind = coded(&composition["type"], "code").unwrap_or_else(|| {
        Element::new("code")
            .with("code", "34133-9")
            .with("codeSystem", LOINC)
            .with("codeSystemName", "LOINC")
            .with("displayName", "Summarization of episode note")
    });
    let title = Some(composition.str_of("title")).filter(|t| !t.is_empty()).unwrap_or("Resumen clínico");
    let time = date(composition.str_of("date"));
    let time = if time.is_empty() { date(bundle.str_of("timestamp")) } else { time };
    let time = if time.is_empty() { stamp.now.to_owned() } else { time };
    let secret = Some(composition.str_of("confidentiality")).filter(|c| !c.is_empty()).unwrap_or("N");
    let language = Some(composition.str_of("language")).filter(|c| !c.is_empty()).unwrap_or("es-MX");
    let mut made = document
        .holding(Element::new("realmCode").with("code", "MX"))
        .holding(
            Element::new("typeId").with("root", "2.16.840.1.113883.1.3").with("extension", "POCD_HD000040"),
        )
        .holding(Element::new("templateId").with("root", SUMMARY_MX))
        .holding(number)
        .holding(kind)
        .holding(Element::new("title").saying(title))
        .holding(Element::new("effectiveTime").with("value", &time))
        .holding(
            Element::new("confidentialityCode")
                .with("code", secret)
                .with("codeSystem", "2.16.840.1.113883.5.25"),
        )
        .holding(Element::new("languageCode").with("code", language))
        .holding(Element::new("recordTarget").holding(patient_role(patient, source)));
    let authors: Vec<&Value> = composition["author"]
        .items()
        .iter()
        .filter(|a| !a.str_of("reference").is_empty() || !a.str_of("display").is_empty())
        .collect();
    for author in &authors {
        made = made.holding(
            Element::new("author").holding(Element::new("time").with("value", &time)).holding(assigned(
                "assignedAuthor",
                author,
                source,
            )),
        );
    }
    if authors.is_empty() {
        let nobody = Element::new("assignedAuthor").holding(Element::new("id").with("nullFlavor", "UNK"));
        made = made.holding(
            Element::new("author").holding(Element::new("time").with("value", &time)).holding(nobody),
        );
    }
    let keeper = source.find(&composition["custodian"]).or_else(|| source.first("Organization"));
    let keeper = keeper.map_or_else(
        || {
            Element::new("representedCustodianOrganization")
                .holding(Element::new("id").with("nullFlavor", "UNK"))
        },
        |o| organization("representedCustodianOrganization", o),
    );
    made = made.holding(Element::new("custodian").holding(Element::new("assignedCustodian").holding(keeper)));
    for attester in composition["attester"].items() {
        let role = if attester.str_of("mode") == "legal" { "legalAuthenticator" } else { "authenticator" };
        made = made.holding(
            Element::new(role)
                .holding(Element::new("time").with("value", &date(attester.str_of("time"))))
                .holding(Element::new("signatureCode").with("code", "S"))
                .holding(assigned("assignedEntity", &attester["party"], source)),
        );
    }
    for event in composition["event"].items() {
        let time = super::compose::interval("effectiveTime", &event["period"]);
        let event = Element::new("serviceEvent").with("classCode", "PCPR").holding(time);
        made = made.holding(Element::new("documentationOf").holding(event));
    }
    for related in composition["relatesTo"].items() {
        let code = match related.str_of("code") {
            "replaces" => "RPLC",
            "appends" => "APND",
            "transforms" => "XFRM",
            _ => continue,
        };
        let parent = Element::new("parentDocument").holding(ids(&related["targetIdentifier"], "id"));
        made = made.holding(Element::new("relatedDocument").with("typeCode", code).holding(parent));
    }
    if let Some(visit) = source.find(&composition["encounter"]) {
        made = made.holding(Element::new("componentOf").holding(encompassing(visit, source)));
    }
    made
}

fn encompassing(visit: &Value, source: &Source<'_>) -> Element {
    let class = &visit["class"];
    let kind = super::compose::coding(class, "code").or_else(|| coded(&visit["type"][0], "code"));
    let mut made =
        Element::new("encompassingEncounter").all(visit["identifier"].items().iter().map(|i| ids(i, "id")));
    made = made.holding(kind);
    let time = super::compose::interval("effectiveTime", &visit["period"]);
    made = made.holding(time.unwrap_or_else(|| Element::new("effectiveTime").with("nullFlavor", "UNK")));
    made = made.holding(coded(&visit["hospitalization"]["dischargeDisposition"], "dischargeDispositionCode"));
    for person in visit["participant"].items() {
        let kind = person["type"][0]["coding"][0].str_of("code");
        let entity = assigned("assignedEntity", &person["individual"], source);
        let part = if kind == "ATND" {
            Element::new("responsibleParty")
        } else {
            Element::new("encounterParticipant").with("typeCode", if kind.is_empty() { "REF" } else { kind })
        };
        made = made.holding(part.holding(entity));
    }
    let place = source.find(&visit["location"][0]["location"]);
    let provider = source.find(&visit["serviceProvider"]);
    if place.is_some() || provider.is_some() {
        let mut facility = Element::new("healthCareFacility");
        if let Some(place) = place {
            facility = facility
                .all(place["identifier"].items().iter().map(|i| ids(i, "id")))
                .holding(coded(&place["type"][0], "code"));
            facility = facility.holding(
                Element::new("location")
                    .holding(element("name", place.str_of("name")))
                    .holding(address(&place["address"])),
            );
        }
        facility = facility.holding(provider.map(|o| organization("serviceProviderOrganization", o)));
        made = made.holding(Element::new("location").holding(facility));
    }
    made
}

fn patient_role(patient: &Value, source: &Source<'_>) -> Element {
    let mut role =
        Element::new("patientRole").all(patient["identifier"].items().iter().map(|i| ids(i, "id")));
    if patient["identifier"].items().is_empty() {
        role = role.holding(Element::new("id").with("nullFlavor", "UNK"));
    }
    role = role.all(patient["address"].items().iter().filter_map(address));
    role = role.all(patient["telecom"].items().iter().filter_map(telecom));
    let gender = match patient.str_of("gender") {
        "male" => Some("M"),
        "female" => Some("F"),
        "other" => Some("UN"),
        _ => None,
    };
    let gender = gender.map_or_else(
        || Element::new("administrativeGenderCode").with("nullFlavor", "UNK"),
        |code| {
            Element::new("administrativeGenderCode")
                .with("code", code)
                .with("codeSystem", "2.16.840.1.113883.5.1")
        },
    );
    let exact = patient["_birthDate"]["extension"]
        .items()
        .iter()
        .find(|e| e.str_of("url").ends_with("patient-birthTime"));
    let birth = exact.map_or_else(|| date(patient.str_of("birthDate")), |e| date(e.str_of("valueDateTime")));
    let birth = if birth.is_empty() {
        Element::new("birthTime").with("nullFlavor", "UNK")
    } else {
        Element::new("birthTime").with("value", &birth)
    };
    let mut person =
        Element::new("patient")
            .all(patient["name"].items().iter().map(name))
            .holding(gender)
            .holding(birth)
            .holding(patient["deceasedBoolean"].as_bool().map(|dead| {
                Element::new("sdtc:deceasedInd").with("value", if dead { "true" } else { "false" })
            }))
            .holding(
                Some(date(patient.str_of("deceasedDateTime")))
                    .filter(|t| !t.is_empty())
                    .map(|t| Element::new("sdtc:deceasedTime").with("value", &t)),
            )
            .holding(coded(&patient["maritalStatus"], "maritalStatusCode"));
    for extension in patient["extension"].items() {
        let url = extension.str_of("url");
        let own = match url.rsplit('/').next().unwrap_or("") {
            "us-core-race" => ("raceCode", "sdtc:raceCode"),
            "us-core-ethnicity" => ("ethnicGroupCode", "sdtc:ethnicGroupCode"),
            "patient-religion" => {
                person =
                    person.holding(coded(&extension["valueCodeableConcept"], "religiousAffiliationCode"));
                continue;
            }
            _ => continue,
        };
        for inner in extension["extension"].items() {
            let name = if inner.str_of("url") == "ombCategory" { own.0 } else { own.1 };
            person = person.holding(super::compose::coding(&inner["valueCoding"], name));
        }
    }
    for spoken in patient["communication"].items() {
        let code = spoken["language"]["coding"][0].str_of("code");
        let preferred = spoken["preferred"].as_bool().map(|p| if p { "true" } else { "false" });
        person = person.holding(
            Element::new("languageCommunication")
                .holding(Element::new("languageCode").with("code", code))
                .holding(preferred.map(|p| Element::new("preferenceInd").with("value", p))),
        );
    }
    let provider =
        source.find(&patient["managingOrganization"]).map(|o| organization("providerOrganization", o));
    role.holding(person).holding(provider)
}

fn organization(element_name: &str, of: &Value) -> Element {
    Element::new(element_name)
        .all(of["identifier"].items().iter().map(|i| ids(i, "id")))
        .holding(element("name", of.str_of("name")))
        .all(of["telecom"].items().iter().filter_map(telecom))
        .all(of["address"].items().iter().filter_map(address))
}

/// A person or device that wrote, did or signed something: from its resource, else from the words of the reference.
pub(super) fn assigned(element_name: &str, reference: &Value, source: &Source<'_>) -> Element {
    let mut made = Element::new(element_name);
    let Some(of) = source.find(reference) else {
        let known = &reference["identifier"];
        made = made.holding(if known.is_null() {
            Element::new("id").with("nullFlavor", "UNK")
        } else {
            ids(known, "id")
        });
        let shown = reference.str_of("display");
        let person = Element::new("assignedPerson").holding(Element::new("name").saying(shown));
        return if shown.is_empty() { made } else { made.holding(person) };
    };
    if of.resource_type() == "Organization" {
        return made
            .holding(Element::new("id").with("nullFlavor", "UNK"))
            .holding(organization("representedOrganization", of));
    }
    made = made.all(of["identifier"].items().iter().map(|i| ids(i, "id")));
    if of["identifier"].items().is_empty() {
        made = made.holding(Element::new("id").with("nullFlavor", "UNK"));
    }
    if of.resource_type() == "Device" {
        let device = Element::new("assignedAuthoringDevice")
            .holding(element("manufacturerModelName", of.str_of("manufacturer")))
            .holding(element("softwareName", of["version"][0].str_of("value")));
        let owner = source.find(&of["owner"]).map(|o| organization("representedOrganization", o));
        return made.holding(device).holding(owner);
    }
    made = made.holding(coded(&of["qualification"][0]["code"], "code"));
    made = made.all(of["address"].items().iter().filter_map(address));
    made = made.all(of["telecom"].items().iter().filter_map(telecom));
    if of["name"].items().is_empty() {
        return made;
    }
    made.holding(Element::new("assignedPerson").all(of["name"].items().iter().map(name)))
}

fn body(composition: &Value, source: &Source<'_>) -> Element {
    let mut sections = Vec::new();
    let own = composition["section"].items();
    if let [only] = own
        && let Some(file) = only["entry"]
            .items()
            .iter()
            .find_map(|e| source.find(e))
            .filter(|r| r.resource_type() == "DocumentReference")
        && only["text"].is_null()
    {
        return Element::new("component").holding(Element::new("nonXMLBody").holding(attached(file)));
    }
    for section in own {
        sections.push(section_of(section, source, 0));
    }
    if own.is_empty() {
        for (code, title, display, kinds, always) in SECTIONS {
            let found: Vec<&Value> =
                source.entries.iter().map(|(_, r)| *r).filter(|r| belongs(r, kinds)).collect();
            if *always || !found.is_empty() {
                sections.push(made_section(code, title, display, &found, source));
            }
        }
    }
    let sections = sections.into_iter().map(|s| Element::new("component").holding(s));
    Element::new("component").holding(Element::new("structuredBody").all(sections))
}

fn attached(file: &Value) -> Element {
    let attachment = &file["content"][0]["attachment"];
    let text = Element::new("text").with("mediaType", attachment.str_of("contentType"));
    let url = attachment.str_of("url");
    if url.is_empty() {
        text.with("representation", "B64").saying(attachment.str_of("data"))
    } else {
        text.holding(Element::new("reference").with("value", url))
    }
}

/// A resource is of a section by its type, an Observation by its category.
fn belongs(resource: &Value, kinds: &[&str]) -> bool {
    if resource.resource_type() == "Observation" {
        let categories = resource["category"].items().iter().flat_map(|c| c["coding"].items());
        return categories.into_iter().any(|c| kinds.contains(&c.str_of("code")));
    }
    kinds.contains(&resource.resource_type())
}

fn section_of(section: &Value, source: &Source<'_>, depth: usize) -> Element {
    let mut made = Element::new("section")
        .holding(coded(&section["code"], "code"))
        .holding(element("title", section.str_of("title")));
    let div = section["text"].str_of("div");
    if !div.is_empty() {
        made = made.holding(from_xhtml(div));
    }
    for resource in section["entry"].items().iter().filter_map(|e| source.find(e)) {
        if let Some(entry) = super::statements::entry(resource, source) {
            made = made.holding(Element::new("entry").holding(entry));
        }
    }
    if depth < 8 {
        for inner in section["section"].items() {
            made = made.holding(Element::new("component").holding(section_of(inner, source, depth + 1)));
        }
    }
    made
}

/// A section of our own making: a table of what its entries say.
fn made_section(code: &str, title: &str, display: &str, found: &[&Value], source: &Source<'_>) -> Element {
    let coded = Element::new("code")
        .with("code", code)
        .with("codeSystem", LOINC)
        .with("codeSystemName", "LOINC")
        .with("displayName", display);
    let mut made = Element::new("section").holding(coded).holding(Element::new("title").saying(title));
    if found.is_empty() {
        // Nothing recorded is not "none": absence is never written as a negative.
        return made.with("nullFlavor", "NI").holding(
            Element::new("text").holding(Element::new("paragraph").saying("Sin información registrada")),
        );
    }
    let cell = |name: &str, text: &str| Element::new(name).saying(text);
    let head = Element::new("tr")
        .holding(cell("th", "Descripción"))
        .holding(cell("th", "Fecha"))
        .holding(cell("th", "Estado"));
    let mut rows = Element::new("tbody");
    for resource in found {
        rows = rows.holding(
            Element::new("tr")
                .holding(cell("td", &code_of(resource)))
                .holding(cell("td", &super::compose::when(resource)))
                .holding(cell("td", &super::compose::status(resource))),
        );
    }
    let table = Element::new("table").holding(Element::new("thead").holding(head)).holding(rows);
    made = made.holding(Element::new("text").holding(table));
    for resource in found {
        if let Some(entry) = super::statements::entry(resource, source) {
            made = made.holding(Element::new("entry").holding(entry));
        }
    }
    made
}
