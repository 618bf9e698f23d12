//! Order groups and observations written: ORC, OBR, OBX, SPM, the pharmacy's segments, and documents behind a TXA (HL7 v2.5.1
//! chapters 4, 7 and 9).

use super::Source;
use super::assembly::Gathered;
use super::draft::Draft;
use super::writing::{date, esc, unit_of};
use badiano_fhir::Value;

const MEDICATION: [&str; 4] =
    ["Immunization", "MedicationRequest", "MedicationDispense", "MedicationAdministration"];

impl<'s> Source<'s> {
    /// Full URLs of what orders, reports and medication say in their own groups.
    pub(super) fn in_groups(&self) -> Vec<&'s str> {
        let mut found = Vec::new();
        for (url, resource) in &self.entries {
            let lists: &[&str] = match resource.resource_type() {
                "ServiceRequest" => &["supportingInfo", "specimen", "reasonReference"],
                "DiagnosticReport" => &["result", "specimen"],
                "Task" | "Observation" | "Specimen" | "DocumentReference" | "Appointment" => &[],
                kind if MEDICATION.contains(&kind) => &[],
                _ => continue,
            };
            found.push(*url);
            for reference in lists.iter().flat_map(|l| resource[*l].items()) {
                found.extend(
                    self.entries.iter().map(|(u, _)| *u).filter(|u| *u == reference.str_of("reference")),
                );
            }
        }
        found
    }

    /// Observations that no order, report or medication names: behind the visit.
    pub(super) fn loose_observations(&self, all: &mut Gathered<'s>) {
        let named: Vec<&str> = self
            .entries
            .iter()
            .flat_map(|(_, r)| [&r["result"], &r["supportingInfo"]].into_iter().flat_map(Value::items))
            .map(|r| r.str_of("reference"))
            .collect();
        for (url, observation) in self.of_type("Observation") {
            let of_medication = !observation["partOf"].items().is_empty();
            if !named.contains(&url)
                && !of_medication
                && !all.said.contains(&url)
                && !self.follows_medication()
            {
                all.drafts.extend(self.observation(observation));
                all.said.push(url);
            }
        }
    }

    /// A prescription's observations point to nothing: they stand in its group.
    fn follows_medication(&self) -> bool {
        self.of_type("MedicationRequest").next().is_some()
    }

    pub(super) fn groups(&self, all: &mut Gathered<'s>) {
        let mut answered: Vec<&str> = Vec::new();
        for (url, report) in self.of_type("DiagnosticReport") {
            let order = self.entries.iter().find(|(u, r)| {
                r.resource_type() == "ServiceRequest" && *u == report["basedOn"].at(0).str_of("reference")
            });
            answered.extend(order.map(|(u, _)| *u));
            self.report(report, order.map(|(_, r)| *r), all);
            all.said.push(url);
        }
        all.said.extend(&answered);
        for (url, request) in self.of_type("ServiceRequest") {
            if answered.contains(&url) || all.said.contains(&url) {
                continue;
            }
            self.order(url, request, all);
            all.said.push(url);
        }
        for kind in MEDICATION {
            for (url, resource) in self.of_type(kind) {
                self.medication(url, resource, all);
                all.said.push(url);
            }
        }
    }

    fn order(&self, url: &'s str, request: &'s Value, all: &mut Gathered<'s>) {
        let tasks: Vec<(&str, &Value)> =
            self.of_type("Task").filter(|(_, t)| t["focus"].str_of("reference") == url).collect();
        let mut drafts = vec![Draft::new("ORC"), Draft::new("OBR")];
        if let Some((_, task)) = tasks.first() {
            self.fill_back("Task", task, &mut drafts);
        }
        self.fill_back("ServiceRequest", request, &mut drafts);
        drafts.retain(|d| !matches!(d.name.as_str(), "RF1") || !d.fields.is_empty());
        for (_, task) in tasks.iter().skip(1) {
            let mut more: Vec<Draft> = drafts.iter().filter(|d| d.name != "IPC").cloned().collect();
            self.fill_back("Task", task, &mut more);
            drafts.extend(more.into_iter().filter(|d| d.name == "IPC"));
        }
        all.said.extend(tasks.iter().map(|(u, _)| *u));
        all.drafts.extend(in_order(drafts));
        for reference in request["reasonReference"].items() {
            self.also(reference, all);
        }
        self.observed(request["supportingInfo"].items(), all);
        self.specimens(request["specimen"].items(), all);
    }

    fn report(&self, report: &'s Value, order: Option<&'s Value>, all: &mut Gathered<'s>) {
        let mut drafts = vec![Draft::new("ORC"), Draft::new("OBR")];
        self.fill_back("DiagnosticReport", report, &mut drafts);
        if let Some(order) = order {
            self.fill_back("ServiceRequest", order, &mut drafts);
        }
        drafts[0].fields.entry(1).or_insert_with(|| vec![vec!["RE".to_owned()]]);
        all.drafts.extend(in_order(drafts));
        self.observed(report["result"].items(), all);
        let said: Vec<String> = report["result"]
            .items()
            .iter()
            .filter_map(|r| self.find(r))
            .map(|o| o.str_of("valueString").to_owned())
            .collect();
        let conclusion = report.str_of("conclusion");
        if !conclusion.is_empty() && !said.iter().any(|s| conclusion.contains(s.as_str()) && !s.is_empty()) {
            let code = vec!["19005-8".to_owned(), "Conclusion".to_owned(), "LN".to_owned()];
            let mut line = Draft::new("OBX").with(2, "FT").with(5, &esc(conclusion)).with(11, "F");
            line.fields.insert(3, vec![code]);
            all.drafts.push(line);
        }
        for file in report["presentedForm"].items() {
            all.drafts.push(file_line(file));
        }
        self.specimens(report["specimen"].items(), all);
    }

    fn medication(&self, url: &'s str, resource: &'s Value, all: &mut Gathered<'s>) {
        let kind = resource.resource_type();
        let code = self.code().to_owned();
        let rules = self.tables.rules().iter().filter(|r| r.order && r.resource == kind);
        let mut rules = rules.filter(|r| r.kinds.is_empty() || r.kinds.contains(&code));
        let Some(rule) = rules.next() else { return };
        let mut drafts = vec![Draft::new("ORC"), Draft::new(&rule.leader)];
        self.fill_back(&rule.block, resource, &mut drafts);
        // The other kinds of leader of the same resource would make it another one.
        let others: Vec<&str> = self
            .tables
            .rules()
            .iter()
            .filter(|r| r.order && r.leader != rule.leader)
            .map(|r| r.leader.as_str())
            .collect();
        drafts.retain(|d| !others.contains(&d.name.as_str()) || d.name == rule.leader);
        drafts[0].fields.entry(1).or_insert_with(|| vec![vec!["RE".to_owned()]]);
        all.drafts.extend(in_order(drafts));
        for (part, observation) in self.of_type("Observation") {
            let of_it = observation["partOf"].items().iter().any(|p| p.str_of("reference") == url);
            let follows = kind == "MedicationRequest" && observation["partOf"].items().is_empty();
            if (of_it || follows) && !all.said.contains(&part) {
                all.drafts.extend(self.observation(observation));
                all.said.push(part);
            }
        }
    }

    fn also(&self, reference: &Value, all: &mut Gathered<'s>) {
        let target = reference.str_of("reference");
        let Some((url, resource)) = self.entries.iter().find(|(u, _)| *u == target) else { return };
        if let Some(drafts) = self.best_single(url, resource).filter(|_| !all.said.contains(url)) {
            all.drafts.extend(drafts);
            all.said.push(url);
        }
    }

    fn observed(&self, references: &[Value], all: &mut Gathered<'s>) {
        for reference in references {
            let target = reference.str_of("reference");
            let found = self.find(reference).filter(|r| r.resource_type() == "Observation");
            let Some(observation) = found else { continue };
            all.drafts.extend(self.observation(observation));
            all.said.extend(self.entries.iter().map(|(u, _)| *u).filter(|u| *u == target));
        }
    }

    fn specimens(&self, references: &[Value], all: &mut Gathered<'s>) {
        for reference in references {
            let target = reference.str_of("reference");
            let Some(specimen) = self.find(reference) else { continue };
            if let Some((url, _)) = self.entries.iter().find(|(u, _)| *u == target) {
                if all.said.contains(url) {
                    continue;
                }
                all.said.push(url);
            }
            // One that OBR-15 tells whole needs no segment of its own.
            if let Some(request) = all.drafts.iter().rposition(|d| d.name == "OBR") {
                let mut source = vec![all.drafts[request].clone()];
                self.fill_back("SpecimenSource", specimen, &mut source);
                let again = self.reread("SpecimenSource", &source);
                let own = |v: &Value| super::assembly::shared_leaves(v, specimen);
                let whole = own(&again) + 2 >= own(specimen);
                if whole && source.len() == 1 && specimen["identifier"].is_null() {
                    all.drafts[request] = source.swap_remove(0);
                    continue;
                }
            }
            let mut drafts = vec![Draft::new("SPM")];
            self.fill_back("Specimen", specimen, &mut drafts);
            all.drafts.extend(drafts);
        }
    }

    /// OBX with its value and notes.
    pub(super) fn observation(&self, observation: &Value) -> Vec<Draft> {
        let mut line = Draft::new("OBX");
        let parts: Vec<_> = observation["component"].items().iter().filter_map(|c| self.value(c)).collect();
        if let Some((kind, _, unit)) = parts.first().cloned() {
            // Components under the code of the whole are several values of one OBX.
            line.fields.insert(2, vec![vec![kind.to_owned()]]);
            line.fields
                .insert(5, parts.into_iter().filter(|(k, ..)| *k == kind).map(|(_, v, _)| v).collect());
            if !unit.is_empty() {
                line.fields.insert(6, vec![unit]);
            }
        }
        if let Some((kind, value, unit)) = self.value(observation) {
            line.fields.insert(2, vec![vec![kind.to_owned()]]);
            line.fields.insert(5, vec![value]);
            if !unit.is_empty() {
                line.fields.insert(6, vec![unit]);
            }
        }
        let mut drafts = vec![line];
        self.fill_back("Observation", observation, &mut drafts);
        drafts
    }

    /// OBX-2, OBX-5 and OBX-6.
    fn value(&self, of: &Value) -> Option<(&'static str, Vec<String>, Vec<String>)> {
        let none = Vec::new;
        let number = |q: &Value| q["value"].as_number().unwrap_or("").to_owned();
        let quantity = &of["valueQuantity"];
        if let Some(plain) = quantity["value"].as_number() {
            let comparator = quantity.str_of("comparator");
            return Some(if comparator.is_empty() {
                ("NM", vec![plain.to_owned()], unit_of(quantity))
            } else {
                ("SN", vec![comparator.to_owned(), plain.to_owned()], unit_of(quantity))
            });
        }
        let range = &of["valueRange"];
        if !range.is_null() {
            let value = vec![String::new(), number(&range["low"]), "-".to_owned(), number(&range["high"])];
            return Some(("SN", value, unit_of(&range["low"])));
        }
        let period = &of["valuePeriod"];
        if !period.is_null() {
            let value = vec![date(period.str_of("start")), date(period.str_of("end"))];
            return Some(("DR", value, none()));
        }
        let ratio = &of["valueRatio"];
        if !ratio.is_null() {
            let value = vec![
                String::new(),
                number(&ratio["numerator"]),
                ":".to_owned(),
                number(&ratio["denominator"]),
            ];
            return Some(("SN", value, unit_of(&ratio["numerator"])));
        }
        if let Some(value) = self.concept(&of["valueCodeableConcept"]) {
            return Some(("CWE", value, none()));
        }
        if !of.str_of("valueDateTime").is_empty() {
            return Some(("DTM", vec![date(of.str_of("valueDateTime"))], none()));
        }
        if !of.str_of("valueTime").is_empty() {
            return Some(("TM", vec![of.str_of("valueTime").replace(':', "")], none()));
        }
        if let Some(yes) = of["valueBoolean"].as_bool() {
            return Some(("ST", vec![if yes { "Y" } else { "N" }.to_owned()], none()));
        }
        if let Some(whole) = of["valueInteger"].as_number() {
            return Some(("NM", vec![whole.to_owned()], none()));
        }
        let text = of.str_of("valueString");
        (!text.is_empty()).then(|| (if text.contains('\n') { "FT" } else { "ST" }, vec![esc(text)], none()))
    }

    pub(super) fn documents(&self, all: &mut Gathered<'s>) {
        for (url, document) in self.of_type("DocumentReference") {
            let mut drafts = vec![Draft::new("TXA")];
            self.fill_back("DocumentReference", document, &mut drafts);
            drafts.retain(|d| d.name == "TXA");
            all.drafts.extend(drafts);
            for content in document["content"].items() {
                let file = &content["attachment"];
                let is_text = file.str_of("contentType").starts_with("text/plain");
                let text = if is_text { unbase64(file.str_of("data")) } else { None };
                match text {
                    Some(text) => {
                        let mut line = Draft::new("OBX").with(2, "TX").with(5, &esc(&text)).with(11, "F");
                        line.fields.insert(3, vec![vec![String::new(), "Texto".to_owned()]]);
                        all.drafts.push(line);
                    }
                    None if file.str_of("data").is_empty() && file.str_of("url").is_empty() => {}
                    None => all.drafts.push(file_line(file)),
                }
            }
            all.said.push(url);
        }
    }
}

/// An attachment as an OBX of type ED, or RP where it is elsewhere.
fn file_line(file: &Value) -> Draft {
    let (kind, subtype) = file.str_of("contentType").split_once('/').unwrap_or(("", ""));
    let mut line = Draft::new("OBX").with(11, "F");
    line.fields.insert(3, vec![vec![String::new(), esc(file.str_of("title"))]]);
    let url = file.str_of("url");
    if url.is_empty() {
        line.fields.insert(2, vec![vec!["ED".to_owned()]]);
        let data =
            vec![String::new(), esc(kind), esc(subtype), "Base64".to_owned(), esc(file.str_of("data"))];
        line.fields.insert(5, vec![data]);
    } else {
        line.fields.insert(2, vec![vec!["RP".to_owned()]]);
        line.fields.insert(5, vec![vec![esc(url), String::new(), esc(kind), esc(subtype)]]);
    }
    line
}

/// ORC before all, what details it behind, notes where they belong to the request.
fn in_order(drafts: Vec<Draft>) -> Vec<Draft> {
    const ORDER: [&str; 14] =
        ["ORC", "RF1", "RXO", "RXE", "RXD", "RXG", "RXA", "OBR", "TQ1", "RXR", "NTE", "ZDS", "IPC", "OBX"];
    let rank = |d: &Draft| ORDER.iter().position(|n| *n == d.name).unwrap_or(ORDER.len());
    let mut sorted: Vec<Draft> =
        drafts.into_iter().filter(|d| !d.fields.is_empty() || d.name == "ORC").collect();
    sorted.sort_by_key(rank);
    sorted
}

/// Text of base64 that is UTF-8.
fn unbase64(data: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(data.len() * 3 / 4);
    let (mut word, mut bits) = (0_u32, 0);
    for sign in data.bytes().filter(|b| !b.is_ascii_whitespace() && *b != b'=') {
        let six = match sign {
            b'A'..=b'Z' => sign - b'A',
            b'a'..=b'z' => sign - b'a' + 26,
            b'0'..=b'9' => sign - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        word = (word << 6) | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((word >> bits) & 0xFF).ok()?);
        }
    }
    String::from_utf8(bytes).ok().filter(|t| !t.is_empty())
}
