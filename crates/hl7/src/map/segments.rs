//! Resources that one segment, or one order group, becomes by the rules of the tables (after the HL7 v2-to-FHIR message maps).

use super::order::{groups, observations};
use super::rule::Rule;
use super::{About, Building, name_of};
use crate::message::{Part, Segment};
use badiano_fhir::{Value, fhir};

/// The system of numbers that a resource is known by where its segment has none: made of what it says.
pub(super) const DERIVED: &str = "urn:badiano:derived";

impl<'m> Building<'m> {
    /// What single segments become, in their order.
    pub(super) fn segments(&mut self, number: usize, segments: &[Segment<'m>], about: &About) {
        let tables = self.m.tables;
        for (n, segment) in segments.iter().enumerate() {
            let same = segments[..n].iter().filter(|s| s.name() == segment.name()).count();
            let role = format!("{number}-{same}");
            self.positions.insert(segment.position(), role.clone());
            let name = segment.name();
            for rule in tables.rules().iter().filter(|r| !r.order && r.leader == name) {
                if self.holds(rule) && !in_group_with(rule, segments, n) {
                    let own = members(rule, &segments[n..]);
                    self.rule(rule, &role, &own, about);
                }
            }
        }
        let documents = segments.iter().position(|s| s.name() == "TXA").unwrap_or(segments.len());
        let groups =
            segments.iter().position(|s| matches!(s.name(), "ORC" | "OBR" | "SPM")).unwrap_or(documents);
        let (_, loose) = observations(&segments[..groups.min(documents)]);
        if about.person.is_empty() {
            return;
        }
        for (n, line) in loose.iter().enumerate() {
            if let Some(observation) = self.observation(std::slice::from_ref(line), about) {
                self.add(&format!("observation-{number}-{n}"), observation);
            }
        }
    }

    /// What order groups become: a medication, a report, an order. Returns whether there was one.
    pub(super) fn groups(&mut self, number: usize, segments: &[Segment<'m>], about: &About) -> bool {
        let documents = segments.iter().position(|s| s.name() == "TXA").unwrap_or(segments.len());
        let groups = groups(&segments[..documents]);
        for (n, group) in groups.iter().enumerate() {
            let role = format!("{number}-{n}");
            let is_result = self.is_result(group);
            let told = if is_result { ("OBR", 25) } else { ("ORC", 1) };
            let segment = group.iter().find(|s| s.name() == told.0);
            self.told.push(segment.map_or(String::new(), |s| s.field(told.1).text().trim().to_owned()));
            if about.person.is_empty() || self.medication(&role, group, about) {
                continue;
            }
            if is_result {
                self.report(&role, group, about);
            } else if self.makes_orders() || self.m.naming.whole {
                self.order(&role, group, about);
            }
        }
        !groups.is_empty()
    }

    fn is_result(&self, group: &[Segment<'m>]) -> bool {
        let says =
            |name: &str, field: usize| group.iter().any(|s| s.name() == name && !s.field(field).is_empty());
        match self.row.event.as_str() {
            "result" => true,
            "" | "query" | "update" | "admit" => says("OBR", 25) && says("OBX", 3),
            _ => false,
        }
    }

    /// Whether the group is of a medication; it is built by the first rule that holds.
    fn medication(&mut self, role: &str, group: &[Segment<'m>], about: &About) -> bool {
        let tables = self.m.tables;
        let leads = |r: &&Rule| r.order && group.iter().any(|s| s.name() == r.leader) && self.holds(r);
        let Some(rule) = tables.rules().iter().find(leads) else { return false };
        let (own, observed) = observations(group);
        let url = self.rule(rule, role, &own, about);
        for (k, line) in observed.iter().enumerate() {
            if let Some(mut observation) = self.observation(std::slice::from_ref(line), about) {
                if let Some(url) = url.as_ref().filter(|_| rule.resource != "MedicationRequest") {
                    observation.push("partOf", fhir!({ "reference": (url.as_str()) }));
                }
                self.add(&format!("medication-observation-{role}-{k}"), observation);
            }
        }
        true
    }

    fn holds(&self, rule: &Rule) -> bool {
        if rule.aside && !self.m.naming.whole {
            return false;
        }
        let kind = self.m.message.get("MSH-9.1");
        rule.kinds.is_empty() || rule.kinds.iter().any(|k| *k == *kind)
    }

    /// Builds what a rule says; its full URL where it became a resource.
    fn rule(&mut self, rule: &Rule, role: &str, own: &[Segment<'m>], about: &About) -> Option<String> {
        if let Some((kind, path)) = &rule.into {
            self.part_of(rule, kind, path, own);
            return None;
        }
        let mut made = fhir!({ "resourceType": (rule.resource.as_str()) });
        self.m.fill(&rule.block, own, &mut made);
        if !rule.needs.is_empty() && rule.needs.iter().all(|n| made[n.as_str()].is_null()) {
            return None;
        }
        if let Some(path) = &rule.subject {
            let optional = matches!(rule.resource.as_str(), "DocumentReference" | "Account" | "Specimen");
            match (about.person.is_empty(), optional) {
                (false, _) => refer(&mut made, path, &about.person, ""),
                (true, true) => {}
                (true, false) => return None,
            }
        }
        if let Some(path) = rule.encounter.as_ref().filter(|_| !about.visit.is_empty()) {
            refer(&mut made, path, &about.visit, "");
        }
        if rule.document {
            self.content(own, &mut made);
            if !about.visit.is_empty() {
                let context = made["context"].clone();
                let visit = fhir!({ "reference": (about.visit.as_str()) });
                made.set("context", context.with("encounter", Value::Array(vec![visit])));
            }
        }
        if rule.participant {
            finish_appointment(&mut made, about);
        }
        if let Some((path, kind)) = &rule.refer {
            self.refer_newest(&mut made, path, kind);
        }
        self.derive_identifier(rule, own, about, &mut made);
        let role = format!("{}-{role}", rule.block);
        if rule.aside {
            let url = super::full_url(&self.m, &role);
            self.m.tables.call(&mut made);
            self.aside.push((url.clone(), made));
            return Some(url);
        }
        Some(self.add(&role, made))
    }

    /// An item of a list of the newest resource of a type, or more elements of that resource itself.
    fn part_of(&mut self, rule: &Rule, kind: &str, path: &str, own: &[Segment<'m>]) {
        let newest = |all: &[(String, Value)]| all.iter().rposition(|(_, r)| r.resource_type() == kind);
        let (among_clinical, at) = match (newest(&self.resources), newest(&self.aside)) {
            (Some(at), _) => (true, at),
            (None, Some(at)) => (false, at),
            (None, None) => return,
        };
        let holder = if among_clinical { &mut self.resources[at] } else { &mut self.aside[at] };
        let mut whole = std::mem::replace(&mut holder.1, Value::Null);
        if path.is_empty() {
            self.m.fill(&rule.block, own, &mut whole);
            if kind == "Appointment" {
                finish_times(&mut whole);
            }
            if let Some((path, kind)) = &rule.refer {
                self.refer_newest(&mut whole, path, kind);
            }
        } else {
            let mut item = Value::object();
            self.m.fill(&rule.block, own, &mut item);
            if let Some((path, kind)) = &rule.refer {
                self.refer_newest(&mut item, path, kind);
            }
            if rule.needs.is_empty() || rule.needs.iter().any(|n| !item[n.as_str()].is_null()) {
                whole.push(path, item);
            }
        }
        let holder = if among_clinical { &mut self.resources[at] } else { &mut self.aside[at] };
        holder.1 = whole;
    }

    fn refer_newest(&self, made: &mut Value, path: &str, kind: &str) {
        let mut all = self.resources.iter().chain(&self.aside);
        let Some((url, found)) = all.rfind(|(_, r)| r.resource_type() == kind) else { return };
        let code = &found["code"];
        let said = [
            code.str_of("text"),
            code["coding"].at(0).str_of("display"),
            code["coding"].at(0).str_of("code"),
        ];
        let shown = said.into_iter().find(|t| !t.is_empty()).unwrap_or("").to_owned();
        let url = url.clone();
        refer(made, path, &url, &shown);
    }

    /// Resources that rules made of the segments of a group: type and full URL.
    pub(super) fn made_in(&self, group: &[Segment<'m>]) -> Vec<(String, String)> {
        let tables = self.m.tables;
        let mut found = Vec::new();
        for segment in group {
            for rule in tables.rules().iter().filter(|r| r.leader == segment.name() && r.into.is_none()) {
                let suffix = self.positions.get(&segment.position());
                let Some(role) = suffix.map(|s| format!("{}-{s}", rule.block)) else { continue };
                let url = super::full_url(&self.m, &role);
                if self.resources.iter().any(|(known, _)| *known == url) {
                    found.push((rule.resource.clone(), url));
                }
            }
        }
        found
    }

    /// A number made of the patient's and of what the segment says, so that the same thing told twice is one resource.
    fn derive_identifier(&self, rule: &Rule, own: &[Segment<'m>], about: &About, made: &mut Value) {
        let numbered = made["identifier"].items().iter().any(|i| !i.str_of("system").is_empty());
        if rule.key.is_empty() || (numbered && !rule.shared) {
            return;
        }
        let person = self.resources.iter().find(|(url, _)| *url == about.person);
        let person = person.map(|(_, p)| &p["identifier"][0]);
        let Some(person) = person.filter(|i| !i.str_of("value").is_empty()) else { return };
        let mut said =
            vec![rule.block.clone(), person.str_of("system").to_owned(), person.str_of("value").to_owned()];
        let mut any = false;
        for place in &rule.key {
            let segment = own.iter().find(|s| s.raw_name() == place.segment);
            let text = segment.map_or(String::new(), |s| said_in(s.field(place.field)));
            any |= !text.is_empty();
            said.push(text);
        }
        if any {
            let parts: Vec<&str> = said.iter().map(String::as_str).collect();
            let mut all = vec![fhir!({ "system": DERIVED, "value": (name_of(&parts)) })];
            all.extend(made["identifier"].items().iter().cloned());
            made.set("identifier", Value::Array(all));
        }
    }
}

/// What a field says of which thing it means: its code, else its words; of a time without the offset, which not all senders write.
fn said_in(field: Part<'_>) -> String {
    let parts = [1, 2].map(|n| field.component(n).subcomponent(1).text().trim().to_uppercase());
    let text = parts.into_iter().find(|t| !t.is_empty()).unwrap_or_default();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    match text[digits..].starts_with(['+', '-']) && digits >= 8 {
        true => text[..digits].to_owned(),
        false => text,
    }
}

/// The leader and the segments behind it that belong to it.
fn members<'m>(rule: &Rule, segments: &[Segment<'m>]) -> Vec<Segment<'m>> {
    let belongs = |s: &&Segment<'m>| rule.with.iter().any(|w| w == s.name());
    segments.iter().take(1).chain(segments.iter().skip(1).take_while(belongs)).copied().collect()
}

/// Whether the order group around a segment has another segment that tells the same better.
fn in_group_with(rule: &Rule, segments: &[Segment<'_>], at: usize) -> bool {
    let Some(other) = &rule.unless_group else { return false };
    let behind = segments[at + 1..].iter().take_while(|s| !matches!(s.name(), "ORC" | "OBR"));
    let before = segments[..at].iter().rev().take_while(|s| s.name() != "OBR");
    behind.chain(before).any(|s| s.name() == other)
}

/// A reference at an element; a list where its name ends in `[]`.
fn refer(made: &mut Value, path: &str, url: &str, shown: &str) {
    let reference = fhir!({ "reference": url });
    let reference = if shown.is_empty() { reference } else { reference.with("display", shown) };
    match path.strip_suffix("[]") {
        Some(list) => made.push(list, reference),
        None => made.set(path, reference),
    }
}

fn finish_appointment(made: &mut Value, about: &About) {
    if !about.person.is_empty() {
        made.push(
            "participant",
            fhir!({ "actor": { "reference": (about.person.as_str()) }, "status": "accepted" }),
        );
    }
    if made["participant"].is_null() {
        // Somebody takes part, whom the message does not name (Appointment.participant is 1..*).
        made.push("participant", fhir!({ "type": [{ "text": "?" }], "status": "needs-action" }));
    }
    finish_times(made);
}

/// Both times or none are said of an appointment (app-2, app-3): the one that is not known says so.
fn finish_times(made: &mut Value) {
    let absent = || {
        let url = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
        fhir!({ "extension": [{ "url": url, "valueCode": "unknown" }] })
    };
    for (key, shadow) in [("start", "_start"), ("end", "_end")] {
        match (made[key].is_null(), made[shadow].is_null()) {
            (true, true) => made.set(shadow, absent()),
            (false, false) => drop(made.as_object_mut().and_then(|o| o.remove(shadow))),
            _ => {}
        }
    }
}
