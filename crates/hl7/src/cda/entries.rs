//! Entries of sections as resources: allergies, problems, medication, vaccines, procedures, results, visits, relatives, plans
//! (CDA R2 section 4.3.6; the patterns of C-CDA, known by template where there is one, else by shape and section).

use super::read::Reading;
use super::types::{concept, identifiers, quantity, range, value};
use super::xml::Element;
use badiano_fhir::{Value, fhir};

/// What a section is about, by its LOINC code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    Allergies,
    Problems,
    Medication,
    Immunizations,
    Results,
    Vitals,
    Social,
    Family,
    Plan,
    Other,
}

const SECTIONS: &[(&str, About)] = &[
    ("48765-2", About::Allergies),
    ("11450-4", About::Problems),
    ("11348-0", About::Problems),
    ("46241-6", About::Problems),
    ("11535-2", About::Problems),
    ("29299-5", About::Problems),
    ("51848-0", About::Problems),
    ("29308-4", About::Problems),
    ("10160-0", About::Medication),
    ("10183-2", About::Medication),
    ("42346-7", About::Medication),
    ("29549-3", About::Medication),
    ("11369-6", About::Immunizations),
    ("30954-2", About::Results),
    ("8716-3", About::Vitals),
    ("29762-2", About::Social),
    ("10157-6", About::Family),
    ("18776-5", About::Plan),
    ("61145-9", About::Plan),
];

const PLANNED: [&str; 6] = ["INT", "RQO", "PRMS", "PRP", "ARQ", "APT"];
const CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";

fn of_system(system: &str, code: &str) -> Value {
    fhir!({ "coding": [{ "system": system, "code": code }] })
}

/// Observations inside an entry, with the kind of their relation.
fn related<'e>(of: &'e Element, name: &'e str) -> impl Iterator<Item = &'e Element> {
    of.children("entryRelationship").filter_map(move |r| r.child(name))
}

/// An inner observation known by template or code.
fn inner<'e>(of: &'e Element, template: &str, code: &str) -> Option<&'e Element> {
    related(of, "observation").find(|o| {
        o.has_template(template)
            || (!code.is_empty() && o.child("code").is_some_and(|c| c.attr("code") == code))
    })
}

/// Why something is given or done: C-CDA's Indication.
pub(super) fn indications(of: &Element) -> impl Iterator<Item = &Element> {
    related(of, "observation").filter(|o| o.has_template("2.16.840.1.113883.10.20.22.4.19"))
}

fn negated(of: &Element) -> bool {
    of.attr("negationInd") == "true"
}

impl Reading<'_> {
    /// What an entry becomes: full URLs for its section to point to.
    pub(super) fn entry(&mut self, entry: &Element, section: &str) -> Vec<String> {
        let about = SECTIONS.iter().find(|(code, _)| *code == section).map_or(About::Other, |(_, a)| *a);
        self.part(entry, about)
    }

    fn part(&mut self, entry: &Element, about: About) -> Vec<String> {
        let planned = PLANNED.contains(&entry.attr("moodCode"));
        match entry.name.as_str() {
            "act" => self.act(entry, about, planned),
            "observation" => self.observed(entry, about, planned).into_iter().collect(),
            "organizer" => self.organizer(entry, about),
            "substanceAdministration" => {
                self.substance(entry, about == About::Immunizations, planned).into_iter().collect()
            }
            "supply" => self.supply(entry, planned).into_iter().collect(),
            "procedure" if planned => self.request(entry).into_iter().collect(),
            "procedure" => self.procedure(entry).into_iter().collect(),
            "encounter" => self.encounter(entry, planned),
            _ => Vec::new(),
        }
    }

    fn act(&mut self, act: &Element, about: About, planned: bool) -> Vec<String> {
        let mut made = Vec::new();
        let is_procedure = act.has_template("2.16.840.1.113883.10.20.22.4.12");
        if !is_procedure {
            for observation in related(act, "observation") {
                let allergy =
                    is_allergy(observation, about) || act.has_template("2.16.840.1.113883.10.20.22.4.30");
                let problem = about == About::Problems
                    || act.has_template("2.16.840.1.113883.10.20.22.4.3")
                    || is_problem(observation);
                let status = act.child("statusCode").map_or("", |s| s.attr("code"));
                if allergy {
                    made.extend(self.allergy(observation, status));
                } else if problem {
                    made.extend(self.condition(observation, status, about));
                } else {
                    made.extend(self.observed(observation, about, planned));
                }
            }
        }
        if !made.is_empty() {
            return made;
        }
        for name in ["act", "substanceAdministration", "procedure", "encounter", "supply"] {
            for inner in related(act, name) {
                made.extend(self.part(inner, about));
            }
        }
        if act.has_template("2.16.840.1.113883.10.20.22.4.60")
            || act.has_template("2.16.840.1.113883.10.20.22.4.61")
        {
            return made;
        }
        if made.is_empty() && planned {
            made.extend(self.request(act));
        } else if made.is_empty() && (is_procedure || matches!(about, About::Other | About::Plan)) {
            made.extend(self.procedure(act));
        }
        made
    }

    /// Numbers, author's time and note that every entry may have.
    fn begun(&mut self, kind: &str, entry: &Element) -> Value {
        let mut made = fhir!({ "resourceType": kind });
        identifiers(entry, &mut made);
        made
    }

    fn authored(&mut self, entry: &Element) -> (Option<Value>, Option<String>) {
        let Some(author) = entry.child("author") else { return (None, None) };
        let when = self.zone.start(author.child("time"));
        (author.child("assignedAuthor").and_then(|a| self.assigned(a)), when)
    }

    /// Comments inside an entry (48767-8), and its own text where nothing else says it.
    fn notes(&self, entry: &Element, made: &mut Value) {
        for act in
            related(entry, "act").filter(|a| a.child("code").is_some_and(|c| c.attr("code") == "48767-8"))
        {
            let text = act.child("text").map(|t| self.texts.of(t)).unwrap_or_default();
            if !text.is_empty() {
                made.push("note", fhir!({ "text": text }));
            }
        }
    }

    fn code_of(&self, entry: &Element) -> Option<Value> {
        let coded = entry.child("code").and_then(|c| concept(c, &self.texts));
        coded.or_else(|| {
            let text = entry.child("text").map(|t| self.texts.of(t)).filter(|t| !t.is_empty())?;
            Some(fhir!({ "text": text }))
        })
    }

    fn role(&self, kind: &str) -> String {
        format!("{kind}-{}", self.resources.len())
    }

    fn allergy(&mut self, observation: &Element, concern: &str) -> Option<String> {
        let mut made = self.begun("AllergyIntolerance", observation);
        let kind = observation.child("value");
        let (category, type_) = allergy_kind(kind.map_or("", |v| v.attr("code")));
        let substance = observation
            .children("participant")
            .filter_map(|p| p.at(&["participantRole", "playingEntity"]))
            .find_map(|e| {
                let coded = e.child("code").and_then(|c| concept(c, &self.texts));
                let named = || {
                    e.child("name").map(Element::text).filter(|t| !t.is_empty()).map(|t| fhir!({ "text": t }))
                };
                coded.or_else(named)
            });
        let has_substance = substance.is_some();
        let status =
            inner(observation, "2.16.840.1.113883.10.20.22.4.28", "33999-4").and_then(|o| o.child("value"));
        let clinical = match (status.map_or("", |v| v.attr("code")), concern) {
            ("73425007", _) => "inactive",
            ("413322009", _) => "resolved",
            ("55561003", _) | (_, "active" | "") => "active",
            (_, "suspended" | "aborted") => "inactive",
            _ => "active",
        };
        made.set(
            "clinicalStatus",
            of_system("http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", clinical),
        );
        if negated(observation) && has_substance {
            let system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";
            made.set("verificationStatus", of_system(system, "refuted"));
        }
        if let Some(type_) = type_ {
            made.set("type", type_);
        }
        if let Some(category) = category {
            made.push("category", category);
        }
        if let Some(criticality) =
            inner(observation, "2.16.840.1.113883.10.20.22.4.145", "82606-5").and_then(|o| o.child("value"))
        {
            match criticality.attr("code") {
                "CRITH" => made.set("criticality", "high"),
                "CRITL" => made.set("criticality", "low"),
                "CRITU" => made.set("criticality", "unable-to-assess"),
                _ => {}
            }
        }
        let none = || of_system("http://snomed.info/sct", "716186003");
        let said = substance.or_else(|| negated(observation).then(none));
        let said = said.or_else(|| kind.filter(|v| v.says()).and_then(|v| concept(v, &self.texts)));
        made.set("code", said?);
        made.set("patient", self.subject());
        if let Some(time) = self.zone.start(observation.child("effectiveTime")) {
            made.set("onsetDateTime", time);
        }
        let (author, when) = self.authored(observation);
        if let Some(when) = when {
            made.set("recordedDate", when);
        }
        if let Some(author) = author.filter(|a| a.str_of("type") == "Practitioner") {
            made.set("recorder", author);
        }
        for reaction in
            related(observation, "observation").filter(|o| o.has_template("2.16.840.1.113883.10.20.22.4.9"))
        {
            if let Some(reaction) = self.reaction(reaction) {
                made.push("reaction", reaction);
            }
        }
        self.notes(observation, &mut made);
        Some(self.add(&self.role("allergy"), made))
    }

    fn reaction(&self, reaction: &Element) -> Option<Value> {
        let sign = reaction.child("value").and_then(|v| concept(v, &self.texts))?;
        let mut made = fhir!({ "manifestation": [sign] });
        if let Some(onset) = self.zone.start(reaction.child("effectiveTime")) {
            made.set("onset", onset);
        }
        let severity =
            inner(reaction, "2.16.840.1.113883.10.20.22.4.8", "SEV").and_then(|o| o.child("value"));
        match severity.map_or("", |v| v.attr("code")) {
            "255604002" => made.set("severity", "mild"),
            "6736007" | "371923003" => made.set("severity", "moderate"),
            "24484000" | "371924009" | "399166001" => made.set("severity", "severe"),
            _ => {}
        }
        Some(made)
    }

    fn condition(&mut self, observation: &Element, concern: &str, about: About) -> Option<String> {
        let mut made = self.begun("Condition", observation);
        let said = observation.child("value").and_then(|v| concept(v, &self.texts));
        let said = said.or_else(|| {
            let text = observation.child("text").map(|t| self.texts.of(t)).filter(|t| !t.is_empty())?;
            Some(fhir!({ "text": text }))
        });
        let end = self.zone.end(observation.child("effectiveTime"));
        let status =
            inner(observation, "2.16.840.1.113883.10.20.22.4.6", "33999-4").and_then(|o| o.child("value"));
        let clinical = match (status.map_or("", |v| v.attr("code")), end.is_some(), concern) {
            ("73425007", _, _) => "inactive",
            ("413322009", _, _) | (_, true, _) => "resolved",
            (_, _, "suspended" | "aborted") => "inactive",
            _ => "active",
        };
        made.set("clinicalStatus", of_system(CLINICAL, clinical));
        if negated(observation) {
            made.set(
                "verificationStatus",
                of_system("http://terminology.hl7.org/CodeSystem/condition-ver-status", "refuted"),
            );
        }
        let category = if about == About::Problems { "problem-list-item" } else { "encounter-diagnosis" };
        made.push(
            "category",
            of_system("http://terminology.hl7.org/CodeSystem/condition-category", category),
        );
        if let Some(severity) = inner(observation, "2.16.840.1.113883.10.20.22.4.8", "SEV")
            .and_then(|o| o.child("value"))
            .and_then(|v| concept(v, &self.texts))
        {
            made.set("severity", severity);
        }
        made.set("code", said?);
        if let Some(site) = observation.child("targetSiteCode").and_then(|c| concept(c, &self.texts)) {
            made.push("bodySite", site);
        }
        made.set("subject", self.subject());
        if category == "encounter-diagnosis"
            && let Some(visit) = self.visit()
        {
            made.set("encounter", visit);
        }
        if let Some(time) = self.zone.start(observation.child("effectiveTime")) {
            made.set("onsetDateTime", time);
        }
        if let Some(end) = end {
            made.set("abatementDateTime", end);
        }
        let (author, when) = self.authored(observation);
        if let Some(when) = when {
            made.set("recordedDate", when);
        }
        if let Some(author) = author.filter(|a| a.str_of("type") == "Practitioner") {
            made.set("recorder", author);
        }
        self.notes(observation, &mut made);
        Some(self.add(&self.role("condition"), made))
    }

    fn observed(&mut self, observation: &Element, about: About, planned: bool) -> Option<String> {
        if is_allergy(observation, about) {
            return self.allergy(observation, "");
        }
        if about == About::Problems || is_problem(observation) {
            return self.condition(observation, "", about);
        }
        if observation.has_template("2.16.840.1.113883.10.20.22.4.13")
            && observation.child("value").is_none_or(|v| !v.says())
        {
            return self.procedure(observation);
        }
        if observation.attr("moodCode") == "GOL" {
            return self.goal(observation);
        }
        if planned {
            return self.request(observation);
        }
        let mut made = self.begun("Observation", observation);
        let status = match observation.child("statusCode").map_or("", |s| s.attr("code")) {
            "active" => "preliminary",
            "aborted" | "cancelled" => "cancelled",
            _ => "final",
        };
        made.set("status", status);
        let category = match about {
            About::Vitals => Some("vital-signs"),
            About::Results => Some("laboratory"),
            About::Social => Some("social-history"),
            _ => None,
        };
        if let Some(category) = category {
            made.push(
                "category",
                of_system("http://terminology.hl7.org/CodeSystem/observation-category", category),
            );
        }
        made.set("code", self.code_of(observation)?);
        made.set("subject", self.subject());
        self.zone.when(&mut made, "effective", observation.child("effectiveTime"));
        let performer = observation.at(&["performer", "assignedEntity"]).and_then(|e| self.assigned(e));
        let (author, _) = self.authored(observation);
        for who in performer.or(author).into_iter().filter(|w| w.str_of("type") != "Device") {
            made.push("performer", who);
        }
        let mut values = observation.children("value").filter_map(|v| value(v, &self.zone, &self.texts));
        match values.next() {
            Some((kind, value)) => made.set(&format!("value{kind}"), value),
            None => {
                if let Some(flavour) =
                    observation.child("value").map(|v| v.attr("nullFlavor")).filter(|f| !f.is_empty())
                {
                    let code = match flavour {
                        "ASKU" => "asked-unknown",
                        "NASK" => "not-asked",
                        "NAV" => "temp-unknown",
                        "MSK" => "masked",
                        "NA" => "not-applicable",
                        _ => "unknown",
                    };
                    let system = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
                    made.set("dataAbsentReason", of_system(system, code));
                }
            }
        }
        drop(values);
        for code in observation.children("interpretationCode").filter_map(|c| concept(c, &self.texts)) {
            made.push("interpretation", code);
        }
        for site in observation.children("targetSiteCode").take(1).filter_map(|c| concept(c, &self.texts)) {
            made.set("bodySite", site);
        }
        for method in observation.children("methodCode").take(1).filter_map(|c| concept(c, &self.texts)) {
            made.set("method", method);
        }
        for part in related(observation, "observation").filter(|o| !is_remark(o)) {
            if let Some(url) = self.observed(part, about, planned)
                && self.resources.iter().any(|(known, r)| *known == url && r.resource_type() == "Observation")
            {
                made.push("hasMember", fhir!({ "reference": url }));
            }
        }
        for reference in observation.children("referenceRange").filter_map(|r| r.child("observationRange")) {
            self.reference_range(reference, &mut made);
        }
        self.notes(observation, &mut made);
        Some(self.add(&self.role("observation"), made))
    }

    fn reference_range(&self, of: &Element, made: &mut Value) {
        let mut item = Value::object();
        if let Some(bounds) = of.child("value") {
            for side in ["low", "high"] {
                if let Some(bound) = bounds.child(side).and_then(quantity) {
                    item.set(side, bound);
                }
            }
            if item["low"].is_null()
                && item["high"].is_null()
                && let Some(("Quantity", one)) = range(bounds)
            {
                item.set("high", one);
            }
        }
        if let Some(text) = of.child("text").map(|t| self.texts.of(t)).filter(|t| !t.is_empty()) {
            item.set("text", text);
        }
        if item.as_object().is_some_and(|o| !o.is_empty()) {
            made.push("referenceRange", item);
        }
    }

    /// Batteries of results are reports; other organisers are their parts; relatives have a history.
    fn organizer(&mut self, organizer: &Element, about: About) -> Vec<String> {
        if let Some(relative) = organizer.at(&["subject", "relatedSubject"]) {
            return self.family(organizer, relative).into_iter().collect();
        }
        let mut parts = Vec::new();
        for component in organizer.children("component").flat_map(Element::elements) {
            parts.extend(self.part(component, about));
        }
        let is_report = about == About::Results || organizer.has_template("2.16.840.1.113883.10.20.22.4.1");
        let code = organizer.child("code").and_then(|c| concept(c, &self.texts));
        let (true, Some(code)) = (is_report, code) else { return parts };
        let mut made = self.begun("DiagnosticReport", organizer);
        let status = match organizer.child("statusCode").map_or("", |s| s.attr("code")) {
            "active" => "partial",
            "aborted" | "cancelled" => "cancelled",
            _ => "final",
        };
        made.set("status", status);
        made.push("category", of_system("http://terminology.hl7.org/CodeSystem/v2-0074", "LAB"));
        made.set("code", code);
        made.set("subject", self.subject());
        if let Some(visit) = self.visit() {
            made.set("encounter", visit);
        }
        self.zone.when(&mut made, "effective", organizer.child("effectiveTime"));
        let performer = organizer.at(&["performer", "assignedEntity"]).and_then(|e| self.assigned(e));
        let (author, _) = self.authored(organizer);
        for who in performer.or(author).into_iter().filter(|w| w.str_of("type") != "Device") {
            made.push("performer", who);
        }
        for part in &parts {
            if self.resources.iter().any(|(url, r)| url == part && r.resource_type() == "Observation") {
                made.push("result", fhir!({ "reference": (part.as_str()) }));
            }
        }
        let url = self.add(&self.role("report"), made);
        vec![url]
    }

    fn family(&mut self, organizer: &Element, relative: &Element) -> Option<String> {
        let mut made = self.begun("FamilyMemberHistory", organizer);
        made.set("status", "completed");
        made.set("patient", self.subject());
        let relation = relative.child("code").and_then(|c| concept(c, &self.texts));
        made.set("relationship", relation.unwrap_or_else(|| fhir!({ "text": "familiar" })));
        if let Some(person) = relative.child("subject") {
            if let Some(name) = person.child("name").map(Element::text).filter(|t| !t.is_empty()) {
                made.set("name", name);
            }
            let sex = match person.child("administrativeGenderCode").map_or("", |c| c.attr("code")) {
                "M" => "male",
                "F" => "female",
                _ => "",
            };
            if !sex.is_empty() {
                made.set("sex", of_system("http://hl7.org/fhir/administrative-gender", sex));
            }
            if let Some(born) =
                person.child("birthTime").and_then(|b| crate::map::time::date(b.attr("value")))
            {
                made.set("bornDate", born);
            }
            match person.child("sdtc:deceasedInd").map(|d| d.attr("value")) {
                Some("true") => made.set("deceasedBoolean", true),
                Some("false") => made.set("deceasedBoolean", false),
                _ => {}
            }
        }
        for observation in organizer.children("component").filter_map(|c| c.child("observation")) {
            let Some(code) = observation.child("value").and_then(|v| concept(v, &self.texts)) else {
                continue;
            };
            let mut condition = fhir!({ "code": code });
            if let Some(age) = inner(observation, "2.16.840.1.113883.10.20.22.4.31", "445518008")
                .and_then(|o| o.child("value"))
                .and_then(quantity)
            {
                condition.set("onsetAge", age);
            } else if let Some(time) = self.zone.start(observation.child("effectiveTime")) {
                condition.set("onsetString", time);
            }
            if inner(observation, "2.16.840.1.113883.10.20.22.4.47", "").is_some() {
                condition.set("contributedToDeath", true);
            }
            made.push("condition", condition);
        }
        Some(self.add(&self.role("family"), made))
    }

    fn procedure(&mut self, entry: &Element) -> Option<String> {
        let mut made = self.begun("Procedure", entry);
        let status = match (negated(entry), entry.child("statusCode").map_or("", |s| s.attr("code"))) {
            (true, _) => "not-done",
            (_, "active") => "in-progress",
            (_, "aborted") => "stopped",
            (_, "cancelled") => "not-done",
            _ => "completed",
        };
        made.set("status", status);
        made.set("code", self.code_of(entry)?);
        made.set("subject", self.subject());
        self.zone.when(&mut made, "performed", entry.child("effectiveTime"));
        for performer in entry.children("performer").filter_map(|p| p.child("assignedEntity")) {
            if let Some(who) = self.assigned(performer) {
                made.push("performer", fhir!({ "actor": who }));
            }
        }
        let (author, _) = self.authored(entry);
        if let Some(author) = author.filter(|a| a.str_of("type") == "Practitioner") {
            made.set("recorder", author);
        }
        for participant in entry.children("participant").filter(|p| p.attr("typeCode") == "LOC") {
            if let Some(place) = participant.child("participantRole").and_then(|r| self.place(r)) {
                made.set("location", place);
            }
        }
        for device in entry.children("participant").filter(|p| p.attr("typeCode") == "DEV") {
            self.device(device);
        }
        for reason in indications(entry) {
            if let Some(code) = reason.child("value").and_then(|v| concept(v, &self.texts)) {
                made.push("reasonCode", code);
            }
        }
        for site in entry.children("targetSiteCode").filter_map(|c| concept(c, &self.texts)) {
            made.push("bodySite", site);
        }
        self.notes(entry, &mut made);
        Some(self.add(&self.role("procedure"), made))
    }

    /// An implant or a piece of equipment that took part.
    pub(super) fn device(&mut self, participant: &Element) {
        let Some(role) = participant.child("participantRole") else { return };
        let mut made = fhir!({ "resourceType": "Device" });
        identifiers(role, &mut made);
        if let Some(kind) = role.at(&["playingDevice", "code"]).and_then(|c| concept(c, &self.texts)) {
            made.set("type", kind);
        }
        if let Some(model) =
            role.at(&["playingDevice", "manufacturerModelName"]).map(Element::text).filter(|t| !t.is_empty())
        {
            made.set("modelNumber", model);
        }
        if let Some(maker) = role.at(&["scopingEntity", "desc"]).map(Element::text).filter(|t| !t.is_empty())
        {
            made.set("manufacturer", maker);
        }
        made.set("patient", self.subject());
        self.shared(made, "");
    }

    fn request(&mut self, entry: &Element) -> Option<String> {
        let mut made = self.begun("ServiceRequest", entry);
        made.set("status", "active");
        let intent = match entry.attr("moodCode") {
            "RQO" => "order",
            "PRP" => "proposal",
            _ => "plan",
        };
        made.set("intent", intent);
        made.set("code", self.code_of(entry)?);
        made.set("subject", self.subject());
        self.zone.when(&mut made, "occurrence", entry.child("effectiveTime"));
        match entry.child("priorityCode").map_or("", |c| c.attr("code")) {
            "R" => made.set("priority", "routine"),
            "UR" => made.set("priority", "urgent"),
            "A" => made.set("priority", "asap"),
            "EM" | "S" => made.set("priority", "stat"),
            _ => {}
        }
        let (author, when) = self.authored(entry);
        if let Some(when) = when {
            made.set("authoredOn", when);
        }
        if let Some(author) = author {
            made.set("requester", author);
        }
        self.notes(entry, &mut made);
        Some(self.add(&self.role("request"), made))
    }

    fn goal(&mut self, observation: &Element) -> Option<String> {
        let mut made = self.begun("Goal", observation);
        made.set("lifecycleStatus", "active");
        made.set("description", self.code_of(observation)?);
        made.set("subject", self.subject());
        if let Some(start) = self.zone.start(observation.child("effectiveTime")) {
            made.set("startDate", start.get(..10).unwrap_or(&start).to_owned());
        }
        Some(self.add(&self.role("goal"), made))
    }

    fn encounter(&mut self, entry: &Element, planned: bool) -> Vec<String> {
        let mut made = self.begun("Encounter", entry);
        made.set("status", if planned { "planned" } else { "finished" });
        made.set(
            "class",
            fhir!({ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB" }),
        );
        if let Some(code) = entry.child("code").and_then(|c| concept(c, &self.texts)) {
            for coding in code["coding"].items().iter().filter(|c| c.str_of("system").ends_with("v3-ActCode"))
            {
                made.set("class", coding.clone());
            }
            made.push("type", code);
        }
        made.set("subject", self.subject());
        for performer in entry.children("performer").filter_map(|p| p.child("assignedEntity")) {
            if let Some(who) = self.assigned(performer).filter(|w| w.str_of("type") == "Practitioner") {
                made.push("participant", fhir!({ "individual": who }));
            }
        }
        if let Some(period) = self.zone.period(entry.child("effectiveTime")) {
            made.set("period", period);
        }
        let mut urls = Vec::new();
        for act in related(entry, "act").filter(|a| a.has_template("2.16.840.1.113883.10.20.22.4.80")) {
            for diagnosis in related(act, "observation") {
                if let Some(url) = self.condition(diagnosis, "", About::Other) {
                    made.push("diagnosis", fhir!({ "condition": { "reference": url } }));
                }
            }
        }
        for reason in indications(entry) {
            if let Some(code) = reason.child("value").and_then(|v| concept(v, &self.texts)) {
                made.push("reasonCode", code);
            }
        }
        for participant in entry.children("participant").filter(|p| p.attr("typeCode") == "LOC") {
            if let Some(place) = participant.child("participantRole").and_then(|r| self.place(r)) {
                made.push("location", fhir!({ "location": place }));
            }
        }
        if let Some(went) = entry.child("sdtc:dischargeDispositionCode").and_then(|c| concept(c, &self.texts))
        {
            made.set("hospitalization", fhir!({ "dischargeDisposition": went }));
        }
        urls.push(self.add(&self.role("encounter"), made));
        urls
    }
}

/// Templates of what an observation says of another: status, severity, age, reaction, reason, priority, criticality.
const REMARKS: [&str; 9] = [
    "2.16.840.1.113883.10.20.22.4.5",
    "2.16.840.1.113883.10.20.22.4.6",
    "2.16.840.1.113883.10.20.22.4.8",
    "2.16.840.1.113883.10.20.22.4.9",
    "2.16.840.1.113883.10.20.22.4.19",
    "2.16.840.1.113883.10.20.22.4.28",
    "2.16.840.1.113883.10.20.22.4.31",
    "2.16.840.1.113883.10.20.22.4.143",
    "2.16.840.1.113883.10.20.22.4.145",
];

fn is_remark(observation: &Element) -> bool {
    let code = observation.child("code").map_or("", |c| c.attr("code"));
    REMARKS.iter().any(|t| observation.has_template(t))
        || matches!(code, "33999-4" | "SEV" | "" | "ASSERTION")
}

fn is_allergy(observation: &Element, about: About) -> bool {
    let consumes = observation.children("participant").any(|p| p.attr("typeCode") == "CSM");
    observation.has_template("2.16.840.1.113883.10.20.22.4.7")
        || observation.has_template("2.16.840.1.113883.10.20.24.3.90")
        || (about == About::Allergies && (consumes || observation.child("value").is_some()))
}

fn is_problem(observation: &Element) -> bool {
    observation.has_template("2.16.840.1.113883.10.20.22.4.4")
}

/// Category and type by the SNOMED CT code of the kind of allergy (value set of C-CDA).
fn allergy_kind(code: &str) -> (Option<&'static str>, Option<&'static str>) {
    match code {
        "416098002" => (Some("medication"), Some("allergy")),
        "59037007" => (Some("medication"), Some("intolerance")),
        "419511003" => (Some("medication"), None),
        "414285001" => (Some("food"), Some("allergy")),
        "235719002" => (Some("food"), Some("intolerance")),
        "418471000" => (Some("food"), None),
        "426232007" => (Some("environment"), Some("allergy")),
        "419199007" => (None, Some("allergy")),
        _ => (None, None),
    }
}
