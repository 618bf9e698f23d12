//! A consent as FHIR: what a FHIR R4 Consent says becomes rules, and rules become provisions (FHIR R4, consent.html; IHE PCF). Pure.
//!
//! What cannot be held is refused with the element that says it, since a Consent that is kept and not obeyed would lie.

use crate::class::{DataClass, class_of_label, class_of_type};
use crate::consent::{Consent, RULES_MAX, Recipient, Rule, Speaker};
use badiano_fhir::{Value, fhir};
use badiano_kernel::principal::Role;
use badiano_kernel::time::Span;
use badiano_kernel::{Fault, Instant, Purpose};
use badiano_mexico::naming;

/// The code system of data classes in Consent.provision.class.
pub const CLASS_SYSTEM: &str = "urn:badiano:data-class";
/// The system of roles in Consent.provision.actor.reference.identifier.
pub const ROLE_SYSTEM: &str = "urn:badiano:role";
/// The value of [`ROLE_SYSTEM`] for whoever acts in the person's place.
const REPRESENTATIVES: &str = "representative";
/// Which representative said a provision, on its way between nodes; a Consent that a person writes is their own word.
const SAID_BY: &str = "https://badiano.example/fhir/StructureDefinition/said-by";
const RESOURCE_TYPES: &str = "http://hl7.org/fhir/resource-types";
const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
/// Provisions within provisions.
const DEPTH_MAX: usize = 4;

/// What a Consent may have and still be held; what else it has is refused.
const ELEMENTS: &[&str] = &[
    "resourceType",
    "id",
    "meta",
    "language",
    "text",
    "identifier",
    "status",
    "scope",
    "category",
    "patient",
    "dateTime",
    "performer",
    "organization",
    "policy",
    "policyRule",
    "provision",
    "extension",
    "sourceReference",
    "sourceAttachment",
];
const PROVISION: &[&str] =
    &["id", "extension", "type", "period", "actor", "securityLabel", "purpose", "class", "provision"];

/// Whether a resource is a Consent about who may see what: the kind that is obeyed here.
pub fn is_about_privacy(resource: &Value) -> bool {
    let privacy = |c: &Value| c.str_of("code") == "patient-privacy";
    resource.resource_type() == "Consent" && resource["scope"]["coding"].items().iter().any(privacy)
}

/// What is said around a provision: it holds within it too.
#[derive(Clone)]
struct Frame {
    recipients: Vec<Option<Recipient>>,
    classes: Vec<Option<DataClass>>,
    purposes: Vec<Option<Purpose>>,
    from: Instant,
    to: Option<Instant>,
}

impl Frame {
    fn open() -> Self {
        Frame {
            recipients: vec![None],
            classes: vec![None],
            purposes: vec![None],
            from: Instant::from_micros(0),
            to: None,
        }
    }

    fn rules(&self, permit: bool) -> Vec<Rule> {
        let each = |class: &Option<DataClass>| {
            let class = *class;
            self.recipients.iter().flat_map(move |recipient| {
                self.purposes.iter().map(move |purpose| Rule {
                    permit,
                    class,
                    recipient: recipient.clone(),
                    purpose: *purpose,
                    from: self.from,
                    to: self.to,
                    by: None,
                })
            })
        };
        self.classes.iter().flat_map(each).collect()
    }
}

/// The rules of a Consent. `zone` reads dates that have no offset.
pub fn read(resource: &Value, zone: &str) -> Result<Consent, Fault> {
    only(resource, ELEMENTS, "Consent")?;
    match resource.str_of("status") {
        "active" => {}
        "inactive" => return Ok(Consent::default()),
        _ => return Err(refused("Consent.status", "a consent holds (active) or is withdrawn (inactive)")),
    }
    let base = base_of(&resource["policyRule"])?;
    let root = &resource["provision"];
    let mut rules = Vec::new();
    match (root.is_null(), base) {
        (true, None) => return Err(refused("Consent.provision", "nothing is permitted or refused")),
        (true, Some(true)) => {}
        (true, Some(false)) => rules.extend(Frame::open().rules(false)),
        (false, _) => read_provision(root, base, &Frame::open(), "Consent.provision", 0, zone, &mut rules)?,
    }
    // A bare permission at the root says what the law says already.
    rules.retain(|r| !(r.permit && r.class.is_none() && r.recipient.is_none() && r.purpose.is_none()));
    Ok(Consent { rules })
}

/// The rules of a list of provisions, as consents travel between nodes.
pub fn read_provisions(provisions: &Value) -> Result<Consent, Fault> {
    let mut rules = Vec::new();
    for (n, provision) in provisions.items().iter().enumerate() {
        let before = rules.len();
        read_provision(provision, None, &Frame::open(), &format!("provision[{n}]"), 1, "UTC", &mut rules)?;
        let by = said_by(provision);
        rules[before..].iter_mut().for_each(|rule| rule.by.clone_from(&by));
    }
    Ok(Consent { rules })
}

fn base_of(policy: &Value) -> Result<Option<bool>, Fault> {
    let Some(coding) = policy["coding"].items().first() else { return Ok(None) };
    match coding.str_of("code") {
        "OPTIN" => Ok(Some(true)),
        "OPTOUT" => Ok(Some(false)),
        _ => Err(refused("Consent.policyRule", "OPTIN and OPTOUT are held here")),
    }
}

fn read_provision(
    provision: &Value,
    base: Option<bool>,
    around: &Frame,
    path: &str,
    depth: usize,
    zone: &str,
    rules: &mut Vec<Rule>,
) -> Result<(), Fault> {
    only(provision, PROVISION, path)?;
    if depth > DEPTH_MAX {
        return Err(refused(path, "provisions stand too deep within each other"));
    }
    let permit = match (provision.str_of("type"), base) {
        ("permit", _) => true,
        ("deny", _) => false,
        ("", Some(base)) => base,
        _ => return Err(refused(&format!("{path}.type"), "permit or deny")),
    };
    let frame = narrowed(provision, permit, around, path, zone)?;
    rules.extend(frame.rules(permit));
    if rules.len() > RULES_MAX {
        return Err(Fault::too_costly(format!("a consent has at most {RULES_MAX} rules")).at(path));
    }
    // Of two exceptions that say equally much, the one that closes holds: it is read last.
    let mut inner: Vec<(usize, &Value)> = provision["provision"].items().iter().enumerate().collect();
    inner.sort_by_key(|(_, p)| p.str_of("type") == "deny");
    inner.into_iter().try_for_each(|(n, one)| {
        read_provision(one, None, &frame, &format!("{path}.provision[{n}]"), depth + 1, zone, rules)
    })
}

fn narrowed(p: &Value, permit: bool, around: &Frame, path: &str, zone: &str) -> Result<Frame, Fault> {
    let each = |name: &'static str| {
        p[name].items().iter().enumerate().map(move |(n, v)| (v, format!("{path}.{name}[{n}]")))
    };
    let recipients = each("actor").map(|(a, at)| recipient(a, &at)).collect::<Result<Vec<_>, _>>()?;
    let purposes = each("purpose").map(|(c, at)| purpose(c, &at)).collect::<Result<Vec<_>, _>>()?;
    let classes = each("class").map(|(c, at)| class(c, permit, &at)).collect::<Result<Vec<_>, _>>()?;
    let labels = each("securityLabel").map(|(c, at)| label(c, &at)).collect::<Result<Vec<_>, _>>()?;
    if !classes.is_empty() && !labels.is_empty() {
        return Err(refused(
            &format!("{path}.securityLabel"),
            "a label stands for a class; name one or the other",
        ));
    }
    let (from, to) = period(&p["period"], &format!("{path}.period"), zone)?;
    Ok(Frame {
        recipients: within(&around.recipients, recipients, &format!("{path}.actor"))?,
        purposes: within(&around.purposes, purposes, &format!("{path}.purpose"))?,
        classes: within(&around.classes, [classes, labels].concat(), &format!("{path}.class"))?,
        from: from.map_or(around.from, |f| f.max(around.from)),
        to: match (around.to, to) {
            (Some(outer), Some(inner)) => Some(outer.min(inner)),
            (outer, inner) => inner.or(outer),
        },
    })
}

/// What a provision names must be within what stands around it.
fn within<T: PartialEq + Clone>(
    around: &[Option<T>],
    named: Vec<T>,
    path: &str,
) -> Result<Vec<Option<T>>, Fault> {
    if named.is_empty() {
        return Ok(around.to_vec());
    }
    let named: Vec<Option<T>> = named.into_iter().map(Some).collect();
    if around.contains(&None) || named.iter().all(|n| around.contains(n)) {
        Ok(named)
    } else {
        Err(refused(path, "this is not within what the provision around it names"))
    }
}

fn recipient(actor: &Value, path: &str) -> Result<Recipient, Fault> {
    only(actor, &["id", "extension", "role", "reference"], path)?;
    let receives = |c: &Value| matches!(c.str_of("code"), "IRCP" | "PRCP");
    let role = &actor["role"]["coding"];
    if !role.items().is_empty() && !role.items().iter().any(receives) {
        return Err(refused(&format!("{path}.role"), "IRCP: who receives the information"));
    }
    let identifier = &actor["reference"]["identifier"];
    let (system, value) = (identifier.str_of("system"), identifier.str_of("value"));
    let found = match system {
        _ if value.is_empty() => None,
        naming::CLUES => Some(Recipient::Institution(value.to_owned())),
        naming::CEDULA => Some(Recipient::Professional(value.to_owned())),
        ROLE_SYSTEM if value == REPRESENTATIVES => Some(Recipient::Representatives),
        ROLE_SYSTEM => Role::from_code(value).map(Recipient::Role),
        _ => None,
    };
    let text = "name an institution by its CLUES, a professional by their cédula or a role, as an identifier";
    found.ok_or_else(|| refused(&format!("{path}.reference"), text))
}

fn purpose(coding: &Value, path: &str) -> Result<Purpose, Fault> {
    let known = Purpose::from_code(coding.str_of("code")).filter(|_| coding.str_of("system") == ACT_REASON);
    match known {
        // Emergency access and a person's own questions are not a matter of consent.
        Some(Purpose::Emergency | Purpose::PatientRequest) | None => {
            Err(refused(path, "TREAT, PUBHLTH, HRESCH or HOPERAT of v3-ActReason"))
        }
        Some(purpose) => Ok(purpose),
    }
}

fn class(coding: &Value, permit: bool, path: &str) -> Result<DataClass, Fault> {
    let code = coding.str_of("code");
    let found = match coding.str_of("system") {
        CLASS_SYSTEM => DataClass::from_code(code),
        // A type is closed with its whole class; to open it would open more than was said.
        RESOURCE_TYPES if !permit => class_of_type(code),
        _ => None,
    };
    let text = "a class of data, or to close it a type of resource";
    found.filter(|c| *c != DataClass::Public).ok_or_else(|| refused(path, text))
}

fn label(coding: &Value, path: &str) -> Result<DataClass, Fault> {
    let known = class_of_label(coding.str_of("code"));
    known.ok_or_else(|| {
        refused(path, "a label of a sensitive class (v3-ActCode: HIV, PSY, SEX, SDV and others)")
    })
}

fn period(period: &Value, path: &str, zone: &str) -> Result<(Option<Instant>, Option<Instant>), Fault> {
    if period.is_null() {
        return Ok((None, None));
    }
    only(period, &["id", "extension", "start", "end"], path)?;
    let span = |name: &str| match period[name].as_str() {
        None => Ok(None),
        Some(text) => {
            let span = Span::parse_fhir(text, zone);
            span.map(Some).ok_or_else(|| refused(&format!("{path}.{name}"), "a date or a time"))
        }
    };
    // An end that is a time is exact; one that is a day includes the day.
    let end_of = |text: &str, span: Span| if text.contains('T') { span.from } else { span.to };
    let end = span("end")?.map(|s| end_of(period.str_of("end"), s));
    Ok((span("start")?.map(|s| s.from), end))
}

fn only(value: &Value, known: &[&str], path: &str) -> Result<(), Fault> {
    let Some(object) = value.as_object() else { return Err(refused(path, "an element with parts")) };
    let other = object.iter().map(|(key, _)| key).find(|key| !known.contains(key) && !key.starts_with('_'));
    match other {
        Some(key) => Err(refused(&format!("{path}.{key}"), "this part of a consent cannot be held here")),
        None => Ok(()),
    }
}

fn refused(path: &str, text: &str) -> Fault {
    Fault::invalid(text).at(path)
}

/// Rules as Consent.provision.provision.
pub fn to_provisions(consent: &Consent) -> Value {
    Value::Array(consent.rules.iter().map(to_provision).collect())
}

fn to_provision(rule: &Rule) -> Value {
    let mut provision = fhir!({ "type": (if rule.permit { "permit" } else { "deny" }) });
    let mut period = fhir!({ "start": (rule.from.to_rfc3339()) });
    if let Some(end) = rule.to {
        period.set("end", end.to_rfc3339());
    }
    provision.set("period", period);
    if let Some(recipient) = &rule.recipient {
        let (system, value) = match recipient {
            Recipient::Institution(clues) => (naming::CLUES, clues.as_str()),
            Recipient::Professional(cedula) => (naming::CEDULA, cedula.as_str()),
            Recipient::Role(role) => (ROLE_SYSTEM, role.code()),
            Recipient::Representatives => (ROLE_SYSTEM, REPRESENTATIVES),
        };
        provision.push(
            "actor",
            fhir!({
                "role": { "coding": [{ "system": PARTICIPATION, "code": "IRCP" }] },
                "reference": { "identifier": { "system": system, "value": value } }
            }),
        );
    }
    if let Some(purpose) = rule.purpose {
        provision.push("purpose", fhir!({ "system": ACT_REASON, "code": (purpose.code()) }));
    }
    if let Some(class) = rule.class {
        provision.push("class", fhir!({ "system": CLASS_SYSTEM, "code": (class.code()) }));
    }
    if let Some(speaker) = &rule.by {
        let how = if speaker.beside { "beside" } else { "instead" };
        let mut said = fhir!({ "value": (speaker.representation.as_str()), "type": { "text": how } });
        if let Some(to) = speaker.to {
            said.set("period", fhir!({ "end": (to.to_rfc3339()) }));
        }
        provision.push("extension", fhir!({ "url": SAID_BY, "valueIdentifier": said }));
    }
    provision
}

fn said_by(provision: &Value) -> Option<Speaker> {
    let said = provision["extension"].items().iter().find(|e| e.str_of("url") == SAID_BY)?;
    let said = &said["valueIdentifier"];
    Some(Speaker {
        representation: said.str_of("value").to_owned(),
        beside: said["type"].str_of("text") == "beside",
        to: Instant::parse_rfc3339(said["period"].str_of("end")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUR: &str = "DFSSA000002";

    fn consent(provision: Value) -> Value {
        fhir!({
            "resourceType": "Consent",
            "status": "active",
            "scope": { "coding": [{ "code": "patient-privacy" }] },
            "patient": { "reference": "Patient/p" },
            "provision": (provision)
        })
    }

    fn actor(system: &str, value: &str) -> Value {
        fhir!([{ "role": { "coding": [{ "code": "IRCP" }] }, "reference": { "identifier": { "system": system, "value": value } } }])
    }

    #[test]
    fn rules_survive_the_way_through_fhir() {
        let rule = Rule {
            permit: false,
            class: Some(DataClass::Violence),
            recipient: Some(Recipient::Role(Role::Pharmacist)),
            purpose: Some(Purpose::Research),
            from: Instant::from_seconds(50),
            to: Some(Instant::from_seconds(500)),
            by: Some(Speaker {
                representation: "r1".into(),
                beside: true,
                to: Some(Instant::from_seconds(900)),
            }),
        };
        for recipient in [
            None,
            Some(Recipient::Representatives),
            Some(Recipient::Institution(SUR.into())),
            Some(Recipient::Professional("1234567".into())),
            rule.recipient.clone(),
        ] {
            let consent = Consent { rules: vec![Rule { recipient, ..rule.clone() }] };
            assert_eq!(read_provisions(&to_provisions(&consent)).ok(), Some(consent));
        }
    }

    #[test]
    fn provisions_within_provisions_narrow_them_and_several_of_a_kind_are_several_rules() {
        let reports = fhir!({ "type": "permit", "class": [{ "system": CLASS_SYSTEM, "code": "reports" }, { "system": CLASS_SYSTEM, "code": "imaging" }] });
        let root = fhir!({ "type": "deny", "actor": (actor(naming::CLUES, SUR)), "period": { "end": "2030-01" }, "provision": [(reports)] });
        let rules = read(&consent(root), "UTC").expect("it is held").rules;
        assert_eq!(rules.len(), 3);
        assert!(rules.iter().all(|r| r.recipient == Some(Recipient::Institution(SUR.into()))));
        assert!(rules.iter().all(|r| r.to == Instant::parse_rfc3339("2030-02-01T00:00:00Z")));
        assert_eq!(rules.iter().filter(|r| r.permit).count(), 2);
    }

    #[test]
    fn what_cannot_be_held_is_refused_with_its_element() {
        for (provision, place) in [
            (fhir!({ "type": "deny", "dataPeriod": { "start": "2020" } }), "Consent.provision.dataPeriod"),
            (fhir!({ "type": "deny", "code": [{ "text": "x" }] }), "Consent.provision.code"),
            (
                fhir!({ "type": "deny", "modifierExtension": [{ "url": "x" }] }),
                "Consent.provision.modifierExtension",
            ),
            (fhir!({ "type": "maybe" }), "Consent.provision.type"),
            (
                fhir!({ "type": "deny", "actor": [{ "reference": { "reference": "Organization/1" } }] }),
                "Consent.provision.actor[0].reference",
            ),
            (
                fhir!({ "type": "deny", "purpose": [{ "system": ACT_REASON, "code": "ETREAT" }] }),
                "Consent.provision.purpose[0]",
            ),
            (
                fhir!({ "type": "permit", "class": [{ "system": RESOURCE_TYPES, "code": "Observation" }] }),
                "Consent.provision.class[0]",
            ),
            (
                fhir!({ "type": "deny", "securityLabel": [{ "code": "N" }] }),
                "Consent.provision.securityLabel[0]",
            ),
            (fhir!({ "type": "deny", "period": { "end": "soon" } }), "Consent.provision.period.end"),
            (
                fhir!({ "type": "deny", "provision": [{ "type": "permit", "action": [{ "text": "x" }] }] }),
                "Consent.provision.provision[0].action",
            ),
            (
                fhir!({ "type": "deny", "actor": (actor(naming::CLUES, SUR)), "provision": [{ "type": "permit", "actor": (actor(naming::CLUES, "DFSSA000003")) }] }),
                "Consent.provision.provision[0].actor",
            ),
        ] {
            let fault = read(&consent(provision), "UTC").expect_err(place);
            assert_eq!(fault.place, place);
        }
    }
}
