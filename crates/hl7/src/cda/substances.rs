//! Substances given, prescribed, dispensed and injected: medication and vaccines (CDA R2 section 4.3.6.8; C-CDA Medication and
//! Immunization Activity).

use super::read::Reading;
use super::types::{concept, identifiers, quantity};
use super::xml::Element;
use badiano_fhir::{Value, fhir};

/// Template of C-CDA's Immunization Activity.
const IMMUNIZATION: &str = "2.16.840.1.113883.10.20.22.4.52";

impl Reading<'_> {
    pub(super) fn substance(&mut self, entry: &Element, of_vaccines: bool, planned: bool) -> Option<String> {
        if entry.has_template(IMMUNIZATION) || of_vaccines {
            return self.immunization(entry);
        }
        let material = entry.at(&["consumable", "manufacturedProduct", "manufacturedMaterial"]);
        let what = material.and_then(|m| self.material(m));
        let what = what.or_else(|| {
            let text = entry.child("text").map(|t| self.texts.of(t)).filter(|t| !t.is_empty())?;
            Some(fhir!({ "text": text }))
        })?;
        let requested = matches!(entry.attr("moodCode"), "RQO" | "PRP" | "PRMS" | "ARQ")
            || (planned && entry.has_template("2.16.840.1.113883.10.20.22.4.42"));
        let kind = if requested { "MedicationRequest" } else { "MedicationStatement" };
        let mut made = fhir!({ "resourceType": kind });
        identifiers(entry, &mut made);
        let end = self.zone.end(entry.children("effectiveTime").find(|t| t.child("high").is_some()));
        let status = entry.child("statusCode").map_or("", |s| s.attr("code"));
        let is_negated = entry.attr("negationInd") == "true";
        made.set(
            "status",
            match (requested, status) {
                _ if is_negated && !requested => "not-taken",
                (_, "aborted") => "stopped",
                (_, "suspended") => "on-hold",
                (true, "completed") | (false, "completed") if end.is_some() => "completed",
                _ => "active",
            },
        );
        if requested {
            made.set("intent", if entry.attr("moodCode") == "RQO" { "order" } else { "plan" });
        }
        made.set("medicationCodeableConcept", what);
        made.set("subject", self.subject());
        let dosage = self.dosage(entry);
        let author = entry.at(&["author", "assignedAuthor"]).and_then(|a| self.assigned(a));
        let when = self.zone.start(entry.at(&["author", "time"]));
        let reasons: Vec<Value> = super::entries::indications(entry)
            .filter_map(|o| o.child("value").and_then(|v| concept(v, &self.texts)))
            .collect();
        if requested {
            if let Some(when) = when {
                made.set("authoredOn", when);
            }
            if let Some(author) = author {
                made.set("requester", author);
            }
        } else {
            if let Some(period) = self.zone.period(entry.child("effectiveTime")) {
                made.set("effectivePeriod", period);
            }
            if let Some(when) = when {
                made.set("dateAsserted", when);
            }
            if let Some(author) = author.filter(|a| a.str_of("type") != "Device") {
                made.set("informationSource", author);
            }
        }
        for reason in reasons {
            made.push("reasonCode", reason);
        }
        if let Some(dosage) = dosage {
            made.push(if requested { "dosageInstruction" } else { "dosage" }, dosage);
        }
        let url = self.add(&format!("medication-{}", self.resources.len()), made);
        for supply in entry.children("entryRelationship").filter_map(|r| r.child("supply")) {
            let planned = supply.attr("moodCode") != "EVN";
            self.supplied(supply, material, planned);
        }
        Some(url)
    }

    /// A medicine or vaccine: its code, or its name.
    fn material(&self, of: &Element) -> Option<Value> {
        let name = of.child("name").map(Element::text).filter(|t| !t.is_empty());
        match (of.child("code").and_then(|c| concept(c, &self.texts)), name) {
            (Some(code), Some(name)) if code["text"].is_null() => Some(code.with("text", name)),
            (Some(code), _) => Some(code),
            (None, Some(name)) => Some(fhir!({ "text": name })),
            (None, None) => None,
        }
    }

    fn dosage(&self, entry: &Element) -> Option<Value> {
        let mut made = Value::object();
        let text = entry.child("text").map(|t| self.texts.of(t)).filter(|t| !t.is_empty());
        if let Some(text) = text {
            made.set("text", text);
        }
        for act in entry.children("entryRelationship").filter_map(|r| r.child("act")) {
            if act.has_template("2.16.840.1.113883.10.20.22.4.20")
                && let Some(told) = act.child("text").map(|t| self.texts.of(t)).filter(|t| !t.is_empty())
            {
                made.set("patientInstruction", told);
            }
        }
        if let Some(timing) = self.timing(entry) {
            made.set("timing", timing);
        }
        if entry.child("precondition").is_some() {
            made.set("asNeededBoolean", true);
        }
        for (from, to) in [("approachSiteCode", "site"), ("routeCode", "route"), ("methodCode", "method")] {
            if let Some(code) = entry.child(from).and_then(|c| concept(c, &self.texts)) {
                made.set(to, code);
            }
        }
        let mut rate = Value::object();
        if let Some((kind, dose)) = entry.child("doseQuantity").and_then(super::types::range) {
            let dose = dose.as_object().map_or(dose.clone(), |_| plain(dose.clone()));
            rate.set(&format!("dose{kind}"), dose);
        }
        if let Some((kind, speed)) = entry.child("rateQuantity").and_then(super::types::range) {
            rate.set(&format!("rate{kind}"), plain(speed));
        }
        if rate.as_object().is_some_and(|o| !o.is_empty()) {
            made.push("doseAndRate", rate);
        }
        made.as_object().is_some_and(|o| !o.is_empty()).then_some(made)
    }

    /// PIVL_TS and EIVL_TS: how often, or at what event of the day.
    fn timing(&self, entry: &Element) -> Option<Value> {
        for time in entry.children("effectiveTime") {
            let kind = time.attr("xsi:type").rsplit(':').next().unwrap_or("");
            if kind == "PIVL_TS"
                && let Some(period) = time.child("period").filter(|p| p.says())
                && let Some(read) = quantity(period)
            {
                let unit = match period.attr("unit") {
                    unit @ ("s" | "min" | "h" | "d" | "wk" | "mo" | "a") => unit,
                    _ => continue,
                };
                return Some(
                    fhir!({ "repeat": { "frequency": 1_i64, "period": (read["value"].clone()), "periodUnit": unit } }),
                );
            }
            let event = time.child("event").map_or("", |e| e.attr("code"));
            if kind == "EIVL_TS"
                && ["HS", "AC", "PC", "ACM", "ACD", "ACV", "PCM", "PCD", "PCV", "C", "CM", "CD", "CV", "WAKE"]
                    .contains(&event)
            {
                return Some(fhir!({ "repeat": { "when": [event] } }));
            }
        }
        None
    }

    fn immunization(&mut self, entry: &Element) -> Option<String> {
        let mut made = fhir!({ "resourceType": "Immunization" });
        identifiers(entry, &mut made);
        let is_refused = entry.attr("negationInd") == "true";
        made.set("status", if is_refused { "not-done" } else { "completed" });
        let refusal = entry
            .children("entryRelationship")
            .filter_map(|r| r.child("observation"))
            .find(|o| o.has_template("2.16.840.1.113883.10.20.22.4.53"));
        if let Some(reason) =
            refusal.filter(|_| is_refused).and_then(|o| o.child("code")).and_then(|c| concept(c, &self.texts))
        {
            made.set("statusReason", reason);
        }
        let product = entry.at(&["consumable", "manufacturedProduct"])?;
        let material = product.child("manufacturedMaterial")?;
        made.set("vaccineCode", self.material(material)?);
        made.set("patient", self.subject());
        match self.zone.start(entry.child("effectiveTime")) {
            Some(time) => made.set("occurrenceDateTime", time),
            None => made.set("_occurrenceDateTime", super::header::absent()),
        }
        if let Some(lot) = material.child("lotNumberText").map(Element::text).filter(|t| !t.is_empty()) {
            made.set("lotNumber", lot);
        }
        if let Some(maker) = product.child("manufacturerOrganization").and_then(|o| self.organization(o)) {
            made.set("manufacturer", maker);
        }
        for (from, to) in [("approachSiteCode", "site"), ("routeCode", "route")] {
            if let Some(code) = entry.child(from).and_then(|c| concept(c, &self.texts)) {
                made.set(to, code);
            }
        }
        if let Some(dose) = entry.child("doseQuantity").and_then(quantity) {
            made.set("doseQuantity", dose);
        }
        for performer in entry.children("performer").filter_map(|p| p.child("assignedEntity")) {
            if let Some(who) = self.assigned(performer).filter(|w| w.str_of("type") != "Device") {
                made.push("performer", fhir!({ "actor": who }));
            }
        }
        Some(self.add(&format!("immunization-{}", self.resources.len()), made))
    }

    pub(super) fn supply(&mut self, entry: &Element, planned: bool) -> Option<String> {
        self.supplied(entry, None, planned)
    }

    /// A supply: what was ordered, or what was handed over, of a medicine.
    fn supplied(&mut self, supply: &Element, around: Option<&Element>, planned: bool) -> Option<String> {
        for device in supply
            .children("participant")
            .filter(|p| p.child("participantRole").is_some_and(|r| r.child("playingDevice").is_some()))
        {
            self.device(device);
        }
        let own = supply.at(&["product", "manufacturedProduct", "manufacturedMaterial"]).or(around)?;
        let what = self.material(own)?;
        let kind = if planned { "MedicationRequest" } else { "MedicationDispense" };
        let mut made = fhir!({ "resourceType": kind });
        identifiers(supply, &mut made);
        made.set(
            "status",
            if supply.child("statusCode").map_or("", |s| s.attr("code")) == "completed" {
                "completed"
            } else if planned {
                "active"
            } else {
                "in-progress"
            },
        );
        if planned {
            made.set("intent", "order");
        }
        made.set("medicationCodeableConcept", what);
        made.set("subject", self.subject());
        let amount = supply.child("quantity").and_then(quantity);
        if planned {
            let mut dispense = Value::object();
            if let Some(amount) = amount {
                dispense.set("quantity", amount);
            }
            let repeats = supply.child("repeatNumber").and_then(|r| r.attr("value").parse::<i64>().ok());
            if let Some(repeats) = repeats.filter(|n| *n >= 0) {
                dispense.set("numberOfRepeatsAllowed", repeats);
            }
            if dispense.as_object().is_some_and(|o| !o.is_empty()) {
                made.set("dispenseRequest", dispense);
            }
            if let Some(author) = supply.at(&["author", "assignedAuthor"]).and_then(|a| self.assigned(a)) {
                made.set("requester", author);
            }
        } else {
            if let Some(amount) = amount {
                made.set("quantity", amount);
            }
            if let Some(time) = self.zone.start(supply.child("effectiveTime")) {
                made.set("whenHandedOver", time);
            }
            for performer in supply.children("performer").filter_map(|p| p.child("assignedEntity")) {
                if let Some(who) = self.assigned(performer) {
                    made.push("performer", fhir!({ "actor": who }));
                }
            }
        }
        Some(self.add(&format!("supply-{}", self.resources.len()), made))
    }
}

/// A dose has no comparator (SimpleQuantity).
fn plain(mut quantity: Value) -> Value {
    quantity.as_object_mut().and_then(|o| o.remove("comparator"));
    quantity
}
