//! The header of a CDA document: whose it is, who wrote, keeps and signed it, and at which visit (CDA R2 section 4.2).

use super::read::Reading;
use super::types::{self, concept, identifier, identifiers, name, reach, shown};
use super::xml::Element;
use badiano_fhir::{Value, fhir};

impl Reading<'_> {
    /// Patient of `recordTarget/patientRole`, with the organisation that provides the care.
    pub(super) fn patient(&mut self, role: &Element) -> Value {
        let mut made = fhir!({ "resourceType": "Patient" });
        identifiers(role, &mut made);
        if let Some(patient) = role.child("patient") {
            for name in patient.children("name").filter_map(name) {
                made.push("name", name);
            }
            let gender = match patient.child("administrativeGenderCode").map_or("", |c| c.attr("code")) {
                "M" => "male",
                "F" => "female",
                "UN" | "O" => "other",
                "" => "",
                _ => "unknown",
            };
            if !gender.is_empty() {
                made.set("gender", gender);
            }
            let birth = patient.child("birthTime").map_or("", |b| b.attr("value")).to_owned();
            if let Some(day) = crate::map::time::date(&birth) {
                made.set("birthDate", day);
            }
            if birth.len() > 8
                && let Some(time) = self.zone.time(&birth).filter(|t| t.len() > 10)
            {
                let url = "http://hl7.org/fhir/StructureDefinition/patient-birthTime";
                made.set("_birthDate", fhir!({ "extension": [{ "url": url, "valueDateTime": time }] }));
            }
            if let Some(status) = patient.child("maritalStatusCode").and_then(|c| concept(c, &self.texts)) {
                made.set("maritalStatus", status);
            }
            self.origins(patient, &mut made);
            for language in patient.children("languageCommunication") {
                let code = language.child("languageCode").map_or("", |c| c.attr("code"));
                // Old documents name languages by three letters.
                let code = match code {
                    "eng" => "en",
                    "spa" => "es",
                    "fra" | "fre" => "fr",
                    other => other,
                };
                if !code.is_empty() {
                    let coding = fhir!({ "system": "urn:ietf:bcp:47", "code": code });
                    let mut spoken = fhir!({ "language": { "coding": [coding] } });
                    match language.child("preferenceInd").map_or("", |p| p.attr("value")) {
                        "true" => spoken.set("preferred", true),
                        "false" => spoken.set("preferred", false),
                        _ => {}
                    }
                    made.push("communication", spoken);
                }
            }
            if let Some(dead) =
                patient.child("sdtc:deceasedTime").and_then(|t| self.zone.time(t.attr("value")))
            {
                made.set("deceasedDateTime", dead);
            } else if let Some(dead) = patient.child("sdtc:deceasedInd").map(|i| i.attr("value") == "true") {
                made.set("deceasedBoolean", dead);
            }
        }
        reach(role, &mut made);
        if let Some(provider) = role.child("providerOrganization").and_then(|o| self.organization(o)) {
            made.set("managingOrganization", provider);
        }
        for guardian in role.child("patient").into_iter().flat_map(|p| p.children("guardian")) {
            let mut contact = Value::object();
            if let Some(relation) = guardian.child("code").and_then(|c| concept(c, &self.texts)) {
                contact.push("relationship", relation);
            }
            if let Some(name) = guardian.at(&["guardianPerson", "name"]).and_then(name) {
                contact.set("name", name);
            }
            if let Some(address) = guardian.child("addr").and_then(types::address) {
                contact.set("address", address);
            }
            for telecom in guardian.children("telecom").filter_map(types::telecom) {
                contact.push("telecom", telecom);
            }
            if contact.as_object().is_some_and(|o| o.get("name").is_some() || o.get("telecom").is_some()) {
                made.push("contact", contact);
            }
        }
        made
    }

    /// Race, ethnic group, religion and place of birth, as the extensions that FHIR has for them.
    fn origins(&self, patient: &Element, made: &mut Value) {
        for (names, url) in [
            (["raceCode", "sdtc:raceCode"], "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"),
            (
                ["ethnicGroupCode", "sdtc:ethnicGroupCode"],
                "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity",
            ),
        ] {
            let mut inner: Vec<Value> = Vec::new();
            let mut words: Vec<String> = Vec::new();
            for (n, code) in names.iter().flat_map(|name| patient.children(name)).enumerate() {
                if let Some(coding) = types::coding(code) {
                    words.push(
                        if coding.str_of("display").is_empty() {
                            coding.str_of("code")
                        } else {
                            coding.str_of("display")
                        }
                        .to_owned(),
                    );
                    inner.push(fhir!({ "url": (if n == 0 { "ombCategory" } else { "detailed" }), "valueCoding": coding }));
                }
            }
            if !words.is_empty() {
                inner.push(fhir!({ "url": "text", "valueString": (words.join(", ")) }));
                made.push("extension", fhir!({ "url": url, "extension": inner }));
            }
        }
        if let Some(faith) = patient.child("religiousAffiliationCode").and_then(|c| concept(c, &self.texts)) {
            let url = "http://hl7.org/fhir/StructureDefinition/patient-religion";
            made.push("extension", fhir!({ "url": url, "valueCodeableConcept": faith }));
        }
        if let Some(born) = patient.at(&["birthplace", "place", "addr"]).and_then(types::address) {
            let url = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace";
            made.push("extension", fhir!({ "url": url, "valueAddress": born }));
        }
    }

    /// An assigned person (author, performer, signer) as a reference to a Practitioner, or to the Device that wrote.
    pub(super) fn assigned(&mut self, entity: &Element) -> Option<Value> {
        let organization = ["representedOrganization", "scopingOrganization"];
        let works_for = organization.iter().find_map(|o| entity.child(o)).and_then(|o| self.organization(o));
        if let Some(device) = entity.child("assignedAuthoringDevice") {
            let mut made = fhir!({ "resourceType": "Device" });
            identifiers(entity, &mut made);
            let text = |name: &str| device.child(name).map(Element::text).filter(|t| !t.is_empty());
            let model = text("manufacturerModelName");
            let software = text("softwareName");
            let shown = software.clone().or_else(|| model.clone()).unwrap_or_default();
            if let Some(model) = model {
                made.set("manufacturer", model);
            }
            if let Some(software) = software {
                made.push("version", fhir!({ "value": software }));
            }
            if let Some(owner) = works_for {
                made.set("owner", owner);
            }
            return Some(self.shared(made, &shown));
        }
        let person = ["assignedPerson", "associatedPerson", "informationRecipient", "relatedPerson"];
        let person = person.iter().find_map(|p| entity.child(p));
        let mut made = fhir!({ "resourceType": "Practitioner" });
        identifiers(entity, &mut made);
        let mut display = String::new();
        for name in person.into_iter().flat_map(|p| p.children("name")).filter_map(name) {
            if display.is_empty() {
                display = shown(&name);
            }
            made.push("name", name);
        }
        reach(entity, &mut made);
        if let Some(code) = entity.child("code").and_then(|c| concept(c, &self.texts)) {
            made.push("qualification", fhir!({ "code": code }));
        }
        if made["name"].is_null() && made["identifier"].is_null() {
            return works_for;
        }
        Some(self.shared(made, &display))
    }

    /// An organisation as a reference.
    pub(super) fn organization(&mut self, of: &Element) -> Option<Value> {
        let mut made = fhir!({ "resourceType": "Organization" });
        identifiers(of, &mut made);
        let name = of.child("name").map(Element::text).filter(|t| !t.is_empty());
        if let Some(name) = &name {
            made.set("name", name.as_str());
        }
        if made["identifier"].is_null() && name.is_none() {
            return None;
        }
        reach(of, &mut made);
        // An organisation's address is of no home (org-2, org-3).
        for key in ["address", "telecom"] {
            let list = made.as_object_mut().and_then(|o| o.get_mut(key)).and_then(Value::as_array_mut);
            for item in list.into_iter().flatten().filter(|i| i.str_of("use") == "home") {
                item.as_object_mut().and_then(|o| o.remove("use"));
            }
        }
        Some(self.shared(made, name.as_deref().unwrap_or("")))
    }

    /// A place as a reference.
    pub(super) fn place(&mut self, of: &Element) -> Option<Value> {
        let mut made = fhir!({ "resourceType": "Location" });
        identifiers(of, &mut made);
        if let Some(code) = of.child("code").and_then(|c| concept(c, &self.texts)) {
            made.push("type", code);
        }
        let inner = ["location", "playingEntity"].iter().find_map(|n| of.child(n));
        let name = inner.and_then(|l| l.child("name")).map(Element::text).filter(|t| !t.is_empty());
        if let Some(name) = &name {
            made.set("name", name.as_str());
        }
        let around =
            inner.and_then(|l| l.child("addr")).or_else(|| of.child("addr")).and_then(types::address);
        if let Some(address) = around {
            made.set("address", address);
        }
        for telecom in of.children("telecom").filter_map(types::telecom) {
            made.push("telecom", telecom);
        }
        let says = ["identifier", "type", "name", "address"].iter().any(|k| !made[*k].is_null());
        says.then(|| self.shared(made, name.as_deref().unwrap_or("")))
    }

    /// The visit that the document is of.
    pub(super) fn encompassing(&mut self, of: &Element) -> Option<String> {
        let mut made = fhir!({ "resourceType": "Encounter", "status": "finished" });
        identifiers(of, &mut made);
        let coding = of.child("code").and_then(types::coding);
        let system = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
        match coding {
            Some(coding) if coding.str_of("system") == system => made.set("class", coding),
            other => {
                made.set("class", fhir!({ "system": system, "code": "AMB" }));
                if let Some(coding) = other {
                    made.push("type", fhir!({ "coding": [coding] }));
                }
            }
        }
        made.set("subject", self.subject());
        if let Some(period) = self.zone.period(of.child("effectiveTime")) {
            if period["end"].is_null() {
                made.set("status", "in-progress");
            }
            made.set("period", period);
        }
        let people = of.children("responsibleParty").chain(of.children("encounterParticipant"));
        for person in people {
            if let Some(individual) = person.child("assignedEntity").and_then(|e| self.assigned(e)) {
                let kind = if person.name == "responsibleParty" { "ATND" } else { person.attr("typeCode") };
                let coding = fhir!({ "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": kind });
                made.push(
                    "participant",
                    fhir!({ "type": [{ "coding": [coding] }], "individual": (practitioner(individual)) }),
                );
            }
        }
        if let Some(place) = of.at(&["location", "healthCareFacility"]) {
            if let Some(location) = self.place(place) {
                made.push("location", fhir!({ "location": location }));
            }
            if let Some(provider) =
                place.child("serviceProviderOrganization").and_then(|o| self.organization(o))
            {
                made.set("serviceProvider", provider);
            }
        }
        if let Some(went) = of.child("dischargeDispositionCode").and_then(|c| concept(c, &self.texts)) {
            made.set("hospitalization", fhir!({ "dischargeDisposition": went }));
        }
        Some(self.add("encompassing", made))
    }

    /// Relatives and others who take part: RelatedPerson.
    pub(super) fn relative(&mut self, of: &Element) {
        let Some(entity) = of.child("associatedEntity") else { return };
        let kind = entity.attr("classCode");
        if !matches!(kind, "PRS" | "NOK" | "ECON" | "GUAR" | "CAREGIVER" | "AGNT" | "GUARD" | "QUAL" | "CON")
        {
            return;
        }
        let mut made = fhir!({ "resourceType": "RelatedPerson" });
        identifiers(entity, &mut made);
        made.set("patient", self.subject());
        for name in
            entity.child("associatedPerson").into_iter().flat_map(|p| p.children("name")).filter_map(name)
        {
            made.push("name", name);
        }
        if made["name"].is_null() {
            return;
        }
        let relation = entity.child("code").and_then(|c| concept(c, &self.texts));
        let role = fhir!({ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-RoleClass", "code": kind }] });
        made.push("relationship", relation.unwrap_or(role));
        reach(entity, &mut made);
        let number = self.resources.len();
        self.add(&format!("relative-{number}"), made);
    }

    /// The document's own identity, title, times and signers in its Composition.
    pub(super) fn composition(&mut self, document: &Element) -> Value {
        let mut made = fhir!({ "resourceType": "Composition" });
        if let Some(language) =
            document.child("languageCode").map(|l| l.attr("code")).filter(|c| !c.is_empty())
        {
            made.set("language", language);
        }
        if let Some(id) = document.child("setId").or_else(|| document.child("id")).and_then(identifier) {
            made.set("identifier", id);
        }
        made.set("status", "final");
        let kind = document.child("code").and_then(|c| concept(c, &self.texts));
        made.set("type", kind.unwrap_or_else(|| fhir!({ "text": "Documento clínico" })));
        made.set("subject", self.subject());
        let date = self.zone.start(document.child("effectiveTime"));
        if let Some(date) = date {
            made.set("date", date);
        } else {
            made.set("_date", absent());
        }
        for author in document.children("author") {
            if let Some(who) = author.child("assignedAuthor").and_then(|a| self.assigned(a)) {
                made.push("author", who);
            }
        }
        if made["author"].is_null() {
            made.push("author", absent());
        }
        let title = document.child("title").map(Element::text).filter(|t| !t.is_empty());
        let code = made["type"]["coding"].at(0).str_of("display").to_owned();
        made.set(
            "title",
            title.unwrap_or(if code.is_empty() { "Documento clínico".to_owned() } else { code }),
        );
        let secret = document.child("confidentialityCode").map_or("", |c| c.attr("code"));
        if ["U", "L", "M", "N", "R", "V"].contains(&secret) {
            made.set("confidentiality", secret);
        }
        for (signer, mode) in [("legalAuthenticator", "legal"), ("authenticator", "professional")] {
            for signed in document.children(signer) {
                let mut attester = fhir!({ "mode": mode });
                if let Some(time) = self.zone.start(signed.child("time")) {
                    attester.set("time", time);
                }
                if let Some(who) = signed.child("assignedEntity").and_then(|e| self.assigned(e)) {
                    attester.set("party", who);
                }
                made.push("attester", attester);
            }
        }
        let keeper = document.at(&["custodian", "assignedCustodian", "representedCustodianOrganization"]);
        if let Some(keeper) = keeper.and_then(|o| self.organization(o)) {
            made.set("custodian", keeper);
        }
        for event in document.children("documentationOf").filter_map(|d| d.child("serviceEvent")) {
            if let Some(period) = self.zone.period(event.child("effectiveTime")) {
                made.push("event", fhir!({ "period": period }));
            }
        }
        for related in document.children("relatedDocument") {
            let code = match related.attr("typeCode") {
                "RPLC" => "replaces",
                "APND" => "appends",
                "XFRM" => "transforms",
                _ => continue,
            };
            if let Some(id) = related.at(&["parentDocument", "id"]).and_then(identifier) {
                made.push("relatesTo", fhir!({ "code": code, "targetIdentifier": id }));
            }
        }
        made
    }
}

/// A participant of a visit is a person: a reference to something else keeps its words only.
fn practitioner(mut reference: Value) -> Value {
    if reference.str_of("type") != "Practitioner" {
        let display = reference.str_of("display").to_owned();
        reference = fhir!({ "display": display });
    }
    reference
}

/// "Not known", in the place of a primitive that must be there.
pub(super) fn absent() -> Value {
    let url = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
    fhir!({ "extension": [{ "url": url, "valueCode": "unknown" }] })
}
