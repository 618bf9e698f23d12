//! Which resources become which segments, in the order that receivers and our own reading expect (HL7 v2.5.1 chapters 3 to 10).

use super::draft::{Draft, same};
use super::writing::{date, esc};
use super::{Source, Stamp};
use crate::map::rule::Rule;
use badiano_fhir::Value;

/// The kind of message in which a resource is usually sent; the first that is there decides.
const USUAL_KINDS: &[(&str, &str)] = &[
    ("DiagnosticReport", "ORU^R01^ORU_R01"),
    ("Appointment", "SIU^S12^SIU_S12"),
    ("Immunization", "VXU^V04^VXU_V04"),
    ("MedicationDispense", "RDS^O13^RDS_O13"),
    ("MedicationAdministration", "RAS^O17^RAS_O17"),
    ("MedicationRequest", "RDE^O11^RDE_O11"),
    ("DocumentReference", "MDM^T02^MDM_T02"),
    ("ServiceRequest", "ORM^O01^ORM_O01"),
    ("Observation", "ORU^R01^ORU_R01"),
];

/// Types that stand in what others say, or tell of the message itself.
const NAMED_ONLY: [&str; 8] = [
    "MessageHeader",
    "Provenance",
    "Patient",
    "Encounter",
    "Practitioner",
    "Organization",
    "Location",
    "Device",
];

/// Types that a segment of their own says only where nothing else names them.
const NAMED_BY_OTHERS: [&str; 5] = ["PractitionerRole", "Device", "Location", "Organization", "Practitioner"];

/// Segments gathered, with the resources that they say.
pub(super) struct Gathered<'s> {
    pub drafts: Vec<Draft>,
    pub said: Vec<&'s str>,
}

impl<'s> Source<'s> {
    /// MSH: of the MessageHeader, else of the stamp.
    pub(super) fn header_of(&self, bundle: &Value, kind: Option<&str>, stamp: Stamp<'_>) -> Draft {
        let usual = || {
            let found = USUAL_KINDS.iter().find(|(of, _)| self.of_type(of).next().is_some());
            let status = self.of_type("Encounter").next().map_or("", |(_, e)| e.str_of("status"));
            found.map_or(
                match status {
                    "finished" => "ADT^A03^ADT_A03",
                    "in-progress" | "arrived" => "ADT^A01^ADT_A01",
                    "planned" => "ADT^A05^ADT_A05",
                    "cancelled" => "ADT^A11^ADT_A09",
                    _ => "ADT^A08^ADT_A01",
                },
                |(_, kind)| kind,
            )
        };
        let mut header = Draft::new("MSH");
        header.fields.insert(2, vec![vec!["^~\\&".to_owned()]]);
        let mut drafts = vec![header];
        let own = self.of_type("MessageHeader").next().map(|(_, h)| h);
        if let Some(own) = own {
            self.fill_back("MessageHeader", own, &mut drafts);
        }
        let mut header = drafts.swap_remove(0);
        let mut set = |number: usize, text: &str| {
            if !text.is_empty() && !header.fields.contains_key(&number) {
                header.fields.insert(number, vec![text.split('^').map(esc).collect()]);
            }
        };
        if own.is_none() {
            set(3, stamp.sender.0);
            set(4, stamp.sender.1);
        }
        let time = date(bundle.str_of("timestamp"));
        set(7, if time.is_empty() { stamp.now } else { &time });
        let number = bundle["identifier"].str_of("value");
        set(10, if number.is_empty() { stamp.control_id } else { number });
        set(11, "P");
        set(12, "2.5.1");
        set(18, "UNICODE UTF-8");
        match kind {
            Some(kind) => drop(header.fields.insert(9, vec![kind.split('^').map(esc).collect()])),
            None if !header.fields.contains_key(&9) => {
                header.fields.insert(9, vec![usual().split('^').map(esc).collect()]);
            }
            None => {}
        }
        header
    }

    pub(super) fn code(&self) -> &str {
        self.header.fields.get(&9).and_then(|r| r.first()).and_then(|c| c.first()).map_or("", String::as_str)
    }

    /// The whole message, and types that no segment says.
    pub(super) fn assemble(&mut self) -> (Vec<Draft>, Vec<(String, usize)>) {
        let patient = self.of_type("Patient").find(|(_, p)| p["active"].as_bool() != Some(false));
        let patient = patient.or_else(|| self.of_type("Patient").next());
        self.person = patient.map_or(String::new(), |(url, _)| url.to_owned());
        let mut all = Gathered { drafts: vec![self.header.clone()], said: Vec::new() };
        self.software(&mut all);
        if let Some((_, event)) = self.of_type("Provenance").next() {
            let mut drafts = vec![Draft::new("EVN")];
            self.fill_back("Provenance", event, &mut drafts);
            if let Some(code) = self.header.fields.get(&9).and_then(|r| r.first()).and_then(|c| c.get(1)) {
                drafts[0].fields.insert(1, vec![vec![code.clone()]]);
            }
            all.drafts.extend(drafts);
        } else if self.code() == "ADT" {
            let when =
                self.header.fields.get(&7).and_then(|r| r.first()).map_or(String::new(), |c| c.join("^"));
            all.drafts.push(Draft::new("EVN").with(2, &when));
        }
        self.appointments(&mut all);
        if let Some((_, patient)) = patient {
            self.patient(patient, &mut all);
        }
        self.appointment_parts(&mut all);
        self.before_groups(&mut all);
        self.loose_observations(&mut all);
        self.single(&mut all);
        self.groups(&mut all);
        self.documents(&mut all);
        let left_out = self.left_out(&all);
        number_sets(&mut all.drafts);
        (all.drafts, left_out)
    }

    /// SFT: of the programs that sent the message, else of the header's source.
    fn software(&self, all: &mut Gathered<'s>) {
        for (url, device) in self.of_type("Device") {
            let mut drafts = vec![Draft::new("SFT")];
            self.fill_back("Software", device, &mut drafts);
            if same(&self.reread("Software", &drafts), &without_type(device)) {
                all.drafts.extend(drafts);
                all.said.push(url);
            }
            let application = self.reread("Application", std::slice::from_ref(&self.header));
            if same(&application, &without_type(device)) {
                all.said.push(url);
            }
        }
        let Some((_, header)) = self.of_type("MessageHeader").next() else { return };
        if !all.drafts.iter().any(|d| d.name == "SFT") {
            let mut drafts = vec![self.header.clone()];
            self.fill_back("MessageHeader", header, &mut drafts);
            all.drafts.extend(drafts.into_iter().filter(|d| d.name == "SFT"));
        }
    }

    fn patient(&self, patient: &'s Value, all: &mut Gathered<'s>) {
        let mut drafts = vec![Draft::new("PID")];
        self.fill_back("Patient", patient, &mut drafts);
        // What rows of other segments say of the patient is said with the segments' own resources.
        drafts.retain(|d| !matches!(d.name.as_str(), "PV1" | "IN2"));
        self.others_of_pid(&mut drafts, all);
        all.drafts.extend(drafts);
        let ended = self.of_type("Patient").filter(|(_, p)| !std::ptr::eq(*p, patient));
        if self.reread_event() == "merge" {
            for (url, ended) in ended {
                let mut drafts = vec![Draft::new("MRG")];
                self.fill_back("Merged", ended, &mut drafts);
                all.drafts.extend(drafts);
                all.said.push(url);
            }
        }
        let Some((_, visit)) = self.of_type("Encounter").next() else { return };
        let mut drafts = vec![Draft::new("PV1")];
        self.fill_back("Encounter", visit, &mut drafts);
        if drafts[0].fields.is_empty() {
            drafts[0].fields.insert(2, vec![vec!["O".to_owned()]]);
        }
        let again = self.reread("Encounter", &drafts);
        for (url, episode) in self.of_type("EpisodeOfCare").take(1) {
            self.fill_back("EpisodeOfCare", episode, &mut drafts);
            all.said.push(url);
        }
        all.drafts.extend(drafts);
        for person in visit["participant"].items() {
            if !again["participant"].items().iter().any(|known| same(known, person)) {
                let mut drafts = vec![Draft::new("ROL")];
                self.fill_back("Participant", person, &mut drafts);
                all.drafts.extend(drafts);
            }
        }
    }

    /// The mother and the account whose numbers stand in PID.
    fn others_of_pid(&self, drafts: &mut Vec<Draft>, all: &mut Gathered<'s>) {
        for (url, person) in self.of_type("RelatedPerson") {
            let mut trial = drafts.clone();
            self.fill_back("Mother", person, &mut trial);
            let own = without_type(person);
            if same(&self.reread("Mother", &trial), &own) && trial.len() == drafts.len() {
                *drafts = trial;
                all.said.push(url);
            }
        }
        let told = self.reread("Account", drafts);
        for (url, account) in self.of_type("Account") {
            if same(&told["identifier"], &account["identifier"]) {
                all.said.push(url);
            }
        }
    }

    fn reread_event(&self) -> &str {
        let parts = self.header.fields.get(&9).and_then(|r| r.first());
        let kind: Vec<&str> = parts.into_iter().flatten().take(2).map(String::as_str).collect();
        self.tables.message(&kind.join("^")).map_or("", |row| row.event.as_str())
    }

    /// Resources that one segment says: relatives, allergies, conditions, procedures, coverage, charges.
    fn single(&self, all: &mut Gathered<'s>) {
        let in_groups = self.in_groups();
        for (url, resource) in &self.entries {
            let named = NAMED_BY_OTHERS.contains(&resource.resource_type()) && self.is_named(url);
            if in_groups.contains(url) || all.said.contains(url) || self.is_insured(url) || named {
                continue;
            }
            if let Some(drafts) = self.best_single(url, resource) {
                all.drafts.extend(drafts);
                all.said.push(url);
            }
        }
    }

    /// Whether another resource names it: then it is said where that one is.
    fn is_named(&self, url: &str) -> bool {
        self.entries.iter().any(|(_, resource)| points_to(resource, url))
    }

    fn is_insured(&self, url: &str) -> bool {
        self.of_type("Coverage").any(|(_, c)| c["subscriber"].str_of("reference") == url)
    }

    /// The segments of the rule that gives most of a resource back.
    pub(super) fn best_single(&self, url: &str, resource: &'s Value) -> Option<Vec<Draft>> {
        let fits = |r: &&Rule| {
            !r.order
                && r.into.is_none()
                && !r.document
                && !r.participant
                && r.resource == resource.resource_type()
                && !["MSH", "EVN", "PID", "OBR", "SPM"].contains(&r.leader.as_str())
        };
        let mut best: Option<(usize, &Rule, Vec<Draft>)> = None;
        for rule in self.tables.rules().iter().filter(fits) {
            let mut drafts = vec![Draft::new(&rule.leader)];
            self.fill_back(&rule.block, resource, &mut drafts);
            let kept = shared_leaves(&self.reread(&rule.block, &drafts), resource);
            if best.as_ref().is_none_or(|(most, _, _)| kept > *most) {
                best = Some((kept, rule, drafts));
            }
        }
        let (_, rule, mut drafts) = best?;
        drafts.retain(|d| d.name == rule.leader || rule.with.contains(&d.name));
        self.with_parts(url, rule, &mut drafts);
        (!drafts[0].fields.is_empty()).then_some(drafts)
    }

    /// What the same segment says of the patient or the visit: NK1 of a contact, DG1 of the visit's diagnosis.
    fn with_parts(&self, url: &str, rule: &Rule, drafts: &mut Vec<Draft>) {
        for part in self.tables.rules().iter().filter(|r| r.leader == rule.leader) {
            let Some((kind, path)) = &part.into else { continue };
            let own = self.reread(&part.block, drafts);
            let holder = self.of_type(kind).next().map(|(_, r)| r);
            let item =
                holder.into_iter().flat_map(|h| h[path.as_str()].items()).find(|item| match &part.refer {
                    Some((element, _)) => item[element.as_str()].str_of("reference") == url,
                    None => same(&item["name"], &own["name"]) && shared_leaves(item, &own) > 0,
                });
            if let Some(item) = item {
                self.fill_back(&part.block, item, drafts);
            }
        }
    }

    /// What has a segment of its own although its type is one that groups say: an accident, a referral, a service that is scheduled.
    fn before_groups(&self, all: &mut Gathered<'s>) {
        for (kind, leader, block) in
            [("Observation", "ACC", "Accident"), ("ServiceRequest", "RF1", "Referral")]
        {
            for (url, resource) in self.of_type(kind) {
                let mut drafts = vec![Draft::new(leader)];
                self.fill_back(block, resource, &mut drafts);
                let mut own = without_type(resource);
                own.as_object_mut().map(|o| o.remove("encounter"));
                let is_referral = block != "Referral" || !resource["identifier"].is_null();
                if is_referral && same(&self.reread(block, &drafts), &own) {
                    all.drafts.extend(drafts);
                    all.said.push(url);
                }
            }
        }
        let services = self.of_type("Appointment").flat_map(|(_, a)| a["serviceType"].items());
        let services: Vec<&Value> = services.collect();
        for (url, request) in self.of_type("ServiceRequest") {
            let is_scheduled = services.iter().any(|s| same(s, &request["code"]));
            if is_scheduled && request["identifier"].is_null() {
                all.said.push(url);
            }
        }
    }

    fn appointments(&self, all: &mut Gathered<'s>) {
        let Some((url, appointment)) = self.of_type("Appointment").next() else { return };
        let mut drafts = vec![Draft::new("SCH")];
        self.fill_back("Appointment", appointment, &mut drafts);
        drafts.retain(|d| ["SCH", "TQ1", "NTE"].contains(&d.name.as_str()));
        all.drafts.extend(drafts);
        all.said.push(url);
    }

    fn appointment_parts(&self, all: &mut Gathered<'s>) {
        let Some((_, appointment)) = self.of_type("Appointment").next() else { return };
        let head: Vec<Draft> =
            all.drafts.iter().filter(|d| ["SCH", "TQ1", "NTE"].contains(&d.name.as_str())).cloned().collect();
        let known = self.reread("Appointment", &head);
        let mut parts = Vec::new();
        for service in appointment["serviceType"].items() {
            let mut drafts = vec![Draft::new("AIS")];
            let one = Value::object().with("serviceType", Value::Array(vec![service.clone()]));
            self.fill_back("Service", &one, &mut drafts);
            parts.extend(drafts);
        }
        for person in appointment["participant"].items() {
            let actor = person["actor"].str_of("reference");
            let is_patient = !actor.is_empty() && actor == self.person || actor.starts_with("Patient/");
            if is_patient
                || person["actor"].is_null()
                || known["participant"].items().iter().any(|k| same(k, person))
            {
                continue;
            }
            let (leader, block) = match person["actor"].str_of("type") {
                "Location" => ("AIL", "Place"),
                "Practitioner" => ("AIP", "Personnel"),
                _ => ("AIG", "Resource"),
            };
            let mut drafts = vec![Draft::new(leader)];
            self.fill_back(block, person, &mut drafts);
            parts.extend(drafts);
        }
        if !parts.is_empty() {
            all.drafts.push(Draft::new("RGS").with(1, "1"));
            all.drafts.extend(parts);
        }
    }

    fn left_out(&self, all: &Gathered<'s>) -> Vec<(String, usize)> {
        let mut counted: Vec<(String, usize)> = Vec::new();
        for (url, resource) in &self.entries {
            let kind = resource.resource_type();
            // An account's number stands in PID-18.
            let is_said = all.said.contains(url)
                || NAMED_ONLY.contains(&kind)
                || self.is_insured(url)
                || (NAMED_BY_OTHERS.contains(&kind) && self.is_named(url))
                || kind == "Account";
            if is_said {
                continue;
            }
            match counted.iter_mut().find(|(known, _)| known == kind) {
                Some((_, count)) => *count += 1,
                None => counted.push((kind.to_owned(), 1)),
            }
        }
        counted
    }
}

/// A resource without what its block does not fill: its type, and whom it is about.
fn without_type(resource: &Value) -> Value {
    let mut made = resource.clone();
    if let Some(object) = made.as_object_mut() {
        for key in ["resourceType", "id", "meta", "patient", "subject"] {
            object.remove(key);
        }
    }
    made
}

fn points_to(value: &Value, url: &str) -> bool {
    match value {
        Value::Object(object) => {
            object.get("reference").and_then(Value::as_str) == Some(url)
                || object.iter().any(|(_, inner)| points_to(inner, url))
        }
        Value::Array(items) => items.iter().any(|item| points_to(item, url)),
        _ => false,
    }
}

/// How many smallest values two trees have alike, at the same place.
pub(super) fn shared_leaves(a: &Value, b: &Value) -> usize {
    match (a, b) {
        (Value::Object(x), Value::Object(_)) => x.iter().map(|(k, v)| shared_leaves(v, &b[k])).sum(),
        (Value::Array(x), Value::Array(y)) => {
            x.iter().map(|v| y.iter().map(|w| shared_leaves(v, w)).max().unwrap_or(0)).sum()
        }
        (Value::Null, _) | (_, Value::Null) => 0,
        _ => usize::from(a == b),
    }
}

/// Set ids: the n-th of its name.
fn number_sets(drafts: &mut [Draft]) {
    const NUMBERED: [&str; 17] = [
        "PID", "NK1", "PV1", "AL1", "IAM", "DG1", "PR1", "GT1", "IN1", "OBR", "OBX", "SPM", "TXA", "AIS",
        "AIG", "AIL", "AIP",
    ];
    let mut counts: Vec<(String, usize)> = Vec::new();
    for draft in drafts.iter_mut() {
        if draft.name == "OBR" {
            counts.retain(|(name, _)| name != "OBX");
        }
        if !NUMBERED.contains(&draft.name.as_str()) {
            continue;
        }
        let at = counts.iter().position(|(name, _)| *name == draft.name).unwrap_or_else(|| {
            counts.push((draft.name.clone(), 0));
            counts.len() - 1
        });
        counts[at].1 += 1;
        draft.fields.insert(1, vec![vec![counts[at].1.to_string()]]);
    }
}
