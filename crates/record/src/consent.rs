//! Consent as a citizen gives and withdraws it, compiled to a decision of a few comparisons (IHE PCF; house, invariant 3). Pure.

use crate::class::{DataClass, SENSITIVE};
use badiano_fhir::{Value, fhir};
use badiano_kernel::{Instant, Purpose};

/// One sentence of a consent. An absent field means "any".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub permit: bool,
    pub class: Option<DataClass>,
    /// CLUES of the institution that asks.
    pub recipient: Option<String>,
    pub purpose: Option<Purpose>,
    pub from: Instant,
    pub to: Option<Instant>,
}

/// What is to be decided. `source` is the institution that recorded the data.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub recipient: &'a str,
    pub source: &'a str,
    pub purpose: Purpose,
    /// Mask of data classes.
    pub classes: u64,
    pub now: Instant,
}

/// All rules of one person, in the order in which they were given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Consent {
    pub rules: Vec<Rule>,
}

impl Rule {
    fn speaks_to(&self, class: DataClass, q: &Question<'_>) -> bool {
        self.class.is_none_or(|c| c == class)
            && self.recipient.as_deref().is_none_or(|r| r == q.recipient)
            && self.purpose.is_none_or(|p| p == q.purpose)
            && self.from <= q.now
            && self.to.is_none_or(|end| q.now < end)
    }

    /// More exactly said outranks more generally said.
    fn weight(&self) -> u8 {
        u8::from(self.recipient.is_some()) * 4
            + u8::from(self.class.is_some()) * 2
            + u8::from(self.purpose.is_some())
    }

    /// The rule as a FHIR Consent provision.
    pub fn to_provision(&self) -> Value {
        let mut provision = fhir!({ "type": (if self.permit { "permit" } else { "deny" }) });
        let mut period = fhir!({ "start": (self.from.to_rfc3339()) });
        if let Some(end) = self.to {
            period.set("end", end.to_rfc3339());
        }
        provision.set("period", period);
        if let Some(recipient) = &self.recipient {
            let identifier =
                fhir!({ "system": (badiano_mexico::naming::CLUES), "value": (recipient.as_str()) });
            provision.push(
                "actor",
                fhir!({
                    "role": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP" }] },
                    "reference": { "identifier": identifier }
                }),
            );
        }
        if let Some(purpose) = self.purpose {
            provision.push("purpose", fhir!({ "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": (purpose.code()) }));
        }
        if let Some(class) = self.class {
            provision.push("class", fhir!({ "system": CLASS_SYSTEM, "code": (class.code()) }));
        }
        provision
    }

    /// Reads what [`Rule::to_provision`] writes; nothing when a part says more than the engine can keep.
    pub fn from_provision(provision: &Value) -> Option<Self> {
        let permit = match provision.str_of("type") {
            "permit" => true,
            "deny" => false,
            _ => return None,
        };
        let known = ["type", "period", "actor", "purpose", "class"];
        let all_known = provision.as_object()?.iter().all(|(key, _)| known.contains(&key));
        let single = |key: &str| provision[key].items().len() <= 1;
        if !all_known || !single("actor") || !single("purpose") || !single("class") {
            return None;
        }
        let time = |key: &str| provision["period"][key].as_str().map(Instant::parse_rfc3339);
        let optional = |key: &str| provision[key].items().first();
        Some(Rule {
            permit,
            class: match optional("class") {
                Some(c) => Some(DataClass::from_code(c.str_of("code"))?),
                None => None,
            },
            recipient: match optional("actor") {
                Some(a) => Some(a["reference"]["identifier"]["value"].as_str()?.to_owned()),
                None => None,
            },
            purpose: match optional("purpose") {
                Some(p) => Some(Purpose::from_code(p.str_of("code"))?),
                None => None,
            },
            from: time("start").unwrap_or(Some(Instant::from_micros(0)))?,
            to: match time("end") {
                Some(end) => Some(end?),
                None => None,
            },
        })
    }
}

/// The code system of data classes in Consent.provision.class.
pub const CLASS_SYSTEM: &str = "urn:badiano:data-class";

impl Consent {
    /// Whether data of these classes may go to the recipient. Every class must be open.
    pub fn permits(&self, q: &Question<'_>) -> bool {
        DataClass::ALL
            .into_iter()
            .filter(|c| q.classes & c.bit() != 0)
            .all(|class| self.permits_class(class, q))
    }

    fn permits_class(&self, class: DataClass, q: &Question<'_>) -> bool {
        if class == DataClass::Public {
            return true;
        }
        // The last of the weightiest rules that speak to the question decides.
        let spoken = self.rules.iter().filter(|r| r.speaks_to(class, q)).max_by_key(|r| r.weight());
        match spoken {
            // What an institution itself recorded stays with its own staff unless the citizen names it.
            Some(rule) if !rule.permit && q.recipient == q.source => rule.recipient.is_none(),
            Some(rule) => rule.permit,
            None => default_by_law(class, q),
        }
    }

    /// The consent as FHIR Consent provisions.
    pub fn to_provisions(&self) -> Value {
        Value::Array(self.rules.iter().map(Rule::to_provision).collect())
    }

    pub fn from_provisions(provisions: &Value) -> Option<Self> {
        let rules = provisions.items().iter().map(Rule::from_provision).collect::<Option<Vec<_>>>()?;
        Some(Consent { rules })
    }
}

/// Where the citizen has said nothing: care is open, sensitive classes stay where they were recorded, all else is closed.
fn default_by_law(class: DataClass, q: &Question<'_>) -> bool {
    if q.recipient == q.source {
        return matches!(q.purpose, Purpose::Treatment | Purpose::Operations);
    }
    q.purpose == Purpose::Treatment && class.bit() & SENSITIVE == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const NORTE: &str = "DFSSA000001";
    const SUR: &str = "DFSSA000002";

    fn asks(recipient: &str, classes: u64) -> Question<'_> {
        Question {
            recipient,
            source: NORTE,
            purpose: Purpose::Treatment,
            classes,
            now: Instant::from_seconds(100),
        }
    }

    fn withdrawn(recipient: Option<&str>, class: Option<DataClass>) -> Rule {
        Rule {
            permit: false,
            class,
            recipient: recipient.map(str::to_owned),
            purpose: None,
            from: Instant::from_seconds(50),
            to: None,
        }
    }

    #[test]
    fn care_is_open_and_sensitive_classes_are_not() {
        let silent = Consent::default();
        assert!(silent.permits(&asks(SUR, DataClass::Imaging.bit())));
        assert!(!silent.permits(&asks(SUR, DataClass::Imaging.bit() | DataClass::Hiv.bit())));
        assert!(silent.permits(&asks(NORTE, DataClass::Hiv.bit())));
        assert!(
            !silent.permits(&Question { purpose: Purpose::Research, ..asks(SUR, DataClass::Imaging.bit()) })
        );
    }

    #[test]
    fn a_withdrawal_closes_one_class_for_one_institution_and_nothing_else() {
        let consent = Consent { rules: vec![withdrawn(Some(SUR), Some(DataClass::Imaging))] };
        assert!(!consent.permits(&asks(SUR, DataClass::Imaging.bit())));
        assert!(consent.permits(&asks(SUR, DataClass::Reports.bit())));
        assert!(consent.permits(&asks("DFSSA000003", DataClass::Imaging.bit())));
        assert!(consent.permits(&asks(NORTE, DataClass::Imaging.bit())));
    }

    #[test]
    fn a_later_grant_outranks_the_withdrawal_before_it() {
        let mut consent = Consent { rules: vec![withdrawn(Some(SUR), Some(DataClass::Imaging))] };
        consent.rules.push(Rule {
            permit: true,
            from: Instant::from_seconds(60),
            ..consent.rules[0].clone()
        });
        assert!(consent.permits(&asks(SUR, DataClass::Imaging.bit())));
    }

    #[test]
    fn closing_everything_leaves_the_recording_institution_its_own_work() {
        let consent = Consent { rules: vec![withdrawn(None, None)] };
        assert!(!consent.permits(&asks(SUR, DataClass::Reports.bit())));
        assert!(consent.permits(&asks(NORTE, DataClass::Reports.bit())));
        let named = Consent { rules: vec![withdrawn(Some(NORTE), None)] };
        assert!(!named.permits(&asks(NORTE, DataClass::Reports.bit())));
    }

    #[test]
    fn a_rule_survives_the_way_through_fhir_and_what_cannot_be_kept_is_refused() {
        let rule = withdrawn(Some(SUR), Some(DataClass::Imaging));
        assert_eq!(Rule::from_provision(&rule.to_provision()), Some(rule.clone()));
        let more = rule.to_provision().with("dataPeriod", fhir!({ "start": "2020" }));
        assert_eq!(Rule::from_provision(&more), None);
    }
}
