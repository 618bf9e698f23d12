//! Orders: ORC, OBR and what belongs to them to ServiceRequest and Task (HL7 v2.5.1 chapter 4; IHE RAD-2, RAD-4).

use super::{About, Building, full_url};
use crate::message::Segment;
use badiano_fhir::{Value, fhir};

/// The segments of each order: from an ORC, or from an OBR that no ORC leads.
pub(super) fn groups<'m>(segments: &[Segment<'m>]) -> Vec<Vec<Segment<'m>>> {
    let mut groups: Vec<Vec<Segment<'m>>> = Vec::new();
    let mut has_detail = false;
    for segment in segments {
        let begins = match segment.name() {
            "ORC" => true,
            "OBR" => std::mem::replace(&mut has_detail, true) || groups.is_empty(),
            _ => false,
        };
        if begins {
            has_detail = segment.name() == "OBR";
            groups.push(Vec::new());
        }
        if let Some(open) = groups.last_mut() {
            open.push(*segment);
        }
    }
    groups
}

/// The observations of a group, each with the notes behind it, and the rest of the group.
pub(super) fn observations<'m>(group: &[Segment<'m>]) -> (Vec<Segment<'m>>, Vec<Vec<Segment<'m>>>) {
    let (mut rest, mut found): (Vec<Segment<'m>>, Vec<Vec<Segment<'m>>>) = (Vec::new(), Vec::new());
    for (n, segment) in group.iter().enumerate() {
        let follows = segment.name() == "NTE" && n > 0 && matches!(group[n - 1].name(), "OBX" | "NTE");
        match (segment.name(), found.last_mut()) {
            ("OBX", _) => found.push(vec![*segment]),
            ("NTE", Some(open)) if follows => open.push(*segment),
            _ => rest.push(*segment),
        }
    }
    (rest, found)
}

impl<'m> Building<'m> {
    /// Whether orders are what the message is about.
    pub(super) fn makes_orders(&self) -> bool {
        self.row.event == "order" || self.row.event.is_empty()
    }

    /// An order with its Task; one that only accompanies a document or a charge is told aside, without a Task.
    pub(super) fn order(&mut self, role: &str, group: &[Segment<'m>], about: &About) {
        let (group, observed) = observations(group);
        let mut request = fhir!({ "resourceType": "ServiceRequest" });
        self.m.fill("ServiceRequest", &group, &mut request);
        if request["status"].is_null() {
            request.set("status", "active");
        }
        if request["code"].is_null() && !request["orderDetail"].is_null() {
            // Details are kept although what they detail was not said (prr-1 asks for a code beside them).
            let absent = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
            request.set("code", fhir!({ "extension": [{ "url": absent, "valueCode": "unknown" }] }));
        }
        request.set("intent", "order");
        request.set("subject", fhir!({ "reference": (about.person.as_str()) }));
        if !about.visit.is_empty() {
            request.set("encounter", fhir!({ "reference": (about.visit.as_str()) }));
        }
        if request["identifier"].items().is_empty() {
            self.needs_person = Some("an order has no number");
        }
        for (k, segments) in observed.iter().enumerate() {
            if let Some(observation) = self.observation(std::slice::from_ref(segments), about) {
                let url = self.add(&format!("order-observation-{role}-{k}"), observation);
                request.push("supportingInfo", fhir!({ "reference": url }));
            }
        }
        for (kind, url) in self.made_in(&group) {
            match kind.as_str() {
                "Specimen" => request.push("specimen", fhir!({ "reference": url })),
                "Condition" => request.push("reasonReference", fhir!({ "reference": url })),
                _ => {}
            }
        }
        if !self.makes_orders() {
            let url = full_url(&self.m, &format!("order-{role}"));
            self.m.tables.call(&mut request);
            self.aside.push((url, request));
            return;
        }
        let order = self.add(&format!("order-{role}"), request);
        let steps: Vec<Segment<'m>> = group.iter().filter(|s| s.name() == "IPC").copied().collect();
        let shared: Vec<Segment<'m>> = group.iter().filter(|s| s.name() != "IPC").copied().collect();
        for k in 0..steps.len().max(1) {
            let own: Vec<Segment<'m>> = shared.iter().chain(steps.get(k)).copied().collect();
            let task = self.task(&own, &order, about);
            self.add(&format!("task-{role}-{k}"), task);
        }
    }

    fn task(&mut self, segments: &[Segment<'m>], order: &str, about: &About) -> Value {
        let mut task = fhir!({ "resourceType": "Task" });
        self.m.fill("Task", segments, &mut task);
        if task["status"].is_null() {
            task.set("status", "requested");
        }
        task.set("intent", "order");
        let system = "http://hl7.org/fhir/CodeSystem/task-code";
        task.set("code", fhir!({ "coding": [{ "system": system, "code": "fulfill" }] }));
        task.set("focus", fhir!({ "reference": order }));
        task.set("for", fhir!({ "reference": (about.person.as_str()) }));
        if !about.visit.is_empty() {
            task.set("encounter", fhir!({ "reference": (about.visit.as_str()) }));
        }
        task
    }
}
